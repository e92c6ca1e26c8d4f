/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

#include "image.h"

#define INLINE static inline __attribute__((always_inline))

/* Where the target has no such registers, the compiler takes narrower ones. */
typedef uint64_t four __attribute__((vector_size(32), may_alias));

enum { LINE = 2, TOGETHER = 8 }; /* vectors a line, tables in turns */

INLINE uint64_t total(const four *part, unsigned parts)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < parts; i++) {
        sum += part[i][0] + part[i][1] + part[i][2] + part[i][3];
    }
    return sum;
}

INLINE uint64_t sum_of(const struct image *g, size_t from)
{
    four part[4] = {{0}, {0}, {0}, {0}};

    for (size_t t = from; t < g->tables; t++) {
        const four *v = g->order[t];

        for (size_t i = 0; i < g->table_bytes / sizeof *v; i += 4) {
            part[0] += v[i];
            part[1] += v[i + 1];
            part[2] += v[i + 2];
            part[3] += v[i + 3];
        }
    }
    return total(part, 4);
}

INLINE uint64_t sum_8_of(const struct image *g)
{
    four part[TOGETHER] = {{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
    size_t t = 0;

    for (; t + TOGETHER <= g->tables; t += TOGETHER) {
        const four *const *table = (const four *const *)&g->order[t];

        for (size_t i = 0; i < g->table_bytes / sizeof(four); i += LINE) {
            for (unsigned k = 0; k < TOGETHER; k++) {
                part[k] += table[k][i] + table[k][i + 1];
            }
        }
    }
    return total(part, TOGETHER) + sum_of(g, t);
}

#if defined(__x86_64__) || defined(__i386__)
__attribute__((target("avx2"))) static uint64_t sum_avx2(const struct image *g)
{
    return sum_of(g, 0);
}

__attribute__((target("avx2"))) static uint64_t
sum_8_avx2(const struct image *g)
{
    return sum_8_of(g);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
static uint64_t sum_avx2(const struct image *g)
{
    return sum_of(g, 0);
}

static uint64_t sum_8_avx2(const struct image *g)
{
    return sum_8_of(g);
}

static bool has_avx2(void)
{
    return false;
}
#endif

/* The sum of the image, if that of the words is what it has to be. */
static uint64_t sum_if(const struct image *g, uint64_t words)
{
    return g->sum + (words - g->words);
}

uint64_t limit_sum(void *image)
{
    const struct image *g = image;

    return sum_if(g, has_avx2() ? sum_avx2(g) : sum_of(g, 0));
}

uint64_t limit_sum_8(void *image)
{
    const struct image *g = image;

    return sum_if(g, has_avx2() ? sum_8_avx2(g) : sum_8_of(g));
}

INLINE uint64_t next_load(const unsigned char *at, uint64_t table, uint64_t va,
                          unsigned shift)
{
    const uint64_t *entry = (const void *)(at + table);

    return entry[va >> shift & 511];
}

INLINE uint64_t chase(const struct image *g, bool sparse, bool depends)
{
    static const uint64_t address = 0x000FFFFFFFFFF000;
    struct asker asker = image_asker(g);
    const unsigned char *at = g->at;
    uint64_t root = g->root[0].table.v;
    uint64_t zero = 0;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < g->lookups; i++) {
        uint64_t va = image_ask(&asker, sparse) | zero;
        uint64_t e = next_load(at, root, va, 39);

        e = next_load(at, e & address, va, 30);
        e = next_load(at, e & address, va, 21);
        e = next_load(at, e & address, va, 12);
        sum += e & address;
        if (depends) {
            /* A bit of the first index.  It is clear in all entries, but only
             * the load knows. */
            zero = (e >> 62 & 1) << 39;
        }
    }
    return sum;
}

uint64_t limit_chase(void *image)
{
    const struct image *g = image;

    return g->kind == IMAGE_SPARSE ? chase(g, true, true)
                                   : chase(g, false, true);
}

uint64_t limit_overlap(void *image)
{
    const struct image *g = image;

    return g->kind == IMAGE_SPARSE ? chase(g, true, false)
                                   : chase(g, false, false);
}
