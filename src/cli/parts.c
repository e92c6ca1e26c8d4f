/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { START_LOG2 = 16 };

uint64_t parts_add(struct parts *p, int fd, const char *name, uint64_t bytes)
{
    uint64_t start = 0;

    if (p->count > 0) {
        const struct image_part *last = &p->part[p->count - 1];

        start = (((last->start + last->bytes) >> START_LOG2) + 1) << START_LOG2;
    }
    p->part = must_grow(p->part, p->count, sizeof *p->part);
    p->part[p->count++] = (struct image_part){
        .fd = fd, .name = name, .start = start, .bytes = bytes};
    return start;
}

const struct image_part *parts_find(const struct parts *p, uint64_t offset)
{
    size_t low = 0;
    size_t high = p->count;

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (p->part[mid].start <= offset) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return &p->part[low];
}

void parts_free(struct parts *p)
{
    free(p->part);
    memset(p, 0, sizeof *p);
}
