/* SPDX-License-Identifier: Apache-2.0 */
/* The contract between a convention and ptwalk/absent.h.
 *
 * A convention is a constant descriptor with two pure functions; like an
 * architecture it has no access to memory and no state.  It is called with
 * entries that are not present and not 0.  It says where a frame is, and not
 * whether there can be one: width and alignment are looked at by the caller. */
#ifndef PTW_SOFTWARE_H
#define PTW_SOFTWARE_H

#include "ptwalk/absent.h"
#include "regime.h"

struct ptw_convention {
    /* Whether it knows tables of that architecture, and whether the parameters
     * have values that they can have. */
    bool (*knows)(const struct ptw_regime *r);
    bool (*check)(const struct ptw_absent *absent, const struct ptw_regime *r);
    void (*read)(const struct ptw_absent *absent, const struct ptw_regime *r,
                 unsigned level, uint64_t raw, struct ptw_absent_entry *out);
    /* raw, which names a frame, naming pa, as far as there is room for it. */
    uint64_t (*write)(const struct ptw_absent *absent,
                      const struct ptw_regime *r, unsigned level, uint64_t raw,
                      uint64_t pa);
};

extern const struct ptw_convention ptw_linux; /* on x86 */
extern const struct ptw_convention ptw_linux_riscv;
extern const struct ptw_convention ptw_linux_arm64;
extern const struct ptw_convention ptw_windows;

/* Entries of 8 bytes: those of 4 leave less room, and Linux and Windows use
 * them in other ways. */
PTW_ENGINE bool ptw_wide(const struct ptw_regime *r)
{
    return r->arch->format->entry_log2 == 3;
}

/* A swap slot, of a layout that is not known. */
PTW_ENGINE void ptw_some_swap_slot(struct ptw_absent_entry *out)
{
    out->kind = PTW_ABSENT_NO_FRAME;
    out->use = PTW_ABSENT_SWAP;
    out->slot = UINT64_MAX;
}

#endif
