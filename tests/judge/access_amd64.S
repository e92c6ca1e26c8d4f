/* SPDX-License-Identifier: Apache-2.0 */
/* The accesses themselves.  judge_access(va, kind, user, ac). */
#include "guest.h"
#include "judge.h"

#define EFLAGS_AC 0x40000

    /* In: va in RDI, kind in RSI.  Out: what was read, in RAX. */
    .macro access
    cmp $1, %esi
    je 1f
    ja 2f
    mov (%rdi), %rax
    jmp 3f
1:  movb $JUDGE_WRITTEN, (%rdi)
    jmp 3f
2:  call *%rdi
3:
    .endm

    .text
    .globl judge_access
judge_access:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, saved_sp(%rip)
    test %edx, %edx
    jnz user
    test %ecx, %ecx
    jz kernel
    pushfq
    orq $EFLAGS_AC, (%rsp)
    popfq
kernel:
    access
    mov %rax, %rdi

    .globl judge_abandon
judge_abandon:
    mov saved_sp(%rip), %rsp
    pushfq
    andq $~EFLAGS_AC, (%rsp)
    popfq
    mov %rdi, %rax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

user:
    pushq $GUEST_USER_DATA
    pushq $user_data_end
    pushq $2
    pushq $GUEST_USER_CODE
    pushq $judge_user
    iretq

    .data
    .balign 8
saved_sp:
    .quad 0
