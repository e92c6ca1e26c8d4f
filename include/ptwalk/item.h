/* SPDX-License-Identifier: Apache-2.0 */
/* Items: the results of a walk (ptwalk/walk.h). */
#ifndef PTWALK_ITEM_H
#define PTWALK_ITEM_H

#include "ptwalk/alias.h"
#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ptw_item_kind {
    PTW_ITEM_SPACE,   /* walk_va_spaces: what follows is of that space */
    PTW_ITEM_TABLE,   /* a table below the root is entered (PTW_WALK_TABLES) */
    PTW_ITEM_MAPPING, /* a leaf, or a run of leaves */
    PTW_ITEM_ALIAS,   /* walk_va_spaces: a table that was entered before */
    PTW_ITEM_HOLE,    /* nothing is mapped there (PTW_WALK_HOLES) */
    PTW_ITEM_FINDING, /* something that a careful reader wants to know */
    PTW_ITEM_LINE,    /* leaves one behind the other (PTW_WALK_LINES) */
};

enum ptw_space_kind {
    PTW_SPACE_WALKED, /* its items follow */
    PTW_SPACE_SAME,   /* its root is that of an earlier space, perhaps of the
                         other half, whose addresses are others, and whose
                         tables may withhold less (HPD): no items */
    PTW_SPACE_BAD,    /* its root can't be one: no items */
};

struct ptw_space {
    struct ptw_root root;
    enum ptw_space_kind kind;
    uint32_t same_as;    /* PTW_SPACE_SAME: the earlier space */
    uint32_t number;     /* PTW_SPACE_WALKED: of its root, as of a table */
    enum ptw_status why; /* PTW_SPACE_BAD: PTW_E_ALIGN, _E_WIDTH, _E_BUS */
    bool met_below;      /* PTW_SPACE_WALKED, spaces of other widths: its root
                            is a table below an earlier root, too.  Tables below
                            it come as aliases, but the root is no alias.  If its
                            space is walked first, that table is one */
};

/* A leaf, or a run of leaves of one size whose physical addresses continue and
 * that are alike in rights, copy-on-write, memory type, flag bits, and in
 * whether the guest can write to them (ptw_guest_writes).  The number of leaves
 * is (item.last - item.first + 1) >> size_log2. */
struct ptw_mapping {
    ptw_pa pa;         /* of the first leaf */
    uint64_t raw;      /* the first leaf's entry */
    unsigned rights;   /* effective, of the whole path */
    uint8_t level;     /* of the table that holds the leaf */
    uint8_t size_log2; /* of one leaf */
    uint8_t above;     /* rights of the path above the first leaf, without it:
                          for ptw_guest_writes */
};

/* Leaves of the smallest size that stand one behind the other in one table,
 * alike in what they grant and in memory type; their physical addresses need
 * not continue.  item.first is the address that the first one maps, item.last
 * the last byte that the last one does.  ptw_line_addresses and
 * ptw_line_pa say where leaves are, ptw_line_leaf all of one. */
enum { PTW_LINE_LEAVES = 8 };
struct ptw_line {
    uint64_t raw[PTW_LINE_LEAVES]; /* the entries; beyond `leaves`, anything */
    unsigned rights;               /* effective, of the whole path */
    uint8_t leaves;                /* how many, from 1 to 8 */
    uint8_t level;                 /* of the table that holds them */
    uint8_t size_log2;             /* of one leaf */
    uint8_t above; /* rights of the path above the leaves, without them */
};

/* A table that was just entered; item.first to item.last is what it covers, and
 * its contents follow. */
struct ptw_table {
    ptw_pa table;
    uint64_t attributes; /* the referring entry, without its address */
    unsigned rights;     /* of the path, that entry included */
    uint32_t number;     /* tables entered before it, roots included */
    uint8_t level;       /* of the table */
};

struct ptw_hole {
    uint64_t raw; /* of the first entry of the hole */
    uint8_t level;
    bool canonical; /* false: no table could map this range */
};

enum ptw_finding_kind {
    /* These two cover item.first to item.last: nothing is mapped there. */
    PTW_FINDING_BAD_ENTRY, /* hardware faults on the entry: reserved bits */
    PTW_FINDING_REFUSED,   /* the accessor refused entries of the table */

    /* These are remarks (PTW_WALK_REMARKS): item.first to item.last is what
     * the table covers, and its contents follow as usual. */
    PTW_FINDING_SELF,       /* a table on its own path.  PTW_WALK_SELF: an
                               entry that refers to the table that holds it;
                               covers it, and nothing below is given */
    PTW_FINDING_TWO_LEVELS, /* a table that was entered at another level */

    /* ptw_exposed_next: the mapping item.first to item.last lets the guest
     * write to a table. */
    PTW_FINDING_EXPOSED,
};

struct ptw_finding {
    enum ptw_finding_kind kind;
    ptw_pa table;    /* BAD_ENTRY: that holds the entry; else the one meant */
    uint64_t raw;    /* BAD_ENTRY, and SELF of PTW_WALK_SELF: the entry;
                        EXPOSED: the leaf; else 0 */
    uint64_t tables; /* EXPOSED: how many tables; else 1 */
    uint8_t level;   /* of the table; EXPOSED: of the leaf */
    uint8_t why;     /* BAD_ENTRY: enum ptw_bad_reason; else 0 */
    unsigned rights; /* of the path down to it */
};

/* One result of a walk.  An item is never cut: at the ends of the range it is
 * whole, and may stick out of it. */
struct ptw_item {
    enum ptw_item_kind kind;
    uint32_t space; /* index of the root */
    ptw_va first;
    ptw_va last;
    union {
        struct ptw_space space_info;
        struct ptw_table table;
        struct ptw_mapping mapping;
        union ptw_alias alias;
        struct ptw_hole hole;
        struct ptw_finding finding;
        struct ptw_line line;
    } u;
};

/* ptw_alias_view reads the part that all architectures share, and the level as
 * a number from the leaves, out of an alias item of a walk of r.  Any code that
 * does not care for the architecture uses this.  The item must be an alias;
 * under a regime without tables there is none, and the call does not return. */
PTW_API struct ptw_alias_ref ptw_alias_view(const struct ptw_regime *r,
                                            const struct ptw_item *item,
                                            unsigned *level);

#ifdef __cplusplus
}
#endif

#endif
