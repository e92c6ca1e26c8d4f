/* SPDX-License-Identifier: Apache-2.0 */
/* A peer: libaddrxlat, the translation of libkdumpfile.  Its walk is its own
 * step taken at each entry of each table, which is the least that it can do for
 * all leaves.  It knows no tables that were met before; what it found more than
 * once is taken out of its sum.  Both take a struct image of amd64 or i686 and
 * return its sum. */
#ifndef PTW_BENCH_PEER_H
#define PTW_BENCH_PEER_H

#include <stdint.h>

/* peer_missing returns why the peer is not there, or NULL. */
const char *peer_missing(void);

uint64_t peer_leaves(void *image);
uint64_t peer_lookups(void *image);

#endif
