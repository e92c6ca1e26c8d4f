/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables are shared, and which are in stock. */
#include "shares.h"
#include "walk/descend.h"

/* A slot's va holds the count, its level and part are 0.  In place of an owner
 * it has COUNTED, or COUNTED and the number of the last edit of which the plan
 * noted references here.  Then its number says how many fewer there will be: it
 * is EVEN less those that come, and more by those that go; LEFT is set when one
 * goes and the table was shared when the edit began. */
enum { COUNTED = 1 };

static const uint32_t LAST_EDIT = UINT32_MAX - COUNTED;
static const uint32_t LEFT = (uint32_t)1 << 31;
static const uint32_t EVEN = (uint32_t)1 << 30;
static const uint32_t MOST_NOTED = (uint32_t)1 << 29;

static bool of_this_edit(const struct ptw_shares *s,
                         const struct ptw_memo_slot *slot)
{
    return slot->owner_plus_1 == COUNTED + s->state.edit;
}

enum ptw_status ptw_shares_init(struct ptw_shares *s, void *storage,
                                size_t bytes, uint64_t seed)
{
    s->state.edit = 0;
    s->wanted = 0;
    return ptw_memo_init(&s->state.count, storage, bytes, seed);
}

enum ptw_status ptw_shares_grow(struct ptw_shares *s, void *storage,
                                size_t bytes)
{
    enum ptw_status st = ptw_memo_grow(&s->state.count, storage, bytes);

    if (st == PTW_OK) {
        s->wanted = 0;
    }
    return st;
}

bool ptw_shares_listed(const struct ptw_shares *s, uint64_t table)
{
    return ptw_memo_find(&s->state.count, table, 0, 0) != NULL;
}

uint64_t ptw_shares_count(const struct ptw_shares *s, uint64_t table)
{
    const struct ptw_memo_slot *slot =
        ptw_memo_find(&s->state.count, table, 0, 0);

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

    switch (ptw_memo_enter(&s->state.count, table, 0, 0, false, 0, &slot,
                           &two_levels)) {
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

void ptw_shares_begin(struct ptw_shares *s)
{
    s->wanted = 0;
    if (s->state.edit == LAST_EDIT) {
        /* Numbers are used again: no slot may have one from before. */
        for (size_t i = 0; i < (size_t)1 << s->state.count.slots_log2; i++) {
            if (s->state.count.slot[i].owner_plus_1 > COUNTED) {
                s->state.count.slot[i].owner_plus_1 = COUNTED;
            }
        }
        s->state.edit = 0;
    }
    s->state.edit++;
}

/* The notes of this edit. */
static uint32_t *notes(const struct ptw_shares *s, struct ptw_memo_slot *slot)
{
    if (!of_this_edit(s, slot)) {
        slot->owner_plus_1 = COUNTED + s->state.edit;
        slot->number = EVEN;
    }
    return &slot->number;
}

bool ptw_shares_leave(struct ptw_shares *s, uint64_t table)
{
    struct ptw_memo_slot *slot = ptw_memo_find(&s->state.count, table, 0, 0);
    uint32_t *noted;
    uint32_t fewer;

    if (slot == NULL || (slot->va <= 1 && !of_this_edit(s, slot))) {
        return true;
    }
    noted = notes(s, slot);
    fewer = (*noted & ~LEFT) + 1;
    if (fewer > EVEN + MOST_NOTED) {
        return true; /* it is not known any more */
    }
    *noted = fewer | (slot->va > 1 ? LEFT : 0);
    return fewer >= EVEN && fewer - EVEN >= slot->va;
}

bool ptw_shares_come(struct ptw_shares *s, uint64_t table)
{
    struct ptw_memo_slot *slot = ptw_memo_find(&s->state.count, table, 0, 0);
    uint32_t *noted;

    if (slot == NULL) {
        if (s->state.count.used >= ptw_slots_used(s->state.count.slots_log2) ||
            ptw_shares_refer(s, table) != PTW_OK) {
            return false;
        }
        slot = ptw_memo_find(&s->state.count, table, 0, 0);
    }
    noted = notes(s, slot);
    *noted -= (*noted & ~LEFT) > EVEN - MOST_NOTED ? 1 : 0;
    return true;
}

bool ptw_shares_left(const struct ptw_shares *s, uint64_t table)
{
    const struct ptw_memo_slot *slot =
        ptw_memo_find(&s->state.count, table, 0, 0);

    return slot != NULL && of_this_edit(s, slot) && (slot->number & LEFT) != 0;
}

enum ptw_status ptw_shares_room(struct ptw_shares *s, uint64_t more)
{
    size_t used = s->state.count.used;

    if (more <= ptw_slots_used(s->state.count.slots_log2) - used) {
        return PTW_OK;
    }
    s->wanted =
        ptw_memo_bytes(more < SIZE_MAX - used ? used + (size_t)more : SIZE_MAX);
    return PTW_E_SPACE;
}

/* Whether an item of a walk over spaces of r is a reference to a table. */
static bool refers(const struct ptw_regime *r, const struct ptw_item *item,
                   ptw_pa *table)
{
    unsigned level;

    switch (item->kind) {
    case PTW_ITEM_SPACE:
        *table = item->u.space_info.root.table;
        return item->u.space_info.kind != PTW_SPACE_BAD;
    case PTW_ITEM_TABLE:
        *table = item->u.table.table;
        return true;
    case PTW_ITEM_ALIAS:
        *table = ptw_alias_view(r, item, &level).table;
        return true;
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_FINDING:
        break;
    }
    return false;
}

enum ptw_status ptw_shares_scan(struct ptw_shares *s, const struct ptw_mem *mem,
                                const struct ptw_root *root, uint32_t roots,
                                struct ptw_memo *memo, uint64_t max_reads)
{
    enum { BATCH = 16 };
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    struct ptw_item item[BATCH];
    enum ptw_status st;

    s->wanted = 0;
    o.max_reads = max_reads;
    o.flags = PTW_WALK_RUNS | PTW_WALK_TABLES;
    st = ptw_walk_va_spaces_init(&w, mem, root, roots, memo, &o);
    while (st == PTW_OK) {
        size_t items;

        st = ptw_walk_next(&w, item, BATCH, &items);
        for (size_t i = 0; i < items && st == PTW_OK; i++) {
            const struct ptw_regime *r = root[0].regime;
            ptw_pa table;

            if (refers(r, &item[i], &table) && r->arch->format->levels > 0) {
                st = ptw_shares_refer(s, table.v);
            }
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
