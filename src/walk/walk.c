/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a walk, and asking where it stands: what needs no specialisation. */
#include "descend.h"
#include "iterate.h"

enum ptw_status ptw_walk_next(struct ptw_walk *w, struct ptw_item *item,
                              size_t room, size_t *items)
{
    return w->c.regime->arch->next(w, item, room, items);
}

struct ptw_walk_options ptw_walk_everything(void)
{
    struct ptw_walk_options o = {
        .last = {UINT64_MAX},
        .max_reads = UINT64_MAX,
        .max_items = UINT64_MAX,
    };

    return o;
}

struct ptw_alias_ref ptw_alias_view(const struct ptw_regime *r,
                                    const struct ptw_item *item,
                                    unsigned *level)
{
    return r->arch->alias_get(&item->u.alias, level);
}

void ptw_line_leaf(const struct ptw_regime *r, const struct ptw_item *line,
                   unsigned i, struct ptw_item *leaf)
{
    const struct ptw_line *from = &line->u.line;
    struct ptw_mapping *m = &leaf->u.mapping;

    leaf->kind = PTW_ITEM_MAPPING;
    leaf->space = line->space;
    leaf->first.v = line->first.v + ((uint64_t)i << from->size_log2);
    leaf->last.v = leaf->first.v + ptw_low_mask(from->size_log2);
    m->pa = ptw_line_pa(r, from->raw[i]);
    m->raw = from->raw[i];
    m->rights = from->rights;
    m->level = from->level;
    m->size_log2 = from->size_log2;
    m->above = from->above;
}

/* Turns the range into offsets of that regime, and finds out where the gap
 * stands in it. */
static void set_range(struct ptw_walk *w, const struct ptw_regime *r)
{
    const struct ptw_format *a = r->arch->format;
    uint64_t gap_first;
    uint64_t gap_last;
    enum ptw_gap_place gap = PTW_GAP_NONE;
    uint64_t from = w->va_first.v;
    uint64_t to = w->va_last.v;
    bool empty = false;

    if (ptw_gap(a, r, &gap_first, &gap_last) && from <= gap_last &&
        to >= gap_first) {
        bool from_inside = from >= gap_first;
        bool to_inside = to <= gap_last;

        gap = PTW_GAP_MIDDLE;
        if (from_inside) {
            gap = PTW_GAP_BEFORE;
            from = gap_last + 1;
        }
        if (to_inside) {
            gap = from_inside ? gap : PTW_GAP_AFTER;
            to = gap_first - 1;
        }
        empty = from_inside && to_inside;
    }
    w->c.first = empty ? 1 : from & ptw_low_mask(r->va_bits);
    w->c.last = empty ? 0 : to & ptw_low_mask(r->va_bits);
    w->c.whole_first = w->c.first;
    w->c.whole_last = w->c.last;
    w->gap = (w->flags & PTW_WALK_HOLES) != 0 ? (uint8_t)gap : PTW_GAP_NONE;
}

void ptw_walk_in(struct ptw_walk *w, const struct ptw_regime *r)
{
    w->c.regime = r;
    w->c.top = r->arch->format->levels > 0 ? ptw_top(r->arch->format, r) : 0;
    w->start_rights = r->rights;
    w->kinds_known = 0;
    w->kinds_under = 0;
    /* Where rights matter, tables mean something else in such a space. */
    w->c.told_as = (w->c.told_apart | w->c.need) != 0 && ptw_tables_open(r)
                       ? PTW_TOLD_OPEN
                       : 0;
    set_range(w, r);
}

/* The arrays of a walk need no initial value: nothing is read of them that the
 * walk has not written.  Everything else is set here. */
static enum ptw_status start(struct ptw_walk *w, const struct ptw_regime *r,
                             const struct ptw_mem *mem,
                             const struct ptw_walk_options *o)
{
    if (o->first.v > o->last.v ||
        !ptw_ranges_ascend(o->leave_out, o->leave_outs)) {
        return PTW_E_RANGE;
    }
    if ((o->leave_outs > 0 && (o->flags & PTW_WALK_HOLES) != 0) ||
        (o->flags & (PTW_WALK_RUNS | PTW_WALK_LINES)) ==
            (PTW_WALK_RUNS | PTW_WALK_LINES) ||
        (o->flags & (PTW_WALK_OUTLINE | PTW_WALK_TABLES)) ==
            (PTW_WALK_OUTLINE | PTW_WALK_TABLES)) {
        return PTW_E_ARG;
    }
    memset(w, 0, offsetof(struct ptw_walk, open));
    w->flags = o->flags;
    w->va_first = o->first;
    w->va_last = o->last;
    ptw_cursor_over(&w->c, r, mem, 0, 0, 0);
    w->c.need = o->need;
    w->c.need_leaf = o->need;
    w->c.told_apart = (o->flags & PTW_WALK_BY_RIGHTS) != 0 ? PTW_ALL_RIGHTS : 0;
    ptw_walk_in(w, r);
    w->c.remark = (o->flags & PTW_WALK_REMARKS) != 0;
    w->c.list = (o->flags & PTW_WALK_TABLES) != 0;
    w->c.listed =
        w->c.list ? PTW_MAX_LEVELS : (o->flags & PTW_WALK_OUTLINE) != 0;
    w->c.self = (o->flags & PTW_WALK_SELF) != 0;
    w->c.leave_out = o->leave_out;
    w->c.leave_outs = o->leave_outs;
    w->max_reads = ptw_limit(o->max_reads);
    w->max_items = ptw_limit(o->max_items);
    w->c.reads_left = w->max_reads;
    return PTW_OK;
}

enum ptw_status ptw_walk_va_spaces_init(struct ptw_walk *w,
                                        const struct ptw_mem *mem,
                                        const struct ptw_root *root,
                                        uint32_t roots, struct ptw_memo *memo,
                                        const struct ptw_walk_options *options)
{
    enum ptw_status st;

    if (!ptw_roots_agree(root, roots)) {
        return PTW_E_ARG;
    }
    st = start(w, root[0].regime, mem, options);
    if (st != PTW_OK) {
        return st;
    }
    w->root = root;
    w->roots = roots;
    w->c.memo = memo;
    return PTW_OK;
}

enum ptw_status ptw_virt_to_phys_init(struct ptw_walk *w,
                                      const struct ptw_mem *mem,
                                      struct ptw_root root,
                                      const struct ptw_walk_options *options)
{
    const struct ptw_regime *r = root.regime;
    enum ptw_status st = ptw_root_check(root);

    if (st != PTW_OK) {
        return st;
    }
    st = start(w, r, mem, options);
    if (st != PTW_OK) {
        return st;
    }
    if (r->arch->format->levels > 0 &&
        !ptw_touches(mem, root.table.v,
                     ptw_table_bytes(r->arch->format, r, w->c.top))) {
        return PTW_E_BUS;
    }
    w->start_table = root.table.v;
    return PTW_OK;
}

enum ptw_status ptw_expand_init(struct ptw_walk *w, const struct ptw_regime *r,
                                const struct ptw_mem *mem,
                                const struct ptw_item *item,
                                const struct ptw_walk_options *options)
{
    struct ptw_walk_options o = *options;
    struct ptw_alias_ref ref;
    enum ptw_status st;
    unsigned level;

    if (r->arch->format->levels == 0) {
        return PTW_E_ARG;
    }
    if (item->kind == PTW_ITEM_TABLE) {
        ref.table = item->u.table.table;
        ref.rights = item->u.table.rights;
        level = item->u.table.level;
    } else if (item->kind == PTW_ITEM_ALIAS) {
        ref = ptw_alias_view(r, item, &level);
    } else {
        return PTW_E_ARG;
    }
    if (level >= ptw_top(r->arch->format, r)) {
        return PTW_E_ARG;
    }
    if (o.first.v < item->first.v) {
        o.first = item->first;
    }
    if (o.last.v > item->last.v) {
        o.last = item->last;
    }
    st = start(w, r, mem, &o);
    if (st != PTW_OK) {
        return st;
    }
    if (!ptw_touches(mem, ref.table.v,
                     ptw_table_bytes(r->arch->format, r, level))) {
        return PTW_E_BUS;
    }
    w->c.top = level;
    w->c.space = item->space;
    w->start_table = ref.table.v;
    w->start_rights = ref.rights;
    w->start_base = item->first.v & ptw_low_mask(r->va_bits);
    return PTW_OK;
}

/* The last address below `end` of which a part before may give something: of
 * the range, not left out, and not of the gap.  False when there is none. */
static bool given_before(const struct ptw_walk *w, uint64_t end,
                         uint64_t *before)
{
    const struct ptw_regime *r = w->c.regime;
    size_t out = w->c.leave_outs;
    uint64_t gap_first;
    uint64_t gap_last;
    bool gap = ptw_gap(r->arch->format, r, &gap_first, &gap_last);

    for (;;) {
        const struct ptw_va_range *range =
            out == 0 ? NULL : &w->c.leave_out[out - 1];

        if (end <= w->va_first.v) {
            return false;
        }
        if (gap && end - 1 >= gap_first && end - 1 <= gap_last) {
            end = gap_first;
        } else if (range != NULL) {
            if (range->first.v < end && range->last.v >= end - 1) {
                end = range->first.v;
            }
            out--;
        } else {
            *before = (end - 1) & ptw_low_mask(r->va_bits);
            return true;
        }
    }
}

enum ptw_status ptw_walk_part(struct ptw_walk *w, struct ptw_va_range part)
{
    const struct ptw_regime *r = w->c.regime;
    uint64_t gap_first;
    uint64_t gap_last;
    bool later;

    if (!ptw_has_parts(w)) {
        return PTW_E_ARG;
    }
    if (part.first.v > part.last.v || part.first.v < w->va_first.v ||
        part.last.v > w->va_last.v) {
        return PTW_E_RANGE;
    }
    later = part.first.v > w->va_first.v;
    w->part = true;
    w->passes = given_before(w, part.first.v, &w->before);
    w->va_first = part.first;
    w->va_last = part.last;
    set_range(w, r);
    /* The gap is the part's in which it begins. */
    if (later && w->gap == PTW_GAP_BEFORE &&
        ptw_gap(r->arch->format, r, &gap_first, &gap_last) &&
        part.first.v > gap_first) {
        w->gap = PTW_GAP_NONE;
    }
    return PTW_OK;
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void ptw_walk_extend(struct ptw_walk *w, uint64_t more_reads,
                     uint64_t more_items)
{
    uint64_t before = w->max_reads;

    w->max_reads = add_up(before, more_reads);
    w->c.reads_left += w->max_reads - before;
    w->max_items = add_up(w->max_items, more_items);
}

/* The offset of the entry that is next on the path; false when there is none.
 * It goes on in a copy of the path. */
static bool path_offset(const struct ptw_walk *w, uint64_t *offset)
{
    const struct ptw_format *a = w->c.regime->arch->format;
    struct ptw_cursor c = w->c;

    for (; c.level >= 0; ptw_ascend(&c)) {
        const struct ptw_path_table *t = &c.at[c.level];

        if (t->index <= t->last || (c.leave_outs > 0 && ptw_keep_on(a, &c))) {
            *offset = ptw_entry_offset(a, t, (unsigned)c.level, t->index);
            return true;
        }
    }
    return false;
}

static bool is_remark(const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;

    return item->kind == PTW_ITEM_FINDING &&
           (f->kind == PTW_FINDING_TWO_LEVELS ||
            (f->kind == PTW_FINDING_SELF && f->raw == 0));
}

/* The queued item that says how far the items reach: the next one, but for the
 * entry of a table and what is remarked of it, which cover nothing.  They may
 * name addresses that were given: the root of a space is entered after a gap
 * that the space begins with.  NULL: there is none, the path says it. */
static const struct ptw_item *queued(const struct ptw_walk *w)
{
    for (unsigned i = w->queue_next; i < w->queued; i++) {
        const struct ptw_item *item = &w->queue[i];

        if (item->kind != PTW_ITEM_TABLE && !is_remark(item)) {
            return item;
        }
    }
    return NULL;
}

bool ptw_walk_where(const struct ptw_walk *w, uint32_t *space, ptw_va *va)
{
    const struct ptw_item *item = queued(w);
    const struct ptw_regime *r = w->c.regime;
    uint64_t gap_first = 0;
    uint64_t gap_last = 0;
    uint64_t next = w->va_first.v;
    uint64_t offset;

    *space = w->c.space;
    if (item != NULL) {
        *space = item->space;
        next = item->first.v;
    } else if (w->has_open) {
        next = w->open.first.v;
    } else {
        switch ((enum ptw_phase)w->phase) {
        case PTW_PHASE_END:
        case PTW_PHASE_DONE:
            return false;
        case PTW_PHASE_BEGIN:
        case PTW_PHASE_PASS:
            break;
        case PTW_PHASE_WALK:
            (void)ptw_gap(r->arch->format, r, &gap_first, &gap_last);
            if (w->c.level >= 0 && path_offset(w, &offset)) {
                /* In the middle, the gap comes before the upper half, also
                 * while the path still stands in the lower one. */
                next = w->gap == PTW_GAP_MIDDLE && !w->gap_given &&
                               offset >= gap_first
                           ? gap_first
                           : ptw_va_from(r->arch->format, r, offset);
            } else if (w->gap == PTW_GAP_AFTER) {
                next = gap_first;
            } else {
                return false;
            }
            break;
        }
    }
    va->v = next > w->va_first.v ? next : w->va_first.v;
    return true;
}

struct ptw_walk_stats ptw_walk_counts(const struct ptw_walk *w)
{
    struct ptw_walk_stats s = {
        .reads = w->max_reads - w->c.reads_left,
        .tables = w->c.tables - w->c.unread,
        .items = w->items,
    };

    return s;
}
