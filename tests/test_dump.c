/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps, laid out here byte by byte as their descriptions have it: System V
 * ABI, "ELF Header", "Program Header", "Section Header", "Note Section"; QEMU,
 * target/i386/arch_dump.c; VirtualBox, dbgfcorefmt.h; Xen,
 * docs/misc/dump-core-format.txt, xen/include/public/arch-x86/xen.h, xen-x86_64.h
 * and xen-x86_32.h. */
#include "elf_core.h"
#include "expect_segment.h"
#include "facts.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 16 };

static unsigned char file[ROOM];
static struct reader r;
static struct dump d;

static void put(size_t at, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++) {
        file[at + i] = (unsigned char)(v >> (8 * i));
    }
}

/* An ELF header of 64 bytes: a little-endian core of that machine, with program
 * headers of 56 bytes. */
static void begin(unsigned machine, uint64_t phoff, unsigned phnum)
{
    static const unsigned char ident[7] = "\177ELF\2\1\1";

    memset(file, 0, sizeof file);
    memset(&d, 0, sizeof d);
    memcpy(file, ident, sizeof ident);
    put(16, 2, 4); /* ET_CORE */
    put(18, 2, machine);
    put(20, 4, 1);
    put(32, 8, phoff);
    put(52, 2, 64);
    put(54, 2, 56);
    put(56, 2, phnum);
    r = (struct reader){.memory = file, .bytes = ROOM};
}

static void header(size_t at, unsigned type, uint64_t offset, uint64_t va,
                   uint64_t pa, uint64_t in_file, uint64_t in_memory)
{
    put(at, 4, type);
    put(at + 8, 8, offset);
    put(at + 16, 8, va);
    put(at + 24, 8, pa);
    put(at + 32, 8, in_file);
    put(at + 40, 8, in_memory);
}

static size_t note(size_t at, const char *name, unsigned type, unsigned bytes)
{
    size_t length = strlen(name) + 1;

    put(at, 4, length);
    put(at + 4, 4, bytes);
    put(at + 8, 4, type);
    memcpy(file + at + 12, name, length);
    return at + 12 + (length + 3) / 4 * 4;
}

static void expect_refused(const char *why)
{
    cr_expect(not(elf_core_read(&r, &d)));
    cr_expect(strstr(d.why, why) != NULL, "%s", d.why);
    dump_free(&d);
}

/* ---------------------------------------------------------------- segments */

Test(elf_core, has_its_headers_anywhere)
{
    begin(62, 0xf000, 2);
    header(0xf000, 1, 0x2000, 0, 0x100000, 0x3000, 0x3000);
    header(0xf038, 1, 0x1000, 0, 0x8000, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x8000, 0x1000, 0x1000);
    expect_segment(&d, 1, 0x100000, 0x3000, 0x2000);
    cr_expect(eq(int, d.family, DUMP_X86));
    cr_expect(d.long_mode);
    dump_free(&d);
}

Test(elf_core, has_32_bit_headers)
{
    static const unsigned char head[52] = {
        0x7f, 'E', 'L', 'F', 1,    1, 1,  0, 0, 0, 0,  0, 0, 0, 0, 0,
        4,    0,   3,   0,   1,    0, 0,  0, /* ET_CORE, EM_386, version */
        0,    0,   0,   0,   0x34, 0, 0,  0, 0, 0, 0,  0, /* entry, phoff, shoff */
        0,    0,   0,   0,   52,   0, 32, 0, 1, 0, 40, 0, 0, 0, 0, 0};
    static const unsigned char load[32] = {
        1, 0, 0,    0,    0, 0x20,
        0, 0, 0,    0,    0, 0xc0, /* type, offset, vaddr */
        0, 0, 0x10, 0,    0, 0x30,
        0, 0, 0,    0x40, 0, 0 /* paddr, sizes */};

    memset(file, 0, sizeof file);
    memset(&d, 0, sizeof d);
    memcpy(file, head, sizeof head);
    memcpy(file + 0x34, load, sizeof load);
    r = (struct reader){.memory = file, .bytes = ROOM};
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x100000, 0x3000, 0x2000);
    cr_expect(eq(u64, d.missing, 0x1000));
    cr_expect(not(d.long_mode));
    dump_free(&d);
}

Test(elf_core, has_more_segments_than_its_field_can_say)
{
    begin(62, 0x1000, 0xffff);
    put(40, 8, 0x200); /* e_shoff */
    put(58, 2, 64);
    put(60, 2, 1);
    put(0x200 + 44, 4, 3); /* sh_info */
    for (unsigned i = 0; i < 3; i++) {
        header(0x1000 + 56 * i, 1, 0x2000 + 0x1000 * i, 0, 0x10000 * i, 0x1000,
               0x1000);
    }
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(sz, d.segments, 3));
    dump_free(&d);
    put(40, 8, 0);
    expect_refused("number of segments");
}

Test(elf_core, gives_an_address_to_the_first_of_its_segments)
{
    begin(62, 64, 4);
    header(64, 1, 0x4000, 0, 0x3000, 0x2000, 0x2000);
    header(120, 1, 0x8000, 0, 0x1000, 0x6000, 0x6000);
    header(176, 1, 0x1000, 0, 0x3800, 0x100, 0x100);
    header(232, 1, 0x2000, 0, 0x7000, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 4));
    expect_segment(&d, 0, 0x1000, 0x2000, 0x8000);
    expect_segment(&d, 1, 0x3000, 0x2000, 0x4000);
    expect_segment(&d, 2, 0x5000, 0x2000, 0xc000);
    expect_segment(&d, 3, 0x7000, 0x1000, 0x2000);
    dump_free(&d);
}

Test(elf_core, joins_what_goes_on_in_memory_and_in_the_file)
{
    begin(62, 64, 3);
    header(64, 1, 0x1000, 0, 0, 0x1000, 0x1000);
    header(120, 1, 0x2000, 0, 0x1000, 0x1000, 0x1000);
    header(176, 1, 0x4000, 0, 0x2000, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0, 0x2000, 0x1000);
    expect_segment(&d, 1, 0x2000, 0x1000, 0x4000);
    dump_free(&d);
}

Test(elf_core, does_not_have_what_its_segments_lack)
{
    begin(62, 64, 2);
    header(64, 1, 0x1000, 0, 0x10000, 0x1000, 0x8000);
    header(120, 1, 0x2000, 0, 0x40000, 0, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x10000, 0x1000, 0x1000);
    cr_expect(eq(u64, d.missing, 0x8000));
    cr_expect(eq(int, d.remark[0], 0));
    dump_free(&d);
}

Test(elf_core, lacks_at_most_what_a_signed_number_can_say)
{
    begin(62, 64, 3);
    header(64, 1, 0x1000, 0, 0x10000, 0x1000, UINT64_MAX);
    header(120, 1, 0x2000, 0, 0x20000, 0x1000, UINT64_MAX);
    header(176, 1, 0x3000, 0, 0x30000, 0x1000, 0x3000);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(u64, d.missing, INT64_MAX));
    dump_free(&d);
}

Test(elf_core, says_where_it_was_cut_off)
{
    begin(62, 64, 2);
    header(64, 1, 0xf000, 0, 0x10000, 0x2000, 0x2000);
    header(120, 1, UINT64_MAX - 0xfff, 0, 0x20000, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x10000, 0x1000, 0xf000);
    cr_expect(eq(u64, d.missing, 0x2000));
    cr_expect(strstr(d.remark, "where 2000 more bytes") != NULL);
    dump_free(&d);
}

Test(elf_core, ends_at_the_last_address)
{
    begin(62, 64, 2);
    header(64, 1, 0x1000, 0, UINT64_MAX - 0x7ff, 0x1000, 0x1000);
    header(120, 1, 0x2000, 0, UINT64_MAX - 0x3ff, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, UINT64_MAX - 0x7ff, 0x800, 0x1000);
    cr_expect(strstr(d.remark, "goes beyond the last address") != NULL);
    dump_free(&d);
}

Test(elf_core, leaves_out_what_has_no_physical_address)
{
    begin(62, 64, 2);
    header(64, 1, 0x1000, UINT64_MAX << 24, UINT64_MAX, 0x1000, 0x1000);
    header(120, 1, 0x2000, 0, 0x1000, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0x1000, 0x1000, 0x2000);
    dump_free(&d);
}

Test(elf_core, that_is_broken_is_refused)
{
    begin(62, 0xfff0, 1);
    expect_refused("1 program headers at fff0 go beyond the end of the file");
    begin(62, 64, 1);
    put(54, 2, 55);
    expect_refused("55 bytes each");
    begin(62, 64, 1);
    file[4] = 3;
    expect_refused("its class is 3");
    begin(62, 64, 1);
    file[5] = 2;
    expect_refused("big-endian");
    begin(62, 0, 0);
    expect_refused("no memory is in it");
    begin(62, 64, 1);
    header(64, 1, 0x1000, 0, 0x1000, 0, 0x1000);
    expect_refused("none of the memory");
    begin(62, 64, 1);
    r.bytes = 40;
    expect_refused("within its header");
}

Test(elf_core, of_a_process_is_refused)
{
    size_t at;

    begin(62, 64, 2);
    header(64, 1, 0x1000, 0x400000, 0, 0x1000, 0x1000);
    header(120, 4, 0x200, 0, 0, 0x100, 0);
    at = note(0x200, "CORE", 0x46494c45, 16);
    (void)at;
    expect_refused("of a process, not of a machine");
}

Test(elf_core, of_hyperlight_has_its_memory_at_virtual_addresses)
{
    begin(62, 64, 2);
    header(64, 1, 0x1000, 0, 0, 0x1000, 0x1000);
    header(120, 1, 0x2000, 0x200000, 0, 0x1000, 0x1000);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 1, 0x200000, 0x1000, 0x2000);
    cr_expect(strstr(d.remark, "virtual addresses alone") != NULL);
    dump_free(&d);
}

/* Sections with names: of their names, of the pages, and of their list. */
static void xen(const char *list, uint64_t bytes)
{
    begin(62, 0, 0);
    put(40, 8, 0x200);
    put(58, 2, 64);
    put(60, 2, 4);
    put(62, 2, 1);
    put(0x240 + 24, 8, 0x400); /* names */
    put(0x240 + 32, 8, 0x40);
    memcpy(file + 0x400, "\0.xen_pages\0", 12);
    strcpy((char *)file + 0x40c, list);
    put(0x280, 4, 1);
    put(0x280 + 24, 8, 0x1000);
    put(0x280 + 32, 8, 0x2000);
    put(0x2c0, 4, 12);
    put(0x2c0 + 24, 8, 0x800);
    put(0x2c0 + 32, 8, bytes);
}

Test(elf_core, of_xen_has_a_list_of_pages)
{
    xen(".xen_pfn", 24);
    put(0x800, 8, 0x300);
    put(0x808, 8, 0x100);
    put(0x810, 8, UINT64_MAX); /* none */
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x100000, 0x1000, 0x2000);
    expect_segment(&d, 1, 0x300000, 0x1000, 0x1000);
    dump_free(&d);
}

Test(elf_core, of_a_paravirtualised_guest_has_machine_frames)
{
    xen(".xen_p2m", 32);
    put(0x800, 8, 1);
    put(0x808, 8, 0x777);
    put(0x810, 8, 2);
    put(0x818, 8, 0x555);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 2));
    expect_segment(&d, 0, 0x555000, 0x1000, 0x2000);
    expect_segment(&d, 1, 0x777000, 0x1000, 0x1000);
    dump_free(&d);
}

Test(elf_core, of_xen_without_its_list_is_refused)
{
    xen(".other", 24);
    expect_refused("no section that says where they lie");
    xen(".xen_pfn", 0x10000);
    expect_refused("goes beyond the end");
}

/* The states of processors at 0x4000, of `each` bytes, in a fifth section; no page
 * but one, of that frame. */
static void xen_states(const char *list, unsigned machine, unsigned each,
                       unsigned count)
{
    bool pairs = strcmp(list, ".xen_p2m") == 0;

    xen(list, pairs ? 16 : 8);
    put(18, 2, machine);
    put(pairs ? 0x808 : 0x800, 8, 0x100);
    put(60, 2, 5);
    memcpy(file + 0x420, ".xen_prstatus", 14);
    put(0x300, 4, 0x20);
    put(0x300 + 24, 8, 0x4000);
    put(0x300 + 32, 8, each * count);
    put(0x300 + 56, 8, each);
}

/* Of 64 bits: 512 for the FPU, 8 of flags, 200 of registers, 4096 of traps, 16 of
 * the LDT, 136 of the GDT, 16 of a stack; then CR0 to CR7, of which this is one. */
enum { CR_64 = 4984, IP_64 = 648, GS_64 = 5152 };

static void state_64(size_t at, uint64_t cr0, uint64_t cr1, uint64_t cr3,
                     uint64_t cr4)
{
    put(at + 512, 8, 0x21); /* it is on line */
    put(at + CR_64, 8, cr0);
    put(at + CR_64 + 8, 8, cr1);
    put(at + CR_64 + 24, 8, cr3);
    put(at + CR_64 + 32, 8, cr4);
}

/* Of 32: 512, 4, 68, 2048, 8, 68, 8. */
enum { CR_32 = 2716, IP_32 = 548 };

static void state_32(size_t at, uint64_t cr0, uint64_t cr3, uint64_t cr4)
{
    put(at + 512, 4, 0x21);
    put(at + CR_32, 4, cr0);
    put(at + CR_32 + 12, 4, cr3);
    put(at + CR_32 + 16, 4, cr4);
}

Test(xen, has_two_tables_of_each_processor)
{
    struct facts f;

    xen_states(".xen_p2m", 62, 5168, 4);
    state_64(0x4000, 0x80050033, 0x1234567000, 0x7654321000, 0x2660);
    state_64(0x4000 + 5168, 0x80050033, 0, 0x7654321000, 0x2660);
    state_64(0x4000 + 2 * 5168, 0x80050033, 0x1234567000, 0x99000, 0);
    state_64(0x4000 + 3 * 5168, 0x80050033, 0x5000, 0x6000, 0);
    put(0x4000 + 3 * 5168 + 512, 8, 1); /* it is not on line */
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(d.long_mode_known && d.long_mode && d.paravirtual);
    cr_assert(eq(sz, d.cpus, 4));
    cr_expect(eq(u64, d.cpu[0].cr3, 0x7654321000));
    cr_expect(eq(u64, d.cpu[0].user_table, 0x1234567000));
    cr_expect(eq(u64, d.cpu[1].at, 0x4000 + 5168));
    facts_find(&d, &f);
    cr_expect(eq(str, f.regime, "amd64"));
    cr_expect(not(f.has_registers));
    cr_assert(eq(u32, f.roots, 3));
    cr_expect(eq(u64, f.root[0].value, 0x7654321000));
    cr_expect(eq(str, f.root[0].label, "CPU 0"));
    cr_expect(eq(int, f.root[0].id, OPT_ROOT));
    cr_expect(eq(u64, f.root[1].value, 0x1234567000));
    cr_expect(eq(str, f.root[1].label, "CPU 0, the user's"));
    cr_expect(eq(u64, f.root[2].value, 0x99000));
    cr_expect(eq(u32, f.folded, 1));
    cr_expect(eq(u32, f.other, 1));
    cr_expect(eq(int, d.remark[0], 0), "%s", d.remark);
    facts_free(&f);
    dump_free(&d);
}

/* Tables that are made for three processors are the last ones below 64 GiB. */
static const uint64_t MADE = (UINT64_C(1) << 36) - 3 * 0x1000;

/* xen_cr3_to_pfn: the upper bits of the frame are the lower ones of CR3. */
Test(xen, has_folded_tables_of_32_bits)
{
    static const unsigned sizes[] = {2800, 5168};
    struct facts f;

    for (size_t i = 0; i < 2; i++) {
        xen_states(".xen_p2m", 3, sizes[i], 3);
        state_32(0x4000, 0x8005003b, 0x56789012, 0x2660);
        put(0x4000 + CR_32 + 4, 4, 0x7777000); /* CR1 is no table here */
        state_32(0x4000 + sizes[i], 0x8005003b, 0x1000, 0);
        state_32(0x4000 + 2 * (size_t)sizes[i], 0x8005003b, 0x56789012, 0);
        cr_assert(elf_core_read(&r, &d), "%s", d.why);
        cr_expect(d.long_mode_known && !d.long_mode);
        cr_assert(eq(sz, d.cpus, 3));
        cr_expect(eq(u64, d.cpu[0].cr3, 0x01256789000));
        cr_expect(eq(u64, d.cpu[1].cr3, 0x1000));
        /* Xen's own tables, which lead to them, where no memory is. */
        cr_assert(eq(sz, d.mades, 2));
        cr_expect(eq(u64, d.made[0].pa, MADE));
        cr_expect(eq(u64, d.made[0].entry[0], 0x01256789027));
        cr_expect(eq(u64, d.made[1].pa, MADE + 0x1000));
        cr_expect(eq(u64, d.made[1].entry[0], 0x1027));
        cr_expect(eq(u64, d.made[1].entry[1], 0));
        cr_expect(strstr(d.remark, "guest of 32 bits") != NULL);
        facts_find(&d, &f);
        cr_expect(eq(str, f.regime, "amd64"));
        cr_assert(eq(u32, f.roots, 2));
        cr_expect(eq(u64, f.root[0].value, MADE));
        cr_expect(eq(str, f.root[0].label, "CPU 0, Xen's above its own"));
        cr_expect(eq(u64, f.root[1].value, MADE + 0x1000));
        cr_expect(eq(u32, f.folded, 1));
        facts_free(&f);
        dump_free(&d);
    }
}

/* As Xen of 32 bits has them. */
Test(xen, has_tables_of_pae)
{
    static const struct {
        uint64_t frame; /* of the page that has the table */
        uint64_t entry; /* its third one */
        bool pae;
    } tables[] = {
        {0x100, 0x5001, true},  {0x100, 0x5021, true},  {0x100, 0x5007, false},
        {0x100, 0x5003, false}, {0x100, 0x5000, false},
    };
    struct facts f;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        xen_states(".xen_p2m", 3, 2800, 1);
        put(0x808, 8, tables[i].frame);
        put(0x1000 + 16, 8, tables[i].entry);
        state_32(0x4000, 0x8005003b, 0x100000, 0);
        cr_assert(elf_core_read(&r, &d), "%s", d.why);
        facts_find(&d, &f);
        cr_expect(eq(str, f.regime, tables[i].pae ? "pae" : "amd64"), "%zu", i);
        cr_assert(eq(u32, f.roots, 1));
        cr_expect(eq(int, f.root[0].value == 0x100000, tables[i].pae), "%zu",
                  i);
        facts_free(&f);
        dump_free(&d);
    }
}

/* Of tables above 4 GiB, Xen of 32 bits walks copies. */
Test(xen, has_copies_of_tables_of_pae)
{
    struct facts f;

    xen_states(".xen_p2m", 3, 2800, 2);
    put(0x808, 8, 0x100100);
    put(0x1000 + 16, 8, 0x5001);
    state_32(0x4000, 0x8005003b, 0x100001, 0);
    state_32(0x4000 + 2800, 0x8005003b, 0x1000, 0);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_assert(eq(sz, d.mades, 1));
    cr_expect(eq(u64, d.made[0].pa, 0xffffe000));
    cr_expect(eq(u64, d.made[0].entry[0], 0));
    cr_expect(eq(u64, d.made[0].entry[2], 0x5001));
    cr_expect(strstr(d.remark, "copies of the upper tables") != NULL);
    facts_find(&d, &f);
    cr_expect(eq(str, f.regime, "pae"));
    cr_assert(eq(u32, f.roots, 2));
    cr_expect(eq(u64, f.root[0].value, 0xffffe000));
    cr_expect(eq(str, f.root[0].label, "CPU 0, Xen's copy of its own"));
    cr_expect(eq(u64, f.root[1].value, 0x1000));
    facts_free(&f);
    dump_free(&d);
}

/* What is made is where no memory is; where there is memory everywhere, a table is
 * not made, and its processor has no root. */
Test(xen, makes_tables_where_no_memory_is)
{
    static const uint64_t ends[] = {36, 40, 46, 52};
    static const uint64_t entry[MADE_ENTRIES] = {0x1027};
    static const uint64_t other[MADE_ENTRIES] = {0x1027, 1};
    struct dump_cpu cpu = {.cr3 = 0x1000};
    struct facts f;

    memset(&d, 0, sizeof d);
    d.family = DUMP_X86;
    d.paravirtual = true;
    dump_add_cpu(&d, &cpu);
    dump_add_cpu(&d, &cpu);
    for (size_t i = 0; i < 4; i++) {
        uint64_t end = UINT64_C(1) << ends[i];

        cr_expect(eq(u64, dump_make(&d, entry, false), end - 0x2000));
        cr_expect(eq(u64, dump_make(&d, entry, false), end - 0x2000));
        cr_expect(eq(u64, dump_make(&d, other, false), end - 0x1000));
        d.mades = 0;
        free(d.made);
        d.made = NULL;
        /* A part of a page is enough. */
        dump_add(&d, i % 2 == 0 ? end - 0x2000 : end - 1, 1, 0x10000 * i);
        dump_order(&d);
    }
    cr_expect(eq(u64, dump_make(&d, entry, false), 0));
    facts_find(&d, &f);
    cr_expect(eq(u32, f.roots, 0));
    facts_free(&f);
    cr_expect(eq(u64, dump_make(&d, entry, true), 0xffffe000));
    d.mades = 0;
    dump_add(&d, 0xfffff000, 0x1000, 0x90000);
    dump_order(&d);
    cr_expect(eq(u64, dump_make(&d, entry, true), 0));
    dump_free(&d);
}

/* A guest that is virtualised in full has its own registers, as QEMU's have, and
 * the mode of Xen is not its own. */
Test(xen, has_registers_of_a_guest_that_is_virtualised_in_full)
{
    static const struct {
        size_t at;
        unsigned bytes;
        uint64_t value;
        bool wide;
    } signs[] = {
        {IP_64, 8, 0xffffffff81000000, true}, {IP_64 + 24, 8, 1ull << 32, true},
        {GS_64, 8, 0xffff888000000000, true}, {CR_64 + 32, 8, 0x1020, true},
        {CR_64 + 32, 8, 0x20020, true},       {IP_64, 8, 0xffffffff, false},
    };
    struct facts f;

    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        xen_states(".xen_pfn", 62, 5168, 1);
        state_64(0x4000, 0x80050033, 0x5000, 0x123456789000, 0x20);
        put(0x4000 + signs[i].at, signs[i].bytes, signs[i].value);
        cr_assert(elf_core_read(&r, &d), "%s", d.why);
        cr_expect(not(d.paravirtual));
        cr_expect(eq(int, d.long_mode, signs[i].wide), "%zu", i);
        cr_expect(eq(int, d.long_mode_known, signs[i].wide), "%zu", i);
        facts_find(&d, &f);
        cr_expect(f.has_registers);
        cr_assert(eq(u32, f.roots, 1));
        cr_expect(eq(u64, f.root[0].value, 0x123456789000));
        cr_expect(eq(int, f.root[0].id, OPT_CR3));
        facts_free(&f);
        dump_free(&d);
    }
    /* Without PAE there is one mode. */
    xen_states(".xen_pfn", 62, 5168, 1);
    state_64(0x4000, 0x80050033, 0, 0x1000, 0x10);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(d.long_mode_known && !d.long_mode);
    dump_free(&d);
    /* Xen of 32 bits has no guest of 64. */
    xen_states(".xen_pfn", 3, 2800, 1);
    state_32(0x4000, 0x80050033, 0x12345678, 0x20);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(d.long_mode_known && !d.long_mode);
    cr_expect(eq(u64, d.cpu[0].cr3, 0x12345678));
    dump_free(&d);
}

Test(xen, has_no_registers_that_are_not_there)
{
    xen_states(".xen_p2m", 62, 5160, 1);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(eq(sz, d.cpus, 0));
    cr_expect(strstr(d.remark, "no state that ptwalk knows") != NULL, "%s",
              d.remark);
    dump_free(&d);
    xen_states(".xen_p2m", 62, 5168, 1);
    put(0x300 + 32, 8, 5169);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(eq(sz, d.cpus, 0));
    dump_free(&d);
    xen_states(".xen_p2m", 62, 2800, 1);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(eq(sz, d.cpus, 0));
    dump_free(&d);
    xen_states(".xen_p2m", 62, 5168, 2);
    put(0x300 + 24, 8, ROOM - 2 * 5168 + 1);
    cr_assert(elf_core_read(&r, &d), "%s", d.why);
    cr_expect(eq(sz, d.cpus, 1));
    cr_expect(strstr(d.remark, "within the state of its processor 1 of 2") !=
              NULL);
    dump_free(&d);
}

/* ------------------------------------------------------------------- notes */

/* A core with one page, and notes at 0x200. */
static size_t with_notes(unsigned machine)
{
    begin(machine, 64, 2);
    header(64, 1, 0xf000, 0, 0x1000, 0x1000, 0x1000);
    header(120, 4, 0x200, 0, 0, 0x1000, 0);
    return 0x200;
}

static size_t qemu_note(size_t at, uint64_t cr0, uint64_t cr3, uint64_t cr4)
{
    at = note(at, "QEMU", 0, 440);
    put(at, 4, 1);
    put(at + 4, 4, 440);
    put(at + 392, 8, cr0);
    put(at + 416, 8, cr3);
    put(at + 424, 8, cr4);
    return at + 440;
}

/* What a paging dump of a small machine has: its memory, and where the kernel
 * reaches it. */
Test(notes, of_a_machine_go_with_physical_addresses)
{
    begin(62, 64, 2);
    header(64, 1, 0xf000, 0xffff888000000000, 0, 0x1000, 0x1000);
    header(120, 4, 0x200, 0, 0, 0x1000, 0);
    (void)qemu_note(0x200, 0x80050033, 0x1000, 0x20);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.segments, 1));
    expect_segment(&d, 0, 0, 0x1000, 0xf000);
    cr_expect(eq(int, d.remark[0], 0), "%s", d.remark);
    dump_free(&d);
    begin(62, 64, 2);
    header(64, 1, 0xf000, 0xffff888000000000, 0, 0x1000, 0x1000);
    header(120, 4, 0x200, 0, 0, 0x1000, 0);
    strcpy((char *)file + note(0x200, "VMCOREINFO", 0, 12), "OSRELEASE=6\n");
    cr_assert(elf_core_read(&r, &d));
    expect_segment(&d, 0, 0, 0x1000, 0xf000);
    dump_free(&d);
}

/* The registers of other processors would be roots, too. */
Test(notes, that_end_within_one_say_so)
{
    size_t at = with_notes(62);

    at = qemu_note(at, 0x80050033, 0x1000, 0x20);
    (void)qemu_note(at, 0x80050033, 0x2000, 0x20);
    put(120 + 32, 8, at - 0x200 + 100);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(sz, d.cpus, 1));
    cr_expect(strstr(d.remark, "ends within its note at") != NULL, "%s",
              d.remark);
    dump_free(&d);
}

Test(notes, have_the_registers_of_each_processor)
{
    size_t at = with_notes(3);

    at = note(at, "CORE", 1, 336) + 336;
    at = note(at, "CORE", 1, 336) + 336;
    at = qemu_note(at, 0x80050033, 0x264c000, 0x30);
    at = qemu_note(at, 0x80050033, 0x111000, 0x1030);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.cpus, 2));
    cr_expect(eq(u64, d.cpu[0].cr0, 0x80050033));
    cr_expect(eq(u64, d.cpu[0].cr3, 0x264c000));
    cr_expect(eq(u64, d.cpu[0].cr4, 0x30));
    cr_expect(eq(u64, d.cpu[1].cr3, 0x111000));
    cr_expect(eq(u64, d.cpu[1].cr4, 0x1030));
    cr_expect(not(d.cpu[0].has_efer));
    /* The size of its status says the mode, whatever the header does. */
    cr_expect(d.long_mode);
    cr_expect(eq(sz, d.threads, 2));
    dump_free(&d);

    at = note(with_notes(62), "CORE", 1, 144) + 144;
    (void)qemu_note(at, 0x80050033, 0x1000, 0x30);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(not(d.long_mode));
    dump_free(&d);
}

Test(notes, of_another_version_or_machine_say_nothing)
{
    size_t at = with_notes(62);

    (void)qemu_note(at, 0x80050033, 0x264c000, 0x30);
    put(at + 20, 4, 2);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(sz, d.cpus, 0));
    dump_free(&d);
    (void)qemu_note(with_notes(183), 0x80050033, 0x264c000, 0x30);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(sz, d.cpus, 0));
    cr_expect(eq(int, d.family, DUMP_AARCH64));
    dump_free(&d);
    (void)note(with_notes(183), "VBCPU", 0xb01, 1024);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(eq(sz, d.cpus, 0));
    cr_expect(eq(int, d.family, DUMP_AARCH64));
    dump_free(&d);
}

Test(notes, of_virtualbox_have_efer)
{
    size_t at = note(with_notes(62), "VBCPU", 0xb01, 1024);

    put(at + 288, 8, 0x80050033); /* behind 18 registers, 6 selectors */
    put(at + 304, 8, 0x1234000);
    put(at + 312, 8, 0x6f0);
    put(at + 488, 8, 0xd01);
    cr_assert(elf_core_read(&r, &d));
    cr_assert(eq(sz, d.cpus, 1));
    cr_expect(eq(u64, d.cpu[0].cr0, 0x80050033));
    cr_expect(eq(u64, d.cpu[0].cr3, 0x1234000));
    cr_expect(eq(u64, d.cpu[0].cr4, 0x6f0));
    cr_expect(d.cpu[0].has_efer);
    cr_expect(eq(u64, d.cpu[0].efer, 0xd01));
    dump_free(&d);
}

Test(notes, have_lines_of_linux)
{
    static const char lines[] = "OSRELEASE=6.1.0\n"
                                "EVIL=6\033[31m\377\n"
                                "PAGESIZE=4096\n"
                                "SYMBOL(swapper_pg_dir)=ffffffff8260a000\n"
                                "NUMBER(phys_base)=-16777216\n"
                                "NUMBER(tcr)=0x19\n"
                                "EMPTY=\n"
                                "BAD=12x";
    size_t at = note(with_notes(62), "VMCOREINFO", 0, sizeof lines - 1);
    uint64_t v = 0;
    char text[16];

    memcpy(file + at, lines, sizeof lines - 1);
    cr_assert(elf_core_read(&r, &d));
    cr_expect(dump_vmcoreinfo(&d, "SYMBOL(swapper_pg_dir)", 16, &v));
    cr_expect(eq(u64, v, UINT64_C(0xffffffff8260a000)));
    cr_expect(dump_vmcoreinfo(&d, "NUMBER(phys_base)", 10, &v));
    cr_expect(eq(u64, v, (uint64_t)-16777216));
    cr_expect(dump_vmcoreinfo(&d, "NUMBER(tcr)", 10, &v));
    cr_expect(eq(u64, v, 0x19));
    cr_expect(not(dump_vmcoreinfo(&d, "EMPTY", 10, &v)));
    cr_expect(not(dump_vmcoreinfo(&d, "BAD", 10, &v)));
    cr_expect(not(dump_vmcoreinfo(&d, "PAGE", 10, &v)));
    cr_expect(not(dump_vmcoreinfo(&d, "AGESIZE", 10, &v)));
    cr_expect(dump_vmcoreinfo_text(&d, "OSRELEASE", text, sizeof text));
    cr_expect(eq(str, text, "6.1.0"));
    cr_expect(dump_vmcoreinfo_text(&d, "EVIL", text, sizeof text));
    cr_expect(eq(str, text, "6?[31m?"));
    dump_free(&d);
}

Test(notes, that_are_broken_end)
{
    static const struct {
        size_t at;
        uint32_t value;
    } breaks[] = {{0x200, 0xffffffff}, {0x204, 0xffffffff}, {0x200, 0xffc}};

    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        size_t at = with_notes(62);

        at = note(at, "CORE", 1, 336) + 336;
        (void)qemu_note(at, 0x80050033, 0x264c000, 0x30);
        put(breaks[i].at, 4, breaks[i].value);
        cr_assert(elf_core_read(&r, &d));
        cr_expect(eq(sz, d.cpus, 0));
        dump_free(&d);
    }
}

/* ------------------------------------------------------------------- order */

/* Any segments, against a map of the bytes that each address has. */
Test(dump, is_put_in_order)
{
    enum { SPAN = 64, MOST = 12 };
    uint64_t seed = 1;

    for (unsigned round = 0; round < 20000; round++) {
        int64_t owner[SPAN];
        size_t n;

        memset(&d, 0, sizeof d);
        memset(owner, -1, sizeof owner);
        seed = seed * UINT64_C(6364136223846793005) + 1;
        n = 1 + (seed >> 33) % MOST;
        for (size_t i = 0; i < n; i++) {
            uint64_t pa;
            uint64_t bytes;
            uint64_t offset;

            seed = seed * UINT64_C(6364136223846793005) + 1;
            pa = (seed >> 33) % SPAN;
            bytes = (seed >> 40) % (SPAN - pa) + 1;
            /* Now and then it goes on where another one ends. */
            offset = (seed >> 50) % 2 == 0 ? 1000 + pa : (seed >> 45) % 4096;
            dump_add(&d, pa, bytes, offset);
            for (uint64_t at = 0; at < bytes; at++) {
                if (owner[pa + at] < 0) {
                    owner[pa + at] = (int64_t)(offset + at);
                }
            }
        }
        dump_order(&d);
        for (size_t i = 0; i < d.segments; i++) {
            const struct segment *s = &d.segment[i];
            const struct segment *before = i > 0 ? s - 1 : NULL;

            cr_assert(ge(u64, s->bytes, 1));
            if (before != NULL) {
                cr_assert(le(u64, before->pa + before->bytes, s->pa));
                cr_assert(before->pa + before->bytes < s->pa ||
                          before->offset + before->bytes != s->offset);
            }
            for (uint64_t at = 0; at < s->bytes; at++) {
                cr_assert(
                    eq(i64, owner[s->pa + at], (int64_t)(s->offset + at)));
                owner[s->pa + at] = -1;
            }
        }
        for (size_t at = 0; at < SPAN; at++) {
            cr_assert(eq(i64, owner[at], -1));
        }
        dump_free(&d);
    }
}
