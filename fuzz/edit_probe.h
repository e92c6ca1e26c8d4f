/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of leaves as calls, and calls that have to be refused. */
#ifndef PTW_FUZZ_EDIT_PROBE_H
#define PTW_FUZZ_EDIT_PROBE_H

#include "obstacles.h"

/* fe_call makes the call that a record describes.  *refused is what a list says
 * of the page that was refused. */
enum ptw_status fe_call(struct ptw_movable_tables *mt,
                        const struct fe_record *q, bool movable,
                        size_t *refused);

/* fe_check_list checks what a list said, page by page. */
void fe_check_list(struct fe_host *h, struct ptw_movable_tables *mt,
                   const struct fe_record *q, bool movable, size_t refused,
                   enum ptw_status st);

/* fe_probe varies an edit that is about to be made, an argument at a time.  Where
 * a variation has to fail, it is called: it says why, and changes nothing. */
void fe_probe(struct fe_host *h, struct ptw_movable_tables *mt,
              const struct fe_record *q, bool movable,
              const struct fe_obstacles *o);

/* fe_read_limit returns the limit of reads for an edit, of which max_reads was
 * said: of many tables not all, so that it ends soon.  fe_least_reads returns what
 * the edit takes and no more, where that is known; else its limit. */
uint64_t fe_read_limit(uint64_t max_reads, const struct fe_obstacles *o);
uint64_t fe_least_reads(const struct fe_host *h, const struct fe_record *q,
                        bool movable, const struct fe_obstacles *o);

#endif
