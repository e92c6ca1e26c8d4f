/* SPDX-License-Identifier: Apache-2.0 */
/* The same accesses in user mode: va in RDI, kind in RSI.  A software interrupt
 * would be the usual way back, but one of the machines does not deliver it. */
#include "judge.h"

    .text
    .globl judge_user, judge_user_done
judge_user:
    cmp $1, %esi
    je 1f
    ja 2f
    mov (%rdi), %rax
    jmp judge_user_done
1:  movb $JUDGE_WRITTEN, (%rdi)
    jmp judge_user_done
2:  call *%rdi
judge_user_done:
    ud2
