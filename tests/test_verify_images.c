/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying two images that were written by hand: what no rebuild makes. */
#include "ptwalk/ptwalk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, M2 = 1 << 21, BYTES = 3 * M2, OLD = 0, NEW = 1, PS = 0x80 };

static _Alignas(4096) uint8_t image[2][BYTES];
static struct ptw_regime regime;
static struct ptw_verify verify;
static size_t storage;
static struct ptw_root root[2][1] = {{{&regime, {0x1000}}},
                                     {{&regime, {0x1000}}}};

static void set(unsigned which, uint64_t table, unsigned index, uint64_t raw)
{
    for (unsigned b = 0; b < 8; b++) {
        image[which][table + (uint64_t)index * 8 + b] = (uint8_t)(raw >> 8 * b);
    }
}

static void set_both(uint64_t table, unsigned index, uint64_t raw)
{
    set(OLD, table, index, raw);
    set(NEW, table, index, raw);
}

/* Tables 1000, 2000, 3000 and 4000 down to the page at 400000, which is 10000.
 */
static void start(void)
{
    memset(image, 0, sizeof image);
    cr_assert(ptw_regime_by_name("amd64", NULL, 0, &regime, NULL) == PTW_OK);
    set_both(0x1000, 0, 0x2027);
    set_both(0x2000, 0, 0x3027);
    set_both(0x3000, 2, 0x4027);
    set_both(0x4000, 0, 0x10067);
    for (unsigned i = 0; i < 16; i++) {
        image[OLD][0x10000 + i * PAGE + 8] = (uint8_t)(i + 1);
        image[NEW][0x10000 + i * PAGE + 8] = (uint8_t)(i + 1);
    }
}

static void regime_is(unsigned without, unsigned with)
{
    cr_assert(ptw_regime_by_name("amd64", NULL, without, &regime, NULL) ==
              PTW_OK);
    cr_assert(ptw_regime_with(&regime, with, &regime, NULL) == PTW_OK);
}

static enum ptw_status run(const uint8_t *was, const uint8_t *is,
                           unsigned flags)
{
    struct ptw_verify_options o = {
        .last = {UINT64_MAX},
        .flags = flags,
        .max_reads = UINT64_MAX,
        .seed = 7,
    };
    struct ptw_mem mem[2];
    enum ptw_status st;

    cr_assert(ptw_mem_init_flat(&mem[OLD], ptw_pa_of(0), (void *)(uintptr_t)was,
                                BYTES, false) == PTW_OK);
    cr_assert(ptw_mem_init_flat(&mem[NEW], ptw_pa_of(0), (void *)(uintptr_t)is,
                                BYTES, false) == PTW_OK);
    cr_assert(ptw_verify_init(&verify, &mem[OLD], root[OLD], &mem[NEW],
                              root[NEW], 1, &o) == PTW_OK);
    storage = 0;
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        void *before;

        storage += verify.wanted;
        cr_assert(ptw_verify_give(&verify, malloc(verify.wanted), verify.wanted,
                                  &before) == PTW_OK);
        free(before);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&verify, i));
    }
    return st;
}

static enum ptw_status compare(unsigned flags)
{
    return run(image[OLD], image[NEW], flags);
}

static void expect_differs(unsigned flags, enum ptw_difference_kind kind,
                           uint64_t va)
{
    cr_expect(eq(int, (int)compare(flags), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, (int)kind));
    cr_expect(eq(u64, verify.difference.va.v, va));
}

static void expect_same(unsigned flags)
{
    cr_expect(eq(int, (int)compare(flags), PTW_OK), "%s at %llx",
              ptw_difference_text(verify.difference.kind),
              (unsigned long long)verify.difference.va.v);
}

/* ------------------------------------------------------- tables and pages */

/* The guest could write to its own table. */
Test(amd64_verify_images, sees_a_page_that_is_a_table)
{
    start();
    set(OLD, 0x3000, 3, 0x5027);
    set(NEW, 0x3000, 3, 0x10027);
    memset(image[OLD] + 0x10000, 0, PAGE);
    memset(image[NEW] + 0x10000, 0, PAGE);
    expect_differs(0, PTW_DIFFERS_OVERLAP, 0x400000);
    cr_expect(eq(u64, verify.difference.new_pa.v, 0x10000));
}

/* The root, which holds what the page holds. */
Test(amd64_verify_images, sees_a_page_that_is_the_root)
{
    start();
    set(NEW, 0x4000, 0, 0x1067);
    memcpy(image[OLD] + 0x10000, image[NEW] + 0x1000, PAGE);
    expect_differs(0, PTW_DIFFERS_OVERLAP, 0x400000);
}

/* As Linux maps all memory. */
Test(amd64_verify_images, accepts_tables_that_were_mapped_before)
{
    start();
    set_both(0x4000, 1, 0x4067);
    set_both(0x4000, 2, 0x1061);
    expect_same(0);
    /* A copy of one is what a rebuild makes. */
    memcpy(image[NEW] + 0x20000, image[NEW] + 0x4000, PAGE);
    set(NEW, 0x20000, 1, 0x4067);
    set(NEW, 0x4000, 1, 0x20067);
    expect_same(0);
}

Test(amd64_verify_images, sees_tables_of_two_levels_that_became_one)
{
    start();
    set_both(0x2000, 1, 0x6027);
    set(OLD, 0x3000, 3, 0x5027);
    set(NEW, 0x3000, 3, 0x6027);
    expect_differs(0, PTW_DIFFERS_OVERLAP, 0x40000000);
    set(OLD, 0x3000, 3, 0x6027);
    set(NEW, 0x3000, 3, 0x5027);
    expect_same(0);
}

Test(amd64_verify_images, sees_what_an_entry_that_is_not_present_lost)
{
    start();
    set_both(0x4000, 1, 0x00abcd0000001240);
    set_both(0x1000, 511, 0x42);
    expect_same(0);
    set(NEW, 0x4000, 1, 0);
    expect_differs(0, PTW_DIFFERS_ABSENT, 0x401000);
    cr_expect(eq(u64, verify.difference.old_raw, 0x00abcd0000001240));
    set(NEW, 0x4000, 1, 0x00abcd0000001240);
    set(NEW, 0x1000, 511, 0x40);
    expect_differs(0, PTW_DIFFERS_ABSENT, 0xffffff8000000000);
}

/* ------------------------------------------- what can't be read in either */

Test(amd64_verify_images, are_the_same_when_they_are_one)
{
    start();
    set_both(0x4000, 1, 0xfed00067);            /* a device */
    set_both(0x4000, 2, 0xfed00061);            /* once more */
    set_both(0x3000, 3, 0x400087);              /* inside */
    set_both(0x3000, 4, 0x40000087);            /* outside */
    set_both(0x2000, 1, 0x87);                  /* begins inside */
    set_both(0x2000, 2, 0x87);                  /* once more */
    set_both(0x3000, 5, 0x7000007);             /* to a table outside */
    set_both(0x4000, 5, (uint64_t)1 << 51 | 7); /* wide, and outside */
    set_both(0x3000, 6, 0x202087);              /* with a reserved bit */
    cr_expect(eq(int, (int)run(image[OLD], image[OLD], 0), PTW_OK));
    cr_expect(eq(u64, verify.certificate.outside,
                 3 + 512 + 2 * (262144 - BYTES / PAGE)));
    cr_expect(eq(u64, verify.certificate.dropped, 0));
    cr_expect(eq(u64, verify.certificate.bad, 2));
    cr_expect(eq(u64, verify.certificate.pages, BYTES / PAGE));
    expect_same(0);
}

Test(amd64_verify_images, sees_what_could_not_be_read_before)
{
    start();
    set_both(0x4000, 1, 0xfed00067);
    set(NEW, 0x4000, 1, 0xfed01067); /* another device */
    expect_differs(0, PTW_DIFFERS_KEPT, 0x401000);
    set(NEW, 0x4000, 1, 0x11067);
    expect_differs(0, PTW_DIFFERS_KEPT, 0x401000);
    set(OLD, 0x4000, 1, 0x11067);
    set(NEW, 0x4000, 1, 0xfed00067);
    expect_differs(0, PTW_DIFFERS_UNREADABLE, 0x401000);
    set(OLD, 0x4000, 1, 0xfed00067);
    set_both(0x3000, 5, 0x7000007);
    set(NEW, 0x3000, 5, 0x7001007);
    expect_differs(0, PTW_DIFFERS_REFUSED, 0xa00000);
    set_both(0x3000, 5, 0x202087);
    set(NEW, 0x3000, 5, 0x402087);
    expect_differs(0, PTW_DIFFERS_BAD, 0xa00000);
}

/* What memory does not have whole has no leaves by which it would be shared: a
 * device becomes copy-on-write however often it is mapped, in pages of any
 * size.  What memory has of a large page that is mapped twice is shared. */
Test(amd64_verify_images, are_not_shared_by_devices)
{
    enum { MARK = 1 << 9, W = 2 };

    start();
    set_both(0x4000, 0, 0);
    for (unsigned i = 1; i < 3; i++) {
        set(OLD, 0x4000, i, 0xfed00061 | W);
        set(NEW, 0x4000, i, 0xfed00061 | MARK);
        set(OLD, 0x3000, 3 + i, 0x40000061 | PS | W);
        set(NEW, 0x3000, 3 + i, 0x40000061 | PS | MARK);
    }
    expect_same(PTW_REBUILD_COPY_ON_WRITE);
    set(NEW, 0x4000, 2, 0xfed00061 | W);
    expect_differs(PTW_REBUILD_COPY_ON_WRITE, PTW_DIFFERS_RIGHTS, 0x402000);
    set(NEW, 0x4000, 2, 0xfed00061 | MARK);
    set(NEW, 0x3000, 5, 0x40000061 | PS | W);
    expect_differs(PTW_REBUILD_COPY_ON_WRITE, PTW_DIFFERS_RIGHTS, 0xa00000);
    start();
    set_both(0x4000, 0, 0);
    set_both(0x2000, 1, 0x61 | PS | W); /* 1 GiB that begins inside */
    set_both(0x2000, 2, 0x61 | PS | W);
    expect_same(PTW_REBUILD_COPY_ON_WRITE);
    set(NEW, 0x2000, 2, 0x61 | PS | MARK);
    expect_differs(PTW_REBUILD_COPY_ON_WRITE, PTW_DIFFERS_RIGHTS, 0x80000000);
}

/* Pages of 1 GiB where there is no memory: 130,560 of them would take 85 GB. */
Test(amd64_verify_images, asks_for_nothing_where_there_is_no_memory,
     .timeout = 30)
{
    start();
    for (unsigned t = 0; t < 255; t++) {
        uint64_t table = 0x100000 + (uint64_t)t * PAGE;

        set_both(0x1000, t + 1, table | 7);
        for (unsigned i = 0; i < 512; i++) {
            set_both(table, i, ((uint64_t)t * 512 + i + 1) << 30 | 0x87);
        }
    }
    expect_same(0);
    cr_expect(eq(u64, verify.certificate.outside, (uint64_t)130560 << 18));
    cr_expect(lt(sz, storage, (size_t)16 << 20));
    set(NEW, 0x100000, 0, 0x80000087);
    expect_differs(0, PTW_DIFFERS_KEPT, (uint64_t)1 << 39);
}

/* ------------------------------------------------------------------ policy */

Test(amd64_verify_images, sees_pages_merged_that_must_not_be)
{
    start();
    set_both(0x4000, 0, 0x10025);
    set_both(0x4000, 1, 0x11025);
    image[OLD][0x11008] = 1;
    set(NEW, 0x4000, 1, 0x10025);
    expect_differs(0, PTW_DIFFERS_JOINED, 0x401000);
    expect_differs(PTW_REBUILD_ZEROS, PTW_DIFFERS_JOINED, 0x401000);
    expect_same(PTW_REBUILD_MERGE);
    image[OLD][0x10008] = image[OLD][0x11008] = image[NEW][0x10008] = 0;
    expect_same(PTW_REBUILD_ZEROS);
    expect_same(PTW_REBUILD_MERGE);
    image[NEW][0x10fff] = 1;
    image[OLD][0x10fff] = 1;
    image[OLD][0x11fff] = 1;
    expect_differs(PTW_REBUILD_ZEROS, PTW_DIFFERS_JOINED, 0x401000);
}

/* Two pages that are the same now, which leaves only read. */
static void join(uint64_t leaf)
{
    start();
    set(OLD, 0x4000, 0, 0x10000 | leaf);
    set(OLD, 0x4000, 1, 0x11000 | leaf);
    set(NEW, 0x4000, 0, 0x10000 | leaf);
    set(NEW, 0x4000, 1, 0x10000 | leaf);
    memcpy(&image[OLD][0x11000], &image[OLD][0x10000], PAGE);
}

/* A table that refers to itself, through which the guest makes both writable. */
Test(amd64_verify_images, sees_pages_merged_that_the_guest_can_make_writable)
{
    join(0x25);
    expect_same(PTW_REBUILD_MERGE);
    set_both(0x1000, 300, 0x1023);
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x401000);
    cr_expect(eq(u64, verify.difference.old_pa.v, 0x11000));
    cr_expect(eq(u64, verify.difference.new_pa.v, 0x10000));
    set_both(0x1000, 300, 0x1061); /* can't be written */
    expect_same(PTW_REBUILD_MERGE);
    set_both(0x3000, 300, 0x3023); /* below the root */
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x401000);
    memset(&image[OLD][0x10000], 0, 2 * PAGE);
    memset(&image[NEW][0x10000], 0, PAGE);
    expect_differs(PTW_REBUILD_ZEROS, PTW_DIFFERS_JOINED, 0x401000);
    set_both(0x3000, 300, 0);
    expect_same(PTW_REBUILD_ZEROS);
}

Test(amd64_verify_images, sees_pages_merged_that_the_supervisor_writes)
{
    join(0x25);
    expect_same(PTW_REBUILD_MERGE);
    regime_is(PTW_X86_WP, 0);
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x401000);
}

Test(amd64_verify_images, sees_shadow_stacks_merged)
{
    join(0x65);
    expect_same(PTW_REBUILD_MERGE);
    regime_is(0, PTW_X86_CET);
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x401000);
    join(0x25); /* R/W clear and D clear: read only */
    regime_is(0, PTW_X86_CET);
    expect_same(PTW_REBUILD_MERGE);
}

Test(amd64_verify_images, sees_large_pages_merged)
{
    start();
    set_both(0x3000, 3, M2 | 0xa5);
    set(OLD, 0x3000, 4, 2 * M2 | 0xa5);
    set(NEW, 0x3000, 4, M2 | 0xa5);
    expect_differs(PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS, PTW_DIFFERS_JOINED,
                   0x800000);
    /* A small one with a part of a large one, whichever comes first. */
    set(OLD, 0x3000, 4, 0);
    set(NEW, 0x3000, 4, 0);
    set_both(0x3000, 4, 0x5027);
    set(OLD, 0x5000, 0, 0x20025);
    set(NEW, 0x5000, 0, (M2 + PAGE) | 0x25);
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x800000);
    set_both(0x3000, 1, 0x5027);
    expect_differs(PTW_REBUILD_MERGE, PTW_DIFFERS_JOINED, 0x601000);
}

Test(amd64_verify_images, sees_bits_of_software_lost_in_a_split)
{
    uint64_t bits = (uint64_t)1 << 52 | 0x800;

    start();
    set(OLD, 0x3000, 3, M2 | bits | 0x1067 | PS); /* and PAT */
    set(NEW, 0x3000, 3, 0x5027);
    for (unsigned i = 0; i < 512; i++) {
        set(NEW, 0x5000, i, (M2 + (uint64_t)i * PAGE) | bits | 0xe7);
    }
    expect_same(PTW_REBUILD_SPLIT);
    set(NEW, 0x5000, 9, (M2 + 9 * PAGE) | 0x8e7);
    expect_differs(PTW_REBUILD_SPLIT, PTW_DIFFERS_ATTRIBUTES, 0x609000);
    set(NEW, 0x5000, 9, (M2 + 9 * PAGE) | bits | 0x2e7);
    cr_expect(eq(int, (int)compare(PTW_REBUILD_SPLIT), PTW_DIFFERENT));
}

/* ------------------------------------------------------------------ digest */

static uint64_t digest(void)
{
    cr_expect(eq(int, (int)run(image[OLD], image[OLD], 0), PTW_OK));
    return verify.certificate.digest[0] ^ verify.certificate.digest[1];
}

Test(amd64_verify_images, have_digests_that_tell_which_page_is_mapped)
{
    uint64_t one;

    start();
    set_both(0x4000, 1, 0x11067);
    set_both(0x4000, 2, 0x10067);
    one = digest();
    set(OLD, 0x4000, 2, 0x11067);
    cr_expect(ne(u64, digest(), one));
}

/* Two pages change places, and one more has been seen before: every page comes
 * at the same time with the same bytes. */
Test(amd64_verify_images, have_digests_that_tell_which_pages_are_large)
{
    uint64_t one;

    start();
    image[OLD][M2 + PAGE] = 1;
    image[OLD][M2 + 2 * PAGE] = 2;
    set(OLD, 0x4000, 0, (M2 + PAGE) | 0x67);
    set(OLD, 0x3000, 3, M2 | 0xe7);
    one = digest();
    image[OLD][M2 + PAGE] = 2;
    image[OLD][M2 + 2 * PAGE] = 1;
    set(OLD, 0x4000, 0, (M2 + 2 * PAGE) | 0x67);
    cr_expect(ne(u64, digest(), one));
}

/* ------------------------------------------------------------------- work */

/* Large leaves of memory that neither image has, which became copy-on-write. */
Test(amd64_verify_images, looks_for_no_pages_where_there_is_no_memory)
{
    enum { LEAVES = 500 };

    start();
    for (unsigned i = 1; i <= LEAVES; i++) {
        uint64_t leaf = ((uint64_t)i << 30) | 0x67 | PS;

        set(OLD, 0x2000, i, leaf);
        set(NEW, 0x2000, i, (leaf & ~(uint64_t)2) | 0x200);
    }
    set(NEW, 0x4000, 0, 0x10265);
    expect_same(PTW_REBUILD_COPY_ON_WRITE);
    cr_expect(eq(u64, verify.certificate.outside, LEAVES << 18));
    cr_expect(lt(u64, verify.work, 32 * LEAVES + 16384));
}
