/* SPDX-License-Identifier: Apache-2.0 */
/* What the entries of RISC-V mean.
 *
 * The RISC-V Instruction Set Manual: Volume II, Privileged Architecture:
 * "Supervisor Address Translation and Protection (satp) Register", "Sv32:
 * Page-Based 32-bit Virtual-Memory Systems" to "Sv57", "Virtual Address
 * Translation Process", "Svnapot", "Svpbmt", and "Shadow Stack Memory
 * Protection" (Zicfiss).
 *
 *   level   here   an entry of Sv32 covers, and may map   of Sv39, Sv48, Sv57
 *     0     l0     4 KiB                                  4 KiB
 *     1     l1     4 MiB                                  2 MiB
 *     2     l2     -                                      1 GiB
 *     3     l3     -                                      512 GiB
 *     4     l4     -                                      256 TiB
 *
 * The manual gives tables numbers and no names.  An entry with R, W and X clear
 * leads to a table, and is none at level 0; every other one is a leaf.  D, A
 * and U are reserved in an entry that leads to a table, G is not; the tables
 * below grant what their leaves say. */
#ifndef PTW_RISCV_H
#define PTW_RISCV_H

#include "format.h"
#include "ptwalk/arch_riscv.h"

#define RISCV_BIT(n) ((uint64_t)1 << (n))

static const uint64_t RISCV_V = RISCV_BIT(0);
static const uint64_t RISCV_R = RISCV_BIT(1);
static const uint64_t RISCV_W = RISCV_BIT(2);
static const uint64_t RISCV_X = RISCV_BIT(3);
static const uint64_t RISCV_U = RISCV_BIT(4);
static const uint64_t RISCV_G = RISCV_BIT(5);
static const uint64_t RISCV_A = RISCV_BIT(6);
static const uint64_t RISCV_D = RISCV_BIT(7);
static const uint64_t RISCV_RSW = RISCV_BIT(8) | RISCV_BIT(9);
static const uint64_t RISCV_RWX = RISCV_BIT(1) | RISCV_BIT(2) | RISCV_BIT(3);
/* Above the page number of an entry of 64 bits: reserved, PBMT, and N. */
static const uint64_t RISCV_HIGH = 0x7F * RISCV_BIT(54);
static const uint64_t RISCV_PBMT = RISCV_BIT(61) | RISCV_BIT(62);
static const uint64_t RISCV_N = RISCV_BIT(63);

/* The page number stands two bits below the address. */
enum { RISCV_PPN_AT = 10, RISCV_PPN_DOWN = 2, RISCV_PBMT_AT = 61 };

/* A NAPOT entry of 64 KiB: these bits of the page number are `1000`. */
static const uint64_t RISCV_NAPOT = 15 * RISCV_BIT(10);
static const uint64_t RISCV_NAPOT_64K = 8 * RISCV_BIT(10);
enum { RISCV_NAPOT_PAGES = 16 };

/* This value of RSW, software's bits, says copy-on-write. */
static const uint64_t RISCV_COPY_ON_WRITE = RISCV_BIT(8);

enum { RISCV_RIGHTS = PTW_READ | PTW_WRITE | PTW_USER | PTW_EXEC };
#define RISCV_LETTERS      "rwxu"
#define RISCV_PRESENT_TEXT "V, bit 0, is clear"

/* ptw_riscv_setup sets the rules of levels 0 to `top` and the addresses that
 * tables have.  high: bits of an entry above the page number. */
void ptw_riscv_setup(struct ptw_regime *r, unsigned top, uint64_t high);
struct ptw_attributes ptw_riscv_attributes(const struct ptw_regime *r,
                                           unsigned level, uint64_t raw);
struct ptw_bad_entry ptw_riscv_bad(const struct ptw_regime *r, unsigned level,
                                   unsigned index, uint64_t raw);
size_t ptw_riscv_fields(const struct ptw_regime *r, unsigned level,
                        uint64_t raw, struct ptw_entry_field *field);
const char *ptw_riscv_right_text(const struct ptw_regime *r,
                                 enum ptw_right right);
bool ptw_riscv_guest_writes(const struct ptw_regime *r, unsigned above,
                            uint64_t raw);
bool ptw_riscv_shadow_stack(const struct ptw_regime *r, unsigned above,
                            uint64_t raw);
bool ptw_riscv_access_allowed(const struct ptw_regime *r, unsigned above,
                              unsigned level, uint64_t raw,
                              const struct ptw_access *access);

/* W, without R and X, is a shadow stack where there are any, and reserved
 * elsewhere, as W with X and without R always is. */
PTW_ENGINE bool riscv_is_shadow_stack(const struct ptw_regime *r, uint64_t raw)
{
    return (r->features & PTW_RISCV_ZICFISS) != 0 &&
           (raw & RISCV_RWX) == RISCV_W;
}

_Static_assert(PTW_READ == 1 << 0 && PTW_WRITE == 1 << 1 &&
                   PTW_USER == 1 << 2 && PTW_EXEC == 1 << 3,
               "R and W stand one bit above the rights, X there, U two above");

/* What a leaf by itself grants.  A shadow stack can be read, and no store
 * writes to it. */
PTW_ENGINE unsigned riscv_rights(uint64_t raw)
{
    unsigned rights = (unsigned)(raw >> 1 & (PTW_READ | PTW_WRITE)) |
                      (unsigned)(raw & PTW_EXEC) |
                      (unsigned)(raw >> 2 & PTW_USER);

    return (raw & RISCV_RWX) == RISCV_W
               ? (rights & ~(unsigned)PTW_WRITE) | PTW_READ
               : rights;
}

/* The bits that say so. */
PTW_ENGINE uint64_t riscv_rights_bits(unsigned rights)
{
    return (uint64_t)(rights & (PTW_READ | PTW_WRITE)) << 1 |
           (uint64_t)(rights & PTW_EXEC) | (uint64_t)(rights & PTW_USER) << 2;
}

/* Whether a leaf can have those rights: "Writable pages must also be marked
 * readable", and one with none of the three leads to a table. */
PTW_ENGINE bool riscv_rights_are(unsigned rights)
{
    return (rights & ~(unsigned)RISCV_RIGHTS) == 0 &&
           (rights & (PTW_READ | PTW_EXEC)) != 0 &&
           (rights & (PTW_READ | PTW_WRITE)) != PTW_WRITE;
}

/* Without Svnapot, and where it means nothing, N is reserved. */
PTW_ENGINE bool riscv_is_napot(const struct ptw_regime *r, unsigned level,
                               uint64_t raw)
{
    return level == 0 && (r->features & PTW_RISCV_SVNAPOT) != 0 &&
           (raw & RISCV_N) != 0;
}

/* "Virtual Address Translation Process", steps 3 to 5.  wide: entries have 64
 * bits. */
PTW_ENGINE struct ptw_entry riscv_decode_of(const struct ptw_regime *r,
                                            bool wide, uint64_t raw,
                                            unsigned level, unsigned index)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};

    if ((raw & RISCV_V) == 0) {
        return e;
    }
    e.kind = PTW_ENTRY_BAD;
    if ((raw & RISCV_RWX) == 0) {
        if (level > 0 && (raw & rule->table_reserved) == 0) {
            e.kind = PTW_ENTRY_TABLE;
            e.pa.v = raw << RISCV_PPN_DOWN & r->table_pa;
            e.rights = RISCV_RIGHTS;
        }
        return e;
    }
    if ((raw & rule->leaf_reserved) != 0 ||
        ((raw & (RISCV_R | RISCV_W)) == RISCV_W &&
         !riscv_is_shadow_stack(r, raw)) ||
        (wide && (raw & RISCV_PBMT) == RISCV_PBMT)) {
        return e;
    }
    e.pa.v = raw << RISCV_PPN_DOWN & rule->leaf_pa;
    if (wide && level == 0 && (raw & RISCV_N) != 0) {
        if ((raw & RISCV_NAPOT) != RISCV_NAPOT_64K) {
            e.pa.v = 0;
            return e;
        }
        e.pa.v = (raw & ~RISCV_NAPOT) << RISCV_PPN_DOWN & rule->leaf_pa;
        e.pa.v |= (uint64_t)(index % RISCV_NAPOT_PAGES)
                  << (RISCV_PPN_AT + RISCV_PPN_DOWN);
    }
    e.kind = PTW_ENTRY_LEAF;
    e.rights = riscv_rights(raw);
    return e;
}

/* The quick way down: an entry that leads to a table withholds nothing. */
PTW_ENGINE uint64_t riscv_table_address(const struct ptw_regime *r,
                                        uint64_t turned)
{
    return turned << RISCV_PPN_DOWN & r->table_pa;
}
PTW_NAMED(riscv_table_address);

PTW_ENGINE unsigned riscv_path_rights(const struct ptw_regime *r, uint64_t kept)
{
    (void)r;
    (void)kept;
    return RISCV_RIGHTS;
}
PTW_NAMED(riscv_path_rights);

PTW_ENGINE uint64_t riscv_leaf_class(const struct ptw_regime *r, unsigned above,
                                     uint64_t raw, unsigned level)
{
    (void)r;
    (void)above;
    (void)level;
    return (raw & RISCV_PBMT) | ((raw & RISCV_RWX) == RISCV_W ? RISCV_W : 0) |
           ((raw & RISCV_RSW) == RISCV_COPY_ON_WRITE ? RISCV_RSW : 0);
}
PTW_NAMED(riscv_leaf_class);

/* N and the bits that go with it say where the page is: who puts the entry
 * elsewhere takes them off. */
PTW_ENGINE uint64_t riscv_address_bits(const struct ptw_regime *r,
                                       unsigned level, uint64_t raw)
{
    if ((raw & RISCV_RWX) == 0) {
        return r->table_pa >> RISCV_PPN_DOWN;
    }
    return r->rule[level].leaf_address |
           (riscv_is_napot(r, level, raw) ? RISCV_N : 0);
}
PTW_NAMED(riscv_address_bits);

PTW_ENGINE uint64_t riscv_put_address(const struct ptw_regime *r,
                                      unsigned level, enum ptw_entry_kind kind,
                                      uint64_t pa)
{
    return (pa &
            (kind == PTW_ENTRY_LEAF ? r->rule[level].leaf_pa : r->table_pa)) >>
           RISCV_PPN_DOWN;
}
PTW_NAMED(riscv_put_address);

static inline uint64_t riscv_table_bits(const struct ptw_regime *r,
                                        unsigned level, unsigned rights)
{
    (void)r;
    (void)level;
    (void)rights;
    return RISCV_V;
}

/* An entry that leads to a table withholds nothing. */
static inline bool riscv_path_bits(const struct ptw_regime *r, unsigned level,
                                   unsigned rights, uint64_t *raw)
{
    (void)r;
    (void)level;
    (void)raw;
    return (RISCV_RIGHTS & ~rights) == 0;
}

/* A leaf is written accessed and dirty: a processor may fault where it is not
 * (Svade). */
PTW_ENGINE bool riscv_leaf_bits(const struct ptw_regime *r, unsigned level,
                                unsigned rights, bool copy_on_write,
                                const struct ptw_attributes *at, uint64_t *bits)
{
    unsigned types = (r->features & PTW_RISCV_SVPBMT) != 0 ? 3 : 1;

    if (!riscv_rights_are(rights) || at->memory_type >= types ||
        (at->key | at->flag_bits) != 0 || !r->rule[level].leaf) {
        return false;
    }
    *bits = RISCV_V | RISCV_A | RISCV_D | riscv_rights_bits(rights) |
            (at->global ? RISCV_G : 0) |
            (copy_on_write ? RISCV_COPY_ON_WRITE : 0) |
            (uint64_t)at->memory_type << RISCV_PBMT_AT;
    return true;
}
PTW_NAMED(riscv_leaf_bits);

/* A leaf that becomes writable is copy-on-write no more. */
PTW_ENGINE uint64_t riscv_leaf_with_rights(const struct ptw_regime *r,
                                           unsigned level, uint64_t raw,
                                           unsigned rights)
{
    (void)r;
    (void)level;
    if ((rights & PTW_WRITE) != 0 && (raw & RISCV_RSW) == RISCV_COPY_ON_WRITE) {
        raw &= ~RISCV_RSW;
    }
    return (raw & ~(RISCV_RWX | RISCV_U)) | riscv_rights_bits(rights);
}
PTW_NAMED(riscv_leaf_with_rights);

static inline uint64_t riscv_leaf_split(const struct ptw_regime *r,
                                        unsigned level, uint64_t raw)
{
    return raw & ~r->rule[level].leaf_address;
}

/* A shadow stack keeps W: without it the entry would lead to a table. */
PTW_ENGINE uint64_t riscv_leaf_copy_on_write(const struct ptw_regime *r,
                                             uint64_t raw)
{
    (void)r;
    raw = (raw & ~RISCV_RSW) | RISCV_COPY_ON_WRITE;
    return (raw & RISCV_RWX) == RISCV_W ? raw : raw & ~RISCV_W;
}
PTW_NAMED(riscv_leaf_copy_on_write);

/* The members of a format and of an architecture that all modes have. */
#define RISCV_ENTRIES                                                          \
    .rights = RISCV_RIGHTS, .mark = 1 << 8, .present = 1,                      \
    .table_address = PTW_BY_NAME(riscv_table_address),                         \
    .path_rights = PTW_BY_NAME(riscv_path_rights),                             \
    .leaf_class = PTW_BY_NAME(riscv_leaf_class),                               \
    .address_bits = PTW_BY_NAME(riscv_address_bits),                           \
    .put_address = PTW_BY_NAME(riscv_put_address),                             \
    .table_bits = riscv_table_bits, .path_bits = riscv_path_bits,              \
    .leaf_bits = PTW_BY_NAME(riscv_leaf_bits),                                 \
    .leaf_with_rights = PTW_BY_NAME(riscv_leaf_with_rights),                   \
    .leaf_split = riscv_leaf_split,                                            \
    .leaf_copy_on_write = PTW_BY_NAME(riscv_leaf_copy_on_write),               \
    .alias_put = riscv_alias_put

#define RISCV_ARCH                                                             \
    .widths = &ptw_riscv_widths, .letters = RISCV_LETTERS,                     \
    .attributes = ptw_riscv_attributes, .bad = ptw_riscv_bad,                  \
    .fields = ptw_riscv_fields, .present_text = RISCV_PRESENT_TEXT,            \
    .right_text = ptw_riscv_right_text,                                        \
    .guest_writes = ptw_riscv_guest_writes,                                    \
    .shadow_stack = ptw_riscv_shadow_stack,                                    \
    .access_allowed = ptw_riscv_access_allowed, PTW_ALIASES_OF(riscv)

#endif
