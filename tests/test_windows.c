/* SPDX-License-Identifier: Apache-2.0 */
/* Windows crash dumps, laid out here as Microsoft's dump.h (Windows Research
 * Kernel, base/ntos/inc) and the description of kdmp-parser have them. */
#include "expect_segment.h"
#include "windows.h"

#include "facts.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static unsigned char file[0x10000];
static struct reader r;
static struct dump d;
static struct facts f;

static void put(size_t at, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++) {
        file[at + i] = (unsigned char)(v >> (8 * i));
    }
}

/* A header whose memory is yet to be said. */
static void begin(const char *signature, size_t machine_at, unsigned machine,
                  size_t type_at, unsigned type)
{
    /* What is not used is filled with this. */
    for (size_t i = 0; i < 0x2000; i += 4) {
        memcpy(file + i, "PAGE", 4);
    }
    memset(file + 0x2000, 0, sizeof file - 0x2000);
    memset(&d, 0, sizeof d);
    memcpy(file, signature, 8);
    put(machine_at, 4, machine);
    put(type_at, 4, type);
    r = (struct reader){.memory = file, .bytes = sizeof file};
}

static void expect_facts(const char *regime, uint64_t root)
{
    facts_find(&d, &f);
    cr_expect(eq(str, f.regime, (char *)regime));
    cr_assert(eq(u32, f.roots, 1));
    cr_expect(eq(int, f.root[0].id, OPT_CR3));
    cr_expect(eq(u64, f.root[0].value, root));
    facts_free(&f);
}

static void full_64(void)
{
    begin("PAGEDU64", 0x30, 0x8664, 0xf98, 1);
    put(0x10, 8, 0x1ad002); /* with a PCID */
    put(0x88, 4, 2);
    put(0x90, 8, 9);
    put(0x98, 8, 1); /* frames 1 to 4, */
    put(0xa0, 8, 4);
    put(0xa8, 8, 0x100); /* and 0x100 to 0x104 */
    put(0xb0, 8, 5);
}

Test(windows, complete_64_bit)
{
    full_64();
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x1000, 0x4000, 0x2000);
    expect_segment(&d, 1, 0x100000, 0x5000, 0x6000);
    cr_expect(eq(int, d.remark[0], 0));
    expect_facts("amd64", 0x1ad002);
    dump_free(&d);
}

Test(windows, complete_32_bit)
{
    begin("PAGEDUMP", 0x20, 0x14c, 0xf88, 1);
    put(0x10, 4, 0x39000);
    put(0x5c, 1, 1); /* PaeEnabled */
    put(0x64, 4, 1);
    put(0x68, 4, 3);
    put(0x6c, 4, 2);
    put(0x70, 4, 3);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x2000, 0x3000, 0x1000);
    expect_facts("pae", 0x39000);
    dump_free(&d);
    memset(&d, 0, sizeof d);
    put(0x5c, 1, 0);
    cr_assert(windows_read(&r, &d));
    expect_facts("i686", 0x39000);
    dump_free(&d);
}

Test(windows, by_a_bitmap)
{
    begin("PAGEDU64", 0x30, 0x8664, 0xf98, 5);
    put(0x10, 8, 0x1ad000);
    memcpy(file + 0x2000, "SDMPDUMP", 8);
    put(0x2020, 8, 0x4000); /* the first page */
    put(0x2028, 8, 5);
    put(0x2030, 8, 20);
    put(0x2038, 4, 0x000c1006); /* frames 1, 2, 12, 18 and 19 */
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 3));
    expect_segment(&d, 0, 0x1000, 0x2000, 0x4000);
    expect_segment(&d, 1, 0xc000, 0x1000, 0x6000);
    expect_segment(&d, 2, 0x12000, 0x2000, 0x7000);
    dump_free(&d);
    /* The other name of the second header, and another type. */
    memset(&d, 0, sizeof d);
    memcpy(file + 0x2000, "FDMPDUMP", 8);
    put(0xf98, 4, 6);
    cr_expect(windows_read(&r, &d));
    dump_free(&d);
}

/* Each byte is laid out here: DUMP_HEADER32, and at 1000 the header that Volatility
 * 3 has for both widths ("_SUMMARY_DUMP" of crash_common.json). */
Test(windows, by_a_bitmap_of_32_bits)
{
    static const unsigned char second[] =
        {
            'S',  'D',  'M',  'P', 'D',  'U', 'M', 'P', 0, 0, 0,
            0,    0,    0,    0,   0,    0,   0,   0,   0, 0, 0,
            0,    0,    0,    0,   0,    0,   0,   0,   0, 0, /* up to 20: */
            0,    0x20, 0,    0,   0,    0,   0,   0, /* HeaderSize 2000 */
            6,    0,    0,    0,   0,    0,   0,   0, /* Pages */
            36,   0,    0,    0,   0,    0,   0,   0, /* BitmapSize */
            0x06, 0,    0x10, 0,   0x0e,              /* 1, 2; 20; 33 to 35 */
        };

    begin("PAGEDUMP", 0x20, 0x14c, 0xf88, 5);
    put(0x10, 4, 0x39000);
    put(0x5c, 1, 1); /* PaeEnabled */
    memcpy(file + 0x1000, second, sizeof second);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 3));
    expect_segment(&d, 0, 0x1000, 0x2000, 0x2000);
    expect_segment(&d, 1, 0x14000, 0x1000, 0x4000);
    expect_segment(&d, 2, 0x21000, 0x3000, 0x5000);
    expect_facts("pae", 0x39000);
    dump_free(&d);
    /* The kernel's memory alone. */
    memset(&d, 0, sizeof d);
    put(0xf88, 4, 6);
    cr_expect(windows_read(&r, &d));
    cr_expect(eq(sz, d.segments, 3));
    dump_free(&d);
}

/* SUMMARY_DUMP32 of dump.h: numbers of 32 bits, and the map behind an RTL_BITMAP of
 * 8 bytes; of SUMMARY_DUMP64, of 16. */
Test(windows, of_the_kernel_before_windows_8)
{
    static const unsigned char second[] = {
        'S',  'D',  'M',  'P',  'D', 'U',
        'M',  'P',  0,    0,    0,   0, /* DumpOptions */
        0,    0x30, 0,    0,            /* HeaderSize 3000 */
        18,   0,    0,    0,            /* BitmapSize */
        4,    0,    0,    0,            /* Pages */
        18,   0,    0,    0,            /* Bitmap.SizeOfBitMap */
        0xff, 0xff, 0xff, 0xff,         /* where its Buffer was */
        0x81, 0x01, 0x02,               /* 0, 7, 8, 17 */
    };

    begin("PAGEDUMP", 0x20, 0x14c, 0xf88, 2);
    put(0x10, 4, 0x39000);
    put(0x5c, 1, 0);
    memcpy(file + 0x1000, second, sizeof second);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 3));
    expect_segment(&d, 0, 0, 0x1000, 0x3000);
    expect_segment(&d, 1, 0x7000, 0x2000, 0x4000);
    expect_segment(&d, 2, 0x11000, 0x1000, 0x6000);
    expect_facts("i686", 0x39000);
    dump_free(&d);

    begin("PAGEDU64", 0x30, 0x8664, 0xf98, 2);
    put(0x10, 8, 0x1ad000);
    memcpy(file + 0x2000, second, sizeof second - 3);
    put(0x2020, 8, UINT64_MAX);
    memcpy(file + 0x2028, second + sizeof second - 3, 3);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 3));
    expect_segment(&d, 1, 0x7000, 0x2000, 0x4000);
    expect_facts("amd64", 0x1ad000);
    dump_free(&d);
}

Test(windows, that_was_cut_off_says_so)
{
    full_64();
    r.bytes = 0x8800;
    cr_assert(windows_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 1, 0x100000, 0x2000, 0x6000);
    cr_expect(eq(u64, d.missing, 0x3000));
    cr_expect(strstr(d.remark, "where 3000 more bytes") != NULL);
    dump_free(&d);
}

Test(windows, with_a_run_that_ends_nowhere_has_nothing_behind_it)
{
    full_64();
    put(0x98, 8, 0); /* all pages but one: what follows would be at 1000 */
    put(0xa0, 8, UINT64_MAX >> 12);
    put(0xa8, 8, 0);
    put(0xb0, 8, 1);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0, sizeof file - 0x2000, 0x2000);
    cr_expect(strstr(d.remark, "more bytes of memory should be") != NULL);
    dump_free(&d);
}

Test(windows, with_an_address_twice_says_so)
{
    full_64();
    put(0xa8, 8, 4);
    cr_assert(windows_read(&r, &d), "%s", d.why);
    cr_expect(strstr(d.remark, "the same addresses, from 4000 on") != NULL,
              "%s", d.remark);
    dump_free(&d);
}

static void expect_refused(const char *why)
{
    cr_expect(not(windows_read(&r, &d)));
    cr_expect(strstr(d.why, why) != NULL, "%s", d.why);
    dump_free(&d);
}

Test(windows, that_is_broken_is_refused)
{
    full_64();
    put(0xf98, 4, 4);
    expect_refused("its type is 4");
    full_64();
    put(0x88, 4, 0x45474150);
    expect_refused("number of runs");
    full_64();
    put(0x88, 4, 43);
    expect_refused("number of runs, 43");
    full_64();
    put(0x98, 8, UINT64_MAX / 2);
    expect_refused("beyond the last address");
    full_64();
    r.bytes = 0x1fff;
    expect_refused("within its header");
    full_64();
    r.bytes = 0x2000;
    expect_refused("no memory is in it");
    full_64();
    put(0xf98, 4, 5);
    expect_refused("header of its bitmap");
    memcpy(file + 0x2000, "SDMPDUMP", 8);
    put(0x2030, 8, UINT64_MAX);
    expect_refused("bitmap of");
    put(0x2030, 8, 8);
    put(0x2020, 8, 0x2037);
    expect_refused("first page is at 2037, and no page can be there");
    put(0x2020, 8, UINT64_MAX - 0xfff);
    expect_refused("first page is at fffffffffffff000");
    begin("PAGEDUMP", 0x20, 0x14c, 0xf88, 5);
    expect_refused("at 1000 there should be the header of its bitmap");
    memcpy(file + 0x1000, "SDMPDUMP", 8);
    put(0x1030, 8, 8 * sizeof file + 8);
    expect_refused("bitmap of");
    put(0x1030, 8, 8 * sizeof file - 8);
    expect_refused("it ends within its bitmap");
    begin("PAGEDUMP", 0x20, 0x14c, 0xf88, 2);
    memcpy(file + 0x1000, "SDMPDUMP", 8);
    put(0x1010, 4, UINT32_MAX);
    expect_refused("bitmap of 4294967295 bits");
}

Test(windows, of_another_processor_has_no_mode)
{
    full_64();
    put(0x30, 4, 0xaa64);
    cr_assert(windows_read(&r, &d));
    facts_find(&d, &f);
    cr_expect(eq(int, f.family, DUMP_UNKNOWN));
    facts_free(&f);
    dump_free(&d);
}
