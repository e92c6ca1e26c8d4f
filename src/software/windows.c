/* SPDX-License-Identifier: Apache-2.0 */
/* Windows on x86 and x64.
 *
 * The layouts are those of the public symbols of ntoskrnl (nt!_MMPTE and its
 * members _MMPTE_PROTOTYPE, _MMPTE_TRANSITION, _MMPTE_SOFTWARE); Russinovich,
 * Solomon, Ionescu, "Windows Internals", "Invalid PTEs" and "Prototype PTEs".
 *
 *   bit 10 set              a reference to a prototype entry
 *   bit 10 clear, 11 set    in transition: from bit 12 on, the frame
 *   both clear              a place in a page file, or, without one, a page of
 *                           zeros that there will be
 *   bits 9:5                the protection that the page will have
 *
 * Against L1TF an invalid entry of a machine with a mask (the public symbols'
 * MiState.Hardware.InvalidPteMask) has all bits of the mask set, unless it had
 * one of them set anyway: then bit 4, "SwizzleBit", says that it is as it is.
 *
 * Above level 0 an entry in transition is a table that was taken out of its
 * space: the entries in it name frames themselves.  Nothing of the kind can be
 * followed, and it is unknown. */
#include "../arch/x86.h"
#include "software.h"

static const uint64_t SWIZZLE = X86_BIT(4);
static const uint64_t PROTOTYPE = X86_BIT(10);
static const uint64_t TRANSITION = X86_BIT(11);

static bool windows_knows(const struct ptw_regime *r)
{
    return r->id == PTW_ARCH_AMD64 || r->id == PTW_ARCH_LA57 ||
           r->id == PTW_ARCH_PAE || r->id == PTW_ARCH_I686;
}

/* The mask is of the frame's bits. */
static bool windows_check(const struct ptw_absent *absent,
                          const struct ptw_regime *r)
{
    return absent->frame_bits <= (ptw_wide(r) ? 40u : 20u) &&
           (absent->mask & ~ptw_bits(ptw_wide(r) ? 51 : 31, 12)) == 0 &&
           (absent->page_file_at == 0 || absent->page_file_at == 1 ||
            (absent->page_file_at == 12 && ptw_wide(r))) &&
           absent->migration == 0 && absent->type_at == 0;
}

static uint64_t frame_mask(const struct ptw_absent *absent,
                           const struct ptw_regime *r)
{
    unsigned bits = absent->frame_bits != 0 ? absent->frame_bits
                    : ptw_wide(r)           ? 40
                                            : 20;

    return ptw_bits(11 + bits, 12);
}

/* The entry without the mask; false when it is in a way in which no machine
 * with that mask has it. */
static bool unswizzled(const struct ptw_absent *absent, uint64_t raw,
                       uint64_t *out)
{
    *out = raw;
    if (absent->mask == 0) {
        return true;
    }
    if ((raw & SWIZZLE) != 0) {
        *out = raw & ~SWIZZLE;
        return (raw & absent->mask) != 0;
    }
    *out = raw & ~absent->mask;
    return (raw & absent->mask) == absent->mask;
}

/* nt!MM_PROTECT_ACCESS: the lowest three bits of the protection. */
static unsigned rights_of(uint64_t raw)
{
    static const unsigned rights[8] = {
        0,
        PTW_READ,
        PTW_EXEC,
        PTW_READ | PTW_EXEC,
        PTW_READ | PTW_WRITE,
        PTW_READ,
        PTW_READ | PTW_WRITE | PTW_EXEC,
        PTW_READ | PTW_EXEC,
    };

    return rights[raw >> 5 & 7] | PTW_USER;
}

static void windows_read(const struct ptw_absent *absent,
                         const struct ptw_regime *r, unsigned level,
                         uint64_t raw, struct ptw_absent_entry *out)
{
    unsigned at = !ptw_wide(r) || absent->page_file_at == 1 ? 1 : 12;
    uint64_t plain;
    bool sure = unswizzled(absent, raw, &plain);

    if ((raw & PROTOTYPE) != 0) {
        out->use = PTW_ABSENT_PROTOTYPE;
    } else if ((raw & TRANSITION) != 0) {
        out->use = PTW_ABSENT_TRANSITION;
        out->kind = level == 0 && sure ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
        out->pa.v = plain & frame_mask(absent, r);
        out->rights = rights_of(raw);
    } else {
        out->slot = plain >> (ptw_wide(r) ? 32 : 12);
        out->use =
            out->slot != 0 ? PTW_ABSENT_PAGE_FILE : PTW_ABSENT_DEMAND_ZERO;
        out->store = out->slot != 0 ? (unsigned)(plain >> at & 15) : 0;
    }
}

static uint64_t windows_write(const struct ptw_absent *absent,
                              const struct ptw_regime *r, unsigned level,
                              uint64_t raw, uint64_t pa)
{
    uint64_t at = frame_mask(absent, r);
    uint64_t plain;

    (void)level;
    (void)unswizzled(absent, raw, &plain);
    plain = (plain & ~at) | (pa & at);
    if (absent->mask == 0) {
        return plain;
    }
    return plain | ((plain & absent->mask) != 0 ? SWIZZLE : absent->mask);
}

const struct ptw_convention ptw_windows = {
    .knows = windows_knows,
    .check = windows_check,
    .read = windows_read,
    .write = windows_write,
};
