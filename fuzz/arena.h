/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one input, without the heap.  Each piece has exactly its size: under
 * the address sanitizer what is around it can't be touched, nor can a piece that
 * was given back; none of it is used again before the next input. */
#ifndef PTW_FUZZ_ARENA_H
#define PTW_FUZZ_ARENA_H

#include <stddef.h>

/* fz_arena_begin takes everything back. */
void fz_arena_begin(void);

/* fz_take returns so many bytes, aligned to 16; what they hold is undefined. */
void *fz_take(size_t bytes);

/* fz_give_back takes a piece, or NULL. */
void fz_give_back(void *piece);

#endif
