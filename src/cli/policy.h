/* SPDX-License-Identifier: Apache-2.0 */
/* What a rebuild is asked to do: which addresses it leaves out and maps, and
 * what becomes of entries that are not present and of marks. */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "arguments.h"

/* The functions of one option read its value, optarg. */
void policy_add_map(struct arguments *a);
void policy_add_leave_out(struct arguments *a);
void policy_set_absent(struct arguments *a);
void policy_set_marked(struct arguments *a);

/* policy_check ends the command when what is asked for can't be, as a whole or
 * under the regime. */
void policy_check(struct arguments *a);

/* die_of_map says what is wrong with one of the --map options. */
PTW_NORETURN void die_of_map(const struct options *o,
                             const struct ptw_map_request *map,
                             const char *why);

#endif
