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
    ptw_cache_region(&mem->cache, &mem->flat);
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
    ptw_cache_region(&mem->cache, count > 0 ? &region[0] : NULL);
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
    if (ops == NULL || ops->read64 == NULL) {
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

void ptw_mem_set_stopped(struct ptw_mem *mem, bool stopped)
{
    mem->stopped = stopped;
}

/* Takes 4 bytes out of 8: the aligned ones, where all 4 are among them and the
 * region has them, else those from pa on, else the last of the region. */
static enum ptw_status get_half(const struct ptw_mem *mem,
                                const struct ptw_region *r, uint64_t pa,
                                uint32_t *out)
{
    uint64_t at = pa & ~(uint64_t)7;
    uint64_t wide = 0;
    enum ptw_status st;

    if (r->last.v - r->first.v < 7) {
        return PTW_E_BUS;
    }
    if (pa - at > 4 || at < r->first.v) {
        at = pa;
    }
    at = r->last.v - at < 7 ? r->last.v - 7 : at;
    st = mem->ops->read64(mem->ctx, ptw_pa_of(at), &wide);
    *out = (uint32_t)(wide >> 8 * (pa - at));
    return st;
}

enum ptw_status ptw_get_served32(const struct ptw_mem *mem,
                                 const struct ptw_region *r, uint64_t pa,
                                 uint32_t *out)
{
    return mem->ops->read32 != NULL
               ? mem->ops->read32(mem->ctx, ptw_pa_of(pa), out)
               : get_half(mem, r, pa, out);
}

unsigned ptw_get_many(const struct ptw_mem *mem, uint64_t pa, unsigned bytes,
                      unsigned n, uint64_t raw[PTW_MAX_WINDOW])
{
    const struct ptw_region *r = ptw_find(mem, pa);
    uint64_t buffer[PTW_MAX_WINDOW];
    uint64_t room;

    if (r == NULL || r->host != NULL || mem->ops->read == NULL) {
        return 0;
    }
    room = (r->last.v - pa) / bytes + ((r->last.v - pa) % bytes == bytes - 1);
    n = n < room ? n : (unsigned)room;
    if (n < 2 || mem->ops->read(mem->ctx, ptw_pa_of(pa), buffer,
                                (size_t)n * bytes) != PTW_OK) {
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        const unsigned char *p =
            (const unsigned char *)buffer + (size_t)i * bytes;

        raw[i] = bytes == 8 ? ptw_load64(p) : ptw_load32(p);
    }
    return n;
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
        if (r[i].first.v > next || !all) {
            return PTW_COVER_SOME;
        }
        some = true;
        if (r[i].last.v >= last) {
            return PTW_COVER_ALL;
        }
        next = r[i].last.v + 1;
    }
    return some ? PTW_COVER_SOME : PTW_COVER_NONE;
}

PTW_COLD unsigned ptw_unreadable(const struct ptw_mem *mem, uint64_t pa,
                                 unsigned bytes, unsigned most)
{
    size_t i = ptw_find_from(mem, pa);
    uint64_t first;
    uint64_t gone;

    if (i == mem->regions) {
        return most;
    }
    first = ptw_regions(mem)[i].first.v;
    if (first <= pa) {
        return 0;
    }
    gone = (first - pa - 1) / bytes + 1;
    return gone < most ? (unsigned)gone : most;
}

PTW_COLD struct ptw_region_cache ptw_cached_at(const struct ptw_mem *mem,
                                               uint64_t pa)
{
    struct ptw_region_cache cache;

    ptw_cache_region(&cache, ptw_find(mem, pa));
    return cache;
}

PTW_COLD enum ptw_status ptw_get_missed(const struct ptw_mem *mem, uint64_t pa,
                                        unsigned bytes, uint64_t *out,
                                        const struct ptw_region **region)
{
    const struct ptw_region *r = ptw_find(mem, pa);

    *region = r != NULL && ptw_can_be_cached(r) ? r : NULL;
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

/* Reads the number that the byte at pa is taken by, of memory behind callbacks,
 * as ptw_read_bytes says; `bytes`, of that region, are wanted. */
static enum ptw_status read_number(const struct ptw_mem *mem,
                                   const struct ptw_region *r, uint64_t pa,
                                   size_t bytes, unsigned char *out, size_t *n)
{
    uint64_t at = pa & ~(uint64_t)3;
    uint64_t value = 0;
    uint32_t narrow = 0;
    enum ptw_status st;

    if ((pa & 7) == 0 && bytes >= 8) {
        *n = 8;
        at = pa;
        st = mem->ops->read64(mem->ctx, ptw_pa_of(pa), &value);
    } else {
        *n = 4 - (size_t)(pa & 3);
        *n = *n < bytes ? *n : bytes;
        if (r->last.v - r->first.v < 3) {
            return PTW_E_BUS;
        }
        at = at < r->first.v ? r->first.v : at;
        at = r->last.v - at < 3 ? r->last.v - 3 : at;
        st = ptw_get_served32(mem, r, at, &narrow);
        value = narrow;
    }
    for (size_t i = 0; st == PTW_OK && i < *n; i++) {
        out[i] = (unsigned char)(value >> 8 * (pa - at + i));
    }
    return st;
}

/* Reads a part of one region that callbacks serve. */
static enum ptw_status read_served(const struct ptw_mem *mem,
                                   const struct ptw_region *r, uint64_t pa,
                                   unsigned char *out, size_t bytes,
                                   size_t *run)
{
    const void *lent = mem->ops->borrow == NULL
                           ? NULL
                           : mem->ops->borrow(mem->ctx, ptw_pa_of(pa), bytes);
    enum ptw_status st = PTW_OK;
    size_t n = 0;

    *run = bytes;
    if (lent != NULL) {
        memcpy(out, lent, bytes);
        return PTW_OK;
    }
    if (mem->ops->read != NULL &&
        mem->ops->read(mem->ctx, ptw_pa_of(pa), out, bytes) == PTW_OK) {
        return PTW_OK;
    }
    for (size_t at = 0; at < bytes; at += n) {
        st = read_number(mem, r, pa + at, bytes - at, out + at, &n);
        if (st != PTW_OK) {
            *run = at > 0 ? at : n;
            return at > 0 ? PTW_OK : st;
        }
    }
    return PTW_OK;
}

enum ptw_status ptw_read_bytes(const struct ptw_mem *mem, ptw_pa pa,
                               void *buffer, size_t bytes, size_t *run)
{
    size_t i = ptw_find_from(mem, pa.v);
    const struct ptw_region *r = ptw_regions(mem) + i;

    *run = bytes;
    if (bytes == 0 || bytes - 1 > UINT64_MAX - pa.v) {
        return PTW_E_RANGE;
    }
    if (i == mem->regions) {
        return PTW_E_BUS;
    }
    if (r->first.v > pa.v) {
        if (r->first.v - pa.v < bytes) {
            *run = (size_t)(r->first.v - pa.v);
        }
        return PTW_E_BUS;
    }
    if (r->last.v - pa.v < bytes - 1) {
        *run = (size_t)(r->last.v - pa.v) + 1;
    }
    if (r->host == NULL) {
        return read_served(mem, r, pa.v, buffer, *run, run);
    }
    memcpy(buffer, ptw_host(r, pa.v), *run);
    return PTW_OK;
}

const void *ptw_page_bytes(const struct ptw_mem *mem, uint64_t pa, size_t bytes,
                           uint64_t *buffer)
{
    unsigned char *out = (unsigned char *)buffer;
    const void *p;
    size_t run = 0;

    if (ptw_page_zeros(mem, pa, bytes)) {
        memset(buffer, 0, bytes);
        return buffer;
    }
    p = ptw_direct(mem, pa, bytes);
    if (p != NULL) {
        return p;
    }
    for (size_t at = 0; at < bytes; at += run) {
        if (ptw_read_bytes(mem, ptw_pa_of(pa + at), out + at, bytes - at,
                           &run) != PTW_OK) {
            return NULL;
        }
    }
    return buffer;
}

void ptw_compare_parts(const struct ptw_mem *a, ptw_pa pa_a, uint64_t *room_a,
                       const struct ptw_mem *b, ptw_pa pa_b, uint64_t *room_b,
                       size_t bytes, struct ptw_parts *out)
{
    const struct ptw_mem *const mem[] = {a, b};
    const ptw_pa pa[] = {pa_a, pa_b};
    unsigned char *const room[] = {(unsigned char *)room_a,
                                   (unsigned char *)room_b};
    size_t end[] = {0, 0}; /* of what is known of a side */
    bool can[] = {false, false};
    bool both = true;
    size_t next;

    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < bytes; at = next) {
        for (unsigned i = 0; i < 2; i++) {
            size_t run = 0;

            if (end[i] == at) {
                can[i] =
                    ptw_read_bytes(mem[i], ptw_pa_of(pa[i].v + at),
                                   room[i] + at, bytes - at, &run) == PTW_OK;
                end[i] = at + run;
            }
        }
        next = end[0] < end[1] ? end[0] : end[1];
        out->both += can[0] && can[1] ? (uint32_t)(next - at) : 0;
        out->only_a += can[0] && !can[1] ? (uint32_t)(next - at) : 0;
        out->only_b += !can[0] && can[1] ? (uint32_t)(next - at) : 0;
        if ((can[0] && can[1]) != both) {
            both = !both;
            out->shape = (out->shape ^ (at + 1)) * 0x9E3779B97F4A7C15;
        }
        if (!both) {
            memset(room[0] + at, 0, next - at);
            memset(room[1] + at, 0, next - at);
        }
    }
    out->neither = (uint32_t)bytes - out->both - out->only_a - out->only_b;
    out->same = memcmp(room_a, room_b, bytes) == 0;
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
