/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of inputs that know their format: records are put in, taken out and
 * changed as whole ones, and tables are linked, shared and spoilt on purpose.
 * libFuzzer and AFL++ call the same code (custom_mutator.c, afl_mutator.c). */
#ifndef PTW_FUZZ_MUTATOR_H
#define PTW_FUZZ_MUTATOR_H

#include "input.h"

/* The engine's own mutator of bytes, in place: returns the new size, at most
 * `most`.  NULL: there is none. */
typedef size_t fz_mutate_bytes(uint8_t *data, size_t size, size_t most);

/* fz_mutate changes an input of a target in place, which has room for `most`
 * bytes, at least 1, and returns its new size, not 0.  A quarter of the calls are the
 * engine's, if there is one.  The same arguments give the same input, as far as
 * that goes by itself. */
size_t fz_mutate(const char *target, uint8_t *data, size_t size, size_t most,
                 uint64_t seed, fz_mutate_bytes *bytes);

/* fz_cross_over makes an input out of records of two, and returns its size, at
 * most `most`. */
size_t fz_cross_over(const uint8_t *a, size_t a_size, const uint8_t *b,
                     size_t b_size, uint8_t *out, size_t most, uint64_t seed);

#endif
