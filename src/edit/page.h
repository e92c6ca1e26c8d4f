/* SPDX-License-Identifier: Apache-2.0 */
/* This file maps one page where the table of leaves is there: single pages come
 * by the million.
 *
 * Few checks say that a request is a plain one, and nothing of an edit is set
 * up.  What they don't pass is no mistake: it takes the way that every edit can
 * take.  No path is kept for the next call: between two calls the tables may
 * change, and nobody tells. */
#ifndef PTW_EDIT_PAGE_H
#define PTW_EDIT_PAGE_H

#include "shares.h"
#include "walk/descend.h"
#include "walk/quick.h"

/* The flags with which one page is mapped as without them, where its table
 * is. */
enum { PTW_PAGE_FLAGS = PTW_EDIT_LARGE | PTW_EDIT_SPLIT };

/* Whether a request is for one page, and nothing of it is wrong: the root,
 * where the page is mapped, and to what.  Rights and attributes are another
 * matter. */
PTW_ENGINE bool ptw_page_is_plain(const struct ptw_format *a,
                                  const struct ptw_tables *t,
                                  const struct ptw_map_request *q)
{
    const struct ptw_regime *r = t->root.regime;
    uint64_t page = ptw_low_mask(a->level[0].shift);

    return ((q->first.v & page) | ((q->last.v - q->first.v) ^ page) |
            (q->pa.v & r->no_page) | (t->root.table.v & r->no_root) |
            (q->flags & ~(unsigned)PTW_PAGE_FLAGS) |
            (uint64_t)!ptw_is_canonical(r, q->first.v)) == 0;
}

/* Whether nothing more is asked for: then the regime has its leaf at hand, if
 * there is one with those rights. */
PTW_ENGINE bool ptw_page_is_simple(const struct ptw_tables *t,
                                   const struct ptw_map_request *q)
{
    const struct ptw_attributes *at = &q->attributes;
    unsigned few = at->memory_type | at->key | at->global | q->copy_on_write |
                   (q->rights & ~(unsigned)PTW_ALL_RIGHTS);

    return ((uintptr_t)t->shares | at->flag_bits | few) == 0;
}

/* The way down to the table of leaves of an address that tables can map, if it
 * is quick, grants those rights, and that table can be written directly:
 * *offset, from what the cache has. */
PTW_ENGINE bool ptw_page_leaves(const struct ptw_format *a,
                                const struct ptw_tables *t, unsigned rights,
                                ptw_va va, uint64_t *offset)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_region_cache *cache = &t->mem->cache;
    uint64_t bytes = (uint64_t)1 << (a->level[0].bits + a->entry_log2);
    struct ptw_quick q = {.table = t->root.table.v, .kept = UINT64_MAX};

    if (!ptw_is_quick(a, r) || !ptw_quick_down(a, t->mem, r, va, &q) ||
        PTW_UNLIKELY((rights & ~a->path_rights(r, q.kept)) != 0)) {
        return false;
    }
    *offset = q.table - cache->first;
    return PTW_LIKELY(*offset < cache->entries_end) &&
           PTW_LIKELY(cache->entries_end - *offset > bytes - 8) &&
           PTW_LIKELY(cache->writable);
}

/* Whether an entry with which that one of a table of leaves can be one run says
 * that it is part of a run. */
PTW_ENGINE bool ptw_page_in_run(const struct ptw_format *a, const void *leaves,
                                unsigned index)
{
    unsigned run = 1u << a->level[0].run;
    const unsigned char *first = ptw_entry_host(a, leaves, index & ~(run - 1));
    ptw_entry_pair any = {0, 0};

    if (a->together == 0) {
        return false;
    }
    assert(a->entry_log2 == 3 && run >= 16);
    for (unsigned i = 0; i < run; i += 16) {
        PTW_UNROLL
        for (unsigned j = 0; j < 16; j += 2) {
            any |= *(const ptw_entry_pair *)(first + (size_t)(i + j) * 8);
        }
    }
    return (ptw_le64(any[0] | any[1]) & a->together) != 0;
}

/* The index of the leaf of an address, in a table of leaves that is no root. */
PTW_ENGINE unsigned ptw_page_index(const struct ptw_format *a, uint64_t va)
{
    return (unsigned)(va >> a->level[0].shift) &
           (unsigned)ptw_low_mask(a->level[0].bits);
}

/* The rights of the leaf of a mapping. */
PTW_ENGINE unsigned ptw_page_rights(unsigned rights, bool copy_on_write)
{
    return rights & ~(copy_on_write ? (unsigned)PTW_WRITE : 0u);
}

/* Writes the leaf of that address; false, and nothing has changed: it is in a
 * run. */
PTW_ENGINE bool ptw_page_put(const struct ptw_format *a, void *leaves,
                             uint64_t va, uint64_t leaf)
{
    unsigned index = ptw_page_index(a, va);

    if (PTW_UNLIKELY(ptw_page_in_run(a, leaves, index))) {
        return false;
    }
    ptw_store_entry(a, leaves, index, leaf);
    return true;
}

/* Maps what a request asks for if it is a plain one for one page, and all of
 * the way to its leaf is plain and in the memory where the accessor looks
 * first; false, and nothing has changed: it is not.  No function is called, so
 * that nothing is kept for when it returns. */
PTW_ENGINE bool ptw_page_mapped(const struct ptw_format *a,
                                const struct ptw_tables *t,
                                const struct ptw_map_request *q)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_region_cache *cache = &t->mem->cache;
    uint64_t offset = 0;
    uint64_t bits;

    if (a->levels == 0 || PTW_UNLIKELY(!ptw_page_is_plain(a, t, q)) ||
        PTW_UNLIKELY(!ptw_page_is_simple(t, q)) ||
        PTW_UNLIKELY(ptw_limit(q->max_reads) < ptw_top(a, r))) {
        return false;
    }
    bits = r->page[q->rights];
    if (PTW_UNLIKELY(bits == 0) ||
        PTW_UNLIKELY(!ptw_page_leaves(a, t, q->rights, q->first, &offset))) {
        return false;
    }
    /* The cast takes away a const as ptw_writable_cached does. */
    return ptw_page_put(a, (void *)(uintptr_t)(cache->host + (size_t)offset),
                        q->first.v, ptw_leaf_entry(a, r, 0, bits, q->pa.v));
}

/* Whether the table of that level of a path, if it has one, is its alone. */
PTW_ENGINE bool ptw_own_at(const struct ptw_format *a,
                           const struct ptw_shares *shares,
                           const struct ptw_cursor *c, unsigned level)
{
    return level > ptw_top(a, c->regime) ||
           ptw_shares_count(shares, c->at[level].table) <= 1;
}

/* Whether each table of a path to a table of leaves is. */
PTW_ENGINE bool ptw_own_path(const struct ptw_format *a,
                             const struct ptw_shares *shares,
                             const struct ptw_cursor *c)
{
    return shares == NULL ||
           (ptw_own_at(a, shares, c, 0) && ptw_own_at(a, shares, c, 1) &&
            ptw_own_at(a, shares, c, 2) && ptw_own_at(a, shares, c, 3) &&
            ptw_own_at(a, shares, c, 4));
}

/* The table of leaves of an address, in any memory that can be written
 * directly, if the way to it is there, private, and grants those rights; or
 * NULL. */
PTW_ENGINE void *ptw_page_table(const struct ptw_format *a,
                                const struct ptw_tables *t, unsigned rights,
                                uint64_t va)
{
    const struct ptw_regime *r = t->root.regime;
    struct ptw_cursor c;
    struct ptw_entry e;

    ptw_cursor_at(a, &c, t->mem, t->root, va & ptw_low_mask(ptw_width(a, r)));
    /* What the leaf is does not matter, and to read it is to wait for it. */
    if (ptw_descend_to(a, &c, 1, &e) != PTW_V_ENTERED ||
        (c.at[0].rights & rights) != rights ||
        !ptw_own_path(a, t->shares, &c)) {
        return NULL;
    }
    return ptw_writable_cached(c.mem, &c.cache, c.at[0].table,
                               ptw_table_bytes(a, r, 0));
}

/* ptw_page_mapped for any memory and any attributes, and tables that may be
 * shared. */
PTW_ENGINE bool ptw_page_mapped_anywhere(const struct ptw_format *a,
                                         const struct ptw_tables *t,
                                         const struct ptw_map_request *q)
{
    const struct ptw_regime *r = t->root.regime;
    unsigned rights = ptw_page_rights(q->rights, q->copy_on_write);
    uint64_t bits;
    void *leaves;

    if (a->levels == 0 || !ptw_root_is_plain(a, r) ||
        !ptw_page_is_plain(a, t, q) ||
        ptw_limit(q->max_reads) < ptw_top(a, r) ||
        !a->leaf_bits(r, 0, rights, q->copy_on_write, &q->attributes, &bits)) {
        return false;
    }
    leaves = ptw_page_table(a, t, rights, q->first.v);
    return leaves != NULL &&
           ptw_page_put(a, leaves, q->first.v,
                        ptw_leaf_entry(a, r, 0, bits, q->pa.v));
}

/* ----------------------------------------------------------- lists of pages */

/* The table of leaves of a page of a list, as long as the pages before it have
 * another one. */
struct ptw_page_place {
    uint64_t first; /* the bits of its addresses that say so */
    void *leaves;   /* NULL: not known */
};

PTW_ENGINE void *ptw_page_find(const struct ptw_format *a,
                               const struct ptw_tables *t, unsigned rights,
                               ptw_va va, struct ptw_page_place *place)
{
    const struct ptw_region_cache *cache = &t->mem->cache;
    unsigned bits = a->level[0].shift + a->level[0].bits;
    uint64_t offset = 0;

    if (place->leaves != NULL && place->first == va.v >> bits) {
        return place->leaves;
    }
    place->first = va.v >> bits;
    place->leaves =
        PTW_LIKELY(t->shares == NULL) &&
                PTW_LIKELY(ptw_page_leaves(a, t, rights, va, &offset))
            ? (void *)(uintptr_t)(cache->host + (size_t)offset)
            : ptw_page_table(a, t, rights, va.v);
    return place->leaves;
}

/* Maps a list of smallest pages if there is nothing more to do than to write
 * their leaves: first it is seen to that this is so, and then they are written.
 * false, and nothing has changed: there is. */
PTW_ENGINE bool ptw_pages_mapped(const struct ptw_format *a,
                                 const struct ptw_tables *t,
                                 const struct ptw_map_many_request *q,
                                 enum ptw_status *st)
{
    const struct ptw_regime *r = t->root.regime;
    uint64_t low = ptw_low_mask(a->level[0].shift);
    unsigned rights = ptw_page_rights(q->rights, q->copy_on_write);
    struct ptw_page_place place = {0, NULL};
    uint64_t bits;

    if ((t->root.table.v & r->no_root) != 0 || !ptw_root_is_plain(a, r) ||
        (q->flags & ~(unsigned)PTW_PAGE_FLAGS) != 0 ||
        (q->size_log2 != 0 && q->size_log2 != a->level[0].shift) ||
        ptw_limit(q->max_reads) / ptw_top(a, r) < q->pages ||
        !a->leaf_bits(r, 0, rights, q->copy_on_write, &q->attributes, &bits)) {
        return false;
    }
    for (size_t i = 0; i < q->pages; i++) {
        const struct ptw_page *p = &q->page[i];
        const unsigned char *leaves;

        if (((p->va.v & low) | (p->pa.v & r->no_page) |
             (uint64_t)!ptw_is_canonical(r, p->va.v)) != 0) {
            return false;
        }
        leaves = ptw_page_find(a, t, rights, p->va, &place);
        if (PTW_UNLIKELY(leaves == NULL) ||
            PTW_UNLIKELY(
                ptw_page_in_run(a, leaves, ptw_page_index(a, p->va.v)))) {
            return false;
        }
    }
    place.leaves = NULL;
    *st = PTW_OK;
    for (size_t i = 0; i < q->pages; i++) {
        const struct ptw_page *p = &q->page[i];
        void *leaves = ptw_page_find(a, t, rights, p->va, &place);

        if (PTW_UNLIKELY(leaves == NULL)) {
            *st = PTW_E_CHANGED;
            break;
        }
        ptw_store_entry(a, leaves, ptw_page_index(a, p->va.v),
                        ptw_leaf_entry(a, r, 0, bits, p->pa.v));
    }
    return true;
}

#endif
