/* SPDX-License-Identifier: Apache-2.0 */
/* What the x86 architectures share at run time: how an access is judged. */
#include "x86.h"

/* Intel SDM vol. 3A, "Determination of Access Rights" and "Protection Keys".
 * Keys concern data only, and user addresses only. */
static bool key_allows(const struct ptw_regime *r, unsigned rights,
                       unsigned level, uint64_t raw,
                       const struct ptw_access *access)
{
    unsigned key = r->arch->attributes(r, level, raw).key;
    bool access_disabled = (access->pkru >> (2 * key) & 1) != 0;
    bool write_disabled = (access->pkru >> (2 * key + 1) & 1) != 0;

    if ((r->features & PTW_PKE) == 0 || (rights & PTW_USER) == 0 ||
        access->right == PTW_EXEC) {
        return true;
    }
    if (access_disabled) {
        return false;
    }
    return access->right != PTW_WRITE || !write_disabled ||
           (!access->user && (r->features & PTW_WP) == 0);
}

/* ------------------------------------------------------- bits of an entry */

/* Intel SDM vol. 3A, "Paging", the figures of the entry formats. */
static const struct {
    uint8_t bit;
    uint8_t where;
    const char *name;
} bits[] = {
    {0, X86_ALL | X86_ROOT, "P"},
    {1, X86_ALL, "RW"},
    {2, X86_ALL, "US"},
    {3, X86_ALL | X86_ROOT, "PWT"},
    {4, X86_ALL | X86_ROOT, "PCD"},
    {5, X86_ALL | X86_ROOT, "A"},
    {6, X86_LEAF, "D"},
    {7, X86_SMALL, "PAT"},
    {7, X86_LARGE, "PS"},
    {8, X86_LEAF, "G"},
    {12, X86_LARGE, "PAT"},
    {63, X86_ALL, "XD"},
};

static enum x86_where where_is(const struct ptw_regime *r, unsigned level,
                               uint64_t raw)
{
    enum ptw_entry_kind kind = r->arch->format->decode(r, raw, level, 0).kind;

    if (level == 0) {
        return X86_SMALL;
    }
    return kind == PTW_ENTRY_LEAF ||
                   (kind == PTW_ENTRY_BAD && (raw & X86_PS) != 0)
               ? X86_LARGE
               : X86_UPPER;
}

static bool has_key(const struct ptw_regime *r, enum x86_where where)
{
    return (r->features & PTW_PKE) != 0 && (where & X86_LEAF) != 0;
}

/* Bits 11:9 are software's; in long mode so are 62:52, but for the key. */
static size_t put_number(struct ptw_entry_field *field, const char *name,
                         unsigned high, unsigned low)
{
    field->name = name;
    field->high = (uint8_t)high;
    field->low = (uint8_t)low;
    field->number = true;
    return 1;
}

size_t ptw_x86_fields_in(const struct ptw_regime *r, enum x86_where where,
                         uint64_t raw, struct ptw_entry_field *field)
{
    bool key = has_key(r, where);
    unsigned high = key ? 58 : 62;
    size_t n = 0;

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if ((bits[i].where & where) == 0 || (raw >> bits[i].bit & 1) == 0 ||
            (X86_BIT(bits[i].bit) == X86_XD && x86_xd(r) == 0)) {
            continue;
        }
        field[n].name = bits[i].name;
        field[n].high = bits[i].bit;
        field[n].low = bits[i].bit;
        field[n++].number = false;
    }
    for (unsigned bit = 32; bit < 52; bit++) {
        if ((raw & r->flag_bits) >> bit & 1) {
            n += put_number(&field[n], "flag", bit, bit);
        }
    }
    if ((raw & X86_SOFTWARE) != 0) {
        n += put_number(&field[n], "sw", 11, 9);
    }
    if ((r->arch->features & PTW_PKE) != 0 && (raw & ptw_bits(high, 52)) != 0) {
        n += put_number(&field[n], "sw", high, 52);
    }
    if (key) {
        n += put_number(&field[n], "key", 62, 59);
    }
    return n;
}

size_t ptw_x86_fields(const struct ptw_regime *r, unsigned level, uint64_t raw,
                      struct ptw_entry_field *field)
{
    return ptw_x86_fields_in(r, where_is(r, level, raw), raw, field);
}

const char *ptw_x86_right_text(enum ptw_right right)
{
    switch (right) {
    case PTW_WRITE:
        return "RW, bit 1, is clear";
    case PTW_USER:
        return "US, bit 2, is clear";
    case PTW_EXEC:
        return "XD, bit 63, is set";
    case PTW_READ:
    case PTW_ALL_RIGHTS:
        break;
    }
    return NULL;
}

/* ------------------------------------------------------------------ access */

bool ptw_x86_shadow_stack(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return x86_shadow_stack(r, above, raw);
}

/* What the supervisor may write where CR0.WP is clear is everything. */
bool ptw_x86_guest_writes(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return (r->features & PTW_WP) == 0 ||
           (above & x86_rights(raw) & PTW_WRITE) != 0 ||
           x86_shadow_stack(r, above, raw);
}

bool ptw_x86_access_allowed(const struct ptw_regime *r, unsigned above,
                            unsigned level, uint64_t raw,
                            const struct ptw_access *access)
{
    unsigned rights = above & x86_rights(raw);
    bool user_page = (rights & PTW_USER) != 0;

    if (access->user && !user_page) {
        return false;
    }
    if (!key_allows(r, rights, level, raw, access)) {
        return false;
    }
    if (access->shadow_stack) {
        return access->right != PTW_EXEC && access->user == user_page &&
               x86_shadow_stack(r, above, raw);
    }
    if (access->right == PTW_EXEC) {
        if (!access->user && user_page && (r->features & PTW_SMEP) != 0) {
            return false;
        }
        return (rights & PTW_EXEC) != 0;
    }
    if (!access->user && user_page && (r->features & PTW_SMAP) != 0 &&
        !access->ac) {
        return false;
    }
    return access->right != PTW_WRITE || (rights & PTW_WRITE) != 0 ||
           (!access->user && (r->features & PTW_WP) == 0);
}
