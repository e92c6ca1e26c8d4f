/* SPDX-License-Identifier: Apache-2.0 */
/* Where guests and their host meet: the head of a guest's image, the selectors
 * and the port.  For C on both sides and for the assembler. */
#ifndef PTW_EXAMPLES_GUEST_H
#define PTW_EXAMPLES_GUEST_H

#define GUEST_PORT    0x510
#define GUEST_VECTORS 32

/* Inside the image. */
#define GUEST_HEADER_BYTES 0x200 /* then come the trap vectors, 16 bytes each */

#define GUEST_KERNEL_CODE 0x08
#define GUEST_KERNEL_DATA 0x10
#define GUEST_USER_CODE   0x1b
#define GUEST_USER_DATA   0x23

#ifndef __ASSEMBLER__
#include <stdint.h>

/* A part of the image: bytes at offset, to be mapped at va.  Whole pages. */
struct guest_segment {
    uint64_t va;
    uint64_t bytes;
    uint64_t offset;
};

enum guest_segment_name {
    GUEST_TEXT,  /* the kernel's code and constants, and this header */
    GUEST_DATA,  /* the kernel's data */
    GUEST_STACK, /* the kernel's stack: never without memory */
    GUEST_USER_TEXT,
    GUEST_USER_STATIC,
    GUEST_SEGMENTS
};

struct guest_header {
    uint64_t entry;
    uint64_t doorbell; /* the only output instruction */
    uint64_t gdt;
    uint64_t gdt_limit;
    uint64_t idt;
    uint64_t idt_limit;
    uint64_t tss;
    uint64_t mailbox; /* what the host reads and writes in the kernel's data */
    struct guest_segment segment[GUEST_SEGMENTS];
};

/* What a trap leaves on the kernel's stack.  sp and ss are there only when it
 * came from user mode, or in long mode. */
struct guest_frame {
#ifdef __x86_64__
    unsigned long r15, r14, r13, r12, r11, r10, r9, r8;
    unsigned long di, si, bp, bx, dx, cx, ax;
#else
    unsigned long di, si, bp, unused, bx, dx, cx, ax;
#endif
    unsigned long vector, error;
    unsigned long ip, cs, flags, sp, ss;
};

/* Of cpu_*.S.  guest_call rings the doorbell: the host finds number, a and b in
 * RAX, RSI and RDI, and answers in RAX. */
unsigned long guest_call(unsigned long number, unsigned long a,
                         unsigned long b);
_Noreturn void guest_resume(const struct guest_frame *frame);

/* Of each guest: where it starts, and what it does in a trap. */
_Noreturn void guest_main(void);
void guest_trap(struct guest_frame *frame);

static inline unsigned long guest_cr2(void)
{
    unsigned long v;

    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}

static inline unsigned long guest_cr3(void)
{
    unsigned long v;

    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

static inline void guest_set_cr3(unsigned long v)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}
#endif

#endif
