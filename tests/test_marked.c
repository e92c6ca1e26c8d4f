/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves that carry the mark of copy-on-write before a rebuild: a guest's own,
 * or those of a snapshot from which it was restored. */
#define EVERY_LEVELS 2

#include "compact_bench.h"
#include "every_regime.h"

#include <string.h>

enum { ALL_MARKS = PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_CLEAR_MARKED };

static struct image image;

static uint64_t at_page(unsigned i)
{
    return page_va(user_va(), i);
}

static uint64_t marked_page(uint64_t pa)
{
    return copy_on_write(0, user_page_read_only(pa));
}

/* Marked, and it can be written. */
static uint64_t marked_writable(uint64_t pa)
{
    return user_page(pa) | oracle.format->mark;
}

/* A page that can't be written and has the other bits of a mark: the nth of those
 * that are no mark; 0: there are no more. */
static uint64_t other_mark(uint64_t pa, unsigned n)
{
    uint64_t all = oracle.format->mark_bits;

    for (uint64_t m = all; m != 0; m = (m - 1) & all) {
        if (m != oracle.format->mark && n-- == 0) {
            return user_page_read_only(pa) | m;
        }
    }
    return 0;
}

static void assert_good(const struct job *j)
{
    cr_assert(eq(str, (char *)good(j, &image), ""));
}

/* Its count, in the image and in the certificate; and the leaf of page i, without
 * its address. */
static void expect_marked(const struct job *j, uint64_t marked)
{
    assert_good(j);
    cr_expect(eq(u64, image.counts.marked_before, marked));
    cr_expect(eq(u64, verify.certificate.marked_before, marked));
}

static uint64_t bits_at(unsigned i)
{
    return bits_of(0, image_entry(&image, 0, at_page(i), 0));
}

/* What it has to be. */
static uint64_t only(uint64_t raw)
{
    return bits_of(0, raw);
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
    hang(root_at(0), at_page(0), 0, user_page(data_at(0)));
    hang(root_at(0), at_page(1), 0, user_page_read_only(data_at(1)));
    return job_of(1);
}

static struct job one_marked(const char *name)
{
    struct job j = a_guest(name);

    hang(root_at(0), at_page(2), 0, marked_page(data_at(2)));
    return j;
}

/* ------------------------------------------------------------- which they are */

EVERY(marked, is_said_of_what_copy_on_write_leaves)
{
    start(name);
    for (unsigned level = 0; level < ptw_levels(&regime); level++) {
        uint64_t pa = 2 * span(level);
        uint64_t raw;

        if (!has_leaves(level)) {
            continue;
        }
        raw = to_page(level, pa, all_rights() & ~(unsigned)PTW_WRITE);
        cr_expect(
            ptw_is_copy_on_write(&regime, level, copy_on_write(level, raw)),
            "level %u", level);
        cr_expect(not(ptw_is_copy_on_write(&regime, level, raw)), "level %u",
                  level);
    }
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, user_page(0x20000))));
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, marked_writable(0x20000))));
    for (unsigned n = 0; other_mark(0, n) != 0; n++) {
        cr_expect(not(ptw_is_copy_on_write(&regime, 0, other_mark(0, n))), "%u",
                  n);
    }
}

Test(bare_marked, is_said_of_nothing)
{
    start("bare");
    cr_expect(not(ptw_is_copy_on_write(&regime, 0, 0x225)));
}

/* --------------------------------------------------------------------- counted */

/* The guest's own comes out like the policy's, and the count tells. */
EVERY(marked, keeps_its_mark_and_is_counted)
{
    struct job j = one_marked(name);

    expect_marked(&j, 1);
    cr_expect(eq(u64, bits_at(2), only(marked_page(0))));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    cr_expect(eq(u64, image.counts.copy_on_write, 1));
    cr_expect(eq(u64, bits_at(0), only(copy_on_write(0, user_page(0)))));
    cr_expect(eq(u64, bits_at(1), only(user_page_read_only(0))));
    cr_expect(eq(u64, bits_at(2), only(marked_page(0))));
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    expect_marked(&j, 1);
}

/* A path that does not grant writing may be one of several. */
EVERY(marked, is_counted_whatever_leads_to_it)
{
    struct job j = one_marked(name);
    uint64_t table = table_of(root_at(0), user_va(), 0);

    hang(root_at(0), user_va(), 1, table_read_only(1, table));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, at_page(2));
}

EVERY(marked, is_counted_once_in_a_shared_table)
{
    struct job j = one_marked(name);

    for (unsigned i = 1; i < 4; i++) {
        hang(root_at(0), user_va() + i * span(1), 1,
             any_table(1, table_of(root_at(0), user_va(), 0)));
    }
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    cr_expect(eq(u64, image.counts.aliases, 3));
    cr_expect(eq(u64, image.counts.leaves, 3));
}

/* What is not like what the policy makes: it can be written, or there are other
 * bits beside. */
EVERY(marked, is_no_leaf_that_is_written_or_has_other_bits)
{
    struct job j = a_guest(name);

    hang(root_at(0), at_page(2), 0, marked_writable(data_at(2)));
    for (unsigned n = 0; other_mark(0, n) != 0; n++) {
        hang(root_at(0), at_page(3 + n), 0, other_mark(data_at(3 + n), n));
    }
    expect_marked(&j, 0);
    cr_expect(eq(u64, bits_at(2), only(marked_writable(0))));
    for (unsigned n = 0; other_mark(0, n) != 0; n++) {
        cr_expect(eq(u64, bits_at(3 + n), only(other_mark(0, n))), "%u", n);
    }
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    cr_expect(eq(u64, image.counts.copy_on_write, 2));
    cr_expect(eq(u64, bits_at(2), only(copy_on_write(0, user_page(0)))));
    /* it stays writable beside a reader, and marked */
    hang(root_at(0), at_page(20), 0, user_page_read_only(data_at(2)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 0);
    cr_expect(eq(u64, bits_at(2), only(marked_writable(0))));
}

/* The leaf that is refused is also the one that makes the image too large. */
EVERY(marked, is_refused_whatever_the_limit_says)
{
    struct job j = one_marked(name);

    expect_marked(&j, 1);
    j.o.max_bytes = image.counts.bytes - 1;
    expect_refused(&j, 0, at_page(2));
    cr_expect(eq(int, (int)compact(&j, &image), PTW_E_LIMIT));
}

/* An entry that is not present is no leaf, and a map is the caller's. */
EVERY(marked, is_no_absent_entry_and_no_map)
{
    struct job j = a_guest(name);
    uint64_t va = user_va() + 8 * span(1);
    struct ptw_va_range out = {{va}, {page_va(va, 2) - 1}};
    struct ptw_map_request map = {
        .first = out.first,
        .last = out.last,
        .pa = {0x3000000},
        .rights = kernel_map_rights(),
        .copy_on_write = true,
    };

    hang(root_at(0), at_page(2), 0, not_present(marked_page(data_at(2))));
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    j.o.map = &map;
    j.o.maps = 1;
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_REFUSE_MARKED;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_expect(eq(u64, image.counts.marked_before, 0));
    cr_expect(oracle_marked(&oracle, 0, image_entry(&image, 0, va, 0)));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(eq(u64, verify.certificate.marked_before, 0));
    cr_expect(not(ptw_rebuild_bad_mark(&rb, &(uint32_t){0}, &(ptw_va){0})));
}

/* Large leaves, as they are, in part and as small pages. */
EVERY(marked, counts_large_leaves_as_they_become)
{
    static struct ptw_va_range out;
    struct job j = a_guest(name);
    uint64_t pages;
    unsigned level;
    uint64_t raw;
    uint64_t va;
    uint64_t pa;

    NEEDS_LARGE_PAGES(name);
    level = large_level();
    pages = large_pages();
    va = large_va(4);
    pa = far_at(0);
    raw = copy_on_write(level, user_large_read_only(pa));
    offer_far(large_bytes(), 0, DIRECT);
    hang(root_at(0), va, level, raw);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, va);
    j.o.flags |= PTW_REBUILD_SPLIT;
    expect_marked(&j, pages);
    expect_refused(&j, 0, va);
    j.o.flags |= PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, pages);
    cr_expect(eq(u64, bits_of(0, image_entry(&image, 0, page_va(va, 5), 0)),
                 only(user_page_read_only(0))));
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 1);
    cr_expect(eq(u64, bits_of(level, image_entry(&image, 0, va, level)),
                 bits_of(level, user_large_read_only(0))));
    /* all but its last page is left out */
    out.first.v = va;
    out.last.v = page_va(va, pages - 1) - 1;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    expect_marked(&j, 1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_refused(&j, 0, va);
    out.last.v = page_va(va, pages) - 1;
    j.o.flags |= PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    /* memory has one page of it, and then none */
    start(name);
    hang(root_at(0), va, level, raw);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
    offer(page_va(pa, 3), page_bytes(), far_memory(page_bytes()), DIRECT);
    j.o.flags = 0;
    expect_marked(&j, 1);
    expect_refused(&j, 0, va);
}

/* A host that restores a snapshot, and takes another one: the marks are right. */
EVERY(marked, stays_in_the_snapshot_of_a_snapshot)
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

/* What a leaf that is not writable stops is an ordinary write; to grant one is as
 * wrong.  A shadow stack is dirty. */
EVERY(marked, counts_shadow_stacks)
{
    struct job j;

    if (!start_with_shadow_stacks(name)) {
        LEAVE_OUT("%s has no shadow stacks", name);
    }
    if (!oracle_marked(&oracle, 0, shadow_stack(marked_page(0)))) {
        LEAVE_OUT("%s has no mark on shadow stacks", name);
    }
    hang(root_at(0), at_page(0), 0, shadow_stack(marked_page(data_at(0))));
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 1);
    expect_refused(&j, 0, at_page(0));
    j.o.flags |= PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 1);
    cr_expect(eq(u64, bits_at(0), shadow_stack(only(user_page_read_only(0)))));
}

/* --------------------------------------------------------- refused, cleared */

EVERY(marked, is_refused_before_anything_is_written)
{
    struct job j = one_marked(name);
    uint64_t kernel;

    expect_refused(&j, 0, at_page(2));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_ZEROS;
    expect_refused(&j, 0, at_page(2));
    j.least = true;
    expect_refused(&j, 0, at_page(2));
    /* in the second space, the first being without */
    j = a_guest(name);
    kernel = page_va(kernel_half(), 1);
    hang(root_at(1), kernel, 0, marked_page(data_at(5)));
    j.roots = 2;
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    expect_refused(&j, 1, kernel);
    hang(root_at(1), kernel, 0, user_page_read_only(data_at(5)));
    j.o.flags = PTW_REBUILD_REFUSE_MARKED;
    expect_marked(&j, 0);
}

/* One that is not kept is no reason to refuse. */
EVERY(marked, is_not_refused_where_it_is_not_kept)
{
    struct job j = one_marked(name);
    struct ptw_va_range out = {{at_page(2)}, {at_page(3) - 1}};

    j.o.flags = PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_COPY_ON_WRITE;
    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    expect_marked(&j, 0);
    j.o.leave_outs = 0;
    carve(data_at(2), page_bytes(), ABSENT);
    expect_marked(&j, 0);
}

/* Whether a page can be read is not known before the copy. */
EVERY(marked, is_refused_though_its_page_cant_be_read)
{
    struct job j = one_marked(name);

    carve(data_at(2), page_bytes(), REFUSED);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 0);
    cr_expect(eq(u64, image.counts.dropped[PTW_DROP_UNREADABLE], 1));
    expect_refused(&j, 0, at_page(2));
}

EVERY(marked, loses_the_mark_and_nothing_else)
{
    struct job j = one_marked(name);
    uint64_t other;

    /* of another memory type, or whatever else there is, and global */
    other = with_other_bits(0, user_page_read_only(data_at(3))) ^ global_bit();
    hang(root_at(0), at_page(3), 0, copy_on_write(0, other));
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    expect_marked(&j, 2);
    cr_expect(eq(u64, bits_at(2), only(user_page_read_only(0))));
    cr_expect(eq(u64, bits_at(3), only(other)));
    cr_expect(eq(u64, bits_at(0), only(user_page(0))));
    j.o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    expect_marked(&j, 2);
    cr_expect(eq(u64, bits_at(2), only(user_page_read_only(0))));
    cr_expect(eq(u64, bits_at(0), only(copy_on_write(0, user_page(0)))));
    /* each mark that is there is the policy's */
    for (unsigned i = 0; i < 4; i++) {
        cr_expect(eq(int, oracle_marked(&oracle, 0, bits_at(i)), i == 0));
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
    cr_expect(eq(u64, verify.difference.va.v, at_page(2)));
}

/* The leaf of page 2 becomes like this one, of the same address. */
static void set_bits(uint64_t leaf)
{
    uint64_t raw = image_entry(&image, 0, at_page(2), 0);

    poke(&image, 0, at_page(2), 0, with_address(0, leaf, address_in(0, raw)));
}

EVERY(marked, is_judged_by_the_choice)
{
    struct job j = one_marked(name);

    assert_good(&j);
    expect_differs(&j, PTW_REBUILD_REFUSE_MARKED, PTW_DIFFERS_POLICY);
    expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_POLICY);
    set_bits(user_page_read_only(0));
    expect_differs(&j, 0, PTW_DIFFERS_POLICY);
    expect_differs(&j, PTW_REBUILD_REFUSE_MARKED, PTW_DIFFERS_POLICY);
    j.o.flags = PTW_REBUILD_CLEAR_MARKED;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    /* other bits of software, or a right */
    for (unsigned n = 0; other_mark(0, n) != 0; n++) {
        bool has_it = (other_mark(0, n) & oracle.format->mark) != 0;

        if (!has_it) {
            set_bits(other_mark(0, n));
            expect_differs(&j, j.o.flags, PTW_DIFFERS_ATTRIBUTES);
        }
    }
    set_bits(with_rights(0, user_page_read_only(0), all_rights()));
    expect_differs(&j, j.o.flags, PTW_DIFFERS_RIGHTS);
    set_bits(with_rights(0, marked_page(0), all_rights()));
    expect_differs(&j, j.o.flags, PTW_DIFFERS_RIGHTS);
    free_image(&image);
}

/* A leaf that is not like that keeps its bits, whatever the choice. */
EVERY(marked, is_judged_where_only_others_lost_a_mark)
{
    struct job j = a_guest(name);

    hang(root_at(0), at_page(2), 0, marked_writable(data_at(2)));
    assert_good(&j);
    set_bits(user_page(0));
    expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_POLICY);
    free_image(&image);
    for (unsigned n = 0; other_mark(0, n) != 0; n++) {
        hang(root_at(0), at_page(2), 0, other_mark(data_at(2), n));
        assert_good(&j);
        set_bits(user_page_read_only(0));
        expect_differs(&j, PTW_REBUILD_CLEAR_MARKED, PTW_DIFFERS_ATTRIBUTES);
        free_image(&image);
    }
}
