/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor: physical memory with bounds.
 *
 * A struct ptw_mem is the only way from the library to memory.  It holds a
 * sorted list of regions; whatever lies in none of them is refused with
 * PTW_E_BUS, never answered with a zero.  A region either names host memory
 * (a memory slot, a mapped file) or is served by the host's own callbacks.
 *
 * Single fetch: the guest may be running.  An aligned entry in host memory is
 * loaded once, by a relaxed atomic load of its width.  (Where the host's
 * alignment differs from the guest's, or a 32-bit host has no atomic load of
 * 64 bits, each part is loaded exactly once, but the whole may be torn.)
 * Entries are little-endian whatever the host is.
 *
 * Thread safety: a struct ptw_mem is constant after its init; any number of
 * threads may use it as far as the callbacks allow. */
#ifndef PTWALK_MEM_H
#define PTWALK_MEM_H

#include "ptwalk/private.h"
#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A host's own memory.  The accessor has checked every address against the
 * regions before it calls; pa is not necessarily aligned when a caller of
 * ptw_read32 or ptw_read64 did not align it, nor when ptw_read_bytes reads the
 * end of a region that is not aligned itself (entries always are).  The
 * value passed is the number, not its bytes: an implementation on a
 * big-endian host converts.  A callback may refuse with any PTW_E_ status;
 * the engine treats each as a refused access. */
struct ptw_mem_ops {
    /* Optional: without it, 4 bytes are taken out of 8 that read64 reads, the
     * aligned ones around them or, at the ends of a region that is not aligned,
     * others that the region has. */
    enum ptw_status (*read32)(void *ctx, ptw_pa pa, uint32_t *out);
    enum ptw_status (*read64)(void *ctx, ptw_pa pa, uint64_t *out);

    /* Optional.  read copies the bytes [pa, pa + bytes), which lie in one
     * region, to buffer, as they are in memory; or refuses: then they are read
     * as numbers, as if there were no read.  ptw_read_bytes uses it, and so
     * does whatever looks at whole pages; a walk does for entries of memory
     * that is stopped (ptw_mem_set_stopped). */
    enum ptw_status (*read)(void *ctx, ptw_pa pa, void *buffer, size_t bytes);

    /* Optional.  borrow returns the bytes [pa, pa + bytes), aligned as pa is
     * up to 8, valid as long as the accessor, or NULL when it can't.  The
     * engine reads through it with atomic loads, and prefetches. */
    const void *(*borrow)(void *ctx, ptw_pa pa, uint64_t bytes);

    /* Optional.  zeros says whether the bytes [pa, pa + bytes) of one region
     * are known to be all zeros without being read, as holes of a sparse file
     * are; false when that would have to be found out.  It is asked about
     * memory of the host too, of a stopped guest: where it says so, a rebuild
     * or a comparison does not touch the page. */
    bool (*zeros)(void *ctx, ptw_pa pa, uint64_t bytes);

    /* Optional: without them every write is refused as PTW_E_READONLY. */
    enum ptw_status (*write32)(void *ctx, ptw_pa pa, uint32_t value);
    enum ptw_status (*write64)(void *ctx, ptw_pa pa, uint64_t value);
};

/* struct ptw_mem is the accessor: set by the init functions below.  Its members
 * are private. */

/* ptw_mem_init_flat describes one buffer of `bytes` bytes at host that stands
 * at physical address base.  PTW_E_ARG when host is NULL, PTW_E_RANGE when
 * bytes is 0 or base + bytes - 1 wraps.  The buffer stays the caller's and
 * must outlive mem.  On failure mem refuses every access. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_mem_init_flat(struct ptw_mem *mem, ptw_pa base, const void *host,
                  uint64_t bytes, bool writable);

/* ptw_mem_init_regions describes count regions of host memory.  The array is
 * sorted in place, stays the caller's, and must outlive mem unchanged.
 * PTW_E_ARG when a region has no host memory, PTW_E_RANGE when one ends before
 * it starts, PTW_E_OVERLAP when two share an address.  No regions at all is
 * valid: such memory refuses every access.  On failure, likewise. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_mem_init_regions(struct ptw_mem *mem, struct ptw_region *region,
                     size_t count);

/* ptw_mem_init_callbacks is ptw_mem_init_regions for a host that serves its
 * memory itself: a region whose host is NULL goes through ops, any other is
 * read directly.  region may be NULL when count is 0: then ops serve every
 * address.  read64 is required (else PTW_E_ARG).  ops and ctx must
 * outlive mem. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_mem_init_callbacks(struct ptw_mem *mem, const struct ptw_mem_ops *ops,
                       void *ctx, struct ptw_region *region, size_t count);

/* ptw_mem_set_stopped says whether nobody writes to the memory while a call
 * looks at it, as the caller promises; after an init, somebody may.  Of memory
 * that is stopped, a walk reads through the callback `read` up to
 * PTW_MAX_WINDOW entries of a table at a time, where it otherwise reads one.
 * Each counts as a read, is read once, and is decided from that copy; none
 * beyond the range, or the limit, is read.  Where read refuses, entries are
 * read one by one.  If the memory does change all the same, the answer may be
 * of an earlier moment, and no promise is broken. */
PTW_API void ptw_mem_set_stopped(struct ptw_mem *mem, bool stopped);

/* How much of a range the regions cover. */
enum ptw_cover { PTW_COVER_NONE, PTW_COVER_SOME, PTW_COVER_ALL };

/* ptw_mem_cover tells how much of [pa, pa + bytes) lies inside the regions,
 * without reading anything.  A range that wraps is covered at most in part.
 * bytes must not be 0. */
PTW_API enum ptw_cover ptw_mem_cover(const struct ptw_mem *mem, ptw_pa pa,
                                     uint64_t bytes);

/* ptw_read32 and ptw_read64 read one little-endian number at pa, of any
 * alignment, within one region.  PTW_E_BUS when it is not wholly inside one;
 * *out is written on PTW_OK only. */
PTW_NODISCARD PTW_API enum ptw_status ptw_read32(const struct ptw_mem *mem,
                                                 ptw_pa pa, uint32_t *out);
PTW_NODISCARD PTW_API enum ptw_status ptw_read64(const struct ptw_mem *mem,
                                                 ptw_pa pa, uint64_t *out);

/* ptw_read_bytes reads bytes at pa, of any number and alignment, wherever
 * regions meet.  PTW_OK: *run bytes from pa on, 1 or more, are in buffer.  When
 * the first byte can't be read, the answer is why (PTW_E_BUS: it is in no
 * region; or what a callback refused with), and the *run bytes from pa on can't
 * be read either; what is in the buffer there means nothing.  In both cases
 * there may be more of the same kind behind them: go on at pa + *run.
 * PTW_E_RANGE when bytes is 0 or pa + bytes - 1 wraps.
 *
 * Behind callbacks, what borrow does not lend and `read` does not copy at once
 * is read as numbers: each
 * aligned 8 bytes that lie in the region, else each aligned 4; else, at its
 * start or end, the region's first or last 4, which are then not aligned.  A
 * byte of a region of fewer than 4 can't be read.  A refusal counts for all
 * bytes that were to be taken from the number. */
PTW_NODISCARD PTW_API enum ptw_status ptw_read_bytes(const struct ptw_mem *mem,
                                                     ptw_pa pa, void *buffer,
                                                     size_t bytes, size_t *run);

/* What two memories have of a page each. */
struct ptw_parts {
    bool same;       /* the bytes that both have are */
    uint32_t both;   /* how many these are */
    uint32_t only_a; /* how many only one has, */
    uint32_t only_b;
    uint32_t neither; /* or none */
    uint64_t shape;   /* a number by which places both have bytes in */
};

/* ptw_compare_parts compares the page of `bytes` at pa_a of one memory with
 * that at pa_b of another one, both aligned to 8, as far as they can be read.
 * bytes is a multiple of 8 below 4 GiB.  Each room, of that size and aligned to
 * 8, holds afterwards the bytes that both have, and zeros in its other
 * places. */
PTW_API void ptw_compare_parts(const struct ptw_mem *a, ptw_pa pa_a,
                               uint64_t *room_a, const struct ptw_mem *b,
                               ptw_pa pa_b, uint64_t *room_b, size_t bytes,
                               struct ptw_parts *out);

/* ptw_borrow returns a pointer to the bytes [pa, pa + bytes), or NULL when they
 * are not wholly inside one region, not direct memory, or not aligned on the
 * host as they are in the guest (8 bytes).  It is valid as long as mem. */
PTW_API const void *ptw_borrow(const struct ptw_mem *mem, ptw_pa pa,
                               uint64_t bytes);

/* ptw_write32 and ptw_write64 store one little-endian number at pa, which must
 * be aligned to its size (else PTW_E_ALIGN), by one relaxed atomic store.
 * PTW_E_BUS when it is not inside one region, PTW_E_READONLY when that region
 * is not writable.  Nothing is written on failure. */
PTW_NODISCARD PTW_API enum ptw_status ptw_write32(const struct ptw_mem *mem,
                                                  ptw_pa pa, uint32_t value);
PTW_NODISCARD PTW_API enum ptw_status ptw_write64(const struct ptw_mem *mem,
                                                  ptw_pa pa, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
