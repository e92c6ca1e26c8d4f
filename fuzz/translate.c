/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of translations: README.md has them in words. */
#include "halves.h"
#include "walks.h"

#include "ptwalk/cpu.h"

#include <limits.h>

#define HEX(v) ((unsigned long long)(v))

static struct fz_case described;

static enum ptw_status status_of(enum oracle_kind kind)
{
    static const enum ptw_status st[] = {
        [ORACLE_LEAF] = PTW_OK,           [ORACLE_ABSENT] = PTW_NOT_MAPPED,
        [ORACLE_BAD] = PTW_BAD_ENTRY,     [ORACLE_REFUSED] = PTW_E_BUS,
        [ORACLE_GAP] = PTW_NOT_CANONICAL,
    };

    return st[kind];
}

static void check_steps(const struct fz_case *w, uint64_t root, uint64_t va,
                        const struct ptw_step *step, size_t steps,
                        enum ptw_status st, const struct ptw_translation *t)
{
    size_t expect =
        st == PTW_NOT_CANONICAL || w->levels == 0 ? 0 : w->levels - t->level;

    if (steps != expect) {
        fz_fail(ASK_LOOKUPS, "%llx is explained in %zu steps of %zu", HEX(va),
                steps, expect);
        return;
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
            fz_fail(ASK_LOOKUPS, "step %zu to %llx: there is no table", i,
                    HEX(va));
            return;
        }
        read = fz_case_entry(w, table + index * w->entry_bytes, &raw);
        rights = fz_path_rights(w, root, va, level);
        if (i + 1 < steps || st == PTW_OK) {
            rights &= fz_entry_rights(w, level, raw);
        } else if (read) {
            rights = 0; /* an entry that leads nowhere grants nothing */
        }
        if (step[i].entry.v != table + index * w->entry_bytes ||
            step[i].level != level || step[i].read != read ||
            step[i].raw != raw || step[i].rights != rights) {
            fz_fail(ASK_LOOKUPS,
                    "step %zu to %llx: entry %llx is %llx (level %u, rights "
                    "%x); it should be %llx, %llx (level %u, rights %x)",
                    i, HEX(va), HEX(step[i].entry.v), HEX(step[i].raw),
                    step[i].level, step[i].rights,
                    HEX(table + index * w->entry_bytes), HEX(raw), level,
                    rights);
        }
    }
}

/* What was looked up, and the answers. */
enum { ASKED = 128 };

static ptw_va asked[ASKED];
static enum ptw_status answer[ASKED];
static struct ptw_translation found[ASKED];
static unsigned asks;

/* One address: the oracle, ptw_lookup and ptw_explain agree. */
static void check_lookup(const struct fz_case *w, const struct ptw_mem *mem,
                         uint64_t root, uint64_t va)
{
    struct oracle_answer a =
        oracle_translate(&w->mode, w->ram, w->rams, root, va);
    struct ptw_translation t = {.raw = 0};
    struct ptw_translation again = {.raw = 0};
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps = 99;
    enum ptw_status st = ptw_lookup(
        mem, ptw_root_of(&w->regime, ptw_pa_of(root)), ptw_va_of(va), &t);

    if (asks < ASKED) {
        asked[asks] = ptw_va_of(va);
        answer[asks] = st;
        found[asks++] = t;
    }
    if (st != status_of(a.kind)) {
        fz_fail(ASK_LOOKUPS, "%llx: the library says %s, the oracle %s",
                HEX(va), ptw_status_text(st),
                ptw_status_text(status_of(a.kind)));
    }
    fz_note((uint64_t)st);
    if (st != PTW_NOT_CANONICAL && (t.level != a.level || t.raw != a.raw)) {
        fz_fail(ASK_LOOKUPS,
                "%llx: the library stops at %llx (level %u), the oracle at "
                "%llx (level %u)",
                HEX(va), HEX(t.raw), t.level, HEX(a.raw), a.level);
    }
    if (st != PTW_NOT_CANONICAL && w->levels > 0 &&
        t.above != fz_path_rights(w, root, va, t.level)) {
        fz_fail(ASK_LOOKUPS,
                "%llx: the entries above level %u grant %x, not %x", HEX(va),
                t.level, fz_path_rights(w, root, va, t.level), t.above);
    }
    if (st == PTW_OK) {
        fz_note(t.pa.v);
        if (t.pa.v != a.pa + (va - a.first) || t.leaf_va.v != a.first ||
            t.leaf_pa.v != a.pa || t.rights != a.rights ||
            a.last - a.first != ((uint64_t)1 << t.size_log2) - 1) {
            fz_fail(ASK_LOOKUPS,
                    "%llx: the library has %llx (leaf %llx at %llx, rights "
                    "%x), the oracle %llx (leaf %llx at %llx, rights %x)",
                    HEX(va), HEX(t.pa.v), HEX(t.leaf_pa.v), HEX(t.leaf_va.v),
                    t.rights, HEX(a.pa + (va - a.first)), HEX(a.pa),
                    HEX(a.first), a.rights);
        }
    }
    if (ptw_explain(mem, ptw_root_of(&w->regime, ptw_pa_of(root)),
                    ptw_va_of(va), &again, step, &steps) != st ||
        (st != PTW_NOT_CANONICAL &&
         (again.raw != t.raw || again.level != t.level)) ||
        (st == PTW_OK &&
         (again.pa.v != t.pa.v || again.leaf_va.v != t.leaf_va.v ||
          again.leaf_pa.v != t.leaf_pa.v || again.rights != t.rights ||
          again.size_log2 != t.size_log2))) {
        fz_fail(ASK_LOOKUPS, "%llx is explained otherwise than it is looked up",
                HEX(va));
    }
    check_steps(w, root, va, step, steps, st, &t);
}

/* The same answer, in all that it writes. */
static void check_same(const char *way, ptw_va va, enum ptw_status st,
                       const struct ptw_translation *t,
                       enum ptw_status should_st,
                       const struct ptw_translation *should)
{
    bool tried = st == PTW_OK || st == PTW_NOT_MAPPED || st == PTW_BAD_ENTRY ||
                 st == PTW_E_BUS;

    if (st != should_st ||
        (tried && (t->raw != should->raw || t->level != should->level ||
                   t->above != should->above)) ||
        (st == PTW_OK &&
         (t->pa.v != should->pa.v || t->leaf_va.v != should->leaf_va.v ||
          t->leaf_pa.v != should->leaf_pa.v || t->rights != should->rights ||
          t->size_log2 != should->size_log2))) {
        fz_fail(ASK_LOOKUPS,
                "%llx %s: %s, %llx (entry %llx of level %u, rights %x below "
                "%x), alone %s, %llx (entry %llx of level %u, rights %x below "
                "%x)",
                HEX(va.v), way, ptw_status_text(st), HEX(t->pa.v), HEX(t->raw),
                t->level, t->rights, t->above, ptw_status_text(should_st),
                HEX(should->pa.v), HEX(should->raw), should->level,
                should->rights, should->above);
    }
}

/* The number of the i-th address if they come from the front and the back in
 * turn: neighbours, in that order, share little. */
static unsigned in_turn(unsigned i)
{
    return i % 2 == 0 ? i / 2 : asks - 1 - i / 2;
}

/* The same paging mode, of the narrowest processor, and without what its name
 * switches on. */
static void make_narrow(const struct fz_case *w, struct ptw_regime *out)
{
    struct ptw_cpu cpu = ptw_cpu_widest;

    cpu.pa_bits = 32;
    fz_must(ptw_regime_by_name(ptw_regime_name(&w->regime), &cpu, UINT_MAX, out,
                               NULL),
            "a narrow regime");
}

/* Side by side, in one space and in all of them in turn, as one by one; and so
 * where two regimes take turns. */
static void check_many(const struct fz_case *w, const struct ptw_mem *mem,
                       struct ptw_root root)
{
    static struct ptw_translation out[ASKED];
    static enum ptw_status st[ASKED];
    struct ptw_root roots[ASKED];
    struct ptw_regime narrow;
    ptw_va va[ASKED];

    make_narrow(w, &narrow);
    for (unsigned i = 0; i < asks; i++) {
        va[i] = asked[in_turn(i)];
        st[i] = PTW_E_ARG;
        out[i] = (struct ptw_translation){.raw = 0};
    }
    ptw_lookup_many(mem, root, va, asks, out, st);
    for (unsigned i = 0; i < asks; i++) {
        check_same("among others", va[i], st[i], &out[i], answer[in_turn(i)],
                   &found[in_turn(i)]);
        st[i] = PTW_E_ARG;
        out[i] = (struct ptw_translation){.raw = 0};
        roots[i] = root;
        roots[i].table.v = w->root[i % w->roots];
        roots[i].regime = i % 3 == 2 ? &narrow : root.regime;
    }
    ptw_lookup_many_roots(mem, roots, va, asks, out, st);
    for (unsigned i = 0; i < asks; i++) {
        struct ptw_translation alone = {.raw = 0};
        enum ptw_status should = ptw_lookup(mem, roots[i], va[i], &alone);

        check_same("among other roots", va[i], st[i], &out[i], should, &alone);
    }
}

/* On a trail, near each other and far apart, as one by one.  An address that
 * comes again takes one read. */
static void check_trail(const struct fz_case *w, const struct ptw_mem *mem,
                        struct ptw_root root)
{
    struct ptw_mem still = *mem;
    struct ptw_trail trail;

    ptw_mem_set_stopped(&still, true);
    fz_must(ptw_trail_init(&trail, &still, root), "a trail");
    for (unsigned i = 0; i < 2 * asks; i++) {
        unsigned n = i < asks ? i : in_turn(i - asks);
        struct ptw_translation t = {.raw = 0};
        enum ptw_status st = ptw_trail_lookup(&trail, asked[n], &t);
        uint64_t before = w->reads;

        check_same("on a trail", asked[n], st, &t, answer[n], &found[n]);
        st = ptw_trail_lookup(&trail, asked[n], &t);
        check_same("again", asked[n], st, &t, answer[n], &found[n]);
        if (w->reads - before > 1) {
            fz_fail(ASK_LOOKUPS, "%llx: %llu reads to look it up again",
                    HEX(asked[n].v), HEX(w->reads - before));
        }
    }
}

static void check_lookups(const struct fz_case *w, const struct ptw_mem *mem,
                          uint64_t root, unsigned most)
{
    size_t step = fw_list.count / most + 1;

    asks = 0;
    for (unsigned i = 0; i < w->vas; i++) {
        check_lookup(w, mem, root, w->va[i]);
    }
    for (size_t i = 0; i < fw_list.count; i += step) {
        const struct ptw_item *item = &fw_list.item[i];

        check_lookup(w, mem, root, item->first.v);
        check_lookup(w, mem, root, item->last.v);
        check_lookup(w, mem, root,
                     item->first.v + (item->last.v - item->first.v) / 2 + 1);
    }
    check_many(w, mem, ptw_root_of(&w->regime, ptw_pa_of(root)));
    check_trail(w, mem, ptw_root_of(&w->regime, ptw_pa_of(root)));
}

/* With needs and without holes: of the answers, the leaves that grant enough,
 * and whatever lies behind paths that do. */
static void check_needs(struct fz_case *w, const struct ptw_mem *mem,
                        uint64_t root)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_item item[32];
    size_t at = 0;
    enum ptw_status st;
    bool over = false;

    o.need = w->need;
    fz_must(ptw_virt_to_phys_init(&walk, mem,
                                  ptw_root_of(&w->regime, ptw_pa_of(root)), &o),
            "a walk");
    fz_case_remember(w, &walk, mem);
    do {
        size_t items;

        st = fz_next(&walk, item, 32, &items);
        for (size_t i = 0; i < items && !over; i++) {
            if (item[i].kind != PTW_ITEM_MAPPING) {
                if (item[i].kind != PTW_ITEM_FINDING) {
                    fz_fail(ASK_NEED, "a hole that nobody asked for, at %llx",
                            HEX(item[i].first.v));
                }
                continue;
            }
            while (at < fw_list.count &&
                   (fw_list.item[at].kind != PTW_ITEM_MAPPING ||
                    (fw_list.item[at].u.mapping.rights & w->need) != w->need)) {
                at++;
            }
            over = at == fw_list.count && !fw_list.complete;
            if (!over && (at == fw_list.count ||
                          !fz_same_item(w, &item[i], &fw_list.item[at]))) {
                fz_fail(ASK_NEED,
                        "a walk that needs rights %x has a leaf at %llx",
                        w->need, HEX(item[i].first.v));
            }
            at++;
        }
    } while (st == PTW_OK && !over);
    for (; st == PTW_END && fw_list.complete && at < fw_list.count; at++) {
        if (fw_list.item[at].kind == PTW_ITEM_MAPPING &&
            (fw_list.item[at].u.mapping.rights & w->need) == w->need) {
            fz_fail(ASK_NEED,
                    "a walk that needs rights %x lacks the leaf at %llx",
                    w->need, HEX(fw_list.item[at].first.v));
        }
    }
}

/* -------------------------------------------------------------------- parts */

enum { CUTS = 4 };

/* An address at which a walk is cut: where an item begins or ends, inside it,
 * or one that the input asks about. */
static uint64_t some_cut(const struct fz_case *w, uint64_t random)
{
    const struct ptw_item *item;
    uint64_t from;

    if (w->vas > 0 && random % 5 == 0) {
        return w->va[random / 5 % w->vas];
    }
    if (fw_list.count == 0) {
        return random;
    }
    item = &fw_list.item[random / 5 % fw_list.count];
    from = random % 5 < 3 ? item->first.v : item->last.v;
    return from + random % 5 % 2;
}

/* Puts the address in its place among the others, each once, where the range
 * can be cut there.  Returns how many there are. */
static size_t add_cut(const struct fz_case *w, uint64_t *cut, size_t cuts,
                      uint64_t at)
{
    size_t i = cuts;

    for (size_t k = 0; k < cuts; k++) {
        if (cut[k] == at) {
            return cuts;
        }
    }
    if (at <= w->first || at > w->last) {
        return cuts;
    }
    for (; i > 0 && cut[i - 1] > at; i--) {
        cut[i] = cut[i - 1];
    }
    cut[i] = at;
    return cuts + 1;
}

/* The ranges that a walk leaves out, and those beside what it walks: to leave
 * them out as well changes nothing. */
static size_t out_or_beside(const struct ptw_walk_options *o,
                            struct ptw_va_range out[FZ_OUTS + 2])
{
    uint64_t from = o->leave_outs > 0 ? o->leave_out[0].first.v : UINT64_MAX;
    uint64_t to =
        o->leave_outs > 0 ? o->leave_out[o->leave_outs - 1].last.v : 0;
    size_t n = 0;

    if (o->first.v > 0 && from >= o->first.v) {
        out[n++] = (struct ptw_va_range){{0}, {o->first.v - 1}};
    }
    for (size_t i = 0; i < o->leave_outs; i++) {
        out[n++] = o->leave_out[i];
    }
    if (o->last.v < UINT64_MAX && to <= o->last.v) {
        out[n++] = (struct ptw_va_range){{o->last.v + 1}, {UINT64_MAX}};
    }
    return n;
}

/* Cuts are proposed whatever the limit of the walk is, and whatever is left out
 * beside it. */
static void check_cuts_again(const struct ptw_mem *mem, struct ptw_root r,
                             struct ptw_walk_options o, const ptw_va cut[CUTS],
                             size_t cuts)
{
    static struct ptw_walk walk;
    struct ptw_va_range out[FZ_OUTS + 2];
    ptw_va again[CUTS];
    size_t n;

    for (unsigned way = 0; way < 2; way++) {
        if (way == 0) {
            o.max_reads = 1;
        } else {
            o.leave_outs = out_or_beside(&o, out);
            o.leave_out = out;
            o.flags &= ~(unsigned)PTW_WALK_HOLES;
        }
        fz_must(ptw_virt_to_phys_init(&walk, mem, r, &o), "a walk");
        fz_must(ptw_walk_cuts(&walk, again, CUTS, &n), "cuts");
        for (size_t i = 0; i < cuts || i < n; i++) {
            if (n != cuts || again[i].v != cut[i].v) {
                fz_fail(ASK_CUTS, "a walk that %s has %zu cuts, not %zu",
                        way == 0 ? "may read once"
                                 : "leaves out what is beside it",
                        n, cuts);
            }
        }
    }
}

/* How many tables of each level, below that of the root, begin in each part of a
 * walk; false when some of it can't be entered, or is not. */
static bool tables_of_parts(const struct fz_case *w, const struct ptw_mem *mem,
                            struct ptw_root r, const ptw_va cut[CUTS],
                            size_t cuts,
                            size_t tables[PTW_MAX_LEVELS][CUTS + 1])
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, PTW_WALK_TABLES);
    struct ptw_item item[16];
    enum ptw_status st;
    size_t items;

    memset(tables, 0, sizeof(size_t[PTW_MAX_LEVELS][CUTS + 1]));
    fz_must(ptw_virt_to_phys_init(&walk, mem, r, &o), "a walk");
    while ((st = ptw_walk_next(&walk, item, 16, &items)) == PTW_OK) {
        for (size_t i = 0; i < items; i++) {
            size_t part = 0;

            if (item[i].kind == PTW_ITEM_FINDING) {
                return false;
            }
            while (part < cuts && cut[part].v <= item[i].first.v) {
                part++;
            }
            if (item[i].kind == PTW_ITEM_TABLE) {
                tables[item[i].u.table.level][part]++;
            }
        }
    }
    return st == PTW_END;
}

/* The parts have about equally many tables of one level, at least, and there are
 * fewer of them only where there are fewer tables. */
static void check_fair(const struct fz_case *w, const struct ptw_mem *mem,
                       struct ptw_root r, const ptw_va cut[CUTS], size_t cuts)
{
    size_t tables[PTW_MAX_LEVELS][CUTS + 1];
    bool fair = w->levels < 2;

    if (!tables_of_parts(w, mem, r, cut, cuts, tables)) {
        return;
    }
    for (unsigned level = 0; level + 1 < w->levels && !fair; level++) {
        size_t all = 0;

        for (size_t i = 0; i <= cuts; i++) {
            all += tables[level][i];
        }
        fair = cuts == (all < 2 ? 0 : all - 1 < CUTS ? all - 1 : CUTS);
        for (size_t i = 0; i <= cuts && all > 1; i++) {
            fair = fair && tables[level][i] >= all / (cuts + 1) &&
                   tables[level][i] <= all / (cuts + 1) + 1;
        }
    }
    if (!fair) {
        fz_fail(ASK_CUTS, "%zu cuts leave parts of other sizes", cuts);
    }
}

/* The walk cut into parts, with all their items in order. */
static void check_parts(struct fz_case *w, const struct ptw_mem *mem,
                        uint64_t root, unsigned flags, uint64_t random)
{
    static struct ptw_walk walk;
    static struct ptw_walk whole;
    struct ptw_walk_options o = fz_options(w, flags);
    struct ptw_root r = ptw_root_of(&w->regime, ptw_pa_of(root));
    struct fw_joined j = {.whole = &whole, .flags = flags};
    struct ptw_va_range part = {o.first, o.last};
    struct ptw_walk_stats stats;
    uint64_t cut[CUTS + 1];
    size_t cuts = 0;

    o.max_reads = 0;
    fz_must(ptw_virt_to_phys_init(&whole, mem, r, &o), "a walk");
    fz_case_remember(w, &whole, mem);
    if (random % 4 == 0) {
        ptw_va proposed[CUTS];
        size_t n;

        fz_must(ptw_walk_cuts(&whole, proposed, CUTS, &n), "cuts");
        check_cuts_again(mem, r, o, proposed, n);
        check_fair(w, mem, r, proposed, n);
        for (size_t i = 0; i < n; i++) {
            if (add_cut(w, cut, cuts, proposed[i].v) != cuts + 1 ||
                cut[cuts] != proposed[i].v) {
                fz_stop(ASK_CUTS, "there is no cut at %llx",
                        HEX(proposed[i].v));
            }
            cuts++;
        }
    } else {
        for (unsigned i = 0; i < CUTS; i++) {
            random = random * UINT64_C(0xD6E8FEB86659FD93) + 1;
            cuts = add_cut(w, cut, cuts, some_cut(w, random >> 16));
        }
    }
    for (size_t i = 0; i <= cuts; i++) {
        part.first.v = i == 0 ? w->first : cut[i - 1];
        part.last.v = i == cuts ? w->last : cut[i] - 1;
        fz_must(ptw_virt_to_phys_init(&walk, mem, r, &o), "a walk");
        fz_must(ptw_walk_part(&walk, part), "a part");
        fz_case_remember(w, &walk, mem);
        fw_join_walk(w, &j, &walk);
    }
    fw_join_end(w, &j);
    stats = ptw_walk_counts(&whole);
    if (j.tables != stats.tables || j.reads < stats.reads ||
        j.reads > stats.reads + cuts * w->levels) {
        fz_fail(ASK_CUTS,
                "%zu parts took %llu reads and %llu tables, the walk %llu and "
                "%llu",
                cuts + 1, HEX(j.reads), HEX(j.tables), HEX(stats.reads),
                HEX(stats.tables));
    }
}

static void translate_root(struct fz_case *w, const struct ptw_mem *mem,
                           const struct ptw_mem *mem_again, uint64_t root,
                           size_t max)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = fz_options(w, PTW_WALK_HOLES);
    ptw_pa pa = ptw_pa_of(root);
    enum ptw_status why = fz_root_status(w, root);
    enum ptw_status st =
        ptw_virt_to_phys_init(&walk, mem, ptw_root_of(&w->regime, pa), &o);
    bool more = true;
    size_t at = 0;

    if (st != why) {
        fz_stop(ASK_ROOTS, "the root %llx: %s, it should be: %s", HEX(root),
                ptw_status_text(st), ptw_status_text(why));
    }
    if (why == PTW_E_ALIGN || why == PTW_E_WIDTH) {
        struct ptw_translation t;

        if (ptw_lookup(mem, ptw_root_of(&w->regime, pa), ptw_va_of(w->first),
                       &t) != why) {
            fz_fail(ASK_ROOTS, "a lookup takes %llx for a root", HEX(root));
        }
    }
    if (why != PTW_OK) {
        return;
    }
    fz_case_remember(w, &walk, mem);
    fz_collect(w, &walk, NULL, &fw_list);
    for (size_t i = 0; i < fw_list.count; i++) {
        if (fw_list.item[i].kind == PTW_ITEM_SPACE ||
            fw_list.item[i].kind == PTW_ITEM_ALIAS ||
            (fw_list.item[i].kind == PTW_ITEM_FINDING &&
             !fz_covers(&fw_list.item[i]))) {
            fz_fail(ASK_ITEMS, "a translation gives an item of kind %d",
                    (int)fw_list.item[i].kind);
        }
        fz_note(fz_item_hash(w, &fw_list.item[i]));
    }
    fz_check_tiling(w, &fw_list, &at);
    fz_ask(w, &fw_expected, root, w->first, w->last, max);
    for (size_t i = 0; i < fw_list.count && more; i++) {
        more = fz_meet(&fw_expected, &fw_list.item[i]);
        if (fw_list.item[i].kind == PTW_ITEM_FINDING && i < 64) {
            fw_check_finding(w, root, &fw_list.item[i]);
        }
    }
    if (more && fw_list.complete && fw_expected.at != fw_expected.count) {
        fz_fail(ASK_ANSWERS, "a translation lacks what the oracle has at %llx",
                HEX(fw_expected.answer[fw_expected.at].first));
    }
    if (fz_asks(ASK_LOOKUPS)) {
        check_lookups(w, mem, root, w->thorough ? 32 : 8);
    }
    if (fz_asks(ASK_NEED)) {
        check_needs(w, mem, root);
    }
    if (fw_wants(w, FW_OTHER_MEMORY) && fz_asks(ASK_TWICE)) {
        o = fw_other_options(w);
        fz_must(ptw_virt_to_phys_init(&walk, mem_again,
                                      ptw_root_of(&w->regime, pa), &o),
                "a walk");
        fz_case_remember(w, &walk, mem_again);
        fw_check_other_memory(w, &walk, NULL);
    }
    if (fw_wants(w, FW_PATHS) && fz_asks(ASK_TWICE)) {
        fw_check_paths(w, w->memory == FZ_CALLBACKS ? mem_again : mem,
                       &(struct ptw_root){&w->regime, pa}, false);
    }
    if (fw_wants(w, FW_IN_RUNS) && fz_asks(ASK_RUNS)) {
        o = fz_options(w, PTW_WALK_HOLES | PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        fz_must(
            ptw_virt_to_phys_init(&walk, mem, ptw_root_of(&w->regime, pa), &o),
            "a walk");
        fz_case_remember(w, &walk, mem);
        fz_check_runs(w, &fw_list, &walk, NULL, o.flags);
    }
    if (fw_wants(w, FW_RESUMED) && fz_asks(ASK_RESUME)) {
        o = fz_options(w, PTW_WALK_HOLES);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        fz_must(
            ptw_virt_to_phys_init(&walk, mem, ptw_root_of(&w->regime, pa), &o),
            "a walk");
        fz_case_remember(w, &walk, mem);
        fz_check_stops(w, mem, &fw_list, &walk, NULL, root, &fw_expected);
    }
    if (fw_list.complete && fw_wants(w, FW_PARTS) && fz_asks(ASK_CUTS)) {
        static const unsigned flags[] = {
            PTW_WALK_HOLES, PTW_WALK_HOLES | PTW_WALK_RUNS,
            PTW_WALK_HOLES | PTW_WALK_TABLES, PTW_WALK_RUNS | PTW_WALK_TABLES};

        for (unsigned i = 0; i < 4; i++) {
            if (w->thorough || (w->seed >> 20) % 4 == i) {
                check_parts(w, mem, root, flags[i], (w->seed >> 8) + i);
            }
        }
    }
}

void fz_translate(const uint8_t *data, size_t len)
{
    static struct fz_half half[2];
    struct fz_case *w = &described;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_region region_again[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_mem mem_again;
    bool second[FZ_ROOTS];

    fz_case_read(w, false, data, len);
    fz_case_memory(w, w->memory, &mem, region);
    fz_case_memory(w, fw_other_memory(w), &mem_again, region_again);
    fz_halves(w);
    half[0] = w->half[0];
    half[1] = w->half[1];
    for (unsigned i = 0; i < w->roots; i++) {
        second[i] = fz_half_of(w, i) == &w->half[1];
    }
    for (unsigned i = 0; i < w->roots && i < 3; i++) {
        unsigned same = 0;

        while (w->root[same] != w->root[i] || second[same] != second[i]) {
            same++;
        }
        if (same == i) {
            fz_take_half(w, &half[second[i]]);
            translate_root(w, &mem, &mem_again, w->root[i],
                           i == 0 ? FZ_ANSWERS : 1024);
        }
    }
    fz_case_done(w);
}
