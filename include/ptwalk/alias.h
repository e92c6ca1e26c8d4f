/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: references to a table that the walk has entered before.
 *
 * An alias is a reference to where the real mapping lives, not the end of
 * anything: whoever wants the leaves behind it follows it (virt_to_phys does,
 * and ptw_expand_init).  Each architecture has an alias type of its own, whose
 * level can only be one that its tables can share; an architecture without
 * tables has the uninhabited type. */
#ifndef PTWALK_ALIAS_H
#define PTWALK_ALIAS_H

#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What every alias says, whatever its levels are called. */
struct ptw_alias_ref {
    ptw_va our_va;   /* any address of the region that the table covers here */
    ptw_va their_va; /* any address of the region that it covers there */
    ptw_pa table;    /* the shared table */
    uint64_t attributes; /* the referencing entry, without its address */
    uint32_t owner;      /* index of the space that entered the table first;
                            never a later one, and possibly this one */
    uint32_t number;     /* of the table, as that visit was numbered */
    unsigned rights;     /* of our path, the referencing entry included */
};

/* amd64: the table pointed to.  A PML4 is only ever a root, so no alias is of
 * that level; Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging". */
enum ptw_amd64_alias_level {
    PTW_AMD64_ALIAS_PT,
    PTW_AMD64_ALIAS_PD,
    PTW_AMD64_ALIAS_PDPT,
};

struct ptw_amd64_alias {
    struct ptw_alias_ref ref;
    enum ptw_amd64_alias_level level;
};

/* i686: only page tables can be shared; "32-Bit Paging". */
enum ptw_i686_alias_level { PTW_I686_ALIAS_PT };

struct ptw_i686_alias {
    struct ptw_alias_ref ref;
    enum ptw_i686_alias_level level;
};

/* pae: a PDPT is only ever a root; "PAE Paging". */
enum ptw_pae_alias_level { PTW_PAE_ALIAS_PT, PTW_PAE_ALIAS_PD };

struct ptw_pae_alias {
    struct ptw_alias_ref ref;
    enum ptw_pae_alias_level level;
};

/* amd64-la57: a PML5 is only ever a root. */
enum ptw_la57_alias_level {
    PTW_LA57_ALIAS_PT,
    PTW_LA57_ALIAS_PD,
    PTW_LA57_ALIAS_PDPT,
    PTW_LA57_ALIAS_PML4,
};

struct ptw_la57_alias {
    struct ptw_alias_ref ref;
    enum ptw_la57_alias_level level;
};

/* aarch64, of every granule: a table of a level that a regime has below its
 * root. */
enum ptw_aarch64_alias_level {
    PTW_AARCH64_ALIAS_L3,
    PTW_AARCH64_ALIAS_L2,
    PTW_AARCH64_ALIAS_L1,
    PTW_AARCH64_ALIAS_L0,
};

struct ptw_aarch64_alias {
    struct ptw_alias_ref ref;
    enum ptw_aarch64_alias_level level;
};

/* sv32, sv39, sv48, sv57: the tables have numbers in the manual and no names.
 * Those of the highest level of a mode are only ever roots: under sv32, which
 * has an l0 and an l1, there are aliases of l0 alone. */
enum ptw_riscv_alias_level {
    PTW_RISCV_ALIAS_L0,
    PTW_RISCV_ALIAS_L1,
    PTW_RISCV_ALIAS_L2,
    PTW_RISCV_ALIAS_L3,
};

struct ptw_riscv_alias {
    struct ptw_alias_ref ref;
    enum ptw_riscv_alias_level level;
};

/* bare: there are no tables, so there can be no alias. */
typedef struct ptw_void ptw_bare_alias;

/* The alias of an item, by the architecture of the walk that gave it. */
union ptw_alias {
    struct ptw_amd64_alias amd64;
    struct ptw_i686_alias i686;
    struct ptw_pae_alias pae;
    struct ptw_la57_alias la57;
    struct ptw_aarch64_alias aarch64;
    struct ptw_riscv_alias riscv;
    const ptw_bare_alias *bare;
};

/* The level of the tables of an alias, by the architecture of the regime. */
union ptw_alias_level {
    enum ptw_amd64_alias_level amd64;
    enum ptw_i686_alias_level i686;
    enum ptw_pae_alias_level pae;
    enum ptw_la57_alias_level la57;
    enum ptw_aarch64_alias_level aarch64;
    enum ptw_riscv_alias_level riscv;
    const ptw_bare_alias *bare;
};

#ifdef __cplusplus
}
#endif

#endif
