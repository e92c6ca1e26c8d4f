/* SPDX-License-Identifier: Apache-2.0 */
/* This file compares leaves part by part, since a large leaf may have
 * become small ones. */
#include "leaves.h"

#include "answer.h"
#include "marked.h"
#include "pages.h"
#include "tables.h"
#include "writers.h"

enum { UNKNOWN, YES, NO }; /* of v->state.keepable */

/* Whether the guest writes through that leaf, and would not if the leaf were
 * copy-on-write. */
static bool can_be_turned(const struct ptw_verify *v,
                          const struct ptw_mapping *m)
{
    const struct ptw_format *a = v->state.regime->arch->format;

    return ptw_vf_lets_write(v, m) &&
           !ptw_guest_writes(v->state.regime, PTW_ALL_RIGHTS, m->level,
                             a->leaf_copy_on_write(v->state.regime, m->raw));
}

/* Where the records of the pages of the next items stand, as a hint. */
static void look_ahead(const struct ptw_verify *v)
{
    const struct ptw_verify_side *s = v->state.side;

    if (s[OLD].next + 1 < s[OLD].items && v->state.pages.record != NULL) {
        uint64_t pa = s[OLD].item[s[OLD].next + 1].u.mapping.pa.v;

        __builtin_prefetch(
            ptw_hash_slot(&v->state.pages, sizeof(struct seen),
                          (pa >> (v->state.page_log2 + BLOCK)) + 1));
    }
    if (s[NEW].next + 1 < s[NEW].items && v->state.taken.record != NULL) {
        uint64_t pa = s[NEW].item[s[NEW].next + 1].u.mapping.pa.v;

        __builtin_prefetch(
            ptw_hash_slot(&v->state.taken, sizeof(struct taken),
                          (pa >> (v->state.page_log2 + BLOCK)) + 1));
    }
}

/* Whether a new leaf says that it is part of a run, and need not be.  To a
 * processor any leaf of a run may stand for all, so that one that is not as the
 * others are makes nonsense of them.  A run is believed only while every page
 * is where it was: then the new image is as good as the old one.  gone: bytes
 * of the old leaf that are not there any more. */
static bool joins_a_run(struct ptw_verify *v, const struct ptw_item *o,
                        const struct ptw_item *n, uint64_t gone)
{
    const struct ptw_format *a = v->state.regime->arch->format;

    if (a->together == 0) {
        return false;
    }
    v->state.moved = v->state.moved || gone > 0;
    if (n != NULL) {
        v->state.moved =
            v->state.moved ||
            n->u.mapping.pa.v - o->u.mapping.pa.v != n->first.v - o->first.v;
        v->state.together =
            v->state.together || (n->u.mapping.raw & a->together) != 0;
    }
    return v->state.moved && v->state.together;
}

/* ----------------------------------------------------------- nothing mapped */

/* How much of the old leaf, from offset `from` on and before offset `to`, is
 * right not to be mapped: what is not kept, or could not be read.  0: not even
 * its next page.  *dropped is what could not be read of that, in pages. */
static enum ptw_status gone_from(struct ptw_verify *v, const struct ptw_item *o,
                                 uint64_t from, uint64_t to, uint64_t *gone,
                                 uint64_t *dropped)
{
    uint64_t va = o->first.v + from;
    uint64_t pa = o->u.mapping.pa.v + from;
    struct leaves *block;
    enum ptw_status st;
    uint64_t read; /* of the block, from that page on: what may be readable */
    uint64_t size;

    *gone = ptw_vf_no_page_from(v, o, from, to, dropped);
    if (*gone > 0) {
        return PTW_OK;
    }
    st = ptw_vf_try_to_read(v, pa, &block);
    if (st != PTW_OK) {
        return st;
    }
    read = ~block->twice >> (pa >> v->state.page_log2 & 63);
    size = read == 0 ? (((pa >> (v->state.page_log2 + BLOCK)) + 1)
                        << (v->state.page_log2 + BLOCK)) -
                           pa
                     : (uint64_t)__builtin_ctzll(read) << v->state.page_log2;
    size = size < to - from ? size : to - from;
    if (size > ptw_vf_page_bytes(v) &&
        ptw_vf_kept_of(v, va, va + (size - 1)) != PTW_COVER_ALL) {
        size = ptw_vf_page_bytes(v);
    }
    *gone = size;
    *dropped = *gone >> v->state.page_log2;
    return PTW_OK;
}

/* Nothing is mapped now from offset v->state.done of the old leaf to before
 * offset `to`, which becomes v->state.done. */
static enum ptw_status nothing_there(struct ptw_verify *v,
                                     const struct ptw_item *o, uint64_t to)
{
    const struct ptw_mapping *m = &o->u.mapping;
    uint64_t key = ptw_vf_large_key(v, m->pa.v, m->size_log2) | (uint64_t)1
                                                                    << GONE_AT;
    bool whole = to >> m->size_log2 == 1 && m->size_log2 > v->state.page_log2 &&
                 ptw_vf_kept_of(v, o->first.v, o->last.v) == PTW_COVER_ALL;

    /* That a large leaf is gone is found out once. */
    if (v->state.done == 0 && whole &&
        ptw_hash_find(&v->state.leaves, sizeof(struct leaves), key) != NULL) {
        v->work++;
        v->certificate.dropped += to >> v->state.page_log2;
        v->state.done = to;
        return PTW_OK;
    }
    whole = whole && v->state.done == 0;
    while (v->state.done < to) {
        uint64_t va = o->first.v + v->state.done;
        uint64_t gone;
        uint64_t dropped;
        enum ptw_status st =
            gone_from(v, o, v->state.done, to, &gone, &dropped);

        if (st != PTW_OK) {
            return st;
        }
        if (gone == 0) {
            ptw_vf_note_leaf(v, OLD, o, va);
            return ptw_vf_differ(v, PTW_DIFFERS_MISSING, o->space, va);
        }
        if (joins_a_run(v, o, NULL, dropped)) {
            ptw_vf_note_leaf(v, OLD, o, va);
            return ptw_vf_differ(v, PTW_DIFFERS_ATTRIBUTES, o->space, va);
        }
        v->certificate.dropped += dropped;
        v->state.done += gone;
    }
    if (whole && ptw_hash_room(&v->state.leaves, 1)) {
        (void)ptw_vf_leaves_at(v, key);
    }
    return PTW_OK;
}

/* ------------------------------------------------------------------ entries */

/* Whether the old leaf could be kept whole: found out once for each address and
 * size. */
static enum ptw_status could_stay(struct ptw_verify *v,
                                  const struct ptw_item *o)
{
    const struct ptw_mapping *m = &o->u.mapping;
    uint64_t size = (uint64_t)1 << m->size_log2;
    bool whole = false;

    if (v->state.keepable != UNKNOWN) {
        return PTW_OK;
    }
    v->work++;
    if (ptw_vf_kept_of(v, o->first.v, o->last.v) == PTW_COVER_ALL &&
        ptw_runs_count(&v->state.side[OLD].runs, m->pa.v, m->pa.v + (size - 1))
                    .whole
                << v->state.page_log2 ==
            size) {
        enum ptw_status st =
            ptw_vf_all_readable(v, m->pa.v, m->size_log2, &whole);

        if (st != PTW_OK) {
            return st;
        }
    }
    v->state.keepable = whole ? YES : NO;
    return PTW_OK;
}

/* Whether an old leaf looks like one that a policy made. */
static bool was_marked(const struct ptw_verify *v, const struct ptw_mapping *m)
{
    return ptw_is_copy_on_write(v->state.regime, m->level, m->raw);
}

/* Size, rights, policy and attributes of a new leaf within an old one. */
static enum ptw_difference_kind pair_differs(struct ptw_verify *v,
                                             const struct ptw_item *o,
                                             const struct ptw_item *n)
{
    const struct ptw_mapping *was = &o->u.mapping;
    const struct ptw_mapping *is = &n->u.mapping;
    const struct ptw_format *a = v->state.regime->arch->format;
    struct ptw_attributes x =
        ptw_attributes_of(v->state.regime, was->level, was->raw);
    struct ptw_attributes y =
        ptw_attributes_of(v->state.regime, is->level, is->raw);
    unsigned rights = was->rights;
    unsigned own = ptw_vf_own_rights(v, was->level, was->raw);
    bool copy = x.copy_on_write;
    uint64_t policy = 0; /* bits that it may have moved */
    uint64_t address;    /* bits that hold one, in both */
    uint64_t raw = was->raw;

    if (is->level > was->level || n->last.v > o->last.v ||
        (is->level < was->level && (v->o.flags & PTW_REBUILD_SPLIT) == 0 &&
         v->state.keepable == YES) ||
        (is->level > 0 && (v->o.flags & PTW_REBUILD_SPLIT) != 0)) {
        return PTW_DIFFERS_SIZE;
    }
    if (ptw_vf_kept_of(v, n->first.v, n->last.v) != PTW_COVER_ALL) {
        return PTW_DIFFERS_EXTRA;
    }
    if (was_marked(v, was)) {
        if ((v->o.flags & PTW_REBUILD_REFUSE_MARKED) != 0) {
            return PTW_DIFFERS_POLICY;
        }
        if ((v->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0) {
            copy = false;
            raw = ptw_unmarked(a, raw);
        }
    }
    if ((v->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
        can_be_turned(v, was) &&
        ((v->o.flags & PTW_REBUILD_COPY_SHARED) != 0 ||
         !ptw_vf_is_shared(v, was->pa.v + (n->first.v - o->first.v),
                           is->size_log2))) {
        copy = true;
        rights &= ~(unsigned)PTW_WRITE;
        own &= ~(unsigned)PTW_WRITE;
        policy = a->leaf_copy_on_write(v->state.regime, 0) |
                 ~a->leaf_copy_on_write(v->state.regime, UINT64_MAX);
    }
    /* What the leaf grants by itself counts too: its table may be reached by
     * another path, that grants more than this one. */
    if (is->rights != rights ||
        ptw_vf_own_rights(v, is->level, is->raw) != own) {
        return PTW_DIFFERS_RIGHTS;
    }
    if (y.copy_on_write != copy) {
        return PTW_DIFFERS_POLICY;
    }
    if (x.memory_type != y.memory_type || x.key != y.key ||
        x.global != y.global || x.accessed != y.accessed ||
        x.dirty != y.dirty) {
        return PTW_DIFFERS_ATTRIBUTES;
    }
    /* Software's bits and the others, where a split puts them. */
    for (unsigned level = was->level; level > is->level; level--) {
        raw = a->leaf_split(v->state.regime, level, raw);
    }
    /* What says where the old leaf's page is may be gone from the new one.  A
     * bit that the new leaf alone has for that is one too many. */
    address = a->address_bits(v->state.regime, is->level, raw) &
              (a->address_bits(v->state.regime, is->level, is->raw) | ~is->raw);
    if ((is->raw & a->together) == 0) {
        raw = ptw_alone(a, raw);
    }
    if (joins_a_run(v, o, n, 0) ||
        ((is->raw ^ raw) & ~policy & ~address) != 0) {
        return PTW_DIFFERS_ATTRIBUTES;
    }
    return PTW_DIFFERS_NOT;
}

static void fold_leaf(struct ptw_verify *v, const struct ptw_item *n,
                      uint64_t attributes)
{
    const struct ptw_mapping *m = &n->u.mapping;

    ptw_vf_fold(v, n->first.v | m->size_log2);
    ptw_vf_fold(v, m->rights);
    ptw_vf_fold(v, attributes);
}

/* -------------------------------------------------------------------- alike */

/* Where what is known of that pair of leaves stands, if it is known; NULL for
 * leaves of other sizes, or places. */
static struct ptw_verify_alike *alike_at(struct ptw_verify *v,
                                         const struct ptw_item *o,
                                         const struct ptw_item *n)
{
    uint64_t bits = ~v->state.regime->rule[0].leaf_address;
    uint64_t pair = (o->u.mapping.raw & bits) + (n->u.mapping.raw & bits) / 2;

    return o->u.mapping.level > 0 || n->u.mapping.level > 0 ||
                   o->first.v != n->first.v
               ? NULL
               : &v->state.alike[ptw_scatter(pair, PTW_VERIFY_ALIKE_LOG2)];
}

/* Whether such a pair is known not to differ: all that pair_differs asks of it
 * is a matter of the bits beside the addresses, and of the rights, but for what
 * this asks, too. */
static bool known_alike(struct ptw_verify *v, const struct ptw_verify_alike *l,
                        const struct ptw_item *o, const struct ptw_item *n)
{
    uint64_t bits = ~v->state.regime->rule[0].leaf_address;
    const struct ptw_mapping *was = &o->u.mapping;
    const struct ptw_mapping *is = &n->u.mapping;

    return l != NULL && l->known && l->was == (was->raw & bits) &&
           l->is == (is->raw & bits) && l->rights[OLD] == was->rights &&
           l->rights[NEW] == is->rights && !joins_a_run(v, o, n, 0) &&
           ptw_vf_kept_of(v, n->first.v, n->last.v) == PTW_COVER_ALL;
}

/* Notes that a pair does not differ, unless that is a matter of how else the
 * page is mapped. */
static void note_alike(const struct ptw_verify *v, struct ptw_verify_alike *l,
                       const struct ptw_item *o, const struct ptw_item *n)
{
    uint64_t bits = ~v->state.regime->rule[0].leaf_address;
    const struct ptw_mapping *was = &o->u.mapping;
    const struct ptw_mapping *is = &n->u.mapping;

    l->was = was->raw & bits;
    l->is = is->raw & bits;
    l->flags = ptw_attributes_of(v->state.regime, 0, is->raw).flag_bits;
    l->attributes = ptw_vf_attributes(v, 0, is->raw);
    l->rights[OLD] = was->rights;
    l->rights[NEW] = is->rights;
    l->known = (v->o.flags & PTW_REBUILD_COPY_ON_WRITE) == 0 ||
               (v->o.flags & PTW_REBUILD_COPY_SHARED) != 0 ||
               !can_be_turned(v, was);
    l->marked = was_marked(v, was);
    l->writes = ptw_vf_lets_write(v, is);
}

/* A new leaf in the place of an old one, or of a part of it: whether it
 * differs, and its pages. */
static enum ptw_status compare_pair(struct ptw_verify *v,
                                    const struct ptw_item *o,
                                    const struct ptw_item *n)
{
    struct ptw_verify_alike *l = alike_at(v, o, n);
    bool withheld = n->first.v - o->first.v < v->state.withheld_end;
    enum ptw_difference_kind kind = PTW_DIFFERS_NOT;
    bool marked;
    enum ptw_status st;

    if (withheld) {
        kind = PTW_DIFFERS_RIGHTS;
    } else if (!known_alike(v, l, o, n)) {
        kind = pair_differs(v, o, n);
        if (l != NULL && kind == PTW_DIFFERS_NOT) {
            note_alike(v, l, o, n);
        }
    }
    if (kind != PTW_DIFFERS_NOT) {
        ptw_vf_note_leaf(v, OLD, o, n->first.v);
        ptw_vf_note_leaf(v, NEW, n, n->first.v);
        return ptw_vf_differ(v, kind, n->space, n->first.v);
    }
    look_ahead(v);
    if (l != NULL) {
        marked = l->marked;
        st = ptw_vf_pair_small(v, o, n, l->writes, l->flags);
    } else {
        marked = was_marked(v, &o->u.mapping);
        st = ptw_vf_pair_leaf(v, o, n, ptw_vf_lets_write(v, &n->u.mapping));
    }
    if (st == PTW_OK) {
        fold_leaf(v, n,
                  l != NULL ? l->attributes
                            : ptw_vf_attributes(v, n->u.mapping.level,
                                                n->u.mapping.raw));
        v->certificate.marked_before += marked;
    }
    return st;
}

/* --------------------------------------------------------------- comparison */

/* Whether that new table may stand where there was none: it leads to what is
 * left out, for a map perhaps.  Its entries for the rest come as items, if
 * there are some. */
static bool may_be_new(const struct ptw_verify *v, const struct ptw_item *n)
{
    return n->kind == PTW_ITEM_TABLE &&
           ptw_vf_kept_of(v, n->first.v, n->last.v) != PTW_COVER_ALL;
}

enum ptw_status ptw_vf_take_new_table(struct ptw_verify *v,
                                      const struct ptw_item *n)
{
    enum ptw_status st;

    if (!may_be_new(v, n)) {
        return ptw_vf_stands_alone(v, NEW, n);
    }
    st = ptw_vf_pair_tables(v, n, n->u.table.level, NO_OLD_TABLE,
                            n->u.table.table);
    if (st == PTW_OK) {
        ptw_vf_advance(v, NEW);
    }
    return st;
}

enum ptw_status ptw_vf_compare_leaf(struct ptw_verify *v,
                                    const struct ptw_item *o)
{
    uint64_t size = (uint64_t)1 << o->u.mapping.size_log2;

    while (v->state.done < size) {
        const struct ptw_item *n;
        enum ptw_status st = ptw_vf_peek(v, NEW, &n);
        uint64_t next = size; /* where the new image has something again */

        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        if (n != NULL && n->kind != PTW_ITEM_SPACE && n->space == o->space &&
            n->first.v <= o->last.v) {
            if (n->first.v < o->first.v + v->state.done) {
                st = ptw_vf_take_new_table(v, n);
                if (st != PTW_OK) {
                    return st;
                }
                continue;
            }
            next = n->first.v - o->first.v;
        }
        st = nothing_there(v, o, next);
        if (st != PTW_OK) {
            return st;
        }
        if (next == size) {
            break;
        }
        if (n->kind == PTW_ITEM_TABLE &&
            n->u.table.level < o->u.mapping.level) {
            st = ptw_vf_pair_tables(v, n, n->u.table.level, NO_OLD_TABLE,
                                    n->u.table.table);
            if (st != PTW_OK) {
                return st;
            }
            /* Of a leaf that was split; or of a map, beside it. */
            if (ptw_vf_own_rights(v, n->u.table.level + 1u,
                                  n->u.table.attributes) !=
                v->state.regime->rights) {
                uint64_t end = n->last.v - o->first.v + 1;

                v->state.withheld_end =
                    end > v->state.withheld_end ? end : v->state.withheld_end;
            }
            ptw_vf_advance(v, NEW);
            continue;
        }
        if (n->kind != PTW_ITEM_MAPPING) {
            ptw_vf_note_leaf(v, OLD, o, n->first.v);
            ptw_vf_note_item(v, NEW, n);
            return ptw_vf_differ(v,
                                 n->kind == PTW_ITEM_FINDING
                                     ? ptw_vf_kind_of(n, true)
                                     : PTW_DIFFERS_TABLE,
                                 n->space, n->first.v);
        }
        if (n->u.mapping.level < o->u.mapping.level) {
            st = could_stay(v, o);
            if (st != PTW_OK) {
                return st;
            }
        }
        st = compare_pair(v, o, n);
        if (st != PTW_OK) {
            return st;
        }
        v->state.done += (uint64_t)1 << n->u.mapping.size_log2;
        ptw_vf_advance(v, NEW);
    }
    v->state.withheld_end = 0;
    v->state.done = 0;
    v->state.keepable = UNKNOWN;
    v->certificate.leaves++;
    ptw_vf_advance(v, OLD);
    return PTW_OK;
}
