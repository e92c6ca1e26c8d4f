/* SPDX-License-Identifier: Apache-2.0 */
/* How fast is a walk, beside what the memory itself allows?
 *
 * Every figure is a ratio of two things measured in turns in the same run:
 *
 *   streaming   a plain sum over the very same table bytes, table by table in
 *               the order in which the walk comes to them
 *   chase       the same translations with nothing but the loads: each entry's
 *               address depends on the load before it, and each address that is
 *               translated depends on the one before
 *
 * The middle one of the rounds' ratios is printed, and the least time of either
 * side.  Usage: bench_walk [LEAVES [ROUNDS]] */
#include "gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256, LOOKUPS = 1 << 18, ROUNDS_MAX = 1001 };

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(enum ptw_status st)
{
    if (st != PTW_OK && st != PTW_END) {
        fprintf(stderr, "bench_walk: %s\n", ptw_status_text(st));
        exit(3);
    }
}

/* What one side of a comparison works on. */
struct job {
    const struct gen_image *image;
    struct ptw_root root[GEN_ROOTS_MAX];
    struct ptw_regime regime;
    struct ptw_mem mem;
    const uint64_t **order; /* tables in walk order */
    size_t tables;
    ptw_va *ask; /* addresses to translate */
    void *memo_storage;
    size_t memo_bytes;
    unsigned flags;
};

static const uint64_t ADDRESS = 0x000ffffffffff000;

/* The order of a walk over distinct tables. */
static void note_order(struct job *j, uint64_t table, unsigned level,
                       bool *seen)
{
    const uint64_t *e = &j->image->entry[table / 8];
    bool narrow = ptw_entry_bytes(&j->regime) == 4;

    if (seen[table >> 12]) {
        return;
    }
    seen[table >> 12] = true;
    j->order[j->tables++] = e;
    for (unsigned i = 0; level > 0 && i < (narrow ? 1024 : 512); i++) {
        uint64_t raw = narrow ? ((const uint32_t *)(const void *)e)[i] : e[i];

        struct ptw_entry entry = ptw_decode(&j->regime, level, i, raw);

        if (entry.kind == PTW_ENTRY_TABLE) {
            note_order(j, entry.pa.v, level - 1, seen);
        }
    }
}

static void *allocated(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "bench_walk: out of memory\n");
        exit(3);
    }
    return p;
}

/* The leaf that amd64's tables have for va. */
static uint64_t leaf_of(const struct gen_image *g, uint64_t va)
{
    uint64_t table = g->root[0].v;

    for (unsigned level = 4; level-- > 0;) {
        table = g->entry[table / 8 + (va >> (12 + 9 * level) & 511)];
        if (level > 0 && (table & 0x80) != 0) {
            fprintf(stderr, "bench_walk: a large leaf\n");
            exit(3);
        }
        table = level > 0 ? table & ADDRESS : table;
    }
    return table;
}

/* The same small leaves under 32-bit paging, with the low 32 bits of their
 * addresses: a root in page 0, and tables of leaves in the order in which they
 * come.  Returns false when there is no room for them in 4 GiB. */
static bool i686_mode(struct gen_image *to, const struct gen_image *g)
{
    uint64_t base = g->leaf_va[0].v >> 32;
    uint32_t *entry;
    size_t tables = 1;

    for (size_t i = 0; i < g->leaf_vas; i++) {
        if (g->leaf_va[i].v >> 32 != base) {
            return false;
        }
    }
    *to = *g;
    to->entry = allocated(aligned_alloc(4096, (size_t)1025 * 4096));
    to->leaf_va = allocated(malloc(g->leaf_vas * sizeof *to->leaf_va));
    memset(to->entry, 0, (size_t)1025 * 4096);
    entry = (void *)to->entry;
    for (size_t i = 0; i < g->leaf_vas; i++) {
        uint64_t raw = leaf_of(g, g->leaf_va[i].v);
        uint32_t va = (uint32_t)g->leaf_va[i].v;
        uint32_t *upper = &entry[va >> 22];

        if (*upper == 0) {
            *upper = (uint32_t)(tables++ << 12) | 7;
        }
        entry[(*upper & 0xFFFFF000) / 4 + (va >> 12 & 1023)] =
            (uint32_t)(raw & 0xFFFFFFFF);
        to->leaf_va[i].v = va;
    }
    to->root[0].v = 0;
    to->leaves = g->leaf_vas;
    to->bytes = tables * 4096;
    to->used = tables;
    return true;
}

/* The same leaves under another mode of x86: the tables of g, which are amd64's,
 * with one more above them, or without the one at the top.  Its roots are behind
 * the tables of g.  Returns false when the mode's addresses don't reach. */
static bool other_mode(struct gen_image *to, const struct gen_image *g,
                       const char *regime)
{
    bool pae = strcmp(regime, "pae") == 0;
    uint64_t mask = pae ? 0xFFFFFFFF : 0xFFFFFFFFFFFF;
    uint64_t base = pae ? g->leaf_va[0].v & ~mask : 0;
    uint64_t *root;

    *to = *g;
    to->bytes = g->bytes + 4096;
    to->used = g->used + 1;
    to->entry = allocated(aligned_alloc(4096, to->bytes));
    to->leaf_va = allocated(malloc(g->leaf_vas * sizeof *to->leaf_va));
    memset(to->entry, 0, to->bytes);
    memcpy(to->entry, g->entry, g->bytes);
    root = to->entry + g->bytes / 8;
    root[0] = g->root[0].v | 7;
    if (pae) {
        const uint64_t *pml4 = to->entry + g->root[0].v / 8;
        const uint64_t *pdpt =
            to->entry + (pml4[base >> 39 & 511] & ADDRESS) / 8;

        for (unsigned i = 0; i < 4; i++) {
            uint64_t entry = pdpt[(base >> 30 & 511) + i];

            root[i] = (entry & 1) != 0 ? (entry & ADDRESS) | 1 : 0;
        }
    }
    to->root[0].v = g->bytes;
    for (size_t i = 0; i < g->leaf_vas; i++) {
        if (pae && (g->leaf_va[i].v & ~mask) != base) {
            free(to->entry);
            free(to->leaf_va);
            return false;
        }
        to->leaf_va[i].v = g->leaf_va[i].v & mask;
    }
    return true;
}

static void set_up(struct job *j, const struct gen_image *g, const char *regime)
{
    bool *seen = calloc(g->bytes / 4096, sizeof *seen);
    uint64_t seed = 99;

    memset(j, 0, sizeof *j);
    j->image = g;
    j->order = malloc(g->used * sizeof *j->order);
    j->ask = malloc(LOOKUPS * sizeof *j->ask);
    j->memo_bytes = ptw_memo_bytes(g->used + 1);
    j->memo_storage = malloc(j->memo_bytes);
    if (seen == NULL || j->order == NULL || j->ask == NULL ||
        j->memo_storage == NULL) {
        fprintf(stderr, "bench_walk: out of memory\n");
        exit(3);
    }
    must(ptw_regime_by_name(regime, NULL, 0, &j->regime, NULL));
    must(ptw_mem_init_flat(&j->mem, ptw_pa_of(0), g->entry, g->bytes, false));
    for (uint32_t i = 0; i < g->roots; i++) {
        j->root[i] = ptw_root_of(&j->regime, g->root[i]);
        note_order(j, g->root[i].v, ptw_levels(&j->regime) - 1, seen);
    }
    for (size_t i = 0; i < LOOKUPS; i++) {
        j->ask[i] = g->leaf_va[gen_random(&seed) % g->leaf_vas];
    }
    free(seen);
}

static void tear_down(struct job *j)
{
    free(j->order);
    free(j->ask);
    free(j->memo_storage);
}

/* One side of a comparison. */
typedef void side(struct job *j);

static void stream(struct job *j)
{
    uint64_t sum = 0;

    for (size_t t = 0; t < j->tables; t++) {
        const uint64_t *e = j->order[t];

        for (unsigned i = 0; i < 512; i++) {
            sum += e[i];
        }
    }
    sink = sum;
}

/* Returns the bytes mapped. */
static uint64_t drain(struct ptw_walk *w)
{
    static struct ptw_item item[BATCH];
    uint64_t bytes = 0;
    enum ptw_status st;
    size_t n;

    do {
        st = ptw_walk_next(w, item, BATCH, &n);
        for (size_t i = 0; i < n; i++) {
            if (item[i].kind == PTW_ITEM_MAPPING) {
                bytes += item[i].last.v - item[i].first.v + 1;
            }
        }
    } while (st == PTW_OK);
    must(st);
    return bytes;
}

static uint64_t follow_range(struct job *j, struct ptw_root root,
                             uint64_t first, uint64_t last)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;

    o.first.v = first;
    o.last.v = last;
    o.flags = j->flags;
    must(ptw_virt_to_phys_init(&w, &j->mem, root, &o));
    return drain(&w);
}

/* A walk that lost something would be fast, and worth nothing. */
static void must_be_all(const struct job *j, uint64_t bytes)
{
    if (bytes != j->image->mapped) {
        fprintf(stderr, "bench_walk: %" PRIu64 " bytes, not %" PRIu64 "\n",
                bytes, j->image->mapped);
        exit(3);
    }
}

static void follow(struct job *j)
{
    must_be_all(j, follow_range(j, j->root[0], 0, UINT64_MAX));
}

static void spaces(struct job *j)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;

    o.flags = j->flags;
    must(ptw_memo_init(&memo, j->memo_storage, j->memo_bytes, 12345));
    must(ptw_walk_va_spaces_init(&w, &j->mem, j->root, j->image->roots, &memo,
                                 &o));
    must_be_all(j, drain(&w));
}

/* The walk of the distinct tables of GEN_SHARED: everything of space 0, and of
 * the others only what they have for themselves. */
static void distinct(struct job *j)
{
    uint64_t bytes = follow_range(j, j->root[0], 0, UINT64_MAX);

    for (uint32_t i = 1; i < j->image->roots; i++) {
        bytes += follow_range(j, j->root[i], 0, 0x7fffffffffff);
    }
    must_be_all(j, bytes);
}

static void translate(struct job *j)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < LOOKUPS; i++) {
        struct ptw_translation t;

        must(ptw_lookup(&j->mem, j->root[0], j->ask[i], &t));
        sum += t.pa.v;
    }
    sink = sum;
}

static void chase(struct job *j)
{
    const uint64_t *entry = j->image->entry;
    uint64_t zero = 0;

    for (size_t i = 0; i < LOOKUPS; i++) {
        uint64_t va = j->ask[i].v | zero;
        uint64_t table = j->root[0].table.v;
        uint64_t e = 0;

        for (unsigned level = 4; level-- > 0;) {
            e = entry[table / 8 + (va >> (12 + 9 * level) & 511)];
            if ((e & 0x80) != 0) {
                break;
            }
            table = e & ADDRESS;
        }
        zero = e >> 62 & 1; /* no entry has it, but only the load knows */
    }
    sink = zero;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double timed(side *f, struct job *j)
{
    double start = now_ns();

    f(j);
    return now_ns() - start;
}

/* Times the two sides in turns and prints the line; times are for one of
 * `units`. */
static void compare(const char *what, side *ours, const char *baseline,
                    side *theirs, struct job *j, uint64_t units,
                    unsigned rounds, double goal)
{
    static double ratio[ROUNDS_MAX];
    double least_ours = 1e30;
    double least_theirs = 1e30;

    (void)timed(ours, j);
    (void)timed(theirs, j);
    for (unsigned i = 0; i < rounds; i++) {
        double t = timed(theirs, j);
        double o = timed(ours, j);

        ratio[i] = o / t;
        least_ours = o < least_ours ? o : least_ours;
        least_theirs = t < least_theirs ? t : least_theirs;
    }
    qsort(ratio, rounds, sizeof ratio[0], ascending);
    printf("  %-24s %8.2f ns   %-10s %8.2f ns   %6.2f x", what,
           least_ours / (double)units, baseline, least_theirs / (double)units,
           ratio[rounds / 2]);
    if (goal > 0) {
        printf("   goal %.1f", goal);
    }
    printf("\n");
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < least || n > most) {
        fprintf(stderr, "bench_walk: %s: expected a number from %u to %u\n",
                text, least, most);
        exit(2);
    }
    return (unsigned)n;
}

/* Modes of other families in which tables have the levels and the size of
 * amd64's: the bits of an entry that leads to a table, those of a leaf of 4 KiB
 * that can be read, written and executed, and by how far an address stands
 * higher in an entry than amd64 has it (below 0: lower). */
static const struct same_shape {
    const char *regime;
    uint64_t table;
    uint64_t leaf;
    int higher;
    unsigned va_bits; /* of an address; those above are zeros */
} same_shapes[] = {
    {"sv48", 0x1, 0xCF, -2, 0},
    {"aarch64-4k-48", 0x3, 0x703, 0, 48},
};

/* The same leaves in such a mode. */
static void same_shape(struct gen_image *to, const struct gen_image *g,
                       const struct same_shape *mode)
{
    *to = *g;
    to->entry = allocated(aligned_alloc(4096, g->bytes));
    to->leaf_va = allocated(malloc(g->leaf_vas * sizeof *to->leaf_va));
    for (size_t i = 0; i < g->bytes / 8; i++) {
        uint64_t e = g->entry[i];
        uint64_t at = e & ADDRESS;
        bool leaf = (e & 1 << 6) != 0; /* D: tables have none */

        at = mode->higher < 0 ? at >> -mode->higher : at << mode->higher;
        to->entry[i] =
            (e & 1) == 0 ? 0 : at | (leaf ? mode->leaf : mode->table);
    }
    for (size_t i = 0; i < g->leaf_vas; i++) {
        uint64_t va = g->leaf_va[i].v;

        to->leaf_va[i].v =
            mode->va_bits == 0 ? va : va & (((uint64_t)1 << mode->va_bits) - 1);
    }
}

/* The rows of another mode; frees its image. */
static void compare_mode(struct gen_image *other, const char *regime,
                         unsigned rounds)
{
    struct job j;

    set_up(&j, other, regime);
    printf("%s, the same leaves: %zu tables\n", regime, j.tables);
    j.flags = PTW_WALK_RUNS;
    compare("virt_to_phys, runs", follow, "streaming", stream, &j,
            other->leaves, rounds, 0);
    j.flags = 0;
    compare("virt_to_phys, leaves", follow, "streaming", stream, &j,
            other->leaves, rounds, 0);
    tear_down(&j);
    free(other->entry);
    free(other->leaf_va);
}

/* The rows of the other modes. */
static void compare_modes(const struct gen_image *g, unsigned rounds)
{
    static const char *const mode[] = {"amd64-la57", "pae", "i686"};
    struct gen_image other;

    for (unsigned i = 0; i < sizeof mode / sizeof mode[0]; i++) {
        if (strcmp(mode[i], "i686") == 0 ? !i686_mode(&other, g)
                                         : !other_mode(&other, g, mode[i])) {
            printf("%s: left out, its addresses end at 4 GiB\n", mode[i]);
            continue;
        }
        compare_mode(&other, mode[i], rounds);
    }
    for (unsigned i = 0; i < sizeof same_shapes / sizeof same_shapes[0]; i++) {
        same_shape(&other, g, &same_shapes[i]);
        compare_mode(&other, same_shapes[i].regime, rounds);
    }
}

int main(int argc, char **argv)
{
    uint64_t leaves = argc > 1 ? number(argv[1], 4096, 1 << 26) : 1 << 20;
    unsigned rounds = argc > 2 ? number(argv[2], 1, ROUNDS_MAX) : 21;

    printf("amd64; ns a leaf, or a lookup; least times, and the median of the "
           "ratios of %u rounds\n",
           rounds);
    for (enum gen_kind kind = 0; kind < GEN_KINDS; kind++) {
        struct gen_image g;
        struct job j;
        bool sparse = kind == GEN_SPARSE;

        gen_make(&g, kind, leaves);
        set_up(&j, &g, "amd64");
        printf("%s: %" PRIu64 " leaves, %zu tables, %u root%s\n",
               gen_name(kind), g.leaves, j.tables, g.roots,
               g.roots == 1 ? "" : "s");
        j.flags = PTW_WALK_RUNS;
        compare("walk_va_spaces, runs", spaces, "streaming", stream, &j,
                g.leaves, rounds, 0);
        if (kind == GEN_SHARED) {
            compare("walk_va_spaces, runs", spaces, "distinct", distinct, &j,
                    g.leaves, rounds, 1.5);
        } else {
            compare("virt_to_phys, runs", follow, "streaming", stream, &j,
                    g.leaves, rounds,
                    sparse             ? 1.3
                    : kind == GEN_RUNS ? 2.5
                                       : 0);
            j.flags = 0;
            compare("virt_to_phys, leaves", follow, "streaming", stream, &j,
                    g.leaves, rounds, sparse ? 1.3 : 0);
            compare("lookup, random", translate, "chase", chase, &j, LOOKUPS,
                    rounds, 0.4);
        }
        tear_down(&j);
        if (kind == GEN_RUNS) {
            compare_modes(&g, rounds);
        }
        gen_free(&g);
    }
    return 0;
}
