/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of the host: whether the compiler knows any that this library
 * uses, and which of them the processor has.
 *
 * The kernels over blocks of entries (walk/blocks.h) exist in up to four
 * forms: in plain C, on vectors of 16 bytes (SSE2, NEON), of 32 bytes (AVX2), and
 * of 64 bytes (AVX-512).  Plain C is always there.  The others need a compiler
 * that has the operations; the last two need a processor that has them, too,
 * which ptw_vectors_here asks at run time. */
#ifndef PTW_VECTOR_H
#define PTW_VECTOR_H

#include "engine.h"

/* PTW_VECTORS is how many bytes the widest vectors have for which kernels are
 * compiled; 0: there are none. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#if defined(__SSE2__) && defined(__LP64__)
#define PTW_VECTORS 64
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define PTW_VECTORS 16
#endif
#endif
#endif
#ifndef PTW_VECTORS
#define PTW_VECTORS 0
#endif

/* Which kernels a walk uses. */
enum ptw_vectors {
    PTW_VECTORS_NONE, /* plain C */
    PTW_VECTORS_16,   /* vectors of 16 bytes */
    PTW_VECTORS_32,   /* vectors of 32 bytes */
    PTW_VECTORS_64    /* of 64 bytes, for entries of 8; else of 32 */
};

/* ptw_vectors_here returns the best ones of this processor.  It asks the
 * processor, which may take a microsecond, or far more on a virtual machine. */
unsigned ptw_vectors_here(void);

#endif
