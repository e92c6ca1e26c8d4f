/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of tables, one of each image, that were compared; or of a table and what
 * the other image has at its addresses, a part of a leaf or nothing; or of two
 * large leaves. */
#ifndef CLI_TWINS_H
#define CLI_TWINS_H

#include "cli.h"
#include "slots.h"

enum twin_kind { TWIN_NOTHING, TWIN_TABLE, TWIN_LEAF };

/* What an image has at some addresses. */
struct twin {
    uint64_t pa;     /* a table, or what the leaf maps there */
    uint64_t raw;    /* of a leaf */
    uint32_t rights; /* what the path to it grants */
    uint8_t kind;    /* enum twin_kind */
    uint8_t level;   /* of a leaf */
};

/* Two that stand for the same addresses, and how these are translated. */
struct twins {
    struct twin a;
    struct twin b;
    uint32_t level; /* of tables, or of two leaves */
    bool upper;     /* by the regime of TTBR1 */
};

/* twins_init makes an empty list of pairs. */
void twins_init(struct slots *s);

/* twins_find returns the number that was noted with the pair, or NULL. */
const uint64_t *twins_find(const struct slots *s, const struct twins *pair);

/* twins_note notes a number with a pair, in the place of the one before. */
void twins_note(struct slots *s, const struct twins *pair, uint64_t number);

#endif
