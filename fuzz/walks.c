/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of walks: README.md has them in words. */
#include "walks.h"
#include "halves.h"
#include "model.h"
#include "refusals.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

struct fz_list fw_list;
struct fz_expected fw_expected;

static struct fz_case described;

enum fz_memory fw_other_memory(const struct fz_case *w)
{
    return w->memory == FZ_CALLBACKS ? FZ_BORROW : FZ_CALLBACKS;
}

bool fw_wants(const struct fz_case *w, enum fw_again which)
{
    return w->thorough || (w->seed >> 32) % FW_AGAIN == which;
}

/* --------------------------------------------------------------------- laws */

/* Whether a table of some level can be there: levels differ in size. */
static bool can_be_table(const struct fz_case *w, uint64_t pa)
{
    for (unsigned i = 0; i <= w->halves; i++) {
        for (unsigned l = 0; l < w->half[i].levels; l++) {
            uint64_t bytes = oracle_table_bytes(w->half[i].mode.format, l);

            if (pa % bytes == 0 && fz_case_touches(w, pa, bytes)) {
                return true;
            }
        }
    }
    return false;
}

static unsigned most_levels(const struct fz_case *w)
{
    unsigned other = w->halves ? w->half[1].levels : 0;

    return w->half[0].levels > other ? w->half[0].levels : other;
}

/* By how many paths, each with other rights, a table of a level can be
 * entered. */
static uint64_t sets_of_rights(const struct fz_case *w)
{
    uint64_t sets = 1;

    for (unsigned right = 1; right <= w->mode.format->rights; right <<= 1) {
        if (w->by_rights && (w->mode.format->rights & right) != 0 &&
            oracle_withholds(&w->mode, right)) {
            sets *= 2;
        }
    }
    if (w->by_rights && w->halves &&
        w->half[0].mode.hpd != w->half[1].mode.hpd) {
        sets++; /* where tables withhold nothing, all paths grant the same */
    }
    return sets;
}

static void check_laws(const struct fz_case *w, const struct ptw_memo *memo)
{
    static ptw_pa table[65536 + FZ_ROOTS];
    const struct ptw_walk_stats *s = &fw_list.stats;
    uint64_t cuts = 2 * (uint64_t)(w->outs + (w->partial ? 1 : 0));
    uint64_t cut = cuts * most_levels(w) * w->roots;
    uint64_t again = 0; /* roots at a table that was entered before, maybe */
    size_t tables;

    fz_must(
        ptw_memo_tables(memo, table, sizeof table / sizeof table[0], &tables),
        "the list of tables");
    if (memo->used > 0 && ptw_memo_tables(memo, table, memo->used - 1,
                                          &(size_t){0}) != PTW_E_SPACE) {
        fz_fail(ASK_STORAGE, "%zu entries of a memo have room in fewer",
                memo->used);
    }
    for (size_t i = 0; i < tables; i++) {
        if (!can_be_table(w, table[i].v) ||
            (i > 0 && table[i].v <= table[i - 1].v)) {
            fz_fail(ASK_LAW, "%llx is no table", HEX(table[i].v));
        }
    }
    for (size_t i = 0; i < fw_list.count; i++) {
        const struct ptw_item *item = &fw_list.item[i];

        again +=
            item->kind == PTW_ITEM_SPACE &&
            (item->u.space_info.met_below || fz_shorter_root(w, item->space));
    }
    if (s->tables > tables * most_levels(w) * sets_of_rights(w) + cut + again) {
        fz_fail(ASK_LAW, "%llu tables were entered, there are %zu",
                HEX(s->tables), tables);
    }
    if (s->reads > w->entries * s->tables) {
        fz_fail(ASK_LAW, "%llu entries of %llu tables were read", HEX(s->reads),
                HEX(s->tables));
    }
    /* A root of which nothing is walked may have a number, and is in no
     * memo. */
    if (s->tables != memo->used && (memo->used > 0 || s->tables > w->roots)) {
        fz_fail(ASK_LAW, "%llu tables were entered, the memo has %zu",
                HEX(s->tables), memo->used);
    }
}

/* ------------------------------------------------------------------ aliases */

/* Compares what an alias stands for with the answers that come next. */
static bool meet_alias(struct fz_case *w, const struct ptw_mem *mem,
                       const struct ptw_item *alias)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, PTW_WALK_HOLES);
    struct ptw_item item[32];
    uint64_t from = alias->first.v > w->first ? alias->first.v : w->first;
    uint64_t to = alias->last.v < w->last ? alias->last.v : w->last;
    enum ptw_status st;
    bool more = true;
    size_t items;

    fz_must(
        ptw_expand_init(&walk, fz_regime_of(w, alias->space), mem, alias, &o),
        "an alias");
    fz_case_remember(w, &walk, mem);
    do {
        st = fz_next(&walk, item, 32, &items);
        for (size_t i = 0; i < items && more; i++) {
            fz_check_item(w, &item[i]);
            if (item[i].space != alias->space ||
                item[i].first.v < alias->first.v ||
                item[i].last.v > alias->last.v) {
                fz_fail(ASK_ANSWERS, "the alias at %llx has an item at %llx",
                        HEX(alias->first.v), HEX(item[i].first.v));
            }
            more = fz_meet(&fw_expected, &item[i]);
        }
    } while (st == PTW_OK && more);
    if (st == PTW_E_LIMIT || !more) {
        return false;
    }
    if (st != PTW_END) {
        fz_fail(ASK_ANSWERS, "the alias at %llx: %s", HEX(alias->first.v),
                ptw_status_text(st));
        return false;
    }
    if (!fz_met(&fw_expected, to) || from > to ||
        (fz_tiles(w) && (fw_expected.at == 0 ||
                         fw_expected.answer[fw_expected.at - 1].last < to ||
                         fw_expected.answer[fw_expected.at - 1].first > to))) {
        fz_fail(ASK_ANSWERS, "the alias at %llx ends too early",
                HEX(alias->first.v));
    }
    return true;
}

/* The table of an alias is the owner's at their_va and ours at our_va. */
static void check_alias(const struct fz_case *w, const struct ptw_item *item)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(&w->regime, item, &level);
    uint64_t theirs = 0;
    uint64_t ours = 0;

    if (!oracle_table_at(&fz_half_of(w, ref.owner)->mode, w->ram, w->rams,
                         w->root[ref.owner], ref.their_va.v, level, &theirs) ||
        theirs != ref.table.v) {
        fz_fail(ASK_MODEL,
                "the alias at %llx: space %u has no table %llx at %llx",
                HEX(item->first.v), (unsigned)ref.owner, HEX(ref.table.v),
                HEX(ref.their_va.v));
    }
    if (!oracle_table_at(&w->mode, w->ram, w->rams, w->root[item->space],
                         ref.our_va.v, level, &ours) ||
        ours != ref.table.v) {
        fz_fail(ASK_MODEL, "the alias at %llx: there is no table %llx at %llx",
                HEX(item->first.v), HEX(ref.table.v), HEX(ref.our_va.v));
    }
}

/* The table that a finding names is the one on the way there. */
void fw_check_finding(const struct fz_case *w, uint64_t root,
                      const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;
    uint64_t va = item->first.v;
    uint64_t table = 0;

    if (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, f->level,
                         &table) ||
        table != f->table.v) {
        fz_fail(ASK_ANSWERS,
                "the finding at %llx names %llx, the table is %llx", HEX(va),
                HEX(f->table.v), HEX(table));
    }
    if (f->kind == PTW_FINDING_SELF &&
        (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, f->level + 1u,
                          &table) ||
         table != f->table.v)) {
        fz_fail(ASK_ANSWERS,
                "the finding at %llx names %llx, which does not hold the entry",
                HEX(va), HEX(f->table.v));
    }
    if (f->rights != fz_path_rights(w, root, va, f->level)) {
        fz_fail(ASK_ANSWERS, "the finding at %llx has rights %x", HEX(va),
                f->rights);
    }
}

/* Compares one space of the list, from *at on, with the oracle.  Returns
 * whether all of it was. */
static bool meet_space(struct fz_case *w, const struct ptw_mem *mem, size_t *at,
                       size_t max)
{
    const struct ptw_item *space = &fw_list.item[*at];
    unsigned aliases = 0;
    unsigned findings = 0;
    bool more = true;
    size_t i = *at + 1;

    fz_turn(w, space->space);
    if (space->u.space_info.kind == PTW_SPACE_WALKED) {
        fz_ask(w, &fw_expected, w->root[space->space], w->first, w->last, max);
    } else {
        fw_expected.at = 0;
        fw_expected.count = 0;
        fw_expected.prefix = false;
    }
    for (; i < fw_list.count && fw_list.item[i].space == space->space; i++) {
        const struct ptw_item *item = &fw_list.item[i];

        if (item->kind == PTW_ITEM_ALIAS && aliases++ < 64) {
            check_alias(w, item);
        }
        if (item->kind == PTW_ITEM_FINDING && fz_covers(item) &&
            findings++ < 64) {
            fw_check_finding(w, w->root[space->space], item);
        }
        if (more) {
            more = item->kind == PTW_ITEM_ALIAS ? meet_alias(w, mem, item)
                                                : fz_meet(&fw_expected, item);
        }
    }
    if (more && (i < fw_list.count || fw_list.complete) &&
        fw_expected.at != fw_expected.count) {
        fz_fail(ASK_ANSWERS, "space %u lacks what the oracle has at %llx",
                (unsigned)space->space,
                HEX(fw_expected.answer[fw_expected.at].first));
    }
    *at = i;
    return more && (i < fw_list.count || fw_list.complete) &&
           !fw_expected.prefix;
}

/* ------------------------------------------------------------------ exposed */

enum { EXPOSED_TABLES = 256 };

struct exposed {
    ptw_pa table[EXPOSED_TABLES];
    bool writable[EXPOSED_TABLES]; /* as the oracle has it */
    bool found[EXPOSED_TABLES];    /* as the library has it */
    size_t tables;
};

/* Marks the tables in [first, last], and returns how many there are. */
static size_t mark(const struct exposed *e, bool *which, uint64_t first,
                   uint64_t last, uint64_t *lowest)
{
    size_t count = 0;

    for (size_t i = 0; i < e->tables; i++) {
        if (e->table[i].v >= first && e->table[i].v <= last) {
            *lowest = count == 0 ? e->table[i].v : *lowest;
            which[i] = true;
            count++;
        }
    }
    return count;
}

/* Marks the tables that leaves of that space show, by what is expected of it.
 * Nothing is of a space that is the same as another one, but where the halves
 * differ, in what tables withhold, it shows what it shows.  Returns whether those
 * are all its leaves, as far as `max` goes. */
static bool mark_writable(struct fz_case *w, struct exposed *e,
                          const struct ptw_item *space, size_t max)
{
    uint64_t lowest;

    if (space->u.space_info.kind == PTW_SPACE_SAME &&
        fz_half_of(w, space->space) !=
            fz_half_of(w, space->u.space_info.same_as)) {
        fz_turn(w, space->space);
        fz_ask(w, &fw_expected, w->root[space->space], w->first, w->last, max);
    }
    for (size_t i = 0; i < fw_expected.count; i++) {
        const struct oracle_answer *a = &fw_expected.answer[i];

        if (a->kind == ORACLE_LEAF &&
            oracle_writes(&w->mode, a->above, a->raw)) {
            (void)mark(e, e->writable, a->pa, a->pa + (a->last - a->first),
                       &lowest);
        }
    }
    return !fw_expected.prefix;
}

static void check_exposed(struct fz_case *w, const struct ptw_mem *mem,
                          struct exposed *e)
{
    static struct ptw_exposed search;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_memo memo;
    struct ptw_item item;
    struct ptw_root root[FZ_ROOTS];
    enum ptw_status st;

    for (unsigned i = 0; i < w->roots; i++) {
        root[i] = fz_root(w, i);
    }
    fz_memo_init(w, &memo, ~w->seed);
    fz_must(ptw_exposed_init(&search, mem, root, w->roots, &memo, e->table,
                             e->tables, &o),
            "a search");
    for (;;) {
        const struct ptw_finding *f = &item.u.finding;
        struct oracle_answer a;
        uint64_t lowest = 0;
        size_t count;

        st = ptw_exposed_next(&search, &item);
        if (st == PTW_E_SPACE) {
            fz_memo_grow(w, &memo);
            continue;
        }
        if (st != PTW_OK) {
            break;
        }
        fz_note(fz_item_hash(w, &item));
        fz_turn(w, item.space);
        a = oracle_translate(&w->mode, w->ram, w->rams, w->root[item.space],
                             item.first.v);
        if (a.kind != ORACLE_LEAF || !oracle_writes(&w->mode, a.above, a.raw) ||
            a.raw != f->raw || a.level != f->level ||
            item.kind != PTW_ITEM_FINDING || f->kind != PTW_FINDING_EXPOSED) {
            fz_fail(ASK_EXPOSED,
                    "there is no writable leaf at %llx of space %u",
                    HEX(item.first.v), (unsigned)item.space);
        }
        count = mark(e, e->found, a.pa, a.pa + (item.last.v - item.first.v),
                     &lowest);
        if (count == 0 || count != f->tables || lowest != f->table.v) {
            fz_fail(ASK_EXPOSED,
                    "the mapping at %llx exposes %zu tables from %llx on, not "
                    "%llu from %llx on",
                    HEX(item.first.v), count, HEX(lowest), HEX(f->tables),
                    HEX(f->table.v));
        }
    }
    if (st != PTW_END) {
        return;
    }
    for (size_t i = 0; i < e->tables; i++) {
        if (e->writable[i] != e->found[i]) {
            fz_fail(ASK_EXPOSED, "the table %llx is %s", HEX(e->table[i].v),
                    e->found[i] ? "not exposed" : "exposed, and not found");
        }
    }
}

/* -------------------------------------------------------------------- again */

void fw_start(struct fz_case *w, struct ptw_walk *walk,
              const struct ptw_mem *mem, const struct ptw_root *root,
              struct ptw_memo *memo, const struct ptw_walk_options *o)
{
    fz_memo_init(w, memo, w->seed);
    fz_must(ptw_walk_va_spaces_init(walk, mem, root, w->roots, memo, o),
            "a walk");
    fz_case_remember(w, walk, mem);
}

/* The tables of a walk by their numbers, as far as there is room. */
struct numbered {
    uint64_t table[1024];
    uint64_t va[1024];
    unsigned level[1024];
    uint64_t tables;
    uint64_t unread; /* of these: roots of which nothing is walked */
};

static void number(struct numbered *n, uint64_t given, uint64_t table,
                   uint64_t va, unsigned level)
{
    if (given != n->tables) {
        fz_fail(ASK_MODEL,
                "the table %llx at %llx has number %llu, it is number %llu",
                HEX(table), HEX(va), HEX(given), HEX(n->tables));
    }
    if (given < 1024) {
        n->table[given] = table;
        n->va[given] = va;
        n->level[given] = level;
    }
    n->tables++;
}

/* Tables have consecutive numbers, a root where something of the range can be
 * mapped, and of halves where nothing can, too; an alias has that of the table
 * that it refers to. */
static void check_number(struct fz_case *w, struct numbered *n,
                         const struct ptw_item *item)
{
    struct ptw_alias_ref ref;
    unsigned level;

    fz_turn(w, item->space);
    if (item->kind == PTW_ITEM_TABLE) {
        number(n, item->u.table.number, item->u.table.table.v, item->first.v,
               item->u.table.level);
    } else if (item->kind == PTW_ITEM_SPACE && w->levels > 0 &&
               item->u.space_info.kind == PTW_SPACE_WALKED &&
               (w->halves || fz_range_maps(w))) {
        n->unread += !fz_range_maps(w);
        number(n, item->u.space_info.number, item->u.space_info.root.table.v,
               oracle_first(&w->mode), w->levels - 1);
    } else if (item->kind == PTW_ITEM_ALIAS) {
        ref = ptw_alias_view(&w->regime, item, &level);
        if (ref.number >= n->tables ||
            (ref.number < 1024 && (n->table[ref.number] != ref.table.v ||
                                   n->va[ref.number] != ref.their_va.v ||
                                   n->level[ref.number] != level))) {
            fz_fail(ASK_MODEL,
                    "the alias at %llx, of %llx at %llx, has number %u",
                    HEX(item->first.v), HEX(ref.table.v), HEX(ref.their_va.v),
                    (unsigned)ref.number);
        }
    }
}

/* With tables; and where the budget was enough, no limit is, either. */
struct ptw_walk_options fw_other_options(const struct fz_case *w)
{
    struct ptw_walk_options o = fz_options(w, PTW_WALK_TABLES);

    if (fw_list.complete) {
        o.max_reads = 0;
        o.max_items = 0;
    }
    return o;
}

/* The same walk over the same memory, offered in another way, without holes
 * and remarks, and with tables: what is left is the same. */
void fw_check_other_memory(struct fz_case *w, struct ptw_walk *walk,
                           struct ptw_memo *memo)
{
    static struct numbered numbered;
    struct ptw_item item[32];
    size_t at = 0;
    uint64_t reads = w->reads;
    enum ptw_status st;
    struct ptw_walk_stats stats;

    numbered.tables = memo == NULL && w->levels > 0 && fz_range_maps(w) ? 1 : 0;
    numbered.unread = 0;
    do {
        size_t items;

        st = fz_next(walk, item, 32, &items);
        for (size_t i = 0; i < items; i++) {
            check_number(w, &numbered, &item[i]);
            if (item[i].kind == PTW_ITEM_TABLE) {
                continue;
            }
            while (at < fw_list.count &&
                   (fw_list.item[at].kind == PTW_ITEM_HOLE ||
                    (fw_list.item[at].kind == PTW_ITEM_FINDING &&
                     !fz_covers(&fw_list.item[at])))) {
                at++;
            }
            if (at == fw_list.count) {
                if (fw_list.complete) {
                    fz_fail(ASK_TWICE,
                            "a walk of other memory has more at %llx",
                            HEX(item[i].first.v));
                }
                return;
            }
            if (!fz_same_item(w, &item[i], &fw_list.item[at])) {
                fz_fail(ASK_TWICE,
                        "a walk of other memory has another item at %llx "
                        "than the one at %llx",
                        HEX(item[i].first.v), HEX(fw_list.item[at].first.v));
            }
            at++;
        }
        if (st == PTW_E_SPACE && memo != NULL) {
            fz_memo_grow(w, memo);
        }
    } while (st == PTW_OK || st == PTW_E_SPACE);
    stats = ptw_walk_counts(walk);
    if (w->reads - reads > stats.reads) {
        fz_fail(ASK_LIMITS, "%llu entries were read, the walk counts %llu",
                HEX(w->reads - reads), HEX(stats.reads));
    }
    if (st == PTW_END && stats.tables != numbered.tables - numbered.unread &&
        (numbered.tables > 0 || stats.tables > w->roots)) {
        fz_fail(ASK_MODEL, "%llu tables were entered, %llu were given",
                HEX(stats.tables), HEX(numbered.tables));
    }
    if (fw_list.complete &&
        (st != PTW_END || stats.reads != fw_list.stats.reads ||
         stats.tables != fw_list.stats.tables)) {
        fz_fail(ASK_TWICE,
                "a walk of other memory took %llu reads and %llu tables, "
                "else %llu and %llu",
                HEX(stats.reads), HEX(stats.tables), HEX(fw_list.stats.reads),
                HEX(fw_list.stats.tables));
    }
    for (; at < fw_list.count && fw_list.complete; at++) {
        if (fw_list.item[at].kind != PTW_ITEM_HOLE &&
            (fw_list.item[at].kind != PTW_ITEM_FINDING ||
             fz_covers(&fw_list.item[at]))) {
            fz_fail(ASK_TWICE, "a walk of other memory lacks the item at %llx",
                    HEX(fw_list.item[at].first.v));
        }
    }
}

/* -------------------------------------------------------------------- paths */

/* Compares the item with the one of the list that comes next, whose place *at
 * is.  Returns false when the list is over, and need not be the whole. */
static bool meet_same(const struct fz_case *w, const struct ptw_item *item,
                      size_t *at, bool holes)
{
    if (*at == fw_list.count) {
        if (fw_list.complete) {
            fz_fail(ASK_TWICE, "a walk by kernels %u has more at %llx",
                    w->regime.vectors, HEX(item->first.v));
        }
        return false;
    }
    if (!fz_same_item(w, item, &fw_list.item[*at])) {
        fz_fail(ASK_TWICE,
                "a walk by kernels %u has another item at %llx than the one at "
                "%llx",
                w->regime.vectors, HEX(item->first.v),
                HEX(fw_list.item[*at].first.v));
    }
    *at = fz_next_in(&fw_list, *at + 1, holes);
    return true;
}

static void check_same(struct fz_case *w, struct ptw_walk *walk,
                       struct ptw_memo *memo, bool holes)
{
    struct ptw_item item[32];
    struct ptw_walk_stats stats;
    size_t at = fz_next_in(&fw_list, 0, holes);
    bool more = true;
    enum ptw_status st;

    do {
        size_t items;

        st = fz_next(walk, item, 1 + at % 32, &items);
        for (size_t i = 0; i < items && more; i++) {
            ptw_pa pa[PTW_LINE_LEAVES];
            struct ptw_item leaf;

            if (item[i].kind != PTW_ITEM_LINE) {
                more = meet_same(w, &item[i], &at, holes);
                continue;
            }
            if (item[i].u.line.leaves == 0 ||
                item[i].u.line.leaves > PTW_LINE_LEAVES) {
                fz_stop(ASK_TWICE, "a line of %u leaves",
                        item[i].u.line.leaves);
            }
            ptw_line_addresses(fz_regime_of(w, item[i].space), &item[i].u.line,
                               pa);
            for (unsigned k = 0; k < item[i].u.line.leaves && more; k++) {
                ptw_line_leaf(fz_regime_of(w, item[i].space), &item[i], k,
                              &leaf);
                if (pa[k].v != leaf.u.mapping.pa.v) {
                    fz_fail(ASK_TWICE,
                            "leaf %u of the line at %llx is at %llx, and by "
                            "the line's addresses at %llx",
                            k, HEX(item[i].first.v), HEX(leaf.u.mapping.pa.v),
                            HEX(pa[k].v));
                }
                more = meet_same(w, &leaf, &at, holes);
            }
            if (more && leaf.last.v != item[i].last.v) {
                fz_fail(ASK_TWICE,
                        "the line at %llx ends at %llx, its leaves at %llx",
                        HEX(item[i].first.v), HEX(item[i].last.v),
                        HEX(leaf.last.v));
            }
        }
        if (st == PTW_E_SPACE && memo != NULL) {
            fz_memo_grow(w, memo);
        }
    } while (more && (st == PTW_OK || st == PTW_E_SPACE));
    stats = ptw_walk_counts(walk);
    if (fw_list.complete && (st != PTW_END || at != fw_list.count ||
                             stats.reads != fw_list.stats.reads ||
                             stats.tables != fw_list.stats.tables)) {
        fz_fail(ASK_TWICE,
                "a walk by kernels %u has %zu items, %llu reads and %llu "
                "tables, else %zu, %llu and %llu",
                w->regime.vectors, at, HEX(stats.reads), HEX(stats.tables),
                fw_list.count, HEX(fw_list.stats.reads),
                HEX(fw_list.stats.tables));
    }
}

void fw_check_paths(struct fz_case *w, const struct ptw_mem *mem,
                    const struct ptw_root *root, bool spaces)
{
    static struct ptw_walk walk;
    struct ptw_memo memo;
    const unsigned best = fz_kernels(w);
    const unsigned remarks = spaces ? PTW_WALK_REMARKS : 0;
    /* Runs with holes stop every few reads, those without go on by blocks. */
    static const unsigned form[] = {PTW_WALK_HOLES,
                                    PTW_WALK_HOLES | PTW_WALK_LINES,
                                    PTW_WALK_HOLES | PTW_WALK_RUNS,
                                    0,
                                    PTW_WALK_LINES,
                                    PTW_WALK_RUNS,
                                    PTW_WALK_RUNS | PTW_WALK_TABLES};
    const unsigned forms = sizeof form / sizeof form[0];
    const uint64_t digest =
        fz_digest; /* which kernels there are is the host's */

    for (unsigned i = 0; i < forms * (best + 1); i++) {
        unsigned flags = form[i % forms];
        bool holes = (flags & PTW_WALK_HOLES) != 0;
        struct ptw_walk_options o = fz_options(w, remarks | flags);

        fz_set_kernels(w, i / forms);
        if (holes && (flags & PTW_WALK_RUNS) != 0) {
            o.max_reads = w->read_step;
        }
        if (spaces) {
            fw_start(w, &walk, mem, root, &memo, &o);
        } else {
            fz_must(ptw_virt_to_phys_init(&walk, mem, *root, &o), "a walk");
            fz_case_remember(w, &walk, mem);
        }
        if ((flags & PTW_WALK_RUNS) != 0) {
            fz_check_runs(w, &fw_list, &walk, spaces ? &memo : NULL, flags);
        } else {
            check_same(w, &walk, spaces ? &memo : NULL, holes);
        }
    }
    fz_set_kernels(w, best);
    fz_digest = digest;
}

/* -------------------------------------------------------------------- parts */

/* Who asks for the parts to be the whole. */
static enum fz_oracle joined_by(const struct fw_joined *j)
{
    return j->whole != NULL ? ASK_CUTS : ASK_OUTLINE;
}

/* The item that comes next where nothing was cut; NULL: there is none. */
static const struct ptw_item *whole_next(const struct fz_case *w,
                                         struct fw_joined *j)
{
    static struct ptw_item item;
    uint64_t reads = w->reads;
    enum ptw_status st;
    size_t items;

    if (j->whole == NULL) {
        return j->at < fw_list.count ? &fw_list.item[j->at++] : NULL;
    }
    st = fz_next(j->whole, &item, 1, &items);
    j->of_whole += w->reads - reads;
    if (st != PTW_OK && st != PTW_END) {
        fz_fail(ASK_CUTS, "the walk that is not cut says: %s",
                ptw_status_text(st));
    }
    return st == PTW_OK ? &item : NULL;
}

static void meet_whole(struct fz_case *w, struct fw_joined *j)
{
    const struct ptw_item *item = whole_next(w, j);

    if (item == NULL) {
        fz_fail(joined_by(j), "parts have more at %llx", HEX(j->item.first.v));
        return;
    }
    if (!fz_same_item(w, item, &j->item)) {
        fz_fail(joined_by(j),
                "parts have another item at %llx than the walk at %llx",
                HEX(j->item.first.v), HEX(item->first.v));
    }
}

void fw_join(struct fz_case *w, struct fw_joined *j,
             const struct ptw_item *item)
{
    fz_turn(w, item->space);
    if (j->any && ptw_items_join(&w->regime, j->flags, &j->item, item)) {
        return;
    }
    if (j->any) {
        meet_whole(w, j);
    }
    j->item = *item;
    j->any = true;
}

void fw_join_walk(struct fz_case *w, struct fw_joined *j, struct ptw_walk *walk)
{
    struct ptw_item item[16];
    struct ptw_walk_stats stats;
    uint64_t reads = w->reads - j->of_whole;
    enum ptw_status st;
    size_t items;

    do {
        st = fz_next(walk, item, 16, &items);
        for (size_t i = 0; i < items; i++) {
            fz_turn(w, item[i].space);
            fz_check_item(w, &item[i]);
            if (item[i].kind == PTW_ITEM_TABLE) {
                item[i].u.table.number += (uint32_t)j->tables;
            }
            fw_join(w, j, &item[i]);
        }
    } while (st == PTW_OK);
    if (st != PTW_END) {
        fz_fail(joined_by(j), "a part says: %s", ptw_status_text(st));
    }
    stats = ptw_walk_counts(walk);
    reads = w->reads - j->of_whole - reads;
    if (reads > stats.reads) {
        fz_fail(ASK_LIMITS, "%llu entries of a part were read, it counts %llu",
                HEX(reads), HEX(stats.reads));
    }
    j->tables += stats.tables;
    j->reads += stats.reads;
}

void fw_join_end(struct fz_case *w, struct fw_joined *j)
{
    const struct ptw_item *item;

    if (j->any) {
        meet_whole(w, j);
    }
    item = whole_next(w, j);
    if (item != NULL) {
        fz_fail(joined_by(j), "parts lack the item at %llx",
                HEX(item->first.v));
    }
}

/* An outline, in which each table of the lowest level is replaced by what it
 * stands for, is the walk, and has read as much. */
static void check_outline(struct fz_case *w, const struct ptw_mem *mem,
                          struct ptw_walk *walk, struct ptw_memo *memo)
{
    static struct ptw_walk inside;
    struct fw_joined j = {.flags = PTW_WALK_HOLES};
    struct ptw_walk_options o = fz_options(w, PTW_WALK_HOLES);
    struct ptw_item item[8];
    enum ptw_status st;
    size_t items;

    o.max_reads = 0;
    do {
        st = fz_next(walk, item, 8, &items);
        for (size_t i = 0; i < items; i++) {
            if (item[i].kind != PTW_ITEM_TABLE) {
                fw_join(w, &j, &item[i]);
                continue;
            }
            fz_must(ptw_expand_init(&inside, fz_regime_of(w, item[i].space),
                                    mem, &item[i], &o),
                    "a table of an outline");
            fz_case_remember(w, &inside, mem);
            fw_join_walk(w, &j, &inside);
        }
        if (st == PTW_E_SPACE) {
            fz_memo_grow(w, memo);
        }
    } while (st == PTW_OK || st == PTW_E_SPACE);
    fw_join_end(w, &j);
    if (st != PTW_END ||
        j.reads + ptw_walk_counts(walk).reads != fw_list.stats.reads ||
        ptw_walk_counts(walk).tables != fw_list.stats.tables) {
        fz_fail(ASK_OUTLINE,
                "an outline and its tables took %llu reads, the walk %llu",
                HEX(j.reads + ptw_walk_counts(walk).reads),
                HEX(fw_list.stats.reads));
    }
}

/* --------------------------------------------------------------------- walk */

/* The leaves of an alias that grant the rights that are needed, as
 * meet_needed. */
static bool meet_needed_alias(struct fz_case *w, const struct ptw_mem *mem,
                              const struct ptw_item *alias,
                              struct fz_expected *e)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_item item[32];
    bool more = true;
    enum ptw_status st;
    size_t items;

    o.need = w->need;
    fz_must(
        ptw_expand_init(&walk, fz_regime_of(w, alias->space), mem, alias, &o),
        "an alias");
    fz_case_remember(w, &walk, mem);
    do {
        st = fz_next(&walk, item, 32, &items);
        for (size_t i = 0; i < items && more; i++) {
            more = item[i].kind != PTW_ITEM_MAPPING || fz_meet(e, &item[i]);
        }
    } while (st == PTW_OK && more);
    return st == PTW_END && more;
}

/* The oracle's leaves of a space that grant the rights that are needed. */
static void ask_needed(struct fz_case *w, uint64_t root, struct fz_expected *e)
{
    size_t kept = 0;

    fz_ask(w, e, root, w->first, w->last, FZ_ANSWERS);
    e->by = ASK_NEED;
    for (size_t i = 0; i < e->count; i++) {
        if (e->answer[i].kind == ORACLE_LEAF &&
            (e->answer[i].rights & w->need) == w->need) {
            e->answer[kept++] = e->answer[i];
        }
    }
    e->count = kept;
}

/* With needs: of each space the leaves that grant enough, each once, by itself
 * or behind an alias. */
static void check_needs(struct fz_case *w, const struct ptw_mem *mem,
                        const struct ptw_root *root, struct ptw_walk *walk,
                        struct ptw_memo *memo)
{
    static struct fz_expected e;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_item item[32];
    bool more = false;
    unsigned level;
    enum ptw_status st;

    o.need = w->need;
    e.at = 0;
    e.count = 0;
    fw_start(w, walk, mem, root, memo, &o);
    do {
        size_t items;

        st = fz_next(walk, item, 32, &items);
        for (size_t i = 0; i <= items; i++) {
            bool space = i < items && item[i].kind == PTW_ITEM_SPACE;

            if ((space || (i == items && st == PTW_END)) && more && !e.prefix &&
                e.at != e.count) {
                fz_fail(ASK_NEED,
                        "a walk that needs rights %x lacks the leaf at %llx",
                        w->need, HEX(e.answer[e.at].first));
            }
            if (space) {
                more = item[i].u.space_info.kind == PTW_SPACE_WALKED;
                if (more) {
                    fz_turn(w, item[i].space);
                    ask_needed(w, w->root[item[i].space], &e);
                }
            }
            if (i < items && item[i].kind == PTW_ITEM_ALIAS &&
                (ptw_alias_view(fz_regime_of(w, item[i].space), &item[i],
                                &level)
                     .rights &
                 w->need) != w->need) {
                fz_fail(ASK_NEED,
                        "a walk that needs rights %x has an alias at %llx",
                        w->need, HEX(item[i].first.v));
            }
            if (!space && i < items && more) {
                more = item[i].kind == PTW_ITEM_ALIAS
                           ? meet_needed_alias(w, mem, &item[i], &e)
                           : item[i].kind != PTW_ITEM_MAPPING ||
                                 fz_meet(&e, &item[i]);
            }
        }
        if (st == PTW_E_SPACE) {
            fz_memo_grow(w, memo);
        }
    } while (st == PTW_OK || st == PTW_E_SPACE);
}

void fz_walk(const uint8_t *data, size_t len)
{
    static struct ptw_walk walk;
    static struct exposed exposed;
    struct fz_case *w = &described;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_region region_again[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_mem mem_again;
    struct ptw_memo memo;
    struct ptw_walk_options o;
    struct ptw_root root[FZ_ROOTS];
    size_t left;
    bool all = true;

    fz_case_read(w, false, data, len);
    left = w->thorough ? 8192 : 4096;
    fz_case_memory(w, w->memory, &mem, region);
    fz_halves(w);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i] = fz_root(w, i);
    }

    o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS);
    fw_start(w, &walk, &mem, root, &memo, &o);
    fz_collect(w, &walk, &memo, &fw_list);
    for (size_t i = 0; i < fw_list.count; i++) {
        fz_note(fz_item_hash(w, &fw_list.item[i]));
    }
    fz_note(fw_list.stats.reads);
    fz_note(fw_list.stats.tables);
    fz_turn(w, 0);
    fz_refuses_walks(w, &mem);
    fz_refuses_joins(w, fw_list.item, fw_list.count);
    check_laws(w, &memo);
    exposed.tables = 0;
    if (fw_list.complete && memo.used <= EXPOSED_TABLES) {
        fz_must(ptw_memo_tables(&memo, exposed.table, EXPOSED_TABLES,
                                &exposed.tables),
                "the list of tables");
        memset(exposed.writable, 0, sizeof exposed.writable);
        memset(exposed.found, 0, sizeof exposed.found);
    }
    for (size_t at = 0; at < fw_list.count;) {
        fz_check_tiling(w, &fw_list, &at);
    }
    fz_check_model(w, &fw_list);
    for (size_t at = 0; at < fw_list.count && left > 0;) {
        size_t max = left < FZ_ANSWERS ? left : FZ_ANSWERS;
        const struct ptw_item *space = &fw_list.item[at];

        all = meet_space(w, &mem, &at, max) && all;
        all = mark_writable(w, &exposed, space, max) && all;
        left -= fw_expected.count;
    }
    /* The search follows what PTW_WALK_SELF does not. */
    if (fw_list.complete && all && left > 0 && exposed.tables > 0 && !w->self &&
        fz_asks(ASK_EXPOSED)) {
        check_exposed(w, &mem, &exposed);
    }

    if (fw_wants(w, FW_OTHER_MEMORY) || fw_wants(w, FW_PATHS)) {
        fz_case_memory(w, fw_other_memory(w), &mem_again, region_again);
    }
    if (fw_wants(w, FW_OTHER_MEMORY) && fz_asks(ASK_TWICE)) {
        o = fw_other_options(w);
        fw_start(w, &walk, &mem_again, root, &memo, &o);
        fw_check_other_memory(w, &walk, &memo);
    }
    if (fw_wants(w, FW_PATHS) && fz_asks(ASK_TWICE)) {
        /* One of the two has tables that a sweep sees. */
        fw_check_paths(w, w->memory == FZ_CALLBACKS ? &mem_again : &mem, root,
                       true);
    }
    if (fw_wants(w, FW_IN_RUNS) && fz_asks(ASK_RUNS)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS | PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        fw_start(w, &walk, &mem, root, &memo, &o);
        fz_check_runs(w, &fw_list, &walk, &memo, o.flags);
    }
    if (w->need != 0 && fw_wants(w, FW_IN_RUNS) && fz_asks(ASK_NEED)) {
        check_needs(w, &mem, root, &walk, &memo);
    }
    if (fw_list.complete && fw_wants(w, FW_PARTS) && fz_asks(ASK_OUTLINE)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS | PTW_WALK_OUTLINE);
        o.max_reads = 0;
        fw_start(w, &walk, &mem, root, &memo, &o);
        check_outline(w, &mem, &walk, &memo);
    }
    if (fw_wants(w, FW_RESUMED) && fz_asks(ASK_RESUME)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        fw_start(w, &walk, &mem, root, &memo, &o);
        fz_check_stops(w, &mem, &fw_list, &walk, &memo, 0, &fw_expected);
    }
    fz_case_done(w);
}
