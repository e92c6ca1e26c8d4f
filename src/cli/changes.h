/* SPDX-License-Identifier: Apache-2.0 */
/* What diff tells: runs of addresses that differ in the same way, as long as
 * possible, and what they add up to.  For people, what comes again is told once,
 * as maps does it. */
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include "again.h"

enum change_kind {
    ONLY_A,
    ONLY_B,
    RIGHTS,
    ATTRIBUTES,
    BYTES,      /* contents */
    UNREADABLE, /* contents that only one side has; or that neither has, at
                   different addresses */
    SHARED,     /* one page became two */
    JOINED,     /* two pages became one */
    KINDS
};

/* What a leaf says besides where it leads, and what hardware does not set. */
struct grant {
    unsigned rights;
    unsigned memory_type;
    unsigned key;
    bool global;
    bool copy_on_write;
};

bool grant_same_attributes(const struct grant *a, const struct grant *b);

/* What is different, in the same way all along a run. */
struct change {
    unsigned kinds; /* a set of 1 << enum change_kind; 0: nothing */
    struct grant a; /* meant where the rights or attributes are different */
    struct grant b;
};

bool change_same(const struct change *a, const struct change *b);

struct changed {
    uint64_t first;
    uint64_t last;
    struct change change;
};

/* In pages. */
struct change_counts {
    uint64_t compared;
    uint64_t different;
    uint64_t of_kind[KINDS];
};

/* change_counts_note counts what was compared from `first` to `last`. */
void change_counts_note(struct change_counts *sum, const struct changed *run);
void change_counts_add(struct change_counts *sum,
                       const struct change_counts *more);
struct change_counts change_counts_since(const struct change_counts *now,
                                         const struct change_counts *before);

enum changes_line { CHANGES_NONE, CHANGES_RUN, CHANGES_SAME };

/* What is not printed yet, since more may follow. */
struct changes {
    const struct options *o;
    uint32_t root;
    struct changed run; /* which may become longer; no kinds: there is none */
    enum changes_line kind; /* a line before it: */
    struct change change;   /* CHANGES_RUN */
    struct again is;
};

/* changes_run tells a run, changes_again that what was told from `of` on in
 * of_root comes again.  Both in ascending order, root by root. */
void changes_run(struct changes *c, uint32_t root, const struct changed *run);
void changes_again(struct changes *c, uint32_t root, uint64_t first,
                   uint64_t last, uint32_t of_root, uint64_t of);

/* changes_end prints what is left, of a root. */
void changes_end(struct changes *c);

/* changes_total prints the last line. */
void changes_total(const struct options *o, const struct change_counts *sum,
                   bool complete);

#endif
