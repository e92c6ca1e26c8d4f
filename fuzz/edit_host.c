/* SPDX-License-Identifier: Apache-2.0 */
/* The host of an edit, and the rules that it holds the library to. */
#include "edit_host.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* The list of shares has that many slots at first, and at most as many as the
 * largest tables on a path have entries, and more. */
enum { SHARES_LOG2 = 12, MOST_LOG2 = 16, SLOT = 24, MORE = 40 };

/* Of a leaf that was used. */
enum { PAGE_FLAGS = FZ_TO_ALL | FZ_WAS_ACCESSED | FZ_WAS_WRITTEN };

static _Alignas(
    FZ_PAGE) uint8_t storage[FM_MOST_PAGES * FZ_PAGE + FZ_MOST_SKEW];
static _Alignas(FZ_PAGE) uint8_t old[FM_MOST_PAGES][FZ_PAGE];
static _Alignas(8) unsigned char shares_store[2][(SLOT << MOST_LOG2) + MORE];

/* ------------------------------------------------------------------- memory */

/* Now and then, what the guest might have written there since. */
static enum ptw_status changed(struct fe_host *h, uint64_t pa, unsigned n,
                               uint64_t *out)
{
    uint64_t r = fz_random(&h->random);
    uint64_t page = h->m.page[(r >> 32) % h->m.pages].frame * FZ_PAGE;
    uint64_t size = 0;
    int here = fm_over(&h->m, pa, &size);

    /* Not what a table in stock leads to: that is no entry, and where it leads
     * to another page that could be a table, nobody sees it. */
    if (((r & 3) << 6 | (r >> 2 & 63)) >= h->w->restless ||
        (here >= 0 && h->m.table[here].state == FM_TAKEN &&
         !h->m.table[here].linked &&
         pa - h->m.table[here].pa < FE_LINK_BYTES)) {
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
        *out = fz_entry(h->w, PAGE_FLAGS, page);
        break;
    case 3:
        *out = fz_entry(h->w, PAGE_FLAGS | FZ_LARGE,
                        page & ~(((uint64_t)2 << fz_shift(h->w, 1)) - 1));
        break;
    case 4:
        *out =
            fz_entry(h->w, PAGE_FLAGS, page) |
            (oracle_frame(h->m.mode, 0) & ~(oracle_frame(h->m.mode, 0) >> 1));
        break;
    case 5:
        *out = fz_random(&h->random) | fz_entry(h->w, FZ_PRESENT, 0);
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

static enum ptw_status read_any(void *ctx, uint64_t pa, unsigned n,
                                uint64_t *out)
{
    struct fe_host *h = ctx;

    if (pa % n != 0) {
        fz_fail(ASK_BOUNDS, "an edit reads at %llx, which is not aligned",
                HEX(pa));
        return PTW_E_BUS;
    }
    h->reads++;
    if (!fm_read(&h->m, pa, n, out)) {
        return PTW_E_BUS;
    }
    return h->restless && h->editing ? changed(h, pa, n, out) : PTW_OK;
}

/* May that byte be written in this edit?  It is enough that one table may. */
static void check_byte(const struct fe_host *h, uint64_t pa)
{
    bool own = true;
    uint64_t size = 0;
    int i;

    if (!h->editing) {
        fz_fail(ASK_BOUNDS, "a walk writes to %llx", HEX(pa));
        return;
    }
    while ((i = fm_over(&h->m, pa, &size)) >= 0) {
        const struct fm_table *t = &h->m.table[i];

        if (t->state == FM_TAKEN || (t->state == FM_OF_GUEST && t->linked)) {
            return;
        }
        own = own && t->state == FM_OF_GUEST;
    }
    fz_fail(ASK_BOUNDS, "an edit writes to %llx, which is %s", HEX(pa),
            own ? "no table" : "not its own");
}

/* Whether a table that was there before the edit has that byte. */
static bool was_table(const struct fe_host *h, uint64_t pa)
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

/* Whether a table of leaves has that byte. */
static bool has_leaves(const struct fe_host *h, uint64_t pa)
{
    uint64_t size = 0;
    int i;

    while ((i = fm_over(&h->m, pa, &size)) >= 0) {
        if (h->m.table[i].dirt[0] != 0) {
            return true;
        }
    }
    return false;
}

static enum ptw_status write_any(void *ctx, uint64_t pa, unsigned n,
                                 uint64_t value)
{
    struct fe_host *h = ctx;
    const struct fm_region *r = fm_region_of(&h->m, pa, n);

    if (r == NULL || pa % n != 0 || !r->readable || !r->writable) {
        fz_fail(ASK_BOUNDS,
                "an edit writes at %llx, outside the memory offered", HEX(pa));
        return PTW_E_BUS;
    }
    h->writes++;
    if (h->restless && h->editing && (fz_random(&h->random) & 15) == 0) {
        h->unwritten = true;
        return PTW_E_READONLY;
    }
    if (fm_find(&h->m, pa / FZ_PAGE) < 0) {
        if (h->tainted) {
            return PTW_OK;
        }
        fz_fail(ASK_BOUNDS, "an edit writes at %llx, where no table is",
                HEX(pa));
        return PTW_OK;
    }
    if (!h->tainted) {
        check_byte(h, pa);
        check_byte(h, pa + (n - 1));
        if (fm_refuses(&h->m, pa, n) && !has_leaves(h, pa)) {
            fz_fail(ASK_BOUNDS,
                    "an edit writes to %llx, which leads to a table or not: "
                    "nobody can read it",
                    HEX(pa));
        }
    }
    if (n != h->m.entry_bytes && was_table(h, pa) &&
        (h->options & OPT_KEEP) == 0 && !h->tainted) {
        fz_fail(ASK_BOUNDS, "an edit writes %u bytes at %llx, entries have %u",
                n, HEX(pa), h->m.entry_bytes);
    }
    fm_store(&h->m, pa, n, value);
    return PTW_OK;
}

/* Several entries of one table at once, of memory that is stopped. */
static enum ptw_status read_many(void *ctx, ptw_pa pa, void *buffer,
                                 size_t bytes)
{
    struct fe_host *h = ctx;
    uint8_t *to = buffer;

    if (!h->w->stopped ||
        (bytes > 16 * h->m.entry_bytes &&
         (!h->w->remembers || bytes != h->w->table_bytes)) ||
        bytes % h->m.entry_bytes != 0 ||
        pa.v % h->w->table_bytes + bytes > h->w->table_bytes ||
        fm_region_of(&h->m, pa.v, bytes) == NULL) {
        fz_fail(ASK_BOUNDS, "%llu bytes are read at %llx", HEX(bytes),
                HEX(pa.v));
        return PTW_E_BUS;
    }
    for (size_t at = 0; at < bytes; at += h->m.entry_bytes) {
        uint64_t v = 0;
        enum ptw_status st = read_any(h, pa.v + at, h->m.entry_bytes, &v);

        if (st != PTW_OK) {
            return st;
        }
        for (unsigned b = 0; b < h->m.entry_bytes; b++) {
            to[at + b] = (uint8_t)(v >> 8 * b);
        }
    }
    return PTW_OK;
}

/* What is lent where loans are not aligned: nobody may look at it, or write
 * there. */
enum { ASKEW = 0xA7 };

static _Alignas(64) uint8_t askew[FZ_MOST_UNIT + FZ_MOST_SKEW];

/* What is lent may be written to; whether it might have been shows later. */
static const void *borrow(void *ctx, ptw_pa pa, uint64_t n)
{
    struct fe_host *h = ctx;
    const struct fm_region *r = fm_region_of(&h->m, pa.v, n);
    int page;

    if (r == NULL) {
        fz_fail(ASK_BOUNDS,
                "%llu bytes borrowed at %llx, outside the memory offered",
                HEX(n), HEX(pa.v));
        return NULL;
    }
    page = fm_find(&h->m, pa.v / FZ_PAGE);
    if (!r->readable || page < 0 || h->restless || fm_refuses(&h->m, pa.v, n)) {
        return NULL;
    }
    if (h->w->skew % 8 != 0 && n <= sizeof askew - h->w->skew) {
        memset(askew, ASKEW, sizeof askew);
        h->lent_askew = true;
        return askew + h->w->skew;
    }
    /* Pages that are kept one behind the other. */
    for (uint64_t f = 1; f * FZ_PAGE < pa.v % FZ_PAGE + n; f++) {
        if (fm_find(&h->m, pa.v / FZ_PAGE + f) != page + (int)f) {
            return NULL;
        }
    }
    if (h->editing) {
        fm_touch_range(&h->m, pa.v, n);
    }
    return h->m.bytes[page] + pa.v % FZ_PAGE;
}

/* ----------------------------------------------------------------- the pool */

static bool pool_used[FM_POOL];

/* Memory for so many pages from `first` on, or above, where the case has none;
 * 0: there is none below the limit. */
static uint64_t room_beside(const struct fz_case *w, uint64_t first,
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
        first, first + (uint64_t)pages * FZ_PAGE - 1, true, true, -1};
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

/* Where tables can be and roots can't: half of the pool is there; 0:
 * nowhere. */
static uint64_t high_part(const struct fm *m)
{
    const struct oracle_format *f = m->mode->format;

    for (unsigned bit = f->root_pa_bits(m->mode);
         bit < f->table_pa_bits(m->mode); bit++) {
        if ((m->mode->flag_bits >> bit & 1) == 0) {
            return (uint64_t)1 << bit;
        }
    }
    return 0;
}

static bool has_high(const struct fm *m)
{
    return high_part(m) != 0;
}

/* The pool comes first, so that its pages are in one piece, or two. */
void fe_add_pool(struct fm *m, const struct fz_case *w)
{
    unsigned pages = has_high(m) ? FM_POOL / 2 : FM_POOL;
    uint64_t size = (uint64_t)pages * FZ_PAGE;
    uint64_t first = room_beside(w, 0x30000000, size, 0xF0000000);
    uint64_t high = 0;

    m->pool_bytes = oracle_largest_table(m->mode->format);
    if (has_high(m)) {
        high = high_part(m);
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
bool fe_is_pool(const struct fm *m, uint64_t pa)
{
    int page = fm_find(m, pa / FZ_PAGE);

    return page >= 0 && (unsigned)page < m->pool_pages;
}

void fe_host_memory(struct fe_host *h)
{
    const struct fm *m = &h->m;

    for (unsigned i = 0; i < m->regions; i++) {
        h->region[i].first.v = m->region[i].first;
        h->region[i].last.v = m->region[i].last;
        h->region[i].writable = m->region[i].writable;
        h->region[i].host = NULL;
        if ((h->options & OPT_DIRECT) != 0 &&
            fe_is_pool(m, m->region[i].first)) {
            h->region[i].host =
                m->bytes[fm_find(m, m->region[i].first / FZ_PAGE)];
        } else if (m->region[i].host >= 0) {
            h->region[i].host =
                m->bytes[m->region[i].host] + m->region[i].first % FZ_PAGE;
        }
    }
    h->served.get = read_any;
    h->served.put = write_any;
    h->ops = fz_served_ops((h->options & OPT_BORROW) != 0 ? borrow : NULL,
                           h->w->bulk ? read_many : NULL, NULL);
    fz_must(ptw_mem_init_callbacks(&h->mem, &h->ops, h, h->region, m->regions),
            "memory");
    fz_must(fz_offer(&h->mem, h->of, &h->ops, h, h->region, m->regions),
            "memory");
    ptw_mem_set_stopped(&h->mem, h->w->stopped);
}

/* --------------------------------------------------------------- the tables */

/* Where roots can be only in one half of the pool, tables come from both in
 * turn. */
static unsigned pool_order(const struct fm *m, unsigned k)
{
    k %= m->pool_tables;
    return has_high(m) ? k % 2 * (m->pool_tables / 2) + k / 2 : k;
}

bool fe_is_high(const struct fm *m, uint64_t pa)
{
    return pa >> m->mode->format->root_pa_bits(m->mode) != 0;
}

/* A table of the pool; a root's, where it has to be. */
static int take_table(struct fe_host *h, bool root)
{
    for (unsigned i = 0; i < h->m.pool_tables && h->pool_limit > 0; i++) {
        unsigned k = pool_order(&h->m, h->m.pool_next++);
        struct fm_table *t = &h->m.table[k];

        if (t->state == FM_FREE && !(root && fe_is_high(&h->m, t->pa))) {
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

static void fill_with(struct fe_host *h, uint64_t pa, uint64_t bytes,
                      uint64_t v)
{
    for (uint64_t i = 0; i < bytes; i += 8) {
        fm_store(&h->m, pa + i, 8, v);
    }
}

static void poison(struct fe_host *h, uint64_t pa, uint64_t bytes)
{
    uint64_t v = h->poison;

    for (unsigned at = 0; at < 8; at += h->m.entry_bytes) {
        v |= fz_entry(h->w, FZ_TO_ALL, 0) << 8 * at;
    }
    fill_with(h, pa, bytes, v);
}

struct fe_wanted fe_any_table(const struct fe_host *h)
{
    return (struct fe_wanted){h->m.pool_bytes, false};
}

static unsigned width_of(const struct fe_host *h, const struct fe_wanted *is)
{
    const struct oracle_format *f = h->m.mode->format;

    return is->root ? f->root_pa_bits(h->m.mode) : f->table_pa_bits(h->m.mode);
}

/* Why no such table can be at pa: a set of 1 << a status. */
static unsigned why_not(const struct fe_host *h, uint64_t pa,
                        const struct fe_wanted *is)
{
    const struct fm_region *r = fm_region_of(&h->m, pa, is->bytes);
    unsigned why = 0;

    if (pa % is->bytes != 0) {
        why |= 1u << PTW_E_ALIGN;
    }
    if (pa >> width_of(h, is) != 0 || (pa & h->m.mode->flag_bits) != 0) {
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
bool fe_page_in_use(const struct fe_host *h, uint64_t *pa)
{
    unsigned start = (unsigned)(h->poison >> 16) % h->m.pages;
    struct fe_wanted any = fe_any_table(h);

    for (unsigned i = 0; i < h->m.pages; i++) {
        int t;

        *pa = h->m.page[(start + i) % h->m.pages].frame * FZ_PAGE;
        t = fm_table(&h->m, *pa);
        if (t >= 0 &&
            (h->m.table[t].state == FM_TAKEN ||
             (h->m.table[t].state == FM_OF_GUEST && h->m.table[t].linked)) &&
            why_not(h, *pa, &any) == 0) {
            return true;
        }
    }
    return false;
}

/* An address that can't be such a table's for that reason, if there is one. */
bool fe_bad_address(const struct fe_host *h, enum fe_fault fault,
                    const struct fe_wanted *is, uint64_t *pa)
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
static void fill(struct fe_host *h, const struct fm_table *t)
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
static bool wrong_table(struct fe_host *h, enum fe_fault fault,
                        const struct fe_wanted *is, ptw_pa *table)
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
        if (!fe_bad_address(h, fault, is, &table->v)) {
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
        if (!fe_page_in_use(h, &table->v)) {
            return false;
        }
        /* That two entries lead to it is known, and more is not. */
        t = fm_table(&h->m, table->v);
        if (h->m.table[t].refs > 1 && !h->tainted) {
            h->refused = true;
            h->refusals = 1u << PTW_E_IN_USE;
            return true;
        }
        h->misled = true;
        h->tainted = true;
        return true;
    }
    return false;
}

static enum ptw_status refuse(struct fe_host *h)
{
    h->refused = true;
    h->refusals = 1u << h->refusal;
    return h->refusal;
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct fe_host *h = ctx;
    struct fe_wanted any = fe_any_table(h);
    int t = -1;

    h->takes++;
    h->high = -1;
    if (h->takes == h->take_fault_at &&
        wrong_table(h, h->take_fault, &any, table)) {
        fz_say("    takes %llx, %s\n", HEX(table->v),
               fe_fault_name[h->take_fault]);
        /* Whoever takes a root does not say that it is to be one. */
        h->refusals |= fe_is_high(&h->m, table->v) ? 1u << PTW_E_WIDTH : 0;
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
    h->high = fe_is_high(&h->m, table->v) ? t : -1;
    h->taken++;
    fz_say("    takes %llx\n", HEX(table->v));
    return PTW_OK;
}

static void give(void *ctx, ptw_pa table)
{
    struct fe_host *h = ctx;
    struct fe_wanted any = fe_any_table(h);
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
        fz_fail(ASK_TABLES, "%llx is given back, which is no table",
                HEX(table.v));
        return;
    }
    if (why_not(h, table.v, &any) != 0) {
        fz_fail(ASK_TABLES, "%llx is given back, which can't be a new table",
                HEX(table.v));
    }
    t = &h->m.table[i];
    if (t->state == FM_FREE || t->state == FM_GIVEN ||
        (t->state == FM_OF_GUEST && !t->linked)) {
        fz_fail(ASK_TABLES, "%llx is given back, which was not taken",
                HEX(table.v));
    }
    h->given += t->linked;
    h->given_new += t->state == FM_TAKEN && !t->linked && !t->moved;
    poison(h, t->pa, t->bytes);
    h->pool_limit += t->state == FM_TAKEN;
    t->state = t->state == FM_OF_GUEST ? FM_GIVEN : FM_FREE;
}

const struct ptw_table_ops fe_with_give = {take, give};
const struct ptw_table_ops fe_without_give = {take, NULL};

static enum ptw_status take_none(void *ctx, ptw_pa *table)
{
    (void)ctx;
    (void)table;
    return PTW_E_SPACE;
}

struct ptw_tables fe_without_supply(const struct ptw_tables *t)
{
    static const struct ptw_table_ops none = {take_none, NULL};
    struct ptw_tables without = *t;

    without.ops = &none;
    memset(&without.stock, 0, sizeof without.stock);
    return without;
}

/* The size of a table, by the levels at which it was met; of one that is new,
 * of the largest. */
static uint64_t table_size(const struct fe_host *h, const struct fm_table *t)
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
    struct fe_host *h = ctx;
    int from = fm_table(&h->m, table.v);
    unsigned call = h->moves++;
    const struct fm_region *region;
    struct fe_wanted is;
    struct fm_table *t;
    struct fm_table *t_now;
    int to;

    *now = table;
    if (h->tainted) {
        return PTW_OK;
    }
    if (from < 0) {
        fz_fail(ASK_MOVES, "%llx is to be moved, which is no table",
                HEX(table.v));
        return PTW_OK;
    }
    t = &h->m.table[from];
    if (t->state == FM_FREE || t->state == FM_GIVEN ||
        (!t->linked && t->state != FM_TAKEN)) {
        fz_fail(ASK_MOVES, "%llx is to be moved, which is no table",
                HEX(table.v));
        return PTW_OK;
    }
    if (t->asked && !h->shared && !h->crooked) {
        fz_fail(ASK_MOVES, "%llx is to be moved again in one edit",
                HEX(table.v));
    }
    t->asked = true;
    is.bytes = table_size(h, t);
    is.root = t->dirt[h->m.levels - 1] != 0;
    region = fm_region_of(&h->m, table.v, is.bytes);
    if (region == NULL && !h->crooked) {
        fz_fail(ASK_MOVES, "%llx is to be moved, and memory lacks some of it",
                HEX(table.v));
    }
    if (region == NULL || !region->readable ||
        fm_refuses(&h->m, table.v, is.bytes)) {
        fz_say("    may not move %llx: %s\n", HEX(table.v),
               ptw_status_text(h->refusal));
        return refuse(h);
    }
    if (h->move_refused_at != 0 && h->moves == h->move_refused_at) {
        bool wrong = wrong_table(h, h->move_fault, &is, now);

        fz_say("    may not move %llx: ", HEX(table.v));
        if (wrong) {
            fz_say("%llx, %s\n", HEX(now->v), fe_fault_name[h->move_fault]);
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
    struct fe_host *h = ctx;

    if (h->hook_root == now.v) {
        fz_fail(ASK_MOVES, "the hook is told of the root %llx, which stays",
                HEX(now.v));
    }
    h->hook_root = now.v;
    fz_watch_root(h->of, now.v);
    h->hooked = true;
    fz_say("    the root is %llx now\n", HEX(now.v));
}

const struct ptw_move_ops fe_movers = {move, root_moved};

/* ----------------------------------------------------------------- one edit */

/* How tables are supplied. */
void fe_host_asks(struct fe_host *h, const struct fe_record *q)
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
    h->restless = q->changing && h->w->restless != 0;
    h->unwritten = false;
    h->misled = false;
    h->tainted = h->restless;
    h->reads = 0;
    h->writes = 0;
    h->given_back = 0;
}

/* ---------------------------------------------------------------- one input */

void fe_host_begin(struct fe_host *h, const struct fz_case *w,
                   const struct fe_input *in)
{
    if (h->tainted) {
        memset(pool_used, true, sizeof pool_used); /* any of it may be */
    }
    h->w = w;
    h->of = FZ_OF_GUEST;
    h->options = in->options;
    h->movable = false;
    h->pool_limit = in->pool_limit == 0 ? FM_POOL : in->pool_limit;
    h->editing = false;
    h->lent_askew = false;
    h->given = 0;
    h->given_new = 0;
    h->hooked = false;
    h->tainted = false;
    h->misled = false;
    h->crooked = false;
    h->random = w->seed;
}

void fe_shares_begin(struct fe_host *h, const struct fe_input *in)
{
    size_t usual = (size_t)SLOT << SHARES_LOG2;
    size_t room =
        in->shares_room == 0 ? usual : ptw_memo_bytes(in->shares_room);

    room = room < usual ? room : usual;

    h->shares_at = 0;
    h->shares_tries = 0;
    h->shares_enough = false;
    memset(&h->shares, 0xA5, sizeof h->shares); /* as a host may have it */
    fz_must(ptw_shares_init(&h->shares, shares_store[0], room, h->w->seed),
            "shares");
    if (h->shares.wanted != 0) {
        fz_stop(ASK_STORAGE, "an empty list wants %zu bytes", h->shares.wanted);
    }
}

/* Moves the list into larger storage, as the input says how large; it may take
 * several tries.  A scan starts with an empty one. */
static bool grow_list(struct fe_host *h, enum ptw_status st, bool empty)
{
    size_t had = (size_t)SLOT << h->shares.state.count.slots_log2;
    size_t wanted = h->shares.wanted;
    uint64_t used = h->shares.state.count.used;

    if (st != PTW_E_SPACE || wanted == 0 || h->tainted) {
        h->shares_tries = 0;
        h->shares_enough = false;
        return false;
    }
    if (wanted <= had || wanted > sizeof shares_store[0] - MORE) {
        fz_stop(ASK_STORAGE, "a list in %zu bytes wants %zu", had, wanted);
    }
    if (h->shares_enough && !empty) {
        fz_stop(ASK_STORAGE, "what was wanted was not enough");
    }
    h->shares_at = 1 - h->shares_at;
    for (;;) {
        size_t bytes = fz_store_bytes(wanted, h->w->growth, h->shares_tries++);
        void *store = shares_store[h->shares_at];

        st = empty ? ptw_shares_init(&h->shares, store, bytes, h->w->seed)
                   : ptw_shares_grow(&h->shares, store, bytes);
        h->shares_enough = bytes >= wanted;
        h->shares_used = used;
        if (st == PTW_OK) {
            if (!empty &&
                (size_t)SLOT << h->shares.state.count.slots_log2 <= had) {
                fz_fail(ASK_STORAGE, "a list in %zu bytes grows into %zu", had,
                        bytes);
            }
            return true;
        }
        if (h->shares_enough || st != PTW_E_SPACE ||
            (!empty && (h->shares.wanted != wanted ||
                        h->shares.state.count.used != used))) {
            fz_stop(ASK_STORAGE, "a larger list in %zu bytes of %zu: %s", bytes,
                    wanted, ptw_status_text(st));
        }
    }
}

void fe_shares_probed(struct fe_host *h)
{
    h->shares_enough =
        h->shares_enough && h->shares.state.count.used == h->shares_used;
}

bool fe_shares_more(struct fe_host *h, enum ptw_status st)
{
    bool ends = h->refused || h->m.overflow;

    return grow_list(h, ends ? PTW_OK : st, false);
}

bool fe_shares_anew(struct fe_host *h, enum ptw_status st)
{
    return grow_list(h, st, true);
}

/* Tables of the pool that are tables of the guest, or have one inside them, are
 * the guest's. */
void fe_keep_case(struct fe_host *h)
{
    struct fm *m = &h->m;

    for (unsigned i = 0; i < m->tables; i++) {
        uint64_t size = 0;
        int t;

        while (m->table[i].reached &&
               (t = fm_over(m, m->table[i].pa, &size)) >= 0) {
            m->table[t].state = FM_OF_GUEST;
        }
    }
    for (unsigned i = 0; i < m->pool_tables; i++) {
        const struct fm_table *t = &m->table[i];

        for (uint64_t at = 0; at < t->bytes && t->state == FM_OF_GUEST;
             at += FZ_PAGE) {
            pool_used[fm_find(m, (t->pa + at) / FZ_PAGE)] = true;
        }
    }
}

/* Its bytes start anywhere, as they are lent, or host memory. */
void fe_host_empty(struct fe_host *h)
{
    static unsigned skew;

    if (skew != h->w->skew) {
        memset(pool_used, true, sizeof pool_used); /* of other pages */
        skew = h->w->skew;
    }
    fm_init(&h->m, h->w, (uint8_t(*)[FZ_PAGE])(void *)(storage + skew), old);
}

void fe_check_lent(struct fe_host *h)
{
    for (size_t i = 0; i < sizeof askew && h->lent_askew; i++) {
        if (askew[i] != ASKEW) {
            fz_fail(ASK_BOUNDS,
                    "an edit writes where bytes are lent that are not aligned");
        }
    }
    h->lent_askew = false;
}
