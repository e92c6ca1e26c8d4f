/* SPDX-License-Identifier: Apache-2.0 */
/* This file pairs new tables with old ones, and compares their entries that
 * are not present.
 *
 * It writes down which old table each new table is: a new table that is
 * another table, or a page, as well must have been that before. */
#include "tables.h"

#include "answer.h"
#include "pages.h"
#include "writers.h"

/* ----------------------------------------------------------------- overlaps */

/* What a new table stands for, as a number: the old table or, if there was none,
 * the place where the table is met, at one level of which a walk does not meet it
 * twice. */
static uint64_t stands_for(const struct ptw_item *n, unsigned level,
                           uint64_t old_table)
{
    return old_table == NO_OLD_TABLE
               ? (uint64_t)1 << 63 | n->first.v >> 1 | level
               : (old_table >> PTW_TABLE_ALIGN) + 1;
}

/* Notes which part of an old table a part of a new one stands for; a part is a
 * page, or a table that is smaller. */
static enum ptw_status note_part(struct ptw_verify *v, const struct ptw_item *n,
                                 unsigned level, ptw_pa table,
                                 uint64_t old_table)
{
    uint64_t number = stands_for(n, level, old_table);
    struct seen *s;
    bool fresh;

    if (ptw_vf_room(v, PTW_VERIFY_PAGES) != PTW_OK) {
        return PTW_E_SPACE;
    }
    s = ptw_vf_seen_at(
        v, ((table.v >> PTW_TABLE_ALIGN) + 1) | (uint64_t)1 << TABLE_AT,
        &fresh);
    if (!fresh && s->value != number) {
        v->difference.old_pa.v = old_table == NO_OLD_TABLE ? 0 : old_table;
        ptw_vf_note_item(v, NEW, n);
        return ptw_vf_differ(v, PTW_DIFFERS_OVERLAP, n->space, n->first.v);
    }
    s->value = number;
    return PTW_OK;
}

/* Notes which old table a new one stands for.  One that stands for two would
 * show in both what is written to either. */
static enum ptw_status note_table(struct ptw_verify *v,
                                  const struct ptw_item *n, unsigned level,
                                  ptw_pa table, uint64_t old_table)
{
    uint64_t bytes = ptw_table_bytes(v->state.regime->arch->format,
                                     ptw_vf_regime_of(v, n), level);
    enum ptw_status st = PTW_OK;

    for (uint64_t at = 0; st == PTW_OK && at < bytes;
         at += ptw_vf_page_bytes(v)) {
        st = note_part(v, n, level, ptw_pa_of(table.v + at),
                       old_table == NO_OLD_TABLE ? NO_OLD_TABLE
                                                 : old_table + at);
    }
    return st;
}

/* Whether the page that new table s stands in, page k of t, was not the one
 * that the same table stood in before, at the same place. */
static bool overlaps(const struct ptw_verify *v, const struct taken *t,
                     unsigned k, uint64_t new_table, const struct seen *s)
{
    uint64_t within =
        new_table & ptw_low_mask(v->state.page_log2 - PTW_TABLE_ALIGN);

    return (t->joined >> k & 1) != 0 ||
           s->value !=
               (t->old[k] << (v->state.page_log2 - PTW_TABLE_ALIGN) | within) +
                   1;
}

void ptw_vf_find_overlaps(struct ptw_verify *v)
{
    for (size_t i = 0;
         v->state.pages.record != NULL && i >> v->state.pages.slots_log2 == 0;
         i++) {
        const struct seen *s =
            (const void *)(v->state.pages.record + i * sizeof(struct seen));
        uint64_t table = (s->key & ptw_low_mask(TABLE_AT)) - 1;
        uint64_t page = table >> (v->state.page_log2 - PTW_TABLE_ALIGN);
        unsigned k = (unsigned)(page & (PAGES - 1));
        struct taken *t;

        if (s->key >> TABLE_AT != 1) {
            continue;
        }
        t = ptw_hash_find(&v->state.taken, sizeof *t, (page >> BLOCK) + 1);
        if (t != NULL && (t->taken >> k & 1) != 0 &&
            overlaps(v, t, k, table, s)) {
            t->differ |= (uint64_t)1 << k;
            t->overlaps |= (uint64_t)1 << k;
        }
    }
}

/* -------------------------------------------------------------- not present */

/* A new entry in the place of an old one that named that page: it is the same
 * but for where the page is, and so are the bytes and the sharing. */
static enum ptw_status compare_named(struct ptw_verify *v,
                                     const struct ptw_item *old, uint64_t is)
{
    const struct ptw_mapping *m = &old->u.mapping;
    struct ptw_absent_entry e =
        ptw_absent_read(&v->o.absent, v->state.regime, m->level, is);
    struct ptw_item page = *old;
    enum ptw_status st;
    uint64_t back = 0;

    if (e.kind != PTW_ABSENT_FRAME ||
        ptw_absent_write(&v->o.absent, v->state.regime, m->level, is, m->pa,
                         &back) != PTW_OK ||
        back != m->raw) {
        v->difference.old_raw = m->raw;
        v->difference.new_raw = is;
        return ptw_vf_differ(v, PTW_DIFFERS_ABSENT, old->space, old->first.v);
    }
    page.u.mapping.pa = e.pa;
    page.u.mapping.raw = is;
    st = ptw_vf_pair_leaf(v, old, &page, true);
    if (st == PTW_OK) {
        ptw_vf_fold(v, old->first.v | m->size_log2);
    }
    return st;
}

/* One entry that was not present, and is not. */
static enum ptw_status compare_entry(struct ptw_verify *v,
                                     const struct ptw_item *n, unsigned level,
                                     uint64_t va, uint64_t was, uint64_t is)
{
    struct ptw_certificate *c = &v->certificate;
    enum ptw_absent_kind kind = PTW_ABSENT_NO_FRAME;
    enum ptw_status st = PTW_OK;
    struct ptw_item old;

    if (was != 0 && ptw_vf_follows(v)) {
        kind = ptw_vf_named(v, n, level, va, was, &old);
    }
    if (kind == PTW_ABSENT_FRAME) {
        bool readable;

        st = ptw_vf_all_readable(v, old.u.mapping.pa.v, old.u.mapping.size_log2,
                                 &readable);
        if (st != PTW_OK) {
            return st;
        }
        kind = readable ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
    }
    if (kind == PTW_ABSENT_FRAME) {
        st = compare_named(v, &old, is);
    } else if (is !=
               (v->o.absent.policy == PTW_ABSENT_CLEAR ? (uint64_t)0 : was)) {
        v->difference.old_raw = was;
        v->difference.new_raw = is;
        st = ptw_vf_differ(v, PTW_DIFFERS_ABSENT, n->space, va);
    }
    if (st != PTW_OK || was == 0) {
        return st;
    }
    c->absent_followed += kind == PTW_ABSENT_FRAME;
    c->absent_unknown += kind == PTW_ABSENT_UNKNOWN;
    if (kind == PTW_ABSENT_NO_FRAME) {
        *(v->o.absent.policy == PTW_ABSENT_CLEAR ? &c->absent_cleared
                                                 : &c->absent_kept) += 1;
    }
    return PTW_OK;
}

/* Reads entry i of the old table; false when it can't be read, or is present,
 * or there is no old table.  Entries before *gap are known to be unreadable. */
static bool old_absent(struct ptw_verify *v, const struct ptw_item *n,
                       unsigned level, uint64_t old_table, unsigned i,
                       unsigned *gap, uint64_t *was)
{
    unsigned at = i;

    *was = 0;
    if (old_table == NO_OLD_TABLE || i < *gap) {
        return false;
    }
    if (ptw_vf_read_absent(v, OLD, n, level, ptw_pa_of(old_table), &at, was)) {
        return true;
    }
    *was = 0;
    *gap = at + 1;
    return false;
}

/* Notes the first new entry that is not present and has bits where the old
 * image had no such entry.  It is a difference, which is said at the end: where
 * something is missing as well, that says more. */
static void note_added(struct ptw_verify *v, const struct ptw_item *n,
                       uint64_t va, uint64_t is)
{
    if (v->added.kind == PTW_DIFFERS_NOT) {
        v->added.kind = PTW_DIFFERS_ABSENT;
        v->added.space = n->space;
        v->added.va.v = va;
        v->added.new_raw = is;
    }
}

/* Where the lines of a table of that level can be read directly, or NULL. */
static const void *lines_of(struct ptw_verify *v, unsigned which,
                            const struct ptw_item *n, unsigned level,
                            uint64_t table)
{
    struct ptw_verify_side *s = &v->state.side[which];
    const struct ptw_format *a = v->state.regime->arch->format;
    unsigned bits = ptw_vf_index_bits(v, n, level);

    return (1u << bits) < PTW_LINE
               ? NULL
               : ptw_readable_cached(s->mem, &s->cache, table,
                                     (uint64_t)1 << (bits + a->entry_log2));
}

/* The first entry, from i on, of a line in which an entry is not present and not 0,
 * in the new table or in the old one, if there is one; `end`, if there is none. */
static unsigned pass_lines(struct ptw_verify *v, const void *was,
                           const void *is, unsigned i, unsigned end)
{
    const struct ptw_format *a = v->state.regime->arch->format;
    unsigned next = ptw_pass_absent(a, is, i, end);

    v->work += next - i + PTW_LINE; /* with the line that it stopped at */
    if (was != NULL) {
        next = ptw_pass_absent(a, was, i, next);
        v->work += next - i + PTW_LINE;
    }
    return next;
}

/* The new entries that are not present, and kept: a guest keeps there what it
 * swapped out, and what it does not want to be touched.  An old one in the
 * place of which an entry is present gave way to a map.  Goes on at
 * v->state.entry when there was no room. */
static enum ptw_status compare_absent(struct ptw_verify *v,
                                      const struct ptw_item *n, unsigned level,
                                      uint64_t old_table, ptw_pa new_table)
{
    const void *is_host = lines_of(v, NEW, n, level, new_table.v);
    const void *was_host = old_table == NO_OLD_TABLE
                               ? NULL
                               : lines_of(v, OLD, n, level, old_table);
    bool lines =
        is_host != NULL && (was_host != NULL || old_table == NO_OLD_TABLE);
    const unsigned end = 1u << ptw_vf_index_bits(v, n, level);
    unsigned gap = 0;

    for (; v->state.entry < end; v->state.entry++) {
        unsigned i = v->state.entry;
        uint64_t was;
        uint64_t is;
        uint64_t va;
        bool absent;
        bool had;
        enum ptw_status st = PTW_OK;

        if (lines && i % PTW_LINE == 0) {
            i = pass_lines(v, was_host, is_host, i, end);
            v->state.entry = i;
            if (i == end) {
                break;
            }
        }
        absent = ptw_vf_read_absent(v, NEW, n, level, new_table,
                                    &v->state.entry, &is);
        had = (absent || is != 0) &&
              old_absent(v, n, level, old_table, i, &gap, &was);
        if (((had ? was : 0) | (absent ? is : 0)) == 0 ||
            !ptw_vf_entry_kept(v, n, level, i, &va)) {
            continue;
        }
        if (!absent) {
            v->certificate.absent_cleared++;
        } else if (had) {
            st = compare_entry(v, n, level, va, was, is);
        } else {
            note_added(v, n, va, is);
        }
        if (st != PTW_OK) {
            return st;
        }
    }
    v->state.entry = 0;
    return PTW_OK;
}

enum ptw_status ptw_vf_pair_tables(struct ptw_verify *v,
                                   const struct ptw_item *n, unsigned level,
                                   uint64_t old_table, ptw_pa new_table)
{
    enum ptw_status st = note_table(v, n, level, new_table, old_table);

    return st == PTW_OK ? compare_absent(v, n, level, old_table, new_table)
                        : st;
}
