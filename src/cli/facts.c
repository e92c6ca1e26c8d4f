/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that an option says is looked for here, and what is concluded is said
 * as such: a dump of QEMU's has CR0 to CR4 and neither EFER nor the width of
 * addresses; one that a crashed Linux made of itself has no CR3 at all, and names
 * its own top table ("Documentation/admin-guide/kdump/vmcoreinfo.rst"). */
#include "facts.h"

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR4_PAE = (uint64_t)1 << 5;
static const uint64_t CR4_LA57 = (uint64_t)1 << 12;
static const uint64_t EFER_LME = (uint64_t)1 << 8;
static const uint64_t EFER_LMA = (uint64_t)1 << 10;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;

static void add_root(struct facts *f, uint64_t value, enum option_id id,
                     const char *label)
{
    struct fact_root *r;

    f->root = must_grow(f->root, f->roots, sizeof *f->root);
    r = &f->root[f->roots++];
    r->value = value;
    r->id = id;
    (void)snprintf(r->label, sizeof r->label, "%s", label);
}

/* ----------------------------------------------------------------- assumed */

static void assume(struct facts *f, const char *text, enum option_id option,
                   enum option_id other)
{
    f->assumption[f->assumptions++] =
        (struct assumption){text, {option, other}};
}

static void assume_of_x86(struct facts *f, bool nx, bool width)
{
    assume(f, "WP is on", OPT_NO_WP, OPT_NO_WP);
    if (nx) {
        assume(f, "NX is on", OPT_NO_NX, OPT_NO_NX);
    }
    if (width) {
        assume(f, "addresses of 52 bits", OPT_PA_BITS, OPT_PA_BITS);
    }
}

void facts_assume(struct facts *f, const struct arguments *a)
{
    size_t used = 0;

    f->assumed[0] = '\0';
    for (size_t i = 0; i < f->assumptions; i++) {
        const struct assumption *s = &f->assumption[i];

        if (a == NULL || !(a->given[s->option[0] - OPT_REGIME] ||
                           a->given[s->option[1] - OPT_REGIME])) {
            used +=
                (size_t)snprintf(f->assumed + used, sizeof f->assumed - used,
                                 "%s%s", used > 0 ? ", " : "", s->text);
        }
    }
    if (used == 0) {
        (void)snprintf(f->assumed, sizeof f->assumed, "nothing");
    }
}

/* -------------------------------------------------------------------- doubts */

/* A number of VMCOREINFO, and the options that go before it. */
struct named {
    const char *key;
    unsigned base;
    bool (*is_possible)(uint64_t value);
    enum option_id option[2];
};

static void doubt(struct facts *f, const struct named *n, const char *value)
{
    struct doubt *doubt = &f->doubt[f->doubts];

    if (f->doubts == DOUBTS) {
        return;
    }
    f->doubts++;
    (void)snprintf(doubt->text, sizeof doubt->text, "%s=%s", n->key, value);
    memcpy(doubt->option, n->option, sizeof doubt->option);
}

/* Reads that number; false: it is not there, or is none that can be, and left as
 * it was. */
static bool get(const struct dump *d, struct facts *f, const struct named *n,
                uint64_t *out)
{
    char text[40];
    uint64_t value;

    if (!dump_vmcoreinfo_text(d, n->key, text, sizeof text)) {
        return false;
    }
    if (!dump_vmcoreinfo(d, n->key, n->base, &value) ||
        (n->is_possible != NULL && !n->is_possible(value))) {
        doubt(f, n, text);
        return false;
    }
    *out = value;
    return true;
}

/* AMD's manual, vol. 2, "Secure Memory Encryption": one bit of the address. */
static bool can_be_flag(uint64_t mask)
{
    return (mask & (mask - 1)) == 0 &&
           (mask == 0 || (mask >> 32 != 0 && mask >> 52 == 0));
}

static bool can_be_switch(uint64_t value)
{
    return value <= 1;
}

static bool can_be_offset(uint64_t value)
{
    return value % 4096 == 0;
}

static bool can_be_page(uint64_t bytes)
{
    return bytes == 4096 || bytes == 16384 || bytes == 65536;
}

static bool can_be_half(uint64_t bits)
{
    return bits >= 16 && bits <= 52;
}

static bool can_be_sv(uint64_t bits)
{
    return bits == 32 || bits == 39 || bits == 48 || bits == 57;
}

/* Arm's DDI 0487, "TCR_EL1": from 12, with addresses of 52 bits, to 48. */
static bool can_be_tnsz(uint64_t size)
{
    return size >= 12 && size <= 48;
}

/* satp.MODE: Sv39 to Sv57, or of 32 bits Sv32. */
static bool can_be_satp(uint64_t satp)
{
    return satp == 0 || (satp >> 60 >= 8 && satp >> 60 <= 10) ||
           satp >> 31 == 1;
}

static const struct named sme_mask = {
    "NUMBER(sme_mask)", 10, can_be_flag, {OPT_FLAG_BIT, OPT_FLAG_BIT}};
static const struct named l5_enabled = {
    "NUMBER(pgtable_l5_enabled)", 10, can_be_switch, {OPT_REGIME, OPT_CR4}};
static const struct named phys_base = {
    "NUMBER(phys_base)", 10, can_be_offset, {OPT_ROOT, OPT_CR3}};
static const struct named x86_table = {
    "SYMBOL(swapper_pg_dir)", 16, NULL, {OPT_ROOT, OPT_CR3}};
static const struct named arm_table = {
    "SYMBOL(swapper_pg_dir)", 16, NULL, {OPT_TTBR1, OPT_TTBR0}};
static const struct named riscv_table = {
    "SYMBOL(swapper_pg_dir)", 16, NULL, {OPT_ROOT, OPT_SATP}};
static const struct named voffset = {
    "NUMBER(kimage_voffset)", 16, can_be_offset, {OPT_TTBR1, OPT_TTBR0}};
static const struct named page_size = {
    "PAGESIZE", 10, can_be_page, {OPT_REGIME, OPT_TCR}};
static const struct named arm_bits = {
    "NUMBER(VA_BITS)", 10, can_be_half, {OPT_REGIME, OPT_TCR}};
static const struct named t1sz = {
    "NUMBER(TCR_EL1_T1SZ)", 10, can_be_tnsz, {OPT_REGIME, OPT_TCR}};
static const struct named riscv_satp = {
    "NUMBER(satp)", 16, can_be_satp, {OPT_SATP, OPT_REGIME}};
static const struct named riscv_bits = {
    "NUMBER(VA_BITS)", 10, can_be_sv, {OPT_REGIME, OPT_SATP}};
static const struct named riscv_offset = {
    "NUMBER(va_kernel_pa_offset)", 16, can_be_offset, {OPT_ROOT, OPT_SATP}};

/* Adds the kernel's own table, a page or more, that goes on `unused` bytes behind
 * pa; false: the numbers together give no address that a table of such a machine
 * has. */
static bool add_own_table(struct facts *f, const struct named *n, uint64_t pa,
                          uint64_t unused, enum option_id id)
{
    uint64_t walked = pa + unused;
    char text[24];

    if (pa % 4096 == 0 && walked >> 52 == 0) {
        add_root(f, walked, id, "the kernel's swapper_pg_dir");
        return true;
    }
    (void)snprintf(text, sizeof text, "%" PRIx64, pa);
    doubt(f,
          &(struct named){"the address of swapper_pg_dir",
                          .option = {n->option[0], n->option[1]}},
          text);
    return false;
}

/* -------------------------------------------------------------- processors */

enum { MODES = 5 };

struct ptw_x86_registers facts_registers(const struct dump *d,
                                         const struct dump_cpu *cpu)
{
    struct ptw_x86_registers regs = {
        .cr0 = cpu->cr0, .cr4 = cpu->cr4, .efer = cpu->efer};
    bool pae = (cpu->cr0 & CR0_PG) != 0 && (cpu->cr4 & CR4_PAE) != 0;

    if (!cpu->has_efer && pae) {
        regs.efer = EFER_NXE | (d->long_mode ? EFER_LME | EFER_LMA : 0);
    }
    return regs;
}

/* The bits of the registers that select a paging mode, one of MODES. */
static uint64_t mode_of(const struct dump *d, const struct dump_cpu *cpu)
{
    bool wide = (facts_registers(d, cpu).efer & EFER_LMA) != 0;

    if ((cpu->cr0 & CR0_PG) == 0) {
        return 0;
    }
    if ((cpu->cr4 & CR4_PAE) == 0) {
        return 1;
    }
    return !wide ? 2 : (cpu->cr4 & CR4_LA57) != 0 ? 4 : 3;
}

bool facts_is_walked(const struct dump *d, const struct facts *f, size_t i)
{
    uint64_t mode = mode_of(d, &d->cpu[i]);

    return mode != 0 && mode == mode_of(d, &d->cpu[f->first]);
}

/* The address of the table that CR3 names, whatever else is in it. */
static uint64_t table_of(uint64_t mode, uint64_t cr3)
{
    return mode == 2 ? cr3 & UINT64_C(0xffffffe0)
                     : cr3 & UINT64_C(0x000ffffffffff000);
}

static bool is_known(const struct facts *f, uint64_t mode, uint64_t cr3)
{
    for (uint32_t i = 0; i < f->roots; i++) {
        if (table_of(mode, f->root[i].value) == table_of(mode, cr3)) {
            return true;
        }
    }
    return false;
}

/* Says which processors are in another mode than that, and in which. */
static void say_left_out(const struct dump *d, struct facts *f, uint64_t mode)
{
    static const char *const modes[MODES] = {
        "paging is off",  "32-bit paging",  "PAE paging",
        "4-level paging", "5-level paging",
    };
    enum { NAMED = 6 }; /* of each */
    const size_t room = sizeof f->left_out;
    size_t used = 0;

    for (uint64_t m = 0; m < MODES; m++) {
        size_t count = 0;

        for (size_t i = 0; i < d->cpus && m != mode; i++) {
            if (mode_of(d, &d->cpu[i]) == m && count++ < NAMED) {
                used += (size_t)snprintf(f->left_out + used, room - used,
                                         "%sCPU %zu", used > 0 ? ", " : "", i);
            }
        }
        if (count > NAMED) {
            used += (size_t)snprintf(f->left_out + used, room - used,
                                     " and %zu more", count - NAMED);
        }
        if (count > 0) {
            used += (size_t)snprintf(f->left_out + used, room - used, " (%s)",
                                     modes[m]);
        }
    }
}

/* The first processor that translates says the mode; a table that several have
 * is one root. */
static bool find_in_cpus(const struct dump *d, struct facts *f)
{
    const struct dump_cpu *first = NULL;
    uint64_t mode = 0;

    for (size_t i = 0; i < d->cpus; i++) {
        const struct dump_cpu *cpu = &d->cpu[i];
        char label[32];

        (void)snprintf(label, sizeof label, "CPU %zu", i);
        if (first == NULL && mode_of(d, cpu) != 0) {
            first = cpu;
            f->first = i;
            mode = mode_of(d, cpu);
            (void)snprintf(f->from, sizeof f->from, "the registers of %s",
                           label);
        }
        if (first == NULL || mode_of(d, cpu) != mode) {
            f->other++;
        } else if (is_known(f, mode, cpu->cr3)) {
            f->folded++;
        } else {
            add_root(f, cpu->cr3, OPT_CR3, label);
        }
    }
    if (first == NULL) {
        return false;
    }
    say_left_out(d, f, mode);
    f->family = DUMP_X86;
    f->has_registers = true;
    f->regs = facts_registers(d, first);
    if (mode > 2) {
        (void)get(d, f, &sme_mask, &f->flag_bits);
    }
    if (!first->has_efer && mode > 2) {
        assume(f, "it is in long mode (it has no EFER)", OPT_EFER, OPT_EFER);
    }
    if (!first->has_efer && mode > 1) {
        assume(f, "NX is on (it has no EFER)", OPT_EFER, OPT_NO_NX);
    }
    assume(f, "addresses of 52 bits (it has no width)", OPT_PA_BITS,
           OPT_PA_BITS);
    return true;
}

/* The table by which Xen walks a guest's memory, or 0: it is not there. */
static uint64_t walked_table(const struct dump *d, const struct dump_cpu *cpu)
{
    bool own = d->long_mode || (d->pae && cpu->cr3 <= UINT32_MAX);

    return own ? cpu->cr3 : cpu->upper;
}

/* Xen runs a paravirtualised guest on tables of four levels; one of 32 bits too,
 * below tables of Xen's own, if Xen has 64. */
static void find_paravirtual(const struct dump *d, struct facts *f)
{
    enum { ADDRESS = 3 }; /* the mode whose tables lie anywhere */

    for (size_t i = 0; i < d->cpus; i++) {
        const struct dump_cpu *cpu = &d->cpu[i];
        uint64_t table = walked_table(d, cpu);
        char label[48];

        (void)snprintf(label, sizeof label, "CPU %zu%s", i,
                       cpu->upper == 0 ? ""
                       : d->pae        ? ", Xen's copy of its own"
                                       : ", Xen's above its own");
        if (table == 0) {
            f->other++;
        } else if (is_known(f, ADDRESS, table)) {
            f->folded++;
        } else {
            add_root(f, table, OPT_ROOT, label);
        }
        if (cpu->user_table != 0 && !is_known(f, ADDRESS, cpu->user_table)) {
            (void)snprintf(label, sizeof label, "CPU %zu, the user's", i);
            add_root(f, cpu->user_table, OPT_ROOT, label);
        }
    }
    if (f->roots == 0) {
        return;
    }
    f->family = DUMP_X86;
    (void)snprintf(f->from, sizeof f->from, "Xen's state of its CPUs");
    (void)snprintf(f->regime, sizeof f->regime, d->pae ? "pae" : "amd64");
    assume_of_x86(f, true, true);
}

/* All processors are there, and none translates. */
static bool find_none_paging(const struct dump *d, struct facts *f)
{
    if (d->cpus == 0) {
        return false;
    }
    f->family = DUMP_X86;
    f->has_registers = true;
    f->regs = facts_registers(d, &d->cpu[0]);
    f->other = 0;
    (void)snprintf(f->from, sizeof f->from, "the registers of all CPUs");
    return true;
}

/* ----------------------------------------------------------------- Windows */

/* The root that the dump names, with no register beside it. */
static bool find_named(const struct dump *d, struct facts *f)
{
    if (!d->has_root || d->family != DUMP_X86) {
        return false;
    }
    f->family = DUMP_X86;
    (void)snprintf(f->from, sizeof f->from, "its DirectoryTableBase");
    (void)snprintf(f->regime, sizeof f->regime, "%s",
                   d->long_mode ? "amd64"
                   : d->pae     ? "pae"
                                : "i686");
    if (d->long_mode) {
        assume(f, "four levels", OPT_REGIME, OPT_REGIME);
    }
    assume_of_x86(f, d->long_mode || d->pae, d->long_mode || d->pae);
    add_root(f, d->root, OPT_CR3, "the process that was running");
    return true;
}

/* ------------------------------------------------------------ Linux, itself */

static void name_linux(const struct dump *d, struct facts *f)
{
    char release[64] = "";

    (void)dump_vmcoreinfo_text(d, "OSRELEASE", release, sizeof release);
    (void)snprintf(f->from, sizeof f->from, "VMCOREINFO%s%s",
                   release[0] != '\0' ? " of Linux " : "", release);
}

static bool find_linux_x86(const struct dump *d, struct facts *f)
{
    static const uint64_t KERNEL_MAP = UINT64_C(0xffffffff80000000);
    static const uint64_t LOW_MAP = UINT64_C(0xc0000000);
    uint64_t table;
    uint64_t base = 0;
    uint64_t five = 0;
    char text[8];

    if (!get(d, f, &x86_table, &table)) {
        return false;
    }
    if (table >= KERNEL_MAP) {
        if (!get(d, f, &phys_base, &base)) {
            return false;
        }
        (void)get(d, f, &l5_enabled, &five);
        (void)get(d, f, &sme_mask, &f->flag_bits);
        (void)snprintf(f->regime, sizeof f->regime,
                       five != 0 ? "amd64-la57" : "amd64");
        table = table - KERNEL_MAP + base;
        assume_of_x86(f, true, true);
    } else if (table >= LOW_MAP && table <= UINT32_MAX) {
        bool pae = dump_vmcoreinfo_text(d, "CONFIG_X86_PAE", text, sizeof text);

        (void)snprintf(f->regime, sizeof f->regime, pae ? "pae" : "i686");
        table -= LOW_MAP;
        assume(f, "the kernel's memory is mapped at c0000000", OPT_ROOT,
               OPT_CR3);
        assume_of_x86(f, pae, pae);
    } else {
        return false;
    }
    if (!add_own_table(f, &x86_table, table, 0, OPT_ROOT)) {
        return false;
    }
    f->family = DUMP_X86;
    return true;
}

/* How much of its table a kernel leaves to a half that is wider.  One of 64 KiB
 * pages that is built for 52 bits has a table of that size, and of it a
 * processor without LVA walks the end: Linux, arch/arm64/include/asm/assembler.h,
 * offset_ttbr1. */
static uint64_t unused_of_table(uint64_t page, uint64_t built, uint64_t bits)
{
    enum { ENTRY_COVERS = 42, ENTRY_BYTES = 8 };

    if (page != 65536 || built != 52 || bits <= ENTRY_COVERS) {
        return 0;
    }
    return (((uint64_t)1 << (built - ENTRY_COVERS)) -
            ((uint64_t)1 << (bits - ENTRY_COVERS))) *
           ENTRY_BYTES;
}

/* Linux, arch/arm64/kernel/vmcore_info.c: TTBR1 has the kernel's half, of
 * 64 - T1SZ bits; VA_BITS is what the kernel was built for. */
static bool find_linux_aarch64(const struct dump *d, struct facts *f)
{
    uint64_t table;
    uint64_t offset;
    uint64_t built = 0;
    uint64_t bits;
    uint64_t size;
    uint64_t page = 4096;

    if (!get(d, f, &arm_table, &table) || !get(d, f, &voffset, &offset)) {
        return false;
    }
    (void)get(d, f, &page_size, &page);
    (void)get(d, f, &arm_bits, &built);
    bits = get(d, f, &t1sz, &size) ? 64 - size : built;
    if (bits == 0) {
        return false;
    }
    (void)snprintf(f->regime, sizeof f->regime, "aarch64-%uk-%u%s",
                   (unsigned)(page / 1024), (unsigned)bits,
                   bits > 48 && page != 65536 ? "-lpa2" : "");
    if (!add_own_table(f, &arm_table, table - offset,
                       unused_of_table(page, built, bits), OPT_TTBR1)) {
        return false;
    }
    f->family = DUMP_AARCH64;
    assume(f, "EL1, no WXN, HPD, DBM or other switch of TCR_EL1", OPT_TCR,
           OPT_REGIME);
    return true;
}

/* Linux, arch/riscv/kernel/vmcore_info.c. */
static bool find_linux_riscv(const struct dump *d, struct facts *f)
{
    uint64_t satp = 0;
    uint64_t table;
    uint64_t offset;
    uint64_t bits = 0;

    if (get(d, f, &riscv_satp, &satp) && satp != 0) {
        f->family = DUMP_RISCV;
        f->xlen = satp >> 32 == 0 ? 32 : 0;
        add_root(f, satp, OPT_SATP, "the kernel's satp");
    } else if (get(d, f, &riscv_table, &table) &&
               get(d, f, &riscv_offset, &offset) &&
               get(d, f, &riscv_bits, &bits) &&
               add_own_table(f, &riscv_table, table - offset, 0, OPT_ROOT)) {
        f->family = DUMP_RISCV;
        (void)snprintf(f->regime, sizeof f->regime, "sv%u", (unsigned)bits);
    } else {
        return false;
    }
    assume(f, "Svnapot", OPT_NO_SVNAPOT, OPT_NO_SVNAPOT);
    assume(f, "Svpbmt", OPT_NO_SVPBMT, OPT_NO_SVPBMT);
    assume(f, "addresses of 56 bits", OPT_PA_BITS, OPT_PA_BITS);
    return true;
}

static bool find_linux(const struct dump *d, struct facts *f)
{
    if (d->vmcoreinfo == NULL) {
        return false;
    }
    switch (d->family) {
    case DUMP_X86:
        return find_linux_x86(d, f);
    case DUMP_AARCH64:
        return find_linux_aarch64(d, f);
    case DUMP_RISCV:
        return find_linux_riscv(d, f);
    case DUMP_UNKNOWN:
    case DUMP_FOREIGN:
        break;
    }
    return false;
}

void facts_find(const struct dump *d, struct facts *f)
{
    memset(f, 0, sizeof *f);
    if (d->paravirtual) {
        find_paravirtual(d, f);
    } else if (!find_in_cpus(d, f) && !find_named(d, f)) {
        if (find_linux(d, f)) {
            name_linux(d, f);
        } else {
            (void)find_none_paging(d, f);
        }
    }
    facts_assume(f, NULL);
}

void facts_free(struct facts *f)
{
    free(f->root);
    memset(f, 0, sizeof *f);
}
