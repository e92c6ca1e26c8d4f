/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

#include <string.h>

void vm_init(struct vm *vm, const struct vm_device *device)
{
    memset(vm, 0, sizeof *vm);
    vm->device = *device;
}

bool vm_add_slot(struct vm *vm, const struct vm_slot *slot)
{
    if (vm->slots == VM_SLOTS) {
        return false;
    }
    vm->slot[vm->slots++] = *slot;
    return true;
}

unsigned char *vm_ram(struct vm *vm, uint64_t gpa, uint64_t bytes)
{
    const struct vm_slot *s = vm_slot_at(vm, gpa);

    if (s == NULL || s->ram == NULL || bytes == 0 ||
        bytes - 1 > s->last - gpa) {
        return NULL;
    }
    return s->ram + (gpa - s->first);
}

/* Whether a device stands there. */
static bool is_device(struct vm *vm, uint64_t gpa)
{
    const struct vm_slot *s = vm_slot_at(vm, gpa);

    return s != NULL && s->ram == NULL;
}

int vm_load(struct vm *vm, uint64_t gpa, unsigned width, uint64_t *value)
{
    const unsigned char *at = vm_ram(vm, gpa, width);
    unsigned char copy[8];

    if (at == NULL) {
        return is_device(vm, gpa)
                   ? vm->device.load(vm->device.device, gpa, width, value)
                   : VM_NO_MEMORY;
    }
    /* Once: the guest may write at the same time. */
    memcpy(copy, at, width);
    *value = 0;
    for (unsigned i = 0; i < width; i++) {
        *value |= (uint64_t)copy[i] << 8 * i;
    }
    return 0;
}

int vm_store(struct vm *vm, uint64_t gpa, unsigned width, uint64_t value)
{
    unsigned char *at = vm_ram(vm, gpa, width);

    if (at == NULL) {
        return is_device(vm, gpa)
                   ? vm->device.store(vm->device.device, gpa, width, value)
                   : VM_NO_MEMORY;
    }
    for (unsigned i = 0; i < width; i++) {
        at[i] = (unsigned char)(value >> 8 * i);
    }
    return 0;
}
