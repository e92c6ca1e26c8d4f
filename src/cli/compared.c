/* SPDX-License-Identifier: Apache-2.0 */
#include "compared.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

/* What is noted with a pair: pages, or an index. */
enum { DIFFERS = 1, NUMBER_SHIFT = 1 };

void compared_init(struct compared *c, bool keeps)
{
    memset(c, 0, sizeof *c);
    c->keeps = keeps;
    twins_init(&c->twins);
}

void compared_free(struct compared *c)
{
    for (size_t i = 0; i < c->cames; i++) {
        free(c->came[i].part);
    }
    free(c->came);
    free(c->part);
    slots_free(&c->twins);
}

enum known compared_find(const struct compared *c, const struct twins *pair,
                         uint64_t *number)
{
    const uint64_t *noted = twins_find(&c->twins, pair);

    if (noted == NULL) {
        return KNOWN_NOT;
    }
    *number = *noted >> NUMBER_SHIFT;
    return (*noted & DIFFERS) != 0 ? KNOWN_DIFFERENT : KNOWN_SAME;
}

void compared_open(struct compared *c, const struct twins *pair, uint32_t root,
                   uint64_t first, uint64_t last,
                   const struct change_counts *counts)
{
    struct open_pair *o = &c->open[c->opens++];

    o->pair = *pair;
    o->root = root;
    o->first = first;
    o->last = last;
    o->before = *counts;
    o->part = c->parts;
}

void compared_leave(struct compared *c)
{
    c->opens = 0;
    c->parts = 0;
}

static void *grow(void *array, size_t used, size_t *room, size_t bytes)
{
    if (used < *room) {
        return array;
    }
    *room = *room * 2 + 16;
    return must(realloc(array, *room * bytes));
}

static void add_part(struct compared *c, const struct part *part)
{
    c->part = grow(c->part, c->parts, &c->part_room, sizeof *c->part);
    c->part[c->parts++] = *part;
}

void compared_note(struct compared *c, const struct changed *run)
{
    struct changed *before;

    if (c->opens == 0) {
        return;
    }
    before = c->parts > c->open[c->opens - 1].part ? &c->part[c->parts - 1].run
                                                   : NULL;
    if (before != NULL && before->change.kinds != 0 &&
        before->last + 1 == run->first &&
        change_same(&before->change, &run->change)) {
        before->last = run->last;
        return;
    }
    add_part(c, &(struct part){.run = *run});
}

bool compared_single(const struct compared *c, size_t pair)
{
    const struct came *came = &c->came[pair];

    return came->parts == 1 && came->part[0].run.change.kinds != 0;
}

void compared_refer(struct compared *c, size_t pair, uint64_t first)
{
    const struct came *came = &c->came[pair];

    if (c->opens == 0) {
        return;
    }
    if (compared_single(c, pair)) {
        struct changed run = came->part[0].run;

        run.first += first;
        run.last += first;
        compared_note(c, &run);
        return;
    }
    add_part(c, &(struct part){.run = {.first = first}, .pair = pair});
}

/* What came of the pair that was opened last. */
static size_t add_came(struct compared *c, const struct open_pair *o,
                       const struct change_counts *counts)
{
    struct came *came;
    const struct part *part = &c->part[o->part];

    c->came = grow(c->came, c->cames, &c->came_room, sizeof *c->came);
    came = &c->came[c->cames];
    came->root = o->root;
    came->first = o->first;
    came->counts = change_counts_since(counts, &o->before);
    came->parts = c->parts - o->part;
    came->part = NULL;
    if (c->keeps || (came->parts == 1 && part->run.change.kinds != 0)) {
        came->part = must(malloc(came->parts * sizeof *came->part));
        for (size_t i = 0; i < came->parts; i++) {
            came->part[i] = part[i];
            came->part[i].run.first -= o->first;
            came->part[i].run.last -= o->first;
        }
    } else {
        came->parts = 0;
    }
    c->parts = o->part;
    return c->cames++;
}

void compared_close(struct compared *c, uint64_t at,
                    const struct change_counts *counts)
{
    while (c->opens > 0 && c->open[c->opens - 1].last < at) {
        const struct open_pair *o = &c->open[--c->opens];

        if (counts->different == o->before.different) {
            twins_note(&c->twins, &o->pair,
                       (counts->compared - o->before.compared) << NUMBER_SHIFT);
        } else {
            size_t pair = add_came(c, o, counts);

            twins_note(&c->twins, &o->pair,
                       (uint64_t)pair << NUMBER_SHIFT | DIFFERS);
            compared_refer(c, pair, o->first);
        }
    }
}

void replay_init(struct replay *r, const struct compared *c, size_t pair,
                 uint64_t first)
{
    r->c = c;
    r->at[0].pair = pair;
    r->at[0].next = 0;
    r->at[0].first = first;
    r->depth = 1;
}

bool replay_next(struct replay *r, struct changed *out)
{
    while (r->depth > 0) {
        const struct came *came = &r->c->came[r->at[r->depth - 1].pair];
        uint64_t first = r->at[r->depth - 1].first;
        const struct part *part;

        if (r->at[r->depth - 1].next == came->parts) {
            r->depth--;
            continue;
        }
        part = &came->part[r->at[r->depth - 1].next++];
        if (part->run.change.kinds != 0) {
            *out = part->run;
            out->first += first;
            out->last += first;
            return true;
        }
        r->at[r->depth].pair = part->pair;
        r->at[r->depth].next = 0;
        r->at[r->depth].first = first + part->run.first;
        r->depth++;
    }
    return false;
}
