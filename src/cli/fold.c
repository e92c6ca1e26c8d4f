/* SPDX-License-Identifier: Apache-2.0 */
#include "fold.h"

#include "again.h"
#include "filter.h"
#include "json.h"
#include "print.h"
#include "random.h"
#include "runs.h"
#include "slots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is in a table, under the path by which it was entered. */
struct contents {
    struct totals totals;
    bool runs_alone; /* no table that was shown before */
};

/* A table that was gone through: where, of which level, and what is in it. */
struct record {
    uint64_t space_plus_1;
    uint64_t va;
    uint32_t level;
    struct contents is;
};

/* A table that is being gone through. */
struct entered {
    uint64_t first;
    uint64_t last;
    uint32_t level;
    struct totals before;
    uint64_t shared_before; /* aliases met */
};

enum line_kind { LINE_NONE, LINE_RUN, LINE_SAME };

/* A line that is not printed yet, since more like it may follow. */
struct line {
    enum line_kind kind;
    struct ptw_item run; /* LINE_RUN */
    struct again is;
    uint64_t bytes; /* LINE_SAME: mapped, each time */
};

struct fold {
    struct traversal *t;
    struct place place;
    bool in_root;
    struct totals sum; /* of this root, up to here */
    uint64_t runs;     /* printed */
    uint64_t folded;   /* bytes */
    uint64_t shared;   /* aliases met */
    uint64_t bad_entries;
    uint64_t unread; /* places */
    struct line line;
    struct entered entered[PTW_MAX_LEVELS];
    unsigned depth;
    struct totals *root; /* what those that were gone through came to */
    struct slots records;
};

/* ----------------------------------------------------------------- records */

static uint64_t home(const void *slot, uint64_t seed)
{
    const struct record *r = slot;

    return slots_mix(r->va | r->level, r->space_plus_1, seed);
}

static bool same(const void *x, const void *y)
{
    const struct record *r = x;
    const struct record *q = y;

    return r->va == q->va && r->space_plus_1 == q->space_plus_1 &&
           r->level == q->level;
}

/* All are noted, or else lines would be wrong. */
static const struct slots_kind records = {
    .bytes = sizeof(struct record),
    .least_log2 = 8,
    .most_log2 = 8 * sizeof(size_t) - 1,
    .home = home,
    .same = same,
};

static void note_contents(struct fold *f, const struct entered *e)
{
    const struct record is = {
        .space_plus_1 = (uint64_t)f->place.root + 1,
        .va = e->first,
        .level = e->level,
        .is = {.totals = totals_since(&f->sum, &e->before),
               .runs_alone = f->shared == e->shared_before},
    };
    struct record *r = slots_take(&f->records, &records, &is);

    *r = is;
}

/* What is in the table that an alias refers to.  It was gone through to its
 * end: what is below a table is of a lower level.  One that has no record is
 * the root of that space. */
static struct contents contents_of(const struct fold *f,
                                   const struct ptw_alias_ref *ref,
                                   unsigned level)
{
    const struct record like = {
        .space_plus_1 = (uint64_t)ref->owner + 1,
        .va = ref->their_va.v,
        .level = level,
    };
    const struct record *r = slots_find(&f->records, &records, &like);
    struct contents root = {.totals = f->root[ref->owner]};

    return r != NULL ? r->is : root;
}

/* ------------------------------------------------------------------- lines */

static void say_again(struct fold *f, ptw_va first, uint64_t times,
                      uint64_t bytes)
{
    f->folded += times * bytes;
    if (f->place.o->json) {
        again_print_json(f->place.o, &f->line.is, first, times);
    } else {
        again_print(&f->line.is, first, times);
    }
}

static void print_run(struct fold *f, const struct ptw_item *run)
{
    run_print(&f->place, run);
    f->runs++;
}

/* Prints the line, if there is one.  What comes a second time and no more often
 * takes a line either way. */
static void end_line(struct fold *f)
{
    struct line *l = &f->line;

    if (l->kind == LINE_RUN) {
        print_run(f, &l->run);
        if (l->is.times == 1) {
            l->run.first.v += l->is.every;
            l->run.last.v += l->is.every;
            print_run(f, &l->run);
        } else if (l->is.times > 1) {
            say_again(f, ptw_va_of(l->is.first.v + l->is.every), l->is.times,
                      run_bytes(&l->run));
        }
    } else if (l->kind == LINE_SAME) {
        say_again(f, l->is.first, l->is.times + 1, l->bytes);
    }
    l->kind = LINE_NONE;
}

static void take_run(struct fold *f, const struct ptw_item *run)
{
    struct line *l = &f->line;

    if (l->kind == LINE_RUN) {
        if (l->is.times == 0 && runs_join(&f->place, &l->run, run)) {
            l->is.last = l->run.last;
            return;
        }
        if (run_alike(&f->place, &l->run, run) &&
            again_repeats(&l->is, run->first)) {
            return;
        }
    }
    end_line(f);
    l->kind = LINE_RUN;
    l->run = *run;
    l->is = (struct again){
        .root = f->place.root,
        .first = run->first,
        .last = run->last,
        .of_root = f->place.root,
        .of = run->first,
    };
}

static void take_same(struct fold *f, const struct ptw_item *alias,
                      const struct ptw_alias_ref *ref, uint64_t bytes)
{
    struct line *l = &f->line;
    struct again *is = &l->is;

    if (l->kind == LINE_SAME && is->of_root == ref->owner) {
        /* It does not refer to itself, which would be hard to read. */
        if (is->times == 0 && alias->first.v == is->last.v + 1 &&
            ref->their_va.v - is->of.v == alias->first.v - is->first.v &&
            (is->of_root != f->place.root ||
             ref->their_va.v + (alias->last.v - alias->first.v) <
                 is->first.v)) {
            is->last = alias->last;
            l->bytes += bytes;
            return;
        }
        if (is->of.v == ref->their_va.v &&
            alias->last.v - alias->first.v == is->last.v - is->first.v &&
            again_repeats(is, alias->first)) {
            return;
        }
    }
    end_line(f);
    l->kind = LINE_SAME;
    l->bytes = bytes;
    *is = (struct again){
        .root = f->place.root,
        .first = alias->first,
        .last = alias->last,
        .of_root = ref->owner,
        .of = ref->their_va,
    };
}

/* ------------------------------------------------------------------- items */

/* A table that is one run is told as such: that says more in no more room. */
static bool take_single(struct fold *f, const struct ptw_item *alias)
{
    const struct options *o = f->place.o;
    struct ptw_walk_options w = ptw_walk_everything();
    struct ptw_walk walk;
    struct ptw_item run;
    size_t items;

    w.first = o->first;
    w.last = o->last;
    w.flags = runs_flag(o);
    w.need = o->need;
    if (ptw_expand_init(&walk, o->root[f->place.root].regime, &f->place.im->mem,
                        alias, &w) != PTW_OK) {
        return false; /* the image has changed */
    }
    while (ptw_walk_next(&walk, &run, 1, &items) == PTW_OK) {
        if (run.kind == PTW_ITEM_MAPPING && filter_keeps(o, &run)) {
            take_run(f, &run);
        }
    }
    return true;
}

static void take_alias(struct fold *f, const struct ptw_item *alias)
{
    const struct ptw_regime *r = f->place.o->root[f->place.root].regime;
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(r, alias, &level);
    struct contents is = contents_of(f, &ref, level);

    f->shared++;
    totals_add(&f->sum, &is.totals);
    if (is.totals.runs == 0 ||
        (is.totals.runs == 1 && is.runs_alone && take_single(f, alias))) {
        return;
    }
    take_same(f, alias, &ref, totals_bytes(&f->place, &is.totals));
}

/* Notes the tables that end before va. */
static void leave_tables(struct fold *f, uint64_t va)
{
    while (f->depth > 0 && f->entered[f->depth - 1].last < va) {
        note_contents(f, &f->entered[--f->depth]);
    }
}

static void take_table(struct fold *f, const struct ptw_item *item)
{
    struct entered *e = &f->entered[f->depth++];

    e->first = item->first.v;
    e->last = item->last.v;
    e->level = item->u.table.level;
    e->before = f->sum;
    e->shared_before = f->shared;
}

static void end_root(struct fold *f)
{
    struct ending end = {
        .folds = true,
        .complete = !f->t->stopped,
    };
    struct totals sum;

    if (!f->in_root) {
        return;
    }
    end_line(f);
    while (f->depth > 0) {
        note_contents(f, &f->entered[--f->depth]);
    }
    f->root[f->place.root] = f->sum;
    sum = f->sum;
    sum.runs = f->runs;
    end.folded = f->folded;
    end.bad_entries = f->bad_entries;
    end.unread = f->unread;
    totals_print(&f->place, &sum, &end);
    f->in_root = false;
}

/* The root of an earlier space, again. */
static void take_same_root(struct fold *f, uint32_t space)
{
    f->sum = f->root[space];
    f->folded = totals_bytes(&f->place, &f->sum);
    if (f->place.o->json) {
        json_t *j = json_new();

        json_set_text(j, "type", "same");
        json_set_count(j, "root", f->place.root);
        json_set_label(j, f->place.o, f->place.root);
        json_set_count(j, "of_root", space);
        json_line(j);
    } else {
        out_line("the same as root %" PRIu32 "\n", space);
    }
}

static void begin_root(struct fold *f, const struct ptw_item *item)
{
    f->place.root = item->space;
    f->in_root = true;
    memset(&f->sum, 0, sizeof f->sum);
    f->runs = 0;
    f->folded = 0;
    f->bad_entries = 0;
    f->unread = 0;
    root_print(&f->place);
    if (item->u.space_info.kind == PTW_SPACE_SAME) {
        take_same_root(f, item->u.space_info.same_as);
    }
}

static void take_item(struct fold *f, const struct ptw_item *item)
{
    leave_tables(f, item->first.v);
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        totals_run(&f->sum, &f->place, item);
        take_run(f, item);
        break;
    case PTW_ITEM_ALIAS:
        take_alias(f, item);
        break;
    case PTW_ITEM_TABLE:
        take_table(f, item);
        break;
    case PTW_ITEM_FINDING:
        f->bad_entries += item->u.finding.kind == PTW_FINDING_BAD_ENTRY;
        f->unread += item->u.finding.kind == PTW_FINDING_REFUSED;
        break;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_LINE:
        break;
    }
}

void fold_tell(struct traversal *t)
{
    struct fold *f = must(calloc(1, sizeof *f));
    size_t n;

    f->t = t;
    f->place.o = t->o;
    f->place.im = t->im;
    f->root = must(calloc(t->o->roots, sizeof *f->root));
    slots_init(&f->records, &records, random_seed());
    traversal_spaces(t, runs_flag(t->o) | PTW_WALK_TABLES | PTW_WALK_BY_RIGHTS);
    while ((n = traversal_next(t)) > 0) {
        for (size_t i = 0; i < n; i++) {
            const struct ptw_item *item = &t->item[i];

            if (item->kind != PTW_ITEM_SPACE) {
                take_item(f, item);
                continue;
            }
            end_root(f);
            traversal_note_space(t, item);
            if (item->u.space_info.kind != PTW_SPACE_BAD) {
                begin_root(f, item);
            }
        }
    }
    end_root(f);
    slots_free(&f->records);
    free(f->root);
    free(f);
}
