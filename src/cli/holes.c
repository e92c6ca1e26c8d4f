/* SPDX-License-Identifier: Apache-2.0 */
#include "holes.h"

#include "report.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct range {
    uint64_t first;
    uint64_t last;
};

struct ranges {
    struct range *range;
    size_t count;
};

struct holes {
    struct ranges memory;  /* addresses */
    struct ranges excused; /* in any order, and few: roots */
    bool whole_tables;     /* are read */
    pthread_mutex_t lock;  /* of what follows */
    uint64_t noted;        /* UINT64_MAX: nothing */
};

static void add(struct ranges *r, uint64_t first, uint64_t last)
{
    if (r->count > 0 && r->range[r->count - 1].last + 1 == first) {
        r->range[r->count - 1].last = last;
        return;
    }
    r->range = must_grow(r->range, r->count, sizeof *r->range);
    r->range[r->count++] = (struct range){first, last};
}

/* The index of the first range that ends at `at` or later. */
static size_t find_from(const struct ranges *r, uint64_t at)
{
    size_t low = 0;
    size_t high = r->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (at > r->range[mid].last) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* ------------------------------------------------------------- of the files */

/* A file without holes takes as much room as it has bytes; where that can't be
 * told, as of a device, there are none. */
static bool may_be_sparse(const struct image_part *p)
{
    struct stat st;

    return p->as_given && fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_blocks * 512 < p->bytes;
}

static void add_holes_of(struct ranges *offsets, const struct image_part *p)
{
    uint64_t at = 0;

    while (at < p->bytes) {
        off_t data = lseek(p->fd, (off_t)at, SEEK_DATA);
        uint64_t end = data >= 0 ? (uint64_t)data : p->bytes;
        off_t hole;

        if (data < 0 && errno != ENXIO) {
            return; /* this file system does not say */
        }
        end = end < p->bytes ? end : p->bytes;
        if (end > at) {
            add(offsets, p->start + at, p->start + (end - 1));
        }
        hole = end < p->bytes ? lseek(p->fd, (off_t)end, SEEK_HOLE) : -1;
        if (hole < 0) {
            return;
        }
        at = (uint64_t)hole;
    }
}

/* ------------------------------------------------------------- of the memory */

/* Tables begin on pages: where a hole begins within one, that one is data. */
static void add_memory(struct ranges *memory, const struct segment *s,
                       uint64_t from, uint64_t to)
{
    uint64_t first = s->pa + (from - s->offset);
    uint64_t last = s->pa + (to - s->offset);
    uint64_t in_page = PAGE_BYTES - 1;

    if (first > UINT64_MAX - in_page) {
        return;
    }
    first = (first + in_page) & ~in_page;
    if ((~last & in_page) != 0) {
        if ((last & ~in_page) == 0) {
            return;
        }
        last = (last & ~in_page) - 1;
    }
    if (first <= last) {
        add(memory, first, last);
    }
}

static void add_segment(struct ranges *memory, const struct ranges *offsets,
                        const struct segment *s)
{
    uint64_t end = s->offset + (s->bytes - 1);

    for (size_t i = find_from(offsets, s->offset);
         i < offsets->count && offsets->range[i].first <= end; i++) {
        const struct range *r = &offsets->range[i];

        add_memory(memory, s, r->first > s->offset ? r->first : s->offset,
                   r->last < end ? r->last : end);
    }
}

struct holes *holes_find(const struct parts *parts,
                         const struct segment *segment, size_t segments)
{
    struct ranges offsets = {.count = 0};
    struct holes *h = NULL;

    for (size_t i = 0; i < parts->count; i++) {
        if (may_be_sparse(&parts->part[i])) {
            add_holes_of(&offsets, &parts->part[i]);
        }
    }
    if (offsets.count > 0) {
        h = must(calloc(1, sizeof *h));
        (void)pthread_mutex_init(&h->lock, NULL);
        h->noted = UINT64_MAX;
        for (size_t i = 0; i < segments; i++) {
            add_segment(&h->memory, &offsets, &segment[i]);
        }
    }
    free(offsets.range);
    if (h != NULL && h->memory.count == 0) {
        holes_free(h);
        h = NULL;
    }
    return h;
}

size_t holes_count(const struct holes *h)
{
    return h == NULL ? 0 : h->memory.count;
}

void holes_split(const struct holes *h, uint64_t first, uint64_t last,
                 void (*each)(void *context, uint64_t first, uint64_t last,
                              bool hole),
                 void *context)
{
    size_t i = h == NULL ? 0 : find_from(&h->memory, first);

    while (i < holes_count(h) && h->memory.range[i].first <= last) {
        const struct range *r = &h->memory.range[i++];
        uint64_t end = r->last < last ? r->last : last;

        if (r->first > first) {
            each(context, first, r->first - 1, false);
            first = r->first;
        }
        each(context, first, end, true);
        if (end == last) {
            return;
        }
        first = end + 1;
    }
    each(context, first, last, false);
}

bool holes_has(const struct holes *h, uint64_t pa)
{
    size_t i = h == NULL ? 0 : find_from(&h->memory, pa);

    return i < holes_count(h) && h->memory.range[i].first <= pa;
}

/* ---------------------------------------------------------- what was noticed */

void holes_take_whole_tables(struct holes *h)
{
    h->whole_tables = true;
}

void holes_note(struct holes *h, uint64_t pa, bool table)
{
    if (!table && !h->whole_tables) {
        return;
    }
    pa &= ~(uint64_t)(PAGE_BYTES - 1);
    for (size_t i = 0; i < h->excused.count; i++) {
        if (pa >= h->excused.range[i].first && pa <= h->excused.range[i].last) {
            return;
        }
    }
    (void)pthread_mutex_lock(&h->lock);
    h->noted = pa < h->noted ? pa : h->noted;
    (void)pthread_mutex_unlock(&h->lock);
}

void holes_excuse(struct holes *h, uint64_t pa, uint64_t bytes)
{
    add(&h->excused, pa & ~(uint64_t)(PAGE_BYTES - 1), pa + (bytes - 1));
    h->noted = UINT64_MAX;
}

bool holes_noted(const struct holes *h, uint64_t *pa)
{
    *pa = h == NULL ? UINT64_MAX : h->noted;
    return *pa != UINT64_MAX;
}

void holes_free(struct holes *h)
{
    if (h != NULL) {
        (void)pthread_mutex_destroy(&h->lock);
        free(h->memory.range);
        free(h->excused.range);
        free(h);
    }
}
