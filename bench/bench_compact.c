/* SPDX-License-Identifier: Apache-2.0 */
/* What does it cost to rebuild a guest, beside copying its pages?
 *
 * The guest has 64 spaces that share a kernel half of a quarter of its pages;
 * all its pages are 4 KiB ones, at random places of the spaces.  Memory, old
 * and new, is that of memfd files.  Into a new file, whose pages the kernel has
 * to make first, is one row; into one that is there already, another.  After
 * the rows comes what memory the rebuild needed beyond the files: what it asked
 * for, and RssAnon of /proc/self/status less that before. */
#include "rows.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SPACES = 64, PAGE = 4096, LEVELS = 4, ENTRIES = 512 };

static const uint64_t USER = 0x0000000010000000;
static const uint64_t KERNEL = 0xFFFF888000000000;
static const uint64_t ADDRESS = 0x000FFFFFFFFFF000;

enum kind { PREFAULTED, FRESH, NO_COPY, PLAN, VERIFY };

struct guest {
    unsigned char *bytes;
    size_t size;
    size_t pages; /* from address 0; behind them, tables */
    size_t tables;
    struct ptw_mem mem;
    struct ptw_regime regime;
    struct ptw_root root[SPACES];
};

struct job {
    struct guest g;
    enum kind kind;
    bool verified[COLUMNS];
    unsigned char *to;
    size_t to_size;
    uint64_t copied; /* bytes */
    struct ptw_mem to_mem;
    struct ptw_root new_root[SPACES];
    struct ptw_rebuild rebuild;
    struct ptw_verify verify;
    uint32_t *new_page;  /* of the ideal: 1 more than the new number, 0: none */
    uint32_t *new_table; /* the same */
    uint32_t planned;
    uint32_t made;
    size_t storage; /* given now */
    uint64_t anon;  /* kB, before */
};

/* Of all rows. */
static uint64_t pages;
static size_t most;
static uint64_t most_anon;

/* Memory of a new file, with nothing in it so far. */
static void *new_file(size_t bytes)
{
    int fd = memfd_create("guest", 0);
    void *p;

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        bench_fail("no memfd");
    }
    p = bench_memory(
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
    return p;
}

static uint64_t anon_kb(void)
{
    FILE *f = bench_memory(fopen("/proc/self/status", "r"));
    char line[256];
    uint64_t kb = 0;

    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kb = strtoull(line + 8, NULL, 10);
        }
    }
    fclose(f);
    return kb;
}

static void note_memory(const struct job *j)
{
    uint64_t kb = anon_kb() - j->anon;

    most_anon = kb > most_anon ? kb : most_anon;
    most = j->storage > most ? j->storage : most;
}

/* -------------------------------------------------------------------- guest */

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct guest *g = ctx;

    table->v = (g->pages + g->tables) * PAGE;
    g->tables++;
    return table->v + PAGE <= g->size ? PTW_OK : PTW_E_SPACE;
}

static void map_pages(struct ptw_tables *t, uint64_t va, const uint32_t *page,
                      uint64_t n, unsigned rights)
{
    for (uint64_t i = 0; i < n; i++) {
        struct ptw_map_request q = {
            .first = {va + i * PAGE},
            .last = {va + i * PAGE + PAGE - 1},
            .pa = {(uint64_t)page[i] * PAGE},
            .rights = rights,
        };

        bench_must(ptw_map(t, &q));
    }
}

static void make_guest(struct guest *g, size_t n, bool contents)
{
    static const struct ptw_table_ops ops = {.take = take};
    struct ptw_tables t = {
        .root = {.regime = &g->regime}, .mem = &g->mem, .ops = &ops};
    const struct ptw_cpu cpu = {.pa_bits = 46, .x86.page1g = true};
    uint64_t seed = 1;
    uint64_t shared;
    uint64_t own;
    uint32_t *page;

    g->pages = n;
    shared = n / 4;
    own = (n - shared) / SPACES;
    g->size = (size_t)(n + n / 256 + 8 * SPACES) * PAGE;
    g->bytes = new_file(g->size);
    for (uint64_t i = 0; contents && i < n * PAGE; i += 8) {
        uint64_t word = i * 0x9E3779B97F4A7C15 | 1;

        memcpy(g->bytes + i, &word, sizeof word);
    }
    page = bench_memory(malloc(n * sizeof *page));
    for (uint64_t i = 0; i < n; i++) {
        uint64_t other = bench_random(&seed) % (i + 1);

        page[i] = page[other];
        page[other] = (uint32_t)i;
    }
    bench_must(ptw_regime_by_name("amd64", &cpu, 0, &g->regime, NULL));
    bench_must(
        ptw_mem_init_flat(&g->mem, ptw_pa_of(0), g->bytes, g->size, true));
    t.ctx = g;
    for (uint64_t i = 0; i < SPACES; i++) {
        uint64_t end = i + 1 < SPACES ? own : n - shared - i * own;

        bench_must(take(g, &t.root.table));
        if (i == 0) {
            map_pages(&t, KERNEL, page, shared,
                      PTW_READ | PTW_WRITE | PTW_EXEC);
        } else {
            memcpy(g->bytes + t.root.table.v + PAGE / 2,
                   g->bytes + g->root[0].table.v + PAGE / 2, PAGE / 2);
        }
        map_pages(&t, USER, page + shared + i * own, end,
                  PTW_READ | PTW_WRITE | PTW_USER);
        g->root[i] = t.root;
    }
    free(page);
}

/* ------------------------------------------------------ sides: pages copied */

static uint64_t by_page(void *job)
{
    struct job *j = job;

    for (size_t at = 0; at < j->g.pages * PAGE; at += PAGE) {
        memcpy(j->to + at, j->g.bytes + at, PAGE);
    }
    return j->g.pages;
}

static uint64_t at_once(void *job)
{
    struct job *j = job;

    memcpy(j->to, j->g.bytes, j->g.pages * PAGE);
    return j->g.pages;
}

static enum ptw_status to_nowhere(void *ctx, ptw_pa to, const void *bytes,
                                  size_t n)
{
    struct job *j = ctx;

    (void)to;
    (void)bytes;
    j->copied += n;
    return PTW_OK;
}

static enum ptw_status to_memory(void *ctx, ptw_pa to, const void *bytes,
                                 size_t n)
{
    struct job *j = ctx;

    if (to.v > j->to_size || n > j->to_size - to.v) {
        return PTW_E_BUS;
    }
    memcpy(j->to + to.v, bytes, n);
    j->copied += n;
    return PTW_OK;
}

static uint64_t plan(void *job)
{
    struct job *j = job;
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    enum ptw_status st;

    bench_must(ptw_rebuild_init(&j->rebuild, &j->g.mem, j->g.root, SPACES, &o));
    while ((st = ptw_rebuild_plan(&j->rebuild)) == PTW_E_SPACE) {
        size_t bytes = j->rebuild.wanted;
        void *before;

        bench_must(ptw_rebuild_give(&j->rebuild, bench_memory(malloc(bytes)),
                                    bytes, &before));
        j->storage += bytes;
        note_memory(j);
        j->storage -= before == NULL ? 0 : malloc_usable_size(before);
        free(before);
    }
    bench_must(st);
    return j->rebuild.counts.pages;
}

static void forget(struct job *j)
{
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&j->rebuild, i));
    }
    j->storage = 0;
}

static uint64_t plan_alone(void *job)
{
    uint64_t planned = plan(job);

    forget(job);
    return planned;
}

static uint64_t rebuild_to(struct job *j, const struct ptw_page_sink *sink)
{
    (void)plan(j);
    j->copied = 0;
    bench_must(ptw_rebuild_copy(&j->rebuild, sink, j));
    bench_must(ptw_rebuild_tables(&j->rebuild, &j->to_mem, j->new_root));
    note_memory(j);
    forget(j);
    return j->copied / PAGE;
}

static uint64_t rebuild(void *job)
{
    static const struct ptw_page_sink sink = {to_memory};

    return rebuild_to(job, &sink);
}

static uint64_t rebuild_no_copy(void *job)
{
    static const struct ptw_page_sink sink = {to_nowhere};

    return rebuild_to(job, &sink);
}

static uint64_t verify(void *job)
{
    struct job *j = job;
    struct ptw_verify_options o = {.last = {UINT64_MAX}};
    enum ptw_status st;

    bench_must(ptw_verify_init(&j->verify, &j->g.mem, j->g.root, &j->to_mem,
                               j->new_root, SPACES, &o));
    while ((st = ptw_verify_run(&j->verify)) == PTW_E_SPACE) {
        size_t bytes = j->verify.wanted;
        void *before;

        bench_must(ptw_verify_give(&j->verify, bench_memory(malloc(bytes)),
                                   bytes, &before));
        j->storage += bytes;
        note_memory(j);
        j->storage -= before == NULL ? 0 : malloc_usable_size(before);
        free(before);
    }
    bench_must(st);
    note_memory(j);
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&j->verify, i));
    }
    j->storage = 0;
    return j->verify.certificate.pages;
}

/* The same by a program that trusts everything: each table is entered once,
 * pages that leaves map are numbered as they lie, and tables are written with
 * the new numbers.  Spaces have no root in common. */
static void plan_table(struct job *j, uint64_t table, unsigned level)
{
    const uint64_t *e = (const void *)(j->g.bytes + table);

    j->new_table[table / PAGE - j->g.pages] = ++j->made;
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t at = (e[i] & ADDRESS) / PAGE;

        if ((e[i] & 1) == 0) {
            continue;
        }
        if (level == 0) {
            j->new_page[at] = 1;
        } else if (j->new_table[at - j->g.pages] == 0) {
            plan_table(j, at * PAGE, level - 1);
        }
    }
}

static uint64_t ideal_plan(void *job)
{
    struct job *j = job;

    memset(j->new_page, 0, j->g.pages * sizeof *j->new_page);
    memset(j->new_table, 0, j->g.tables * sizeof *j->new_table);
    j->planned = 0;
    j->made = 0;
    for (unsigned i = 0; i < SPACES; i++) {
        plan_table(j, j->g.root[i].table.v, LEVELS - 1);
    }
    for (uint64_t at = 0; at < j->g.pages; at++) {
        j->planned += j->new_page[at];
        j->new_page[at] *= j->planned;
    }
    return j->planned;
}

/* Where a table, or a page, is in the new image: tables are behind the
 * pages. */
static uint64_t new_place(const struct job *j, uint64_t old)
{
    uint64_t at = old / PAGE;

    return (at < j->g.pages
                ? j->new_page[at] - 1u
                : (uint64_t)j->planned + j->new_table[at - j->g.pages] - 1) *
           PAGE;
}

static uint64_t ideal_no_copy(void *job)
{
    struct job *j = job;

    (void)ideal_plan(j);
    for (uint64_t t = 0; t < j->g.tables; t++) {
        const uint64_t *from =
            (const void *)(j->g.bytes + (j->g.pages + t) * PAGE);
        uint64_t *to = (void *)(j->to + new_place(j, (j->g.pages + t) * PAGE));

        for (unsigned i = 0; i < ENTRIES; i++) {
            to[i] = (from[i] & 1) == 0 ? 0
                                       : (from[i] & ~ADDRESS) |
                                             new_place(j, from[i] & ADDRESS);
        }
    }
    for (unsigned i = 0; i < SPACES; i++) {
        j->new_root[i] = ptw_root_of(
            &j->g.regime, ptw_pa_of(new_place(j, j->g.root[i].table.v)));
    }
    return j->planned;
}

static uint64_t ideal_rebuild(void *job)
{
    struct job *j = job;
    uint64_t n = ideal_no_copy(j);

    for (uint64_t at = 0; at < j->g.pages; at++) {
        if (j->new_page[at] != 0) {
            memcpy(j->to + (j->new_page[at] - 1u) * (size_t)PAGE,
                   j->g.bytes + at * PAGE, PAGE);
        }
    }
    return n;
}

/* --------------------------------------------------------------------- rows */

#define BY_PAGE BASELINE("memcpy", by_page)
#define AT_ONCE BASELINE("at once", at_once)

static const struct row rows[] = {
    ROW_OF_TIMES("rebuild-prefaulted", "page", PREFAULTED, "amd64", BY_PAGE,
                 AT_ONCE, SIDE(ideal_rebuild), SIDE(rebuild)),
    ROW_OF_TIMES("rebuild-fresh", "page", FRESH, "amd64", BY_PAGE, AT_ONCE,
                 SIDE(ideal_rebuild), SIDE(rebuild)),
    ROW("rebuild-no-copy", "page", NO_COPY, "amd64",
        [IDEAL] = SIDE(ideal_no_copy), [PTWALK] = SIDE(rebuild_no_copy)),
    ROW("rebuild-plan", "page", PLAN,
        "amd64", [IDEAL] = SIDE(ideal_plan), [PTWALK] = SIDE(plan_alone)),
    ROW_OF_TIMES("verify", "page", VERIFY, "amd64",
                 BY_PAGE, [PTWALK] = SIDE(verify)),
};

static void begin(const struct row *row, unsigned size_log2,
                  struct subject *out)
{
    struct job *j = bench_memory(calloc(1, sizeof *j));

    j->kind = (enum kind)row->kind;
    make_guest(&j->g, (size_t)1 << size_log2,
               j->kind != PLAN && j->kind != NO_COPY);
    pages = j->g.pages;
    j->to_size = j->g.size;
    j->to = new_file(j->to_size);
    if (j->kind != FRESH) { /* zeros, where nothing is copied */
        memset(j->to, j->kind != NO_COPY, j->to_size);
    }
    j->new_page = bench_memory(malloc(j->g.pages * sizeof *j->new_page));
    j->new_table = bench_memory(malloc(j->g.tables * sizeof *j->new_table));
    bench_must(
        ptw_mem_init_flat(&j->to_mem, ptw_pa_of(0), j->to, j->to_size, true));
    j->anon = anon_kb();
    if (j->kind == VERIFY) {
        (void)rebuild(j);
    }
    out->job = j;
    out->units = j->g.pages;
    out->sum = j->g.pages;
}

static void before(void *job, enum column side)
{
    struct job *j = job;

    if (j->kind == FRESH) {
        munmap(j->to, j->to_size);
        j->to = new_file(j->to_size);
        bench_must(ptw_mem_init_flat(&j->to_mem, ptw_pa_of(0), j->to,
                                     j->to_size, true));
    } else if (j->kind == VERIFY && side == PTWALK) {
        (void)rebuild(j);
    }
}

/* What was rebuilt is compared with the guest once. */
static uint64_t after(void *job, enum column side, uint64_t returned)
{
    struct job *j = job;

    if ((side == PTWALK || side == IDEAL) && j->kind <= NO_COPY &&
        !j->verified[side]) {
        j->verified[side] = true;
        if (verify(j) != returned) {
            return 0;
        }
    }
    return returned;
}

static void end(void *job)
{
    struct job *j = job;

    munmap(j->g.bytes, j->g.size);
    munmap(j->to, j->to_size);
    free(j->new_page);
    free(j->new_table);
    free(j);
}

int main(int argc, char **argv)
{
    static const struct bench compact = {
        .name = "bench_compact",
        .about = "Rebuilding, and what it is made of.  Limits: memcpy of the "
                 "same pages into the same\nkind of memory, page by page or "
                 "at once.",
        .row = rows,
        .rows = sizeof rows / sizeof rows[0],
        .size_log2 = 16,
        .small_log2 = 16,
        .most_log2 = 22,
        .begin = begin,
        .before = before,
        .after = after,
        .end = end,
    };
    int status;

    /* What is freed goes back at once, so that the figures are of what is
     * needed. */
    mallopt(M_MMAP_THRESHOLD, 1 << 16);
    status = bench_main(&compact, argc, argv);
    if (most > 0) {
        fprintf(stderr,
                "memory beyond the files, for %" PRIu64
                " pages: %.1f MiB asked for, RssAnon %.1f MiB\n",
                pages, (double)most / (1 << 20), (double)most_anon / 1024);
    }
    return status;
}
