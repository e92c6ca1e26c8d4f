/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stddef.h>

/* names_advice writes which paging modes there are, and which one is meant by
 * `given` if it is like one of them or another name of it. */
void names_advice(const char *given, char *out, size_t room);

#endif
