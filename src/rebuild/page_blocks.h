/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of the old image a rebuild keeps, and where each of them goes.
 *
 * The old memory is seen in blocks of 64 smallest pages; a block that has
 * anything kept is a record in a hash table.  A large leaf that is kept whole
 * is a unit: all blocks of it are kept whole, and stay together in the new
 * image, which has the units first, the largest foremost. */
#ifndef PTW_PAGE_BLOCKS_H
#define PTW_PAGE_BLOCKS_H

#include "hash.h"

/* log2 of the pages of a block. */
enum { PTW_BLOCK_PAGES_LOG2 = 6 };

struct ptw_block {
    uint64_t key;      /* number of the block + 1 */
    uint64_t kept;     /* pages that have a place of their own */
    uint64_t again;    /* that two leaves or more map */
    uint64_t writable; /* that the guest writes through a leaf that can become
                          copy-on-write */
    uint64_t fixed;    /* the same, of a leaf that can't */
    uint64_t gone;     /* that could not be read */
    uint64_t blank;    /* all zeros: stand where the first such page does */
    uint64_t same;     /* stand where another page does that has their bytes */
    uint64_t to;       /* new address of the first page kept */
    uint64_t flags;    /* flag bits of the first leaf that kept a page, with
                          PTW_FLAGS_KNOWN; */
    uint64_t second;   /* and of the first leaf that had others; */
    uint64_t other;    /* pages that are mapped with these */
    uint64_t mixed;    /* pages of which it is not known that all their leaves
                          have the same flag bits, and which */
    uint32_t unit;     /* log2 of the bytes of the unit that it is in, or 0 */
    uint16_t leaves;   /* first block of a unit: a set of enum ptw_unit_leaf */
    uint16_t torn;     /* the same: enum ptw_torn, of the unit */
};

/* Beside flag bits, which are higher: it is known what they are. */
enum { PTW_FLAGS_KNOWN = 1 };

/* How the guest writes through a leaf. */
enum ptw_writes {
    PTW_WRITES_NOT,
    PTW_WRITES,      /* not any more when it is copy-on-write */
    PTW_WRITES_STILL /* then too: see ptw_guest_writes */
};

/* The leaves that map a whole unit, as far as they matter. */
enum ptw_unit_leaf {
    PTW_UNIT_FIRST = 1,
    PTW_UNIT_AGAIN = 2,  /* there are two or more */
    PTW_UNIT_WRITES = 4, /* one that is PTW_WRITES */
    PTW_UNIT_FIXED = 8,  /* one that is PTW_WRITES_STILL */
    PTW_UNIT_FLAGS = 16  /* one whose flag bits are not the first one's */
};

enum ptw_torn {
    PTW_TORN_NOWHERE,
    PTW_TORN_SOMEWHERE, /* a page of it is gone: nobody looked which */
    PTW_TORN_IN_PART,   /* a part of it is known to be, and a part not */
    PTW_TORN_ALL        /* all of it is known to be */
};

/* In what follows, pages have 2^page_log2 bytes. */
PTW_ENGINE struct ptw_block *ptw_block_at(const struct ptw_hash *h,
                                          unsigned page_log2, uint64_t pa)
{
    return ptw_hash_find(h, sizeof(struct ptw_block),
                         (pa >> (page_log2 + PTW_BLOCK_PAGES_LOG2)) + 1);
}

PTW_ENGINE uint64_t ptw_block_base(unsigned page_log2,
                                   const struct ptw_block *b)
{
    return (b->key - 1) << (page_log2 + PTW_BLOCK_PAGES_LOG2);
}

/* The page of pa among those of its block. */
PTW_ENGINE uint64_t ptw_page_bit(unsigned page_log2, uint64_t pa)
{
    return (uint64_t)1 << (pa >> page_log2 & 63);
}

/* The pages that a leaf lets the guest write. */
PTW_ENGINE uint64_t ptw_block_written(const struct ptw_block *b)
{
    return b->writable | b->fixed;
}

/* The pages that would drift apart if leaves that write got copies: those that
 * have such a leaf and another one, whether it writes or not. */
PTW_ENGINE uint64_t ptw_block_shared(const struct ptw_block *b)
{
    return b->again & ptw_block_written(b);
}

/* The pages that two leaves map with other flag bits, or may do. */
PTW_ENGINE uint64_t ptw_block_flags_differ(const struct ptw_block *b)
{
    return b->mixed & b->again;
}

/* By hand, since the compiler's own may be a call to its library. */
PTW_ENGINE unsigned ptw_count_bits(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555;
    bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F;
    return (unsigned)(bits * 0x0101010101010101 >> 56);
}

/* Where the page of that bit, which is kept, goes. */
PTW_ENGINE uint64_t ptw_block_to(unsigned page_log2, const struct ptw_block *b,
                                 uint64_t bit)
{
    return b->to + ((uint64_t)ptw_count_bits(b->kept & (bit - 1)) << page_log2);
}

#endif
