/* SPDX-License-Identifier: Apache-2.0 */
/* The PDPT of PAE paging: 32 bytes, several in one page, below 4 GiB, and
 * entries without rights.  Intel SDM vol. 3A, "PAE Paging". */
#include "compact_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))

enum { PDPTS = 0x1000, FIRST = 0x1020, SECOND = 0x1040, THIRD = 0x1FE0 };
enum { PD_A = 0x2000, PD_B = 0x3000, PT_A = 0x4000, KERNEL = 0x5000 };
enum { DATA = 0x10000 };

/* Three roots in one page, that share the PD of the last GiB, and data of some
 * other kind between them. */
static void three_roots(void)
{
    static const unsigned root[3] = {FIRST, SECOND, THIRD};

    start("pae");
    memset(ram + PDPTS, 0xEE, PAGE);
    for (unsigned i = 0; i < 3; i++) {
        memset(ram + root[i], 0, 32);
        put(root[i], 3, KERNEL | P | A);
    }
    put(FIRST, 0, PD_A | P);
    put(SECOND, 0, PD_B | P | PWT);
    put(PD_A, 5, PT_A | P | W | U | A);
    put(PD_B, 6, PT_A | P | W | A);
    put(PT_A, 7, DATA | P | W | U | A | NX);
    put(KERNEL, 0, (DATA + PAGE) | P | W); /* leads to a table of data: none */
    put(KERNEL, 1, 0x200000 | P | W | PS | G);
    memset(ram + DATA, 0x11, PAGE);
}

static struct job three_spaces(void)
{
    struct job j;

    three_roots();
    j = job_of(3);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(FIRST));
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(SECOND));
    j.root[2] = ptw_root_of(&regime, ptw_pa_of(THIRD));
    return j;
}

Test(pae_root, is_aligned_to_32_bytes_and_below_4_gib)
{
    start("pae");
    for (unsigned i = 0; i < 5; i++) {
        expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(1u << i))),
                      PTW_E_ALIGN);
    }
    expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(32))), PTW_OK);
    expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(0xFFFFFFE0))),
                  PTW_OK);
    expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(0x100000000))),
                  PTW_E_WIDTH);
    cr_expect(eq(u64, ptw_root_bytes(&regime), 32));
    cr_expect(
        eq(u64, ptw_x86_root(&regime, 0xABCD12345679).table.v, 0x12345660));
}

Test(pae_root, needs_32_bytes_of_memory_and_no_more)
{
    struct ptw_mem little;
    struct ptw_translation tr;

    start("pae");
    expect_status(
        ptw_mem_init_flat(&little, ptw_pa_of(0x1020), ram + 0x1020, 32, false),
        PTW_OK);
    put(0x1020, 3, 0x2000 | P);
    expect_status(ptw_lookup(&little, ptw_root_of(&regime, ptw_pa_of(0x1020)),
                             ptw_va_of(0x40000000), &tr),
                  PTW_NOT_MAPPED);
    expect_status(ptw_lookup(&little, ptw_root_of(&regime, ptw_pa_of(0x1020)),
                             ptw_va_of(0xC0000000), &tr),
                  PTW_E_BUS);
    cr_expect(eq(u8, tr.level, 1));
}

/* Bits 2:1, 8:6 and all above the width are reserved.  Bit 5 is in the manual,
 * and real images have it. */
Test(pae_pdpte, has_its_own_reserved_bits)
{
    static const uint64_t reserved = 0xFFF00000000001C6;

    start("pae");
    for (unsigned bit = 1; bit < 64; bit++) {
        uint64_t raw = (uint64_t)1 << bit | P;
        bool bad = (reserved >> bit & 1) != 0;

        cr_expect(eq(int, ptw_decode(&regime, 2, 0, raw).kind,
                     bad ? PTW_ENTRY_BAD : PTW_ENTRY_TABLE),
                  "bit %u", bit);
        cr_expect(eq(u64, ptw_bad_entry_of(&regime, 2, 0, raw).bits,
                     bad ? raw & ~P : 0));
    }
    cr_expect(eq(uint, ptw_decode(&regime, 2, 0, P).rights, RWXU));
    machine_with("pae", 36, 0);
    cr_expect(eq(int, ptw_decode(&regime, 2, 0, P | (uint64_t)1 << 36).kind,
                 PTW_ENTRY_BAD));
    cr_expect(eq(int, ptw_decode(&regime, 2, 0, P | (uint64_t)1 << 35).kind,
                 PTW_ENTRY_TABLE));
}

/* Bits 62:52, which in long mode are software's or a key, are reserved, in a run
 * of leaves, too. */
Test(pae_pte, has_reserved_bits_that_long_mode_ignores)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item item[16];
    struct ptw_walk w;
    size_t items;

    three_roots();
    for (unsigned i = 0; i < 16; i++) {
        put(PT_A, i, (DATA + i * PAGE) | P | W | U | A);
    }
    put(PT_A, 9, entry_at(PT_A, 9) | (uint64_t)1 << 52);
    o.flags = PTW_WALK_RUNS;
    expect_status(ptw_virt_to_phys_init(
                      &w, &mem, ptw_root_of(&regime, ptw_pa_of(FIRST)), &o),
                  PTW_OK);
    expect_status(ptw_walk_next(&w, item, 16, &items), PTW_OK);
    cr_expect(eq(sz, items, 4)); /* a run, the bad one, a run, 2 MiB */
    cr_expect(eq(int, item[0].kind, PTW_ITEM_MAPPING));
    cr_expect(eq(u64, item[0].last.v - item[0].first.v, 9 * PAGE - 1));
    cr_expect(eq(int, item[1].kind, PTW_ITEM_FINDING));
    cr_expect(eq(int, item[1].u.finding.kind, PTW_FINDING_BAD_ENTRY));
}

Test(pae_spaces, tells_roots_in_one_page_apart)
{
    static const uint64_t root[3] = {FIRST, SECOND, THIRD};
    struct plan plan = spaces_plan(3, root);
    const struct report *report;
    unsigned aliases = 0;
    unsigned walked = 0;

    three_roots();
    report = walk(&plan);
    expect_status(report->end, PTW_END);
    for (size_t i = 0; i < report->count; i++) {
        const struct ptw_item *item = &report->item[i];

        walked += item->kind == PTW_ITEM_SPACE &&
                  item->u.space_info.kind == PTW_SPACE_WALKED;
        if (item->kind == PTW_ITEM_ALIAS) {
            enum ptw_pae_alias_level level = item->u.alias.pae.level;

            aliases++;
            cr_expect(eq(int, level,
                         item->u.alias.pae.ref.table.v == KERNEL
                             ? PTW_PAE_ALIAS_PD
                             : PTW_PAE_ALIAS_PT));
            cr_expect(eq(u32, item->u.alias.pae.ref.owner, 0));
        }
    }
    cr_expect(eq(uint, walked, 3));
    cr_expect(eq(uint, aliases, 3)); /* the kernel twice, the PT once */
}

Test(pae_rebuild, gives_each_root_a_page_with_nothing_behind_it)
{
    struct job j = three_spaces();
    struct image n;

    cr_expect(eq(str, (char *)good(&j, &n), ""));
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *page = n.bytes + (n.root[i].table.v - n.base);

        cr_expect(eq(u64, n.root[i].table.v % PAGE, 0));
        for (unsigned k = 32; k < PAGE; k++) {
            cr_assert(eq(u8, page[k], 0));
        }
    }
    free_image(&n);
}

/* Roots above 4 GiB can't be loaded into CR3. */
Test(pae_rebuild, refuses_a_base_that_puts_a_root_above_4_gib)
{
    struct job j = three_spaces();
    struct image n;

    j.o.flags = PTW_REBUILD_TABLES_APART;
    j.o.tables_base.v = 0xFFFFE000;
    expect_status(compact(&j, &n), PTW_E_WIDTH);
    free_image(&n);
}

/* A verifier that numbered tables by the page would take the three roots for
 * one table, and one for the other. */
Test(pae_verify, tells_roots_in_one_page_apart)
{
    struct job j = three_spaces();
    struct image n;
    struct ptw_root first;

    /* The spaces differ, by an entry each, in nothing but their roots. */
    put(SECOND, 0, PD_A | P);
    put(SECOND, 1, PD_B | P);
    put(FIRST, 2, PD_B | P);
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    first = n.root[0];
    n.root[0] = n.root[1];
    n.root[1] = first;
    expect_status(verified(&j, &n), PTW_DIFFERENT);
    free_image(&n);

    /* The image itself is a good image of itself. */
    memset(&n, 0, sizeof n);
    n.mem = mem;
    memcpy(n.root, j.root, sizeof n.root);
    expect_status(verified(&j, &n), PTW_OK);
}

/* A verifier that numbered tables by the page would take the new roots for one
 * table that stands for three. */
Test(pae_verify, takes_roots_that_came_into_one_page)
{
    struct job j = three_spaces();
    struct image n;

    memset(&n, 0, sizeof n);
    n.mem = mem;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t apart = KERNEL + (i + 1) * PAGE;

        n.root[i] = j.root[i];
        memcpy(ram + apart, ram + j.root[i].table.v, 32);
        j.root[i] = ptw_root_of(&regime, ptw_pa_of(apart));
    }
    expect_status(verified(&j, &n), PTW_OK);
}

/* ------------------------------------------------------------------- edits */

enum { HIGH_TABLES = 4 };

static const uint64_t HIGH = 0x100000000;
static _Alignas(PAGE) uint8_t high[HIGH_TABLES][PAGE];
static uint64_t offered[8]; /* what take returns, in order; 0: no more */
static unsigned took;
static unsigned gave;

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    (void)ctx;
    if (offered[took] == 0) {
        return PTW_E_SPACE;
    }
    table->v = offered[took++];
    return PTW_OK;
}

static void give(void *ctx, ptw_pa table)
{
    (void)ctx;
    (void)table;
    gave++;
}

static const struct ptw_table_ops ops = {.take = take, .give = give};

/* A space whose root two spaces have, and memory below and above 4 GiB. */
static void shared_root(struct ptw_tables *t, struct ptw_mem *m,
                        struct ptw_region region[2])
{
    static uint64_t list[512];
    static uint64_t seen[512];
    static struct ptw_shares shares;
    struct ptw_memo memo;
    struct ptw_root roots[2] = {{&regime, {FIRST}}, {&regime, {FIRST}}};

    three_roots();
    memset(region, 0, 2 * sizeof *region);
    region[0].last.v = RAM_BYTES - 1;
    region[0].host = ram;
    region[0].writable = true;
    region[1].first.v = HIGH;
    region[1].last.v = HIGH + sizeof high - 1;
    region[1].host = high[0];
    region[1].writable = true;
    expect_status(ptw_mem_init_regions(m, region, 2), PTW_OK);
    *t = (struct ptw_tables){.mem = m, .root = roots[0], .ops = &ops};
    expect_status(ptw_shares_init(&shares, list, sizeof list, 1), PTW_OK);
    expect_status(ptw_memo_init(&memo, seen, sizeof seen, 1), PTW_OK);
    expect_status(ptw_shares_scan(&shares, m, roots, 2, &memo, 0), PTW_OK);
    t->shares = &shares;
    took = 0;
    gave = 0;
}

static enum ptw_status map_a_page(struct ptw_tables *t)
{
    struct ptw_map_request q = {
        .first = {0x80000000},
        .last = {0x80000FFF},
        .pa = {DATA},
        .rights = PTW_READ | PTW_EXEC,
        .flags = PTW_EDIT_UNSHARE,
    };

    return ptw_map(t, &q);
}

/* The copy of a root is a root: CR3 has to hold it.  The tables below may lie
 * anywhere. */
Test(pae_edit, copies_a_root_to_where_cr3_reaches)
{
    struct ptw_tables t;
    struct ptw_mem m;
    struct ptw_region region[2];
    struct ptw_translation tr;

    shared_root(&t, &m, region);
    memcpy(offered, (uint64_t[]){HIGH, HIGH + PAGE, HIGH + 2 * PAGE, 0}, 32);
    expect_status(map_a_page(&t), PTW_E_WIDTH);
    cr_expect(eq(uint, gave, took));
    cr_expect(eq(u64, t.root.table.v, FIRST));

    shared_root(&t, &m, region);
    memset(high, 0, sizeof high);
    memcpy(offered, (uint64_t[]){HIGH, HIGH + PAGE, 0x20000, 0}, 32);
    expect_status(map_a_page(&t), PTW_OK);
    cr_expect(eq(u64, t.root.table.v, 0x20000));
    cr_expect(eq(u64, entry_at(0x20000, 2) & ~(uint64_t)0xFFF, HIGH + PAGE));
    expect_status(ptw_lookup(&m, t.root, ptw_va_of(0x80000000), &tr), PTW_OK);
    cr_expect(eq(u64, entry_at(FIRST, 2), 0));
}

/* A PDPTE has no rights to withhold. */
Test(pae_link, refuses_less_than_all_rights_at_the_root)
{
    struct ptw_tables t;
    struct ptw_mem m;
    struct ptw_region region[2];
    struct ptw_link_request q = {
        .first = {0x40000000},
        .last = {0x7FFFFFFF},
        .their_va = {0},
        .owner = {&regime, {SECOND}},
        .level = {.pae = PTW_PAE_ALIAS_PD},
        .rights = PTW_READ | PTW_WRITE | PTW_EXEC,
    };

    shared_root(&t, &m, region);
    t.root.table.v = THIRD;
    expect_status(ptw_link(&t, &q), PTW_E_RIGHTS);
    cr_expect(eq(u64, entry_at(THIRD, 1), 0));
    q.rights = RWXU;
    expect_status(ptw_link(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry_at(THIRD, 1), PD_B | P));
    q.level.pae = PTW_PAE_ALIAS_PT;
    q.first.v = 0x80000000;
    q.last.v = 0x80000FFF;
    q.their_va.v = 6 << 21;
    q.rights = PTW_READ;
    offered[0] = 0;
    expect_status(ptw_link(&t, &q), PTW_E_SPACE);
}

Test(pae_space_map, takes_a_root_that_cr3_reaches)
{
    struct ptw_tables t;
    struct ptw_mem m;
    struct ptw_region region[2];
    struct ptw_item item = {.kind = PTW_ITEM_SPACE};
    struct ptw_built built;

    shared_root(&t, &m, region);
    memcpy(offered, (uint64_t[]){HIGH, 0}, 16);
    item.u.space_info.kind = PTW_SPACE_WALKED;
    item.u.space_info.root.regime = &regime;
    expect_status(ptw_space_aware_map(&t, &item, &built, 1, 0), PTW_E_WIDTH);
    cr_expect(not(built.built));
    cr_expect(eq(uint, gave, 1));
    took = 0;
    offered[0] = 0x20000;
    expect_status(ptw_space_aware_map(&t, &item, &built, 1, 0), PTW_OK);
    cr_expect(eq(u64, built.root.table.v, 0x20000));
}

/* The PD that starts where the root does is larger than the root, so that it is
 * another table: what it maps behind the root is in the image. */
Test(pae_rebuild, keeps_what_a_directory_maps_behind_the_root_that_it_holds)
{
    struct job j;
    struct ptw_translation tr;
    struct image n;

    start("pae");
    j = job_of(1);
    memset(ram + DATA, 0x5A, PAGE);
    put(PDPTS, 3, PDPTS | P);
    put(PDPTS, 8, PT_A | P | W);
    put(PT_A, 7, DATA | P | W);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(PDPTS));
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    expect_status(ptw_lookup(&n.mem, n.root[0], ptw_va_of(0xC1007000), &tr),
                  PTW_OK);
    cr_expect(eq(u64, tr.leaf_va.v, 0xC1007000));
    free_image(&n);
}
