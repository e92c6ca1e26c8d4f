/* SPDX-License-Identifier: Apache-2.0 */
/* What the x86 architectures share at run time: how an access is judged. */
#include "x86.h"

#include "archs.h"
#include "ptwalk/cpu.h"
#include "regime.h"

const struct ptw_widths ptw_x86_widths = {
    .pa_least = 32,
    .pa_most = 52,
    .flag_bits = ((uint64_t)1 << 52) - ((uint64_t)1 << 32),
    .pa_text = "the physical address width must be from 32 to 52 bits",
    .flag_text = "a flag bit must be from 32 to 51",
};

/* Intel SDM vol. 3A, "Determination of Access Rights" and "Protection Keys".
 * Keys concern data only, and user addresses only. */
static bool key_allows(const struct ptw_regime *r, unsigned rights,
                       unsigned level, uint64_t raw,
                       const struct ptw_access *access)
{
    unsigned key = r->arch->attributes(r, level, raw).key;
    bool access_disabled = (access->keys >> (2 * key) & 1) != 0;
    bool write_disabled = (access->keys >> (2 * key + 1) & 1) != 0;

    if ((r->features & PTW_X86_PKE) == 0 || (rights & PTW_USER) == 0 ||
        access->right == PTW_EXEC) {
        return true;
    }
    if (access_disabled) {
        return false;
    }
    return access->right != PTW_WRITE || !write_disabled ||
           (!access->user && (r->features & PTW_X86_WP) == 0);
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
    {7, X86_LARGE | X86_UPPER, "PS"},
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
                   (kind == PTW_ENTRY_BAD && r->rule[level].leaf &&
                    (raw & X86_PS) != 0)
               ? X86_LARGE
               : X86_UPPER;
}

static bool has_key(const struct ptw_regime *r, enum x86_where where)
{
    return (r->features & PTW_X86_PKE) != 0 && (where & X86_LEAF) != 0;
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
    if ((r->arch->features & PTW_X86_PKE) != 0 &&
        (raw & ptw_bits(high, 52)) != 0) {
        n += put_number(&field[n], "sw", high, 52);
    }
    if (key) {
        n += put_number(&field[n], "key", 62, 59);
    }
    return n;
}

struct ptw_bad_entry ptw_x86_bad_beyond(const struct ptw_regime *r,
                                        unsigned level, uint64_t raw,
                                        uint64_t beyond)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    bool leaf = level == 0 || (rule->leaf && (raw & X86_PS) != 0);
    struct ptw_bad_entry bad = {
        .why = PTW_BAD_RESERVED,
        .bits = raw & (leaf ? rule->leaf_reserved : rule->table_reserved),
    };

    if ((bad.bits & ~beyond) == 0) {
        bad.why = PTW_BAD_WIDTH;
    }
    return bad;
}

size_t ptw_x86_fields(const struct ptw_regime *r, unsigned level, uint64_t raw,
                      struct ptw_entry_field *field)
{
    return ptw_x86_fields_in(r, where_is(r, level, raw), raw, field);
}

const char *ptw_x86_right_text(const struct ptw_regime *r, enum ptw_right right)
{
    (void)r;
    return right == PTW_WRITE  ? "RW, bit 1, is clear"
           : right == PTW_USER ? "US, bit 2, is clear"
                               : "XD, bit 63, is set";
}

/* ------------------------------------------------------------------ access */

bool ptw_is_x86(const struct ptw_regime *r)
{
    return r->arch->access_allowed == ptw_x86_access_allowed;
}

bool ptw_x86_shadow_stack(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return x86_shadow_stack(r, above, raw);
}

/* What the supervisor may write where CR0.WP is clear is everything. */
bool ptw_x86_guest_writes(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return (r->features & PTW_X86_WP) == 0 ||
           (above & x86_rights(raw) & PTW_WRITE) != 0 ||
           x86_shadow_stack(r, above, raw);
}

bool ptw_x86_access_allowed(const struct ptw_regime *r, unsigned above,
                            unsigned level, uint64_t raw,
                            const struct ptw_access *access)
{
    unsigned rights = above & x86_rights(raw);
    bool user_page = (rights & PTW_USER) != 0;

    if ((access->right & (PTW_READ | PTW_WRITE | PTW_EXEC)) == 0 ||
        (access->user && !user_page)) {
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
        if (!access->user && user_page && (r->features & PTW_X86_SMEP) != 0) {
            return false;
        }
        return (rights & PTW_EXEC) != 0;
    }
    if (!access->user && user_page && (r->features & PTW_X86_SMAP) != 0 &&
        (access->allow & PTW_X86_ALLOW_AC) == 0) {
        return false;
    }
    return access->right != PTW_WRITE || (rights & PTW_WRITE) != 0 ||
           (!access->user && (r->features & PTW_X86_WP) == 0);
}

/* -------------------------------------------------------------- registers */

/* Intel SDM vol. 3A, "Control Registers", and vol. 4 for IA32_EFER. */
static const uint64_t CR0_PE = (uint64_t)1 << 0;
static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t CR4_PAE = (uint64_t)1 << 5;
static const uint64_t CR4_LA57 = (uint64_t)1 << 12;
static const uint64_t CR4_SMEP = (uint64_t)1 << 20;
static const uint64_t CR4_SMAP = (uint64_t)1 << 21;
static const uint64_t CR4_PKE = (uint64_t)1 << 22;
static const uint64_t CR4_CET = (uint64_t)1 << 23;
static const uint64_t CR4_LAM_SUP = (uint64_t)1 << 28;
static const uint64_t CR3_LAM_U57 = (uint64_t)1 << 61;
static const uint64_t CR3_LAM_U48 = (uint64_t)1 << 62;
static const uint64_t EFER_LME = (uint64_t)1 << 8;
static const uint64_t EFER_LMA = (uint64_t)1 << 10;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;
static const uint64_t EFER_UAIE = (uint64_t)1 << 20;

static const char cet_without_wp[] = "CR4.CET is set and CR0.WP is clear";

unsigned ptw_x86_lacks(const struct ptw_cpu *cpu)
{
    return cpu->x86.page1g ? 0 : PTW_X86_PAGE1G;
}

unsigned ptw_x86_facts(const struct ptw_cpu *cpu)
{
    return cpu->x86.amd ? X86_FACT_AMD : 0;
}

/* What no processor can have together. */
const char *ptw_x86_conflict(unsigned features)
{
    return (features & PTW_X86_CET) != 0 && (features & PTW_X86_WP) == 0
               ? cet_without_wp
               : NULL;
}

/* CR4.LA57 means something in long mode only. */
static const struct ptw_arch *mode(bool pae, bool lme, bool la57)
{
    if (lme) {
        return la57 ? &ptw_arch_la57 : &ptw_arch_amd64;
    }
    return pae ? &ptw_arch_pae : &ptw_arch_i686;
}

enum ptw_status ptw_regime_from_x86(const struct ptw_x86_registers *regs,
                                    const struct ptw_cpu *cpu,
                                    struct ptw_regime *out, const char **why)
{
    static const struct {
        uint64_t bit;
        unsigned feature;
    } from_cr4[] = {
        {CR4_PSE, PTW_X86_PSE},   {CR4_SMEP, PTW_X86_SMEP},
        {CR4_SMAP, PTW_X86_SMAP}, {CR4_PKE, PTW_X86_PKE},
        {CR4_CET, PTW_X86_CET},   {CR4_LAM_SUP, PTW_X86_LAM_SUP},
    };
    struct ptw_cpu facts = cpu != NULL ? *cpu : ptw_cpu_widest;
    bool pg = (regs->cr0 & CR0_PG) != 0;
    bool pae = (regs->cr4 & CR4_PAE) != 0;
    bool lme = (regs->efer & EFER_LME) != 0;
    bool lma = (regs->efer & EFER_LMA) != 0;
    const struct ptw_arch *arch;
    unsigned features = PTW_X86_PAGE1G;

    if (pg && (regs->cr0 & CR0_PE) == 0) {
        return ptw_regime_fail(PTW_E_CONFLICT,
                               "CR0.PG is set and CR0.PE is clear", why);
    }
    if (lma != (pg && lme)) {
        return ptw_regime_fail(
            PTW_E_CONFLICT, "EFER.LMA is not what CR0.PG and EFER.LME make it",
            why);
    }
    if ((regs->cr4 & CR4_CET) != 0 && (regs->cr0 & CR0_WP) == 0) {
        return ptw_regime_fail(PTW_E_CONFLICT, cet_without_wp, why);
    }
    if (!pg) {
        /* Linear addresses have 32 bits outside long mode; a width that is
         * none is left to be refused. */
        if (facts.pa_bits > 32 && facts.pa_bits <= 52) {
            facts.pa_bits = 32;
        }
        facts.flag_bits = 0;
        return ptw_regime_build(&ptw_arch_bare, &facts, 0, out, why);
    }
    if (lme && !pae) {
        return ptw_regime_fail(PTW_E_CONFLICT,
                               "EFER.LME is set and CR4.PAE is clear", why);
    }
    for (size_t i = 0; i < sizeof from_cr4 / sizeof from_cr4[0]; i++) {
        if ((regs->cr4 & from_cr4[i].bit) != 0) {
            features |= from_cr4[i].feature;
        }
    }
    if ((regs->efer & EFER_NXE) != 0) {
        features |= PTW_X86_NX;
    }
    if ((regs->efer & EFER_UAIE) != 0) {
        features |= PTW_X86_UAI;
    }
    if ((regs->cr0 & CR0_WP) != 0) {
        features |= PTW_X86_WP;
    }
    arch = mode(pae, lme, (regs->cr4 & CR4_LA57) != 0);
    if (!arch->format->flag_bits) {
        facts.flag_bits = 0;
    }
    return ptw_regime_build(arch, &facts, features, out, why);
}

struct ptw_root ptw_x86_root(const struct ptw_regime *r, uint64_t cr3)
{
    const struct ptw_format *f = r->arch->format;

    if (f->levels == 0) {
        return ptw_root_of(r, ptw_pa_of(0));
    }
    return ptw_root_of(r,
                       ptw_pa_of(cr3 & ~r->flag_bits &
                                 ptw_bits(r->arch->root_bits - 1,
                                          ptw_index_bits(f, r, ptw_top(f, r)) +
                                              f->entry_log2)));
}

/* Bits 62 down to the one above `bit` become copies of it. */
static uint64_t without_tag(uint64_t va, unsigned bit)
{
    uint64_t tag = ptw_bits(62, bit + 1);

    return (va >> bit & 1) != 0 ? va | tag : va & ~tag;
}

ptw_va ptw_x86_untag(const struct ptw_regime *r, uint64_t cr3, ptw_va va)
{
    unsigned knows = r->arch->features;
    bool supervisor = va.v >> 63 != 0;

    if (!ptw_is_x86(r)) {
        return va;
    }
    if ((r->features & PTW_X86_UAI) != 0) {
        uint64_t v = without_tag(va.v, 56);

        return ptw_va_of((v >> 56 & 1) != 0 ? v | (uint64_t)1 << 63
                                            : v & ~((uint64_t)1 << 63));
    }
    if (supervisor && (r->features & PTW_X86_LAM_SUP) != 0) {
        return ptw_va_of(without_tag(va.v, r->va_bits - 1));
    }
    if (!supervisor && (knows & PTW_X86_LAM_SUP) != 0 &&
        (cr3 & (CR3_LAM_U57 | CR3_LAM_U48)) != 0) {
        return ptw_va_of(without_tag(va.v, (cr3 & CR3_LAM_U57) != 0 ? 56 : 47));
    }
    return va;
}
