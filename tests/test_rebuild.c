/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_space_aware_map: spaces that are walked and rebuilt item by item. */
#define EVERY_LEVELS 2

#include "edit_bench.h"
#include "every_regime.h"

#include <stdio.h>
#include <string.h>

/* Frames of the guest's own tables; the pool lies above. */
enum {
    R0 = 0x1000,
    R1 = 0x2000,
    R2 = 0x3000,
    PDPT = 0x4000,
    PDPT2 = 0x5000,
    PD = 0x6000,
    PD2 = 0x7000,
    PT = 0x8000,
    PT2 = 0x9000,
    MANY = 64,
    LIMIT = 20000
};

static struct ptw_tables t;
static struct ptw_built built[MANY];
static struct ptw_item items[MAX_ITEMS];
static size_t item_count;

/* PTW_WALK_RUNS or 0.  The leaves of a run are alike in what they grant, in
 * memory type and copy-on-write; A, D, G and software's bits are the first's.
 */
static unsigned runs = PTW_WALK_RUNS;

static void start(const char *name)
{
    machine(name);
    pool_init();
    memset(&t, 0, sizeof t);
    memset(built, 0, sizeof built);
    t.root.regime = &regime;
    t.mem = &mem;
    t.ops = &pool_ops;
    t.shares = counted();
}

/* All items of the spaces, and how many distinct tables there are: counted by
 * level, since a table at two levels is two in the rebuilt spaces. */
static size_t walk_spaces(const struct ptw_root *root, uint32_t roots,
                          unsigned flags)
{
    static _Alignas(8) unsigned char storage[1 << 17];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;

    o.flags = flags;
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 11) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, root, roots, &memo, &o) ==
              PTW_OK);
    item_count = 0;
    if (ptw_walk_next(&w, items, MAX_ITEMS, &item_count) == PTW_OK) {
        size_t more;

        cr_assert(eq(int, (int)ptw_walk_next(&w, &items[item_count], 1, &more),
                     PTW_END));
    }
    return memo.used;
}

static enum ptw_status give_item(const struct ptw_item *item, uint32_t spaces,
                                 unsigned flags)
{
    return ptw_space_aware_map(&t, item, built, spaces, flags);
}

/* The straight loop. */
static void rebuild(const struct ptw_root *root, uint32_t roots, unsigned flags)
{
    walk_spaces(root, roots,
                runs | ((flags & PTW_EDIT_EXACT) != 0 ? PTW_WALK_TABLES : 0));
    for (size_t i = 0; i < item_count; i++) {
        enum ptw_status st = give_item(&items[i], roots, flags);

        if (items[i].kind == PTW_ITEM_SPACE &&
            items[i].u.space_info.kind == PTW_SPACE_BAD) {
            cr_assert(eq(int, (int)st, (int)items[i].u.space_info.why));
        } else {
            cr_assert(eq(int, (int)st, PTW_OK), "item %zu of kind %d: %s", i,
                      (int)items[i].kind, ptw_status_text(st));
        }
    }
}

/* Two spaces side by side, as runs of leaves.  False when the limit was met,
 * which proves nothing.  narrower: the copy may grant less. */
static bool next_leaf(struct ptw_walk *w, struct ptw_item *item, bool *end)
{
    size_t n;
    enum ptw_status st;

    do {
        st = ptw_walk_next(w, item, 1, &n);
    } while (st == PTW_OK && item->kind != PTW_ITEM_MAPPING);
    *end = n == 0;
    return st != PTW_E_LIMIT;
}

static bool same_raw(const struct ptw_item *a, const struct ptw_item *b)
{
    const struct ptw_mapping *ma = &a->u.mapping;
    const struct ptw_mapping *mb = &b->u.mapping;
    struct ptw_attributes aa = ptw_attributes_of(&regime, ma->level, ma->raw);
    struct ptw_attributes ab = ptw_attributes_of(&regime, mb->level, mb->raw);

    return (runs != 0 ||
            oracle_alone(&oracle, ma->level, ma->raw) == mb->raw) &&
           ma->level == mb->level && aa.memory_type == ab.memory_type &&
           aa.copy_on_write == ab.copy_on_write;
}

static void expect_equal(struct ptw_root was, struct ptw_root is,
                         const char *what)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item a = {.kind = PTW_ITEM_HOLE};
    struct ptw_item b = {.kind = PTW_ITEM_HOLE};
    struct ptw_walk wa;
    struct ptw_walk wb;
    bool end_a;
    bool end_b;

    o.max_reads = LIMIT * 20;
    cr_assert(ptw_virt_to_phys_init(&wa, &mem, was, &o) == PTW_OK);
    cr_assert(ptw_virt_to_phys_init(&wb, &mem, is, &o) == PTW_OK);
    for (unsigned n = 0; n < LIMIT; n++) {
        if (!next_leaf(&wa, &a, &end_a) || !next_leaf(&wb, &b, &end_b)) {
            return;
        }
        cr_assert(eq(int, end_a, end_b), "%s: leaf %u", what, n);
        if (end_a) {
            return;
        }
        cr_assert(
            a.first.v == b.first.v && a.last.v == b.last.v &&
                a.u.mapping.pa.v == b.u.mapping.pa.v &&
                a.u.mapping.rights == b.u.mapping.rights && same_raw(&a, &b),
            "%s: leaf %u: %llx %llx %x, not %llx %llx %x", what, n,
            (unsigned long long)b.first.v, (unsigned long long)b.u.mapping.raw,
            b.u.mapping.rights, (unsigned long long)a.first.v,
            (unsigned long long)a.u.mapping.raw, a.u.mapping.rights);
    }
}

/* Both by lookups: where the items lie, and anywhere. */
static void expect_equal_lookups(struct dice *d, struct ptw_root was,
                                 struct ptw_root is)
{
    for (unsigned n = 0; n < 200; n++) {
        struct ptw_translation a = {0};
        struct ptw_translation b = {0};
        uint64_t va = roll(d);
        enum ptw_status sa;
        enum ptw_status sb;

        if (item_count > 0 && !one_in(d, 4)) {
            va = items[roll_below(d, item_count)].first.v;
        }
        va = oracle_address(&oracle, oracle_offset(&oracle, va));
        sa = ptw_lookup(&mem, was, ptw_va_of(va), &a);
        sb = ptw_lookup(&mem, is, ptw_va_of(va), &b);
        /* A bad entry is not rebuilt: it faults either way. */
        cr_assert(eq(int, sa == PTW_OK, sb == PTW_OK));
        cr_assert(sa != PTW_OK || (a.pa.v == b.pa.v && a.rights == b.rights &&
                                   a.size_log2 == b.size_log2));
    }
}

/* Rebuilds exactly and compares everything. */
static void expect_exact(const struct ptw_root *root, uint32_t roots)
{
    static struct ptw_item before[MAX_ITEMS];
    struct ptw_root now[MANY];
    uint32_t good = 0;
    size_t tables;
    size_t tables_now;
    size_t count;
    struct dice d = {roots};

    tables = walk_spaces(root, roots, runs | PTW_WALK_TABLES);
    rebuild(root, roots, PTW_EDIT_EXACT);
    count = item_count;
    memcpy(before, items, count * sizeof items[0]);
    for (uint32_t i = 0; i < roots; i++) {
        const struct ptw_item *item = before;

        while (item->kind != PTW_ITEM_SPACE || item->space != i) {
            item++;
        }
        if (item->u.space_info.kind == PTW_SPACE_BAD) {
            cr_assert(not(built[i].built));
            continue;
        }
        cr_assert(built[i].built);
        now[good++] = built[i].root;
        expect_equal(root[i], built[i].root, "space");
        expect_equal_lookups(&d, root[i], built[i].root);
    }
    tables_now = walk_spaces(now, good, runs | PTW_WALK_TABLES);
    cr_expect(eq(sz, pool.in_use, tables_now));
    if (good == roots) {
        cr_expect(eq(sz, tables_now, tables));
        for (size_t i = 0, j = 0;; i++, j++) {
            struct ptw_item *a = &before[i];
            struct ptw_item *b = &items[j];

            /* What faults is not rebuilt. */
            while (i < count && a->kind == PTW_ITEM_FINDING) {
                a = &before[++i];
            }
            if (i == count) {
                cr_assert(eq(sz, j, item_count));
                break;
            }
            cr_assert(lt(sz, j, item_count));
            cr_assert(eq(int, (int)a->kind, (int)b->kind));
            cr_assert(eq(u64, a->first.v, b->first.v));
            if (a->kind == PTW_ITEM_ALIAS) {
                unsigned la;
                unsigned lb;
                struct ptw_alias_ref ra = ptw_alias_view(&regime, a, &la);
                struct ptw_alias_ref rb = ptw_alias_view(&regime, b, &lb);

                cr_assert(la == lb && ra.our_va.v == rb.our_va.v &&
                          ra.their_va.v == rb.their_va.v &&
                          ra.attributes == rb.attributes &&
                          ra.owner == rb.owner && ra.rights == rb.rights);
            }
        }
    }
    cr_expect(not(pool.wrong));
    {
        static struct ptw_shares again;
        static _Alignas(8) unsigned char storage[2][1 << 17];
        struct ptw_memo memo;

        cr_assert(ptw_shares_init(&again, storage[0], sizeof storage[0], 1) ==
                  PTW_OK);
        cr_assert(ptw_memo_init(&memo, storage[1], sizeof storage[1], 2) ==
                  PTW_OK);
        cr_assert(good == 0 || ptw_shares_scan(&again, &mem, now, good, &memo,
                                               UINT64_MAX) == PTW_OK);
        for (unsigned f = POOL_FIRST; f < FRAMES && good > 0; f++) {
            ptw_pa table = {(uint64_t)f * PAGE};

            if (pool.used[f]) {
                cr_assert(eq(u64, ptw_shares_of(t.shares, table),
                             ptw_shares_of(&again, table)));
            }
        }
    }
}

/* ----------------------------------------------------------------- crafted */

/* R0 and R1 with a PT each at 0, and one page each. */
static void two_chains(void)
{
    start("amd64");
    put(R0, 0, PDPT | TABLE | U);
    put(PDPT, 0, PD | TABLE | U);
    put(PD, 0, PT | TABLE | U);
    put(PT, 1, 0x20000 | RWX | U);
    put(R1, 0, PDPT2 | TABLE | U);
    put(PDPT2, 0, PD2 | TABLE | U);
    put(PD2, 0, PT2 | TABLE | U);
    put(PT2, 2, 0x30000 | RX | NX);
}

static const struct ptw_root three[] = {
    {&regime, {R0}}, {&regime, {R1}}, {&regime, {R2}}};

Test(amd64_rebuild, is_exact_without_sharing)
{
    two_chains();
    expect_exact(three, 2);
}

/* The owner's path is read-only where ours writes, and the other way round, at
 * each level, for each right (Hyperlight 5; KVM's shared table). */
Test(amd64_rebuild, is_exact_where_the_paths_have_other_rights)
{
    static const uint64_t bits[] = {
        0x27, 0x25, 0x23, 0x21, 0x27 | NX, 0x21 | NX, 0x67 | PCD | 0xe00, 0x35};

    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < 8; j++) {
            for (unsigned level = 0; level < 3; level++) {
                two_chains();
                put(PT, 3, 0x40000 | RWX | U);
                put(R0, 0, PDPT | (level == 2 ? bits[i] : 0x27));
                put(PDPT, 0, PD | (level == 1 ? bits[i] : 0x27));
                put(PD, 0, PT | (level == 0 ? bits[i] : 0x27));
                if (level == 2) {
                    put(R1, 7, PDPT | bits[j]);
                } else if (level == 1) {
                    put(PDPT2, 7, PD | bits[j]);
                } else {
                    put(PD2, 7, PT | bits[j]);
                }
                expect_exact(three, 2);
            }
        }
    }
}

Test(amd64_rebuild, is_exact_for_aliases_inside_one_space_and_same_roots)
{
    static const struct ptw_root roots[] = {
        {&regime, {R0}},     {&regime, {R1}},        {&regime, {R0}},
        {&regime, {R0 + 8}}, {&regime, {RAM_BYTES}}, {&regime, {R1}}};

    two_chains();
    put(R0, 256, PDPT | 0x21);
    put(PDPT, 9, PD | TABLE | NX);
    put(PD, 5, PT | 0x25);
    put(PD, 6, 0x200000 | RWX | PS | PAT_LARGE | G);
    put(R1, 511, PDPT | 0x23);
    expect_exact(roots, 6);
    cr_expect(eq(u64, built[2].root.table.v, built[0].root.table.v));
    cr_expect(eq(u64, built[5].root.table.v, built[1].root.table.v));
}

Test(amd64_rebuild, is_exact_for_cross_level_tables_and_recursive_slots)
{
    two_chains();
    put(R0, 511, R0 | TABLE);
    expect_exact(three, 1);
    two_chains();
    put(PDPT, 3, PT | TABLE); /* a PT used as a PD */
    put(PD2, 9, PD | 0x21);   /* a PD used as a PT */
    expect_exact(three, 2);
    start("amd64");
    put_all(R0, R0 | TABLE | U);
    walk_spaces(three, 1, runs | PTW_WALK_TABLES);
    rebuild(three, 1, PTW_EDIT_EXACT);
    expect_equal(three[0], built[0].root, "self");
    cr_expect(eq(uint, pool.in_use, 4));
}

Test(amd64_rebuild, is_exact_for_large_leaves_and_bad_entries)
{
    two_chains();
    put(PDPT, 4, 0x80000000 | RWX | PS | U | NX | PWT);
    put(PDPT, 5, 0xc0000000 | RWX | PS | U | NX | PWT);
    put(PDPT, 6, 0x2000 | RWX | PS);
    put(PD, 7, 0x600000 | RX | PS | COW);
    put(PD, 8, 0x800000 | RX | PS | COW | PAT_LARGE);
    put(PT, 9, 0x5000 | 0xfff);
    put(R0, 77, PDPT | TABLE | PS);
    put(R1, 300, PDPT | TABLE);
    expect_exact(three, 2);
}

Test(i686_rebuild, is_exact)
{
    start("i686");
    put(R0, 1, PT | 0x27);
    put(R0, 2, PT | 0x25);
    put(R0, 1023, R0 | 0x23);
    put(R0, 3, 0x00c00000 | 0xe7 | PAT_LARGE);
    put(PT, 5, 0x20067);
    put(PT, 1023, 0x30225);
    put(R1, 900, PT | 0xc21);
    put(R1, 4, 0x00c00000 | 0x1f << 13 | 0xe7);
    expect_exact(three, 2);
}

/* A run of 4 MiB pages goes on across 4 GiB: bits 39:32 are in the entry. */
Test(i686_rebuild, is_exact_for_a_run_of_4m_pages_across_4g)
{
    start("i686");
    put(R0, 1, 0xff800000 | 0x1 << 13 | 0xe7);
    put(R0, 2, 0xffc00000 | 0x1 << 13 | 0xe7);
    put(R0, 3, 0x00000000 | 0x2 << 13 | 0xe7);
    put(R0, 4, 0x00400000 | 0x2 << 13 | 0xe7);
    put(R0, 5, 0xffc00000 | 0x3 << 13 | 0xe7);
    put(R0, 6, 0x00000000 | 0x4 << 13 | 0xe7);
    expect_exact(three, 1);
}

Test(amd64_rebuild, is_exact_for_64_roots)
{
    static struct ptw_root roots[MANY];

    start("amd64");
    /* 20 roots of their own, the rest the same as one of them; one kernel half,
     * reached with rights that differ. */
    put(PDPT, 0, PD | TABLE);
    put(PD, 3, PT | TABLE | NX);
    for (unsigned i = 0; i < 512; i++) {
        put(PT, i, ((uint64_t)i << 13) | RWX | (i % 3 == 0 ? NX : 0));
    }
    for (unsigned i = 0; i < MANY; i++) {
        uint64_t root = 0x10000 + (uint64_t)(i % 20) * PAGE;

        roots[i] = ptw_root_of(&regime, ptw_pa_of(root));
        put(root, 256, PDPT | 0x21 | (i % 20) % 4 << 1);
        put(root, (i % 20) + 1, PDPT | 0x27);
    }
    expect_exact(roots, MANY);
}

/* ------------------------------------------------------------------ random */

/* Some tables below the pool's, each of any level. */
static uint64_t any_table_of(struct dice *d, unsigned tables)
{
    return (1 + roll_below(d, tables)) * unit_bytes();
}

static void random_graph(const char *name, struct dice *d)
{
    struct ptw_root roots[4];
    unsigned tables = 4 + (unsigned)roll_below(d, 12);
    unsigned room;
    unsigned levels;

    start(name);
    levels = ptw_levels(&regime);
    room = POOL_FIRST * PAGE / (unsigned)unit_bytes() - 1;
    tables = tables < room ? tables : room;
    runs = one_in(d, 2) ? PTW_WALK_RUNS : 0;
    for (unsigned n = 0; n < tables * 6; n++) {
        unsigned level = (unsigned)roll_below(d, levels);
        uint64_t table = any_table_of(d, tables);
        uint64_t to = any_table_of(d, tables);
        bool page = level == 0 || (one_in(d, 3) && has_leaves(level));
        unsigned index =
            (unsigned)roll_below(d, one_in(d, 3) ? entries_per_table() : 4);

        if (level > 0 && page) {
            to = roll_below(d, 64) * span(level) & (beyond() - 1);
        }
        put(table, index, random_entry(d, level, page, to));
        if (one_in(d, 4)) {
            put(table, index % entries_at(levels - 1),
                to_table(levels - 1, any_table_of(d, tables), all_rights()));
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        roots[i] = ptw_root_of(&regime, ptw_pa_of(any_table_of(d, tables)));
    }
    expect_exact(roots, 1 + (uint32_t)roll_below(d, 4));
}

EVERY(rebuild, is_exact_for_random_graphs)
{
    struct dice d = {1};

    for (unsigned n = 0; n < 300; n++) {
        random_graph(name, &d);
    }
}

/* ------------------------------------------------------- links, one by one */

static struct ptw_item alias(uint32_t space, uint32_t owner, uint64_t our_va,
                             uint64_t their_va,
                             enum ptw_amd64_alias_level level, uint64_t bits)
{
    struct ptw_item item = {.kind = PTW_ITEM_ALIAS, .space = space};

    item.u.alias.amd64.level = level;
    item.u.alias.amd64.ref.our_va.v = our_va;
    item.u.alias.amd64.ref.their_va.v = their_va;
    item.u.alias.amd64.ref.attributes = bits;
    item.u.alias.amd64.ref.owner = owner;
    item.u.alias.amd64.ref.rights = RWXU;
    return item;
}

static uint64_t below(uint64_t table, unsigned index)
{
    return entry_at(table, index) & 0xffffffffff000;
}

/* Both chains rebuilt, and room for links. */
static void two_built(void)
{
    two_chains();
    rebuild(three, 2, PTW_EDIT_EXACT);
}

static void expect_refused(struct ptw_item item, uint32_t count,
                           enum ptw_status status)
{
    remember();
    cr_expect(
        eq(int, (int)give_item(&item, count, PTW_EDIT_EXACT), (int)status));
    cr_expect(as_remembered());
}

Test(amd64_link, takes_any_address_of_the_regions)
{
    static const uint64_t within[] = {0, 1, 0xfff, 0x1000, 0x123456, 0x1fffff};

    for (unsigned i = 0; i < 6; i++) {
        for (unsigned j = 0; j < 6; j++) {
            struct ptw_item item =
                alias(1, 0, 0xe00000 + within[i], within[j], PTW_AMD64_ALIAS_PT,
                      0x8000000000000035);
            uint64_t pd;

            two_built();
            cr_expect(
                eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_OK));
            pd = below(below(built[1].root.table.v, 0), 0);
            cr_expect(eq(u64, entry_at(pd, 7),
                         below(below(below(built[0].root.table.v, 0), 0), 0) |
                             0x8000000000000035));
            cr_expect(
                eq(u64, ptw_shares_of(t.shares, ptw_pa_of(below(pd, 7))), 2));
        }
    }
}

/* What is read-only can't be kept in stock. */
Test(amd64_link, replaces_an_empty_table_that_is_read_only)
{
    struct ptw_item item = alias(1, 0, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27);
    uint64_t empty = (uint64_t)(POOL_FIRST - 1) * PAGE;
    uint64_t pd;

    two_built();
    pd = below(below(built[1].root.table.v, 0), 0);
    memset(&ram[empty], 0, PAGE);
    put(pd, 7, empty | TABLE);
    offer_pool_only();
    t.ops = &pool_ops_without_give;
    cr_expect(eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_OK));
    cr_expect(eq(u64, entry_at(pd, 7),
                 below(below(below(built[0].root.table.v, 0), 0), 0) | 0x27));
    cr_expect(eq(u64, t.stock.tables, 0));
}

/* A table that is in use goes on in the other space. */
Test(amd64_link, replaces_a_table_of_a_shared_region)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    struct ptw_item item = alias(1, 0, 0, 0x600000, PTW_AMD64_ALIAS_PT, 0x27);
    struct ptw_root roots[2];
    struct ptw_memo memo;
    uint64_t pd;
    uint64_t pt;

    two_chains();
    put(PD, 3, PT2 | TABLE);
    rebuild(three, 2, PTW_EDIT_EXACT);
    /* One PDPT between them. */
    put(built[1].root.table.v, 0, entry_at(built[0].root.table.v, 0));
    roots[0] = built[0].root;
    roots[1] = built[1].root;
    t.shares = counted();
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 3) == PTW_OK);
    cr_assert(ptw_shares_scan(t.shares, &mem, roots, 2, &memo, UINT64_MAX) ==
              PTW_OK);
    pd = below(below(roots[0].table.v, 0), 0);
    pt = below(pd, 0);
    expect_refused(item, 2, PTW_E_SHARED);
    cr_expect(eq(int,
                 (int)give_item(&item, 2, PTW_EDIT_EXACT | PTW_EDIT_UNSHARE),
                 PTW_OK));
    cr_expect(eq(u64, below(pd, 0), pt));
    cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(pt)), 1));
    cr_expect(eq(u64, entry_at(pt, 1), 0x20000 | RWX | U));
    cr_expect(eq(u64, entry_at(below(below(roots[1].table.v, 0), 0), 0),
                 below(pd, 3) | 0x27));
    cr_expect(eq(u64, ptw_shares_of(t.shares, ptw_pa_of(below(pd, 3))), 3));
    cr_expect(not(pool.wrong));
}

/* Hyperlight 9: a missing target left the stale entry in place. */
Test(amd64_link, is_not_present_where_the_owner_has_no_table)
{
    struct ptw_item item = alias(1, 0, 0, 0, PTW_AMD64_ALIAS_PT, 0x27);
    uint64_t pd;

    two_built();
    pd = below(below(built[1].root.table.v, 0), 0);
    item.u.alias.amd64.ref.our_va.v = 0xe00000;
    cr_expect(eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_OK));
    cr_expect(ne(u64, entry_at(pd, 7), 0));
    item.u.alias.amd64.ref.their_va.v = 0xe00000;
    cr_expect(
        eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_NOT_MAPPED));
    cr_expect(eq(u64, entry_at(pd, 7), 0));
    cr_expect(
        eq(u64,
           ptw_shares_of(
               t.shares,
               ptw_pa_of(below(below(below(built[0].root.table.v, 0), 0), 0))),
           1));
    /* and where nothing of ours is on the way */
    item.u.alias.amd64.ref.our_va.v = (uint64_t)9 << 39;
    remember();
    cr_expect(
        eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_NOT_MAPPED));
    cr_expect(as_remembered());
}

Test(amd64_link, refuses_what_has_no_meaning)
{
    struct ptw_shares *shares;

    two_built();
    shares = t.shares;
    expect_refused(alias(1, 7, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG); /* unknown */
    expect_refused(alias(2, 0, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG);
    expect_refused(alias(0, 1, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG); /* later */
    expect_refused(alias(2, 0, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 3,
                   PTW_E_ARG); /* ours is not built */
    built[0].built = false;
    expect_refused(alias(1, 0, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG);
    built[0].built = true;
    expect_refused(alias(1, 1, 0, 0x1fffff, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG); /* itself */
    expect_refused(alias(1, 1, 0x3fffffff, 5, PTW_AMD64_ALIAS_PD, 0x27), 2,
                   PTW_E_ARG);
    expect_refused(alias(1, 0, (uint64_t)1 << 47, 0, PTW_AMD64_ALIAS_PT, 0x27),
                   2, PTW_NOT_CANONICAL);
    expect_refused(alias(1, 0, 0, (uint64_t)1 << 47, PTW_AMD64_ALIAS_PT, 0x27),
                   2, PTW_NOT_CANONICAL);
    t.shares = NULL;
    expect_refused(alias(1, 0, 0xe00000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_ARG);
    t.shares = shares;
    expect_refused(alias(1, 0, 0, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_IN_USE); /* our page table has a page in it */
    put(below(below(built[0].root.table.v, 0), 0), 1, 0x200000 | RWX | PS);
    expect_refused(alias(1, 0, 0xe00000, 0x200000, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_LARGE);
    put(below(below(built[1].root.table.v, 0), 0), 9, 0x200000 | RWX | PS);
    expect_refused(alias(1, 0, 0x1200000, 0, PTW_AMD64_ALIAS_PT, 0x27), 2,
                   PTW_E_LARGE);
}

Test(amd64_link, leaves_no_trace_wherever_the_allocator_refuses)
{
    struct ptw_item item =
        alias(1, 0, (uint64_t)9 << 39, 0, PTW_AMD64_ALIAS_PT, 0x27);

    two_built();
    for (int n = 0; n < 2; n++) {
        pool.refuse_after = n;
        expect_refused(item, 2, PTW_E_SPACE);
    }
    pool.refuse_after = 2;
    cr_expect(eq(int, (int)give_item(&item, 2, PTW_EDIT_EXACT), PTW_OK));
}

/* Without tables of their own, nothing is widened, at worst it is narrower. */
Test(amd64_rebuild, widens_nothing_without_the_tables)
{
    static const uint64_t bits[] = {0x27, 0x25, 0x23, 0x21, 0x27 | NX};

    for (unsigned i = 0; i < 25; i++) {
        two_chains();
        t.table_rights = PTW_USER;
        put(PT, 3, 0x40000 | RX | U);
        put(PD, 0, PT | bits[i % 5]);
        put(PD2, 7, PT | bits[i / 5]);
        rebuild(three, 2, 0);
        for (unsigned s = 0; s < 2; s++) {
            for (unsigned p = 0; p < 16; p++) {
                uint64_t va = (p & 8 ? 0xe00000 : 0) + (p & 7) * PAGE;
                struct ptw_translation a = {0};
                struct ptw_translation b = {0};
                enum ptw_status sa =
                    ptw_lookup(&mem, three[s], ptw_va_of(va), &a);
                enum ptw_status sb =
                    ptw_lookup(&mem, built[s].root, ptw_va_of(va), &b);

                cr_assert(eq(int, (int)sa, (int)sb));
                if (sa == PTW_OK) {
                    cr_assert(eq(u64, a.pa.v, b.pa.v));
                    cr_assert(eq(uint, b.rights & ~a.rights, 0));
                    cr_assert(s == 1 || a.rights == b.rights);
                }
            }
        }
    }
}

Test(amd64_rebuild, refuses_a_bad_space_and_a_twin_without_a_list)
{
    static const struct ptw_root twins[] = {{&regime, {R0}}, {&regime, {R0}}};

    two_chains();
    walk_spaces(twins, 2, PTW_WALK_TABLES);
    t.shares = NULL;
    for (size_t i = 0; i < item_count; i++) {
        cr_expect(eq(int, (int)give_item(&items[i], 2, PTW_EDIT_EXACT),
                     items[i].space == 1 ? PTW_E_ARG : PTW_OK));
    }
    cr_expect(not(built[1].built));
}

/* ------------------------------------------------------------- shares_scan */

/* Every (table, level) once; each of its entries is a reference. */
static void count_naively(const struct ptw_root *root, uint32_t roots,
                          unsigned references[FRAMES])
{
    static bool reached[PTW_MAX_LEVELS][FRAMES];
    unsigned top = ptw_levels(&regime) - 1;

    memset(reached, 0, sizeof reached);
    memset(references, 0, FRAMES * sizeof references[0]);
    for (uint32_t i = 0; i < roots; i++) {
        reached[top][root[i].table.v / PAGE] = true;
        references[root[i].table.v / PAGE]++;
    }
    for (unsigned level = top; level > 0; level--) {
        for (unsigned f = 0; f < FRAMES; f++) {
            for (unsigned i = 0; reached[level][f] && i < entries_per_table();
                 i++) {
                struct ptw_entry e = ptw_decode(
                    &regime, level, 0, entry_at((uint64_t)f * PAGE, i));

                if (e.kind == PTW_ENTRY_TABLE && e.pa.v < RAM_BYTES) {
                    reached[level - 1][e.pa.v / PAGE] = true;
                    references[e.pa.v / PAGE]++;
                }
            }
        }
    }
}

static void scan_random_graph(const char *name, struct dice *d)
{
    static _Alignas(8) unsigned char storage[1 << 16];
    static unsigned references[FRAMES];
    uint32_t roots = 1 + (uint32_t)roll_below(d, 5);
    struct ptw_memo memo;
    struct ptw_root root[5];

    start(name);
    for (unsigned n = 0; n < 60; n++) {
        put(R0 + roll_below(d, 10) * PAGE, (unsigned)roll_below(d, 8),
            (R0 + roll_below(d, 10) * PAGE) | 0x27 | (one_in(d, 5) ? PS : 0));
    }
    for (unsigned i = 0; i < roots; i++) {
        root[i] =
            ptw_root_of(&regime, ptw_pa_of(R0 + roll_below(d, 10) * PAGE));
    }
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 4) == PTW_OK);
    cr_assert(ptw_shares_scan(t.shares, &mem, root, roots, &memo, UINT64_MAX) ==
              PTW_OK);
    count_naively(root, roots, references);
    for (unsigned f = 0; f < POOL_FIRST; f++) {
        cr_assert(eq(u64,
                     ptw_shares_of(t.shares, ptw_pa_of((uint64_t)f * PAGE)),
                     references[f] == 0 ? 1 : references[f]));
    }
}

Test(shares_scan, counts_every_reference)
{
    struct dice d = {3};

    for (unsigned n = 0; n < 200; n++) {
        scan_random_graph(n % 2 == 0 ? "amd64" : "i686", &d);
    }
}

Test(shares_scan, stops_at_its_limit_and_when_it_is_full)
{
    static _Alignas(8) unsigned char storage[2][1 << 12];
    struct ptw_shares shares;
    struct ptw_memo memo;

    two_chains();
    cr_assert(ptw_memo_init(&memo, storage[0], sizeof storage[0], 4) == PTW_OK);
    cr_expect(eq(int,
                 (int)ptw_shares_scan(t.shares, &mem, three, 2, &memo, 1000),
                 PTW_E_LIMIT));
    cr_assert(ptw_memo_init(&memo, storage[0], sizeof storage[0], 4) == PTW_OK);
    cr_expect(eq(int, (int)ptw_shares_scan(t.shares, &mem, three, 2, &memo, 0),
                 PTW_OK));
    cr_assert(ptw_memo_init(&memo, storage[0], sizeof storage[0], 4) == PTW_OK);
    cr_assert(ptw_shares_init(&shares, storage[1], ptw_memo_bytes(1), 4) ==
              PTW_OK);
    cr_expect(eq(
        int, (int)ptw_shares_scan(&shares, &mem, three, 2, &memo, UINT64_MAX),
        PTW_E_SPACE));
}

/* Tables that a link needs above it let a user through where our path did. */
Test(amd64_link, keeps_the_rights_of_our_path_without_the_tables)
{
    struct ptw_item item =
        alias(1, 0, (uint64_t)9 << 39, 0, PTW_AMD64_ALIAS_PT, 0x27);
    struct ptw_translation found = {0};

    two_built();
    cr_expect(eq(int, (int)give_item(&item, 2, 0), PTW_OK));
    cr_expect(eq(int,
                 (int)ptw_lookup(&mem, built[1].root,
                                 ptw_va_of(((uint64_t)9 << 39) + PAGE), &found),
                 PTW_OK));
    cr_expect(eq(uint, found.rights, RWXU));
}

Test(amd64_link, refuses_a_level_that_there_is_not)
{
    two_built();
    expect_refused(
        alias(1, 0, 0xe00000, 0, (enum ptw_amd64_alias_level)3, 0x27), 2,
        PTW_E_ARG);
    {
        struct ptw_item item = {.kind = PTW_ITEM_TABLE, .space = 1};

        item.u.table.level = 3;
        item.u.table.attributes = 0x27;
        expect_refused(item, 2, PTW_E_ARG);
    }
}

/* Large leaves from `first` to `last`; the ends may be cut, as no walk does. */
static struct ptw_item large_leaves(uint64_t first, uint64_t last)
{
    struct ptw_item item = {.kind = PTW_ITEM_MAPPING};

    item.first.v = first;
    item.last.v = last;
    item.u.mapping.level = 1;
    item.u.mapping.pa.v = 0x600000 + first;
    item.u.mapping.raw = 0x600000 | RWX | PS;
    item.u.mapping.rights = PTW_READ | PTW_WRITE | PTW_EXEC;
    return item;
}

Test(amd64_rebuild, refuses_a_part_of_a_large_leaf_that_is_to_be_exact)
{
    static const uint64_t range[][2] = {{0, 0x200fff},
                                        {0, 0xfff},
                                        {0x1000, 0x1fffff},
                                        {0x1ff000, 0x3fffff},
                                        {0x1000, 0x200fff}};

    start("amd64");
    t.root.table.v = pool_table();
    built[0].root = t.root;
    built[0].built = true;
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        struct ptw_item item = large_leaves(range[i][0], range[i][1]);

        remember();
        cr_expect(
            eq(int, (int)give_item(&item, 1, PTW_EDIT_EXACT), PTW_E_ALIGN));
        cr_expect(as_remembered());
    }
    {
        struct ptw_item item = large_leaves(0, 0x3fffff);

        cr_expect(eq(int, (int)give_item(&item, 1, PTW_EDIT_EXACT), PTW_OK));
    }
    /* Of our own, the rest is of small pages. */
    start("amd64");
    t.root.table.v = pool_table();
    built[0].root = t.root;
    built[0].built = true;
    {
        struct ptw_item item = large_leaves(0, 0x200fff);

        cr_expect(eq(int, (int)give_item(&item, 1, 0), PTW_OK));
    }
}
