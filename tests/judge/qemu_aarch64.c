/* SPDX-License-Identifier: Apache-2.0 */
/* AArch64's "virt" machine: the serial line is a PL011. */
#include "qemu_aarch64.h"
#include "qemu_guest.h"

#include <stdbool.h>

/* Of qemu_aarch64.S. */
extern const char machine_page[], machine_read[], machine_write[];
extern volatile uint64_t machine_trap[3];
uint64_t machine_enter(uint64_t pc, uint64_t spsr, uint64_t va, uint64_t on);
uint64_t machine_el3_read(uint64_t va, uint64_t on);
uint64_t machine_el3_write(uint64_t va, uint64_t on);
uint64_t machine_el3_probe_read(uint64_t va, uint64_t on);
uint64_t machine_el3_probe_write(uint64_t va, uint64_t on);

static uint64_t level;  /* enum qemu_level */
static uint64_t on;     /* SCTLR_EL3, with translation */
static uint64_t offset; /* from the page to where EL1 or EL2 has it */

static volatile uint32_t *const uart = (volatile uint32_t *)0x09000000;

void machine_put(unsigned char byte)
{
    uart[0] = byte;
}

unsigned char machine_get(void)
{
    while ((uart[6] & 0x10) != 0) { /* flags: nothing received */
    }
    return (unsigned char)uart[0];
}

#define SET(name, value)                                                       \
    __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)))
#define GET(name, value) __asm__ volatile("mrs %0, " name : "=r"(value))

/* ARM ARM, "TTBR1_EL2": with E2H. */
#define TTBR1_EL2 "s3_4_c2_c0_1"

static void set_el2(const uint64_t *reg)
{
    SET("tcr_el2", reg[QEMU_TCR]);
    SET("ttbr0_el2", reg[QEMU_TTBR0]);
    SET("sctlr_el2", reg[QEMU_SCTLR]);
    SET("mair_el2", reg[QEMU_MAIR]);
    SET("vbar_el2", (uint64_t)machine_page + offset);
}

void machine_set(const uint64_t *reg)
{
    level = reg[QEMU_LEVEL];
    offset = reg[QEMU_OFFSET];
    on = reg[QEMU_SCTLR];
    SET("hcr_el2", reg[QEMU_HCR]);
    __asm__ volatile("isb");
    switch (level) {
    case QEMU_EL10:
        SET("tcr_el1", reg[QEMU_TCR]);
        SET("ttbr0_el1", reg[QEMU_TTBR0]);
        SET("ttbr1_el1", reg[QEMU_TTBR1]);
        SET("sctlr_el1", reg[QEMU_SCTLR]);
        SET("mair_el1", reg[QEMU_MAIR]);
        SET("vbar_el1", (uint64_t)machine_page + offset);
        break;
    case QEMU_EL20:
        set_el2(reg);
        SET(TTBR1_EL2, reg[QEMU_TTBR1]);
        break;
    case QEMU_EL2:
        set_el2(reg);
        break;
    default:
        SET("tcr_el3", reg[QEMU_TCR]);
        SET("ttbr0_el3", reg[QEMU_TTBR0]);
        SET("mair_el3", reg[QEMU_MAIR]);
        break;
    }
    __asm__ volatile("dsb sy\n\ttlbi alle1\n\ttlbi alle2\n\ttlbi alle3\n\t"
                     "dsb sy\n\tisb"
                     :
                     :
                     : "memory");
}

#define AT(operation, va)                                                      \
    __asm__ volatile("at " operation ", %0\n\tisb"                             \
                     :                                                         \
                     : "r"(va)                                                 \
                     : "x16", "x17", "memory")

static uint64_t probe(const struct qemu_question *q)
{
    bool write = q->kind == QEMU_PROBE_WRITE;
    uint64_t par;

    if (level == QEMU_EL3) {
        return write ? machine_el3_probe_write(q->va, on)
                     : machine_el3_probe_read(q->va, on);
    }
    if (level == QEMU_EL2) {
        if (write) {
            AT("s1e2w", q->va);
        } else {
            AT("s1e2r", q->va);
        }
    } else if (q->user) {
        if (write) {
            AT("s1e0w", q->va);
        } else {
            AT("s1e0r", q->va);
        }
    } else if (q->mode & QEMU_PAN) {
        __asm__ volatile("msr pan, #1");
        if (write) {
            AT("s1e1wp", q->va);
        } else {
            AT("s1e1rp", q->va);
        }
        __asm__ volatile("msr pan, #0");
    } else if (write) {
        AT("s1e1w", q->va);
    } else {
        AT("s1e1r", q->va);
    }
    GET("par_el1", par);
    return par;
}

/* DAIF masked; EL0t, EL1h or EL2h; PAN. */
static uint64_t state(const struct qemu_question *q)
{
    uint64_t spsr = 0x3c0;

    if (!q->user) {
        spsr |= level == QEMU_EL10 ? 5 : 9;
        spsr |= q->mode & QEMU_PAN ? (uint64_t)1 << 22 : 0;
    }
    return spsr;
}

static void access_at_el3(struct qemu_question *q)
{
    machine_trap[2] = 1;
    machine_trap[0] = QEMU_PASSED;
    if (q->kind == QEMU_READ) {
        q->value = machine_el3_read(q->va, on);
    } else if (q->kind == QEMU_WRITE) {
        machine_el3_write(q->va, on);
    } else {
        q->value = machine_enter(0, 0xffff, q->va, on);
    }
    machine_trap[2] = 0;
    q->cause = machine_trap[0];
    q->at = machine_trap[1];
}

void machine_try(struct qemu_question *q)
{
    uint64_t pc = q->va;

    if (q->kind == QEMU_PROBE_READ || q->kind == QEMU_PROBE_WRITE) {
        machine_trap[2] = 1;
        machine_trap[0] = QEMU_PASSED;
        q->value = probe(q);
        machine_trap[2] = 0;
        q->cause = machine_trap[0];
        q->at = machine_trap[1];
        return;
    }
    if (level == QEMU_EL3) {
        access_at_el3(q);
        return;
    }
    if (q->kind == QEMU_READ) {
        pc = (uint64_t)machine_read + offset;
    } else if (q->kind == QEMU_WRITE) {
        pc = (uint64_t)machine_write + offset;
    }
    q->value = machine_enter(pc, state(q), q->va, 0);
    if (level == QEMU_EL10) {
        GET("esr_el1", q->cause);
        GET("far_el1", q->at);
    } else {
        GET("esr_el2", q->cause);
        GET("far_el2", q->at);
    }
}
