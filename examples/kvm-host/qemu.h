/* SPDX-License-Identifier: Apache-2.0 */
/* Where the loader of vm_qemu and the host that drives it meet; for C and for
 * the assembler. */
#ifndef PTW_EXAMPLES_QEMU_H
#define PTW_EXAMPLES_QEMU_H

/* Physical addresses below VM_LOWEST. */
#define QEMU_LOADER 0x8000
#define QEMU_BLOCK  0x9000
#define QEMU_TABLES 0xa000 /* five pages at most */

/* Inside the block: what the loader puts into which register. */
#define QEMU_CR0     0x00 /* 8 bytes each */
#define QEMU_CR3     0x08
#define QEMU_CR4     0x10
#define QEMU_EFER    0x18
#define QEMU_FAR     0x20 /* 4 bytes of address, 2 of selector */
#define QEMU_SEGMENT 0x30 /* selectors, 2 bytes each: DS ES FS GS SS TR */
#define QEMU_OWN_GDT 0x40 /* 2 bytes of limit, 8 of address each */
#define QEMU_IDT     0x50
#define QEMU_GDT     0x60
#define QEMU_GDT_AT  0x80 /* the loader's own descriptors */

/* Inside the loader. */
#define QEMU_ENTRY_64 0x100
#define QEMU_ENTRY_32 0x200
#define QEMU_READY    0x300

#endif
