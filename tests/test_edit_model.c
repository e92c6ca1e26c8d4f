/* SPDX-License-Identifier: Apache-2.0 */
/* Long random sequences of edits against a plain array: VA page to physical
 * page, rights and copy-on-write. */
#define EVERY_LEVELS 2

#include "edit_bench.h"
#include "every_regime.h"

#include <string.h>

enum { MOST_PAGES = 3 * 8192, MODEL_SPACES = 3 };

struct page {
    uint64_t pa;
    uint8_t rights; /* 0: not mapped */
    bool copy_on_write;
};

struct world {
    struct dice dice;
    uint64_t base;       /* of the pages of the model */
    unsigned table_log2; /* pages below one page table */
    unsigned pages;      /* of the model: whole tables, three or more */
    uint64_t large;      /* size of the smallest large leaf */
    unsigned spaces;
    bool movable;
    bool give;
    struct page page[MODEL_SPACES][MOST_PAGES];
    struct ptw_movable_tables t[MODEL_SPACES];
    struct ptw_shares *shares;
    unsigned done[3]; /* edits that went well, were refused, are links */
};

static struct world w;

/* Compares the space with the model, page by page. */
static void check_space(unsigned s, unsigned step)
{
    static struct page is[MOST_PAGES];
    struct plan p = follow_plan(w.t[s].tables.root.table.v);
    const struct report *r;
    uint64_t bytes = page_bytes();

    memset(is, 0, sizeof is);
    p.o.flags = PTW_WALK_RUNS;
    r = walk(&p);
    cr_assert(eq(int, (int)r->end, PTW_END));
    for (size_t i = 0; i < r->count; i++) {
        const struct ptw_item *item = &r->item[i];
        const struct ptw_mapping *m = &item->u.mapping;
        uint64_t first;
        uint64_t pages;
        bool cow;

        cr_assert(eq(int, (int)item->kind, PTW_ITEM_MAPPING), "step %u", step);
        first = (item->first.v - w.base) / bytes;
        pages = (item->last.v - item->first.v) / bytes + 1;
        cow = ptw_attributes_of(&regime, m->level, m->raw).copy_on_write;
        cr_assert(lt(u64, first, w.pages), "step %u", step);
        cr_assert(le(u64, pages, w.pages - first), "step %u", step);
        for (uint64_t j = 0; j < pages; j++) {
            is[first + j].pa = m->pa.v + j * bytes;
            is[first + j].rights = (uint8_t)m->rights;
            is[first + j].copy_on_write = cow;
        }
    }
    for (unsigned n = 0; n < w.pages; n++) {
        const struct page *want = &w.page[s][n];

        if (is[n].rights == want->rights && is[n].pa == want->pa &&
            is[n].copy_on_write == want->copy_on_write) {
            continue; /* an assertion for each page would take most of the time */
        }
        cr_assert(false,
                  "step %u, space %u, page %u: %llx %x %d, not %llx %x %d",
                  step, s, n, (unsigned long long)is[n].pa, is[n].rights,
                  is[n].copy_on_write, (unsigned long long)want->pa,
                  want->rights, want->copy_on_write);
    }
}

static void check(unsigned step)
{
    struct ptw_root root[MODEL_SPACES];
    uint64_t spares = 0;

    for (unsigned s = 0; s < w.spaces; s++) {
        check_space(s, step);
        root[s] = w.t[s].tables.root;
        spares += w.t[s].tables.stock.tables;
    }
    cr_assert(not(pool.wrong), "step %u", step);
    cr_assert(not(pool.stale), "step %u", step);
    cr_assert(eq(u64, pool.in_use, reachable(w.spaces, root) + spares),
              "step %u", step);
    if (w.give) {
        cr_assert(eq(u64, spares, 0), "step %u", step);
    }
    if (w.shares != NULL && step % 8 == 0) {
        static struct ptw_shares again;
        static _Alignas(8) unsigned char storage[2][1 << 17];
        struct ptw_memo memo;

        cr_assert(ptw_shares_init(&again, storage[0], sizeof storage[0], 1) ==
                  PTW_OK);
        cr_assert(ptw_memo_init(&memo, storage[1], sizeof storage[1], 2) ==
                  PTW_OK);
        cr_assert(eq(int,
                     (int)ptw_shares_scan(&again, &mem, root, w.spaces, &memo,
                                          UINT64_MAX),
                     PTW_OK));
        for (unsigned f = POOL_FIRST; f < FRAMES; f++) {
            ptw_pa table = {(uint64_t)f * PAGE};

            if (pool.used[f]) {
                cr_assert(eq(u64, ptw_shares_of(w.shares, table),
                             ptw_shares_of(&again, table)),
                          "step %u, table %x", step, f * PAGE);
            }
        }
    }
}

static unsigned some_rights(void)
{
    unsigned rights =
        PTW_READ |
        ((unsigned)roll_below(&w.dice, all_rights() + 1) & all_rights());

    if (!oracle_withholds(&oracle, PTW_EXEC)) {
        rights |= PTW_EXEC;
    }
    if (oracle_withholds(&oracle, PTW_READ) &&
        oracle_leaf_grants(&oracle, rights & ~(unsigned)PTW_READ) &&
        one_in(&w.dice, 2)) {
        rights &= ~(unsigned)PTW_READ;
    }
    return rights;
}

static void some_range(unsigned *first, unsigned *count)
{
    unsigned table = 1u << w.table_log2;

    *first = (unsigned)roll_below(&w.dice, w.pages);
    *count =
        1 + (unsigned)roll_below(&w.dice, one_in(&w.dice, 2) ? 8 : w.pages);
    if (one_in(&w.dice, 3)) {
        *first &= ~(table - 1);
    }
    if (one_in(&w.dice, 4)) {
        *count = (*count + table - 1) & ~(table - 1);
    }
    if (*count > w.pages - *first) {
        *count = w.pages - *first;
    }
}

static unsigned some_flags(void)
{
    unsigned flags = (unsigned)roll_below(&w.dice, 16);

    flags |= one_in(&w.dice, 2) ? PTW_EDIT_SPLIT : 0;
    return w.shares == NULL ? flags & ~(unsigned)PTW_EDIT_UNSHARE : flags;
}

/* What happened must be nothing at all, or everything. */
static bool went_well(enum ptw_status st, unsigned flags, bool refusing,
                      unsigned step)
{
    if (st == PTW_OK) {
        w.done[0]++;
        return true;
    }
    w.done[1]++;
    switch ((int)st) {
    case PTW_E_LARGE:
        cr_assert(eq(uint, flags & (unsigned)PTW_EDIT_SPLIT, 0), "step %u",
                  step);
        break;
    case PTW_E_SHARED:
        cr_assert(eq(uint, flags & (unsigned)PTW_EDIT_UNSHARE, 0), "step %u",
                  step);
        break;
    case PTW_E_LIMIT:
        break;
    case PTW_E_SPACE: /* take */
    case PTW_E_BUS:   /* move */
        cr_assert(refusing, "step %u", step);
        break;
    default:
        cr_assert(false, "step %u: %s", step, ptw_status_text(st));
    }
    if (!w.movable && w.give) {
        cr_assert(as_remembered(), "step %u", step);
    }
    return false;
}

static void edit_once(unsigned step)
{
    unsigned s = (unsigned)roll_below(&w.dice, w.spaces);
    struct ptw_movable_tables *t = &w.t[s];
    unsigned flags = some_flags();
    unsigned rights = some_rights();
    bool cow = one_in(&w.dice, 4);
    bool refusing = one_in(&w.dice, 4);
    unsigned op = (unsigned)roll_below(&w.dice, 3);
    uint64_t limit = one_in(&w.dice, 8) ? roll_below(&w.dice, 300) : UINT64_MAX;
    unsigned first;
    unsigned count;
    uint64_t pa = roll_below(&w.dice, 1 << 18) * page_bytes();
    enum ptw_status st;

    some_range(&first, &count);
    if (one_in(&w.dice, 2)) { /* aligned as the range is */
        pa &= ~(w.large - 1);
        pa += (w.base + (uint64_t)first * page_bytes()) & (w.large - 1);
    }
    remember();
    memset(pool.moved, 0, sizeof pool.moved);
    pool.refuse_after = refusing ? (int)roll_below(&w.dice, 6) : NEVER;
    pool.move_refuse_after =
        refusing && one_in(&w.dice, 2) ? (int)roll_below(&w.dice, 6) : NEVER;
    if (op == 0) {
        struct ptw_map_request q =
            map_request(w.base + (uint64_t)first * page_bytes(),
                        (uint64_t)count * page_bytes(), pa, rights, flags);

        q.copy_on_write = cow;
        q.max_reads = limit;
        st = w.movable ? ptw_map_movable(t, &q) : ptw_map(&t->tables, &q);
    } else {
        struct ptw_range_request q =
            range_request(w.base + (uint64_t)first * page_bytes(),
                          (uint64_t)count * page_bytes(), rights, flags);

        q.max_reads = limit;
        if (op == 1) {
            st = w.movable ? ptw_unmap_movable(t, &q)
                           : ptw_unmap(&t->tables, &q);
        } else {
            st = w.movable ? ptw_protect_movable(t, &q)
                           : ptw_protect(&t->tables, &q);
        }
    }
    pool.refuse_after = NEVER;
    pool.move_refuse_after = NEVER;
    if (!went_well(st, flags, refusing, step)) {
        return;
    }
    for (unsigned n = first; n < first + count; n++) {
        struct page *page = &w.page[s][n];

        switch (op) {
        case 0:
            page->pa = pa + (uint64_t)(n - first) * page_bytes();
            page->rights =
                (uint8_t)(cow ? rights & ~(unsigned)PTW_WRITE : rights);
            page->copy_on_write = cow;
            break;
        case 1:
            memset(page, 0, sizeof *page);
            break;
        default:
            if (page->rights != 0) {
                page->rights = (uint8_t)rights;
                page->copy_on_write &= (rights & PTW_WRITE) == 0;
            }
            break;
        }
    }
}

static void link_once(unsigned step)
{
    unsigned tables = w.pages >> w.table_log2;
    unsigned s = (unsigned)roll_below(&w.dice, w.spaces);
    unsigned owner = (unsigned)roll_below(&w.dice, s + 1);
    unsigned ours = (unsigned)roll_below(&w.dice, tables);
    unsigned theirs = (unsigned)roll_below(&w.dice, tables);
    unsigned pages = 1u << w.table_log2;
    unsigned flags =
        PTW_EDIT_EXACT | (one_in(&w.dice, 2) ? PTW_EDIT_UNSHARE : 0);
    bool refusing = one_in(&w.dice, 4);
    struct ptw_built built[MODEL_SPACES];
    struct ptw_item item = {.kind = PTW_ITEM_ALIAS, .space = s};
    struct ptw_alias_ref ref = {
        .our_va = {w.base + ((uint64_t)ours << w.table_log2) * page_bytes() +
                   roll_below(&w.dice, (uint64_t)pages * page_bytes())},
        .their_va = {w.base +
                     ((uint64_t)theirs << w.table_log2) * page_bytes() +
                     roll_below(&w.dice, (uint64_t)pages * page_bytes())},
        .attributes = to_table(1, 0, all_rights()),
        .owner = owner,
        .rights = all_rights(),
    };
    struct page *to = &w.page[s][ours << w.table_log2];
    const struct page *from = &w.page[owner][theirs << w.table_log2];
    enum ptw_status st;

    set_alias(&item, &ref, 0);
    for (unsigned i = 0; i < w.spaces; i++) {
        built[i].root = w.t[i].tables.root;
        built[i].built = true;
    }
    remember();
    pool.refuse_after = refusing ? (int)roll_below(&w.dice, 6) : NEVER;
    st = ptw_space_aware_map(&w.t[s].tables, &item, built, w.spaces, flags);
    pool.refuse_after = NEVER;
    w.done[2] += st == PTW_OK;
    switch ((int)st) {
    case PTW_OK:
        memmove(to, from, pages * sizeof *to);
        return;
    case PTW_NOT_MAPPED:
        memset(to, 0, pages * sizeof *to);
        return;
    case PTW_E_ARG:
        cr_assert(owner == s && ours == theirs);
        break;
    case PTW_E_SHARED:
        cr_assert(eq(uint, flags & (unsigned)PTW_EDIT_UNSHARE, 0));
        break;
    case PTW_E_SPACE:
        cr_assert(refusing);
        break;
    case PTW_E_LARGE:
    case PTW_E_IN_USE:
        break;
    default:
        cr_assert(false, "step %u: %s", step, ptw_status_text(st));
    }
    if (w.give) {
        cr_assert(as_remembered(), "step %u", step);
    }
}

/* Where the pages are: from the first address, across the end of 1 GiB, or up to
 * the last address. */
enum place { LOW, MIDDLE, END };

static uint64_t base_of(enum place place)
{
    switch (place) {
    case LOW:
        return first_va();
    case MIDDLE:
        return first_va() + 0x40000000 - w.pages / 3 * page_bytes();
    case END:
        break;
    }
    return oracle_last(&oracle) - (w.pages * page_bytes() - 1);
}

/* With fewer steps, chance may have it that hardly any of a kind succeed. */
enum { LEAST_STEPS = 375 };

static void play(const char *name, enum place place, unsigned spaces,
                 bool movable, bool give, unsigned steps, uint64_t seed)
{
    machine(name);
    steps = fewer(steps);
    steps = steps > LEAST_STEPS ? steps : LEAST_STEPS;
    pool_init();
    memset(&w, 0, sizeof w);
    w.dice.state = seed;
    w.table_log2 =
        oracle.format->level[1].shift - oracle.format->level[0].shift;
    w.pages = 3u << (w.table_log2 > 10 ? w.table_log2 : 10);
    cr_assert(le(uint, w.pages, MOST_PAGES));
    w.large = span(1);
    w.base = base_of(place);
    w.spaces = spaces;
    w.movable = movable;
    w.give = give;
    w.shares = spaces > 1 ? counted() : NULL;
    for (unsigned s = 0; s < spaces; s++) {
        bench(&w.t[s].tables);
        w.t[s].tables.table_rights = PTW_USER & all_rights();
        w.t[s].tables.shares = w.shares;
        w.t[s].tables.ops = give ? &pool_ops : &pool_ops_without_give;
        w.t[s].move = &pool_moves;
    }
    for (unsigned step = 0; step < steps; step++) {
        if (spaces > 1 && one_in(&w.dice, 4)) {
            link_once(step);
        } else {
            edit_once(step);
        }
        check(step);
    }
    cr_expect(lt(uint, steps / 16, w.done[0]));
    cr_expect(lt(uint, steps / 80, w.done[1]));
    cr_expect(spaces == 1 || w.done[2] > steps / 80);
}

enum { STEPS = 1500 / PTW_TESTS_SHARE };

EVERY(model, agrees_in_one_space)
{
    play(name, LOW, 1, false, true, STEPS, 11);
    play(name, MIDDLE, 1, false, true, STEPS, 1);
    play(name, END, 1, false, true, STEPS, 2);
}

EVERY(model, agrees_where_spare_tables_are_kept)
{
    play(name, MIDDLE, 1, false, false, STEPS, 3);
    play(name, MIDDLE, 3, false, false, STEPS, 4);
}

EVERY(model, agrees_with_tables_that_move)
{
    play(name, MIDDLE, 1, true, true, STEPS, 5);
    play(name, END, 1, true, true, STEPS, 6);
    play(name, MIDDLE, 1, true, false, STEPS, 7);
}

EVERY(model, agrees_with_spaces_that_share)
{
    play(name, MIDDLE, 3, false, true, 2 * STEPS, 8);
    play(name, END, 2, false, true, STEPS, 9);
    play(name, LOW, 3, false, true, STEPS, 14);
}

EVERY(model, agrees_with_spaces_that_share_tables_that_move)
{
    play(name, MIDDLE, 3, true, true, 2 * STEPS, 10);
    play(name, END, 3, true, true, STEPS, 15);
}
