/* SPDX-License-Identifier: Apache-2.0 */
/* Random and crafted tables for a processor to walk. */
#ifndef PTW_TESTS_TABLES_H
#define PTW_TESTS_TABLES_H

#include "build_tables.h"
#include "vm.h"

/* Frames for tables from TABLES_AT up, the root first; then come frames of
 * whoever uses this, to which no entry leads; and from DATA_AT up there is
 * data. */
enum {
    TABLES_AT = 0x100000,
    TABLE_FRAMES = 40,
    PRIVATE_AT = 0x140000,
    DATA_AT = 0x180000,
    MEMORY_END = 0x900000
};

/* Memory for such a guest. */
static const struct vm_memory TABLES_MEMORY = {.base = TABLES_AT,
                                               .bytes = MEMORY_END - TABLES_AT};

/* Where in a line of 64 bytes of data to read, write and jump to.  What stands
 * there is its own physical address, a zero, and a return.  Data may come to be
 * walked as tables: all of its entries are absent, and stay so. */
enum { LINE = 64, LINE_READ = 0, LINE_WRITE = 16, LINE_RETURN = 37 };

struct tables {
    const struct ptw_regime *regime;
    const struct vm *vm;
    struct dice dice;
    /* Entries of the root from this one up are left alone. */
    unsigned root_entries;
    /* Bits that are never set in the entries of a PML5 and a PML4 and in a
     * PDPT's that refer to a table: AMD reserves one that Intel ignores. */
    uint64_t never;
    uint64_t hot[PTW_MAX_LEVELS][6]; /* indices that are used */
};

/* tables_data fills the data. */
void tables_data(const struct vm *vm);

/* tables_make fills all frames for tables anew. */
void tables_make(struct tables *t);

/* tables_va picks an address, of the start of a line: most often one whose
 * indices are used; now and then any at all. */
ptw_va tables_va(struct tables *t);

#endif
