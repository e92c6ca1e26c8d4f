/* SPDX-License-Identifier: Apache-2.0 */
/* translate: where an address is, or why it is not mapped. */
#include "json.h"
#include "print.h"
#include "roots.h"
#include "runs.h"

#include <inttypes.h>

/* What a lookup answers, in a word; NULL when it translated. */
static const char *reason_of(enum ptw_status st)
{
    switch (st) {
    case PTW_OK:
        return NULL;
    case PTW_NOT_CANONICAL:
        return "non-canonical";
    case PTW_BAD_ENTRY:
        return "reserved-bits";
    case PTW_E_BUS:
        return "unreadable";
    case PTW_NOT_MAPPED:
        return "not-present";
    case PTW_END:
    case PTW_DIFFERENT:
    case PTW_E_LIMIT:
    case PTW_E_SPACE:
    case PTW_E_ARG:
    case PTW_E_ALIGN:
    case PTW_E_WIDTH:
    case PTW_E_RANGE:
    case PTW_E_OVERLAP:
    case PTW_E_READONLY:
    case PTW_E_REGIME:
    case PTW_E_CONFLICT:
    case PTW_E_RIGHTS:
    case PTW_E_LARGE:
    case PTW_E_SHARED:
    case PTW_E_IN_USE:
    case PTW_E_CHANGED:
    case PTW_E_MARKED:
        break;
    }
    return ptw_status_text(st); /* no lookup answers that */
}

static void print_line(ptw_va va, const struct ptw_translation *tr,
                       const char *level, const char *reason)
{
    char *p = out_room(128);

    if (reason == NULL) {
        out_end(put_leaf(p, va, tr->pa, tr->size_log2, tr->rights));
    } else {
        out_line("%016" PRIx64 " - %s %s\n", va.v, level, reason);
    }
}

static void print_json(const struct place *p, struct ptw_va_range range,
                       bool is_range, const struct ptw_translation *tr,
                       const char *level, const char *reason)
{
    json_t *j = json_new();

    json_set_text(j, "type", "translation");
    json_set_count(j, "root", p->root);
    json_set_label(j, p->o, p->root);
    json_set_va(j, "va", range.first);
    if (is_range) {
        json_set_va(j, "last", range.last);
    }
    json_set_bool(j, "mapped", reason == NULL);
    if (level[0] != '-') {
        json_set_text(j, "level", level);
    }
    if (reason != NULL) {
        json_set_text(j, "reason", reason);
    } else {
        json_set_hex(j, "pa", tr->pa.v);
        json_set_count(j, "size", (uint64_t)1 << tr->size_log2);
        json_set_rights(j, tr->rights);
        json_set_hex(j, "entry", tr->raw);
        json_set_bool(j, "outside", image_outside(p->im, tr->pa, 1) != 0);
    }
    json_line(j);
}

/* Finds the entry at which the walk of an address fails; false: there is none.
 */
static bool last_step(const struct place *p, ptw_va va, struct ptw_step *out)
{
    struct ptw_translation tr;
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps = 0;

    if (ptw_explain(&p->im->mem, p->o->root[p->root],
                    roots_untag(p->o, p->root, va), &tr, step,
                    &steps) == PTW_OK ||
        steps == 0) {
        return false;
    }
    *out = step[steps - 1];
    return true;
}

/* Which entry could not be read, for the report. */
static void note_unread(const struct place *p, ptw_va va, struct unread *unread)
{
    struct ptw_step step;

    if (last_step(p, va, &step)) {
        unread_step(unread, p->o, p->root, va, &step);
    }
}

static enum cli_status tell(const struct place *p, struct ptw_va_range range,
                            bool is_range, enum ptw_status st,
                            const struct ptw_translation *tr)
{
    const char *reason = reason_of(st);
    const char *level = ptw_level_name(p->o->root[p->root].regime, tr->level);
    struct ptw_step step;

    if (st == PTW_NOT_MAPPED && p->im->holes != NULL &&
        last_step(p, range.first, &step) && image_doubtful(p->im, step.entry)) {
        reason = "in-a-hole";
    }

    if (p->o->json) {
        print_json(p, range, is_range, tr, level, reason);
    } else {
        print_line(range.first, tr, level, reason);
    }
    return reason == NULL ? CLI_DONE : CLI_NO;
}

/* Addresses are translated so many at a time. */
enum { AT_ONCE = 256 };

static enum cli_status translate(const struct place *p,
                                 const struct ptw_va_range *ask, size_t count,
                                 struct unread *unread)
{
    static struct ptw_translation tr[AT_ONCE];
    static enum ptw_status st[AT_ONCE];
    static ptw_va plain[AT_ONCE];
    enum cli_status status = CLI_DONE;

    for (size_t i = 0; i < count; i++) {
        plain[i] = roots_untag(p->o, p->root, ask[i].first);
        tr[i] = (struct ptw_translation){.level = PTW_MAX_LEVELS};
    }
    ptw_lookup_many(&p->im->mem, p->o->root[p->root], plain, count, tr, st);
    for (size_t i = 0; i < count; i++) {
        if (st[i] == PTW_E_BUS) {
            note_unread(p, ask[i].first, unread);
        }
        status = cli_worse(status, tell(p, ask[i], false, st[i], &tr[i]));
    }
    return status;
}

/* What a walk gives of a range, from the first address of it on. */
static enum cli_status tell_item(const struct place *p,
                                 const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_va_range range = {item->first, item->last};
    struct ptw_translation tr = {.level = PTW_MAX_LEVELS};
    enum ptw_status st = PTW_NOT_MAPPED;

    if (range.first.v < p->o->first.v) {
        range.first = p->o->first;
    }
    if (range.last.v > p->o->last.v) {
        range.last = p->o->last;
    }
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        st = PTW_OK;
        tr.pa.v = m->pa.v + (range.first.v - item->first.v);
        tr.raw = m->raw;
        tr.rights = m->rights;
        tr.level = m->level;
        tr.size_log2 = m->size_log2;
        break;
    case PTW_ITEM_HOLE:
        tr.level = item->u.hole.level;
        if (!item->u.hole.canonical) {
            st = PTW_NOT_CANONICAL;
            tr.level = PTW_MAX_LEVELS;
        }
        break;
    case PTW_ITEM_FINDING:
        tr.level = item->u.finding.level;
        st = item->u.finding.kind == PTW_FINDING_BAD_ENTRY ? PTW_BAD_ENTRY
                                                           : PTW_E_BUS;
        break;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
    case PTW_ITEM_ALIAS:
    case PTW_ITEM_LINE:
        return CLI_DONE; /* no walk of one root gives these here */
    }
    return tell(p, range, true, st, &tr);
}

/* A range of addresses: a line for each leaf, and for what is not mapped. */
static enum cli_status translate_range(const struct place *p,
                                       struct ptw_va_range range)
{
    struct options o = *p->o;
    struct place part = {&o, p->im, p->root};
    enum cli_status status = CLI_DONE;
    struct traversal *t;
    size_t n;

    o.first = range.first;
    o.last = range.last;
    t = traversal_new(&o, p->im);
    if (traversal_root(t, p->root, PTW_WALK_HOLES)) {
        while ((n = traversal_next(t)) > 0) {
            for (size_t i = 0; i < n; i++) {
                status = cli_worse(status, tell_item(&part, &t->item[i]));
            }
        }
    }
    return cli_worse(status, traversal_end(t));
}

/* From an address on as many as are no ranges, and can be translated together;
 * or a range. */
static size_t together(const struct options *o, size_t from)
{
    size_t n = 0;

    while (n < AT_ONCE && from + n < o->asked &&
           o->ask[from + n].first.v == o->ask[from + n].last.v) {
        n++;
    }
    return n;
}

static enum cli_status translate_root(const struct place *p,
                                      struct unread *unread)
{
    const struct options *o = p->o;
    enum cli_status status = CLI_DONE;
    size_t i = 0;

    while (i < o->asked) {
        size_t n = together(o, i);

        if (n == 0) {
            status = cli_worse(status, translate_range(p, o->ask[i++]));
        } else {
            status = cli_worse(status, translate(p, &o->ask[i], n, unread));
        }
        i += n;
    }
    return status;
}

enum cli_status translate_run(const struct options *o, const struct image *im)
{
    enum cli_status status = CLI_DONE;
    struct unread unread = {0};

    for (uint32_t i = 0; i < o->roots; i++) {
        enum ptw_status st = roots_check(o, im, i);
        struct place p = {o, im, i};

        if (st != PTW_OK) {
            status = cli_worse(status, roots_report_bad(o, i, st));
            continue;
        }
        if (o->roots > 1 && !o->json) {
            out_root(o, i);
        }
        status = cli_worse(status, translate_root(&p, &unread));
    }
    return cli_worse(status, unread_report(o, im, &unread));
}
