/* SPDX-License-Identifier: Apache-2.0 */
/* Edits as an input describes them: the host, the supply of tables, the
 * edits. */
#ifndef PTW_FUZZ_EDIT_INPUT_H
#define PTW_FUZZ_EDIT_INPUT_H

#include "check.h"

/* How many edits an input can have. */
enum { FE_EDITS = 16 };

/* How an input wants its edits made: `options` of its `host`. */
enum fe_option {
    OPT_BORROW = 1,
    OPT_KEEP = 2,   /* no give: what was not needed is kept */
    OPT_DIRECT = 4, /* the pool is host memory */
    OPT_VOUCH = 8,  /* no shares where nothing is shared */
    OPT_LOOSE = 16, /* space_map: without PTW_EDIT_EXACT */
    OPT_RUNS = 32,
    OPT_AGAIN = 64, /* tables move whenever they are asked to */
    OPT_MOVES = 128 /* link: tables move */
};

/* What take or move returns in place of a table.  That the last two are wrong
 * nobody can see: then only memory outside is safe, and an input ends. */
enum fe_fault {
    FAULT_NONE,
    FAULT_UNALIGNED,
    FAULT_OUTSIDE, /* of all regions */
    FAULT_PART,    /* part of it is outside */
    FAULT_READONLY,
    FAULT_WIDE,   /* beyond what an entry can refer to */
    FAULT_FULL,   /* not all zeros */
    FAULT_IN_USE, /* a table, or a page that was taken before */
};

enum { FE_FAULTS = FAULT_IN_USE + 1 };

/* What is wrong with it, in words. */
extern const char *const fe_fault_name[FE_FAULTS];

enum fe_op { DO_MAP, DO_UNMAP, DO_PROTECT, DO_LINK };

/* An edit, and how it is supplied. */
struct fe_record {
    enum fe_op op;
    unsigned root;
    bool changing;      /* the tables change under it */
    uint64_t list;      /* pages: the map is a list of them; or 0 */
    unsigned list_log2; /* of their size, if it is said */
    uint64_t page_bytes;
    unsigned apart; /* every how many pages one is in the list */
    uint64_t first;
    uint64_t last;
    uint64_t pa;
    unsigned rights;
    bool copy_on_write;
    struct ptw_attributes attributes;
    unsigned flags;
    unsigned table_rights;
    uint64_t table_flags;
    unsigned takes;
    uint64_t max_reads;
    unsigned move_mask;
    unsigned move_refused_at;
    unsigned level;
    unsigned owner;
    unsigned space; /* of an alias */
    uint64_t link;  /* the bits of a link; */
    bool link_said; /* else they follow from the rights */
    uint64_t their_va;
    unsigned half; /* of the owner of a link: see fz_beside; 0: as ours */
    enum fe_fault take_fault;
    unsigned take_fault_at;
    enum fe_fault move_fault;
    enum fe_fault stock_fault;
    bool grant_exec; /* or, of a rebuild: mappings get other pages */
};

/* How many pages a list can have. */
enum { FE_LIST = 600 };

/* As many tables as an edit wants. */
enum { PLENTY = 1000 };

/* What an input says about the host, and its records. */
struct fe_input {
    unsigned options;
    unsigned readonly;
    unsigned edits;
    unsigned shares_room;
    unsigned pool_limit;
    struct fz_records records;
};

/* fe_read_input reads the case, and what an input says about the host. */
void fe_read_input(struct fz_case *w, struct fe_input *in, const uint8_t *data,
                   size_t len);

/* fe_next_edit reads the next edit of an input, and its supply. */
bool fe_next_edit(const struct fz_case *w, struct fz_records *in,
                  struct fe_record *q);

/* fe_exec_flag returns PTW_EDIT_GRANT_EXEC where the record says so. */
unsigned fe_exec_flag(const struct fe_record *q);

#endif
