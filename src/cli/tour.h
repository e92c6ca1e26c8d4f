/* SPDX-License-Identifier: Apache-2.0 */
/* A tour: what the commands that walk have in common.  It fetches items in
 * batches, keeps the limits, shows progress, and gathers what could not be
 * read, so that a command has only to print. */
#ifndef CLI_TOUR_H
#define CLI_TOUR_H

#include "report.h"
#include "unread.h"

enum { TOUR_BATCH = 1024 };

struct tour {
    const struct options *o;
    const struct image *im;
    enum cli_status status;
    struct ptw_walk walk;
    uint64_t reads_left;  /* of --reads, that the walk has not been allowed */
    uint64_t allowed;     /* that it has been */
    uint64_t leaves_left; /* of --limit */
    uint64_t leaves;      /* printed, or about to be */
    struct unread unread;
    uint64_t bad_entries; /* of this root (spaces: of all) */
    uint32_t root;        /* the walk's own index is 0 under virt_to_phys */
    bool stopped;         /* by a limit, which is the rest of these: */
    const char *limit_of;
    uint64_t limit;
    uint32_t stop_root;
    ptw_va stop_va; /* the first address that was not given */
    bool over;

    /* virt_to_phys of an image that is not mapped */
    struct ptw_remembered remembered;
    void *copies;

    /* walk_va_spaces only */
    struct ptw_memo memo;
    void *memo_storage;
    size_t memo_tables;

    struct ptw_item item[TOUR_BATCH];
};

/* tour_new prepares a tour; tour_end says in one line that a limit was reached,
 * and in another what could not be read, frees the tour, and returns its
 * status. */
struct tour *tour_new(const struct options *o, const struct image *im);
enum cli_status tour_end(struct tour *t);

/* tour_root starts a virt_to_phys of the root of that index.  Returns false
 * when it is no root, which was then reported. */
bool tour_root(struct tour *t, uint32_t index, unsigned flags);

/* tour_spaces starts walk_va_spaces over all roots. */
void tour_spaces(struct tour *t, unsigned flags);

/* tour_next fetches the next items that are within the limits; t->item holds
 * them.  Returns how many, 0 at the end: of the root, or, when t->stopped is
 * set, of the tour. */
size_t tour_next(struct tour *t);

/* tour_stop notes that a limit was reached, and where. */
void tour_stop(struct tour *t, const char *what, uint64_t limit, uint32_t space,
               ptw_va va);

/* tour_grow makes more room in a memo. */
void tour_grow(struct ptw_memo *memo, void **storage, size_t *tables);

/* tour_memo makes an empty memo. */
void tour_memo(struct ptw_memo *memo, void **storage, size_t *tables);

#endif
