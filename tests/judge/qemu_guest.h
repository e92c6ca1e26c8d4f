/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest asks of its machine. */
#ifndef PTW_TESTS_JUDGE_QEMU_GUEST_H
#define PTW_TESTS_JUDGE_QEMU_GUEST_H

#include "qemu.h"

/* The serial line. */
void machine_put(unsigned char byte);
unsigned char machine_get(void);

/* machine_set sets the registers, and forgets what it knew of tables. */
void machine_set(const uint64_t *reg);

/* machine_try makes the access and fills in what came of it. */
void machine_try(struct qemu_question *q);

/* The image starts with an entry that sets up a stack and calls guest_main.  A
 * trap that no access explains ends in guest_lost. */
void guest_main(void);
void guest_lost(unsigned long cause, unsigned long at);

#endif
