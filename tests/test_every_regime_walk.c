/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups and walks in every regime, level by level.  A failure names the regime
 * by its suite, and the level. */
#include "compact_bench.h"
#include "every_regime.h"
#include "oracle/oracle.h"

#include <string.h>

static struct ptw_translation found;
static struct ptw_step step[PTW_MAX_LEVELS];
static size_t steps;

static unsigned levels(void)
{
    return oracle.format->levels;
}

/* Whether the last lookup wrote nothing. */
static struct ptw_translation pattern;

static void fill_found(void)
{
    memset(&pattern, 0x5a, sizeof pattern);
    found = pattern;
}

static bool found_untouched(void)
{
    return memcmp(&pattern, &found, sizeof found) == 0;
}

static enum ptw_status look(uint64_t root, uint64_t va)
{
    enum ptw_status st = ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(root)),
                                    ptw_va_of(va), &found);
    struct ptw_translation again = found;

    steps = 99;
    cr_expect(ptw_explain(&mem, ptw_root_of(&regime, ptw_pa_of(root)),
                          ptw_va_of(va), &again, step, &steps) == st);
    cr_expect(memcmp(&again, &found, sizeof found) == 0 || st != PTW_OK);
    return st;
}

static unsigned table_bytes(unsigned level)
{
    return (unsigned)oracle_table_bytes(oracle.format, level);
}

static uint64_t entry_pa(uint64_t root, uint64_t va, unsigned level)
{
    return table_of(root, va, level) +
           index_in(va, level) * oracle.format->entry_bytes;
}

/* Tables down to level 0 and a leaf there. */
static uint64_t a_page(uint64_t va)
{
    uint64_t raw = to_page(0, data_at(3), all_rights());

    hang(root_at(0), va, 0, raw);
    return raw;
}

/* Where no memory is, as far as an entry of that level can hold it. */
static uint64_t nowhere(void)
{
    return 0x70000000;
}

/* The entry for va at that level. */
static uint64_t raw_at(uint64_t va, unsigned level)
{
    return entry_at(table_of(root_at(0), va, level), index_in(va, level));
}

/* ------------------------------------------------------------------ lookup */

static void expect_leaf(uint64_t va, unsigned level, uint64_t pa, uint64_t raw,
                        uint64_t offset, unsigned rights)
{
    cr_expect(eq(int, (int)look(root_at(0), va + offset), PTW_OK), "level %u",
              level);
    cr_expect(
        found.pa.v == pa + offset && found.leaf_va.v == va &&
            found.leaf_pa.v == pa && found.raw == raw &&
            found.rights == rights && found.above == all_rights() &&
            found.level == level &&
            (uint64_t)1 << found.size_log2 == span(level),
        "level %u, %llx+%llx: %llx, leaf %llx at %llx, raw %llx, rights "
        "%x below %x, level %u, size %u",
        level, (unsigned long long)va, (unsigned long long)offset,
        (unsigned long long)found.pa.v, (unsigned long long)found.leaf_pa.v,
        (unsigned long long)found.leaf_va.v, (unsigned long long)found.raw,
        found.rights, found.above, found.level, found.size_log2);
}

static void expect_steps(uint64_t va, unsigned level, unsigned rights)
{
    cr_assert(eq(sz, steps, levels() - level), "level %u", level);
    for (size_t i = 0; i < steps; i++) {
        unsigned l = levels() - 1 - (unsigned)i;

        cr_expect(step[i].level == l && step[i].read &&
                      step[i].entry.v == entry_pa(root_at(0), va, l) &&
                      step[i].raw == raw_at(va, l) &&
                      step[i].rights == (l == level ? rights : all_rights()),
                  "leaf of level %u, step of level %u: entry %llx, raw %llx, "
                  "rights %x",
                  level, l, (unsigned long long)step[i].entry.v,
                  (unsigned long long)step[i].raw, step[i].rights);
    }
}

EVERY(lookup, finds_leaves_of_every_level_in_every_corner)
{
    for (unsigned i = 0; i < CORNERS * PTW_MAX_LEVELS * 8; i++) {
        unsigned level = i / 8 % PTW_MAX_LEVELS;
        uint64_t va;
        uint64_t raw;

        start(name);
        if (level >= levels() || !has_leaves(level)) {
            continue;
        }
        va = corner(i / 8 / PTW_MAX_LEVELS, level);
        raw = to_page(level, high_page(level), nth_rights(i % 8));
        hang(root_at(0), va, level, raw);
        expect_leaf(va, level, high_page(level), raw, 0, granted(level, raw));
        expect_steps(va, level, granted(level, raw));
        expect_leaf(va, level, high_page(level), raw, span(level) - 1,
                    granted(level, raw));
        expect_leaf(va, level, high_page(level), raw, span(level) / 2 + 3,
                    granted(level, raw));
        cr_expect(look(root_at(0), va - 1) != PTW_OK, "level %u", level);
        cr_expect(look(root_at(0), va + span(level)) != PTW_OK, "level %u",
                  level);
    }
}

/* Hyperlight: rights of upper levels dropped.  Others: write permission OR-ed
 * down the levels, rights taken from the last level only. */
EVERY(lookup, takes_away_what_any_level_takes_away)
{
    uint64_t va;
    unsigned combinations = 1;

    start(name);
    va = corner(1, 0);
    a_page(va);
    for (unsigned level = 0; level < levels(); level++) {
        combinations *= 8;
    }
    for (unsigned n = 0; n < combinations; n++) {
        unsigned expected = all_rights();
        unsigned rest = n;

        for (unsigned level = 0; level < levels(); level++, rest /= 8) {
            uint64_t table = table_of(root_at(0), va, level);
            uint64_t raw =
                level == 0
                    ? to_page(0, data_at(3), nth_rights(rest % 8))
                    : to_table(level, table_of(root_at(0), va, level - 1),
                               nth_rights(rest % 8));

            put(table, index_in(va, level), raw);
            expected &= granted(level, raw);
        }
        cr_assert(ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(root_at(0))),
                             ptw_va_of(va), &found) == PTW_OK);
        cr_expect(found.rights == expected, "rights %o: %x, not %x", n,
                  found.rights, expected);
    }
}

static void expect_stop(uint64_t va, unsigned level, uint64_t raw,
                        enum ptw_status st)
{
    cr_expect(eq(int, (int)look(root_at(0), va), (int)st), "level %u, %llx",
              level, (unsigned long long)raw);
    cr_expect(found.level == level && found.raw == raw,
              "level %u: level %u, raw %llx, not %llx", level, found.level,
              (unsigned long long)found.raw, (unsigned long long)raw);
    cr_expect(steps == levels() - level && step[steps - 1].level == level &&
                  step[steps - 1].raw == raw,
              "level %u: %zu steps", level, steps);
}

/* The same table or page, if one bit of the entry is not as it was. */
static void check_bits(uint64_t va, unsigned level, uint64_t raw, uint64_t pa)
{
    uint64_t table = table_of(root_at(0), va, level);
    unsigned index = index_in(va, level);
    uint64_t reserved = oracle_reserved_bits(&oracle, level, raw);
    uint64_t not_looked_at = oracle_free_bits(&oracle, level, raw);

    for (unsigned n = 0; n < 8 * oracle.format->entry_bytes; n++) {
        uint64_t bit = (uint64_t)1 << n;
        struct oracle_entry is =
            oracle.format->decode(&oracle, raw ^ bit, level);

        put(table, index, raw ^ bit);
        if ((reserved & bit) != 0) {
            uint64_t because =
                ptw_bad_entry_of(&regime, level, 0, raw ^ bit).bits;

            expect_stop(va, level, raw ^ bit, PTW_BAD_ENTRY);
            is = oracle.format->decode(&oracle, (raw ^ bit) & ~because, level);
            cr_expect(because != 0 && is.kind != ORACLE_RESERVED,
                      "level %u, bit %u: %llx", level, n,
                      (unsigned long long)because);
        } else if (is.kind == ORACLE_NOT_PRESENT) {
            expect_stop(va, level, raw ^ bit, PTW_NOT_MAPPED);
        } else if ((not_looked_at & bit) != 0) {
            cr_expect(look(root_at(0), va) == PTW_OK && found.pa.v == pa &&
                          found.rights == all_rights(),
                      "level %u, bit %u", level, n);
        }
    }
    put(table, index, raw);
}

EVERY(lookup, says_which_entry_is_absent_or_bad_bit_by_bit)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits += 4) {
        uint64_t va;

        start_narrow(name, pa_bits);
        va = corner(2, 0);
        a_page(va);
        for (unsigned level = 0; level < levels(); level++) {
            check_bits(va, level, raw_at(va, level), data_at(3));
            put(table_of(root_at(0), va, level), index_in(va, level), 0);
            expect_stop(va, level, 0, PTW_NOT_MAPPED);
            start_narrow(name, pa_bits);
            a_page(va);
        }
        for (unsigned level = 1; level < levels(); level++) {
            uint64_t at = corner(0, level);

            if (has_leaves(level)) {
                uint64_t raw = to_page(level, high_page(level), all_rights());

                hang(root_at(0), at, level, raw);
                check_bits(at, level, raw, high_page(level));
                hang(root_at(0), at, level, 0);
            }
        }
    }
}

/* Hyperlight: an unreadable table reads as zero, a hole. */
static void expect_unreadable(const char *name, unsigned level, uint64_t table)
{
    uint64_t va = corner(3, 0);
    uint64_t entry =
        table + index_in(va, level - 1) * oracle.format->entry_bytes;

    start(name);
    a_page(va);
    hang(root_at(0), va, level, to_table(level, table, all_rights()));
    cr_expect(eq(int, (int)look(root_at(0), va), PTW_E_BUS), "level %u", level);
    cr_expect(found.level == level - 1 && found.raw == 0, "level %u", level);
    cr_assert(eq(sz, steps, levels() - level + 1), "level %u", level);
    cr_expect(step[steps - 1].raw == 0 && !step[steps - 1].read &&
                  step[steps - 1].entry.v == entry &&
                  step[steps - 1].level == level - 1 &&
                  step[steps - 1].rights == all_rights(),
              "level %u", level);
}

EVERY(lookup, says_which_table_cannot_be_read)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t end = (uint64_t)1 << oracle.format->table_pa_bits(&oracle);

        expect_unreadable(name, level, nowhere());
        expect_unreadable(name, level, guest_bytes());
        expect_unreadable(name, level, end - table_bytes(level - 1));
    }
}

EVERY(lookup, has_exact_edges_of_the_addresses)
{
    uint64_t first;
    uint64_t last;

    start(name);
    oracle_gap(&oracle, &first, &last);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t edge[] = {first - 1, first,    first + 1, last - 1,
                           last,      last + 1, 0,         UINT64_MAX};
        bool there = oracle_canonical(&oracle, edge[i]);

        fill_found();
        cr_expect(ptw_canonical(&regime, ptw_va_of(edge[i])) == there);
        cr_expect(look(root_at(0), edge[i]) ==
                      (there ? PTW_NOT_MAPPED : PTW_NOT_CANONICAL),
                  "%llx", (unsigned long long)edge[i]);
        cr_expect(there || (steps == 0 && found_untouched()));
    }
    a_page(corner(1, 0));
    a_page(corner(2, 0));
    cr_expect(look(root_at(0), first - 1) ==
              (oracle_canonical(&oracle, first - 1) &&
                       first - 1 - corner(1, 0) < page_bytes()
                   ? PTW_OK
                   : PTW_NOT_MAPPED));
    cr_expect(look(root_at(0), corner(2, 0)) == PTW_OK);
}

/* A page and its way, each in a memory of its own that ends behind the entry, or
 * one byte too early. */
EVERY(lookup, refuses_an_entry_that_is_not_wholly_there)
{
    uint64_t va;

    start(name);
    va = corner(3, 0);
    a_page(va);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t entry = entry_pa(root_at(0), va, level);
        unsigned bytes = oracle.format->entry_bytes;

        carve(entry + bytes, 1, ABSENT);
        cr_expect(eq(int, (int)look(root_at(0), va), PTW_OK), "level %u",
                  level);
        start(name);
        a_page(va);
        carve(entry + bytes - 1, 1, ABSENT);
        cr_expect(eq(int, (int)look(root_at(0), va), PTW_E_BUS), "level %u",
                  level);
        cr_expect(eq(uint, found.level, level));
        start(name);
        a_page(va);
    }
}

/* The data of a large page is nobody's to read. */
EVERY(lookup, reads_each_entry_once)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t va = corner(1, level);

        if (!has_leaves(level)) {
            continue;
        }
        start(name);
        hang(root_at(0), va, level, to_page(level, 0, all_rights()));
        offer_watched();
        cr_expect(ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(root_at(0))),
                             ptw_va_of(va), &found) == PTW_OK);
        cr_expect(eq(u64, watched.total, levels() - level), "level %u", level);
        for (unsigned l = level; l < levels(); l++) {
            cr_expect(
                eq(uint, watched.reads[entry_pa(root_at(0), va, l) / 4], 1),
                "leaf of level %u, level %u", level, l);
        }
    }
}

/* -------------------------------------------------------------------- roots */

static enum ptw_status bad_space(uint64_t root)
{
    struct plan p = spaces_plan(1, &root);
    const struct report *r = walk(&p);

    cr_assert(r->count >= 1 && r->item[0].kind == PTW_ITEM_SPACE);
    return r->item[0].u.space_info.kind == PTW_SPACE_BAD
               ? r->item[0].u.space_info.why
               : PTW_OK;
}

static void expect_bad_root(uint64_t root, enum ptw_status st)
{
    struct plan p = follow_plan(root);

    fill_found();
    cr_expect(eq(int, (int)look(root, first_va()), (int)st), "root %llx",
              (unsigned long long)root);
    cr_expect(st == PTW_E_BUS ? found.level == levels() - 1 : found_untouched(),
              "root %llx", (unsigned long long)root);
    cr_expect(eq(int, (int)walk(&p)->init, (int)st), "root %llx",
              (unsigned long long)root);
    cr_expect(eq(int, (int)bad_space(root), (int)st), "root %llx",
              (unsigned long long)root);
    cr_expect(eq(int,
                 (int)ptw_root_check(ptw_root_of(&regime, ptw_pa_of(root))),
                 st == PTW_E_BUS ? PTW_OK : (int)st),
              "root %llx", (unsigned long long)root);
}

/* Hyperlight 15: roots are not validated. */
EVERY(root, is_refused_where_it_can_not_be)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits += 5) {
        unsigned bits;
        unsigned bytes;

        start_narrow(name, pa_bits);
        bits = oracle.format->root_pa_bits(&oracle);
        bytes = table_bytes(levels() - 1);
        cr_expect(eq(int, (int)bad_space(root_at(0)), PTW_OK));
        cr_expect(eq(int, (int)bad_space(guest_bytes() - bytes), PTW_OK));
        for (unsigned low = 1; low < bytes; low *= 2) {
            expect_bad_root(root_at(0) + low, PTW_E_ALIGN);
        }
        for (unsigned n = bits; n < 64; n++) {
            expect_bad_root((uint64_t)1 << n | root_at(0), PTW_E_WIDTH);
        }
        expect_bad_root(guest_bytes(), PTW_E_BUS);
        expect_bad_root(((uint64_t)1 << bits) - bytes, PTW_E_BUS);
    }
}

/* A small root may stand anywhere in a page, beside others. */
EVERY(root, stands_wherever_it_is_aligned)
{
    uint64_t page;
    unsigned bytes;

    start(name);
    page = root_at(0);
    bytes = table_bytes(levels() - 1);
    a_page(corner(1, 0));
    for (uint64_t at = bytes; at < unit_bytes(); at += bytes) {
        memcpy(&ram[page + at], &ram[page], bytes);
    }
    memset(&ram[page], 0, bytes < unit_bytes() ? bytes : 0);
    for (uint64_t at = bytes < unit_bytes() ? bytes : 0; at < unit_bytes();
         at += bytes) {
        struct plan p = follow_plan(page + at);

        cr_expect(eq(int, (int)look(page + at, corner(1, 0)), PTW_OK));
        cr_expect(eq(sz, walk(&p)->count, 1));
        cr_expect(eq(int, (int)look(page + at, corner(2, 0)), PTW_NOT_MAPPED));
    }
}

EVERY(root, may_be_there_in_part)
{
    unsigned half;
    uint64_t va;
    struct plan p;
    const struct report *r;

    start(name);
    va = corner(0, 0);
    a_page(va);
    half = table_bytes(levels() - 1) / 2;
    carve(root_at(0) + half, half, ABSENT);
    p = follow_plan(root_at(0));
    r = walk(&p);
    cr_expect(eq(int, (int)look(root_at(0), va), PTW_OK));
    cr_expect(eq(int, (int)look(root_at(0), corner(2, 0)), PTW_E_BUS));
    cr_assert(eq(sz, r->count, 2));
    cr_expect(eq(int, (int)r->item[0].kind, PTW_ITEM_MAPPING));
    cr_expect(r->item[1].kind == PTW_ITEM_FINDING &&
              r->item[1].u.finding.kind == PTW_FINDING_REFUSED &&
              r->item[1].first.v == corner(2, levels() - 1) &&
              r->item[1].last.v == oracle_last(&oracle));
}

/* Hyperlight 6: a root given twice comes back empty. */
EVERY(root, given_twice_is_the_same_space)
{
    uint64_t root[4];
    struct plan p;
    const struct report *r;

    start(name);
    for (unsigned i = 0; i < 4; i++) {
        root[i] = root_at(i % 2);
    }
    a_page(corner(1, 0));
    p = spaces_plan(4, root);
    r = walk(&p);
    cr_assert(eq(sz, r->count, 5));
    for (unsigned i = 0; i < 2; i++) {
        const struct ptw_space *s = &r->item[3 + i].u.space_info;

        cr_expect(r->item[3 + i].kind == PTW_ITEM_SPACE &&
                  s->kind == PTW_SPACE_SAME && s->same_as == i);
    }
}

/* --------------------------------------------------------------------- walk */

/* Leaves of every level in all corners: they come in order, and with holes the
 * items tile everything that there is. */
EVERY(walk, gives_leaves_of_every_level_in_order)
{
    const struct report *w;
    struct plan p;
    uint64_t next = 0;
    unsigned leaves = 0;
    unsigned given = 0;

    start(name);
    for (unsigned i = 0; i < CORNERS; i++) {
        for (unsigned level = 0; level < levels(); level++) {
            uint64_t va = corner(i, level);
            /* beside the leaves of the levels below */
            uint64_t at = i % 2 == 0 ? va + (level > 0) * span(level)
                                     : va - (level > 0) * span(level);

            if (has_leaves(level)) {
                hang(root_at(0), at, level,
                     to_page(level, high_page(level), all_rights()));
                leaves++;
            }
        }
    }
    p = follow_plan(root_at(0));
    p.o.flags = PTW_WALK_HOLES;
    w = walk(&p);
    for (size_t i = 0; i < w->count; i++) {
        const struct ptw_item *item = &w->item[i];
        const struct ptw_mapping *m = &item->u.mapping;

        cr_expect(eq(u64, item->first.v, next), "item %zu", i);
        next = item->last.v + 1;
        if (item->kind != PTW_ITEM_MAPPING) {
            cr_expect(eq(int, (int)item->kind, PTW_ITEM_HOLE));
            cr_expect(item->u.hole.canonical ==
                      oracle_canonical(&oracle, item->first.v));
            continue;
        }
        given++;
        cr_expect(item->last.v - item->first.v == span(m->level) - 1 &&
                      m->pa.v == high_page(m->level) &&
                      m->raw == raw_at(item->first.v, m->level) &&
                      m->rights == all_rights() && m->above == all_rights() &&
                      (uint64_t)1 << m->size_log2 == span(m->level),
                  "level %u", m->level);
    }
    cr_expect(eq(u64, next, 0));
    cr_expect(eq(uint, given, leaves));
}

/* The one finding of a walk of the first root. */
static const struct ptw_finding *one_finding(unsigned flags, unsigned level,
                                             uint64_t first, uint64_t last)
{
    struct plan p = follow_plan(root_at(0));
    const struct report *r;

    p.o.flags = flags;
    r = walk(&p);
    cr_expect(eq(int, (int)r->end, PTW_END));
    cr_assert(eq(sz, r->count, 1), "level %u", level);
    cr_assert(eq(int, (int)r->item[0].kind, PTW_ITEM_FINDING), "level %u",
              level);
    cr_expect(r->item[0].first.v == first && r->item[0].last.v == last,
              "level %u: %llx-%llx", level,
              (unsigned long long)r->item[0].first.v,
              (unsigned long long)r->item[0].last.v);
    return &r->item[0].u.finding;
}

EVERY(walk, reports_a_bad_entry_of_every_level)
{
    start_narrow(name, NARROW);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t va = corner(1, level);
        uint64_t raw = has_leaves(level)
                           ? to_page(level, high_page(level), all_rights())
                           : to_table(level, data_at(0), all_rights());
        uint64_t bits = oracle_reserved_bits(&oracle, level, raw);
        const struct ptw_finding *f;

        if (bits == 0) {
            continue; /* every entry of that level is good */
        }
        start_narrow(name, NARROW);
        raw |= bits & -bits;
        hang(root_at(0), va, level, raw);
        f = one_finding(0, level, va, va + (span(level) - 1));
        cr_expect(f->kind == PTW_FINDING_BAD_ENTRY && f->raw == raw &&
                      f->level == level &&
                      f->table.v == table_of(root_at(0), va, level) &&
                      f->rights == all_rights(),
                  "level %u", level);
    }
}

EVERY(walk, reports_a_table_of_every_level_that_cannot_be_read)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va = corner(2, level);
        const struct ptw_finding *f;

        start(name);
        hang(root_at(0), va, level, to_table(level, nowhere(), all_rights()));
        f = one_finding(0, level, va, va + (span(level) - 1));
        cr_expect(f->kind == PTW_FINDING_REFUSED && f->level == level - 1 &&
                      f->table.v == nowhere(),
                  "level %u", level);
    }
}

EVERY(walk, reports_a_table_of_every_level_that_refers_to_itself)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va = corner(3, level);
        const struct ptw_finding *f;
        uint64_t raw;
        uint64_t table;

        if (oracle_table_bytes(oracle.format, level) !=
            oracle_table_bytes(oracle.format, level - 1)) {
            continue; /* what it leads to is larger, and another table */
        }
        start(name);
        hang(root_at(0), va, level, 0);
        table = table_of(root_at(0), va, level);
        raw = to_table(level, table, PTW_READ | PTW_WRITE);
        hang(root_at(0), va, level, raw);
        f = one_finding(PTW_WALK_SELF, level, va, va + (span(level) - 1));
        cr_expect(f->kind == PTW_FINDING_SELF && f->raw == raw &&
                      f->level == level - 1 && f->table.v == table &&
                      f->rights == granted(level, raw),
                  "level %u: kind %d, level %u, rights %x", level, f->kind,
                  f->level, f->rights);
    }
}

/* The work on spaces does not grow with the number of ways to a table. */
EVERY(walk, ends_on_tables_that_lead_round)
{
    static struct report report;
    struct split_leaf how = IN_ONE_PIECE;

    start(name);
    for (unsigned from = 1; from < levels(); from++) {
        for (unsigned to = from; to < levels(); to++) {
            uint64_t va = corner(1, from);
            uint64_t root;
            uint64_t table;
            struct plan p;
            const struct report *r;

            start(name);
            root = root_at(0);
            a_page(va);
            table = table_of(root, va, from);
            for (unsigned i = 0; i < entries_at(from); i++) {
                if (i != index_in(va, from)) {
                    put(table, i,
                        to_table(from, table_of(root, va, to), all_rights()));
                }
            }
            p = spaces_plan(1, &root);
            r = walk(&p);
            cr_expect(eq(int, (int)r->end, PTW_END), "%u to %u", from, to);
            cr_expect(r->stats.reads <= (uint64_t)levels() *
                                            entries_per_table() *
                                            (r->frames + 2),
                      "level %u to %u: %llu reads", from, to,
                      (unsigned long long)r->stats.reads);
            p = follow_plan(root);
            how.reads = 1000;
            carry_out(&p, &how, &report, NULL, NULL);
            cr_expect(report.stats.reads <= 1000, "level %u to %u", from, to);
            cr_expect(report.end == PTW_END || report.end == PTW_E_LIMIT);
        }
    }
}

/* Items are never cut, and no more is read than the range needs. */
EVERY(walk, is_cut_by_a_range_inside_an_entry_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        for (unsigned i = 0; i < CORNERS; i++) {
            uint64_t va = corner(i, level);
            struct plan p;
            const struct report *r;

            if (!has_leaves(level)) {
                continue;
            }
            start(name);
            hang(root_at(0), va, level,
                 to_page(level, high_page(level), all_rights()));
            p = follow_plan(root_at(0));
            p.o.first.v = va + span(level) / 2;
            p.o.last.v = p.o.first.v + 1;
            r = walk(&p);
            cr_assert(eq(sz, r->count, 1), "level %u", level);
            cr_expect(r->item[0].first.v == va &&
                          r->item[0].last.v == va + (span(level) - 1),
                      "level %u", level);
            cr_expect(eq(u64, r->stats.reads, levels() - level), "level %u",
                      level);
            p.o.first.v = 0;
            p.o.last.v = va - 1;
            cr_expect(va == 0 || walk(&p)->count == 0, "level %u", level);
            p.o.first.v = va + span(level);
            p.o.last.v = UINT64_MAX;
            cr_expect(p.o.first.v == 0 || walk(&p)->count == 0, "level %u",
                      level);
        }
    }
}

/* A table that is left out is not read, and its neighbours are given. */
EVERY(walk, leaves_out_an_entry_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        static struct ptw_va_range out;
        uint64_t whole;
        struct plan p;
        const struct report *r;

        if (entries_at(level) < 3) {
            continue;
        }
        start(name);
        for (unsigned i = 0; i < 3; i++) {
            a_page(corner(0, level) + i * span(level));
        }
        p = follow_plan(root_at(0));
        cr_expect(eq(sz, walk(&p)->count, 3), "level %u", level);
        whole = walk(&p)->stats.reads;
        out.first.v = corner(0, level) + span(level);
        out.last.v = out.first.v + (span(level) - 1);
        p.o.leave_out = &out;
        p.o.leave_outs = 1;
        r = walk(&p);
        cr_assert(eq(sz, r->count, 2), "level %u", level);
        cr_expect(r->item[0].last.v < out.first.v &&
                      r->item[1].first.v > out.last.v,
                  "level %u", level);
        cr_expect(r->stats.reads == whole - 1 - (uint64_t)level * entries_at(0),
                  "level %u: %llu reads, not of %llu", level,
                  (unsigned long long)r->stats.reads,
                  (unsigned long long)whole);
    }
}

/* A range of one address is one way down. */
EVERY(walk, reads_one_entry_a_level_for_one_address)
{
    for (unsigned i = 0; i < CORNERS; i++) {
        struct plan p;

        start(name);
        a_page(corner(i, 0));
        p = follow_plan(root_at(0));
        p.o.first.v = corner(i, 0) + 5;
        p.o.last.v = p.o.first.v;
        cr_expect(eq(sz, walk(&p)->count, 1), "corner %u", i);
        cr_expect(eq(u64, walk(&p)->stats.reads, levels()), "corner %u", i);
        cr_expect(eq(str, in_pieces(&p, 1), ""));
        cr_expect(eq(str, where_it_stands(&p, 1), ""));
    }
}

/* Runs go on from table to table, and stop at the gap. */
/* Walks the root with those flags by those kernels, so many items at a time, and
 * takes lines apart. */
static size_t by_kernels(uint64_t root, unsigned vectors, unsigned flags,
                         size_t room, struct ptw_item *out, size_t most,
                         bool *lines)
{
    static struct ptw_walk w;
    struct ptw_item item[64];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_regime r = regime;
    enum ptw_status st = PTW_OK;
    size_t count = 0;
    size_t items;

    r.vectors = vectors;
    o.flags = flags;
    cr_assert(ptw_virt_to_phys_init(&w, &mem, ptw_root_of(&r, ptw_pa_of(root)),
                                    &o) == PTW_OK);
    while ((st = ptw_walk_next(&w, item, room, &items)) == PTW_OK) {
        for (size_t i = 0; i < items; i++) {
            unsigned leaves =
                item[i].kind == PTW_ITEM_LINE ? item[i].u.line.leaves : 1;
            ptw_pa pa[PTW_LINE_LEAVES];

            cr_assert(count + leaves <= most);
            *lines = *lines || leaves > 1;
            if (item[i].kind == PTW_ITEM_LINE) {
                ptw_line_addresses(&r, &item[i].u.line, pa);
            }
            for (unsigned k = 0; k < leaves; k++) {
                if (item[i].kind == PTW_ITEM_LINE) {
                    ptw_line_leaf(&r, &item[i], k, &out[count]);
                    cr_assert(eq(u64, pa[k].v, out[count++].u.mapping.pa.v));
                } else {
                    out[count++] = item[i];
                }
            }
        }
    }
    cr_assert(st == PTW_END);
    return count;
}

/* A table of leaves with runs of all lengths, and between them what ends a run: a
 * break, another right, an absent entry, a bad one. */
static void fill_with_runs(uint64_t table, struct dice *d)
{
    uint64_t pa = 0;
    unsigned left = 0;

    for (unsigned i = 0; i < entries_at(0); i++) {
        uint64_t raw;
        uint64_t bad;

        if (left == 0) {
            left = 1 + (unsigned)roll_below(d, one_in(d, 4) ? 200 : 12);
            pa = roll_below(d, 64) * page_bytes() +
                 (one_in(d, 4) ? high_page(0) : 0);
        }
        left--;
        switch (left == 0 ? roll_below(d, 8) : 99) {
        case 0:
            put(table, i, 0);
            break;
        case 1:
            put(table, i, not_present(to_page(0, pa, all_rights())));
            break;
        case 2:
            put(table, i, to_page(0, pa, nth_rights(1)));
            break;
        case 3:
            raw = to_page(0, pa, all_rights());
            bad = oracle_reserved_bits(&oracle, 0, raw);
            put(table, i, bad != 0 ? raw | (bad & -bad) : 0);
            break;
        default:
            put(table, i, to_page(0, pa, all_rights()));
            break;
        }
        pa += page_bytes();
    }
}

EVERY(walk, is_the_same_by_every_kernel_and_in_lines)
{
    enum { MOST = 3 << 13 };
    static struct ptw_item want[MOST];
    static struct ptw_item got[MOST];
    static const size_t room[] = {1, 7, 64};
    struct dice d = {7};

    start(name);
    for (unsigned round = 0; round < 3; round++) {
        bool lines = false;
        uint64_t root = root_at(0);

        a_page(corner(1, 0));
        a_page(corner(1, 0) + span(1));
        fill_with_runs(table_of(root, corner(1, 0), 0), &d);
        fill_with_runs(table_of(root, corner(1, 0) + span(1), 0), &d);
        for (unsigned form = 0; form < 4; form++) {
            unsigned flags = (form & 1) != 0 ? (unsigned)PTW_WALK_HOLES : 0;
            unsigned runs = (form & 2) != 0 ? (unsigned)PTW_WALK_RUNS : 0;
            size_t n =
                by_kernels(root, 0, flags | runs, 64, want, MOST, &lines);

            cr_expect(lt(sz, 2, n));
            for (unsigned i = 0; i <= regime.vectors; i++) {
                for (unsigned k = 0; k < 3; k++) {
                    size_t m = by_kernels(
                        root, i,
                        flags | (runs != 0 ? runs : (unsigned)PTW_WALK_LINES),
                        room[k], got, MOST, &lines);
                    size_t at = 0;

                    while (at < n && at < m &&
                           same_items(&want[at], &got[at])) {
                        at++;
                    }
                    cr_expect(m == n && at == n,
                              "%s, kernels %u, flags %x, room %zu: item %zu of "
                              "%zu, %zu",
                              name, i, flags | runs, room[k], at, n, m);
                }
            }
        }
        cr_expect(lines);
    }
}

EVERY(walk, joins_runs_across_tables_of_every_level)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t border;
        struct plan p;

        start(name);
        border = corner(0, level) + span(level);
        if (!oracle_canonical(&oracle, border)) {
            continue;
        }
        hang(root_at(0), border - page_bytes(), 0,
             to_page(0, data_at(0), PTW_READ));
        hang(root_at(0), border, 0,
             to_page(0, data_at(0) + page_bytes(), PTW_READ));
        hang(root_at(0), border + page_bytes(), 0,
             to_page(0, data_at(3), PTW_READ));
        p = follow_plan(root_at(0));
        p.o.flags = PTW_WALK_RUNS;
        cr_assert(eq(sz, walk(&p)->count, 2), "level %u", level);
        cr_expect(walk(&p)->item[0].last.v == border + page_bytes() - 1,
                  "level %u", level);
    }
}

/* ------------------------------------------------------------------- spaces */

/* Space 1 has, at `ours`, the table of that level that space 0 has at `theirs`,
 * with those rights. */
static uint64_t share(unsigned space, uint64_t ours, uint64_t theirs,
                      unsigned level, unsigned rights)
{
    uint64_t raw =
        to_table(level + 1, table_of(root_at(0), theirs, level), rights);

    hang(root_at(space), ours, level + 1, raw);
    return raw;
}

static void expect_alias(const struct ptw_item *item, unsigned level,
                         uint64_t ours, uint64_t theirs, uint64_t raw)
{
    uint64_t first = ours & ~(span(level + 1) - 1);
    uint64_t their_first = theirs & ~(span(level + 1) - 1);
    unsigned of = 99;
    struct ptw_alias_ref ref;

    cr_assert(eq(int, (int)item->kind, PTW_ITEM_ALIAS), "level %u", level);
    ref = ptw_alias_view(&regime, item, &of);
    cr_expect(of == level && item->first.v == first &&
                  item->last.v == first + (span(level + 1) - 1),
              "level %u: level %u, %llx-%llx", level, of,
              (unsigned long long)item->first.v,
              (unsigned long long)item->last.v);
    cr_expect(first == (ref.our_va.v & ~(span(level + 1) - 1)) &&
                  (ref.their_va.v & ~(span(level + 1) - 1)) == their_first &&
                  ref.owner == 0 &&
                  ref.table.v == table_of(root_at(0), theirs, level),
              "level %u: ours %llx, theirs %llx", level,
              (unsigned long long)ref.our_va.v,
              (unsigned long long)ref.their_va.v);
    cr_expect(ref.rights == granted(level + 1, raw) &&
                  ref.attributes == (raw & ~oracle.format->table_bits(&oracle)),
              "level %u: rights %x, attributes %llx", level, ref.rights,
              (unsigned long long)ref.attributes);
}

/* What the alias stands for: the one page, at our address, under our rights. */
static void expect_expansion(const struct ptw_item *alias, unsigned level,
                             uint64_t va, unsigned rights)
{
    struct plan p = expand_plan(alias);
    const struct report *r = walk(&p);

    cr_assert(eq(sz, r->count, 1), "level %u", level);
    cr_expect(r->item[0].kind == PTW_ITEM_MAPPING && r->item[0].first.v == va &&
                  r->item[0].u.mapping.rights == rights &&
                  r->item[0].u.mapping.pa.v == data_at(3),
              "level %u: %llx, rights %x", level,
              (unsigned long long)r->item[0].first.v,
              r->item[0].u.mapping.rights);
    p.o.first.v = va + page_bytes();
    cr_expect(walk(&p)->init == PTW_E_RANGE || walk(&p)->count == 0, "level %u",
              level);
}

EVERY(spaces, have_aliases_of_every_level_that_can_be_shared)
{
    start(name);
    for (unsigned i = 0; i < 8 * (levels() - 1); i++) {
        unsigned level = i / 8;
        uint64_t theirs;
        uint64_t ours;
        uint64_t root[2];
        uint64_t raw;
        struct ptw_item alias;
        struct plan p;

        start(name);
        theirs = corner(1, 0);
        ours = corner(2, level + 1) | (theirs & (span(level + 1) - 1));
        a_page(theirs);
        raw = share(1, ours, theirs, level, nth_rights(i % 8));
        root[0] = root_at(0);
        root[1] = root_at(1);
        p = spaces_plan(2, root);
        cr_assert(eq(sz, walk(&p)->count, 4), "level %u", level);
        alias = walk(&p)->item[3];
        cr_expect(eq(uint, alias.space, 1));
        expect_alias(&alias, level, ours, theirs, raw);
        cr_expect(eq(u64, walk(&p)->stats.tables, 2 * levels() - 1 - level));
        cr_expect(eq(str, in_pieces(&p, 97), ""));
        expect_expansion(&alias, level, ours & ~(page_bytes() - 1),
                         granted(level + 1, raw));
    }
}

EVERY(spaces, have_aliases_inside_one_space)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t theirs;
        uint64_t ours;
        uint64_t root = root_at(0);
        uint64_t raw;
        struct plan p;

        start(name);
        theirs = corner(0, 0);
        ours = corner(3, level + 1);
        a_page(theirs);
        raw = share(0, ours, theirs, level, PTW_READ | PTW_EXEC);
        p = spaces_plan(1, &root);
        cr_assert(eq(sz, walk(&p)->count, 3), "level %u", level);
        expect_alias(&walk(&p)->item[2], level, ours, theirs, raw);
    }
}

/* A part of a table is walked again where another part, or all of it, is
 * wanted. */
EVERY(spaces, walk_a_table_again_over_another_part)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t va;
        uint64_t root[2];
        struct plan p;
        const struct report *r;

        if (entries_at(level + 1) < 4) {
            continue; /* none is behind that of the corner */
        }
        start(name);
        va = corner(2, level + 1);
        a_page(va);
        share(1, va + span(level + 1), va, level, all_rights());
        root[0] = root_at(0);
        root[1] = root_at(1);
        p = spaces_plan(2, root);
        p.o.first.v = va;
        p.o.last.v = va + span(level + 1) + page_bytes() - 1;
        r = walk(&p);
        cr_assert(eq(sz, r->count, 4), "level %u", level);
        cr_expect(r->item[3].kind == PTW_ITEM_MAPPING &&
                      r->item[3].first.v == va + span(level + 1),
                  "level %u", level);
    }
}

/* A table that is used at two levels is no alias at the second. */
EVERY(spaces, enter_a_table_at_each_level_at_which_it_is_used)
{
    start(name);
    for (unsigned level = 0; level + 2 < levels(); level++) {
        uint64_t theirs;
        uint64_t ours;
        uint64_t root[2];
        const struct report *w;
        struct plan p;

        start(name);
        theirs = corner(0, 0);
        ours = corner(2, level + 2);
        a_page(theirs);
        hang(root_at(1), ours, level + 2,
             to_table(level + 2, table_of(root_at(0), theirs, level),
                      all_rights()));
        root[0] = root_at(0);
        root[1] = root_at(1);
        p = spaces_plan(2, root);
        w = walk(&p);
        for (size_t i = 0; i < w->count; i++) {
            unsigned of = 99;

            if (w->item[i].kind == PTW_ITEM_ALIAS) {
                (void)ptw_alias_view(&regime, &w->item[i], &of);
                cr_expect(lt(uint, of, level + 1), "level %u", level);
            }
        }
        p.o.flags = PTW_WALK_REMARKS;
        cr_expect(strstr(told(walk(&p)), "two levels") != NULL, "level %u",
                  level);
    }
}
