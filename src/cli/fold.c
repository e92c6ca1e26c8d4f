/* SPDX-License-Identifier: Apache-2.0 */
#include "fold.h"

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
    ptw_va first;
    ptw_va last;
    ptw_va va; /* LINE_SAME: where it was shown, */
    uint32_t space;
    uint64_t times; /* how often it comes again, */
    uint64_t every; /* each time so many bytes further on */
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

static uint64_t span_of(const struct line *l)
{
    return l->last.v - l->first.v + 1;
}

static ptw_va end_of(const struct line *l)
{
    return ptw_va_of(l->last.v + l->times * l->every);
}

static void print_again_json(const struct fold *f, const struct line *l,
                             ptw_va first, uint64_t times)
{
    json_t *j = json_new();

    json_set_text(j, "type", "again");
    json_set_count(j, "root", f->place.root);
    json_set_va(j, "first", first);
    json_set_va(j, "last", end_of(l));
    json_set_count(j, "of_root", l->space);
    json_set_va(j, "of", l->va);
    json_set_count(j, "bytes", span_of(l));
    json_set_count(j, "times", times);
    json_set_count(j, "every", times > 1 ? l->every : span_of(l));
    json_line(j);
}

/* "FIRST-LAST SIZE as the 2M at VA", or "the 2M at VA repeats N times". */
static void print_again(const struct fold *f, const struct line *l,
                        ptw_va first, uint64_t times)
{
    char size[16];
    char whole[16];
    char every[16];

    human_size(span_of(l), size);
    human_size(end_of(l).v - first.v + 1, whole);
    out_line("%016" PRIx64 "-%016" PRIx64 " %7s %s %s at %016" PRIx64, first.v,
             end_of(l).v, whole, times > 1 ? "the" : "as the", size, l->va.v);
    if (l->space != f->place.root) {
        out_line(" of root %" PRIu32, l->space);
    }
    if (times > 1) {
        out_line(" repeats %" PRIu64 " times", times);
    }
    if (times > 1 && l->every != span_of(l)) {
        human_size(l->every, every);
        out_line(", every %s", every);
    }
    out_text("\n");
}

static void say_again(struct fold *f, ptw_va first, uint64_t times,
                      uint64_t bytes)
{
    f->folded += times * bytes;
    if (f->place.o->json) {
        print_again_json(f, &f->line, first, times);
    } else {
        print_again(f, &f->line, first, times);
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
        if (l->times == 1) {
            l->run.first.v += l->every;
            l->run.last.v += l->every;
            print_run(f, &l->run);
        } else if (l->times > 1) {
            say_again(f, ptw_va_of(l->first.v + l->every), l->times,
                      run_bytes(&l->run));
        }
    } else if (l->kind == LINE_SAME) {
        say_again(f, l->first, l->times + 1, l->bytes);
    }
    l->kind = LINE_NONE;
}

/* Whether what starts at first is one more at the same distance. */
static bool repeats(struct line *l, ptw_va first)
{
    uint64_t every = first.v - (l->first.v + l->times * l->every);

    if (l->times > 0 && every != l->every) {
        return false;
    }
    l->every = every;
    l->times++;
    return true;
}

static void take_run(struct fold *f, const struct ptw_item *run)
{
    const struct ptw_regime *r = f->place.o->root[f->place.root].regime;
    struct line *l = &f->line;

    if (l->kind == LINE_RUN) {
        if (l->times == 0 && ptw_items_join(r, PTW_WALK_RUNS, &l->run, run)) {
            l->last = l->run.last;
            return;
        }
        if (run_alike(&f->place, &l->run, run) && repeats(l, run->first)) {
            return;
        }
    }
    end_line(f);
    l->kind = LINE_RUN;
    l->run = *run;
    l->first = l->va = run->first;
    l->last = run->last;
    l->space = f->place.root;
    l->times = 0;
    l->every = 0;
}

static void take_same(struct fold *f, const struct ptw_item *alias,
                      const struct ptw_alias_ref *ref, uint64_t bytes)
{
    struct line *l = &f->line;

    if (l->kind == LINE_SAME && l->space == ref->owner) {
        /* It does not refer to itself, which would be hard to read. */
        if (l->times == 0 && alias->first.v == l->last.v + 1 &&
            ref->their_va.v - l->va.v == alias->first.v - l->first.v &&
            (l->space != f->place.root ||
             ref->their_va.v + (alias->last.v - alias->first.v) < l->first.v)) {
            l->last = alias->last;
            l->bytes += bytes;
            return;
        }
        if (l->va.v == ref->their_va.v &&
            alias->last.v - alias->first.v == l->last.v - l->first.v &&
            repeats(l, alias->first)) {
            return;
        }
    }
    end_line(f);
    l->kind = LINE_SAME;
    l->first = alias->first;
    l->last = alias->last;
    l->va = ref->their_va;
    l->space = ref->owner;
    l->times = 0;
    l->every = 0;
    l->bytes = bytes;
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
    w.flags = PTW_WALK_RUNS;
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
    struct ptw_item run;

    leave_tables(f, item->first.v);
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        run = *item;
        if (filter_keeps(f->place.o, &run)) {
            totals_run(&f->sum, &f->place, &run);
            take_run(f, &run);
        }
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
    traversal_spaces(t, PTW_WALK_RUNS | PTW_WALK_TABLES | PTW_WALK_BY_RIGHTS);
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
