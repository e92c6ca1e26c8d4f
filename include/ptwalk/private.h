/* SPDX-License-Identifier: Apache-2.0 */
/* The private structs of the library.
 *
 * The caller owns the storage of the library's objects, so the compiler has to
 * know their sizes: for that alone the structs are here.  Their members change
 * without notice.  A few are for the caller to read: the comment of the object,
 * in the header of its calls, names them. */
#ifndef PTWALK_PRIVATE_H
#define PTWALK_PRIVATE_H

#include "ptwalk/item.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_arch;
struct ptw_mem_ops;
struct ptw_memo_slot;

/* A part of memory that can be read directly: offsets below entries_end hold a
 * whole entry. */
struct ptw_region_cache {
    uint64_t first;
    uint64_t entries_end;
    const unsigned char *host;
    bool writable;
};

/* How an address of fewer bits than 64 goes on above them, and so where the gap
 * is: the addresses that no table maps. */
enum ptw_extension {
    PTW_EXTEND_ZEROS, /* with zeros: the gap is above */
    PTW_EXTEND_ONES,  /* with ones: it is below */
    PTW_EXTEND_SIGN   /* with the highest bit: it is in the middle */
};

/* What is fixed for one level of one regime. */
struct ptw_level_rule {
    uint64_t table_reserved; /* bits that are 0 in a valid entry of a table */
    uint64_t leaf_reserved;  /* the same for a leaf */
    uint64_t leaf_address;   /* where a leaf holds its address */
    uint64_t leaf_pa;        /* addresses that a leaf can hold */
    uint64_t alike;          /* bits that neighbours of a run must share */
    uint64_t turned;         /* see table_address of the format */
    uint64_t no_table;
    bool leaf; /* an entry can be a leaf */
};

/* A regime: an architecture, a paging mode and its parameters. */
struct ptw_regime {
    const struct ptw_arch *arch;
    enum ptw_arch_id id;
    unsigned pa_bits;   /* width of a physical address */
    unsigned va_bits;   /* width of a virtual address that is translated */
    unsigned features;  /* a set of the family's: PTW_X86_NX ... */
    unsigned rights;    /* a set of enum ptw_right: those that there are, */
    unsigned granted;   /* and those that every present entry grants */
    unsigned facts;     /* of struct ptw_cpu; what they mean is the family's */
    uint64_t flag_bits; /* of struct ptw_cpu */
    uint64_t kept[2]; /* registers that entries are judged by, if the family has
                           such */
    /* These three count only where the format has no width of its own. */
    enum ptw_extension extension;
    unsigned top;       /* level of the root */
    unsigned top_bits;  /* log2 of its number of entries */
    unsigned root_log2; /* of the alignment of a root */
    uint64_t root_pa;   /* addresses that a root can have, */
    uint64_t no_root;   /* and all other bits */
    uint64_t root_last; /* index of its last entry */
    uint64_t gap_first; /* addresses that no table maps: where they start, */
    uint64_t gap_bytes; /* and how many there are */
    uint64_t table_pa;  /* addresses that a table can have */
    uint64_t linear;    /* low bits of an address: within them the entries
                               of pages that follow each other are equally far
                               apart */
    struct ptw_level_rule rule[PTW_MAX_LEVELS];
    uint64_t no_page; /* bits that no address of a smallest page has */
    /* A leaf of the smallest size with those rights, without attributes and
     * address; 0: there is none, or the roots are not like other tables. */
    uint64_t page[PTW_ALL_RIGHTS + 1];
    char name[32]; /* if it is not just the architecture's */
    /* What a family keeps to decode entries quickly. */
    uint64_t moved;    /* bits of an entry with a part of its address, */
    unsigned moved_up; /* which stands there so much lower, */
    uint64_t unmoved;  /* and with the other part of that of a table */
    uint8_t own[2]
               [16]; /* rights of an entry that leads to a table and of a leaf,
                           by four of its bits */
    /* What a sweep of leaves of level 0 needs; all follows from the rest. */
    uint64_t plain_address; /* bits of a leaf that hold its address, but for
                               those of `moved`; as a number it is to be */
    uint64_t plain_by;      /* multiplied by this, and that of `moved` */
    uint64_t moved_by;      /* by this */
    uint64_t plain_alike; /* leaves alike in these bits differ in no right, kind
                             or type */
    unsigned plain_up;    /* log2 of plain_by */
    unsigned vectors;     /* the host's vectors that it uses; 0: none */
};

/* An accessor. */
struct ptw_mem {
    const struct ptw_region *region; /* ascending; NULL: only the one below */
    size_t regions;
    struct ptw_region flat;
    struct ptw_region_cache cache; /* where a lookup tries first */
    const struct ptw_mem_ops *ops;
    void *ctx;
    bool stopped;
};

/* The memo of tables that were entered. */
struct ptw_memo {
    struct ptw_memo_slot *slot;
    size_t slots_log2;
    size_t used;
    uint64_t seed;
};

/* Tables that were copied. */
struct ptw_remembered {
    const struct ptw_mem *mem;
    uint64_t *copies;
    size_t table_bytes; /* of each */
    size_t room;
    size_t used;
};

/* The tables of the path that a walk is in. */
struct ptw_path_table {
    uint64_t table;   /* its physical address */
    const void *host; /* its bytes, where they can be borrowed */
    uint64_t base;    /* first offset that it covers */
    uint64_t raw;     /* the entry last read */
    unsigned rights;  /* of the path that leads here */
    uint16_t index;   /* the entry that is next */
    uint16_t last;    /* the last one within the range */
    uint16_t fetched; /* entries below this one were fetched */
};

/* The state of one descent. */
struct ptw_cursor {
    const struct ptw_regime *regime;
    const struct ptw_mem *mem;
    struct ptw_memo *memo; /* NULL: follow; else a table seen is a reference */
    struct ptw_remembered *remembered; /* or NULL */
    uint64_t first; /* the range, as offsets: addresses without sign */
    uint64_t last;
    uint64_t reads_left;
    uint64_t tables;
    uint64_t unread;  /* of these: roots of which nothing is walked */
    uint64_t seen_va; /* of an alias: where the owner has it */
    uint32_t seen_by; /* and who that is */
    uint32_t number;  /* of the table just entered, or of that of the alias */
    uint32_t space;
    unsigned need;      /* of entries that lead to tables */
    unsigned need_leaf; /* of paths with their leaf */
    int level;          /* of the table that is read next; -1: there is none */
    unsigned top;       /* level of the table that the path starts with */
    bool remark;        /* remarks are wanted */
    bool list;          /* tables are items */
    unsigned listed;    /* tables of a lower level than this one are */
    uint8_t told_apart; /* rights by which the memo tells paths apart */
    uint8_t told_as;    /* and what it tells spaces apart by */
    bool self;          /* a table that refers to itself is not entered again */
    bool root_again;    /* a root is entered that is a table below another */
    unsigned remarks;   /* about the table just entered */
    struct ptw_region_cache
        cache; /* where the last entry was, if not in a table
                             that can be borrowed */

    /* What is left out, and how much of it lies below the part of the range
     * that is walked now. */
    const struct ptw_va_range *leave_out;
    size_t leave_outs;
    size_t left;
    uint64_t whole_first; /* the range, with what is left out */
    uint64_t whole_last;
    struct ptw_path_table at[PTW_MAX_LEVELS];
};

/* The path of the last lookup. */
struct ptw_trail {
    const struct ptw_mem *mem;
    struct ptw_root root;
    struct ptw_region_cache cache; /* where the last entry was */
    ptw_va va;                     /* where the path leads, */
    unsigned level;                /* and as far as a table of that level */
    struct {
        uint64_t table;
        unsigned rights; /* of the path that leads here */
    } at[PTW_MAX_LEVELS];
};

/* Entries that were fetched: of each table of a path the last ones. */
struct ptw_window {
    uint64_t leaf[PTW_LEAF_WINDOW]; /* of the table of level 0 */
    uint64_t upper[PTW_MAX_LEVELS - 1][PTW_MAX_WINDOW];
};

/* A leaf of the smallest size: what those have that are alike in the regime's
 * plain_alike. */
enum { PTW_LEAF_KINDS_LOG2 = 3 };
struct ptw_leaf_kind {
    uint64_t raw;
    uint64_t leaf_class;
    unsigned rights; /* of the whole path */
    unsigned alone;  /* of the leaf by itself */
};

/* A walk. */
struct ptw_walk {
    struct ptw_cursor c;
    const struct ptw_root *root;
    uint32_t roots;
    uint8_t phase; /* enum ptw_phase */
    uint8_t gap;   /* where the non-canonical part of the range stands */
    bool has_open;
    bool gap_given;
    bool full;   /* the memo is */
    bool part;   /* it is one */
    bool passes; /* another one, before it, reaches to the offset `before` */
    uint64_t before;
    unsigned flags;
    unsigned queued; /* items in the queue, and the next one of them to give */
    unsigned queue_next;
    ptw_va va_first;
    ptw_va va_last;
    uint64_t max_reads;
    uint64_t max_items;
    uint64_t items;
    uint64_t start_table; /* without roots: where the path starts */
    uint64_t start_base;
    unsigned start_rights;
    uint64_t ahead_of; /* a table, and the one that is read after it */
    const void *ahead;
    uint64_t hinted_of; /* a table, and which of its entries that lead to tables
                           were hints: those below this one */
    unsigned hinted;
    unsigned masked; /* of the table of level 0: the entries of the window below
                         this one have masks, or 0 */
    uint64_t present; /* the masks: a bit for each entry of the window, */
    uint64_t follows; /* which is clear for entries that are not there */
    /* Leaves of the smallest size that were decoded, of several kinds, under
     * the rights kinds_under of their path; kinds_known has a bit for each. */
    unsigned kinds_known;
    unsigned kinds_under;
    struct ptw_leaf_kind kind[1 << PTW_LEAF_KINDS_LOG2];
    struct ptw_item open; /* it may still grow */
    struct ptw_item queue[4];
    struct ptw_window window;
};

/* A search for tables that the guest can write to. */
struct ptw_exposed {
    struct ptw_walk walk;
    const struct ptw_regime *regime;
    const ptw_pa *table;
    size_t tables;
    uint64_t table_bytes;
};

/* The counts of references to tables. */
struct ptw_shares_state {
    struct ptw_memo count;
    uint32_t edit; /* number of the edit under way */
};

/* Tables that an edit took and did not use: each holds the address of the
 * next. */
struct ptw_table_stock {
    uint64_t tables;
    ptw_pa first;
};

/* Storage that the steps of a rebuild or a comparison ask for. */
struct ptw_store {
    void *at;
    size_t bytes;
};

/* A hash table in the storage of the caller. */
struct ptw_hash {
    unsigned char *record;
    size_t slots_log2;
    size_t used;
    uint64_t seed;
};

/* A stretch of memory without a hole, in smallest pages by their numbers. */
struct ptw_run {
    uint64_t first;       /* pages of which memory has a byte: from this one */
    uint64_t last;        /* to this one */
    uint64_t whole_first; /* that it has whole: from this one, */
    uint64_t whole_end;   /* and below this one; none when it is not above */
    uint64_t touched;     /* how many of either kind are before this run's */
    uint64_t whole;
};

/* Which pages memory has. */
struct ptw_runs {
    const struct ptw_run *run; /* NULL: there is at most one */
    size_t runs;
    unsigned page_log2;
    struct ptw_run only;
};

/* The run in which a page was found last: the pages that it has whole. */
struct ptw_run_near {
    uint64_t first;
    uint64_t pages;
};

/* What a rebuild keeps in the storage that it is given. */
enum ptw_rebuild_store {
    PTW_REBUILD_TABLES_SEEN, /* the memo of the walk */
    PTW_REBUILD_BLOCKS,      /* which pages are kept, in blocks of 64 */
    PTW_REBUILD_ORDER,       /* the blocks in the order of the image */
    PTW_REBUILD_CONTENTS,    /* pages by their contents (PTW_REBUILD_MERGE) */
    PTW_REBUILD_MEMORY,      /* where memory is, and room for pages */
    PTW_REBUILD_LARGE, /* large leaves that don't stay as they are, each once */
    PTW_REBUILD_STORES
};

/* The steps of a rebuild. */
enum ptw_rebuild_phase {
    PTW_REBUILD_START,
    PTW_REBUILD_WALKING,
    PTW_REBUILD_ORDERING,
    PTW_REBUILD_COMPARING,
    PTW_REBUILD_PLANNED,
    PTW_REBUILD_COPIED,
    PTW_REBUILD_RECOUNTED,
    PTW_REBUILD_BUILDING,
    PTW_REBUILD_DONE,
    PTW_REBUILD_BROKEN
};

/* How many items a rebuild takes from its walk at a time. */
enum { PTW_REBUILD_BATCH = 32 };

/* What a rebuild makes of leaves of the smallest size that have the same bits
 * beside their address. */
struct ptw_rebuild_alike {
    uint64_t key;    /* the complement of these bits; 0: of none */
    uint64_t flags;  /* flag bits, as a block has them */
    uint64_t is;     /* bits of the new leaf, */
    uint64_t turned; /* and of one that becomes copy-on-write */
    unsigned writes; /* enum ptw_writes */
    bool marked;     /* it carries the copy-on-write mark */
};

/* log2 of how many kinds of leaves a rebuild remembers. */
enum { PTW_REBUILD_ALIKE_LOG2 = 3 };

/* A rebuild, but for what the caller reads. */
struct ptw_rebuild_state {
    size_t bad_map; /* which map was refused + 1, or 0 */
    bool marked;    /* a leaf was refused: where */
    uint32_t marked_space;
    ptw_va marked_va;
    const struct ptw_regime *regime;
    const struct ptw_mem *mem;
    const struct ptw_root *root;
    uint32_t roots;
    enum ptw_rebuild_phase phase;
    enum ptw_rebuild_store short_of;
    struct ptw_store store[PTW_REBUILD_STORES];
    struct ptw_memo memo;
    struct ptw_hash kept; /* the blocks */
    struct ptw_hash contents;
    struct ptw_hash large;
    struct ptw_runs runs;
    struct ptw_run_near near;
    struct ptw_rebuild_alike alike[1 << PTW_REBUILD_ALIKE_LOG2];
    struct ptw_walk walk;
    struct ptw_item item[PTW_REBUILD_BATCH];
    size_t items;
    size_t next;
    size_t blocks;        /* in the order */
    size_t block;         /* that comes next */
    uint64_t handed;      /* of its pages: those that the sink has */
    uint64_t blank;       /* the page that stands for all pages of zeros, + 1 */
    uint64_t blank_flags; /* flag bits of the leaves that map it */
    uint64_t walked;      /* tables of the walk */
    uint64_t last_root;   /* number of the last space's root */
    uint64_t path_flags[PTW_MAX_LEVELS]; /* flag bits of the entries that lead
                                            to the tables of the path */
    uint64_t extra;  /* tables besides: of leaves that were split, of maps */
    uint64_t mapped; /* of them, at most: of maps */
    uint64_t taken;  /* of these, used */
    uint64_t split_reads; /* new leaves of large ones: the plan counts them as
                             reads */
    bool recount;         /* a large page lost a part */
    unsigned entry; /* of the table that is entered: which one comes next */
    uint64_t at[PTW_MAX_LEVELS]; /* the new tables of the path, */
    void *host[PTW_MAX_LEVELS];  /* and where these can be written directly */
    uint64_t last_number; /* of the last block that was looked up, and it */
    void *last_block;
    const struct ptw_mem *to;
    uint64_t *page[2];   /* room for a page each */
    uint32_t *key;       /* to find pages of the same content */
    unsigned page_log2;  /* of the bytes of the smallest page, */
    unsigned table_log2; /* and of the place of a new table */
};

/* What a comparison keeps in the storage that it is given. */
enum ptw_verify_store {
    PTW_VERIFY_OLD_TABLES,
    PTW_VERIFY_NEW_TABLES,
    PTW_VERIFY_PAGES,  /* which old pages were seen */
    PTW_VERIFY_TAKEN,  /* which old page each new page is */
    PTW_VERIFY_ORDER,  /* the new pages in the order of their addresses */
    PTW_VERIFY_LEAVES, /* which old pages have how many leaves, which of them
                           the guest writes, and which can't be read */
    PTW_VERIFY_MEMORY, /* where the old memory is, and room for pages */
    PTW_VERIFY_STORES
};

/* How many items a comparison takes from a walk at a time. */
enum { PTW_VERIFY_BATCH = 32 };

/* Two leaves of the smallest size that do not differ, the old one and the new
 * one in its place: their bits beside their addresses, and what follows from
 * these. */
struct ptw_verify_alike {
    uint64_t was;
    uint64_t is;
    uint64_t flags;      /* flag bits of the new one */
    uint64_t attributes; /* of the new one, as the digest has them */
    unsigned rights[2];  /* of their paths */
    bool known;
    bool marked; /* the old one carried the copy-on-write mark */
    bool writes; /* the guest writes through the new one */
};

/* log2 of how many kinds of such pairs a comparison remembers. */
enum { PTW_VERIFY_ALIKE_LOG2 = 3 };

/* One image in a comparison. */
struct ptw_verify_side {
    const struct ptw_mem *mem;
    struct ptw_region_cache cache; /* where the last entry was */
    const struct ptw_root *root;
    struct ptw_memo memo;
    struct ptw_runs runs; /* of the old image */
    struct ptw_walk walk;
    struct ptw_item item[PTW_VERIFY_BATCH];
    size_t items;
    size_t next;
    bool over;
    uint64_t *page; /* room for one */
};

/* A comparison, but for what the caller reads. */
struct ptw_verify_state {
    const struct ptw_regime *regime;
    unsigned page_log2; /* of the bytes of the smallest page */
    uint32_t roots;
    int phase;
    enum ptw_verify_store short_of;
    struct ptw_store store[PTW_VERIFY_STORES];
    struct ptw_verify_side side[2];
    struct ptw_run_near near; /* of the old image */
    struct ptw_verify_alike alike[1 << PTW_VERIFY_ALIKE_LOG2];
    struct ptw_hash pages;
    struct ptw_hash taken;
    struct ptw_hash leaves;
    size_t blocks;        /* in the order */
    uint64_t refused;     /* pages that can be read in neither */
    uint64_t contents[2]; /* sums over the pages */
    uint64_t done; /* of the leaves under comparison: offset that comes next */
    /* of them: where a table ends that takes rights away */
    uint64_t withheld_end;
    bool counted;   /* it is a large one that the next count goes through */
    bool begun;     /* one is */
    unsigned entry; /* of the table under comparison: which one comes next */
    bool rewrites;  /* the guest can write tables that refer to themselves */
    bool joins;     /* a page is one with another */
    bool moved;     /* a page is elsewhere now, or gone */
    bool together;  /* a new leaf says that it is part of a run */
    int keepable;   /* of the old leaf: whether it could be kept whole */
};

#ifdef __cplusplus
}
#endif

#endif
