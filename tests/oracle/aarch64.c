/* SPDX-License-Identifier: Apache-2.0 */
/* Arm Architecture Reference Manual for A-profile architecture (DDI 0487), "The AArch64
 * Virtual Memory System Architecture": "Translation table descriptor formats" and the
 * pseudocode of a stage 1 walk (AArch64.S1Walk).  The formats differ in the granule
 * (TCR.TGx), in where an address has its highest bits (TCR.DS, FEAT_LPA), in the size of
 * an address (TCR.TxSZ), the half (TTBR0, TTBR1) and the number of privileges.
 *
 * Bits that are RES0 are not looked at, as in the pseudocode.  Permissions are
 * direct, or indirect (FEAT_S1PIE: "Stage 1 Indirect permissions"). */
#include "aarch64.h"

#include "format.h"

#include <string.h>

static const uint64_t VALID = 1 << 0;
static const uint64_t TABLE_OR_PAGE = 1 << 1; /* else a block */
static const uint64_t AP_1 = 1 << 6;          /* "unprivileged access" */
static const uint64_t AP_2 = 1 << 7; /* "read-only"; with PIE: nDirty */
static const uint64_t DBM = (uint64_t)1 << 51;
static const uint64_t CONTIGUOUS = (uint64_t)1 << 52;
static const uint64_t PXN = (uint64_t)1 << 53;
static const uint64_t UXN = (uint64_t)1 << 54; /* or XN */
static const uint64_t PXN_TABLE = (uint64_t)1 << 59;
static const uint64_t UXN_TABLE = (uint64_t)1 << 60; /* or XNTable */
static const uint64_t AP_TABLE_0 = (uint64_t)1 << 61;
static const uint64_t AP_TABLE_1 = (uint64_t)1 << 62;

/* oracle_format.own */
enum { DS = 1, ONE_PRIVILEGE = 2 };

enum {
    TWO_RIGHTS = ORACLE_READ | ORACLE_WRITE | ORACLE_USER | ORACLE_EXEC |
                 ORACLE_USER_EXEC,
    ONE_RIGHTS = ORACLE_READ | ORACLE_WRITE | ORACLE_EXEC
};

/* PIIndex[3:0], the highest first. */
static const unsigned char index_bit[4] = {54, 53, 51, 6};

static void features(struct oracle_mode *mode, unsigned bits)
{
    mode->hd = (bits & 16) != 0;
    mode->hpd = (bits & 32) != 0;
    mode->pie = (bits & 64) != 0;
    /* As Linux has them on arm64 (PIE_E1 and PIE_E0 of its pgtable-prot.h). */
    mode->pir = mode->pie ? 0xCC880E0AC0800000 : 0;
    mode->pire0 = mode->pie ? 0x5010000070320000 : 0;
}

static unsigned granule(const struct oracle_mode *mode)
{
    return mode->format->level[0].shift;
}

static bool is_ds(const struct oracle_mode *mode)
{
    return (mode->format->own & DS) != 0;
}

static bool one_privilege(const struct oracle_mode *mode)
{
    return (mode->format->own & ONE_PRIVILEGE) != 0;
}

/* FEAT_LPA: with the 64KB granule, addresses have 52 bits. */
static bool is_lpa(const struct oracle_mode *mode)
{
    return granule(mode) == 16 && mode->pa_bits >= 52;
}

static unsigned width(const struct oracle_mode *mode)
{
    unsigned most = is_ds(mode) || is_lpa(mode) ? 52 : 48;

    return mode->pa_bits < most ? mode->pa_bits : most;
}

static unsigned leaf_width(const struct oracle_mode *mode, unsigned level)
{
    (void)level;
    return width(mode);
}

static unsigned granted(const struct oracle_mode *mode)
{
    return mode->pie ? 0 : ORACLE_READ;
}

/* Levels here are 3 less the manual's.  AArch64.BlockDescSupported: with the 4KB
 * granule at levels 2 and 1, and 0 with DS; 16KB: 2, and 1 with DS; 64KB: 2, and 1 where
 * physical addresses have 52 bits. */
static bool large(const struct oracle_mode *mode, unsigned level)
{
    switch (granule(mode)) {
    case 12:
        return level == 1 || level == 2 || (level == 3 && is_ds(mode));
    case 14:
        return level == 1 || (level == 2 && is_ds(mode));
    default:
        return level == 1 || (level == 2 && is_lpa(mode));
    }
}

/* The bits of a descriptor that hold an address, of which bit lo is the lowest. */
static uint64_t address_bits(const struct oracle_mode *mode, unsigned lo)
{
    if (is_ds(mode)) {
        return oracle_ones(49, lo) | oracle_ones(9, 8);
    }
    return oracle_ones(47, lo) | (is_lpa(mode) ? oracle_ones(15, 12) : 0);
}

static uint64_t get_address(const struct oracle_mode *mode, uint64_t raw,
                            unsigned lo)
{
    if (is_ds(mode)) {
        return (raw & oracle_ones(49, lo)) | (raw & oracle_ones(9, 8)) << 42;
    }
    return (raw & oracle_ones(47, lo)) |
           (is_lpa(mode) ? (raw & oracle_ones(15, 12)) << 36 : 0);
}

static uint64_t put_address(const struct oracle_mode *mode, uint64_t pa,
                            unsigned lo)
{
    if (is_ds(mode)) {
        return (pa & oracle_ones(49, lo)) | (pa & oracle_ones(51, 50)) >> 42;
    }
    return (pa & oracle_ones(47, lo)) |
           (is_lpa(mode) ? (pa & oracle_ones(51, 48)) >> 36 : 0);
}

/* "Hierarchical permissions": with HPD, they are not looked at, nor where permissions
 * are indirect. */
static unsigned table_rights(const struct oracle_mode *mode, uint64_t raw)
{
    unsigned rights = mode->format->rights;

    if (mode->hpd || mode->pie) {
        return rights;
    }
    if ((raw & AP_TABLE_1) != 0) {
        rights &= ~(unsigned)ORACLE_WRITE;
    }
    if (one_privilege(mode)) {
        return (raw & UXN_TABLE) != 0 ? rights & ~(unsigned)ORACLE_EXEC
                                      : rights;
    }
    if ((raw & AP_TABLE_0) != 0) {
        rights &= ~(unsigned)ORACLE_USER;
    }
    if ((raw & PXN_TABLE) != 0) {
        rights &= ~(unsigned)ORACLE_EXEC;
    }
    return (raw & UXN_TABLE) != 0 ? rights & ~(unsigned)ORACLE_USER_EXEC
                                  : rights;
}

struct oracle_aarch64_lets oracle_aarch64_indirect(uint64_t pir, uint64_t pire0,
                                                   uint64_t leaf)
{
    static const char *const means[16] = {
        "",  "r",  "x",  "rx", "",   "rw", "rwx!", "rwx",
        "r", "rg", "rx", "",   "rw", "",   "rwx",  ""};
    const struct oracle_aarch64_lets none = {0};
    struct oracle_aarch64_lets l;
    unsigned index = 0;
    const char *p;
    const char *u;

    for (unsigned i = 0; i < 4; i++) {
        index = 2 * index + (unsigned)(leaf >> index_bit[i] & 1);
    }
    p = means[pir >> (4 * index) & 15];
    u = means[pire0 >> (4 * index) & 15];
    l = (struct oracle_aarch64_lets){
        .pr = strchr(p, 'r') != NULL,
        .pw = strchr(p, 'w') != NULL,
        .px = strchr(p, 'x') != NULL,
        .pg = strchr(p, 'g') != NULL,
        .ur = strchr(u, 'r') != NULL,
        .uw = strchr(u, 'w') != NULL,
        .ux = strchr(u, 'x') != NULL,
        .ug = strchr(u, 'g') != NULL,
    };
    if ((l.px || l.pg) && (l.uw || l.ug)) {
        return none;
    }
    l.px = l.px && strchr(p, '!') == NULL;
    l.ux = l.ux && strchr(u, '!') == NULL;
    return l;
}

static struct oracle_aarch64_lets indirect(const struct oracle_mode *mode,
                                           uint64_t raw)
{
    return oracle_aarch64_indirect(mode->pir,
                                   one_privilege(mode) ? 0 : mode->pire0, raw);
}

/* EL0 has what the privileged have of data, or it counts as none. */
static unsigned indirect_rights(const struct oracle_mode *mode, uint64_t raw)
{
    struct oracle_aarch64_lets l = indirect(mode, raw);

    return (l.pr ? (unsigned)ORACLE_READ : 0) |
           (l.pw && (raw & AP_2) == 0 ? (unsigned)ORACLE_WRITE : 0) |
           (l.px ? (unsigned)ORACLE_EXEC : 0) |
           (l.ur && l.pr && l.uw == l.pw ? (unsigned)ORACLE_USER : 0) |
           (l.ux ? (unsigned)ORACLE_USER_EXEC : 0);
}

static unsigned leaf_rights(const struct oracle_mode *mode, uint64_t raw)
{
    unsigned rights =
        ORACLE_READ | ((raw & AP_2) == 0 ? (unsigned)ORACLE_WRITE : 0);

    if (mode->pie) {
        return indirect_rights(mode, raw);
    }
    if (one_privilege(mode)) {
        return rights | ((raw & UXN) == 0 ? (unsigned)ORACLE_EXEC : 0);
    }
    return rights | ((raw & AP_1) != 0 ? (unsigned)ORACLE_USER : 0) |
           ((raw & PXN) == 0 ? (unsigned)ORACLE_EXEC : 0) |
           ((raw & UXN) == 0 ? (unsigned)ORACLE_USER_EXEC : 0);
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};
    bool bit = (raw & TABLE_OR_PAGE) != 0;
    bool table = level > 0 && bit;

    if ((raw & VALID) == 0) {
        return e;
    }
    /* "Reserved": bits 1:0 are 01 at level 3, or where there is no block. */
    e.kind = ORACLE_RESERVED;
    if (!table && !(level == 0 ? bit : large(mode, level))) {
        return e;
    }
    e.pa = get_address(
        mode, raw, table ? granule(mode) : mode->format->level[level].shift);
    if (e.pa >> width(mode) != 0) {
        e.pa = 0; /* "Address size fault" */
        return e;
    }
    e.kind = table ? ORACLE_TABLE : ORACLE_MAPS;
    e.rights = table ? table_rights(mode, raw) : leaf_rights(mode, raw);
    return e;
}

/* "Contiguous bit": the entries around it may be one in a TLB. */
static uint64_t alone(const struct oracle_mode *mode, unsigned level,
                      uint64_t leaf)
{
    (void)mode;
    (void)level;
    return leaf & ~CONTIGUOUS;
}

static uint64_t in_a_run(const struct oracle_mode *mode, unsigned level,
                         uint64_t leaf)
{
    (void)mode;
    (void)level;
    return leaf | CONTIGUOUS;
}

/* "Contiguous bit": 16 entries with the 4KB granule; with 16KB, 128 at level 3 and 32
 * at level 2; 32 with 64KB.  Where the bit is RES0, as at the level below. */
static unsigned run(const struct oracle_mode *mode, unsigned level)
{
    switch (granule(mode)) {
    case 12:
        return 16;
    case 14:
        return level == 0 ? 128 : 32;
    default:
        return 32;
    }
}

static uint64_t index_bits(const struct oracle_mode *mode)
{
    uint64_t bits = AP_2;

    for (unsigned i = 0; i < 4; i++) {
        bits |= (uint64_t)1 << index_bit[i];
    }
    return mode->pie ? bits : 0;
}

/* With PIE, bit 51 is one of the index. */
static uint64_t unmarked(const struct oracle_mode *mode)
{
    return mode->pie ? 0 : DBM;
}

static uint64_t write_protected(const struct oracle_mode *mode, uint64_t leaf)
{
    return (leaf & ~unmarked(mode)) | AP_2;
}

static uint64_t table_bits(const struct oracle_mode *mode)
{
    return address_bits(mode, granule(mode));
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    return address_bits(mode, mode->format->level[level].shift);
}

static uint64_t put_table(const struct oracle_mode *mode, uint64_t pa)
{
    return put_address(mode, pa, granule(mode));
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    return put_address(mode, pa, mode->format->level[level].shift);
}

static uint64_t unless(unsigned rights, unsigned right, uint64_t bit)
{
    return (rights & right) != 0 ? 0 : bit;
}

/* Sets the bits of a leaf with the first index that grants just these rights, whoever
 * asks: no guarded control stack, and no writes by EL0 alone.  It is dirty if it is
 * writable.  Returns false where there is no such index. */
static bool indirect_bits(const struct oracle_mode *mode, unsigned rights,
                          uint64_t *bits)
{
    for (unsigned index = 0; index < 16; index++) {
        struct oracle_aarch64_lets l;
        uint64_t raw = (rights & ORACLE_WRITE) != 0 ? 0 : AP_2;

        for (unsigned i = 0; i < 4; i++) {
            raw |= (uint64_t)(index >> (3 - i) & 1) << index_bit[i];
        }
        l = indirect(mode, raw);
        if (indirect_rights(mode, raw & ~AP_2) == rights && !l.pg && !l.ug &&
            (!l.uw || l.pw)) {
            *bits |= raw;
            return true;
        }
    }
    return false;
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    unsigned rights = is->rights;
    bool one = one_privilege(mode);

    if (is->kind == ORACLE_TABLE) {
        uint64_t bits = unless(rights, ORACLE_WRITE, AP_TABLE_1);

        if (one) {
            bits |= unless(rights, ORACLE_EXEC, UXN_TABLE);
        } else {
            bits |= unless(rights, ORACLE_USER, AP_TABLE_0) |
                    unless(rights, ORACLE_EXEC, PXN_TABLE) |
                    unless(rights, ORACLE_USER_EXEC, UXN_TABLE);
        }
        return VALID | TABLE_OR_PAGE | put_table(mode, is->pa) |
               (mode->hpd || mode->pie ? 0 : bits);
    }
    if (mode->pie) {
        uint64_t raw = VALID | (level == 0 ? TABLE_OR_PAGE : 0) |
                       put_leaf(mode, level, is->pa);

        return indirect_bits(mode, rights, &raw) ? raw : 0;
    }
    return VALID | (level == 0 ? TABLE_OR_PAGE : 0) |
           put_leaf(mode, level, is->pa) | unless(rights, ORACLE_WRITE, AP_2) |
           (one ? unless(rights, ORACLE_EXEC, UXN)
                : ((rights & ORACLE_USER) != 0 ? AP_1 : 0) |
                      unless(rights, ORACLE_EXEC, PXN) |
                      unless(rights, ORACLE_USER_EXEC, UXN));
}

/* AttrIndx. */
static unsigned memory_types(const struct oracle_mode *mode)
{
    (void)mode;
    return 8;
}

static unsigned memory_type(const struct oracle_mode *mode, unsigned level,
                            uint64_t leaf)
{
    (void)mode;
    (void)level;
    return (unsigned)(leaf >> 2 & 7);
}

/* A page has bit 1, a block has not. */
static uint64_t split(const struct oracle_mode *mode, unsigned level,
                      uint64_t bits)
{
    const uint64_t nt = 1 << 16; /* of a block: it goes with the block */

    return (bits | (level == 1 ? TABLE_OR_PAGE : 0)) &
           ~(leaf_bits(mode, level - 1) | nt);
}

/* "Hardware management of dirty state": with HD, a write to what is read-only and has
 * DBM makes it writable; with PIE, one where nDirty is set clears that.  What writes to
 * a guarded control stack writes, too. */
static bool writes(const struct oracle_mode *mode, bool above, uint64_t leaf)
{
    if (mode->pie) {
        struct oracle_aarch64_lets l = indirect(mode, leaf);

        return above && (l.pw || l.uw || l.pg || l.ug) &&
               ((leaf & AP_2) == 0 || mode->hd);
    }
    return above && ((leaf & AP_2) == 0 || (mode->hd && (leaf & DBM) != 0));
}

#define COMMON                                                                 \
    .family = ORACLE_AARCH64, .features = features, .entry_bytes = 8,          \
    .accessed = 1 << 10, .index_bits = index_bits, .unmarked = unmarked,       \
    .software = (uint64_t)15 << 55, .table_software = (uint64_t)255 << 51,     \
    .mark_bits = (uint64_t)15 << 55, .mark = (uint64_t)1 << 55,                \
    .granted = granted, .large = large, .decode = decode, .alone = alone,      \
    .in_a_run = in_a_run, .run = run, .write_protected = write_protected,      \
    .encode = encode, .table_bits = table_bits, .leaf_bits = leaf_bits,        \
    .put_table = put_table, .put_leaf = put_leaf,                              \
    .memory_types = memory_types, .memory_type = memory_type, .split = split,  \
    .leaf_pa_bits = leaf_width, .table_pa_bits = width, .root_pa_bits = width, \
    .writes = writes

#define TWO_PRIVILEGES .rights = TWO_RIGHTS, .has_global = true

const struct oracle_format oracle_aarch64_4k_48 = {
    .name = "aarch64-4k-48",
    .levels = 4,
    .va_bits = 48,
    .extension = ORACLE_ZEROS,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}},
    .most_pa_bits = 48,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_4k_39 = {
    .name = "aarch64-4k-39",
    .levels = 3,
    .va_bits = 39,
    .extension = ORACLE_ZEROS,
    .level = {{12, 512}, {21, 512}, {30, 512}},
    .most_pa_bits = 48,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_4k_52 = {
    .name = "aarch64-4k-52-lpa2",
    .levels = 5,
    .va_bits = 52,
    .extension = ORACLE_ZEROS,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}, {48, 16}},
    .most_pa_bits = 52,
    .own = DS,
    .repeats = 2,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_4k_48_upper = {
    .name = "aarch64-4k-48/upper",
    .levels = 4,
    .va_bits = 48,
    .extension = ORACLE_ONES,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}},
    .most_pa_bits = 48,
    .repeats = 2,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_4k_40_el2 = {
    .name = "aarch64-4k-40/el2",
    .levels = 4,
    .va_bits = 40,
    .extension = ORACLE_ZEROS,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 2}},
    .most_pa_bits = 48,
    .own = ONE_PRIVILEGE,
    .rights = ONE_RIGHTS,
    .repeats = 2,
    COMMON,
};

const struct oracle_format oracle_aarch64_16k_47 = {
    .name = "aarch64-16k-47",
    .levels = 3,
    .va_bits = 47,
    .extension = ORACLE_ZEROS,
    .level = {{14, 2048}, {25, 2048}, {36, 2048}},
    .most_pa_bits = 48,
    .repeats = 2,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_16k_52 = {
    .name = "aarch64-16k-52-lpa2",
    .levels = 4,
    .va_bits = 52,
    .extension = ORACLE_ZEROS,
    .level = {{14, 2048}, {25, 2048}, {36, 2048}, {47, 32}},
    .most_pa_bits = 52,
    .own = DS,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_64k_48 = {
    .name = "aarch64-64k-48",
    .levels = 3,
    .va_bits = 48,
    .extension = ORACLE_ZEROS,
    .level = {{16, 8192}, {29, 8192}, {42, 64}},
    .most_pa_bits = 48,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_64k_52 = {
    .name = "aarch64-64k-52",
    .levels = 3,
    .va_bits = 52,
    .extension = ORACLE_ZEROS,
    .level = {{16, 8192}, {29, 8192}, {42, 1024}},
    .most_pa_bits = 52,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};

const struct oracle_format oracle_aarch64_64k_42_upper = {
    .name = "aarch64-64k-42/upper",
    .levels = 2,
    .va_bits = 42,
    .extension = ORACLE_ONES,
    .level = {{16, 8192}, {29, 8192}},
    .most_pa_bits = 48,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};

/* Its root is the only table. */
const struct oracle_format oracle_aarch64_4k_21 = {
    .name = "aarch64-4k-21",
    .levels = 1,
    .va_bits = 21,
    .extension = ORACLE_ZEROS,
    .level = {{12, 512}},
    .most_pa_bits = 48,
    .repeats = 4,
    TWO_PRIVILEGES,
    COMMON,
};
