/* SPDX-License-Identifier: Apache-2.0 */
/* explain: the walk of one address, level by level. */
#include "json.h"
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
    return ptw_entry_index(&a->o->regime, step->level, a->va);
}

static struct ptw_bad_entry bad_of(const struct answer *a,
                                   const struct ptw_step *step)
{
    return ptw_bad_entry_of(&a->o->regime, step->level, index_of(a, step),
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
        if (ptw_is_riscv(&a->o->regime)) {
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

static void print_step(const struct answer *a, size_t i, unsigned before)
{
    const struct ptw_regime *r = &a->o->regime;
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
    const struct ptw_regime *r = &a->o->regime;
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

struct accessor {
    const char *who;
    bool user;
    unsigned allow;
};

static const struct accessor x86_accessors[] = {
    {"user", true, 0},
    {"supervisor", false, 0},
    {"supervisor-ac", false, PTW_X86_ALLOW_AC},
};

/* MXR, which comes last, makes a difference only where R is clear. */
static const struct accessor riscv_accessors[] = {
    {"user", true, 0},
    {"supervisor", false, 0},
    {"supervisor-sum", false, PTW_RISCV_SUM},
    {"user-mxr", true, PTW_RISCV_MXR},
    {"supervisor-mxr", false, PTW_RISCV_MXR},
    {"supervisor-sum-mxr", false, PTW_RISCV_SUM | PTW_RISCV_MXR},
};

enum { RISCV_WITHOUT_MXR = 3, RISCV_ALL = 6 };

static const struct accessor *accessor_of(const struct answer *a, size_t who)
{
    return ptw_is_riscv(&a->o->regime) ? &riscv_accessors[who]
                                       : &x86_accessors[who];
}

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

static bool allowed(const struct answer *a, size_t who, size_t what)
{
    struct ptw_access access = {
        .right = accesses[what].right,
        .user = accessor_of(a, who)->user,
        .allow = accessor_of(a, who)->allow,
        .shadow_stack = accesses[what].shadow_stack,
    };

    if (ptw_is_riscv(&a->o->regime) && a->o->adue) {
        access.allow |= PTW_RISCV_ADUE;
    }
    return ptw_access_allowed(&a->o->regime, a->tr.above, a->tr.level,
                              a->tr.raw, &access);
}

static bool has_feature(const struct answer *a, unsigned feature)
{
    return ptw_is_x86(&a->o->regime) &&
           (ptw_features_of(&a->o->regime) & feature) != 0;
}

static bool has_riscv_feature(const struct answer *a, unsigned feature)
{
    return ptw_is_riscv(&a->o->regime) &&
           (ptw_features_of(&a->o->regime) & feature) != 0;
}

/* There are shadow stacks under CR4.CET or Zicfiss only. */
static size_t accesses_of(const struct answer *a)
{
    return has_feature(a, PTW_X86_CET) ||
                   has_riscv_feature(a, PTW_RISCV_ZICFISS)
               ? 4
               : 3;
}

static bool is_shadow_stack(const struct answer *a)
{
    return ptw_shadow_stack(&a->o->regime, a->tr.above, a->tr.level, a->tr.raw);
}

/* EFLAGS.AC makes a difference only where there is SMAP. */
static size_t accessors_of(const struct answer *a)
{
    if (ptw_is_riscv(&a->o->regime)) {
        return (a->tr.rights & PTW_READ) != 0 ? RISCV_WITHOUT_MXR : RISCV_ALL;
    }
    return has_feature(a, PTW_X86_SMAP) ? 3 : 2;
}

static void print_allowed(const struct answer *a)
{
    out_text("the processor lets pass");
    if (ptw_is_x86(&a->o->regime)) {
        out_line(", with CR0.WP=%d SMEP=%d SMAP=%d%s%s",
                 has_feature(a, PTW_X86_WP), has_feature(a, PTW_X86_SMEP),
                 has_feature(a, PTW_X86_SMAP),
                 has_feature(a, PTW_X86_PKE) ? " PKRU=0" : "",
                 has_feature(a, PTW_X86_CET) ? " CET=1" : "");
    }
    if (ptw_is_riscv(&a->o->regime)) {
        out_line(", with ADUE=%d%s", a->o->adue,
                 has_riscv_feature(a, PTW_RISCV_ZICFISS) ? " SSE=1" : "");
    }
    out_text(":\n");
    for (size_t i = 0; i < accessors_of(a); i++) {
        const char *space = "  ";

        out_line("  %-*s", ptw_is_riscv(&a->o->regime) ? 18 : 13,
                 accessor_of(a, i)->who);
        for (size_t k = 0; k < accesses_of(a); k++) {
            bool yes = allowed(a, i, k);

            out_line("%s%s %s", space, accesses[k].name, yes ? "yes" : "no");
            space = yes ? "  " : "   ";
        }
        out_text("\n");
    }
}

/* The byte, not the page: the image may have a part of a large one. */
static bool is_outside(const struct answer *a)
{
    return image_outside(a->im, a->tr.pa, 1) != 0;
}

static void print_mapped(const struct answer *a)
{
    struct ptw_attributes at =
        ptw_attributes_of(&a->o->regime, a->tr.level, a->tr.raw);
    char rights[RIGHTS_ROOM];

    rights_text(a->tr.rights, rights);
    out_line("physical %" PRIx64 ", rights %s, %s %u%s%s%s%s%s", a->tr.pa.v,
             rights,
             ptw_is_x86(&a->o->regime)     ? "PAT index"
             : ptw_is_riscv(&a->o->regime) ? "PBMT"
                                           : "memory type",
             at.memory_type, at.global ? ", global" : "",
             at.accessed ? ", accessed" : "", at.dirty ? ", dirty" : "",
             at.copy_on_write ? ", copy-on-write" : "",
             is_shadow_stack(a) ? ", shadow stack" : "");
    if (a->o->regime.flag_bits != 0) {
        out_line(", flag bits %" PRIx64, at.flag_bits);
    }
    if (has_feature(a, PTW_X86_PKE)) {
        out_line(", key %u", at.key);
    }
    out_text(is_outside(a) ? ", outside the image\n" : "\n");
    print_allowed(a);
}

/* What could not be read may be anything. */
static void print_unknown(const struct answer *a)
{
    uint64_t at = a->step[a->steps - 1].entry.v;

    out_line(
        "unknown: the entry at %" PRIx64 " %s\n", at,
        image_outside(a->im, ptw_pa_of(at), ptw_entry_bytes(&a->o->regime)) != 0
            ? "is not in the image"
            : "can't be read");
}

static void print_answer(const struct answer *a)
{
    unsigned before = PTW_ALL_RIGHTS;

    out_line("%016" PRIx64 " in root %" PRIu32 " at %" PRIx64
             " (%s, %u-bit physical addresses)\n",
             a->va.v, a->root, a->o->root[a->root].table.v,
             ptw_regime_name(&a->o->regime), ptw_pa_bits(&a->o->regime));
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
                 ptw_va_bits(&a->o->regime));
    } else if (a->st == PTW_E_BUS && a->steps > 0) {
        print_unknown(a);
    } else {
        out_text("not mapped\n");
    }
}

static const char *outcome(enum ptw_status st)
{
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
    json_t *j = json_new();

    for (size_t i = 0; i < accessors_of(a); i++) {
        json_t *who = json_new();

        for (size_t k = 0; k < accesses_of(a); k++) {
            json_set_bool(who, accesses[k].name, allowed(a, i, k));
        }
        json_set(j, accessor_of(a, i)->who, who);
    }
    return j;
}

static void print_answer_json(const struct answer *a)
{
    const struct ptw_regime *r = &a->o->regime;
    unsigned before = PTW_ALL_RIGHTS;
    json_t *steps = must(json_array());
    json_t *j = json_new();

    json_set_count(j, "root", a->root);
    json_set_hex(j, "root_pa", a->o->root[a->root].table.v);
    json_set_text(j, "regime", ptw_regime_name(r));
    json_set_va(j, "va", a->va);
    if (a->asked.v != a->va.v) {
        json_set_va(j, "tagged_va", a->asked);
    }
    json_set_text(j, "outcome", outcome(a->st));
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
        json_set_count(j, "memory_type", at.memory_type);
        json_set_count(j, "key", at.key);
        json_set_flag_bits(j, r, at.flag_bits);
        json_set_bool(j, "global", at.global);
        json_set_bool(j, "accessed", at.accessed);
        json_set_bool(j, "dirty", at.dirty);
        json_set_bool(j, "copy_on_write", at.copy_on_write);
        json_set_bool(j, "shadow_stack", is_shadow_stack(a));
        json_set_bool(j, "outside", is_outside(a));
        json_set(j, "allowed", allowed_json(a));
    }
    json_line(j);
}

enum cli_status explain_run(const struct options *o, const struct image *im)
{
    enum cli_status status = CLI_DONE;
    struct unread unread = {0};
    bool first = true;

    for (uint32_t i = 0; i < o->roots; i++) {
        struct answer a = {.o = o, .im = im, .root = i, .asked = o->va[0]};

        a.va = ptw_x86_untag(&o->regime, o->cr3[i], a.asked);

        a.st = roots_check(o, im, i);
        if (a.st != PTW_OK) {
            status = cli_worse(status, roots_report_bad(o, i, a.st));
            continue;
        }
        a.st = ptw_explain(&im->mem, o->root[i], a.va, &a.tr, a.step, &a.steps);
        if (a.st != PTW_OK) {
            status = cli_worse(status, CLI_NO);
        }
        if (a.st == PTW_E_BUS && a.steps > 0) {
            unread_step(&unread, o, i, a.va, &a.step[a.steps - 1]);
        }
        if (o->json) {
            print_answer_json(&a);
        } else {
            out_text(first ? "" : "\n");
            print_answer(&a);
        }
        first = false;
    }
    return cli_worse(status, unread_report(o, im, &unread));
}
