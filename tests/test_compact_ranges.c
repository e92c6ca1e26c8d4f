/* SPDX-License-Identifier: Apache-2.0 */
/* What a rebuild keeps, and what it says about the rest. */
#include "ptwalk/ptwalk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,
    LARGE = 512 * PAGE,
    PAGES = 640,
    DATA = 16,
    REFUSED = DATA + 1
};

static _Alignas(4096) uint8_t ram[PAGES * PAGE];
static _Alignas(4096) uint8_t now[PAGES * PAGE];
static struct ptw_regime regime;
static struct ptw_region region;
static struct ptw_mem mem;
static struct ptw_rebuild rebuild;
static struct ptw_verify verify;
static struct ptw_root root[2] = {{&regime, {0}}, {&regime, {0}}};
static struct ptw_root new_root[2];

static void set(unsigned table, unsigned index, uint64_t raw)
{
    memcpy(ram + table * PAGE + index * 8, &raw, sizeof raw);
}

/* Reads that refuse one page.  Behind ram all is zeros. */
static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    if (pa.v / PAGE == REFUSED) {
        return PTW_E_BUS;
    }
    *out = 0;
    if (pa.v < sizeof ram) {
        memcpy(out, ram + pa.v, sizeof *out);
    }
    return PTW_OK;
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = read64(ctx, ptw_pa_of(pa.v & ~(uint64_t)7), &wide);

    *out = (uint32_t)(wide >> 8 * (pa.v & 4));
    return st;
}

static const struct ptw_mem_ops refusing = {.read32 = read32, .read64 = read64};

/* One space: leaves 0 to 7 of the first table are DATA and up. */
static void start(void)
{
    memset(ram, 0, sizeof ram);
    cr_assert(ptw_regime_by_name("amd64", NULL, 0, &regime, NULL) == PTW_OK);
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, sizeof ram, false) ==
              PTW_OK);
    for (unsigned level = 0; level < 3; level++) {
        set(level, 0, (level + 1) * PAGE | 7);
    }
    for (unsigned i = 0; i < 8; i++) {
        set(3, i, (DATA + i) * PAGE | 7);
        ram[(DATA + i) * PAGE + 8] = (uint8_t)(i + 1);
    }
}

static void refuse_a_page(uint64_t bytes)
{
    region = (struct ptw_region){{0}, {bytes - 1}, NULL, false};
    cr_assert(ptw_mem_init_callbacks(&mem, &refusing, NULL, &region, 1) ==
              PTW_OK);
}

static enum ptw_status keep(void *ctx, ptw_pa to, const void *bytes, size_t n)
{
    (void)ctx;
    memcpy(now + to.v, bytes, n);
    return PTW_OK;
}

static const struct ptw_page_sink sink = {keep};

/* Pages that memory does not have, or not whole. */
static uint64_t dropped(void)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < PTW_DROP_UNREADABLE; i++) {
        pages += rebuild.counts.dropped[i];
    }
    return pages;
}

static enum ptw_status planned(void)
{
    enum ptw_status st;

    while ((st = ptw_rebuild_plan(&rebuild)) == PTW_E_SPACE) {
        void *before;

        st = ptw_rebuild_give(&rebuild, malloc(rebuild.wanted), rebuild.wanted,
                              &before);
        cr_assert(st == PTW_OK);
        free(before);
    }
    return st;
}

static enum ptw_status try_plan(const struct ptw_rebuild_options *o,
                                uint32_t roots)
{
    cr_assert(ptw_rebuild_init(&rebuild, &mem, root, roots, o) == PTW_OK);
    return planned();
}

static void plan(const struct ptw_rebuild_options *o)
{
    cr_assert(try_plan(o, 1) == PTW_OK);
}

static void free_storage(void)
{
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rebuild, i));
    }
}

static void build(const struct ptw_rebuild_options *o)
{
    struct ptw_mem to;

    plan(o);
    cr_assert(ptw_rebuild_copy(&rebuild, &sink, NULL) == PTW_OK);
    cr_assert(ptw_mem_init_flat(&to, ptw_pa_of(0), now, sizeof now, true) ==
              PTW_OK);
    cr_assert(ptw_rebuild_tables(&rebuild, &to, new_root) == PTW_OK);
    free_storage();
}

static enum ptw_status compare(const struct ptw_rebuild_options *o)
{
    struct ptw_verify_options vo = {
        .first = o->first,
        .last = o->last,
        .leave_out = o->leave_out,
        .leave_outs = o->leave_outs,
        .flags = o->flags,
        .max_reads = UINT64_MAX,
    };
    struct ptw_mem to;
    enum ptw_status st;

    cr_assert(ptw_mem_init_flat(&to, ptw_pa_of(0), now, rebuild.counts.bytes,
                                false) == PTW_OK);
    cr_assert(ptw_verify_init(&verify, &mem, root, &to, new_root, 1, &vo) ==
              PTW_OK);
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        void *before;

        st = ptw_verify_give(&verify, malloc(verify.wanted), verify.wanted,
                             &before);
        cr_assert(st == PTW_OK);
        free(before);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&verify, i));
    }
    return st;
}

static enum ptw_status init(const struct ptw_rebuild_options *o)
{
    return ptw_rebuild_init(&rebuild, &mem, root, 2, o);
}

Test(amd64_rebuild, refuses_a_range_that_no_table_can_map)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    o.first.v = 0x0001000000000000;
    o.last.v = 0x0001008000000FFF;
    cr_expect(eq(int, (int)init(&o), PTW_E_RANGE));
    o.last.v = UINT64_MAX;
    cr_expect(eq(int, (int)init(&o), PTW_OK));
}

Test(amd64_rebuild, refuses_a_range_that_is_not_of_whole_pages)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    o.first.v = 1;
    cr_expect(eq(int, (int)init(&o), PTW_E_ALIGN));
    o.first.v = 0;
    o.last.v = PAGE;
    cr_expect(eq(int, (int)init(&o), PTW_E_ALIGN));
}

Test(amd64_rebuild, tells_a_wide_root_from_a_wide_image)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    root[1].table.v = (uint64_t)1 << 52;
    cr_expect(eq(int, (int)try_plan(&o, 2), PTW_E_WIDTH));
    cr_expect(eq(u32, ptw_rebuild_bad_root(&rebuild), 1));
    free_storage();
    o.base.v = ((uint64_t)1 << 52) - PAGE;
    cr_expect(eq(int, (int)try_plan(&o, 1), PTW_E_WIDTH));
    cr_assert(eq(u32, ptw_rebuild_bad_root(&rebuild), 0));
    cr_expect(eq(int, (int)ptw_root_check(root[0]), PTW_OK));
    free_storage();
}

Test(amd64_rebuild, refuses_to_leave_everything_out)
{
    static const struct ptw_va_range all[2] = {
        {{0}, {0x7FFFFFFFFFFF}}, {{0x800000000000}, {UINT64_MAX}}};
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    o.leave_out = all;
    o.leave_outs = 2;
    cr_expect(eq(int, (int)init(&o), PTW_E_RANGE));
    o.leave_outs = 1;
    cr_expect(eq(int, (int)init(&o), PTW_OK));
}

Test(amd64_rebuild, takes_what_is_left_out_side_by_side_as_one)
{
    static const struct ptw_va_range out[2] = {{{0x2000}, {0x2FFF}},
                                               {{0x3000}, {0x4FFF}}};
    struct ptw_map_request map = {
        .first = {0x2000},
        .last = {0x4FFF},
        .pa = {0x20000},
        .rights = PTW_READ | PTW_USER,
    };
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    o.leave_out = out;
    o.leave_outs = 2;
    o.map = &map;
    o.maps = 1;
    build(&o);
    cr_expect(eq(u64, rebuild.counts.leaves, 5));
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
}

Test(amd64_rebuild, counts_no_page_that_could_not_be_read)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    refuse_a_page(sizeof ram);
    build(&o);
    cr_expect(eq(u64, rebuild.counts.dropped[PTW_DROP_UNREADABLE], 1));
    cr_expect(eq(u64, rebuild.counts.pages, 7));
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    cr_expect(eq(u64, verify.certificate.pages, 7));
}

Test(amd64_rebuild, counts_no_writers_of_a_page_that_could_not_be_read)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    set(3, 8, REFUSED * PAGE | 7);
    set(3, 9, DATA * PAGE | 7);
    refuse_a_page(sizeof ram);
    plan(&o);
    cr_expect(eq(u64, rebuild.counts.shared_writable, 2));
    cr_assert(ptw_rebuild_copy(&rebuild, &sink, NULL) == PTW_OK);
    cr_expect(eq(u64, rebuild.counts.shared_writable, 1));
    free_storage();
}

/* A large page of which a part is refused: it takes a table more. */
static void start_large(void)
{
    start();
    set(2, 1, 0x87);
    refuse_a_page(LARGE);
}

Test(amd64_rebuild, moves_what_is_left_of_a_large_page_in_the_next_rebuild)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_large();
    build(&o);
    cr_expect(eq(u64, rebuild.counts.pages, 511));
    cr_expect(eq(u64, rebuild.counts.page_bytes, LARGE));
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0),
                                memcpy(ram, now, sizeof now),
                                rebuild.counts.bytes, false) == PTW_OK);
    root[0] = new_root[0];
    build(&o);
    cr_expect(eq(u64, rebuild.counts.pages, 511));
    cr_expect(eq(u64, rebuild.counts.page_bytes, LARGE - PAGE));
}

/* The sink has all pages before that is known. */
Test(amd64_rebuild, is_over_when_there_are_too_many_tables)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_large();
    o.max_bytes = LARGE + 4 * PAGE;
    plan(&o);
    cr_expect(eq(u64, rebuild.counts.bytes, LARGE + 4 * PAGE));
    cr_expect(
        eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_E_LIMIT));
    cr_expect(eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_E_ARG));
    free_storage();
    o.max_bytes += PAGE;
    plan(&o);
    cr_expect(eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_OK));
    cr_expect(eq(u64, rebuild.counts.bytes, LARGE + 5 * PAGE));
    free_storage();
}

Test(amd64_rebuild, is_over_when_the_tables_changed_under_the_copy)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_large();
    plan(&o);
    set(2, 2, 20 * PAGE | 7);
    cr_expect(
        eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_E_CHANGED));
    cr_expect(eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_E_ARG));
    free_storage();
}

/* A table full of leaves of 1 GiB, all of the same memory or not. */
static void start_huge(uint64_t step)
{
    start();
    refuse_a_page((uint64_t)1 << 40);
    for (uint64_t i = 0; i < 512; i++) {
        set(1, (unsigned)i, i * step | 0x87);
    }
}

Test(amd64_rebuild, ends_when_it_is_certain_that_the_image_is_too_large)
{
    static const unsigned flags[4] = {0, PTW_REBUILD_MERGE, PTW_REBUILD_SPLIT,
                                      PTW_REBUILD_SPLIT | PTW_REBUILD_ZEROS};

    for (unsigned i = 0; i < 4; i++) {
        struct ptw_rebuild_options o = ptw_rebuild_everything();
        bool split = (flags[i] & PTW_REBUILD_SPLIT) != 0;

        start_huge(split ? 0 : (uint64_t)1 << 30);
        o.flags = flags[i];
        o.max_bytes = 513 * PAGE;
        cr_expect(eq(int, (int)try_plan(&o, 1), PTW_E_LIMIT));
        cr_expect(lt(u64, o.max_bytes, rebuild.counts.bytes));
        cr_expect(lt(u64, rebuild.counts.leaves, split ? 262144 : 2));
        free_storage();
    }
}

/* What is certain is not counted twice: small pages are mapped within large
 * ones, these within one that is larger, in both orders, and others become
 * one. */
Test(amd64_rebuild, has_room_when_the_limit_is_what_the_image_has)
{
    for (unsigned i = 0; i < 12; i++) {
        static const unsigned flags[6] = {
            0,
            PTW_REBUILD_MERGE,
            PTW_REBUILD_ZEROS,
            PTW_REBUILD_MERGE | PTW_REBUILD_COPY_SHARED,
            PTW_REBUILD_ZEROS | PTW_REBUILD_COPY_SHARED,
            PTW_REBUILD_COPY_ON_WRITE};
        struct ptw_rebuild_options o = ptw_rebuild_everything();

        start();
        refuse_a_page((uint64_t)1 << 40);
        set(1, i < 6 ? 1 : 511, (uint64_t)1 << 30 | 0x87);
        set(1, 2, 2 * PAGE | 7);
        set(2, i < 6 ? 1 : 0, (uint64_t)1 << 30 | 0x85);
        set(2, i < 6 ? 0 : 1, 3 * PAGE | 7);
        for (unsigned k = 0; k < 8; k++) {
            set(3, 8 + k, ((1u << 30) + k * PAGE) | 5); /* zeros */
            set(3, 16 + k, ((1u << 31) + k * PAGE) | 5);
        }
        o.flags = flags[i % 6];
        plan(&o);
        free_storage();
        o.max_bytes = rebuild.counts.bytes;
        cr_expect(eq(int, (int)try_plan(&o, 1), PTW_OK));
        free_storage();
        o.max_bytes--;
        cr_expect(eq(int, (int)try_plan(&o, 1), PTW_E_LIMIT));
        free_storage();
    }
}

Test(amd64_verify, accepts_new_tables_above_a_map)
{
    static const struct ptw_va_range out = {{0x40000000}, {0x40001FFF}};
    struct ptw_map_request map = {
        .first = {0x40000000},
        .last = {0x40001FFF},
        .pa = {0x20000},
        .rights = PTW_READ,
    };
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    set(1, 2, 4 * PAGE | 7); /* an empty table behind it */
    o.leave_out = &out;
    o.leave_outs = 1;
    o.map = &map;
    o.maps = 1;
    build(&o);
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    /* But nothing that is kept may be there. */
    for (uint64_t at = rebuild.counts.page_bytes; at < rebuild.counts.bytes;
         at += PAGE) {
        uint64_t raw;

        memcpy(&raw, now + at, sizeof raw);
        if ((raw & 0xFFFFF000) == 0x20000) {
            memcpy(now + at + 2 * sizeof raw, &raw, sizeof raw);
        }
    }
    cr_expect(eq(int, (int)compare(&o), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_EXTRA));
}

Test(amd64_verify, counts_nothing_as_dropped_that_was_left_out)
{
    static const struct ptw_va_range out = {{0x200000}, {0x200FFF}};
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    set(2, 1, 0x4000000 | 0x87); /* a large page outside */
    o.leave_out = &out;
    o.leave_outs = 1;
    build(&o);
    cr_expect(eq(u64, rebuild.counts.dropped[PTW_DROP_OUTSIDE], 511));
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 511));
}

/* The path of the owner has no U/S, so that nothing of it shows there. */
Test(amd64_verify, compares_what_leaves_grant_by_themselves)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    set(0, 0, PAGE | 3);
    o.flags = PTW_REBUILD_COPY_ON_WRITE;
    build(&o);
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    now[rebuild.counts.page_bytes + 3 * PAGE + 2 * 8] ^= 4;
    cr_expect(eq(int, (int)compare(&o), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_RIGHTS));
    cr_expect(eq(u64, verify.difference.va.v, 2 * PAGE));
}

Test(amd64_verify, goes_on_where_the_old_guest_ends)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    uint8_t *table;

    start();
    build(&o);
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    table = now + rebuild.counts.page_bytes + 3 * PAGE;
    memcpy(table + 8 * 8, table + 7 * 8, 8); /* one leaf more */
    cr_expect(eq(int, (int)compare(&o), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_EXTRA));
    cr_expect(eq(u64, verify.difference.va.v, 8 * PAGE));
}

/* 130,560 pages of 1 GiB, none of which is there: to count the small ones in
 * them would take minutes. */
Test(amd64_verify, counts_no_writers_where_there_is_no_memory, .timeout = 30)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start();
    for (uint64_t i = 0; i < 255; i++) {
        set(0, i + 1, (30 + i) * PAGE | 7);
        for (uint64_t k = 0; k < 512; k++) {
            set(30 + i, k, (i * 512 + k + 1) << 30 | 0x83);
        }
    }
    o.flags = PTW_REBUILD_COPY_ON_WRITE;
    build(&o);
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, (uint64_t)255 * 512 << 18));
}

/* A sink that refuses one write. */
static unsigned writes_left;
static uint64_t refused_at;

static enum ptw_status keep_some(void *ctx, ptw_pa to, const void *bytes,
                                 size_t n)
{
    if (writes_left-- == 0) {
        refused_at = to.v;
        return PTW_E_BUS;
    }
    return keep(ctx, to, bytes, n);
}

static const struct ptw_page_sink refuses = {keep_some};

Test(amd64_rebuild, names_the_first_page_of_the_write_that_was_refused)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    ptw_pa to;

    start();
    ram[(DATA + 1) * PAGE + 8] = 0;
    ram[(DATA + 4) * PAGE + 8] = 0;
    o.flags = PTW_REBUILD_ZEROS;
    for (unsigned n = 0; n < 3; n++) {
        static const unsigned first[3] = {DATA, DATA + 2, DATA + 5};

        writes_left = n;
        plan(&o);
        cr_assert(ptw_rebuild_copy(&rebuild, &refuses, NULL) == PTW_E_BUS);
        cr_expect(eq(u64, rebuild.where.v, first[n] * PAGE));
        cr_assert(ptw_rebuild_page(&rebuild, rebuild.where, &to) == PTW_OK);
        cr_expect(eq(u64, to.v, refused_at));
        cr_expect(
            eq(int, (int)ptw_rebuild_copy(&rebuild, &sink, NULL), PTW_OK));
        free_storage();
    }
}

/* A number by which candidates are found could be known to be the same for two
 * pages, whatever the seed: the later ones of the second then stay apart. */
Test(amd64_rebuild, merges_pages_that_were_made_to_look_like_others)
{
    static const uint64_t top = (uint64_t)1 << 63;

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct ptw_rebuild_options o = ptw_rebuild_everything();

        start();
        for (unsigned i = 0; i < 9; i++) {
            set(3, i, (DATA + i) * PAGE | 5);
            set(DATA + i, 0, 0);
            set(DATA + i, 1, 1);
        }
        for (unsigned i = 1; i < 9; i++) {
            static const uint64_t change[4][2] = {
                {top, top | (uint64_t)1 << 34},
                {top, top},
                {(uint64_t)1 << 32, (uint64_t)1 << 32 | 1},
                {1, UINT64_MAX}};

            set(DATA + i, 0, change[(i - 1) / 2][0]);
            set(DATA + i, 1, 1 ^ change[(i - 1) / 2][1]);
        }
        o.seed = seed * 0x123456789ABCDEF;
        o.flags = PTW_REBUILD_MERGE;
        plan(&o);
        cr_expect(eq(u64, rebuild.counts.merged, 4));
        free_storage();
    }
}

/* 65,536 ranges left out, each of which cuts the same table, which is there
 * whole two million times more: to go through all that is known of it each time
 * would take minutes. */
Test(amd64_rebuild, leaves_out_many_parts_of_one_table, .timeout = 30)
{
    enum { OUTS = 65536, PDS = 4096, LAST = 1 + PDS / 512 + PDS };
    static struct ptw_va_range out[OUTS];
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    uint64_t *entry = calloc((size_t)LAST + 1, PAGE);

    start();
    cr_assert(entry != NULL);
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), entry,
                                ((size_t)LAST + 1) * PAGE, false) == PTW_OK);
    for (uint64_t i = 0; i < PDS / 512; i++) {
        entry[i] = (1 + i) * PAGE | 7;
    }
    for (uint64_t i = 0; i < PDS; i++) {
        entry[512 + i] = (1 + PDS / 512 + i) * PAGE | 7;
    }
    for (uint64_t i = 0; i < (uint64_t)PDS * 512; i++) {
        entry[(1 + PDS / 512) * 512 + i] = (uint64_t)LAST * PAGE | 7;
    }
    for (uint64_t i = 0; i < OUTS; i++) {
        out[i].first.v = i << 21;
        out[i].last.v = (i << 21) + PAGE - 1;
    }
    o.leave_out = out;
    o.leave_outs = OUTS;
    plan(&o);
    cr_expect(eq(u64, rebuild.counts.tables, LAST + 1 + OUTS));
    cr_expect(eq(u64, rebuild.counts.aliases, PDS * 512 - OUTS - 1));
    free_storage();
    free(entry);
}

/* Behind 1 GiB nothing can be read. */
static enum ptw_status read_low(void *ctx, ptw_pa pa, uint64_t *out)
{
    if (pa.v >> 30 != 0) {
        return PTW_E_BUS;
    }
    memcpy(out, (const uint8_t *)ctx + pa.v, sizeof *out);
    return PTW_OK;
}

/* Two million leaves of one page of 1 GiB, of which nothing can be read: to go
 * through it for each of them would take a minute. */
Test(amd64_rebuild, goes_once_through_a_large_page_that_is_gone, .timeout = 30)
{
    enum { ROOTS = 8, TABLES = ROOTS * 513 };
    static const struct ptw_mem_ops low = {.read32 = read32,
                                           .read64 = read_low};
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    struct ptw_root many[ROOTS];
    uint64_t *entry = calloc(TABLES, PAGE);

    start();
    cr_assert(entry != NULL);
    refuse_a_page((uint64_t)1 << 31);
    cr_assert(ptw_mem_init_callbacks(&mem, &low, entry, &region, 1) == PTW_OK);
    for (uint64_t i = 0; i < ROOTS; i++) {
        many[i] = ptw_root_of(&regime, ptw_pa_of(i * PAGE));
    }
    for (uint64_t i = 0; i < ROOTS * 512; i++) {
        entry[i] = (ROOTS + i) * PAGE | 7;
    }
    for (uint64_t i = ROOTS * 512; i < (uint64_t)TABLES * 512; i++) {
        entry[i] = (uint64_t)1 << 30 | 0x85;
    }
    cr_assert(ptw_rebuild_init(&rebuild, &mem, many, ROOTS, &o) == PTW_OK);
    cr_assert(planned() == PTW_OK);
    cr_assert(ptw_rebuild_copy(&rebuild, &sink, NULL) == PTW_OK);
    cr_expect(eq(u64, rebuild.counts.pages, 0));
    cr_expect(eq(u64, rebuild.counts.dropped[PTW_DROP_UNREADABLE],
                 (uint64_t)ROOTS << 36));
    free_storage();
    free(entry);
}

/* ---------------------------------------------------------- large leaves cut */

enum { TABLES_OF_LEAVES = 4, SCRAPS = 200, GIB_PAGES = 262144 };

static const uint64_t GIB = (uint64_t)1 << 30;

/* Four tables full of leaves of 1 GiB, all of the same memory, or each of other
 * memory.  Of that there is one scrap, in the first, or one in every other page
 * of it. */
static void start_scraps(uint64_t step, unsigned scraps, uint64_t bytes)
{
    static struct ptw_region part[1 + SCRAPS];
    static const unsigned table[TABLES_OF_LEAVES] = {1, 4, 5, 6};

    start();
    part[0] = (struct ptw_region){{0}, {sizeof ram - 1}, ram, false};
    for (unsigned i = 0; i < scraps; i++) {
        uint64_t first = GIB + i * (uint64_t)(2 * PAGE);

        part[1 + i] = (struct ptw_region){
            {first}, {first + bytes - 1}, ram + (DATA + 8) * PAGE, false};
    }
    cr_assert(ptw_mem_init_regions(&mem, part, 1 + scraps) == PTW_OK);
    for (unsigned t = 0; t < TABLES_OF_LEAVES; t++) {
        set(0, t, table[t] * PAGE | 7);
        for (unsigned i = 0; i < 512; i++) {
            set(table[t], i, GIB + (t * 512 + i) * step + 0x87);
        }
    }
}

/* What the law of ptwalk/rebuild.h allows a plan for the tables that there are,
 * were there no page. */
static const uint64_t LAWFUL = (uint64_t)8 * 512 * (1 + TABLES_OF_LEAVES);

Test(amd64_rebuild, drops_large_leaves_without_going_through_them)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_scraps(0, 1, 100);
    plan(&o);
    cr_expect(eq(u64, rebuild.counts.leaves, 0));
    cr_expect(eq(u64, dropped(), (uint64_t)TABLES_OF_LEAVES * 512 * GIB_PAGES));
    cr_expect(lt(u64, rebuild.work, LAWFUL));
    free_storage();
    build(&o);
    cr_expect(eq(int, (int)compare(&o), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped,
                 (uint64_t)TABLES_OF_LEAVES * 512 * GIB_PAGES));
    cr_expect(lt(u64, verify.work, LAWFUL));
}

Test(amd64_rebuild, cuts_up_a_large_leaf_once_however_often_it_is_mapped)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_scraps(0, SCRAPS, PAGE);
    plan(&o);
    cr_expect(eq(u64, rebuild.counts.pages, SCRAPS));
    cr_expect(eq(u64, rebuild.counts.leaves,
                 (uint64_t)TABLES_OF_LEAVES * 512 * SCRAPS));
    cr_expect(eq(u64, rebuild.counts.tables,
                 (uint64_t)TABLES_OF_LEAVES * 512 * 2 + TABLES_OF_LEAVES + 1));
    cr_expect(eq(u64, rebuild.counts.split, TABLES_OF_LEAVES * 512));
    cr_expect(lt(u64, rebuild.work, LAWFUL + 10 * SCRAPS));
    free_storage();
}

Test(amd64_rebuild, counts_the_tables_of_a_leaf_that_is_cut_as_they_are_needed)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();

    start_scraps(0, 1, PAGE);
    o.max_bytes = 16 * PAGE;
    cr_expect(eq(int, (int)try_plan(&o, 1), PTW_E_LIMIT));
    cr_expect(le(u64, rebuild.counts.bytes, o.max_bytes + 2 * PAGE));
    cr_expect(le(u64, rebuild.counts.leaves, 8));
    free_storage();
}

Test(amd64_rebuild, counts_the_new_leaves_of_a_large_one_as_reads)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    uint64_t reads = (uint64_t)512 * (1 + TABLES_OF_LEAVES);

    start_scraps(0, SCRAPS, PAGE);
    o.max_reads = reads + SCRAPS / 2;
    cr_expect(eq(int, (int)try_plan(&o, 1), PTW_E_LIMIT));
    free_storage();
    o.max_reads = reads + 2 * SCRAPS; /* they are writable: twice */
    cr_expect(eq(int, (int)try_plan(&o, 1), PTW_OK));
    free_storage();
}

/* Verifies the guest against what has become of it in `now`. */
static enum ptw_status compare_with_now(unsigned flags)
{
    static struct ptw_region part[1 + SCRAPS];
    struct ptw_verify_options vo = {
        .last = {UINT64_MAX}, .flags = flags, .max_reads = UINT64_MAX};
    struct ptw_mem to;
    enum ptw_status st;

    memcpy(part, mem.region, mem.regions * sizeof *part);
    part[0].host = now;
    cr_assert(ptw_mem_init_regions(&to, part, mem.regions) == PTW_OK);
    cr_assert(ptw_verify_init(&verify, &mem, root, &to, root, 1, &vo) ==
              PTW_OK);
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        void *before;

        cr_assert(ptw_verify_give(&verify, malloc(verify.wanted), verify.wanted,
                                  &before) == PTW_OK);
        free(before);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&verify, i));
    }
    return st;
}

Test(amd64_verify, finds_a_page_that_differs_without_going_through_large_leaves)
{
    start_scraps(GIB, 1, 100);
    set(0, 511, 7 * PAGE | 7);
    set(7, 511, 8 * PAGE | 7);
    set(8, 511, 9 * PAGE | 7);
    set(9, 511, DATA * PAGE | 7);
    memcpy(now, ram, sizeof ram);
    now[DATA * PAGE + 5] ^= 1;
    cr_expect(eq(int, (int)compare_with_now(0), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_BYTES));
    cr_expect(eq(u64, verify.difference.va.v, UINT64_MAX - (PAGE - 1)));
    cr_expect(eq(u64, verify.difference.old_pa.v, DATA * PAGE));
    cr_expect(lt(u64, verify.work, 3 * LAWFUL));
}

/* Behind memory, a leaf has no pages that could be written. */
Test(amd64_verify, counts_no_writers_of_what_there_is_not)
{
    start_scraps(GIB, 1, 100);
    memcpy(now, ram, sizeof ram);
    (void)compare_with_now(PTW_REBUILD_COPY_ON_WRITE);
    cr_expect(lt(u64, verify.work, 2 * LAWFUL));
}

/* -------------------------------------------------------------- the page map */

Test(amd64_rebuild, gives_the_pages_in_the_order_of_their_old_addresses)
{
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    ptw_pa old = {0};
    ptw_pa to;
    uint64_t bytes = 0;
    uint64_t next = 0;

    start();
    set(2, 1, 0x80 | 7); /* pages 0 to 511, a unit */
    set(3, 8, 600 * PAGE | 5);
    set(3, 9, 602 * PAGE | 5);
    set(3, 10, 603 * PAGE | 5);
    memset(ram + 600 * PAGE, 0xAA, PAGE);
    memset(ram + 602 * PAGE, 0xAA, PAGE);
    memset(ram + 603 * PAGE, 0xBB, PAGE);
    o.flags = PTW_REBUILD_MERGE;
    cr_assert(init(&o) == PTW_OK);
    cr_expect(eq(int, (int)ptw_rebuild_pages(&rebuild, old, &old, &to, &bytes),
                 PTW_NOT_MAPPED));
    plan(&o);
    while (ptw_rebuild_pages(&rebuild, ptw_pa_of(old.v + bytes), &old, &to,
                             &bytes) == PTW_OK) {
        ptw_pa is;

        for (; next < old.v; next += PAGE) {
            cr_expect(eq(int,
                         (int)ptw_rebuild_page(&rebuild, ptw_pa_of(next), &is),
                         PTW_NOT_MAPPED));
        }
        for (; next < old.v + bytes; next += PAGE) {
            cr_expect(eq(int,
                         (int)ptw_rebuild_page(&rebuild, ptw_pa_of(next), &is),
                         PTW_OK));
            cr_expect(eq(u64, is.v, to.v + (next - old.v)));
        }
    }
    cr_expect(eq(u64, next, 604 * PAGE));
    cr_expect(
        eq(int,
           (int)ptw_rebuild_pages(&rebuild, ptw_pa_of(next), &old, &to, &bytes),
           PTW_END));
    cr_expect(eq(int,
                 (int)ptw_rebuild_pages(&rebuild, ptw_pa_of(UINT64_MAX), &old,
                                        &to, &bytes),
                 PTW_END));
    free_storage();
}

/* --------------------------------------------------------------------- sink */

enum { SINK_BYTES = 0x6000, SINK_AT = 0x10000, SINK_EDGE = 8 };

static const unsigned char SINK_BLANK = 0xA5;
static unsigned char sink_room[SINK_BYTES + 2 * SINK_EDGE];
static unsigned char sink_from[SINK_BYTES];

/* Memory whose host address is no multiple of anything above 8. */
static struct ptw_sink_memory sink_memory(size_t step)
{
    struct ptw_sink_memory m = {
        .first = {SINK_AT},
        .host = sink_room + SINK_EDGE,
        .bytes = SINK_BYTES,
        .step = step,
    };

    memset(sink_room, SINK_BLANK, sizeof sink_room);
    for (size_t i = 0; i < sizeof sink_from; i++) {
        sink_from[i] = (unsigned char)(i * 7 + i / 255);
    }
    return m;
}

static bool sink_is_blank(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (sink_room[i] != SINK_BLANK) {
            return false;
        }
    }
    return true;
}

Test(sink, copies_the_same_bytes_whatever_the_step)
{
    static const size_t steps[] = {0, 1, 3, 64, 0x1000, 0x4000, 0x10000};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct ptw_sink_memory m = sink_memory(steps[i]);
        unsigned char *at = sink_room + SINK_EDGE;

        cr_expect(eq(int,
                     ptw_sink_to_memory(&m, ptw_pa_of(SINK_AT + 0x1000),
                                        sink_from, 0x3000),
                     PTW_OK));
        cr_expect(sink_is_blank(0, SINK_EDGE + 0x1000));
        cr_expect(eq(int, memcmp(at + 0x1000, sink_from, 0x3000), 0),
                  "step %zu", steps[i]);
        cr_expect(sink_is_blank(SINK_EDGE + 0x4000, sizeof sink_room));
    }
}

Test(sink, fills_its_memory_to_the_last_byte)
{
    struct ptw_sink_memory m = sink_memory(0x1000);

    cr_expect(eq(
        int, ptw_sink_to_memory(&m, ptw_pa_of(SINK_AT), sink_from, SINK_BYTES),
        PTW_OK));
    cr_expect(eq(int, memcmp(sink_room + SINK_EDGE, sink_from, SINK_BYTES), 0));
    cr_expect(sink_is_blank(0, SINK_EDGE));
    cr_expect(sink_is_blank(SINK_EDGE + SINK_BYTES, sizeof sink_room));
}

Test(sink, copies_nothing_of_what_is_not_all_in_its_memory)
{
    static const struct {
        uint64_t to;
        size_t n;
    } out[] = {
        {SINK_AT - 0x1000, 0x1000},
        {SINK_AT - 0x1000, 0x2000},
        {SINK_AT + SINK_BYTES - 0x1000, 0x2000},
        {SINK_AT + SINK_BYTES, 0x1000},
        {SINK_AT, SINK_BYTES + 0x1000},
        {SINK_AT + 0x100000, 0x1000},
        {0, 0x1000},
        {UINT64_MAX - 0xfff, 0x1000},
        {(uint64_t)1 << 32 | SINK_AT, 0x1000},
    };

    for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
        struct ptw_sink_memory m = sink_memory(0x1000);

        cr_expect(eq(
            int,
            ptw_sink_to_memory(&m, ptw_pa_of(out[i].to), sink_from, out[i].n),
            PTW_E_BUS));
        cr_expect(sink_is_blank(0, sizeof sink_room));
    }
}
