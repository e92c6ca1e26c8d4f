/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest that tries accesses and the host that judges it agree on; for C
 * and for the assembler. */
#ifndef PTW_TESTS_JUDGE_H
#define PTW_TESTS_JUDGE_H

/* The byte that a write leaves: even, so that an entry that begins with it is
 * absent.  (A plain store: an emulator may report a locked one as a read.) */
#define JUDGE_WRITTEN 0x5a

#ifndef __ASSEMBLER__
#include <stdint.h>

enum { JUDGE_TRIES = 240, JUDGE_NO_FAULT = 0xff };

enum judge_kind { JUDGE_READ, JUDGE_WRITE, JUDGE_EXEC };

/* One access, and what came of it.  A call finds a return instruction. */
struct judge_try {
    uint64_t va;
    uint8_t kind; /* enum judge_kind */
    uint8_t user; /* from user mode */
    uint8_t ac;   /* with EFLAGS.AC set */
    uint8_t vector;
    uint32_t pkru;
    uint32_t error;
    uint32_t unused;
    uint64_t cr2;
    uint64_t value; /* that was read: 8 bytes, or 4 */
};

/* In the guest's memory.  The host fills it before the guest goes on. */
struct judge_mailbox {
    uint64_t cr3;
    uint32_t tries;
    uint32_t keys; /* PKRU exists */
    struct judge_try at[JUDGE_TRIES];
};

/* What the guest calls its host for. */
enum judge_call { JUDGE_NEXT = 1, JUDGE_LOST };
#endif

#endif
