/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64: names, registers, entries, halves, accesses.  Arm Architecture Reference
 * Manual for A-profile architecture, chapter D8, "The AArch64 Virtual Memory System
 * Architecture", whose sections the tests name. */
#include "ptwalk/ptwalk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))
#define no(x)                       cr_expect(eq(int, (x), false))
#define BIT(n)                      ((uint64_t)1 << (n))

enum { R = PTW_READ, W = PTW_WRITE, U = PTW_USER, X = PTW_EXEC };
enum { UX = PTW_USER_EXEC, ALL = PTW_ALL_RIGHTS };
enum { L3, L2, L1, L0, LM1 };

/* Bits of entries. */
static const uint64_t PAGE = 3, TABLE = 3, BLOCK = 1;
static const uint64_t AP1 = BIT(6), AP2 = BIT(7), SH = BIT(8) | BIT(9);
static const uint64_t AF = BIT(10), NG = BIT(11), DBM = BIT(51);
static const uint64_t CONT = BIT(52), PXN = BIT(53), UXN = BIT(54);
static const uint64_t PXNT = BIT(59), UXNT = BIT(60);
static const uint64_t APT0 = BIT(61), APT1 = BIT(62);

static struct ptw_regime regime;

static void use_with(const char *name, unsigned pa_bits, unsigned features)
{
    struct ptw_cpu cpu = ptw_cpu_widest;

    cpu.pa_bits = pa_bits;
    cr_assert(ptw_regime_by_name(name, &cpu, 0, &regime, NULL) == PTW_OK);
    cr_assert(ptw_regime_with(&regime, features, &regime, NULL) == PTW_OK);
}

static void use(const char *name)
{
    use_with(name, 52, 0);
}

static void is(unsigned level, uint64_t raw, enum ptw_entry_kind kind,
               uint64_t pa, unsigned rights)
{
    struct ptw_entry e = ptw_decode(&regime, level, 0, raw);

    cr_expect(e.kind == kind && e.pa.v == pa && e.rights == rights,
              "%s, level %u, %llx: kind %d, address %llx, rights %x, not %d, "
              "%llx, %x",
              ptw_regime_name(&regime), level, (unsigned long long)raw, e.kind,
              (unsigned long long)e.pa.v, e.rights, kind,
              (unsigned long long)pa, rights);
}

static void is_leaf(unsigned level, uint64_t raw, uint64_t pa)
{
    is(level, raw, PTW_ENTRY_LEAF, pa, R | W | X | UX);
}

static void is_table(unsigned level, uint64_t raw, uint64_t pa)
{
    is(level, raw, PTW_ENTRY_TABLE, pa, ALL);
}

static void is_bad(unsigned level, uint64_t raw, enum ptw_bad_reason why,
                   uint64_t bits)
{
    struct ptw_bad_entry bad = ptw_bad_entry_of(&regime, level, 0, raw);

    is(level, raw, PTW_ENTRY_BAD, 0, 0);
    cr_expect(eq(int, (int)bad.why, (int)why));
    cr_expect(eq(u64, bad.bits, bits));
}

/* -------------------------------------------------------------------- names */

Test(aarch64_name, is_that_of_the_regime)
{
    static const char *const name[] = {
        "aarch64-4k-48",
        "aarch64-4k-16",
        "aarch64-4k-39/upper",
        "aarch64-4k-52-lpa2",
        "aarch64-4k-40/el2",
        "aarch64-4k-48/e2h",
        "aarch64-4k-48/upper/e2h",
        "aarch64-16k-47",
        "aarch64-16k-52-lpa2/upper/e2h",
        "aarch64-16k-36-lpa2/el3",
        "aarch64-64k-17",
        "aarch64-64k-52/upper",
    };

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        use(name[i]);
        cr_expect(eq(str, (char *)ptw_regime_name(&regime), (char *)name[i]));
        cr_expect(ptw_is_aarch64(&regime));
        no(ptw_is_x86(&regime));
    }
}

Test(aarch64_name, is_refused_when_there_is_no_such_regime)
{
    static const char *const name[] = {
        "aarch64",
        "aarch64-",
        "aarch64-4k",
        "aarch64-4k-",
        "aarch64-4k-4",
        "aarch64-4k-048",
        "aarch64-8k-48",
        "aarch64-4k-15",
        "aarch64-4k-49",
        "aarch64-4k-53-lpa2",
        "aarch64-64k-16",
        "aarch64-64k-53",
        "aarch64-64k-48-lpa2",
        "aarch64-4k-48/",
        "aarch64-4k-48/el1",
        "aarch64-4k-48/upper/el2",
        "aarch64-4k-48/el2/upper",
        "aarch64-4k-48 ",
        "aarch64-16k-52",
        "aarch64-4k-48/e2h/upper",
    };

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        const char *why = NULL;

        cr_expect(ptw_regime_by_name(name[i], NULL, 0, &regime, &why) ==
                      PTW_E_REGIME,
                  "%s", name[i]);
        cr_expect(why != NULL);
    }
}

/* "Translation granules" and the tables of the levels of lookup: where a walk
 * starts, and how many entries are there. */
Test(aarch64_root, has_the_level_and_size_that_the_width_asks_for)
{
    static const struct {
        const char *name;
        unsigned levels;
        uint64_t size; /* of the root */
        uint64_t root; /* its alignment */
        const char *top;
    } root[] = {
        {"aarch64-4k-48", 4, 4096, 4096, "l0"},
        {"aarch64-4k-40/el2", 4, 16, 16, "l0"},
        {"aarch64-4k-39", 3, 4096, 4096, "l1"},
        {"aarch64-4k-31", 3, 16, 16, "l1"},
        {"aarch64-4k-30", 2, 4096, 4096, "l2"},
        {"aarch64-4k-22", 2, 16, 16, "l2"},
        {"aarch64-4k-21", 1, 4096, 4096, "l3"},
        {"aarch64-4k-16", 1, 128, 128, "l3"},
        {"aarch64-4k-52-lpa2", 5, 128, 128, "l-1"},
        {"aarch64-4k-49-lpa2", 5, 16, 64, "l-1"},
        {"aarch64-4k-48-lpa2", 4, 4096, 4096, "l0"},
        {"aarch64-16k-48", 4, 16, 16, "l0"},
        {"aarch64-16k-47", 3, 16384, 16384, "l1"},
        {"aarch64-16k-36", 2, 16384, 16384, "l2"},
        {"aarch64-16k-16", 1, 32, 32, "l3"},
        {"aarch64-16k-52-lpa2", 4, 256, 256, "l0"},
        {"aarch64-64k-52", 3, 8192, 8192, "l1"},
        {"aarch64-64k-48", 3, 512, 512, "l1"},
        {"aarch64-64k-43", 3, 16, 64, "l1"},
        {"aarch64-64k-42", 2, 65536, 65536, "l2"},
        {"aarch64-64k-17", 1, 16, 64, "l3"},
    };

    for (size_t i = 0; i < sizeof root / sizeof root[0]; i++) {
        unsigned top = root[i].levels - 1;
        uint64_t last;

        use(root[i].name);
        last = (BIT(ptw_pa_bits(&regime)) - 1) & ~(root[i].root - 1);
        cr_expect(eq(uint, ptw_levels(&regime), root[i].levels));
        cr_expect(eq(u64, ptw_table_size(&regime, top), root[i].size), "%s",
                  root[i].name);
        cr_expect(eq(u64, ptw_root_bytes(&regime), root[i].root), "%s",
                  root[i].name);
        cr_expect(
            eq(str, (char *)ptw_level_name(&regime, top), (char *)root[i].top));
        expect_status(ptw_root_check(ptw_root_of(&regime, ptw_pa_of(last))),
                      PTW_OK);
        expect_status(
            ptw_root_check(ptw_root_of(&regime, ptw_pa_of(root[i].root / 2))),
            PTW_E_ALIGN);
        expect_status(ptw_root_check(ptw_root_of(
                          &regime, ptw_pa_of(BIT(ptw_pa_bits(&regime))))),
                      PTW_E_WIDTH);
    }
}

Test(aarch64_half, goes_on_with_zeros_or_ones)
{
    use("aarch64-4k-39");
    cr_expect(ptw_canonical(&regime, ptw_va_of(0x7FFFFFFFFF)));
    no(ptw_canonical(&regime, ptw_va_of(0x8000000000)));
    no(ptw_canonical(&regime, ptw_va_of(UINT64_MAX)));
    no(ptw_aarch64_is_upper(&regime));
    use("aarch64-4k-39/upper");
    cr_expect(ptw_canonical(&regime, ptw_va_of(0xFFFFFF8000000000)));
    no(ptw_canonical(&regime, ptw_va_of(0xFFFFFF7FFFFFFFFF)));
    no(ptw_canonical(&regime, ptw_va_of(0)));
    cr_expect(ptw_aarch64_is_upper(&regime));
    /* Above 2^47 nothing is copied from bit 47. */
    use("aarch64-4k-48/el2");
    cr_expect(ptw_canonical(&regime, ptw_va_of(0xFFFF12345000)));
}

/* ------------------------------------------------------------------ entries */

/* "VMSAv8-64 Table descriptor format", "... Block descriptor and Page descriptor
 * formats": bits 47:12, 47:14, 47:16. */
Test(aarch64_decode, takes_the_address_where_the_granule_has_it)
{
    use("aarch64-4k-48");
    is_leaf(L3, 0x0000FFFFFFFFF000 | PAGE, 0x0000FFFFFFFFF000);
    is_table(L2, 0x0000FFFFFFFFF000 | TABLE, 0x0000FFFFFFFFF000);
    is_leaf(L2, 0x0000FFFFFFE00000 | BLOCK, 0x0000FFFFFFE00000);
    is_leaf(L1, 0x0000FFFFC0000000 | BLOCK, 0x0000FFFFC0000000);
    use("aarch64-16k-48");
    is_leaf(L3, 0x0000FFFFFFFFC000 | PAGE, 0x0000FFFFFFFFC000);
    is_table(L2, 0x0000FFFFFFFFC000 | TABLE, 0x0000FFFFFFFFC000);
    is_leaf(L2, 0x0000FFFFFE000000 | BLOCK, 0x0000FFFFFE000000);
    use_with("aarch64-64k-48", 48, 0);
    is_leaf(L3, 0x0000FFFFFFFF0000 | PAGE, 0x0000FFFFFFFF0000);
    is_table(L2, 0x0000FFFFFFFF0000 | TABLE, 0x0000FFFFFFFF0000);
    is_leaf(L2, 0x0000FFFFE0000000 | BLOCK, 0x0000FFFFE0000000);
}

/* FEAT_LPA: "bits[15:12] ... OA[51:48]". */
Test(aarch64_decode, takes_bits_51_to_48_from_15_to_12_with_lpa)
{
    use("aarch64-64k-52");
    is_leaf(L3, 0x123456780000 | 0xA000 | PAGE, 0xA123456780000);
    is_table(L2, 0x123456780000 | 0xA000 | TABLE, 0xA123456780000);
    is_leaf(L2, 0x123440000000 | 0x5000 | BLOCK, 0x5123440000000);
    is_leaf(L1, 0x540000000000 | 0xF000 | BLOCK, 0xF540000000000);
    /* Without it they are RES0, and no address. */
    use_with("aarch64-64k-48", 48, 0);
    is_leaf(L3, 0x123456780000 | 0xA000 | PAGE, 0x123456780000);
}

/* FEAT_LPA2: "bits[9:8] ... OA[51:50]", "bits[49:12]". */
Test(aarch64_decode, takes_bits_51_to_50_from_9_to_8_with_lpa2)
{
    use("aarch64-4k-52-lpa2");
    is_leaf(L3, 0x3123456789000 | BIT(9) | PAGE, 0xB123456789000);
    is_leaf(L3, 0x0123456789000 | BIT(8) | PAGE, 0x4123456789000);
    is_table(L0, 0x2123456789000 | SH | TABLE, 0xE123456789000);
    is_table(LM1, 0x2123456789000 | SH | TABLE, 0xE123456789000);
    is_leaf(L0, 0x3128000000000 | BIT(9) | BLOCK, 0xB128000000000);
    use("aarch64-16k-52-lpa2");
    is_leaf(L3, 0x3123456788000 | BIT(9) | PAGE, 0xB123456788000);
    is_leaf(L1, 0x3123000000000 | BIT(8) | BLOCK, 0x7123000000000);
    is_table(L1, 0x3123456788000 | BIT(8) | TABLE, 0x7123456788000);
    /* Without it they are shareability, and 49:48 are RES0. */
    use("aarch64-4k-48");
    is_leaf(L3, 0x3123456789000 | SH | PAGE, 0x123456789000);
    is_table(L2, 0x3123456789000 | SH | TABLE, 0x123456789000);
}

/* The levels at which there are blocks; elsewhere, and at level 3, 01 is "Reserved,
 * invalid". */
Test(aarch64_decode, knows_where_there_are_blocks)
{
    static const struct {
        const char *name;
        unsigned pa_bits;
        unsigned levels;
        unsigned blocks; /* a bit each */
    } has[] = {
        {"aarch64-4k-48", 52, 4, BIT(L2) | BIT(L1)},
        {"aarch64-4k-52-lpa2", 52, 5, BIT(L2) | BIT(L1) | BIT(L0)},
        {"aarch64-4k-52-lpa2", 48, 5, BIT(L2) | BIT(L1) | BIT(L0)},
        {"aarch64-16k-48", 52, 4, BIT(L2)},
        {"aarch64-16k-48-lpa2", 52, 4, BIT(L2) | BIT(L1)},
        {"aarch64-64k-48", 48, 3, BIT(L2)},
        {"aarch64-64k-48", 52, 3, BIT(L2) | BIT(L1)},
    };

    for (size_t i = 0; i < sizeof has / sizeof has[0]; i++) {
        use_with(has[i].name, has[i].pa_bits, 0);
        for (unsigned level = 0; level < has[i].levels; level++) {
            if ((has[i].blocks >> level & 1) != 0) {
                is_leaf(level, BLOCK, 0);
            } else {
                is_bad(level, BLOCK, PTW_BAD_RESERVED, 1);
            }
            is(level, UINT64_MAX - 1, PTW_ENTRY_ABSENT, 0, 0);
            is(level, 2, PTW_ENTRY_ABSENT, 0, 0);
        }
    }
}

/* "Address size fault"; what of a block is below its address is RES0, nT among it. */
Test(aarch64_decode, judges_what_is_too_wide_and_what_is_not_looked_at)
{
    use_with("aarch64-4k-48", 40, 0);
    is_leaf(L3, 0x00000000FFFFF000 | PAGE, 0xFFFFF000);
    is_bad(L3, BIT(40) | PAGE, PTW_BAD_WIDTH, BIT(40));
    is_bad(L2, BIT(47) | BLOCK, PTW_BAD_WIDTH, BIT(47));
    is_bad(L1, BIT(41) | BIT(12) | TABLE, PTW_BAD_WIDTH, BIT(41));
    is_leaf(L2, 0x40000000 | 0x1FF000 | BLOCK, 0x40000000);
    is_leaf(L1, 0x40000000 | 0x3FFFF000 | BLOCK, 0x40000000);
    use_with("aarch64-4k-48-lpa2", 48, 0);
    is_bad(L3, BIT(8) | PAGE, PTW_BAD_WIDTH, BIT(8));
    is_bad(L3, BIT(49) | PAGE, PTW_BAD_WIDTH, BIT(49));
    is_bad(L2, BIT(9) | TABLE, PTW_BAD_WIDTH, BIT(9));
    use("aarch64-64k-52");
    is_leaf(L2, 0x40000000 | 0x1FFF0000 | BLOCK, 0x40000000);
}

/* A processor that has LPA looks at bits 15:12 whatever TCR.IPS says. */
Test(aarch64_decode, finds_bits_15_to_12_too_wide_where_ips_is_less)
{
    struct ptw_aarch64_registers g = {
        .el = 1, .sctlr = 1, .tcr = 16 | BIT(14) | (uint64_t)5 << 32};

    cr_assert(ptw_regime_from_aarch64(&g, false, NULL, &regime, NULL) ==
              PTW_OK);
    cr_expect(eq(uint, ptw_pa_bits(&regime), 48));
    is_bad(L3, BIT(12) | PAGE, PTW_BAD_WIDTH, BIT(12));
    cr_expect(
        eq(u64, ptw_aarch64_root(&regime, 0x10000 | BIT(2)).table.v, 0x10000));
}

/* "Stage 1 Direct permissions". */
Test(aarch64_decode, reads_the_rights_of_a_leaf)
{
    use("aarch64-4k-48");
    is(L3, PAGE, PTW_ENTRY_LEAF, 0, R | W | X | UX);
    is(L3, PAGE | AP1, PTW_ENTRY_LEAF, 0, R | W | U | X | UX);
    is(L3, PAGE | AP2, PTW_ENTRY_LEAF, 0, R | X | UX);
    is(L3, PAGE | AP1 | AP2, PTW_ENTRY_LEAF, 0, R | U | X | UX);
    is(L3, PAGE | PXN, PTW_ENTRY_LEAF, 0, R | W | UX);
    is(L3, PAGE | UXN, PTW_ENTRY_LEAF, 0, R | W | X);
    is(L2, BLOCK | UXN | PXN | AP2, PTW_ENTRY_LEAF, 0, R);
    /* AF, DBM and the rest take nothing away and add nothing. */
    is(L3, PAGE | AP2 | DBM | AF | NG | CONT | BIT(50) | BIT(5), PTW_ENTRY_LEAF,
       0, R | X | UX);
    use("aarch64-4k-40/el2");
    is(L3, PAGE, PTW_ENTRY_LEAF, 0, R | W | X);
    is(L3, PAGE | AP1 | AP2 | PXN, PTW_ENTRY_LEAF, 0, R | X);
    is(L3, PAGE | UXN, PTW_ENTRY_LEAF, 0, R | W);
    cr_expect(eq(uint, ptw_rights_of(&regime), R | W | X));
    use("aarch64-4k-40/e2h");
    is(L3, PAGE | PXN, PTW_ENTRY_LEAF, 0, R | W | UX);
}

/* "Hierarchical control of Stage 1 data access permissions" and "... of instruction
 * execution". */
Test(aarch64_decode, takes_away_what_a_table_withholds)
{
    use("aarch64-4k-48");
    is(L2, TABLE | APT0, PTW_ENTRY_TABLE, 0, ALL & ~U);
    is(L2, TABLE | APT1, PTW_ENTRY_TABLE, 0, ALL & ~W);
    is(L1, TABLE | PXNT, PTW_ENTRY_TABLE, 0, ALL & ~X);
    is(L0, TABLE | UXNT, PTW_ENTRY_TABLE, 0, ALL & ~UX);
    is(L0, TABLE | BIT(63), PTW_ENTRY_TABLE, 0, ALL);
    use_with("aarch64-4k-48", 48, PTW_AARCH64_HPD);
    is(L2, TABLE | APT0 | APT1 | PXNT | UXNT, PTW_ENTRY_TABLE, 0, ALL);
    use("aarch64-4k-48/el3");
    is(L2, TABLE | APT0 | PXNT, PTW_ENTRY_TABLE, 0, R | W | X);
    is(L2, TABLE | APT1, PTW_ENTRY_TABLE, 0, R | X);
    is(L2, TABLE | UXNT, PTW_ENTRY_TABLE, 0, R | W);
}

Test(aarch64_decode, tells_the_attributes)
{
    struct ptw_attributes at;

    use("aarch64-4k-48");
    at = ptw_attributes_of(&regime, L3, PAGE | AF | (uint64_t)5 << 2);
    cr_expect(eq(uint, at.memory_type, 5));
    cr_expect(at.accessed && at.global && at.copy_on_write == false);
    at = ptw_attributes_of(&regime, L3, PAGE | NG | BIT(55));
    no(at.accessed);
    no(at.global);
    cr_expect(at.copy_on_write);
    no(ptw_is_copy_on_write(&regime, L3, PAGE | BIT(55)));
    cr_expect(ptw_is_copy_on_write(&regime, L3, PAGE | AP2 | BIT(55)));
    no(ptw_is_copy_on_write(&regime, L3, PAGE | AP2 | DBM | BIT(55)));
}

Test(aarch64_fields, have_the_manuals_names)
{
    struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t n;

    use("aarch64-4k-48");
    n = ptw_entry_fields(&regime, L3, PAGE | (uint64_t)4 << 2 | AP1 | SH | DBM,
                         field);
    cr_assert(eq(sz, n, 6));
    cr_expect(eq(str, (char *)field[0].name, "Valid"));
    cr_expect(eq(str, (char *)field[1].name, "Page"));
    cr_expect(eq(str, (char *)field[2].name, "AttrIndx"));
    cr_expect(eq(str, (char *)field[3].name, "AP[1]"));
    cr_expect(eq(str, (char *)field[4].name, "SH"));
    cr_expect(eq(str, (char *)field[5].name, "DBM"));
    n = ptw_entry_fields(&regime, L2, TABLE | APT1 | PXNT, field);
    cr_assert(eq(sz, n, 4));
    cr_expect(eq(str, (char *)field[2].name, "PXNTable"));
    cr_expect(eq(str, (char *)field[3].name, "APTable"));
    use("aarch64-4k-48-lpa2");
    cr_expect(eq(sz, ptw_entry_fields(&regime, L3, PAGE | SH, field), 3));
    use("aarch64-4k-48/el2");
    n = ptw_entry_fields(&regime, L3, PAGE | UXN, field);
    cr_expect(eq(str, (char *)field[n - 1].name, "XN"));
    /* nG, PXN and PXNTable are RES0 where there is one privilege. */
    n = ptw_entry_fields(&regime, L3, PAGE | NG | PXN, field);
    cr_assert(eq(sz, n, 5));
    cr_expect(eq(str, (char *)field[3].name, "RES0"));
    cr_expect(eq(str, (char *)field[4].name, "RES0"));
    n = ptw_entry_fields(&regime, L2, TABLE | PXNT | UXNT, field);
    cr_assert(eq(sz, n, 4));
    cr_expect(eq(str, (char *)field[2].name, "RES0"));
    cr_expect(eq(str, (char *)field[3].name, "XNTable"));
}

/* ----------------------------------------------------------------- writing */

enum { RAM = 1 << 20 };

static _Alignas(1 << 16) uint8_t ram[RAM];
static struct ptw_mem mem;
static uint64_t next_table;

static void put(uint64_t table, unsigned index, uint64_t raw)
{
    for (unsigned i = 0; i < 8; i++) {
        ram[table + index * 8 + i] = (uint8_t)(raw >> (8 * i));
    }
}

static uint64_t entry(uint64_t table, unsigned index)
{
    uint64_t raw = 0;

    for (unsigned i = 0; i < 8; i++) {
        raw |= (uint64_t)ram[table + index * 8 + i] << (8 * i);
    }
    return raw;
}

static void memory(void)
{
    memset(ram, 0, sizeof ram);
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, RAM, true) == PTW_OK);
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    (void)ctx;
    table->v = next_table;
    next_table += ptw_page_size(&regime);
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take};

static struct ptw_tables tables(uint64_t root)
{
    struct ptw_tables t = {.mem = &mem, .ops = &ops};

    memory();
    t.root = ptw_root_of(&regime, ptw_pa_of(root));
    next_table = root + 0x10000;
    return t;
}

/* What ptw_map writes for one page, and for the tables above it. */
static uint64_t mapped(unsigned rights, bool copy_on_write, uint64_t *above)
{
    struct ptw_tables t = tables(0x10000);
    uint64_t page = ptw_page_size(&regime);
    struct ptw_map_request q = {
        .first = {0},
        .last = {page - 1},
        .pa = {0x20000},
        .rights = rights,
        .copy_on_write = copy_on_write,
    };
    struct ptw_translation tr;

    cr_assert(ptw_map(&t, &q) == PTW_OK);
    cr_assert(ptw_lookup(&mem, t.root, ptw_va_of(0), &tr) == PTW_OK);
    *above = entry(0x10000, 0);
    return tr.raw;
}

Test(aarch64_map, writes_the_golden_vectors)
{
    static const struct {
        unsigned rights;
        bool copy_on_write;
        uint64_t raw;
    } golden[] = {
        {R | W | X, false, 0x0040000000020F03},
        {R | W, false, 0x0060000000020F03},
        {R | X, false, 0x0040000000020F83},
        {R, false, 0x0060000000020F83},
        {R, true, 0x00E0000000020F83},
        {R | X, true, 0x00C0000000020F83},
        {R | W | U, false, 0x0060000000020F43},
        {R | U | UX, false, 0x0020000000020FC3},
        {R | UX, false, 0x0020000000020F83},
    };
    uint64_t above;

    use("aarch64-4k-48");
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        cr_expect(eq(u64,
                     mapped(golden[i].rights, golden[i].copy_on_write, &above),
                     golden[i].raw));
        cr_expect(eq(u64, above & 0xFFF0000000000FFF, 3));
    }
}

/* Bits 9:8 are no shareability there. */
Test(aarch64_map, leaves_shareability_out_with_lpa2)
{
    uint64_t above;

    use("aarch64-4k-48-lpa2");
    cr_expect(eq(u64, mapped(R | W | X, false, &above), 0x0040000000020C03));
    use("aarch64-16k-48-lpa2");
    cr_expect(eq(u64, mapped(R | W | X, false, &above), 0x0040000000020C03));
}

Test(aarch64_map, writes_leaves_of_one_privilege)
{
    uint64_t above;

    use("aarch64-4k-48/el2");
    cr_expect(eq(u64, mapped(R | W | X, false, &above), 0x0000000000020743));
    cr_expect(eq(u64, mapped(R, false, &above), 0x00400000000207C3));
}

Test(aarch64_map, refuses_what_no_leaf_grants)
{
    struct ptw_tables t;
    struct ptw_map_request q = {.last = {0xFFF}, .rights = W};

    use("aarch64-4k-48");
    t = tables(0x10000);
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    use("aarch64-4k-48/el2");
    t = tables(0x10000);
    q.rights = R | U;
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
    q.rights = R;
    q.attributes.global = true;
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
}

/* A block of 1 GiB becomes blocks of 2 MiB, of which one becomes pages: the same
 * address and rights, without nT and the contiguous hint. */
Test(aarch64_protect, splits_a_block)
{
    struct ptw_tables t;
    struct ptw_range_request q = {
        .first = {0x40000000 + 0x200000},
        .last = {0x40000000 + 0x200FFF},
        .rights = R,
        .flags = PTW_EDIT_SPLIT,
    };
    uint64_t attributes = UXN | PXN | AF | NG | SH | (uint64_t)3 << 2;
    struct ptw_translation tr;

    use("aarch64-4k-39");
    t = tables(0x10000);
    put(0x10000, 1, 0x80000000 | attributes | BIT(16) | CONT | BLOCK);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    expect_status(
        ptw_lookup(&mem, t.root, ptw_va_of(0x40000000 + 0x200000), &tr),
        PTW_OK);
    cr_expect(eq(u64, tr.raw, (0x80200000 | attributes | PAGE | AP2)));
    expect_status(
        ptw_lookup(&mem, t.root, ptw_va_of(0x40000000 + 0x201000), &tr),
        PTW_OK);
    cr_expect(eq(u64, tr.raw, (0x80201000 | attributes | PAGE)));
    expect_status(
        ptw_lookup(&mem, t.root, ptw_va_of(0x40000000 + 0x400000), &tr),
        PTW_OK);
    cr_expect(eq(u64, tr.raw, (0x80400000 | attributes | BLOCK)));
}

/* Linux' bit of copy-on-write is none beside DBM.  What is left when DBM goes is
 * not to be taken for one. */
Test(aarch64_protect, makes_no_mark_where_dbm_goes)
{
    struct ptw_tables t;
    struct ptw_range_request q = {
        .first = {0x40000000}, .last = {0x7FFFFFFF}, .rights = R};
    uint64_t attributes = UXN | PXN | AF | NG | SH | BIT(59);

    use("aarch64-4k-39");
    t = tables(0x10000);
    put(0x10000, 1, 0x80000000 | attributes | BIT(55) | DBM | BLOCK);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    cr_expect(
        eq(u64, entry(0x10000, 1), (0x80000000 | attributes | AP2 | BLOCK)));
    put(0x10000, 1, 0x80000000 | attributes | BIT(56) | DBM | BLOCK);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry(0x10000, 1),
                 (0x80000000 | attributes | BIT(56) | AP2 | BLOCK)));
}

/* A root of two entries, 16 bytes in front of something else. */
Test(aarch64_map, fills_a_root_of_two_entries)
{
    struct ptw_tables t;
    struct ptw_map_request q = {
        .first = {0x8000000000}, .last = {0x8000000FFF}, .rights = R | W};
    struct ptw_translation tr;

    use("aarch64-4k-40");
    t = tables(0x10010);
    put(0x10000, 2 + 2, 0x77);
    next_table = 0x20000;
    expect_status(ptw_map(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry(0x10010, 0), 0));
    cr_expect(eq(u64, entry(0x10010, 1), 0x22003));
    cr_expect(eq(u64, entry(0x10020, 0), 0x77));
    expect_status(ptw_lookup(&mem, t.root, q.first, &tr), PTW_OK);
    expect_status(ptw_lookup(&mem, t.root, ptw_va_of(0x10000000000), &tr),
                  PTW_NOT_CANONICAL);
}

/* -------------------------------------------------- the contiguous hint */

/* Where the processor keeps dirty state, DBM decides of a page that AP takes
 * the writing from, and of no other. */
Test(aarch64_runs, go_on_as_long_as_the_guest_can_do_the_same)
{
    static const struct {
        unsigned features;
        uint64_t bits[4];
        size_t runs;
    } with[] = {
        {0, {0, DBM, AP2, AP2 | DBM}, 2},
        {PTW_AARCH64_HA | PTW_AARCH64_HD, {0, DBM, AP2, AP2 | DBM}, 3},
        {PTW_AARCH64_HA | PTW_AARCH64_HD, {DBM, 0, DBM, 0}, 1},
    };

    for (size_t k = 0; k < sizeof with / sizeof with[0]; k++) {
        struct ptw_walk_options o = ptw_walk_everything();
        struct ptw_tables t;
        struct ptw_item item[8];
        struct ptw_walk w;
        size_t n;

        use_with("aarch64-4k-21", 48, with[k].features);
        t = tables(0x10000);
        for (unsigned i = 0; i < 16; i++) {
            put(0x10000, i,
                (uint64_t)(0x40000 + i * 0x1000) | AP1 | AF | NG | SH | PAGE |
                    with[k].bits[i / 4]);
        }
        o.flags = PTW_WALK_RUNS;
        cr_assert(ptw_virt_to_phys_init(&w, &mem, t.root, &o) == PTW_OK);
        expect_status(ptw_walk_next(&w, item, 8, &n), PTW_OK);
        cr_expect(eq(sz, n, with[k].runs), "%zu", k);
    }
}

/* Sixteen pages that are one to the processor; pages 3 and 4 are written. */
static void run_of_pages(struct ptw_tables *t)
{
    use("aarch64-4k-21");
    *t = tables(0x10000);
    for (unsigned i = 0; i < 48; i++) {
        put(0x10000, i,
            (uint64_t)(0x40000 + i * 0x1000) | CONT | AF | NG | SH | PAGE);
    }
}

static void expect_run_left(uint64_t first, uint64_t last)
{
    for (unsigned i = 0; i < 48; i++) {
        bool left = i >= first && i <= last;

        cr_expect(eq(int, (entry(0x10000, i) & CONT) == 0, left), "%u", i);
    }
}

/* "The Contiguous bit": the entries of a run are alike, or any of them may be
 * used. */
Test(aarch64_edit, takes_neighbours_out_of_a_run)
{
    struct ptw_tables t;
    struct ptw_map_request map = {
        .first = {0x13000}, .last = {0x14FFF}, .pa = {0x80000}, .rights = R};
    struct ptw_range_request unmap = {.first = {0x13000}, .last = {0x13FFF}};
    struct ptw_range_request protect = {
        .first = {0x1F000}, .last = {0x20FFF}, .rights = R};

    run_of_pages(&t);
    expect_status(ptw_map(&t, &map), PTW_OK);
    expect_run_left(16, 31);
    run_of_pages(&t);
    expect_status(ptw_unmap(&t, &unmap), PTW_OK);
    expect_run_left(16, 31);
    run_of_pages(&t);
    expect_status(ptw_protect(&t, &protect), PTW_OK);
    expect_run_left(16, 47);
}

/* Where nothing is mapped, nothing is written: a run stays one, whoever may write
 * the table. */
Test(aarch64_protect, leaves_runs_beside_a_hole)
{
    struct ptw_tables t;
    struct ptw_range_request q = {
        .first = {0x1F000}, .last = {0x20FFF}, .rights = R};

    run_of_pages(&t);
    put(0x10000, 31, 0);
    put(0x10000, 32, 0);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    for (unsigned i = 0; i < 48; i++) {
        bool hole = i == 31 || i == 32;

        cr_expect(eq(int, (entry(0x10000, i) & CONT) == 0, hole), "%u", i);
    }
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, RAM, false) == PTW_OK);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    q.first.v = 0x1E000;
    expect_status(ptw_protect(&t, &q), PTW_E_READONLY);
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, RAM, true) == PTW_OK);
    expect_status(ptw_protect(&t, &q), PTW_OK);
    expect_run_left(16, 32); /* the second hole, too */
}

/* Blocks are runs, too: one of them becomes a table, and the others stay blocks. */
Test(aarch64_edit, takes_blocks_out_of_a_run_where_one_becomes_a_table)
{
    struct ptw_tables t;
    struct ptw_map_request map = {.first = {0x603000},
                                  .last = {0x603FFF},
                                  .pa = {0x80000},
                                  .rights = R,
                                  .flags = PTW_EDIT_SPLIT};

    use("aarch64-4k-30");
    t = tables(0x10000);
    for (unsigned i = 0; i < 48; i++) {
        put(0x10000, i, (uint64_t)i * 0x200000 | CONT | AF | NG | SH | BLOCK);
    }
    expect_status(ptw_map(&t, &map), PTW_OK);
    cr_expect(eq(u64, entry(0x10000, 3) & 3, TABLE & 3));
    for (unsigned i = 0; i < 48; i++) {
        cr_expect(eq(int, (entry(0x10000, i) & CONT) == 0, i < 16), "%u", i);
    }
}

/* Copies of a run are elsewhere, as one or as leaves: none says that it is one. */
Test(aarch64_space_map, puts_no_leaf_in_a_run)
{
    for (unsigned k = 0; k < 4; k++) {
        struct ptw_tables t;
        struct ptw_walk w;
        struct ptw_item item[64];
        struct ptw_built built = {{NULL, {0}}, false};
        struct ptw_translation tr;
        struct ptw_root was;
        struct ptw_walk_options o = ptw_walk_everything();
        enum ptw_status st;
        size_t n;

        o.flags = (k & 1) != 0 ? PTW_WALK_RUNS : 0;
        run_of_pages(&t);
        was = t.root;
        t.root.table.v = 0;
        cr_assert(ptw_walk_va_spaces_init(&w, &mem, &was, 1, NULL, &o) ==
                  PTW_OK);
        while ((st = ptw_walk_next(&w, item, 64, &n)) == PTW_OK) {
            for (size_t i = 0; i < n; i++) {
                expect_status(
                    ptw_space_aware_map(&t, &item[i], &built, 1,
                                        (k & 2) != 0 ? PTW_EDIT_EXACT : 0),
                    PTW_OK);
            }
        }
        expect_status(st, PTW_END);
        cr_assert(built.built);
        for (unsigned i = 0; i < 48; i++) {
            expect_status(
                ptw_lookup(&mem, built.root, ptw_va_of(i * 0x1000), &tr),
                PTW_OK);
            cr_expect(eq(u64, tr.pa.v, 0x40000 + i * 0x1000));
            cr_expect(eq(u64, tr.raw & CONT, 0));
        }
    }
}

static enum ptw_status compare(struct ptw_verify *v, uint64_t old_root,
                               uint64_t new_root)
{
    struct ptw_root old = ptw_root_of(&regime, ptw_pa_of(old_root));
    struct ptw_root now = ptw_root_of(&regime, ptw_pa_of(new_root));
    struct ptw_verify_options o = {.last = {UINT64_MAX}};
    enum ptw_status st;
    void *before;

    if (ptw_aarch64_is_upper(&regime)) {
        o.first.v = 0;
    }
    st = ptw_verify_init(v, &mem, &old, &mem, &now, 1, &o);
    cr_assert(st == PTW_OK);
    while ((st = ptw_verify_run(v)) == PTW_E_SPACE && v->wanted > 0) {
        void *room = malloc(v->wanted);

        cr_assert(room != NULL);
        cr_assert(ptw_verify_give(v, room, v->wanted, &before) == PTW_OK);
    }
    return st;
}

Test(aarch64_verify, believes_a_hint_only_where_nothing_moved)
{
    struct ptw_tables t;
    static struct ptw_verify v;
    uint64_t other = 0x20000;

    run_of_pages(&t);
    memcpy(ram + other, ram + 0x10000, 0x1000);
    expect_status(compare(&v, 0x10000, other), PTW_OK);
    /* A hint that is gone is no loss. */
    put(other, 3, entry(other, 3) & ~CONT);
    expect_status(compare(&v, 0x10000, other), PTW_OK);
    /* One that there was not is a difference. */
    put(0x10000, 3, entry(0x10000, 3) & ~CONT);
    put(other, 3, entry(other, 3) | CONT);
    expect_status(compare(&v, 0x10000, other), PTW_DIFFERENT);
    cr_expect(eq(int, (int)v.difference.kind, (int)PTW_DIFFERS_ATTRIBUTES));
    /* A page that moved is no page of the run. */
    run_of_pages(&t);
    memcpy(ram + other, ram + 0x10000, 0x1000);
    put(other, 3, (entry(other, 3) & ~(uint64_t)0xFF000) | 0x30000);
    memcpy(ram + 0x30000, ram + 0x43000, 0x1000);
    expect_status(compare(&v, 0x10000, other), PTW_DIFFERENT);
    for (unsigned i = 0; i < 48; i++) {
        put(other, i, entry(other, i) & ~CONT);
    }
    expect_status(compare(&v, 0x10000, other), PTW_OK);
}

static enum ptw_status to_ram(void *ctx, ptw_pa to, const void *bytes, size_t n)
{
    (void)ctx;
    memcpy(ram + to.v, bytes, n);
    return PTW_OK;
}

/* The pages of an image are elsewhere, so that no run of them is one. */
Test(aarch64_rebuild, makes_each_leaf_of_a_run_a_leaf_by_itself)
{
    static const struct ptw_page_sink sink = {.write = to_ram};
    static struct ptw_rebuild rb;
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    struct ptw_tables t;
    struct ptw_root root;
    struct ptw_translation tr;
    static struct ptw_verify v;
    enum ptw_status st;
    void *before;

    run_of_pages(&t);
    o.base.v = 0x80000;
    cr_assert(ptw_rebuild_init(&rb, &mem, &t.root, 1, &o) == PTW_OK);
    while ((st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE && rb.wanted > 0) {
        void *room = malloc(rb.wanted);

        cr_assert(room != NULL);
        cr_assert(ptw_rebuild_give(&rb, room, rb.wanted, &before) == PTW_OK);
    }
    expect_status(st, PTW_OK);
    expect_status(ptw_rebuild_copy(&rb, &sink, NULL), PTW_OK);
    expect_status(ptw_rebuild_tables(&rb, &mem, &root), PTW_OK);
    for (uint64_t va = 0; va < 0x30000; va += 0x1000) {
        expect_status(ptw_lookup(&mem, root, ptw_va_of(va), &tr), PTW_OK);
        cr_expect(eq(u64, tr.raw, (tr.pa.v | AF | NG | SH | PAGE)));
    }
    expect_status(compare(&v, t.root.table.v, root.table.v), PTW_OK);
}

/* Roots of few entries, which are leaves all: no entry leads to a table, and none
 * has to be where one could. */
Test(aarch64_rebuild, roots_that_are_the_only_tables_lie_close_together)
{
    static const char *const names[] = {"aarch64-4k-16", "aarch64-16k-16",
                                        "aarch64-64k-17"};

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        static const struct ptw_page_sink sink = {.write = to_ram};
        static struct ptw_rebuild rb;
        struct ptw_rebuild_options o = ptw_rebuild_everything();
        struct ptw_root old[3];
        struct ptw_root now[3];
        struct ptw_translation tr;
        enum ptw_status st;
        void *before;

        use(names[k]);
        memory();
        for (unsigned i = 0; i < 3; i++) {
            put(0x1000 * (i + 1), 1, (0x30000 + 0x10000 * i) | AF | PAGE);
            old[i] = ptw_root_of(&regime, ptw_pa_of(0x1000 * (i + 1)));
            ram[0x30000 + 0x10000 * i] = (uint8_t)(i + 1);
        }
        o.base.v = 0x80000;
        cr_assert(ptw_rebuild_init(&rb, &mem, old, 3, &o) == PTW_OK);
        while ((st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE && rb.wanted > 0) {
            void *room = malloc(rb.wanted);

            cr_assert(room != NULL);
            cr_assert(ptw_rebuild_give(&rb, room, rb.wanted, &before) ==
                      PTW_OK);
        }
        cr_assert(eq(int, (int)st, (int)PTW_OK), "%s", names[k]);
        expect_status(ptw_rebuild_copy(&rb, &sink, NULL), PTW_OK);
        expect_status(ptw_rebuild_tables(&rb, &mem, now), PTW_OK);
        for (unsigned i = 0; i < 3; i++) {
            expect_status(ptw_lookup(&mem, now[i],
                                     ptw_va_of(ptw_page_size(&regime)), &tr),
                          PTW_OK);
            cr_expect(eq(u8, ram[tr.pa.v], (uint8_t)(i + 1)), "%s", names[k]);
        }
    }
}

/* ------------------------------------------------------------ recursive slots */

/* A slot of the root that leads to the root: what APTable says counts on the way, AP
 * at the end. */
Test(aarch64_rebuild, judges_a_slot_as_the_leaf_that_it_is)
{
    static const struct {
        uint64_t bits;
        unsigned features;
        uint64_t writable;
    } slot[] = {
        {0, 0, 1},
        {APT1, 0, 0},
        {AP2, 0, 0},
        {AP2 | DBM, 0, 0},
        {AP2 | DBM, PTW_AARCH64_HA | PTW_AARCH64_HD, 1},
        {APT1, PTW_AARCH64_HPD, 1},
    };

    for (size_t i = 0; i < sizeof slot / sizeof slot[0]; i++) {
        static struct ptw_rebuild rb;
        struct ptw_rebuild_options o = ptw_rebuild_everything();
        struct ptw_root root;
        enum ptw_status st;
        void *before;

        use_with("aarch64-4k-48", 48, slot[i].features);
        memory();
        put(0x10000, 5, 0x10000 | slot[i].bits | AF | TABLE);
        root = ptw_root_of(&regime, ptw_pa_of(0x10000));
        cr_assert(ptw_rebuild_init(&rb, &mem, &root, 1, &o) == PTW_OK);
        while ((st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE && rb.wanted > 0) {
            void *room = malloc(rb.wanted);

            cr_assert(room != NULL);
            cr_assert(ptw_rebuild_give(&rb, room, rb.wanted, &before) ==
                      PTW_OK);
        }
        expect_status(st, PTW_OK);
        cr_expect(eq(u64, rb.counts.writable_selves, slot[i].writable), "%zu",
                  i);
    }
}

/* -------------------------------------------------------------- both halves */

/* One table serves both, whose widths differ; what TCR_EL1 switches for a half alone
 * may differ, too. */
Test(aarch64_spaces, share_a_table_across_the_halves)
{
    struct ptw_regime half[2];
    struct ptw_root root[2];
    struct ptw_walk_options o = ptw_walk_everything();
    static struct ptw_walk w;
    struct ptw_item item[16];
    struct ptw_memo memo;
    static _Alignas(8) uint8_t storage[1 << 12];
    unsigned level;
    size_t items;

    use_with("aarch64-4k-39/upper", 48, PTW_AARCH64_HPD | PTW_AARCH64_E0PD);
    half[1] = regime;
    use_with("aarch64-4k-48", 48, PTW_AARCH64_TBI);
    half[0] = regime;
    memory();
    put(0x10000, 0, 0x11000 | TABLE);        /* l0 */
    put(0x11000, 7, 0x12000 | TABLE | APT1); /* l1 */
    put(0x12000, 1, 0x13000 | TABLE);        /* l2 */
    put(0x13000, 2, 0x40000 | PAGE);
    put(0x20000, 511,
        0x12000 | TABLE | APT1); /* l1, the root of the upper half */
    root[0] = ptw_root_of(&half[0], ptw_pa_of(0x10000));
    root[1] = ptw_root_of(&half[1], ptw_pa_of(0x20000));
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    expect_status(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o),
                  PTW_OK);
    expect_status(ptw_walk_next(&w, item, 16, &items), PTW_OK);
    cr_assert(eq(sz, items, 4));
    cr_expect(eq(u64, item[1].first.v, 0x1C0202000));
    cr_expect(eq(uint, item[1].u.mapping.rights, R | X | UX));
    cr_assert(eq(int, (int)item[3].kind, (int)PTW_ITEM_ALIAS));
    cr_expect(
        eq(int, (int)item[3].u.alias.aarch64.level, (int)PTW_AARCH64_ALIAS_L2));
    cr_expect(
        eq(u64, item[3].u.alias.aarch64.ref.our_va.v, 0xFFFFFFFFC0000000));
    cr_expect(eq(u64, item[3].u.alias.aarch64.ref.their_va.v, 0x1C0000000));
    /* HPD1 is set, and HPD0 is not. */
    cr_expect(eq(uint, ptw_alias_view(&half[1], &item[3], &level).rights, ALL));
    cr_expect(eq(uint, level, 1));
    /* Regimes of two processors are not walked together. */
    use_with("aarch64-4k-39/upper", 48, PTW_AARCH64_WXN);
    half[1] = regime;
    expect_status(ptw_walk_va_spaces_init(&w, &mem, root, 2, &memo, &o),
                  PTW_E_ARG);
}

/* HPD1 is set, and HPD0 is not: tables below one that both halves have withhold
 * from the lower half alone. */
static struct ptw_regime half[2]; /* lower, upper */

static void halves_that_differ(void)
{
    use_with("aarch64-4k-48/upper", 48, PTW_AARCH64_HPD);
    half[1] = regime;
    use_with("aarch64-4k-48", 48, 0);
    half[0] = regime;
    memory();
    put(0x10000, 0, 0x11000 | TABLE); /* l0 of the lower half */
    put(0x20000, 0, 0x11000 | TABLE); /* l0 of the upper half */
    put(0x11000, 0, 0x12000 | TABLE | APT0 | APT1 | UXNT | PXNT); /* l1 */
    put(0x12000, 0, 0x13000 | TABLE);                             /* l2 */
    put(0x13000, 0, 0x11000 | PAGE | AP1);
}

/* Walks the spaces of those roots; returns how many items that gave. */
static size_t walk_roots(struct ptw_walk *w, const struct ptw_root *root,
                         uint32_t roots, const struct ptw_walk_options *o,
                         struct ptw_item *item, size_t room)
{
    static _Alignas(8) uint8_t storage[1 << 12];
    static struct ptw_memo memo;
    size_t items;

    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    expect_status(ptw_walk_va_spaces_init(w, &mem, root, roots, &memo, o),
                  PTW_OK);
    expect_status(ptw_walk_next(w, item, room, &items), PTW_OK);
    return items;
}

/* The items of both halves, the half of that index first; how many there are. */
static size_t walk_halves(struct ptw_walk *w, unsigned first, uint64_t low,
                          uint64_t high, unsigned flags, unsigned need,
                          struct ptw_item *item, size_t room)
{
    static struct ptw_root root[2];
    struct ptw_walk_options o = ptw_walk_everything();

    root[first] = ptw_root_of(&half[0], ptw_pa_of(low));
    root[!first] = ptw_root_of(&half[1], ptw_pa_of(high));
    o.flags = flags;
    o.need = (uint8_t)need;
    return walk_roots(w, root, 2, &o, item, room);
}

Test(aarch64_spaces, rights_tell_halves_apart_that_differ_in_hpd)
{
    static struct ptw_walk w;
    struct ptw_item item[16];

    halves_that_differ();
    cr_assert(eq(sz, walk_halves(&w, 0, 0x10000, 0x20000, 0, 0, item, 16), 4));
    cr_expect(eq(int, (int)item[3].kind, (int)PTW_ITEM_ALIAS));
    for (unsigned lower = 0; lower < 2; lower++) {
        cr_assert(eq(sz,
                     walk_halves(&w, lower, 0x10000, 0x20000,
                                 PTW_WALK_BY_RIGHTS, 0, item, 16),
                     4));
        cr_expect(eq(int, (int)item[1].kind, (int)PTW_ITEM_MAPPING));
        cr_expect(eq(int, (int)item[3].kind, (int)PTW_ITEM_MAPPING));
        cr_expect(eq(uint, item[lower ? 3 : 1].u.mapping.rights, R));
        cr_expect(eq(uint, item[lower ? 1 : 3].u.mapping.rights, ALL));
    }
    /* One root for both: it is the same one only where rights do not matter. */
    cr_assert(eq(sz, walk_halves(&w, 0, 0x10000, 0x10000, 0, 0, item, 16), 3));
    cr_expect(eq(int, (int)item[2].u.space_info.kind, (int)PTW_SPACE_SAME));
    cr_assert(eq(
        sz,
        walk_halves(&w, 0, 0x10000, 0x10000, PTW_WALK_BY_RIGHTS, 0, item, 16),
        4));
    cr_expect(eq(uint, item[3].u.mapping.rights, ALL));
    /* What the lower half has no use for, the upper one may need. */
    cr_assert(eq(sz, walk_halves(&w, 0, 0x10000, 0x20000, 0, W, item, 16), 3));
    cr_expect(eq(u64, item[2].first.v, 0xFFFF000000000000));
}

/* A root that is shorter than tables of its level are is one table in both halves,
 * too, if it has as many entries in both. */
Test(aarch64_spaces, a_short_root_may_serve_both_halves)
{
    static const struct {
        const char *name;
        const char *upper;
        bool same;
    } pair[] = {
        {"aarch64-4k-47", "aarch64-4k-47/upper", true},
        {"aarch64-4k-40", "aarch64-4k-40/upper", true},
        {"aarch64-16k-48", "aarch64-16k-48/upper", true},
        {"aarch64-64k-52", "aarch64-64k-52/upper", true},
        {"aarch64-4k-47", "aarch64-4k-46/upper", false},
        {"aarch64-4k-47", "aarch64-4k-48/upper", false},
    };
    static struct ptw_walk w;
    struct ptw_item item[16];

    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        bool same = pair[i].same;

        use_with(pair[i].upper, 48, 0);
        half[1] = regime;
        use_with(pair[i].name, 48, PTW_AARCH64_HPD);
        half[0] = regime;
        memory();
        put(0x10000, 0, 0x20000 | TABLE);
        for (unsigned first = 0; first < 2; first++) {
            size_t items =
                walk_halves(&w, first, 0x10000, 0x10000, 0, 0, item, 16);

            cr_assert(eq(sz, items, same ? 2 : 3));
            cr_expect(eq(int, (int)item[1].u.space_info.kind,
                         same ? PTW_SPACE_SAME : PTW_SPACE_WALKED),
                      "%s", pair[i].name);
            if (!same) {
                cr_expect(eq(int, (int)item[2].kind, (int)PTW_ITEM_ALIAS));
            }
        }
    }
}

/* half[0] has 48 bits and half[1] is that one.  The table at 11000 is an l1 of the
 * root at 10000, and a root of half[1]. */
static void below_another(const char *name)
{
    use_with(name, 48, 0);
    half[1] = regime;
    use_with("aarch64-4k-48", 48, 0);
    half[0] = regime;
    memory();
    put(0x10000, 0, 0x11000 | TABLE);
    put(0x11000, 5, 0x40000000 | AF | BLOCK);
}

/* A short root is no part of a table that starts there, whatever of that one the
 * range leaves: neither stands for the other. */
Test(aarch64_spaces, a_short_root_is_not_the_start_of_a_table)
{
    static struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root[2];
    struct ptw_item item[16];

    below_another("aarch64-4k-31"); /* an l1 of two entries */
    o.last.v = 0x1FFFFFFFF;
    for (unsigned first = 0; first < 2; first++) {
        root[first] = ptw_root_of(&half[1], ptw_pa_of(0x11000));
        root[!first] = ptw_root_of(&half[0], ptw_pa_of(0x10000));
        cr_assert(eq(sz, walk_roots(&w, root, 2, &o, item, 16), 3));
        cr_expect(eq(int, (int)item[2u - first].kind, (int)PTW_ITEM_MAPPING));
        cr_expect(eq(u64, item[2u - first].first.v, 0x140000000));
    }
}

/* A root that is a table below an earlier one is still the same root where it is
 * given twice. */
Test(aarch64_spaces, a_root_below_another_may_come_twice)
{
    static struct ptw_walk w;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root[4];
    struct ptw_item item[16];

    below_another("aarch64-4k-39/upper");
    root[0] = ptw_root_of(&half[0], ptw_pa_of(0x10000));
    root[1] = ptw_root_of(&half[1], ptw_pa_of(0x11000));
    root[2] = root[1];
    root[3] = root[0];
    cr_assert(eq(sz, walk_roots(&w, root, 4, &o, item, 16), 6));
    cr_expect(item[2].u.space_info.met_below);
    cr_expect(eq(int, (int)item[3].kind, (int)PTW_ITEM_MAPPING));
    for (unsigned i = 4; i < 6; i++) {
        cr_expect(eq(int, (int)item[i].u.space_info.kind, (int)PTW_SPACE_SAME));
        cr_expect(eq(u32, item[i].u.space_info.same_as, i == 4 ? 1 : 0));
        cr_expect(not(item[i].u.space_info.met_below));
    }
}

/* All of TTBR1's 39 bits are a region of TTBR0's 48: the root is the table that is
 * linked, of which nothing has to be read, and so it has to be memory. */
Test(aarch64_spaces, a_root_of_fewer_levels_can_be_linked)
{
    static _Alignas(8) unsigned char storage[4096];
    struct ptw_shares shares;
    struct ptw_tables t;
    struct ptw_link_request q = {
        .first = {BIT(39)},
        .last = {BIT(39)},
        .their_va = {UINT64_MAX << 39},
        .rights = ALL,
    };

    use_with("aarch64-4k-39/upper", 48, 0);
    half[1] = regime;
    use_with("aarch64-4k-48", 48, 0);
    t = tables(0x10000);
    cr_assert(ptw_shares_init(&shares, storage, sizeof storage, 1) == PTW_OK);
    t.shares = &shares;
    q.level = ptw_alias_level_of(&regime, L1);
    q.owner = ptw_root_of(&half[1], ptw_pa_of(RAM));
    expect_status(ptw_link(&t, &q), PTW_E_BUS);
    cr_expect(eq(u64, entry(0x10000, 1), 0));
    q.owner.table.v = 0x11000;
    expect_status(ptw_link(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry(0x10000, 1), (0x11000 | TABLE)));
}

/* TTBR1 has 39 bits, and its root is a table below TTBR0's of 48.  As a root it is
 * no alias; a space that is walked first owns it. */
Test(aarch64_spaces, a_root_may_be_a_table_below_another)
{
    static struct ptw_walk w;
    static struct ptw_rebuild rb;
    static _Alignas(8) uint8_t storage[1 << 20];
    struct ptw_rebuild_options r = ptw_rebuild_everything();
    struct ptw_built built[2] = {{{0}, true}};
    struct ptw_tables t = {.mem = &mem, .root = {.regime = &half[1]}};
    struct ptw_item item[16];
    struct ptw_root root[2];
    enum ptw_status st;
    void *before;

    use_with("aarch64-4k-39/upper", 48, 0);
    half[1] = regime;
    use_with("aarch64-4k-48", 48, 0);
    half[0] = regime;
    memory();
    put(0x10000, 0, 0x11000 | TABLE); /* l0 of the lower half */
    put(0x11000, 7, 0x12000 | TABLE); /* l1, the root of the upper half */
    put(0x12000, 1, 0x13000 | TABLE);
    put(0x13000, 2, 0x40000 | AF | PAGE);
    cr_assert(eq(sz, walk_halves(&w, 0, 0x10000, 0x11000, 0, 0, item, 16), 4));
    cr_assert(eq(int, (int)item[2].kind, (int)PTW_ITEM_SPACE));
    cr_expect(eq(int, (int)item[2].u.space_info.kind, (int)PTW_SPACE_WALKED));
    cr_expect(item[2].u.space_info.met_below);
    cr_expect(not(item[0].u.space_info.met_below));
    cr_expect(eq(int, (int)item[3].kind, (int)PTW_ITEM_ALIAS));
    expect_status(ptw_space_aware_map(&t, &item[2], built, 2, PTW_EDIT_EXACT),
                  PTW_E_SHARED);
    cr_assert(eq(sz, walk_halves(&w, 1, 0x10000, 0x11000, 0, 0, item, 16), 4));
    cr_expect(not(item[2].u.space_info.met_below));
    cr_expect(eq(int, (int)item[3].kind, (int)PTW_ITEM_ALIAS));
    cr_expect(eq(u64, item[3].first.v, 0));
    for (unsigned first = 0; first < 2; first++) {
        root[first] = ptw_root_of(&half[0], ptw_pa_of(0x10000));
        root[!first] = ptw_root_of(&half[1], ptw_pa_of(0x11000));
        r.base.v = 0x80000;
        cr_assert(ptw_rebuild_init(&rb, &mem, root, 2, &r) == PTW_OK);
        for (uint8_t *at = storage;
             (st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE && rb.wanted > 0 &&
             rb.wanted <= (size_t)(storage + sizeof storage - at);) {
            size_t bytes = (rb.wanted + 7) & ~(size_t)7;

            cr_assert(ptw_rebuild_give(&rb, at, bytes, &before) == PTW_OK);
            at += bytes;
        }
        expect_status(st, first == 0 ? PTW_E_SHARED : PTW_OK);
        cr_expect(eq(u32, ptw_rebuild_bad_root(&rb), first == 0 ? 1 : 0));
    }
}

Test(aarch64_spaces, a_table_is_exposed_by_the_half_that_can_write_it)
{
    static _Alignas(8) uint8_t storage[1 << 12];
    struct ptw_walk_options o = ptw_walk_everything();
    ptw_pa table[] = {{0x10000}, {0x11000}, {0x12000}, {0x13000}, {0x20000}};
    struct ptw_exposed e;
    struct ptw_memo memo;
    struct ptw_item item;

    halves_that_differ();
    for (unsigned lower = 0; lower < 2; lower++) {
        struct ptw_root root[2];

        root[lower] = ptw_root_of(&half[0], ptw_pa_of(0x10000));
        root[!lower] = ptw_root_of(&half[1], ptw_pa_of(0x20000));
        cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
        expect_status(ptw_exposed_init(&e, &mem, root, 2, &memo, table, 5, &o),
                      PTW_OK);
        expect_status(ptw_exposed_next(&e, &item), PTW_OK);
        cr_expect(eq(u64, item.u.finding.table.v, 0x11000));
        cr_expect(eq(u64, item.first.v, 0xFFFF000000000000));
        expect_status(ptw_exposed_next(&e, &item), PTW_END);
    }
}

/* Leaves that stand for a whole path with HPD grant more than the other half
 * had. */
Test(aarch64_spaces, are_not_widened_by_the_half_with_hpd)
{
    static const struct {
        uint64_t high;
        unsigned first; /* the index of the lower half */
        unsigned walk;
        unsigned edit;
        enum ptw_status last;
    } cases[] = {
        {0x20000, 1, 0, 0, PTW_E_RIGHTS},
        {0x10000, 1, 0, 0, PTW_E_RIGHTS},
        {0x20000, 0, 0, 0, PTW_OK},
        {0x10000, 0, 0, 0, PTW_OK},
        {0x20000, 1, PTW_WALK_BY_RIGHTS, 0, PTW_OK},
        {0x20000, 1, PTW_WALK_TABLES, PTW_EDIT_EXACT, PTW_OK},
    };
    static struct ptw_walk w;
    struct ptw_item item[16];

    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        unsigned lower = cases[k].first;
        struct ptw_built built[2];
        struct ptw_translation before;
        struct ptw_translation after;
        static _Alignas(8) uint8_t storage[1 << 12];
        struct ptw_shares shares;
        struct ptw_tables t = {.mem = &mem, .ops = &ops, .shares = &shares};
        enum ptw_status st = PTW_OK;
        size_t items;

        memset(built, 0, sizeof built);
        halves_that_differ();
        next_table = 0x30000;
        cr_assert(ptw_shares_init(&shares, storage, sizeof storage, 1) ==
                  PTW_OK);
        items = walk_halves(&w, lower, 0x10000, cases[k].high, cases[k].walk, 0,
                            item, 16);
        t.root.regime = &half[!lower];
        for (size_t i = 0; i < items && st == PTW_OK; i++) {
            st = ptw_space_aware_map(&t, &item[i], built, 2, cases[k].edit);
        }
        expect_status(st, cases[k].last);
        if (st != PTW_OK || !built[lower].built) {
            continue;
        }
        expect_status(ptw_lookup(&mem,
                                 ptw_root_of(&half[0], ptw_pa_of(0x10000)),
                                 ptw_va_of(0), &before),
                      PTW_OK);
        expect_status(ptw_lookup(&mem, built[lower].root, ptw_va_of(0), &after),
                      PTW_OK);
        cr_expect(eq(uint, after.rights & ~before.rights, 0), "case %zu", k);
    }
}

/* ---------------------------------------------------------------- registers */

/* TCR_EL1 of Linux with 48 bits, both halves, 44-bit output. */
static struct ptw_aarch64_registers linux_registers(void)
{
    struct ptw_aarch64_registers g = {
        .el = 1, .tcr = 0x500074B5503510, .sctlr = 0x200000034F4D91D};

    return g;
}

static const char *from(const struct ptw_aarch64_registers *g, bool upper,
                        enum ptw_status status)
{
    static char reason[128];
    const char *why = "";
    enum ptw_status st = ptw_regime_from_aarch64(g, upper, NULL, &regime, &why);

    cr_expect(st == status, "%d, not %d: %s", (int)st, (int)status, why);
    cr_expect(eq(int, why[0] == '\0', st == PTW_OK));
    strncpy(reason, why, sizeof reason - 1);
    return reason;
}

Test(aarch64_registers, select_the_halves)
{
    struct ptw_aarch64_registers g = linux_registers();

    from(&g, false, PTW_OK);
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "aarch64-4k-48"));
    cr_expect(eq(uint, ptw_pa_bits(&regime), 44));
    cr_expect(
        eq(uint, ptw_features_of(&regime), PTW_AARCH64_TBI | PTW_AARCH64_PAN3));
    from(&g, true, PTW_OK);
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "aarch64-4k-48/upper"));
    cr_expect(eq(uint, ptw_features_of(&regime),
                 PTW_AARCH64_TBI | PTW_AARCH64_TBID | PTW_AARCH64_PAN3));
}

/* TCR_EL1: T0SZ 5:0, EPD0 7, TG0 15:14, T1SZ 21:16, EPD1 23, TG1 31:30, IPS 34:32,
 * TBI0 37, TBI1 38, HA 39, HD 40, HPD0 41, HPD1 42, TBID0 51, TBID1 52, E0PD0 55,
 * E0PD1 56, DS 59, MTX0 60, MTX1 61.  TG0 and TG1 have other encodings. */
Test(aarch64_registers, have_each_field_in_its_place)
{
    static const struct {
        unsigned bit;
        unsigned lower;
        unsigned upper;
    } features[] = {
        {37, PTW_AARCH64_TBI, 0},
        {38, 0, PTW_AARCH64_TBI},
        {39, PTW_AARCH64_HA, PTW_AARCH64_HA},
        {40, PTW_AARCH64_HD, PTW_AARCH64_HD},
        {41, PTW_AARCH64_HPD, 0},
        {42, 0, PTW_AARCH64_HPD},
        {51, PTW_AARCH64_TBID, 0},
        {52, 0, PTW_AARCH64_TBID},
        {55, PTW_AARCH64_E0PD, 0},
        {56, 0, PTW_AARCH64_E0PD},
        {60, PTW_AARCH64_MTX, 0},
        {61, 0, PTW_AARCH64_MTX},
    };
    static const char *const lower[3] = {"aarch64-4k-47", "aarch64-64k-47",
                                         "aarch64-16k-47"};
    static const char *const upper[4] = {NULL, "aarch64-16k-39/upper",
                                         "aarch64-4k-39/upper",
                                         "aarch64-64k-39/upper"};
    uint64_t least =
        17 | (uint64_t)25 << 16 | (uint64_t)2 << 30 | (uint64_t)5 << 32;
    struct ptw_aarch64_registers g = {.el = 1, .sctlr = 1};

    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        g.tcr = least | BIT(features[i].bit);
        from(&g, false, PTW_OK);
        cr_expect(eq(uint, ptw_features_of(&regime), features[i].lower), "%u",
                  features[i].bit);
        from(&g, true, PTW_OK);
        cr_expect(eq(uint, ptw_features_of(&regime), features[i].upper), "%u",
                  features[i].bit);
    }
    for (uint64_t tg = 0; tg < 4; tg++) {
        g.tcr = (least & ~((uint64_t)3 << 30)) | tg << 14 | tg << 30;
        from(&g, false, tg < 3 ? PTW_OK : PTW_E_CONFLICT);
        if (tg < 3) {
            cr_expect(
                eq(str, (char *)ptw_regime_name(&regime), (char *)lower[tg]));
        }
        from(&g, true, tg > 0 ? PTW_OK : PTW_E_CONFLICT);
        if (tg > 0) {
            cr_expect(
                eq(str, (char *)ptw_regime_name(&regime), (char *)upper[tg]));
        }
    }
    g.tcr = least | BIT(59);
    from(&g, true, PTW_OK);
    cr_expect(
        eq(str, (char *)ptw_regime_name(&regime), "aarch64-4k-39-lpa2/upper"));
    g.tcr = least | BIT(59) | BIT(14); /* DS is ignored with 64 KiB */
    from(&g, false, PTW_OK);
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "aarch64-64k-47"));
    g.tcr = least | BIT(7);
    no(ptw_aarch64_walks(&g, false));
    cr_expect(ptw_aarch64_walks(&g, true));
    g.tcr = least | BIT(23);
    cr_expect(ptw_aarch64_walks(&g, false));
    no(ptw_aarch64_walks(&g, true));
}

Test(aarch64_registers, know_the_output_size)
{
    static const unsigned bits[7] = {32, 36, 40, 42, 44, 48, 48};
    struct ptw_aarch64_registers g = {.el = 1, .sctlr = 1};
    struct ptw_cpu cpu = {.pa_bits = 40};

    for (uint64_t ips = 0; ips < 8; ips++) {
        g.tcr = 16 | ips << 32;
        from(&g, false, ips < 7 ? PTW_OK : PTW_E_CONFLICT);
        if (ips < 7) {
            cr_expect(eq(uint, ptw_pa_bits(&regime), bits[ips]));
        }
    }
    g.tcr = 16 | (uint64_t)6 << 32 | BIT(59);
    from(&g, false, PTW_OK);
    cr_expect(eq(uint, ptw_pa_bits(&regime), 52));
    g.tcr = 16 | (uint64_t)6 << 32 | BIT(14);
    from(&g, false, PTW_OK);
    cr_expect(eq(uint, ptw_pa_bits(&regime), 52));
    /* "... larger than the implemented PA size ... treated as" that size. */
    expect_status(ptw_regime_from_aarch64(&g, false, &cpu, &regime, NULL),
                  PTW_OK);
    cr_expect(eq(uint, ptw_pa_bits(&regime), 40));
}

/* TCR_EL2, TCR_EL3: T0SZ 5:0, TG0 15:14, PS 18:16, TBI 20, HA 21, HD 22, HPD 24, TBID
 * 29, DS 32, MTX 33. */
Test(aarch64_registers, of_one_privilege_are_laid_out_differently)
{
    struct ptw_aarch64_registers g = {
        .el = 2, .sctlr = 0x1005, .tcr = 0x80823518, .hcr = 0x20};

    from(&g, false, PTW_OK);
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "aarch64-4k-40/el2"));
    cr_expect(eq(uint, ptw_pa_bits(&regime), 40));
    cr_expect(eq(uint, ptw_features_of(&regime), 0));
    from(&g, true, PTW_E_ARG);
    cr_expect(ptw_aarch64_walks(&g, false));
    no(ptw_aarch64_walks(&g, true));
    g.el = 3;
    g.tcr = 20 | (uint64_t)2 << 14 | (uint64_t)6 << 16 | BIT(20) | BIT(21) |
            BIT(22) | BIT(24) | BIT(29) | BIT(32) | BIT(33);
    from(&g, false, PTW_OK);
    cr_expect(
        eq(str, (char *)ptw_regime_name(&regime), "aarch64-16k-44-lpa2/el3"));
    cr_expect(eq(uint, ptw_features_of(&regime),
                 PTW_AARCH64_TBI | PTW_AARCH64_HA | PTW_AARCH64_HD |
                     PTW_AARCH64_HPD | PTW_AARCH64_TBID | PTW_AARCH64_MTX));
    /* HCR_EL2.E2H: as TCR_EL1. */
    g = linux_registers();
    g.el = 2;
    g.hcr = BIT(34);
    from(&g, true, PTW_OK);
    cr_expect(
        eq(str, (char *)ptw_regime_name(&regime), "aarch64-4k-48/upper/e2h"));
}

Test(aarch64_registers, are_refused_by_name)
{
    struct ptw_aarch64_registers g = linux_registers();

    g.sctlr &= ~(uint64_t)1;
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "SCTLR.M") != NULL);
    g.sctlr = 1 | BIT(25);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "EE") != NULL);
    g.sctlr = 1;
    g.hcr = 1;
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "stage 2") != NULL);
    g.hcr = BIT(42) | BIT(43);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "NV1") != NULL);
    g.hcr = BIT(43);
    from(&g, false, PTW_OK);
    g.hcr = BIT(12);
    from(&g, false, PTW_E_REGIME);
    g.hcr = 0;
    g.tcr2 = BIT(1);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "PIR") != NULL);
    g.tcr2 = BIT(2);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "POE") != NULL);
    g.tcr2 = BIT(3);
    from(&g, false, PTW_E_REGIME);
    g.tcr2 = BIT(5);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "D128") != NULL);
    g.tcr2 = BIT(4);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "AIE") != NULL);
    g.tcr2 = BIT(0);
    cr_expect(strstr(from(&g, false, PTW_E_REGIME), "PnCH") != NULL);
    g.tcr2 = 0;
    g.el = 0;
    from(&g, false, PTW_E_ARG);
    g.el = 4;
    from(&g, false, PTW_E_ARG);
    g.el = 3;
    g.tcr = 16 | BIT(35);
    from(&g, false, PTW_E_REGIME);
    g.tcr = 16 | BIT(36);
    from(&g, false, PTW_E_REGIME);
    g.tcr = 16 | BIT(38);
    from(&g, false, PTW_E_REGIME);
}

/* "the PE behaves as if ..., or generates a Translation fault": no answer is right. */
Test(aarch64_registers, are_refused_where_tnsz_is_out_of_range)
{
    static const struct {
        uint64_t tcr; /* but for T0SZ */
        unsigned least;
        unsigned most;
    } range[] = {
        {0, 16, 48},
        {BIT(59), 12, 48},
        {(uint64_t)2 << 14, 16, 48},
        {(uint64_t)2 << 14 | BIT(59), 12, 48},
        {BIT(14), 12, 47},
    };
    struct ptw_aarch64_registers g = {.el = 1, .sctlr = 1};

    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        for (unsigned size = 0; size < 64; size++) {
            bool in = size >= range[i].least && size <= range[i].most;

            g.tcr = range[i].tcr | size;
            from(&g, false, in ? PTW_OK : PTW_E_CONFLICT);
            cr_expect(ptw_va_bits(&regime) == 64 - size || in == false);
        }
    }
}

/* TTBR0_EL1: ASID 63:48, BADDR 47:1, CnP 0; with 52-bit addresses BADDR[51:48] are
 * bits 5:2. */
Test(aarch64_registers, name_a_root)
{
    use("aarch64-4k-48");
    cr_expect(eq(u64, ptw_aarch64_root(&regime, 0xC000041853001).table.v,
                 0x41853000));
    use("aarch64-4k-40/el2");
    cr_expect(
        eq(u64, ptw_aarch64_root(&regime, 0x4FFF0031).table.v, 0x4FFF0030));
    use("aarch64-64k-48");
    cr_expect(eq(u64, ptw_aarch64_root(&regime, 0xABCD123456789229).table.v,
                 0xA123456789200));
    use("aarch64-4k-52-lpa2");
    cr_expect(eq(u64, ptw_aarch64_root(&regime, 0xABCD1234567890BD).table.v,
                 0xF123456789080));
    use("aarch64-4k-49-lpa2");
    cr_expect(eq(u64, ptw_aarch64_root(&regime, 0x1234567890FF).table.v,
                 0xF1234567890C0));
}

/* "Address tagging". */
Test(aarch64_registers, take_tags_off)
{
    ptw_va low = ptw_va_of(0xAB00123456789000);
    ptw_va high = ptw_va_of(0xABFF123456789000);

    use_with("aarch64-4k-48", 48, PTW_AARCH64_TBI);
    cr_expect(
        eq(u64, ptw_aarch64_untag(&regime, false, low).v, 0x123456789000));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, true, low).v, 0x123456789000));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, false, high).v, high.v));
    use_with("aarch64-4k-48/upper", 48, PTW_AARCH64_TBI | PTW_AARCH64_TBID);
    cr_expect(
        eq(u64, ptw_aarch64_untag(&regime, false, high).v, 0xFFFF123456789000));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, true, high).v, high.v));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, false, low).v, low.v));
    /* "bits[59:56] hold a Logical Address Tag": TCR_EL1.MTX0, MTX1. */
    use_with("aarch64-4k-48", 48, PTW_AARCH64_MTX);
    cr_expect(
        eq(u64, ptw_aarch64_untag(&regime, false, low).v, 0xA000123456789000));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, true, low).v, low.v));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, false, high).v, high.v));
    use_with("aarch64-4k-48/upper", 48, PTW_AARCH64_MTX);
    cr_expect(
        eq(u64, ptw_aarch64_untag(&regime, false, high).v, 0xAFFF123456789000));
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, true, high).v, high.v));
    use_with("aarch64-4k-48", 48, PTW_AARCH64_MTX | PTW_AARCH64_TBI);
    cr_expect(
        eq(u64, ptw_aarch64_untag(&regime, false, low).v, 0x123456789000));
    use("aarch64-4k-48");
    cr_expect(eq(u64, ptw_aarch64_untag(&regime, false, low).v, low.v));
}

/* ------------------------------------------------------------------- access */

/* What passes, as letters: "rwx" of the privileged and "rwx" of EL0. */
static void passes(unsigned above, uint64_t raw, unsigned allow,
                   const char *letters)
{
    static const enum ptw_right right[3] = {PTW_READ, PTW_WRITE, PTW_EXEC};
    char got[7] = "------";

    for (unsigned i = 0; i < 6; i++) {
        struct ptw_access a = {
            .right = right[i % 3], .user = i >= 3, .allow = allow};

        if (ptw_access_allowed(&regime, above, L3, raw, &a)) {
            got[i] = "rwx"[i % 3];
        }
    }
    cr_expect(eq(str, got, (char *)letters), "%llx below %x, %x",
              (unsigned long long)raw, above, allow);
}

Test(aarch64_access, obeys_ap_and_xn)
{
    use("aarch64-4k-48");
    passes(ALL, AF | PAGE, 0, "rwx--x");
    passes(ALL, AF | PAGE | UXN, 0, "rwx---");
    passes(ALL, AF | PAGE | AP2 | PXN | UXN, 0, "r-----");
    passes(ALL, AF | PAGE | AP1 | AP2, 0, "r-xr-x");
    /* What EL0 can write the privileged do not run. */
    passes(ALL, AF | PAGE | AP1, 0, "rw-rwx");
    passes(ALL & ~W, AF | PAGE | AP1, 0, "r-xr-x");
    passes(ALL & ~U, AF | PAGE | AP1, 0, "rwx--x");
    passes(ALL & ~(X | UX), AF | PAGE | AP1 | AP2, 0, "r--r--");
    use("aarch64-4k-48/el2");
    passes(ALL, AF | PAGE | AP1, 0, "rwx---");
    passes(ALL, AF | PAGE | AP1 | UXN | AP2, 0, "r-----");
    /* PSTATE.PAN means nothing there. */
    passes(ALL, AF | PAGE | AP1, PTW_AARCH64_PAN | PTW_AARCH64_EPAN, "rwx---");
}

/* "The Access flag", "Hardware management of the Access flag and dirty state". */
Test(aarch64_access, obeys_af_and_dbm)
{
    use("aarch64-4k-48");
    passes(ALL, PAGE | AP1, 0, "------");
    passes(ALL, AF | PAGE | AP1 | AP2 | DBM, 0, "r-xr-x");
    no(ptw_guest_writes(&regime, ALL, L3, AF | PAGE | AP2 | DBM));
    use_with("aarch64-4k-48", 48, PTW_AARCH64_HA);
    passes(ALL, PAGE | AP1, 0, "rw-rwx");
    use_with("aarch64-4k-48", 48, PTW_AARCH64_HD); /* nothing without HA */
    passes(ALL, AF | PAGE | AP1 | AP2 | DBM, 0, "r-xr-x");
    use_with("aarch64-4k-48", 48, PTW_AARCH64_HA | PTW_AARCH64_HD);
    passes(ALL, AF | PAGE | AP1 | AP2 | DBM, 0, "rw-rwx");
    passes(ALL & ~W, AF | PAGE | AP1 | AP2 | DBM, 0, "r-xr-x");
    cr_expect(ptw_guest_writes(&regime, ALL, L3, PAGE | AP2 | DBM));
    no(ptw_guest_writes(&regime, ALL & ~W, L3, PAGE | AP2 | DBM));
    no(ptw_guest_writes(&regime, ALL, L3, PAGE | AP2));
    cr_expect(ptw_guest_writes(&regime, ALL, L3, PAGE));
}

/* SCTLR_EL1.WXN, TCR_EL1.E0PD0. */
Test(aarch64_access, obeys_wxn_and_e0pd)
{
    use_with("aarch64-4k-48", 48, PTW_AARCH64_WXN);
    passes(ALL, AF | PAGE, 0, "rw---x");
    passes(ALL, AF | PAGE | AP1, 0, "rw-rw-");
    passes(ALL, AF | PAGE | AP1 | AP2, 0, "r-xr-x");
    use_with("aarch64-4k-48/el2", 48, PTW_AARCH64_WXN);
    passes(ALL, AF | PAGE, 0, "rw----");
    use_with("aarch64-4k-48", 48, PTW_AARCH64_E0PD);
    passes(ALL, AF | PAGE | AP1, 0, "rw----");
}

/* "Privileged Access Never", FEAT_PAN3. */
Test(aarch64_access, obeys_pan_and_epan)
{
    use("aarch64-4k-48");
    passes(ALL, AF | PAGE | AP1, PTW_AARCH64_PAN, "---rwx");
    passes(ALL, AF | PAGE | AP1 | AP2, PTW_AARCH64_PAN, "--xr-x");
    passes(ALL, AF | PAGE | UXN, PTW_AARCH64_PAN, "rwx---");
    passes(ALL, AF | PAGE, PTW_AARCH64_PAN, "rwx--x");
    passes(ALL, AF | PAGE, PTW_AARCH64_EPAN, "rwx--x");
    passes(ALL, AF | PAGE, PTW_AARCH64_PAN | PTW_AARCH64_EPAN, "--x--x");
    use_with("aarch64-4k-48", 48, PTW_AARCH64_PAN3);
    passes(ALL, AF | PAGE, PTW_AARCH64_PAN, "--x--x");
}

/* ------------------------------------------------------ indirect permissions */

/* PIIndex[3:0] is bits 54, 53, 51 and 6. */
static uint64_t indexed(unsigned i)
{
    return (uint64_t)(i & 1) << 6 | (uint64_t)(i >> 1 & 1) << 51 |
           (uint64_t)(i >> 2 & 1) << 53 | (uint64_t)(i >> 3 & 1) << 54 | AF |
           PAGE;
}

static void use_indirect(uint64_t pir, uint64_t pire0, uint64_t tcr)
{
    struct ptw_aarch64_registers g = {.el = 1,
                                      .has_pir = true,
                                      .tcr = 16 | (uint64_t)5 << 32 | tcr,
                                      .sctlr = 1,
                                      .tcr2 = 2,
                                      .pir = pir,
                                      .pire0 = pire0};

    from(&g, false, PTW_OK);
}

/* "Stage 1 Indirect permissions": the encodings of PIR_EL1 and PIRE0_EL1.  0110 is
 * RWX of which what is writable does not run, as there are no overlays. */
Test(aarch64_pie, knows_each_permission)
{
    static const char *const grants[16] = {
        "---", "r--", "--x", "r-x", "---", "rw-", "rw-", "rwx",
        "r--", "r--", "r-x", "---", "rw-", "---", "rwx", "---"};

    for (unsigned i = 0; i < 16; i++) {
        char both[7] = "------";

        memcpy(both, grants[i], 3);
        use_indirect(0xFEDCBA9876543210, 0, 0);
        passes(ALL, indexed(i), 0, both);
        memcpy(both, "---", 3);
        memcpy(both + 3, grants[i], 3);
        use_indirect(0, 0xFEDCBA9876543210, 0);
        passes(ALL, indexed(i), 0, both);
    }
    /* What is privileged-executable and writable by EL0 is nobody's. */
    use_indirect(0x3, 0x5, 0);
    passes(ALL, indexed(0), 0, "------");
    use_indirect(0x5, 0x5, 0);
    passes(ALL, indexed(0), 0, "rw-rw-");
    passes(ALL, indexed(0) | AP2, 0, "r--r--"); /* nDirty */
    passes(ALL, indexed(0), PTW_AARCH64_PAN, "---rw-");
    use_indirect(0x1, 0x2, 0);
    passes(ALL, indexed(0), PTW_AARCH64_PAN, "-----x");
    use_indirect(0x5, 0x5, BIT(39) | BIT(40));
    passes(ALL, indexed(0) | AP2, 0, "rw-rw-");
    cr_expect(ptw_guest_writes(&regime, ALL, L3, indexed(0) | AP2));
}

Test(aarch64_pie, says_in_rights_no_more_than_there_is)
{
    use_indirect(0x5531, 0x5131, 0);
    is(L3, indexed(0), PTW_ENTRY_LEAF, 0, R | U);
    is(L3, indexed(1), PTW_ENTRY_LEAF, 0, R | U | X | UX);
    is(L3, indexed(2), PTW_ENTRY_LEAF, 0, R | W); /* EL0 only reads */
    is(L3, indexed(3), PTW_ENTRY_LEAF, 0, R | W | U);
    is(L3, indexed(3) | AP2, PTW_ENTRY_LEAF, 0, R | U);
    is(L3, indexed(4), PTW_ENTRY_LEAF, 0, 0);
    /* Tables withhold nothing. */
    is(L2, TABLE | APT0 | APT1 | PXNT | UXNT, PTW_ENTRY_TABLE, 0, ALL);
    no(ptw_guest_writes(&regime, ALL, L3, indexed(0)));
    cr_expect(ptw_guest_writes(&regime, ALL, L3, indexed(2)));
}

/* A guarded control stack is written, though no store may. */
Test(aarch64_pie, counts_a_guarded_control_stack)
{
    struct ptw_access a = {
        .right = PTW_WRITE, .user = true, .shadow_stack = true};

    use_indirect(0x5, 0x9, 0);
    passes(ALL, indexed(0), 0, "rw-r--");
    cr_expect(ptw_shadow_stack(&regime, ALL, L3, indexed(0)));
    cr_expect(ptw_access_allowed(&regime, ALL, L3, indexed(0), &a));
    use_indirect(0x1, 0x9, 0);
    cr_expect(ptw_guest_writes(&regime, ALL, L3, indexed(0)));
    a.user = false;
    no(ptw_access_allowed(&regime, ALL, L3, indexed(0), &a));
    /* nDirty: it is read, and a write to it faults, as any write does. */
    a.user = true;
    no(ptw_access_allowed(&regime, ALL, L3, indexed(0) | AP2, &a));
    no(ptw_guest_writes(&regime, ALL, L3, indexed(0) | AP2));
    cr_expect(ptw_shadow_stack(&regime, ALL, L3, indexed(0) | AP2));
    a.right = PTW_READ;
    cr_expect(ptw_access_allowed(&regime, ALL, L3, indexed(0) | AP2, &a));
    a.right = PTW_WRITE;
    use_indirect(0x1, 0x9, BIT(39) | BIT(40));
    cr_expect(ptw_access_allowed(&regime, ALL, L3, indexed(0) | AP2, &a));
    cr_expect(ptw_guest_writes(&regime, ALL, L3, indexed(0) | AP2));
}

/* "S1PrivBasePerm is one of {0b0010, 0b0011, 0b0110, 0b0111, 0b1001, 0b1010,
 * 0b1110} ... S1UnprivBasePerm is one of {0b0101, 0b0110, 0b0111, 0b1001, 0b1100,
 * 0b1110}": reserved, and the permissions are removed. */
Test(aarch64_pie, removes_what_is_unsafe)
{
    const unsigned runs =
        BIT(2) | BIT(3) | BIT(6) | BIT(7) | BIT(9) | BIT(10) | BIT(14);
    const unsigned writes =
        BIT(5) | BIT(6) | BIT(7) | BIT(9) | BIT(12) | BIT(14);

    for (unsigned p = 0; p < 16; p++) {
        for (unsigned u = 0; u < 16; u++) {
            bool unsafe = (runs >> p & 1) != 0 && (writes >> u & 1) != 0;
            unsigned rights;

            use_indirect(p, u, 0);
            rights = ptw_decode(&regime, L3, 0, indexed(0)).rights;
            if (unsafe) {
                passes(ALL, indexed(0), 0, "------");
                cr_expect(eq(uint, rights, 0), "%u, %u", p, u);
                no(ptw_guest_writes(&regime, ALL, L3, indexed(0)));
                no(ptw_shadow_stack(&regime, ALL, L3, indexed(0)));
            } else if ((writes >> u & 1) != 0) {
                cr_expect(ptw_guest_writes(&regime, ALL, L3, indexed(0)),
                          "%u, %u", p, u);
            }
        }
    }
}

/* "If ... PSTATE.PAN is 1 and S1UnprivBasePerm is not 0b0000": of a reserved value
 * too, where a processor has the choice. */
Test(aarch64_pie, keeps_the_privileged_from_what_is_the_users)
{
    struct ptw_aarch64_registers g = {.el = 2,
                                      .has_pir = true,
                                      .tcr = 16 | (uint64_t)5 << 16,
                                      .sctlr = 1,
                                      .tcr2 = 2,
                                      .pir = 0x5,
                                      .pire0 = 0x1};

    for (unsigned u = 0; u < 16; u++) {
        struct ptw_access a = {.right = PTW_READ, .allow = PTW_AARCH64_PAN};

        use_indirect(0x5, u, 0);
        cr_expect(eq(int, ptw_access_allowed(&regime, ALL, L3, indexed(0), &a),
                     u == 0));
    }
    /* EL2 alone has no PSTATE.PAN, and no PIRE0. */
    from(&g, false, PTW_OK);
    passes(ALL, indexed(0), PTW_AARCH64_PAN, "rw----");
}

Test(aarch64_pie, maps_what_an_index_grants)
{
    uint64_t above;
    struct ptw_tables t;
    struct ptw_map_request q = {.last = {0xFFF}, .rights = R | X | UX};

    use_indirect(0x0000000000A53158, 0, 0);
    cr_expect(eq(u64, mapped(R | W, false, &above),
                 (indexed(1) | 0x20000 | SH | NG)));
    cr_expect(eq(u64, mapped(R, false, &above),
                 (indexed(0) | AP2 | 0x20000 | SH | NG)));
    cr_expect(eq(u64, mapped(R | X, false, &above),
                 (indexed(3) | AP2 | 0x20000 | SH | NG)));
    t = tables(0x10000);
    expect_status(ptw_map(&t, &q), PTW_E_RIGHTS);
}

/* Where an address fits has nothing to do with what the indices grant: here none
 * can be read and run. */
Test(aarch64_pie, maps_wherever_an_index_grants_it)
{
    uint64_t above;
    struct ptw_tables t;
    struct ptw_map_request q = {
        .first = {0x40000000},
        .last = {0x40000000 + 0x3FFFFF},
        .pa = {0x400000},
        .rights = R | W,
        .flags = PTW_EDIT_LARGE,
    };

    use_indirect(0x5, 0, 0);
    cr_expect(eq(u64, mapped(R | W, false, &above),
                 (indexed(0) | 0x20000 | SH | NG)));
    t = tables(0x10000);
    expect_status(ptw_map(&t, &q), PTW_OK);
    q.pa.v = BIT(48) - 0x200000;
    expect_status(ptw_map(&t, &q), PTW_E_WIDTH);
}

/* An entry that leads to a table grants all, though no leaf may grant all. */
Test(aarch64_pie, links_what_withholds_nothing)
{
    static _Alignas(8) unsigned char storage[4096];
    struct ptw_shares shares;
    struct ptw_tables t;
    struct ptw_link_request q = {.their_va = {0}, .rights = ALL};

    use_indirect(0x5, 0x5, 0);
    t = tables(0x10000);
    cr_assert(ptw_shares_init(&shares, storage, sizeof storage, 1) == PTW_OK);
    t.shares = &shares;
    q.first.v = q.last.v = BIT(39);
    q.owner = t.root;
    q.level = ptw_alias_level_of(&regime, L1);
    put(0x10000, 0, 0x11000 | TABLE);
    expect_status(ptw_link(&t, &q), PTW_OK);
    cr_expect(eq(u64, entry(0x10000, 1), (0x11000 | TABLE)));
    q.rights = ALL & ~(unsigned)X;
    expect_status(ptw_link(&t, &q), PTW_E_RIGHTS);
    q.rights = ALL + 1;
    expect_status(ptw_link(&t, &q), PTW_E_RIGHTS);
}

/* A clean page is read-only, and no index is. */
Test(aarch64_pie, puts_a_leaf_in_place_as_it_is)
{
    struct ptw_tables t;
    struct ptw_walk w;
    struct ptw_item item[8];
    struct ptw_built built = {{NULL, {0}}, false};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_translation tr;
    struct ptw_root was;
    size_t n;

    use_indirect(0x5, 0, 0);
    t = tables(0x10000);
    put(0x10000, 0, 0x11000 | TABLE);
    put(0x11000, 0, 0x12000 | TABLE);
    put(0x12000, 0, 0x13000 | TABLE);
    put(0x13000, 7, 0x40000 | indexed(0) | AP2 | SH);
    was = t.root;
    t.root.table.v = 0;
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, &was, 1, NULL, &o) == PTW_OK);
    cr_assert(ptw_walk_next(&w, item, 8, &n) == PTW_OK);
    for (size_t i = 0; i < n; i++) {
        expect_status(
            ptw_space_aware_map(&t, &item[i], &built, 1, PTW_EDIT_EXACT),
            PTW_OK);
    }
    cr_assert(built.built);
    expect_status(ptw_lookup(&mem, built.root, ptw_va_of(0x7000), &tr), PTW_OK);
    cr_expect(eq(u64, tr.raw, (0x40000 | indexed(0) | AP2 | SH)));
    cr_expect(eq(uint, tr.rights, R));
}
