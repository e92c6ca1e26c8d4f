/* SPDX-License-Identifier: Apache-2.0 */
/* Edits one by one: the entries that they write, what they refuse, and that
 * what is refused leaves no trace. */
#include "edit_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))
#define expect_entry(table, index, entry)                                      \
    cr_expect(eq(u64, entry_at(table, index), (entry)))

enum { K4 = 0x1000, M2 = 0x200000, M4 = 0x400000, G1 = 0x40000000 };
enum { RWX_RIGHTS = PTW_READ | PTW_WRITE | PTW_EXEC };

static const uint64_t TOP = UINT64_MAX - (K4 - 1); /* amd64's last page */

static struct ptw_tables t;
static struct ptw_movable_tables m;

static void start(const char *name)
{
    machine(name);
    pool_init();
    bench(&t);
}

static void start_movable(const char *name)
{
    start(name);
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

static enum ptw_status map_m(uint64_t first, uint64_t bytes, uint64_t pa,
                             unsigned rights, unsigned flags)
{
    struct ptw_map_request q = map_request(first, bytes, pa, rights, flags);

    memset(pool.moved, 0, sizeof pool.moved);
    return ptw_map_movable(&m, &q);
}

static enum ptw_status unmap_m(uint64_t first, uint64_t bytes, unsigned flags)
{
    struct ptw_range_request q = range_request(first, bytes, 0, flags);

    memset(pool.moved, 0, sizeof pool.moved);
    return ptw_unmap_movable(&m, &q);
}

/* The table that the entries lead to. */
static uint64_t below(uint64_t table, unsigned index)
{
    return entry_at(table, index) & oracle.format->table_bits(&oracle);
}

/* The leaf table of address 0. */
static uint64_t pt_of(uint64_t root)
{
    uint64_t table = root;

    for (unsigned l = ptw_levels(&regime); l > 1; l--) {
        table = below(table, 0);
    }
    return table;
}

/* "PA RIGHTS SIZE" of the page at va, or why there is none. */
static const char *at(uint64_t va)
{
    static char text[64];
    struct ptw_translation found;
    enum ptw_status st = ptw_lookup(&mem, t.root, ptw_va_of(va), &found);

    if (st != PTW_OK) {
        return ptw_status_text(st);
    }
    snprintf(text, sizeof text, "%llx %s%s%s%s %u",
             (unsigned long long)found.pa.v,
             (found.rights & PTW_READ) != 0 ? "r" : "-",
             (found.rights & PTW_WRITE) != 0 ? "w" : "-",
             (found.rights & PTW_EXEC) != 0 ? "x" : "-",
             (found.rights & PTW_USER) != 0 ? "u" : "-", found.size_log2);
    return text;
}

static const char *no_page(void)
{
    return ptw_status_text(PTW_NOT_MAPPED);
}

static char *runs(uint64_t root)
{
    struct plan p = follow_plan(root);

    p.o.flags = PTW_WALK_RUNS;
    return told(walk(&p));
}

/* Counts what the root of t reaches. */
static void scan(void)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    struct ptw_memo memo;

    cr_assert(
        eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3), PTW_OK));
    t.shares = counted();
    cr_assert(eq(int,
                 ptw_shares_scan(t.shares, &mem, &t.root, 1, &memo, UINT64_MAX),
                 PTW_OK));
}

/* Tables in use are tables reachable. */
static void expect_no_leak(void)
{
    cr_expect(eq(sz, pool.in_use, reachable(1, &t.root)));
    cr_expect(not(pool.wrong));
    cr_expect(eq(u64, t.stock.tables, 0));
}

/* ---------------------------------------------------------- golden vectors */

Test(amd64_map, writes_the_golden_entries)
{
    uint64_t pt;

    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(
        eq(u64, entry_at(t.root.table.v, 0), below(t.root.table.v, 0) | 0x23));
    cr_expect(eq(u64, entry_at(below(t.root.table.v, 0), 0) & 0xfff, 0x23));
    cr_expect(
        eq(u64, entry_at(below(below(t.root.table.v, 0), 0), 0) & 0xfff, 0x23));
    pt = pt_of(t.root.table.v);
    expect_entry(pt, 0, 0x20063);
    expect_entry(pt, 1, 0);
    expect_status(map(K4, K4, 0x21000, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_entry(pt, 1, 0x21061);
    expect_status(map(2 * K4, K4, 0x22000, PTW_READ | PTW_WRITE, 0), PTW_OK);
    expect_entry(pt, 2, 0x22063 | NX);
    expect_status(map(3 * K4, K4, 0x23000, PTW_READ, 0), PTW_OK);
    expect_entry(pt, 3, 0x23061 | NX);
    expect_entry(pt, 0, 0x20063);
    cr_expect(eq(uint, pool.in_use, 4));
    expect_no_leak();
}

Test(amd64_map, writes_the_golden_copy_on_write_entries)
{
    struct ptw_map_request q = map_request(0, K4, 0x20000, RWX_RIGHTS, 0);

    start("amd64");
    q.copy_on_write = true;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(pt_of(t.root.table.v), 0, 0x20261);
    q.rights = PTW_READ;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(pt_of(t.root.table.v), 0, 0x20261 | NX);
}

Test(amd64_map, gives_tables_user_rights_only_where_needed_or_asked_for)
{
    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS | PTW_USER, 0), PTW_OK);
    expect_entry(pt_of(t.root.table.v), 0, 0x20067);
    cr_expect(eq(u64, entry_at(t.root.table.v, 0) & 0xfff, 0x27));
    t.table_rights = PTW_USER;
    expect_status(map((uint64_t)1 << 39, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(u64, entry_at(t.root.table.v, 1) & 0xfff, 0x27));
    t.table_rights = 0;
    expect_status(map((uint64_t)2 << 39, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(u64, entry_at(t.root.table.v, 2) & 0xfff, 0x23));
}

Test(i686_map, writes_the_golden_entries)
{
    struct ptw_map_request q = map_request(5 * K4, K4, 0x20000, RWX_RIGHTS, 0);
    uint64_t pt;

    start("i686");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pt = pt_of(t.root.table.v);
    expect_entry(t.root.table.v, 0, pt | 0x27);
    expect_entry(pt, 0, 0x20023);
    expect_status(map(K4, K4, 0x20000, RWX_RIGHTS | PTW_USER, 0), PTW_OK);
    expect_entry(pt, 1, 0x20027);
    expect_status(map(2 * K4, K4, 0x20000, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_entry(pt, 2, 0x20021);
    q.copy_on_write = true;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(pt, 5, 0x20221);
    q.rights |= PTW_USER;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(pt, 5, 0x20225);
    expect_no_leak();
}

Test(amd64_map, writes_large_leaves_with_the_same_bits_and_ps)
{
    start("amd64");
    expect_status(map(0, G1, G1, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_entry(below(t.root.table.v, 0), 0, G1 | 0xe3);
    expect_status(map(G1, M2, M2, PTW_READ, PTW_EDIT_LARGE), PTW_OK);
    expect_entry(below(below(t.root.table.v, 0), 1), 0, M2 | 0xe1 | NX);
    expect_no_leak();
}

Test(amd64_map, writes_memory_type_global_and_key)
{
    struct ptw_map_request q = map_request(0, K4, 0x20000, RWX_RIGHTS, 0);
    struct ptw_x86_registers regs = {
        .cr0 = 0x80010001, .cr4 = 0x400020, .efer = 0xd00};

    start("amd64");
    cr_assert(eq(int, ptw_regime_from_x86(&regs, NULL, &regime, NULL), PTW_OK));
    q.attributes.memory_type = 5;
    q.attributes.global = true;
    q.attributes.key = 9;
    q.attributes.accessed = false;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(pt_of(t.root.table.v), 0,
                 0x20063 | PAT | PWT | G | (uint64_t)9 << 59);
    q.first.v = M2;
    q.last.v = 2 * M2 - 1;
    q.pa.v = M2;
    q.flags = PTW_EDIT_LARGE;
    expect_status(ptw_map(&t, &q), PTW_OK);
    expect_entry(below(below(t.root.table.v, 0), 0), 1,
                 M2 | 0xe3 | PAT_LARGE | PWT | G | (uint64_t)9 << 59);
    remember();
    q.attributes.key = 16;
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    q.attributes.key = 0;
    q.attributes.memory_type = 8;
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    cr_expect(as_remembered());
}

Test(amd64_map, has_no_key_without_protection_keys)
{
    struct ptw_map_request q = map_request(0, K4, 0x20000, RWX_RIGHTS, 0);

    start("amd64");
    q.attributes.key = 1;
    remember();
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    cr_expect(as_remembered());
}

/* --------------------------------------------------------------- arguments */

struct refusal {
    uint64_t first;
    uint64_t last;
    uint64_t pa;
    unsigned rights;
    enum ptw_status status;
};

static void expect_refusals(const struct refusal *r, size_t count)
{
    remember();
    for (size_t i = 0; i < count; i++) {
        struct ptw_map_request q =
            map_request(r[i].first, 1, r[i].pa, r[i].rights, 0);
        struct ptw_range_request range = range_request(0, 1, r[i].rights, 0);

        for (unsigned flags = 0; flags < 32; flags++) {
            q.last.v = r[i].last;
            q.flags = flags & ~(unsigned)PTW_EDIT_UNSHARE;
            cr_expect(eq(int, ptw_map(&t, &q), r[i].status), "case %zu", i);
        }
        range.first = q.first;
        range.last = q.last;
        if (r[i].pa == 0) {
            cr_expect(eq(int, ptw_protect(&t, &range), r[i].status),
                      "protect %zu", i);
        }
        if (r[i].pa == 0 && r[i].status != PTW_E_RIGHTS) {
            cr_expect(eq(int, ptw_unmap(&t, &range), r[i].status), "unmap %zu",
                      i);
        }
    }
    cr_expect(as_remembered());
    cr_expect(eq(uint, pool.taken, 1));
    cr_expect(eq(u64, t.stock.tables, 0));
}

Test(amd64_map, refuses_what_is_not_well_formed)
{
    static const struct refusal refusals[] = {
        {0x1000, 0xfff, 0, RWX_RIGHTS, PTW_E_RANGE},
        {UINT64_MAX, 0, 0, RWX_RIGHTS, PTW_E_RANGE},
        {0x1001, 0x1fff, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1ffe, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x2000, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1000, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1fff, 0x20001, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1fff, 0x20002, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1fff, (uint64_t)1 << 52, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x1fff, (uint64_t)1 << 63, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x2fff, 0xffffffffff000, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x2fff, UINT64_MAX - 0xfff, RWX_RIGHTS, PTW_E_RANGE},
        {(uint64_t)1 << 47, ((uint64_t)1 << 47) + 0xfff, 0, RWX_RIGHTS,
         PTW_NOT_CANONICAL},
        {((uint64_t)1 << 47) - 0x1000, ((uint64_t)1 << 47) + 0xfff, 0,
         RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0xffff7ffffffff000, 0xffff7fffffffffff, 0, RWX_RIGHTS,
         PTW_NOT_CANONICAL},
        {0xffff7ffffffff000, 0xffff800000000fff, 0, RWX_RIGHTS,
         PTW_NOT_CANONICAL},
        {0, UINT64_MAX, 0, RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0x7ffffffff000, 0xffff800000000fff, 0, RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0x1000, 0x1fff, 0, PTW_WRITE | PTW_EXEC, PTW_E_RIGHTS},
        {0x1000, 0x1fff, 0, 0, PTW_E_RIGHTS},
        {0x1000, 0x1fff, 0, RWXU << 1 | PTW_READ, PTW_E_RIGHTS},
    };

    start("amd64");
    expect_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

Test(amd64_map, heeds_the_width_of_the_processor)
{
    static const struct refusal refusals[] = {
        {0x1000, 0x1fff, (uint64_t)1 << 40, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x2fff, 0xfffffff000, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x1fff, 0x20000, PTW_READ, PTW_E_RIGHTS}, /* there is no XD */
    };

    machine_with("amd64", 40, PTW_X86_NX);
    pool_init();
    bench(&t);
    expect_refusals(refusals, sizeof refusals / sizeof refusals[0]);
    expect_status(map(0x1000, K4, 0xfffffff000, RWX_RIGHTS, 0), PTW_OK);
}

Test(i686_map, refuses_what_is_not_well_formed)
{
    static const struct refusal refusals[] = {
        {0x1000, 0xfff, 0, RWX_RIGHTS, PTW_E_RANGE},
        {0x1001, 0x1fff, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1ffe, 0, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1fff, 0x100, RWX_RIGHTS, PTW_E_ALIGN},
        {0x1000, 0x1fff, 0x100000000, RWX_RIGHTS, PTW_E_WIDTH},
        {0x1000, 0x2fff, 0xfffff000, RWX_RIGHTS, PTW_E_WIDTH},
        {0x100000000, 0x100000fff, 0, RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0xfffff000, 0x100000fff, 0, RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0xfffffffffffff000, UINT64_MAX, 0, RWX_RIGHTS, PTW_NOT_CANONICAL},
        {0x1000, 0x1fff, 0, PTW_READ | PTW_WRITE, PTW_E_RIGHTS},
        {0x1000, 0x1fff, 0, PTW_EXEC, PTW_E_RIGHTS},
        {0x1000, 0x1fff, 0, RWXU << 1 | PTW_READ, PTW_E_RIGHTS},
    };

    start("i686");
    expect_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

Test(edit, refuses_a_root_that_is_none_and_a_regime_without_tables)
{
    start("amd64");
    remember();
    t.root.table.v += 8;
    expect_status(map(0, K4, 0, RWX_RIGHTS, 0), PTW_E_ALIGN);
    t.root.table.v = (uint64_t)1 << 52;
    expect_status(map(0, K4, 0, RWX_RIGHTS, 0), PTW_E_WIDTH);
    t.root.table.v = RAM_BYTES;
    expect_status(map(0, K4, 0, RWX_RIGHTS, 0), PTW_E_BUS);
    expect_status(unmap(0, K4, 0), PTW_E_BUS);
    expect_status(map(0, K4, 0, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_E_ARG);
    cr_expect(as_remembered());
    machine("bare");
    expect_status(map(0, K4, 0, RWX_RIGHTS, 0), PTW_E_REGIME);
    expect_status(unmap(0, K4, 0), PTW_E_REGIME);
    expect_status(protect(0, K4, PTW_READ, 0), PTW_E_REGIME);
}

/* Hyperlight 11: the last page of the address space. */
Test(amd64_map, reaches_the_last_page)
{
    start("amd64");
    expect_status(map(TOP, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(UINT64_MAX), "20fff rwx- 12"));
    cr_expect(eq(str, (char *)at(TOP - 1), (char *)no_page()));
    expect_status(protect(TOP, K4, PTW_READ, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(TOP), "20000 r--- 12"));
    expect_status(
        map(TOP - M2 - K4 + 1 + (K4 - 1), M2 + K4, 0x100000, RWX_RIGHTS, 0),
        PTW_OK);
    cr_expect(eq(str, (char *)at(UINT64_MAX), "300fff rwx- 12"));
    expect_status(unmap(0 - (uint64_t)G1, G1, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
    expect_status(map(0 - (uint64_t)G1, G1, 0, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_OK);
    cr_expect(eq(str, (char *)at(UINT64_MAX), "3fffffff rwx- 30"));
    expect_status(map(0x7ffffffff000, K4, 0xffffffffff000, RWX_RIGHTS, 0),
                  PTW_OK);
    cr_expect(eq(str, (char *)at(0x7fffffffffff), "fffffffffffff rwx- 12"));
    expect_no_leak();
}

Test(i686_map, reaches_the_last_page)
{
    start("i686");
    expect_status(map(0xfffff000, K4, 0xfffff000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(0xffffffff), "ffffffff rwx- 12"));
    expect_status(unmap(0, 0x100000000, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
    expect_status(map(0, 0x100000000, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
    expect_entry(t.root.table.v, 1023, 0xffc000a3);
    cr_expect(eq(str, (char *)at(0xffffffff), "ffffffff rwx- 22"));
}

/* ------------------------------------------------------------ large leaves */

Test(amd64_map, uses_large_leaves_only_where_allowed_and_aligned)
{
    static const struct {
        uint64_t first, bytes, pa;
        unsigned flags, tables;
    } cases[] = {
        {0, M2, 0, 0, 4},
        {0, M2, 0, PTW_EDIT_LARGE, 3},
        {0, M2, K4, PTW_EDIT_LARGE, 4},
        {K4, M2, K4, PTW_EDIT_LARGE, 5}, /* two ragged ends */
        {K4, M2 - K4, K4, PTW_EDIT_LARGE, 4},
        {0, M2 + K4, 0, PTW_EDIT_LARGE, 4},
        {0, G1, 0, PTW_EDIT_LARGE, 2},
        {0, G1, M2, PTW_EDIT_LARGE, 3},
        {M2, G1, G1 + M2, PTW_EDIT_LARGE, 4},
        {G1 - K4, (uint64_t)G1 + 2 * K4, G1 - K4, PTW_EDIT_LARGE, 6},
        {0x7fffff000, 2 * K4, 0x7fffff000, PTW_EDIT_LARGE, 6},
        {0x7ffffff000, 2 * K4, 0x7ffffff000, PTW_EDIT_LARGE, 7},
        {0x7fc0000000, (uint64_t)2 * G1, 0, PTW_EDIT_LARGE, 3},
        {0, 64 * (uint64_t)M2 + 3 * K4, 0, 0, 3 + 65},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t last = cases[i].first + (cases[i].bytes - K4);

        start("amd64");
        expect_status(map(cases[i].first, cases[i].bytes, cases[i].pa,
                          RWX_RIGHTS, cases[i].flags),
                      PTW_OK);
        cr_expect(eq(uint, pool.in_use, cases[i].tables), "case %zu", i);
        cr_expect(eq(uint, pool.given, 0), "case %zu", i);
        cr_expect(eq(int, (int)strtoull(at(cases[i].first), NULL, 16),
                     (int)cases[i].pa));
        cr_expect(eq(int, (int)strtoull(at(last), NULL, 16),
                     (int)(cases[i].pa + (cases[i].bytes - K4))));
        expect_no_leak();
        expect_status(unmap(cases[i].first, cases[i].bytes, PTW_EDIT_RECLAIM),
                      PTW_OK);
        cr_expect(eq(uint, pool.in_use, 1), "case %zu", i);
    }
}

Test(amd64_map, has_no_1g_leaves_without_the_feature)
{
    machine_with("amd64", 52, PTW_X86_PAGE1G);
    pool_init();
    bench(&t);
    expect_status(map(0, G1, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(str, (char *)at(0), "0 rwx- 21"));
    cr_expect(eq(uint, pool.in_use, 3));
}

Test(amd64_map, does_not_put_a_large_leaf_over_a_table)
{
    start("amd64");
    expect_status(map(K4, K4, 0, RWX_RIGHTS, 0), PTW_OK);
    expect_status(map(0, G1, G1, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(str, (char *)at(K4), "40001000 rwx- 12"));
    cr_expect(eq(str, (char *)at(M2), "40200000 rwx- 21"));
    cr_expect(eq(uint, pool.in_use, 4));
    expect_no_leak();
}

/* Two large leaves of the same address in a row: replaced at one go. */
Test(amd64_map, replaces_a_large_leaf_by_another)
{
    start("amd64");
    expect_status(map(0, G1, G1, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_status(map(0, G1, 0, PTW_READ, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(str, (char *)at(0), "0 r--- 30"));
    cr_expect(eq(uint, pool.in_use, 2));
}

/* Hyperlight 1: PS ignored, a page walked as if it were a table. */
Test(amd64_edit, never_takes_a_large_leaf_for_a_table)
{
    uint64_t page = M2 / 2; /* inside ram, so that a write would be seen */

    start("amd64");
    machine_with("amd64", 52, 0);
    pool_init();
    bench(&t);
    memset(&ram[page], 0, K4);
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    {
        uint64_t pd = below(below(t.root.table.v, 0), 0);

        put(pd, 1, 0 | RWX | PS); /* maps frame 0 to 1ff */
        remember();
        expect_status(map(M2, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_LARGE);
        expect_status(unmap(M2, K4, 0), PTW_E_LARGE);
        expect_status(protect(M2, K4, PTW_READ, 0), PTW_E_LARGE);
        expect_status(map(0, M2 + K4, 0x20000, RWX_RIGHTS, PTW_EDIT_LARGE),
                      PTW_E_LARGE);
        cr_expect(as_remembered());
        expect_status(unmap(M2, K4, PTW_EDIT_SPLIT), PTW_OK);
        expect_entry(pd, 1, below(pd, 1) | 0x27);
        expect_entry(below(pd, 1), 0, 0);
        expect_entry(below(pd, 1), 1, 0x1063);
    }
    cr_expect(eq(uint, pool.taken, 5));
    expect_no_leak();
}

Test(amd64_edit, splits_with_the_same_bytes_rights_and_attributes)
{
    static const uint64_t bits[] = {
        0x81,
        0xe3,
        0xa5 | NX,
        0xc7 | PCD,
        0xe1 | PAT_LARGE,
        0xe3 | PAT_LARGE | PWT | PCD | G | NX,
        0x81 | COW,
        0x81 | G | 0xc00 | PWT | NX,
        0x83 | (uint64_t)0x5 << 52,
    };

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        for (unsigned op = 0; op < 3; op++) {
            uint64_t small = bits[i] & ~(PS | PAT_LARGE);
            uint64_t pdpt;
            uint64_t pd;
            uint64_t pt;

            start("amd64");
            t.table_rights = PTW_USER;
            pdpt = pool_table();
            put(t.root.table.v, 0, pdpt | 0x27);
            put(pdpt, 2, (uint64_t)7 * G1 | bits[i]);
            small |= (bits[i] & PAT_LARGE) != 0 ? PAT : 0;
            switch (op) {
            case 0:
                expect_status(unmap((uint64_t)2 * G1 + 3 * M2 + 5 * K4, K4,
                                    PTW_EDIT_SPLIT),
                              PTW_OK);
                break;
            case 1:
                expect_status(map((uint64_t)2 * G1 + 3 * M2 + 5 * K4, K4,
                                  0x20000, RWX_RIGHTS, PTW_EDIT_SPLIT),
                              PTW_OK);
                break;
            default:
                expect_status(protect((uint64_t)2 * G1 + 3 * M2 + 5 * K4, K4,
                                      RWX_RIGHTS, PTW_EDIT_SPLIT),
                              PTW_OK);
                break;
            }
            pd = below(pdpt, 2);
            pt = below(pd, 3);
            cr_expect(eq(u64, entry_at(pdpt, 2) & ~0xffffffffff000, 0x27));
            cr_expect(eq(u64, entry_at(pd, 3) & ~0xffffffffff000, 0x27));
            for (unsigned j = 0; j < 512; j++) {
                if (j != 3) {
                    expect_entry(
                        pd, j, ((uint64_t)7 * G1 + (uint64_t)j * M2) | bits[i]);
                }
                if (j != 5) {
                    expect_entry(
                        pt, j,
                        ((uint64_t)7 * G1 + 3 * M2 + (uint64_t)j * K4) | small);
                }
            }
            switch (op) {
            case 0:
                expect_entry(pt, 5, 0);
                break;
            case 1:
                expect_entry(pt, 5, 0x20063);
                break;
            default:
                small &= ~(U | NX);
                if ((small & 0xe00) == COW) {
                    small &= ~(uint64_t)0xe00;
                }
                expect_entry(pt, 5,
                             ((uint64_t)7 * G1 + 3 * M2 + 5 * K4) | small | W);
                break;
            }
            cr_expect(eq(uint, pool.in_use, 4));
            expect_no_leak();
        }
    }
}

Test(i686_edit, splits_with_the_same_bytes_rights_and_attributes)
{
    uint64_t pt;

    start("i686");
    put(t.root.table.v, 3, 5 * M4 | 0xe7 | PAT_LARGE | PCD | G);
    remember();
    expect_status(unmap(3 * M4, K4, 0), PTW_E_LARGE);
    cr_expect(as_remembered());
    expect_status(unmap(3 * M4, K4, PTW_EDIT_SPLIT), PTW_OK);
    pt = below(t.root.table.v, 3);
    expect_entry(t.root.table.v, 3, pt | 0x27);
    expect_entry(pt, 0, 0);
    for (unsigned i = 1; i < 1024; i++) {
        expect_entry(pt, i, (5 * M4 + i * K4) | 0x67 | PAT | PCD | G);
    }
    expect_no_leak();
}

Test(amd64_edit, protects_and_unmaps_large_leaves_whole)
{
    start("amd64");
    expect_status(map(0, G1 + M2, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_status(protect(0, G1 + M2, PTW_READ, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(0), "0 r--- 30"));
    cr_expect(eq(str, (char *)at(G1), "40000000 r--- 21"));
    expect_status(unmap(0, G1 + M2, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(0), (char *)no_page()));
    cr_expect(eq(str, (char *)at(G1), (char *)no_page()));
    cr_expect(eq(uint, pool.in_use, 3));
}

/* Xen XSA-388: a superpage range that is not aligned to its pages. */
Test(amd64_edit, keeps_what_is_around_a_misaligned_range_of_large_leaves)
{
    start("amd64");
    expect_status(map(0, 4 * (uint64_t)M2, G1, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_OK);
    expect_status(unmap(M2 - K4, 2 * (uint64_t)M2, PTW_EDIT_SPLIT), PTW_OK);
    cr_expect(eq(str, (char *)at(M2 - K4 - 1), "401fefff rwx- 12"));
    cr_expect(eq(str, (char *)at(M2 - K4), (char *)no_page()));
    cr_expect(eq(str, (char *)at(3 * M2 - K4 - 1), (char *)no_page()));
    cr_expect(eq(str, (char *)at(3 * M2 - K4), "405ff000 rwx- 12"));
    cr_expect(eq(str, (char *)at(3 * M2), "40600000 rwx- 21"));
    expect_no_leak();
}

Test(i686_map, uses_4m_leaves_only_where_allowed_and_aligned)
{
    static const struct {
        uint64_t first, bytes, pa;
        unsigned flags, tables;
    } cases[] = {
        {0, M4, 0, 0, 2},
        {0, M4, 0, PTW_EDIT_LARGE, 1},
        {0, M4, K4, PTW_EDIT_LARGE, 2},
        {K4, M4, K4, PTW_EDIT_LARGE, 3},
        {0, M4 + K4, M4, PTW_EDIT_LARGE, 2},
        {3 * M4 - K4, 2 * M4, 7 * M4 - K4, PTW_EDIT_LARGE, 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start("i686");
        expect_status(map(cases[i].first, cases[i].bytes, cases[i].pa,
                          RWX_RIGHTS, cases[i].flags),
                      PTW_OK);
        cr_expect(eq(uint, pool.in_use, cases[i].tables), "case %zu", i);
        expect_no_leak();
    }
    machine_with("i686", 52, PTW_X86_PSE);
    pool_init();
    bench(&t);
    expect_status(map(0, M4, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 2));
}

/* ------------------------------------------------- unmap, protect, reclaim */

Test(amd64_unmap, keeps_tables_unless_they_are_to_be_reclaimed)
{
    start("amd64");
    expect_status(map(0, 3 * K4, 0, RWX_RIGHTS, 0), PTW_OK);
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 4));
    expect_status(unmap(K4, K4, 0), PTW_OK);
    expect_status(unmap(2 * K4, K4, 0), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 4));
    expect_no_leak();
    expect_status(unmap(7 * K4, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
    expect_entry(t.root.table.v, 0, 0);
    expect_no_leak();
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
}

Test(amd64_unmap, reclaims_down_to_what_is_used)
{
    start("amd64");
    expect_status(map(0, 8 * (uint64_t)M2, 0, RWX_RIGHTS, 0), PTW_OK);
    expect_status(map(G1, K4, 0, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 3 + 8 + 2));
    expect_status(unmap(K4, (uint64_t)G1 - K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 3 + 1 + 2));
    cr_expect(eq(str, (char *)at(0), "0 rwx- 12"));
    expect_no_leak();
    expect_status(unmap(0, (uint64_t)1 << 47, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
}

Test(amd64_protect, changes_rights_only)
{
    uint64_t pt;

    start("amd64");
    expect_status(map(0, 4 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pt = pt_of(t.root.table.v);
    put(pt, 1, 0x55000 | 1 | PCD | PAT | G | (uint64_t)0x7f0 << 48 | 0xc00);
    put(pt, 2, 0x1230 & ~(uint64_t)1);
    put(pt, 3, 0x66000 | COW | A | 1);
    expect_status(protect(0, 5 * K4, PTW_READ | PTW_WRITE, 0), PTW_OK);
    expect_entry(pt, 0, 0x20063 | NX);
    expect_entry(pt, 1,
                 0x55000 | 1 | PCD | PAT | G | (uint64_t)0x7f0 << 48 | 0xc00 |
                     W | NX);
    expect_entry(pt, 2, 0x1230 & ~(uint64_t)1);
    expect_entry(pt, 3, 0x66000 | A | W | 1 | NX);
    expect_entry(pt, 4, 0);
    put(pt, 3, 0x66000 | COW | A | 1);
    expect_status(protect(3 * K4, K4, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_entry(pt, 3, 0x66000 | COW | A | 1);
}

/* "Determination of Access Rights": where CR4.CET is set, a leaf with D and
 * without R/W is a shadow stack. */
Test(amd64_edit, makes_no_shadow_stacks)
{
    struct ptw_map_request q =
        map_request(3 * K4, K4, 0x20000, PTW_READ | PTW_EXEC, 0);
    uint64_t pt;

    start("amd64");
    cr_assert(eq(int, (int)ptw_regime_with(&regime, PTW_X86_CET, &regime, NULL),
                 PTW_OK));
    expect_status(map(0, K4, 0x20000, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_status(map(K4, 2 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    q.copy_on_write = true;
    expect_status(ptw_map(&t, &q), PTW_OK);
    pt = pt_of(t.root.table.v);
    put(pt, 4, 0x66000 | A | D | 1);
    expect_entry(pt, 0, 0x20021);
    expect_entry(pt, 1, 0x20063);
    expect_entry(pt, 3, 0x20221);
    expect_status(protect(K4, K4, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_status(protect(4 * K4, K4, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_entry(pt, 1, 0x20021);
    expect_entry(pt, 4, 0x66000 | A | 1);
    put(pt, 4, 0x66000 | A | D | 1);
    expect_status(protect(K4, 4 * K4, RWX_RIGHTS, 0), PTW_OK);
    expect_entry(pt, 1, 0x20023);
    expect_entry(pt, 2, 0x21063);
    expect_entry(pt, 3, 0x20023);
    expect_entry(pt, 4, 0x66000 | A | D | W | 1);
}

Test(amd64_edit, widens_no_table)
{
    uint64_t pt;

    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pt = pt_of(t.root.table.v);
    remember();
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS | PTW_USER, 0), PTW_E_RIGHTS);
    expect_status(map(M2, K4, 0x21000, RWX_RIGHTS | PTW_USER, 0), PTW_E_RIGHTS);
    expect_status(protect(0, K4, RWX_RIGHTS | PTW_USER, 0), PTW_E_RIGHTS);
    cr_expect(as_remembered());
    put(t.root.table.v, 0, below(t.root.table.v, 0) | 0x25);
    remember();
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, 0), PTW_E_RIGHTS);
    expect_status(map(M2, M2, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_E_RIGHTS);
    cr_expect(as_remembered());
    expect_status(map(K4, K4, 0x21000, PTW_READ, 0), PTW_OK);
    expect_entry(pt, 1, 0x21061 | NX);
    put(t.root.table.v, 0, below(t.root.table.v, 0) | 0x27 | NX);
    remember();
    expect_status(protect(0, K4, PTW_READ | PTW_EXEC, 0), PTW_E_RIGHTS);
    cr_expect(as_remembered());
    {
        /* copy-on-write is not writable, so it needs no writable tables */
        struct ptw_map_request q =
            map_request(0, K4, 0x20000, PTW_READ | PTW_WRITE, 0);

        put(t.root.table.v, 0, below(t.root.table.v, 0) | 0x25);
        q.copy_on_write = true;
        expect_status(ptw_map(&t, &q), PTW_OK);
        expect_entry(pt, 0, 0x20261 | NX);
    }
}

Test(amd64_edit, stops_at_bad_upper_entries)
{
    uint64_t pdpt;
    uint64_t pd;

    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pdpt = below(t.root.table.v, 0);
    pd = below(pdpt, 0);
    put(t.root.table.v, 1, pdpt | 0x23 | PS); /* XSA-176: PS in a PML4 entry */
    put(pd, 1, 0x2000 | 0xe3);                /* a misaligned 2 MiB page */
    put(pdpt, 1, 0x200000 | 0xe3);            /* a misaligned 1 GiB page */
    remember();
    expect_status(map((uint64_t)1 << 39, K4, 0, RWX_RIGHTS, 0), PTW_BAD_ENTRY);
    expect_status(unmap((uint64_t)1 << 39, K4, 0), PTW_BAD_ENTRY);
    expect_status(map(M2, K4, 0, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_BAD_ENTRY);
    expect_status(map(G1, K4, 0, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_BAD_ENTRY);
    expect_status(protect(M2, M2, PTW_READ, 0), PTW_BAD_ENTRY);
    expect_status(map(0, M2 + K4, 0, RWX_RIGHTS, 0), PTW_BAD_ENTRY);
    cr_expect(as_remembered());
    expect_status(unmap(M2, M2, 0), PTW_OK);
    expect_entry(pd, 1, 0);
    expect_status(map(G1, G1, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_entry(pdpt, 1, 0xe3);
}

Test(amd64_protect, stops_at_a_bad_leaf)
{
    machine_with("amd64", 40, 0);
    pool_init();
    bench(&t);
    expect_status(map(0, 3 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    put(pt_of(t.root.table.v), 2, (uint64_t)1 << 45 | RWX);
    remember();
    expect_status(protect(0, 3 * K4, PTW_READ, 0), PTW_BAD_ENTRY);
    cr_expect(as_remembered());
    expect_status(map(0, 3 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    expect_entry(pt_of(t.root.table.v), 2, 0x22063);
}

Test(amd64_edit, refuses_tables_that_cannot_be_read_or_written)
{
    static const unsigned pages[][2] = {{POOL_FIRST, FRAMES - 3}};
    static struct ptw_region region[2];
    uint64_t pd;

    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pd = below(below(t.root.table.v, 0), 0);
    put(pd, 1, (FRAMES - 1) * PAGE | 0x23);
    offer_pages(1, pages);
    remember();
    expect_status(map(0, 2 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0), PTW_E_BUS);
    expect_status(unmap(0, 2 * (uint64_t)M2, 0), PTW_E_BUS);
    expect_status(protect(0, 2 * (uint64_t)M2, PTW_READ, 0), PTW_E_BUS);
    cr_expect(as_remembered());
    for (unsigned i = 0; i < 2; i++) {
        region[i].first.v = i * (RAM_BYTES - PAGE);
        region[i].last.v = i == 0 ? RAM_BYTES - PAGE - 1 : RAM_BYTES - 1;
        region[i].host = &ram[region[i].first.v];
        region[i].writable = i == 0;
    }
    cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 2), PTW_OK));
    expect_status(map(0, 2 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0),
                  PTW_E_READONLY);
    expect_status(unmap(0, 2 * (uint64_t)M2, 0), PTW_E_READONLY);
    /* One page, in the table that is read-only, and where all of them are. */
    for (unsigned i = 0; i < 2; i++) {
        expect_status(map(M2, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_READONLY);
        expect_status(unmap(M2, K4, 0), PTW_E_READONLY);
        expect_status(protect(M2, K4, PTW_READ, 0), PTW_E_READONLY);
        region[0].writable = false;
        cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 2), PTW_OK));
    }
    cr_expect(as_remembered());
}

/* One chain of tables below 0x1000, the page tables at 0x4000 and 0x5000; what
 * lies below `writable` can only be read, `cut` is where a region ends. */
static void chain_below(uint64_t writable, uint64_t cut)
{
    static struct ptw_region region[3];

    start("amd64");
    put(0x1000, 0, 0x2000 | TABLE);
    put(0x2000, 0, 0x3000 | TABLE);
    put(0x3000, 0, 0x4000 | TABLE);
    put(0x3000, 1, 0x5000 | TABLE);
    put(0x4000, 511, 0x20000 | RWX);
    put(0x5000, 0, 0x21000 | RWX);
    region[0].last.v = cut - 1;
    region[1].first.v = cut;
    region[1].last.v = writable - 1;
    region[2].first.v = writable;
    region[2].last.v = RAM_BYTES - 1;
    for (unsigned i = 0; i < 3; i++) {
        region[i].host = &ram[region[i].first.v];
        region[i].writable = i == 2;
    }
    cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 3), PTW_OK));
    t.root.table.v = 0x1000;
    remember();
}

/* Of one page or over two tables, with or without a bound on the work. */
Test(amd64_edit, needs_no_right_to_write_what_it_does_not_write)
{
    for (unsigned k = 0; k < 8; k++) {
        uint64_t bytes = k % 2 == 0 ? K4 : 2 * (uint64_t)K4;
        uint64_t cut = k / 2 % 2 == 0 ? 0x1000 : 0x2800;
        struct ptw_range_request q = range_request(M2 - K4, bytes, PTW_READ, 0);

        q.max_reads = k / 4 == 0 ? UINT64_MAX : 3 + 3 * (k % 2);
        chain_below(0x4000, cut);
        expect_status(ptw_unmap(&t, &q), PTW_OK);
        cr_expect(eq(str, (char *)at(M2 - K4), (char *)no_page()));
        chain_below(0x4000, cut);
        expect_status(map(M2 - K4, bytes, 0x30000, RWX_RIGHTS, 0), PTW_OK);
        cr_expect(eq(str, (char *)at(M2 - K4), "30000 rwx- 12"));
        chain_below(0x4000, cut);
        q.max_reads += k / 4 == 0 ? 0 : 2;
        expect_status(ptw_protect(&t, &q), PTW_OK);
        cr_expect(eq(str, (char *)at(M2 - K4), "20000 r--- 12"));
    }
    /* Nothing to protect in the table that is read-only. */
    chain_below(0x5000, 0x1000);
    expect_status(protect(M2 - 2 * K4, K4, PTW_READ, 0), PTW_OK);
    expect_status(protect(0, M2 - K4, PTW_READ, 0), PTW_OK);
    cr_expect(as_remembered());
    expect_status(protect(M2 - K4, K4, PTW_READ, 0), PTW_E_READONLY);
    expect_status(protect(M2 - K4, 2 * K4, PTW_READ, 0), PTW_E_READONLY);
    expect_status(unmap(0, K4, 0), PTW_E_READONLY);
    /* What an empty table is taken out of is written. */
    chain_below(0x4000, 0x1000);
    expect_status(unmap(M2, K4, PTW_EDIT_RECLAIM), PTW_E_READONLY);
    expect_status(map(2 * (uint64_t)M2, K4, 0x30000, RWX_RIGHTS, 0),
                  PTW_E_READONLY);
    expect_status(map(0, 3 * (uint64_t)M2, 0x30000, RWX_RIGHTS, 0),
                  PTW_E_READONLY);
    cr_expect(as_remembered());
    chain_below(0x3000, 0x2800);
    expect_status(unmap(M2, K4, 0), PTW_OK);
    expect_status(map(2 * (uint64_t)M2, K4, 0x30000, RWX_RIGHTS, 0), PTW_OK);
    expect_status(map(G1, K4, 0x30000, RWX_RIGHTS, 0), PTW_E_BUS);
    /* And so is what refers to a copy. */
    chain_below(0x4000, 0x1000);
    put(0x3000, 1, 0x4000 | TABLE);
    scan();
    expect_status(protect(M2 - K4, K4, PTW_READ, PTW_EDIT_UNSHARE),
                  PTW_E_READONLY);
    chain_below(0x3000, 0x1000);
    put(0x3000, 1, 0x4000 | TABLE);
    scan();
    expect_status(protect(M2 - K4, K4, PTW_READ, PTW_EDIT_UNSHARE), PTW_OK);
}

/* The way to a page is the same for tables that move, and ask for no fewer
 * reads. */
Test(edit, counts_the_same_reads_near_and_far)
{
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned n = 0; n < 8; n++) {
            struct ptw_range_request q =
                range_request(0, 2 * K4, PTW_READ | PTW_EXEC, 0);
            struct ptw_map_request p =
                map_request(0, 2 * K4, 0x20000, RWX_RIGHTS, 0);

            start_movable(k == 0 ? "amd64" : "i686");
            expect_status(ptw_map(&t, &p), PTW_OK);
            m.tables = t;
            pool.relocate = false;
            q.max_reads = n;
            p.max_reads = n;
            expect_status(ptw_map(&t, &p), ptw_map_movable(&m, &p));
            expect_status(ptw_protect(&t, &q), ptw_protect_movable(&m, &q));
            expect_status(ptw_protect(&t, &q), n == 0 || n > ptw_levels(&regime)
                                                   ? PTW_OK
                                                   : PTW_E_LIMIT);
            expect_status(ptw_unmap(&t, &q), ptw_unmap_movable(&m, &q));
            expect_status(ptw_unmap(&t, &q),
                          n == 0 || n + 1 >= ptw_levels(&regime) ? PTW_OK
                                                                 : PTW_E_LIMIT);
        }
    }
}

Test(amd64_edit, refuses_a_table_that_is_there_in_part)
{
    static struct ptw_region region;
    uint64_t table;

    start("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    table = RAM_BYTES - PAGE;
    put(below(below(t.root.table.v, 0), 0), 1, table | 0x23);
    region.first.v = 0;
    region.last.v = table + 0x7ff;
    region.host = ram;
    region.writable = true;
    cr_assert(eq(int, ptw_mem_init_regions(&mem, &region, 1), PTW_OK));
    remember();
    expect_status(map(0, 2 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0), PTW_E_BUS);
    expect_status(map(M2, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_BUS);
    cr_expect(as_remembered());
}

/* --------------------------------------------------------------- allocator */

/* XSA-246 and 247: a failure half-way that nobody checked. */
Test(amd64_edit, leaves_no_trace_wherever_the_allocator_refuses)
{
    start("amd64");
    expect_status(map(0, (uint64_t)2 * G1, 0, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_OK);
    expect_status(map((uint64_t)5 * G1, 3 * K4, 0, RWX_RIGHTS, 0), PTW_OK);
    remember();
    for (unsigned op = 0; op < 4; op++) {
        unsigned n = 0;

        for (;; n++) {
            enum ptw_status st = PTW_OK;

            pool.refuse_after = (int)n;
            pool.refusal = n % 2 != 0 ? PTW_E_LIMIT : PTW_E_SPACE;
            switch (op) {
            case 0:
                st = map((uint64_t)5 * G1, 17 * (uint64_t)M2, 0, RWX_RIGHTS, 0);
                break;
            case 1:
                st = map(K4, (uint64_t)2 * G1, K4, RWX_RIGHTS,
                         PTW_EDIT_SPLIT | PTW_EDIT_LARGE);
                break;
            case 2:
                st = protect(K4, (uint64_t)G1, PTW_READ, PTW_EDIT_SPLIT);
                break;
            default:
                st = unmap(K4, (uint64_t)2 * G1 - 2 * K4, PTW_EDIT_SPLIT);
                break;
            }
            if (st == PTW_OK) {
                break;
            }
            cr_assert(eq(int, st, pool.refusal), "op %u, %u tables", op, n);
            cr_assert(as_remembered(), "op %u, %u tables", op, n);
            cr_assert(eq(u64, t.stock.tables, 0));
        }
        cr_expect(lt(uint, 0, n), "op %u", op);
        pool.refuse_after = NEVER;
        expect_no_leak();
        remember();
    }
}

/* What no table can be, of the memory that bad_memory offers. */
static const struct {
    uint64_t table;
    enum ptw_status status;
} bad[] = {
    {0x5008, PTW_E_ALIGN},
    {0x5800, PTW_E_ALIGN},
    {RAM_BYTES, PTW_E_BUS},
    {(uint64_t)1 << 40, PTW_E_BUS},
    {(uint64_t)1 << 52, PTW_E_WIDTH},
    {0x1000, PTW_E_READONLY},
};

static void bad_memory(void)
{
    static struct ptw_region region[2];

    region[0].last.v = 0x1fff;
    region[0].host = ram;
    region[1].first.v = 0x2000;
    region[1].last.v = RAM_BYTES - 1;
    region[1].host = &ram[0x2000];
    region[1].writable = true;
    cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 2), PTW_OK));
    pool.bad_table = true;
}

Test(amd64_edit, refuses_a_bad_table_from_the_allocator)
{
    unsigned refused = 0;

    start("amd64");
    bad_memory();
    remember();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int n = 0; n < 3; n++) {
            pool.refuse_after = n;
            pool.bad.v = bad[i].table;
            expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), bad[i].status);
            cr_expect(as_remembered(), "case %zu", i);
            cr_expect(eq(u64, t.stock.tables, 0));
            refused++;
            cr_expect(eq(uint, pool.bad_given, refused));
        }
    }
}

/* Entries of the guest's refer to a frame of the pool, before it is taken. */
static void refer_twice(uint64_t frame)
{
    memset(&ram[frame], 0, PAGE);
    put(0x1000, 0, frame | TABLE);
    put(0x1000, 1, frame | TABLE);
    put(t.root.table.v, 5, 0x1000 | TABLE);
    scan();
    cr_assert(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(frame)), 2));
}

Test(amd64_edit, takes_no_table_that_is_shared)
{
    start("amd64");
    refer_twice((POOL_FIRST + 2) * PAGE);
    remember();
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_IN_USE);
    cr_expect(as_remembered());
    cr_expect(eq(uint, pool.given, 2));
    refer_twice((POOL_FIRST + 6) * PAGE);
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);

    /* Nor is one moved there. */
    start_movable("amd64");
    refer_twice((POOL_FIRST + 2) * PAGE);
    m.tables = t;
    remember();
    expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_IN_USE);
    cr_expect(as_remembered());
    start_movable("amd64");
    refer_twice((POOL_FIRST + 4) * PAGE);
    m.tables = t;
    expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_IN_USE);
    cr_expect(eq(u64, m.tables.root.table.v, t.root.table.v));

    /* What is in stock has been looked at. */
    start("amd64");
    t.ops = &pool_ops_without_give;
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(u64, t.stock.tables, 3));
    {
        uint64_t next = t.stock.first.v;
        uint64_t kept = entry_at(next, 0);

        refer_twice(next);
        put(next, 0, kept);
    }
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(str, (char *)at(0), "20000 rwx- 12"));
}

Test(i686_edit, refuses_a_table_above_32_bits)
{
    static struct ptw_region region[2];

    start("i686");
    region[0].last.v = RAM_BYTES - 1;
    region[0].host = ram;
    region[0].writable = true;
    region[1].first.v = 0x100000000;
    region[1].last.v = 0x100000fff;
    region[1].host = ram;
    region[1].writable = true;
    cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 2), PTW_OK));
    pool.bad_table = true;
    pool.bad.v = 0x100000000;
    pool.refuse_after = 0;
    remember();
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_WIDTH);
    cr_expect(as_remembered());
}

Test(amd64_edit, uses_the_spare_tables_again_where_none_can_be_given_back)
{
    start("amd64");
    t.ops = &pool_ops_without_give;
    pool.refuse_after = 2;
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_SPACE);
    cr_expect(eq(u64, t.stock.tables, 2));
    cr_expect(eq(uint, pool.in_use, 3));
    pool.refuse_after = 1;
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(u64, t.stock.tables, 0));
    cr_expect(eq(uint, pool.in_use, 4));
    cr_expect(eq(sz, reachable(1, &t.root), 4));
    pool.refuse_after = 0;
    put(pt_of(t.root.table.v), 9, 0x1230); /* not present, and not zero */
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(u64, t.stock.tables, 3));
    expect_status(
        map((uint64_t)7 << 39, 2 * (uint64_t)K4, 0x20000, RWX_RIGHTS, 0),
        PTW_OK);
    cr_expect(eq(u64, t.stock.tables, 0));
    cr_expect(eq(str, (char *)runs(t.root.table.v),
                 "map 38000000000-38000001fff 20000 rwx- 4k\n"));
    cr_expect(eq(uint, pool.given, 0));
}

/* Where the stock lies, somebody else may write between two edits. */
Test(amd64_edit, takes_nothing_from_the_stock_that_cannot_be_a_table)
{
    static const uint64_t next[] = {
        0x5080,            /* in an entry: PS */
        0x5001,            /* not even of a number */
        RAM_BYTES,         /* outside */
        (uint64_t)1 << 52, /* XD, or reserved */
        UINT64_MAX & ~0xfff,
    };

    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        start("amd64");
        t.ops = &pool_ops_without_give;
        pool.refuse_after = 2;
        expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_SPACE);
        cr_assert(eq(u64, t.stock.tables, 2));
        put(t.stock.first.v, 0, next[i]);
        pool.refuse_after = 1;
        expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_CHANGED);
        cr_expect(eq(str, (char *)runs(t.root.table.v), ""), "case %zu", i);
    }
}

/* ------------------------------------------------------------------- limit */

Test(amd64_edit, stops_at_its_limit_before_it_writes)
{
    struct ptw_map_request q =
        map_request(K4, 3 * (uint64_t)M2, 0, RWX_RIGHTS, PTW_EDIT_SPLIT);
    enum ptw_status st = PTW_E_LIMIT;

    start("amd64");
    expect_status(map(0, (uint64_t)G1, 0, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    remember();
    for (q.max_reads = 1; q.max_reads < 10000; q.max_reads++) {
        st = ptw_map(&t, &q);
        if (st != PTW_E_LIMIT) {
            break;
        }
        cr_assert(as_remembered(), "%d reads", (int)q.max_reads);
    }
    expect_status(st, PTW_OK);
    cr_expect(lt(u64, 1, q.max_reads));
    expect_no_leak();
}

Test(i686_edit, stops_at_its_limit_before_it_writes)
{
    struct ptw_range_request q =
        range_request(K4, 3 * (uint64_t)M4, PTW_READ | PTW_EXEC, 0);
    enum ptw_status st = PTW_E_LIMIT;

    start("i686");
    expect_status(map(0, 4 * (uint64_t)M4, 0, RWX_RIGHTS, 0), PTW_OK);
    remember();
    for (q.max_reads = 1; st == PTW_E_LIMIT; q.max_reads++) {
        st = ptw_protect(&t, &q);
        cr_assert(st == PTW_OK || as_remembered());
    }
    expect_status(st, PTW_OK);
}

/* A request that says nothing of a limit has none. */
Test(edit, takes_a_limit_of_0_for_none)
{
    for (unsigned k = 0; k < 2; k++) {
        struct ptw_range_request q =
            range_request(0, 600 * K4, PTW_READ | PTW_EXEC, 0);
        struct ptw_map_request p =
            map_request(0, 600 * K4, 0x20000, RWX_RIGHTS, 0);

        start_movable(k == 0 ? "amd64" : "i686");
        q.max_reads = 0;
        p.max_reads = 0;
        expect_status(ptw_map(&t, &p), PTW_OK);
        expect_status(ptw_protect(&t, &q), PTW_OK);
        expect_status(ptw_unmap(&t, &q), PTW_OK);
        m.tables = t;
        expect_status(ptw_map_movable(&m, &p), PTW_OK);
        expect_status(ptw_protect_movable(&m, &q), PTW_OK);
        expect_status(ptw_unmap_movable(&m, &q), PTW_OK);
        t = m.tables;
        cr_expect(eq(str, runs(t.root.table.v), ""));
    }
}

/* ------------------------------------------------------- tables that move */

static void expect_no_leak_m(void)
{
    t.root = m.tables.root;
    expect_no_leak();
    cr_expect(not(pool.stale));
}

/* Hyperlight 3: after a move the walk kept the stale base of the table; of
 * three pages one survived, and eight tables leaked. */
Test(amd64_movable, keeps_all_three_pages)
{
    start_movable("amd64");
    for (unsigned i = 0; i < 3; i++) {
        expect_status(map_m(i * K4, K4, 0x20000 + i * K4, RWX_RIGHTS, 0),
                      PTW_OK);
        expect_no_leak_m();
        cr_expect(eq(u64, pool.root_told.v, m.tables.root.table.v));
    }
    cr_expect(
        eq(str, runs(m.tables.root.table.v), "map 0-2fff 20000 rwx- 4k\n"));
    cr_expect(eq(uint, pool.in_use, 4));
    cr_expect(eq(uint, pool.roots_told, 3));
    expect_status(map_m(0, 4 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(
        eq(str, runs(m.tables.root.table.v), "map 0-7fffff 20000 rwx- 4k\n"));
    expect_no_leak_m();
    expect_status(unmap_m(0, 4 * (uint64_t)M2, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 1));
    expect_no_leak_m();
}

/* Hyperlight 4: a move rewrote the parent's entry with default flags. */
Test(amd64_movable, keeps_the_attribute_bits_of_the_parents)
{
    static const uint64_t bits[] = {0x1,
                                    0x21 | NX,
                                    0x27,
                                    0x3 | PCD,
                                    0x65 | PWT,
                                    0x23 | G | 0xe00,
                                    0x23 | (uint64_t)0x7ff << 52};

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        start_movable("amd64");
        expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
        for (unsigned l = 0; l < 3; l++) {
            uint64_t table = m.tables.root.table.v;

            for (unsigned d = 0; d < l; d++) {
                table = below(table, 0);
            }
            put(table, 0, below(table, 0) | bits[(i + l) % 7]);
        }
        pool.moves = 0;
        expect_status(unmap_m(0, K4, 0), PTW_OK);
        cr_expect(eq(uint, pool.moves, 4));
        for (unsigned l = 0; l < 3; l++) {
            uint64_t table = m.tables.root.table.v;

            for (unsigned d = 0; d < l; d++) {
                table = below(table, 0);
            }
            cr_expect(eq(u64, entry_at(table, 0),
                         below(table, 0) | bits[(i + l) % 7]));
        }
        expect_no_leak_m();
    }
}

Test(i686_movable, keeps_the_attribute_bits_of_the_parent)
{
    start_movable("i686");
    expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    put(m.tables.root.table.v, 0, below(m.tables.root.table.v, 0) | 0xc31);
    pool.roots_told = 0;
    expect_status(unmap_m(0, K4, 0), PTW_OK);
    expect_entry(m.tables.root.table.v, 0,
                 below(m.tables.root.table.v, 0) | 0xc31);
    cr_expect(eq(uint, pool.roots_told, 1));
    expect_no_leak_m();
}

Test(amd64_movable, needs_no_root_hook)
{
    static struct ptw_move_ops ops;

    start_movable("amd64");
    ops = pool_moves;
    ops.root = NULL;
    m.move = &ops;
    expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    expect_no_leak_m();
    cr_expect(eq(uint, pool.moves, 1));
}

Test(amd64_movable, stays_whole_wherever_the_hook_refuses)
{
    for (int n = 0; n < 8; n++) {
        enum ptw_status st;

        start_movable("amd64");
        expect_status(map_m(0, 2 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0),
                      PTW_OK);
        pool.move_refuse_after = n;
        st = map_m(K4, 2 * (uint64_t)M2 - 2 * K4, G1, RWX_RIGHTS, 0);
        expect_status(st, n < 5 ? PTW_E_BUS : PTW_OK);
        cr_expect(eq(str, runs(m.tables.root.table.v),
                     n < 5 ? "map 0-3fffff 20000 rwx- 4k\n"
                           : "map 0-fff 20000 rwx- 4k\n"
                             "map 1000-3fefff 40000000 rwx- 4k\n"
                             "map 3ff000-3fffff 41f000 rwx- 4k\n"),
                  "%d moves", n);
        expect_no_leak_m();
    }
}

Test(amd64_movable, refuses_a_bad_place_from_the_hook)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int n = 0; n < 4; n++) {
            start_movable("amd64");
            expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
            bad_memory();
            pool.bad = ptw_pa_of(bad[i].table);
            memset(pool.moved, 0, sizeof pool.moved);
            pool.move_refuse_after = n;
            expect_status(map_m(K4, K4, 0x21000, RWX_RIGHTS, 0), bad[i].status);
            cr_expect(eq(str, (char *)runs(m.tables.root.table.v),
                         "map 0-fff 20000 rwx- 4k\n"),
                      "case %zu, call %d", i, n);
            expect_no_leak_m();
        }
    }
}

Test(amd64_movable, leaves_everything_in_place_when_the_allocator_refuses)
{
    start_movable("amd64");
    expect_status(map_m(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    remember();
    pool.moves = 0;
    pool.refuse_after = 1;
    expect_status(map_m(0, G1 + K4, 0x20000, RWX_RIGHTS, 0), PTW_E_SPACE);
    cr_expect(as_remembered());
    cr_expect(eq(uint, pool.moves, 0));
}

/* Tables in memory that is read-only, with one page; the pool is not. */
static void start_read_only(void)
{
    start_movable("amd64");
    offer_pool_only();
    put(0x1000, 0, 0x2000 | TABLE);
    put(0x2000, 0, 0x3000 | TABLE);
    put(0x3000, 0, 0x4000 | TABLE);
    put(0x4000, 0, 0x20000 | RWX);
    put(0x3000, 1, 0x5000 | TABLE);
    pool_init();
    m.tables.root.table.v = 0x1000;
}

Test(amd64_movable, moves_tables_out_of_memory_that_is_read_only)
{
    start_read_only();
    remember();
    pool.relocate = false;
    expect_status(map_m(K4, K4, 0x21000, RWX_RIGHTS, 0), PTW_E_READONLY);
    cr_expect(as_remembered());
    pool.relocate = true;
    expect_status(map_m(K4, K4, 0x21000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(
        eq(str, runs(m.tables.root.table.v), "map 0-1fff 20000 rwx- 4k\n"));
    cr_expect(eq(str, runs(0x1000), "map 0-fff 20000 rwx- 4k\n"));
    cr_expect(eq(uint, pool.in_use, 4)); /* and 5000 is where it was */
    expect_entry(below(below(m.tables.root.table.v, 0), 0), 1, 0x5000 | TABLE);
    cr_expect(not(pool.stale));
}

/* To give a table back is to write the one above, whatever was in it. */
Test(amd64_movable, reclaims_tables_without_leaf_tables)
{
    for (unsigned what = 0; what < 3; what++) {
        start_movable("amd64");
        expect_status(
            map_m(0, M2, 0, RWX_RIGHTS, what < 2 ? PTW_EDIT_LARGE : 0), PTW_OK);
        if (what == 1) {
            put(below(below(m.tables.root.table.v, 0), 0), 0, 0);
        }
        pool.moves = 0;
        expect_status(unmap_m(0, G1, PTW_EDIT_RECLAIM), PTW_OK);
        expect_entry(m.tables.root.table.v, 0, 0);
        cr_expect(eq(uint, pool.in_use, 1));
        cr_expect(pool.moved[m.tables.root.table.v / PAGE], "case %u", what);
        expect_no_leak_m();
    }
}

/* Table 5000 is empty, and nothing in it is written: it does not move. */
Test(amd64_movable, lets_an_empty_table_go_that_is_read_only)
{
    for (unsigned give = 0; give < 2; give++) {
        start_read_only();
        m.tables.ops = give ? &pool_ops : &pool_ops_without_give;
        put(0x2000, 1, 0x5000 | TABLE);
        expect_status(unmap_m(G1, G1, PTW_EDIT_RECLAIM), PTW_OK);
        cr_expect(eq(u64, m.tables.stock.tables, 0));
        cr_expect(eq(uint, pool.given, 0));
        cr_expect(eq(uint, pool.in_use, 2));
        cr_expect(
            eq(str, runs(m.tables.root.table.v), "map 0-fff 20000 rwx- 4k\n"));
        expect_entry(below(m.tables.root.table.v, 0), 1, 0);
        expect_entry(0x2000, 1, 0x5000 | TABLE);
        cr_expect(not(pool.stale));
    }
}

/* ------------------------------------------------------------------ shared */

static struct ptw_root other = {&regime, {0}};

/* Two spaces, t's and other's, with one PDPT at 0 between them. */
static void share(unsigned pages)
{
    start("amd64");
    t.shares = counted();
    expect_status(map(0, (uint64_t)pages * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    other.table.v = pool_table();
    put(other.table.v, 0, entry_at(t.root.table.v, 0));
    {
        struct ptw_root roots[2] = {t.root, other};
        static _Alignas(8) unsigned char storage[1 << 14];
        struct ptw_memo memo;

        cr_assert(
            eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3), PTW_OK));
        cr_assert(eq(
            int, ptw_shares_scan(t.shares, &mem, roots, 2, &memo, UINT64_MAX),
            PTW_OK));
    }
    cr_assert(eq(
        u64, ptw_shares_of(t.shares, ptw_pa_of(below(t.root.table.v, 0))), 2));
}

/* Hyperlight 10: mapping through a linked table overwrote the owner. */
Test(amd64_shared, are_not_written_through)
{
    share(1);
    remember();
    expect_status(map(K4, K4, 0, RWX_RIGHTS, 0), PTW_E_SHARED);
    expect_status(unmap(0, K4, 0), PTW_E_SHARED);
    expect_status(protect(0, K4, PTW_READ, 0), PTW_E_SHARED);
    cr_expect(as_remembered());
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_OK);
    cr_expect(eq(str, runs(other.table.v), "map 0-fff 20000 rwx- 4k\n"));
    cr_expect(eq(str, runs(t.root.table.v), "map 0-1fff 20000 rwx- 4k\n"));
    cr_expect(eq(uint, pool.in_use, 8));
    expect_status(unmap(0, 2 * K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(uint, pool.in_use, 5));
    cr_expect(eq(str, runs(other.table.v), "map 0-fff 20000 rwx- 4k\n"));
}

Test(amd64_shared, are_private_again_where_nobody_else_refers_to_them)
{
    uint64_t theirs;

    share(1);
    theirs = below(other.table.v, 0);
    expect_status(unmap(0, K4, PTW_EDIT_UNSHARE), PTW_OK);
    cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(theirs)), 1));
    t.root = other;
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, 0), PTW_OK);
    cr_expect(eq(u64, below(other.table.v, 0), theirs));
    cr_expect(eq(str, runs(other.table.v), "map 0-1fff 20000 rwx- 4k\n"));
}

Test(amd64_shared, are_as_before_wherever_the_allocator_refuses)
{
    for (int n = 0; n < 3; n++) {
        share(1);
        remember();
        pool.refuse_after = n;
        expect_status(map(K4, K4, 0, RWX_RIGHTS, PTW_EDIT_UNSHARE),
                      PTW_E_SPACE);
        cr_expect(as_remembered());
        cr_expect(eq(
            u64, ptw_shares_of(t.shares, ptw_pa_of(below(t.root.table.v, 0))),
            2));
    }
}

/* A list in so many bytes that has counted both spaces; false: it can't. */
static bool counted_in(size_t bytes)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    static _Alignas(8) unsigned char more[1 << 14];
    struct ptw_root roots[2] = {t.root, other};
    struct ptw_memo memo;

    cr_assert(eq(int, ptw_memo_init(&memo, more, sizeof more, 3), PTW_OK));
    return ptw_shares_init(t.shares, storage, bytes, 1) == PTW_OK &&
           ptw_shares_scan(t.shares, &mem, roots, 2, &memo, 0) == PTW_OK;
}

/* What a scan has listed needs no further room. */
Test(amd64_shared, need_no_more_room_than_the_scan_did)
{
    size_t bytes;

    share(1);
    for (bytes = 0; !counted_in(bytes); bytes++) {
        cr_assert(lt(sz, bytes, 1 << 12));
    }
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_OK);
    cr_expect(eq(str, runs(other.table.v), "map 0-fff 20000 rwx- 4k\n"));
    cr_expect(eq(str, runs(t.root.table.v), "map 0-1fff 20000 rwx- 4k\n"));
    cr_expect(eq(sz, t.shares->wanted, 0));
}

/* Of the library's own tables only those are listed that became shared: here
 * the PDPT; a copy of it leads to its 6 tables, too, and one of the first of
 * these to 6 more. */
static void own_tables(size_t bytes)
{
    static _Alignas(8) unsigned char storage[1 << 12];
    struct ptw_built built[2] = {{{0}, true}, {{0}, true}};
    struct ptw_item item = {.kind = PTW_ITEM_ALIAS, .space = 1};

    start("amd64");
    t.shares = counted();
    for (uint64_t i = 0; i < 6; i++) {
        expect_status(map(i * G1, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
        expect_status(map(i * M2, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    }
    item.u.alias.amd64.level = PTW_AMD64_ALIAS_PDPT;
    item.u.alias.amd64.ref.attributes = 0x27;
    other.table.v = pool_table();
    built[0].root = t.root;
    built[1].root = other;
    cr_assert(eq(int, ptw_shares_init(t.shares, storage, bytes, 1), PTW_OK));
    expect_status(ptw_space_aware_map(&t, &item, built, 2, PTW_EDIT_EXACT),
                  PTW_OK);
    t.root = built[0].root;
}

Test(amd64_shared, ask_for_the_room_that_they_need_and_can_be_given_it)
{
    /* 1 + 6 + 6 records */
    size_t enough = ptw_memo_bytes(13);
    static _Alignas(8) unsigned char larger[1 << 12];

    own_tables(enough);
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_OK);
    cr_expect(eq(sz, t.shares->wanted, 0));
    own_tables(enough - 1);
    remember();
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE),
                  PTW_E_SPACE);
    cr_expect(as_remembered());
    cr_expect(eq(sz, t.shares->wanted, enough));
    cr_expect(
        eq(int, ptw_shares_grow(t.shares, larger, enough - 1), PTW_E_SPACE));
    cr_expect(
        eq(int, ptw_shares_grow(t.shares, larger + 1, enough), PTW_E_ALIGN));
    cr_assert(eq(int, ptw_shares_grow(t.shares, larger, enough), PTW_OK));
    cr_expect(eq(
        u64, ptw_shares_of(t.shares, ptw_pa_of(below(t.root.table.v, 0))), 2));
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_OK);
    cr_expect(eq(str, (char *)at(K4), "21000 rwx- 12"));
    cr_expect(eq(sz, t.shares->state.count.used, 13));
    /* That the host has no table left is not for the list to mend. */
    own_tables(1 << 12);
    pool.refuse_after = 0;
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE),
                  PTW_E_SPACE);
    cr_expect(eq(sz, t.shares->wanted, 0));
}

/* One page table at two places of one space, both in the range. */
static void twice(void)
{
    uint64_t pd;

    start("amd64");
    t.shares = counted();
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    pd = below(below(t.root.table.v, 0), 0);
    put(pd, 1, entry_at(pd, 0));
    {
        static _Alignas(8) unsigned char storage[1 << 14];
        struct ptw_memo memo;

        cr_assert(
            eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3), PTW_OK));
        cr_assert(eq(
            int, ptw_shares_scan(t.shares, &mem, &t.root, 1, &memo, UINT64_MAX),
            PTW_OK));
    }
}

Test(amd64_shared, are_copied_once_less_than_they_are_met)
{
    twice();
    expect_status(
        map(K4, 2 * (uint64_t)M2 - K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE),
        PTW_OK);
    cr_expect(eq(str, runs(t.root.table.v), "map 0-3fffff 20000 rwx- 4k\n"));
    cr_expect(eq(uint, pool.in_use, 5));
    expect_no_leak();
}

/* The last of them may be read-only, too: its page is copied like the others,
 * not written. */
Test(amd64_shared, are_copied_and_not_written_when_read_only)
{
    for (unsigned giver = 0; giver < 2; giver++) {
        uint64_t own;
        uint64_t pd;

        twice();
        pd = below(below(t.root.table.v, 0), 0);
        own = pt_of(t.root.table.v);
        memcpy(&ram[0x3000], &ram[pt_of(t.root.table.v)], PAGE);
        put(pd, 0, 0x3000 | TABLE);
        put(pd, 1, 0x3000 | TABLE);
        pool.in_use--; /* the pool's own page table is not in use any more */
        pool.used[own / PAGE] = false;
        t.shares = counted();
        {
            static _Alignas(8) unsigned char storage[1 << 14];
            struct ptw_memo memo;

            cr_assert(eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3),
                         PTW_OK));
            cr_assert(eq(
                int,
                ptw_shares_scan(t.shares, &mem, &t.root, 1, &memo, UINT64_MAX),
                PTW_OK));
        }
        offer_pool_only();
        remember();
        t.ops = giver == 0 ? &pool_ops_without_give : &pool_ops;
        expect_status(map(K4, 2 * (uint64_t)M2 - K4, 0x21000, RWX_RIGHTS,
                          PTW_EDIT_UNSHARE),
                      PTW_OK);
        cr_expect(
            eq(str, runs(t.root.table.v), "map 0-3fffff 20000 rwx- 4k\n"));
        expect_entry(0x3000, 0, 0x20063);
        expect_entry(0x3000, 1, 0);
    }
}

Test(amd64_shared_movable, are_copied_and_not_written_where_they_are)
{
    twice();
    m.tables = t;
    m.move = &pool_moves;
    {
        struct ptw_map_request q = map_request(
            K4, 2 * (uint64_t)M2 - K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE);
        uint64_t shared = pt_of(t.root.table.v);
        uint64_t pd;

        memset(pool.moved, 0, sizeof pool.moved);
        pool.moves = 0;
        expect_status(ptw_map_movable(&m, &q), PTW_OK);
        cr_expect(eq(uint, pool.moves, 3));
        t.root = m.tables.root;
        pd = below(below(t.root.table.v, 0), 0);
        cr_expect(ne(u64, below(pd, 0), shared));
        cr_expect(ne(u64, below(pd, 1), shared));
    }
    cr_expect(eq(str, runs(t.root.table.v), "map 0-3fffff 20000 rwx- 4k\n"));
    expect_no_leak();
    cr_expect(not(pool.stale));
}

enum below { WRITABLE, READ_ONLY, IN_TWO_REGIONS };

/* A table S that is a page table at 0 and a directory at 1G.  Its first entry
 * leads to X: a page of the one, a page table of the other. */
static void two_levels(enum below x)
{
    static struct ptw_region region[4];

    start("amd64");
    put(0x1000, 0, 0x2000 | TABLE);
    put(0x2000, 0, 0x3000 | TABLE);
    put(0x2000, 1, 0x4000 | TABLE);
    put(0x3000, 0, 0x4000 | TABLE);
    put(0x4000, 0, 0x5000 | TABLE);
    put(0x5000, 0, 0x20000 | RWX);
    put(0x5000, 511, 0x21000 | RWX);
    for (unsigned i = 0; i < 4; i++) {
        static const uint64_t first[] = {0, 0x5000, 0x5800, 0x6000, RAM_BYTES};

        region[i].first.v = first[i];
        region[i].last.v = first[i + 1] - 1;
        region[i].host = &ram[first[i]];
        region[i].writable = i % 3 == 0 || x == IN_TWO_REGIONS;
    }
    if (x == IN_TWO_REGIONS) {
        cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 4), PTW_OK));
    } else {
        region[1].last.v = 0x5fff;
        region[1].writable = x == WRITABLE;
        region[2] = region[3];
        cr_assert(eq(int, ptw_mem_init_regions(&mem, region, 3), PTW_OK));
    }
    pool.in_use--; /* the root is another one */
    pool.used[t.root.table.v / PAGE] = false;
    t.root.table.v = 0x1000;
    scan();
    m.tables = t;
    m.move = &pool_moves;
}

/* The copy that was made of S where it is a page table does not refer to X, so
 * X is not found to be shared where S is a directory. */
Test(amd64_shared, have_tables_below_that_are_not_written_unchecked)
{
    for (unsigned k = 0; k < 18; k++) {
        enum below x = (enum below)(k % 3);
        bool movable = k / 3 % 2 != 0;
        struct ptw_range_request q =
            range_request(0, G1 + M2, PTW_READ | PTW_EXEC, PTW_EDIT_UNSHARE);
        struct ptw_map_request p = map_request(
            0, G1 + M2 + K4, G1, PTW_READ | PTW_EXEC, PTW_EDIT_UNSHARE);
        uint64_t in_place = x == WRITABLE && !movable;
        static const char *const then[3] = {"21000 r-x- 12", NULL,
                                            "801ff000 r-x- 12"};

        if (k / 6 == 2) {
            p.flags |= PTW_EDIT_LARGE;
        }
        two_levels(x);
        memset(pool.moved, 0, sizeof pool.moved);
        switch (k / 6) {
        case 0:
            expect_status(movable ? ptw_protect_movable(&m, &q)
                                  : ptw_protect(&t, &q),
                          PTW_OK);
            break;
        case 1:
            expect_status(movable ? ptw_unmap_movable(&m, &q)
                                  : ptw_unmap(&t, &q),
                          PTW_OK);
            break;
        default:
            expect_status(movable ? ptw_map_movable(&m, &p) : ptw_map(&t, &p),
                          PTW_OK);
            break;
        }
        if (movable) {
            t = m.tables;
        }
        if (in_place) {
            cr_expect(ne(u64, entry_at(0x5000, 511), 0x21000 | RWX));
        } else {
            expect_entry(0x5000, 0, 0x20000 | RWX);
            expect_entry(0x5000, 511, 0x21000 | RWX);
        }
        cr_expect(eq(str, (char *)at(G1 + M2 - K4),
                     (char *)(k / 6 == 1 ? no_page() : then[k / 6])));
        cr_expect(eq(str, (char *)at(G1 + M2),
                     (char *)(k / 6 == 2 ? "80200000 r-x- 12" : no_page())));
        cr_expect(not(pool.stale));
    }
}

/* What is lent need not be read by callbacks. */
Test(amd64_shared, are_copied_from_what_is_lent)
{
    for (unsigned lend = 0; lend < 2; lend++) {
        twice();
        offer_callbacks();
        callback_ram.lend = lend != 0;
        callback_ram.unreadable = pt_of(t.root.table.v) + 8;
        remember();
        expect_status(protect(0, K4, PTW_READ, PTW_EDIT_UNSHARE),
                      lend != 0 ? PTW_OK : PTW_E_BUS);
        if (lend != 0) {
            cr_expect(eq(str, (char *)at(0), "20000 r--- 12"));
            cr_expect(eq(str, (char *)at(M2), "20000 rwx- 12"));
        } else {
            cr_expect(as_remembered());
        }
    }
}

/* The library remembers for one edit that a table was shared, and not for an
 * edit that has the same number when all numbers have been used. */
Test(amd64_shared_movable, are_moved_when_they_have_long_been_private)
{
    for (unsigned again = 0; again < 2; again++) {
        struct ptw_range_request q =
            range_request(0, K4, PTW_READ, PTW_EDIT_UNSHARE);
        uint32_t edits;
        uint64_t pt;

        twice();
        m.tables = t;
        m.move = &pool_moves;
        pool.relocate = false;
        expect_status(ptw_protect_movable(&m, &q), PTW_OK);
        edits = m.tables.shares->state.edit;
        cr_assert(lt(u32, 0, edits));
        if (again != 0) {
            m.tables.shares->state.edit = UINT32_MAX - 1;
        }
        pt = below(below(below(m.tables.root.table.v, 0), 0), 1);
        q = range_request(M2, K4, PTW_READ, 0);
        for (uint32_t i = 0; i < edits; i++) {
            expect_status(ptw_protect_movable(&m, &q), PTW_OK);
            cr_expect(eq(
                u64, below(below(below(m.tables.root.table.v, 0), 0), 1), pt));
        }
        cr_expect(eq(u32, m.tables.shares->state.edit,
                     again != 0 ? edits : 2 * edits));
    }
}

/* What is shared is read as a whole when it is copied. */
Test(amd64_shared, are_refused_when_they_are_there_in_part)
{
    static struct ptw_region region;
    uint64_t table = RAM_BYTES - PAGE;
    uint64_t pd;

    twice();
    pd = below(below(t.root.table.v, 0), 0);
    memset(&ram[table], 0, PAGE);
    put(pd, 0, table | TABLE);
    put(pd, 1, table | TABLE);
    cr_assert(eq(
        int, ptw_shares_init(t.shares, t.shares->state.count.slot, 1 << 16, 1),
        PTW_OK));
    region.first.v = 0;
    region.last.v = table + 0x7ff;
    region.host = ram;
    region.writable = true;
    cr_assert(eq(int, ptw_mem_init_regions(&mem, &region, 1), PTW_OK));
    {
        static _Alignas(8) unsigned char storage[1 << 14];
        struct ptw_memo memo;

        cr_assert(
            eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3), PTW_OK));
        cr_assert(eq(
            int, ptw_shares_scan(t.shares, &mem, &t.root, 1, &memo, UINT64_MAX),
            PTW_OK));
    }
    remember();
    expect_status(map(0, M2, 0, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_E_BUS);
    expect_status(map(0, M2 + K4, 0, RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_E_BUS);
    cr_expect(as_remembered());
}

/* --------------------------------------------------------------- callbacks */

static unsigned stores;
static unsigned widest;
static uint64_t watched_va;
static char seen[4][64];
static unsigned seen_count;

static void count_stores(uint64_t pa, unsigned bytes, uint64_t value)
{
    (void)pa;
    (void)value;
    stores++;
    widest = bytes > widest ? bytes : widest;
}

/* What the address maps to, each time that it changes; this is told before the
 * store, so the last state is not among them. */
static void look(uint64_t pa, unsigned bytes, uint64_t value)
{
    const char *now = at(watched_va);

    count_stores(pa, bytes, value);
    if (seen_count == 0 || strcmp(seen[seen_count - 1], now) != 0) {
        if (seen_count < 4) {
            snprintf(seen[seen_count], sizeof seen[0], "%s", now);
        }
        seen_count++;
    }
}

static void start_callbacks(const char *name)
{
    start(name);
    offer_callbacks();
    stores = 0;
    widest = 0;
    seen_count = 0;
}

Test(edit_callbacks, write_the_same_tables)
{
    static uint8_t direct[RAM_BYTES];
    static const char *const names[] = {"amd64", "i686"};

    for (unsigned way = 0; way < 2 * 3; way++) {
        start(names[way % 2]);
        if (way / 2 > 0) {
            offer_callbacks();
            callback_ram.stored = count_stores;
            callback_ram.lend = way / 2 == 2;
            stores = 0;
        }
        expect_status(map(0, 3 * (uint64_t)M4, 0, RWX_RIGHTS, PTW_EDIT_LARGE),
                      PTW_OK);
        expect_status(map(K4, M4, 0x20000, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_OK);
        expect_status(protect(2 * K4, M4, PTW_READ | PTW_EXEC, 0), PTW_OK);
        expect_status(unmap(0, M4, PTW_EDIT_RECLAIM), PTW_OK);
        expect_no_leak();
        if (way / 2 == 0) {
            memcpy(direct, ram, RAM_BYTES);
            for (unsigned other_way = 1; other_way < 3; other_way++) {
                start(names[way % 2]);
                offer_callbacks();
                callback_ram.lend = other_way == 2;
                expect_status(
                    map(0, 3 * (uint64_t)M4, 0, RWX_RIGHTS, PTW_EDIT_LARGE),
                    PTW_OK);
                expect_status(map(K4, M4, 0x20000, RWX_RIGHTS, PTW_EDIT_SPLIT),
                              PTW_OK);
                expect_status(protect(2 * K4, M4, PTW_READ | PTW_EXEC, 0),
                              PTW_OK);
                expect_status(unmap(0, M4, PTW_EDIT_RECLAIM), PTW_OK);
                cr_expect(eq(int, memcmp(direct, ram, RAM_BYTES), 0));
            }
        }
    }
}

/* What borrow lends is for reading: every store goes through write. */
Test(edit_callbacks, do_not_write_what_is_lent)
{
    unsigned without_loan = 0;

    for (unsigned loan = 0; loan < 2; loan++) {
        start_callbacks("amd64");
        callback_ram.stored = count_stores;
        callback_ram.lend = loan == 1;
        expect_status(map(0, 2 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
        expect_status(protect(0, K4, PTW_READ, 0), PTW_OK);
        expect_status(unmap(0, K4, 0), PTW_OK);
        if (loan == 0) {
            without_loan = stores;
        }
    }
    cr_expect(eq(uint, stores, without_loan));
}

/* Xen XSA-477: a write wider than one entry.  (A table that nobody refers to
 * yet may be written in any way.) */
static uint64_t linked;

static void entry_wide(uint64_t pa, unsigned bytes, uint64_t value)
{
    (void)value;
    if ((pa & ~(uint64_t)(PAGE - 1)) == linked ||
        (pa & ~(uint64_t)(PAGE - 1)) == t.root.table.v) {
        widest = bytes > widest ? bytes : widest;
        stores++;
    }
}

Test(i686_callbacks, write_no_more_than_one_entry)
{
    start_callbacks("i686");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    linked = pt_of(t.root.table.v);
    callback_ram.stored = entry_wide;
    expect_status(map(K4, 8 * (uint64_t)M4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    expect_status(protect(0, M4, PTW_READ | PTW_EXEC, 0), PTW_OK);
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(lt(uint, 1000, stores));
    cr_expect(eq(uint, widest, 4));
}

/* XSA-328, 345, 408: an entry updated in two steps. */
Test(amd64_callbacks, change_an_entry_by_one_store)
{
    static const uint64_t vas[] = {0, K4, 7 * K4, M2 - K4, M2, G1 - K4, G1};

    for (size_t i = 0; i < sizeof vas / sizeof vas[0]; i++) {
        for (unsigned op = 0; op < 4; op++) {
            char before[64];

            start_callbacks("amd64");
            watched_va = vas[i];
            expect_status(
                map(0, (uint64_t)2 * G1, G1, RWX_RIGHTS, PTW_EDIT_LARGE),
                PTW_OK);
            snprintf(before, sizeof before, "%.*s",
                     (int)(strrchr(at(watched_va), ' ') - at(watched_va)),
                     at(watched_va));
            callback_ram.stored = look;
            switch (op) {
            case 0:
                expect_status(unmap(K4, (uint64_t)G1 - 2 * K4, PTW_EDIT_SPLIT),
                              PTW_OK);
                break;
            case 1:
                expect_status(protect(K4, G1, PTW_READ, PTW_EDIT_SPLIT),
                              PTW_OK);
                break;
            case 2:
                expect_status(
                    map(7 * K4, K4, 0x20000, PTW_READ, PTW_EDIT_SPLIT), PTW_OK);
                break;
            default:
                expect_status(unmap(0, (uint64_t)2 * G1, PTW_EDIT_RECLAIM),
                              PTW_OK);
                break;
            }
            callback_ram.stored = NULL;
            /* Old address and rights, whatever the size of the leaf, until
             * there is the new state. */
            for (unsigned s = 0; s < seen_count && s < 4; s++) {
                bool old = strncmp(seen[s], before, strlen(before)) == 0;

                cr_expect(old || strcmp(seen[s], at(watched_va)) == 0,
                          "op %u, %llx: %s", op, (unsigned long long)vas[i],
                          seen[s]);
            }
        }
    }
}

Test(amd64_callbacks, need_both_ways_to_write)
{
    static struct ptw_mem_ops ops;
    static struct ptw_region region = {{0}, {RAM_BYTES - 1}, NULL, true};

    start_callbacks("amd64");
    ops = *mem.ops;
    ops.write64 = NULL;
    ops.write32 = NULL;
    cr_assert(
        eq(int, ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1), PTW_OK));
    remember();
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_E_READONLY);
    cr_expect(as_remembered());
}

/* A read that fails while a copy is made must not leave half a copy behind. */
Test(amd64_callbacks, find_what_cannot_be_read_before_they_write)
{
    share(1);
    offer_callbacks();
    callback_ram.unreadable = below(t.root.table.v, 0) + 0x800;
    remember();
    expect_status(map(K4, K4, 0x21000, RWX_RIGHTS, PTW_EDIT_UNSHARE),
                  PTW_E_BUS);
    cr_expect(as_remembered());
}

/* A table that can't be read as a whole may hold something: it is kept. */
Test(amd64_callbacks, keep_a_table_that_cannot_be_seen_to_be_empty)
{
    start_callbacks("amd64");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    callback_ram.unreadable = pt_of(t.root.table.v) + 0x800;
    expect_status(unmap(0, K4, PTW_EDIT_RECLAIM), PTW_OK);
    cr_expect(eq(str, (char *)at(0), (char *)no_page()));
    cr_expect(eq(uint, pool.in_use, 4));
}

/* ------------------------------------------------------------------ PSE-36 */

Test(i686_map, writes_4m_leaves_above_4g)
{
    uint64_t pa = 0x1200000000 + 3 * (uint64_t)M4;

    start("i686");
    expect_status(map(M4, M4, pa, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_entry(t.root.table.v, 1, 3 * M4 | 0x12 << 13 | 0xa3);
    cr_expect(eq(str, (char *)at(M4), "1200c00000 rwx- 22"));
    expect_status(
        map(2 * M4, 3 * (uint64_t)M4, 0x2ffc00000, RWX_RIGHTS, PTW_EDIT_LARGE),
        PTW_OK);
    cr_expect(eq(str, (char *)at(2 * M4), "2ffc00000 rwx- 22"));
    cr_expect(eq(str, (char *)at(3 * M4), "300000000 rwx- 22"));
    cr_expect(eq(uint, pool.in_use, 1));
    expect_status(map(0, M4, 0xffffc00000, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    remember();
    expect_status(map(0, M4, (uint64_t)1 << 40, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_E_WIDTH);
    expect_status(
        map(0, 2 * (uint64_t)M4, 0xffffc00000, RWX_RIGHTS, PTW_EDIT_LARGE),
        PTW_E_WIDTH);
    expect_status(map(M4, M4, pa, RWX_RIGHTS, 0), PTW_E_WIDTH);
    expect_status(map(32 * M4, M4 + K4, pa, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_E_WIDTH);
    expect_status(map(32 * M4 + K4, M4, pa + K4, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_E_WIDTH);
    cr_expect(as_remembered());
}

Test(i686_map, heeds_the_width_of_the_processor_for_4m_leaves)
{
    machine_with("i686", 36, 0);
    pool_init();
    bench(&t);
    expect_status(map(0, M4, 0xfffc00000, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    cr_expect(eq(str, (char *)at(0), "fffc00000 rwx- 22"));
    remember();
    expect_status(map(0, M4, 0x1000000000, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_E_WIDTH);
    cr_expect(as_remembered());
}

Test(i686_edit, does_not_split_what_small_pages_cannot_reach)
{
    start("i686");
    expect_status(map(0, M4, 0x100000000, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    remember();
    expect_status(unmap(0, K4, PTW_EDIT_SPLIT), PTW_E_WIDTH);
    expect_status(protect(0, K4, PTW_READ | PTW_EXEC, PTW_EDIT_SPLIT),
                  PTW_E_WIDTH);
    expect_status(map(0, K4, 0, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_E_WIDTH);
    expect_status(map(0, M4 - K4, 0, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_E_WIDTH);
    cr_expect(as_remembered());
    /* All of it replaced: nothing is split. */
    expect_status(map(0, M4, K4, RWX_RIGHTS, 0), PTW_E_LARGE);
    expect_status(map(0, M4, K4, RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_OK);
    cr_expect(eq(str, runs(t.root.table.v), "map 0-3fffff 1000 rwx- 4k\n"));
    expect_no_leak();
}

Test(amd64_edit, splits_what_ends_with_the_physical_width)
{
    machine_with("amd64", 40, 0);
    pool_init();
    bench(&t);
    expect_status(map(0, M2, 0xffffe00000, RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK);
    expect_status(unmap(0, K4, PTW_EDIT_SPLIT), PTW_OK);
    cr_expect(eq(str, (char *)at(M2 - K4), "fffffff000 rwx- 12"));
}

Test(i686_map, puts_no_page_above_4g_into_a_table_that_is_there)
{
    start("i686");
    expect_status(map(0, K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    remember();
    expect_status(
        map(0, 2 * (uint64_t)M4, 0x100000000, RWX_RIGHTS, PTW_EDIT_LARGE),
        PTW_E_WIDTH);
    expect_status(map(0, M4, 0x100000000, RWX_RIGHTS, PTW_EDIT_LARGE),
                  PTW_E_WIDTH);
    cr_expect(as_remembered());
}

/* Where the way to the page table is there already, one pass does it all. */
Test(amd64_protect, stops_at_its_limit_inside_one_table)
{
    struct ptw_range_request q = range_request(0, 47 * K4, PTW_READ, 0);
    enum ptw_status st = PTW_E_LIMIT;

    start("amd64");
    expect_status(map(0, 47 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
    remember();
    for (q.max_reads = 1; st == PTW_E_LIMIT; q.max_reads++) {
        st = ptw_protect(&t, &q);
        cr_assert(st == PTW_OK || as_remembered());
    }
    expect_status(st, PTW_OK);
    cr_expect(eq(str, runs(t.root.table.v), "map 0-2efff 20000 r--- 4k\n"));
}

/* ---------------------------------------------------- tables that change */

static uint64_t changing; /* an entry that is another from some read on */
static uint64_t changes_to;
static unsigned changes_after;

static enum ptw_status changing_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    *out = 0;
    for (unsigned i = 0; i < 8; i++) {
        *out |= (uint64_t)ram[pa.v + i] << (8 * i);
    }
    if (pa.v == changing) {
        if (changes_after == 0) {
            *out = changes_to;
            if (changes_to == 0) {
                return PTW_E_BUS;
            }
        }
        changes_after -= changes_after > 0;
    }
    return PTW_OK;
}

/* Such tables are no reason to return a status that says that nothing was
 * written, when something was. */
Test(amd64_callbacks, say_so_when_the_tables_changed_under_the_edit)
{
    static const uint64_t to[] = {
        0x200000 | RX | PS,          /* a leaf */
        (uint64_t)1 << 40 | RX | 2,  /* a table outside memory */
        (uint64_t)1 << 51 | RX | PS, /* reserved bits */
        0,                           /* refused */
    };
    static struct ptw_mem_ops ops;
    static struct ptw_region region = {{0}, {RAM_BYTES - 1}, NULL, true};

    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        bool changed = false;

        for (unsigned n = 0; n < 4; n++) {
            enum ptw_status st;

            start_callbacks("amd64");
            ops = *mem.ops;
            ops.read64 = changing_read64;
            cr_assert(eq(int,
                         ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1),
                         PTW_OK));
            changing = 0;
            expect_status(map(0, 2 * (uint64_t)M2, 0x20000, RWX_RIGHTS, 0),
                          PTW_OK);
            changing = below(below(t.root.table.v, 0), 0) + 8;
            changes_to = to[i];
            changes_after = n;
            remember();
            st = map(K4, 2 * (uint64_t)M2 - 2 * K4, 0, RWX_RIGHTS, 0);
            changed |= st == PTW_E_CHANGED;
            cr_expect(st == PTW_OK || st == PTW_E_CHANGED || as_remembered(),
                      "case %zu, read %u: %d", i, n, (int)st);
        }
        cr_expect(changed, "case %zu", i);
    }
}

static unsigned writes_left;

static enum ptw_status failing_write64(void *ctx, ptw_pa pa, uint64_t value)
{
    (void)ctx;
    if (writes_left == 0) {
        return PTW_E_BUS;
    }
    writes_left--;
    for (unsigned i = 0; i < 8; i++) {
        ram[pa.v + i] = (unsigned char)(value >> (8 * i));
    }
    return PTW_OK;
}

Test(amd64_callbacks, say_so_when_half_an_edit_could_not_be_written)
{
    static struct ptw_mem_ops ops;
    static struct ptw_region region = {{0}, {RAM_BYTES - 1}, NULL, true};

    for (unsigned n = 0; n < 4; n++) {
        start_callbacks("amd64");
        ops = *mem.ops;
        ops.write64 = failing_write64;
        cr_assert(eq(int, ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1),
                     PTW_OK));
        writes_left = 1000;
        expect_status(map(0, 4 * K4, 0x20000, RWX_RIGHTS, 0), PTW_OK);
        writes_left = n;
        expect_status(map(0, 4 * K4, 0x60000, RWX_RIGHTS, 0), PTW_E_CHANGED);
    }
}
