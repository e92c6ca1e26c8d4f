/* SPDX-License-Identifier: Apache-2.0 */
/* Building a regime, and asking it. */
#include "regime.h"

#include "ptwalk/cpu.h"
#include "vector.h"

enum ptw_status ptw_regime_fail(enum ptw_status st, const char *reason,
                                const char **why)
{
    if (why != NULL) {
        *why = reason;
    }
    return st;
}

/* Sets what pages mostly need. */
static void set_pages(struct ptw_regime *r)
{
    static const struct ptw_attributes plain;
    const struct ptw_format *f = r->arch->format;

    for (unsigned rights = 0; rights <= PTW_ALL_RIGHTS; rights++) {
        uint64_t bits = 0;

        if (!ptw_root_is_plain(f, r) ||
            !f->leaf_bits(r, 0, rights, false, &plain, &bits)) {
            bits = 0;
        }
        r->page[rights] = bits;
    }
    r->no_page = ~r->rule[0].leaf_pa;
}

/* Sets what a sweep needs: where leaves of level 0 have their addresses, and by
 * what else they are compared. */
static void set_plain(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    const struct ptw_level_rule *rule = &r->rule[0];
    uint64_t address = f->put_address(r, 0, PTW_ENTRY_LEAF, rule->leaf_pa);

    r->plain_address = address & ~r->moved;
    r->plain_by = ((uint64_t)1 << f->level[0].shift) / f->level[0].step;
    r->moved_by = (uint64_t)1 << r->moved_up;
    r->plain_up = (unsigned)__builtin_ctzll(r->plain_by);
    r->plain_alike = rule->alike & ~address;
}

/* Sets the members that follow from arch, pa_bits, flag_bits, facts and
 * features.
 */
static void set_up(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    uint64_t gap_first;
    uint64_t gap_last;

    r->id = r->arch->id;
    r->rights = f->rights;
    r->granted = r->arch->granted;
    if (f->va_bits != 0 || f->levels == 0) {
        r->va_bits = f->va_bits != 0 ? f->va_bits : r->pa_bits;
    }
    r->root_log2 = 0;
    r->linear =
        r->flag_bits == 0 ? UINT64_MAX : (r->flag_bits & -r->flag_bits) - 1;
    memset(r->rule, 0, sizeof r->rule);
    r->arch->setup(r);
    r->root_pa = UINT64_MAX;
    if (f->levels > 0) {
        unsigned bits =
            r->arch->root_bits < r->pa_bits ? r->arch->root_bits : r->pa_bits;
        unsigned log2 = ptw_index_bits(f, r, ptw_top(f, r)) + f->entry_log2;

        r->root_log2 = r->root_log2 > log2 ? r->root_log2 : log2;
        r->root_pa = ptw_bits(bits - 1, r->root_log2) & ~r->flag_bits;
        r->root_last = ptw_low_mask(ptw_index_bits(f, r, ptw_top(f, r)));
        set_pages(r);
        set_plain(r);
    }
    r->no_root = ~r->root_pa;
    r->gap_first = 0;
    r->gap_bytes = 0;
    if (ptw_gap(f, r, &gap_first, &gap_last)) {
        r->gap_first = gap_first;
        r->gap_bytes = gap_last - gap_first + 1;
    }
}

enum ptw_status ptw_regime_build(const struct ptw_arch *arch,
                                 const struct ptw_cpu *cpu, unsigned features,
                                 struct ptw_regime *out, const char **why)
{
    const struct ptw_widths *w = arch->widths;
    struct ptw_cpu widest = ptw_cpu_widest;
    struct ptw_regime r;

    if (cpu == NULL) {
        widest.pa_bits = w->pa_most;
        cpu = &widest;
    }
    if (cpu->pa_bits < w->pa_least || cpu->pa_bits > w->pa_most) {
        return ptw_regime_fail(PTW_E_WIDTH, w->pa_text, why);
    }
    if ((cpu->flag_bits & ~w->flag_bits) != 0) {
        return ptw_regime_fail(PTW_E_WIDTH, w->flag_text, why);
    }
    if (cpu->flag_bits != 0 && !arch->format->flag_bits) {
        return ptw_regime_fail(PTW_E_REGIME,
                               "this paging mode has no flag bits", why);
    }
    memset(&r, 0, sizeof r);
    r.arch = arch;
    r.pa_bits = cpu->pa_bits;
    r.flag_bits = cpu->flag_bits;
    r.features = features & arch->features;
    if (arch->lacks != NULL) {
        r.features &= ~arch->lacks(cpu);
    }
    if (arch->facts != NULL) {
        r.facts = arch->facts(cpu);
    }
    if (arch->keep != NULL) {
        arch->keep(&r, cpu);
    }
    r.vectors = ptw_vectors_here();
    set_up(&r);
    *out = r;
    return PTW_OK;
}

enum ptw_status ptw_regime_with(const struct ptw_regime *r, unsigned features,
                                struct ptw_regime *out, const char **why)
{
    struct ptw_regime more = *r; /* the processor has what is asked for */

    features |= r->features;
    if ((features & ~r->arch->features) != 0) {
        return ptw_regime_fail(PTW_E_REGIME,
                               "this paging mode has no such feature", why);
    }
    if (r->arch->conflict != NULL && r->arch->conflict(features) != NULL) {
        return ptw_regime_fail(PTW_E_CONFLICT, r->arch->conflict(features),
                               why);
    }
    more.features = features;
    set_up(&more);
    *out = more;
    return PTW_OK;
}

static bool agree(const struct ptw_regime *a, const struct ptw_regime *b)
{
    return a == b ||
           (b != NULL && a->arch == b->arch && a->pa_bits == b->pa_bits &&
            ((a->features ^ b->features) & ~a->arch->apart) == 0 &&
            a->flag_bits == b->flag_bits && a->facts == b->facts &&
            a->kept[0] == b->kept[0] && a->kept[1] == b->kept[1]);
}

bool ptw_same_space(const struct ptw_regime *a, const struct ptw_regime *b)
{
    return agree(a, b) && a->features == b->features &&
           a->va_bits == b->va_bits && a->extension == b->extension &&
           a->top == b->top && a->top_bits == b->top_bits;
}

bool ptw_roots_agree(const struct ptw_root *root, uint32_t roots)
{
    if (roots == 0 || roots > (uint32_t)1 << 31 || root[0].regime == NULL) {
        return false;
    }
    for (uint32_t i = 1; i < roots; i++) {
        if (!agree(root[0].regime, root[i].regime)) {
            return false;
        }
    }
    return true;
}

enum ptw_status ptw_root_check(struct ptw_root root)
{
    if (ptw_root_fits(root)) {
        return PTW_OK;
    }
    return (root.table.v & (ptw_root_bytes(root.regime) - 1)) != 0
               ? PTW_E_ALIGN
               : PTW_E_WIDTH;
}

uint64_t ptw_root_bytes(const struct ptw_regime *r)
{
    return r->root_pa & -r->root_pa;
}

uint64_t ptw_root_flags(const struct ptw_regime *r)
{
    return r->flag_bits & ptw_low_mask(r->arch->root_bits);
}

bool ptw_canonical(const struct ptw_regime *r, ptw_va va)
{
    return ptw_is_canonical(r, va.v);
}

const char *ptw_regime_name(const struct ptw_regime *r)
{
    return r->name[0] != '\0' ? r->name : r->arch->name;
}

unsigned ptw_levels(const struct ptw_regime *r)
{
    return r->arch->format->levels == 0 ? 0 : ptw_top(r->arch->format, r) + 1;
}

const char *ptw_level_name(const struct ptw_regime *r, unsigned level)
{
    const struct ptw_format *f = r->arch->format;

    return level < ptw_levels(r) ? f->level[level].name : "-";
}

unsigned ptw_features_of(const struct ptw_regime *r)
{
    return r->features;
}

unsigned ptw_pa_bits(const struct ptw_regime *r)
{
    return r->pa_bits;
}

unsigned ptw_va_bits(const struct ptw_regime *r)
{
    return r->va_bits;
}

unsigned ptw_rights_of(const struct ptw_regime *r)
{
    return r->rights;
}

unsigned ptw_rights_granted(const struct ptw_regime *r)
{
    return r->granted;
}

static const struct {
    char letter;
    enum ptw_right right;
} letters[] = {{'r', PTW_READ},
               {'w', PTW_WRITE},
               {'x', PTW_EXEC},
               {'u', PTW_USER},
               {'X', PTW_USER_EXEC}};

unsigned ptw_right_of(char letter)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (letters[i].letter == letter) {
            return letters[i].right;
        }
    }
    return 0;
}

const char *ptw_right_letters(const struct ptw_regime *r)
{
    return r->arch->letters;
}

uint64_t ptw_page_size(const struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;

    return f->levels == 0 ? 1 : (uint64_t)1 << ptw_page_log2(f);
}

uint64_t ptw_table_size(const struct ptw_regime *r, unsigned level)
{
    assert(level < r->arch->format->levels);
    return ptw_table_bytes(r->arch->format, r, level);
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

unsigned ptw_entry_index(const struct ptw_regime *r, unsigned level, ptw_va va)
{
    const struct ptw_level *l = &r->arch->format->level[level];

    assert(level < r->arch->format->levels);
    return (unsigned)((va.v & ptw_low_mask(r->va_bits)) >> l->shift &
                      ptw_low_mask(ptw_index_bits(r->arch->format, r, level)));
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
    return a->levels > 0 && a->leaf_copy_on_write(r, raw) == raw;
}

struct ptw_entry ptw_decode(const struct ptw_regime *r, unsigned level,
                            unsigned index, uint64_t raw)
{
    assert(level < r->arch->format->levels);
    return r->arch->format->decode(r, raw, level, index);
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
    unsigned taken = r->rights & ~r->granted;

    /* One right. */
    return (right & (right - 1)) == 0 && (right & taken) != 0
               ? r->arch->right_text(r, right)
               : NULL;
}

struct ptw_bad_entry ptw_bad_entry_of(const struct ptw_regime *r,
                                      unsigned level, unsigned index,
                                      uint64_t raw)
{
    const struct ptw_format *f = r->arch->format;
    struct ptw_bad_entry bad = {PTW_BAD_RESERVED, 0};

    assert(level < f->levels);
    if (f->decode(r, raw, level, index).kind == PTW_ENTRY_BAD) {
        bad = r->arch->bad(r, level, index, raw);
    }
    return bad;
}

const char *ptw_bad_reason_text(enum ptw_bad_reason why)
{
    switch (why) {
    case PTW_BAD_RESERVED:
        return "reserved";
    case PTW_BAD_WIDTH:
        return "width";
    case PTW_BAD_MISALIGNED:
        return "misaligned";
    case PTW_BAD_COMBINATION:
        return "combination";
    }
    return "unknown";
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

static bool whole_pages(const struct ptw_regime *r, struct ptw_va_range range)
{
    unsigned page = ptw_page_log2(r->arch->format);

    return ((range.first.v | (range.last.v + 1)) & ptw_low_mask(page)) == 0;
}

static bool keeps_some(struct ptw_va_range whole,
                       const struct ptw_va_range *leave_out, size_t leave_outs,
                       uint64_t first, uint64_t last)
{
    struct ptw_va_range part = {{first}, {last}};

    return ptw_range_kept(whole, leave_out, leave_outs, part) != PTW_COVER_NONE;
}

/* Whether any address that tables can map is in the range and not left out. */
static bool keeps_anything(const struct ptw_regime *r,
                           struct ptw_va_range whole,
                           const struct ptw_va_range *leave_out,
                           size_t leave_outs)
{
    uint64_t first;
    uint64_t last;

    if (!ptw_gap(r->arch->format, r, &first, &last)) {
        return keeps_some(whole, leave_out, leave_outs, 0, UINT64_MAX);
    }
    return (first > 0 &&
            keeps_some(whole, leave_out, leave_outs, 0, first - 1)) ||
           (last < UINT64_MAX &&
            keeps_some(whole, leave_out, leave_outs, last + 1, UINT64_MAX));
}

enum ptw_status ptw_kept_check(const struct ptw_root *root, uint32_t roots,
                               struct ptw_va_range whole,
                               const struct ptw_va_range *leave_out,
                               size_t leave_outs)
{
    if (whole.first.v > whole.last.v ||
        !ptw_ranges_ascend(leave_out, leave_outs)) {
        return PTW_E_RANGE;
    }
    for (size_t i = 0; i < leave_outs; i++) {
        if (!whole_pages(root[0].regime, leave_out[i])) {
            return PTW_E_ALIGN;
        }
    }
    if (!whole_pages(root[0].regime, whole)) {
        return PTW_E_ALIGN;
    }
    for (uint32_t i = 0; i < roots; i++) {
        if (keeps_anything(root[i].regime, whole, leave_out, leave_outs)) {
            return PTW_OK;
        }
    }
    return PTW_E_RANGE;
}
