/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_verify: it accepts what is the same, and says what is not. */
#define EVERY_LEVELS 2

#include "compact_bench.h"
#include "every_regime.h"

#include <stdlib.h>
#include <string.h>

static struct image image;

/* A guest with some of everything: two spaces of their own, a kernel half that
 * they share, a table that one space has twice, a page that is mapped twice, a
 * copy-on-write page, a large leaf if there are any, a recursive slot, and a third root that is
 * the first again. */
static uint64_t kernel;
static uint64_t slot;
static uint64_t twice;
static uint64_t large;

static uint64_t at_page(unsigned i)
{
    return page_va(user_va(), i);
}

static struct job some_of_everything(const char *name)
{
    struct job j;
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    kernel = kernel_half();
    slot = corner(1, slot_level()) - span(slot_level());
    twice = user_va() + 2 * span(1);
    large = large_level() > 0 ? large_va(3) : 0;
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t pa = data_at(8 * s + i);

            hang(root_at(s), at_page(i), 0,
                 i < 2 ? user_page(pa) : user_page_read_only(pa));
        }
        hang(root_at(s), at_page(8), 0,
             user_page_read_only(data_at(8 * s + 2)));
        hang(root_at(s), at_page(10), 0,
             copy_on_write(0, user_page_read_only(data_at(8 * s + 5))));
        hang_slot(root_at(s), slot, true);
    }
    hang(root_at(0), kernel, 0, kernel_page(data_at(30)));
    hang(root_at(0), page_va(kernel, 1), 0, kernel_page_read_only(data_at(31)));
    hang(root_at(1), kernel, top,
         kernel_table(top, table_of(root_at(0), kernel, top - 1)));
    hang(root_at(1), twice, 1,
         table_read_only(1, table_of(root_at(1), user_va(), 0)));
    if (large_level() > 0) {
        offer_far(large_bytes(), large_pages(), DIRECT);
        hang(root_at(0), large, large_level(), user_large(far_at(0)));
    }
    j = job_of(3);
    j.root[2] = j.root[0];
    return j;
}

/* The recursive slots become such that the guest can't write through them. */
static void lock_slots(void)
{
    for (unsigned s = 0; s < 2; s++) {
        hang_slot(root_at(s), slot, false);
    }
}

static struct job rebuilt(const char *name, unsigned flags)
{
    struct job j = some_of_everything(name);

    j.o.flags = flags;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    return j;
}

/* What the verifier says to the image now. */
static void expect_differs(const struct job *j, enum ptw_difference_kind kind,
                           unsigned space, uint64_t va)
{
    cr_expect(eq(int, (int)verified(j, &image), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, (int)kind));
    cr_expect(eq(uint, verify.difference.space, space));
    cr_expect(eq(u64, verify.difference.va.v, va));
}

static uint64_t leaf_at(unsigned space, uint64_t va)
{
    return image_entry(&image, space, va, 0);
}

/* Makes one change to the entry of a page, looks what comes of it, and takes it
 * back. */
static void expect_after(const struct job *j, unsigned space, uint64_t va,
                         uint64_t raw, enum ptw_difference_kind kind)
{
    uint64_t was = leaf_at(space, va);

    cr_assert(ne(u64, was, raw));
    poke(&image, space, va, 0, raw);
    expect_differs(j, kind, space, va);
    if (was != 0) {
        cr_expect(
            eq(u64, bits_of(0, verify.difference.old_raw),
               bits_of(0, entry_at(table_of(j->root[space].table.v, va, 0),
                                   index_in(va, 0)))));
    }
    poke(&image, space, va, 0, was);
}

/* A place for a page or a table in the image's memory, behind its end. */
static uint64_t spare(unsigned i)
{
    return image.base + image.counts.bytes + i * unit_bytes();
}

static uint8_t *at(uint64_t pa)
{
    return image.bytes + (pa - image.base);
}

/* Copies a page or a table to spare(0). */
static void copy_to_spare(uint64_t pa)
{
    memcpy(at(spare(0)), at(pa), (size_t)unit_bytes());
}

static unsigned without(unsigned right)
{
    return all_rights() & ~right;
}

/* Whether the entry of that level can be one, of the same kind, that grants all but
 * this right; and that entry. */
static bool can_lack(unsigned level, uint64_t raw, unsigned right,
                     uint64_t *lacks)
{
    struct oracle_entry was = decoded(level, raw);
    struct oracle_entry is;

    *lacks = with_rights(level, raw, was.rights & ~right);
    is = decoded(level, *lacks);
    return is.kind == was.kind && is.rights != was.rights;
}

/* ------------------------------------------------------------- certificates */

EVERY(verify, certifies_what_was_compared)
{
    struct job j = rebuilt(name, 0);
    const struct ptw_certificate *c = &verify.certificate;
    /* Where the root has no slot there are tables for it. */
    unsigned for_slot = tables_apart(slot, user_va(), slot_level());
    bool has_large = large_level() > 0;

    cr_expect(eq(u64, c->spaces, 2));
    cr_expect(eq(u64, c->tables, 3 * ptw_levels(&regime) - 1 + 2 * for_slot));
    cr_expect(eq(u64, c->tables, image.counts.tables));
    cr_expect(eq(u64, c->aliases, 2));
    cr_expect(eq(u64, c->leaves, 6 + 6 + 2 + has_large));
    cr_expect(eq(u64, c->pages, 5 + 5 + 2 + (has_large ? large_pages() : 0)));
    cr_expect(eq(u64, c->selves, 2));
    cr_expect(eq(u64, c->dropped, 0));
    cr_expect(eq(u64, c->bad, 0));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_NOT));
    cr_expect(eq(int, (int)ptw_verify_run(&verify), PTW_E_ARG));
    cr_expect(eq(u32, j.roots, 3));
}

static struct ptw_certificate certified(const struct job *j)
{
    cr_assert(eq(int, (int)compact(j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(j, &image), PTW_OK));
    free_image(&image);
    return verify.certificate;
}

EVERY(verify, gives_equal_guests_one_digest_wherever_they_lie)
{
    struct job j = some_of_everything(name);
    struct ptw_certificate here = certified(&j);
    struct ptw_certificate there;

    j.o.base.v = 0x1000000 + 0x235 * unit_bytes();
    j.o.seed = 12345;
    there = certified(&j);
    cr_expect(here.digest[0] == there.digest[0] &&
              here.digest[1] == there.digest[1]);
    cr_expect(ne(u64, here.digest[0], 0));
    cr_expect(ne(u64, here.digest[1], here.digest[0]));
}

/* One change to the guest, and whether the digest is another one. */
static bool other_digest(const char *name, uint64_t va, unsigned level,
                         uint64_t flip)
{
    struct job j = some_of_everything(name);
    struct ptw_certificate before = certified(&j);
    struct ptw_certificate after;
    uint64_t table = table_of(j.root[0].table.v, va, level);
    unsigned i = index_in(va, level);

    put(table, i, entry_at(table, i) ^ flip);
    after = certified(&j);
    return before.digest[0] != after.digest[0] &&
           before.digest[1] != after.digest[1];
}

EVERY(verify, gives_other_guests_other_digests)
{
    struct job j = some_of_everything(name);
    uint64_t raw = user_page(data_at(0));
    struct ptw_certificate before;
    struct ptw_certificate after;
    unsigned others = 0;

    for (unsigned level = 0; level < 2; level++) {
        uint64_t bits;

        raw = level == 0 ? user_page(data_at(0))
                         : any_table(1, table_of(root_at(0), user_va(), 0));
        for (unsigned right = 1; right <= all_rights(); right *= 2) {
            uint64_t lacks;

            if (can_lack(level, raw, right, &lacks)) {
                cr_expect(other_digest(name, user_va(), level, raw ^ lacks),
                          "level %u, right %x", level, right);
                others++;
            }
        }
        bits = oracle_free_bits(&oracle, level, raw);
        for (; bits != 0; bits &= bits - 1) {
            uint64_t bit = bits & -bits;

            if (oracle.format->memory_type(&oracle, level, raw ^ bit) !=
                    oracle.format->memory_type(&oracle, level, raw) ||
                bit == global_bit() || bit == oracle.format->mark) {
                cr_expect(other_digest(name, user_va(), level, bit),
                          "level %u, bit %llx", level, (unsigned long long)bit);
                others++;
            }
        }
    }
    cr_expect(ge(uint, others, 4));
    raw = user_page(data_at(0));
    cr_expect(other_digest(name, user_va(), 0, raw ^ not_present(raw)));
    cr_expect(other_digest(name, at_page(32), 0, user_page(data_at(2))));
    cr_expect(not(other_digest(name, user_va(), 0, oracle.format->accessed)));
    cr_expect(not(other_digest(name, user_va(), 0, oracle.format->dirty)));
    j = some_of_everything(name);
    before = certified(&j);
    ram[data_at(3) + page_bytes() - 1] ^= 1;
    after = certified(&j);
    cr_expect(ne(u64, before.digest[0], after.digest[0]));
    cr_expect(ne(u64, before.digest[1], after.digest[1]));
}

/* Of two paths to a table the first one withholds writing.  What its leaves
 * grant shows by the second path alone. */
EVERY(verify, gives_another_digest_for_a_right_that_the_second_path_grants)
{
    struct job j = some_of_everything(name);
    uint64_t leaves = table_of(root_at(1), user_va(), 0);
    uint64_t first = table_of(root_at(1), user_va(), 1);
    uint64_t second = table_of(root_at(1), twice, 1);
    uint64_t grants = entry_at(first, index_in(user_va(), 1));
    uint64_t leaf = entry_at(leaves, index_in(user_va(), 0));
    struct ptw_certificate before;
    struct ptw_certificate after;
    uint64_t lacks;

    cr_assert(can_lack(0, leaf, PTW_WRITE, &lacks));
    put(first, index_in(user_va(), 1), entry_at(second, index_in(twice, 1)));
    put(second, index_in(twice, 1), grants);
    before = certified(&j);
    put(leaves, index_in(user_va(), 0), lacks);
    after = certified(&j);
    cr_expect(ne(u64, before.digest[0], after.digest[0]));
    cr_expect(ne(u64, before.digest[1], after.digest[1]));
}

/* ------------------------------------------------------------------- leaves */

EVERY(verify, sees_a_page_that_is_missing)
{
    struct job j = rebuilt(name, 0);

    expect_after(&j, 0, at_page(1), 0, PTW_DIFFERS_MISSING);
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(1)));
    cr_expect(eq(uint, verify.difference.new_rights, 0));
    cr_expect(eq(uint, verify.difference.old_rights, all_rights()));
    expect_after(&j, 1, at_page(10), not_present(user_page(data_at(7))),
                 PTW_DIFFERS_MISSING);
    expect_after(&j, 0, kernel, 0, PTW_DIFFERS_MISSING);
    if (large_level() > 0) {
        poke(&image, 0, large, large_level(), 0);
        expect_differs(&j, PTW_DIFFERS_MISSING, 0, large);
    }
}

EVERY(verify, sees_a_page_that_is_extra)
{
    struct job j = rebuilt(name, 0);
    uint64_t leaf = leaf_at(0, user_va());

    expect_after(&j, 0, at_page(32), leaf, PTW_DIFFERS_EXTRA);
    cr_expect(eq(u64, verify.difference.new_pa.v, address_in(0, leaf)));
    cr_expect(eq(u64, verify.difference.new_raw, leaf));
    cr_expect(eq(uint, verify.difference.new_rights, all_rights()));
    cr_expect(eq(uint, verify.difference.old_rights, 0));
    cr_expect(eq(u64, verify.difference.old_raw, 0));
    expect_after(&j, 1, at_page(9), leaf, PTW_DIFFERS_EXTRA);
    if (large_level() > 0) {
        /* behind everything that the guest has */
        uint64_t pa = (spare(0) + large_bytes()) & ~(large_bytes() - 1);

        poke(&image, 1, large, large_level(), user_large(pa));
        expect_differs(&j, PTW_DIFFERS_EXTRA, 1, large);
    }
}

/* What is extra in one space is told before what is missing in the next. */
EVERY(verify, tells_the_first_difference)
{
    struct job j = rebuilt(name, 0);

    poke(&image, 0, page_va(kernel, 9), 0, leaf_at(0, kernel));
    poke(&image, 1, user_va(), 0, 0);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, page_va(kernel, 9));
    poke(&image, 0, at_page(1), 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, at_page(1));
}

EVERY(verify, sees_other_rights)
{
    struct job j = rebuilt(name, 0);
    uint64_t rw = leaf_at(0, user_va());
    uint64_t ro = leaf_at(0, at_page(2));
    uint64_t kernels = leaf_at(0, page_va(kernel, 1));
    unsigned withheld = 0;
    uint64_t lacks;

    cr_assert(can_lack(0, rw, PTW_WRITE, &lacks));
    expect_after(&j, 0, user_va(), lacks, PTW_DIFFERS_RIGHTS);
    cr_expect(eq(uint, verify.difference.old_rights, all_rights()));
    cr_expect(eq(uint, verify.difference.new_rights, without(PTW_WRITE)));
    cr_expect(eq(u64, verify.difference.new_raw, lacks));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(0)));
    cr_expect(eq(u64, verify.difference.new_pa.v, address_in(0, rw)));
    expect_after(&j, 0, at_page(2), with_rights(0, ro, all_rights()),
                 PTW_DIFFERS_RIGHTS);
    for (unsigned right = 1; right <= all_rights(); right *= 2) {
        if (can_lack(0, rw, right, &lacks)) {
            expect_after(&j, 0, user_va(), lacks, PTW_DIFFERS_RIGHTS);
            withheld |= right;
        }
    }
    cr_expect(eq(uint, all_rights() & ~withheld & ~(unsigned)PTW_READ,
                 oracle.format->granted(&oracle) & ~(unsigned)PTW_READ));
    if ((all_rights() & PTW_USER) != 0) {
        expect_after(&j, 0, page_va(kernel, 1),
                     with_rights(0, kernels, granted(0, kernels) | PTW_USER),
                     PTW_DIFFERS_RIGHTS);
    }
    if (large_level() > 0) {
        rw = image_entry(&image, 0, large, large_level());
        poke(&image, 0, large, large_level(),
             with_rights(large_level(), rw, without(PTW_WRITE)));
        expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, large);
    }
}

EVERY(verify, sees_other_attributes)
{
    struct job j = rebuilt(name, 0);
    uint64_t marks = oracle.format->mark_bits;
    uint64_t leaf = leaf_at(0, user_va());
    uint64_t others = oracle_free_bits(&oracle, 0, leaf) & ~marks;

    cr_expect(
        eq(u64, others & oracle.format->accessed, oracle.format->accessed));
    cr_expect(eq(u64, others & oracle.format->dirty, oracle.format->dirty));
    cr_expect(eq(u64, others & global_bit(), global_bit()));
    for (; others != 0; others &= others - 1) {
        expect_after(&j, 0, user_va(), leaf ^ (others & -others),
                     PTW_DIFFERS_ATTRIBUTES);
    }
    for (uint64_t m = marks; m != 0; m = (m - 1) & marks) {
        if ((m & oracle.format->mark) == 0) {
            expect_after(&j, 0, user_va(), leaf | m, PTW_DIFFERS_ATTRIBUTES);
        }
    }
    if (large_level() > 0) {
        unsigned level = large_level();
        uint64_t raw = image_entry(&image, 0, large, level);

        others = oracle_free_bits(&oracle, level, raw) & ~marks;
        for (; others != 0; others &= others - 1) {
            poke(&image, 0, large, level, raw ^ (others & -others));
            expect_differs(&j, PTW_DIFFERS_ATTRIBUTES, 0, large);
        }
    }
}

EVERY(verify, sees_another_policy)
{
    struct job j = rebuilt(name, 0);
    uint64_t marks = oracle.format->mark_bits;
    uint64_t cow = leaf_at(0, at_page(10));
    uint64_t ro = leaf_at(0, at_page(2));

    expect_after(&j, 0, at_page(10), cow & ~marks, PTW_DIFFERS_POLICY);
    expect_after(&j, 0, at_page(2), copy_on_write(0, ro), PTW_DIFFERS_POLICY);
    j = rebuilt(name, PTW_REBUILD_COPY_ON_WRITE);
    cow = leaf_at(0, user_va());
    expect_after(&j, 0, user_va(), cow & ~marks, PTW_DIFFERS_POLICY);
    expect_after(&j, 0, user_va(), with_rights(0, cow & ~marks, all_rights()),
                 PTW_DIFFERS_RIGHTS);
    expect_after(&j, 0, at_page(10), leaf_at(0, at_page(10)) & ~marks,
                 PTW_DIFFERS_POLICY);
    /* the right to write, hidden by the path */
    cow = leaf_at(1, user_va());
    poke(&image, 1, user_va(), 0, with_rights(0, cow, all_rights()));
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 1, user_va());
    /* as asked for, but of another question */
    poke(&image, 1, user_va(), 0, cow);
    j.o.flags = 0;
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, user_va());
}

/* A leaf below tables that grant no writing: the entry is looked at, too. */
EVERY(verify, sees_a_writable_entry_on_a_path_that_is_not)
{
    struct job j;

    start(name);
    hang(root_at(0), user_va(), 0, user_page(data_at(0)));
    hang(root_at(0), user_va(), 1,
         table_read_only(1, table_of(root_at(0), user_va(), 0)));
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    poke(&image, 0, user_va(), 0,
         with_rights(0, leaf_at(0, user_va()), all_rights()));
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, user_va());
}

EVERY(verify, sees_a_shared_page_turned_copy_on_write)
{
    struct job j = some_of_everything(name);

    hang(root_at(1), at_page(64), 0, user_page(data_at(0)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    cr_assert(
        eq(u64, bits_of(0, leaf_at(0, user_va())), bits_of(0, user_page(0))));
    expect_after(&j, 0, user_va(), copy_on_write(0, leaf_at(0, user_va())),
                 PTW_DIFFERS_RIGHTS);
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, user_va());
}

/* ------------------------------------------------------------------- sizes */

/* Puts small leaves in place of the large one, of the same pages. */
static void break_large(void)
{
    unsigned level = large_level();
    uint64_t pa = address_in(level, image_entry(&image, 0, large, level));
    unsigned bytes = ptw_entry_bytes(&regime);
    unsigned table = 0; /* the first one of the level */

    poke(&image, 0, large, level, any_table(level, spare(table)));
    while (level-- > 0) {
        unsigned tables = (unsigned)(large_bytes() / span(level + 1));
        unsigned below = table + tables;

        for (unsigned i = 0; i < tables * entries_at(level); i++) {
            uint64_t raw = level == 0 ? user_page(pa + i * page_bytes())
                                      : any_table(level, spare(below + i));
            uint8_t *entry = at(spare(table + i / entries_at(level))) +
                             i % entries_at(level) * bytes;

            for (unsigned b = 0; b < bytes; b++) {
                entry[b] = (uint8_t)(raw >> (8 * b));
            }
        }
        table = below;
    }
}

EVERY(verify, sees_a_large_leaf_that_is_not_large_any_more)
{
    struct job j = rebuilt(name, 0);

    NEEDS_LARGE_PAGES(name);
    break_large();
    expect_differs(&j, PTW_DIFFERS_SIZE, 0, large);
    j.o.flags = PTW_REBUILD_SPLIT;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    poke(&image, 0, page_va(large, 5), 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, page_va(large, 5));
}

EVERY(verify, sees_a_large_leaf_that_was_to_be_split)
{
    struct job j = rebuilt(name, 0);

    NEEDS_LARGE_PAGES(name);
    j.o.flags = PTW_REBUILD_SPLIT;
    expect_differs(&j, PTW_DIFFERS_SIZE, 0, large);
}

/* -------------------------------------------------------------------- pages */

EVERY(verify, sees_one_page_that_is_two_now)
{
    struct job j = rebuilt(name, 0);
    uint64_t raw = leaf_at(0, at_page(8));

    copy_to_spare(address_in(0, raw));
    expect_after(&j, 0, at_page(8), with_address(0, raw, spare(0)),
                 PTW_DIFFERS_SHARED);
    cr_expect(eq(u64, verify.difference.new_pa.v, spare(0)));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(2)));
}

EVERY(verify, sees_two_pages_that_are_one_now)
{
    struct job j = some_of_everything(name);

    memcpy(&ram[data_at(3)], &ram[data_at(2)], (size_t)page_bytes());
    memcpy(&ram[data_at(1)], &ram[data_at(0)], (size_t)page_bytes());
    lock_slots();
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_after(&j, 0, at_page(3), leaf_at(0, at_page(2)), PTW_DIFFERS_JOINED);
    /* to merge what is read only is right when it was asked for */
    poke(&image, 0, at_page(3), 0, leaf_at(0, at_page(2)));
    j.o.flags = PTW_REBUILD_MERGE;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_after(&j, 0, at_page(1), leaf_at(0, user_va()), PTW_DIFFERS_JOINED);
}

/* Merged first, and only then seen to be writable elsewhere. */
EVERY(verify, sees_a_merged_page_that_can_be_written_later)
{
    struct job j = some_of_everything(name);
    uint64_t merged;

    memcpy(&ram[data_at(3)], &ram[data_at(2)], (size_t)page_bytes());
    hang(root_at(0), at_page(48), 0, user_page(data_at(3)));
    lock_slots();
    j.o.flags = PTW_REBUILD_MERGE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    merged = leaf_at(0, at_page(2));
    poke(&image, 0, at_page(3), 0, merged);
    poke(&image, 0, at_page(48), 0, user_page(address_in(0, merged)));
    expect_differs(&j, PTW_DIFFERS_JOINED, 0, at_page(48));
}

EVERY(verify, sees_pages_that_changed_places)
{
    struct job j = rebuilt(name, 0);
    uint64_t x = leaf_at(0, user_va());
    uint64_t y = leaf_at(0, at_page(1));

    poke(&image, 0, user_va(), 0, y);
    poke(&image, 0, at_page(1), 0, x);
    expect_differs(&j, PTW_DIFFERS_BYTES, 0, user_va());
}

EVERY(verify, sees_one_byte_that_changed)
{
    struct job j = rebuilt(name, 0);
    uint64_t pa;

    if (large_level() > 0) {
        uint64_t last = large_bytes() - page_bytes();

        pa = address_in(large_level(),
                        image_entry(&image, 0, large, large_level()));
        at(pa)[large_bytes() - 1] ^= 1;
        expect_differs(&j, PTW_DIFFERS_BYTES, 0, large + last);
        cr_expect(eq(u64, verify.difference.new_pa.v, pa + last));
        at(pa)[large_bytes() - 1] ^= 1;
    }
    pa = address_in(0, leaf_at(1, at_page(10)));
    at(pa)[0] ^= 0x80;
    expect_differs(&j, PTW_DIFFERS_BYTES, 1, at_page(10));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(8 + 5)));
    cr_expect(eq(u64, verify.difference.new_pa.v, pa));
}

EVERY(verify, sees_a_new_page_that_cant_be_read)
{
    struct job j = rebuilt(name, 0);

    expect_after(&j, 0, user_va(), user_page(outside_ram(0)),
                 PTW_DIFFERS_UNREADABLE);
    cr_expect(eq(u64, verify.difference.new_pa.v, outside_ram(0)));
}

/* ------------------------------------------------------------------- tables */

EVERY(verify, sees_a_table_with_other_rights_or_attributes)
{
    struct job j = rebuilt(name, 0);
    uint64_t va = user_va();
    uint64_t raw = image_entry(&image, 0, va, 1);
    uint64_t lacks;

    if (can_lack(1, raw, PTW_WRITE, &lacks)) {
        poke(&image, 0, va, 1, lacks);
        expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
        cr_expect(eq(u64, verify.difference.new_raw, lacks));
        cr_expect(eq(u64, verify.difference.new_pa.v, address_in(1, raw)));
        cr_expect(
            eq(u64, verify.difference.old_pa.v, table_of(root_at(0), va, 0)));
        cr_expect(ne(uint, verify.difference.old_rights,
                     verify.difference.new_rights));
    }
    poke(&image, 0, va, 1, with_other_bits(1, raw));
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    cr_expect(eq(u64, verify.difference.new_raw, with_other_bits(1, raw)));
    cr_expect(eq(u64, verify.difference.new_pa.v, address_in(1, raw)));
    cr_expect(eq(u64, verify.difference.old_pa.v, table_of(root_at(0), va, 0)));
    poke(&image, 0, va, 1, 0);
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    cr_expect(eq(u64, verify.difference.new_raw, 0));
    poke(&image, 0, va, 1, raw);
    /* one that is empty, where none was */
    va += 8 * span(1);
    memset(at(spare(0)), 0, (size_t)unit_bytes());
    poke(&image, 0, va, 1, any_table(1, spare(0)));
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    cr_expect(eq(u64, verify.difference.new_pa.v, spare(0)));
}

EVERY(verify, sees_a_shared_table_that_is_two_now)
{
    struct job j = rebuilt(name, 0);
    unsigned top = ptw_levels(&regime) - 1;
    uint64_t raw = image_entry(&image, 1, twice, 1);

    copy_to_spare(address_in(1, raw));
    poke(&image, 1, twice, 1, with_address(1, raw, spare(0)));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw);
    raw = image_entry(&image, 1, kernel, top);
    copy_to_spare(address_in(top, raw));
    poke(&image, 1, kernel, top, with_address(top, raw, spare(0)));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, kernel);
}

EVERY(verify, sees_an_alias_that_is_gone_or_another)
{
    struct job j = rebuilt(name, 0);
    uint64_t raw = image_entry(&image, 1, twice, 1);
    uint64_t other = with_rights(1, raw, all_rights());

    poke(&image, 1, twice, 1, 0);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    if (other != raw) { /* the rights of our path */
        poke(&image, 1, twice, 1, other);
        expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    }
    poke(&image, 1, twice, 1, with_other_bits(1, raw));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1,
         with_address(1, raw, image_table(&image, 0, user_va(), 0)));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw);
    /* and one that is new */
    poke(&image, 1, twice + span(1), 1, raw);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice + span(1));
}

/* A table like the one that is shared, of the same owner. */
EVERY(verify, sees_an_alias_of_another_table_of_the_owner)
{
    struct job j;
    uint64_t raw;

    start(name);
    for (unsigned i = 0; i < 2; i++) {
        hang(root_at(0), user_va() + i * span(1), 0,
             user_page_read_only(data_at(0)));
    }
    hang(root_at(1), user_va(), 1,
         any_table(1, table_of(root_at(0), user_va(), 0)));
    j = job_of(2);
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    raw = any_table(1, image_table(&image, 0, user_va() + span(1), 0));
    poke(&image, 1, user_va(), 1, raw);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, user_va());
    cr_expect(eq(u64, verify.difference.new_raw, raw));
}

EVERY(verify, sees_a_broken_recursive_slot)
{
    struct job j = rebuilt(name, 0);
    unsigned level = slot_level();
    uint64_t table = image_table(&image, 0, slot, level);
    uint64_t raw = slot_entry(table, true);
    uint64_t lacks;

    cr_assert(eq(u64, image_entry(&image, 0, slot, level), raw));
    poke(&image, 0, slot, level, 0);
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    cr_expect(
        eq(u64, verify.difference.old_pa.v, table_of(root_at(0), slot, level)));
    copy_to_spare(table);
    poke(&image, 0, slot, level, slot_entry(spare(0), true));
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    poke(&image, 0, slot, level, with_other_bits(level, raw));
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    if (can_lack(level, raw, PTW_WRITE, &lacks)) {
        poke(&image, 0, slot, level, lacks);
        expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    }
    poke(&image, 0, slot, level, raw);
    poke(&image, 0, slot + span(level), level, raw);
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot + span(level));
}

EVERY(verify, sees_a_bad_entry)
{
    struct job j = rebuilt(name, 0);
    unsigned level = large_level();
    uint64_t va = level > 0 ? large : user_va();
    uint64_t elsewhere = level > 0 ? large : at_page(9);
    uint64_t raw = image_entry(&image, 0, va, level);
    uint64_t bad;

    narrow_processor(NARROW);
    bad = raw | reserved_bit(level, raw);
    poke(&image, 0, va, level, bad);
    expect_differs(&j, PTW_DIFFERS_BAD, 0, va);
    cr_expect(eq(u64, verify.difference.new_raw, bad));
    cr_expect(eq(u64, verify.difference.old_pa.v,
                 level > 0 ? far_at(0) : data_at(0)));
    poke(&image, 0, va, level, raw);
    poke(&image, 1, elsewhere, level, bad); /* where nothing was */
    expect_differs(&j, PTW_DIFFERS_BAD, 1, elsewhere);
    poke(&image, 1, elsewhere, level, 0);
    /* a table that is not there */
    va = twice + span(1);
    poke(&image, 1, va, 1, any_table(1, outside_ram(0)));
    expect_differs(&j, PTW_DIFFERS_REFUSED, 1, va);
}

EVERY(verify, sees_roots_that_are_not_as_they_were)
{
    struct job j = rebuilt(name, 0);
    struct ptw_root was = image.root[1];

    image.root[1] = image.root[0];
    expect_differs(&j, PTW_DIFFERS_SPACE, 1, 0);
    image.root[1].table.v = outside_ram(0);
    expect_differs(&j, PTW_DIFFERS_SPACE, 1, 0);
    image.root[1] = was;
    image.root[2] = was;
    expect_differs(&j, PTW_DIFFERS_SPACE, 2, 0);
    image.root[2].table.v = spare(0);
    copy_to_spare(image.root[0].table.v);
    expect_differs(&j, PTW_DIFFERS_SPACE, 2, 0);
}

/* A table for what is mapped where something was left out is right; what else it
 * has is not. */
EVERY(verify, accepts_a_table_only_for_what_was_left_out)
{
    struct job j = rebuilt(name, 0);
    uint64_t va = user_va() + 5 * span(1);
    struct ptw_va_range out = {{page_va(va, 1)}, {page_va(va, 3) - 1}};
    uint64_t leaf = user_page(image.base);

    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    memset(at(spare(0)), 0, (size_t)unit_bytes());
    poke(&image, 0, va, 1, any_table(1, spare(0)));
    poke(&image, 0, page_va(va, 1), 0, leaf);
    poke(&image, 0, page_va(va, 2), 0, leaf);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    poke(&image, 0, page_va(va, 3), 0, leaf);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, page_va(va, 3));
    poke(&image, 0, page_va(va, 3), 0, 0);
    poke(&image, 0, va, 0, leaf);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, va);
}

/* ------------------------------------------------------ storage and statuses */

EVERY(verify, gives_the_same_however_little_storage_comes)
{
    static const unsigned flags[] = {0, PTW_REBUILD_COPY_ON_WRITE,
                                     PTW_REBUILD_SPLIT | PTW_REBUILD_MERGE};

    for (unsigned i = 0; i < 3; i++) {
        struct job j = rebuilt(name, flags[i]);
        struct ptw_certificate plenty = verify.certificate;

        for (unsigned n = 0; n < 200; n++) { /* to grow every store */
            uint64_t va = user_va() + (50 + n / 4) * span(1);

            hang(root_at(0), page_va(va, n), 0,
                 user_page_read_only(data_at(n)));
        }
        cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
        cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
        plenty = verify.certificate;
        j.least = true;
        cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
        cr_expect(memcmp(&plenty, &verify.certificate, sizeof plenty) == 0);
        j.o.seed = 0x9999;
        cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
        cr_expect(memcmp(&plenty, &verify.certificate, sizeof plenty) == 0);
        free_image(&image);
    }
}

/* What could not be read is counted once, wherever it stops in between. */
EVERY(verify, counts_what_was_dropped_once)
{
    struct job j = some_of_everything(name);
    struct ptw_certificate plenty;
    uint64_t raw;

    NEEDS_LARGE_PAGES(name);
    carve(page_va(far_at(0), 3), (large_pages() - 9) * page_bytes(), REFUSED);
    carve(data_at(9), page_bytes(), REFUSED);
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    plenty = verify.certificate;
    cr_expect(eq(u64, plenty.dropped, large_pages() - 9 + 1));
    j.least = true;
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(memcmp(&plenty, &verify.certificate, sizeof plenty) == 0);
    raw = leaf_at(0, page_va(large, 2));
    poke(&image, 0, page_va(large, 2), 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, page_va(large, 2));
    poke(&image, 0, page_va(large, 2), 0, raw);
    poke(&image, 0, page_va(large, 5), 0, user_page(image.base));
    expect_differs(&j, PTW_DIFFERS_KEPT, 0, page_va(large, 5));
}

/* ------------------------------------------------------------ pages in part */

/* The guest's own memory as the new one, but for what is changed: data_at(1), of
 * which there is a copy, and of which it may have another part. */
static uint8_t twin_page[LARGEST_UNIT];
static struct ptw_region twin_region[MAX_PARTS];
static struct ptw_mem_ops twin_ops;

static struct image twin_of(const struct job *j, uint64_t from, uint64_t to)
{
    struct image twin = {.base = 0};
    size_t n = 0;

    memcpy(twin.root, j->root, sizeof twin.root);
    memcpy(twin_page, &ram[data_at(1)], (size_t)page_bytes());
    for (unsigned i = 0; i < guest.parts; i++) {
        const struct part *p = &guest.part[i];

        if (p->last < data_at(1) ||
            p->first > data_at(1) + (page_bytes() - 1)) {
            twin_region[n++] =
                (struct ptw_region){{p->first},
                                    {p->last},
                                    p->kind == DIRECT ? p->bytes : NULL,
                                    false};
        }
    }
    if (from <= to) {
        twin_region[n++] = (struct ptw_region){
            {data_at(1) + from}, {data_at(1) + to}, twin_page + from, false};
    }
    twin_ops = *mem.ops;
    cr_assert(ptw_mem_init_callbacks(&twin.mem, &twin_ops, NULL, twin_region,
                                     n) == PTW_OK);
    return twin;
}

static void expect_twin(const struct job *j, struct image *twin,
                        enum ptw_difference_kind kind)
{
    cr_expect(eq(int, (int)verified(j, twin),
                 (int)(kind == PTW_DIFFERS_NOT ? PTW_OK : PTW_DIFFERENT)));
    cr_expect(eq(int, (int)verify.difference.kind, (int)kind));
    if (kind != PTW_DIFFERS_NOT) {
        cr_expect(eq(u64, verify.difference.va.v, at_page(1)));
    }
}

static struct job in_parts(const char *name)
{
    struct job j = some_of_everything(name);

    carve(data_at(1), page_bytes(), DIRECT); /* a part of its own */
    return j;
}

/* Page 1 has its bytes [0x805, 0xa04] only, in both. */
EVERY(verify, compares_the_part_of_a_page_that_both_images_have)
{
    struct job j = in_parts(name);
    struct image twin;
    struct ptw_certificate whole;
    struct ptw_certificate part;

    twin = twin_of(&j, 0, page_bytes() - 1);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    whole = verify.certificate;
    carve(data_at(1), 0x805, ABSENT);
    carve(data_at(1) + 0xa05, page_bytes() - 0xa05, ABSENT);
    twin = twin_of(&j, 0x805, 0xa04);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    part = verify.certificate;
    cr_expect(zero(u64, whole.partial));
    cr_expect(eq(u64, part.partial, 1));
    cr_expect(eq(u64, part.pages, whole.pages - 1));
    cr_expect(eq(u64, part.outside, whole.outside));
    cr_expect(zero(u64, part.dropped));
    cr_expect(ne(u64, part.digest[0], whole.digest[0]));
    for (unsigned at = 0x805; at <= 0xa04; at += 0x1ff) {
        twin_page[at] ^= 1;
        expect_twin(&j, &twin, PTW_DIFFERS_BYTES);
        twin_page[at] ^= 1;
    }
    twin_page[0x804] ^= 1;
    twin_page[0xa05] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    cr_expect(memcmp(&part, &verify.certificate, sizeof part) == 0);
}

EVERY(verify, says_which_image_has_less_of_a_page)
{
    struct job j = in_parts(name);
    struct image twin = twin_of(&j, 0, page_bytes() - 2);

    expect_twin(&j, &twin, PTW_DIFFERS_UNREADABLE);
    carve(data_at(1) + (page_bytes() - 2), 2, ABSENT);
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    /* what differs is said before what is missing */
    twin_page[7] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_BYTES);
    twin_page[7] ^= 1;
    twin = twin_of(&j, 0, page_bytes() - 3);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    twin = twin_of(&j, 1, page_bytes() - 3);
    expect_twin(&j, &twin, PTW_DIFFERS_UNREADABLE);
}

/* Callbacks that refuse a part of a page are no other thing. */
EVERY(verify, compares_the_part_of_a_page_that_is_not_refused)
{
    struct job j = in_parts(name);
    struct image twin;

    carve(data_at(1) + 0x100, 0x40, REFUSED);
    twin = twin_of(&j, 0, page_bytes() - 1);
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    twin_page[0x140] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_BYTES);
    twin_page[0x140] ^= 1;
    twin_page[0x13f] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    carve(data_at(1) + 0x140, page_bytes() - 0x140, ABSENT);
    carve(data_at(1), 0x100, ABSENT);
    twin = twin_of(&j, 1, 0);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
}

/* What it is that lies behind the part that both have, nobody knows. */
EVERY(verify, takes_a_page_in_part_for_the_same_at_its_address_only)
{
    struct job j = in_parts(name);
    struct image twin;

    j = job_of(1);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(4)));
    hang(root_at(4), at_page(1), 0, user_page(data_at(1)));
    hang(root_at(5), at_page(1), 0, user_page(data_at(40)));
    memcpy(&ram[data_at(40)], &ram[data_at(1)], (size_t)page_bytes());
    twin = twin_of(&j, 0, page_bytes() - 1);
    twin.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(5)));
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    carve(data_at(1) + 0x800, page_bytes() - 0x800, ABSENT);
    carve(data_at(40) + 0x800, page_bytes() - 0x800, ABSENT);
    twin = twin_of(&j, 0, 0x7ff);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    twin.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(5)));
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
}

/* ------------------------------------------------------------------- zeros */

static unsigned known;

/* Pages of the large leaf from the third on: some_of_everything has others. */
static bool zeros_above(void *ctx, ptw_pa pa, uint64_t bytes)
{
    (void)ctx;
    cr_assert(eq(u64, bytes, page_bytes()));
    if (pa.v < page_va(far_at(0), 3)) {
        return false;
    }
    known++;
    return true;
}

/* What is known to be zeros is not read, and is the same as if it were. */
EVERY(verify, does_not_read_what_is_known_to_be_zeros)
{
    struct job j = in_parts(name);
    struct ptw_certificate c;
    struct ptw_mem_ops ops;
    struct image twin;
    uint64_t pages;
    uint64_t calls;

    NEEDS_LARGE_PAGES(name);
    pages = large_pages() - 3;
    for (uint64_t i = 3; i < large_pages(); i++) {
        memset(guest_page(page_va(far_at(0), i)), 0, (size_t)page_bytes());
    }
    carve(far_at(0), large_bytes(), SERVED);
    twin = twin_of(&j, 0, page_bytes() - 1);
    guest.calls = 0;
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    c = verify.certificate;
    calls = guest.calls;
    ops = *mem.ops;
    ops.zeros = zeros_above;
    mem.ops = &ops;
    twin_ops.zeros = zeros_above;
    guest.calls = 0;
    known = 0;
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    cr_expect(memcmp(&c, &verify.certificate, sizeof c) == 0);
    cr_expect(eq(uint, known, (unsigned)(2 * pages)));
    cr_expect(eq(u64, calls - guest.calls, 2 * pages * (page_bytes() / 8)));
    /* one side knows, and the other one has something else */
    twin_ops.zeros = NULL;
    guest_page(page_va(far_at(0), 9))[7] = 1;
    cr_expect(eq(int, (int)verified(&j, &twin), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_BYTES));
    cr_expect(eq(u64, verify.difference.va.v, page_va(large, 9)));
}

EVERY(verify, stops_at_its_limit)
{
    struct job j = rebuilt(name, 0);

    j.o.max_reads =
        entries_of(verify.certificate.tables, verify.certificate.spaces) - 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_LIMIT));
    j.o.max_reads++;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
}

EVERY(verify, refuses_what_has_no_meaning)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    struct job j = rebuilt(name, 0);
    struct ptw_va_range out = {{user_va()}, {user_va() + 5}};
    void *before = &j;

    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ALIGN));
    cr_expect(eq(int, (int)ptw_verify_run(&verify), PTW_E_ARG));
    j.o.leave_outs = 0;
    j.o.first.v = at_page(1);
    j.o.last.v = at_page(1) - 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_RANGE));
    j = job_of(0);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ARG));
    cr_expect(
        eq(int, (int)ptw_verify_give(&verify, storage, sizeof storage, &before),
           PTW_E_ARG));
    cr_expect(before == NULL);
}

EVERY(verify, takes_only_storage_that_it_can_use)
{
    static _Alignas(8) unsigned char storage[PTW_VERIFY_STORES + 9][1 << 18];
    struct job j = rebuilt(name, PTW_REBUILD_COPY_ON_WRITE);
    struct ptw_verify_options o = {.last = {UINT64_MAX},
                                   .flags = PTW_REBUILD_COPY_ON_WRITE,
                                   .max_reads = UINT64_MAX};
    unsigned asked = 0;
    enum ptw_status st;
    void *before;

    cr_assert(eq(int,
                 (int)ptw_verify_init(&verify, &mem, j.root, &image.mem,
                                      image.root, j.roots, &o),
                 PTW_OK));
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        cr_assert(asked < PTW_VERIFY_STORES + 9);
        cr_assert(le(sz, verify.wanted, sizeof storage[0] - 8));
        cr_expect(eq(int,
                     (int)ptw_verify_give(&verify, &storage[asked][4],
                                          sizeof storage[0] - 4, &before),
                     PTW_E_ALIGN));
        cr_expect(eq(int,
                     (int)ptw_verify_give(&verify, storage[asked], 8, &before),
                     PTW_E_SPACE));
        cr_expect(eq(int,
                     (int)ptw_verify_give(&verify, storage[asked],
                                          sizeof storage[0], &before),
                     PTW_OK));
        asked++;
    }
    cr_expect(eq(int, (int)st, PTW_OK));
    cr_expect(ge(uint, asked, PTW_VERIFY_STORES));
    cr_expect(ptw_verify_storage(&verify, PTW_VERIFY_STORES) == NULL);
    cr_expect(ptw_verify_storage(&verify, 0) != NULL);
}

/* One change anywhere in the tables of an image is seen, unless the guest could
 * not see it either. */
EVERY(verify, sees_any_flipped_bit_of_any_table)
{
    struct job j = rebuilt(name, 0);
    uint64_t tables = image.counts.bytes - image.counts.page_bytes;
    const unsigned flips = 400 / PTW_TESTS_SHARE;
    unsigned seen = 0;
    struct dice d = {3};

    for (unsigned n = 0; n < flips; n++) {
        uint64_t byte = image.counts.page_bytes + roll_below(&d, tables);
        uint8_t bit = (uint8_t)(1 << roll_below(&d, 8));
        const char *wrong;
        enum ptw_status st;

        while (image.bytes[byte] == 0) { /* a part of an entry that is used */
            byte = image.counts.page_bytes + roll_below(&d, tables);
        }
        image.bytes[byte] ^= bit;
        st = verified(&j, &image);
        wrong = check_image(&j, &image);
        cr_expect(st == PTW_DIFFERENT || (st == PTW_OK && wrong[0] == '\0'),
                  "byte %#llx bit %#x: %s",
                  (unsigned long long)(byte - image.counts.page_bytes), bit,
                  wrong);
        seen += st == PTW_DIFFERENT;
        image.bytes[byte] ^= bit;
    }
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(lt(uint, flips * 3 / 4, seen));
}
