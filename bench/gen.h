/* SPDX-License-Identifier: Apache-2.0 */
/* Images for the benchmarks: amd64 tables of known shape, with their frames
 * scattered over the arena as a long-running guest's are. */
#ifndef PTW_BENCH_GEN_H
#define PTW_BENCH_GEN_H

#include <ptwalk/ptwalk.h>

enum gen_kind {
    GEN_RUNS,   /* 4 KiB leaves, dense; runs of 1 to 512 pages */
    GEN_BROKEN, /* the same, and no leaf continues the one before */
    GEN_SPARSE, /* 4 KiB leaves, 8 in each page table */
    GEN_MIXED,  /* 4 KiB leaves in runs, 2 MiB and 1 GiB leaves */
    GEN_SHARED, /* 64 roots with one kernel half of 1 GiB */
    GEN_KINDS
};

enum { GEN_ROOTS_MAX = 64 };

/* An image: `bytes` bytes at physical address 0, all of them tables. */
struct gen_image {
    uint64_t *entry; /* the bytes, as entries */
    size_t bytes;
    size_t used;     /* tables so far */
    uint32_t *frame; /* a permutation: the n-th table is in frame[n] */
    ptw_pa root[GEN_ROOTS_MAX];
    uint32_t roots;
    uint64_t leaves; /* of distinct tables */
    uint64_t mapped; /* bytes that those map */
    ptw_va *leaf_va; /* the addresses of space 0's leaves */
    size_t leaf_vas;
    uint64_t private_first; /* GEN_SHARED: the part that is not shared */
    uint64_t private_last;
};

const char *gen_name(enum gen_kind kind);

/* gen_make builds an image of about `leaves` leaves; it ends the program when
 * memory runs out.  The same arguments give the same image. */
void gen_make(struct gen_image *g, enum gen_kind kind, uint64_t leaves);
void gen_free(struct gen_image *g);

/* gen_random returns the next number of a fixed sequence. */
uint64_t gen_random(uint64_t *state);

#endif
