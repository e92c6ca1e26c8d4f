/* SPDX-License-Identifier: Apache-2.0 */
/* Linux on x86.
 *
 * arch/x86/include/asm/pgtable_types.h (_PAGE_BIT_PROTNONE is the global bit),
 * pgtable.h (pte_present, pmd_present: P, PROTNONE and, in a PMD, PSE),
 * pgtable-invert.h (since 4.18 the frame of whatever is not present and not 0
 * is inverted, where entries have 8 bytes), pgtable_64.h and pgtable-3level.h
 * (swap entries of 8 bytes, alike since 4.18), pgtable-2level.h (those of 4
 * bytes, and "no inverted PFNs"), include/linux/swapops.h (migration entries).
 *
 *   level 0, bit 8 set       PROT_NONE, or a NUMA hint: bits 51:12 are the
 *                            frame
 *   PS set, a leaf's level   a huge page, whatever bit 8 says: its frame in the
 *                            bits that a leaf of that level has it in.  Of the
 *                            bits below, transparent huge pages have zeros;
 *                            hugetlb inverts them along with the frame.
 *   level 0, bit 8 clear     a swap entry: a type of 5 bits, and an offset
 *   level 1, neither         a huge page on migration, in the same format
 *   anything else            not known
 *
 * Types below 16 are swap slots whatever the configuration: the special ones
 * are taken from 31 downwards, and there are never so many. */
#include "../arch/x86.h"
#include "software.h"

enum { SURE_SLOTS = 16, TYPE_BITS = 5 };

/* Where a swap entry has its type and its offset. */
struct layout {
    unsigned type_at;
    unsigned offset_at; /* its lowest bit */
    unsigned offset_bits;
    bool inverted; /* the offset */
};

static const struct layout narrow = {1, 9, 23, false};
static const struct layout since_4_18 = {59, 9, 50, true};
static const struct layout before_4_6 = {1, 9, 55, false};
static const struct layout before_4_18 = {9, 14, 50, false};
static const struct layout pae_before_4_18 = {32, 37, 27, false};

/* Entries of 8 bytes in long mode.  PAE paging has them, too, and had swap
 * entries of its own, in the upper half, before they were inverted; it migrates
 * no huge pages. */
static bool is_long(const struct ptw_regime *r)
{
    return r->id == PTW_ARCH_AMD64 || r->id == PTW_ARCH_LA57;
}

static bool inverts(const struct ptw_absent *absent, const struct ptw_regime *r)
{
    return absent->policy == PTW_ABSENT_LINUX && ptw_wide(r);
}

static bool linux_knows(const struct ptw_regime *r)
{
    return is_long(r) || r->id == PTW_ARCH_PAE || r->id == PTW_ARCH_I686;
}

static bool linux_check(const struct ptw_absent *absent,
                        const struct ptw_regime *r)
{
    bool choice = absent->policy == PTW_ABSENT_LINUX_PLAIN && is_long(r);

    return (absent->migration & ptw_low_mask(SURE_SLOTS)) == 0 &&
           absent->frame_bits <= 40 &&
           (absent->frame_bits == 0 || absent->migration != 0) &&
           (absent->type_at == 0 ||
            (choice && (absent->type_at == 1 || absent->type_at == 9))) &&
           absent->mask == 0 && absent->page_file_at == 0;
}

/* The bits that hold the frame of a page of that level. */
static uint64_t frame_of_level(const struct ptw_regime *r, unsigned level)
{
    unsigned shift = r->arch->format->level[level].shift;

    return ptw_bits(ptw_wide(r) ? 51 : 31, shift) & ~r->flag_bits;
}

/* Between PAT (bit 12) and the frame of a large page. */
static uint64_t below_frame(const struct ptw_regime *r, unsigned level)
{
    return ptw_bits(r->arch->format->level[level].shift - 1, 13);
}

static bool is_huge(const struct ptw_regime *r, unsigned level, uint64_t raw)
{
    return level > 0 && r->rule[level].leaf && (raw & X86_PS) != 0;
}

static unsigned type_of(const struct layout *l, uint64_t raw)
{
    return (unsigned)(raw >> l->type_at & ptw_low_mask(TYPE_BITS));
}

static uint64_t offset_of(const struct layout *l, uint64_t raw)
{
    return (l->inverted ? ~raw : raw) >> l->offset_at &
           ptw_low_mask(l->offset_bits);
}

/* The layout, where it is known. */
static const struct layout *layout_of(const struct ptw_absent *absent,
                                      const struct ptw_regime *r)
{
    if (!ptw_wide(r)) {
        return &narrow;
    }
    if (absent->policy == PTW_ABSENT_LINUX) {
        return &since_4_18;
    }
    if (!is_long(r)) {
        return &pae_before_4_18;
    }
    return absent->type_at == 1   ? &before_4_6
           : absent->type_at == 9 ? &before_4_18
                                  : NULL;
}

static uint64_t migration_frame(const struct ptw_absent *absent)
{
    return absent->frame_bits == 0 ? UINT64_MAX
                                   : ptw_low_mask(absent->frame_bits);
}

static void read_swap(const struct ptw_absent *absent,
                      const struct ptw_regime *r, unsigned level, uint64_t raw,
                      struct ptw_absent_entry *out)
{
    const struct layout *l = layout_of(absent, r);
    unsigned type;

    out->kind = PTW_ABSENT_UNKNOWN;
    if (l == NULL) {
        if (level == 0 && type_of(&before_4_6, raw) < SURE_SLOTS &&
            type_of(&before_4_18, raw) < SURE_SLOTS) {
            ptw_some_swap_slot(out);
        }
        return;
    }
    type = type_of(l, raw);
    if ((absent->migration >> type & 1) != 0) {
        uint64_t frame = offset_of(l, raw) & migration_frame(absent);

        /* No address has so many bits. */
        out->kind = frame >> 52 == 0 ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
        out->use = PTW_ABSENT_MIGRATION;
        out->pa.v = frame << 12;
        out->rights = r->rights;
    } else if (type < SURE_SLOTS && level == 0) {
        out->kind = PTW_ABSENT_NO_FRAME;
        out->use = PTW_ABSENT_SWAP;
        out->store = type;
        out->slot = offset_of(l, raw);
    }
}

static void linux_read(const struct ptw_absent *absent,
                       const struct ptw_regime *r, unsigned level, uint64_t raw,
                       struct ptw_absent_entry *out)
{
    uint64_t inverted = inverts(absent, r) ? ~raw : raw;
    uint64_t below = is_huge(r, level, raw) ? raw & below_frame(r, level) : 0;
    uint64_t ignored = (r->features & PTW_X86_NX) != 0 ? 0 : X86_XD;

    if ((level == 0 && (raw & X86_G) != 0) || is_huge(r, level, raw)) {
        out->kind = PTW_ABSENT_FRAME;
        out->use = PTW_ABSENT_PROT_NONE;
        out->pa.v = inverted & frame_of_level(r, level);
        out->rights = x86_rights(raw & ~ignored);
        if (below != 0 &&
            !(inverts(absent, r) && below == below_frame(r, level))) {
            out->kind = PTW_ABSENT_UNKNOWN;
        }
    } else if (level == 0 ||
               (level == 1 && is_long(r) && (raw & (X86_G | X86_PS)) == 0)) {
        read_swap(absent, r, level, raw, out);
    } else {
        out->kind = PTW_ABSENT_UNKNOWN;
    }
}

static uint64_t linux_write(const struct ptw_absent *absent,
                            const struct ptw_regime *r, unsigned level,
                            uint64_t raw, uint64_t pa)
{
    uint64_t at = frame_of_level(r, level);
    uint64_t frame = inverts(absent, r) ? ~pa : pa;

    if (!is_huge(r, level, raw) && (level > 0 || (raw & X86_G) == 0)) {
        const struct layout *l = layout_of(absent, r);

        at = (ptw_low_mask(l->offset_bits) & migration_frame(absent))
             << l->offset_at;
        frame = (l->inverted ? ~(pa >> 12) : pa >> 12) << l->offset_at;
    }
    return (raw & ~at) | (frame & at);
}

const struct ptw_convention ptw_linux = {
    .knows = linux_knows,
    .check = linux_check,
    .read = linux_read,
    .write = linux_write,
};
