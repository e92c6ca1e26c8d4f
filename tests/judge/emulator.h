/* SPDX-License-Identifier: Apache-2.0 */
/* A board of QEMU's emulator whose RAM this process has, too, and a guest on it
 * that answers questions. */
#ifndef PTW_TESTS_EMULATOR_H
#define PTW_TESTS_EMULATOR_H

#include "qemu.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A board: the program, the processor, where its RAM starts, and where in it the
 * guest's image lies. */
struct emulator_board {
    const char *program;
    const char *machine;
    const char *cpu;
    uint64_t ram;
    uint64_t image_at;
    const uint8_t *image;
    const size_t *image_bytes; /* 0: there was no compiler for it */
    bool jumps; /* the processor starts elsewhere: it is told to start there */
};

struct emulator {
    const struct emulator_board *board;
    struct qemu_mailbox *mailbox;
    uint8_t *bytes; /* the RAM */
    pid_t child;
    int line; /* the serial line */
    char why[160];
};

enum emulator_result { EMULATOR_OK, EMULATOR_ABSENT, EMULATOR_FAILED };

/* emulator_open starts the board; the guest waits for questions.  ABSENT: there is
 * no such program.  On failure, why says it, and nothing is left to close. */
enum emulator_result emulator_open(struct emulator *e,
                                   const struct emulator_board *board);

/* emulator_ask has the guest answer what is in the mailbox. */
enum emulator_result emulator_ask(struct emulator *e);

/* emulator_host returns where physical memory is here; [pa, pa + bytes) is RAM. */
uint8_t *emulator_host(const struct emulator *e, uint64_t pa);

void emulator_close(struct emulator *e);

#endif
