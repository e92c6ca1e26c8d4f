/* SPDX-License-Identifier: Apache-2.0 */
#include "conventions.h"

struct ptw_absent fz_convention(const struct oracle_mode *mode, unsigned which)
{
    const struct oracle_systems *is = mode->format->systems;
    const struct ptw_absent policies[FZ_CONVENTIONS] = {
        {.policy = PTW_ABSENT_KEEP},
        {.policy = PTW_ABSENT_CLEAR},
        {.policy = PTW_ABSENT_LINUX},
        {.policy = PTW_ABSENT_LINUX_PLAIN},
        {.policy = PTW_ABSENT_WINDOWS},
        {.policy = PTW_ABSENT_LINUX, .migration = 0xff000000, .frame_bits = 20},
        {.policy = PTW_ABSENT_WINDOWS,
         .mask = is != NULL ? is->windows_mask : 0,
         .frame_bits = is != NULL ? is->windows_bits : 0},
        {.policy = PTW_ABSENT_LINUX_PLAIN,
         .migration = 0xffff0000,
         .type_at =
             is != NULL && is->linux_had_two ? is->linux_before.type_at : 0},
    };

    return policies[which % (is == NULL ? 2 : FZ_CONVENTIONS)];
}

static unsigned shift_of(const struct oracle_mode *mode, unsigned level)
{
    return mode->format->level[level].shift;
}

/* Bits hi to lo, in their places. */
static uint64_t part(uint64_t v, unsigned hi, unsigned lo)
{
    return v >> lo << lo & (hi == 63 ? UINT64_MAX : ((uint64_t)2 << hi) - 1);
}

static unsigned top_bit(uint64_t bits)
{
    unsigned top = 0;

    for (unsigned i = 0; i < 64; i++) {
        top = (bits >> i & 1) != 0 ? i : top;
    }
    return top;
}

static struct fz_named page_in(uint64_t raw, uint64_t seen, unsigned hi,
                               unsigned lo)
{
    struct fz_named m = {FZ_NAMES_FRAME, part(seen, hi, lo),
                         raw - part(raw, hi, lo)};

    return m;
}

/* The same of the frame of a page.  Linux has no flag bits in it: PTE_PFN_MASK
 * is of the physical mask, and sme_me_mask is not. */
static struct fz_named frame_in(const struct oracle_mode *mode, unsigned level,
                                uint64_t raw, uint64_t seen)
{
    uint64_t bits = oracle_frame(mode, level);

    return (struct fz_named){FZ_NAMES_FRAME, seen & bits, raw & ~bits};
}

/* Linux, arch/x86/include/asm/pgtable*.h: present means P, PROTNONE (bit 8) or,
 * in a PMD, PSE (bit 7); what has neither is a swap entry. */
static struct fz_named linux_name(const struct oracle_mode *mode,
                                  const struct ptw_absent *a, unsigned level,
                                  uint64_t raw)
{
    const struct oracle_systems *s = mode->format->systems;
    const struct oracle_swap *swap = &s->linux_before;
    bool inverted = s->linux_inverts && a->policy == PTW_ABSENT_LINUX;
    uint64_t seen = inverted ? ~raw : raw;
    bool large = mode->format->large(mode, level);
    struct fz_named m = {FZ_NAMES_WHO_KNOWS, 0, 0};
    unsigned type_at;
    unsigned offset_at;
    unsigned offset_end;
    unsigned type;

    if (level == 0 && (raw & s->linux_none) != 0) {
        return frame_in(mode, 0, raw, seen);
    }
    if (large && (raw & s->linux_large) != 0) {
        unsigned lo = shift_of(mode, level);
        uint64_t between = part(raw, lo - 1, 13);

        return between == 0 || (inverted && between == part(~0ull, lo - 1, 13))
                   ? frame_in(mode, level, raw, seen)
                   : m;
    }
    if (level > 1 ||
        (level == 1 && (!s->linux_migrates ||
                        (raw & (s->linux_none | s->linux_large)) != 0))) {
        return m;
    }
    if (s->linux_had_two && a->policy == PTW_ABSENT_LINUX_PLAIN &&
        a->type_at == 0) {
        /* The one layout or the other: a slot in both. */
        if (level == 0 && (raw >> s->linux_before.type_at & 31) < 16 &&
            (raw >> s->linux_other_at & 31) < 16) {
            m.what = FZ_NAMES_NOTHING;
        }
        return m;
    }
    if (a->policy == PTW_ABSENT_LINUX) {
        swap = &s->linux_now;
    }
    type_at = a->type_at != 0 ? a->type_at : swap->type_at;
    offset_at = type_at == s->linux_other_at ? 9 : swap->offset_at;
    offset_end = swap->offset_end;
    type = (unsigned)(raw >> type_at & 31);
    if ((a->migration >> type & 1) != 0) {
        if (a->frame_bits != 0 && a->frame_bits < offset_end - offset_at) {
            offset_end = offset_at + a->frame_bits - 1;
        }
        m = page_in(raw, seen, offset_end, offset_at);
        m.pa >>= offset_at;
        m.what = m.pa >> 51 != 0 ? FZ_NAMES_WHO_KNOWS : FZ_NAMES_FRAME;
        m.pa <<= 12;
    } else if (level == 0 && type < 16) {
        m.what = FZ_NAMES_NOTHING;
    }
    return m;
}

/* Windows, nt!_MMPTE: bit 10 is Prototype, bit 11 is Transition, bit 4 is
 * SwizzleBit. */
static struct fz_named windows_name(const struct oracle_mode *mode,
                                    const struct ptw_absent *a, unsigned level,
                                    uint64_t raw)
{
    const struct oracle_systems *s = mode->format->systems;
    unsigned top = top_bit(oracle_frame(mode, 0) | mode->flag_bits);
    struct fz_named m = {FZ_NAMES_NOTHING, 0, 0};

    if ((raw & (s->windows_prototype | s->windows_transition)) !=
        s->windows_transition) {
        return m;
    }
    m.what = FZ_NAMES_WHO_KNOWS;
    if (level > 0) {
        return m;
    }
    if (a->mask != 0 && (raw & s->windows_swizzle) != 0) {
        raw -= s->windows_swizzle;
        if ((raw & a->mask) == 0) {
            return m;
        }
    } else if ((raw & a->mask) != a->mask) {
        return m;
    } else {
        raw -= a->mask;
    }
    return page_in(raw, raw, a->frame_bits != 0 ? 11 + a->frame_bits : top, 12);
}

struct fz_named fz_named(const struct oracle_mode *mode,
                         const struct ptw_absent *a, unsigned level,
                         uint64_t raw)
{
    struct fz_named m = a->policy == PTW_ABSENT_WINDOWS
                            ? windows_name(mode, a, level, raw)
                            : linux_name(mode, a, level, raw);

    if (m.what == FZ_NAMES_FRAME &&
        (m.pa >> mode->pa_bits != 0 || (m.pa & mode->flag_bits) != 0 ||
         m.pa % ((uint64_t)1 << shift_of(mode, level)) != 0)) {
        m.what = FZ_NAMES_WHO_KNOWS;
    }
    return m;
}
