/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of an AArch64 guest, as the mailbox has them. */
#ifndef PTW_TESTS_JUDGE_QEMU_AARCH64_H
#define PTW_TESTS_JUDGE_QEMU_AARCH64_H

/* The translation regime that is tried: EL1&0, EL2&0, EL2 or EL3. */
enum qemu_level { QEMU_EL10, QEMU_EL20, QEMU_EL2, QEMU_EL3 };

enum qemu_register {
    QEMU_LEVEL,
    QEMU_OFFSET, /* from the guest's page to where the regime has it */
    QEMU_HCR,
    QEMU_SCTLR,
    QEMU_TCR,
    QEMU_TTBR0,
    QEMU_TTBR1,
    QEMU_MAIR
};

/* In the mode of a question. */
enum { QEMU_PAN = 1 };

/* Where the guest's page lies, from the start of its image. */
enum { QEMU_PAGE_AT = 0x10000 };

#endif
