/* SPDX-License-Identifier: Apache-2.0 */
/* Puts this monitor's accessor under the fuzz targets: the memory of an input
 * becomes the slots of a guest. */
#include "offer.h"

#include "accessor.h"
#include "vm.h"

/* What stands behind a guest: slots, a device that asks the harness, and the
 * regions by which ptwalk checks addresses. */
struct guest {
    struct vm vm;
    const struct ptw_mem_ops *ops;
    void *ctx;
    struct ptw_region region[FZ_HOST_REGIONS];
};

static struct guest guests[FZ_HOST_MEMORIES];

const bool fz_host_lends = false; /* devices lend nothing */

static int load(void *device, uint64_t gpa, unsigned width, uint64_t *value)
{
    const struct guest *g = device;
    uint32_t narrow = 0;
    enum ptw_status st;

    if (width == 8) {
        return (int)g->ops->read64(g->ctx, ptw_pa_of(gpa), value);
    }
    st = g->ops->read32(g->ctx, ptw_pa_of(gpa), &narrow);
    *value = narrow;
    return (int)st;
}

static int store(void *device, uint64_t gpa, unsigned width, uint64_t value)
{
    const struct guest *g = device;
    enum ptw_status st = PTW_E_READONLY;

    if (width == 8 && g->ops->write64 != NULL) {
        st = g->ops->write64(g->ctx, ptw_pa_of(gpa), value);
    } else if (width == 4 && g->ops->write32 != NULL) {
        st = g->ops->write32(g->ctx, ptw_pa_of(gpa), (uint32_t)value);
    }
    return (int)st;
}

enum ptw_status fz_host_memory(unsigned number, struct ptw_mem *mem,
                               const struct ptw_mem_ops *ops, void *ctx,
                               const struct ptw_region *region, size_t count)
{
    struct guest *g = &guests[number];
    const struct vm_device device = {g, load, store};

    vm_init(&g->vm, &device);
    g->ops = ops;
    g->ctx = ctx;
    for (size_t i = 0; i < count; i++) {
        /* It is written only where the region may be. */
        const struct vm_slot slot = {region[i].first.v, region[i].last.v,
                                     (unsigned char *)region[i].host,
                                     region[i].writable};

        if (!vm_add_slot(&g->vm, &slot)) {
            return PTW_E_SPACE;
        }
        g->region[i] = region[i];
        g->region[i].host = NULL; /* all of it goes through the accessor */
    }
    return ptw_mem_init_callbacks(mem, &vm_mem_ops, &g->vm, g->region, count);
}
