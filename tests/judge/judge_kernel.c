/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that does nothing but try accesses and say what came of them. */
#include "guest.h"
#include "judge.h"

extern struct judge_mailbox guest_mailbox;
struct judge_mailbox guest_mailbox;

/* Of judge_access_*.S.  Tries one access and returns what it read; when it
 * faults, the trap goes to judge_abandon, which returns from judge_access. */
unsigned long judge_access(unsigned long va, unsigned long kind,
                           unsigned long user, unsigned long ac);
_Noreturn void judge_abandon(unsigned long value);
extern char judge_user_done[];

static struct judge_try *volatile now;

enum { VECTOR_INVALID_OPCODE = 6, VECTOR_PAGE_FAULT = 14, USER = 3 };

/* The user's part ends in an instruction that is none. */
void guest_trap(struct guest_frame *frame)
{
    struct judge_try *t = now;

    if (t == 0) {
        guest_call(JUDGE_LOST, frame->vector, frame->ip);
    }
    if (frame->vector == VECTOR_INVALID_OPCODE && (frame->cs & USER) != 0 &&
        frame->ip == (unsigned long)judge_user_done) {
        judge_abandon(frame->ax);
    }
    t->vector = (uint8_t)frame->vector;
    t->error = (uint32_t)frame->error;
    t->cr2 = frame->vector == VECTOR_PAGE_FAULT ? guest_cr2() : 0;
    judge_abandon(0);
}

static void set_pkru(uint32_t value)
{
    __asm__ volatile(".byte 0x0f, 0x01, 0xef" /* wrpkru */
                     :
                     : "a"(value), "c"(0), "d"(0));
}

void guest_main(void)
{
    for (;;) {
        guest_call(JUDGE_NEXT, 0, 0);
        guest_set_cr3((unsigned long)guest_mailbox.cr3);
        for (uint32_t i = 0; i < guest_mailbox.tries; i++) {
            struct judge_try *t = &guest_mailbox.at[i];

            if (guest_mailbox.keys != 0) {
                set_pkru(t->pkru);
            }
            t->vector = JUDGE_NO_FAULT;
            now = t;
            t->value =
                judge_access((unsigned long)t->va, t->kind, t->user, t->ac);
            now = 0;
        }
        if (guest_mailbox.keys != 0) {
            set_pkru(0);
        }
    }
}
