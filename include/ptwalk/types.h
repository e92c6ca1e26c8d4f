/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, rights and the other small words of the library. */
#ifndef PTWALK_TYPES_H
#define PTWALK_TYPES_H

#include "ptwalk/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Two kinds of address that must never be mixed; mixing them does not
 * compile.  Neither has a value that means "none". */
typedef struct {
    uint64_t v;
} ptw_pa; /* physical: what an entry holds, in bytes */

typedef struct {
    uint64_t v;
} ptw_va; /* virtual: what is translated, in bytes, sign-extended */

/* ptw_pa_of and ptw_va_of wrap a number as an address; nothing is checked. */
static inline ptw_pa ptw_pa_of(uint64_t v)
{
    ptw_pa pa = {v};
    return pa;
}

static inline ptw_va ptw_va_of(uint64_t v)
{
    ptw_va va = {v};
    return va;
}

struct ptw_regime;

/* A root: the top table of a space, and the regime in which it is one.  The
 * regime has to live as long as anything that was given the root. */
struct ptw_root {
    const struct ptw_regime *regime;
    ptw_pa table;
};

/* ptw_root_of makes a root of both; nothing is checked. */
static inline struct ptw_root ptw_root_of(const struct ptw_regime *regime,
                                          ptw_pa table)
{
    struct ptw_root root = {regime, table};
    return root;
}

/* A closed range of virtual addresses, [first, last]. */
struct ptw_va_range {
    ptw_va first;
    ptw_va last;
};

/* A closed range of physical addresses, [first, last]. */
struct ptw_region {
    ptw_pa first;
    ptw_pa last;
    const void *host; /* its bytes, or NULL: served by the callbacks */
    bool writable;    /* host is really writable, and may be written to */
};

/* A set of rights: what every level of a path grants.  A right that one level
 * takes away is gone, so sets are combined with "and".  A regime has some of
 * these (ptw_rights_of); no entry of it grants another. */
enum ptw_right {
    PTW_READ = 1,  /* RISC-V: R, W, X and U set in the leaf, for this right and
                      the three that follow */
    PTW_WRITE = 2, /* x86: R/W set at every level */
    PTW_USER = 4,  /* the user has the other rights, too; x86: U/S set at every
                      level */
    PTW_EXEC = 8,  /* x86: XD set at no level */
    PTW_USER_EXEC =
        16, /* the user may execute, where that is a right apart from
                           PTW_EXEC; x86 has no such right */
    PTW_ALL_RIGHTS = 31 /* of every regime */
};

/* The architectures whose tables this build can walk. */
enum ptw_arch_id {
    PTW_ARCH_BARE,       /* paging off: a virtual address is the physical one */
    PTW_ARCH_I686,       /* 32-bit paging, 2 levels */
    PTW_ARCH_AMD64,      /* 4-level paging */
    PTW_ARCH_PAE,        /* PAE paging, 3 levels */
    PTW_ARCH_LA57,       /* 5-level paging */
    PTW_ARCH_AARCH64_4K, /* VMSAv8-64 stage 1, by granule */
    PTW_ARCH_AARCH64_16K,
    PTW_ARCH_AARCH64_64K,
    PTW_ARCH_SV32, /* RISC-V: Sv32, 2 levels */
    PTW_ARCH_SV39, /* Sv39, 3 levels */
    PTW_ARCH_SV48, /* Sv48, 4 levels */
    PTW_ARCH_SV57, /* Sv57, 5 levels */
};

/* PTW_MAX_LEVELS is the deepest descent of any architecture, known or planned.
 * PTW_LEAF_WINDOW is how many entries of one table of level 0 a walk holds at a
 * time, PTW_MAX_WINDOW of any other at most. */
enum { PTW_MAX_LEVELS = 5, PTW_MAX_WINDOW = 16, PTW_LEAF_WINDOW = 64 };

/* The uninhabited type: declared, never defined, so no variable, member or
 * argument of it compiles.  Where an architecture cannot do something, the
 * payload is a pointer to this. */
struct ptw_void;

/* ptw_absurd ends an arm that can't be reached: to call it one needs a value
 * that can't exist.  It traps. */
PTW_NORETURN PTW_API void ptw_absurd(const struct ptw_void *never);

#ifdef __cplusplus
}
#endif

#endif
