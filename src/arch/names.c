/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: every paging mode that has a name. */
#include "archs.h"
#include "ptwalk/arch_riscv.h"
#include "ptwalk/cpu.h"
#include "regime.h"

const struct ptw_cpu ptw_cpu_widest = {.pa_bits = 52, .x86 = {.page1g = true}};

/* Names are the field's. */
static const struct {
    const char *name;
    const struct ptw_arch *arch;
    unsigned features; /* what the name alone switches on */
} known[] = {
    {"bare", &ptw_arch_bare, 0},
    {"i686", &ptw_arch_i686, PTW_X86_PSE | PTW_X86_WP},
    {"amd64", &ptw_arch_amd64, PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP},
    {"pae", &ptw_arch_pae, PTW_X86_NX | PTW_X86_WP},
    {"amd64-la57", &ptw_arch_la57, PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP},
    {"sv32", &ptw_arch_sv32, 0},
    {"sv39", &ptw_arch_sv39, PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT},
    {"sv48", &ptw_arch_sv48, PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT},
    {"sv57", &ptw_arch_sv57, PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT},
};

/* Compares up to the end of name or, for a family such as "aarch64-4k-48", up
 * to the dash that follows what is known. */
static bool is_named(const char *name, const char *entry)
{
    size_t i = 0;

    while (entry[i] != '\0' && name[i] == entry[i]) {
        i++;
    }
    return entry[i] == '\0' && name[i] == '\0';
}

static bool is_family(const char *name, const char *entry)
{
    size_t i = 0;

    while (entry[i] != '\0' && name[i] == entry[i]) {
        i++;
    }
    return entry[i] == '\0' && name[i] == '-';
}

enum ptw_status ptw_regime_by_name(const char *name, const struct ptw_cpu *cpu,
                                   unsigned without, struct ptw_regime *out,
                                   const char **why)
{
    if (is_named(name, "aarch64") || is_family(name, "aarch64")) {
        return ptw_aarch64_by_name(name, cpu, without, out, why);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_named(name, known[i].name)) {
            return ptw_regime_build(known[i].arch, cpu,
                                    known[i].features & ~without, out, why);
        }
    }
    return ptw_regime_fail(PTW_E_REGIME, "no paging mode has this name", why);
}
