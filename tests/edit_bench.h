/* SPDX-License-Identifier: Apache-2.0 */
/* What a host brings to an edit, for tests: frames of ram to make tables of,
 * with an account of them, a hook that moves tables, and memory behind
 * callbacks that watches every store. */
#ifndef PTW_TESTS_EDIT_BENCH_H
#define PTW_TESTS_EDIT_BENCH_H

#include "build_tables.h"

enum { FRAMES = RAM_BYTES / PAGE, POOL_FIRST = 0x40, NEVER = -1 };

/* The frames from POOL_FIRST up.  Those that are free hold rubbish. */
struct pool {
    bool used[FRAMES];
    unsigned in_use;
    unsigned taken; /* calls of take that gave one */
    unsigned given;
    int refuse_after; /* that many more calls of take go well; or NEVER */
    enum ptw_status refusal;
    ptw_pa bad; /* instead of refusing, this is the table that comes */
    bool bad_table;
    unsigned bad_given; /* it came back */
    bool wrong;         /* a table was given back that was not in use */

    /* the hook */
    bool moved[FRAMES]; /* in this edit */
    unsigned moves;
    int move_refuse_after; /* then it refuses, or returns the bad table */
    unsigned roots_told;
    ptw_pa root_told;
    bool relocate; /* false: it says that the table stays */
    bool stale;    /* asked to move a table that is not in use */
};

extern struct pool pool;
extern struct ptw_table_ops pool_ops;
extern struct ptw_table_ops pool_ops_without_give;
extern const struct ptw_move_ops pool_moves;

/* Starts over: no frame is in use. */
void pool_init(void);

/* bench makes a space with an empty root of the pool. */
void bench(struct ptw_tables *t);

/* Only the frames of the pool can be written. */
void offer_pool_only(void);

/* A table of the pool that the test fills itself. */
uint64_t pool_table(void);

/* Reference counts with room for everything. */
struct ptw_shares *counted(void);

/* remember keeps all frames in use, and which they are; as_remembered says
 * whether they are the same, byte for byte. */
void remember(void);
bool as_remembered(void);

/* How many tables the spaces reach, each counted once. */
size_t reachable(uint32_t roots, const struct ptw_root *root);

struct ptw_map_request map_request(uint64_t first, uint64_t bytes, uint64_t pa,
                                   unsigned rights, unsigned flags);
struct ptw_range_request range_request(uint64_t first, uint64_t bytes,
                                       unsigned rights, unsigned flags);

/* Memory behind callbacks, all of ram.  Every store is told to `stored`. */
struct callback_ram {
    void (*stored)(uint64_t pa, unsigned bytes, uint64_t value);
    int read_refuse_after;
    int write_refuse_after;
    uint64_t unreadable; /* an address that can't be read; 0: none */
    bool lend;           /* borrow works; it is for reading only */
};

extern struct callback_ram callback_ram;
void offer_callbacks(void);

#endif
