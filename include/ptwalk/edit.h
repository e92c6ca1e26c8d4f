/* SPDX-License-Identifier: Apache-2.0 */
/* Writing tables: map, unmap, protect, and rebuilding what a walk gave.
 *
 * The caller owns the tables, supplies new ones, and may have them moved when
 * they are written.  Every edit is checked as a whole before anything is
 * written, takes all the tables that it needs before it uses one, and either
 * happens completely or not at all.
 *
 * The tables must not change under an edit: stop the guest, or keep its hands
 * off them.  If they do change, nothing outside the memory offered is written
 * all the same, and the edit ends with PTW_E_CHANGED.
 *
 * Thread safety: one edit at a time on tables that have anything in common. */
#ifndef PTWALK_EDIT_H
#define PTWALK_EDIT_H

#include "ptwalk/walk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ shares */

/* How often tables are referred to.  A table that is not listed is referred to
 * once.  After a scan of all roots a count is never too low.  It may stay too
 * high when a table that is used at two levels is made private: what it leads
 * to at one of them is referred to no more, which nobody notices.  An edit
 * there is refused with PTW_E_SHARED, or makes a copy, without need; a new scan
 * mends it.
 *
 * A scan lists every table that it meets.  An edit lists tables that become
 * shared, and are not listed: with PTW_EDIT_UNSHARE those that a copied table
 * leads to, since the copy leads to them, too (none below a table of leaves; of
 * a table that the range meets twice, each time), and with a link the one that
 * is linked.  When they have no room, the edit says PTW_E_SPACE, wanted says
 * what would be enough, and nothing has changed.
 *
 * Tables are told apart by their address.  A root that is smaller than other
 * tables, and lies inside one of them, is not counted as a reference to it:
 * whoever edits such a root edits that table, too.
 *
 * Storage is the caller's; state is private. */
struct ptw_shares {
    struct ptw_shares_state state;
    size_t wanted; /* PTW_E_SPACE of an edit or a scan: bytes of storage that
                      would have been enough, of a scan for longer; 0: something
                      else had no space (take, or the memo of a scan) */
};

/* ptw_shares_init makes an empty list; storage, bytes and seed are those of
 * ptw_memo_init, with ptw_memo_bytes(n) for n tables, and so are the statuses.
 */
PTW_NODISCARD PTW_API enum ptw_status ptw_shares_init(struct ptw_shares *s,
                                                      void *storage,
                                                      size_t bytes,
                                                      uint64_t seed);

/* ptw_shares_grow moves the list into other, larger storage; s->wanted bytes
 * are enough for the edit that asked for them, if it is the next one: an edit
 * that is refused may list tables, too.  The old storage can be freed then.
 * PTW_E_SPACE and PTW_E_ALIGN as ptw_memo_grow: then nothing changed. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_shares_grow(struct ptw_shares *s, void *storage, size_t bytes);

/* ptw_shares_scan counts the references to every table that the spaces reach,
 * roots included (each root counts as one).  memo is fresh.  Needed where the
 * tables to be edited were not built by this library alone: in a guest's own
 * tables anything may be shared.  PTW_E_SPACE when shares or memo are too
 * small: begin again with more.  PTW_E_LIMIT after max_reads (0: no limit);
 * PTW_E_ARG as ptw_walk_va_spaces_init. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_shares_scan(struct ptw_shares *s, const struct ptw_mem *mem,
                const struct ptw_root *root, uint32_t roots,
                struct ptw_memo *memo, uint64_t max_reads);

/* ptw_shares_of returns how often the table is referred to. */
PTW_API uint64_t ptw_shares_of(const struct ptw_shares *s, ptw_pa table);

/* ------------------------------------------------------------------ tables */

/* Where tables come from.  take returns a table that is all zeros, aligned to
 * its size (4 KiB) and inside writable memory of the accessor, or refuses with
 * any PTW_E_ status, which the edit then returns.  give takes one back; it may
 * be NULL: then tables that an edit did not need after all are kept, and used
 * by the next one.
 *
 * What take returns is checked before it is written: PTW_E_ALIGN; PTW_E_WIDTH,
 * an address that no entry can hold, or, for a root and the copy of one, that
 * no root register can (pae: 4 GiB and above; the root's is the last take);
 * PTW_E_BUS, not all of it is in one region; PTW_E_READONLY; PTW_E_IN_USE,
 * shares has more than one reference to it.  The edit then ends with that, as
 * if take had refused, and hands the address to give.  That the table is all
 * zeros, and that nobody else uses it, can't be seen: entries that are in it
 * are mapped, a table that is in use is overwritten.  Even so nothing outside
 * the memory offered is read or written, and the edit ends.
 *
 * An edit passes a table that it found in place to `give` only if `take` could
 * have returned it.  A table that is read-only, or not all in one region, is
 * only unlinked.  Without `give`, so is a root that is smaller than other
 * tables: what lies behind it is somebody else's; and so is one that may move
 * and was not asked to in this edit: an older state of the tables may still
 * have it (a host that wants it back sets give).
 *
 * An edit takes all its tables before it uses one, and uses the one that it
 * took last first: the highest table of a new path is that of the last take.
 *
 * Tables that are kept hold the address of the next in their first 8 bytes.
 * That is checked in the same way when they are used: an edit that finds it to
 * be wrong ends with PTW_E_CHANGED. */
struct ptw_table_ops {
    enum ptw_status (*take)(void *ctx, ptw_pa *table);
    void (*give)(void *ctx, ptw_pa table);
};

/* The tables of one space.  Set by the caller, except for the stock, which
 * starts as zeros; root.table is kept up to date. */
struct ptw_tables {
    const struct ptw_mem *mem;
    const struct ptw_table_ops *ops;
    void *ctx;
    struct ptw_shares *shares; /* NULL: the caller vouches that every table is
                                  referred to exactly once */
    struct ptw_root root;
    unsigned table_rights; /* that new tables grant besides what the mapping
                              needs: a set of PTW_USER, or 0 */
    uint64_t table_flags;  /* flag bits of entries that lead to new tables, and
                              of those of ptw_link without PTW_EDIT_EXACT: some
                              of the regime's, or 0 */
    struct ptw_table_stock stock; /* private */
};

/* Tables that may move when they are written.  move is called before the first
 * write to a table of an edit, after the tables above it: it returns, in *now,
 * where the same table is from now on, with the same contents (the same place,
 * if it did not move), or refuses.  The entry that leads to it is updated, its
 * own attribute bits kept, before the next call; nothing refers to the old
 * place then.  When move refuses, the tables that moved before stay moved, and
 * nothing else has changed; so too when it returns a place that take may not
 * return, which is found with the same statuses: the entry still leads to the
 * old place.  root is called when the top table moved; it may be NULL. */
struct ptw_move_ops {
    enum ptw_status (*move)(void *ctx, ptw_pa table, ptw_pa *now);
    void (*root)(void *ctx, ptw_pa now);
};

struct ptw_movable_tables {
    struct ptw_tables tables;
    const struct ptw_move_ops *move;
};

/* ------------------------------------------------------------------- edits */

enum ptw_edit_flag {
    PTW_EDIT_LARGE = 1 << 0,   /* use large leaves where range and address are
                                  aligned and there is no table so far */
    PTW_EDIT_SPLIT = 1 << 1,   /* split a large leaf in the way; without it,
                                  PTW_E_LARGE */
    PTW_EDIT_UNSHARE = 1 << 2, /* make a shared table private before it is
                                  written; without it, PTW_E_SHARED */
    PTW_EDIT_RECLAIM = 1 << 3, /* unmap: give tables back that become empty: no
                                  entry is present, whatever others hold */
    PTW_EDIT_EXACT = 1 << 4,   /* ptw_space_aware_map: the items come from a
                                  walk with PTW_WALK_TABLES, so that entries
                                  keep their own attribute bits */
    PTW_EDIT_GRANT_EXEC = 1 << 5, /* rights without PTW_EXEC, in a regime that
                                     can't withhold it (no XD: i686, or
                                     EFER.NXE clear), are had with it; without
                                     the flag, PTW_E_RIGHTS */
};

/* A request that is all zeros is refused (no PTW_READ, or a last that is no
 * last byte); what has to be set is the range, and for map the address and the
 * rights. */
struct ptw_map_request {
    ptw_va first;                     /* page aligned */
    ptw_va last;                      /* the last byte of a page */
    ptw_pa pa;                        /* of first; page aligned */
    unsigned rights;                  /* of those of ptw_rights_of; with all of
                                         ptw_rights_granted */
    bool copy_on_write;               /* never writable, whatever rights says */
    struct ptw_attributes attributes; /* memory_type, global and key */
    unsigned flags;                   /* a set of enum ptw_edit_flag */
    uint64_t max_reads; /* bound on the entries read of tables that are there,
                           in each of up to three passes; 0 for none.
                           Not counted is what shows that a table is empty,
                           before it is given back or replaced, and what copies
                           one: at most all of its entries in each pass */
};

/* One page of a list. */
struct ptw_page {
    ptw_va va;   /* aligned to its size */
    ptw_pa pa;   /* likewise */
    size_t next; /* private: the call writes it */
};

/* A list of pages of one size, mapped alike; in any order, and wherever they
 * are. */
struct ptw_map_many_request {
    struct ptw_page *page;
    size_t pages;       /* 0: there is nothing to do */
    unsigned size_log2; /* of each page in bytes: one that leaves of the regime
                           have; 0: the smallest.  As in a map of its range, one
                           that is larger is one leaf only with
                           PTW_EDIT_LARGE */
    unsigned rights;    /* these and what follows as in ptw_map_request */
    bool copy_on_write;
    struct ptw_attributes attributes;
    unsigned flags;
    /* for all pages together, in each of up to three passes.  Not counted is
     * what finds the page that was refused: at most as much for each */
    uint64_t max_reads;
};

struct ptw_range_request {
    ptw_va first;    /* page aligned */
    ptw_va last;     /* the last byte of a page */
    unsigned rights; /* protect: what the leaves are to grant */
    unsigned flags;
    uint64_t max_reads;
};

/* ptw_map maps [first, last] to the physical addresses from pa.  What was
 * mapped there before is replaced.  Entries are those of the golden vectors:
 * see docs/formats.md.
 *
 *   PTW_OK             done
 *   PTW_E_ARG          PTW_EDIT_UNSHARE, and shares is NULL; table_flags has
 *                      bits that are no flag bits, and not all of the range
 *                      is in one table of leaves that is there and private
 *   PTW_E_RANGE        first > last, or the physical range wraps
 *   PTW_E_ALIGN        an address that is not page aligned, or a root that is
 *                      not aligned to its size
 *   PTW_E_WIDTH        a leaf would begin beyond the width of a physical
 *                      address (one that is larger than all memory begins at
 *                      0), or an address of the range has a flag bit, so too
 *                      the root; or a large leaf to be split whose address no
 *                      small one can hold
 *   PTW_NOT_CANONICAL  the range touches addresses that no table can map
 *   PTW_E_RIGHTS       rights that this regime can't express (no PTW_EXEC
 *                      where there is no XD, and no PTW_EDIT_GRANT_EXEC; no
 *                      PTW_READ where every entry grants it, one that the
 *                      regime has not: ptw_rights_of), or that an existing
 *                      table on the path does not grant; a memory type above 7;
 *                      a key above 15, or any but 0 where there are no keys;
 *                      flag bits that the regime has not
 *   PTW_E_LARGE        a large leaf in the way, and no PTW_EDIT_SPLIT
 *   PTW_E_SHARED       a shared table in the way, and no PTW_EDIT_UNSHARE
 *   PTW_BAD_ENTRY      an entry of an upper table has reserved bits set
 *   PTW_E_BUS, PTW_E_READONLY  a table that can't be read, or one that can't be
 *                      written and has to be: for an entry, to take the copy of
 *                      a shared table, or (PTW_EDIT_RECLAIM) to let go of one
 *                      below.  Of tables that move, each on the way has to be
 *                      in one region, and writable where move leaves it
 *   PTW_E_SPACE        shares is too small: shares->wanted is not 0
 *   PTW_E_LIMIT        more than max_reads
 *   PTW_E_REGIME       there are no tables (bare)
 *   PTW_E_CHANGED      the tables changed under the edit, or a callback failed
 *                      to write, or to read what it had read before or what
 *                      take had returned: half an edit may be there.  (One
 *                      that fails to write to what take has just returned,
 *                      before the edit begins: its status, and no change)
 *   any other          what take or move refused with
 *
 * Except after PTW_E_CHANGED, nothing was written unless the status is PTW_OK.
 */
PTW_NODISCARD PTW_API enum ptw_status ptw_map(struct ptw_tables *t,
                                              const struct ptw_map_request *q);
PTW_NODISCARD PTW_API enum ptw_status
ptw_map_movable(struct ptw_movable_tables *t, const struct ptw_map_request *q);

/* ptw_map_many maps each page of a list as ptw_map maps one: all of them, or
 * none.  It takes just the tables that the pages need together.  Of two pages
 * with one address the later one is mapped, and the other one only has to be a
 * page.
 *
 * The statuses are those of ptw_map, and
 *
 *   PTW_E_ARG    also: the regime has no leaves of that size
 *   PTW_E_ALIGN  also: an address that is not aligned to it
 *
 * *refused is written on every status but PTW_OK.  It is the index of the first
 * page that ptw_map would refuse for what it is, before it looks at tables; if
 * there is none, of the first one that it would refuse for what is in its place
 * and on the way to it, as far as max_reads for that page alone lets it see.
 * The status is that page's own; what is wrong of all pages alike is the first
 * one's.  Or it is q->pages, where no single page is to blame: PTW_E_REGIME,
 * PTW_E_ARG, PTW_E_LIMIT, PTW_E_SPACE, PTW_E_CHANGED, what take or move refused
 * with, and PTW_E_READONLY of a table that move leaves where it can't be
 * written.
 *
 * A list whose tables are there costs least, and less where pages that follow
 * each other have one table of leaves.  Else the pages are sorted: a list that
 * is ascending is the quickest. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_map_many(struct ptw_tables *t, const struct ptw_map_many_request *q,
             size_t *refused);
PTW_NODISCARD PTW_API enum ptw_status
ptw_map_many_movable(struct ptw_movable_tables *t,
                     const struct ptw_map_many_request *q, size_t *refused);

/* ptw_unmap makes [first, last] not present; holes are no error.  A large leaf
 * that is covered in part is split as above.  Statuses as ptw_map. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_unmap(struct ptw_tables *t, const struct ptw_range_request *q);
PTW_NODISCARD PTW_API enum ptw_status
ptw_unmap_movable(struct ptw_movable_tables *t,
                  const struct ptw_range_request *q);

/* ptw_protect makes every leaf of [first, last] grant exactly q->rights; holes
 * stay holes, everything else of the entries stays.  A leaf that was
 * copy-on-write and becomes writable is copy-on-write no more; one that was not
 * does not become it: where software's bits are no mark beside the processor's
 * own way to write (DBM), and that is taken, they go, too.  A leaf that is not to
 * be writable is no shadow stack afterwards: where CR4.CET is set it is not dirty
 * (Intel SDM vol. 3A, "Determination of Access Rights").  Statuses as ptw_map;
 * PTW_BAD_ENTRY also for a bad leaf. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_protect(struct ptw_tables *t, const struct ptw_range_request *q);
PTW_NODISCARD PTW_API enum ptw_status
ptw_protect_movable(struct ptw_movable_tables *t,
                    const struct ptw_range_request *q);

/* -------------------------------------------------------------------- link */

struct ptw_link_request {
    ptw_va first;    /* any address of the first of our regions, */
    ptw_va last;     /* and of the last: those between them are linked, too */
    ptw_va their_va; /* any address of the owner's region for the first; theirs
                        follow each other as ours do */
    struct ptw_root owner;       /* of the same regime, in the same memory */
    union ptw_alias_level level; /* of the tables that are linked; a region is
                                    what one of them covers */
    unsigned rights;     /* that our entries grant: PTW_READ, and a set of the
                        others */
    uint64_t attributes; /* PTW_EDIT_EXACT: our entries, without address; then
                            rights are only for tables above them */
    unsigned flags;      /* a set of PTW_EDIT_UNSHARE, PTW_EDIT_EXACT and
                            PTW_EDIT_GRANT_EXEC */
    uint64_t max_reads;  /* as of a map request; not counted is what is read of
                            the owner: at most an entry a level for each region
                            in each pass */
};

/* ptw_alias_level_of returns a level, as a number from the leaves, as that of
 * the regime's own architecture: for code that does not care which it is. */
PTW_API union ptw_alias_level ptw_alias_level_of(const struct ptw_regime *r,
                                                 unsigned level);

/* ptw_link makes our entries for the regions of [first, last] refer to the very
 * tables that the owner has for his: what he maps there now and later is ours,
 * too, under our own rights.  Where he has none, our entry is not present
 * afterwards.  The upper half of one amd64 space in another: level PDPT,
 * 0xffff800000000000 to 0xffffffffffffffff.
 *
 *   PTW_OK          done: there is a link
 *   PTW_NOT_MAPPED  done, but the owner has no table in any of the regions
 *   PTW_E_ARG       shares is NULL; the owner's regime does not agree with
 *                   ours, as ptw_walk_va_spaces_init has it; a level of the
 *                   roots, or one that the regime has not; PTW_EDIT_EXACT, and
 *                   attributes that have an address, or with which an entry
 *                   leads to no table; a region that would refer to itself: our
 *                   root is the owner's, and ours and theirs overlap
 *   PTW_E_RANGE     first > last, or their regions wrap
 *   PTW_NOT_CANONICAL  ours or theirs have addresses that no table can map
 *   PTW_E_ALIGN, PTW_E_WIDTH, PTW_E_BUS  also of the owner's root
 *   PTW_E_RIGHTS    rights that no entry of this regime that leads to a table
 *                   can express, or that an existing table on the path does
 *                   not grant
 *   PTW_E_LARGE     the owner, or our space, has a large leaf there
 *   PTW_BAD_ENTRY   an entry on the way has reserved bits set
 *   PTW_E_IN_USE    a table of ours that is not empty would be lost: each
 *                   entry that leads to it is in a region, or in a table of
 *                   which that is true
 *   PTW_E_SHARED    a shared table of ours on the way, and no PTW_EDIT_UNSHARE
 *
 * and those of ptw_map.  All of it happens, or nothing does. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_link(struct ptw_tables *t, const struct ptw_link_request *q);
PTW_NODISCARD PTW_API enum ptw_status
ptw_link_movable(struct ptw_movable_tables *t,
                 const struct ptw_link_request *q);

/* ------------------------------------------------------- space_aware_map */

/* The root that was built for a space, if one was. */
struct ptw_built {
    struct ptw_root root;
    bool built;
};

/* ptw_space_aware_map does for one item of a walk what makes the space that is
 * being built equal to the space that was walked; to rebuild spaces is to hand
 * it every item of ptw_walk_va_spaces in order.  built has an element for each
 * of the `spaces` roots, all false at first; t->root is set by the call, and
 * its regime, which agrees with those that were walked, by the caller before
 * the first one.
 *
 *   a space    takes a new root; one that is the same as an earlier one gets
 *              that one's root.  A bad one: its `why`, and no root.  One with
 *              met_below: PTW_E_SHARED, as it would be two tables then
 *   a table    (PTW_WALK_TABLES) makes a table there, referred to by the
 *              entry's own attribute bits
 *   a mapping  maps it: with PTW_EDIT_EXACT under its own bits (of a run: its
 *              first leaf's, so accessed, dirty, global and software's bits
 *              are each leaf's own only in a walk without PTW_WALK_RUNS), else
 *              with the effective rights under tables of our own, of which
 *              each grants what its first mapping needs, and table_rights: set
 *              PTW_USER there; then one that is marked copy-on-write is not
 *              writable, even if it was
 *   an alias   makes our entry, at the alias's level and with our own attribute
 *              bits, refer to the table that the owner's new space has at
 *              their_va; any address of the regions will do
 *   a hole, a finding: nothing
 *
 * With PTW_EDIT_EXACT and a walk with PTW_WALK_TABLES the result has the same
 * addresses and effective rights in every space, whatever the rights of the
 * paths are.  Without, an alias whose owner grants less than we do gives us no
 * more than the owner: nothing is ever widened.
 *
 * Where the halves of an aarch64 guest differ in HPD (Arm ARM D8, "Hierarchical
 * control of permissions"), tables may withhold from one half alone.  Without
 * PTW_EDIT_EXACT no table is then shared from the half with HPD to the other
 * one: a walk with PTW_WALK_BY_RIGHTS has no such alias.
 *
 *   PTW_NOT_MAPPED  an alias: the owner has no table there, and our entry is
 *                   not present now
 *   PTW_E_LARGE     an alias: the owner has a large leaf there
 *   PTW_E_ALIGN     a mapping: large leaves that can't stand there, or, with
 *                   PTW_EDIT_EXACT, a part of one; no walk has such items
 *   PTW_E_ARG       a line; a space or an owner that is unknown or was not
 *                   built, an owner that is later, a table or an alias at
 *                   the level of the roots, a region that refers to itself,
 *                   t->shares is NULL where something is shared, or
 *                   attributes (of a mapping with PTW_EDIT_EXACT: a leaf) of
 *                   an entry that is not present or has reserved bits set; no
 *                   walk has such items
 *   PTW_E_IN_USE    a table that is not empty would be lost, or a table is
 *                   where a large leaf has to be
 *   PTW_E_RIGHTS    without PTW_EDIT_EXACT: an alias or a space that is the same
 *                   as one, whose owner has HPD and we have not
 *
 * and those of ptw_map. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_space_aware_map(struct ptw_tables *t, const struct ptw_item *item,
                    struct ptw_built *built, uint32_t spaces, unsigned flags);

/* What becomes of the guest's right to write when a mapping gets another
 * page. */
enum ptw_place {
    PTW_PLACE_AS_IT_IS,
    PTW_PLACE_COPY_ON_WRITE, /* what is written becomes copy-on-write: marked,
                                and not writable; all else stays, as it is not
                                written: read-only, or marked before, which may
                                be the guest's own doing: ptw_is_copy_on_write
                                says so of raw, before it is placed */
};

/* ptw_item_place gives the pages of a mapping, an item of a walk, another
 * physical address: of its first leaf, the others follow as they did.  It is
 * what a snapshot does between the walk and ptw_space_aware_map, which then
 * installs the item as it is now; `flags` are those that it will be given.
 * With PTW_EDIT_EXACT a leaf is written if its own entry has the right, since
 * the tables above it are there with theirs, and paths may differ; else if the
 * path of this item has it.  pa, raw and rights of the mapping are changed on
 * PTW_OK only.
 *
 *   PTW_OK        done
 *   PTW_E_ARG     no mapping; or raw is no leaf, of which no walk has items
 *   PTW_E_REGIME  no tables (bare)
 *   PTW_E_ALIGN   now is not aligned to the size of a leaf
 *   PTW_E_WIDTH   the last leaf's address is beyond what a leaf of that level
 *                 can hold, or an address of the pages has a flag bit
 *   PTW_E_RIGHTS  copy-on-write would not stop the guest: CR0.WP is clear; or
 *                 with PTW_EDIT_EXACT it is a shadow stack, or under CR4.CET
 *                 would become one, being dirty.  It can be placed as it is,
 *                 and counted, as a rebuild does
 */
PTW_NODISCARD PTW_API enum ptw_status
ptw_item_place(const struct ptw_regime *r, struct ptw_item *item, ptw_pa now,
               enum ptw_place how, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
