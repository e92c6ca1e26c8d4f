/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a walk is done: its outline (PTW_WALK_OUTLINE) is a small part of
 * what there is to read, and says where the tables are. */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "image.h"

struct estimate;

/* estimate_new prepares an estimate of a walk of each root; or of all at once,
 * each table once. */
struct estimate *estimate_new(const struct options *o, const struct image *im,
                              bool spaces, unsigned flags);
void estimate_free(struct estimate *e);

/* estimate_share walks on in the outline for some milliseconds, and returns how
 * much of it lies before that address of that root, in thousandths; 0: that is
 * not known yet. */
unsigned estimate_share(struct estimate *e, uint32_t root, ptw_va va);

#endif
