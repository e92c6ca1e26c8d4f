/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

/* Accesses follow each other in the same slot. */
const struct vm_slot *vm_slot_at(struct vm *vm, uint64_t gpa)
{
    const struct vm_slot *recent = vm->recent;

    if (recent != NULL && gpa >= recent->first && gpa <= recent->last) {
        return recent;
    }
    for (size_t i = 0; i < vm->slots; i++) {
        const struct vm_slot *s = &vm->slot[i];

        if (gpa >= s->first && gpa <= s->last) {
            vm->recent = s;
            return s;
        }
    }
    return NULL;
}
