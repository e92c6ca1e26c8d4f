/* SPDX-License-Identifier: Apache-2.0 */
/* Single fetch: how a number is taken out of memory that a guest may be writing
 * to.  The plain way, a dereference, may be compiled to two loads, and then a
 * check and its use can see different values. */
#ifndef PTW_LOAD_H
#define PTW_LOAD_H

#include "engine.h"

/* Entries are aligned to their size, also where the host's own type is not:
 * i386 aligns a plain uint64_t to 4, and clang then calls a library. */
typedef uint64_t ptw_entry64 __attribute__((aligned(8), may_alias));
typedef uint32_t ptw_entry32 __attribute__((aligned(4), may_alias));

/* Two of them, loaded in whatever parts: for who asks one thing of many entries.
 * Where the answer is that none of them matters, nothing is taken out of them;
 * else each is loaded again by itself. */
typedef uint64_t ptw_entry_pair
    __attribute__((vector_size(16), aligned(8), may_alias));

PTW_ENGINE uint32_t ptw_le32(uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(v);
#else
    return v;
#endif
}

PTW_ENGINE uint64_t ptw_le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(v);
#else
    return v;
#endif
}

/* ptw_load32 and ptw_load64 read an aligned little-endian number, once. */
PTW_ENGINE uint32_t ptw_load32(const void *p)
{
    return ptw_le32(__atomic_load_n((const ptw_entry32 *)p, __ATOMIC_RELAXED));
}

PTW_ENGINE void ptw_store32(void *p, uint32_t v)
{
    __atomic_store_n((ptw_entry32 *)p, ptw_le32(v), __ATOMIC_RELAXED);
}

#if __GCC_ATOMIC_LLONG_LOCK_FREE == 2
PTW_ENGINE uint64_t ptw_load64(const void *p)
{
    return ptw_le64(__atomic_load_n((const ptw_entry64 *)p, __ATOMIC_RELAXED));
}

PTW_ENGINE void ptw_store64(void *p, uint64_t v)
{
    __atomic_store_n((ptw_entry64 *)p, ptw_le64(v), __ATOMIC_RELAXED);
}
#else
/* A host without an atomic access of 64 bits: each half once. */
PTW_ENGINE uint64_t ptw_load64(const void *p)
{
    const unsigned char *b = p;
    uint64_t low = ptw_load32(b);

    return low | (uint64_t)ptw_load32(b + 4) << 32;
}

PTW_ENGINE void ptw_store64(void *p, uint64_t v)
{
    unsigned char *b = p;

    ptw_store32(b + 4, (uint32_t)(v >> 32));
    ptw_store32(b, (uint32_t)v);
}
#endif

/* ptw_load_bytes reads a little-endian number of any alignment, each byte
 * once. */
PTW_ENGINE uint64_t ptw_load_bytes(const void *p, unsigned bytes)
{
    const volatile unsigned char *b = p;
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)b[i] << (8 * i);
    }
    return v;
}

#endif
