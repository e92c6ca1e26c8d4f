/* SPDX-License-Identifier: Apache-2.0 */
/* Linux on RISC-V.
 *
 * arch/riscv/include/asm/pgtable-bits.h (_PAGE_PROT_NONE is the global bit, bit
 * 5; _PAGE_LEAF is R, W and X), pgtable.h (pte_present: V or PROT_NONE;
 * pmd_present: or one of R, W, X, since a huge page that is split loses V for a
 * while; "Encode and decode swap entries"), include/linux/swapops.h (migration
 * entries).
 *
 *   level 0, bit 5 set       PROT_NONE, or a NUMA hint: the frame is PPN, as in
 *                            an entry that is present; of a NAPOT entry, whose
 *                            index counts, it is not known
 *   level 0, bit 5 clear     a swap entry: bits 2:1 are 0, and there are a type
 *                            of 5 bits and an offset
 *   above, bit 5 set, or R   a huge page: its frame is PPN
 *   above, neither           a huge page on migration, in the format of level 0
 *   anything else            not known
 *
 * The type is at bit 7 and the offset at bit 12 since 6.3, where bit 6 became
 * the mark of an exclusive page (linux); before, they were at bits 6 and 11
 * (linux-plain).  Kernels that are older still had PROT_NONE in bit 1, and
 * those entries are not known.  No frame is inverted.  Types below 16 are swap
 * slots whatever the configuration, as on x86. */
#include "../arch/riscv.h"
#include "software.h"

enum { SURE_SLOTS = 16, TYPE_BITS = 5, PAGE_LOG2 = 12, FRAME_BITS = 44 };

static bool riscv_knows(const struct ptw_regime *r)
{
    return ptw_is_riscv(r);
}

static bool riscv_check(const struct ptw_absent *absent,
                        const struct ptw_regime *r)
{
    (void)r;
    return (absent->migration & ptw_low_mask(SURE_SLOTS)) == 0 &&
           absent->frame_bits <= 40 &&
           (absent->frame_bits == 0 || absent->migration != 0) &&
           absent->type_at == 0 && absent->mask == 0 &&
           absent->page_file_at == 0;
}

static unsigned type_at(const struct ptw_absent *absent)
{
    return absent->policy == PTW_ABSENT_LINUX ? 7 : 6;
}

static unsigned offset_at(const struct ptw_absent *absent)
{
    return type_at(absent) + TYPE_BITS;
}

/* The bits of a migration entry that hold its frame. */
static uint64_t migration_bits(const struct ptw_absent *absent,
                               const struct ptw_regime *r)
{
    unsigned last = ptw_wide(r) ? 63 : 31;
    unsigned end = absent->frame_bits != 0
                       ? offset_at(absent) + absent->frame_bits - 1
                       : last;

    return ptw_bits(end < last ? end : last, offset_at(absent));
}

/* Those of a page that may not be touched. */
static uint64_t frame_bits(const struct ptw_regime *r)
{
    return ptw_bits(ptw_wide(r) ? 53 : 31, RISCV_PPN_AT);
}

/* PROT_NONE, or a huge page that is being changed.  X alone may be a mark of a
 * swap entry. */
static bool is_page(unsigned level, uint64_t raw)
{
    return (raw & RISCV_G) != 0 || (level > 0 && (raw & RISCV_R) != 0);
}

static void riscv_read(const struct ptw_absent *absent,
                       const struct ptw_regime *r, unsigned level, uint64_t raw,
                       struct ptw_absent_entry *out)
{
    unsigned type =
        (unsigned)(raw >> type_at(absent) & ptw_low_mask(TYPE_BITS));

    out->kind = PTW_ABSENT_UNKNOWN;
    if (is_page(level, raw)) {
        out->kind = ptw_wide(r) && (raw & RISCV_N) != 0 ? PTW_ABSENT_UNKNOWN
                                                        : PTW_ABSENT_FRAME;
        out->use = PTW_ABSENT_PROT_NONE;
        out->pa.v = (raw & frame_bits(r)) << RISCV_PPN_DOWN;
        out->rights = riscv_rights(raw);
    } else if (level > 1 || (raw & (RISCV_R | RISCV_W)) != 0 ||
               (level == 1 && (raw & RISCV_X) != 0)) {
        return;
    } else if ((absent->migration >> type & 1) != 0) {
        uint64_t frame = (raw & migration_bits(absent, r)) >> offset_at(absent);

        out->kind =
            frame >> FRAME_BITS == 0 ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
        out->use = PTW_ABSENT_MIGRATION;
        out->pa.v = frame << PAGE_LOG2;
        out->rights = r->rights;
    } else if (type < SURE_SLOTS && level == 0) {
        out->kind = PTW_ABSENT_NO_FRAME;
        out->use = PTW_ABSENT_SWAP;
        out->store = type;
        out->slot = raw >> offset_at(absent);
    }
}

static uint64_t riscv_write(const struct ptw_absent *absent,
                            const struct ptw_regime *r, unsigned level,
                            uint64_t raw, uint64_t pa)
{
    uint64_t at = frame_bits(r);
    uint64_t frame = pa >> RISCV_PPN_DOWN;

    if (!is_page(level, raw)) {
        at = migration_bits(absent, r);
        frame = pa >> PAGE_LOG2 << offset_at(absent);
    }
    return (raw & ~at) | (frame & at);
}

const struct ptw_convention ptw_linux_riscv = {
    .knows = riscv_knows,
    .check = riscv_check,
    .read = riscv_read,
    .write = riscv_write,
};
