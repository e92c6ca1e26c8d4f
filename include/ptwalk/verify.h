/* SPDX-License-Identifier: Apache-2.0 */
/* Proving that a rebuilt image is the guest that it was made from.
 *
 * An independent pass over both: every space, every address kept has the same
 * bytes, the same effective rights (after the policy that was asked for), the
 * same attributes and the same sharing, of tables and of pages.  It has nothing
 * in common with the rebuilder but the walker and the conventions.
 *
 * A page that memory does not have whole, a device for one, has no leaves by the
 * rule that a page of several leaves stays writable (PTW_REBUILD_COPY_ON_WRITE):
 * each leaf of it that writes is to be copy-on-write.
 *
 * A leaf that carried the copy-on-write mark before, and R/W of which was
 * clear, is counted, and judged by the flags: it has its bits; or it must not
 * be there (PTW_REBUILD_REFUSE_MARKED: PTW_DIFFERS_POLICY); or it has lost the
 * mark and nothing else (PTW_REBUILD_CLEAR_MARKED).
 *
 * An entry that is not present is judged by what was asked for (absent): it has
 * the same bits, or it is 0, or it names the page that it named, wherever that
 * is now.  Then it counts as a leaf that is written, which no policy makes
 * copy-on-write: the bytes are compared, and the page is one with those that
 * other leaves map and with no other one.
 *
 * Thread safety: one object is used by one thread at a time.  Neither guest may
 * run. */
#ifndef PTWALK_VERIFY_H
#define PTWALK_VERIFY_H

#include "ptwalk/private.h"
#include "ptwalk/rebuild.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What differs first. */
enum ptw_difference_kind {
    PTW_DIFFERS_NOT,
    PTW_DIFFERS_SPACE,      /* one root can't be read, or is a duplicate */
    PTW_DIFFERS_MISSING,    /* mapped before, and not now */
    PTW_DIFFERS_EXTRA,      /* mapped now, and not before */
    PTW_DIFFERS_KEPT,       /* mapped now, and could not be read before; unless
                               it is at the same address and can't be now */
    PTW_DIFFERS_ABSENT,     /* an entry that is not present has other bits, or
                               has bits where there was no such entry */
    PTW_DIFFERS_OVERLAP,    /* a new table is a page, or a table in the place of
                               another one, as well, and was not before */
    PTW_DIFFERS_TABLE,      /* a table now and not before, or the reverse, or
                               with other rights or attributes */
    PTW_DIFFERS_ALIAS,      /* tables are not shared as they were */
    PTW_DIFFERS_SELF,       /* a table refers to itself, and did not */
    PTW_DIFFERS_BAD,        /* an entry with reserved bits, that had none */
    PTW_DIFFERS_REFUSED,    /* a table that can't be read, and could before */
    PTW_DIFFERS_SIZE,       /* a large leaf is not large any more */
    PTW_DIFFERS_RIGHTS,     /* effective rights */
    PTW_DIFFERS_POLICY,     /* copy-on-write where it should not be, or not
                               where it should */
    PTW_DIFFERS_ATTRIBUTES, /* memory type, global, accessed, dirty, key */
    PTW_DIFFERS_SHARED,     /* one page is two now */
    PTW_DIFFERS_JOINED,     /* two pages are one now */
    PTW_DIFFERS_UNREADABLE, /* the new page can't be read, or not all that
                               could be before */
    PTW_DIFFERS_BYTES,
};

/* ptw_difference_text returns a short English phrase for it; static. */
PTW_API const char *ptw_difference_text(enum ptw_difference_kind kind);

struct ptw_difference {
    enum ptw_difference_kind kind;
    uint32_t space;
    ptw_va va;     /* the first address of that space where it shows */
    ptw_pa old_pa; /* of the page there, or of the table; 0 without one */
    ptw_pa new_pa;
    uint64_t old_raw; /* the entries, as far as there are some */
    uint64_t new_raw;
    unsigned old_rights; /* effective; 0 where nothing is mapped */
    unsigned new_rights;
};

/* What was compared.  The digest is of what the guest sees: addresses, sizes,
 * rights, attributes, sharing of tables and contents; not of physical
 * addresses, nor of the accessed and dirty bits.  It names a state; it is no
 * proof against somebody who makes two states with one digest on purpose: the
 * comparison is. */
struct ptw_certificate {
    uint64_t spaces;
    uint64_t tables; /* of the old image */
    uint64_t aliases;
    uint64_t leaves;  /* of the old image */
    uint64_t pages;   /* smallest pages, each compared once */
    uint64_t partial; /* besides: that can be read in part, the same part in
                         both images, and are mapped at the same address; that
                         part was compared */
    uint64_t selves;  /* tables that refer to themselves */
    uint64_t dropped; /* smallest pages that could not be read before, or not
                         whole, and are not mapped now */
    uint64_t outside; /* smallest pages that can be read in neither image, and
                         are mapped at the same address in both: devices.  Like
                         dropped, at every leaf; but one that regions cover and
                         callbacks refuse is counted once */
    uint64_t bad;     /* entries that faulted before: not mapped now, or fault
                         for the same reason */
    /* Entries that were not present and not 0, as those of a rebuild. */
    uint64_t absent_kept;
    uint64_t absent_cleared;
    uint64_t absent_followed;
    uint64_t absent_unknown;
    uint64_t marked_before; /* as that of a rebuild */
    uint64_t digest[2];
};

struct ptw_verify_options {
    ptw_va first; /* as those of the rebuild */
    ptw_va last;
    const struct ptw_va_range *leave_out;
    size_t leave_outs;
    unsigned flags;     /* a set of enum ptw_rebuild_flag */
    uint64_t max_reads; /* of entries, in each image; 0: no limit */
    uint64_t seed;
    struct ptw_absent absent;
};

/* ptw_verify_options_of returns the options that compare what a rebuild with
 * options o made: the same range, what was left out of it, policy, limit of
 * reads and seed.  Addresses of maps are not compared.  The array that is left
 * out stays the caller's. */
struct ptw_verify_options PTW_API
ptw_verify_options_of(const struct ptw_rebuild_options *o);

/* One comparison.  The caller owns the storage, about 12 KiB, and reads
 * certificate, difference, wanted and work.  o, joined, added and state are
 * private: see ptwalk/private.h. */
struct ptw_verify {
    struct ptw_certificate certificate; /* so far */
    struct ptw_difference difference;
    size_t wanted; /* PTW_E_SPACE: bytes that would be enough for long */
    uint64_t work; /* done so far, as that of a rebuild */
    struct ptw_verify_options o;
    struct ptw_difference joined; /* the first page that is one with another */
    struct ptw_difference added;  /* the first entry that is not present, and
                                     was not there */
    struct ptw_verify_state state;
};

/* ptw_verify_init begins a comparison of the spaces with the given roots, in
 * order.  Everything passed must live as long as v.  PTW_E_ARG, PTW_E_RANGE,
 * PTW_E_ALIGN and, without tables (bare) or of absent, PTW_E_REGIME as
 * ptw_rebuild_init. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_verify_init(struct ptw_verify *v, const struct ptw_mem *old_mem,
                const struct ptw_root *old_root, const struct ptw_mem *new_mem,
                const struct ptw_root *new_root, uint32_t roots,
                const struct ptw_verify_options *options);

/* ptw_verify_give and ptw_verify_storage are as those of a rebuild. */
PTW_NODISCARD PTW_API enum ptw_status ptw_verify_give(struct ptw_verify *v,
                                                      void *storage,
                                                      size_t bytes,
                                                      void **before);
PTW_API void *ptw_verify_storage(const struct ptw_verify *v, unsigned i);

/* ptw_verify_run compares.
 *
 *   PTW_OK         the same: certificate says what was compared
 *   PTW_DIFFERENT  difference is the first one, in order of spaces and
 *                  addresses; but bytes, pages that are tables as well,
 *                  those that are one though the guest can make their leaves
 *                  writable, and entries that are not present where there was
 *                  no such entry, are looked at when everything else was found
 *                  to be the same
 *   PTW_E_SPACE    give storage, and call again
 *   PTW_E_LIMIT    max_reads.  The entries of a table are read once more to
 *                  compare those that are not present, which max_reads leaves
 *                  out; where frames are followed, once more for each walk.
 *   PTW_E_CHANGED  the images changed under the comparison
 *   PTW_E_ARG      called again after it was over
 *
 * Work: as that of ptw_rebuild_plan, with the tables, pages and regions of both
 * images, and four times as much. */
PTW_NODISCARD PTW_API enum ptw_status ptw_verify_run(struct ptw_verify *v);

#ifdef __cplusplus
}
#endif

#endif
