/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of leaves, as maps prints them, and what they add up to. */
#ifndef CLI_RUNS_H
#define CLI_RUNS_H

#include "traversal.h"

/* Where runs are from. */
struct place {
    const struct options *o;
    const struct image *im;
    uint32_t root;
};

/* What runs add up to. */
struct totals {
    uint64_t runs;
    uint64_t of_level[PTW_MAX_LEVELS]; /* leaves, by the level that has them */
    uint64_t writable; /* bytes that the guest can write, by whatever access */
    uint64_t outside;  /* bytes that the image does not have */
};

/* totals_run adds a run, totals_add what others came to. */
void totals_run(struct totals *sum, const struct place *p,
                const struct ptw_item *run);
void totals_add(struct totals *sum, const struct totals *more);

/* totals_since takes off what there was before. */
struct totals totals_since(const struct totals *now,
                           const struct totals *before);

/* totals_bytes returns how much is mapped. */
uint64_t totals_bytes(const struct place *p, const struct totals *sum);

/* What else is said at the end of a root. */
struct ending {
    uint64_t bad_entries;
    uint64_t unread; /* places */
    uint64_t folded; /* bytes that stand elsewhere, or are repeats */
    bool folds;
    bool complete;
};

void totals_print(const struct place *p, const struct totals *sum,
                  const struct ending *end);

uint64_t run_leaves(const struct ptw_item *run);
uint64_t run_bytes(const struct ptw_item *run);

void run_print(const struct place *p, const struct ptw_item *run);

/* runs_flag is the flag of walks that give runs; without it they give leaves, which
 * runs_join makes runs of: it adds the next one to a run, if it goes on there. */
unsigned runs_flag(const struct options *o);
bool runs_join(const struct place *p, struct ptw_item *run,
               const struct ptw_item *next);

/* leaf_print_json prints a leaf as an object. */
void leaf_print_json(const struct place *p, const struct ptw_item *leaf);

/* run_alike says whether the lines of two runs differ in nothing but where they
 * are mapped. */
bool run_alike(const struct place *p, const struct ptw_item *a,
               const struct ptw_item *b);

/* root_print is the line before the runs of a root. */
void root_print(const struct place *p);

#endif
