/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

const char *peer_missing(void)
{
    return "libaddrxlat (libkdumpfile) was not installed when this was built";
}

uint64_t peer_leaves(void *image)
{
    (void)image;
    return 0;
}

uint64_t peer_lookups(void *image)
{
    (void)image;
    return 0;
}
