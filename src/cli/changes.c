/* SPDX-License-Identifier: Apache-2.0 */
#include "changes.h"

#include "color.h"
#include "json.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_name[KINDS] = {
    [ONLY_A] = "only-a", [ONLY_B] = "only-b",
    [RIGHTS] = "rights", [ATTRIBUTES] = "attributes",
    [BYTES] = "bytes",   [UNREADABLE] = "unreadable",
    [SHARED] = "shared", [JOINED] = "joined",
};

bool grant_same_attributes(const struct grant *a, const struct grant *b)
{
    return a->memory_type == b->memory_type && a->key == b->key &&
           a->global == b->global && a->copy_on_write == b->copy_on_write;
}

bool change_same(const struct change *a, const struct change *b)
{
    if (a->kinds != b->kinds) {
        return false;
    }
    if ((a->kinds & 1 << RIGHTS) != 0 &&
        (a->a.rights != b->a.rights || a->b.rights != b->b.rights)) {
        return false;
    }
    return (a->kinds & 1 << ATTRIBUTES) == 0 ||
           (grant_same_attributes(&a->a, &b->a) &&
            grant_same_attributes(&a->b, &b->b));
}

/* ------------------------------------------------------------------ counts */

void change_counts_note(struct change_counts *sum, const struct changed *run)
{
    uint64_t pages = ((run->last - run->first) >> PAGE_LOG2) + 1;

    sum->compared += pages;
    sum->different += run->change.kinds != 0 ? pages : 0;
    for (unsigned k = 0; k < KINDS; k++) {
        sum->of_kind[k] += (run->change.kinds >> k & 1) != 0 ? pages : 0;
    }
}

void change_counts_add(struct change_counts *sum,
                       const struct change_counts *more)
{
    sum->compared += more->compared;
    sum->different += more->different;
    for (unsigned k = 0; k < KINDS; k++) {
        sum->of_kind[k] += more->of_kind[k];
    }
}

struct change_counts change_counts_since(const struct change_counts *now,
                                         const struct change_counts *before)
{
    struct change_counts since = *now;

    since.compared -= before->compared;
    since.different -= before->different;
    for (unsigned k = 0; k < KINDS; k++) {
        since.of_kind[k] -= before->of_kind[k];
    }
    return since;
}

void changes_total(const struct options *o, const struct change_counts *sum,
                   bool complete)
{
    json_t *j = NULL;

    if (o->json) {
        j = json_new();
        json_set_text(j, "type", "total");
        json_set_count(j, "pages", sum->compared);
        json_set_count(j, "different", sum->different);
    } else {
        out_line("# %" PRIu64 " page%s compared, %" PRIu64 " different",
                 sum->compared, sum->compared == 1 ? "" : "s", sum->different);
    }
    for (unsigned k = 0; k < KINDS; k++) {
        if (o->json) {
            char key[16];

            (void)snprintf(key, sizeof key, "%s", kind_name[k]);
            if (strchr(key, '-') != NULL) {
                *strchr(key, '-') = '_';
            }
            json_set_count(j, key, sum->of_kind[k]);
        } else if (sum->of_kind[k] != 0) {
            out_line(", %s %" PRIu64, kind_name[k], sum->of_kind[k]);
        }
    }
    if (o->json) {
        json_set_bool(j, "complete", complete);
        json_line(j);
    } else {
        out_text(complete ? "\n" : "; not complete\n");
    }
}

/* -------------------------------------------------------------------- runs */

static void print_attributes(const struct grant *g)
{
    out_line("mt%u", g->memory_type);
    if (g->key != 0) {
        out_line(",key%u", g->key);
    }
    out_text(g->global ? ",global" : "");
    out_text(g->copy_on_write ? ",cow" : "");
}

/* What went and what came. */
static const char *kind_color(unsigned kind, bool begin)
{
    if (kind != ONLY_A && kind != ONLY_B) {
        return "";
    }
    return begin ? color_begin(kind == ONLY_A ? COLOR_GONE : COLOR_NEW)
                 : color_end();
}

static void print_run(uint32_t root, const struct changed *r)
{
    char was[RIGHTS_ROOM];
    char is[RIGHTS_ROOM];

    rights_text(r->change.a.rights, was);
    rights_text(r->change.b.rights, is);
    out_line("%" PRIu32 " %016" PRIx64 "-%016" PRIx64, root, r->first, r->last);
    for (unsigned k = 0; k < KINDS; k++) {
        if ((r->change.kinds >> k & 1) == 0) {
            continue;
        }
        out_line(" %s%s%s", kind_color(k, true), kind_name[k],
                 kind_color(k, false));
        if (k == RIGHTS) {
            out_line(" %s->%s", was, is);
        }
        if (k == ATTRIBUTES) {
            out_text(" ");
            print_attributes(&r->change.a);
            out_text("->");
            print_attributes(&r->change.b);
        }
    }
    out_text("\n");
}

static json_t *json_grant(const struct grant *g)
{
    json_t *j = json_new();

    json_set_rights(j, g->rights);
    json_set_count(j, "memory_type", g->memory_type);
    json_set_count(j, "key", g->key);
    json_set_bool(j, "global", g->global);
    json_set_bool(j, "copy_on_write", g->copy_on_write);
    return j;
}

static void print_run_json(const struct changes *c, const struct changed *r)
{
    unsigned grants = 1 << RIGHTS | 1 << ATTRIBUTES;
    json_t *j = json_new();
    json_t *what = must(json_array());

    for (unsigned k = 0; k < KINDS; k++) {
        if ((r->change.kinds >> k & 1) != 0 &&
            json_array_append_new(what, must(json_string(kind_name[k]))) != 0) {
            die_of_memory();
        }
    }
    json_set_text(j, "type", "change");
    json_set_count(j, "root", c->root);
    json_set_label(j, c->o, c->root);
    json_set_va(j, "first", ptw_va_of(r->first));
    json_set_va(j, "last", ptw_va_of(r->last));
    json_set(j, "what", what);
    if ((r->change.kinds & grants) != 0) {
        json_set(j, "a", json_grant(&r->change.a));
        json_set(j, "b", json_grant(&r->change.b));
    }
    json_line(j);
}

static void put_run(const struct changes *c, const struct changed *run)
{
    if (c->o->json) {
        print_run_json(c, run);
    } else {
        print_run(c->root, run);
    }
}

static void put_again(const struct changes *c, uint64_t first, uint64_t times)
{
    if (c->o->json) {
        again_print_json(c->o, &c->is, ptw_va_of(first), times);
    } else {
        out_line("%" PRIu32 " ", c->root);
        again_print(&c->is, ptw_va_of(first), times);
    }
}

/* Prints the line, if there is one.  What comes a second time and no more often
 * takes a line either way. */
static void end_line(struct changes *c)
{
    uint64_t second = c->is.first.v + c->is.every;
    struct changed run = {c->is.first.v, c->is.last.v, c->change};

    if (c->kind == CHANGES_RUN) {
        put_run(c, &run);
        if (c->is.times == 1) {
            run.first = second;
            run.last += c->is.every;
            put_run(c, &run);
        } else if (c->is.times > 1) {
            put_again(c, second, c->is.times);
        }
    } else if (c->kind == CHANGES_SAME) {
        put_again(c, c->is.first.v, c->is.times + 1);
    }
    c->kind = CHANGES_NONE;
}

static void begin_line(struct changes *c, enum changes_line kind,
                       uint64_t first, uint64_t last, uint32_t of_root,
                       uint64_t of)
{
    end_line(c);
    c->kind = kind;
    c->is = (struct again){
        .root = c->root,
        .first = ptw_va_of(first),
        .last = ptw_va_of(last),
        .of_root = of_root,
        .of = ptw_va_of(of),
    };
}

/* Makes a line of the run, which becomes no longer. */
static void end_run(struct changes *c)
{
    struct changed *r = &c->run;

    if (r->change.kinds == 0) {
        return;
    }
    if (!c->o->fold || c->kind != CHANGES_RUN ||
        !change_same(&c->change, &r->change) ||
        again_bytes(&c->is) != r->last - r->first + 1 ||
        !again_repeats(&c->is, ptw_va_of(r->first))) {
        begin_line(c, CHANGES_RUN, r->first, r->last, c->root, r->first);
        c->change = r->change;
    }
    r->change.kinds = 0;
}

void changes_end(struct changes *c)
{
    end_run(c);
    end_line(c);
}

static void enter_root(struct changes *c, uint32_t root)
{
    if (c->root != root) {
        changes_end(c);
        c->root = root;
    }
}

void changes_run(struct changes *c, uint32_t root, const struct changed *run)
{
    struct changed *r = &c->run;

    enter_root(c, root);
    if (r->change.kinds != 0 && r->last + 1 == run->first &&
        change_same(&r->change, &run->change)) {
        r->last = run->last;
        return;
    }
    end_run(c);
    *r = *run;
}

void changes_again(struct changes *c, uint32_t root, uint64_t first,
                   uint64_t last, uint32_t of_root, uint64_t of)
{
    enter_root(c, root);
    end_run(c);
    if (c->kind == CHANGES_SAME && c->is.of_root == of_root &&
        c->is.of.v == of && again_bytes(&c->is) == last - first + 1 &&
        again_repeats(&c->is, ptw_va_of(first))) {
        return;
    }
    begin_line(c, CHANGES_SAME, first, last, of_root, of);
}
