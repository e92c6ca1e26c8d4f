/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables are shared, and which are in stock. */
#include "shares.h"
#include "descend.h"

/* A slot's va holds the count, its level and part are 0.  In place of an owner
 * it has COUNTED, or the mark of the edit that took a reference away; the rest
 * of that edit's number is in place of the slot's. */
enum { COUNTED = 1, MARK_BITS = 31 };

static uint32_t mark_of(const struct ptw_shares *s)
{
    return COUNTED + 1 + (uint32_t)(s->edit & ptw_low_mask(MARK_BITS));
}

static uint32_t rest_of(const struct ptw_shares *s)
{
    return (uint32_t)(s->edit >> MARK_BITS);
}

enum ptw_status ptw_shares_init(struct ptw_shares *s, void *storage,
                                size_t bytes, uint64_t seed)
{
    s->edit = 0;
    s->wanted = 0;
    return ptw_memo_init(&s->count, storage, bytes, seed);
}

enum ptw_status ptw_shares_grow(struct ptw_shares *s, void *storage,
                                size_t bytes)
{
    enum ptw_status st = ptw_memo_grow(&s->count, storage, bytes);

    if (st == PTW_OK) {
        s->wanted = 0;
    }
    return st;
}

bool ptw_shares_listed(const struct ptw_shares *s, uint64_t table)
{
    return ptw_memo_find(&s->count, table, 0) != NULL;
}

uint64_t ptw_shares_count(const struct ptw_shares *s, uint64_t table)
{
    const struct ptw_memo_slot *slot = ptw_memo_find(&s->count, table, 0);

    return slot != NULL ? slot->va : 1;
}

uint64_t ptw_shares_of(const struct ptw_shares *s, ptw_pa table)
{
    return ptw_shares_count(s, table.v);
}

enum ptw_status ptw_shares_add(struct ptw_shares *s, uint64_t table, int more)
{
    struct ptw_memo_slot *slot = NULL;
    bool two_levels;

    switch (ptw_memo_enter(&s->count, table, 0, false, 0, &slot, &two_levels)) {
    case PTW_MEMO_FULL:
        return ptw_shares_room(s, 1);
    case PTW_MEMO_NEW:
        slot->owner_plus_1 = COUNTED;
        slot->va = 1;
        break;
    case PTW_MEMO_SEEN:
        break;
    }
    slot->va = more < 0 ? slot->va - 1 : slot->va + 1;
    return PTW_OK;
}

enum ptw_status ptw_shares_leave(struct ptw_shares *s, uint64_t table)
{
    struct ptw_memo_slot *slot = ptw_memo_find(&s->count, table, 0);

    if (slot == NULL) {
        return PTW_E_CHANGED;
    }
    slot->va--;
    slot->owner_plus_1 = mark_of(s);
    slot->number = rest_of(s);
    return PTW_OK;
}

bool ptw_shares_left(const struct ptw_shares *s, uint64_t table)
{
    const struct ptw_memo_slot *slot = ptw_memo_find(&s->count, table, 0);

    return slot != NULL && slot->owner_plus_1 == mark_of(s) &&
           slot->number == rest_of(s);
}

enum ptw_status ptw_shares_room(struct ptw_shares *s, uint64_t more)
{
    size_t used = s->count.used;

    if (more <= ptw_slots_used(s->count.slots_log2) - used) {
        return PTW_OK;
    }
    s->wanted =
        ptw_memo_bytes(more < SIZE_MAX - used ? used + (size_t)more : SIZE_MAX);
    return PTW_E_SPACE;
}

enum ptw_status ptw_shares_scan(struct ptw_shares *s,
                                const struct ptw_regime *r,
                                const struct ptw_mem *mem, const ptw_pa *root,
                                uint32_t roots, struct ptw_memo *memo,
                                uint64_t max_reads)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    struct ptw_item item;
    enum ptw_status st;
    size_t items;

    s->wanted = 0;
    o.max_reads = max_reads;
    o.flags = PTW_WALK_RUNS | PTW_WALK_TABLES;
    st = ptw_walk_va_spaces_init(&w, r, mem, root, roots, memo, &o);
    while (st == PTW_OK) {
        ptw_pa table = {0};
        bool referred = false;
        unsigned level;

        st = ptw_walk_next(&w, &item, 1, &items);
        if (st != PTW_OK) {
            break;
        }
        switch (item.kind) {
        case PTW_ITEM_SPACE:
            referred = item.u.space_info.kind != PTW_SPACE_BAD;
            table = item.u.space_info.root;
            break;
        case PTW_ITEM_TABLE:
            referred = true;
            table = item.u.table.table;
            break;
        case PTW_ITEM_ALIAS:
            referred = true;
            table = ptw_alias_view(r, &item, &level).table;
            break;
        case PTW_ITEM_MAPPING:
        case PTW_ITEM_HOLE:
        case PTW_ITEM_FINDING:
            break;
        }
        if (referred && r->arch->format->levels > 0) {
            st = ptw_shares_refer(s, table.v);
        }
    }
    return st == PTW_END ? PTW_OK : st;
}

/* The first reference that is met makes the count 1, each further one adds to
 * it. */
enum ptw_status ptw_shares_refer(struct ptw_shares *s, uint64_t table)
{
    if (!ptw_shares_listed(s, table)) {
        enum ptw_status st = ptw_shares_add(s, table, 1);

        return st == PTW_OK ? ptw_shares_add(s, table, -1) : st;
    }
    return ptw_shares_add(s, table, 1);
}

/* Whether `bytes` at a table that has one of those addresses can be written. */
static enum ptw_status check(const struct ptw_tables *t, ptw_pa table,
                             uint64_t bytes, uint64_t addresses)
{
    const struct ptw_region *region;

    if ((table.v & (bytes - 1)) != 0) {
        return PTW_E_ALIGN;
    }
    if ((table.v & ~addresses) != 0) {
        return PTW_E_WIDTH;
    }
    region = ptw_find_range(t->mem, table.v, bytes);
    if (region == NULL) {
        return PTW_E_BUS;
    }
    if (!region->writable ||
        (region->host == NULL &&
         (t->mem->ops->write32 == NULL || t->mem->ops->write64 == NULL))) {
        return PTW_E_READONLY;
    }
    return PTW_OK;
}

enum ptw_status ptw_table_check(const struct ptw_tables *t, ptw_pa table,
                                unsigned level)
{
    const struct ptw_regime *r = t->regime;
    const struct ptw_format *a = r->arch->format;

    return check(t, table, ptw_table_bytes(a, level),
                 level == ptw_top(a) ? r->root_pa : r->table_pa);
}

enum ptw_status ptw_new_table_check(const struct ptw_tables *t, ptw_pa table,
                                    unsigned level)
{
    enum ptw_status st = ptw_table_check(t, table, level);

    if (st == PTW_OK && t->shares != NULL &&
        ptw_shares_count(t->shares, table.v) > 1) {
        return PTW_E_IN_USE;
    }
    return st;
}

static enum ptw_status chain(struct ptw_tables *t, ptw_pa table)
{
    enum ptw_status st = ptw_write64(t->mem, table, t->spare.v);

    if (st == PTW_OK) {
        t->spare = table;
        t->spares++;
    }
    return st;
}

/* What may be put in stock, to be a root or any other table. */
static enum ptw_status spare_check(const struct ptw_tables *t, ptw_pa table,
                                   bool root)
{
    const struct ptw_regime *r = t->regime;

    return check(t, table, ptw_largest_table(r->arch->format),
                 root ? r->table_pa & r->root_pa : r->table_pa);
}

static enum ptw_status unchain(struct ptw_tables *t, bool root, ptw_pa *table)
{
    enum ptw_status st;
    uint64_t next = 0;

    /* What was put in stock had been checked; what leads to it lies in memory,
     * perhaps since an earlier edit. */
    if (t->spares == 0 || spare_check(t, t->spare, root) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    *table = t->spare;
    st = ptw_read64(t->mem, t->spare, &next);
    if (st == PTW_OK) {
        st = ptw_write64(t->mem, t->spare, 0);
    }
    if (st == PTW_OK) {
        t->spare.v = next;
        t->spares--;
    }
    return st;
}

enum ptw_status ptw_spare_take(struct ptw_tables *t, unsigned level,
                               ptw_pa *table)
{
    return unchain(t, level == ptw_top(t->regime->arch->format), table);
}

enum ptw_status ptw_spare_give(struct ptw_tables *t, ptw_pa table,
                               unsigned level)
{
    const struct ptw_format *a = t->regime->arch->format;
    uint64_t bytes = ptw_table_bytes(a, level);
    enum ptw_status st = spare_check(t, table, level == ptw_top(a));

    if (st != PTW_OK) {
        return PTW_OK; /* nobody gave it, and nobody could use it */
    }
    if (t->ops->give != NULL) {
        t->ops->give(t->ctx, table);
        return PTW_OK;
    }
    /* What lies behind a table that is smaller than those in stock is somebody
     * else's. */
    if (bytes < ptw_largest_table(a)) {
        return PTW_OK;
    }
    /* What is in stock is all zeros; entries that are not present may not be.
     */
    for (uint64_t at = 0; at < bytes && st == PTW_OK; at += 8) {
        st = ptw_write64(t->mem, ptw_pa_of(table.v + at), 0);
    }
    return st == PTW_OK ? chain(t, table) : st;
}

/* Gives back all but `keep` of the stock. */
static enum ptw_status give_back(struct ptw_tables *t, uint64_t keep)
{
    while (t->ops->give != NULL && t->spares > keep) {
        ptw_pa table;
        enum ptw_status st = unchain(t, false, &table);

        if (st != PTW_OK) {
            return st;
        }
        t->ops->give(t->ctx, table);
    }
    return PTW_OK;
}

enum ptw_status ptw_spare_reserve(struct ptw_tables *t, uint64_t needed,
                                  bool root)
{
    /* The one that was put in last is taken first. */
    while (t->spares < needed ||
           (root && spare_check(t, t->spare, false) == PTW_OK &&
            spare_check(t, t->spare, true) != PTW_OK)) {
        ptw_pa table = {0};
        enum ptw_status st = t->ops->take(t->ctx, &table);

        if (st != PTW_OK) {
            return st;
        }
        st = spare_check(t, table, root && t->spares + 1 >= needed);
        if (st == PTW_OK && t->shares != NULL &&
            ptw_shares_count(t->shares, table.v) > 1) {
            st = PTW_E_IN_USE;
        }
        if (st == PTW_OK) {
            st = chain(t, table);
        }
        if (st != PTW_OK) {
            if (t->ops->give != NULL) {
                t->ops->give(t->ctx, table);
            }
            return st;
        }
    }
    return PTW_OK;
}

enum ptw_status ptw_spare_release(struct ptw_tables *t, enum ptw_status st)
{
    enum ptw_status back = give_back(t, 0);

    /* By now the edit has been made. */
    return st == PTW_OK && back != PTW_OK ? PTW_E_CHANGED : st;
}
