/* SPDX-License-Identifier: Apache-2.0 */
/* What guests under QEMU's emulators and the host that judges them agree on; for
 * C and for the assembler.  All of it lies in the first megabytes of the
 * machine's RAM, which both have. */
#ifndef PTW_TESTS_JUDGE_QEMU_H
#define PTW_TESTS_JUDGE_QEMU_H

/* Where things lie, from the start of the RAM: the guest's image (one of both:
 * AArch64's machine has its device tree at the start), the mailbox, tables that
 * are tried, tables that the guest itself needs, and data. */
#define QEMU_IMAGE_RISCV   0
#define QEMU_IMAGE_AARCH64 0x200000
#define QEMU_MAILBOX       0x300000
#define QEMU_TABLES        0x400000
#define QEMU_PRIVATE       0x800000
#define QEMU_DATA          0x1000000
#define QEMU_DATA_END      0x3000000
#define QEMU_RAM_BYTES     0x4000000
#define QEMU_RAM_RISCV     0x80000000
#define QEMU_RAM_AARCH64   0x40000000

/* Bytes on the serial line: the guest is ready for a mailbox, or lost; the host
 * has filled the mailbox. */
#define QEMU_READY 'R'
#define QEMU_LOST  'L'
#define QEMU_GO    'G'

/* The byte that a write leaves: even, so that an entry that begins with it is
 * absent. */
#define QEMU_WRITTEN 0x5a

/* Where the members of a question stand. */
#define QEMU_Q_VA    0
#define QEMU_Q_KIND  8
#define QEMU_Q_USER  9
#define QEMU_Q_MODE  10
#define QEMU_Q_CAUSE 16
#define QEMU_Q_AT    24
#define QEMU_Q_VALUE 32

/* Kinds of access.  A probe asks the processor and touches nothing. */
#define QEMU_READ        0
#define QEMU_WRITE       1
#define QEMU_EXEC        2
#define QEMU_PROBE_READ  3
#define QEMU_PROBE_WRITE 4

/* Registers that the host sets. */
#define QEMU_REGISTERS 12

/* No fault. */
#define QEMU_PASSED 0xffffffff

#ifndef __ASSEMBLER__
#include <stdint.h>

enum { QEMU_QUESTIONS = 1000 };

/* One access, and what came of it. */
struct qemu_question {
    uint64_t va;
    uint8_t kind;
    uint8_t user;   /* with the privileges of user mode */
    uint8_t mode;   /* bits of the machine: SUM, MXR; PAN */
    uint8_t unused; /* the guest does not look at it */
    uint32_t unused_too;
    uint64_t cause; /* of the fault, as a register of the machine says it */
    uint64_t at;    /* the address that the fault gave */
    uint64_t value; /* that was read; or what a probe answered */
};

struct qemu_mailbox {
    uint64_t reg[QEMU_REGISTERS];
    uint32_t questions;
    uint32_t unused;
    struct qemu_question at[QEMU_QUESTIONS];
};
#endif

#endif
