/* SPDX-License-Identifier: Apache-2.0 */
/* Walking and printing in several threads.
 *
 * The command's own thread walks outlines (PTW_WALK_OUTLINE): a small part of
 * what there is to read.  Every so many tables of an outline are a job.  Any
 * thread, that one too, does a job: it walks what is in those tables, and
 * prints the items to memory.  The command's thread takes the jobs in their
 * order, joins the items at their ends, and writes what was printed.  Memory is
 * bounded by the number of jobs under way.
 *
 * What is printed is what one thread would print.  Where a limit is reached,
 * which is known only when jobs are taken, the rest is told by one thread from
 * the start of the root on, without what was told. */
#ifndef CLI_CREW_H
#define CLI_CREW_H

#include "tell.h"

/* crew_tell walks everything that the options of t ask for, in as many threads
 * as they say and the image allows. */
void crew_tell(struct traversal *t, const struct telling *telling);

#endif
