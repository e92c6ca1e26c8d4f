/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of ptw_space_aware_map: README.md has them in words. */
#include "space_map.h"
#include "edit_words.h"
#include "halves.h"
#include "make_alias.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* Items that are handed over in wrong ways, too. */
enum { SOME_ITEMS = 32 };

static _Alignas(FZ_PAGE) uint8_t storage[FM_MOST_PAGES][FZ_PAGE];
static struct fe_host host;
static struct fz_case described;
static struct fm source;

static struct ptw_item items[4096];

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* The items of a walk, as far as the budget and the room go. */
static size_t collect(struct fz_case *w, const struct ptw_mem *mem,
                      const struct ptw_root *root, uint32_t roots,
                      unsigned flags, struct ptw_item *item, size_t room,
                      bool *complete)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, 0);
    uint64_t reads = at_most(w->read_step, w->budget); /* allowed so far */
    uint64_t allowed = w->item_step;
    struct ptw_memo memo;
    unsigned stops = 0;
    enum ptw_status st;
    size_t n = 0;

    o.flags = flags;
    o.need = w->need;
    o.max_reads = reads;
    o.max_items = allowed;
    fz_memo_init(w, &memo, w->seed);
    fz_must(ptw_walk_va_spaces_init(&walk, mem, root, roots, &memo, &o),
            "a walk");
    fz_case_remember(w, &walk, mem);
    for (;;) {
        struct ptw_walk_stats s;
        uint64_t times = stops > 40 ? 16 : 1;
        uint64_t more_reads;
        uint64_t more_items;
        size_t more;

        st = fz_next(&walk, &item[n], room - n < w->room ? room - n : w->room,
                     &more);
        for (; more > 0; more--, n++) {
            if (fz_covers(&item[n]) &&
                !fz_any_left(w, item[n].first.v, item[n].last.v)) {
                fz_fail(ASK_ITEMS, "the item at %llx is of what is left out",
                        HEX(item[n].first.v));
            }
        }
        s = ptw_walk_counts(&walk);
        if (st == PTW_E_SPACE) {
            fz_memo_grow(w, &memo);
        } else if (st == PTW_E_LIMIT && s.reads < w->budget) {
            more_reads = s.reads == reads
                             ? at_most(w->read_step * times, w->budget - reads)
                             : 0;
            more_items = s.items == allowed ? w->item_step * times : 0;
            if (more_reads + more_items == 0) {
                fz_stop(ASK_RESUME, "a walk of spaces stops for nothing");
            }
            stops++;
            reads += more_reads;
            allowed += more_items;
            ptw_walk_extend(&walk, more_reads, more_items);
        } else if (st != PTW_OK || n == room) {
            break;
        }
    }
    *complete = st == PTW_END;
    return n;
}

static void check_leaks(struct fe_host *h, const struct ptw_tables *t)
{
    fe_count_stock(h, t);
    for (unsigned i = 0; i < h->m.pool_tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        if (p->state == FM_TAKEN && !p->reached && !p->stock) {
            fz_fail(ASK_TABLES, "%llx is taken and not used", HEX(p->pa));
        }
    }
}

void fe_set_roots(struct fe_host *h, const struct ptw_built *built,
                  unsigned roots)
{
    h->m.roots = roots;
    for (unsigned i = 0; i < roots; i++) {
        h->m.root[i] = built[i].root.table.v;
        h->m.rooted[i] = built[i].built;
        if (built[i].built) {
            fe_check_root(h, built[i].root.table.v);
        }
    }
}

/* -------------------------------------------------------------- other pages */

/* A mapping that got other pages, by what the tables of the source say of
 * it. */
struct placed {
    struct fm_node leaf;
    uint64_t bytes;   /* of a leaf */
    uint64_t now;     /* where its page is to be */
    bool marked;      /* it is to become copy-on-write */
    unsigned why_not; /* reasons to refuse: a set of 1 << a status */
};

/* The address in a leaf, as the manuals have it. */
static uint64_t leaf_address(const struct fz_case *w, unsigned level,
                             uint64_t pa)
{
    return w->mode.format->put_leaf(&w->mode, level, pa);
}

/* The entry of a mapping by itself, whatever the entries around it are. */
static uint64_t by_itself(const struct fz_case *w, const struct ptw_mapping *m)
{
    return (oracle_alone(&w->mode, m->level, m->raw) &
            ~leaf_address(w, m->level, UINT64_MAX)) |
           leaf_address(w, m->level, m->pa.v);
}

/* What is expected of a placing, by the entry that was walked. */
static struct placed place_model(const struct fz_case *w,
                                 const struct ptw_item *item,
                                 const struct fe_placing *p, bool loose)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    uint64_t va = item->first.v & mask;
    unsigned level = item->u.mapping.level;
    uint64_t root = w->root[item->space];
    const struct oracle_format *f = w->mode.format;
    struct placed is = {
        .leaf = fm_at(&source, false, root, va, level),
        .bytes = (uint64_t)1 << fz_shift(w, level),
    };
    bool path = !loose || (fm_at(&source, false, root, va, level + 1).rights &
                           PTW_WRITE) != 0;
    unsigned width = f->leaf_pa_bits(&w->mode, level);
    uint64_t last;
    uint64_t written;

    is.now = is.leaf.pa + p->by;
    last = is.now + (item->last.v - item->first.v);
    if (is.now % is.bytes != 0) {
        is.why_not |= 1u << PTW_E_ALIGN;
    }
    if ((last & ~(is.bytes - 1)) >> width != 0 ||
        fz_meets_flag_bits(w, is.now, last)) {
        is.why_not |= 1u << PTW_E_WIDTH;
    }
    is.marked = p->how == PTW_PLACE_COPY_ON_WRITE &&
                oracle_writes(&w->mode, path, is.leaf.raw);
    /* With the right to write taken away. */
    written = loose ? 0 : is.leaf.raw;
    if (is.marked &&
        oracle_writes(&w->mode, true,
                      oracle_write_protected(&w->mode, level, written))) {
        is.why_not |= 1u << PTW_E_RIGHTS;
    }
    return is;
}

static bool same_mapping(const struct ptw_item *x, const struct ptw_item *y)
{
    const struct ptw_mapping *m = &x->u.mapping;
    const struct ptw_mapping *n = &y->u.mapping;

    if (x->kind != y->kind || x->space != y->space ||
        x->first.v != y->first.v || x->last.v != y->last.v) {
        return false;
    }
    return x->kind != PTW_ITEM_MAPPING ||
           (m->pa.v == n->pa.v && m->raw == n->raw && m->rights == n->rights &&
            m->level == n->level && m->size_log2 == n->size_log2 &&
            m->above == n->above);
}

/* What can't be placed: a leaf of a level that has none, what is no leaf, and pages
 * behind which there is no address. */
static void check_not_placed(const struct fz_case *w,
                             const struct ptw_item *item)
{
    uint64_t last =
        UINT64_MAX - (((uint64_t)1 << fz_shift(w, w->levels - 1)) - 1);
    struct ptw_item high = *item;
    struct ptw_item none = *item;
    struct ptw_item far = *item;

    high.u.mapping.level = (uint8_t)w->levels;
    none.u.mapping.raw = 0;
    far.last.v = far.first.v + (UINT64_MAX >> 1);
    if (ptw_item_place(&w->regime, &high, ptw_pa_of(0), PTW_PLACE_AS_IT_IS,
                       0) != PTW_E_ARG ||
        ptw_item_place(&w->regime, &none, ptw_pa_of(0), PTW_PLACE_AS_IT_IS,
                       0) != PTW_E_ARG ||
        ptw_item_place(&w->regime, &far, ptw_pa_of(last), PTW_PLACE_AS_IT_IS,
                       0) != PTW_E_WIDTH) {
        fz_fail(ASK_PLACED, "a mapping at %llx that can't be is placed",
                HEX(item->first.v));
    }
}

/* Gives a mapping other pages.  Where copy-on-write is refused for the rights
 * that there are, it is placed as it is. */
static struct placed place_item(const struct fz_case *w, struct ptw_item *item,
                                const struct fe_placing *p, bool loose)
{
    unsigned flags = loose ? 0 : (unsigned)PTW_EDIT_EXACT;
    struct placed is = {.why_not = 1u << PTW_E_ARG};
    struct fe_placing as_it_is = {true, PTW_PLACE_AS_IT_IS, p->by};
    struct ptw_item was = *item;
    enum ptw_status st;

    if (item->kind == PTW_ITEM_MAPPING) {
        is = place_model(w, item, p, loose);
        check_not_placed(w, item);
    }
    st = ptw_item_place(&w->regime, item,
                        ptw_pa_of(item->kind == PTW_ITEM_MAPPING ? is.now : 0),
                        p->how, flags);
    fz_note((uint64_t)st);
    if (item->kind == PTW_ITEM_MAPPING) {
        fz_say("    placed at %llx%s: %s\n", HEX(is.now),
               p->how == PTW_PLACE_COPY_ON_WRITE ? ", copy-on-write" : "",
               ptw_status_text(st));
    }
    if (st == PTW_OK ? is.why_not != 0 : (is.why_not >> st & 1) == 0) {
        fz_fail(ASK_PLACED, "an item of kind %d at %llx is placed at %llx: %s",
                (int)item->kind, HEX(item->first.v), HEX(is.now),
                ptw_status_text(st));
    }
    if (st != PTW_OK && !same_mapping(&was, item)) {
        fz_fail(ASK_PLACED, "an item at %llx is not placed, and changed",
                HEX(item->first.v));
    }
    return st == PTW_E_RIGHTS ? place_item(w, item, &as_it_is, loose) : is;
}

/* That its leaves are those which were asked for, right after it was mapped. */
static void check_placed(const struct fz_case *w, const struct fe_host *h,
                         const struct ptw_item *item, const struct placed *is,
                         uint64_t root, bool loose)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = item->u.mapping.level;
    /* Of entries that are made anew, one that is marked is not writable. */
    bool marked =
        is->marked || (loose && oracle_has_mark(&w->mode, is->leaf.raw));
    unsigned rights = is->leaf.rights & ~(marked ? (unsigned)PTW_WRITE : 0u);
    uint64_t bits = is->leaf.raw & ~leaf_address(w, level, UINT64_MAX);
    struct ptw_attributes want;
    uint64_t leaves;

    if (is->why_not != 0) {
        return; /* mapped as it was */
    }
    leaves = (item->last.v - item->first.v) / is->bytes + 1;
    if (is->marked) {
        bits = oracle_mark(&w->mode, level, bits);
    }
    bits = oracle_alone(&w->mode, level, bits);
    want = ptw_attributes_of(&w->regime, level, bits);
    for (uint64_t i = 0; i < leaves; i += i < 16 ? 1 : leaves / 16) {
        uint64_t va = (item->first.v & mask) + i * is->bytes;
        uint64_t pa = is->now + i * is->bytes;
        struct fm_node n = fm_at(&h->m, false, root, va, level);
        struct ptw_attributes at = ptw_attributes_of(&w->regime, level, n.raw);

        if (n.kind != FM_LEAF || !n.real || n.level != level || n.pa != pa ||
            n.rights != rights) {
            fz_fail(
                ASK_PLACED,
                "%llx was placed at %llx with the rights %x, and is at %llx "
                "with %x",
                HEX(item->first.v), HEX(pa), rights, HEX(n.pa), n.rights);
        }
        if (((n.raw ^ bits) & w->mode.flag_bits) != 0) {
            fz_fail(ASK_PLACED,
                    "%llx was placed, its entry was %llx and is %llx, with "
                    "other flag bits",
                    HEX(item->first.v), HEX(is->leaf.raw), HEX(n.raw));
        }
        if (loose ? at.copy_on_write != want.copy_on_write ||
                        at.memory_type != want.memory_type ||
                        at.global != want.global || at.key != want.key
                  : n.raw != (bits | leaf_address(w, level, pa))) {
            fz_fail(ASK_PLACED,
                    "%llx was placed, its entry was %llx and is %llx",
                    HEX(item->first.v), HEX(is->leaf.raw), HEX(n.raw));
        }
    }
}

/* --------------------------------------------------------------- rebuilding */

/* A space that can't begin is not built, also if it was; with PTW_EDIT_EXACT, no
 * part of a large leaf is. */
static void check_in_part(struct ptw_tables *t, const struct ptw_item *item,
                          struct ptw_built *built, unsigned spaces,
                          unsigned flags)
{
    struct ptw_item part = *item;

    if (item->kind == PTW_ITEM_SPACE) {
        part.u.space_info.kind = PTW_SPACE_BAD;
        part.u.space_info.why = PTW_E_BUS;
        built[item->space].built = true;
        if (ptw_space_aware_map(t, &part, built, spaces, flags) != PTW_E_BUS ||
            built[item->space].built) {
            fz_stop(ASK_STATUS, "a space that can't begin is built");
        }
    }
    if (item->kind == PTW_ITEM_MAPPING && item->u.mapping.level > 0 &&
        (flags & PTW_EDIT_EXACT) != 0) {
        part.last.v -= ptw_page_size(t->root.regime);
        if (ptw_space_aware_map(t, &part, built, spaces, flags) == PTW_OK) {
            fz_stop(ASK_STATUS, "a part of the leaf at %llx is built",
                    HEX(item->first.v));
        }
    }
}

/* Whether no leaf of that level maps what a mapping says, or all of a part of one. */
static bool fits_no_leaf(const struct ptw_regime *r,
                         const struct ptw_item *item, unsigned level,
                         bool exact)
{
    uint64_t size;

    if (level >= ptw_levels(r)) {
        return false;
    }
    size = (uint64_t)1 << ptw_level_shift(r, level);
    return ((item->first.v ^ item->u.mapping.pa.v) & (size - 1)) != 0 ||
           (exact && item->last.v - item->first.v < size - 1);
}

/* A mapping that can't be: of half a page, to a page that is none, and as a leaf of
 * the level above. */
static void check_no_leaf(struct ptw_tables *t, const struct ptw_item *item,
                          struct ptw_built *built, unsigned spaces,
                          unsigned flags)
{
    const struct ptw_regime *r = t->root.regime;
    struct ptw_item part = *item;
    struct ptw_item page = *item;
    struct ptw_item large = *item;

    if (item->kind != PTW_ITEM_MAPPING) {
        return;
    }
    part.last.v -= ptw_page_size(r) / 2;
    page.u.mapping.pa.v += ptw_page_size(r) / 2;
    large.u.mapping.level++;
    if (ptw_space_aware_map(t, &part, built, spaces, flags) == PTW_OK ||
        ptw_space_aware_map(t, &page, built, spaces, flags) == PTW_OK ||
        (fits_no_leaf(r, item, large.u.mapping.level,
                      (flags & PTW_EDIT_EXACT) != 0) &&
         ptw_space_aware_map(t, &large, built, spaces, flags) == PTW_OK)) {
        fz_stop(ASK_STATUS, "a mapping at %llx that can't be is built",
                HEX(item->first.v));
    }
}

/* Nothing can be shared where nothing counts that. */
static void check_uncounted(struct ptw_tables *t, const struct ptw_item *item,
                            struct ptw_built *built, unsigned spaces,
                            unsigned flags)
{
    struct ptw_shares *shares = t->shares;

    if (item->kind != PTW_ITEM_ALIAS &&
        (item->kind != PTW_ITEM_SPACE ||
         item->u.space_info.kind != PTW_SPACE_SAME)) {
        return;
    }
    t->shares = NULL;
    if (ptw_space_aware_map(t, item, built, spaces, flags) != PTW_E_ARG) {
        fz_stop(ASK_STATUS, "an item of kind %d is shared, and nobody counts",
                (int)item->kind);
    }
    t->shares = shares;
}

/* A region does not refer to itself, by whichever of its addresses. */
static void check_own_region(struct ptw_tables *t, const struct ptw_item *alias,
                             struct ptw_built *built, unsigned spaces,
                             unsigned flags)
{
    struct ptw_item own = *alias;
    unsigned level = 0;
    struct ptw_alias_ref ref = ptw_alias_view(t->root.regime, alias, &level);

    ref.owner = alias->space;
    ref.their_va.v = ref.our_va.v ^ ptw_page_size(t->root.regime);
    if (!make_alias(t->root.regime, &own, &ref, level)) {
        fz_give_up("an alias of another shape");
    }
    if (ptw_space_aware_map(t, &own, built, spaces, flags) != PTW_E_ARG) {
        fz_stop(ASK_STATUS, "the region at %llx refers to itself",
                HEX(ref.our_va.v));
    }
}

/* The same of all aliases before that item, whose roots may be those of two spaces
 * by now. */
static void check_own_regions(struct ptw_tables t, size_t end,
                              struct ptw_built *built, unsigned spaces,
                              bool loose)
{
    for (size_t i = 0; i < end && i < SOME_ITEMS; i++) {
        if (items[i].kind == PTW_ITEM_ALIAS) {
            check_own_region(&t, &items[i], built, spaces,
                             loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
    }
}

/* A space that is the same as a later one, or as one that is not built, and one of
 * a machine that has other addresses. */
static void check_wrong_space(struct ptw_tables *t, const struct ptw_item *item,
                              struct ptw_built *built, unsigned spaces,
                              unsigned flags)
{
    struct ptw_regime other = *item->u.space_info.root.regime;
    struct ptw_item same = *item;
    struct ptw_item elsewhere = *item;
    bool refused;

    if (item->u.space_info.kind == PTW_SPACE_BAD ||
        item->u.space_info.met_below) {
        return;
    }
    other.pa_bits ^= 1;
    elsewhere.u.space_info.root.regime = &other;
    same.u.space_info.kind = PTW_SPACE_SAME;
    same.u.space_info.same_as = item->space;
    refused =
        ptw_space_aware_map(t, &same, built, spaces, flags) == PTW_E_ARG &&
        ptw_space_aware_map(t, &elsewhere, built, spaces, flags) == PTW_E_ARG;
    if (item->space > 0) {
        same.u.space_info.same_as = item->space - 1;
        built[item->space - 1].built = false;
        refused = refused && ptw_space_aware_map(t, &same, built, spaces,
                                                 flags) == PTW_E_ARG;
    }
    if (!refused) {
        fz_stop(ASK_STATUS, "space %u is that of another machine, or of none",
                (unsigned)item->space);
    }
}

/* Items that no walk has: a table or an alias at the level of the roots, and what
 * their entries say that are none of their kind. */
static void check_wrong_entry(struct ptw_tables *t, const struct ptw_item *item,
                              struct ptw_built *built, unsigned spaces,
                              unsigned flags)
{
    const struct ptw_regime *r = t->root.regime;
    struct ptw_item high = *item;
    struct ptw_item none = *item;
    bool exact = (flags & PTW_EDIT_EXACT) != 0;
    unsigned level = 0;
    struct ptw_alias_ref ref;

    switch (item->kind) {
    case PTW_ITEM_TABLE:
        high.u.table.level = (uint8_t)(ptw_levels(r) - 1);
        none.u.table.attributes = 0;
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(r, item, &level);
        if (!make_alias(r, &high, &ref, ptw_levels(r) - 1)) {
            fz_give_up("an alias of another shape");
        }
        none = high;
        break;
    case PTW_ITEM_MAPPING:
        if (!exact) {
            return;
        }
        none.u.mapping.raw = 0;
        high = none;
        break;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_FINDING:
        return;
    }
    if (ptw_space_aware_map(t, &high, built, spaces, flags) != PTW_E_ARG ||
        ptw_space_aware_map(t, &none, built, spaces, flags) != PTW_E_ARG) {
        fz_stop(ASK_STATUS,
                "an item of kind %d at %llx that no walk has is built",
                (int)item->kind, HEX(item->first.v));
    }
}

/* A hole takes nothing. */
static void check_hole(const struct ptw_tables *t, const struct ptw_item *item,
                       struct ptw_built *built, unsigned spaces, unsigned flags)
{
    struct ptw_tables still = fe_without_supply(t);
    struct ptw_item hole = *item;

    hole.kind = PTW_ITEM_HOLE;
    if (ptw_space_aware_map(&still, &hole, built, spaces, flags) != PTW_OK) {
        fz_stop(ASK_STATUS, "a hole at %llx can't be built",
                HEX(item->first.v));
    }
}

/* Hands over what can't be: an item of a space that is not begun or is beyond
 * the last one, the alias of a table of such a space, and leaves in a line. */
static void check_refused(struct ptw_tables *t, const struct ptw_item *item,
                          const struct ptw_built *built, unsigned spaces,
                          unsigned flags)
{
    struct ptw_built other[FM_ROOTS];
    struct ptw_item line = *item;
    uint32_t lacks = item->space;
    bool begun = item->kind != PTW_ITEM_SPACE;

    memcpy(other, built, sizeof other);
    if (item->kind == PTW_ITEM_ALIAS) {
        lacks = ptw_alias_view(t->root.regime, item, &(unsigned){0}).owner;
    }
    other[lacks].built = false;
    line.kind = PTW_ITEM_LINE;
    if ((begun &&
         ptw_space_aware_map(t, item, other, spaces, flags) != PTW_E_ARG) ||
        (begun &&
         ptw_space_aware_map(t, &line, other, spaces, flags) != PTW_E_ARG) ||
        ptw_space_aware_map(t, item, other, item->space, flags) != PTW_E_ARG) {
        fz_stop(ASK_STATUS, "an item of kind %d at %llx that can't be is built",
                (int)item->kind, HEX(item->first.v));
    }
    memcpy(other, built, sizeof other);
    check_uncounted(t, item, other, spaces, flags);
    if (item->kind == PTW_ITEM_ALIAS) {
        check_own_region(t, item, other, spaces, flags);
    }
    check_in_part(t, item, other, spaces, flags);
    check_no_leaf(t, item, other, spaces, flags);
    memcpy(other, built, sizeof other);
    if (begun) {
        check_wrong_entry(t, item, other, spaces, flags);
        if (other[item->space].built) {
            check_hole(t, item, other, spaces, flags);
        }
    } else {
        check_wrong_space(t, item, other, spaces, flags);
    }
}

/* A large leaf is refused where there is the table of a small one. */
static void check_large(struct ptw_tables *t, const struct ptw_item *small,
                        const struct ptw_item *large, struct ptw_built *built,
                        unsigned spaces)
{
    struct ptw_item item = *large;
    uint64_t region = large->last.v - large->first.v;

    item.space = small->space;
    item.first.v = small->first.v & ~region;
    item.last.v = small->first.v | region;
    if (ptw_space_aware_map(t, &item, built, spaces, PTW_EDIT_EXACT) ==
        PTW_OK) {
        fz_stop(ASK_STATUS, "a large leaf is built in place of that at %llx",
                HEX(small->first.v));
    }
}

/* A table or an alias that was built is what is asked for the second time: that takes
 * no table, and no room in the list. */
static void check_again(const struct ptw_tables *t, const struct ptw_item *item,
                        const struct ptw_built *built, unsigned spaces,
                        unsigned flags)
{
    struct ptw_tables again = fe_without_supply(t);
    struct ptw_built other[FM_ROOTS];
    enum ptw_status st;

    if (item->kind != PTW_ITEM_TABLE && item->kind != PTW_ITEM_ALIAS) {
        return;
    }
    memcpy(other, built, sizeof other);
    st = ptw_space_aware_map(&again, item, other, spaces, flags);
    if (st != PTW_OK) {
        fz_fail(ASK_TABLES, "an item of kind %d at %llx, once more: %s",
                (int)item->kind, HEX(item->first.v), ptw_status_text(st));
    }
}

/* The first item that is one large leaf of level 1, or NULL. */
static const struct ptw_item *large_leaf(const struct fz_case *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind == PTW_ITEM_MAPPING &&
            items[i].u.mapping.level == 1 &&
            items[i].last.v - items[i].first.v ==
                ((uint64_t)1 << fz_shift(w, 1)) - 1) {
            return &items[i];
        }
    }
    return NULL;
}

/* Walks the case and builds what it finds in the pool of the host. */
bool fe_rebuild(struct fz_case *w, struct fe_host *h, struct ptw_tables *t,
                unsigned flags, bool loose, const struct fe_placing *placing,
                struct fe_rebuilt *out)
{
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_root root[FM_ROOTS];
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    const struct ptw_item *large;

    fz_case_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i] = ptw_root_of(&w->regime, ptw_pa_of(w->root[i]));
    }
    out->count = collect(w, &mem, root, w->roots, flags, items,
                         sizeof items / sizeof items[0], &out->complete);
    out->space = w->roots;
    out->end = 0;
    out->stopped = true;
    for (unsigned i = 0; i < FM_ROOTS; i++) {
        out->built[i] = (struct ptw_built){{0}, false};
    }
    large = large_leaf(w, out->count);
    h->editing = true;
    fz_say("the walk has %zu items%s\n", out->count,
           out->complete ? "" : ", and there is more");
    for (size_t i = 0; i < out->count; i++) {
        struct placed placed = {.why_not = 1};
        const struct ptw_root before = t->root;
        enum ptw_status st;

        if (fz_words != NULL) {
            fz_say("item %zu: ", i);
            fz_say_item(&w->regime, &items[i]);
        }
        if (placing->wanted) {
            placed = place_item(w, &items[i], placing, loose);
        }
        if (i < SOME_ITEMS) {
            check_refused(t, &items[i], out->built, w->roots,
                          loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        h->high = -1; /* what this item takes */
        h->shares.wanted = SIZE_MAX;
        st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                 loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        if (items[i].kind == PTW_ITEM_SPACE && st == PTW_E_WIDTH &&
            h->high >= 0) {
            fe_take_back(h, st);
            st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                     loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        while (fe_shares_more(h, st)) {
            st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                     loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        if (items[i].kind == PTW_ITEM_SPACE && st != PTW_OK &&
            (t->root.table.v != before.table.v ||
             t->root.regime != before.regime)) {
            fz_fail(ASK_UNCHANGED, "space %u does not begin, and is the root",
                    (unsigned)items[i].space);
        }
        if (fz_words != NULL) {
            fz_say("    = %s; %u taken, %u given back so far\n",
                   ptw_status_text(st), h->taken, h->given_back);
        }
        out->space = items[i].space;
        if (h->tainted) {
            continue;
        }
        fe_check_refusal(h, st);
        if (st == PTW_E_SPACE && h->refused && h->shares.wanted != 0) {
            fz_fail(ASK_STORAGE, "an item was refused a table, and wants %zu",
                    h->shares.wanted);
        }
        if (h->refused) {
            out->complete = false;
            out->end = items[i].first.v & mask;
            out->stopped = items[i].kind == PTW_ITEM_SPACE;
            break;
        }
        if (items[i].kind == PTW_ITEM_SPACE) {
            fz_watch_root(h->of, out->built[items[i].space].root.table.v);
        }
        if (items[i].kind == PTW_ITEM_SPACE) {
            enum ptw_status want = items[i].u.space_info.kind == PTW_SPACE_BAD
                                       ? items[i].u.space_info.why
                                       : PTW_OK;

            if (st != want) {
                fz_fail(ASK_STATUS, "space %u: %s", (unsigned)items[i].space,
                        ptw_status_text(st));
            }
            if (st == PTW_OK) {
                check_own_regions(*t, i, out->built, w->roots, loose);
            }
        } else if (st != PTW_OK &&
                   !(loose && (st == PTW_NOT_MAPPED || st == PTW_E_RIGHTS))) {
            fz_fail(ASK_STATUS, "item %zu of kind %d at %llx: %s", i,
                    (int)items[i].kind, HEX(items[i].first.v),
                    ptw_status_text(st));
        } else if (st == PTW_OK && items[i].kind == PTW_ITEM_MAPPING) {
            check_placed(w, h, &items[i], &placed,
                         out->built[items[i].space].root.table.v, loose);
            if (i < SOME_ITEMS && !loose && large != NULL &&
                items[i].u.mapping.level == 0) {
                check_large(t, &items[i], large, out->built, w->roots);
            }
        }
        if (st == PTW_OK && i < SOME_ITEMS) {
            check_again(t, &items[i], out->built, w->roots,
                        loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        out->end = (items[i].kind == PTW_ITEM_TABLE ? items[i].first.v
                                                    : items[i].last.v + 1) &
                   mask;
        out->stopped = items[i].kind == PTW_ITEM_SPACE;
    }
    h->editing = false;
    fe_check_lent(h);
    fz_case_done(w);
    if (h->tainted) {
        return false;
    }
    fe_set_roots(h, out->built, w->roots);
    fm_reach(&h->m);
    for (unsigned i = 0; i < w->roots; i++) {
        if (out->built[i].built) {
            fz_say("space %u is built, root %llx\n", i,
                   HEX(out->built[i].root.table.v));
        } else {
            fz_say("space %u is not built\n", i);
        }
    }
    fe_say_tables(h, t);
    check_leaks(h, t);
    fe_check_counts(h, t, !fm_two_levels(&h->m));
    return out->complete;
}

static void same_walk(struct fz_case *w, struct fe_host *h,
                      const struct fe_rebuilt *b, unsigned flags)
{
    static struct ptw_item again[4096];
    struct ptw_root root[FM_ROOTS];
    bool complete;
    size_t count;
    size_t k = 0;

    for (unsigned i = 0; i < w->roots; i++) {
        if (!b->built[i].built) {
            return;
        }
        root[i] = b->built[i].root;
    }
    count = collect(w, &h->mem, root, w->roots, flags, again,
                    sizeof again / sizeof again[0], &complete);
    for (size_t i = 0; i < b->count; i++) {
        const struct ptw_item *x = &items[i];
        const struct ptw_item *y = &again[k];
        struct ptw_alias_ref p;
        struct ptw_alias_ref q;
        unsigned l[2] = {0, 0};
        bool same;

        if (x->kind == PTW_ITEM_FINDING) {
            continue;
        }
        if (k == count && !complete) {
            return; /* which remembers no tables, and takes more reads */
        }
        if (k == count) {
            fz_fail(ASK_SPACES,
                    "the rebuilt spaces have fewer items, from %llx on",
                    HEX(x->first.v));
            return;
        }
        same = x->kind == y->kind && x->space == y->space &&
               x->first.v == y->first.v && x->last.v == y->last.v;
        if (same && x->kind == PTW_ITEM_TABLE) {
            same = x->u.table.attributes == y->u.table.attributes &&
                   x->u.table.rights == y->u.table.rights;
        } else if (same && x->kind == PTW_ITEM_MAPPING) {
            same = x->u.mapping.pa.v == y->u.mapping.pa.v &&
                   by_itself(w, &x->u.mapping) == y->u.mapping.raw &&
                   x->u.mapping.rights == y->u.mapping.rights;
        } else if (same && x->kind == PTW_ITEM_ALIAS) {
            p = ptw_alias_view(&w->regime, x, &l[0]);
            q = ptw_alias_view(&w->regime, y, &l[1]);
            same = l[0] == l[1] && p.owner == q.owner &&
                   p.their_va.v == q.their_va.v && p.rights == q.rights &&
                   p.attributes == q.attributes;
        }
        if (!same) {
            fz_fail(ASK_SPACES, "the rebuilt spaces have another item at %llx",
                    HEX(x->first.v));
        }
        k++;
    }
    if (complete && k != count) {
        fz_fail(ASK_SPACES, "the rebuilt spaces have more items, from %llx on",
                HEX(again[k].first.v));
    }
}

/* A new image in a pool of its own. */
void fe_begin_image(struct fz_case *w, struct fe_host *h,
                    const struct fe_input *in, struct ptw_tables *t)
{
    static struct fz_case nowhere;

    fm_init(&source, w, storage, NULL);
    fm_add_case(&source, w, 0, false);
    fe_host_begin(h, w, in);
    h->of = FZ_OF_NEW;
    h->poison = fz_random(&w->random) & 0x000FFFFFFFFFF000;
    fe_host_empty(h);
    nowhere.regions = 0;
    fe_add_pool(&h->m, &nowhere);
    fe_host_memory(h);
    fm_begin(&h->m);
    fe_host_asks(h, &(struct fe_record){.takes = 100000});
    fe_shares_begin(h, in);
    memset(t, 0, sizeof *t);
    t->root.regime = &w->regime;
    t->mem = &h->mem;
    t->ops = (in->options & OPT_KEEP) != 0 ? &fe_without_give : &fe_with_give;
    t->ctx = h;
    t->shares = &h->shares;
}

/* Offsets of whole pages, which a walk goes through. */
struct part {
    uint64_t first;
    uint64_t last;
};

/* The parts of a half, of whose addresses these are the offsets, that no range
 * which is left out touches.  Returns how many there are. */
static unsigned parts_of(const struct fz_case *w, uint64_t first, uint64_t last,
                         struct part *part)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    uint64_t page = fz_page_bytes(w) - 1;
    unsigned n = 0;

    first = first > w->first ? first : w->first;
    last = last < w->last ? last : w->last;
    if (first > last) {
        return 0;
    }
    for (unsigned i = 0; i <= w->outs; i++) {
        uint64_t end =
            i < w->outs && w->out[i].first <= last ? w->out[i].first - 1 : last;

        if (i < w->outs && w->out[i].last < first) {
            continue;
        }
        if (i == w->outs || w->out[i].first > first) {
            /* A page of which a part is walked is given. */
            part[n++] =
                (struct part){(first & mask) & ~page, (end & mask) | page};
        }
        if (end == last || w->out[i].last >= last) {
            break;
        }
        first = w->out[i].last + 1;
    }
    return n;
}

static void compare_rebuilt(struct fz_case *w, struct fe_host *h,
                            const struct fe_rebuilt *b,
                            const uint64_t *table_flags, bool loose, bool runs)
{
    struct part part[2 * (FZ_OUTS + 1)];
    unsigned parts;
    uint64_t gap;
    uint64_t gap_end;
    struct fm_change change = {
        .want = loose ? FM_NO_MORE : FM_SAME,
        .table_flags = table_flags,
        .what = "rebuild",
    };

    oracle_gap(&w->mode, &gap, &gap_end);
    parts = gap > 0 ? parts_of(w, 0, gap - 1, part) : 0;
    if (gap_end != UINT64_MAX) {
        parts += parts_of(w, gap_end + 1, UINT64_MAX, &part[parts]);
    }
    for (unsigned i = 0; i < w->roots && i <= b->space; i++) {
        struct fm_compare c = {&source,    &h->m,   false,
                               true,       &change, fe_entries_to_compare(w),
                               UINT64_MAX, runs,    w->need};
        bool cut = i == b->space && !b->complete;

        if (!b->built[i].built || !source.rooted[i] ||
            (cut && (b->stopped || b->end == 0))) {
            continue;
        }
        for (unsigned k = 0; k < parts; k++) {
            change.first = part[k].first;
            change.last = part[k].last;
            if (cut && b->end - 1 < change.last) {
                change.last = b->end - 1;
            }
            if (change.first <= change.last) {
                c.end = change.last;
                fm_compare_spaces(&c, w->root[i], b->built[i].root.table.v);
            }
        }
    }
}

/* The space whose tables an item shares, or its own. */
static uint32_t owner_of(const struct fz_case *w, const struct ptw_item *item)
{
    if (item->kind == PTW_ITEM_ALIAS) {
        return ptw_alias_view(&w->regime, item, &(unsigned){0}).owner;
    }
    return item->kind == PTW_ITEM_SPACE &&
                   item->u.space_info.kind == PTW_SPACE_SAME
               ? item->u.space_info.same_as
               : item->space;
}

/* What is said of an item of spaces of two halves: a set of 1 << a status. */
static unsigned may_say(const struct fz_case *w, const struct ptw_item *item,
                        const struct ptw_built *built, bool loose)
{
    uint32_t owner = owner_of(w, item);

    if (item->kind == PTW_ITEM_SPACE &&
        item->u.space_info.kind == PTW_SPACE_BAD) {
        return 1u << item->u.space_info.why;
    }
    if (item->kind == PTW_ITEM_SPACE && item->u.space_info.met_below) {
        return 1u << PTW_E_SHARED;
    }
    if (owner != item->space && !built[owner].built) {
        return 1u << PTW_E_ARG;
    }
    /* Its leaves stand for what tables withhold from us alone. */
    if (loose && fz_half_of(w, owner)->mode.hpd &&
        !fz_half_of(w, item->space)->mode.hpd) {
        return 1u << PTW_E_RIGHTS;
    }
    return loose && item->kind != PTW_ITEM_SPACE
               ? 1u << PTW_OK | 1u << PTW_NOT_MAPPED | 1u << PTW_E_RIGHTS
               : 1u << PTW_OK;
}

/* Hands over each item.  False: the host refused, or something was wrong. */
static bool hand_over(struct fz_case *w, struct fe_host *h,
                      struct ptw_tables *t, struct fe_rebuilt *b, bool loose)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct ptw_item *item = &items[i];
        const struct ptw_built *own = &b->built[item->space];
        unsigned may;
        enum ptw_status st;

        if (item->kind != PTW_ITEM_SPACE && !own->built) {
            continue;
        }
        may = may_say(w, item, b->built, loose);
        h->editing = true;
        do {
            st = ptw_space_aware_map(t, item, b->built, w->roots,
                                     loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        } while (fe_shares_more(h, st));
        h->editing = false;
        if (h->refused || h->tainted) {
            return false;
        }
        if ((may >> st & 1) == 0) {
            fz_fail(ASK_STATUS,
                    "item %zu of kind %d of space %u, at %llx: %s; it may say "
                    "%x",
                    i, (int)item->kind, (unsigned)item->space,
                    HEX(item->first.v), ptw_status_text(st), may);
            return false;
        }
        if (item->kind == PTW_ITEM_SPACE && st == PTW_OK &&
            own->root.regime != fz_regime_of(w, item->space)) {
            fz_fail(ASK_SPACES, "space %u is built with another regime",
                    (unsigned)item->space);
        }
    }
    return true;
}

/* Spaces of two halves, or widths, are rebuilt in order, each with a root of its own
 * regime, and are walked as the guest's are.  What the model knows of one half is
 * asked above. */
static void rebuild_halves(struct fz_case *w, struct fe_host *h,
                           const struct fe_input *in, struct ptw_tables *t,
                           bool loose)
{
    unsigned walked =
        (unsigned)PTW_WALK_TABLES |
        (loose && (in->options & OPT_VOUCH) != 0 ? (unsigned)PTW_WALK_BY_RIGHTS
                                                 : 0);
    struct ptw_region region[FZ_REGIONS];
    struct ptw_root root[FM_ROOTS];
    struct ptw_mem mem;
    struct fe_rebuilt b = {.space = w->roots};
    bool all;

    fe_begin_image(w, h, in, t);
    fz_case_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i] = fz_root(w, i);
    }
    b.count = collect(w, &mem, root, w->roots, walked, items,
                      sizeof items / sizeof items[0], &b.complete);
    all = hand_over(w, h, t, &b, loose);
    fe_check_lent(h);
    fz_case_done(w);
    if (all && b.complete && !loose) {
        same_walk(w, h, &b, walked);
    }
}

void fz_space_map(const uint8_t *data, size_t len)
{
    struct fz_case *w = &described;
    struct fe_host *h = &host;
    struct fe_placing placing = {.wanted = false};
    struct ptw_tables t;
    struct fe_rebuilt b;
    struct fe_input in;
    unsigned flags;
    bool loose;

    fe_read_input(w, &in, data, len);
    loose = (in.options & OPT_LOOSE) != 0;
    fe_begin_image(w, h, &in, &t);
    if (in.edits > 0) {
        struct fe_record q;

        (void)fe_next_edit(w, &in.records, &q);
        fe_host_asks(h, &q);
        fz_say("the tables");
        fe_say_supply(&q, false);
        placing.wanted = q.grant_exec;
        placing.how =
            q.copy_on_write ? PTW_PLACE_COPY_ON_WRITE : PTW_PLACE_AS_IT_IS;
        placing.by = q.pa;
        t.table_flags = q.table_flags & w->mode.flag_bits;
    }
    fz_say_case(w, NULL);
    fe_say_pool(h);
    fz_say("range: %016llx-%016llx\n", HEX(w->first), HEX(w->last));
    fe_say_walked(w);
    fe_say_roots_of(w);
    flags =
        (unsigned)((in.options & OPT_RUNS) != 0 ? PTW_WALK_RUNS : 0) |
        (unsigned)(loose && (in.options & OPT_VOUCH) != 0 ? 0
                                                          : PTW_WALK_TABLES);
    fz_say("rebuild %s\n", loose ? "with tables of our own" : "exactly");
    (void)fe_rebuild(w, h, &t, flags, loose, &placing, &b);
    if (h->tainted) {
        return;
    }
    fz_note(b.count);
    fz_note(b.end);
    if (!placing.wanted) {
        compare_rebuilt(w, h, &b,
                        (flags & PTW_WALK_TABLES) != 0 ? NULL : &t.table_flags,
                        loose, (flags & PTW_WALK_RUNS) != 0);
    }
    /* Runs that were placed may follow each other as they did not before. */
    if (b.complete && !loose && !(placing.wanted && w->need != 0) &&
        !(placing.wanted && (flags & PTW_WALK_RUNS) != 0)) {
        same_walk(w, h, &b, flags);
    }
    fz_halves(w);
    if (w->halves) {
        rebuild_halves(w, h, &in, &t, loose);
    }
}
