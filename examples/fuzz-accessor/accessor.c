/* SPDX-License-Identifier: Apache-2.0 */
#include "accessor.h"

#include "vm.h"

#include <string.h>

/* The numbers of devices are ptwalk's. */
static enum ptw_status status_of(int refusal)
{
    return refusal == VM_NO_MEMORY ? PTW_E_BUS : (enum ptw_status)refusal;
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t value = 0;
    enum ptw_status st = status_of(vm_load(ctx, pa.v, 4, &value));

    if (st == PTW_OK) {
        *out = (uint32_t)value;
    }
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    uint64_t value = 0;
    enum ptw_status st = status_of(vm_load(ctx, pa.v, 8, &value));

    if (st == PTW_OK) {
        *out = value;
    }
    return st;
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    return status_of(vm_store(ctx, pa.v, 4, value));
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    return status_of(vm_store(ctx, pa.v, 8, value));
}

/* Devices are read number by number. */
static enum ptw_status read(void *ctx, ptw_pa pa, void *buffer, size_t bytes)
{
    const unsigned char *ram = vm_ram(ctx, pa.v, bytes);

    if (ram == NULL) {
        return PTW_E_BUS;
    }
    memcpy(buffer, ram, bytes);
    return PTW_OK;
}

static const void *borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    return vm_ram(ctx, pa.v, bytes);
}

const struct ptw_mem_ops vm_mem_ops = {
    .read32 = read32,
    .read64 = read64,
    .read = read,
    .borrow = borrow,
    .write32 = write32,
    .write64 = write64,
};
