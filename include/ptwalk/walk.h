/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up one address, and walking ranges and spaces.
 *
 * All of it is one descent.  ptw_lookup goes down once, for one address.
 * virt_to_phys goes down again and again over a range of one space and follows
 * every entry.  walk_va_spaces does the same over several spaces, and where an
 * entry leads to a table that it has entered before, it gives a reference
 * instead of entering it again.
 *
 * The caller owns the storage of every object.  struct ptw_trail, ptw_memo,
 * ptw_remembered, ptw_walk and ptw_exposed are private: see ptwalk/private.h,
 * which defines them so that their sizes are known.  A walk takes about 2100
 * bytes.
 *
 * Thread safety: calls on different objects are independent; one object is
 * used by one thread at a time.  Nothing here allocates, and nothing has global
 * state.  Guest memory may change at any time: every entry is fetched once per
 * visit and decided from that copy. */
#ifndef PTWALK_WALK_H
#define PTWALK_WALK_H

#include "ptwalk/item.h"
#include "ptwalk/mem.h"
#include "ptwalk/private.h"
#include "ptwalk/regime.h"
#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ lookup */

/* One entry on the way down. */
struct ptw_step {
    ptw_pa entry;    /* where the entry lies */
    uint64_t raw;    /* what it held; 0 when it could not be read */
    unsigned rights; /* of the path down to here, this entry included */
    uint8_t level;   /* of the table that holds it */
    bool read;       /* false: the accessor refused it */
};

/* The answer to a lookup. */
struct ptw_translation {
    ptw_pa pa;      /* of the byte that was asked for */
    ptw_va leaf_va; /* where the leaf that maps it starts */
    ptw_pa leaf_pa;
    uint64_t raw;      /* the leaf, or the entry that stopped the descent */
    unsigned rights;   /* effective, of the whole path */
    uint8_t above;     /* rights of the path above raw, without it */
    uint8_t level;     /* of the table that held raw */
    uint8_t size_log2; /* the leaf covers 1 << size_log2 bytes */
};

/* ptw_lookup translates va in the space of that root.  PTW_OK:
 * *out is written.  PTW_NOT_MAPPED, PTW_BAD_ENTRY: raw and level say which
 * entry stopped it, nothing else is meant.  PTW_E_BUS: the entry could not be
 * read, level says in which table.  PTW_NOT_CANONICAL, and PTW_E_ALIGN or
 * PTW_E_WIDTH for a root that is none: *out is untouched.  At most one read a
 * level. */
PTW_NODISCARD PTW_API enum ptw_status ptw_lookup(const struct ptw_mem *mem,
                                                 struct ptw_root root,
                                                 ptw_va va,
                                                 struct ptw_translation *out);

/* ptw_explain is ptw_lookup and also writes the steps taken, top level first,
 * and their number, at most PTW_MAX_LEVELS: the last one is the entry that
 * decided, or that the accessor refused.  *steps is 0 when nothing was tried:
 * for a status about va or root, and where there are no tables. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_explain(const struct ptw_mem *mem, struct ptw_root root, ptw_va va,
            struct ptw_translation *out, struct ptw_step step[PTW_MAX_LEVELS],
            size_t *steps);

/* Many addresses at once.  Translations wait for memory: each entry has to be
 * there before the address of the next one is known.  These two descend for
 * sixteen addresses side by side, and so wait for sixteen entries together.
 * What they write is what ptw_lookup writes for each address, whatever their
 * order and however often one comes.  Memory that is the host's is read side by
 * side; what callbacks serve, or lend, is read address by address.  Each entry
 * is fetched once for each address.
 *
 * ptw_lookup_many translates `count` addresses in the space of that root:
 * status[i] is what ptw_lookup returns for va[i], and out[i] what it writes, or
 * leaves.  count may be 0.  The arrays are the caller's and do not overlap. */
PTW_API void ptw_lookup_many(const struct ptw_mem *mem, struct ptw_root root,
                             const ptw_va *va, size_t count,
                             struct ptw_translation *out,
                             enum ptw_status *status);

/* ptw_lookup_many_roots is the same, va[i] in the space of root[i].  Neighbours
 * are translated side by side where their roots name the same struct
 * ptw_regime. */
PTW_API void ptw_lookup_many_roots(const struct ptw_mem *mem,
                                   const struct ptw_root *root,
                                   const ptw_va *va, size_t count,
                                   struct ptw_translation *out,
                                   enum ptw_status *status);

/* Addresses that lie close together, one after the other, in memory that does
 * not change.  A trail is the path of the last lookup, as a processor's
 * paging-structure cache keeps one: the next lookup starts at the lowest table
 * of it that covers the address, and reads no entry above that table.  For an
 * address that is covered by the same lowest table it reads one entry.
 *
 * struct ptw_trail is private.  One trail is used by one thread at a time; any
 * number of trails may be used of one memory.
 *
 * ptw_trail_init makes an empty trail in the space of that root.  mem must have
 * been said to be stopped (ptw_mem_set_stopped), and must live as long as the
 * trail, as the regime must.  After a table or the memory itself has changed,
 * by an edit, too, the trail has to be made anew: until then it answers by what
 * it read before.  Such an answer may be of an earlier moment, or of several;
 * still nothing is read but what the memory offers, and each address and right
 * is one that entries granted when they were read.  PTW_E_ARG when the memory
 * was not said to be stopped, PTW_E_ALIGN or PTW_E_WIDTH for a root that is
 * none: then the trail is not made, and must not be used. */
PTW_NODISCARD PTW_API enum ptw_status ptw_trail_init(struct ptw_trail *trail,
                                                     const struct ptw_mem *mem,
                                                     struct ptw_root root);

/* ptw_trail_lookup is ptw_lookup in the space of the trail: the same statuses,
 * and the same in *out.  A lookup that found nothing leaves a trail, too: it
 * ends in the table that held the entry. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_trail_lookup(struct ptw_trail *trail, ptw_va va,
                 struct ptw_translation *out);

/* -------------------------------------------------------------------- memo */

/* struct ptw_memo is the memo of tables that were entered.  Its entries are in
 * storage of the caller's.  Private, but for `used`, the number of entries. */

/* ptw_memo_bytes returns how many bytes of storage a memo for `tables` entered
 * tables takes; SIZE_MAX when that is too many.  A table counts once for each
 * level at which it is entered, with PTW_WALK_BY_RIGHTS once for each set of
 * rights that it is entered with, and again for a half that differs in HPD, as a
 * root that is a table below an earlier one, and for each address at which a
 * range, or one that is left out, starts or ends inside it. */
PTW_API size_t ptw_memo_bytes(size_t tables);

/* ptw_memo_init makes an empty memo in bytes of storage, aligned to 8.
 * PTW_E_ALIGN when it is not, PTW_E_SPACE when bytes < ptw_memo_bytes(1).  The
 * storage stays the caller's.  seed should be hard to guess where the tables
 * are hostile: it keeps a guest from choosing table addresses that collide. */
PTW_NODISCARD PTW_API enum ptw_status ptw_memo_init(struct ptw_memo *memo,
                                                    void *storage, size_t bytes,
                                                    uint64_t seed);

/* ptw_memo_grow moves the memo into other, larger storage, in which it goes on
 * as if nothing had happened; the old storage can be freed then.  PTW_E_SPACE
 * when the new is not large enough, PTW_E_ALIGN as above; then nothing changed.
 */
PTW_NODISCARD PTW_API enum ptw_status
ptw_memo_grow(struct ptw_memo *memo, void *storage, size_t bytes);

/* ptw_memo_tables writes the addresses of all tables in the memo, each once, in
 * ascending order, and their number.  PTW_E_SPACE when there are more than
 * `room` entries in the memo (memo->used is always enough). */
PTW_NODISCARD PTW_API enum ptw_status
ptw_memo_tables(const struct ptw_memo *memo, ptw_pa *table, size_t room,
                size_t *tables);

/* -------------------------------------------------------------------- walk */

enum ptw_walk_flag {
    PTW_WALK_RUNS = 1 << 0,    /* leaves as maximal runs */
    PTW_WALK_HOLES = 1 << 1,   /* holes are items, so that items tile */
    PTW_WALK_REMARKS = 1 << 2, /* findings that cover nothing, too */
    PTW_WALK_TABLES = 1 << 3,  /* tables are items; the leaves of a run are
                                  alike in what they grant by themselves, too */
    PTW_WALK_SELF = 1 << 4,    /* an entry that refers to the very table that
                                  holds it is a finding, and not followed.
                                  pae: a page directory that starts where the
                                  root does is larger, and another table */
    PTW_WALK_LINES = 1 << 5,   /* leaves of the smallest size come several at a
                                  time, as PTW_ITEM_LINE, where the walk looks
                                  at tables directly: for who wants each */
    PTW_WALK_OUTLINE = 1 << 6, /* tables of the lowest level are items, which
                                  stand for what is in them: it is not read */
    PTW_WALK_BY_RIGHTS = 1 << 7, /* walk_va_spaces: a table comes as an alias
                                    only if it was entered by a path that grants
                                    the same, so that what the alias stands for
                                    is the same in every respect; by a path that
                                    grants something else it is entered again.
                                    Halves that differ in HPD grant something
                                    else */
};

/* Of a struct that is all zeros only the range remains to be set: as it is, it
 * is address 0 alone.
 *
 * A limit of 0, here and wherever the library takes one, is no limit, and so is
 * UINT64_MAX. */
struct ptw_walk_options {
    ptw_va first; /* closed range; items that touch it are given */
    ptw_va last;
    uint64_t max_reads; /* entries read */
    uint64_t max_items; /* items given */
    unsigned flags;     /* a set of enum ptw_walk_flag */
    unsigned need;      /* a set of enum ptw_right: only what grants all of
                           these is walked; the rest is left out altogether.
                           A right that the regime has not is granted by
                           nothing (ptw_rights_of) */

    /* Addresses of the range that are not walked: ascending and disjoint, and
     * the array must live as long as the walk.  An entry of which a part is
     * walked is given whole, once. */
    const struct ptw_va_range *leave_out;
    size_t leave_outs;
};

/* ptw_walk_everything returns options for the whole space, without limits,
 * flags or needs. */
PTW_API struct ptw_walk_options ptw_walk_everything(void);

/* Counts of a walk, from its start. */
struct ptw_walk_stats {
    uint64_t reads;  /* entries read or refused, also those that are refused
                        together, since no region holds them */
    uint64_t tables; /* tables entered, roots included */
    uint64_t items;  /* items given */
};

/* struct ptw_remembered is a set of tables that were copied.  Private, but for
 * `used`, their number. */

/* struct ptw_walk is a walk.  It can be copied while no call is under way, and
 * the copy goes on from there (the memo is not copied with it).  Private. */

/* With PTW_WALK_LINES, a leaf comes as a part of a line or as a mapping, in the
 * same order, and nothing else changes.  Which leaves come as which depends on
 * how the memory is offered and on where the walk was stopped: taken apart by
 * ptw_line_leaf, the items are those of the same walk without the flag.  A line
 * is one item, for options->max_items too.  It can't be combined with
 * PTW_WALK_RUNS.
 *
 * A consumer that wants the addresses of all leaves spends a few instructions
 * on each:
 *
 *     ptw_line_addresses(regime, &item->u.line, pa);
 *     for (unsigned i = 0; i < item->u.line.leaves; i++) {
 *         use(pa[i]);
 *     }
 *
 * ptw_line_pa returns the physical address of a leaf of a line of r, the regime
 * of the root of the item's space; of another entry it means nothing. */
static inline ptw_pa ptw_line_pa(const struct ptw_regime *r, uint64_t raw)
{
    uint64_t pa = (raw & r->plain_address) * r->plain_by;

    return ptw_pa_of(r->moved == 0 ? pa : pa + (raw & r->moved) * r->moved_by);
}

/* ptw_line_addresses writes the physical addresses of all leaves of a line of r,
 * as ptw_line_pa returns them, to pa[0] to pa[PTW_LINE_LEAVES - 1]: those from
 * line->leaves on mean nothing.  pa does not overlap the line. */
static inline void ptw_line_addresses(const struct ptw_regime *r,
                                      const struct ptw_line *line,
                                      ptw_pa *__restrict pa)
{
    /* By shifts: vectors have no such multiplication. */
    if (r->moved == 0) {
        for (unsigned i = 0; i < PTW_LINE_LEAVES; i++) {
            pa[i].v = (line->raw[i] & r->plain_address) << r->plain_up;
        }
    } else {
        for (unsigned i = 0; i < PTW_LINE_LEAVES; i++) {
            pa[i].v = ((line->raw[i] & r->plain_address) << r->plain_up) +
                      ((line->raw[i] & r->moved) << r->moved_up);
        }
    }
}

/* ptw_line_leaf writes leaf i, below u.line.leaves, of a line of r as the
 * mapping that a walk without PTW_WALK_LINES gives. */
PTW_API void ptw_line_leaf(const struct ptw_regime *r,
                           const struct ptw_item *line, unsigned i,
                           struct ptw_item *leaf);

/* ptw_walk_va_spaces_init starts a walk over `roots` spaces, in order of
 * primacy.  Items come space by space, each led by a PTW_ITEM_SPACE, in
 * ascending order of unsigned VA.  A table that an earlier space, or this one
 * earlier, entered at the same level and over the same part of its span comes
 * as an alias; it is entered again only when the range cut it differently.
 * Roots are checked one by one; a bad one spoils only itself.  Their regimes
 * agree: they are alike in everything but the addresses that are translated and
 * the level and size of the root, as those of the two halves of one address
 * space are.
 *
 * Work: at most entries-per-table reads for each (table, level), with
 * PTW_WALK_BY_RIGHTS for each (table, level, set of rights), twice with it or
 * with `need` where halves differ in HPD, and for each space at most two tables
 * a level more where the range cuts them, and two for each range that is left
 * out.
 *
 * root and memo must live as long as w, and memo must be fresh.  PTW_E_RANGE
 * when options->first > options->last, PTW_E_ARG when roots is 0 or more than
 * 2^31, or when they do not agree; as of every walk, PTW_E_RANGE too when what
 * is left out is not ascending and disjoint, and PTW_E_ARG when something is
 * left out and holes are asked for, an outline and tables, or lines together
 * with runs. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_walk_va_spaces_init(struct ptw_walk *w, const struct ptw_mem *mem,
                        const struct ptw_root *root, uint32_t roots,
                        struct ptw_memo *memo,
                        const struct ptw_walk_options *options);

/* ptw_virt_to_phys_init starts a walk over a range of one space that follows
 * every entry: the leaves are those that hardware would find, in order, each as
 * often as it is mapped.  The work is bounded by options->max_reads alone:
 * without that limit a guest can make it as long as the range allows.  Items
 * are mappings, holes and findings, never spaces or aliases.  PTW_E_RANGE as
 * above; PTW_E_ALIGN, PTW_E_WIDTH or PTW_E_BUS when root can't be one. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_virt_to_phys_init(struct ptw_walk *w, const struct ptw_mem *mem,
                      struct ptw_root root,
                      const struct ptw_walk_options *options);

/* ptw_expand_init starts a walk like ptw_virt_to_phys_init over what an alias
 * stands for: the leaves of the shared table, at our addresses and under the
 * rights of our path (the owner's are not ours).  The same goes for a
 * PTW_ITEM_TABLE, which stands for its contents.  r is the regime of the root
 * of the item's space.  options->first and last narrow it further; PTW_E_RANGE
 * when nothing is left.  PTW_E_ARG when item is neither, or of a level at which
 * r shares no tables; PTW_E_BUS when its table can't be read. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_expand_init(struct ptw_walk *w, const struct ptw_regime *r,
                const struct ptw_mem *mem, const struct ptw_item *item,
                const struct ptw_walk_options *options);

/* Parts of a walk.  The library starts no threads; its caller may walk parts of
 * one range at the same time, each with a struct ptw_walk of its own, and join
 * their items.  The memory, the roots and the options are only read, and the
 * parts share them; callbacks are called by all of them at once.  A set of
 * remembered tables, a memo and the walk itself are each of one thread at a
 * time.
 *
 * There are two ways.  A range of one space (ptw_virt_to_phys_init,
 * ptw_expand_init) is cut into parts: each is that walk, started anew, and made
 * the part by ptw_walk_part.  The items of all parts in their order, those that
 * belong together joined by ptw_items_join, are those of the walk that was not
 * cut, one by one; so are the tables entered, added up, and the number in an
 * item of a table is that of the part: to it add what earlier parts entered.
 * Limits are those of each part.
 *
 * A walk of any kind with PTW_WALK_OUTLINE reads all but the tables of the
 * lowest level, which are nearly all that there is to read, and gives an item
 * for each of those.  It decides alone which space owns a table.  In its items,
 * each PTW_ITEM_TABLE is replaced by the items of ptw_expand_init with the same
 * options, which read that table alone, at any time and in any order.  Again
 * the items, where they belong together joined by ptw_items_join, are those of
 * the walk without the outline, one by one, and so is the sum of the reads.
 * Memory that changes meanwhile is read at other times than one walk would:
 * then there is no such walk to compare with, and every other promise holds. */

/* ptw_walk_part makes a walk over a range of one space, which was just started,
 * the part of it from part.first to part.last.  An entry is given by the first
 * of the parts that touch it.  The part reads at most one entry a level more
 * than are its own.  PTW_E_ARG when w is a walk over spaces or an outline, or
 * is a part, or was used; PTW_E_RANGE when the part is empty or not within the
 * range.  Then w is as it was. */
PTW_NODISCARD PTW_API enum ptw_status ptw_walk_part(struct ptw_walk *w,
                                                    struct ptw_va_range part);

/* ptw_walk_cuts proposes where to cut a walk over a range of one space that was
 * just started: it writes at most `room` addresses, ascending, at each of which
 * a part should begin after the first one, and their number.  Parts so made
 * have about equally many tables as far as upper tables tell; there are fewer
 * than room + 1 of them where there are fewer tables.  Any other addresses
 * would give the same items.  It reads upper tables only, the root and no more
 * than 8 * (room + 1) of each level below it, at most as many times as the
 * regime has levels; w does not change and counts none of that.  PTW_E_ARG as
 * for ptw_walk_part, with *cuts 0. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_walk_cuts(const struct ptw_walk *w, ptw_va *cut, size_t room, size_t *cuts);

/* ptw_items_join says whether *next, which follows *item, is one item with it
 * in a walk of these flags that is not cut, as their runs of leaves, holes or
 * entries refused go on; *item covers both then, and else is as it was.  r is
 * the regime of the root of their space.  Lines of leaves are never joined: of
 * a walk with PTW_WALK_LINES the parts have the same leaves, perhaps in other
 * lines. */
PTW_API bool ptw_items_join(const struct ptw_regime *r, unsigned flags,
                            struct ptw_item *item, const struct ptw_item *next);

/* Tables that are remembered.  A walk that follows every entry enters a table
 * as often as there are ways to it.  Of memory that is stopped
 * (ptw_mem_set_stopped) and that callbacks serve, it can keep copies: each
 * table of the regime's largest size is then copied by one call of the callback
 * `read`, and looked at there.  Items and counts are those of a walk of direct
 * memory: an entry that is taken out of a copy counts as a read, so that limits
 * bound the work all the same.  Tables that can't be copied whole, or that
 * there is no room for, are read as ever; where there is no `read`, all are.
 *
 * ptw_remembered_bytes returns the storage that so many tables of r take.
 * ptw_remembered_init makes a set out of storage, for walks of tables of r in
 * that memory, one after the other or in turn, but not in two threads at once;
 * storage and set must live as long as they, and mem must not change.  What
 * falls into places that are taken is not remembered, so that a tenth more than
 * there are tables is little enough.  PTW_E_ARG when the memory was not said to
 * be stopped, PTW_E_ALIGN when storage is not aligned to 8, PTW_E_SPACE when it
 * has no room for a table.  After a failure no walk takes the set. */
PTW_API size_t ptw_remembered_bytes(const struct ptw_regime *r, size_t tables);
PTW_NODISCARD PTW_API enum ptw_status
ptw_remembered_init(struct ptw_remembered *tables, const struct ptw_regime *r,
                    const struct ptw_mem *mem, void *storage, size_t bytes);

/* ptw_walk_remember lets a walk use the set from now on, or with NULL none.
 * PTW_E_ARG when it was made for other memory or for tables of another size, or
 * the memory is not said to be stopped; then the walk is as it was. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_walk_remember(struct ptw_walk *w, struct ptw_remembered *tables);

/* ptw_walk_next writes the next items, and their number.
 *
 *   PTW_OK       *items is at least 1 and at most room
 *   PTW_END      the walk is over
 *   PTW_E_LIMIT  a limit was reached; ptw_walk_extend raises it
 *   PTW_E_SPACE  the memo is full; ptw_memo_grow makes room
 *   PTW_E_ARG    room is 0
 *
 * Items come with PTW_OK and with nothing else: with any other status *items is
 * 0.  The call that gives the last items before the walk stops says PTW_OK, the
 * call after it says why it stopped, so a loop that goes on while the status is
 * PTW_OK loses no item.  PTW_OK with fewer items than room means that the next
 * call will say why, unless the cause is removed before.
 *
 * The items are a prefix of what a walk without limits gives; a call after the
 * cause was removed goes on with the very next one, and no entry is read
 * twice. */
PTW_NODISCARD PTW_API enum ptw_status ptw_walk_next(struct ptw_walk *w,
                                                    struct ptw_item *item,
                                                    size_t room, size_t *items);

/* ptw_walk_extend allows that many more reads and items, beyond what was
 * allowed before.  These are amounts, not limits: 0 allows none, UINT64_MAX
 * lifts the limit.  What has no limit stays without. */
PTW_API void ptw_walk_extend(struct ptw_walk *w, uint64_t more_reads,
                             uint64_t more_items);

/* ptw_walk_where tells how far the items given so far reach: *space is the
 * space that the walk is in, *va the first address of it that they do not
 * cover; everything below, from the start of the range, was given.  A
 * virt_to_phys that starts there gives the rest.  Returns false when the space
 * is covered to the end of the range; *space and *va mean nothing then. */
PTW_API bool ptw_walk_where(const struct ptw_walk *w, uint32_t *space,
                            ptw_va *va);

/* ptw_walk_counts returns what the walk did so far. */
PTW_API struct ptw_walk_stats ptw_walk_counts(const struct ptw_walk *w);

/* ----------------------------------------------------------------- exposed */

/* struct ptw_exposed is a search for tables that the guest can write to.
 * Private, but for `walk`, the walk under it. */

/* ptw_exposed_init starts a search of the same spaces for mappings that let
 * the guest write to one of those tables (ascending, as ptw_memo_tables
 * writes them after a complete walk), as ptw_guest_writes judges it.  memo is
 * fresh, and another one than that of the walk.  Otherwise as
 * ptw_walk_va_spaces_init; options->need and flags are not looked at. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_exposed_init(struct ptw_exposed *e, const struct ptw_mem *mem,
                 const struct ptw_root *root, uint32_t roots,
                 struct ptw_memo *memo, const ptw_pa *table, size_t tables,
                 const struct ptw_walk_options *options);

/* ptw_exposed_next writes the next such mapping, as a PTW_FINDING_EXPOSED: the
 * run, the lowest table inside it and how many there are.  A mapping behind an
 * alias is found once, at its owner.  PTW_OK, or PTW_END, PTW_E_LIMIT and
 * PTW_E_SPACE as ptw_walk_next, with *out untouched; limits are extended and
 * the memo grown through &e->walk. */
PTW_NODISCARD PTW_API enum ptw_status ptw_exposed_next(struct ptw_exposed *e,
                                                       struct ptw_item *out);

#ifdef __cplusplus
}
#endif

#endif
