/* SPDX-License-Identifier: Apache-2.0 */
/* What the regimes of x86 have in common.  For the files of these regimes. */
#ifndef PTW_TESTS_ORACLE_X86_H
#define PTW_TESTS_ORACLE_X86_H

#include "format.h"

/* Intel SDM vol. 3A, "Paging": the bits that mean the same in every entry that
 * has them. */
static const uint64_t ORACLE_X86_P = 1 << 0;
static const uint64_t ORACLE_X86_RW = 1 << 1;
static const uint64_t ORACLE_X86_US = 1 << 2;
static const uint64_t ORACLE_X86_A = 1 << 5;
static const uint64_t ORACLE_X86_D = 1 << 6;
static const uint64_t ORACLE_X86_PS = 1 << 7;
static const uint64_t ORACLE_X86_G = 1 << 8;
static const uint64_t ORACLE_X86_AVL = 7 << 9; /* "ignored", 11:9 */
static const uint64_t ORACLE_X86_WIDE_AVL =
    (uint64_t)0x7FF << 52 | 7 << 9; /* and 62:52 */
static const uint64_t ORACLE_X86_MARK = 1 << 9;
static const uint64_t ORACLE_X86_XD = (uint64_t)1 << 63;

/* What systems do alike in all of them: Linux, pgtable_types.h, bit 8 is PROTNONE,
 * and bit 7 PSE; nt!_MMPTE, bit 10 is Prototype, 11 Transition, 4 SwizzleBit. */
#define ORACLE_X86_SYSTEMS                                                     \
    .linux_none = 1 << 8, .linux_large = 1 << 7, .windows_prototype = 1 << 10, \
    .windows_transition = 1 << 11, .windows_swizzle = 1 << 4

enum {
    ORACLE_X86_RIGHTS = ORACLE_READ | ORACLE_WRITE | ORACLE_USER | ORACLE_EXEC
};

/* What all formats of x86 say alike. */
#define ORACLE_X86_COMMON                                                      \
    .family = ORACLE_X86, .features = oracle_x86_features,                     \
    .rights = ORACLE_X86_RIGHTS, .most_pa_bits = 52,                           \
    .shadow_stack = oracle_x86_shadow_stack, .has_global = true,               \
    .memory_types = oracle_x86_memory_types

/* oracle_x86_features: without EFER.NXE, CR4.PSE, 1-GByte pages, CR0.WP; with
 * CR4.CET, which needs CR0.WP; AMD's; with CR4.PKE. */
void oracle_x86_features(struct oracle_mode *mode, unsigned bits);

/* oracle_x86_rights returns an entry that grants what R/W, U/S and XD of raw
 * say; an entry of 4 bytes has no XD. */
struct oracle_entry oracle_x86_rights(uint64_t raw);

/* oracle_x86_rights_bits returns P, and R/W, U/S and XD for what `is` grants. */
uint64_t oracle_x86_rights_bits(const struct oracle_entry *is);

/* oracle_x86_wide_reserved returns the bits that each present entry of 8 bytes
 * has to have clear: of the address above the physical width, and bit 63 where
 * EFER.NXE is clear. */
uint64_t oracle_x86_wide_reserved(const struct oracle_mode *mode);

/* oracle_x86_address returns the bits of an entry of 64 bits, from lo up, that
 * hold an address. */
uint64_t oracle_x86_address(const struct oracle_mode *mode, unsigned lo);

/* oracle_x86_wide_granted: all entries are readable, and executable where EFER.NXE
 * is clear. */
unsigned oracle_x86_wide_granted(const struct oracle_mode *mode);

/* oracle_x86_shadow_stack sets D: a page of a shadow stack is dirty and not
 * writable. */
uint64_t oracle_x86_shadow_stack(uint64_t leaf);

/* oracle_x86_memory_types returns 8: PAT, PCD and PWT. */
unsigned oracle_x86_memory_types(const struct oracle_mode *mode);

/* oracle_x86_memory_type returns the number that PAT, PCD and PWT are. */
unsigned oracle_x86_memory_type(const struct oracle_mode *mode, unsigned level,
                                uint64_t leaf);

/* oracle_x86_width returns the physical width, of a table or of a page. */
unsigned oracle_x86_width(const struct oracle_mode *mode);
unsigned oracle_x86_leaf_width(const struct oracle_mode *mode, unsigned level);

/* oracle_x86_split moves PAT to where a leaf of level 0 has it. */
uint64_t oracle_x86_split(const struct oracle_mode *mode, unsigned level,
                          uint64_t bits);

/* oracle_x86_writes is the rule of all of them. */
bool oracle_x86_writes(const struct oracle_mode *mode, bool above,
                       uint64_t leaf);

#endif
