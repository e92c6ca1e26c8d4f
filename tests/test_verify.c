/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_verify: it accepts what is the same, and says what is not. */
#include "compact_bench.h"
#include "every_regime.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t RW_USER = 0x67;
static const uint64_t RO_USER = 0x25;

enum { USER_VA = 0x400000 };

static const uint64_t ADDRESS = 0xffffffffff000;

static struct image image;

/* A guest with some of everything: two spaces of their own, a kernel half that
 * they share, a table that one space has twice, a page that is mapped twice, a
 * copy-on-write page, a large leaf, a recursive slot, and a third root that is
 * the first again. */
static uint64_t kernel;
static uint64_t slot;
static uint64_t twice;
static uint64_t large;

static struct job some_of_everything(const char *name)
{
    static const uint64_t FAR = 0x40000000;
    struct job j;
    unsigned top;

    start(name);
    top = ptw_levels(&regime) - 1;
    kernel = kernel_half();
    slot = kernel + span(top);
    twice = USER_VA + 2 * span(1);
    large = USER_VA + 3 * span(1);
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < 4; i++) {
            hang(root_at(s), USER_VA + (uint64_t)i * PAGE, 0,
                 data_at(8 * s + i) | (i < 2 ? RW_USER : RO_USER));
        }
        hang(root_at(s), USER_VA + 0x8000, 0, data_at(8 * s + 2) | RO_USER);
        hang(root_at(s), USER_VA + 0xa000, 0, data_at(8 * s + 5) | 0x25 | COW);
        hang_slot(root_at(s), slot, true);
    }
    hang(root_at(0), kernel, 0, data_at(30) | 0x163);
    hang(root_at(0), kernel + PAGE, 0, data_at(31) | 0x161);
    hang(root_at(1), kernel, top,
         to_table(top, table_of(root_at(0), kernel, top - 1),
                  RWXU & ~(unsigned)PTW_USER));
    hang(root_at(1), twice, 1, table_of(root_at(1), USER_VA, 0) | 0x25);
    offer(FAR, span(1), far_memory(span(1)), DIRECT);
    for (uint64_t i = 0; i < span(1) / PAGE; i++) {
        memset(guest_page(FAR + i * PAGE), (int)(i % 255) + 1, PAGE);
        memcpy(guest_page(FAR + i * PAGE), &i, sizeof i);
    }
    hang(root_at(0), large, 1, FAR | RW_USER | PS);
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
        cr_expect(eq(u64, verify.difference.old_raw & ~ADDRESS,
                     entry_at(table_of(j->root[space].table.v, va, 0),
                              va / PAGE % entries_per_table()) &
                         ~ADDRESS));
    }
    poke(&image, space, va, 0, was);
}

/* A page of the image's memory behind its end. */
static uint64_t spare(unsigned i)
{
    return image.base + image.counts.bytes + (uint64_t)i * PAGE;
}

static uint8_t *at(uint64_t pa)
{
    return image.bytes + (pa - image.base);
}

/* ------------------------------------------------------------- certificates */

EVERY_X86(verify, certifies_what_was_compared)
{
    struct job j = rebuilt(name, 0);
    const struct ptw_certificate *c = &verify.certificate;
    /* Where the root has no slot there are tables for it. */
    unsigned below_root = ptw_levels(&regime) - 1 - slot_level();

    cr_expect(eq(u64, c->spaces, 2));
    cr_expect(eq(u64, c->tables, 3 * ptw_levels(&regime) - 1 + 2 * below_root));
    cr_expect(eq(u64, c->tables, image.counts.tables));
    cr_expect(eq(u64, c->aliases, 2));
    cr_expect(eq(u64, c->leaves, 6 + 6 + 2 + 1));
    cr_expect(eq(u64, c->pages, 5 + 5 + 2 + span(1) / PAGE));
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

EVERY_X86(verify, gives_equal_guests_one_digest_wherever_they_lie)
{
    struct job j = some_of_everything(name);
    struct ptw_certificate here = certified(&j);
    struct ptw_certificate there;

    j.o.base.v = 0x1235000;
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
    unsigned i =
        va >> ptw_level_shift(&regime, level) & (entries_per_table() - 1);

    put(table, i, entry_at(table, i) ^ flip);
    after = certified(&j);
    return before.digest[0] != after.digest[0] &&
           before.digest[1] != after.digest[1];
}

EVERY_X86(verify, gives_other_guests_other_digests)
{
    static const uint64_t bits[] = {2, 4, 8, 0x10, 0x80, 0x100};
    struct job j;
    struct ptw_certificate before;
    struct ptw_certificate after;

    start(name);
    for (unsigned i = 0; i < 6; i++) {
        cr_expect(other_digest(name, USER_VA, 0, bits[i]), "bit %u", i);
    }
    cr_expect(other_digest(name, USER_VA, 1, W));
    cr_expect(other_digest(name, USER_VA, 1, PCD));
    cr_expect(other_digest(name, USER_VA, 0, P));
    cr_expect(other_digest(name, USER_VA + 0x20000, 0, data_at(2) | P));
    cr_expect(not(other_digest(name, USER_VA, 0, A)));
    cr_expect(not(other_digest(name, USER_VA, 0, D)));
    j = some_of_everything(name);
    before = certified(&j);
    ram[data_at(3) + 4095] ^= 1;
    after = certified(&j);
    cr_expect(ne(u64, before.digest[0], after.digest[0]));
    cr_expect(ne(u64, before.digest[1], after.digest[1]));
}

/* ------------------------------------------------------------------- leaves */

EVERY_X86(verify, sees_a_page_that_is_missing)
{
    struct job j = rebuilt(name, 0);

    expect_after(&j, 0, USER_VA + PAGE, 0, PTW_DIFFERS_MISSING);
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(1)));
    cr_expect(eq(uint, verify.difference.new_rights, 0));
    cr_expect(eq(uint, verify.difference.old_rights, RWXU));
    expect_after(&j, 1, USER_VA + 0xa000, 0x7777000, PTW_DIFFERS_MISSING);
    expect_after(&j, 0, kernel, 0, PTW_DIFFERS_MISSING);
    poke(&image, 0, large, 1, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, large);
}

EVERY_X86(verify, sees_a_page_that_is_extra)
{
    struct job j = rebuilt(name, 0);

    expect_after(&j, 0, USER_VA + 0x20000, leaf_at(0, USER_VA),
                 PTW_DIFFERS_EXTRA);
    cr_expect(eq(u64, verify.difference.new_pa.v,
                 leaf_at(0, USER_VA) & ADDRESS & ~0xfffull));
    cr_expect(eq(u64, verify.difference.new_raw, leaf_at(0, USER_VA)));
    cr_expect(eq(uint, verify.difference.new_rights, RWXU));
    cr_expect(eq(uint, verify.difference.old_rights, 0));
    cr_expect(eq(u64, verify.difference.old_raw, 0));
    expect_after(&j, 1, USER_VA + 0x9000, leaf_at(0, USER_VA),
                 PTW_DIFFERS_EXTRA);
    /* behind everything that the guest has */
    poke(&image, 1, large, 1, (spare(0) + span(1)) / span(1) * span(1) | 0xe7);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 1, large);
}

/* What is extra in one space is told before what is missing in the next. */
EVERY_X86(verify, tells_the_first_difference)
{
    struct job j = rebuilt(name, 0);

    poke(&image, 0, kernel + 9 * PAGE, 0, leaf_at(0, kernel));
    poke(&image, 1, USER_VA, 0, 0);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, kernel + 9 * PAGE);
    poke(&image, 0, USER_VA + PAGE, 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, USER_VA + PAGE);
}

EVERY_X86(verify, sees_other_rights)
{
    struct job j = rebuilt(name, 0);
    uint64_t rw = leaf_at(0, USER_VA);
    uint64_t ro = leaf_at(0, USER_VA + 2 * PAGE);

    expect_after(&j, 0, USER_VA, rw & ~W, PTW_DIFFERS_RIGHTS);
    cr_expect(eq(uint, verify.difference.old_rights, RWXU));
    cr_expect(
        eq(uint, verify.difference.new_rights, RWXU & ~(unsigned)PTW_WRITE));
    cr_expect(eq(u64, verify.difference.new_raw, rw & ~W));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(0)));
    cr_expect(eq(u64, verify.difference.new_pa.v, rw & ADDRESS));
    expect_after(&j, 0, USER_VA + 2 * PAGE, ro | W, PTW_DIFFERS_RIGHTS);
    expect_after(&j, 0, USER_VA, rw & ~U, PTW_DIFFERS_RIGHTS);
    expect_after(&j, 0, kernel + PAGE, leaf_at(0, kernel + PAGE) | U,
                 PTW_DIFFERS_RIGHTS);
    if (oracle_withholds(&oracle, PTW_EXEC)) {
        expect_after(&j, 0, USER_VA, rw | NX, PTW_DIFFERS_RIGHTS);
    }
    poke(&image, 0, large, 1, image_entry(&image, 0, large, 1) & ~W);
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, large);
}

EVERY_X86(verify, sees_other_attributes)
{
    static const uint64_t bits[] = {8, 0x10, 0x20, 0x40, 0x80, 0x100, 0xc00};
    struct job j = rebuilt(name, 0);
    uint64_t others =
        oracle_free_bits(&oracle, 0, leaf_at(0, USER_VA)) & ~0xe00;

    for (unsigned i = 0; i < 7; i++) {
        expect_after(&j, 0, USER_VA, leaf_at(0, USER_VA) ^ bits[i],
                     PTW_DIFFERS_ATTRIBUTES);
    }
    for (; others != 0; others &= others - 1) {
        expect_after(&j, 0, USER_VA, leaf_at(0, USER_VA) ^ (others & -others),
                     PTW_DIFFERS_ATTRIBUTES);
    }
    poke(&image, 0, large, 1, image_entry(&image, 0, large, 1) ^ PAT_LARGE);
    expect_differs(&j, PTW_DIFFERS_ATTRIBUTES, 0, large);
}

EVERY_X86(verify, sees_another_policy)
{
    struct job j = rebuilt(name, 0);
    uint64_t cow = leaf_at(0, USER_VA + 0xa000);
    uint64_t ro = leaf_at(0, USER_VA + 2 * PAGE);

    expect_after(&j, 0, USER_VA + 0xa000, cow & ~COW, PTW_DIFFERS_POLICY);
    expect_after(&j, 0, USER_VA + 2 * PAGE, ro | COW, PTW_DIFFERS_POLICY);
    j = rebuilt(name, PTW_REBUILD_COPY_ON_WRITE);
    cow = leaf_at(0, USER_VA);
    expect_after(&j, 0, USER_VA, cow & ~COW, PTW_DIFFERS_POLICY);
    expect_after(&j, 0, USER_VA, (cow & ~COW) | W, PTW_DIFFERS_RIGHTS);
    expect_after(&j, 0, USER_VA + 0xa000, leaf_at(0, USER_VA + 0xa000) & ~COW,
                 PTW_DIFFERS_POLICY);
    /* the right to write, hidden by the path */
    cow = leaf_at(1, USER_VA);
    poke(&image, 1, USER_VA, 0, cow | W);
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 1, USER_VA);
    /* as asked for, but of another question */
    poke(&image, 1, USER_VA, 0, cow);
    j.o.flags = 0;
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, USER_VA);
}

/* A leaf below tables that grant no writing: the entry is looked at, too. */
EVERY_X86(verify, sees_a_writable_entry_on_a_path_that_is_not)
{
    struct job j;

    start(name);
    hang(root_at(0), USER_VA, 0, data_at(0) | RW_USER);
    hang(root_at(0), USER_VA, 1, table_of(root_at(0), USER_VA, 0) | 0x25);
    j = job_of(1);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    poke(&image, 0, USER_VA, 0, leaf_at(0, USER_VA) | W);
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, USER_VA);
}

EVERY_X86(verify, sees_a_shared_page_turned_copy_on_write)
{
    struct job j = some_of_everything(name);

    hang(root_at(1), USER_VA + 0x40000, 0, data_at(0) | RW_USER);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    cr_assert(eq(u64, leaf_at(0, USER_VA) & 0xfff, RW_USER));
    expect_after(&j, 0, USER_VA, (leaf_at(0, USER_VA) & ~W) | COW,
                 PTW_DIFFERS_RIGHTS);
    j.o.flags = PTW_REBUILD_COPY_SHARED;
    expect_differs(&j, PTW_DIFFERS_RIGHTS, 0, USER_VA);
}

/* ------------------------------------------------------------------- sizes */

/* Puts small leaves in place of the large one, of the same pages. */
static void break_large(void)
{
    uint64_t was = image_entry(&image, 0, large, 1);

    for (unsigned i = 0; i < entries_per_table(); i++) {
        uint64_t raw = ((was & ADDRESS) + (uint64_t)i * PAGE) | RW_USER;

        for (unsigned b = 0; b < ptw_entry_bytes(&regime); b++) {
            at(spare(0))[i * ptw_entry_bytes(&regime) + b] =
                (uint8_t)(raw >> (8 * b));
        }
    }
    poke(&image, 0, large, 1, spare(0) | 0x27);
}

EVERY_X86(verify, sees_a_large_leaf_that_is_not_large_any_more)
{
    struct job j = rebuilt(name, 0);

    break_large();
    expect_differs(&j, PTW_DIFFERS_SIZE, 0, large);
    j.o.flags = PTW_REBUILD_SPLIT;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    poke(&image, 0, large + 5 * PAGE, 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, large + 5 * PAGE);
}

EVERY_X86(verify, sees_a_large_leaf_that_was_to_be_split)
{
    struct job j = rebuilt(name, 0);

    j.o.flags = PTW_REBUILD_SPLIT;
    expect_differs(&j, PTW_DIFFERS_SIZE, 0, large);
}

/* -------------------------------------------------------------------- pages */

EVERY_X86(verify, sees_one_page_that_is_two_now)
{
    struct job j = rebuilt(name, 0);
    uint64_t raw = leaf_at(0, USER_VA + 0x8000);

    memcpy(at(spare(0)), at(raw & ADDRESS & ~0xfffull), PAGE);
    expect_after(&j, 0, USER_VA + 0x8000, spare(0) | (raw & 0xfff),
                 PTW_DIFFERS_SHARED);
    cr_expect(eq(u64, verify.difference.new_pa.v, spare(0)));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(2)));
}

EVERY_X86(verify, sees_two_pages_that_are_one_now)
{
    struct job j = some_of_everything(name);

    memcpy(&ram[data_at(3)], &ram[data_at(2)], PAGE);
    memcpy(&ram[data_at(1)], &ram[data_at(0)], PAGE);
    lock_slots();
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_after(&j, 0, USER_VA + 3 * PAGE, leaf_at(0, USER_VA + 2 * PAGE),
                 PTW_DIFFERS_JOINED);
    /* to merge what is read only is right when it was asked for */
    poke(&image, 0, USER_VA + 3 * PAGE, 0, leaf_at(0, USER_VA + 2 * PAGE));
    j.o.flags = PTW_REBUILD_MERGE;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_after(&j, 0, USER_VA + PAGE, leaf_at(0, USER_VA),
                 PTW_DIFFERS_JOINED);
}

/* Merged first, and only then seen to be writable elsewhere. */
EVERY_X86(verify, sees_a_merged_page_that_can_be_written_later)
{
    struct job j = some_of_everything(name);

    memcpy(&ram[data_at(3)], &ram[data_at(2)], PAGE);
    hang(root_at(0), USER_VA + 0x30000, 0, data_at(3) | RW_USER);
    lock_slots();
    j.o.flags = PTW_REBUILD_MERGE;
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    poke(&image, 0, USER_VA + 3 * PAGE, 0, leaf_at(0, USER_VA + 2 * PAGE));
    poke(&image, 0, USER_VA + 0x30000, 0,
         (leaf_at(0, USER_VA + 2 * PAGE) & ~0xfffull) | RW_USER);
    expect_differs(&j, PTW_DIFFERS_JOINED, 0, USER_VA + 0x30000);
}

EVERY_X86(verify, sees_pages_that_changed_places)
{
    struct job j = rebuilt(name, 0);
    uint64_t x = leaf_at(0, USER_VA);
    uint64_t y = leaf_at(0, USER_VA + PAGE);

    poke(&image, 0, USER_VA, 0, y);
    poke(&image, 0, USER_VA + PAGE, 0, x);
    expect_differs(&j, PTW_DIFFERS_BYTES, 0, USER_VA);
}

EVERY_X86(verify, sees_one_byte_that_changed)
{
    struct job j = rebuilt(name, 0);
    uint64_t pa = image_entry(&image, 0, large, 1) & ~0x1fffull;

    at(pa)[span(1) - 1] ^= 1;
    expect_differs(&j, PTW_DIFFERS_BYTES, 0, large + span(1) - PAGE);
    cr_expect(eq(u64, verify.difference.new_pa.v, pa + span(1) - PAGE));
    at(pa)[span(1) - 1] ^= 1;
    pa = leaf_at(1, USER_VA + 0xa000) & ADDRESS & ~0xfffull;
    at(pa)[0] ^= 0x80;
    expect_differs(&j, PTW_DIFFERS_BYTES, 1, USER_VA + 0xa000);
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(8 + 5)));
    cr_expect(eq(u64, verify.difference.new_pa.v, pa));
}

EVERY_X86(verify, sees_a_new_page_that_cant_be_read)
{
    struct job j = rebuilt(name, 0);

    expect_after(&j, 0, USER_VA, 0x70000000 | RW_USER, PTW_DIFFERS_UNREADABLE);
    cr_expect(eq(u64, verify.difference.new_pa.v, 0x70000000));
}

/* ------------------------------------------------------------------- tables */

EVERY_X86(verify, sees_a_table_with_other_rights_or_attributes)
{
    struct job j = rebuilt(name, 0);
    uint64_t va = USER_VA & ~(span(1) - 1);
    uint64_t raw = image_entry(&image, 0, va, 1);

    poke(&image, 0, va, 1, raw & ~W);
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    cr_expect(eq(u64, verify.difference.new_raw, raw & ~W));
    cr_expect(eq(u64, verify.difference.new_pa.v, raw & ADDRESS & ~0xfffull));
    cr_expect(
        eq(u64, verify.difference.old_pa.v, table_of(root_at(0), USER_VA, 0)));
    cr_expect(
        ne(uint, verify.difference.old_rights, verify.difference.new_rights));
    poke(&image, 0, va, 1, raw | PCD);
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    poke(&image, 0, va, 1, 0);
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, va);
    cr_expect(eq(u64, verify.difference.new_raw, 0));
    poke(&image, 0, va, 1, raw);
    /* one that is empty, where none was */
    memset(at(spare(0)), 0, PAGE);
    poke(&image, 0, large + span(1), 1, spare(0) | 0x27);
    expect_differs(&j, PTW_DIFFERS_TABLE, 0, large + span(1));
    cr_expect(eq(u64, verify.difference.new_pa.v, spare(0)));
}

EVERY_X86(verify, sees_a_shared_table_that_is_two_now)
{
    struct job j = rebuilt(name, 0);
    unsigned top = ptw_levels(&regime) - 1;
    uint64_t raw = image_entry(&image, 1, twice, 1);

    memcpy(at(spare(0)), at(raw & ADDRESS & ~0xfffull), PAGE);
    poke(&image, 1, twice, 1, spare(0) | (raw & 0xfff));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw);
    raw = image_entry(&image, 1, kernel, top);
    memcpy(at(spare(0)), at(raw & ADDRESS & ~0xfffull), PAGE);
    poke(&image, 1, kernel, top, spare(0) | (raw & 0xfff));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, kernel);
}

EVERY_X86(verify, sees_an_alias_that_is_gone_or_another)
{
    struct job j = rebuilt(name, 0);
    uint64_t raw = image_entry(&image, 1, twice, 1);

    poke(&image, 1, twice, 1, 0);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw | W); /* the rights of our path */
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw | PCD);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1,
         image_table(&image, 0, USER_VA, 0) | (raw & 0xfff));
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice);
    poke(&image, 1, twice, 1, raw);
    /* and one that is new */
    poke(&image, 1, twice + span(1), 1, raw);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, twice + span(1));
}

/* A table like the one that is shared, of the same owner. */
EVERY_X86(verify, sees_an_alias_of_another_table_of_the_owner)
{
    struct job j;
    uint64_t raw;

    start(name);
    for (unsigned i = 0; i < 2; i++) {
        hang(root_at(0), USER_VA + i * span(1), 0, data_at(0) | RO_USER);
    }
    hang(root_at(1), USER_VA, 1, table_of(root_at(0), USER_VA, 0) | 0x27);
    j = job_of(2);
    cr_assert(eq(str, (char *)good(&j, &image), ""));
    raw = image_table(&image, 0, USER_VA + span(1), 0) | 0x27;
    poke(&image, 1, USER_VA, 1, raw);
    expect_differs(&j, PTW_DIFFERS_ALIAS, 1, USER_VA);
    cr_expect(eq(u64, verify.difference.new_raw, raw));
}

EVERY_X86(verify, sees_a_broken_recursive_slot)
{
    struct job j = rebuilt(name, 0);
    unsigned level = slot_level();
    uint64_t table = image_table(&image, 0, slot, level);

    poke(&image, 0, slot, level, 0);
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    cr_expect(
        eq(u64, verify.difference.old_pa.v, table_of(root_at(0), slot, level)));
    memcpy(at(spare(0)), at(table), PAGE);
    poke(&image, 0, slot, level, slot_entry(spare(0), true));
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    poke(&image, 0, slot, level, slot_entry(table, true) | PCD);
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    poke(&image, 0, slot, level, slot_entry(table, false));
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot);
    poke(&image, 0, slot, level, slot_entry(table, true));
    poke(&image, 0, slot + span(level), level, slot_entry(table, true));
    expect_differs(&j, PTW_DIFFERS_SELF, 0, slot + span(level));
}

EVERY_X86(verify, sees_a_bad_entry)
{
    struct job j = rebuilt(name, 0);
    uint64_t raw = image_entry(&image, 0, large, 1);
    uint64_t reserved = reserved_bit(1, raw);

    poke(&image, 0, large, 1, raw | reserved);
    expect_differs(&j, PTW_DIFFERS_BAD, 0, large);
    cr_expect(eq(u64, verify.difference.new_raw, raw | reserved));
    cr_expect(eq(u64, verify.difference.old_pa.v, 0x40000000));
    poke(&image, 0, large, 1, raw);
    poke(&image, 1, large, 1, raw | reserved); /* where nothing was */
    expect_differs(&j, PTW_DIFFERS_BAD, 1, large);
    poke(&image, 1, large, 1,
         0x70000000 | 0x27); /* a table that is not there */
    expect_differs(&j, PTW_DIFFERS_REFUSED, 1, large);
}

EVERY_X86(verify, sees_roots_that_are_not_as_they_were)
{
    struct job j = rebuilt(name, 0);
    struct ptw_root was = image.root[1];

    image.root[1] = image.root[0];
    expect_differs(&j, PTW_DIFFERS_SPACE, 1, 0);
    image.root[1].table.v = 0x70000000;
    expect_differs(&j, PTW_DIFFERS_SPACE, 1, 0);
    image.root[1] = was;
    image.root[2] = was;
    expect_differs(&j, PTW_DIFFERS_SPACE, 2, 0);
    image.root[2].table.v = spare(0);
    memcpy(at(spare(0)), at(image.root[0].table.v), PAGE);
    expect_differs(&j, PTW_DIFFERS_SPACE, 2, 0);
}

/* A table for what is mapped where something was left out is right; what else it
 * has is not. */
EVERY_X86(verify, accepts_a_table_only_for_what_was_left_out)
{
    struct job j = rebuilt(name, 0);
    uint64_t va = large + 2 * span(1);
    struct ptw_va_range out = {{va + PAGE}, {va + 3 * PAGE - 1}};

    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    memset(at(spare(0)), 0, PAGE);
    poke(&image, 0, va, 1, spare(0) | 0x27);
    poke(&image, 0, va + PAGE, 0, image.base | RW_USER);
    poke(&image, 0, va + 2 * PAGE, 0, image.base | RW_USER);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    poke(&image, 0, va + 3 * PAGE, 0, image.base | RW_USER);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, va + 3 * PAGE);
    poke(&image, 0, va + 3 * PAGE, 0, 0);
    poke(&image, 0, va, 0, image.base | RW_USER);
    expect_differs(&j, PTW_DIFFERS_EXTRA, 0, va);
}

/* ------------------------------------------------------ storage and statuses */

EVERY_X86(verify, gives_the_same_however_little_storage_comes)
{
    static const unsigned flags[] = {0, PTW_REBUILD_COPY_ON_WRITE,
                                     PTW_REBUILD_SPLIT | PTW_REBUILD_MERGE};

    for (unsigned i = 0; i < 3; i++) {
        struct job j = rebuilt(name, flags[i]);
        struct ptw_certificate plenty = verify.certificate;

        for (unsigned n = 0; n < 200; n++) { /* to grow every store */
            hang(root_at(0), USER_VA + (50 + n / 4) * span(1) + n * PAGE, 0,
                 data_at(n) | RO_USER);
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
EVERY_X86(verify, counts_what_was_dropped_once)
{
    struct job j = some_of_everything(name);
    struct ptw_certificate plenty;
    uint64_t raw;

    carve(0x40000000 + 0x3000, span(1) - 0x9000, REFUSED);
    carve(data_at(9), PAGE, REFUSED);
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    plenty = verify.certificate;
    cr_expect(eq(u64, plenty.dropped, span(1) / PAGE - 9 + 1));
    j.least = true;
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(memcmp(&plenty, &verify.certificate, sizeof plenty) == 0);
    raw = leaf_at(0, large + 2 * PAGE);
    poke(&image, 0, large + 2 * PAGE, 0, 0);
    expect_differs(&j, PTW_DIFFERS_MISSING, 0, large + 2 * PAGE);
    poke(&image, 0, large + 2 * PAGE, 0, raw);
    poke(&image, 0, large + 5 * PAGE, 0, image.base | RW_USER);
    expect_differs(&j, PTW_DIFFERS_KEPT, 0, large + 5 * PAGE);
}

/* ------------------------------------------------------------ pages in part */

/* The guest's own memory as the new one, but for what is changed: data_at(1), of
 * which there is a copy, and of which it may have another part. */
static uint8_t twin_page[PAGE];
static struct ptw_region twin_region[MAX_PARTS];
static struct ptw_mem_ops twin_ops;

static struct image twin_of(const struct job *j, uint64_t from, uint64_t to)
{
    struct image twin = {.base = 0};
    size_t n = 0;

    memcpy(twin.root, j->root, sizeof twin.root);
    memcpy(twin_page, &ram[data_at(1)], PAGE);
    for (unsigned i = 0; i < guest.parts; i++) {
        const struct part *p = &guest.part[i];

        if (p->last < data_at(1) || p->first > data_at(1) + (PAGE - 1)) {
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
        cr_expect(eq(u64, verify.difference.va.v, USER_VA + PAGE));
    }
}

static struct job in_parts(const char *name)
{
    struct job j = some_of_everything(name);

    carve(data_at(1), PAGE, DIRECT); /* a part of its own */
    return j;
}

/* Page 1 has its bytes [0x805, 0xa04] only, in both. */
EVERY_X86(verify, compares_the_part_of_a_page_that_both_images_have)
{
    struct job j = in_parts(name);
    struct image twin;
    struct ptw_certificate whole;
    struct ptw_certificate part;

    twin = twin_of(&j, 0, PAGE - 1);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    whole = verify.certificate;
    carve(data_at(1), 0x805, ABSENT);
    carve(data_at(1) + 0xa05, PAGE - 0xa05, ABSENT);
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

EVERY_X86(verify, says_which_image_has_less_of_a_page)
{
    struct job j = in_parts(name);
    struct image twin = twin_of(&j, 0, PAGE - 2);

    expect_twin(&j, &twin, PTW_DIFFERS_UNREADABLE);
    carve(data_at(1) + (PAGE - 2), 2, ABSENT);
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    /* what differs is said before what is missing */
    twin_page[7] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_BYTES);
    twin_page[7] ^= 1;
    twin = twin_of(&j, 0, PAGE - 3);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    twin = twin_of(&j, 1, PAGE - 3);
    expect_twin(&j, &twin, PTW_DIFFERS_UNREADABLE);
}

/* Callbacks that refuse a part of a page are no other thing. */
EVERY_X86(verify, compares_the_part_of_a_page_that_is_not_refused)
{
    struct job j = in_parts(name);
    struct image twin;

    carve(data_at(1) + 0x100, 0x40, REFUSED);
    twin = twin_of(&j, 0, PAGE - 1);
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    twin_page[0x140] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_BYTES);
    twin_page[0x140] ^= 1;
    twin_page[0x13f] ^= 1;
    expect_twin(&j, &twin, PTW_DIFFERS_KEPT);
    carve(data_at(1) + 0x140, PAGE - 0x140, ABSENT);
    carve(data_at(1), 0x100, ABSENT);
    twin = twin_of(&j, 1, 0);
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
}

/* What it is that lies behind the part that both have, nobody knows. */
EVERY_X86(verify, takes_a_page_in_part_for_the_same_at_its_address_only)
{
    struct job j = in_parts(name);
    struct image twin;

    j = job_of(1);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(4)));
    hang(root_at(4), USER_VA + PAGE, 0, data_at(1) | RW_USER);
    hang(root_at(5), USER_VA + PAGE, 0, data_at(40) | RW_USER);
    memcpy(&ram[data_at(40)], &ram[data_at(1)], PAGE);
    twin = twin_of(&j, 0, PAGE - 1);
    twin.root[0] = ptw_root_of(&regime, ptw_pa_of(root_at(5)));
    expect_twin(&j, &twin, PTW_DIFFERS_NOT);
    carve(data_at(1) + 0x800, 0x800, ABSENT);
    carve(data_at(40) + 0x800, 0x800, ABSENT);
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
    cr_assert(eq(u64, bytes, PAGE));
    if (pa.v < 0x40000000 + 3 * PAGE) {
        return false;
    }
    known++;
    return true;
}

/* What is known to be zeros is not read, and is the same as if it were. */
EVERY_X86(verify, does_not_read_what_is_known_to_be_zeros)
{
    struct job j = in_parts(name);
    uint64_t pages = span(1) / PAGE - 3;
    struct ptw_certificate c;
    struct ptw_mem_ops ops;
    struct image twin;
    uint64_t calls;

    for (uint64_t i = 3; i < span(1) / PAGE; i++) {
        memset(guest_page(0x40000000 + i * PAGE), 0, PAGE);
    }
    carve(0x40000000, span(1), SERVED);
    twin = twin_of(&j, 0, PAGE - 1);
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
    cr_expect(eq(u64, calls - guest.calls, 2 * pages * (PAGE / 8)));
    /* one side knows, and the other one has something else */
    twin_ops.zeros = NULL;
    guest_page(0x40000000 + 9 * PAGE)[7] = 1;
    cr_expect(eq(int, (int)verified(&j, &twin), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, PTW_DIFFERS_BYTES));
    cr_expect(eq(u64, verify.difference.va.v, large + 9 * PAGE));
}

EVERY_X86(verify, stops_at_its_limit)
{
    struct job j = rebuilt(name, 0);

    j.o.max_reads =
        entries_of(verify.certificate.tables, verify.certificate.spaces) - 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_LIMIT));
    j.o.max_reads++;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
}

EVERY_X86(verify, refuses_what_has_no_meaning)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    struct job j = rebuilt(name, 0);
    struct ptw_va_range out = {{USER_VA}, {USER_VA + 5}};
    void *before = &j;

    j.o.leave_out = &out;
    j.o.leave_outs = 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ALIGN));
    cr_expect(eq(int, (int)ptw_verify_run(&verify), PTW_E_ARG));
    j.o.leave_outs = 0;
    j.o.first.v = PAGE;
    j.o.last.v = PAGE - 1;
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_RANGE));
    j = job_of(0);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ARG));
    cr_expect(
        eq(int, (int)ptw_verify_give(&verify, storage, sizeof storage, &before),
           PTW_E_ARG));
    cr_expect(before == NULL);
}

EVERY_X86(verify, takes_only_storage_that_it_can_use)
{
    static _Alignas(8) unsigned char storage[PTW_VERIFY_STORES + 9][1 << 16];
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
EVERY_X86(verify, sees_any_flipped_bit_of_any_table)
{
    struct job j = rebuilt(name, 0);
    uint64_t tables = image.counts.bytes - image.counts.page_bytes;
    unsigned seen = 0;
    struct dice d = {3};

    for (unsigned n = 0; n < 400; n++) {
        uint64_t byte = image.counts.page_bytes + roll_below(&d, tables);
        uint8_t bit = (uint8_t)(1 << roll_below(&d, 8));
        const char *judge;
        enum ptw_status st;

        while (image.bytes[byte] == 0) { /* a part of an entry that is used */
            byte = image.counts.page_bytes + roll_below(&d, tables);
        }
        image.bytes[byte] ^= bit;
        st = verified(&j, &image);
        judge = judged(&j, &image);
        cr_expect(st == PTW_DIFFERENT || (st == PTW_OK && judge[0] == '\0'),
                  "byte %#llx bit %#x: %s",
                  (unsigned long long)(byte - image.counts.page_bytes), bit,
                  judge);
        seen += st == PTW_DIFFERENT;
        image.bytes[byte] ^= bit;
    }
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    cr_expect(gt(uint, seen, 300));
}
