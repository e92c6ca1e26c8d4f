/* SPDX-License-Identifier: Apache-2.0 */
/* A deliberately naive walker: plain recursion over plain arrays, of any format,
 * without a line of the library.  It is slow and it trusts
 * nobody; what it says is what the library is compared with. */
#ifndef PTW_TESTS_ORACLE_ORACLE_H
#define PTW_TESTS_ORACLE_ORACLE_H

#include "format.h"

#include <stddef.h>

/* Virtual addresses, first to last. */
struct oracle_range {
    uint64_t first;
    uint64_t last;
};

/* Bytes first to last of physical memory; bytes may be NULL for all zeros. */
struct oracle_ram {
    uint64_t first;
    uint64_t last;
    const uint8_t *bytes;
};

enum oracle_kind {
    ORACLE_LEAF,
    ORACLE_ABSENT,
    ORACLE_BAD,     /* reserved bits */
    ORACLE_REFUSED, /* the entry is not in any ram */
    ORACLE_GAP,     /* not canonical */
    ORACLE_SELF,    /* leads to the table that holds it */
};

/* What one entry (or the gap) answers, never merged with its neighbours. */
struct oracle_answer {
    enum oracle_kind kind;
    uint64_t first; /* virtual, closed */
    uint64_t last;
    uint64_t pa; /* leaf: of its first byte; self: of the table */
    uint64_t raw;
    unsigned level;  /* of the table that holds the entry, from the leaves */
    unsigned rights; /* leaf, self: effective */
    bool above;      /* leaf: every entry above it is writable */
};

/* Writes the answers for every entry of the space at root whose span touches
 * [first, last], in ascending order, and returns how many there are, at most
 * max: when it returns max there may be more, and what is there is a prefix. */
size_t oracle_walk(const struct oracle_mode *mode, const struct oracle_ram *ram,
                   size_t rams, uint64_t root, uint64_t first, uint64_t last,
                   struct oracle_answer *out, size_t max);

/* The same for a table of the given level whose first entry maps `first_va` and
 * whose path has granted those rights. */
size_t oracle_walk_table(const struct oracle_mode *mode,
                         const struct oracle_ram *ram, size_t rams,
                         uint64_t table, unsigned level, uint64_t first_va,
                         unsigned rights, uint64_t first, uint64_t last,
                         struct oracle_answer *out, size_t max);

/* Whether any address from first to last lies in none of the ranges. */
bool oracle_any_left(const struct oracle_range *out, size_t outs,
                     uint64_t first, uint64_t last);

/* Takes out of the answers those of which nothing between first and last is
 * left when the ranges are left out; returns how many remain. */
size_t oracle_leave_out(struct oracle_answer *answer, size_t count,
                        const struct oracle_range *out, size_t outs,
                        uint64_t first, uint64_t last);

/* What the entry that decides about va says. */
struct oracle_answer oracle_translate(const struct oracle_mode *mode,
                                      const struct oracle_ram *ram, size_t rams,
                                      uint64_t root, uint64_t va);

/* The table that the space at root has at that level on the way to va; false
 * when the way ends before. */
bool oracle_table_at(const struct oracle_mode *mode,
                     const struct oracle_ram *ram, size_t rams, uint64_t root,
                     uint64_t va, unsigned level, uint64_t *table);

#endif
