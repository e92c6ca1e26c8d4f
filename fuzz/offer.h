/* SPDX-License-Identifier: Apache-2.0 */
/* Where a host's accessor goes: between the library and the memory of an input.
 *
 * The harness makes each accessor with the library's own functions, and then
 * calls fz_host_memory.  offer.c has one that changes nothing.  A host links a
 * source file of its own that defines it (PTW_FUZZ_HOST of CMake; or that
 * object stands before the harness's archive, which then leaves its own one
 * out), and every target asks its properties of the host's accessor.  A guide
 * is in docs/fuzz-your-accessor.md, an example in examples/fuzz-accessor. */
#ifndef PTW_FUZZ_OFFER_H
#define PTW_FUZZ_OFFER_H

#include "ptwalk/mem.h"

enum {
    FZ_HOST_REGIONS = 16, /* at most, of one memory */
    FZ_HOST_MEMORIES = 8, /* at most, at the same time */
};

/* fz_host_memory may make *mem an accessor of the host's, of the same memory:
 * with ptw_mem_init_callbacks, over the same regions.  *mem is one of the
 * library's own, which is what it stays when nothing is done.
 *
 * region[0] to region[count - 1] ascend, and none overlaps another.  Where its
 * host is not NULL it is host memory of exactly its size, which the host's
 * accessor reads and, if it is writable, writes, as it does with the memory of
 * a guest.  All other regions are served by *ops with ctx, which have to be
 * called for the same address and width, once for each access.  ops is NULL
 * where there is no such region.  Of its callbacks, read64 is not NULL, and any
 * other may be; a host's accessor that has one where ops has none refuses
 * there: NULL from borrow, false from zeros, any PTW_E_ status from the others.
 * What *ops refuses, the host's accessor refuses with the same status.
 *
 * region is the harness's: what the accessor needs of it after the call, the
 * host copies.  Host memory, *ops and *ctx stay as long as *mem does: until
 * fz_host_memory was called with the same number again, which is below
 * FZ_HOST_MEMORIES; the host keeps what it needs of one memory by that number.
 * One thread calls.
 *
 * Anything but PTW_OK is a violation: every one of these memories is right. */
PTW_NODISCARD enum ptw_status
fz_host_memory(unsigned number, struct ptw_mem *mem,
               const struct ptw_mem_ops *ops, void *ctx,
               const struct ptw_region *region, size_t count);

/* Whether the accessor lends whatever can be lent: host memory, and what *ops
 * lends.  False: it may refuse any loan. */
extern const bool fz_host_lends;

#endif
