/* SPDX-License-Identifier: Apache-2.0 */
/* Building an accessor, and its use from outside the engine. */
#include "mem.h"
#include "sort.h"

#include <stddef.h>

_Static_assert(offsetof(struct ptw_region, first) == 0,
               "regions are sorted by what they start with");

/* Memory that refuses everything: what a failed init leaves behind. */
static void refuse_all(struct ptw_mem *mem)
{
    memset(mem, 0, sizeof *mem);
}

enum ptw_status ptw_mem_init_flat(struct ptw_mem *mem, ptw_pa base,
                                  const void *host, uint64_t bytes,
                                  bool writable)
{
    refuse_all(mem);
    if (host == NULL) {
        return PTW_E_ARG;
    }
    if (bytes == 0 || bytes - 1 > UINT64_MAX - base.v ||
        bytes - 1 > SIZE_MAX - 1) {
        return PTW_E_RANGE;
    }
    mem->flat.first = base;
    mem->flat.last.v = base.v + (bytes - 1);
    mem->flat.host = host;
    mem->flat.writable = writable;
    mem->regions = 1;
    ptw_approach(&mem->near, &mem->flat);
    return PTW_OK;
}

static enum ptw_status set_regions(struct ptw_mem *mem,
                                   struct ptw_region *region, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes_less_1 = region[i].last.v - region[i].first.v;

        if (region[i].first.v > region[i].last.v) {
            return PTW_E_RANGE;
        }
        if (region[i].host != NULL && bytes_less_1 > SIZE_MAX - 1) {
            return PTW_E_RANGE;
        }
        if (region[i].host == NULL && mem->ops == NULL) {
            return PTW_E_ARG;
        }
    }
    ptw_sort(region, count, sizeof *region);
    for (size_t i = 1; i < count; i++) {
        if (region[i].first.v <= region[i - 1].last.v) {
            return PTW_E_OVERLAP;
        }
    }
    mem->region = region;
    mem->regions = count;
    ptw_approach(&mem->near, count > 0 ? &region[0] : NULL);
    return PTW_OK;
}

enum ptw_status ptw_mem_init_regions(struct ptw_mem *mem,
                                     struct ptw_region *region, size_t count)
{
    refuse_all(mem);
    return set_regions(mem, region, count);
}

enum ptw_status ptw_mem_init_callbacks(struct ptw_mem *mem,
                                       const struct ptw_mem_ops *ops, void *ctx,
                                       struct ptw_region *region, size_t count)
{
    enum ptw_status st;

    refuse_all(mem);
    if (ops == NULL || ops->read32 == NULL || ops->read64 == NULL) {
        return PTW_E_ARG;
    }
    mem->ops = ops;
    mem->ctx = ctx;
    if (count == 0 && region == NULL) {
        mem->flat.last.v = UINT64_MAX;
        mem->flat.writable = true;
        mem->regions = 1;
        return PTW_OK;
    }
    st = set_regions(mem, region, count);
    if (st != PTW_OK) {
        refuse_all(mem);
    }
    return st;
}

enum ptw_cover ptw_mem_cover(const struct ptw_mem *mem, ptw_pa pa,
                             uint64_t bytes)
{
    const struct ptw_region *r = ptw_regions(mem);
    uint64_t last = pa.v + (bytes - 1);
    uint64_t next = pa.v;
    bool some = false;
    bool all = last >= pa.v;

    if (!all) {
        last = UINT64_MAX;
    }
    for (size_t i = ptw_find_from(mem, pa.v); i < mem->regions; i++) {
        if (r[i].first.v > last) {
            break;
        }
        some = true;
        if (r[i].first.v > next) {
            all = false;
        }
        if (r[i].last.v >= last) {
            return all ? PTW_COVER_ALL : PTW_COVER_SOME;
        }
        next = r[i].last.v + 1;
    }
    return some ? PTW_COVER_SOME : PTW_COVER_NONE;
}

PTW_COLD struct ptw_near ptw_near_at(const struct ptw_mem *mem, uint64_t pa)
{
    struct ptw_near near;

    ptw_approach(&near, ptw_find(mem, pa));
    return near;
}

PTW_COLD enum ptw_status ptw_get_far(const struct ptw_mem *mem, uint64_t pa,
                                     unsigned bytes, uint64_t *out)
{
    return ptw_get(mem, pa, bytes, out);
}

enum ptw_status ptw_read32(const struct ptw_mem *mem, ptw_pa pa, uint32_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = ptw_get(mem, pa.v, 4, &wide);

    if (st == PTW_OK) {
        *out = (uint32_t)wide;
    }
    return st;
}

enum ptw_status ptw_read64(const struct ptw_mem *mem, ptw_pa pa, uint64_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = ptw_get(mem, pa.v, 8, &wide);

    if (st == PTW_OK) {
        *out = wide;
    }
    return st;
}

const void *ptw_borrow(const struct ptw_mem *mem, ptw_pa pa, uint64_t bytes)
{
    return bytes == 0 ? NULL : ptw_direct(mem, pa.v, bytes);
}

const void *ptw_page_bytes(const struct ptw_mem *mem, uint64_t pa,
                           uint64_t *buffer)
{
    const void *p = ptw_direct(mem, pa, 4096);

    if (p != NULL) {
        return p;
    }
    for (unsigned i = 0; i < 4096 / sizeof *buffer; i++) {
        uint64_t value;

        if (ptw_get(mem, pa + i * sizeof value, sizeof value, &value) !=
            PTW_OK) {
            return NULL;
        }
        ptw_store64(&buffer[i], value);
    }
    return buffer;
}

/* The write side of ptw_get.  The cast takes away a const that the
 * host, by saying "writable", promised was never there. */
enum ptw_status ptw_put_entry(const struct ptw_mem *mem, uint64_t pa,
                              unsigned bytes, uint64_t value)
{
    const struct ptw_region *r = ptw_find_range(mem, pa, bytes);
    void *p;

    if ((pa & (bytes - 1)) != 0) {
        return PTW_E_ALIGN;
    }
    if (r == NULL) {
        return PTW_E_BUS;
    }
    if (!r->writable) {
        return PTW_E_READONLY;
    }
    if (r->host == NULL) {
        if (bytes == 8) {
            return mem->ops->write64 == NULL
                       ? PTW_E_READONLY
                       : mem->ops->write64(mem->ctx, ptw_pa_of(pa), value);
        }
        return mem->ops->write32 == NULL
                   ? PTW_E_READONLY
                   : mem->ops->write32(mem->ctx, ptw_pa_of(pa),
                                       (uint32_t)value);
    }
    p = (void *)(uintptr_t)ptw_host(r, pa);
    if (((uintptr_t)p & (bytes - 1)) != 0) {
        for (unsigned i = 0; i < bytes; i++) {
            ((volatile unsigned char *)p)[i] = (unsigned char)(value >> 8 * i);
        }
    } else if (bytes == 8) {
        ptw_store64(p, value);
    } else {
        ptw_store32(p, (uint32_t)value);
    }
    return PTW_OK;
}

enum ptw_status ptw_write32(const struct ptw_mem *mem, ptw_pa pa,
                            uint32_t value)
{
    return ptw_put_entry(mem, pa.v, 4, value);
}

enum ptw_status ptw_write64(const struct ptw_mem *mem, ptw_pa pa,
                            uint64_t value)
{
    return ptw_put_entry(mem, pa.v, 8, value);
}
