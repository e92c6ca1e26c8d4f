/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a rebuild and of a comparison: README.md has the properties in
 * words. */
#include "compact_make.h"

#include "arena.h"
#include "check.h"
#include "halves.h"
#include "same_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

struct ptw_verify fc_verify;

/* ------------------------------------------------------------------ storage */

/* A step that is over, or was just given some, wants no storage. */
static void wants_none(struct ptw_rebuild *rb, struct ptw_verify *v)
{
    static _Alignas(8) unsigned char store[4096];
    void *before;
    enum ptw_status st =
        rb != NULL ? ptw_rebuild_give(rb, store, sizeof store, &before)
                   : ptw_verify_give(v, store, sizeof store, &before);

    if (st != PTW_E_ARG || before != NULL) {
        fz_stop(ASK_STORAGE, "storage that nobody wants: %s",
                ptw_status_text(st));
    }
}

/* One storage for a step that asked; false when the caller has no more. */
static bool give(struct ptw_rebuild *rb, struct ptw_verify *v, unsigned growth,
                 size_t most)
{
    unsigned tries = 0;

    for (;;) {
        size_t wanted = rb != NULL ? rb->wanted : v->wanted;
        size_t bytes = fz_store_bytes(wanted, growth, tries);
        void *before;
        void *store;
        char *other;
        enum ptw_status st;

        if (wanted == 0) {
            fz_stop(ASK_STORAGE, "PTW_E_SPACE, and nothing is wanted");
        }
        if (wanted > most) {
            return false;
        }
        store = fz_take(bytes);
        tries++;
        other = (char *)store + 1 + bytes / 8 % 7;
        st = rb != NULL ? ptw_rebuild_give(rb, other, bytes, &before)
                        : ptw_verify_give(v, other, bytes, &before);
        if ((st != PTW_E_ALIGN && (st != PTW_E_SPACE || bytes >= wanted)) ||
            before != NULL) {
            fz_stop(ASK_STORAGE, "storage that is not aligned: %s",
                    ptw_status_text(st));
        }
        st = rb != NULL ? ptw_rebuild_give(rb, store, bytes, &before)
                        : ptw_verify_give(v, store, bytes, &before);
        if (st == PTW_OK) {
            fz_give_back(before);
            wants_none(rb, v);
            return true;
        }
        fz_give_back(store);
        if (st != PTW_E_SPACE || before != NULL || bytes >= wanted) {
            fz_stop(ASK_STORAGE, "%zu bytes where %zu are wanted: %s", bytes,
                    wanted, ptw_status_text(st));
        }
    }
}

/* ------------------------------------------------------------ what is right */

/* What is wrong with a map, wherever the guest's tables are: a set of 1 << a
 * status.  A large leaf may reach where small pages do not: then *unsure. */
static unsigned map_wrong(const struct fz_case *w,
                          const struct ptw_map_request *q, bool *unsure)
{
    uint64_t reach =
        ((uint64_t)1 << w->mode.format->leaf_pa_bits(&w->mode, 0)) - 1;
    uint64_t span = q->last.v - q->first.v;
    unsigned wrong = 0;

    if (q->first.v > q->last.v) {
        return 1u << PTW_E_RANGE;
    }
    if (!fz_one_half(w, q->first.v, q->last.v)) {
        wrong |= 1u << PTW_NOT_CANONICAL;
    }
    if ((q->first.v | (q->last.v + 1) | q->pa.v) % w->page_bytes != 0) {
        wrong |= 1u << PTW_E_ALIGN;
    }
    if (!fz_can_map(w, q->rights, q->copy_on_write,
                    (q->flags & PTW_EDIT_GRANT_EXEC) != 0, &q->attributes)) {
        wrong |= 1u << PTW_E_RIGHTS | 1u << PTW_E_ARG;
    }
    if ((q->flags & PTW_EDIT_UNSHARE) != 0) {
        wrong |= 1u << PTW_E_ARG; /* nothing counts who shares the tables */
    }
    if (q->pa.v > UINT64_MAX - span) {
        wrong |= 1u << PTW_E_WIDTH | 1u << PTW_E_RANGE;
    } else if (q->pa.v + span > reach) {
        *unsure = *unsure || (q->flags & PTW_EDIT_LARGE) != 0;
        wrong |= (q->flags & PTW_EDIT_LARGE) != 0 ? 0 : 1u << PTW_E_WIDTH;
    } else if (fz_meets_flag_bits(w, q->pa.v, q->pa.v + span)) {
        wrong |= 1u << PTW_E_WIDTH;
    }
    return wrong;
}

/* What is wrong with the ranges of a rebuild. */
static unsigned ranges_wrong(const struct fc_guest *g)
{
    const struct ptw_rebuild_options *o = &g->o;
    unsigned wrong = 0;
    bool kept = false;
    uint64_t gap;
    uint64_t gap_end;

    for (size_t i = 0; i <= o->leave_outs; i++) {
        bool whole = i == o->leave_outs;
        uint64_t first = whole ? o->first.v : g->leave_out[i].first.v;
        uint64_t last = whole ? o->last.v : g->leave_out[i].last.v;

        if (first > last ||
            (!whole && i > 0 && first <= g->leave_out[i - 1].last.v)) {
            wrong |= 1u << PTW_E_RANGE;
        }
        if (first % fc_page_bytes(g) != 0 ||
            last % fc_page_bytes(g) != fc_page_mask(g)) {
            wrong |= 1u << PTW_E_ALIGN;
        }
    }
    if (wrong != 0) {
        return wrong;
    }
    for (unsigned i = 0; i < g->w->roots && !kept; i++) {
        oracle_gap(&fz_half_of(g->w, i)->mode, &gap, &gap_end);
        kept = (gap > 0 && fc_kept(g, 0, gap - 1) != PTW_COVER_NONE) ||
               (gap_end < UINT64_MAX &&
                fc_kept(g, gap_end + 1, UINT64_MAX) != PTW_COVER_NONE);
    }
    return kept ? 0 : 1u << PTW_E_RANGE;
}

/* What is wrong with a map in the spaces that can have it, or in the first one,
 * where none can. */
static unsigned map_wrong_in(const struct fc_guest *g,
                             const struct ptw_map_request *q, bool *unsure)
{
    unsigned wrong = 0;
    bool reached = false;

    for (unsigned i = 0; i < g->w->roots; i++) {
        fz_turn(g->w, i);
        if (fz_one_half(g->w, q->first.v, q->last.v)) {
            wrong |= map_wrong(g->w, q, unsure);
            reached = true;
        }
    }
    if (!reached) {
        fz_turn(g->w, 0);
        wrong = map_wrong(g->w, q, unsure);
    }
    fz_turn_back(g->w);
    return wrong;
}

/* What ptw_rebuild_init has to say of a map, by itself, by what is kept, and by
 * the maps before it: a set of 1 << a status, of which it says one, or 0;
 * *unsure, when it may say that it is too wide all the same. */
static unsigned one_map_wrong(const struct fc_guest *g, size_t map,
                              bool *unsure)
{
    const struct ptw_map_request *q = &g->map[map];
    unsigned wrong = map_wrong_in(g, q, unsure);

    if (q->first.v <= q->last.v && ranges_wrong(g) == 0 &&
        fc_kept(g, q->first.v, q->last.v) != PTW_COVER_NONE) {
        wrong |= 1u << PTW_E_OVERLAP;
    }
    for (size_t i = 0; i < map; i++) {
        if (q->first.v <= g->map[i].last.v && g->map[i].first.v <= q->last.v) {
            wrong |= 1u << PTW_E_OVERLAP;
        }
    }
    return wrong;
}

static unsigned marks_wrong(const struct ptw_rebuild_options *o)
{
    return (o->flags & PTW_REBUILD_REFUSE_MARKED) != 0 &&
                   (o->flags & PTW_REBUILD_CLEAR_MARKED) != 0
               ? 1u << PTW_E_ARG
               : 0;
}

/* The same of all options. */
static unsigned options_wrong(const struct fc_guest *g, bool *unsure)
{
    const struct ptw_rebuild_options *o = &g->o;
    bool apart = (o->flags & PTW_REBUILD_TABLES_APART) != 0;
    unsigned wrong = ranges_wrong(g);

    if (o->base.v % fc_page_bytes(g) != 0 ||
        (apart && o->tables_base.v % fc_table_place(g) != 0)) {
        wrong |= 1u << PTW_E_ALIGN;
    }
    if (o->base.v >> ptw_pa_bits(&g->w->regime) != 0 ||
        (apart && o->tables_base.v >> ptw_pa_bits(&g->w->regime) != 0)) {
        wrong |= 1u << PTW_E_WIDTH;
    }
    wrong |= marks_wrong(o);
    for (unsigned i = 0; i < g->w->roots; i++) {
        if ((g->w->root_flags[i] & ~g->w->mode.flag_bits) != 0) {
            wrong |= 1u << PTW_E_ARG;
        }
    }
    if ((o->flags & (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) !=
            0 &&
        oracle_writes(&g->w->mode, false, 0)) {
        wrong |= 1u << PTW_E_REGIME;
    }
    for (size_t i = 0; i < o->maps; i++) {
        wrong |= one_map_wrong(g, i, unsure);
    }
    return wrong;
}

/* The map that is named is the first one that is wrong, and so. */
static void check_bad_map(const struct fc_guest *g, size_t map,
                          enum ptw_status st)
{
    for (size_t i = 0; i <= map && i < g->o.maps; i++) {
        bool unsure = false;
        unsigned wrong = one_map_wrong(g, i, &unsure);
        unsigned may = wrong | (unsure ? 1u << PTW_E_WIDTH : 0u);

        if (i < map ? wrong != 0 : (may >> st & 1) == 0) {
            fz_fail(ASK_STATUS,
                    "a rebuild refuses map %zu (%s); map %zu is wrong by %x",
                    map, ptw_status_text(st), i, may);
        }
    }
}

static void check_beginning(const struct fc_guest *g,
                            const struct ptw_rebuild *rb, enum ptw_status st)
{
    bool unsure = false;
    unsigned wrong = options_wrong(g, &unsure);
    unsigned may = wrong | (unsure ? 1u << PTW_E_WIDTH : 0u);
    size_t map = 0;

    if (ptw_rebuild_bad_map(rb, &map)) {
        if (st == PTW_OK || map >= g->o.maps) {
            fz_fail(ASK_STATUS, "a rebuild begins: %s; it refuses map %zu",
                    ptw_status_text(st), map);
        }
        check_bad_map(g, map, st);
    }
    if (st == PTW_OK ? wrong != 0 : (may >> st & 1) == 0) {
        fz_fail(ASK_STATUS, "a rebuild begins: %s; it is wrong by %x",
                ptw_status_text(st), may);
    }
}

/* What of that is wrong for a comparison, too. */
static void check_comparison_beginning(const struct fc_guest *g,
                                       const struct ptw_mem *mem,
                                       const struct ptw_root *root)
{
    static struct ptw_verify other;

    struct ptw_verify_options o = ptw_verify_options_of(&g->o);
    unsigned wrong = ranges_wrong(g);
    enum ptw_status st =
        ptw_verify_init(&other, mem, root, mem, root, g->w->roots, &o);

    wrong |= marks_wrong(&g->o);
    if (st == PTW_OK ? wrong != 0 : (wrong >> st & 1) == 0) {
        fz_fail(ASK_STATUS, "a comparison begins: %s; it is wrong by %x",
                ptw_status_text(st), wrong);
    }
}

/* Options of which one has another bit. */
static void vary_options(struct fc_guest *g, const struct ptw_mem *mem,
                         const struct ptw_root *root)
{
    static struct ptw_rebuild other;

    struct ptw_rebuild_options *o = &g->o;
    struct ptw_rebuild_options was = *o;
    struct ptw_va_range out = g->leave_out[0];
    uint64_t random = g->w->seed ^ o->first.v;
    uint64_t *part[] = {
        &o->base.v, &o->tables_base.v,        &o->first.v,
        &o->last.v, &g->leave_out[0].first.v, &g->leave_out[0].last.v};

    for (unsigned i = 0; i < sizeof part / sizeof part[0]; i++) {
        uint64_t r = fz_random(&random);
        unsigned bits = (r & 1) != 0 ? oracle_page_log2(g->w->mode.format) : 64;

        *part[i] ^= (uint64_t)1 << (r >> 1) % bits;
        check_beginning(g, &other,
                        ptw_rebuild_init(&other, mem, root, g->w->roots, o));
        check_comparison_beginning(g, mem, root);
        *o = was;
        g->leave_out[0] = out;
    }
    for (unsigned bit = 0; 1u << bit <= PTW_REBUILD_CLEAR_MARKED; bit++) {
        o->flags = was.flags ^ 1u << bit;
        check_beginning(g, &other,
                        ptw_rebuild_init(&other, mem, root, g->w->roots, o));
        check_comparison_beginning(g, mem, root);
    }
    *o = was;
}

/* ------------------------------------------------------------------ the law */

/* How near an input comes to what the law allows: one of these is set for each
 * two hundredth part of it, and libFuzzer keeps an input that sets another. */
enum step { PLAN, MAKE, COMPARE, STEPS };

enum { SCORES = 200 };

__attribute__((used, section("__libfuzzer_extra_counters"))) static uint8_t
    scored[STEPS][SCORES + 1];

/* What the law allows: README.md.  Everything is counted here, but the tables
 * that the walks entered, which the targets of walks check. */
uint64_t fc_lawful(const struct fc_guest *g, uint64_t tables,
                   uint64_t new_bytes)
{
    uint64_t cuts = 2 * (uint64_t)g->w->roots * (g->o.leave_outs + 1);
    uint64_t pages = new_bytes / fc_page_bytes(g) + 1;

    for (unsigned i = 0; i < g->w->regions; i++) {
        pages += (g->w->region[i].last / fc_page_bytes(g)) -
                 (g->w->region[i].first / fc_page_bytes(g)) + 2;
    }
    return 8 * g->w->entries * tables + (32 + 2 * cuts) * pages;
}

static void check_work(enum step step, uint64_t work, uint64_t most)
{
    static const char *const name[STEPS] = {"the plan", "the making",
                                            "the comparison"};
    static uint64_t worst[STEPS];
    uint64_t score = work / (most / SCORES + 1);

    if (work > most) {
        fz_fail(ASK_LAW, "%s takes %llu steps, and the law allows %llu",
                name[step], HEX(work), HEX(most));
        return;
    }
    scored[step][score] = 1;
    if (score > worst[step] && getenv("PTW_WORST") != NULL) {
        printf("worst: %s, %llu of %llu steps\n", name[step],
               (unsigned long long)work, (unsigned long long)most);
        fflush(stdout);
    }
    worst[step] = score > worst[step] ? score : worst[step];
}

/* -------------------------------------------------------------------- steps */

/* Where the pages go, and what is known of the order. */
struct sink {
    struct fc_image *m;
    uint64_t page_bytes;
    uint64_t next;    /* the lowest address that may come */
    uint64_t given;   /* the lowest one behind all that came */
    uint64_t refused; /* the write that it refused last */
    unsigned writes;
    unsigned refuse_at;
    unsigned refuse_times;
    bool resumed;
    bool full;
    bool changes;
};

static enum ptw_status take_pages(void *ctx, ptw_pa to, const void *bytes,
                                  size_t n)
{
    struct sink *s = ctx;
    struct fc_image *m = s->m;

    if (n == 0 || n % m->one_page != 0 || to.v % m->one_page != 0 ||
        to.v < m->base || to.v - m->base >= s->page_bytes ||
        s->page_bytes - (to.v - m->base) < n) {
        fz_stop(ASK_SINK, "the sink is given %zu bytes at %llx", n, HEX(to.v));
    }
    if (to.v < s->next) {
        fz_fail(ASK_SINK, "the sink is given %llx, when %llx was the next",
                HEX(to.v), HEX(s->next));
    }
    if (s->writes++ >= s->refuse_at && s->refuse_times > 0) {
        s->refuse_times--;
        s->refused = to.v;
        /* At most 64 pages before it. */
        s->next = to.v - m->base > 64 * m->one_page ? to.v - 64 * m->one_page
                                                    : m->base;
        s->resumed = true;
        return PTW_E_READONLY;
    }
    for (size_t at = 0; at < n; at += FZ_PAGE) {
        const uint8_t *page = (const uint8_t *)bytes + at;
        int i = fc_written(m, to.v + at);

        /* Of a large image, zeros are left as if they had not been given. */
        if (i < 0 && s->page_bytes > (uint64_t)FC_PAGES * FZ_PAGE &&
            page[0] == 0 && memcmp(page, page + 1, FZ_PAGE - 1) == 0) {
            m->left += to.v + at >= s->given;
            continue;
        }
        if (i >= 0) {
            if (!s->resumed ||
                (!s->changes && memcmp(m->page[i], page, FZ_PAGE) != 0)) {
                fz_fail(ASK_SINK, "the page %llx is given twice",
                        HEX(to.v + at));
            }
            memcpy(m->page[i], page, FZ_PAGE);
            continue;
        }
        if (m->pages == FC_PAGES) {
            s->full = true;
            return PTW_E_SPACE;
        }
        if (m->pages > 0 && m->at[m->pages - 1] >= to.v + at) {
            /* It was zeros before, and the guest changed. */
            if (!s->changes) {
                fz_fail(ASK_SINK, "the page %llx comes too late",
                        HEX(to.v + at));
            }
            s->full = true;
            return PTW_E_SPACE;
        }
        m->at[m->pages] = to.v + at;
        memcpy(m->page[m->pages++], page, FZ_PAGE);
    }
    s->next = to.v + n;
    s->given = s->next > s->given ? s->next : s->given;
    return PTW_OK;
}

static const struct ptw_page_sink page_sink = {take_pages};

void fc_free_storage(const struct ptw_rebuild *rb)
{
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        fz_give_back(ptw_rebuild_storage(rb, i));
    }
    if (ptw_rebuild_storage(rb, PTW_REBUILD_STORES) != NULL) {
        fz_fail(ASK_STORAGE, "there is a storage too many");
    }
}

/* The work of the walk that ended last. */
static void check_reads(const struct fc_guest *g, const struct ptw_rebuild *rb,
                        uint64_t besides, const char *what)
{
    struct ptw_walk_stats s = ptw_walk_counts(&rb->state.walk);

    if ((rb->o.max_reads != 0 && s.reads > rb->o.max_reads) ||
        s.reads > s.tables * g->w->entries) {
        fz_fail(ASK_LIMITS, "%s: %llu reads of %llu tables, %llu were allowed",
                what, HEX(s.reads), HEX(s.tables), HEX(rb->o.max_reads));
    }
    if (g->reads > s.reads + besides) {
        fz_fail(ASK_LIMITS,
                "%s: %llu reads, the walk counts %llu, and %llu besides", what,
                HEX(g->reads), HEX(s.reads), HEX(besides));
    }
}

/* The plan refused a leaf: there is one where it says, and it was asked to. */
static void check_refusal(struct fc_guest *g, const struct ptw_rebuild *rb,
                          const struct fc_manner *how)
{
    uint32_t space = 0;
    ptw_va va = {0};

    if ((rb->o.flags & PTW_REBUILD_REFUSE_MARKED) == 0 ||
        !ptw_rebuild_bad_mark(rb, &space, &va) ||
        (!how->changes && !fc_marked(g, space, va.v))) {
        fz_fail(ASK_STATUS,
                "the plan refuses a marked leaf at %llx of space %u", HEX(va.v),
                (unsigned)space);
    }
}

/* Whether the new pages and tables, as they are counted, have an address in
 * common. */
static bool overlap(const struct ptw_rebuild *rb)
{
    uint64_t tables = rb->counts.bytes - rb->counts.page_bytes;
    uint64_t pages = rb->counts.page_bytes;

    return (rb->o.flags & PTW_REBUILD_TABLES_APART) != 0 && pages > 0 &&
           tables > 0 &&
           (rb->o.tables_base.v >= rb->o.base.v
                ? rb->o.tables_base.v - rb->o.base.v < pages
                : rb->o.base.v - rb->o.tables_base.v < tables);
}

/* Whether entries can hold all addresses from first on, of so many bytes. */
static bool can_hold(const struct fz_case *w, uint64_t first, uint64_t bytes,
                     unsigned pa_bits)
{
    uint64_t last = first + (bytes - 1);

    return bytes == 0 || (last >= first && last >> pa_bits == 0 &&
                          !fz_meets_flag_bits(w, first, last));
}

/* Whether entries can hold the addresses of new pages and tables, if the pages
 * take that much. */
static bool fits(const struct fc_guest *g, const struct ptw_rebuild *rb,
                 uint64_t page_bytes)
{
    const struct fz_case *w = g->w;
    const struct oracle_format *f = w->mode.format;
    bool apart = (rb->o.flags & PTW_REBUILD_TABLES_APART) != 0;
    uint64_t base = rb->o.base.v;

    return can_hold(w, base, page_bytes, f->leaf_pa_bits(&w->mode, 0)) &&
           can_hold(w, apart ? rb->o.tables_base.v : base + page_bytes,
                    rb->counts.tables * fc_table_place(g),
                    f->table_pa_bits(&w->mode));
}

enum ptw_status fc_root_status(const struct fc_guest *g,
                               const struct ptw_root *root, unsigned space)
{
    enum ptw_status st;

    fz_turn(g->w, space);
    st = fz_root_status(g->w, root[space].table.v);
    fz_turn_back(g->w);
    return st;
}

unsigned fc_bad_root(const struct fc_guest *g)
{
    unsigned bad = 0;

    while (bad < g->w->roots && fc_root_status(g, g->root, bad) == PTW_OK) {
        bad++;
    }
    return bad;
}

/* The plan says that some address is too wide: one may be, as far as pages can
 * take up, or that of a root or of a small leaf of a large one. */
static void check_width(const struct fc_guest *g, const struct ptw_rebuild *rb)
{
    const struct fz_case *w = g->w;
    const struct oracle_format *f = w->mode.format;
    uint64_t most = 2 * rb->counts.pages * fc_page_bytes(g);
    unsigned bad = ptw_rebuild_bad_root(rb);

    if (bad < w->roots &&
        fc_root_status(g, rb->state.root, bad) == PTW_E_WIDTH) {
        return;
    }
    for (unsigned level = 0; level < w->levels; level++) {
        if (f->large(&w->mode, level)) {
            most += (uint64_t)1 << fz_shift(w, level);
        }
    }
    most = most > rb->counts.page_bytes ? most : rb->counts.page_bytes;
    if (fits(g, rb, rb->counts.page_bytes) && fits(g, rb, most) &&
        rb->o.maps == 0 &&
        f->root_pa_bits(&w->mode) >= f->table_pa_bits(&w->mode) &&
        f->leaf_pa_bits(&w->mode, 0) >= w->mode.pa_bits) {
        fz_fail(ASK_STATUS, "the plan says that %llx and so on are too wide",
                HEX(rb->o.base.v));
    }
}

/* Whether some table on the way to a map, below that root, grants less than the map
 * asks for (or there are too many to be sure). */
static bool is_withheld_below(const struct fz_case *w, uint64_t root,
                              const struct ptw_map_request *q)
{
    enum { MANY = 4096 };

    unsigned needed =
        q->rights & ~(q->copy_on_write ? (unsigned)PTW_WRITE : 0u);
    uint64_t span = ((uint64_t)1 << fz_shift(w, 1)) - 1;
    uint64_t va = q->first.v;

    for (unsigned n = 0; va <= q->last.v; n++) {
        uint64_t table;

        for (unsigned level = w->levels - 1;
             level-- > 0 && oracle_table_at(&w->mode, w->ram, w->rams, root, va,
                                            level, &table);) {
            if (n == MANY ||
                (needed & ~fz_path_rights(w, root, va, level)) != 0) {
                return true;
            }
        }
        if ((va | span) >= q->last.v) {
            break;
        }
        va = (va | span) + 1;
    }
    return false;
}

/* The same in any space that can have the map. */
static bool is_withheld(const struct fc_guest *g,
                        const struct ptw_map_request *q)
{
    bool withheld = false;

    for (unsigned i = 0; i < g->w->roots && !withheld; i++) {
        fz_turn(g->w, i);
        withheld = fz_one_half(g->w, q->first.v, q->last.v) &&
                   is_withheld_below(g->w, g->w->root[i], q);
    }
    fz_turn_back(g->w);
    return withheld;
}

static enum ptw_status plan(struct fc_guest *g, struct ptw_rebuild *rb,
                            const struct fc_manner *how, bool *no_storage)
{
    enum ptw_status st;
    unsigned i = 0;
    size_t map;

    *no_storage = false;
    for (;; i++) {
        st = ptw_rebuild_plan(rb);
        if (st != PTW_E_SPACE) {
            break;
        }
        if (i > 1000) {
            fz_stop(ASK_LAW, "the plan does not come to its end");
        }
        if (!give(rb, NULL, how->growth, how->most_storage)) {
            *no_storage = true;
            return st;
        }
    }
    wants_none(rb, NULL);
    switch ((int)st) {
    case PTW_OK:
        if (!fits(g, rb, rb->counts.page_bytes)) {
            fz_fail(ASK_STATUS,
                    "the plan has addresses that no entry holds, from %llx on",
                    HEX(rb->o.base.v));
        }
        if (!how->changes && !how->of_image) {
            bool compares =
                (g->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) != 0;
            uint64_t entries =
                ptw_walk_counts(&rb->state.walk).tables * g->w->entries;
            /* An entry that names what there was no room for is read again. */
            uint64_t besides =
                g->o.absent.policy > PTW_ABSENT_CLEAR ? entries + i : 0;

            check_reads(g, rb, compares ? UINT64_MAX / 2 : besides, "the plan");
        }
        break;
    case PTW_E_LIMIT:
        if (rb->o.max_reads == 0 ||
            (rb->o.max_bytes == 0 &&
             ptw_walk_counts(&rb->state.walk).reads < rb->o.max_reads)) {
            fz_fail(ASK_STATUS, "the plan stops at a limit that it has not");
        }
        if (ptw_rebuild_bad_mark(rb, &(uint32_t){0}, &(ptw_va){0})) {
            fz_fail(ASK_STATUS,
                    "the plan stops at a limit, and refuses a mark");
        }
        break;
    case PTW_E_WIDTH:
        check_width(g, rb);
        break;
    case PTW_E_OVERLAP:
        if (!overlap(rb)) {
            fz_fail(ASK_STATUS, "the plan says that pages and tables overlap");
        }
        break;
    case PTW_E_RIGHTS:
        if (!ptw_rebuild_bad_map(rb, &map) || map >= g->o.maps) {
            fz_fail(ASK_STATUS, "the plan refuses a map that there is not");
        } else if (!how->changes && !is_withheld(g, &g->o.map[map])) {
            fz_fail(ASK_STATUS,
                    "the plan refuses map %zu, which all tables "
                    "on the way grant",
                    map);
        }
        break;
    case PTW_E_MARKED:
        check_refusal(g, rb, how);
        break;
    case PTW_E_SHARED:
        if (!how->changes && !how->of_image &&
            !fc_below_earlier(g, ptw_rebuild_bad_root(rb))) {
            fz_fail(ASK_STATUS,
                    "the plan says that root %u is below an earlier one",
                    ptw_rebuild_bad_root(rb));
        }
        break;
    case PTW_E_ALIGN:
    case PTW_E_BUS:
        break;
    default:
        fz_fail(ASK_STATUS, "the plan says: %s", ptw_status_text(st));
    }
    if (!how->changes && !how->of_image) {
        check_work(PLAN, rb->work,
                   fc_lawful(g, ptw_walk_counts(&rb->state.walk).tables, 0));
    }
    return st;
}

static enum ptw_status copy(struct fc_guest *g, struct ptw_rebuild *rb,
                            const struct fc_manner *how, struct fc_image *m,
                            bool *full)
{
    struct sink s = {
        .m = m,
        .page_bytes = rb->counts.page_bytes,
        .next = m->base,
        .refuse_at = how->refuse_at,
        .refuse_times = how->refuse_times,
        .changes = how->changes,
    };
    enum ptw_status st;
    unsigned refused;
    ptw_pa now;

    m->pages = 0;
    m->left = 0;
    g->reads = 0;
    do {
        refused = s.refuse_times;
        st = ptw_rebuild_copy(rb, &page_sink, &s);
        if (st == PTW_E_READONLY && s.refuse_times == refused) {
            fz_stop(ASK_SINK, "the sink did not refuse");
        }
        if (st == PTW_E_READONLY && !how->changes && !how->of_image &&
            (rb->where.v % fc_page_bytes(g) != 0 ||
             !fc_readable(g, rb->where.v) ||
             ptw_rebuild_page(rb, rb->where, &now) != PTW_OK ||
             now.v != s.refused)) {
            fz_fail(ASK_SINK, "the sink refused %llx", HEX(rb->where.v));
        }
    } while (st == PTW_E_READONLY && !s.full);
    *full = s.full;
    if (s.full && st != PTW_E_SPACE) {
        fz_fail(ASK_SINK, "the sink refused, and the copy says: %s",
                ptw_status_text(st));
    }
    if (st != PTW_OK && !s.full && st != PTW_E_LIMIT && st != PTW_E_WIDTH &&
        (st != PTW_E_OVERLAP || !overlap(rb)) &&
        (st != PTW_E_CHANGED || !how->changes)) {
        fz_fail(ASK_STATUS, "the copy says: %s", ptw_status_text(st));
    }
    return st;
}

static enum ptw_status tables(struct fc_guest *g, struct ptw_rebuild *rb,
                              const struct ptw_rebuild_options *o,
                              const struct fc_manner *how, struct fc_image *m)
{
    struct ptw_region region = {{0}, {0}, NULL, !how->read_only};
    struct ptw_mem to;
    size_t room;
    enum ptw_status st;

    m->bytes = rb->counts.bytes;
    m->page_bytes = rb->counts.page_bytes;
    m->tables_at = (o->flags & PTW_REBUILD_TABLES_APART) != 0
                       ? o->tables_base.v
                       : m->base + rb->counts.page_bytes;
    if (overlap(rb)) {
        fz_fail(ASK_GUEST, "pages and tables overlap");
    }
    if (ptw_rebuild_tables_at(rb).v != m->tables_at) {
        fz_fail(ASK_GUEST, "the tables are at %llx",
                HEX(ptw_rebuild_tables_at(rb).v));
    }
    m->table_bytes = (size_t)(rb->counts.bytes - rb->counts.page_bytes);
    room = m->table_bytes - (how->no_room ? (size_t)fc_page_bytes(g) / 2 : 0);
    m->tables_of = fz_take(m->table_bytes + g->w->skew);
    m->tables = m->tables_of + g->w->skew;
    m->direct = how->direct;
    memset(m->tables, 0xA7, m->table_bytes);
    region.first.v = m->tables_at;
    region.last.v = m->tables_at + room - 1;
    region.host = how->direct ? m->tables : NULL;
    st = how->direct
             ? ptw_mem_init_regions(&to, &region, 1)
             : ptw_mem_init_callbacks(&to, &fc_image_ops, m, &region, 1);
    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "the new memory is refused");
    }
    fz_must(fz_watch(&to, FZ_OF_NEW, &region, 1), "the new memory");
    g->reads = 0;
    st = ptw_rebuild_tables(rb, &to, m->root);
    if (st != PTW_OK) {
        return st;
    }
    if (rb->counts.bytes > m->bytes || rb->counts.tables == 0 ||
        rb->counts.bytes !=
            rb->counts.page_bytes + rb->counts.tables * fc_table_place(g)) {
        fz_stop(ASK_FIGURES, "the image has %llu bytes", HEX(rb->counts.bytes));
    }
    if (!how->changes && !how->of_image) {
        check_reads(g, rb, rb->counts.tables * g->w->entries, "the tables");
    }
    m->bytes = rb->counts.bytes;
    m->table_bytes = (size_t)(rb->counts.bytes - rb->counts.page_bytes);
    m->planned = m->planned > m->bytes ? m->planned : m->bytes;
    m->counts = rb->counts;
    for (unsigned i = 0; i < g->w->roots; i++) {
        if (m->root[i].table.v % fc_table_place(g) != 0 ||
            m->root[i].table.v < m->tables_at ||
            m->root[i].table.v - m->tables_at >= m->table_bytes ||
            m->root[i].table.v >>
                    g->w->mode.format->root_pa_bits(&g->w->mode) !=
                0) {
            fz_fail(ASK_GUEST, "the new root %llx", HEX(m->root[i].table.v));
        }
    }
    return st;
}

/* The most pages of an image.  Large pages take long: of the inputs that are not
 * checked thoroughly, they are only planned.  Of pages of 1 GiB, those that nobody
 * wrote to have to be known. */
static uint64_t most_pages(const struct fc_guest *g)
{
    uint64_t most = !g->w->thorough  ? FC_PAGES / 4
                    : g->knows_zeros ? FC_MOST_PAGES
                                     : FC_PAGES;

    return most * FZ_PAGE / fc_page_bytes(g);
}

/* Before there is a plan no page has a place. */
static void check_no_pages(struct ptw_rebuild *rb)
{
    ptw_pa old;
    ptw_pa now;
    uint64_t bytes;

    if (ptw_rebuild_page(rb, ptw_pa_of(0), &now) != PTW_NOT_MAPPED ||
        ptw_rebuild_pages(rb, ptw_pa_of(0), &old, &now, &bytes) !=
            PTW_NOT_MAPPED) {
        fz_fail(ASK_PAGES, "pages have places, and there is no plan");
    }
}

enum ptw_status fc_plan(struct fc_guest *g, const struct ptw_mem *mem,
                        const struct ptw_rebuild_options *o, unsigned growth,
                        struct ptw_rebuild *rb)
{
    enum ptw_status st = ptw_rebuild_init(rb, mem, g->root, g->w->roots, o);

    check_no_pages(rb);
    if (st != PTW_OK) {
        return st;
    }
    for (unsigned i = 0;; i++) {
        st = ptw_rebuild_plan(rb);
        if (st != PTW_E_SPACE || !give(rb, NULL, growth, FC_STORE)) {
            return st;
        }
        if (i > 1000) {
            fz_stop(ASK_LAW, "the plan does not come to its end");
        }
    }
}

/* The plan says what there will be, if all pages can be read that it keeps, also
 * those that only entries name which are not present. */
static void check_said(const struct ptw_rebuild_counts *said,
                       const struct ptw_rebuild_counts *is)
{
    const uint64_t two[][2] = {
        {said->spaces, is->spaces},
        {said->aliases, is->aliases},
        {said->leaves, is->leaves},
        {said->pages, is->pages},
        {said->large, is->large},
        {said->split, is->split},
        {said->shared_writable, is->shared_writable},
        {said->flags_differ, is->flags_differ},
        {said->merged, is->merged},
        {said->writable_selves, is->writable_selves},
        {said->page_bytes, is->page_bytes},
    };

    if (said->dropped[PTW_DROP_UNREADABLE] !=
            is->dropped[PTW_DROP_UNREADABLE] ||
        is->absent_unknown > 0) {
        return;
    }
    for (unsigned i = 0; i < sizeof two / sizeof two[0]; i++) {
        if (two[i][0] != two[i][1]) {
            fz_fail(ASK_FIGURES, "count %u is %llu in the plan, and then %llu",
                    i, HEX(two[i][0]), HEX(two[i][1]));
        }
    }
    if (is->tables > said->tables || is->bytes > said->bytes) {
        fz_fail(ASK_FIGURES,
                "the plan has %llu tables and %llu bytes, the image %llu and "
                "%llu",
                HEX(said->tables), HEX(said->bytes), HEX(is->tables),
                HEX(is->bytes));
    }
}

bool fc_make_image(struct fc_guest *g, const struct ptw_mem *mem,
                   const struct ptw_root *root,
                   const struct ptw_rebuild_options *o,
                   const struct fc_manner *how, struct ptw_rebuild *rb,
                   struct fc_image *m)
{
    const struct fz_case *w = g->w;
    bool stop;
    uint64_t planned;
    struct ptw_rebuild_counts said;
    enum ptw_status st = ptw_rebuild_init(rb, mem, root, w->roots, o);

    m->base = o->base.v;
    m->one_page = fc_page_bytes(g);
    m->tables = NULL;
    m->tables_of = NULL;
    m->extra_at = 0;
    m->lost = 0;
    check_beginning(g, rb, st);
    if (st != PTW_OK) {
        if (ptw_rebuild_plan(rb) != PTW_E_ARG) {
            fz_fail(ASK_STATUS, "a rebuild that did not begin has a plan");
        }
        return false;
    }
    if (ptw_rebuild_copy(rb, &page_sink, NULL) != PTW_E_ARG ||
        ptw_rebuild_tables(rb, mem, m->root) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "steps of a rebuild out of turn");
    }
    if (!how->changes && !how->of_image && w->thorough) {
        vary_options(g, mem, root);
    }
    st = plan(g, rb, how, &stop);
    if (st == PTW_E_ALIGN || st == PTW_E_BUS) {
        unsigned bad = ptw_rebuild_bad_root(rb);
        uint64_t pa = bad < w->roots ? root[bad].table.v : 0;
        const struct fz_half *half = fz_half_of(w, bad);
        uint64_t bytes =
            oracle_table_bytes(half->mode.format, half->levels - 1);

        if (bad >= w->roots ||
            st != (pa % bytes != 0 ? PTW_E_ALIGN : PTW_E_BUS) ||
            (st == PTW_E_BUS && fc_cover(g, pa, bytes) != PTW_COVER_NONE)) {
            fz_fail(ASK_STATUS, "the plan says of the root %llx: %s", HEX(pa),
                    ptw_status_text(st));
        }
    }
    if (stop || st != PTW_OK || rb->counts.pages > most_pages(g) ||
        rb->counts.tables > FC_TABLES) {
        return false;
    }
    planned = rb->work;
    said = rb->counts;
    m->planned = rb->counts.bytes;
    m->walked = ptw_walk_counts(&rb->state.walk).reads;
    m->reads = m->walked + rb->state.split_reads;
    if (how->changes) {
        fz_case_stir(g->w, g->w->restless / 16);
    }
    st = copy(g, rb, how, m, &stop);
    if (st != PTW_OK || stop || rb->counts.tables > FC_TABLES) {
        return false;
    }
    if (how->changes) {
        fz_case_stir(g->w, g->w->restless / 16);
    }
    st = tables(g, rb, o, how, m);
    if (ptw_walk_counts(&rb->state.walk).reads > m->reads) {
        m->reads =
            ptw_walk_counts(&rb->state.walk).reads + rb->state.split_reads;
    }
    if (st == PTW_OK && !how->changes) {
        check_said(&said, &rb->counts);
    }
    if (st == PTW_OK && !how->changes && !how->of_image) {
        check_work(MAKE, rb->work - planned,
                   2 * fc_lawful(g,
                                 ptw_walk_counts(&rb->state.walk).tables +
                                     rb->counts.tables,
                                 m->bytes));
    }
    if (st == PTW_OK) {
        return true;
    }
    if (!(how->changes && st == PTW_E_CHANGED) &&
        !(how->no_room && st == PTW_E_BUS) &&
        !(how->read_only && st == PTW_E_READONLY)) {
        fz_fail(ASK_STATUS, "the tables: %s", ptw_status_text(st));
    }
    return false;
}

/* ---------------------------------------------------------------- verifying */

enum ptw_status fc_compare_memory(struct fc_guest *g, const struct ptw_mem *mem,
                                  const struct ptw_root *root,
                                  const struct ptw_mem *now,
                                  const struct ptw_root *now_root,
                                  const struct ptw_verify_options *o,
                                  unsigned growth, struct ptw_certificate *c)
{
    struct ptw_verify *v = &fc_verify;
    enum ptw_status st =
        ptw_verify_init(v, mem, root, now, now_root, g->w->roots, o);

    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "a comparison is refused: %s", ptw_status_text(st));
    }
    for (unsigned i = 0;; i++) {
        st = ptw_verify_run(v);
        if (st != PTW_E_SPACE) {
            break;
        }
        if (i > 1000) {
            fz_stop(ASK_LAW, "a comparison does not come to its end");
        }
        if (!give(NULL, v, growth, FC_STORE)) {
            break;
        }
    }
    if (st != PTW_E_SPACE) {
        wants_none(NULL, v);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        fz_give_back(ptw_verify_storage(v, i));
    }
    if (st != PTW_OK && st != PTW_DIFFERENT && st != PTW_E_LIMIT &&
        st != PTW_E_SPACE) {
        fz_fail(ASK_STATUS, "a comparison says: %s", ptw_status_text(st));
    }
    if ((st == PTW_DIFFERENT) != (v->difference.kind != PTW_DIFFERS_NOT)) {
        fz_fail(ASK_STATUS, "a comparison says: %s, %s", ptw_status_text(st),
                ptw_difference_text(v->difference.kind));
    }
    if (st != PTW_E_SPACE && ptw_verify_run(v) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a comparison that is over goes on");
    }
    *c = v->certificate;
    return st;
}

enum ptw_status fc_compare(struct fc_guest *g, const struct ptw_mem *mem,
                           struct fc_image *m, uint64_t seed, unsigned growth,
                           struct ptw_certificate *c)
{
    struct ptw_verify_options o = ptw_verify_options_of(&g->o);
    struct ptw_region region[FC_IMAGE_REGIONS];
    struct ptw_mem now;
    enum ptw_status st;

    o.seed = seed;
    fc_image_memory(m, &now, region);
    st = fc_compare_memory(g, mem, g->root, &now, m->root, &o, growth, c);
    if (!g->changes) {
        uint64_t tables =
            ptw_walk_counts(&fc_verify.state.side[0].walk).tables +
            ptw_walk_counts(&fc_verify.state.side[1].walk).tables;

        check_work(COMPARE, fc_verify.work, 4 * fc_lawful(g, tables, m->bytes));
    }
    return st;
}

static void certified(const char *what, uint64_t is, uint64_t counted)
{
    if (is != counted) {
        fz_fail(ASK_VERIFY, "the certificate has %llu %s, the image %llu",
                HEX(is), what, HEX(counted));
    }
}

/* Whether a read inside memory can be refused. */
static bool may_refuse(const struct fz_case *w)
{
    bool refuses = w->holes > 0;

    for (unsigned i = 0; i < w->regions; i++) {
        refuses = refuses || !w->region[i].readable;
    }
    return refuses;
}

/* The certificate of an image that is right. */
void fc_check_certificate(const struct fc_guest *g, const struct fc_image *m,
                          const struct ptw_certificate *c)
{
    const struct ptw_rebuild_counts *k = &m->counts;
    const uint64_t *dropped = k->dropped;

    certified("spaces", c->spaces, k->spaces);
    certified("aliases", c->aliases, k->aliases);
    if (g->o.maps == 0 && k->split == 0) {
        certified("tables", c->tables, k->tables);
    }
    /* The image may have the rest of a large page that an absent entry
     * named. */
    if (!may_refuse(g->w) || k->absent_unknown == 0) {
        certified("pages", c->pages, k->pages + k->merged);
    }
    certified("entries kept", c->absent_kept, k->absent_kept);
    certified("entries cleared", c->absent_cleared, k->absent_cleared);
    certified("entries followed", c->absent_followed, k->absent_followed);
    certified("entries unknown", c->absent_unknown, k->absent_unknown);
    certified("leaves marked before", c->marked_before, k->marked_before);
    certified("pages in part", c->partial, 0);
    certified("dropped", c->dropped,
              dropped[PTW_DROP_OUTSIDE] + dropped[PTW_DROP_PARTIAL] +
                  dropped[PTW_DROP_UNREADABLE]);
    certified("outside", c->outside, 0);
    certified("bad", c->bad,
              dropped[PTW_DROP_BAD_ENTRY] + dropped[PTW_DROP_TABLE] +
                  dropped[PTW_DROP_SELF]);
}
