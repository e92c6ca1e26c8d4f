/* SPDX-License-Identifier: Apache-2.0 */
/* Images for the benchmarks: tables of known shape in any regime, in shuffled
 * frames as a long-running guest's are. */
#ifndef PTW_BENCH_IMAGE_H
#define PTW_BENCH_IMAGE_H

#include <ptwalk/ptwalk.h>

enum image_kind {
    IMAGE_A,      /* small leaves, dense; runs of 16 pages on average, so that
                     every page has a chance of 1/16 to begin one: the memory of
                     a guest that has run for long */
    IMAGE_ONE,    /* the same in one run */
    IMAGE_BROKEN, /* the same, and no leaf continues the one before */
    IMAGE_SPARSE, /* small leaves, 8 in each page table */
    IMAGE_MIXED,  /* as A, between leaves of 2 MiB and 1 GiB (amd64) */
    IMAGE_ROOTS,  /* 64 roots with one kernel half of 1 GiB, dense as A, and 96
                     pages of their own each (amd64, i686) */
};

enum { IMAGE_ROOTS_MAX = 64 };

/* An image: `bytes` bytes at physical address 0, all of them tables.
 *
 * The sum of an image is that of (virtual + physical address) over all its
 * small pages, each counted once, and 1 for each reference to a table that was
 * met before. */
struct image {
    enum image_kind kind;
    struct ptw_regime regime;
    struct ptw_mem mem;
    unsigned page_log2;

    unsigned char *at;
    size_t bytes;
    size_t table_bytes; /* of the largest, and so of a frame */
    uint32_t *frame;    /* a permutation: the n-th table is in frame[n] */
    size_t frames;
    size_t tables;      /* taken so far */
    const void **order; /* they, as a walk meets them */

    struct ptw_root root[IMAGE_ROOTS_MAX];
    uint32_t roots;
    uint64_t base; /* the first address that is mapped */
    unsigned size_log2;
    uint64_t leaves;     /* of distinct tables */
    uint64_t sum;        /* of the image */
    uint64_t shared_sum; /* of the leaves that all roots have */
    uint64_t aliases;
    uint64_t words; /* the sum of all tables, as words of 64 bits */

    uint64_t lookups;
};

/* image_make builds the image with 1 << size_log2 leaves (MIXED: at least;
 * ROOTS: has its own number).  The same arguments give the same image, and two
 * regimes the same leaves, but for the size of a page.  What can't be done ends
 * the program. */
void image_make(struct image *g, enum image_kind kind, const char *regime,
                unsigned size_log2);
void image_free(struct image *g);

/* image_run is the sum of a run of leaves. */
static inline uint64_t image_run(uint64_t va, uint64_t pa, uint64_t bytes,
                                 unsigned page_log2)
{
    uint64_t pages = bytes >> page_log2;

    return pages * (va + pa) + (pages * (pages - 1) << page_log2);
}

/* image_page is the number of the n-th leaf's page, counted from the base.  It
 * reads no memory, so that what is asked takes no room in a cache.  Of kinds A,
 * ONE, BROKEN and SPARSE (one of each 64 pages). */
static inline uint64_t image_page(bool sparse, uint64_t n)
{
    return sparse ? n * 64 + (n * 0x9E3779B97F4A7C15 >> 58) : n;
}

/* Random leaves that are asked for, one after the other, of images with pages
 * of 4 KiB.  A copy on the stack, so that asking costs little. */
struct asker {
    uint64_t state;
    uint64_t base;
    unsigned shift;
};

static inline struct asker image_asker(const struct image *g)
{
    return (struct asker){1, g->base, 64 - g->size_log2};
}

static inline uint64_t image_ask(struct asker *a, bool sparse)
{
    a->state = a->state * 6364136223846793005u + 1442695040888963407u;
    return a->base + (image_page(sparse, a->state >> a->shift) << 12);
}

#endif
