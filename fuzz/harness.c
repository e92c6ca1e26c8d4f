/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of walks and translations. */
#include "check.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static struct fz_world world;
static struct fz_list list;
static struct fz_expected expected;

static void must(enum ptw_status st, const char *what)
{
    if (st != PTW_OK) {
        fz_fail("%s is refused: %s", what, ptw_status_text(st));
    }
}

static enum fz_memory other_memory(const struct fz_world *w)
{
    return w->memory == FZ_CALLBACKS ? FZ_BORROW : FZ_CALLBACKS;
}

/* Which of the three walks that must give the same as the first are made: a
 * fuzzer makes the one that the input picks, unless it is loading its corpus;
 * a replay makes all. */
static bool wants(const struct fz_world *w, unsigned which)
{
    return w->thorough || (w->seed >> 32) % 3 == which;
}

/* ------------------------------------------------------- a model of the walk
 *
 * walk_va_spaces once more, naively, for what the oracle does not know: which
 * tables are entered, in which order, what is an alias and what gets a remark.
 * Tables that were entered stand in a list that is searched from its start. */

enum { MODEL_TABLES = 256 };

struct entered {
    uint64_t table;
    unsigned level;
    bool cut; /* not all of the table's span is walked */
    uint32_t owner;
    uint64_t va;
};

struct model {
    struct fz_world *w;
    struct entered entered[MODEL_TABLES];
    unsigned tables;
    uint64_t reads;
    size_t at; /* the item of the list that is looked at next */
    uint64_t path[PTW_MAX_LEVELS];
    uint32_t space;
    bool stop;
};

/* The next item of the list that a model has an opinion about. */
static const struct ptw_item *model_item(struct model *m)
{
    for (; m->at < list.count; m->at++) {
        const struct ptw_item *item = &list.item[m->at];

        if (item->kind == PTW_ITEM_SPACE || item->kind == PTW_ITEM_ALIAS ||
            (item->kind == PTW_ITEM_FINDING && !fz_covers(item))) {
            m->at++;
            return item;
        }
    }
    if (list.complete) {
        return NULL;
    }
    m->stop = true;
    return NULL;
}

static void model_remark(struct model *m, enum ptw_finding_kind kind,
                         uint64_t table, unsigned level, uint64_t first,
                         uint64_t last)
{
    const struct ptw_item *item = model_item(m);

    if (m->stop) {
        return;
    }
    if (item == NULL || item->kind != PTW_ITEM_FINDING ||
        item->u.finding.kind != kind || item->space != m->space ||
        item->u.finding.table.v != table || item->u.finding.level != level ||
        item->first.v != first || item->last.v != last) {
        fz_fail("no remark %s of the table %llx, level %u, at %llx",
                kind == PTW_FINDING_SELF ? "SELF" : "TWO_LEVELS", HEX(table),
                level, HEX(first));
    }
    if (item->u.finding.rights !=
        fz_path_rights(m->w, m->w->root[m->space], first, level)) {
        fz_fail("the remark at %llx has rights %x", HEX(first),
                item->u.finding.rights);
    }
}

static void model_alias(struct model *m, const struct entered *owner,
                        uint64_t raw, uint64_t first, uint64_t last)
{
    const struct fz_world *w = m->w;
    const struct ptw_item *item = model_item(m);
    uint64_t address = w->mode.format->table_bits(&w->mode);
    struct ptw_alias_ref ref;
    unsigned level;
    uint64_t span = ((uint64_t)1 << fz_shift(w, owner->level + 1)) - 1;

    if (m->stop) {
        return;
    }
    if (item == NULL || item->kind != PTW_ITEM_ALIAS ||
        item->space != m->space || item->first.v != first ||
        item->last.v != last) {
        fz_fail("no alias at %llx, where %llx of space %u is again", HEX(first),
                HEX(owner->table), (unsigned)owner->owner);
    }
    ref = ptw_alias_view(&w->regime, item, &level);
    if (level != owner->level || ref.owner != owner->owner ||
        ref.table.v != owner->table ||
        ref.number != (size_t)(owner - m->entered) ||
        (ref.their_va.v | span) != (owner->va | span)) {
        fz_fail("the alias at %llx is of %llx, level %u, at %llx of %u, number "
                "%u; it should be of %llx, level %u, at %llx of %u, number %u",
                HEX(first), HEX(ref.table.v), level, HEX(ref.their_va.v),
                (unsigned)ref.owner, (unsigned)ref.number, HEX(owner->table),
                owner->level, HEX(owner->va), (unsigned)owner->owner,
                (unsigned)(owner - m->entered));
    }
    if (ref.attributes != (raw & ~address)) {
        fz_fail("the alias at %llx has attributes %llx, its entry is %llx",
                HEX(first), HEX(ref.attributes), HEX(raw));
    }
    if (ref.rights !=
        fz_path_rights(w, w->root[m->space], ref.our_va.v, level)) {
        fz_fail("the alias at %llx has rights %x", HEX(first), ref.rights);
    }
}

/* Whether all addresses from first to last are walked. */
static bool all_left(const struct fz_world *w, uint64_t first, uint64_t last)
{
    if (first < w->first || last > w->last) {
        return false;
    }
    for (unsigned i = 0; i < w->outs; i++) {
        if (first <= w->out[i].last && w->out[i].first <= last) {
            return false;
        }
    }
    return true;
}

/* How many entries of a table are read. */
static uint64_t model_reads(const struct fz_world *w, const struct entered *e)
{
    unsigned shift = fz_shift(w, e->level);
    uint64_t reads = 0;

    if (!e->cut) {
        return fz_entries(w, e->level);
    }
    for (unsigned i = 0; i < fz_entries(w, e->level); i++) {
        uint64_t first =
            oracle_address(&w->mode, e->va + ((uint64_t)i << shift));

        reads += fz_any_left(w, first, first + (((uint64_t)1 << shift) - 1));
    }
    return reads;
}

/* Looks the table up and adds it; the answer is where it was seen.  A table
 * that is cut is the same one only where it is cut alike, at its own va. */
static const struct entered *model_enter(struct model *m, uint64_t table,
                                         unsigned level, uint64_t va,
                                         bool *two_levels)
{
    uint64_t last =
        va + ((uint64_t)fz_entries(m->w, level) << fz_shift(m->w, level)) - 1;
    struct entered e = {table, level, false, m->space, va};

    *two_levels = false;
    if (level + 1 == m->w->levels) {
        last = oracle_last(&m->w->mode);
    }
    e.cut = !all_left(m->w, va, last);
    for (unsigned i = 0; i < m->tables; i++) {
        const struct entered *o = &m->entered[i];

        if (o->table == table && o->level == level && o->cut == e.cut &&
            (!e.cut || o->va == va)) {
            return o;
        }
        if (o->table == table && o->level != level) {
            *two_levels = true;
        }
    }
    if (m->tables == MODEL_TABLES) {
        m->stop = true;
    } else {
        m->reads += model_reads(m->w, &e);
        m->entered[m->tables++] = e;
    }
    return NULL;
}

static void model_table(struct model *m, uint64_t table, unsigned level,
                        uint64_t va, bool two_levels);

/* An entry that leads to a table. */
static void model_link(struct model *m, uint64_t raw, uint64_t table,
                       unsigned level, uint64_t va)
{
    const struct entered *owner;
    bool two_levels;

    if (!fz_world_touches(m->w, table,
                          oracle_table_bytes(m->w->mode.format, level))) {
        return;
    }
    owner = model_enter(m, table, level, va, &two_levels);
    if (owner != NULL) {
        model_alias(m, owner, raw, va,
                    va + (((uint64_t)1 << fz_shift(m->w, level + 1)) - 1));
        return;
    }
    if (!m->stop) {
        model_table(m, table, level, va, two_levels);
    }
}

static void model_table(struct model *m, uint64_t table, unsigned level,
                        uint64_t va, bool two_levels)
{
    const struct fz_world *w = m->w;
    unsigned shift = fz_shift(w, level);
    bool top = level + 1 == w->levels;
    uint64_t last = top ? oracle_last(&w->mode)
                        : va + (((uint64_t)1 << fz_shift(w, level + 1)) - 1);

    m->path[level] = table;
    for (unsigned l = level + 1; l < w->levels; l++) {
        if (m->path[l] == table) {
            model_remark(m, PTW_FINDING_SELF, table, level, va, last);
            break;
        }
    }
    if (two_levels) {
        model_remark(m, PTW_FINDING_TWO_LEVELS, table, level, va, last);
    }
    if (level == 0 ||
        fz_world_zeros(w, table, oracle_table_bytes(w->mode.format, level))) {
        return;
    }
    for (unsigned i = 0; i < fz_entries(w, level) && !m->stop; i++) {
        uint64_t first = oracle_address(&w->mode, va + ((uint64_t)i << shift));
        struct ptw_entry e;
        uint64_t raw;

        if (!fz_any_left(w, first, first + (((uint64_t)1 << shift) - 1)) ||
            !fz_world_entry(w, table + (uint64_t)i * w->entry_bytes, &raw) ||
            raw == 0) {
            continue;
        }
        e = ptw_decode(&w->regime, level, 0, raw);
        if (e.kind == PTW_ENTRY_TABLE &&
            !(w->self && e.pa.v == table &&
              oracle_table_bytes(w->mode.format, level) ==
                  oracle_table_bytes(w->mode.format, level - 1))) {
            model_link(m, raw, e.pa.v, level - 1, first);
        }
    }
}

/* Whether some address of the range can be mapped at all. */
static bool range_maps(const struct fz_world *w)
{
    uint64_t first;
    uint64_t last;

    oracle_gap(&w->mode, &first, &last);
    return fz_any_left(w, 0, first - 1) ||
           (last != UINT64_MAX && fz_any_left(w, last + 1, UINT64_MAX));
}

static void model_space(struct model *m)
{
    const struct fz_world *w = m->w;
    uint64_t root = w->root[m->space];
    enum ptw_status why = fz_judge_root(w, root);
    enum ptw_space_kind kind = why == PTW_OK ? PTW_SPACE_WALKED : PTW_SPACE_BAD;
    const struct ptw_item *item = model_item(m);
    uint32_t same_as = 0;
    uint32_t number = m->tables;
    bool two_levels = false;

    if (m->stop) {
        return;
    }
    if (!range_maps(w) && why == PTW_E_BUS) {
        why = PTW_OK; /* nothing is read, so nobody can know */
        kind = PTW_SPACE_WALKED;
    }
    if (w->levels == 0 && m->space > 0) {
        kind = PTW_SPACE_SAME;
    }
    if (w->levels > 0 && kind == PTW_SPACE_WALKED && range_maps(w)) {
        const struct entered *same =
            model_enter(m, root, w->levels - 1, 0, &two_levels);

        if (same != NULL) {
            kind = PTW_SPACE_SAME;
            same_as = same->owner;
        }
    }
    if (item == NULL || item->kind != PTW_ITEM_SPACE ||
        item->space != m->space || item->u.space_info.kind != kind ||
        item->u.space_info.why != why || item->u.space_info.root.v != root ||
        item->u.space_info.same_as != same_as || item->first.v != w->first ||
        item->last.v != w->last) {
        fz_fail(
            "space %u, root %llx: kind %d (%s, as %u), it should be %d "
            "(%s, as %u)",
            (unsigned)m->space, HEX(root),
            item == NULL ? -1 : (int)item->u.space_info.kind,
            ptw_status_text(item == NULL ? PTW_END : item->u.space_info.why),
            item == NULL ? 0 : (unsigned)item->u.space_info.same_as, (int)kind,
            ptw_status_text(why), (unsigned)same_as);
    }
    if (kind == PTW_SPACE_WALKED && w->levels > 0 && range_maps(w) &&
        item->u.space_info.number != number) {
        fz_fail("space %u, root %llx, has number %u of %u", (unsigned)m->space,
                HEX(root), (unsigned)item->u.space_info.number,
                (unsigned)number);
    }
    if (kind == PTW_SPACE_WALKED && w->levels > 0 && range_maps(w)) {
        model_table(m, root, w->levels - 1, 0, two_levels);
    }
}

static void check_model(struct fz_world *w)
{
    static struct model m;

    m.w = w;
    m.tables = 0;
    m.reads = 0;
    m.at = 0;
    m.stop = false;
    for (m.space = 0; m.space < w->roots && !m.stop; m.space++) {
        model_space(&m);
    }
    if (!m.stop && model_item(&m) != NULL) {
        fz_fail("an alias, a remark or a space that should not be, at %llx",
                HEX(list.item[m.at - 1].first.v));
    }
    if (!m.stop && list.complete && m.reads != list.stats.reads) {
        fz_fail("%llu entries were read, %llu are in tables that were entered "
                "and not left out",
                HEX(list.stats.reads), HEX(m.reads));
    }
}

/* --------------------------------------------------------------------- laws */

/* Whether a table of some level can be there: levels differ in size. */
static bool can_be_table(const struct fz_world *w, uint64_t pa)
{
    for (unsigned l = 0; l < w->levels; l++) {
        uint64_t bytes = oracle_table_bytes(w->mode.format, l);

        if (pa % bytes == 0 && fz_world_touches(w, pa, bytes)) {
            return true;
        }
    }
    return false;
}

static void check_laws(const struct fz_world *w, const struct ptw_memo *memo)
{
    static ptw_pa frame[65536 + FZ_ROOTS];
    const struct ptw_walk_stats *s = &list.stats;
    uint64_t cuts = 2 * (uint64_t)(w->outs + (w->partial ? 1 : 0));
    uint64_t cut = cuts * w->levels * w->roots;
    size_t frames;

    must(ptw_memo_frames(memo, frame, sizeof frame / sizeof frame[0], &frames),
         "the list of tables");
    for (size_t i = 0; i < frames; i++) {
        if (!can_be_table(w, frame[i].v) ||
            (i > 0 && frame[i].v <= frame[i - 1].v)) {
            fz_fail("%llx is no table", HEX(frame[i].v));
        }
    }
    if (s->tables > frames * w->levels + cut) {
        fz_fail("%llu tables were entered, there are %zu", HEX(s->tables),
                frames);
    }
    if (s->reads > w->entries * s->tables) {
        fz_fail("%llu entries of %llu tables were read", HEX(s->reads),
                HEX(s->tables));
    }
    if (s->tables != memo->used) {
        fz_fail("%llu tables were entered, the memo has %zu", HEX(s->tables),
                memo->used);
    }
}

/* --------------------------------------------------- leaves, with and without
 * aliases */

/* Compares what an alias stands for with the answers that come next. */
static bool meet_alias(struct fz_world *w, const struct ptw_mem *mem,
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

    must(ptw_expand_init(&walk, &w->regime, mem, alias, &o), "an alias");
    fz_world_remember(w, &walk, mem);
    do {
        st = fz_next(&walk, item, 32, &items);
        for (size_t i = 0; i < items && more; i++) {
            fz_check_item(w, &item[i]);
            if (item[i].space != alias->space ||
                item[i].first.v < alias->first.v ||
                item[i].last.v > alias->last.v) {
                fz_fail("the alias at %llx has an item at %llx",
                        HEX(alias->first.v), HEX(item[i].first.v));
            }
            more = fz_meet(&expected, &item[i]);
        }
    } while (st == PTW_OK && more);
    if (st == PTW_E_LIMIT || !more) {
        return false;
    }
    if (st != PTW_END) {
        fz_fail("the alias at %llx: %s", HEX(alias->first.v),
                ptw_status_text(st));
    }
    if (!fz_met(&expected, to) || from > to ||
        (fz_tiles(w) &&
         (expected.at == 0 || expected.answer[expected.at - 1].last < to ||
          expected.answer[expected.at - 1].first > to))) {
        fz_fail("the alias at %llx ends too early", HEX(alias->first.v));
    }
    return true;
}

/* The table of an alias is the owner's at their_va and ours at our_va. */
static void check_alias(const struct fz_world *w, const struct ptw_item *item)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(&w->regime, item, &level);
    uint64_t theirs = 0;
    uint64_t ours = 0;

    if (!oracle_table_at(&w->mode, w->ram, w->rams, w->root[ref.owner],
                         ref.their_va.v, level, &theirs) ||
        theirs != ref.table.v) {
        fz_fail("the alias at %llx: space %u has no table %llx at %llx",
                HEX(item->first.v), (unsigned)ref.owner, HEX(ref.table.v),
                HEX(ref.their_va.v));
    }
    if (!oracle_table_at(&w->mode, w->ram, w->rams, w->root[item->space],
                         ref.our_va.v, level, &ours) ||
        ours != ref.table.v) {
        fz_fail("the alias at %llx: there is no table %llx at %llx",
                HEX(item->first.v), HEX(ref.table.v), HEX(ref.our_va.v));
    }
}

/* The table that a finding names is the one on the way there. */
static void check_finding(const struct fz_world *w, uint64_t root,
                          const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;
    uint64_t va = item->first.v;
    uint64_t table = 0;

    if (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, f->level,
                         &table) ||
        table != f->table.v) {
        fz_fail("the finding at %llx names %llx, the table is %llx", HEX(va),
                HEX(f->table.v), HEX(table));
    }
    if (f->kind == PTW_FINDING_SELF &&
        (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, f->level + 1u,
                          &table) ||
         table != f->table.v)) {
        fz_fail("the finding at %llx names %llx, which does not hold the entry",
                HEX(va), HEX(f->table.v));
    }
    if (f->rights != fz_path_rights(w, root, va, f->level)) {
        fz_fail("the finding at %llx has rights %x", HEX(va), f->rights);
    }
}

/* Compares one space of the list, from *at on, with the oracle.  Returns
 * whether all of it was. */
static bool meet_space(struct fz_world *w, const struct ptw_mem *mem,
                       size_t *at, size_t max)
{
    const struct ptw_item *space = &list.item[*at];
    unsigned aliases = 0;
    unsigned findings = 0;
    bool more = true;
    size_t i = *at + 1;

    if (space->u.space_info.kind == PTW_SPACE_WALKED) {
        fz_ask(w, &expected, w->root[space->space], w->first, w->last, max);
    } else {
        expected.at = 0;
        expected.count = 0;
        expected.prefix = false;
    }
    for (; i < list.count && list.item[i].space == space->space; i++) {
        const struct ptw_item *item = &list.item[i];

        if (item->kind == PTW_ITEM_ALIAS && aliases++ < 64) {
            check_alias(w, item);
        }
        if (item->kind == PTW_ITEM_FINDING && fz_covers(item) &&
            findings++ < 64) {
            check_finding(w, w->root[space->space], item);
        }
        if (more) {
            more = item->kind == PTW_ITEM_ALIAS ? meet_alias(w, mem, item)
                                                : fz_meet(&expected, item);
        }
    }
    if (more && (i < list.count || list.complete) &&
        expected.at != expected.count) {
        fz_fail("space %u lacks what the oracle has at %llx",
                (unsigned)space->space,
                HEX(expected.answer[expected.at].first));
    }
    *at = i;
    return more && (i < list.count || list.complete) && !expected.prefix;
}

/* ------------------------------------------------------------------ exposed */

enum { EXPOSED_FRAMES = 256 };

struct exposed {
    ptw_pa frame[EXPOSED_FRAMES];
    bool writable[EXPOSED_FRAMES]; /* as the oracle has it */
    bool found[EXPOSED_FRAMES];    /* as the library has it */
    size_t frames;
};

/* Marks the frames in [first, last], and returns how many there are. */
static size_t mark(const struct exposed *e, bool *which, uint64_t first,
                   uint64_t last, uint64_t *lowest)
{
    size_t count = 0;

    for (size_t i = 0; i < e->frames; i++) {
        if (e->frame[i].v >= first && e->frame[i].v <= last) {
            *lowest = count == 0 ? e->frame[i].v : *lowest;
            which[i] = true;
            count++;
        }
    }
    return count;
}

static void mark_writable(const struct fz_world *w, struct exposed *e)
{
    uint64_t lowest;

    for (size_t i = 0; i < expected.count; i++) {
        const struct oracle_answer *a = &expected.answer[i];

        if (a->kind == ORACLE_LEAF &&
            oracle_writes(&w->mode, a->above, a->raw)) {
            (void)mark(e, e->writable, a->pa, a->pa + (a->last - a->first),
                       &lowest);
        }
    }
}

static void check_exposed(struct fz_world *w, const struct ptw_mem *mem,
                          struct exposed *e)
{
    static struct ptw_exposed search;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_memo memo;
    struct ptw_item item;
    ptw_pa root[FZ_ROOTS];
    enum ptw_status st;

    for (unsigned i = 0; i < w->roots; i++) {
        root[i].v = w->root[i];
    }
    fz_memo_init(&memo, ~w->seed);
    must(ptw_exposed_init(&search, &w->regime, mem, root, w->roots, &memo,
                          e->frame, e->frames, &o),
         "a search");
    for (;;) {
        const struct ptw_finding *f = &item.u.finding;
        struct oracle_answer a;
        uint64_t lowest = 0;
        size_t count;

        st = ptw_exposed_next(&search, &item);
        if (st == PTW_E_SPACE) {
            fz_memo_grow(&memo);
            continue;
        }
        if (st != PTW_OK) {
            break;
        }
        fz_note(fz_item_hash(w, &item));
        a = oracle_translate(&w->mode, w->ram, w->rams, w->root[item.space],
                             item.first.v);
        if (a.kind != ORACLE_LEAF || !oracle_writes(&w->mode, a.above, a.raw) ||
            a.raw != f->raw || a.level != f->level ||
            item.kind != PTW_ITEM_FINDING || f->kind != PTW_FINDING_EXPOSED) {
            fz_fail("there is no writable leaf at %llx of space %u",
                    HEX(item.first.v), (unsigned)item.space);
        }
        count = mark(e, e->found, a.pa, a.pa + (item.last.v - item.first.v),
                     &lowest);
        if (count == 0 || count != f->tables || lowest != f->table.v) {
            fz_fail("the mapping at %llx exposes %zu tables from %llx on, not "
                    "%llu from %llx on",
                    HEX(item.first.v), count, HEX(lowest), HEX(f->tables),
                    HEX(f->table.v));
        }
    }
    if (st != PTW_END) {
        return;
    }
    for (size_t i = 0; i < e->frames; i++) {
        if (e->writable[i] != e->found[i]) {
            fz_fail("the table %llx is %s", HEX(e->frame[i].v),
                    e->found[i] ? "not exposed" : "exposed, and not found");
        }
    }
}

/* --------------------------------------------------------------------- walk */

static void start(struct fz_world *w, struct ptw_walk *walk,
                  const struct ptw_mem *mem, const ptw_pa *root,
                  struct ptw_memo *memo, const struct ptw_walk_options *o)
{
    fz_memo_init(memo, w->seed);
    must(
        ptw_walk_va_spaces_init(walk, &w->regime, mem, root, w->roots, memo, o),
        "a walk");
    fz_world_remember(w, walk, mem);
}

/* The tables of a walk by their numbers, as far as there is room. */
struct numbered {
    uint64_t table[1024];
    uint64_t va[1024];
    unsigned level[1024];
    uint64_t tables;
};

static void number(struct numbered *n, uint64_t given, uint64_t table,
                   uint64_t va, unsigned level)
{
    if (given != n->tables) {
        fz_fail("the table %llx at %llx has number %llu, it is number %llu",
                HEX(table), HEX(va), HEX(given), HEX(n->tables));
    }
    if (given < 1024) {
        n->table[given] = table;
        n->va[given] = va;
        n->level[given] = level;
    }
    n->tables++;
}

/* Tables have consecutive numbers; an alias has that of the table that it
 * refers to. */
static void check_number(const struct fz_world *w, struct numbered *n,
                         const struct ptw_item *item)
{
    struct ptw_alias_ref ref;
    unsigned level;

    if (item->kind == PTW_ITEM_TABLE) {
        number(n, item->u.table.number, item->u.table.table.v, item->first.v,
               item->u.table.level);
    } else if (item->kind == PTW_ITEM_SPACE && w->levels > 0 && range_maps(w) &&
               item->u.space_info.kind == PTW_SPACE_WALKED) {
        number(n, item->u.space_info.number, item->u.space_info.root.v, 0,
               w->levels - 1);
    } else if (item->kind == PTW_ITEM_ALIAS) {
        ref = ptw_alias_view(&w->regime, item, &level);
        if (ref.number >= n->tables ||
            (ref.number < 1024 && (n->table[ref.number] != ref.table.v ||
                                   n->va[ref.number] != ref.their_va.v ||
                                   n->level[ref.number] != level))) {
            fz_fail("the alias at %llx, of %llx at %llx, has number %u",
                    HEX(item->first.v), HEX(ref.table.v), HEX(ref.their_va.v),
                    (unsigned)ref.number);
        }
    }
}

/* With tables; and where the budget was enough, no limit is, either. */
static struct ptw_walk_options other_options(const struct fz_world *w)
{
    struct ptw_walk_options o = fz_options(w, PTW_WALK_TABLES);

    if (list.complete) {
        o.max_reads = 0;
        o.max_items = 0;
    }
    return o;
}

/* The same walk over the same memory, offered in another way, without holes
 * and remarks, and with tables: what is left is the same. */
static void check_other_memory(struct fz_world *w, struct ptw_walk *walk,
                               struct ptw_memo *memo)
{
    static struct numbered numbered;
    struct ptw_item item[32];
    size_t at = 0;
    uint64_t reads = w->reads;
    enum ptw_status st;
    struct ptw_walk_stats stats;

    numbered.tables = memo == NULL && w->levels > 0 && range_maps(w) ? 1 : 0;
    do {
        size_t items;

        st = fz_next(walk, item, 32, &items);
        for (size_t i = 0; i < items; i++) {
            check_number(w, &numbered, &item[i]);
            if (item[i].kind == PTW_ITEM_TABLE) {
                continue;
            }
            while (at < list.count &&
                   (list.item[at].kind == PTW_ITEM_HOLE ||
                    (list.item[at].kind == PTW_ITEM_FINDING &&
                     !fz_covers(&list.item[at])))) {
                at++;
            }
            if (at == list.count) {
                if (list.complete) {
                    fz_fail("a walk of other memory has more at %llx",
                            HEX(item[i].first.v));
                }
                return;
            }
            if (!fz_same_item(w, &item[i], &list.item[at])) {
                fz_fail("a walk of other memory has another item at %llx "
                        "than the one at %llx",
                        HEX(item[i].first.v), HEX(list.item[at].first.v));
            }
            at++;
        }
        if (st == PTW_E_SPACE && memo != NULL) {
            fz_memo_grow(memo);
        }
    } while (st == PTW_OK || st == PTW_E_SPACE);
    stats = ptw_walk_counts(walk);
    if (w->reads - reads > stats.reads) {
        fz_fail("%llu entries were read, the walk counts %llu",
                HEX(w->reads - reads), HEX(stats.reads));
    }
    if (st == PTW_END && stats.tables != numbered.tables) {
        fz_fail("%llu tables were entered, %llu were given", HEX(stats.tables),
                HEX(numbered.tables));
    }
    if (list.complete && (st != PTW_END || stats.reads != list.stats.reads ||
                          stats.tables != list.stats.tables)) {
        fz_fail("a walk of other memory took %llu reads and %llu tables, "
                "else %llu and %llu",
                HEX(stats.reads), HEX(stats.tables), HEX(list.stats.reads),
                HEX(list.stats.tables));
    }
    for (; at < list.count && list.complete; at++) {
        if (list.item[at].kind != PTW_ITEM_HOLE &&
            (list.item[at].kind != PTW_ITEM_FINDING ||
             fz_covers(&list.item[at]))) {
            fz_fail("a walk of other memory lacks the item at %llx",
                    HEX(list.item[at].first.v));
        }
    }
}

/* What can't be left out is refused. */
static void check_refusals(struct fz_world *w, struct ptw_walk *walk,
                           const struct ptw_mem *mem)
{
    struct ptw_va_range wrong[FZ_OUTS];
    struct ptw_walk_options o = fz_options(w, 0);
    ptw_pa root = ptw_pa_of(w->root[0]);
    unsigned pick;

    if (w->outs == 0 || fz_judge_root(w, w->root[0]) != PTW_OK) {
        return;
    }
    pick = (unsigned)(w->seed >> 44) % w->outs;
    o.flags |= PTW_WALK_HOLES;
    if (ptw_virt_to_phys_init(walk, &w->regime, mem, root, &o) != PTW_E_ARG) {
        fz_fail("holes are given, and ranges left out");
    }
    memcpy(wrong, w->leave_out, sizeof wrong);
    if (pick + 1 < w->outs) {
        wrong[pick].last = wrong[pick + 1].first;
    } else if (wrong[pick].first.v < wrong[pick].last.v) {
        wrong[pick].last.v = wrong[pick].first.v;
        wrong[pick].first.v++;
    } else {
        return;
    }
    o = fz_options(w, 0);
    o.leave_out = wrong;
    if (ptw_virt_to_phys_init(walk, &w->regime, mem, root, &o) != PTW_E_RANGE) {
        fz_fail("ranges that do not ascend are left out");
    }
}

void fz_walk(const uint8_t *data, size_t len)
{
    static struct ptw_walk walk;
    static struct exposed exposed;
    struct fz_world *w = &world;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_region region_again[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_mem mem_again;
    struct ptw_memo memo;
    struct ptw_walk_options o;
    ptw_pa root[FZ_ROOTS];
    size_t left;
    bool all = true;

    fz_world_read(w, false, data, len);
    left = w->thorough ? 8192 : 4096;
    fz_world_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i].v = w->root[i];
    }

    o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS);
    start(w, &walk, &mem, root, &memo, &o);
    fz_collect(w, &walk, &memo, &list);
    for (size_t i = 0; i < list.count; i++) {
        fz_note(fz_item_hash(w, &list.item[i]));
    }
    fz_note(list.stats.reads);
    fz_note(list.stats.tables);
    check_refusals(w, &walk, &mem);
    check_laws(w, &memo);
    exposed.frames = 0;
    if (list.complete && memo.used <= EXPOSED_FRAMES) {
        must(ptw_memo_frames(&memo, exposed.frame, EXPOSED_FRAMES,
                             &exposed.frames),
             "the list of tables");
        memset(exposed.writable, 0, sizeof exposed.writable);
        memset(exposed.found, 0, sizeof exposed.found);
    }
    for (size_t at = 0; at < list.count;) {
        fz_check_tiling(w, &list, &at);
    }
    check_model(w);
    for (size_t at = 0; at < list.count && left > 0;) {
        size_t max = left < FZ_ANSWERS ? left : FZ_ANSWERS;

        all = meet_space(w, &mem, &at, max) && all;
        mark_writable(w, &exposed);
        left -= expected.count;
    }
    /* The search follows what PTW_WALK_SELF does not. */
    if (list.complete && all && left > 0 && exposed.frames > 0 && !w->self) {
        check_exposed(w, &mem, &exposed);
    }

    if (wants(w, 0)) {
        o = other_options(w);
        fz_world_memory(w, other_memory(w), &mem_again, region_again);
        start(w, &walk, &mem_again, root, &memo, &o);
        check_other_memory(w, &walk, &memo);
    }
    if (wants(w, 1)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS | PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        start(w, &walk, &mem, root, &memo, &o);
        fz_check_runs(w, &list, &walk, &memo);
    }
    if (wants(w, 2)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_REMARKS);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        start(w, &walk, &mem, root, &memo, &o);
        fz_check_stops(w, &mem, &list, &walk, &memo, 0, &expected);
    }
    fz_world_done(w);
}

/* ---------------------------------------------------------------- translate */

static enum ptw_status status_of(enum oracle_kind kind)
{
    static const enum ptw_status st[] = {
        [ORACLE_LEAF] = PTW_OK,           [ORACLE_ABSENT] = PTW_NOT_MAPPED,
        [ORACLE_BAD] = PTW_BAD_ENTRY,     [ORACLE_REFUSED] = PTW_E_BUS,
        [ORACLE_GAP] = PTW_NOT_CANONICAL,
    };

    return st[kind];
}

static void check_steps(const struct fz_world *w, uint64_t root, uint64_t va,
                        const struct ptw_step *step, size_t steps,
                        enum ptw_status st, const struct ptw_translation *t)
{
    size_t expect =
        st == PTW_NOT_CANONICAL || w->levels == 0 ? 0 : w->levels - t->level;

    if (steps != expect) {
        fz_fail("%llx is explained in %zu steps of %zu", HEX(va), steps,
                expect);
    }
    for (size_t i = 0; i < steps; i++) {
        unsigned level = w->levels - 1 - (unsigned)i;
        uint64_t index = va >> fz_shift(w, level) & (fz_entries(w, level) - 1);
        uint64_t table = 0;
        uint64_t raw = 0;
        unsigned rights;
        bool read;

        if (!oracle_table_at(&w->mode, w->ram, w->rams, root, va, level,
                             &table)) {
            fz_fail("step %zu to %llx: there is no table", i, HEX(va));
        }
        read = fz_world_entry(w, table + index * w->entry_bytes, &raw);
        rights = fz_path_rights(w, root, va, level);
        if (i + 1 < steps || st == PTW_OK) {
            rights &= fz_entry_rights(w, level, raw);
        } else if (read) {
            rights = 0; /* an entry that leads nowhere grants nothing */
        }
        if (step[i].entry.v != table + index * w->entry_bytes ||
            step[i].level != level || step[i].read != read ||
            step[i].raw != raw || step[i].rights != rights) {
            fz_fail("step %zu to %llx: entry %llx is %llx (level %u, rights "
                    "%x); it should be %llx, %llx (level %u, rights %x)",
                    i, HEX(va), HEX(step[i].entry.v), HEX(step[i].raw),
                    step[i].level, step[i].rights,
                    HEX(table + index * w->entry_bytes), HEX(raw), level,
                    rights);
        }
    }
}

/* One address: the oracle, ptw_lookup and ptw_explain agree. */
static void check_lookup(const struct fz_world *w, const struct ptw_mem *mem,
                         uint64_t root, uint64_t va)
{
    struct oracle_answer a =
        oracle_translate(&w->mode, w->ram, w->rams, root, va);
    struct ptw_translation t = {.raw = 0};
    struct ptw_translation again = {.raw = 0};
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps = 99;
    enum ptw_status st =
        ptw_lookup(&w->regime, mem, ptw_pa_of(root), ptw_va_of(va), &t);

    if (st != status_of(a.kind)) {
        fz_fail("%llx: the library says %s, the oracle %s", HEX(va),
                ptw_status_text(st), ptw_status_text(status_of(a.kind)));
    }
    fz_note((uint64_t)st);
    if (st != PTW_NOT_CANONICAL && (t.level != a.level || t.raw != a.raw)) {
        fz_fail("%llx: the library stops at %llx (level %u), the oracle at "
                "%llx (level %u)",
                HEX(va), HEX(t.raw), t.level, HEX(a.raw), a.level);
    }
    if (st == PTW_OK) {
        fz_note(t.pa.v);
        if (t.pa.v != a.pa + (va - a.first) || t.leaf_va.v != a.first ||
            t.leaf_pa.v != a.pa || t.rights != a.rights ||
            a.last - a.first != ((uint64_t)1 << t.size_log2) - 1) {
            fz_fail("%llx: the library has %llx (leaf %llx at %llx, rights "
                    "%x), the oracle %llx (leaf %llx at %llx, rights %x)",
                    HEX(va), HEX(t.pa.v), HEX(t.leaf_pa.v), HEX(t.leaf_va.v),
                    t.rights, HEX(a.pa + (va - a.first)), HEX(a.pa),
                    HEX(a.first), a.rights);
        }
    }
    if (ptw_explain(&w->regime, mem, ptw_pa_of(root), ptw_va_of(va), &again,
                    step, &steps) != st ||
        (st != PTW_NOT_CANONICAL &&
         (again.raw != t.raw || again.level != t.level)) ||
        (st == PTW_OK &&
         (again.pa.v != t.pa.v || again.leaf_va.v != t.leaf_va.v ||
          again.leaf_pa.v != t.leaf_pa.v || again.rights != t.rights ||
          again.size_log2 != t.size_log2))) {
        fz_fail("%llx is explained otherwise than it is looked up", HEX(va));
    }
    check_steps(w, root, va, step, steps, st, &t);
}

static void check_lookups(const struct fz_world *w, const struct ptw_mem *mem,
                          uint64_t root, unsigned most)
{
    size_t step = list.count / most + 1;

    for (unsigned i = 0; i < w->vas; i++) {
        check_lookup(w, mem, root, w->va[i]);
    }
    for (size_t i = 0; i < list.count; i += step) {
        const struct ptw_item *item = &list.item[i];

        check_lookup(w, mem, root, item->first.v);
        check_lookup(w, mem, root, item->last.v);
        check_lookup(w, mem, root,
                     item->first.v + (item->last.v - item->first.v) / 2 + 1);
    }
}

/* With needs and without holes: of the answers, the leaves that grant enough,
 * and whatever lies behind paths that do. */
static void check_needs(struct fz_world *w, const struct ptw_mem *mem,
                        uint64_t root)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_item item[32];
    size_t at = 0;
    enum ptw_status st;
    bool over = false;

    o.need = w->need;
    must(ptw_virt_to_phys_init(&walk, &w->regime, mem, ptw_pa_of(root), &o),
         "a walk");
    fz_world_remember(w, &walk, mem);
    do {
        size_t items;

        st = fz_next(&walk, item, 32, &items);
        for (size_t i = 0; i < items && !over; i++) {
            if (item[i].kind != PTW_ITEM_MAPPING) {
                if (item[i].kind != PTW_ITEM_FINDING) {
                    fz_fail("a hole that nobody asked for, at %llx",
                            HEX(item[i].first.v));
                }
                continue;
            }
            while (at < list.count &&
                   (list.item[at].kind != PTW_ITEM_MAPPING ||
                    (list.item[at].u.mapping.rights & w->need) != w->need)) {
                at++;
            }
            over = at == list.count && !list.complete;
            if (!over && (at == list.count ||
                          !fz_same_item(w, &item[i], &list.item[at]))) {
                fz_fail("a walk that needs rights %x has a leaf at %llx",
                        w->need, HEX(item[i].first.v));
            }
            at++;
        }
    } while (st == PTW_OK && !over);
    for (; st == PTW_END && list.complete && at < list.count; at++) {
        if (list.item[at].kind == PTW_ITEM_MAPPING &&
            (list.item[at].u.mapping.rights & w->need) == w->need) {
            fz_fail("a walk that needs rights %x lacks the leaf at %llx",
                    w->need, HEX(list.item[at].first.v));
        }
    }
}

static void translate_root(struct fz_world *w, const struct ptw_mem *mem,
                           const struct ptw_mem *mem_again, uint64_t root,
                           size_t max)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, PTW_WALK_HOLES);
    ptw_pa pa = ptw_pa_of(root);
    enum ptw_status why = fz_judge_root(w, root);
    enum ptw_status st = ptw_virt_to_phys_init(&walk, &w->regime, mem, pa, &o);
    bool more = true;
    size_t at = 0;

    if (st != why) {
        fz_fail("the root %llx: %s, it should be: %s", HEX(root),
                ptw_status_text(st), ptw_status_text(why));
    }
    if (why == PTW_E_ALIGN || why == PTW_E_WIDTH) {
        struct ptw_translation t;

        if (ptw_lookup(&w->regime, mem, pa, ptw_va_of(w->first), &t) != why) {
            fz_fail("a lookup takes %llx for a root", HEX(root));
        }
    }
    if (why != PTW_OK) {
        return;
    }
    fz_world_remember(w, &walk, mem);
    fz_collect(w, &walk, NULL, &list);
    for (size_t i = 0; i < list.count; i++) {
        if (list.item[i].kind == PTW_ITEM_SPACE ||
            list.item[i].kind == PTW_ITEM_ALIAS ||
            (list.item[i].kind == PTW_ITEM_FINDING &&
             !fz_covers(&list.item[i]))) {
            fz_fail("a translation gives an item of kind %d",
                    (int)list.item[i].kind);
        }
        fz_note(fz_item_hash(w, &list.item[i]));
    }
    fz_check_tiling(w, &list, &at);
    fz_ask(w, &expected, root, w->first, w->last, max);
    for (size_t i = 0; i < list.count && more; i++) {
        more = fz_meet(&expected, &list.item[i]);
        if (list.item[i].kind == PTW_ITEM_FINDING && i < 64) {
            check_finding(w, root, &list.item[i]);
        }
    }
    if (more && list.complete && expected.at != expected.count) {
        fz_fail("a translation lacks what the oracle has at %llx",
                HEX(expected.answer[expected.at].first));
    }
    check_lookups(w, mem, root, w->thorough ? 32 : 8);
    check_needs(w, mem, root);

    if (wants(w, 0)) {
        o = other_options(w);
        must(ptw_virt_to_phys_init(&walk, &w->regime, mem_again, pa, &o),
             "a walk");
        fz_world_remember(w, &walk, mem_again);
        check_other_memory(w, &walk, NULL);
    }
    if (wants(w, 1)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        must(ptw_virt_to_phys_init(&walk, &w->regime, mem, pa, &o), "a walk");
        fz_world_remember(w, &walk, mem);
        fz_check_runs(w, &list, &walk, NULL);
    }
    if (wants(w, 2)) {
        o = fz_options(w, PTW_WALK_HOLES);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        must(ptw_virt_to_phys_init(&walk, &w->regime, mem, pa, &o), "a walk");
        fz_world_remember(w, &walk, mem);
        fz_check_stops(w, mem, &list, &walk, NULL, root, &expected);
    }
}

void fz_translate(const uint8_t *data, size_t len)
{
    struct fz_world *w = &world;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_region region_again[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_mem mem_again;

    fz_world_read(w, false, data, len);
    fz_world_memory(w, w->memory, &mem, region);
    fz_world_memory(w, other_memory(w), &mem_again, region_again);
    for (unsigned i = 0; i < w->roots && i < 3; i++) {
        unsigned same = 0;

        while (w->root[same] != w->root[i]) {
            same++;
        }
        if (same == i) {
            translate_root(w, &mem, &mem_again, w->root[i],
                           i == 0 ? FZ_ANSWERS : 1024);
        }
    }
    fz_world_done(w);
}

/* ----------------------------------------------------------- changing memory
 *
 * No oracle can say what such memory means.  What is left are the promises
 * that do not depend on it. */

struct shifting {
    struct fz_world *w;
    struct ptw_walk *walk;
    struct ptw_memo *memo;
    bool holes;
    uint64_t covered; /* the first address that no item has covered */
    bool done;
    bool any;
};

static void shifting_item(struct shifting *s, const struct ptw_item *item)
{
    fz_check_item(s->w, item);
    if (item->kind == PTW_ITEM_SPACE) {
        s->any = false;
        return;
    }
    if (!fz_covers(item)) {
        return;
    }
    if (s->any && (item->first.v < s->covered || s->done ||
                   (s->holes && item->first.v != s->covered))) {
        fz_fail("changing memory: an item at %llx after %llx",
                HEX(item->first.v), HEX(s->covered));
    }
    if (!s->any && s->holes &&
        (item->first.v > s->w->first || item->last.v < s->w->first)) {
        fz_fail("changing memory: the first item is at %llx",
                HEX(item->first.v));
    }
    s->any = true;
    s->done = item->last.v == UINT64_MAX;
    s->covered = item->last.v + 1;
}

static void shifting_walk(struct shifting *s)
{
    struct fz_world *w = s->w;
    struct ptw_item item[16];
    uint64_t reads = w->read_step;
    uint64_t items_allowed = w->item_step;
    uint64_t before = w->reads;
    unsigned stops = 0;

    for (;;) {
        struct ptw_walk_stats stats;
        size_t items;
        enum ptw_status st = fz_next(s->walk, item, w->room, &items);

        stats = ptw_walk_counts(s->walk);
        for (size_t i = 0; i < items; i++) {
            shifting_item(s, &item[i]);
        }
        if (items > w->room || stats.reads > reads ||
            stats.items > items_allowed || w->reads - before > stats.reads) {
            fz_fail("changing memory: %llu reads, %llu counted, %llu allowed; "
                    "%llu items, %llu allowed",
                    HEX(w->reads - before), HEX(stats.reads), HEX(reads),
                    HEX(stats.items), HEX(items_allowed));
        }
        if (stats.reads > w->entries * stats.tables) {
            fz_fail("changing memory: %llu entries of %llu tables were read",
                    HEX(stats.reads), HEX(stats.tables));
        }
        if (st == PTW_END || stats.reads >= w->budget ||
            stats.items >= FZ_ITEMS) {
            break;
        }
        if (st == PTW_E_SPACE && s->memo != NULL) {
            fz_memo_grow(s->memo);
        } else if (st == PTW_E_LIMIT) {
            uint64_t more_reads = stats.reads == reads ? w->read_step : 0;
            uint64_t more_items =
                stats.items == items_allowed ? w->item_step : 0;

            if (more_reads + more_items == 0) {
                fz_fail("changing memory: a walk stops for nothing");
            }
            if (stops++ > 40) {
                more_reads *= 16;
                more_items *= 16;
            }
            reads += more_reads;
            items_allowed += more_items;
            ptw_walk_extend(s->walk, more_reads, more_items);
        } else if (st != PTW_OK) {
            fz_fail("changing memory: %s", ptw_status_text(st));
        }
        if (w->memory != FZ_CALLBACKS && w->restless != 0) {
            fz_world_stir(w, 1);
        }
    }
}

static void shifting_lookups(struct fz_world *w, const struct ptw_mem *mem)
{
    for (unsigned i = 0; i < w->vas; i++) {
        struct ptw_translation t;
        struct ptw_step step[PTW_MAX_LEVELS];
        uint64_t before = w->reads;
        uint64_t limit = (uint64_t)1 << oracle_pa_bits(&w->mode);
        size_t steps;
        enum ptw_status st = ptw_explain(&w->regime, mem, ptw_pa_of(w->root[0]),
                                         ptw_va_of(w->va[i]), &t, step, &steps);

        if (w->reads - before > w->levels || steps > w->levels ||
            w->reads - before > steps) {
            fz_fail("changing memory: %llu reads to look %llx up",
                    HEX(w->reads - before), HEX(w->va[i]));
        }
        if (st == PTW_OK &&
            (t.pa.v >= limit || t.leaf_va.v > w->va[i] ||
             w->va[i] - t.leaf_va.v != t.pa.v - t.leaf_pa.v ||
             (t.pa.v - t.leaf_pa.v) >> t.size_log2 != 0 ||
             (t.leaf_pa.v & (((uint64_t)1 << t.size_log2) - 1)) != 0)) {
            fz_fail("changing memory: %llx is at %llx", HEX(w->va[i]),
                    HEX(t.pa.v));
        }
        if (st == PTW_OK && steps > 0 &&
            (step[steps - 1].raw != t.raw ||
             step[steps - 1].rights != t.rights)) {
            fz_fail("changing memory: the last step to %llx is another entry",
                    HEX(w->va[i]));
        }
    }
}

void fz_shifting(const uint8_t *data, size_t len)
{
    static struct ptw_walk walk;
    struct fz_world *w = &world;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_memo memo;
    struct ptw_walk_options o;
    ptw_pa root[FZ_ROOTS];
    struct shifting s = {w, &walk, &memo, false, 0, false, false};

    fz_world_read(w, false, data, len);
    if (w->memory == FZ_DIRECT || w->memory == FZ_MIXED) {
        w->memory = FZ_BORROW; /* what is stirred is what is borrowed */
    }
    w->shifting = true;
    w->budget = (w->budget + 3) / 4;
    fz_world_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i].v = w->root[i];
    }
    o = fz_options(
        w, PTW_WALK_REMARKS |
               (unsigned)((w->seed >> 41 & 1) != 0 ? PTW_WALK_RUNS : 0) |
               PTW_WALK_HOLES);
    s.holes = fz_tiles(w);
    o.max_reads = w->read_step;
    o.max_items = w->item_step;
    start(w, &walk, &mem, root, &memo, &o);
    shifting_walk(&s);
    if (ptw_walk_counts(&walk).tables != memo.used) {
        fz_fail("changing memory: the memo has %zu tables", memo.used);
    }

    for (unsigned i = 0; i < 2; i++) {
        o = fz_options(w, i == 0 ? PTW_WALK_HOLES : PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        s.holes = i == 0 && fz_tiles(w);
        s.memo = NULL;
        s.any = false;
        s.done = false;
        if (ptw_virt_to_phys_init(&walk, &w->regime, &mem, root[0], &o) ==
            PTW_OK) {
            fz_world_remember(w, &walk, &mem);
            shifting_walk(&s);
        }
    }
    shifting_lookups(w, &mem);
    fz_world_done(w);
}
