/* SPDX-License-Identifier: Apache-2.0 */
#include "refusals.h"

#include "ptwalk/edit.h"

#include <string.h>

/* Nothing of the input is looked at by these. */
static struct ptw_walk walk;
static struct ptw_rebuild rebuild;
static struct ptw_verify verify;
static struct ptw_exposed exposed;
static _Alignas(8) unsigned char store[2][24 << 8];

/* A walk of one space, or of all, begins with that. */
static enum ptw_status begin(struct fz_case *w, const struct ptw_mem *mem,
                             const struct ptw_walk_options *o, bool spaces)
{
    struct ptw_root root = ptw_root_of(&w->regime, ptw_pa_of(w->root[0]));
    struct ptw_memo memo;

    fz_must(ptw_memo_init(&memo, store[0], sizeof store[0], w->seed), "a memo");
    return spaces ? ptw_walk_va_spaces_init(&walk, mem, &root, 1, &memo, o)
                  : ptw_virt_to_phys_init(&walk, mem, root, o);
}

/* Flags that exclude each other, and ranges that are none. */
static void refuses_options(struct fz_case *w, const struct ptw_mem *mem,
                            bool spaces)
{
    static const unsigned not_both[][2] = {
        {PTW_WALK_RUNS, PTW_WALK_LINES},
        {PTW_WALK_OUTLINE, PTW_WALK_TABLES},
    };
    struct ptw_va_range wrong[FZ_OUTS];
    struct ptw_walk_options o = fz_options(w, 0);
    unsigned pick;

    for (unsigned i = 0; i < 2; i++) {
        o = fz_options(w, 0);
        o.flags |= not_both[i][0] | not_both[i][1];
        if (begin(w, mem, &o, spaces) != PTW_E_ARG) {
            fz_fail(ASK_STATUS, "a walk has the flags %x", o.flags);
        }
    }
    o = fz_options(w, 0);
    if (!spaces && w->last < UINT64_MAX) {
        struct ptw_va_range more = {o.first, {w->last + 1}};

        if (begin(w, mem, &o, false) == PTW_OK &&
            ptw_walk_part(&walk, more) != PTW_E_RANGE) {
            fz_fail(ASK_STATUS, "a part ends behind its walk");
        }
    }
    if (w->first < w->last) {
        o.first.v = w->last;
        o.last.v = w->last - 1;
        if (begin(w, mem, &o, spaces) != PTW_E_RANGE) {
            fz_fail(ASK_STATUS, "a walk ends before it starts");
        }
    }
    if (w->outs == 0) {
        return;
    }
    pick = (unsigned)(w->seed >> 44) % w->outs;
    o = fz_options(w, 0);
    o.flags |= PTW_WALK_HOLES;
    if (begin(w, mem, &o, spaces) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "holes are given, and ranges left out");
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
    if (begin(w, mem, &o, spaces) != PTW_E_RANGE) {
        fz_fail(ASK_STATUS, "ranges that do not ascend are left out");
    }
}

/* What the regimes of two roots of one memory may not differ in: walk.h. */
static const char *const apart[] = {"width", "flag bits", "permissions",
                                    "processors", "features"};

enum { WAYS = sizeof apart / sizeof apart[0] };

/* Makes a regime another one, in that. */
static void make_other(const struct fz_case *w, struct ptw_regime *r,
                       unsigned way)
{
    /* The two halves of an address space of aarch64 have these of their own. */
    const unsigned of_half = PTW_AARCH64_HPD | PTW_AARCH64_E0PD |
                             PTW_AARCH64_TBI | PTW_AARCH64_TBID |
                             PTW_AARCH64_MTX;
    uint64_t random = w->seed ^ w->root[0] ^ w->first;
    unsigned bit = (unsigned)(fz_random(&random) >> 8 & 63);

    switch (way) {
    case 0:
        r->pa_bits += 1;
        break;
    case 1:
        r->flag_bits ^= (uint64_t)1 << bit;
        break;
    case 2:
        r->kept[bit & 1] ^= (uint64_t)1 << bit;
        break;
    case 3:
        r->facts ^= 1u << (bit & 7);
        break;
    default:
        while ((of_half >> (bit & 31) & 1) != 0) {
            bit++;
        }
        r->features ^= 1u << (bit & 31);
        break;
    }
}

/* Spaces whose regimes do not agree. */
static void refuses_roots(struct fz_case *w, const struct ptw_mem *mem,
                          unsigned way)
{
    struct ptw_regime other = w->regime;
    struct ptw_root root[2] = {ptw_root_of(&w->regime, ptw_pa_of(w->root[0])),
                               ptw_root_of(&other, ptw_pa_of(w->root[0]))};
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_rebuild_options ro = {.last = {UINT64_MAX}};
    struct ptw_verify_options vo = {.last = {UINT64_MAX}};
    struct ptw_shares shares;
    struct ptw_memo memo;

    make_other(w, &other, way);
    for (uint32_t roots = 0; roots <= 2; roots += 2) {
        fz_must(ptw_memo_init(&memo, store[0], sizeof store[0], w->seed),
                "a memo");
        fz_must(ptw_shares_init(&shares, store[1], sizeof store[1], w->seed),
                "shares");
        if (ptw_walk_va_spaces_init(&walk, mem, root, roots, &memo, &o) !=
                PTW_E_ARG ||
            ptw_exposed_init(&exposed, mem, root, roots, &memo, NULL, 0, &o) !=
                PTW_E_ARG ||
            ptw_shares_scan(&shares, mem, root, roots, &memo, 0) != PTW_E_ARG ||
            ptw_rebuild_init(&rebuild, mem, root, roots, &ro) != PTW_E_ARG ||
            ptw_verify_init(&verify, mem, root, mem, root, roots, &vo) !=
                PTW_E_ARG) {
            fz_fail(ASK_STATUS, "there are %u roots of different %s",
                    (unsigned)roots, apart[way]);
        }
        if (ptw_rebuild_plan(&rebuild) != PTW_E_ARG ||
            ptw_verify_run(&verify) != PTW_E_ARG) {
            fz_fail(ASK_STATUS, "what was refused is planned, or compared");
        }
    }
}

/* Roots of no regime, and more of them than there can be: nothing is read. */
static void refuses_no_roots(struct fz_case *w, const struct ptw_mem *mem)
{
    struct ptw_root none = {NULL, {0}};
    struct ptw_root root = ptw_root_of(&w->regime, ptw_pa_of(w->root[0]));
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_memo memo;

    fz_must(ptw_memo_init(&memo, store[0], sizeof store[0], w->seed), "a memo");
    if (ptw_walk_va_spaces_init(&walk, mem, &none, 1, &memo, &o) != PTW_E_ARG ||
        ptw_walk_va_spaces_init(&walk, mem, &root, UINT32_MAX, &memo, &o) !=
            PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a root has no regime, or there are too many");
    }
}

/* A comparison of a space with one of another regime. */
static void refuses_pair(const struct fz_case *w, const struct ptw_mem *mem,
                         const struct ptw_regime *other, const char *what)
{
    struct ptw_root old = ptw_root_of(&w->regime, ptw_pa_of(w->root[0]));
    struct ptw_root now = ptw_root_of(other, ptw_pa_of(w->root[0]));
    struct ptw_verify_options o = {.last = {UINT64_MAX}};

    if (ptw_verify_init(&verify, mem, &old, mem, &now, 1, &o) != PTW_E_ARG ||
        ptw_verify_init(&verify, mem, &now, mem, &old, 1, &o) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "spaces of different %s are compared", what);
    }
    if (ptw_verify_run(&verify) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a comparison that was refused is made");
    }
}

/* The same, where regimes differ in what those of two roots may differ in. */
static void refuses_other_halves(struct fz_case *w, const struct ptw_mem *mem)
{
    static const unsigned of_half[] = {PTW_AARCH64_HPD, PTW_AARCH64_E0PD,
                                       PTW_AARCH64_TBI, PTW_AARCH64_TBID};
    struct ptw_regime other = w->regime;

    for (unsigned i = 0; i < sizeof of_half / sizeof of_half[0]; i++) {
        other.features = w->regime.features ^ of_half[i];
        refuses_pair(w, mem, &other, "features of a half");
    }
    other = w->regime;
    other.extension =
        other.extension == PTW_EXTEND_ONES ? PTW_EXTEND_ZEROS : PTW_EXTEND_ONES;
    refuses_pair(w, mem, &other, "halves");
    other = w->regime;
    other.va_bits++;
    refuses_pair(w, mem, &other, "sizes");
    other = w->regime;
    other.top++;
    refuses_pair(w, mem, &other, "levels");
    other = w->regime;
    other.top_bits++;
    refuses_pair(w, mem, &other, "roots");
}

/* No table is edited, shared, rebuilt or compared where there are none. */
static void edits_bare(const struct ptw_regime *r, const struct ptw_mem *mem)
{
    struct ptw_tables t = {.mem = mem, .root = ptw_root_of(r, ptw_pa_of(0))};
    struct ptw_movable_tables movable = {.tables = t};
    struct ptw_map_request map = {.rights = PTW_READ};
    struct ptw_range_request range = {.rights = PTW_READ};
    struct ptw_page page = {.va = {0}, .pa = {0}};
    struct ptw_map_many_request many = {
        .page = &page, .pages = 1, .rights = PTW_READ};
    struct ptw_link_request link = {
        .owner = t.root, .level = ptw_alias_level_of(r, 0), .rights = PTW_READ};
    struct ptw_built built = {t.root, true};
    struct ptw_item item = {.kind = PTW_ITEM_MAPPING};
    size_t refused = 1;

    if (ptw_map(&t, &map) != PTW_E_REGIME ||
        ptw_map_movable(&movable, &map) != PTW_E_REGIME ||
        ptw_unmap(&t, &range) != PTW_E_REGIME ||
        ptw_unmap_movable(&movable, &range) != PTW_E_REGIME ||
        ptw_protect(&t, &range) != PTW_E_REGIME ||
        ptw_protect_movable(&movable, &range) != PTW_E_REGIME ||
        ptw_map_many(&t, &many, &refused) != PTW_E_REGIME ||
        ptw_map_many_movable(&movable, &many, &refused) != PTW_E_REGIME ||
        ptw_link(&t, &link) != PTW_E_REGIME ||
        ptw_link_movable(&movable, &link) != PTW_E_REGIME ||
        ptw_space_aware_map(&t, &item, &built, 1, 0) != PTW_E_REGIME ||
        ptw_item_place(r, &item, ptw_pa_of(0), PTW_PLACE_AS_IT_IS, 0) !=
            PTW_E_REGIME) {
        fz_fail(ASK_STATUS, "there are no tables, and one is edited");
    }
}

void fz_refuses_bare(const struct ptw_regime *r)
{
    static _Alignas(FZ_PAGE) unsigned char bytes[FZ_PAGE];
    struct ptw_region region = {{0}, {FZ_PAGE - 1}, bytes, true};
    /* A table would be counted twice. */
    struct ptw_root root[] = {ptw_root_of(r, ptw_pa_of(0)),
                              ptw_root_of(r, ptw_pa_of(0))};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_rebuild_options ro = {.last = {UINT64_MAX}};
    struct ptw_verify_options vo = {.last = {UINT64_MAX}};
    struct ptw_item table = {.kind = PTW_ITEM_TABLE};
    struct ptw_attributes none = {0};
    struct ptw_attributes is = ptw_attributes_of(r, 0, UINT64_MAX);
    struct ptw_shares shares;
    struct ptw_memo memo;
    struct ptw_mem mem;

    fz_must(ptw_mem_init_regions(&mem, &region, 1), "memory");
    fz_must(ptw_memo_init(&memo, store[0], sizeof store[0], 1), "a memo");
    fz_must(ptw_shares_init(&shares, store[1], sizeof store[1], 1), "shares");
    edits_bare(r, &mem);
    if (ptw_rebuild_init(&rebuild, &mem, root, 2, &ro) != PTW_E_REGIME ||
        ptw_verify_init(&verify, &mem, root, &mem, root, 2, &vo) !=
            PTW_E_REGIME ||
        ptw_expand_init(&walk, r, &mem, &table, &o) != PTW_E_ARG ||
        ptw_shares_scan(&shares, &mem, root, 2, &memo, 0) != PTW_OK ||
        ptw_shares_of(&shares, root[0].table) != 1) {
        fz_fail(ASK_STATUS, "there are no tables, and one is used");
    }
    if (is.memory_type != none.memory_type || is.key != none.key ||
        is.flag_bits != 0 || is.global || is.accessed || is.dirty ||
        is.copy_on_write || ptw_is_copy_on_write(r, 0, UINT64_MAX) ||
        ptw_right_text(r, PTW_WRITE) != NULL) {
        fz_fail(ASK_ENTRIES, "there are no tables, and an entry has parts");
    }
}

/* A set of tables of another size, of the same memory. */
static void refuses_other_tables(struct fz_case *w, struct ptw_mem *mem,
                                 void *room, size_t bytes)
{
    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_remembered tables;
    struct ptw_regime other;

    fz_must(ptw_regime_by_name("aarch64-64k-48", NULL, 0, &other, NULL),
            "a regime");
    if (ptw_remembered_bytes(&other, 1) ==
        ptw_remembered_bytes(&w->regime, 1)) {
        return;
    }
    fz_must(ptw_remembered_init(&tables, &other, mem, room, bytes), "tables");
    fz_must(begin(w, mem, &o, true), "a walk");
    if (ptw_walk_remember(&walk, &tables) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a walk remembers tables of another size");
    }
}

/* Storage that has another alignment, that is none, or that is too small. */
static void refuses_storage(const struct fz_case *w, const struct ptw_mem *mem,
                            unsigned char *room, size_t bytes)
{
    size_t most = sizeof store[0] - 8;
    struct ptw_memo memo;
    struct ptw_shares shares;
    struct ptw_remembered tables;

    for (unsigned off = 1; off < 8; off++) {
        if (ptw_memo_init(&memo, store[0] + off, most, 0) != PTW_E_ALIGN ||
            ptw_shares_init(&shares, store[0] + off, most, 0) != PTW_E_ALIGN ||
            ptw_remembered_init(&tables, &w->regime, mem, room + off,
                                bytes - 8) != PTW_E_ALIGN) {
            fz_fail(ASK_STORAGE, "storage begins %u bytes too late", off);
        }
    }
    if (ptw_memo_init(&memo, NULL, most, 0) != PTW_E_SPACE ||
        ptw_shares_init(&shares, NULL, most, 0) != PTW_E_SPACE ||
        ptw_remembered_init(&tables, &w->regime, mem, NULL, bytes) !=
            PTW_E_SPACE ||
        ptw_memo_init(&memo, store[0], 7, 0) != PTW_E_SPACE ||
        ptw_shares_init(&shares, store[0], 7, 0) != PTW_E_SPACE ||
        ptw_remembered_init(&tables, &w->regime, mem, room, 7) != PTW_E_SPACE) {
        fz_fail(ASK_STORAGE, "storage is none, or too small");
    }
}

/* A walk that begins below a table, or an alias, that can't be. */
static void refuses_expansion(struct fz_case *w, const struct ptw_mem *mem)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk_options none = ptw_walk_everything();
    struct ptw_item table = {.kind = PTW_ITEM_TABLE, .last = {UINT64_MAX}};
    uint64_t nowhere = w->root[0];

    table.u.table.level = (uint8_t)(w->levels - 1);
    if (ptw_expand_init(&walk, &w->regime, mem, &table, &o) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a table of the level of the roots is below them");
    }
    table.u.table.level = 0;
    none.flags = PTW_WALK_RUNS | PTW_WALK_LINES;
    if (w->levels > 1 &&
        ptw_expand_init(&walk, &w->regime, mem, &table, &none) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "an expansion has flags that exclude each other");
    }
    /* The highest table that there can be. */
    nowhere = ((uint64_t)1 << oracle_pa_bits(&w->mode)) - FZ_MOST_UNIT;
    table.u.table.table.v = nowhere;
    if (w->levels > 1 &&
        ptw_mem_cover(mem, ptw_pa_of(nowhere), FZ_MOST_UNIT) ==
            PTW_COVER_NONE &&
        ptw_expand_init(&walk, &w->regime, mem, &table, &o) != PTW_E_BUS) {
        fz_fail(ASK_STATUS, "a table outside of memory is walked");
    }
}

/* A walk of one space has no cuts where there is no room for one. */
static void refuses_cuts(struct fz_case *w, const struct ptw_mem *mem)
{
    struct ptw_walk_options o = fz_options(w, 0);
    size_t cuts = 1;
    ptw_va cut;

    if (begin(w, mem, &o, false) == PTW_OK &&
        (ptw_walk_cuts(&walk, &cut, 0, &cuts) != PTW_OK || cuts != 0)) {
        fz_fail(ASK_STATUS, "there are %zu cuts where there is no room", cuts);
    }
}

/* What remembers is for memory that stands still. */
static void refuses_live(struct fz_case *w, const struct ptw_mem *mem,
                         void *room, size_t bytes)
{
    struct ptw_root root = ptw_root_of(&w->regime, ptw_pa_of(w->root[0]));
    struct ptw_walk_options o = fz_options(w, 0);
    enum ptw_status st = fz_root_status(w, w->root[0]);
    struct ptw_mem live = *mem;
    struct ptw_remembered tables;
    struct ptw_trail trail;

    ptw_mem_set_stopped(&live, false);
    if (ptw_trail_init(&trail, &live, root) != PTW_E_ARG ||
        ptw_remembered_init(&tables, &w->regime, &live, room, bytes) !=
            PTW_E_ARG) {
        fz_fail(ASK_STATUS, "what does not stand still is remembered");
    }
    ptw_mem_set_stopped(&live, true);
    if (ptw_trail_init(&trail, &live, root) !=
        (st == PTW_E_BUS ? PTW_OK : st)) {
        fz_fail(ASK_STATUS, "a trail begins at another root");
    }
    fz_must(ptw_remembered_init(&tables, &w->regime, &live, room, bytes),
            "tables");
    ptw_mem_set_stopped(&live, false);
    fz_must(begin(w, &live, &o, true), "a walk");
    if (ptw_walk_remember(&walk, &tables) != PTW_E_ARG ||
        ptw_walk_remember(&walk, NULL) != PTW_OK) {
        fz_fail(ASK_STATUS, "a walk remembers tables of memory that goes on");
    }
}

/* What no storage is enough for. */
static void refuses_sizes(const struct fz_case *w)
{
    if (ptw_memo_bytes(SIZE_MAX) != SIZE_MAX ||
        ptw_remembered_bytes(&w->regime, SIZE_MAX) != SIZE_MAX) {
        fz_fail(ASK_STORAGE, "there is storage for all tables that there are");
    }
}

/* What can't be done with a walk over spaces, or with any. */
static void refuses_misuse(struct fz_case *w, const struct ptw_mem *mem)
{
    static _Alignas(FZ_PAGE) unsigned char bytes[FZ_PAGE];
    static _Alignas(8) unsigned char room[2 * FZ_MOST_UNIT];

    struct ptw_walk_options o = fz_options(w, 0);
    struct ptw_region region = {{0}, {FZ_PAGE - 1}, bytes, false};
    struct ptw_remembered tables;
    struct ptw_mem elsewhere;
    struct ptw_item item = {0};
    size_t items = 1;
    size_t cuts = 1;
    ptw_va cut;

    fz_must(begin(w, mem, &o, true), "a walk");
    if (ptw_walk_part(&walk, (struct ptw_va_range){o.first, o.last}) !=
            PTW_E_ARG ||
        ptw_walk_cuts(&walk, &cut, 1, &cuts) != PTW_E_ARG || cuts != 0) {
        fz_fail(ASK_STATUS, "a walk over spaces is cut");
    }
    if (ptw_walk_next(&walk, &item, 0, &items) != PTW_E_ARG || items != 0) {
        fz_fail(ASK_STATUS, "a walk has %zu items where there is no room",
                items);
    }
    item.kind = PTW_ITEM_HOLE;
    if (ptw_expand_init(&walk, &w->regime, mem, &item, &o) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a hole stands for a table");
    }
    fz_must(ptw_mem_init_regions(&elsewhere, &region, 1), "memory");
    ptw_mem_set_stopped(&elsewhere, true);
    refuses_storage(w, &elsewhere, room, sizeof room);
    if (ptw_remembered_init(&tables, &w->regime, &elsewhere, room,
                            sizeof room) != PTW_OK) {
        return;
    }
    fz_must(begin(w, mem, &o, true), "a walk");
    if (ptw_walk_remember(&walk, &tables) != PTW_E_ARG) {
        fz_fail(ASK_STATUS, "a walk remembers tables of other memory");
    }
    refuses_other_tables(w, &elsewhere, room, sizeof room);
    refuses_expansion(w, mem);
    refuses_cuts(w, mem);
    refuses_live(w, mem, room, sizeof room);
    refuses_sizes(w);
}

void fz_refuses_joins(const struct fz_case *w, const struct ptw_item *item,
                      size_t items)
{
    enum { MOST = 64 };

    for (size_t i = 0; i + 1 < items && i < MOST; i++) {
        struct ptw_item one = item[i];
        struct ptw_item next = item[i + 1];

        next.space = one.space + 1;
        if (ptw_items_join(&w->regime, PTW_WALK_RUNS | PTW_WALK_HOLES, &one,
                           &next) ||
            one.kind != item[i].kind || one.space != item[i].space ||
            one.first.v != item[i].first.v || one.last.v != item[i].last.v) {
            fz_fail(ASK_STATUS, "items of two spaces are joined, at %llx",
                    (unsigned long long)one.first.v);
        }
    }
}

void fz_refuses_walks(struct fz_case *w, const struct ptw_mem *mem)
{
    for (unsigned way = 0; way < WAYS; way++) {
        struct ptw_regime other = w->regime;

        refuses_roots(w, mem, way);
        make_other(w, &other, way);
        refuses_pair(w, mem, &other, apart[way]);
    }
    refuses_no_roots(w, mem);
    refuses_other_halves(w, mem);
    refuses_misuse(w, mem);
    refuses_options(w, mem, true);
    if (fz_root_status(w, w->root[0]) == PTW_OK) {
        refuses_options(w, mem, false);
    }
}
