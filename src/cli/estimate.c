/* SPDX-License-Identifier: Apache-2.0 */
#include "estimate.h"

#include "memo.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

enum {
    MARKS = 4096,
    BATCH = 256,
    SLICE = 1 << 16,       /* entries, between two looks at the clock */
    MILLISECONDS_EACH = 10 /* a few hundredths of the time */
};

struct mark {
    uint32_t root;
    uint64_t va;
};

struct estimate {
    const struct options *o;
    const struct image *im;
    bool spaces;
    unsigned flags;
    struct ptw_walk walk;
    struct ptw_memo memo;
    void *storage;
    size_t tables;
    uint32_t root; /* that is being walked */
    bool walking;
    bool over;      /* the outline is known */
    uint64_t every; /* so many of its items are a mark, */
    uint64_t since; /* and so many came since the last one */
    size_t marks;
    struct mark mark[MARKS];
    struct ptw_item item[BATCH];
};

struct estimate *estimate_new(const struct options *o, const struct image *im,
                              bool spaces, unsigned flags)
{
    struct estimate *e = must(calloc(1, sizeof *e));

    e->o = o;
    e->im = im;
    e->spaces = spaces;
    e->flags = flags;
    e->every = 1;
    return e;
}

void estimate_free(struct estimate *e)
{
    if (e != NULL) {
        free(e->storage);
    }
    free(e);
}

/* Keeps every second mark. */
static void thin_out(struct estimate *e)
{
    for (size_t i = 0; i < e->marks / 2; i++) {
        e->mark[i] = e->mark[2 * i + 1];
    }
    e->marks /= 2;
    e->every *= 2;
}

static void note(struct estimate *e, const struct ptw_item *item)
{
    if (item->kind != PTW_ITEM_TABLE && item->kind != PTW_ITEM_MAPPING) {
        return;
    }
    if (++e->since < e->every) {
        return;
    }
    e->since = 0;
    if (e->marks == MARKS) {
        thin_out(e);
    }
    e->mark[e->marks++] = (struct mark){e->root + item->space, item->last.v};
}

static enum ptw_status begin(struct estimate *e)
{
    struct ptw_walk_options w = ptw_walk_everything();

    w.first = e->o->first;
    w.last = e->o->last;
    w.flags = e->flags | PTW_WALK_OUTLINE;
    w.need = e->o->need;
    w.max_reads = SLICE;
    if (!e->spaces) {
        return ptw_virt_to_phys_init(&e->walk, &e->im->mem, e->o->root[e->root],
                                     &w);
    }
    memo_new(&e->memo, &e->storage, &e->tables);
    return ptw_walk_va_spaces_init(&e->walk, &e->im->mem, e->o->root,
                                   e->o->roots, &e->memo, &w);
}

/* A part of the outline. */
static void go_on(struct estimate *e)
{
    enum ptw_status st = e->walking ? PTW_OK : begin(e);
    size_t items = 0;

    e->walking = st == PTW_OK;
    if (e->walking) {
        st = ptw_walk_next(&e->walk, e->item, BATCH, &items);
    }
    for (size_t i = 0; i < items; i++) {
        note(e, &e->item[i]);
    }
    if (st == PTW_E_LIMIT) {
        ptw_walk_extend(&e->walk, SLICE, 0);
    } else if (st == PTW_E_SPACE && e->spaces) {
        memo_more(&e->memo, &e->storage, &e->tables);
    } else if (st != PTW_OK) { /* the end, or no root */
        e->walking = false;
        e->root++;
        e->over = e->spaces || e->root == e->o->roots;
    }
}

unsigned estimate_share(struct estimate *e, uint32_t root, ptw_va va)
{
    uint64_t until = progress_clock() + MILLISECONDS_EACH;
    size_t low = 0;
    size_t high;

    while (!e->over && progress_clock() < until) {
        go_on(e);
    }
    if (!e->over || e->marks == 0) {
        return 0;
    }
    high = e->marks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mark *m = &e->mark[middle];

        if (m->root < root || (m->root == root && m->va < va.v)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (unsigned)(low * 1000 / e->marks);
}
