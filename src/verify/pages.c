/* SPDX-License-Identifier: Apache-2.0 */
/* This file pairs new pages with old ones.
 *
 * It writes down which old page each new page is: the new page must be the
 * same one whenever it comes again, and no other new page may be it. */
#include "pages.h"

#include "answer.h"

enum { OUTSIDE_BITS = 20 }; /* of the value of a large page, from bit 0 */

/* Folds in the bytes of a page, in whatever order pages come: in four sums that
 * don't wait for each other. */
static void fold_page(struct ptw_verify *v, const unsigned char *page,
                      uint32_t sequence)
{
    uint64_t a = sequence;
    uint64_t b = 2;
    uint64_t c = 3;
    uint64_t d = 4;

    for (unsigned i = 0; i < ptw_vf_page_bytes(v); i += 32) {
        a = ptw_vf_mixed(a, ptw_load64(page + i));
        b = ptw_vf_mixed(b, ptw_load64(page + i + 8));
        c = ptw_vf_mixed(c, ptw_load64(page + i + 16));
        d = ptw_vf_mixed(d, ptw_load64(page + i + 24));
    }
    a = (a ^ c) * 0x9E3779B97F4A7C15;
    b = (b ^ d ^ a) * 0xC2B2AE3D27D4EB4F;
    v->state.contents[0] += a ^ a >> 32;
    v->state.contents[1] += b ^ b >> 31;
}

/* Compares what both images can read of a page that one of them can't read
 * whole.  What neither can read has no contents but its address. */
static enum ptw_difference_kind compare_parts(struct ptw_verify *v,
                                              uint64_t old_pa, uint64_t new_pa,
                                              uint32_t sequence)
{
    struct ptw_verify_side *s = v->state.side;
    struct ptw_parts parts;

    ptw_compare_parts(s[OLD].mem, ptw_pa_of(old_pa), s[OLD].page, s[NEW].mem,
                      ptw_pa_of(new_pa), s[NEW].page, ptw_vf_page_bytes(v),
                      &parts);
    if (!parts.same) {
        return PTW_DIFFERS_BYTES;
    }
    if (parts.only_a > 0) {
        return PTW_DIFFERS_UNREADABLE;
    }
    if (parts.only_b > 0 || old_pa != new_pa) {
        return PTW_DIFFERS_KEPT;
    }
    if (parts.both == 0) {
        v->state.refused++;
        return PTW_DIFFERS_NOT;
    }
    v->certificate.partial++;
    v->state.contents[0] += ptw_vf_mixed(parts.shape, sequence);
    fold_page(v, (const unsigned char *)s[NEW].page, sequence);
    return PTW_DIFFERS_NOT;
}

enum ptw_difference_kind ptw_vf_compare_page(struct ptw_verify *v,
                                             uint64_t old_pa, uint64_t new_pa,
                                             uint32_t sequence)
{
    struct ptw_verify_side *s = v->state.side;
    const void *was =
        ptw_page_bytes(s[OLD].mem, old_pa, ptw_vf_page_bytes(v), s[OLD].page);
    const void *is =
        ptw_page_bytes(s[NEW].mem, new_pa, ptw_vf_page_bytes(v), s[NEW].page);

    if (was == NULL || is == NULL) {
        return compare_parts(v, old_pa, new_pa, sequence);
    }
    if (was != is && memcmp(was, is, ptw_vf_page_bytes(v)) != 0) {
        return PTW_DIFFERS_BYTES;
    }
    fold_page(v, is, sequence);
    return PTW_DIFFERS_NOT;
}

static uint64_t marked(const struct ptw_verify *v, uint64_t pa, unsigned mark)
{
    return ((pa >> v->state.page_log2) + 1) | (uint64_t)1 << mark;
}

/* ------------------------------------------------------------- merged pages */

static bool is_blank(struct ptw_verify *v, uint64_t new_pa)
{
    struct ptw_verify_side *s = &v->state.side[NEW];
    const unsigned char *p =
        ptw_page_bytes(s->mem, new_pa, ptw_vf_page_bytes(v), s->page);

    return p != NULL && p[0] == 0 &&
           memcmp(p, p + 1, ptw_vf_page_bytes(v) - 1) == 0;
}

/* An old page that stands where another one does: that is right only for small
 * pages that were merged, and it must stand nowhere else. */
static enum ptw_difference_kind join_page(struct ptw_verify *v, uint64_t old_pa,
                                          uint64_t new_pa, struct taken *t,
                                          struct seen *block, uint64_t old_bit,
                                          uint32_t *sequence)
{
    bool fresh;
    struct seen *s = ptw_vf_seen_at(v, marked(v, old_pa, JOINED_AT), &fresh);
    struct seen *order;

    if (!fresh) {
        order = ptw_hash_find(&v->state.pages, sizeof *order,
                              marked(v, old_pa, SEQUENCE_AT));
        *sequence = order != NULL ? (uint32_t)order->value : 0;
        return s->value == new_pa >> v->state.page_log2 ? PTW_DIFFERS_NOT
                                                        : PTW_DIFFERS_SHARED;
    }
    s->value = new_pa >> v->state.page_log2;
    if ((block->value & old_bit) != 0) {
        return PTW_DIFFERS_SHARED;
    }
    if ((v->o.flags & PTW_REBUILD_MERGE) == 0 &&
        ((v->o.flags & PTW_REBUILD_ZEROS) == 0 || !is_blank(v, new_pa))) {
        return PTW_DIFFERS_JOINED;
    }
    block->value |= old_bit;
    t->joined |= (uint64_t)1 << (new_pa >> v->state.page_log2 & (PAGES - 1));
    v->state.joins = true;
    *sequence = (uint32_t)v->certificate.pages++;
    order = ptw_vf_seen_at(v, marked(v, old_pa, SEQUENCE_AT), &fresh);
    order->value = *sequence;
    return ptw_vf_compare_page(v, old_pa, new_pa, *sequence);
}

/* Notes where the first page is that is one with another: that is wrong if the
 * guest turns out to have a table by which it can make their leaves
 * writable. */
static void note_joined(struct ptw_verify *v, const struct ptw_item *o,
                        const struct ptw_item *n, uint64_t va)
{
    struct ptw_difference none = {0};

    ptw_vf_note_leaf(v, OLD, o, va);
    ptw_vf_note_leaf(v, NEW, n, va);
    (void)ptw_vf_differ(v, PTW_DIFFERS_JOINED, n->space, va);
    v->joined = v->difference;
    v->difference = none;
}

/* ----------------------------------------------------------- pairs of pages */

/* Notes the flag bits that a leaf maps that new page with.  Returns whether
 * another leaf had others. */
static bool flags_differ(struct ptw_verify *v, uint64_t new_pa, uint64_t flags)
{
    enum { DIFFER = 1 }; /* flag bits are higher */

    bool fresh;
    struct seen *s = ptw_vf_seen_at(v, marked(v, new_pa, FLAGS_AT), &fresh);

    if (fresh) {
        s->value = flags;
    } else if (s->value != flags) {
        s->value |= DIFFER;
    }
    return (s->value & DIFFER) != 0;
}

/* One old page and the new page in its place, of a leaf that is writable, or
 * large.  *sequence is how many pages had been seen when the old one was. */
static enum ptw_status pair_page(struct ptw_verify *v, uint64_t old_pa,
                                 uint64_t new_pa, bool writable, bool large,
                                 uint64_t flags, uint32_t *sequence,
                                 enum ptw_difference_kind *kind)
{
    unsigned i = (unsigned)(new_pa >> v->state.page_log2 & (PAGES - 1));
    uint64_t bit = (uint64_t)1 << i;
    uint64_t old_bit = (uint64_t)1
                       << (old_pa >> v->state.page_log2 & (PAGES - 1));
    struct seen *block;
    struct taken *t;
    bool fresh;

    if (ptw_vf_room(v, PTW_VERIFY_PAGES) != PTW_OK ||
        ptw_vf_room(v, PTW_VERIFY_TAKEN) != PTW_OK) {
        return PTW_E_SPACE;
    }
    block =
        ptw_vf_seen_at(v, (old_pa >> (v->state.page_log2 + BLOCK)) + 1, &fresh);
    t = ptw_hash_enter(&v->state.taken, sizeof *t,
                       (new_pa >> (v->state.page_log2 + BLOCK)) + 1, &fresh);
    t->writable |= writable ? bit : 0;
    t->large |= large ? bit : 0;
    *kind = PTW_DIFFERS_NOT;
    if ((t->taken & bit) == 0) {
        if ((block->value & old_bit) != 0) {
            *kind = PTW_DIFFERS_SHARED;
            return PTW_OK;
        }
        block->value |= old_bit;
        t->taken |= bit;
        t->old[i] = old_pa >> v->state.page_log2;
        t->sequence[i] = (uint32_t)v->certificate.pages++;
        *sequence = t->sequence[i];
        if (v->state.regime->flag_bits != 0) {
            (void)flags_differ(v, new_pa, flags);
        }
        return PTW_OK;
    }
    *sequence = t->sequence[i];
    if (t->old[i] != old_pa >> v->state.page_log2) {
        *kind = join_page(v, old_pa, new_pa, t, block, old_bit, sequence);
    }
    /* It is one page, and no leaf of it may say otherwise. */
    if (*kind == PTW_DIFFERS_NOT && v->state.regime->flag_bits != 0 &&
        flags_differ(v, new_pa, flags) && (t->joined & bit) != 0) {
        *kind = PTW_DIFFERS_JOINED;
    }
    if (*kind == PTW_DIFFERS_NOT &&
        (t->joined & (t->writable | t->large) & bit) != 0) {
        *kind = PTW_DIFFERS_JOINED;
    }
    return PTW_OK;
}

/* Which page that large new one is, for the digest: its first page, by how many
 * had been seen before it; if there is none, where it would be. */
static uint64_t name_of(const struct ptw_verify *v, uint64_t new_pa)
{
    const struct taken *t =
        ptw_hash_find(&v->state.taken, sizeof *t,
                      (new_pa >> (v->state.page_log2 + BLOCK)) + 1);
    unsigned i = (unsigned)(new_pa >> v->state.page_log2 & (PAGES - 1));

    return t != NULL && (t->taken >> i & 1) != 0 ? t->sequence[i] : new_pa;
}

/* From pa on there is no memory in the old image, of which pages have a byte,
 * before the address that is returned, or before last + 1. */
static uint64_t nowhere_to(const struct ptw_verify *v, uint64_t pa,
                           uint64_t last)
{
    uint64_t first;
    uint64_t end;

    return ptw_runs_touched(&v->state.side[OLD].runs, pa, last, &first, &end)
               ? first
               : last + 1;
}

/* The largest part of a leaf that may start at that offset, of so many bytes at
 * most: a power of two. */
static uint64_t largest_aligned(uint64_t offset, uint64_t most)
{
    unsigned bits = 63 - (unsigned)__builtin_clzll(most);
    uint64_t fits = offset & -offset;

    return fits != 0 && fits >> bits == 0 ? fits : (uint64_t)1 << bits;
}

/* What pairing the page at that offset of a new leaf came to. */
static enum ptw_status settle_page(struct ptw_verify *v,
                                   const struct ptw_item *o,
                                   const struct ptw_item *n, uint64_t at,
                                   enum ptw_status st,
                                   enum ptw_difference_kind kind)
{
    if (v->state.joins && v->joined.kind == PTW_DIFFERS_NOT) {
        note_joined(v, o, n, n->first.v + at);
    }
    v->work++;
    if (st != PTW_OK) {
        return st;
    }
    if (kind != PTW_DIFFERS_NOT) {
        ptw_vf_note_leaf(v, OLD, o, n->first.v + at);
        ptw_vf_note_leaf(v, NEW, n, n->first.v + at);
        return ptw_vf_differ(v, kind, n->space, n->first.v + at);
    }
    return PTW_OK;
}

enum ptw_status ptw_vf_pair_small(struct ptw_verify *v,
                                  const struct ptw_item *o,
                                  const struct ptw_item *n, bool writable,
                                  uint64_t flags)
{
    uint64_t old_pa = o->u.mapping.pa.v;
    enum ptw_difference_kind kind = PTW_DIFFERS_NOT;
    uint32_t sequence = 0;
    enum ptw_status st;

    if (ptw_runs_page_near(&v->state.side[OLD].runs, &v->state.near,
                           v->state.page_log2, old_pa) != PTW_COVER_ALL) {
        return ptw_vf_pair_leaf(v, o, n, writable);
    }
    st = pair_page(v, old_pa, n->u.mapping.pa.v, writable, false, flags,
                   &sequence, &kind);
    st = settle_page(v, o, n, 0, st, kind);
    if (st == PTW_OK) {
        ptw_vf_fold(v, ptw_vf_mixed(0, sequence));
    }
    return st;
}

enum ptw_status ptw_vf_pair_leaf(struct ptw_verify *v, const struct ptw_item *o,
                                 const struct ptw_item *n, bool writable)
{
    uint64_t offset = n->first.v - o->first.v;
    uint64_t old_pa = o->u.mapping.pa.v + offset;
    uint64_t new_pa = n->u.mapping.pa.v;
    unsigned bits = n->u.mapping.size_log2;
    uint64_t size = (uint64_t)1 << bits;
    uint64_t key = ptw_vf_large_key(v, old_pa, bits) | (uint64_t)writable
                                                           << WRITES_AT;
    uint64_t flags =
        ptw_attributes_of(v->state.regime, n->u.mapping.level, n->u.mapping.raw)
            .flag_bits;
    struct seen *whole = NULL;
    uint64_t outside = 0; /* pages */
    uint64_t which = 0;   /* pages they are, for the digest */
    uint64_t nothing = 0; /* to here, there is no memory */
    uint64_t step;
    bool fresh;

    if (bits > v->state.page_log2) {
        v->work++;
        whole = ptw_hash_find(&v->state.pages, sizeof *whole, key);
        if (whole != NULL &&
            whole->value >> OUTSIDE_BITS == new_pa >> v->state.page_log2) {
            v->certificate.outside += whole->value & ptw_low_mask(OUTSIDE_BITS);
            ptw_vf_fold(v, name_of(v, new_pa));
            return PTW_OK;
        }
    }
    for (uint64_t at = 0; at < size; at += step) {
        enum ptw_difference_kind kind = PTW_DIFFERS_NOT;
        uint32_t sequence = 0;
        enum ptw_status st = PTW_OK;

        if (at >= nothing) {
            nothing = nowhere_to(v, old_pa + at, old_pa + (size - 1)) - old_pa;
        }
        if (at < nothing) {
            step = largest_aligned(offset + at, nothing - at);
            outside += step >> v->state.page_log2;
            which = ptw_vf_mixed(which, old_pa + at);
            if (old_pa != new_pa ||
                ptw_touches(v->state.side[NEW].mem, new_pa + at, step)) {
                kind = PTW_DIFFERS_KEPT;
            }
        } else {
            step = ptw_vf_page_bytes(v);
            st = pair_page(v, old_pa + at, new_pa + at, writable,
                           bits > v->state.page_log2, flags, &sequence, &kind);
            which = ptw_vf_mixed(which, sequence);
        }
        st = settle_page(v, o, n, at, st, kind);
        if (st != PTW_OK) {
            return st;
        }
    }
    if (bits > v->state.page_log2) {
        if (ptw_vf_room(v, PTW_VERIFY_PAGES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        whole = ptw_vf_seen_at(v, key, &fresh);
        whole->value = new_pa >> v->state.page_log2 << OUTSIDE_BITS | outside;
    }
    v->certificate.outside += outside;
    ptw_vf_fold(v, which);
    return PTW_OK;
}
