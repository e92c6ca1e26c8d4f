/* SPDX-License-Identifier: Apache-2.0 */
/* An edit under way: the descent, and where the host can write.
 *
 * An edit goes over its range two or three times with the same steps.  The plan
 * writes nothing: it refuses what is wrong and counts the tables that will be
 * needed.  Those are taken, all or none.  Where tables may move, the second
 * pass has those moved that will be written, which changes no contents.  The
 * commit writes.  All passes take the tables' word for nothing: every entry is
 * fetched anew, through the accessor, and a commit that comes upon something
 * that the plan did not see stops with PTW_E_CHANGED. */
#ifndef PTW_EDIT_STATE_H
#define PTW_EDIT_STATE_H

#include "ptwalk/edit.h"
#include "walk/descend.h"

enum ptw_op {
    PTW_OP_MAP,
    PTW_OP_UNMAP,
    PTW_OP_PROTECT,
    PTW_OP_ENTRY, /* entries of upper tables, as ptw_link says */
};

enum ptw_pass { PTW_PASS_PLAN, PTW_PASS_MOVE, PTW_PASS_COMMIT };

struct ptw_edit {
    struct ptw_tables *t;
    const struct ptw_move_ops *move; /* NULL: tables stay where they are */
    enum ptw_op op;
    unsigned flags;
    unsigned rights;
    bool copy_on_write;
    const struct ptw_attributes *attributes;
    uint64_t first; /* the range, as offsets */
    uint64_t last;
    uint64_t pa; /* map: of first */
    uint64_t max_reads;
    bool beyond;         /* map: to where pages may not reach */
    bool exact;          /* map: leaves have these bits and no others */
    uint64_t bits;       /* map: of a page; if exact, of a leaf of that level */
    int entry_level;     /* PTW_OP_ENTRY: of the table that holds it; else -1 */
    uint64_t entry_bits; /* without address */
    struct ptw_root entry_owner; /* link: the space that has the table */
    uint64_t entry_ahead;        /* how much further on it has it: offsets */
    bool entry_self;   /* it is the one that is edited, and may move */
    bool entry_new;    /* a table of its own, unless there is one */
    bool entry_rights; /* what the path has to grant */
    bool linked;       /* commit: some entry leads to a table now */
    unsigned widest;   /* leaves of up to this level may be written whole */
    uint64_t needed;   /* tables */
    bool root_needed;  /* one of them, the first, will be the root */
    uint64_t listed;   /* tables that shares has to list */
    bool unnoted;      /* for want of room, not all references that come */
    void *writable[PTW_MAX_LEVELS]; /* of the path: the host's writable bytes */
    bool moved[PTW_MAX_LEVELS];     /* the hook was asked; in the commit: it is
                                       written, so the hook was */
    enum ptw_status fit[PTW_MAX_LEVELS]; /* plan: if not, why not to write */
    bool made;  /* commit: the table that comes next was just put in */
    int shared; /* level of the highest table of the path that is shared, or in
                   the commit was, or -1 */
    int kept;   /* plan: level of the highest table of the path that is shared
                   and that somebody will refer to after this edit, or -1 */
    /* A list of pages, in ascending order; the range is that of one of them. */
    struct ptw_page *page; /* NULL: there is only the range */
    size_t head;           /* the first one, */
    size_t at;             /* and the one that is mapped now */
    uint64_t span;         /* the last byte of each, from its first */
    bool counted;          /* plan: tables were counted for a page, */
    uint64_t counted_at;   /* from this offset on, the last of those */
    bool planned;          /* the plan was not refused */
    struct ptw_cursor c;
    struct ptw_window window;
};

/* Behind the last page of a list. */
static const size_t PTW_NO_PAGE = SIZE_MAX;

/* The status of an edit that a verdict stops.  The plan kept to the limit, so
 * that a pass which reads more than it comes upon something else. */
PTW_ENGINE enum ptw_status ptw_edit_stopped(enum ptw_pass pass,
                                            enum ptw_verdict v)
{
    enum ptw_status st = ptw_verdict_status(v);

    return st == PTW_E_LIMIT && pass != PTW_PASS_PLAN ? PTW_E_CHANGED : st;
}

#endif
