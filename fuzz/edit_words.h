/* SPDX-License-Identifier: Apache-2.0 */
/* Edits in words. */
#ifndef PTW_FUZZ_EDIT_WORDS_H
#define PTW_FUZZ_EDIT_WORDS_H

#include "edit_host.h"

/* fe_say_flags: flags of an edit. */
void fe_say_flags(unsigned flags);

/* fe_say_supply: how tables will be supplied. */
void fe_say_supply(const struct fe_record *q, bool movable);

/* fe_say_edit: an edit. */
void fe_say_edit(const struct fe_host *h, const struct fe_record *q,
                 bool movable);

/* fe_say_status: what an edit said. */
void fe_say_status(const struct fe_host *h, enum ptw_status st,
                   struct ptw_root root);

/* fe_say_tables: what there is after an edit. */
void fe_say_tables(const struct fe_host *h, const struct ptw_tables *t);

/* fe_say_spaces: everything that the roots reach. */
void fe_say_spaces(struct fz_case *w, struct fe_host *h, const char *when);

/* fe_say_machine: the memory of the guest. */
void fe_say_machine(const struct fz_case *w, const struct fe_host *h);

/* fe_say_pool: the pool. */
void fe_say_pool(const struct fe_host *h);

/* fe_say_roots: the roots of the host. */
void fe_say_roots(const struct fe_host *h);

/* fe_say_walked: what the walk of the spaces is limited to, and what it leaves
 * out. */
void fe_say_walked(const struct fz_case *w);

/* fe_say_roots_of: the roots of the input. */
void fe_say_roots_of(const struct fz_case *w);

#endif
