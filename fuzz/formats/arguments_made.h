/* SPDX-License-Identifier: Apache-2.0 */
/* A naive reading of what a manifest stands for: the options that somebody without
 * one would have to give. */
#ifndef FUZZ_ARGUMENTS_MADE_H
#define FUZZ_ARGUMENTS_MADE_H

#include "cli.h"

#include <stddef.h>

enum { MADE_WORDS = 160, MADE_TEXT = 8192 };

/* made_words writes a command line that says by options what this one takes from the
 * manifest of which the text is (lines "root NEW OLD", "paging NAME VALUE" and so on),
 * and whose images are raw.  Words stand in room.  false: that is not plain. */
bool made_words(const char *text, unsigned takes, int argc, char **argv,
                char *out[MADE_WORDS + 1], int *words, char room[MADE_TEXT]);

#endif
