/* SPDX-License-Identifier: Apache-2.0 */
/* What a dump says of paging, and what is concluded. */
#include "facts.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dump d;
static struct facts f;

static void begin(enum dump_family family, bool long_mode)
{
    memset(&d, 0, sizeof d);
    d.family = family;
    d.long_mode = long_mode;
}

static void cpu(uint64_t cr0, uint64_t cr3, uint64_t cr4)
{
    struct dump_cpu c = {.cr0 = cr0, .cr3 = cr3, .cr4 = cr4};

    dump_add_cpu(&d, &c);
}

static void lines(enum dump_family family, const char *text)
{
    begin(family, false);
    d.vmcoreinfo = malloc(strlen(text) + 1);
    strcpy(d.vmcoreinfo, text);
    facts_find(&d, &f);
}

static void end(void)
{
    facts_free(&f);
    dump_free(&d);
}

static void expect_root(uint32_t i, enum option_id id, uint64_t value,
                        const char *label)
{
    cr_assert(lt(u32, i, f.roots));
    cr_expect(eq(int, f.root[i].id, id));
    cr_expect(eq(u64, f.root[i].value, value));
    cr_expect(eq(str, f.root[i].label, (char *)label));
}

Test(facts, of_processors_are_their_registers)
{
    begin(DUMP_X86, true);
    cpu(0x80050033, 0x264c000, 0x30);
    facts_find(&d, &f);
    cr_expect(eq(int, f.family, DUMP_X86));
    cr_expect(f.has_registers);
    cr_expect(eq(u64, f.regs.cr0, 0x80050033));
    cr_expect(eq(u64, f.regs.cr4, 0x30));
    cr_expect(eq(u64, f.regs.efer, 0xd00)); /* LME, LMA, NXE */
    cr_expect(strstr(f.assumed, "NX is on") != NULL);
    cr_assert(eq(u32, f.roots, 1));
    expect_root(0, OPT_CR3, 0x264c000, "CPU 0");
    end();
}

Test(facts, have_a_root_once)
{
    begin(DUMP_X86, true);
    cpu(0x80050033, 0x1000, 0x30);
    cpu(0x80050033, 0x2000, 0x30);
    cpu(0x80050033, 0x1005, 0x20030); /* the same with a PCID */
    cpu(0x60000010, 0, 0);            /* not started */
    cpu(0x80050033, 0x3000, 0x1030);  /* five levels */
    facts_find(&d, &f);
    cr_assert(eq(u32, f.roots, 2));
    expect_root(0, OPT_CR3, 0x1000, "CPU 0");
    expect_root(1, OPT_CR3, 0x2000, "CPU 1");
    cr_expect(eq(u32, f.folded, 1));
    cr_expect(eq(u32, f.other, 2));
    cr_expect(
        eq(str, f.left_out, "CPU 3 (paging is off), CPU 4 (5-level paging)"));
    end();
}

Test(facts, name_some_of_many_processors_that_are_left_out)
{
    begin(DUMP_X86, true);
    for (unsigned i = 0; i < 300; i++) {
        cpu(0x80050033, 0x1000, i % 2 == 0 ? 0x30 : 0x10);
    }
    cpu(0x60000010, 0, 0);
    cpu(0x80050033, 0x1000, 0x1030);
    facts_find(&d, &f);
    cr_expect(eq(str, f.left_out,
                 "CPU 300 (paging is off), CPU 1, CPU 3, CPU 5, CPU 7, CPU 9, "
                 "CPU 11 and 144 more (32-bit paging), CPU 301 (5-level "
                 "paging)"));
    end();
}

Test(facts, tell_roots_of_pae_by_32_bytes)
{
    begin(DUMP_X86, false);
    cpu(0x80050033, 0x12199e0, 0x30);
    cpu(0x80050033, 0x1219e40, 0x30);
    facts_find(&d, &f);
    cr_assert(eq(u32, f.roots, 2));
    cr_expect(eq(u64, f.regs.efer, 0x800));
    end();
}

Test(facts, are_those_of_the_first_processor_that_translates)
{
    begin(DUMP_X86, true);
    cpu(0x60000010, 0, 0);
    cpu(0x80050033, 0x5000, 0x30);
    facts_find(&d, &f);
    cr_assert(eq(u32, f.roots, 1));
    expect_root(0, OPT_CR3, 0x5000, "CPU 1");
    cr_expect(strstr(f.from, "CPU 1") != NULL);
    end();
}

Test(facts, know_efer_where_it_is)
{
    struct dump_cpu c = {.cr0 = 0x80050033,
                         .cr3 = 0x1000,
                         .cr4 = 0x30,
                         .efer = 0x500,
                         .has_efer = true};

    begin(DUMP_X86, false);
    dump_add_cpu(&d, &c);
    facts_find(&d, &f);
    cr_expect(eq(u64, f.regs.efer, 0x500));
    cr_expect(strstr(f.assumed, "NX") == NULL);
    end();
}

Test(facts, are_not_assumed_where_options_say_them)
{
    struct arguments a = {.subject = NULL};

    begin(DUMP_X86, true);
    cpu(0x80050033, 0x264c000, 0x30);
    facts_find(&d, &f);
    a.given[OPT_PA_BITS - OPT_REGIME] = true;
    facts_assume(&f, &a);
    cr_expect(strstr(f.assumed, "52 bits") == NULL);
    cr_expect(strstr(f.assumed, "long mode") != NULL);
    cr_expect(strstr(f.assumed, "NX") != NULL);
    a.given[OPT_NO_NX - OPT_REGIME] = true;
    facts_assume(&f, &a);
    cr_expect(eq(str, f.assumed, "it is in long mode (it has no EFER)"));
    a.given[OPT_EFER - OPT_REGIME] = true;
    facts_assume(&f, &a);
    cr_expect(eq(str, f.assumed, "nothing"));
    end();
}

Test(facts, of_processors_have_the_flag_bit_that_linux_says)
{
    lines(DUMP_X86, "NUMBER(sme_mask)=140737488355328\n");
    facts_free(&f);
    d.long_mode = true;
    cpu(0x80050033, 0x264c000, 0x30);
    facts_find(&d, &f);
    expect_root(0, OPT_CR3, 0x264c000, "CPU 0");
    cr_expect(eq(u64, f.flag_bits, (uint64_t)1 << 47));
    end();
}

Test(facts, say_that_paging_is_off)
{
    begin(DUMP_X86, false);
    cpu(0x60000010, 0, 0);
    facts_find(&d, &f);
    cr_expect(f.has_registers);
    cr_expect(eq(u64, f.regs.cr0, 0x60000010));
    cr_expect(eq(u32, f.roots, 0));
    end();
    /* With what they have of EFER. */
    begin(DUMP_X86, false);
    dump_add_cpu(
        &d, &(struct dump_cpu){.cr0 = 0x11, .efer = 0xd00, .has_efer = true});
    facts_find(&d, &f);
    cr_expect(eq(u64, f.regs.efer, 0xd00));
    end();
}

Test(facts, of_a_crashed_kernel_are_its_own_table)
{
    lines(DUMP_X86, "OSRELEASE=6.1.0-50-amd64\n"
                    "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                    "NUMBER(phys_base)=16777216\n"
                    "NUMBER(pgtable_l5_enabled)=1\n"
                    "NUMBER(sme_mask)=140737488355328\n");
    cr_expect(eq(str, f.regime, "amd64-la57"));
    cr_expect(eq(str, f.from, "VMCOREINFO of Linux 6.1.0-50-amd64"));
    cr_expect(eq(u64, f.flag_bits, (uint64_t)1 << 47));
    expect_root(0, OPT_ROOT, 0x460a000, "the kernel's swapper_pg_dir");
    end();
    /* phys_base may be below zero. */
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                    "NUMBER(phys_base)=-16777216\n");
    cr_expect(eq(str, f.regime, "amd64"));
    expect_root(0, OPT_ROOT, 0x260a000, "the kernel's swapper_pg_dir");
    end();
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=c1a2d000\nCONFIG_X86_PAE=y\n");
    cr_expect(eq(str, f.regime, "pae"));
    expect_root(0, OPT_ROOT, 0x1a2d000, "the kernel's swapper_pg_dir");
    end();
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=c1a2d000\n");
    cr_expect(eq(str, f.regime, "i686"));
    end();
}

Test(facts, of_aarch64_are_the_upper_half)
{
    lines(DUMP_AARCH64, "PAGESIZE=4096\nNUMBER(VA_BITS)=48\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "NUMBER(TCR_EL1_T1SZ)=0x19\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    cr_expect(eq(str, f.regime, "aarch64-4k-39"));
    expect_root(0, OPT_TTBR1, 0x41a1d000, "the kernel's swapper_pg_dir");
    end();
    lines(DUMP_AARCH64, "PAGESIZE=65536\nNUMBER(VA_BITS)=52\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    cr_expect(eq(str, f.regime, "aarch64-64k-52"));
    expect_root(0, OPT_TTBR1, 0x41a1d000, "the kernel's swapper_pg_dir");
    end();
    /* The same kernel where there is no LVA: its half is the end of the table. */
    lines(DUMP_AARCH64, "PAGESIZE=65536\nNUMBER(VA_BITS)=52\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "NUMBER(TCR_EL1_T1SZ)=0x10\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a10000\n");
    cr_expect(eq(str, f.regime, "aarch64-64k-48"));
    expect_root(0, OPT_TTBR1, 0x41a11e00, "the kernel's swapper_pg_dir");
    end();
    /* One of 4 KiB pages folds the level that there is not. */
    lines(DUMP_AARCH64, "PAGESIZE=4096\nNUMBER(VA_BITS)=52\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "NUMBER(TCR_EL1_T1SZ)=0x10\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a10000\n");
    cr_expect(eq(str, f.regime, "aarch64-4k-48"));
    expect_root(0, OPT_TTBR1, 0x41a10000, "the kernel's swapper_pg_dir");
    end();
    lines(DUMP_AARCH64, "PAGESIZE=16384\nNUMBER(VA_BITS)=52\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    cr_expect(eq(str, f.regime, "aarch64-16k-52-lpa2"));
    end();
}

Test(facts, of_riscv_are_satp_or_its_table)
{
    lines(DUMP_RISCV, "NUMBER(satp)=0x8000000000081b4d\n");
    expect_root(0, OPT_SATP, UINT64_C(0x8000000000081b4d), "the kernel's satp");
    cr_expect(eq(int, f.regime[0], 0));
    cr_expect(eq(uint, f.xlen, 0));
    end();
    lines(DUMP_RISCV, "NUMBER(satp)=0x80081b4d\n");
    expect_root(0, OPT_SATP, UINT64_C(0x80081b4d), "the kernel's satp");
    cr_expect(eq(uint, f.xlen, 32));
    end();
    lines(DUMP_RISCV, "NUMBER(VA_BITS)=39\n"
                      "SYMBOL(swapper_pg_dir)=ffffffff81a00000\n"
                      "NUMBER(va_kernel_pa_offset)=0xfffffffefe000000\n");
    cr_expect(eq(str, f.regime, "sv39"));
    expect_root(0, OPT_ROOT, 0x83a00000, "the kernel's swapper_pg_dir");
    end();
}

/* What can't be is left out, and its line and the options that say it are named. */
static void expect_doubt(const char *text, enum option_id option)
{
    cr_assert(eq(sz, f.doubts, 1), "%zu doubts of %s", f.doubts, text);
    cr_expect(eq(str, f.doubt[0].text, (char *)text));
    cr_expect(eq(int, f.doubt[0].option[0], option));
    end();
}

Test(facts, that_can_not_be_are_in_doubt)
{
    static const char *const masks[] = {"1",    "3",
                                        "4096", "-1",
                                        "no",   "4503599627370496",
                                        "",     "211106232532992"};
    char text[256];

    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        (void)snprintf(text, sizeof text,
                       "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                       "NUMBER(phys_base)=0\nNUMBER(sme_mask)=%s\n",
                       masks[i]);
        lines(DUMP_X86, text);
        cr_expect(eq(u64, f.flag_bits, 0));
        cr_expect(eq(str, f.regime, "amd64"));
        expect_root(0, OPT_ROOT, 0x360a000, "the kernel's swapper_pg_dir");
        (void)snprintf(text, sizeof text, "NUMBER(sme_mask)=%s", masks[i]);
        expect_doubt(text, OPT_FLAG_BIT);
    }
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                    "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=2\n");
    cr_expect(eq(str, f.regime, "amd64"));
    expect_doubt("NUMBER(pgtable_l5_enabled)=2", OPT_REGIME);
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                    "NUMBER(phys_base)=1234\n");
    cr_expect(eq(u32, f.roots, 0));
    expect_doubt("NUMBER(phys_base)=1234", OPT_ROOT);
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8360a000\n"
                    "NUMBER(phys_base)=-1152921504606846976\n");
    cr_expect(eq(u32, f.roots, 0));
    expect_doubt("the address of swapper_pg_dir=f00000000360a000", OPT_ROOT);
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8360a020\n"
                    "NUMBER(phys_base)=0\n");
    cr_expect(eq(u32, f.roots, 0));
    expect_doubt("the address of swapper_pg_dir=360a020", OPT_ROOT);
    lines(DUMP_X86, "SYMBOL(swapper_pg_dir)=_text\n");
    expect_doubt("SYMBOL(swapper_pg_dir)=_text", OPT_ROOT);
    lines(DUMP_AARCH64, "PAGESIZE=4096\nNUMBER(VA_BITS)=48\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "NUMBER(TCR_EL1_T1SZ)=64\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    cr_expect(eq(str, f.regime, "aarch64-4k-48"));
    expect_doubt("NUMBER(TCR_EL1_T1SZ)=64", OPT_REGIME);
    lines(DUMP_AARCH64, "PAGESIZE=8192\nNUMBER(VA_BITS)=48\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    expect_doubt("PAGESIZE=8192", OPT_REGIME);
    lines(DUMP_AARCH64, "PAGESIZE=4096\nNUMBER(VA_BITS)=57\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n");
    expect_doubt("NUMBER(VA_BITS)=57", OPT_REGIME);
    lines(DUMP_AARCH64, "PAGESIZE=4096\nNUMBER(VA_BITS)=48\n"
                        "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                        "SYMBOL(swapper_pg_dir)=ffff800009a1d010\n");
    expect_doubt("the address of swapper_pg_dir=41a1d010", OPT_TTBR1);
    lines(DUMP_RISCV, "NUMBER(VA_BITS)=40\n"
                      "SYMBOL(swapper_pg_dir)=ffffffff81a00000\n"
                      "NUMBER(va_kernel_pa_offset)=0xfffffffefe000000\n");
    expect_doubt("NUMBER(VA_BITS)=40", OPT_REGIME);
    lines(DUMP_RISCV, "NUMBER(satp)=0xf000000000081b4d\n"
                      "NUMBER(VA_BITS)=39\n"
                      "SYMBOL(swapper_pg_dir)=ffffffff81a00000\n"
                      "NUMBER(va_kernel_pa_offset)=0xfffffffefe000000\n");
    cr_expect(eq(str, f.regime, "sv39"));
    expect_doubt("NUMBER(satp)=0xf000000000081b4d", OPT_SATP);
}

/* Arm's manual: T1SZ is from 12, where addresses are that wide, to 48. */
Test(facts, of_aarch64_have_any_width_that_there_is)
{
    for (unsigned size = 11; size <= 49; size++) {
        char text[256];
        char regime[32];
        bool can_be = size >= 12 && size <= 48;

        (void)snprintf(text, sizeof text,
                       "PAGESIZE=4096\nNUMBER(VA_BITS)=48\n"
                       "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"
                       "NUMBER(TCR_EL1_T1SZ)=%u\n"
                       "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n",
                       size);
        (void)snprintf(regime, sizeof regime, "aarch64-4k-%u%s",
                       can_be ? 64 - size : 48,
                       can_be && size < 16 ? "-lpa2" : "");
        lines(DUMP_AARCH64, text);
        cr_expect(eq(str, f.regime, regime));
        cr_expect(eq(sz, f.doubts, can_be ? 0 : 1), "%u", size);
        end();
    }
}

Test(facts, are_none_where_something_is_missing)
{
    static const struct {
        enum dump_family family;
        const char *text;
    } poor[] = {
        {DUMP_X86, "NUMBER(phys_base)=0\n"},
        {DUMP_X86, "SYMBOL(swapper_pg_dir)=ffffffff8260a000\n"},
        {DUMP_X86, "SYMBOL(swapper_pg_dir)=8260a000\n"},
        {DUMP_AARCH64, "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n"},
        {DUMP_AARCH64, "SYMBOL(swapper_pg_dir)=ffff800009a1d000\n"
                       "NUMBER(kimage_voffset)=0xffff7fffc8000000\n"},
        {DUMP_RISCV, "SYMBOL(swapper_pg_dir)=ffffffff81a00000\n"},
        {DUMP_FOREIGN, "SYMBOL(swapper_pg_dir)=ffffffff81a00000\n"},
    };

    for (size_t i = 0; i < sizeof poor / sizeof poor[0]; i++) {
        lines(poor[i].family, poor[i].text);
        cr_expect(eq(int, f.family, DUMP_UNKNOWN), "%zu", i);
        cr_expect(eq(u32, f.roots, 0));
        end();
    }
}
