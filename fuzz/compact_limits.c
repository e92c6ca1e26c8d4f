/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_limits.h"

#include "check.h"

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
