/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_limits.h"

#include "check.h"
#include "halves.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static struct ptw_rebuild rebuild;

/* Plans with those options.  The plan comes to what is expected, unless that
 * takes more storage than there is. */
static void expect(struct fc_guest *g, const struct ptw_mem *mem,
                   const struct ptw_rebuild_options *o, unsigned growth,
                   enum ptw_status expected, const char *what)
{
    enum ptw_status st = fc_plan(g, mem, o, growth, &rebuild);

    if (st != expected && st != PTW_E_SPACE) {
        fz_fail(ASK_STATUS, "the plan %s says: %s", what, ptw_status_text(st));
    }
    fc_free_storage(&rebuild);
    memset(&rebuild, 0, sizeof rebuild);
}

/* Whether any address is one that entries of tables and of small leaves hold. */
static bool holds_all(const struct fz_case *w)
{
    const struct oracle_format *f = w->mode.format;
    unsigned bits = ptw_pa_bits(&w->regime);

    return w->mode.flag_bits == 0 && f->leaf_pa_bits(&w->mode, 0) >= bits &&
           f->table_pa_bits(&w->mode) >= bits &&
           f->root_pa_bits(&w->mode) >= bits;
}

/* An image without large leaves, which ask for no place of their own, ends where
 * physical addresses do; a page higher, it does not fit.  So does one whose
 * tables are elsewhere: which of the two, the seed says. */
static void at_the_end(struct fc_guest *g, const struct ptw_mem *mem,
                       const struct fc_image *m, unsigned growth)
{
    unsigned bits = ptw_pa_bits(&g->w->regime);
    struct ptw_rebuild_options o = g->o;

    if (!holds_all(g->w) || m->counts.large > 0 || m->counts.split > 0 ||
        g->o.maps > 0 || m->counts.merged > 0 ||
        m->counts.absent_followed > 0 || m->counts.absent_unknown > 0 ||
        fc_page_bytes(g) != fc_table_place(g) || bits > 62) {
        return;
    }
    o.flags &= ~(unsigned)PTW_REBUILD_TABLES_APART;
    o.base.v = ((uint64_t)1 << bits) - m->planned;
    if ((g->w->seed >> 42 & 1) != 0 && m->counts.page_bytes > 0) {
        o.flags |= PTW_REBUILD_TABLES_APART;
        o.tables_base.v = 0;
        o.base.v = ((uint64_t)1 << bits) - m->counts.page_bytes;
    }
    expect(g, mem, &o, growth, PTW_OK,
           "of an image that ends where memory may");
    o.base.v += fc_page_bytes(g);
    expect(g, mem, &o, growth, PTW_E_WIDTH,
           "of an image that ends behind where memory may");
}

/* What a rebuild with those options and the comparison of its image say as they
 * begin; *bad: the map that is refused, if one is. */
static enum ptw_status begin(const struct fc_guest *g,
                             const struct ptw_mem *mem,
                             const struct ptw_rebuild_options *o, size_t *bad)
{
    static struct ptw_verify verify;
    struct ptw_verify_options v = ptw_verify_options_of(o);
    enum ptw_status st =
        ptw_rebuild_init(&rebuild, mem, g->root, g->w->roots, o);
    enum ptw_status compared =
        ptw_verify_init(&verify, mem, g->root, mem, g->root, g->w->roots, &v);

    if (!ptw_rebuild_bad_map(&rebuild, bad) && st != compared) {
        fz_fail(ASK_STATUS, "a rebuild says: %s, and a comparison: %s",
                ptw_status_text(st), ptw_status_text(compared));
    }
    memset(&rebuild, 0, sizeof rebuild);
    return st;
}

/* Each range that is left out is whole pages, and so is what is walked. */
static void without_a_byte(const struct fc_guest *g, const struct ptw_mem *mem)
{
    struct ptw_va_range out[FC_LEAVE_OUTS];
    struct ptw_rebuild_options o = g->o;

    memcpy(out, g->leave_out, sizeof out);
    o.leave_out = out;
    for (size_t i = 0; i <= o.leave_outs; i++) {
        uint64_t *end = i < o.leave_outs ? &out[i].last.v : &o.last.v;
        enum ptw_status st;

        *end -= 1;
        st = begin(g, mem, &o, &(size_t){0});
        if (st != PTW_E_ALIGN) {
            fz_fail(ASK_STATUS, "what ends with half a page: %s",
                    ptw_status_text(st));
        }
        *end += 1;
    }
}

/* No map can be there twice, whichever other ones stand between. */
static void maps_again(const struct fc_guest *g, const struct ptw_mem *mem)
{
    struct ptw_map_request map[FC_MAPS + 1];
    struct ptw_rebuild_options o = g->o;

    memcpy(map, g->map, sizeof g->map);
    o.map = map;
    o.maps++;
    for (size_t i = 0; i < g->o.maps; i++) {
        size_t bad = 0;
        enum ptw_status st;

        map[g->o.maps] = map[i];
        st = begin(g, mem, &o, &bad);
        if (st != PTW_E_OVERLAP || bad != g->o.maps) {
            fz_fail(ASK_STATUS, "map %zu is there again: %s, map %zu", i,
                    ptw_status_text(st), bad);
        }
    }
}

/* The new image is of the same regime.  The code of a root selects another one:
 * the other half, or what the seed says. */
static void of_another_half(const struct fc_guest *g, const struct ptw_mem *mem)
{
    static struct ptw_verify verify;
    const unsigned code[] = {7, 1 + (unsigned)(g->w->seed >> 20) % 32};
    const struct ptw_verify_options o = ptw_verify_options_of(&g->o);
    struct ptw_root root[FZ_ROOTS];
    struct fz_half other;

    if (g->w->halves || g->w->mode.format->family != ORACLE_AARCH64) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (!fz_beside(g->w, code[i], &other) ||
            (strcmp(other.mode.format->name, g->w->mode.format->name) == 0 &&
             other.mode.hpd == g->w->mode.hpd)) {
            continue;
        }
        for (unsigned k = 0; k < g->w->roots; k++) {
            root[k] = ptw_root_of(&other.regime, g->root[k].table);
        }
        if (ptw_verify_init(&verify, mem, g->root, mem, root, g->w->roots,
                            &o) != PTW_E_ARG) {
            fz_fail(ASK_STATUS, "the image of a guest of %s is one of %s",
                    ptw_regime_name(&g->w->regime),
                    ptw_regime_name(&other.regime));
        }
    }
}

/* A plan reads what a walk does that is made for nothing else. */
static void as_a_walk(const struct fc_guest *g, const struct ptw_mem *mem,
                      const struct fc_image *m)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item item[16];
    struct ptw_memo memo;
    enum ptw_status st;
    size_t items;

    o.first = g->o.first;
    o.last = g->o.last;
    o.leave_out = g->o.leave_out;
    o.leave_outs = g->o.leave_outs;
    o.flags = PTW_WALK_TABLES | PTW_WALK_SELF;
    fz_memo_init(g->w, &memo, g->w->seed);
    fz_must(
        ptw_walk_va_spaces_init(&walk, mem, g->root, g->w->roots, &memo, &o),
        "a walk");
    do {
        st = ptw_walk_next(&walk, item, 16, &items);
        if (st == PTW_E_SPACE) {
            fz_memo_grow(g->w, &memo);
        }
    } while (st == PTW_OK || st == PTW_E_SPACE);
    if (ptw_walk_counts(&walk).reads != m->walked) {
        fz_fail(ASK_LIMITS, "a plan reads %llu entries, and a walk %llu",
                HEX(m->walked), HEX(ptw_walk_counts(&walk).reads));
    }
}

void fc_check_limits(struct fc_guest *g, const struct ptw_mem *mem,
                     const struct fc_image *m, unsigned growth)
{
    struct ptw_rebuild_options o = g->o;
    const struct ptw_rebuild_counts *c = &m->counts;

    /* Else what is certain is known after the plan. */
    if ((o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) == 0 &&
        c->split == 0 && c->absent_followed == 0 && c->absent_unknown == 0 &&
        o.maps == 0) {
        o.max_bytes = m->bytes - 1;
        expect(g, mem, &o, growth, PTW_E_LIMIT, "with a byte too few");
    }
    o = g->o;
    if (m->reads > 1) {
        o.max_reads = m->reads - 1;
        expect(g, mem, &o, growth, PTW_E_LIMIT, "with a read too few");
    }
    if (c->split > 0) {
        o.max_reads = m->walked;
        expect(g, mem, &o, growth, PTW_E_LIMIT,
               "with none for new leaves of large ones");
    }
    at_the_end(g, mem, m, growth);
    without_a_byte(g, mem);
    maps_again(g, mem);
    of_another_half(g, mem);
    as_a_walk(g, mem, m);
}

/* What a plan of some maps comes to, and which of them is refused. */
static enum ptw_status plan_maps(struct fc_guest *g, const struct ptw_mem *mem,
                                 size_t first, size_t maps, unsigned growth,
                                 size_t *bad)
{
    struct ptw_rebuild_options o = g->o;
    enum ptw_status st;

    o.map += first;
    o.maps = maps;
    st = fc_plan(g, mem, &o, growth, &rebuild);
    if (st == PTW_E_RIGHTS && !ptw_rebuild_bad_map(&rebuild, bad)) {
        fz_fail(ASK_STATUS, "a map is refused, and none is named");
    }
    fc_free_storage(&rebuild);
    memset(&rebuild, 0, sizeof rebuild);
    return st;
}

void fc_check_refused_map(struct fc_guest *g, const struct ptw_mem *mem,
                          unsigned growth)
{
    size_t bad = 0;
    size_t again = 0;

    if (plan_maps(g, mem, 0, g->o.maps, growth, &bad) != PTW_E_RIGHTS) {
        return;
    }
    if (bad >= g->o.maps ||
        plan_maps(g, mem, bad, 1, growth, &again) != PTW_E_RIGHTS ||
        again != 0) {
        fz_fail(ASK_STATUS, "map %zu is refused, and not by itself", bad);
    }
    if (plan_maps(g, mem, 0, bad, growth, &again) == PTW_E_RIGHTS) {
        fz_fail(ASK_STATUS, "map %zu is refused, and map %zu before it is, too",
                bad, again);
    }
}
