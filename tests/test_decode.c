/* SPDX-License-Identifier: Apache-2.0 */
/* What one entry means, bit by bit. */
#include "ptwalk/ptwalk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct ptw_regime regime;

static const uint64_t NX = (uint64_t)1 << 63;

enum { PT, PD, PDPT, PML4 };

static void use(const char *name, unsigned pa_bits, unsigned without)
{
    struct ptw_cpu cpu = {.pa_bits = pa_bits, .x86.page1g = true};

    cr_assert(ptw_regime_by_name(name, &cpu, without, &regime, NULL) == PTW_OK);
}

static struct ptw_entry decode(unsigned level, uint64_t raw)
{
    return ptw_decode(&regime, level, 0, raw);
}

static uint64_t bit(unsigned n)
{
    return (uint64_t)1 << n;
}

static void is(unsigned level, uint64_t raw, enum ptw_entry_kind kind,
               uint64_t pa, unsigned rights)
{
    struct ptw_entry e = decode(level, raw);

    cr_expect(e.kind == kind, "level %u, %llx: kind %d, not %d", level,
              (unsigned long long)raw, e.kind, kind);
    cr_expect(e.pa.v == pa, "level %u, %llx: address %llx, not %llx", level,
              (unsigned long long)raw, (unsigned long long)e.pa.v,
              (unsigned long long)pa);
    cr_expect(e.rights == rights, "level %u, %llx: rights %x, not %x", level,
              (unsigned long long)raw, e.rights, rights);
}

static void is_leaf(unsigned level, uint64_t raw, uint64_t pa, unsigned rights)
{
    is(level, raw, PTW_ENTRY_LEAF, pa, rights);
}

static void is_table(unsigned level, uint64_t raw, uint64_t pa, unsigned rights)
{
    is(level, raw, PTW_ENTRY_TABLE, pa, rights);
}

static void is_bad(unsigned level, uint64_t raw, uint64_t because)
{
    is(level, raw, PTW_ENTRY_BAD, 0, 0);
    cr_expect(ptw_bad_entry_of(&regime, level, 0, raw).bits == because,
              "level %u, %llx: because of %llx, not %llx", level,
              (unsigned long long)raw,
              (unsigned long long)ptw_bad_entry_of(&regime, level, 0, raw).bits,
              (unsigned long long)because);
}

static struct ptw_attributes attributes(unsigned level, uint64_t raw)
{
    return ptw_attributes_of(&regime, level, raw);
}

static const unsigned R = PTW_READ;
static const unsigned RW = PTW_READ | PTW_WRITE;
static const unsigned RX = PTW_READ | PTW_EXEC;
static const unsigned RWX = PTW_READ | PTW_WRITE | PTW_EXEC;
static const unsigned RWXU = PTW_READ | PTW_WRITE | PTW_USER | PTW_EXEC;

/* ---------------------------------------------------------- golden vectors */

Test(amd64_decode, reads_the_golden_page)
{
    use("amd64", 52, 0);
    is_leaf(PT, 0x20063, 0x20000, RWX);
    is_leaf(PT, 0x20061, 0x20000, RX);
    is_leaf(PT, 0x20063 | NX, 0x20000, RW);
    is_leaf(PT, 0x20061 | NX, 0x20000, R);
    cr_expect(attributes(PT, 0x20063).accessed);
    cr_expect(attributes(PT, 0x20063).dirty);
    cr_expect(not(attributes(PT, 0x20063).global));
    cr_expect(not(attributes(PT, 0x20063).copy_on_write));
    cr_expect(eq(u32, attributes(PT, 0x20063).memory_type, 0));
}

Test(amd64_decode, reads_the_golden_copy_on_write_page)
{
    use("amd64", 52, 0);
    is_leaf(PT, 0x20261, 0x20000, RX);
    is_leaf(PT, 0x20261 | NX, 0x20000, R);
    cr_expect(attributes(PT, 0x20261).copy_on_write);
    cr_expect(attributes(PT, 0x20261 | NX).copy_on_write);
}

Test(amd64_decode, reads_the_golden_table)
{
    use("amd64", 52, 0);
    is_table(PD, 0x20023, 0x20000, RWX);
    is_table(PDPT, 0x20023, 0x20000, RWX);
    is_table(PML4, 0x20023, 0x20000, RWX);
}

Test(i686_decode, reads_the_golden_user_page_and_table)
{
    use("i686", 40, 0);
    is_leaf(PT, 0x20027, 0x20000, RWXU);
    is_table(PD, 0x20027, 0x20000, RWXU);
    is_leaf(PT, 0x20021, 0x20000, RX);
    is_leaf(PT, 0x20023, 0x20000, RWX);
    is_leaf(PT, 0x20025, 0x20000, RX | PTW_USER);
    cr_expect(attributes(PT, 0x20027).accessed);
    cr_expect(not(attributes(PT, 0x20027).dirty));
}

Test(i686_decode, reads_the_golden_copy_on_write_page)
{
    use("i686", 40, 0);
    is_leaf(PT, 0x20221, 0x20000, RX);
    is_leaf(PT, 0x20225, 0x20000, RX | PTW_USER);
    cr_expect(attributes(PT, 0x20221).copy_on_write);
    cr_expect(attributes(PT, 0x20225).copy_on_write);
}

/* "A leaf is copy-on-write iff (entry & 0xE00) == 0x200." */
Test(x86_decode, takes_exactly_one_value_of_software_bits_for_copy_on_write)
{
    use("amd64", 52, 0);
    for (uint64_t software = 0; software < 0x1000; software += 0x200) {
        cr_expect(eq(int, attributes(PT, 0x20061 | software).copy_on_write,
                     software == 0x200));
        cr_expect(eq(int, attributes(PD, 0x2000e1 | software).copy_on_write,
                     software == 0x200));
    }
}

/* ------------------------------------------------------------------ absent */

/* crash and makedumpfile had a "present" test that was always true. */
Test(x86_decode, takes_nothing_for_present_that_is_not)
{
    use("amd64", 32, PTW_X86_NX | PTW_X86_PAGE1G);
    for (unsigned level = PT; level <= PML4; level++) {
        is(level, 0, PTW_ENTRY_ABSENT, 0, 0);
        is(level, ~(uint64_t)1, PTW_ENTRY_ABSENT, 0, 0);
        for (unsigned n = 1; n < 64; n++) {
            is(level, bit(n), PTW_ENTRY_ABSENT, 0, 0);
        }
        cr_expect(
            eq(u64, ptw_bad_entry_of(&regime, level, 0, ~(uint64_t)1).bits, 0));
    }
    use("i686", 32, 0);
    for (unsigned level = PT; level <= PD; level++) {
        is(level, 0xfffffffe, PTW_ENTRY_ABSENT, 0, 0);
    }
}

/* --------------------------------------------------- amd64, every single bit
 */

/* One bit set beside P: what becomes of it, for an entry that is no large
 * page. */
static void amd64_bit(unsigned level, unsigned n, unsigned pa_bits, bool nx,
                      bool page1g)
{
    uint64_t raw = 1 | bit(n);
    enum ptw_entry_kind kind = level == PT ? PTW_ENTRY_LEAF : PTW_ENTRY_TABLE;

    if (n == 0) {
        is(level, raw, kind, 0, RX);
    } else if (n == 1) {
        is(level, raw, kind, 0, RWX);
    } else if (n == 2) {
        is(level, raw, kind, 0, RX | PTW_USER);
    } else if (n == 7 && (level == PML4 || (level == PDPT && !page1g))) {
        is_bad(level, raw, bit(7));
    } else if (n == 7 && level != PT) {
        is(level, raw, PTW_ENTRY_LEAF, 0, RX);
    } else if (n >= 12 && n < pa_bits) {
        is(level, raw, kind, bit(n), RX);
    } else if (n >= 12 && n < 52) {
        is_bad(level, raw, bit(n));
    } else if (n == 63) {
        if (nx) {
            is(level, raw, kind, 0, R);
        } else {
            is_bad(level, raw, NX);
        }
    } else {
        /* PWT, PCD, A, D, PAT, G, software's, keys: no say in this */
        is(level, raw, kind, 0, RX);
    }
}

/* XSA-301: unused top frame bits ignored, and the maximum off by one. */
Test(amd64_decode, judges_every_bit_at_every_level_and_width)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits++) {
        for (unsigned off = 0; off < 4; off++) {
            bool nx = (off & 1) == 0;
            bool page1g = (off & 2) == 0;

            use("amd64", pa_bits,
                (nx ? 0 : PTW_X86_NX) | (page1g ? 0 : PTW_X86_PAGE1G));
            for (unsigned level = PT; level <= PML4; level++) {
                for (unsigned n = 0; n < 64; n++) {
                    amd64_bit(level, n, pa_bits, nx, page1g);
                }
            }
        }
    }
}

/* The same for an entry with PS set that maps a page of 1 << shift bytes. */
static void amd64_large_bit(unsigned level, unsigned shift, unsigned n,
                            unsigned pa_bits, bool nx)
{
    uint64_t raw = 0x81 | bit(n);

    if (n == 1) {
        is_leaf(level, raw, 0, RWX);
    } else if (n == 2) {
        is_leaf(level, raw, 0, RX | PTW_USER);
    } else if (n >= shift && n < pa_bits) {
        is_leaf(level, raw, bit(n), RX);
    } else if (n >= 13 && n < 52) {
        is_bad(level, raw, bit(n));
    } else if (n == 63) {
        if (nx) {
            is_leaf(level, raw, 0, R);
        } else {
            is_bad(level, raw, NX);
        }
    } else {
        is_leaf(level, raw, 0, RX);
    }
}

Test(amd64_decode, judges_every_bit_of_large_pages_at_every_width)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits++) {
        for (unsigned nx = 0; nx < 2; nx++) {
            use("amd64", pa_bits, nx != 0 ? 0 : PTW_X86_NX);
            for (unsigned n = 0; n < 64; n++) {
                amd64_large_bit(PD, 21, n, pa_bits, nx != 0);
                amd64_large_bit(PDPT, 30, n, pa_bits, nx != 0);
            }
        }
    }
}

Test(amd64_decode, names_all_the_bits_that_spoil_an_entry)
{
    use("amd64", 40, PTW_X86_NX);
    is_bad(PD, 0x81 | NX | bit(13) | bit(20) | bit(40) | bit(51),
           NX | bit(13) | bit(20) | bit(40) | bit(51));
    is_bad(PD, 1 | NX | bit(13) | bit(51), NX | bit(51));
    is_bad(PML4, 0x81 | bit(13) | bit(45), bit(7) | bit(45));
}

/* XSA-176: PS in an L4 entry, or in an L3 entry without 1 GiB pages. */
Test(amd64_decode, reserves_ps_where_there_are_no_such_pages)
{
    use("amd64", 52, PTW_X86_PAGE1G);
    is_bad(PML4, 0x1000 | 0xe3, 0x80);
    is_bad(PDPT, 0x1000 | 0xe3, 0x80);
    is_leaf(PD, 0xe3, 0, RWX);
    use("amd64", 52, 0);
    is_bad(PML4, 0x1000 | 0xe3, 0x80);
    is_leaf(PDPT, 0xe3, 0, RWX);
}

/* ------------------------------------------------------------- known traps */

/* Bit 7 of a PTE is PAT, not PS; bit 12 of a large page is PAT, not address. */
Test(amd64_decode, knows_where_pat_is)
{
    use("amd64", 52, 0);
    is_leaf(PT, 0x200e3, 0x20000, RWX);
    cr_expect(eq(u32, attributes(PT, 0x200e3).memory_type, 4));
    is_leaf(PD, 0x2010e3, 0x200000, RWX);
    cr_expect(eq(u32, attributes(PD, 0x2010e3).memory_type, 4));
    cr_expect(eq(u32, attributes(PD, 0x2000e3).memory_type, 0));
    is_leaf(PDPT, 0x400010e3, 0x40000000, RWX);
    cr_expect(eq(u32, attributes(PDPT, 0x400010e3).memory_type, 4));
    cr_expect(eq(u32, attributes(PT, 0x21063).memory_type, 0),
              "bit 12 of a small page is address");
}

Test(i686_decode, knows_where_pat_is)
{
    use("i686", 40, 0);
    is_leaf(PT, 0x200a7, 0x20000, RWXU);
    cr_expect(eq(u32, attributes(PT, 0x200a7).memory_type, 4));
    is_leaf(PD, 0x004010a7, 0x00400000, RWXU);
    cr_expect(eq(u32, attributes(PD, 0x004010a7).memory_type, 4));
    cr_expect(eq(u32, attributes(PD, 0x004000a7).memory_type, 0));
}

/* XSA-173: a superpage's frame number cut to 32 bits; others:
 * 2 MiB addresses cut to 32 bits, upper 32 bits of an entry masked off. */
Test(amd64_decode, keeps_addresses_above_32_bits)
{
    use("amd64", 52, 0);
    is_leaf(PT, 0xfedcba9876543063, 0xcba9876543000, RW);
    is_leaf(PD, 0x000ffffffffff0e3 & ~(uint64_t)0x1fe000, 0xfffffffe00000, RWX);
    is_leaf(PDPT, 0x000fffffc00000e3, 0xfffffc0000000, RWX);
    is_table(PML4, 0x000ffffffffff023, 0xffffffffff000, RWX);
}

Test(i686_decode, keeps_addresses_above_32_bits)
{
    use("i686", 40, 0);
    is_leaf(PD, 0xffdfe0e3, 0xffffc00000, RWX);
    is_leaf(PD, 0x004020e3, 0x0100400000, RWX);
}

/* C sign extension of a shifted bit-field. */
Test(i686_decode, does_not_extend_the_sign_of_an_address)
{
    use("i686", 40, 0);
    is_leaf(PT, 0x80000027, 0x80000000, RWXU);
    is_leaf(PT, 0xfffff027, 0xfffff000, RWXU);
    is_table(PD, 0xfffff027, 0xfffff000, RWXU);
    is_leaf(PD, 0x801000e3, 0x8080000000, RWX);
}

Test(i686_decode, judges_every_bit_of_a_small_page_and_a_table)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits++) {
        use("i686", pa_bits, 0);
        for (unsigned n = 3; n < 32; n++) {
            uint64_t raw = 1 | bit(n);
            uint64_t pa = n >= 12 ? bit(n) : 0;

            is_leaf(PT, raw, pa, RX);
            if (n != 7) {
                is_table(PD, raw, pa, RX);
            }
        }
        is_leaf(PT, 3, 0, RWX);
        is_leaf(PT, 5, 0, RX | PTW_USER);
        is_table(PD, 3, 0, RWX);
        is_table(PD, 5, 0, RX | PTW_USER);
    }
}

Test(i686_decode, judges_every_bit_of_a_4m_page)
{
    use("i686", 36, 0);
    for (unsigned n = 3; n < 32; n++) {
        uint64_t raw = 0x81 | bit(n);

        if (n >= 22) {
            is_leaf(PD, raw, bit(n), RX);
        } else if (n >= 13 && n <= 16) {
            is_leaf(PD, raw, bit(n + 19), RX);
        } else if (n >= 17) {
            is_bad(PD, raw, bit(n));
        } else {
            is_leaf(PD, raw, 0, RX);
        }
    }
}

/* -------------------------------------------------------------- attributes */

Test(x86_attributes, read_each_bit)
{
    use("amd64", 52, 0);
    cr_expect(attributes(PT, 1 << 8).global);
    cr_expect(attributes(PT, 1 << 5).accessed);
    cr_expect(attributes(PT, 1 << 6).dirty);
    cr_expect(not(attributes(PT, ~bit(8)).global));
    cr_expect(not(attributes(PT, ~bit(5)).accessed));
    cr_expect(not(attributes(PT, ~bit(6)).dirty));
}

Test(x86_attributes, have_all_eight_memory_types)
{
    use("amd64", 52, 0);
    for (unsigned type = 0; type < 8; type++) {
        uint64_t low = (type & 1) << 3 | (type >> 1 & 1) << 4;

        cr_expect(
            eq(u32, attributes(PT, low | (type >> 2) << 7).memory_type, type));
        cr_expect(eq(u32,
                     attributes(PD, 0x81 | low | (type >> 2) << 12).memory_type,
                     type));
    }
}

Test(x86_attributes, have_a_key_only_where_there_are_keys)
{
    struct ptw_x86_registers regs = {0x80000001, 0x400020, 0xd00};

    use("amd64", 52, 0);
    cr_expect(eq(u32, attributes(PT, UINT64_MAX).key, 0));
    cr_assert(ptw_regime_from_x86(&regs, NULL, &regime, NULL) == PTW_OK);
    for (unsigned key = 0; key < 16; key++) {
        cr_expect(eq(u32, attributes(PT, (uint64_t)key << 59).key, key));
        cr_expect(
            eq(u32,
               attributes(PT, (uint64_t)key << 59 | ~((uint64_t)15 << 59)).key,
               key));
    }
    use("i686", 40, 0);
    cr_expect(eq(u32, attributes(PT, 0xffffffff).key, 0));
}
