/* SPDX-License-Identifier: Apache-2.0 */
/* maps for people: what is there more than once is shown once.  A table that
 * was shown before, in this space or an earlier one, under a path that grants
 * the same, is one line that says where; and so are the repeats of a run, or of
 * a table, at addresses that are equally far from each other.  The totals count
 * all of it. */
#ifndef CLI_FOLD_H
#define CLI_FOLD_H

#include "traversal.h"

/* fold_tell walks everything that the options of t ask for, each table once for
 * each set of rights, and prints it. */
void fold_tell(struct traversal *t);

#endif
