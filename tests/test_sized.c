/* SPDX-License-Identifier: Apache-2.0 */
/* Regimes of a format that has no width of its own: the regime says how far
 * addresses reach, how they go on above that, at which level the root is, and how
 * many entries it has.  The library has no such format so far: sized_format.c is one.
 */
#include "compact_bench.h"
#include "edit_bench.h"
#include "sized_format.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))

enum { G1 = 0x40000000, M2 = 0x200000 };

/* A root of 16 entries in each half, 34 bits: where the two are, in one page. */
enum {
    LOW = 0x1080,
    HIGH = 0x1100,
    PD_A = 0x2000,
    PT_A = 0x3000,
    PD_B = 0x4000,
    DATA = 0x10000
};

static const uint64_t UPPER = ~(uint64_t)0 << 34;

static struct ptw_regime lower;
static struct ptw_regime upper;

static void two_halves(void)
{
    machine("amd64");
    sized_regime(&lower, SIZED_PDPT, 4, PTW_EXTEND_ZEROS);
    sized_regime(&upper, SIZED_PDPT, 4, PTW_EXTEND_ONES);
    put(LOW, 0, PD_A | P | W | U);
    put(LOW, 15, PD_B | P | W | U);
    put(HIGH, 3, PD_A | P | W | U);
    put(PD_A, 1, PT_A | P | W | U);
    put(PT_A, 7, DATA | P | W | U | A | D);
    put(PD_B, 511, 0x400000 | P | W | U | PS | A | D);
    memset(ram + DATA, 0x5A, PAGE);
}

static struct ptw_root low_root(void)
{
    return ptw_root_of(&lower, ptw_pa_of(LOW));
}

static struct ptw_root high_root(void)
{
    return ptw_root_of(&upper, ptw_pa_of(HIGH));
}

static uint64_t pa_of(const struct ptw_mem *m, struct ptw_root root,
                      uint64_t va)
{
    struct ptw_translation t = {.pa = {0}};
    enum ptw_status st = ptw_lookup(m, root, ptw_va_of(va), &t);

    return st == PTW_OK ? t.pa.v : UINT64_MAX - (uint64_t)st;
}

static uint64_t failed(enum ptw_status st)
{
    return UINT64_MAX - (uint64_t)st;
}

/* -------------------------------------------------------------------- roots */

Test(sized_root, has_the_size_of_its_entries)
{
    two_halves();
    cr_expect(eq(u64, ptw_root_bytes(&lower), 128));
    cr_expect(eq(uint, ptw_levels(&lower), 3));
    cr_expect(eq(u64, ptw_table_size(&lower, SIZED_PDPT), 128));
    cr_expect(eq(u64, ptw_table_size(&lower, SIZED_PD), 4096));
    expect_status(ptw_root_check(ptw_root_of(&lower, ptw_pa_of(0x1080))),
                  PTW_OK);
    expect_status(ptw_root_check(ptw_root_of(&lower, ptw_pa_of(0x1040))),
                  PTW_E_ALIGN);
}

/* A walk reads nothing behind it, also at the end of memory. */
Test(sized_root, ends_where_its_entries_end)
{
    struct ptw_mem little;
    struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item item[4];
    size_t items;

    two_halves();
    put(HIGH + 128, 0, PD_A | P | W | U);
    cr_assert(ptw_mem_init_flat(&little, ptw_pa_of(LOW), ram + LOW, 128,
                                false) == PTW_OK);
    cr_assert(ptw_virt_to_phys_init(&w, &little, low_root(), &o) == PTW_OK);
    expect_status(ptw_walk_next(&w, item, 4, &items), PTW_OK);
    cr_assert(eq(sz, items, 2));
    cr_expect(eq(int, item[0].u.finding.kind, PTW_FINDING_REFUSED));
    cr_expect(eq(u64, item[1].first.v, (uint64_t)15 * G1));
    cr_expect(eq(u64, ptw_walk_counts(&w).reads, 16));
}

/* ---------------------------------------------------------------- addresses */

Test(sized_lookup, extends_by_zeros_and_by_ones)
{
    uint64_t at = M2 + 7 * PAGE + 5;

    two_halves();
    cr_expect(eq(u64, pa_of(&mem, low_root(), at), DATA + 5));
    cr_expect(eq(u64, pa_of(&mem, high_root(), UPPER + 3 * (uint64_t)G1 + at),
                 DATA + 5));
    cr_expect(eq(u64, pa_of(&mem, low_root(), (uint64_t)1 << 34),
                 failed(PTW_NOT_CANONICAL)));
    cr_expect(eq(u64, pa_of(&mem, low_root(), UPPER + 3 * (uint64_t)G1 + at),
                 failed(PTW_NOT_CANONICAL)));
    cr_expect(eq(u64, pa_of(&mem, high_root(), at), failed(PTW_NOT_CANONICAL)));
    cr_expect(eq(u64, pa_of(&mem, high_root(), UPPER - 1),
                 failed(PTW_NOT_CANONICAL)));
    cr_expect(eq(u64, pa_of(&mem, high_root(), UPPER), failed(PTW_NOT_MAPPED)));
}

Test(sized_lookup, takes_as_many_steps_as_there_are_levels)
{
    struct ptw_translation t;
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps;

    two_halves();
    expect_status(ptw_explain(&mem, low_root(), ptw_va_of(M2 + 7 * PAGE), &t,
                              step, &steps),
                  PTW_OK);
    cr_expect(eq(sz, steps, 3));
    cr_expect(eq(u8, step[0].level, SIZED_PDPT));
    cr_expect(eq(u64, step[0].entry.v, LOW));
}

/* The whole range of addresses, in both halves: holes tile it, with the gap above
 * the one and below the other; what they share is an alias in the second. */
Test(sized_walk, goes_over_both_halves)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    const struct ptw_root root[2] = {low_root(), high_root()};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_item item[32];
    struct ptw_alias_ref ref;
    unsigned level;
    uint64_t next = 0;
    size_t items;
    size_t aliases = 0;

    two_halves();
    o.flags = PTW_WALK_HOLES;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o) == PTW_OK);
    expect_status(ptw_walk_next(&w, item, 32, &items), PTW_OK);
    for (size_t i = 0; i < items; i++) {
        if (item[i].kind == PTW_ITEM_SPACE) {
            cr_expect(i == 0 || next == 0, "the first space ends at %llx",
                      (unsigned long long)next);
            cr_expect(item[i].u.space_info.root.regime ==
                      root[item[i].space].regime);
            next = 0;
            continue;
        }
        cr_expect(eq(u64, item[i].first.v, next));
        next = item[i].last.v + 1;
        if (item[i].kind == PTW_ITEM_HOLE && !item[i].u.hole.canonical) {
            cr_expect(item[i].space == 0 ? item[i].first.v == (uint64_t)1 << 34
                                         : item[i].last.v == UPPER - 1);
        }
        if (item[i].kind == PTW_ITEM_ALIAS) {
            aliases++;
            ref = ptw_alias_view(&upper, &item[i], &level);
            cr_expect(eq(u64, ref.our_va.v, UPPER + 3 * (uint64_t)G1));
            cr_expect(eq(u64, ref.their_va.v, 0));
            cr_expect(eq(uint, level, SIZED_PD));
        }
    }
    cr_expect(eq(u64, next, 0));
    cr_expect(eq(sz, aliases, 1));
    expect_status(ptw_walk_next(&w, item, 32, &items), PTW_END);
}

/* A root of 16 entries is not all of the table that starts there, and so a space
 * that has all of it enters it again. */
Test(sized_walk, counts_a_short_root_as_a_part)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    struct ptw_regime wide;
    struct ptw_root root[2];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_item item[16];
    size_t items;
    bool seen = false;

    two_halves();
    sized_regime(&wide, SIZED_PML4, 9, PTW_EXTEND_SIGN);
    put(0x5000, 0, PD_A | P | W | U);
    put(0x5000, 16, PD_B | P | W | U);
    put(0x6000, 1, 0x5000 | P | W | U);
    root[0] = ptw_root_of(&lower, ptw_pa_of(0x5000));
    root[1] = ptw_root_of(&wide, ptw_pa_of(0x6000));
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o) == PTW_OK);
    expect_status(ptw_walk_next(&w, item, 16, &items), PTW_OK);
    for (size_t i = 0; i < items; i++) {
        seen =
            seen || (item[i].space == 1 && item[i].kind == PTW_ITEM_MAPPING &&
                     item[i].first.v == ((uint64_t)1 << 39) + 17ull * G1 - M2);
    }
    cr_expect(seen);
}

/* Several tables in a row are one root. */
Test(sized_root, may_be_several_tables)
{
    struct ptw_regime two;
    struct ptw_root root;

    two_halves();
    sized_regime(&two, SIZED_PDPT, 10, PTW_EXTEND_ZEROS);
    root = ptw_root_of(&two, ptw_pa_of(0x6000));
    put(0x7000, 5, PD_A | P | W | U);
    cr_expect(eq(u64, ptw_root_bytes(&two), 8192));
    cr_expect(eq(u64, pa_of(&mem, root, 517ull * G1 + M2 + 7 * PAGE), DATA));
    root.table.v = 0x7000;
    expect_status(ptw_root_check(root), PTW_E_ALIGN);
}

Test(sized_walk, refuses_roots_that_do_not_agree)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    struct ptw_regime narrow;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root[2];
    struct ptw_memo memo;
    struct ptw_walk w;

    two_halves();
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    root[0] = low_root();
    root[1] = ptw_root_of(&regime, ptw_pa_of(0x6000));
    expect_status(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o),
                  PTW_E_ARG);
    root[1].regime = NULL;
    expect_status(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o),
                  PTW_E_ARG);
    cr_assert(ptw_regime_by_name("amd64", NULL, PTW_X86_NX, &narrow, NULL) ==
              PTW_OK);
    root[0] = ptw_root_of(&regime, ptw_pa_of(0x6000));
    root[1] = ptw_root_of(&narrow, ptw_pa_of(0x6000));
    expect_status(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o),
                  PTW_E_ARG);
}

/* -------------------------------------------------------------------- edits */

Test(sized_edit, maps_in_both_halves)
{
    struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
    struct ptw_map_request q = map_request(5ull * G1, PAGE, 0x20000,
                                           PTW_READ | PTW_WRITE | PTW_EXEC, 0);

    two_halves();
    pool_init();
    t.root = low_root();
    expect_status(ptw_map(&t, &q), PTW_OK);
    cr_expect(eq(u64, pa_of(&mem, t.root, 5ull * G1), 0x20000));
    expect_status(
        ptw_map(&t, &(struct ptw_map_request){.first = {UPPER},
                                              .last = {UPPER + PAGE - 1},
                                              .pa = {0x20000},
                                              .rights = PTW_READ | PTW_EXEC}),
        PTW_NOT_CANONICAL);
    t.root = high_root();
    expect_status(ptw_map(&t, &q), PTW_NOT_CANONICAL);
    q.first.v += UPPER;
    q.last.v += UPPER;
    expect_status(ptw_map(&t, &q), PTW_OK);
    cr_expect(eq(u64, pa_of(&mem, t.root, UPPER + 5ull * G1), 0x20000));
}

/* A root that two spaces have is copied, as far as it goes; the page behind the
 * copy is the host's, and stays as it is. */
Test(sized_edit, copies_a_root_as_far_as_it_goes)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
    const struct ptw_root roots[2] = {low_root(), low_root()};
    struct ptw_range_request q =
        range_request(M2 + 7 * PAGE, PAGE, 0, PTW_EDIT_UNSHARE);
    struct ptw_memo memo;

    two_halves();
    pool_init();
    put(HIGH, 0, PD_B | P | W | U);
    t.root = low_root();
    t.shares = counted();
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_shares_scan(t.shares, &mem, roots, 2, &memo, 0) == PTW_OK);
    cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(LOW)), 2));
    expect_status(ptw_unmap(&t, &q), PTW_OK);
    cr_expect(ne(u64, t.root.table.v, LOW));
    cr_expect(eq(u64, pa_of(&mem, low_root(), M2 + 7 * PAGE), DATA));
    cr_expect(
        eq(u64, pa_of(&mem, t.root, M2 + 7 * PAGE), failed(PTW_NOT_MAPPED)));
    cr_expect(eq(u64, entry_at(t.root.table.v, 15), PD_B | P | W | U));
    cr_expect(eq(u64, entry_at(t.root.table.v, 16), 0));
}

/* A table of the owner's is found in his regime: his root is at another level. */
Test(sized_link, goes_down_in_the_owners_regime)
{
    struct ptw_regime wide;
    struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
    struct ptw_link_request q = {.rights = PTW_READ | PTW_WRITE | PTW_EXEC,
                                 .last = {G1 - 1}};

    two_halves();
    pool_init();
    sized_regime(&wide, SIZED_PML4, 9, PTW_EXTEND_SIGN);
    t.root = ptw_root_of(&wide, ptw_pa_of(pool_table()));
    t.shares = counted();
    q.owner = low_root();
    q.level = ptw_alias_level_of(&wide, SIZED_PD);
    expect_status(ptw_link(&t, &q), PTW_OK);
    cr_expect(eq(u64, pa_of(&mem, t.root, M2 + 7 * PAGE), DATA));
    /* His root is no whole table. */
    q.level = ptw_alias_level_of(&wide, SIZED_PDPT);
    expect_status(ptw_link(&t, &q), PTW_E_ARG);
    /* His addresses are those of the upper half. */
    q.level = ptw_alias_level_of(&wide, SIZED_PD);
    q.owner = high_root();
    q.first.v = G1;
    q.last.v = 2ull * G1 - 1;
    expect_status(ptw_link(&t, &q), PTW_NOT_CANONICAL);
    q.their_va.v = UPPER + 3ull * G1;
    expect_status(ptw_link(&t, &q), PTW_OK);
    cr_expect(eq(u64, pa_of(&mem, t.root, G1 + M2 + 7 * PAGE), DATA));
}

/* Item by item, both halves: the second one's alias is in the first. */
Test(sized_space_map, builds_both_halves)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    const struct ptw_root root[2] = {low_root(), high_root()};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
    struct ptw_built built[2];
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_item item;
    size_t items;

    two_halves();
    pool_init();
    memset(built, 0, sizeof built);
    t.root.regime = &lower;
    t.shares = counted();
    o.flags = PTW_WALK_TABLES;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o) == PTW_OK);
    while (ptw_walk_next(&w, &item, 1, &items) == PTW_OK) {
        expect_status(ptw_space_aware_map(&t, &item, built, 2, PTW_EDIT_EXACT),
                      PTW_OK);
    }
    cr_assert(built[0].built && built[1].built);
    cr_expect(eq(u64, pa_of(&mem, built[0].root, M2 + 7 * PAGE), DATA));
    cr_expect(eq(u64,
                 pa_of(&mem, built[1].root, UPPER + 3ull * G1 + M2 + 7 * PAGE),
                 DATA));
}

/* A table that is larger than a page is exposed by any of its pages. */
Test(sized_exposed, finds_a_root_by_its_second_page)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    static const ptw_pa frame[] = {{0x6000}};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_regime two;
    struct ptw_root root;
    struct ptw_exposed e;
    struct ptw_memo memo;
    struct ptw_item item;

    two_halves();
    sized_regime(&two, SIZED_PDPT, 10, PTW_EXTEND_ZEROS);
    root = ptw_root_of(&two, ptw_pa_of(0x6000));
    put(0x6000, 0, PD_A | P | W | U);
    put(PT_A, 7, 0x7000 | P | W | U);
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_exposed_init(&e, &mem, &root, 1, &memo, frame, 1, &o) ==
              PTW_OK);
    expect_status(ptw_exposed_next(&e, &item), PTW_OK);
    cr_expect(eq(u64, item.u.finding.table.v, 0x6000));
}

/* ------------------------------------------------------------------ rebuild */

Test(sized_rebuild, keeps_both_halves)
{
    struct job j;
    struct image n;

    two_halves();
    j = job_of(2);
    j.root[0] = low_root();
    j.root[1] = high_root();
    expect_status(compact(&j, &n), PTW_OK);
    cr_assert(n.root[0].regime == &lower && n.root[1].regime == &upper);
    cr_expect(eq(u64, n.counts.tables, 5));
    cr_expect(eq(u64, n.counts.aliases, 1));
    cr_expect(eq(u64, pa_of(&n.mem, n.root[0], M2 + 7 * PAGE),
                 pa_of(&n.mem, n.root[1], UPPER + 3ull * G1 + M2 + 7 * PAGE)));
    cr_expect(lt(u64, pa_of(&n.mem, n.root[0], M2 + 7 * PAGE),
                 n.counts.bytes + j.o.base.v));
    expect_status(verified(&j, &n), PTW_OK);
    n.root[1].regime = &lower;
    expect_status(verified(&j, &n), PTW_E_ARG);
    n.root[1] = ptw_root_of(&upper, n.root[0].table);
    expect_status(verified(&j, &n), PTW_DIFFERENT);
    free_image(&n);
}

/* A map is made in every space that has its addresses, and one has to. */
/* A rebuild of both halves, of the first G1 alone, with a map. */
static struct job both_halves_with(struct ptw_map_request *q)
{
    struct job j;

    two_halves();
    j = job_of(2);
    j.root[0] = low_root();
    j.root[1] = high_root();
    j.o.last.v = G1 - 1;
    j.o.map = q;
    j.o.maps = 1;
    return j;
}

Test(sized_rebuild, maps_in_the_half_that_has_the_addresses)
{
    struct ptw_map_request q = map_request(5ull * G1, PAGE, 0x20000,
                                           PTW_READ | PTW_WRITE | PTW_EXEC, 0);
    struct job j;
    struct image n;

    j = both_halves_with(&q);
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(eq(u64, pa_of(&n.mem, n.root[0], 5ull * G1), 0x20000));
    free_image(&n);
}

Test(sized_rebuild, refuses_a_map_that_no_half_has)
{
    struct ptw_map_request q = map_request((uint64_t)1 << 62, PAGE, 0x20000,
                                           PTW_READ | PTW_WRITE | PTW_EXEC, 0);
    struct job j;
    static struct ptw_rebuild begun;
    size_t map = 9;

    j = both_halves_with(&q);
    expect_status(ptw_rebuild_init(&begun, &mem, j.root, 2, &j.o),
                  PTW_NOT_CANONICAL);
    cr_expect(ptw_rebuild_bad_map(&begun, &map));
    cr_expect(eq(sz, map, 0));
}

static struct ptw_regime wide;
static struct ptw_regime mid;

static void two_heights(void)
{
    two_halves();
    sized_regime(&wide, SIZED_PML4, 9, PTW_EXTEND_SIGN);
    sized_regime(&mid, SIZED_PDPT, 9, PTW_EXTEND_ZEROS);
}

/* A new table starts where one of any size may: behind the page stands padding. */
Test(sized_rebuild, aligns_its_tables_to_the_largest)
{
    struct ptw_regime two;
    struct job j;
    struct image n;

    two_halves();
    sized_regime(&two, SIZED_PDPT, 10, PTW_EXTEND_ZEROS);
    put(0x7000, 5, PD_A | P | W | U);
    j = job_of(1);
    j.root[0] = ptw_root_of(&two, ptw_pa_of(0x6000));
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.pages, 1));
    cr_expect(eq(u64, n.counts.page_bytes, 8192));
    cr_expect(eq(u64, n.counts.bytes, 8192 + n.counts.tables * 8192));
    expect_status(ptw_root_check(n.root[0]), PTW_OK);
    cr_expect(lt(u64, pa_of(&n.mem, n.root[0], 517ull * G1 + M2 + 7 * PAGE),
                 j.o.base.v + 8192));
    expect_status(verified(&j, &n), PTW_OK);
    free_image(&n);
}

/* The root of the one is a lower table of the other, and has to stay a root. */
Test(sized_rebuild, keeps_a_root_that_is_a_lower_table_elsewhere)
{
    struct job j;
    struct image n;

    two_heights();
    put(0x6000, 0, 0x5000 | P | W | U);
    put(0x5000, 0, PD_A | P | W | U);
    j = job_of(2);
    j.root[0] = ptw_root_of(&wide, ptw_pa_of(0x6000));
    j.root[1] = ptw_root_of(&mid, ptw_pa_of(0x5000));
    expect_status(compact(&j, &n), PTW_E_SHARED);
    /* Its space is first, so the other's table is an alias of it. */
    j.root[0] = ptw_root_of(&mid, ptw_pa_of(0x5000));
    j.root[1] = ptw_root_of(&wide, ptw_pa_of(0x6000));
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(eq(u64, pa_of(&n.mem, n.root[1], M2 + 7 * PAGE),
                 pa_of(&n.mem, n.root[0], M2 + 7 * PAGE)));
    cr_expect(lt(u64, pa_of(&n.mem, n.root[0], M2 + 7 * PAGE), UPPER));
    cr_expect(eq(u64, n.counts.aliases, 1));
    expect_status(verified(&j, &n), PTW_OK);
    free_image(&n);
}

/* A range in the lower half keeps nothing of the upper one. */
Test(sized_rebuild, keeps_a_half_of_which_nothing_is_walked)
{
    struct job j;
    struct image n;

    two_halves();
    j = job_of(2);
    j.root[0] = low_root();
    j.root[1] = high_root();
    j.o.last.v = ((uint64_t)1 << 34) - 1;
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(lt(u64, pa_of(&n.mem, n.root[0], M2 + 7 * PAGE), UPPER));
    cr_expect(eq(u64,
                 pa_of(&n.mem, n.root[1], UPPER + 3ull * G1 + M2 + 7 * PAGE),
                 failed(PTW_NOT_MAPPED)));
    expect_status(verified(&j, &n), PTW_OK);
    free_image(&n);
}

/* A map gets its tables in every space, whichever root comes last. */
Test(sized_rebuild, counts_the_tables_of_maps_from_the_highest_root)
{
    struct ptw_map_request q = map_request(5ull * G1, PAGE, 0x20000,
                                           PTW_READ | PTW_WRITE | PTW_EXEC, 0);
    struct job j;
    struct image n;

    for (unsigned last = 0; last < 2; last++) {
        two_heights();
        put(0x7000, 0, PD_A | P | W | U);
        j = job_of(2);
        j.root[last] = ptw_root_of(&mid, ptw_pa_of(0x7000));
        j.root[1 - last] = ptw_root_of(&wide, ptw_pa_of(0x6000));
        j.o.last.v = G1 - 1;
        j.o.map = &q;
        j.o.maps = 1;
        expect_status(compact(&j, &n), PTW_OK);
        cr_expect(eq(u64, pa_of(&n.mem, n.root[0], 5ull * G1), 0x20000));
        cr_expect(eq(u64, pa_of(&n.mem, n.root[1], 5ull * G1), 0x20000));
        free_image(&n);
    }
}
