/* SPDX-License-Identifier: Apache-2.0 */
/* What every file of the core needs of the compiler. */
#ifndef PTW_ENGINE_H
#define PTW_ENGINE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An engine function is specialised by the constant descriptor that it is
 * called with, so it has to be inlined whatever the optimiser thinks.  A file
 * that calls all of them with a descriptor that is no constant defines
 * PTW_ANY_FORMAT first: there a function stays one, or its text grows
 * exponentially with the depth of calls for nothing. */
#if defined(PTW_ANY_FORMAT)
#define PTW_ENGINE static inline __attribute__((unused))
#else
#define PTW_ENGINE static inline __attribute__((always_inline, unused))
#endif

/* An engine function that a descriptor points to is made known by PTW_NAMED
 * behind its body, and put into the descriptor as PTW_BY_NAME.
 *
 * gcc learns at -Og only after all inlining which function a constant pointer
 * leads to, and there refuses to call one that has to be inlined.  An alias has
 * to be nothing: it is called there, and wherever gcc knows in time, the
 * function behind it is inlined as if it had been named itself. */
#if defined(__clang__)
#define PTW_NAMED(function)   static __typeof__(function) function
#define PTW_BY_NAME(function) function
#else
#define PTW_NAMED(function)                                                    \
    static __typeof__(function) function##_by_name                             \
        __attribute__((alias(#function), unused))
#define PTW_BY_NAME(function) function##_by_name
#endif

/* PTW_UNROLL asks for the loop that follows to be unrolled whole; its count is
 * a small constant. */
#if defined(__clang__)
#define PTW_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PTW_UNROLL _Pragma("GCC unroll 8")
#endif

/* What is called now and then, kept apart: a function that calls it would else
 * save registers, and make room for it, in every call. */
#define PTW_APART __attribute__((noinline))

/* What is rarely called, kept out of the way of what is. */
#define PTW_COLD __attribute__((noinline, cold))

#define PTW_LIKELY(x)   __builtin_expect(!!(x), 1)
#define PTW_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ptw_low_mask returns the lowest `bits` bits set; bits may be 0 to 64. */
PTW_ENGINE uint64_t ptw_low_mask(unsigned bits)
{
    return bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
}

/* ptw_bits returns bits hi to lo set, both included; none when hi < lo. */
PTW_ENGINE uint64_t ptw_bits(unsigned hi, unsigned lo)
{
    return hi < lo ? 0 : ptw_low_mask(hi + 1) & ~ptw_low_mask(lo);
}

/* ptw_limit returns a limit that a caller asked for as the engine counts: 0 is
 * no limit, as in a struct that is all zeros, and UINT64_MAX is never reached.
 */
PTW_ENGINE uint64_t ptw_limit(uint64_t asked)
{
    return asked == 0 ? UINT64_MAX : asked;
}

#endif
