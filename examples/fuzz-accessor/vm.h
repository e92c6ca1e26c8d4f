/* SPDX-License-Identifier: Apache-2.0 */
/* A small virtual machine monitor's guest memory: slots, each a range of guest
 * physical addresses that host memory stands behind, or a device.  It knows
 * nothing of ptwalk. */
#ifndef EXAMPLE_VM_H
#define EXAMPLE_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VM_SLOTS = 16 };

/* What a device does; the width is 4 or 8 bytes.  It returns 0, or a number above
 * it that says why it refuses. */
struct vm_device {
    void *device;
    int (*load)(void *device, uint64_t gpa, unsigned width, uint64_t *value);
    int (*store)(void *device, uint64_t gpa, unsigned width, uint64_t value);
};

struct vm_slot {
    uint64_t first;     /* guest physical addresses, */
    uint64_t last;      /* a closed range */
    unsigned char *ram; /* NULL: a device */
    bool writable;
};

struct vm {
    struct vm_slot slot[VM_SLOTS]; /* ascending */
    size_t slots;
    const struct vm_slot *recent; /* where the last access was, or NULL */
    struct vm_device device;      /* all of them */
};

/* vm_init makes a guest without memory. */
void vm_init(struct vm *vm, const struct vm_device *device);

/* vm_add_slot adds one, which lies behind all that there are; false: there is no
 * room. */
bool vm_add_slot(struct vm *vm, const struct vm_slot *slot);

/* vm_slot_at returns the slot that an address is in, or NULL. */
const struct vm_slot *vm_slot_at(struct vm *vm, uint64_t gpa);

/* vm_load and vm_store access 4 or 8 bytes of one slot, once; a number of the
 * guest is little-endian.  They return 0, what a device returned, or
 * VM_NO_MEMORY. */
enum { VM_NO_MEMORY = -1 };
int vm_load(struct vm *vm, uint64_t gpa, unsigned width, uint64_t *value);
int vm_store(struct vm *vm, uint64_t gpa, unsigned width, uint64_t value);

/* vm_ram returns the host memory of so many bytes, or NULL when they are not all
 * in one slot of host memory. */
unsigned char *vm_ram(struct vm *vm, uint64_t gpa, uint64_t bytes);

#endif
