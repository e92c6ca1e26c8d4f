/* SPDX-License-Identifier: Apache-2.0 */
/* What does it cost to map a page, beside storing its entry?
 *
 * Each figure is a ratio of two things measured in turns in the same run, under
 * 4-level and then under 32-bit paging: 4 GiB of 4 KiB pages mapped by ptw_map, and plain stores of the very same entries
 * to the very same places, in the same order.  The middle one of the rounds'
 * ratios is printed, and the least time of either side, for one page.  Tables
 * come from a pool that is zeroed and in memory before the clock starts. Usage:
 * bench_edit [ROUNDS [REGIME]] */
#include "gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGES = 1 << 20, TABLES = PAGES / 512 + 16, ROUNDS_MAX = 1001 };

struct mode {
    const char *name;
    uint64_t base; /* the first page, and where it is mapped */
    uint64_t target;
    unsigned rights;
    uint64_t bits; /* of a leaf with those rights, from the manual */
};

static const struct mode modes[] = {
    {"amd64", 0x00007f0000000000, 0x100000000, PTW_READ | PTW_WRITE,
     0x8000000000000063},
    {"i686", 0, 0, PTW_READ | PTW_WRITE | PTW_EXEC, 0x63},
};

struct pool {
    const struct mode *mode;
    uint64_t *bytes;
    uint32_t used;
    struct ptw_mem mem;
    struct ptw_regime regime;
    struct ptw_tables tables;
    uint32_t *order; /* of pages */
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(enum ptw_status st)
{
    if (st != PTW_OK) {
        fprintf(stderr, "bench_edit: %s\n", ptw_status_text(st));
        exit(3);
    }
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct pool *p = ctx;

    if (p->used == TABLES) {
        return PTW_E_SPACE;
    }
    table->v = (uint64_t)p->used++ << 12;
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take, .give = NULL};

static void reset(struct pool *p)
{
    memset(p->bytes, 0, (size_t)TABLES * 4096);
    p->used = 0;
    p->tables.stock.tables = 0;
    must(take(p, &p->tables.root.table));
}

static struct ptw_map_request request(const struct pool *p, uint64_t page,
                                      uint64_t pages)
{
    struct ptw_map_request q = {
        .first = {p->mode->base + page * 4096},
        .last = {p->mode->base + (page + pages) * 4096 - 1},
        .pa = {p->mode->target + page * 4096},
        .rights = p->mode->rights,
    };

    return q;
}

static void map_range(struct pool *p)
{
    struct ptw_map_request q = request(p, 0, PAGES);

    must(ptw_map(&p->tables, &q));
}

static void map_pages(struct pool *p)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        struct ptw_map_request q = request(p, p->order[i], 1);

        must(ptw_map(&p->tables, &q));
    }
}

/* The entries that either of these wrote, in the same order.  Their places are
 * what the mapping found; a table of leaves has the frame it got. */
static void **place;

static void find_places(struct pool *p)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        struct ptw_step step[PTW_MAX_LEVELS];
        struct ptw_translation t;
        size_t steps;

        must(
            ptw_explain(&p->mem, p->tables.root,
                        ptw_va_of(p->mode->base + (uint64_t)p->order[i] * 4096),
                        &t, step, &steps));
        place[i] = (char *)p->bytes + step[steps - 1].entry.v;
    }
}

static void store(struct pool *p)
{
    uint64_t first = p->mode->target | p->mode->bits;

    for (uint32_t i = 0; i < PAGES; i++) {
        *(volatile uint64_t *)place[i] = first + (uint64_t)p->order[i] * 4096;
    }
}

static void store_narrow(struct pool *p)
{
    uint32_t first = (uint32_t)(p->mode->target | p->mode->bits);

    for (uint32_t i = 0; i < PAGES; i++) {
        *(volatile uint32_t *)place[i] = first + p->order[i] * 4096;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double timed(void (*side)(struct pool *), struct pool *p)
{
    double start = now_ns();

    side(p);
    return now_ns() - start;
}

static void compare(const char *what, void (*side)(struct pool *),
                    struct pool *p, unsigned rounds, double goal)
{
    static double ratio[ROUNDS_MAX];
    double least_ours = 1e30;
    double least_stores = 1e30;
    uint32_t tables = 0;
    void (*stored)(struct pool *) =
        ptw_entry_bytes(&p->regime) == 4 ? store_narrow : store;

    reset(p);
    side(p);
    find_places(p);
    for (unsigned i = 0; i < rounds; i++) {
        double ours;
        double stores;

        reset(p);
        ours = timed(side, p);
        tables = p->used;
        reset(p);
        stores = timed(stored, p);
        ratio[i] = ours / stores;
        least_ours = ours < least_ours ? ours : least_ours;
        least_stores = stores < least_stores ? stores : least_stores;
    }
    qsort(ratio, rounds, sizeof ratio[0], ascending);
    printf("  %-32s %7.2f ns   stores %7.2f ns   %6.2f x   %u tables   "
           "goal %.0f ns\n",
           what, least_ours / PAGES, least_stores / PAGES, ratio[rounds / 2],
           tables, goal);
}

static void measure(struct pool *p, const struct mode *mode, unsigned rounds)
{
    uint64_t seed = 7;

    p->mode = mode;
    must(ptw_regime_by_name(mode->name, NULL, 0, &p->regime, NULL));
    for (uint32_t i = 0; i < PAGES; i++) {
        p->order[i] = i;
    }
    printf("%s, 4 GiB in 4 KiB pages; ns a page, least times, and the "
           "median of the ratios of %u rounds\n",
           mode->name, rounds);
    compare("one range", map_range, p, rounds, 1);
    compare("page by page, ascending", map_pages, p, rounds, 15);
    for (uint32_t i = PAGES - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(gen_random(&seed) % (i + 1));
        uint32_t swap = p->order[i];

        p->order[i] = p->order[j];
        p->order[j] = swap;
    }
    compare("page by page, random", map_pages, p, rounds, 40);
}

int main(int argc, char **argv)
{
    unsigned rounds = 11;
    struct pool p;

    if (argc > 1) {
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
        if (rounds < 1 || rounds > ROUNDS_MAX) {
            fprintf(stderr, "bench_edit: %s: expected 1 to %d rounds\n",
                    argv[1], ROUNDS_MAX);
            return 2;
        }
    }
    memset(&p, 0, sizeof p);
    p.bytes = mmap(NULL, (size_t)TABLES * 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p.order = malloc(PAGES * sizeof *p.order);
    place = malloc(PAGES * sizeof *place);
    if (p.bytes == MAP_FAILED || p.order == NULL || place == NULL) {
        fprintf(stderr, "bench_edit: out of memory\n");
        return 3;
    }
    must(ptw_mem_init_flat(&p.mem, ptw_pa_of(0), p.bytes,
                           (uint64_t)TABLES * 4096, true));
    p.tables.root.regime = &p.regime;
    p.tables.mem = &p.mem;
    p.tables.ops = &ops;
    p.tables.ctx = &p;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (argc < 3 || strcmp(argv[2], modes[i].name) == 0) {
            measure(&p, &modes[i], rounds);
        }
    }
    return 0;
}
