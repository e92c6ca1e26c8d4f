/* SPDX-License-Identifier: Apache-2.0 */
/* explain: the walk of one address, level by level. */
#include "color.h"
#include "families.h"
#include "json.h"
#include "meaning.h"
#include "memory_types.h"
#include "print.h"
#include "roots.h"
#include "unread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The whole answer about an address in one space. */
struct answer {
    const struct options *o;
    const struct image *im;
    uint32_t root;
    ptw_va va;    /* without its tag */
    ptw_va asked; /* with it */
    enum ptw_status st;
    struct ptw_translation tr;
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps;
};

static const struct ptw_regime *regime_of(const struct answer *a)
{
    return a->o->root[a->root].regime;
}

/* ------------------------------------------------------- bits of an entry */

static bool is_key(const struct ptw_entry_field *f)
{
    return strcmp(f->name, "key") == 0;
}

static void print_bits(const struct ptw_regime *r, const struct ptw_step *step)
{
    struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t fields = ptw_entry_fields(r, step->level, step->raw, field);

    for (size_t i = 0; i < fields; i++) {
        const struct ptw_entry_field *f = &field[i];
        unsigned width = f->high - f->low + 1u;
        uint64_t value = step->raw >> f->low & (UINT64_MAX >> (64 - width));

        if (!f->number) {
            out_line(" %s", f->name);
        } else if (is_key(f)) {
            out_line(" %s=%" PRIu64, f->name, value);
        } else {
            out_line(" %s[%u:%u]=%" PRIx64, f->name, f->high, f->low, value);
        }
    }
    if (ptw_decode(r, step->level, 0, step->raw).kind == PTW_ENTRY_ABSENT) {
        const char *lacks = ptw_present_text(r); /* "P, bit 0, is clear" */

        out_line(" %.*s clear", (int)strcspn(lacks, ","), lacks);
    }
}

static json_t *bits_json(const struct ptw_regime *r,
                         const struct ptw_step *step)
{
    struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t fields = ptw_entry_fields(r, step->level, step->raw, field);
    json_t *list = must(json_array());

    for (size_t i = 0; i < fields; i++) {
        if (!field[i].number &&
            json_array_append_new(list, json_string(field[i].name)) != 0) {
            die_of_memory();
        }
    }
    return list;
}

/* ------------------------------------------------------------------ rights */

/* Which rights the entry by itself denies. */
static unsigned taken_by(const struct ptw_regime *r,
                         const struct ptw_step *step)
{
    struct ptw_entry e = ptw_decode(r, step->level, 0, step->raw);

    if (!step->read ||
        (e.kind != PTW_ENTRY_LEAF && e.kind != PTW_ENTRY_TABLE)) {
        return 0;
    }
    return ptw_rights_of(r) & ~e.rights;
}

static void print_taken(const struct ptw_regime *r, const struct ptw_step *step,
                        unsigned before)
{
    unsigned taken = taken_by(r, step);

    for (const char *c = ptw_right_letters(r); *c != '\0'; c++) {
        enum ptw_right right = (enum ptw_right)ptw_right_of(*c);

        const char *text = ptw_right_text(r, right);

        if (right == PTW_WRITE && ptw_is_riscv(r) &&
            ptw_shadow_stack(r, PTW_ALL_RIGHTS, step->level, step->raw)) {
            text = "W is set and R and X are clear, a shadow stack";
        }
        if ((taken & right) != 0 && text != NULL) {
            out_line("      takes %c%s: %s\n", *c,
                     (before & right) != 0 ? "" : " too", text);
        }
    }
}

/* ------------------------------------------------------------------- steps */

static unsigned index_of(const struct answer *a, const struct ptw_step *step)
{
    return ptw_entry_index(regime_of(a), step->level, a->va);
}

static struct ptw_bad_entry bad_of(const struct answer *a,
                                   const struct ptw_step *step)
{
    return ptw_bad_entry_of(regime_of(a), step->level, index_of(a, step),
                            step->raw);
}

static void print_riscv_combination(uint64_t bits)
{
    static const uint64_t W = (uint64_t)1 << 2;

    out_text((bits & W) != 0
                 ? "      stops: W, bit 2, is set and R, bit 1, is clear\n"
                 : "      stops: R, W and X are clear, and there is no table "
                   "below\n");
}

static void print_bad(const struct answer *a, const struct ptw_step *step)
{
    struct ptw_bad_entry bad = bad_of(a, step);
    const char *separator = "";

    switch (bad.why) {
    case PTW_BAD_RESERVED:
        if (ptw_is_aarch64(regime_of(a))) {
            out_line("      stops: bit 1 is clear, a block, and there is none "
                     "in the %s\n",
                     ptw_level_name(regime_of(a), step->level));
            return;
        }
        out_text("      stops: reserved bits are set: ");
        break;
    case PTW_BAD_WIDTH:
        out_text("      stops: reserved bits are set, of an address beyond the "
                 "width: ");
        break;
    case PTW_BAD_MISALIGNED:
        out_text("      stops: the address is not aligned to the page: ");
        break;
    case PTW_BAD_COMBINATION:
        if (ptw_is_riscv(regime_of(a))) {
            print_riscv_combination(bad.bits);
            return;
        }
        out_text("      stops: bits that can't stand together: ");
        break;
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((bad.bits >> bit & 1) != 0) {
            out_line("%s%u", separator, bit);
            separator = ", ";
        }
    }
    out_line(" (%" PRIx64 ")\n", bad.bits);
}

static void print_meanings(const struct answer *a, const struct ptw_step *step)
{
    struct meaning m[MEANINGS_MOST];
    size_t n = meanings_of(a->o, regime_of(a), step->level, step->raw, m);

    for (size_t i = 0; i < n; i++) {
        out_text("      to ");
        meaning_print(a->im, &m[i]);
        out_text("\n");
    }
}

static json_t *meanings_json(const struct answer *a,
                             const struct ptw_step *step)
{
    struct meaning m[MEANINGS_MOST];
    size_t n = meanings_of(a->o, regime_of(a), step->level, step->raw, m);
    json_t *list = must(json_array());

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, meaning_json(a->im, &m[i])) != 0) {
            die_of_memory();
        }
    }
    return list;
}

static void print_step(const struct answer *a, size_t i, unsigned before)
{
    const struct ptw_regime *r = regime_of(a);
    const struct ptw_step *step = &a->step[i];
    struct ptw_entry e =
        ptw_decode(r, step->level, index_of(a, step), step->raw);
    char size[16];

    out_line("%-4s  entry %u at %" PRIx64, ptw_level_name(r, step->level),
             index_of(a, step), step->entry.v);
    if (!step->read) {
        out_text("\n      stops: it can't be read\n");
        return;
    }
    out_line(": %0*" PRIx64 " =", (int)ptw_entry_bytes(r) * 2, step->raw);
    print_bits(r, step);
    out_text("\n");
    switch (e.kind) {
    case PTW_ENTRY_ABSENT:
        out_line("      stops: not present, %s\n", ptw_present_text(r));
        print_meanings(a, step);
        break;
    case PTW_ENTRY_BAD:
        print_bad(a, step);
        break;
    case PTW_ENTRY_TABLE:
        out_line("      leads to the %s at %" PRIx64 "\n",
                 ptw_level_name(r, step->level - 1u), e.pa.v);
        break;
    case PTW_ENTRY_LEAF:
        human_size((uint64_t)1 << ptw_level_shift(r, step->level), size);
        out_line("      maps the %s page at %" PRIx64 "\n", size, e.pa.v);
        break;
    }
    print_taken(r, step, before);
}

static json_t *step_json(const struct answer *a, size_t i, unsigned before)
{
    const struct ptw_regime *r = regime_of(a);
    const struct ptw_step *step = &a->step[i];
    unsigned taken = taken_by(r, step) & before;
    struct ptw_entry e =
        ptw_decode(r, step->level, index_of(a, step), step->raw);
    json_t *j = json_new();

    json_set_text(j, "level", ptw_level_name(r, step->level));
    json_set_count(j, "index", index_of(a, step));
    json_set_hex(j, "at", step->entry.v);
    json_set_bool(j, "readable", step->read);
    if (!step->read) {
        return j;
    }
    json_set_hex(j, "entry", step->raw);
    json_set(j, "bits", bits_json(r, step));
    json_set_flag_bits(j, r, step->raw & r->flag_bits);
    if (e.kind == PTW_ENTRY_ABSENT && step->raw != 0) {
        json_set(j, "meanings", meanings_json(a, step));
    }
    if (e.kind == PTW_ENTRY_BAD) {
        json_set_hex(j, "reserved", bad_of(a, step).bits);
        json_set_text(j, "bad", ptw_bad_reason_text(bad_of(a, step).why));
    }
    if (e.kind == PTW_ENTRY_TABLE || e.kind == PTW_ENTRY_LEAF) {
        json_t *list = must(json_array());

        for (const char *c = ptw_right_letters(r); *c != '\0'; c++) {
            enum ptw_right right = (enum ptw_right)ptw_right_of(*c);

            if ((taken & right) != 0 && ptw_right_text(r, right) != NULL &&
                json_array_append_new(list, json_stringn(c, 1)) != 0) {
                die_of_memory();
            }
        }
        json_set(j, "takes", list);
        json_set_hex(j, e.kind == PTW_ENTRY_LEAF ? "page" : "table", e.pa.v);
    }
    return j;
}

/* ------------------------------------------------------------ the outcome */

static const struct {
    const char *name;
    enum ptw_right right;
    bool shadow_stack;
} accesses[] = {
    {"read", PTW_READ, false},
    {"write", PTW_WRITE, false},
    {"exec", PTW_EXEC, false},
    {"shadow-stack", PTW_WRITE, true},
};

static bool allowed(const struct answer *a, const struct accessor *who,
                    size_t what)
{
    struct ptw_access access = {
        .right = accesses[what].right,
        .user = who->user,
        .allow = who->allow,
        .shadow_stack = accesses[what].shadow_stack,
    };

    /* With TCR.TBID or MTX, a tag is no tag where instructions are fetched. */
    if (access.right == PTW_EXEC && ptw_is_aarch64(regime_of(a)) &&
        ptw_aarch64_untag(regime_of(a), true, a->asked).v != a->va.v) {
        return false;
    }
    return ptw_access_allowed(regime_of(a), a->tr.above, a->tr.level, a->tr.raw,
                              &access);
}

static size_t accesses_of(const struct answer *a)
{
    return has_shadow_stacks(regime_of(a)) ? 4 : 3;
}

static bool is_shadow_stack(const struct answer *a)
{
    return ptw_shadow_stack(regime_of(a), a->tr.above, a->tr.level, a->tr.raw);
}

/* How many of those accesses pass. */
static size_t passing(const struct answer *a)
{
    struct accessor who[ACCESSORS_MOST];
    size_t n = accessors_of(a->o, regime_of(a), a->tr.rights, who);
    size_t pass = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < accesses_of(a); k++) {
            pass += allowed(a, &who[i], k);
        }
    }
    return pass;
}

static const char *bit_name(const struct ptw_regime *r, unsigned level,
                            uint64_t raw, unsigned bit)
{
    static struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t fields = ptw_entry_fields(r, level, raw, field);

    for (size_t i = 0; i < fields; i++) {
        if (field[i].low == bit) {
            return field[i].name;
        }
    }
    return "a bit";
}

/* Accesses that fault only because the leaf was not accessed, or not dirty, where
 * the processor leaves that to software. */
static void print_faults(const struct answer *a)
{
    const struct ptw_regime *r = regime_of(a);
    unsigned level = a->tr.level;
    struct ptw_attributes is = ptw_attributes_of(r, level, a->tr.raw);
    size_t pass = passing(a);

    for (unsigned bit = 0; bit < 64; bit++) {
        struct answer with = *a;
        struct ptw_attributes at;

        with.tr.raw |= (uint64_t)1 << bit;
        at = ptw_attributes_of(r, level, with.tr.raw);
        if (with.tr.raw != a->tr.raw &&
            (at.accessed != is.accessed || at.dirty != is.dirty) &&
            passing(&with) > pass) {
            out_line("  %s, bit %u, is clear: %s faults until it is set\n",
                     bit_name(r, level, with.tr.raw, bit), bit,
                     at.accessed != is.accessed ? "every access"
                                                : "every write");
        }
    }
}

static void print_allowed(const struct answer *a)
{
    struct accessor who[ACCESSORS_MOST];
    size_t n = accessors_of(a->o, regime_of(a), a->tr.rights, who);
    size_t width = 13;

    out_text("the processor lets pass");
    print_switches(a->o, regime_of(a));
    out_text(":\n");
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(who[i].name);

        width = length > width ? length : width;
    }
    for (size_t i = 0; i < n; i++) {
        const char *space = "  ";

        out_line("  %-*s", (int)width, who[i].name);
        for (size_t k = 0; k < accesses_of(a); k++) {
            bool yes = allowed(a, &who[i], k);

            out_line("%s%s %s", space, accesses[k].name, yes ? "yes" : "no");
            space = yes ? "  " : "   ";
        }
        out_text("\n");
    }
    print_faults(a);
}

/* The byte, not the page: the image may have a part of a large one. */
static bool is_outside(const struct answer *a)
{
    return image_outside(a->im, a->tr.pa, 1) != 0;
}

/* By the leaf, or by an entry above it. */
static bool is_global(const struct answer *a)
{
    bool global =
        ptw_attributes_of(regime_of(a), a->tr.level, a->tr.raw).global;

    for (size_t i = 0; i + 1 < a->steps; i++) {
        global = global ||
                 makes_global(regime_of(a), a->step[i].level, a->step[i].raw);
    }
    return global;
}

/* What the number stands for, and how that is known. */
static void print_memory_type(const struct options *o, unsigned type)
{
    char text[MEMORY_TYPE_ROOM] = "";
    bool named = memory_type_text(o, type, text);

    if (o->has_mair) {
        out_line(" (MAIR: %02x%s%s)", mair_attribute(o, type),
                 named ? ", " : "", text);
    } else if (named) {
        out_line(" (%s%s)", text,
                 memory_types_assumed(o) ? ", if PAT is as after a reset" : "");
    }
}

static void print_mapped(const struct answer *a)
{
    struct ptw_attributes at =
        ptw_attributes_of(regime_of(a), a->tr.level, a->tr.raw);
    char rights[RIGHTS_ROOM];

    rights_text(a->tr.rights, rights);
    out_line("physical %" PRIx64 ", rights %s, %s %u", a->tr.pa.v, rights,
             memory_type_name(regime_of(a)), at.memory_type);
    print_memory_type(a->o, at.memory_type);
    out_line("%s%s%s%s%s", is_global(a) ? ", global" : "",
             at.accessed ? ", accessed" : "", at.dirty ? ", dirty" : "",
             at.copy_on_write ? ", copy-on-write" : "",
             is_shadow_stack(a) ? ", shadow stack" : "");
    if (regime_of(a)->flag_bits != 0) {
        out_line(", flag bits %" PRIx64, at.flag_bits);
    }
    if (has_keys(regime_of(a))) {
        out_line(", key %u", at.key);
    }
    if (is_outside(a)) {
        out_line(", %soutside the image%s", color_begin(COLOR_OUTSIDE),
                 color_end());
    }
    out_text("\n");
    print_allowed(a);
}

/* What could not be read may be anything. */
static void print_unknown(const struct answer *a)
{
    uint64_t at = a->step[a->steps - 1].entry.v;

    out_line(
        "%sunknown: the entry at %" PRIx64 " %s%s\n",
        color_begin(COLOR_OUTSIDE), at,
        image_outside(a->im, ptw_pa_of(at), ptw_entry_bytes(regime_of(a))) != 0
            ? "is not in the image"
            : "can't be read",
        color_end());
}

/* Whether the last entry is zeros only if the hole that it lies in is. */
static bool is_doubtful(const struct answer *a)
{
    return a->st == PTW_NOT_MAPPED && a->steps > 0 &&
           image_doubtful(a->im, a->step[a->steps - 1].entry);
}

static void print_answer(const struct answer *a)
{
    unsigned before = PTW_ALL_RIGHTS;

    out_line("%016" PRIx64 " in root %" PRIu32, a->va.v, a->root);
    out_label(a->o, a->root);
    out_line(" at %" PRIx64 " (%s, %u-bit physical addresses)\n",
             a->o->root[a->root].table.v, ptw_regime_name(regime_of(a)),
             ptw_pa_bits(regime_of(a)));
    if (a->asked.v != a->va.v) {
        out_line("the tag of %016" PRIx64 " is taken off\n", a->asked.v);
    }
    for (size_t i = 0; i < a->steps; i++) {
        print_step(a, i, before);
        before = a->step[i].rights;
    }
    if (a->st == PTW_OK) {
        print_mapped(a);
    } else if (a->st == PTW_NOT_CANONICAL) {
        out_line("not mapped: not canonical, no table can map it: the mode "
                 "translates addresses of %u bits\n",
                 ptw_va_bits(regime_of(a)));
    } else if (a->st == PTW_E_BUS && a->steps > 0) {
        print_unknown(a);
    } else if (is_doubtful(a)) {
        out_line("unknown: the entry at %" PRIx64
                 " lies in a hole of the file: not mapped if that is zeros "
                 "(--holes zero), else not in the image (--holes unknown)\n",
                 a->step[a->steps - 1].entry.v);
    } else {
        out_text("not mapped\n");
    }
}

static const char *outcome(const struct answer *a)
{
    enum ptw_status st = a->st;

    if (is_doubtful(a)) {
        return "in-a-hole";
    }
    if (st == PTW_OK) {
        return "mapped";
    }
    if (st == PTW_BAD_ENTRY) {
        return "reserved-bits";
    }
    if (st == PTW_E_BUS) {
        return "unreadable";
    }
    return st == PTW_NOT_CANONICAL ? "non-canonical" : "not-present";
}

static json_t *allowed_json(const struct answer *a)
{
    struct accessor who[ACCESSORS_MOST];
    size_t n = accessors_of(a->o, regime_of(a), a->tr.rights, who);
    json_t *j = json_new();

    for (size_t i = 0; i < n; i++) {
        json_t *may = json_new();

        for (size_t k = 0; k < accesses_of(a); k++) {
            json_set_bool(may, accesses[k].name, allowed(a, &who[i], k));
        }
        json_set(j, who[i].name, may);
    }
    return j;
}

static void print_answer_json(const struct answer *a)
{
    const struct ptw_regime *r = regime_of(a);
    unsigned before = PTW_ALL_RIGHTS;
    json_t *steps = must(json_array());
    json_t *j = json_new();

    json_set_text(j, "type", "explanation");
    json_set_count(j, "root", a->root);
    json_set_label(j, a->o, a->root);
    json_set_hex(j, "root_pa", a->o->root[a->root].table.v);
    json_set_text(j, "regime", ptw_regime_name(r));
    json_set_va(j, "va", a->va);
    if (a->asked.v != a->va.v) {
        json_set_va(j, "tagged_va", a->asked);
    }
    json_set_text(j, "outcome", outcome(a));
    for (size_t i = 0; i < a->steps; i++) {
        if (json_array_append_new(steps, step_json(a, i, before)) != 0) {
            die_of_memory();
        }
        before = a->step[i].rights;
    }
    json_set(j, "steps", steps);
    if (a->st == PTW_OK) {
        struct ptw_attributes at = ptw_attributes_of(r, a->tr.level, a->tr.raw);

        json_set_hex(j, "pa", a->tr.pa.v);
        json_set_count(j, "size", (uint64_t)1 << a->tr.size_log2);
        json_set_rights(j, a->tr.rights);
        json_set_memory_type(j, a->o, at.memory_type, true);
        if (ptw_is_x86(r)) {
            json_set_hex(j, "pat", a->o->pat);
            json_set_bool(j, "pat_assumed", memory_types_assumed(a->o));
        }
        if (a->o->has_mair) {
            json_set_hex(j, "mair", mair_attribute(a->o, at.memory_type));
        }
        json_set_count(j, "key", at.key);
        json_set_flag_bits(j, r, at.flag_bits);
        json_set_bool(j, "global", is_global(a));
        json_set_bool(j, "accessed", at.accessed);
        json_set_bool(j, "dirty", at.dirty);
        json_set_bool(j, "copy_on_write", at.copy_on_write);
        json_set_bool(j, "shadow_stack", is_shadow_stack(a));
        json_set_bool(j, "outside", is_outside(a));
        json_set(j, "allowed", allowed_json(a));
    }
    json_line(j);
}

/* One address in one space. */
static enum cli_status explain(const struct options *o, const struct image *im,
                               uint32_t root, ptw_va va, struct unread *unread)
{
    struct answer a = {.o = o, .im = im, .root = root, .asked = va};

    a.va = roots_untag(o, root, va);
    a.st = ptw_explain(&im->mem, o->root[root], a.va, &a.tr, a.step, &a.steps);
    if (a.st == PTW_E_BUS && a.steps > 0) {
        unread_step(unread, o, root, a.va, &a.step[a.steps - 1]);
    }
    if (o->json) {
        print_answer_json(&a);
    } else {
        print_answer(&a);
    }
    return a.st == PTW_OK ? CLI_DONE : CLI_NO;
}

enum cli_status explain_run(const struct options *o, const struct image *im)
{
    enum cli_status status = CLI_DONE;
    struct unread unread = {0};
    const char *between = "";

    for (uint32_t i = 0; i < o->roots; i++) {
        enum ptw_status st = roots_check(o, im, i);

        if (st != PTW_OK) {
            status = cli_worse(status, roots_report_bad(o, i, st));
            continue;
        }
        for (size_t k = 0; k < o->asked; k++) {
            out_text(o->json ? "" : between);
            between = "\n";
            status =
                cli_worse(status, explain(o, im, i, o->ask[k].first, &unread));
        }
    }
    return cli_worse(status, unread_report(o, im, &unread));
}
