/* SPDX-License-Identifier: Apache-2.0 */
/* Building a regime, and asking it. */
#include "regime.h"

const struct ptw_cpu ptw_cpu_widest = {.pa_bits = 52, .page1g = true};

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

static enum ptw_status fail(enum ptw_status st, const char *reason,
                            const char **why)
{
    if (why != NULL) {
        *why = reason;
    }
    return st;
}

static enum ptw_status build(const struct ptw_arch *arch,
                             const struct ptw_cpu *cpu, unsigned features,
                             struct ptw_regime *out, const char **why)
{
    struct ptw_regime r;

    if (cpu == NULL) {
        cpu = &ptw_cpu_widest;
    }
    if (cpu->pa_bits < 32 || cpu->pa_bits > 52) {
        return fail(PTW_E_WIDTH,
                    "the physical address width must be from 32 to 52 bits",
                    why);
    }
    if ((cpu->flag_bits & ~ptw_bits(51, 32)) != 0) {
        return fail(PTW_E_WIDTH, "a flag bit must be from 32 to 51", why);
    }
    if (cpu->flag_bits != 0 && !arch->flag_bits) {
        return fail(PTW_E_REGIME, "this paging mode has no flag bits", why);
    }
    memset(&r, 0, sizeof r);
    r.flag_bits = cpu->flag_bits;
    r.amd = cpu->amd;
    r.arch = arch;
    r.id = arch->id;
    r.pa_bits = cpu->pa_bits;
    r.va_bits = cpu->pa_bits;
    r.features = features & arch->features;
    if (!cpu->page1g) {
        r.features &= ~(unsigned)PTW_PAGE1G;
    }
    r.va_bits = ptw_width(arch->format, &r);
    r.root_pa = UINT64_MAX;
    if (arch->format->levels > 0) {
        const struct ptw_format *f = arch->format;
        unsigned bits =
            arch->root_bits < r.pa_bits ? arch->root_bits : r.pa_bits;

        r.root_pa =
            ptw_bits(bits - 1, f->level[ptw_top(f)].bits + f->entry_log2) &
            ~r.flag_bits;
    }
    r.linear = r.flag_bits == 0 ? UINT64_MAX : (r.flag_bits & -r.flag_bits) - 1;
    arch->setup(&r);
    *out = r;
    return PTW_OK;
}

/* Names are the field's.  What can't be walked is refused by name, so that
 * nobody takes it for a slip of the keyboard. */
static const struct {
    const char *name;
    const struct ptw_arch *arch; /* NULL: known, and not supported */
    unsigned features;           /* what the name alone switches on */
} known[] = {
    {"bare", &ptw_arch_bare, 0},
    {"i686", &ptw_arch_i686, PTW_PSE | PTW_WP},
    {"amd64", &ptw_arch_amd64, PTW_NX | PTW_PAGE1G | PTW_WP},
    {"pae", &ptw_arch_pae, PTW_NX | PTW_WP},
    {"amd64-la57", &ptw_arch_la57, PTW_NX | PTW_PAGE1G | PTW_WP},
    {"aarch64", NULL, 0},
    {"sv32", NULL, 0},
    {"sv39", NULL, 0},
    {"sv48", NULL, 0},
    {"sv57", NULL, 0},
};

/* Compares up to the end of name or, for a family such as "aarch64-4k-48", up
 * to the dash that follows what is known. */
static bool is_named(const char *name, const char *entry)
{
    size_t i = 0;

    while (entry[i] != '\0' && name[i] == entry[i]) {
        i++;
    }
    return entry[i] == '\0' && name[i] == '\0';
}

static bool is_family(const char *name, const char *entry)
{
    size_t i = 0;

    while (entry[i] != '\0' && name[i] == entry[i]) {
        i++;
    }
    return entry[i] == '\0' && name[i] == '-';
}

enum ptw_status ptw_regime_by_name(const char *name, const struct ptw_cpu *cpu,
                                   unsigned without, struct ptw_regime *out,
                                   const char **why)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_named(name, known[i].name) && known[i].arch != NULL) {
            return build(known[i].arch, cpu, known[i].features & ~without, out,
                         why);
        }
        if (known[i].arch == NULL &&
            (is_named(name, known[i].name) || is_family(name, known[i].name))) {
            return fail(PTW_E_REGIME, "this paging mode is not supported yet",
                        why);
        }
    }
    return fail(PTW_E_REGIME, "no paging mode has this name", why);
}

enum ptw_status ptw_regime_with(const struct ptw_regime *r, unsigned features,
                                struct ptw_regime *out, const char **why)
{
    struct ptw_cpu cpu = {
        .pa_bits = r->pa_bits, .amd = r->amd, .flag_bits = r->flag_bits};

    features |= r->features;
    cpu.page1g = (features & PTW_PAGE1G) != 0;
    if ((features & ~r->arch->features) != 0) {
        return fail(PTW_E_REGIME, "this paging mode has no such feature", why);
    }
    if ((features & PTW_CET) != 0 && (features & PTW_WP) == 0) {
        return fail(PTW_E_CONFLICT, cet_without_wp, why);
    }
    return build(r->arch, &cpu, features, out, why);
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
        {CR4_PSE, PTW_PSE}, {CR4_SMEP, PTW_SMEP}, {CR4_SMAP, PTW_SMAP},
        {CR4_PKE, PTW_PKE}, {CR4_CET, PTW_CET},   {CR4_LAM_SUP, PTW_LAM_SUP},
    };
    struct ptw_cpu facts = cpu != NULL ? *cpu : ptw_cpu_widest;
    bool pg = (regs->cr0 & CR0_PG) != 0;
    bool pae = (regs->cr4 & CR4_PAE) != 0;
    bool lme = (regs->efer & EFER_LME) != 0;
    bool lma = (regs->efer & EFER_LMA) != 0;
    unsigned features = PTW_PAGE1G;

    if (pg && (regs->cr0 & CR0_PE) == 0) {
        return fail(PTW_E_CONFLICT, "CR0.PG is set and CR0.PE is clear", why);
    }
    if (lma != (pg && lme)) {
        return fail(PTW_E_CONFLICT,
                    "EFER.LMA is not what CR0.PG and EFER.LME make it", why);
    }
    if ((regs->cr4 & CR4_CET) != 0 && (regs->cr0 & CR0_WP) == 0) {
        return fail(PTW_E_CONFLICT, cet_without_wp, why);
    }
    if (!pg) {
        /* Linear addresses have 32 bits outside long mode; a width that is
         * none is left to be refused. */
        if (facts.pa_bits > 32 && facts.pa_bits <= 52) {
            facts.pa_bits = 32;
        }
        return build(&ptw_arch_bare, &facts, 0, out, why);
    }
    if (lme && !pae) {
        return fail(PTW_E_CONFLICT, "EFER.LME is set and CR4.PAE is clear",
                    why);
    }
    for (size_t i = 0; i < sizeof from_cr4 / sizeof from_cr4[0]; i++) {
        if ((regs->cr4 & from_cr4[i].bit) != 0) {
            features |= from_cr4[i].feature;
        }
    }
    if ((regs->efer & EFER_NXE) != 0) {
        features |= PTW_NX;
    }
    if ((regs->efer & EFER_UAIE) != 0) {
        features |= PTW_UAI;
    }
    if ((regs->cr0 & CR0_WP) != 0) {
        features |= PTW_WP;
    }
    return build(mode(pae, lme, (regs->cr4 & CR4_LA57) != 0), &facts, features,
                 out, why);
}

ptw_pa ptw_x86_root(const struct ptw_regime *r, uint64_t cr3)
{
    const struct ptw_format *f = r->arch->format;

    if (f->levels == 0) {
        return ptw_pa_of(0);
    }
    return ptw_pa_of(cr3 & ~r->flag_bits &
                     ptw_bits(r->arch->root_bits - 1,
                              f->level[ptw_top(f)].bits + f->entry_log2));
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

    if ((r->features & PTW_UAI) != 0) {
        uint64_t v = without_tag(va.v, 56);

        return ptw_va_of((v >> 56 & 1) != 0 ? v | (uint64_t)1 << 63
                                            : v & ~((uint64_t)1 << 63));
    }
    if (supervisor && (r->features & PTW_LAM_SUP) != 0) {
        return ptw_va_of(without_tag(va.v, r->va_bits - 1));
    }
    if (!supervisor && (knows & PTW_LAM_SUP) != 0 &&
        (cr3 & (CR3_LAM_U57 | CR3_LAM_U48)) != 0) {
        return ptw_va_of(without_tag(va.v, (cr3 & CR3_LAM_U57) != 0 ? 56 : 47));
    }
    return va;
}

enum ptw_status ptw_root_check(const struct ptw_regime *r, ptw_pa root)
{
    if (ptw_root_fits(r, root)) {
        return PTW_OK;
    }
    return (root.v & (ptw_root_bytes(r) - 1)) != 0 ? PTW_E_ALIGN : PTW_E_WIDTH;
}

uint64_t ptw_root_bytes(const struct ptw_regime *r)
{
    return r->root_pa & -r->root_pa;
}

bool ptw_canonical(const struct ptw_regime *r, ptw_va va)
{
    return ptw_is_canonical(r->arch->format, r, va.v);
}

const char *ptw_regime_name(const struct ptw_regime *r)
{
    return r->arch->name;
}

unsigned ptw_levels(const struct ptw_regime *r)
{
    return r->arch->format->levels;
}

const char *ptw_level_name(const struct ptw_regime *r, unsigned level)
{
    const struct ptw_format *f = r->arch->format;

    return level < f->levels ? f->level[level].name : "-";
}

unsigned ptw_entry_bytes(const struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;

    return f->levels == 0 ? 0 : 1u << f->entry_log2;
}

unsigned ptw_level_shift(const struct ptw_regime *r, unsigned level)
{
    assert(level < r->arch->format->levels);
    return r->arch->format->level[level].shift;
}

struct ptw_attributes ptw_attributes_of(const struct ptw_regime *r,
                                        unsigned level, uint64_t raw)
{
    return r->arch->attributes(r, level, raw);
}

bool ptw_is_copy_on_write(const struct ptw_regime *r, unsigned level,
                          uint64_t raw)
{
    const struct ptw_format *a = r->arch->format;

    assert(a->levels == 0 || level < a->levels);
    (void)level;
    return a->levels > 0 && a->leaf_copy_on_write(raw) == raw;
}

struct ptw_entry ptw_decode(const struct ptw_regime *r, unsigned level,
                            uint64_t raw)
{
    assert(level < r->arch->format->levels);
    return r->arch->format->decode(r, raw, level, 0);
}

size_t ptw_entry_fields(const struct ptw_regime *r, unsigned level,
                        uint64_t raw,
                        struct ptw_entry_field field[PTW_MAX_FIELDS])
{
    const struct ptw_format *a = r->arch->format;

    assert(level < a->levels);
    return (raw & a->present) == 0 ? 0 : r->arch->fields(r, level, raw, field);
}

const char *ptw_present_text(const struct ptw_regime *r)
{
    return r->arch->present_text;
}

const char *ptw_right_text(const struct ptw_regime *r, enum ptw_right right)
{
    return r->arch->right_text(right);
}

uint64_t ptw_reserved_bits(const struct ptw_regime *r, unsigned level,
                           uint64_t raw)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    const struct ptw_format *f = r->arch->format;
    uint64_t as_table = raw & rule->table_reserved;
    uint64_t as_leaf = raw & rule->leaf_reserved;

    assert(level < f->levels);
    if (f->decode(r, raw, level, 0).kind != PTW_ENTRY_BAD) {
        return 0;
    }
    /* Without the bits that spoil it, it would be the one or the other. */
    return f->decode(r, raw & ~as_leaf, level, 0).kind == PTW_ENTRY_LEAF
               ? as_leaf
               : as_table;
}

bool ptw_guest_writes(const struct ptw_regime *r, unsigned above,
                      unsigned level, uint64_t raw)
{
    assert(r->arch->format->levels == 0 || level < r->arch->format->levels);
    (void)level;
    return r->arch->guest_writes(r, above, raw);
}

bool ptw_shadow_stack(const struct ptw_regime *r, unsigned above,
                      unsigned level, uint64_t raw)
{
    assert(r->arch->format->levels == 0 || level < r->arch->format->levels);
    (void)level;
    return r->arch->shadow_stack(r, above, raw);
}

bool ptw_access_allowed(const struct ptw_regime *r, unsigned above,
                        unsigned level, uint64_t raw,
                        const struct ptw_access *access)
{
    return r->arch->access_allowed(r, above, level, raw, access);
}
