/* SPDX-License-Identifier: Apache-2.0 */
#include "paging.h"

#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void paging_add_root(struct arguments *a, struct image_arguments *p, int id)
{
    uint32_t n = p->roots;

    if (n >= (uint32_t)1 << 31) {
        die(CLI_USAGE, a->command->name, "there are too many roots");
    }
    p->root = must(realloc(p->root, (n + (size_t)1) * sizeof *p->root));
    p->from_cr3 = must(realloc(p->from_cr3, n + (size_t)1));
    p->root[n].table.v = hex_value(a, id);
    p->from_cr3[n] = id == OPT_CR3 || id == OPT_NEW_CR3;
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

static void set_regime_by_name(struct arguments *a)
{
    const char *why = "";

    if (is_given(a, OPT_CR0) || is_given(a, OPT_CR4) || is_given(a, OPT_EFER)) {
        die(CLI_USAGE, a->command->name,
            "--regime and --cr0, --cr4, --efer exclude each other");
    }
    if (ptw_regime_by_name(a->regime, &a->cpu, 0, &a->o->regime, &why) !=
        PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s: %s", a->regime, why);
    }
    if (!ptw_is_x86(&a->o->regime)) {
        if (a->with != 0) {
            die(CLI_USAGE, a->command->name,
                "--regime %s --cet: this paging mode has no such feature",
                a->regime);
        }
        return;
    }
    if (ptw_regime_by_name(a->regime, &a->cpu, a->without, &a->o->regime,
                           &why) != PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s: %s", a->regime, why);
    }
    if (ptw_regime_with(&a->o->regime, a->with, &a->o->regime, &why) !=
        PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s --cet: %s", a->regime,
            why);
    }
}

static void set_regime_from_registers(struct arguments *a)
{
    static const uint64_t CR0_PG = (uint64_t)1 << 31;
    static const uint64_t CR4_PAE = (uint64_t)1 << 5;
    const char *name = a->command->name;
    const char *why = "";

    if (!is_given(a, OPT_CR0)) {
        die(CLI_USAGE, name,
            "the paging mode is not given: --regime, or --cr0 and the other "
            "registers");
    }
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

void paging_set_regime(struct arguments *a)
{
    if (a->regime != NULL) {
        set_regime_by_name(a);
    } else {
        set_regime_from_registers(a);
    }
}

bool paging_take_roots(const struct image_arguments *p, struct options *o)
{
    uint64_t flag_bits = ptw_root_flags(&o->regime);

    o->root = p->root;
    o->roots = p->roots;
    o->root_flags = must(calloc(p->roots + 1u, sizeof *o->root_flags));
    o->cr3 = must(calloc(p->roots + 1u, sizeof *o->cr3));
    for (uint32_t i = 0; i < p->roots; i++) {
        uint64_t value = p->root[i].table.v;

        o->root_flags[i] = value & flag_bits;
        o->root[i] = ptw_root_of(&o->regime, ptw_pa_of(value & ~flag_bits));
        if (p->from_cr3[i]) {
            o->cr3[i] = value;
            o->root[i] = ptw_x86_root(&o->regime, value);
        }
    }
    return p->roots > 0;
}

void paging_set_roots(struct arguments *a)
{
    struct options *o = a->o;

    if (paging_take_roots(&a->image, o)) {
        return;
    }
    if (ptw_levels(&o->regime) > 0) {
        die(CLI_USAGE, a->command->name, "no root is given: --root, or --cr3");
    }
    o->root = must(calloc(1, sizeof *o->root));
    o->root->regime = &o->regime;
    o->roots = 1;
}
