/* SPDX-License-Identifier: Apache-2.0 */
/* Do time and memory follow the tables, however large the guest is?
 *
 * A guest of so many GiB in 4 KiB pages, divided among so many roots, is
 * written to a sparse file: its pages are holes, its tables are there.  Each
 * root has its share of the memory, in physical runs of 16 pages out of order,
 * and a kernel of 16 MiB whose tables all roots share.  Four sizes are made,
 * each twice as large as the one before and with twice as many roots; the last
 * one is the one asked for.  For each size the commands maps, spaces and verify
 * (the image is what it is rebuilt from) go through all of it, and the plan of
 * a rebuild, by the calls of the library that compact makes.
 *
 * Printed are the time of the processor, that of the clock, the most memory
 * that was not the image's, and the time for each table.  The last line says by
 * how much the time and the memory grew from the first size to the last, where
 * the tables grew eightfold.
 * Usage: bench_scale PTWALK DIRECTORY [GIB [ROOTS]] */
#include <ptwalk/ptwalk.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SIZES = 4,
    ENTRIES = 512,
    TABLE_BYTES = 4096,
    RUN_LOG2 = 4, /* pages */
    JOBS = 4
};

static const uint64_t TABLE = 0x27;              /* P, RW, US, A */
static const uint64_t LEAF = 0x8000000000000067; /* P, RW, US, A, D, XD */
static const uint64_t KERNEL = 0x163;            /* P, RW, A, D, G */
static const uint64_t KERNEL_BYTES = 16 << 20;
static const uint64_t SHUFFLE = 0x9E3779B97F4A7C15; /* odd */

static const char *const job_name[JOBS] = {"maps", "spaces", "verify", "plan"};

struct cost {
    double cpu;
    double clock;
    uint64_t bytes; /* of memory */
};

struct image {
    char name[4096];
    int fd;
    uint64_t data; /* bytes of it, from address 0 on */
    uint64_t bytes;
    uint64_t share; /* of each root, bytes */
    uint32_t roots;
    uint64_t *root;
    uint64_t tables;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_scale: ");
    perror(what);
    exit(3);
}

static void *must(void *p)
{
    if (p == NULL || p == MAP_FAILED) {
        fail("memory");
    }
    return p;
}

/* ---------------------------------------------------------------- the image */

/* Writes a table behind those that are there, and returns its address. */
static uint64_t put_table(struct image *im, const uint64_t *entry)
{
    uint64_t at = im->bytes;

    if (pwrite(im->fd, entry, TABLE_BYTES, (off_t)at) != TABLE_BYTES) {
        fail(im->name);
    }
    im->bytes += TABLE_BYTES;
    im->tables++;
    return at;
}

/* Writes the tables that hold those entries, and over the entries those that
 * lead to the tables.  Returns how many there are. */
static uint64_t put_level(struct image *im, uint64_t *entry, uint64_t count)
{
    uint64_t table[ENTRIES];
    uint64_t tables = 0;

    for (uint64_t i = 0; i < count; i += ENTRIES) {
        uint64_t n = count - i < ENTRIES ? count - i : ENTRIES;

        memset(table, 0, sizeof table);
        memcpy(table, entry + i, n * sizeof *table);
        entry[tables++] = put_table(im, table) | TABLE;
    }
    return tables;
}

/* The page of the memory of a root that stands at that place of its
 * addresses. */
static uint64_t page_of(uint64_t pages, uint64_t i)
{
    uint64_t runs = pages >> RUN_LOG2;
    uint64_t run = (i >> RUN_LOG2) * SHUFFLE % runs;

    return run << RUN_LOG2 | (i & ((1 << RUN_LOG2) - 1));
}

/* Returns the entry of a root that leads to all of these pages. */
static uint64_t put_part(struct image *im, uint64_t *entry, uint64_t pages)
{
    uint64_t n = pages;

    for (unsigned level = 0; level < 3; level++) {
        n = put_level(im, entry, n);
    }
    if (n != 1) {
        fprintf(stderr, "bench_scale: more than 512 GiB for a root\n");
        exit(2);
    }
    return entry[0];
}

static void make(struct image *im, const char *directory, uint64_t gib,
                 uint32_t roots)
{
    uint64_t pages;
    uint64_t *entry;
    uint64_t kernel;

    memset(im, 0, sizeof *im);
    snprintf(im->name, sizeof im->name, "%s/scale-%" PRIu64 ".raw", directory,
             gib);
    im->fd = open(im->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (im->fd < 0) {
        fail(im->name);
    }
    im->data = gib << 30;
    im->bytes = im->data;
    im->roots = roots;
    im->share = im->data / roots;
    im->root = must(malloc(roots * sizeof *im->root));
    pages = im->share / 4096;
    entry = must(
        malloc((pages > KERNEL_BYTES / 4096 ? pages : KERNEL_BYTES / 4096) *
               sizeof *entry));
    for (uint64_t i = 0; i < KERNEL_BYTES / 4096; i++) {
        entry[i] = i << 12 | KERNEL;
    }
    kernel = put_part(im, entry, KERNEL_BYTES / 4096);
    for (uint32_t r = 0; r < roots; r++) {
        uint64_t top[ENTRIES] = {0};

        for (uint64_t i = 0; i < pages; i++) {
            entry[i] = (r * pages + page_of(pages, i)) << 12 | LEAF;
        }
        top[0] = put_part(im, entry, pages);
        top[ENTRIES / 2] = kernel;
        im->root[r] = put_table(im, top);
    }
    free(entry);
}

/* ----------------------------------------------------------------- the work */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The most memory that a process had which is no file's, from its own records:
 * they are read now and then while it runs. */
static uint64_t memory_of(pid_t pid)
{
    char name[64];
    char line[256];
    uint64_t kib = 0;
    FILE *f;

    snprintf(name, sizeof name, "/proc/%ld/status", (long)pid);
    f = fopen(name, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1) {
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return kib << 10;
}

/* The plan of a rebuild, as the command compact makes it. */
static int plan(const struct image *im)
{
    static struct ptw_rebuild rb;
    struct ptw_regime regime;
    struct ptw_root *root = must(malloc(im->roots * sizeof *root));
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    struct ptw_mem mem;
    enum ptw_status st;
    const void *map = must(mmap(NULL, im->bytes, PROT_READ,
                                MAP_SHARED | MAP_NORESERVE, im->fd, 0));

    if (ptw_regime_by_name("amd64", NULL, 0, &regime, NULL) != PTW_OK ||
        ptw_mem_init_flat(&mem, ptw_pa_of(0), map, im->bytes, false) !=
            PTW_OK) {
        return 3;
    }
    ptw_mem_set_stopped(&mem, true);
    for (uint32_t i = 0; i < im->roots; i++) {
        root[i] = ptw_root_of(&regime, ptw_pa_of(im->root[i]));
    }
    o.seed = 1;
    st = ptw_rebuild_init(&rb, &mem, root, im->roots, &o);
    while (st == PTW_OK && (st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE) {
        size_t bytes = rb.wanted;
        void *before;

        st = ptw_rebuild_give(&rb, must(malloc(bytes)), bytes, &before);
        free(before);
    }
    if (st != PTW_OK) {
        fprintf(stderr, "bench_scale: plan: %s\n", ptw_status_text(st));
        return 3;
    }
    return 0;
}

/* The child: becomes the command. */
static void command(const struct image *im, const char *ptwalk, unsigned job)
{
    char **argv = must(calloc(2 * (size_t)im->roots + 16, sizeof *argv));
    char number[] = "18446744073709551615";
    size_t n = 0;
    int null = open("/dev/null", O_WRONLY);

    if (null < 0 || dup2(null, STDOUT_FILENO) < 0) {
        fail("/dev/null");
    }
    argv[n++] = (char *)(uintptr_t)ptwalk;
    argv[n++] = (char *)(uintptr_t)job_name[job];
    argv[n++] = (char *)(uintptr_t) "--regime";
    argv[n++] = (char *)(uintptr_t) "amd64";
    argv[n++] = (char *)(uintptr_t) "--reads";
    argv[n++] = number;
    if (job < 2) {
        argv[n++] = (char *)(uintptr_t) "--limit";
        argv[n++] = number;
    }
    for (uint32_t i = 0; i < im->roots; i++) {
        char *text = must(malloc(20));

        snprintf(text, 20, "%" PRIx64, im->root[i]);
        argv[n++] = (char *)(uintptr_t) "--root";
        argv[n++] = text;
    }
    argv[n++] = (char *)(uintptr_t)im->name;
    if (job == 2) {
        argv[n++] = (char *)(uintptr_t)im->name;
    }
    execv(ptwalk, argv);
    fail(ptwalk);
}

static struct cost run(const struct image *im, const char *ptwalk, unsigned job)
{
    struct timespec pause = {0, 5000000};
    struct cost cost = {0, seconds(), 0};
    struct rusage use;
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        if (job == 3) {
            _exit(plan(im));
        }
        command(im, ptwalk, job);
    }
    while (wait4(pid, &status, WNOHANG, &use) == 0) {
        uint64_t bytes = memory_of(pid);

        cost.bytes = bytes > cost.bytes ? bytes : cost.bytes;
        nanosleep(&pause, NULL);
    }
    cost.clock = seconds() - cost.clock;
    cost.cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "bench_scale: %s failed\n", job_name[job]);
        exit(3);
    }
    return cost;
}

int main(int argc, char **argv)
{
    uint64_t gib = argc > 3 ? strtoull(argv[3], NULL, 10) : 16;
    uint64_t roots = argc > 4 ? strtoull(argv[4], NULL, 10) : 4 * gib;
    static struct cost cost[SIZES][JOBS];
    uint64_t tables[SIZES];

    if (argc < 3 || gib < 8 || (gib & (gib - 1)) != 0 || roots < 8 ||
        roots % 8 != 0 || (roots & (roots - 1)) != 0 || roots > 64 * gib) {
        fprintf(stderr,
                "usage: bench_scale PTWALK DIRECTORY [GIB [ROOTS]]\n"
                "GIB: a power of 2, 8 or more (16); ROOTS: another one, at "
                "most 64 each GiB (4 each)\n");
        return 2;
    }
    printf("%6s %6s %9s %-7s %9s %9s %9s %9s\n", "GiB", "roots", "tables", "",
           "cpu s", "clock s", "memory", "us/table");
    for (unsigned i = 0; i < SIZES; i++) {
        struct image im;

        make(&im, argv[2], gib >> (SIZES - 1 - i),
             (uint32_t)(roots >> (SIZES - 1 - i)));
        tables[i] = im.tables;
        for (unsigned job = 0; job < JOBS; job++) {
            struct cost *c = &cost[i][job];

            *c = run(&im, argv[1], job);
            printf("%6" PRIu64 " %6" PRIu32 " %9" PRIu64
                   " %-7s %9.2f %9.2f %6.0f MB %9.2f\n",
                   im.data >> 30, im.roots, im.tables, job_name[job], c->cpu,
                   c->clock, (double)c->bytes * 1e-6,
                   c->cpu * 1e6 / (double)im.tables);
        }
        (void)close(im.fd);
        (void)unlink(im.name);
        free(im.root);
    }
    printf("from %" PRIu64 " to %" PRIu64 " tables, x%.1f:", tables[0],
           tables[SIZES - 1], (double)tables[SIZES - 1] / (double)tables[0]);
    for (unsigned job = 0; job < JOBS; job++) {
        printf(" %s x%.1f time, x%.1f memory%s", job_name[job],
               cost[SIZES - 1][job].cpu / cost[0][job].cpu,
               (double)cost[SIZES - 1][job].bytes / (double)cost[0][job].bytes,
               job + 1 < JOBS ? ";" : "\n");
    }
    return 0;
}
