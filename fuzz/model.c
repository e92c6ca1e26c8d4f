/* SPDX-License-Identifier: Apache-2.0 */
/* walk_va_spaces once more, naively.  The model knows what the oracle does not:
 * which tables are entered and in which order, the aliases, and the remarks.
 * Tables that were entered stand in a list that is searched from its start. */
#include "model.h"

#include "halves.h"

#define HEX(v) ((unsigned long long)(v))

enum { MODEL_TABLES = 256 };

struct entered {
    uint64_t table;
    unsigned level;
    unsigned entries;
    unsigned rights; /* of the path, where they make a difference */
    bool open;       /* tables withhold nothing, and that makes one */
    bool cut;        /* not all of the table's span is walked */
    uint32_t owner;
    uint32_t number;
    uint64_t va;
    bool by_itself; /* a root that is a table below an earlier one */
};

struct model {
    struct fz_case *w;
    const struct fz_list *list;
    struct entered entered[MODEL_TABLES];
    unsigned tables;
    uint32_t numbers; /* that were given */
    uint64_t reads;
    size_t at; /* the item of the list that is looked at next */
    uint64_t path[PTW_MAX_LEVELS];
    uint32_t space;
    bool stop;
};

/* The next item of the list that a model has an opinion about. */
static const struct ptw_item *model_item(struct model *m)
{
    for (; m->at < m->list->count; m->at++) {
        const struct ptw_item *item = &m->list->item[m->at];

        if (item->kind == PTW_ITEM_SPACE || item->kind == PTW_ITEM_ALIAS ||
            (item->kind == PTW_ITEM_FINDING && !fz_covers(item))) {
            m->at++;
            return item;
        }
    }
    if (m->list->complete) {
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
        fz_fail(ASK_MODEL, "no remark %s of the table %llx, level %u, at %llx",
                kind == PTW_FINDING_SELF ? "SELF" : "TWO_LEVELS", HEX(table),
                level, HEX(first));
        m->stop = true;
        return;
    }
    if (item->u.finding.rights !=
        fz_path_rights(m->w, m->w->root[m->space], first, level)) {
        fz_fail(ASK_MODEL, "the remark at %llx has rights %x", HEX(first),
                item->u.finding.rights);
    }
}

static void model_alias(struct model *m, const struct entered *owner,
                        uint64_t raw, uint64_t first, uint64_t last)
{
    const struct fz_case *w = m->w;
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
        fz_fail(ASK_MODEL, "no alias at %llx, where %llx of space %u is again",
                HEX(first), HEX(owner->table), (unsigned)owner->owner);
        m->stop = true;
        return;
    }
    ref = ptw_alias_view(&w->regime, item, &level);
    if (level != owner->level || ref.owner != owner->owner ||
        ref.table.v != owner->table || ref.number != owner->number ||
        (ref.their_va.v | span) != (owner->va | span)) {
        fz_fail(ASK_MODEL,
                "the alias at %llx is of %llx, level %u, at %llx of %u, number "
                "%u; it should be of %llx, level %u, at %llx of %u, number %u",
                HEX(first), HEX(ref.table.v), level, HEX(ref.their_va.v),
                (unsigned)ref.owner, (unsigned)ref.number, HEX(owner->table),
                owner->level, HEX(owner->va), (unsigned)owner->owner,
                (unsigned)owner->number);
    }
    if (ref.attributes != (raw & ~address)) {
        fz_fail(ASK_MODEL,
                "the alias at %llx has attributes %llx, its entry is %llx",
                HEX(first), HEX(ref.attributes), HEX(raw));
    }
    if (ref.rights !=
        fz_path_rights(w, w->root[m->space], ref.our_va.v, level)) {
        fz_fail(ASK_MODEL, "the alias at %llx has rights %x", HEX(first),
                ref.rights);
    }
}

/* Whether all addresses from first to last are walked. */
static bool all_left(const struct fz_case *w, uint64_t first, uint64_t last)
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
static uint64_t model_reads(const struct fz_case *w, const struct entered *e)
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

/* The table as it would be entered now. */
static struct entered model_entered(const struct model *m, uint64_t table,
                                    unsigned level, uint64_t va)
{
    const struct fz_case *w = m->w;
    uint64_t last =
        va + ((uint64_t)fz_entries(w, level) << fz_shift(w, level)) - 1;
    struct entered e = {.table = table,
                        .level = level,
                        .entries = fz_entries(w, level),
                        .open = w->by_rights && w->mode.hpd,
                        .owner = m->space,
                        .number = m->numbers,
                        .va = va};

    if (level + 1 == w->levels) {
        last = oracle_last(&w->mode);
    }
    e.cut = !all_left(w, va, last);
    e.rights =
        w->by_rights ? fz_path_rights(w, w->root[m->space], va, level) : 0;
    return e;
}

/* Whether two tables are one; a root that is shorter is a table by itself.  A table that is cut is the same one only where
 * it is cut alike, at its own va. */
static bool is_same(const struct entered *o, const struct entered *e)
{
    return o->table == e->table && o->level == e->level &&
           o->entries == e->entries && o->rights == e->rights &&
           o->open == e->open && o->cut == e->cut &&
           (!e->cut || o->va == e->va);
}

static void model_add(struct model *m, const struct entered *e)
{
    if (m->tables == MODEL_TABLES) {
        m->stop = true;
        return;
    }
    m->reads += model_reads(m->w, e);
    m->entered[m->tables++] = *e;
    m->numbers++;
}

/* Looks a root up that is a table below another one, and adds it; the answer is
 * the space that has it by itself, or NULL. */
static const struct entered *model_root_again(struct model *m, uint64_t table,
                                              bool *two_levels)
{
    struct entered e =
        model_entered(m, table, m->w->levels - 1, oracle_first(&m->w->mode));

    *two_levels = false;
    for (unsigned i = 0; i < m->tables; i++) {
        const struct entered *o = &m->entered[i];

        *two_levels = *two_levels || (o->table == table && o->level != e.level);
        if (o->by_itself && is_same(o, &e) &&
            fz_same_root(m->w, m->space, o->owner)) {
            return o;
        }
    }
    e.by_itself = true;
    model_add(m, &e);
    return NULL;
}

/* Looks the table up and adds it; the answer is where it was seen. */
static const struct entered *model_enter(struct model *m, uint64_t table,
                                         unsigned level, uint64_t va,
                                         bool *two_levels)
{
    struct entered e = model_entered(m, table, level, va);

    *two_levels = false;
    for (unsigned i = 0; i < m->tables; i++) {
        const struct entered *o = &m->entered[i];

        if (!o->by_itself && is_same(o, &e)) {
            return o;
        }
        if (o->table == table && o->level != level) {
            *two_levels = true;
        }
    }
    model_add(m, &e);
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

    if (!fz_case_touches(m->w, table,
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
    const struct fz_case *w = m->w;
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
        fz_case_zeros(w, table, oracle_table_bytes(w->mode.format, level))) {
        return;
    }
    for (unsigned i = 0; i < fz_entries(w, level) && !m->stop; i++) {
        uint64_t first = oracle_address(&w->mode, va + ((uint64_t)i << shift));
        struct ptw_entry e;
        uint64_t raw;

        if (!fz_any_left(w, first, first + (((uint64_t)1 << shift) - 1)) ||
            !fz_case_entry(w, table + (uint64_t)i * w->entry_bytes, &raw) ||
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
bool fz_range_maps(const struct fz_case *w)
{
    uint64_t first;
    uint64_t last;

    oracle_gap(&w->mode, &first, &last);
    return (first > 0 && fz_any_left(w, 0, first - 1)) ||
           (last != UINT64_MAX && fz_any_left(w, last + 1, UINT64_MAX));
}

static void model_space(struct model *m)
{
    const struct fz_case *w = m->w;
    uint64_t root = w->root[m->space];
    enum ptw_status why = fz_root_status(w, root);
    enum ptw_space_kind kind = why == PTW_OK ? PTW_SPACE_WALKED : PTW_SPACE_BAD;
    const struct ptw_item *item = model_item(m);
    uint32_t same_as = 0;
    uint32_t number = m->numbers;
    bool two_levels = false;
    bool met_below = false;

    if (m->stop) {
        return;
    }
    if (!fz_range_maps(w) && why == PTW_E_BUS) {
        why = PTW_OK; /* nothing is read, so nobody can know */
        kind = PTW_SPACE_WALKED;
    }
    if (w->levels == 0 && m->space > 0) {
        kind = PTW_SPACE_SAME;
    }
    if (w->levels > 0 && kind == PTW_SPACE_WALKED && fz_range_maps(w)) {
        const struct entered *same = model_enter(
            m, root, w->levels - 1, oracle_first(&w->mode), &two_levels);

        if (same != NULL && !fz_same_root(w, m->space, same->owner)) {
            /* A table below another root: it is entered again as a root, once,
             * and known as what it was. */
            same = model_root_again(m, root, &two_levels);
            met_below = same == NULL;
        }
        if (same != NULL) {
            kind = PTW_SPACE_SAME;
            same_as = same->owner;
        }
    } else if (w->halves && kind == PTW_SPACE_WALKED) {
        m->numbers++;
    }
    if (item == NULL || item->kind != PTW_ITEM_SPACE ||
        item->space != m->space || item->u.space_info.kind != kind ||
        item->u.space_info.why != why ||
        item->u.space_info.root.table.v != root ||
        item->u.space_info.same_as != same_as ||
        item->u.space_info.met_below != met_below ||
        item->first.v != w->first || item->last.v != w->last) {
        fz_fail(
            ASK_MODEL,
            "space %u, root %llx: kind %d (%s, as %u), it should be %d "
            "(%s, as %u)",
            (unsigned)m->space, HEX(root),
            item == NULL ? -1 : (int)item->u.space_info.kind,
            ptw_status_text(item == NULL ? PTW_END : item->u.space_info.why),
            item == NULL ? 0 : (unsigned)item->u.space_info.same_as, (int)kind,
            ptw_status_text(why), (unsigned)same_as);
        m->stop = true;
        return;
    }
    if (kind == PTW_SPACE_WALKED && w->levels > 0 && fz_range_maps(w) &&
        item->u.space_info.number != number) {
        fz_fail(ASK_MODEL, "space %u, root %llx, has number %u of %u",
                (unsigned)m->space, HEX(root),
                (unsigned)item->u.space_info.number, (unsigned)number);
    }
    if (kind == PTW_SPACE_WALKED && w->levels > 0 && fz_range_maps(w)) {
        model_table(m, root, w->levels - 1, oracle_first(&w->mode), two_levels);
    }
}

void fz_check_model(struct fz_case *w, const struct fz_list *list)
{
    static struct model m;

    m.w = w;
    m.list = list;
    m.tables = 0;
    m.numbers = 0;
    m.reads = 0;
    m.at = 0;
    m.stop = false;
    for (m.space = 0; m.space < w->roots && !m.stop; m.space++) {
        fz_turn(w, m.space);
        model_space(&m);
    }
    if (!m.stop && model_item(&m) != NULL) {
        fz_fail(ASK_MODEL,
                "an alias, a remark or a space that should not be, at %llx",
                HEX(list->item[m.at - 1].first.v));
    }
    if (!m.stop && list->complete && m.reads != list->stats.reads) {
        fz_fail(ASK_LAW,
                "%llu entries were read, %llu are in tables that were entered "
                "and not left out",
                HEX(list->stats.reads), HEX(m.reads));
    }
}
