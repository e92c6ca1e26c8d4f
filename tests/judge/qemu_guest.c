/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of QEMU's emulators that does nothing but try accesses and say what
 * came of them.  It runs without translation, in the highest mode of its
 * processor. */
#include "qemu_guest.h"

static struct qemu_mailbox *mailbox(void)
{
    return (struct qemu_mailbox *)(RAM_BASE + QEMU_MAILBOX);
}

void guest_lost(unsigned long cause, unsigned long at)
{
    mailbox()->at[0].cause = cause;
    mailbox()->at[0].at = at;
    machine_put(QEMU_LOST);
    for (;;) {
    }
}

void guest_main(void)
{
    struct qemu_mailbox *m = mailbox();

    for (;;) {
        machine_put(QEMU_READY);
        while (machine_get() != QEMU_GO) {
        }
        machine_set(m->reg);
        for (uint32_t i = 0; i < m->questions; i++) {
            machine_try(&m->at[i]);
        }
    }
}
