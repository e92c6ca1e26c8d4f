/* SPDX-License-Identifier: Apache-2.0 */
/* What --help prints. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli.h"

/* help_of_all prints what there is, help_of what a command takes, and an
 * example of it. */
void help_of_all(const struct command *command, size_t commands);
void help_of(const struct command *command);

#endif
