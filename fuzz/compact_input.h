/* SPDX-License-Identifier: Apache-2.0 */
/* A rebuild as an input describes it. */
#ifndef PTW_FUZZ_COMPACT_INPUT_H
#define PTW_FUZZ_COMPACT_INPUT_H

#include "compact_guest.h"

/* How an input wants it done: `options` of its `rebuild`. */
enum fc_compact_option {
    OPT_CHANGES = 1,      /* the guest goes on running */
    OPT_HOSTILE = 2,      /* arguments as they come, ranges not put right */
    OPT_NO_ROOM = 4,      /* where the tables go is too small, or read-only */
    OPT_STOPPED = 8,      /* callbacks copy bytes, memory does not change */
    OPT_KNOWS_ZEROS = 16, /* pages of host memory are, too */
    OPT_ABSENT_SPOIL = 32 /* entries that are not present are spoilt */
};

enum fc_tables_base { TABLES_BEHIND, TABLES_FAR, TABLES_BEFORE, TABLES_OVER };

enum fc_limit { NO_LIMIT, FEW_READS, FEW_BYTES, FEW_STORAGE };

/* What is done to the image to see whether the verifier finds it. */
enum fc_spoil {
    SPOIL_NOT,
    SPOIL_ENTRY,  /* a bit of an entry */
    SPOIL_PAGE,   /* a bit of a page */
    SPOIL_REPEAT, /* an entry takes the address of another one */
    SPOIL_COPY,   /* what an entry leads to is copied, and it leads there */
    SPOIL_MORE,   /* an entry that was nothing becomes another one */
    SPOIL_REMOVE,
    SPOIL_SWAP,  /* two entries */
    SPOIL_FRAME, /* an entry takes the address of any page, or table */
    SPOIL_ADD,   /* an entry that is not present names a table, and writes */
    SPOIL_SPLIT, /* a large leaf becomes small ones, of the same pages */
    SPOIL_BACK,  /* an entry is again as it is in the guest, or but for a bit */
    SPOIL_ROOT,  /* a space gets another table as its root */
    SPOIL_LOSE,  /* a page can't be read, or its second half */
    SPOIL_WAYS   /* how many there are, with none */
};

struct fc_spoilt {
    enum fc_spoil how;
    uint8_t at[3]; /* which table or page, entry, other entry or bit */
    bool absent;   /* entries that are not present are spoilt */
};

enum { FC_SPOILT = 16 };

struct fc_input {
    unsigned options;
    enum fc_limit limit;
    unsigned limited_to;
    size_t most_storage;
    unsigned growth;
    unsigned refused_first; /* write of the sink, + 1 */
    unsigned refused_times;
    struct fc_spoilt spoilt[FC_SPOILT]; /* each by itself */
    unsigned spoilings;
    uint8_t at[3]; /* of the last record, whether it spoils or not */
};

/* fc_read_input reads the guest, the options of its rebuild, and the rest. */
void fc_read_input(struct fc_guest *g, struct fc_input *input,
                   const uint8_t *data, size_t len);

/* fc_inverts says whether the convention for entries that are not present
 * inverts frames. */
bool fc_inverts(const struct fc_guest *g);

#endif
