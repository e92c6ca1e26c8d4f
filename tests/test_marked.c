/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves that carry the mark of copy-on-write before a rebuild: a guest's own,
 * or those of a snapshot from which it was restored. */
#include "compact_bench.h"
#include "every_regime.h"

#include <string.h>

static const uint64_t RW_USER = 0x67; /* P, W, U, A, D */
static const uint64_t RO_USER = 0x25;

enum {
    VA = 0x400000,
    ALL_MARKS = PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_CLEAR_MARKED
};

static struct image image;

static void assert_good(const struct job *j)
{
    cr_assert(eq(str, (char *)good(j, &image), ""));
}

/* Its count, in the image and in the certificate; and what is mapped at i pages
 * behind VA. */
static void expect_marked(const struct job *j, uint64_t marked)
{
    assert_good(j);
    cr_expect(eq(u64, image.counts.marked_before, marked));
    cr_expect(eq(u64, verify.certificate.marked_before, marked));
}

static uint64_t bits_at(unsigned i)
{
    return image_entry(&image, 0, VA + i * PAGE, 0) & 0xfff;
}

/* Nothing was written, and the leaf at va of that space is named. */
static void expect_refused(struct job *j, uint32_t space, uint64_t va)
{
    uint32_t in = 77;
    ptw_va at = {77};

    j->o.flags |= PTW_REBUILD_REFUSE_MARKED;
    cr_assert(eq(int, (int)compact(j, &image), PTW_E_MARKED));
    cr_expect(eq(u64, image.written, 0));
    cr_expect(ptw_rebuild_bad_mark(&rb, &in, &at));
    cr_expect(eq(u32, in, space));
    cr_expect(eq(u64, at.v, va));
    cr_expect(eq(int, (int)ptw_rebuild_plan(&rb), PTW_E_ARG));
    free_image(&image);
    j->o.flags &= ~(unsigned)PTW_REBUILD_REFUSE_MARKED;
}

/* One page that is written, one that is read, and from 2 on whatever else. */
static struct job a_guest(const char *name)
{
    start(name);
    hang(root_at(0), VA, 0, data_at(0) | RW_USER);
    hang(root_at(0), VA + PAGE, 0, data_at(1) | RO_USER);
    return job_of(1);
}

static struct job one_marked(const char *name)
{
    struct job j = a_guest(name);

    hang(root_at(0), VA + 2 * PAGE, 0, data_at(2) | RO_USER | COW);
    return j;
}

/* ------------------------------------------------------------- which they are */

EVERY_X86(marked, is_said_of_what_copy_on_write_leaves)
{
    start(name);
    cr_expect(ptw_is_copy_on_write(&regime, 0, 0x20000 | RO_USER | COW));
    cr_expect(ptw_is_copy_on_write(&regime, 1, RO_USER | PS | COW));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, RO_USER)));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, RW_USER | COW)));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, RO_USER | 0x600)));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, RO_USER | 0xa00)));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, RO_USER | 0x400)));
}

Test(bare_marked, is_said_of_nothing)
{
    start("bare");
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, 0x225)));
}

/* --------------------------------------------------------------------- counted */

/* The guest's own comes out like the policy's, and the count tells. */
EVERY_X86(marked, keeps_its_mark_and_is_counted)
{
    struct job j = one_marked(name);

    expect_marked(&j, 1);
    cr_expect(eq(u64, bits_at(2), RO_USER | COW));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    cr_expect(eq(u64, image.counts.copy_on_write, 1));
    cr_expect(eq(u64, bits_at(0), (RW_USER & ~W) | COW));
    cr_expect(eq(u64, bits_at(1), RO_USER));
    cr_expect(eq(u64, bits_at(2), RO_USER | COW));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    expect_marked(&j, 1);
}

/* A path that does not grant writing may be one of several. */
EVERY_X86(marked, is_counted_whatever_leads_to_it)
{
    struct job j = one_marked(name);
    uint64_t table = table_of(root_at(0), VA, 0);

    hang(root_at(0), VA, 1, table | 0x25);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, VA + 2 * PAGE);
}

EVERY_X86(marked, is_counted_once_in_a_shared_table)
{
    struct job j = one_marked(name);

    for (unsigned i = 1; i < 4; i++) {
        hang(root_at(0), VA + i * span(1), 1,
             table_of(root_at(0), VA, 0) | RW_USER);
    }
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    cr_expect(eq(u64, image.counts.aliases, 3));
    cr_expect(eq(u64, image.counts.leaves, 3));
}

/* What is not like what the policy makes: R/W is set, or other bits beside. */
EVERY_X86(marked, is_no_leaf_that_is_written_or_has_other_bits)
{
    struct job j = a_guest(name);

    hang(root_at(0), VA + 2 * PAGE, 0, data_at(2) | RW_USER | COW);
    for (unsigned other = 2; other < 8; other++) {
        hang(root_at(0), VA + (1 + other) * PAGE, 0,
             data_at(1 + other) | RO_USER | other << 9);
    }
    expect_marked(&j, 0);
    cr_expect(eq(u64, bits_at(2), RW_USER | COW));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    cr_expect(eq(u64, image.counts.copy_on_write, 2));
    cr_expect(eq(u64, bits_at(2), (RW_USER & ~W) | COW));
    /* it stays writable beside a reader, and marked */
    hang(root_at(0), VA + 20 * PAGE, 0, data_at(2) | RO_USER);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 0);
    cr_expect(eq(u64, bits_at(2), RW_USER | COW));
}

/* An entry that is not present is no leaf, and a map is the caller's. */
EVERY_X86(marked, is_no_absent_entry_and_no_map)
{
    static const struct ptw_va_range out = {{0x40000000}, {0x40001FFF}};
    struct ptw_map_request map = {
        .first = {0x40000000},
        .last = {0x40001FFF},
        .pa = {0x20000},
        .rights = PTW_READ | PTW_WRITE | PTW_EXEC,
        .copy_on_write = true,
    };
    struct job j = a_guest(name);

    hang(root_at(0), VA + 2 * PAGE, 0, 0x12224);
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    j.o.map = &map;
    j.o.maps = 1;
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_REFUSE_MARKED;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.marked_before, 0));
    cr_expect(eq(u64, image_entry(&image, 0, 0x40000000, 0) & 0xe02, COW));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.marked_before, 0));
    cr_expect(not(ptw_rebuild_bad_mark(&rb, &(uint32_t){0}, &(ptw_va){0})));
}

/* Large leaves, as they are, in part and in small pieces. */
EVERY_X86(marked, counts_large_leaves_as_they_become)
{
    static struct ptw_va_range out;
    struct job j = a_guest(name);
    uint64_t va = VA + 4 * span(1);
    uint64_t pa = (uint64_t)1 << 30;
    uint64_t pages = span(1) / PAGE;

    offer(pa, span(1), far_memory(span(1)), DIRECT);
    hang(root_at(0), va, 1, pa | RO_USER | PS | COW);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, va);
    j.o.flags |= PTW_REBUILD_SPLIT;
    expect_marked(&j, pages);
    expect_refused(&j, 0, va);
    j.o.flags |= PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, pages);
    cr_expect(
        eq(u64, image_entry(&image, 0, va + 5 * PAGE, 0) & 0xfff, RO_USER));
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 1);
    cr_expect(eq(u64, image_entry(&image, 0, va, 1) & 0xfff, RO_USER | PS));
    /* all but its last page is left out */
    out.first.v = va;
    out.last.v = va + (pages - 1) * PAGE - 1;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    expect_marked(&j, 1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_refused(&j, 0, va);
    out.last.v = va + pages * PAGE - 1;
    j.o.flags |= PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    /* memory has one page of it, and then none */
    start(name);
    hang(root_at(0), va, 1, pa | RO_USER | PS | COW);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    offer(pa + 3 * PAGE, PAGE, far_memory(PAGE), DIRECT);
    j.o.flags = 0;
    expect_marked(&j, 1);
    expect_refused(&j, 0, va);
}

/* A host that restores a snapshot, and takes another one: the marks are right. */
EVERY_X86(marked, stays_in_the_snapshot_of_a_snapshot)
{
    struct job j = one_marked(name);
    struct job second;
    struct image m;

    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    second = j;
    memcpy(second.root, image.root, sizeof second.root);
    mem = image.mem;
    cr_assert(eq(int, (int)compact(&second, &m), PTW_OK));
    cr_expect(eq(u64, m.counts.marked_before, 2));
    cr_expect(eq(u64, m.counts.copy_on_write, 0));
    cr_expect(eq(int, (int)verified(&second, &m), PTW_OK));
    cr_expect(eq(u64, verify.certificate.marked_before, 2));
    free_image(&m);
}

/* What a cleared R/W stops is an ordinary write; to grant one is as wrong. */
EVERY_X86(marked, counts_shadow_stacks)
{
    struct job j;

    start_with(name, 0, PTW_X86_CET);
    hang(root_at(0), VA, 0, data_at(0) | 0x65 | COW);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, VA);
    j.o.flags |= PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 1);
    cr_expect(eq(u64, bits_at(0), 0x65));
}

/* --------------------------------------------------------- refused, cleared */

EVERY_X86(marked, is_refused_before_anything_is_written)
{
    struct job j = one_marked(name);

    expect_refused(&j, 0, VA + 2 * PAGE);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    expect_refused(&j, 0, VA + 2 * PAGE);
    j.least = true;
    expect_refused(&j, 0, VA + 2 * PAGE);
    /* in the second space, the first being without */
    j = a_guest(name);
    hang(root_at(1), kernel_half() + PAGE, 0, data_at(5) | RO_USER | COW);
    j.roots = 2;
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    expect_refused(&j, 1, kernel_half() + PAGE);
    hang(root_at(1), kernel_half() + PAGE, 0, data_at(5) | RO_USER);
    j.o.flags = PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
}

/* One that is not kept is no reason to refuse. */
EVERY_X86(marked, is_not_refused_where_it_is_not_kept)
{
    struct job j = one_marked(name);
    struct ptw_va_range out = {{VA + 2 * PAGE}, {VA + 3 * PAGE - 1}};

    j.o.flags = PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_COPY_ON_WRITE;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    expect_marked(&j, 0);
    j.o.leave_outs = 0;
    carve(data_at(2), PAGE, ABSENT);
    expect_marked(&j, 0);
}

/* Whether a page can be read is not known before the copy. */
EVERY_X86(marked, is_refused_though_its_page_cant_be_read)
{
    struct job j = one_marked(name);

    carve(data_at(2), PAGE, REFUSED);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 0);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], 1));
    expect_refused(&j, 0, VA + 2 * PAGE);
}

EVERY_X86(marked, loses_the_mark_and_nothing_else)
{
    struct job j = one_marked(name);

    hang(root_at(0), VA + 3 * PAGE, 0, data_at(3) | 0x1bd | COW);
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 2);
    cr_expect(eq(u64, bits_at(2), RO_USER));
    cr_expect(eq(u64, bits_at(3), 0x1bd));
    cr_expect(eq(u64, bits_at(0), RW_USER));
    j.o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 2);
    cr_expect(eq(u64, bits_at(2), RO_USER));
    cr_expect(eq(u64, bits_at(0), (RW_USER & ~W) | COW));
    /* each mark that is there is the policy's */
    for (unsigned i = 0; i < 4; i++) {
        cr_expect(eq(int, (bits_at(i) & 0xe02) == COW, i == 0));
    }
}

EVERY(marked, is_not_both_refused_and_cleared)
{
    struct job j = one_marked(name);

    assert_good(&j);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    j.o.flags = ALL_MARKS;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ARG));
    free_image(&image);
    cr_expect(eq(int, (int)compact(&j, &image), PTW_E_ARG));
    free_image(&image);
}

/* ------------------------------------------------------------------- verified */

static void expect_differs(const struct job *j, unsigned flags,
                           enum ptw_difference_kind kind)
{
    struct job other = *j;

    other.o.flags = flags;
    cr_expect(eq(int, (int)verified(&other, &image), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, (int)kind));
    cr_expect(eq(u64, verify.difference.va.v, VA + 2 * PAGE));
}

static void set_bits(uint64_t bits)
{
    uint64_t raw = image_entry(&image, 0, VA + 2 * PAGE, 0);

    poke(&image, 0, VA + 2 * PAGE, 0, (raw & ~(uint64_t)0xfff) | bits);
}

EVERY_X86(marked, is_judged_by_the_choice)
{
    struct job j = one_marked(name);

    assert_good(&j);
    expect_differs(&j, PTW_REBUILD_REFUSE_MARKED, PTW_DIFFERS_POLICY);
    expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_POLICY);
    set_bits(RO_USER);
    expect_differs(&j, 0, PTW_DIFFERS_POLICY);
    expect_differs(&j, PTW_REBUILD_REFUSE_MARKED, PTW_DIFFERS_POLICY);
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    /* other bits of software, or a right */
    set_bits(RO_USER | 0x400);
    expect_differs(&j, j.o.flags, PTW_DIFFERS_ATTRIBUTES);
    set_bits(RO_USER | W);
    expect_differs(&j, j.o.flags, PTW_DIFFERS_RIGHTS);
    set_bits(RO_USER | W | COW);
    expect_differs(&j, j.o.flags, PTW_DIFFERS_RIGHTS);
    free_image(&image);
}

/* A leaf that is not like that keeps its bits, whatever the choice. */
EVERY_X86(marked, is_judged_where_only_others_lost_a_mark)
{
    struct job j = a_guest(name);

    hang(root_at(0), VA + 2 * PAGE, 0, data_at(2) | RW_USER | COW);
    assert_good(&j);
    set_bits(RW_USER);
    expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_POLICY);
    free_image(&image);
    hang(root_at(0), VA + 2 * PAGE, 0, data_at(2) | RO_USER | 0x600);
    assert_good(&j);
    set_bits(RO_USER);
    expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_ATTRIBUTES);
    free_image(&image);
}
