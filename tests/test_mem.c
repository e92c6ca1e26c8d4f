/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor: what it refuses, and that nothing else is lost. */
#include "ptwalk/mem.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static _Alignas(16) uint8_t bytes[64];
static struct ptw_mem mem;

static const uint64_t TOP = UINT64_MAX;

static unsigned calls;

static enum ptw_status served64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    calls++;
    *out = 0;
    for (unsigned i = 0; i < 8; i++) {
        *out |= ((pa.v + i) & 0xFF) << 8 * i;
    }
    return PTW_OK;
}

static enum ptw_status served_bytes(void *ctx, ptw_pa pa, void *buffer,
                                    size_t n)
{
    unsigned char *to = buffer;

    (void)ctx;
    calls++;
    for (size_t i = 0; i < n; i++) {
        to[i] = (unsigned char)(pa.v + i);
    }
    return PTW_OK;
}

/* 256 pages: 131,072 calls for 8 bytes each, or 256. */
Test(mem_read_bytes, copies_a_page_in_one_call)
{
    static const struct ptw_mem_ops ops[2] = {
        {.read64 = served64}, {.read64 = served64, .read = served_bytes}};
    static unsigned char page[2][4096];

    for (unsigned k = 0; k < 2; k++) {
        cr_assert(ptw_mem_init_callbacks(&mem, &ops[k], NULL, NULL, 0) ==
                  PTW_OK);
        calls = 0;
        for (uint64_t i = 0; i < 256; i++) {
            size_t run;

            cr_assert(ptw_read_bytes(&mem, ptw_pa_of(i * 4096), page[k], 4096,
                                     &run) == PTW_OK);
            cr_assert(run == 4096);
        }
        cr_expect(eq(uint, calls, k == 0 ? 131072 : 256));
    }
    cr_expect(memcmp(page[0], page[1], sizeof page[0]) == 0);
}

/* A host that has no entries of 4 bytes need not serve them. */
Test(mem_callbacks, take_four_bytes_out_of_eight)
{
    static const struct ptw_mem_ops ops = {.read64 = served64};
    struct ptw_region region = {{0x14}, {0x1D}, NULL, false};
    uint32_t value = 0;

    cr_assert(ptw_mem_init_callbacks(&mem, &ops, NULL, NULL, 0) == PTW_OK);
    for (uint32_t pa = 0x60; pa < 0x69; pa++) {
        cr_expect(ptw_read32(&mem, ptw_pa_of(pa), &value) == PTW_OK);
        cr_expect(eq(u32, value, pa * 0x01010101 + 0x03020100));
    }
    cr_expect(ptw_read32(&mem, ptw_pa_of(TOP - 3), &value) == PTW_OK);
    cr_expect(eq(u32, value, 0xFFFEFDFC));
    cr_assert(ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1) == PTW_OK);
    for (uint32_t pa = 0x14; pa < 0x1B; pa++) {
        cr_expect(ptw_read32(&mem, ptw_pa_of(pa), &value) == PTW_OK);
        cr_expect(eq(u32, value, pa * 0x01010101 + 0x03020100));
    }
    cr_expect(ptw_read32(&mem, ptw_pa_of(0x1B), &value) == PTW_E_BUS);
    region.last.v = 0x1A;
    cr_assert(ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1) == PTW_OK);
    cr_expect(ptw_read32(&mem, ptw_pa_of(0x14), &value) == PTW_E_BUS,
              "there are no 8 bytes");
}

/* bytes[i] == i + 1 */
static void count_up(void)
{
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
}

static struct ptw_region region_of(uint64_t first, uint64_t last,
                                   const void *host)
{
    struct ptw_region r = {{first}, {last}, host, false};

    return r;
}

static int read32_at(uint64_t pa)
{
    uint32_t value;

    return ptw_read32(&mem, ptw_pa_of(pa), &value);
}

static int read64_at(uint64_t pa)
{
    uint64_t value;

    return ptw_read64(&mem, ptw_pa_of(pa), &value);
}

static uint32_t value32_at(uint64_t pa)
{
    uint32_t value = 0;

    cr_assert(ptw_read32(&mem, ptw_pa_of(pa), &value) == PTW_OK);
    return value;
}

static uint64_t value64_at(uint64_t pa)
{
    uint64_t value = 0;

    cr_assert(ptw_read64(&mem, ptw_pa_of(pa), &value) == PTW_OK);
    return value;
}

static int cover(uint64_t pa, uint64_t length)
{
    return ptw_mem_cover(&mem, ptw_pa_of(pa), length);
}

static void flat(uint64_t base, uint64_t length)
{
    count_up();
    cr_assert(ptw_mem_init_flat(&mem, ptw_pa_of(base), bytes, length, false) ==
              PTW_OK);
}

static void refuses_all(void)
{
    cr_expect(eq(int, read32_at(0), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0x1000), PTW_E_BUS));
    cr_expect(eq(int, read32_at(TOP - 3), PTW_E_BUS));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0), 1), PTW_E_BUS));
    cr_expect(eq(int, cover(0, TOP), PTW_COVER_NONE));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0), 1), NULL));
}

/* ------------------------------------------------------------------- flat */

Test(mem_read, gives_little_endian_numbers)
{
    flat(0x1000, 64);
    cr_expect(eq(u32, value32_at(0x1000), 0x04030201));
    cr_expect(eq(u64, value64_at(0x1000), 0x0807060504030201));
}

Test(mem_read, takes_the_first_and_the_last_byte_and_none_beyond)
{
    flat(0x1000, 64);
    cr_expect(eq(int, read32_at(0xfff), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0xfff), PTW_E_BUS));
    cr_expect(eq(u32, value32_at(0x103c), 0x403f3e3d));
    cr_expect(eq(u64, value64_at(0x1038), 0x403f3e3d3c3b3a39));
    for (uint64_t pa = 0x103d; pa < 0x1048; pa++) {
        cr_expect(eq(int, read32_at(pa), PTW_E_BUS));
    }
    for (uint64_t pa = 0x1039; pa < 0x1048; pa++) {
        cr_expect(eq(int, read64_at(pa), PTW_E_BUS));
    }
}

Test(mem_read, takes_any_alignment)
{
    flat(0x1000, 64);
    for (unsigned i = 1; i < 8; i++) {
        uint64_t expected = 0x0807060504030201 + i * 0x0101010101010101;

        cr_expect(eq(u64, value64_at(0x1000 + i), expected));
        cr_expect(eq(u32, value32_at(0x1000 + i), (uint32_t)expected));
    }
}

Test(mem_read, leaves_the_output_alone_when_it_is_refused)
{
    uint32_t narrow = 7;
    uint64_t wide = 7;

    flat(0x1000, 64);
    cr_expect(eq(int, ptw_read32(&mem, ptw_pa_of(0), &narrow), PTW_E_BUS));
    cr_expect(eq(int, ptw_read64(&mem, ptw_pa_of(0), &wide), PTW_E_BUS));
    cr_expect(eq(u32, narrow, 7));
    cr_expect(eq(u64, wide, 7));
}

Test(mem_read, reaches_the_end_of_the_address_space_and_does_not_wrap)
{
    flat(TOP - 63, 64);
    cr_expect(eq(u64, value64_at(TOP - 7), 0x403f3e3d3c3b3a39));
    cr_expect(eq(int, read64_at(TOP - 6), PTW_E_BUS));
    cr_expect(eq(int, read64_at(TOP), PTW_E_BUS));
    cr_expect(eq(int, read32_at(TOP - 2), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0), PTW_E_BUS));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(TOP - 7), 9), NULL));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(TOP - 7), TOP), NULL));
}

Test(mem_init_flat, refuses_what_is_empty_wraps_or_is_nowhere)
{
    cr_expect(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), bytes, 0, false),
                 PTW_E_RANGE));
    refuses_all();
    cr_expect(eq(int,
                 ptw_mem_init_flat(&mem, ptw_pa_of(TOP - 62), bytes, 64, false),
                 PTW_E_RANGE));
    refuses_all();
    cr_expect(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(2), bytes, TOP, false),
                 PTW_E_RANGE));
    refuses_all();
    cr_expect(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), NULL, 64, false),
                 PTW_E_ARG));
    refuses_all();
}

Test(mem_init_flat, forgets_an_earlier_success_when_it_fails)
{
    flat(0, 64);
    cr_assert(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), NULL, 64, false),
                 PTW_E_ARG));
    refuses_all();
}

/* ---------------------------------------------------------------- regions */

Test(mem_init_regions, with_an_empty_list_refuses_everything)
{
    cr_expect(eq(int, ptw_mem_init_regions(&mem, NULL, 0), PTW_OK));
    refuses_all();
}

Test(mem_init_regions, sorts_what_it_is_given)
{
    struct ptw_region r[5];

    count_up();
    r[0] = region_of(0x4000, 0x4007, &bytes[32]);
    r[1] = region_of(0x1000, 0x1007, &bytes[0]);
    r[2] = region_of(0x3000, 0x3007, &bytes[24]);
    r[3] = region_of(0x5000, 0x5007, &bytes[40]);
    r[4] = region_of(0x2000, 0x2007, &bytes[8]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 5), PTW_OK));
    for (unsigned i = 1; i < 5; i++) {
        cr_expect(lt(u64, r[i - 1].first.v, r[i].first.v));
    }
    cr_expect(eq(u32, value32_at(0x1000), 0x04030201));
    cr_expect(eq(u32, value32_at(0x2000), 0x0c0b0a09));
    cr_expect(eq(u32, value32_at(0x3000), 0x1c1b1a19));
    cr_expect(eq(u32, value32_at(0x4000), 0x24232221));
    cr_expect(eq(u32, value32_at(0x5000), 0x2c2b2a29));
    cr_expect(eq(int, read32_at(0xfff), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0x1008), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0x2fff), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0x5008), PTW_E_BUS));
}

Test(mem_init_regions, refuses_regions_that_share_one_byte)
{
    struct ptw_region r[2];

    r[0] = region_of(0x1000, 0x1008, &bytes[0]);
    r[1] = region_of(0x1008, 0x100f, &bytes[16]);
    cr_expect(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_E_OVERLAP));
    refuses_all();
}

Test(mem_init_regions, refuses_a_region_inside_another_and_the_same_twice)
{
    struct ptw_region r[3];

    r[0] = region_of(0, TOP, bytes);
    r[0].last.v = 0xffff;
    r[1] = region_of(0x20000, 0x20007, bytes);
    r[2] = region_of(0x100, 0x107, bytes);
    cr_expect(eq(int, ptw_mem_init_regions(&mem, r, 3), PTW_E_OVERLAP));
    r[0] = region_of(0x100, 0x107, bytes);
    r[1] = region_of(0x100, 0x107, bytes);
    cr_expect(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_E_OVERLAP));
    refuses_all();
}

Test(mem_init_regions, refuses_one_that_ends_before_it_starts)
{
    struct ptw_region r = region_of(0x1001, 0x1000, bytes);

    cr_expect(eq(int, ptw_mem_init_regions(&mem, &r, 1), PTW_E_RANGE));
    refuses_all();
}

Test(mem_init_regions, refuses_one_without_memory)
{
    struct ptw_region r = region_of(0x1000, 0x1007, NULL);

    cr_expect(eq(int, ptw_mem_init_regions(&mem, &r, 1), PTW_E_ARG));
    refuses_all();
}

Test(mem_init_regions, takes_a_region_of_one_byte)
{
    struct ptw_region r = region_of(0x1000, 0x1000, bytes);

    count_up();
    cr_assert(eq(int, ptw_mem_init_regions(&mem, &r, 1), PTW_OK));
    cr_expect(eq(int, read32_at(0x1000), PTW_E_BUS));
    cr_expect(eq(int, cover(0x1000, 1), PTW_COVER_ALL));
    cr_expect(
        eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 1), &bytes[0]));
}

Test(mem_read, refuses_a_number_that_straddles_two_regions)
{
    struct ptw_region r[2];

    count_up();
    r[0] = region_of(0x1000, 0x1007, &bytes[0]);
    r[1] = region_of(0x1008, 0x100f, &bytes[8]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_OK));
    cr_expect(eq(u32, value32_at(0x1004), 0x08070605));
    cr_expect(eq(u32, value32_at(0x1008), 0x0c0b0a09));
    cr_expect(eq(int, read32_at(0x1005), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0x1007), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0x1004), PTW_E_BUS));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 9), NULL));
}

/* ----------------------------------------------------------------- borrow */

Test(mem_borrow, gives_exactly_what_is_there)
{
    flat(0x1000, 64);
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 64), bytes));
    cr_expect(
        eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x103f), 1), &bytes[63]));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 65), NULL));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1001), 64), NULL));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0xfff), 1), NULL));
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), TOP), NULL));
}

Test(mem_borrow, of_nothing_gives_nothing)
{
    flat(0x1000, 64);
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 0), NULL));
}

Test(mem_borrow, is_refused_where_the_host_is_aligned_otherwise)
{
    count_up();
    for (unsigned shift = 1; shift < 8; shift++) {
        cr_assert(eq(
            int,
            ptw_mem_init_flat(&mem, ptw_pa_of(0x1000), &bytes[shift], 32, true),
            PTW_OK));
        cr_expect(
            eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 32), NULL));
        cr_expect(eq(u32, value32_at(0x1000),
                     (uint32_t)(0x04030201 + shift * 0x01010101u)));
        cr_expect(eq(u64, value64_at(0x1008),
                     0x100f0e0d0c0b0a09 + shift * 0x0101010101010101));
    }
}

/* ------------------------------------------------------------------ write */

Test(mem_write, stores_little_endian_bytes_and_no_more)
{
    static const uint8_t expected[24] = {
        0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0x44, 0x33, 0x22, 0x11,
        0xee, 0xee, 0xee, 0xee, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};

    memset(bytes, 0xee, sizeof bytes);
    cr_assert(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), bytes, 24, true),
                 PTW_OK));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(8), 0x11223344), PTW_OK));
    cr_expect(
        eq(int, ptw_write64(&mem, ptw_pa_of(16), 0x1122334455667788), PTW_OK));
    cr_expect(eq(int, memcmp(bytes, expected, sizeof expected), 0));
    cr_expect(eq(int, bytes[24], 0xee));
}

Test(mem_write, stores_the_same_bytes_where_the_host_is_aligned_otherwise)
{
    static const uint8_t expected[13] = {0,    0x88, 0x77, 0x66, 0x55,
                                         0x44, 0x33, 0x22, 0x11, 0x78,
                                         0x56, 0x34, 0x12};

    cr_assert(eq(int,
                 ptw_mem_init_flat(&mem, ptw_pa_of(0), &bytes[1], 24, true),
                 PTW_OK));
    cr_expect(
        eq(int, ptw_write64(&mem, ptw_pa_of(0), 0x1122334455667788), PTW_OK));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(8), 0x12345678), PTW_OK));
    cr_expect(eq(int, memcmp(bytes, expected, sizeof expected), 0));
    cr_expect(eq(int, bytes[13], 0));
}

Test(mem_write, refuses_read_only_memory)
{
    flat(0x1000, 64);
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x1000), 0), PTW_E_READONLY));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(0x1000), 0), PTW_E_READONLY));
    cr_expect(eq(int, bytes[0], 1));
}

Test(mem_write, refuses_what_is_not_aligned)
{
    cr_assert(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), bytes, 64, true),
                 PTW_OK));
    for (unsigned i = 1; i < 8; i++) {
        cr_expect(
            eq(int, ptw_write64(&mem, ptw_pa_of(8 + i), TOP), PTW_E_ALIGN));
        if (i != 4) {
            cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(8 + i), 0xffffffff),
                         PTW_E_ALIGN));
        }
    }
    for (unsigned i = 0; i < sizeof bytes; i++) {
        cr_expect(eq(int, bytes[i], 0));
    }
}

/* XSA-477: a write wider than what is left. */
Test(mem_write, refuses_what_sticks_out_by_half)
{
    cr_assert(eq(int, ptw_mem_init_flat(&mem, ptw_pa_of(0), bytes, 20, true),
                 PTW_OK));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(16), TOP), PTW_E_BUS));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(20), 1), PTW_E_BUS));
    cr_expect(eq(int, bytes[16], 0));
    cr_expect(eq(int, bytes[20], 0));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(16), 1), PTW_OK));
}

Test(mem_write, goes_by_the_region)
{
    struct ptw_region r[2];

    r[0] = region_of(0x1000, 0x100f, &bytes[0]);
    r[1] = region_of(0x2000, 0x200f, &bytes[16]);
    r[1].writable = true;
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_OK));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x1000), 1), PTW_E_READONLY));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x2000), 1), PTW_OK));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x3000), 1), PTW_E_BUS));
    cr_expect(eq(int, bytes[0], 0));
    cr_expect(eq(int, bytes[16], 1));
}

/* ------------------------------------------------------------------ cover */

Test(mem_cover, tells_none_some_and_all_of_a_flat_buffer)
{
    flat(0x1000, 64);
    cr_expect(eq(int, cover(0x1000, 64), PTW_COVER_ALL));
    cr_expect(eq(int, cover(0x103f, 1), PTW_COVER_ALL));
    cr_expect(eq(int, cover(0xfff, 1), PTW_COVER_NONE));
    cr_expect(eq(int, cover(0x1040, 1), PTW_COVER_NONE));
    cr_expect(eq(int, cover(0, 0x1000), PTW_COVER_NONE));
    cr_expect(eq(int, cover(0, 0x1001), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0x103f, 2), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0, TOP), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0x1001, TOP), PTW_COVER_SOME));
}

Test(mem_cover, sees_through_regions_that_touch_and_not_over_a_hole)
{
    struct ptw_region r[3];

    r[0] = region_of(0x1000, 0x100f, &bytes[0]);
    r[1] = region_of(0x1010, 0x101f, &bytes[16]);
    r[2] = region_of(0x1021, 0x102f, &bytes[32]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 3), PTW_OK));
    cr_expect(eq(int, cover(0x1000, 0x20), PTW_COVER_ALL));
    cr_expect(eq(int, cover(0x100f, 2), PTW_COVER_ALL));
    cr_expect(eq(int, cover(0x1000, 0x21), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0x1000, 0x30), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0x1020, 1), PTW_COVER_NONE));
    cr_expect(eq(int, cover(0x1020, 2), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0x1021, 15), PTW_COVER_ALL));
}

Test(mem_cover, never_calls_a_range_that_wraps_covered)
{
    struct ptw_region r[2];

    r[0] = region_of(TOP - 15, TOP, &bytes[0]);
    r[1] = region_of(0, 15, &bytes[16]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_OK));
    cr_expect(eq(int, cover(TOP - 15, 16), PTW_COVER_ALL));
    cr_expect(eq(int, cover(TOP - 15, 17), PTW_COVER_SOME));
    cr_expect(eq(int, cover(0, 16), PTW_COVER_ALL));
    cr_expect(eq(int, cover(16, TOP), PTW_COVER_SOME));
}

/* ------------------------------------------------------------------- bytes */

static uint8_t got[64];

/* What is read from pa on, by as many calls as it takes, and how many bytes of
 * it can be: the others are 0. */
static size_t read_all(uint64_t pa, size_t length)
{
    size_t readable = 0;
    size_t run = 0;

    memset(got, 0, sizeof got);
    for (size_t at = 0; at < length; at += run) {
        enum ptw_status st = ptw_read_bytes(&mem, ptw_pa_of(pa + at), got + at,
                                            length - at, &run);

        cr_assert(run > 0 && run <= length - at);
        readable += st == PTW_OK ? run : 0;
        if (st != PTW_OK) {
            memset(got + at, 0, run);
        }
    }
    return readable;
}

Test(mem_read_bytes, sees_through_regions_that_touch_at_any_byte)
{
    struct ptw_region r[3];

    count_up();
    r[0] = region_of(0x1000, 0x1004, &bytes[0]);
    r[1] = region_of(0x1005, 0x1005, &bytes[5]);
    r[2] = region_of(0x1006, 0x103f, &bytes[6]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 3), PTW_OK));
    cr_expect(eq(sz, read_all(0x1000, 64), 64));
    cr_expect(zero(int, memcmp(got, bytes, 64)));
    cr_expect(eq(sz, read_all(0x1003, 5), 5));
    cr_expect(zero(int, memcmp(got, &bytes[3], 5)));
}

Test(mem_read_bytes, says_what_is_in_no_region_and_how_far)
{
    struct ptw_region r[2];
    size_t run = 0;

    count_up();
    r[0] = region_of(0x1000, 0x1006, &bytes[0]);
    r[1] = region_of(0x1009, 0x100f, &bytes[9]);
    cr_assert(eq(int, ptw_mem_init_regions(&mem, r, 2), PTW_OK));
    cr_expect(eq(int, ptw_read_bytes(&mem, ptw_pa_of(0x1007), got, 64, &run),
                 PTW_E_BUS));
    cr_expect(eq(sz, run, 2));
    cr_expect(eq(int, ptw_read_bytes(&mem, ptw_pa_of(0x1010), got, 64, &run),
                 PTW_E_BUS));
    cr_expect(eq(sz, run, 64));
    cr_expect(eq(sz, read_all(0x1000, 64), 14));
    cr_expect(zero(int, memcmp(got, bytes, 7)));
    cr_expect(zero(int, memcmp(got + 9, &bytes[9], 7)));
    cr_expect(eq(int, ptw_read_bytes(&mem, ptw_pa_of(0x1000), got, 0, &run),
                 PTW_E_RANGE));
    cr_expect(eq(int, ptw_read_bytes(&mem, ptw_pa_of(TOP), got, 2, &run),
                 PTW_E_RANGE));
}

/* -------------------------------------------------------------- callbacks */

static unsigned calls;
static uint64_t called_with;
static enum ptw_status answer;
static const void *lends;

static enum ptw_status on_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    calls++;
    called_with = pa.v;
    *out = 0x32000000u + *(const uint8_t *)ctx;
    return answer;
}

static enum ptw_status on_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    calls++;
    called_with = pa.v;
    *out = 0x6400000000000000u + *(const uint8_t *)ctx;
    return answer;
}

static const void *on_borrow(void *ctx, ptw_pa pa, uint64_t length)
{
    (void)ctx;
    (void)length;
    calls++;
    called_with = pa.v;
    return lends;
}

static uint64_t written;

static enum ptw_status on_write32(void *ctx, ptw_pa pa, uint32_t value)
{
    (void)ctx;
    calls++;
    called_with = pa.v;
    written = value;
    return answer;
}

static enum ptw_status on_write64(void *ctx, ptw_pa pa, uint64_t value)
{
    (void)ctx;
    calls++;
    called_with = pa.v;
    written = value;
    return answer;
}

static struct ptw_mem_ops ops = {.read32 = on_read32, .read64 = on_read64};
static uint8_t context = 9;

static void served(struct ptw_region *r, size_t count)
{
    answer = PTW_OK;
    calls = 0;
    cr_assert(eq(int, ptw_mem_init_callbacks(&mem, &ops, &context, r, count),
                 PTW_OK));
}

Test(mem_callbacks, serve_every_address_when_there_are_no_regions)
{
    served(NULL, 0);
    cr_expect(eq(u32, value32_at(0), 0x32000009));
    cr_expect(eq(u64, value64_at(0x123450), 0x6400000000000009));
    cr_expect(eq(u64, called_with, 0x123450));
    cr_expect(eq(u64, value64_at(TOP - 7), 0x6400000000000009));
    cr_expect(eq(int, calls, 3));
    cr_expect(eq(int, read64_at(TOP - 6), PTW_E_BUS));
    cr_expect(eq(int, calls, 3), "an access that wraps is not passed on");
}

Test(mem_callbacks, are_never_called_outside_the_regions)
{
    struct ptw_region r = region_of(0x1000, 0x10ff, NULL);

    served(&r, 1);
    cr_expect(eq(int, read64_at(0xff8), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0xffc), PTW_E_BUS));
    cr_expect(eq(int, read64_at(0x10f9), PTW_E_BUS));
    cr_expect(eq(int, read32_at(0x1100), PTW_E_BUS));
    cr_expect(eq(int, calls, 0));
    cr_expect(eq(int, read64_at(0x10f8), PTW_OK));
    cr_expect(eq(int, calls, 1));
}

Test(mem_callbacks, with_a_list_of_none_refuse_everything)
{
    struct ptw_region r;

    served(&r, 0);
    refuses_all();
    cr_expect(eq(int, calls, 0));
}

Test(mem_callbacks, pass_their_refusal_through)
{
    served(NULL, 0);
    answer = PTW_E_READONLY;
    cr_expect(eq(int, read32_at(0), PTW_E_READONLY));
    cr_expect(eq(int, read64_at(0), PTW_E_READONLY));
}

Test(mem_callbacks, leave_host_memory_to_the_accessor)
{
    struct ptw_region r[2];

    count_up();
    r[0] = region_of(0x2000, 0x200f, NULL);
    r[1] = region_of(0x1000, 0x100f, bytes);
    served(r, 2);
    cr_expect(eq(u32, value32_at(0x1000), 0x04030201));
    cr_expect(eq(int, calls, 0));
    cr_expect(eq(u32, value32_at(0x2000), 0x32000009));
    cr_expect(eq(int, calls, 1));
}

Test(mem_callbacks, need_to_read_8_bytes)
{
    struct ptw_mem_ops no32 = {.read64 = on_read64};
    struct ptw_mem_ops no64 = {.read32 = on_read32};

    cr_expect(
        eq(int, ptw_mem_init_callbacks(&mem, &no32, NULL, NULL, 0), PTW_OK));
    cr_expect(
        eq(int, ptw_mem_init_callbacks(&mem, &no64, NULL, NULL, 0), PTW_E_ARG));
    refuses_all();
    cr_expect(
        eq(int, ptw_mem_init_callbacks(&mem, NULL, NULL, NULL, 0), PTW_E_ARG));
    refuses_all();
}

Test(mem_callbacks, check_their_regions_as_others_do)
{
    struct ptw_region r[2];

    r[0] = region_of(0x1000, 0x1fff, NULL);
    r[1] = region_of(0x1fff, 0x2fff, NULL);
    cr_expect(eq(int, ptw_mem_init_callbacks(&mem, &ops, &context, r, 2),
                 PTW_E_OVERLAP));
    refuses_all();
    r[0] = region_of(2, 1, NULL);
    cr_expect(eq(int, ptw_mem_init_callbacks(&mem, &ops, &context, r, 1),
                 PTW_E_RANGE));
    refuses_all();
    cr_expect(eq(int, calls, 0));
}

Test(mem_callbacks, need_not_lend)
{
    served(NULL, 0);
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 64), NULL));
    ops.borrow = on_borrow;
    lends = NULL;
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 64), NULL));
    cr_expect(eq(int, calls, 1));
    lends = bytes;
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 64), bytes));
    lends = &bytes[4];
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x1000), 32), NULL),
              "what is lent has to be aligned as it is in the guest");
}

Test(mem_callbacks, are_not_asked_to_lend_what_is_not_there)
{
    struct ptw_region r = region_of(0x1000, 0x10ff, NULL);

    ops.borrow = on_borrow;
    lends = bytes;
    served(&r, 1);
    cr_expect(eq(ptr, (void *)ptw_borrow(&mem, ptw_pa_of(0x10f8), 9), NULL));
    cr_expect(eq(int, calls, 0));
}

Test(mem_callbacks, write_when_they_can_and_may)
{
    struct ptw_region r[2];

    r[0] = region_of(0x1000, 0x1fff, NULL);
    r[0].writable = true;
    r[1] = region_of(0x2000, 0x2fff, NULL);
    served(r, 2);
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x1000), 5), PTW_E_READONLY));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(0x1000), 5), PTW_E_READONLY));
    ops.write32 = on_write32;
    ops.write64 = on_write64;
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x1004), 5), PTW_OK));
    cr_expect(eq(u64, written, 5));
    cr_expect(eq(u64, called_with, 0x1004));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(0x1ff8), TOP), PTW_OK));
    cr_expect(eq(u64, written, TOP));
    cr_expect(eq(int, calls, 2));
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x2000), 5), PTW_E_READONLY));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(0x1001), 5), PTW_E_ALIGN));
    cr_expect(eq(int, ptw_write64(&mem, ptw_pa_of(0x3000), 5), PTW_E_BUS));
    cr_expect(eq(int, calls, 2));
    answer = PTW_E_LIMIT;
    cr_expect(eq(int, ptw_write32(&mem, ptw_pa_of(0x1000), 5), PTW_E_LIMIT));
}

/* ------------------------------------------------- bytes behind callbacks */

/* Numbers at addresses as in count_up. */
static uint64_t refuse_from = UINT64_MAX;
static uint64_t refuse_to;

static enum ptw_status count_to(uint64_t pa, unsigned width, uint64_t *out)
{
    calls++;
    *out = 0;
    for (unsigned i = 0; i < width; i++) {
        if (pa + i >= refuse_from && pa + i <= refuse_to) {
            return PTW_E_LIMIT;
        }
        *out |= (pa + i - 0x1000 + 1) << 8 * i;
    }
    return PTW_OK;
}

static enum ptw_status count32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t wide;
    enum ptw_status st = count_to(pa.v, 4, &wide);

    (void)ctx;
    *out = (uint32_t)wide;
    return st;
}

static enum ptw_status count64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    return count_to(pa.v, 8, out);
}

static const struct ptw_mem_ops counting = {.read32 = count32,
                                            .read64 = count64};

/* Regions from 0x1000 to 0x103f that meet, or don't, at that byte. */
static void cut_at(struct ptw_region r[2], uint64_t cut, uint64_t hole)
{
    r[0] = region_of(0x1000, cut - 1, NULL);
    r[1] = region_of(cut + hole, 0x103f, NULL);
    cr_assert(
        eq(int, ptw_mem_init_callbacks(&mem, &counting, NULL, r, 2), PTW_OK));
}

Test(mem_read_bytes, takes_numbers_that_lie_in_one_region)
{
    struct ptw_region r[2];

    count_up();
    for (uint64_t cut = 4; cut <= 60; cut++) {
        for (uint64_t hole = 0; hole <= 60 - cut; hole++) {
            cut_at(r, 0x1000 + cut, hole);
            cr_assert(eq(sz, read_all(0x1000, 64), 64 - hole));
            cr_assert(zero(int, memcmp(got, bytes, cut)));
            cr_assert(zero(int, memcmp(got + cut + hole, bytes + cut + hole,
                                       64 - cut - hole)));
        }
    }
}

Test(mem_read_bytes, does_not_have_a_region_that_no_number_fits_in)
{
    struct ptw_region r[2];

    count_up();
    cut_at(r, 0x103d, 0);
    cr_expect(eq(sz, read_all(0x1000, 64), 61));
    cr_expect(zero(int, memcmp(got, bytes, 61)));
}

Test(mem_read_bytes, goes_on_behind_a_number_that_is_refused)
{
    struct ptw_region r = region_of(0x1000, 0x103f, NULL);
    size_t run = 0;

    count_up();
    refuse_from = 0x1012;
    refuse_to = 0x1012;
    cr_assert(
        eq(int, ptw_mem_init_callbacks(&mem, &counting, NULL, &r, 1), PTW_OK));
    cr_expect(eq(int, ptw_read_bytes(&mem, ptw_pa_of(0x1010), got, 48, &run),
                 PTW_E_LIMIT));
    cr_expect(eq(sz, run, 8));
    cr_expect(eq(sz, read_all(0x1000, 64), 56));
    cr_expect(zero(int, memcmp(got + 24, bytes + 24, 40)));
}

Test(mem_read_bytes, takes_what_is_lent)
{
    struct ptw_region r = region_of(0x1000, 0x103e, NULL);
    struct ptw_mem_ops lending = counting;

    count_up();
    lending.borrow = on_borrow;
    lends = &bytes[1];
    cr_assert(
        eq(int, ptw_mem_init_callbacks(&mem, &lending, NULL, &r, 1), PTW_OK));
    calls = 0;
    cr_expect(eq(sz, read_all(0x1001, 62), 62));
    cr_expect(zero(int, memcmp(got, &bytes[1], 62)));
    cr_expect(eq(int, calls, 1));
}
