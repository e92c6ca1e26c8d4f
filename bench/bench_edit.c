/* SPDX-License-Identifier: Apache-2.0 */
/* What does it cost to map a page, beside storing its entry? */
#include "rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ENTRIES = 512, PAGE = 4096 };

/* Pages from BASE are mapped to those from TARGET; the bits of their entries,
 * and of those that lead to tables, are from the manual: P, R/W, A, D, XD. */
static const uint64_t BASE = 0x00007F0000000000;
static const uint64_t TARGET = 0x100000000;
static const uint64_t LEAF = 0x8000000000000063;
static const uint64_t TABLE = 0x23;
static const uint64_t DIRTY = 0x40; /* in leaves alone */
static const uint64_t ADDRESS = 0x000FFFFFFFFFF000;

enum order { RANGE, ASCENDING, RANDOM };

struct job {
    uint64_t pages;
    unsigned size_log2;
    uint64_t
        *entry; /* of the pool, which is zeroed and in memory when the clock
                        starts */
    uint32_t frames;
    uint32_t used;
    uint64_t root;
    uint64_t **leaves; /* tables of leaves, in order */
    struct ptw_mem mem;
    struct ptw_regime regime;
    struct ptw_tables tables;
};

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct job *j = ctx;

    if (j->used == j->frames) {
        return PTW_E_SPACE;
    }
    table->v = (uint64_t)j->used++ * PAGE;
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take, .give = NULL};

/* The n-th page of the random order, which is a permutation that no memory has
 * to be read for. */
static inline uint64_t shuffled(const struct job *j, uint64_t n)
{
    uint64_t mask = j->pages - 1;

    n = n * 0x9E3779B1 & mask;
    n ^= n >> (j->size_log2 / 2);
    n = n * 0x85EBCA77 & mask;
    return n ^ n >> (j->size_log2 / 2);
}

static uint64_t raw_of(uint64_t page)
{
    return (TARGET + page * PAGE) | LEAF;
}

/* ------------------------------------------------------------------- limits */

static uint64_t store_range(void *job)
{
    struct job *j = job;

    for (uint64_t t = 0; t < j->pages / ENTRIES; t++) {
        uint64_t *e = j->leaves[t];
        uint64_t raw = raw_of(t * ENTRIES);

        for (unsigned i = 0; i < ENTRIES; i++, raw += PAGE) {
            e[i] = raw;
        }
    }
    return 0;
}

static inline void store(struct job *j, uint64_t page)
{
    *(volatile uint64_t *)&j->leaves[page / ENTRIES][page % ENTRIES] =
        raw_of(page);
}

static uint64_t store_ascending(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        store(j, i);
    }
    return 0;
}

static uint64_t store_random(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        store(j, shuffled(j, i));
    }
    return 0;
}

/* -------------------------------------------------------------------- ideal */

/* Returns an entry of the table that *e leads to, and makes the table if there
 * is none. */
static inline uint64_t *ideal_below(struct job *j, uint64_t *e, uint64_t index)
{
    if (*e == 0) {
        *e = (uint64_t)j->used++ * PAGE | TABLE;
    }
    return (uint64_t *)(void *)((char *)j->entry + (*e & ADDRESS)) +
           (index & 511);
}

/* Returns the entry of va. */
static inline uint64_t *ideal_entry(struct job *j, uint64_t va)
{
    uint64_t *e = &j->entry[j->root / 8 + (va >> 39 & 511)];

    e = ideal_below(j, e, va >> 30);
    e = ideal_below(j, e, va >> 21);
    return ideal_below(j, e, va >> 12);
}

static __attribute__((noinline)) void ideal_map_page(struct job *j, uint64_t va,
                                                     uint64_t pa, uint64_t bits)
{
    *ideal_entry(j, va) = pa | bits;
}

static __attribute__((noinline)) void ideal_map(struct job *j, uint64_t va,
                                                uint64_t pa, uint64_t pages,
                                                uint64_t bits)
{
    while (pages > 0) {
        uint64_t *e = ideal_entry(j, va);
        uint64_t room = ENTRIES - (va / PAGE % ENTRIES);
        uint64_t n = pages < room ? pages : room;

        for (uint64_t i = 0; i < n; i++, pa += PAGE) {
            e[i] = pa | bits;
        }
        va += n * PAGE;
        pages -= n;
    }
}

static uint64_t ideal_range(void *job)
{
    struct job *j = job;

    ideal_map(j, BASE, TARGET, j->pages, LEAF);
    return 0;
}

static uint64_t ideal_ascending(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        ideal_map_page(j, BASE + i * PAGE, TARGET + i * PAGE, LEAF);
    }
    return 0;
}

static uint64_t ideal_random(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        uint64_t page = shuffled(j, i);

        ideal_map_page(j, BASE + page * PAGE, TARGET + page * PAGE, LEAF);
    }
    return 0;
}

/* ------------------------------------------------------------------- ptwalk */

static inline void map(struct job *j, uint64_t page, uint64_t pages)
{
    struct ptw_map_request q = {
        .first = {BASE + page * PAGE},
        .last = {BASE + (page + pages) * PAGE - 1},
        .pa = {TARGET + page * PAGE},
        .rights = PTW_READ | PTW_WRITE,
    };

    bench_must(ptw_map(&j->tables, &q));
}

static uint64_t map_range(void *job)
{
    struct job *j = job;

    map(j, 0, j->pages);
    return 0;
}

static uint64_t map_ascending(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        map(j, i, 1);
    }
    return 0;
}

static uint64_t map_random(void *job)
{
    struct job *j = job;

    for (uint64_t i = 0; i < j->pages; i++) {
        map(j, shuffled(j, i), 1);
    }
    return 0;
}

/* Lists of pages, random, each of them made when it is needed. */
static uint64_t map_list(void *job)
{
    enum { LIST = 4096 };
    static struct ptw_page page[LIST];
    struct job *j = job;
    struct ptw_map_many_request q = {.page = page,
                                     .rights = PTW_READ | PTW_WRITE};

    for (uint64_t i = 0; i < j->pages; i++) {
        uint64_t at = shuffled(j, i) * PAGE;
        size_t refused;

        page[q.pages].va.v = BASE + at;
        page[q.pages].pa.v = TARGET + at;
        q.pages++;
        if (q.pages == LIST || i + 1 == j->pages) {
            bench_must(ptw_map_many(&j->tables, &q, &refused));
            q.pages = 0;
        }
    }
    return 0;
}

/* --------------------------------------------------------------------- rows */

static const struct row rows[] = {
    ROW("map-range", "page", RANGE, "amd64", BASELINE("stores", store_range),
        NO_SIDE, SIDE(ideal_range), SIDE(map_range)),
    ROW("map-ascending", "page", ASCENDING, "amd64",
        BASELINE("stores", store_ascending), NO_SIDE, SIDE(ideal_ascending),
        SIDE(map_ascending)),
    ROW("map-random", "page", RANDOM, "amd64", BASELINE("stores", store_random),
        NO_SIDE, SIDE(ideal_random), SIDE(map_random)),
    ROW("map-list", "page", RANDOM, "amd64", BASELINE("stores", store_random),
        NO_SIDE, SIDE(ideal_random), SIDE(map_list)),
};

/* Tables that are empty but, for stores, those of leaves. */
static void before(void *job, enum column side)
{
    struct job *j = job;

    (void)side;
    memset(j->entry, 0, (size_t)j->frames * PAGE);
    j->used = 0;
    j->tables.stock.tables = 0;
    bench_must(take(j, &j->tables.root.table));
    j->root = j->tables.root.table.v;
}

/* Each leaf counts with its place in the table, so that entries in each other's
 * places make another sum. */
static uint64_t after(void *job, enum column side, uint64_t returned)
{
    const struct job *j = job;
    uint64_t sum = 0;

    (void)side;
    (void)returned;
    for (size_t i = 0; i < (size_t)j->frames * ENTRIES; i++) {
        if ((j->entry[i] & DIRTY) != 0) {
            sum += j->entry[i] * (i % ENTRIES + 1);
        }
    }
    return sum;
}

static void begin(const struct row *row, unsigned size_log2,
                  struct subject *out)
{
    struct job *j = bench_memory(calloc(1, sizeof *j));

    (void)row;
    j->size_log2 = size_log2;
    j->pages = (uint64_t)1 << size_log2;
    j->frames = (uint32_t)(j->pages / ENTRIES) + 16;
    j->entry = bench_zeros((size_t)j->frames * PAGE);
    j->leaves =
        bench_memory(malloc((size_t)(j->pages / ENTRIES) * sizeof *j->leaves));
    bench_must(ptw_regime_by_name(row->regime, NULL, 0, &j->regime, NULL));
    bench_must(ptw_mem_init_flat(&j->mem, ptw_pa_of(0), j->entry,
                                 (uint64_t)j->frames * PAGE, true));
    j->tables.root.regime = &j->regime;
    j->tables.mem = &j->mem;
    j->tables.ops = &ops;
    j->tables.ctx = j;

    /* Stores go where the same edits put the entries. */
    before(j, PTWALK);
    (void)row->side[PTWALK].run(j);
    for (uint64_t t = 0; t < j->pages / ENTRIES; t++) {
        struct ptw_step step[PTW_MAX_LEVELS];
        struct ptw_translation tr;
        size_t steps;

        bench_must(ptw_explain(&j->mem, j->tables.root,
                               ptw_va_of(BASE + t * ENTRIES * PAGE), &tr, step,
                               &steps));
        j->leaves[t] = &j->entry[step[steps - 1].entry.v / 8];
    }
    out->job = j;
    out->units = j->pages;
    out->sum = 0;
    for (uint64_t i = 0; i < j->pages; i++) {
        out->sum += raw_of(i) * (i % ENTRIES + 1);
    }
}

static void end(void *job)
{
    struct job *j = job;

    munmap(j->entry, (size_t)j->frames * PAGE);
    free(j->leaves);
    free(j);
}

int main(int argc, char **argv)
{
    static const struct bench edit = {
        .name = "bench_edit",
        .about = "Maps of pages, one range of them or a call for each.  Limit: "
                 "stores of the same\nentries to the same places, in the same "
                 "order.",
        .row = rows,
        .rows = sizeof rows / sizeof rows[0],
        .size_log2 = 20,
        .small_log2 = 15,
        .most_log2 = 24,
        .begin = begin,
        .before = before,
        .after = after,
        .end = end,
    };

    return bench_main(&edit, argc, argv);
}
