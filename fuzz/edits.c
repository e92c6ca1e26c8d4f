/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of edits: README.md has them, and the format, in words. */
#include "check.h"
#include "machine.h"
#include "make_alias.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

enum { EDITS = 16, SHARES_LOG2 = 12, SLOT = 24 };

static _Alignas(FZ_PAGE) uint8_t storage[2][FM_PAGES][FZ_PAGE];
static _Alignas(FZ_PAGE) uint8_t old[FM_PAGES][FZ_PAGE];
static _Alignas(8) unsigned char shares_store[2][SLOT << SHARES_LOG2];
static _Alignas(8) unsigned char memo_store[2][SLOT << SHARES_LOG2];

/* How an input wants its edits made: `options` of its `host`. */
enum edit_option {
    OPT_BORROW = 1,
    OPT_KEEP = 2,   /* no give: what was not needed is kept */
    OPT_DIRECT = 4, /* the pool is host memory */
    OPT_VOUCH = 8,  /* no shares where nothing is shared */
    OPT_LOOSE = 16, /* space_map: without PTW_EDIT_EXACT */
    OPT_RUNS = 32,
    OPT_AGAIN = 64, /* tables move whenever they are asked to */
    OPT_MOVES = 128 /* link: tables move */
};

/* What take or move returns in place of a table.  That the last two are wrong
 * nobody can see: then only memory outside is safe, and an input ends. */
enum fault {
    FAULT_NONE,
    FAULT_UNALIGNED,
    FAULT_OUTSIDE, /* of all regions */
    FAULT_PART,    /* part of it is outside */
    FAULT_READONLY,
    FAULT_WIDE,   /* beyond what an entry can refer to */
    FAULT_FULL,   /* not all zeros */
    FAULT_IN_USE, /* a table, or a page that was taken before */
};

static const char *const fault_name[] = {
    [FAULT_NONE] = "nothing",
    [FAULT_UNALIGNED] = "which is not aligned",
    [FAULT_OUTSIDE] = "which is outside memory",
    [FAULT_PART] = "which is in part outside memory",
    [FAULT_READONLY] = "which is read-only",
    [FAULT_WIDE] = "which no entry can refer to",
    [FAULT_FULL] = "which is not empty",
    [FAULT_IN_USE] = "which is in use",
};

/* The host of an edit. */
struct host {
    struct fm m;
    struct ptw_region region[FZ_REGIONS + 2];
    struct ptw_mem mem;
    unsigned options;
    uint64_t poison;
    unsigned pool_limit; /* tables of it that may be taken */

    /* This edit: */
    unsigned takes_left;
    bool editing;
    bool refused; /* take or move did, or what they returned can't be */
    enum ptw_status refusal;
    unsigned refusals; /* if so: what the edit may say, 1 << a status */
    unsigned takes;    /* calls */
    unsigned taken;    /* calls that returned a table */
    enum fault take_fault;
    unsigned take_fault_at; /* which call; 0: none */
    enum fault move_fault;  /* in place of a refusal */
    uint64_t bad;           /* what take returned, */
    bool bad_out;           /* and has to be given back */
    int high;               /* what take returned last, if no root register */
                            /* can have it; or -1 */
    bool tainted;           /* the tables have what they must not have */
    bool misled;            /* the same, by what an edit can't see */
    bool crooked;           /* a table was at two levels */
    unsigned reads;         /* through callbacks */
    unsigned writes;
    unsigned given_back; /* calls */
    bool restless;       /* entries change under the edit */
    uint64_t random;
    unsigned moves; /* calls */
    unsigned moved;
    unsigned move_mask;
    unsigned move_refused_at;
    uint64_t hook_root;
    bool hooked;
    bool movable;   /* tables are asked before they are written */
    unsigned given; /* of the tables that this edit did not take */
};

static struct host host;
static struct fm source;
static struct fz_world world;
static struct ptw_shares shares;
static unsigned shares_at; /* the storage that it is in */

/* A fuzzer compares a prefix where there is much. */
static uint64_t entries_to_compare(void)
{
    return world.thorough ? FM_ENTRIES : 8192;
}

static void must(enum ptw_status st, const char *what)
{
    if (st != PTW_OK) {
        fz_fail("%s: %s", what, ptw_status_text(st));
    }
}

/* ------------------------------------------------------------------ memory */

/* What leads from a table in stock to the next one; and a leaf that was used. */
enum {
    LINK_BYTES = 8,
    PAGE_FLAGS = FZ_TO_ALL | FZ_WAS_ACCESSED | FZ_WAS_WRITTEN
};

/* Now and then, what the guest might have written there since. */
static enum ptw_status changed(struct host *h, uint64_t pa, unsigned n,
                               uint64_t *out)
{
    uint64_t r = fz_random(&h->random);
    uint64_t page = h->m.page[(r >> 32) % h->m.pages].frame * FZ_PAGE;
    uint64_t size = 0;
    int here = fm_over(&h->m, pa, &size);

    /* Not what a table in stock leads to: that is no entry, and where it leads
     * to another page that could be a table, nobody sees it. */
    if (r % 4 != 0 ||
        (here >= 0 && h->m.table[here].state == FM_TAKEN &&
         !h->m.table[here].linked && pa - h->m.table[here].pa < LINK_BYTES)) {
        return PTW_OK;
    }
    switch (r >> 8 & 7) {
    case 0:
        *out = 0;
        break;
    case 1:
        *out ^= (uint64_t)1 << (r >> 16) % (8 * n);
        break;
    case 2:
        *out = fz_entry(&world, PAGE_FLAGS, page);
        break;
    case 3:
        *out = fz_entry(&world, PAGE_FLAGS | FZ_LARGE,
                        page & ~(((uint64_t)2 << fz_shift(&world, 1)) - 1));
        break;
    case 4:
        *out =
            fz_entry(&world, PAGE_FLAGS, page) |
            (oracle_frame(h->m.mode, 0) & ~(oracle_frame(h->m.mode, 0) >> 1));
        break;
    case 5:
        *out = fz_random(&h->random) | fz_entry(&world, FZ_PRESENT, 0);
        break;
    case 6:
        pa ^= r >> 40 & (fm_table_bytes(&h->m, 0) - n);
        if (fm_region_of(&h->m, pa, n) != NULL) {
            (void)fm_read(&h->m, pa, n, out);
        }
        break;
    default:
        return PTW_E_BUS;
    }
    *out &= n == 4 ? 0xFFFFFFFF : UINT64_MAX;
    return PTW_OK;
}

static enum ptw_status read_any(struct host *h, uint64_t pa, unsigned n,
                                uint64_t *out)
{
    if (pa % n != 0) {
        fz_fail("an edit reads at %llx, which is not aligned", HEX(pa));
    }
    h->reads++;
    if (!fm_read(&h->m, pa, n, out)) {
        return PTW_E_BUS;
    }
    return h->restless && h->editing ? changed(h, pa, n, out) : PTW_OK;
}

/* May that byte be written in this edit?  It is enough that one table may. */
static void check_byte(const struct host *h, uint64_t pa)
{
    bool own = true;
    uint64_t size = 0;
    int i;

    if (!h->editing) {
        fz_fail("a walk writes to %llx", HEX(pa));
    }
    while ((i = fm_over(&h->m, pa, &size)) >= 0) {
        const struct fm_table *t = &h->m.table[i];

        if (t->state == FM_TAKEN || (t->state == FM_WORLD && t->linked)) {
            return;
        }
        own = own && t->state == FM_WORLD;
    }
    fz_fail("an edit writes to %llx, which is %s", HEX(pa),
            own ? "no table" : "not its own");
}

/* Whether a table that was there before the edit has that byte. */
static bool was_table(const struct host *h, uint64_t pa)
{
    uint64_t size = 0;
    int i;

    while ((i = fm_over(&h->m, pa, &size)) >= 0) {
        if (h->m.table[i].linked) {
            return true;
        }
    }
    return false;
}

static enum ptw_status write_any(struct host *h, uint64_t pa, unsigned n,
                                 uint64_t value)
{
    const struct fm_region *r = fm_region_of(&h->m, pa, n);

    if (r == NULL || pa % n != 0 || !r->readable || !r->writable) {
        fz_fail("an edit writes at %llx, outside the memory offered", HEX(pa));
    }
    h->writes++;
    if (fm_find(&h->m, pa / FZ_PAGE) < 0) {
        if (h->tainted) {
            return PTW_OK;
        }
        fz_fail("an edit writes at %llx, where no table is", HEX(pa));
    }
    if (!h->tainted) {
        check_byte(h, pa);
        check_byte(h, pa + (n - 1));
    }
    if (n != h->m.entry_bytes && was_table(h, pa) &&
        (h->options & OPT_KEEP) == 0 && !h->tainted) {
        fz_fail("an edit writes %u bytes at %llx, entries have %u", n, HEX(pa),
                h->m.entry_bytes);
    }
    fm_store(&h->m, pa, n, value);
    return PTW_OK;
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t v = 0;
    enum ptw_status st = read_any(ctx, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    *out = 0;
    return read_any(ctx, pa.v, 8, out);
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    return write_any(ctx, pa.v, 4, value);
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    return write_any(ctx, pa.v, 8, value);
}

/* What is lent may be written to; whether it might have been shows later. */
static const void *borrow(void *ctx, ptw_pa pa, uint64_t n)
{
    struct host *h = ctx;
    const struct fm_region *r = fm_region_of(&h->m, pa.v, n);
    int page;

    if (r == NULL) {
        fz_fail("%llu bytes borrowed at %llx, outside the memory offered",
                HEX(n), HEX(pa.v));
    }
    page = fm_find(&h->m, pa.v / FZ_PAGE);
    if (!r->readable || pa.v % FZ_PAGE + n > FZ_PAGE || page < 0 ||
        h->restless) {
        return NULL;
    }
    if (h->editing) {
        fm_touch(&h->m, (unsigned)page);
    }
    return h->m.bytes[page] + pa.v % FZ_PAGE;
}

static const struct ptw_mem_ops by_callbacks = {
    .read32 = read32,
    .read64 = read64,
    .write32 = write32,
    .write64 = write64,
};

static const struct ptw_mem_ops by_borrowing = {
    .read32 = read32,
    .read64 = read64,
    .borrow = borrow,
    .write32 = write32,
    .write64 = write64,
};

/* ------------------------------------------------------------- the machine */

static void machine_init(struct fm *m, const struct fz_world *w,
                         uint8_t (*contents)[FZ_PAGE],
                         uint8_t (*before)[FZ_PAGE])
{
    m->regime = &w->regime;
    m->levels = w->levels;
    m->entry_bytes = w->entry_bytes;
    m->mode = &w->mode;
    m->regions = 0;
    m->pool_pages = 0;
    m->pool_next = 0;
    m->pages = 0;
    m->pool_tables = 0;
    m->tables = 0;
    memset(&m->page_index, 0, sizeof m->page_index);
    memset(&m->table_index, 0, sizeof m->table_index);
    m->bytes = contents;
    m->old = before;
    m->roots = 0;
    m->read_known = false;
    m->overflow = false;
}

static void add_world(struct fm *m, const struct fz_world *w, unsigned readonly)
{
    for (unsigned i = 0; i < w->regions; i++) {
        struct fm_region *r = &m->region[m->regions++];

        r->first = w->region[i].first;
        r->last = w->region[i].last;
        r->readable = w->region[i].readable;
        r->writable = r->readable && (readonly >> i & 1) == 0;
    }
    for (unsigned i = 0; i < w->pages; i++) {
        for (uint64_t at = 0; at < w->unit; at += FZ_PAGE) {
            uint64_t pa = w->frame[i] * w->unit + at;
            int page = fm_page_for(m, pa / FZ_PAGE);

            if (page < 0) {
                m->overflow = true;
                return;
            }
            memcpy(m->bytes[page], w->page[i] + at, FZ_PAGE);
        }
    }
    m->roots = w->roots;
    for (unsigned i = 0; i < w->roots; i++) {
        m->root[i] = w->root[i];
        m->rooted[i] =
            fz_world_touches(w, w->root[i], fm_table_bytes(m, m->levels - 1)) &&
            ptw_root_check(&w->regime, ptw_pa_of(w->root[i])) == PTW_OK;
    }
}

static bool pool_used[FM_POOL];

/* Memory for so many pages from `first` on, or above, where the world has none;
 * 0: there is none below the limit. */
static uint64_t room_beside(const struct fz_world *w, uint64_t first,
                            uint64_t size, uint64_t limit)
{
    for (unsigned i = 0; i < w->regions; i++) {
        if (first > limit) {
            return 0;
        }
        if (w->region[i].first <= first + size + FZ_PAGE &&
            w->region[i].last >= first - FZ_PAGE) {
            first += 0x01000000;
            i = UINT32_MAX; /* again */
        }
    }
    return first;
}

static void add_pool_pages(struct fm *m, uint64_t first, unsigned pages)
{
    m->region[m->regions++] = (struct fm_region){
        first, first + (uint64_t)pages * FZ_PAGE - 1, true, true};
    for (unsigned i = 0; i < pages; i++) {
        unsigned page;

        m->pool_pages++;
        page = (unsigned)fm_page_for(m, first / FZ_PAGE + i);
        if (pool_used[page]) {
            memset(m->bytes[page], 0, FZ_PAGE);
            pool_used[page] = false;
        }
    }
    for (uint64_t at = 0; at + m->pool_bytes <= (uint64_t)pages * FZ_PAGE;
         at += m->pool_bytes) {
        struct fm_table *t;

        if (m->pool_tables == FM_POOL) {
            break;
        }
        t = &m->table[fm_table_for(m, first + at)];
        t->bytes = m->pool_bytes;
        t->state = FM_FREE;
        m->pool_tables++;
    }
}

/* Whether roots can't be wherever tables can: half of the pool is where no root
 * can be. */
static bool has_high(const struct fm *m)
{
    const struct oracle_format *f = m->mode->format;

    return f->root_pa_bits(m->mode) < f->table_pa_bits(m->mode);
}

/* The pool comes first, so that its pages are in one piece, or two. */
static void add_pool(struct fm *m, const struct fz_world *w)
{
    unsigned pages = has_high(m) ? FM_POOL / 2 : FM_POOL;
    uint64_t size = (uint64_t)pages * FZ_PAGE;
    uint64_t first = room_beside(w, 0x30000000, size, 0xF0000000);
    uint64_t high = 0;

    m->pool_bytes = oracle_largest_table(m->mode->format);
    if (has_high(m)) {
        high = (uint64_t)1 << m->mode->format->root_pa_bits(m->mode);
        high = room_beside(w, high + m->pool_bytes, size, high + 0x40000000);
    }
    if (first == 0 || (high == 0 && has_high(m))) {
        m->overflow = true; /* all of it is taken */
        return;
    }
    m->pool = first;
    add_pool_pages(m, first, pages);
    if (high != 0) {
        add_pool_pages(m, high, pages);
    }
}

/* Whether the pool begins there, or its second half. */
static bool is_pool(const struct fm *m, uint64_t pa)
{
    int page = fm_find(m, pa / FZ_PAGE);

    return page >= 0 && (unsigned)page < m->pool_pages;
}

static void host_memory(struct host *h)
{
    const struct fm *m = &h->m;

    for (unsigned i = 0; i < m->regions; i++) {
        h->region[i].first.v = m->region[i].first;
        h->region[i].last.v = m->region[i].last;
        h->region[i].writable = m->region[i].writable;
        h->region[i].host = NULL;
        if ((h->options & OPT_DIRECT) != 0 && is_pool(m, m->region[i].first)) {
            h->region[i].host =
                m->bytes[fm_find(m, m->region[i].first / FZ_PAGE)];
        }
    }
    must(ptw_mem_init_callbacks(&h->mem,
                                (h->options & OPT_BORROW) != 0 ? &by_borrowing
                                                               : &by_callbacks,
                                h, h->region, m->regions),
         "memory");
}

/* --------------------------------------------------------------- the tables */

/* Where roots can be only in one half of the pool, tables come from both in turn. */
static unsigned pool_order(const struct fm *m, unsigned k)
{
    k %= m->pool_tables;
    return has_high(m) ? k % 2 * (m->pool_tables / 2) + k / 2 : k;
}

static bool is_high(const struct fm *m, uint64_t pa)
{
    return pa >> m->mode->format->root_pa_bits(m->mode) != 0;
}

/* A table of the pool; a root's, where it has to be. */
static int take_table(struct host *h, bool root)
{
    for (unsigned i = 0; i < h->m.pool_tables && h->pool_limit > 0; i++) {
        unsigned k = pool_order(&h->m, h->m.pool_next++);
        struct fm_table *t = &h->m.table[k];

        if (t->state == FM_FREE && !(root && is_high(&h->m, t->pa))) {
            t->state = FM_TAKEN;
            fm_touch_range(&h->m, t->pa, t->bytes);
            for (uint64_t at = 0; at < t->bytes; at += FZ_PAGE) {
                pool_used[fm_find(&h->m, (t->pa + at) / FZ_PAGE)] = true;
            }
            h->pool_limit--;
            return (int)k;
        }
    }
    return -1;
}

static void fill_with(struct host *h, uint64_t pa, uint64_t bytes, uint64_t v)
{
    for (uint64_t i = 0; i < bytes; i += 8) {
        fm_store(&h->m, pa + i, 8, v);
    }
}

static void poison(struct host *h, uint64_t pa, uint64_t bytes)
{
    uint64_t v = h->poison;

    for (unsigned at = 0; at < 8; at += h->m.entry_bytes) {
        v |= fz_entry(&world, FZ_TO_ALL, 0) << 8 * at;
    }
    fill_with(h, pa, bytes, v);
}

/* A table that is wanted, or that moves. */
struct wanted {
    uint64_t bytes;
    bool root;
};

static struct wanted any_table(const struct host *h)
{
    return (struct wanted){h->m.pool_bytes, false};
}

static unsigned width_of(const struct host *h, const struct wanted *is)
{
    const struct oracle_format *f = h->m.mode->format;

    return is->root ? f->root_pa_bits(h->m.mode) : f->table_pa_bits(h->m.mode);
}

/* Why no such table can be at pa: a set of 1 << a status. */
static unsigned why_not(const struct host *h, uint64_t pa,
                        const struct wanted *is)
{
    const struct fm_region *r = fm_region_of(&h->m, pa, is->bytes);
    unsigned why = 0;

    if (pa % is->bytes != 0) {
        why |= 1u << PTW_E_ALIGN;
    }
    if (pa >> width_of(h, is) != 0) {
        why |= 1u << PTW_E_WIDTH;
    }
    if (r == NULL) {
        why |= 1u << PTW_E_BUS;
    } else if (!r->writable) {
        why |= 1u << PTW_E_READONLY;
    }
    return why;
}

/* What is a table now, or was taken; where to begin is by chance. */
static bool page_in_use(const struct host *h, uint64_t *pa)
{
    unsigned start = (unsigned)(h->poison >> 16) % h->m.pages;
    struct wanted any = any_table(h);

    for (unsigned i = 0; i < h->m.pages; i++) {
        int t;

        *pa = h->m.page[(start + i) % h->m.pages].frame * FZ_PAGE;
        t = fm_table(&h->m, *pa);
        if (t >= 0 &&
            (h->m.table[t].state == FM_TAKEN ||
             (h->m.table[t].state == FM_WORLD && h->m.table[t].linked)) &&
            why_not(h, *pa, &any) == 0) {
            return true;
        }
    }
    return false;
}

/* An address that can't be such a table's for that reason, if there is one. */
static bool bad_address(const struct host *h, enum fault fault,
                        const struct wanted *is, uint64_t *pa)
{
    unsigned want = fault == FAULT_READONLY ? 1u << PTW_E_READONLY
                    : fault == FAULT_WIDE   ? 1u << PTW_E_WIDTH
                                            : 1u << PTW_E_BUS;

    if (fault == FAULT_UNALIGNED) {
        *pa = h->m.pool + (h->poison >> 12) % (4 * FZ_PAGE);
        *pa &= (h->poison >> 40 & 3) == 0 ? UINT64_MAX : ~(uint64_t)7;
        *pa += *pa % is->bytes == 0 ? 8 : 0;
        return true;
    }
    for (unsigned i = 0; i < h->m.regions; i++) {
        const struct fm_region *r = &h->m.region[i];
        uint64_t first = r->first & ~(is->bytes - 1);
        uint64_t last = r->last & ~(is->bytes - 1);
        uint64_t at[4] = {last, first, last + is->bytes, first + is->bytes};

        for (unsigned k = 0; k < 4; k++) {
            *pa = at[k];
            if (why_not(h, *pa, is) == want &&
                (fault == FAULT_OUTSIDE || fault == FAULT_PART
                     ? fm_touches(&h->m, *pa, is->bytes) ==
                           (fault == FAULT_PART)
                     : true)) {
                return true;
            }
        }
    }
    *pa = h->m.pool | (uint64_t)1 << width_of(h, is);
    return fault == FAULT_WIDE;
}

/* What is in a table that should be empty: entries that lead anywhere, or what
 * the first root has. */
static void fill(struct host *h, const struct fm_table *t)
{
    uint64_t root = h->m.root[0] / FZ_PAGE * FZ_PAGE;

    if (fm_find(&h->m, root / FZ_PAGE) < 0 || (h->poison >> 13 & 1) == 0) {
        poison(h, t->pa, t->bytes);
        return;
    }
    for (uint64_t i = 0; i < t->bytes; i += 8) {
        fm_store(&h->m, t->pa + i, 8, fm_load(&h->m, false, root + i, 8));
    }
}

/* Returns that in place of a table; false: there is nothing of the kind. */
static bool wrong_table(struct host *h, enum fault fault,
                        const struct wanted *is, ptw_pa *table)
{
    int t;

    switch (fault) {
    case FAULT_NONE:
        return false;
    case FAULT_UNALIGNED:
    case FAULT_OUTSIDE:
    case FAULT_PART:
    case FAULT_READONLY:
    case FAULT_WIDE:
        if (!bad_address(h, fault, is, &table->v)) {
            return false;
        }
        h->refused = true;
        h->refusals = why_not(h, table->v, is);
        return true;
    case FAULT_FULL:
        t = take_table(h, is->root);
        if (t < 0) {
            return false;
        }
        fill(h, &h->m.table[t]);
        table->v = h->m.table[t].pa;
        h->misled = true;
        h->tainted = true;
        return true;
    case FAULT_IN_USE:
        if (!page_in_use(h, &table->v)) {
            return false;
        }
        h->misled = true;
        h->tainted = true;
        return true;
    }
    return false;
}

static enum ptw_status refuse(struct host *h)
{
    h->refused = true;
    h->refusals = 1u << h->refusal;
    return h->refusal;
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct host *h = ctx;
    struct wanted any = any_table(h);
    int t = -1;

    h->takes++;
    h->high = -1;
    if (h->takes == h->take_fault_at &&
        wrong_table(h, h->take_fault, &any, table)) {
        fz_say("    takes %llx, %s\n", HEX(table->v),
               fault_name[h->take_fault]);
        h->bad = table->v;
        h->bad_out = h->refused && (h->options & OPT_KEEP) == 0;
        h->taken += !h->refused;
        return PTW_OK;
    }
    if (h->takes_left > 0) {
        h->takes_left--;
        t = take_table(h, false);
    }
    if (t < 0) {
        fz_say("    is refused a table: %s\n", ptw_status_text(h->refusal));
        return refuse(h);
    }
    h->m.table[t].asked = true;
    fill_with(h, h->m.table[t].pa, h->m.table[t].bytes, 0);
    table->v = h->m.table[t].pa;
    h->high = is_high(&h->m, table->v) ? t : -1;
    h->taken++;
    fz_say("    takes %llx\n", HEX(table->v));
    return PTW_OK;
}

static void give(void *ctx, ptw_pa table)
{
    struct host *h = ctx;
    int i = fm_table(&h->m, table.v);
    struct fm_table *t;

    h->given_back++;
    fz_say("    gives %llx back\n", HEX(table.v));
    if (h->bad_out && table.v == h->bad) {
        h->bad_out = false;
        return;
    }
    if (h->tainted) {
        return;
    }
    if (i < 0) {
        fz_fail("%llx is given back, which is no table", HEX(table.v));
    }
    t = &h->m.table[i];
    if (t->state == FM_FREE || t->state == FM_GIVEN ||
        (t->state == FM_WORLD && !t->linked)) {
        fz_fail("%llx is given back, which was not taken", HEX(table.v));
    }
    h->given += t->linked;
    poison(h, t->pa, t->bytes);
    h->pool_limit += t->state == FM_TAKEN;
    t->state = t->state == FM_WORLD ? FM_GIVEN : FM_FREE;
}

static const struct ptw_table_ops with_give = {take, give};
static const struct ptw_table_ops without_give = {take, NULL};

/* The size of a table, by the levels at which it was met; of one that is new, of
 * the largest. */
static uint64_t table_size(const struct host *h, const struct fm_table *t)
{
    uint64_t most = 0;

    for (unsigned level = 0; level < h->m.levels; level++) {
        uint64_t bytes = fm_table_bytes(&h->m, level);

        most = t->dirt[level] != 0 && bytes > most ? bytes : most;
    }
    return most != 0 ? most : t->bytes;
}

static enum ptw_status move(void *ctx, ptw_pa table, ptw_pa *now)
{
    struct host *h = ctx;
    int from = fm_table(&h->m, table.v);
    unsigned call = h->moves++;
    const struct fm_region *region;
    struct wanted is;
    struct fm_table *t;
    struct fm_table *t_now;
    int to;

    *now = table;
    if (h->tainted) {
        return PTW_OK;
    }
    if (from < 0) {
        fz_fail("%llx is to be moved, which is no table", HEX(table.v));
    }
    t = &h->m.table[from];
    if (t->state == FM_FREE || t->state == FM_GIVEN ||
        (!t->linked && t->state != FM_TAKEN)) {
        fz_fail("%llx is to be moved, which is no table", HEX(table.v));
    }
    t->asked = true;
    is.bytes = table_size(h, t);
    is.root = t->dirt[h->m.levels - 1] != 0;
    region = fm_region_of(&h->m, table.v, is.bytes);
    if (region == NULL || !region->readable) {
        fz_say("    may not move %llx: %s\n", HEX(table.v),
               ptw_status_text(h->refusal));
        return refuse(h);
    }
    if (h->move_refused_at != 0 && h->moves == h->move_refused_at) {
        bool wrong = wrong_table(h, h->move_fault, &is, now);

        fz_say("    may not move %llx: ", HEX(table.v));
        if (wrong) {
            fz_say("%llx, %s\n", HEX(now->v), fault_name[h->move_fault]);
        } else {
            fz_say("%s\n", ptw_status_text(h->refusal));
        }
        return wrong ? PTW_OK : refuse(h);
    }
    if ((h->move_mask >> call % 8 & 1) == 0 ||
        (t->moved && (h->options & OPT_AGAIN) == 0)) {
        fz_say("    %llx stays\n", HEX(table.v));
        return PTW_OK;
    }
    to = take_table(h, is.root);
    if (to < 0) {
        fz_say("    may not move %llx: there is no page\n", HEX(table.v));
        return refuse(h);
    }
    t_now = &h->m.table[to];
    if (is.bytes < t_now->bytes) {
        poison(h, t_now->pa, t_now->bytes);
    }
    for (uint64_t at = 0; at < is.bytes; at += 8) {
        fm_store(&h->m, t_now->pa + at, 8,
                 fm_load(&h->m, false, t->pa + at, 8));
    }
    memcpy(t_now->dirt, t->dirt, sizeof t->dirt);
    t_now->moved = true;
    t_now->asked = true;
    poison(h, t->pa, is.bytes);
    h->pool_limit += t->state == FM_TAKEN;
    t->state = t->state == FM_TAKEN ? FM_FREE : FM_GIVEN;
    h->moved++;
    now->v = t_now->pa;
    fz_say("    %llx moves to %llx\n", HEX(table.v), HEX(now->v));
    return PTW_OK;
}

static void root_moved(void *ctx, ptw_pa now)
{
    struct host *h = ctx;

    h->hook_root = now.v;
    h->hooked = true;
    fz_say("    the root is %llx now\n", HEX(now.v));
}

static const struct ptw_move_ops movers = {move, root_moved};

/* ------------------------------------------------------------------ one edit
 */

enum edit_op { DO_MAP, DO_UNMAP, DO_PROTECT, DO_LINK };

struct record {
    enum edit_op op;
    unsigned root;
    bool changing; /* the tables change under it */
    uint64_t first;
    uint64_t last;
    uint64_t pa;
    unsigned rights;
    bool copy_on_write;
    struct ptw_attributes attributes;
    unsigned flags;
    unsigned table_rights;
    unsigned takes;
    uint64_t max_reads;
    unsigned move_mask;
    unsigned move_refused_at;
    unsigned level;
    unsigned owner;
    unsigned space; /* of an alias */
    uint64_t link;  /* the bits of a link; */
    bool link_said; /* else they follow from the rights */
    uint64_t their_va;
    enum fault take_fault;
    unsigned take_fault_at;
    enum fault move_fault;
    enum fault stock_fault;
    bool grant_exec; /* or, of a rebuild: mappings get other pages */
};

/* As many tables as an edit wants. */
enum { PLENTY = 1000 };

static void read_supply(const struct fz_records *in, struct record *q)
{
    const uint8_t *record = in->record;
    uint64_t tables = fz_get(record, SUPPLY_TABLES);
    uint64_t reads = fz_get(record, SUPPLY_READS);

    q->takes = tables == 0 ? PLENTY : (unsigned)tables - 1;
    q->max_reads = fz_value(in, FZ_READS, reads == 0 ? 16384 : reads - 1);
    q->move_mask = (unsigned)fz_get(record, SUPPLY_MOVES);
    q->move_refused_at = (unsigned)fz_get(record, SUPPLY_REFUSED);
    q->take_fault = (enum fault)(fz_get(record, SUPPLY_TAKE_FAULT) % 8);
    q->take_fault_at = (unsigned)fz_get(record, SUPPLY_TAKE_CALL);
    q->move_fault = (enum fault)(fz_get(record, SUPPLY_MOVE_FAULT) % 8);
    q->stock_fault = (enum fault)(fz_get(record, SUPPLY_STOCK_FAULT) % 8);
}

/* An edit without a supply of its own. */
static void plain_supply(struct record *q)
{
    memset(q, 0, sizeof *q);
    q->takes = PLENTY;
    q->max_reads = 16384;
}

static void read_edit(const struct fz_world *w, const struct fz_records *in,
                      struct record *q)
{
    const uint8_t *record = in->record;
    unsigned options = (unsigned)fz_get(record, EDIT_OPTIONS);
    uint64_t page = fz_page_bytes(w);
    uint64_t span = (fz_get(record, EDIT_PAGES) + 1) * page
                    << fz_get(record, EDIT_SHIFT) % 64;
    uint64_t pa = fz_get(record, EDIT_FRAME) * page
                  << fz_get(record, EDIT_FRAME_SHIFT) % 64;
    uint64_t flags = fz_get(record, EDIT_FLAGS);
    unsigned level = (unsigned)fz_get(record, EDIT_LEVEL) % (w->levels - 1);

    q->op = (enum edit_op)fz_get(record, EDIT_DO);
    q->root = (unsigned)fz_get(record, EDIT_ROOT) % w->roots;
    q->changing = (options & 16) != 0;
    q->first = fz_value(in, FZ_FIRST, fz_address(in, EDIT_FIRST));
    q->last = q->first + (span - 1);
    if ((options & 8) != 0) {
        /* Up to the end of the half, or of everything. */
        uint64_t gap;
        uint64_t gap_end;

        oracle_gap(&w->mode, &gap, &gap_end);
        q->last =
            gap_end == UINT64_MAX || q->first < gap ? gap - 1 : UINT64_MAX;
    }
    q->last = fz_value(in, FZ_LAST, q->last);
    q->pa = fz_value(in, FZ_PA, pa);
    q->rights = (unsigned)fz_value(in, FZ_RIGHTS, fz_get(record, EDIT_RIGHTS));
    q->copy_on_write = (options & 1) != 0;
    q->attributes.memory_type =
        (unsigned)fz_value(in, FZ_MEMORY_TYPE, fz_get(record, EDIT_TYPE));
    q->attributes.key =
        (unsigned)fz_value(in, FZ_KEY, fz_get(record, EDIT_KEY));
    q->attributes.global = (options & 2) != 0;
    flags = fz_value(in, FZ_FLAGS, flags);
    q->grant_exec = (flags & PTW_EDIT_GRANT_EXEC) != 0;
    q->flags = (unsigned)flags & ~(unsigned)PTW_EDIT_GRANT_EXEC;
    q->table_rights = (options & 4) != 0 ? PTW_USER : 0;
    q->table_rights = (unsigned)fz_value(in, FZ_TABLE_RIGHTS, q->table_rights);
    q->level = (unsigned)fz_value(in, FZ_LEVEL, level);
    q->owner = (unsigned)fz_value(in, FZ_OWNER, fz_get(record, EDIT_OWNER));
    q->space = (unsigned)fz_value(in, FZ_SPACE, q->root);
    q->link = fz_value(in, FZ_ATTRIBUTES, 0);
    q->link_said = fz_given(in, FZ_ATTRIBUTES);
    q->their_va = fz_value(in, FZ_THEIR_VA, fz_address(in, EDIT_THEIRS));
}

/* The next edit of an input, with what was said about its supply. */
static bool next_edit(const struct fz_world *w, struct fz_records *in,
                      struct record *q)
{
    plain_supply(q);
    while (fz_next_record(w, in)) {
        enum fz_op op = fz_op_of(in->record);

        if (op == OP_SUPPLY) {
            read_supply(in, q);
        } else if (op == OP_EDIT) {
            read_edit(w, in, q);
            return true;
        }
    }
    return false;
}

/* Whether the arguments could be right. */
static bool plausible(const struct fz_world *w, const struct record *q)
{
    uint64_t pages = q->first | (q->last + 1);
    uint64_t limit = (uint64_t)1
                     << ((q->flags & PTW_EDIT_LARGE) != 0
                             ? w->mode.pa_bits
                             : w->mode.format->leaf_pa_bits(&w->mode, 0));

    if (q->op == DO_MAP) {
        pages |= q->pa;
        if (q->pa > UINT64_MAX - (q->last - q->first) ||
            q->pa + (q->last - q->first) >= limit ||
            !fz_can_map(w, q->rights, q->copy_on_write, q->grant_exec,
                        &q->attributes)) {
            return false;
        }
    }
    if (q->op != DO_UNMAP && !fz_can_grant(w, q->rights, q->grant_exec)) {
        return false;
    }
    if (q->first > q->last || pages % fz_page_bytes(w) != 0) {
        return false;
    }
    return fz_one_half(w, q->first, q->last);
}

/* ------------------------------------------------------------------ in words
 */

static void say_flags(unsigned flags)
{
    static const char *const name[] = {"large", "split", "unshare", "reclaim",
                                       "exact"};

    for (unsigned i = 0; i < sizeof name / sizeof name[0]; i++) {
        if ((flags >> i & 1) != 0) {
            fz_say(", %s", name[i]);
        }
    }
    if (flags >> 6 != 0) {
        fz_say(", flags %x", flags);
    }
}

/* How tables will be supplied. */
static void say_supply(const struct record *q, bool movable)
{
    if (q->takes < PLENTY) {
        fz_say(", %u tables at most", q->takes);
    }
    if (q->take_fault_at != 0 && q->take_fault != FAULT_NONE) {
        fz_say(", table %u is one %s", q->take_fault_at,
               fault_name[q->take_fault]);
    }
    if (movable) {
        fz_say(", tables move by %02x", q->move_mask);
        if (q->move_refused_at != 0) {
            fz_say(", not in call %u", q->move_refused_at);
        }
    }
    if (q->changing) {
        fz_say(", the tables change");
    }
    if (q->stock_fault != FAULT_NONE) {
        fz_say(", the stock leads to a table %s", fault_name[q->stock_fault]);
    }
    fz_say("\n");
}

static void say_edit(const struct host *h, const struct record *q, bool movable)
{
    static const char *const name[] = {"map", "unmap", "protect", "protect"};

    if (fz_words == NULL) {
        return;
    }
    fz_say("%s %016llx-%016llx", name[q->op], HEX(q->first), HEX(q->last));
    if (q->op == DO_MAP) {
        fz_say(" to %llx", HEX(q->pa));
    }
    if (q->op != DO_UNMAP) {
        fz_say(" ");
        fz_say_rights(q->rights);
    }
    if (q->op == DO_MAP) {
        fz_say("%s, memory type %u%s, key %u",
               q->copy_on_write ? ", copy-on-write" : "",
               (unsigned)q->attributes.memory_type,
               q->attributes.global ? ", global" : "",
               (unsigned)q->attributes.key);
        fz_say("%s", q->table_rights != 0 ? ", new tables for the user" : "");
    }
    say_flags(q->flags);
    fz_say("%s", q->grant_exec && q->op != DO_UNMAP ? ", grant execution" : "");
    fz_say(" in space %u, root %llx; %llu reads", q->root,
           HEX(h->m.root[q->root]), HEX(q->max_reads));
    say_supply(q, movable);
}

static void say_status(const struct host *h, enum ptw_status st, ptw_pa root)
{
    fz_say("    = %s; root %llx; %u reads and %u writes called back, "
           "%u taken, %u given back, %u moved\n",
           ptw_status_text(st), HEX(root.v), h->reads, h->writes, h->taken,
           h->given_back, h->moved);
}

/* What there is after an edit. */
static void say_tables(const struct host *h, const struct ptw_tables *t)
{
    unsigned reached = 0;
    unsigned shared = 0;

    for (unsigned i = 0; i < h->m.tables; i++) {
        reached += h->m.table[i].reached;
        shared += h->m.table[i].refs > 1;
    }
    fz_say("    %u tables, %u of them shared; %llu in stock\n", reached, shared,
           HEX(t->spares));
}

/* Everything that the roots reach. */
static void say_spaces(struct fz_world *w, struct host *h, const char *when)
{
    struct ptw_walk_options o = ptw_walk_everything();
    ptw_pa root[FM_ROOTS];
    unsigned roots = 0;

    if (fz_words == NULL) {
        return;
    }
    for (unsigned i = 0; i < h->m.roots; i++) {
        root[roots++].v = h->m.root[i];
    }
    o.max_reads = w->budget;
    o.max_items = 4096;
    o.flags = PTW_WALK_REMARKS | PTW_WALK_RUNS | PTW_WALK_TABLES;
    fz_say("%s:\n", when);
    fz_say_walk(&w->regime, &h->mem, root, roots, &o, w->seed);
}

static void say_machine(const struct fz_world *w, const struct host *h)
{
    if (fz_words == NULL) {
        return;
    }
    fz_say_world(w, (h->options & OPT_BORROW) != 0
                        ? "served by callbacks, pages can be borrowed"
                        : "served by callbacks");
    for (unsigned i = 0; i < h->m.regions; i++) {
        const struct fm_region *r = &h->m.region[i];

        if (r->readable && !r->writable) {
            fz_say("read-only: %016llx-%016llx\n", HEX(r->first), HEX(r->last));
        }
    }
}

static void say_pool(const struct host *h)
{
    fz_say("pool:");
    for (unsigned i = 0; i < h->m.regions; i++) {
        const struct fm_region *r = &h->m.region[i];

        if (is_pool(&h->m, r->first)) {
            fz_say(" %016llx-%016llx,", HEX(r->first), HEX(r->last));
        }
    }
    fz_say(" %u pages of it, %s; %s\n", h->pool_limit,
           (h->options & OPT_DIRECT) != 0 ? "host memory" : "callbacks",
           (h->options & OPT_KEEP) != 0 ? "tables are not given back"
                                        : "tables are given back");
}

static void say_roots(const struct host *h)
{
    for (unsigned i = 0; i < h->m.roots; i++) {
        fz_say("root %u: %llx%s\n", i, HEX(h->m.root[i]),
               h->m.rooted[i] ? "" : ", which can't be one");
    }
}

static void say_roots_of(const struct fz_world *w)
{
    for (unsigned i = 0; i < w->roots; i++) {
        fz_say("root %u: %llx\n", i, HEX(w->root[i]));
    }
}

/* How tables are supplied. */
static void host_asks(struct host *h, const struct record *q)
{
    h->takes_left = q->takes;
    h->refused = false;
    h->refusal = q->takes % 2 == 0 ? PTW_E_SPACE : PTW_E_LIMIT;
    h->takes = 0;
    h->taken = 0;
    h->take_fault = q->take_fault;
    h->take_fault_at = q->take_fault_at;
    h->move_fault = q->move_fault;
    h->move_mask = q->move_mask;
    h->move_refused_at = q->move_refused_at;
    h->bad_out = false;
    h->high = -1;
    h->restless = q->changing;
    h->misled = false;
    h->tainted = h->restless;
    h->reads = 0;
    h->writes = 0;
    h->given_back = 0;
}

/* What was refused is what an edit says, and is not kept. */
static void check_refusal(const struct host *h, enum ptw_status st)
{
    if (h->refused && (h->refusals >> st & 1) == 0) {
        fz_fail("tables were refused, and an edit says: %s",
                ptw_status_text(st));
    }
    if (h->bad_out) {
        fz_fail("%llx can't be a table, and was not given back", HEX(h->bad));
    }
}

/* Only one failure says that something was written. */
static void check_changed(const struct host *h, enum ptw_status st)
{
    uint64_t pa;

    if (st != PTW_OK && st != PTW_E_CHANGED && !fm_same_bytes(&h->m, &pa)) {
        fz_fail("the tables changed under an edit, which changed %llx and "
                "says: %s",
                HEX(pa), ptw_status_text(st));
    }
}

/* Before an edit: who is what. */
static void edit_begin(struct host *h, const struct record *q, bool movable)
{
    fm_begin(&h->m);
    host_asks(h, q);
    h->movable = movable;
    h->moves = 0;
    h->moved = 0;
    h->hooked = false;
    h->given = 0;
    if ((h->options & OPT_DIRECT) != 0) {
        for (unsigned i = 0; i < h->m.pool_tables; i++) {
            const struct fm_table *t = &h->m.table[i];

            if (t->state == FM_TAKEN) {
                fm_touch_range(&h->m, t->pa, t->bytes);
            }
        }
    }
    h->editing = true;
}

/* The stock: a chain of tables that nobody refers to. */
static void count_stock(struct host *h, const struct ptw_tables *t)
{
    uint64_t at = t->spare.v;

    for (unsigned i = 0; i < h->m.tables; i++) {
        h->m.table[i].stock = false;
    }
    for (uint64_t i = 0; i < t->spares; i++) {
        int number = fm_table(&h->m, at);
        struct fm_table *p = number < 0 ? NULL : &h->m.table[number];

        if (p == NULL || p->stock || p->reached ||
            (p->state != FM_TAKEN && !(p->state == FM_WORLD && p->linked))) {
            fz_fail("%llx is in stock", HEX(at));
        }
        p->stock = true;
        p->state = FM_TAKEN;
        /* Little-endian, like everything that the library writes. */
        at = fm_load(&h->m, false, at, LINK_BYTES);
    }
}

/* What no root can be and was taken for one is refused; without give, the status
 * tells the host that it still has it. */
static void take_back(struct host *h, enum ptw_status st)
{
    if (h->high >= 0 && st == PTW_E_WIDTH && (h->options & OPT_KEEP) != 0 &&
        h->m.table[h->high].state == FM_TAKEN && !h->m.table[h->high].reached &&
        !h->m.table[h->high].stock) {
        h->m.table[h->high].state = FM_FREE;
        h->pool_limit++;
    }
}

/* Whether a root register can have that address. */
static void check_root(const struct host *h, uint64_t root)
{
    if (is_high(&h->m, root) ||
        root % fm_table_bytes(&h->m, h->m.levels - 1) != 0) {
        fz_fail("the root %llx can't be one", HEX(root));
    }
}

/* After it: what holds whatever it said. */
static void edit_end(struct host *h, const struct ptw_tables *t,
                     enum ptw_status st)
{
    bool odd = false;
    uint64_t pa;

    h->editing = false;
    fm_reach(&h->m);
    if (fm_stray(&h->m, &pa)) {
        fz_fail("an edit wrote to %llx, which is no table", HEX(pa));
    }
    for (unsigned i = 0; i < h->m.roots; i++) {
        if (h->m.rooted[i]) {
            check_root(h, h->m.root[i]);
        }
    }
    for (unsigned i = 0; i < h->m.tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        /* What went back to the host was poisoned by it. */
        if (h->movable && p->linked && !p->asked &&
            (p->state == FM_WORLD || p->state == FM_TAKEN) &&
            fm_changed(&h->m, p->pa, p->bytes, &pa)) {
            fz_fail("an edit wrote to %llx, which was not asked to move",
                    HEX(p->pa));
        }
        if (p->reached && (p->state == FM_FREE || p->state == FM_GIVEN)) {
            fz_fail("%llx was given back and is still referred to", HEX(p->pa));
        }
        /* Who is counted often by itself is not found to be unused. */
        odd =
            odd || (p->state == FM_TAKEN && !p->reached && t->shares != NULL &&
                    ptw_shares_of(t->shares, ptw_pa_of(p->pa)) > 1);
    }
    count_stock(h, t);
    take_back(h, st);
    for (unsigned i = 0; i < h->m.tables && !odd; i++) {
        struct fm_table *p = &h->m.table[i];

        if (p->state == FM_TAKEN && !p->reached && !p->stock) {
            if (h->movable && p->linked && !p->asked && t->ops->give == NULL) {
                p->state = FM_GIVEN; /* left to whoever has the older state */
                continue;
            }
            fz_fail("%llx is taken and not used", HEX(p->pa));
        }
    }
    if (t->ops->give != NULL && t->spares != 0) {
        fz_fail("%llu tables were not given back", HEX(t->spares));
    }
}

/* No count is too low; while no table is at two levels, none is too high. */
static void check_counts(const struct host *h, const struct ptw_tables *t,
                         bool exact)
{
    for (unsigned i = 0; i < h->m.tables && t->shares != NULL; i++) {
        const struct fm_table *p = &h->m.table[i];
        uint64_t count = ptw_shares_of(&shares, ptw_pa_of(p->pa));

        if (p->reached && (count < p->refs || (exact && count != p->refs))) {
            fz_fail("%llx is referred to %u times, the list says %llu",
                    HEX(p->pa), (unsigned)p->refs, HEX(count));
        }
    }
}

static void compare_all(struct host *h, const uint64_t *was,
                        const struct fm_change *change, unsigned only)
{
    struct fm_change same = {.want = FM_SAME, .first = 1, .what = change->what};

    for (unsigned i = 0; i < h->m.roots; i++) {
        struct fm_compare c = {&h->m,      &h->m, true,
                               false,      &same, entries_to_compare(),
                               UINT64_MAX, false};

        if (!h->m.rooted[i]) {
            continue;
        }
        if (i == only) {
            c.change = change;
        }
        fm_compare_spaces(&c, was[i], h->m.root[i]);
    }
}

static void check_status(const struct fz_world *w, const struct host *h,
                         const struct record *q, const struct ptw_tables *t,
                         enum ptw_status st)
{
    unsigned rights = q->copy_on_write && q->op == DO_MAP
                          ? q->rights & ~(unsigned)PTW_WRITE
                          : q->rights;
    bool bad = false;

    switch (st) {
    case PTW_OK:
        bad = !plausible(w, q) || !h->m.rooted[q->root];
        break;
    case PTW_END:
    case PTW_NOT_MAPPED:
    case PTW_DIFFERENT:
    case PTW_E_OVERLAP:
    case PTW_E_REGIME:
    case PTW_E_CONFLICT:
    case PTW_E_CHANGED:
    case PTW_E_MARKED:
    case PTW_E_IN_USE:
        bad = true;
        break;
    case PTW_E_ARG:
        bad = (q->flags & PTW_EDIT_UNSHARE) == 0 || t->shares != NULL;
        break;
    case PTW_E_LARGE:
        bad = (q->flags & PTW_EDIT_SPLIT) != 0;
        break;
    case PTW_E_SHARED:
        bad = (q->flags & PTW_EDIT_UNSHARE) != 0 || t->shares == NULL;
        break;
    case PTW_E_SPACE:
    case PTW_E_LIMIT:
        bad = st == PTW_E_LIMIT &&
              (q->max_reads == 0 || q->max_reads >= 16384) && !h->refused &&
              q->last - q->first < (uint64_t)1 << fz_shift(w, 1);
        break;
    case PTW_E_RANGE:
    case PTW_NOT_CANONICAL:
        bad = plausible(w, q);
        break;
    case PTW_E_ALIGN:
    case PTW_E_WIDTH:
        bad = plausible(w, q) && h->m.rooted[q->root] &&
              !(st == PTW_E_WIDTH && h->high >= 0) &&
              !(st == PTW_E_WIDTH &&
                w->mode.format->table_pa_bits(&w->mode) != w->mode.pa_bits);
        break;
    case PTW_E_RIGHTS:
        bad = q->op == DO_UNMAP ||
              (plausible(w, q) && h->m.rooted[q->root] &&
               !fm_withholds(&h->m, h->m.root[q->root], q->first, q->last,
                             fz_granted(w, rights)));
        break;
    case PTW_BAD_ENTRY:
    case PTW_E_BUS:
    case PTW_E_READONLY:
        break;
    }
    if (bad) {
        fz_fail("operation %d on %llx to %llx at %llx, rights %x, flags %x: %s",
                (int)q->op, HEX(q->first), HEX(q->last), HEX(q->pa), q->rights,
                q->flags, ptw_status_text(st));
    }
}

/* Somebody wrote to the first table in stock: what it leads to is no table. */
static bool spoil_stock(struct host *h, const struct ptw_tables *t,
                        enum fault fault)
{
    struct wanted any = any_table(h);
    int table = fm_table(&h->m, t->spare.v);
    uint64_t link = 0;

    if (fault == FAULT_NONE || t->spares == 0 || table < 0 ||
        !(fault == FAULT_IN_USE ? page_in_use(h, &link)
                                : bad_address(h, fault, &any, &link))) {
        return false;
    }
    fm_store(&h->m, t->spare.v, LINK_BYTES, link);
    h->misled = fault == FAULT_IN_USE;
    h->tainted = true;
    return true;
}

static unsigned exec_flag(const struct record *q)
{
    return q->grant_exec ? (unsigned)PTW_EDIT_GRANT_EXEC : 0;
}

/* After an edit: where the root is now, and that the hook was told. */
static void follow_root(struct host *h, unsigned root,
                        const struct ptw_tables *t, bool movable)
{
    uint64_t was = h->m.root[root];

    if (!h->m.rooted[root]) {
        return;
    }
    h->m.root[root] = t->root.v;
    if (h->hooked && h->hook_root != t->root.v) {
        fz_fail("the root is %llx, the hook was told %llx", HEX(t->root.v),
                HEX(h->hook_root));
    }
    if (movable && t->root.v != was && !h->hooked) {
        fz_fail("the root moved to %llx, and the hook was not told",
                HEX(t->root.v));
    }
}

/* Makes an edit on the tables t, whose root, table_rights and shares it sets.
 */
static enum ptw_status step(struct fz_world *w, struct host *h,
                            struct ptw_movable_tables *mt,
                            const struct record *q, bool movable)
{
    static const char *const name[] = {"map", "unmap", "protect", "link"};
    unsigned flags = q->flags | exec_flag(q);
    struct ptw_tables *t = &mt->tables;
    struct ptw_map_request m = {
        .first = {q->first},
        .last = {q->last},
        .pa = {q->pa},
        .rights = q->rights,
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .flags = flags,
        .max_reads = q->max_reads,
    };
    struct ptw_range_request r = {
        {q->first}, {q->last}, q->rights, flags, q->max_reads};
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    struct fm_change change = {
        .first = q->first & mask,
        .last = q->last & mask,
        .pa = q->pa,
        .rights = fz_granted(
            w, q->copy_on_write ? q->rights & ~(unsigned)PTW_WRITE : q->rights),
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .what = name[q->op],
    };
    uint64_t was[FM_ROOTS];
    enum ptw_status st = PTW_OK;
    bool shared = false;
    bool crooked = fm_two_levels(&h->m);
    uint64_t spares;
    bool spoilt;
    uint64_t pa;

    memcpy(was, h->m.root, sizeof was);
    for (unsigned i = 0; i < h->m.tables; i++) {
        shared = shared || h->m.table[i].refs > 1;
    }
    t->shares = (h->options & OPT_VOUCH) != 0 && !shared ? NULL : &shares;
    t->root.v = h->m.root[q->root];
    t->table_rights = q->table_rights;
    edit_begin(h, q, movable);
    say_edit(h, q, movable);
    spoilt = spoil_stock(h, t, q->stock_fault);
    spares = t->spares;
    switch (q->op) {
    case DO_MAP:
        st = movable ? ptw_map_movable(mt, &m) : ptw_map(t, &m);
        change.want = FM_MAPPED;
        break;
    case DO_UNMAP:
        st = movable ? ptw_unmap_movable(mt, &r) : ptw_unmap(t, &r);
        change.want = FM_UNMAPPED;
        break;
    case DO_PROTECT:
    case DO_LINK:
        change.rights = fz_granted(w, q->rights);
        st = movable ? ptw_protect_movable(mt, &r) : ptw_protect(t, &r);
        change.want = FM_PROTECTED;
        break;
    }
    fz_note((uint64_t)st);
    say_status(h, st, t->root);
    if (h->restless && !h->misled) {
        check_changed(h, st);
    }
    if (spoilt && q->stock_fault != FAULT_IN_USE &&
        (t->spares + 1 < spares ||
         (t->spares + 1 == spares && st != PTW_OK && st != PTW_E_CHANGED))) {
        fz_fail("the stock led to what is no table, and an edit says: %s",
                ptw_status_text(st));
    }
    if (h->tainted) {
        return st;
    }
    follow_root(h, q->root, t, movable);
    edit_end(h, t, st);
    say_tables(h, t);
    check_refusal(h, st);
    h->crooked = h->crooked || crooked || fm_two_levels(&h->m);
    check_counts(h, t, !h->crooked);
    if (st == PTW_E_SPACE && !h->refused && shares.wanted == 0) {
        fz_fail("%s had no room, and wants none", change.what);
    }
    if (!h->refused) {
        check_status(w, h, q, t, st);
    }
    if (st != PTW_OK) {
        if (h->moved == 0 && !fm_same_bytes(&h->m, &pa)) {
            fz_fail("%s failed (%s) and changed %llx", change.what,
                    ptw_status_text(st), HEX(pa));
        }
        if (h->given != 0) {
            fz_fail("%s failed (%s) and gave %u tables back", change.what,
                    ptw_status_text(st), h->given);
        }
        change.want = FM_SAME;
        change.first = 1;
        change.last = 0;
    }
    h->given = 0;
    compare_all(h, was, &change, q->root);
    fz_note(h->m.root[q->root]);
    return st;
}

/* An edit found no room in the list.  True when it has what was wanted now. */
static bool shares_more(const struct host *h, enum ptw_status st)
{
    size_t had = (size_t)SLOT << shares.count.slots_log2;

    if (st != PTW_E_SPACE || shares.wanted == 0 || h->tainted) {
        return false;
    }
    if (shares.wanted <= had || shares.wanted > sizeof shares_store[0]) {
        fz_fail("a list in %zu bytes wants %zu", had, shares.wanted);
    }
    shares_at = 1 - shares_at;
    must(ptw_shares_grow(&shares, shares_store[shares_at], shares.wanted),
         "a larger list");
    return true;
}

/* An edit that finds no room in the list finds it in what it wanted. */
static void step_with_room(struct fz_world *w, struct host *h,
                           struct ptw_movable_tables *mt,
                           const struct record *q, bool movable)
{
    if (!shares_more(h, step(w, h, mt, q, movable)) || h->m.overflow) {
        return;
    }
    fz_say("again, with room for that: ");
    (void)step(w, h, mt, q, movable);
    if (shares.wanted != 0) {
        fz_fail("what was wanted was not enough");
    }
}

/* --------------------------------------------------------------- the inputs */

struct input {
    unsigned options;
    unsigned readonly;
    unsigned edits;
    unsigned shares_room;
    unsigned pool_limit;
    struct fz_records records;
};

/* Reads the world, and what an input says about the host. */
static void read_input(struct fz_world *w, struct input *in,
                       const uint8_t *data, size_t len)
{
    struct fz_records r;

    fz_world_read(w, true, data, len);
    memset(in, 0, sizeof *in);
    in->records = fz_records_of(data, len);
    for (r = in->records; fz_next_record(w, &r);) {
        enum fz_op op = fz_op_of(r.record);

        if (op == OP_HOST) {
            in->options = (unsigned)fz_get(r.record, HOST_OPTIONS);
            in->readonly = (unsigned)fz_get(r.record, HOST_READONLY);
            in->shares_room = (unsigned)fz_get(r.record, HOST_SHARES);
            in->pool_limit = (unsigned)fz_get(r.record, HOST_POOL);
        }
        in->edits += op == OP_EDIT && in->edits < EDITS;
    }
}

static void host_begin(struct host *h, const struct fz_world *w,
                       const struct input *in)
{
    if (h->tainted) {
        memset(pool_used, true, sizeof pool_used); /* any of it may be */
    }
    h->options = in->options;
    h->movable = false;
    h->pool_limit = in->pool_limit == 0 ? FM_POOL : in->pool_limit;
    h->editing = false;
    h->given = 0;
    h->hooked = false;
    h->tainted = false;
    h->misled = false;
    h->crooked = false;
    h->random = w->seed;
}

static void shares_begin(struct fz_world *w, const struct input *in)
{
    size_t room = in->shares_room == 0 ? sizeof shares_store[0]
                                       : ptw_memo_bytes(in->shares_room);

    if (room > sizeof shares_store[0]) {
        room = sizeof shares_store[0];
    }

    shares_at = 0;
    must(ptw_shares_init(&shares, shares_store[0], room, w->seed), "shares");
}

/* Tables of the pool that are tables of the guest, or have one inside them, are
 * the guest's. */
static void keep_world(struct host *h)
{
    struct fm *m = &h->m;

    for (unsigned i = 0; i < m->tables; i++) {
        uint64_t size = 0;
        int t;

        while (m->table[i].reached &&
               (t = fm_over(m, m->table[i].pa, &size)) >= 0) {
            m->table[t].state = FM_WORLD;
        }
    }
    for (unsigned i = 0; i < m->pool_tables; i++) {
        const struct fm_table *t = &m->table[i];

        for (uint64_t at = 0; at < t->bytes && t->state == FM_WORLD;
             at += FZ_PAGE) {
            pool_used[fm_find(m, (t->pa + at) / FZ_PAGE)] = true;
        }
    }
}

/* A table that is a part of another one, at another address, is not found to be
 * shared: what an edit of the one does to the other is the guest's own fault. */
static bool overlapping(const struct host *h)
{
    if (!fm_overlaps(&h->m)) {
        return false;
    }
    fz_say("a table is a part of another one: no more is asked\n");
    return true;
}

static void edits(const uint8_t *data, size_t len, bool movable)
{
    struct fz_world *w = &world;
    struct input input;
    struct input *in = &input;
    struct host *h = &host;
    struct ptw_movable_tables mt = {
        {.regime = &w->regime, .mem = &h->mem, .ctx = h}, &movers};
    struct ptw_memo memo;
    ptw_pa root[FM_ROOTS];
    enum ptw_status st;

    read_input(w, in, data, len);
    mt.tables.ops = (in->options & OPT_KEEP) != 0 ? &without_give : &with_give;
    host_begin(h, w, in);
    machine_init(&h->m, w, storage[0], old);
    h->poison = fz_random(&w->random) & 0x000FFFFFFFFFF000;
    add_pool(&h->m, w);
    if (h->m.overflow) {
        return;
    }
    add_world(&h->m, w, in->readonly);
    host_memory(h);
    for (unsigned i = 0; i < h->m.roots; i++) {
        root[i].v = h->m.root[i];
    }
    say_machine(w, h);
    say_pool(h);
    say_roots(h);
    say_spaces(w, h, "before");
    fm_reach(&h->m);
    if (h->m.overflow) {
        return;
    }
    keep_world(h);
    shares_begin(w, in);
    must(ptw_memo_init(&memo, memo_store[0], sizeof memo_store[0], w->seed),
         "a memo");
    st = ptw_shares_scan(&shares, &w->regime, &h->mem, root, h->m.roots, &memo,
                         UINT64_MAX);
    if (st != PTW_OK) {
        if (st != PTW_E_SPACE || in->shares_room == 0) {
            fz_fail("a scan says: %s", ptw_status_text(st));
        }
        fz_say("the scan for shared tables says: %s\n", ptw_status_text(st));
        return;
    }
    for (unsigned i = 0; i < h->m.tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        if (p->reached && ptw_shares_of(&shares, ptw_pa_of(p->pa)) != p->refs) {
            fz_fail("%llx is referred to %u times, the scan says %llu",
                    HEX(p->pa), (unsigned)p->refs,
                    HEX(ptw_shares_of(&shares, ptw_pa_of(p->pa))));
        }
    }
    if (overlapping(h)) {
        return;
    }
    for (unsigned i = 0; i < in->edits; i++) {
        struct record q;

        (void)next_edit(w, &in->records, &q);
        fz_say("edit %u of %u: ", i + 1, in->edits);
        step_with_room(w, h, &mt, &q, movable);
        if (h->m.overflow || h->tainted || overlapping(h)) {
            return;
        }
    }
    say_spaces(w, h, "after");
}

void fz_edit(const uint8_t *data, size_t len)
{
    edits(data, len, false);
}

void fz_move(const uint8_t *data, size_t len)
{
    edits(data, len, true);
}

/* ---------------------------------------------------------------- rebuilding
 */

static struct ptw_item items[4096];

struct rebuilt {
    struct ptw_built built[FM_ROOTS];
    size_t count; /* items */
    bool complete;
    uint32_t space; /* the one that is not complete */
    uint64_t end;   /* and the first offset that it lacks */
    bool stopped;   /* before any item of it */
};

static size_t collect(const struct fz_world *w, const struct ptw_mem *mem,
                      const ptw_pa *root, uint32_t roots, unsigned flags,
                      struct ptw_item *item, size_t room, bool *complete)
{
    static struct ptw_walk walk;
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_memo memo;
    enum ptw_status st;
    size_t n = 0;

    o.first.v = w->first;
    o.last.v = w->last;
    o.flags = flags;
    o.max_reads = w->budget;
    must(ptw_memo_init(&memo, memo_store[1], sizeof memo_store[1], w->seed),
         "a memo");
    must(
        ptw_walk_va_spaces_init(&walk, &w->regime, mem, root, roots, &memo, &o),
        "a walk");
    do {
        size_t more;

        st = fz_next(&walk, &item[n], room - n, &more);
        n += more;
    } while (st == PTW_OK && n < room);
    *complete = st == PTW_END;
    return n;
}

static void check_leaks(struct host *h, const struct ptw_tables *t)
{
    count_stock(h, t);
    for (unsigned i = 0; i < h->m.pool_tables; i++) {
        const struct fm_table *p = &h->m.table[i];

        if (p->state == FM_TAKEN && !p->reached && !p->stock) {
            fz_fail("%llx is taken and not used", HEX(p->pa));
        }
    }
}

static void set_roots(struct host *h, const struct ptw_built *built,
                      unsigned roots)
{
    h->m.roots = roots;
    for (unsigned i = 0; i < roots; i++) {
        h->m.root[i] = built[i].root.v;
        h->m.rooted[i] = built[i].built;
        if (built[i].built) {
            check_root(h, built[i].root.v);
        }
    }
}

/* What becomes of mappings before they are mapped again. */
struct placing {
    bool wanted;
    enum ptw_place how;
    uint64_t by; /* how far their pages move */
};

/* A mapping that got other pages, by what the tables of the source say of it. */
struct placed {
    struct fm_node leaf;
    uint64_t bytes;   /* of a leaf */
    uint64_t now;     /* where its page is to be */
    bool marked;      /* it is to become copy-on-write */
    unsigned why_not; /* reasons to refuse: a set of 1 << a status */
};

/* The address in a leaf, as the manuals have it. */
static uint64_t leaf_address(const struct fz_world *w, unsigned level,
                             uint64_t pa)
{
    return w->mode.format->put_leaf(&w->mode, level, pa);
}

/* What is expected of a placing, by the entry that was walked. */
static struct placed place_model(const struct fz_world *w,
                                 const struct ptw_item *item,
                                 const struct placing *p, bool loose)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    uint64_t va = item->first.v & mask;
    unsigned level = item->u.mapping.level;
    uint64_t root = w->root[item->space];
    const struct oracle_format *f = w->mode.format;
    struct placed is = {
        .leaf = fm_at(&source, false, root, va, level),
        .bytes = (uint64_t)1 << fz_shift(w, level),
    };
    bool path = !loose || (fm_at(&source, false, root, va, level + 1).rights &
                           PTW_WRITE) != 0;
    unsigned width = f->leaf_pa_bits(&w->mode, level);
    uint64_t last;
    bool dirty;

    is.now = is.leaf.pa + p->by;
    last = is.now + (item->last.v - item->first.v);
    if (is.now % is.bytes != 0) {
        is.why_not |= 1u << PTW_E_ALIGN;
    }
    if ((last & ~(is.bytes - 1)) >> width != 0) {
        is.why_not |= 1u << PTW_E_WIDTH;
    }
    is.marked = p->how == PTW_PLACE_COPY_ON_WRITE &&
                oracle_writes(&w->mode, path, is.leaf.raw);
    /* With the right to write taken away. */
    dirty = loose ? f->made_dirty : (is.leaf.raw & f->dirty) != 0;
    if (is.marked && oracle_writes(&w->mode, true, dirty ? f->dirty : 0)) {
        is.why_not |= 1u << PTW_E_RIGHTS;
    }
    return is;
}

static bool same_mapping(const struct ptw_item *x, const struct ptw_item *y)
{
    const struct ptw_mapping *m = &x->u.mapping;
    const struct ptw_mapping *n = &y->u.mapping;

    if (x->kind != y->kind || x->space != y->space ||
        x->first.v != y->first.v || x->last.v != y->last.v) {
        return false;
    }
    return x->kind != PTW_ITEM_MAPPING ||
           (m->pa.v == n->pa.v && m->raw == n->raw && m->rights == n->rights &&
            m->level == n->level && m->size_log2 == n->size_log2 &&
            m->above == n->above);
}

/* Gives a mapping other pages.  Where copy-on-write is refused for the rights
 * that there are, it is placed as it is. */
static struct placed place_item(const struct fz_world *w, struct ptw_item *item,
                                const struct placing *p, bool loose)
{
    unsigned flags = loose ? 0 : (unsigned)PTW_EDIT_EXACT;
    struct placed is = {.why_not = 1u << PTW_E_ARG};
    struct placing as_it_is = {true, PTW_PLACE_AS_IT_IS, p->by};
    struct ptw_item was = *item;
    enum ptw_status st;

    if (item->kind == PTW_ITEM_MAPPING) {
        is = place_model(w, item, p, loose);
    }
    st = ptw_item_place(&w->regime, item,
                        ptw_pa_of(item->kind == PTW_ITEM_MAPPING ? is.now : 0),
                        p->how, flags);
    fz_note((uint64_t)st);
    if (item->kind == PTW_ITEM_MAPPING) {
        fz_say("    placed at %llx%s: %s\n", HEX(is.now),
               p->how == PTW_PLACE_COPY_ON_WRITE ? ", copy-on-write" : "",
               ptw_status_text(st));
    }
    if (st == PTW_OK ? is.why_not != 0 : (is.why_not >> st & 1) == 0) {
        fz_fail("an item of kind %d at %llx is placed at %llx: %s",
                (int)item->kind, HEX(item->first.v), HEX(is.now),
                ptw_status_text(st));
    }
    if (st != PTW_OK && !same_mapping(&was, item)) {
        fz_fail("an item at %llx is not placed, and changed",
                HEX(item->first.v));
    }
    return st == PTW_E_RIGHTS ? place_item(w, item, &as_it_is, loose) : is;
}

/* That its leaves are those which were asked for, right after it was mapped. */
static void check_placed(const struct fz_world *w, const struct host *h,
                         const struct ptw_item *item, const struct placed *is,
                         uint64_t root, bool loose)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = item->u.mapping.level;
    /* Of entries that are made anew, one that is marked is not writable. */
    bool marked =
        is->marked || (loose && (is->leaf.raw & w->mode.format->mark_bits) ==
                                    w->mode.format->mark);
    unsigned rights = is->leaf.rights & ~(marked ? (unsigned)PTW_WRITE : 0u);
    uint64_t bits = is->leaf.raw & ~leaf_address(w, level, UINT64_MAX);
    struct ptw_attributes want;
    uint64_t leaves;

    if (is->why_not != 0) {
        return; /* mapped as it was */
    }
    leaves = (item->last.v - item->first.v) / is->bytes + 1;
    if (is->marked) {
        bits = oracle_mark(&w->mode, level, bits);
    }
    want = ptw_attributes_of(&w->regime, level, bits);
    for (uint64_t i = 0; i < leaves; i += i < 16 ? 1 : leaves / 16) {
        uint64_t va = (item->first.v & mask) + i * is->bytes;
        uint64_t pa = is->now + i * is->bytes;
        struct fm_node n = fm_at(&h->m, false, root, va, level);
        struct ptw_attributes at = ptw_attributes_of(&w->regime, level, n.raw);

        if (n.kind != FM_LEAF || !n.real || n.level != level || n.pa != pa ||
            n.rights != rights) {
            fz_fail(
                "%llx was placed at %llx with the rights %x, and is at %llx "
                "with %x",
                HEX(item->first.v), HEX(pa), rights, HEX(n.pa), n.rights);
        }
        if (loose ? at.copy_on_write != want.copy_on_write ||
                        at.memory_type != want.memory_type ||
                        at.global != want.global || at.key != want.key
                  : n.raw != (bits | leaf_address(w, level, pa))) {
            fz_fail("%llx was placed, its entry was %llx and is %llx",
                    HEX(item->first.v), HEX(is->leaf.raw), HEX(n.raw));
        }
    }
}

/* Walks the world and builds what it finds in the pool of the host. */
static bool rebuild(struct fz_world *w, struct host *h, struct ptw_tables *t,
                    unsigned flags, bool loose, const struct placing *placing,
                    struct rebuilt *out)
{
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    ptw_pa root[FM_ROOTS];
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);

    fz_world_memory(w, w->memory, &mem, region);
    for (unsigned i = 0; i < w->roots; i++) {
        root[i].v = w->root[i];
    }
    out->count = collect(w, &mem, root, w->roots, flags, items,
                         sizeof items / sizeof items[0], &out->complete);
    out->space = w->roots;
    out->end = 0;
    out->stopped = true;
    for (unsigned i = 0; i < FM_ROOTS; i++) {
        out->built[i] = (struct ptw_built){{0}, false};
    }
    h->editing = true;
    fz_say("the walk has %zu items%s\n", out->count,
           out->complete ? "" : ", and there is more");
    for (size_t i = 0; i < out->count; i++) {
        struct placed placed = {.why_not = 1};
        enum ptw_status st;

        if (fz_words != NULL) {
            fz_say("item %zu: ", i);
            fz_say_item(&w->regime, &items[i]);
        }
        if (placing->wanted) {
            placed = place_item(w, &items[i], placing, loose);
        }
        st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                 loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        if (items[i].kind == PTW_ITEM_SPACE && st == PTW_E_WIDTH &&
            h->high >= 0) {
            take_back(h, st);
            st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                     loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        if (!h->refused && shares_more(h, st)) {
            st = ptw_space_aware_map(t, &items[i], out->built, w->roots,
                                     loose ? 0 : (unsigned)PTW_EDIT_EXACT);
        }
        if (fz_words != NULL) {
            fz_say("    = %s; %u taken, %u given back so far\n",
                   ptw_status_text(st), h->taken, h->given_back);
        }
        out->space = items[i].space;
        if (h->tainted) {
            continue;
        }
        check_refusal(h, st);
        if (h->refused) {
            out->complete = false;
            out->end = items[i].first.v & mask;
            out->stopped = items[i].kind == PTW_ITEM_SPACE;
            break;
        }
        if (items[i].kind == PTW_ITEM_SPACE) {
            enum ptw_status want = items[i].u.space_info.kind == PTW_SPACE_BAD
                                       ? items[i].u.space_info.why
                                       : PTW_OK;

            if (st != want) {
                fz_fail("space %u: %s", (unsigned)items[i].space,
                        ptw_status_text(st));
            }
        } else if (st != PTW_OK &&
                   !(loose && (st == PTW_NOT_MAPPED || st == PTW_E_RIGHTS))) {
            fz_fail("item %zu of kind %d at %llx: %s", i, (int)items[i].kind,
                    HEX(items[i].first.v), ptw_status_text(st));
        } else if (st == PTW_OK && items[i].kind == PTW_ITEM_MAPPING) {
            check_placed(w, h, &items[i], &placed,
                         out->built[items[i].space].root.v, loose);
        }
        out->end = (items[i].kind == PTW_ITEM_TABLE ? items[i].first.v
                                                    : items[i].last.v + 1) &
                   mask;
        out->stopped = items[i].kind == PTW_ITEM_SPACE;
    }
    h->editing = false;
    fz_world_done(w);
    if (h->tainted) {
        return false;
    }
    set_roots(h, out->built, w->roots);
    fm_reach(&h->m);
    for (unsigned i = 0; i < w->roots; i++) {
        if (out->built[i].built) {
            fz_say("space %u is built, root %llx\n", i,
                   HEX(out->built[i].root.v));
        } else {
            fz_say("space %u is not built\n", i);
        }
    }
    say_tables(h, t);
    check_leaks(h, t);
    return out->complete;
}

static void same_walk(struct fz_world *w, struct host *h,
                      const struct rebuilt *b, unsigned flags)
{
    static struct ptw_item again[4096];
    ptw_pa root[FM_ROOTS];
    bool complete;
    size_t count;
    size_t k = 0;

    for (unsigned i = 0; i < w->roots; i++) {
        if (!b->built[i].built) {
            return;
        }
        root[i] = b->built[i].root;
    }
    count = collect(w, &h->mem, root, w->roots, flags, again,
                    sizeof again / sizeof again[0], &complete);
    for (size_t i = 0; i < b->count; i++) {
        const struct ptw_item *x = &items[i];
        const struct ptw_item *y = &again[k];
        struct ptw_alias_ref p;
        struct ptw_alias_ref q;
        unsigned l[2] = {0, 0};
        bool same;

        if (x->kind == PTW_ITEM_FINDING) {
            continue;
        }
        if (k == count) {
            fz_fail("the rebuilt spaces have fewer items, from %llx on",
                    HEX(x->first.v));
        }
        same = x->kind == y->kind && x->space == y->space &&
               x->first.v == y->first.v && x->last.v == y->last.v;
        if (same && x->kind == PTW_ITEM_TABLE) {
            same = x->u.table.attributes == y->u.table.attributes &&
                   x->u.table.rights == y->u.table.rights;
        } else if (same && x->kind == PTW_ITEM_MAPPING) {
            same = x->u.mapping.pa.v == y->u.mapping.pa.v &&
                   x->u.mapping.raw == y->u.mapping.raw &&
                   x->u.mapping.rights == y->u.mapping.rights;
        } else if (same && x->kind == PTW_ITEM_ALIAS) {
            p = ptw_alias_view(&w->regime, x, &l[0]);
            q = ptw_alias_view(&w->regime, y, &l[1]);
            same = l[0] == l[1] && p.owner == q.owner &&
                   p.their_va.v == q.their_va.v && p.rights == q.rights &&
                   p.attributes == q.attributes;
        }
        if (!same) {
            fz_fail("the rebuilt spaces have another item at %llx",
                    HEX(x->first.v));
        }
        k++;
    }
    if (complete && k != count) {
        fz_fail("the rebuilt spaces have more items, from %llx on",
                HEX(again[k].first.v));
    }
}

/* A new image in a pool of its own. */
static void begin_image(struct fz_world *w, struct host *h,
                        const struct input *in, struct ptw_tables *t)
{
    static struct fz_world nowhere;

    machine_init(&source, w, storage[1], NULL);
    add_world(&source, w, 0);
    host_begin(h, w, in);
    h->poison = fz_random(&w->random) & 0x000FFFFFFFFFF000;
    machine_init(&h->m, w, storage[0], old);
    nowhere.regions = 0;
    add_pool(&h->m, &nowhere);
    host_memory(h);
    fm_begin(&h->m);
    host_asks(h, &(struct record){.takes = 100000});
    shares_begin(w, in);
    memset(t, 0, sizeof *t);
    t->regime = &w->regime;
    t->mem = &h->mem;
    t->ops = (in->options & OPT_KEEP) != 0 ? &without_give : &with_give;
    t->ctx = h;
    t->shares = &shares;
}

static void compare_rebuilt(struct fz_world *w, struct host *h,
                            const struct rebuilt *b, bool loose, bool runs)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    uint64_t first = w->first;
    uint64_t last = w->last;
    struct fm_change change = {
        .want = loose ? FM_NO_MORE : FM_SAME,
        .what = "rebuild",
    };

    if (w->partial && (!fz_canonical(w, first) || !fz_canonical(w, last))) {
        return;
    }
    for (unsigned i = 0; i < w->roots && i <= b->space; i++) {
        struct fm_compare c = {&source,    &h->m,   false,
                               true,       &change, entries_to_compare(),
                               UINT64_MAX, false};

        if (!b->built[i].built || !source.rooted[i]) {
            continue;
        }
        change.first =
            w->partial ? (first & mask) & ~(fz_page_bytes(w) - 1) : 0;
        change.last =
            w->partial ? (last & mask) | (fz_page_bytes(w) - 1) : mask;
        if (i == b->space && !b->complete) {
            if (b->stopped || b->end == 0) {
                break;
            }
            change.last = b->end - 1 < change.last ? b->end - 1 : change.last;
        }
        if (change.first > change.last) {
            continue;
        }
        c.end = change.last;
        c.runs = runs;
        fm_compare_spaces(&c, w->root[i], b->built[i].root.v);
    }
}

void fz_space_map(const uint8_t *data, size_t len)
{
    struct fz_world *w = &world;
    struct host *h = &host;
    struct placing placing = {.wanted = false};
    struct ptw_tables t;
    struct rebuilt b;
    struct input in;
    unsigned flags;
    bool loose;

    read_input(w, &in, data, len);
    loose = (in.options & OPT_LOOSE) != 0;
    begin_image(w, h, &in, &t);
    if (in.edits > 0) {
        struct record q;

        (void)next_edit(w, &in.records, &q);
        host_asks(h, &q);
        fz_say("the tables");
        say_supply(&q, false);
        placing.wanted = q.grant_exec;
        placing.how =
            q.copy_on_write ? PTW_PLACE_COPY_ON_WRITE : PTW_PLACE_AS_IT_IS;
        placing.by = q.pa;
    }
    fz_say_world(w, NULL);
    say_pool(h);
    fz_say("range: %016llx-%016llx\n", HEX(w->first), HEX(w->last));
    say_roots_of(w);
    flags =
        (unsigned)((in.options & OPT_RUNS) != 0 ? PTW_WALK_RUNS : 0) |
        (unsigned)(loose && (in.options & OPT_VOUCH) != 0 ? 0
                                                          : PTW_WALK_TABLES);
    fz_say("rebuild %s\n", loose ? "with tables of our own" : "exactly");
    (void)rebuild(w, h, &t, flags, loose, &placing, &b);
    if (h->tainted) {
        return;
    }
    fz_note(b.count);
    fz_note(b.end);
    if (!placing.wanted) {
        compare_rebuilt(w, h, &b, loose, (flags & PTW_WALK_RUNS) != 0);
    }
    /* Runs that were placed may follow each other as they did not before. */
    if (b.complete && !loose &&
        !(placing.wanted && (flags & PTW_WALK_RUNS) != 0)) {
        same_walk(w, h, &b, flags);
    }
}

/* ------------------------------------------------------------------- linking
 */

static struct oracle_entry link_entry(const struct fz_world *w, unsigned rights)
{
    return (struct oracle_entry){ORACLE_TABLE, 0, fz_granted(w, rights)};
}

/* Whether an entry of that level can grant these rights and no others. */
static bool links_with(const struct fz_world *w, unsigned level,
                       unsigned rights)
{
    struct oracle_entry e = link_entry(w, rights);

    return oracle_encode(&w->mode, level, &e, &(uint64_t){0});
}

/* The bits of a link that grants rights, as far as an entry of that level can;
 * it was accessed, and three free bits are as the flags say. */
static uint64_t link_bits(const struct fz_world *w, unsigned level,
                          const struct record *q)
{
    struct oracle_entry e = link_entry(w, q->rights);

    return w->mode.format->encode(&w->mode, level, &e) |
           w->mode.format->accessed |
           ((uint64_t)(q->flags & 7) *
            (w->mode.format->mark_bits & (0 - w->mode.format->mark_bits)));
}

static void put_alias(const struct fz_world *w, const struct record *q,
                      struct ptw_item *item)
{
    unsigned level = q->level % (w->levels - 1);
    struct ptw_alias_ref ref = {
        .our_va = {q->first},
        .their_va = {q->their_va},
        .table = {q->pa},
        .attributes = q->link_said ? q->link : link_bits(w, level + 1, q),
        .owner = q->owner,
        .rights = q->rights,
    };

    memset(item, 0, sizeof *item);
    item->space = q->space;
    item->first.v = q->first;
    item->last.v = q->last;
    if (!make_alias(&w->regime, item, &ref, level)) {
        fz_fail("an alias of another shape");
    }
}

/* Whether such bits, without an address, lead from a table of that level to another
 * one. */
static bool leads_to_table(const struct fz_world *w, unsigned level,
                           uint64_t bits)
{
    const struct oracle_format *f = w->mode.format;

    return (bits & f->table_bits(&w->mode)) == 0 &&
           f->decode(&w->mode, bits, level).kind == ORACLE_TABLE;
}

static enum ptw_status link_item(struct fz_world *w, struct host *h,
                                 struct ptw_tables *t, struct rebuilt *b,
                                 const struct record *q)
{
    unsigned flags = q->flags & (PTW_EDIT_EXACT | PTW_EDIT_UNSHARE);
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = q->level % (w->levels - 1);
    unsigned rights = q->rights;
    unsigned shift = fz_shift(w, level + 1);
    uint64_t span = ((uint64_t)1 << shift) - 1;
    uint64_t address = w->mode.format->table_bits(&w->mode);
    struct fm_change change = {.want = FM_ANYTHING, .what = "link"};
    struct fm_node target;
    struct fm_node entry;
    struct ptw_item item;
    uint64_t was[FM_ROOTS];
    enum ptw_status st;
    uint64_t pa;
    bool sound;

    put_alias(w, q, &item);
    sound = item.space < w->roots && b->built[q->root].built &&
            q->owner <= q->root && b->built[q->owner].built &&
            fz_canonical(w, q->first) && fz_canonical(w, q->their_va) &&
            !(q->owner == q->root && ((q->first ^ q->their_va) & ~span) == 0);
    if ((flags & PTW_EDIT_EXACT) != 0 && q->link_said) {
        sound = sound && leads_to_table(w, level + 1, q->link);
        rights = fz_entry_rights(w, level + 1, q->link);
    } else if ((flags & PTW_EDIT_EXACT) != 0) {
        rights = fz_entry_rights(w, level + 1, link_bits(w, level + 1, q));
    }
    memcpy(was, h->m.root, sizeof was);
    edit_begin(h, q, false);
    if (fz_words != NULL) {
        fz_say("link space %u, root %llx: ", (unsigned)item.space,
               HEX(h->m.root[q->root]));
        fz_say_item(&w->regime, &item);
        fz_say(
            "    with the bits %llx",
            HEX(ptw_alias_view(&w->regime, &item, &(unsigned){0}).attributes));
        say_flags(flags);
        say_supply(q, false);
    }
    t->table_rights = q->table_rights;
    t->shares = &shares;
    st = ptw_space_aware_map(t, &item, b->built, w->roots, flags);
    fz_note((uint64_t)st);
    say_status(h, st, t->root);
    /* An entry of ours that is not present says "not mapped", too. */
    if (h->restless && !h->misled && st != PTW_NOT_MAPPED) {
        check_changed(h, st);
    }
    if (h->tainted) {
        return st;
    }
    set_roots(h, b->built, w->roots);
    edit_end(h, t, st);
    say_tables(h, t);
    check_refusal(h, st);
    change.first = q->first & mask & ~span;
    change.last = change.first | span;
    if (!sound && (st == PTW_OK || st == PTW_NOT_MAPPED)) {
        fz_fail("an alias that can't be is linked: %s", ptw_status_text(st));
    }
    if (h->refused) {
        goto same;
    }
    switch ((int)st) {
    case PTW_OK:
    case PTW_NOT_MAPPED:
        target =
            fm_at(&h->m, true, was[q->owner], q->their_va & mask, level + 1);
        entry =
            fm_at(&h->m, false, h->m.root[q->root], q->first & mask, level + 1);
        if (st == PTW_NOT_MAPPED) {
            if (target.kind != FM_NONE || entry.kind != FM_NONE ||
                entry.present) {
                fz_fail("a link to nothing at %llx leaves %llx", HEX(q->first),
                        HEX(entry.raw));
            }
            break;
        }
        if (target.kind != FM_TABLE || entry.kind != FM_TABLE ||
            target.pa != entry.pa) {
            fz_fail("a link at %llx leads to %llx, it should be %llx",
                    HEX(q->first), HEX(entry.pa), HEX(target.pa));
        }
        if ((flags & PTW_EDIT_EXACT) != 0 &&
            (entry.raw & ~address) !=
                ptw_alias_view(&w->regime, &item, &(unsigned){0}).attributes) {
            fz_fail("a link at %llx has the bits %llx", HEX(q->first),
                    HEX(entry.raw & ~address));
        }
        if ((entry.rights & ~rights & ~w->mode.format->granted(&w->mode)) !=
            0) {
            fz_fail("a link at %llx grants %x", HEX(q->first), entry.rights);
        }
        break;
    case PTW_E_ARG:
    case PTW_NOT_CANONICAL:
        if (sound && (!q->link_said || leads_to_table(w, level + 1, q->link))) {
            fz_fail("an alias at %llx that can be is refused: %s",
                    HEX(q->first), ptw_status_text(st));
        }
        goto same;
    case PTW_E_SHARED:
        if ((flags & PTW_EDIT_UNSHARE) != 0) {
            fz_fail("a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_WIDTH:
        if (h->high < 0) {
            fz_fail("a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_RIGHTS:
        if ((flags & PTW_EDIT_EXACT) != 0 ||
            links_with(w, level + 1, q->rights)) {
            fz_fail("a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_SPACE:
    case PTW_E_LIMIT:
    case PTW_E_LARGE:
    case PTW_E_IN_USE:
    case PTW_BAD_ENTRY:
    same:
        if (!fm_same_bytes(&h->m, &pa)) {
            fz_fail("a link failed (%s) and changed %llx", ptw_status_text(st),
                    HEX(pa));
        }
        change.want = FM_SAME;
        change.first = 1;
        change.last = 0;
        break;
    default:
        fz_fail("a link says: %s", ptw_status_text(st));
    }
    compare_all(h, was, &change, q->root);
    h->given = 0;
    return st;
}

/* The regions that one link is asked about; of more, the first ones. */
enum { LINK_REGIONS = 1024 };

/* What a link, made by ptw_link with the record's arguments, left behind. */
static void check_links(const struct fz_world *w, struct host *h,
                        const struct ptw_link_request *q, unsigned root,
                        unsigned level, enum ptw_status st)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned shift = fz_shift(w, level + 1);
    uint64_t regions = (q->last.v >> shift) - (q->first.v >> shift) + 1;
    uint64_t theirs = (q->their_va.v & mask) >> shift << shift;
    uint64_t ours = (q->first.v & mask) >> shift << shift;
    uint64_t address = w->mode.format->table_bits(&w->mode);
    bool any = regions > LINK_REGIONS;

    for (uint64_t i = 0; i < regions && i < LINK_REGIONS; i++) {
        struct fm_node target =
            fm_at(&h->m, true, q->owner.v, theirs + (i << shift), level + 1);
        struct fm_node entry = fm_at(&h->m, false, h->m.root[root],
                                     ours + (i << shift), level + 1);
        unsigned ignored = w->mode.format->granted(&w->mode) & PTW_EXEC;

        any = any || target.kind == FM_TABLE;
        if (target.kind != FM_TABLE) {
            if (target.kind != FM_NONE || entry.kind != FM_NONE ||
                (entry.real && entry.present)) {
                fz_fail("a link to nothing at %llx leaves %llx",
                        HEX(ours + (i << shift)), HEX(entry.raw));
            }
            continue;
        }
        if (entry.kind != FM_TABLE || entry.pa != target.pa) {
            fz_fail("a link at %llx leads to %llx, it should be %llx",
                    HEX(ours + (i << shift)), HEX(entry.pa), HEX(target.pa));
        }
        if ((q->flags & PTW_EDIT_EXACT) != 0) {
            if ((entry.raw & ~address) != q->attributes) {
                fz_fail("a link at %llx has the bits %llx",
                        HEX(ours + (i << shift)), HEX(entry.raw & ~address));
            }
        } else if (((entry.rights ^ q->rights) & ~ignored) != 0) {
            fz_fail("a link at %llx grants %x and was to grant %x",
                    HEX(ours + (i << shift)), entry.rights, q->rights);
        }
    }
    if (any != (st == PTW_OK) && regions <= LINK_REGIONS) {
        fz_fail("a link at %llx says: %s", HEX(q->first.v),
                ptw_status_text(st));
    }
}

/* Whether what a link is asked to do could be right. */
static bool link_sound(const struct fz_world *w, const struct host *h,
                       const struct ptw_link_request *q, uint64_t root,
                       unsigned level)
{
    unsigned shift = fz_shift(w, level + 1);
    uint64_t span = ((uint64_t)1 << (shift & 63)) - 1;
    uint64_t ours = q->first.v & ~span;
    uint64_t theirs = q->their_va.v & ~span;
    uint64_t more = (q->last.v | span) - ours;
    int table = fm_table(&h->m, root);
    bool exact = (q->flags & PTW_EDIT_EXACT) != 0;

    if (level >= w->levels - 1 || q->first.v > q->last.v ||
        more > UINT64_MAX - theirs || !fz_canonical(w, ours) ||
        !fz_canonical(w, ours + more) || !fz_canonical(w, theirs) ||
        !fz_canonical(w, theirs + more) || !fz_one_half(w, ours, ours + more) ||
        !fz_one_half(w, theirs, theirs + more)) {
        return false;
    }
    if (exact ? !leads_to_table(w, level + 1, q->attributes)
              : !fz_can_grant(w, q->rights,
                              (q->flags & PTW_EDIT_GRANT_EXEC) != 0)) {
        return false;
    }
    return q->owner.v != root || (table >= 0 && h->m.table[table].refs > 1) ||
           theirs > ours + more || ours > theirs + more;
}

static enum ptw_status link_range(struct fz_world *w, struct host *h,
                                  struct ptw_movable_tables *mt,
                                  struct rebuilt *b, const struct record *q)
{
    bool movable = (h->options & OPT_MOVES) != 0;
    struct ptw_tables *t = &mt->tables;
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = q->level;
    unsigned shift = fz_shift(w, level + 1);
    uint64_t span = ((uint64_t)1 << shift) - 1;
    struct ptw_item alias;
    struct ptw_link_request r = {
        .first = {q->first},
        .last = {q->last},
        .their_va = {q->their_va},
        .owner = {q->owner < w->roots ? h->m.root[q->owner] : q->pa},
        .level = ptw_alias_level_of(&w->regime, level),
        .rights = q->rights,
        .flags =
            (q->flags & (PTW_EDIT_EXACT | PTW_EDIT_UNSHARE)) | exec_flag(q),
        .max_reads = q->max_reads,
    };
    struct fm_change change = {.want = FM_ANYTHING, .what = "link"};
    uint64_t was[FM_ROOTS];
    enum ptw_status st;
    uint64_t pa;
    bool sound;

    put_alias(w, q, &alias);
    r.attributes =
        ptw_alias_view(&w->regime, &alias, &(unsigned){0}).attributes;
    memcpy(was, h->m.root, sizeof was);
    edit_begin(h, q, movable);
    sound = link_sound(w, h, &r, was[q->root], level) && h->m.rooted[q->root];
    fz_say("link %016llx-%016llx of space %u, root %llx, to %016llx of root "
           "%llx, level %u, rights %x, bits %llx",
           HEX(q->first), HEX(q->last), q->root, HEX(was[q->root]),
           HEX(q->their_va), HEX(r.owner.v), level, q->rights,
           HEX(r.attributes));
    say_flags(r.flags & ~(unsigned)PTW_EDIT_GRANT_EXEC);
    fz_say("%s", q->grant_exec ? ", grant execution" : "");
    say_supply(q, movable);
    t->table_rights = q->table_rights;
    t->shares = &shares;
    t->root.v = was[q->root];
    st = movable ? ptw_link_movable(mt, &r) : ptw_link(t, &r);
    fz_note((uint64_t)st);
    say_status(h, st, t->root);
    if (h->restless && !h->misled && st != PTW_NOT_MAPPED) {
        check_changed(h, st);
    }
    if (h->tainted) {
        return st;
    }
    follow_root(h, q->root, t, movable);
    b->built[q->root].root.v = h->m.root[q->root];
    edit_end(h, t, st);
    say_tables(h, t);
    check_refusal(h, st);
    if (!sound && (st == PTW_OK || st == PTW_NOT_MAPPED)) {
        fz_fail("a link that can't be is made: %s", ptw_status_text(st));
    }
    if (st == PTW_OK || st == PTW_NOT_MAPPED) {
        change.first = q->first & mask & ~span;
        change.last = (q->last & mask) | span;
        check_links(w, h, &r, q->root, level, st);
    } else {
        if ((sound && (st == PTW_E_ARG || st == PTW_E_RANGE ||
                       st == PTW_NOT_CANONICAL)) ||
            (st == PTW_E_SHARED && (r.flags & PTW_EDIT_UNSHARE) != 0) ||
            (sound && st == PTW_E_RIGHTS && !h->refused &&
             links_with(w, level + 1, q->rights) &&
             !fm_withholds(&h->m, h->m.root[q->root], q->first & ~span,
                           q->last | span, fz_granted(w, q->rights))) ||
            st == PTW_E_CHANGED || st == PTW_END || st == PTW_DIFFERENT) {
            fz_fail("a link says: %s", ptw_status_text(st));
        }
        if (h->moved == 0 && !fm_same_bytes(&h->m, &pa)) {
            fz_fail("a link failed (%s) and changed %llx", ptw_status_text(st),
                    HEX(pa));
        }
        change.want = FM_SAME;
        change.first = 1;
        change.last = 0;
    }
    compare_all(h, was, &change, q->root);
    h->given = 0;
    return st;
}

/* A link by ptw_link, or by the item that a walk would give. */
static enum ptw_status link_step(struct fz_world *w, struct host *h,
                                 struct ptw_movable_tables *mt,
                                 struct rebuilt *b, const struct record *q)
{
    return (q->flags & PTW_EDIT_RECLAIM) != 0
               ? link_range(w, h, mt, b, q)
               : link_item(w, h, &mt->tables, b, q);
}

void fz_link(const uint8_t *data, size_t len)
{
    struct fz_world *w = &world;
    struct host *h = &host;
    struct ptw_movable_tables mt = {.move = &movers};
    struct ptw_tables *t = &mt.tables;
    struct rebuilt b;
    struct input in;

    read_input(w, &in, data, len);
    w->partial = false;
    w->first = 0;
    w->last = UINT64_MAX;
    in.pool_limit = 0;
    begin_image(w, h, &in, t);
    fz_say_world(w, NULL);
    say_pool(h);
    say_roots_of(w);
    if (!rebuild(w, h, t, PTW_WALK_TABLES | PTW_WALK_RUNS, false,
                 &(struct placing){.wanted = false}, &b)) {
        return;
    }
    say_spaces(w, h, "before");
    fm_begin(&h->m);
    for (unsigned i = 0; i < in.edits; i++) {
        struct record q;

        (void)next_edit(w, &in.records, &q);
        fz_say("edit %u of %u: ", i + 1, in.edits);
        if (q.op == DO_LINK) {
            if (shares_more(h, link_step(w, h, &mt, &b, &q)) && !h->refused) {
                fz_say("again, with room for that: ");
                (void)link_step(w, h, &mt, &b, &q);
            }
        } else {
            step_with_room(w, h, &mt, &q, (h->options & OPT_MOVES) != 0);
            for (unsigned k = 0; k < w->roots; k++) {
                b.built[k].root.v = h->m.root[k];
            }
        }
        if (h->tainted) {
            return;
        }
    }
    say_spaces(w, h, "after");
}
