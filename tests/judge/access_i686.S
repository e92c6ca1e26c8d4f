/* SPDX-License-Identifier: Apache-2.0 */
/* The accesses themselves.  judge_access(va, kind, user, ac). */
#include "guest.h"
#include "judge.h"

#define EFLAGS_AC 0x40000

    .text
    .globl judge_access
judge_access:
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov %esp, saved_sp
    mov 20(%esp), %edi
    mov 24(%esp), %esi
    cmpl $0, 28(%esp)
    jne user
    cmpl $0, 32(%esp)
    je kernel
    pushf
    orl $EFLAGS_AC, (%esp)
    popf
kernel:
    cmp $1, %esi
    je 1f
    ja 2f
    mov (%edi), %eax
    jmp 3f
1:  movb $JUDGE_WRITTEN, (%edi)
    jmp 3f
2:  call *%edi
3:  push %eax
    push $0

    .globl judge_abandon
judge_abandon:
    mov 4(%esp), %eax
    mov saved_sp, %esp
    pushf
    andl $~EFLAGS_AC, (%esp)
    popf
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret

user:
    push $GUEST_USER_DATA
    push $user_data_end
    push $2
    push $GUEST_USER_CODE
    push $judge_user
    iret

    .data
    .balign 4
saved_sp:
    .long 0
