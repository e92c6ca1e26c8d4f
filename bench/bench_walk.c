/* SPDX-License-Identifier: Apache-2.0 */
/* How fast are walks and lookups, beside what the memory itself allows? */
#include "ideal.h"
#include "image.h"
#include "limits.h"
#include "peer.h"
#include "rows.h"
#include "vector.h"

#include <stdlib.h>

enum { BATCH = 256 };

struct job {
    struct image image; /* the first member: most sides need nothing else */
    void *memo;
    size_t memo_bytes;
};

static uint64_t drain(const struct image *g, struct ptw_walk *w)
{
    static struct ptw_item item[BATCH];
    unsigned page_log2 = g->page_log2;
    uint64_t sum = 0;
    enum ptw_status st;
    size_t n;

    do {
        st = ptw_walk_next(w, item, BATCH, &n);
        for (size_t i = 0; i < n; i++) {
            const struct ptw_item *it = &item[i];

            if (it->kind == PTW_ITEM_MAPPING) {
                sum += image_run(it->first.v, it->u.mapping.pa.v,
                                 it->last.v - it->first.v + 1, page_log2);
            } else if (it->kind == PTW_ITEM_ALIAS) {
                sum++;
            }
        }
    } while (st == PTW_OK);
    bench_must(st);
    return sum;
}

/* The same of leaves that are all small. */
static uint64_t drain_leaves(struct ptw_walk *w)
{
    static struct ptw_item item[BATCH];
    uint64_t sum = 0;
    enum ptw_status st;
    size_t n;

    do {
        st = ptw_walk_next(w, item, BATCH, &n);
        for (size_t i = 0; i < n; i++) {
            if (item[i].kind == PTW_ITEM_MAPPING) {
                sum += item[i].first.v + item[i].u.mapping.pa.v;
            }
        }
    } while (st == PTW_OK);
    bench_must(st);
    return sum;
}

static uint64_t runs_below(const struct image *g, struct ptw_root root)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;

    o.flags = PTW_WALK_RUNS;
    bench_must(ptw_virt_to_phys_init(&w, &g->mem, root, &o));
    return drain(g, &w);
}

static uint64_t runs(void *job)
{
    const struct image *g = job;

    return runs_below(g, g->root[0]);
}

/* The same on vectors of at most that kind. */
static uint64_t runs_by(const struct image *g, unsigned vectors)
{
    struct ptw_regime r = g->regime;

    r.vectors = r.vectors < vectors ? r.vectors : vectors;
    return runs_below(g, ptw_root_of(&r, g->root[0].table));
}

static uint64_t runs_by_32(void *job)
{
    return runs_by(job, PTW_VECTORS_32);
}

static uint64_t runs_by_16(void *job)
{
    return runs_by(job, PTW_VECTORS_16);
}

static uint64_t runs_in_plain_c(void *job)
{
    return runs_by(job, PTW_VECTORS_NONE);
}

static uint64_t leaves(void *job)
{
    const struct image *g = job;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;

    bench_must(ptw_virt_to_phys_init(&w, &g->mem, g->root[0], &o));
    return drain_leaves(&w);
}

/* The sum over the leaves of a line; how many there are is mostly the same. */
static inline uint64_t line_sum(const struct ptw_regime *r,
                                const struct ptw_item *line, uint64_t page)
{
    uint64_t n = line->u.line.leaves;
    uint64_t sum = n * line->first.v + n * (n - 1) / 2 * page;
    ptw_pa pa[PTW_LINE_LEAVES];

    ptw_line_addresses(r, &line->u.line, pa);
    if (n == PTW_LINE_LEAVES) {
        sum += pa[0].v + pa[1].v + pa[2].v + pa[3].v;
        sum += pa[4].v + pa[5].v + pa[6].v + pa[7].v;
    } else {
        for (unsigned i = 0; i < n; i++) {
            sum += pa[i].v;
        }
    }
    return sum;
}

/* Each leaf of lines, all of which are small. */
static uint64_t lines(void *job)
{
    static struct ptw_item item[BATCH];
    const struct image *g = job;
    const struct ptw_regime *r = &g->regime;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    uint64_t page = (uint64_t)1 << g->page_log2;
    uint64_t sum = 0;
    enum ptw_status st;
    size_t n;

    o.flags = PTW_WALK_LINES;
    bench_must(ptw_virt_to_phys_init(&w, &g->mem, g->root[0], &o));
    do {
        st = ptw_walk_next(&w, item, BATCH, &n);
        for (size_t i = 0; i < n; i++) {
            const struct ptw_item *it = &item[i];

            if (it->kind == PTW_ITEM_MAPPING) {
                sum += it->first.v + it->u.mapping.pa.v;
            } else if (it->kind == PTW_ITEM_LINE) {
                sum += line_sum(r, it, page);
            }
        }
    } while (st == PTW_OK);
    bench_must(st);
    return sum;
}

static uint64_t spaces(void *job)
{
    struct job *j = job;
    const struct image *g = &j->image;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;

    o.flags = PTW_WALK_RUNS;
    bench_must(ptw_memo_init(&memo, j->memo, j->memo_bytes, 12345));
    bench_must(
        ptw_walk_va_spaces_init(&w, &g->mem, g->root, g->roots, &memo, &o));
    return drain(g, &w);
}

static inline uint64_t all_lookups(const struct image *g, bool sparse)
{
    struct asker asker = image_asker(g);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->lookups; i++) {
        struct ptw_translation t;
        enum ptw_status st = ptw_lookup(
            &g->mem, g->root[0], ptw_va_of(image_ask(&asker, sparse)), &t);

        if (st != PTW_OK) {
            bench_must(st);
        }
        sum += t.pa.v;
    }
    return sum;
}

static uint64_t lookups(void *job)
{
    const struct image *g = job;

    return g->kind == IMAGE_SPARSE ? all_lookups(g, true)
                                   : all_lookups(g, false);
}

/* The same by calls for BATCH addresses each. */
static uint64_t many(void *job)
{
    static ptw_va va[BATCH];
    static struct ptw_translation t[BATCH];
    static enum ptw_status st[BATCH];
    const struct image *g = job;
    struct asker asker = image_asker(g);
    bool sparse = g->kind == IMAGE_SPARSE;
    uint64_t sum = 0;
    size_t n;

    for (uint64_t done = 0; done < g->lookups; done += n) {
        n = g->lookups - done < BATCH ? (size_t)(g->lookups - done) : BATCH;
        for (size_t i = 0; i < n; i++) {
            va[i] = ptw_va_of(image_ask(&asker, sparse));
        }
        ptw_lookup_many(&g->mem, g->root[0], va, n, t, st);
        for (size_t i = 0; i < n; i++) {
            if (st[i] != PTW_OK) {
                bench_must(st[i]);
            }
            sum += t[i].pa.v;
        }
    }
    return sum;
}

/* What lookups come to, by the walk to each leaf alone. */
static uint64_t sum_of_lookups(const struct image *g)
{
    struct asker asker = image_asker(g);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->lookups; i++) {
        struct ptw_walk_options o = ptw_walk_everything();
        struct ptw_item item;
        struct ptw_walk w;
        size_t n;

        o.first.v = image_ask(&asker, g->kind == IMAGE_SPARSE);
        o.last = o.first;
        bench_must(ptw_virt_to_phys_init(&w, &g->mem, g->root[0], &o));
        bench_must(ptw_walk_next(&w, &item, 1, &n));
        if (n != 1) {
            bench_fail("a page that is asked for is not mapped");
        }
        sum += item.u.mapping.pa.v;
    }
    return sum;
}

/* The rows.  Those of an image stand together: another way to get at the same
 * leaves, or at the same answers, is one more of them. */

#define SUM     BASELINE("sum", limit_sum)
#define SUM_8   BASELINE("8 at a time", limit_sum_8)
#define CHASE   BASELINE("chase", limit_chase)
#define OVERLAP BASELINE("overlapping", limit_overlap)

static const struct row rows[] = {
    ROW("A-runs", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs), SIDE(peer_leaves)),
    ROW("A-runs-avx2", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs_by_32)),
    ROW("A-runs-sse2", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs_by_16)),
    ROW("A-runs-plain", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs_in_plain_c)),
    ROW("A-leaves", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_leaves),
        SIDE(leaves), SIDE(peer_leaves)),
    ROW("A-lines", "leaf", IMAGE_A, "amd64", SUM, SUM_8, SIDE(ideal_leaves),
        SIDE(lines), SIDE(peer_leaves)),
    ROW("one-run", "leaf", IMAGE_ONE, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs), SIDE(peer_leaves)),
    ROW("broken", "leaf", IMAGE_BROKEN, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs), SIDE(peer_leaves)),
    ROW("mixed", "leaf", IMAGE_MIXED, "amd64", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs), SIDE(peer_leaves)),
    ROW("i686", "leaf", IMAGE_A, "i686", SUM, SUM_8, SIDE(ideal_runs),
        SIDE(runs), SIDE(peer_leaves)),
    ROW("sparse-runs", "leaf", IMAGE_SPARSE, "amd64", SUM, SUM_8,
        SIDE(ideal_runs), SIDE(runs), SLOW_SIDE(peer_leaves)),
    ROW("sparse-spaces", "leaf", IMAGE_SPARSE, "amd64", SUM, SUM_8,
        SIDE(ideal_spaces), SIDE(spaces)),
    ROW("lookup-A", "lookup", IMAGE_A, "amd64", CHASE, OVERLAP,
        SIDE(ideal_lookups), SIDE(lookups), SIDE(peer_lookups)),
    ROW("lookup-sparse", "lookup", IMAGE_SPARSE, "amd64", CHASE, OVERLAP,
        SIDE(ideal_lookups), SIDE(lookups), SIDE(peer_lookups)),
    ROW("batch-A", "lookup", IMAGE_A, "amd64", OVERLAP, CHASE,
        SIDE(ideal_lookups), SIDE(many), SIDE(peer_lookups)),
    ROW("batch-sparse", "lookup", IMAGE_SPARSE, "amd64", OVERLAP, CHASE,
        SIDE(ideal_lookups), SIDE(many), SIDE(peer_lookups)),
    ROW("64-roots", "leaf", IMAGE_ROOTS, "amd64", SUM, NO_SIDE,
        SIDE(ideal_spaces), SIDE(spaces), SLOW_SIDE(peer_leaves)),
    ROW("64-roots-i686", "leaf", IMAGE_ROOTS, "i686", SUM, NO_SIDE,
        SIDE(ideal_spaces), SIDE(spaces), SLOW_SIDE(peer_leaves)),
    /* The leaves of A in other regimes: what each costs beside A-runs. */
    ROW("pae", "leaf", IMAGE_A, "pae", SUM, [PTWALK] = SIDE(runs)),
    ROW("la57", "leaf", IMAGE_A, "amd64-la57", SUM, [PTWALK] = SIDE(runs)),
    ROW("sv32", "leaf", IMAGE_A, "sv32", SUM, [PTWALK] = SIDE(runs)),
    ROW("sv39", "leaf", IMAGE_A, "sv39", SUM, [PTWALK] = SIDE(runs)),
    ROW("sv48", "leaf", IMAGE_A, "sv48", SUM, [PTWALK] = SIDE(runs)),
    ROW("aarch64-4k", "leaf", IMAGE_A, "aarch64-4k-48",
        SUM, [PTWALK] = SIDE(runs)),
    ROW("aarch64-16k", "leaf", IMAGE_A, "aarch64-16k-47",
        SUM, [PTWALK] = SIDE(runs)),
    ROW("aarch64-64k", "leaf", IMAGE_A, "aarch64-64k-48",
        SUM, [PTWALK] = SIDE(runs)),
};

static void begin(const struct row *row, unsigned size_log2,
                  struct subject *out)
{
    struct job *j = bench_memory(malloc(sizeof *j));

    image_make(&j->image, (enum image_kind)row->kind, row->regime, size_log2);
    j->memo_bytes = ptw_memo_bytes(j->image.tables);
    j->memo = bench_memory(malloc(j->memo_bytes));
    out->job = j;
    if (row->side[PTWALK].run == lookups || row->side[PTWALK].run == many) {
        out->units = j->image.lookups;
        out->sum = sum_of_lookups(&j->image);
    } else {
        out->units = j->image.leaves;
        out->sum = j->image.sum;
    }
}

static void end(void *job)
{
    struct job *j = job;

    image_free(&j->image);
    free(j->memo);
    free(j);
}

int main(int argc, char **argv)
{
    static const struct bench walk = {
        .name = "bench_walk",
        .about =
            "Walks and lookups.  Limits: the vector sum of the same tables, as "
            "a walk meets them,\nor eight of them at a time; the loads of the "
            "same translations, each asked when the\none before is answered, "
            "or "
            "overlapping.",
        .row = rows,
        .rows = sizeof rows / sizeof rows[0],
        .size_log2 = 20,
        .small_log2 = 16,
        .most_log2 = 20,
        .begin = begin,
        .end = end,
    };

    return bench_main(&walk, argc, argv);
}
