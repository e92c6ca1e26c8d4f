/* SPDX-License-Identifier: Apache-2.0 */
#include "ideal.h"

#include "image.h"
#include "rows.h"

#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline))

enum { BATCH = 256, LEVELS_MAX = 4 };

static const uint64_t PRESENT = 1;
static const uint64_t RIGHTS = 6; /* R/W, U/S */
static const uint64_t LARGE = 0x80;

struct shape {
    unsigned levels;
    unsigned entry_bytes;
    unsigned index_bits;
    uint64_t address;
    uint64_t no_execute;
    unsigned sign; /* of an address: what stands above is this bit again */
};

static const struct shape amd64 = {4, 8, 9, 0x000FFFFFFFFFF000, 1ull << 63, 47};
static const struct shape i686 = {2, 4, 10, 0xFFFFF000, 0, 63};

struct run {
    uint64_t va;
    uint64_t pa;
    uint64_t bytes;
    uint64_t rights;
};

struct out {
    struct run run[BATCH];
    unsigned runs;
    uint64_t sum;
};

/* The run that is open: it has no bytes, or goes on with the entry `next`. */
struct open {
    uint64_t va;
    uint64_t raw;
    uint64_t next;
    uint64_t rights; /* of the path */
};

/* No entry of an image. */
static const uint64_t NOTHING = ~(uint64_t)0;

static void consume(struct out *out)
{
    for (unsigned i = 0; i < out->runs; i++) {
        const struct run *r = &out->run[i];

        out->sum += image_run(r->va, r->pa, r->bytes, 12);
    }
    out->runs = 0;
}

INLINE void emit(const struct shape *f, struct out *out, uint64_t va,
                 uint64_t raw, uint64_t bytes, uint64_t rights)
{
    out->run[out->runs++] = (struct run){
        va, raw & f->address, bytes, rights & (raw ^ f->no_execute)};
    if (out->runs == BATCH) {
        consume(out);
    }
}

INLINE void finish(const struct shape *f, struct out *out, struct open *open)
{
    if (open->next != NOTHING) {
        emit(f, out, open->va, open->raw, open->next - open->raw, open->rights);
        open->next = NOTHING;
    }
}

INLINE uint64_t load(const struct shape *f, const void *table, unsigned i)
{
    return f->entry_bytes == 4 ? ((const uint32_t *)table)[i]
                               : ((const uint64_t *)table)[i];
}

INLINE void scan(const struct shape *f, const void *table, uint64_t va,
                 uint64_t rights, bool runs, struct open *at, struct out *out)
{
    struct open open = *at;

    if (open.rights != rights) {
        finish(f, out, &open);
        open.rights = rights;
    }
    for (unsigned i = 0; i < 1u << f->index_bits; i++) {
        uint64_t raw = load(f, table, i);

        if (runs) {
            if (raw == open.next) {
                open.next += 4096;
                continue;
            }
            finish(f, out, &open);
            if ((raw & PRESENT) != 0) {
                open.va = va + ((uint64_t)i << 12);
                open.raw = raw;
                open.next = raw + 4096;
            }
        } else if ((raw & PRESENT) != 0) {
            emit(f, out, va + ((uint64_t)i << 12), raw, 4096, rights);
        }
    }
    *at = open;
}

INLINE uint64_t address_of(const struct shape *f, const unsigned *index,
                           unsigned level)
{
    uint64_t va = 0;

    for (unsigned at = level; at < f->levels; at++) {
        va |= (uint64_t)index[at] << (12 + f->index_bits * at);
    }
    if ((va >> f->sign & 1) != 0) {
        va |= ~(uint64_t)0 << f->sign;
    }
    return va;
}

INLINE void walk_space(const struct shape *f, const struct image *g,
                       uint64_t root, bool runs, bool *seen, struct out *out)
{
    const void *table[LEVELS_MAX];
    unsigned index[LEVELS_MAX];
    uint64_t rights[LEVELS_MAX];
    struct open open = {.next = NOTHING};
    unsigned level = f->levels - 1;

    table[level] = g->at + root;
    index[level] = 0;
    rights[level] = RIGHTS | f->no_execute;
    for (;;) {
        uint64_t raw;
        uint64_t below;
        uint64_t grants;

        if (index[level] == 1u << f->index_bits) {
            if (++level == f->levels) {
                break;
            }
            index[level]++;
            continue;
        }
        raw = load(f, table[level], index[level]);
        if ((raw & PRESENT) == 0) {
            finish(f, out, &open);
            index[level]++;
            continue;
        }
        grants = rights[level] & (raw ^ f->no_execute);
        if ((raw & LARGE) != 0) {
            finish(f, out, &open);
            emit(f, out, address_of(f, index, level), raw,
                 (uint64_t)4096 << f->index_bits * level, grants);
            index[level]++;
            continue;
        }
        below = raw & f->address;
        if (seen != NULL) {
            if (seen[below >> 12]) {
                finish(f, out, &open);
                out->sum++;
                index[level]++;
                continue;
            }
            seen[below >> 12] = true;
        }
        if (level == 1) {
            scan(f, g->at + below, address_of(f, index, 1), grants, runs, &open,
                 out);
            index[level]++;
            continue;
        }
        level--;
        table[level] = g->at + below;
        index[level] = 0;
        rights[level] = grants;
    }
    finish(f, out, &open);
}

INLINE uint64_t walk(const struct shape *f, const struct image *g, bool runs,
                     bool *seen)
{
    struct out out;

    out.runs = 0;
    out.sum = 0;
    for (uint32_t i = 0; i < g->roots; i++) {
        walk_space(f, g, g->root[i].table.v, runs, seen, &out);
    }
    consume(&out);
    return out.sum;
}

static bool narrow(const struct image *g)
{
    return ptw_entry_bytes(&g->regime) == 4;
}

uint64_t ideal_runs(void *image)
{
    const struct image *g = image;

    return narrow(g) ? walk(&i686, g, true, NULL) : walk(&amd64, g, true, NULL);
}

uint64_t ideal_leaves(void *image)
{
    return walk(&amd64, image, false, NULL);
}

uint64_t ideal_spaces(void *image)
{
    const struct image *g = image;
    bool *seen = bench_memory(calloc(g->frames, sizeof *seen));
    uint64_t sum =
        narrow(g) ? walk(&i686, g, true, seen) : walk(&amd64, g, true, seen);

    free(seen);
    return sum;
}

struct answer {
    uint64_t pa;
    uint64_t rights;
};

static __attribute__((noinline)) bool
lookup(const unsigned char *at, uint64_t table, uint64_t va, struct answer *out)
{
    uint64_t rights = RIGHTS | amd64.no_execute;

    for (unsigned shift = 39;; shift -= 9) {
        uint64_t raw = load(&amd64, at + table, (unsigned)(va >> shift) & 511);

        if ((raw & PRESENT) == 0) {
            return false;
        }
        rights &= raw ^ amd64.no_execute;
        table = raw & amd64.address;
        if (shift == 12 || (raw & LARGE) != 0) {
            out->pa = table | (va & (((uint64_t)1 << shift) - 1));
            out->rights = rights;
            return true;
        }
    }
}

uint64_t ideal_lookups(void *image)
{
    const struct image *g = image;
    uint64_t state = 1;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->lookups; i++) {
        struct answer a = {0, 0};

        if (lookup(g->at, g->root[0].table.v, image_ask(g, &state), &a)) {
            sum += a.pa;
        }
    }
    return sum;
}
