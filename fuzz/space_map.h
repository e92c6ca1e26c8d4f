/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces that are built again by ptw_space_aware_map: for the targets space_map
 * and link. */
#ifndef PTW_FUZZ_SPACE_MAP_H
#define PTW_FUZZ_SPACE_MAP_H

#include "edits.h"

/* What was built. */
struct fe_rebuilt {
    struct ptw_built built[FM_ROOTS];
    size_t count; /* items */
    bool complete;
    uint32_t space; /* the one that is not complete */
    uint64_t end;   /* and the first offset that it lacks */
    bool stopped;   /* before any item of it */
};

/* What becomes of mappings before they are mapped again. */
struct fe_placing {
    bool wanted;
    enum ptw_place how;
    uint64_t by; /* how far their pages move */
};

/* fe_begin_image starts an empty image in a pool of its own. */
void fe_begin_image(struct fz_case *w, struct fe_host *h,
                    const struct fe_input *in, struct ptw_tables *t);

/* fe_rebuild walks the case and builds in the pool of the host.  Returns
 * whether everything was built. */
bool fe_rebuild(struct fz_case *w, struct fe_host *h, struct ptw_tables *t,
                unsigned flags, bool loose, const struct fe_placing *placing,
                struct fe_rebuilt *out);

/* fe_set_roots makes the roots that were built the roots of the host. */
void fe_set_roots(struct fe_host *h, const struct ptw_built *built,
                  unsigned roots);

#endif
