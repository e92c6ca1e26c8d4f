/* SPDX-License-Identifier: Apache-2.0 */
/* slot.c with a mistake, which the corpora find: the recent slot is taken for
 * addresses behind its end. */
#include "vm.h"

const struct vm_slot *vm_slot_at(struct vm *vm, uint64_t gpa)
{
    const struct vm_slot *recent = vm->recent;

    if (recent != NULL && gpa >= recent->first) {
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
