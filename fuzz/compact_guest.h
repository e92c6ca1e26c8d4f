/* SPDX-License-Identifier: Apache-2.0 */
/* A guest for rebuilds: a case (harness.h) whose pages without contents have
 * some all the same, and of which some pages may refuse to be read. */
#ifndef PTW_FUZZ_COMPACT_GUEST_H
#define PTW_FUZZ_COMPACT_GUEST_H

#include "harness.h"

enum {
    FC_LEAVE_OUTS = 3,
    FC_MAPS = 3,
    FC_STORE = 16 * 1024 * 1024, /* bytes of any storage, at most */
    FC_FEW_PAGES = 64, /* of memory: with more, callbacks copy bytes, too */
    FC_FLIPS = 16,
};

/* What pages without contents hold.  No word of it is a present entry. */
enum fc_filler { FC_ZEROS, FC_DISTINCT, FC_SOME_ZEROS, FC_THREE };

struct fc_guest {
    struct fz_served served; /* it is the context of its callbacks */
    struct ptw_mem_ops ops;
    struct fz_case *w;
    enum fc_filler filler;
    unsigned low_bits;            /* of an entry: clear, it is not present */
    uint8_t *host[FZ_REGIONS];    /* exactly the region, or NULL */
    uint8_t *host_of[FZ_REGIONS]; /* what is freed */
    bool lends;
    bool knows_zeros; /* of any memory, not of what is lent */
    bool changes;     /* whenever it is read */
    bool stopped;     /* it is said not to change */
    bool copies;      /* callbacks copy bytes, however much memory there is */
    struct fc_flip {
        uint64_t at;  /* a byte that is another one in this guest, */
        uint8_t bits; /* by these bits */
    } flip[FC_FLIPS];
    unsigned flips;

    /* The options, with the arrays that they point to. */
    struct ptw_rebuild_options o;
    struct ptw_va_range leave_out[FC_LEAVE_OUTS];
    struct ptw_map_request map[FC_MAPS];
    struct ptw_root root[FZ_ROOTS];

    uint64_t reads;
    uint64_t frame;       /* that was read last, of FZ_PAGE bytes, */
    const uint8_t *bytes; /* its contents, */
    bool plain; /* and whether one region has all of it, and none refuses */
    bool known;
};

/* The sizes of a page of level 0, and of the place that a table takes in an
 * image: pages that no other table has.  fc_page_mask returns the size of a
 * page, less 1. */
uint64_t fc_page_bytes(const struct fc_guest *g);
uint64_t fc_page_mask(const struct fc_guest *g);
uint64_t fc_table_place(const struct fc_guest *g);

/* fc_entry_at returns where the entry of a table of that level stands that decides
 * about an address. */
uint64_t fc_entry_at(const struct fz_case *w, uint64_t table, unsigned level,
                     uint64_t va);

/* fc_word returns n bytes at pa, whether they can be read or not. */
uint64_t fc_word(struct fc_guest *g, uint64_t pa, unsigned n);

/* fc_copy copies so many bytes at pa, whether they can be read or not. */
void fc_copy(struct fc_guest *g, uint64_t pa, uint8_t *to, size_t bytes);

/* fc_entry reads an entry as the library does; false: refused. */
bool fc_entry(struct fc_guest *g, uint64_t pa, unsigned n, uint64_t *raw);

/* fc_cover says how much of those bytes is inside the memory offered;
 * fc_readable_byte whether that one can be read, and fc_readable whether all of
 * the page can, whichever regions its bytes are in. */
enum ptw_cover fc_cover(const struct fc_guest *g, uint64_t pa, uint64_t bytes);
bool fc_readable_byte(const struct fc_guest *g, uint64_t pa);
bool fc_readable(const struct fc_guest *g, uint64_t pa);

/* fc_known_zeros says that the page at pa has no contents and nothing in their
 * place. */
bool fc_known_zeros(struct fc_guest *g, uint64_t pa);

/* fc_kept says how much of a range of addresses is to be kept. */
enum ptw_cover fc_kept(const struct fc_guest *g, uint64_t first, uint64_t last);

/* fc_make_host gives small regions host memory, of exactly their size;
 * fc_free_host takes it back. */
void fc_make_host(struct fc_guest *g);
void fc_free_host(struct fc_guest *g);

/* fc_offer makes an accessor of the guest; region has room for FZ_REGIONS. */
void fc_offer(struct fc_guest *g, bool lends, struct ptw_mem *mem,
              struct ptw_region *region);

/* fc_offer_cheaply makes *cheap the guest, and offers it so that comparing it
 * takes the least time: small regions are host memory of its own, which
 * fc_free_host takes back; other pages are lent, or copied. */
void fc_offer_cheaply(const struct fc_guest *g, struct fc_guest *cheap,
                      struct ptw_mem *mem, struct ptw_region *region);

/* fc_flip inverts these bits of a byte of a guest that was offered cheaply, of at
 * most FC_FLIPS bytes at a time; once more, and it is the guest again. */
void fc_flip(struct fc_guest *g, uint64_t pa, uint8_t bits);

/* A little-endian number of n bytes. */
uint64_t fc_get_at(const uint8_t *b, unsigned n);
void fc_put_at(uint8_t *b, unsigned n, uint64_t v);

#endif
