/* SPDX-License-Identifier: Apache-2.0 */
#include "gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const uint64_t P = 1;
static const uint64_t TABLE = 0x23;              /* P, RW, A */
static const uint64_t LEAF = 0x8000000000000063; /* P, RW, A, D, XD */
static const uint64_t PS = 0x80;
static const uint64_t ADDRESS = 0x000ffffffffff000;
static const uint64_t USER_BASE = 0x00007f0000000000;
static const uint64_t KERNEL_BASE = 0xffff888000000000;

enum { ENTRIES = 512, SPARSE_LEAVES = 8, PRIVATE_PAGES = 96 };

uint64_t gen_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15; /* splitmix64 */

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

const char *gen_name(enum gen_kind kind)
{
    static const char *const name[GEN_KINDS] = {
        [GEN_RUNS] = "dense, runs",       [GEN_BROKEN] = "dense, no runs",
        [GEN_SPARSE] = "sparse, 8/table", [GEN_MIXED] = "mixed sizes",
        [GEN_SHARED] = "64 shared roots",
    };

    return name[kind];
}

static void *must(void *p)
{
    if (p == NULL || p == MAP_FAILED) {
        perror("bench: memory");
        exit(3);
    }
    return p;
}

static uint64_t new_table(struct gen_image *g)
{
    if (g->used == g->bytes / 4096) {
        fprintf(stderr, "bench: the arena is too small\n");
        exit(3);
    }
    return (uint64_t)g->frame[g->used++] << 12;
}

static uint64_t *entry_at(struct gen_image *g, uint64_t table, uint64_t va,
                          unsigned level)
{
    return &g->entry[table / 8 + (va >> (12 + 9 * level) & (ENTRIES - 1))];
}

/* Sets the entry for va in a table of that level, making tables on the way. */
static void set(struct gen_image *g, uint64_t root, uint64_t va, unsigned level,
                uint64_t raw)
{
    uint64_t table = root;

    for (unsigned at = 3; at > level; at--) {
        uint64_t *e = entry_at(g, table, va, at);

        if ((*e & P) == 0) {
            *e = new_table(g) | TABLE;
        }
        table = *e & ADDRESS;
    }
    *entry_at(g, table, va, level) = raw;
}

static void set_leaf(struct gen_image *g, uint64_t va, unsigned level,
                     uint64_t pa)
{
    set(g, g->root[0].v, va, level, pa | LEAF | (level > 0 ? PS : 0));
    g->leaf_va[g->leaf_vas++] = ptw_va_of(va);
    g->leaves++;
    g->mapped += (uint64_t)4096 << 9 * level;
}

static void fill_dense(struct gen_image *g, uint64_t base, uint64_t leaves,
                       bool broken, uint64_t *seed)
{
    uint64_t left = 0;
    uint64_t pa = 0;

    for (uint64_t i = 0; i < leaves; i++) {
        if (broken) {
            uint64_t next;

            do {
                next = (gen_random(seed) & 0xffffff) << 12;
            } while (next == pa + 4096);
            pa = next;
        } else if (left == 0) {
            left = (uint64_t)1 << (gen_random(seed) % 10);
            pa = (gen_random(seed) & 0xffffff) << 12;
        } else {
            pa += 4096;
        }
        left--;
        set_leaf(g, base + i * 4096, 0, pa);
    }
}

static void fill_sparse(struct gen_image *g, uint64_t leaves, uint64_t *seed)
{
    for (uint64_t table = 0; table < leaves / SPARSE_LEAVES; table++) {
        for (uint64_t i = 0; i < SPARSE_LEAVES; i++) {
            uint64_t index = i * (ENTRIES / SPARSE_LEAVES) +
                             gen_random(seed) % (ENTRIES / SPARSE_LEAVES);

            set_leaf(g, (table << 21) + (index << 12), 0,
                     (gen_random(seed) & 0xffffff) << 12);
        }
    }
}

/* 1 GiB stretches: of 4 KiB pages, of 2 MiB pages every other one, and single
 * 1 GiB pages. */
static void fill_mixed(struct gen_image *g, uint64_t leaves, uint64_t *seed)
{
    for (uint64_t stretch = 0; g->leaves < leaves; stretch++) {
        uint64_t base = stretch << 30;

        if (stretch % 8 == 7) {
            set_leaf(g, base, 2, (gen_random(seed) & 0x3ff) << 30);
            continue;
        }
        for (uint64_t i = 0; i < ENTRIES; i++) {
            uint64_t va = base + (i << 21);

            if (i % 2 == 0) {
                set_leaf(g, va, 1, (gen_random(seed) & 0x7fff) << 21);
            } else {
                fill_dense(g, va, ENTRIES, false, seed);
            }
        }
    }
}

static void fill_shared(struct gen_image *g, uint64_t *seed)
{
    uint64_t kernel;

    g->private_first = USER_BASE;
    g->private_last = USER_BASE + ((uint64_t)PRIVATE_PAGES << 12) - 1;
    fill_dense(g, KERNEL_BASE, (uint64_t)1 << 18, false, seed);
    kernel = *entry_at(g, g->root[0].v, KERNEL_BASE, 3);
    for (uint32_t n = 0; n < GEN_ROOTS_MAX; n++) {
        uint64_t root = n == 0 ? g->root[0].v : new_table(g);

        g->root[n].v = root;
        *entry_at(g, root, KERNEL_BASE, 3) = kernel;
        for (uint64_t i = 0; i < PRIVATE_PAGES; i++) {
            set(g, root, USER_BASE + (i << 12), 0,
                (gen_random(seed) & 0xffffff) << 12 | LEAF);
            g->leaves++;
            g->mapped += 4096;
        }
    }
    g->roots = GEN_ROOTS_MAX;
}

void gen_make(struct gen_image *g, enum gen_kind kind, uint64_t leaves)
{
    uint64_t seed = 1 + (uint64_t)kind;
    size_t tables = (size_t)(leaves / (kind == GEN_SPARSE ? 8 : 500)) + 4096;

    memset(g, 0, sizeof *g);
    g->bytes = tables * 4096;
    g->entry = must(mmap(NULL, g->bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    g->frame = must(malloc(tables * sizeof *g->frame));
    g->leaf_va = must(malloc((size_t)(leaves + 300000) * sizeof *g->leaf_va));
    memset(g->entry, 0, g->bytes); /* prefault */
    for (size_t i = 0; i < tables; i++) {
        size_t j = (size_t)(gen_random(&seed) % (i + 1));

        g->frame[i] = g->frame[j];
        g->frame[j] = (uint32_t)i;
    }
    g->root[0].v = new_table(g);
    g->roots = 1;
    switch (kind) {
    case GEN_RUNS:
    case GEN_BROKEN:
        fill_dense(g, USER_BASE, leaves, kind == GEN_BROKEN, &seed);
        break;
    case GEN_SPARSE:
        fill_sparse(g, leaves, &seed);
        break;
    case GEN_MIXED:
        fill_mixed(g, leaves, &seed);
        break;
    case GEN_SHARED:
        fill_shared(g, &seed);
        break;
    case GEN_KINDS:
        break;
    }
}

void gen_free(struct gen_image *g)
{
    munmap(g->entry, g->bytes);
    free(g->frame);
    free(g->leaf_va);
}
