/* SPDX-License-Identifier: Apache-2.0 */
/* This file verifies: it does two walks, of the old image and of the new
 * one, item by item.
 *
 * A rebuilt image has the same tables at the same places of the same spaces,
 * so the two walks give the same items in the same order, except where the
 * old one has something that could not be kept: then the new one must have
 * nothing.  The bytes are compared at the end. */
#include "answer.h"
#include "bytes.h"
#include "leaves.h"
#include "marked.h"
#include "tables.h"
#include "writers.h"

enum verify_phase { COUNT_LEAVES, COMPARE, COMPARE_BYTES, LOCATE, OVER };

const char *ptw_difference_text(enum ptw_difference_kind kind)
{
    switch (kind) {
    case PTW_DIFFERS_NOT:
        return "the same";
    case PTW_DIFFERS_SPACE:
        return "spaces differ";
    case PTW_DIFFERS_MISSING:
        return "not mapped any more";
    case PTW_DIFFERS_EXTRA:
        return "was not mapped before";
    case PTW_DIFFERS_KEPT:
        return "could not be read before, and is mapped now";
    case PTW_DIFFERS_ABSENT:
        return "entries that are not present differ";
    case PTW_DIFFERS_OVERLAP:
        return "a new table is a page or another table as well";
    case PTW_DIFFERS_TABLE:
        return "tables differ";
    case PTW_DIFFERS_ALIAS:
        return "tables are shared in another way";
    case PTW_DIFFERS_SELF:
        return "self-references differ";
    case PTW_DIFFERS_BAD:
        return "a new entry has reserved bits set";
    case PTW_DIFFERS_REFUSED:
        return "a new table can't be read";
    case PTW_DIFFERS_SIZE:
        return "leaves have other sizes";
    case PTW_DIFFERS_RIGHTS:
        return "rights differ";
    case PTW_DIFFERS_POLICY:
        return "copy-on-write differs";
    case PTW_DIFFERS_ATTRIBUTES:
        return "attributes differ";
    case PTW_DIFFERS_SHARED:
        return "one page became two";
    case PTW_DIFFERS_JOINED:
        return "two pages became one";
    case PTW_DIFFERS_UNREADABLE:
        return "the new page can't be read";
    case PTW_DIFFERS_BYTES:
        return "bytes differ";
    }
    return "unknown difference";
}

/* ------------------------------------------------------------------ storage */

enum ptw_status ptw_verify_give(struct ptw_verify *v, void *storage,
                                size_t bytes, void **before)
{
    struct ptw_store *s = &v->state.store[v->state.short_of];
    size_t size = 0;
    struct ptw_hash *h = ptw_vf_hash_of(v, v->state.short_of, &size);
    struct ptw_memo *memo =
        &v->state.side[v->state.short_of == PTW_VERIFY_OLD_TABLES ? OLD : NEW]
             .memo;
    enum ptw_status st;

    *before = NULL;
    if (v->wanted == 0 || storage == NULL) {
        return PTW_E_ARG;
    }
    if (v->state.short_of == PTW_VERIFY_ORDER ||
        v->state.short_of == PTW_VERIFY_MEMORY) {
        st = ((uintptr_t)storage & 7) != 0 ? PTW_E_ALIGN
             : bytes < v->wanted           ? PTW_E_SPACE
                                           : PTW_OK;
    } else if (h != NULL) {
        st = ptw_hash_give(h, size, storage, bytes, v->o.seed);
    } else if (memo->slot == NULL) {
        st = ptw_memo_init(memo, storage, bytes, v->o.seed);
    } else {
        st = ptw_memo_grow(memo, storage, bytes);
    }
    if (st == PTW_OK) {
        *before = s->at;
        s->at = storage;
        s->bytes = bytes;
        v->wanted = 0;
    }
    return st;
}

void *ptw_verify_storage(const struct ptw_verify *v, unsigned i)
{
    return i < PTW_VERIFY_STORES ? v->state.store[i].at : NULL;
}

/* -------------------------------------------------------------------- walks */

static enum ptw_status begin_walk(struct ptw_verify *v, unsigned which)
{
    struct ptw_verify_side *s = &v->state.side[which];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_store *store = &v->state.store[which];

    if (store->at == NULL) {
        return ptw_vf_ask(v, (enum ptw_verify_store)which,
                          ptw_memo_bytes(PTW_FIRST_TABLES));
    }
    if (ptw_memo_init(&s->memo, store->at, store->bytes, v->o.seed) != PTW_OK) {
        return PTW_E_ARG;
    }
    o.first = v->o.first;
    o.last = v->o.last;
    o.leave_out = v->o.leave_out;
    o.leave_outs = v->o.leave_outs;
    o.max_reads = v->o.max_reads;
    o.flags = PTW_WALK_TABLES | PTW_WALK_SELF;
    s->items = 0;
    s->next = 0;
    return ptw_walk_va_spaces_init(&s->walk, s->mem, s->root, v->state.roots,
                                   &s->memo, &o);
}

struct ptw_verify_options
ptw_verify_options_of(const struct ptw_rebuild_options *o)
{
    struct ptw_verify_options v = {
        .first = o->first,
        .last = o->last,
        .leave_out = o->leave_out,
        .leave_outs = o->leave_outs,
        .flags = o->flags,
        .max_reads = o->max_reads,
        .seed = o->seed,
        .absent = o->absent,
    };

    return v;
}

enum ptw_status ptw_verify_init(struct ptw_verify *v,
                                const struct ptw_mem *old_mem,
                                const struct ptw_root *old_root,
                                const struct ptw_mem *new_mem,
                                const struct ptw_root *new_root, uint32_t roots,
                                const struct ptw_verify_options *options)
{
    const struct ptw_regime *regime;
    enum ptw_status st;

    memset(v, 0, sizeof *v);
    v->state.phase = OVER;
    if (!ptw_roots_agree(old_root, roots)) {
        return PTW_E_ARG;
    }
    for (uint32_t i = 0; i < roots; i++) {
        if (!ptw_same_space(old_root[i].regime, new_root[i].regime)) {
            return PTW_E_ARG;
        }
    }
    regime = old_root[0].regime;
    if (regime->arch->format->levels == 0) {
        return PTW_E_REGIME;
    }
    st = ptw_absent_check(&options->absent, regime);
    if (st == PTW_OK) {
        st = ptw_marked_check(options->flags);
    }
    if (st != PTW_OK) {
        return st;
    }
    st = ptw_kept_check(old_root, roots,
                        (struct ptw_va_range){options->first, options->last},
                        options->leave_out, options->leave_outs);
    if (st != PTW_OK) {
        return st;
    }
    v->state.regime = regime;
    v->state.page_log2 = ptw_page_log2(regime->arch->format);
    v->state.roots = roots;
    v->o = *options;
    v->state.side[OLD].mem = old_mem;
    v->state.side[OLD].cache = old_mem->cache;
    v->state.side[OLD].root = old_root;
    v->state.side[NEW].mem = new_mem;
    v->state.side[NEW].cache = new_mem->cache;
    v->state.side[NEW].root = new_root;
    if ((v->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        v->o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    }
    v->state.phase = (v->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
                             (v->o.flags & PTW_REBUILD_COPY_SHARED) == 0
                         ? COUNT_LEAVES
                         : COMPARE;
    return PTW_OK;
}

/* ---------------------------------------------------------------- structure */

/* Whether an item of the old image is an entry that refers to its own table, is
 * kept, and lets the guest write that table: it can be written by the path that
 * goes through the entry once for each level, and ends there. */
static bool lets_rewrite(const struct ptw_verify *v, const struct ptw_item *o)
{
    const struct ptw_finding *f = &o->u.finding;

    return o->kind == PTW_ITEM_FINDING && f->kind == PTW_FINDING_SELF &&
           ptw_slot_writes(v->state.regime, f->level + 1u, f->raw);
}

static bool same_spaces(const struct ptw_space *x, const struct ptw_space *y)
{
    return x->kind == y->kind && x->kind != PTW_SPACE_BAD &&
           x->same_as == y->same_as && x->met_below == y->met_below;
}

static bool same_tables(const struct ptw_table *x, const struct ptw_table *y)
{
    return x->level == y->level && x->rights == y->rights &&
           x->attributes == y->attributes;
}

static bool same_aliases(const struct ptw_verify *v, const struct ptw_item *o,
                         const struct ptw_item *n)
{
    unsigned levels[2];
    struct ptw_alias_ref x = ptw_alias_view(v->state.regime, o, &levels[OLD]);
    struct ptw_alias_ref y = ptw_alias_view(v->state.regime, n, &levels[NEW]);

    return levels[OLD] == levels[NEW] && x.owner == y.owner &&
           x.their_va.v == y.their_va.v && x.rights == y.rights &&
           x.attributes == y.attributes;
}

static bool same_selves(const struct ptw_verify *v, const struct ptw_finding *x,
                        const struct ptw_finding *y)
{
    const struct ptw_format *a = v->state.regime->arch->format;

    return y->kind == PTW_FINDING_SELF && x->level == y->level &&
           x->rights == y->rights &&
           ptw_attribute_bits(a, v->state.regime, x->level + 1u, x->raw) ==
               ptw_attribute_bits(a, v->state.regime, y->level + 1u, y->raw);
}

/* Counts an old item that is not a leaf, and folds in its new counterpart. */
static void count_item(struct ptw_verify *v, const struct ptw_item *n)
{
    struct ptw_certificate *c = &v->certificate;
    unsigned level = 0;
    struct ptw_alias_ref ref;

    ptw_vf_fold(v, (uint64_t)n->kind << 32 | n->space);
    ptw_vf_fold(v, n->first.v);
    switch (n->kind) {
    case PTW_ITEM_SPACE:
        c->spaces += n->u.space_info.kind == PTW_SPACE_WALKED;
        c->tables += n->u.space_info.kind == PTW_SPACE_WALKED;
        ptw_vf_fold(v, n->u.space_info.same_as);
        break;
    case PTW_ITEM_TABLE:
        c->tables++;
        ptw_vf_fold_attributes(v, n->u.table.level + 1u, n->u.table.attributes);
        ptw_vf_fold(v, (uint64_t)n->u.table.level << 8 | n->u.table.rights);
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(v->state.regime, n, &level);
        c->aliases++;
        ptw_vf_fold_attributes(v, level + 1, ref.attributes);
        ptw_vf_fold(v, ref.their_va.v);
        ptw_vf_fold(v, (uint64_t)ref.owner << 32 | level << 8 | ref.rights);
        break;
    case PTW_ITEM_FINDING:
        c->selves++;
        ptw_vf_fold_attributes(v, n->u.finding.level + 1u, n->u.finding.raw);
        ptw_vf_fold(v, (uint64_t)n->u.finding.level << 8 | n->u.finding.rights);
        break;
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
}

/* Whether the new image is right to have nothing in place of an old finding. */
static bool may_vanish(const struct ptw_verify *v, const struct ptw_item *o)
{
    return o->kind == PTW_ITEM_FINDING &&
           (o->u.finding.kind != PTW_FINDING_SELF ||
            ptw_vf_kept_of(v, o->first.v, o->last.v) != PTW_COVER_ALL);
}

/* Whether both images fault there for the same reason. */
static bool same_faults(const struct ptw_item *o, const struct ptw_item *n)
{
    const struct ptw_finding *x = &o->u.finding;
    const struct ptw_finding *y = &n->u.finding;

    return x->kind != PTW_FINDING_SELF && n->kind == o->kind &&
           n->space == o->space && n->first.v == o->first.v &&
           n->last.v == o->last.v && y->kind == x->kind &&
           y->level == x->level && y->rights == x->rights && y->raw == x->raw &&
           (x->kind == PTW_FINDING_BAD_ENTRY || y->table.v == x->table.v);
}

/* Whether one item comes before another one, as items come. */
static bool comes_before(const struct ptw_item *x, const struct ptw_item *y)
{
    if (x->space != y->space) {
        return x->space < y->space;
    }
    if ((x->kind == PTW_ITEM_SPACE) != (y->kind == PTW_ITEM_SPACE)) {
        return x->kind == PTW_ITEM_SPACE;
    }
    return x->first.v < y->first.v;
}

/* An old item other than a leaf, and a new one. */
static enum ptw_status compare_items(struct ptw_verify *v,
                                     const struct ptw_item *o,
                                     const struct ptw_item *n)
{
    bool same = n != NULL && o->kind == n->kind && o->space == n->space &&
                o->first.v == n->first.v;
    enum ptw_status st = PTW_OK;

    if (same) {
        switch (o->kind) {
        case PTW_ITEM_SPACE:
            same = same_spaces(&o->u.space_info, &n->u.space_info);
            break;
        case PTW_ITEM_TABLE:
            same = same_tables(&o->u.table, &n->u.table);
            break;
        case PTW_ITEM_ALIAS:
            same = same_aliases(v, o, n);
            break;
        case PTW_ITEM_FINDING:
            same = same_selves(v, &o->u.finding, &n->u.finding);
            break;
        case PTW_ITEM_MAPPING:
        case PTW_ITEM_LINE:
        case PTW_ITEM_HOLE:
            break;
        }
    }
    if (!same) {
        if (n != NULL && !comes_before(o, n)) {
            ptw_vf_note_item(v, NEW, n);
        }
        return ptw_vf_stands_alone(v, OLD, o);
    }
    if (o->kind == PTW_ITEM_SPACE &&
        v->state.regime != ptw_vf_regime_of(v, o)) {
        v->state.regime = ptw_vf_regime_of(v, o);
        memset(v->state.alike, 0, sizeof v->state.alike);
    }
    if (o->kind == PTW_ITEM_SPACE && o->u.space_info.kind == PTW_SPACE_WALKED) {
        st = ptw_vf_pair_tables(v, n, ptw_vf_top(v, o),
                                o->u.space_info.root.table.v,
                                n->u.space_info.root.table);
    } else if (o->kind == PTW_ITEM_TABLE) {
        st = ptw_vf_pair_tables(v, n, o->u.table.level, o->u.table.table.v,
                                n->u.table.table);
    }
    if (st != PTW_OK) {
        return st;
    }
    v->state.rewrites = v->state.rewrites || lets_rewrite(v, o);
    count_item(v, n);
    ptw_vf_advance(v, OLD);
    ptw_vf_advance(v, NEW);
    return PTW_OK;
}

/* What was noted on the way: an entry that was added; and where the guest can
 * change rights, a page that is one with another. */
static enum ptw_status compare_noted(struct ptw_verify *v)
{
    if (v->added.kind != PTW_DIFFERS_NOT) {
        v->difference = v->added;
        return PTW_DIFFERENT;
    }
    if (v->state.rewrites && v->joined.kind != PTW_DIFFERS_NOT) {
        v->difference = v->joined;
        return PTW_DIFFERENT;
    }
    return PTW_OK;
}

static enum ptw_status compare(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *o;
        const struct ptw_item *n = NULL;
        enum ptw_status st = ptw_vf_peek(v, OLD, &o);

        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        st = ptw_vf_peek(v, NEW, &n);
        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        /* First, so that what faults in both images is met in both at once. */
        if (n != NULL && (o == NULL || comes_before(n, o)) &&
            v->state.done == 0) {
            st = ptw_vf_take_new_table(v, n);
            if (st != PTW_OK) {
                return st;
            }
            continue;
        }
        if (o != NULL && may_vanish(v, o)) {
            v->certificate.bad++;
            ptw_vf_advance(v, OLD);
            if (n != NULL && same_faults(o, n)) {
                ptw_vf_advance(v, NEW);
            }
            continue;
        }
        if (o == NULL) {
            return compare_noted(v);
        }
        if (o->kind == PTW_ITEM_MAPPING) {
            st = ptw_vf_compare_leaf(v, o);
            if (st != PTW_OK) {
                return st;
            }
            continue;
        }
        st = compare_items(v, o, n);
        if (st != PTW_OK) {
            return st;
        }
    }
}

/* ------------------------------------------------------------------- phases */

/* One phase; whether it begins or goes on, v->state.begun says. */
static enum ptw_status run_phase(struct ptw_verify *v)
{
    enum ptw_status st = PTW_OK;

    switch ((enum verify_phase)v->state.phase) {
    case COUNT_LEAVES:
        st = v->state.begun ? PTW_OK : begin_walk(v, OLD);
        v->state.begun = st == PTW_OK;
        return st == PTW_OK ? ptw_vf_count_leaves(v) : st;
    case COMPARE:
        st = v->state.begun ? PTW_OK : begin_walk(v, OLD);
        if (st == PTW_OK && !v->state.begun) {
            st = begin_walk(v, NEW);
        }
        v->state.begun = st == PTW_OK;
        return st == PTW_OK ? compare(v) : st;
    case COMPARE_BYTES:
        st = ptw_vf_put_in_order(v);
        if (st == PTW_OK) {
            bool same;

            ptw_vf_compare_bytes(v, &same);
            v->state.phase = same ? OVER : v->state.phase;
        }
        return st;
    case LOCATE:
        st = v->state.begun ? PTW_OK : begin_walk(v, NEW);
        v->state.begun = st == PTW_OK;
        return st == PTW_OK ? ptw_vf_locate(v) : st;
    case OVER:
        break;
    }
    return PTW_E_ARG;
}

/* Finds out where the old memory is, once. */
static enum ptw_status look_at_memory(struct ptw_verify *v)
{
    struct ptw_verify_side *s = &v->state.side[OLD];
    struct ptw_store *store = &v->state.store[PTW_VERIFY_MEMORY];
    size_t page = ptw_vf_page_bytes(v);
    size_t runs = ptw_runs_bytes(s->mem);
    size_t bytes = runs + 2 * page;
    unsigned char *room = store->at;

    if (s->page != NULL) {
        return PTW_OK;
    }
    if (store->bytes < bytes) {
        return ptw_vf_ask(v, PTW_VERIFY_MEMORY, bytes);
    }
    ptw_runs_make(&s->runs, s->mem, v->state.page_log2, room);
    v->state.side[OLD].page = (void *)(room + runs);
    v->state.side[NEW].page = (void *)(room + runs + page);
    v->work += s->mem->regions;
    return PTW_OK;
}

enum ptw_status ptw_verify_run(struct ptw_verify *v)
{
    enum ptw_status st = v->state.phase == OVER ? PTW_E_ARG : PTW_OK;

    v->wanted = 0;
    if (st == PTW_OK) {
        st = look_at_memory(v);
    }
    while (st == PTW_OK && v->state.phase != OVER) {
        st = run_phase(v);
        if (st == PTW_OK && v->state.phase != OVER) {
            v->state.phase++;
            v->state.begun = false;
        }
    }
    if (st == PTW_OK) {
        v->certificate.pages -= v->state.refused + v->certificate.partial;
        v->certificate.outside += v->state.refused;
        ptw_vf_fold(v, v->state.contents[0]);
        ptw_vf_fold(v, v->state.contents[1]);
    }
    if (st != PTW_E_SPACE) {
        v->state.phase = OVER;
    }
    return st;
}
