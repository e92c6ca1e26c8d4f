/* SPDX-License-Identifier: Apache-2.0 */
/* The library's words. */
#ifndef PTW_FUZZ_TEXTS_H
#define PTW_FUZZ_TEXTS_H

#include "harness.h"

/* fz_check_texts asks for the words of each value of every enumeration that has
 * some: each has its own, and a number that is no value has those for one. */
void fz_check_texts(void);

/* fz_check_entry_texts asks for the words about an entry of a table.  Of those
 * bits that they name for a right that it has, or for its presence, there is one
 * without which it does not; and it is set or clear as they say. */
void fz_check_entry_texts(const struct fz_case *w, unsigned level,
                          unsigned index, uint64_t raw);

#endif
