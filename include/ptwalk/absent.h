/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are not present and not 0: what the guest's system keeps there.
 *
 * To the processor such an entry is nothing.  To the system that wrote it, it
 * may be a page that was written out, or a page that is still in memory and
 * that nobody may touch for now: mprotect's PROT_NONE, a hint for NUMA
 * balancing, a page in transition.  Those name a frame, and the guest will map
 * it again by setting a bit.  Who gives pages other addresses has to give them
 * other addresses there, too.
 *
 * How a frame is named is a convention of the system, not of the processor.  A
 * convention is told by its name and its parameters; what it can't tell for
 * certain it says is unknown.  Nothing here reads memory.
 *
 *   linux        Linux since August 2018 (4.18.1; 4.17.15, 4.14.63, 4.9.120,
 *                4.4.148): in entries of 8 bytes the frame is inverted, as a
 *                guard against L1TF; in those of 4 bytes it is not
 *   linux-plain  Linux before that: it never is
 *                On RISC-V, where no frame is inverted: linux is Linux since
 *                6.3, linux-plain the kernels before, if PROT_NONE is bit 5 in
 *                them.  On arm64, where none is either: linux is Linux since
 *                6.10, where bit 11 of what is not valid says present, and
 *                linux-plain is Linux from 4.0 to 6.9, where bit 58 does
 *   windows      Windows, whose invalid entries may have a mask of the
 *                machine's
 *
 * docs/formats.md has the bits. */
#ifndef PTWALK_ABSENT_H
#define PTWALK_ABSENT_H

#include "ptwalk/regime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to do with such entries; and, from PTW_ABSENT_LINUX on, the conventions.
 */
enum ptw_absent_policy {
    PTW_ABSENT_KEEP,  /* they keep their bits */
    PTW_ABSENT_CLEAR, /* they become 0 */
    PTW_ABSENT_LINUX,
    PTW_ABSENT_LINUX_PLAIN,
    PTW_ABSENT_WINDOWS,
    PTW_ABSENT_POLICIES
};

/* A policy and the parameters of its convention.  All zeros: keep. */
struct ptw_absent {
    enum ptw_absent_policy policy;
    /* Linux.  Swap types that are migration entries, by number, 16 to 31: their
     * offset is a frame, too.  The numbers depend on the kernel's configuration
     * (include/linux/swap.h, SWP_MIGRATION_READ and so on).  0: not known, and
     * then an entry of any type from 16 on is unknown. */
    uint32_t migration;
    /* linux-plain, in long mode: the lowest bit of the swap type: 1 (before
     * 4.6) or 9 (4.6 to 4.17).  0: not known, and then an entry is a swap slot
     * if it is one either way, else unknown.  pae had one layout up to 4.17.
     * On arm64: 2 (before 5.19) or 3 (5.19 to 6.9), and 0 is the same. */
    unsigned type_at;
    /* How many bits of a migration entry's offset, or of a page in transition,
     * are its frame.  0: linux: all of the offset (before 6.1); windows: 40,
     * and 20 in entries of 4 bytes. */
    unsigned frame_bits;
    /* windows: MiState.Hardware.InvalidPteMask of that machine; 0: none.  An
     * entry that has such a mask, and is read without, names a frame outside of
     * the machine's memory. */
    uint64_t mask;
    /* windows, entries of 8 bytes: the lowest bit of the page file's number: 1
     * (before build 17134) or 12.  0: 12. */
    unsigned page_file_at;
};

/* ptw_absent_name returns the name of a policy, as above, or "keep" or "clear";
 * NULL for a number that is none.  Static. */
PTW_API const char *ptw_absent_name(enum ptw_absent_policy policy);

/* ptw_absent_check says whether there can be such a policy in guests of r:
 * PTW_E_REGIME when its convention does not know tables of r, PTW_E_ARG when a
 * parameter belongs to another policy or has a value that it can't have. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_absent_check(const struct ptw_absent *absent, const struct ptw_regime *r);

/* What an entry is. */
enum ptw_absent_kind {
    PTW_ABSENT_NO_FRAME, /* it names none */
    PTW_ABSENT_FRAME,    /* it names one */
    PTW_ABSENT_UNKNOWN   /* that can't be told */
};

/* And what the system has in it, as far as that is known. */
enum ptw_absent_use {
    PTW_ABSENT_NOTHING,     /* it is 0, or it is present */
    PTW_ABSENT_OTHER,       /* not known */
    PTW_ABSENT_PROT_NONE,   /* linux: a page that nobody may touch for now, or a
                               NUMA hint */
    PTW_ABSENT_SWAP,        /* linux: a swap slot */
    PTW_ABSENT_MIGRATION,   /* linux: a page on its way to another frame */
    PTW_ABSENT_TRANSITION,  /* windows: a page that left the working set */
    PTW_ABSENT_PROTOTYPE,   /* windows: a reference to a prototype entry */
    PTW_ABSENT_PAGE_FILE,   /* windows: a place in a page file */
    PTW_ABSENT_DEMAND_ZERO, /* windows: a page that there will be */
    PTW_ABSENT_USES
};

/* ptw_absent_use_text returns a short English phrase for it; static. */
PTW_API const char *ptw_absent_use_text(enum ptw_absent_use use);

struct ptw_absent_entry {
    enum ptw_absent_kind kind;
    enum ptw_absent_use use;
    ptw_pa pa;          /* of a frame: where it starts; otherwise 0 */
    unsigned size_log2; /* and its size, log2 of bytes */
    unsigned rights;    /* that the entry's bits would grant if it were made
                           present as it is; the guest may choose others */
    unsigned store;     /* a swap slot's type, a page file's number */
    uint64_t slot;      /* its offset there, in pages; UINT64_MAX: not known, as
                           the layout is not, and store is 0 */
};

/* ptw_absent_read says what raw means in a table of the given level of r, which
 * must be below ptw_levels(r), to the convention of `absent`, which
 * ptw_absent_check has passed.  Of a policy without convention, and of raw that
 * is present or 0, it says that no frame is named.  A frame that is not within
 * the physical width, has a flag bit in its address or is not aligned to its
 * size is unknown.  A pure function.
 */
PTW_API struct ptw_absent_entry ptw_absent_read(const struct ptw_absent *absent,
                                                const struct ptw_regime *r,
                                                unsigned level, uint64_t raw);

/* ptw_absent_write makes *out of raw, which names a frame, so that it names the
 * one at pa and is otherwise the same: PTW_OK, and to read *out gives pa.
 * PTW_E_ARG when raw names no frame, PTW_E_ALIGN when pa is not aligned to the
 * frame's size, PTW_E_WIDTH when an entry can't name pa; then nothing is
 * written. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_absent_write(const struct ptw_absent *absent, const struct ptw_regime *r,
                 unsigned level, uint64_t raw, ptw_pa pa, uint64_t *out);

#ifdef __cplusplus
}
#endif

#endif
