/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of edits and moves: README.md has them in words. */
#include "edits.h"
#include "edit_probe.h"
#include "edit_words.h"
#include "obstacles.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* Room for the memo of as many tables as the list of shared tables can have. */
static _Alignas(8) unsigned char memo_store[24 << 12];
static struct fe_host host;
static struct fz_case described;

/* A fuzzer compares a prefix where there is much. */
uint64_t fe_entries_to_compare(const struct fz_case *w)
{
    return w->thorough ? FM_ENTRIES : 8192;
}

/* -------------------------------------------------------- what holds of any */

/* What was refused is what an edit says, and is not kept. */
void fe_check_refusal(const struct fe_host *h, enum ptw_status st)
{
    if (h->refused && (h->refusals >> st & 1) == 0) {
        fz_fail(ASK_SUPPLY, "tables were refused, and an edit says: %s",
                ptw_status_text(st));
    }
    if (h->bad_out) {
        fz_fail(ASK_SUPPLY, "%llx can't be a table, and was not given back",
                HEX(h->bad));
    }
}

/* Only one failure says that something was written. */
static void check_changed(const struct fe_host *h, enum ptw_status st)
{
    uint64_t pa;

    if (st != PTW_OK && st != PTW_E_CHANGED && !fm_same_bytes(&h->m, &pa)) {
        fz_fail(ASK_CHANGING,
                "the tables changed under an edit, which changed %llx and "
                "says: %s",
                HEX(pa), ptw_status_text(st));
    }
}

/* Before an edit: who is what. */
void fe_edit_begin(struct fe_host *h, const struct fe_record *q, bool movable)
{
    fm_begin(&h->m);
    fe_host_asks(h, q);
    h->movable = movable;
    h->moves = 0;
    h->moved = 0;
    h->hooked = false;
    h->hook_root = h->m.root[q->root];
    h->given = 0;
    h->given_new = 0;
    h->reclaims = q->op == DO_UNMAP && (q->flags & PTW_EDIT_RECLAIM) != 0;
    if ((h->options & OPT_DIRECT) != 0) {
        for (unsigned i = 0; i < h->m.pool_tables; i++) {
            const struct fm_table *t = &h->m.table[i];

            if (t->state == FM_TAKEN) {
                fm_touch_range(&h->m, t->pa, t->bytes);
            }
        }
        fm_touch_host(&h->m);
    }
    h->crooked = h->crooked || fm_two_levels(&h->m);
    h->shared = false;
    for (unsigned i = 0; i < h->m.tables; i++) {
        h->shared = h->shared || h->m.table[i].refs > 1;
    }
    h->editing = true;
    h->traded = h->taken + h->given_back;
}

/* The stock: a chain of tables that nobody refers to. */
void fe_count_stock(struct fe_host *h, const struct ptw_tables *t)
{
    uint64_t at = t->stock.first.v;

    for (unsigned i = 0; i < h->m.tables; i++) {
        h->m.table[i].stock = false;
    }
    for (uint64_t i = 0; i < t->stock.tables; i++) {
        int number = fm_table(&h->m, at);
        struct fm_table *p = number < 0 ? NULL : &h->m.table[number];

        if (p == NULL || p->stock || p->reached ||
            (p->state != FM_TAKEN && !(p->state == FM_OF_GUEST && p->linked))) {
            fz_fail(ASK_TABLES, "%llx is in stock", HEX(at));
            return;
        }
        p->stock = true;
        p->state = FM_TAKEN;
        /* Little-endian, like everything that the library writes. */
        at = fm_load(&h->m, false, at, FE_LINK_BYTES);
    }
}

/* What no root can be and was taken for one is refused; without give, the
 * status tells the host that it still has it. */
void fe_take_back(struct fe_host *h, enum ptw_status st)
{
    if (h->high >= 0 && st == PTW_E_WIDTH && (h->options & OPT_KEEP) != 0 &&
        h->m.table[h->high].state == FM_TAKEN && !h->m.table[h->high].reached &&
        !h->m.table[h->high].stock) {
        h->m.table[h->high].state = FM_FREE;
        h->pool_limit++;
    }
}

/* Whether a root register can have that address. */
void fe_check_root(const struct fe_host *h, uint64_t root)
{
    if (fe_is_high(&h->m, root) ||
        root % fm_table_bytes(&h->m, h->m.levels - 1) != 0) {
        fz_fail(ASK_SUPPLY, "the root %llx can't be one", HEX(root));
    }
}

/* After it: what holds whatever it said. */
static void edit_end(struct fe_host *h, const struct ptw_tables *t,
                     enum ptw_status st)
{
    bool odd = false;
    uint64_t pa;

    h->editing = false;
    fe_check_lent(h);
    fm_reach(&h->m);
    if (fm_stray(&h->m, &pa)) {
        fz_fail(ASK_BOUNDS, "an edit wrote to %llx, which is no table",
                HEX(pa));
    }
    if (fm_beyond(&h->m, h->movable, &pa)) {
        fz_fail(ASK_BOUNDS, "an edit wrote to %llx, which can't be written",
                HEX(pa));
    }
    for (unsigned i = 0; i < h->m.roots; i++) {
        if (h->m.rooted[i]) {
            fe_check_root(h, h->m.root[i]);
        }
    }
    fe_count_stock(h, t);
    for (unsigned i = 0; i < h->m.tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        /* What went back to the host was poisoned by it. */
        if (h->movable && p->linked && !p->asked &&
            (p->state == FM_OF_GUEST || p->state == FM_TAKEN) &&
            fm_changed(&h->m, p->pa, p->bytes, &pa)) {
            fz_fail(ASK_MOVES,
                    "an edit wrote to %llx, which was not asked to move",
                    HEX(p->pa));
        }
        if (h->movable && p->linked && !p->asked && p->stock) {
            fz_fail(ASK_MOVES, "%llx is in stock, and was not asked to move",
                    HEX(p->pa));
        }
        if (p->reached && (p->state == FM_FREE || p->state == FM_GIVEN)) {
            fz_fail(ASK_TABLES, "%llx was given back and is still referred to",
                    HEX(p->pa));
        }
        /* Who is counted often by itself is not found to be unused. */
        odd =
            odd || (p->state == FM_TAKEN && !p->reached && t->shares != NULL &&
                    ptw_shares_of(t->shares, ptw_pa_of(p->pa)) > 1);
    }
    fe_take_back(h, st);
    for (unsigned i = 0; i < h->m.tables && !odd; i++) {
        struct fm_table *p = &h->m.table[i];

        if (p->state == FM_TAKEN && !p->reached && !p->stock) {
            if (h->movable && p->linked && !p->asked && t->ops->give == NULL) {
                p->state = FM_GIVEN; /* left to whoever has the older state */
                continue;
            }
            fz_fail(ASK_TABLES, "%llx is taken and not used", HEX(p->pa));
        }
    }
    if (t->ops->give != NULL && t->stock.tables != 0) {
        fz_fail(ASK_TABLES, "%llu tables were not given back",
                HEX(t->stock.tables));
    }
}

/* No count is too low; while no table is at two levels, none is too high. */
void fe_check_counts(const struct fe_host *h, const struct ptw_tables *t,
                     bool exact)
{
    for (unsigned i = 0; i < h->m.tables && t->shares != NULL; i++) {
        const struct fm_table *p = &h->m.table[i];
        uint64_t count = ptw_shares_of(&h->shares, ptw_pa_of(p->pa));

        if (p->reached && (count < p->refs || (exact && count != p->refs))) {
            fz_fail(ASK_COUNTS,
                    "%llx is referred to %u times, the list says %llu",
                    HEX(p->pa), (unsigned)p->refs, HEX(count));
        }
    }
}

bool fe_after(const struct fe_host *h, enum ptw_status st)
{
    if (h->restless && !h->misled) {
        check_changed(h, st);
    }
    if (h->unwritten && st == PTW_OK) {
        fz_fail(ASK_CHANGING, "a callback failed to write, and an edit is ok");
    }
    return !h->tainted;
}

void fe_check_edit(struct fe_host *h, const struct ptw_tables *t,
                   enum ptw_status st)
{
    edit_end(h, t, st);
    fz_seen.edits++;
    fz_seen.done += st == PTW_OK;
    fz_seen.traded += st == PTW_OK && h->taken + h->given_back != h->traded;
    fe_say_tables(h, t);
    fe_check_refusal(h, st);
    h->crooked = h->crooked || fm_two_levels(&h->m);
    fe_check_counts(h, t, !h->crooked);
    /* What is copied may become empty, and what is met twice is copied once. */
    if (st == PTW_OK && h->given_new != 0 && !h->reclaims && !h->shared) {
        fz_fail(ASK_TABLES, "an edit took %u tables more than it had a use for",
                h->given_new);
    }
}

void fe_check_failed(const struct fe_host *h, enum ptw_status st,
                     struct fm_change *change)
{
    uint64_t pa;

    if (h->moved == 0 && !fm_same_bytes(&h->m, &pa)) {
        fz_fail(ASK_UNCHANGED, "%s failed (%s) and changed %llx", change->what,
                ptw_status_text(st), HEX(pa));
    }
    change->want = FM_SAME;
    change->first = 1;
    change->last = 0;
}

void fe_compare_all(struct fe_host *h, const uint64_t *was,
                    const struct fm_change *change, unsigned only)
{
    struct fm_change same = {.want = FM_SAME, .first = 1, .what = change->what};

    for (unsigned i = 0; i < h->m.roots; i++) {
        struct fm_compare c = {&h->m,      &h->m, true,
                               false,      &same, fe_entries_to_compare(h->w),
                               UINT64_MAX, false, 0};

        if (!h->m.rooted[i]) {
            continue;
        }
        if (i == only) {
            c.change = change;
        }
        fm_compare_spaces(&c, was[i], h->m.root[i]);
    }
}

/* ----------------------------------------------------------------- one edit */

/* An edit says what stands in its way, and succeeds when nothing does. */
static void check_status(const struct fe_host *h, const struct fe_record *q,
                         const struct fe_obstacles *o, enum ptw_status st)
{
    unsigned may = o->may;

    if (h->high >= 0) {
        may |= 1u << PTW_E_WIDTH; /* no root can be where a table was taken */
    }
    if (st == PTW_OK ? o->must != 0 : (may >> st & 1) == 0) {
        fz_fail(ASK_STATUS,
                "operation %d on %llx to %llx at %llx, rights %x, flags %x: "
                "%s; it may say %x, and must fail by %x",
                (int)q->op, HEX(q->first), HEX(q->last), HEX(q->pa), q->rights,
                q->flags, ptw_status_text(st), may, o->must);
    }
}

/* Somebody wrote to the first table in stock: what it leads to is no table. */
static bool spoil_stock(struct fe_host *h, const struct ptw_tables *t,
                        enum fe_fault fault)
{
    struct fe_wanted any = fe_any_table(h);
    int table = fm_table(&h->m, t->stock.first.v);
    uint64_t link = 0;

    if (fault == FAULT_NONE || t->stock.tables == 0 || table < 0 ||
        !(fault == FAULT_IN_USE ? fe_page_in_use(h, &link)
                                : fe_bad_address(h, fault, &any, &link))) {
        return false;
    }
    fm_store(&h->m, t->stock.first.v, FE_LINK_BYTES, link);
    h->misled = fault == FAULT_IN_USE;
    h->tainted = true;
    return true;
}

/* After an edit: where the root is now, and that the hook was told. */
void fe_follow_root(struct fe_host *h, unsigned root,
                    const struct ptw_tables *t, bool movable)
{
    uint64_t was = h->m.root[root];

    if (!h->m.rooted[root]) {
        return;
    }
    h->m.root[root] = t->root.table.v;
    if (h->hooked && h->hook_root != t->root.table.v) {
        fz_fail(ASK_MOVES, "the root is %llx, the hook was told %llx",
                HEX(t->root.table.v), HEX(h->hook_root));
    }
    if (movable && t->root.table.v != was && !h->hooked) {
        fz_fail(ASK_MOVES, "the root moved to %llx, and the hook was not told",
                HEX(t->root.table.v));
    }
}

/* Makes an edit on the tables t, whose root, table_rights and shares it sets.
 */
static enum ptw_status step(struct fz_case *w, struct fe_host *h,
                            struct ptw_movable_tables *mt,
                            const struct fe_record *q, bool movable)
{
    static const char *const name[] = {"map", "unmap", "protect", "link"};
    struct ptw_tables *t = &mt->tables;
    struct fe_record exact;
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    struct fm_change change = {
        .first = q->first & mask,
        .last = q->last & mask,
        .pa = q->pa,
        .rights = fz_granted(
            w, q->copy_on_write ? q->rights & ~(unsigned)PTW_WRITE : q->rights),
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .table_flags = &q->table_flags,
        .table_rights = q->table_rights & PTW_USER & w->mode.format->rights,
        .what = name[q->op],
    };
    struct fe_obstacles obstacles;
    uint64_t was[FM_ROOTS];
    enum ptw_status st = PTW_OK;
    bool shared = false;
    uint64_t spares;
    uint64_t pa;
    size_t refused = 0;
    bool spoilt;
    bool go_on;

    memcpy(was, h->m.root, sizeof was);
    for (unsigned i = 0; i < h->m.tables; i++) {
        shared = shared || h->m.table[i].refs > 1;
    }
    t->shares = (h->options & OPT_VOUCH) != 0 && !shared ? NULL : &h->shares;
    t->root.table.v = h->m.root[q->root];
    t->table_rights = q->table_rights;
    t->table_flags = q->table_flags;
    fe_edit_begin(h, q, movable);
    obstacles = fe_find_obstacles(h, q, t, movable);
    exact = *q;
    exact.max_reads = fe_read_limit(q->max_reads, &obstacles);
    q = &exact;
    fe_say_edit(h, q, movable);
    fe_probe(h, mt, q, movable, &obstacles);
    fe_shares_probed(h);
    exact.max_reads = fe_least_reads(h, q, movable, &obstacles);
    spoilt = spoil_stock(h, t, q->stock_fault);
    spares = t->stock.tables;
    h->shares.wanted = t->shares != NULL ? SIZE_MAX : 0;
    st = fe_call(mt, q, movable, &refused);
    switch (q->op) {
    case DO_MAP:
        change.want = FM_MAPPED;
        if (q->list != 0) {
            fe_check_list(h, mt, q, movable, refused, st);
            change.page_bytes = q->page_bytes;
            change.apart = q->apart;
        }
        break;
    case DO_UNMAP:
        change.want = FM_UNMAPPED;
        break;
    case DO_PROTECT:
    case DO_LINK:
        change.rights = fz_granted(w, q->rights);
        change.want = FM_PROTECTED;
        break;
    }
    fz_note((uint64_t)st);
    fe_say_status(h, st, t->root);
    go_on = fe_after(h, st);
    if (spoilt && q->stock_fault != FAULT_IN_USE &&
        (t->stock.tables + 1 < spares ||
         (t->stock.tables + 1 == spares && st != PTW_OK &&
          st != PTW_E_CHANGED))) {
        fz_fail(ASK_SUPPLY,
                "the stock led to what is no table, and an edit says: %s",
                ptw_status_text(st));
    }
    if (!go_on) {
        return st;
    }
    fe_follow_root(h, q->root, t, movable);
    fe_check_edit(h, t, st);
    if (st == PTW_E_SPACE && t->shares != NULL &&
        (h->refused ? h->shares.wanted != 0
                    : h->shares.wanted == 0 || h->shares.wanted == SIZE_MAX)) {
        fz_fail(ASK_STORAGE, "%s had no room, and wants %zu", change.what,
                h->shares.wanted);
    }
    if (!h->refused) {
        check_status(h, q, &obstacles, st);
    }
    if (st != PTW_OK) {
        if (h->given != 0) {
            fz_fail(ASK_TABLES, "%s failed (%s) and gave %u tables back",
                    change.what, ptw_status_text(st), h->given);
        }
        fe_check_failed(h, st, &change);
    } else if (h->reclaims && fm_left_empty(&h->m, h->m.root[q->root], q->first,
                                            q->last, &pa)) {
        fz_fail(ASK_TABLES, "%llx has nothing in it, and was not given back",
                HEX(pa));
    }
    h->given = 0;
    fe_compare_all(h, was, &change, q->root);
    fz_note(h->m.root[q->root]);
    return st;
}

/* An edit that finds no room in the list finds it in what it wanted. */
void fe_step_with_room(struct fz_case *w, struct fe_host *h,
                       struct ptw_movable_tables *mt, const struct fe_record *q,
                       bool movable)
{
    enum ptw_status st = step(w, h, mt, q, movable);

    while (fe_shares_more(h, st)) {
        fz_say("again, with room for that: ");
        st = step(w, h, mt, q, movable);
    }
}

/* ---------------------------------------------------------------- one input */

/* A scan that may read one entry ends there: no table has only one. */
static void check_scan_limit(struct fe_host *h, const struct fe_input *in,
                             const struct ptw_root *root)
{
    struct ptw_memo memo;
    enum ptw_status st;
    bool any = false;

    for (unsigned i = 0; i < h->m.roots; i++) {
        any = any || h->m.rooted[i];
    }
    fe_shares_begin(h, in);
    fz_must(ptw_memo_init(&memo, memo_store, sizeof memo_store, h->w->seed),
            "a memo");
    st = ptw_shares_scan(&h->shares, &h->mem, root, h->m.roots, &memo, 1);
    if (any && st != PTW_E_LIMIT && st != PTW_E_SPACE) {
        fz_fail(ASK_STATUS, "a scan that may read one entry says: %s",
                ptw_status_text(st));
    }
}

/* A table that is a part of another one, at another address, is not found to be
 * shared: what an edit of the one does to the other is the guest's own
 * fault. */
static bool overlapping(const struct fe_host *h)
{
    if (!fm_overlaps(&h->m)) {
        return false;
    }
    fz_say("a table is a part of another one: no more is asked\n");
    return true;
}

/* other: where the input has callbacks, memory is the host's, and the other way
 * round. */
static void edits(const uint8_t *data, size_t len, bool movable, bool other)
{
    struct fz_case *w = &described;
    struct fe_input input;
    struct fe_input *in = &input;
    struct fe_host *h = &host;
    struct ptw_movable_tables mt = {
        {.root = {.regime = &w->regime}, .mem = &h->mem, .ctx = h}, &fe_movers};
    struct ptw_memo memo;
    struct ptw_root root[FM_ROOTS];
    bool scanned = true; /* at once */
    enum ptw_status st;

    fe_read_input(w, in, data, len);
    in->options ^= other ? OPT_DIRECT : 0u;
    fz_case_offer(w, FZ_CALLBACKS); /* what is the case's refuses to be read */
    mt.tables.ops =
        (in->options & OPT_KEEP) != 0 ? &fe_without_give : &fe_with_give;
    fe_host_begin(h, w, in);
    fe_host_empty(h);
    h->poison = fz_random(&w->random) & 0x000FFFFFFFFFF000;
    fe_add_pool(&h->m, w);
    if (h->m.overflow) {
        return;
    }
    fm_add_case(&h->m, w, in->readonly, (in->options & OPT_DIRECT) != 0);
    fe_host_memory(h);
    for (unsigned i = 0; i < h->m.roots; i++) {
        root[i] = ptw_root_of(&w->regime, ptw_pa_of(h->m.root[i]));
    }
    fe_say_machine(w, h);
    fe_say_pool(h);
    fe_say_roots(h);
    fe_say_spaces(w, h, "before");
    fm_reach(&h->m);
    if (h->m.overflow) {
        return;
    }
    fe_keep_case(h);
    check_scan_limit(h, in, root);
    fe_shares_begin(h, in);
    do {
        fz_must(ptw_memo_init(&memo, memo_store, sizeof memo_store, w->seed),
                "a memo");
        st = ptw_shares_scan(&h->shares, &h->mem, root, h->m.roots, &memo,
                             UINT64_MAX);
        if (st != PTW_OK) {
            fz_say("the scan for shared tables says: %s\n",
                   ptw_status_text(st));
            scanned = false;
        }
    } while (in->shares_room != 0 && fe_shares_anew(h, st));
    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "a scan says: %s", ptw_status_text(st));
    }
    for (unsigned i = 0; i < h->m.tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        if (p->reached &&
            ptw_shares_of(&h->shares, ptw_pa_of(p->pa)) != p->refs) {
            fz_fail(ASK_COUNTS,
                    "%llx is referred to %u times, the scan says %llu",
                    HEX(p->pa), (unsigned)p->refs,
                    HEX(ptw_shares_of(&h->shares, ptw_pa_of(p->pa))));
        }
    }
    if (overlapping(h) || (!scanned && w->growth == 0)) {
        return;
    }
    for (unsigned i = 0; i < in->edits; i++) {
        struct fe_record q;

        (void)fe_next_edit(w, &in->records, &q);
        fz_say("edit %u of %u: ", i + 1, in->edits);
        fe_step_with_room(w, h, &mt, &q, movable);
        if (h->m.overflow || h->tainted || overlapping(h)) {
            return;
        }
    }
    fe_say_spaces(w, h, "after");
}

/* Thoroughly, in both kinds of memory: the quick ways are there in host memory
 * alone. */
static void edits_everywhere(const uint8_t *data, size_t len, bool movable)
{
    edits(data, len, movable, false);
    if (described.thorough) {
        edits(data, len, movable, true);
    }
}

void fz_edit(const uint8_t *data, size_t len)
{
    edits_everywhere(data, len, false);
}

void fz_move(const uint8_t *data, size_t len)
{
    edits_everywhere(data, len, true);
}
