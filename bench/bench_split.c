/* SPDX-License-Identifier: Apache-2.0 */
/* What does it gain to walk in parts, in several threads?
 *
 * Each row is a walk measured in turns: as it is, and split among threads, in
 * one of the two ways of ptwalk/walk.h.  Parts are of one range, cut where
 * ptw_walk_cuts proposes.  An outline is walked by the first thread, which
 * hands out tables as it comes to them; memory is stopped, so the items are
 * those of the walk, and both sides count the leaves.  The speed-up is the
 * middle one of the rounds' ratios: by the clock, and by the work that the
 * threads do together, which is what is left on an idle machine when no thread
 * ever waits.
 * Usage: bench_split [LOG2 [THREADS [ROUNDS]]], images of 1 << LOG2 leaves */
#include "image.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    THREADS_MAX = 64,
    ROUNDS_MAX = 1001,
    PARTS = 16,  /* for each thread */
    HANDED = 64, /* tables of an outline that are handed out at a time */
    BATCH = 256,
    AHEAD = 8, /* tables */
    AHEAD_BYTES = 512
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(enum ptw_status st)
{
    if (st != PTW_OK && st != PTW_END) {
        fprintf(stderr, "bench_split: %s\n", ptw_status_text(st));
        exit(3);
    }
}

static void *allocated(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "bench_split: out of memory\n");
        exit(3);
    }
    return p;
}

/* One walk, and how it is split. */
struct job {
    struct ptw_mem mem;
    struct ptw_root root[IMAGE_ROOTS_MAX];
    uint32_t roots; /* 0: of one range, and cut into parts */
    struct ptw_walk_options o;
    struct ptw_memo memo;
    void *storage;
    size_t storage_bytes;
    ptw_va *cut;
    size_t cuts;
    struct ptw_item *table; /* of the outline */
    size_t tables_max;
    atomic_size_t tables; /* that there are so far */
    atomic_bool outlined;
    atomic_size_t next; /* part or tables to be taken */
};

struct worker {
    struct job *j;
    bool first;
    uint64_t leaves;
    double busy;
};

static uint64_t count(const struct ptw_item *item, size_t items)
{
    uint64_t leaves = 0;

    for (size_t i = 0; i < items; i++) {
        if (item[i].kind == PTW_ITEM_MAPPING) {
            leaves += ((item[i].last.v - item[i].first.v) >>
                       item[i].u.mapping.size_log2) +
                      1;
        }
    }
    return leaves;
}

static uint64_t count_walk(struct ptw_walk *w)
{
    struct ptw_item item[BATCH];
    uint64_t leaves = 0;
    enum ptw_status st;
    size_t items;

    while ((st = ptw_walk_next(w, item, BATCH, &items)) == PTW_OK) {
        leaves += count(item, items);
    }
    must(st);
    return leaves;
}

static void start(struct job *j, struct ptw_walk *w, unsigned flags)
{
    struct ptw_walk_options o = j->o;

    o.flags |= flags;
    if (j->roots == 0) {
        must(ptw_virt_to_phys_init(w, &j->mem, j->root[0], &o));
        return;
    }
    must(ptw_memo_init(&j->memo, j->storage, j->storage_bytes, 7));
    must(ptw_walk_va_spaces_init(w, &j->mem, j->root, j->roots, &j->memo, &o));
}

static uint64_t do_part(struct job *j, size_t number)
{
    struct ptw_va_range part = {j->o.first, j->o.last};
    struct ptw_walk w;

    if (number > 0) {
        part.first = j->cut[number - 1];
    }
    if (number < j->cuts) {
        part.last.v = j->cut[number].v - 1;
    }
    start(j, &w, 0);
    must(ptw_walk_part(&w, part));
    return count_walk(&w);
}

/* The first lines of the table that comes so many tables later are fetched: a
 * walk of one table does not know which is the next. */
static void fetch_ahead(const struct job *j, size_t i)
{
    const char *bytes =
        ptw_borrow(&j->mem, j->table[i].u.table.table, AHEAD_BYTES);

    for (size_t at = 0; bytes != NULL && at < AHEAD_BYTES; at += 64) {
        __builtin_prefetch(bytes + at);
    }
}

static uint64_t do_tables(struct job *j, size_t from, size_t to)
{
    uint64_t leaves = 0;

    for (size_t i = from; i < to; i++) {
        const struct ptw_item *item = &j->table[i];
        struct ptw_walk w;

        if (i + AHEAD < to) {
            fetch_ahead(j, i + AHEAD);
        }
        must(ptw_expand_init(&w, j->root[item->space].regime, &j->mem, item,
                             &j->o));
        leaves += count_walk(&w);
    }
    return leaves;
}

/* The first thread walks the outline; items of other kinds it counts. */
static uint64_t outline(struct job *j)
{
    struct ptw_item item[BATCH];
    struct ptw_walk w;
    uint64_t leaves = 0;
    enum ptw_status st;
    size_t tables = 0;
    size_t items;

    start(j, &w, PTW_WALK_OUTLINE);
    while ((st = ptw_walk_next(&w, item, BATCH, &items)) == PTW_OK) {
        leaves += count(item, items);
        for (size_t i = 0; i < items && tables < j->tables_max; i++) {
            if (item[i].kind == PTW_ITEM_TABLE) {
                j->table[tables++] = item[i];
            }
        }
        atomic_store(&j->tables, tables);
    }
    must(st);
    atomic_store(&j->outlined, true);
    return leaves;
}

static void *work(void *arg)
{
    struct worker *me = arg;
    struct job *j = me->j;
    double from = seconds(CLOCK_THREAD_CPUTIME_ID);

    me->leaves = 0;
    if (j->roots == 0) {
        size_t part;

        while ((part = atomic_fetch_add(&j->next, 1)) <= j->cuts) {
            me->leaves += do_part(j, part);
        }
    } else {
        size_t at;

        if (me->first) {
            me->leaves += outline(j);
        }
        at = atomic_fetch_add(&j->next, HANDED);
        for (;;) {
            bool outlined = atomic_load(&j->outlined);
            size_t tables = atomic_load(&j->tables);
            size_t end = at + HANDED < tables ? at + HANDED : tables;

            if (at + HANDED <= tables || (outlined && at < tables)) {
                me->leaves += do_tables(j, at, end);
                at = atomic_fetch_add(&j->next, HANDED);
            } else if (outlined) {
                break;
            }
        }
    }
    me->busy = seconds(CLOCK_THREAD_CPUTIME_ID) - from;
    return NULL;
}

/* The split walk; returns the leaves, and the time of all threads together. */
static uint64_t split(struct job *j, unsigned threads, double *busy)
{
    static struct worker worker[THREADS_MAX];
    pthread_t thread[THREADS_MAX];
    uint64_t leaves = 0;

    atomic_store(&j->next, 0);
    atomic_store(&j->tables, 0);
    atomic_store(&j->outlined, false);
    if (j->roots == 0) {
        struct ptw_walk w;

        start(j, &w, 0);
        must(ptw_walk_cuts(&w, j->cut, (size_t)threads * PARTS - 1, &j->cuts));
    }
    for (unsigned i = 0; i < threads; i++) {
        worker[i].j = j;
        worker[i].first = i == 0;
        if (i > 0 && pthread_create(&thread[i], NULL, work, &worker[i]) != 0) {
            must(PTW_E_SPACE);
        }
    }
    (void)work(&worker[0]);
    *busy = 0;
    for (unsigned i = 0; i < threads; i++) {
        if (i > 0) {
            (void)pthread_join(thread[i], NULL);
        }
        leaves += worker[i].leaves;
        *busy += worker[i].busy;
    }
    return leaves;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void row(struct job *j, const char *name, unsigned threads,
                unsigned rounds)
{
    static double by_clock[ROUNDS_MAX];
    static double by_work[ROUNDS_MAX];
    double least = 1e9;
    uint64_t leaves = 0;

    for (unsigned i = 0; i < rounds; i++) {
        struct ptw_walk w;
        double clock[3];
        double busy;
        double one;

        clock[0] = seconds(CLOCK_MONOTONIC);
        one = seconds(CLOCK_THREAD_CPUTIME_ID);
        start(j, &w, 0);
        leaves = count_walk(&w);
        one = seconds(CLOCK_THREAD_CPUTIME_ID) - one;
        clock[1] = seconds(CLOCK_MONOTONIC);
        if (split(j, threads, &busy) != leaves) {
            fprintf(stderr, "bench_split: %s: other leaves\n", name);
            exit(3);
        }
        clock[2] = seconds(CLOCK_MONOTONIC);
        by_clock[i] = (clock[1] - clock[0]) / (clock[2] - clock[1]);
        by_work[i] = one * threads / busy;
        least = one < least ? one : least;
    }
    qsort(by_clock, rounds, sizeof by_clock[0], ascending);
    qsort(by_work, rounds, sizeof by_work[0], ascending);
    printf("%-28s %8.2f %9.2fx %9.2fx\n", name, least * 1e9 / (double)leaves,
           by_clock[rounds / 2], by_work[rounds / 2]);
    (void)fflush(stdout);
}

static void image(enum image_kind kind, const char *name, unsigned size_log2,
                  unsigned threads, unsigned rounds)
{
    static struct image g;
    static struct job j;
    char line[64];

    image_make(&g, kind, "amd64", size_log2);
    j.mem = g.mem;
    ptw_mem_set_stopped(&j.mem, true);
    memcpy(j.root, g.root, g.roots * sizeof g.root[0]);
    j.o = ptw_walk_everything();
    j.tables_max = g.tables;
    j.table = allocated(malloc(g.tables * sizeof *j.table));
    j.cut = allocated(malloc((size_t)threads * PARTS * sizeof *j.cut));
    j.storage_bytes = ptw_memo_bytes(2 * g.tables);
    j.storage = allocated(malloc(j.storage_bytes));
    for (unsigned runs = 0; runs < 2; runs++) {
        j.o.flags = runs != 0 ? PTW_WALK_RUNS : 0;
        if (g.roots == 1) {
            j.roots = 0;
            snprintf(line, sizeof line, "%s, %s", name,
                     runs != 0 ? "runs" : "leaves");
            row(&j, line, threads, rounds);
        }
        j.roots = g.roots;
        snprintf(line, sizeof line, "%s, spaces%s", name,
                 runs != 0 ? ", runs" : "");
        row(&j, line, threads, rounds);
    }
    free(j.table);
    free(j.cut);
    free(j.storage);
    image_free(&g);
}

int main(int argc, char **argv)
{
    unsigned size_log2 = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 9;

    if (size_log2 < 12 || size_log2 > 28 || threads < 1 ||
        threads > THREADS_MAX || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench_split [LOG2 [THREADS [ROUNDS]]]\n");
        return 2;
    }
    printf("%u threads, %u rounds\n%-28s %8s %10s %10s\n", threads, rounds, "",
           "ns each", "by clock", "by work");
    image(IMAGE_A, "A", size_log2, threads, rounds);
    image(IMAGE_SPARSE, "sparse", size_log2 - 2, threads, rounds);
    image(IMAGE_ROOTS, "64 roots", size_log2, threads, rounds);
    return 0;
}
