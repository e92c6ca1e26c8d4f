/* SPDX-License-Identifier: Apache-2.0 */
/* ptw_link: a table of one space in another, under rights of its own. */
#include "edit_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))

enum { K4 = 0x1000, RWX_RIGHTS = PTW_READ | PTW_WRITE | PTW_EXEC };

static const uint64_t HALF = 0xFFFF800000000000;
static const uint64_t G512 = 0x8000000000;

static struct ptw_tables owner;
static struct ptw_tables ours;

static void start(const char *name)
{
    machine(name);
    pool_init();
    bench(&owner);
    ours = owner;
    ours.root.table.v = pool_table();
    owner.shares = counted();
    ours.shares = owner.shares;
}

static void map(struct ptw_tables *t, uint64_t va, uint64_t pa, unsigned rights)
{
    struct ptw_map_request q = map_request(va, K4, pa, rights, 0);

    cr_assert(eq(int, (int)ptw_map(t, &q), PTW_OK));
}

static struct ptw_link_request link_of(uint64_t first, uint64_t last,
                                       uint64_t theirs, unsigned level)
{
    struct ptw_link_request q = {
        .first = {first},
        .last = {last},
        .their_va = {theirs},
        .owner = owner.root,
        .level = ptw_alias_level_of(&regime, level),
        .rights = RWX_RIGHTS,
    };

    return q;
}

static struct ptw_item leaf_item(uint64_t raw, unsigned rights)
{
    struct ptw_item item = {
        .kind = PTW_ITEM_MAPPING,
        .first = {0x5000},
        .last = {0x5FFF},
    };

    item.u.mapping.pa.v = 0x7000;
    item.u.mapping.raw = 0x7000 | raw;
    item.u.mapping.rights = rights;
    item.u.mapping.above = RWXU;
    item.u.mapping.size_log2 = 12;
    return item;
}

/* The physical address of va, and its rights; all ones where there is none. */
static uint64_t pa_of(const struct ptw_tables *t, uint64_t va, unsigned *rights)
{
    struct ptw_translation at;

    *rights = 0;
    if (ptw_lookup(&mem, t->root, ptw_va_of(va), &at) != PTW_OK) {
        return UINT64_MAX;
    }
    *rights = at.rights;
    return at.pa.v;
}

static void expect_pa(const struct ptw_tables *t, uint64_t va, uint64_t pa,
                      unsigned rights)
{
    unsigned have;

    cr_expect(eq(u64, pa_of(t, va, &have), pa), "at %llx",
              (unsigned long long)va);
    cr_expect(eq(uint, have, rights), "at %llx", (unsigned long long)va);
}

static uint64_t table_of(uint64_t root, unsigned index)
{
    return entry_at(root, index) & 0xFFFFFFFFF000;
}

/* A kernel half of three regions, one of them the last. */
static void kernel(void)
{
    start("amd64");
    map(&owner, HALF, 0x20000, RWX_RIGHTS);
    map(&owner, HALF + 3 * G512 + K4, 0x21000, RWX_RIGHTS);
    map(&owner, UINT64_MAX - (K4 - 1), 0x22000, PTW_READ);
    map(&owner, K4, 0x23000, RWX_RIGHTS | PTW_USER);
}

Test(amd64_link, puts_a_kernel_half_into_another_space)
{
    struct ptw_link_request q = {.level = {.amd64 = PTW_AMD64_ALIAS_PDPT}};

    kernel();
    q.first.v = HALF;
    q.last.v = UINT64_MAX;
    q.their_va.v = HALF;
    q.owner = owner.root;
    q.rights = PTW_READ | PTW_EXEC;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    expect_pa(&ours, HALF, 0x20000, PTW_READ | PTW_EXEC);
    expect_pa(&ours, HALF + 3 * G512 + K4, 0x21000, PTW_READ | PTW_EXEC);
    expect_pa(&ours, UINT64_MAX, 0x22FFF, PTW_READ);
    expect_pa(&ours, K4, UINT64_MAX, 0);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t theirs = entry_at(owner.root.table.v, i);

        cr_expect(
            eq(u64, entry_at(ours.root.table.v, i),
               i < 256 || theirs == 0 ? 0 : (theirs & 0xFFFFFFFFF000) | 0x21));
        cr_expect(eq(
            u64, ptw_shares_of(ours.shares, ptw_pa_of(theirs & 0xFFFFFFFFF000)),
            i < 256 || theirs == 0 ? 1 : 2));
    }
    /* What the owner maps in it later is there, too. */
    owner.shares = NULL;
    map(&owner, HALF + K4, 0x24000, RWX_RIGHTS);
    expect_pa(&ours, HALF + K4, 0x24000, PTW_READ | PTW_EXEC);
    /* Again: the same, under other rights. */
    q.rights = RWX_RIGHTS;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    expect_pa(&ours, HALF, 0x20000, RWX_RIGHTS);
    cr_expect(eq(u64,
                 ptw_shares_of(ours.shares,
                               ptw_pa_of(table_of(owner.root.table.v, 256))),
                 2));
}

Test(amd64_link, takes_any_address_of_a_region_and_every_level)
{
    for (unsigned level = 0; level < 3; level++) {
        uint64_t region = (uint64_t)K4 << 9 * (level + 1);
        struct ptw_link_request q;

        start("amd64");
        map(&owner, 5 * region + K4, 0x20000, RWX_RIGHTS | PTW_USER);
        q = link_of(9 * region + 0x123, 9 * region + 7, 6 * region - 1, level);
        q.last.v = 10 * region - 1;
        q.rights |= PTW_USER;
        expect_status(ptw_link(&ours, &q), PTW_OK);
        expect_pa(&ours, 9 * region + K4, 0x20000, RWX_RIGHTS | PTW_USER);
        expect_pa(&ours, 9 * region, UINT64_MAX, 0);
        expect_pa(&ours, 10 * region + K4, UINT64_MAX, 0);
        cr_expect(eq(sz, pool.in_use,
                     reachable(2, (struct ptw_root[]){owner.root, ours.root})));
    }
}

/* Over several tables of ours, of which those are made that are needed. */
Test(amd64_link, goes_over_several_tables)
{
    struct ptw_link_request q;
    unsigned before;

    start("amd64");
    map(&owner, 0x40000000, 0x20000, RWX_RIGHTS);
    map(&owner, 0xC0000000, 0x21000, RWX_RIGHTS);
    map(&owner, 0xC0200000, 0x22000, RWX_RIGHTS);
    q = link_of(0x8000000000, 0x81FFFFFFFF, 0, 0);
    before = pool.in_use;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    expect_pa(&ours, 0x8040000000, 0x20000, RWX_RIGHTS);
    expect_pa(&ours, 0x80C0000000, 0x21000, RWX_RIGHTS);
    expect_pa(&ours, 0x80C0200000, 0x22000, RWX_RIGHTS);
    expect_pa(&ours, 0x8080000000, UINT64_MAX, 0);
    cr_expect(eq(uint, pool.in_use - before, 3), "a PDPT and two PDs");
    cr_expect(eq(sz, pool.in_use,
                 reachable(2, (struct ptw_root[]){owner.root, ours.root})));
}

Test(i686_link, puts_a_kernel_half_into_another_space)
{
    struct ptw_link_request q = {
        .first = {0xC0000000},
        .last = {0xFFFFFFFF},
        .their_va = {0xC0000000},
        .level = {.i686 = PTW_I686_ALIAS_PT},
        .rights = RWX_RIGHTS,
    };

    start("i686");
    map(&owner, 0xC0000000, 0x20000, RWX_RIGHTS);
    map(&owner, 0xFFFFF000, 0x21000, PTW_READ | PTW_EXEC);
    q.owner = owner.root;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    expect_pa(&ours, 0xC0000000, 0x20000, RWX_RIGHTS);
    expect_pa(&ours, 0xFFFFF000, 0x21000, PTW_READ | PTW_EXEC);
}

Test(amd64_link, says_what_it_cannot_link)
{
    struct ptw_link_request good;
    struct ptw_link_request q;

    kernel();
    good = link_of(HALF, UINT64_MAX, HALF, 2);
    remember();
    q = good;
    q.level = ptw_alias_level_of(&regime, 3);
    expect_status(ptw_link(&ours, &q), PTW_E_ARG);
    q = good;
    q.level = ptw_alias_level_of(&regime, 77);
    expect_status(ptw_link(&ours, &q), PTW_E_ARG);
    q = good;
    q.last.v = HALF - 1;
    expect_status(ptw_link(&ours, &q), PTW_E_RANGE);
    q = good;
    q.their_va.v = HALF + G512;
    expect_status(ptw_link(&ours, &q), PTW_E_RANGE);
    q = good;
    q.their_va.v = 0x7F8000000000;
    expect_status(ptw_link(&ours, &q), PTW_NOT_CANONICAL);
    q = good;
    q.first.v = HALF - 1;
    q.their_va.v = 0;
    expect_status(ptw_link(&ours, &q), PTW_NOT_CANONICAL);
    q = good;
    q.owner.table.v += 8;
    expect_status(ptw_link(&ours, &q), PTW_E_ALIGN);
    q = good;
    q.owner.table.v = (uint64_t)1 << 60;
    expect_status(ptw_link(&ours, &q), PTW_E_WIDTH);
    q = good;
    q.owner.table.v = RAM_BYTES;
    expect_status(ptw_link(&ours, &q), PTW_E_BUS);
    q = good;
    q.rights = PTW_WRITE;
    expect_status(ptw_link(&ours, &q), PTW_E_RIGHTS);
    q.rights = RWXU | 32;
    expect_status(ptw_link(&ours, &q), PTW_E_RIGHTS);
    q = good;
    q.owner = ours.root;
    expect_status(ptw_link(&ours, &q), PTW_E_ARG);
    q = good;
    q.max_reads = 200;
    expect_status(ptw_link(&ours, &q), PTW_E_LIMIT);
    ours.shares = NULL;
    expect_status(ptw_link(&ours, &good), PTW_E_ARG);
    ours.shares = owner.shares;
    cr_expect(as_remembered());
    expect_status(ptw_link(&ours, &good), PTW_OK);
}

/* An entry that would not be present links nothing, and is no success. */
Test(amd64_link, refuses_attributes_that_lead_to_no_table)
{
    static const uint64_t bits[] = {0, 0x26, 0xA7, 0x1027, (uint64_t)1 << 50};
    struct ptw_link_request q;

    kernel();
    q = link_of(HALF, UINT64_MAX, HALF, 2);
    q.flags = PTW_EDIT_EXACT;
    remember();
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        q.attributes = bits[i];
        expect_status(ptw_link(&ours, &q), PTW_E_ARG);
    }
    cr_expect(as_remembered());
    q.attributes = 0x8000000000000C25;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    cr_expect(eq(u64, entry_at(ours.root.table.v, 256) & ~0xFFFFFFFFF000,
                 0x8000000000000C25));
}

/* An entry of 32 bits can't have it. */
Test(i686_link, refuses_a_bit_that_entries_are_too_short_for)
{
    const uint64_t beyond = (uint64_t)1 << 32;
    struct ptw_built built[1] = {{{0}, true}};
    struct ptw_link_request q;
    struct ptw_item item;

    start("i686");
    map(&owner, 0x400000, 0x20000, RWX_RIGHTS);
    q = link_of(0x800000, 0x800FFF, 0x400000, 0);
    q.flags = PTW_EDIT_EXACT;
    q.attributes = 0x23 | beyond;
    expect_status(ptw_link(&ours, &q), PTW_E_ARG);
    q.attributes = 0x23;
    expect_status(ptw_link(&ours, &q), PTW_OK);
    item = leaf_item(0x63 | beyond, RWX_RIGHTS);
    expect_status(ptw_item_place(&regime, &item, ptw_pa_of(0x9000),
                                 PTW_PLACE_AS_IT_IS, PTW_EDIT_EXACT),
                  PTW_E_ARG);
    built[0].root = ours.root;
    expect_status(ptw_space_aware_map(&ours, &item, built, 1, PTW_EDIT_EXACT),
                  PTW_E_ARG);
}

/* An alias, a table and a leaf of no walk are no success, either. */
Test(amd64_link, refuses_items_that_would_not_be_present)
{
    struct ptw_built built[2];
    struct ptw_item item;

    for (unsigned exact = 0; exact < 2; exact++) {
        unsigned flags = exact != 0 ? PTW_EDIT_EXACT : 0;

        kernel();
        built[0] = (struct ptw_built){owner.root, true};
        built[1] = (struct ptw_built){ours.root, true};
        remember();
        memset(&item, 0, sizeof item);
        item.kind = PTW_ITEM_ALIAS;
        item.space = 1;
        item.u.alias.amd64.level = PTW_AMD64_ALIAS_PDPT;
        item.u.alias.amd64.ref.our_va.v = HALF;
        item.u.alias.amd64.ref.their_va.v = HALF;
        item.u.alias.amd64.ref.rights = RWXU;
        expect_status(ptw_space_aware_map(&ours, &item, built, 2, flags),
                      PTW_E_ARG);
        item.u.alias.amd64.ref.attributes = 0xA7; /* PS */
        expect_status(ptw_space_aware_map(&ours, &item, built, 2, flags),
                      PTW_E_ARG);
        memset(&item.u, 0, sizeof item.u);
        item.kind = PTW_ITEM_TABLE;
        item.u.table.level = 2;
        item.u.table.rights = RWXU;
        expect_status(ptw_space_aware_map(&ours, &item, built, 2, flags),
                      PTW_E_ARG);
        memset(&item.u, 0, sizeof item.u);
        item.kind = PTW_ITEM_MAPPING;
        item.last.v = K4 - 1;
        item.u.mapping.rights = PTW_READ;
        item.u.mapping.size_log2 = 12;
        if (exact != 0) {
            expect_status(ptw_space_aware_map(&ours, &item, built, 2, flags),
                          PTW_E_ARG);
        }
        cr_expect(as_remembered());
    }
}

/* Counts the references to all tables of both spaces anew. */
static void count_again(void)
{
    static _Alignas(8) unsigned char storage[1 << 14];
    const struct ptw_root root[] = {ours.root, owner.root};
    struct ptw_memo memo;

    ours.shares = owner.shares = counted();
    cr_assert(
        eq(int, ptw_memo_init(&memo, storage, sizeof storage, 3), PTW_OK));
    cr_assert(
        eq(int, ptw_shares_scan(ours.shares, &mem, root, 2, &memo, 0), PTW_OK));
}

/* Two regions of ours, at level 2, refer to one table with a page in it. */
static uint64_t one_table_twice(void)
{
    uint64_t pdpt;

    start("amd64");
    map(&ours, 0, 0x20000, RWX_RIGHTS);
    pdpt = table_of(ours.root.table.v, 0);
    put(pdpt, 1, entry_at(pdpt, 0));
    return pdpt;
}

Test(amd64_link, loses_no_table_that_only_its_own_regions_refer_to)
{
    static const uint64_t G1 = 0x40000000;
    struct ptw_link_request q;
    uint64_t pdpt = one_table_twice();
    uint64_t pd = table_of(pdpt, 0);

    /* Each of the two entries has another beside it, until both are gone. */
    count_again();
    remember();
    q = link_of(0, 2 * G1 - 1, HALF, 1);
    expect_status(ptw_link(&ours, &q), PTW_E_IN_USE);
    cr_expect(as_remembered());
    cr_expect(eq(u64, ptw_shares_of(ours.shares, ptw_pa_of(pd)), 2));
    q = link_of(0, G1 - 1, HALF, 1);
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    expect_pa(&ours, 0, UINT64_MAX, 0);
    expect_pa(&ours, G1, 0x20000, RWX_RIGHTS);
    cr_expect(eq(u64, ptw_shares_of(ours.shares, ptw_pa_of(pd)), 1));

    /* A third one outside keeps it. */
    pdpt = one_table_twice();
    put(pdpt, 5, entry_at(pdpt, 0));
    count_again();
    q = link_of(0, 2 * G1 - 1, HALF, 1);
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    expect_pa(&ours, G1, UINT64_MAX, 0);
    expect_pa(&ours, 5 * G1, 0x20000, RWX_RIGHTS);

    /* One that is empty is given back, once. */
    pdpt = one_table_twice();
    put(table_of(pdpt, 0), 0, 0);
    count_again();
    q = link_of(0, 2 * G1 - 1, HALF, 1);
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    cr_expect(eq(u64, entry_at(pdpt, 0) | entry_at(pdpt, 1), 0));
}

Test(amd64_link, loses_no_table_below_one_that_only_its_own_regions_refer_to)
{
    static const uint64_t G1 = 0x40000000;
    static const uint64_t M2 = 0x200000;

    for (unsigned outside = 0; outside < 2; outside++) {
        uint64_t pdpt = one_table_twice();
        struct ptw_link_request q = link_of(0, 2 * G1 - 1, HALF, 0);

        /* The page table is below both entries, and perhaps a third one. */
        if (outside != 0) {
            put(pdpt, 5, entry_at(pdpt, 0));
        }
        count_again();
        remember();
        q.flags = PTW_EDIT_UNSHARE;
        if (outside == 0) {
            expect_status(ptw_link(&ours, &q), PTW_E_IN_USE);
            cr_expect(as_remembered());
            q.last.v = M2 - 1;
        }
        expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
        expect_pa(&ours, 0, UINT64_MAX, 0);
        if (outside == 0) {
            expect_pa(&ours, G1, 0x20000, RWX_RIGHTS);
        } else {
            expect_pa(&ours, G1, UINT64_MAX, 0);
            expect_pa(&ours, 5 * G1, 0x20000, RWX_RIGHTS);
        }
    }
}

/* By one path the region is in a copy, which goes on referring to the table that
 * the entry gives up by the other path. */
Test(amd64_link, counts_the_references_that_its_copies_have)
{
    static const uint64_t G1 = 0x40000000;
    uint64_t pdpt = one_table_twice();
    uint64_t top = ours.root.table.v;
    struct ptw_link_request q = link_of(511 * G1, G512 + G1 - 1, HALF, 1);

    put(pdpt, 1, 0);
    put(top, 1, entry_at(top, 0));
    count_again();
    q.flags = PTW_EDIT_UNSHARE;
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    expect_pa(&ours, 0, 0x20000, RWX_RIGHTS);
    expect_pa(&ours, G512, UINT64_MAX, 0);
    cr_expect(eq(u64,
                 ptw_shares_of(ours.shares,
                               ptw_pa_of(entry_at(pdpt, 0) & ~(uint64_t)0xFFF)),
                 1));
}

Test(amd64_link, loses_no_table_and_makes_none_for_nothing)
{
    struct ptw_link_request q;

    kernel();
    q = link_of(0, G512 - 1, HALF, 2);
    map(&ours, 0, 0x25000, RWX_RIGHTS);
    remember();
    expect_status(ptw_link(&ours, &q), PTW_E_IN_USE);
    cr_expect(as_remembered());
    /* The owner has nothing in any of the regions: nor have we then. */
    q = link_of(HALF, HALF + 2 * G512, HALF + 4 * G512, 1);
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    cr_expect(as_remembered());
    q = link_of(HALF, UINT64_MAX, HALF, 2);
    expect_status(ptw_link(&ours, &q), PTW_OK);
    q = link_of(HALF, HALF + G512 - 1, HALF + G512, 2);
    expect_status(ptw_link(&ours, &q), PTW_NOT_MAPPED);
    expect_pa(&ours, HALF, UINT64_MAX, 0);
    cr_expect(eq(u64,
                 ptw_shares_of(ours.shares,
                               ptw_pa_of(table_of(owner.root.table.v, 256))),
                 1));
    expect_pa(&owner, HALF, 0x20000, RWX_RIGHTS);
    /* A large leaf of either is no table. */
    {
        struct ptw_map_request m = map_request(
            0x40000000, 0x40000000, 0x40000000, RWX_RIGHTS, PTW_EDIT_LARGE);

        cr_assert(eq(int, (int)ptw_map(&owner, &m), PTW_OK));
        q = link_of(0x80000000, 0xBFFFFFFF, 0x40000000, 1);
        remember();
        expect_status(ptw_link(&ours, &q), PTW_E_LARGE);
        q = link_of(0, 0x3FFFFFFF, 0x40000000, 0);
        expect_status(ptw_link(&ours, &q), PTW_E_LARGE);
        cr_expect(as_remembered());
    }
}

/* Of its own space: two regions that are one table. */
Test(amd64_link, links_a_space_to_itself)
{
    struct ptw_link_request q;

    kernel();
    q = link_of(HALF + 5 * G512, HALF + 6 * G512 - 1, HALF, 2);
    expect_status(ptw_link(&owner, &q), PTW_OK);
    expect_pa(&owner, HALF + 5 * G512, 0x20000, RWX_RIGHTS);
    q = link_of(HALF, HALF + 5 * G512, HALF + 4 * G512, 2);
    expect_status(ptw_link(&owner, &q), PTW_E_ARG);
}

/* So have the entries on the way, which lead to new tables. */
Test(amd64_link, gives_a_link_the_flag_bits_of_new_tables)
{
    const uint64_t flag = (uint64_t)1 << 47;
    struct ptw_link_request q;
    struct ptw_cpu cpu = ptw_cpu_widest;
    struct ptw_step step[PTW_MAX_LEVELS];
    struct ptw_translation at;
    size_t steps;

    start("amd64");
    cpu.flag_bits = flag;
    expect_status(ptw_regime_by_name("amd64", &cpu, 0, &regime, NULL), PTW_OK);
    map(&owner, 0, 0x5000, RWX_RIGHTS);
    ours.table_flags = flag;
    q = link_of(0, 0, 0, 0);
    expect_status(ptw_link(&ours, &q), PTW_OK);
    expect_status(ptw_explain(&mem, ours.root, ptw_va_of(0), &at, step, &steps),
                  PTW_OK);
    cr_assert(eq(sz, steps, 4));
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(eq(u64, step[i].raw & flag, flag));
    }
    cr_expect(eq(u64, step[3].raw & flag, 0));
}

Test(amd64_link, moves_what_it_writes)
{
    struct ptw_movable_tables m;
    struct ptw_link_request q;

    kernel();
    m.tables = ours;
    m.move = &pool_moves;
    q = link_of(HALF, UINT64_MAX, HALF, 2);
    expect_status(ptw_link_movable(&m, &q), PTW_OK);
    cr_expect(ne(u64, m.tables.root.table.v, ours.root.table.v));
    cr_expect(eq(u64, pool.root_told.v, m.tables.root.table.v));
    expect_pa(&m.tables, HALF, 0x20000, RWX_RIGHTS);
    /* Its own root moves under it. */
    memset(pool.moved, 0, sizeof pool.moved);
    q = link_of(0, G512 - 1, HALF, 2);
    q.owner = m.tables.root;
    expect_status(ptw_link_movable(&m, &q), PTW_OK);
    expect_pa(&m.tables, 0, 0x20000, RWX_RIGHTS);
    cr_expect(not(pool.stale));
}

Test(bare_link, has_nothing_to_link)
{
    struct ptw_link_request q = {.rights = PTW_READ};
    struct ptw_tables t = {.root = {.regime = &regime}, .mem = &mem};

    machine("bare");
    expect_status(ptw_link(&t, &q), PTW_E_REGIME);
}

/* --------------------------------------- other than the entry that was read */

/* Places it and installs it in a new space: its entry there. */
static uint64_t installed(struct ptw_item *item, enum ptw_place how,
                          unsigned flags)
{
    struct ptw_item space = {.kind = PTW_ITEM_SPACE};
    struct ptw_built built = {{0}, false};
    struct ptw_translation at;

    space.u.space_info.kind = PTW_SPACE_WALKED;
    space.u.space_info.root.regime = &regime;
    expect_status(ptw_item_place(&regime, item, ptw_pa_of(0x9000), how, flags),
                  PTW_OK);
    cr_assert(
        eq(int, (int)ptw_space_aware_map(&ours, &space, &built, 1, flags), 0));
    expect_status(ptw_space_aware_map(&ours, item, &built, 1, flags), PTW_OK);
    cr_assert(
        eq(int, (int)ptw_lookup(&mem, built.root, ptw_va_of(0x5000), &at), 0));
    return at.raw;
}

Test(amd64_place, gives_a_mapping_another_page_and_takes_its_write)
{
    static const unsigned flags[2] = {0, PTW_EDIT_EXACT};

    for (unsigned i = 0; i < 2; i++) {
        struct ptw_item item;

        start("amd64");
        item = leaf_item(0x63, PTW_READ | PTW_WRITE | PTW_EXEC);
        cr_expect(
            eq(u64, installed(&item, PTW_PLACE_AS_IT_IS, flags[i]), 0x9063));
        item = leaf_item(0x63, PTW_READ | PTW_WRITE | PTW_EXEC);
        cr_expect(eq(u64, installed(&item, PTW_PLACE_COPY_ON_WRITE, flags[i]),
                     0x9261));
        cr_expect(eq(uint, item.u.mapping.rights, PTW_READ | PTW_EXEC));
        item = leaf_item(0x261, PTW_READ | PTW_EXEC);
        cr_expect(eq(u64, installed(&item, PTW_PLACE_COPY_ON_WRITE, flags[i]),
                     0x9261));
        item = leaf_item(0x61, PTW_READ | PTW_EXEC);
        cr_expect(eq(u64, installed(&item, PTW_PLACE_COPY_ON_WRITE, flags[i]),
                     0x9061));
        item = leaf_item(0x63, PTW_READ | PTW_EXEC);
        item.u.mapping.above = PTW_READ | PTW_EXEC;
        cr_expect(eq(u64, installed(&item, PTW_PLACE_COPY_ON_WRITE, flags[i]),
                     i == 0 ? 0x9061 : 0x9261));
    }
}

Test(amd64_place, refuses_what_can_not_be)
{
    struct ptw_item item;
    struct ptw_regime cet;

    start("amd64");
    item = leaf_item(0x63, PTW_READ | PTW_WRITE | PTW_EXEC);
#define PLACED(r, pa, how)                                                     \
    ptw_item_place(r, &item, ptw_pa_of(pa), how, PTW_EDIT_EXACT)
    expect_status(PLACED(&regime, 0x9008, PTW_PLACE_AS_IT_IS), PTW_E_ALIGN);
    expect_status(PLACED(&regime, UINT64_C(1) << 52, PTW_PLACE_AS_IT_IS),
                  PTW_E_WIDTH);
    cr_assert(eq(int, (int)ptw_regime_with(&regime, PTW_X86_CET, &cet, NULL),
                 PTW_OK));
    expect_status(PLACED(&cet, 0x9000, PTW_PLACE_COPY_ON_WRITE), PTW_E_RIGHTS);
    cr_expect(eq(u64, item.u.mapping.raw, 0x7063));
    item.u.mapping.raw = 0x7023;
    expect_status(PLACED(&cet, 0x9000, PTW_PLACE_COPY_ON_WRITE), PTW_OK);
    expect_status(ptw_item_place(&cet, &item, ptw_pa_of(0x9000),
                                 PTW_PLACE_COPY_ON_WRITE, 0),
                  PTW_OK);
    /* A new leaf is no shadow stack. */
    item = leaf_item(0x63, PTW_READ | PTW_WRITE | PTW_EXEC);
    expect_status(ptw_item_place(&cet, &item, ptw_pa_of(0x9000),
                                 PTW_PLACE_COPY_ON_WRITE, 0),
                  PTW_OK);
    item.kind = PTW_ITEM_HOLE;
    expect_status(PLACED(&regime, 0x9000, PTW_PLACE_AS_IT_IS), PTW_E_ARG);
#undef PLACED
}

static void grants_execution_when_asked(const char *name, unsigned without)
{
    struct ptw_map_request q;
    struct ptw_range_request p;

    start(name);
    cr_assert(eq(
        int, (int)ptw_regime_by_name(name, NULL, without, &regime, NULL), 0));
    q = map_request(0x5000, K4, 0x9000, PTW_READ | PTW_WRITE, 0);
    p = range_request(0x5000, K4, PTW_READ, 0);
    expect_status(ptw_map(&ours, &q), PTW_E_RIGHTS);
    expect_status(ptw_protect(&ours, &p), PTW_E_RIGHTS);
    q.flags = PTW_EDIT_GRANT_EXEC;
    p.flags = PTW_EDIT_GRANT_EXEC;
    expect_status(ptw_map(&ours, &q), PTW_OK);
    expect_pa(&ours, 0x5000, 0x9000, RWX_RIGHTS);
    expect_status(ptw_protect(&ours, &p), PTW_OK);
    expect_pa(&ours, 0x5000, 0x9000, PTW_READ | PTW_EXEC);
}

Test(i686_map, grants_execution_when_asked)
{
    grants_execution_when_asked("i686", 0);
}

Test(amd64_map, grants_execution_without_xd_when_asked)
{
    grants_execution_when_asked("amd64", PTW_X86_NX);
}

/* The table that was taken last is used first. */
Test(amd64_map, uses_the_table_it_took_last_as_the_highest)
{
    uint64_t pdpt;
    uint64_t pd;
    uint64_t pt;

    start("amd64");
    map(&ours, 0x5000, 0x9000, RWX_RIGHTS);
    pdpt = table_of(ours.root.table.v, 0);
    pd = table_of(pdpt, 0);
    pt = table_of(pd, 0);
    cr_expect(lt(u64, pd, pdpt));
    cr_expect(lt(u64, pt, pd));
}
