/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what changed between two images, as runs, space by space.  Both are
 * walked side by side as the hardware would; where something is in physical
 * memory is no difference to the guest, and neither is the size of a leaf. */
#include "compared.h"
#include "pairs.h"
#include "random.h"
#include "roots.h"
#include "sharing.h"
#include "traversal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the images. */
struct side {
    const struct options *o;
    const struct image *im;
    struct traversal *t;
    size_t items; /* of the batch */
    size_t next;
    struct extent extent;
    uint64_t room[PAGE_BYTES / 8];
};

struct comparison {
    const struct options *o;
    struct options walk[2]; /* without a limit on leaves, which counts here */
    struct side a;
    struct side b;
    struct slots pairs; /* pages */
    struct sharing sharing;
    struct compared tables;
    struct changes told;
    struct change_counts counts;
    uint32_t root;
    uint64_t at;   /* what is below was compared */
    uint64_t last; /* of what is compared */
    uint64_t left; /* of --limit */
};

/* Notes what is so from `first` to `last` of this root, in ascending order. */
static void note(struct comparison *c, uint64_t first, uint64_t last,
                 const struct change *change)
{
    struct changed run = {first, last, *change};

    change_counts_note(&c->counts, &run);
    if (change->kinds != 0) {
        changes_run(&c->told, c->root, &run);
        compared_note(&c->tables, &run);
    }
}

/* ------------------------------------------------------------------- bytes */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many of the bytes from there on lie outside the image, in whole pages. */
static uint64_t outside_from(struct side *s, ptw_pa pa, uint64_t bytes)
{
    size_t most = bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
    size_t run = 0;

    if (ptw_mem_cover(&s->im->mem, pa, PAGE_BYTES) != PTW_COVER_NONE ||
        ptw_read_bytes(&s->im->mem, pa, s->room, most, &run) == PTW_OK) {
        return 0;
    }
    return run & ~(uint64_t)(PAGE_BYTES - 1);
}

/* Compares a page of either side.  Of what has no contents, the address is all
 * that is known. */
static unsigned compare_contents(struct comparison *c, ptw_pa a, ptw_pa b)
{
    const void *left;
    const void *right;
    struct ptw_parts parts;

    if (image_hole(c->a.im, a, &c->a.extent) &&
        image_hole(c->b.im, b, &c->b.extent)) {
        return 0;
    }
    left = image_page(c->a.im, a, c->a.room);
    right = image_page(c->b.im, b, c->b.room);
    if (left != NULL && right != NULL) {
        return memcmp(left, right, PAGE_BYTES) == 0 ? 0 : 1 << BYTES;
    }
    ptw_compare_parts(&c->a.im->mem, a, c->a.room, &c->b.im->mem, b, c->b.room,
                      PAGE_BYTES, &parts);
    return (parts.same ? 0u : 1u << BYTES) |
           (parts.only_a == 0 && parts.only_b == 0 &&
                    (parts.neither == 0 || a.v == b.v)
                ? 0u
                : 1u << UNREADABLE);
}

/* The same, when it was not done before. */
static unsigned compare_page(struct comparison *c, ptw_pa a, ptw_pa b)
{
    enum verdict verdict = pairs_find(&c->pairs, a, b, PAGE_LOG2);
    unsigned kinds;

    if (verdict == VERDICT_SAME) {
        return 0;
    }
    if (verdict == VERDICT_DIFFERENT) {
        return 1 << BYTES;
    }
    kinds = compare_contents(c, a, b);
    if ((kinds & 1 << UNREADABLE) == 0) {
        pairs_note(&c->pairs, a, b, PAGE_LOG2,
                   kinds == 0 ? VERDICT_SAME : VERDICT_DIFFERENT);
    }
    return kinds;
}

/* Whether the page is as often one with another as it was. */
static unsigned compare_sharing(struct comparison *c, ptw_pa a, ptw_pa b,
                                bool written)
{
    unsigned what = sharing_note(&c->sharing, a, b, written);

    return ((what & SHARING_SHARED) != 0 ? 1u << SHARED : 0u) |
           ((what & SHARING_JOINED) != 0 ? 1u << JOINED : 0u);
}

/* Takes one step of --limit; false when there is none left. */
static bool take_step(struct comparison *c, uint64_t at)
{
    if (c->left == 0) {
        traversal_stop(c->a.t, "pages", c->o->limit, 0, ptw_va_of(at));
        return false;
    }
    c->left--;
    return true;
}

/* A part of the address space that is mapped on both sides. */
struct both {
    uint64_t first;
    uint64_t last;
    ptw_pa a;
    ptw_pa b;
    unsigned whole_log2;  /* it is one leaf on both sides, and of that size; 0:
                            it is not */
    bool written;         /* the guest can write it, on either side */
    struct change change; /* but for the contents */
};

/* Compares what is there page by page, and what is on neither side at once, up
 * to where one of them has memory again; false when the limit was reached. */
static bool compare_pages(struct comparison *c, const struct both *m,
                          bool *same)
{
    uint64_t bytes = m->last - m->first + 1; /* not 0: less than all there is */
    uint64_t step;

    *same = true;
    for (uint64_t at = 0; at < bytes; at += step) {
        ptw_pa a = ptw_pa_of(m->a.v + at);
        ptw_pa b = ptw_pa_of(m->b.v + at);
        struct change change = m->change;
        unsigned kinds;

        if (!take_step(c, m->first + at)) {
            return false;
        }
        step = outside_from(&c->a, a, bytes - at);
        if (step > 0) {
            step = lesser(step, outside_from(&c->b, b, step));
        }
        if (step > 0) {
            kinds = a.v == b.v ? 0 : 1u << UNREADABLE;
        } else {
            step = PAGE_BYTES;
            kinds =
                compare_page(c, a, b) | compare_sharing(c, a, b, m->written);
        }
        change.kinds |= kinds;
        *same = *same && kinds == 0;
        note(c, m->first + at, m->first + at + (step - 1), &change);
    }
    return true;
}

/* --------------------------------------------------------------- the spaces */

/* The next leaf or table of a side, or NULL. */
static const struct ptw_item *peek(struct side *s)
{
    for (;;) {
        while (s->next < s->items) {
            if (s->t->item[s->next].kind == PTW_ITEM_MAPPING ||
                s->t->item[s->next].kind == PTW_ITEM_TABLE) {
                return &s->t->item[s->next];
            }
            s->next++;
        }
        s->next = 0;
        s->items = traversal_next(s->t);
        if (s->items == 0) {
            return NULL;
        }
    }
}

static struct grant grant_of(const struct side *s, const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_attributes at =
        ptw_attributes_of(&s->o->regime, m->level, m->raw);
    struct grant g = {
        .rights = m->rights,
        .memory_type = at.memory_type,
        .key = at.key,
        .global = at.global,
        .copy_on_write = at.copy_on_write,
    };

    return g;
}

static bool can_write(const struct side *s, const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    return ptw_guest_writes(&s->o->regime, m->above, m->level, m->raw);
}

static ptw_pa pa_at(const struct ptw_item *item, uint64_t va)
{
    return ptw_pa_of(item->u.mapping.pa.v + (va - item->first.v));
}

static struct both both_of(struct comparison *c, const struct ptw_item *a,
                           const struct ptw_item *b, uint64_t last)
{
    struct both m = {
        .first = c->at,
        .last = last,
        .a = pa_at(a, c->at),
        .b = pa_at(b, c->at),
        .change = {.a = grant_of(&c->a, a), .b = grant_of(&c->b, b)},
    };

    m.written = can_write(&c->a, a) || can_write(&c->b, b);
    if (m.change.a.rights != m.change.b.rights) {
        m.change.kinds |= 1 << RIGHTS;
    }
    if (!grant_same_attributes(&m.change.a, &m.change.b)) {
        m.change.kinds |= 1 << ATTRIBUTES;
    }
    if (a->first.v == c->at && b->first.v == c->at && a->last.v == last &&
        b->last.v == last) {
        m.whole_log2 = a->u.mapping.size_log2;
    }
    return m;
}

/* ------------------------------------------------ what was compared before */

/* Tells what came of a pair of tables once more; false when the limit was
 * reached. */
static bool tell_again(struct comparison *c, size_t pair, uint64_t first,
                       uint64_t last)
{
    const struct came *came = &c->tables.came[pair];
    struct change_counts counts = c->counts;
    struct replay replay;
    struct changed run;

    if (c->o->fold && !compared_single(&c->tables, pair)) {
        if (!take_step(c, first)) {
            return false;
        }
        changes_again(&c->told, c->root, first, last, came->root, came->first);
    } else {
        replay_init(&replay, &c->tables, pair, first);
        while (replay_next(&replay, &run)) {
            if (!take_step(c, run.first)) {
                return false;
            }
            change_counts_note(&c->counts, &run);
            changes_run(&c->told, c->root, &run);
        }
    }
    c->counts = counts;
    change_counts_add(&c->counts, &came->counts);
    compared_refer(&c->tables, pair, first);
    return true;
}

/* Tells what came of a pair that is known; one that is not is opened.  False
 * when the limit was reached. */
static bool tell_known(struct comparison *c, const struct twins *pair,
                       uint64_t first, uint64_t last, bool *known)
{
    uint64_t number = 0;

    *known = true;
    switch (compared_find(&c->tables, pair, &number)) {
    case KNOWN_NOT:
        *known = false;
        compared_open(&c->tables, pair, c->root, first, last, &c->counts);
        break;
    case KNOWN_SAME:
        if (!take_step(c, first)) {
            return false;
        }
        c->counts.compared += number;
        break;
    case KNOWN_DIFFERENT:
        return tell_again(c, (size_t)number, first, last);
    }
    return true;
}

static bool is_upper(const struct comparison *c)
{
    return c->o->root[c->root].regime != &c->o->regime;
}

/* What a leaf has from va on. */
static struct twin leaf_twin(const struct ptw_item *leaf, uint64_t va)
{
    const struct ptw_mapping *m = &leaf->u.mapping;
    struct twin t = {
        .pa = pa_at(leaf, va).v,
        .raw = m->raw,
        .rights = m->above,
        .kind = TWIN_LEAF,
        .level = m->level,
    };

    return t;
}

/* -------------------------------------------------------------------- leaves */

/* A large leaf is gone through once; and once more when it is the first that
 * lets the guest write, which may make a difference of what was joined. */
static bool compare_both(struct comparison *c, const struct both *m,
                         const struct ptw_item *a, const struct ptw_item *b)
{
    bool large = m->whole_log2 > PAGE_LOG2;
    enum verdict verdict =
        large ? pairs_find(&c->pairs, m->a, m->b, m->whole_log2) : VERDICT_NONE;
    bool known = false;
    bool same;

    if (verdict == VERDICT_SAME_WRITTEN ||
        (verdict == VERDICT_SAME && !m->written)) {
        if (!take_step(c, m->first)) {
            return false;
        }
        note(c, m->first, m->last, &m->change);
        return true;
    }
    if (large) {
        struct twins pair = {
            .a = leaf_twin(a, m->first),
            .b = leaf_twin(b, m->first),
            .level = a->u.mapping.level,
            .upper = is_upper(c),
        };

        if (!tell_known(c, &pair, m->first, m->last, &known)) {
            return false;
        }
    }
    if (known) {
        return true;
    }
    if (!compare_pages(c, m, &same)) {
        return false;
    }
    if (large && same) {
        pairs_note(&c->pairs, m->a, m->b, m->whole_log2,
                   m->written ? VERDICT_SAME_WRITTEN : VERDICT_SAME);
    }
    return true;
}

/* A part that only one side has. */
static bool note_only(struct comparison *c, enum change_kind kind,
                      uint64_t last)
{
    struct change change = {.kinds = 1U << kind};

    if (!take_step(c, c->at)) {
        return false;
    }
    note(c, c->at, last, &change);
    return true;
}

/* To which byte all is as it is at c->at, as far as this leaf goes, which is
 * the next one of a side. */
static uint64_t reach(const struct comparison *c, const struct ptw_item *leaf)
{
    if (leaf == NULL) {
        return c->last;
    }
    return leaf->first.v <= c->at ? leaf->last.v : leaf->first.v - 1;
}

static bool covers(const struct comparison *c, const struct ptw_item *leaf)
{
    return leaf != NULL && leaf->first.v <= c->at;
}

/* Compares from c->at to where something changes on either side, and moves
 * there; a and b are the next leaves.  False at the end: of the range, or of
 * the limit. */
static bool compare_next(struct comparison *c, const struct ptw_item *a,
                         const struct ptw_item *b)
{
    uint64_t first = lesser(a != NULL ? a->first.v : UINT64_MAX,
                            b != NULL ? b->first.v : UINT64_MAX);
    uint64_t last;

    c->at = c->at < first ? first : c->at;
    if (c->at > c->last) {
        return false;
    }
    last = lesser(c->last, lesser(reach(c, a), reach(c, b)));
    if (covers(c, a) && covers(c, b)) {
        struct both m = both_of(c, a, b, last);

        if (!compare_both(c, &m, a, b)) {
            return false;
        }
    } else if (!note_only(c, covers(c, a) ? ONLY_A : ONLY_B, last)) {
        return false;
    }
    c->a.next += covers(c, a) && a->last.v == last;
    c->b.next += covers(c, b) && b->last.v == last;
    c->at = last + 1;
    return last != c->last;
}

/* What a side did not get to is not compared; false when that is all. */
static bool keep_to(struct comparison *c, const struct side *s)
{
    uint64_t stop = s->t->stop_va.v;

    if (!s->t->stopped || stop > c->last) {
        return true;
    }
    c->last = stop - 1;
    return stop > c->at;
}

static bool start_side(struct side *s, uint32_t root)
{
    s->items = 0;
    s->next = 0;
    return traversal_root(s->t, root, PTW_WALK_TABLES);
}

/* Whether all that could be compared of a side was. */
static bool is_complete(const struct side *s)
{
    uint64_t offset;

    return !s->t->stopped && s->t->unread.count == 0 &&
           image_read_error(s->im, &offset) == 0;
}

/* --------------------------------------------- tables, each pair of them once */

/* Goes on behind `last` on that side. */
static void skip_to(struct side *s, uint64_t last)
{
    while (s->next < s->items && s->t->item[s->next].last.v <= last) {
        s->next++;
    }
    if (s->next == s->items) {
        traversal_skip(s->t, last);
    }
}

static struct twin table_twin(const struct ptw_item *table)
{
    struct twin t = {
        .pa = table->u.table.table.v,
        .rights = table->u.table.rights,
        .kind = TWIN_TABLE,
    };

    return t;
}

/* Whether all addresses of the table are compared, of which none was. */
static bool is_whole(const struct comparison *c, const struct ptw_item *table)
{
    return table->first.v >= c->at && table->first.v >= c->o->first.v &&
           table->last.v <= c->last && table->last.v != UINT64_MAX;
}

/* What a side, of which that is the next item, has at the addresses of a table of
 * the other side; false when these are several things. */
static bool facing(const struct side *s, const struct ptw_item *next,
                   const struct ptw_item *table, struct twin *out)
{
    bool over = s->t->stopped && s->t->stop_va.v <= table->last.v;

    memset(out, 0, sizeof *out);
    if (next == NULL || next->first.v > table->last.v) {
        return !over; /* nothing, or more than was walked */
    }
    if (next->kind == PTW_ITEM_TABLE && next->first.v == table->first.v &&
        next->last.v == table->last.v &&
        next->u.table.level == table->u.table.level) {
        *out = table_twin(next);
        return true;
    }
    if (next->kind == PTW_ITEM_MAPPING && next->first.v <= table->first.v &&
        next->last.v >= table->last.v) {
        *out = leaf_twin(next, table->first.v);
        return true;
    }
    return false;
}

/* Enters a table of one side, and of the other one where that has one there; or
 * passes them when they were compared.  False when the limit was reached. */
static bool take_table(struct comparison *c, struct side *s,
                       const struct ptw_item *table, struct side *other,
                       const struct ptw_item *next)
{
    struct twins pair = {.level = table->u.table.level, .upper = is_upper(c)};
    struct twin is = table_twin(table);
    uint64_t last = table->last.v;
    struct twin faces;
    bool known = false;

    if (is_whole(c, table) && facing(other, next, table, &faces)) {
        pair.a = s == &c->a ? is : faces;
        pair.b = s == &c->a ? faces : is;
        if (!tell_known(c, &pair, table->first.v, last, &known)) {
            return false;
        }
        if (!known && faces.kind == TWIN_TABLE) {
            other->next++;
        }
    }
    if (!known) {
        s->next++;
        return true;
    }
    c->at = last + 1;
    skip_to(s, last);
    if (faces.kind == TWIN_TABLE || (next != NULL && next->last.v <= last)) {
        skip_to(other, last);
    }
    return true;
}

/* Passes the tables up to the next leaves; false when the limit was reached. */
static bool next_leaves(struct comparison *c, const struct ptw_item **a,
                        const struct ptw_item **b)
{
    for (;;) {
        uint64_t at;
        bool table_a;
        bool table_b;

        *a = peek(&c->a);
        *b = peek(&c->b);
        at = lesser(*a != NULL ? (*a)->first.v : UINT64_MAX,
                    *b != NULL ? (*b)->first.v : UINT64_MAX);
        at = at < c->at ? c->at : at;
        compared_close(&c->tables, at, &c->counts);
        table_a =
            *a != NULL && (*a)->kind == PTW_ITEM_TABLE && (*a)->first.v <= at;
        table_b =
            *b != NULL && (*b)->kind == PTW_ITEM_TABLE && (*b)->first.v <= at;
        if (!table_a && !table_b) {
            return true;
        }
        if (table_a &&
            (!table_b || (*a)->u.table.level >= (*b)->u.table.level)) {
            if (!take_table(c, &c->a, *a, &c->b, *b)) {
                return false;
            }
        } else if (!take_table(c, &c->b, *b, &c->a, *a)) {
            return false;
        }
    }
}

/* Returns false when a side has no such root. */
static bool compare_root(struct comparison *c, uint32_t root)
{
    bool a_starts = start_side(&c->a, root);
    bool b_starts = start_side(&c->b, root);
    const struct ptw_item *a;
    const struct ptw_item *b;

    if (!a_starts || !b_starts) {
        return false;
    }
    c->root = root;
    c->at = c->o->first.v;
    c->last = c->o->last.v;
    while (next_leaves(c, &a, &b) && (a != NULL || b != NULL) &&
           keep_to(c, &c->a) && keep_to(c, &c->b) && compare_next(c, a, b)) {
    }
    compared_leave(&c->tables);
    changes_end(&c->told);
    return true;
}

static struct comparison *new_comparison(const struct options *o,
                                         const struct image *im,
                                         const struct image *other)
{
    struct comparison *c = must(calloc(1, sizeof *c));

    c->o = o;
    c->left = o->limit;
    c->walk[0] = *o;
    c->walk[1] = *o->other;
    c->walk[0].limit = c->walk[1].limit = UINT64_MAX;
    c->a.o = &c->walk[0];
    c->b.o = &c->walk[1];
    c->a.im = im;
    c->b.im = other;
    c->a.t = traversal_new(c->a.o, im);
    c->b.t = traversal_new(c->b.o, other);
    c->b.t->quiet = true;
    pairs_init(&c->pairs);
    compared_init(&c->tables, !o->fold);
    c->told.o = o;
    sharing_init(&c->sharing, random_seed());
    return c;
}

/* Says what is wrong with a side. */
static enum cli_status end_side(const struct side *s)
{
    bool told = s->t->unread.count != 0;
    enum cli_status status = traversal_end(s->t);

    return told ? status
                : cli_worse(status, image_report_read_error(s->o, s->im));
}

static enum cli_status compare(struct comparison *c)
{
    enum cli_status status;
    bool started = true;

    for (uint32_t i = 0;
         i < c->o->roots && !c->a.t->stopped && !c->b.t->stopped; i++) {
        started = compare_root(c, i) && started;
    }
    changes_total(c->o, &c->counts,
                  started && !c->sharing.full && is_complete(&c->a) &&
                      is_complete(&c->b));
    status = c->counts.different != 0 ? CLI_NO : CLI_DONE;
    if (c->sharing.full) {
        report(c->o->image, "the sharing of pages was compared in part: there "
                            "are too many; compare less with --range");
        status = CLI_NO;
    }
    /* The earlier stop is the one that counts. */
    if (c->a.t->stopped && c->b.t->stopped) {
        bool a_first = c->a.t->stop_va.v <= c->b.t->stop_va.v;

        (a_first ? c->b.t : c->a.t)->stopped = false;
    }
    status = cli_worse(status, end_side(&c->a));
    return cli_worse(status, end_side(&c->b));
}

enum cli_status diff_run(const struct options *o, const struct image *im)
{
    struct image other;
    enum cli_status status;
    struct comparison *c;

    image_open(&other, o->other);
    roots_report_empty(o->other, &other);
    c = new_comparison(o, im, &other);
    status = cli_worse(roots_report_flags(o), compare(c));
    slots_free(&c->pairs);
    compared_free(&c->tables);
    sharing_free(&c->sharing);
    free(c);
    image_report_holes(&other);
    image_close(&other);
    return status;
}
