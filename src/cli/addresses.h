/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that are asked about: in arguments, or in standard input. */
#ifndef CLI_ADDRESSES_H
#define CLI_ADDRESSES_H

#include "arguments.h"

/* Standard input, among the arguments. */
bool addresses_are_read(const char *operand);

/* addresses_are says whether the argument is an address or a range of them, or
 * stands for standard input. */
bool addresses_are(const char *operand);

/* addresses_add adds what the argument says, or what standard input does: an
 * address or a range each, with blanks, commas or line feeds between them; what
 * follows a # up to the end of the line is not looked at.  It ends the command
 * when something else stands there. */
void addresses_add(struct arguments *a, const char *operand);

#endif
