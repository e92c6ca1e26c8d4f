/* SPDX-License-Identifier: Apache-2.0 */
/* How far a compressed dump goes, and which of its pages a file that was cut off
 * does not have. */
#ifndef CLI_KDUMP_EXTENT_H
#define CLI_KDUMP_EXTENT_H

#include "dump.h"

/* Where a dump says of which pages it is: a bit a page, those from `first` to
 * `end` - 1 in this file, and a descriptor for each page whose bit is set. */
struct kdump_list {
    uint64_t page_bytes;
    uint64_t bitmap; /* offset of the bit of page 0 */
    uint64_t bits;
    uint64_t first;
    uint64_t end;
    uint64_t descriptors; /* offset of the first */
};

/* kdump_extent_check notes the pages that the list names and the file does not
 * have (dump_lack), and remarks on them.  false: the list itself is cut off
 * (d->why). */
bool kdump_extent_check(const struct reader *r, const struct kdump_list *l,
                        struct dump *d);

#endif
