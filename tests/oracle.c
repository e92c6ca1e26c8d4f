/* SPDX-License-Identifier: Apache-2.0 */
/* The naive walker.
 *
 * Intel SDM vol. 3A, "32-Bit Paging" and "4-Level Paging and 5-Level Paging":
 * the tables of entry formats, row by row.  Recursion over the levels, a loop
 * over every entry, a search through the memory for every read.  Nothing here
 * is shared with the library, on purpose. */
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

/* An entry, judged: what it is, and where it leads. */
struct verdict {
    enum oracle_kind kind;
    bool table; /* then kind does not count */
    uint64_t pa;
    bool w, x, u;
};

static uint64_t ones(unsigned hi, unsigned lo)
{
    uint64_t mask = 0;

    for (unsigned i = lo; i <= hi && i < 64; i++) {
        mask |= (uint64_t)1 << i;
    }
    return mask;
}

static unsigned levels(const struct oracle_mode *mode)
{
    return mode->arch == ORACLE_AMD64 ? 4 : mode->arch == ORACLE_I686 ? 2 : 0;
}

static unsigned entries(const struct oracle_mode *mode)
{
    return mode->arch == ORACLE_AMD64 ? 512 : 1024;
}

static unsigned entry_bytes(const struct oracle_mode *mode)
{
    return mode->arch == ORACLE_AMD64 ? 8 : 4;
}

/* What an entry of a table of that level covers, as a power of two. */
static unsigned shift_of(const struct oracle_mode *mode, unsigned level)
{
    return mode->arch == ORACLE_AMD64 ? 12 + 9 * level : 12 + 10 * level;
}

/* amd64 addresses have 48 bits; bit 47 is repeated above. */
static uint64_t extend(const struct oracle_mode *mode, uint64_t offset)
{
    if (mode->arch == ORACLE_AMD64 && (offset & (uint64_t)1 << 47) != 0) {
        return offset | ones(63, 48);
    }
    return offset;
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

static struct verdict judge_amd64(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct verdict v = {ORACLE_ABSENT, false, 0, false, false, false};
    uint64_t reserved = mode->pa_bits <= 51 ? ones(51, mode->pa_bits) : 0;
    bool ps = (raw & 1 << 7) != 0;

    if ((raw & 1) == 0) {
        return v;
    }
    if (!mode->nx) {
        reserved |= (uint64_t)1 << 63;
    }
    switch (level) {
    case 3: /* PML4E: "Reserved (must be 0)" */
        reserved |= 1 << 7;
        break;
    case 2: /* PDPTE that maps a 1-GByte page, where there are such */
        if (ps) {
            reserved |= mode->page1g ? ones(29, 13) : 1 << 7;
        }
        break;
    case 1: /* PDE that maps a 2-MByte page */
        if (ps) {
            reserved |= ones(20, 13);
        }
        break;
    default: /* PTE: bit 7 is PAT */
        break;
    }
    if ((raw & reserved) != 0) {
        v.kind = ORACLE_BAD;
        return v;
    }
    v.kind = ORACLE_LEAF;
    v.w = (raw & 2) != 0;
    v.u = (raw & 4) != 0;
    v.x = (raw & (uint64_t)1 << 63) == 0;
    if (level == 0) {
        v.pa = raw & ones(51, 12);
    } else if (level == 1 && ps) {
        v.pa = raw & ones(51, 21);
    } else if (level == 2 && ps) {
        v.pa = raw & ones(51, 30);
    } else {
        v.table = true;
        v.pa = raw & ones(51, 12);
    }
    return v;
}

static struct verdict judge_i686(const struct oracle_mode *mode, uint64_t raw,
                                 unsigned level)
{
    struct verdict v = {ORACLE_ABSENT, false, 0, false, false, false};
    bool large = level == 1 && mode->pse && (raw & 1 << 7) != 0;
    unsigned m = mode->pa_bits < 40 ? mode->pa_bits : 40;

    if ((raw & 1) == 0) {
        return v;
    }
    /* "Bits 21:(M-19): reserved (must be 0)" */
    if (large && (raw & ones(21, m - 19)) != 0) {
        v.kind = ORACLE_BAD;
        return v;
    }
    v.kind = ORACLE_LEAF;
    v.w = (raw & 2) != 0;
    v.u = (raw & 4) != 0;
    v.x = true;
    v.table = level == 1 && !large;
    v.pa = raw & ones(31, 12);
    if (large) {
        /* "Bits (M-20):13: bits (M-1):32 of the address" */
        v.pa = (raw & ones(31, 22)) | (raw & ones(20, 13)) << 19;
    }
    return v;
}

static struct verdict judge(const struct oracle_mode *mode, uint64_t raw,
                            unsigned level)
{
    return mode->arch == ORACLE_AMD64 ? judge_amd64(mode, raw, level)
                                      : judge_i686(mode, raw, level);
}

/* Intel SDM vol. 3A, "Determination of Access Rights": the supervisor writes
 * everywhere if CR0.WP is 0.  Else R/W is 1 in every entry; or CR4.CET is 1, R/W
 * is 0 and D is 1 in the leaf, and R/W is 1 in every other: a shadow stack. */
bool oracle_writes(const struct oracle_mode *mode, bool above, uint64_t leaf)
{
    bool rw = (leaf & 1 << 1) != 0;
    bool d = (leaf & 1 << 6) != 0;

    return !mode->wp || (above && (rw || (mode->cet && d)));
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
static bool put_gap(struct job *j, uint64_t first, uint64_t last)
{
    struct oracle_answer answer = no_answer;

    answer.kind = ORACLE_GAP;
    answer.first = first;
    answer.last = last;
    answer.level = levels(j->mode);
    if (j->last < first || j->first > last) {
        return true;
    }
    return put(j, &answer);
}

/* Returns false when there is no room for more. */
static bool walk(struct job *j, uint64_t table, unsigned level,
                 uint64_t first_va, bool w, bool x, bool u)
{
    unsigned shift = shift_of(j->mode, level);

    for (unsigned i = 0; i < entries(j->mode); i++) {
        uint64_t first = extend(j->mode, first_va + ((uint64_t)i << shift));
        uint64_t last = first + (((uint64_t)1 << shift) - 1);
        struct oracle_answer a = no_answer;
        struct verdict v;

        if (level == 3 && i == 256 &&
            !put_gap(j, 0x0000800000000000, 0xffff7fffffffffff)) {
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
        v = judge(j->mode, a.raw, level);
        if (v.table && j->mode->self && v.pa == table) {
            v.table = false;
            v.kind = ORACLE_SELF;
        }
        if (v.table) {
            if (!walk(j, v.pa, level - 1, first, w && v.w, x && v.x,
                      u && v.u)) {
                return false;
            }
            continue;
        }
        a.kind = v.kind;
        if (v.kind == ORACLE_LEAF || v.kind == ORACLE_SELF) {
            a.pa = v.pa;
            a.above = w;
            a.w = w && v.w;
            a.x = x && v.x;
            a.u = u && v.u;
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
                         bool w, bool x, bool u, uint64_t first, uint64_t last,
                         struct oracle_answer *out, size_t max)
{
    struct job j = {mode, ram, rams, first, last, out, max, 0, 0};

    if (max > 0) {
        (void)walk(&j, table, level, first_va, w, x, u);
    }
    return j.count;
}

size_t oracle_walk(const struct oracle_mode *mode, const struct oracle_ram *ram,
                   size_t rams, uint64_t root, uint64_t first, uint64_t last,
                   struct oracle_answer *out, size_t max)
{
    struct job j = {mode, ram, rams, first, last, out, max, 0, 0};
    bool more = max > 0;

    switch (mode->arch) {
    case ORACLE_AMD64:
        if (more) {
            (void)walk(&j, root, 3, 0, true, true, true);
        }
        break;
    case ORACLE_I686:
        if (more && walk(&j, root, 1, 0, true, true, true)) {
            (void)put_gap(&j, (uint64_t)1 << 32, UINT64_MAX);
        }
        break;
    case ORACLE_BARE:
        if (more && first < (uint64_t)1 << mode->pa_bits) {
            struct oracle_answer a = no_answer;

            a.kind = ORACLE_LEAF;
            a.last = ones(mode->pa_bits - 1, 0);
            a.above = true;
            a.w = true;
            a.x = true;
            a.u = true;
            more = put(&j, &a);
        }
        if (more) {
            (void)put_gap(&j, (uint64_t)1 << mode->pa_bits, UINT64_MAX);
        }
        break;
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
    return (unsigned)(va >> shift_of(mode, level)) & (entries(mode) - 1);
}

static bool is_gap(const struct oracle_mode *mode, uint64_t va,
                   struct oracle_answer *a)
{
    switch (mode->arch) {
    case ORACLE_AMD64:
        a->first = 0x0000800000000000;
        a->last = 0xffff7fffffffffff;
        break;
    case ORACLE_I686:
        a->first = (uint64_t)1 << 32;
        a->last = UINT64_MAX;
        break;
    case ORACLE_BARE:
        a->first = (uint64_t)1 << mode->pa_bits;
        a->last = UINT64_MAX;
        break;
    }
    return va >= a->first && va <= a->last;
}

struct oracle_answer oracle_translate(const struct oracle_mode *mode,
                                      const struct oracle_ram *ram, size_t rams,
                                      uint64_t root, uint64_t va)
{
    struct job j = {mode, ram, rams, va, va, NULL, 0, 0, 0};
    struct oracle_answer a = no_answer;
    uint64_t table = root;
    bool w = true;
    bool x = true;
    bool u = true;

    a.kind = ORACLE_GAP;
    a.level = levels(mode);
    if (is_gap(mode, va, &a)) {
        return a;
    }
    if (mode->arch == ORACLE_BARE) {
        (void)oracle_walk(mode, ram, rams, root, va, va, &a, 1);
        return a;
    }
    for (unsigned level = levels(mode); level-- > 0;) {
        uint64_t size = (uint64_t)1 << shift_of(mode, level);
        struct verdict v;

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
        v = judge(mode, a.raw, level);
        a.above = w;
        w = w && v.w;
        x = x && v.x;
        u = u && v.u;
        if (!v.table) {
            a.kind = v.kind;
            if (v.kind == ORACLE_LEAF) {
                a.pa = v.pa;
                a.w = w;
                a.x = x;
                a.u = u;
            }
            return a;
        }
        table = v.pa;
    }
    return a;
}

bool oracle_table_at(const struct oracle_mode *mode,
                     const struct oracle_ram *ram, size_t rams, uint64_t root,
                     uint64_t va, unsigned level, uint64_t *table)
{
    struct job j = {mode, ram, rams, va, va, NULL, 0, 0, 0};
    struct oracle_answer gap = no_answer;
    uint64_t at = root;

    if (level >= levels(mode) || is_gap(mode, va, &gap)) {
        return false;
    }
    for (unsigned l = levels(mode) - 1; l > level; l--) {
        uint64_t raw;
        struct verdict v;

        if (!fetch(&j, at + (uint64_t)index_of(mode, va, l) * entry_bytes(mode),
                   &raw)) {
            return false;
        }
        v = judge(mode, raw, l);
        if (!v.table) {
            return false;
        }
        at = v.pa;
    }
    *table = at;
    return true;
}
