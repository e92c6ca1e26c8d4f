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
static const uint64_t CR4_PAE = (uint64_t)1 << 5;

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
    a->regs = paging_said_of(a, f->regs);
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

/* Names the processors in the mode of the first one, from one number on up to another,
 * that would translate by other rules than these, or let other accesses pass. */
static void compare_with(const struct dump *d, struct facts *f,
                         const struct arguments *a, size_t from, size_t to,
                         const struct ptw_regime *walked)
{
    enum { NAMED = 4 };
    size_t count = 0;
    size_t used = 0;

    for (size_t i = from; i < to; i++) {
        struct ptw_x86_registers regs =
            paging_said_of(a, facts_registers(d, &d->cpu[i]));
        char text[DIFFERENCE];

        if (facts_is_walked(d, f, i) && say_difference(&regs, walked, text) &&
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

/* The same of the others than the first one, whose rules are those of all. */
static void compare(const struct dump *d, struct facts *f,
                    const struct arguments *a)
{
    struct ptw_x86_registers regs = paging_said_of(a, f->regs);
    struct ptw_regime walked;
    const char *why = "";

    if (ptw_regime_from_x86(&regs, NULL, &walked, &why) == PTW_OK) {
        compare_with(d, f, a, f->first + 1, d->cpus, &walked);
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
               (d->mades == 0 || strcmp(ptw_regime_name(&r), f->regime) == 0);
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
static void answer_doubts(struct facts *f, const struct arguments *a,
                          bool all_said)
{
    for (size_t i = 0; i < f->doubts; i++) {
        struct doubt *d = &f->doubt[i];

        d->answered =
            all_said || is_given(a, d->option[0]) || is_given(a, d->option[1]);
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

/* The mode that a file says, of aarch64 that of the upper half if that is asked for;
 * false: *why says why it can't be, if it says one. */
static bool find_said_mode(const struct facts *f, bool upper,
                           struct ptw_regime *r, const char **why)
{
    char name[48];

    struct ptw_riscv_registers satp = {.xlen = f->xlen != 0 ? f->xlen : 64};

    *why = "";
    if (f->has_registers) {
        return ptw_regime_from_x86(&f->regs, NULL, r, why) == PTW_OK;
    }
    if (f->regime[0] != '\0') {
        (void)snprintf(name, sizeof name, "%s%s", f->regime,
                       upper && f->family == DUMP_AARCH64 ? "/upper" : "");
        return ptw_regime_by_name(name, NULL, 0, r, why) == PTW_OK;
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

    if (find_said_mode(f, false, &r, &why)) {
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

/* Whether options say roots of either image. */
static bool says_roots(const struct arguments *alone)
{
    static const enum option_id ids[] = {
        OPT_ROOT,     OPT_CR3,     OPT_TTBR0,     OPT_TTBR1,     OPT_SATP,
        OPT_NEW_ROOT, OPT_NEW_CR3, OPT_NEW_TTBR0, OPT_NEW_TTBR1, OPT_NEW_SATP,
    };
    bool said = false;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        said = said || is_given(alone, ids[i]);
    }
    return said;
}

/* Ends the command where the second image is in another paging mode than the first
 * one is walked in, and options do not say one; reports what of it has other rules.
 * said is its dump, with what options say of its registers. */
static void check_mode_of_other(const struct arguments *a,
                                const struct dump *said, struct facts *f)
{
    const struct arguments *alone = a->alone;
    const struct options *o = a->o;
    const char *name = a->other.name;
    struct ptw_regime r;
    const char *why;
    char what[256];

    if (f->family == DUMP_UNKNOWN) {
        facts_end_in_doubt(f, name);
        return;
    }
    if (is_impossible(said, f, f->has_registers && says_registers(alone),
                      is_given(alone, OPT_EFER), what)) {
        die(CLI_UNREAD, name, "%s", what);
    }
    f->regs = paging_said_of(alone, f->regs);
    if (!find_said_mode(f, ptw_aarch64_is_upper(&o->regime), &r, &why)) {
        paging_end_of_registers(a->subject, &f->regs, f->from, name, why);
    }
    if (strcmp(ptw_regime_name(&r), ptw_regime_name(&o->regime)) != 0) {
        die(CLI_USAGE, a->subject,
            "%s is walked as %s, and %s says that it is %s: what is in two "
            "paging modes can't be compared; --regime or registers go before "
            "what the files say",
            o->image, ptw_regime_name(&o->regime), name, ptw_regime_name(&r));
    }
    if (f->has_registers) {
        /* Who says the roots does not ask whose they are. */
        compare_with(said, f, alone, f->first,
                     says_roots(alone) ? f->first + 1 : said->cpus, &o->regime);
    }
    if (f->differ[0] != '\0') {
        report(name,
               "is walked as %s is, and its own registers differ: %s; --cr0, "
               "--cr4 and --efer go before them",
               o->image, f->differ);
    }
    if (!is_given(alone, OPT_FLAG_BIT) && f->flag_bits != a->cpu.flag_bits) {
        report(name,
               "says flag bits %" PRIx64 ", and is walked with those of %s, "
               "%" PRIx64 ": --flag-bit says what they are",
               f->flag_bits, o->image, a->cpu.flag_bits);
    }
}

/* Takes the roots that it says; the regime of their half is that of one of the
 * first image. */
static void take_roots_of_other(struct arguments *a, const struct facts *f)
{
    bool upper = is_given(a, OPT_TTBR1) || ptw_aarch64_is_upper(&a->o->regime);

    for (uint32_t i = 0; i < f->roots; i++) {
        if (f->root[i].id == OPT_TTBR1 && !upper) {
            die(CLI_USAGE, a->subject,
                "%s has roots of the lower half, and %s says one of the upper "
                "half: --new-ttbr1 %" PRIx64 " compares them all the same",
                a->o->image, a->other.name, f->root[i].value);
        }
        paging_add_root_of_other(a, f->root[i].id, f->root[i].value);
    }
    facts_report_left_out(f, a->other.name);
}

void facts_apply_to_other(struct arguments *a)
{
    const struct dump *d = &a->other.source->dump;
    bool mode_said = paging_is_said(a->alone);
    bool roots_said = says_roots(a->alone);
    struct dump said;
    struct facts f;

    /* What is to be said of the same file has been said. */
    if (!a->other.source->opened ||
        source_is_same(a->o->source, a->other.source)) {
        return;
    }
    said = as_said(d, a->alone);
    memset(&f, 0, sizeof f);
    facts_find(&said, &f);
    answer_doubts(&f, a->alone, mode_said && roots_said);
    if (!mode_said) {
        check_mode_of_other(a, &said, &f);
    }
    facts_report_doubts(&f, a->other.name);
    if (!roots_said && a->image.roots > 0 && a->other.roots == 0 &&
        (!mode_said || fits(d, &f, a))) {
        take_roots_of_other(a, &f);
    }
    facts_free(&f);
    free(said.cpu);
}

void facts_print(const struct options *o)
{
    const struct facts *f = o->facts;

    if (o->root_from_file) {
        out_line("# %s, by %s; assumed: %s\n", ptw_regime_name(&o->regime),
                 f->from, f->assumed);
    }
}
