/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding a stopped guest: a dense image with new tables.
 *
 * Three steps.  ptw_rebuild_plan walks the spaces and finds out which pages are
 * kept and where each of them goes.  ptw_rebuild_copy hands the pages to a
 * sink, in ascending order of new addresses.  ptw_rebuild_tables builds the new
 * tables, behind them or where the caller wants them.  The image starts at a
 * base that the caller chooses: large pages first, the largest foremost, then
 * small ones, each in the order of their old addresses, and then the tables.
 * The same input gives the same bytes, and to rebuild what was rebuilt gives
 * the same pages at the same places.  Except where a part of a large page could
 * not be read: the rest of it keeps its place, with a gap, but smaller leaves
 * map it, so that the next rebuild puts it where pages of their size go, and
 * closes the gap.
 *
 * Each page is there once, however often it is mapped, and each table once for
 * every level at which it is used, so what was shared is shared after.  An
 * entry that refers to the very table that holds it (a recursive slot) refers
 * to the new table after: what is seen through it are the new tables.  Entries
 * keep their own bits.  A page that holds a table and is mapped as data as well
 * is copied like any other: it shows what the guest had there.
 *
 * An entry that is not present and not 0 is the guest's own affair, and may
 * name a frame all the same: one of PROT_NONE, or a page in transition
 * (ptwalk/absent.h).  By default it keeps its bits; then the guest, when it
 * sets P again, has whatever lies at that address of the new image.  It can
 * become 0 instead; or, when the system is told, its frame is followed: the
 * page is kept like any other of its size, and the entry names it where it is
 * now.  The guest can make such an entry a leaf with any rights, so it counts
 * as a leaf that is written and does not become copy-on-write: its page is not
 * joined with others, and is shared with the leaves that map it.  It is
 * followed only if that is certain: all of the page is in the memory offered
 * and can be read, and all that the entry covers is kept.  If not, it keeps its
 * bits and is counted as unknown.  A large page is not split.  Where one turns
 * out to be unreadable in part, the rest of it is in the image, with nothing
 * that names it.
 *
 * The mark of copy-on-write is in bits that the guest has for itself.  A leaf
 * that carried it before, and R/W of which is clear, looks like one that the
 * policy made; a host that serves the mark would grant writes there that the
 * guest never had.  It may be right all the same: a guest that runs on a
 * snapshot and has not written yet has such leaves.  By default they keep the
 * mark and are counted (marked_before).  While that is 0, and the guest edits
 * no tables, each leaf with the mark and R/W clear is the policy's, or a map's.
 * They can be refused, or lose the mark.  The latter is exact only for a guest
 * that does not go by these bits: Linux does (_PAGE_SPECIAL).
 *
 * Nothing is left out without a word: see struct ptw_rebuild_counts.
 *
 * The core has no heap: the steps ask for storage as they need it, by
 * PTW_E_SPACE.  How much depends on pages and tables, not on the image's bytes:
 * records of 80 bytes for 64 neighbouring pages and of 24 for a table, in hash
 * tables of which at most three quarters are used, and which double.
 *
 * Thread safety: one object is used by one thread at a time.  The guest must
 * not run.  If its tables change all the same, nothing outside the storage and
 * the destination is written, and the answer is PTW_E_CHANGED or an image that
 * ptw_verify rejects. */
#ifndef PTWALK_REBUILD_H
#define PTWALK_REBUILD_H

#include "ptwalk/absent.h"
#include "ptwalk/edit.h"
#include "ptwalk/private.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ptw_rebuild_flag {
    /* Leaves that the guest writes through become copy-on-write: not writable,
     * and marked as docs/formats.md says.  A page that has such a leaf and any
     * other one stays writable, and stays one page: after the first fault the
     * two would drift apart, also when the other only reads.  So does what a
     * cleared R/W does not stop (ptw_guest_writes): a shadow stack, and under
     * CR4.CET a leaf that is dirty, which would become one. */
    PTW_REBUILD_COPY_ON_WRITE = 1 << 0,
    /* Those that have several leaves become copy-on-write too; they are counted
     * (shared_writable), for the caller to act on. */
    PTW_REBUILD_COPY_SHARED = 1 << 1,
    /* Large leaves become small ones. */
    PTW_REBUILD_SPLIT = 1 << 2,
    /* Small pages of the same content that the guest writes through no leaf
     * (ptw_guest_writes), after the policy above, become one.  None do when the
     * guest can make their leaves writable: see writable_selves. */
    PTW_REBUILD_MERGE = 1 << 3,
    /* The same for pages that are all zeros alone, of one kind of flag bits:
     * that of the first one; and a page of zeros that has to stay its own is
     * not handed to the sink, whose memory reads as zeros where nothing was
     * written. */
    PTW_REBUILD_ZEROS = 1 << 4,
    /* The new tables are at tables_base instead of behind the pages. */
    PTW_REBUILD_TABLES_APART = 1 << 5,
    /* A leaf that is kept, of which ptw_is_copy_on_write is true before any
     * policy, ends the plan (PTW_E_MARKED): no mark is in the image but those
     * that the rebuild made.  With or without copy-on-write. */
    PTW_REBUILD_REFUSE_MARKED = 1 << 6,
    /* Such leaves lose the mark: they are read-only, and nothing more.  For a
     * guest that was never restored from a snapshot of marked leaves, and does
     * not go by the bits that the mark is in.  Not both. */
    PTW_REBUILD_CLEAR_MARKED = 1 << 7,
};

/* ptw_rebuild_everything returns options to begin with.  Of a struct that is
 * all zeros the range remains to be set; a limit of 0 is none. */
struct ptw_rebuild_options {
    ptw_va first; /* closed range of addresses to keep: page aligned, */
    ptw_va last;  /* and the last byte of a page */
    const struct ptw_va_range *leave_out; /* less these: ascending, disjoint, */
    size_t leave_outs;                    /* page aligned */
    const struct ptw_map_request *map; /* mapped at the end in every new space
                                          whose tables can map the addresses;
                                          pa is an address of the new memory;
                                          max_reads is not looked at */
    size_t maps; /* their addresses must not be kept otherwise, and no address
                    is in two of them */
    ptw_pa base; /* of the new image; page aligned, and as the largest leaf that
                    is kept is, else there is padding before it */
    ptw_pa tables_base; /* with PTW_REBUILD_TABLES_APART: of the new tables,
                           aligned to the smallest page and to the largest
                           table; else not looked at */
    unsigned flags;     /* a set of enum ptw_rebuild_flag */
    /* of entries, in each walk; the plan counts new leaves of large leaves,
     * too.  In the last walk, and, where frames are followed, in the first
     * one, the entries of each table are read once more, which this leaves
     * out */
    uint64_t max_reads;
    uint64_t max_bytes;       /* of the new image */
    uint64_t seed;            /* as that of ptw_memo_init */
    struct ptw_absent absent; /* what becomes of entries that are not present */
    const uint64_t *root_flags; /* flag bits that each root is loaded with; the
                                   tables that maps need in its space are
                                   referred to with those.  NULL: none.  Tables
                                   of a leaf that is split are referred to with
                                   the flag bits of the entry that leads to the
                                   table which holds the leaf */
};

/* ptw_rebuild_everything returns options that keep the whole space, as it is,
 * at base 0, without limits. */
PTW_API struct ptw_rebuild_options ptw_rebuild_everything(void);

/* Why something that was in the tables is not in the image. */
enum ptw_drop {
    PTW_DROP_OUTSIDE,    /* pages that the accessor does not have */
    PTW_DROP_PARTIAL,    /* pages that it has only in part: memory ends there */
    PTW_DROP_UNREADABLE, /* pages that it has, and refused to read, all or a
                            part */
    PTW_DROP_BAD_ENTRY,  /* entries with reserved bits */
    PTW_DROP_TABLE, /* tables that can't be read, and runs of entries of one
                            table that can't */
    PTW_DROP_SELF,  /* entries that refer to their own table, whose span is
                            kept only in part */
    PTW_DROPS
};

/* ptw_drop_text returns a short English phrase for it; static. */
PTW_API const char *ptw_drop_text(enum ptw_drop why);

struct ptw_rebuild_counts {
    uint64_t spaces; /* that have a root of their own */
    uint64_t tables; /* in the new image */
    uint64_t aliases;
    uint64_t leaves; /* in the new tables; one in a shared table counts once */
    uint64_t pages;  /* smallest pages in the new image, padding not counted */
    uint64_t large;  /* large leaves kept as they are */
    uint64_t split;  /* large leaves that became small ones: asked for, or kept
                        or readable only in part */
    /* Leaves that became copy-on-write, and the old pages that these map, each
     * once; both are counted as the tables are built, like writable_pages. */
    uint64_t copy_on_write;
    uint64_t copy_on_write_pages;
    uint64_t shared_writable; /* pages that have a leaf that writes and
                                     another leaf */
    uint64_t writable_pages;  /* that the guest writes through a new leaf:
                                     shared, or of a large leaf of which a page
                                     is, or as copy-on-write can't change it */
    uint64_t marked_before;   /* new leaves, counted as the tables are built, in
                                 the place of one of which
                                 ptw_is_copy_on_write was true before: they keep
                                 the mark, unless it was to be cleared */
    uint64_t flags_differ;    /* pages that two leaves map with other flag bits.
                                 A page of several leaves may be counted too if
                                 it is among 64 neighbours with more than two
                                 kinds of flag bits, or if an entry that is not
                                 present names it */
    uint64_t merged;          /* pages that are in the image as another one;
                                 never where the flag bits of their leaves
                                 differ */
    uint64_t writable_selves; /* entries that refer to their own table, are kept
                                 and let the guest write it.  If there is one,
                                 the guest can change rights by it, and no page
                                 is merged */
    uint64_t zeros;           /* of the pages: not handed to the sink */
    /* Entries that are not present and not 0, counted as the tables are built.
     */
    uint64_t absent_kept; /* that name no frame, or were not asked */
    /* that became 0, or gave way to a table of a map */
    uint64_t absent_cleared;
    uint64_t absent_followed; /* that name the page where it is now */
    uint64_t absent_unknown;  /* that keep their bits, since what they name is
                                 not certain */
    uint64_t dropped[PTW_DROPS]; /* smallest pages or entries, once for each
                                    leaf or entry */
    uint64_t page_bytes;         /* of the pages, padding included, also that in
                                    front of the tables behind them */
    uint64_t bytes; /* of the image: these, and the format's largest table for
                       each table */
};

/* One rebuild.  The caller owns the storage, about 6 KiB, and reads counts,
 * wanted, work and where.  o and state are private: see ptwalk/private.h. */
struct ptw_rebuild {
    struct ptw_rebuild_counts counts; /* so far */
    size_t wanted; /* PTW_E_SPACE: bytes that would be enough for long */
    uint64_t
        work;     /* done so far, in entries read or refused (of tables that are
                      built or compared, too), items, pages and blocks of 64
                      pages visited, look-ups and new leaves of large ones */
    ptw_pa where; /* the old address of the first page of the write that the
                      sink is asked for, or refused */
    struct ptw_rebuild_options o;
    struct ptw_rebuild_state state;
};

/* ptw_rebuild_init begins a rebuild of `roots` spaces.  mem, root and
 * the arrays of options must live as long as rb.  It has no storage so far.
 *
 *   PTW_E_ARG       roots is 0 or more than 2^31, or they do not agree, as
 *                   ptw_walk_va_spaces_init has it; absent, as of
 *                   ptw_absent_check; marked leaves are to be refused and
 *                   cleared; root_flags has bits that are no flag bits of the
 *                   regime
 *   PTW_E_ALIGN     base, tables_base, or first or last + 1 of the range or of
 *                   one that is left out, is not page aligned, or tables_base
 *                   not aligned to the largest table
 *   PTW_E_WIDTH     base or tables_base is beyond the physical width
 *   PTW_E_RANGE     first > last, also of a map; ranges left out that are not
 *                   ascending and disjoint; nothing is kept of what tables can
 *                   map
 *   PTW_E_OVERLAP   a map touches addresses that are kept, or those of another
 *   others          of a map, those of ptw_map that are not about tables:
 *                   PTW_E_ARG, PTW_E_RANGE, PTW_E_ALIGN, PTW_E_WIDTH (also
 *                   where only large leaves reach and it does not consist of
 *                   them), PTW_NOT_CANONICAL (in no space), PTW_E_RIGHTS.
 *                   ptw_rebuild_bad_map tells which
 *   PTW_E_REGIME    no tables (bare); copy-on-write, and the supervisor may
 *                   write everywhere (CR0.WP clear); absent, as of
 *                   ptw_absent_check
 *
 * Maps are compared with each other: the work grows with their square.
 *
 * On failure the steps refuse, with PTW_E_ARG. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_rebuild_init(struct ptw_rebuild *rb, const struct ptw_mem *mem,
                 const struct ptw_root *root, uint32_t roots,
                 const struct ptw_rebuild_options *options);

/* ptw_rebuild_give hands over storage after a step returned PTW_E_SPACE:
 * rb->wanted bytes or more, aligned to 8.  What was in the storage before is
 * moved; *before is the old storage, or NULL, and the caller's again.  The new
 * one is the caller's when the rebuild is over: ptw_rebuild_storage(rb, i), for
 * i below PTW_REBUILD_STORES, is each or NULL.  PTW_E_SPACE when it is too
 * little (fewer than wanted may be enough), PTW_E_ALIGN, PTW_E_ARG when nothing
 * was asked for or storage is NULL: then nothing changed, and *before is NULL.
 */
PTW_NODISCARD PTW_API enum ptw_status ptw_rebuild_give(struct ptw_rebuild *rb,
                                                       void *storage,
                                                       size_t bytes,
                                                       void **before);
PTW_API void *ptw_rebuild_storage(const struct ptw_rebuild *rb, unsigned i);

/* ptw_rebuild_plan finds out what is kept and where it goes.  To be called
 * again after PTW_E_SPACE.  On PTW_OK, counts says what there will be;
 * counts.bytes and counts.tables may still fall, and grow if pages turn out to
 * be unreadable.
 *
 *   PTW_E_SPACE    give storage, and call again
 *   PTW_E_LIMIT    max_reads; max_bytes, as soon as so much is certain to be in
 *                  the image, of tables and of pages that can't become one; or
 *                  more than 2^40 tables
 *   PTW_E_WIDTH    the new image does not fit the physical width, or its small
 *                  pages and tables that of an entry
 *   PTW_E_ALIGN, PTW_E_BUS, PTW_E_WIDTH  a root can't be one:
 *                  ptw_rebuild_bad_root tells which; when PTW_E_WIDTH is about
 *                  the image, ptw_root_check has nothing against that one
 *   PTW_E_SHARED   a root is a table below an earlier root, too (met_below of
 *                  struct ptw_space): give its space first, and they stay one
 *                  table; ptw_rebuild_bad_root tells which
 *   PTW_E_OVERLAP  tables at a base of their own would overlap the pages; they
 *                  end counts.bytes - counts.page_bytes behind tables_base
 *   PTW_E_RIGHTS   a table that is kept, and in which a map has to stand, does
 *                  not grant what the map is to: ptw_rebuild_bad_map tells
 *                  which
 *   PTW_E_MARKED   PTW_REBUILD_REFUSE_MARKED, and there is such a leaf:
 *                  ptw_rebuild_bad_mark tells where.  It is enough that memory
 *                  has a page that it maps: whether that can be read is not
 *                  tried before the copy
 *   PTW_E_ARG      called out of turn, as of the other steps
 *
 * A map is refused here or by ptw_rebuild_init, never after a page was copied.
 *
 * Work: with T tables entered, of E entries each, C = 2 * spaces * (ranges left
 * out + 1) cuts, P pages of memory and R regions, at most
 * 8 * E * T + (32 + 2 * C) * (P + R), as `work` counts it; and each map is
 * compared with each table.
 *
 * Any failure but PTW_E_SPACE and PTW_E_ARG ends the rebuild. */
PTW_NODISCARD PTW_API enum ptw_status ptw_rebuild_plan(struct ptw_rebuild *rb);

/* ptw_rebuild_bad_root returns the index of the root that made the plan fail,
 * or 0. */
PTW_API uint32_t ptw_rebuild_bad_root(const struct ptw_rebuild *rb);

/* ptw_rebuild_bad_map says whether a map is why ptw_rebuild_init or the plan
 * failed, and then writes its index. */
PTW_API bool ptw_rebuild_bad_map(const struct ptw_rebuild *rb, size_t *map);

/* ptw_rebuild_bad_mark says whether a leaf that carries the mark is why the
 * plan failed, and then writes the index of its space and its first address. */
PTW_API bool ptw_rebuild_bad_mark(const struct ptw_rebuild *rb, uint32_t *space,
                                  ptw_va *va);

/* ptw_rebuild_tables_at returns where the new tables begin, once there is a
 * plan: at tables_base, or behind the pages. */
PTW_API ptw_pa ptw_rebuild_tables_at(const struct ptw_rebuild *rb);

/* Where the pages of the new image go.  write takes n bytes (a multiple of
 * 4096) that belong at the new address `to`; the addresses ascend, and what
 * lies between is padding or zeros.  It may refuse with any PTW_E_ status. */
struct ptw_page_sink {
    enum ptw_status (*write)(void *ctx, ptw_pa to, const void *bytes, size_t n);
};

/* Memory of the host that a new image is copied into: the bytes from host on
 * are those of the addresses from `first` on.  It is the caller's, and so is
 * the struct. */
struct ptw_sink_memory {
    ptw_pa first;
    void *host;
    size_t bytes;
    size_t step; /* so many bytes are copied at a time, up to where the host's
                    address is a multiple of them; 0: all that are handed over.
                    The host's page size is right for memory whose pages the
                    host has to make first: one copy that goes over many such
                    pages is interrupted in its midst by each of them, and on
                    many processors takes a fifth to a third longer */
};

/* ptw_sink_to_memory is the `write` of a sink whose ctx is a struct
 * ptw_sink_memory, which it does not change: it copies the n bytes to where
 * they belong.  PTW_OK; PTW_E_BUS when that is not all in the memory, and then
 * nothing is copied.  Threads may copy to different addresses at once. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_sink_to_memory(void *ctx, ptw_pa to, const void *bytes, size_t n);

/* ptw_rebuild_copy hands every page to the sink.  A page that can't be read is
 * dropped and counted.  What the sink refused with is returned; the call after
 * that goes on at the write that was refused.  Afterwards counts says how large
 * the image will be at most: with maps, it may be smaller.
 *
 * A large leaf that could be read only in part becomes small ones.  Where there
 * is one, the spaces are walked again after the last page, and what that fails
 * with ends the rebuild:
 *
 *   PTW_E_LIMIT    the image, with more tables, is beyond max_bytes
 *   PTW_E_WIDTH    the image, with more tables, does not fit, as of the plan
 *   PTW_E_OVERLAP  these tables would overlap the pages, as of the plan
 *   PTW_E_CHANGED  the tables are not those that the plan saw; then also
 *                  PTW_E_LIMIT (max_reads), and what the plan says of roots */
PTW_NODISCARD PTW_API enum ptw_status
ptw_rebuild_copy(struct ptw_rebuild *rb, const struct ptw_page_sink *sink,
                 void *ctx);

/* ptw_rebuild_tables writes the new tables.  `to` is writable memory that has
 * at least counts.bytes - counts.page_bytes addresses from
 * ptw_rebuild_tables_at(rb) on; what was there before does not matter.
 * new_root has room for the new root of every space.  On PTW_OK all counts are
 * final; new tables that were not needed after all are not part of the image
 * any more.
 *
 *   PTW_E_CHANGED  the tables are not those that the plan saw; then also
 *                  PTW_E_LIMIT, PTW_E_WIDTH, and what the plan says of a root
 *   PTW_E_BUS, PTW_E_READONLY  `to` refuses; a callback for writing may
 *                  refuse with any status
 *
 * Work, with that of ptw_rebuild_copy: at most twice that of the plan, where T
 * counts the new tables as well, and P the pages of the new image.
 *
 * On failure what was written means nothing; begin with a new rebuild. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_rebuild_tables(struct ptw_rebuild *rb, const struct ptw_mem *to,
                   struct ptw_root *new_root);

/* ptw_rebuild_page says where the page that holds old is in the new image, with
 * the offset in the page: PTW_OK and *now, or PTW_NOT_MAPPED when it is not
 * there, before the plan is made, and after a step that failed for good. */
PTW_NODISCARD PTW_API enum ptw_status ptw_rebuild_page(struct ptw_rebuild *rb,
                                                       ptw_pa old, ptw_pa *now);

/* ptw_rebuild_pages finds the first page at the old address `from` or behind it
 * that is in the new image, and how far it goes on from there: the *bytes,
 * whole pages, from *old on are those from *now on.  With *old + *bytes as the
 * next `from`, all pages come, in the order of their old addresses; the work is
 * that of the pages which the image has, wherever they were.  PTW_OK; PTW_END
 * when there is none; PTW_NOT_MAPPED as ptw_rebuild_page.  *old, *now and
 * *bytes are meant on PTW_OK only. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_rebuild_pages(struct ptw_rebuild *rb, ptw_pa from, ptw_pa *old, ptw_pa *now,
                  uint64_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
