/* SPDX-License-Identifier: Apache-2.0 */
/* What came of pairs of tables that were compared (twins.h): each pair is
 * compared once, and the differences in it are told again without another look
 * at the images.  Of a pair within a pair, the outer one keeps a reference, so
 * that there is as much to keep as there are different pairs. */
#ifndef CLI_COMPARED_H
#define CLI_COMPARED_H

#include "changes.h"
#include "twins.h"

/* A difference in a pair: a run, at addresses from the start of the pair on, or,
 * without a kind, another pair that starts there. */
struct part {
    struct changed run;
    size_t pair;
};

/* A pair that differs. */
struct came {
    uint32_t root; /* where it was told */
    uint64_t first;
    struct change_counts counts;
    struct part *part; /* not all of them where only one is ever told again */
    size_t parts;
};

/* A pair that is being compared. */
struct open_pair {
    struct twins pair;
    uint32_t root;
    uint64_t first;
    uint64_t last;
    struct change_counts before;
    size_t part; /* its first one */
};

struct compared {
    bool keeps; /* all differences; else they are told by where they were */
    struct slots twins;
    struct came *came;
    size_t cames;
    size_t came_room;
    struct part *part; /* of the pairs that are open, at full addresses */
    size_t parts;
    size_t part_room;
    struct open_pair open[PTW_MAX_LEVELS + 1]; /* and a pair of leaves */
    unsigned opens;
};

void compared_init(struct compared *c, bool keeps);
void compared_free(struct compared *c);

/* What is known of a pair. */
enum known { KNOWN_NOT, KNOWN_SAME, KNOWN_DIFFERENT };

/* compared_find says that; *number is how many pages were compared, or the index
 * of what came of it. */
enum known compared_find(const struct compared *c, const struct twins *pair,
                         uint64_t *number);

/* compared_open begins a pair within those that are open, from `first` to
 * `last`; so much was counted up to there. */
void compared_open(struct compared *c, const struct twins *pair, uint32_t root,
                   uint64_t first, uint64_t last,
                   const struct change_counts *counts);

/* compared_close ends the pairs that lie below `at`.  compared_leave forgets
 * those that are open. */
void compared_close(struct compared *c, uint64_t at,
                    const struct change_counts *counts);
void compared_leave(struct compared *c);

/* compared_note notes a difference, compared_refer one that is a pair. */
void compared_note(struct compared *c, const struct changed *run);
void compared_refer(struct compared *c, size_t pair, uint64_t first);

/* compared_single returns whether the pair is no more than one run. */
bool compared_single(const struct compared *c, size_t pair);

/* Telling the runs of a pair again. */
struct replay {
    const struct compared *c;
    struct {
        size_t pair;
        size_t next;
        uint64_t first;
    } at[PTW_MAX_LEVELS + 1];
    unsigned depth;
};

void replay_init(struct replay *r, const struct compared *c, size_t pair,
                 uint64_t first);

/* replay_next gives the next run, false at the end. */
bool replay_next(struct replay *r, struct changed *out);

#endif
