/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of entries: what a sweep asks of many entries at once.
 *
 * A kernel loads lines of entries, each entry once and whole, into the window
 * of the walk, and answers with masks, a bit an entry.  The kernels know no
 * format: whether entries are present, and whether neighbours follow each
 * other, is a matter of a step and of bits to compare, which the sweep has from
 * the regime. */
#ifndef PTW_BLOCKS_H
#define PTW_BLOCKS_H

#include "entry.h"
#include "vector.h"

/* The entries of the largest block. */
enum { PTW_BLOCK = 64 };

/* So many entries the lines of neighbouring items stand apart. */
enum { PTW_LINES_APART = sizeof(struct ptw_item) / sizeof(uint64_t) };

/* What is asked of a block. */
struct ptw_question {
    uint64_t before;  /* the entry before the first one of the block */
    uint64_t step;    /* an entry follows the one before it if it is that one */
    uint64_t alike;   /* plus step, in these bits */
    unsigned present; /* the number of the bit that entries have if present */
    const unsigned char *ahead; /* memory that is fetched into the cache, a line
                                   of it for each line of the block: it will be
                                   read next; or the block itself */
};

/* The answer; the bits of entries that were not asked about are clear.  Only
 * entries that are present follow another one. */
struct ptw_masks {
    uint64_t present;
    uint64_t follows;
};

/* The kernels of one width of entries. */
struct ptw_kernels {
    /* block loads `lines` lines, from 1 to 8, to the window. */
    struct ptw_masks (*block)(const struct ptw_question *q,
                              const unsigned char *from, unsigned lines,
                              uint64_t *to);
    /* run goes on as long as each entry of a line follows the one before it,
     * for at most `lines` lines, and returns how many do.  If that is fewer,
     * the line behind them was loaded, too: to `line`. */
    unsigned (*run)(const struct ptw_question *q, const unsigned char *from,
                    unsigned lines, uint64_t line[PTW_LINE]);
    /* copy is run, and loads each line, and also the one behind those that it
     * counts, PTW_LINES_APART behind the one before it, the first one to `to`. */
    unsigned (*copy)(const struct ptw_question *q, const unsigned char *from,
                     unsigned lines, uint64_t *to);
};

/* ptw_kernels_of returns the kernels for entries of 1 << entry_log2 bytes. */
const struct ptw_kernels *ptw_kernels_of(unsigned vectors, unsigned entry_log2);

/* ptw_masks_of answers about n entries that are in the window already, n at
 * most PTW_BLOCK. */
struct ptw_masks ptw_masks_of(const struct ptw_question *q,
                              const uint64_t *entry, unsigned n);

/* The kernels on vectors, by the log2 of the size of entries less 2: those that
 * PTW_VECTORS says there are. */
extern const struct ptw_kernels ptw_kernels_16[2];
extern const struct ptw_kernels ptw_kernels_32[2];
extern const struct ptw_kernels ptw_wide_kernels_64;

#endif
