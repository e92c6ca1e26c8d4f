/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of addresses that are none: SEV's C-bit and its like; and tags of virtual
 * addresses, which the registers take off. */
#include "compact_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))

enum { ROOT = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000 };
enum { DATA = 0x10000, PAGES_OF_DATA = 16 };

static const uint64_t C = (uint64_t)1 << 47;

static enum ptw_status with_flags(const char *name, unsigned pa_bits,
                                  uint64_t flag_bits)
{
    struct ptw_cpu cpu = {
        .pa_bits = pa_bits, .x86.page1g = true, .flag_bits = flag_bits};

    return ptw_regime_by_name(name, &cpu, 0, &regime, NULL);
}

/* Sixteen pages of data, each mapped once; all tables have the flag. */
static void fill(uint64_t flag_bits)
{
    expect_status(with_flags("amd64", 52, flag_bits), PTW_OK);
    put(ROOT, 0, PDPT | P | W | U | C);
    put(PDPT, 0, PD | P | W | U | C);
    put(PD, 0, PT | P | W | U | C);
    for (unsigned i = 0; i < PAGES_OF_DATA; i++) {
        put(PT, i, (DATA + i * PAGE) | P | U | C);
        memset(ram + DATA + i * PAGE, 0x20, PAGE);
        ram[DATA + i * PAGE] = (uint8_t)i;
    }
}

static void guest_with_flags(uint64_t flag_bits)
{
    start("amd64");
    fill(flag_bits);
}

static void ram_with_flags(uint64_t flag_bits)
{
    machine("amd64");
    fill(flag_bits);
}

/* The entry of the image for va, of that level. */
static uint64_t entry_of(const struct image *n, uint64_t va, unsigned level)
{
    struct ptw_step step[PTW_MAX_LEVELS];
    struct ptw_translation tr;
    size_t steps;

    expect_status(
        ptw_explain(&n->mem, n->root[0], ptw_va_of(va), &tr, step, &steps),
        PTW_OK);
    return step[3 - level].raw;
}

static void change(struct image *n, uint64_t va, uint64_t raw)
{
    struct ptw_step step[PTW_MAX_LEVELS];
    struct ptw_translation tr;
    size_t steps;

    expect_status(
        ptw_explain(&n->mem, n->root[0], ptw_va_of(va), &tr, step, &steps),
        PTW_OK);
    for (unsigned i = 0; i < 8; i++) {
        n->bytes[step[3].entry.v - n->base + i] = (uint8_t)(raw >> 8 * i);
    }
}

static struct ptw_entry leaf(uint64_t raw)
{
    return ptw_decode(&regime, 0, 0, raw);
}

Test(flag_bits, are_no_address_and_not_reserved)
{
    expect_status(with_flags("amd64", 40, C), PTW_OK);
    cr_expect(eq(int, leaf(0x5000 | C | P).kind, PTW_ENTRY_LEAF));
    cr_expect(eq(u64, leaf(0x5000 | C | P).pa.v, 0x5000));
    cr_expect(eq(int, leaf(0x5000 | C << 1 | P).kind, PTW_ENTRY_BAD));
    cr_expect(eq(u64,
                 ptw_bad_entry_of(&regime, 0, 0, 0x5000 | C << 1 | C | P).bits,
                 C << 1));
    cr_expect(
        eq(u64, ptw_attributes_of(&regime, 0, 0x5000 | C | P).flag_bits, C));
    cr_expect(eq(u64, ptw_attributes_of(&regime, 0, 0x5000 | P).flag_bits, 0));
    cr_expect(eq(int, ptw_decode(&regime, 2, 0, 0x5000 | C | P).kind,
                 PTW_ENTRY_TABLE));
    cr_expect(eq(u64, ptw_x86_root(&regime, C | 0x5018).table.v, 0x5000));
    expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(C | 0x5000))),
                  PTW_E_WIDTH);

    expect_status(with_flags("amd64", 52, C), PTW_OK);
    cr_expect(eq(u64, leaf(0x5000 | C << 1 | C | P).pa.v, C << 1 | 0x5000));
    expect_status(with_flags("pae", 36, C), PTW_OK);
    cr_expect(eq(int, ptw_decode(&regime, 2, 0, 0x5000 | C | P).kind,
                 PTW_ENTRY_TABLE));
    cr_expect(eq(u64, leaf(0x5000 | C | P).pa.v, 0x5000));
}

/* A processor has them with paging off, too. */
Test(flag_bits, mean_nothing_in_a_mode_that_has_none)
{
    struct ptw_cpu cpu = {.pa_bits = 52, .flag_bits = C};
    struct ptw_x86_registers off = {1, 0, 0};
    struct ptw_x86_registers small = {0x80000001, 0, 0};

    expect_status(ptw_regime_from_x86(&off, &cpu, &regime, NULL), PTW_OK);
    cr_expect(eq(u64, regime.flag_bits, 0));
    expect_status(ptw_regime_from_x86(&small, &cpu, &regime, NULL), PTW_OK);
    cr_expect(eq(u64, ptw_root_flags(&regime), 0));
    expect_status(with_flags("pae", 52, C), PTW_OK);
    cr_expect(eq(u64, ptw_root_flags(&regime), 0));
    expect_status(with_flags("amd64", 52, C), PTW_OK);
    cr_expect(eq(u64, ptw_root_flags(&regime), C));
}

Test(flag_bits, are_refused_where_there_are_none)
{
    expect_status(with_flags("i686", 52, C), PTW_E_REGIME);
    expect_status(with_flags("bare", 52, C), PTW_E_REGIME);
    expect_status(with_flags("amd64", 52, (uint64_t)1 << 31), PTW_E_WIDTH);
    expect_status(with_flags("amd64", 52, (uint64_t)1 << 52), PTW_E_WIDTH);
}

/* A run ends where the flag bits change, and where an address would carry into
 * them. */
Test(flag_bits, end_a_run)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item item[8];
    struct ptw_walk w;
    size_t items;

    guest_with_flags(C);
    for (unsigned i = 8; i < 12; i++) {
        put(PT, i, (DATA + i * PAGE) | P | U);
    }
    put(PT, 14, (C - PAGE) | P | U);
    put(PT, 15, C | P | U);
    o.flags = PTW_WALK_RUNS;
    expect_status(ptw_virt_to_phys_init(
                      &w, &mem, ptw_root_of(&regime, ptw_pa_of(ROOT)), &o),
                  PTW_OK);
    expect_status(ptw_walk_next(&w, item, 8, &items), PTW_OK);
    cr_assert(eq(sz, items, 5));
    cr_expect(eq(u64, item[0].last.v, 8 * PAGE - 1));
    cr_expect(eq(u64, item[1].last.v, 12 * PAGE - 1));
    cr_expect(eq(u64, item[2].last.v, 14 * PAGE - 1));
    cr_expect(eq(u64, item[3].u.mapping.pa.v, C - PAGE));
    cr_expect(eq(u64, item[4].u.mapping.pa.v, 0));
}

static uint64_t next_table;

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    (void)ctx;
    table->v = next_table;
    next_table += PAGE;
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take};

Test(flag_bits, are_kept_by_edits_and_given_to_what_they_make)
{
    struct ptw_tables t = {.mem = &mem, .ops = &ops, .root = {&regime, {ROOT}}};
    struct ptw_map_request q = {
        .first = {0x40000000},
        .last = {0x401FFFFF},
        .pa = {0x200000},
        .rights = PTW_READ | PTW_WRITE | PTW_EXEC,
        .flags = PTW_EDIT_LARGE | PTW_EDIT_SPLIT,
    };
    struct ptw_range_request r = {.first = {0x40001000},
                                  .last = {0x40001FFF},
                                  .rights = PTW_READ,
                                  .flags = PTW_EDIT_SPLIT};

    ram_with_flags(C);
    next_table = 0x100000;
    q.attributes.flag_bits = C << 1;
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    q.attributes.flag_bits = C;
    t.table_flags = C << 1;
    expect_status(ptw_map(&t, &q), PTW_E_ARG);
    t.table_flags = C;
    expect_status(ptw_map(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry_at(PDPT, 1), 0x100000 | C | TABLE));
    cr_expect(eq(u64, entry_at(0x100000, 0), 0x200000 | C | PS | RWX));
    expect_status(ptw_protect(&t, &r), PTW_OK); /* splits it */
    cr_expect(eq(u64, entry_at(0x100000, 0), 0x101000 | C | 0x27));
    cr_expect(eq(u64, entry_at(0x101000, 0), 0x200000 | C | RWX));
    cr_expect(eq(u64, entry_at(0x101000, 1), 0x201000 | C | RX | NX));
}

/* No address of the range may have the bit, not in its middle either. */
Test(flag_bits, are_in_no_address_that_is_mapped)
{
    struct ptw_tables t = {.mem = &mem, .ops = &ops, .root = {&regime, {ROOT}}};
    struct ptw_map_request q = {
        .first = {0},
        .last = {(C << 1) - 1},
        .rights = PTW_READ | PTW_EXEC,
        .flags = PTW_EDIT_LARGE,
    };

    ram_with_flags((uint64_t)1 << 40);
    next_table = 0x100000;
    q.last.v = ((uint64_t)1 << 46) - 1;
    expect_status(ptw_map(&t, &q), PTW_E_WIDTH);
    q.last.v = ((uint64_t)1 << 41) + ((uint64_t)1 << 30) - 1; /* nor its end */
    expect_status(ptw_map(&t, &q), PTW_E_WIDTH);
    q.first.v = (uint64_t)1 << 39;
    q.last.v = q.first.v + 0xFFF;
    q.pa.v = (uint64_t)1 << 40;
    expect_status(ptw_map(&t, &q), PTW_E_WIDTH);
    q.pa.v = (uint64_t)1 << 41;
    expect_status(ptw_map(&t, &q), PTW_OK);
}

/* Five new tables, of which the first one alone has an address with the flag, or
 * none: it is not that of the last root. */
Test(flag_bits, are_in_no_address_of_a_new_table)
{
    for (unsigned flagged = 0; flagged < 2; flagged++) {
        struct job j;
        struct image n;

        guest_with_flags(C);
        put(ROOT + 0x8000, 0, PDPT | P | W | U | C);
        j = job_of(2);
        j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
        j.root[1] = ptw_root_of(&regime, ptw_pa_of(ROOT + 0x8000));
        j.o.flags = PTW_REBUILD_TABLES_APART;
        j.o.base.v = 2 * C + 0x100000;
        j.o.tables_base.v = flagged != 0 ? 2 * C - PAGE : 2 * C + 0x200000;
        cr_expect(
            eq(int, (int)compact(&j, &n), flagged != 0 ? PTW_E_WIDTH : PTW_OK));
        free_image(&n);
    }
}

Test(flag_bits, stay_in_a_rebuild)
{
    struct job j;
    struct image n;

    guest_with_flags(C);
    j = job_of(1);
    put(PT, 3, (DATA + 3 * PAGE) | P | U);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.flags_differ, 0));
    for (unsigned i = 0; i < PAGES_OF_DATA; i++) {
        cr_expect(eq(u64, entry_of(&n, i * PAGE, 0) & C, i == 3 ? 0 : C));
    }
    for (unsigned level = 1; level < 4; level++) {
        cr_expect(eq(u64, entry_of(&n, 0, level) & C, C));
    }
    /* A leaf that says otherwise of its page is not the same. */
    change(&n, 3 * PAGE, entry_of(&n, 3 * PAGE, 0) | C);
    expect_status(verified(&j, &n), PTW_DIFFERENT);
    free_image(&n);
}

/* The table of a leaf that is split is referred to as the table that holds the
 * leaf is; not as one of another space. */
Test(flag_bits, of_a_split_are_those_of_its_path)
{
    struct job j;
    struct image n;

    guest_with_flags(C);
    j = job_of(2);
    put(PD, 1, 0x200000 | PS | P | U | C);
    put(0x8000, 0, 0x9000 | P | W | U);
    put(0x9000, 0, 0xA000 | P | W | U);
    put(0xA000, 1, 0x200000 | PS | P | U);
    offer(0x200000, 0x200000, far_memory(0x200000), DIRECT);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(0x8000));
    j.o.flags = PTW_REBUILD_SPLIT;
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, entry_of(&n, 0x200000, 1) & C, C));
    n.root[0] = n.root[1];
    cr_expect(eq(u64, entry_of(&n, 0x200000, 1) & C, 0));
    free_image(&n);
}

/* Tables that a map needs are referred to as the root of their space is. */
Test(flag_bits, of_a_maps_tables_are_those_of_the_root)
{
    const uint64_t with[2] = {C, 0};
    const uint64_t stray[2] = {0, C << 1};
    static const struct ptw_va_range free_range = {{0x40000000}, {0x40000FFF}};
    struct ptw_map_request map = {
        .first = {0x40000000},
        .last = {0x40000FFF},
        .rights = PTW_READ | PTW_EXEC,
    };
    struct job j;
    struct image n;

    guest_with_flags(C);
    j = job_of(2);
    put(0x9000, 0, 0xA000 | P | W | U);
    put(0xA000, 0, 0xB000 | P | W | U);
    put(0xB000, 0, 0xC000 | P | W | U);
    put(0xC000, 0, DATA | P | U);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(0x9000));
    j.o.map = &map;
    j.o.maps = 1;
    j.o.leave_out = &free_range;
    j.o.leave_outs = 1;
    j.o.root_flags = stray;
    expect_status(compact(&j, &n), PTW_E_ARG);
    free_image(&n);
    j.o.root_flags = with;
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(eq(u64, entry_of(&n, 0x40000000, 2) & C, C));
    cr_expect(eq(u64, entry_of(&n, 0x40000000, 1) & C, C));
    n.root[0] = n.root[1];
    cr_expect(eq(u64, entry_of(&n, 0x40000000, 2) & C, 0));
    cr_expect(eq(u64, entry_of(&n, 0x40000000, 1) & C, 0));
    free_image(&n);
}

/* Pages 2, 4 and 6 have the same bytes; 4 is mapped without the flag. */
static struct job three_alike(void)
{
    struct job j;

    guest_with_flags(C);
    j = job_of(1);
    for (unsigned i = 2; i <= 6; i += 2) {
        ram[DATA + i * PAGE] = 2;
    }
    put(PT, 4, (DATA + 4 * PAGE) | P | U);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    j.o.flags = PTW_REBUILD_MERGE;
    return j;
}

Test(flag_bits, keep_pages_apart_that_have_the_same_bytes)
{
    struct job j = three_alike();
    struct image n;

    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.merged, 1));
    cr_expect(eq(u64, entry_of(&n, 2 * PAGE, 0), entry_of(&n, 6 * PAGE, 0)));
    cr_expect(
        ne(u64, entry_of(&n, 2 * PAGE, 0) & ~C, entry_of(&n, 4 * PAGE, 0)));
    /* One that merges them all the same is not right. */
    change(&n, 4 * PAGE, entry_of(&n, 2 * PAGE, 0) & ~C);
    expect_status(verified(&j, &n), PTW_DIFFERENT);
    cr_expect(eq(int, verify.difference.kind, PTW_DIFFERS_JOINED));
    free_image(&n);
}

Test(flag_bits, keep_pages_of_zeros_apart)
{
    struct job j = three_alike();
    struct image n;

    for (unsigned i = 2; i <= 6; i += 2) {
        memset(ram + DATA + i * PAGE, 0, PAGE);
    }
    j.o.flags = PTW_REBUILD_ZEROS;
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.merged, 1));
    free_image(&n);
}

Test(flag_bits, do_not_keep_pages_of_zeros_apart_that_have_the_same)
{
    struct job j = three_alike();
    struct image n;

    for (unsigned i = 2; i <= 6; i += 2) {
        memset(ram + DATA + i * PAGE, 0, PAGE);
    }
    put(PT, 2, (DATA + 2 * PAGE) | P | U);
    put(PT, 4, (DATA + 4 * PAGE) | C | P | U);
    put(PT, 6, (DATA + 6 * PAGE) | C | P | U);
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.merged, 1));
    cr_expect(eq(u64, entry_of(&n, 4 * PAGE, 0), entry_of(&n, 6 * PAGE, 0)));
    free_image(&n);
}

/* Two leaves of one page that differ in the flag: said, and never merged. */
Test(flag_bits, are_counted_where_leaves_of_a_page_differ)
{
    struct job j = three_alike();
    struct image n;

    put(PT, 20, (DATA + 2 * PAGE) | P | U);
    put(PD, 3, 0x200000 | PS | P | U | C);
    put(PD, 4, 0x200000 | PS | P | U);
    offer(0x200000, 0x200000, far_memory(0x200000), DIRECT);
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.flags_differ, 1 + 512));
    cr_expect(eq(u64, n.counts.merged, 0));
    free_image(&n);
}

/* A page of one leaf is not counted, whatever kind of flag bits it has. */
Test(flag_bits, of_a_third_kind_do_not_differ_by_themselves)
{
    struct job j;
    struct image n;

    guest_with_flags(C | C >> 1 | C >> 2);
    j = job_of(1);
    put(PT, 4, (DATA + 4 * PAGE) | P | U | C >> 1);
    put(PT, 5, (DATA + 5 * PAGE) | P | U | C >> 2);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.flags_differ, 0));
    free_image(&n);
}

/* Nor one that can't be read. */
Test(flag_bits, do_not_differ_where_a_page_can_not_be_read)
{
    struct job j = three_alike();
    struct image n;

    put(PT, 20, 0x300000 | P | U | C);
    put(PT, 21, 0x300000 | P | U);
    offer(0x300000, PAGE, far_memory(PAGE), REFUSED);
    expect_status(compact(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.dropped[PTW_DROP_UNREADABLE], 2));
    cr_expect(eq(u64, n.counts.flags_differ, 0));
    free_image(&n);
}

/* Page 6 joins page 2, of which a second leaf has no flag. */
Test(flag_bits, of_any_leaf_of_a_page_that_is_joined_are_looked_at)
{
    struct job j = three_alike();
    struct image n;

    put(PT, 20, (DATA + 2 * PAGE) | P | U);
    expect_status(compact(&j, &n), PTW_OK);
    expect_status(verified(&j, &n), PTW_OK);
    cr_expect(eq(u64, n.counts.merged, 0));
    change(&n, 6 * PAGE, entry_of(&n, 2 * PAGE, 0));
    expect_status(verified(&j, &n), PTW_DIFFERENT);
    cr_expect(eq(int, verify.difference.kind, PTW_DIFFERS_JOINED));
    free_image(&n);
}

Test(flag_bits, are_in_no_frame_of_an_entry_that_is_not_present)
{
    const struct ptw_absent absent = {.policy = PTW_ABSENT_WINDOWS};
    const uint64_t raw = 0x5000 | (uint64_t)1 << 11; /* in transition */

    expect_status(with_flags("amd64", 52, C), PTW_OK);
    cr_expect(eq(int, ptw_absent_read(&absent, &regime, 0, raw).kind,
                 PTW_ABSENT_FRAME));
    cr_expect(eq(int, ptw_absent_read(&absent, &regime, 0, raw | C).kind,
                 PTW_ABSENT_UNKNOWN));
}

/* ------------------------------------------------------- whose processor */

Test(vendor, of_amd_reserves_bit_8_above_the_pd)
{
    struct ptw_cpu cpu = ptw_cpu_widest;

    for (unsigned amd = 0; amd < 2; amd++) {
        enum ptw_entry_kind kind = amd ? PTW_ENTRY_BAD : PTW_ENTRY_TABLE;

        cpu.x86.amd = amd != 0;
        expect_status(ptw_regime_by_name("amd64-la57", &cpu, 0, &regime, NULL),
                      PTW_OK);
        for (unsigned level = 2; level < 5; level++) {
            cr_expect(eq(
                int, ptw_decode(&regime, level, 0, 0x5000 | G | P).kind, kind));
        }
        cr_expect(
            eq(u64, ptw_bad_entry_of(&regime, 3, 0, G | P).bits, amd ? G : 0));
        cr_expect(eq(int, ptw_decode(&regime, 1, 0, 0x5000 | G | P).kind,
                     PTW_ENTRY_TABLE));
        cr_expect(eq(int, ptw_decode(&regime, 2, 0, G | PS | P).kind,
                     PTW_ENTRY_LEAF));
    }
}

Test(vendor, is_not_forgotten_with_more_features)
{
    struct ptw_cpu cpu = {.pa_bits = 52, .x86.amd = true};

    expect_status(ptw_regime_by_name("amd64", &cpu, 0, &regime, NULL), PTW_OK);
    expect_status(
        ptw_regime_with(&regime, PTW_X86_PAGE1G | PTW_X86_CET, &regime, NULL),
        PTW_OK);
    cr_expect(eq(u64, ptw_bad_entry_of(&regime, 3, 0, G | P).bits, G));
    cr_expect(
        eq(int, ptw_decode(&regime, 2, 0, G | PS | P).kind, PTW_ENTRY_LEAF));
}

/* ------------------------------------------------------------------ tags */

static uint64_t untagged(uint64_t cr4, uint64_t efer, uint64_t cr3, uint64_t va)
{
    struct ptw_x86_registers regs = {0x80010001, 0x20 | cr4, 0xD00 | efer};

    expect_status(ptw_regime_from_x86(&regs, NULL, &regime, NULL), PTW_OK);
    return ptw_x86_untag(&regime, cr3, ptw_va_of(va)).v;
}

Test(tags, are_taken_off_where_the_registers_say_so)
{
    static const uint64_t u57 = (uint64_t)1 << 61;
    static const uint64_t u48 = (uint64_t)1 << 62;
    static const uint64_t sup = 1 << 28;
    static const uint64_t uai = 1 << 20;
    static const uint64_t la57 = 1 << 12;
    static const struct {
        uint64_t cr4, efer, cr3, va, is;
    } v[] = {
        {0, 0, 0, 0x7E00123456789ABC, 0x7E00123456789ABC},
        {0, 0, u57, 0x7E00123456789ABC, 0x0000123456789ABC},
        {0, 0, u57, 0x7F00123456789ABC, 0x7F00123456789ABC}, /* bit 56 */
        {0, 0, u57, 0xFE00123456789ABC, 0xFE00123456789ABC}, /* bit 63 */
        {0, 0, u48, 0x7FFF123456789ABC, 0x0000123456789ABC},
        {0, 0, u48, 0x0000923456789ABC, 0x7FFF923456789ABC}, /* not canonical */
        {0, 0, u57 | u48, 0x7E01123456789ABC, 0x0001123456789ABC},
        {sup, 0, 0, 0x8000923456789ABC, 0xFFFF923456789ABC},
        {sup, 0, 0, 0x7E00123456789ABC, 0x7E00123456789ABC},
        {sup | la57, 0, 0, 0x81FF923456789ABC, 0xFFFF923456789ABC},
        {sup | la57, 0, 0, 0x80FF923456789ABC, 0x80FF923456789ABC},
        {0, uai, 0, 0xFE00123456789ABC, 0x0000123456789ABC},
        {0, uai, 0, 0x01FF923456789ABC, 0xFFFF923456789ABC},
    };

    for (unsigned i = 0; i < sizeof v / sizeof v[0]; i++) {
        cr_expect(
            eq(u64, untagged(v[i].cr4, v[i].efer, v[i].cr3, v[i].va), v[i].is),
            "%u", i);
    }
}

/* A run of which a page in the middle would have the bit, and no page at its ends. */
Test(amd64_place, refuses_a_run_that_passes_over_a_flag_bit)
{
    struct ptw_item item = {.kind = PTW_ITEM_MAPPING};

    expect_status(with_flags("amd64", 52, C), PTW_OK);
    item.last.v = C + 2 * PAGE - 1;
    item.u.mapping.raw = P | W | U;
    item.u.mapping.rights = item.u.mapping.above =
        PTW_READ | PTW_WRITE | PTW_EXEC | PTW_USER;
    item.u.mapping.size_log2 = 12;
    expect_status(ptw_item_place(&regime, &item, ptw_pa_of(C - PAGE),
                                 PTW_PLACE_AS_IT_IS, PTW_EDIT_EXACT),
                  PTW_E_WIDTH);
    cr_expect(eq(u64, item.u.mapping.raw, P | W | U));
    item.last.v = C - 2 * PAGE - 1;
    expect_status(ptw_item_place(&regime, &item, ptw_pa_of(PAGE),
                                 PTW_PLACE_AS_IT_IS, PTW_EDIT_EXACT),
                  PTW_OK);
    cr_expect(eq(u64, item.u.mapping.raw, PAGE | P | W | U));
}

/* Outside of long mode there are none. */
Test(tags, are_of_long_mode)
{
    struct ptw_x86_registers regs = {0x80010001, 0x10000020, 0x100800};

    expect_status(ptw_regime_from_x86(&regs, NULL, &regime, NULL), PTW_OK);
    cr_expect(
        eq(u64,
           ptw_x86_untag(&regime, UINT64_MAX, ptw_va_of(0x7E00000000000000)).v,
           0x7E00000000000000));
}
