/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel of the play.  It is mapped in every space; what it writes, it
 * writes to pages that are copied only then, by the host. */
#include "guest.h"
#include "play.h"

#include <stdbool.h>

enum {
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_PAGE_FAULT = 14,
    CPL = 3,
    INSTRUCTION_BYTES = 2 /* of the one that calls */
};

static struct guest_frame context[PLAY_SPACES];
static uint32_t current;
static uint32_t ledger[PLAY_SPACES];
static uint32_t total;

extern char play_start[];
extern char guest_mailbox[];
char guest_mailbox[1];

/* GCC may call this for an assignment of a structure. */
void *memcpy(void *to, const void *from, unsigned long bytes);
void *memcpy(void *to, const void *from, unsigned long bytes)
{
    volatile char *t = to;
    const char *f = from;

    while (bytes-- != 0) {
        *t++ = *f++;
    }
    return to;
}

static void change_space(uint32_t space)
{
    current = space;
    guest_set_cr3(guest_call(PLAY_ROOT, space, 0));
}

static void switch_from(struct guest_frame *frame)
{
    context[current] = *frame;
    change_space((current + 1) % PLAY_SPACES);
    *frame = context[current];
}

static void tell(struct guest_frame *frame)
{
    guest_call(PLAY_ANSWER, current, frame->di);
    if (current + 1 == PLAY_SPACES) {
        guest_call(PLAY_ANSWER, PLAY_SPACES, total);
    }
    switch_from(frame);
}

static void system_call(struct guest_frame *frame)
{
    frame->ip += INSTRUCTION_BYTES;
    switch ((enum play_system_call)frame->ax) {
    case PLAY_SWITCH:
        switch_from(frame);
        return;
    case PLAY_LEDGER:
        ledger[current] += (uint32_t)frame->di;
        total += (uint32_t)frame->di;
        frame->ax = ledger[current];
        return;
    case PLAY_ROUND_OVER:
        frame->ax = guest_call(PLAY_SNAPSHOT, frame->di, 0);
        return;
    case PLAY_TELL:
        tell(frame);
        return;
    case PLAY_COMPLAIN:
        break;
    }
    guest_call(PLAY_WRONG, current, frame->di);
}

/* The entry may have changed from one page to another: the old one may be in
 * the processor's caches. */
static bool fault_is_served(const struct guest_frame *frame)
{
    if (guest_call(PLAY_FAULT, guest_cr2(), frame->error) != 0) {
        return false;
    }
    guest_set_cr3(guest_cr3());
    return true;
}

void guest_trap(struct guest_frame *frame)
{
    if (frame->vector == VECTOR_INVALID_OPCODE && (frame->cs & CPL) == CPL) {
        system_call(frame);
    } else if (frame->vector != VECTOR_PAGE_FAULT || !fault_is_served(frame)) {
        guest_call(PLAY_WRONG, PLAY_SPACES, frame->ip);
    }
}

void guest_main(void)
{
    for (uint32_t i = 0; i < PLAY_SPACES; i++) {
        context[i].ip = (unsigned long)play_start;
        context[i].cs = GUEST_USER_CODE;
        context[i].flags = 2;
        context[i].sp = PLAY_STACK_TOP;
        context[i].ss = GUEST_USER_DATA;
        context[i].di = i;
    }
    change_space(0);
    guest_resume(&context[0]);
}
