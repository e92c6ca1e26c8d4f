/* SPDX-License-Identifier: Apache-2.0 */
/* The members of these structs are nobody's business.  They are here since a caller
 * gives the storage of the objects that hold them; they change without notice. */
#ifndef PTWALK_PRIVATE_H
#define PTWALK_PRIVATE_H

#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_regime;
struct ptw_mem;
struct ptw_memo;
struct ptw_remembered;

/* A part of memory that can be read directly: offsets below entries_end hold a
 * whole entry.  Private. */
struct ptw_near {
    uint64_t first;
    uint64_t entries_end;
    const unsigned char *host;
    bool writable;
};

/* What is fixed for one level of one regime.  Private to the library. */
struct ptw_level_rule {
    uint64_t table_reserved; /* bits that are 0 in a valid entry of a table */
    uint64_t leaf_reserved;  /* the same for a leaf */
    uint64_t leaf_address;   /* where a leaf holds its address */
    uint64_t leaf_pa;        /* addresses that a leaf can hold */
    uint64_t alike;          /* bits that neighbours of a run must share */
    bool leaf;               /* an entry can be a leaf */
};

/* The tables of the path that a walk is in.  Private. */
struct ptw_path_table {
    uint64_t table;   /* its physical address */
    const void *host; /* its bytes, where they can be borrowed */
    uint64_t base;    /* first offset that it covers */
    uint64_t raw;     /* the entry last read */
    unsigned rights;  /* of the path that leads here */
    uint16_t index;   /* the entry that is next */
    uint16_t last;    /* the last one within the range */
    uint16_t fetched; /* entries below this one were fetched */
};

/* The state of one descent.  Private. */
struct ptw_cursor {
    const struct ptw_regime *regime;
    const struct ptw_mem *mem;
    struct ptw_memo *memo; /* NULL: follow; else a table seen is a reference */
    struct ptw_remembered *remembered; /* or NULL */
    uint64_t first; /* the range, as offsets: addresses without sign */
    uint64_t last;
    uint64_t reads_left;
    uint64_t tables;
    uint64_t seen_va; /* of an alias: where the owner has it */
    uint32_t seen_by; /* and who that is */
    uint32_t number;  /* of the table just entered, or of that of the alias */
    uint32_t space;
    unsigned need;      /* of entries that lead to tables */
    unsigned need_leaf; /* of paths with their leaf */
    int level;          /* of the table that is read next; -1: there is none */
    unsigned top;       /* level of the table that the path starts with */
    bool remark;        /* remarks are wanted */
    bool list;          /* tables are items */
    bool self;          /* a table that refers to itself is not entered again */
    unsigned remarks;   /* about the table just entered */
    struct ptw_near near; /* where the last entry was, if not in a table
                             that can be borrowed */

    /* What is left out, and how much of it lies below the part of the range
     * that is walked now. */
    const struct ptw_va_range *leave_out;
    size_t leave_outs;
    size_t left;
    uint64_t whole_first; /* the range, with what is left out */
    uint64_t whole_last;
    struct ptw_path_table at[PTW_MAX_LEVELS];
};

/* Storage that the steps ask for.  Private, as all of the below. */
struct ptw_store {
    void *at;
    size_t bytes;
};

struct ptw_hash {
    unsigned char *record;
    size_t slots_log2;
    size_t used;
    uint64_t seed;
};

/* A stretch of memory without a hole, in smallest pages by their numbers. */
struct ptw_run {
    uint64_t first;       /* pages of which memory has a byte: from this one */
    uint64_t last;        /* to this one */
    uint64_t whole_first; /* that it has whole: from this one, */
    uint64_t whole_end;   /* and below this one; none when it is not above */
    uint64_t touched;     /* how many of either kind are before this run's */
    uint64_t whole;
};

/* Which pages memory has. */
struct ptw_runs {
    const struct ptw_run *run; /* NULL: there is at most one */
    size_t runs;
    unsigned page_log2;
    struct ptw_run only;
};

#ifdef __cplusplus
}
#endif

#endif
