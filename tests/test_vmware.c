/* SPDX-License-Identifier: Apache-2.0 */
/* VMware's saved states, laid out here as crash(8) describes them
 * (vmware_vmss.h). */
#include "expect_segment.h"
#include "vmware.h"

#include "facts.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static unsigned char file[0x4000];
static struct reader r;
static struct dump d;
static bool beside;

static void put(size_t at, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++) {
        file[at + i] = (unsigned char)(v >> (8 * i));
    }
}

/* Groups at 12 and 92: memory's items are at 0x200, those of CPUs at 0x800. */
static void begin(void)
{
    memset(file, 0, sizeof file);
    memset(&d, 0, sizeof d);
    memcpy(file, "\xd2\xbe\xd2\xbe\x08\0\0\0\2\0\0\0", 12);
    strcpy((char *)file + 12, "memory");
    put(12 + 64, 8, 0x200);
    strcpy((char *)file + 92, "cpu");
    put(92 + 64, 8, 0x800);
    r = (struct reader){.memory = file, .bytes = sizeof file};
}

/* An item of `bytes` bytes, with so many indices. */
static size_t item(size_t at, const char *name, unsigned indices, unsigned one,
                   unsigned two, unsigned bytes, uint64_t value)
{
    size_t length = strlen(name);

    put(at, 1, indices << 6 | bytes);
    put(at + 1, 1, length);
    memcpy(file + at + 2, name, length);
    at += 2 + length;
    put(at, 4, one);
    put(at + 4, 4, two);
    at += 4 * indices;
    put(at, 8, 0);
    put(at, bytes, value);
    return at + bytes;
}

static size_t region(size_t at, unsigned i, unsigned frame, unsigned page,
                     unsigned pages)
{
    at = item(at, "regionPageNum", 1, i, 0, 4, page);
    at = item(at, "regionPPN", 1, i, 0, 4, frame);
    return item(at, "regionSize", 1, i, 0, 4, pages);
}

/* A block with a padding of 6 bytes. */
static size_t block(size_t at, unsigned kind, uint64_t bytes)
{
    at = item(at, "Memory", 2, 0, 0, 0, 0);
    file[at - 8 - 6 - 2] = (unsigned char)(2 << 6 | kind);
    put(at, 8, bytes);
    put(at + 8, 8, bytes);
    put(at + 16, 2, 6);
    return at + 18 + 6;
}

static void regions(void)
{
    size_t at = item(0x200, "align_mask", 1, 0, 0, 4, 0xffff);

    at = item(at, "regionsCount", 0, 0, 0, 4, 2);
    at = region(at, 0, 0, 0, 3);
    at = region(at, 1, 0x100000, 3, 2);
    (void)at;
}

Test(vmware, with_its_memory_beside_it)
{
    begin();
    regions();
    cr_assert(vmware_read(&r, &d, &beside), "%s", d.why);
    cr_expect(beside);
    cr_expect(vmware_fit(&d, 0x5000));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0, 0x3000, 0);
    expect_segment(&d, 1, UINT64_C(0x100000000), 0x2000, 0x3000);
    cr_expect(eq(int, d.remark[0], 0));
    /* A file that is too short. */
    cr_expect(vmware_fit(&d, 0x4000));
    expect_segment(&d, 1, UINT64_C(0x100000000), 0x1000, 0x3000);
    cr_expect(eq(u64, d.missing, 0x1000));
    cr_expect(strstr(d.remark, "1000 bytes of its memory") != NULL);
    dump_free(&d);
}

Test(vmware, in_one_piece)
{
    begin();
    cr_assert(vmware_read(&r, &d, &beside));
    cr_expect(beside);
    cr_expect(vmware_fit(&d, 0x7000));
    expect_segment(&d, 0, 0, 0x7000, 0);
    cr_expect(eq(int, d.remark[0], 0));
    dump_free(&d);
}

Test(vmware, with_its_memory_in_it)
{
    size_t at;

    begin();
    at = item(0x200, "regionsCount", 0, 0, 0, 4, 1);
    at = region(at, 0, 0x10, 1, 1);
    at = block(at, 63, 0x2000);
    cr_assert(vmware_read(&r, &d, &beside), "%s", d.why);
    cr_expect(not(beside));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x10000, 0x1000, at + 0x1000);
    dump_free(&d);
}

Test(vmware, has_registers)
{
    struct facts f;
    size_t at;

    begin();
    regions();
    at = item(0x800, "CR64", 2, 0, 0, 8, 0x80050033);
    at = item(at, "CR64", 2, 0, 2, 8, 0x7777);
    at = item(at, "CR64", 2, 0, 3, 8, 0x1aa000);
    at = item(at, "CR64", 2, 0, 4, 8, 0x6f8);
    at = item(at, "CR64", 2, 1, 0, 8, 0x80050033);
    at = item(at, "CR64", 2, 1, 3, 8, 0x2bb000);
    at = item(at, "CR64", 2, 1, 4, 8, 0x6f8);
    at = item(at, "EFER", 1, 0, 0, 8, 0xd01);
    cr_assert(vmware_read(&r, &d, &beside));
    cr_assert(eq(sz, d.cpus, 2));
    cr_expect(eq(u64, d.cpu[0].cr3, 0x1aa000));
    cr_expect(eq(u64, d.cpu[1].cr3, 0x2bb000));
    cr_expect(d.cpu[0].has_efer);
    facts_find(&d, &f);
    cr_assert(eq(u32, f.roots, 2));
    cr_expect(eq(u64, f.regs.cr4, 0x6f8));
    cr_expect(eq(u64, f.regs.efer, 0xd01));
    facts_free(&f);
    dump_free(&d);
}

static void expect_refused(const char *why)
{
    cr_expect(not(vmware_read(&r, &d, &beside)));
    cr_expect(strstr(d.why, why) != NULL, "%s", d.why);
    dump_free(&d);
}

Test(vmware, that_is_broken_is_refused)
{
    size_t at;

    begin();
    (void)block(0x200, 62, 0x100);
    expect_refused("its memory is compressed");
    begin();
    put(8, 4, 5000);
    expect_refused("number of groups");
    begin();
    r.bytes = 60;
    expect_refused("list of groups");
    begin();
    (void)item(0x200, "regionsCount", 0, 0, 0, 4, 257);
    expect_refused("257 regions");
    begin();
    (void)block(region(item(0x200, "regionsCount", 0, 0, 0, 4, 1), 0, 0, 2, 2),
                63, 0x3000);
    expect_refused("region 0 goes beyond its memory");
    begin();
    at = item(0x200, "regionsCount", 0, 0, 0, 4, 2);
    at = region(at, 0, 0, 0, 3);
    at = item(at, "regionPPN", 1, 1, 0, 4, 0x10);
    (void)item(at, "regionSize", 1, 1, 0, 4, 3);
    expect_refused("where its region 1 of 2 lies");
}

/* What would come behind the end is not guessed: where memory lies, and which
 * roots there are. */
Test(vmware, that_is_cut_off_is_refused)
{
    size_t at;

    begin();
    at = item(0x200, "align_mask", 1, 0, 0, 4, 0xffff);
    r.bytes = at;
    expect_refused("ends at 214, within its group 'memory'");
    begin();
    at = block(0x200, 63, 0x8000);
    expect_refused("within its group 'memory'");
    begin();
    regions();
    at = item(0x800, "CR64", 2, 0, 0, 8, 0x80050033);
    r.bytes = at - 1;
    expect_refused("within its group 'cpu'");
}

/* As far as it is there. */
Test(vmware, may_end_within_memory)
{
    size_t at;

    begin();
    at = item(0x200, "regionsCount", 0, 0, 0, 4, 1);
    at = region(at, 0, 0x10, 0, 8);
    put(92 + 64, 8, 0x100); /* no processor */
    at = block(at, 63, 0x8000);
    cr_assert(vmware_read(&r, &d, &beside), "%s", d.why);
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x10000, sizeof file - at, at);
    cr_expect(eq(u64, d.missing, 0x8000 - (sizeof file - at)));
    cr_expect(d.remark[0] != '\0');
    dump_free(&d);
    /* The end of the group alone is missing. */
    begin();
    at = item(0x200, "regionsCount", 0, 0, 0, 4, 1);
    at = region(at, 0, 0x10, 0, 1);
    put(92 + 64, 8, 0x100);
    at = block(at, 63, 0x1000);
    r.bytes = at + 0x1000;
    cr_assert(vmware_read(&r, &d, &beside), "%s", d.why);
    expect_segment(&d, 0, 0x10000, 0x1000, at);
    cr_expect(strstr(d.remark, "within its group 'memory', behind") != NULL,
              "%s", d.remark);
    dump_free(&d);
}

/* Newer ones have the control registers of a processor as one block. */
Test(vmware, has_control_registers_in_a_block)
{
    size_t at;

    begin();
    regions();
    at = item(0x800, "CR64", 1, 1, 0, 0, 0);
    file[at - 4 - 4 - 2] = (unsigned char)(1 << 6 | 63);
    put(at, 8, 72);
    put(at + 8, 8, 72);
    put(at + 16, 2, 2);
    at += 18 + 2;
    put(at, 8, 0x80050033);
    put(at + 8 * 2, 8, 0x7777);
    put(at + 8 * 3, 8, 0x1001aa000);
    put(at + 8 * 4, 8, 0x6f8);
    /* The lower halves besides. */
    at = item(at + 72, "CR", 2, 1, 3, 4, 0x1aa000);
    (void)item(at, "EFER", 1, 1, 0, 8, 0xd01);
    cr_assert(vmware_read(&r, &d, &beside), "%s", d.why);
    cr_assert(eq(sz, d.cpus, 2));
    cr_expect(eq(u64, d.cpu[1].cr0, 0x80050033));
    cr_expect(eq(u64, d.cpu[1].cr3, 0x1001aa000));
    cr_expect(eq(u64, d.cpu[1].cr4, 0x6f8));
    dump_free(&d);
}
