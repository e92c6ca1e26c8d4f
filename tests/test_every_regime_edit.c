/* SPDX-License-Identifier: Apache-2.0 */
/* Edits in every regime, level by level.  A failure names the regime by its
 * suite, and the level. */
#include "edit_bench.h"
#include "every_regime.h"
#include "oracle/oracle.h"

#include <string.h>

/* Rights that every format can write into a leaf. */
enum { RWX_RIGHTS = PTW_READ | PTW_WRITE | PTW_EXEC };

enum { DATA = 0x20000 };

static struct ptw_tables t;
static struct ptw_movable_tables m;

static unsigned levels(void)
{
    return oracle.format->levels;
}

static void start(const char *name)
{
    machine(name);
    pool_init();
    bench(&t);
    m.tables = t;
    m.move = &pool_moves;
}

static enum ptw_status map(uint64_t first, uint64_t bytes, uint64_t pa,
                           unsigned rights, unsigned flags)
{
    struct ptw_map_request q = map_request(first, bytes, pa, rights, flags);

    return ptw_map(&t, &q);
}

static enum ptw_status unmap(uint64_t first, uint64_t bytes, unsigned flags)
{
    struct ptw_range_request q = range_request(first, bytes, 0, flags);

    return ptw_unmap(&t, &q);
}

static enum ptw_status protect(uint64_t first, uint64_t bytes, unsigned rights,
                               unsigned flags)
{
    struct ptw_range_request q = range_request(first, bytes, rights, flags);

    return ptw_protect(&t, &q);
}

/* ------------------------------------------------ what the naive walker sees */

static struct oracle_answer seen(uint64_t root, uint64_t va)
{
    struct oracle_ram all = {0, RAM_BYTES - 1, ram};

    return oracle_translate(&oracle, &all, 1, root, va);
}

static bool maps(uint64_t root, uint64_t va, uint64_t pa, unsigned rights,
                 unsigned level)
{
    struct oracle_answer a = seen(root, va);

    return a.kind == ORACLE_LEAF && a.pa + (va - a.first) == pa &&
           a.rights == rights && a.level == level;
}

static bool maps_nothing(uint64_t root, uint64_t va)
{
    return seen(root, va).kind == ORACLE_ABSENT;
}

static uint64_t table_at(uint64_t root, uint64_t va, unsigned level)
{
    struct oracle_ram all = {0, RAM_BYTES - 1, ram};
    uint64_t table = 0;

    cr_assert(oracle_table_at(&oracle, &all, 1, root, va, level, &table),
              "there is no table of level %u", level);
    return table;
}

/* Replaces the entry for va in the table of that level. */
static void spoil(uint64_t root, uint64_t va, unsigned level, uint64_t raw)
{
    put(table_at(root, va, level), index_in(va, level), raw);
}

static uint64_t raw_at(uint64_t root, uint64_t va, unsigned level)
{
    return entry_at(table_at(root, va, level), index_in(va, level));
}

static void expect_no_leak(unsigned level)
{
    cr_expect(pool.in_use == reachable(1, &t.root) && !pool.wrong &&
                  t.stock.tables == 0,
              "level %u: %u tables in use", level, pool.in_use);
}

static struct ptw_shares *scan(uint32_t roots, const struct ptw_root *root)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    struct ptw_memo memo;
    struct ptw_shares *s = counted();

    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 3) == PTW_OK);
    cr_assert(ptw_shares_scan(s, &mem, root, roots, &memo, 0) == PTW_OK);
    return s;
}

/* -------------------------------------------------------------------- pages */

EVERY(map, maps_a_page_in_every_corner_and_takes_it_back)
{
    for (unsigned i = 0; i < CORNERS; i++) {
        uint64_t va;
        unsigned rights;

        start(name);
        rights = RWX_RIGHTS | (i % 2 ? PTW_USER & all_rights() : 0);
        va = corner(i, 0);
        cr_expect(eq(int, (int)map(va, page_bytes(), DATA, rights, 0), PTW_OK));
        cr_expect(maps(t.root.table.v, va, DATA, rights, 0), "corner %u", i);
        cr_expect(eq(uint, pool.in_use, levels()), "corner %u", i);
        expect_no_leak(0);
        cr_expect(eq(int,
                     (int)protect(va, page_bytes(), PTW_READ | PTW_EXEC, 0),
                     PTW_OK));
        cr_expect(maps(t.root.table.v, va, DATA, PTW_READ | PTW_EXEC, 0));
        cr_expect(eq(int, (int)unmap(va, page_bytes(), 0), PTW_OK));
        cr_expect(maps_nothing(t.root.table.v, va), "corner %u", i);
        cr_expect(eq(uint, pool.in_use, levels()), "corner %u", i);
        cr_expect(eq(int, (int)map(va, page_bytes(), DATA, rights, 0), PTW_OK));
        cr_expect(
            eq(int, (int)unmap(va, page_bytes(), PTW_EDIT_RECLAIM), PTW_OK));
        cr_expect(eq(uint, pool.in_use, 1), "corner %u", i);
        expect_no_leak(0);
    }
}

/* Over the border of what an entry of each level covers. */
EVERY(map, goes_over_the_borders_of_every_level)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t border;

        start(name);
        border = corner(0, level) + span(level);
        if (!oracle_canonical(&oracle, border)) {
            continue;
        }
        cr_expect(eq(int,
                     (int)map(border - page_bytes(), 2 * page_bytes(), DATA,
                              RWX_RIGHTS, 0),
                     PTW_OK),
                  "level %u", level);
        cr_expect(
            maps(t.root.table.v, border - page_bytes(), DATA, RWX_RIGHTS, 0) &&
                maps(t.root.table.v, border, DATA + page_bytes(), RWX_RIGHTS,
                     0),
            "level %u", level);
        cr_expect(eq(uint, pool.in_use, levels() + level), "level %u", level);
        cr_expect(eq(int,
                     (int)unmap(border - page_bytes(), 2 * page_bytes(),
                                PTW_EDIT_RECLAIM),
                     PTW_OK));
        cr_expect(eq(uint, pool.in_use, 1), "level %u", level);
    }
}

EVERY(map, writes_only_rights_that_there_are)
{
    start(name);
    for (unsigned rights = 0; rights < 2 * PTW_ALL_RIGHTS; rights++) {
        bool fine;

        start(name);
        fine = oracle_leaf_grants(&oracle, rights);
        remember();
        cr_expect(eq(int, (int)map(first_va(), page_bytes(), DATA, rights, 0),
                     fine ? PTW_OK : PTW_E_RIGHTS),
                  "rights %x", rights);
        cr_expect(fine ? maps(t.root.table.v, first_va(), DATA, rights, 0)
                       : as_remembered(),
                  "rights %x", rights);
    }
    cr_expect(eq(
        int,
        (int)map(first_va(), page_bytes(), DATA, PTW_READ, PTW_EDIT_GRANT_EXEC),
        PTW_OK));
    cr_expect(maps(t.root.table.v, first_va(), DATA,
                   PTW_READ | (oracle.format->granted(&oracle) & PTW_EXEC), 0));
}

/* ---------------------------------------------------------------- arguments */

static void expect_refused(uint64_t first, uint64_t last, uint64_t pa,
                           enum ptw_status st)
{
    struct ptw_map_request q = map_request(first, 1, pa, RWX_RIGHTS, 0);
    struct ptw_range_request range = range_request(first, 1, RWX_RIGHTS, 0);

    q.last.v = last;
    range.last.v = last;
    remember();
    cr_expect(eq(int, (int)ptw_map(&t, &q), (int)st), "%llx-%llx to %llx",
              (unsigned long long)first, (unsigned long long)last,
              (unsigned long long)pa);
    if (pa == 0) {
        cr_expect(eq(int, (int)ptw_protect(&t, &range), (int)st));
        cr_expect(eq(int, (int)ptw_unmap(&t, &range), (int)st));
    }
    cr_expect(as_remembered());
    cr_expect(eq(uint, pool.taken, 1));
}

EVERY(edit, refuses_what_is_not_well_formed)
{
    uint64_t page;
    uint64_t va; /* of the second page */
    uint64_t first;
    uint64_t last;
    uint64_t wide;

    start(name);
    page = page_bytes();
    va = first_va() + page;
    oracle_gap(&oracle, &first, &last);
    wide = (uint64_t)1 << oracle.format->leaf_pa_bits(&oracle, 0);
    expect_refused(va, va - 1, 0, PTW_E_RANGE);
    expect_refused(va + 1, va + page - 1, 0, PTW_E_ALIGN);
    expect_refused(va, va + page - 2, 0, PTW_E_ALIGN);
    expect_refused(va, va + page, 0, PTW_E_ALIGN);
    expect_refused(va, va + page - 1, DATA + 8, PTW_E_ALIGN);
    expect_refused(first, first + page - 1, 0, PTW_NOT_CANONICAL);
    expect_refused(last - (page - 1), last, 0, PTW_NOT_CANONICAL);
    if (first != 0) {
        expect_refused(first - page, first + page - 1, 0, PTW_NOT_CANONICAL);
    }
    if (last != UINT64_MAX) {
        expect_refused(last - (page - 1), last + page, 0, PTW_NOT_CANONICAL);
    }
    expect_refused(0, UINT64_MAX, 0, PTW_NOT_CANONICAL);
    expect_refused(va, va + page - 1, wide, PTW_E_WIDTH);
    expect_refused(va, va + 2 * page - 1, wide - page, PTW_E_WIDTH);
    cr_expect(eq(int, (int)map(va, page, wide - page, RWX_RIGHTS, 0), PTW_OK));
    cr_expect(maps(t.root.table.v, va, wide - page, RWX_RIGHTS, 0));
}

EVERY(edit, refuses_a_root_that_can_not_be_one)
{
    unsigned top;
    struct ptw_root root;

    start(name);
    top = levels() - 1;
    root = t.root;
    remember();
    t.root.table.v = root.table.v + oracle_table_bytes(oracle.format, top) / 2;
    cr_expect(eq(int, (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0),
                 PTW_E_ALIGN));
    t.root.table.v = (uint64_t)1 << oracle.format->root_pa_bits(&oracle);
    cr_expect(eq(int, (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0),
                 PTW_E_WIDTH));
    t.root.table.v = RAM_BYTES;
    cr_expect(eq(int, (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0),
                 PTW_E_BUS));
    cr_expect(eq(int, (int)unmap(first_va(), page_bytes(), 0), PTW_E_BUS));
    cr_expect(eq(
        int,
        (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, PTW_EDIT_UNSHARE),
        PTW_E_ARG));
    cr_expect(as_remembered());
}

/* ------------------------------------------------------------- large leaves */

EVERY(map, uses_large_leaves_of_every_level_that_has_them)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        for (unsigned i = 0; i < CORNERS; i++) {
            uint64_t va = corner(i, level);
            uint64_t pa = high_page(level);

            if (!has_leaves(level)) {
                continue;
            }
            start(name);
            cr_expect(
                eq(int,
                   (int)map(va, span(level), pa, RWX_RIGHTS, PTW_EDIT_LARGE),
                   PTW_OK),
                "level %u", level);
            cr_expect(maps(t.root.table.v, va, pa, RWX_RIGHTS, level) &&
                          maps(t.root.table.v, va + (span(level) - 1),
                               pa + (span(level) - 1), RWX_RIGHTS, level),
                      "level %u", level);
            cr_expect(eq(uint, pool.in_use, levels() - level), "level %u",
                      level);
            expect_no_leak(level);
            cr_expect(eq(int,
                         (int)protect(va, span(level), PTW_READ | PTW_EXEC, 0),
                         PTW_OK));
            cr_expect(maps(t.root.table.v, va, pa, PTW_READ | PTW_EXEC, level));
            cr_expect(
                eq(int, (int)unmap(va, span(level), PTW_EDIT_RECLAIM), PTW_OK));
            cr_expect(eq(uint, pool.in_use, 1), "level %u", level);
        }
    }
}

/* Where it is not asked for, or not aligned, leaves are as large as they may
 * be. */
EVERY(map, uses_no_larger_leaf_than_it_may)
{
    start(name);
    if (levels() == 1) {
        LEAVE_OUT("%s: there are no large leaves", name);
    }
    cr_expect(eq(int, (int)map(first_va(), span(1), 0, RWX_RIGHTS, 0), PTW_OK));
    cr_expect(maps(t.root.table.v, first_va(), 0, RWX_RIGHTS, 0));
    for (unsigned level = 1; level < levels() && has_leaves(level); level++) {
        uint64_t below = span(level - 1);

        start(name);
        cr_expect(eq(int,
                     (int)map(first_va(), span(level), below, RWX_RIGHTS,
                              PTW_EDIT_LARGE),
                     PTW_OK),
                  "level %u", level);
        cr_expect(
            maps(t.root.table.v, first_va(), below, RWX_RIGHTS, level - 1),
            "level %u", level);
        start(name);
        cr_expect(eq(int,
                     (int)map(first_va(), span(level) - below, 0, RWX_RIGHTS,
                              PTW_EDIT_LARGE),
                     PTW_OK),
                  "level %u", level);
        cr_expect(maps(t.root.table.v, first_va(), 0, RWX_RIGHTS, level - 1),
                  "level %u", level);
        expect_no_leak(level);
    }
}

/* A small hole in the middle of a large leaf of each level; all else stays. */
EVERY(edit, splits_a_large_leaf_of_every_level)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va;
        uint64_t hole;
        uint64_t pa = span(level);

        if (!has_leaves(level)) {
            continue;
        }
        start(name);
        va = corner(2, level);
        hole = va + span(level) / 2 + 5 * page_bytes();
        cr_assert(map(va, span(level), pa, RWX_RIGHTS, PTW_EDIT_LARGE) ==
                  PTW_OK);
        remember();
        cr_expect(eq(int, (int)unmap(hole, page_bytes(), 0), PTW_E_LARGE),
                  "level %u", level);
        cr_expect(eq(int,
                     (int)protect(hole, page_bytes(), PTW_READ | PTW_EXEC, 0),
                     PTW_E_LARGE));
        cr_expect(eq(int, (int)map(hole, page_bytes(), DATA, RWX_RIGHTS, 0),
                     PTW_E_LARGE));
        cr_expect(as_remembered(), "level %u", level);
        cr_expect(
            eq(int, (int)unmap(hole, page_bytes(), PTW_EDIT_SPLIT), PTW_OK),
            "level %u", level);
        cr_expect(maps_nothing(t.root.table.v, hole), "level %u", level);
        cr_expect(maps(t.root.table.v, hole - page_bytes(),
                       pa + (hole - page_bytes() - va), RWX_RIGHTS, 0) &&
                      maps(t.root.table.v, hole + page_bytes(),
                           pa + (hole + page_bytes() - va), RWX_RIGHTS, 0),
                  "level %u", level);
        for (unsigned l = 1; l <= level; l++) {
            uint64_t part = hole & ~(span(l) - 1);

            cr_expect(l == level ||
                          maps(t.root.table.v, part + span(l),
                               pa + (part + span(l) - va), RWX_RIGHTS, l),
                      "level %u, a part of level %u", level, l);
        }
        cr_expect(maps(t.root.table.v, va + (span(level) - 1),
                       pa + (span(level) - 1), RWX_RIGHTS, level - 1),
                  "level %u", level);
        cr_expect(eq(uint, pool.in_use, levels()), "level %u", level);
        expect_no_leak(level);
    }
}

/* ------------------------------------------------- tables that stand in the way
 */

/* The paths own right is missing at one level, if the format can withhold it. */
EVERY(edit, widens_no_table_of_any_level)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va = corner(1, 0);
        uint64_t raw;

        start(name);
        cr_assert(map(va, page_bytes(), DATA, PTW_READ | PTW_EXEC, 0) ==
                  PTW_OK);
        raw = to_table(level, table_at(t.root.table.v, va, level - 1),
                       PTW_READ | PTW_EXEC);
        spoil(t.root.table.v, va, level, raw);
        remember();
        if ((granted(level, raw) & PTW_WRITE) != 0) {
            cr_expect(
                eq(int, (int)protect(va, page_bytes(), RWX_RIGHTS, 0), PTW_OK),
                "level %u", level);
            continue;
        }
        cr_expect(eq(int, (int)protect(va, page_bytes(), RWX_RIGHTS, 0),
                     PTW_E_RIGHTS),
                  "level %u", level);
        cr_expect(eq(int, (int)map(va, page_bytes(), DATA, RWX_RIGHTS, 0),
                     PTW_E_RIGHTS),
                  "level %u", level);
        cr_expect(as_remembered(), "level %u", level);
        cr_expect(eq(int, (int)unmap(va, page_bytes(), 0), PTW_OK), "level %u",
                  level);
    }
}

EVERY(edit, stops_at_a_bad_entry_of_every_upper_level)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va = corner(2, 0);
        uint64_t raw;
        uint64_t bits;

        start(name);
        cr_assert(map(va, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
        raw = has_leaves(level) ? to_page(level, high_page(level), all_rights())
                                : raw_at(t.root.table.v, va, level);
        bits = oracle_reserved_bits(&oracle, level, raw);
        if (bits == 0) {
            continue;
        }
        spoil(t.root.table.v, va, level, raw | (bits & -bits));
        remember();
        cr_expect(eq(int, (int)map(va, page_bytes(), DATA, RWX_RIGHTS, 0),
                     PTW_BAD_ENTRY),
                  "level %u", level);
        cr_expect(eq(int, (int)unmap(va, page_bytes(), 0), PTW_BAD_ENTRY),
                  "level %u", level);
        cr_expect(as_remembered(), "level %u", level);
    }
}

EVERY(edit, refuses_a_table_of_any_level_that_cannot_be_read)
{
    start(name);
    for (unsigned level = 1; level < levels(); level++) {
        uint64_t va = corner(3, 0);

        start(name);
        cr_assert(map(va, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
        spoil(t.root.table.v, va, level,
              to_table(level, RAM_BYTES, all_rights()));
        remember();
        cr_expect(
            eq(int, (int)map(va, page_bytes(), DATA, RWX_RIGHTS, 0), PTW_E_BUS),
            "level %u", level);
        cr_expect(eq(int, (int)unmap(va, page_bytes(), 0), PTW_E_BUS),
                  "level %u", level);
        cr_expect(as_remembered(), "level %u", level);
    }
}

/* The lowest table is read-only. */
EVERY(edit, refuses_a_table_that_cannot_be_written)
{
    start(name);
    if (levels() == 1) {
        LEAVE_OUT("%s: no entry leads to a table", name);
    }
    cr_assert(map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    spoil(t.root.table.v, first_va(), 1,
          to_table(1, unit_bytes(), all_rights()));
    offer_pool_only();
    remember();
    cr_expect(eq(int, (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0),
                 PTW_E_READONLY));
    cr_expect(as_remembered());
}

EVERY(edit, leaves_no_trace_wherever_the_allocator_refuses)
{
    start(name);
    for (unsigned n = 0; n + 1 < levels(); n++) {
        start(name);
        remember();
        pool.refuse_after = (int)n;
        cr_expect(eq(int,
                     (int)map(corner(1, 0), page_bytes(), DATA, RWX_RIGHTS, 0),
                     PTW_E_SPACE),
                  "after %u", n);
        cr_expect(as_remembered(), "after %u", n);
        pool.refuse_after = (int)levels() - 1;
        cr_expect(eq(int,
                     (int)map(corner(1, 0), page_bytes(), DATA, RWX_RIGHTS, 0),
                     PTW_OK));
    }
}

/* A table that no entry could lead to, or that is not all there. */
EVERY(edit, takes_no_table_that_can_not_be_one)
{
    start(name);
    for (unsigned n = 0; n + 1 < levels(); n++) {
        unsigned wide = oracle.format->table_pa_bits(&oracle);
        uint64_t bad[] = {0x80000 + oracle_table_bytes(oracle.format, 0) / 2,
                          wide < 64 ? (uint64_t)1 << wide : 0, RAM_BYTES};
        static const enum ptw_status why[] = {PTW_E_ALIGN, PTW_E_WIDTH,
                                              PTW_E_BUS};

        for (unsigned i = 0; i < 3; i++) {
            start(name);
            remember();
            pool.refuse_after = (int)n;
            pool.bad_table = true;
            pool.bad.v = bad[i];
            cr_expect(
                eq(int, (int)map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0),
                   (int)why[i]),
                "take %u, case %u", n, i);
            cr_expect(eq(uint, pool.bad_given, 1), "take %u, case %u", n, i);
            cr_expect(as_remembered(), "take %u, case %u", n, i);
        }
    }
}

EVERY(edit, stops_at_its_limit_before_it_writes)
{
    struct ptw_map_request q;
    enum ptw_status st = PTW_E_LIMIT;

    start(name);
    q = map_request(corner(2, 0), 3 * page_bytes(), DATA, RWX_RIGHTS, 0);
    cr_assert(ptw_map(&t, &q) == PTW_OK);
    remember();
    for (q.max_reads = 1; st == PTW_E_LIMIT && q.max_reads < 1000;
         q.max_reads++) {
        st = ptw_map(&t, &q);
        cr_assert(st == PTW_OK || as_remembered(), "%d reads",
                  (int)q.max_reads);
    }
    cr_expect(eq(int, (int)st, PTW_OK));
    cr_expect(ge(u64, q.max_reads, levels()));
}

/* ---------------------------------------------------------- tables that move */

static void begin_move(void)
{
    memset(pool.moved, 0, sizeof pool.moved);
    pool.moves = 0;
}

EVERY(movable, moves_every_table_of_the_way)
{
    struct ptw_map_request q;
    struct ptw_range_request range;
    uint64_t va;

    for (unsigned i = 0; i < CORNERS; i++) {
        start(name);
        va = corner(i, 0);
        q = map_request(va, page_bytes(), DATA, RWX_RIGHTS, 0);
        range = range_request(va, page_bytes(), PTW_READ | PTW_EXEC,
                              PTW_EDIT_RECLAIM);
        begin_move();
        cr_expect(eq(int, (int)ptw_map_movable(&m, &q), PTW_OK));
        cr_expect(maps(m.tables.root.table.v, va, DATA, RWX_RIGHTS, 0));
        begin_move();
        cr_expect(eq(int, (int)ptw_protect_movable(&m, &range), PTW_OK));
        cr_expect(eq(uint, pool.moves, levels()), "corner %u", i);
        cr_expect(eq(u64, pool.root_told.v, m.tables.root.table.v));
        cr_expect(
            maps(m.tables.root.table.v, va, DATA, PTW_READ | PTW_EXEC, 0));
        t.root = m.tables.root;
        expect_no_leak(0);
        begin_move();
        cr_expect(eq(int, (int)ptw_unmap_movable(&m, &range), PTW_OK));
        cr_expect(eq(uint, pool.in_use, 1), "corner %u", i);
        cr_expect(not(pool.stale));
        cr_expect(not(pool.wrong));
    }
}

EVERY(movable, stays_whole_wherever_the_hook_refuses)
{
    start(name);
    for (unsigned n = 0; n < levels(); n++) {
        struct ptw_range_request range;
        struct ptw_map_request q;

        start(name);
        q = map_request(corner(3, 0), page_bytes(), DATA, RWX_RIGHTS, 0);
        range =
            range_request(corner(3, 0), page_bytes(), PTW_READ | PTW_EXEC, 0);
        begin_move();
        cr_assert(ptw_map_movable(&m, &q) == PTW_OK);
        begin_move();
        pool.move_refuse_after = (int)n;
        cr_expect(eq(int, (int)ptw_protect_movable(&m, &range), PTW_E_BUS),
                  "after %u", n);
        cr_expect(
            maps(m.tables.root.table.v, corner(3, 0), DATA, RWX_RIGHTS, 0),
            "after %u", n);
        t.root = m.tables.root;
        expect_no_leak(n);
    }
}

/* ------------------------------------------------------------ shared tables */

/* Two places of one space that have one table of that level in common. */
static void two_places(unsigned level, uint64_t *one, uint64_t *other)
{
    *one = corner(1, 0);
    *other = corner(2, level + 1) | (*one & (span(level + 1) - 1));
    *other &= ~(page_bytes() - 1);
    cr_assert(map(*one, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    cr_assert(map(*other, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    spoil(t.root.table.v, *other, level + 1,
          to_table(level + 1, table_at(t.root.table.v, *one, level),
                   all_rights()));
}

EVERY(shared, makes_a_table_of_every_level_private)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t one;
        uint64_t other;
        uint64_t table;

        start(name);
        two_places(level, &one, &other);
        table = table_at(t.root.table.v, one, level);
        t.shares = scan(1, &t.root);
        cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(table)), 2),
                  "level %u", level);
        remember();
        cr_expect(eq(int,
                     (int)map(other, page_bytes(), DATA + page_bytes(),
                              RWX_RIGHTS, 0),
                     PTW_E_SHARED),
                  "level %u", level);
        cr_expect(eq(int, (int)unmap(one, page_bytes(), 0), PTW_E_SHARED),
                  "level %u", level);
        cr_expect(as_remembered(), "level %u", level);
        cr_expect(eq(int,
                     (int)map(other, page_bytes(), DATA + page_bytes(),
                              RWX_RIGHTS, PTW_EDIT_UNSHARE),
                     PTW_OK),
                  "level %u", level);
        cr_expect(
            maps(t.root.table.v, one, DATA, RWX_RIGHTS, 0) &&
                maps(t.root.table.v, other, DATA + page_bytes(), RWX_RIGHTS, 0),
            "level %u", level);
        cr_expect(table_at(t.root.table.v, one, level) == table &&
                      table_at(t.root.table.v, other, level) != table,
                  "level %u", level);
        cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(table)), 1),
                  "level %u", level);
    }
}

/* Two entries lead to one table, and the edit gives each a copy: then nobody has
 * the table, which may be in an older state still. */
EVERY(movable, does_not_write_what_it_lets_go)
{
    static uint8_t before[RAM_BYTES];
    uint64_t other;
    uint64_t table;
    struct ptw_map_request q;

    start(name);
    if (levels() == 1) {
        LEAVE_OUT("%s: no entry leads to a table", name);
    }
    other = first_va() + span(1);
    cr_assert(map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    cr_assert(map(other, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    table = table_at(t.root.table.v, first_va(), 0);
    spoil(t.root.table.v, other, 1, to_table(1, table, RWXU));
    t.shares = scan(1, &t.root);
    t.ops = &pool_ops_without_give;
    m.tables = t;
    pool.relocate = false;
    memcpy(before, ram + table, (size_t)ptw_table_size(&regime, 0));
    q = map_request(first_va(), 2 * span(1), 0, RWX_RIGHTS, PTW_EDIT_UNSHARE);
    cr_expect(eq(int, (int)ptw_map_movable(&m, &q), PTW_OK));
    cr_expect(table_at(m.tables.root.table.v, first_va(), 0) != table &&
              table_at(m.tables.root.table.v, other, 0) != table);
    cr_expect(memcmp(before, ram + table, (size_t)ptw_table_size(&regime, 0)) ==
              0);
    cr_expect(eq(u64, m.tables.stock.tables, 0));
}

/* -------------------------------------------------------------------- links */

static struct ptw_tables ours;

static void two_spaces(const char *name)
{
    start(name);
    ours = t;
    ours.root.table.v = pool_table();
    t.shares = counted();
    ours.shares = t.shares;
}

static struct ptw_link_request link_of(uint64_t va, uint64_t theirs,
                                       unsigned level, unsigned rights)
{
    struct ptw_link_request q = {
        .first = {va},
        .last = {va},
        .their_va = {theirs},
        .owner = t.root,
        .level = ptw_alias_level_of(&regime, level),
        .rights = rights,
    };

    return q;
}

/* Whether an entry that leads to a table of that level can grant just that. */
static bool can_grant(unsigned level, unsigned rights)
{
    return granted(level + 1, to_table(level + 1, unit_bytes(), rights)) ==
           rights;
}

EVERY(link, shares_a_table_of_every_level)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        uint64_t theirs;
        uint64_t va;
        struct ptw_link_request q;
        unsigned rights;

        two_spaces(name);
        rights = all_rights() & ~(unsigned)PTW_WRITE;
        theirs = corner(1, 0);
        va = corner(2, level + 1) | (theirs & (span(level + 1) - 1));
        cr_assert(map(theirs, page_bytes(), DATA, all_rights(), 0) == PTW_OK);
        q = link_of(va, theirs, level, rights);
        if (!can_grant(level, rights)) {
            remember();
            cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_E_RIGHTS),
                      "level %u", level);
            cr_expect(as_remembered(), "level %u", level);
            rights = all_rights();
            q.rights = rights;
        }
        cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_OK), "level %u", level);
        cr_expect(maps(ours.root.table.v, va, DATA, rights, 0), "level %u",
                  level);
        cr_expect(table_at(ours.root.table.v, va, level) ==
                      table_at(t.root.table.v, theirs, level),
                  "level %u", level);
        cr_expect(
            eq(u64,
               ptw_shares_of(t.shares, ptw_pa_of(table_at(t.root.table.v,
                                                          theirs, level))),
               2),
            "level %u", level);
        remember();
        q = link_of(va, va, level, q.rights);
        cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_NOT_MAPPED), "level %u",
                  level);
        cr_expect(maps_nothing(ours.root.table.v, va), "level %u", level);
    }
}

EVERY(link, refuses_a_level_that_cannot_be_shared)
{
    struct ptw_link_request q;
    unsigned rights;

    two_spaces(name);
    rights = can_grant(0, RWX_RIGHTS) ? RWX_RIGHTS : all_rights();
    cr_assert(map(first_va(), page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
    remember();
    q = link_of(first_va(), first_va(), levels() - 1, rights);
    cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_E_ARG));
    if (levels() == 1) {
        LEAVE_OUT("%s: there is no other one", name);
    }
    q = link_of(first_va(), first_va(), 0, rights);
    q.owner.table.v += oracle_table_bytes(oracle.format, levels() - 1) / 2;
    cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_E_ALIGN));
    q = link_of(first_va(), first_va(), 0, rights);
    ours.shares = NULL;
    cr_expect(eq(int, (int)ptw_link(&ours, &q), PTW_E_ARG));
    cr_expect(as_remembered());
}

/* --------------------------------------------------------- space_aware_map */

static struct ptw_item items[64];

/* A host goes on with the tables that it has, or with those that were built: never
 * with the guest's. */
EVERY(space_map, leaves_the_guests_root_alone)
{
    struct ptw_item item = {.kind = PTW_ITEM_SPACE};
    struct ptw_built built;
    ptw_pa before;

    start(name);
    before = t.root.table;
    item.u.space_info.kind = PTW_SPACE_WALKED;
    item.u.space_info.root = ptw_root_of(&regime, ptw_pa_of(0));
    pool.refuse_after = 0;
    cr_expect(eq(int, (int)ptw_space_aware_map(&t, &item, &built, 1, 0),
                 (int)pool.refusal));
    cr_expect(eq(u64, t.root.table.v, before.v));
    pool.refuse_after = NEVER;
    cr_expect(
        eq(int, (int)ptw_space_aware_map(&t, &item, &built, 1, 0), PTW_OK));
    cr_expect(eq(u64, t.root.table.v, built.root.table.v));
    item.u.space_info.kind = PTW_SPACE_SAME;
    item.u.space_info.root.regime = NULL;
    t.shares = counted();
    item.space = 1;
    cr_expect(eq(int,
                 (int)ptw_space_aware_map(
                     &t, &item, (struct ptw_built[]){built, built}, 2, 0),
                 PTW_E_ARG));
}

/* Hands every item of a walk over two spaces to ptw_space_aware_map. */
static void rebuild(const struct ptw_root *root, struct ptw_built *built)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;
    size_t count = 0;

    o.flags = PTW_WALK_TABLES;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 11) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o) == PTW_OK);
    cr_assert(ptw_walk_next(&w, items, 64, &count) == PTW_OK);
    for (size_t i = 0; i < count; i++) {
        cr_assert(eq(int,
                     (int)ptw_space_aware_map(&t, &items[i], built, 2,
                                              PTW_EDIT_EXACT),
                     PTW_OK),
                  "item %zu of kind %d", i, (int)items[i].kind);
    }
}

EVERY(space_aware_map, rebuilds_spaces_that_share_a_table_of_every_level)
{
    start(name);
    for (unsigned level = 0; level + 1 < levels(); level++) {
        struct ptw_built built[2] = {{{0}, false}, {{0}, false}};
        struct ptw_link_request q;
        uint64_t theirs;
        uint64_t va;
        struct ptw_root root[2];

        two_spaces(name);
        theirs = corner(1, 0);
        va = corner(2, level + 1) | (theirs & (span(level + 1) - 1));
        cr_assert(map(theirs, page_bytes(), DATA, RWX_RIGHTS, 0) == PTW_OK);
        cr_assert(map(corner(3, 1), span(1), span(1), RWX_RIGHTS,
                      PTW_EDIT_LARGE) == PTW_OK);
        q = link_of(va, theirs, level,
                    can_grant(level, RWX_RIGHTS) ? RWX_RIGHTS : all_rights());
        cr_assert(ptw_link(&ours, &q) == PTW_OK);
        root[0] = t.root;
        root[1] = ours.root;
        rebuild(root, built);
        cr_assert(built[0].built && built[1].built, "level %u", level);
        cr_expect(maps(built[0].root.table.v, theirs, DATA, RWX_RIGHTS, 0),
                  "level %u", level);
        cr_expect(maps(built[1].root.table.v, va, DATA, RWX_RIGHTS, 0),
                  "level %u", level);
        cr_expect(
            maps(built[0].root.table.v, corner(3, 1), span(1), RWX_RIGHTS, 1),
            "level %u", level);
        cr_expect(table_at(built[0].root.table.v, theirs, level) ==
                          table_at(built[1].root.table.v, va, level) &&
                      table_at(built[0].root.table.v, theirs, level) !=
                          table_at(root[0].table.v, theirs, level),
                  "level %u", level);
        for (unsigned l = 0; l < levels(); l++) {
            uint64_t bits = ~oracle.format->table_bits(&oracle);

            cr_expect(0 == ((raw_at(root[0].table.v, theirs, l) ^
                             raw_at(built[0].root.table.v, theirs, l)) &
                            bits),
                      "level %u: bits of level %u", level, l);
        }
    }
}
