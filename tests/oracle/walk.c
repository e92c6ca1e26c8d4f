/* SPDX-License-Identifier: Apache-2.0 */
/* The naive walker: recursion over the levels, a loop over every entry, a search
 * through the memory for every read.  Nothing here is shared with the library, on
 * purpose. */
#include "oracle.h"

struct job {
    const struct oracle_mode *mode;
    const struct oracle_ram *ram;
    size_t rams;
    uint64_t first;
    uint64_t last;
    struct oracle_answer *out;
    size_t max;
    size_t count;
    size_t near; /* the ram that held the last entry: looked at first */
};

static unsigned levels(const struct oracle_mode *mode)
{
    return mode->format->levels;
}

static unsigned shift_of(const struct oracle_mode *mode, unsigned level)
{
    return mode->format->level[level].shift;
}

static unsigned entry_bytes(const struct oracle_mode *mode)
{
    return mode->format->entry_bytes;
}

static bool fetch(struct job *j, uint64_t pa, uint64_t *raw)
{
    unsigned n = entry_bytes(j->mode);

    for (size_t k = 0; k < j->rams; k++) {
        size_t i = j->near + k < j->rams ? j->near + k : j->near + k - j->rams;
        const struct oracle_ram *r = &j->ram[i];

        if (pa < r->first || pa > r->last || r->last - pa < n - 1) {
            continue;
        }
        j->near = i;
        *raw = 0;
        if (r->bytes != NULL) {
            const uint8_t *b = r->bytes + (pa - r->first);

            for (unsigned at = n; at > 0; at--) {
                *raw = *raw << 8 | b[at - 1];
            }
        }
        return true;
    }
    return false;
}

static bool put(struct job *j, const struct oracle_answer *answer)
{
    if (j->count == j->max) {
        return false;
    }
    j->out[j->count++] = *answer;
    return j->count < j->max;
}

static const struct oracle_answer no_answer;

/* The gap, where the range touches it. */
static bool put_gap(struct job *j)
{
    struct oracle_answer answer = no_answer;

    answer.kind = ORACLE_GAP;
    answer.level = levels(j->mode);
    oracle_gap(j->mode, &answer.first, &answer.last);
    if (j->last < answer.first || j->first > answer.last) {
        return true;
    }
    return put(j, &answer);
}

static enum oracle_kind kind_of(const struct oracle_entry *e)
{
    return e->kind == ORACLE_NOT_PRESENT ? ORACLE_ABSENT
           : e->kind == ORACLE_RESERVED  ? ORACLE_BAD
                                         : ORACLE_LEAF;
}

/* Returns false when there is no room for more. */
static bool walk(struct job *j, uint64_t table, unsigned level,
                 uint64_t first_va, unsigned rights)
{
    const struct oracle_format *f = j->mode->format;
    bool halves = level + 1 == f->levels && f->extension == ORACLE_SIGN;
    unsigned shift = shift_of(j->mode, level);

    for (unsigned i = 0; i < f->level[level].entries; i++) {
        uint64_t first =
            oracle_address(j->mode, first_va + ((uint64_t)i << shift));
        uint64_t last = first + (((uint64_t)1 << shift) - 1);
        struct oracle_answer a = no_answer;
        struct oracle_entry e;
        bool self;

        if (halves && i == f->level[level].entries / 2 && !put_gap(j)) {
            return false;
        }
        if (last < j->first || first > j->last) {
            continue;
        }
        a.first = first;
        a.last = last;
        a.level = level;
        if (!fetch(j, table + (uint64_t)i * entry_bytes(j->mode), &a.raw)) {
            a.kind = ORACLE_REFUSED;
            if (!put(j, &a)) {
                return false;
            }
            continue;
        }
        e = oracle_decode(j->mode, a.raw, level, i);
        self = e.kind == ORACLE_TABLE && j->mode->self && e.pa == table &&
               oracle_table_bytes(f, level) == oracle_table_bytes(f, level - 1);
        if (e.kind == ORACLE_TABLE && !self) {
            if (!walk(j, e.pa, level - 1, first, rights & e.rights)) {
                return false;
            }
            continue;
        }
        a.kind = self ? ORACLE_SELF : kind_of(&e);
        if (a.kind == ORACLE_LEAF || self) {
            a.pa = e.pa;
            a.above = (rights & ORACLE_WRITE) != 0;
            a.rights = rights & e.rights;
        }
        if (!put(j, &a)) {
            return false;
        }
    }
    return true;
}

size_t oracle_walk_table(const struct oracle_mode *mode,
                         const struct oracle_ram *ram, size_t rams,
                         uint64_t table, unsigned level, uint64_t first_va,
                         unsigned rights, uint64_t first, uint64_t last,
                         struct oracle_answer *out, size_t max)
{
    struct job j = {mode, ram, rams, first, last, out, max, 0, 0};

    if (max > 0) {
        (void)walk(&j, table, level, first_va, rights);
    }
    return j.count;
}

size_t oracle_walk(const struct oracle_mode *mode, const struct oracle_ram *ram,
                   size_t rams, uint64_t root, uint64_t first, uint64_t last,
                   struct oracle_answer *out, size_t max)
{
    struct job j = {mode, ram, rams, first, last, out, max, 0, 0};
    uint64_t end = oracle_last(mode);
    bool more = max > 0;

    if (more && mode->format->extension == ORACLE_ONES) {
        more = put_gap(&j);
    }
    if (levels(mode) > 0) {
        more = more && walk(&j, root, levels(mode) - 1, oracle_first(mode),
                            mode->format->rights);
    } else if (more && first <= end) {
        struct oracle_answer a = no_answer;

        a.kind = ORACLE_LEAF;
        a.last = end;
        a.above = true;
        a.rights = mode->format->rights;
        more = put(&j, &a);
    }
    if (more && mode->format->extension == ORACLE_ZEROS) {
        (void)put_gap(&j);
    }
    return j.count;
}

bool oracle_any_left(const struct oracle_range *out, size_t outs,
                     uint64_t first, uint64_t last)
{
    uint64_t next = first;
    bool moved = true;

    /* Goes on behind any range that `next` lies in, as often as one does. */
    while (moved && next <= last) {
        moved = false;
        for (size_t i = 0; i < outs; i++) {
            if (next < out[i].first || next > out[i].last) {
                continue;
            }
            if (out[i].last >= last) {
                return false;
            }
            next = out[i].last + 1;
            moved = true;
        }
    }
    return next <= last;
}

size_t oracle_leave_out(struct oracle_answer *answer, size_t count,
                        const struct oracle_range *out, size_t outs,
                        uint64_t first, uint64_t last)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answer[i];

        if (oracle_any_left(out, outs, a->first > first ? a->first : first,
                            a->last < last ? a->last : last)) {
            answer[kept++] = *a;
        }
    }
    return kept;
}

/* Where in its table the entry for va stands. */
static unsigned index_of(const struct oracle_mode *mode, uint64_t va,
                         unsigned level)
{
    return (unsigned)(va >> shift_of(mode, level)) &
           (mode->format->level[level].entries - 1);
}

struct oracle_answer oracle_translate(const struct oracle_mode *mode,
                                      const struct oracle_ram *ram, size_t rams,
                                      uint64_t root, uint64_t va)
{
    struct job j = {mode, ram, rams, va, va, NULL, 0, 0, 0};
    struct oracle_answer a = no_answer;
    uint64_t table = root;
    unsigned rights = mode->format->rights;

    a.kind = ORACLE_GAP;
    a.level = levels(mode);
    if (!oracle_canonical(mode, va)) {
        oracle_gap(mode, &a.first, &a.last);
        return a;
    }
    if (levels(mode) == 0) {
        (void)oracle_walk(mode, ram, rams, root, va, va, &a, 1);
        return a;
    }
    for (unsigned level = levels(mode); level-- > 0;) {
        uint64_t size = (uint64_t)1 << shift_of(mode, level);
        struct oracle_entry e;

        a = no_answer;
        a.level = level;
        a.first = va & ~(size - 1);
        a.last = a.first + (size - 1);
        if (!fetch(&j,
                   table +
                       (uint64_t)index_of(mode, va, level) * entry_bytes(mode),
                   &a.raw)) {
            a.kind = ORACLE_REFUSED;
            return a;
        }
        e = oracle_decode(mode, a.raw, level, index_of(mode, va, level));
        a.above = (rights & ORACLE_WRITE) != 0;
        rights &= e.rights;
        if (e.kind != ORACLE_TABLE) {
            a.kind = kind_of(&e);
            if (a.kind == ORACLE_LEAF) {
                a.pa = e.pa;
                a.rights = rights;
            }
            return a;
        }
        table = e.pa;
    }
    return a;
}

bool oracle_table_at(const struct oracle_mode *mode,
                     const struct oracle_ram *ram, size_t rams, uint64_t root,
                     uint64_t va, unsigned level, uint64_t *table)
{
    struct job j = {mode, ram, rams, va, va, NULL, 0, 0, 0};
    uint64_t at = root;

    if (level >= levels(mode) || !oracle_canonical(mode, va)) {
        return false;
    }
    for (unsigned l = levels(mode) - 1; l > level; l--) {
        uint64_t raw;
        struct oracle_entry e;

        if (!fetch(&j, at + (uint64_t)index_of(mode, va, l) * entry_bytes(mode),
                   &raw)) {
            return false;
        }
        e = mode->format->decode(mode, raw, l);
        if (e.kind != ORACLE_TABLE) {
            return false;
        }
        at = e.pa;
    }
    *table = at;
    return true;
}
