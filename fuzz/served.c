/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"

#include "offer.h"

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    const struct fz_served *s = ctx;
    uint64_t v = 0;
    enum ptw_status st = s->get(ctx, pa.v, 4, &v);

    if (st == PTW_OK) {
        *out = (uint32_t)v;
    }
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    const struct fz_served *s = ctx;
    uint64_t v = 0;
    enum ptw_status st = s->get(ctx, pa.v, 8, &v);

    if (st == PTW_OK) {
        *out = v;
    }
    return st;
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    const struct fz_served *s = ctx;

    return s->put(ctx, pa.v, 4, value);
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    const struct fz_served *s = ctx;

    return s->put(ctx, pa.v, 8, value);
}

struct ptw_mem_ops fz_served_ops(
    const void *(*borrow)(void *ctx, ptw_pa pa, uint64_t bytes),
    enum ptw_status (*read)(void *ctx, ptw_pa pa, void *buffer, size_t bytes),
    bool (*zeros)(void *ctx, ptw_pa pa, uint64_t bytes))
{
    return (struct ptw_mem_ops){
        .read32 = read32,
        .read64 = read64,
        .read = read,
        .borrow = borrow,
        .zeros = zeros,
        .write32 = write32,
        .write64 = write64,
    };
}

enum ptw_status fz_offer(struct ptw_mem *mem, enum fz_memory_of of,
                         const struct ptw_mem_ops *ops, void *ctx,
                         const struct ptw_region *region, size_t count)
{
    static unsigned number;
    enum ptw_status st;

    number = (number + 1) % FZ_HOST_MEMORIES;
    st = fz_host_memory(number, mem, ops, ctx, region, count);
    return st == PTW_OK ? fz_watch(mem, of, region, count) : st;
}
