/* SPDX-License-Identifier: Apache-2.0 */
/* The stock of tables of an edit: what the host gave and no edit has used
 * yet. */
#include "stock.h"

#include "mem.h"
#include "regime.h"
#include "shares.h"

/* Whether `bytes` at a table that has one of those addresses can be written. */
static enum ptw_status check(const struct ptw_tables *t, ptw_pa table,
                             uint64_t bytes, uint64_t addresses)
{
    const struct ptw_region *region;

    if ((table.v & (bytes - 1)) != 0) {
        return PTW_E_ALIGN;
    }
    if ((table.v & ~addresses) != 0) {
        return PTW_E_WIDTH;
    }
    region = ptw_find_range(t->mem, table.v, bytes);
    if (region == NULL) {
        return PTW_E_BUS;
    }
    if (!region->writable ||
        (region->host == NULL &&
         (t->mem->ops->write32 == NULL || t->mem->ops->write64 == NULL))) {
        return PTW_E_READONLY;
    }
    return PTW_OK;
}

enum ptw_status ptw_table_check(const struct ptw_tables *t, ptw_pa table,
                                unsigned level)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;

    return check(t, table, ptw_table_bytes(a, t->root.regime, level),
                 level == ptw_top(a, t->root.regime) ? r->root_pa
                                                     : r->table_pa);
}

enum ptw_status ptw_new_table_check(const struct ptw_tables *t, ptw_pa table,
                                    unsigned level)
{
    enum ptw_status st = ptw_table_check(t, table, level);

    if (st == PTW_OK && t->shares != NULL &&
        ptw_shares_count(t->shares, table.v) > 1) {
        return PTW_E_IN_USE;
    }
    return st;
}

static enum ptw_status chain(struct ptw_tables *t, ptw_pa table)
{
    enum ptw_status st = ptw_write64(t->mem, table, t->stock.first.v);

    if (st == PTW_OK) {
        t->stock.first = table;
        t->stock.tables++;
    }
    return st;
}

/* What may be put in stock, to be a root or any other table. */
static enum ptw_status spare_check(const struct ptw_tables *t, ptw_pa table,
                                   bool root)
{
    const struct ptw_regime *r = t->root.regime;

    return check(t, table, ptw_largest_table(r),
                 root ? r->table_pa & r->root_pa : r->table_pa);
}

static enum ptw_status unchain(struct ptw_tables *t, bool root, ptw_pa *table)
{
    enum ptw_status st;
    uint64_t next = 0;

    /* What was put in stock had been checked; what leads to it lies in memory,
     * perhaps since an earlier edit. */
    if (t->stock.tables == 0 ||
        spare_check(t, t->stock.first, root) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    *table = t->stock.first;
    st = ptw_read64(t->mem, t->stock.first, &next);
    if (st == PTW_OK) {
        st = ptw_write64(t->mem, t->stock.first, 0);
    }
    if (st == PTW_OK) {
        t->stock.first.v = next;
        t->stock.tables--;
    }
    return st;
}

enum ptw_status ptw_spare_take(struct ptw_tables *t, unsigned level,
                               ptw_pa *table)
{
    return unchain(
        t, level == ptw_top(t->root.regime->arch->format, t->root.regime),
        table);
}

enum ptw_status ptw_spare_give(struct ptw_tables *t, ptw_pa table,
                               unsigned level, bool kept)
{
    const struct ptw_format *a = t->root.regime->arch->format;
    uint64_t bytes = ptw_table_bytes(a, t->root.regime, level);
    enum ptw_status st =
        spare_check(t, table, level == ptw_top(a, t->root.regime));

    if (st != PTW_OK) {
        return PTW_OK; /* nobody gave it, and nobody could use it */
    }
    if (t->ops->give != NULL) {
        t->ops->give(t->ctx, table);
        return PTW_OK;
    }
    /* Tables move because somebody else still reads them where they were.  And
     * what lies behind a table that is smaller than those in stock is somebody
     * else's. */
    if (kept || bytes < ptw_largest_table(t->root.regime)) {
        return PTW_OK;
    }
    /* What is in stock is all zeros; entries that are not present may not be.
     */
    for (uint64_t at = 0; at < bytes && st == PTW_OK; at += 8) {
        st = ptw_write64(t->mem, ptw_pa_of(table.v + at), 0);
    }
    return st == PTW_OK ? chain(t, table) : st;
}

/* Gives back all but `keep` of the stock. */
static enum ptw_status give_back(struct ptw_tables *t, uint64_t keep)
{
    while (t->ops->give != NULL && t->stock.tables > keep) {
        ptw_pa table;
        enum ptw_status st = unchain(t, false, &table);

        if (st != PTW_OK) {
            return st;
        }
        t->ops->give(t->ctx, table);
    }
    return PTW_OK;
}

enum ptw_status ptw_spare_reserve(struct ptw_tables *t, uint64_t needed,
                                  bool root)
{
    /* The one that was put in last is taken first. */
    while (t->stock.tables < needed ||
           (root && spare_check(t, t->stock.first, false) == PTW_OK &&
            spare_check(t, t->stock.first, true) != PTW_OK)) {
        ptw_pa table = {0};
        enum ptw_status st = t->ops->take(t->ctx, &table);

        if (st != PTW_OK) {
            return st;
        }
        st = spare_check(t, table, root && t->stock.tables + 1 >= needed);
        if (st == PTW_OK && t->shares != NULL &&
            ptw_shares_count(t->shares, table.v) > 1) {
            st = PTW_E_IN_USE;
        }
        if (st == PTW_OK) {
            st = chain(t, table);
        }
        if (st != PTW_OK) {
            if (t->ops->give != NULL) {
                t->ops->give(t->ctx, table);
            }
            return st;
        }
    }
    return PTW_OK;
}

enum ptw_status ptw_spare_release(struct ptw_tables *t, enum ptw_status st)
{
    enum ptw_status back = give_back(t, 0);

    /* By now the edit has been made. */
    return st == PTW_OK && back != PTW_OK ? PTW_E_CHANGED : st;
}
