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
#include <string.h>

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

/* The dump, with those registers of every processor that the options say, but for
 * CR0 of one that does not translate.  Who calls frees its processors. */
static struct dump as_said(const struct dump *d, const struct arguments *a)
{
    struct dump said = *d;

    said.cpu = must(calloc(d->cpus + 1, sizeof *said.cpu));
    for (size_t i = 0; i < d->cpus; i++) {
        said.cpu[i] = d->cpu[i];
        if (is_given(a, OPT_CR0) && (said.cpu[i].cr0 & CR0_PG) != 0) {
            said.cpu[i].cr0 = a->regs.cr0;
        }
        if (is_given(a, OPT_CR4)) {
            said.cpu[i].cr4 = a->regs.cr4;
        }
        if (is_given(a, OPT_EFER)) {
            said.cpu[i].efer = a->regs.efer;
            said.cpu[i].has_efer = true;
        }
    }
    return said;
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
static void compare(const struct dump *d, struct facts *f,
                    const struct arguments *a)
{
    enum { NAMED = 4 };
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

/* Roots are of use to a mode of their family alone, and those of made tables to the
 * mode that they are made for. */
static bool fits(const struct dump *d, const struct facts *f,
                 const struct arguments *a)
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
        return ptw_is_x86(&r) &&
               (d->mades == 0 || strcmp(ptw_regime_name(&r), "amd64") == 0);
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

/* Whether an option is given, and not as a root that the first image's file says. */
static bool is_said(const struct arguments *a, enum option_id id)
{
    bool root = id == OPT_ROOT || id == OPT_CR3 || id == OPT_TTBR0 ||
                id == OPT_TTBR1 || id == OPT_SATP;

    return is_given(a, id) && !(root && a->o->root_from_file);
}

/* Who gives the mode and the roots does not ask the file. */
static void answer_doubts(struct facts *f, const struct arguments *a,
                          bool all_said)
{
    for (size_t i = 0; i < f->doubts; i++) {
        struct doubt *d = &f->doubt[i];

        d->answered =
            all_said || is_said(a, d->option[0]) || is_said(a, d->option[1]);
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

/* The mode that a file says; false: *why says why it can't be, if it says one. */
static bool find_said_mode(const struct facts *f, struct ptw_regime *r,
                           const char **why)
{
    struct ptw_riscv_registers satp = {.xlen = f->xlen != 0 ? f->xlen : 64};

    *why = "";
    if (f->has_registers) {
        return ptw_regime_from_x86(&f->regs, NULL, r, why) == PTW_OK;
    }
    if (f->regime[0] != '\0') {
        return ptw_regime_by_name(f->regime, NULL, 0, r, why) == PTW_OK;
    }
    if (f->family != DUMP_RISCV || f->roots == 0) {
        return false;
    }
    satp.satp = f->root[0].value;
    return ptw_regime_from_riscv(&satp, NULL, r, why) == PTW_OK;
}

/* Whether no machine has the mode that VMCOREINFO makes. */
static bool no_machine_has(const struct dump *d, const struct facts *f,
                           char what[256])
{
    struct ptw_regime r;
    const char *why;
    char mode[48];

    if (find_said_mode(f, &r, &why)) {
        return false;
    }
    if (f->regime[0] != '\0') {
        (void)snprintf(mode, sizeof mode, "%s", f->regime);
    } else {
        (void)snprintf(mode, sizeof mode, "satp %" PRIx64, f->root[0].value);
    }
    (void)snprintf(what, 256,
                   "its VMCOREINFO at %" PRIx64 " makes the mode %s, which "
                   "can't be: %s; --%s says the mode",
                   d->vmcoreinfo_at, mode, why,
                   f->family == DUMP_AARCH64 ? "regime or --tcr" : "regime");
    return true;
}

/* Whether what says the mode can't be, by itself, or leaves it open; *what says so
 * for people.  What options change of it is theirs: said, or settled by EFER. */
static bool is_impossible(const struct dump *d, const struct facts *f,
                          bool said, bool settled, char what[256])
{
    bool found = false;

    if (!f->has_registers) {
        return !said && no_machine_has(d, f, what);
    }
    for (size_t i = 0; i < d->cpus && !found && !said; i++) {
        found = no_processor_has(d, i, what);
    }
    return found || (!settled && is_open(d, f, what));
}

/* The same of the first image: it ends a command that needs a mode. */
static bool has_impossible(const struct facts *f, const struct arguments *a)
{
    char what[256];

    if (!is_impossible(&a->o->source->dump, f, says_registers(a),
                       is_given(a, OPT_EFER), what)) {
        return false;
    }
    if ((a->command->takes & TAKES_ANYTHING) == 0) {
        die(CLI_UNREAD, a->o->image, "%s", what);
    }
    report(a->o->image, "%s", what);
    return true;
}

void facts_apply(struct facts *f, struct arguments *a)
{
    bool other = is_given(a, OPT_CR0) && f->family != DUMP_X86;
    bool own_mode = !says_mode(a) && !other;

    if (f->has_registers && own_mode && says_registers(a)) {
        struct dump said = as_said(&a->o->source->dump, a);

        facts_free(f);
        facts_find(&said, f);
        compare(&said, f, a);
        free(said.cpu);
    } else if (f->has_registers && own_mode) {
        compare(&a->o->source->dump, f, a);
    }
    answer_doubts(f, a, says_mode(a) && a->image.roots > 0);
    if (f->family == DUMP_UNKNOWN) {
        return;
    }
    f->impossible = own_mode && has_impossible(f, a);
    if (f->impossible) {
        return;
    }
    if (!own_mode || (!f->has_registers && is_given(a, OPT_CR0))) {
        (void)snprintf(f->from, sizeof f->from, "options");
        f->assumptions = 0;
    }
    facts_assume(f, a);
    if (own_mode) {
        apply_mode(f, a);
    }
    if (a->image.roots > 0 || !(own_mode || fits(&a->o->source->dump, f, a))) {
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

/* -------------------------------------------------------- the second image */

/* Ends the command where the second image is in another paging mode than the first
 * one is walked in, and no option says one; reports what of it has other rules. */
static void check_mode_of_other(const struct arguments *a,
                                const struct facts *f)
{
    const struct options *o = a->o;
    const char *name = a->other.name;
    struct ptw_regime r;
    const char *why;
    char text[DIFFERENCE];
    char what[256];

    if (f->family == DUMP_UNKNOWN) {
        facts_end_in_doubt(f, name);
        return;
    }
    if (is_impossible(&a->other.source->dump, f, false, false, what)) {
        die(CLI_UNREAD, name, "%s", what);
    }
    if (!find_said_mode(f, &r, &why)) {
        return;
    }
    if (strcmp(ptw_regime_name(&r), ptw_regime_name(&o->regime)) != 0) {
        die(CLI_USAGE, a->subject,
            "%s is walked as %s, and %s says that it is %s: what is in two "
            "paging modes can't be compared; --regime or registers go before "
            "what the files say",
            o->image, ptw_regime_name(&o->regime), name, ptw_regime_name(&r));
    }
    if (f->has_registers && say_difference(&f->regs, &o->regime, text)) {
        report(name,
               "is walked by the registers of %s, and its own differ: %s; "
               "--cr0, --cr4 and --efer go before them",
               o->image, text);
    }
    if (!is_given(a, OPT_FLAG_BIT) && f->flag_bits != a->cpu.flag_bits) {
        report(name,
               "says flag bits %" PRIx64 ", and is walked with those of %s, "
               "%" PRIx64 ": --flag-bit says what they are",
               f->flag_bits, o->image, a->cpu.flag_bits);
    }
}

void facts_apply_to_other(struct arguments *a)
{
    const struct dump *d = &a->other.source->dump;
    bool from_file = !a->own_mode && a->mode_from != NULL;
    struct dump said = *d;
    struct facts f;

    if (!a->other.source->opened) {
        return;
    }
    /* Those of the first image's file are among the arguments by now. */
    if (a->own_mode && a->regime == NULL) {
        said = as_said(d, a);
    }
    memset(&f, 0, sizeof f);
    facts_find(&said, &f);
    answer_doubts(&f, a,
                  a->mode_from == NULL &&
                      (a->other.roots > 0 || !a->o->root_from_file));
    if (from_file) {
        check_mode_of_other(a, &f);
    }
    facts_report_doubts(&f, a->other.name);
    if (a->other.roots == 0 && a->o->root_from_file &&
        (from_file || fits(d, &f, a))) {
        for (uint32_t i = 0; i < f.roots; i++) {
            paging_add_root_of_other(a, f.root[i].id, f.root[i].value);
        }
        facts_report_left_out(&f, a->other.name);
    }
    facts_free(&f);
    if (said.cpu != d->cpu) {
        free(said.cpu);
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
