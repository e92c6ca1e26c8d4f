/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V machine mode: the entry, the trap, and one access.  RISC-V Privileged
 * Architecture, "Machine Status Registers", "Memory Privilege in mstatus
 * Register": with MPRV set, loads and stores are made as in the mode that MPP
 * names.  A trap sets MPP to machine mode, so it takes that back. */
#include "qemu.h"

#if __riscv_xlen == 64
#define LOAD  ld
#define STORE sd
#define BYTES 8
#else
#define LOAD  lw
#define STORE sw
#define BYTES 4
#endif

    .section .start, "ax"
    .globl start
start:
    la sp, stack_top
    la t0, trap
    csrw mtvec, t0
    csrw mie, zero
    /* "Physical Memory Protection": one region, of the RAM, RWX.  Where there is
     * no memory, QEMU 7.2 has a walk of tables end in a page fault, and in an
     * access fault only where that is what forbids it. */
    li t0, (QEMU_RAM_RISCV >> 2) | ((QEMU_RAM_BYTES >> 3) - 1)
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    csrw mscratch, zero
    call guest_main

    .text
/* void machine_try(struct qemu_question *q): MODE has the bits that SUM, MXR and
 * MPRV have in mstatus, from bit 16 on. */
    .globl machine_try
machine_try:
    addi sp, sp, -2 * BYTES
    STORE ra, 0(sp)
    STORE gp, BYTES(sp)
    csrw mscratch, sp
    la t0, question
    STORE a0, 0(t0)
    LOAD a1, QEMU_Q_VA(a0)
    lbu t0, QEMU_Q_KIND(a0)
    lbu t1, QEMU_Q_USER(a0)
    lbu t2, QEMU_Q_MODE(a0)
    li t3, 0xe1800
    csrc mstatus, t3
    slli t2, t2, 16
    csrs mstatus, t2
    bnez t1, 1f
    li t1, 0x800 /* MPP: supervisor */
    csrs mstatus, t1
1:
    li t1, QEMU_WRITE
    beq t0, t1, try_write
    li t1, QEMU_EXEC
    beq t0, t1, try_exec
    li t3, 0x20000 /* MPRV */
    csrs mstatus, t3
    LOAD a2, 0(a1)
    csrc mstatus, t3
    STORE a2, QEMU_Q_VALUE(a0)
    j passed

try_write:
    li a2, QEMU_WRITTEN
    li t3, 0x20000
    csrs mstatus, t3
    sb a2, 0(a1)
    csrc mstatus, t3

passed:
    li t0, QEMU_PASSED
    sw t0, QEMU_Q_CAUSE(a0)
leave:
    csrw mscratch, zero
    LOAD ra, 0(sp)
    LOAD gp, BYTES(sp)
    addi sp, sp, 2 * BYTES
    ret

/* What is found there says in a0 which page it is, and ends in ebreak. */
try_exec:
    csrw mepc, a1
    li a0, 0
    mret

    .align 2
trap:
    csrr sp, mscratch
    beqz sp, lost
    la t0, question
    LOAD t0, 0(t0)
    STORE a0, QEMU_Q_VALUE(t0)
    csrr t1, mcause
    STORE t1, QEMU_Q_CAUSE(t0)
    csrr t1, mtval
    STORE t1, QEMU_Q_AT(t0)
    mv a0, t0
    li t3, 0xe1800
    csrc mstatus, t3
    j leave

lost:
    la sp, stack_top
    csrr a0, mcause
    csrr a1, mepc
    call guest_lost

    .bss
    .align 3
question:
    .zero 8
