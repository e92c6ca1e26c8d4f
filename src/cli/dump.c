/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"

#include "plain.h"
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dump_add(struct dump *d, uint64_t pa, uint64_t bytes, uint64_t offset)
{
    if (bytes == 0) {
        return;
    }
    if (bytes - 1 > UINT64_MAX - pa) {
        bytes = UINT64_MAX - pa + 1;
        dump_remark(d,
                    "has memory from %" PRIx64 " on that goes beyond the last "
                    "address: the rest of it is not in the image",
                    pa);
    }
    d->segment = must_grow(d->segment, d->segments, sizeof *d->segment);
    d->segment[d->segments++] = (struct segment){pa, bytes, offset};
}

void dump_miss(struct dump *d, uint64_t bytes)
{
    uint64_t room = (uint64_t)INT64_MAX - d->missing;

    d->missing += bytes < room ? bytes : room;
}

void dump_leave_out(struct dump *d, uint64_t pa, uint64_t bytes)
{
    dump_miss(d, bytes);
    if (bytes == 0 || pa > UINT64_MAX - (bytes - 1)) {
        return;
    }
    d->left_out = must_grow(d->left_out, d->left_outs, sizeof *d->left_out);
    d->left_out[d->left_outs++] = (struct segment){pa, bytes, 0};
}

void dump_lack(struct dump *d, uint64_t pa, uint64_t bytes)
{
    struct segment *before =
        d->lackings > 0 ? &d->lacking[d->lackings - 1] : NULL;

    dump_miss(d, bytes);
    if (before != NULL && before->pa + before->bytes == pa) {
        before->bytes += bytes;
        return;
    }
    d->lacking = must_grow(d->lacking, d->lackings, sizeof *d->lacking);
    d->lacking[d->lackings++] = (struct segment){pa, bytes, 0};
}

/* Whether a segment has some of these addresses. */
static bool has_some(const struct dump *d, uint64_t pa, uint64_t bytes)
{
    for (size_t i = 0; i < d->segments; i++) {
        const struct segment *s = &d->segment[i];

        if (s->pa <= pa + (bytes - 1) && pa <= s->pa + (s->bytes - 1)) {
            return true;
        }
    }
    return false;
}

/* Where there is room for the tables of all processors, or 0. */
static uint64_t find_room(const struct dump *d, bool below_4g)
{
    static const unsigned ends[] = {36, 40, 46, 52};
    uint64_t bytes = d->cpus * (uint64_t)MADE_BYTES;
    uint64_t pa = ((uint64_t)1 << 32) - bytes;

    if (below_4g) {
        return has_some(d, pa, bytes) ? 0 : pa;
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pa = ((uint64_t)1 << ends[i]) - bytes;
        if (!has_some(d, pa, bytes)) {
            return pa;
        }
    }
    return 0;
}

uint64_t dump_make(struct dump *d, const uint64_t entry[MADE_ENTRIES],
                   bool below_4g)
{
    struct made_table *m;
    uint64_t pa;

    for (size_t i = 0; i < d->mades; i++) {
        if (d->made[i].entry[0] == entry[0] &&
            memcmp(d->made[i].entry, entry, sizeof d->made[i].entry) == 0) {
            return d->made[i].pa;
        }
    }
    pa = d->mades > 0 ? d->made[0].pa + d->mades * MADE_BYTES
                      : find_room(d, below_4g);
    if (pa == 0) {
        return 0;
    }
    d->made = must_grow(d->made, d->mades, sizeof *d->made);
    m = &d->made[d->mades++];
    m->pa = pa;
    memcpy(m->entry, entry, sizeof m->entry);
    return pa;
}

/* The first of what is lacking that ends at pa or behind it. */
static size_t lacking_from(const struct dump *d, uint64_t pa)
{
    size_t low = 0;
    size_t high = d->lackings;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct segment *s = &d->lacking[middle];

        if (s->pa + (s->bytes - 1) < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void dump_add_listed(struct dump *d, uint64_t first, uint64_t last)
{
    size_t i = lacking_from(d, first);

    for (; i < d->lackings && d->lacking[i].pa <= last; i++) {
        const struct segment *s = &d->lacking[i];

        if (s->pa > first) {
            dump_add(d, first, s->pa - first, first);
        }
        if (s->bytes > last - s->pa) {
            return;
        }
        first = s->pa + s->bytes;
    }
    dump_add(d, first, last - first + 1, first);
}

void dump_add_cpu(struct dump *d, const struct dump_cpu *cpu)
{
    d->cpu = must_grow(d->cpu, d->cpus, sizeof *d->cpu);
    d->cpu[d->cpus++] = *cpu;
}

/* ------------------------------------------------------------------- order */

/* Segments as they were added are ranked by that: the lower index goes first.
 * The addresses at which one starts or ends are visited in order; between two
 * of them, the one of the lowest rank that is there has the addresses. */
struct sweep {
    const struct segment *segment; /* as they were added */
    size_t *start;                 /* their indices, by first address */
    size_t *heap;                  /* of those that are there, or have ended */
    size_t used;
};

static const struct segment *sorting; /* what by_start compares */

static int by_start(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;

    if (sorting[a].pa != sorting[b].pa) {
        return sorting[a].pa < sorting[b].pa ? -1 : 1;
    }
    return (a > b) - (a < b);
}

/* The indices of segments, of which there are some, by first address; for free. */
static size_t *by_start_of(const struct dump *d)
{
    size_t *start = must(calloc(d->segments, sizeof *start));

    for (size_t i = 0; i < d->segments; i++) {
        start[i] = i;
    }
    sorting = d->segment;
    qsort(start, d->segments, sizeof *start, by_start);
    return start;
}

static void heap_push(struct sweep *s, size_t index)
{
    size_t at = s->used++;

    while (at > 0 && s->heap[(at - 1) / 2] > index) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = index;
}

static void heap_pop(struct sweep *s)
{
    size_t last = s->heap[--s->used];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child < s->used && child + 1 < s->used &&
            s->heap[child + 1] < s->heap[child]) {
            child++;
        }
        if (child >= s->used || s->heap[child] >= last) {
            break;
        }
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
}

static uint64_t last_of(const struct segment *s)
{
    return s->pa + (s->bytes - 1);
}

/* Adds [first, last] of a segment, which may go on the one before it. */
static void add_part(struct dump *out, const struct segment *s, uint64_t first,
                     uint64_t last)
{
    uint64_t offset = s->offset + (first - s->pa);
    struct segment *before =
        out->segments > 0 ? &out->segment[out->segments - 1] : NULL;

    if (before != NULL && last_of(before) + 1 == first &&
        before->offset + before->bytes == offset) {
        before->bytes += last - first + 1;
        return;
    }
    dump_add(out, first, last - first + 1, offset);
}

void dump_order(struct dump *d)
{
    struct sweep s = {.segment = d->segment};
    struct dump out = {.segments = 0};
    size_t next = 0;
    uint64_t at = 0;

    if (d->segments == 0) {
        return;
    }
    s.start = by_start_of(d);
    s.heap = must(calloc(d->segments, sizeof *s.heap));
    while (next < d->segments || s.used > 0) {
        const struct segment *top;
        uint64_t last;

        if (s.used == 0) {
            at = s.segment[s.start[next]].pa;
        }
        while (next < d->segments && s.segment[s.start[next]].pa <= at) {
            heap_push(&s, s.start[next++]);
        }
        top = &s.segment[s.heap[0]];
        if (last_of(top) < at) {
            heap_pop(&s);
            continue;
        }
        last = last_of(top);
        if (next < d->segments && s.segment[s.start[next]].pa <= last) {
            last = s.segment[s.start[next]].pa - 1;
        }
        add_part(&out, top, at, last);
        if (last == UINT64_MAX) {
            break;
        }
        at = last + 1;
    }
    free(s.start);
    free(s.heap);
    free(d->segment);
    d->segment = out.segment;
    d->segments = out.segments;
}

/* The first address that two segments have, as they were added; false: there is
 * none. */
static bool find_twice(const struct dump *d, uint64_t *pa)
{
    const struct segment *widest = NULL; /* of those that start before */
    bool found = false;
    size_t *start;

    if (d->segments == 0) {
        return false;
    }
    start = by_start_of(d);
    for (size_t i = 0; i < d->segments && !found; i++) {
        const struct segment *s = &d->segment[start[i]];

        found = widest != NULL && s->pa <= last_of(widest);
        *pa = s->pa;
        widest = widest == NULL || last_of(s) > last_of(widest) ? s : widest;
    }
    free(start);
    return found;
}

void dump_order_once(struct dump *d)
{
    uint64_t pa;

    if (find_twice(d, &pa)) {
        dump_remark(d,
                    "has two ranges with the same addresses, from %" PRIx64
                    " on: the first of them is in the image",
                    pa);
    }
    dump_order(d);
}

/* ----------------------------------------------------------------- remarks */

static void say(char text[DUMP_WHY], const char *format, va_list args)
{
    if (text[0] == '\0') {
        (void)vsnprintf(text, DUMP_WHY, format, args);
    }
}

bool dump_refuse(struct dump *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d->why, format, args);
    va_end(args);
    return false;
}

void dump_remark(struct dump *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(d->remark, format, args);
    va_end(args);
}

/* -------------------------------------------------------------- vmcoreinfo */

/* The value of the line that starts with key and an equals sign, and how long
 * it is. */
static const char *value_of(const struct dump *d, const char *key,
                            size_t *length)
{
    size_t key_length = strlen(key);
    const char *line = d->vmcoreinfo;

    while (line != NULL && *line != '\0') {
        size_t n = strcspn(line, "\n");

        if (n > key_length && line[key_length] == '=' &&
            memcmp(line, key, key_length) == 0) {
            *length = n - key_length - 1;
            return line + key_length + 1;
        }
        line += n + (line[n] == '\n');
    }
    return NULL;
}

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

    return c != '\0' && at != NULL ? (int)(at - digits) : 16;
}

bool dump_vmcoreinfo(const struct dump *d, const char *key, unsigned base,
                     uint64_t *out)
{
    size_t length = 0;
    const char *text = value_of(d, key, &length);
    bool negative = text != NULL && length > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    uint64_t v = 0;

    if (text == NULL) {
        return false;
    }
    /* Some kernels print a number as 0x..., whatever others do. */
    if (length - at > 2 && text[at] == '0' && text[at + 1] == 'x') {
        base = 16;
        at += 2;
    }
    if (at == length) {
        return false;
    }
    for (; at < length; at++) {
        unsigned digit = (unsigned)digit_of(text[at]);

        if (digit >= base || v > (UINT64_MAX - digit) / base) {
            return false;
        }
        v = v * base + digit;
    }
    *out = negative ? 0 - v : v;
    return true;
}

bool dump_vmcoreinfo_text(const struct dump *d, const char *key, char *out,
                          size_t room)
{
    size_t length = 0;
    const char *text = value_of(d, key, &length);

    if (text == NULL) {
        return false;
    }
    (void)snprintf(out, room, "%.*s", (int)(length < room ? length : room),
                   text);
    (void)plain_text(out, true);
    return true;
}

void dump_free(struct dump *d)
{
    free(d->segment);
    free(d->left_out);
    free(d->made);
    free(d->lacking);
    free(d->cpu);
    free(d->vmcoreinfo);
    memset(d, 0, sizeof *d);
}
