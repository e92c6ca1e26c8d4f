/* SPDX-License-Identifier: Apache-2.0 */
#include "paging.h"

#include "facts.h"
#include "names.h"
#include "report.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void paging_add_root(const struct arguments *a, struct image_arguments *p,
                     enum option_id id, uint64_t value)
{
    uint32_t n = p->roots;

    if (n >= (uint32_t)1 << 31) {
        die(CLI_USAGE, a->subject, "there are too many roots");
    }
    p->root = must_grow(p->root, n, sizeof *p->root);
    p->given = must_grow(p->given, n, sizeof *p->given);
    p->label = must_grow(p->label, n, sizeof *p->label);
    p->root[n].table.v = value;
    p->given[n] = id;
    p->label[n] = NULL;
    p->roots = n + 1;
}

/* A root of the image, and of the second one. */
static const enum option_id root_options[ROOT_AS][2] = {
    [ROOT_AS_ROOT] = {OPT_ROOT, OPT_NEW_ROOT},
    [ROOT_AS_CR3] = {OPT_CR3, OPT_NEW_CR3},
    [ROOT_AS_TTBR0] = {OPT_TTBR0, OPT_NEW_TTBR0},
    [ROOT_AS_TTBR1] = {OPT_TTBR1, OPT_NEW_TTBR1},
    [ROOT_AS_SATP] = {OPT_SATP, OPT_NEW_SATP},
};

void paging_add_root_of_other(struct arguments *a, enum option_id id,
                              uint64_t value)
{
    for (size_t i = 0; i < ROOT_AS; i++) {
        if (root_options[i][0] == id) {
            paging_add_root(a, &a->other, root_options[i][1], value);
        }
    }
}

void paging_add_entry(struct arguments *a, struct image_arguments *p,
                      const struct root_entry *e)
{
    enum option_id id = root_options[e->as][p == &a->other];

    paging_add_root(a, p, id, e->value);
    a->given[id - OPT_REGIME] = true;
    if (*e->label != '\0') {
        size_t bytes = strlen(e->label) + 1;

        p->label[p->roots - 1] = must(malloc(bytes));
        memcpy(p->label[p->roots - 1], e->label, bytes);
    }
}

void paging_set_xlen(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_XLEN);

    if (v != 32 && v != 64) {
        die(CLI_USAGE, a->subject, "--xlen %s is not 32 or 64", optarg);
    }
    a->xlen = (unsigned)v;
}

void paging_set_pa_bits(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_PA_BITS);

    if (v < 32 || v > 56) {
        die(CLI_USAGE, a->subject,
            "--pa-bits %s is not from 32 to 52, nor, under RISC-V, to 56",
            optarg);
    }
    a->cpu.pa_bits = (unsigned)v;
}

void paging_add_flag_bit(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_FLAG_BIT);
    uint64_t bit;

    if (v < 32 || v > 51) {
        die(CLI_USAGE, a->subject, "--flag-bit %s is not from 32 to 51",
            optarg);
    }
    bit = (uint64_t)1 << v;
    if ((a->cpu.flag_bits & bit) != 0) {
        die(CLI_USAGE, a->subject, "--flag-bit %s is given twice", optarg);
    }
    a->cpu.flag_bits |= bit;
}

void paging_set_vendor(struct arguments *a)
{
    a->cpu.x86.amd = strcmp(optarg, "amd") == 0;
    if (!a->cpu.x86.amd && strcmp(optarg, "intel") != 0) {
        die(CLI_USAGE, a->subject, "--vendor '%s' is not amd or intel", optarg);
    }
}

void paging_set_el(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_EL);

    if (v < 1 || v > 3) {
        die(CLI_USAGE, a->subject, "--el %s is not 1, 2 or 3", optarg);
    }
    a->arm.el = (unsigned)v;
}

/* ------------------------------------------------------------ the registers */

static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t CR4_PAE = (uint64_t)1 << 5;
static const uint64_t CR4_CET = (uint64_t)1 << 23;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;

/* What --cr0 and the other registers of x86 need beside them, or OPT_CR0. */
static enum option_id register_needed(const struct arguments *a)
{
    if ((a->regs.cr0 & CR0_PG) != 0 && !is_given(a, OPT_CR4)) {
        return OPT_CR4;
    }
    if ((a->regs.cr4 & CR4_PAE) != 0 && !is_given(a, OPT_EFER)) {
        return OPT_EFER;
    }
    return OPT_CR0;
}

bool paging_is_given(const struct arguments *a)
{
    return a->regime != NULL || is_given(a, OPT_CR0) || is_given(a, OPT_TCR) ||
           is_given(a, OPT_SATP);
}

bool paging_is_said(const struct arguments *a)
{
    return paging_is_given(a) &&
           (!is_given(a, OPT_CR0) || register_needed(a) == OPT_CR0);
}

struct ptw_x86_registers paging_said_of(const struct arguments *a,
                                        struct ptw_x86_registers regs)
{
    if (is_given(a, OPT_CR0)) {
        regs.cr0 = a->regs.cr0;
    } else if ((a->without & PTW_X86_WP) != 0) {
        regs.cr0 &= ~CR0_WP;
    }
    if (is_given(a, OPT_CR4)) {
        regs.cr4 = a->regs.cr4;
    } else {
        regs.cr4 &= (a->without & PTW_X86_PSE) != 0 ? ~CR4_PSE : UINT64_MAX;
        regs.cr4 |= (a->with & PTW_X86_CET) != 0 ? CR4_CET : 0;
    }
    if (is_given(a, OPT_EFER)) {
        regs.efer = a->regs.efer;
    } else if ((a->without & PTW_X86_NX) != 0) {
        regs.efer &= ~EFER_NXE;
    }
    return regs;
}

void paging_take_switches(struct arguments *a)
{
    if (a->regime == NULL && is_given(a, OPT_CR0)) {
        a->regs = paging_said_of(a->alone, a->regs);
        a->without = 0;
        a->with = 0;
    }
}

/* ---------------------------------------------------------------------- modes */

enum { MODE_TEXT = REPORT_LINE_BYTES };

/* What selects the mode, for people: an option with its value, or the value as the
 * dump says it. */
static const char *mode_said(const struct arguments *a, const char *option,
                             const char *value, char text[MODE_TEXT])
{
    if (a->mode_from == NULL) {
        (void)snprintf(text, MODE_TEXT, "%s %s", option, value);
    } else {
        (void)snprintf(text, MODE_TEXT, "%s, by %s in %s", value, a->mode_from,
                       a->o->image);
    }
    return text;
}

/* Whether some root of either image is given by one of these options. */
static bool has_root(const struct arguments *a, enum option_id id,
                     enum option_id new_id)
{
    for (uint32_t i = 0; i < a->image.roots; i++) {
        if (a->image.given[i] == id) {
            return true;
        }
    }
    for (uint32_t i = 0; i < a->other.roots; i++) {
        if (a->other.given[i] == new_id) {
            return true;
        }
    }
    return false;
}

/* What is switched on or off has to be of the mode's family; what a mode has
 * not can be left out of any. */
static void check_features(const struct arguments *a, const char *mode)
{
    const struct ptw_regime *r = &a->o->regime;

    if (a->with != 0 && !ptw_is_x86(r)) {
        die(CLI_USAGE, a->subject,
            "%s --cet: this paging mode has no such feature", mode);
    }
    if (a->riscv_with != 0 && !ptw_is_riscv(r)) {
        die(CLI_USAGE, a->subject,
            "%s --zicfiss: this paging mode has no such feature", mode);
    }
    if (is_given(a, OPT_ADUE) && !ptw_is_riscv(r)) {
        die(CLI_USAGE, a->subject,
            "%s --adue: this paging mode has no such register", mode);
    }
    if ((is_given(a, OPT_EL) || is_given(a, OPT_MAIR)) && !ptw_is_aarch64(r)) {
        die(CLI_USAGE, a->subject,
            "%s --%s: this paging mode has no such register", mode,
            is_given(a, OPT_EL) ? "el" : "mair");
    }
}

/* The name of the regime of a half, and of the level that --el gives: "/upper"
 * stands in front of the level. */
static void aarch64_name(const struct arguments *a, bool upper, char name[64])
{
    static const char *const level[] = {"", "", "/el2", "/el3"};
    size_t head = strcspn(a->regime, "/");
    const char *el = is_given(a, OPT_EL) ? level[a->arm.el] : "";

    if (is_given(a, OPT_EL) && strstr(a->regime, "/e") != NULL) {
        die(CLI_USAGE, a->subject,
            "--regime %s --el %u: the name says the level itself", a->regime,
            a->arm.el);
    }
    (void)snprintf(name, 64, "%.*s%s%s%s", (int)head, a->regime,
                   upper ? "/upper" : "", a->regime + head, el);
}

/* The regimes of the halves for which there are roots. */
static void set_halves_by_name(struct arguments *a)
{
    struct options *o = a->o;
    const char *why = "";
    char name[64];
    char mode[MODE_TEXT];

    aarch64_name(a, false, name);
    if (ptw_regime_by_name(name, &a->cpu, 0, &o->regime, &why) != PTW_OK) {
        die(CLI_USAGE, a->subject, "%s: %s",
            mode_said(a, "--regime", name, mode), why);
    }
    if (!has_root(a, OPT_TTBR1, OPT_NEW_TTBR1) ||
        ptw_aarch64_is_upper(&o->regime)) {
        return;
    }
    aarch64_name(a, true, name);
    if (ptw_regime_by_name(name, &a->cpu, 0, &o->upper, &why) != PTW_OK) {
        die(CLI_USAGE, a->subject, "--ttbr1 under %s: %s",
            mode_said(a, "--regime", ptw_regime_name(&o->regime), mode), why);
    }
}

static void set_regime_by_name(struct arguments *a)
{
    static const enum option_id selecting[] = {OPT_CR0,  OPT_CR4,   OPT_EFER,
                                               OPT_TCR,  OPT_SCTLR, OPT_HCR,
                                               OPT_TCR2, OPT_PIR,   OPT_PIRE0};
    const char *name = a->subject;
    struct ptw_regime *r = &a->o->regime;
    const char *why = "";
    unsigned without;
    unsigned with;
    char mode[MODE_TEXT];

    for (size_t i = 0; i < sizeof selecting / sizeof selecting[0]; i++) {
        if (is_given(a, selecting[i]) && a->mode_from != NULL) {
            die(CLI_USAGE, name,
                "--%s goes with the other registers, and the mode is %s: give "
                "all of them, or --regime",
                option_name((int)selecting[i]),
                mode_said(a, "", a->regime, mode));
        }
        if (is_given(a, selecting[i])) {
            die(CLI_USAGE, name,
                "--regime and --%s exclude each other: the name says what the "
                "register would",
                option_name((int)selecting[i]));
        }
    }
    if (is_given(a, OPT_XLEN) && !is_given(a, OPT_SATP)) {
        die(CLI_USAGE, name, "--xlen goes with --satp");
    }
    /* Its family says what else is needed. */
    if (ptw_regime_by_name(a->regime, NULL, 0, r, &why) != PTW_OK) {
        char advice[192];

        names_advice(a->regime, advice, sizeof advice);
        die(CLI_USAGE, name, "--regime %s: %s; %s", a->regime, why, advice);
    }
    if (!is_given(a, OPT_PA_BITS)) {
        a->cpu.pa_bits = ptw_pa_bits(r);
    }
    (void)mode_said(a, "--regime", ptw_regime_name(r), mode);
    check_features(a, mode);
    if (ptw_is_aarch64(r)) {
        set_halves_by_name(a);
        return;
    }
    without = ptw_is_riscv(r) ? a->riscv_without
              : ptw_is_x86(r) ? a->without
                              : 0;
    with = ptw_is_riscv(r) ? a->riscv_with : a->with;
    if (ptw_regime_by_name(a->regime, &a->cpu, without, r, &why) != PTW_OK) {
        die(CLI_USAGE, name, "%s: %s", mode, why);
    }
    if (ptw_regime_with(r, with, r, &why) != PTW_OK) {
        die(CLI_USAGE, name, "%s --cet: %s", mode, why);
    }
}

/* The registers that select a mode, family by family. */
enum family { OF_X86, OF_AARCH64, OF_RISCV };

static const struct {
    enum option_id id;
    enum family family;
} registers[] = {
    {OPT_CR0, OF_X86},       {OPT_CR3, OF_X86},      {OPT_CR4, OF_X86},
    {OPT_EFER, OF_X86},      {OPT_TCR, OF_AARCH64},  {OPT_SCTLR, OF_AARCH64},
    {OPT_HCR, OF_AARCH64},   {OPT_TCR2, OF_AARCH64}, {OPT_PIR, OF_AARCH64},
    {OPT_PIRE0, OF_AARCH64}, {OPT_SATP, OF_RISCV},   {OPT_XLEN, OF_RISCV},
};

/* The register `by` selects the mode: one of another family would be ignored. */
static void refuse_others(const struct arguments *a, enum option_id by,
                          enum family family)
{
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        if (registers[i].family != family && is_given(a, registers[i].id)) {
            die(CLI_USAGE, a->subject,
                "--%s and --%s exclude each other: no processor has both",
                option_name((int)by), option_name((int)registers[i].id));
        }
    }
}

/* A kernel's variable has the address by which the kernel reaches its table: of 64
 * bits, one of the upper half; of 32, one of the last GiB, page by page. */
const char *paging_virtual_hint(const struct ptw_regime *r, uint64_t value)
{
    bool narrow = r != NULL && ptw_va_bits(r) == 32 && value <= UINT32_MAX;
    bool is_virtual = narrow ? value >> 30 == 3 && value % PAGE_BYTES == 0
                             : value >> 56 == 0xff;

    return !is_virtual
               ? ""
               : ". It looks like a virtual address, and a root is a physical "
                 "one, as the register has it (CR3, TTBR, satp): with a root "
                 "that is known, translate says where it lies";
}

/* The regime that a satp selects, for the processor that is given. */
static void regime_of_satp(const struct arguments *a, uint64_t satp,
                           struct ptw_regime *r)
{
    struct ptw_riscv_registers regs = {
        .satp = satp,
        .xlen = a->xlen,
        .features =
            ((PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT) & ~a->riscv_without) |
            a->riscv_with,
    };
    struct ptw_cpu cpu = a->cpu;
    const char *why = "";
    enum ptw_status st = ptw_regime_from_riscv(&regs, NULL, r, &why);

    if (st == PTW_OK) {
        if (!is_given(a, OPT_PA_BITS)) {
            cpu.pa_bits = ptw_pa_bits(r);
        }
        st = ptw_regime_from_riscv(&regs, &cpu, r, &why);
    }
    if (st != PTW_OK) {
        char value[32];
        char mode[MODE_TEXT];

        (void)snprintf(value, sizeof value, "%s%" PRIx64 "%s",
                       a->mode_from != NULL ? "satp " : "", satp,
                       a->xlen == 32 ? " --xlen 32" : "");
        die(CLI_USAGE, a->subject, "%s: %s%s",
            mode_said(a, "--satp", value, mode), why,
            paging_virtual_hint(NULL, satp));
    }
}

static void set_regime_from_satp(struct arguments *a)
{
    uint64_t satp = a->satp;

    if (is_given(a, OPT_CR0) || is_given(a, OPT_CR3) || is_given(a, OPT_CR4) ||
        is_given(a, OPT_EFER)) {
        die(CLI_USAGE, a->subject,
            "--satp and --cr0, --cr3, --cr4, --efer exclude each other");
    }
    refuse_others(a, OPT_SATP, OF_RISCV);
    for (uint32_t i = 0; i < a->image.roots && !a->has_satp; i++) {
        if (a->image.given[i] == OPT_SATP) {
            satp = a->image.root[i].table.v;
            break;
        }
    }
    a->satp = satp;
    regime_of_satp(a, satp, &a->o->regime);
    check_features(a, "--satp");
}

/* The regime of a half, as the registers have it. */
static void set_half(const struct arguments *a, bool upper,
                     struct ptw_regime *out)
{
    const char *why = "";

    if (ptw_regime_from_aarch64(&a->arm, upper, &a->cpu, out, &why) != PTW_OK) {
        char more[64] = "";

        if (is_given(a, OPT_HCR) || is_given(a, OPT_TCR2)) {
            (void)snprintf(more, sizeof more,
                           " --hcr %" PRIx64 " --tcr2 %" PRIx64, a->arm.hcr,
                           a->arm.tcr2);
        }
        die(CLI_USAGE, a->subject,
            "--el %u --tcr %" PRIx64 " --sctlr %" PRIx64 "%s, for --ttbr%d: %s",
            a->arm.el, a->arm.tcr, a->arm.sctlr, more, upper, why);
    }
    if (!ptw_aarch64_walks(&a->arm, upper)) {
        die(CLI_USAGE, a->subject,
            "--tcr %" PRIx64 ": EPD%d is set, so that no table of TTBR%d is "
            "walked and every address of its half faults: leave --ttbr%d out",
            a->arm.tcr, upper, upper, upper);
    }
}

static void set_regime_from_tcr(struct arguments *a)
{
    struct options *o = a->o;
    bool upper = has_root(a, OPT_TTBR1, OPT_NEW_TTBR1);
    bool lower = has_root(a, OPT_TTBR0, OPT_NEW_TTBR0) ||
                 has_root(a, OPT_ROOT, OPT_NEW_ROOT) || !upper;

    refuse_others(a, OPT_TCR, OF_AARCH64);
    if ((is_given(a, OPT_PIR) || is_given(a, OPT_PIRE0)) && a->arm.el != 3 &&
        !is_given(a, OPT_TCR2)) {
        die(CLI_USAGE, a->subject,
            "--pir and --pire0 count where TCR2.PIE is set, so --tcr2 is "
            "needed too");
    }
    /* EL0 has permissions of its own where there is EL0. */
    a->arm.has_pir =
        is_given(a, OPT_PIR) &&
        (is_given(a, OPT_PIRE0) || a->arm.el == 3 ||
         (a->arm.el == 2 && (a->arm.hcr & (uint64_t)1 << 34) == 0));
    if (lower) {
        set_half(a, false, &o->regime);
    }
    if (upper) {
        set_half(a, true, &o->upper);
    }
    if (!lower) {
        o->regime = o->upper;
    } else if (upper && ptw_page_size(&o->regime) != ptw_page_size(&o->upper)) {
        die(CLI_USAGE, a->subject,
            "--tcr %" PRIx64 ": TTBR0 and TTBR1 have pages of different sizes: "
            "walk one half at a time",
            a->arm.tcr);
    }
    check_features(a, "--tcr");
}

/* What is to be asked for may be in a part of the file that was cut off, or in a
 * file beside it: that is said first. */
static void say_of_source(const struct arguments *a)
{
    const struct source *s = a->o->source;

    source_check(s);
    if (a->image.segments == 0 && s->dump.remark[0] != '\0') {
        report(a->o->image, "%s", s->dump.remark);
    }
}

void paging_end_of_registers(const char *subject,
                             const struct ptw_x86_registers *regs,
                             const char *from, const char *image,
                             const char *why)
{
    die(CLI_USAGE, subject,
        "CR0 %" PRIx64 ", CR4 %" PRIx64 ", EFER %" PRIx64 ", by the options "
        "and, what they do not say, by %s in %s: %s",
        regs->cr0, regs->cr4, regs->efer, from, image, why);
}

static void set_regime_from_registers(struct arguments *a)
{
    const char *name = a->subject;
    const char *why = "";

    if (!is_given(a, OPT_CR0)) {
        say_of_source(a);
        facts_end_in_doubt(a->o->facts, a->o->image);
        die(CLI_USAGE, name,
            "the paging mode is not given%s: --regime, or --cr0 and the other "
            "registers, --tcr and the others, or --satp",
            a->o->source->opened ? ", and the file does not say it" : "");
    }
    if (is_given(a, OPT_XLEN)) {
        die(CLI_USAGE, name, "--xlen goes with --satp");
    }
    refuse_others(a, OPT_CR0, OF_X86);
    if (a->without != 0 || a->with != 0) {
        die(CLI_USAGE, name,
            "--no-nx, --no-pse, --no-wp and --cet go with --regime; the "
            "registers say it themselves");
    }
    if (register_needed(a) != OPT_CR0) {
        die(CLI_USAGE, name, "%s is set, so --%s is needed too",
            register_needed(a) == OPT_CR4 ? "CR0.PG" : "CR4.PAE",
            option_name((int)register_needed(a)));
    }
    if (ptw_regime_from_x86(&a->regs, &a->cpu, &a->o->regime, &why) == PTW_OK) {
        check_features(a, "--cr0");
    } else if (a->mode_from != NULL) {
        paging_end_of_registers(name, &a->regs, a->mode_from, a->o->image, why);
    } else {
        die(CLI_USAGE, name,
            "--cr0 %" PRIx64 " --cr4 %" PRIx64 " --efer %" PRIx64 ": %s",
            a->regs.cr0, a->regs.cr4, a->regs.efer, why);
    }
}

bool paging_set_regime(struct arguments *a)
{
    a->o->has_mair = is_given(a, OPT_MAIR);
    a->o->mair = a->arm.mair;
    if (a->regime != NULL) {
        set_regime_by_name(a);
    } else if (is_given(a, OPT_TCR)) {
        set_regime_from_tcr(a);
    } else if (is_given(a, OPT_SATP)) {
        set_regime_from_satp(a);
    } else if (is_given(a, OPT_CR0) ||
               (a->command->takes & TAKES_ANYTHING) == 0) {
        set_regime_from_registers(a);
    } else {
        return false;
    }
    return true;
}

/* Whether the register is one of the family that the regime is of; paging may
 * be off. */
static bool has_register(const struct ptw_regime *r, enum option_id id)
{
    switch ((int)id) {
    case OPT_TTBR0:
    case OPT_NEW_TTBR0:
        return ptw_is_aarch64(r) && !ptw_aarch64_is_upper(r);
    case OPT_TTBR1:
    case OPT_NEW_TTBR1:
        return ptw_is_aarch64(r);
    case OPT_SATP:
    case OPT_NEW_SATP:
        return !ptw_is_x86(r) && !ptw_is_aarch64(r);
    default:
        return !ptw_is_riscv(r) && !ptw_is_aarch64(r);
    }
}

/* Bits between CnP and the address are zeros in a TTBR: with others, a processor
 * may walk from the address without them, or from a corrupted one (Arm ARM,
 * TTBR0_EL1.BADDR, "A misaligned translation table base address"). */
static struct ptw_root root_of_ttbr(const struct arguments *a,
                                    const struct ptw_regime *r,
                                    enum option_id id, uint64_t value)
{
    static const uint64_t BADDR = ((uint64_t)1 << 48) - 2;
    struct ptw_root root = ptw_aarch64_root(r, value);
    uint64_t pa = root.table.v;
    uint64_t dropped = value & BADDR & ~pa & ~(pa >> 48 << 2);

    if (dropped != 0) {
        report(a->subject,
               "--%s %" PRIx64 ": bits %" PRIx64 " are below the alignment of "
               "the root, where a processor may take any address: %" PRIx64
               " is walked; check the register, or TnSZ",
               option_name((int)id), value, dropped, pa);
    }
    return root;
}

/* A register has to be of the mode's family, and to select that mode if it says
 * which. */
static struct ptw_root root_of_register(const struct arguments *a,
                                        const struct options *o,
                                        enum option_id id, uint64_t value)
{
    const struct ptw_regime *r = &o->regime;
    const char *name = a->subject;
    struct ptw_regime selected;

    if (!has_register(r, id)) {
        die(CLI_USAGE, name, "--%s is no register of %s", option_name((int)id),
            ptw_regime_name(r));
    }
    if (ptw_is_aarch64(r)) {
        bool other = (id == OPT_TTBR1 || id == OPT_NEW_TTBR1) &&
                     !ptw_aarch64_is_upper(r);

        return root_of_ttbr(a, other ? &o->upper : r, id, value);
    }
    if (id != OPT_SATP && id != OPT_NEW_SATP) {
        return ptw_x86_root(r, value);
    }
    regime_of_satp(a, value, &selected);
    if (strcmp(ptw_regime_name(&selected), ptw_regime_name(r)) != 0) {
        die(CLI_USAGE, name,
            "--%s %" PRIx64 " selects %s, and the paging mode is %s",
            option_name((int)id), value, ptw_regime_name(&selected),
            ptw_regime_name(r));
    }
    return ptw_riscv_root(r, value);
}

bool paging_take_roots(const struct arguments *a,
                       const struct image_arguments *p, struct options *o)
{
    uint64_t flag_bits = ptw_root_flags(&o->regime);

    o->root = p->root;
    o->root_label = p->label;
    o->roots = p->roots;
    o->root_flags = must(calloc(p->roots + 1u, sizeof *o->root_flags));
    o->given = must(calloc(p->roots + 1u, sizeof *o->given));
    for (uint32_t i = 0; i < p->roots; i++) {
        uint64_t value = p->root[i].table.v;
        enum option_id id = p->given[i];

        o->root_flags[i] = value & flag_bits;
        o->root[i] = ptw_root_of(&o->regime, ptw_pa_of(value & ~flag_bits));
        o->given[i] = (struct given_root){option_name((int)id), value};
        if (id != OPT_ROOT && id != OPT_NEW_ROOT) {
            o->root[i] = root_of_register(a, o, id, value);
        }
        if (id == OPT_SATP && a->regime != NULL) {
            /* The name says the mode; the register's width goes without it. */
            o->given[i] =
                (struct given_root){option_name(OPT_ROOT), o->root[i].table.v};
        }
    }
    return p->roots > 0;
}

void paging_set_roots(struct arguments *a)
{
    struct options *o = a->o;

    if (paging_take_roots(a, &a->image, o)) {
        return;
    }
    if (ptw_levels(&o->regime) > 0 &&
        (a->command->takes & TAKES_ANYTHING) != 0) {
        return;
    }
    if (ptw_levels(&o->regime) > 0) {
        say_of_source(a);
        die(CLI_USAGE, a->subject, "no root is given: --root, or %s",
            ptw_is_riscv(&o->regime)     ? "--satp"
            : ptw_is_aarch64(&o->regime) ? "--ttbr0 or --ttbr1"
                                         : "--cr3");
    }
    o->root = must(calloc(1, sizeof *o->root));
    o->root->regime = &o->regime;
    o->roots = 1;
}
