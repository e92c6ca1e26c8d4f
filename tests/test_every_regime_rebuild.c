/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding and comparing in every regime, level by level.  A failure names the
 * regime by its suite, and the level. */
#include "compact_bench.h"
#include "every_regime.h"

#include <string.h>

static struct image image;

static unsigned levels(void)
{
    return ptw_levels(&regime);
}

/* A page of data at va. */
static void page_at(unsigned space, uint64_t va, unsigned data)
{
    hang(root_at(space), va, 0, to_page(0, data_at(data), all_rights()));
}

static void expect_good(const struct job *j, unsigned level)
{
    const char *what = good(j, &image);

    cr_expect(strcmp(what, "") == 0, "level %u: %s", level, what);
}

static uint64_t pa_in(uint64_t raw, unsigned level)
{
    return oracle.format->decode(&oracle, raw, level).pa;
}

static uint64_t with_table(uint64_t raw, uint64_t pa)
{
    return (raw & ~oracle.format->table_bits(&oracle)) |
           oracle.format->put_table(&oracle, pa);
}

/* ------------------------------------------------------------------ rebuild */

EVERY(rebuild, keeps_pages_in_every_corner)
{
    struct job j;

    start(name);
    for (unsigned i = 0; i < CORNERS; i++) {
        page_at(0, corner(i, 0), i);
    }
    j = job_of(1);
    expect_good(&j, 0);
    cr_expect(eq(u64, image.counts.pages, CORNERS));
    cr_expect(eq(u64, image.counts.aliases, 0));
}

/* Above the small leaf of the corner there is memory for a large one. */
static struct job one_large_leaf(const char *name, unsigned level)
{
    uint64_t far = 0x40000000;
    struct job j;
    uint8_t *bytes = far_memory(span(level));

    start(name);
    far = span(level) > far ? span(level) : far;
    memset(bytes, 1, (size_t)page_bytes());
    memset(bytes + span(level) / 2, 2, (size_t)page_bytes());
    memset(bytes + span(level) - page_bytes(), 3, (size_t)page_bytes());
    offer(far, span(level), bytes, DIRECT);
    page_at(0, corner(0, 0), 0);
    hang(root_at(0), corner(2, level), level,
         to_page(level, far, all_rights()));
    j = job_of(1);
    j.o.flags = PTW_REBUILD_ZEROS;
    return j;
}

EVERY(rebuild, keeps_a_large_leaf_of_every_level_whole)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        struct job j;
        uint64_t raw;

        if (!can_be_filled(level)) {
            continue;
        }
        j = one_large_leaf(name, level);
        expect_good(&j, level);
        cr_expect(eq(u64, image.counts.large, 1), "level %u", level);
        cr_expect(eq(u64, image.counts.pages, 1 + span(level) / page_bytes()),
                  "level %u", level);
        raw = image_entry(&image, 0, corner(2, level), level);
        cr_expect(oracle.format->decode(&oracle, raw, level).kind ==
                          ORACLE_MAPS &&
                      pa_in(raw, level) >= image.base &&
                      pa_in(raw, level) - image.base < image.counts.page_bytes,
                  "level %u: %llx", level, (unsigned long long)raw);
        free_image(&image);
    }
}

EVERY(rebuild, splits_a_large_leaf_of_every_level_on_request)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        struct job j;
        uint64_t parts = 1;

        if (!can_be_filled(level)) {
            continue;
        }
        j = one_large_leaf(name, level);
        j.o.flags |= PTW_REBUILD_SPLIT;
        cr_expect(eq(int, (int)compact(&j, &image), PTW_OK), "level %u", level);
        cr_expect(eq(int, (int)verified(&j, &image), PTW_OK), "level %u",
                  level);
        for (unsigned l = level; l > 1; l--) {
            parts = parts * entries_at(l - 1) + 1;
        }
        cr_expect(eq(u64, image.counts.split, 1), "level %u", level);
        cr_expect(eq(u64, image.counts.large, 0), "level %u", level);
        cr_expect(eq(u64, image.counts.leaves, 1 + span(level) / page_bytes()),
                  "level %u", level);
        cr_expect(
            eq(u64, image.counts.tables, 2 * levels() - 1 - level + parts),
            "level %u", level);
        cr_expect(image_table(&image, 0, corner(2, level), 0) != 0);
        free_image(&image);
    }
}

/* Two spaces and one of them twice have a table of each level in common: pages
 * and tables are there once. */
static struct job shared_tables(const char *name, unsigned level, uint64_t *va)
{
    struct job j;
    uint64_t raw;

    start(name);
    page_at(0, corner(1, 0), 0);
    page_at(0, corner(0, 0), 1);
    page_at(1, corner(0, 0), 2);
    raw = to_table(level + 1, table_of(root_at(0), corner(1, 0), level),
                   PTW_READ | PTW_EXEC);
    *va = corner(2, level + 1) | (corner(1, 0) & (span(level + 1) - 1));
    *va &= ~(page_bytes() - 1);
    hang(root_at(1), *va, level + 1, raw);
    hang(root_at(0), corner(3, level + 1), level + 1, raw);
    j = job_of(2);
    return j;
}

EVERY(rebuild, keeps_tables_of_every_level_shared)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t va;
        struct job j = shared_tables(name, level, &va);

        expect_good(&j, level);
        cr_expect(eq(u64, image.counts.pages, 3), "level %u", level);
        cr_expect(eq(u64, image.counts.leaves, 3), "level %u", level);
        cr_expect(eq(u64, image.counts.aliases, 2), "level %u", level);
        cr_expect(image_table(&image, 1, va, level) ==
                          image_table(&image, 0, corner(1, 0), level) &&
                      image_table(&image, 0, corner(3, level + 1), level) ==
                          image_table(&image, 0, corner(1, 0), level),
                  "level %u", level);
        free_image(&image);
    }
}

EVERY(rebuild, leaves_out_an_entry_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        struct ptw_va_range out;
        struct job j;

        if (entries_at(level) < 3) {
            continue;
        }
        start(name);
        for (unsigned i = 0; i < 3; i++) {
            page_at(0, corner(0, level) + i * span(level), i);
        }
        out.first.v = corner(0, level) + span(level);
        out.last.v = out.first.v + (span(level) - 1);
        j = job_of(1);
        j.o.leave_out = &out;
        j.o.leave_outs = 1;
        expect_good(&j, level);
        cr_expect(eq(u64, image.counts.pages, 2), "level %u", level);
        j.o.leave_outs = 0;
        j.o.first = out.first;
        j.o.last = out.last;
        expect_good(&j, level);
        cr_expect(eq(u64, image.counts.pages, 1), "level %u", level);
        free_image(&image);
    }
}

/* A table that is its own slot leads to the new table, at each level at which
 * tables are alike. */
EVERY(rebuild, keeps_a_slot_of_every_level)
{
    start(name);
    for (unsigned level = 1; level <= slot_level(); level++) {
        struct job j;
        uint64_t slot;
        uint64_t raw;

        start(name);
        slot = corner(1, level) - span(level);
        page_at(0, corner(1, 0), 0);
        page_at(0, corner(3, 0), 1);
        raw = to_table(level, table_of(root_at(0), corner(1, 0), level),
                       all_rights());
        hang(root_at(0), slot, level, raw);
        j = job_of(1);
        expect_good(&j, level);
        raw = image_entry(&image, 0, slot, level);
        cr_expect(pa_in(raw, level) ==
                      image_table(&image, 0, corner(1, 0), level),
                  "level %u: %llx", level, (unsigned long long)raw);
        cr_expect(eq(u64, verify.certificate.selves, 1), "level %u", level);
        free_image(&image);
    }
}

/* Bad entries are dropped, and said to be. */
EVERY(rebuild, drops_a_bad_entry_of_every_level)
{
    start_narrow(name, NARROW);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t raw = has_leaves(level)
                           ? to_page(level, high_page(level), all_rights())
                           : to_table(level, data_at(0), all_rights());
        uint64_t bits = oracle_reserved_bits(&oracle, level, raw);
        struct job j;

        if (bits == 0) {
            continue;
        }
        start_narrow(name, NARROW);
        page_at(0, corner(0, 0), 0);
        hang(root_at(0), corner(2, level), level, raw | (bits & -bits));
        j = job_of(1);
        expect_good(&j, level);
        cr_expect(eq(u64, image.counts.dropped[PTW_DROP_BAD_ENTRY], 1),
                  "level %u", level);
        cr_expect(eq(u64, verify.certificate.bad, 1), "level %u", level);
        cr_expect(eq(u64, image_entry(&image, 0, corner(2, level), level), 0),
                  "level %u", level);
        free_image(&image);
    }
}

/* ------------------------------------------------------------------- verify */

static struct job two_corners(const char *name)
{
    struct job j;

    start_narrow(name, NARROW);
    page_at(0, corner(1, 0), 0);
    page_at(0, corner(2, 0), 1);
    j = job_of(1);
    cr_assert(compact(&j, &image) == PTW_OK);
    cr_assert(verified(&j, &image) == PTW_OK);
    return j;
}

/* Puts another entry of that level into the image, and takes it back. */
static void expect_after(const struct job *j, unsigned level, uint64_t va,
                         uint64_t raw, enum ptw_difference_kind kind)
{
    uint64_t was = image_entry(&image, 0, va, level);

    cr_assert(was != raw, "level %u", level);
    poke(&image, 0, va, level, raw);
    cr_expect(
        verified(j, &image) == PTW_DIFFERENT &&
            verify.difference.kind == kind && verify.difference.space == 0 &&
            verify.difference.va.v == (va & ~(span(level) - 1)),
        "level %u, %llx became %llx: %s at %llx, not %s", level,
        (unsigned long long)was, (unsigned long long)raw,
        ptw_difference_text(verify.difference.kind),
        (unsigned long long)verify.difference.va.v, ptw_difference_text(kind));
    poke(&image, 0, va, level, was);
    cr_assert(verified(j, &image) == PTW_OK, "level %u", level);
}

EVERY(verify, sees_an_entry_of_every_level_that_is_gone)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        struct job j = two_corners(name);

        expect_after(&j, level, corner(2, 0), 0,
                     level == 0 ? PTW_DIFFERS_MISSING : PTW_DIFFERS_TABLE);
        free_image(&image);
    }
}

EVERY(verify, sees_a_bad_entry_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        struct job j = two_corners(name);
        uint64_t raw = image_entry(&image, 0, corner(1, 0), level);
        uint64_t bits;

        narrow_processor(NARROW);
        bits = oracle_reserved_bits(&oracle, level, raw);
        for (; bits != 0; bits &= bits - 1) {
            expect_after(&j, level, corner(1, 0), raw | (bits & -bits),
                         level == 0 ? PTW_DIFFERS_BAD : PTW_DIFFERS_TABLE);
        }
        free_image(&image);
    }
}

/* Bits that the processor does not look at, too. */
EVERY(verify, sees_other_bits_of_every_level)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        struct job j = two_corners(name);
        uint64_t raw = image_entry(&image, 0, corner(2, 0), level);
        uint64_t bits = oracle_free_bits(&oracle, level, raw);

        for (; bits != 0; bits &= bits - 1) {
            expect_after(&j, level, corner(2, 0), raw ^ (bits & -bits),
                         PTW_DIFFERS_TABLE);
        }
        free_image(&image);
    }
}

/* Rights that a path has lost, or won, at one level. */
EVERY(verify, sees_other_rights_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        struct job j = two_corners(name);
        uint64_t va = corner(1, 0);
        uint64_t was = image_entry(&image, 0, va, level);

        for (unsigned n = 0; n < 8; n++) {
            unsigned rights = nth_rights(n);
            uint64_t raw = level == 0
                               ? to_page(level, pa_in(was, level), rights)
                               : to_table(level, pa_in(was, level), rights);

            raw |= was & (oracle.format->accessed | oracle.format->dirty);
            if (granted(level, raw) != all_rights()) {
                expect_after(&j, level, va, raw,
                             level == 0 ? PTW_DIFFERS_RIGHTS
                                        : PTW_DIFFERS_TABLE);
            }
        }
        free_image(&image);
    }
}

/* A shared table of each level that is two. */
EVERY(verify, sees_a_shared_table_of_every_level_that_is_two)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t va;
        struct job j = shared_tables(name, level, &va);
        uint64_t spare;
        uint64_t raw;

        cr_assert(compact(&j, &image) == PTW_OK);
        cr_assert(verified(&j, &image) == PTW_OK);
        spare = image.base + image.counts.bytes;
        memcpy(image.bytes + image.counts.bytes,
               image.bytes + (image_table(&image, 1, va, level) - image.base),
               (size_t)unit_bytes());
        raw = image_entry(&image, 1, va, level + 1);
        poke(&image, 1, va, level + 1, with_table(raw, spare));
        cr_expect(verified(&j, &image) == PTW_DIFFERENT &&
                      verify.difference.kind == PTW_DIFFERS_ALIAS &&
                      verify.difference.space == 1,
                  "level %u: %s", level,
                  ptw_difference_text(verify.difference.kind));
        free_image(&image);
    }
}
