/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "halves.h"

#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

void fz_must(enum ptw_status st, const char *what)
{
    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "%s is refused: %s", what, ptw_status_text(st));
    }
}

/* ------------------------------------------------------------------ storage */

enum { STORE_LOG2 = 17, STORE_SLOT = 24, STORE_MORE = 40 };

size_t fz_store_bytes(size_t bytes, unsigned growth, unsigned tries)
{
    unsigned less = tries >= 4 ? 0 : growth >> 2 * (tries & 3) & 3;

    return less == 3 ? bytes + STORE_MORE : bytes >> less;
}

/* Two storages, so that a memo can move from the one to the other. */
static _Alignas(
    8) unsigned char store[2][(STORE_SLOT << STORE_LOG2) + STORE_MORE];
static unsigned store_used;

void fz_memo_init(const struct fz_case *w, struct ptw_memo *memo, uint64_t seed)
{
    size_t bytes = ptw_memo_bytes(1);
    size_t given = fz_store_bytes(bytes, w->growth, 0);
    enum ptw_status st;

    store_used ^= 1;
    st = ptw_memo_init(memo, store[store_used], given, seed);
    if (given < bytes) {
        if (st != PTW_E_SPACE) {
            fz_fail(ASK_STORAGE, "a memo in %zu bytes: %s", given,
                    ptw_status_text(st));
        }
        st = ptw_memo_init(memo, store[store_used], bytes, seed);
    }
    if (st != PTW_OK) {
        fz_stop(ASK_STORAGE, "the smallest memo is refused: %s",
                ptw_status_text(st));
    }
}

void fz_memo_grow(const struct fz_case *w, struct ptw_memo *memo)
{
    size_t bytes = ptw_memo_bytes(2 * memo->used + 1);
    size_t used = memo->used;
    const void *before = memo->slot;
    size_t slots_log2 = memo->slots_log2;
    enum ptw_status st;

    if (bytes > sizeof store[0] - STORE_MORE) {
        fz_stop(ASK_STORAGE, "a memo of %zu tables", memo->used);
    }
    st = ptw_memo_grow(memo, memo->slot, bytes / 8);
    if (st == PTW_OK) {
        fz_stop(ASK_STORAGE, "a memo grows into less");
    }
    store_used ^= 1;
    for (unsigned tries = 0;; tries++) {
        size_t given = fz_store_bytes(bytes, w->growth, tries);

        st = ptw_memo_grow(memo, store[store_used], given);
        if (st == PTW_OK || given >= bytes) {
            break;
        }
        if (st != PTW_E_SPACE || memo->slot != before || memo->used != used) {
            fz_fail(ASK_STORAGE, "a memo that can't grow into %zu bytes: %s",
                    given, ptw_status_text(st));
        }
    }
    if (st != PTW_OK || memo->used != used || memo->slots_log2 <= slots_log2) {
        fz_stop(ASK_STORAGE, "a memo does not grow to %zu bytes: %s", bytes,
                ptw_status_text(st));
    }
}

/* ------------------------------------------------------------------ options */

bool fz_tiles(const struct fz_case *w)
{
    return w->outs == 0;
}

struct ptw_walk_options fz_options(const struct fz_case *w, unsigned flags)
{
    struct ptw_walk_options o = ptw_walk_everything();

    o.first.v = w->first;
    o.last.v = w->last;
    o.max_reads = w->budget;
    o.leave_out = w->leave_out;
    o.leave_outs = w->outs;
    o.flags = flags | (w->self ? (unsigned)PTW_WALK_SELF : 0) |
              (w->by_rights ? (unsigned)PTW_WALK_BY_RIGHTS : 0);
    if (!fz_tiles(w)) {
        o.flags &= ~(unsigned)PTW_WALK_HOLES;
    }
    return o;
}

bool fz_any_left(const struct fz_case *w, uint64_t first, uint64_t last)
{
    return oracle_any_left(w->out, w->outs, first > w->first ? first : w->first,
                           last < w->last ? last : w->last);
}

/* -------------------------------------------------------------------- items */

unsigned fz_shift(const struct fz_case *w, unsigned level)
{
    return level < w->levels ? w->mode.format->level[level].shift
                             : w->mode.format->va_bits;
}

unsigned fz_lower_level(const struct fz_case *w, unsigned number)
{
    return w->levels > 1 ? number % (w->levels - 1) : 0;
}

unsigned fz_entries(const struct fz_case *w, unsigned level)
{
    return w->mode.format->level[level].entries;
}

unsigned fz_entry_rights(const struct fz_case *w, unsigned level, uint64_t raw)
{
    return w->mode.format->decode(&w->mode, raw, level).rights;
}

unsigned fz_granted(const struct fz_case *w, unsigned rights)
{
    return rights | (w->mode.format->granted(&w->mode) & PTW_EXEC);
}

bool fz_can_grant(const struct fz_case *w, unsigned rights, bool grant_exec)
{
    return oracle_leaf_grants(&w->mode,
                              grant_exec ? fz_granted(w, rights) : rights);
}

bool fz_can_map(const struct fz_case *w, unsigned rights, bool copy_on_write,
                bool grant_exec, const struct ptw_attributes *attributes)
{
    const struct oracle_format *f = w->mode.format;

    /* Copy-on-write is never writable, whatever the rights are. */
    if (!fz_can_grant(w, copy_on_write ? rights & ~(unsigned)PTW_WRITE : rights,
                      grant_exec) ||
        attributes->memory_type >= f->memory_types(&w->mode) ||
        attributes->key >= oracle_keys(&w->mode) ||
        (attributes->global && !f->has_global) ||
        (attributes->flag_bits & ~w->mode.flag_bits) != 0) {
        return false;
    }
    return true;
}

uint64_t fz_page_bytes(const struct fz_case *w)
{
    return w->page_bytes;
}

bool fz_canonical(const struct fz_case *w, uint64_t va)
{
    return oracle_canonical(&w->mode, va);
}

bool fz_one_half_of(const struct oracle_mode *mode, uint64_t first,
                    uint64_t last)
{
    uint64_t gap;
    uint64_t gap_end;

    oracle_gap(mode, &gap, &gap_end);
    return first <= last && (last < gap || first > gap_end);
}

bool fz_one_half(const struct fz_case *w, uint64_t first, uint64_t last)
{
    return fz_one_half_of(&w->mode, first, last);
}

bool fz_covers(const struct ptw_item *item)
{
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_ALIAS:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_LINE:
        return true;
    case PTW_ITEM_FINDING:
        return item->u.finding.kind == PTW_FINDING_BAD_ENTRY ||
               item->u.finding.kind == PTW_FINDING_REFUSED ||
               (item->u.finding.kind == PTW_FINDING_SELF &&
                item->u.finding.raw != 0);
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
        break;
    }
    return false;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15;
    return h ^ h >> 29;
}

uint64_t fz_item_hash(const struct fz_case *w, const struct ptw_item *item)
{
    uint64_t h = mix((uint64_t)item->kind, item->space);
    struct ptw_alias_ref ref;
    unsigned level;

    h = mix(mix(h, item->first.v), item->last.v);
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        h = mix(h, item->u.space_info.root.table.v);
        h = mix(h, (uint64_t)item->u.space_info.kind);
        h = mix(h, item->u.space_info.same_as);
        if (item->u.space_info.kind == PTW_SPACE_WALKED) {
            h = mix(h, item->u.space_info.number);
        }
        return mix(h, (uint64_t)item->u.space_info.why);
    case PTW_ITEM_TABLE:
        h = mix(h, item->u.table.table.v);
        h = mix(h, item->u.table.attributes);
        h = mix(h, item->u.table.number);
        return mix(mix(h, item->u.table.rights), item->u.table.level);
    case PTW_ITEM_MAPPING:
        h = mix(h, item->u.mapping.pa.v);
        h = mix(h, item->u.mapping.raw);
        h = mix(h, item->u.mapping.rights);
        h = mix(h, item->u.mapping.level);
        return mix(h, item->u.mapping.size_log2);
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(fz_regime_of(w, item->space), item, &level);
        h = mix(mix(h, level), ref.our_va.v);
        h = mix(mix(h, ref.their_va.v), ref.table.v);
        h = mix(mix(h, ref.attributes), ref.owner);
        h = mix(h, ref.number);
        return mix(h, ref.rights);
    case PTW_ITEM_HOLE:
        h = mix(h, item->u.hole.raw);
        return mix(mix(h, item->u.hole.level), item->u.hole.canonical);
    case PTW_ITEM_FINDING:
        h = mix(h, (uint64_t)item->u.finding.kind);
        h = mix(h, item->u.finding.table.v);
        h = mix(h, item->u.finding.raw);
        h = mix(h, item->u.finding.tables);
        h = mix(h, item->u.finding.level);
        return mix(h, item->u.finding.rights);
    case PTW_ITEM_LINE: /* taken apart before */
        break;
    }
    fz_fail(ASK_ITEMS, "an item of unknown kind %d", (int)item->kind);
    return h;
}

bool fz_same_item(const struct fz_case *w, const struct ptw_item *a,
                  const struct ptw_item *b)
{
    return a->kind == b->kind && a->first.v == b->first.v &&
           a->last.v == b->last.v && fz_item_hash(w, a) == fz_item_hash(w, b);
}

static uint64_t pa_limit(const struct fz_case *w)
{
    return (uint64_t)1 << oracle_pa_bits(&w->mode);
}

static void check_mapping(const struct fz_case *w, const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t bytes_less_1 = item->last.v - item->first.v;
    uint64_t size = (uint64_t)1 << m->size_log2;
    /* One leaf may be larger than the processor's memory: then it starts at
     * 0. */
    uint64_t limit = pa_limit(w) > size ? pa_limit(w) : size;

    if ((item->first.v & (size - 1)) != 0 || (m->pa.v & (size - 1)) != 0 ||
        ((bytes_less_1 + 1) & (size - 1)) != 0) {
        fz_fail(ASK_ITEMS,
                "the mapping at %llx to %llx is not aligned to its size",
                HEX(item->first.v), HEX(m->pa.v));
    }
    if (m->pa.v >= pa_limit(w) || bytes_less_1 >= limit - m->pa.v) {
        fz_fail(ASK_ITEMS, "the mapping at %llx reaches physical address %llx",
                HEX(item->first.v), HEX(m->pa.v + bytes_less_1));
    }
    if ((w->mode.format->granted(&w->mode) & ~m->rights) != 0 ||
        (m->rights & ~w->mode.format->rights) != 0) {
        fz_fail(ASK_ITEMS, "the mapping at %llx has rights %x",
                HEX(item->first.v), m->rights);
    }
}

void fz_check_item(const struct fz_case *w, const struct ptw_item *item)
{
    bool gap = item->kind == PTW_ITEM_HOLE && !item->u.hole.canonical;

    fz_seen.leaves += item->kind == PTW_ITEM_MAPPING;
    fz_seen.aliases += item->kind == PTW_ITEM_ALIAS;
    if (item->first.v > item->last.v) {
        fz_fail(ASK_ITEMS, "an item from %llx to %llx", HEX(item->first.v),
                HEX(item->last.v));
    }
    if (item->kind == PTW_ITEM_SPACE) {
        return;
    }
    if (item->space >= w->roots) {
        fz_stop(ASK_ITEMS, "an item of space %u of %u", (unsigned)item->space,
                w->roots);
    }
    if (fz_canonical(w, item->first.v) == gap ||
        fz_canonical(w, item->last.v) == gap) {
        fz_fail(ASK_ITEMS, "an item from %llx to %llx that is %s",
                HEX(item->first.v), HEX(item->last.v),
                gap ? "canonical" : "not canonical");
    }
    if (item->last.v < w->first || item->first.v > w->last) {
        fz_fail(ASK_ITEMS, "an item from %llx to %llx outside the range",
                HEX(item->first.v), HEX(item->last.v));
    }
    if (item->kind == PTW_ITEM_MAPPING) {
        check_mapping(w, item);
    }
    if (item->kind == PTW_ITEM_FINDING &&
        item->u.finding.kind == PTW_FINDING_REFUSED &&
        item->u.finding.level + 1u < w->levels &&
        (item->first.v ^ item->last.v) >>
                fz_shift(w, item->u.finding.level + 1u) !=
            0) {
        fz_fail(ASK_ITEMS,
                "the refused entries from %llx to %llx are not of one visit "
                "of a table",
                HEX(item->first.v), HEX(item->last.v));
    }
    if (item->kind == PTW_ITEM_ALIAS) {
        unsigned level;
        struct ptw_alias_ref ref = ptw_alias_view(&w->regime, item, &level);

        if (ref.owner > item->space) {
            fz_stop(ASK_MODEL, "space %u has an alias of the later space %u",
                    (unsigned)item->space, (unsigned)ref.owner);
        }
        if (ref.our_va.v < item->first.v || ref.our_va.v > item->last.v) {
            fz_fail(ASK_ITEMS, "the alias at %llx has our_va %llx",
                    HEX(item->first.v), HEX(ref.our_va.v));
        }
        if (!oracle_canonical(&fz_half_of(w, ref.owner)->mode,
                              ref.their_va.v)) {
            fz_fail(ASK_MODEL,
                    "the alias at %llx has their_va %llx, not canonical",
                    HEX(item->first.v), HEX(ref.their_va.v));
        }
        if (level + 1 >= w->levels) {
            fz_stop(ASK_MODEL, "the alias at %llx is of level %u",
                    HEX(item->first.v), level);
        }
    }
}

enum ptw_status fz_next(struct ptw_walk *walk, struct ptw_item *item,
                        size_t room, size_t *items)
{
    enum ptw_status st = ptw_walk_next(walk, item, room, items);

    if (*items > room) {
        fz_stop(ASK_LIMITS, "%zu items where there was room for %zu", *items,
                room);
    }
    if ((st == PTW_OK) != (*items > 0)) {
        fz_stop(ASK_STATUS, "%zu items come with: %s", *items,
                ptw_status_text(st));
    }
    return st;
}

void fz_collect(struct fz_case *w, struct ptw_walk *walk, struct ptw_memo *memo,
                struct fz_list *list)
{
    enum ptw_status st = PTW_OK;
    uint64_t before = w->reads;

    list->count = 0;
    list->complete = false;
    while (list->count < FZ_ITEMS) {
        size_t room = FZ_ITEMS - list->count;
        size_t items;

        st = fz_next(walk, &list->item[list->count], room < 64 ? room : 64,
                     &items);
        for (size_t i = 0; i < items; i++) {
            fz_turn(w, list->item[list->count + i].space);
            fz_check_item(w, &list->item[list->count + i]);
        }
        list->count += items;
        if (st == PTW_E_SPACE && memo != NULL) {
            fz_memo_grow(w, memo);
        } else if (st != PTW_OK) {
            break;
        }
    }
    list->complete = st == PTW_END;
    if (st != PTW_OK && st != PTW_END && st != PTW_E_LIMIT &&
        st != PTW_E_SPACE) {
        fz_fail(ASK_STATUS, "a walk says: %s", ptw_status_text(st));
    }
    list->stats = ptw_walk_counts(walk);
    if (st == PTW_E_LIMIT && list->stats.reads != w->budget) {
        fz_fail(ASK_LIMITS,
                "a walk stops at its limit after %llu of %llu reads",
                HEX(list->stats.reads), HEX(w->budget));
    }
    if (w->reads - before > list->stats.reads) {
        fz_fail(ASK_LIMITS, "%llu entries were read, the walk counts %llu",
                HEX(w->reads - before), HEX(list->stats.reads));
    }
    if (list->stats.reads > w->budget) {
        fz_fail(ASK_LIMITS, "%llu entries were read, the limit is %llu",
                HEX(list->stats.reads), HEX(w->budget));
    }
    if (list->stats.items != list->count) {
        fz_fail(ASK_LIMITS, "%zu items were given, the walk counts %llu",
                list->count, HEX(list->stats.items));
    }
}

void fz_check_tiling(const struct fz_case *w, const struct fz_list *list,
                     size_t *at)
{
    const struct ptw_item *before = NULL;
    uint32_t space;
    size_t i = *at;

    if (i == list->count) {
        return;
    }
    space = list->item[i].space;
    for (; i < list->count && list->item[i].space == space; i++) {
        const struct ptw_item *item = &list->item[i];

        if (item->kind == PTW_ITEM_SPACE && i != *at) {
            fz_fail(ASK_ITEMS, "space %u begins twice", (unsigned)space);
        }
        if (!fz_covers(item)) {
            continue;
        }
        if (!fz_tiles(w)) {
            if (item->kind == PTW_ITEM_HOLE ||
                !fz_any_left(w, item->first.v, item->last.v) ||
                (before != NULL && item->first.v <= before->last.v)) {
                fz_fail(ASK_ITEMS,
                        "space %u has an item from %llx to %llx, which is left "
                        "out or was given",
                        (unsigned)space, HEX(item->first.v), HEX(item->last.v));
            }
            before = item;
            continue;
        }
        if (before == NULL ? item->first.v > w->first || item->last.v < w->first
                           : item->first.v != before->last.v + 1 ||
                                 before->last.v == UINT64_MAX) {
            fz_fail(ASK_ITEMS,
                    "the items of space %u do not tile: %llx comes after %llx",
                    (unsigned)space, HEX(item->first.v),
                    HEX(before == NULL ? w->first : before->last.v));
        }
        if (before != NULL && before->kind == PTW_ITEM_HOLE &&
            item->kind == PTW_ITEM_HOLE && item - before == 1 &&
            before->u.hole.canonical && item->u.hole.canonical &&
            before->u.hole.level == item->u.hole.level) {
            fz_fail(ASK_ITEMS, "two holes of level %u meet at %llx",
                    (unsigned)item->u.hole.level, HEX(item->first.v));
        }
        before = item;
    }
    if (fz_tiles(w) && (i < list->count || list->complete) &&
        !(list->item[*at].kind == PTW_ITEM_SPACE &&
          list->item[*at].u.space_info.kind != PTW_SPACE_WALKED) &&
        (before == NULL || before->last.v < w->last)) {
        fz_fail(ASK_ITEMS,
                "the items of space %u end at %llx, the range at %llx",
                (unsigned)space, HEX(before == NULL ? 0 : before->last.v),
                HEX(w->last));
    }
    *at = i;
}

/* ------------------------------------------------------- against the oracle */

bool fz_meets_flag_bits(const struct fz_case *w, uint64_t pa, uint64_t last)
{
    for (unsigned bit = 32; bit < 52; bit++) {
        /* Some address of the range has the bit, if the part above it is odd
         * at one of its ends or between them. */
        if ((w->mode.flag_bits >> bit & 1) != 0 &&
            ((pa >> bit & 1) != 0 || pa >> bit != last >> bit)) {
            return true;
        }
    }
    return false;
}

enum ptw_status fz_root_status(const struct fz_case *w, uint64_t root)
{
    const struct oracle_format *f = w->mode.format;
    uint64_t bytes;

    if (w->levels == 0) {
        return PTW_OK;
    }
    bytes = oracle_table_bytes(f, w->levels - 1);
    if (root % bytes != 0) {
        return PTW_E_ALIGN;
    }
    if (root >> f->root_pa_bits(&w->mode) != 0 ||
        (root & w->mode.flag_bits) != 0) {
        return PTW_E_WIDTH;
    }
    return fz_case_touches(w, root, bytes) ? PTW_OK : PTW_E_BUS;
}

unsigned fz_path_rights(const struct fz_case *w, uint64_t root, uint64_t va,
                        unsigned level)
{
    unsigned rights = w->mode.format->rights;

    for (unsigned l = w->levels - 1; l > level; l--) {
        uint64_t table;
        uint64_t raw;
        uint64_t index = (va >> fz_shift(w, l)) & (fz_entries(w, l) - 1);

        if (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, l, &table) ||
            !fz_case_entry(w, table + index * w->entry_bytes, &raw)) {
            fz_fail(ASK_MODEL, "there is no table of level %u at %llx", l,
                    HEX(va));
            return rights;
        }
        rights &= fz_entry_rights(w, l, raw);
    }
    return rights;
}

void fz_ask(const struct fz_case *w, struct fz_expected *e, uint64_t root,
            uint64_t first, uint64_t last, size_t max)
{
    struct oracle_mode mode = w->mode;
    size_t kept = 0;

    mode.self = w->self;
    e->first = first;
    e->last = last;
    e->out = w->out;
    e->outs = w->outs;
    e->at = 0;
    e->by = ASK_ANSWERS;
    e->count =
        oracle_walk(&mode, w->ram, w->rams, root, first, last, e->answer, max);
    e->prefix = e->count == max;
    if (fz_tiles(w)) {
        return;
    }
    for (size_t i = 0; i < e->count; i++) {
        if (e->answer[i].kind != ORACLE_ABSENT &&
            e->answer[i].kind != ORACLE_GAP) {
            e->answer[kept++] = e->answer[i];
        }
    }
    e->count = oracle_leave_out(e->answer, kept, w->out, w->outs, first, last);
}

/* Whether any address that was asked about is among these. */
static bool asked(const struct fz_expected *e, uint64_t first, uint64_t last)
{
    return oracle_any_left(e->out, e->outs, first > e->first ? first : e->first,
                           last < e->last ? last : e->last);
}

bool fz_met(const struct fz_expected *e, uint64_t to)
{
    return e->at == e->count || e->answer[e->at].first > to;
}

static const char *kind_name(enum oracle_kind kind)
{
    static const char *const name[] = {
        [ORACLE_LEAF] = "a leaf",
        [ORACLE_ABSENT] = "a hole",
        [ORACLE_BAD] = "a bad entry",
        [ORACLE_REFUSED] = "a refused entry",
        [ORACLE_GAP] = "no canonical address",
        [ORACLE_SELF] = "a reference to its own table",
    };

    return name[kind];
}

static void wants(const struct fz_expected *e, const struct ptw_item *item,
                  enum oracle_kind kind)
{
    const struct oracle_answer *a = &e->answer[e->at];

    if (a->kind != kind || a->first != item->first.v) {
        fz_fail(e->by, "the library has %s at %llx, the oracle %s at %llx",
                kind_name(kind), HEX(item->first.v), kind_name(a->kind),
                HEX(a->first));
    }
}

/* An item that stands for one answer or more of one kind and level.  A table of
 * which nothing can be read is refused as a whole, also where the range or what
 * is left out cuts it. */
static bool meet_many(struct fz_expected *e, const struct ptw_item *item,
                      enum oracle_kind kind, unsigned level, bool whole)
{
    uint64_t next = item->first.v; /* all before it has been met */

    for (;;) {
        const struct oracle_answer *a = &e->answer[e->at];

        if (a->kind != kind || a->level != level || a->last > item->last.v ||
            a->first < next ||
            (a->first > next && (!whole || asked(e, next, a->first - 1)))) {
            fz_fail(e->by,
                    "the library has %s of level %u from %llx to %llx, the "
                    "oracle %s of level %u from %llx to %llx",
                    kind_name(kind), level, HEX(item->first.v),
                    HEX(item->last.v), kind_name(a->kind), a->level,
                    HEX(a->first), HEX(a->last));
        }
        e->at++;
        if (a->last == item->last.v) {
            return true;
        }
        next = a->last + 1;
        if (e->at == e->count && e->prefix) {
            return false;
        }
        if (e->at == e->count || e->answer[e->at].first > item->last.v) {
            break;
        }
    }
    if (!whole || asked(e, next, item->last.v)) {
        fz_fail(e->by, "the library has more at %llx than the oracle",
                HEX(next));
    }
    return true;
}

bool fz_meet(struct fz_expected *e, const struct ptw_item *item)
{
    const struct oracle_answer *a = &e->answer[e->at];
    const struct ptw_mapping *m = &item->u.mapping;

    if (!fz_covers(item)) {
        return true;
    }
    if (e->at == e->count) {
        if (!e->prefix) {
            fz_fail(e->by, "the library has more at %llx than the oracle",
                    HEX(item->first.v));
        }
        return false;
    }
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        wants(e, item, ORACLE_LEAF);
        if (a->last != item->last.v || a->pa != m->pa.v || a->raw != m->raw ||
            a->level != m->level ||
            a->last - a->first != ((uint64_t)1 << m->size_log2) - 1) {
            fz_fail(e->by,
                    "the leaf at %llx is %llx (%llx, level %u), the oracle "
                    "says %llx (%llx, level %u)",
                    HEX(a->first), HEX(m->pa.v), HEX(m->raw), m->level,
                    HEX(a->pa), HEX(a->raw), a->level);
        }
        if (a->rights != m->rights) {
            fz_fail(e->by, "the leaf at %llx has rights %x, the oracle says %x",
                    HEX(a->first), m->rights, a->rights);
        }
        if (a->above != ((m->above & PTW_WRITE) != 0)) {
            fz_fail(e->by, "above the leaf at %llx there are rights %x",
                    HEX(a->first), m->above);
        }
        e->at++;
        return true;
    case PTW_ITEM_HOLE:
        if (!item->u.hole.canonical) {
            wants(e, item, ORACLE_GAP);
            if (a->last != item->last.v) {
                fz_fail(e->by, "the gap ends at %llx", HEX(item->last.v));
            }
            e->at++;
            return true;
        }
        if (a->kind == ORACLE_ABSENT && a->raw != item->u.hole.raw) {
            fz_fail(e->by,
                    "the hole at %llx starts with %llx, the oracle says %llx",
                    HEX(a->first), HEX(item->u.hole.raw), HEX(a->raw));
        }
        return meet_many(e, item, ORACLE_ABSENT, item->u.hole.level, false);
    case PTW_ITEM_FINDING:
        if (item->u.finding.kind == PTW_FINDING_REFUSED) {
            return meet_many(e, item, ORACLE_REFUSED, item->u.finding.level,
                             true);
        }
        if (item->u.finding.kind == PTW_FINDING_SELF) {
            wants(e, item, ORACLE_SELF);
            if (a->last != item->last.v || a->raw != item->u.finding.raw ||
                a->level != item->u.finding.level + 1u ||
                a->pa != item->u.finding.table.v ||
                a->rights != item->u.finding.rights) {
                fz_fail(e->by,
                        "the entry at %llx for its own table is %llx (table "
                        "%llx, level %u), the oracle says %llx (%llx, %u)",
                        HEX(a->first), HEX(item->u.finding.raw),
                        HEX(item->u.finding.table.v), item->u.finding.level,
                        HEX(a->raw), HEX(a->pa), a->level);
            }
            e->at++;
            return true;
        }
        wants(e, item, ORACLE_BAD);
        if (a->last != item->last.v || a->raw != item->u.finding.raw ||
            a->level != item->u.finding.level) {
            fz_fail(e->by,
                    "the bad entry at %llx is %llx (level %u), the oracle "
                    "says %llx (level %u)",
                    HEX(a->first), HEX(item->u.finding.raw),
                    item->u.finding.level, HEX(a->raw), a->level);
        }
        e->at++;
        return true;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
    case PTW_ITEM_ALIAS:
    case PTW_ITEM_LINE:
        break;
    }
    fz_fail(e->by, "an alias where leaves were asked for");
    return true;
}

/* --------------------------------------------------------------------- runs */

/* Memory type, copy-on-write and whether it is written: what leaves of a run
 * have in common besides their rights. */
static unsigned class_of(const struct fz_case *w, const struct ptw_mapping *m)
{
    const struct oracle_format *f = w->mode.format;
    bool written = oracle_writes(&w->mode, (m->above & PTW_WRITE) != 0, m->raw);

    bool marked = oracle_has_mark(&w->mode, m->raw);

    return (unsigned)marked | (unsigned)written << 1 |
           f->memory_type(&w->mode, m->level, m->raw) << 2;
}

/* Whether leaf b belongs into the run of which a is the first and `last` the
 * last address.  tables: the walk gives tables, and leaves of two of them are no
 * run, nor leaves that differ in what they grant by themselves. */
static bool joins(const struct fz_case *w, const struct ptw_item *a,
                  uint64_t last, const struct ptw_item *b, bool tables)
{
    const struct ptw_mapping *m = &a->u.mapping;
    const struct ptw_mapping *n = &b->u.mapping;

    if (tables && b->kind == PTW_ITEM_MAPPING &&
        (b->first.v %
                 ((uint64_t)fz_entries(w, n->level) << fz_shift(w, n->level)) ==
             0 ||
         oracle_decode(&w->mode, m->raw, m->level, 0).rights !=
             oracle_decode(&w->mode, n->raw, n->level, 0).rights)) {
        return false;
    }
    return b->kind == PTW_ITEM_MAPPING && last != UINT64_MAX &&
           b->first.v == last + 1 && m->level == n->level &&
           m->rights == n->rights &&
           n->pa.v == m->pa.v + (b->first.v - a->first.v) &&
           class_of(w, m) == class_of(w, n) &&
           ((m->raw ^ n->raw) & w->mode.flag_bits) == 0;
}

/* Compares a run with the leaves of the list from *at on. */
static void meet_run(const struct fz_case *w, const struct fz_list *list,
                     size_t *at, const struct ptw_item *run, bool tables)
{
    const struct ptw_item *first = &list->item[*at];
    uint64_t last = first->last.v;

    if (first->kind != PTW_ITEM_MAPPING || first->first.v != run->first.v ||
        first->u.mapping.pa.v != run->u.mapping.pa.v ||
        first->u.mapping.raw != run->u.mapping.raw ||
        first->u.mapping.rights != run->u.mapping.rights ||
        first->u.mapping.above != run->u.mapping.above ||
        first->u.mapping.level != run->u.mapping.level ||
        first->u.mapping.size_log2 != run->u.mapping.size_log2) {
        fz_fail(ASK_RUNS, "the run at %llx does not start as its first leaf",
                HEX(run->first.v));
    }
    for (++*at; last != run->last.v && *at < list->count; ++*at) {
        if (!joins(w, first, last, &list->item[*at], tables)) {
            fz_fail(ASK_RUNS,
                    "the run at %llx holds a leaf at %llx that is not alike",
                    HEX(run->first.v), HEX(last + 1));
        }
        last = list->item[*at].last.v;
    }
    if (last != run->last.v && list->complete) {
        fz_fail(ASK_RUNS, "the run at %llx is longer than its leaves",
                HEX(run->first.v));
    }
    if (*at < list->count && list->item[*at].space == run->space &&
        joins(w, first, last, &list->item[*at], tables)) {
        fz_fail(ASK_RUNS, "the run at %llx is not maximal: it ends at %llx",
                HEX(run->first.v), HEX(last));
    }
}

size_t fz_next_in(const struct fz_list *list, size_t at, bool holes)
{
    while (!holes && at < list->count && list->item[at].kind == PTW_ITEM_HOLE) {
        at++;
    }
    return at;
}

void fz_check_runs(struct fz_case *w, const struct fz_list *list,
                   struct ptw_walk *walk, struct ptw_memo *memo, unsigned flags)
{
    static struct ptw_item run[32];
    const bool holes = (flags & PTW_WALK_HOLES) != 0;
    const bool tables = (flags & PTW_WALK_TABLES) != 0;
    uint64_t step = w->read_step;
    unsigned stops = 0;
    size_t at = fz_next_in(list, 0, holes);
    enum ptw_status st = PTW_OK;

    while (at < list->count && st != PTW_END) {
        size_t items;

        st = fz_next(walk, run, sizeof run / sizeof run[0], &items);
        for (size_t i = 0; i < items; i++) {
            if (tables && run[i].kind == PTW_ITEM_TABLE) {
                continue;
            }
            if (at == list->count) {
                if (list->complete) {
                    fz_fail(ASK_RUNS, "a walk in runs has more at %llx",
                            HEX(run[i].first.v));
                }
                return;
            }
            fz_turn(w, run[i].space);
            fz_check_item(w, &run[i]);
            fz_note(fz_item_hash(w, &run[i]));
            if (run[i].kind == PTW_ITEM_MAPPING) {
                meet_run(w, list, &at, &run[i], tables);
                at = fz_next_in(list, at, holes);
                continue;
            }
            if (!fz_same_item(w, &run[i], &list->item[at])) {
                fz_fail(ASK_RUNS,
                        "a walk in runs has another item at %llx than the one "
                        "in leaves at %llx",
                        HEX(run[i].first.v), HEX(list->item[at].first.v));
            }
            at = fz_next_in(list, at + 1, holes);
        }
        if (st == PTW_E_SPACE && memo != NULL) {
            fz_memo_grow(w, memo);
        } else if (st == PTW_E_LIMIT) {
            if (ptw_walk_counts(walk).reads >= w->budget) {
                break;
            }
            if (stops++ > 40 && !w->thorough) {
                step *= 2;
            }
            ptw_walk_extend(walk, step, 0);
        } else if (st != PTW_OK && st != PTW_END) {
            fz_fail(ASK_RUNS, "a walk in runs says: %s", ptw_status_text(st));
            return;
        }
    }
    if (list->complete && at != list->count) {
        fz_fail(ASK_RUNS,
                "a walk in runs ends after %zu of %zu leaves and items", at,
                list->count);
    }
}

/* ---------------------------------------------------------- stop and resume */

/* A walk that is over is extended by more than can be counted: what it counts
 * stays. */
static void check_extension(struct ptw_walk *walk)
{
    const struct ptw_walk_stats was = ptw_walk_counts(walk);
    struct ptw_walk_stats is;

    ptw_walk_extend(walk, UINT64_MAX, UINT64_MAX);
    is = ptw_walk_counts(walk);
    if (is.reads != was.reads || is.items != was.items ||
        is.tables != was.tables) {
        fz_fail(ASK_LIMITS, "a walk of %llu reads has %llu, as it may do more",
                HEX(was.reads), HEX(is.reads));
    }
}

/* How far the items of a walk reach. */
struct reach {
    bool begun; /* a space has */
    bool walked;
    uint32_t space;
    uint64_t next; /* the first address not covered */
    bool done;     /* there is none */
};

static void reach_item(const struct fz_case *w, struct reach *r,
                       const struct ptw_item *item)
{
    if (item->kind == PTW_ITEM_SPACE) {
        r->begun = true;
        r->space = item->space;
        r->walked = item->u.space_info.kind == PTW_SPACE_WALKED;
        r->next = w->first;
        r->done = !r->walked;
    } else if (fz_covers(item)) {
        r->done = item->last.v >= w->last;
        r->next = item->last.v + 1;
    }
}

/* The same where holes are no items: the walk stands behind the items so far
 * and not behind the next one, which is list->item[at]. */
static bool check_where_in_parts(const struct fz_case *w,
                                 const struct fz_list *list, size_t at,
                                 const struct ptw_walk *walk,
                                 const struct reach *r, uint64_t *from)
{
    uint32_t space;
    ptw_va va;
    bool stands = ptw_walk_where(walk, &space, &va);
    bool known = at < list->count || list->complete;
    const struct ptw_item *next = NULL; /* of this space */

    while (at < list->count && list->item[at].space == r->space &&
           !fz_covers(&list->item[at])) {
        at++;
    }
    if (at < list->count && list->item[at].space == r->space &&
        list->item[at].kind != PTW_ITEM_SPACE) {
        next = &list->item[at];
    }
    if (!r->begun) {
        if (!stands || space != 0 || va.v != w->first) {
            fz_fail(ASK_RESUME,
                    "a walk stands at %llx of space %u before that begins",
                    HEX(va.v), (unsigned)space);
        }
        return false;
    }
    if (!stands || space == r->space + 1) {
        if (known && next != NULL) {
            fz_fail(ASK_RESUME,
                    "a walk says that space %u is covered; the next item is at "
                    "%llx",
                    (unsigned)r->space, HEX(next->first.v));
        }
        if (stands && va.v != w->first) {
            fz_fail(ASK_RESUME,
                    "a walk stands at %llx of space %u before that begins",
                    HEX(va.v), (unsigned)space);
        }
        return false;
    }
    if (space != r->space || va.v < w->first || va.v > w->last ||
        (r->done && r->next == 0) || va.v < r->next ||
        (next != NULL && va.v > next->first.v && va.v > w->first)) {
        fz_fail(ASK_RESUME,
                "a walk stands at %llx of space %u, its items reach to %llx "
                "of space %u, the next is at %llx",
                HEX(va.v), (unsigned)space, HEX(r->next - 1),
                (unsigned)r->space, HEX(next == NULL ? 0 : next->first.v));
    }
    *from = va.v;
    return r->walked;
}

/* What ptw_walk_where says, held against the items so far.  Returns whether it
 * named a place that a new walk could start from. */
static bool check_where(const struct fz_case *w, const struct ptw_walk *walk,
                        const struct reach *r, uint64_t *from)
{
    uint32_t space;
    ptw_va va;

    if (!ptw_walk_where(walk, &space, &va)) {
        if (!r->done || (space != r->space && space != r->space + 1)) {
            fz_fail(ASK_RESUME,
                    "a walk says that space %u is covered; the items reach "
                    "to %llx of space %u",
                    (unsigned)space, HEX(r->next - 1), (unsigned)r->space);
        }
        return false;
    }
    if (!r->begun || (r->done && space == r->space + 1)) {
        if (va.v != w->first || (!r->begun && space != 0)) {
            fz_fail(ASK_RESUME,
                    "a walk stands at %llx of space %u before that begins",
                    HEX(va.v), (unsigned)space);
        }
        return false;
    }
    if (space != r->space || r->done || va.v != r->next) {
        fz_fail(ASK_RESUME,
                "a walk stands at %llx of space %u, its items reach to %llx "
                "of space %u",
                HEX(va.v), (unsigned)space, HEX(r->next - 1),
                (unsigned)r->space);
    }
    *from = va.v;
    return true;
}

/* A new walk from there gives the rest. */
static void check_rest(struct fz_case *w, const struct ptw_mem *mem,
                       uint64_t root, uint64_t from, struct fz_expected *e)
{
    static struct ptw_walk rest;
    struct ptw_walk_options o = fz_options(w, PTW_WALK_HOLES);
    struct ptw_item item[16];
    enum ptw_status st;
    bool more = true;
    size_t items;

    if (fz_root_status(w, root) != PTW_OK) {
        return; /* a range that maps nothing: the root was never looked at */
    }
    o.first.v = from;
    fz_ask(w, e, root, from, w->last, 256);
    e->by = ASK_RESUME;
    st = ptw_virt_to_phys_init(&rest, mem,
                               ptw_root_of(&w->regime, ptw_pa_of(root)), &o);
    if (st != PTW_OK) {
        fz_fail(ASK_RESUME, "a walk from %llx on is refused: %s", HEX(from),
                ptw_status_text(st));
    }
    while (st == PTW_OK && more) {
        st = fz_next(&rest, item, 16, &items);
        for (size_t i = 0; i < items && more; i++) {
            more = fz_meet(e, &item[i]);
        }
    }
    if (st == PTW_END && more && e->at != e->count) {
        fz_fail(ASK_RESUME, "a walk from %llx on ends too early", HEX(from));
    }
}

static uint64_t at_most(uint64_t v, uint64_t max)
{
    return v < max ? v : max;
}

void fz_check_stops(struct fz_case *w, const struct ptw_mem *mem,
                    const struct fz_list *list, struct ptw_walk *walk,
                    struct ptw_memo *memo, uint64_t root,
                    struct fz_expected *scratch)
{
    uint64_t reads = w->read_step;
    uint64_t items_allowed = w->item_step;
    uint64_t read_step = w->read_step;
    uint64_t item_step = w->item_step;
    struct reach reach = {memo == NULL, true, 0, w->first, false};
    unsigned rests = 2;
    unsigned pick = (unsigned)(w->seed >> 40) & 15;
    struct ptw_item item[16];
    bool stopped = false; /* the next call says why */
    size_t at = 0;

    for (unsigned stops = 0;; stops++) {
        struct ptw_walk_stats stats;
        uint64_t more_reads;
        uint64_t more_items;
        uint64_t from = 0;
        size_t items;
        enum ptw_status st = fz_next(walk, item, w->room, &items);

        stats = ptw_walk_counts(walk);
        if (stats.items > items_allowed || stats.reads > reads) {
            fz_fail(ASK_LIMITS,
                    "a limit is passed: %llu items of %llu, %llu reads of %llu",
                    HEX(stats.items), HEX(items_allowed), HEX(stats.reads),
                    HEX(reads));
        }
        if (st == PTW_OK && stopped) {
            fz_fail(ASK_RESUME, "there was room for more items");
        }
        stopped = st == PTW_OK && items < w->room;
        for (size_t i = 0; i < items; i++) {
            if (at == list->count) {
                if (list->complete) {
                    fz_fail(ASK_RESUME, "a resumed walk has more at %llx",
                            HEX(item[i].first.v));
                }
                return;
            }
            if (!fz_same_item(w, &item[i], &list->item[at])) {
                fz_fail(ASK_RESUME,
                        "a resumed walk has another item %zu, at %llx, than "
                        "one at a stretch, at %llx",
                        at, HEX(item[i].first.v), HEX(list->item[at].first.v));
            }
            at++;
            reach_item(w, &reach, &item[i]);
        }
        if (stops < 64 &&
            (fz_tiles(w)
                 ? check_where(w, walk, &reach, &from)
                 : check_where_in_parts(w, list, at, walk, &reach, &from)) &&
            rests > 0 && stops % 16 == pick) {
            rests--;
            fz_turn(w, reach.space);
            check_rest(w, mem, memo == NULL ? root : w->root[reach.space], from,
                       scratch);
        }
        switch ((int)st) {
        case PTW_OK:
            break;
        case PTW_END:
            check_extension(walk);
            if (at == FZ_ITEMS) {
                return; /* the list was full, and it was all */
            }
            if (at != list->count || !list->complete) {
                fz_fail(ASK_RESUME,
                        "a resumed walk ends after %zu of %zu items", at,
                        list->count);
            }
            if (stats.reads != list->stats.reads ||
                stats.tables != list->stats.tables) {
                fz_fail(ASK_RESUME,
                        "a resumed walk took %llu reads and %llu tables, one "
                        "at a stretch %llu and %llu",
                        HEX(stats.reads), HEX(stats.tables),
                        HEX(list->stats.reads), HEX(list->stats.tables));
            }
            return;
        case PTW_E_LIMIT:
            if (stats.reads != reads && stats.items != items_allowed) {
                fz_fail(ASK_RESUME,
                        "a walk stops at a limit that it has not reached");
                return;
            }
            if (stops > 40) {
                read_step = at_most(2 * read_step, w->budget);
                item_step = at_most(2 * item_step, FZ_ITEMS);
            }
            more_reads = stats.reads == reads ? read_step : 0;
            more_items = stats.items == items_allowed ? item_step : 0;
            reads += more_reads;
            items_allowed += more_items;
            if (!list->complete && reads > w->budget) {
                return;
            }
            ptw_walk_extend(walk, more_reads, more_items);
            break;
        case PTW_E_SPACE:
            if (memo == NULL) {
                fz_fail(ASK_RESUME, "a walk without a memo finds it full");
                return;
            }
            fz_memo_grow(w, memo);
            break;
        default:
            fz_fail(ASK_RESUME, "a walk says: %s", ptw_status_text(st));
            return;
        }
        if (stops > 8u * FZ_ITEMS + 2 * 65536) {
            fz_fail(ASK_RESUME, "a walk does not come to its end");
            return;
        }
    }
}
