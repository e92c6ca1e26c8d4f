/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of memory, and the pages in them. */
#include "runs.h"

#include "mem.h"

size_t ptw_runs_bytes(const struct ptw_mem *mem)
{
    return mem->regions <= 1 ? 0 : mem->regions * sizeof(struct ptw_run);
}

/* The pages of a run of bytes; how many are before it is added later. */
static struct ptw_run run_of(uint64_t first, uint64_t last, unsigned page_log2)
{
    uint64_t page = ptw_low_mask(page_log2);
    struct ptw_run r = {.first = first >> page_log2, .last = last >> page_log2};

    r.whole_first = r.first + ((first & page) != 0);
    r.whole_end = r.last + ((last & page) == page);
    return r;
}

static uint64_t whole_of(const struct ptw_run *r)
{
    return r->whole_end > r->whole_first ? r->whole_end - r->whole_first : 0;
}

void ptw_runs_make(struct ptw_runs *rs, const struct ptw_mem *mem,
                   unsigned page_log2, void *storage)
{
    const struct ptw_region *region = ptw_regions(mem);
    struct ptw_run *run = mem->regions <= 1 ? NULL : storage;

    assert(mem->regions <= 1 || run != NULL);
    rs->run = run;
    rs->runs = 0;
    rs->page_log2 = page_log2;
    for (size_t i = 0; i < mem->regions;) {
        uint64_t first = region[i].first.v;
        uint64_t last = region[i].last.v;
        struct ptw_run r;

        for (i++; i < mem->regions && region[i].first.v == last + 1; i++) {
            last = region[i].last.v;
        }
        r = run_of(first, last, page_log2);
        if (rs->runs > 0) {
            const struct ptw_run *before = &run[rs->runs - 1];

            /* The page that two runs touch is the first one's. */
            r.touched = before->touched + (before->last - before->first) + 1 -
                        (before->last == r.first);
            r.whole = before->whole + whole_of(before);
        }
        if (run == NULL) {
            rs->only = r;
        } else {
            run[rs->runs] = r;
        }
        rs->runs++;
    }
}

static const struct ptw_run *run_at(const struct ptw_runs *rs, size_t i)
{
    return rs->run != NULL ? &rs->run[i] : &rs->only;
}

/* The pages below that one: of the last run that starts below it, and of those
 * before that. */
static struct ptw_run_count below(const struct ptw_runs *rs, uint64_t page)
{
    struct ptw_run_count n = {0, 0};
    const struct ptw_run *r;
    size_t low = 0;
    size_t high = rs->runs;
    uint64_t end;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (run_at(rs, mid)->first < page) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0) {
        return n;
    }
    r = run_at(rs, low - 1);
    end = r->last + 1 < page ? r->last + 1 : page;
    n.touched = r->touched + (end - r->first);
    end = r->whole_end < page ? r->whole_end : page;
    n.whole = r->whole + (end > r->whole_first ? end - r->whole_first : 0);
    return n;
}

/* The first run that ends at that page or behind it. */
static size_t run_from(const struct ptw_runs *rs, uint64_t page)
{
    size_t low = 0;
    size_t high = rs->runs;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (run_at(rs, mid)->last < page) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct ptw_run_count ptw_runs_count(const struct ptw_runs *rs, uint64_t first,
                                    uint64_t last)
{
    struct ptw_run_count n = {0, 0};
    struct ptw_run_count before;
    size_t i = run_from(rs, first >> rs->page_log2);

    if (i == rs->runs || run_at(rs, i)->first > last >> rs->page_log2) {
        return n;
    }
    n = below(rs, (last >> rs->page_log2) + 1);
    before = below(rs, first >> rs->page_log2);
    n.touched -= before.touched;
    n.whole -= before.whole;
    return n;
}

bool ptw_runs_all(const struct ptw_runs *rs, uint64_t pa, unsigned size_log2)
{
    uint64_t last = pa + ptw_low_mask(size_log2);

    return ptw_runs_count(rs, pa, last).whole ==
           (uint64_t)1 << (size_log2 - rs->page_log2);
}

enum ptw_cover ptw_runs_page(const struct ptw_runs *rs, uint64_t pa)
{
    uint64_t page = pa >> rs->page_log2;
    struct ptw_run_count n;

    if (PTW_LIKELY(rs->run == NULL)) {
        const struct ptw_run *r = &rs->only;

        return page >= r->whole_first && page < r->whole_end ? PTW_COVER_ALL
               : rs->runs == 0 || page < r->first || page > r->last
                   ? PTW_COVER_NONE
                   : PTW_COVER_SOME;
    }
    n = ptw_runs_count(rs, pa, pa);
    return n.whole > 0     ? PTW_COVER_ALL
           : n.touched > 0 ? PTW_COVER_SOME
                           : PTW_COVER_NONE;
}

enum ptw_cover ptw_runs_look_near(const struct ptw_runs *rs,
                                  struct ptw_run_near *near, uint64_t pa)
{
    enum ptw_cover cover = ptw_runs_page(rs, pa);

    if (cover == PTW_COVER_ALL) {
        const struct ptw_run *r = run_at(rs, run_from(rs, pa >> rs->page_log2));

        near->first = r->whole_first;
        near->pages = whole_of(r);
    }
    return cover;
}

/* Cuts pages [from, to] to what is not behind `last`; false: nothing is. */
static bool cut(unsigned page_log2, uint64_t from, uint64_t to, uint64_t last,
                uint64_t *first, uint64_t *end)
{
    if (from > last >> page_log2) {
        return false;
    }
    *first = from << page_log2;
    *end = to >= last >> page_log2
               ? last
               : (to << page_log2) + ptw_low_mask(page_log2);
    return true;
}

bool ptw_runs_whole(const struct ptw_runs *rs, uint64_t pa, uint64_t last,
                    uint64_t *from, uint64_t *to)
{
    uint64_t page = pa >> rs->page_log2;
    uint64_t before = below(rs, page).whole;
    const struct ptw_run *r;
    size_t low = 0;
    size_t high = rs->runs;

    /* The first run of which a page is not among those. */
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        r = run_at(rs, mid);
        if (r->whole + whole_of(r) <= before) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == rs->runs) {
        return false;
    }
    r = run_at(rs, low);
    return cut(rs->page_log2, r->whole_first > page ? r->whole_first : page,
               r->whole_end - 1, last, from, to);
}

bool ptw_runs_touched(const struct ptw_runs *rs, uint64_t pa, uint64_t last,
                      uint64_t *from, uint64_t *to)
{
    uint64_t page = pa >> rs->page_log2;
    size_t i = run_from(rs, page);
    const struct ptw_run *r;

    if (i == rs->runs) {
        return false;
    }
    r = run_at(rs, i);
    return cut(rs->page_log2, r->first > page ? r->first : page, r->last, last,
               from, to);
}
