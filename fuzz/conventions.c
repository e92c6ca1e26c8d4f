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
        /* A frame has some bits of that mask, or all. */
        {.policy = PTW_ABSENT_WINDOWS,
         .mask = is != NULL ? is->windows_mask | is->windows_mask >> 1 : 0,
         .frame_bits = is != NULL ? is->windows_bits : 0},
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
    return (struct fz_named){.what = FZ_NAMES_FRAME,
                             .pa = part(seen, hi, lo),
                             .rest = raw - part(raw, hi, lo)};
}

/* What an entry of x86 would grant. */
static unsigned rights_in(const struct oracle_mode *mode, uint64_t raw)
{
    return PTW_READ | ((raw & 2) != 0 ? (unsigned)PTW_WRITE : 0u) |
           ((raw & 4) != 0 ? (unsigned)PTW_USER : 0u) |
           (raw >> 63 == 0 ? (unsigned)PTW_EXEC : 0u) |
           mode->format->granted(mode);
}

/* The same of the frame of a page.  Linux has no flag bits in it: PTE_PFN_MASK
 * is of the physical mask, and sme_me_mask is not. */
static struct fz_named frame_in(const struct oracle_mode *mode, unsigned level,
                                uint64_t raw, uint64_t seen)
{
    uint64_t bits = oracle_frame(mode, level);

    return (struct fz_named){.what = FZ_NAMES_FRAME,
                             .pa = seen & bits,
                             .rest = raw & ~bits,
                             .use = PTW_ABSENT_PROT_NONE,
                             .rights = rights_in(mode, raw)};
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
    struct fz_named m = {.what = FZ_NAMES_WHO_KNOWS, .use = PTW_ABSENT_OTHER};
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

        m.use = PTW_ABSENT_PROT_NONE;
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
            m.use = PTW_ABSENT_SWAP;
            m.slot = UINT64_MAX;
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
        m.use = PTW_ABSENT_MIGRATION;
        m.rights = mode->format->rights;
    } else if (level == 0 && type < 16) {
        m.what = FZ_NAMES_NOTHING;
        m.use = PTW_ABSENT_SWAP;
        m.store = type;
        m.slot = part(seen, offset_end, offset_at) >> offset_at;
    }
    return m;
}

/* nt!MM_PROTECT_ACCESS, in bits 7:5: no access, read-only, execute, both,
 * read-write, write-copy, and the last two with execute. */
static unsigned windows_rights(uint64_t raw)
{
    static const char *const words[] = {"",   "r", "x",   "rx",
                                        "rw", "r", "rwx", "rx"};
    unsigned rights = PTW_USER;

    for (const char *c = words[raw >> 5 & 7]; *c != '\0'; c++) {
        rights |= *c == 'r'   ? (unsigned)PTW_READ
                  : *c == 'w' ? (unsigned)PTW_WRITE
                              : (unsigned)PTW_EXEC;
    }
    return rights;
}

/* A place in a page file: _MMPTE_SOFTWARE, which has PageFileHigh in its upper
 * half, or 20 bits of it, and no place is a page of zeros to come. */
static void windows_place(const struct oracle_mode *mode,
                          const struct ptw_absent *a, uint64_t raw,
                          struct fz_named *m)
{
    uint64_t swizzle = mode->format->systems->windows_swizzle;
    bool wide = mode->format->entry_bytes == 8;

    if (a->mask != 0) {
        raw &= (raw & swizzle) != 0 ? ~swizzle : ~a->mask;
    }
    m->slot = raw >> (wide ? 32 : 12);
    m->use = PTW_ABSENT_DEMAND_ZERO;
    if (m->slot != 0) {
        m->use = PTW_ABSENT_PAGE_FILE;
        m->store =
            (unsigned)(raw >> (wide && a->page_file_at != 1 ? 12 : 1)) & 15;
    }
}

/* Windows, nt!_MMPTE: bit 10 is Prototype, bit 11 is Transition, bit 4 is
 * SwizzleBit. */
static struct fz_named windows_name(const struct oracle_mode *mode,
                                    const struct ptw_absent *a, unsigned level,
                                    uint64_t raw)
{
    const struct oracle_systems *s = mode->format->systems;
    unsigned top = top_bit(oracle_frame(mode, 0) | mode->flag_bits);
    struct fz_named m = {.what = FZ_NAMES_NOTHING};
    unsigned rights = windows_rights(raw);

    if ((raw & s->windows_prototype) != 0) {
        m.use = PTW_ABSENT_PROTOTYPE;
        return m;
    }
    if ((raw & s->windows_transition) == 0) {
        windows_place(mode, a, raw, &m);
        return m;
    }
    m.what = FZ_NAMES_WHO_KNOWS;
    m.use = PTW_ABSENT_TRANSITION;
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
    m = page_in(raw, raw, a->frame_bits != 0 ? 11 + a->frame_bits : top, 12);
    m.use = PTW_ABSENT_TRANSITION;
    m.rights = rights;
    return m;
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
