/* SPDX-License-Identifier: Apache-2.0 */
/* Which smallest pages memory has, and how many: without going through them, or
 * through the regions.
 *
 * A run is a stretch of memory without a hole: regions that touch are one run.
 * Runs stand in an array in the order of their addresses, and each knows how
 * many pages there are before it, so that every question costs a search.  A
 * page is touched when memory has a byte of it, and whole when it has all. */
#ifndef PTW_RUNS_H
#define PTW_RUNS_H

#include "engine.h"
#include "ptwalk/mem.h"

/* How many pages of a range. */
struct ptw_run_count {
    uint64_t touched;
    uint64_t whole;
};

/* ptw_runs_bytes returns the storage that ptw_runs_make needs; 0 when the runs
 * need none.  The storage is aligned to 8, and lives as long as the runs.  The
 * pages have 2^page_log2 bytes. */
size_t ptw_runs_bytes(const struct ptw_mem *mem);
void ptw_runs_make(struct ptw_runs *rs, const struct ptw_mem *mem,
                   unsigned page_log2, void *storage);

/* ptw_runs_count counts the pages of [first, last], which are whole pages. */
struct ptw_run_count ptw_runs_count(const struct ptw_runs *rs, uint64_t first,
                                    uint64_t last);

/* ptw_runs_all says whether memory has all of the page of that size at pa. */
bool ptw_runs_all(const struct ptw_runs *rs, uint64_t pa, unsigned size_log2);

/* ptw_runs_page says how much of the page at pa there is. */
enum ptw_cover ptw_runs_page(const struct ptw_runs *rs, uint64_t pa);

/* ptw_runs_look_near is ptw_runs_page for a page that is not in the run where
 * the last one was; near follows. */
enum ptw_cover ptw_runs_look_near(const struct ptw_runs *rs,
                                  struct ptw_run_near *near, uint64_t pa);

/* ptw_runs_page_near is ptw_runs_page for a page of 2^page_log2 bytes that is
 * probably in the run where the last one was. */
PTW_ENGINE enum ptw_cover ptw_runs_page_near(const struct ptw_runs *rs,
                                             struct ptw_run_near *near,
                                             unsigned page_log2, uint64_t pa)
{
    return PTW_LIKELY((pa >> page_log2) - near->first < near->pages)
               ? PTW_COVER_ALL
               : ptw_runs_look_near(rs, near, pa);
}

/* ptw_runs_whole finds the first stretch of whole pages at page pa or behind
 * it, no part of which is behind `last`: [*from, *to].  False: there is none.
 * ptw_runs_touched is the same for touched pages; there it stops at the end of
 * a run, even where the next one goes on. */
bool ptw_runs_whole(const struct ptw_runs *rs, uint64_t pa, uint64_t last,
                    uint64_t *from, uint64_t *to);
bool ptw_runs_touched(const struct ptw_runs *rs, uint64_t pa, uint64_t last,
                      uint64_t *from, uint64_t *to);

#endif
