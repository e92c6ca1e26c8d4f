/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of the host: whether the compiler knows any that this library
 * uses, and how a vector is loaded from memory that a guest may be writing to.
 *
 * The kernels over blocks of entries (walk/blocks.h) exist in up to three
 * forms: in plain C, on vectors of 16 bytes, and on vectors of 32 bytes.  Plain
 * C is always there.  The others need a compiler that has the operations
 * below; the last one needs a processor that has them, too, which
 * ptw_vectors_here asks at run time. */
#ifndef PTW_VECTOR_H
#define PTW_VECTOR_H

#include "engine.h"

/* PTW_VECTORS is 1 where the kernels on vectors are compiled. */
#if defined(__SSE2__) && defined(__LP64__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define PTW_VECTORS 1
#endif
#endif
#ifndef PTW_VECTORS
#define PTW_VECTORS 0
#endif

/* Which kernels a walk uses. */
enum ptw_vectors {
    PTW_VECTORS_NONE, /* plain C */
    PTW_VECTORS_16,   /* vectors of 16 bytes */
    PTW_VECTORS_32    /* vectors of 32 bytes */
};

/* ptw_vectors_here returns the best ones of this processor.  It asks the
 * processor, which may take a microsecond, or far more on a virtual machine. */
unsigned ptw_vectors_here(void);

#endif
