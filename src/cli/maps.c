/* SPDX-License-Identifier: Apache-2.0 */
/* maps: runs of leaves, for people, and totals. */
#include "crew.h"
#include "filter.h"
#include "fold.h"
#include "runs.h"

/* What a root's runs add up to. */
struct sum {
    struct totals totals;
    uint64_t unread; /* places, before this root */
};

static void put_run(struct sum *s, const struct place *p,
                    const struct ptw_item *run)
{
    totals_run(&s->totals, p, run);
    run_print(p, run);
}

static void tell(const struct options *o, const struct image *im, uint32_t root,
                 const struct ptw_item *item, size_t items, void *sum)
{
    struct place p = {o, im, root};
    struct sum *s = sum;

    for (size_t i = 0; i < items; i++) {
        if (item[i].kind == PTW_ITEM_MAPPING) {
            put_run(s, &p, &item[i]);
        }
    }
}

static void add_totals(void *sum, const void *more)
{
    struct sum *a = sum;
    const struct sum *b = more;

    totals_add(&a->totals, &b->totals);
}

static void begin_root(struct traversal *t, void *sum)
{
    struct place p = {t->o, t->im, t->root};
    struct sum *s = sum;

    s->unread = t->unread.count;
    root_print(&p);
}

static void end_root(struct traversal *t, const void *sum)
{
    struct place p = {t->o, t->im, t->root};
    const struct sum *s = sum;
    struct ending end = {
        .bad_entries = t->bad_entries,
        .unread = t->unread.count - s->unread,
        .complete = !t->stopped,
    };

    totals_print(&p, &s->totals, &end);
}

/* Makes runs out of leaves, or out of the runs between tables, in one thread. */
static void tell_joined(struct traversal *t)
{
    for (uint32_t i = 0; i < t->o->roots && !t->stopped; i++) {
        struct place p = {t->o, t->im, i};
        struct ptw_item run = {.kind = PTW_ITEM_HOLE};
        struct sum sum = {.unread = 0};
        size_t n;

        if (!traversal_root(t, i, runs_flag(t->o))) {
            continue;
        }
        begin_root(t, &sum);
        while ((n = traversal_next(t)) > 0) {
            for (size_t k = 0; k < n; k++) {
                const struct ptw_item *next = &t->item[k];

                if (next->kind != PTW_ITEM_MAPPING ||
                    (run.kind == PTW_ITEM_MAPPING &&
                     runs_join(&p, &run, next))) {
                    continue;
                }
                if (run.kind == PTW_ITEM_MAPPING) {
                    put_run(&sum, &p, &run);
                }
                run = *next;
            }
        }
        if (run.kind == PTW_ITEM_MAPPING) {
            put_run(&sum, &p, &run);
        }
        end_root(t, &sum);
    }
}

enum cli_status maps_run(const struct options *o, const struct image *im)
{
    static const struct telling maps = {
        .flags = PTW_WALK_RUNS,
        .items = tell,
        .sum_bytes = sizeof(struct sum),
        .add = add_totals,
        .begin = begin_root,
        .end = end_root,
    };
    struct traversal *t = traversal_new(o, im);

    if (o->fold) {
        fold_tell(t);
    } else if (filter_leaf_by_leaf(o) || filter_selects(o)) {
        tell_joined(t);
    } else {
        crew_tell(t, &maps);
    }
    return traversal_end(t);
}
