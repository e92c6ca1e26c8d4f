/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that an edit may write to, and what it meant before and after.
 *
 * It is pages with contents, and tables: a pool of memory for new ones,
 * and those that its roots reach.  A page is FZ_PAGE bytes of memory; it
 * is copied when it is touched first in an edit, so that there are two views of
 * memory: before and now.  A table has the size that the format gives those of
 * its level: several may be in one page, or one in several. */
#ifndef PTW_FUZZ_MEMORY_H
#define PTW_FUZZ_MEMORY_H

#include "harness.h"

enum {
    FM_POOL = 192,  /* pages of the pool; they come first */
    FM_PAGES = 384, /* all pages, where the unit of memory is one */
    FM_LARGER = 4,  /* pages of a larger unit that are kept */
    FM_MOST_PAGES = FM_PAGES * FM_LARGER,
    FM_TABLES = FM_PAGES + FZ_ROOTS,
    FM_INDEX_LOG2 = 12,
    FM_INDEX = 1 << FM_INDEX_LOG2,
    FM_ROOTS = FZ_ROOTS,
    FM_ENTRIES = 200000, /* that one comparison looks at */
};

enum fm_state {
    FM_OF_GUEST, /* none of the pool, or one that is a table from the start
                    on */
    FM_FREE,
    FM_TAKEN,
    FM_GIVEN, /* a table of the case that was given back or moved away */
};

struct fm_region {
    uint64_t first;
    uint64_t last;
    bool readable;
    bool writable;
    int host; /* its first page, if all of them stand behind each other; or -1 */
};

struct fm_page {
    uint64_t frame;
    bool copied; /* there is another view of it from before */
};

struct fm_table {
    uint64_t pa;
    uint64_t bytes; /* the most that it has, at the levels where it was met */
    enum fm_state state;
    bool moved;    /* it is where a table moved to */
    bool linked;   /* before: some root reaches it */
    bool reached;  /* now: the same */
    bool stock;    /* in the chain of spare tables */
    bool asked;    /* in this edit it was asked to move, or is new */
    uint32_t refs; /* how many entries and roots refer to it */
    /* below it at that level: 0 unknown, 1 no, 2 yes */
    uint8_t dirt[ORACLE_MOST_LEVELS];
};

/* What has that key: 1 + its number, by its key; an open hash table. */
struct fm_index {
    uint16_t at[FM_INDEX];
};

struct fm {
    const struct ptw_regime *regime;
    unsigned levels;
    unsigned entry_bytes;
    const struct oracle_mode *mode;
    uint64_t table_bytes[ORACLE_MOST_LEVELS]; /* of a table of each level */
    uint64_t size[ORACLE_MOST_LEVELS]; /* the same, each once, ascending */
    unsigned sizes;
    const struct fz_case *guest; /* whose memory is a part of it, or NULL */
    struct fm_region region[FZ_REGIONS + 2];
    unsigned regions;
    uint64_t pool;        /* where it begins */
    unsigned pool_pages;  /* their contents are written when they are taken */
    unsigned pool_tables; /* of the largest size; the first tables */
    uint64_t pool_bytes;  /* the size of one */
    unsigned pool_next;
    struct fm_page page[FM_MOST_PAGES];
    unsigned pages;
    unsigned most_pages;
    struct fm_table table[FM_TABLES];
    unsigned tables;
    struct fm_index page_index;
    struct fm_index table_index;
    uint8_t (*bytes)[FZ_PAGE];
    uint8_t (*old)[FZ_PAGE];
    uint64_t root[FM_ROOTS];
    bool rooted[FM_ROOTS]; /* it is one */
    unsigned roots;
    uint64_t read_frame; /* the last that was read */
    int read_page;
    bool read_known;
    bool overflow; /* there are more pages or tables than can be kept */
};

/* What there is at some addresses of a space. */
enum fm_kind { FM_NONE, FM_LEAF, FM_TABLE };

struct fm_node {
    enum fm_kind kind;
    uint64_t pa;
    uint64_t raw;    /* leaf, none: the entry; else the one that leads here */
    unsigned rights; /* effective */
    unsigned level;  /* leaf: of the table that holds it */
    bool real;       /* raw is an entry of this level, not of one above */
    bool present;    /* none: raw has an entry all the same, or can't be read */
    int page;        /* table: its first; -1 when that has no contents */
    bool whole;      /* all of it can be read */
};

/* What a range is supposed to have become. */
enum fm_want {
    FM_SAME,
    FM_MAPPED,
    FM_UNMAPPED,
    FM_PROTECTED,
    FM_ANYTHING,
    FM_NO_MORE, /* rebuilt without PTW_EDIT_EXACT: nothing is wider */
};

struct fm_change {
    enum fm_want want;
    uint64_t first; /* offsets: addresses without sign extension */
    uint64_t last;
    uint64_t pa;
    unsigned rights;
    bool copy_on_write;
    struct ptw_attributes attributes;
    /* if not 0: of [first, last] only pages of that size, */
    uint64_t page_bytes;
    uint64_t apart;              /* the first of each so many */
    const uint64_t *table_flags; /* flag bits of entries that lead to new
                                    tables, or NULL: any */
    unsigned table_rights;       /* that those grant, whatever else */
    const char *what;
};

/* One comparison of a space, as it was in one machine, with it as it is in
 * another (or the same). */
struct fm_compare {
    const struct fm *was;
    const struct fm *is;
    bool one; /* both are one machine, whose copies are the view from before */
    bool rebuilt; /* tables may be anywhere, bad entries are holes */
    const struct fm_change *change;
    uint64_t left; /* entries */
    uint64_t end;  /* offsets beyond this are not compared */
    bool runs; /* a run stands for its leaves: accessed, dirty and global are
                  those of the first */
    unsigned need; /* a leaf that does not grant these rights was left out */
};

/* fm_init starts with no memory.  contents and before have room for
 * FM_MOST_PAGES each. */
void fm_init(struct fm *m, const struct fz_case *w,
             uint8_t (*contents)[FZ_PAGE], uint8_t (*before)[FZ_PAGE]);

/* fm_add_case adds the memory and the roots of an input; a bit each of readonly
 * is a region.  direct: the pages of a region that is small and can be read
 * stand behind each other, as host memory. */
void fm_add_case(struct fm *m, const struct fz_case *w, unsigned readonly,
                 bool direct);

/* fm_touch_host touches all memory that is the host's: what is written there is
 * not seen when it is written. */
void fm_touch_host(struct fm *m);

/* fm_beyond finds a byte that changed beside the memory that is the host's, or,
 * unless who moves tables writes there, in a part of it that is read-only. */
bool fm_beyond(const struct fm *m, bool moves, uint64_t *pa);

/* fm_find returns the page of that frame, fm_table the table at pa, or -1. */
int fm_find(const struct fm *m, uint64_t frame);
int fm_table(const struct fm *m, uint64_t pa);

/* The same, made if it is not there; -1 when there is no room. */
int fm_page_for(struct fm *m, uint64_t frame);
int fm_table_for(struct fm *m, uint64_t pa);

/* fm_over goes through the tables that have the byte at pa: *size is 0 at
 * first.  Returns -1 after the last one. */
int fm_over(const struct fm *m, uint64_t pa, uint64_t *size);

/* fm_table_bytes returns the size of a table that is used at that level. */
uint64_t fm_table_bytes(const struct fm *m, unsigned level);

const struct fm_region *fm_region_of(const struct fm *m, uint64_t pa,
                                     uint64_t bytes);

/* fm_refuses: a byte of those, which one region has, refuses to be read. */
bool fm_refuses(const struct fm *m, uint64_t pa, uint64_t bytes);

/* fm_touches: some region has one of so many bytes at pa. */
bool fm_touches(const struct fm *m, uint64_t pa, uint64_t bytes);

/* fm_load returns n bytes at pa, little-endian: zeros where no page is. */
uint64_t fm_load(const struct fm *m, bool before, uint64_t pa, unsigned n);

/* fm_store writes n bytes where there are pages, and touches these. */
void fm_store(struct fm *m, uint64_t pa, unsigned n, uint64_t value);

/* fm_read reads what a callback is asked for; false: refused. */
bool fm_read(struct fm *m, uint64_t pa, unsigned n, uint64_t *out);

/* fm_begin starts an edit: the view of before is that of now. */
void fm_begin(struct fm *m);
void fm_touch(struct fm *m, unsigned page);

/* fm_touch_range does that to all pages of so many bytes at pa. */
void fm_touch_range(struct fm *m, uint64_t pa, uint64_t bytes);

/* fm_changed: a byte of those differs from before; *at is where. */
bool fm_changed(const struct fm *m, uint64_t pa, uint64_t bytes, uint64_t *at);

/* fm_reach finds out which tables there are now, and what of them changed. */
void fm_reach(struct fm *m);

/* fm_two_levels: some table is one at two levels now. */
bool fm_two_levels(const struct fm *m);

/* fm_overlaps: a table is a part of another one. */
bool fm_overlaps(const struct fm *m);

/* fm_same_bytes: no byte changed that was of a table or of the case.  fm_stray:
 * a byte changed that was of the case, and of no table. */
bool fm_same_bytes(const struct fm *m, uint64_t *pa);
bool fm_stray(const struct fm *m, uint64_t *pa);

/* fm_compare_spaces fails with what differs. */
void fm_compare_spaces(struct fm_compare *c, uint64_t was, uint64_t is);

/* fm_loses: of the tables that a space's entries of that level lead to, from
 * first to last, one with something in it would be lost with them: no other
 * entry leads there (or, unless it has to be sure, there are too many to be).  It
 * is sure only of what is present in them. */
bool fm_loses(const struct fm *m, unsigned space, unsigned level,
              uint64_t first, uint64_t last, bool surely);

/* fm_withholds: some table on the way to an address from first to last does not
 * grant all of these rights (or there are too many tables to be sure). */
bool fm_withholds(const struct fm *m, uint64_t root, uint64_t first,
                  uint64_t last, unsigned rights);

/* fm_left_empty: below the root, on the way to an address from first to last,
 * there is a table that can be read and has no entry that is present; *pa is
 * where. */
bool fm_left_empty(const struct fm *m, uint64_t root, uint64_t first,
                   uint64_t last, uint64_t *pa);

/* A space from its root, and what entry i of a table of that level, or of what
 * stands for one, says. */
struct fm_node fm_open_root(const struct fm *m, uint64_t root);
struct fm_node fm_child(const struct fm *m, bool before,
                        const struct fm_node *n, unsigned level, unsigned i);

/* fm_at returns what the entry of a table of that level says about va. */
struct fm_node fm_at(const struct fm *m, bool before, uint64_t root,
                     uint64_t va, unsigned level);

/* fm_at_from does it from a root of a space with so many levels, which is itself
 * the answer where that is the level. */
struct fm_node fm_at_from(const struct fm *m, bool before, unsigned levels,
                          uint64_t root, uint64_t va, unsigned level);

#endif
