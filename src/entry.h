/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a table: where it stands, and how it is read and written. */
#ifndef PTW_SRC_ENTRY_H
#define PTW_SRC_ENTRY_H

#include "format.h"
#include "mem.h"

/* ptw_entry_at returns the address of entry `index` of a table; ptw_entry_host
 * returns where the entry lies on the host, if the table lies at `host`. */
PTW_ENGINE uint64_t ptw_entry_at(const struct ptw_format *a, uint64_t table,
                                 unsigned index)
{
    return table + ((uint64_t)index << a->entry_log2);
}

PTW_ENGINE const unsigned char *ptw_entry_host(const struct ptw_format *a,
                                               const void *host, unsigned index)
{
    return (const unsigned char *)host + ((size_t)index << a->entry_log2);
}

/* ptw_load_entry and ptw_store_entry access an entry of a table that lies at
 * `host`, once. */
PTW_ENGINE uint64_t ptw_load_entry(const struct ptw_format *a, const void *host,
                                   unsigned index)
{
    const unsigned char *p = ptw_entry_host(a, host, index);

    return a->entry_log2 == 3 ? ptw_load64(p) : ptw_load32(p);
}

PTW_ENGINE void ptw_store_entry(const struct ptw_format *a, void *host,
                                unsigned index, uint64_t raw)
{
    void *p = (unsigned char *)host + ((size_t)index << a->entry_log2);

    if (a->entry_log2 == 3) {
        ptw_store64(p, raw);
    } else {
        ptw_store32(p, (uint32_t)raw);
    }
}

/* Entries come in lines of 8, one cache line of 64-bit entries. */
enum { PTW_LINE = 8 };

/* ptw_store_line writes a line of entries, from `index` on, each once. */
PTW_ENGINE void ptw_store_line(const struct ptw_format *a, void *host,
                               unsigned index, const uint64_t raw[PTW_LINE])
{
    unsigned char *p = (unsigned char *)host + ((size_t)index << a->entry_log2);

    if (a->entry_log2 == 3) {
        PTW_UNROLL
        for (size_t i = 0; i < PTW_LINE; i++) {
            ptw_store64(p + 8 * i, raw[i]);
        }
    } else {
        PTW_UNROLL
        for (size_t i = 0; i < PTW_LINE; i++) {
            ptw_store32(p + 4 * i, (uint32_t)raw[i]);
        }
    }
}

/* ptw_read_entry and ptw_write_entry access an entry of any table, through the
 * accessor. */
PTW_ENGINE enum ptw_status ptw_read_entry(const struct ptw_format *a,
                                          const struct ptw_mem *mem,
                                          uint64_t table, unsigned index,
                                          uint64_t *raw)
{
    return ptw_get(mem, ptw_entry_at(a, table, index), 1u << a->entry_log2,
                   raw);
}

PTW_ENGINE enum ptw_status ptw_write_entry(const struct ptw_format *a,
                                           const struct ptw_mem *mem,
                                           uint64_t table, unsigned index,
                                           uint64_t raw)
{
    return ptw_put_entry(mem, ptw_entry_at(a, table, index),
                         1u << a->entry_log2, raw);
}

#endif
