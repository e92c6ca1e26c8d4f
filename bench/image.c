/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include "rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PRIVATE_PAGES = 96, SHARED_LOG2 = 18, LOOKUPS = 1 << 18 };

static const uint64_t FRAMES = 1 << 20; /* of pages that leaves lead to */

/* Where leaves begin. */
static const uint64_t NARROW_BASE = 0;
static const uint64_t WIDE_BASE = 0x1000000000;
static const uint64_t PRIVATE_BASE = 0x10000000;
static const uint64_t NARROW_SHARED = 0xC0000000;
static const uint64_t WIDE_SHARED = 0xFFFF888000000000;

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct image *g = ctx;

    if (g->tables == g->frames) {
        return PTW_E_SPACE;
    }
    table->v = (uint64_t)g->frame[g->tables++] * g->table_bytes;
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take};

/* Maps so many small pages, or as large ones; `out` gets their sum. */
static void map(struct image *g, struct ptw_tables *t, uint64_t va, uint64_t pa,
                uint64_t pages, unsigned flags, uint64_t *sum)
{
    uint64_t page = (uint64_t)1 << g->page_log2;
    struct ptw_map_request q = {
        .first = {va},
        .last = {va + (pages * page - 1)},
        .pa = {pa},
        .rights = PTW_READ | PTW_WRITE | ptw_rights_granted(&g->regime),
        .flags = flags,
    };

    bench_must(ptw_map(t, &q));
    for (uint64_t i = 0; i < pages; i++) {
        *sum += va + i * page + (pa + i * page);
    }
    g->leaves += flags != 0 ? 1 : pages;
}

/* Dense pages in runs as of kind A. */
static void map_dense(struct image *g, struct ptw_tables *t, uint64_t va,
                      uint64_t pages, uint64_t *seed, uint64_t *sum)
{
    while (pages > 0) {
        uint64_t run = 1;
        uint64_t frame;

        while (run < pages && (bench_random(seed) & 15) != 0) {
            run++;
        }
        frame = bench_random(seed) % (FRAMES - run);
        map(g, t, va, frame << g->page_log2, run, 0, sum);
        va += run << g->page_log2;
        pages -= run;
    }
}

static void map_broken(struct image *g, struct ptw_tables *t, uint64_t pages,
                       uint64_t *seed)
{
    uint64_t frame = 0;

    for (uint64_t i = 0; i < pages; i++) {
        uint64_t next;

        do {
            next = bench_random(seed) % FRAMES;
        } while (next == frame + 1);
        frame = next;
        map(g, t,
            g->base + (image_page(g->kind == IMAGE_SPARSE, i) << g->page_log2),
            frame << g->page_log2, 1, 0, &g->sum);
    }
}

/* Spans of 1 GiB: of dense small pages and pages of 2 MiB in turns, and every
 * eighth a page of 1 GiB. */
static void map_mixed(struct image *g, struct ptw_tables *t, uint64_t leaves,
                      uint64_t *seed)
{
    for (uint64_t span = 0; g->leaves < leaves; span++) {
        uint64_t va = g->base + (span << 30);

        if (span % 8 == 7) {
            map(g, t, va, bench_random(seed) % 1024 << 30, 1 << 18,
                PTW_EDIT_LARGE, &g->sum);
            continue;
        }
        for (unsigned i = 0; i < 512; i++, va += 1 << 21) {
            if (i % 2 == 0) {
                map(g, t, va, bench_random(seed) % 32768 << 21, 512,
                    PTW_EDIT_LARGE, &g->sum);
            } else {
                map_dense(g, t, va, 512, seed, &g->sum);
            }
        }
    }
}

static void map_roots(struct image *g, struct ptw_tables *t, uint64_t *seed)
{
    bool narrow = ptw_entry_bytes(&g->regime) == 4;
    uint64_t shared = narrow ? NARROW_SHARED : WIDE_SHARED;
    unsigned top = ptw_levels(&g->regime) - 1;
    size_t offset =
        (size_t)ptw_entry_index(&g->regime, top, ptw_va_of(shared)) *
        ptw_entry_bytes(&g->regime);
    unsigned entries = narrow ? 256 : 1;

    map_dense(g, t, shared, (uint64_t)1 << SHARED_LOG2, seed, &g->shared_sum);
    g->sum = g->shared_sum;
    for (uint32_t i = 0; i < IMAGE_ROOTS_MAX; i++) {
        if (i > 0) {
            bench_must(take(g, &t->root.table));
            memcpy(g->at + t->root.table.v + offset,
                   g->at + g->root[0].table.v + offset,
                   (size_t)entries * ptw_entry_bytes(&g->regime));
            g->aliases += entries;
        }
        map_dense(g, t, PRIVATE_BASE, PRIVATE_PAGES, seed, &g->sum);
        g->root[i] = t->root;
    }
    g->sum += g->aliases;
    g->roots = IMAGE_ROOTS_MAX;
}

/* Notes a table, and those below it, in the order of a walk that meets each
 * once. */
static void note_order(struct image *g, uint64_t table, unsigned level,
                       bool *seen, size_t *noted)
{
    const unsigned char *at = g->at + table;
    unsigned width = ptw_entry_bytes(&g->regime);
    uint64_t size = ptw_table_size(&g->regime, level);

    if (seen[table / g->table_bytes]) {
        return;
    }
    seen[table / g->table_bytes] = true;
    g->order[(*noted)++] = at;
    for (unsigned i = 0; level > 0 && i < size / width; i++) {
        uint64_t raw = width == 4 ? ((const uint32_t *)(const void *)at)[i]
                                  : ((const uint64_t *)(const void *)at)[i];
        struct ptw_entry e = ptw_decode(&g->regime, level, i, raw);

        if (e.kind == PTW_ENTRY_TABLE) {
            note_order(g, e.pa.v, level - 1, seen, noted);
        }
    }
}

static void note_tables(struct image *g)
{
    bool *seen = bench_memory(calloc(g->frames, sizeof *seen));
    const uint64_t *word = (const void *)g->at;
    size_t noted = 0;

    g->order = bench_memory(malloc(g->tables * sizeof *g->order));
    for (uint32_t i = 0; i < g->roots; i++) {
        note_order(g, g->root[i].table.v, ptw_levels(&g->regime) - 1, seen,
                   &noted);
    }
    free(seen);
    if (noted != g->tables) {
        bench_fail("%zu of %zu tables are met", noted, g->tables);
    }
    for (size_t i = 0; i < g->bytes / sizeof *word; i++) {
        g->words += word[i];
    }
}

static void make_arena(struct image *g, uint64_t leaves, uint64_t *seed)
{
    uint64_t per_table =
        ptw_table_size(&g->regime, 0) / ptw_entry_bytes(&g->regime);

    if (g->kind == IMAGE_SPARSE) {
        per_table = 8;
    }
    g->table_bytes = (size_t)ptw_table_size(&g->regime, 0);
    g->frames = (size_t)(leaves / per_table);
    g->frames += g->frames / 128 + (g->kind == IMAGE_ROOTS   ? 320
                                    : g->kind == IMAGE_MIXED ? 320
                                                             : 16);
    g->bytes = g->frames * g->table_bytes;
    g->at = bench_zeros(g->bytes);
    g->frame = bench_memory(malloc(g->frames * sizeof *g->frame));
    for (size_t i = 0; i < g->frames; i++) {
        size_t j = (size_t)(bench_random(seed) % (i + 1));

        g->frame[i] = g->frame[j];
        g->frame[j] = (uint32_t)i;
    }
    bench_must(ptw_mem_init_flat(&g->mem, ptw_pa_of(0), g->at, g->bytes, true));
}

void image_make(struct image *g, enum image_kind kind, const char *regime,
                unsigned size_log2)
{
    struct ptw_tables t = {.mem = &g->mem, .ops = &ops, .ctx = g};
    uint64_t leaves = (uint64_t)1
                      << (kind == IMAGE_ROOTS ? SHARED_LOG2 : size_log2);
    uint64_t seed = 1;

    memset(g, 0, sizeof *g);
    g->kind = kind;
    g->size_log2 = size_log2;
    bench_must(ptw_regime_by_name(regime, NULL, 0, &g->regime, NULL));
    g->base = ptw_va_bits(&g->regime) == 32 ? NARROW_BASE : WIDE_BASE;
    while (ptw_page_size(&g->regime) >> g->page_log2 != 1) {
        g->page_log2++;
    }
    g->lookups = size_log2 < 18 ? leaves : LOOKUPS;
    make_arena(g, leaves, &seed);
    t.root.regime = &g->regime;
    bench_must(take(g, &t.root.table));
    g->root[0] = t.root;
    g->roots = 1;
    switch (kind) {
    case IMAGE_A:
        map_dense(g, &t, g->base, leaves, &seed, &g->sum);
        break;
    case IMAGE_ONE:
        map(g, &t, g->base, 0, leaves, 0, &g->sum);
        break;
    case IMAGE_BROKEN:
    case IMAGE_SPARSE:
        map_broken(g, &t, leaves, &seed);
        break;
    case IMAGE_MIXED:
        map_mixed(g, &t, leaves, &seed);
        break;
    case IMAGE_ROOTS:
        map_roots(g, &t, &seed);
        break;
    }
    note_tables(g);
}

void image_free(struct image *g)
{
    munmap(g->at, g->bytes);
    free(g->frame);
    free(g->order);
}
