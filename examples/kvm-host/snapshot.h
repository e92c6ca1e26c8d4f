/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: a stopped guest, rebuilt as a dense image, and proved equal. */
#ifndef PTW_EXAMPLES_SNAPSHOT_H
#define PTW_EXAMPLES_SNAPSHOT_H

#include "space.h"

/* What a snapshot was like. */
struct snapshot_report {
    struct ptw_rebuild_counts counts;
    struct ptw_certificate certificate;
    const char *trouble; /* what failed, or NULL */
};

/* snapshot_take rebuilds a guest that is stopped with those registers into
 * image: what it may write becomes copy-on-write, but for what its spaces write
 * together.  The image is verified against the guest, and rebuilt once more:
 * that has to give the same bytes. */
enum ptw_status snapshot_take(const struct spaces *s,
                              const struct vm_registers *regs,
                              struct image *image,
                              struct snapshot_report *report);

#endif
