/* SPDX-License-Identifier: Apache-2.0 */
/* The image that a rebuild makes of a guest. */
#ifndef PTW_FUZZ_COMPACT_IMAGE_H
#define PTW_FUZZ_COMPACT_IMAGE_H

#include "harness.h"

enum {
    FC_PAGES = 1400, /* pages of FZ_PAGE that the sink takes, at most */
    FC_MOST_PAGES = (1 << 18) + FC_PAGES, /* with those that are left zeros */
    FC_TABLES = 400,                      /* likewise */
    FC_IMAGE_REGIONS = 3,
};

/* An image.  Padding, and pages that the sink was not given, are zeros. */
struct fc_image {
    struct ptw_rebuild_counts counts;
    uint64_t walked; /* reads of the plan's walk */
    uint64_t reads;  /* that each walk for it took, at most, and new leaves */
    uint64_t base;
    uint64_t planned;    /* the bytes that the plan, or the image, comes to,
                          * which is more: a page that can't be read is none of
                          * the image, and tables may come by others that can't */
    uint64_t bytes;      /* with the extra page, if there is one */
    uint64_t page_bytes; /* of all pages */
    uint64_t one_page;   /* the size of a page of level 0 */
    uint64_t tables_at;
    uint8_t *tables;    /* of exactly that size */
    uint8_t *tables_of; /* what is freed */
    size_t table_bytes;
    bool direct;       /* the tables can be read directly */
    uint64_t extra_at; /* 0: there is none */
    uint64_t extra_bytes;
    uint8_t *extra;
    uint64_t lost_at;      /* what can't be read of the pages, */
    uint64_t lost;         /* and how many bytes */
    uint64_t at[FC_PAGES]; /* ascending */
    unsigned pages;
    uint64_t left; /* pages of FZ_PAGE that were given, and left zeros */
    uint8_t (*page)[FZ_PAGE];
    struct ptw_root root[FZ_ROOTS];
};

/* fc_page returns the page at pa, or NULL when it is outside, or can't be read
 * whole; fc_covers says whether it is inside.  fc_written
 * returns which page the sink was given for it, or -1. */
uint8_t *fc_page(const struct fc_image *m, uint64_t pa);
bool fc_covers(const struct fc_image *m, uint64_t pa);
int fc_written(const struct fc_image *m, uint64_t pa);

/* fc_left_zeros says that the page at pa is one of the image's, of which the
 * sink was given nothing. */
bool fc_left_zeros(const struct fc_image *m, uint64_t pa);

/* The callbacks of an image. */
extern const struct ptw_mem_ops fc_image_ops;

/* fc_image_end returns where the memory of an image ends, padding and the gap
 * included. */
uint64_t fc_image_end(const struct fc_image *m);

/* fc_image_memory makes an accessor; region has room for FC_IMAGE_REGIONS. */
void fc_image_memory(struct fc_image *m, struct ptw_mem *mem,
                     struct ptw_region *region);

/* fc_image_done frees its tables. */
void fc_image_done(struct fc_image *m);

#endif
