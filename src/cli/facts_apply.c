/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of paging, in place of arguments that are not given. */
#include "facts.h"

#include "paging.h"
#include "print.h"
#include "report.h"

#include <stdio.h>

static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
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

/* What was said one by one goes before what the registers have. */
static void apply_registers(const struct facts *f, struct arguments *a)
{
    if (!is_given(a, OPT_CR0)) {
        a->regs.cr0 = (a->without & PTW_X86_WP) != 0 ? f->regs.cr0 & ~CR0_WP
                                                     : f->regs.cr0;
    }
    if (!is_given(a, OPT_CR4)) {
        a->regs.cr4 = f->regs.cr4;
        a->regs.cr4 &= (a->without & PTW_X86_PSE) != 0 ? ~CR4_PSE : UINT64_MAX;
        a->regs.cr4 |= (a->with & PTW_X86_CET) != 0 ? CR4_CET : 0;
    }
    if (!is_given(a, OPT_EFER)) {
        a->regs.efer = (a->without & PTW_X86_NX) != 0 ? f->regs.efer & ~EFER_NXE
                                                      : f->regs.efer;
    }
    a->without = 0;
    a->with = 0;
    set_given(a, OPT_CR0);
    set_given(a, OPT_CR4);
    set_given(a, OPT_EFER);
}

static void apply_mode(const struct facts *f, struct arguments *a)
{
    if (f->has_registers) {
        apply_registers(f, a);
    } else if (f->regime[0] != '\0' && !is_given(a, OPT_CR0)) {
        a->regime = f->regime;
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
        return !is_given(a, OPT_SATP) &&
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

/* Who gives the mode and the roots does not ask the file. */
static void report_doubts(const struct facts *f, const struct arguments *a)
{
    for (size_t i = 0; i < f->doubts; i++) {
        const struct doubt *d = &f->doubt[i];

        if (is_given(a, d->option[0]) || is_given(a, d->option[1]) ||
            (says_mode(a) && a->image.roots > 0)) {
            continue;
        }
        report(a->o->image,
               "says %s in VMCOREINFO, which can't be, and is not taken: --%s "
               "says what it is",
               d->text, option_name((int)d->option[0]));
    }
}

void facts_apply(struct facts *f, struct arguments *a)
{
    bool own_mode = !says_mode(a);

    report_doubts(f, a);
    if (f->family == DUMP_UNKNOWN) {
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
    if (a->image.roots > 0 || !(own_mode || fits(f, a))) {
        return;
    }
    a->o->root_from_file = f->roots > 0;
    for (uint32_t i = 0; i < f->roots; i++) {
        paging_add_root(a, &a->image, f->root[i].id, f->root[i].value);
        set_given(a, f->root[i].id);
    }
    if (a->o->root_from_file && f->left_out[0] != '\0' &&
        (a->command->takes & TAKES_ANYTHING) == 0) {
        report(a->o->image,
               "has processors in another paging mode than the one that is "
               "walked, whose roots are left out: %s",
               f->left_out);
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
