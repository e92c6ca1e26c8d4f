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

#define SET(name, value)                                                       \
    __asm__ volatile("csrw " name ", %0" : : "r"((unsigned long)(value)))

/* satp, and menvcfg, of which RV32 has the upper half in menvcfgh. */
void machine_set(const uint64_t *reg)
{
    SET("0x30a", reg[1]);
#if __riscv_xlen == 32
    SET("0x31a", reg[1] >> 32);
#endif
    SET("satp", reg[0]);
    __asm__ volatile("sfence.vma" : : : "memory");
}
