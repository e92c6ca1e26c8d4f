/* SPDX-License-Identifier: Apache-2.0 */
/* One behavioural suite for every regime: random and adversarial tables, and
 * what the library says of them compared with the naive walker. */
#include "build_tables.h"
#include "oracle/oracle.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

/* A regime.  Parameters travel between processes: no pointers. */
struct regime_case {
    char name[24];
    unsigned pa_bits;
    unsigned without;
};

static struct regime_case cases[] = {
    {"amd64", 52, 0},
    {"amd64", 52, PTW_X86_NX},
    {"amd64", 46, PTW_X86_PAGE1G},
    {"amd64", 40, PTW_X86_NX | PTW_X86_PAGE1G},
    {"amd64", 36, 0},
    {"amd64", 32, 0},
    {"i686", 52, 0},
    {"i686", 40, 0},
    {"i686", 36, 0},
    {"i686", 32, 0},
    {"i686", 40, PTW_X86_PSE},
    {"bare", 32, 0},
    {"bare", 36, 0},
    {"bare", 52, 0},
    {"pae", 52, 0},
    {"pae", 52, PTW_X86_NX},
    {"pae", 40, 0},
    {"pae", 36, 0},
    {"pae", 32, PTW_X86_NX},
    {"amd64-la57", 52, 0},
    {"amd64-la57", 52, PTW_X86_NX},
    {"amd64-la57", 46, PTW_X86_PAGE1G},
    {"amd64-la57", 40, 0},
    {"amd64-la57", 32, 0},
    {"sv32", 34, 0},
    {"sv32", 32, 0},
    {"sv39", 56, 0},
    {"sv39", 56, PTW_RISCV_SVNAPOT},
    {"sv39", 44, PTW_RISCV_SVPBMT},
    {"sv39", 36, 0},
    {"sv48", 50, 0},
    {"sv57", 56, 0},
    {"aarch64-4k-48", 48, 0},
    {"aarch64-4k-48", 40, 0},
    {"aarch64-4k-48", 32, 0},
    {"aarch64-4k-39", 36, 0},
    {"aarch64-4k-52-lpa2", 52, 0},
    {"aarch64-4k-52-lpa2", 48, 0},
    {"aarch64-4k-48/upper", 44, 0},
    {"aarch64-4k-40/el2", 42, 0},
    {"aarch64-16k-47", 44, 0},
    {"aarch64-16k-52-lpa2", 52, 0},
    {"aarch64-64k-48", 44, 0},
    {"aarch64-64k-52", 52, 0},
    {"aarch64-64k-42/upper", 48, 0},
    {"aarch64-4k-21", 48, 0},
};

static void use(const struct regime_case *c)
{
    if (!is_known(c->name)) {
        cr_skip("the library does not know %s", c->name);
    }
    machine_with(c->name, c->pa_bits, c->without);
}

/* ------------------------------------------------------------------- images */

/* Frames 1 to FRAMES hold tables; some of them may be missing. */
enum { FRAMES = 14 };

static struct ptw_region region[4];
static struct oracle_ram slot[4];
static size_t slots;

static void offer(uint64_t first, uint64_t last)
{
    region[slots].first.v = first;
    region[slots].last.v = last;
    region[slots].host = &ram[first];
    region[slots].writable = false;
    slot[slots].first = first;
    slot[slots].last = last;
    slot[slots].bytes = &ram[first];
    slots++;
}

/* All of the memory, or all but a part of it that need not be whole pages. */
static void offer_some(struct dice *d)
{
    uint64_t end = (FRAMES + 1) * unit_bytes();
    uint64_t from = roll_below(d, end / 8) * 8;
    uint64_t bytes = (1 + roll_below(d, unit_bytes() / 4)) * 8;

    slots = 0;
    if (one_in(d, 2) || from == 0 || from + bytes >= end) {
        offer(0, RAM_BYTES - 1);
    } else {
        offer(0, from - 1);
        offer(from + bytes, RAM_BYTES - 1);
    }
    cr_assert(ptw_mem_init_regions(&mem, region, slots) == PTW_OK);
}

static uint64_t some_frame(struct dice *d)
{
    return (1 + roll_below(d, FRAMES)) * unit_bytes();
}

/* The tables that a frame has room for. */
static uint64_t some_root(struct dice *d)
{
    uint64_t bytes =
        oracle.format->levels == 0
            ? unit_bytes()
            : oracle_table_bytes(oracle.format, oracle.format->levels - 1);

    return some_frame(d) + roll_below(d, unit_bytes() / bytes) * bytes;
}

/* An entry of that kind with some rights, and some of the bits that say nothing
 * about where it leads. */
static uint64_t some_valid(struct dice *d, unsigned level,
                           enum oracle_entry_kind kind, uint64_t pa)
{
    struct oracle_entry is = {kind, pa, all_rights()};
    struct oracle_entry all = {kind, pa, all_rights()};
    uint64_t raw = 0;

    is.rights &= one_in(d, 4) ? ~(unsigned)PTW_WRITE : ~0u;
    is.rights &= one_in(d, 6) ? ~(unsigned)PTW_EXEC : ~0u;
    is.rights &= one_in(d, 3) ? ~(unsigned)PTW_USER : ~0u;
    if ((all_rights() & PTW_USER_EXEC) != 0) {
        is.rights &= one_in(d, 4) ? ~(unsigned)PTW_USER_EXEC : ~0u;
    }
    if (oracle_withholds(&oracle, PTW_READ)) {
        is.rights &= one_in(d, 4) ? ~(unsigned)PTW_READ : ~0u;
    }
    if (!oracle_encode(&oracle, level, &is, &raw) &&
        !oracle_encode(&oracle, level, &all, &raw)) {
        return roll(d);
    }
    return raw | (roll(d) & roll(d) & roll(d) &
                  oracle_free_bits(&oracle, level, raw));
}

/* The address of a page of that level: near, or anywhere. */
static uint64_t some_page(struct dice *d, unsigned level)
{
    unsigned shift = oracle.format->level[level].shift;
    unsigned bits = oracle.format->leaf_pa_bits(&oracle, level);

    return one_in(d, 8)
               ? roll(d) & oracle_ones(bits - 1, shift)
               : roll_below(d, 64) << shift & oracle_ones(bits - 1, shift);
}

static uint64_t some_entry(struct dice *d, unsigned level)
{
    uint64_t raw;

    switch (roll_below(d, 16)) {
    case 0: /* anything at all */
        return roll(d);
    case 1: /* a bit that may be reserved */
        return some_valid(d, level, level == 0 ? ORACLE_MAPS : ORACLE_TABLE,
                          some_frame(d)) |
               (uint64_t)1 << roll_below(d, 64);
    case 2: /* nowhere */
        return some_valid(
            d, level, level == 0 ? ORACLE_MAPS : ORACLE_TABLE,
            roll(d) & oracle_ones(oracle.format->table_pa_bits(&oracle) - 1,
                                  oracle.format->level[0].shift));
    case 3: /* not present, and everything else */
        do {
            raw = roll(d);
        } while (oracle.format->decode(&oracle, raw, level).kind !=
                 ORACLE_NOT_PRESENT);
        return raw;
    case 4:
    case 5:
    case 6: /* a large page, as far as there are such */
        if (level == 0 || oracle.format->large(&oracle, level)) {
            return some_valid(d, level, ORACLE_MAPS, some_page(d, level));
        }
        /* fall through */
    default:
        return some_valid(d, level, level == 0 ? ORACLE_MAPS : ORACLE_TABLE,
                          some_frame(d));
    }
}

/* A run of small pages that begins somewhere. */
static void some_run(struct dice *d, uint64_t table)
{
    unsigned n = entries_per_table();
    unsigned at = (unsigned)roll_below(d, n);
    uint64_t from = roll_below(d, 1000);
    uint64_t like = some_valid(d, 0, ORACLE_MAPS, from * page_bytes());
    bool runs = oracle_in_a_run(&oracle, 0, like) != like && one_in(d, 2);

    for (unsigned i = at; i < n && i < at + 100; i++) {
        uint64_t raw = like + (i - at) * oracle_page_step(&oracle);

        put(table, i, runs ? oracle_in_a_run(&oracle, 0, raw) : raw);
    }
}

/* Fills the tables in one of several ways. */
static void some_tables(struct dice *d)
{
    unsigned style = (unsigned)roll_below(d, 4);
    unsigned n = entries_per_table();

    memset(ram, 0, (FRAMES + 1) * (size_t)unit_bytes());
    for (unsigned f = 1; f <= FRAMES; f++) {
        unsigned used = style == 0   ? 2
                        : style == 1 ? 12
                        : style == 2 ? 60
                                     : (unsigned)roll_below(d, 40);

        if (style == 3 && one_in(d, 4)) {
            some_run(d, f * unit_bytes());
        }
        for (unsigned i = 0; i < used; i++) {
            unsigned level = (unsigned)roll_below(d, oracle.format->levels);
            unsigned m = entries_at(level);
            unsigned corners[] = {0, 1, m / 2 - 1, m / 2, m - 1};
            unsigned at = one_in(d, 3) ? corners[roll_below(d, 5)]
                                       : (unsigned)roll_below(d, n);

            if (one_in(d, 8)) {
                at = n - 1;
            }
            put(f * unit_bytes(), at, some_entry(d, level));
        }
    }
}

/* Where the addresses that can be mapped end and begin again, and others that
 * are round. */
static uint64_t some_edge(struct dice *d)
{
    static const uint64_t round[] = {0,           UINT64_MAX,  0xffffffff,
                                     0x100000000, 0xfffffffff, 0x1000000000};
    uint64_t first;
    uint64_t last;

    oracle_gap(&oracle, &first, &last);
    switch (roll_below(d, 10)) {
    case 0:
        return first - 1;
    case 1:
        return first;
    case 2:
        return last;
    case 3:
        return last + 1;
    default:
        return round[roll_below(d, 6)];
    }
}

static uint64_t some_address(struct dice *d)
{
    uint64_t indices = 0;

    switch (roll_below(d, 5)) {
    case 0:
        return some_edge(d);
    case 1:
        return some_edge(d) + roll_below(d, 0x4000) - 0x2000;
    case 2:
        return roll(d) >> roll_below(d, 64);
    default:
        /* indices near the corners, where the entries are */
        for (unsigned level = 0; level < oracle.format->levels; level++) {
            unsigned half = entries_at(level) / 2;
            unsigned corners[] = {
                0, 1, 2, half, half - 1, 2 * half - 2, 2 * half - 1};

            indices |= (uint64_t)corners[roll_below(d, 7)]
                       << oracle.format->level[level].shift;
        }
        return oracle_address(&oracle, indices | roll_below(d, page_bytes()));
    }
}

/* -------------------------------------------------------------------- facts */

/* What either side says, in a form that can be compared: leaves one by one,
 * holes of one level joined, refusals joined, everything cut to the range. */
enum fact_kind {
    FACT_LEAF,
    FACT_ABSENT,
    FACT_BAD,
    FACT_REFUSED,
    FACT_GAP,
    FACT_SELF
};

struct fact {
    enum fact_kind kind;
    uint64_t first;
    uint64_t last;
    uint64_t pa;
    uint64_t raw;
    unsigned level;
    unsigned rights;
};

enum { MAX_FACTS = 6000 };

/* What is left out of the walks, ascending.  None have holes then. */
enum { MAX_OUTS = 12 };

static struct oracle_range out[MAX_OUTS];
static struct ptw_va_range leave_out[MAX_OUTS];
static size_t outs;

struct facts {
    size_t count;
    bool full; /* what follows is not known; the last may be cut short */
    uint64_t from;
    uint64_t to;
    struct fact fact[MAX_FACTS];
};

static void begin_facts(struct facts *f, uint64_t from, uint64_t to)
{
    f->count = 0;
    f->full = false;
    f->from = from;
    f->to = to;
}

static void add(struct facts *f, struct fact new)
{
    struct fact *before = f->count > 0 ? &f->fact[f->count - 1] : NULL;

    if (new.kind != FACT_LEAF &&new.kind != FACT_BAD &&new.kind != FACT_SELF) {
        new.first = new.first < f->from ? f->from : new.first;
        new.last = new.last > f->to ? f->to : new.last;
        if (before != NULL && before->kind == new.kind &&
            before->last + 1 == new.first &&
            (new.kind == FACT_REFUSED || before->level == new.level)) {
            before->last = new.last;
            return;
        }
    }
    if (f->count == MAX_FACTS) {
        f->full = true;
        return;
    }
    f->fact[f->count++] = new;
}

/* A table that is refused as a whole is so in each part that is not left out.
 */
static void add_parts(struct facts *f, struct fact all)
{
    struct fact part = all;
    uint64_t last = all.last < f->to ? all.last : f->to;

    if (all.kind != FACT_REFUSED) {
        add(f, all);
        return;
    }
    part.first = all.first > f->from ? all.first : f->from;
    for (size_t i = 0; i < outs; i++) {
        if (out[i].last < part.first || out[i].first > last) {
            continue;
        }
        if (out[i].first > part.first) {
            part.last = out[i].first - 1;
            add(f, part);
        }
        if (out[i].last >= last) {
            return;
        }
        part.first = out[i].last + 1;
    }
    part.last = last;
    add(f, part);
}

static struct fact fact_of(const struct oracle_answer *a)
{
    struct fact f = {.first = a->first, .last = a->last, .level = a->level};

    switch (a->kind) {
    case ORACLE_LEAF:
        f.kind = FACT_LEAF;
        f.pa = a->pa;
        f.raw = a->raw;
        f.rights = a->rights;
        break;
    case ORACLE_ABSENT:
        f.kind = FACT_ABSENT;
        break;
    case ORACLE_BAD:
        f.kind = FACT_BAD;
        f.raw = a->raw;
        break;
    case ORACLE_REFUSED:
        f.kind = FACT_REFUSED;
        f.level = 0;
        break;
    case ORACLE_GAP:
        f.kind = FACT_GAP;
        f.level = 0;
        break;
    case ORACLE_SELF:
        f.kind = FACT_SELF;
        f.pa = a->pa;
        f.raw = a->raw;
        f.level = a->level - 1;
        f.rights = a->rights;
        break;
    }
    return f;
}

/* Adds what an item says; an alias or a space says nothing by itself. */
static void add_item(struct facts *f, const struct ptw_item *item)
{
    struct fact new = {.first = item->first.v, .last = item->last.v};

    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        new.kind = FACT_LEAF;
        new.pa = item->u.mapping.pa.v;
        new.raw = item->u.mapping.raw;
        new.level = item->u.mapping.level;
        new.rights = item->u.mapping.rights;
        break;
    case PTW_ITEM_HOLE:
        new.kind = item->u.hole.canonical ? FACT_ABSENT : FACT_GAP;
        new.level = item->u.hole.canonical ? item->u.hole.level : 0;
        break;
    case PTW_ITEM_FINDING:
        new.raw = item->u.finding.raw;
        if (item->u.finding.kind == PTW_FINDING_REFUSED) {
            new.kind = FACT_REFUSED;
            break;
        }
        new.kind = FACT_BAD;
        new.level = item->u.finding.level;
        if (item->u.finding.kind == PTW_FINDING_SELF) {
            new.kind = FACT_SELF;
            new.pa = item->u.finding.table.v;
            new.rights = item->u.finding.rights;
        }
        break;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
    case PTW_ITEM_ALIAS:
    case PTW_ITEM_LINE:
        return;
    }
    add_parts(f, new);
}

/* Answers of the oracle to one question: many of them make few facts. */
enum { MAX_ANSWERS = 1 << 14 };

static void add_oracle(struct facts *f, uint64_t root)
{
    static struct oracle_answer answer[MAX_ANSWERS];
    size_t n = oracle_walk(&oracle, slot, slots, root, f->from, f->to, answer,
                           MAX_ANSWERS);
    size_t left = oracle_leave_out(answer, n, out, outs, f->from, f->to);

    for (size_t i = 0; i < left && !f->full; i++) {
        if (outs == 0 ||
            (answer[i].kind != ORACLE_ABSENT && answer[i].kind != ORACLE_GAP)) {
            add_parts(f, fact_of(&answer[i]));
        }
    }
    f->full |= n == MAX_ANSWERS;
}

/* Adds the items of a walk until it ends or there are enough. */
static void add_walk(struct facts *f, struct ptw_walk *w)
{
    struct ptw_item item[64];
    enum ptw_status st = PTW_OK;

    while (st == PTW_OK && !f->full) {
        size_t n;

        st = ptw_walk_next(w, item, 64, &n);
        for (size_t i = 0; i < n; i++) {
            add_item(f, &item[i]);
        }
    }
    f->full |= st != PTW_END;
}

static bool same_facts(const struct fact *a, const struct fact *b)
{
    return a->kind == b->kind && a->first == b->first && a->last == b->last &&
           a->pa == b->pa && a->raw == b->raw && a->level == b->level &&
           a->rights == b->rights;
}

/* Where both go on, they have to be the same. */
static void agree(const struct facts *expected, const struct facts *got,
                  unsigned image, const char *what)
{
    size_t n = expected->count;
    const struct fact *e;
    const struct fact *g;

    if (!expected->full && !got->full) {
        cr_expect(expected->count == got->count,
                  "image %u, %s: %zu facts, not %zu", image, what, got->count,
                  expected->count);
    } else {
        /* the last one of a side that is cut short may go on */
        n = expected->full && n > 0 ? n - 1 : n;
        if (got->full && got->count > 0 && got->count - 1 < n) {
            n = got->count - 1;
        }
    }
    n = n < got->count ? n : got->count;
    for (size_t i = 0; i < n; i++) {
        e = &expected->fact[i];
        g = &got->fact[i];
        if (!same_facts(e, g)) {
            cr_expect(false,
                      "image %u, %s, fact %zu: kind %d %llx-%llx pa %llx raw "
                      "%llx level %u rights %x, not kind %d %llx-%llx pa %llx "
                      "raw %llx level %u rights %x",
                      image, what, i, g->kind, (unsigned long long)g->first,
                      (unsigned long long)g->last, (unsigned long long)g->pa,
                      (unsigned long long)g->raw, g->level, g->rights, e->kind,
                      (unsigned long long)e->first, (unsigned long long)e->last,
                      (unsigned long long)e->pa, (unsigned long long)e->raw,
                      e->level, e->rights);
            return;
        }
    }
}

/* -------------------------------------------------------------------- lookup
 */

static void compare_lookups(struct dice *d, unsigned image)
{
    for (unsigned i = 0; i < 100; i++) {
        uint64_t root = some_root(d);
        uint64_t va = some_address(d);
        struct oracle_answer a =
            oracle_translate(&oracle, slot, slots, root, va);
        struct ptw_translation t = {0};
        int st = ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(root)),
                            ptw_va_of(va), &t);
        bool right = false;

        switch (a.kind) {
        case ORACLE_LEAF:
            right = st == PTW_OK && t.pa.v == a.pa + (va - a.first) &&
                    t.leaf_va.v == a.first && t.leaf_pa.v == a.pa &&
                    t.raw == a.raw && t.level == a.level &&
                    t.rights == a.rights &&
                    (((uint64_t)1 << t.size_log2) - 1) == a.last - a.first;
            break;
        case ORACLE_ABSENT:
            right =
                st == PTW_NOT_MAPPED && t.raw == a.raw && t.level == a.level;
            break;
        case ORACLE_BAD:
            right = st == PTW_BAD_ENTRY && t.raw == a.raw && t.level == a.level;
            break;
        case ORACLE_REFUSED:
            right = st == PTW_E_BUS && t.level == a.level;
            break;
        case ORACLE_GAP:
            right = st == PTW_NOT_CANONICAL;
            break;
        case ORACLE_SELF: /* a lookup follows everything */
            break;
        }
        cr_expect(right, "image %u, root %llx, address %llx: %s, level %u",
                  image, (unsigned long long)root, (unsigned long long)va,
                  ptw_status_text((enum ptw_status)st), t.level);
    }
}

ParameterizedTestParameters(every_regime_lookup, finds_what_the_oracle_finds)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_lookup,
                  finds_what_the_oracle_finds)
{
    struct dice d = {1000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(200 / PTW_TESTS_SHARE); image++) {
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_lookups(&d, image);
    }
}

/* -------------------------------------------------------------------- ranges
 */

static void some_range(struct dice *d, struct ptw_walk_options *o)
{
    uint64_t a = some_address(d);
    uint64_t b = some_address(d);

    *o = ptw_walk_everything();
    o->flags = PTW_WALK_HOLES;
    switch (roll_below(d, 4)) {
    case 0:
        break;
    case 1: /* short */
        b = a + roll_below(d, (uint64_t)1 << (12 + roll_below(d, 30)));
        b = b < a ? UINT64_MAX : b;
        /* fall through */
    default:
        o->first.v = a < b ? a : b;
        o->last.v = a < b ? b : a;
        break;
    }
}

static int by_address(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Leaves some ranges out of a walk: between any addresses, of a page, of a
 * byte, and up to the next one. */
static void some_outs(struct dice *d, struct ptw_walk_options *o)
{
    uint64_t at[MAX_OUTS + 1];
    size_t n = 2 + (size_t)roll_below(d, MAX_OUTS - 1);

    for (size_t i = 0; i <= n; i++) {
        at[i] = some_address(d);
        at[i] -= one_in(d, 2) ? at[i] % page_bytes() : 0;
    }
    qsort(at, n + 1, sizeof at[0], by_address);
    outs = 0;
    for (size_t i = 0; i < n; i++) {
        struct oracle_range r = {at[i], at[i]};

        switch (roll_below(d, 6)) {
        case 0:
        case 1:
            r.last = at[i] | (page_bytes() - 1);
            break;
        case 2:
            break;
        case 3:
            continue;
        default:
            r.last = at[i + 1] - 1;
            break;
        }
        if (r.last < at[i + 1] && r.first <= r.last) {
            out[outs] = r;
            leave_out[outs].first.v = r.first;
            leave_out[outs].last.v = r.last;
            outs++;
        }
    }
    o->leave_out = leave_out;
    o->leave_outs = outs;
    o->flags &= ~(unsigned)(outs > 0 ? PTW_WALK_HOLES : 0);
    oracle.self = one_in(d, 2);
    o->flags |= oracle.self ? PTW_WALK_SELF : 0;
}

/* Everything again, and everything followed. */
static void no_outs(void)
{
    outs = 0;
    oracle.self = false;
}

static struct facts expected;
static struct facts got;

static void compare_follow(struct dice *d, unsigned image, bool in_parts)
{
    struct ptw_walk w;
    struct ptw_walk_options o;
    uint64_t root = some_root(d);
    enum ptw_status st;

    some_range(d, &o);
    if (in_parts) {
        some_outs(d, &o);
    }
    begin_facts(&expected, o.first.v, o.last.v);
    begin_facts(&got, o.first.v, o.last.v);
    st = ptw_virt_to_phys_init(&w, &mem, ptw_root_of(&regime, ptw_pa_of(root)),
                               &o);
    if (st != PTW_OK) {
        cr_expect(st == PTW_E_BUS && slots == 2, "image %u: %d", image, st);
        return;
    }
    add_walk(&got, &w);
    add_oracle(&expected, root);
    agree(&expected, &got, image, "virt_to_phys");
}

ParameterizedTestParameters(every_regime_walk, gives_the_oracles_leaves)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_walk,
                  gives_the_oracles_leaves)
{
    struct dice d = {2000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(300 / PTW_TESTS_SHARE); image++) {
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_follow(&d, image, false);
    }
}

ParameterizedTestParameters(every_regime_walk, gives_what_is_not_left_out)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_walk,
                  gives_what_is_not_left_out)
{
    struct dice d = {6000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(300 / PTW_TESTS_SHARE); image++) {
        no_outs();
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_follow(&d, image, true);
    }
}

/* Runs are the same leaves, joined where they may be and nowhere else. */
static void compare_runs(struct dice *d, unsigned image, bool in_parts)
{
    static struct report one;
    static struct report many;
    struct plan p = follow_plan(some_root(d));
    struct split_leaf how = IN_ONE_PIECE;
    size_t k = 0;

    some_range(d, &p.o);
    if (in_parts) {
        some_outs(d, &p.o);
    }
    p.o.flags = PTW_WALK_RUNS;
    how.reads = 4000;
    how.items = 4000;
    carry_out(&p, &how, &many, NULL, NULL);
    p.o.flags = 0;
    how.reads = UINT64_MAX;
    how.items = MAX_ITEMS;
    carry_out(&p, &how, &one, NULL, NULL);
    if (many.init != PTW_OK) {
        return;
    }
    for (size_t i = 0; i < many.count; i++) {
        const struct ptw_item *run = &many.item[i];
        const struct ptw_item *leaf = &one.item[k];
        const struct ptw_item *first = leaf;

        if (k >= one.count) {
            return;
        }
        if (run->kind != PTW_ITEM_MAPPING) {
            cr_expect(same_items(run, leaf), "image %u, item %zu", image, i);
            k++;
            continue;
        }
        for (;;) {
            const struct ptw_item *next = &one.item[k + 1];
            bool joins;

            leaf = &one.item[k++];
            if (k >= one.count) {
                return;
            }
            joins = next->kind == PTW_ITEM_MAPPING &&
                    next->first.v == leaf->last.v + 1 && next->first.v != 0 &&
                    next->u.mapping.level == leaf->u.mapping.level &&
                    next->u.mapping.rights == leaf->u.mapping.rights &&
                    next->u.mapping.pa.v ==
                        leaf->u.mapping.pa.v +
                            ((uint64_t)1 << leaf->u.mapping.size_log2);
            if (joins) {
                struct ptw_attributes x = ptw_attributes_of(
                    &regime, leaf->u.mapping.level, leaf->u.mapping.raw);
                struct ptw_attributes y = ptw_attributes_of(
                    &regime, next->u.mapping.level, next->u.mapping.raw);

                joins = x.memory_type == y.memory_type &&
                        x.copy_on_write == y.copy_on_write;
            }
            if (!joins) {
                break;
            }
        }
        cr_expect(
            run->first.v == first->first.v && run->last.v == leaf->last.v &&
                run->u.mapping.pa.v == first->u.mapping.pa.v &&
                run->u.mapping.raw == first->u.mapping.raw,
            "image %u, run %zu: %llx-%llx", image, i,
            (unsigned long long)run->first.v, (unsigned long long)run->last.v);
    }
}

ParameterizedTestParameters(every_regime_walk, gives_maximal_runs)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_walk, gives_maximal_runs)
{
    struct dice d = {3000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(200 / PTW_TESTS_SHARE); image++) {
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_runs(&d, image, image % 2 == 1);
        no_outs();
    }
}

/* -------------------------------------------------------------------- spaces
 */

static struct report all;

static void add_expansion(struct facts *f, const struct ptw_item *alias,
                          const struct ptw_walk_options *o)
{
    struct ptw_walk w;

    if (ptw_expand_init(&w, &regime, &mem, alias, o) != PTW_OK) {
        cr_expect(false, "an alias that can't be expanded");
        f->full = true;
        return;
    }
    add_walk(f, &w);
}

/* The items of one space, every alias replaced by what it stands for. */
static void add_space(struct facts *f, uint32_t space,
                      const struct ptw_walk_options *o)
{
    for (size_t i = 0; i < all.count && !f->full; i++) {
        if (all.item[i].space != space) {
            continue;
        }
        if (all.item[i].kind == PTW_ITEM_ALIAS) {
            add_expansion(f, &all.item[i], o);
        } else {
            add_item(f, &all.item[i]);
        }
    }
    f->full |= all.overflow;
}

/* An alias points to a table that the owner has at their_va, at that level, and
 * that we have at our_va; and it comes after. */
static void check_alias(const struct plan *p, const struct ptw_item *item,
                        unsigned image)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(&regime, item, &level);
    uint64_t ours = 0;
    uint64_t theirs = 0;

    cr_expect(ref.owner <= item->space);
    cr_expect(ref.owner < item->space || ref.their_va.v < ref.our_va.v,
              "image %u: an alias to what comes later", image);
    cr_expect(ref.our_va.v >= item->first.v && ref.our_va.v <= item->last.v);
    cr_expect(oracle_table_at(&oracle, slot, slots,
                              p->root[item->space].table.v, ref.our_va.v, level,
                              &ours) &&
                  ours == ref.table.v,
              "image %u: we have no such table at %llx", image,
              (unsigned long long)ref.our_va.v);
    cr_expect(oracle_table_at(&oracle, slot, slots, p->root[ref.owner].table.v,
                              ref.their_va.v, level, &theirs) &&
                  theirs == ref.table.v,
              "image %u: the owner has no such table at %llx", image,
              (unsigned long long)ref.their_va.v);
}

static void compare_spaces(struct dice *d, unsigned image, bool in_parts)
{
    uint64_t root[4];
    uint32_t roots = 1 + (uint32_t)roll_below(d, 4);
    struct plan p;
    struct split_leaf how = IN_ONE_PIECE;

    for (uint32_t i = 0; i < roots; i++) {
        root[i] = some_root(d);
    }
    p = spaces_plan(roots, root);
    some_range(d, &p.o);
    if (in_parts) {
        some_outs(d, &p.o);
    }
    p.memo_tables = 1 + (unsigned)roll_below(d, 100);
    how.room = 1 + (size_t)roll_below(d, MAX_ITEMS);
    how.more_reads = 1 + roll_below(d, 1000);
    how.reads = how.more_reads;
    carry_out(&p, &how, &all, NULL, NULL);
    cr_expect(all.init == PTW_OK);
    cr_expect(all.end == PTW_END || all.overflow);
    /* where ends of ranges cut, a table a level and space more */
    cr_expect(all.stats.reads <=
              (uint64_t)(oracle.format->levels == 0 ? 0 : entries_per_table()) *
                  oracle.format->levels *
                  (all.frames + 2 * (1 + outs) * roots));
    for (size_t i = 0; i < all.count; i++) {
        const struct ptw_item *item = &all.item[i];
        uint32_t like = item->space;

        if (item->kind == PTW_ITEM_ALIAS) {
            check_alias(&p, item, image);
        }
        if (item->kind != PTW_ITEM_SPACE) {
            continue;
        }
        begin_facts(&expected, p.o.first.v, p.o.last.v);
        begin_facts(&got, p.o.first.v, p.o.last.v);
        switch (item->u.space_info.kind) {
        case PTW_SPACE_BAD:
            cr_expect(item->u.space_info.why == PTW_E_BUS && slots == 2);
            continue;
        case PTW_SPACE_SAME:
            like = item->u.space_info.same_as;
            cr_expect(like < item->space);
            break;
        case PTW_SPACE_WALKED:
            break;
        }
        add_space(&got, like, &p.o);
        add_oracle(&expected, root[item->space]);
        agree(&expected, &got, image, "walk_va_spaces");
    }
}

ParameterizedTestParameters(every_regime_spaces, expand_to_the_oracles_leaves)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_spaces,
                  expand_to_the_oracles_leaves)
{
    struct dice d = {4000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(250 / PTW_TESTS_SHARE); image++) {
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_spaces(&d, image, false);
    }
}

ParameterizedTestParameters(every_regime_spaces, expand_to_what_is_not_left_out)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_spaces,
                  expand_to_what_is_not_left_out)
{
    struct dice d = {7000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(250 / PTW_TESTS_SHARE); image++) {
        no_outs();
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        compare_spaces(&d, image, true);
    }
}

/* ------------------------------------------------------------------ stopping
 */

ParameterizedTestParameters(every_regime_walk, can_be_stopped_anywhere)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_walk,
                  can_be_stopped_anywhere)
{
    struct dice d = {5000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(10 / PTW_TESTS_SHARE); image++) {
        uint64_t root[3];
        struct plan p;

        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        for (unsigned i = 0; i < 3; i++) {
            root[i] = some_root(&d);
        }
        p = spaces_plan(3, root);
        some_range(&d, &p.o);
        p.o.flags = (unsigned)roll_below(&d, 32);
        if (image >= 6) {
            some_outs(&d, &p.o);
        }
        if (!walk(&p)->overflow && walk(&p)->count < 3000) {
            unsigned stride = 1 + (unsigned)(walk(&p)->stats.reads / 60);

            cr_expect(eq(str, in_pieces(&p, stride), ""));
            cr_expect(eq(str, where_it_stands(&p, stride), ""));
        }
        no_outs();
    }
}

/* --------------------------------------------------------------------- parts
 */

/* The items of parts, joined. */
static struct report joined;

static void begin_joined(void)
{
    joined.count = 0;
    joined.overflow = false;
    memset(&joined.stats, 0, sizeof joined.stats);
}

static void join(unsigned flags, const struct ptw_item *item)
{
    if (joined.count > 0 &&
        ptw_items_join(&regime, flags, &joined.item[joined.count - 1], item)) {
        return;
    }
    if (joined.count == MAX_ITEMS) {
        joined.overflow = true;
        return;
    }
    joined.item[joined.count++] = *item;
}

/* Adds what that walk, which is in no need of a memo, gives in small portions. */
static void join_walk(struct ptw_walk *w, unsigned flags, uint64_t step)
{
    struct ptw_item item[3];
    struct ptw_walk_stats stats;
    uint64_t tables = joined.stats.tables;
    enum ptw_status st;
    size_t items;

    do {
        st = ptw_walk_next(w, item, 3, &items);
        for (size_t i = 0; i < items; i++) {
            if (item[i].kind == PTW_ITEM_TABLE) {
                item[i].u.table.number += (uint32_t)tables;
            }
            join(flags, &item[i]);
        }
        if (st == PTW_E_LIMIT) {
            ptw_walk_extend(w, step, 0);
        }
    } while ((st == PTW_OK || st == PTW_E_LIMIT) && !joined.overflow);
    cr_expect(st == PTW_END || joined.overflow, "%d", (int)st);
    stats = ptw_walk_counts(w);
    joined.stats.reads += stats.reads;
    joined.stats.tables += stats.tables;
}

static bool same_as_joined(const struct report *r)
{
    size_t i = 0;

    while (i < r->count && i < joined.count &&
           same_items(&r->item[i], &joined.item[i])) {
        i++;
    }
    cr_expect(i == r->count && i == joined.count,
              "item %zu of %zu (%zu in parts) at %llx", i, r->count,
              joined.count,
              (unsigned long long)r->item[i < r->count ? i : 0].first.v);
    return i == r->count && i == joined.count;
}

enum { MAX_CUTS = 8 };

static enum ptw_status start_part(struct ptw_walk *w, const struct plan *p,
                                  uint64_t step)
{
    struct ptw_walk_options o = p->o;

    o.max_reads = step;
    return p->kind == PLAN_FOLLOW
               ? ptw_virt_to_phys_init(w, &mem, p->root[0], &o)
               : ptw_expand_init(w, &regime, &mem, &p->alias, &o);
}

/* Makes the walk cut at these addresses, ascending and within its range, and
 * compares.  Each part may read one entry a level twice. */
static bool check_cuts(const struct plan *p, const struct report *whole,
                       const uint64_t *cut, size_t cuts, struct ptw_va_range in,
                       uint64_t step)
{
    struct ptw_va_range part = in;

    begin_joined();
    for (size_t i = 0; i <= cuts; i++) {
        struct ptw_walk w;

        if (i > 0) {
            part.first.v = cut[i - 1];
        }
        part.last.v = i < cuts ? cut[i] - 1 : in.last.v;
        cr_assert(start_part(&w, p, step) == PTW_OK);
        cr_assert(ptw_walk_part(&w, part) == PTW_OK);
        cr_expect(ptw_walk_part(&w, part) == PTW_E_ARG);
        join_walk(&w, p->o.flags, step);
    }
    cr_expect(joined.stats.tables == whole->stats.tables, "%llu tables of %llu",
              (unsigned long long)joined.stats.tables,
              (unsigned long long)whole->stats.tables);
    cr_expect(joined.stats.reads >= whole->stats.reads &&
                  joined.stats.reads <=
                      whole->stats.reads + cuts * oracle.format->levels,
              "%llu reads of %llu", (unsigned long long)joined.stats.reads,
              (unsigned long long)whole->stats.reads);
    return same_as_joined(whole);
}

/* Sorts addresses, and keeps those at which the range can be cut, each once. */
static size_t usable(uint64_t *cut, size_t cuts, struct ptw_va_range in)
{
    size_t n = 0;

    qsort(cut, cuts, sizeof *cut, by_address);
    for (size_t i = 0; i < cuts; i++) {
        if (cut[i] > in.first.v && cut[i] <= in.last.v &&
            (n == 0 || cut[i] != cut[n - 1])) {
            cut[n++] = cut[i];
        }
    }
    return n;
}

static void compare_cuts(struct dice *d, const struct plan *p,
                         struct ptw_va_range in)
{
    static struct report whole;
    struct split_leaf how = IN_ONE_PIECE;
    struct ptw_walk w;
    uint64_t cut[MAX_CUTS];
    ptw_va proposed[MAX_CUTS];
    size_t cuts = 0;
    uint64_t step = 1 + roll_below(d, 2000);
    bool good = true;

    how.reads = 60000;
    carry_out(p, &how, &whole, NULL, NULL);
    if (whole.init != PTW_OK || whole.end != PTW_END || whole.overflow) {
        return;
    }
    /* Anywhere. */
    for (unsigned i = 0; i < 1 + roll_below(d, MAX_CUTS); i++) {
        const struct ptw_item *item =
            whole.count == 0 ? NULL : &whole.item[roll_below(d, whole.count)];

        cut[cuts++] = item == NULL || one_in(d, 3) ? some_address(d)
                      : one_in(d, 2)               ? item->first.v
                                                   : item->last.v + 1;
    }
    cuts = usable(cut, cuts, in);
    good = check_cuts(p, &whole, cut, cuts, in, step);
    /* Where it is proposed. */
    cr_assert(start_part(&w, p, step) == PTW_OK);
    cr_expect(ptw_walk_cuts(&w, proposed, 1 + roll_below(d, MAX_CUTS), &cuts) ==
              PTW_OK);
    cr_expect(ptw_walk_counts(&w).reads == 0);
    for (size_t i = 0; i < cuts; i++) {
        cut[i] = proposed[i].v;
    }
    cr_expect(usable(cut, cuts, in) == cuts);
    good = good && check_cuts(p, &whole, cut, cuts, in, step);
    /* At both ends, and inside, of every item. */
    for (size_t i = 0; i < whole.count && i < 40 && good; i++) {
        const struct ptw_item *item = &whole.item[i];
        uint64_t at[] = {item->first.v, item->first.v + 1,
                         item->first.v + (item->last.v - item->first.v) / 2 + 1,
                         item->last.v, item->last.v + 1};

        for (size_t k = 0; k < sizeof at / sizeof at[0] && good; k++) {
            if (at[k] > in.first.v && at[k] <= in.last.v) {
                good = check_cuts(p, &whole, &at[k], 1, in, step);
            }
        }
    }
}

static unsigned some_flags(struct dice *d)
{
    unsigned flags = 0;

    flags |= one_in(d, 2) ? PTW_WALK_RUNS : 0;
    flags |= one_in(d, 2) ? PTW_WALK_TABLES : 0;
    flags |= one_in(d, 4) ? PTW_WALK_SELF : 0;
    return flags;
}

ParameterizedTestParameters(every_regime_parts, joined_are_the_whole_walk)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_parts,
                  joined_are_the_whole_walk)
{
    struct dice d = {8000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(60 / PTW_TESTS_SHARE); image++) {
        uint64_t root;
        struct plan p;
        struct ptw_va_range in;
        size_t aliases = 0;

        no_outs();
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        root = some_root(&d);
        p = follow_plan(root);
        some_range(&d, &p.o);
        p.o.flags |= some_flags(&d);
        if (image % 2 == 1) {
            some_outs(&d, &p.o);
        }
        p.o.need = one_in(&d, 4) ? PTW_WRITE & all_rights() : 0;
        in.first = p.o.first;
        in.last = p.o.last;
        compare_cuts(&d, &p, in);
        /* What aliases stand for is cut as well. */
        p = spaces_plan(1, &root);
        all = *walk(&p);
        for (size_t i = 0; i < all.count && aliases < 2; i++) {
            if (all.item[i].kind == PTW_ITEM_ALIAS) {
                p = expand_plan(&all.item[i]);
                p.o.flags = some_flags(&d) | PTW_WALK_HOLES;
                in.first = all.item[i].first;
                in.last = all.item[i].last;
                compare_cuts(&d, &p, in);
                aliases++;
            }
        }
    }
}

ParameterizedTestParameters(every_regime_parts, of_an_outline_are_the_walk)
{
    return cr_make_param_array(struct regime_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct regime_case *c, every_regime_parts,
                  of_an_outline_are_the_walk)
{
    static struct report whole;
    static struct report outline;
    struct dice d = {9000 + c->pa_bits + c->without};

    use(c);
    for (unsigned image = 0; image < fewer(120 / PTW_TESTS_SHARE); image++) {
        uint64_t root[4];
        struct split_leaf how = IN_ONE_PIECE;
        uint64_t tables;
        struct plan p;

        no_outs();
        if (oracle.format->levels > 0) {
            some_tables(&d);
        }
        offer_some(&d);
        for (unsigned i = 0; i < 4; i++) {
            root[i] = some_root(&d);
        }
        p = image % 4 == 3 ? follow_plan(root[0])
                           : spaces_plan(1 + (uint32_t)roll_below(&d, 4), root);
        some_range(&d, &p.o);
        if (image % 2 == 1) {
            some_outs(&d, &p.o);
        }
        p.o.flags |= some_flags(&d) & ~(unsigned)PTW_WALK_TABLES;
        p.o.flags |= one_in(&d, 2) ? PTW_WALK_REMARKS : 0;
        p.o.need = one_in(&d, 4) ? PTW_WRITE & all_rights() : 0;
        how.reads = 60000;
        carry_out(&p, &how, &whole, NULL, NULL);
        if (whole.init != PTW_OK || whole.end != PTW_END || whole.overflow) {
            continue;
        }
        p.o.flags |= PTW_WALK_OUTLINE;
        how.room = 1 + (size_t)roll_below(&d, 4);
        how.reads = how.more_reads = 1 + roll_below(&d, 500);
        carry_out(&p, &how, &outline, NULL, NULL);
        cr_assert(outline.end == PTW_END);
        cr_expect(outline.stats.tables == whole.stats.tables);
        begin_joined();
        joined.stats.reads = outline.stats.reads;
        tables = 0;
        for (size_t i = 0; i < outline.count; i++) {
            struct ptw_walk w;

            if (outline.item[i].kind != PTW_ITEM_TABLE) {
                join(p.o.flags, &outline.item[i]);
                continue;
            }
            cr_expect(outline.item[i].u.table.level == 0);
            cr_assert(ptw_expand_init(&w, &regime, &mem, &outline.item[i],
                                      &p.o) == PTW_OK);
            join_walk(&w, p.o.flags, 1000);
            tables++;
        }
        cr_expect(joined.stats.reads == whole.stats.reads);
        cr_expect(joined.stats.tables == tables);
        (void)same_as_joined(&whole);
    }
}

static struct ptw_va_range part_of(uint64_t first, uint64_t last)
{
    struct ptw_va_range part = {ptw_va_of(first), ptw_va_of(last)};

    return part;
}

Test(parts, that_can_not_be_are_refused)
{
    static const uint64_t root = 0x1000;
    struct ptw_root roots = {0};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    static uint64_t storage[1 << 10];
    struct ptw_item item;
    struct ptw_walk w;
    ptw_va cut[2];
    size_t n = 9;

    machine("amd64");
    offer_all();
    put(root, 1, to_table(3, 0x2000, all_rights()));
    roots = ptw_root_of(&regime, ptw_pa_of(root));
    o.first.v = 0x1000;
    o.last.v = 0xffffff;
    cr_assert(ptw_virt_to_phys_init(&w, &mem, roots, &o) == PTW_OK);
    cr_expect(ptw_walk_part(&w, part_of(0xfff, 0x2000)) == PTW_E_RANGE);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x1000000)) == PTW_E_RANGE);
    cr_expect(ptw_walk_part(&w, part_of(0x3000, 0x2fff)) == PTW_E_RANGE);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x2fff)) == PTW_OK);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x2fff)) == PTW_E_ARG);
    cr_expect(ptw_walk_cuts(&w, cut, 2, &n) == PTW_E_ARG && n == 0);
    /* Used already. */
    cr_assert(ptw_virt_to_phys_init(&w, &mem, roots, &o) == PTW_OK);
    cr_expect(ptw_walk_next(&w, &item, 1, &n) == PTW_END);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x2fff)) == PTW_E_ARG);
    /* Over spaces. */
    cr_assert(ptw_memo_init(&memo, storage, sizeof storage, 1) == PTW_OK);
    cr_assert(ptw_walk_va_spaces_init(&w, &mem, &roots, 1, &memo, &o) ==
              PTW_OK);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x2fff)) == PTW_E_ARG);
    n = 9;
    cr_expect(ptw_walk_cuts(&w, cut, 2, &n) == PTW_E_ARG && n == 0);
    o.flags = PTW_WALK_OUTLINE | PTW_WALK_TABLES;
    cr_expect(ptw_virt_to_phys_init(&w, &mem, roots, &o) == PTW_E_ARG);
    /* An outline. */
    o.flags = PTW_WALK_OUTLINE;
    cr_assert(ptw_virt_to_phys_init(&w, &mem, roots, &o) == PTW_OK);
    cr_expect(ptw_walk_part(&w, part_of(0x2000, 0x2fff)) == PTW_E_ARG);
    cr_expect(ptw_walk_cuts(&w, cut, 2, &n) == PTW_E_ARG && n == 0);
}

/* A guest whose tables 0 to 3 lead from one to the next, each by its entry 0,
 * and after so many reads by all of their entries. */
static struct {
    uint64_t reads;
    uint64_t filled_after;
} guest;

static enum ptw_status guest_entry(void *ctx, ptw_pa pa, uint64_t *raw)
{
    uint64_t table = pa.v / 0x1000;

    (void)ctx;
    *raw =
        table < 4 && (pa.v % 0x1000 == 0 || guest.reads >= guest.filled_after)
            ? to_table(1, (table + 1) * 0x1000, all_rights())
            : 0;
    guest.reads++;
    return PTW_OK;
}

/* A proposal reads no more than it promises, whatever a guest writes meanwhile:
 * of each level 16 tables, and so many times as there are levels. */
Test(parts, are_proposed_by_bounded_work)
{
    static const struct ptw_mem_ops ops = {.read64 = guest_entry};
    struct ptw_region offered = {.last = {0x5fff}};
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_item table = {
        .kind = PTW_ITEM_TABLE,
        .last = {0x1fffff},
        .u.table = {.table = {0x3000}, .rights = PTW_READ},
    };
    struct ptw_mem m;
    struct ptw_walk w;
    ptw_va cut[1];
    size_t n;

    machine("amd64");
    cr_assert(ptw_mem_init_callbacks(&m, &ops, NULL, &offered, 1) == PTW_OK);
    for (uint64_t after = 0; after <= 4096; after += 512) {
        guest.filled_after = after;
        cr_assert(ptw_virt_to_phys_init(&w, &m,
                                        ptw_root_of(&regime, ptw_pa_of(0)),
                                        &o) == PTW_OK);
        guest.reads = 0;
        cr_expect(ptw_walk_cuts(&w, cut, 1, &n) == PTW_OK);
        cr_expect(guest.reads <= 4 * (1 + 16 + 16) * 512, "%llu: %llu",
                  (unsigned long long)after, (unsigned long long)guest.reads);
    }
    /* A table of leaves has nothing to be cut by. */
    cr_assert(ptw_expand_init(&w, &regime, &m, &table, &o) == PTW_OK);
    guest.reads = 0;
    cr_expect(ptw_walk_cuts(&w, cut, 1, &n) == PTW_OK && n == 0);
    cr_expect(eq(u64, guest.reads, 0));
}

/* 16 tables of leaves under one of the next level: parts of 4 tables each. */
Test(parts, proposed_have_equally_many_tables)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    ptw_va cut[3];
    size_t n;

    machine("amd64");
    offer_all();
    put(0x1000, 3, to_table(3, 0x2000, all_rights()));
    put(0x2000, 5, to_table(2, 0x3000, all_rights()));
    for (unsigned i = 0; i < 16; i++) {
        put(0x3000, 7 + 3 * i, to_table(1, 0x4000 + 0x1000 * i, all_rights()));
    }
    put(0x3000, 8, to_page(1, 0x200000, all_rights()));
    cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                    ptw_root_of(&regime, ptw_pa_of(0x1000)),
                                    &o) == PTW_OK);
    cr_assert(ptw_walk_cuts(&w, cut, 3, &n) == PTW_OK);
    cr_assert(n == 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(cut[i].v == va4(3, 5, 7 + 12 * (i + 1), 0).v, "%llx",
                  (unsigned long long)cut[i].v);
    }
}
