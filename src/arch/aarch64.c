/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64: how its regimes are set up, how entries are written, how an access
 * is judged, and what an entry's bits are called.  aarch64.h says what entries
 * mean. */
#include "aarch64.h"

#include "ptwalk/cpu.h"
#include "regime.h"

const struct ptw_widths ptw_aarch64_widths = {
    .pa_least = 32,
    .pa_most = 52,
    .pa_text = "the physical address width must be from 32 to 52 bits",
    .flag_text = "aarch64 has no flag bits",
};

/* ------------------------------------------------------------------- set-up */

void ptw_aarch64_keep(struct ptw_regime *r, const struct ptw_cpu *cpu)
{
    r->facts = cpu->pa_bits == 52 ? A64_LPA : 0;
    r->kept[0] = cpu->aarch64.pir;
    r->kept[1] = cpu->aarch64.pire0;
}

/* Writes text at name, and returns where the name goes on. */
static char *append(char *name, const char *text)
{
    while (*text != '\0') {
        *name++ = *text++;
    }
    *name = '\0';
    return name;
}

static void set_name(struct ptw_regime *r)
{
    char digits[3] = {(char)('0' + r->va_bits / 10),
                      (char)('0' + r->va_bits % 10), '\0'};
    char *end = append(r->name, r->arch->name);

    end = append(end, "-");
    end = append(end, digits);
    end = append(end, (r->facts & A64_DS) != 0 ? "-lpa2" : "");
    end = append(end, r->extension == PTW_EXTEND_ONES ? "/upper" : "");
    end = append(end, (r->facts & A64_EL2) != 0   ? "/el2"
                      : (r->facts & A64_EL3) != 0 ? "/el3"
                      : (r->facts & A64_E2H) != 0 ? "/e2h"
                                                  : "");
    assert(end < r->name + sizeof r->name);
    (void)end;
}

/* The level and size of the root: "Translation using the VMSAv8-64 translation
 * tables", the tables of initial lookup levels. */
static void set_root(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    unsigned top = 0;

    while (top + 1 < f->levels && r->va_bits > f->level[top + 1].shift) {
        top++;
    }
    r->top = top;
    r->top_bits = r->va_bits - f->level[top].shift;
    /* "If ... 52 bits ... the minimum value of x is 6": TTBR0_EL1, BADDR. */
    r->root_log2 = r->pa_bits > 48 || (r->facts & A64_DS) != 0 ? 6 : 0;
}

/* The levels at which there are blocks: "VMSAv8-64 Block descriptor and Page
 * descriptor formats". */
static bool has_blocks(const struct ptw_regime *r, unsigned level)
{
    unsigned granule = r->arch->format->level[0].shift;

    switch (level) {
    case A64_L3:
        return false;
    case A64_L2:
        return true;
    case A64_L1:
        return granule == 12 ||
               (r->facts & (granule == 14 ? A64_DS : A64_LPA)) != 0;
    case A64_L0:
        return granule == 12 && (r->facts & A64_DS) != 0;
    default:
        return false;
    }
}

static unsigned index_of(uint64_t raw)
{
    return (unsigned)((raw >> 6 & 1) | (raw >> 51 & 1) << 1 |
                      (raw >> 53 & 1) << 2 | (raw >> 54 & 1) << 3);
}

static uint64_t index_bits(unsigned index)
{
    uint64_t i = index;

    return (i & 1) << 6 | (i >> 1 & 1) << 51 | (i >> 2 & 1) << 53 |
           (i >> 3 & 1) << 54;
}

void ptw_aarch64_setup(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    unsigned granule = f->level[0].shift;
    unsigned format = 48; /* bits of an address that an entry has */
    unsigned top;         /* the highest bit of its low part */

    if (granule != 16) {
        r->facts &= ~(unsigned)A64_LPA;
    }
    if ((r->facts & (A64_LPA | A64_DS)) != 0) {
        format = 52;
    }
    if (r->pa_bits > format) {
        r->pa_bits = format;
    }
    if (r->va_bits == 0) {
        r->va_bits = 48;
        r->extension = PTW_EXTEND_ZEROS;
    }
    if (a64_one_privilege(r)) {
        r->rights = A64_ONE_RIGHTS;
    }
    if (a64_indirect(r)) {
        r->granted = 0;
    }
    for (unsigned i = 0; i < 16; i++) {
        r->own[0][i] = (uint8_t)a64_table_rights(r, (uint64_t)i << 59);
        r->own[1][i] = (uint8_t)a64_leaf_rights(r, index_bits(i));
    }
    r->moved = a64_high(r);
    r->moved_up = a64_high_shift(r);
    top = (r->facts & A64_DS) != 0 ? 49 : 47;
    r->linear = ptw_low_mask(top + 1);
    r->table_pa = ptw_bits(r->pa_bits - 1, granule);
    for (unsigned i = 0; i < f->levels; i++) {
        struct ptw_level_rule *rule = &r->rule[i];
        unsigned shift = f->level[i].shift;

        rule->leaf = has_blocks(r, i);
        rule->leaf_address = ptw_bits(top, shift) | a64_high(r);
        rule->leaf_pa = ptw_bits(r->pa_bits - 1, shift);
        rule->leaf_reserved =
            a64_put(r, rule->leaf_address, ~ptw_low_mask(r->pa_bits));
        rule->table_reserved = a64_put(r, ptw_bits(top, granule) | a64_high(r),
                                       ~ptw_low_mask(r->pa_bits));
        rule->turned = A64_VALID | A64_TABLE | A64_WITHHELD;
        rule->no_table = A64_VALID | A64_TABLE | rule->table_reserved;
        rule->alike = A64_VALID | A64_TABLE | A64_INDEX | A64_AP1 | A64_AP2 |
                      A64_PXN | A64_UXN | A64_SOFTWARE | A64_DBM |
                      rule->leaf_address;
    }
    r->unmoved = r->rule[0].leaf_address & ~r->moved;
    set_root(r);
    set_name(r);
}

/* ----------------------------------------------------- indirect permissions */

/* "Stage 1 Indirect permissions", the table of the encodings of Perm<m>; with
 * overlays off, the two that differ in those alone are one.  Sets *wxn for the
 * encoding of which what is writable does not run. */
static unsigned permission(uint64_t registers, unsigned index, bool *wxn)
{
    static const uint8_t grants[16] = {
        [1] = A64_R,
        [2] = A64_X,
        [3] = A64_R | A64_X,
        [5] = A64_R | A64_W,
        [6] = A64_R | A64_W | A64_X,
        [7] = A64_R | A64_W | A64_X,
        [8] = A64_R,
        [9] = A64_R | A64_GCS,
        [10] = A64_R | A64_X,
        [12] = A64_R | A64_W,
        [14] = A64_R | A64_W | A64_X,
    };
    unsigned encoding = (unsigned)(registers >> (4 * index) & 15);

    *wxn = encoding == 6;
    return grants[encoding];
}

struct a64_permissions ptw_aarch64_permissions_of(const struct ptw_regime *r,
                                                  unsigned index)
{
    struct a64_permissions p = {0, 0};
    bool wxn;
    bool user_wxn = false;

    p.privileged = permission(r->kept[0], index, &wxn);
    if (!a64_one_privilege(r)) {
        p.user = permission(r->kept[1], index, &user_wxn);
    }
    /* "The combination of unprivileged write or unprivileged GCS access to
     * memory locations that are also privileged executable or privileged GCS
     * accessible": all permissions are removed. */
    if ((p.privileged & (A64_X | A64_GCS)) != 0 &&
        (p.user & (A64_W | A64_GCS)) != 0) {
        p.privileged = 0;
        p.user = 0;
    }
    if (wxn) {
        p.privileged &= ~(unsigned)A64_X;
    }
    if (user_wxn) {
        p.user &= ~(unsigned)A64_X;
    }
    return p;
}

/* Five rights can't say all that two registers can.  PTW_USER is granted where
 * EL0 reads and writes just what the privileged do: never more than there
 * is. */
unsigned ptw_aarch64_indirect_rights(const struct ptw_regime *r, uint64_t raw)
{
    struct a64_permissions p = ptw_aarch64_permissions_of(r, index_of(raw));
    unsigned rights = 0;

    rights |= (p.privileged & A64_R) != 0 ? PTW_READ : 0u;
    rights |=
        (p.privileged & A64_W) != 0 && (raw & A64_AP2) == 0 ? PTW_WRITE : 0u;
    rights |= (p.privileged & A64_X) != 0 ? PTW_EXEC : 0u;
    rights |= (p.user & A64_R) != 0 &&
                      ((p.user ^ p.privileged) & (A64_R | A64_W)) == 0
                  ? PTW_USER
                  : 0u;
    rights |= (p.user & A64_X) != 0 ? PTW_USER_EXEC : 0u;
    return rights;
}

bool ptw_aarch64_indirect_leaf(const struct ptw_regime *r, unsigned rights,
                               uint64_t *bits)
{
    for (unsigned i = 0; i < 16; i++) {
        struct a64_permissions p = ptw_aarch64_permissions_of(r, i);
        uint64_t raw = index_bits(i);

        if ((p.privileged & A64_W) == 0) {
            raw |= A64_AP2;
        }
        if (((p.privileged | p.user) & A64_GCS) == 0 &&
            ((p.user & ~p.privileged) & A64_W) == 0 &&
            ptw_aarch64_indirect_rights(r, raw) == rights) {
            *bits |= raw;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ entries */

/* No right is withheld: one that is not to be had is left out of the leaf. */
uint64_t ptw_aarch64_table_bits(const struct ptw_regime *r, unsigned level,
                                unsigned rights)
{
    (void)r;
    (void)level;
    (void)rights;
    return A64_VALID | A64_TABLE;
}

bool ptw_aarch64_path_bits(const struct ptw_regime *r, unsigned level,
                           unsigned rights, uint64_t *raw)
{
    bool one = a64_one_privilege(r);
    uint64_t bits =
        *raw & ~(A64_PXN_TABLE | A64_UXN_TABLE | A64_AP_TABLE0 | A64_AP_TABLE1);

    (void)level;
    if ((r->features & (PTW_AARCH64_HPD | PTW_AARCH64_PIE)) != 0) {
        return (r->rights & ~rights) == 0;
    }
    if ((rights & PTW_READ) == 0) {
        return false;
    }
    bits |= (rights & PTW_WRITE) != 0 ? 0 : A64_AP_TABLE1;
    if (one) {
        bits |= (rights & PTW_EXEC) != 0 ? 0 : A64_UXN_TABLE;
    } else {
        bits |= (rights & PTW_USER) != 0 ? 0 : A64_AP_TABLE0;
        bits |= (rights & PTW_EXEC) != 0 ? 0 : A64_PXN_TABLE;
        bits |= (rights & PTW_USER_EXEC) != 0 ? 0 : A64_UXN_TABLE;
    }
    *raw = bits;
    return true;
}

/* A leaf that becomes writable is copy-on-write no more; one that is not
 * writable is not made so by the processor. */
uint64_t ptw_aarch64_leaf_with_rights(const struct ptw_regime *r,
                                      unsigned level, uint64_t raw,
                                      unsigned rights)
{
    bool marked = a64_copy_on_write(r, raw);

    (void)level;
    if ((rights & PTW_WRITE) != 0 && marked) {
        raw &= ~A64_SOFTWARE;
    }
    if (a64_indirect(r)) {
        bool writes = ptw_aarch64_guest_writes(r, PTW_ALL_RIGHTS, raw);

        if (ptw_aarch64_indirect_rights(r, raw) == rights &&
            writes == ((rights & PTW_WRITE) != 0)) {
            return raw;
        }
        raw &= ~(A64_PI | A64_AP2);
        (void)ptw_aarch64_indirect_leaf(r, rights, &raw);
        return raw;
    }
    if (a64_one_privilege(r)) {
        raw &= ~(A64_AP2 | A64_UXN);
        raw |= (rights & PTW_EXEC) != 0 ? 0 : A64_UXN;
    } else {
        raw &= ~(A64_AP1 | A64_AP2 | A64_PXN | A64_UXN);
        raw |= ((rights & PTW_USER) != 0 ? A64_AP1 : 0) |
               ((rights & PTW_EXEC) != 0 ? 0 : A64_PXN) |
               ((rights & PTW_USER_EXEC) != 0 ? 0 : A64_UXN);
    }
    if ((rights & PTW_WRITE) != 0) {
        return raw;
    }
    raw = (raw & ~A64_DBM) | A64_AP2;
    /* Beside DBM, the same bits of software's are no mark: they would be now. */
    return !marked && a64_copy_on_write(r, raw) ? raw & ~A64_SOFTWARE : raw;
}

/* One level down, the bits of a block that were RES0 are address, and nT, which
 * pages do not have, goes. */
uint64_t ptw_aarch64_leaf_split(const struct ptw_regime *r, unsigned level,
                                uint64_t raw)
{
    raw &= ~(r->rule[level].leaf_address | r->rule[level - 1].leaf_address |
             A64_NT | A64_CONTIGUOUS);
    return level == 1 ? raw | A64_TABLE : raw;
}

/* Under indirect permissions nDirty takes writing away, unless the processor
 * clears it. */
uint64_t ptw_aarch64_leaf_copy_on_write(const struct ptw_regime *r,
                                        uint64_t raw)
{
    return (raw & ~(A64_SOFTWARE | (a64_indirect(r) ? 0 : A64_DBM))) | A64_AP2 |
           A64_COPY_ON_WRITE;
}

struct ptw_attributes ptw_aarch64_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw)
{
    struct ptw_attributes at = {
        .memory_type = (unsigned)(raw >> 2 & 7),
        .global = !a64_one_privilege(r) && (raw & A64_NG) == 0,
        .accessed = (raw & A64_AF) != 0,
        .copy_on_write = a64_copy_on_write(r, raw),
    };

    (void)level;
    return at;
}

struct ptw_bad_entry ptw_aarch64_bad(const struct ptw_regime *r, unsigned level,
                                     unsigned index, uint64_t raw)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    struct ptw_bad_entry bad = {PTW_BAD_WIDTH, 0};

    (void)index;
    if ((raw & A64_TABLE) == 0 && !rule->leaf) {
        bad.why = PTW_BAD_RESERVED;
        bad.bits = A64_VALID;
    } else {
        bad.bits = raw & (a64_is_leaf(level, raw) ? rule->leaf_reserved
                                                  : rule->table_reserved);
    }
    return bad;
}

/* ------------------------------------------------------- bits of an entry */

enum where { TABLE = 1, PAGE = 2, BLOCK = 4, LEAF = PAGE | BLOCK };

static const struct {
    uint8_t high;
    uint8_t low;
    uint8_t where;
    const char *name;
} names[] = {
    {0, 0, TABLE | LEAF, "Valid"},
    {1, 1, TABLE, "Table"},
    {1, 1, PAGE, "Page"},
    {4, 2, LEAF, "AttrIndx"},
    {5, 5, LEAF, "NS"},
    {6, 6, LEAF, "AP[1]"},
    {7, 7, LEAF, "AP[2]"},
    {9, 8, LEAF, "SH"},
    {10, 10, LEAF, "AF"},
    {11, 11, LEAF, "nG"},
    {16, 16, BLOCK, "nT"},
    {50, 50, LEAF, "GP"},
    {51, 51, LEAF, "DBM"},
    {52, 52, LEAF, "Contiguous"},
    {53, 53, LEAF, "PXN"},
    {54, 54, LEAF, "UXN"},
    {58, 55, LEAF, "sw"},
    {58, 51, TABLE, "sw"},
    {59, 59, TABLE, "PXNTable"},
    {60, 60, TABLE, "UXNTable"},
    {62, 61, TABLE, "APTable"},
    {63, 63, TABLE, "NSTable"},
};

/* What a bit is called where there is one privilege, or permissions are
 * indirect. */
static const char *name_of(const struct ptw_regime *r, enum where where,
                           unsigned low, const char *name)
{
    if (a64_indirect(r) && where != TABLE) {
        switch (low) {
        case 6:
            return "PIIndex[0]";
        case 7:
            return "nDirty";
        case 51:
            return "PIIndex[1]";
        case 53:
            return "PIIndex[2]";
        case 54:
            return "PIIndex[3]";
        default:
            break;
        }
    }
    if (!a64_one_privilege(r)) {
        return name;
    }
    switch (low) {
    case 54:
        return "XN";
    case 60:
        return "XNTable";
    case 11: /* nG, PXN, PXNTable */
    case 53:
    case 59:
        return "RES0";
    default:
        return name;
    }
}

/* Software's bits and numbers that are 0 are left out; AttrIndx is always
 * there. */
size_t ptw_aarch64_fields(const struct ptw_regime *r, unsigned level,
                          uint64_t raw, struct ptw_entry_field *field)
{
    enum where where = level == 0                ? PAGE
                       : a64_is_leaf(level, raw) ? BLOCK
                                                 : TABLE;
    size_t n = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsigned high = names[i].high;
        unsigned low = names[i].low;
        bool address = (a64_address_bits(r, level, raw) >> low & 1) != 0;

        if ((names[i].where & where) == 0 || address ||
            (low != 2 && (raw & ptw_bits(high, low)) == 0)) {
            continue;
        }
        field[n].name = name_of(r, where, low, names[i].name);
        field[n].high = (uint8_t)high;
        field[n].low = (uint8_t)low;
        field[n++].number = high > low;
    }
    return n;
}

/* "Stage 1 Indirect permissions": PIR and PIRE0 say what PIIndex grants. */
static const char *indirect_text(enum ptw_right right)
{
    return right == PTW_WRITE
               ? "PIR grants no such right by PIIndex, bits 54, 53, 51 and 6, "
                 "or nDirty, bit 7, is set"
           : right == PTW_READ || right == PTW_EXEC
               ? "PIR grants no such right by PIIndex, bits 54, 53, 51 and 6"
               : "PIRE0 grants no such right by PIIndex, bits 54, 53, 51 and 6";
}

const char *ptw_aarch64_right_text(const struct ptw_regime *r,
                                   enum ptw_right right)
{
    return a64_indirect(r) ? indirect_text(right)
           : right == PTW_WRITE
               ? "AP[2], bit 7, or of a table APTable[1], bit 62, is set"
           : right == PTW_USER ? "AP[1], bit 6, is clear, or of a table "
                                 "APTable[0], bit 61, is set"
           : right == PTW_EXEC
               ? "PXN, bit 53 (EL2, EL3: XN, bit 54), or of a table PXNTable, "
                 "bit 59 (XNTable, bit 60), is set"
               : "UXN, bit 54, or of a table UXNTable, bit 60, is set";
}

/* ------------------------------------------------------------------- access */

bool ptw_is_aarch64(const struct ptw_regime *r)
{
    return r->arch->access_allowed == ptw_aarch64_access_allowed;
}

bool ptw_aarch64_is_upper(const struct ptw_regime *r)
{
    return r->extension == PTW_EXTEND_ONES;
}

unsigned ptw_aarch64_el(const struct ptw_regime *r)
{
    if ((r->facts & A64_EL3) != 0) {
        return 3;
    }
    return (r->facts & (A64_EL2 | A64_E2H)) != 0 ? 2 : 1;
}

/* What the processor makes of a leaf below entries that grant `above`: "Stage 1
 * data accesses permissions" and "Stage 1 instruction execution permissions",
 * and the manual's pseudocode, AArch64.S1DirectBasePermissions.  Where DBM is
 * set and the processor manages dirty state, "the effective value of AP[2] is
 * 0". */
static struct a64_permissions direct(const struct ptw_regime *r, unsigned above,
                                     uint64_t raw)
{
    struct a64_permissions p = {A64_R, 0};
    unsigned rights = above & a64_leaf_rights(r, raw);
    bool wxn = (r->features & PTW_AARCH64_WXN) != 0;

    if ((above & PTW_WRITE) != 0 && a64_hardware_dirty(r) &&
        (raw & A64_DBM) != 0) {
        rights |= PTW_WRITE;
    }
    p.privileged |= (rights & PTW_WRITE) != 0 ? A64_W : 0u;
    p.privileged |= (rights & PTW_EXEC) != 0 ? A64_X : 0u;
    if ((rights & PTW_USER) != 0) {
        p.user = p.privileged & (A64_R | A64_W);
    }
    p.user |= (rights & PTW_USER_EXEC) != 0 ? A64_X : 0u;
    /* What EL0 may write the privileged do not run. */
    if ((p.user & A64_W) != 0 || (wxn && (p.privileged & A64_W) != 0)) {
        p.privileged &= ~(unsigned)A64_X;
    }
    if (wxn && (p.user & A64_W) != 0) {
        p.user &= ~(unsigned)A64_X;
    }
    return p;
}

/* "The dirty state": a write where nDirty is set faults, unless the processor
 * clears it; so does one to a guarded control stack (the manual's pseudocode,
 * AArch64.S1CheckPermissions). */
static bool is_clean(const struct ptw_regime *r, uint64_t raw)
{
    return a64_indirect(r) && (raw & A64_AP2) != 0 && !a64_hardware_dirty(r);
}

static struct a64_permissions effective(const struct ptw_regime *r,
                                        unsigned above, uint64_t raw)
{
    struct a64_permissions p;

    if (!a64_indirect(r)) {
        return direct(r, above, raw);
    }
    p = ptw_aarch64_permissions_of(r, index_of(raw));
    if (is_clean(r, raw)) {
        p.privileged &= ~(unsigned)A64_W;
        p.user &= ~(unsigned)A64_W;
    }
    return p;
}

bool ptw_aarch64_shadow_stack(const struct ptw_regime *r, unsigned above,
                              uint64_t raw)
{
    struct a64_permissions p = {0, 0};

    (void)above;
    if (a64_indirect(r)) {
        p = ptw_aarch64_permissions_of(r, index_of(raw));
    }
    return ((p.privileged | p.user) & A64_GCS) != 0;
}

/* A guarded control stack is written by the instructions that are for it. */
bool ptw_aarch64_guest_writes(const struct ptw_regime *r, unsigned above,
                              uint64_t raw)
{
    struct a64_permissions p = effective(r, above, raw);
    unsigned writes = A64_W | (is_clean(r, raw) ? 0u : A64_GCS);

    return (above & PTW_WRITE) != 0 && ((p.privileged | p.user) & writes) != 0;
}

/* Whether PSTATE.PAN keeps the privileged from data: "Privileged Access Never".
 * Under indirect permissions "S1UnprivBasePerm is not 0b0000"; of a reserved one
 * a processor may take either, and it is kept here. */
static bool is_kept(const struct ptw_regime *r, uint64_t raw,
                    struct a64_permissions p, bool enhanced)
{
    if (a64_one_privilege(r)) {
        return false;
    }
    if (a64_indirect(r)) {
        return (r->kept[1] >> (4 * index_of(raw)) & 15) != 0;
    }
    return (p.user & (A64_R | A64_W)) != 0 ||
           (enhanced && (p.user & A64_X) != 0);
}

bool ptw_aarch64_access_allowed(const struct ptw_regime *r, unsigned above,
                                unsigned level, uint64_t raw,
                                const struct ptw_access *access)
{
    struct a64_permissions p = effective(r, above, raw);
    unsigned grants = access->user ? p.user : p.privileged;
    bool enhanced = (r->features & PTW_AARCH64_PAN3) != 0 ||
                    (access->allow & PTW_AARCH64_EPAN) != 0;

    (void)level;
    if (((raw & A64_AF) == 0 && (r->features & PTW_AARCH64_HA) == 0) ||
        (access->user && (r->features & PTW_AARCH64_E0PD) != 0)) {
        return false;
    }
    if (access->shadow_stack) {
        return access->right != PTW_EXEC &&
               (access->right & (PTW_READ | PTW_WRITE)) != 0 &&
               (grants & A64_GCS) != 0 &&
               !(access->right == PTW_WRITE && is_clean(r, raw));
    }
    if (!access->user && (access->allow & PTW_AARCH64_PAN) != 0 &&
        is_kept(r, raw, p, enhanced)) {
        grants &= A64_X;
    }
    switch (access->right) {
    case PTW_READ:
        return (grants & A64_R) != 0;
    case PTW_WRITE:
        return (grants & A64_W) != 0;
    case PTW_EXEC:
        return (grants & A64_X) != 0;
    case PTW_USER:
    case PTW_USER_EXEC:
    case PTW_ALL_RIGHTS:
        break;
    }
    return false;
}
