/* SPDX-License-Identifier: Apache-2.0 */
/* An input in words: the memory, the roots and the walk. */
#include "check.h"
#include "halves.h"

#include <inttypes.h>
#include <stdarg.h>

FILE *fz_words;

void fz_say(const char *format, ...)
{
    va_list args;

    if (fz_words == NULL) {
        return;
    }
    va_start(args, format);
    vfprintf(fz_words, format, args);
    va_end(args);
    fflush(fz_words);
}

static const char *const memory_name[] = {
    [FZ_CALLBACKS] = "served by callbacks",
    [FZ_BORROW] = "served by callbacks, pages can be borrowed",
    [FZ_DIRECT] = "host memory",
    [FZ_MIXED] = "host memory where regions are small, else callbacks",
};

void fz_say_rights(unsigned rights)
{
    fz_say("%c%c%c%c", (rights & PTW_READ) != 0 ? 'r' : '-',
           (rights & PTW_WRITE) != 0 ? 'w' : '-',
           (rights & PTW_EXEC) != 0 ? 'x' : '-',
           (rights & PTW_USER) != 0 ? 'u' : '-');
}

static uint64_t entry_at(const struct fz_case *w, unsigned page, unsigned i)
{
    uint64_t raw = 0;

    for (unsigned b = 0; b < w->entry_bytes; b++) {
        raw |= (uint64_t)w->page[page][i * w->entry_bytes + b] << 8 * b;
    }
    return raw;
}

/* The entries of a page, equal neighbours together. */
static void say_page(const struct fz_case *w, unsigned page)
{
    fz_say("page %" PRIx64 "\n", w->frame[page] * w->unit);
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
        fz_say("    %3u", i);
        if (end > i + 1) {
            fz_say(" to %3u", end - 1);
        } else {
            fz_say("       ");
        }
        fz_say("  %016" PRIx64, raw);
        if (end > i + 1 && step != 0) {
            fz_say(" + %" PRIx64 " each", step);
        }
        fz_say("\n");
        i = end;
    }
}

void fz_say_item(const struct ptw_regime *r, const struct ptw_item *item)
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
        fz_say("%016" PRIx64 "-%016" PRIx64 "  ", item->first.v, item->last.v);
    }
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        fz_say("space %u, root %" PRIx64, (unsigned)item->space,
               item->u.space_info.root.table.v);
        if (ptw_is_aarch64(r)) {
            fz_say(" of %s%s", ptw_regime_name(r),
                   (ptw_features_of(r) & PTW_AARCH64_HPD) != 0 ? " with HPD"
                                                               : "");
        }
        if (item->u.space_info.met_below) {
            fz_say(", which is a table below an earlier root");
        }
        if (item->u.space_info.kind == PTW_SPACE_SAME) {
            fz_say(": same as space %u", (unsigned)item->u.space_info.same_as);
        } else if (item->u.space_info.kind == PTW_SPACE_BAD) {
            fz_say(": %s", ptw_status_text(item->u.space_info.why));
        }
        break;
    case PTW_ITEM_TABLE:
        fz_say("%s %" PRIx64 " ", ptw_level_name(r, item->u.table.level),
               item->u.table.table.v);
        fz_say_rights(item->u.table.rights);
        break;
    case PTW_ITEM_MAPPING:
        fz_say("%016" PRIx64 " ", m->pa.v);
        fz_say_rights(m->rights);
        fz_say("  %016" PRIx64 " (%s)", m->raw, ptw_level_name(r, m->level));
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(r, item, &level);
        fz_say("alias of the %s %" PRIx64 ", space %u at %016" PRIx64 " ",
               ptw_level_name(r, level), ref.table.v, (unsigned)ref.owner,
               ref.their_va.v);
        fz_say_rights(ref.rights);
        break;
    case PTW_ITEM_HOLE:
        fz_say(item->u.hole.canonical ? "hole (%s)" : "not canonical",
               ptw_level_name(r, item->u.hole.level));
        break;
    case PTW_ITEM_FINDING:
        fz_say("%s: %s %" PRIx64 ", entry %" PRIx64,
               f->kind == PTW_FINDING_SELF && fz_covers(item)
                   ? "leads to its own table"
                   : finding[f->kind],
               ptw_level_name(r, f->level), f->table.v, f->raw);
        break;
    case PTW_ITEM_LINE: /* no walk that is described gives lines */
        break;
    }
    fz_say("\n");
}

void fz_say_case(const struct fz_case *w, const char *memory)
{
    fz_say("%s, %u bits of physical address%s%s%s%s%s%s%s\n",
           ptw_regime_name(&w->regime), w->mode.pa_bits,
           w->mode.nx ? ", NX" : "", w->mode.pse ? ", PSE" : "",
           w->mode.page1g ? ", 1 GiB pages" : "", w->mode.wp ? ", WP" : "",
           w->mode.svnapot ? ", Svnapot" : "", w->mode.svpbmt ? ", Svpbmt" : "",
           w->mode.cet || w->mode.zicfiss ? ", shadow stacks" : "");
    if (w->mode.flag_bits != 0 || w->mode.amd) {
        fz_say("flag bits %" PRIx64 "%s\n", w->mode.flag_bits,
               w->mode.amd ? ", AMD" : "");
    }
    fz_say("memory: %s\n", memory != NULL ? memory : memory_name[w->memory]);
    for (unsigned i = 0; i < w->regions; i++) {
        fz_say("    %016" PRIx64 "-%016" PRIx64 "%s\n", w->region[i].first,
               w->region[i].last,
               w->region[i].readable ? "" : ", refuses every read");
    }
    for (unsigned i = 0; i < w->holes; i++) {
        fz_say("    refuses to read %" PRIx64 "-%" PRIx64 "\n",
               w->hole[i].first, w->hole[i].last);
    }
    for (unsigned i = 0; i < w->pages; i++) {
        say_page(w, i);
    }
}

/* The walk, up to where it stops. */
void fz_say_walk(const struct fz_case *w, const struct ptw_mem *mem,
                 const struct ptw_root *root, unsigned roots,
                 const struct ptw_walk_options *o, uint64_t seed)
{
    static struct ptw_walk walk;
    struct ptw_item item;
    struct ptw_memo memo;
    enum ptw_status st;
    size_t items;

    if (fz_words == NULL) {
        return;
    }
    fz_memo_init(w, &memo, seed);
    st = ptw_walk_va_spaces_init(&walk, mem, root, roots, &memo, o);
    while (st == PTW_OK || st == PTW_E_SPACE) {
        st = ptw_walk_next(&walk, &item, 1, &items);
        if (items > 0) {
            fz_say_item(root[item.space].regime, &item);
        }
        if (st == PTW_E_SPACE) {
            fz_memo_grow(w, &memo);
        }
    }
    fz_say("the walk ends: %s; %" PRIu64 " reads, %" PRIu64 " tables\n",
           ptw_status_text(st), ptw_walk_counts(&walk).reads,
           ptw_walk_counts(&walk).tables);
}

void fz_describe(FILE *to, bool tables, const uint8_t *data, size_t len)
{
    static struct fz_case w;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_walk_options o;
    struct ptw_root root[FZ_ROOTS];

    fz_words = to;
    fz_case_read(&w, tables, data, len);
    fz_say_case(&w, NULL);
    fz_say("range: %016" PRIx64 "-%016" PRIx64 "\n", w.first, w.last);
    fz_say("limits: %" PRIu64 " reads, %" PRIu64 " items, room for %zu; "
           "needs %x\n",
           w.read_step, w.item_step, w.room, w.need);
    for (unsigned i = 0; i < w.outs; i++) {
        fz_say("leaves out: %016" PRIx64 "-%016" PRIx64 "\n", w.out[i].first,
               w.out[i].last);
    }
    if (w.self) {
        fz_say("references of tables to themselves are kept whole\n");
    }
    if (w.by_rights) {
        fz_say("a table is entered again by a path that grants something "
               "else\n");
    }
    for (unsigned i = 0; i < w.vas; i++) {
        fz_say("asks about: %016" PRIx64 "\n", w.va[i]);
    }
    if (fz_target.run != fz_shifting) {
        fz_halves(&w);
    }
    for (unsigned i = 0; i < w.roots; i++) {
        root[i] = fz_root(&w, i);
    }
    fz_case_memory(&w, w.memory, &mem, region);
    o = fz_options(&w, PTW_WALK_HOLES | PTW_WALK_REMARKS | PTW_WALK_RUNS);
    o.max_items = FZ_ITEMS;
    fz_say_walk(&w, &mem, root, w.roots, &o, w.seed);
    fz_case_done(&w);
    fz_words = NULL;
}
