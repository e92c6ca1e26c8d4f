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
#include "regime.h"

enum { PLACES = 8 }; /* that a table is looked for in */

/* A copy: the key, which is the table's address and 1, or 0 where there is no
 * copy; and behind it the table. */
static uint64_t *key_of(const struct ptw_remembered *tables, size_t i)
{
    return tables->copies + i * (1 + tables->table_bytes / 8);
}

static size_t copy_bytes(size_t table_bytes)
{
    return sizeof(uint64_t) + table_bytes;
}

size_t ptw_remembered_bytes(const struct ptw_regime *r, size_t tables)
{
    size_t each = copy_bytes(ptw_largest_table(r));

    return tables > SIZE_MAX / each ? SIZE_MAX : tables * each;
}

enum ptw_status ptw_remembered_init(struct ptw_remembered *tables,
                                    const struct ptw_regime *r,
                                    const struct ptw_mem *mem, void *storage,
                                    size_t bytes)
{
    size_t table_bytes = ptw_largest_table(r);

    memset(tables, 0, sizeof *tables);
    if (!mem->stopped) {
        return PTW_E_ARG;
    }
    if (((uintptr_t)storage & 7) != 0) {
        return PTW_E_ALIGN;
    }
    if (storage == NULL || bytes < copy_bytes(table_bytes)) {
        return PTW_E_SPACE;
    }
    tables->mem = mem;
    tables->copies = storage;
    tables->table_bytes = table_bytes;
    tables->room = bytes / copy_bytes(table_bytes);
    for (size_t i = 0; i < tables->room; i++) {
        *key_of(tables, i) = 0;
    }
    return PTW_OK;
}

enum ptw_status ptw_walk_remember(struct ptw_walk *w,
                                  struct ptw_remembered *tables)
{
    if (tables != NULL &&
        (tables->mem != w->c.mem || tables->room == 0 || !w->c.mem->stopped ||
         tables->table_bytes != ptw_largest_table(w->c.regime))) {
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
        uint64_t *copy = key_of(tables, at);

        if (*copy == key) {
            return copy + 1;
        }
        if (*copy == 0) {
            r = ptw_find_range(mem, table, tables->table_bytes);
            if (r == NULL || r->host != NULL || mem->ops->read == NULL ||
                mem->ops->read(mem->ctx, ptw_pa_of(table), copy + 1,
                               tables->table_bytes) != PTW_OK) {
                return NULL;
            }
            *copy = key;
            tables->used++;
            return copy + 1;
        }
        at = at + 1 == tables->room ? 0 : at + 1;
    }
    return NULL;
}
