/* SPDX-License-Identifier: Apache-2.0 */
#include "paging.h"

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum root_form form_of(int id)
{
    switch (id) {
    case OPT_CR3:
    case OPT_NEW_CR3:
        return ROOT_CR3;
    case OPT_TTBR0:
    case OPT_NEW_TTBR0:
        return ROOT_TTBR0;
    case OPT_TTBR1:
    case OPT_NEW_TTBR1:
        return ROOT_TTBR1;
    default:
        return ROOT_ADDRESS;
    }
}

void paging_add_root(struct arguments *a, struct image_arguments *p, int id)
{
    uint32_t n = p->roots;

    if (n >= (uint32_t)1 << 31) {
        die(CLI_USAGE, a->command->name, "there are too many roots");
    }
    p->root = must(realloc(p->root, (n + (size_t)1) * sizeof *p->root));
    p->form = must(realloc(p->form, (n + (size_t)1) * sizeof *p->form));
    p->root[n].table.v = hex_value(a, id);
    p->form[n] = form_of(id);
    p->roots = n + 1;
}

void paging_set_pa_bits(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_PA_BITS);

    if (v < 32 || v > 52) {
        die(CLI_USAGE, a->command->name, "--pa-bits %s is not from 32 to 52",
            optarg);
    }
    a->cpu.pa_bits = (unsigned)v;
}

void paging_add_flag_bit(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_FLAG_BIT);
    uint64_t bit;

    if (v < 32 || v > 51) {
        die(CLI_USAGE, a->command->name, "--flag-bit %s is not from 32 to 51",
            optarg);
    }
    bit = (uint64_t)1 << v;
    if ((a->cpu.flag_bits & bit) != 0) {
        die(CLI_USAGE, a->command->name, "--flag-bit %s is given twice",
            optarg);
    }
    a->cpu.flag_bits |= bit;
}

void paging_set_vendor(struct arguments *a)
{
    a->cpu.x86.amd = strcmp(optarg, "amd") == 0;
    if (!a->cpu.x86.amd && strcmp(optarg, "intel") != 0) {
        die(CLI_USAGE, a->command->name, "--vendor '%s' is not amd or intel",
            optarg);
    }
}

void paging_set_el(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_EL);

    if (v < 1 || v > 3) {
        die(CLI_USAGE, a->command->name, "--el %s is not 1, 2 or 3", optarg);
    }
    a->arm.el = (unsigned)v;
}

/* Whether some root of either image is given in that form. */
static bool has_root(const struct arguments *a, enum root_form form)
{
    const struct image_arguments *const p[2] = {&a->image, &a->other};

    for (unsigned k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < p[k]->roots; i++) {
            if (p[k]->form[i] == form) {
                return true;
            }
        }
    }
    return false;
}

/* ---------------------------------------------------------------- by name */

/* The registers that select a regime, and so go without its name. */
static const enum option_id selecting[] = {
    OPT_CR0,   OPT_CR4, OPT_EFER, OPT_TCR, OPT_MAIR,
    OPT_SCTLR, OPT_HCR, OPT_TCR2, OPT_PIR, OPT_PIRE0};

/* The name of the half of an aarch64 regime that is not the lower one, or of a
 * regime of the level that --el gives: "/upper" stands in front of the level. */
static const char *aarch64_name(const struct arguments *a, bool upper)
{
    static const char *const level[] = {"", "", "/el2", "/el3"};
    static char name[96];
    size_t head = strcspn(a->regime, "/");
    const char *tail = a->regime + head;
    const char *el = is_given(a, OPT_EL) ? level[a->arm.el] : "";

    if (*el != '\0' && (strstr(tail, "/e") != NULL || upper)) {
        die(CLI_USAGE, a->command->name, "--regime %s --el %u: %s", a->regime,
            a->arm.el,
            upper ? "EL2 and EL3 alone have no upper half, so there is no "
                    "--ttbr1"
                  : "the name says the level itself");
    }
    (void)snprintf(name, sizeof name, "%.*s%s%.*s%s", (int)head, a->regime,
                   upper ? "/upper" : "", 32, tail, el);
    return name;
}

static void build_by_name(const struct arguments *a, const char *name,
                          struct ptw_regime *out)
{
    const char *why = "";

    if (ptw_regime_by_name(name, &a->cpu, 0, out, &why) != PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s: %s", name, why);
    }
}

static void set_regime_by_name(struct arguments *a)
{
    struct options *o = a->o;
    const char *why = "";

    for (size_t i = 0; i < sizeof selecting / sizeof selecting[0]; i++) {
        if (is_given(a, selecting[i])) {
            die(CLI_USAGE, a->command->name,
                "--regime and --%s exclude each other: the name says what the "
                "registers would",
                option_name((int)selecting[i]));
        }
    }
    build_by_name(a, a->regime, &o->regime);
    if (ptw_is_aarch64(&o->regime)) {
        build_by_name(a, aarch64_name(a, false), &o->regime);
        if (has_root(a, ROOT_TTBR1) && !ptw_aarch64_is_upper(&o->regime)) {
            build_by_name(a, aarch64_name(a, true), &o->upper);
        }
    } else if (is_given(a, OPT_EL)) {
        die(CLI_USAGE, a->command->name,
            "--regime %s --el %u: this paging mode has no exception levels",
            a->regime, a->arm.el);
    }
    if (is_given(a, OPT_MAIR) && !ptw_is_aarch64(&o->regime)) {
        die(CLI_USAGE, a->command->name,
            "--regime %s --mair: this paging mode has no such register",
            a->regime);
    }
    if (!ptw_is_x86(&o->regime)) {
        if (a->with != 0) {
            die(CLI_USAGE, a->command->name,
                "--regime %s --cet: this paging mode has no such feature",
                a->regime);
        }
        return;
    }
    if (ptw_regime_by_name(a->regime, &a->cpu, a->without, &o->regime, &why) !=
        PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s: %s", a->regime, why);
    }
    if (ptw_regime_with(&o->regime, a->with, &o->regime, &why) != PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s --cet: %s", a->regime,
            why);
    }
}

/* ----------------------------------------------------------- by registers */

static void set_regime_from_x86(struct arguments *a)
{
    static const uint64_t CR0_PG = (uint64_t)1 << 31;
    static const uint64_t CR4_PAE = (uint64_t)1 << 5;
    const char *name = a->command->name;
    const char *why = "";

    if (a->without != 0 || a->with != 0) {
        die(CLI_USAGE, name,
            "--no-nx, --no-pse, --no-wp and --cet go with --regime; the "
            "registers say it themselves");
    }
    if ((a->regs.cr0 & CR0_PG) != 0 && !is_given(a, OPT_CR4)) {
        die(CLI_USAGE, name, "CR0.PG is set, so --cr4 is needed too");
    }
    if ((a->regs.cr4 & CR4_PAE) != 0 && !is_given(a, OPT_EFER)) {
        die(CLI_USAGE, name, "CR4.PAE is set, so --efer is needed too");
    }
    if (ptw_regime_from_x86(&a->regs, &a->cpu, &a->o->regime, &why) != PTW_OK) {
        die(CLI_USAGE, name,
            "--cr0 %" PRIx64 " --cr4 %" PRIx64 " --efer %" PRIx64 ": %s",
            a->regs.cr0, a->regs.cr4, a->regs.efer, why);
    }
}

/* The regime of a half, as the registers have it. */
static void set_half(struct arguments *a, bool upper, struct ptw_regime *out)
{
    const char *why = "";

    if (ptw_regime_from_aarch64(&a->arm, upper, &a->cpu, out, &why) != PTW_OK) {
        die(CLI_USAGE, a->command->name,
            "--el %u --tcr %" PRIx64 " --sctlr %" PRIx64 ", for --ttbr%d: %s",
            a->arm.el, a->arm.tcr, a->arm.sctlr, upper, why);
    }
    if (!ptw_aarch64_walks(&a->arm, upper)) {
        die(CLI_USAGE, a->command->name,
            "--tcr %" PRIx64 ": EPD%d is set, so the half of TTBR%d is not "
            "walked: every address of it faults; leave --ttbr%d out",
            a->arm.tcr, upper, upper, upper);
    }
}

static void set_regime_from_aarch64(struct arguments *a)
{
    struct options *o = a->o;
    bool lower = has_root(a, ROOT_ADDRESS) || has_root(a, ROOT_TTBR0);
    bool upper = has_root(a, ROOT_TTBR1);

    if (a->without != 0 || a->with != 0) {
        die(CLI_USAGE, a->command->name,
            "--tcr goes without the options of x86's features");
    }
    if ((is_given(a, OPT_PIR) || is_given(a, OPT_PIRE0)) &&
        !is_given(a, OPT_TCR2) && a->arm.el != 3) {
        die(CLI_USAGE, a->command->name,
            "--pir and --pire0 count where TCR2.PIE is set, so --tcr2 is "
            "needed too");
    }
    a->arm.has_pir = is_given(a, OPT_PIR);
    if (lower || !upper) {
        set_half(a, false, &o->regime);
    }
    if (upper) {
        set_half(a, true, &o->upper);
    }
    if (!lower && upper) {
        o->regime = o->upper;
    } else if (upper && ptw_page_size(&o->regime) != ptw_page_size(&o->upper)) {
        die(CLI_USAGE, a->command->name,
            "--tcr %" PRIx64 ": TTBR0 and TTBR1 have pages of different sizes: "
            "walk one half at a time",
            a->arm.tcr);
    }
}

void paging_set_regime(struct arguments *a)
{
    a->o->has_mair = is_given(a, OPT_MAIR);
    a->o->mair = a->arm.mair;
    if (a->regime != NULL) {
        set_regime_by_name(a);
    } else if (is_given(a, OPT_TCR) && is_given(a, OPT_CR0)) {
        die(CLI_USAGE, a->command->name,
            "--tcr and --cr0 exclude each other: they are registers of "
            "different processors");
    } else if (is_given(a, OPT_TCR)) {
        set_regime_from_aarch64(a);
    } else if (is_given(a, OPT_CR0)) {
        set_regime_from_x86(a);
    } else {
        die(CLI_USAGE, a->command->name,
            "the paging mode is not given: --regime, or %s",
            has_root(a, ROOT_TTBR0) || has_root(a, ROOT_TTBR1)
                ? "--tcr and the other registers"
                : "--cr0 and the other registers");
    }
}

/* ------------------------------------------------------------------- roots */

/* The root that a register of that form names. */
static struct ptw_root root_in(const struct arguments *a, struct options *o,
                               enum root_form form, uint64_t value)
{
    static const char *const name[] = {"root", "cr3", "ttbr0", "ttbr1"};
    const struct ptw_regime *r = &o->regime;

    switch (form) {
    case ROOT_ADDRESS:
        return ptw_root_of(r, ptw_pa_of(value & ~ptw_root_flags(r)));
    case ROOT_CR3:
        /* Paging may be off. */
        if (!ptw_is_aarch64(r) && !ptw_is_riscv(r)) {
            return ptw_x86_root(r, value);
        }
        break;
    case ROOT_TTBR0:
        if (ptw_is_aarch64(r) && !ptw_aarch64_is_upper(r)) {
            return ptw_aarch64_root(r, value);
        }
        break;
    case ROOT_TTBR1:
        if (ptw_is_aarch64(r)) {
            return ptw_aarch64_root(ptw_aarch64_is_upper(r) ? r : &o->upper,
                                    value);
        }
        break;
    }
    die(CLI_USAGE, a->command->name,
        "--%s %" PRIx64 ": %s has no such register", name[form], value,
        ptw_regime_name(r));
}

bool paging_take_roots(const struct arguments *a,
                       const struct image_arguments *p, struct options *o)
{
    uint64_t flag_bits = ptw_root_flags(&o->regime);

    o->root = p->root;
    o->roots = p->roots;
    o->root_flags = must(calloc(p->roots + 1u, sizeof *o->root_flags));
    o->cr3 = must(calloc(p->roots + 1u, sizeof *o->cr3));
    for (uint32_t i = 0; i < p->roots; i++) {
        uint64_t value = p->root[i].table.v;

        o->root_flags[i] = value & flag_bits;
        o->cr3[i] = p->form[i] == ROOT_CR3 ? value : 0;
        o->root[i] = root_in(a, o, p->form[i], value);
    }
    return p->roots > 0;
}

void paging_set_roots(struct arguments *a)
{
    struct options *o = a->o;

    if (paging_take_roots(a, &a->image, o)) {
        return;
    }
    if (ptw_levels(&o->regime) > 0) {
        die(CLI_USAGE, a->command->name, "no root is given: --root, or %s",
            ptw_is_aarch64(&o->regime) ? "--ttbr0 or --ttbr1" : "--cr3");
    }
    o->root = must(calloc(1, sizeof *o->root));
    o->root->regime = &o->regime;
    o->roots = 1;
}
