/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of policies for entries that are not present: README.md has
 * them in words. */
#include "policies.h"

#define HEX(v) ((unsigned long long)(v))

static uint64_t state;

static uint64_t next_number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* What a convention reads out of an entry it writes into it: there and back,
 * and nothing else of the entry changes. */
static void check_convention(const struct ptw_regime *r,
                             const struct ptw_absent *absent, unsigned level,
                             uint64_t raw)
{
    struct ptw_absent_entry e = ptw_absent_read(absent, r, level, raw);
    uint64_t size = (uint64_t)1 << e.size_log2;
    uint64_t pa = next_number() % ((uint64_t)1 << ptw_pa_bits(r)) & ~(size - 1);
    uint64_t out = 7;
    uint64_t back = 7;
    enum ptw_status st =
        ptw_absent_write(absent, r, level, raw, ptw_pa_of(pa), &out);

    if (e.kind != PTW_ABSENT_FRAME) {
        if (e.pa.v != 0 || e.rights != 0 || st != PTW_E_ARG || out != 7) {
            fz_fail(ASK_ABSENT, "%llx names no frame, and %llx", HEX(raw),
                    HEX(e.pa.v));
        }
        return;
    }
    if ((raw & 1) != 0 || raw == 0 || e.pa.v % size != 0 ||
        e.pa.v >> ptw_pa_bits(r) != 0) {
        fz_fail(ASK_ABSENT, "%llx names %llx", HEX(raw), HEX(e.pa.v));
    }
    /* Bits that it has it can have. */
    if (ptw_absent_write(absent, r, level, raw,
                         ptw_pa_of(e.pa.v & ~(pa >> 1) & ~(size - 1)),
                         &back) != PTW_OK) {
        fz_fail(ASK_ABSENT, "%llx names %llx, and can't name a part of that",
                HEX(raw), HEX(e.pa.v));
    }
    if (st == PTW_E_WIDTH && out == 7) {
        return;
    }
    if (st != PTW_OK || (out & 1) != 0 ||
        ptw_absent_read(absent, r, level, out).pa.v != pa ||
        ptw_absent_write(absent, r, level, out, e.pa, &back) != PTW_OK ||
        back != raw) {
        fz_fail(ASK_ABSENT,
                "%llx names %llx, and with %llx it is %llx, and %llx again",
                HEX(raw), HEX(e.pa.v), HEX(pa), HEX(out), HEX(back));
    }
}

/* What an entry of Linux on RISC-V names: the frame of a page that may not be
 * touched or is migrated, or a slot.  Linux, arch/riscv/include/asm/pgtable.h,
 * "Encode and decode swap entries", and pgtable-bits.h: PROT_NONE is bit 5. */
static void check_riscv(const struct ptw_regime *r, const struct ptw_absent *p,
                        unsigned level, uint64_t raw)
{
    struct ptw_absent_entry e = ptw_absent_read(p, r, level, raw);
    bool wide = ptw_entry_bytes(r) == 8;
    unsigned type_at = p->policy == PTW_ABSENT_LINUX ? 7 : 6;
    unsigned type = (unsigned)(raw >> type_at) & 31;
    uint64_t offset = raw >> (type_at + 5);
    uint64_t size = ptw_page_size(r) << (wide ? 9 : 10) * level;
    bool page = (raw >> 5 & 1) != 0 || (level > 0 && (raw >> 1 & 1) != 0);
    bool swap = !page && (raw & 6) == 0 &&
                (level == 0 || (level == 1 && (raw & 8) == 0));
    bool moving = swap && (p->migration >> type & 1) != 0;
    uint64_t frame =
        page ? raw << (wide ? 10 : 32) >> (wide ? 20 : 42) : offset;
    enum ptw_absent_kind kind = PTW_ABSENT_UNKNOWN;

    if (moving && p->frame_bits != 0) {
        frame &= ((uint64_t)1 << p->frame_bits) - 1;
    }
    if ((moving || (page && !(wide && raw >> 63 != 0))) && frame >> 44 == 0 &&
        (frame << 12) % size == 0 && frame << 12 >> ptw_pa_bits(r) == 0) {
        kind = PTW_ABSENT_FRAME;
    } else if (swap && !moving && type < 16 && level == 0) {
        kind = PTW_ABSENT_NO_FRAME;
    }
    if (raw == 0) {
        kind = PTW_ABSENT_NO_FRAME;
    }
    if (e.kind != kind ||
        (kind == PTW_ABSENT_FRAME &&
         (e.pa.v != frame << 12 ||
          (e.use == PTW_ABSENT_MIGRATION) != moving)) ||
        (kind == PTW_ABSENT_NO_FRAME && raw != 0 &&
         (e.use != PTW_ABSENT_SWAP || e.store != type || e.slot != offset))) {
        fz_fail(ASK_ABSENT, "%llx, level %u: %llx, store %u, slot %llx",
                HEX(raw), level, HEX(e.pa.v), e.store, HEX(e.slot));
    }
}

/* The same of Linux on arm64, arch/arm64/include/asm/pgtable.h and
 * pgtable-prot.h: a leaf but for its lowest bit, which bit 11 says (before 6.10
 * bit 58 or, of a block, 59), or a type and an offset. */
static void check_arm64(const struct ptw_regime *r, const struct ptw_absent *p,
                        unsigned level, uint64_t raw)
{
    struct ptw_absent_entry e = ptw_absent_read(p, r, level, raw);
    bool plain = p->policy == PTW_ABSENT_LINUX_PLAIN;
    uint64_t page_bytes = ptw_page_size(r);
    uint64_t size = page_bytes;
    bool page = plain ? (raw >> 58 & 1) != 0 || (level > 0 && raw >> 59 & 1)
                      : (raw >> 11 & 1) != 0;
    bool swap =
        !page && level <= 1 && (raw & 3) == 0 && raw >> (plain ? 58 : 62) == 0;
    unsigned types[2] = {(unsigned)(raw >> 2) & 31, (unsigned)(raw >> 3) & 31};
    uint64_t frame = raw >> (plain ? 8 : 12);
    uint64_t slot = frame;
    enum ptw_absent_kind kind = PTW_ABSENT_UNKNOWN;
    bool moving;

    if (!plain) {
        types[0] = (unsigned)(raw >> 6) & 31;
        types[1] = types[0];
    } else if (p->type_at != 0) {
        types[0] = types[p->type_at - 2];
        types[1] = types[0];
    }
    for (unsigned i = 0; i < level; i++) {
        size *= page_bytes / 8;
    }
    moving = swap && (!plain || p->type_at != 0) &&
             (p->migration >> types[0] & 1) != 0;
    if (p->frame_bits != 0) {
        frame &= ((uint64_t)1 << p->frame_bits) - 1;
    }
    if (moving && frame <= UINT64_MAX / page_bytes &&
        frame * page_bytes >> ptw_pa_bits(r) == 0 &&
        frame * page_bytes % size == 0) {
        kind = PTW_ABSENT_FRAME;
    } else if (swap && !moving && level == 0 && types[0] < 16 &&
               types[1] < 16) {
        kind = PTW_ABSENT_NO_FRAME;
    }
    frame *= page_bytes;
    if (page) {
        struct ptw_entry leaf =
            ptw_decode(r, level, 0, level == 0 ? raw | 3 : (raw | 1) & ~2ull);

        kind =
            leaf.kind == PTW_ENTRY_LEAF ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
        frame = leaf.pa.v;
    }
    if (raw == 0) {
        kind = PTW_ABSENT_NO_FRAME;
    }
    if (e.kind != kind ||
        (kind == PTW_ABSENT_FRAME &&
         (e.pa.v != frame || (e.use == PTW_ABSENT_MIGRATION) != moving)) ||
        (kind == PTW_ABSENT_NO_FRAME && raw != 0 &&
         (e.use != PTW_ABSENT_SWAP ||
          (types[0] == types[1] && (!plain || p->type_at != 0) &&
           (e.store != types[0] || e.slot != slot))))) {
        fz_fail(ASK_ABSENT,
                "%llx, level %u: kind %d, %llx, store %u, slot %llx", HEX(raw),
                level, (int)e.kind, HEX(e.pa.v), e.store, HEX(e.slot));
    }
}

/* Long mode. */
static bool is_long(const struct ptw_regime *r)
{
    return ptw_is_x86(r) && ptw_levels(r) > 3;
}

/* A policy that can be in guests of r. */
static struct ptw_absent right_policy(const struct ptw_regime *r)
{
    uint64_t how = next_number();
    struct ptw_absent absent = {
        .policy = PTW_ABSENT_LINUX + (unsigned)(how % (ptw_is_x86(r) ? 3 : 2)),
    };

    if (absent.policy == PTW_ABSENT_WINDOWS) {
        absent.mask = (how & 8) != 0 ? 0x80000000 : 0;
        absent.page_file_at = (how & 16) != 0 ? 1 : 0;
    } else {
        absent.migration = (uint32_t)how & 0xFFFF0000;
    }
    if (absent.policy != PTW_ABSENT_LINUX || absent.migration != 0) {
        absent.frame_bits = (unsigned)(how >> 32 & 15);
    }
    if (absent.policy == PTW_ABSENT_LINUX_PLAIN) {
        absent.frame_bits = absent.migration != 0 ? absent.frame_bits : 0;
        /* 0: it may be at either. */
        if (is_long(r)) {
            absent.type_at = (how & 4) != 0 ? 9 : (how & 8) != 0 ? 1 : 0;
        } else if (ptw_is_aarch64(r)) {
            absent.type_at = (how & 4) != 0 ? 3 : (how & 8) != 0 ? 2 : 0;
        }
    }
    return absent;
}

/* A policy that may be none: each parameter has no value, one that some policy
 * has, or the next one. */
static struct ptw_absent any_policy(void)
{
    static const uint32_t migration[8] = {0,          0,      0, 0x10000,
                                          0xFFFF0000, 0x8000, 1, 0xFFFFFFFF};
    static const unsigned type_at[8] = {0, 0, 0, 1, 2, 3, 9, 10};
    static const unsigned frame_bits[8] = {0, 0, 0, 1, 20, 21, 40, 41};
    static const uint64_t mask[8] = {
        0,    0, 0, 0x80000000, 0x100000000, 0x8000000000000, 0x10000000000000,
        0x800};
    static const unsigned page_file_at[8] = {0, 0, 0, 0, 1, 2, 12, 13};
    uint64_t how = next_number();

    return (struct ptw_absent){
        .policy = (enum ptw_absent_policy)(how % (PTW_ABSENT_POLICIES + 1)),
        .migration = migration[how >> 8 & 7],
        .type_at = type_at[how >> 16 & 7],
        .frame_bits = frame_bits[how >> 24 & 7],
        .mask = mask[how >> 32 & 7],
        .page_file_at = page_file_at[how >> 40 & 7],
    };
}

/* Whether a policy has no parameters of one of the systems. */
static bool not_of_linux(const struct ptw_absent *p)
{
    return p->migration == 0 && p->type_at == 0;
}

static bool not_of_windows(const struct ptw_absent *p)
{
    return p->mask == 0 && p->page_file_at == 0;
}

/* What ptw_absent_check has to say, by what ptwalk/absent.h says of each
 * parameter. */
static enum ptw_status verdict(const struct ptw_absent *p,
                               const struct ptw_regime *r)
{
    bool wide = ptw_entry_bytes(r) == 8;
    bool fits = false;

    if (p->policy == PTW_ABSENT_KEEP || p->policy == PTW_ABSENT_CLEAR) {
        fits = not_of_linux(p) && not_of_windows(p) && p->frame_bits == 0;
    } else if (p->policy == PTW_ABSENT_LINUX ||
               p->policy == PTW_ABSENT_LINUX_PLAIN) {
        bool plain = p->policy == PTW_ABSENT_LINUX_PLAIN;

        if (ptw_levels(r) == 0) {
            return PTW_E_REGIME;
        }
        fits = not_of_windows(p) && (p->migration & 0xFFFF) == 0 &&
               p->frame_bits <= (p->migration != 0 ? 40u : 0u) &&
               (p->type_at == 0 ||
                (plain && is_long(r) && (p->type_at == 1 || p->type_at == 9)) ||
                (plain && ptw_is_aarch64(r) &&
                 (p->type_at == 2 || p->type_at == 3)));
    } else if (p->policy == PTW_ABSENT_WINDOWS) {
        if (ptw_levels(r) == 0 || !ptw_is_x86(r)) {
            return PTW_E_REGIME;
        }
        fits = not_of_linux(p) && p->frame_bits <= (wide ? 40u : 20u) &&
               (p->mask & 0xFFF) == 0 && p->mask >> (wide ? 52 : 32) == 0 &&
               (p->page_file_at <= 1 || (wide && p->page_file_at == 12));
    }
    return fits ? PTW_OK : PTW_E_ARG;
}

void fz_check_policies(const struct ptw_regime *r, uint64_t seed)
{
    bool wide = ptw_entry_bytes(r) == 8;

    state = seed | 1;
    for (unsigned i = 0; i < 32; i++) {
        struct ptw_absent absent = any_policy();
        enum ptw_status st = ptw_absent_check(&absent, r);

        if (st != verdict(&absent, r)) {
            fz_stop(ASK_ABSENT, "a policy %d, %x, %u, %u, %llx, %u: %s",
                    (int)absent.policy, (unsigned)absent.migration,
                    absent.type_at, absent.frame_bits, HEX(absent.mask),
                    absent.page_file_at, ptw_status_text(st));
        }
    }
    for (unsigned i = 0; i < 32 && ptw_levels(r) > 0; i++) {
        struct ptw_absent absent = right_policy(r);
        uint64_t how = next_number();
        uint64_t raw = next_number();

        if (ptw_absent_check(&absent, r) != PTW_OK) {
            fz_stop(ASK_ABSENT, "a policy %d is refused", (int)absent.policy);
        }
        raw = wide ? raw : (uint32_t)raw;
        /* Near the top or the bottom, where frames are. */
        raw |= (how >> 40 & 1) != 0 ? 0x000FFFFF00000000 : 0;
        raw &= (how >> 41 & 1) != 0 ? 0xFFF00000FFFFFFFF : UINT64_MAX;
        raw &= wide ? ~(uint64_t)1 : 0xFFFFFFFE;
        /* Few bits: half of them are in a swap entry as they are. */
        raw &= (how >> 42 & 1) != 0 ? ~(uint64_t)0x3E : UINT64_MAX;
        /* On arm64 other bits have to be clear in a swap entry, and frames are
         * not so high. */
        if (ptw_is_aarch64(r)) {
            raw &= (how >> 43 & 1) != 0 ? 0x03FFFFFFFFFFF7FC : UINT64_MAX;
            raw &= (how >> 48 & 1) != 0 ? 0xFFF00000FFFFFFFF >> 8 : UINT64_MAX;
        }
        check_convention(r, &absent, (unsigned)(how >> 44) % ptw_levels(r),
                         raw);
        if (ptw_is_riscv(r)) {
            check_riscv(r, &absent, (unsigned)(how >> 44) % ptw_levels(r), raw);
        } else if (ptw_is_aarch64(r)) {
            check_arm64(r, &absent, (unsigned)(how >> 44) % ptw_levels(r), raw);
        }
    }
}
