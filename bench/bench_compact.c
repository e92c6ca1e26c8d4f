/* SPDX-License-Identifier: Apache-2.0 */
/* What does it cost to rebuild a guest, beside copying its pages?
 *
 * The guest has 64 spaces that share a kernel half of a quarter of its pages;
 * all its pages are 4 KiB ones, at random places of the spaces.  Memory, old and
 * new, is that of memfd files.  In each round the pages are copied by memcpy,
 * page by page and in one piece, and the guest is rebuilt, each into a
 * destination of the same kind: a new file, whose pages the kernel has to make
 * first, or one that is there already.  Then the rebuilt guest is verified.  The
 * middle one of the rounds' ratios is printed, and the least time of each.
 * Memory beyond the files is what the steps asked for, and RssAnon of
 * /proc/self/status at the end of each step less that before the first.
 * Usage: bench_compact [MIB [ROUNDS]]     (4096, 3) */
#include "gen.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SPACES = 64, ROUNDS_MAX = 101, PAGE = 4096 };

static const uint64_t USER = 0x0000000010000000;
static const uint64_t KERNEL = 0xffff888000000000;

enum step { BY_PAGE, AT_ONCE, REBUILD, VERIFY, STEPS };

struct guest {
    unsigned char *bytes;
    size_t size;
    uint64_t pages; /* from address 0; behind them, tables */
    uint64_t tables;
    struct ptw_mem mem;
    struct ptw_regime regime;
    struct ptw_root root[SPACES];
};

struct job {
    struct guest g;
    unsigned char *to;
    size_t to_size;
    struct ptw_mem to_mem;
    struct ptw_root new_root[SPACES];
    struct ptw_rebuild rebuild;
    struct ptw_verify verify;
    size_t storage; /* given now, and at most */
    size_t most;
    uint64_t anon; /* kB: before, and at most */
    uint64_t most_anon;
    double time[STEPS][ROUNDS_MAX];
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(enum ptw_status st)
{
    if (st != PTW_OK) {
        fprintf(stderr, "bench_compact: %s\n", ptw_status_text(st));
        exit(3);
    }
}

static void *must_have(void *p)
{
    if (p == NULL || p == MAP_FAILED) {
        perror("bench_compact: memory");
        exit(3);
    }
    return p;
}

/* Memory of a new file, with nothing in it so far. */
static void *new_file(size_t bytes)
{
    int fd = memfd_create("guest", 0);
    void *p;

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        perror("bench_compact: memfd");
        exit(3);
    }
    p = must_have(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
    return p;
}

static uint64_t anon_kb(void)
{
    FILE *f = must_have(fopen("/proc/self/status", "r"));
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

static void note_memory(struct job *j)
{
    uint64_t kb = anon_kb() - j->anon;

    j->most_anon = kb > j->most_anon ? kb : j->most_anon;
    j->most = j->storage > j->most ? j->storage : j->most;
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
                      uint64_t pages, unsigned rights)
{
    for (uint64_t i = 0; i < pages; i++) {
        struct ptw_map_request q = {
            .first = {va + i * PAGE},
            .last = {va + i * PAGE + PAGE - 1},
            .pa = {(uint64_t)page[i] * PAGE},
            .rights = rights,
        };

        must(ptw_map(t, &q));
    }
}

static void make_guest(struct guest *g, uint64_t mib)
{
    static const struct ptw_table_ops ops = {.take = take};
    struct ptw_tables t = {
        .root = {.regime = &g->regime}, .mem = &g->mem, .ops = &ops};
    const struct ptw_cpu cpu = {.pa_bits = 46, .x86.page1g = true};
    uint64_t seed = 1;
    uint64_t shared;
    uint64_t own;
    uint32_t *page;

    memset(g, 0, sizeof *g);
    g->pages = mib * 256;
    shared = g->pages / 4;
    own = (g->pages - shared) / SPACES;
    g->size = (g->pages + g->pages / 256 + 8 * SPACES) * PAGE;
    g->bytes = new_file(g->size);
    for (uint64_t i = 0; i < g->pages * PAGE; i += 8) {
        uint64_t word = i * 0x9E3779B97F4A7C15 | 1;

        memcpy(g->bytes + i, &word, sizeof word);
    }
    page = must_have(malloc(g->pages * sizeof *page));
    for (uint64_t i = 0; i < g->pages; i++) {
        uint64_t other = gen_random(&seed) % (i + 1);

        page[i] = page[other];
        page[other] = (uint32_t)i;
    }
    must(ptw_regime_by_name("amd64", &cpu, 0, &g->regime, NULL));
    must(ptw_mem_init_flat(&g->mem, ptw_pa_of(0), g->bytes, g->size, true));
    t.ctx = g;
    for (uint64_t i = 0; i < SPACES; i++) {
        uint64_t end = i + 1 < SPACES ? own : g->pages - shared - i * own;

        must(take(g, &t.root.table));
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

/* -------------------------------------------------------------------- steps */

static void by_page(struct job *j)
{
    for (size_t at = 0; at < j->g.pages * PAGE; at += PAGE) {
        memcpy(j->to + at, j->g.bytes + at, PAGE);
    }
}

static void at_once(struct job *j)
{
    memcpy(j->to, j->g.bytes, j->g.pages * PAGE);
}

static enum ptw_status to_memory(void *ctx, ptw_pa to, const void *bytes,
                                 size_t n)
{
    struct job *j = ctx;

    if (to.v > j->to_size || n > j->to_size - to.v) {
        return PTW_E_BUS;
    }
    memcpy(j->to + to.v, bytes, n);
    return PTW_OK;
}

static void rebuild(struct job *j)
{
    static const struct ptw_page_sink sink = {to_memory};
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    enum ptw_status st;

    must(ptw_rebuild_init(&j->rebuild, &j->g.mem, j->g.root, SPACES, &o));
    while ((st = ptw_rebuild_plan(&j->rebuild)) == PTW_E_SPACE) {
        size_t bytes = j->rebuild.wanted;
        void *before;

        must(ptw_rebuild_give(&j->rebuild, must_have(malloc(bytes)), bytes,
                              &before));
        j->storage += bytes;
        note_memory(j);
        j->storage -= before == NULL ? 0 : malloc_usable_size(before);
        free(before);
    }
    must(st);
    must(ptw_rebuild_copy(&j->rebuild, &sink, j));
    must(ptw_mem_init_flat(&j->to_mem, ptw_pa_of(0), j->to, j->to_size, true));
    must(ptw_rebuild_tables(&j->rebuild, &j->to_mem, j->new_root));
    note_memory(j);
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&j->rebuild, i));
    }
    j->storage = 0;
}

static void verify(struct job *j)
{
    struct ptw_verify_options o = {
        .last = {UINT64_MAX},
    };
    enum ptw_status st;

    must(ptw_verify_init(&j->verify, &j->g.mem, j->g.root, &j->to_mem,
                         j->new_root, SPACES, &o));
    while ((st = ptw_verify_run(&j->verify)) == PTW_E_SPACE) {
        size_t bytes = j->verify.wanted;
        void *before;

        must(ptw_verify_give(&j->verify, must_have(malloc(bytes)), bytes,
                             &before));
        j->storage += bytes;
        note_memory(j);
        j->storage -= before == NULL ? 0 : malloc_usable_size(before);
        free(before);
    }
    must(st);
    note_memory(j);
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&j->verify, i));
    }
    j->storage = 0;
}

/* ------------------------------------------------------------------ results */

static int ascending(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static double least(const double *time, unsigned rounds)
{
    double t = time[0];

    for (unsigned i = 1; i < rounds; i++) {
        t = time[i] < t ? time[i] : t;
    }
    return t;
}

static double ratio(const double *x, const double *y, unsigned rounds)
{
    double r[ROUNDS_MAX];

    for (unsigned i = 0; i < rounds; i++) {
        r[i] = x[i] / y[i];
    }
    qsort(r, rounds, sizeof *r, ascending);
    return r[rounds / 2];
}

static void report(struct job *j, const char *kind, unsigned rounds)
{
    static const char *const name[STEPS] = {
        "memcpy, page by page", "memcpy, in one piece", "rebuild", "verify"};
    double gib = (double)(j->g.pages * PAGE) / (1 << 30);

    printf("%s\n", kind);
    for (enum step s = 0; s < STEPS; s++) {
        double t = least(j->time[s], rounds);

        printf("  %-22s %7.3f s  %6.2f GiB/s\n", name[s], t, gib / t);
    }
    printf("  speed of the rebuild / memcpy by page  %.2f   (goal 0.8)\n",
           ratio(j->time[BY_PAGE], j->time[REBUILD], rounds));
    printf("  speed of the rebuild / memcpy at once  %.2f\n",
           ratio(j->time[AT_ONCE], j->time[REBUILD], rounds));
    printf("  time to verify / to rebuild            %.2f   (goal 3)\n",
           ratio(j->time[VERIFY], j->time[REBUILD], rounds));
}

static void time_step(struct job *j, unsigned s, unsigned round)
{
    static void (*const step[STEPS])(struct job *) = {by_page, at_once, rebuild,
                                                      verify};
    double start = now();

    step[s](j);
    j->time[s][round] = now() - start;
}

/* Each step into a destination of its own when they are to be new. */
static void run(struct job *j, bool fresh, unsigned rounds)
{
    if (!fresh) {
        j->to = new_file(j->to_size);
        memset(j->to, 1, j->to_size);
    }
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < VERIFY; k++) {
            unsigned s = (k + i) % VERIFY; /* each is the first in its turn */

            if (fresh) {
                j->to = new_file(j->to_size);
            }
            time_step(j, s, i);
            if (s == REBUILD) {
                time_step(j, VERIFY, i);
            }
            if (fresh) {
                munmap(j->to, j->to_size);
            }
        }
    }
    if (!fresh) {
        munmap(j->to, j->to_size);
    }
    report(j, fresh ? "into a new file" : "into a file that is there already",
           rounds);
}

static unsigned number(const char *text, unsigned from, unsigned to)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < from || n > to) {
        fprintf(stderr, "bench_compact: %s: expected a number from %u to %u\n",
                text, from, to);
        exit(2);
    }
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    unsigned mib = argc > 1 ? number(argv[1], 16, 1 << 16) : 4096;
    unsigned rounds = argc > 2 ? number(argv[2], 1, ROUNDS_MAX) : 3;
    static struct job j;

    /* What is freed goes back at once, so that the figures are of what is
     * needed. */
    mallopt(M_MMAP_THRESHOLD, 1 << 16);
    make_guest(&j.g, mib);
    j.to_size = j.g.size;
    j.anon = anon_kb();
    printf("amd64; %" PRIu64 " pages, %" PRIu64 " tables, %u spaces\n",
           j.g.pages, j.g.tables, SPACES);
    run(&j, true, rounds);
    run(&j, false, rounds);
    printf("memory beyond the files: %.1f MiB asked for, RssAnon %.1f MiB "
           "(goal 64)\n",
           (double)j.most / (1 << 20), (double)j.most_anon / 1024);
    printf("digest %016" PRIx64 "%016" PRIx64 ", %" PRIu64 " pages compared\n",
           j.verify.certificate.digest[0], j.verify.certificate.digest[1],
           j.verify.certificate.pages);
    return 0;
}
