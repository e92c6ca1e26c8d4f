/* SPDX-License-Identifier: Apache-2.0 */
/* What walks, translations and walks of changing memory have in common. */
#ifndef PTW_FUZZ_WALKS_H
#define PTW_FUZZ_WALKS_H

#include "check.h"

/* The walk that others are compared with, and the answers of the oracle. */
extern struct fz_list fw_list;
extern struct fz_expected fw_expected;

/* fw_other_memory returns another way to offer the same memory. */
enum fz_memory fw_other_memory(const struct fz_case *w);

/* The walks that must give the same as the first. */
enum fw_again {
    FW_OTHER_MEMORY,
    FW_IN_RUNS,
    FW_RESUMED,
    FW_PATHS, /* by each kernel, as lines */
    FW_PARTS, /* an outline; a translation that is cut */
    FW_AGAIN
};

/* fw_wants says which of them are made.  A fuzzer makes the walk that the input
 * picks, unless it is loading its corpus; a replay makes all. */
bool fw_wants(const struct fz_case *w, enum fw_again which);

/* fw_start starts a walk over all spaces. */
void fw_start(struct fz_case *w, struct ptw_walk *walk,
              const struct ptw_mem *mem, const struct ptw_root *root,
              struct ptw_memo *memo, const struct ptw_walk_options *o);

/* fw_other_options returns the options of a walk with tables.  Where the budget
 * was enough, no limit is enough, too. */
struct ptw_walk_options fw_other_options(const struct fz_case *w);

/* fw_check_other_memory checks that a walk with these options, of the same
 * memory offered in another way, gives what is in the list, less holes and
 * remarks. */
void fw_check_other_memory(struct fz_case *w, struct ptw_walk *walk,
                           struct ptw_memo *memo);

/* fw_check_paths checks that walks of that memory by all kernels that the host
 * has give what is in the list: leaf by leaf, as lines that are taken apart,
 * and as runs.  root: of all spaces, or of one that is translated. */
void fw_check_paths(struct fz_case *w, const struct ptw_mem *mem,
                    const struct ptw_root *root, bool spaces);

/* The items of parts of a walk, joined on their way to a comparison: with those
 * of the walk that was not cut, one by one, or without one with the list. */
struct fw_joined {
    struct ptw_walk *whole;
    size_t at; /* of the list */
    unsigned flags;
    uint64_t tables; /* that earlier parts entered */
    uint64_t reads;
    uint64_t of_whole; /* accesses of the walk that was not cut */
    bool any;
    struct ptw_item item;
};

/* fw_join_walk adds the items of a part, which has no memo, and what it did;
 * fw_join adds one item, and fw_join_end says that there is no other one. */
void fw_join_walk(struct fz_case *w, struct fw_joined *j,
                  struct ptw_walk *walk);
void fw_join(struct fz_case *w, struct fw_joined *j,
             const struct ptw_item *item);
void fw_join_end(struct fz_case *w, struct fw_joined *j);

/* fw_check_finding checks that the table that a finding names is on the way. */
void fw_check_finding(const struct fz_case *w, uint64_t root,
                      const struct ptw_item *item);

#endif
