/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over several spaces: sharing, ownership, and what an alias says. */
#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

/* Page frames for tables; a root is a table like any other. */
enum {
    R0 = 0x1000,
    R1 = 0x2000,
    R2 = 0x3000,
    PDPT = 0x4000,
    PDPT2 = 0x5000,
    PD = 0x6000,
    PD2 = 0x7000,
    PT = 0x8000,
    PT2 = 0x9000,
    PT3 = 0xa000,
    NOWHERE = RAM_BYTES
};

static const uint64_t both[] = {R0, R1};

static struct plan plan;

static char *two_spaces(void)
{
    plan = spaces_plan(2, both);
    return told(walk(&plan));
}

static char *one_space(unsigned flags)
{
    plan = spaces_plan(1, both);
    plan.o.flags = flags;
    return told(walk(&plan));
}

/* R0 and R1 with tables of their own down to a PT each, at index 0. */
static void two_chains(void)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE | U);
    put(PDPT, 0, PD | TABLE | U);
    put(PD, 0, PT | TABLE | U);
    put(R1, 0, PDPT2 | TABLE | U);
    put(PDPT2, 0, PD2 | TABLE | U);
    put(PD2, 0, PT2 | TABLE | U);
}

static const struct ptw_item *item(size_t i)
{
    return &walk(&plan)->item[i];
}

/* ------------------------------------------------------------------- spaces */

Test(amd64_spaces, come_in_the_order_of_their_roots)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX);
    put(PT2, 2, 0x30000 | RWX | U);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "map 2000-2fff 30000 rwxu 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 8 * 512));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 8));
    cr_expect(eq(u64, walk(&plan)->stats.items, 4));
    cr_expect(eq(sz, walk(&plan)->frames, 8));
    cr_expect(eq(u64, walk(&plan)->frame[0].v, 0x1000));
    cr_expect(eq(u64, walk(&plan)->frame[7].v, 0x9000));
}

Test(amd64_spaces, tell_the_range_that_was_asked_for)
{
    two_chains();
    plan = spaces_plan(1, both);
    plan.o.first.v = 0x1234;
    plan.o.last.v = 0x5678;
    cr_expect(eq(u64, item(0)->first.v, 0x1234));
    cr_expect(eq(u64, item(0)->last.v, 0x5678));
}

/* Hyperlight 15: alignment, range, duplicates. */
Test(amd64_spaces, are_spoiled_by_a_bad_root_one_by_one)
{
    static const uint64_t roots[] = {
        R0 + 8, NOWHERE, R0, 1ull << 52, 0xffffffffff000, R1, NOWHERE};

    two_chains();
    put(PT, 1, 0x20000 | RWX);
    put(PT2, 1, 0x30000 | RWX);
    cr_expect(eq(str, spaces(7, roots),
                 "space 0 bad: not aligned\n"
                 "space 1 bad: outside the memory offered\n"
                 "space 2 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "space 3 bad: beyond the physical address width\n"
                 "space 4 bad: outside the memory offered\n"
                 "space 5 walked 2000\n"
                 "map 1000-1fff 30000 rwx- 4k\n"
                 "space 6 bad: outside the memory offered\n"));
}

Test(i686_spaces, are_spoiled_by_a_root_above_32_bits)
{
    static const uint64_t roots[] = {0x100001000, R0};

    machine("i686");
    put(R0, 5, 0x004000e7);
    cr_expect(eq(str, spaces(2, roots),
                 "space 0 bad: beyond the physical address width\n"
                 "space 1 walked 1000\n"
                 "map 1400000-17fffff 400000 rwxu 4m\n"));
}

Test(amd64_spaces, take_a_root_that_is_there_in_part)
{
    static struct ptw_region part = {{0}, {R0 + 8 * 8 - 1}, ram, false};

    two_chains();
    put(R0, 7, PDPT | TABLE | PS);
    cr_assert(ptw_mem_init_regions(&mem, &part, 1) == PTW_OK);
    cr_expect(eq(str, one_space(0),
                 "space 0 walked 1000\n"
                 "refused pdpt 0-7fffffffff in 4000\n"
                 "bad pml4 38000000000-3ffffffffff in 1000 40a3\n"
                 "refused pml4 40000000000-7fffffffffff in 1000\n"
                 "refused pml4 ffff800000000000-ffffffffffffffff in 1000\n"));
}

Test(bare_spaces, are_all_the_same)
{
    static const uint64_t roots[] = {0, 0x1234, 7};

    machine_with("bare", 36, 0);
    cr_expect(eq(str, spaces(3, roots),
                 "space 0 walked 0\n"
                 "map 0-fffffffff 0 rwxu 64g\n"
                 "space 1 same as 0\n"
                 "space 2 same as 0\n"));
}

Test(spaces_init, refuses_no_roots_and_too_many_and_a_reversed_range)
{
    struct ptw_walk w;
    struct ptw_memo memo = {0};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root = {&regime, {R0}};

    machine("amd64");
    cr_expect(eq(int, ptw_walk_va_spaces_init(&w, &mem, &root, 0, &memo, &o),
                 PTW_E_ARG));
    cr_expect(eq(
        int, ptw_walk_va_spaces_init(&w, &mem, &root, 0x80000001u, &memo, &o),
        PTW_E_ARG));
    o.first.v = 2;
    o.last.v = 1;
    cr_expect(eq(int, ptw_walk_va_spaces_init(&w, &mem, &root, 1, &memo, &o),
                 PTW_E_RANGE));
}

/* ------------------------------------------------------------------ aliases */

Test(amd64_spaces, share_a_page_table_as_an_alias)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX | U);
    put(PD2, 0, PT | TABLE | U);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwxu 4k\n"
                 "space 1 walked 2000\n"
                 "alias pt 0-1fffff to 8000 of 0 at 0 rwxu 27\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 7 * 512));
}

Test(amd64_spaces, share_tables_of_every_level_that_can_be_shared)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX | U);
    put(R1, 9, PDPT | TABLE);
    put(PDPT2, 9, PD | TABLE);
    put(PD2, 9, PT | TABLE);
    cr_expect(
        eq(str, two_spaces(),
           "space 0 walked 1000\n"
           "map 1000-1fff 20000 rwxu 4k\n"
           "space 1 walked 2000\n"
           "alias pt 1200000-13fffff to 8000 of 0 at 0 rwx- 23\n"
           "alias pd 240000000-27fffffff to 6000 of 0 at 0 rwx- 23\n"
           "alias pdpt 48000000000-4ffffffffff to 4000 of 0 at 0 rwx- 23\n"));
    cr_expect(eq(int, item(3)->u.alias.amd64.level, PTW_AMD64_ALIAS_PT));
    cr_expect(eq(int, item(4)->u.alias.amd64.level, PTW_AMD64_ALIAS_PD));
    cr_expect(eq(int, item(5)->u.alias.amd64.level, PTW_AMD64_ALIAS_PDPT));
}

Test(amd64_spaces, share_inside_one_space_and_in_the_upper_half)
{
    two_chains();
    put(R0, 511, PDPT | TABLE);
    put(PT, 1, 0x20000 | RWX | U);
    put(R1, 0, PDPT | TABLE);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwxu 4k\n"
                 "alias pdpt ffffff8000000000-ffffffffffffffff to 4000 of 0 "
                 "at 0 rwx- 23\n"
                 "space 1 walked 2000\n"
                 "alias pdpt 0-7fffffffff to 4000 of 0 at 0 rwx- 23\n"));
}

Test(amd64_spaces, give_their_address_where_the_owner_has_it)
{
    machine("amd64");
    put(R0, 300, PDPT | TABLE);
    put(R1, 7, PDPT | TABLE);
    put(R2, 400, PDPT | TABLE);
    put(PDPT, 1, 0x40000000 | RWX | PS);
    cr_expect(eq(
        str, spaces(3, (const uint64_t[]){R0, R1, R2}),
        "space 0 walked 1000\n"
        "map ffff960040000000-ffff96007fffffff 40000000 rwx- 1g\n"
        "space 1 walked 2000\n"
        "alias pdpt 38000000000-3ffffffffff to 4000 of 0 at ffff960000000000 "
        "rwx- 23\n"
        "space 2 walked 3000\n"
        "alias pdpt ffffc80000000000-ffffc87fffffffff to 4000 of 0 at "
        "ffff960000000000 rwx- 23\n"));
}

/* Hyperlight 9 and KVM: the owner's flags and rights in place of ours. */
Test(amd64_spaces, carry_our_rights_and_our_entry_in_an_alias)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX | U);
    put(R1, 0, PDPT2 | TABLE | U | NX);
    put(PD2, 0, PT | P | U | PWT | PCD | D | G | 0xa00 | 5ull << 52);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwxu 4k\n"
                 "space 1 walked 2000\n"
                 "alias pt 0-1fffff to 8000 of 0 at 0 r--u 50000000000b5d\n"));
}

Test(amd64_spaces, share_what_an_earlier_space_owns_and_not_a_later)
{
    machine("amd64");
    put(R1, 0, PDPT | TABLE);
    put(R2, 0, PDPT | TABLE);
    cr_expect(eq(str, spaces(3, (const uint64_t[]){R0, R1, R2}),
                 "space 0 walked 1000\n"
                 "space 1 walked 2000\n"
                 "space 2 walked 3000\n"
                 "alias pdpt 0-7fffffffff to 4000 of 1 at 0 rwx- 23\n"));
}

/* Hyperlight 6: i686 lost a table that one space maps twice. */
Test(i686_spaces, share_a_page_table_inside_one_space)
{
    machine("i686");
    put(R0, 5, PT | 0x27);
    put(R0, 9, PT | 0x25);
    put(R1, 1023, PT | 0x127);
    put(PT, 6, 0x20027);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 1406000-1406fff 20000 rwxu 4k\n"
                 "alias pt 2400000-27fffff to 8000 of 0 at 1400000 r-xu 25\n"
                 "space 1 walked 2000\n"
                 "alias pt ffc00000-ffffffff to 8000 of 0 at 1400000 rwxu "
                 "127\n"));
    cr_expect(eq(int, item(2)->u.alias.i686.level, PTW_I686_ALIAS_PT));
}

Test(alias_view, says_what_every_architectures_alias_has)
{
    struct ptw_alias_ref ref;
    unsigned level = 9;

    two_chains();
    put(PD2, 3, PT | TABLE | NX);
    two_spaces();
    cr_assert(eq(sz, walk(&plan)->count, 3));
    ref = ptw_alias_view(&regime, item(2), &level);
    cr_expect(eq(u32, level, 0));
    cr_expect(ge(u64, ref.our_va.v, 0x600000));
    cr_expect(le(u64, ref.our_va.v, 0x7fffff));
    cr_expect(le(u64, ref.their_va.v, 0x1fffff));
    cr_expect(eq(u64, ref.table.v, PT));
    cr_expect(eq(u64, ref.attributes, TABLE | NX));
    cr_expect(eq(u32, ref.owner, 0));
    cr_expect(eq(u32, ref.rights, PTW_READ | PTW_WRITE));
}

/* A large leaf that happens to lie where a table was is no alias. */
Test(amd64_spaces, never_take_a_large_page_for_a_shared_table)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    put(PD, 0, 0x200000 | TABLE);
    put(PD, 1, 0x200000 | RWX | PS);
    cr_expect(eq(str, one_space(0),
                 "space 0 walked 1000\n"
                 "refused pt 0-1fffff in 200000\n"
                 "map 200000-3fffff 200000 rwx- 2m\n"));
}

/* A table that can't be read is refused every time: there is nothing to
 * share. */
Test(amd64_spaces, share_no_table_that_cannot_be_read)
{
    two_chains();
    put(PD, 1, NOWHERE | TABLE);
    put(PD, 2, NOWHERE | TABLE);
    put(PD2, 1, NOWHERE | TABLE);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "refused pt 200000-3fffff in 200000\n"
                 "refused pt 400000-5fffff in 200000\n"
                 "space 1 walked 2000\n"
                 "refused pt 200000-3fffff in 200000\n"));
}

/* ---------------------------------------------- one table at several levels */

Test(amd64_spaces, descend_a_table_at_each_level_at_which_it_is_used)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX);
    /* PT as a PD: its entry 1 is then a table at 0x20000 */
    put(PDPT, 1, PT | TABLE);
    put(0x20000, 2, 0x30000 | RWX);
    cr_expect(eq(str, one_space(0),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "map 40202000-40202fff 30000 rwx- 4k\n"));
    cr_expect(eq(str, one_space(PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "two levels pd 40000000-7fffffff 8000\n"
                 "map 40202000-40202fff 30000 rwx- 4k\n"));
}

/* Hyperlight 2. */
Test(amd64_spaces, go_through_a_recursive_slot_once_a_level)
{
    two_chains();
    put(R0, 510, R0 | TABLE);
    put(PT, 1, 0x20000 | RWX);
    cr_expect(eq(str, one_space(PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "self pdpt ffffff0000000000-ffffff7fffffffff 1000\n"
                 "two levels pdpt ffffff0000000000-ffffff7fffffffff 1000\n"
                 "two levels pd ffffff0000000000-ffffff003fffffff 4000\n"
                 "two levels pt ffffff0000000000-ffffff00001fffff 6000\n"
                 "map ffffff0000000000-ffffff0000000fff 8000 rwx- 4k\n"
                 "self pd ffffff7f80000000-ffffff7fbfffffff 1000\n"
                 "two levels pd ffffff7f80000000-ffffff7fbfffffff 1000\n"
                 "two levels pt ffffff7f80000000-ffffff7f801fffff 4000\n"
                 "map ffffff7f80000000-ffffff7f80000fff 6000 rwx- 4k\n"
                 "self pt ffffff7fbfc00000-ffffff7fbfdfffff 1000\n"
                 "two levels pt ffffff7fbfc00000-ffffff7fbfdfffff 1000\n"
                 "map ffffff7fbfc00000-ffffff7fbfc00fff 4000 rwx- 4k\n"
                 "map ffffff7fbfdfe000-ffffff7fbfdfefff 1000 rwx- 4k\n"));
    /* R0 at 4 levels, PDPT at 3, PD at 2, PT at 1 */
    cr_expect(eq(u64, walk(&plan)->stats.reads, 10 * 512));
    cr_expect(eq(sz, walk(&plan)->frames, 4));
}

Test(amd64_remarks, tell_a_table_on_its_own_path_from_one_that_is_not)
{
    two_chains();
    put(PD, 7, PD | TABLE);
    cr_expect(eq(str, one_space(PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "self pt e00000-ffffff 6000\n"
                 "two levels pt e00000-ffffff 6000\n"
                 "map e00000-e00fff 8000 rwx- 4k\n"
                 "map e07000-e07fff 6000 rwx- 4k\n"));
}

/* Entered twice at one level, since the range cut it differently. */
Test(amd64_remarks, are_not_made_of_a_table_that_is_entered_over_another_part)
{
    two_chains();
    put(PD, 1, PT | TABLE);
    put(PT, 3, 0x20000 | RWX);
    plan = spaces_plan(1, both);
    plan.o.first.v = 0x2000;
    plan.o.last.v = 0x3fffff;
    plan.o.flags = PTW_WALK_REMARKS;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 3000-3fff 20000 rwx- 4k\n"
                 "map 203000-203fff 20000 rwx- 4k\n"));
}

Test(amd64_remarks, are_made_of_a_root_that_was_a_table_before)
{
    two_chains();
    put(PDPT, 0, 0);
    put(R0, 0, R1 | TABLE);
    put(R1, 0, 0);
    plan = spaces_plan(2, both);
    plan.o.flags = PTW_WALK_REMARKS;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "space 1 walked 2000\n"
                 "two levels pml4 0-ffffffffffffffff 2000\n"));
}

Test(i686_spaces, go_through_a_recursive_slot_once_a_level)
{
    machine("i686");
    put(R0, 1023, R0 | 0x27);
    put(R0, 3, PT | 0x27);
    put(PT, 4, 0x20027);
    cr_expect(eq(str, one_space(PTW_WALK_REMARKS),
                 "space 0 walked 1000\n"
                 "map c04000-c04fff 20000 rwxu 4k\n"
                 "self pt ffc00000-ffffffff 1000\n"
                 "two levels pt ffc00000-ffffffff 1000\n"
                 "map ffc03000-ffc03fff 8000 rwxu 4k\n"
                 "map fffff000-ffffffff 1000 rwxu 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 3 * 1024));
}

/* ------------------------------------------- told apart by rights: BY_RIGHTS */

static char *by_rights(uint32_t roots, const uint64_t *root)
{
    plan = spaces_plan(roots, root);
    plan.o.flags = PTW_WALK_BY_RIGHTS;
    return told(walk(&plan));
}

Test(amd64_by_rights, a_table_is_entered_once_for_each_set)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE | U);
    put(R0, 1, PDPT | TABLE);
    put(R0, 2, PDPT | TABLE | U);
    put(R0, 3, PDPT | RX | U);
    put(R1, 0, PDPT | TABLE);
    put(R1, 1, PDPT | RX);
    put(PDPT, 0, PD | TABLE | U);
    put(PD, 0, PT | TABLE | U);
    put(PT, 1, 0x20000 | RWX | U);
    cr_expect(
        eq(str, by_rights(2, both),
           "space 0 walked 1000\n"
           "map 1000-1fff 20000 rwxu 4k\n"
           "map 8000001000-8000001fff 20000 rwx- 4k\n"
           "alias pdpt 10000000000-17fffffffff to 4000 of 0 at 0 rwxu 27\n"
           "map 18000001000-18000001fff 20000 r-xu 4k\n"
           "space 1 walked 2000\n"
           "alias pdpt 0-7fffffffff to 4000 of 0 at 8000000000 rwx- 23\n"
           "map 8000001000-8000001fff 20000 r-x- 4k\n"));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 2 + 4 * 3));
    cr_expect(eq(str, in_pieces(&plan, 17), ""));
    cr_expect(eq(str, where_it_stands(&plan, 17), ""));
}

/* What the entries below take off makes the same set of two. */
Test(amd64_by_rights, paths_meet_where_they_grant_the_same)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE | U);
    put(R0, 1, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    put(PD, 0, PT | TABLE);
    put(PT, 1, 0x20000 | RWX | U);
    cr_expect(eq(str, by_rights(1, both),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "alias pd 8000000000-803fffffff to 6000 of 0 at 0 rwx- 23\n"));
}

Test(amd64_by_rights, a_root_below_another_one_is_told_apart_too)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    cr_expect(eq(str, by_rights(2, (uint64_t[]){R0, R0}),
                 "space 0 walked 1000\n"
                 "space 1 same as 0\n"));
}

/* --------------------------------------------------------- kept whole: SELF */

Test(amd64_self, is_one_finding_and_nothing_below)
{
    two_chains();
    put(R0, 510, R0 | TABLE);
    put(PD, 7, PD | RX | U);
    put(PT, 1, 0x20000 | RWX);
    cr_expect(eq(str, one_space(PTW_WALK_SELF),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "itself pt e00000-ffffff 6000 r-xu 6065\n"
                 "itself pdpt ffffff0000000000-ffffff7fffffffff 1000 rwx- "
                 "1023\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 * 512));
    cr_expect(eq(u64, walk(&plan)->stats.tables, 4));
    cr_expect(eq(u64, item(2)->u.finding.tables, 1));
    cr_expect(eq(str, in_pieces(&plan, 17), ""));
    cr_expect(eq(str, where_it_stands(&plan, 17), ""));
    /* there is nothing to remark, then */
    cr_expect(eq(str,
                 one_space(PTW_WALK_SELF | PTW_WALK_REMARKS | PTW_WALK_RUNS),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 20000 rwx- 4k\n"
                 "itself pt e00000-ffffff 6000 r-xu 6065\n"
                 "itself pdpt ffffff0000000000-ffffff7fffffffff 1000 rwx- "
                 "1023\n"));
}

Test(amd64_self, covers_its_entry_where_items_tile)
{
    two_chains();
    put(R0, 255, R0 | TABLE);
    cr_expect(eq(str, one_space(PTW_WALK_SELF | PTW_WALK_HOLES),
                 "space 0 walked 1000\n"
                 "hole pt 0-1fffff\n"
                 "hole pd 200000-3fffffff\n"
                 "hole pdpt 40000000-7fffffffff\n"
                 "hole pml4 8000000000-7f7fffffffff\n"
                 "itself pdpt 7f8000000000-7fffffffffff 1000 rwx- 1023\n"
                 "gap 800000000000-ffff7fffffffffff\n"
                 "hole pml4 ffff800000000000-ffffffffffffffff\n"));
    plan.kind = PLAN_FOLLOW;
    cr_expect(eq(str, in_pieces(&plan, 17), ""));
    cr_expect(eq(str, where_it_stands(&plan, 17), ""));
}

/* Hyperlight 2: nobody who keeps them whole pays for 512^4 leaves. */
Test(amd64_self, takes_a_root_full_of_itself_for_512_entries)
{
    const struct report *r;

    machine("amd64");
    put_all(R0, R0 | TABLE | U);
    for (unsigned kind = 0; kind < 2; kind++) {
        plan = kind == 0 ? spaces_plan(1, both) : follow_plan(R0);
        plan.o.flags = PTW_WALK_SELF;
        r = walk(&plan);
        cr_expect(eq(sz, r->count, 513 - kind));
        cr_expect(eq(u64, r->stats.reads, 512));
        cr_expect(eq(u64, r->stats.tables, 1));
        for (size_t i = 1; i < r->count; i++) {
            cr_expect(r->item[i].kind == PTW_ITEM_FINDING &&
                      r->item[i].u.finding.kind == PTW_FINDING_SELF &&
                      r->item[i].u.finding.table.v == R0);
        }
    }
}

Test(i686_self, takes_a_directory_full_of_itself_for_1024_entries)
{
    machine("i686");
    put_all(R0, R0 | 0x27);
    put(R0, 3, PT | 0x27);
    put(R0, 1023, R0 | 0x25);
    put(PT, 4, 0x20027);
    put(PT, 5, PT | 0x27); /* a leaf is one, wherever it leads */
    plan = follow_plan(R0);
    plan.o.flags = PTW_WALK_SELF;
    cr_expect(eq(sz, walk(&plan)->count, 1025));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 2 * 1024));
    plan.o.first.v = 0x800000;
    plan.o.last.v = 0x1000000;
    cr_expect(eq(str, told(walk(&plan)),
                 "itself pt 800000-bfffff 1000 rwxu 1027\n"
                 "map c04000-c04fff 20000 rwxu 4k\n"
                 "map c05000-c05fff 8000 rwxu 4k\n"
                 "itself pt 1000000-13fffff 1000 rwxu 1027\n"));
    plan.o.first.v = 0xffffffff;
    plan.o.last.v = UINT64_MAX;
    cr_expect(eq(str, told(walk(&plan)),
                 "itself pt ffc00000-ffffffff 1000 r-xu 1025\n"));
}

/* Tables that refer to each other are followed as ever. */
Test(amd64_self, is_no_way_round_through_another_table)
{
    static char plain[4096];

    two_chains();
    put(PDPT, 3, R0 | TABLE);
    put(PD, 4, PDPT | TABLE);
    strcpy(plain, one_space(PTW_WALK_REMARKS));
    cr_expect(eq(str, one_space(PTW_WALK_REMARKS | PTW_WALK_SELF), plain));
    cr_expect(strstr(plain, "self pd c0000000-ffffffff 1000\n") != NULL);
    cr_expect(strstr(plain, "itself") == NULL);
}

Test(amd64_self, is_left_out_where_it_lacks_a_right)
{
    two_chains();
    put(PD, 7, PD | RX);
    put(PD, 8, PD | TABLE);
    plan = spaces_plan(1, both);
    plan.o.flags = PTW_WALK_SELF;
    plan.o.need = PTW_WRITE;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "itself pt 1000000-11fffff 6000 rwx- 6023\n"));
}

/* A regime that shares no tables of that level has no such alias. */
Test(expand, refuses_an_alias_of_another_regime)
{
    static const char *const other[] = {"i686", "pae", "bare"};
    static struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item alias;

    two_chains();
    put(R1, 1, PDPT | RX);
    plan = spaces_plan(2, both);
    alias = *item(walk(&plan)->count - 1);
    cr_assert(alias.kind == PTW_ITEM_ALIAS &&
              alias.u.alias.amd64.level == PTW_AMD64_ALIAS_PDPT);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        machine(other[i]);
        cr_expect(eq(int, (int)ptw_expand_init(&w, &regime, &mem, &alias, &o),
                     PTW_E_ARG),
                  "%s", other[i]);
    }
}

/* The holder counts, not the space: at other levels there are other tables. */
Test(amd64_self, is_told_in_an_expansion_too)
{
    static struct ptw_item alias;

    two_chains();
    put(PD, 7, PD | TABLE);
    put(R1, 1, PDPT | RX);
    plan = spaces_plan(2, both);
    plan.o.flags = PTW_WALK_SELF;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "itself pt e00000-ffffff 6000 rwx- 6023\n"
                 "space 1 walked 2000\n"
                 "alias pdpt 8000000000-ffffffffff to 4000 of 0 at 0 r-x- "
                 "61\n"));
    alias = *item(3);
    plan = expand_plan(&alias);
    plan.o.flags = PTW_WALK_SELF;
    cr_expect(eq(str, told(walk(&plan)),
                 "itself pt 8000e00000-8000ffffff 6000 r-x- 6023\n"));
}

/* ------------------------------------------------------------------- numbers
 */

/* Tables count from 0 as they are entered, roots included. */
Test(amd64_numbers, are_those_of_the_order_in_which_tables_are_entered)
{
    static const struct {
        uint64_t table;
        enum ptw_item_kind kind;
        uint32_t number;
    } expected[] = {
        {R0, PTW_ITEM_SPACE, 0},   {PDPT, PTW_ITEM_TABLE, 1},
        {PD, PTW_ITEM_TABLE, 2},   {PT, PTW_ITEM_TABLE, 3},
        {PT, PTW_ITEM_ALIAS, 3},   {PT3, PTW_ITEM_TABLE, 4},
        {PT, PTW_ITEM_TABLE, 5}, /* as a directory */
        {R1, PTW_ITEM_SPACE, 6},   {PDPT2, PTW_ITEM_TABLE, 7},
        {PD2, PTW_ITEM_TABLE, 8},  {PT2, PTW_ITEM_TABLE, 9},
        {PT3, PTW_ITEM_ALIAS, 4},  {PT, PTW_ITEM_ALIAS, 5},
        {PDPT, PTW_ITEM_ALIAS, 1},
    };
    const struct report *r;
    unsigned level;

    two_chains();
    put(PD, 1, PT | TABLE);
    put(PD, 2, PT3 | TABLE);
    put(PDPT, 1, PT | TABLE);
    put(PD2, 1, PT3 | TABLE);
    put(PDPT2, 1, PT | TABLE);
    put(R1, 1, PDPT | TABLE);
    plan = spaces_plan(2, both);
    plan.o.flags = PTW_WALK_TABLES;
    r = walk(&plan);
    cr_assert(eq(sz, r->count, sizeof expected / sizeof *expected));
    for (size_t i = 0; i < r->count; i++) {
        const struct ptw_item *it = &r->item[i];
        struct ptw_alias_ref ref;

        cr_assert(eq(int, it->kind, expected[i].kind), "item %zu", i);
        if (it->kind == PTW_ITEM_SPACE) {
            cr_expect(
                eq(u64, it->u.space_info.root.table.v, expected[i].table));
            cr_expect(eq(u32, it->u.space_info.number, expected[i].number));
        } else if (it->kind == PTW_ITEM_TABLE) {
            cr_expect(eq(u64, it->u.table.table.v, expected[i].table));
            cr_expect(eq(u32, it->u.table.number, expected[i].number));
        } else {
            ref = ptw_alias_view(&regime, it, &level);
            cr_expect(eq(u64, ref.table.v, expected[i].table));
            cr_expect(eq(u32, ref.number, expected[i].number));
        }
    }
    cr_expect(eq(u64, r->stats.tables, 10));
    /* and stay so in a memo that grows, and in a walk that is stopped */
    cr_expect(eq(str, in_pieces(&plan, 61), ""));
}

/* Those of a table that is cut and of the same table, whole, are two. */
Test(amd64_numbers, tell_visits_of_a_table_apart)
{
    static const struct ptw_va_range out = {{0x1000}, {0x1fff}};
    struct ptw_alias_ref ref;
    unsigned level;

    two_chains();
    put(PD, 1, PT | TABLE);
    put(PD, 2, PT | TABLE);
    put(R1, 0, PDPT | TABLE);
    plan = spaces_plan(2, both);
    plan.o.flags = PTW_WALK_TABLES;
    plan.o.leave_out = &out;
    plan.o.leave_outs = 1;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "table pdpt 0-7fffffffff 4000 rwxu 27\n"
                 "table pd 0-3fffffff 6000 rwxu 27\n"
                 "table pt 0-1fffff 8000 rwxu 27\n"
                 "table pt 200000-3fffff 8000 rwx- 23\n"
                 "alias pt 400000-5fffff to 8000 of 0 at 200000 rwx- 23\n"
                 "space 1 walked 2000\n"
                 "alias pdpt 0-7fffffffff to 4000 of 0 at 0 rwx- 23\n"));
    cr_expect(eq(u32, item(3)->u.table.number, 3));
    cr_expect(eq(u32, item(4)->u.table.number, 4));
    ref = ptw_alias_view(&regime, item(5), &level);
    cr_expect(eq(u32, ref.number, 4));
    cr_expect(eq(u32, item(6)->u.space_info.number, 5));
    ref = ptw_alias_view(&regime, item(7), &level);
    cr_expect(eq(u32, ref.number, 1));
}

/* A table that is followed again is a visit of its own. */
Test(amd64_numbers, count_every_visit_where_all_is_followed)
{
    two_chains();
    put(PD, 1, PT | TABLE);
    plan = follow_plan(R0);
    plan.o.flags = PTW_WALK_TABLES;
    cr_assert(eq(sz, walk(&plan)->count, 4));
    for (uint32_t i = 0; i < 4; i++) {
        cr_expect(eq(u32, item(i)->u.table.number, i + 1));
    }
}

Test(amd64_numbers, pass_over_roots_that_are_not_walked)
{
    static const uint64_t roots[] = {R0 + 8, R0, R0, NOWHERE, R1};

    two_chains();
    plan = spaces_plan(5, roots);
    cr_assert(eq(sz, walk(&plan)->count, 5));
    cr_expect(eq(u32, item(1)->u.space_info.number, 0));
    cr_expect(eq(u32, item(4)->u.space_info.number, 4));
}

/* -------------------------------------------------- what tables say of work */

/* Hyperlight 2, XSA-182, XSA-185, XSA-240: 512^4 leaves for those who follow;
 * four visits for those who remember. */
Test(amd64_spaces, read_a_root_that_names_itself_512_times_once_a_level)
{
    const struct report *r;
    size_t i = 0;

    machine("amd64");
    put_all(R0, R0 | RWX);
    plan = spaces_plan(1, both);
    r = walk(&plan);
    cr_expect(eq(int, r->end, PTW_END));
    cr_expect(eq(u64, r->stats.reads, 4 * 512));
    cr_expect(eq(u64, r->stats.tables, 4));
    cr_expect(eq(sz, r->frames, 1));
    /* the space, 512 pages, 511 aliases for each of PT, PD and PDPT */
    cr_assert(eq(sz, r->count, 1 + 512 + 3 * 511));
    cr_expect(eq(int, r->item[i].kind, PTW_ITEM_SPACE));
    for (i = 1; i <= 512; i++) {
        cr_expect(eq(int, r->item[i].kind, PTW_ITEM_MAPPING));
        cr_expect(eq(u64, r->item[i].first.v, (i - 1) << 12));
        cr_expect(eq(u64, r->item[i].u.mapping.pa.v, R0));
    }
    for (unsigned level = 0; level < 3; level++) {
        for (uint64_t k = 1; k < 512; k++, i++) {
            uint64_t va = k << (21 + 9 * level);

            if (level == 2 && k >= 256) {
                va |= 0xffff000000000000;
            }
            cr_expect(eq(int, r->item[i].kind, PTW_ITEM_ALIAS));
            cr_expect(eq(u64, r->item[i].first.v, va));
            cr_expect(eq(int, r->item[i].u.alias.amd64.level, level));
            cr_expect(eq(u64, r->item[i].u.alias.amd64.ref.their_va.v, 0));
        }
    }
}

Test(amd64_spaces, read_a_chain_shared_512_fold_at_every_level_once)
{
    machine("amd64");
    put_all(R0, PDPT | RWX);
    put_all(PDPT, PD | RWX);
    put_all(PD, PT | RWX);
    put_all(PT, 0x20000 | RWX);
    plan = spaces_plan(1, both);
    cr_expect(eq(int, walk(&plan)->end, PTW_END));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 * 512));
    cr_expect(eq(sz, walk(&plan)->count, 1 + 512 + 3 * 511));
    plan.o.flags = PTW_WALK_REMARKS;
    cr_expect(eq(sz, walk(&plan)->count, 1 + 512 + 3 * 511),
              "there is nothing to remark");
}

Test(amd64_spaces, read_two_roots_that_are_each_others_tables_once_a_level)
{
    machine("amd64");
    put_all(R0, R1 | RWX);
    put_all(R1, R0 | RWX);
    plan = spaces_plan(2, both);
    cr_expect(eq(int, walk(&plan)->end, PTW_END));
    /* R0: pml4, R1: pdpt, R0: pd, R1: pt; then R1: pml4, R0: pdpt, R1: pd,
     * R0: pt */
    cr_expect(eq(u64, walk(&plan)->stats.tables, 8));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 8 * 512));
    cr_expect(eq(sz, walk(&plan)->count, 2 * (1 + 512 + 3 * 511)));
    cr_expect(eq(sz, walk(&plan)->frames, 2));
    put_all(R0, 0);
    put_all(R1, 0);
    put(R0, 0, R1 | TABLE);
    put(R1, 0, R0 | TABLE);
    cr_expect(eq(str, two_spaces(),
                 "space 0 walked 1000\n"
                 "map 0-fff 1000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "map 0-fff 2000 rwx- 4k\n"));
}

Test(i686_spaces, read_a_root_that_names_itself_1024_times_once_a_level)
{
    machine("i686");
    put_all(R0, R0 | 0x27);
    plan = spaces_plan(1, both);
    cr_expect(eq(int, walk(&plan)->end, PTW_END));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 2 * 1024));
    cr_expect(eq(sz, walk(&plan)->count, 1 + 1024 + 1023));
}

/* 64 spaces with one kernel half: it is read once. */
Test(amd64_spaces, read_a_shared_kernel_half_once)
{
    uint64_t roots[MAX_ROOTS];

    machine("amd64");
    for (unsigned i = 0; i < MAX_ROOTS; i++) {
        roots[i] = 0x10000 + i * PAGE;
        for (unsigned k = 256; k < 260; k++) {
            put(roots[i], k, (PDPT + (k - 256) * PAGE) | TABLE);
        }
    }
    plan = spaces_plan(MAX_ROOTS, roots);
    cr_expect(eq(u64, walk(&plan)->stats.reads, (MAX_ROOTS + 4) * 512));
    cr_expect(eq(sz, walk(&plan)->count, MAX_ROOTS + 4 * (MAX_ROOTS - 1)));
}

/* The law: reads <= 512 x levels x distinct frames.  Random graphs, all of
 * whose entries lead somewhere. */
Test(amd64_spaces, keep_the_law_of_reads_on_random_graphs)
{
    struct dice d = {5};

    for (unsigned n = 0; n < 60; n++) {
        unsigned frames = 1 + (unsigned)roll_below(&d, 12);
        uint64_t roots[MAX_ROOTS];

        machine("amd64");
        for (unsigned f = 0; f < frames; f++) {
            for (unsigned i = 0; i < 512; i++) {
                put(0x10000 + f * PAGE, i,
                    (0x10000 + roll_below(&d, frames + 1) * PAGE) |
                        (one_in(&d, 8) ? 0 : RWX));
            }
        }
        for (unsigned i = 0; i < MAX_ROOTS; i++) {
            roots[i] = 0x10000 + roll_below(&d, frames) * PAGE;
        }
        plan = spaces_plan(MAX_ROOTS, roots);
        plan.o.flags = PTW_WALK_RUNS;
        cr_expect(walk(&plan)->end == PTW_END || walk(&plan)->overflow);
        cr_expect(le(u64, walk(&plan)->stats.reads,
                     512 * 4 * (uint64_t)(frames + 1)));
        if (!walk(&plan)->overflow) {
            cr_expect(eq(u64, walk(&plan)->stats.reads,
                         512 * walk(&plan)->stats.tables));
        }
    }
}

Test(amd64_spaces, fetch_each_entry_once_for_each_visit)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX);
    put(PD2, 1, PT | TABLE);
    put(PD2, 2, PT2 | TABLE);
    offer_watched();
    plan = spaces_plan(2, both);
    cr_expect(eq(u64, walk(&plan)->stats.reads, 8 * 512));
    for (unsigned i = 0; i < 9 * PAGE / 4; i++) {
        uint64_t page = (R0 + i * 4) & ~(uint64_t)0xfff;

        cr_expect(eq(u32, watched.reads[R0 / 4 + i],
                     page <= PT2 && page != R2 ? 1 : 0));
    }
}

/* ----------------------------------------------------------- partial ranges */

/* Hyperlight 8: the owner walked two pages of a shared table; a later space
 * reaches it at another address, and loses what the owner never walked. */
Test(amd64_partial, descends_a_table_again_over_another_part)
{
    two_chains();
    put(PT, 0, 0x20000 | RWX);
    put(PT, 1, 0x21000 | RWX);
    put(PT, 2, 0x22000 | RWX);
    put(PD, 0, 0);
    put(PD, 1, PT | TABLE);
    put(PD2, 0, PT | TABLE);
    put(PD2, 1, PT | TABLE);
    /* the range ends inside the table where the owner has it */
    plan = spaces_plan(2, both);
    plan.o.last.v = 0x201fff;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 200000-200fff 20000 rwx- 4k\n"
                 "map 201000-201fff 21000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "map 0-fff 20000 rwx- 4k\n"
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "map 2000-2fff 22000 rwx- 4k\n"
                 "alias pt 200000-3fffff to 8000 of 0 at 200000 rwx- 23\n"));
}

Test(amd64_partial, has_an_alias_over_the_same_part)
{
    two_chains();
    put(PT, 0, 0x20000 | RWX);
    put(PT, 1, 0x21000 | RWX);
    put(PT, 2, 0x22000 | RWX);
    put(PD2, 0, PT | TABLE);
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x1000;
    plan.o.last.v = 0x1fff;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 1000-1fff 21000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pt 0-1fffff to 8000 of 0 at 0 rwx- 23\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 4 + 3));
}

/* One table at the head of the range, in the middle of it and at its end. */
Test(amd64_partial, tells_head_middle_and_tail_apart)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    put(R1, 0, PDPT | TABLE);
    for (unsigned i = 0; i < 4; i++) {
        put(PD, i, PT | TABLE);
    }
    put(PT, 0, 0x20000 | RWX);
    put(PT, 511, 0x21000 | RWX);
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x1ff000;
    plan.o.last.v = 0x600fff;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 1ff000-1fffff 21000 rwx- 4k\n"
                 "map 200000-200fff 20000 rwx- 4k\n"
                 "map 3ff000-3fffff 21000 rwx- 4k\n"
                 "alias pt 400000-5fffff to 8000 of 0 at 200000 rwx- 23\n"
                 "map 600000-600fff 20000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pdpt 0-7fffffffff to 4000 of 0 at 0 rwx- 23\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 1 + 1 + 4 + 1 + 512 + 1 + 1));
    cr_expect(eq(sz, walk(&plan)->frames, 5));
}

Test(i686_partial, descends_a_table_again_over_another_part)
{
    machine("i686");
    put(R0, 0, PT | 0x27);
    put(R1, 1, PT | 0x27);
    put(PT, 0, 0x20027);
    put(PT, 5, 0x21027);
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x5000;
    plan.o.last.v = 0x400fff;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 5000-5fff 21000 rwxu 4k\n"
                 "space 1 walked 2000\n"
                 "map 400000-400fff 20000 rwxu 4k\n"));
}

/* Hyperlight 11. */
Test(amd64_partial, reaches_the_last_page_of_the_space)
{
    machine("amd64");
    put(R0, 511, PDPT | TABLE);
    put(R1, 511, PDPT | TABLE);
    put(PDPT, 511, PD | TABLE);
    put(PD, 511, PT | TABLE);
    put(PT, 511, 0x20000 | RWX);
    plan = spaces_plan(2, both);
    plan.o.first.v = UINT64_MAX;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map fffffffffffff000-ffffffffffffffff 20000 rwx- 4k\n"
                 "space 1 walked 2000\n"
                 "alias pdpt ffffff8000000000-ffffffffffffffff to 4000 of 0 at "
                 "ffffff8000000000 rwx- 23\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 5));
}

Test(amd64_partial, inside_the_gap_walks_nothing)
{
    two_chains();
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x800000000000;
    plan.o.last.v = 0x800000000fff;
    plan.o.flags = PTW_WALK_HOLES;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "gap 800000000000-ffff7fffffffffff\n"
                 "space 1 walked 2000\n"
                 "gap 800000000000-ffff7fffffffffff\n"));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 0));
}

/* The remark of a root names all that the root covers, also what was given. */
Test(amd64_partial, stands_behind_the_gap_when_a_remark_of_the_root_is_next)
{
    static struct ptw_memo memo;
    static _Alignas(8) unsigned char storage[1 << 16];
    struct ptw_walk w;
    struct ptw_item got;
    size_t items;
    uint32_t space;
    ptw_va va;
    unsigned remarks = 0;

    machine("amd64");
    put(R0, 256, R1 | TABLE);
    plan = spaces_plan(2, both);
    plan.o.first.v = 0x900000000000;
    plan.o.flags = PTW_WALK_HOLES | PTW_WALK_REMARKS;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 42) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, plan.root, plan.roots, &memo,
                                      &plan.o) == PTW_OK);
    while (ptw_walk_next(&w, &got, 1, &items) == PTW_OK) {
        if (got.kind == PTW_ITEM_FINDING) {
            remarks++;
        } else if (got.kind == PTW_ITEM_HOLE && got.last.v != UINT64_MAX) {
            cr_expect(ptw_walk_where(&w, &space, &va));
            cr_expect(eq(u32, space, got.space));
            cr_expect(eq(u64, va.v, got.last.v + 1));
        }
    }
    cr_expect(eq(uint, remarks, 1));
}

/* The same table, once whole and once in part, in either order. */
Test(amd64_partial, loses_nothing_when_the_whole_comes_after_the_part)
{
    machine("amd64");
    put(R0, 0, PDPT | TABLE);
    put(PDPT, 0, PD | TABLE);
    put(PD, 0, PT | TABLE);
    put(PD, 1, PT | TABLE);
    put(PT, 0, 0x20000 | RWX);
    put(PT, 9, 0x21000 | RWX);
    plan = spaces_plan(1, both);
    plan.o.first.v = 0x9000;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 9000-9fff 21000 rwx- 4k\n"
                 "map 200000-200fff 20000 rwx- 4k\n"
                 "map 209000-209fff 21000 rwx- 4k\n"));
}

/* ------------------------------------------------------------------- expand */

static char *expanded(const struct ptw_item *alias, uint64_t first,
                      uint64_t last, unsigned flags)
{
    struct plan e = expand_plan(alias);

    e.o.first.v = first;
    e.o.last.v = last;
    e.o.flags = flags;
    return told(walk(&e));
}

static struct ptw_item shared_pt(void)
{
    two_chains();
    put(PT, 1, 0x20000 | RWX | U);
    put(PT, 3, 0x21000 | RX | U);
    put(PD2, 5, PT | P | A | U | NX);
    two_spaces();
    cr_assert(eq(sz, walk(&plan)->count, 5));
    return *item(4);
}

/* KVM: our path's rights, not the owner's. */
Test(amd64_expand, gives_the_leaves_at_our_addresses_under_our_rights)
{
    struct ptw_item alias = shared_pt();

    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "map a01000-a01fff 20000 r--u 4k\n"
                 "map a03000-a03fff 21000 r--u 4k\n"));
    plan = expand_plan(&alias);
    cr_expect(eq(u32, item(0)->space, 1));
    cr_expect(eq(u64, item(0)->u.mapping.raw, 0x20067));
    cr_expect(eq(u64, walk(&plan)->stats.reads, 512));
}

Test(amd64_expand, tiles_the_region_and_no_more)
{
    struct ptw_item alias = shared_pt();

    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, PTW_WALK_HOLES),
                 "hole pt a00000-a00fff\n"
                 "map a01000-a01fff 20000 r--u 4k\n"
                 "hole pt a02000-a02fff\n"
                 "map a03000-a03fff 21000 r--u 4k\n"
                 "hole pt a04000-bfffff\n"));
}

Test(amd64_expand, can_be_narrowed)
{
    struct ptw_item alias = shared_pt();

    cr_expect(eq(str, expanded(&alias, 0xa02000, 0xa03000, 0),
                 "map a03000-a03fff 21000 r--u 4k\n"));
    cr_expect(eq(str, expanded(&alias, 0, 0xa00000, PTW_WALK_HOLES),
                 "hole pt a00000-a00fff\n"));
    cr_expect(eq(str, expanded(&alias, 0xbfffff, UINT64_MAX, PTW_WALK_HOLES),
                 "hole pt bff000-bfffff\n"));
    cr_expect(eq(str, expanded(&alias, 0xc00000, UINT64_MAX, 0),
                 "no walk: empty or wrapping range\n"));
    cr_expect(eq(str, expanded(&alias, 0, 0x9fffff, 0),
                 "no walk: empty or wrapping range\n"));
    cr_expect(eq(str, expanded(&alias, 0xa03000, 0xa02000, 0),
                 "no walk: empty or wrapping range\n"));
}

/* Any address of the region is a valid value of our_va and their_va. */
Test(amd64_expand, does_not_assume_that_an_address_is_the_start)
{
    struct ptw_item alias = shared_pt();

    alias.u.alias.amd64.ref.our_va.v += 0x1234;
    alias.u.alias.amd64.ref.their_va.v += 0x1fffff;
    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "map a01000-a01fff 20000 r--u 4k\n"
                 "map a03000-a03fff 21000 r--u 4k\n"));
}

Test(amd64_expand, follows_tables_of_every_level)
{
    struct ptw_item alias;

    two_chains();
    put(PT, 1, 0x20000 | RWX | U);
    put(PD, 7, PT | TABLE);
    put(PDPT, 7, 0x40000000 | RWX | PS);
    put(R1, 0, PDPT | TABLE | NX);
    put(R1, 511, PDPT | P | A);
    two_spaces();
    cr_assert(eq(sz, walk(&plan)->count, 7));
    alias = *item(5);
    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "map 1000-1fff 20000 rw-- 4k\n"
                 "map e01000-e01fff 20000 rw-- 4k\n"
                 "map 1c0000000-1ffffffff 40000000 rw-- 1g\n"));
    two_spaces();
    alias = *item(6);
    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "map ffffff8000001000-ffffff8000001fff 20000 r-x- 4k\n"
                 "map ffffff8000e01000-ffffff8000e01fff 20000 r-x- 4k\n"
                 "map ffffff81c0000000-ffffff81ffffffff 40000000 r-x- 1g\n"));
}

Test(i686_expand, gives_the_leaves_at_our_addresses_under_our_rights)
{
    struct ptw_item alias;

    machine("i686");
    put(R0, 5, PT | 0x27);
    put(R1, 1023, PT | 0x25);
    put(PT, 1023, 0x20027);
    two_spaces();
    cr_assert(eq(sz, walk(&plan)->count, 4));
    alias = *item(3);
    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "map fffff000-ffffffff 20000 r-xu 4k\n"));
}

Test(amd64_expand, refuses_what_is_no_alias_and_what_is_gone)
{
    struct ptw_item alias = shared_pt();

    two_spaces();
    cr_expect(eq(str, expanded(item(0), 0, UINT64_MAX, 0),
                 "no walk: invalid argument\n"));
    two_spaces();
    cr_expect(eq(str, expanded(item(1), 0, UINT64_MAX, 0),
                 "no walk: invalid argument\n"));
    offer_pages(1, (const unsigned[][2]){{0, 7}});
    cr_expect(eq(str, expanded(&alias, 0, UINT64_MAX, 0),
                 "no walk: outside the memory offered\n"));
}

Test(amd64_expand, goes_on_after_every_limit)
{
    struct ptw_item alias = shared_pt();
    struct plan e = expand_plan(&alias);

    e.o.flags = PTW_WALK_HOLES | PTW_WALK_RUNS;
    cr_expect(eq(str, in_pieces(&e, 1), ""));
    cr_expect(eq(str, where_it_stands(&e, 1), ""));
}

/* ----------------------------------------------------------- need and memo */

Test(amd64_spaces, leave_out_tables_behind_entries_that_lack_a_right)
{
    two_chains();
    put(PD, 0, PT | P | A | U);
    put(PD, 1, PT | TABLE);
    put(PT, 1, 0x20000 | RWX);
    plan = spaces_plan(2, both);
    plan.o.need = PTW_WRITE;
    cr_expect(eq(str, told(walk(&plan)),
                 "space 0 walked 1000\n"
                 "map 201000-201fff 20000 rwx- 4k\n"
                 "space 1 walked 2000\n"));
}

Test(memo_init, says_how_much_storage_it_needs)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    struct ptw_memo memo;

    cr_expect(eq(int, ptw_memo_init(&memo, storage, ptw_memo_bytes(1) - 1, 0),
                 PTW_E_SPACE));
    cr_expect(
        eq(int, ptw_memo_init(&memo, NULL, ptw_memo_bytes(1), 0), PTW_E_SPACE));
    cr_expect(eq(int, ptw_memo_init(&memo, &storage[4], 4096, 0), PTW_E_ALIGN));
    cr_expect(
        eq(int, ptw_memo_init(&memo, storage, ptw_memo_bytes(1), 0), PTW_OK));
    cr_expect(eq(sz, ptw_memo_bytes(SIZE_MAX), SIZE_MAX));
    cr_expect(le(sz, ptw_memo_bytes(1), ptw_memo_bytes(100)));
}

Test(memo_grow, refuses_storage_that_is_not_larger)
{
    static _Alignas(8) unsigned char storage[2][1 << 16];
    struct ptw_memo memo;
    size_t bytes = ptw_memo_bytes(100);

    cr_assert(ptw_memo_init(&memo, storage[0], bytes, 0) == PTW_OK);
    cr_expect(eq(int, ptw_memo_grow(&memo, storage[1], bytes), PTW_E_SPACE));
    cr_expect(
        eq(int, ptw_memo_grow(&memo, &storage[1][1], 2 * bytes), PTW_E_ALIGN));
    cr_expect(eq(int, ptw_memo_grow(&memo, NULL, 2 * bytes), PTW_E_SPACE));
    cr_expect(eq(ptr, (void *)memo.slot, storage[0]));
    cr_expect(eq(int, ptw_memo_grow(&memo, storage[1], 2 * bytes), PTW_OK));
    cr_expect(eq(ptr, (void *)memo.slot, storage[1]));
}

/* ptw_memo_bytes(n) is enough for n tables, whatever n is. */
Test(memo, has_room_for_what_was_asked_for)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    static struct ptw_item items[256];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root = {&regime, {R0}};

    machine("amd64");
    for (unsigned n = 1; n < 200; n++) {
        struct ptw_memo memo;
        struct ptw_walk w;
        size_t count;

        put(R0, n - 1, (0x100000 + n * PAGE) | TABLE);
        cr_assert(ptw_memo_init(&memo, storage, ptw_memo_bytes(n + 1), n) ==
                  PTW_OK);
        cr_assert(ptw_walk_va_spaces_init(&w, &mem, &root, 1, &memo, &o) ==
                  PTW_OK);
        cr_expect(eq(int, ptw_walk_next(&w, items, 256, &count), PTW_OK));
        cr_expect(eq(int, ptw_walk_next(&w, items, 256, &count), PTW_END));
        cr_expect(eq(u64, ptw_walk_counts(&w).tables, n + 1));
    }
}

Test(amd64_spaces, stop_when_the_memo_is_full_and_lose_nothing)
{
    static _Alignas(8) unsigned char storage[4096];
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item items[16];
    struct ptw_root root[2] = {{&regime, {R0}}, {&regime, {R1}}};
    size_t n;
    enum ptw_status st;
    ptw_pa frame[4];

    two_chains();
    put(PT, 1, 0x20000 | RWX);
    cr_assert(ptw_memo_init(&memo, storage, ptw_memo_bytes(1), 0) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o) == PTW_OK);
    cr_expect(eq(int, ptw_walk_next(&w, items, 16, &n), PTW_OK));
    cr_expect(eq(sz, n, 1));
    for (unsigned i = 0; i < 3; i++) {
        st = ptw_walk_next(&w, items, 16, &n);
        cr_expect(eq(int, st, PTW_E_SPACE), "however often it is tried");
        cr_expect(eq(sz, n, 0));
    }
    cr_expect(eq(int, ptw_memo_tables(&memo, frame, 1, &n), PTW_E_SPACE));
    cr_expect(eq(int, ptw_memo_tables(&memo, frame, 4, &n), PTW_OK));
    cr_expect(eq(sz, n, memo.used));
}

/* A memo of an earlier walk of the same range: those spaces come earlier. */
Test(amd64_spaces, know_the_spaces_of_an_earlier_walk)
{
    static _Alignas(8) unsigned char storage[4096];
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item items[16];
    struct ptw_root root[2] = {{&regime, {R0}}, {&regime, {R1}}};
    size_t n;

    two_chains();
    put(PD2, 0, PT | TABLE);
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 0) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 1, &memo, &o) == PTW_OK);
    cr_assert(ptw_walk_next(&w, items, 16, &n) == PTW_OK);
    cr_assert(ptw_walk_next(&w, items, 16, &n) == PTW_END);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, &root[1], 1, &memo, &o) ==
              PTW_OK);
    cr_assert(ptw_walk_next(&w, items, 16, &n) == PTW_OK);
    cr_assert(eq(sz, n, 2));
    cr_expect(eq(int, items[1].kind, PTW_ITEM_ALIAS));
    cr_expect(eq(u64, items[1].u.alias.amd64.ref.table.v, PT));
}

/* ------------------------------------------------------------ limits, resuming
 */

/* Sharing at every level, a recursive slot, findings, bad and double roots. */
static struct plan assorted(void)
{
    static const uint64_t roots[] = {R0, 0x123, R1, R0, NOWHERE, R2};

    two_chains();
    put(R0, 510, R0 | TABLE);
    put(R0, 256, NOWHERE | TABLE);
    put(R1, 255, PDPT | TABLE | NX);
    put(R1, 511, PDPT2 | TABLE | PS);
    put(R2, 0, PDPT2 | TABLE);
    put(PDPT, 9, 0x40000000 | RWX | PS);
    put(PD, 3, PT | P | A);
    put(PD2, 4, PT | TABLE);
    put(PD2, 5, PT3 | TABLE);
    put(PT, 511, 0x20000 | RWX);
    for (unsigned i = 0; i < 40; i++) {
        put(PT, i, (0x100000 + i * PAGE) | RWX);
        put(PT3, i, (0x100000 + i / 3 * PAGE) | RWX);
    }
    return spaces_plan(6, roots);
}

Test(amd64_spaces, go_on_after_every_limit_as_if_there_had_been_none)
{
    plan = assorted();
    for (unsigned flags = 0; flags < 8; flags++) {
        plan.o.flags = flags;
        cr_expect(eq(str, in_pieces(&plan, flags == 7 ? 1 : 5), ""));
    }
}

/* Every single limit, over a range that keeps it short. */
Test(amd64_spaces, go_on_after_every_single_limit)
{
    plan = assorted();
    plan.o.first.v = 0x1f0123;
    plan.o.last.v = 0xa0ffff;
    for (unsigned flags = 0; flags < 8; flags++) {
        plan.o.flags = flags;
        cr_expect(eq(str, in_pieces(&plan, flags == 7 ? 1 : 3), ""));
    }
    plan.o.first.v = 0x7fffffffffff;
    plan.o.last.v = 0xffff800000000000;
    plan.o.flags = 7;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
}

Test(amd64_spaces, say_where_they_stand_after_every_limit)
{
    plan = assorted();
    for (unsigned flags = 0; flags < 8; flags++) {
        plan.o.flags = flags;
        cr_expect(eq(str, where_it_stands(&plan, flags == 7 ? 1 : 5), ""));
    }
}

Test(amd64_spaces, go_on_through_callbacks)
{
    plan = assorted();
    plan.o.flags = PTW_WALK_RUNS | PTW_WALK_REMARKS;
    offer_watched();
    cr_expect(eq(str, in_pieces(&plan, 41), ""));
}

Test(i686_spaces, go_on_after_every_limit_as_if_there_had_been_none)
{
    static const uint64_t roots[] = {R0, R1, 0x100000000, R0, R2};

    machine("i686");
    put(R0, 0, PT | 0x27);
    put(R0, 7, PT | 0x25);
    put(R0, 1023, R0 | 0x27);
    put(R1, 7, PT | 0x27);
    put(R1, 8, PT2 | 0x27);
    put(R2, 8, NOWHERE | 0x27);
    put(R2, 9, 0x002000e7);
    for (unsigned i = 0; i < 30; i++) {
        put(PT, i, (0x100000 + i * PAGE) | 0x27);
    }
    plan = spaces_plan(5, roots);
    for (unsigned flags = 0; flags < 8; flags++) {
        plan.o.flags = flags;
        cr_expect(eq(str, in_pieces(&plan, flags == 7 ? 1 : 11), ""));
        cr_expect(eq(str, where_it_stands(&plan, 7), ""));
    }
}

/* A root that names itself: all 2,048 limits. */
Test(amd64_spaces, can_be_stopped_anywhere_in_a_root_that_names_itself)
{
    machine("amd64");
    put_all(R0, R0 | RWX);
    plan = spaces_plan(1, both);
    plan.o.flags = PTW_WALK_REMARKS | PTW_WALK_RUNS;
    cr_expect(eq(str, in_pieces(&plan, 1), ""));
}

/* ------------------------------------------------------------------ exposed */

static struct report found;

/* Looks for tables that the spaces of the plan let the guest write to. */
static char *exposed(uint64_t max_reads, uint64_t more)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    struct ptw_exposed e;
    struct ptw_memo memo;
    struct plan all = plan;
    static ptw_pa frame[512];
    size_t frames;
    struct ptw_walk_options o;

    all.o.need = 0;
    all.o.flags = 0;
    frames = walk(&all)->frames;
    memcpy(frame, walk(&all)->frame, frames * sizeof frame[0]);
    o = plan.o;
    o.max_reads = max_reads;
    found.count = 0;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 0) == PTW_OK);
    found.init = ptw_exposed_init(&e, &mem, plan.root, plan.roots, &memo, frame,
                                  frames, &o);
    cr_assert(eq(int, found.init, PTW_OK));
    for (;;) {
        found.end = ptw_exposed_next(&e, &found.item[found.count]);
        if (found.end == PTW_OK) {
            found.count++;
        } else if (found.end == PTW_E_LIMIT && more > 0) {
            ptw_walk_extend(&e.walk, more, 0);
        } else {
            break;
        }
    }
    return told(&found);
}

Test(amd64_exposed, finds_a_page_that_maps_a_table_writable)
{
    two_chains();
    put(PT, 1, PD | RWX);
    put(PT, 2, PDPT | RX);
    put(PT, 3, 0x20000 | RWX);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 1000-1fff 6000 and 0 more rwx-\n"));
    cr_expect(eq(u64, found.item[0].u.finding.raw, PD | RWX));
    cr_expect(eq(u32, found.item[0].u.finding.level, 0));
}

Test(amd64_exposed, finds_the_tables_inside_a_run_and_a_large_page)
{
    two_chains();
    put(PD, 1, 0 | RWX | PS);
    for (unsigned i = 0; i < 4; i++) {
        put(PT, i, (R0 + i * PAGE) | RWX | U);
    }
    plan = spaces_plan(1, both);
    /* R0, R1, R2, PDPT; of these, R0 and PDPT are tables of this space */
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 0-3fff 1000 and 1 more rwxu\n"
                 "exposed 200000-3fffff 1000 and 3 more rwx-\n"));
}

Test(amd64_exposed, takes_no_read_only_path_for_a_writable_one)
{
    two_chains();
    put(PD, 0, PT | P | A);
    put(PT, 1, PD | RWX);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0), ""));
}

/* The table that maps it is reached read-only first, where it is owned, and
 * writable by a later space. */
Test(amd64_exposed, finds_what_a_later_path_makes_writable)
{
    two_chains();
    put(PD, 0, PT | P | A);
    put(PD2, 0, PT | TABLE);
    put(PT, 1, PD | RWX);
    plan = spaces_plan(2, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 1000-1fff 6000 and 0 more rwx-\n"));
    cr_expect(eq(u32, found.item[0].space, 1));
}

Test(amd64_exposed, finds_a_mapping_behind_an_alias_once)
{
    two_chains();
    put(PD2, 0, PT | TABLE);
    put(PT, 1, PD | RWX);
    plan = spaces_plan(2, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 1000-1fff 6000 and 0 more rwx-\n"));
    cr_expect(eq(u32, found.item[0].space, 0));
}

/* CR0.WP clear: the supervisor writes to read-only pages, too. */
Test(amd64_exposed, counts_every_mapping_without_wp)
{
    machine_with("amd64", 52, PTW_X86_WP);
    put(R0, 0, PDPT | P | A);
    put(PDPT, 0, PD | P | A);
    put(PD, 0, PT | P | A);
    put(PT, 1, PD | RX | NX);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 1000-1fff 6000 and 0 more r---\n"));
}

/* CR4.CET set: a leaf that is dirty, with R/W clear, below entries that grant
 * writing is a shadow stack. */
Test(amd64_exposed, counts_a_shadow_stack)
{
    two_chains();
    put(PT, 1, PD | RX);
    put(PT, 2, PDPT | P | A);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0), ""));
    cr_assert(ptw_regime_with(&regime, PTW_X86_CET, &regime, NULL) == PTW_OK);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed 1000-1fff 6000 and 0 more r-x-\n"));
    cr_expect(eq(u64, found.item[0].u.finding.raw, PD | RX));
    put(PD, 0, PT | P | A);
    cr_expect(eq(str, exposed(UINT64_MAX, 0), ""));
}

Test(amd64_exposed, finds_the_root_in_a_recursive_slot)
{
    machine("amd64");
    put(R0, 510, R0 | TABLE);
    plan = spaces_plan(1, both);
    cr_expect(eq(str, exposed(UINT64_MAX, 0),
                 "exposed ffffff7fbfdfe000-ffffff7fbfdfefff 1000 and 0 more "
                 "rwx-\n"));
}

Test(amd64_exposed, goes_on_after_every_limit)
{
    static char whole[4096];

    plan = assorted();
    strcpy(whole, exposed(UINT64_MAX, 0));
    cr_expect(ne(str, whole, ""));
    for (unsigned step = 1; step < 40; step += 3) {
        cr_expect(eq(str, exposed(step, step), whole));
    }
}
