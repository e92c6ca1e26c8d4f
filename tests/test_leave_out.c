/* SPDX-License-Identifier: Apache-2.0 */
/* Walks that leave ranges out. */
#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

enum {
    ROOT = 0x1000,
    R1 = 0x2000,
    PDPT = 0x3000,
    PDPT2 = 0x4000,
    PD = 0x5000,
    PD2 = 0x6000,
    PT = 0x7000,
    PT2 = 0x8000,
    PT3 = 0x9000
};

static const uint64_t both[] = {ROOT, R1};

static struct plan plan;

enum { MAX_RANGES = 300 };

static struct ptw_va_range range[MAX_RANGES];
static size_t ranges;

static void all_in(void)
{
    ranges = 0;
}

static void leave_out(uint64_t first, uint64_t last)
{
    cr_assert(lt(sz, ranges, MAX_RANGES));
    range[ranges].first.v = first;
    range[ranges++].last.v = last;
}

/* What a plan gives without these ranges. */
static char *without(unsigned flags)
{
    plan.o.flags = flags;
    plan.o.leave_out = range;
    plan.o.leave_outs = ranges;
    return told(walk(&plan));
}

static char *followed_without(unsigned flags)
{
    plan = follow_plan(ROOT);
    return without(flags);
}

static char *spaces_without(unsigned flags)
{
    plan = spaces_plan(2, both);
    return without(flags);
}

/* The same items, wherever the walk is stopped; and it knows where it is. */
static void stops_anywhere(unsigned stride)
{
    cr_expect(eq(str, in_pieces(&plan, stride), ""));
    if (plan.kind != PLAN_EXPAND) {
        cr_expect(eq(str, where_it_stands(&plan, stride), ""));
    }
}

/* Leaves in a table of leaves: page 20 + i of memory at index i. */
static void pages(uint64_t table, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        put(table, i, (0x20000 + i * (uint64_t)PAGE) | RWX);
    }
}

static void chain(void)
{
    machine("amd64");
    put(ROOT, 0, PDPT | TABLE | U);
    put(PDPT, 0, PD | TABLE | U);
    put(PD, 0, PT | TABLE | U);
}

static void ten_pages(void)
{
    chain();
    pages(PT, 0, 9);
}

/* -------------------------------------------------------------------- leaves */

Test(amd64_leave_out, of_nothing_is_a_plain_walk)
{
    static struct report plain;

    ten_pages();
    followed_without(PTW_WALK_HOLES);
    cr_expect(eq(str, told(walk(&plan)),
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "map 3000-3fff 23000 rwx- 4k\n"
                 "map 4000-4fff 24000 rwx- 4k\n"
                 "map 5000-5fff 25000 rwx- 4k\n"
                 "map 6000-6fff 26000 rwx- 4k\n"
                 "map 7000-7fff 27000 rwx- 4k\n"
                 "map 8000-8fff 28000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "hole pt a000-1fffff\n"
                 "hole pd 200000-3fffffff\n"
                 "hole pdpt 40000000-7fffffffff\n"
                 "hole pml4 8000000000-7fffffffffff\n"
                 "gap 800000000000-ffff7fffffffffff\n"
                 "hole pml4 ffff800000000000-ffffffffffffffff\n"));
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x2000;
    plan.o.last.v = 0x400000;
    plain = *walk(&plan);
    leave_out(0, 0x1fff);
    leave_out(0x400001, 0x500000);
    leave_out(0x600000, UINT64_MAX);
    without(0);
    cr_expect(eq(sz, walk(&plan)->count, plain.count));
    for (size_t i = 0; i < plain.count; i++) {
        cr_expect(same_items(&walk(&plan)->item[i], &plain.item[i]));
    }
    cr_expect(eq(u64, walk(&plan)->stats.reads, plain.stats.reads));
    cr_expect(eq(u64, walk(&plan)->stats.tables, plain.stats.tables));
}

Test(amd64_leave_out, takes_pages_from_the_middle_of_a_page_table)
{
    ten_pages();
    leave_out(0x3000, 0x5fff);
    cr_expect(eq(str, followed_without(0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "map 6000-6fff 26000 rwx- 4k\n"
                 "map 7000-7fff 27000 rwx- 4k\n"
                 "map 8000-8fff 28000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 * 512 - 3));
    stops_anywhere(7);
    cr_expect(eq(str, followed_without(PTW_WALK_RUNS),
                 "map 0-2fff 20000 rwx- 4k\n"
                 "map 6000-9fff 26000 rwx- 4k\n"));
    stops_anywhere(7);
    cr_expect(eq(str, spaces_without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-2fff 20000 rwx- 4k\n"
                 "map 6000-9fff 26000 rwx- 4k\n"
                 "space 1 walked 2000\n"));
    stops_anywhere(7);
}

Test(amd64_leave_out, takes_tables_from_the_middle_of_a_directory_unread)
{
    chain();
    put(PD, 1, PT2 | TABLE);
    put(PD, 2, PT2 | TABLE);
    put(PD, 3, PT3 | TABLE);
    pages(PT, 511, 511);
    pages(PT2, 0, 511);
    pages(PT3, 0, 0);
    offer_watched();
    leave_out(0x200000, 0x5fffff);
    cr_expect(eq(str, followed_without(0),
                 "map 1ff000-1fffff 21f000 rwx- 4k\n"
                 "map 600000-600fff 20000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 5 * 512 - 2));
    for (unsigned i = 0; i < PAGE / 4; i++) {
        cr_assert(eq(u32, watched.reads[PT2 / 4 + i], 0));
    }
    cr_expect(eq(u32, watched.reads[(PD + 1 * 8) / 4], 0));
    cr_expect(eq(u32, watched.reads[(PD + 2 * 8) / 4], 0));
    cr_expect(eq(u32, watched.reads[(PD + 3 * 8) / 4], 2));
    stops_anywhere(7);
}

Test(amd64_leave_out, reads_no_entry_twice)
{
    ten_pages();
    put(PD, 1, 0x600000 | RWX | PS);
    put(PD, 2, PT2 | TABLE);
    leave_out(0x3000, 0x5fff);
    leave_out(0x7000, 0x200fff);
    leave_out(0x300000, 0x300fff);
    leave_out(0x400000, 0x400fff);
    offer_watched();
    cr_expect(eq(str, followed_without(PTW_WALK_RUNS),
                 "map 0-2fff 20000 rwx- 4k\n"
                 "map 6000-6fff 26000 rwx- 4k\n"
                 "map 200000-3fffff 600000 rwx- 2m\n"));
    for (unsigned i = 0; i < sizeof watched.reads / 4; i++) {
        cr_assert(lt(u32, watched.reads[i], 2), "at %x", i * 4);
    }
    cr_expect(eq(u64, watched.total, walk(&plan)->stats.reads));
}

Test(amd64_leave_out, works_at_the_start_and_at_the_end_of_the_space)
{
    chain();
    put(ROOT, 511, PDPT2 | TABLE);
    put(PDPT2, 511, PD2 | TABLE);
    put(PD2, 511, PT2 | TABLE);
    pages(PT, 0, 1);
    pages(PT2, 510, 511);
    leave_out(0, 0xfff);
    leave_out(0xfffffffffffff000, UINT64_MAX);
    cr_expect(eq(str, followed_without(0),
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "map ffffffffffffe000-ffffffffffffefff 21e000 rwx- 4k\n"));
    stops_anywhere(13);
    /* all but the first page, and all but the last */
    all_in();
    leave_out(0x1000, UINT64_MAX);
    cr_expect(eq(str, followed_without(0), "map 0-fff 20000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4));
    all_in();
    leave_out(0, 0xffffffffffffefff);
    cr_expect(eq(str, followed_without(0),
                 "map fffffffffffff000-ffffffffffffffff 21f000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4));
}

/* The last two pages of the lower half and the first two of the upper one. */
static void both_sides_of_the_gap(void)
{
    machine("amd64");
    put(ROOT, 255, PDPT2 | TABLE);
    put(PDPT2, 511, PD2 | TABLE);
    put(PD2, 511, PT2 | TABLE);
    pages(PT2, 510, 511);
    put(ROOT, 256, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    put(PD, 0, PT | TABLE);
    pages(PT, 0, 1);
}

static char *around_the_gap(uint64_t first, uint64_t last)
{
    all_in();
    leave_out(first, last);
    return followed_without(0);
}

Test(amd64_leave_out, goes_across_the_gap_and_begins_and_ends_in_it)
{
    static const char low2[] = "map 7fffffffe000-7fffffffefff 21e000 rwx- 4k\n";
    static const char low1[] = "map 7ffffffff000-7fffffffffff 21f000 rwx- 4k\n";
    static const char up1[] =
        "map ffff800000000000-ffff800000000fff 20000 rwx- 4k\n";
    static const char up2[] =
        "map ffff800000001000-ffff800000001fff 21000 rwx- 4k\n";
    static const struct {
        uint64_t first, last;
        const char *left[4];
    } c[] = {
        {0x7ffffffff000, 0xffff800000000fff, {low2, up2, "", ""}},
        {0x7ffffffff000, 0xffff7fffffffffff, {low2, up1, up2, ""}},
        {0x7ffffffff000, 0x800000000000, {low2, up1, up2, ""}},
        {0x7ffffffff000, 0x7fffffffffff, {low2, up1, up2, ""}},
        {0x800000000000, 0xffff800000000fff, {low2, low1, up2, ""}},
        {0xffff7fffffffffff, 0xffff800000000fff, {low2, low1, up2, ""}},
        {0xffff800000000000, 0xffff800000000fff, {low2, low1, up2, ""}},
        {0x800000000000, 0xffff7fffffffffff, {low2, low1, up1, up2}},
        {0x900000000000, 0x900000000000, {low2, low1, up1, up2}},
        {0, 0x800000000000, {up1, up2, "", ""}},
        {0x800000000000, UINT64_MAX, {low2, low1, "", ""}},
        {0xffff7fffffffffff, UINT64_MAX, {low2, low1, "", ""}},
    };

    both_sides_of_the_gap();
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char expected[512] = "";

        for (unsigned k = 0; k < 4; k++) {
            strcat(expected, c[i].left[k]);
        }
        cr_expect(eq(str, around_the_gap(c[i].first, c[i].last), expected),
                  "case %zu", i);
    }
    around_the_gap(0x7ffffffff000, 0xffff800000000fff);
    leave_out(0xffff900000000000, 0xffff900000000fff);
    followed_without(0);
    stops_anywhere(29);
    /* two ranges that end and begin in the gap */
    all_in();
    leave_out(0x7ffffffff000, 0x900000000000);
    leave_out(0xa00000000000, 0xffff800000000fff);
    cr_expect(eq(str, followed_without(0),
                 "map 7fffffffe000-7fffffffefff 21e000 rwx- 4k\n"
                 "map ffff800000001000-ffff800000001fff 21000 rwx- 4k\n"));
}

Test(amd64_leave_out, can_leave_nothing)
{
    ten_pages();
    leave_out(0, UINT64_MAX);
    cr_expect(eq(str, followed_without(0), ""));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 0));
    cr_expect(eq(str, spaces_without(PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "space 1 walked 2000\n"));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 0));
    stops_anywhere(1);
    /* in two ranges, and what is not left out can't be mapped */
    all_in();
    leave_out(0, 0x8fffffffffff);
    leave_out(0xffff700000000000, UINT64_MAX);
    cr_expect(eq(str, followed_without(0), ""));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
    /* all of a partial range */
    all_in();
    leave_out(0x1000, 0x1fff);
    leave_out(0x2000, 0x2ffe);
    leave_out(0x2fff, 0x10000);
    plan = follow_plan(ROOT);
    plan.o.first.v = 0x1000;
    plan.o.last.v = 0xffff;
    cr_expect(eq(str, without(0), ""));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
}

Test(amd64_leave_out, takes_many_ranges)
{
    const struct report *r;

    chain();
    pages(PT, 0, 511);
    for (unsigned i = 1; i < 512; i += 2) {
        leave_out(i * (uint64_t)PAGE, i * (uint64_t)PAGE + (PAGE - 1));
    }
    followed_without(PTW_WALK_RUNS);
    r = walk(&plan);
    cr_assert(eq(sz, r->count, 256));
    for (size_t i = 0; i < 256; i++) {
        cr_expect(eq(u64, r->item[i].first.v, 2 * i * PAGE));
        cr_expect(eq(u64, r->item[i].last.v, 2 * i * PAGE + (PAGE - 1)));
        cr_expect(eq(u64, r->item[i].u.mapping.pa.v, 0x20000 + 2 * i * PAGE));
    }
    cr_expect(eq(u64, r->stats.reads, 3 * 512 + 256));
    stops_anywhere(97);
}

Test(amd64_leave_out, of_adjacent_ranges_is_that_of_one)
{
    ten_pages();
    leave_out(0x1000, 0x1fff);
    leave_out(0x2000, 0x3fff);
    leave_out(0x4000, 0x4000);
    leave_out(0x4001, 0x7fff);
    cr_expect(eq(str, followed_without(PTW_WALK_RUNS),
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 8000-9fff 28000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 * 512 - 7));
    stops_anywhere(31);
}

/* A page of which a byte is walked is given whole, once. */
Test(amd64_leave_out, gives_a_page_whole_of_which_a_part_is_walked)
{
    ten_pages();
    leave_out(0x0, 0xffe);
    leave_out(0x1001, 0x1ffe);
    leave_out(0x2fff, 0x3ffe);
    leave_out(0x4000, 0x5000);
    leave_out(0x6000, 0x6fff);
    leave_out(0x7000, 0x7000);
    leave_out(0x7002, 0x7002);
    leave_out(0x7ffe, 0x7fff);
    cr_expect(eq(str, followed_without(0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "map 3000-3fff 23000 rwx- 4k\n"
                 "map 5000-5fff 25000 rwx- 4k\n"
                 "map 7000-7fff 27000 rwx- 4k\n"
                 "map 8000-8fff 28000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 * 512 - 2));
    stops_anywhere(31);
    cr_expect(eq(str, followed_without(PTW_WALK_RUNS),
                 "map 0-3fff 20000 rwx- 4k\n"
                 "map 5000-5fff 25000 rwx- 4k\n"
                 "map 7000-9fff 27000 rwx- 4k\n"));
}

Test(amd64_leave_out, gives_a_large_page_whole_and_once)
{
    chain();
    pages(PT, 0, 0);
    pages(PT, 511, 511);
    put(PD, 1, 0x600000 | RWX | PS);
    put(PD, 2, 0x800000 | RWX | PS);
    put(PD, 3, 0xa00000 | RWX | PS);
    put(PDPT, 1, 0x40000000 | RX | PS);
    leave_out(0x100000, 0x2fffff);
    leave_out(0x310000, 0x31ffff);
    leave_out(0x330000, 0x5ffffe);
    leave_out(0x600000, 0x7fffff);
    leave_out(0x40000000, 0x4fffffff);
    leave_out(0x50000001, 0x60000000);
    cr_expect(eq(str, followed_without(0),
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 200000-3fffff 600000 rwx- 2m\n"
                 "map 400000-5fffff 800000 rwx- 2m\n"
                 "map 40000000-7fffffff 40000000 r-x- 1g\n"));
    stops_anywhere(31);
    plan = follow_plan(ROOT);
    plan.o.first.v = 0x300100;
    plan.o.last.v = 0x340000;
    cr_expect(eq(str, without(0), "map 200000-3fffff 600000 rwx- 2m\n"));
    plan.o.last.v = 0x31ffff;
    cr_expect(eq(str, without(0), "map 200000-3fffff 600000 rwx- 2m\n"));
    plan.o.first.v = 0x310000;
    cr_expect(eq(str, without(0), ""));
}

Test(amd64_leave_out, gives_findings_that_are_not_left_out)
{
    static struct ptw_region part = {{0}, {PT + 3 * 8 - 1}, ram, false};

    chain();
    put(PD, 1, 0x602000 | RWX | PS);
    put(PD, 2, 0x602000 | RWX | PS);
    put(PD, 4, 0x100000 | TABLE);
    put(PD, 5, 0x100000 | TABLE);
    cr_assert(ptw_mem_init_regions(&mem, &part, 1) == PTW_OK);
    leave_out(0x5000, 0x7fff);
    leave_out(0x200000, 0x3fffff);
    leave_out(0x801000, 0x802fff);
    leave_out(0xa00000, 0xbfffff);
    cr_expect(eq(str, followed_without(0),
                 "refused pt 3000-4fff in 7000\n"
                 "refused pt 8000-1fffff in 7000\n"
                 "bad pd 400000-5fffff in 5000 6020e3\n"
                 "refused pt 800000-9fffff in 100000\n"));
    stops_anywhere(31);
}

/* ------------------------------------------------------------------- sharing */

/* Hyperlight 8: what is left out here is lost where it is mapped, too. */
Test(amd64_leave_out, loses_nothing_where_the_same_table_is_whole)
{
    ten_pages();
    put(PD, 1, PT | TABLE);
    put(PD, 2, PT | TABLE);
    leave_out(0x1000, 0x8fff);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, without(PTW_WALK_RUNS | PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "map 200000-209fff 20000 rwx- 4k\n"
                 "alias pt 400000-5fffff to 7000 of 0 at 200000 rwx- 23\n"));
    stops_anywhere(31);
    /* whole at first */
    all_in();
    leave_out(0x201000, 0x208fff);
    cr_expect(eq(str, without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-9fff 20000 rwx- 4k\n"
                 "map 200000-200fff 20000 rwx- 4k\n"
                 "map 209000-209fff 29000 rwx- 4k\n"
                 "alias pt 400000-5fffff to 7000 of 0 at 0 rwx- 23\n"));
}

/* R1 has the directory of ROOT at the same address. */
static void a_shared_directory(unsigned at)
{
    ten_pages();
    put(R1, 0, PDPT2 | TABLE | U);
    put(PDPT2, at, PD | RX | U);
}

Test(amd64_leave_out, makes_an_alias_of_a_cut_table_at_the_same_address)
{
    static struct ptw_item alias;

    a_shared_directory(0);
    leave_out(0x1000, 0x8fff);
    cr_expect(eq(str, spaces_without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pd 0-3fffffff to 5000 of 0 at 0 r-xu 65\n"));
    stops_anywhere(31);
    alias = walk(&plan)->item[4];
    plan = expand_plan(&alias);
    cr_expect(eq(str, without(PTW_WALK_RUNS),
                 "map 0-fff 20000 r-x- 4k\n"
                 "map 9000-9fff 29000 r-x- 4k\n"));
    stops_anywhere(31);
    /* nothing of it is left */
    all_in();
    leave_out(0, 0x3fffffff);
    cr_expect(eq(str, without(0), ""));
}

Test(amd64_leave_out, walks_a_cut_table_again_at_another_address)
{
    a_shared_directory(1);
    leave_out(0x1000, 0x8fff);
    leave_out(0x40001000, 0x40008fff);
    cr_expect(eq(str, spaces_without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "map 40000000-40000fff 20000 r-x- 4k\n"
                 "map 40009000-40009fff 29000 r-x- 4k\n"));
    stops_anywhere(61);
    /* cut in other places */
    all_in();
    leave_out(0x1000, 0x8fff);
    leave_out(0x40000000, 0x40007fff);
    cr_expect(eq(str, spaces_without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "map 40008000-40009fff 28000 r-x- 4k\n"));
}

/* Cut or not, at whichever address: what is known of it is known. */
Test(amd64_leave_out, remarks_on_a_cut_table_at_another_level)
{
    ten_pages();
    memset(&ram[PT], 0, PAGE);
    put(PT, 3, 0x20000 | RWX);
    put(R1, 0, PDPT2 | TABLE);
    put(PDPT2, 0, PD2 | TABLE);
    for (unsigned i = 0; i < 3; i++) {
        put(PD, i, PT | TABLE);
        put(PD2, i, PT | TABLE);
        leave_out(i * 0x200000, i * 0x200000 + 0xfff);
    }
    put(PDPT, 1, PT | TABLE);
    put(PDPT, 2, PT | TABLE);
    leave_out(0x80000000, 0x80000fff);
    put(PDPT, 3, PD | TABLE);
    leave_out(0xc0000000, 0xc0000fff);
    leave_out(0xc0200000, 0xc0200fff);
    cr_expect(
        eq(str, spaces_without(PTW_WALK_REMARKS),
           "space 0 walked 1000\n"
           "map 3000-3fff 20000 rwx- 4k\n"
           "map 203000-203fff 20000 rwx- 4k\n"
           "map 403000-403fff 20000 rwx- 4k\n"
           "two levels pd 40000000-7fffffff 7000\n"
           "two levels pd 80000000-bfffffff 7000\n"
           "alias pt 80600000-807fffff to 20000 of 0 at 40600000 rwx- 63\n"
           "two levels pt c0000000-c01fffff 7000\n"
           "map c0003000-c0003fff 20000 rwx- 4k\n"
           "two levels pt c0200000-c03fffff 7000\n"
           "map c0203000-c0203fff 20000 rwx- 4k\n"
           "two levels pt c0400000-c05fffff 7000\n"
           "map c0403000-c0403fff 20000 rwx- 4k\n"
           "space 1 walked 2000\n"
           "alias pt 0-1fffff to 7000 of 0 at 0 rwx- 23\n"
           "alias pt 200000-3fffff to 7000 of 0 at 200000 rwx- 23\n"
           "alias pt 400000-5fffff to 7000 of 0 at 400000 rwx- 23\n"));
    stops_anywhere(61);
}

Test(amd64_leave_out, finds_aliases_inside_of_what_is_cut)
{
    a_shared_directory(1);
    put(PD, 1, PT2 | TABLE);
    pages(PT2, 4, 4);
    leave_out(0x400000, 0x5fffff);
    cr_expect(
        eq(str, spaces_without(PTW_WALK_RUNS),
           "space 0 walked 1000\n"
           "map 0-9fff 20000 rwx- 4k\n"
           "map 204000-204fff 24000 rwx- 4k\n"
           "space 1 walked 2000\n"
           "alias pt 40000000-401fffff to 7000 of 0 at 0 r-xu 27\n"
           "alias pt 40200000-403fffff to 8000 of 0 at 200000 r-x- 23\n"));
    stops_anywhere(61);
}

/* The range cuts as what is left out does. */
Test(amd64_leave_out, is_cut_by_the_range_as_well)
{
    a_shared_directory(0);
    put(PD, 1, PT | TABLE);
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x4000;
    plan.o.last.v = 0x204fff;
    leave_out(0x6000, 0x6fff);
    cr_expect(eq(str, without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 4000-5fff 24000 rwx- 4k\n"
                 "map 7000-9fff 27000 rwx- 4k\n"
                 "map 200000-204fff 20000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pd 0-3fffffff to 5000 of 0 at 0 r-xu 65\n"));
    stops_anywhere(31);
}

Test(amd64_leave_out, does_not_keep_a_root_from_being_the_same)
{
    static const uint64_t twice[] = {ROOT, ROOT};

    ten_pages();
    leave_out(0, 0x8fff);
    leave_out(0x10000, UINT64_MAX);
    plan = spaces_plan(2, twice);
    cr_expect(eq(str, without(0),
                 "space 0 walked 1000\n"
                 "map 9000-9fff 29000 rwx- 4k\n"
                 "space 1 same as 0\n"));
}

/* Work grows with what is cut, not with what the tables say. */
Test(amd64_leave_out, keeps_the_bound_on_reads_on_tables_full_of_themselves)
{
    machine("amd64");
    put_all(ROOT, ROOT | TABLE | U);
    for (unsigned i = 0; i < 4; i++) {
        leave_out(va4(i, 2 * i, 3 * i, 4 * i).v, va4(i, 2 * i, 400, 9).v);
    }
    plan = spaces_plan(1, both);
    without(0);
    cr_expect(walk(&plan)->end == PTW_END);
    /* a table a level, and at each end of a range one more */
    cr_expect(le(u64, walk(&plan)->stats.tables, 4 + 2 * 4 * 3));
    cr_expect(lt(u64, 4 + 4, walk(&plan)->stats.tables));
    cr_expect(
        le(u64, walk(&plan)->stats.reads, 512 * walk(&plan)->stats.tables));
}

/* ------------------------------------------------------------------- stopping
 */

Test(amd64_leave_out, stands_behind_what_is_left_out)
{
    struct ptw_walk w;
    struct ptw_item item[3];
    uint32_t space = 7;
    ptw_va va = {0};
    size_t items;

    ten_pages();
    leave_out(0x3000, 0x5fff);
    leave_out(0xa000, 0x1fffff);
    leave_out(0x400000, UINT64_MAX);
    followed_without(0);
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                    &plan.o) == PTW_OK);
    cr_expect(ptw_walk_where(&w, &space, &va));
    cr_expect(eq(u64, va.v, 0));
    cr_expect(ptw_walk_next(&w, item, 3, &items) == PTW_OK);
    cr_expect(ptw_walk_where(&w, &space, &va));
    cr_expect(eq(u64, va.v, 0x6000));
    cr_expect(eq(u32, space, 0));
    cr_expect(ptw_walk_next(&w, item, 3, &items) == PTW_OK);
    cr_expect(ptw_walk_where(&w, &space, &va));
    cr_expect(eq(u64, va.v, 0x9000));
    cr_expect(ptw_walk_next(&w, item, 1, &items) == PTW_OK);
    cr_expect(ptw_walk_where(&w, &space, &va));
    cr_expect(eq(u64, va.v, 0x200000));
    cr_expect(ptw_walk_next(&w, item, 3, &items) == PTW_END);
    cr_expect(eq(sz, items, 0));
    cr_expect(not(ptw_walk_where(&w, &space, &va)));
}

/* Leaves of every size, cut at every level, under three roots. */
Test(amd64_leave_out, can_be_stopped_at_every_read_and_every_item)
{
    static const uint64_t three[] = {ROOT, R1, PDPT};

    chain();
    put(ROOT, 1, PDPT | TABLE);
    put(ROOT, 256, PDPT | TABLE | NX);
    put(PDPT, 3, 0x40000000 | RX | PS);
    put(PD, 1, 0x600000 | RWX | PS);
    put(PD, 2, PT | TABLE);
    put(PD, 300, PT2 | TABLE);
    pages(PT, 0, 9);
    pages(PT, 509, 511);
    put(R1, 0, PDPT | RX | U);
    put(R1, 2, PDPT | TABLE);
    leave_out(0x1800, 0x1fff);
    leave_out(0x4000, 0x1ff0ff);
    leave_out(0x300000, 0x402fff);
    leave_out(0x8000000000 + 0x409000, 0x8000000000 + 0x40000000);
    leave_out(0x8000000000 + 0xd0000000, 0x900000000000);
    leave_out(0xffff800000000000, 0xffff800000004fff);
    leave_out(0xffff800000600000, UINT64_MAX);
    plan = follow_plan(ROOT);
    without(PTW_WALK_RUNS);
    cr_assert(lt(sz, 10, walk(&plan)->count));
    stops_anywhere(3);
    plan = spaces_plan(3, three);
    without(PTW_WALK_RUNS | PTW_WALK_REMARKS | PTW_WALK_TABLES | PTW_WALK_SELF);
    cr_assert(lt(sz, 30, walk(&plan)->count));
    stops_anywhere(5);
    without(0);
    stops_anywhere(5);
}

/* --------------------------------------------------------- arguments, regimes
 */

static int status_of(unsigned flags)
{
    followed_without(flags);
    return walk(&plan)->init;
}

Test(leave_out_init, refuses_ranges_that_do_not_ascend)
{
    struct ptw_memo memo = {0};
    struct ptw_walk w;
    struct ptw_root root = {&regime, {ROOT}};

    ten_pages();
    leave_out(0x2000, 0x1fff);
    cr_expect(eq(int, status_of(0), PTW_E_RANGE));
    all_in();
    leave_out(0x5000, 0x5fff);
    leave_out(0x2000, 0x2fff);
    cr_expect(eq(int, status_of(0), PTW_E_RANGE));
    all_in();
    leave_out(0x2000, 0x2fff);
    leave_out(0x2fff, 0x3fff);
    cr_expect(eq(int, status_of(0), PTW_E_RANGE));
    cr_expect(eq(int,
                 ptw_walk_va_spaces_init(&w, &mem, &root, 1, &memo, &plan.o),
                 PTW_E_RANGE));
    all_in();
    leave_out(0x2000, 0x2fff);
    leave_out(0x2000, 0x2fff);
    cr_expect(eq(int, status_of(0), PTW_E_RANGE));
    all_in();
    leave_out(0x2000, 0x2fff);
    leave_out(0x3000, 0x3000);
    cr_expect(eq(int, status_of(0), PTW_OK));
    leave_out(0x5000, 0x4fff);
    cr_expect(eq(int, status_of(0), PTW_E_RANGE));
}

Test(leave_out_init, refuses_to_give_holes)
{
    ten_pages();
    leave_out(0x2000, 0x2fff);
    cr_expect(eq(int, status_of(PTW_WALK_HOLES), PTW_E_ARG));
    cr_expect(eq(int, status_of(PTW_WALK_HOLES | PTW_WALK_RUNS), PTW_E_ARG));
    cr_expect(eq(int, status_of(PTW_WALK_RUNS), PTW_OK));
    all_in();
    cr_expect(eq(int, status_of(PTW_WALK_HOLES), PTW_OK));
}

Test(i686_leave_out, works_in_both_levels_and_at_the_end)
{
    machine("i686");
    put(ROOT, 0, PT | 0x27);
    put(ROOT, 1, 0x004000e7);
    put(ROOT, 2, PT | 0x27);
    put(ROOT, 1023, PT2 | 0x27);
    put(R1, 0, PT | 0x25);
    put(R1, 2, PT | 0x25);
    pages(PT, 0, 5);
    pages(PT2, 1022, 1023);
    leave_out(0x2000, 0x2fff);
    leave_out(0x500000, 0x7fffff);
    leave_out(0x802000, 0x802fff);
    leave_out(0xfffff000, 0x100000fff);
    leave_out(0x200000000, UINT64_MAX);
    cr_expect(eq(str, spaces_without(PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 0-1fff 20000 rwx- 4k\n"
                 "map 3000-5fff 23000 rwx- 4k\n"
                 "map 400000-7fffff 400000 rwxu 4m\n"
                 "map 800000-801fff 20000 rwx- 4k\n"
                 "map 803000-805fff 23000 rwx- 4k\n"
                 "map ffffe000-ffffefff 41e000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pt 0-3fffff to 7000 of 0 at 0 r-xu 25\n"
                 "alias pt 800000-bfffff to 7000 of 0 at 800000 r-xu 25\n"));
    stops_anywhere(61);
    all_in();
    leave_out(0, 0xffffffff);
    cr_expect(eq(str, followed_without(0), ""));
    all_in();
    leave_out(0x100000000, UINT64_MAX);
    cr_expect(eq(str, followed_without(PTW_WALK_RUNS),
                 "map 0-5fff 20000 rwx- 4k\n"
                 "map 400000-7fffff 400000 rwxu 4m\n"
                 "map 800000-805fff 20000 rwx- 4k\n"
                 "map ffffe000-ffffffff 41e000 rwx- 4k\n"));
}

Test(bare_leave_out, leaves_the_one_mapping_or_nothing)
{
    machine_with("bare", 36, 0);
    leave_out(0, 0x1fff);
    leave_out(0x100000, UINT64_MAX);
    cr_expect(eq(str, followed_without(0), "map 0-fffffffff 0 rwxu 64g\n"));
    cr_expect(eq(str, spaces_without(0),
                 "space 0 walked 1000\n"
                 "map 0-fffffffff 0 rwxu 64g\n"
                 "space 1 same as 0\n"));
    stops_anywhere(1);
    all_in();
    leave_out(0, 0xfffffffff);
    cr_expect(eq(str, followed_without(0), ""));
    all_in();
    leave_out(0, 0xffffffffe);
    leave_out(0x1000000000, UINT64_MAX);
    cr_expect(eq(str, followed_without(0), "map 0-fffffffff 0 rwxu 64g\n"));
}

/* ------------------------------------------------------------------- exposed
 */

static char *exposed(unsigned flags)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    static const ptw_pa frame[] = {{ROOT}, {PT}};
    static struct report found;
    struct ptw_exposed e;
    struct ptw_memo memo;

    plan = spaces_plan(1, both);
    plan.o.flags = flags;
    plan.o.leave_out = range;
    plan.o.leave_outs = ranges;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    found.count = 0;
    found.init =
        ptw_exposed_init(&e, &mem, plan.root, 1, &memo, frame, 2, &plan.o);
    found.end = found.init;
    while (found.end == PTW_OK) {
        found.end = ptw_exposed_next(&e, &found.item[found.count]);
        found.count += found.end == PTW_OK;
    }
    return told(&found);
}

Test(amd64_leave_out, searches_for_exposed_tables_in_what_is_walked)
{
    chain();
    put(PT, 1, PT | RWX);
    put(PT, 3, ROOT | RWX);
    put(PT, 5, PT | RWX);
    leave_out(0x1000, 0x1fff);
    leave_out(0x5000, 0x5ffe);
    cr_expect(eq(str, exposed(0),
                 "exposed 3000-3fff 1000 and 0 more rwx-\n"
                 "exposed 5000-5fff 7000 and 0 more rwx-\n"));
    /* flags are not looked at */
    cr_expect(eq(str, exposed(PTW_WALK_HOLES),
                 "exposed 3000-3fff 1000 and 0 more rwx-\n"
                 "exposed 5000-5fff 7000 and 0 more rwx-\n"));
    leave_out(0x5000, 0x5fff);
    cr_expect(eq(str, exposed(0), "no walk: empty or wrapping range\n"));
}
