/* SPDX-License-Identifier: Apache-2.0 */
/* The same accesses in user mode: va in EDI, kind in ESI. */
#include "judge.h"

    .text
    .globl judge_user, judge_user_done
judge_user:
    cmp $1, %esi
    je 1f
    ja 2f
    mov (%edi), %eax
    jmp judge_user_done
1:  movb $JUDGE_WRITTEN, (%edi)
    jmp judge_user_done
2:  call *%edi
judge_user_done:
    ud2
