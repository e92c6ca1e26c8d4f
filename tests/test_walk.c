/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over one space: virt_to_phys, and what every walk has in common. */
#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

enum { ROOT = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, PT2 = 0x5000 };

static const uint64_t SMALL = 0x1000;
static const uint64_t LARGE = 0x200000;
static const uint64_t HUGE = 0x40000000;

/* Four tables, one under the other at index 0 each, and no leaf so far. */
static void chain(void)
{
    put(ROOT, 0, PDPT | TABLE | U);
    put(PDPT, 0, PD | TABLE | U);
    put(PD, 0, PT | TABLE | U);
}

static void amd64(void)
{
    machine("amd64");
    chain();
}

static struct plan plan;

/* What the space at ROOT maps in [first, last], with flags. */
static char *between(uint64_t first, uint64_t last, unsigned flags)
{
    plan = follow_plan(ROOT);
    plan.o.first.v = first;
    plan.o.last.v = last;
    plan.o.flags = flags;
    return told(walk(&plan));
}

static char *everything(unsigned flags)
{
    return between(0, UINT64_MAX, flags);
}

static int init_status(uint64_t root, uint64_t first, uint64_t last)
{
    plan = follow_plan(root);
    plan.o.first.v = first;
    plan.o.last.v = last;
    return walk(&plan)->init;
}

/* More kinds of leaves than a sweep remembers, by turns, each of which may go on
 * with the run: software's bits are no reason to end it, the memory type is. */
Test(amd64_walk, joins_leaves_of_many_kinds_by_what_they_are)
{
    for (uint64_t seed = 1; seed <= 64; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15;
        uint64_t type = 0;
        size_t runs = 0;
        const struct report *r;

        amd64();
        for (unsigned i = 0; i < 512; i++) {
            uint64_t raw;

            random = random * 0x5851F42D4C957F2D + 1;
            if (i == 0 || random >> 60 == 0) {
                type = (type + (random >> 50) % 7 + 1) % 8;
                runs++;
            }
            raw = (0x100000 + i * SMALL) | RX | (type & 3) << 3 |
                  (type & 4) << 5 | (random >> 40 & 7) << 9;
            put(PT, i,
                ptw_is_copy_on_write(&regime, 0, raw) ? raw & ~0xE00u : raw);
        }
        plan = follow_plan(ROOT);
        plan.o.flags = PTW_WALK_RUNS;
        r = walk(&plan);
        cr_expect(eq(sz, r->count, runs), "seed %llu",
                  (unsigned long long)seed);
    }
}

/* The items follow each other without a gap or an overlap, from the first
 * address of the range to the last. */
static bool tiles(const struct report *r, uint64_t first, uint64_t last)
{
    uint64_t next = 0;

    if (r->count == 0 || r->item[0].first.v > first) {
        return false;
    }
    for (size_t i = 0; i < r->count; i++) {
        if (r->item[i].last.v < r->item[i].first.v ||
            (i > 0 && r->item[i].first.v != next)) {
            return false;
        }
        next = r->item[i].last.v + 1;
    }
    return r->item[r->count - 1].last.v >= last;
}

/* ------------------------------------------------------------------- leaves */

Test(amd64_walk, of_an_empty_table_gives_nothing)
{
    machine("amd64");
    cr_expect(eq(str, everything(0), ""));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 512));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 1));
}

Test(amd64_walk, gives_leaves_of_every_size_in_ascending_order)
{
    amd64();
    put(PT, 3, 0x20000 | RWX);
    put(PT, 511, 0x10000 | RX | NX);
    put(PD, 1, 0x600000 | RWX | PS);
    put(PDPT, 2, 0x40000000 | RX | PS | U);
    put(ROOT, 511, PDPT | TABLE);
    cr_expect(eq(str, everything(0),
                 "map 3000-3fff 20000 rwx- 4k\n"
                 "map 1ff000-1fffff 10000 r--- 4k\n"
                 "map 200000-3fffff 600000 rwx- 2m\n"
                 "map 80000000-bfffffff 40000000 r-xu 1g\n"
                 "map ffffff8000003000-ffffff8000003fff 20000 rwx- 4k\n"
                 "map ffffff80001ff000-ffffff80001fffff 10000 r--- 4k\n"
                 "map ffffff8000200000-ffffff80003fffff 600000 rwx- 2m\n"
                 "map ffffff8080000000-ffffff80bfffffff 40000000 r-x- 1g\n"));
}

Test(amd64_walk, reports_the_raw_leaf)
{
    amd64();
    put(PT, 3, 0x5ab0000000020fe3 & ~PS);
    plan = follow_plan(ROOT);
    cr_assert(eq(sz, walk(&plan)->count, 1));
    cr_expect(
        eq(u64, walk(&plan)->item[0].u.mapping.raw, 0x5ab0000000020fe3 & ~PS));
    cr_expect(eq(u32, walk(&plan)->item[0].u.mapping.level, 0));
    cr_expect(eq(u32, walk(&plan)->item[0].space, 0));
}

/* Hyperlight 1 and crash: a large page walked as if it were a table. */
Test(amd64_walk, never_reads_inside_a_large_page)
{
    amd64();
    put(PD, 0, 0 | RWX | PS);
    put(PDPT, 1, 0 | RWX | PS);
    put(PT, 0, 0x20000 | RWX);
    offer_watched();
    cr_expect(eq(str, everything(0),
                 "map 0-1fffff 0 rwx- 2m\n"
                 "map 40000000-7fffffff 0 rwx- 1g\n"));
    for (unsigned i = 0; i < PAGE / 4; i++) {
        cr_expect(eq(u32, watched.reads[PT / 4 + i], 0));
    }
}

/* XSA-176: PS where there are no such pages is neither page nor table. */
Test(amd64_walk, takes_ps_in_a_pml4_for_a_bad_entry)
{
    amd64();
    put(PT, 0, 0x20000 | RWX);
    put(ROOT, 1, PDPT | TABLE | PS);
    cr_expect(eq(str, everything(0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "bad pml4 8000000000-ffffffffff in 1000 20a3\n"));
}

Test(amd64_walk, takes_ps_in_a_pdpt_without_1g_pages_for_a_bad_entry)
{
    machine_with("amd64", 52, PTW_X86_PAGE1G);
    chain();
    put(PDPT, 0, PD | TABLE | PS);
    cr_expect(eq(str, everything(0), "bad pdpt 0-3fffffff in 2000 30a3\n"));
}

/* XSA-301: the widest address is valid, one more bit is not. */
Test(amd64_walk, goes_exactly_to_the_physical_width)
{
    machine_with("amd64", 40, 0);
    chain();
    put(PT, 0, 0xfffffff000 | RWX);
    put(PT, 1, 0x10000000000 | RWX);
    put(PT, 2, 0x8000000000000 | RWX);
    cr_expect(eq(str, everything(0),
                 "map 0-fff fffffff000 rwx- 4k\n"
                 "bad pt 1000-1fff in 4000 10000000063\n"
                 "bad pt 2000-2fff in 4000 8000000000063\n"));
}

Test(amd64_walk, reports_every_bad_entry_by_itself)
{
    machine_with("amd64", 40, PTW_X86_NX);
    chain();
    put(ROOT, 9, PDPT | TABLE | NX);
    put(PDPT, 1, HUGE | RWX | PS | 0x2000);
    put(PD, 1, LARGE | RWX | PS | 0x100000);
    put(PT, 7, 0x20000 | RWX | NX);
    put(PT, 8, 0x21000 | RWX | NX);
    cr_expect(
        eq(str, everything(0),
           "bad pt 7000-7fff in 4000 8000000000020063\n"
           "bad pt 8000-8fff in 4000 8000000000021063\n"
           "bad pd 200000-3fffff in 3000 3000e3\n"
           "bad pdpt 40000000-7fffffff in 2000 400020e3\n"
           "bad pml4 48000000000-4ffffffffff in 1000 8000000000002023\n"));
}

Test(i686_walk, gives_leaves_of_both_sizes)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    put(ROOT, 5, 0x00c000e7);
    put(ROOT, 1023, PDPT | 0x25);
    put(PDPT, 1, 0x20027);
    put(PDPT, 1023, 0xfffff025);
    cr_expect(eq(str, everything(0),
                 "map 1000-1fff 20000 rwxu 4k\n"
                 "map 3ff000-3fffff fffff000 r-xu 4k\n"
                 "map 1400000-17fffff c00000 rwxu 4m\n"
                 "map ffc01000-ffc01fff 20000 r-xu 4k\n"
                 "map fffff000-ffffffff fffff000 r-xu 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 3 * 1024));
}

Test(bare_walk, is_one_leaf)
{
    machine_with("bare", 36, 0);
    cr_expect(eq(str, everything(0), "map 0-fffffffff 0 rwxu 64g\n"));
    cr_expect(eq(str, everything(PTW_WALK_HOLES),
                 "map 0-fffffffff 0 rwxu 64g\n"
                 "gap 1000000000-ffffffffffffffff\n"));
    cr_expect(eq(str, between(0x5000, 0x5fff, PTW_WALK_HOLES),
                 "map 0-fffffffff 0 rwxu 64g\n"));
    cr_expect(eq(str, between(0x1000000000, UINT64_MAX, 0), ""));
    cr_expect(eq(str, between(0x1000000000, UINT64_MAX, PTW_WALK_HOLES),
                 "gap 1000000000-ffffffffffffffff\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
}

/* -------------------------------------------------------------------- holes */

Test(amd64_walk, has_holes_as_results_that_say_at_which_level)
{
    amd64();
    put(PT, 3, 0x20000 | RWX);
    cr_expect(eq(str, everything(PTW_WALK_HOLES),
                 "hole pt 0-2fff\n"
                 "map 3000-3fff 20000 rwx- 4k\n"
                 "hole pt 4000-1fffff\n"
                 "hole pd 200000-3fffffff\n"
                 "hole pdpt 40000000-7fffffffff\n"
                 "hole pml4 8000000000-7fffffffffff\n"
                 "gap 800000000000-ffff7fffffffffff\n"
                 "hole pml4 ffff800000000000-ffffffffffffffff\n"));
    cr_expect(tiles(walk(&plan), 0, UINT64_MAX));
}

Test(amd64_walk, gives_the_raw_entry_that_a_hole_starts_with)
{
    amd64();
    put(PT, 0, 0xdead000);
    put(PT, 1, 0xbeef000);
    plan = follow_plan(ROOT);
    plan.o.last.v = 0x1fffff;
    plan.o.flags = PTW_WALK_HOLES;
    cr_assert(eq(sz, walk(&plan)->count, 1));
    cr_expect(eq(u64, walk(&plan)->item[0].u.hole.raw, 0xdead000));
    cr_expect(walk(&plan)->item[0].u.hole.canonical);
}

Test(amd64_walk, joins_holes_of_one_level_across_tables)
{
    amd64();
    put(PD, 1, PT2 | TABLE);
    put(PT, 0, 0x20000 | RWX);
    put(PT2, 9, 0x21000 | RWX);
    cr_expect(eq(str, between(0, 0x3fffff, PTW_WALK_HOLES),
                 "map 0-fff 20000 rwx- 4k\n"
                 "hole pt 1000-208fff\n"
                 "map 209000-209fff 21000 rwx- 4k\n"
                 "hole pt 20a000-3fffff\n"));
}

Test(i686_walk, has_a_gap_above_32_bits)
{
    machine("i686");
    put(ROOT, 1023, PDPT | 0x27);
    put(PDPT, 1023, 0x20027);
    cr_expect(eq(str, everything(PTW_WALK_HOLES),
                 "hole pd 0-ffbfffff\n"
                 "hole pt ffc00000-ffffefff\n"
                 "map fffff000-ffffffff 20000 rwxu 4k\n"
                 "gap 100000000-ffffffffffffffff\n"));
    cr_expect(tiles(walk(&plan), 0, UINT64_MAX));
    cr_expect(eq(str, between(0, 0xffffffff, PTW_WALK_HOLES),
                 "hole pd 0-ffbfffff\n"
                 "hole pt ffc00000-ffffefff\n"
                 "map fffff000-ffffffff 20000 rwxu 4k\n"));
}

/* drgn: a range that is not canonical, in the middle of a table. */
Test(amd64_walk, gives_the_gap_once_and_whole_wherever_the_range_cuts_it)
{
    static const char gap[] = "gap 800000000000-ffff7fffffffffff\n";

    machine("amd64");
    cr_expect(eq(str,
                 between(0x800000000000, 0xffff7fffffffffff, PTW_WALK_HOLES),
                 (char *)gap));
    cr_expect(eq(str, between(0x900000000000, 0x900000000000, PTW_WALK_HOLES),
                 (char *)gap));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
    cr_expect(eq(str, between(0x7fffffffffff, 0x800000000000, PTW_WALK_HOLES),
                 "hole pml4 7f8000000000-7fffffffffff\n"
                 "gap 800000000000-ffff7fffffffffff\n"));
    cr_expect(
        eq(str, between(0xffff7fffffffffff, 0xffff800000000000, PTW_WALK_HOLES),
           "gap 800000000000-ffff7fffffffffff\n"
           "hole pml4 ffff800000000000-ffff807fffffffff\n"));
    cr_expect(eq(str,
                 between(0x7fffffffffff, 0xffff800000000000, PTW_WALK_HOLES),
                 "hole pml4 7f8000000000-7fffffffffff\n"
                 "gap 800000000000-ffff7fffffffffff\n"
                 "hole pml4 ffff800000000000-ffff807fffffffff\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 2));
    cr_expect(eq(str, between(0x800000000000, 0xffff7fffffffffff, 0), ""));
    cr_expect(eq(str, between(0x7fffffffffff, 0x7fffffffffff, PTW_WALK_HOLES),
                 "hole pml4 7f8000000000-7fffffffffff\n"));
    cr_expect(
        eq(str, between(0xffff800000000000, 0xffff800000000000, PTW_WALK_HOLES),
           "hole pml4 ffff800000000000-ffff807fffffffff\n"));
}

Test(amd64_walk, tiles_any_range)
{
    struct dice d = {1};

    amd64();
    put(ROOT, 255, PDPT | TABLE);
    put(ROOT, 256, PDPT | TABLE);
    put(ROOT, 511, PDPT | TABLE | PS);
    put(PDPT, 511, PD | TABLE);
    put(PD, 511, PT | TABLE);
    put(PD, 3, RAM_BYTES | TABLE);
    put(PT, 511, 0x20000 | RWX);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t a = roll(&d) >> roll_below(&d, 64);
        uint64_t b = roll(&d) >> roll_below(&d, 64);
        unsigned flags = PTW_WALK_HOLES | (i & 1 ? PTW_WALK_RUNS : 0);

        if (one_in(&d, 3)) {
            a = ~a;
        }
        if (one_in(&d, 3)) {
            b = ~b;
        }
        plan = follow_plan(ROOT);
        plan.o.first.v = a < b ? a : b;
        plan.o.last.v = a < b ? b : a;
        plan.o.flags = flags;
        cr_expect(tiles(walk(&plan), plan.o.first.v, plan.o.last.v));
    }
}

/* ------------------------------------------------------------------- ranges */

Test(amd64_walk, gives_whole_items_at_the_ends_of_the_range)
{
    amd64();
    put(PT, 1, 0x20000 | RWX);
    put(PT, 2, 0x30000 | RWX);
    put(PT, 3, 0x40000 | RWX);
    put(PD, 1, LARGE | RWX | PS);
    cr_expect(
        eq(str, between(0x2fff, 0x2fff, 0), "map 2000-2fff 30000 rwx- 4k\n"));
    cr_expect(eq(str, between(0x1fff, 0x3000, 0),
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "map 2000-2fff 30000 rwx- 4k\n"
                 "map 3000-3fff 40000 rwx- 4k\n"));
    cr_expect(
        eq(str, between(0x2000, 0x2fff, 0), "map 2000-2fff 30000 rwx- 4k\n"));
    cr_expect(eq(str, between(0x3fffff, 0x3fffff, 0),
                 "map 200000-3fffff 200000 rwx- 2m\n"));
    cr_expect(eq(str, between(0x4000, 0x4000, PTW_WALK_HOLES),
                 "hole pt 4000-4fff\n"));
    cr_expect(eq(str, between(0x500000, 0x500000, PTW_WALK_HOLES),
                 "hole pd 400000-5fffff\n"));
}

/* A table's last entry: `>` for `>=` in drgn. */
Test(amd64_walk, does_not_lose_the_last_entry_of_a_table)
{
    amd64();
    put(PT, 511, 0x20000 | RWX);
    put(PD, 511, PT | TABLE);
    put(PDPT, 511, PD | TABLE);
    put(ROOT, 511, PDPT | TABLE);
    cr_expect(eq(str, between(0x1ff000, 0x1fffff, 0),
                 "map 1ff000-1fffff 20000 rwx- 4k\n"));
    cr_expect(eq(str, between(0x3fffffff, 0x40000000, 0),
                 "map 3ffff000-3fffffff 20000 rwx- 4k\n"));
    cr_expect(eq(str, between(0x7fffffffff, 0x7fffffffff, 0),
                 "map 7ffffff000-7fffffffff 20000 rwx- 4k\n"));
    cr_expect(eq(str, between(UINT64_MAX, UINT64_MAX, 0),
                 "map fffffffffffff000-ffffffffffffffff 20000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4));
}

Test(amd64_walk, reads_no_more_than_the_range_needs)
{
    amd64();
    put_all(PT, 0x20000 | RWX);
    plan = follow_plan(ROOT);
    plan.o.first.v = 0x5000;
    plan.o.last.v = 0x6fff;
    offer_watched();
    cr_expect(eq(sz, walk(&plan)->count, 2));
    cr_expect(eq(u64, watched.total, 5));
    offer_all();
    cr_expect(eq(u64, walk(&plan)->stats.reads, 5));
}

Test(amd64_walk, refuses_a_reversed_range)
{
    amd64();
    cr_expect(eq(int, init_status(ROOT, 1, 0), PTW_E_RANGE));
    cr_expect(eq(int, init_status(ROOT, UINT64_MAX, 0), PTW_E_RANGE));
    cr_expect(eq(int, init_status(ROOT, 0, 0), PTW_OK));
}

Test(walk_next, refuses_no_room)
{
    struct ptw_walk w;
    struct ptw_item item;
    struct ptw_walk_options o = ptw_walk_everything();
    size_t items = 9;

    amd64();
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_expect(eq(int, ptw_walk_next(&w, &item, 0, &items), PTW_E_ARG));
    cr_expect(eq(sz, items, 0));
    cr_expect(eq(int, ptw_walk_next(&w, &item, 1, &items), PTW_END));
}

Test(walk_next, says_the_end_again_and_again)
{
    struct ptw_walk w;
    struct ptw_item item[4];
    struct ptw_walk_options o = ptw_walk_everything();
    size_t items;

    amd64();
    put(PT, 0, 0x20000 | RWX);
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_expect(eq(int, ptw_walk_next(&w, item, 1, &items), PTW_OK));
    cr_expect(eq(sz, items, 1));
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_END));
        cr_expect(eq(sz, items, 0));
    }
    ptw_walk_extend(&w, UINT64_MAX, UINT64_MAX);
    cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_END));
}

/* The loop that everybody writes. */
static size_t gather(struct ptw_walk *w, size_t room, enum ptw_status *end)
{
    static struct ptw_item item[64];
    size_t all = 0;
    size_t items;

    while ((*end = ptw_walk_next(w, item, room, &items)) == PTW_OK) {
        cr_expect(ge(sz, items, 1));
        cr_expect(le(sz, items, room));
        all += items;
    }
    cr_expect(eq(sz, items, 0), "%zu items come with: %s", items,
              ptw_status_text(*end));
    return all;
}

Test(walk_next, loses_no_item_of_a_loop_that_ends_where_it_is_not_ok)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    enum ptw_status end;

    amd64();
    for (unsigned i = 0; i < 70; i++) {
        put(PT, 2 * i, 0x20000 | RWX);
    }
    for (size_t room = 1; room <= 64; room++) {
        cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                        ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                        &o) == PTW_OK);
        cr_expect(eq(sz, gather(&w, room, &end), 70));
        cr_expect(eq(int, end, PTW_END));
    }
}

Test(walk_next, loses_no_item_at_a_limit)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    enum ptw_status end;

    amd64();
    for (unsigned i = 0; i < 70; i++) {
        put(PT, 2 * i, 0x20000 | RWX);
    }
    for (uint64_t limit = 1; limit < 70; limit++) {
        size_t all;

        o = ptw_walk_everything();
        o.max_items = limit;
        cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                        ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                        &o) == PTW_OK);
        cr_expect(eq(sz, gather(&w, 64, &end), limit));
        cr_expect(eq(int, end, PTW_E_LIMIT));
        ptw_walk_extend(&w, 0, UINT64_MAX);
        cr_expect(eq(sz, gather(&w, 64, &end), 70 - limit));
        cr_expect(eq(int, end, PTW_END));

        o = ptw_walk_everything();
        o.max_reads = 3 * limit;
        cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                        ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                        &o) == PTW_OK);
        all = gather(&w, 64, &end);
        cr_expect(eq(int, end, PTW_E_LIMIT));
        cr_expect(eq(u64, ptw_walk_counts(&w).items, all));
        ptw_walk_extend(&w, UINT64_MAX, 0);
        cr_expect(eq(sz, gather(&w, 64, &end), 70 - all));
        cr_expect(eq(int, end, PTW_END));
    }
}

/* Of options that are all zeros, only the range is set. */
Test(walk, takes_a_limit_of_0_for_none)
{
    struct ptw_walk_options o = {.last = {UINT64_MAX}};
    static _Alignas(8) unsigned char storage[4096];
    struct ptw_root root = {&regime, {ROOT}};
    struct ptw_memo memo;
    struct ptw_walk w;
    enum ptw_status end;

    amd64();
    for (unsigned i = 0; i < 70; i++) {
        put(PT, 2 * i, 0x20000 | RWX);
    }
    cr_assert(ptw_virt_to_phys_init(&w, &mem, root, &o) == PTW_OK);
    cr_expect(eq(sz, gather(&w, 64, &end), 70));
    cr_expect(eq(int, end, PTW_END));
    cr_expect(eq(u64, ptw_walk_counts(&w).reads, 2048));
    cr_expect(eq(u64, ptw_walk_counts(&w).items, 70));
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 0) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, &root, 1, &memo, &o) == PTW_OK);
    ptw_walk_extend(&w, 0, 0);
    cr_expect(eq(sz, gather(&w, 64, &end), 71));
    cr_expect(eq(int, end, PTW_END));
    /* Each of the two by itself. */
    o.max_reads = 100;
    cr_assert(ptw_virt_to_phys_init(&w, &mem, root, &o) == PTW_OK);
    (void)gather(&w, 64, &end);
    cr_expect(eq(int, end, PTW_E_LIMIT));
    o.max_reads = 0;
    o.max_items = 3;
    cr_assert(ptw_virt_to_phys_init(&w, &mem, root, &o) == PTW_OK);
    cr_expect(eq(sz, gather(&w, 64, &end), 3));
    cr_expect(eq(int, end, PTW_E_LIMIT));
    /* An amount of 0 is nothing. */
    ptw_walk_extend(&w, 0, 0);
    cr_expect(eq(sz, gather(&w, 64, &end), 0));
    cr_expect(eq(int, end, PTW_E_LIMIT));
}

/* An allowance that is as large as can be stays so. */
Test(walk_extend, does_not_wrap)
{
    struct ptw_walk w;
    struct ptw_item item[4];
    struct ptw_walk_options o = ptw_walk_everything();
    size_t items;

    amd64();
    put(PT, 0, 0x20000 | RWX);
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    ptw_walk_extend(&w, 5, 5);
    ptw_walk_extend(&w, UINT64_MAX, UINT64_MAX);
    cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_OK));
    cr_expect(eq(sz, items, 1));
    cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_END));
    cr_expect(eq(u64, ptw_walk_counts(&w).reads, 2048));
}

Test(walk_extend, adds_to_what_is_left)
{
    struct ptw_walk w;
    struct ptw_item item[4];
    struct ptw_walk_options o = ptw_walk_everything();
    size_t items;

    amd64();
    o.max_reads = 100;
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    ptw_walk_extend(&w, 11, 0);
    cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_E_LIMIT));
    cr_expect(eq(u64, ptw_walk_counts(&w).reads, 111));
    ptw_walk_extend(&w, 1, 0);
    cr_expect(eq(int, ptw_walk_next(&w, item, 4, &items), PTW_E_LIMIT));
    cr_expect(eq(u64, ptw_walk_counts(&w).reads, 112));
}

Test(walk, can_be_copied_and_both_go_on)
{
    struct ptw_walk w;
    struct ptw_walk copy;
    struct ptw_item a[8];
    struct ptw_item b[8];
    struct ptw_walk_options o = ptw_walk_everything();
    size_t items;

    amd64();
    for (unsigned i = 0; i < 8; i++) {
        put(PT, 10 * i, 0x20000 | RWX);
    }
    o.flags = PTW_WALK_HOLES;
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_expect(eq(int, ptw_walk_next(&w, a, 3, &items), PTW_OK));
    copy = w;
    cr_expect(eq(int, ptw_walk_next(&w, a, 8, &items), PTW_OK));
    cr_expect(eq(int, ptw_walk_next(&copy, b, 8, &items), PTW_OK));
    for (unsigned i = 0; i < 8; i++) {
        cr_expect(same_items(&a[i], &b[i]));
    }
}

/* ------------------------------------------------- several entries in a call */

static unsigned calls;  /* of the callbacks */
static unsigned copied; /* entries that they gave */
static unsigned refuse; /* which call of copy_bytes is refused; 0: none */

static enum ptw_status one_entry(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    calls++;
    copied++;
    *out = 0;
    for (unsigned b = 0; b < 8; b++) {
        *out |= (uint64_t)ram[pa.v + b] << 8 * b;
    }
    return PTW_OK;
}

static enum ptw_status copy_bytes(void *ctx, ptw_pa pa, void *buffer,
                                  size_t bytes)
{
    (void)ctx;
    calls++;
    if (calls == refuse) {
        return PTW_E_BUS;
    }
    copied += bytes / 8;
    memcpy(buffer, &ram[pa.v], bytes);
    return PTW_OK;
}

Test(walk, reads_a_window_of_entries_of_stopped_memory_in_one_call)
{
    static const struct ptw_mem_ops ops = {.read64 = one_entry,
                                           .read = copy_bytes};
    static char expected[8192];
    struct ptw_region region = {{0}, {RAM_BYTES - 1}, NULL, false};
    uint64_t reads;

    amd64();
    for (unsigned i = 0; i < 40; i++) {
        put(PT, 3 * i, (0x20000 + i * PAGE) | RWX);
    }
    strcpy(expected, everything(PTW_WALK_HOLES));
    reads = walk(&plan)->stats.reads;
    cr_assert(ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1) == PTW_OK);
    for (unsigned k = 0; k < 3; k++) {
        ptw_mem_set_stopped(&mem, k > 0);
        refuse = 0;
        calls = 0;
        copied = 0;
        cr_expect(eq(str, everything(PTW_WALK_HOLES), expected));
        calls = 0;
        copied = 0;
        refuse = k == 2 ? 5 : 0;
        cr_expect(eq(u64, walk(&plan)->stats.reads, reads));
        cr_expect(eq(uint, copied, reads), "each is read once");
        cr_expect(eq(uint, calls,
                     k == 0   ? reads
                     : k == 1 ? reads / PTW_MAX_WINDOW
                              : reads / PTW_MAX_WINDOW + 2));
    }
    refuse = 0;
    ptw_mem_set_stopped(&mem, true);
    cr_expect(eq(str, in_pieces(&plan, 97), ""));
}

/* ---------------------------------------------------- tables are remembered */

static const struct ptw_mem_ops counted = {.read64 = one_entry,
                                           .read = copy_bytes};
static struct ptw_remembered remembered;
static uint64_t copies[8 * 513];

/* Follows everything, by the set; the same comes as of memory of the host. */
static struct ptw_walk_stats follow_remembering(void)
{
    static struct ptw_walk direct;
    static struct ptw_walk served;
    static struct ptw_mem flat;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item a[5];
    struct ptw_item b[5];
    enum ptw_status st = PTW_OK;

    o.flags = PTW_WALK_HOLES;
    cr_assert(ptw_mem_init_flat(&flat, ptw_pa_of(0), ram, RAM_BYTES, false) ==
              PTW_OK);
    cr_assert(ptw_virt_to_phys_init(&direct, &flat,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_assert(ptw_virt_to_phys_init(&served, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_assert(ptw_walk_remember(&served, &remembered) == PTW_OK);
    calls = 0;
    while (st == PTW_OK) {
        size_t n;
        size_t m;

        st = ptw_walk_next(&direct, a, 5, &n);
        cr_assert(eq(int, ptw_walk_next(&served, b, 5, &m), st));
        cr_assert(eq(sz, m, n));
        for (size_t i = 0; i < n; i++) {
            cr_assert(eq(int, b[i].kind, a[i].kind));
            cr_assert(eq(u64, b[i].first.v, a[i].first.v));
            cr_assert(eq(u64, b[i].last.v, a[i].last.v));
            if (a[i].kind == PTW_ITEM_MAPPING) {
                cr_assert(eq(u64, b[i].u.mapping.pa.v, a[i].u.mapping.pa.v));
                cr_assert(eq(u64, b[i].u.mapping.raw, a[i].u.mapping.raw));
            }
        }
    }
    cr_expect(eq(int, st, PTW_END));
    cr_expect(eq(u64, ptw_walk_counts(&served).reads,
                 ptw_walk_counts(&direct).reads));
    return ptw_walk_counts(&served);
}

/* A way to each of 5 tables, and 8 to three of them. */
static void many_ways(void)
{
    struct ptw_region region = {{0}, {RAM_BYTES - 1}, NULL, false};
    static struct ptw_region kept;

    kept = region;
    amd64();
    for (unsigned i = 1; i < 8; i++) {
        put(ROOT, 32 * i, PDPT | TABLE);
    }
    put(PD, 7, PT2 | TABLE);
    put(PT, 3, 0x20000 | RWX);
    put(PT2, 4, 0x21000 | RWX);
    cr_assert(ptw_mem_init_callbacks(&mem, &counted, NULL, &kept, 1) == PTW_OK);
    ptw_mem_set_stopped(&mem, true);
    refuse = 0;
}

Test(walk, copies_a_table_of_stopped_memory_once)
{
    many_ways();
    cr_assert(ptw_remembered_init(&remembered, &regime, &mem, copies,
                                  sizeof copies) == PTW_OK);
    cr_expect(eq(u64, follow_remembering().tables, 1 + 8 * 4));
    cr_expect(eq(uint, calls, 5));
    cr_expect(eq(sz, remembered.used, 5));
    (void)follow_remembering();
    cr_expect(eq(uint, calls, 0), "the next walk finds them");
}

Test(walk, reads_what_there_is_no_room_to_remember)
{
    many_ways();
    for (size_t room = 1; room < 8; room++) {
        cr_assert(ptw_remembered_init(&remembered, &regime, &mem, copies,
                                      ptw_remembered_bytes(&regime, room)) ==
                  PTW_OK);
        (void)follow_remembering();
        cr_expect(eq(sz, remembered.used, room < 5 ? room : 5));
        cr_expect(room >= 5 ? calls == 5 : calls > 32, "%u calls", calls);
    }
}

Test(walk, reads_a_table_that_cannot_be_copied)
{
    many_ways();
    cr_assert(ptw_remembered_init(&remembered, &regime, &mem, copies,
                                  sizeof copies) == PTW_OK);
    refuse = 3;
    (void)follow_remembering();
    cr_expect(eq(sz, remembered.used, 5), "at the next way to it");
}

Test(walk, remembers_nothing_of_memory_that_may_change)
{
    static struct ptw_walk w;
    static struct ptw_mem other;
    struct ptw_walk_options o = ptw_walk_everything();

    many_ways();
    other = mem;
    cr_assert(ptw_remembered_init(&remembered, &regime, &other, copies,
                                  sizeof copies) == PTW_OK);
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &o) == PTW_OK);
    cr_expect(ptw_walk_remember(&w, &remembered) == PTW_E_ARG,
              "the set is of other memory");
    cr_expect(ptw_walk_remember(&w, NULL) == PTW_OK);
    ptw_mem_set_stopped(&mem, false);
    cr_expect(ptw_remembered_init(&remembered, &regime, &mem, copies,
                                  sizeof copies) == PTW_E_ARG);
    cr_expect(ptw_walk_remember(&w, &remembered) == PTW_E_ARG);
    ptw_mem_set_stopped(&mem, true);
    cr_expect(ptw_remembered_init(&remembered, &regime, &mem,
                                  (char *)copies + 4,
                                  sizeof copies - 4) == PTW_E_ALIGN);
    cr_expect(ptw_remembered_init(&remembered, &regime, &mem, copies, 4103) ==
              PTW_E_SPACE);
    cr_expect(ptw_walk_remember(&w, &remembered) == PTW_E_ARG);
}

/* --------------------------------------------------------------------- runs */

/* Entries first to last of the table map consecutive pages from pa on. */
static void consecutive(uint64_t table, unsigned first, unsigned last,
                        uint64_t entry, uint64_t step)
{
    for (unsigned i = first; i <= last; i++) {
        put(table, i, entry + (i - first) * step);
    }
}

Test(amd64_runs, are_maximal_wherever_they_start_and_end)
{
    for (unsigned first = 0; first < 20; first++) {
        for (unsigned last = first; last < 40; last++) {
            char expected[64];

            amd64();
            consecutive(PT, first, last, 0x20000 | RWX, SMALL);
            snprintf(expected, sizeof expected, "map %x-%x 20000 rwx- 4k\n",
                     first << 12, (last << 12) + 0xfff);
            cr_expect(eq(str, everything(PTW_WALK_RUNS), expected));
        }
    }
}

Test(amd64_runs, go_on_from_one_table_to_the_next)
{
    amd64();
    put(PD, 1, PT2 | TABLE | U);
    consecutive(PT, 500, 511, 0x100000 | RWX, SMALL);
    consecutive(PT2, 0, 99, 0x10c000 | RWX, SMALL);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 1f4000-263fff 100000 rwx- 4k\n"));
}

Test(amd64_runs, say_how_many_leaves_they_are)
{
    amd64();
    consecutive(PT, 7, 26, 0x100000 | RWX, SMALL);
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_RUNS;
    cr_assert(eq(sz, walk(&plan)->count, 1));
    cr_expect(
        eq(u64,
           (walk(&plan)->item[0].last.v - walk(&plan)->item[0].first.v + 1) >>
               walk(&plan)->item[0].u.mapping.size_log2,
           20));
    cr_expect(eq(u64, walk(&plan)->item[0].u.mapping.raw, 0x100063));
}

Test(amd64_runs, of_large_pages_are_runs_too)
{
    amd64();
    put(PD, 0, 0);
    consecutive(PD, 2, 511, 0x40000000 | RWX | PS, LARGE);
    consecutive(PDPT, 5, 8, 0x400000000 | RWX | PS, HUGE);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 400000-3fffffff 40000000 rwx- 2m\n"
                 "map 140000000-23fffffff 400000000 rwx- 1g\n"));
}

/* Every bit that makes leaves unlike splits a run, and no other does. */
Test(amd64_runs, split_where_leaves_are_not_alike_and_nowhere_else)
{
    static const struct {
        uint64_t bit;
        bool splits;
    } rows[] = {
        {W, true},           {U, true},           {PWT, true},
        {PCD, true},         {A, false},          {D, false},
        {PAT, true},         {G, false},          {COW, true},
        {0x400, false},      {0x800, false},      {NX, true},
        {1ull << 52, false}, {1ull << 58, false}, {1ull << 59, false},
        {1ull << 62, false},
    };

    for (unsigned r = 0; r < sizeof rows / sizeof *rows; r++) {
        /* in the middle of a line of 8, at its start, and at its end */
        for (unsigned at = 40; at < 56; at++) {
            amd64();
            consecutive(PT, 0, 511, 0x100000 | RX, SMALL);
            put(PT, at, entry_at(PT, at) ^ rows[r].bit);
            plan = follow_plan(ROOT);
            plan.o.flags = PTW_WALK_RUNS;
            cr_expect(walk(&plan)->count == (rows[r].splits ? 3 : 1),
                      "bit %llx at %u: %zu", (unsigned long long)rows[r].bit,
                      at, walk(&plan)->count);
        }
    }
}

Test(amd64_runs, split_where_the_physical_addresses_do_not_continue)
{
    amd64();
    consecutive(PT, 0, 511, 0x100000 | RWX, SMALL);
    put(PT, 100, 0x900000 | RWX);
    put(PT, 200, entry_at(PT, 199));
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 0-63fff 100000 rwx- 4k\n"
                 "map 64000-64fff 900000 rwx- 4k\n"
                 "map 65000-c7fff 165000 rwx- 4k\n"
                 "map c8000-c8fff 1c7000 rwx- 4k\n"
                 "map c9000-1fffff 1c9000 rwx- 4k\n"));
}

Test(amd64_runs, split_where_the_path_grants_other_rights)
{
    amd64();
    put(PD, 0, PT | P | A);
    put(PD, 1, PT2 | TABLE);
    consecutive(PT, 0, 511, 0x200000 | RWX, SMALL);
    consecutive(PT2, 0, 511, 0x400000 | RWX, SMALL);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 0-1fffff 200000 r-x- 4k\n"
                 "map 200000-3fffff 400000 rwx- 4k\n"));
}

/* Also where a walk stops between the two tables, and goes on with a whole line
 * of the second. */
Test(amd64_runs, split_where_the_path_grants_fewer_rights)
{
    static struct report r;

    amd64();
    put(PD, 0, PT | TABLE);
    put(PD, 1, PT2 | P | A);
    consecutive(PT, 504, 511, 0x3f8000 | RWX, SMALL);
    consecutive(PT2, 0, 15, 0x400000 | RWX, SMALL);
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_RUNS;
    for (uint64_t reads = 1; reads <= 600; reads++) {
        struct split_leaf how = IN_ONE_PIECE;

        how.reads = reads;
        how.more_reads = 4096;
        carry_out(&plan, &how, &r, NULL, NULL);
        cr_expect(eq(str, told(&r),
                     "map 1f8000-1fffff 3f8000 rwx- 4k\n"
                     "map 200000-20ffff 400000 r-x- 4k\n"));
    }
}

Test(amd64_runs, go_on_where_other_entries_grant_the_same_rights)
{
    amd64();
    put(PD, 0, PT | P | A);
    put(PD, 1, PT2 | P | A);
    consecutive(PT, 0, 511, 0x200000 | RWX, SMALL);
    consecutive(PT2, 0, 511, 0x400000 | RX, SMALL);
    cr_expect(
        eq(str, everything(PTW_WALK_RUNS), "map 0-3fffff 200000 r-x- 4k\n"));
}

Test(amd64_runs, split_where_the_size_changes)
{
    amd64();
    consecutive(PT, 0, 511, 0x40000000 | RWX, SMALL);
    put(PD, 1, 0x40200000 | RWX | PS);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 0-1fffff 40000000 rwx- 4k\n"
                 "map 200000-3fffff 40200000 rwx- 2m\n"));
}

Test(amd64_runs, do_not_cross_the_gap)
{
    machine("amd64");
    put(ROOT, 255, PDPT | TABLE);
    put(ROOT, 256, 0x3000 | TABLE);
    put(PDPT, 511, 0x40000000 | RWX | PS);
    put(0x3000, 0, 0x80000000 | RWX | PS);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 7fffc0000000-7fffffffffff 40000000 rwx- 1g\n"
                 "map ffff800000000000-ffff80003fffffff 80000000 rwx- 1g\n"));
}

Test(amd64_runs, do_not_cross_a_hole_a_bad_entry_or_a_refusal)
{
    machine_with("amd64", 40, 0);
    chain();
    put(PD, 1, RAM_BYTES | TABLE);
    put(PD, 2, PT2 | TABLE);
    consecutive(PT, 0, 511, 0x200000 | RWX, SMALL);
    consecutive(PT2, 0, 511, 0x600000 | RWX, SMALL);
    put(PT, 9, entry_at(PT, 9) & ~P);
    put(PT, 20, entry_at(PT, 20) | (uint64_t)1 << 45);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 0-8fff 200000 rwx- 4k\n"
                 "map a000-13fff 20a000 rwx- 4k\n"
                 "bad pt 14000-14fff in 4000 200000214063\n"
                 "map 15000-1fffff 215000 rwx- 4k\n"
                 "refused pt 200000-3fffff in 200000\n"
                 "map 400000-5fffff 600000 rwx- 4k\n"));
}

/* The sum of an address and a length must not carry into the bits above. */
Test(amd64_runs, end_at_the_physical_width)
{
    static const unsigned widths[] = {32, 36, 40, 46, 51, 52};

    for (unsigned i = 0; i < 6; i++) {
        uint64_t end = (uint64_t)1 << widths[i];

        /* the last page is the last of a line, and then any other */
        for (unsigned last = 24; last < 34; last++) {
            machine_with("amd64", widths[i], 0);
            chain();
            consecutive(PT, 0, last, (end - (last + 1) * SMALL) | RWX, SMALL);
            for (unsigned k = last + 1; k < 64; k++) {
                put(PT, k, (k - last - 1) * SMALL | RWX);
            }
            plan = follow_plan(ROOT);
            plan.o.flags = PTW_WALK_RUNS;
            cr_assert(eq(sz, walk(&plan)->count, 2));
            cr_expect(
                eq(u64, walk(&plan)->item[0].last.v, last * SMALL + 0xfff));
            cr_expect(eq(u64, walk(&plan)->item[1].u.mapping.pa.v, 0));
        }
    }
}

/* As above, but what follows has the carry in it, and is bad or (52 bits) an
 * entry that software marked. */
Test(amd64_runs, end_where_the_next_address_is_one_bit_too_wide)
{
    static const unsigned widths[] = {32, 40, 51, 52};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t end = (uint64_t)1 << widths[i];

        machine_with("amd64", widths[i], 0);
        chain();
        consecutive(PT, 0, 63, (end - 20 * SMALL) | RWX, SMALL);
        plan = follow_plan(ROOT);
        plan.o.flags = PTW_WALK_RUNS;
        cr_expect(eq(u64, walk(&plan)->item[0].last.v, 20 * SMALL - 1));
        if (widths[i] < 52) {
            cr_assert(eq(sz, walk(&plan)->count, 45));
            cr_expect(eq(int, walk(&plan)->item[1].kind, PTW_ITEM_FINDING));
        } else {
            cr_assert(eq(sz, walk(&plan)->count, 2));
            cr_expect(eq(u64, walk(&plan)->item[1].u.mapping.pa.v, 0));
        }
    }
}

Test(i686_runs, of_4m_pages_cross_4_gib)
{
    machine("i686");
    /* ff800000, ffc00000, 1_00000000, 1_00400000 */
    put(ROOT, 10, 0xff8000e3);
    put(ROOT, 11, 0xffc000e3);
    put(ROOT, 12, 0x000020e3);
    put(ROOT, 13, 0x004020e3);
    put(ROOT, 14, 0x008000e3);
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 2800000-37fffff ff800000 rwx- 4m\n"
                 "map 3800000-3bfffff 800000 rwx- 4m\n"));
    cr_expect(eq(str, everything(0),
                 "map 2800000-2bfffff ff800000 rwx- 4m\n"
                 "map 2c00000-2ffffff ffc00000 rwx- 4m\n"
                 "map 3000000-33fffff 100000000 rwx- 4m\n"
                 "map 3400000-37fffff 100400000 rwx- 4m\n"
                 "map 3800000-3bfffff 800000 rwx- 4m\n"));
}

Test(i686_runs, of_small_pages_end_at_4_gib)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    consecutive(PDPT, 0, 15, 0xffff0027, SMALL);
    for (unsigned i = 16; i < 64; i++) {
        put(PDPT, i, (i - 16) * SMALL | 0x27);
    }
    cr_expect(eq(str, everything(PTW_WALK_RUNS),
                 "map 0-ffff ffff0000 rwxu 4k\n"
                 "map 10000-3ffff 0 rwxu 4k\n"));
}

Test(i686_runs, fill_a_whole_table_and_the_next)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    put(ROOT, 1, PD | 0x27);
    consecutive(PDPT, 0, 1023, 0x1000027, SMALL);
    consecutive(PD, 0, 1023, 0x1400027, SMALL);
    cr_expect(
        eq(str, everything(PTW_WALK_RUNS), "map 0-7fffff 1000000 rwxu 4k\n"));
}

/* -------------------------------------------------------- refused and readable
 */

/* Hyperlight 13: an unreadable table reads as zero, without a word; others:
 * one unreadable table aborts the whole listing. */
Test(amd64_walk, reports_tables_that_cannot_be_read_and_goes_on)
{
    amd64();
    put(ROOT, 1, RAM_BYTES | TABLE);
    put(ROOT, 2, 0xffffffffff000 | P);
    put(PDPT, 1, (RAM_BYTES + PAGE) | TABLE);
    put(PD, 1, RAM_BYTES | TABLE);
    put(PD, 2, PT2 | TABLE);
    put(PT2, 0, 0x20000 | RWX);
    cr_expect(eq(str, everything(0),
                 "refused pt 200000-3fffff in 200000\n"
                 "map 400000-400fff 20000 rwx- 4k\n"
                 "refused pd 40000000-7fffffff in 201000\n"
                 "refused pdpt 8000000000-ffffffffff in 200000\n"
                 "refused pdpt 10000000000-17fffffffff in ffffffffff000\n"));
    plan = follow_plan(ROOT);
    cr_expect(eq(u32, walk(&plan)->item[0].u.finding.rights,
                 PTW_READ | PTW_WRITE | PTW_EXEC));
    cr_expect(
        eq(u32, walk(&plan)->item[4].u.finding.rights, PTW_READ | PTW_EXEC));
}

Test(amd64_walk, reads_what_there_is_of_a_table_that_is_there_in_part)
{
    static struct ptw_region parts[3];

    amd64();
    put(PT, 0, 0x20000 | RWX);
    put(PT, 2, 0x21000 | RWX);
    put(PT, 511, 0x22000 | RWX);
    /* all below PT and its first two entries; entry 2; the last one */
    parts[0].last.v = PT + 15;
    parts[0].host = ram;
    parts[1].first.v = PT + 16;
    parts[1].last.v = PT + 23;
    parts[1].host = &ram[PT + 16];
    parts[2].first.v = PT + 511 * 8;
    parts[2].last.v = PT + PAGE - 1;
    parts[2].host = &ram[PT + 511 * 8];
    cr_assert(ptw_mem_init_regions(&mem, parts, 3) == PTW_OK);
    cr_expect(eq(str, between(0, 0x1fffff, PTW_WALK_HOLES),
                 "map 0-fff 20000 rwx- 4k\n"
                 "hole pt 1000-1fff\n"
                 "map 2000-2fff 21000 rwx- 4k\n"
                 "refused pt 3000-1fefff in 4000\n"
                 "map 1ff000-1fffff 22000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 3 + 512));
}

Test(amd64_walk, refuses_an_entry_that_is_cut_in_two)
{
    static struct ptw_region parts[2];

    amd64();
    put(PT, 0, 0x20000 | RWX);
    put(PT, 1, 0x21000 | RWX);
    put(PT, 2, 0x22000 | RWX);
    parts[0].last.v = PT + 11;
    parts[0].host = ram;
    parts[1].first.v = PT + 12;
    parts[1].last.v = PT + PAGE - 1;
    parts[1].host = &ram[PT + 12];
    cr_assert(ptw_mem_init_regions(&mem, parts, 2) == PTW_OK);
    cr_expect(eq(str, between(0, 0x2fff, 0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "refused pt 1000-1fff in 4000\n"
                 "map 2000-2fff 22000 rwx- 4k\n"));
}

/* Refusals of different tables stay apart. */
Test(amd64_walk, keeps_refused_entries_of_different_tables_apart)
{
    static struct ptw_region parts[2];

    amd64();
    put(PD, 1, PT2 | TABLE);
    parts[0].last.v = PT + 0x7ff;
    parts[0].host = ram;
    parts[1].first.v = PT2 + 0x800;
    parts[1].last.v = RAM_BYTES - 1;
    parts[1].host = &ram[PT2 + 0x800];
    cr_assert(ptw_mem_init_regions(&mem, parts, 2) == PTW_OK);
    cr_expect(eq(str, everything(0),
                 "refused pt 100000-1fffff in 4000\n"
                 "refused pt 200000-2fffff in 5000\n"));
}

Test(amd64_walk, keeps_refused_entries_of_two_visits_of_a_table_apart)
{
    static struct ptw_region parts[2];

    amd64();
    put(PD, 1, PT | TABLE);
    parts[0].last.v = PT - 1;
    parts[0].host = ram;
    parts[1].first.v = PT + 0x800;
    parts[1].last.v = PT + 0x807;
    parts[1].host = &ram[PT + 0x800];
    cr_assert(ptw_mem_init_regions(&mem, parts, 2) == PTW_OK);
    cr_expect(eq(str, everything(0),
                 "refused pt 0-fffff in 4000\n"
                 "refused pt 101000-1fffff in 4000\n"
                 "refused pt 200000-2fffff in 4000\n"
                 "refused pt 301000-3fffff in 4000\n"));
}

Test(amd64_walk, has_one_finding_for_each_refused_table)
{
    amd64();
    put(PD, 0, RAM_BYTES | TABLE);
    put(PD, 1, RAM_BYTES | TABLE);
    put(PD, 2, (RAM_BYTES + PAGE) | TABLE);
    cr_expect(eq(str, everything(0),
                 "refused pt 0-1fffff in 200000\n"
                 "refused pt 200000-3fffff in 200000\n"
                 "refused pt 400000-5fffff in 201000\n"));
}

static bool refuse_some(void *ctx, uint64_t pa, uint64_t *value)
{
    (void)ctx;
    (void)value;
    return pa != PT + 8 && pa != PT + 16 && pa != PT + 40;
}

Test(amd64_walk, reports_entries_that_a_callback_refuses)
{
    amd64();
    put_all(PT, 0x20000 | RWX);
    offer_watched();
    watched.answer = refuse_some;
    cr_expect(eq(str, between(0, 0x5fff, 0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "refused pt 1000-2fff in 4000\n"
                 "map 3000-3fff 20000 rwx- 4k\n"
                 "map 4000-4fff 20000 rwx- 4k\n"
                 "refused pt 5000-5fff in 4000\n"));
}

Test(amd64_walk, gives_the_same_through_callbacks_and_from_any_alignment)
{
    static _Alignas(8) uint8_t shifted[8 * PAGE + 8];
    struct dice d = {7};
    static struct report direct;

    amd64();
    put(PD, 1, PT2 | TABLE);
    put(PD, 2, RAM_BYTES | TABLE);
    for (unsigned i = 0; i < 512; i++) {
        if (!one_in(&d, 4)) {
            put(PT, i, i * SMALL | RWX);
            put(PT2, i, roll_below(&d, 4) * SMALL | RWX);
        }
    }
    for (unsigned flags = 0; flags < 4; flags++) {
        plan = follow_plan(ROOT);
        plan.o.flags = flags;
        offer_all();
        carry_out(&plan, &IN_ONE_PIECE, &direct, NULL, NULL);
        offer_watched();
        cr_assert(eq(sz, walk(&plan)->count, direct.count));
        for (size_t i = 0; i < direct.count; i++) {
            cr_expect(same_items(&direct.item[i], &walk(&plan)->item[i]));
        }
        memcpy(&shifted[4], ram, 8 * PAGE);
        cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), &shifted[4], 8 * PAGE,
                                    false) == PTW_OK);
        cr_assert(eq(sz, walk(&plan)->count, direct.count));
        for (size_t i = 0; i < direct.count; i += 7) {
            cr_expect(same_items(&direct.item[i], &walk(&plan)->item[i]));
        }
    }
}

/* ------------------------------------------------------------- rights, need */

/* Hyperlight 5. */
Test(amd64_walk, accumulates_rights_over_every_level)
{
    static const uint64_t tables[] = {ROOT, PDPT, PD, PT};
    static const uint64_t bits[] = {W, U, NX};
    static const char *const expected[] = {"map 0-fff 20000 r-xu 4k\n",
                                           "map 0-fff 20000 rwx- 4k\n",
                                           "map 0-fff 20000 rw-u 4k\n"};

    for (unsigned t = 0; t < 4; t++) {
        for (unsigned b = 0; b < 3; b++) {
            amd64();
            put(PT, 0, 0x20000 | RWX | U);
            cr_assert(eq(str, everything(0), "map 0-fff 20000 rwxu 4k\n"));
            put(tables[t], 0, entry_at(tables[t], 0) ^ bits[b]);
            cr_expect(eq(str, everything(0), (char *)expected[b]));
            cr_expect(eq(str, everything(PTW_WALK_RUNS), (char *)expected[b]));
        }
    }
}

Test(amd64_walk, leaves_out_what_lacks_a_right_that_it_needs)
{
    amd64();
    put(PT, 0, 0x20000 | RWX | U);
    put(PT, 1, 0x21000 | RX | U);
    put(PT, 2, 0x22000 | RWX);
    put(PD, 1, PT2 | P | A | U);
    put(PT2, 0, 0x30000 | RWX | U);
    put(PDPT, 1, HUGE | RWX | PS | NX);
    plan = follow_plan(ROOT);
    plan.o.need = PTW_WRITE;
    cr_expect(eq(str, told(walk(&plan)),
                 "map 0-fff 20000 rwxu 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "map 40000000-7fffffff 40000000 rw-- 1g\n"));
    plan.o.need = PTW_WRITE | PTW_USER;
    cr_expect(eq(str, told(walk(&plan)), "map 0-fff 20000 rwxu 4k\n"));
    plan.o.need = PTW_EXEC;
    plan.o.flags = PTW_WALK_RUNS;
    cr_expect(eq(str, told(walk(&plan)),
                 "map 0-fff 20000 rwxu 4k\n"
                 "map 1000-1fff 21000 r-xu 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "map 200000-200fff 30000 r-xu 4k\n"));
}

/* A table behind an entry that is left out is not even read. */
Test(amd64_walk, does_not_read_tables_that_it_leaves_out)
{
    amd64();
    put(PD, 0, PT | P | A);
    put(PD, 1, RAM_BYTES | P | A);
    put_all(PT, 0x20000 | RWX);
    plan = follow_plan(ROOT);
    plan.o.need = PTW_WRITE;
    cr_expect(eq(str, told(walk(&plan)), ""));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 3 * 512));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 3));
}

/* -------------------------------------------------------------- hostile shapes
 */

/* Hyperlight 2, XSA-182, XSA-185, XSA-240: 512^4 leaves; the caller decides how
 * many of them it wants. */
Test(amd64_walk, stops_at_the_limit_on_a_root_that_names_itself_512_times)
{
    static const uint64_t limits[] = {1, 7, 8, 9, 511, 512, 513, 5000};

    machine("amd64");
    put_all(ROOT, ROOT | RWX);
    for (unsigned i = 0; i < 8; i++) {
        struct split_leaf how = IN_ONE_PIECE;
        static struct report r;

        plan = follow_plan(ROOT);
        how.reads = limits[i];
        carry_out(&plan, &how, &r, NULL, NULL);
        cr_expect(eq(int, r.end, PTW_E_LIMIT));
        cr_expect(eq(u64, r.stats.reads, limits[i]));
    }
}

Test(amd64_walk, maps_the_root_itself_through_a_recursive_slot)
{
    amd64();
    put(ROOT, 510, ROOT | RWX);
    put(PT, 5, 0x20000 | RWX);
    cr_expect(eq(
        str, between(va4(510, 510, 510, 0).v, va4(510, 510, 511, 0).v - 1, 0),
        "map ffffff7fbfc00000-ffffff7fbfc00fff 2000 rwx- 4k\n"
        "map ffffff7fbfdfe000-ffffff7fbfdfefff 1000 rwx- 4k\n"));
}

/* KVM: two paths to one table, each with its own rights. */
Test(amd64_walk, follows_a_shared_table_with_the_rights_of_each_path)
{
    amd64();
    put(PD, 0, PT | TABLE | U);
    put(PD, 1, PT | P | A | NX);
    put(PT, 0, 0x20000 | RWX | U);
    cr_expect(eq(str, everything(0),
                 "map 0-fff 20000 rwxu 4k\n"
                 "map 200000-200fff 20000 r--- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 5));
}

/* Hyperlight 6. */
Test(i686_walk, follows_a_table_that_is_mapped_twice)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    put(ROOT, 9, PDPT | 0x27);
    put(PDPT, 3, 0x20027);
    cr_expect(eq(str, everything(0),
                 "map 3000-3fff 20000 rwxu 4k\n"
                 "map 2403000-2403fff 20000 rwxu 4k\n"));
}

/* ------------------------------------------------------------- single fetch */

Test(amd64_walk, reads_each_entry_once_for_each_visit)
{
    amd64();
    put_all(PT, 0x20000 | RWX);
    offer_watched();
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_RUNS | PTW_WALK_HOLES;
    cr_expect(eq(u64, walk(&plan)->stats.reads, 2048));
    cr_expect(eq(u64, watched.total, 2048));
    for (unsigned i = 0; i < 4 * PAGE / 4; i++) {
        cr_expect(eq(u32, watched.reads[ROOT / 4 + i], 1));
    }
}

/* The guest rolls dice for every entry; it may get any answer but a wrong
 * one. */
static bool rolled(void *ctx, uint64_t pa, uint64_t *value)
{
    struct dice *d = ctx;

    (void)pa;
    if (one_in(d, 20)) {
        return false;
    }
    *value = roll(d) & 0x8000000000000fff;
    *value |= roll_below(d, 2 * RAM_BYTES / PAGE) * PAGE;
    if (one_in(d, 10)) {
        *value = roll(d);
    }
    return true;
}

Test(amd64_walk, keeps_its_promises_while_the_memory_changes)
{
    struct dice d = {99};

    machine_with("amd64", 40, 0);
    for (unsigned i = 0; i < 100; i++) {
        static struct report r;
        struct split_leaf how = IN_ONE_PIECE;

        offer_watched();
        watched.answer = rolled;
        watched.ctx = &d;
        plan = follow_plan(ROOT);
        plan.o.flags = PTW_WALK_HOLES | (i & 1 ? PTW_WALK_RUNS : 0);
        how.reads = 3000;
        carry_out(&plan, &how, &r, NULL, NULL);
        cr_expect(eq(u64, watched.total, r.stats.reads));
        cr_expect(le(u64, r.stats.reads, 3000));
        if (r.count > 0) {
            cr_expect(tiles(&r, 0, r.item[r.count - 1].last.v));
        }
        for (size_t k = 0; k < r.count; k++) {
            const struct ptw_item *item = &r.item[k];

            if (item->kind == PTW_ITEM_MAPPING) {
                cr_expect(ptw_canonical(&regime, item->first));
                cr_expect(ptw_canonical(&regime, item->last));
                cr_expect(lt(
                    u64, item->u.mapping.pa.v + (item->last.v - item->first.v),
                    (uint64_t)1 << 40));
            }
        }
    }
}

/* ----------------------------------------------------------- limits, resuming
 */

/* Something of everything, in two halves. */
static void assorted(void)
{
    machine_with("amd64", 40, 0);
    chain();
    put(ROOT, 255, PDPT | P | A | U);
    put(ROOT, 256, PDPT | TABLE | NX);
    put(ROOT, 300, RAM_BYTES | TABLE);
    put(ROOT, 511, PDPT | TABLE | PS);
    put(PDPT, 511, HUGE | RWX | PS);
    put(PD, 1, PT | P | A);
    put(PD, 2, LARGE | RWX | PS);
    put(PD, 3, 2 * LARGE | RWX | PS);
    put(PD, 511, (RAM_BYTES + PAGE) | TABLE);
    for (unsigned i = 0; i < 40; i++) {
        put(PT, i, (0x20000 + i * SMALL) | RWX);
    }
    put(PT, 17, 0x31000 | RX);
    put(PT, 100, 0x50000 | RWX | (uint64_t)1 << 44);
    put(PT, 511, 0x20000 | RWX);
}

Test(amd64_walk, goes_on_after_every_limit_as_if_there_had_been_none)
{
    assorted();
    for (unsigned flags = 0; flags < 4; flags++) {
        plan = follow_plan(ROOT);
        plan.o.flags = flags;
        cr_expect(eq(str, in_pieces(&plan, 1 + 6 * (flags != 3)), ""));
    }
}

Test(amd64_walk, goes_on_after_every_limit_through_callbacks)
{
    assorted();
    offer_watched();
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_RUNS;
    cr_expect(eq(str, in_pieces(&plan, 13), ""));
    plan.o.first.v = va4(255, 511, 0, 0).v;
    plan.o.last.v = va4(256, 0, 0, 30).v;
    plan.o.flags = PTW_WALK_RUNS | PTW_WALK_HOLES;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
}

Test(amd64_walk, goes_on_after_every_limit_in_a_partial_range)
{
    assorted();
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_RUNS | PTW_WALK_HOLES;
    plan.o.first.v = 0x3123;
    plan.o.last.v = 0x203456;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
    plan.o.first.v = 0x7fffffffffff;
    plan.o.last.v = 0xffff800000012000;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
    plan.o.first.v = 0x800000000001;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
    plan.o.first.v = 0x7fffc0000000;
    plan.o.last.v = 0x800000000000;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
}

Test(i686_walk, goes_on_after_every_limit_as_if_there_had_been_none)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    put(ROOT, 9, PDPT | 0x25);
    put(ROOT, 10, 0x004000e7);
    put(ROOT, 11, 0x008000e7);
    put(ROOT, 12, 0x002000e7);
    put(ROOT, 13, 0xfffff027);
    put(ROOT, 1023, PDPT | 0x27);
    for (unsigned i = 0; i < 40; i++) {
        put(PDPT, i, (0x20000 + i * SMALL) | 0x27);
    }
    put(PDPT, 1023, 0x20027);
    for (unsigned flags = 0; flags < 4; flags++) {
        plan = follow_plan(ROOT);
        plan.o.flags = flags;
        cr_expect(eq(str, in_pieces(&plan, 5 - 4 * (flags == 3)), ""));
    }
}

/* A right that there is not is granted by nothing. */
Test(bare_walk, grants_no_right_that_there_is_not)
{
    struct plan p;

    machine("bare");
    p = follow_plan(0);
    p.o.need = RWXU;
    cr_expect(eq(sz, walk(&p)->count, 1));
    p.o.need = RWXU + 1;
    cr_expect(eq(sz, walk(&p)->count, 0));
}

Test(bare_walk, goes_on_after_every_limit)
{
    machine_with("bare", 36, 0);
    plan = follow_plan(0);
    plan.o.flags = PTW_WALK_HOLES;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
    cr_expect(eq(str, where_it_stands(&plan, 1), ""));
}

Test(walk_where, tells_what_is_missing_after_every_read_and_every_item)
{
    assorted();
    for (unsigned flags = 0; flags < 4; flags++) {
        plan = follow_plan(ROOT);
        plan.o.flags = flags;
        cr_expect(eq(str, where_it_stands(&plan, 3), ""));
    }
}

Test(walk_where, tells_what_is_missing_of_a_partial_range)
{
    static const uint64_t ranges[][2] = {
        {0x3123, 0x203456},
        {0x7fffffffffff, 0xffff800000012000},
        {0x800000000001, 0xffff800000012000},
        {0x7fffc0000000, 0x800000000000},
        {0x800000000000, 0xffff7fffffffffff},
        {0xffffffffffffffff, 0xffffffffffffffff},
    };

    assorted();
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (unsigned flags = 0; flags < 4; flags++) {
            plan = follow_plan(ROOT);
            plan.o.flags = flags;
            plan.o.first.v = ranges[i][0];
            plan.o.last.v = ranges[i][1];
            cr_expect(eq(str, where_it_stands(&plan, 1), ""));
        }
    }
}

/* The last leaf of the low half has been given, and the gap has not. */
Test(walk_where, does_not_step_over_the_gap)
{
    machine("amd64");
    put(ROOT, 255, PDPT | TABLE);
    put(PDPT, 511, PD | TABLE);
    put(PD, 511, PT | TABLE);
    put(PT, 511, 0x20000 | RWX);
    plan = follow_plan(ROOT);
    plan.o.flags = PTW_WALK_HOLES;
    cr_expect(eq(str, where_it_stands(&plan, 1), ""));
}

Test(walk_where, works_on_i686)
{
    machine("i686");
    put(ROOT, 0, PDPT | 0x27);
    put(ROOT, 9, 0xfffff027);
    put(ROOT, 1023, PDPT | 0x27);
    put(PDPT, 5, 0x20027);
    put(PDPT, 1023, 0x21027);
    for (unsigned flags = 0; flags < 4; flags++) {
        plan = follow_plan(ROOT);
        plan.o.flags = flags;
        cr_expect(eq(str, where_it_stands(&plan, 1), ""));
    }
}
