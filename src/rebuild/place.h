/* SPDX-License-Identifier: Apache-2.0 */
/* Places: the addresses of the new pages and tables, and the entries that
 * are written there. */
#ifndef PTW_RB_PLACE_H
#define PTW_RB_PLACE_H

#include "entry.h"
#include "state.h"

/* ptw_rb_put writes the entry with that index of a new table. */
static inline enum ptw_status ptw_rb_put(const struct ptw_rebuild *rb,
                                         uint64_t table, unsigned index,
                                         uint64_t raw)
{
    return ptw_write_entry(rb->state.regime->arch->format, rb->state.to, table,
                           index, raw);
}

/* ptw_rb_stand_in makes that table the new table of the path at that level. */
static inline void ptw_rb_stand_in(struct ptw_rebuild *rb, unsigned level,
                                   uint64_t table)
{
    rb->state.at[level] = table;
    rb->state.host[level] =
        ptw_writable(rb->state.to, table, (uint64_t)1 << rb->state.table_log2);
}

/* ptw_rb_put_in writes the entry with that index of the new table of that
 * level. */
PTW_ENGINE enum ptw_status ptw_rb_put_in(const struct ptw_format *a,
                                         const struct ptw_rebuild *rb,
                                         unsigned level, unsigned index,
                                         uint64_t raw)
{
    if (PTW_LIKELY(rb->state.host[level] != NULL)) {
        ptw_store_entry(a, rb->state.host[level], index, raw);
        return PTW_OK;
    }
    return ptw_write_entry(a, rb->state.to, rb->state.at[level], index, raw);
}

/* ptw_rb_put_at writes the entry for va in the new table of that level. */
static inline enum ptw_status ptw_rb_put_at(const struct ptw_rebuild *rb,
                                            unsigned level, uint64_t va,
                                            uint64_t raw)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    unsigned bits = ptw_index_bits(a, rb->state.regime, level);

    return ptw_rb_put_in(
        a, rb, level,
        (unsigned)(va >> a->level[level].shift & ptw_low_mask(bits)), raw);
}

/* ptw_rb_tables_at returns the address of the first new table. */
static inline uint64_t ptw_rb_tables_at(const struct ptw_rebuild *rb)
{
    return (rb->o.flags & PTW_REBUILD_TABLES_APART) != 0
               ? rb->o.tables_base.v
               : rb->o.base.v + rb->counts.page_bytes;
}

/* ptw_rb_table_at returns the address of the new table with that number. */
static inline uint64_t ptw_rb_table_at(const struct ptw_rebuild *rb,
                                       uint64_t number)
{
    return ptw_rb_tables_at(rb) + (number << rb->state.table_log2);
}

/* ptw_rb_take_extra takes one of the tables behind those of the walk, and
 * fills it with zeros. */
enum ptw_status ptw_rb_take_extra(struct ptw_rebuild *rb, uint64_t *table);

/* ptw_rb_put_in_order sorts the blocks: units come before single pages, and
 * larger units before smaller ones. */
enum ptw_status ptw_rb_put_in_order(struct ptw_rebuild *rb);

/* ptw_rb_room_for_units asks for storage unless there is room for a record of
 * each unit, when a part of it may turn out to be unreadable: then it is cut
 * up. */
enum ptw_status ptw_rb_room_for_units(struct ptw_rebuild *rb);

/* ptw_rb_place gives every page that is kept its place. */
enum ptw_status ptw_rb_place(struct ptw_rebuild *rb);

/* ptw_rb_measure adds up how large the image will be at most, and checks that
 * it fits. */
enum ptw_status ptw_rb_measure(struct ptw_rebuild *rb);

#endif
