/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "compact_bench.h"

#include "oracle/oracle.h"
#include "oracle_regime.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guest guest;
struct ptw_rebuild rb;
struct ptw_verify verify;

/* Where in ram tables and data start, in units; roots are below. */
enum { TABLES_AT = 65, DATA_AT = 256 };

enum { SLACK = 0x10000 };

/* What an image may grow by, beyond its plan: the tables of leaves that are split.
 * The image is filled and compared that far: 4 MiB took a third of the time. */
enum { GROWTH = 0x100000 };

/* What far memory is made of. */
enum { ZEROS = 0x400000 };

static uint64_t tables_taken;
static bool data_filled[RAM_UNITS - DATA_AT];

static void must(bool so, const char *what)
{
    if (!so) {
        fprintf(stderr, "bench: %s\n", what);
        abort();
    }
}

/* ------------------------------------------------------------------- guest */

static const struct part *part_of(uint64_t pa)
{
    for (unsigned i = 0; i < guest.parts; i++) {
        if (pa >= guest.part[i].first && pa <= guest.part[i].last) {
            return &guest.part[i];
        }
    }
    return NULL;
}

static uint8_t *guest_byte(uint64_t pa)
{
    const struct part *p = part_of(pa);

    return p == NULL || p->kind == REFUSED || p->kind == ABSENT
               ? NULL
               : p->bytes + (pa - p->first);
}

uint8_t *guest_page(uint64_t pa)
{
    uint8_t *page = guest_byte(pa);
    uint64_t next = pa;

    /* Parts that were carved out of one are one on the host. */
    while (page != NULL && next - pa < page_bytes()) {
        if (guest_byte(next) != page + (next - pa)) {
            return NULL;
        }
        next = part_of(next)->last + 1;
    }
    return page;
}

static uint64_t little_endian(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static enum ptw_status serve(uint64_t pa, unsigned bytes, uint64_t *out)
{
    const uint8_t *at = guest_byte(pa);

    guest.calls++;
    if (at == NULL) {
        return PTW_E_BUS;
    }
    *out = little_endian(at, bytes);
    return guest.answer == NULL || guest.answer(pa, out) ? PTW_OK : PTW_E_BUS;
}

static enum ptw_status serve32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = serve(pa.v, 4, &wide);

    (void)ctx;
    *out = (uint32_t)wide;
    return st;
}

static enum ptw_status serve64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    return serve(pa.v, 8, out);
}

static const void *lend(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const struct part *p = part_of(pa.v);

    (void)ctx;
    return guest.lend && p != NULL && p->kind == SERVED &&
                   p->last - pa.v >= bytes - 1
               ? guest_byte(pa.v)
               : NULL;
}

/* Makes the accessor of the guest's memory. */
static void describe_guest(void)
{
    static const struct ptw_mem_ops ops = {
        .read32 = serve32, .read64 = serve64, .borrow = lend};
    static struct ptw_region region[MAX_PARTS];
    size_t regions = 0;

    for (unsigned i = 0; i < guest.parts; i++) {
        const struct part *p = &guest.part[i];

        if (p->kind != ABSENT) {
            region[regions].first.v = p->first;
            region[regions].last.v = p->last;
            region[regions].host = p->kind == DIRECT ? p->bytes : NULL;
            region[regions].writable = false;
            regions++;
        }
    }
    must(ptw_mem_init_callbacks(&mem, &ops, NULL, region, regions) == PTW_OK,
         "regions");
}

/* Makes the guest of the machine's memory. */
static void make_guest(void)
{
    memset(&guest, 0, sizeof guest);
    tables_taken = 0;
    memset(data_filled, 0, sizeof data_filled);
    offer(0, guest_bytes(), ram, DIRECT);
}

void start(const char *name)
{
    machine(name);
    make_guest();
}

void start_narrow(const char *name, unsigned pa_bits)
{
    machine_with(name, pa_bits, 0);
    make_guest();
}

void narrow_processor(unsigned pa_bits)
{
    oracle.pa_bits = pa_bits;
    must(oracle_regime(&oracle, &regime) == PTW_OK, "a narrow processor");
}

/* Starts on a processor that lacks or has those features. */
static void start_with(const char *name, unsigned features)
{
    start(name);
    oracle = oracle_mode_of(oracle.format, oracle.pa_bits, features);
    must(oracle_regime(&oracle, &regime) == PTW_OK, name);
}

bool start_without_write_protect(const char *name)
{
    start(name);
    if (!oracle_has_write_protect(oracle.format)) {
        return false;
    }
    start_with(name, ORACLE_NO_WRITE_PROTECT);
    return true;
}

bool start_with_shadow_stacks(const char *name)
{
    start(name);
    if (oracle.format->shadow_stack == NULL) {
        return false;
    }
    start_with(name, ORACLE_SHADOW_STACKS);
    return true;
}

uint64_t shadow_stack(uint64_t leaf)
{
    return oracle.format->shadow_stack(leaf);
}

uint64_t guest_bytes(void)
{
    return RAM_UNITS * unit_bytes();
}

void offer(uint64_t first, uint64_t bytes, uint8_t *host, enum part_kind kind)
{
    struct part p = {first, first + (bytes - 1), host, kind};

    must(guest.parts < MAX_PARTS, "parts");
    guest.part[guest.parts++] = p;
    describe_guest();
}

void carve(uint64_t first, uint64_t bytes, enum part_kind kind)
{
    uint64_t last = first + (bytes - 1);

    for (unsigned i = 0; i < guest.parts; i++) {
        struct part whole = guest.part[i];
        struct part *p = &guest.part[i];

        if (first < whole.first || last > whole.last) {
            continue;
        }
        p->first = first;
        p->last = last;
        p->bytes += first - whole.first;
        p->kind = kind;
        if (first > whole.first) {
            offer(whole.first, first - whole.first, whole.bytes, whole.kind);
        }
        if (last < whole.last) {
            offer(last + 1, whole.last - last,
                  whole.bytes + (last + 1 - whole.first), whole.kind);
        }
        describe_guest();
        return;
    }
    must(false, "carve");
}

/* Much memory is the pages of one file of zeros, over and over: tests read nearly all
 * of it, write little, and took 20 GB of the machine when each page was one of its
 * own. */
uint8_t *far_memory(uint64_t bytes)
{
    static int zeros = -1;
    uint8_t *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    must(p != MAP_FAILED, "mmap");
    if (bytes < 4 * (uint64_t)ZEROS) {
        return p;
    }
    if (zeros < 0) {
        zeros = memfd_create("zeros", MFD_CLOEXEC);
        must(zeros >= 0 && ftruncate(zeros, ZEROS) == 0, "memfd_create");
    }
    for (uint64_t at = 0; bytes - at >= ZEROS; at += ZEROS) {
        must(mmap(p + at, ZEROS, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_FIXED, zeros, 0) != MAP_FAILED,
             "mmap of zeros");
    }
    return p;
}

uint64_t root_at(unsigned i)
{
    must(i + 2 <= TABLES_AT, "roots");
    return (i + 1) * unit_bytes();
}

/* Fills a page of ram with bytes of its own. */
static void fill(unsigned i)
{
    uint8_t *page = &ram[i * PAGE];

    for (unsigned at = 0; at < PAGE; at++) {
        page[at] = (uint8_t)(at * 7 + i * 31 + (at >> 8) * i + 1);
    }
    memcpy(page, &i, sizeof i);
}

/* Data is filled when a test first asks where it is: most is never asked for. */
uint64_t data_at(unsigned i)
{
    uint64_t at = (DATA_AT + i) * unit_bytes();

    must(DATA_AT + i + 1 <= RAM_UNITS, "data");
    for (uint64_t page = 0; !data_filled[i] && page < unit_bytes();
         page += PAGE) {
        fill((unsigned)((at + page) / PAGE));
    }
    data_filled[i] = true;
    return at;
}

uint64_t new_table(void)
{
    must(TABLES_AT + tables_taken < DATA_AT, "tables");
    return (TABLES_AT + tables_taken++) * unit_bytes();
}

static uint64_t table_address(uint64_t raw)
{
    return oracle_table_address(&oracle, raw);
}

void hang(uint64_t root, uint64_t va, unsigned level, uint64_t raw)
{
    uint64_t table = root;

    for (unsigned l = ptw_levels(&regime) - 1; l > level; l--) {
        unsigned i = index_in(va, l);

        if (oracle.format->decode(&oracle, entry_at(table, i), l).kind ==
            ORACLE_NOT_PRESENT) {
            put(table, i, any_table(l, new_table()));
        }
        table = table_address(entry_at(table, i));
    }
    put(table, index_in(va, level), raw);
}

uint64_t table_of(uint64_t root, uint64_t va, unsigned level)
{
    uint64_t table = root;

    for (unsigned l = ptw_levels(&regime) - 1; l > level; l--) {
        uint64_t raw = entry_at(table, index_in(va, l));

        must(oracle.format->decode(&oracle, raw, l).kind != ORACLE_NOT_PRESENT,
             "no table there");
        table = table_address(raw);
    }
    return table;
}

uint64_t kernel_half(void)
{
    return oracle_address(&oracle, (uint64_t)1 << (oracle.format->va_bits - 1));
}

uint64_t user_va(void)
{
    return oracle_address(&oracle, 2 * span(1));
}

uint64_t page_va(uint64_t va, uint64_t pages)
{
    return va + pages * page_bytes();
}

unsigned tables_apart(uint64_t va, uint64_t other, unsigned from)
{
    unsigned n = 0;

    for (unsigned level = from; level + 1 < ptw_levels(&regime); level++) {
        n += va / span(level + 1) != other / span(level + 1);
    }
    return n;
}

unsigned large_level(void)
{
    for (unsigned level = 1; level < ptw_levels(&regime); level++) {
        if (has_leaves(level) && span(level) <= MOST_LARGE) {
            return level;
        }
    }
    return 0;
}

bool can_be_filled(unsigned level)
{
    return has_leaves(level) && span(level) <= MOST_FILLED;
}

uint64_t large_bytes(void)
{
    return span(large_level());
}

uint64_t large_pages(void)
{
    return large_bytes() / page_bytes();
}

uint64_t tables_of_split(void)
{
    uint64_t tables = 0;

    for (unsigned level = 0; level < large_level(); level++) {
        tables += large_bytes() / span(level + 1);
    }
    return tables;
}

uint64_t large_va(unsigned i)
{
    uint64_t offset = oracle_offset(&oracle, user_va()) & ~(large_bytes() - 1);

    return oracle_address(&oracle, offset + i * large_bytes());
}

uint64_t far_at(unsigned i)
{
    uint64_t first = large_bytes() > 0x40000000 ? large_bytes() : 0x40000000;

    return first + i * large_bytes();
}

uint8_t *offer_far(uint64_t bytes, uint64_t filled, enum part_kind kind)
{
    uint8_t *far = far_memory(bytes);

    for (uint64_t i = 0; i < filled; i++) {
        uint8_t *page = far + i * page_bytes();

        memset(page, (int)(i % 251) + 1, (size_t)page_bytes());
        memcpy(page, &i, sizeof i);
    }
    offer(far_at(0), bytes, far, kind);
    return far;
}

uint64_t outside_ram(unsigned i)
{
    const struct oracle_format *f = oracle.format;
    unsigned bits = f->table_pa_bits(&oracle);
    unsigned leaf = f->leaf_pa_bits(&oracle, 0);
    unsigned root = f->root_pa_bits(&oracle);

    bits = leaf < bits ? leaf : bits;
    bits = root < bits ? root : bits;
    return ((uint64_t)1 << (bits - 1)) + i * unit_bytes();
}

unsigned kernel_map_rights(void)
{
    return PTW_READ | PTW_WRITE | oracle.format->granted(&oracle);
}

static unsigned all_but(unsigned right)
{
    return all_rights() & ~right;
}

uint64_t user_page(uint64_t pa)
{
    return to_page(0, pa, all_rights());
}

uint64_t user_page_read_only(uint64_t pa)
{
    return to_page(0, pa, all_but(PTW_WRITE));
}

uint64_t kernel_page(uint64_t pa)
{
    return to_page(0, pa, all_but(PTW_USER)) ^ global_bit();
}

uint64_t kernel_page_read_only(uint64_t pa)
{
    return to_page(0, pa, all_but(PTW_USER | PTW_WRITE));
}

uint64_t user_large(uint64_t pa)
{
    return to_page(large_level(), pa, all_rights());
}

uint64_t user_large_read_only(uint64_t pa)
{
    return to_page(large_level(), pa, all_but(PTW_WRITE));
}

uint64_t any_table(unsigned level, uint64_t table)
{
    return to_table(level, table, all_rights());
}

uint64_t table_read_only(unsigned level, uint64_t table)
{
    return to_table(level, table, all_but(PTW_WRITE));
}

uint64_t kernel_table(unsigned level, uint64_t table)
{
    return to_table(level, table, all_but(PTW_USER));
}

uint64_t entries_of(uint64_t tables, uint64_t roots)
{
    return (tables - roots) * entries_at(0) +
           roots * entries_at(oracle.format->levels - 1);
}

unsigned slot_level(void)
{
    const struct oracle_format *f = oracle.format;
    unsigned level = f->levels - 1;

    while (level > 1 &&
           oracle_table_bytes(f, level) != oracle_table_bytes(f, level - 1)) {
        level--;
    }
    return level;
}

uint64_t slot_entry(uint64_t table, bool writable)
{
    return to_table(slot_level(), table,
                    all_but(writable ? PTW_USER : PTW_USER | PTW_WRITE));
}

void hang_slot(uint64_t root, uint64_t va, bool writable)
{
    hang(root, va, slot_level(), 0); /* for the tables on the way */
    hang(root, va, slot_level(),
         slot_entry(table_of(root, va, slot_level()), writable));
}

/* ----------------------------------------------------------------- storage */

/* What the two objects have in common. */
struct taker {
    void *object;
    const size_t *wanted;
    enum ptw_status (*give)(void *object, void *storage, size_t bytes,
                            void **before);
    bool least;
};

static enum ptw_status give_rebuild(void *object, void *storage, size_t bytes,
                                    void **before)
{
    return ptw_rebuild_give(object, storage, bytes, before);
}

static enum ptw_status give_verify(void *object, void *storage, size_t bytes,
                                   void **before)
{
    return ptw_verify_give(object, storage, bytes, before);
}

/* Hands over what is wanted, or the least that is accepted. */
static void provide(const struct taker *t)
{
    size_t bytes = t->least ? 16 : *t->wanted;

    for (;;) {
        void *before = NULL;
        void *storage = malloc(bytes);
        enum ptw_status st;

        must(storage != NULL, "out of memory");
        memset(storage, 0x5a, bytes);
        st = t->give(t->object, storage, bytes, &before);
        if (st == PTW_OK) {
            free(before);
            return;
        }
        must(st == PTW_E_SPACE && bytes < *t->wanted, "storage is not taken");
        free(storage);
        bytes += bytes / 4 + 8;
        bytes = bytes > *t->wanted ? *t->wanted : bytes;
    }
}

/* -------------------------------------------------------------- rebuilding */

struct job job_of(uint32_t roots)
{
    struct job j = {.roots = roots, .o = ptw_rebuild_everything()};

    for (uint32_t i = 0; i < roots; i++) {
        j.root[i] = ptw_root_of(&regime, ptw_pa_of(root_at(i)));
    }
    j.o.base.v = 0x100000;
    j.o.seed = 77;
    return j;
}

struct sink {
    struct image *n;
    unsigned refuse;
    unsigned left;
};

static enum ptw_status take_pages(void *ctx, ptw_pa to, const void *bytes,
                                  size_t size)
{
    struct sink *s = ctx;
    struct image *n = s->n;
    uint64_t at = to.v - n->base;

    if (s->refuse > 0 && --s->left == 0) {
        s->left = s->refuse + 1; /* the one that is tried again gets through */
        n->refusals++;
        return PTW_E_READONLY;
    }
    if (to.v < n->base || at > n->room || size > n->room - at ||
        size % page_bytes() != 0 || size == 0 || to.v % page_bytes() != 0 ||
        at < n->high) {
        n->wild = true;
        return PTW_E_RANGE;
    }
    memcpy(n->bytes + at, bytes, size);
    n->written += size;
    n->high = at + size;
    return PTW_OK;
}

/* Memory for images that is used again: to have it from the kernel each time costs
 * more than the rest of a small rebuild. */
struct place {
    uint8_t *bytes;   /* NULL: none yet */
    uint64_t written; /* anything may stand below, */
    uint64_t filled;  /* rubbish from there on up to here, and zeros behind */
    bool in_use;
};

enum { PLACES = 4, PLACE_BYTES = 0x800000 };

static struct place places[PLACES];

/* A free place for an image with so much room.  NULL: the image is too large, or all
 * are in use. */
static struct place *free_place(uint64_t room)
{
    for (unsigned i = 0; i < PLACES && room <= PLACE_BYTES; i++) {
        struct place *p = &places[i];

        if (p->in_use) {
            continue;
        }
        if (p->bytes == NULL) {
            p->bytes = far_memory(PLACE_BYTES);
            (void)madvise(p->bytes, PLACE_BYTES, MADV_HUGEPAGE);
        }
        return p;
    }
    return NULL;
}

static struct place *place_of(const struct image *n)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (places[i].in_use && places[i].bytes == n->bytes) {
            return &places[i];
        }
    }
    return NULL;
}

/* Makes the first bytes of a place zeros, and the others rubbish, up to `room`. */
static void prepare(struct place *p, uint64_t pages, uint64_t room)
{
    uint64_t from = p->filled > pages ? p->filled : pages;

    memset(p->bytes, 0, (size_t)(pages < p->filled ? pages : p->filled));
    if (p->written > pages) {
        memset(p->bytes + pages, 0xa5, (size_t)(p->written - pages));
    }
    if (room > from) {
        memset(p->bytes + from, 0xa5, (size_t)(room - from));
        p->filled = room;
    }
    p->in_use = true;
}

/* Memory for the image, which reads as zeros where pages go, and as rubbish
 * behind them. */
static void make_room(const struct job *j, struct image *n)
{
    uint64_t pages = rb.counts.page_bytes;
    struct place *p;

    n->base = j->o.base.v;
    n->room = rb.counts.bytes + GROWTH + SLACK;
    p = free_place(n->room);
    if (p != NULL) {
        n->bytes = p->bytes;
        prepare(p, pages, n->room);
    } else {
        n->bytes = far_memory(n->room);
        memset(n->bytes + pages, 0xa5, (size_t)(n->room - pages));
    }
}

/* Whether nothing was written there and behind it. */
static bool rubbish_from(const struct image *n, uint64_t from)
{
    const uint8_t *bytes = n->bytes + from;

    return from >= n->room ||
           (bytes[0] == 0xa5 &&
            memcmp(bytes, bytes + 1, (size_t)(n->room - from - 1)) == 0);
}

void free_image(struct image *n)
{
    struct place *p = n->bytes != NULL ? place_of(n) : NULL;

    if (p != NULL) {
        p->in_use = false;
        p->written =
            n->counts.bytes < p->filled && rubbish_from(n, n->counts.bytes)
                ? n->counts.bytes
                : p->filled;
    } else if (n->bytes != NULL) {
        munmap(n->bytes, (size_t)n->room);
    }
    n->bytes = NULL;
}

static enum ptw_status steps(const struct job *j, struct image *n)
{
    static const struct ptw_page_sink ops = {take_pages};
    struct taker t = {&rb, &rb.wanted, give_rebuild, j->least};
    struct sink s = {n, j->refuse, j->refuse};
    uint64_t at_most;
    enum ptw_status st = ptw_rebuild_init(&rb, &mem, j->root, j->roots, &j->o);

    if (st != PTW_OK) {
        return st;
    }
    while ((st = ptw_rebuild_plan(&rb)) == PTW_E_SPACE) {
        n->asked++;
        provide(&t);
    }
    if (st != PTW_OK) {
        return st;
    }
    make_room(j, n);
    while ((st = ptw_rebuild_copy(&rb, &ops, &s)) == PTW_E_READONLY) {
    }
    if (st != PTW_OK) {
        return st;
    }
    must(rb.counts.bytes <= n->room, "the image grew too much");
    at_most = rb.counts.bytes;
    must(ptw_mem_init_flat(&n->mem, j->o.base, n->bytes, n->room, true) ==
             PTW_OK,
         "flat");
    st = ptw_rebuild_tables(&rb, &n->mem, n->root);
    n->wild = n->wild || !rubbish_from(n, at_most);
    return st;
}

enum ptw_status compact(const struct job *j, struct image *n)
{
    enum ptw_status st;

    memset(n, 0, sizeof *n);
    st = steps(j, n);
    n->counts = rb.counts;
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rb, i));
    }
    if (st != PTW_OK) {
        free_image(n);
    }
    return st;
}

/* --------------------------------------------------------------- the check */

const char CHECK_TOO_LONG[] = "too long";

static char complaint[256];

static bool complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static bool complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    return false;
}

/* A map from numbers that are not 0 to numbers.  It grows when it is half full. */
enum { MAP_LOG2 = 8 };

struct map {
    uint64_t *slot; /* key, value */
    unsigned log2;  /* of the number of slots */
    size_t keys;
};

static void map_make(struct map *m, unsigned log2)
{
    m->slot = calloc((size_t)2 << log2, sizeof *m->slot);
    must(m->slot != NULL, "out of memory");
    m->log2 = log2;
    m->keys = 0;
}

static void map_init(struct map *m)
{
    map_make(m, MAP_LOG2);
}

static void map_free(struct map *m)
{
    free(m->slot);
}

/* The slot that has the key, or that it goes into. */
static uint64_t *map_slot(const struct map *m, uint64_t key)
{
    size_t mask = ((size_t)1 << m->log2) - 1;
    size_t i = (size_t)(key * 0x9E3779B97F4A7C15 >> (64 - m->log2));

    while (m->slot[2 * i] != 0 && m->slot[2 * i] != key) {
        i = (i + 1) & mask;
    }
    return &m->slot[2 * i];
}

static void map_grow(struct map *m)
{
    struct map larger;

    map_make(&larger, m->log2 + 2);
    larger.keys = m->keys;
    for (size_t i = 0; i < (size_t)1 << m->log2; i++) {
        if (m->slot[2 * i] != 0) {
            memcpy(map_slot(&larger, m->slot[2 * i]), &m->slot[2 * i],
                   2 * sizeof *m->slot);
        }
    }
    map_free(m);
    *m = larger;
}

/* The value of a key, 0 at first; to be used before the next call for this map. */
static uint64_t *map_at(struct map *m, uint64_t key)
{
    uint64_t *slot = map_slot(m, key);

    if (slot[0] == 0) {
        if (++m->keys > (size_t)1 << (m->log2 - 1)) {
            map_grow(m);
            slot = map_slot(m, key);
        }
        slot[0] = key;
    }
    return &slot[1];
}

/* One side, as the naive walker sees it. */
struct side {
    struct oracle_ram ram[MAX_PARTS];
    size_t rams;
};

struct check {
    const struct job *j;
    const struct image *n;
    struct oracle_mode mode;
    struct side old;
    struct side now;
    struct map leaves; /* leaf entries that were counted */
    struct map pages;  /* of an old page: leaves, twice, + 1 if one writes */
    struct map page;   /* old page + 1 -> new one */
    struct map was;    /* new page + 1 -> old one */
    struct map table;  /* old table and level -> new one */
    struct map was_table;
    struct map joined; /* new pages that several old ones are */
    struct map written;
    uint64_t matched; /* new pages that were accounted for, in this space */
    bool cut;         /* tables may be cut, and be two then */
};

enum { MAX_ANSWERS = 1 << 16 };

/* And pages of level 0 in a space: a leaf of a high level has more. */
enum { MAX_PAGES = 1 << 26 };

static struct oracle_answer answers[MAX_ANSWERS];

static bool merging(const struct check *g)
{
    return (g->j->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) != 0;
}

static bool copying(const struct check *g)
{
    return (g->j->o.flags &
            (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) != 0;
}

static bool kept(const struct job *j, uint64_t va)
{
    bool in = va >= j->o.first.v && va <= j->o.last.v;

    for (size_t i = 0; i < j->o.leave_outs; i++) {
        in = in &&
             (va < j->o.leave_out[i].first.v || va > j->o.leave_out[i].last.v);
    }
    return in;
}

/* Whether all of it is; the ranges have few ends, and only those matter. */
static bool kept_whole(const struct job *j, uint64_t first, uint64_t last)
{
    bool all = kept(j, first) && kept(j, last);

    for (size_t i = 0; i < j->o.leave_outs; i++) {
        all = all && (j->o.leave_out[i].last.v < first ||
                      j->o.leave_out[i].first.v > last);
    }
    return all;
}

static uint64_t read_entry(const struct side *s, uint64_t pa)
{
    for (size_t i = 0; i < s->rams; i++) {
        if (pa >= s->ram[i].first && pa <= s->ram[i].last) {
            return little_endian(s->ram[i].bytes + (pa - s->ram[i].first),
                                 ptw_entry_bytes(&regime));
        }
    }
    return 0;
}

/* Where the entry of that level for va is; false without a table there. */
static bool entry_place(const struct check *g, const struct side *s,
                        uint64_t root, uint64_t va, unsigned level,
                        uint64_t *pa)
{
    if (!oracle_table_at(&g->mode, s->ram, s->rams, root, va, level, pa)) {
        return false;
    }
    *pa += (uint64_t)index_in(va, level) * ptw_entry_bytes(&regime);
    return true;
}

static struct oracle_answer look(const struct check *g, const struct side *s,
                                 uint64_t root, uint64_t va)
{
    return oracle_translate(&g->mode, s->ram, s->rams, root, va);
}

/* All of a leaf's bits but the address, in the places of a small one, that it has
 * by itself. */
static uint64_t meaning(uint64_t raw, unsigned level)
{
    const struct oracle_format *f = oracle.format;
    uint64_t bits =
        oracle_alone(&oracle, level, raw) & ~f->leaf_bits(&oracle, level);

    for (unsigned l = level; l > 0; l--) {
        bits = f->split(&oracle, l, bits);
    }
    return bits;
}

/* Entries on the way to va that refer to the very table that holds them, in
 * tables above the given level. */
struct selves {
    unsigned count;
    unsigned top; /* the level of the first one */
};

static struct selves selves_of(const struct check *g, const struct side *s,
                               uint64_t root, uint64_t va, unsigned level)
{
    struct selves found = {0, 0};
    uint64_t upper = root;

    for (unsigned l = ptw_levels(&regime) - 1; l > level; l--) {
        uint64_t lower = 0;

        if (!oracle_table_at(&g->mode, s->ram, s->rams, root, va, l - 1,
                             &lower)) {
            break;
        }
        if (upper == lower && entries_at(l) == entries_at(l - 1) &&
            found.count++ == 0) {
            found.top = l;
        }
        upper = lower;
    }
    return found;
}

/* Counts, of every leaf entry, the pages that it maps, and those that it lets the
 * guest write. */
static void count_leaves(struct check *g, uint64_t root,
                         const struct oracle_answer *a)
{
    uint64_t entry = 0;
    uint64_t *seen;

    if (a->kind != ORACLE_LEAF ||
        selves_of(g, &g->old, root, a->first, a->level).count > 0) {
        return;
    }
    must(entry_place(g, &g->old, root, a->first, a->level, &entry), "entry");
    seen = map_at(&g->leaves, (entry << 3 | a->level) + 1);
    if (*seen != 0) {
        return;
    }
    *seen = 1;
    for (uint64_t va = a->first; va - 1 != a->last; va += page_bytes()) {
        if (kept(g->j, va)) {
            uint64_t *page =
                map_at(&g->pages, (a->pa + (va - a->first)) / page_bytes() + 1);

            *page += 2;
            *page |= oracle_writes(&g->mode, true, a->raw);
        }
    }
}

/* Whether the new leaf, of that size, for that part of the old one has to be
 * copy-on-write. */
static bool turns(struct check *g, const struct oracle_answer *a,
                  const struct oracle_answer *b)
{
    if (!copying(g) || !oracle_writes(&g->mode, true, a->raw) ||
        oracle_writes(&g->mode, true,
                      oracle_write_protected(&g->mode, a->level, a->raw))) {
        return false;
    }
    if ((g->j->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        return true;
    }
    for (uint64_t va = b->first; va - 1 != b->last; va += page_bytes()) {
        uint64_t page =
            *map_at(&g->pages, (a->pa + (va - a->first)) / page_bytes() + 1);

        if (page > 3 && page % 2 != 0) { /* two leaves, and one writes */
            return false;
        }
    }
    return true;
}

/* Remembers that x has become y; false when either was otherwise. */
static bool pair_up(struct map *there, struct map *back, uint64_t x, uint64_t y,
                    bool *one_way)
{
    uint64_t *to = map_at(there, x + 1);
    uint64_t *from = map_at(back, y + 1);

    *one_way = *to == 0 || *to == y + 1;
    if (*to == 0) {
        *to = y + 1;
    }
    if (*from == 0) {
        *from = x + 1;
    }
    return *one_way && *from == x + 1;
}

/* The tables on both ways to va, from the top to that level. */
static bool check_tables(struct check *g, unsigned space, uint64_t va,
                         unsigned level)
{
    uint64_t old_root = g->j->root[space].table.v;
    uint64_t new_root = g->n->root[space].table.v;

    for (unsigned l = ptw_levels(&regime); l-- > level;) {
        uint64_t x = 0;
        uint64_t y = 0;
        bool one_way;

        if (!entry_place(g, &g->old, old_root, va, l, &x) ||
            !entry_place(g, &g->now, new_root, va, l, &y)) {
            return complain("space %u va %" PRIx64 ": no table of level %u",
                            space, va, l);
        }
        if (l > level && ((read_entry(&g->old, x) ^ read_entry(&g->now, y)) &
                          ~g->mode.format->table_bits(&g->mode)) != 0) {
            return complain("space %u va %" PRIx64 ": bits of level %u", space,
                            va, l);
        }
        if (!pair_up(&g->table, &g->was_table, (x & ~(uint64_t)0x1f) | l,
                     (y & ~(uint64_t)0x1f) | l, &one_way) &&
            !(g->cut &&
              *map_at(&g->was_table, ((y & ~(uint64_t)0x1f) | l) + 1) ==
                  ((x & ~(uint64_t)0x1f) | l) + 1)) {
            return complain("space %u va %" PRIx64 ": table of level %u shared "
                            "in another way",
                            space, va, l);
        }
    }
    return true;
}

/* One small page of an old leaf, kept and readable, and the new leaf there. */
static bool check_page(struct check *g, unsigned space, uint64_t va,
                       const struct oracle_answer *a,
                       const struct oracle_answer *b)
{
    uint64_t old_pa = a->pa + (va - a->first);
    uint64_t new_pa = b->pa + (va - b->first);
    uint64_t bits = meaning(a->raw, a->level);
    bool turned = turns(g, a, b);
    bool one_way;

    if (turned) {
        bits = oracle_mark(&g->mode, 0, bits);
    }
    if ((g->j->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0 &&
        oracle_marked(&g->mode, a->level, a->raw)) {
        bits &= ~g->mode.format->mark_bits;
    }
    if (meaning(b->raw, b->level) != bits ||
        b->rights != (turned ? a->rights & ~(unsigned)PTW_WRITE : a->rights)) {
        return complain("space %u va %" PRIx64 ": %" PRIx64 " became %" PRIx64,
                        space, va, a->raw, b->raw);
    }
    if (new_pa < g->n->base || new_pa - g->n->base >= g->n->counts.page_bytes) {
        return complain("space %u va %" PRIx64 ": page outside the image",
                        space, va);
    }
    if (memcmp(guest_page(old_pa), g->n->bytes + (new_pa - g->n->base),
               (size_t)page_bytes()) != 0) {
        return complain("space %u va %" PRIx64 ": other bytes", space, va);
    }
    if (oracle_writes(&g->mode, true, b->raw)) {
        *map_at(&g->written, new_pa / page_bytes() + 1) = 1;
    }
    if (!pair_up(&g->page, &g->was, old_pa / page_bytes(),
                 new_pa / page_bytes(), &one_way)) {
        if (!one_way || !merging(g)) {
            return complain("space %u va %" PRIx64 ": page shared in another "
                            "way",
                            space, va);
        }
        *map_at(&g->joined, new_pa / page_bytes() + 1) = 1;
    }
    return !merging(g) || *map_at(&g->joined, new_pa / page_bytes() + 1) == 0 ||
           *map_at(&g->written, new_pa / page_bytes() + 1) == 0 ||
           complain("space %u va %" PRIx64 ": written and merged", space, va);
}

/* Through a slot, a table is read as one of a level below.  Whether an entry on
 * the way to the leaf leads to a table only so: it lies behind the end of a small
 * root, or has bits that are reserved in a table of its own level. */
static bool misread(const struct check *g, unsigned space,
                    const struct oracle_answer *a, unsigned slot)
{
    uint64_t root = g->j->root[space].table.v;
    unsigned above = 0; /* levels between what it is and what it is read as */
    uint64_t upper = 0;
    uint64_t place = 0;

    for (unsigned l = slot; l > a->level; l--) {
        uint64_t lower = 0;

        must(oracle_table_at(&g->mode, g->old.ram, g->old.rams, root, a->first,
                             l, &upper) &&
                 oracle_table_at(&g->mode, g->old.ram, g->old.rams, root,
                                 a->first, l - 1, &lower) &&
                 entry_place(g, &g->old, root, a->first, l, &place),
             "a table on the way");
        if (index_in(a->first, l) >= entries_at(l + above) ||
            g->mode.format
                    ->decode(&g->mode, read_entry(&g->old, place), l + above)
                    .kind != ORACLE_TABLE) {
            return true;
        }
        above += upper == lower && entries_at(l) == entries_at(l - 1);
    }
    return index_in(a->first, a->level) >= entries_at(a->level + above);
}

/* Through a recursive slot the new tables are seen: the new space has the slot as
 * well, and what led to a table leads to a new one. */
static bool check_through_itself(struct check *g, unsigned space,
                                 const struct oracle_answer *a,
                                 struct selves old)
{
    uint64_t root = g->n->root[space].table.v;
    uint64_t size = span(old.top);
    uint64_t first = a->first & ~(size - 1);
    struct oracle_answer b = look(g, &g->now, root, a->first);
    struct selves now = selves_of(g, &g->now, root, a->first, old.top - 1);

    if (!kept_whole(g->j, first, first + (size - 1))) {
        return b.kind != ORACLE_LEAF ||
               complain("space %u va %" PRIx64 ": a self-reference cut", space,
                        a->first);
    }
    if (now.count != 1 || now.top != old.top) {
        return complain("space %u va %" PRIx64 ": recursive slot", space,
                        a->first);
    }
    if (misread(g, space, a, old.top)) {
        return true;
    }
    if (ptw_decode(&regime, a->level + old.count, 0, a->raw).kind ==
            PTW_ENTRY_TABLE &&
        guest_page(a->pa) != NULL &&
        (b.kind != ORACLE_LEAF || b.level != a->level || b.pa < g->n->base ||
         b.pa - g->n->base < g->n->counts.page_bytes ||
         b.pa - g->n->base >= g->n->counts.bytes)) {
        return complain("space %u va %" PRIx64 ": no table", space, a->first);
    }
    return true;
}

static bool check_leaf(struct check *g, unsigned space,
                       const struct oracle_answer *a)
{
    struct selves selves =
        selves_of(g, &g->old, g->j->root[space].table.v, a->first, a->level);
    uint64_t root = g->n->root[space].table.v;
    bool tables = false;

    if (selves.count > 0) {
        return check_through_itself(g, space, a, selves);
    }
    for (uint64_t va = a->first; va - 1 != a->last; va += page_bytes()) {
        struct oracle_answer b;

        if (!kept(g->j, va)) {
            continue; /* whatever is there is found out by counting */
        }
        b = look(g, &g->now, root, va);
        if (guest_page(a->pa + (va - a->first)) == NULL) {
            if (b.kind == ORACLE_LEAF) {
                return complain("space %u va %" PRIx64 ": unreadable before",
                                space, va);
            }
            continue;
        }
        if (b.kind != ORACLE_LEAF) {
            return complain("space %u va %" PRIx64 ": lost", space, va);
        }
        if (!check_page(g, space, va, a, &b) ||
            (!tables && !check_tables(g, space, va, a->level))) {
            return false;
        }
        tables = true;
        g->matched++;
    }
    return true;
}

/* An old entry that maps nothing.  What it names is the tests' to know. */
static bool check_nothing(struct check *g, unsigned space,
                          const struct oracle_answer *a)
{
    enum ptw_absent_policy policy = g->j->o.absent.policy;
    struct oracle_answer b;

    if (a->kind == ORACLE_GAP || !kept_whole(g->j, a->first, a->last) ||
        selves_of(g, &g->old, g->j->root[space].table.v, a->first, a->level)
                .count > 0) {
        return true;
    }
    for (size_t i = 0; i < g->j->o.maps; i++) {
        if (g->j->o.map[i].first.v <= a->last &&
            g->j->o.map[i].last.v >= a->first) {
            return true;
        }
    }
    b = look(g, &g->now, g->n->root[space].table.v, a->first);
    if (b.kind != ORACLE_ABSENT ||
        (a->kind == ORACLE_ABSENT && policy < PTW_ABSENT_LINUX &&
         b.raw != (policy == PTW_ABSENT_CLEAR ? 0 : a->raw))) {
        return complain("space %u va %" PRIx64 ": nothing became %" PRIx64,
                        space, a->first, b.raw);
    }
    return true;
}

/* What was asked for in every space besides. */
static bool check_maps(struct check *g, unsigned space)
{
    for (size_t i = 0; i < g->j->o.maps; i++) {
        const struct ptw_map_request *m = &g->j->o.map[i];

        for (uint64_t va = m->first.v; va - 1 != m->last.v;
             va += page_bytes()) {
            struct oracle_answer b =
                look(g, &g->now, g->n->root[space].table.v, va);

            if (b.kind != ORACLE_LEAF ||
                b.pa + (va - b.first) != m->pa.v + (va - m->first.v) ||
                b.rights != m->rights) {
                return complain("space %u va %" PRIx64 ": not mapped as asked",
                                space, va);
            }
            g->matched++;
        }
    }
    return true;
}

/* Everything that the new space maps was accounted for, but for what is seen
 * through a recursive slot: there, the slot was. */
static bool check_extras(struct check *g, unsigned space)
{
    uint64_t root = g->n->root[space].table.v;
    size_t count = oracle_walk(&g->mode, g->now.ram, g->now.rams, root, 0,
                               UINT64_MAX, answers, MAX_ANSWERS);
    uint64_t pages = 0;

    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answers[i];
        struct selves now;

        if (a->kind != ORACLE_LEAF) {
            continue;
        }
        now = selves_of(g, &g->now, root, a->first, a->level);
        if (now.count == 0) {
            pages += (a->last - a->first) / page_bytes() + 1;
        } else if (selves_of(g, &g->old, g->j->root[space].table.v, a->first,
                             now.top - 1)
                       .top != now.top) {
            return complain("space %u va %" PRIx64 ": a new recursive slot",
                            space, a->first);
        }
    }
    return count == MAX_ANSWERS || pages == g->matched ||
           complain("space %u: %" PRIu64 " pages, and %" PRIu64 " expected",
                    space, pages, g->matched);
}

static bool check_space(struct check *g, unsigned space, bool count_only)
{
    uint64_t root = g->j->root[space].table.v;
    size_t count = oracle_walk(&g->mode, g->old.ram, g->old.rams, root, 0,
                               UINT64_MAX, answers, MAX_ANSWERS);
    uint64_t pages = 0;

    for (size_t i = 0; i < count; i++) {
        if (answers[i].kind == ORACLE_LEAF) {
            pages += (answers[i].last - answers[i].first) / page_bytes() + 1;
        }
    }
    if (count == MAX_ANSWERS || pages > MAX_PAGES) {
        (void)snprintf(complaint, sizeof complaint, "%s", CHECK_TOO_LONG);
        return false;
    }
    g->matched = 0;
    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answers[i];

        if (count_only) {
            count_leaves(g, root, a);
        } else if (a->kind == ORACLE_LEAF ? !check_leaf(g, space, a)
                                          : !check_nothing(g, space, a)) {
            return false;
        }
    }
    return count_only || (check_maps(g, space) && check_extras(g, space));
}

/* Roots given twice stay one root, and others stay two. */
static bool check_roots(const struct job *j, const struct image *n)
{
    for (uint32_t i = 0; i < j->roots; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if ((j->root[i].table.v == j->root[k].table.v) !=
                (n->root[i].table.v == n->root[k].table.v)) {
                return complain("roots %u and %u", k, i);
            }
        }
    }
    return true;
}

const char *check_image(const struct job *j, const struct image *n)
{
    struct check g = {.j = j, .n = n, .mode = mode_of(&regime)};
    struct map *maps[] = {&g.leaves, &g.pages,     &g.page,   &g.was,
                          &g.table,  &g.was_table, &g.joined, &g.written};
    bool fine = check_roots(j, n);

    g.cut =
        j->o.leave_outs > 0 || j->o.first.v != 0 || j->o.last.v != UINT64_MAX;
    for (unsigned i = 0; i < guest.parts; i++) {
        const struct part *p = &guest.part[i];

        if (p->kind == DIRECT || p->kind == SERVED) {
            g.old.ram[g.old.rams].first = p->first;
            g.old.ram[g.old.rams].last = p->last;
            g.old.ram[g.old.rams++].bytes = p->bytes;
        }
    }
    g.now.ram[0].first = n->base;
    g.now.ram[0].last = n->base + (n->counts.bytes - 1);
    g.now.ram[0].bytes = n->bytes;
    g.now.rams = 1;
    for (unsigned i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        map_init(maps[i]);
    }
    for (uint32_t i = 0; fine && copying(&g) && i < j->roots; i++) {
        fine = check_space(&g, i, true);
    }
    for (uint32_t i = 0; fine && i < j->roots; i++) {
        fine = check_space(&g, i, false);
    }
    for (unsigned i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        map_free(maps[i]);
    }
    return fine ? "" : complaint;
}

uint64_t image_table(const struct image *n, unsigned i, uint64_t va,
                     unsigned level)
{
    struct oracle_mode now = mode_of(&regime);
    struct oracle_ram r = {n->base, n->base + (n->room - 1), n->bytes};
    uint64_t table = 0;

    must(oracle_table_at(&now, &r, 1, n->root[i].table.v, va, level, &table),
         "no table of the image there");
    return table;
}

static uint8_t *image_place(const struct image *n, unsigned i, uint64_t va,
                            unsigned level)
{
    return n->bytes + (image_table(n, i, va, level) - n->base) +
           index_in(va, level) * ptw_entry_bytes(&regime);
}

uint64_t image_entry(const struct image *n, unsigned i, uint64_t va,
                     unsigned level)
{
    return little_endian(image_place(n, i, va, level),
                         ptw_entry_bytes(&regime));
}

void poke(struct image *n, unsigned i, uint64_t va, unsigned level,
          uint64_t raw)
{
    uint8_t *at = image_place(n, i, va, level);

    for (unsigned b = 0; b < ptw_entry_bytes(&regime); b++) {
        at[b] = (uint8_t)(raw >> (8 * b));
    }
}

/* ---------------------------------------------------------------- verifying */

enum ptw_status verified(const struct job *j, const struct image *n)
{
    struct taker t = {&verify, &verify.wanted, give_verify, j->least};
    struct ptw_verify_options o = ptw_verify_options_of(&j->o);
    enum ptw_status st =
        ptw_verify_init(&verify, &mem, j->root, &n->mem, n->root, j->roots, &o);

    if (st != PTW_OK) {
        return st;
    }
    while ((st = ptw_verify_run(&verify)) == PTW_E_SPACE) {
        provide(&t);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&verify, i));
    }
    return st;
}

/* --------------------------------------------------------------------- good */

static bool same_image(const struct image *x, const struct image *y,
                       uint64_t bytes)
{
    return x->counts.page_bytes == y->counts.page_bytes &&
           memcmp(x->bytes, y->bytes, (size_t)bytes) == 0;
}

/* The image rebuilt once more, as a guest of its own.  Its marks are to stay. */
static bool again(const struct job *j, const struct image *n, struct image *m)
{
    struct job second = *j;
    struct ptw_mem guests = mem;
    enum ptw_status st;

    second.o.flags &=
        ~(unsigned)(PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_CLEAR_MARKED);
    memcpy(second.root, n->root, sizeof second.root);
    mem = n->mem;
    st = compact(&second, m);
    mem = guests;
    return st == PTW_OK || complain("rebuilt again: %s", ptw_status_text(st));
}

static uint64_t dropped(const struct image *n)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < PTW_DROPS; i++) {
        all += n->counts.dropped[i];
    }
    return all;
}

/* Where nothing was dropped, the pages lie where they lay; where no table came
 * besides those that the guest had, the whole image is the same.  But what an
 * unknown entry names there may be in the new memory. */
static bool fixed_point(const struct job *j, const struct image *n)
{
    struct image m;
    bool fine;

    if (!again(j, n, &m)) {
        return false;
    }
    fine = dropped(n) + n->counts.absent_unknown != 0 ||
           (dropped(&m) == 0 &&
            same_image(n, &m,
                       n->counts.split + j->o.maps > 0 ? n->counts.page_bytes
                                                       : n->counts.bytes));
    free_image(&m);
    return fine || complain("no fixed point");
}

static bool all_is_well(const struct job *j, const struct image *n)
{
    enum ptw_status st;
    const char *why;

    if (n->wild) {
        return complain("a write out of place or order");
    }
    if (n->written != (n->counts.pages - n->counts.zeros) * page_bytes() &&
        n->counts.zeros + dropped(n) == 0) {
        return complain("%" PRIu64 " bytes written for %" PRIu64 " pages",
                        n->written, n->counts.pages);
    }
    if (!rubbish_from(n, n->counts.bytes)) {
        return complain("something was written behind the image");
    }
    why = check_image(j, n);
    if (why[0] != '\0' && strcmp(why, CHECK_TOO_LONG) != 0) {
        return false;
    }
    st = verified(j, n);
    if (st != PTW_OK) {
        return complain("verify: %s, %s, space %u va %" PRIx64,
                        ptw_status_text(st),
                        ptw_difference_text(verify.difference.kind),
                        verify.difference.space, verify.difference.va.v);
    }
    return fixed_point(j, n) && (why[0] == '\0' || complain("%s", why));
}

const char *good(const struct job *j, struct image *n)
{
    struct image own;
    struct image *m = n != NULL ? n : &own;
    enum ptw_status st = compact(j, m);
    bool fine = false;

    if (st == PTW_OK) {
        fine = all_is_well(j, m);
    } else {
        (void)complain("rebuild: %s", ptw_status_text(st));
    }
    if (n == NULL) {
        free_image(m);
    }
    return fine ? "" : complaint;
}
