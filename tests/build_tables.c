/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "build_tables.h"

#include "make_alias.h"
#include "oracle_regime.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint8_t ram[RAM_UNITS * LARGEST_UNIT] __attribute__((aligned(4096)));
struct ptw_mem mem;
struct ptw_regime regime;
struct oracle_mode oracle;
struct watched watched;

static void must(enum ptw_status st, const char *what)
{
    if (st != PTW_OK) {
        fprintf(stderr, "%s: %s\n", what, ptw_status_text(st));
        abort();
    }
}

/* Clears all of ram.  The kernel puts other pages in the place of those that were
 * touched: to write zeros would touch all of them.  A process begins with memory that
 * is clear. */
static void clear_ram(void)
{
    static bool used;

    if (used &&
        mmap(ram, sizeof ram, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        must(PTW_E_SPACE, "ram");
    }
    used = true;
}

void machine_with(const char *name, unsigned pa_bits, unsigned without)
{
    struct ptw_cpu cpu = {.pa_bits = pa_bits, .x86.page1g = true};

    must(ptw_regime_by_name(name, &cpu, without, &regime, NULL), name);
    oracle = oracle_mode_of_regime(&regime);
    oracle.pa_bits = pa_bits;
    if (unit_bytes() > LARGEST_UNIT) {
        fprintf(stderr, "%s: there is not so much memory\n", name);
        abort();
    }
    clear_ram();
    offer_all();
}

void machine(const char *name)
{
    unsigned most = oracle_format_named(name)->most_pa_bits;

    machine_with(name, most < 52 ? most : 52, 0);
}

bool is_known(const char *name)
{
    struct ptw_regime r;
    enum ptw_status st = ptw_regime_by_name(name, NULL, 0, &r, NULL);

    for (unsigned i = 0; i < ORACLE_REQUIRED; i++) {
        if (strcmp(oracle_formats[i]->name, name) == 0) {
            must(st, name);
        }
    }
    if (st != PTW_E_REGIME) {
        must(st, name);
    }
    return st == PTW_OK;
}

struct oracle_mode mode_of(const struct ptw_regime *r)
{
    return oracle_mode_of_regime(r);
}

void offer_all(void)
{
    must(ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, RAM_BYTES, true), "ram");
}

void offer_pages(unsigned count, const unsigned (*first_last)[2])
{
    static struct ptw_region region[16];

    for (unsigned i = 0; i < count; i++) {
        uint64_t first = (uint64_t)first_last[i][0] * PAGE;

        region[i].first.v = first;
        region[i].last.v = (uint64_t)first_last[i][1] * PAGE + PAGE - 1;
        region[i].host = &ram[first];
        region[i].writable = true;
    }
    must(ptw_mem_init_regions(&mem, region, count), "regions");
}

unsigned entries_per_table(void)
{
    return (unsigned)unit_bytes() / ptw_entry_bytes(&regime);
}

unsigned entries_at(unsigned level)
{
    return oracle.format->level[level].entries;
}

unsigned index_in(uint64_t va, unsigned level)
{
    return (unsigned)(va >> oracle.format->level[level].shift) &
           (entries_at(level) - 1);
}

void put(uint64_t table, unsigned index, uint64_t entry)
{
    unsigned bytes = ptw_entry_bytes(&regime);

    if (index >= entries_per_table() || table > sizeof ram - unit_bytes()) {
        abort();
    }
    for (unsigned i = 0; i < bytes; i++) {
        ram[table + index * bytes + i] = (uint8_t)(entry >> (8 * i));
    }
}

uint64_t entry_at(uint64_t table, unsigned index)
{
    unsigned bytes = ptw_entry_bytes(&regime);
    uint64_t entry = 0;

    for (unsigned i = 0; i < bytes; i++) {
        entry |= (uint64_t)ram[table + index * bytes + i] << (8 * i);
    }
    return entry;
}

void put_all(uint64_t table, uint64_t entry)
{
    for (unsigned i = 0; i < entries_per_table(); i++) {
        put(table, i, entry);
    }
}

uint64_t span(unsigned level)
{
    return (uint64_t)1 << oracle.format->level[level].shift;
}

bool has_leaves(unsigned level)
{
    return level == 0 || oracle.format->large(&oracle, level);
}

uint64_t first_va(void)
{
    return oracle_first(&oracle);
}

uint64_t corner(unsigned i, unsigned level)
{
    uint64_t half = (uint64_t)1 << (oracle.format->va_bits - 1);
    uint64_t offset[CORNERS] = {0, half - 1, half, 2 * half - 1};

    return oracle_address(&oracle, offset[i] & ~(span(level) - 1));
}

uint64_t high_page(unsigned level)
{
    unsigned bits = oracle.format->leaf_pa_bits(&oracle, level);

    return bits > oracle.format->level[level].shift
               ? (uint64_t)1 << (bits - 1) | span(level)
               : 0;
}

uint64_t beyond(void)
{
    return (uint64_t)1 << oracle.pa_bits;
}

unsigned all_rights(void)
{
    return oracle.format->rights;
}

uint64_t page_bytes(void)
{
    return (uint64_t)1 << oracle_page_log2(oracle.format);
}

uint64_t unit_bytes(void)
{
    return oracle_unit(oracle.format);
}

unsigned nth_rights(unsigned n)
{
    unsigned rights = oracle.format->granted(&oracle);

    for (unsigned right = 1; right <= all_rights(); right *= 2) {
        if ((all_rights() & ~rights & right) != 0) {
            rights |= (n & 1) != 0 ? right : 0;
            n >>= 1;
        }
    }
    return rights;
}

static uint64_t made(unsigned level, enum oracle_entry_kind kind, uint64_t pa,
                     unsigned rights)
{
    struct oracle_entry is = {kind, pa, rights};
    struct oracle_entry all = {kind, pa, all_rights()};
    bool writable = (rights & PTW_WRITE) != 0;
    uint64_t bits =
        oracle.format->accessed | (writable ? oracle.format->dirty : 0);
    uint64_t raw;

    if (!oracle_encode(&oracle, level, &is, &raw) &&
        !oracle_encode(&oracle, level, &all, &raw)) {
        fprintf(stderr, "level %u has no such entry\n", level);
        abort();
    }
    bits &= kind == ORACLE_MAPS ? UINT64_MAX : oracle.format->accessed;
    return raw | (bits & oracle_free_bits(&oracle, level, raw));
}

uint64_t to_table(unsigned level, uint64_t pa, unsigned rights)
{
    return made(level, ORACLE_TABLE, pa, rights);
}

uint64_t to_page(unsigned level, uint64_t pa, unsigned rights)
{
    return made(level, ORACLE_MAPS, pa, rights);
}

uint64_t reserved_bit(unsigned level, uint64_t raw)
{
    uint64_t bits = oracle_reserved_bits(&oracle, level, raw);

    if (bits == 0) {
        fprintf(stderr, "level %u has no reserved bit\n", level);
        abort();
    }
    return bits & -bits;
}

struct oracle_entry decoded(unsigned level, uint64_t raw)
{
    return oracle.format->decode(&oracle, raw, level);
}

unsigned granted(unsigned level, uint64_t raw)
{
    return decoded(level, raw).rights;
}

uint64_t address_in(unsigned level, uint64_t raw)
{
    return decoded(level, raw).pa;
}

static bool is_table(unsigned level, uint64_t raw)
{
    return decoded(level, raw).kind == ORACLE_TABLE;
}

uint64_t bits_of(unsigned level, uint64_t raw)
{
    return raw &
           ~(is_table(level, raw) ? oracle.format->table_bits(&oracle)
                                  : oracle.format->leaf_bits(&oracle, level));
}

uint64_t with_address(unsigned level, uint64_t raw, uint64_t pa)
{
    return bits_of(level, raw) |
           (is_table(level, raw) ? oracle.format->put_table(&oracle, pa)
                                 : oracle.format->put_leaf(&oracle, level, pa));
}

uint64_t with_rights(unsigned level, uint64_t raw, unsigned rights)
{
    struct oracle_entry is = {is_table(level, raw) ? ORACLE_TABLE : ORACLE_MAPS,
                              0, all_rights()};
    uint64_t all = oracle.format->encode(&oracle, level, &is);
    uint64_t bits = 0;

    for (unsigned right = 1; right <= all_rights(); right *= 2) {
        is.rights = all_rights() & ~right;
        bits |= all ^ oracle.format->encode(&oracle, level, &is);
    }
    is.rights = rights;
    return (raw & ~bits) | (oracle.format->encode(&oracle, level, &is) & bits);
}

uint64_t other_bits(unsigned level, uint64_t raw)
{
    uint64_t bits = oracle_free_bits(&oracle, level, raw);

    for (uint64_t rest = is_table(level, raw) ? 0 : bits; rest != 0;
         rest &= rest - 1) {
        uint64_t bit = rest & -rest;

        if (oracle_alone(&oracle, level, raw | bit) != (raw | bit)) {
            bits &= ~bit;
        }
    }
    return bits;
}

uint64_t with_other_bits(unsigned level, uint64_t raw)
{
    const struct oracle_format *f = oracle.format;
    uint64_t bits =
        other_bits(level, raw) &
        ~(f->accessed | (is_table(level, raw) ? 0 : f->dirty | f->mark_bits));

    if (bits == 0) {
        fprintf(stderr, "level %u has no other bits\n", level);
        abort();
    }
    return raw ^ (bits & -bits);
}

uint64_t global_bit(void)
{
    uint64_t raw = to_page(0, 0, all_rights());
    uint64_t bits = oracle_free_bits(&oracle, 0, raw);
    bool was = ptw_attributes_of(&regime, 0, raw).global;

    for (; bits != 0; bits &= bits - 1) {
        uint64_t bit = bits & -bits;

        if (ptw_attributes_of(&regime, 0, raw ^ bit).global != was) {
            return bit;
        }
    }
    if (oracle.format->has_global) {
        fprintf(stderr, "no bit makes a leaf global\n");
        abort();
    }
    return 0;
}

uint64_t not_present(uint64_t raw)
{
    return raw & ~oracle_present_bits(&oracle);
}

uint64_t copy_on_write(unsigned level, uint64_t raw)
{
    return oracle_mark(&oracle, level, raw);
}

ptw_va va4(unsigned pml4, unsigned pdpt, unsigned pd, unsigned pt)
{
    uint64_t va = (uint64_t)pml4 << 39 | (uint64_t)pdpt << 30 |
                  (uint64_t)pd << 21 | (uint64_t)pt << 12;

    return ptw_va_of(pml4 >= 256 ? va | 0xffff000000000000 : va);
}

ptw_va va2(unsigned pd, unsigned pt)
{
    return ptw_va_of((uint64_t)pd << 22 | (uint64_t)pt << 12);
}

void set_alias(struct ptw_item *item, const struct ptw_alias_ref *ref,
               unsigned level)
{
    if (!make_alias(&regime, item, ref, level)) {
        fprintf(stderr, "an alias of another shape\n");
        abort();
    }
}

/* ------------------------------------------------------------------- dice */

unsigned fewer(unsigned n)
{
    unsigned repeats = oracle.format->repeats;

    return repeats > 1 ? n / repeats : n;
}

/* splitmix64 */
uint64_t roll(struct dice *d)
{
    uint64_t z = d->state += 0x9E3779B97F4A7C15;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

uint64_t roll_below(struct dice *d, uint64_t bound)
{
    return roll(d) % bound;
}

bool one_in(struct dice *d, unsigned n)
{
    return roll_below(d, n) == 0;
}

uint64_t random_entry(struct dice *d, unsigned level, bool page, uint64_t to)
{
    unsigned rights =
        one_in(d, 3) ? nth_rights((unsigned)roll(d)) : all_rights();
    uint64_t raw =
        page ? to_page(level, to, rights) : to_table(level, to, rights);

    raw ^= roll(d) & roll(d) & oracle_free_bits(&oracle, level, raw);
    if (one_in(d, 20)) {
        raw |= roll(d) & oracle_reserved_bits(&oracle, level, raw);
    }
    return one_in(d, 12) ? not_present(raw) : raw;
}

/* ------------------------------------------------------------------ walks */

struct plan spaces_plan(uint32_t roots, const uint64_t *root)
{
    struct plan p = {.kind = PLAN_SPACES, .roots = roots};

    for (uint32_t i = 0; i < roots; i++) {
        p.root[i] = ptw_root_of(&regime, ptw_pa_of(root[i]));
    }
    p.o = ptw_walk_everything();
    p.memo_tables = 4096;
    return p;
}

struct plan follow_plan(uint64_t root)
{
    struct plan p = spaces_plan(1, &root);

    p.kind = PLAN_FOLLOW;
    return p;
}

struct plan expand_plan(const struct ptw_item *alias)
{
    struct plan p = {.kind = PLAN_EXPAND};

    p.alias = *alias;
    p.o = ptw_walk_everything();
    return p;
}

/* Storage for a memo that grows, one half for the old and one for the new. */
static _Alignas(8) unsigned char memo_storage[2][1 << 18];

static enum ptw_status begin(const struct plan *p, struct ptw_walk *w,
                             struct ptw_memo *memo,
                             const struct ptw_walk_options *o)
{
    switch (p->kind) {
    case PLAN_SPACES:
        must(ptw_memo_init(memo, memo_storage[0],
                           ptw_memo_bytes(p->memo_tables), 42),
             "memo");
        return ptw_walk_va_spaces_init(w, &mem, p->root, p->roots, memo, o);
    case PLAN_FOLLOW:
        return ptw_virt_to_phys_init(w, &mem, p->root[0], o);
    case PLAN_EXPAND:
        return ptw_expand_init(w, &regime, &mem, &p->alias, o);
    case PLAN_EXPOSED:
        break;
    }
    return PTW_E_ARG;
}

void carry_out(const struct plan *p, const struct split_leaf *how,
               struct report *out, stopped_fn *stopped, void *ctx)
{
    static struct ptw_item buffer[MAX_ITEMS];
    struct ptw_walk_options o = p->o;
    struct ptw_walk w;
    struct ptw_memo memo = {0};
    unsigned half = 0;

    o.max_reads = how->reads;
    o.max_items = how->items;
    out->count = 0;
    out->frames = 0;
    out->overflow = false;
    out->end = PTW_OK;
    out->init = begin(p, &w, &memo, &o);
    if (out->init != PTW_OK) {
        return;
    }
    for (;;) {
        size_t items = 0;
        size_t room = how->room < MAX_ITEMS - out->count
                          ? how->room
                          : MAX_ITEMS - out->count;

        if (room == 0) {
            out->overflow = true;
            break;
        }
        out->end = ptw_walk_next(&w, buffer, room, &items);
        memcpy(&out->item[out->count], buffer, items * sizeof buffer[0]);
        out->count += items;
        out->stats = ptw_walk_counts(&w);
        if (stopped != NULL) {
            stopped(&w, out, ctx);
        }
        if (out->end == PTW_E_SPACE) {
            half = 1 - half;
            must(ptw_memo_grow(&memo, memo_storage[half],
                               sizeof(uint64_t) * 6 << memo.slots_log2),
                 "growing the memo");
        } else if (out->end == PTW_E_LIMIT && how->more_reads > 0) {
            ptw_walk_extend(&w, how->more_reads, how->more_items);
        } else if (out->end != PTW_OK) {
            break;
        }
    }
    if (p->kind == PLAN_SPACES) {
        must(ptw_memo_tables(&memo, out->frame,
                             sizeof out->frame / sizeof out->frame[0],
                             &out->frames),
             "frames");
    }
}

const struct report *walk(const struct plan *p)
{
    static struct report r;

    carry_out(p, &IN_ONE_PIECE, &r, NULL, NULL);
    return &r;
}

/* ------------------------------------------------------------------ words */

static char story[1 << 20];
static size_t story_length;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(&story[story_length], sizeof story - story_length, format,
                  args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof story - story_length) {
        fprintf(stderr, "the story is too long\n");
        abort();
    }
    story_length += (size_t)n;
}

static void say_range(const struct ptw_item *i)
{
    say(" %" PRIx64 "-%" PRIx64, i->first.v, i->last.v);
}

static void say_rights(unsigned rights)
{
    say(" %c%c%c%c", (rights & PTW_READ) != 0 ? 'r' : '-',
        (rights & PTW_WRITE) != 0 ? 'w' : '-',
        (rights & PTW_EXEC) != 0 ? 'x' : '-',
        (rights & PTW_USER) != 0 ? 'u' : '-');
}

static void say_size(unsigned log2)
{
    if (log2 >= 30) {
        say(" %ug", 1u << (log2 - 30));
    } else if (log2 >= 20) {
        say(" %um", 1u << (log2 - 20));
    } else {
        say(" %uk", 1u << (log2 - 10));
    }
}

static void say_space(const struct ptw_item *i)
{
    const struct ptw_space *s = &i->u.space_info;

    say("space %" PRIu32, i->space);
    switch (s->kind) {
    case PTW_SPACE_WALKED:
        say(" walked %" PRIx64 "\n", s->root.table.v);
        break;
    case PTW_SPACE_SAME:
        say(" same as %" PRIu32 "\n", s->same_as);
        break;
    case PTW_SPACE_BAD:
        say(" bad: %s\n", ptw_status_text(s->why));
        break;
    }
}

static void say_finding(const struct ptw_item *i)
{
    const struct ptw_finding *f = &i->u.finding;
    const char *level = ptw_level_name(&regime, f->level);

    switch (f->kind) {
    case PTW_FINDING_BAD_ENTRY:
        say("bad %s", level);
        say_range(i);
        say(" in %" PRIx64 " %" PRIx64 "\n", f->table.v, f->raw);
        break;
    case PTW_FINDING_REFUSED:
        say("refused %s", level);
        say_range(i);
        say(" in %" PRIx64 "\n", f->table.v);
        break;
    case PTW_FINDING_SELF:
        say(f->raw != 0 ? "itself %s" : "self %s", level);
        say_range(i);
        say(" %" PRIx64, f->table.v);
        if (f->raw != 0) {
            say_rights(f->rights);
            say(" %" PRIx64, f->raw);
        }
        say("\n");
        break;
    case PTW_FINDING_TWO_LEVELS:
        say("two levels %s", level);
        say_range(i);
        say(" %" PRIx64 "\n", f->table.v);
        break;
    case PTW_FINDING_EXPOSED:
        say("exposed");
        say_range(i);
        say(" %" PRIx64 " and %" PRIu64 " more", f->table.v, f->tables - 1);
        say_rights(f->rights);
        say("\n");
        break;
    }
}

static void say_item(const struct ptw_item *i)
{
    struct ptw_alias_ref ref;
    unsigned level;

    switch (i->kind) {
    case PTW_ITEM_SPACE:
        say_space(i);
        break;
    case PTW_ITEM_TABLE:
        say("table %s", ptw_level_name(&regime, i->u.table.level));
        say_range(i);
        say(" %" PRIx64, i->u.table.table.v);
        say_rights(i->u.table.rights);
        say(" %" PRIx64 "\n", i->u.table.attributes);
        break;
    case PTW_ITEM_MAPPING:
        say("map");
        say_range(i);
        say(" %" PRIx64, i->u.mapping.pa.v);
        say_rights(i->u.mapping.rights);
        say_size(i->u.mapping.size_log2);
        say("\n");
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(&regime, i, &level);
        say("alias %s", ptw_level_name(&regime, level));
        say_range(i);
        say(" to %" PRIx64 " of %" PRIu32 " at %" PRIx64, ref.table.v,
            ref.owner, ref.their_va.v);
        say_rights(ref.rights);
        say(" %" PRIx64 "\n", ref.attributes);
        break;
    case PTW_ITEM_HOLE:
        if (i->u.hole.canonical) {
            say("hole %s", ptw_level_name(&regime, i->u.hole.level));
        } else {
            say("gap");
        }
        say_range(i);
        say("\n");
        break;
    case PTW_ITEM_FINDING:
        say_finding(i);
        break;
    case PTW_ITEM_LINE:
        say("line of %u at", i->u.line.leaves);
        say_range(i);
        say("\n");
        break;
    }
}

char *told(const struct report *r)
{
    story_length = 0;
    story[0] = '\0';
    if (r->init != PTW_OK) {
        say("no walk: %s\n", ptw_status_text(r->init));
        return story;
    }
    for (size_t i = 0; i < r->count; i++) {
        say_item(&r->item[i]);
    }
    if (r->end != PTW_END) {
        say("stopped: %s\n", ptw_status_text(r->end));
    }
    return story;
}

char *spaces(uint32_t roots, const uint64_t *root)
{
    struct plan p = spaces_plan(roots, root);

    return told(walk(&p));
}

char *followed(uint64_t root)
{
    struct plan p = follow_plan(root);

    return told(walk(&p));
}

bool same_items(const struct ptw_item *a, const struct ptw_item *b)
{
    struct ptw_alias_ref ra;
    struct ptw_alias_ref rb;
    const struct ptw_finding *fa = &a->u.finding;
    const struct ptw_finding *fb = &b->u.finding;
    unsigned la;
    unsigned lb;

    if (a->kind != b->kind || a->space != b->space ||
        a->first.v != b->first.v || a->last.v != b->last.v) {
        return false;
    }
    switch (a->kind) {
    case PTW_ITEM_SPACE:
        return a->u.space_info.root.table.v == b->u.space_info.root.table.v &&
               a->u.space_info.kind == b->u.space_info.kind &&
               a->u.space_info.same_as == b->u.space_info.same_as &&
               (a->u.space_info.kind != PTW_SPACE_WALKED ||
                a->u.space_info.number == b->u.space_info.number) &&
               a->u.space_info.why == b->u.space_info.why;
    case PTW_ITEM_TABLE:
        return a->u.table.table.v == b->u.table.table.v &&
               a->u.table.attributes == b->u.table.attributes &&
               a->u.table.rights == b->u.table.rights &&
               a->u.table.number == b->u.table.number &&
               a->u.table.level == b->u.table.level;
    case PTW_ITEM_MAPPING:
        return a->u.mapping.pa.v == b->u.mapping.pa.v &&
               a->u.mapping.raw == b->u.mapping.raw &&
               a->u.mapping.rights == b->u.mapping.rights &&
               a->u.mapping.level == b->u.mapping.level &&
               a->u.mapping.size_log2 == b->u.mapping.size_log2;
    case PTW_ITEM_ALIAS:
        ra = ptw_alias_view(&regime, a, &la);
        rb = ptw_alias_view(&regime, b, &lb);
        return la == lb && ra.our_va.v == rb.our_va.v &&
               ra.their_va.v == rb.their_va.v && ra.table.v == rb.table.v &&
               ra.attributes == rb.attributes && ra.owner == rb.owner &&
               ra.number == rb.number && ra.rights == rb.rights;
    case PTW_ITEM_HOLE:
        return a->u.hole.raw == b->u.hole.raw &&
               a->u.hole.level == b->u.hole.level &&
               a->u.hole.canonical == b->u.hole.canonical;
    case PTW_ITEM_FINDING:
        return fa->kind == fb->kind && fa->table.v == fb->table.v &&
               fa->raw == fb->raw && fa->tables == fb->tables &&
               fa->level == fb->level && fa->rights == fb->rights;
    case PTW_ITEM_LINE: /* to be taken apart before */
        break;
    }
    return false;
}

/* ----------------------------------------------------------------- pieces */

static char complaint[512];

static char *complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static char *complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    return complaint;
}

/* The first `count` items of `whole` from `from` on, and those of `part`. */
static bool agree(const struct report *whole, size_t from,
                  const struct report *part)
{
    if (part->count > whole->count - from) {
        return false;
    }
    for (size_t i = 0; i < part->count; i++) {
        if (!same_items(&whole->item[from + i], &part->item[i])) {
            return false;
        }
    }
    return true;
}

static bool all_the_same(const struct report *whole, const struct report *part)
{
    return part->count == whole->count && agree(whole, 0, part) &&
           part->init == whole->init && part->end == whole->end &&
           part->stats.reads == whole->stats.reads &&
           part->stats.tables == whole->stats.tables &&
           part->stats.items == whole->stats.items;
}

static struct report whole_report;
static struct report part_report;

static char *reads_in_pieces(const struct plan *p, unsigned stride)
{
    const struct report *whole = &whole_report;
    struct report *part = &part_report;

    for (uint64_t limit = 1; limit <= whole->stats.reads; limit += stride) {
        struct split_leaf how = IN_ONE_PIECE;

        how.reads = limit;
        carry_out(p, &how, part, NULL, NULL);
        if (!agree(whole, 0, part) || part->stats.reads > limit ||
            (part->end != PTW_E_LIMIT && limit < whole->stats.reads)) {
            return complain("%" PRIu64 " reads give no prefix", limit);
        }
        how.more_reads = UINT64_MAX;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("resumed after %" PRIu64 " reads", limit);
        }
    }
    for (uint64_t step = 1; step <= 17; step += stride) {
        struct split_leaf how = IN_ONE_PIECE;

        how.reads = step;
        how.more_reads = step;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("%" PRIu64 " reads at a time", step);
        }
    }
    return "";
}

static char *items_in_pieces(const struct plan *p, unsigned stride)
{
    const struct report *whole = &whole_report;
    struct report *part = &part_report;

    for (uint64_t limit = 1; limit <= whole->count; limit += stride) {
        struct split_leaf how = IN_ONE_PIECE;

        how.items = limit;
        carry_out(p, &how, part, NULL, NULL);
        if (!agree(whole, 0, part) || part->count != limit) {
            return complain("%" PRIu64 " items are no prefix", limit);
        }
        how.more_reads = 1;
        how.more_items = UINT64_MAX;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("resumed after %" PRIu64 " items", limit);
        }
        how.items = limit;
        how.more_items = limit;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("%" PRIu64 " items at a time", limit);
        }
    }
    for (size_t room = 1; room <= whole->count + 1; room += stride) {
        struct split_leaf how = IN_ONE_PIECE;

        how.room = room;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("room for %zu", room);
        }
        how.reads = room;
        how.more_reads = room;
        carry_out(p, &how, part, NULL, NULL);
        if (!all_the_same(whole, part)) {
            return complain("room for %zu and as many reads", room);
        }
    }
    return "";
}

char *in_pieces(const struct plan *p, unsigned stride)
{
    struct plan small = *p;
    struct split_leaf how = IN_ONE_PIECE;
    char *wrong;

    carry_out(p, &IN_ONE_PIECE, &whole_report, NULL, NULL);
    if (whole_report.end != PTW_END || whole_report.overflow) {
        return complain("the walk has no end: %s",
                        ptw_status_text(whole_report.end));
    }
    wrong = reads_in_pieces(p, stride);
    if (*wrong == '\0') {
        wrong = items_in_pieces(p, stride);
    }
    if (*wrong != '\0' || p->kind != PLAN_SPACES) {
        return wrong;
    }
    small.memo_tables = 1;
    for (size_t room = 1; room <= 3; room++) {
        how.room = room;
        carry_out(&small, &how, &part_report, NULL, NULL);
        if (!all_the_same(&whole_report, &part_report)) {
            return complain("with a memo that grows, room for %zu", room);
        }
    }
    how.reads = 1;
    how.more_reads = 1;
    carry_out(&small, &how, &part_report, NULL, NULL);
    if (!all_the_same(&whole_report, &part_report)) {
        return complain("with a memo that grows, a read at a time");
    }
    return "";
}

struct standing {
    const struct plan *plan;
    bool wrong;
};

static bool covers_nothing(const struct ptw_item *i)
{
    return i->kind == PTW_ITEM_SPACE || i->kind == PTW_ITEM_TABLE ||
           (i->kind == PTW_ITEM_FINDING &&
            ((i->u.finding.kind == PTW_FINDING_SELF && i->u.finding.raw == 0) ||
             i->u.finding.kind == PTW_FINDING_TWO_LEVELS));
}

/* What is given lies below, what is missing above. */
static void check_standing(struct standing *s, const struct report *so_far,
                           uint32_t space, bool open, uint64_t va)
{
    for (size_t i = 0; i < whole_report.count; i++) {
        const struct ptw_item *item = &whole_report.item[i];
        bool given = i < so_far->count;

        if (covers_nothing(item)) {
            continue;
        }
        if (item->space == space && open) {
            s->wrong |= given ? item->last.v >= va : item->last.v < va;
        } else {
            s->wrong |= given != (item->space < space ||
                                  (item->space == space && !open));
        }
        if (s->wrong) {
            complain("after item %zu, at %" PRIx64 " of %" PRIu32
                     ", open %d: item %zu is on the wrong side",
                     so_far->count, va, space, open, i);
            return;
        }
    }
}

static void stands_right(const struct ptw_walk *w, const struct report *so_far,
                         void *ctx)
{
    static struct report rest;
    struct standing *s = ctx;
    uint32_t space = UINT32_MAX;
    ptw_va va = {0};
    bool open = ptw_walk_where(w, &space, &va);

    if (s->wrong || so_far->end == PTW_E_SPACE) {
        return;
    }
    check_standing(s, so_far, space, open, va.v);
    if (s->wrong || s->plan->kind != PLAN_FOLLOW) {
        return;
    }
    if (open) {
        struct plan from_there = *s->plan;

        from_there.o.first = va;
        if (va.v < s->plan->o.first.v || va.v > s->plan->o.last.v) {
            s->wrong = true;
            complain("%" PRIx64 " is out of the range", va.v);
            return;
        }
        carry_out(&from_there, &IN_ONE_PIECE, &rest, NULL, NULL);
        if (rest.count != whole_report.count - so_far->count ||
            !agree(&whole_report, so_far->count, &rest)) {
            s->wrong = true;
            complain("from %" PRIx64 " it gives %zu items more, not %zu", va.v,
                     rest.count, whole_report.count - so_far->count);
        }
    }
}

char *where_it_stands(const struct plan *p, unsigned stride)
{
    struct standing s = {p, false};
    struct split_leaf how = IN_ONE_PIECE;

    carry_out(p, &IN_ONE_PIECE, &whole_report, NULL, NULL);
    how.reads = stride;
    how.more_reads = stride;
    carry_out(p, &how, &part_report, stands_right, &s);
    if (!s.wrong) {
        how = IN_ONE_PIECE;
        how.room = 1;
        carry_out(p, &how, &part_report, stands_right, &s);
    }
    if (!s.wrong) {
        how.items = 1;
        how.more_items = 1;
        how.more_reads = 1;
        carry_out(p, &how, &part_report, stands_right, &s);
    }
    return s.wrong ? complaint : "";
}

/* ---------------------------------------------------------------- watched */

static enum ptw_status watched_read(uint64_t pa, unsigned bytes, uint64_t *out)
{
    uint64_t value = 0;

    if (pa > RAM_UNITS * unit_bytes() - bytes) {
        return PTW_E_BUS;
    }
    watched.total++;
    for (unsigned i = 0; i < bytes; i += 4) {
        watched.reads[(pa + i) / 4]++;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)ram[pa + i] << (8 * i);
    }
    if (watched.answer != NULL && !watched.answer(watched.ctx, pa, &value)) {
        return PTW_E_BUS;
    }
    *out = value;
    return PTW_OK;
}

static enum ptw_status watched_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = watched_read(pa.v, 4, &wide);

    (void)ctx;
    if (st == PTW_OK) {
        *out = (uint32_t)wide;
    }
    return st;
}

static enum ptw_status watched_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    return watched_read(pa.v, 8, out);
}

void offer_watched(void)
{
    static const struct ptw_mem_ops ops = {.read32 = watched_read32,
                                           .read64 = watched_read64};
    static struct ptw_region region;

    region.first.v = 0;
    region.last.v = RAM_UNITS * unit_bytes() - 1;
    region.host = NULL;
    region.writable = false;
    memset(watched.reads, 0, RAM_UNITS * (size_t)unit_bytes());
    watched.total = 0;
    watched.answer = NULL;
    watched.ctx = NULL;
    must(ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1), "callbacks");
}
