/* SPDX-License-Identifier: Apache-2.0 */
/* Puts an emulated processor into the state that the block describes.  From
 * reset it starts at the top; afterwards, in the mode that it has, at one of
 * the entries.  The host stops it at QEMU_READY and does the rest.
 *
 * It runs at its physical address throughout. */
#include "../qemu.h"

    .section .text, "ax"
    .globl _start
_start:
    .code16
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl QEMU_BLOCK + QEMU_OWN_GDT
    mov QEMU_BLOCK + QEMU_CR4, %eax
    mov %eax, %cr4
    mov QEMU_BLOCK + QEMU_CR3, %eax
    mov %eax, %cr3
    mov QEMU_BLOCK + QEMU_EFER, %eax
    xor %edx, %edx
    mov $0xc0000080, %ecx
    wrmsr
    mov QEMU_BLOCK + QEMU_CR0, %eax
    mov %eax, %cr0
    ljmpl *QEMU_BLOCK + QEMU_FAR

    .macro load_segments
    mov $QEMU_BLOCK, %ebx
    mov QEMU_SEGMENT + 0(%ebx), %ds
    mov QEMU_SEGMENT + 2(%ebx), %es
    mov QEMU_SEGMENT + 4(%ebx), %fs
    mov QEMU_SEGMENT + 6(%ebx), %gs
    mov QEMU_SEGMENT + 8(%ebx), %ss
    ltr QEMU_SEGMENT + 10(%ebx)
    lidt QEMU_IDT(%ebx)
    lgdt QEMU_GDT(%ebx)
    .endm

    .org QEMU_ENTRY_64
    .code64
    mov $QEMU_BLOCK, %ebx
    lgdt QEMU_OWN_GDT(%ebx)
    load_segments
    jmp ready

    .org QEMU_ENTRY_32
    .code32
    mov $QEMU_BLOCK, %ebx
    lgdt QEMU_OWN_GDT(%ebx)
    load_segments
    jmp ready

    .org QEMU_READY
ready:
    hlt
    jmp ready
