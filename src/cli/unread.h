/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that could not be read: how many times, and where first. */
#ifndef CLI_UNREAD_H
#define CLI_UNREAD_H

#include "image.h"

struct unread {
    uint64_t count;
    uint32_t root;
    uint8_t level;
    ptw_pa table;
    ptw_va first;
    ptw_va last;
};

/* unread_step notes that the entry of the last of the steps towards va could
 * not be read. */
void unread_step(struct unread *u, const struct options *o, uint32_t root,
                 ptw_va va, const struct ptw_step *last);

/* unread_finding notes a finding PTW_FINDING_REFUSED of that root. */
void unread_finding(struct unread *u, uint32_t root,
                    const struct ptw_item *item);

/* unread_add adds what was gathered elsewhere, of what comes later. */
void unread_add(struct unread *u, const struct unread *more);

/* unread_report says so in one line, when there are any, and returns the
 * status that follows from it. */
enum cli_status unread_report(const struct options *o, const struct image *im,
                              const struct unread *u);

#endif
