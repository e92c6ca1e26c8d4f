/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are remembered: copies in the caller's storage, by address.
 *
 * A copy stays where it is as long as the storage is in use: a walk that stands
 * in it, or a copy of that walk, need not be told.  So there is no room for
 * another table once all places where it is looked for are taken, and it is
 * read as if nothing were remembered. */
#include "remember.h"
#include "hash.h"
#include "mem.h"

enum { PLACES = 8 }; /* that a table is looked for in */

_Static_assert(sizeof(struct ptw_table_copy) == 8 + PTW_COPY_BYTES,
               "copies stand side by side");

size_t ptw_remembered_bytes(size_t tables)
{
    return tables > SIZE_MAX / sizeof(struct ptw_table_copy)
               ? SIZE_MAX
               : tables * sizeof(struct ptw_table_copy);
}

enum ptw_status ptw_remembered_init(struct ptw_remembered *tables,
                                    const struct ptw_mem *mem, void *storage,
                                    size_t bytes)
{
    memset(tables, 0, sizeof *tables);
    if (!mem->stopped) {
        return PTW_E_ARG;
    }
    if (((uintptr_t)storage & 7) != 0) {
        return PTW_E_ALIGN;
    }
    if (storage == NULL || bytes < sizeof(struct ptw_table_copy)) {
        return PTW_E_SPACE;
    }
    tables->mem = mem;
    tables->copy = storage;
    tables->room = bytes / sizeof(struct ptw_table_copy);
    for (size_t i = 0; i < tables->room; i++) {
        tables->copy[i].key = 0;
    }
    return PTW_OK;
}

enum ptw_status ptw_walk_remember(struct ptw_walk *w,
                                  struct ptw_remembered *tables)
{
    if (tables != NULL &&
        (tables->mem != w->c.mem || tables->room == 0 || !w->c.mem->stopped)) {
        return PTW_E_ARG;
    }
    w->c.remembered = tables;
    return PTW_OK;
}

const void *ptw_recall(struct ptw_remembered *tables, uint64_t table)
{
    const struct ptw_mem *mem = tables->mem;
    const struct ptw_region *r;
    uint64_t key = table | 1; /* a table is aligned, and a key is not 0 */
    size_t at = ptw_mix(table, 0, 32) % tables->room;

    if (!mem->stopped) {
        return NULL;
    }
    for (unsigned i = 0; i < PLACES && i < tables->room; i++) {
        struct ptw_table_copy *copy = &tables->copy[at];

        if (copy->key == key) {
            return copy->entry;
        }
        if (copy->key == 0) {
            r = ptw_find_range(mem, table, PTW_COPY_BYTES);
            if (r == NULL || r->host != NULL || mem->ops->read == NULL ||
                mem->ops->read(mem->ctx, ptw_pa_of(table), copy->entry,
                               PTW_COPY_BYTES) != PTW_OK) {
                return NULL;
            }
            copy->key = key;
            tables->used++;
            return copy->entry;
        }
        at = at + 1 == tables->room ? 0 : at + 1;
    }
    return NULL;
}
