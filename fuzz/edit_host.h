/* SPDX-License-Identifier: Apache-2.0 */
/* The host of an edit: memory behind callbacks, a pool that tables come from,
 * and hooks that take, give and move tables.  What the library does that it
 * must not do ends the run. */
#ifndef PTW_FUZZ_EDIT_HOST_H
#define PTW_FUZZ_EDIT_HOST_H

#include "edit_input.h"
#include "memory.h"

/* What leads from a table in stock to the next one. */
enum { FE_LINK_BYTES = 8 };

/* The host of an edit. */
struct fe_host {
    struct fz_served served; /* it is the context of its callbacks */
    struct ptw_mem_ops ops;
    struct fm m;
    struct ptw_region region[FZ_REGIONS + 2];
    struct ptw_mem mem;
    const struct fz_case *w;
    struct ptw_shares shares;
    unsigned shares_at;    /* the storage that it is in */
    unsigned shares_tries; /* for one edit */
    bool shares_enough;    /* what it wanted last was given */
    uint64_t shares_used;  /* by the list, when it was given */
    unsigned options;
    uint64_t poison;
    bool lent_askew;     /* what is not aligned was lent */
    unsigned pool_limit; /* tables of it that may be taken */

    /* This edit: */
    unsigned takes_left;
    bool editing;
    bool refused; /* take or move did, or what they returned can't be */
    enum ptw_status refusal;
    unsigned refusals; /* if so: what the edit may say, 1 << a status */
    unsigned takes;    /* calls */
    unsigned taken;    /* calls that returned a table */
    enum fe_fault take_fault;
    unsigned take_fault_at;   /* which call; 0: none */
    enum fe_fault move_fault; /* in place of a refusal */
    uint64_t bad;             /* what take returned, */
    bool bad_out;             /* and has to be given back */
    int high;                 /* what take returned last, if no root register */
                              /* can have it; or -1 */
    bool tainted;             /* the tables have what they must not have */
    bool misled;              /* the same, by what an edit can't see */
    bool crooked;             /* a table was at two levels */
    bool shared;              /* before the edit, some table */
    unsigned reads;           /* through callbacks */
    unsigned writes;
    unsigned given_back; /* calls */
    unsigned traded;     /* both, when the edit began */
    bool restless;       /* entries change under the edit, and writes fail */
    bool unwritten;      /* one did */
    uint64_t random;
    unsigned moves; /* calls */
    unsigned moved;
    unsigned move_mask;
    unsigned move_refused_at;
    uint64_t hook_root; /* what it was told last, or the root that was */
    bool hooked;
    bool movable; /* tables are asked before they are written */
    enum fz_memory_of of;
    unsigned given;     /* of the tables that this edit did not take */
    unsigned given_new; /* of those that it took, but to move a table there */
    bool reclaims;      /* tables that become empty are given back */
};

/* A table that is wanted, or that moves. */
struct fe_wanted {
    uint64_t bytes;
    bool root;
};

extern const struct ptw_table_ops fe_with_give;
extern const struct ptw_table_ops fe_without_give;
extern const struct ptw_move_ops fe_movers;

/* fe_without_supply returns the same tables with nothing in stock, and with a host
 * that has no other. */
struct ptw_tables fe_without_supply(const struct ptw_tables *t);

/* fe_host_begin starts with an input.  fe_host_empty gives the host memory that
 * is empty, fe_add_pool gives that its pool, and fe_host_memory makes the
 * accessor of all memory. */
void fe_host_begin(struct fe_host *h, const struct fz_case *w,
                   const struct fe_input *in);
void fe_host_empty(struct fe_host *h);
void fe_add_pool(struct fm *m, const struct fz_case *w);
void fe_host_memory(struct fe_host *h);

/* fe_is_pool says whether the pool begins there, or its second half. */
bool fe_is_pool(const struct fm *m, uint64_t pa);

/* fe_is_high says that no root register can have that address. */
bool fe_is_high(const struct fm *m, uint64_t pa);

/* fe_check_lent checks that nobody wrote where what was lent was not
 * aligned. */
void fe_check_lent(struct fe_host *h);

/* fe_keep_case takes the tables of the guest out of the pool. */
void fe_keep_case(struct fe_host *h);

/* fe_host_asks says how the next tables are supplied. */
void fe_host_asks(struct fe_host *h, const struct fe_record *q);

/* A table that any level can use; an address of one that is in use; and an
 * address that can be no such table, for the reason of the fault.  false: there
 * is none. */
struct fe_wanted fe_any_table(const struct fe_host *h);
bool fe_page_in_use(const struct fe_host *h, uint64_t *pa);
bool fe_bad_address(const struct fe_host *h, enum fe_fault fault,
                    const struct fe_wanted *is, uint64_t *pa);

/* fe_shares_begin starts the list of shared tables.  fe_shares_more is called
 * with the status of an edit: true when the edit found no room in the list, and
 * the list has more now, in the end what was wanted.  fe_shares_anew does the
 * same with the status of a scan, which begins again.
 * What probes of an edit list takes room from it: fe_shares_probed is called
 * before the edit itself. */
void fe_shares_begin(struct fe_host *h, const struct fe_input *in);
void fe_shares_probed(struct fe_host *h);
bool fe_shares_more(struct fe_host *h, enum ptw_status st);
bool fe_shares_anew(struct fe_host *h, enum ptw_status st);

#endif
