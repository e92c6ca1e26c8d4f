/* SPDX-License-Identifier: Apache-2.0 */
/* The entries that the library read last, and what they mean by the oracle's
 * format: for whoever looks at a failure.  Memory is watched through an accessor
 * that stands in front of the one that the harness, or a host, made. */
#ifndef PTW_FUZZ_WATCH_H
#define PTW_FUZZ_WATCH_H

#include "oracle/oracle.h"
#include "ptwalk/mem.h"

#include <stdio.h>

/* Two memories can have the same addresses. */
enum fz_memory_of { FZ_OF_GUEST, FZ_OF_NEW };

/* Whether memory is watched.  Then no table is lent, copied at once, or read as
 * host memory, so that every read is seen; an input may fail in another way. */
extern bool fz_watches;

/* fz_watch_begin forgets what was read, and says by which format entries are
 * understood.  fz_watch_root names a root: only tables to which entries lead that
 * were read or written, and roots, are known. */
void fz_watch_begin(const struct oracle_mode *mode);
void fz_watch_root(enum fz_memory_of of, uint64_t pa);

/* fz_watch puts an accessor in the place of *mem, of the same memory, which has
 * these regions, at most FZ_WATCHED_REGIONS.  It is good until
 * FZ_WATCHED_MEMORIES others were put. */
enum { FZ_WATCHED_REGIONS = 16, FZ_WATCHED_MEMORIES = 16 };
PTW_NODISCARD enum ptw_status fz_watch(struct ptw_mem *mem,
                                       enum fz_memory_of of,
                                       const struct ptw_region *region,
                                       size_t count);

/* fz_watch_say prints the last entries that were read, if memory is watched. */
void fz_watch_say(FILE *to);

#endif
