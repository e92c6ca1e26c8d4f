/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor's inner half, inlined into the engine. */
#ifndef PTW_MEM_H
#define PTW_MEM_H

#include "load.h"
#include "ptwalk/mem.h"

/* ptw_regions returns the array of regions, ascending. */
PTW_ENGINE const struct ptw_region *ptw_regions(const struct ptw_mem *mem)
{
    return mem->region != NULL ? mem->region : &mem->flat;
}

/* ptw_find_from returns the index of the first region that ends at pa or later,
 * mem->regions when none does.  The distance between low and high falls on
 * every pass. */
PTW_ENGINE size_t ptw_find_from(const struct ptw_mem *mem, uint64_t pa)
{
    const struct ptw_region *r = ptw_regions(mem);
    size_t low = 0;
    size_t high = mem->regions;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (pa > r[mid].last.v) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* ptw_find returns the region that holds pa, or NULL. */
PTW_ENGINE const struct ptw_region *ptw_find(const struct ptw_mem *mem,
                                             uint64_t pa)
{
    const struct ptw_region *r = ptw_regions(mem);

    if (PTW_UNLIKELY(mem->regions != 1)) {
        size_t i = ptw_find_from(mem, pa);

        if (i == mem->regions) {
            return NULL;
        }
        r += i;
    }
    return pa >= r->first.v && pa <= r->last.v ? r : NULL;
}

/* ptw_touches says whether any region holds a byte of [pa, pa + bytes); bytes
 * is not 0 and the range does not wrap. */
PTW_ENGINE bool ptw_touches(const struct ptw_mem *mem, uint64_t pa,
                            uint64_t bytes)
{
    size_t i = ptw_find_from(mem, pa);

    return i < mem->regions && ptw_regions(mem)[i].first.v <= pa + (bytes - 1);
}

/* ptw_unreadable says how many numbers of `bytes` bytes, of `most` one behind
 * the other from pa on, begin where no region is: none of them can be read. */
unsigned ptw_unreadable(const struct ptw_mem *mem, uint64_t pa, unsigned bytes,
                        unsigned most);

/* ptw_find_range is ptw_find for all of [pa, pa + bytes); bytes is not 0. */
PTW_ENGINE const struct ptw_region *ptw_find_range(const struct ptw_mem *mem,
                                                   uint64_t pa, uint64_t bytes)
{
    const struct ptw_region *r = ptw_find(mem, pa);

    return r != NULL && r->last.v - pa >= bytes - 1 ? r : NULL;
}

/* ptw_host returns where the byte at pa of region r lies on the host. */
PTW_ENGINE const unsigned char *ptw_host(const struct ptw_region *r,
                                         uint64_t pa)
{
    return (const unsigned char *)r->host + (size_t)(pa - r->first.v);
}

/* ptw_direct returns the bytes of [pa, pa + bytes), aligned to 8 on the host if
 * pa is, or NULL. */
PTW_ENGINE const void *ptw_direct(const struct ptw_mem *mem, uint64_t pa,
                                  uint64_t bytes)
{
    const struct ptw_region *r = ptw_find_range(mem, pa, bytes);
    const void *p;

    if (PTW_UNLIKELY(r == NULL)) {
        return NULL;
    }
    if (PTW_LIKELY(r->host != NULL)) {
        p = ptw_host(r, pa);
    } else if (mem->ops->borrow != NULL) {
        p = mem->ops->borrow(mem->ctx, ptw_pa_of(pa), bytes);
    } else {
        p = NULL;
    }
    return (((uintptr_t)p ^ (uintptr_t)pa) & 7) == 0 ? p : NULL;
}

/* ptw_writable returns the bytes of a table where they can be written directly,
 * or NULL.  What a callback lends is for reading only.  The cast takes away a
 * const that the host, by saying "writable", promised was never there. */
PTW_ENGINE void *ptw_writable(const struct ptw_mem *mem, uint64_t table,
                              uint64_t bytes)
{
    const struct ptw_region *r = ptw_find_range(mem, table, bytes);
    const void *p;

    if (r == NULL || !r->writable || r->host == NULL) {
        return NULL;
    }
    p = ptw_host(r, table);
    return ((uintptr_t)p & 7) == 0 ? (void *)(uintptr_t)p : NULL;
}

/* ptw_page_zeros says whether the page of `bytes` at pa is known to be
 * zeros. */
PTW_ENGINE bool ptw_page_zeros(const struct ptw_mem *mem, uint64_t pa,
                               uint64_t bytes)
{
    return mem->ops != NULL && mem->ops->zeros != NULL &&
           ptw_find_range(mem, pa, bytes) != NULL &&
           mem->ops->zeros(mem->ctx, ptw_pa_of(pa), bytes);
}

/* ptw_page_bytes returns the page of `bytes` at pa, or NULL when it can't all
 * be read; several regions may have it together.  Where it can't be borrowed it
 * is copied to buffer, which has room for it and is aligned to 8; where it is
 * known to be zeros it is not read. */
const void *ptw_page_bytes(const struct ptw_mem *mem, uint64_t pa, size_t bytes,
                           uint64_t *buffer);

/* ptw_can_be_cached says whether region r has entries that can be read directly. */
PTW_ENGINE bool ptw_can_be_cached(const struct ptw_region *r)
{
    return r->host != NULL && r->last.v - r->first.v >= 7 &&
           (((uintptr_t)r->host ^ (uintptr_t)r->first.v) & 7) == 0;
}

/* ptw_cache_this makes cache region r, which can be cached; ptw_cache_region what
 * can be read directly of r, which may be NULL. */
PTW_ENGINE void ptw_cache_this(struct ptw_region_cache *cache,
                               const struct ptw_region *r)
{
    cache->first = r->first.v;
    cache->entries_end = r->last.v - r->first.v - 6;
    cache->host = r->host;
    cache->writable = r->writable;
}

PTW_ENGINE void ptw_cache_region(struct ptw_region_cache *cache,
                                 const struct ptw_region *r)
{
    if (r != NULL && ptw_can_be_cached(r)) {
        ptw_cache_this(cache, r);
    } else {
        *cache = (struct ptw_region_cache){0, 0, NULL, false};
    }
}

/* ptw_cached_at returns what can be read directly around pa. */
struct ptw_region_cache ptw_cached_at(const struct ptw_mem *mem, uint64_t pa);

/* ptw_put_entry writes a number of 4 or 8 bytes at pa, aligned to its size. */
enum ptw_status ptw_put_entry(const struct ptw_mem *mem, uint64_t pa,
                              unsigned bytes, uint64_t value);

/* ptw_get_served32 reads 4 bytes of a region that is served by callbacks. */
enum ptw_status ptw_get_served32(const struct ptw_mem *mem,
                                 const struct ptw_region *r, uint64_t pa,
                                 uint32_t *out);

/* ptw_get_many reads n entries at once, n at most PTW_MAX_WINDOW, where
 * callbacks offer that; fewer, where the region ends.  Returns how many, or 0.
 */
unsigned ptw_get_many(const struct ptw_mem *mem, uint64_t pa, unsigned bytes,
                      unsigned n, uint64_t raw[PTW_MAX_WINDOW]);

/* ptw_get reads a number of 4 or 8 bytes at pa, within one region. */
PTW_ENGINE enum ptw_status ptw_get(const struct ptw_mem *mem, uint64_t pa,
                                   unsigned bytes, uint64_t *out)
{
    const struct ptw_region *r = ptw_find_range(mem, pa, bytes);
    const unsigned char *p;
    enum ptw_status st;
    uint32_t narrow = 0;

    if (PTW_UNLIKELY(r == NULL)) {
        return PTW_E_BUS;
    }
    if (PTW_LIKELY(r->host != NULL)) {
        p = ptw_host(r, pa);
        if (PTW_UNLIKELY(((uintptr_t)p & (bytes - 1)) != 0)) {
            *out = ptw_load_bytes(p, bytes);
        } else if (bytes == 8) {
            *out = ptw_load64(p);
        } else {
            *out = ptw_load32(p);
        }
        return PTW_OK;
    }
    if (bytes == 8) {
        return mem->ops->read64(mem->ctx, ptw_pa_of(pa), out);
    }
    st = ptw_get_served32(mem, r, pa, &narrow);
    *out = narrow;
    return st;
}

/* ptw_get_missed is ptw_get, out of line, for an entry that is not in the cache;
 * *region is the one to be cached next, if there is one that can be. */
enum ptw_status ptw_get_missed(const struct ptw_mem *mem, uint64_t pa,
                               unsigned bytes, uint64_t *out,
                               const struct ptw_region **region);

/* ptw_get_cached is ptw_get for an aligned entry that is probably where the
 * last one was; cache follows. */
PTW_ENGINE enum ptw_status ptw_get_cached(const struct ptw_mem *mem,
                                          struct ptw_region_cache *cache,
                                          uint64_t pa, unsigned bytes,
                                          uint64_t *out)
{
    uint64_t offset = pa - cache->first;

    if (PTW_UNLIKELY(offset >= cache->entries_end)) {
        const struct ptw_region *region;
        uint64_t got = 0;
        enum ptw_status st = ptw_get_missed(mem, pa, bytes, &got, &region);

        if (region != NULL) {
            ptw_cache_this(cache, region);
        }
        *out = got;
        return st;
    }
    *out = bytes == 8 ? ptw_load64(cache->host + (size_t)offset)
                      : ptw_load32(cache->host + (size_t)offset);
    return PTW_OK;
}

/* ptw_readable_cached returns the bytes [pa, pa + bytes), 8 or more and
 * probably where the last entry was, if they can be read directly, or NULL;
 * cache follows. */
PTW_ENGINE const void *ptw_readable_cached(const struct ptw_mem *mem,
                                           struct ptw_region_cache *cache,
                                           uint64_t pa, uint64_t bytes)
{
    uint64_t offset = pa - cache->first;

    if (PTW_UNLIKELY(offset >= cache->entries_end)) {
        *cache = ptw_cached_at(mem, pa);
        offset = pa - cache->first;
        if (offset >= cache->entries_end) {
            return NULL;
        }
    }
    return cache->entries_end - offset > bytes - 8
               ? cache->host + (size_t)offset
               : NULL;
}

/* ptw_writable_cached is the same for bytes that can be written directly.  The
 * cast takes away a const that the host, by saying "writable", promised was
 * never there. */
PTW_ENGINE void *ptw_writable_cached(const struct ptw_mem *mem,
                                     struct ptw_region_cache *cache,
                                     uint64_t pa, uint64_t bytes)
{
    const void *p = ptw_readable_cached(mem, cache, pa, bytes);

    return p != NULL && cache->writable ? (void *)(uintptr_t)p : NULL;
}

#endif
