/* SPDX-License-Identifier: Apache-2.0 */
/* How long can a guest keep its host busy?
 *
 * Columns: the case, pages of tables, regions besides, pages of memory, the
 * step, its time and how much it grew since the size before, its work and how
 * much that grew, and what the step answered.
 *
 * Images of a few pages, made to cost as much as they can: every table is also
 * a table of another level, every leaf is as large as it gets and maps the same
 * memory again, or other memory each time; memory comes in as many pieces as a
 * host may have; roots, ranges left out, maps and every policy multiply that.
 * Each case is run in four sizes, doubled three times: in pages (2 to 16, at
 * the largest number of regions) and in regions (128 to 1,024, of 16 pages).
 *
 * What is measured are the steps that a host runs on a guest's behalf:
 *
 *     walk     ptw_walk_va_spaces and ptw_exposed, to the end
 *     plan     ptw_rebuild_plan
 *     same     ptw_verify of the image with itself
 *     differ   ptw_verify of the image with one of which the last page differs:
 *              diff has no part of its own in the library besides walks, which
 *              max_reads bounds, and this is the library's comparison
 *     rebuilt  ptw_verify with the image rebuilt, whose size counts, too
 *
 * For each: the least time of three, the work as the library counts it, and how
 * much either grew where the size doubled.  The law is about the work: at most
 * WORK_PER_ENTRY for each entry of the law's sum (see limit_of), which is less
 * than rebuild.h and verify.h promise.  A case beyond that is marked, and the
 * exit status is 1.  A time beyond 10 ms for each 16 pages of memory (column
 * mem: the image's and the regions' together) is marked too; that does not
 * fail, since a machine may be busy.  The cases whose name ends in -many leave
 * out 300 ranges, which the host chooses and no guest: their times are not
 * judged, their work is.
 * Usage: bench_hostile [-v] [CASE]     (-v: every size, not the largest
 *                                      only) */
#include <ptwalk/ptwalk.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAGE = 4096,
    SIZES = 4,
    PAGES_MAX = 16,
    REGIONS_MAX = 1024,
    ROOTS_MAX = 16,
    RANGES = 16,
    RANGES_MANY = 300,
    MAPS_MAX = 16,
    ROUNDS = 3,
    WORK_PER_ENTRY = 4,
};

enum step { WALK, PLAN, SAME, DIFFER, REBUILT, STEPS };

static const char *const step_name[STEPS] = {"walk", "plan", "same", "differ",
                                             "rebuilt"};

/* For PAGES_MAX pages of memory, on a machine of 2020. */
static const double MOST_SECONDS = 0.010;

/* Of the entries of an x86-64 leaf: present, writable, user, accessed, dirty,
 * large. */
enum { P = 1, RW = 2, US = 4, AD = 0x60, PS = 0x80 };
enum { TABLE = P | RW | US | 0x20, LEAF = P | RW | US | AD };

/* What a case is made of. */
enum shape {
    GIANT_SAME,    /* all tables are PDPTs; 1 GiB leaves of one address */
    GIANT_SPREAD,  /* the same, each leaf another 1 GiB */
    MIDDLE_SAME,   /* all tables are page directories; 2 MiB leaves */
    MIDDLE_SPREAD, /* the same, each leaf another 2 MiB */
    SMALL_SPREAD,  /* all tables hold 4 KiB leaves */
    WEB,           /* every entry leads to a table: one of them, at every level
                      at once */
    FRAGMENTS,     /* the same, and the tables are the regions' */
    SELVES,        /* every table holds itself, and giants */
};

/* Where the memory besides the tables is. */
enum memory {
    BYTES,    /* a byte at the end of a page, spread over what leaves map */
    PIECES,   /* half pages, next to each other in pairs: whole ones */
    HALVES,   /* half pages, spread: none is whole */
    WHOLE,    /* the pages that hold the tables, besides, one by one */
    BEHIND,   /* 100 bytes behind a boundary that all leaves map */
    ONE_PAGE, /* a page behind such a boundary, and bytes */
};

struct hostile {
    const char *name;
    enum shape shape;
    enum memory memory;
    unsigned flags;
    unsigned roots;
    unsigned ranges;
    unsigned maps;
    bool i686;
    bool read_only;
    bool absent; /* every other entry is of a page without access */
};

enum {
    COW = PTW_REBUILD_COPY_ON_WRITE,
    SHARED = PTW_REBUILD_COPY_SHARED,
    SPLIT = PTW_REBUILD_SPLIT,
    MERGE = PTW_REBUILD_MERGE,
    ZEROS = PTW_REBUILD_ZEROS,
};

static const struct hostile hostile[] = {
    {.name = "scraps", .shape = GIANT_SAME, .memory = BEHIND},
    {.name = "scraps-page", .shape = GIANT_SAME, .memory = ONE_PAGE},
    {.name = "locate",
     .shape = GIANT_SPREAD,
     .memory = BYTES,
     .read_only = true},
    {.name = "giant-same", .shape = GIANT_SAME, .memory = BYTES},
    {.name = "giant-halves", .shape = GIANT_SAME, .memory = HALVES},
    {.name = "giant-pieces", .shape = GIANT_SAME, .memory = PIECES},
    {.name = "giant-whole", .shape = GIANT_SAME, .memory = WHOLE},
    {.name = "giant-spread", .shape = GIANT_SPREAD, .memory = BYTES},
    {.name = "giant-cow", .shape = GIANT_SPREAD, .memory = BYTES, .flags = COW},
    {.name = "giant-same-cow",
     .shape = GIANT_SAME,
     .memory = HALVES,
     .flags = COW | MERGE},
    {.name = "giant-shared",
     .shape = GIANT_SAME,
     .memory = BYTES,
     .flags = COW | SHARED},
    {.name = "giant-split",
     .shape = GIANT_SAME,
     .memory = BYTES,
     .flags = SPLIT | ZEROS},
    {.name = "giant-ranges",
     .shape = GIANT_SAME,
     .memory = BYTES,
     .ranges = RANGES},
    {.name = "giant-ranges-roots",
     .shape = GIANT_SAME,
     .memory = HALVES,
     .ranges = RANGES,
     .roots = ROOTS_MAX,
     .flags = COW},
    {.name = "giant-spread-ranges",
     .shape = GIANT_SPREAD,
     .memory = BYTES,
     .ranges = RANGES,
     .roots = ROOTS_MAX,
     .flags = COW | MERGE},
    {.name = "giant-maps",
     .shape = GIANT_SAME,
     .memory = BYTES,
     .ranges = RANGES,
     .maps = MAPS_MAX,
     .roots = ROOTS_MAX},
    {.name = "giant-maps-many",
     .shape = GIANT_SAME,
     .memory = BYTES,
     .ranges = RANGES_MANY,
     .maps = MAPS_MAX,
     .roots = ROOTS_MAX},
    {.name = "middle-same", .shape = MIDDLE_SAME, .memory = BYTES},
    {.name = "middle-whole",
     .shape = MIDDLE_SAME,
     .memory = WHOLE,
     .flags = COW},
    {.name = "middle-spread", .shape = MIDDLE_SPREAD, .memory = BYTES},
    {.name = "middle-spread-cow",
     .shape = MIDDLE_SPREAD,
     .memory = HALVES,
     .flags = COW | SPLIT},
    {.name = "middle-ranges",
     .shape = MIDDLE_SPREAD,
     .memory = BYTES,
     .ranges = RANGES,
     .roots = ROOTS_MAX},
    {.name = "small", .shape = SMALL_SPREAD, .memory = BYTES, .flags = COW},
    {.name = "small-merge",
     .shape = SMALL_SPREAD,
     .memory = WHOLE,
     .flags = MERGE | ZEROS,
     .read_only = true},
    {.name = "web", .shape = WEB, .memory = BYTES},
    {.name = "web-roots",
     .shape = WEB,
     .memory = BYTES,
     .roots = ROOTS_MAX,
     .flags = COW | MERGE},
    {.name = "web-ranges",
     .shape = WEB,
     .memory = BYTES,
     .roots = ROOTS_MAX,
     .ranges = RANGES},
    {.name = "web-ranges-many",
     .shape = WEB,
     .memory = BYTES,
     .roots = ROOTS_MAX,
     .ranges = RANGES_MANY},
    {.name = "fragments", .shape = FRAGMENTS, .memory = BYTES},
    {.name = "fragments-halves",
     .shape = FRAGMENTS,
     .memory = HALVES,
     .roots = ROOTS_MAX},
    {.name = "selves",
     .shape = SELVES,
     .memory = BYTES,
     .flags = COW,
     .roots = ROOTS_MAX},
    {.name = "selves-ranges",
     .shape = SELVES,
     .memory = HALVES,
     .roots = ROOTS_MAX,
     .ranges = RANGES},
    {.name = "absent-giant",
     .shape = GIANT_SAME,
     .memory = HALVES,
     .absent = true,
     .roots = ROOTS_MAX,
     .ranges = RANGES,
     .maps = MAPS_MAX},
    {.name = "absent-small",
     .shape = SMALL_SPREAD,
     .memory = WHOLE,
     .absent = true,
     .flags = COW | MERGE},
    {.name = "absent-fragments",
     .shape = FRAGMENTS,
     .memory = BYTES,
     .absent = true,
     .roots = ROOTS_MAX},
    {.name = "absent-i686",
     .shape = SMALL_SPREAD,
     .memory = WHOLE,
     .absent = true,
     .i686 = true,
     .roots = ROOTS_MAX,
     .ranges = RANGES},
    {.name = "i686-same", .shape = MIDDLE_SAME, .memory = BYTES, .i686 = true},
    {.name = "i686-spread-cow",
     .shape = MIDDLE_SPREAD,
     .memory = HALVES,
     .flags = COW,
     .i686 = true},
    {.name = "i686-whole",
     .shape = MIDDLE_SAME,
     .memory = WHOLE,
     .flags = SPLIT,
     .i686 = true,
     .roots = ROOTS_MAX},
    {.name = "i686-web",
     .shape = WEB,
     .memory = BYTES,
     .i686 = true,
     .roots = ROOTS_MAX,
     .ranges = RANGES},
    {.name = "i686-web-many",
     .shape = WEB,
     .memory = BYTES,
     .i686 = true,
     .roots = ROOTS_MAX,
     .ranges = RANGES_MANY},
    {.name = "i686-fragments",
     .shape = FRAGMENTS,
     .memory = BYTES,
     .i686 = true},
};

enum { CASES = sizeof hostile / sizeof hostile[0] };

/* An image in its memory; two of them differ in their last page. */
struct guest {
    const struct hostile *c;
    struct ptw_regime regime;
    unsigned char *bytes; /* of the pages */
    unsigned char *scrap; /* of every other region: two pages */
    unsigned pages;
    unsigned regions;
    uint64_t base; /* of the pages */
    struct ptw_region *region;
    size_t used;
    struct ptw_mem mem;
    struct ptw_root root[ROOTS_MAX];
    unsigned roots;
    struct ptw_va_range range[RANGES_MANY];
    struct ptw_map_request map[MAPS_MAX];
    struct ptw_rebuild_options o;
};

static void die(const char *what, enum ptw_status st)
{
    fprintf(stderr, "bench_hostile: %s: %s\n", what, ptw_status_text(st));
    exit(3);
}

static void must(const char *what, enum ptw_status st)
{
    if (st != PTW_OK) {
        die(what, st);
    }
}

static void *must_have(void *p)
{
    if (p == NULL) {
        die("memory", PTW_E_SPACE);
    }
    return p;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* -------------------------------------------------------------------- guest */

static unsigned entries(const struct guest *g)
{
    return g->c->i686 ? 1024 : 512;
}

static void put(struct guest *g, unsigned page, unsigned index, uint64_t raw)
{
    unsigned bytes = PAGE / entries(g);

    for (unsigned i = 0; i < bytes; i++) {
        g->bytes[(size_t)page * PAGE + (size_t)index * bytes + i] =
            (unsigned char)(raw >> 8 * i);
    }
}

static uint64_t page_at(const struct guest *g, unsigned page)
{
    return g->base + (uint64_t)page * PAGE;
}

static unsigned giant_log2(const struct guest *g)
{
    return g->c->i686 ? 22 : 30;
}

static unsigned middle_log2(const struct guest *g)
{
    return g->c->i686 ? 22 : 21;
}

static void offer(struct guest *g, uint64_t pa, uint64_t bytes)
{
    struct ptw_region *r = &g->region[g->used];

    for (size_t i = 0; i < g->used; i++) {
        if (g->region[i].first.v <= pa + (bytes - 1) &&
            g->region[i].last.v >= pa) {
            return; /* leaves may be too small for so many */
        }
    }
    if (g->used == REGIONS_MAX + 2 * PAGES_MAX) {
        return;
    }
    r->first.v = pa;
    r->last.v = pa + (bytes - 1);
    r->host = g->scrap + pa % PAGE;
    r->writable = false;
    g->used++;
}

/* Where the i-th scrap of memory is: in a leaf of its own if leaves differ. */
static uint64_t scrap_at(const struct guest *g, unsigned i)
{
    bool spread = g->c->shape == GIANT_SPREAD || g->c->shape == MIDDLE_SPREAD;
    uint64_t step = g->c->shape == MIDDLE_SAME || g->c->shape == MIDDLE_SPREAD
                        ? (uint64_t)1 << middle_log2(g)
                        : (uint64_t)1 << giant_log2(g);
    uint64_t within = step / REGIONS_MAX & ~(uint64_t)(PAGE - 1);

    within = within < PAGE ? PAGE : within;
    if (spread) {
        return step + step * (i % 64) + within * (i / 64) * 16 % step;
    }
    return step + within * i % step;
}

static void offer_memory(struct guest *g)
{
    uint64_t boundary = (uint64_t)1 << giant_log2(g);
    unsigned left = g->regions;

    if (g->c->memory == WHOLE) {
        for (unsigned i = 0; i < g->pages; i++) {
            offer(g, page_at(g, i), PAGE);
            g->region[g->used - 1].host = g->bytes + (size_t)i * PAGE;
        }
        return;
    }
    offer(g, g->base, (uint64_t)g->pages * PAGE);
    g->region[0].host = g->bytes;
    switch (g->c->memory) {
    case BEHIND:
        g->region[0].last.v += 100;
        break;
    case ONE_PAGE:
        g->region[0].last.v += PAGE;
        for (unsigned i = 4; i < left; i++) {
            offer(g, boundary + (uint64_t)i * PAGE * 2 + 7, 1);
        }
        break;
    case BYTES:
        for (unsigned i = 0; i < left; i++) {
            offer(g, scrap_at(g, i) + PAGE - 1, 1);
        }
        break;
    case HALVES:
        for (unsigned i = 0; i < left; i++) {
            offer(g, scrap_at(g, i) + PAGE / 2, PAGE / 2);
        }
        break;
    case PIECES:
        for (unsigned i = 0; i < PAGES_MAX; i++) {
            offer(g, scrap_at(g, i), PAGE / 2);
            offer(g, scrap_at(g, i) + PAGE / 2, PAGE / 2);
        }
        for (unsigned i = PAGES_MAX; i + PAGES_MAX < left; i++) {
            offer(g, scrap_at(g, i), 1);
        }
        break;
    case WHOLE:
        break;
    }
}

/* An entry of a page without any access, as Linux keeps it: bit 8, or bit 7 of
 * a large page, and the frame inverted where entries have eight bytes. */
static uint64_t without_access(const struct guest *g, uint64_t raw)
{
    uint64_t frame = g->c->i686 ? 0xFFFFF000 : ((uint64_t)1 << 52) - PAGE;

    return ((g->c->i686 ? raw : ~raw) & frame) | (raw & PS) | 0x100 | RW;
}

/* The k-th leaf of the image. */
static uint64_t leaf_at(const struct guest *g, uint64_t k)
{
    uint64_t giant = (uint64_t)1 << giant_log2(g);
    uint64_t middle = (uint64_t)1 << middle_log2(g);
    uint64_t top = g->c->i686 ? (uint64_t)1 << 32 : (uint64_t)1 << 44;
    uint64_t raw = g->c->read_only ? P | US | AD : LEAF;

    switch (g->c->shape) {
    case GIANT_SAME:
    case SELVES:
        return giant | raw | PS;
    case GIANT_SPREAD:
        return (giant + k * giant) % top | raw | PS;
    case MIDDLE_SAME:
        return (g->c->memory == WHOLE ? g->base & ~(middle - 1) : middle) |
               raw | PS;
    case MIDDLE_SPREAD:
        return (middle + k * middle) % top | raw | PS;
    case SMALL_SPREAD:
        return (k % 3 == 0 ? page_at(g, (unsigned)(k % g->pages))
                           : (scrap_at(g, (unsigned)(k % REGIONS_MAX)))) |
               raw;
    case WEB:
        return page_at(g, (unsigned)(k % g->pages)) | TABLE;
    case FRAGMENTS:
        return (scrap_at(g, (unsigned)(k % g->regions)) & ~(uint64_t)4095) |
               TABLE;
    }
    return 0;
}

/* The levels above the tables that hold the leaves. */
static unsigned levels_above(const struct guest *g)
{
    if (g->c->i686) {
        return g->c->shape == SMALL_SPREAD || g->c->shape == WEB ||
                       g->c->shape == FRAGMENTS
                   ? 1
                   : 0;
    }
    switch (g->c->shape) {
    case GIANT_SAME:
    case GIANT_SPREAD:
    case SELVES:
    case WEB:
    case FRAGMENTS:
        return 1;
    case MIDDLE_SAME:
    case MIDDLE_SPREAD:
        return 2;
    case SMALL_SPREAD:
        return 3;
    }
    return 0;
}

static void fill_tables(struct guest *g)
{
    unsigned above = levels_above(g);
    unsigned n = entries(g);
    uint64_t k = 0;

    if (above >= g->pages) {
        above = g->pages - 1;
    }
    /* A chain of tables, the last of which leads to all that are left; all of
     * them are roots as well, in turn. */
    for (unsigned t = 0; t < above; t++) {
        for (unsigned i = 0; i < n; i++) {
            put(g, t, i,
                page_at(g, t + 1 < above ? t + 1
                                         : above + i % (g->pages - above)) |
                    TABLE);
        }
    }
    for (unsigned t = above; t < g->pages; t++) {
        for (unsigned i = 0; i < n; i++) {
            uint64_t raw = leaf_at(g, k++);

            put(g, t, i,
                g->c->absent && i % 2 != 0 ? without_access(g, raw) : raw);
        }
        if (g->c->shape == SELVES) {
            put(g, t, 7, page_at(g, t) | TABLE);
        }
    }
}

static void set_options(struct guest *g)
{
    unsigned bits = g->c->i686 ? 32 : 48;
    uint64_t step =
        ((uint64_t)1 << bits) / 2 / (g->c->ranges + 1) & ~(uint64_t)(PAGE - 1);

    g->o = ptw_rebuild_everything();
    g->o.flags = g->c->flags;
    g->o.seed = 0x5EED;
    for (unsigned i = 0; i < g->c->ranges; i++) {
        g->range[i].first.v = i * step + 5 * PAGE;
        g->range[i].last.v = g->range[i].first.v + 3 * PAGE - 1;
    }
    g->o.absent.policy = g->c->absent ? PTW_ABSENT_LINUX : PTW_ABSENT_KEEP;
    g->o.leave_out = g->range;
    g->o.leave_outs = g->c->ranges;
    for (unsigned i = 0; i < g->c->maps; i++) {
        g->map[i].first = g->range[i].first;
        g->map[i].last = g->range[i].last;
        g->map[i].rights = PTW_READ;
        g->map[i].max_reads = UINT64_MAX;
    }
    g->o.map = g->map;
    g->o.maps = g->c->maps;
}

static void make_guest(struct guest *g, const struct hostile *c, unsigned pages,
                       unsigned regions)
{
    const struct ptw_cpu cpu = {.pa_bits = c->i686 ? 40 : 52,
                                .x86.page1g = true};

    memset(g, 0, sizeof *g);
    g->c = c;
    g->pages = pages;
    g->regions = regions;
    must("regime", ptw_regime_by_name(c->i686 ? "i686" : "amd64", &cpu, 0,
                                      &g->regime, NULL));
    g->base = ((uint64_t)1 << giant_log2(g)) - (uint64_t)pages * PAGE;
    g->bytes = must_have(aligned_alloc(PAGE, (size_t)(pages + 2) * PAGE));
    memset(g->bytes, 0, (size_t)(pages + 2) * PAGE);
    g->scrap = must_have(aligned_alloc(PAGE, 2 * (size_t)PAGE));
    memset(g->scrap, 0, 2 * (size_t)PAGE);
    g->region =
        must_have(calloc(REGIONS_MAX + 2 * PAGES_MAX, sizeof *g->region));
    fill_tables(g);
    offer_memory(g);
    must("regions", ptw_mem_init_regions(&g->mem, g->region, g->used));
    g->roots = c->roots == 0 ? 1 : c->roots;
    for (unsigned i = 0; i < g->roots; i++) {
        g->root[i] = ptw_root_of(&g->regime, ptw_pa_of(page_at(g, i % pages)));
    }
    set_options(g);
}

static void free_guest(struct guest *g)
{
    free(g->bytes);
    free(g->scrap);
    free(g->region);
}

/* -------------------------------------------------------------------- steps */

struct measured {
    double seconds;
    uint64_t work;
    enum ptw_status status;
};

struct totals {
    struct measured step[STEPS];
    uint64_t new_bytes; /* of the image rebuilt */
};

static struct ptw_walk walk;
static struct ptw_exposed exposed;
static struct ptw_item items[256];
static struct ptw_rebuild rebuild;
static struct ptw_verify verify;

static void grow_memo(struct ptw_memo *memo, void **storage, size_t *bytes)
{
    void *larger = must_have(malloc(2 * *bytes));

    must("memo", ptw_memo_grow(memo, larger, 2 * *bytes));
    free(*storage);
    *storage = larger;
    *bytes *= 2;
}

static uint64_t walk_to_end(struct guest *g, struct ptw_memo *memo,
                            void **storage, size_t *bytes)
{
    struct ptw_walk_options o = ptw_walk_everything();
    enum ptw_status st;
    size_t got;

    o.leave_out = g->o.leave_out;
    o.leave_outs = g->o.leave_outs;
    o.flags = PTW_WALK_REMARKS;
    must("walk",
         ptw_walk_va_spaces_init(&walk, &g->mem, g->root, g->roots, memo, &o));
    while ((st = ptw_walk_next(&walk, items, 256, &got)) != PTW_END) {
        if (st == PTW_E_SPACE) {
            grow_memo(memo, storage, bytes);
        }
    }
    return ptw_walk_counts(&walk).reads;
}

static enum ptw_status run_walk(struct guest *g, uint64_t *work)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo[2];
    void *storage[2];
    size_t bytes[2];
    ptw_pa *frame;
    size_t frames;
    struct ptw_item item;
    enum ptw_status st;

    for (unsigned i = 0; i < 2; i++) {
        bytes[i] = ptw_memo_bytes(256);
        storage[i] = must_have(malloc(bytes[i]));
        must("memo", ptw_memo_init(&memo[i], storage[i], bytes[i], 0x5EED));
    }
    *work = walk_to_end(g, &memo[0], &storage[0], &bytes[0]);
    frame = must_have(malloc(memo[0].used * sizeof *frame));
    must("frames", ptw_memo_tables(&memo[0], frame, memo[0].used, &frames));
    o.leave_out = g->o.leave_out;
    o.leave_outs = g->o.leave_outs;
    must("exposed", ptw_exposed_init(&exposed, &g->mem, g->root, g->roots,
                                     &memo[1], frame, frames, &o));
    while ((st = ptw_exposed_next(&exposed, &item)) != PTW_END) {
        if (st == PTW_E_SPACE) {
            grow_memo(&memo[1], &storage[1], &bytes[1]);
        }
    }
    *work += ptw_walk_counts(&exposed.walk).reads;
    free(frame);
    free(storage[0]);
    free(storage[1]);
    return PTW_OK;
}

static enum ptw_status run_plan(struct guest *g, uint64_t *work)
{
    enum ptw_status st;

    must("rebuild",
         ptw_rebuild_init(&rebuild, &g->mem, g->root, g->roots, &g->o));
    while ((st = ptw_rebuild_plan(&rebuild)) == PTW_E_SPACE) {
        void *before;

        must("storage",
             ptw_rebuild_give(&rebuild, must_have(malloc(rebuild.wanted)),
                              rebuild.wanted, &before));
        free(before);
    }
    *work = rebuild.work;
    return st;
}

static void free_rebuild(void)
{
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rebuild, i));
    }
}

static enum ptw_status run_verify(struct guest *g, const struct ptw_mem *mem,
                                  const struct ptw_root *root, unsigned flags,
                                  uint64_t *work)
{
    struct ptw_verify_options o = {
        .first = g->o.first,
        .last = g->o.last,
        .leave_out = g->o.leave_out,
        .leave_outs = g->o.leave_outs,
        .flags = flags,
        .max_reads = UINT64_MAX,
        .seed = 0x5EED,
        .absent = g->o.absent,
    };
    enum ptw_status st;

    must("verify",
         ptw_verify_init(&verify, &g->mem, g->root, mem, root, g->roots, &o));
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        void *before;

        must("storage",
             ptw_verify_give(&verify, must_have(malloc(verify.wanted)),
                             verify.wanted, &before));
        free(before);
    }
    *work = verify.work;
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&verify, i));
    }
    return st;
}

static void measure(struct measured *m, double start, uint64_t work,
                    enum ptw_status st)
{
    double seconds = now() - start;

    if (m->work == 0 || seconds < m->seconds) {
        m->seconds = seconds;
    }
    m->work = work;
    m->status = st;
}

/* The image rebuilt; its pages and tables. */
struct copied {
    unsigned char *bytes;
};

static enum ptw_status take_pages(void *ctx, ptw_pa to, const void *bytes,
                                  size_t n)
{
    struct copied *c = ctx;

    memcpy(c->bytes + (size_t)to.v, bytes, n);
    return PTW_OK;
}

enum { NEW_BYTES_MAX = 64 * 1024 * 1024 };

static void run_rebuilt(struct guest *g, struct totals *t)
{
    static const struct ptw_page_sink sink = {take_pages};
    static unsigned char *image;
    struct ptw_root new_root[ROOTS_MAX];
    struct copied c;
    struct ptw_mem mem;
    enum ptw_status st;
    uint64_t work;

    g->o.max_bytes = NEW_BYTES_MAX;
    st = run_plan(g, &work);
    g->o.max_bytes = UINT64_MAX;
    if (st != PTW_OK) {
        t->step[REBUILT].status = st;
        free_rebuild();
        return;
    }
    if (image == NULL) {
        image = must_have(calloc(1, NEW_BYTES_MAX));
    }
    c.bytes = image;
    must("copy", ptw_rebuild_copy(&rebuild, &sink, &c));
    must("new memory", ptw_mem_init_flat(&mem, ptw_pa_of(0), image,
                                         rebuild.counts.bytes, true));
    must("tables", ptw_rebuild_tables(&rebuild, &mem, new_root));
    t->new_bytes = rebuild.counts.bytes;
    free_rebuild();
    for (unsigned i = 0; i < ROUNDS; i++) {
        double start = now();

        st = run_verify(g, &mem, new_root, g->o.flags, &work);
        measure(&t->step[REBUILT], start, work, st);
    }
    if (st != PTW_OK) {
        die("the image rebuilt", st);
    }
}

static void run_steps(struct guest *g, struct guest *other, struct totals *t)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        double start = now();
        uint64_t work = 0;
        enum ptw_status st = run_walk(g, &work);

        measure(&t->step[WALK], start, work, st);
        start = now();
        st = run_plan(g, &work);
        measure(&t->step[PLAN], start, work, st);
        free_rebuild();
        start = now();
        st = run_verify(g, &g->mem, g->root, g->o.flags, &work);
        measure(&t->step[SAME], start, work, st);
        start = now();
        st = run_verify(g, &other->mem, g->root, 0, &work);
        measure(&t->step[DIFFER], start, work, st);
    }
    run_rebuilt(g, t);
}

/* ------------------------------------------------------------------- report */

/* The law's sum: entries of tables, once for each level at which a table can
 * stand, for every page of memory and for every cut of a range in a space.
 * What a verification compares with counts as well. */
static uint64_t limit_of(const struct guest *g, uint64_t new_bytes)
{
    uint64_t frames = g->pages + g->used + new_bytes / PAGE;
    uint64_t cuts = 2 * (uint64_t)g->roots * (g->c->ranges + g->c->maps + 1);

    return (uint64_t)WORK_PER_ENTRY * entries(g) * ptw_levels(&g->regime) *
           (frames + cuts);
}

static uint64_t memory_bytes(const struct guest *g)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < g->used; i++) {
        bytes += g->region[i].last.v - g->region[i].first.v + 1;
    }
    return bytes;
}

/* How long a step may take; 0: any time. */
static double longest(const struct guest *g)
{
    uint64_t times = memory_bytes(g) / ((uint64_t)PAGES_MAX * PAGE);

    if (g->c->ranges > RANGES) {
        return 0;
    }
    return MOST_SECONDS * (times > 1 ? (double)times : 1);
}

static void print_growth(double before, double now_is)
{
    if (before > 0) {
        printf("%6.2f", now_is / before);
    } else {
        printf("%6s", "");
    }
}

/* Runs one case in one size; false when the law is broken. */
static bool run_size(const struct hostile *c, unsigned pages, unsigned regions,
                     struct totals *before, bool print)
{
    static struct guest guest[2];
    struct totals t = {0};
    bool lawful = true;
    double most_seconds;

    make_guest(&guest[0], c, pages, regions);
    make_guest(&guest[1], c, pages, regions);
    most_seconds = longest(&guest[0]);
    for (unsigned i = 0; i < 8; i++) {
        guest[1].bytes[(size_t)pages * PAGE - 1 - i] ^= i == 7;
    }
    run_steps(&guest[0], &guest[1], &t);
    for (unsigned s = 0; s < STEPS; s++) {
        const struct measured *m = &t.step[s];
        uint64_t most = limit_of(&guest[0], s == REBUILT ? t.new_bytes : 0);
        bool beyond = m->work > most;
        bool slow =
            most_seconds > 0 && m->seconds > most_seconds && s != REBUILT;

        lawful = lawful && !beyond;
        if (!print && !beyond && !slow) {
            continue;
        }
        printf("%-20s %3u %5u %4" PRIu64 " %-8s %9.3f", c->name, pages, regions,
               memory_bytes(&guest[0]) / PAGE, step_name[s], m->seconds * 1e3);
        print_growth(before->step[s].seconds, m->seconds);
        printf(" %12" PRIu64, m->work);
        print_growth((double)before->step[s].work, (double)m->work);
        printf("  %s%s%s\n", ptw_status_text(m->status),
               beyond ? "  BEYOND THE LAW" : "", slow ? "  SLOW" : "");
        fflush(stdout);
    }
    *before = t;
    free_guest(&guest[0]);
    free_guest(&guest[1]);
    return lawful;
}

static bool run_case(const struct hostile *c, bool all)
{
    struct totals before = {0};
    bool lawful = true;

    for (unsigned i = 0; i < SIZES; i++) {
        lawful = run_size(c, 2U << i, REGIONS_MAX, &before, all) && lawful;
    }
    memset(&before, 0, sizeof before);
    for (unsigned i = 0; i < SIZES; i++) {
        lawful =
            run_size(c, PAGES_MAX, 128U << i, &before, all || i == SIZES - 1) &&
            lawful;
    }
    return lawful;
}

int main(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *name = argc > 1 + all ? argv[1 + all] : NULL;
    bool lawful = true;
    bool any = false;

    printf("%-20s %3s %5s %4s %-8s %9s%6s %12s%6s\n", "case", "pp", "rr", "mem",
           "step", "ms", "x", "work", "x");
    for (unsigned i = 0; i < CASES; i++) {
        if (name == NULL || strcmp(name, hostile[i].name) == 0) {
            any = true;
            lawful = run_case(&hostile[i], all) && lawful;
        }
    }
    if (!any) {
        fprintf(stderr, "usage: bench_hostile [-v] [CASE]\n");
        return 2;
    }
    puts(lawful ? "the law holds" : "THE LAW IS BROKEN");
    return lawful ? 0 : 1;
}
