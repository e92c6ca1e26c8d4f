/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what changed between two images, as runs, space by space.  Both are
 * walked side by side as the hardware would; where something is in physical
 * memory is no difference to the guest, and neither is the size of a leaf. */
#include "json.h"
#include "pairs.h"
#include "print.h"
#include "random.h"
#include "roots.h"
#include "sharing.h"
#include "traversal.h"
#include "twins.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum change_kind {
    ONLY_A,
    ONLY_B,
    RIGHTS,
    ATTRIBUTES,
    BYTES,      /* contents */
    UNREADABLE, /* contents that only one side has; or that neither has, at
                   different addresses */
    SHARED,     /* one page became two */
    JOINED,     /* two pages became one */
    KINDS
};

static const char *const kind_name[KINDS] = {
    [ONLY_A] = "only-a", [ONLY_B] = "only-b",
    [RIGHTS] = "rights", [ATTRIBUTES] = "attributes",
    [BYTES] = "bytes",   [UNREADABLE] = "unreadable",
    [SHARED] = "shared", [JOINED] = "joined",
};

/* What a leaf says besides where it leads, and what hardware does not set. */
struct grant {
    unsigned rights;
    unsigned memory_type;
    unsigned key;
    bool global;
    bool copy_on_write;
};

/* What is different, in the same way all along a run. */
struct change {
    unsigned kinds; /* a set of 1 << enum change_kind; 0: nothing */
    struct grant a; /* meant where the rights or attributes are different */
    struct grant b;
};

struct run {
    uint32_t root;
    uint64_t first;
    uint64_t last;
    struct change change;
};

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

/* Tables of either side that are being compared. */
struct open_twins {
    struct twins pair;
    uint64_t last;
    uint64_t compared; /* before, and the others likewise */
    uint64_t different;
};

struct comparison {
    const struct options *o;
    struct options walk[2]; /* without a limit on leaves, which counts here */
    struct side a;
    struct side b;
    struct slots pairs; /* pages */
    struct sharing sharing;
    struct slots twins; /* without a difference: the pages in them */
    struct open_twins open[PTW_MAX_LEVELS];
    unsigned opens;
    struct run run;
    uint32_t root;
    uint64_t at;   /* what is below was compared */
    uint64_t last; /* of what is compared */
    uint64_t left; /* of --limit */
    uint64_t compared;
    uint64_t different;
    uint64_t of_kind[KINDS];
};

/* ------------------------------------------------------------------ output */

static bool same_attributes(const struct grant *a, const struct grant *b)
{
    return a->memory_type == b->memory_type && a->key == b->key &&
           a->global == b->global && a->copy_on_write == b->copy_on_write;
}

static bool same_change(const struct change *a, const struct change *b)
{
    if (a->kinds != b->kinds) {
        return false;
    }
    if ((a->kinds & 1 << RIGHTS) != 0 &&
        (a->a.rights != b->a.rights || a->b.rights != b->b.rights)) {
        return false;
    }
    return (a->kinds & 1 << ATTRIBUTES) == 0 ||
           (same_attributes(&a->a, &b->a) && same_attributes(&a->b, &b->b));
}

static void print_attributes(const struct grant *g)
{
    out_line("mt%u", g->memory_type);
    if (g->key != 0) {
        out_line(",key%u", g->key);
    }
    out_text(g->global ? ",global" : "");
    out_text(g->copy_on_write ? ",cow" : "");
}

static void print_run(const struct run *r)
{
    char was[RIGHTS_ROOM];
    char is[RIGHTS_ROOM];

    rights_text(r->change.a.rights, was);
    rights_text(r->change.b.rights, is);
    out_line("%" PRIu32 " %016" PRIx64 "-%016" PRIx64, r->root, r->first,
             r->last);
    for (unsigned k = 0; k < KINDS; k++) {
        if ((r->change.kinds >> k & 1) == 0) {
            continue;
        }
        out_line(" %s", kind_name[k]);
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

static void print_run_json(const struct run *r)
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
    json_set_count(j, "root", r->root);
    json_set_va(j, "first", ptw_va_of(r->first));
    json_set_va(j, "last", ptw_va_of(r->last));
    json_set(j, "what", what);
    if ((r->change.kinds & grants) != 0) {
        json_set(j, "a", json_grant(&r->change.a));
        json_set(j, "b", json_grant(&r->change.b));
    }
    json_line(j);
}

static void put_run(struct comparison *c)
{
    if (c->run.change.kinds == 0) {
        return;
    }
    if (c->o->json) {
        print_run_json(&c->run);
    } else {
        print_run(&c->run);
    }
    c->run.change.kinds = 0;
}

/* Notes what is so from `first` to `last` of this root, in ascending order. */
static void note(struct comparison *c, uint64_t first, uint64_t last,
                 const struct change *change)
{
    struct run *r = &c->run;
    uint64_t pages = ((last - first) >> PAGE_LOG2) + 1;

    c->compared += pages;
    if (change->kinds == 0) {
        return;
    }
    c->different += pages;
    for (unsigned k = 0; k < KINDS; k++) {
        c->of_kind[k] += (change->kinds >> k & 1) != 0 ? pages : 0;
    }
    if (r->change.kinds != 0 && r->root == c->root && r->last + 1 == first &&
        same_change(&r->change, change)) {
        r->last = last;
        return;
    }
    put_run(c);
    r->root = c->root;
    r->first = first;
    r->last = last;
    r->change = *change;
}

static void print_total(const struct comparison *c, bool complete)
{
    json_t *j = NULL;

    if (c->o->json) {
        j = json_new();
        json_set_text(j, "type", "total");
        json_set_count(j, "pages", c->compared);
        json_set_count(j, "different", c->different);
    } else {
        out_line("# %" PRIu64 " page%s compared, %" PRIu64 " different",
                 c->compared, c->compared == 1 ? "" : "s", c->different);
    }
    for (unsigned k = 0; k < KINDS; k++) {
        if (c->o->json) {
            char key[16];

            (void)snprintf(key, sizeof key, "%s", kind_name[k]);
            if (strchr(key, '-') != NULL) {
                *strchr(key, '-') = '_';
            }
            json_set_count(j, key, c->of_kind[k]);
        } else if (c->of_kind[k] != 0) {
            out_line(", %s %" PRIu64, kind_name[k], c->of_kind[k]);
        }
    }
    if (c->o->json) {
        json_set_bool(j, "complete", complete);
        json_line(j);
    } else {
        out_text(complete ? "\n" : "; not complete\n");
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

    if (what != 0) {
        twins_forget(&c->twins);
    }

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

/* A large leaf is gone through once; and once more when it is the first that
 * lets the guest write, which may make a difference of what was joined. */
static bool compare_both(struct comparison *c, const struct both *m)
{
    bool large = m->whole_log2 > PAGE_LOG2;
    enum verdict known =
        large ? pairs_find(&c->pairs, m->a, m->b, m->whole_log2) : VERDICT_NONE;
    bool same;

    if (known == VERDICT_SAME_WRITTEN ||
        (known == VERDICT_SAME && !m->written)) {
        if (!take_step(c, m->first)) {
            return false;
        }
        note(c, m->first, m->last, &m->change);
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
    if (!same_attributes(&m.change.a, &m.change.b)) {
        m.change.kinds |= 1 << ATTRIBUTES;
    }
    if (a->first.v == c->at && b->first.v == c->at && a->last.v == last &&
        b->last.v == last) {
        m.whole_log2 = a->u.mapping.size_log2;
    }
    return m;
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

        if (!compare_both(c, &m)) {
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

/* ------------------------------------------------------- tables, once a pair */

/* Notes the tables whose addresses were all compared: what is below `at` was.
 * Only where nothing is different all of it is known, and only until a page is
 * found to be shared otherwise, which is told wherever it is. */
static void close_twins(struct comparison *c, uint64_t at)
{
    while (c->opens > 0 && c->open[c->opens - 1].last < at) {
        const struct open_twins *o = &c->open[--c->opens];

        if (c->different == o->different && c->a.t->unread.count == 0 &&
            c->b.t->unread.count == 0) {
            twins_note(&c->twins, &o->pair, c->compared - o->compared);
        }
    }
}

/* Goes on behind `last` on that side. */
static void skip_to(struct side *s, uint64_t last)
{
    while (s->next < s->items && s->t->item[s->next].first.v <= last) {
        s->next++;
    }
    if (s->next == s->items) {
        traversal_skip(s->t, ptw_va_of(last + 1));
    }
}

/* Two tables that stand for the same addresses, all of which are compared. */
static bool are_twins(const struct comparison *c, const struct ptw_item *a,
                      const struct ptw_item *b)
{
    return a->first.v == b->first.v && a->last.v == b->last.v &&
           a->u.table.level == b->u.table.level && a->first.v >= c->at &&
           a->first.v >= c->o->first.v && a->last.v <= c->last &&
           a->last.v != UINT64_MAX;
}

/* Enters a pair of tables, or passes them when they were compared; false when
 * the limit was reached. */
static bool take_twins(struct comparison *c, const struct ptw_item *a,
                       const struct ptw_item *b)
{
    struct twins pair = {
        .a = a->u.table.table.v,
        .b = b->u.table.table.v,
        .level = a->u.table.level,
        .rights_a = a->u.table.rights,
        .rights_b = b->u.table.rights,
    };
    const uint64_t *pages = twins_find(&c->twins, &pair);
    uint64_t last = a->last.v;

    if (pages == NULL) {
        struct open_twins *o = &c->open[c->opens++];

        o->pair = pair;
        o->last = last;
        o->compared = c->compared;
        o->different = c->different;
        c->a.next++;
        c->b.next++;
        return true;
    }
    if (!take_step(c, a->first.v)) {
        return false;
    }
    c->compared += *pages;
    c->at = last + 1;
    skip_to(&c->a, last);
    skip_to(&c->b, last);
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
        close_twins(c, at);
        table_a =
            *a != NULL && (*a)->kind == PTW_ITEM_TABLE && (*a)->first.v <= at;
        table_b =
            *b != NULL && (*b)->kind == PTW_ITEM_TABLE && (*b)->first.v <= at;
        if (!table_a && !table_b) {
            return true;
        }
        if (table_a && table_b && are_twins(c, *a, *b)) {
            if (!take_twins(c, *a, *b)) {
                return false;
            }
        } else if (table_a &&
                   (!table_b || (*a)->u.table.level >= (*b)->u.table.level)) {
            c->a.next++;
        } else {
            c->b.next++;
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
    c->opens = 0;
    while (next_leaves(c, &a, &b) && (a != NULL || b != NULL) &&
           keep_to(c, &c->a) && keep_to(c, &c->b) && compare_next(c, a, b)) {
    }
    put_run(c);
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
    pairs_init(&c->pairs);
    twins_init(&c->twins);
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
    print_total(c, started && !c->sharing.full && is_complete(&c->a) &&
                       is_complete(&c->b));
    status = c->different != 0 ? CLI_NO : CLI_DONE;
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
    slots_free(&c->twins);
    sharing_free(&c->sharing);
    free(c);
    image_close(&other);
    return status;
}
