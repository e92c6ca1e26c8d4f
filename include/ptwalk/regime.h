/* SPDX-License-Identifier: Apache-2.0 */
/* Regimes: an architecture, its paging mode, and that mode's parameters. */
#ifndef PTWALK_REGIME_H
#define PTWALK_REGIME_H

#include "ptwalk/private.h"
#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_cpu; /* ptwalk/cpu.h: the facts about a processor */

/* struct ptw_regime is a regime: built by the functions below and constant from
 * then on, a plain value that may be copied.  Its members are private. */

/* ptw_regime_by_name builds the regime called name.  "bare" is paging off:
 * every address of cpu->pa_bits bits is itself.  The header of a family
 * (arch_x86.h) has its other names, and the features that a name switches on.
 *
 * cpu may be NULL for the widest processor (ptw_cpu_widest).  `without` is a
 * set of the family's features to leave out; those that the regime does not
 * have are ignored.  PTW_E_REGIME when the name is unknown or not supported, or
 * cpu has flag bits and the mode has none (bare), PTW_E_WIDTH when cpu->pa_bits
 * or a flag bit is none that the family has.  Unless it is NULL, *why is set on
 * failure to a static sentence that says what is wrong; *out is written on
 * PTW_OK only. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_regime_by_name(const char *name, const struct ptw_cpu *cpu,
                   unsigned without, struct ptw_regime *out, const char **why);

/* ptw_regime_with builds the regime r with more features, a set of the
 * family's, for those that a name alone does not switch on.  PTW_E_REGIME when
 * r knows nothing of one of them, PTW_E_CONFLICT when no processor can have
 * them together.  out may be r; it is written on PTW_OK only; why is as
 * above. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_regime_with(const struct ptw_regime *r, unsigned features,
                struct ptw_regime *out, const char **why);

/* ptw_root_check says whether the table can be the top of a space of the
 * regime: PTW_E_ALIGN when it is not aligned as ptw_root_bytes says,
 * PTW_E_WIDTH when it does not fit the width of a root register (i686, pae: 32
 * bits) or of a physical address.  It reads nothing. */
PTW_NODISCARD PTW_API enum ptw_status ptw_root_check(struct ptw_root root);

/* ptw_root_bytes returns the alignment of a root: its size, which is that of a
 * table of its level (4096, of pae 32, of bare 1), or 64 where that is less and
 * aarch64's addresses have 52 bits. */
PTW_API uint64_t ptw_root_bytes(const struct ptw_regime *r);

/* ptw_root_flags returns which of the processor's flag bits a root register can
 * hold: under pae, CR3 has 32 bits, and none. */
PTW_API uint64_t ptw_root_flags(const struct ptw_regime *r);

/* ptw_canonical says whether va is one that tables of r can map. */
PTW_API bool ptw_canonical(const struct ptw_regime *r, ptw_va va);

/* ptw_regime_name returns the name of the regime, as ptw_regime_by_name takes
 * it; it lives as long as r. */
PTW_API const char *ptw_regime_name(const struct ptw_regime *r);

/* ptw_levels returns how many levels of tables there are: 5 for amd64-la57, 4
 * for amd64, 3 for pae, 2 for i686, 0 for bare.  A level is numbered from the
 * leaves: level 0 holds only leaves. */
PTW_API unsigned ptw_levels(const struct ptw_regime *r);

/* ptw_level_name returns the manual's name of a table at that level, in lower
 * case ("pt", "pd", "pdpt", "pml4", "pml5"; aarch64: "l3", "l2", "l1", "l0",
 * "l-1"); "-" when there is no such level.  Static.
 */
PTW_API const char *ptw_level_name(const struct ptw_regime *r, unsigned level);

/* ptw_features_of returns the features that the regime has, a set of the
 * family's (PTW_X86_NX ...).  ptw_pa_bits and ptw_va_bits return the widths of
 * a physical address and of a virtual one that is translated, in bits. */
PTW_API unsigned ptw_features_of(const struct ptw_regime *r);
PTW_API unsigned ptw_pa_bits(const struct ptw_regime *r);
PTW_API unsigned ptw_va_bits(const struct ptw_regime *r);

/* ptw_rights_of returns the rights that the regime has, a set of enum
 * ptw_right: an entry grants or withholds them.  ptw_rights_granted returns
 * those among them that every present entry grants, so that a request has to
 * ask for them: reading under x86, and execution where there is no XD; bare:
 * all. */
PTW_API unsigned ptw_rights_of(const struct ptw_regime *r);
PTW_API unsigned ptw_rights_granted(const struct ptw_regime *r);

/* ptw_right_letters returns the letters of the rights as the command prints
 * them, a column each: "rwxu", and "rwxuX" of a regime in which execution by
 * the user is a right of its own.  ptw_right_of returns the right of such a
 * letter, or 0. */
PTW_API const char *ptw_right_letters(const struct ptw_regime *r);
PTW_API unsigned ptw_right_of(char letter);

/* ptw_page_size returns the size of the smallest page, a power of two (bare:
 * 1). */
PTW_API uint64_t ptw_page_size(const struct ptw_regime *r);

/* ptw_table_size returns the size of a table of that level, which is its
 * alignment, too; level < ptw_levels(r). */
PTW_API uint64_t ptw_table_size(const struct ptw_regime *r, unsigned level);

/* ptw_entry_bytes returns the size of an entry: 4 or 8 (bare: 0). */
PTW_API unsigned ptw_entry_bytes(const struct ptw_regime *r);

/* ptw_level_shift returns the log2 of what one entry of a table at that level
 * covers, in bytes; level < ptw_levels(r). */
PTW_API unsigned ptw_level_shift(const struct ptw_regime *r, unsigned level);

/* ptw_entry_index returns the number of the entry that stands for va in a table
 * of that level, which is part of a path to va; level < ptw_levels(r). */
PTW_API unsigned ptw_entry_index(const struct ptw_regime *r, unsigned level,
                                 ptw_va va);

/* What an entry says besides address and rights.  Intel SDM vol. 3A, "Paging",
 * the figures of the entry formats. */
struct ptw_attributes {
    unsigned memory_type; /* x86: the PAT index, PAT << 2 | PCD << 1 | PWT;
                             aarch64: AttrIndx */
    unsigned key;         /* protection key; 0 where there is none */
    uint64_t flag_bits;   /* which of the processor's flag bits are set */
    bool global;
    bool accessed;
    bool dirty;
    bool copy_on_write; /* the mark: see docs/formats.md */
};

/* ptw_attributes_of reads them out of raw, a leaf of the given level. */
PTW_API struct ptw_attributes ptw_attributes_of(const struct ptw_regime *r,
                                                unsigned level, uint64_t raw);

/* ptw_is_copy_on_write says whether raw, a leaf of that level, is such as
 * copy-on-write makes one: marked, and R/W is clear in it.  It does not say who
 * made it.  The mark is in bits that are the guest's: a guest that uses them
 * for something else has leaves like that, which are just read-only, and to a
 * write there the answer is its own fault.  A host that serves the mark has to
 * know that there are none (PTW_REBUILD_REFUSE_MARKED,
 * PTW_REBUILD_CLEAR_MARKED, marked_before of struct ptw_rebuild_counts), or
 * which ones: those of which this was true before the host made others. */
PTW_API bool ptw_is_copy_on_write(const struct ptw_regime *r, unsigned level,
                                  uint64_t raw);

/* What an entry is. */
enum ptw_entry_kind {
    PTW_ENTRY_ABSENT,
    PTW_ENTRY_TABLE,
    PTW_ENTRY_LEAF,
    PTW_ENTRY_BAD, /* hardware faults: a reserved bit is set */
};

/* An entry, decoded.  rights are those that this entry alone grants. */
struct ptw_entry {
    enum ptw_entry_kind kind;
    unsigned rights; /* a set of enum ptw_right; 0 when absent or bad */
    ptw_pa pa;       /* the table or page; 0 when absent or bad */
};

/* ptw_decode says what raw means as entry `index` of a table of the given level
 * of r, which must be below ptw_levels(r).  Only the address may depend on the
 * index: who asks for no address gives 0.  A pure function. */
PTW_API struct ptw_entry ptw_decode(const struct ptw_regime *r, unsigned level,
                                    unsigned index, uint64_t raw);

/* A part of an entry as the manual's figures name it: one bit, which is set, or
 * a number in bits high to low. */
struct ptw_entry_field {
    const char *name; /* static */
    uint8_t high;
    uint8_t low;
    bool number; /* shown with its value; else a bit that is set */
};

/* PTW_MAX_FIELDS is how many parts an entry has at most. */
enum { PTW_MAX_FIELDS = 40 };

/* ptw_entry_fields describes raw, an entry of that level that is present: the
 * bits that are set and have a name, and the numbers: flag bits that are set,
 * software's if they are not 0, and the protection key where there is one.  It
 * returns how many it wrote.  Of an entry that is not present nothing is
 * described. */
PTW_API size_t ptw_entry_fields(const struct ptw_regime *r, unsigned level,
                                uint64_t raw,
                                struct ptw_entry_field field[PTW_MAX_FIELDS]);

/* ptw_present_text says what an entry of that regime that is not present lacks,
 * and ptw_right_text what in an entry takes that right away: "RW, bit 1, is
 * clear".  Static; NULL of a right that no entry takes. */
PTW_API const char *ptw_present_text(const struct ptw_regime *r);
PTW_API const char *ptw_right_text(const struct ptw_regime *r,
                                   enum ptw_right right);

/* Why hardware faults on an entry that is present. */
enum ptw_bad_reason {
    PTW_BAD_RESERVED,    /* bits that have to be 0 are set, or an encoding is
                            reserved */
    PTW_BAD_WIDTH,       /* its address is beyond the physical width */
    PTW_BAD_MISALIGNED,  /* its address is not aligned to the page */
    PTW_BAD_COMBINATION, /* of bits that can't stand together */
};

struct ptw_bad_entry {
    enum ptw_bad_reason why; /* the first that holds, in the order above */
    /* that spoil it for that reason; without them another one may be left, or
     * the entry be not present (aarch64, level 0: a block where there is none);
     * of a combination, those that make it up */
    uint64_t bits;
};

/* ptw_bad_entry_of says why raw, entry `index` of a table of that level, is
 * PTW_ENTRY_BAD; of one that is not, bits is 0.  ptw_bad_reason_text returns a
 * word for a reason: "reserved", "width", "misaligned", "combination".
 * Static. */
PTW_API struct ptw_bad_entry ptw_bad_entry_of(const struct ptw_regime *r,
                                              unsigned level, unsigned index,
                                              uint64_t raw);
PTW_API const char *ptw_bad_reason_text(enum ptw_bad_reason why);

/* ptw_guest_writes says whether the guest can write through raw, a leaf of that
 * level: `above` is what the entries above it grant together, or PTW_ALL_RIGHTS
 * for whatever path may lead to it.  It is not the same as PTW_WRITE in a
 * path's rights: under x86 the supervisor writes everywhere where CR0.WP is
 * clear, and with CR4.CET the guest writes shadow stacks, whose leaf has R/W
 * clear.  Intel SDM vol. 3A, "Determination of Access Rights". */
PTW_API bool ptw_guest_writes(const struct ptw_regime *r, unsigned above,
                              unsigned level, uint64_t raw);

/* ptw_shadow_stack says whether raw, a leaf below entries that grant `above`,
 * maps a shadow stack.  Under x86: CR4.CET is set, R/W is clear and D set in
 * it, and R/W is set in every entry above. */
PTW_API bool ptw_shadow_stack(const struct ptw_regime *r, unsigned above,
                              unsigned level, uint64_t raw);

/* One access by the guest, as the processor would judge it. */
struct ptw_access {
    enum ptw_right right; /* PTW_READ, PTW_WRITE or PTW_EXEC */
    bool user;            /* with the privileges of user mode */
    bool shadow_stack;    /* a shadow-stack access: right is not PTW_EXEC */
    unsigned allow; /* a set of the family's: what lets more pass, or less */
    uint64_t keys;  /* the family's register of protection keys */
};

/* ptw_access_allowed says whether the processor lets that access pass on a
 * page whose leaf is raw, below entries that grant `above` together; the
 * regime's features, protection keys and shadow stacks included.  The rights of
 * the whole path may be given in place of `above`, except for shadow-stack
 * accesses, and where the processor itself makes leaves writable (aarch64 with
 * HD).  The family's header says what `allow` and `keys` mean. */
PTW_API bool ptw_access_allowed(const struct ptw_regime *r, unsigned above,
                                unsigned level, uint64_t raw,
                                const struct ptw_access *access);

#ifdef __cplusplus
}
#endif

#endif
