/* SPDX-License-Identifier: Apache-2.0 */
#include "families.h"

#include "print.h"

#include <string.h>

static bool x86_has(const struct ptw_regime *r, unsigned feature)
{
    return ptw_is_x86(r) && (ptw_features_of(r) & feature) != 0;
}

static bool riscv_has(const struct ptw_regime *r, unsigned feature)
{
    return ptw_is_riscv(r) && (ptw_features_of(r) & feature) != 0;
}

static bool aarch64_has(const struct ptw_regime *r, unsigned feature)
{
    return ptw_is_aarch64(r) && (ptw_features_of(r) & feature) != 0;
}

/* EFLAGS.AC makes a difference only where there is SMAP. */
static size_t of_x86(const struct ptw_regime *r, struct accessor *list)
{
    list[0] = (struct accessor){"user", true, 0};
    list[1] = (struct accessor){"supervisor", false, 0};
    list[2] = (struct accessor){"supervisor-ac", false, PTW_X86_ALLOW_AC};
    return x86_has(r, PTW_X86_SMAP) ? 3 : 2;
}

/* MXR makes a difference only where R is clear. */
static size_t of_riscv(const struct options *o, unsigned rights,
                       struct accessor *list)
{
    unsigned always = o->adue ? PTW_RISCV_ADUE : 0;
    size_t n = 0;

    for (unsigned mxr = 0; mxr < ((rights & PTW_READ) != 0 ? 1u : 2u); mxr++) {
        unsigned allow = always | (mxr != 0 ? PTW_RISCV_MXR : 0);

        list[n++] = (struct accessor){mxr ? "user-mxr" : "user", true, allow};
        list[n++] = (struct accessor){mxr ? "supervisor-mxr" : "supervisor",
                                      false, allow};
        list[n++] =
            (struct accessor){mxr ? "supervisor-sum-mxr" : "supervisor-sum",
                              false, allow | PTW_RISCV_SUM};
    }
    return n;
}

/* PSTATE.PAN makes a difference only where there is EL0. */
static size_t of_aarch64(const struct ptw_regime *r, struct accessor *list)
{
    static const char *const alone[] = {"", "el1", "el2", "el3"};
    static const char *const with_pan[] = {"", "el1-pan", "el2-pan", "el3-pan"};
    unsigned el = ptw_aarch64_el(r);

    if ((ptw_rights_of(r) & PTW_USER) == 0) {
        list[0] = (struct accessor){alone[el], false, 0};
        return 1;
    }
    list[0] = (struct accessor){"el0", true, 0};
    list[1] = (struct accessor){alone[el], false, 0};
    list[2] = (struct accessor){with_pan[el], false, PTW_AARCH64_PAN};
    return 3;
}

size_t accessors_of(const struct options *o, const struct ptw_regime *r,
                    unsigned rights, struct accessor list[ACCESSORS_MOST])
{
    if (ptw_is_riscv(r)) {
        return of_riscv(o, rights, list);
    }
    return ptw_is_aarch64(r) ? of_aarch64(r, list) : of_x86(r, list);
}

void print_switches(const struct options *o, const struct ptw_regime *r)
{
    if (ptw_is_x86(r)) {
        out_line(", with CR0.WP=%d SMEP=%d SMAP=%d%s%s", x86_has(r, PTW_X86_WP),
                 x86_has(r, PTW_X86_SMEP), x86_has(r, PTW_X86_SMAP),
                 x86_has(r, PTW_X86_PKE) ? " PKRU=0" : "",
                 x86_has(r, PTW_X86_CET) ? " CET=1" : "");
    } else if (ptw_is_riscv(r)) {
        out_line(", with ADUE=%d%s", o->adue,
                 riscv_has(r, PTW_RISCV_ZICFISS) ? " SSE=1" : "");
    } else if (ptw_is_aarch64(r)) {
        out_line(
            ", with HA=%d HD=%d WXN=%d E0PD=%d EPAN=%d HPD=%d%s",
            aarch64_has(r, PTW_AARCH64_HA), aarch64_has(r, PTW_AARCH64_HD),
            aarch64_has(r, PTW_AARCH64_WXN), aarch64_has(r, PTW_AARCH64_E0PD),
            aarch64_has(r, PTW_AARCH64_PAN3), aarch64_has(r, PTW_AARCH64_HPD),
            aarch64_has(r, PTW_AARCH64_PIE) ? " PIE=1" : "");
    }
}

/* RISC-V: "For non-leaf PTEs, the global setting implies that all mappings in
 * the subsequent levels of the page table are global". */
bool makes_global(const struct ptw_regime *r, unsigned level, uint64_t raw)
{
    struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t fields =
        ptw_is_riscv(r) ? ptw_entry_fields(r, level, raw, field) : 0;

    for (size_t i = 0; i < fields; i++) {
        if (strcmp(field[i].name, "G") == 0) {
            return true;
        }
    }
    return false;
}

bool has_shadow_stacks(const struct ptw_regime *r)
{
    return x86_has(r, PTW_X86_CET) || riscv_has(r, PTW_RISCV_ZICFISS) ||
           aarch64_has(r, PTW_AARCH64_PIE);
}

bool has_keys(const struct ptw_regime *r)
{
    return x86_has(r, PTW_X86_PKE);
}

const char *memory_type_name(const struct ptw_regime *r)
{
    if (ptw_is_x86(r)) {
        return "PAT index";
    }
    if (ptw_is_riscv(r)) {
        return "PBMT";
    }
    return ptw_is_aarch64(r) ? "AttrIndx" : "memory type";
}

unsigned mair_attribute(const struct options *o, unsigned memory_type)
{
    return (unsigned)(o->mair >> (memory_type & 7) * 8 & 255);
}
