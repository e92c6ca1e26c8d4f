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

static void consume_runs(struct out *out)
{
    for (unsigned i = 0; i < out->runs; i++) {
        const struct run *r = &out->run[i];

        out->sum += image_run(r->va, r->pa, r->bytes, 12);
    }
    out->runs = 0;
}

static void consume_leaves(struct out *out)
{
    for (unsigned i = 0; i < out->runs; i++) {
        out->sum += out->run[i].va + out->run[i].pa;
    }
    out->runs = 0;
}

INLINE void emit(const struct shape *f, struct out *out, uint64_t va,
                 uint64_t raw, uint64_t bytes, uint64_t rights)
{
    out->run[out->runs++] = (struct run){va, raw & f->address, bytes,
                                         rights & (raw ^ f->no_execute)};
    if (out->runs == BATCH) {
        consume_runs(out);
    }
}

INLINE void emit_leaf(const struct shape *f, struct out *out, uint64_t va,
                      uint64_t raw, uint64_t rights)
{
    out->run[out->runs++] = (struct run){va, raw & f->address, 4096,
                                         rights & (raw ^ f->no_execute)};
    if (out->runs == BATCH) {
        consume_leaves(out);
    }
}

INLINE void finish(const struct shape *f, struct out *out, struct open *open)
{
    if (open->next != NOTHING) {
        emit(f, out, open->va, open->raw, open->next - open->raw, open->rights);
        open->next = NOTHING;
    }
}

INLINE uint64_t load(const struct shape *f, const void *table, size_t i)
{
    return f->entry_bytes == 4 ? ((const uint32_t *)table)[i]
                               : ((const uint64_t *)table)[i];
}

/* The address of the entry at `e`, in a table of leaves that stands for va. */
INLINE uint64_t leaf_va(const struct shape *f, const unsigned char *table,
                        const unsigned char *e, uint64_t va)
{
    return va + ((uint64_t)(e - table) / f->entry_bytes << 12);
}

INLINE void scan_runs(const struct shape *f, const unsigned char *table,
                      uint64_t va, uint64_t rights, struct open *open,
                      struct out *out)
{
    const unsigned char *end = table + 4096;
    uint64_t next;

    if (open->rights != rights) {
        finish(f, out, open);
        open->rights = rights;
    }
    next = open->next;
    for (const unsigned char *e = table; e != end; e += f->entry_bytes) {
        uint64_t raw = load(f, e, 0);

        while (raw == next) {
            next += 4096;
            e += f->entry_bytes;
            if (e == end) {
                open->next = next;
                return;
            }
            raw = load(f, e, 0);
        }
        open->next = next;
        finish(f, out, open);
        while ((raw & PRESENT) == 0) {
            e += f->entry_bytes;
            if (e == end) {
                return;
            }
            raw = load(f, e, 0);
        }
        open->va = leaf_va(f, table, e, va);
        open->raw = raw;
        next = raw + 4096;
    }
    open->next = next;
}

INLINE void scan_leaves(const struct shape *f, const unsigned char *table,
                        uint64_t va, uint64_t rights, struct out *out)
{
    const unsigned char *end = table + 4096;

    for (const unsigned char *e = table; e != end; e += f->entry_bytes) {
        uint64_t raw = load(f, e, 0);

        if ((raw & PRESENT) != 0) {
            emit_leaf(f, out, leaf_va(f, table, e, va), raw, rights);
        }
    }
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
            if (runs) {
                scan_runs(f, g->at + below, address_of(f, index, 1), grants,
                          &open, out);
            } else {
                scan_leaves(f, g->at + below, address_of(f, index, 1), grants,
                            out);
            }
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
    if (runs) {
        consume_runs(&out);
    } else {
        consume_leaves(&out);
    }
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

/* Goes on from `raw` to the entry for va in the table that it leads to. */
INLINE bool down(const unsigned char *at, uint64_t va, unsigned shift,
                 uint64_t *raw, uint64_t *rights)
{
    *raw = load(&amd64, at + (*raw & amd64.address),
                (unsigned)(va >> shift) & 511);
    *rights &= *raw ^ amd64.no_execute;
    return (*raw & PRESENT) != 0;
}

static __attribute__((noinline)) bool
lookup(const unsigned char *at, uint64_t table, uint64_t va, struct answer *out)
{
    uint64_t rights = RIGHTS | amd64.no_execute;
    uint64_t raw = table;
    unsigned shift = 39;

    if (!down(at, va, 39, &raw, &rights)) {
        return false;
    }
    for (shift = 30; shift > 12; shift -= 9) {
        if (!down(at, va, shift, &raw, &rights)) {
            return false;
        }
        if ((raw & LARGE) != 0) {
            break;
        }
    }
    if (shift == 12 && !down(at, va, 12, &raw, &rights)) {
        return false;
    }
    out->pa = (raw & amd64.address) | (va & (((uint64_t)1 << shift) - 1));
    out->rights = rights;
    return true;
}

INLINE uint64_t all_lookups(const struct image *g, bool sparse)
{
    struct asker asker = image_asker(g);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->lookups; i++) {
        struct answer a;

        if (lookup(g->at, g->root[0].table.v, image_ask(&asker, sparse), &a)) {
            sum += a.pa;
        }
    }
    return sum;
}

uint64_t ideal_lookups(void *image)
{
    const struct image *g = image;

    return g->kind == IMAGE_SPARSE ? all_lookups(g, true)
                                   : all_lookups(g, false);
}
