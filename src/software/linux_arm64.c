/* SPDX-License-Identifier: Apache-2.0 */
/* Linux on arm64.
 *
 * arch/arm64/include/asm/pgtable-prot.h (PTE_PROT_NONE, PMD_PRESENT_INVALID,
 * PTE_PRESENT_INVALID), pgtable.h (pte_present, pmd_present, "Encode and decode
 * a swap entry"), include/linux/swapops.h (migration entries).
 *
 * What is not valid and yet "present" to the kernel is a leaf but for its
 * lowest bit: PROT_NONE, a NUMA hint, or a huge page that is split.  All else
 * is a swap entry: bits 1:0 are 0, and there are a type of 5 bits and an offset
 * in pages.
 *
 *                         linux (since 6.10)       linux-plain (4.0 to 6.9)
 *   present, not valid    bit 11, at all levels    bit 58; above level 3
 *                                                  bit 59, too
 *   swap: the type        bits 10:6                bits 7:3 since 5.19 (6.3:
 *                                                  bit 2 is the mark of an
 *                                                  exclusive page), before at
 *                                                  bit 2
 *   swap: the offset      bits 61:12               bits 57:8
 *
 * Huge pages on migration are in the format of swap entries.  No frame is
 * inverted.  Types below 16 are swap slots whatever the configuration, as on
 * x86. */
#include "../arch/aarch64.h"
#include "software.h"

enum { SURE_SLOTS = 16, TYPE_BITS = 5, PLAIN_TYPE_AT = 3, OLD_TYPE_AT = 2 };

static const uint64_t PRESENT_INVALID = A64_BIT(11);
static const uint64_t PROT_NONE = A64_BIT(58);
static const uint64_t PMD_PRESENT_INVALID = A64_BIT(59);

static bool arm64_knows(const struct ptw_regime *r)
{
    return ptw_is_aarch64(r);
}

static bool is_plain(const struct ptw_absent *absent)
{
    return absent->policy == PTW_ABSENT_LINUX_PLAIN;
}

static bool arm64_check(const struct ptw_absent *absent,
                        const struct ptw_regime *r)
{
    (void)r;
    return (absent->migration & ptw_low_mask(SURE_SLOTS)) == 0 &&
           absent->frame_bits <= 40 &&
           (absent->frame_bits == 0 || absent->migration != 0) &&
           (absent->type_at == 0 ||
            (is_plain(absent) && (absent->type_at == OLD_TYPE_AT ||
                                  absent->type_at == PLAIN_TYPE_AT))) &&
           absent->mask == 0 && absent->page_file_at == 0;
}

/* Whether it is a leaf but for its lowest bit. */
static bool is_page(const struct ptw_absent *absent, unsigned level,
                    uint64_t raw)
{
    uint64_t mark = is_plain(absent)
                        ? PROT_NONE | (level > 0 ? PMD_PRESENT_INVALID : 0)
                        : PRESENT_INVALID;

    return (raw & mark) != 0;
}

/* The leaf: with that bit, and the one that says page or block. */
static uint64_t leaf_of(unsigned level, uint64_t raw)
{
    return level == 0 ? raw | A64_VALID | A64_TABLE
                      : (raw | A64_VALID) & ~A64_TABLE;
}

static unsigned offset_at(const struct ptw_absent *absent)
{
    return is_plain(absent) ? 8 : 12;
}

static uint64_t offset_bits(const struct ptw_absent *absent)
{
    return is_plain(absent) ? ptw_bits(57, 8) : ptw_bits(61, 12);
}

/* The bits that a swap entry has: those, the type, and marks below it. */
static uint64_t swap_bits(const struct ptw_absent *absent)
{
    return offset_bits(absent) |
           (is_plain(absent) ? ptw_bits(7, 2) : ptw_bits(10, 2));
}

/* The bits of a migration entry that hold its frame. */
static uint64_t migration_bits(const struct ptw_absent *absent)
{
    uint64_t bits = offset_bits(absent);

    return absent->frame_bits == 0
               ? bits
               : bits & (ptw_low_mask(absent->frame_bits) << offset_at(absent));
}

static unsigned type_from(uint64_t raw, unsigned at)
{
    return (unsigned)(raw >> at & ptw_low_mask(TYPE_BITS));
}

static void read_swap(const struct ptw_absent *absent,
                      const struct ptw_regime *r, unsigned level, uint64_t raw,
                      struct ptw_absent_entry *out)
{
    uint64_t offset = (raw & offset_bits(absent)) >> offset_at(absent);
    unsigned type;

    if (is_plain(absent) && absent->type_at == 0) {
        if (level == 0 && type_from(raw, PLAIN_TYPE_AT) < SURE_SLOTS &&
            type_from(raw, OLD_TYPE_AT) < SURE_SLOTS) {
            ptw_some_swap_slot(out);
        }
        return;
    }
    type = type_from(raw, is_plain(absent) ? absent->type_at : 6);
    if ((absent->migration >> type & 1) != 0) {
        uint64_t frame = (raw & migration_bits(absent)) >> offset_at(absent);
        unsigned log2 = ptw_page_log2(r->arch->format);

        /* No address has so many bits. */
        out->kind =
            frame >> (56 - log2) == 0 ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
        out->use = PTW_ABSENT_MIGRATION;
        out->pa.v = frame << log2;
        out->rights = r->rights;
    } else if (type < SURE_SLOTS && level == 0) {
        out->kind = PTW_ABSENT_NO_FRAME;
        out->use = PTW_ABSENT_SWAP;
        out->store = type;
        out->slot = offset;
    }
}

static void arm64_read(const struct ptw_absent *absent,
                       const struct ptw_regime *r, unsigned level, uint64_t raw,
                       struct ptw_absent_entry *out)
{
    out->kind = PTW_ABSENT_UNKNOWN;
    if (is_page(absent, level, raw)) {
        struct ptw_entry e =
            r->arch->format->decode(r, leaf_of(level, raw), level, 0);

        if (e.kind == PTW_ENTRY_LEAF) {
            out->kind = PTW_ABSENT_FRAME;
            out->use = PTW_ABSENT_PROT_NONE;
            out->pa = e.pa;
            out->rights = e.rights;
        }
    } else if (level <= 1 && (raw & ~swap_bits(absent)) == 0) {
        read_swap(absent, r, level, raw, out);
    }
}

static uint64_t arm64_write(const struct ptw_absent *absent,
                            const struct ptw_regime *r, unsigned level,
                            uint64_t raw, uint64_t pa)
{
    const struct ptw_format *a = r->arch->format;
    uint64_t at;
    uint64_t frame;

    if (is_page(absent, level, raw)) {
        at = a->address_bits(r, level, leaf_of(level, raw));
        frame = a->put_address(r, level, PTW_ENTRY_LEAF, pa);
    } else {
        at = migration_bits(absent);
        frame = pa >> ptw_page_log2(a) << offset_at(absent);
    }
    return (raw & ~at) | (frame & at);
}

const struct ptw_convention ptw_linux_arm64 = {
    .knows = arm64_knows,
    .check = arm64_check,
    .read = arm64_read,
    .write = arm64_write,
};
