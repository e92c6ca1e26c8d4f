/* SPDX-License-Identifier: Apache-2.0 */
/* Bits that mean the same in every x86 entry.  Intel SDM vol. 3A, "Paging". */
#ifndef PTW_X86_H
#define PTW_X86_H

#include "format.h"
#include "ptwalk/arch_x86.h"

/* x86 in common: what R/W, U/S and XD mean and how accesses are judged does
 * not depend on the number of levels. */
const char *ptw_x86_conflict(unsigned features);
unsigned ptw_x86_lacks(const struct ptw_cpu *cpu);
unsigned ptw_x86_facts(const struct ptw_cpu *cpu);
/* ptw_x86_bad_beyond says why raw is bad.  An entry with PS set where PS is
 * looked at was to be a leaf, any other one to lead to a table.  beyond: bits
 * of an address that this processor's width leaves out; they are reserved as
 * all others are, and named apart. */
struct ptw_bad_entry ptw_x86_bad_beyond(const struct ptw_regime *r,
                                        unsigned level, uint64_t raw,
                                        uint64_t beyond);
size_t ptw_x86_fields(const struct ptw_regime *r, unsigned level, uint64_t raw,
                      struct ptw_entry_field *field);
const char *ptw_x86_right_text(const struct ptw_regime *r,
                               enum ptw_right right);
bool ptw_x86_guest_writes(const struct ptw_regime *r, unsigned above,
                          uint64_t raw);
bool ptw_x86_shadow_stack(const struct ptw_regime *r, unsigned above,
                          uint64_t raw);
bool ptw_x86_access_allowed(const struct ptw_regime *r, unsigned above,
                            unsigned level, uint64_t raw,
                            const struct ptw_access *access);

/* Facts of a processor that the rules of a level need. */
enum x86_fact {
    X86_FACT_AMD = 1, /* struct ptw_x86_cpu: amd */
};

#define X86_BIT(n) ((uint64_t)1 << (n))

static const uint64_t X86_P = X86_BIT(0);
static const uint64_t X86_RW = X86_BIT(1);
static const uint64_t X86_US = X86_BIT(2);
static const uint64_t X86_PWT = X86_BIT(3);
static const uint64_t X86_PCD = X86_BIT(4);
static const uint64_t X86_A = X86_BIT(5);
static const uint64_t X86_D = X86_BIT(6);
static const uint64_t X86_PS = X86_BIT(7);        /* above level 0 */
static const uint64_t X86_PAT_SMALL = X86_BIT(7); /* at level 0 */
static const uint64_t X86_G = X86_BIT(8);
static const uint64_t X86_PAT_LARGE = X86_BIT(12);
static const uint64_t X86_XD = X86_BIT(63);

/* Where a bit of an entry means something. */
enum x86_where {
    X86_UPPER = 1, /* in an entry that leads to a table */
    X86_SMALL = 2, /* in a leaf of level 0 */
    X86_LARGE = 4, /* in a leaf above */
    X86_LEAF = X86_SMALL | X86_LARGE,
    X86_ALL = X86_UPPER | X86_LEAF,
    X86_ROOT = 8, /* in an entry of a PDPT under PAE paging */
};

/* ptw_x86_fields_in describes raw, an entry of which it is known what it is. */
size_t ptw_x86_fields_in(const struct ptw_regime *r, enum x86_where where,
                         uint64_t raw, struct ptw_entry_field *field);

/* Readable is whatever is present, and executable where there is no XD. */
enum { X86_RIGHTS = PTW_READ | PTW_WRITE | PTW_USER | PTW_EXEC };
#define X86_LETTERS "rwxu"

#define X86_PRESENT_TEXT "P, bit 0, is clear"

/* Software's bits 11:9; this value in them says copy-on-write. */
static const uint64_t X86_SOFTWARE = 0xE00;
#define X86_MARK 0x200
static const uint64_t X86_COPY_ON_WRITE = X86_MARK;

_Static_assert(PTW_WRITE == 1 << 1 && PTW_USER == 1 << 2,
               "R/W and U/S stand where the rights do");

/* What an entry by itself grants.  Where XD does not exist its bit is reserved
 * or ignored, and is 0 by the time that an entry is a table or a leaf. */
PTW_ENGINE unsigned x86_rights(uint64_t raw)
{
    return PTW_READ | (unsigned)(raw & (X86_RW | X86_US)) |
           (unsigned)(~raw >> 60 & PTW_EXEC);
}

PTW_ENGINE bool x86_copy_on_write(uint64_t raw)
{
    return (raw & X86_SOFTWARE) == X86_COPY_ON_WRITE;
}

/* PAT, PCD and PWT as an index into the PAT; "The Page Attribute Table". */
PTW_ENGINE unsigned x86_memory_type(uint64_t raw, unsigned level)
{
    bool pat = (raw & (level == 0 ? X86_PAT_SMALL : X86_PAT_LARGE)) != 0;

    return (unsigned)pat << 2 | (unsigned)(raw >> 3 & 3);
}

/* Intel SDM vol. 3A, "Determination of Access Rights": a shadow-stack address
 * has R/W 0 and D 1 in the entry that maps it, and R/W 1 in all others. */
PTW_ENGINE bool x86_shadow_stack(const struct ptw_regime *r, unsigned above,
                                 uint64_t raw)
{
    return (r->features & PTW_X86_CET) != 0 && (above & PTW_WRITE) != 0 &&
           (raw & (X86_RW | X86_D)) == X86_D;
}

PTW_ENGINE uint64_t x86_leaf_class(const struct ptw_regime *r, unsigned above,
                                   uint64_t raw, unsigned level)
{
    return (raw & r->flag_bits) |
           (uint64_t)x86_shadow_stack(r, above, raw) << 4 |
           x86_memory_type(raw, level) << 1 | (uint64_t)x86_copy_on_write(raw);
}
PTW_NAMED(x86_leaf_class);

/* The bits beside the address in which neighbours of a run are alike, so that
 * comparing them says that rights, type and kind are equal.  Stricter than need
 * be about software's bits: what it rejects is judged again, exactly. */
PTW_ENGINE uint64_t x86_alike(const struct ptw_regime *r)
{
    return X86_P | X86_RW | X86_US | X86_PWT | X86_PCD | X86_PAT_SMALL |
           ((r->features & PTW_X86_CET) != 0 ? X86_D : 0) | X86_SOFTWARE |
           X86_XD;
}

/* An entry that leads to a table: P, A, and R/W always, since a right that is
 * not to be had is left out of the leaf. */
PTW_ENGINE uint64_t x86_table_bits(const struct ptw_regime *r, unsigned level,
                                   unsigned rights)
{
    (void)r;
    (void)level;
    return X86_P | X86_RW | X86_A | ((rights & PTW_USER) != 0 ? X86_US : 0);
}
PTW_NAMED(x86_table_bits);

/* The bit that withholds execution, where there is one: EFER.NXE is set, and
 * the mode has entries of 64 bits. */
PTW_ENGINE uint64_t x86_xd(const struct ptw_regime *r)
{
    return (r->features & PTW_X86_NX) != 0 ? X86_XD : 0;
}

/* x86_grant_exec says that every entry grants execution where none can withhold
 * it. */
PTW_ENGINE void x86_grant_exec(struct ptw_regime *r)
{
    r->granted |= x86_xd(r) == 0 ? PTW_EXEC : 0;
}

/* The quick way down.  XD withholds a right where it is not reserved. */
static inline void x86_quick_setup(struct ptw_regime *r)
{
    for (unsigned i = 1; i < r->arch->format->levels; i++) {
        struct ptw_level_rule *rule = &r->rule[i];

        rule->turned = X86_P | (x86_xd(r) & ~rule->table_reserved);
        rule->no_table = X86_P | rule->table_reserved;
    }
}

PTW_ENGINE uint64_t x86_table_address(const struct ptw_regime *r,
                                      uint64_t turned)
{
    return turned & r->table_pa;
}
PTW_NAMED(x86_table_address);

_Static_assert(PTW_EXEC == 1 << (63 - 60), "XD, turned, stands there shifted");

PTW_ENGINE unsigned x86_path_rights(const struct ptw_regime *r, uint64_t kept)
{
    return (unsigned)(kept & (X86_RW | X86_US)) |
           (unsigned)(kept >> 60 & PTW_EXEC) | r->granted;
}
PTW_NAMED(x86_path_rights);

#define X86_QUICK                                                              \
    .table_address = PTW_BY_NAME(x86_table_address),                           \
    .path_rights = PTW_BY_NAME(x86_path_rights)

/* raw, granting those rights and no others; without XD, execution too. */
PTW_ENGINE uint64_t x86_with_rights(const struct ptw_regime *r, uint64_t raw,
                                    unsigned rights)
{
    uint64_t xd = x86_xd(r);

    raw &= ~(X86_RW | X86_US | xd);
    raw |= (uint64_t)rights & (X86_RW | X86_US);
    return (rights & PTW_EXEC) != 0 ? raw : raw | xd;
}

static inline bool x86_path_bits(const struct ptw_regime *r, unsigned level,
                                 unsigned rights, uint64_t *raw)
{
    (void)level;
    *raw = x86_with_rights(r, *raw, rights);
    return true;
}

/* Where there are shadow stacks, a dirty leaf without R/W is one. */
PTW_ENGINE uint64_t x86_no_shadow_stack(const struct ptw_regime *r,
                                        uint64_t raw)
{
    bool is = (r->features & PTW_X86_CET) != 0 && (raw & X86_RW) == 0;

    return is ? raw & ~X86_D : raw;
}

/* A leaf that becomes writable is copy-on-write no more; one that is not
 * writable is no shadow stack. */
PTW_ENGINE uint64_t x86_leaf_with_rights(const struct ptw_regime *r,
                                         unsigned level, uint64_t raw,
                                         unsigned rights)
{
    (void)level;
    if ((rights & PTW_WRITE) != 0 && x86_copy_on_write(raw)) {
        raw &= ~X86_SOFTWARE;
    }
    return x86_no_shadow_stack(r, x86_with_rights(r, raw, rights));
}
PTW_NAMED(x86_leaf_with_rights);

PTW_ENGINE uint64_t x86_leaf_copy_on_write(const struct ptw_regime *r,
                                           uint64_t raw)
{
    (void)r;
    return (raw & ~(X86_SOFTWARE | X86_RW)) | X86_COPY_ON_WRITE;
}
PTW_NAMED(x86_leaf_copy_on_write);

/* The bits of a leaf; false when there is no such leaf. */
PTW_ENGINE bool x86_leaf_bits(const struct ptw_regime *r, unsigned level,
                              unsigned rights, bool copy_on_write,
                              const struct ptw_attributes *at, uint64_t *bits)
{
    uint64_t type = at->memory_type;
    uint64_t xd = x86_xd(r);
    uint64_t no_exec = (rights & PTW_EXEC) != 0 ? 0 : xd;

    if ((rights & (unsigned)~(PTW_WRITE | PTW_USER | PTW_EXEC)) != PTW_READ ||
        ((rights & PTW_EXEC) == 0 && xd == 0) || type > 7 ||
        (level > 0 && !r->rule[level].leaf)) {
        return false;
    }
    *bits = X86_P | X86_A | (level > 0 ? X86_PS : 0) | (type & 3) << 3 |
            (type >> 2) * (level == 0 ? X86_PAT_SMALL : X86_PAT_LARGE) |
            (at->global ? X86_G : 0) | (copy_on_write ? X86_COPY_ON_WRITE : 0) |
            ((uint64_t)rights & (X86_RW | X86_US)) | no_exec;
    return true;
}

/* Where an entry that is a leaf or leads to a table has its address. */
PTW_ENGINE uint64_t x86_address_bits(const struct ptw_regime *r, unsigned level,
                                     uint64_t raw)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    bool leaf = level == 0 || (rule->leaf && (raw & X86_PS) != 0);

    return leaf ? rule->leaf_address : r->table_pa;
}
PTW_NAMED(x86_address_bits);

/* An address stands in the entry at its own position. */
PTW_ENGINE uint64_t x86_put_address(const struct ptw_regime *r, unsigned level,
                                    enum ptw_entry_kind kind, uint64_t pa)
{
    return pa &
           (kind == PTW_ENTRY_LEAF ? r->rule[level].leaf_address : r->table_pa);
}
PTW_NAMED(x86_put_address);

/* One level down, PAT moves, and at the last level PS goes. */
static inline uint64_t x86_leaf_split(const struct ptw_regime *r,
                                      unsigned level, uint64_t raw)
{
    uint64_t bits = raw & ~r->rule[level].leaf_address;
    bool pat = (bits & X86_PAT_LARGE) != 0;

    if (level > 1) {
        return bits;
    }
    bits &= ~(X86_PAT_LARGE | X86_PS);
    return pat ? bits | X86_PAT_SMALL : bits;
}

PTW_ENGINE struct ptw_attributes x86_attributes(const struct ptw_regime *r,
                                                uint64_t raw, unsigned level)
{
    struct ptw_attributes at = {
        .memory_type = x86_memory_type(raw, level),
        .flag_bits = raw & r->flag_bits,
        .global = (raw & X86_G) != 0,
        .accessed = (raw & X86_A) != 0,
        .dirty = (raw & X86_D) != 0,
        .copy_on_write = x86_copy_on_write(raw),
    };

    return at;
}

/* The shape of every x86 decode; an architecture gives the rules.  Where PS is
 * looked at, it is among the bits that are 0 in an entry of a table, so that
 * one mask tells the commonest kind. */
PTW_ENGINE struct ptw_entry x86_decode(const struct ptw_regime *r, uint64_t raw,
                                       unsigned level, unsigned index)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};

    (void)index;
    if ((raw & X86_P) == 0) {
        return e;
    }
    if (level > 0 && (raw & rule->table_reserved) == 0) {
        e.kind = PTW_ENTRY_TABLE;
        e.pa.v = raw & r->table_pa;
    } else if ((level > 0 && !(rule->leaf && (raw & X86_PS) != 0)) ||
               (raw & rule->leaf_reserved) != 0) {
        e.kind = PTW_ENTRY_BAD;
        return e;
    } else {
        e.kind = PTW_ENTRY_LEAF;
        e.pa.v = raw & rule->leaf_address;
    }
    e.rights = x86_rights(raw);
    return e;
}
PTW_NAMED(x86_decode);

#endif
