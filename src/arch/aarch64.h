/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of VMSAv8-64 stage 1, of every granule.
 *
 * Arm Architecture Reference Manual for A-profile architecture, chapter D8:
 * "VMSAv8-64 translation table descriptor formats" and "Memory access control".
 *
 *   level   the manual's   an entry covers, and may map (b)
 *           name           4K              16K               64K
 *     0     3              4 KiB (b)       16 KiB (b)        64 KiB (b)
 *     1     2              2 MiB (b)       32 MiB (b)        512 MiB (b)
 *     2     1              1 GiB (b)       64 GiB (b: DS)    4 TiB (b: LPA)
 *     3     0              512 GiB (b: DS) 128 TiB           -
 *     4     -1             256 TiB         -                 -
 *
 * Bit 0 is clear in what is invalid, all other bits of which are software's.
 * Bits 1:0 are 11 in what leads to a table and in a page, 01 in a block.  Where
 * no block can be, and at level 3, 01 is reserved: the processor faults as if
 * it were invalid.  Here it is a bad entry, and not an absent one, since no
 * system means anything by it.
 *
 * An address above the output address size is bad ("Address size fault").  Bits
 * of a block below its address, and bits 50:48 where they are no address, are
 * RES0: the processor takes no address from them and does not fault (the
 * manual's pseudocode, AArch64.LeafBase and AArch64.NextTableBase), and neither
 * does this.
 *
 * AF counts in access alone: a leaf where it is clear is one. */
#ifndef PTW_AARCH64_H
#define PTW_AARCH64_H

#include "format.h"
#include "ptwalk/arch_aarch64.h"

enum a64_level { A64_L3, A64_L2, A64_L1, A64_L0, A64_LM1 };

/* The facts of a regime. */
enum a64_fact {
    A64_LPA = 1, /* bits 15:12 of an entry hold bits 51:48 of its address */
    A64_DS = 2,  /* bits 9:8 hold bits 51:50 of it, */
    A64_EL2 = 4, /* one privilege */
    A64_EL3 = 8,
    A64_E2H = 16,
};

#define A64_BIT(n) ((uint64_t)1 << (n))

static const uint64_t A64_VALID = A64_BIT(0);
static const uint64_t A64_TABLE = A64_BIT(1); /* or a page */
static const uint64_t A64_AP1 = A64_BIT(6);
static const uint64_t A64_AP2 = A64_BIT(7); /* with PIE: nDirty */
static const uint64_t A64_SH = A64_BIT(9) | A64_BIT(8);
static const uint64_t A64_AF = A64_BIT(10);
static const uint64_t A64_NG = A64_BIT(11);
static const uint64_t A64_NT = A64_BIT(16); /* of a block */
static const uint64_t A64_DBM = A64_BIT(51);
static const uint64_t A64_CONTIGUOUS = A64_BIT(52);
static const uint64_t A64_PXN = A64_BIT(53);
static const uint64_t A64_UXN = A64_BIT(54); /* with one privilege: XN */
static const uint64_t A64_PXN_TABLE = A64_BIT(59);
static const uint64_t A64_UXN_TABLE = A64_BIT(60);
static const uint64_t A64_AP_TABLE0 = A64_BIT(61);
static const uint64_t A64_AP_TABLE1 = A64_BIT(62);
/* All of them. */
static const uint64_t A64_WITHHELD = (uint64_t)15 << 59;
static const uint64_t A64_INDEX = (uint64_t)7 << 2; /* AttrIndx */
/* PIIndex[3:0] */
static const uint64_t A64_PI =
    A64_BIT(54) | A64_BIT(53) | A64_BIT(51) | A64_BIT(6);

/* Software's bits 58:55; this value in them says copy-on-write. */
static const uint64_t A64_SOFTWARE = (uint64_t)15 << 55;
static const uint64_t A64_COPY_ON_WRITE = (uint64_t)1 << 55;

enum {
    A64_RIGHTS = PTW_READ | PTW_WRITE | PTW_USER | PTW_EXEC | PTW_USER_EXEC,
    A64_ONE_RIGHTS = PTW_READ | PTW_WRITE | PTW_EXEC /* with one privilege */
};
#define A64_LETTERS      "rwxuX"
#define A64_PRESENT_TEXT "Valid, bit 0, is clear"

/* What a permission of PIR_ELx or PIRE0_ELx grants. */
enum { A64_R = 1, A64_W = 2, A64_X = 4, A64_GCS = 8 };

struct a64_permissions {
    unsigned privileged; /* a set of the above */
    unsigned user;
};

/* ptw_aarch64_permissions_of returns what the registers grant to that PIIndex,
 * whatever nDirty says: "Stage 1 Indirect permissions". */
struct a64_permissions ptw_aarch64_permissions_of(const struct ptw_regime *r,
                                                  unsigned index);

/* What all formats have in common, and leads to functions of aarch64.c. */
extern const struct ptw_widths ptw_aarch64_widths;
void ptw_aarch64_setup(struct ptw_regime *r);
void ptw_aarch64_keep(struct ptw_regime *r, const struct ptw_cpu *cpu);
struct ptw_attributes ptw_aarch64_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw);
struct ptw_bad_entry ptw_aarch64_bad(const struct ptw_regime *r, unsigned level,
                                     unsigned index, uint64_t raw);
size_t ptw_aarch64_fields(const struct ptw_regime *r, unsigned level,
                          uint64_t raw, struct ptw_entry_field *field);
const char *ptw_aarch64_right_text(const struct ptw_regime *r,
                                   enum ptw_right right);
bool ptw_aarch64_guest_writes(const struct ptw_regime *r, unsigned above,
                              uint64_t raw);
bool ptw_aarch64_shadow_stack(const struct ptw_regime *r, unsigned above,
                              uint64_t raw);
bool ptw_aarch64_access_allowed(const struct ptw_regime *r, unsigned above,
                                unsigned level, uint64_t raw,
                                const struct ptw_access *access);

/* Those of a format; the entries are few to write and many to read. */
uint64_t ptw_aarch64_table_bits(const struct ptw_regime *r, unsigned level,
                                unsigned rights);
bool ptw_aarch64_path_bits(const struct ptw_regime *r, unsigned level,
                           unsigned rights, uint64_t *raw);
uint64_t ptw_aarch64_leaf_with_rights(const struct ptw_regime *r,
                                      unsigned level, uint64_t raw,
                                      unsigned rights);
uint64_t ptw_aarch64_leaf_split(const struct ptw_regime *r, unsigned level,
                                uint64_t raw);
uint64_t ptw_aarch64_leaf_copy_on_write(const struct ptw_regime *r,
                                        uint64_t raw);
/* ptw_aarch64_indirect_leaf sets *bits, in which PIIndex and nDirty are 0, to a
 * leaf that grants just those rights; false when no index does. */
bool ptw_aarch64_indirect_leaf(const struct ptw_regime *r, unsigned rights,
                               uint64_t *bits);
/* ptw_aarch64_indirect_rights returns the rights of that leaf. */
unsigned ptw_aarch64_indirect_rights(const struct ptw_regime *r, uint64_t raw);

PTW_ENGINE bool a64_one_privilege(const struct ptw_regime *r)
{
    return (r->facts & (A64_EL2 | A64_EL3)) != 0;
}

PTW_ENGINE bool a64_indirect(const struct ptw_regime *r)
{
    return (r->features & PTW_AARCH64_PIE) != 0;
}

/* Bits of an entry that hold the high part of its address, and how far it is
 * moved. */
PTW_ENGINE uint64_t a64_high(const struct ptw_regime *r)
{
    return (r->facts & A64_LPA) != 0  ? ptw_bits(15, 12)
           : (r->facts & A64_DS) != 0 ? A64_SH
                                      : 0;
}

PTW_ENGINE unsigned a64_high_shift(const struct ptw_regime *r)
{
    return (r->facts & A64_LPA) != 0 ? 48 - 12 : 50 - 8;
}

/* The bits of pa, as an entry has them in the bits `field`. */
PTW_ENGINE uint64_t a64_put(const struct ptw_regime *r, uint64_t field,
                            uint64_t pa)
{
    return (pa & field & ~r->moved) | (pa >> r->moved_up & r->moved);
}

PTW_ENGINE uint64_t a64_get(const struct ptw_regime *r, uint64_t field,
                            uint64_t raw)
{
    return (raw & field & ~r->moved) | (raw & r->moved) << r->moved_up;
}

/* Tables below a root are as large as the smallest page, so that an entry has
 * their address where it has that of one. */
PTW_ENGINE uint64_t a64_field(const struct ptw_regime *r, unsigned level,
                              bool leaf)
{
    return r->rule[leaf ? level : 0].leaf_address;
}

PTW_ENGINE bool a64_is_leaf(unsigned level, uint64_t raw)
{
    return level == 0 || (raw & A64_TABLE) == 0;
}

PTW_ENGINE uint64_t a64_address_bits(const struct ptw_regime *r, unsigned level,
                                     uint64_t raw)
{
    return a64_field(r, level, a64_is_leaf(level, raw));
}
PTW_NAMED(a64_address_bits);

PTW_ENGINE uint64_t a64_put_address(const struct ptw_regime *r, unsigned level,
                                    enum ptw_entry_kind kind, uint64_t pa)
{
    return a64_put(r, a64_field(r, level, kind == PTW_ENTRY_LEAF), pa);
}
PTW_NAMED(a64_put_address);

/* What an entry that leads to a table leaves of the rights: "Hierarchical
 * control of Stage 1 data access permissions", "... instruction execution
 * permissions". */
PTW_ENGINE unsigned a64_table_rights(const struct ptw_regime *r, uint64_t raw)
{
    if ((r->features & (PTW_AARCH64_HPD | PTW_AARCH64_PIE)) != 0) {
        return r->rights;
    }
    if (a64_one_privilege(r)) {
        return PTW_READ | ((raw & A64_AP_TABLE1) != 0 ? 0 : PTW_WRITE) |
               ((raw & A64_UXN_TABLE) != 0 ? 0 : PTW_EXEC);
    }
    return PTW_READ | ((raw & A64_AP_TABLE1) != 0 ? 0 : PTW_WRITE) |
           ((raw & A64_AP_TABLE0) != 0 ? 0 : PTW_USER) |
           ((raw & A64_PXN_TABLE) != 0 ? 0 : PTW_EXEC) |
           ((raw & A64_UXN_TABLE) != 0 ? 0 : PTW_USER_EXEC);
}

/* "Stage 1 Direct permissions"; of EL2 and EL3 alone, "AP[1] is RES1". */
PTW_ENGINE unsigned a64_leaf_rights(const struct ptw_regime *r, uint64_t raw)
{
    if (PTW_UNLIKELY(a64_indirect(r))) {
        return ptw_aarch64_indirect_rights(r, raw);
    }
    if (a64_one_privilege(r)) {
        return PTW_READ | ((raw & A64_AP2) != 0 ? 0 : PTW_WRITE) |
               ((raw & A64_UXN) != 0 ? 0 : PTW_EXEC);
    }
    return PTW_READ | ((raw & A64_AP2) != 0 ? 0 : PTW_WRITE) |
           ((raw & A64_AP1) != 0 ? PTW_USER : 0) |
           ((raw & A64_PXN) != 0 ? 0 : PTW_EXEC) |
           ((raw & A64_UXN) != 0 ? 0 : PTW_USER_EXEC);
}

/* Which of them the entry has, out of the regime: setup asked the functions
 * above. */
PTW_ENGINE unsigned a64_own_table(const struct ptw_regime *r, uint64_t raw)
{
    return r->own[0][raw >> 59 & 15];
}

/* The four bits of PIIndex; among them are AP[1], PXN and UXN.  AP[2], which is
 * nDirty too, takes writing away. */
PTW_ENGINE unsigned a64_own_leaf(const struct ptw_regime *r, uint64_t raw)
{
    unsigned index =
        (unsigned)((raw >> 6 & 1) | (raw >> 50 & 2) | (raw >> 51 & 12));

    return r->own[1][index] & ~(unsigned)(raw >> 6 & PTW_WRITE);
}

_Static_assert(PTW_WRITE == 1 << 1, "AP[2] takes it away, shifted");

PTW_ENGINE struct ptw_entry a64_decode(const struct ptw_regime *r, uint64_t raw,
                                       unsigned level, unsigned index)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};

    (void)index;
    if ((raw & A64_VALID) == 0) {
        return e;
    }
    e.kind = PTW_ENTRY_BAD;
    if (level > 0 && (raw & A64_TABLE) != 0) {
        if ((raw & rule->table_reserved) == 0) {
            e.kind = PTW_ENTRY_TABLE;
            e.pa.v = a64_get(r, a64_field(r, level, false), raw);
            e.rights = a64_own_table(r, raw);
        }
    } else if ((level == 0 ? (raw & A64_TABLE) != 0 : rule->leaf) &&
               (raw & rule->leaf_reserved) == 0) {
        e.kind = PTW_ENTRY_LEAF;
        e.pa.v = a64_get(r, rule->leaf_address, raw);
        e.rights = a64_own_leaf(r, raw);
    }
    return e;
}
PTW_NAMED(a64_decode);

/* The quick way down: bits 62:59 withhold rights, each one of its own. */
PTW_ENGINE uint64_t a64_table_address(const struct ptw_regime *r,
                                      uint64_t turned)
{
    uint64_t pa = turned & r->unmoved;

    return PTW_LIKELY(r->moved == 0) ? pa
                                     : pa | (turned & r->moved) << r->moved_up;
}
PTW_NAMED(a64_table_address);

PTW_ENGINE unsigned a64_path_rights(const struct ptw_regime *r, uint64_t kept)
{
    return a64_own_table(r, ~kept);
}
PTW_NAMED(a64_path_rights);

PTW_ENGINE bool a64_copy_on_write(const struct ptw_regime *r, uint64_t raw)
{
    return (raw & (A64_SOFTWARE | (a64_indirect(r) ? 0 : A64_DBM))) ==
           A64_COPY_ON_WRITE;
}

/* Whether the processor makes leaves writable: "Hardware management of dirty
 * state". */
PTW_ENGINE bool a64_hardware_dirty(const struct ptw_regime *r)
{
    return (r->features & (PTW_AARCH64_HA | PTW_AARCH64_HD)) ==
           (PTW_AARCH64_HA | PTW_AARCH64_HD);
}

/* Leaves of one run are alike in whether the guest can write, which rights
 * alone do not say where DBM or the indices of permissions do. */
PTW_ENGINE uint64_t a64_leaf_class(const struct ptw_regime *r, unsigned above,
                                   uint64_t raw, unsigned level)
{
    uint64_t written = (a64_indirect(r) || a64_hardware_dirty(r)) &&
                       ptw_aarch64_guest_writes(r, above, raw);

    (void)level;
    return (raw & A64_INDEX) | written << 1 |
           (uint64_t)a64_copy_on_write(r, raw);
}
PTW_NAMED(a64_leaf_class);

/* A leaf is written with AF set and, where that is said in it, inner
 * shareable. */
PTW_ENGINE bool a64_leaf_bits(const struct ptw_regime *r, unsigned level,
                              unsigned rights, bool copy_on_write,
                              const struct ptw_attributes *at, uint64_t *bits)
{
    bool one = a64_one_privilege(r);
    uint64_t raw = A64_VALID | A64_AF | (level == 0 ? A64_TABLE : 0);

    if (PTW_UNLIKELY(at->memory_type > 7 || (at->key | at->flag_bits) != 0 ||
                     (one && at->global) || (rights & ~r->rights) != 0 ||
                     (level > 0 && !r->rule[level].leaf))) {
        return false;
    }
    raw |= (uint64_t)at->memory_type << 2;
    raw |= (r->facts & A64_DS) != 0 ? 0 : A64_SH;
    raw |= one || at->global ? 0 : A64_NG;
    raw |= copy_on_write ? A64_COPY_ON_WRITE : 0;
    if (PTW_UNLIKELY(a64_indirect(r))) {
        *bits = raw;
        return ptw_aarch64_indirect_leaf(r, rights, bits);
    }
    raw |= (rights & PTW_WRITE) != 0 ? 0 : A64_AP2;
    if (one) {
        raw |= A64_AP1 | ((rights & PTW_EXEC) != 0 ? 0 : A64_UXN);
    } else {
        raw |= ((rights & PTW_USER) != 0 ? A64_AP1 : 0) |
               ((rights & PTW_EXEC) != 0 ? 0 : A64_PXN) |
               ((rights & PTW_USER_EXEC) != 0 ? 0 : A64_UXN);
    }
    *bits = raw;
    return (rights & PTW_READ) != 0;
}
PTW_NAMED(a64_leaf_bits);

/* The members of a format and of an architecture that all granules have. */
#define A64_ENTRIES                                                            \
    .entry_log2 = 3, .rights = A64_RIGHTS, .present = 1, .piecewise = true,    \
    .mark = (uint64_t)1 << 55, .together = (uint64_t)1 << 52,                  \
    .decode = PTW_BY_NAME(a64_decode),                                         \
    .table_address = PTW_BY_NAME(a64_table_address), .folds = PTW_MAX_LEVELS,  \
    .path_rights = PTW_BY_NAME(a64_path_rights),                               \
    .leaf_class = PTW_BY_NAME(a64_leaf_class),                                 \
    .address_bits = PTW_BY_NAME(a64_address_bits),                             \
    .put_address = PTW_BY_NAME(a64_put_address),                               \
    .table_bits = ptw_aarch64_table_bits, .path_bits = ptw_aarch64_path_bits,  \
    .leaf_bits = PTW_BY_NAME(a64_leaf_bits),                                   \
    .leaf_with_rights = ptw_aarch64_leaf_with_rights,                          \
    .leaf_split = ptw_aarch64_leaf_split,                                      \
    .leaf_copy_on_write = ptw_aarch64_leaf_copy_on_write,                      \
    .alias_put = aarch64_alias_put

#define A64_ARCH                                                               \
    .widths = &ptw_aarch64_widths, .root_bits = 52,                            \
    .features = PTW_AARCH64_HA | PTW_AARCH64_HD | PTW_AARCH64_WXN |            \
                PTW_AARCH64_HPD | PTW_AARCH64_PIE | PTW_AARCH64_E0PD |         \
                PTW_AARCH64_TBI | PTW_AARCH64_TBID | PTW_AARCH64_PAN3 |        \
                PTW_AARCH64_MTX,                                               \
    .apart = PTW_AARCH64_HPD | PTW_AARCH64_E0PD | PTW_AARCH64_TBI |            \
             PTW_AARCH64_TBID | PTW_AARCH64_MTX,                               \
    .open_tables = PTW_AARCH64_HPD, .granted = PTW_READ,                       \
    .letters = A64_LETTERS, .keep = ptw_aarch64_keep,                          \
    .setup = ptw_aarch64_setup, .attributes = ptw_aarch64_attributes,          \
    .bad = ptw_aarch64_bad, .fields = ptw_aarch64_fields,                      \
    .present_text = A64_PRESENT_TEXT, .right_text = ptw_aarch64_right_text,    \
    .guest_writes = ptw_aarch64_guest_writes,                                  \
    .shadow_stack = ptw_aarch64_shadow_stack,                                  \
    .access_allowed = ptw_aarch64_access_allowed, PTW_ALIASES_OF(aarch64)

#endif
