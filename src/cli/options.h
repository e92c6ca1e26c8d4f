/* SPDX-License-Identifier: Apache-2.0 */
/* The command line.  Nothing is guessed: what is not given and needed, given
 * twice and meant once, or given and of no use, is an error. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli.h"

/* options_parse reads the arguments that follow the command's name (argv[0]
 * here).  It does not return when something is wrong with them.  Returns false
 * when help was asked for. */
bool options_parse(const struct command *command, int argc, char **argv,
                   struct options *o);
/* options_skip returns where the first argument behind argv[0] stands that is no
 * option and no value of one; argc when there is none. */
int options_skip(int argc, char **argv);
void options_free(struct options *o);

#endif
