/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of paging, in place of arguments that are not given. */
#include "facts.h"

#include "paging.h"
#include "print.h"
#include "report.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t CR4_PAE = (uint64_t)1 << 5;
static const uint64_t CR4_CET = (uint64_t)1 << 23;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;

static void set_given(struct arguments *a, enum option_id id)
{
    a->given[id - OPT_REGIME] = true;
}

static bool says_mode(const struct arguments *a)
{
    return a->regime != NULL || is_given(a, OPT_TCR) || is_given(a, OPT_SATP);
}

static bool says_registers(const struct arguments *a)
{
    return is_given(a, OPT_CR0) || is_given(a, OPT_CR4) ||
           is_given(a, OPT_EFER);
}

/* What was said one by one goes before what the registers of a processor have. */
static struct ptw_x86_registers said_of(const struct arguments *a,
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

/* Finds anew what holds when the options say those registers of every processor,
 * but for CR0 of one that does not translate. */
static void find_as_said(struct facts *f, const struct arguments *a)
{
    struct dump said = a->o->source->dump;
    struct dump_cpu *cpu = must(calloc(said.cpus, sizeof *cpu));

    for (size_t i = 0; i < said.cpus; i++) {
        cpu[i] = said.cpu[i];
        if (is_given(a, OPT_CR0) && (cpu[i].cr0 & CR0_PG) != 0) {
            cpu[i].cr0 = a->regs.cr0;
        }
        if (is_given(a, OPT_CR4)) {
            cpu[i].cr4 = a->regs.cr4;
        }
        if (is_given(a, OPT_EFER)) {
            cpu[i].efer = a->regs.efer;
            cpu[i].has_efer = true;
        }
    }
    said.cpu = cpu;
    facts_free(f);
    facts_find(&said, f);
    free(cpu);
}

static void apply_registers(const struct facts *f, struct arguments *a)
{
    a->regs = said_of(a, f->regs);
    a->without = 0;
    a->with = 0;
    set_given(a, OPT_CR0);
    set_given(a, OPT_CR4);
    set_given(a, OPT_EFER);
    a->mode_from = f->from;
}

/* -------------------------------------------------------- other processors */

/* The bits of registers that the features of a mode are. */
static const struct {
    unsigned feature;
    const char *name;
} switches[] = {
    {PTW_X86_NX, "EFER.NXE"},   {PTW_X86_PSE, "CR4.PSE"},
    {PTW_X86_WP, "CR0.WP"},     {PTW_X86_SMEP, "CR4.SMEP"},
    {PTW_X86_SMAP, "CR4.SMAP"}, {PTW_X86_PKE, "CR4.PKE"},
    {PTW_X86_CET, "CR4.CET"},   {PTW_X86_LAM_SUP, "CR4.LAM_SUP"},
    {PTW_X86_UAI, "EFER.UAIE"},
};

enum { DIFFERENCE = 160 };

/* Says in what registers differ from those of the mode; false: in nothing. */
static bool say_difference(const struct ptw_x86_registers *regs,
                           const struct ptw_regime *walked,
                           char text[DIFFERENCE])
{
    struct ptw_regime r;
    const char *why = "";
    unsigned differ;
    size_t used = 0;

    if (ptw_regime_from_x86(regs, NULL, &r, &why) != PTW_OK) {
        (void)snprintf(text, DIFFERENCE, "%s", why);
        return true;
    }
    differ = ptw_features_of(&r) ^ ptw_features_of(walked);
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if ((differ & switches[i].feature) != 0) {
            used += (size_t)snprintf(text + used, DIFFERENCE - used, "%s%s",
                                     used > 0 ? ", " : "", switches[i].name);
        }
    }
    return used > 0;
}

/* Names the processors in the mode of the first one that would translate by other
 * rules, or let other accesses pass. */
static void compare(struct facts *f, const struct arguments *a)
{
    enum { NAMED = 4 };
    const struct dump *d = &a->o->source->dump;
    struct ptw_x86_registers regs = said_of(a, f->regs);
    struct ptw_regime walked;
    const char *why = "";
    size_t count = 0;
    size_t used = 0;

    if (ptw_regime_from_x86(&regs, NULL, &walked, &why) != PTW_OK) {
        return;
    }
    for (size_t i = f->first + 1; i < d->cpus; i++) {
        char text[DIFFERENCE];

        regs = said_of(a, facts_registers(d, &d->cpu[i]));
        if (facts_is_walked(d, f, i) && say_difference(&regs, &walked, text) &&
            count++ < NAMED) {
            used += (size_t)snprintf(f->differ + used, sizeof f->differ - used,
                                     "%sCPU %zu (%s)", used > 0 ? ", " : "", i,
                                     text);
        }
    }
    if (count > NAMED) {
        (void)snprintf(f->differ + used, sizeof f->differ - used,
                       " and %zu more", count - NAMED);
    }
}

void facts_report_left_out(const struct facts *f, const char *image)
{
    if (f->left_out[0] != '\0') {
        report(image,
               "has processors in another paging mode than the one that is "
               "walked, whose roots are left out: %s",
               f->left_out);
    }
}

/* Says what holds for some processors alone, where the roots are those of all. */
static void report_others(const struct facts *f, const struct arguments *a)
{
    facts_report_left_out(f, a->o->image);
    if (f->differ[0] != '\0') {
        report(
            a->o->image,
            "is walked by %s, and the registers of others differ: %s; --cr0, "
            "--cr4 and --efer go before them",
            f->from, f->differ);
    }
}

static void apply_mode(const struct facts *f, struct arguments *a)
{
    if (f->has_registers) {
        apply_registers(f, a);
    } else if (f->regime[0] != '\0' && !is_given(a, OPT_CR0)) {
        a->regime = f->regime;
        a->mode_from = f->from;
    }
    if (f->xlen != 0 && !is_given(a, OPT_XLEN)) {
        a->xlen = f->xlen;
        set_given(a, OPT_XLEN);
    }
    if (f->family == DUMP_RISCV && f->regime[0] == '\0') {
        a->mode_from = f->from; /* it has a satp */
    }
    if (!is_given(a, OPT_FLAG_BIT)) {
        a->cpu.flag_bits = f->flag_bits;
    }
}

/* Roots are of use to a mode of their family alone. */
static bool fits(const struct facts *f, const struct arguments *a)
{
    struct ptw_regime r;
    const char *why;

    if (a->regime == NULL) {
        return !is_given(a, OPT_SATP) && f->family != DUMP_RISCV &&
               (f->family == DUMP_AARCH64) == is_given(a, OPT_TCR);
    }
    if (ptw_regime_by_name(a->regime, NULL, 0, &r, &why) != PTW_OK ||
        ptw_levels(&r) == 0) {
        return false;
    }
    switch (f->family) {
    case DUMP_X86:
        return ptw_is_x86(&r);
    case DUMP_AARCH64:
        return ptw_is_aarch64(&r);
    case DUMP_RISCV:
        return ptw_is_riscv(&r);
    case DUMP_UNKNOWN:
    case DUMP_FOREIGN:
        break;
    }
    return false;
}

/* ---------------------------------------------------------- what can't be */

/* Who gives the mode and the roots does not ask the file. */
static void answer_doubts(struct facts *f, const struct arguments *a)
{
    for (size_t i = 0; i < f->doubts; i++) {
        struct doubt *d = &f->doubt[i];

        d->answered = is_given(a, d->option[0]) || is_given(a, d->option[1]) ||
                      (says_mode(a) && a->image.roots > 0);
    }
}

void facts_report_doubts(const struct facts *f, const char *image)
{
    for (size_t i = 0; i < f->doubts; i++) {
        const struct doubt *d = &f->doubt[i];

        if (!d->answered) {
            report(image,
                   "says %s in VMCOREINFO, which can't be, and is not taken: "
                   "--%s says what it is",
                   d->text, option_name((int)d->option[0]));
        }
    }
}

/* The number for which no mode is known, if there is one: nothing is asked for
 * behind it. */
static const struct doubt *in_the_way(const struct facts *f)
{
    const struct doubt *last = f->doubts > 0 ? &f->doubt[f->doubts - 1] : NULL;

    return f->family == DUMP_UNKNOWN && last != NULL && !last->answered ? last
                                                                        : NULL;
}

void facts_end_in_doubt(const struct facts *f, const char *image)
{
    const struct doubt *d = in_the_way(f);

    if (d != NULL) {
        bool mode = d->option[0] == OPT_REGIME || d->option[0] == OPT_SATP;

        die(CLI_UNREAD, image,
            "says %s in VMCOREINFO, which can't be, so that the paging mode is "
            "not known: give %s--%s",
            d->text, mode ? "" : "--regime and ",
            option_name((int)d->option[0]));
    }
}

bool facts_are_unread(const struct facts *f)
{
    return f->impossible || in_the_way(f) != NULL;
}

/* Whether no processor has these registers; *what says so for people. */
static bool no_processor_has(const struct dump *d, size_t i, char what[256])
{
    const struct dump_cpu *cpu = &d->cpu[i];
    struct ptw_x86_registers regs = facts_registers(d, cpu);
    struct ptw_regime r;
    const char *why = "";
    char efer[32] = "";

    if (ptw_regime_from_x86(&regs, NULL, &r, &why) == PTW_OK) {
        return false;
    }
    if (cpu->has_efer) {
        (void)snprintf(efer, sizeof efer, ", EFER %" PRIx64, cpu->efer);
    }
    (void)snprintf(what, 256,
                   "its %s at %" PRIx64 " has CR0 %" PRIx64 ", CR4 %" PRIx64
                   "%s for CPU %zu, which can't be: %s; --regime says the "
                   "mode, or --cr0, --cr4 and --efer do",
                   cpu->where, cpu->at, cpu->cr0, cpu->cr4, efer, i, why);
    return true;
}

/* Whether a processor's registers leave the mode open. */
static bool is_open(const struct dump *d, const struct facts *f, char what[256])
{
    const struct dump_cpu *cpu = &d->cpu[0];

    if (d->family != DUMP_X86 || d->long_mode_known ||
        (f->regs.cr4 & CR4_PAE) == 0) {
        return false;
    }
    (void)snprintf(what, 256,
                   "its %s at %" PRIx64 " has CR4.PAE and no EFER, and nothing "
                   "that tells PAE paging from long mode: --regime says the "
                   "mode, or --efer does",
                   cpu->where, cpu->at);
    return true;
}

/* Whether no machine has the mode that VMCOREINFO makes. */
static bool no_machine_has(const struct dump *d, const struct facts *f,
                           char what[256])
{
    struct ptw_riscv_registers regs = {.xlen = f->xlen != 0 ? f->xlen : 64};
    struct ptw_regime r;
    const char *why = "";
    char mode[48];
    enum ptw_status st;

    if (f->regime[0] != '\0') {
        (void)snprintf(mode, sizeof mode, "%s", f->regime);
        st = ptw_regime_by_name(f->regime, NULL, 0, &r, &why);
    } else {
        regs.satp = f->root[0].value;
        (void)snprintf(mode, sizeof mode, "satp %" PRIx64, regs.satp);
        st = ptw_regime_from_riscv(&regs, NULL, &r, &why);
    }
    if (st == PTW_OK) {
        return false;
    }
    (void)snprintf(what, 256,
                   "its VMCOREINFO at %" PRIx64 " makes the mode %s, which "
                   "can't be: %s; --%s says the mode",
                   d->vmcoreinfo_at, mode, why,
                   f->family == DUMP_AARCH64 ? "regime or --tcr" : "regime");
    return true;
}

/* Whether what says the mode can't be, by itself.  What options change of it is
 * theirs. */
static bool is_impossible(const struct facts *f, const struct arguments *a)
{
    const struct dump *d = &a->o->source->dump;
    bool found = false;
    char what[256];

    if (says_registers(a)) {
        return false;
    }
    if (f->has_registers) {
        for (size_t i = 0; i < d->cpus && !found; i++) {
            found = no_processor_has(d, i, what);
        }
        found = found || is_open(d, f, what);
    } else {
        found = no_machine_has(d, f, what);
    }
    if (found && (a->command->takes & TAKES_ANYTHING) == 0) {
        die(CLI_UNREAD, a->o->image, "%s", what);
    }
    if (found) {
        report(a->o->image, "%s", what);
    }
    return found;
}

void facts_apply(struct facts *f, struct arguments *a)
{
    bool other = is_given(a, OPT_CR0) && f->family != DUMP_X86;
    bool own_mode = !says_mode(a) && !other;

    if (f->has_registers && own_mode && says_registers(a)) {
        find_as_said(f, a);
    }
    answer_doubts(f, a);
    if (f->family == DUMP_UNKNOWN) {
        return;
    }
    f->impossible = own_mode && is_impossible(f, a);
    if (f->impossible) {
        return;
    }
    if (!own_mode || (!f->has_registers && is_given(a, OPT_CR0))) {
        (void)snprintf(f->from, sizeof f->from, "options");
        f->assumptions = 0;
    }
    facts_assume(f, a);
    if (own_mode && f->has_registers) {
        compare(f, a);
    }
    if (own_mode) {
        apply_mode(f, a);
    }
    if (a->image.roots > 0 || !(own_mode || fits(f, a))) {
        return;
    }
    a->o->root_from_file = f->roots > 0;
    for (uint32_t i = 0; i < f->roots; i++) {
        paging_add_root(a, &a->image, f->root[i].id, f->root[i].value);
        set_given(a, f->root[i].id);
    }
    if (a->o->root_from_file && (a->command->takes & TAKES_ANYTHING) == 0) {
        report_others(f, a);
    }
}

void facts_print(const struct options *o)
{
    const struct facts *f = o->facts;

    if (o->root_from_file) {
        out_line("# %s, by %s; assumed: %s\n", ptw_regime_name(&o->regime),
                 f->from, f->assumed);
    }
}
