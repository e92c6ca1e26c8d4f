/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_rebuild: dense images of hostile guests. */
#include "compact_bench.h"
#include "every_regime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t RW_USER = 0x67; /* P, W, U, A, D */
static const uint64_t RO_USER = 0x25;
static const uint64_t KERNEL = 0x163; /* P, W, A, D, G */

enum { USER_VA = 0x400000 };

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

/* n pages of one space from va, data from `from`. */
static void map_pages(unsigned space, uint64_t va, unsigned n, unsigned from,
                      uint64_t bits)
{
    for (unsigned i = 0; i < n; i++) {
        hang(root_at(space), va + (uint64_t)i * PAGE, 0,
             data_at(from + i) | bits);
    }
}

/* One space: some pages of each kind, with gaps between. */
static struct job one_space(const char *name)
{
    start(name);
    map_pages(0, USER_VA, 5, 0, RW_USER);
    map_pages(0, USER_VA + 0x10000, 3, 8, RO_USER);
    map_pages(0, USER_VA + 0x20000, 2, 20, 0x31 | COW);
    map_pages(0, kernel_half(), 4, 12, KERNEL);
    return job_of(1);
}

/* Several, with a kernel half that they share and pages of their own. */
static struct job spaces_with_a_kernel(const char *name, unsigned spaces)
{
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    map_pages(0, kernel_half(), 6, 0, KERNEL);
    map_pages(0, kernel_half() + 0x40000, 2, 30, 0x21);
    for (unsigned s = 0; s < spaces; s++) {
        map_pages(s, USER_VA, 2, 8 + 2 * s, RW_USER);
        hang(root_at(s), kernel_half(), top,
             to_table(top, table_of(root_at(0), kernel_half(), top - 1),
                      RWXU & ~(unsigned)PTW_USER));
    }
    return job_of(spaces);
}

/* --------------------------------------------------- the same, to the guest */

EVERY_X86(rebuild, is_exact_for_one_space)
{
    struct job j = one_space(name);

    assert_good(&j);
    cr_expect(eq(u64, image.counts.spaces, 1));
    cr_expect(eq(u64, image.counts.pages, 14));
    cr_expect(eq(u64, image.counts.leaves, 14));
    cr_expect(eq(u64, image.counts.tables, 2 * ptw_levels(&regime) - 1));
    cr_expect(eq(u64, image.counts.aliases, 0));
    cr_expect(eq(u64, image.counts.page_bytes, 14 * PAGE));
    cr_expect(eq(u64, image.counts.bytes,
                 image.counts.page_bytes + image.counts.tables * PAGE));
}

EVERY_X86(rebuild, is_exact_for_an_empty_space)
{
    struct job j;

    start(name);
    j = job_of(1);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.bytes, PAGE));
    cr_expect(eq(u64, image.root[0].table.v, j.o.base.v));
}

EVERY_X86(rebuild, keeps_a_kernel_half_shared)
{
    struct job j = spaces_with_a_kernel(name, 6);

    assert_good(&j);
    cr_expect(eq(u64, image.counts.aliases, 5));
    cr_expect(eq(u64, image.counts.pages, 8 + 12));
    cr_expect(eq(u64, image.counts.leaves, 8 + 12));
    for (unsigned s = 1; s < 6; s++) {
        cr_expect(eq(u64, image_table(&image, s, kernel_half(), 0),
                     image_table(&image, 0, kernel_half(), 0)));
        cr_expect(ne(u64, image_table(&image, s, USER_VA, 0),
                     image_table(&image, 0, USER_VA, 0)));
    }
}

/* KVM's bug: a table reached by two paths, and each path has rights of its own.
 */
EVERY_X86(rebuild, keeps_each_paths_rights_to_a_shared_table)
{
    static const uint64_t bits[] = {0x27, 0x25, 0x23, 0x21, 0x3f};
    struct job j;

    start(name);
    map_pages(0, USER_VA, 4, 0, RW_USER);
    for (unsigned s = 0; s < 5; s++) {
        for (unsigned i = 0; i < 5; i++) {
            hang(root_at(s), span(1) * (2 + i + s), 1,
                 table_of(root_at(0), USER_VA, 0) | bits[(i + s) % 5] |
                     (oracle_withholds(&oracle, PTW_EXEC) && i == 2 ? NX : 0));
        }
    }
    j = job_of(5);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 4));
    cr_expect(eq(u64, image.counts.leaves, 4));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_good(&j);
}

EVERY_X86(rebuild, keeps_one_page_mapped_twice_one_page)
{
    struct job j;

    start(name);
    map_pages(0, USER_VA, 2, 0, RW_USER);
    map_pages(0, USER_VA + 0x30000, 2, 0, RO_USER);
    map_pages(1, USER_VA, 1, 1, RW_USER);
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

    start("amd64");
    map_pages(0, USER_VA, 3, 0, RW_USER);
    pd = table_of(root_at(0), USER_VA, 1);
    pdpt = table_of(root_at(0), USER_VA, 2);
    hang(root_at(0), 0x800000, 1, pd | 0x27 | PWT); /* itself */
    hang(root_at(0), 0x80000000, 2, table_of(root_at(0), USER_VA, 0) | 0x27);
    hang(root_at(0), 0x40000000000, 3, pd | 0x27);
    j = job_of(2);
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(pdpt));
    assert_good(&j);
    cr_expect(ne(u64, image_table(&image, 0, USER_VA, 0),
                 image_table(&image, 0, 0x80000000, 1)));
}

Test(i686_rebuild, makes_a_table_for_every_level_at_which_it_is_used)
{
    struct job j;

    start("i686");
    map_pages(0, USER_VA, 3, 0, RW_USER);
    j = job_of(2);
    j.root[1] =
        ptw_root_of(&regime, ptw_pa_of(table_of(root_at(0), USER_VA, 0)));
    put(j.root[1].table.v, 9, root_at(0) | 0x27);
    assert_good(&j);
}

/* An address of the last entry of a root, and so of no table that is shared. */
static uint64_t slot_va(void)
{
    return oracle_last(&oracle) & ~(span(slot_level()) - 1);
}

/* The recursive slot: it leads to the new root, or to the highest table that can
 * have one, and what is seen through it are the new tables. */
EVERY_X86(rebuild, leads_a_recursive_slot_to_the_new_table)
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

    hang(root_at(0), USER_VA + span(1), 1,
         table_of(root_at(0), USER_VA, 1) | 0x27);
    hang(root_at(0), USER_VA + 3 * span(2), 2,
         table_of(root_at(0), USER_VA, 2) | 0x27 | NX);
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + span(1), 1),
                 image_table(&image, 0, USER_VA, 1) | 0x27));
}

/* Hyperlight 2: 512^4 leaves. */
EVERY_X86(rebuild, is_one_table_when_all_entries_are_itself)
{
    struct job j;

    start(name);
    if (slot_level() + 1 != ptw_levels(&regime)) {
        cr_skip("a root of %s is no table of any other level", name);
    }
    put_all(root_at(0), root_at(0) | 0x27);
    j = job_of(1);
    j.o.max_reads = 3 * entries_per_table();
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.bytes, PAGE));
    for (unsigned i = 0; i < entries_per_table(); i++) {
        cr_expect(eq(u64,
                     image_entry(&image, 0, top_va(i), ptw_levels(&regime) - 1),
                     image.root[0].table.v | 0x27));
    }
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.selves, entries_per_table()));
}

Test(amd64_rebuild, is_exact_for_chains_and_loops_of_tables)
{
    struct job j;

    start("amd64");
    for (unsigned s = 0; s < 4; s++) {
        put(root_at(s), 0, root_at((s + 1) % 4) | 0x27);
        put(root_at(s), 1, root_at((s + 2) % 4) | 0x25);
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
        put(root_at(s), 0, root_at((s + 1) % 4) | 0x27);
        put(root_at(s), 1, root_at((s + 2) % 4) | 0x25);
    }
    j = job_of(4);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, 8));
}

/* A table that is mapped as data shows what the guest had there. */
EVERY_X86(rebuild, copies_a_table_that_is_mapped_as_data)
{
    struct job j = one_space(name);
    uint64_t pt = table_of(root_at(0), USER_VA, 0);
    uint64_t now;

    hang(root_at(0), USER_VA + 0x50000, 0, pt | RO_USER);
    assert_good(&j);
    now = image_entry(&image, 0, USER_VA + 0x50000, 0) & 0xfffffffffffff000;
    cr_expect(ne(u64, now, image_table(&image, 0, USER_VA, 0)));
    cr_expect(lt(u64, now - image.base, image.counts.page_bytes));
}

EVERY_X86(rebuild, keeps_what_software_wrote_into_entries_that_are_not_present)
{
    struct job j = one_space(name);
    unsigned top = ptw_levels(&regime) - 1;

    hang(root_at(0), USER_VA + 0x8000, 0, 0xdeadbe00);
    hang(root_at(0), USER_VA + 2 * span(1), 1, 0xcafe0006);
    put(root_at(0), entries_at(top) - 1, 0x7ffffffe);
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 0x8000, 0), 0xdeadbe00));
    cr_expect(eq(u64, image_entry(&image, 0, top_va(entries_at(top) - 1), top),
                 0x7ffffffe));
}

EVERY_X86(rebuild, drops_and_counts_bad_entries)
{
    struct job j = one_space(name);
    uint64_t bad = to_page(1, 0x800000, RWXU);

    hang(root_at(0), USER_VA + 4 * span(1), 1, bad | reserved_bit(1, bad));
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_BAD_ENTRY], 1));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 4 * span(1), 1), 0));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.bad, 1));
}

EVERY_X86(rebuild, drops_and_counts_pages_and_tables_outside_memory)
{
    struct job j = one_space(name);

    hang(root_at(0), USER_VA + 0x70000, 0, 0x70000000 | RW_USER);
    hang(root_at(0), USER_VA + 0x71000, 0, 0x70001000 | RW_USER);
    hang(root_at(0), USER_VA + 0x72000, 0, 0x70000000 | RO_USER);
    hang(root_at(0), USER_VA + 4 * span(1), 1, 0x70000000 | 0x27);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 3));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_TABLE], 1));
    cr_expect(eq(u64, image.counts.pages, 14));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 3));
    cr_expect(eq(u64, verify.certificate.bad, 1));
}

/* ------------------------------------------------------------- large leaves */

static const uint64_t FAR = 0x40000000;
static uint8_t *far;

/* Memory from FAR, its pages filled, that many of them. */
static void offer_large(uint64_t bytes, uint64_t filled, enum part_kind kind)
{
    far = far_memory(bytes);
    for (uint64_t i = 0; i < filled; i++) {
        memset(far + i * PAGE, (int)(i % 251) + 1, PAGE);
        memcpy(far + i * PAGE, &i, sizeof i);
    }
    offer(FAR, bytes, far, kind);
}

/* One space, and two large leaves of the second level. */
static struct job large_leaves(const char *name, enum part_kind kind)
{
    struct job j = one_space(name);

    offer_large(2 * span(1), 2 * span(1) / PAGE, kind);
    hang(root_at(0), USER_VA + 5 * span(1), 1,
         (FAR + span(1)) | RW_USER | PS | G | PAT_LARGE);
    hang(root_at(0), USER_VA + 7 * span(1), 1, FAR | RO_USER | PS | PCD);
    return j;
}

EVERY_X86(rebuild, keeps_large_leaves_large)
{
    struct job j = large_leaves(name, DIRECT);

    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 2));
    cr_expect(eq(u64, image.counts.split, 0));
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * span(1) / PAGE));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 7 * span(1), 1),
                 (image.base + span(1) - 1) / span(1) * span(1) | RO_USER | PS |
                     PCD));
}

Test(amd64_rebuild, keeps_a_1g_leaf_and_what_lies_inside_it)
{
    struct job j = one_space("amd64");

    offer_large(0x40200000, 3, DIRECT);
    hang(root_at(0), 0x7fc0000000, 2, FAR | RW_USER | PS | NX);
    hang(root_at(0), USER_VA + 9 * span(1), 1,
         (FAR + 0x3fe00000) | RO_USER | PS);
    hang(root_at(0), USER_VA + 8 * span(1), 1, (FAR + 0x40000000) | 0xe5);
    hang(root_at(0), USER_VA + 0x9000, 0, (FAR + 0x1000) | RW_USER);
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 3));
    cr_expect(eq(u64, image.counts.pages, 14 + 262144 + 512));
    cr_expect(eq(u64, image.counts.zeros, 262144 + 512 - 3));
    cr_expect(eq(u64, image.base, 0x100000));
    cr_expect(eq(u64, image_entry(&image, 0, 0x7fc0000000, 2),
                 0x40000000 | RW_USER | PS | NX));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 0x9000, 0),
                 0x40001000 | RW_USER));
}

Test(amd64_rebuild, puts_the_largest_pages_foremost)
{
    struct job j = one_space("amd64");

    offer_large(0x80000000, 0, DIRECT);
    hang(root_at(0), USER_VA + 5 * span(1), 1, FAR | RW_USER | PS);
    hang(root_at(0), 0x80000000, 2, (FAR + 0x40000000) | RW_USER | PS);
    j.o.base.v = 0x40000000;
    j.o.flags = PTW_REBUILD_ZEROS;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.page_bytes, image.counts.pages * PAGE));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 5 * span(1), 1),
                 0x80000000 | RW_USER | PS));
    cr_expect(
        eq(u64, image_entry(&image, 0, USER_VA, 0), 0x80200000 | RW_USER));
}

static bool page_40_is_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    (void)ctx;
    cr_assert(eq(u64, bytes, PAGE));
    return pa.v == data_at(40);
}

/* Pages that lie together are copied together; what is known of one says
 * nothing of the next. */
EVERY_X86(rebuild, hands_over_what_lies_behind_a_page_known_to_be_zeros)
{
    struct job j = one_space(name);
    struct ptw_mem_ops ops = *mem.ops;

    hang(root_at(0), USER_VA + 0x30000, 0, data_at(40) | RW_USER);
    hang(root_at(0), USER_VA + 0x31000, 0, data_at(41) | RW_USER);
    memset(&ram[data_at(40)], 0, PAGE);
    memset(&ram[data_at(41)], 0x41, PAGE);
    ops.zeros = page_40_is_zeros;
    mem.ops = &ops;
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.zeros, 1));
}

EVERY_X86(rebuild, keeps_a_small_leaf_in_a_large_page_one_page)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t va = USER_VA + 0xa000;

    hang(root_at(0), va, 0, (FAR + span(1) + 0x5000) | RO_USER);
    hang(root_at(0), va + PAGE, 0, (FAR + 0x5000) | RO_USER);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * span(1) / PAGE));
    cr_expect(
        eq(u64, image_entry(&image, 0, va, 0) - 0x5000 - RO_USER,
           (image_entry(&image, 0, USER_VA + 5 * span(1), 1) & ~0x1fffull)));
}

EVERY_X86(rebuild, splits_large_leaves_on_request)
{
    struct job j = large_leaves(name, DIRECT);

    j.o.flags = PTW_REBUILD_SPLIT;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 0));
    cr_expect(eq(u64, image.counts.split, 2));
    cr_expect(eq(u64, image.counts.leaves, 14 + 2 * span(1) / PAGE));
    cr_expect(eq(u64, image.counts.page_bytes, image.counts.pages * PAGE));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 5 * span(1), 0) & 0xfff,
                 RW_USER | G | PAT));
}

Test(amd64_rebuild, splits_a_1g_leaf_on_request)
{
    struct job j = one_space("amd64");

    offer_large(0x40000000, 3, DIRECT);
    hang(root_at(0), 0x80000000, 2, FAR | RO_USER | PS | PAT_LARGE | NX);
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
    hang(root_at(0), 0x8000000, 1, 0x00400000 | 0x12 << 13 | RW_USER | PS);
    assert_good(&j);
    cr_expect(
        eq(u64, image_entry(&image, 0, 0x8000000, 1), 0x400000 | RW_USER | PS));
    j.o.flags = PTW_REBUILD_SPLIT;
    expect_good(&j);
}

Test(i686_rebuild, refuses_an_image_that_small_entries_cant_reach)
{
    struct job j = one_space("i686");

    j.o.base.v = 0xffffe000;
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = 0x100000000 - (14 + 3) * PAGE;
    assert_good(&j);
    j.o.base.v += PAGE;
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = (uint64_t)1 << 40;
    expect_refused(&j, PTW_E_WIDTH);
}

Test(amd64_rebuild, refuses_an_image_beyond_the_width)
{
    struct job j = one_space("amd64");

    j.o.base.v = ((uint64_t)1 << 52) - (14 + 7) * PAGE;
    assert_good(&j);
    j.o.base.v += PAGE;
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = ((uint64_t)1 << 52) - 2 * PAGE;
    expect_refused(&j, PTW_E_WIDTH);
    j.o.base.v = (uint64_t)1 << 52;
    expect_refused(&j, PTW_E_WIDTH);
}

EVERY_X86(rebuild, pads_an_unaligned_base_for_large_leaves)
{
    struct job j = large_leaves(name, DIRECT);

    j.o.base.v = 0x7ff000;
    assert_good(&j);
    cr_expect(
        eq(u64, image.counts.page_bytes, (image.counts.pages + 1) * PAGE));
    j.o.base.v = 0x800000;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.page_bytes, image.counts.pages * PAGE));
    j.o.base.v = 0x801800;
    expect_refused(&j, PTW_E_ALIGN);
}

EVERY_X86(rebuild, keeps_what_there_is_of_a_large_leaf_partly_outside_memory)
{
    struct job j = one_space(name);
    uint64_t pages = span(1) / PAGE;

    offer_large(0x7000, 7, DIRECT);
    carve(FAR + 0x2000, 0x1000, ABSENT);
    hang(root_at(0), USER_VA + 5 * span(1), 1, FAR | RW_USER | PS | PAT_LARGE);
    hang(root_at(0), USER_VA + 6 * span(1), 1,
         (FAR + span(1)) | RW_USER | PS); /* wholly outside */
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 14 + 6));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 2 * pages - 6));
    cr_expect(eq(u64, image.counts.tables, 2 * ptw_levels(&regime)));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 2 * pages - 6));
}

Test(amd64_rebuild, splits_a_1g_leaf_no_further_than_it_has_to)
{
    struct job j = one_space("amd64");

    offer_large(0x601000, 0x601, DIRECT);
    hang(root_at(0), 0x80000000, 2, FAR | RO_USER | PS | PAT_LARGE);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.large, 3));
    cr_expect(eq(u64, image.counts.tables, 7 + 2));
    cr_expect(eq(u64, image.counts.pages, 14 + 0x601));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 262144 - 0x601));
    cr_expect(eq(u64, image_entry(&image, 0, 0x80200000, 1) & 0x1fff,
                 RO_USER | PS | PAT_LARGE));
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

EVERY_X86(rebuild, leaves_out_the_start_the_middle_and_the_end)
{
    struct job j = spaces_with_a_kernel(name, 3);
    uint64_t end = oracle_last(&oracle) + 1; /* or 0 */

    expect_good_without(&j, 0, USER_VA + PAGE);
    cr_expect(eq(u64, image.counts.pages, 8 + 3));
    expect_good_without(&j, USER_VA + PAGE, PAGE);
    cr_expect(eq(u64, image.counts.pages, 8 + 3));
    expect_good_without(&j, kernel_half() + PAGE, end - kernel_half() - PAGE);
    cr_expect(eq(u64, image.counts.pages, 1 + 6));
    /* across the gap */
    expect_good_without(&j, USER_VA + PAGE, kernel_half() - USER_VA);
    cr_expect(eq(u64, image.counts.pages, 7 + 3));
}

EVERY_X86(rebuild, keeps_a_range_only)
{
    struct job j = spaces_with_a_kernel(name, 3);

    j.o.first.v = USER_VA + PAGE;
    j.o.last.v = kernel_half() + 0xfff;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 3 + 1));
    j.o.first.v = USER_VA + 0x100000;
    j.o.last.v = USER_VA + 0x100fff;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.pages, 0));
}

EVERY_X86(rebuild, cuts_large_leaves_where_they_are_left_out)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t va = USER_VA + 5 * span(1);

    expect_good_without(&j, va + span(1) - PAGE, 3 * PAGE);
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
    cr_expect(eq(u64, image.counts.pages, 14 + 2 * span(1) / PAGE - 1));
    expect_good_without(&j, va, span(1));
    cr_expect(eq(u64, image.counts.split, 0));
    cr_expect(eq(u64, image.counts.pages, 14 + span(1) / PAGE));
}

EVERY_X86(rebuild, forgets_what_software_wrote_where_it_is_left_out)
{
    struct job j = one_space(name);

    hang(root_at(0), USER_VA + 0x8000, 0, 0xdeadbe00);
    hang(root_at(0), USER_VA + 0x9000, 0, 0xdeadbe02);
    expect_good_without(&j, USER_VA + 0x8000, PAGE);
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 0x8000, 0), 0));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 0x9000, 0), 0xdeadbe02));
}

EVERY_X86(rebuild, drops_a_recursive_slot_that_is_kept_in_part)
{
    struct job j = one_space(name);
    uint64_t slot = slot_va() - span(slot_level());

    hang_slot(root_at(0), slot, true);
    expect_good_without(&j, slot + 7 * PAGE, PAGE);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_SELF], 1));
    cr_expect(eq(u64, image_entry(&image, 0, slot, slot_level()), 0));
    expect_good_without(&j, slot + span(slot_level()), PAGE);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_SELF], 0));
}

EVERY_X86(rebuild, refuses_ranges_that_are_none)
{
    struct job j = one_space(name);
    struct ptw_va_range out[2] = {range(USER_VA, PAGE), range(USER_VA, PAGE)};

    j.o.leave_out = out;
    j.o.leave_outs = 2;
    expect_refused(&j, PTW_E_RANGE);
    out[1] = range(USER_VA + PAGE, 0x800);
    expect_refused(&j, PTW_E_ALIGN);
    out[1] = range(USER_VA + PAGE, PAGE);
    assert_good(&j);
    j.o.first.v = 0x800;
    expect_refused(&j, PTW_E_ALIGN);
    j.o.first.v = 0;
    j.o.last.v = USER_VA + 0x10ffe;
    expect_refused(&j, PTW_E_ALIGN);
    j.o.first.v = PAGE;
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
        .last = {va + 4 * PAGE - 1},
        .pa = {0x3000000},
        .rights = PTW_READ | PTW_WRITE,
    };

    if (!oracle_withholds(&oracle, PTW_EXEC)) {
        q.rights |= PTW_EXEC;
    }
    return q;
}

static void map_at_last(struct job *j, uint64_t va)
{
    static struct ptw_map_request q;
    static struct ptw_va_range out;

    q = scratch(va);
    out = range(va, 4 * PAGE);
    j->o.map = &q;
    j->o.maps = 1;
    j->o.leave_out = &out;
    j->o.leave_outs = 1;
}

EVERY_X86(rebuild, maps_scratch_into_every_new_space)
{
    struct job j = spaces_with_a_kernel(name, 4);
    uint64_t tables;

    assert_good(&j);
    tables = image.counts.tables;
    /* where nothing was, where something was of each space's own, and in what
     * they share */
    map_at_last(&j, USER_VA + 9 * span(1) + 0x7000);
    assert_good(&j);
    cr_expect(gt(u64, image.counts.tables, tables));
    map_at_last(&j, USER_VA + PAGE);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, tables));
    cr_expect(eq(u64, image.counts.pages, 8 + 4));
    map_at_last(&j, kernel_half() + 0x3000);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.tables, tables));
    map_at_last(&j, span(1) - 2 * PAGE); /* over two tables */
    assert_good(&j);
}

EVERY(rebuild, maps_a_users_pages_beside_the_supervisors)
{
    struct job j = spaces_with_a_kernel(name, 2);
    uint64_t va = USER_VA + 9 * span(1);
    struct ptw_map_request q[2] = {scratch(va), scratch(va + 4 * PAGE)};
    struct ptw_va_range out = range(va, 8 * PAGE);

    q[1].rights |= PTW_USER;
    j.o.map = q;
    j.o.maps = 2;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    assert_good(&j);
}

EVERY_X86(rebuild, refuses_a_map_over_what_is_kept)
{
    struct job j = spaces_with_a_kernel(name, 2);
    struct ptw_map_request reversed = scratch(USER_VA);
    struct ptw_va_range out[2];

    map_at_last(&j, USER_VA);
    reversed.last.v = USER_VA - 1;
    j.o.map = &reversed;
    expect_refused(&j, PTW_E_RANGE);
    map_at_last(&j, USER_VA);
    j.o.leave_outs = 0;
    expect_refused(&j, PTW_E_OVERLAP);
    out[0] = range(USER_VA, 3 * PAGE);
    j.o.leave_out = out;
    j.o.leave_outs = 1;
    expect_refused(&j, PTW_E_OVERLAP);
    out[0] = range(USER_VA + PAGE, 3 * PAGE);
    expect_refused(&j, PTW_E_OVERLAP);
    /* two ranges that have it between them */
    out[0] = range(USER_VA, 3 * PAGE);
    out[1] = range(USER_VA + 3 * PAGE, 9 * PAGE);
    j.o.leave_outs = 2;
    assert_good(&j);
    /* and one of them is beyond what is kept at all */
    j.o.leave_out = &out[1];
    j.o.leave_outs = 1;
    j.o.first.v = USER_VA + 3 * PAGE;
    assert_good(&j);
}

/* A map is judged before anything is copied: the regime has it or not. */
EVERY(rebuild, refuses_at_the_beginning_a_map_that_can_not_be)
{
    struct job j = spaces_with_a_kernel(name, 2);
    uint64_t va = USER_VA + 9 * span(1);
    struct ptw_map_request q;
    struct ptw_va_range out = range(va, 4 * PAGE);

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
    q.pa.v = UINT64_C(1) << 52;
    BEGINS(PTW_E_WIDTH);
    q.pa.v = 0 - (uint64_t)2 * PAGE;
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
    uint64_t va = USER_VA + 2 * PAGE;
    struct ptw_map_request q = scratch(va);
    struct ptw_va_range out = range(va, 4 * PAGE);
    struct image n;
    size_t map = 9;

    j.o.map = &q;
    j.o.maps = 1;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    free_image(&n);
    hang(root_at(0), USER_VA, slot_level(),
         table_of(root_at(0), USER_VA, slot_level() - 1) | 5);
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_RIGHTS));
    cr_expect(eq(u64, n.written, 0));
    cr_expect(ptw_rebuild_bad_map(&rb, &map));
    cr_expect(eq(sz, map, 0));
    q.rights &= ~(unsigned)PTW_WRITE;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    free_image(&n);
}

EVERY_X86(rebuild, refuses_maps_that_overlap)
{
    struct job j = spaces_with_a_kernel(name, 1);
    uint64_t va = USER_VA + 9 * span(1);
    struct ptw_map_request q[2] = {scratch(va), scratch(va)};
    struct ptw_va_range out = range(va, 4 * PAGE);
    struct image n;
    size_t map = 9;

    q[1].first = q[1].last;
    q[1].first.v &= ~(uint64_t)(PAGE - 1);
    j.o.map = q;
    j.o.maps = 2;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    cr_expect(ptw_rebuild_bad_map(&rb, &map));
    cr_expect(eq(sz, map, 1));
}

EVERY_X86(rebuild, puts_tables_where_they_are_asked_for)
{
    struct job j = spaces_with_a_kernel(name, 2);
    struct image n;
    uint64_t pages;
    uint64_t tables;

    cr_expect(eq(int, (int)compact(&j, &n), PTW_OK));
    pages = n.counts.page_bytes;
    tables = n.counts.bytes - pages;
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
    j.o.tables_base.v = j.o.base.v + pages - PAGE;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    j.o.tables_base.v = j.o.base.v - tables + PAGE;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_OVERLAP));
    j.o.tables_base.v = j.o.base.v + 8;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_ALIGN));
    j.o.tables_base.v = UINT64_C(1) << 52;
    cr_expect(eq(int, (int)compact(&j, &n), PTW_E_WIDTH));
}

/* ----------------------------------------------------------------- policies */

EVERY_X86(rebuild, turns_writable_leaves_copy_on_write)
{
    struct job j = one_space(name);

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA, 0) & 0xfff,
                 (RW_USER & ~W) | COW));
    cr_expect(
        eq(u64, image_entry(&image, 0, USER_VA + 0x10000, 0) & 0xfff, RO_USER));
    cr_expect(eq(u64, image_entry(&image, 0, USER_VA + 0x20000, 0) & 0xfff,
                 0x31 | COW));
}

EVERY_X86(rebuild, leaves_pages_writable_that_two_leaves_write)
{
    struct job j = one_space(name);

    map_pages(1, USER_VA, 2, 0, RW_USER); /* written here too */
    j.roots = 2;
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 7));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
    cr_expect(eq(u64, image_entry(&image, 1, USER_VA, 0),
                 image_entry(&image, 0, USER_VA, 0)));
    cr_expect(eq(u64, image_entry(&image, 1, USER_VA, 0) & 0xfff, RW_USER));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 11));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
}

/* The reader would stay at the old page when the writer gets a copy. */
EVERY_X86(rebuild, leaves_a_page_writable_that_another_leaf_only_reads)
{
    struct job j = one_space(name);
    uint64_t reader = USER_VA + 0x30000;

    map_pages(0, reader, 2, 1, RO_USER);
    map_pages(0, reader + 0x10000, 1, 8, RO_USER); /* two readers */
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 7));
    cr_expect(eq(u64, image.counts.copy_on_write_pages, 7));
    cr_expect(eq(u64, image.counts.shared_writable, 2));
    cr_expect(eq(u64, image.counts.writable_pages, 2));
    cr_expect(
        eq(u64, image_entry(&image, 0, USER_VA + PAGE, 0) & 0xfff, RW_USER));
    /* the reader comes first, in another space */
    map_pages(1, USER_VA + 0x20000, 1, 12, RO_USER);
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
    hang(root_at(1), kernel_half() + span(1), 1, 0x21 | PS);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 0));
    cr_expect(eq(u64, image.counts.copy_on_write_pages, 0));
    cr_expect(eq(u64, image.counts.shared_writable, 9));
}

/* The rest of a large leaf stays writable with the page that has to. */
EVERY_X86(rebuild, counts_what_stays_writable_with_a_shared_page)
{
    struct job j = large_leaves(name, DIRECT);

    hang(root_at(0), USER_VA + 0x90000, 0, (FAR + span(1) + 0x9000) | RO_USER);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 1));
    cr_expect(eq(u64, image.counts.writable_pages, span(1) / PAGE));
    /* the reader is as large, and comes again and again */
    for (unsigned i = 0; i < 5; i++) {
        hang(root_at(0), USER_VA + (12 + i) * span(1), 1,
             (FAR + span(1)) | RO_USER | PS);
    }
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, span(1) / PAGE));
    cr_expect(eq(u64, image.counts.writable_pages, span(1) / PAGE));
}

/* One leaf in a table that many spaces share is one leaf. */
EVERY_X86(rebuild, turns_a_leaf_of_a_shared_table_copy_on_write)
{
    struct job j = spaces_with_a_kernel(name, 5);

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 6 + 10));
    cr_expect(eq(u64, image.counts.shared_writable, 0));
}

EVERY_X86(rebuild, applies_the_policy_to_large_leaves)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t va = USER_VA + 5 * span(1);

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, va, 1) & 0xfff,
                 (RW_USER & ~W) | PS | G | COW));
    /* one page of it is written elsewhere */
    hang(root_at(0), USER_VA + 0x90000, 0, (FAR + span(1) + 0x9000) | RW_USER);
    assert_good(&j);
    cr_expect(eq(u64, image_entry(&image, 0, va, 1) & 0xfff, RW_USER | PS | G));
    cr_expect(eq(u64, image.counts.shared_writable, 1));
    j.o.flags |= PTW_REBUILD_SPLIT;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9 + span(1) / PAGE - 1));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.copy_on_write, 9 + 2));
    /* and now all of it */
    hang(root_at(0), USER_VA + 12 * span(1), 1, (FAR + span(1)) | RW_USER | PS);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, span(1) / PAGE));
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
}

Test(amd64_rebuild, applies_the_policy_to_leaves_within_a_1g_leaf)
{
    struct job j = one_space("amd64");

    offer_large(0x40000000, 3, DIRECT);
    hang(root_at(0), USER_VA + 2 * span(1), 1, FAR | RW_USER | PS);
    hang(root_at(0), 0x80000000, 2, FAR | RW_USER | PS);
    hang(root_at(0), USER_VA + 4 * span(1), 1, (FAR + 0x200000) | RO_USER | PS);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 1024));
    cr_expect(eq(u64, image.counts.copy_on_write, 9));
    hang(root_at(0), 0xc0000000, 2, FAR | RW_USER | PS);
    hang(root_at(0), 0x100000000, 2, FAR | RW_USER | PS);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.shared_writable, 262144));
}

EVERY_X86(rebuild, refuses_copy_on_write_where_the_supervisor_writes_everywhere)
{
    struct job j = one_space(name);

    machine_with(name, 52, PTW_X86_WP);
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
    memcpy(&ram[data_at(to)], &ram[data_at(from)], PAGE);
}

EVERY_X86(rebuild, merges_equal_pages_that_nobody_can_write)
{
    struct job j = one_space(name);

    same_content(8, 20);  /* read-only and copy-on-write */
    same_content(8, 10);  /* and read-only again */
    same_content(8, 0);   /* writable */
    same_content(9, 13);  /* writable by the kernel */
    same_content(1, 2);   /* both writable */
    ram[data_at(9)] ^= 1; /* not quite */
    same_content(9, 21);
    ram[data_at(9) + PAGE - 1] ^= 0x80;
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
    map_pages(0, USER_VA + 0x30000, 1, 0, RW_USER);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    j.o.flags |= PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 4));
}

EVERY_X86(rebuild, merges_nothing_where_the_supervisor_writes_everywhere)
{
    struct job j;

    start_without_write_protect(name);
    map_pages(0, USER_VA, 4, 0, RO_USER);
    same_content(0, 1);
    memset(&ram[data_at(2)], 0, 2 * PAGE);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 0));
    cr_expect(eq(u64, image.counts.pages, 4));
    cr_expect(eq(u64, image.counts.writable_pages, 4));
}

/* Dirty, with R/W clear, under CR4.CET. */
EVERY_X86(rebuild, merges_no_shadow_stacks)
{
    struct job j;

    start_with_shadow_stacks(name);
    map_pages(0, USER_VA, 4, 0, RO_USER & ~0x40ull);
    hang(root_at(0), USER_VA, 0, data_at(0) | RO_USER | 0x40);
    hang(root_at(0), USER_VA + PAGE, 0, data_at(1) | RO_USER | 0x40);
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
    cr_expect(eq(u64, image.counts.merged, 1));
    cr_expect(eq(u64, image.counts.copy_on_write, 0));
}

/* By a recursive slot that it can write the guest makes any leaf writable. */
EVERY_X86(rebuild, merges_nothing_where_the_guest_can_write_a_recursive_slot)
{
    struct job j = one_space(name);
    uint64_t slot = slot_va() - span(slot_level());

    same_content(8, 9);
    memset(&ram[data_at(20)], 0, 2 * PAGE);
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 2));
    hang_slot(root_at(0), slot, true);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.writable_selves, 1));
    cr_expect(zero(u64, image.counts.merged));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(zero(u64, image.counts.merged));
    /* one that it can't write, and one that is not kept, change nothing */
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS;
    hang_slot(root_at(0), slot, false);
    assert_good(&j);
    cr_expect(zero(u64, image.counts.writable_selves));
    cr_expect(eq(u64, image.counts.merged, 2));
    hang_slot(root_at(0), slot, true);
    expect_good_without(&j, slot + 7 * PAGE, PAGE);
    cr_expect(zero(u64, image.counts.writable_selves));
    cr_expect(eq(u64, image.counts.merged, 2));
}

/* As seen from a slot below the root, and from another space. */
EVERY_X86(rebuild, merges_nothing_beside_a_slot_of_any_level_and_space)
{
    struct job j = one_space(name);

    same_content(8, 9);
    map_pages(1, USER_VA, 2, 8, RO_USER);
    hang(root_at(1), USER_VA + span(1), 1,
         table_of(root_at(1), USER_VA, 1) | 0x27);
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
EVERY_X86(rebuild, does_not_merge_what_only_looks_equal)
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

EVERY_X86(rebuild, merges_pages_of_zeros)
{
    struct job j = one_space(name);

    memset(&ram[data_at(8)], 0, 2 * PAGE);  /* read-only */
    memset(&ram[data_at(20)], 0, 2 * PAGE); /* copy-on-write */
    memset(&ram[data_at(0)], 0, PAGE);      /* writable */
    same_content(10, 3);
    j.o.flags = PTW_REBUILD_ZEROS;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    cr_expect(eq(u64, image.counts.pages, 11));
    cr_expect(eq(u64, image.counts.zeros, 2));
    cr_expect(eq(u64, image.written, 9 * PAGE));
    j.o.flags = PTW_REBUILD_MERGE;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 3));
    cr_expect(eq(u64, image.counts.zeros, 0));
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS | PTW_REBUILD_COPY_SHARED;
    assert_good(&j);
    cr_expect(eq(u64, image.counts.merged, 5));
}

EVERY_X86(rebuild, does_not_merge_what_lies_in_a_large_page)
{
    struct job j = large_leaves(name, DIRECT);

    memset(far, 0, 3 * PAGE);
    hang(root_at(0), USER_VA + 0x90000, 0, FAR | RO_USER);
    memset(&ram[data_at(8)], 0, PAGE);
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
    cr_expect(gt(u64, image.counts.bytes, PAGE));
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
        hang(root_at(0), USER_VA + 0x80000 + (uint64_t)i * PAGE, 0,
             data_at(i) | RO_USER);
        hang(root_at(0), USER_VA + (20 + i % 90) * span(1), 0,
             data_at(i) | RO_USER);
    }
    j.o.flags = PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS | PTW_REBUILD_SPLIT |
                PTW_REBUILD_COPY_ON_WRITE;
    return j;
}

EVERY_X86(rebuild, gives_the_same_however_little_storage_comes)
{
    struct job j = busy_space(name);
    struct image n;

    assert_good(&j);
    cr_assert(ge(uint, image.asked, 4));
    j.least = true;
    cr_assert(eq(str, (char *)good(&j, &n), ""));
    cr_expect(gt(uint, n.asked, image.asked));
    cr_expect(same_outcome(&image, &n));
}

EVERY_X86(rebuild, gives_the_same_with_any_seed)
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
    static _Alignas(8) unsigned char storage[1 << 16];
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
        eq(int, (int)ptw_rebuild_give(&rb, NULL, 1 << 16, &before), PTW_E_ARG));
    cr_expect(before == NULL);
    cr_expect(eq(uint, stores_at(storage), 0));
    cr_expect(eq(int,
                 (int)ptw_rebuild_give(&rb, storage, sizeof storage, &before),
                 PTW_OK));
    cr_expect(eq(uint, stores_at(storage), 1));
    cr_expect(ptw_rebuild_storage(&rb, PTW_REBUILD_STORES) == NULL);
}

/* The same for every store: unaligned, it is refused, and nothing is lost. */
EVERY_X86(rebuild, refuses_unaligned_storage_every_time)
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

EVERY_X86(rebuild, says_where_each_page_went)
{
    struct job j = one_space(name);
    struct image n = {0};
    ptw_pa now = {0};

    same_content(8, 20);
    memset(&ram[data_at(9)], 0, 2 * PAGE);
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
    cr_expect(eq(u64, now.v, j.o.base.v + PAGE + 5));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(20) + 9), &now),
                 PTW_OK));
    cr_expect(eq(u64, now.v, j.o.base.v + 5 * PAGE + 9));
    cr_expect(eq(int, (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(10)), &now),
                 PTW_OK));
    cr_expect(eq(u64, now.v, j.o.base.v + 6 * PAGE));
    cr_expect(eq(int, (int)ptw_rebuild_page(&rb, ptw_pa_of(data_at(7)), &now),
                 PTW_NOT_MAPPED));
    cr_expect(eq(int,
                 (int)ptw_rebuild_page(&rb, ptw_pa_of((uint64_t)1 << 51), &now),
                 PTW_NOT_MAPPED));
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rb, i));
    }
    free_image(&n);
}

/* ---------------------------------------------------- sinks and accessors */

EVERY_X86(rebuild, goes_on_where_the_sink_refused)
{
    struct job j = busy_space(name);
    struct image n;

    j.o.flags = PTW_REBUILD_ZEROS;
    memset(&ram[data_at(8)], 0, 2 * PAGE);
    for (unsigned i = 0; i < 180; i += 3) { /* many short runs */
        hang(root_at(0), USER_VA + 0x80000 + (uint64_t)i * PAGE, 0, 0);
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

EVERY_X86(rebuild, reads_what_is_served)
{
    struct job j = busy_space(name);
    struct image n;

    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    for (unsigned lend = 0; lend < 2; lend++) {
        guest.lend = lend == 1;
        guest.calls = 0;
        carve(data_at(30), 20 * PAGE, SERVED);
        carve(0, data_at(10), SERVED);
        carve(FAR, span(1), SERVED);
        cr_assert(eq(str, (char *)good(&j, &n), ""));
        cr_expect(same_outcome(&image, &n));
        cr_expect(gt(u64, guest.calls, 1000));
        free_image(&n);
        j = busy_space(name);
    }
}

EVERY_X86(rebuild, drops_and_counts_pages_that_are_refused)
{
    struct job j = one_space(name);

    carve(data_at(1), PAGE, REFUSED);
    carve(data_at(12), 2 * PAGE, REFUSED);
    map_pages(0, USER_VA + 0x30000, 1, 1, RO_USER);
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
        carve(data_at(4) + 0xfff, 5, kinds[i]);
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

EVERY_X86(rebuild, drops_and_counts_a_page_of_which_memory_has_a_part)
{
    struct job j = one_space(name);

    carve(data_at(1) + 1, 1, ABSENT);
    carve(data_at(12) + 0xfff, 2, ABSENT);
    carve(data_at(3), PAGE, ABSENT);
    map_pages(0, USER_VA + 0x30000, 1, 1, RO_USER);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_PARTIAL], 4));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], 1));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.dropped, 5));
}

EVERY_X86(rebuild, splits_a_large_leaf_in_which_memory_ends_inside_a_page)
{
    struct job j = large_leaves(name, SERVED);

    carve(FAR + span(1) + 0x4ffd, span(1) - 0x4ffd, ABSENT);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_PARTIAL], 1));
    cr_expect(
        eq(u64, image.counts.dropped[PTW_DROP_OUTSIDE], span(1) / PAGE - 5));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
}

EVERY_X86(rebuild, splits_a_large_leaf_of_which_a_part_is_refused)
{
    struct job j = large_leaves(name, SERVED);
    uint64_t tables = 2 * ptw_levels(&regime) - 1;

    carve(FAR + span(1) + 0x4000, 2 * PAGE, REFUSED);
    hang(root_at(0), USER_VA + 0x90000, 0, (FAR + span(1) + 0x4000) | RO_USER);
    hang(root_at(0), USER_VA + 0x91000, 0, (FAR + span(1) + 0x6000) | RO_USER);
    assert_good(&j);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], 3));
    cr_expect(eq(u64, image.counts.split, 1));
    cr_expect(eq(u64, image.counts.large, 1));
    cr_expect(eq(u64, image.counts.tables, tables + 1));
    guest.lend = true;
    expect_good(&j);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    expect_good(&j);
    /* all of it */
    carve(FAR + span(1) + 0x6000, span(1) - 0x6000, REFUSED);
    carve(FAR + span(1), 0x4000, REFUSED);
    j.o.flags = 0;
    assert_good(&j);
    cr_expect(
        eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], span(1) / PAGE + 2));
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

EVERY_X86(rebuild, drops_and_counts_tables_that_are_refused)
{
    struct job j = spaces_with_a_kernel(name, 3);

    carve(table_of(root_at(0), kernel_half(), 0), PAGE, REFUSED);
    assert_good(&j);
    cr_expect(ge(u64, image.counts.dropped[PTW_DROP_TABLE], 1));
    cr_expect(eq(u64, image.counts.pages, 6));
}

EVERY(rebuild, says_which_root_is_bad)
{
    static const enum ptw_status why[] = {PTW_E_ALIGN, PTW_E_BUS, PTW_E_ALIGN,
                                          PTW_E_WIDTH};
    uint64_t bad[] = {0, 0x70000000, 0x1001, (uint64_t)1 << 52};

    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t at = 0; at < 3; at++) {
            struct job j = spaces_with_a_kernel(name, 3);
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
        *value = (pa & ~(uint64_t)0xfff) | 0x27;
        return true;
    case 3:
        *value = root_at(0) | 0x67 | (roll(&liar) & PS);
        return true;
    case 4:
        return false;
    default:
        return true;
    }
}

/* The accessor of the sanitizers sees what is out of range; besides, the outcome
 * is what the guest was at some time, or a status. */
EVERY(rebuild, stays_in_range_when_the_tables_change)
{
    unsigned changed = 0;
    unsigned done = 0;

    for (unsigned n = 0; n < 300; n++) {
        struct job j = spaces_with_a_kernel(name, 3);
        enum ptw_status st;

        carve(0, data_at(0), SERVED);
        j.o.max_bytes = 0x1000000;
        guest.answer = lie;
        liar.state = n;
        answers_left = n * 25 * ptw_levels(&regime);
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
    cr_expect(gt(uint, changed, 10));
    cr_expect(gt(uint, done, 10));
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

    change_at =
        table_of(root_at(0), va, level) +
        (va >> ptw_level_shift(&regime, level) & (entries_per_table() - 1)) *
            ptw_entry_bytes(&regime);
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

EVERY_X86(rebuild, notices_tables_that_change_between_plan_and_building)
{
    static const enum ptw_status gone = PTW_E_CHANGED;

    start(name);
    cr_expect(eq(int, (int)changed(name, USER_VA, 0, data_at(200) | RW_USER),
                 (int)gone));
    cr_expect(eq(int, (int)changed(name, USER_VA, 0, 0), PTW_DIFFERENT));
    cr_expect(eq(int, (int)changed(name, USER_VA, 1, 0), (int)gone));
    cr_expect(eq(int, (int)changed(name, USER_VA, 1, 0x80000000 | RW_USER | PS),
                 (int)gone));
    cr_expect(
        eq(int, (int)changed(name, USER_VA, 1, 0x80000000 | 0x27), (int)gone));
    cr_expect(
        eq(int, (int)changed(name, USER_VA + 2 * PAGE, 0, data_at(9) | RW_USER),
           PTW_DIFFERENT));
    cr_expect(eq(int, (int)changed(name, USER_VA, 0, data_at(9) | RO_USER),
                 PTW_DIFFERENT));
}

/* A table more than the plan saw: there is no room for it. */
EVERY(rebuild, notices_tables_that_are_new)
{
    start(name);
    cr_expect(eq(int, (int)changed(name, USER_VA, 1, (root_at(9) | 0x27)),
                 PTW_DIFFERENT));
    cr_expect(
        eq(int,
           (int)changed(name, kernel_half(), ptw_levels(&regime) - 1,
                        to_table(ptw_levels(&regime) - 1, root_at(9), RWXU)),
           PTW_E_CHANGED));
    for (unsigned i = 1; i < 4; i++) {
        struct job j = spaces_with_a_kernel(name, 2);
        uint64_t va = USER_VA + i * span(1);

        hang(root_at(1), va, 0, 0);
        hang(root_at(1), va, 1, 0);
        carve(0, data_at(0), SERVED);
        cr_expect(
            eq(int, (int)changes(&j, va, 1, root_at(9) | 0x27), PTW_E_CHANGED));
    }
}

/* A large leaf has to be split, and was not to be. */
EVERY_X86(rebuild, notices_a_large_leaf_that_has_to_be_split_now)
{
    struct job j = large_leaves(name, DIRECT);
    uint64_t va = USER_VA + 7 * span(1);

    offer(FAR + 8 * span(1), 0x5000, far_memory(0x5000), DIRECT);
    hang(root_at(0), USER_VA + 0x90000, 0, (FAR + 8 * span(1)) | RO_USER);
    carve(0, data_at(0), SERVED);
    cr_expect(eq(int,
                 (int)changes(&j, va, 1, (FAR + 8 * span(1)) | RO_USER | PS),
                 PTW_E_CHANGED));
}

/* Of a large leaf's pages the first has a place, the others have not. */
EVERY_X86(rebuild, notices_a_large_leaf_that_is_new)
{
    struct job j = one_space(name);
    uint64_t va = USER_VA + 7 * span(1);

    offer_large(2 * span(1), 3, DIRECT);
    hang(root_at(0), va, 0, FAR | RO_USER);
    hang(root_at(0), USER_VA + 0x90000, 0, FAR | RO_USER);
    carve(0, RAM_BYTES, SERVED);
    map_pages(0, USER_VA, 5, 0, 0);
    map_pages(0, USER_VA + 0x10000, 3, 8, 0);
    map_pages(0, USER_VA + 0x20000, 2, 20, 0);
    map_pages(0, kernel_half(), 4, 12, 0);
    hang(root_at(0), va, 1, 0);
    j.o.base.v = 0x800000;
    cr_expect(
        eq(int, (int)changes(&j, va, 1, FAR | RO_USER | PS), PTW_E_CHANGED));
}

/* ------------------------------------------------------------- amplification */

/* A table full of large leaves on the same memory. */
Test(amd64_rebuild, does_not_work_for_every_page_of_every_large_leaf)
{
    struct job j;

    start("amd64");
    offer_large(0x5000, 5, SERVED);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), FAR | RW_USER | PS);
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
    offer_large(0x40000000, 3, DIRECT);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), FAR | RW_USER | PS);
    for (unsigned i = 1; i < 100; i++) {
        put(root_at(0), i, new_table() | 0x27);
        put_all(table_of(root_at(0), (uint64_t)i << 39, 2),
                FAR | RW_USER | PS | PCD);
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
EVERY_X86(rebuild, reads_a_large_page_with_a_refused_part_a_few_times)
{
    struct job j;
    uint64_t pages;

    start(name);
    pages = span(1) / PAGE;
    offer_large(span(1), pages, SERVED);
    carve(FAR + span(1) - PAGE, PAGE, REFUSED);
    for (unsigned i = 0; i < 8; i++) {
        hang(root_at(0), USER_VA + i * span(1), 1, FAR | RO_USER | PS);
    }
    j = job_of(1);
    guest.calls = 0;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.split, 8));
    cr_expect(le(u64, guest.calls, pages * 512 + 100));
    guest.calls = 0;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(le(u64, guest.calls, 3 * pages * 512));
}

/* All of it is refused. */
Test(amd64_rebuild, tries_a_refused_large_page_a_few_times)
{
    struct job j;

    start("amd64");
    offer_large(0x40000000, 0, REFUSED);
    hang(root_at(0), 0, 2, 0);
    put_all(table_of(root_at(0), 0, 2), FAR | RW_USER | PS);
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
    uint8_t *bytes = far_memory(SINGLE * (uint64_t)PAGE);
    struct job j;

    start(name);
    for (unsigned i = 0; i < SINGLE; i++) {
        offer(FAR + (i + i / 8) * (uint64_t)PAGE, PAGE,
              bytes + i * (uint64_t)PAGE, i == 0 && first ? DIRECT : REFUSED);
    }
    for (unsigned i = 0; i < leaves; i++) {
        hang(root_at(0), USER_VA + i * span(1), 1, FAR | RO_USER | PS);
    }
    j = job_of(1);
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.leaves, first ? leaves : 0));
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE],
                 (uint64_t)leaves * (SINGLE - first)));
    *rebuilt = rb.work;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(
        eq(u64, verify.certificate.dropped, leaves * (span(1) / PAGE - first)));
    *compared = verify.work;
    free_image(&image);
}

/* Each further leaf costs its own look, or one for each stretch of pages when
 * new leaves are built. */
EVERY_X86(rebuild, goes_through_pages_that_are_refused_once)
{
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
    unsigned top = ptw_levels(&regime) - 1;

    for (unsigned n = 0; n < tables * 5; n++) {
        uint64_t table = root_at((unsigned)roll_below(d, tables));
        uint64_t to = root_at((unsigned)roll_below(d, tables));
        uint64_t bits = 1 | (roll(d) & 0xe7e);
        unsigned index =
            (unsigned)roll_below(d, one_in(d, 3) ? entries_per_table() : 4);

        if (one_in(d, 3)) {
            to = data_at((unsigned)roll_below(d, 40));
        }
        if (one_in(d, 8)) {
            to = FAR + roll_below(d, 3) * span(1) + roll_below(d, 2) * 0x3000;
        }
        if (one_in(d, 8)) {
            bits |= PS;
            to &= ~(span(1) - 1);
        }
        if (oracle_withholds(&oracle, PTW_EXEC) && one_in(d, 6)) {
            bits |= NX;
        }
        bits |= one_in(d, 4) ? 0 : 0x27;
        bits &= one_in(d, 12) ? ~(uint64_t)1 : ~(uint64_t)0;
        put(table, index, to | bits);
        if (one_in(d, 4)) {
            put(table, index % entries_at(top),
                to_table(top, to & ~(uint64_t)(PAGE - 1), RWXU));
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
    offer_large(2 * span(1) + 0x5000, 8, one_in(d, 2) ? DIRECT : SERVED);
    guest.lend = one_in(d, 2);
    if (one_in(d, 3)) {
        carve(FAR + 0x3000, 0x2000, one_in(d, 2) ? REFUSED : ABSENT);
    }
    if (one_in(d, 3)) {
        carve(data_at(7), PAGE, one_in(d, 2) ? REFUSED : ABSENT);
    }
    if (one_in(d, 6)) {
        carve(root_at(5), PAGE, one_in(d, 2) ? REFUSED : SERVED);
    }
    for (unsigned i = 0; i < 6; i++) {
        memset(&ram[data_at((unsigned)roll_below(d, 40))], 0, PAGE);
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
    j.o.base.v = roll_below(d, 0x1000) * PAGE;
    j.least = one_in(d, 4);
    j.refuse = one_in(d, 4) ? 1 + (unsigned)roll_below(d, 9) : 0;
    return j;
}

static void expect_good_random(const char *name, uint64_t seed, unsigned times)
{
    struct dice d = {seed};
    unsigned too_long = 0;

    for (unsigned n = 0; n < times; n++) {
        struct job j = random_job(name, &d);
        const char *what = good(&j, NULL);

        if (strcmp(what, JUDGED_TOO_LONG) == 0) {
            too_long++;
        } else {
            cr_expect(eq(str, (char *)what, ""), "round %u", n);
        }
    }
    cr_expect(lt(uint, too_long, times / 4));
}

EVERY_X86(rebuild, is_exact_for_random_guests)
{
    expect_good_random(name, 5, 60);
}
