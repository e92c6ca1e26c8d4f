/* SPDX-License-Identifier: Apache-2.0 */
#include "edit_words.h"

#define HEX(v) ((unsigned long long)(v))

void fe_say_flags(unsigned flags)
{
    static const char *const name[] = {"large", "split", "unshare", "reclaim",
                                       "exact"};

    for (unsigned i = 0; i < sizeof name / sizeof name[0]; i++) {
        if ((flags >> i & 1) != 0) {
            fz_say(", %s", name[i]);
        }
    }
    if (flags >> 6 != 0) {
        fz_say(", flags %x", flags);
    }
}

/* How tables will be supplied. */
void fe_say_supply(const struct fe_record *q, bool movable)
{
    if (q->takes < PLENTY) {
        fz_say(", %u tables at most", q->takes);
    }
    if (q->take_fault_at != 0 && q->take_fault != FAULT_NONE) {
        fz_say(", table %u is one %s", q->take_fault_at,
               fe_fault_name[q->take_fault]);
    }
    if (movable) {
        fz_say(", tables move by %02x", q->move_mask);
        if (q->move_refused_at != 0) {
            fz_say(", not in call %u", q->move_refused_at);
        }
    }
    if (q->changing) {
        fz_say(", the tables change");
    }
    if (q->stock_fault != FAULT_NONE) {
        fz_say(", the stock leads to a table %s",
               fe_fault_name[q->stock_fault]);
    }
    fz_say("\n");
}

void fe_say_edit(const struct fe_host *h, const struct fe_record *q,
                 bool movable)
{
    static const char *const name[] = {"map", "unmap", "protect", "protect"};

    if (fz_words == NULL) {
        return;
    }
    fz_say("%s %016llx-%016llx", name[q->op], HEX(q->first), HEX(q->last));
    if (q->op == DO_MAP) {
        fz_say(" to %llx", HEX(q->pa));
    }
    if (q->list != 0) {
        fz_say(" as a list of %llu pages of %llx bytes, one of %u",
               HEX(q->list), HEX(q->page_bytes), q->apart);
    }
    if (q->op != DO_UNMAP) {
        fz_say(" ");
        fz_say_rights(q->rights);
    }
    if (q->op == DO_MAP) {
        fz_say("%s, memory type %u%s, key %u",
               q->copy_on_write ? ", copy-on-write" : "",
               (unsigned)q->attributes.memory_type,
               q->attributes.global ? ", global" : "",
               (unsigned)q->attributes.key);
        fz_say("%s", q->table_rights != 0 ? ", new tables for the user" : "");
        if (q->attributes.flag_bits != 0) {
            fz_say(", flag bits %llx", HEX(q->attributes.flag_bits));
        }
    }
    if (q->table_flags != 0) {
        fz_say(", new tables with flag bits %llx", HEX(q->table_flags));
    }
    fe_say_flags(q->flags);
    fz_say("%s", q->grant_exec && q->op != DO_UNMAP ? ", grant execution" : "");
    fz_say(" in space %u, root %llx; %llu reads", q->root,
           HEX(h->m.root[q->root]), HEX(q->max_reads));
    fe_say_supply(q, movable);
}

void fe_say_status(const struct fe_host *h, enum ptw_status st,
                   struct ptw_root root)
{
    fz_say("    = %s; root %llx; %u reads and %u writes called back, "
           "%u taken, %u given back, %u moved\n",
           ptw_status_text(st), HEX(root.table.v), h->reads, h->writes,
           h->taken, h->given_back, h->moved);
}

/* What there is after an edit. */
void fe_say_tables(const struct fe_host *h, const struct ptw_tables *t)
{
    unsigned reached = 0;
    unsigned shared = 0;

    for (unsigned i = 0; i < h->m.tables; i++) {
        reached += h->m.table[i].reached;
        shared += h->m.table[i].refs > 1;
    }
    fz_say("    %u tables, %u of them shared; %llu in stock\n", reached, shared,
           HEX(t->stock.tables));
}

/* Everything that the roots reach. */
void fe_say_spaces(struct fz_case *w, struct fe_host *h, const char *when)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_root root[FM_ROOTS];
    unsigned roots = 0;

    if (fz_words == NULL) {
        return;
    }
    for (unsigned i = 0; i < h->m.roots; i++) {
        root[roots++] = ptw_root_of(&w->regime, ptw_pa_of(h->m.root[i]));
    }
    o.max_reads = w->budget;
    o.max_items = 4096;
    o.flags = PTW_WALK_REMARKS | PTW_WALK_RUNS | PTW_WALK_TABLES;
    fz_say("%s:\n", when);
    fz_say_walk(w, &h->mem, root, roots, &o, w->seed);
}

void fe_say_machine(const struct fz_case *w, const struct fe_host *h)
{
    if (fz_words == NULL) {
        return;
    }
    fz_say_case(w, (h->options & OPT_BORROW) != 0
                       ? "served by callbacks, pages can be borrowed"
                       : "served by callbacks");
    for (unsigned i = 0; i < h->m.regions; i++) {
        const struct fm_region *r = &h->m.region[i];

        if (r->readable && !r->writable) {
            fz_say("read-only: %016llx-%016llx\n", HEX(r->first), HEX(r->last));
        }
    }
}

void fe_say_pool(const struct fe_host *h)
{
    fz_say("pool:");
    for (unsigned i = 0; i < h->m.regions; i++) {
        const struct fm_region *r = &h->m.region[i];

        if (fe_is_pool(&h->m, r->first)) {
            fz_say(" %016llx-%016llx,", HEX(r->first), HEX(r->last));
        }
    }
    fz_say(" %u pages of it, %s; %s\n", h->pool_limit,
           (h->options & OPT_DIRECT) != 0 ? "host memory" : "callbacks",
           (h->options & OPT_KEEP) != 0 ? "tables are not given back"
                                        : "tables are given back");
}

void fe_say_roots(const struct fe_host *h)
{
    for (unsigned i = 0; i < h->m.roots; i++) {
        fz_say("root %u: %llx%s\n", i, HEX(h->m.root[i]),
               h->m.rooted[i] ? "" : ", which can't be one");
    }
}

void fe_say_walked(const struct fz_case *w)
{
    fz_say("limits: %llu reads, %llu items, room for %zu; needs %x\n",
           HEX(w->read_step), HEX(w->item_step), w->room, w->need);
    for (unsigned i = 0; i < w->outs; i++) {
        fz_say("leaves out: %016llx-%016llx\n", HEX(w->out[i].first),
               HEX(w->out[i].last));
    }
}

void fe_say_roots_of(const struct fz_case *w)
{
    for (unsigned i = 0; i < w->roots; i++) {
        fz_say("root %u: %llx\n", i, HEX(w->root[i]));
    }
}
