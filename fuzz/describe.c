/* SPDX-License-Identifier: Apache-2.0 */
/* An input in words: the memory, the roots and the walk. */
#include "check.h"

#include <inttypes.h>

static const char *const memory_name[] = {
    [FZ_CALLBACKS] = "served by callbacks",
    [FZ_BORROW] = "served by callbacks, pages can be borrowed",
    [FZ_DIRECT] = "host memory",
    [FZ_MIXED] = "host memory where regions are small, else callbacks",
};

static void put_rights(FILE *to, unsigned rights)
{
    fprintf(to, "%c%c%c%c", (rights & PTW_READ) != 0 ? 'r' : '-',
            (rights & PTW_WRITE) != 0 ? 'w' : '-',
            (rights & PTW_EXEC) != 0 ? 'x' : '-',
            (rights & PTW_USER) != 0 ? 'u' : '-');
}

static uint64_t entry_at(const struct fz_world *w, unsigned page, unsigned i)
{
    uint64_t raw = 0;

    for (unsigned b = 0; b < w->entry_bytes; b++) {
        raw |= (uint64_t)w->page[page][i * w->entry_bytes + b] << 8 * b;
    }
    return raw;
}

/* The entries of a page, equal neighbours together. */
static void put_page(FILE *to, const struct fz_world *w, unsigned page)
{
    fprintf(to, "page %" PRIx64 "000\n", w->frame[page]);
    for (unsigned i = 0; i < w->entries;) {
        uint64_t raw = entry_at(w, page, i);
        uint64_t step = i + 1 < w->entries ? entry_at(w, page, i + 1) - raw : 0;
        unsigned end = i + 1;

        while (end < w->entries &&
               entry_at(w, page, end) - entry_at(w, page, end - 1) == step) {
            end++;
        }
        if (end < i + 3) {
            end = i + 1;
        }
        if (raw == 0 && (end == i + 1 || step == 0)) {
            i = end;
            continue;
        }
        fprintf(to, "    %3u", i);
        if (end > i + 1) {
            fprintf(to, " to %3u", end - 1);
        } else {
            fprintf(to, "       ");
        }
        fprintf(to, "  %016" PRIx64, raw);
        if (end > i + 1 && step != 0) {
            fprintf(to, " + %" PRIx64 " each", step);
        }
        fputc('\n', to);
        i = end;
    }
}

static void put_item(FILE *to, const struct fz_world *w,
                     const struct ptw_item *item)
{
    static const char *const finding[] = {
        [PTW_FINDING_BAD_ENTRY] = "bad entry",
        [PTW_FINDING_REFUSED] = "refused",
        [PTW_FINDING_SELF] = "remark: on its own path",
        [PTW_FINDING_TWO_LEVELS] = "remark: at two levels",
        [PTW_FINDING_EXPOSED] = "exposed",
    };
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_finding *f = &item->u.finding;
    struct ptw_alias_ref ref;
    unsigned level;

    if (item->kind != PTW_ITEM_SPACE) {
        fprintf(to, "%016" PRIx64 "-%016" PRIx64 "  ", item->first.v,
                item->last.v);
    }
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        fprintf(to, "space %u, root %" PRIx64, (unsigned)item->space,
                item->u.space_info.root.v);
        if (item->u.space_info.kind == PTW_SPACE_SAME) {
            fprintf(to, ": same as space %u",
                    (unsigned)item->u.space_info.same_as);
        } else if (item->u.space_info.kind == PTW_SPACE_BAD) {
            fprintf(to, ": %s", ptw_status_text(item->u.space_info.why));
        }
        break;
    case PTW_ITEM_TABLE:
        fprintf(to, "%s %" PRIx64 " ",
                ptw_level_name(&w->regime, item->u.table.level),
                item->u.table.table.v);
        put_rights(to, item->u.table.rights);
        break;
    case PTW_ITEM_MAPPING:
        fprintf(to, "%016" PRIx64 " ", m->pa.v);
        put_rights(to, m->rights);
        fprintf(to, "  %016" PRIx64 " (%s)", m->raw,
                ptw_level_name(&w->regime, m->level));
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(&w->regime, item, &level);
        fprintf(to, "alias of the %s %" PRIx64 ", space %u at %016" PRIx64 " ",
                ptw_level_name(&w->regime, level), ref.table.v,
                (unsigned)ref.owner, ref.their_va.v);
        put_rights(to, ref.rights);
        break;
    case PTW_ITEM_HOLE:
        fprintf(to, item->u.hole.canonical ? "hole (%s)" : "not canonical",
                ptw_level_name(&w->regime, item->u.hole.level));
        break;
    case PTW_ITEM_FINDING:
        fprintf(to, "%s: %s %" PRIx64 ", entry %" PRIx64,
                f->kind == PTW_FINDING_SELF && fz_covers(item)
                    ? "leads to its own table"
                    : finding[f->kind],
                ptw_level_name(&w->regime, f->level), f->table.v, f->raw);
        break;
    }
    fputc('\n', to);
}

void fz_describe(FILE *to, enum oracle_arch arch, const uint8_t *data,
                 size_t len)
{
    static struct fz_world w;
    static struct ptw_walk walk;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_item item;
    struct ptw_mem mem;
    struct ptw_memo memo;
    struct ptw_walk_options o;
    ptw_pa root[FZ_ROOTS];
    enum ptw_status st;
    size_t items;

    fz_world_read(&w, arch, data, len);
    fprintf(to, "%s, %u bits of physical address%s%s%s%s\n",
            ptw_regime_name(&w.regime), w.mode.pa_bits, w.mode.nx ? ", NX" : "",
            w.mode.pse ? ", PSE" : "", w.mode.page1g ? ", 1 GiB pages" : "",
            w.wp ? ", WP" : "");
    fprintf(to, "memory: %s\n", memory_name[w.memory]);
    for (unsigned i = 0; i < w.regions; i++) {
        fprintf(to, "    %016" PRIx64 "-%016" PRIx64 "%s\n", w.region[i].first,
                w.region[i].last,
                w.region[i].readable ? "" : ", refuses every read");
    }
    for (unsigned i = 0; i < w.pages; i++) {
        put_page(to, &w, i);
    }
    fprintf(to, "range: %016" PRIx64 "-%016" PRIx64 "\n", w.first, w.last);
    fprintf(to,
            "limits: %" PRIu64 " reads, %" PRIu64 " items, room for %zu; "
            "needs %x\n",
            w.read_step, w.item_step, w.room, w.need);
    for (unsigned i = 0; i < w.outs; i++) {
        fprintf(to, "leaves out: %016" PRIx64 "-%016" PRIx64 "\n",
                w.out[i].first, w.out[i].last);
    }
    if (w.self) {
        fprintf(to, "references of tables to themselves are kept whole\n");
    }
    for (unsigned i = 0; i < w.vas; i++) {
        fprintf(to, "asks about: %016" PRIx64 "\n", w.va[i]);
    }
    for (unsigned i = 0; i < w.roots; i++) {
        root[i].v = w.root[i];
    }
    fz_world_memory(&w, w.memory, &mem, region);
    o = fz_options(&w, PTW_WALK_HOLES | PTW_WALK_REMARKS | PTW_WALK_RUNS);
    o.max_items = FZ_ITEMS;
    fz_memo_init(&memo, w.seed);
    st = ptw_walk_va_spaces_init(&walk, &w.regime, &mem, root, w.roots, &memo,
                                 &o);
    while (st == PTW_OK || st == PTW_E_SPACE) {
        st = ptw_walk_next(&walk, &item, 1, &items);
        if (items > 0) {
            put_item(to, &w, &item);
        }
        if (st == PTW_E_SPACE) {
            fz_memo_grow(&memo);
        }
    }
    fprintf(to, "the walk ends: %s; %" PRIu64 " reads, %" PRIu64 " tables\n",
            ptw_status_text(st), ptw_walk_counts(&walk).reads,
            ptw_walk_counts(&walk).tables);
    fflush(to);
    fz_world_done(&w);
}
