/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V's "virt" machine: the serial line is a 16550. */
#include "qemu_guest.h"

static volatile unsigned char *const uart =
    (volatile unsigned char *)0x10000000;

void machine_put(unsigned char byte)
{
    uart[0] = byte;
}

unsigned char machine_get(void)
{
    while ((uart[5] & 1) == 0) { /* line status: data ready */
    }
    return uart[0];
}

/* SATP, and menvcfg where it is not 0. */
void machine_set(const uint64_t *reg)
{
    if (reg[1] != 0) {
        __asm__ volatile("csrw 0x30a, %0" : : "r"((unsigned long)reg[1]));
    }
    __asm__ volatile("csrw satp, %0\n\tsfence.vma"
                     :
                     : "r"((unsigned long)reg[0])
                     : "memory");
}
