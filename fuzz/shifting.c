/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that changes while it is walked.  No oracle can say what such memory
 * means.  What is left are the promises that do not depend on it. */
#include "walks.h"

#define HEX(v) ((unsigned long long)(v))

static struct fz_case described;

struct shifting {
    struct fz_case *w;
    struct ptw_walk *walk;
    struct ptw_memo *memo;
    bool holes;
    unsigned need;    /* rights that every leaf grants */
    uint64_t covered; /* the first address that no item has covered */
    bool done;
    bool any;
};

static void shifting_item(struct shifting *s, const struct ptw_item *item)
{
    fz_check_item(s->w, item);
    if (item->kind == PTW_ITEM_MAPPING &&
        (item->u.mapping.rights & s->need) != s->need) {
        fz_fail(
            ASK_CHANGING,
            "changing memory: a walk that needs rights %x has a leaf at %llx",
            s->need, HEX(item->first.v));
    }
    if (item->kind == PTW_ITEM_SPACE) {
        s->any = false;
        return;
    }
    if (!fz_covers(item)) {
        return;
    }
    if (s->any && (item->first.v < s->covered || s->done ||
                   (s->holes && item->first.v != s->covered))) {
        fz_fail(ASK_CHANGING, "changing memory: an item at %llx after %llx",
                HEX(item->first.v), HEX(s->covered));
    }
    if (!s->any && s->holes &&
        (item->first.v > s->w->first || item->last.v < s->w->first)) {
        fz_fail(ASK_CHANGING, "changing memory: the first item is at %llx",
                HEX(item->first.v));
    }
    s->any = true;
    s->done = item->last.v == UINT64_MAX;
    s->covered = item->last.v + 1;
}

static void shifting_walk(struct shifting *s)
{
    struct fz_case *w = s->w;
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
            fz_fail(ASK_CHANGING,
                    "changing memory: %llu reads, %llu counted, %llu allowed; "
                    "%llu items, %llu allowed",
                    HEX(w->reads - before), HEX(stats.reads), HEX(reads),
                    HEX(stats.items), HEX(items_allowed));
        }
        if (stats.reads > w->entries * stats.tables) {
            fz_fail(ASK_CHANGING,
                    "changing memory: %llu entries of %llu tables were read",
                    HEX(stats.reads), HEX(stats.tables));
        }
        if (st == PTW_END || stats.reads >= w->budget ||
            stats.items >= FZ_ITEMS) {
            break;
        }
        if (st == PTW_E_SPACE && s->memo != NULL) {
            fz_memo_grow(w, s->memo);
        } else if (st == PTW_E_LIMIT) {
            uint64_t more_reads = stats.reads == reads ? w->read_step : 0;
            uint64_t more_items =
                stats.items == items_allowed ? w->item_step : 0;

            if (more_reads + more_items == 0) {
                fz_stop(ASK_CHANGING,
                        "changing memory: a walk stops for nothing");
            }
            if (stops++ > 40) {
                more_reads *= 16;
                more_items *= 16;
            }
            reads += more_reads;
            items_allowed += more_items;
            ptw_walk_extend(s->walk, more_reads, more_items);
        } else if (st != PTW_OK) {
            fz_stop(ASK_CHANGING, "changing memory: %s", ptw_status_text(st));
        }
        if (w->memory != FZ_CALLBACKS && w->restless != 0) {
            fz_case_stir(w, 1);
        }
    }
}

/* The parts of an answer agree. */
static void shifting_answer(const struct fz_case *w, uint64_t va,
                            enum ptw_status st, const struct ptw_translation *t)
{
    uint64_t limit = (uint64_t)1 << oracle_pa_bits(&w->mode);

    if (st == PTW_OK &&
        (t->leaf_pa.v >= limit || t->leaf_va.v > va ||
         va - t->leaf_va.v != t->pa.v - t->leaf_pa.v ||
         (t->pa.v - t->leaf_pa.v) >> t->size_log2 != 0 ||
         (t->leaf_pa.v & (((uint64_t)1 << t->size_log2) - 1)) != 0)) {
        fz_fail(ASK_CHANGING, "changing memory: %llx is at %llx", HEX(va),
                HEX(t->pa.v));
    }
    if (st == PTW_OK && (t->rights & ~(unsigned)t->above) != 0) {
        fz_fail(ASK_CHANGING, "changing memory: %llx has rights %x below %x",
                HEX(va), t->rights, t->above);
    }
}

/* Side by side, and on a trail, though the memory does not stand still. */
static void shifting_ways(struct fz_case *w, const struct ptw_mem *mem)
{
    struct ptw_root root = ptw_root_of(&w->regime, ptw_pa_of(w->root[0]));
    struct ptw_translation t[FZ_VAS];
    enum ptw_status st[FZ_VAS];
    ptw_va va[FZ_VAS];
    struct ptw_mem still = *mem;
    struct ptw_trail trail;
    uint64_t before = w->reads;

    for (unsigned i = 0; i < w->vas; i++) {
        va[i] = ptw_va_of(w->va[i]);
    }
    ptw_lookup_many(mem, root, va, w->vas, t, st);
    if (w->reads - before > (uint64_t)w->levels * w->vas) {
        fz_fail(ASK_CHANGING, "changing memory: %llu reads for %u addresses",
                HEX(w->reads - before), w->vas);
    }
    for (unsigned i = 0; i < w->vas; i++) {
        shifting_answer(w, w->va[i], st[i], &t[i]);
    }
    ptw_mem_set_stopped(&still, true);
    if (ptw_trail_init(&trail, &still, root) != PTW_OK) {
        return;
    }
    for (unsigned i = 0; i < 4 * w->vas; i++) {
        uint64_t asked = w->va[i % w->vas];

        before = w->reads;
        st[0] = ptw_trail_lookup(&trail, ptw_va_of(asked), &t[0]);
        shifting_answer(w, asked, st[0], &t[0]);
        if (w->reads - before > w->levels) {
            fz_fail(ASK_CHANGING,
                    "changing memory: %llu reads on a trail to %llx",
                    HEX(w->reads - before), HEX(asked));
        }
    }
}

static void shifting_lookups(struct fz_case *w, const struct ptw_mem *mem)
{
    for (unsigned i = 0; i < w->vas; i++) {
        struct ptw_translation t;
        struct ptw_step step[PTW_MAX_LEVELS];
        uint64_t before = w->reads;
        size_t steps;
        enum ptw_status st =
            ptw_explain(mem, ptw_root_of(&w->regime, ptw_pa_of(w->root[0])),
                        ptw_va_of(w->va[i]), &t, step, &steps);

        if (w->reads - before > w->levels || steps > w->levels ||
            w->reads - before > steps) {
            fz_fail(ASK_CHANGING, "changing memory: %llu reads to look %llx up",
                    HEX(w->reads - before), HEX(w->va[i]));
        }
        shifting_answer(w, w->va[i], st, &t);
        if (st == PTW_OK && steps > 0 &&
            (step[steps - 1].raw != t.raw ||
             step[steps - 1].rights != t.rights)) {
            fz_fail(ASK_CHANGING,
                    "changing memory: the last step to %llx is another entry",
                    HEX(w->va[i]));
        }
    }
}

void fz_shifting(const uint8_t *data, size_t len)
{
    static struct ptw_walk walk;
    struct fz_case *w = &described;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_memo memo;
    struct ptw_walk_options o;
    struct ptw_root root[FZ_ROOTS];
    struct shifting s = {w, &walk, &memo, false, 0, 0, false, false};

    fz_case_read(w, false, data, len);
    if (w->memory == FZ_DIRECT || w->memory == FZ_MIXED) {
        w->memory = FZ_BORROW; /* what is stirred is what is borrowed */
    }
    w->shifting = true;
    w->budget = (w->budget + 3) / 4;
    fz_case_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i] = ptw_root_of(&w->regime, ptw_pa_of(w->root[i]));
    }
    o = fz_options(
        w, PTW_WALK_REMARKS |
               (unsigned)((w->seed >> 41 & 1) != 0 ? PTW_WALK_RUNS : 0) |
               PTW_WALK_HOLES);
    s.holes = fz_tiles(w);
    o.max_reads = w->read_step;
    o.max_items = w->item_step;
    fw_start(w, &walk, &mem, root, &memo, &o);
    shifting_walk(&s);
    if (ptw_walk_counts(&walk).tables != memo.used) {
        fz_fail(ASK_CHANGING, "changing memory: the memo has %zu tables",
                memo.used);
    }

    for (unsigned i = 0; i < 2; i++) {
        o = fz_options(w, i == 0 ? PTW_WALK_HOLES : PTW_WALK_RUNS);
        o.max_reads = w->read_step;
        o.max_items = w->item_step;
        s.holes = i == 0 && fz_tiles(w);
        s.need = i == 0 ? 0 : w->need;
        o.need = s.need;
        s.memo = NULL;
        s.any = false;
        s.done = false;
        if (ptw_virt_to_phys_init(&walk, &mem, root[0], &o) == PTW_OK) {
            fz_case_remember(w, &walk, &mem);
            shifting_walk(&s);
        }
    }
    shifting_lookups(w, &mem);
    shifting_ways(w, &mem);
    fz_case_done(w);
}
