/* SPDX-License-Identifier: Apache-2.0 */
/* A traversal: what the commands that walk have in common.  It fetches items in
 * batches, leaves out what is not told (filter.h), keeps the limits, shows
 * progress, and gathers what could not be read, so that a command has only to
 * print. */
#ifndef CLI_TRAVERSAL_H
#define CLI_TRAVERSAL_H

#include "barren.h"
#include "report.h"
#include "unread.h"

enum { TRAVERSAL_BATCH = 1024 };

struct traversal {
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
    unsigned flags;       /* of traversal_root */
    bool stopped;         /* by a limit, which is the rest of these: */
    const char *limit_of;
    uint64_t limit;
    uint32_t stop_root;
    ptw_va stop_va; /* the first address that was not given */
    bool over;
    bool spaces;               /* it is a walk over all of them */
    bool quiet;                /* another one shows progress */
    struct estimate *estimate; /* of how far it is, where that is shown */
    bool goes_on;  /* a walk that starts further on gives the rest */
    uint64_t skip; /* parts of this walk's items that were given before it was
                      started */
    size_t room;   /* of the items, how many are fetched next */
    struct barren *barren; /* of a walk of one root for some leaves, or NULL */

    /* virt_to_phys of an image that is not mapped */
    struct ptw_remembered remembered;
    void *copies;

    /* walk_va_spaces only */
    struct ptw_memo memo;
    void *memo_storage;
    size_t memo_tables;

    struct ptw_item item[TRAVERSAL_BATCH];
};

/* traversal_new prepares a traversal; traversal_end says in one line that a
 * limit was reached, and in another what could not be read, frees the
 * traversal, and returns its status. */
struct traversal *traversal_new(const struct options *o,
                                const struct image *im);
enum cli_status traversal_end(struct traversal *t);

/* traversal_root starts a virt_to_phys of the root of that index.  Returns
 * false when it is no root, which was then reported. */
bool traversal_root(struct traversal *t, uint32_t index, unsigned flags);

/* traversal_skip goes on with that walk behind `last`, which is not before what
 * was fetched. */
void traversal_skip(struct traversal *t, uint64_t last);

/* traversal_spaces starts walk_va_spaces over all roots. */
void traversal_spaces(struct traversal *t, unsigned flags);

/* traversal_next fetches the next items that are within the limits; t->item
 * holds them.  Returns how many, 0 at the end: of the root, or, when t->stopped
 * is set, of the traversal. */
size_t traversal_next(struct traversal *t);

/* traversal_stop notes that a limit was reached, and where. */
void traversal_stop(struct traversal *t, const char *what, uint64_t limit,
                    uint32_t space, ptw_va va);

/* traversal_weight returns what an item counts against the limit on leaves. */
uint64_t traversal_weight(const struct ptw_item *item);

/* traversal_parts returns how many parts an item has: a line its leaves, any
 * other one.  Walks of the same memory agree on the parts, and not on how they
 * come as items. */
uint64_t traversal_parts(const struct ptw_item *item);

/* traversal_note gathers what an item of a walk of that root says of the
 * tables. */
void traversal_note(const struct ptw_item *item, uint32_t root,
                    uint64_t *bad_entries, struct unread *unread);

/* traversal_note_space reports a root that is none. */
void traversal_note_space(struct traversal *t, const struct ptw_item *item);

/* traversal_progress shows, on a terminal, how far a walk is that stands at va of
 * that root. */
void traversal_progress(struct traversal *t, uint32_t root, ptw_va va);

#endif
