/* SPDX-License-Identifier: Apache-2.0 */
/* AArch64 at EL3: the entry, the vectors of all exception levels, and accesses.
 * Arm ARM, "AArch64 Exception model". */
#include "qemu.h"

    .arch armv8.2-a

    .section .start, "ax"
    .globl start
start:
    ldr x0, =stack_top
    mov sp, x0
    ldr x0, =machine_page
    msr vbar_el3, x0
    /* SCR_EL3: NS, RES1, HCE, RW. */
    mov x0, #0x531
    msr scr_el3, x0
    msr cptr_el3, xzr
    isb
    bl guest_main
    .ltorg

/* One page, mapped at its own address, or a fixed distance from it, by whatever
 * tables are tried.  Vectors of EL1 and EL2 leave for EL3.  At EL3, a trap may
 * find translation on. */
    .section .page, "ax"
    .balign 0x10000
    .globl machine_page
machine_page:
    .org machine_page + 0x200 /* the same level, with its own stack pointer */
    mrs x17, CurrentEL
    cmp x17, #0xc
    b.eq 1f
    smc #0
1:  mrs x17, sctlr_el3
    bic x17, x17, #1
    msr sctlr_el3, x17
    isb
    b trap_here
    .org machine_page + 0x400 /* a lower level, AArch64 */
    mrs x17, CurrentEL
    cmp x17, #0xc
    b.eq 1f
    smc #0
1:  b trap_below

/* At the level that is tried: x1 is the address. */
    .org machine_page + 0x800
    .globl machine_read
machine_read:
    ldr x0, [x1]
    svc #0
    .globl machine_write
machine_write:
    mov w2, #QEMU_WRITTEN
    strb w2, [x1]
    svc #0

/* x0 = machine_el3(va, on): the same at EL3 itself, and probes.  on is SCTLR_EL3
 * with M set. */
    .macro at_el3 name, access:vararg
    .globl \name
\name:
    mrs x2, sctlr_el3
    msr sctlr_el3, x1
    isb
    \access
    msr sctlr_el3, x2
    isb
    ret
    .endm
    .macro probe operation
    at \operation, x0
    isb
    mrs x0, par_el1
    .endm
    .macro store
    mov w3, #QEMU_WRITTEN
    strb w3, [x0]
    .endm
    at_el3 machine_el3_read, ldr x0, [x0]
    at_el3 machine_el3_write, store
    at_el3 machine_el3_probe_read, probe s1e3r
    at_el3 machine_el3_probe_write, probe s1e3w

/* machine_el3_jump(va, on) does not return: a trap returns from machine_enter. */
    .globl machine_el3_jump
machine_el3_jump:
    msr sctlr_el3, x1
    isb
    mov x1, x0
    mov x0, #0
    ret x1 /* which no guarded page minds */

    .text
/* x0 = machine_enter(pc, spsr, va, on): to another level, at pc with va in x1; or,
 * with spsr 0xffff, to machine_el3_jump.  The trap returns from here what x0 was
 * then. */
    .globl machine_enter
machine_enter:
    stp x29, x30, [sp, #-96]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    adrp x9, saved
    add x9, x9, :lo12:saved
    mov x10, sp
    str x10, [x9]
    mov x11, #0xffff
    cmp x1, x11
    b.eq 1f
    msr elr_el3, x0
    msr spsr_el3, x1
    mov x1, x2
    mov x0, #0
    isb
    eret
1:  mov x1, x3
    mov x0, x2
    b machine_el3_jump

/* SMC of a lower level. */
trap_below:
    adrp x9, saved
    add x9, x9, :lo12:saved
    ldr x10, [x9]
    cbz x10, lost
    mov sp, x10
    str xzr, [x9]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp x29, x30, [sp], #96
    ret

/* A trap of EL3: inside machine_enter, or of a function above, which goes on
 * behind the instruction.  x16 and x17 are nobody's. */
trap_here:
    adrp x17, machine_trap
    add x17, x17, :lo12:machine_trap
    mrs x16, esr_el3
    str x16, [x17]
    mrs x16, far_el3
    str x16, [x17, #8]
    adrp x16, saved
    ldr x16, [x16, :lo12:saved]
    cbnz x16, trap_below
    mrs x16, elr_el3
    add x16, x16, #4
    msr elr_el3, x16
    ldr x16, [x17, #16]
    cbz x16, lost
    eret

lost:
    ldr x0, =stack_top
    mov sp, x0
    mrs x0, esr_el3
    mrs x1, elr_el3
    bl guest_lost
    .ltorg

    .data
    .balign 8
saved:
    .quad 0
    .globl machine_trap
machine_trap: /* ESR_EL3, FAR_EL3; not 0: a trap is expected */
    .quad 0, 0, 0
