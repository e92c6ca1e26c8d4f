/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest layer of a guest in long mode.  Everything here is constant, down
 * to the accessed bits of the descriptors, so that it can be mapped read-only.
 *
 * Intel SDM vol. 3A, "64-Bit Mode IDT" and "64-Bit Mode Task State Segment". */
#include "guest.h"

    .macro segment name
    .quad \name\()_va, \name\()_bytes, \name\()_offset
    .endm

    .section .head, "ax"
    .globl _start
_start:
    .quad guest_entry, guest_doorbell
    .quad gdt, gdt_end - gdt - 1, idt, idt_end - idt - 1, tss
    .quad guest_mailbox
    segment text
    segment data
    segment stack
    segment user_text
    segment user_data

    .org GUEST_HEADER_BYTES
vectors:
    .set i, 0
    .rept GUEST_VECTORS
    .balign 16
    .if i != 8 && (i < 10 || i > 14) && i != 17 && i != 21
    pushq $0
    .endif
    pushq $i
    jmp trap
    .set i, i + 1
    .endr

    .balign 16
trap:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call guest_trap
    mov %rbp, %rdi

    .globl guest_resume
guest_resume:
    mov %rdi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

/* Traps from user mode have the upper page of the stack. */
guest_entry:
    lea guest_stack_top - 4096(%rip), %rsp
    call guest_main

    .globl guest_call
guest_call:
    mov %rdi, %rax
    mov %rdx, %rdi
    mov $GUEST_PORT, %edx
guest_doorbell:
    out %eax, %dx
    ret

    .balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00affb000000ffff
    .quad 0x00cff3000000ffff
gdt_end:

    .balign 16
tss:
    .long 0
    .quad guest_stack_top
    .zero 0x68 - 12

    .balign 16
idt:
    .set i, 0
    .rept GUEST_VECTORS
    .set at, KERNEL_VA + GUEST_HEADER_BYTES + 16 * i
    .word at & 0xffff
    .word GUEST_KERNEL_CODE
    .word 0x8e00
    .word at >> 16 & 0xffff
    .long at >> 32 & 0xffffffff
    .long 0
    .set i, i + 1
    .endr
idt_end:
