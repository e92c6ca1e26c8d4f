/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_rebuild: dense images of hostile guests. */
#define EVERY_LEVELS 2

#include "compact_bench.h"
#include "every_regime.h"
#include "oracle/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct image image;

static void expect_good(const struct job *j)
{
    cr_expect(eq(str, (char *)good(j, NULL), ""));
}

static void assert_good(const struct job *j)
{
    cr_assert(eq(str, (char *)good(j, &image), ""));
}

static void expect_refused(const struct job *j, enum ptw_status st)
{
    cr_expect(eq(int, (int)compact(j, &image), (int)st));
    free_image(&image);
}

/* The address that entry i of a root stands for. */
static uint64_t top_va(unsigned i)
{
    return oracle_address(&oracle, i * span(ptw_levels(&regime) - 1));
}

static uint64_t at_page(unsigned i)
{
    return page_va(user_va(), i);
}

/* The same leaf with all bits that the processor does not look at and that can be set
 * together, but for a mark. */
static uint64_t with_all_bits(unsigned level, uint64_t raw)
{
    struct oracle_entry is = decoded(level, raw);
    uint64_t bits = other_bits(level, raw) & ~oracle.format->mark_bits;

    for (; bits != 0; bits &= bits - 1) {
        uint64_t more = raw | (bits & -bits);
        struct oracle_entry now = decoded(level, more);

        if (now.kind == is.kind && now.pa == is.pa && now.rights == is.rights) {
            raw = more;
        }
    }
    return raw;
}

/* A page that is marked as copy-on-write, and of another memory type or whatever else
 * there is. */
static uint64_t marked_page(uint64_t pa)
{
    return copy_on_write(0, with_other_bits(0, kernel_page_read_only(pa)));
}

static uint64_t absent_page(uint64_t pa)
{
    return not_present(user_page(pa));
}

/* n pages of one space from va, data from `from`. */
static void map_pages(unsigned space, uint64_t va, unsigned n, unsigned from,
                      uint64_t (*page)(uint64_t pa))
{
    for (unsigned i = 0; i < n; i++) {
        hang(root_at(space), page_va(va, i), 0, page(data_at(from + i)));
    }
}

/* The bits of the leaf of that level for va, in the image; those of `raw`. */
static uint64_t image_bits(unsigned space, uint64_t va, unsigned level)
{
    return bits_of(level, image_entry(&image, space, va, level));
}

static uint64_t page_bits(uint64_t raw)
{
    return bits_of(0, raw);
}

/* What so many pages take, up to where a table can be; and so many tables. */
static uint64_t table_bytes(void)
{
    return oracle_largest_table(oracle.format);
}

static uint64_t room_of(uint64_t pages)
{
    return (pages * page_bytes() + (table_bytes() - 1)) & ~(table_bytes() - 1);
}

/* One space: some pages of each kind, with gaps between. */
static struct job one_space(const char *name)
{
    start(name);
    map_pages(0, user_va(), 5, 0, user_page);
    map_pages(0, at_page(16), 3, 8, user_page_read_only);
    map_pages(0, at_page(32), 2, 20, marked_page);
    map_pages(0, kernel_half(), 4, 12, kernel_page);
    return job_of(1);
}

/* Several, with a kernel half that they share and pages of their own. */
static struct job spaces_with_a_kernel(const char *name, unsigned spaces)
{
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    map_pages(0, kernel_half(), 6, 0, kernel_page);
    map_pages(0, page_va(kernel_half(), 64), 2, 30, kernel_page_read_only);
    for (unsigned s = 0; s < spaces; s++) {
        map_pages(s, user_va(), 2, 8 + 2 * s, user_page);
        hang(root_at(s), kernel_half(), top,
             kernel_table(top, table_of(root_at(0), kernel_half(), top - 1)));
    }
    return job_of(spaces);
}

/* --------------------------------------------------- the same, to the guest */

EVERY(rebuild, is_exact_for_one_space)
{
    struct job j = one_space(name);

    assert_good(&j);
    cr_expect(eq(u64, image.counts.spaces, 1));
    cr_expect(eq(u64, image.counts.pages, 14));
    cr_expect(eq(u64, image.counts.leaves, 14));
    cr_expect(eq(u64, image.counts.tables, 2 * ptw_levels(&regime) - 1));
    cr_expect(eq(u64, image.counts.aliases, 0));
    cr_expect(eq(u64, image.counts.page_bytes, room_of(14)));
    cr_expect(
        eq(u64, image.counts.bytes,
           image.counts.page_bytes + image.counts.tables * table_bytes()));
}

EVERY(rebuild, is_exact_for_an_empty_space)
{
    struct job j;

    start(name);
    j = job_of(1);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.bytes, table_bytes()));
    cr_expect(eq(u64, image.root[0].table.v, j.o.base.v));
}

EVERY(rebuild, keeps_a_kernel_half_shared)
{
    struct job j = spaces_with_a_kernel(name, 6);

    assert_good(&j);
    cr_expect(eq(u64, image.counts.aliases, 5));
    cr_expect(eq(u64, image.counts.pages, 8 + 12));
    cr_expect(eq(u64, image.counts.leaves, 8 + 12));
    for (unsigned s = 1; s < 6; s++) {
        cr_expect(eq(u64, image_table(&image, s, kernel_half(), 0),
                     image_table(&image, 0, kernel_half(), 0)));
        cr_expect(ne(u64, image_table(&image, s, user_va(), 0),
                     image_table(&image, 0, user_va(), 0)));
    }
}

/* KVM's bug: a table reached by two paths, and each path has rights of its own.
 */
EVERY(rebuild, keeps_each_paths_rights_to_a_shared_table)
{
    struct job j;
    unsigned lacking[] = {0, PTW_WRITE, PTW_USER, PTW_WRITE | PTW_USER};

    start(name);
    map_pages(0, user_va(), 4, 0, user_page);
    for (unsigned s = 0; s < 5; s++) {
        for (unsigned i = 0; i < 5; i++) {
            unsigned n = (i + s) % 5;
            unsigned rights = all_rights() & ~(n < 4 ? lacking[n] : 0);
            uint64_t raw;

            if (oracle_withholds(&oracle, PTW_EXEC) && i == 2) {
                rights &= ~(unsigned)PTW_EXEC;
            }
            raw = to_table(1, table_of(root_at(0), user_va(), 0), rights);
            hang(root_at(s), user_va() + span(1) * (i + s), 1,
                 n < 4 ? raw : with_other_bits(1, raw));
        }
    }
    j = job_of(5);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 4));
    cr_expect(eq(u64, image.counts.leaves, 4));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_good(&j);
}

EVERY(rebuild, keeps_one_page_mapped_twice_one_page)
{
    struct job j;

    start(name);
    map_pages(0, user_va(), 2, 0, user_page);
    map_pages(0, at_page(48), 2, 0, user_page_read_only);
    map_pages(1, user_va(), 1, 1, user_page);
    j = job_of(2);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 2));
    cr_expect(eq(u64, image.counts.leaves, 5));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
}

EVERY(rebuild, keeps_duplicate_roots_one_root)
{
    struct job j = spaces_with_a_kernel(name, 3);

    j.roots = 6;
    j.root[3] = j.root[1];
    j.root[4] = j.root[0];
    j.root[5] = j.root[1];
    assert_good(&j);
    cr_expect(eq(u64, image.counts.spaces, 3));
    cr_expect(eq(u64, image.root[5].table.v, image.root[1].table.v));
}

/* A table used as a PD and as a PT, and a root that is a table elsewhere. */
Test(amd64_rebuild, makes_a_table_for_every_level_at_which_it_is_used)
{
    struct job j;
    uint64_t pd;
    uint64_t pdpt;
    uint64_t pt;

    start("amd64");
    map_pages(0, user_va(), 3, 0, user_page);
    pd = table_of(root_at(0), user_va(), 1);
    pdpt = table_of(root_at(0), user_va(), 2);
    pt = table_of(root_at(0), user_va(), 0);
    hang(root_at(0), 0x800000, 1, any_table(1, pd) | PWT); /* itself */
    hang(root_at(0), 0x80000000, 2, any_table(2, pt));
    hang(root_at(0), 0x40000000000, 3, any_table(3, pd));
    j = job_of(2);
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(pdpt));
    assert_good(&j);
    cr_expect(ne(u64, image_table(&image, 0, user_va(), 0),
                 image_table(&image, 0, 0x80000000, 1)));
}

Test(i686_rebuild, makes_a_table_for_every_level_at_which_it_is_used)
{
    struct job j;

    start("i686");
    map_pages(0, user_va(), 3, 0, user_page);
    j = job_of(2);
    j.root[1] =
        ptw_root_of(&regime, ptw_pa_of(table_of(root_at(0), user_va(), 0)));
    put(j.root[1].table.v, 9, any_table(1, root_at(0)));
    assert_good(&j);
}

/* The last address below the kernel's half for which there can be a slot, and so in
 * no table that is shared. */
static uint64_t slot_va(void)
{
    return corner(1, slot_level());
}

/* The recursive slot: it leads to the new root, or to the highest table that can
 * have one, and what is seen through it are the new tables. */
EVERY(rebuild, leads_a_recursive_slot_to_the_new_table)
{
    struct job j = spaces_with_a_kernel(name, 3);
    uint64_t slot = slot_va();

    for (unsigned s = 0; s < 3; s++) {
        hang_slot(root_at(s), slot, true);
    }
    assert_good(&j);
    for (unsigned s = 0; s < 3; s++) {
        cr_expect(
            eq(u64, image_entry(&image, s, slot, slot_level()),
               slot_entry(image_table(&image, s, slot, slot_level()), true)));
    }
    cr_expect(eq(u64, image.counts.pages, 8 + 6));
}

/* A slot of a table below the root that names that table. */
Test(amd64_rebuild, leads_a_recursive_slot_below_the_root_to_the_new_table)
{
    struct job j = one_space("amd64");

    hang(root_at(0), user_va() + span(1), 1,
         any_table(1, table_of(root_at(0), user_va(), 1)));
    hang(root_at(0), user_va() + 3 * span(2), 2,
         any_table(2, table_of(root_at(0), user_va(), 2)) | NX);
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, user_va() + span(1), 1),
                 any_table(1, image_table(&image, 0, user_va(), 1))));
}

/* Hyperlight 2: 512^4 leaves. */
EVERY(rebuild, is_one_table_when_all_entries_are_itself)
{
    struct job j;
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    if (slot_level() != top) {
        LEAVE_OUT("a root of %s is no table of any other level", name);
    }
    put_all(root_at(0), any_table(top, root_at(0)));
    j = job_of(1);
    j.o.max_reads = 3 * entries_at(top);
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.bytes, table_bytes()));
    for (unsigned i = 0; i < entries_at(top); i++) {
        cr_expect(eq(u64, image_entry(&image, 0, top_va(i), top),
                     any_table(top, image.root[0].table.v)));
    }
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.selves, entries_at(top)));
}

Test(amd64_rebuild, is_exact_for_chains_and_loops_of_tables)
{
    struct job j;

    start("amd64");
    for (unsigned s = 0; s < 4; s++) {
        put(root_at(s), 0, any_table(1, root_at((s + 1) % 4)));
        put(root_at(s), 1, table_read_only(1, root_at((s + 2) % 4)));
    }
    j = job_of(4);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, 16));
}

Test(i686_rebuild, is_exact_for_chains_and_loops_of_tables)
{
    struct job j;

    start("i686");
    for (unsigned s = 0; s < 4; s++) {
        put(root_at(s), 0, any_table(1, root_at((s + 1) % 4)));
        put(root_at(s), 1, table_read_only(1, root_at((s + 2) % 4)));
    }
    j = job_of(4);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, 8));
}

/* A table that is mapped as data shows what the guest had there. */
EVERY(rebuild, copies_a_table_that_is_mapped_as_data)
{
    struct job j = one_space(name);
    uint64_t pt = table_of(root_at(0), user_va(), 0);
    uint64_t now;

    hang(root_at(0), at_page(80), 0, user_page_read_only(pt));
    assert_good(&j);
    now = address_in(0, image_entry(&image, 0, at_page(80), 0));
    cr_expect(ne(u64, now, image_table(&image, 0, user_va(), 0)));
    cr_expect(lt(u64, now - image.base, image.counts.page_bytes));
}

EVERY(rebuild, keeps_what_software_wrote_into_entries_that_are_not_present)
{
    struct job j = one_space(name);
    unsigned top = ptw_levels(&regime) - 1;
    uint64_t low = not_present(0xdeadbeff);
    uint64_t middle = not_present(0xcafe0006);
    uint64_t high = not_present(0x7fffffff);
    uint64_t last = top_va(entries_at(top) - 1);

    hang(root_at(0), at_page(8), 0, low);
    hang(root_at(0), user_va() + 2 * span(1), 1, middle);
    hang(root_at(0), last, top, high);
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, at_page(8), 0), low));
    cr_expect(
        eq(u64, image_entry(&image, 0, user_va() + 2 * span(1), 1), middle));
    cr_expect(eq(u64, image_entry(&image, 0, last, top), high));
}

EVERY(rebuild, drops_and_counts_bad_entries)
{
    struct job j = one_space(name);
    uint64_t va = user_va() + 4 * span(1);
    uint64_t bad;

    narrow_processor(NARROW);
    bad = has_leaves(1) ? to_page(1, high_page(1), all_rights())
                        : any_table(1, data_at(0));
    hang(root_at(0), va, 1, bad | reserved_bit(1, bad));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_BAD_ENTRY], 1));
    cr_expect(eq(u64, image_entry(&image, 0, va, 1), 0));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.bad, 1));
}

EVERY(rebuild, drops_and_counts_pages_and_tables_outside_memory)
{
    struct job j = one_space(name);

    hang(root_at(0), at_page(112), 0, user_page(outside_ram(0)));
    hang(root_at(0), at_page(113), 0, user_page(outside_ram(1)));
    hang(root_at(0), at_page(114), 0, user_page_read_only(outside_ram(0)));
    hang(root_at(0), user_va() + 4 * span(1), 1, any_table(1, outside_ram(0)));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 3));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_TABLE], 1));
    cr_expect(eq(u64, image.counts.pages, 14));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 3));
    cr_expect(eq(u64, verify.certificate.bad, 1));
}

/* ------------------------------------------------------------- large leaves */

/* Two large leaves of a space, and what they are. */
static uint64_t large_user(void)
{
    return with_all_bits(large_level(), user_large(far_at(1)));
}

static uint64_t large_reader(uint64_t pa)
{
    return with_other_bits(large_level(), user_large_read_only(pa));
}

/* One space, and two large leaves. */
static struct job large_leaves(const char *name, enum part_kind kind)
{
    struct job j = one_space(name);

    if (large_level() > 0) {
        offer_far(2 * large_bytes(), 2 * large_pages(), kind);
        hang(root_at(0), large_va(5), large_level(), large_user());
        hang(root_at(0), large_va(7), large_level(), large_reader(far_at(0)));
    }
    return j;
}

/* A page of 1 GiB of amd64, with all rights but these. */
static uint64_t huge(uint64_t pa, unsigned without)
{
    return to_page(2, pa, all_rights() & ~without);
}

EVERY(rebuild, keeps_large_leaves_large)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t first;

    NEEDS_LARGE_PAGES(name);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 2));
    cr_expect(eq(u64, image.counts.split, 0));
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * large_pages()));
    first = (image.base + (large_bytes() - 1)) & ~(large_bytes() - 1);
    cr_expect(eq(u64, image_entry(&image, 0, large_va(7), large_level()),
                 large_reader(first)));
    cr_expect(
        eq(u64, image_entry(&image, 0, large_va(5), large_level()),
           with_address(large_level(), large_user(), first + large_bytes())));
}

Test(amd64_rebuild, keeps_a_1g_leaf_and_what_lies_inside_it)
{
    struct job j = one_space("amd64");

    offer_far(0x40200000, 3, DIRECT);
    hang(root_at(0), 0x7fc0000000, 2, huge(far_at(0), PTW_EXEC));
    hang(root_at(0), large_va(9), 1, user_large_read_only(far_at(511)));
    hang(root_at(0), large_va(8), 1, user_large_read_only(far_at(512)) | D);
    hang(root_at(0), at_page(9), 0, user_page(page_va(far_at(0), 1)));
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 3));
    cr_expect(eq(u64, image.counts.pages, 14 + 262144 + 512));
    cr_expect(eq(u64, image.counts.zeros, 262144 + 512 - 3));
    cr_expect(eq(u64, image.base, 0x100000));
    cr_expect(eq(u64, image_entry(&image, 0, 0x7fc0000000, 2),
                 huge(0x40000000, PTW_EXEC)));
    cr_expect(
        eq(u64, image_entry(&image, 0, at_page(9), 0), user_page(0x40001000)));
}

Test(amd64_rebuild, puts_the_largest_pages_foremost)
{
    struct job j = one_space("amd64");

    offer_far(0x80000000, 0, DIRECT);
    hang(root_at(0), large_va(5), 1, user_large(far_at(0)));
    hang(root_at(0), 0x80000000, 2, huge(far_at(512), 0));
    j.o.base.v = 0x40000000;
    j.o.flags = PTW_REBUILD_ZEROS;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.page_bytes, room_of(image.counts.pages)));
    cr_expect(eq(u64, image_entry(&image, 0, large_va(5), 1),
                 user_large(0x80000000)));
    cr_expect(
        eq(u64, image_entry(&image, 0, user_va(), 0), user_page(0x80200000)));
}

static bool page_40_is_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    (void)ctx;
    cr_assert(eq(u64, bytes, page_bytes()));
    return pa.v == data_at(40);
}

/* Pages that lie together are copied together; what is known of one says
 * nothing of the next. */
EVERY(rebuild, hands_over_what_lies_behind_a_page_known_to_be_zeros)
{
    struct job j = one_space(name);
    struct ptw_mem_ops ops = *mem.ops;

    hang(root_at(0), at_page(48), 0, user_page(data_at(40)));
    hang(root_at(0), at_page(49), 0, user_page(page_va(data_at(40), 1)));
    memset(&ram[data_at(40)], 0, (size_t)page_bytes());
    memset(&ram[page_va(data_at(40), 1)], 0x41, (size_t)page_bytes());
    ops.zeros = page_40_is_zeros;
    mem.ops = &ops;
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.zeros, 1));
}

EVERY(rebuild, keeps_a_small_leaf_in_a_large_page_one_page)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t raw;
    uint64_t pa;

    NEEDS_LARGE_PAGES(name);
    hang(root_at(0), at_page(10), 0,
         user_page_read_only(page_va(far_at(1), 5)));
    hang(root_at(0), at_page(11), 0,
         user_page_read_only(page_va(far_at(0), 5)));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * large_pages()));
    raw = image_entry(&image, 0, large_va(5), large_level());
    pa = page_va(address_in(large_level(), raw), 5);
    cr_expect(eq(u64, image_entry(&image, 0, at_page(10), 0),
                 user_page_read_only(pa)));
}

EVERY(rebuild, splits_large_leaves_on_request)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t bits;

    NEEDS_LARGE_PAGES(name);
    j.o.flags = PTW_REBUILD_SPLIT;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 0));
    cr_expect(eq(u64, image.counts.split, 2));
    cr_expect(eq(u64, image.counts.leaves, 14 + 2 * large_pages()));
    cr_expect(eq(u64, image.counts.page_bytes, room_of(image.counts.pages)));
    bits = bits_of(large_level(), large_user());
    for (unsigned level = large_level(); level > 0; level--) {
        bits = oracle.format->split(&oracle, level, bits);
    }
    cr_expect(eq(u64, image_bits(0, large_va(5), 0), bits));
}

Test(amd64_rebuild, splits_a_1g_leaf_on_request)
{
    struct job j = one_space("amd64");

    offer_far(0x40000000, 3, DIRECT);
    hang(root_at(0), 0x80000000, 2,
         huge(far_at(0), PTW_WRITE | PTW_EXEC) | PAT_LARGE);
    j.o.flags = PTW_REBUILD_SPLIT | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.tables, 7 + 513));
    cr_expect(eq(u64, image.counts.pages, 14 + 4));
    cr_expect(eq(u64, image.counts.merged, 262144 - 4));
}

Test(i686_rebuild, brings_4m_leaves_from_above_4g_below)
{
    struct job j = one_space("i686");
    uint64_t above = 0x1200400000;

    offer(above, span(1), far_memory(span(1)), DIRECT);
    guest_page(above)[5] = 99;
    hang(root_at(0), 0x8000000, 1, user_large(above));
    assert_good(&j);
    cr_expect(
        eq(u64, image_entry(&image, 0, 0x8000000, 1), user_large(0x400000)));
    j.o.flags = PTW_REBUILD_SPLIT;
    expect_good(&j);
}

Test(i686_rebuild, refuses_an_image_that_small_entries_cant_reach)
{
    struct job j = one_space("i686");

    j.o.base.v = 0xffffe000;
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = 0x100000000 - (14 + 3) * page_bytes();
    assert_good(&j);
    j.o.base.v += page_bytes();
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = (uint64_t)1 << 40;
    expect_refused(&j, PTW_E_WIDTH);
}

Test(amd64_rebuild, refuses_an_image_beyond_the_width)
{
    struct job j = one_space("amd64");

    j.o.base.v = ((uint64_t)1 << 52) - (14 + 7) * page_bytes();
    assert_good(&j);
    j.o.base.v += page_bytes();
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = ((uint64_t)1 << 52) - 2 * page_bytes();
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = (uint64_t)1 << 52;
    expect_refused(&j, PTW_E_WIDTH);
}

EVERY(rebuild, pads_an_unaligned_base_for_large_leaves)
{
    struct job j = large_leaves(name, DIRECT);

    NEEDS_LARGE_PAGES(name);
    j.o.base.v = 4 * large_bytes() - page_bytes();
    assert_good(&j);
    cr_expect(eq(u64, image.counts.page_bytes,
                 room_of(image.counts.pages) + page_bytes()));
    j.o.base.v = 4 * large_bytes();
    assert_good(&j);
    cr_expect(eq(u64, image.counts.page_bytes, room_of(image.counts.pages)));
    j.o.base.v = page_va(4 * large_bytes(), 1) + page_bytes() / 2;
    expect_refused(&j, PTW_E_ALIGN);
}

EVERY(rebuild, keeps_what_there_is_of_a_large_leaf_partly_outside_memory)
{
    struct job j = one_space(name);
    unsigned level;
    uint64_t gone;

    NEEDS_LARGE_PAGES(name);
    level = large_level();
    gone = 2 * large_pages() - 6;
    offer_far(7 * page_bytes(), 7, DIRECT);
    carve(page_va(far_at(0), 2), page_bytes(), ABSENT);
    hang(root_at(0), large_va(5), level,
         with_all_bits(level, user_large(far_at(0))));
    hang(root_at(0), large_va(6), level,
         user_large(far_at(1))); /* wholly outside */
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 14 + 6));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], gone));
    cr_expect(eq(u64, image.counts.tables,
                 2 * ptw_levels(&regime) - 1 +
                     tables_apart(large_va(5), user_va(), 0)));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, gone));
}

Test(amd64_rebuild, splits_a_1g_leaf_no_further_than_it_has_to)
{
    struct job j = one_space("amd64");

    offer_far(0x601000, 0x601, DIRECT);
    hang(root_at(0), 0x80000000, 2, huge(far_at(0), PTW_WRITE) | PAT_LARGE);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 3));
    cr_expect(eq(u64, image.counts.tables, 7 + 2));
    cr_expect(eq(u64, image.counts.pages, 14 + 0x601));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 262144 - 0x601));
    cr_expect(eq(u64, image_bits(0, 0x80200000, 1),
                 bits_of(1, user_large_read_only(0)) | PAT_LARGE));
}

/* --------------------------------------------------------- ranges left out */

static struct ptw_va_range range(uint64_t first, uint64_t bytes)
{
    struct ptw_va_range r = {{first}, {first + (bytes - 1)}};

    return r;
}

/* Leaves out that range alone. */
static void expect_good_without(struct job *j, uint64_t first, uint64_t bytes)
{
    struct ptw_va_range out = range(first, bytes);

    j->o.leave_out = &out;
    j->o.leave_outs = 1;
    assert_good(j);
}

EVERY(rebuild, leaves_out_the_start_the_middle_and_the_end)
{
    struct job j = spaces_with_a_kernel(name, 3);
    uint64_t end = oracle_last(&oracle) + 1; /* or 0 */
    uint64_t first = corner(0, 0);

    expect_good_without(&j, first, at_page(1) - first);
    cr_expect(eq(u64, image.counts.pages, 8 + 3));
    expect_good_without(&j, at_page(1), page_bytes());
    cr_expect(eq(u64, image.counts.pages, 8 + 3));
    expect_good_without(&j, page_va(kernel_half(), 1),
                        end - page_va(kernel_half(), 1));
    cr_expect(eq(u64, image.counts.pages, 1 + 6));
    /* across the gap */
    expect_good_without(&j, at_page(1), kernel_half() - user_va());
    cr_expect(eq(u64, image.counts.pages, 7 + 3));
}

EVERY(rebuild, keeps_a_range_only)
{
    struct job j = spaces_with_a_kernel(name, 3);

    j.o.first.v = at_page(1);
    j.o.last.v = page_va(kernel_half(), 1) - 1;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 3 + 1));
    j.o.first.v = at_page(256);
    j.o.last.v = at_page(257) - 1;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 0));
}

EVERY(rebuild, cuts_large_leaves_where_they_are_left_out)
{
    struct job j = large_leaves(name, DIRECT);

    NEEDS_LARGE_PAGES(name);
    expect_good_without(&j, large_va(6) - page_bytes(), 3 * page_bytes());
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * large_pages() - 1));
    expect_good_without(&j, large_va(5), large_bytes());
    cr_expect(eq(u64, image.counts.split, 0));
    cr_expect(eq(u64, image.counts.pages, 14 + large_pages()));
}

EVERY(rebuild, forgets_what_software_wrote_where_it_is_left_out)
{
    struct job j = one_space(name);
    uint64_t kept = not_present(0xdeadbe02);

    hang(root_at(0), at_page(8), 0, not_present(0xdeadbe10));
    hang(root_at(0), at_page(9), 0, kept);
    expect_good_without(&j, at_page(8), page_bytes());
    cr_expect(eq(u64, image_entry(&image, 0, at_page(8), 0), 0));
    cr_expect(eq(u64, image_entry(&image, 0, at_page(9), 0), kept));
}

EVERY(rebuild, drops_a_recursive_slot_that_is_kept_in_part)
{
    struct job j = one_space(name);
    uint64_t slot = slot_va() - span(slot_level());

    hang_slot(root_at(0), slot, true);
    expect_good_without(&j, page_va(slot, 7), page_bytes());
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_SELF], 1));
    cr_expect(eq(u64, image_entry(&image, 0, slot, slot_level()), 0));
    expect_good_without(&j, slot + span(slot_level()), page_bytes());
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_SELF], 0));
}

EVERY(rebuild, refuses_ranges_that_are_none)
{
    struct job j = one_space(name);
    struct ptw_va_range out[2] = {range(user_va(), page_bytes()),
                                  range(user_va(), page_bytes())};

    j.o.leave_out = out;
    j.o.leave_outs = 2;
    expect_refused(&j, PTW_E_RANGE);
    out[1] = range(at_page(1), page_bytes() / 2);
    expect_refused(&j, PTW_E_ALIGN);
    out[1] = range(at_page(1), page_bytes());
    assert_good(&j);
    j.o.first.v = corner(0, 0) + page_bytes() / 2;
    expect_refused(&j, PTW_E_ALIGN);
    j.o.first.v = 0;
    j.o.last.v = at_page(17) - 2;
    expect_refused(&j, PTW_E_ALIGN);
    j.o.first.v = at_page(1);
    j.o.last.v = 0;
    expect_refused(&j, PTW_E_RANGE);
    j = job_of(0);
    expect_refused(&j, PTW_E_ARG);
}

/* A scratch area of four pages, mapped in every new space. */
static struct ptw_map_request scratch(uint64_t va)
{
    struct ptw_map_request q = {
        .first = {va},
        .last = {page_va(va, 4) - 1},
        .pa = {0x3000000},
        .rights = kernel_map_rights(),
    };

    return q;
}

static void map_at_last(struct job *j, uint64_t va)
{
    static struct ptw_map_request q;
    static struct ptw_va_range out;

    q = scratch(va);
    out = range(va, 4 * page_bytes());
    j->o.map = &q;
    j->o.maps = 1;
    j->o.leave_out = &out;
    j->o.leave_outs = 1;
}

EVERY(rebuild, maps_scratch_into_every_new_space)
{
    struct job j = spaces_with_a_kernel(name, 4);
    uint64_t tables;

    assert_good(&j);
    tables = image.counts.tables;
    /* where nothing was, where something was of each space's own, and in what
     * they share */
    map_at_last(&j, page_va(user_va() + 9 * span(1), 7));
    assert_good(&j);
    cr_expect(lt(u64, tables, image.counts.tables));
    map_at_last(&j, at_page(1));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, tables));
    cr_expect(eq(u64, image.counts.pages, 8 + 4));
    map_at_last(&j, page_va(kernel_half(), 3));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, tables));
    map_at_last(&j, user_va() - 2 * page_bytes()); /* over two tables */
    assert_good(&j);
}

EVERY(rebuild, maps_a_users_pages_beside_the_supervisors)
{
    struct job j = spaces_with_a_kernel(name, 2);
    uint64_t va = user_va() + 9 * span(1);
    struct ptw_map_request q[2] = {scratch(va), scratch(page_va(va, 4))};
    struct ptw_va_range out = range(va, 8 * page_bytes());

    q[1].rights |= PTW_USER & all_rights();
    j.o.map = q;
    j.o.maps = 2;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    assert_good(&j);
}

EVERY(rebuild, refuses_a_map_over_what_is_kept)
{
    struct job j = spaces_with_a_kernel(name, 2);
    struct ptw_map_request reversed = scratch(user_va());
    struct ptw_va_range out[2];

    map_at_last(&j, user_va());
    reversed.last.v = user_va() - 1;
    j.o.map = &reversed;
    expect_refused(&j, PTW_E_RANGE);
    map_at_last(&j, user_va());
    j.o.leave_outs = 0;
    expect_refused(&j, PTW_E_OVERLAP);
    out[0] = range(user_va(), 3 * page_bytes());
    j.o.leave_out = out;
    j.o.leave_outs = 1;
    expect_refused(&j, PTW_E_OVERLAP);
    out[0] = range(at_page(1), 3 * page_bytes());
    expect_refused(&j, PTW_E_OVERLAP);
    /* two ranges that have it between them */
    out[0] = range(user_va(), 3 * page_bytes());
    out[1] = range(at_page(3), 9 * page_bytes());
    j.o.leave_outs = 2;
    assert_good(&j);
    /* and one of them is beyond what is kept at all */
    j.o.leave_out = &out[1];
    j.o.leave_outs = 1;
    j.o.first.v = at_page(3);
    assert_good(&j);
}

/* A map is judged before anything is copied: the regime has it or not. */
EVERY(rebuild, refuses_at_the_beginning_a_map_that_can_not_be)
{
    struct job j = spaces_with_a_kernel(name, 2);
    uint64_t va = user_va() + 9 * span(1);
    struct ptw_map_request q;
    struct ptw_va_range out = range(va, 4 * page_bytes());

    j.o.map = &q;
    j.o.maps = 1;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
#define BEGINS(st)                                                             \
    cr_expect(                                                                 \
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 2, &j.o), (int)(st)))
    q = scratch(va);
    BEGINS(PTW_OK);
    q.rights = PTW_WRITE | PTW_EXEC;
    BEGINS(PTW_E_RIGHTS);
    q = scratch(va);
    q.attributes.memory_type = 8;
    BEGINS(PTW_E_RIGHTS);
    q = scratch(va);
    q.attributes.key = 16;
    BEGINS(PTW_E_RIGHTS);
    q = scratch(va);
    q.pa.v += 1;
    BEGINS(PTW_E_ALIGN);
    q = scratch(va);
    q.last.v -= 1;
    BEGINS(PTW_E_ALIGN);
    q = scratch(va);
    q.pa.v = beyond();
    BEGINS(PTW_E_WIDTH);
    q.pa.v = 0 - 2 * page_bytes();
    BEGINS(PTW_E_RANGE);
    q = scratch(va);
    q.flags = PTW_EDIT_UNSHARE;
    BEGINS(PTW_E_ARG);
    if (!oracle_withholds(&oracle, PTW_EXEC)) {
        q = scratch(va);
        q.rights &= ~(unsigned)PTW_EXEC;
        BEGINS(PTW_E_RIGHTS);
    }
#undef BEGINS
}

/* What a map can not have is found before a page is copied. */
EVERY(rebuild, refuses_in_the_plan_a_map_below_a_table_that_lacks_its_rights)
{
    struct job j = spaces_with_a_kernel(name, 1);
    uint64_t va = at_page(2);
    struct ptw_map_request q = scratch(va);
    struct ptw_va_range out = range(va, 4 * page_bytes());
    unsigned level = slot_level();
    struct image n;
    size_t map = 9;
    uint64_t lacks;

    j.o.map = &q;
    j.o.maps = 1;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    free_image(&n);
    lacks = table_read_only(level, table_of(root_at(0), va, level - 1));
    if ((granted(level, lacks) & PTW_WRITE) != 0) {
        LEAVE_OUT("a table of %s grants everything", name);
    }
    hang(root_at(0), va, level, lacks);
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_RIGHTS));
    cr_expect(eq(u64, n.written, 0));
    cr_expect(ptw_rebuild_bad_map(&rb, &map));
    cr_expect(eq(sz, map, 0));
    q.rights &= ~(unsigned)PTW_WRITE;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    free_image(&n);
}

EVERY(rebuild, refuses_maps_that_overlap)
{
    struct job j = spaces_with_a_kernel(name, 1);
    uint64_t va = user_va() + 9 * span(1);
    struct ptw_map_request q[2] = {scratch(va), scratch(va)};
    struct ptw_va_range out = range(va, 4 * page_bytes());
    struct image n;
    size_t map = 9;

    q[1].first.v = page_va(va, 3);
    j.o.map = q;
    j.o.maps = 2;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    cr_expect(ptw_rebuild_bad_map(&rb, &map));
    cr_expect(eq(sz, map, 1));
}

EVERY(rebuild, puts_tables_where_they_are_asked_for)
{
    struct job j = spaces_with_a_kernel(name, 2);
    struct image n;
    uint64_t pages;
    uint64_t tables;

    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    pages = n.counts.pages * page_bytes();
    tables = n.counts.tables * table_bytes();
    cr_expect(eq(u64, n.counts.bytes, room_of(n.counts.pages) + tables));
    free_image(&n);
    j.o.flags = PTW_REBUILD_TABLES_APART;
    j.o.tables_base.v = j.o.base.v + pages + 0x100000;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    cr_expect(eq(u64, ptw_rebuild_tables_at(&rb).v, j.o.tables_base.v));
    cr_expect(eq(u64, n.counts.bytes, pages + tables));
    cr_expect(ge(u64, n.root[0].table.v, j.o.tables_base.v));
    cr_expect(lt(u64, n.root[0].table.v, j.o.tables_base.v + tables));
    cr_expect(eq(int, (int)verified(&j, &n), PTW_OK));
    free_image(&n);
    j.o.tables_base.v = j.o.base.v + room_of(n.counts.pages) - table_bytes();
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    j.o.tables_base.v = j.o.base.v - tables + table_bytes();
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    j.o.tables_base.v = j.o.base.v + 8;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_ALIGN));
    j.o.tables_base.v = beyond();
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_WIDTH));
}

/* ----------------------------------------------------------------- policies */

EVERY(rebuild, turns_writable_leaves_copy_on_write)
{
    struct job j = one_space(name);

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
    cr_expect(eq(u64, image_bits(0, user_va(), 0),
                 page_bits(copy_on_write(0, user_page(0)))));
    cr_expect(eq(u64, image_bits(0, at_page(16), 0),
                 page_bits(user_page_read_only(0))));
    cr_expect(
        eq(u64, image_bits(0, at_page(32), 0), page_bits(marked_page(0))));
}

EVERY(rebuild, leaves_pages_writable_that_two_leaves_write)
{
    struct job j = one_space(name);

    map_pages(1, user_va(), 2, 0, user_page); /* written here too */
    j.roots = 2;
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 7));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
    cr_expect(eq(u64, image_entry(&image, 1, user_va(), 0),
                 image_entry(&image, 0, user_va(), 0)));
    cr_expect(eq(u64, image_bits(1, user_va(), 0), page_bits(user_page(0))));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 11));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
}

/* The reader would stay at the old page when the writer gets a copy. */
EVERY(rebuild, leaves_a_page_writable_that_another_leaf_only_reads)
{
    struct job j = one_space(name);
    map_pages(0, at_page(48), 2, 1, user_page_read_only);
    map_pages(0, at_page(64), 1, 8, user_page_read_only); /* two readers */
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 7));
    cr_expect(eq(u64, image.counts.copy_on_write_pages, 7));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
    cr_expect(eq(u64, image.counts.writable_pages, 2));
    cr_expect(eq(u64, image_bits(0, at_page(1), 0), page_bits(user_page(0))));
    /* the reader comes first, in another space */
    map_pages(1, at_page(32), 1, 12, user_page_read_only);
    j.roots = 2;
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(0)));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 6));
    cr_expect(eq(u64, image.counts.shared_writable, 3));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
    cr_expect(eq(u64, image.counts.copy_on_write_pages, 9));
    cr_expect(eq(u64, image.counts.shared_writable, 3));
    cr_expect(eq(u64, image.counts.writable_pages, 0));
    j.o.flags = 0;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.writable_pages, 9));
    /* as a reader, all of memory, as a kernel maps it */
    NEEDS_LARGE_PAGES(name);
    for (uint64_t at = 0; at < guest_bytes(); at += large_bytes()) {
        hang(root_at(1), kernel_half() + large_bytes() + at, large_level(),
             user_large_read_only(at));
    }
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 0));
    cr_expect(eq(u64, image.counts.copy_on_write_pages, 0));
    cr_expect(eq(u64, image.counts.shared_writable, 9));
}

/* The rest of a large leaf stays writable with the page that has to. */
EVERY(rebuild, counts_what_stays_writable_with_a_shared_page)
{
    struct job j = large_leaves(name, DIRECT);

    NEEDS_LARGE_PAGES(name);
    hang(root_at(0), at_page(144), 0,
         user_page_read_only(page_va(far_at(1), 9)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 1));
    cr_expect(eq(u64, image.counts.writable_pages, large_pages()));
    /* the reader is as large, and comes again and again */
    for (unsigned i = 0; i < 5; i++) {
        hang(root_at(0), large_va(12 + i), large_level(),
             user_large_read_only(far_at(1)));
    }
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, large_pages()));
    cr_expect(eq(u64, image.counts.writable_pages, large_pages()));
}

/* One leaf in a table that many spaces share is one leaf. */
EVERY(rebuild, turns_a_leaf_of_a_shared_table_copy_on_write)
{
    struct job j = spaces_with_a_kernel(name, 5);

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 6 + 10));
    cr_expect(eq(u64, image.counts.shared_writable, 0));
}

EVERY(rebuild, applies_the_policy_to_large_leaves)
{
    struct job j = large_leaves(name, DIRECT);
    unsigned level = large_level();
    uint64_t written;

    NEEDS_LARGE_PAGES(name);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image_bits(0, large_va(5), level),
                 bits_of(level, copy_on_write(level, large_user()))));
    /* one page of it is written elsewhere */
    written = user_page(page_va(far_at(1), 9));
    hang(root_at(0), at_page(144), 0, written);
    assert_good(&j);
    cr_expect(eq(u64, image_bits(0, large_va(5), level),
                 bits_of(level, large_user())));
    cr_expect(eq(u64, image.counts.shared_writable, 1));
    j.o.flags |= PTW_REBUILD_SPLIT;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9 + large_pages() - 1));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9 + 2));
    /* and now all of it */
    hang(root_at(0), large_va(12), level, user_large(far_at(1)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, large_pages()));
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
}

Test(amd64_rebuild, applies_the_policy_to_leaves_within_a_1g_leaf)
{
    struct job j = one_space("amd64");

    offer_far(0x40000000, 3, DIRECT);
    hang(root_at(0), large_va(2), 1, user_large(far_at(0)));
    hang(root_at(0), 0x80000000, 2, huge(far_at(0), 0));
    hang(root_at(0), large_va(4), 1, user_large_read_only(far_at(1)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 1024));
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
    hang(root_at(0), 0xc0000000, 2, huge(far_at(0), 0));
    hang(root_at(0), 0x100000000, 2, huge(far_at(0), 0));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 262144));
}

EVERY(rebuild, refuses_copy_on_write_where_the_supervisor_writes_everywhere)
{
    struct job j;

    if (!start_without_write_protect(name)) {
        LEAVE_OUT("in %s nobody writes everywhere", name);
    }
    map_pages(0, user_va(), 5, 0, user_page);
    j = job_of(1);
    expect_good(&j);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_refused(&j, PTW_E_REGIME);
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    expect_refused(&j, PTW_E_REGIME);
}

Test(bare_rebuild, is_refused)
{
    struct job j;

    start("bare");
    j = job_of(1);
    expect_refused(&j, PTW_E_REGIME);
}

/* ------------------------------------------------------------------ content */

static void same_content(unsigned from, unsigned to)
{
    memcpy(&ram[data_at(to)], &ram[data_at(from)], (size_t)page_bytes());
}

/* Pages of zeros. */
static void no_content(unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        memset(&ram[data_at(i)], 0, (size_t)page_bytes());
    }
}

EVERY(rebuild, merges_equal_pages_that_nobody_can_write)
{
    struct job j = one_space(name);

    same_content(8, 20);  /* read-only and copy-on-write */
    same_content(8, 10);  /* and read-only again */
    same_content(8, 0);   /* writable */
    same_content(9, 13);  /* writable by the kernel */
    same_content(1, 2);   /* both writable */
    ram[data_at(9)] ^= 1; /* not quite */
    same_content(9, 21);
    ram[data_at(9) + page_bytes() - 1] ^= 0x80;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 0));
    cr_expect(eq(u64, image.counts.pages, 14));
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 2));
    cr_expect(eq(u64, image.counts.pages, 12));
    j.o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 4));
    /* one that two leaves write is left alone */
    map_pages(0, at_page(48), 1, 0, user_page);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    j.o.flags |= PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 4));
}

EVERY(rebuild, merges_nothing_where_the_supervisor_writes_everywhere)
{
    struct job j;

    if (!start_without_write_protect(name)) {
        LEAVE_OUT("in %s nobody writes everywhere", name);
    }
    map_pages(0, user_va(), 4, 0, user_page_read_only);
    same_content(0, 1);
    no_content(2, 2);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 0));
    cr_expect(eq(u64, image.counts.pages, 4));
    cr_expect(eq(u64, image.counts.writable_pages, 4));
}

EVERY(rebuild, merges_no_shadow_stacks)
{
    struct job j;
    bool turns;

    if (!start_with_shadow_stacks(name)) {
        LEAVE_OUT("%s has no shadow stacks", name);
    }
    map_pages(0, user_va(), 4, 0, user_page_read_only);
    for (unsigned i = 0; i < 2; i++) {
        hang(root_at(0), at_page(i), 0,
             shadow_stack(user_page_read_only(data_at(i))));
    }
    turns = !oracle_writes(
        &oracle, true,
        oracle_write_protected(&oracle, 0, shadow_stack(user_page(0))));
    for (unsigned i = 1; i < 4; i++) {
        same_content(0, i);
    }
    j = job_of(1);
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 1));
    cr_expect(eq(u64, image.counts.writable_pages, 2));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, turns ? 3 : 1));
    cr_expect(eq(u64, image.counts.copy_on_write, turns ? 2 : 0));
}

/* Whether the guest can write, through the slot at va, the table that has it: an
 * entry that leads to a table is then read as a leaf. */
static bool writes_slot(unsigned space, uint64_t va)
{
    struct oracle_mode mode = mode_of(&regime);
    struct oracle_ram all = {0, guest_bytes() - 1, ram};
    uint64_t index = index_in(va, slot_level());
    struct oracle_answer a;

    for (unsigned level = 0; level < slot_level(); level++) {
        va += index * span(level);
    }
    a = oracle_translate(&mode, &all, 1, root_at(space), va);
    return a.kind == ORACLE_LEAF && (a.rights & ORACLE_WRITE) != 0;
}

/* By a recursive slot that it can write the guest makes any leaf writable. */
EVERY(rebuild, merges_nothing_where_the_guest_can_write_a_recursive_slot)
{
    struct job j = one_space(name);
    uint64_t slot = slot_va() - span(slot_level());

    same_content(8, 9);
    no_content(20, 2);
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 2));
    hang_slot(root_at(0), slot, true);
    if (!writes_slot(0, slot)) {
        LEAVE_OUT("through a slot of %s nothing is written", name);
    }
    assert_good(&j);
    cr_expect(eq(u64, image.counts.writable_selves, 1));
    cr_expect(zero(u64, image.counts.merged));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(zero(u64, image.counts.merged));
    /* one that it can't write, and one that is not kept, change nothing */
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    hang_slot(root_at(0), slot, false);
    cr_assert(not(writes_slot(0, slot)));
    assert_good(&j);
    cr_expect(zero(u64, image.counts.writable_selves));
    cr_expect(eq(u64, image.counts.merged, 2));
    hang_slot(root_at(0), slot, true);
    expect_good_without(&j, page_va(slot, 7), page_bytes());
    cr_expect(zero(u64, image.counts.writable_selves));
    cr_expect(eq(u64, image.counts.merged, 2));
}

/* As seen from a slot below the root, and from another space. */
EVERY(rebuild, merges_nothing_beside_a_slot_of_any_level_and_space)
{
    struct job j = one_space(name);

    same_content(8, 9);
    map_pages(1, user_va(), 2, 8, user_page_read_only);
    hang(root_at(1), user_va() + span(1), 1,
         any_table(1, table_of(root_at(1), user_va(), 1)));
    hang_slot(root_at(2), slot_va(), true); /* only to ask, of another space */
    if (!writes_slot(2, slot_va())) {
        LEAVE_OUT("through a slot of %s nothing is written", name);
    }
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 1));
    j = job_of(2);
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(zero(u64, image.counts.merged));
}

/* Pages that agree in the number that the rebuilder finds candidates by: what is
 * multiplied by zero does not count. */
EVERY(rebuild, does_not_merge_what_only_looks_equal)
{
    static const uint64_t factor = 0x9E3779B97F4A7C15;
    struct job j = one_space(name);
    uint64_t h = (((uint64_t)1 << 63 | 1) ^ j.o.seed) * factor;
    uint32_t zero;

    h = (h ^ h >> 32) * (j.o.seed | 1);
    zero = 0 - (uint32_t)((h ^ h >> 29) * factor >> 32);
    memcpy(&ram[data_at(8) + 4], &zero, sizeof zero);
    same_content(8, 9);
    ram[data_at(9)] ^= 1;
    same_content(8, 10);
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 1));
}

EVERY(rebuild, merges_pages_of_zeros)
{
    struct job j = one_space(name);

    no_content(8, 2);  /* read-only */
    no_content(20, 2); /* copy-on-write */
    no_content(0, 1);  /* writable */
    same_content(10, 3);
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    cr_expect(eq(u64, image.counts.pages, 11));
    cr_expect(eq(u64, image.counts.zeros, 2));
    cr_expect(eq(u64, image.written, 9 * page_bytes()));
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    cr_expect(eq(u64, image.counts.zeros, 0));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS | PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 5));
}

EVERY(rebuild, does_not_merge_what_lies_in_a_large_page)
{
    struct job j = large_leaves(name, DIRECT);

    NEEDS_LARGE_PAGES(name);
    memset(guest_page(far_at(0)), 0, 3 * (size_t)page_bytes());
    hang(root_at(0), at_page(144), 0, user_page_read_only(far_at(0)));
    no_content(8, 1);
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 0));
    cr_expect(eq(u64, image.counts.zeros, 4));
    j.o.flags |= PTW_REBUILD_SPLIT;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
}

/* ------------------------------------------------------------------- limits */

EVERY(rebuild, stops_at_its_limits)
{
    struct job j = spaces_with_a_kernel(name, 3);
    uint64_t bytes;

    assert_good(&j);
    bytes = image.counts.bytes;
    j.o.max_bytes = bytes - 1;
    expect_refused(&j, PTW_E_LIMIT);
    j.o.max_bytes = bytes;
    expect_good(&j);
    j.o.max_reads = entries_of(image.counts.tables, image.counts.spaces) - 1;
    expect_refused(&j, PTW_E_LIMIT);
    j.o.max_reads++;
    expect_good(&j);
}

/* Of options that are all zeros only the range is set. */
EVERY(rebuild, takes_a_limit_of_0_for_none)
{
    struct job j = spaces_with_a_kernel(name, 3);
    struct ptw_rebuild_options zeros = {.last = {UINT64_MAX}};

    j.o = zeros;
    assert_good(&j);
    cr_expect(lt(u64, table_bytes(), image.counts.bytes));
}

Test(verify_options_of, are_those_of_the_rebuild)
{
    static const struct ptw_va_range out[2] = {{{0x1000}, {0x1FFF}},
                                               {{0x3000}, {0x3FFF}}};
    struct ptw_rebuild_options o = {
        .first = {0x1000},
        .last = {0x7FFF},
        .leave_out = out,
        .leave_outs = 2,
        .flags = PTW_REBUILD_MERGE,
        .max_reads = 77,
        .max_bytes = 88,
        .seed = 99,
        .absent = {.policy = PTW_ABSENT_LINUX, .migration = 1u << 30},
    };
    struct ptw_verify_options v = ptw_verify_options_of(&o);

    cr_expect(eq(u64, v.first.v, 0x1000));
    cr_expect(eq(u64, v.last.v, 0x7FFF));
    cr_expect(v.leave_out == out);
    cr_expect(eq(sz, v.leave_outs, 2));
    cr_expect(eq(u32, v.flags, PTW_REBUILD_MERGE));
    cr_expect(eq(u64, v.max_reads, 77));
    cr_expect(eq(u64, v.seed, 99));
    cr_expect(eq(int, (int)v.absent.policy, PTW_ABSENT_LINUX));
    cr_expect(eq(u32, v.absent.migration, 1u << 30));
}

/* ------------------------------------------------------------------ storage */

static bool same_outcome(const struct image *x, const struct image *y)
{
    return memcmp(&x->counts, &y->counts, sizeof x->counts) == 0 &&
           memcmp(x->root, y->root, sizeof x->root) == 0 &&
           memcmp(x->bytes, y->bytes, (size_t)x->counts.bytes) == 0;
}

static struct job busy_space(const char *name)
{
    struct job j = large_leaves(name, DIRECT);

    for (unsigned i = 0; i < 180; i++) {
        uint64_t raw = user_page_read_only(data_at(i));

        hang(root_at(0), at_page(128 + i), 0, raw);
        hang(root_at(0), user_va() + (20 + i % 90) * span(1), 0, raw);
    }
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS | PTW_REBUILD_SPLIT |
                PTW_REBUILD_COPY_ON_WRITE;
    return j;
}

EVERY(rebuild, gives_the_same_however_little_storage_comes)
{
    struct job j = busy_space(name);
    struct image n;

    assert_good(&j);
    cr_assert(ge(uint, image.asked, 4));
    j.least = true;
    cr_assert(eq(str, (char *)good(&j, &n), ""));
    cr_expect(lt(uint, image.asked, n.asked));
    cr_expect(same_outcome(&image, &n));
}

EVERY(rebuild, gives_the_same_with_any_seed)
{
    struct job j = busy_space(name);
    struct image n;

    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    for (uint64_t seed = 0; seed < 5; seed++) {
        j.o.seed = seed * 0x123456789abcdef;
        cr_assert(eq(int, (int)compact(&j, &n), PTW_OK));
        cr_expect(same_outcome(&image, &n));
        free_image(&n);
    }
}

/* How many of the stores are there. */
static unsigned stores_at(const void *storage)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        n += ptw_rebuild_storage(&rb, i) == storage;
    }
    return n;
}

EVERY(rebuild, takes_only_storage_that_it_asked_for_and_can_use)
{
    static _Alignas(8) unsigned char storage[1 << 18];
    struct job j = one_space(name);
    void *before = &j;

    cr_assert(
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 1, &j.o), PTW_OK));
    cr_expect(eq(int,
                 (int)ptw_rebuild_give(&rb, storage, sizeof storage, &before),
                 PTW_E_ARG));
    cr_expect(before == NULL);
    cr_assert(eq(int, (int)ptw_rebuild_plan(&rb), PTW_E_SPACE));
    for (unsigned off = 1; off < 8; off++) {
        cr_expect(eq(int,
                     (int)ptw_rebuild_give(&rb, storage + off,
                                           sizeof storage - off, &before),
                     PTW_E_ALIGN));
    }
    cr_expect(
        eq(int, (int)ptw_rebuild_give(&rb, storage, 8, &before), PTW_E_SPACE));
    before = &j;
    cr_expect(
        eq(int, (int)ptw_rebuild_give(&rb, NULL, 1 << 18, &before), PTW_E_ARG));
    cr_expect(before == NULL);
    cr_expect(eq(uint, stores_at(storage), 0));
    cr_expect(eq(int,
                 (int)ptw_rebuild_give(&rb, storage, sizeof storage, &before),
                 PTW_OK));
    cr_expect(eq(uint, stores_at(storage), 1));
    cr_expect(ptw_rebuild_storage(&rb, PTW_REBUILD_STORES) == NULL);
}

/* The same for every store: unaligned, it is refused, and nothing is lost. */
EVERY(rebuild, refuses_unaligned_storage_every_time)
{
    static _Alignas(8) unsigned char storage[8][1 << 18];
    struct job j = busy_space(name);
    enum ptw_status st;
    unsigned asked = 0;
    void *before;

    cr_assert(
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 1, &j.o), PTW_OK));
    while ((st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE) {
        cr_assert(asked < 8);
        cr_assert(le(sz, rb.wanted, sizeof storage[0] - 8));
        cr_expect(eq(int,
                     (int)ptw_rebuild_give(&rb, &storage[asked][4],
                                           sizeof storage[0] - 4, &before),
                     PTW_E_ALIGN));
        cr_expect(eq(int,
                     (int)ptw_rebuild_give(&rb, storage[asked],
                                           sizeof storage[0], &before),
                     PTW_OK));
        asked++;
    }
    cr_expect(eq(int, (int)st, PTW_OK));
    cr_expect(ge(uint, asked, 4));
}

static enum ptw_status take_nothing(void *ctx, ptw_pa to, const void *bytes,
                                    size_t n)
{
    (void)ctx;
    (void)to;
    (void)bytes;
    (void)n;
    return PTW_OK;
}

static const struct ptw_page_sink nowhere = {take_nothing};

EVERY(rebuild, refuses_calls_out_of_turn)
{
    struct job j = one_space(name);
    struct ptw_pa_and {
        ptw_pa now;
    } found = {{0}};

    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(int, (int)ptw_rebuild_plan(&rb), PTW_E_ARG));
    cr_expect(eq(int, (int)ptw_rebuild_copy(&rb, &nowhere, NULL), PTW_E_ARG));
    cr_expect(eq(int, (int)ptw_rebuild_tables(&rb, &image.mem, image.root),
                 PTW_E_ARG));
    cr_assert(
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 1, &j.o), PTW_OK));
    cr_expect(eq(int, (int)ptw_rebuild_copy(&rb, &nowhere, NULL), PTW_E_ARG));
    cr_expect(eq(int, (int)ptw_rebuild_tables(&rb, &image.mem, image.root),
                 PTW_E_ARG));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(0)), &found.now),
                 PTW_NOT_MAPPED));
    cr_expect(
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 0, &j.o), PTW_E_ARG));
    cr_expect(eq(int, (int)ptw_rebuild_plan(&rb), PTW_E_ARG));
}

EVERY(rebuild, says_where_each_page_went)
{
    struct job j = one_space(name);
    struct image n = {0};
    ptw_pa now = {0};

    same_content(8, 20);
    no_content(9, 2);
    j.o.flags = PTW_REBUILD_MERGE;
    /* the object of a rebuild without its storage says nothing, so by hand */
    cr_assert(
        eq(int, (int)ptw_rebuild_init(&rb, &mem, j.root, 1, &j.o), PTW_OK));
    while (ptw_rebuild_plan(&rb) == PTW_E_SPACE) {
        void *before;

        cr_assert(eq(
            int,
            (int)ptw_rebuild_give(&rb, malloc(rb.wanted), rb.wanted, &before),
            PTW_OK));
        free(before);
    }
    cr_expect(eq(u64, rb.counts.merged, 2));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(1) + 5), &now),
                 PTW_OK));
    cr_expect(eq(u64, now.v, page_va(j.o.base.v, 1) + 5));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(20) + 9), &now),
                 PTW_OK));
    cr_expect(eq(u64, now.v, page_va(j.o.base.v, 5) + 9));
    cr_expect(eq(int, (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(10)), &now),
                 PTW_OK));
    cr_expect(eq(u64, now.v, page_va(j.o.base.v, 6)));
    cr_expect(eq(int, (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(7)), &now),
                 PTW_NOT_MAPPED));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of(outside_ram(0)), &now),
                 PTW_NOT_MAPPED));
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rb, i));
    }
    free_image(&n);
}

/* ---------------------------------------------------- sinks and accessors */

EVERY(rebuild, goes_on_where_the_sink_refused)
{
    struct job j = busy_space(name);
    struct image n;

    j.o.flags = PTW_REBUILD_ZEROS;
    no_content(8, 2);
    for (unsigned i = 0; i < 180; i += 3) { /* many short runs */
        hang(root_at(0), at_page(128 + i), 0, 0);
    }
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    for (unsigned every = 1; every < 8; every++) {
        j.refuse = every;
        cr_assert(eq(str, (char *)good(&j, &n), ""));
        cr_expect(ge(uint, n.refusals, 1));
        cr_expect(same_outcome(&image, &n));
        free_image(&n);
    }
}

EVERY(rebuild, reads_what_is_served)
{
    struct job j = busy_space(name);
    struct image n;

    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    for (unsigned lend = 0; lend < 2; lend++) {
        guest.lend = lend == 1;
        guest.calls = 0;
        carve(data_at(30), 20 * unit_bytes(), SERVED);
        carve(0, data_at(10), SERVED);
        if (large_level() > 0) {
            carve(far_at(0), large_bytes(), SERVED);
        }
        cr_assert(eq(str, (char *)good(&j, &n), ""));
        cr_expect(same_outcome(&image, &n));
        cr_expect(lt(u64, 1000, guest.calls));
        free_image(&n);
        j = busy_space(name);
    }
}

EVERY(rebuild, drops_and_counts_pages_that_are_refused)
{
    struct job j = one_space(name);

    carve(data_at(1), page_bytes(), REFUSED);
    carve(data_at(12), 2 * unit_bytes(), REFUSED);
    map_pages(0, at_page(48), 1, 1, user_page_read_only);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], 4));
    cr_expect(eq(u64, image.counts.leaves, 15 - 4));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 4));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_COPY_ON_WRITE;
    expect_good(&j);
}

/* Memory may end and begin again at any byte, and be read in other ways there. */
EVERY(rebuild, keeps_a_page_that_several_regions_have_together)
{
    static const enum part_kind kinds[] = {DIRECT, SERVED};
    struct job j = one_space(name);

    for (unsigned i = 0; i < 2; i++) {
        start(name);
        j = one_space(name);
        carve(data_at(1) + 0x805, 0x7f9, kinds[i]);
        carve(data_at(2) + 5, 1, DIRECT);
        carve(data_at(4) + page_bytes() - 1, 5, kinds[i]);
        assert_good(&j);
        cr_expect(zero(u64, image.counts.dropped[PTW_DROP_PARTIAL]));
        cr_expect(zero(u64, image.counts.dropped[PTW_DROP_OUTSIDE]));
        cr_expect(zero(u64, image.counts.dropped[PTW_DROP_UNREADABLE]));
        cr_expect(zero(u64, verify.certificate.dropped));
        guest.lend = true;
        j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
        expect_good(&j);
        free_image(&image);
    }
}

EVERY(rebuild, drops_and_counts_a_page_of_which_memory_has_a_part)
{
    struct job j = one_space(name);

    carve(data_at(1) + 1, 1, ABSENT);
    carve(data_at(12) + page_bytes() - 1, unit_bytes() - page_bytes() + 2,
          ABSENT); /* and the first byte of data_at(13) */
    carve(data_at(3), page_bytes(), ABSENT);
    map_pages(0, at_page(48), 1, 1, user_page_read_only);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_PARTIAL], 4));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 1));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 5));
}

EVERY(rebuild, splits_a_large_leaf_in_which_memory_ends_inside_a_page)
{
    struct job j = large_leaves(name, SERVED);
    uint64_t cut;

    NEEDS_LARGE_PAGES(name);
    cut = page_va(far_at(1), 5) - 3;
    carve(cut, far_at(2) - cut, ABSENT);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_PARTIAL], 1));
    cr_expect(
        eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], large_pages() - 5));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
}

EVERY(rebuild, splits_a_large_leaf_of_which_a_part_is_refused)
{
    struct job j = large_leaves(name, SERVED);
    uint64_t tables = 2 * ptw_levels(&regime) - 1;
    uint64_t rest;

    NEEDS_LARGE_PAGES(name);
    tables += tables_apart(large_va(5), user_va(), large_level());
    carve(page_va(far_at(1), 4), 2 * page_bytes(), REFUSED);
    hang(root_at(0), at_page(144), 0,
         user_page_read_only(page_va(far_at(1), 4)));
    hang(root_at(0), at_page(145), 0,
         user_page_read_only(page_va(far_at(1), 6)));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], 3));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
    cr_expect(eq(u64, image.counts.tables, tables + tables_of_split()));
    guest.lend = true;
    expect_good(&j);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    expect_good(&j);
    /* all of it */
    rest = page_va(far_at(1), 6);
    carve(rest, far_at(2) - rest, REFUSED);
    carve(far_at(1), 4 * page_bytes(), REFUSED);
    j.o.flags = 0;
    assert_good(&j);
    cr_expect(
        eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], large_pages() + 2));
    cr_expect(eq(u64, image.counts.tables, tables));
}

Test(rebuild, has_a_text_for_each_reason_to_drop)
{
    for (unsigned i = 0; i < PTW_DROPS; i++) {
        const char *text = ptw_drop_text((enum ptw_drop)i);

        cr_expect(ne(str, (char *)text, ""));
        /* that of no reason is the last one here */
        for (unsigned k = i + 1; k <= PTW_DROPS; k++) {
            cr_expect(
                ne(str, (char *)text, (char *)ptw_drop_text((enum ptw_drop)k)));
        }
    }
}

EVERY(rebuild, drops_and_counts_tables_that_are_refused)
{
    struct job j = spaces_with_a_kernel(name, 3);

    carve(table_of(root_at(0), kernel_half(), 0), unit_bytes(), REFUSED);
    assert_good(&j);
    cr_expect(ge(u64, image.counts.dropped[PTW_DROP_TABLE], 1));
    cr_expect(eq(u64, image.counts.pages, 6));
}

EVERY(rebuild, says_which_root_is_bad)
{
    static const enum ptw_status why[] = {PTW_E_ALIGN, PTW_E_BUS, PTW_E_ALIGN,
                                          PTW_E_WIDTH};
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t at = 0; at < 3; at++) {
            struct job j = spaces_with_a_kernel(name, 3);
            uint64_t bad[] = {0, outside_ram(0), root_at(0) + 1, beyond()};
            unsigned top = ptw_levels(&regime) - 1;

            bad[0] = root_at(0) + oracle_table_bytes(oracle.format, top) / 2;
            j.root[at] = ptw_root_of(&regime, ptw_pa_of(bad[i]));
            expect_refused(&j, why[i]);
            cr_expect(eq(u32, ptw_rebuild_bad_root(&rb), at));
        }
    }
}

/* ------------------------------------------------- a guest that does not stop */

static unsigned answers_left;
static struct dice liar;

/* Answers that differ from one time to the next. */
static bool lie(uint64_t pa, uint64_t *value)
{
    if (answers_left > 0) {
        answers_left--;
        return true;
    }
    switch (roll_below(&liar, 40)) {
    case 0:
        *value ^= (uint64_t)1 << roll_below(&liar, 40);
        return true;
    case 1:
        *value = roll(&liar);
        return true;
    case 2:
        *value = any_table(1, pa & ~(unit_bytes() - 1));
        return true;
    case 3:
        *value = one_in(&liar, 2)   ? any_table(1, root_at(0))
                 : one_in(&liar, 2) ? user_page(root_at(0))
                                    : to_page(large_level(), 0, all_rights());
        return true;
    case 4:
        return false;
    default:
        return true;
    }
}

/* The accessor of the sanitizers sees what is out of range; besides, the outcome
 * is what the guest was at some time, or a status. */
/* Guests of larger pages have more bytes to copy: there are fewer of them. */
static unsigned of_page_size(unsigned times)
{
    return page_bytes() > 0x1000 ? times / 4 : times;
}

EVERY(rebuild, stays_in_range_when_the_tables_change)
{
    unsigned changed = 0;
    unsigned done = 0;
    unsigned step;

    start(name);
    step = 300 / of_page_size(300) * PTW_TESTS_SHARE;
    for (unsigned n = 0; n < 300; n += step) {
        struct job j = spaces_with_a_kernel(name, 3);
        enum ptw_status st;

        carve(0, data_at(0), SERVED);
        j.o.max_bytes = 0x1000000;
        guest.answer = lie;
        liar.state = n;
        /* in the end, more than all that is read */
        answers_left = n * ptw_levels(&regime) * entries_at(0) / 20;
        st = compact(&j, &image);
        changed += st == PTW_E_CHANGED;
        done += st == PTW_OK;
        cr_expect(not(image.wild));
        if (st == PTW_OK) {
            guest.answer = NULL;
            (void)!verified(&j, &image);
        } else {
            cr_assert(st == PTW_E_CHANGED || st == PTW_E_BUS ||
                      st == PTW_E_WIDTH || st == PTW_E_LIMIT ||
                      st == PTW_E_ALIGN);
        }
        free_image(&image);
    }
    cr_expect(lt(uint, 10 / PTW_TESTS_SHARE, changed));
    cr_expect(lt(uint, 10 / PTW_TESTS_SHARE, done));
}

/* One entry that changes once, between plan and building. */
static uint64_t change_at;
static uint64_t change_to;

static bool change(uint64_t pa, uint64_t *value)
{
    if (pa == change_at) {
        if (answers_left == 0) {
            *value = change_to;
        } else {
            answers_left--;
        }
    }
    return true;
}

/* What comes of it: never an image that passes for the guest as it was. */
static enum ptw_status changes(const struct job *j, uint64_t va, unsigned level,
                               uint64_t to)
{
    enum ptw_status st;

    change_at = table_of(root_at(0), va, level) +
                index_in(va, level) * ptw_entry_bytes(&regime);
    change_to = to;
    answers_left = 1;
    guest.answer = change;
    st = compact(j, &image);
    guest.answer = NULL;
    cr_expect(not(image.wild));
    if (st == PTW_OK) {
        st = verified(j, &image);
    }
    free_image(&image);
    return st;
}

static enum ptw_status changed(const char *name, uint64_t va, unsigned level,
                               uint64_t to)
{
    struct job j = spaces_with_a_kernel(name, 2);

    carve(0, data_at(0), SERVED);
    return changes(&j, va, level, to);
}

EVERY(rebuild, notices_tables_that_change_between_plan_and_building)
{
    static const enum ptw_status gone = PTW_E_CHANGED;
    unsigned level;

    start(name);
    level = large_level();
    cr_expect(eq(int, (int)changed(name, user_va(), 0, user_page(data_at(200))),
                 (int)gone));
    cr_expect(eq(int, (int)changed(name, user_va(), 0, 0), PTW_DIFFERENT));
    cr_expect(eq(int, (int)changed(name, user_va(), 1, 0), (int)gone));
    if (level > 0) {
        cr_expect(
            eq(int,
               (int)changed(name, user_va(), level, user_large(outside_ram(0))),
               (int)gone));
    }
    cr_expect(eq(int,
                 (int)changed(name, user_va(), 1, any_table(1, outside_ram(0))),
                 (int)gone));
    cr_expect(eq(int, (int)changed(name, at_page(2), 0, user_page(data_at(9))),
                 PTW_DIFFERENT));
    cr_expect(eq(
        int, (int)changed(name, user_va(), 0, user_page_read_only(data_at(9))),
        PTW_DIFFERENT));
}

/* A table more than the plan saw: there is no room for it. */
EVERY(rebuild, notices_tables_that_are_new)
{
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    cr_expect(eq(int,
                 (int)changed(name, user_va(), 1, any_table(1, root_at(9))),
                 PTW_DIFFERENT));
    cr_expect(eq(
        int, (int)changed(name, kernel_half(), top, any_table(top, root_at(9))),
        PTW_E_CHANGED));
    for (unsigned i = 1; i < 4; i++) {
        struct job j = spaces_with_a_kernel(name, 2);
        uint64_t va = user_va() + i * span(1);

        hang(root_at(1), va, 0, 0);
        hang(root_at(1), va, 1, 0);
        carve(0, data_at(0), SERVED);
        cr_expect(eq(int, (int)changes(&j, va, 1, any_table(1, root_at(9))),
                     PTW_E_CHANGED));
    }
}

/* A large leaf has to be split, and was not to be. */
EVERY(rebuild, notices_a_large_leaf_that_has_to_be_split_now)
{
    struct job j = large_leaves(name, DIRECT);

    NEEDS_LARGE_PAGES(name);
    offer(far_at(8), 5 * page_bytes(), far_memory(5 * page_bytes()), DIRECT);
    hang(root_at(0), at_page(144), 0, user_page_read_only(far_at(8)));
    carve(0, data_at(0), SERVED);
    cr_expect(eq(int,
                 (int)changes(&j, large_va(7), large_level(),
                              user_large_read_only(far_at(8))),
                 PTW_E_CHANGED));
}

/* Of a large leaf's pages the first has a place, the others have not. */
EVERY(rebuild, notices_a_large_leaf_that_is_new)
{
    struct job j = one_space(name);
    uint64_t va;

    NEEDS_LARGE_PAGES(name);
    va = large_va(7);
    offer_far(2 * large_bytes(), 3, DIRECT);
    hang(root_at(0), va, 0, user_page_read_only(far_at(0)));
    hang(root_at(0), at_page(144), 0, user_page_read_only(far_at(0)));
    carve(0, guest_bytes(), SERVED);
    map_pages(0, user_va(), 5, 0, absent_page);
    map_pages(0, at_page(16), 3, 8, absent_page);
    map_pages(0, at_page(32), 2, 20, absent_page);
    map_pages(0, kernel_half(), 4, 12, absent_page);
    hang(root_at(0), va, large_level(), 0);
    j.o.base.v = 4 * large_bytes();
    cr_expect(
        eq(int,
           (int)changes(&j, va, large_level(), user_large_read_only(far_at(0))),
           PTW_E_CHANGED));
}

/* ------------------------------------------------------------- amplification */

/* A table full of large leaves on the same memory. */
Test(amd64_rebuild, does_not_work_for_every_page_of_every_large_leaf)
{
    struct job j;

    start("amd64");
    offer_far(0x5000, 5, SERVED);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), huge(far_at(0), 0));
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    guest.calls = 0;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.pages, 5));
    cr_expect(eq(u64, image.counts.tables, 2 + 2 * 512));
    cr_expect(le(u64, guest.calls, 5 * 512));
    guest.calls = 0;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(le(u64, guest.calls, 5 * 1024));
}

/* All of it there, and mapped many times over. */
Test(amd64_rebuild, goes_once_through_memory_that_is_mapped_many_times)
{
    struct job j;

    start("amd64");
    offer_far(0x40000000, 3, DIRECT);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), huge(far_at(0), 0));
    for (unsigned i = 1; i < 100; i++) {
        put(root_at(0), i, any_table(3, new_table()));
        put_all(table_of(root_at(0), (uint64_t)i << 39, 2),
                huge(far_at(0), 0) | PCD);
    }
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.pages, 262144));
    cr_expect(eq(u64, image.counts.large, 51200));
    cr_expect(eq(u64, image.counts.shared_writable, 262144));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.pages, 262144));
}

/* One page of it is refused: what can be read is read a few times, not once for
 * every leaf and piece. */
EVERY(rebuild, reads_a_large_page_with_a_refused_part_a_few_times)
{
    struct job j;
    uint64_t reads; /* of all of it */

    start(name);
    NEEDS_LARGE_PAGES(name);
    reads = large_bytes() / 8;
    offer_far(large_bytes(), large_pages(), SERVED);
    carve(far_at(1) - page_bytes(), page_bytes(), REFUSED);
    for (unsigned i = 0; i < 8; i++) {
        hang(root_at(0), large_va(i), large_level(),
             user_large_read_only(far_at(0)));
    }
    j = job_of(1);
    guest.calls = 0;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.split, 8));
    cr_expect(le(u64, guest.calls, reads + 100));
    guest.calls = 0;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(le(u64, guest.calls, 3 * reads));
}

/* All of it is refused. */
Test(amd64_rebuild, tries_a_refused_large_page_a_few_times)
{
    struct job j;

    start("amd64");
    offer_far(0x40000000, 0, REFUSED);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), huge(far_at(0), 0));
    j = job_of(1);
    guest.calls = 0;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE],
                 (uint64_t)512 * 262144));
    cr_expect(le(u64, guest.calls, 2 * 262144));
    guest.calls = 0;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(le(u64, guest.calls, 2 * 262144));
}

/* The work that it takes to rebuild and to compare a guest with so many leaves
 * of a large page, of which single pages are there.  None can be read, or the
 * first one alone. */
static void work_of_refused(const char *name, unsigned leaves, bool first,
                            uint64_t *rebuilt, uint64_t *compared)
{
    enum { SINGLE = 40 };
    uint8_t *bytes;
    struct job j;

    start(name);
    bytes = far_memory(SINGLE * page_bytes());
    for (unsigned i = 0; i < SINGLE; i++) {
        offer(page_va(far_at(0), i + i / 8), page_bytes(),
              bytes + i * page_bytes(), i == 0 && first ? DIRECT : REFUSED);
    }
    for (unsigned i = 0; i < leaves; i++) {
        hang(root_at(0), large_va(i), large_level(),
             user_large_read_only(far_at(0)));
    }
    j = job_of(1);
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.leaves, first ? leaves : 0));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE],
                 (uint64_t)leaves * (SINGLE - first)));
    *rebuilt = rb.work;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(
        eq(u64, verify.certificate.dropped, leaves * (large_pages() - first)));
    *compared = verify.work;
    free_image(&image);
}

/* Each further leaf costs its own look, or one for each stretch of pages when
 * new leaves are built. */
EVERY(rebuild, goes_through_pages_that_are_refused_once)
{
    start(name);
    NEEDS_LARGE_PAGES(name);
    for (unsigned first = 0; first < 2; first++) {
        uint64_t rebuilt[2];
        uint64_t compared[2];

        work_of_refused(name, 1, first, &rebuilt[0], &compared[0]);
        work_of_refused(name, 61, first, &rebuilt[1], &compared[1]);
        cr_expect(lt(u64, rebuilt[1] - rebuilt[0], 60 * (first ? 40 : 8)),
                  "%s %u: rebuilt", name, first);
        cr_expect(lt(u64, compared[1] - compared[0],
                     60 * (first ? 2 * entries_per_table() + 30 : 8)),
                  "%s %u: compared", name, first);
    }
}

/* ------------------------------------------------------------------- random */

static void random_entries(struct dice *d, unsigned tables)
{
    unsigned levels = ptw_levels(&regime);

    for (unsigned n = 0; n < tables * 5; n++) {
        uint64_t table = root_at((unsigned)roll_below(d, tables));
        uint64_t to = root_at((unsigned)roll_below(d, tables));
        unsigned index =
            (unsigned)roll_below(d, one_in(d, 3) ? entries_per_table() : 4);

        if (one_in(d, 3)) {
            to = data_at((unsigned)roll_below(d, 40));
        }
        if (one_in(d, 8)) {
            to = far_at((unsigned)roll_below(d, 3)) +
                 roll_below(d, 2) * 4 * unit_bytes();
        }
        if (one_in(d, 8) && large_level() > 0) {
            put(table, index,
                random_entry(d, large_level(), true,
                             to & ~(large_bytes() - 1)));
        } else {
            unsigned level = (unsigned)roll_below(d, levels);

            put(table, index, random_entry(d, level, level == 0, to));
        }
        if (one_in(d, 4)) {
            put(table, index % entries_at(levels - 1),
                any_table(levels - 1, to));
        }
    }
}

static unsigned random_flags(struct dice *d)
{
    unsigned flags = (unsigned)roll(d) & 31;

    return one_in(d, 3) ? 0 : flags;
}

static struct job random_job(const char *name, struct dice *d)
{
    unsigned tables = 4 + (unsigned)roll_below(d, 8);
    struct job j;

    start(name);
    offer_far(2 * large_bytes() + 8 * page_bytes(), 8,
              one_in(d, 2) ? DIRECT : SERVED);
    guest.lend = one_in(d, 2);
    if (one_in(d, 3)) {
        carve(page_va(far_at(0), 3), 2 * page_bytes(),
              one_in(d, 2) ? REFUSED : ABSENT);
    }
    if (one_in(d, 3)) {
        carve(data_at(7), page_bytes(), one_in(d, 2) ? REFUSED : ABSENT);
    }
    if (one_in(d, 6)) {
        carve(root_at(5), unit_bytes(), one_in(d, 2) ? REFUSED : SERVED);
    }
    for (unsigned i = 0; i < 6; i++) {
        no_content((unsigned)roll_below(d, 40), 1);
        same_content((unsigned)roll_below(d, 40), (unsigned)roll_below(d, 40));
    }
    random_entries(d, tables);
    j = job_of(1 + (uint32_t)roll_below(d, 3));
    for (uint32_t i = 0; i < j.roots; i++) {
        j.root[i] = ptw_root_of(&regime,
                                ptw_pa_of(root_at((unsigned)roll_below(d, 4))));
    }
    j.o.flags = random_flags(d);
    j.o.seed = roll(d);
    j.o.base.v = roll_below(d, 0x1000) * page_bytes();
    j.least = one_in(d, 4);
    j.refuse = one_in(d, 4) ? 1 + (unsigned)roll_below(d, 9) : 0;
    return j;
}

static void expect_good_random(const char *name, uint64_t seed, unsigned times)
{
    struct dice d = {seed};
    unsigned too_long = 0;

    start(name);
    times = of_page_size(times);
    for (unsigned n = 0; n < times; n++) {
        struct job j = random_job(name, &d);
        const char *what = good(&j, NULL);

        if (strcmp(what, CHECK_TOO_LONG) == 0) {
            too_long++;
        } else {
            cr_expect(eq(str, (char *)what, ""), "round %u", n);
        }
    }
    cr_expect(lt(uint, too_long, times < 4 ? 1 : times / 4));
}

EVERY(rebuild, is_exact_for_random_guests)
{
    expect_good_random(name, 5, 60 / PTW_TESTS_SHARE);
}
