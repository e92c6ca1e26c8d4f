/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of pages in every regime: what a list does is what its pages do one by one,
 * all of it or nothing. */
#define EVERY_LEVELS 2

#include "edit_bench.h"
#include "every_regime.h"
#include "oracle/oracle.h"

#include <string.h>

enum {
    RWX_RIGHTS = PTW_READ | PTW_WRITE | PTW_EXEC,
    DATA = 0x2000000, /* aligned to every page of level 0 */
    TABLES = 3,       /* of leaves, that the pages stand in */
    MOST = 64
};

static struct ptw_tables t;
static struct ptw_page page[MOST];
static size_t pages;
static size_t refused;
static unsigned log2_bytes; /* of the pages; 0: the smallest */

static void start(const char *name)
{
    machine(name);
    pool_init();
    bench(&t);
    pages = 0;
    refused = MOST + 1;
    log2_bytes = 0;
}

/* The number is of the table, times the entries of one, and of the page in it. */
static uint64_t va_of(uint64_t number)
{
    uint64_t each = span(1) / page_bytes();

    return first_va() + number / each * span(1) + number % each * page_bytes();
}

static uint64_t pa_of(uint64_t number)
{
    return DATA + number * page_bytes();
}

static void add(uint64_t number, uint64_t pa)
{
    page[pages++] = (struct ptw_page){{va_of(number)}, {pa}, 7};
}

static struct ptw_map_many_request list(unsigned rights, unsigned flags)
{
    struct ptw_map_many_request q = {
        .page = page,
        .pages = pages,
        .size_log2 = log2_bytes,
        .rights = rights,
        .flags = flags,
    };

    return q;
}

static enum ptw_status map_list(unsigned rights, unsigned flags)
{
    struct ptw_map_many_request q = list(rights, flags);

    return ptw_map_many(&t, &q, &refused);
}

static enum ptw_status map_one(uint64_t va, uint64_t pa, unsigned rights,
                               unsigned flags)
{
    struct ptw_map_request q = map_request(va, page_bytes(), pa, rights, flags);

    return ptw_map(&t, &q);
}

static struct oracle_answer seen(uint64_t va)
{
    struct oracle_ram all = {0, RAM_BYTES - 1, ram};

    return oracle_translate(&oracle, &all, 1, t.root.table.v, va);
}

static uint64_t table_of(uint64_t va, unsigned level)
{
    struct oracle_ram all = {0, RAM_BYTES - 1, ram};
    uint64_t table = 0;

    cr_assert(
        oracle_table_at(&oracle, &all, 1, t.root.table.v, va, level, &table),
        "there is no table of level %u", level);
    return table;
}

static bool maps(uint64_t va, uint64_t pa, unsigned rights)
{
    struct oracle_answer a = seen(va);

    return a.kind == ORACLE_LEAF && a.pa + (va - a.first) == pa &&
           a.rights == rights;
}

/* A list far from its order, with gaps: every other number, or so. */
static void scatter(uint64_t seed)
{
    uint64_t each = span(1) / page_bytes();
    struct dice d = {seed};
    uint64_t number[MOST];

    for (unsigned i = 0; i < 48; i++) {
        number[i] = i % TABLES * each + (i / TABLES * 2 + 1) % each;
    }
    for (unsigned i = 47; i > 0; i--) {
        unsigned j = (unsigned)roll_below(&d, i + 1);
        uint64_t swap = number[i];

        number[i] = number[j];
        number[j] = swap;
    }
    for (unsigned i = 0; i < 48; i++) {
        bool before = false;

        for (unsigned j = 0; j < i; j++) {
            before = before || number[j] == number[i];
        }
        if (!before) {
            add(number[i], pa_of(number[i]));
        }
    }
}

static bool listed(uint64_t va)
{
    for (size_t i = 0; i < pages; i++) {
        if (page[i].va.v == va) {
            return true;
        }
    }
    return false;
}

static uint64_t gap_va(void)
{
    uint64_t first;
    uint64_t last;

    oracle_gap(&oracle, &first, &last);
    return first;
}

/* All pages of the list are mapped, and nothing else is. */
static void expect_mapped(unsigned rights)
{
    uint64_t each = span(1) / page_bytes();

    for (size_t i = 0; i < pages; i++) {
        cr_expect(maps(page[i].va.v, page[i].pa.v, rights), "page %zu", i);
    }
    for (uint64_t n = 0; n<TABLES * each; n += each> 64 ? 1 : 1) {
        if (n % each > 40 && n % each < each - 2) {
            continue;
        }
        cr_expect(listed(va_of(n)) || seen(va_of(n)).kind == ORACLE_ABSENT,
                  "number %u", (unsigned)n);
    }
    cr_expect(eq(uint, pool.in_use, (unsigned)reachable(1, &t.root)));
}

EVERY(map_many, maps_in_any_order_what_single_maps_do)
{
    unsigned taken;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        start(name);
        scatter(seed);
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        expect_mapped(RWX_RIGHTS);
        taken = pool.taken;
        start(name);
        scatter(seed);
        for (size_t i = 0; i < pages; i++) {
            cr_assert(
                eq(int, (int)map_one(page[i].va.v, page[i].pa.v, RWX_RIGHTS, 0),
                   PTW_OK));
        }
        cr_expect(eq(uint, pool.taken, taken));
        cr_expect(eq(uint, pool.given, 0));
    }
}

EVERY(map_many, writes_leaves_where_the_tables_are_there)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        unsigned taken;

        start(name);
        scatter(seed);
        cr_assert(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        taken = pool.taken;
        pages = 0;
        scatter(seed + 100);
        for (size_t i = 0; i < pages; i++) {
            page[i].pa.v += 64 * page_bytes();
        }
        pool.refuse_after = 0;
        cr_expect(eq(int, (int)map_list(PTW_READ | PTW_EXEC, PTW_EDIT_LARGE),
                     PTW_OK));
        cr_expect(eq(uint, pool.taken, taken));
        expect_mapped(PTW_READ | PTW_EXEC);
    }
}

EVERY(map_many, maps_the_later_one_of_two_pages_with_one_address)
{
    for (unsigned there = 0; there < 2; there++) {
        start(name);
        if (there != 0) {
            cr_assert(
                eq(int, (int)map_one(va_of(0), DATA, RWX_RIGHTS, 0), PTW_OK));
        }
        add(3, pa_of(8));
        add(1, pa_of(1));
        add(3, pa_of(9));
        add(0, pa_of(0));
        add(3, pa_of(7));
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        cr_expect(maps(va_of(3), pa_of(7), RWX_RIGHTS));
        cr_expect(maps(va_of(1), pa_of(1), RWX_RIGHTS));
        cr_expect(maps(va_of(0), pa_of(0), RWX_RIGHTS));
    }
}

EVERY(map_many, maps_nothing_when_a_table_is_refused)
{
    unsigned needed;

    start(name);
    scatter(5);
    cr_assert(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
    needed = pool.taken - 1; /* one is the root */
    for (unsigned less = 1; less <= needed; less++) {
        start(name);
        scatter(5);
        remember();
        pool.refuse_after = (int)(needed - less);
        pool.refusal = PTW_E_CONFLICT;
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_CONFLICT));
        cr_expect(as_remembered());
        cr_expect(eq(sz, refused, pages));
        pool.refuse_after = NEVER;
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
    }
    expect_mapped(RWX_RIGHTS);
}

/* Tables are there for all pages, or for none of the pages that are in order. */
EVERY(map_many, names_the_first_page_that_is_refused)
{
    for (unsigned there = 0; there < 2; there++) {
        start(name);
        scatter(6);
        if (there != 0) {
            cr_assert(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        }
        remember();
        page[9].pa.v |= 1;
        page[20].va.v |= 1;
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_ALIGN));
        cr_expect(eq(sz, refused, 9));
        cr_expect(as_remembered());
        page[4].va.v = gap_va();
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_NOT_CANONICAL));
        cr_expect(eq(sz, refused, 4));
        cr_expect(as_remembered());
    }
}

/* Pages in a table that somebody else refers to. */
EVERY(map_many, names_the_first_page_that_the_tables_refuse)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    uint64_t each;
    struct ptw_memo memo;
    uint64_t table;
    uint64_t leaves;

    start(name);
    each = span(1) / page_bytes();
    cr_assert(eq(int, (int)map_one(va_of(0), DATA, RWX_RIGHTS, 0), PTW_OK));
    table = table_of(va_of(0), 1);
    leaves = table_of(va_of(0), 0);
    put(table, index_in(va_of(2 * each), 1), to_table(1, leaves, all_rights()));
    t.shares = counted();
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 3) == PTW_OK);
    cr_assert(ptw_shares_scan(t.shares, &mem, &t.root, 1, &memo, 0) == PTW_OK);
    /* The order of the list is not that of the addresses. */
    add(each + 1, pa_of(0));
    add(2 * each + 1, pa_of(1));
    add(2 * each, pa_of(2));
    add(1, pa_of(3));
    remember();
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_SHARED));
    cr_expect(eq(sz, refused, 1));
    cr_expect(as_remembered());
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_OK));
    for (size_t i = 0; i < pages; i++) {
        cr_expect(maps(page[i].va.v, page[i].pa.v, RWX_RIGHTS), "page %zu", i);
    }
    cr_expect(maps(va_of(0), DATA, RWX_RIGHTS));
    cr_expect(seen(va_of(2 * each + 2)).kind == ORACLE_ABSENT);
}

EVERY(map_many, maps_large_pages)
{
    unsigned log2 = 0;

    start(name);
    while (span(1) >> log2 > 1) {
        log2++;
    }
    log2_bytes = log2;
    page[0] = (struct ptw_page){{first_va() + 2 * span(1)}, {span(1)}, 0};
    page[1] = (struct ptw_page){{first_va()}, {3 * span(1)}, 0};
    pages = 2;
    if (!has_leaves(1)) {
        cr_expect(
            eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_LARGE), PTW_E_ARG));
        cr_expect(eq(sz, refused, 2));
        return;
    }
    remember();
    page[1].pa.v += page_bytes();
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_LARGE), PTW_E_ALIGN));
    cr_expect(eq(sz, refused, 1));
    cr_expect(as_remembered());
    page[1].pa.v = UINT64_MAX - page_bytes() + 1;
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_LARGE), PTW_E_ALIGN));
    page[1].pa.v = 3 * span(1);
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_LARGE), PTW_OK));
    for (size_t i = 0; i < pages; i++) {
        uint64_t last = span(1) - page_bytes();

        cr_expect(eq(uint, seen(page[i].va.v).level, 1));
        cr_expect(maps(page[i].va.v + last, page[i].pa.v + last, RWX_RIGHTS));
    }
    cr_expect(seen(first_va() + span(1)).kind == ORACLE_ABSENT);
    /* In the way of small ones. */
    log2_bytes = 0;
    pages = 0;
    add(span(1) / page_bytes(), DATA);
    add(3, DATA);
    add(1, DATA);
    remember();
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_LARGE));
    cr_expect(eq(sz, refused, 1));
    cr_expect(as_remembered());
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_SPLIT), PTW_OK));
    cr_expect(maps(va_of(3), DATA, RWX_RIGHTS));
    cr_expect(maps(va_of(2), 3 * span(1) + 2 * page_bytes(), RWX_RIGHTS));
}

EVERY(map_many, moves_tables_when_they_are_written)
{
    struct ptw_movable_tables m;
    struct ptw_map_many_request q;

    start(name);
    cr_assert(eq(int, (int)map_one(va_of(0), DATA, RWX_RIGHTS, 0), PTW_OK));
    m.tables = t;
    m.move = &pool_moves;
    scatter(8);
    q = list(RWX_RIGHTS, 0);
    cr_expect(eq(int, (int)ptw_map_many_movable(&m, &q, &refused), PTW_OK));
    cr_expect(ne(u64, m.tables.root.table.v, t.root.table.v));
    cr_expect(eq(uint, pool.moves, oracle.format->levels));
    t = m.tables;
    for (size_t i = 0; i < pages; i++) {
        cr_expect(maps(page[i].va.v, page[i].pa.v, RWX_RIGHTS), "page %zu", i);
    }
    cr_expect(eq(uint, pool.in_use, (unsigned)reachable(1, &t.root)));
}

EVERY(map_many, says_what_is_wrong_with_the_list)
{
    start(name);
    cr_expect(eq(int, (int)map_list(0, 0), PTW_OK)); /* it is empty */
    add(0, DATA);
    log2_bytes = 5;
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_ARG));
    cr_expect(eq(sz, refused, 1));
    log2_bytes = 0;
    cr_expect(eq(int, (int)map_list(0, 0), PTW_E_RIGHTS));
    cr_expect(eq(sz, refused, 0));
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, PTW_EDIT_UNSHARE), PTW_E_ARG));
    cr_expect(eq(sz, refused, 1));
}

/* A page that is wrong by itself comes before one that the tables refuse; of the
 * tables' reasons, those come first that can be seen within the limit. */
Test(map_many_amd64, names_a_page_that_is_wrong_before_one_that_is_in_the_way)
{
    struct ptw_map_many_request q;
    uint64_t bad = 0x81;

    start("amd64");
    cr_assert(map_one(0, 0, RWX_RIGHTS, 0) == PTW_OK);
    put(table_of(0, 2), 1, to_page(2, 0, RWX_RIGHTS));
    pages = 2;
    page[0] = (struct ptw_page){{0x40001000}, {DATA}, 0};
    page[1] = (struct ptw_page){{0x80000800}, {DATA}, 0};
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_ALIGN));
    cr_expect(eq(sz, refused, 1));
    page[1].va.v = 0x80000000;
    cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_E_LARGE));
    cr_expect(eq(sz, refused, 0));
    put(t.root.table.v, 1, bad);
    page[0].va.v = (uint64_t)2 << 39;
    page[1].va.v = (uint64_t)1 << 39;
    put(t.root.table.v, 2, to_table(3, table_of(0, 2), RWX_RIGHTS));
    q = list(RWX_RIGHTS, 0);
    for (q.max_reads = 1; q.max_reads < 4; q.max_reads++) {
        cr_expect(eq(int, (int)ptw_map_many(&t, &q, &refused), PTW_BAD_ENTRY));
        cr_expect(eq(sz, refused, 1), "%llu reads",
                  (unsigned long long)q.max_reads);
    }
}

EVERY(map_many, keeps_to_the_limit)
{
    struct ptw_map_many_request q;

    start(name);
    scatter(9);
    cr_assert(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
    remember();
    q = list(RWX_RIGHTS, 0);
    q.max_reads = 2;
    cr_expect(eq(int, (int)ptw_map_many(&t, &q, &refused), PTW_E_LIMIT));
    cr_expect(eq(sz, refused, pages));
    cr_expect(as_remembered());
}

/* Entries that a table of leaves and those above it lead to are behind callbacks. */
EVERY(map_many, maps_in_memory_behind_callbacks)
{
    start(name);
    callback_ram.read_refuse_after = NEVER;
    callback_ram.write_refuse_after = NEVER;
    offer_callbacks();
    for (unsigned again = 0; again < 2; again++) {
        pages = 0;
        scatter(10 + again);
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        expect_mapped(RWX_RIGHTS);
    }
    offer_all();
}

/* A host with two regions: the tables are not in the first one. */
EVERY(map_many, and_single_pages_find_tables_in_any_region)
{
    start(name);
    offer_pool_only();
    for (unsigned again = 0; again < 2; again++) {
        pages = 0;
        scatter(12 + again);
        cr_expect(eq(int, (int)map_list(RWX_RIGHTS, 0), PTW_OK));
        expect_mapped(RWX_RIGHTS);
        cr_expect(eq(int,
                     (int)map_one(page[5].va.v, DATA, PTW_READ | PTW_EXEC, 0),
                     PTW_OK));
        cr_expect(maps(page[5].va.v, DATA, PTW_READ | PTW_EXEC));
    }
    offer_all();
}

/* ------------------------------------------------------------- single pages */

/* What a table on the way withholds, whatever way a map takes. */
EVERY(map_page, is_refused_what_a_table_withholds)
{
    for (unsigned n = 0; n < 32; n++) {
        unsigned path;
        uint64_t raw;
        uint64_t table;
        unsigned of;

        start(name);
        path = nth_rights(n);
        cr_assert(eq(int, (int)map_one(va_of(0), DATA, RWX_RIGHTS, 0), PTW_OK));
        table = table_of(va_of(0), 1);
        raw = with_rights(1, entry_at(table, index_in(va_of(0), 1)), path);
        if (decoded(1, raw).kind != ORACLE_TABLE) {
            continue;
        }
        put(table, index_in(va_of(0), 1), raw);
        of = granted(1, raw);
        for (unsigned k = 0; k < 32; k++) {
            unsigned rights = nth_rights(k);
            enum ptw_status st = map_one(va_of(1), pa_of(k), rights, 0);
            bool can = st == PTW_OK;

            cr_expect(can || st == PTW_E_RIGHTS);
            cr_expect(st != PTW_OK || (rights & ~of) == 0, "%x under %x",
                      rights, of);
            pages = 0;
            add(2, pa_of(k));
            cr_expect(eq(int, (int)map_list(rights, 0), (int)st));
            if (can) {
                cr_expect(maps(va_of(1), pa_of(k), rights), "%x under %x",
                          rights, of);
                cr_expect(maps(va_of(2), pa_of(k), rights), "%x under %x",
                          rights, of);
            }
        }
    }
}
