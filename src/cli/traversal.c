/* SPDX-License-Identifier: Apache-2.0 */
#include "traversal.h"

#include "estimate.h"
#include "filter.h"
#include "memo.h"
#include "roots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A walk gets its reads in slices, so that one that finds nothing for minutes
 * shows that it is alive. */
static const uint64_t SLICE = (uint64_t)1 << 26;

/* Entries are read some at a time.  Fewer than these are not enough to get down
 * to a leaf of any mode, and a limit that is can be gone on from. */
static const uint64_t LEAST_READS = 128;

static uint64_t reads_of(const struct options *o)
{
    return o->reads != 0 && o->reads < LEAST_READS ? LEAST_READS : o->reads;
}

struct traversal *traversal_new(const struct options *o, const struct image *im)
{
    struct traversal *t = must(calloc(1, sizeof *t));

    t->o = o;
    t->im = im;
    t->reads_left = reads_of(o);
    t->leaves_left = o->limit;
    t->barren = filter_selects(o) ? barren_new(o) : NULL;
    return t;
}

enum { REMEMBERED = 4096 }; /* tables */

/* Tables of an image that is not mapped are copied once, as far as there is
 * room: more than most images have. */
static void remember(struct traversal *t)
{
    size_t bytes = ptw_remembered_bytes(&t->o->regime, REMEMBERED);

    if (t->im->cache == NULL) {
        return;
    }
    if (t->copies == NULL) {
        t->copies = must(malloc(bytes));
        if (ptw_remembered_init(&t->remembered, &t->o->regime, &t->im->mem,
                                t->copies, bytes) != PTW_OK) {
            die_of_memory();
        }
        image_copies_tables(t->im);
    }
    if (ptw_walk_remember(&t->walk, &t->remembered) != PTW_OK) {
        die_of_memory();
    }
}

/* Whether the limit was reached before there was anything. */
static bool is_stuck(const struct traversal *t)
{
    return t->stop_root == 0 && t->stop_va.v <= t->o->first.v;
}

/* Says that a limit was reached, where, and, where that is possible, how to go
 * on: the same limit is enough for that unless it was not enough for
 * anything. */
static void report_stop(const struct traversal *t)
{
    bool stuck = is_stuck(t);
    char resume[120] = "";

    if (t->goes_on) {
        (void)snprintf(resume, sizeof resume,
                       "; it goes on with %s--range %016" PRIx64 "-%016" PRIx64,
                       stuck ? "a larger limit and " : "", t->stop_va.v,
                       t->o->last.v);
    }
    report(t->o->image,
           "stopped at the limit of %" PRIu64 " %s, in root %" PRIu32
           " at %" PRIx64 ", address %016" PRIx64 "%s",
           t->limit, t->limit_of, t->stop_root,
           t->o->root[t->stop_root].table.v, t->stop_va.v, resume);
}

enum cli_status traversal_end(struct traversal *t)
{
    enum cli_status status = t->status;

    if (t->stopped) {
        report_stop(t);
        status = cli_worse(status, CLI_NO);
    }
    status = cli_worse(status, unread_report(t->o, t->im, &t->unread));
    free(t->memo_storage);
    free(t->copies);
    barren_free(t->barren);
    estimate_free(t->estimate);
    free(t);
    return status;
}

static uint64_t slice_of(struct traversal *t)
{
    uint64_t slice = t->reads_left < SLICE ? t->reads_left : SLICE;

    if (t->reads_left != UINT64_MAX) {
        t->reads_left -= slice;
    }
    return slice;
}

static struct ptw_walk_options walk_options(struct traversal *t, unsigned flags)
{
    struct ptw_walk_options w = ptw_walk_everything();

    w.first = t->o->first;
    w.last = t->o->last;
    w.max_reads = slice_of(t);
    w.flags = flags;
    w.need = t->o->need;
    t->allowed = w.max_reads;
    return w;
}

bool traversal_root(struct traversal *t, uint32_t index, unsigned flags)
{
    struct ptw_walk_options w;
    enum ptw_status st;

    if (t->barren != NULL) {
        flags |= PTW_WALK_TABLES;
        barren_begin(t->barren, t->o->root[index].regime);
    }
    w = walk_options(t, flags);
    st = ptw_virt_to_phys_init(&t->walk, &t->im->mem, t->o->root[index], &w);
    t->over = false;
    t->skip = 0;
    t->room = t->barren != NULL ? 1 : TRAVERSAL_BATCH;
    t->root = index;
    t->flags = flags;
    t->goes_on = true;
    t->bad_entries = 0;
    if (st == PTW_OK) {
        remember(t);
        return true;
    }
    if (t->reads_left != UINT64_MAX) {
        t->reads_left += w.max_reads;
    }
    t->status = cli_worse(t->status, roots_report_bad(t->o, index, st));
    return false;
}

void traversal_spaces(struct traversal *t, unsigned flags)
{
    struct ptw_walk_options w = walk_options(t, flags);

    t->over = false;
    t->skip = 0;
    t->room = TRAVERSAL_BATCH;
    t->spaces = true;
    t->flags = flags;
    t->goes_on = (flags & PTW_WALK_BY_RIGHTS) != 0;
    memo_new(&t->memo, &t->memo_storage, &t->memo_tables);
    if (ptw_walk_va_spaces_init(&t->walk, &t->im->mem, t->o->root, t->o->roots,
                                &t->memo, &w) != PTW_OK) {
        die(CLI_USAGE, t->o->image, "these roots can't be walked");
    }
}

void traversal_stop(struct traversal *t, const char *what, uint64_t limit,
                    uint32_t space, ptw_va va)
{
    t->stopped = true;
    t->limit_of = what;
    t->limit = limit;
    t->stop_root = t->root + space;
    /* A leaf may begin before the range. */
    t->stop_va = va.v < t->o->first.v ? t->o->first : va;
}

void traversal_note(const struct ptw_item *item, uint32_t root,
                    uint64_t *bad_entries, struct unread *unread)
{
    const struct ptw_finding *f = &item->u.finding;

    if (item->kind != PTW_ITEM_FINDING) {
        return;
    }
    if (f->kind == PTW_FINDING_BAD_ENTRY) {
        (*bad_entries)++;
    }
    if (f->kind == PTW_FINDING_REFUSED) {
        unread_finding(unread, root + item->space, item);
    }
}

void traversal_note_space(struct traversal *t, const struct ptw_item *item)
{
    if (item->kind == PTW_ITEM_SPACE &&
        item->u.space_info.kind == PTW_SPACE_BAD) {
        t->status =
            cli_worse(t->status, roots_report_bad(t->o, item->space,
                                                  item->u.space_info.why));
    }
}

uint64_t traversal_weight(const struct ptw_item *item)
{
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        return ((item->last.v - item->first.v) >> item->u.mapping.size_log2) +
               1;
    case PTW_ITEM_ALIAS:
        return 1;
    case PTW_ITEM_LINE:
        return item->u.line.leaves;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_FINDING:
        break;
    }
    return 0;
}

uint64_t traversal_parts(const struct ptw_item *item)
{
    return item->kind == PTW_ITEM_LINE ? item->u.line.leaves : 1;
}

/* Cuts a run of more leaves than the limit allows, so that the next one starts
 * behind those that it does.  One that only the runs before it leave no room
 * for is whole the next time; a line is as good as its leaves. */
static bool cut(struct traversal *t, struct ptw_item *item)
{
    bool line = item->kind == PTW_ITEM_LINE;

    if (t->leaves_left == 0 || (t->leaves != 0 && !line)) {
        traversal_stop(t, "leaves", t->o->limit, item->space, item->first);
        return false;
    }
    if (line) {
        item->u.line.leaves = (uint8_t)t->leaves_left;
    }
    item->last.v = item->first.v +
                   (t->leaves_left << (line ? item->u.line.size_log2
                                            : item->u.mapping.size_log2)) -
                   1;
    traversal_stop(t, "leaves", t->o->limit, item->space,
                   ptw_va_of(item->last.v + 1));
    return true;
}

/* Counts the items, up to the first that is beyond the limit. */
static size_t count(struct traversal *t, size_t items)
{
    for (size_t i = 0; i < items; i++) {
        struct ptw_item *item = &t->item[i];
        uint64_t n = traversal_weight(item);

        if (n > t->leaves_left && !cut(t, item)) {
            return i;
        }
        if (t->stopped) {
            t->leaves += traversal_weight(item);
            t->leaves_left = 0;
            return i + 1;
        }
        t->leaves_left -= n;
        t->leaves += n;
        traversal_note(item, t->root, &t->bad_entries, &t->unread);
    }
    return items;
}

/* Leaves out what was given before: up to the end of a table, and so no line in
 * part. */
static size_t skip(struct traversal *t, size_t items)
{
    size_t n = 0;

    for (; n < items && t->skip > 0; n++) {
        uint64_t parts = traversal_parts(&t->item[n]);

        t->skip -= parts < t->skip ? parts : t->skip;
    }
    if (n > 0) {
        memmove(t->item, t->item + n, (items - n) * sizeof *t->item);
    }
    return items - n;
}

void traversal_progress(struct traversal *t, uint32_t root, ptw_va va)
{
    if (t->estimate == NULL) {
        t->estimate =
            estimate_new(t->o, t->im, t->spaces, t->flags & PTW_WALK_BY_RIGHTS);
    }
    progress_show(t->o, root, va, t->leaves,
                  estimate_share(t->estimate, root, va));
}

static void show_progress(struct traversal *t)
{
    uint32_t space;
    ptw_va va;

    if (!t->quiet && progress_is_due() &&
        ptw_walk_where(&t->walk, &space, &va)) {
        traversal_progress(t, t->root + space, va);
    }
}

/* The walk has used up what it was allowed; false when there is no more. */
static bool extend(struct traversal *t)
{
    uint64_t slice = slice_of(t);

    if (slice == 0) {
        return false;
    }
    ptw_walk_extend(&t->walk, slice, 0);
    t->allowed += slice;
    return true;
}

/* What the walk was allowed and did not use is for the next root. */
static void give_back(struct traversal *t)
{
    uint64_t used = ptw_walk_counts(&t->walk).reads;

    if (t->reads_left != UINT64_MAX) {
        t->reads_left = t->reads_left + t->allowed - used;
    }
}

void traversal_skip(struct traversal *t, uint64_t last)
{
    struct ptw_walk_options w;

    if (t->over || t->stopped) {
        return;
    }
    give_back(t);
    if (last >= t->o->last.v) {
        t->over = true;
        return;
    }
    w = walk_options(t, t->flags);
    w.first = ptw_va_of(last + 1);
    if (ptw_virt_to_phys_init(&t->walk, &t->im->mem, t->o->root[t->root], &w) !=
        PTW_OK) {
        t->over = true; /* the image has changed */
        return;
    }
    remember(t);
    t->room = 1; /* what comes may be skipped as well */
}

/* Leaves out the leaves that are not told, and tables and aliases below which
 * nothing is. */
static size_t sieve(struct traversal *t, size_t items)
{
    size_t kept = 0;
    bool passes = false; /* by a table, to the end of which: */
    uint64_t last = 0;

    if (t->barren == NULL) {
        return items;
    }
    for (size_t i = 0; i < items; i++) {
        struct ptw_item *item = &t->item[i];
        bool barren;

        if (passes && item->last.v <= last) {
            continue;
        }
        if (item->kind == PTW_ITEM_SPACE) {
            barren_begin(t->barren, t->o->root[item->space].regime);
        }
        barren = barren_at(t->barren, item);
        passes = barren && item->kind == PTW_ITEM_TABLE && !t->spaces;
        last = item->last.v;
        if (passes || (barren && item->kind == PTW_ITEM_ALIAS) ||
            (item->kind == PTW_ITEM_MAPPING && !filter_keeps(t->o, item))) {
            continue;
        }
        if (traversal_weight(item) > 0) {
            barren_told(t->barren);
        }
        t->item[kept++] = *item;
    }
    if (passes) {
        traversal_skip(t, last);
        t->room =
            t->barren->depth + 1u; /* the tables that it is in come first */
    }
    return kept;
}

/* Whether a leaf continues a run, by its address and in every bit. */
static bool continues(const struct ptw_item *run, const struct ptw_item *leaf)
{
    const struct ptw_mapping *a = &run->u.mapping;
    const struct ptw_mapping *b = &leaf->u.mapping;
    uint64_t bytes = leaf->first.v - run->first.v;

    return leaf->first.v == run->last.v + 1 && a->level == b->level &&
           a->rights == b->rights && b->pa.v - a->pa.v == bytes &&
           b->raw - a->raw == bytes;
}

/* A limit on reads was reached in the first run, which is therefore not known
 * to be one: finds the leaves of which it is made so far, as far as the limits
 * and the range allow.  Returns 0 when there are none. */
static size_t open_run(struct traversal *t)
{
    struct ptw_walk_options w = ptw_walk_everything();
    struct ptw_item run = {.kind = PTW_ITEM_HOLE};
    uint64_t leaves = 0;
    size_t items = 0;

    w.first = t->o->first;
    w.last = t->o->last;
    w.max_reads = reads_of(t->o);
    w.need = t->o->need;
    if (w.max_reads == 0) {
        return 0; /* to the walk, it would be no limit */
    }
    if (ptw_virt_to_phys_init(&t->walk, &t->im->mem, t->o->root[t->root], &w) !=
        PTW_OK) {
        return 0;
    }
    do {
        if (ptw_walk_next(&t->walk, t->item, TRAVERSAL_BATCH, &items) !=
            PTW_OK) {
            t->over = true;
        }
        for (size_t i = 0; i < items && leaves < t->leaves_left; i++) {
            const struct ptw_item *item = &t->item[i];

            if (item->kind != PTW_ITEM_MAPPING ||
                item->last.v >= t->o->last.v ||
                (leaves != 0 && !continues(&run, item))) {
                t->over = true;
                break;
            }
            if (leaves++ == 0) {
                run = *item;
            }
            run.last = item->last;
        }
    } while (!t->over && leaves < t->leaves_left);
    if (leaves == 0) {
        return 0;
    }
    t->item[0] = run;
    t->leaves += leaves;
    t->stop_va.v = run.last.v + 1;
    return sieve(t, 1);
}

size_t traversal_next(struct traversal *t)
{
    size_t items = 0;

    while (items == 0 && !t->over && !t->stopped) {
        /* To the walk, 0 would be no limit. */
        enum ptw_status st =
            t->allowed == 0 ? PTW_E_LIMIT
                            : ptw_walk_next(&t->walk, t->item, t->room, &items);
        uint32_t space = 0;
        ptw_va va = t->o->last;

        t->room = t->room < TRAVERSAL_BATCH / 2 ? t->room * 2 : TRAVERSAL_BATCH;
        items = count(t, sieve(t, skip(t, items)));
        if (t->stopped) {
            return items;
        }
        show_progress(t);
        if (st == PTW_END) {
            t->over = true;
            give_back(t);
        } else if (st == PTW_E_SPACE) {
            memo_more(&t->memo, &t->memo_storage, &t->memo_tables);
        } else if (st == PTW_E_LIMIT && !extend(t)) {
            (void)ptw_walk_where(&t->walk, &space, &va);
            traversal_stop(t, "reads", t->o->reads, space, va);
            if (items == 0 && t->goes_on && is_stuck(t)) {
                items = open_run(t);
            }
        }
    }
    return items;
}
