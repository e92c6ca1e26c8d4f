/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest layer of a guest in protected mode; see cpu_amd64.S.
 *
 * The data segments are the user's in the kernel, too: IRET to user mode would
 * take others away. */
#include "guest.h"

    .macro address value
    .long \value, 0
    .endm

    .macro segment name
    address \name\()_va
    address \name\()_bytes
    address \name\()_offset
    .endm

    .section .head, "ax"
    .globl _start
_start:
    address guest_entry
    address guest_doorbell
    address gdt
    address (gdt_end-gdt-1)
    address idt
    address (idt_end-idt-1)
    address tss
    address guest_mailbox
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
    pushl $0
    .endif
    pushl $i
    jmp trap
    .set i, i + 1
    .endr

    .balign 16
trap:
    pusha
    cld
    mov %esp, %ebp
    push %ebp
    call guest_trap
    push %ebp
    push $0

    .globl guest_resume
guest_resume:
    mov 4(%esp), %esp
    popa
    add $8, %esp
    iret

/* Traps from user mode have the upper page of the stack. */
guest_entry:
    mov $guest_stack_top - 4096, %esp
    call guest_main

    .globl guest_call
guest_call:
    push %esi
    push %edi
    mov 12(%esp), %eax
    mov 16(%esp), %esi
    mov 20(%esp), %edi
    mov $GUEST_PORT, %edx
guest_doorbell:
    out %eax, %dx
    pop %edi
    pop %esi
    ret

    .balign 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cffb000000ffff
    .quad 0x00cff3000000ffff
gdt_end:

    .balign 16
tss:
    .long 0
    .long guest_stack_top
    .long GUEST_KERNEL_DATA
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
    .set i, i + 1
    .endr
idt_end:
