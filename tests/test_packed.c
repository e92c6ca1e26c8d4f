/* SPDX-License-Identifier: Apache-2.0 */
/* Formats that are not read in place, laid out here as their descriptions have
 * them: LiME, doc/README.md, "Spec"; AVML, src/image.rs; snappy,
 * framing_format.txt and format_description.txt; makedumpfile, IMPLEMENTATION,
 * "Flattened format" and "Compressed dump"; QEMU, include/sysemu/dump.h. */
#include "expect_segment.h"
#include "flattened.h"
#include "kdump_header.h"
#include "lime.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

static struct reader r;
static struct dump d;
static struct spool s;

#define BYTES(text) (text), sizeof(text) - 1

static void take(const char *bytes, size_t n)
{
    memset(&d, 0, sizeof d);
    r = (struct reader){.memory = (const unsigned char *)bytes, .bytes = n};
}

/* -------------------------------------------------------------------- LiME */

#define LIME(first, last) "EMiL\1\0\0\0" first last "\0\0\0\0\0\0\0\0"

Test(lime, has_ranges_with_headers)
{
    take(BYTES(
        LIME("\x00\x20\0\0\0\0\0\0", "\x07\x20\0\0\0\0\0\0") "abcdefgh" LIME(
            "\x00\x10\0\0\0\0\0\0", "\x02\x10\0\0\0\0\0\0") "xyz"));
    cr_assert(lime_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x1000, 3, 72);
    expect_segment(&d, 1, 0x2000, 8, 32);
    cr_expect(eq(int, d.remark[0], 0));
    dump_free(&d);
}

Test(lime, that_was_cut_off_says_so)
{
    take(BYTES(LIME("\x00\x20\0\0\0\0\0\0", "\xff\x2f\0\0\0\0\0\0") "abcd"));
    cr_assert(lime_read(&r, &d));
    expect_segment(&d, 0, 0x2000, 4, 32);
    cr_expect(eq(u64, d.missing, 0xffc));
    cr_expect(strstr(d.remark, "where ffc more bytes") != NULL, "%s", d.remark);
    dump_free(&d);
}

Test(lime, that_ends_within_a_header_says_so)
{
    take(BYTES(LIME("\x00\x20\0\0\0\0\0\0",
                    "\x03\x20\0\0\0\0\0\0") "abcd"
                                            "EMiL\1\0\0\0"
                                            "\x00\x30\0\0\0\0\0\0"));
    cr_assert(lime_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x2000, 4, 32);
    cr_expect(strstr(d.remark, "ends at 34, within the header of a range") !=
                  NULL,
              "%s", d.remark);
    dump_free(&d);
}

Test(lime, that_is_broken_is_refused)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } bad[] = {
        {BYTES("EMiL\2\0\0\0"
               "\0\0\0\0\0\0\0\0"
               "\7\0\0\0\0\0\0\0"
               "\0\0\0\0\0\0\0\0"
               "abcdefgh"),
         "its version at 0 is 2"},
        {BYTES(LIME("\7\0\0\0\0\0\0\0", "\6\0\0\0\0\0\0\0") "abc"),
         "ends before it starts"},
        {BYTES(LIME("\0\0\0\0\0\0\0\0",
                    "\xff\xff\xff\xff\xff\xff\xff\xff") "abc"),
         "has all addresses"},
        {BYTES(LIME("\0\0\0\0\0\0\0\0",
                    "\7\0\0\0\0\0\0\0") "abcdefgh"
                                        "no range is here, but 32 bytes are"),
         "at 28 there should be a range"},
        {BYTES("EMiL\1\0\0\0"), "no memory"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        take(bad[i].bytes, bad[i].n);
        cr_expect(not(lime_read(&r, &d)));
        cr_expect(strstr(d.why, bad[i].why) != NULL, "%zu: %s", i, d.why);
        dump_free(&d);
    }
}

/* Wherever it ends too early, it is refused, or says so. */
Test(lime, is_known_to_be_cut_off_at_each_byte)
{
    static const char whole[] =
        LIME("\x00\x20\0\0\0\0\0\0", "\x07\x20\0\0\0\0\0\0") "abcdefgh";

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        bool opened;

        take(whole, n);
        opened = lime_read(&r, &d);
        cr_expect(d.remark[0] != '\0' || !opened, "%zu", n);
        dump_free(&d);
    }
}

Test(lime, with_an_address_twice_says_so)
{
    take(BYTES(
        LIME("\x00\x20\0\0\0\0\0\0", "\x07\x20\0\0\0\0\0\0") "abcdefgh" LIME(
            "\x06\x20\0\0\0\0\0\0", "\x08\x20\0\0\0\0\0\0") "xyz"));
    cr_assert(lime_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x2000, 8, 32);
    expect_segment(&d, 1, 0x2008, 1, 74);
    cr_expect(strstr(d.remark, "the same addresses, from 2006 on") != NULL,
              "%s", d.remark);
    dump_free(&d);
}

/* -------------------------------------------------------------------- AVML */

/* Sixteen letters: their number, a literal of one, a copy of fifteen. */
#define SIXTEEN "\x10\0a\x3a\1\0"

static bool unpack(const unsigned char *from, size_t n, unsigned char *to,
                   size_t *bytes)
{
    if (n != sizeof SIXTEEN - 1 || memcmp(from, SIXTEEN, n) != 0 ||
        *bytes < 16) {
        return false;
    }
    memset(to, 'a', 16);
    *bytes = 16;
    return true;
}

#define AVML(first, last) "AVML\2\0\0\0" first last "\0\0\0\0\0\0\0\0"
#define STREAM            "\xff\6\0\0sNaPpY"
#define PLAIN                                                                  \
    "\1\xd\0\0"                                                                \
    "\xe5\xb0\x8a\xc7"                                                         \
    "123456789"
#define PACKED                                                                 \
    "\0\xa\0\0"                                                                \
    "\xa2\x78\xe9\x6e" SIXTEEN

static bool read_avml(void)
{
    cr_assert(spool_open(&s, 1 << 20));
    return avml_read(&r, unpack, &s, NULL, NULL, &d);
}

static void end_avml(void)
{
    (void)close(s.fd);
    dump_free(&d);
}

Test(avml, has_ranges_in_frames)
{
    unsigned char got[32];

    take(BYTES(AVML("\x00\x30\0\0\0\0\0\0", "\x18\x30\0\0\0\0\0\0") STREAM PLAIN
               "\xfe\2\0\0\0\0" PACKED "\0\0\0\0\0\0\0\0" LIME(
                   "\x00\x20\0\0\0\0\0\0",
                   "\x03\x20\0\0\0\0\0\0") "wxyz" AVML("\x00\x10\0\0\0\0\0\0",
                                                       "\x08\x10\0\0\0\0\0\0")
                   STREAM PLAIN "\0\0\0\0\0\0\0\0"));
    cr_assert(read_avml(), "%s%s", d.why, s.why);
    cr_assert(eq(sz, d.segments, 3));
    expect_segment(&d, 0, 0x1000, 9, 29);
    expect_segment(&d, 1, 0x2000, 4, 25);
    expect_segment(&d, 2, 0x3000, 25, 0);
    cr_assert(eq(i64, pread(s.fd, got, 32, 0), 32));
    cr_expect(memcmp(got, "123456789aaaaaaaaaaaaaaaawxyz123", 32) == 0);
    end_avml();
}

Test(avml, is_known_to_be_cut_off_at_each_byte)
{
    static const char whole[] = AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0")
        STREAM PLAIN "\x1b\0\0\0\0\0\0\0";
    const size_t end = sizeof whole - 1;

    take(whole, end);
    cr_assert(read_avml(), "%s%s", d.why, s.why);
    end_avml();
    for (size_t n = 0; n < end; n++) {
        take(whole, n);
        cr_expect(not(read_avml()), "%zu", n);
        end_avml();
    }
}

Test(avml, with_an_address_twice_says_so)
{
    take(BYTES(LIME("\0\0\0\0\0\0\0\0", "\x3\0\0\0\0\0\0\0") "wxyz" AVML(
        "\3\0\0\0\0\0\0\0", "\xb\0\0\0\0\0\0\0") STREAM PLAIN
               "\0\0\0\0\0\0\0\0"));
    cr_assert(read_avml(), "%s%s", d.why, s.why);
    cr_expect(strstr(d.remark, "the same addresses, from 3 on") != NULL, "%s",
              d.remark);
    end_avml();
}

Test(avml, that_is_broken_is_refused)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } bad[] = {
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM
               "\1\xd\0\0"
               "\xe5\xb0\x8a\xc6"
               "123456789"),
         "at 2a has another checksum"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM
               "\0\xa\0\0"
               "\xa2\x78\xe9\x6e"
               "\x10\0a\x3a\2\0"),
         "can't be unpacked"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x7\0\0\0\0\0\0\0") STREAM PLAIN),
         "goes beyond its range"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM
               "\2\xd\0\0"
               "123456789"),
         "is of type 2"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\xf\0\0\0\0\0\0\0") STREAM PLAIN),
         "within a range"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM
               "\1\3\0\0"
               "123456789"),
         "chunk at 2a has a length of 3"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM
               "\1\xd\0\0"
               "\xe5\xb0\x8a\xc7"
               "1234"),
         "it ends at 36, within a range"},
        {BYTES(AVML("\0\0\0\0\0\0\0\0", "\x8\0\0\0\0\0\0\0") STREAM PLAIN
               "\xfe\0\0\0\0\0\0\0"
               "AVML\2\0\0\0"
               "\0\x10\0\0\0\0\0\0"),
         "within a range"},
        {BYTES("AVML\1\0\0\0"
               "\0\0\0\0\0\0\0\0"
               "\7\0\0\0\0\0\0\0"
               "\0\0\0\0\0\0\0\0" STREAM PLAIN),
         "its version at 0 is 1"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        take(bad[i].bytes, bad[i].n);
        cr_expect(not(read_avml()));
        cr_expect(strstr(d.why, bad[i].why) != NULL, "%zu: %s", i, d.why);
        end_avml();
    }
}

/* --------------------------------------------------------------- flattened */

enum { FLAT_HEAD = 4096 };

static char flat[FLAT_HEAD + 256];

/* A flattened file with these parts. */
static bool read_flat(const char *parts, size_t n)
{
    memset(flat, 0, sizeof flat);
    memcpy(flat, "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 32);
    memcpy(flat + FLAT_HEAD, parts, n);
    take(flat, FLAT_HEAD + n);
    cr_assert(spool_open(&s, 1 << 20));
    return flattened_unpack(&r, &s, &d);
}

#define AT(offset, size) "\0\0\0\0\0\0" offset "\0\0\0\0\0\0\0" size
#define FLAT_END                                                               \
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

Test(flattened, is_put_in_order)
{
    char got[16];

    cr_assert(read_flat(BYTES(AT("\0\6", "\3") "ghi" AT("\0\0", "\3") "abc" AT(
        "\x10\0", "\1") "z" AT("\0\1", "\1") "B" FLAT_END)));
    cr_assert(eq(i64, lseek(s.fd, 0, SEEK_END), 4097));
    cr_assert(eq(i64, pread(s.fd, got, 9, 0), 9));
    cr_expect(memcmp(got, "aBc\0\0\0ghi", 9) == 0);
    end_avml();
}

Test(flattened, that_is_broken_is_refused)
{
    cr_expect(not(read_flat(BYTES(AT("\0\6", "\3") "ghi"))));
    cr_expect(strstr(d.why, "without the mark of its end") != NULL);
    end_avml();
    cr_expect(not(read_flat(BYTES(AT("\0\6", "\4") "ghi"))));
    cr_expect(strstr(d.why, "cut off at 1013, within its part at 1000") !=
              NULL);
    end_avml();
    cr_expect(not(read_flat(BYTES("\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                                  "a" FLAT_END))));
    cr_expect(strstr(d.why, "has no place") != NULL, "%s", d.why);
    end_avml();
    (void)read_flat(BYTES(FLAT_END));
    flat[31] = 2;
    cr_expect(not(flattened_unpack(&r, &s, &d)));
    cr_expect(strstr(d.why, "type and version") != NULL);
    end_avml();
}

/* ------------------------------------------------------------------- spool */

Test(spool, has_holes_for_zeros_and_an_end)
{
    static unsigned char bytes[3 * 4096];
    unsigned char got[sizeof bytes];

    cr_assert(spool_open(&s, 8192));
    bytes[5000] = 1;
    cr_expect(spool_put(&s, bytes, 3000));
    cr_expect(spool_put(&s, bytes + 3000, sizeof bytes - 3000));
    cr_expect(eq(u64, s.written, 4096));
    cr_expect(spool_end(&s));
    cr_assert(eq(i64, pread(s.fd, got, sizeof got, 0), sizeof got));
    cr_expect(memcmp(got, bytes, sizeof got) == 0);
    memset(bytes, 1, sizeof bytes);
    cr_expect(not(spool_put(&s, bytes, sizeof bytes)));
    cr_expect(strstr(s.why, "becomes larger than 8192") != NULL);
    (void)close(s.fd);
}

/* ------------------------------------------------------------------- kdump */

static unsigned char dump[0x6000];

static void put(size_t at, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++) {
        dump[at + i] = (unsigned char)(v >> (8 * i));
    }
}

/* A header of version 6 for that machine, whose sizes are there. */
static void begin_kdump(const char *machine, size_t sizes)
{
    memset(dump, 0, sizeof dump);
    memcpy(dump, "KDUMP   \6\0\0\0Linux", 17);
    strcpy((char *)dump + 272, machine);
    put(sizes, 4, 4096);  /* block_size */
    put(sizes + 4, 4, 1); /* sub_hdr_size */
    take((const char *)dump, sizeof dump);
}

static void put_note(size_t at)
{
    put(at, 4, 5);
    put(at + 4, 4, 440);
    memcpy(dump + at + 12, "QEMU", 5);
    put(at + 20, 4, 1);
    put(at + 24, 4, 440);
    put(at + 20 + 392, 8, 0x80050033);
    put(at + 20 + 416, 8, 0x264c000);
}

Test(kdump, has_notes_and_what_linux_says)
{
    begin_kdump("x86_64", 428);
    memcpy(dump + 0x3000, "OSRELEASE=6.1\n", 14);
    put_note(0x2000);
    put(4096 + 32, 8, 0x3000);
    put(4096 + 40, 8, 14);
    put(4096 + 48, 8, 0x2000);
    put(4096 + 56, 8, 460);
    cr_assert(kdump_header_read(&r, &d));
    cr_expect(eq(int, d.family, DUMP_X86));
    cr_expect(d.long_mode);
    cr_assert(eq(sz, d.cpus, 1));
    cr_expect(eq(u64, d.cpu[0].cr3, 0x264c000));
    cr_expect(eq(str, d.vmcoreinfo, "OSRELEASE=6.1\n"));
    dump_free(&d);
}

Test(kdump, of_32_bits_has_them_elsewhere)
{
    begin_kdump("i686", 416);
    memcpy(dump + 0x3000, "OSRELEASE=6.1\n", 14);
    put_note(0x2000);
    put(4096 + 20, 8, 0x3000);
    put(4096 + 28, 4, 14);
    put(4096 + 32, 8, 0x2000);
    put(4096 + 40, 4, 460);
    cr_assert(kdump_header_read(&r, &d));
    cr_expect(not(d.long_mode));
    cr_assert(eq(sz, d.cpus, 1));
    cr_expect(eq(str, d.vmcoreinfo, "OSRELEASE=6.1\n"));
    dump_free(&d);
}

Test(kdump, of_an_older_version_has_less)
{
    begin_kdump("aarch64", 428);
    put(8, 4, 3);
    put_note(0x2000);
    put(4096 + 48, 8, 0x2000);
    put(4096 + 56, 8, 460);
    cr_assert(kdump_header_read(&r, &d));
    cr_expect(eq(int, d.family, DUMP_AARCH64));
    cr_expect(eq(sz, d.cpus, 0));
    cr_expect(d.vmcoreinfo == NULL);
    dump_free(&d);
}

Test(kdump, that_is_broken_is_refused)
{
    begin_kdump("x86_64", 428);
    put(428, 4, 5000);
    cr_expect(not(kdump_header_read(&r, &d)));
    begin_kdump("x86_64", 428);
    r.bytes = 400;
    cr_expect(not(kdump_header_read(&r, &d)));
    begin_kdump("x86_64", 428);
    r.bytes = 4100;
    cr_expect(not(kdump_header_read(&r, &d)));
    cr_expect(strstr(d.why, "second header") != NULL);
    begin_kdump("s390x", 428);
    put(8, 4, 0x06000000);
    cr_expect(not(kdump_header_read(&r, &d)));
    cr_expect(strstr(d.why, "big-endian") != NULL);
}

/* Pages 1 and 3 of 16: the list of those that are dumped at 3000, behind that of
 * those that there were, descriptors at 4000, and pages up to 5140. */
static void begin_list(size_t sizes)
{
    begin_kdump(sizes == 428 ? "x86_64" : "i686", sizes);
    put(sizes + 8, 4, 2);
    put(sizes + 12, 4, 16);
    put(4096 + (sizes == 428 ? 96 : 72), 8, 16);
    dump[0x2000] = 0xff;
    dump[0x3000] = 0x0a;
    put(0x4000, 8, 0x4100);
    put(0x4008, 4, 0x40);
    put(0x4018, 8, 0x4140);
    put(0x4020, 4, 0x1000);
    r.bytes = 0x5140;
}

Test(kdump, that_is_whole_lacks_nothing)
{
    for (size_t sizes = 416; sizes <= 428; sizes += 12) {
        begin_list(sizes);
        cr_assert(kdump_header_read(&r, &d));
        cr_expect(eq(sz, d.lackings, 0));
        cr_expect(eq(str, d.remark, ""));
        dump_free(&d);
    }
}

Test(kdump, that_is_cut_off_lacks_pages)
{
    for (size_t sizes = 416; sizes <= 428; sizes += 12) {
        begin_list(sizes);
        r.bytes--;
        cr_assert(kdump_header_read(&r, &d));
        cr_assert(eq(sz, d.lackings, 1));
        cr_expect(eq(u64, d.lacking[0].pa, 0x3000));
        cr_expect(eq(u64, d.missing, 0x1000));
        cr_expect(strstr(d.remark, "is cut off at 513f, and goes on to 5140 or "
                                   "further: 1 of its 2 pages") == d.remark);
        dump_add_listed(&d, 0, 0xffff);
        cr_assert(eq(sz, d.segments, 2));
        cr_expect(eq(u64, d.segment[0].bytes, 0x3000));
        cr_expect(eq(u64, d.segment[1].pa, 0x4000));
        dump_free(&d);
    }
}

Test(kdump, that_is_cut_off_in_its_descriptors_lacks_pages)
{
    begin_list(428);
    r.bytes = 0x4018;
    cr_assert(kdump_header_read(&r, &d));
    cr_assert(eq(sz, d.lackings, 2));
    cr_expect(strstr(d.remark,
                     "goes on to 4030 or further: 2 of its 2 pages") != NULL);
    dump_free(&d);
}

Test(kdump, that_is_cut_off_in_its_list_is_refused)
{
    begin_list(428);
    r.bytes = 0x3001;
    cr_expect(not(kdump_header_read(&r, &d)));
    cr_expect(strstr(d.why, "cut off at 3001, within its list of pages, which "
                            "goes on to 3002") != NULL);
}

Test(kdump, that_was_not_written_to_the_end_lacks_pages)
{
    begin_list(428);
    put(0x4020, 4, 0);
    put(424, 4, 8);
    cr_assert(kdump_header_read(&r, &d));
    cr_assert(eq(sz, d.lackings, 1));
    cr_expect(strstr(d.remark, "not written to the end: 1 of its 2 pages") !=
              NULL);
    dump_free(&d);
}

/* A part has descriptors of its own pages alone, whatever the list names. */
Test(kdump, that_is_a_part_lacks_its_own_pages_alone)
{
    for (unsigned version = 5; version <= 6; version++) {
        begin_list(428);
        put(8, 4, version);
        put(4096 + 12, 4, 1);
        put(4096 + (version < 6 ? 16 : 80), 8, 2);
        put(4096 + (version < 6 ? 24 : 88), 8, 16);
        put(0x4018, 8, UINT64_MAX);
        r.bytes = 0x4140;
        cr_assert(kdump_header_read(&r, &d));
        cr_expect(eq(sz, d.lackings, 0));
        cr_expect(strstr(d.remark, "is one part of several") == d.remark);
        dump_free(&d);
        r.bytes--;
        cr_assert(kdump_header_read(&r, &d));
        cr_assert(eq(sz, d.lackings, 1));
        cr_expect(eq(u64, d.lacking[0].pa, 0x3000));
        dump_free(&d);
    }
}

/* Pages of zeros share one, which need not be the last that was written. */
Test(kdump, that_is_cut_off_before_pages_of_zeros)
{
    begin_list(428);
    put(436, 4, 1);
    put(440, 4, 8);
    put(4096 + 96, 8, 8);
    dump[0x2000] = 0xff;
    for (size_t i = 0; i < 8; i++) {
        put(0x3000 + 24 * i, 8, i == 1 ? 0x5000 : 0x4000);
        put(0x3008 + 24 * i, 4, 0x40);
    }
    r.bytes = 0x5020;
    cr_assert(kdump_header_read(&r, &d));
    cr_assert(eq(sz, d.lackings, 1));
    cr_expect(eq(u64, d.lacking[0].pa, 0x1000));
    dump_free(&d);
}
