/* SPDX-License-Identifier: Apache-2.0 */
/* A guest, the image that a rebuild makes of it, and a naive comparison of the
 * two.  The guest is a world (harness.h) whose pages without contents have some
 * all the same, and of which some pages may refuse to be read. */
#ifndef PTW_FUZZ_COMPACT_H
#define PTW_FUZZ_COMPACT_H

#include "harness.h"

enum {
    FC_LEAVE_OUTS = 3,
    FC_MAPS = 3,
    FC_REFUSED = 3,
    FC_PAGES = 1400,            /* pieces of FZ_PAGE of an image, at most */
    FC_TABLES = 400,            /* likewise */
    FC_STORE = 2 * 1024 * 1024, /* bytes of any storage, at most */
};

/* What pages without contents hold.  No word of it is a present entry. */
enum fc_filler { FC_ZEROS, FC_DISTINCT, FC_SOME_ZEROS, FC_THREE };

struct fc_guest {
    struct fz_world *w;
    enum fc_filler filler;
    unsigned low_bits;         /* of an entry: clear, it is not present */
    uint8_t *host[FZ_REGIONS]; /* exactly the region, or NULL */
    bool lends;
    bool knows_zeros;                /* of any memory, not of what is lent */
    bool changes;                    /* whenever it is read */
    bool stopped;                    /* it is said not to change */
    uint64_t refused[FC_REFUSED][2]; /* first and last byte */
    unsigned refuses;
    uint64_t flipped; /* a byte that is another one in this guest, */
    uint8_t flip;     /* by these bits; 0: there is none */

    /* The options, with the arrays that they point to. */
    struct ptw_rebuild_options o;
    struct ptw_va_range leave_out[FC_LEAVE_OUTS];
    struct ptw_map_request map[FC_MAPS];
    ptw_pa root[FZ_ROOTS];

    uint64_t reads;
    uint64_t frame; /* that was read last, and its contents */
    const uint8_t *bytes;
    bool known;
};

/* fc_word returns n bytes at pa, whether they can be read or not. */
uint64_t fc_word(struct fc_guest *g, uint64_t pa, unsigned n);

/* fc_entry reads an entry as the library does; false: refused. */
bool fc_entry(struct fc_guest *g, uint64_t pa, unsigned n, uint64_t *raw);

/* fc_cover says how much of those bytes is inside the memory offered;
 * fc_readable_byte whether that one can be read, and fc_readable whether all of
 * the page can, whichever regions its bytes are in. */
enum ptw_cover fc_cover(const struct fc_guest *g, uint64_t pa, uint64_t bytes);
bool fc_readable_byte(const struct fc_guest *g, uint64_t pa);
bool fc_readable(const struct fc_guest *g, uint64_t pa);

/* fc_kept says how much of a range of addresses is to be kept. */
enum ptw_cover fc_kept(const struct fc_guest *g, uint64_t first, uint64_t last);

/* An image.  Padding, and pages that the sink was not given, are zeros. */
struct fc_image {
    struct ptw_rebuild_counts counts;
    uint64_t base;
    uint64_t bytes; /* with the extra page, if there is one */
    uint64_t page_bytes;
    uint64_t tables_at;
    uint8_t *tables; /* of exactly that size */
    size_t table_bytes;
    uint64_t extra_at; /* 0: there is none */
    uint64_t extra_bytes;
    uint8_t *extra;
    uint64_t at[FC_PAGES]; /* ascending */
    unsigned pages;
    uint8_t (*page)[FZ_PAGE];
    ptw_pa root[FZ_ROOTS];
};

/* fc_page returns the page at pa, or NULL when it is outside; fc_written
 * returns which page the sink was given for it, or -1. */
uint8_t *fc_page(const struct fc_image *m, uint64_t pa);
int fc_written(const struct fc_image *m, uint64_t pa);

/* fc_same compares.  With rb, which made the image, every promise of a rebuild
 * has to hold, or it fails with what does not.  Without, it returns whether the
 * image is the same guest, as ptw_verify understands it; *unsure says that there
 * was too much to tell. */
bool fc_same(struct fc_guest *g, const struct fc_image *m,
             struct ptw_rebuild *rb, bool *unsure);

/* Of the image that was compared last, with rb: each old table is one new one, and
 * none is mapped as a page. */
extern bool fc_plain;

/* fc_marked says whether a leaf begins at that address of that space, of which
 * R/W is clear and bits 11:9 are 001, and memory has any page of it that is
 * kept. */
bool fc_marked(struct fc_guest *g, unsigned space, uint64_t va);

/* fc_mapped picks a page, of those that the oracle finds, by that number; false
 * when there is none.  Windows on the tables are passed over. */
bool fc_mapped(struct fc_guest *g, unsigned which, uint64_t *pa);

/* What fc_same found first, the last time. */
struct fc_difference {
    const char *what;
    uint64_t va;
    uint64_t was;
    uint64_t is;
};

extern struct fc_difference fc_difference;

#endif
