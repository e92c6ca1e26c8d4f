/* SPDX-License-Identifier: Apache-2.0 */
/* One address: what a processor would find. */
#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000 };

static struct ptw_translation t;

static int lookup(uint64_t root, uint64_t va)
{
    memset(&t, 0x5a, sizeof t);
    return ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(root)),
                      ptw_va_of(va), &t);
}

static bool untouched(void)
{
    struct ptw_translation pattern;

    memset(&pattern, 0x5a, sizeof pattern);
    return memcmp(&pattern, &t, sizeof t) == 0;
}

/* One page at 0x20000, at the address with indices 1, 2, 3, 4. */
static uint64_t one_page(void)
{
    machine("amd64");
    put(PML4, 1, PDPT | TABLE);
    put(PDPT, 2, PD | TABLE);
    put(PD, 3, PT | TABLE);
    put(PT, 4, 0x20000 | RWX);
    return va4(1, 2, 3, 4).v;
}

static void found(uint64_t root, uint64_t va, uint64_t pa, unsigned size_log2,
                  unsigned rights)
{
    uint64_t within = va & (((uint64_t)1 << size_log2) - 1);

    cr_expect(eq(int, lookup(root, va), PTW_OK));
    cr_expect(eq(u64, t.pa.v, pa));
    cr_expect(eq(u64, t.leaf_pa.v, pa - within));
    cr_expect(eq(u64, t.leaf_va.v, va - within));
    cr_expect(eq(u32, t.size_log2, size_log2));
    cr_expect(eq(u32, t.rights, rights));
}

static const unsigned R_W_X = PTW_READ | PTW_WRITE | PTW_EXEC;

/* -------------------------------------------------------------- what there is
 */

/* Others: the page offset lost. */
Test(amd64_lookup, keeps_the_page_offset)
{
    uint64_t va = one_page();

    found(PML4, va, 0x20000, 12, R_W_X);
    found(PML4, va + 0x123, 0x20123, 12, R_W_X);
    found(PML4, va + 0xfff, 0x20fff, 12, R_W_X);
    cr_expect(eq(u64, t.raw, 0x20063));
    cr_expect(eq(u32, t.level, 0));
    cr_expect(eq(int, lookup(PML4, va + 0x1000), PTW_NOT_MAPPED));
    cr_expect(eq(int, lookup(PML4, va - 1), PTW_NOT_MAPPED));
}

/* Hyperlight: PS ignored, a large page walked as if it were a table. */
Test(amd64_lookup, takes_a_2m_page_for_a_page)
{
    one_page();
    put(PD, 5, 0x200000 | RWX | PS);
    found(PML4, va4(1, 2, 5, 0).v, 0x200000, 21, R_W_X);
    found(PML4, va4(1, 2, 5, 511).v + 0xfff, 0x3fffff, 21, R_W_X);
    cr_expect(eq(u32, t.level, 1));
    cr_expect(eq(u64, t.raw, 0x2000e3));
}

Test(amd64_lookup, takes_a_1g_page_for_a_page)
{
    one_page();
    put(PDPT, 5, 0x40000000 | RWX | PS | PAT_LARGE);
    found(PML4, va4(1, 5, 0, 0).v, 0x40000000, 30, R_W_X);
    found(PML4, va4(1, 5, 511, 511).v + 0xfff, 0x7fffffff, 30, R_W_X);
    cr_expect(eq(u32, t.level, 2));
}

/* XSA-173, others: frames of large pages cut to 32 bits. */
Test(amd64_lookup, reaches_pages_above_32_bits)
{
    one_page();
    put(PT, 5, 0xabcde12345000 | RWX);
    put(PD, 5, 0xabcde12200000 | RWX | PS);
    put(PDPT, 5, 0xabcde00000000 >> 30 << 30 | RWX | PS);
    found(PML4, va4(1, 2, 3, 5).v, 0xabcde12345000, 12, R_W_X);
    found(PML4, va4(1, 2, 5, 1).v, 0xabcde12201000, 21, R_W_X);
    found(PML4, va4(1, 5, 0, 1).v, (0xabcde00000000 >> 30 << 30) + 0x1000, 30,
          R_W_X);
}

Test(amd64_lookup, reaches_the_last_page_of_the_address_space)
{
    one_page();
    put(PML4, 511, PDPT | TABLE);
    put(PDPT, 511, PD | TABLE);
    put(PD, 511, PT | TABLE);
    put(PT, 511, 0x20000 | RWX);
    found(PML4, UINT64_MAX, 0x20fff, 12, R_W_X);
    cr_expect(eq(u64, t.leaf_va.v, 0xfffffffffffff000));
    cr_expect(eq(int, lookup(PML4, 0xffffffffffffefff), PTW_NOT_MAPPED));
}

Test(amd64_lookup, finds_both_sides_of_the_gap)
{
    one_page();
    put(PML4, 255, PDPT | TABLE);
    put(PML4, 256, PDPT | TABLE);
    put(PDPT, 511, 0x40000000 | RWX | PS);
    put(PDPT, 0, 0x80000000 | RWX | PS);
    found(PML4, 0x7fffffffffff, 0x7fffffff, 30, R_W_X);
    found(PML4, 0xffff800000000000, 0x80000000, 30, R_W_X);
}

/* gVisor: canonical, off by one; drgn: the gap in the middle of the table. */
Test(amd64_lookup, answers_not_canonical_and_nothing_else_inside_the_gap)
{
    one_page();
    put_all(PML4, PDPT | TABLE);
    put_all(PDPT, 0x40000000 | RWX | PS);
    cr_expect(eq(int, lookup(PML4, 0x800000000000), PTW_NOT_CANONICAL));
    cr_expect(untouched());
    cr_expect(eq(int, lookup(PML4, 0xffff7fffffffffff), PTW_NOT_CANONICAL));
    cr_expect(untouched());
    cr_expect(eq(int, lookup(PML4, 0x1000000000000), PTW_NOT_CANONICAL));
    cr_expect(eq(int, lookup(PML4, 0xfffeffffffffffff), PTW_NOT_CANONICAL));
}

Test(amd64_lookup, finds_a_table_through_a_recursive_slot)
{
    uint64_t va = one_page();

    put(PML4, 510, PML4 | RWX);
    /* the PT that maps va, as a page; then the PML4 itself */
    found(PML4, va4(510, 1, 2, 3).v + 4 * 8, PT + 4 * 8, 12, R_W_X);
    found(PML4, va4(510, 510, 510, 510).v, PML4, 12, R_W_X);
    found(PML4, va, 0x20000, 12, R_W_X);
}

/* ---------------------------------------------------------- what there is not
 */

Test(amd64_lookup, says_which_entry_is_absent)
{
    uint64_t va = one_page();
    static const uint64_t tables[] = {PT, PD, PDPT, PML4};

    for (unsigned level = 0; level < 4; level++) {
        unsigned index = 4 - level;
        uint64_t kept = entry_at(tables[level], index);

        put(tables[level], index, kept & ~P);
        cr_expect(eq(int, lookup(PML4, va), PTW_NOT_MAPPED));
        cr_expect(eq(u32, t.level, level));
        cr_expect(eq(u64, t.raw, kept & ~P));
        put(tables[level], index, kept);
    }
    cr_expect(eq(int, lookup(PML4, va), PTW_OK));
}

Test(amd64_lookup, says_which_entry_is_bad)
{
    uint64_t va;
    static const uint64_t tables[] = {PT, PD, PDPT, PML4};

    one_page();
    machine_with("amd64", 40, 0);
    put(PML4, 1, PDPT | TABLE);
    put(PDPT, 2, PD | TABLE);
    put(PD, 3, PT | TABLE);
    put(PT, 4, 0x20000 | RWX);
    va = va4(1, 2, 3, 4).v;
    for (unsigned level = 0; level < 4; level++) {
        unsigned index = 4 - level;
        uint64_t kept = entry_at(tables[level], index);
        uint64_t bad = kept | (uint64_t)1 << 40;

        put(tables[level], index, bad);
        cr_expect(eq(int, lookup(PML4, va), PTW_BAD_ENTRY));
        cr_expect(eq(u32, t.level, level));
        cr_expect(eq(u64, t.raw, bad));
        put(tables[level], index, kept);
    }
}

Test(amd64_lookup, rejects_a_2m_page_with_a_reserved_address_bit)
{
    one_page();
    for (unsigned bit = 13; bit < 21; bit++) {
        put(PD, 5, 0x200000 | RWX | PS | (uint64_t)1 << bit);
        cr_expect(eq(int, lookup(PML4, va4(1, 2, 5, 0).v), PTW_BAD_ENTRY));
        cr_expect(eq(u32, t.level, 1));
    }
}

/* XSA-176. */
Test(amd64_lookup, rejects_a_512g_page_and_a_1g_page_that_do_not_exist)
{
    machine_with("amd64", 52, PTW_X86_PAGE1G);
    put(PML4, 0, PDPT | TABLE | PS);
    put(PML4, 1, PDPT | TABLE);
    put(PDPT, 0, 0x40000000 | RWX | PS);
    cr_expect(eq(int, lookup(PML4, va4(0, 0, 0, 0).v), PTW_BAD_ENTRY));
    cr_expect(eq(u32, t.level, 3));
    cr_expect(eq(int, lookup(PML4, va4(1, 0, 0, 0).v), PTW_BAD_ENTRY));
    cr_expect(eq(u32, t.level, 2));
}

/* ------------------------------------------------------------ single fetch */

/* Gives entry `flip` as it is the first time, and all ones but its address
 * afterwards. */
struct flip {
    uint64_t pa;
    unsigned times;
};

static bool answer_otherwise(void *ctx, uint64_t pa, uint64_t *value)
{
    struct flip *f = ctx;

    if (pa == f->pa && f->times++ > 0) {
        *value = ~*value;
    }
    return true;
}

/* A double fetch: the guest changes the entry between the check and the use. */
Test(amd64_lookup, decides_from_the_copy_that_it_fetched)
{
    uint64_t va = one_page();
    static const uint64_t entries[] = {PML4 + 8, PDPT + 16, PD + 24, PT + 32};

    for (unsigned i = 0; i < 4; i++) {
        struct flip f = {entries[i], 0};

        offer_watched();
        watched.answer = answer_otherwise;
        watched.ctx = &f;
        found(PML4, va, 0x20000, 12, R_W_X);
        cr_expect(eq(u32, f.times, 1));
    }
}

static bool refuse_pt(void *ctx, uint64_t pa, uint64_t *value)
{
    (void)ctx;
    (void)value;
    return pa < PT || pa >= PT + PAGE;
}

Test(amd64_lookup, takes_any_refusal_for_one)
{
    uint64_t va = one_page();

    offer_watched();
    watched.answer = refuse_pt;
    cr_expect(eq(int, lookup(PML4, va), PTW_E_BUS));
    cr_expect(eq(u32, t.level, 0));
    cr_expect(eq(u64, t.raw, 0));
}

/* ------------------------------------------------------------ odd memories */

/* The regions of a memory, each with a copy of its bytes of its own, so that
 * what lies behind one is not what lies behind it in the guest. */
static void offer_copies(unsigned count, const uint64_t (*first_last)[2],
                         unsigned shift)
{
    static _Alignas(8) uint8_t copy[4][0x10000];
    static struct ptw_region region[4];

    for (unsigned i = 0; i < count; i++) {
        uint64_t first = first_last[i][0];
        uint64_t bytes = first_last[i][1] - first + 1;

        memset(copy[i], 0xee, sizeof copy[i]);
        memcpy(&copy[i][first % 8 + shift], &ram[first], bytes);
        region[i].first.v = first;
        region[i].last.v = first_last[i][1];
        region[i].host = &copy[i][first % 8 + shift];
    }
    cr_assert(ptw_mem_init_regions(&mem, region, count) == PTW_OK);
}

Test(amd64_lookup, goes_from_region_to_region_on_the_way_down)
{
    uint64_t va = one_page();

    for (unsigned shift = 0; shift < 8; shift++) {
        offer_copies(4,
                     (const uint64_t[][2]){{PML4, PML4 + 0xfff},
                                           {PDPT + 8, PDPT + 0xfff},
                                           {PD + 24, PD + 31},
                                           {PT, PT + 0xfff}},
                     shift);
        found(PML4, va, 0x20000, 12, R_W_X);
        cr_expect(eq(int, lookup(PML4, va4(1, 2, 2, 0).v), PTW_E_BUS));
        cr_expect(eq(u32, t.level, 1));
        cr_expect(eq(int, lookup(PML4, va4(1, 2, 4, 0).v), PTW_E_BUS));
        cr_expect(eq(int, lookup(PML4, va4(1, 0, 0, 0).v), PTW_E_BUS));
        cr_expect(eq(u32, t.level, 2));
    }
}

/* The last entry of a region, which is cut by 1 to 7 bytes, and then whole. */
Test(amd64_lookup, refuses_an_entry_that_is_not_wholly_there)
{
    uint64_t va = one_page();

    for (unsigned shift = 0; shift < 8; shift += 4) {
        for (uint64_t bytes = 0; bytes < 8; bytes++) {
            offer_copies(1, (const uint64_t[][2]){{0, PT + 4 * 8 + bytes}},
                         shift);
            cr_expect(
                eq(int, lookup(PML4, va), bytes == 7 ? PTW_OK : PTW_E_BUS));
            offer_copies(
                2,
                (const uint64_t[][2]){{PT + 4 * 8, PT + 39}, {0, PT + bytes}},
                shift);
            found(PML4, va, 0x20000, 12, R_W_X);
        }
    }
}

Test(amd64_lookup, works_beside_regions_too_small_for_an_entry)
{
    uint64_t va = one_page();

    for (uint64_t bytes = 1; bytes < 9; bytes++) {
        offer_copies(3,
                     (const uint64_t[][2]){{0, bytes - 1},
                                           {PML4, PT + 0xfff},
                                           {PT + PAGE, PT + PAGE}},
                     0);
        found(PML4, va, 0x20000, 12, R_W_X);
        cr_expect(
            eq(int, lookup(0, 0), bytes < 8 ? PTW_E_BUS : PTW_NOT_MAPPED));
        cr_expect(eq(int, lookup(0, va), PTW_E_BUS));
        cr_expect(eq(int, lookup(PT + PAGE, 0), PTW_E_BUS));
    }
}

Test(i686_lookup, refuses_an_entry_that_is_not_wholly_there)
{
    machine("i686");
    put(0x1000, 5, 0x2027);
    put(0x2000, 6, 0x20027);
    for (uint64_t bytes = 0; bytes < 8; bytes++) {
        offer_copies(1, (const uint64_t[][2]){{0x1000, 0x2000 + 24 + bytes}},
                     0);
        cr_expect(eq(int, lookup(0x1000, va2(5, 6).v),
                     bytes >= 3 ? PTW_OK : PTW_E_BUS));
    }
}

/* ------------------------------------------------------------------- i686 */

Test(i686_lookup, finds_a_page)
{
    machine("i686");
    put(0x1000, 1023, 0x2000 | 0x27);
    put(0x2000, 1023, 0xfffff000 | 0x27);
    found(0x1000, 0xffffffff, 0xffffffff, 12, RWXU);
    found(0x1000, 0xfffff000, 0xfffff000, 12, RWXU);
    cr_expect(eq(u64, t.raw, 0xfffff027));
    cr_expect(eq(int, lookup(0x1000, 0xffffefff), PTW_NOT_MAPPED));
    cr_expect(eq(int, lookup(0x1000, 0x100000000), PTW_NOT_CANONICAL));
    cr_expect(eq(int, lookup(0x1000, UINT64_MAX), PTW_NOT_CANONICAL));
}

/* Others: the address of a 4 MiB page taken from the virtual one. */
Test(i686_lookup, takes_the_address_of_a_4m_page_from_the_entry)
{
    machine("i686");
    put(0x1000, 5, 0x00c000a7 | D);
    found(0x1000, 5 * 0x400000 + 0x123456, 0x00c00000 + 0x123456, 22, RWXU);
    cr_expect(eq(u32, t.level, 1));
    put(0x1000, 5, 0x00c000a7 | 0x1fe000);
    found(0x1000, 5 * 0x400000 + 0x3fffff, 0xff00c00000 + 0x3fffff, 22, RWXU);
}

Test(i686_lookup, goes_through_bit_7_without_pse)
{
    machine_with("i686", 40, PTW_X86_PSE);
    put(0x1000, 5, 0x20a7);
    put(0x2000, 6, 0x20027);
    found(0x1000, va2(5, 6).v, 0x20000, 12, RWXU);
}

/* ------------------------------------------------------------------- bare */

Test(bare_lookup, gives_every_address_back)
{
    static const uint64_t vas[] = {0, 1, 0x123456789, 0xfffffffff};

    machine_with("bare", 36, 0);
    for (unsigned i = 0; i < 4; i++) {
        found(0x777, vas[i], vas[i], 36, RWXU);
    }
    cr_expect(eq(int, lookup(0, 0x1000000000), PTW_NOT_CANONICAL));
    cr_expect(untouched());
    cr_expect(eq(int, lookup(0, UINT64_MAX), PTW_NOT_CANONICAL));
}

Test(bare_lookup, reads_nothing)
{
    machine_with("bare", 36, 0);
    offer_watched();
    found(0, 0x5000, 0x5000, 36, RWXU);
    cr_expect(eq(u64, watched.total, 0));
}

/* ---------------------------------------------------------------- explain */

static struct ptw_step step[PTW_MAX_LEVELS];
static size_t steps;

static int explain(uint64_t root, uint64_t va)
{
    steps = 99;
    return ptw_explain(&mem, ptw_root_of(&regime, ptw_pa_of(root)),
                       ptw_va_of(va), &t, step, &steps);
}

static void took(unsigned i, unsigned level, uint64_t entry, uint64_t raw,
                 unsigned rights)
{
    cr_expect(eq(u32, step[i].level, level));
    cr_expect(eq(u64, step[i].entry.v, entry));
    cr_expect(eq(u64, step[i].raw, raw));
    cr_expect(eq(u32, step[i].rights, rights));
    cr_expect(step[i].read);
}

Test(amd64_explain, tells_every_step_from_the_top)
{
    uint64_t va = one_page();

    put(PML4, 1, PDPT | TABLE | U);
    put(PDPT, 2, PD | TABLE | U | NX);
    put(PD, 3, PT | P | A | U);
    cr_expect(eq(int, explain(PML4, va + 5), PTW_OK));
    cr_assert(eq(sz, steps, 4));
    took(0, 3, PML4 + 8, 0x2027, RWXU);
    took(1, 2, PDPT + 16, 0x3027 | NX, PTW_READ | PTW_WRITE | PTW_USER);
    took(2, 1, PD + 24, 0x4025, PTW_READ | PTW_USER);
    took(3, 0, PT + 32, 0x20063, PTW_READ);
    cr_expect(eq(u64, t.pa.v, 0x20005));
    cr_expect(eq(u32, t.rights, PTW_READ));
}

Test(amd64_explain, stops_where_the_way_stops)
{
    uint64_t va = one_page();

    put(PDPT, 2, PD);
    cr_expect(eq(int, explain(PML4, va), PTW_NOT_MAPPED));
    cr_assert(eq(sz, steps, 2));
    took(0, 3, PML4 + 8, 0x2023, R_W_X);
    took(1, 2, PDPT + 16, 0x3000, 0);
    put(PDPT, 2, 0x40000000 | RX | PS);
    cr_expect(eq(int, explain(PML4, va), PTW_OK));
    cr_assert(eq(sz, steps, 2));
    took(1, 2, PDPT + 16, 0x400000e1, PTW_READ | PTW_EXEC);
    put(PDPT, 2, PD | TABLE);
    put(PD, 3, 0x2000 | RX | PS);
    cr_expect(eq(int, explain(PML4, va), PTW_BAD_ENTRY));
    cr_assert(eq(sz, steps, 3));
    took(2, 1, PD + 24, 0x20e1, 0);
}

Test(amd64_explain, shows_the_entry_that_could_not_be_read)
{
    uint64_t va = one_page();

    put(PDPT, 2, RAM_BYTES | P | A);
    cr_expect(eq(int, explain(PML4, va), PTW_E_BUS));
    cr_assert(eq(sz, steps, 3));
    took(1, 2, PDPT + 16, RAM_BYTES | P | A, PTW_READ | PTW_EXEC);
    cr_expect(not(step[2].read));
    cr_expect(eq(u32, step[2].level, 1));
    cr_expect(eq(u64, step[2].entry.v, RAM_BYTES + 24));
    cr_expect(eq(u64, step[2].raw, 0));
    cr_expect(eq(u32, step[2].rights, PTW_READ | PTW_EXEC));
}

Test(amd64_explain, takes_no_step_without_a_root_or_an_address)
{
    one_page();
    cr_expect(eq(int, explain(PML4 + 1, 0), PTW_E_ALIGN));
    cr_expect(eq(sz, steps, 0));
    cr_expect(eq(int, explain(PML4, 0x800000000000), PTW_NOT_CANONICAL));
    cr_expect(eq(sz, steps, 0));
}

Test(i686_explain, tells_both_steps)
{
    machine("i686");
    put(0x1000, 5, 0x2025);
    put(0x2000, 6, 0x20027);
    cr_expect(eq(int, explain(0x1000, va2(5, 6).v), PTW_OK));
    cr_assert(eq(sz, steps, 2));
    took(0, 1, 0x1000 + 20, 0x2025, PTW_READ | PTW_USER | PTW_EXEC);
    took(1, 0, 0x2000 + 24, 0x20027, PTW_READ | PTW_USER | PTW_EXEC);
}

Test(bare_explain, has_no_steps)
{
    machine_with("bare", 36, 0);
    cr_expect(eq(int, explain(0, 0x5000), PTW_OK));
    cr_expect(eq(sz, steps, 0));
    cr_expect(eq(u64, t.pa.v, 0x5000));
}
