/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that callbacks serve: the callbacks of either width, out of one that
 * reads and one that writes. */
#ifndef PTW_FUZZ_SERVED_H
#define PTW_FUZZ_SERVED_H

#include "ptwalk/mem.h"
#include "watch.h"

/* The first member of what the callbacks have for a context. */
struct fz_served {
    enum ptw_status (*get)(void *ctx, uint64_t pa, unsigned bytes,
                           uint64_t *out);
    enum ptw_status (*put)(void *ctx, uint64_t pa, unsigned bytes,
                           uint64_t value);
};

/* fz_served_ops returns the callbacks with these optional ones, which may be
 * NULL. */
struct ptw_mem_ops fz_served_ops(
    const void *(*borrow)(void *ctx, ptw_pa pa, uint64_t bytes),
    enum ptw_status (*read)(void *ctx, ptw_pa pa, void *buffer, size_t bytes),
    bool (*zeros)(void *ctx, ptw_pa pa, uint64_t bytes));

/* fz_offer lets the host, if there is one, put its accessor in the place of
 * mem, which is one of these regions (offer.h), and whoever watches look at it.
 * ops is NULL when all are host memory. */
PTW_NODISCARD enum ptw_status fz_offer(struct ptw_mem *mem,
                                       enum fz_memory_of of,
                                       const struct ptw_mem_ops *ops, void *ctx,
                                       const struct ptw_region *region,
                                       size_t count);

#endif
