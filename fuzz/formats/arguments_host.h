/* SPDX-License-Identifier: Apache-2.0 */
/* What the command's parser of arguments has around it in a fuzz target: errors
 * that end the call in place of the process, a heap that is emptied, and no
 * files. */
#ifndef FUZZ_ARGUMENTS_HOST_H
#define FUZZ_ARGUMENTS_HOST_H

#include "options.h"

/* A command line that was read; *o has what it says. */
struct reading {
    bool ended; /* by an error: */
    enum cli_status status;
    char why[8192];
    bool help; /* was asked for */
    struct options o;
};

/* So many roots does a dump say. */
enum { HOST_DUMP_ROOTS = 2 };

/* host_read reads the arguments behind a command's name.  What it says is there up
 * to host_clear. */
void host_read(const struct command *command, int argc, char **argv,
               struct reading *out);
void host_clear(void);

/* host_is_clear says whether the parser has freed all that it allocated. */
bool host_is_clear(void);

/* host_manifest is what the image "made" says from now on, of roots and options;
 * host_has_manifest, whether that is a manifest. */
void host_manifest(const char *lines);
bool host_has_manifest(void);

/* host_input is what standard input has from now on. */
void host_input(const char *text);

#endif
