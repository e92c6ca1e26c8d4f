/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

enum { LAST = 16, TABLES_LOG2 = 14 };

/* A read, and the levels at which its table was known then. */
struct seen {
    uint64_t pa;
    uint64_t raw;
    unsigned bytes;
    enum fz_memory_of of;
    enum ptw_status st;
    unsigned levels; /* a set */
};

/* A table at a level. */
struct known {
    uint64_t pa;
    unsigned levels; /* a set; 0: nothing is here */
    enum fz_memory_of of;
};

struct watched {
    struct ptw_mem inner;
    enum fz_memory_of of;
    struct ptw_region region[FZ_WATCHED_REGIONS];
};

bool fz_watches;

static const struct oracle_mode *mode;
static struct seen seen[LAST];
static uint64_t reads;
static struct known known[1 << TABLES_LOG2];
static unsigned tables;
static struct watched watched[FZ_WATCHED_MEMORIES];

/* ------------------------------------------------------------------- tables */

/* Where a table is, or would be put. */
static struct known *place_of(enum fz_memory_of of, uint64_t pa)
{
    unsigned mask = (1 << TABLES_LOG2) - 1;
    unsigned i = (unsigned)(pa * 0x9E3779B97F4A7C15 >> (64 - TABLES_LOG2));

    while (known[i].levels != 0 && (known[i].pa != pa || known[i].of != of)) {
        i = (i + 1) & mask;
    }
    return &known[i];
}

static void learn_table(enum fz_memory_of of, uint64_t pa, unsigned level)
{
    struct known *k = place_of(of, pa);

    if (k->levels == 0 && tables == (1 << TABLES_LOG2) / 2) {
        return; /* of more, it is not known that they are tables */
    }
    tables += k->levels == 0;
    *k = (struct known){pa, k->levels | 1u << level, of};
}

/* The levels of the tables that have an entry at pa: a set. */
static unsigned levels_at(enum fz_memory_of of, uint64_t pa)
{
    unsigned levels = 0;

    for (unsigned l = 0; l < mode->format->levels; l++) {
        uint64_t table = pa - pa % oracle_table_bytes(mode->format, l);

        levels |= place_of(of, table)->levels & 1u << l;
    }
    return levels;
}

/* An entry leads to a table, which is one from now on. */
static void learn_entry(enum fz_memory_of of, unsigned levels, uint64_t raw)
{
    for (unsigned l = 1; l < mode->format->levels; l++) {
        struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};

        if ((levels >> l & 1) != 0) {
            e = mode->format->decode(mode, raw, l);
        }
        if (e.kind == ORACLE_TABLE) {
            learn_table(of, e.pa, l - 1);
        }
    }
}

void fz_watch_begin(const struct oracle_mode *by)
{
    mode = by;
    reads = 0;
    tables = 0;
    if (fz_watches) {
        memset(known, 0, sizeof known);
    }
}

void fz_watch_root(enum fz_memory_of of, uint64_t pa)
{
    if (fz_watches && mode->format->levels > 0) {
        learn_table(of, pa, mode->format->levels - 1);
    }
}

/* ----------------------------------------------------------------- accesses */

static void saw(const struct watched *w, uint64_t pa, unsigned bytes,
                enum ptw_status st, uint64_t raw)
{
    unsigned levels = levels_at(w->of, pa);

    seen[reads++ % LAST] = (struct seen){pa, raw, bytes, w->of, st, levels};
    if (st == PTW_OK && bytes == mode->format->entry_bytes) {
        learn_entry(w->of, levels, raw);
    }
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    const struct watched *w = ctx;
    enum ptw_status st = ptw_read32(&w->inner, pa, out);

    saw(w, pa.v, 4, st, st == PTW_OK ? *out : 0);
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    const struct watched *w = ctx;
    enum ptw_status st = ptw_read64(&w->inner, pa, out);

    saw(w, pa.v, 8, st, st == PTW_OK ? *out : 0);
    return st;
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    const struct watched *w = ctx;

    learn_entry(w->of, levels_at(w->of, pa.v), value);
    return ptw_write32(&w->inner, pa, value);
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    const struct watched *w = ctx;

    learn_entry(w->of, levels_at(w->of, pa.v), value);
    return ptw_write64(&w->inner, pa, value);
}

enum ptw_status fz_watch(struct ptw_mem *mem, enum fz_memory_of of,
                         const struct ptw_region *region, size_t count)
{
    static const struct ptw_mem_ops ops = {.read32 = read32,
                                           .read64 = read64,
                                           .write32 = write32,
                                           .write64 = write64};
    static unsigned number;
    struct watched *w;

    if (!fz_watches) {
        return PTW_OK;
    }
    if (count > FZ_WATCHED_REGIONS) {
        return PTW_E_SPACE;
    }
    number = (number + 1) % FZ_WATCHED_MEMORIES;
    w = &watched[number];
    w->inner = *mem;
    w->of = of;
    for (size_t i = 0; i < count; i++) {
        w->region[i] = region[i];
        w->region[i].host = NULL;
    }
    return ptw_mem_init_callbacks(mem, &ops, w, w->region, count);
}

/* ----------------------------------------------------------------- in words */

/* What an entry of that level means, by the manuals. */
static void say_meaning(FILE *to, uint64_t raw, unsigned level)
{
    static const char *const kind[] = {
        [ORACLE_NOT_PRESENT] = "not present",
        [ORACLE_RESERVED] = "reserved bits are set",
        [ORACLE_TABLE] = "a table",
        [ORACLE_MAPS] = "a leaf",
    };
    static const struct {
        unsigned right;
        char letter;
    } rights[] = {{ORACLE_READ, 'r'},
                  {ORACLE_WRITE, 'w'},
                  {ORACLE_EXEC, 'x'},
                  {ORACLE_USER, 'u'},
                  {ORACLE_USER_EXEC, 'X'}};
    struct oracle_entry e = mode->format->decode(mode, raw, level);

    fprintf(to, "%s", kind[e.kind]);
    if (e.kind == ORACLE_TABLE || e.kind == ORACLE_MAPS) {
        fprintf(to, ", %llx, ", HEX(e.pa));
        for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
            if ((mode->format->rights & rights[i].right) != 0) {
                fputc((e.rights & rights[i].right) != 0 ? rights[i].letter
                                                        : '-',
                      to);
            }
        }
    }
}

static void say_seen(FILE *to, const struct seen *s)
{
    static const char *const of[] = {[FZ_OF_GUEST] = "", [FZ_OF_NEW] = "new "};
    bool any = false;

    for (unsigned l = mode->format->levels; l-- > 0;) {
        uint64_t bytes = oracle_table_bytes(mode->format, l);
        unsigned width = mode->format->entry_bytes;

        if ((s->levels >> l & 1) == 0) {
            continue;
        }
        any = true;
        fprintf(to, "    %stable %llx of level %u, entry %llu: ", of[s->of],
                HEX(s->pa - s->pa % bytes), l, HEX(s->pa % bytes / width));
        if (s->st != PTW_OK) {
            fprintf(to, "%s\n", ptw_status_text(s->st));
            continue;
        }
        fprintf(to, "%0*llx, ", (int)(2 * width), HEX(s->raw));
        say_meaning(to, s->raw, l);
        fprintf(to, "\n");
    }
    if (!any) {
        fprintf(to, "    %s%llx, in no table that an entry led to: ", of[s->of],
                HEX(s->pa));
        if (s->st == PTW_OK) {
            fprintf(to, "%0*llx\n", (int)(2 * s->bytes), HEX(s->raw));
        } else {
            fprintf(to, "%s\n", ptw_status_text(s->st));
        }
    }
}

void fz_watch_say(FILE *to)
{
    uint64_t first = reads > LAST ? reads - LAST : 0;

    if (!fz_watches || reads == 0) {
        return;
    }
    fprintf(to,
            "the last %llu of %llu reads; level 0 is that of the smallest "
            "pages:\n",
            HEX(reads - first), HEX(reads));
    for (uint64_t i = first; i < reads; i++) {
        say_seen(to, &seen[i % LAST]);
    }
}
