/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* -------------------------------------------------------------------- pages */

static unsigned home(uint64_t key)
{
    return (unsigned)((key * 0x9E3779B97F4A7C15) >> (64 - FM_INDEX_LOG2));
}

static unsigned page_slot(const struct fm *m, uint64_t frame)
{
    const uint16_t *at = m->page_index.at;
    unsigned i = home(frame);

    while (at[i] != 0 && m->page[at[i] - 1].frame != frame) {
        i = (i + 1) % FM_INDEX;
    }
    return i;
}

static unsigned table_slot(const struct fm *m, uint64_t pa)
{
    const uint16_t *at = m->table_index.at;
    unsigned i = home(pa);

    while (at[i] != 0 && m->table[at[i] - 1].pa != pa) {
        i = (i + 1) % FM_INDEX;
    }
    return i;
}

int fm_find(const struct fm *m, uint64_t frame)
{
    return (int)m->page_index.at[page_slot(m, frame)] - 1;
}

int fm_table(const struct fm *m, uint64_t pa)
{
    return (int)m->table_index.at[table_slot(m, pa)] - 1;
}

int fm_page_for(struct fm *m, uint64_t frame)
{
    unsigned i = page_slot(m, frame);
    struct fm_page *p;

    if (m->page_index.at[i] == 0) {
        if (m->pages == m->most_pages) {
            return -1;
        }
        p = &m->page[m->pages];
        memset(p, 0, sizeof *p);
        p->frame = frame;
        if (m->pages >= m->pool_pages) {
            memset(m->bytes[m->pages], 0, FZ_PAGE);
        }
        m->pages++;
        m->page_index.at[i] = (uint16_t)m->pages;
    }
    return (int)m->page_index.at[i] - 1;
}

int fm_table_for(struct fm *m, uint64_t pa)
{
    unsigned i = table_slot(m, pa);
    struct fm_table *t;

    if (m->table_index.at[i] == 0) {
        if (m->tables == FM_TABLES) {
            return -1;
        }
        t = &m->table[m->tables++];
        memset(t, 0, sizeof *t);
        t->pa = pa;
        m->table_index.at[i] = (uint16_t)m->tables;
    }
    return (int)m->table_index.at[i] - 1;
}

uint64_t fm_table_bytes(const struct fm *m, unsigned level)
{
    return m->table_bytes[level];
}

static void learn_sizes(struct fm *m)
{
    m->sizes = 0;
    for (unsigned level = 0; level < m->levels; level++) {
        uint64_t bytes = oracle_table_bytes(m->mode->format, level);
        unsigned at = m->sizes;

        m->table_bytes[level] = bytes;
        while (at > 0 && m->size[at - 1] > bytes) {
            at--;
        }
        if (at == 0 || m->size[at - 1] != bytes) {
            memmove(&m->size[at + 1], &m->size[at],
                    (m->sizes - at) * sizeof m->size[0]);
            m->size[at] = bytes;
            m->sizes++;
        }
    }
}

int fm_over(const struct fm *m, uint64_t pa, uint64_t *size)
{
    uint64_t before = *size;

    /* A table is aligned to its size. */
    for (unsigned i = 0; i < m->sizes; i++) {
        uint64_t next = m->size[i];
        int t;

        if (next <= before) {
            continue;
        }
        t = fm_table(m, pa - pa % next);
        if (t >= 0 && pa - m->table[t].pa < m->table[t].bytes &&
            (before == 0 || pa % next >= before)) {
            *size = next;
            return t;
        }
        before = next;
    }
    return -1;
}

const struct fm_region *fm_region_of(const struct fm *m, uint64_t pa,
                                     uint64_t bytes)
{
    for (unsigned i = 0; i < m->regions; i++) {
        const struct fm_region *r = &m->region[i];

        if (pa >= r->first && pa <= r->last && r->last - pa >= bytes - 1) {
            return r;
        }
    }
    return NULL;
}

bool fm_refuses(const struct fm *m, uint64_t pa, uint64_t bytes)
{
    return m->guest != NULL && fz_case_refuses(m->guest, pa, bytes);
}

bool fm_touches(const struct fm *m, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < m->regions; i++) {
        if (m->region[i].first <= pa + (bytes - 1) && m->region[i].last >= pa) {
            return true;
        }
    }
    return false;
}

static uint64_t get_at(const uint8_t *b, unsigned n)
{
    return n == 4 ? fz_get4(b) : fz_get8(b);
}

/* The bytes of a page, now or before. */
static const uint8_t *bytes_of(const struct fm *m, bool before, int page)
{
    return before && m->page[page].copied ? m->old[page] : m->bytes[page];
}

/* An entry of that page. */
static uint64_t get(const struct fm *m, bool before, int page, unsigned at)
{
    return get_at(bytes_of(m, before, page) + at, m->entry_bytes);
}

uint64_t fm_load(const struct fm *m, bool before, uint64_t pa, unsigned n)
{
    uint64_t v = 0;

    if ((n == 4 || n == 8) && pa % FZ_PAGE <= FZ_PAGE - n) {
        int page = fm_find(m, pa / FZ_PAGE);

        return page < 0 ? 0
                        : get_at(bytes_of(m, before, page) + pa % FZ_PAGE, n);
    }
    for (unsigned i = n; i-- > 0;) {
        int page = fm_find(m, (pa + i) / FZ_PAGE);

        v = v << 8 |
            (page < 0 ? 0 : bytes_of(m, before, page)[(pa + i) % FZ_PAGE]);
    }
    return v;
}

/* The least byte first, in as many of these 8 as a number has. */
static void put_at(uint8_t *b, unsigned n, uint64_t value)
{
    for (unsigned i = 0; i < 8 && i < n; i++) {
        b[i] = (uint8_t)(value >> 8 * i);
    }
}

void fm_store(struct fm *m, uint64_t pa, unsigned n, uint64_t value)
{
    while (n > 0) {
        int page = fm_find(m, pa / FZ_PAGE);
        unsigned here = FZ_PAGE - (unsigned)(pa % FZ_PAGE);

        here = here < n ? here : n;
        if (page >= 0) {
            fm_touch(m, (unsigned)page);
            put_at(m->bytes[page] + pa % FZ_PAGE, here, value);
        }
        value = here < 8 ? value >> 8 * here : 0;
        pa += here;
        n -= here;
    }
}

bool fm_read(struct fm *m, uint64_t pa, unsigned n, uint64_t *out)
{
    if (pa / FZ_PAGE != m->read_frame || !m->read_known) {
        const struct fm_region *r = fm_region_of(m, pa, n);

        if (r == NULL) {
            fz_fail(ASK_BOUNDS, "a read at %llx, outside the memory offered",
                    HEX(pa));
            return false;
        }
        if (!r->readable || fm_refuses(m, pa, n)) {
            return false;
        }
        m->read_frame = pa / FZ_PAGE;
        m->read_page = fm_find(m, m->read_frame);
        r = fm_region_of(m, m->read_frame * FZ_PAGE, FZ_PAGE);
        m->read_known = r != NULL && m->read_page >= 0 &&
                        !fm_refuses(m, m->read_frame * FZ_PAGE, FZ_PAGE);
    }
    *out = 0;
    if (m->read_page >= 0) {
        *out = get_at(m->bytes[m->read_page] + pa % FZ_PAGE, n);
    }
    return true;
}

/* The page of an entry of a table. */
static int page_with(const struct fm *m, const struct fm_node *n, uint64_t pa)
{
    return pa / FZ_PAGE == n->pa / FZ_PAGE ? n->page : fm_find(m, pa / FZ_PAGE);
}

/* Entry i of a table. */
static uint64_t entry_of(const struct fm *m, bool before,
                         const struct fm_node *n, unsigned i)
{
    uint64_t pa = n->pa + (uint64_t)i * m->entry_bytes;
    int page = page_with(m, n, pa);

    return page < 0 ? 0 : get(m, before, page, (unsigned)(pa % FZ_PAGE));
}

/* The entries of a table, as they are gone through in order: those of one page are
 * found together. */
struct entries {
    const struct fm *m;
    bool before;
    const struct fm_node *n;
    const uint8_t *bytes; /* of entry `from` */
    unsigned from;
    unsigned to; /* the first one in another page */
};

static struct entries entries_in(const struct fm *m, bool before,
                                 const struct fm_node *n)
{
    return (struct entries){m, before, n, NULL, 0, 0};
}

static void find_entry(struct entries *e, unsigned i)
{
    static const uint8_t zeros[FZ_PAGE];
    uint64_t pa = e->n->pa + (uint64_t)i * e->m->entry_bytes;
    int page = page_with(e->m, e->n, pa);

    e->bytes =
        page < 0 ? zeros : bytes_of(e->m, e->before, page) + pa % FZ_PAGE;
    e->from = i;
    e->to = i + (FZ_PAGE - (unsigned)(pa % FZ_PAGE)) / e->m->entry_bytes;
}

/* Whether entry i is all zeros, which most are. */
static bool nothing(struct entries *e, unsigned i)
{
    unsigned n = e->m->entry_bytes;

    if (e->n->kind != FM_TABLE || !e->n->whole) {
        return false;
    }
    if (i < e->from || i >= e->to) {
        find_entry(e, i);
    }
    return get_at(e->bytes + (i - e->from) * n, n) == 0;
}

void fm_begin(struct fm *m)
{
    for (unsigned i = 0; i < m->pages; i++) {
        m->page[i].copied = false;
    }
    for (unsigned i = 0; i < m->tables; i++) {
        m->table[i].moved = false;
        m->table[i].asked = false;
        m->table[i].linked = m->table[i].reached;
    }
}

void fm_touch(struct fm *m, unsigned page)
{
    if (!m->page[page].copied) {
        memcpy(m->old[page], m->bytes[page], FZ_PAGE);
        m->page[page].copied = true;
    }
}

void fm_touch_range(struct fm *m, uint64_t pa, uint64_t bytes)
{
    for (uint64_t f = pa / FZ_PAGE; f <= (pa + (bytes - 1)) / FZ_PAGE; f++) {
        int page = fm_find(m, f);

        if (page >= 0) {
            fm_touch(m, (unsigned)page);
        }
    }
}

bool fm_changed(const struct fm *m, uint64_t pa, uint64_t bytes, uint64_t *at)
{
    uint64_t last = pa + (bytes - 1);

    for (uint64_t f = pa / FZ_PAGE; f <= last / FZ_PAGE; f++) {
        int page = fm_find(m, f);
        unsigned from = f == pa / FZ_PAGE ? (unsigned)(pa % FZ_PAGE) : 0;
        unsigned to =
            f == last / FZ_PAGE ? (unsigned)(last % FZ_PAGE) : FZ_PAGE - 1;

        if (page < 0 || !m->page[page].copied ||
            memcmp(m->old[page] + from, m->bytes[page] + from, to - from + 1) ==
                0) {
            continue;
        }
        while (m->old[page][from] == m->bytes[page][from]) {
            from++;
        }
        *at = f * FZ_PAGE + from;
        return true;
    }
    return false;
}

/* Whose a byte is. */
enum whose { OF_TABLE, OF_GUEST, OF_NOBODY };

static enum whose whose(const struct fm *m, uint64_t pa)
{
    enum whose is = OF_GUEST;
    uint64_t size = 0;
    int t;

    while ((t = fm_over(m, pa, &size)) >= 0) {
        if (m->table[t].linked) {
            return OF_TABLE;
        }
        is = m->table[t].state != FM_OF_GUEST ? OF_NOBODY : is;
    }
    return is;
}

/* A byte of those that changed and is that.  All bytes of what may be a table of
 * the smallest size have one owner. */
static bool one_changed(const struct fm *m, bool of_table, uint64_t *pa)
{
    uint64_t alike = m->size[0];

    for (unsigned i = 0; i < m->pages; i++) {
        uint64_t end = (m->page[i].frame + 1) * FZ_PAGE;
        uint64_t at = end - FZ_PAGE;

        while (m->page[i].copied && at < end &&
               fm_changed(m, at, end - at, pa)) {
            enum whose is = whose(m, *pa);

            if (is == OF_GUEST || (is == OF_TABLE && of_table)) {
                return true;
            }
            at = *pa - *pa % alike + alike;
        }
    }
    return false;
}

bool fm_same_bytes(const struct fm *m, uint64_t *pa)
{
    return !one_changed(m, true, pa);
}

bool fm_stray(const struct fm *m, uint64_t *pa)
{
    return one_changed(m, false, pa);
}

/* -------------------------------------------------------- from an input */

void fm_init(struct fm *m, const struct fz_case *w,
             uint8_t (*contents)[FZ_PAGE], uint8_t (*before)[FZ_PAGE])
{
    m->regime = &w->regime;
    m->levels = w->levels;
    m->entry_bytes = w->entry_bytes;
    m->mode = &w->mode;
    learn_sizes(m);
    m->guest = NULL;
    m->regions = 0;
    m->pool_pages = 0;
    m->pool_next = 0;
    m->pages = 0;
    m->most_pages = FM_PAGES * (unsigned)(w->unit / FZ_PAGE);
    if (m->most_pages > FM_MOST_PAGES) {
        m->most_pages = FM_MOST_PAGES;
    }
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

/* Of the regions that are host memory, and of all of them. */
enum { HOST_PAGES = 64, MOST_HOST_PAGES = 128 };

/* Adds the pages of a region, each behind the one before. */
static void add_host(struct fm *m, struct fm_region *r, unsigned *pages)
{
    uint64_t first = r->first / FZ_PAGE;
    uint64_t more = r->last / FZ_PAGE - first;
    int host;

    if (!r->readable || more >= HOST_PAGES || *pages + more > MOST_HOST_PAGES ||
        fm_refuses(m, r->first, r->last - r->first + 1)) {
        return;
    }
    host = fm_page_for(m, first);
    for (uint64_t i = 0; i <= more; i++) {
        if (fm_page_for(m, first + i) != host + (int)i) {
            return; /* it has a page in common with a region before */
        }
    }
    *pages += (unsigned)more + 1;
    r->host = host;
}

void fm_touch_host(struct fm *m)
{
    for (unsigned i = 0; i < m->regions; i++) {
        const struct fm_region *r = &m->region[i];

        for (uint64_t f = r->first / FZ_PAGE;
             r->host >= 0 && f <= r->last / FZ_PAGE; f++) {
            fm_touch(m, (unsigned)(r->host + (int)(f - r->first / FZ_PAGE)));
        }
    }
}

bool fm_beyond(const struct fm *m, bool moves, uint64_t *pa)
{
    for (unsigned i = 0; i < m->regions; i++) {
        const struct fm_region *r = &m->region[i];
        uint64_t end = (r->last | (FZ_PAGE - 1)) + 1;
        uint64_t at = r->first - r->first % FZ_PAGE;

        while (r->host >= 0 && at < end && fm_changed(m, at, end - at, pa)) {
            const struct fm_region *is = fm_region_of(m, *pa, 1);

            if (is == NULL || (!is->writable && !moves)) {
                return true;
            }
            at = is->last + 1;
        }
    }
    return false;
}

void fm_add_case(struct fm *m, const struct fz_case *w, unsigned readonly,
                 bool direct)
{
    unsigned host_pages = 0;

    m->guest = w;
    for (unsigned i = 0; i < w->regions; i++) {
        struct fm_region *r = &m->region[m->regions++];

        r->first = w->region[i].first;
        r->last = w->region[i].last;
        r->readable = w->region[i].readable;
        r->writable = r->readable && (readonly >> i & 1) == 0;
        r->host = -1;
    }
    for (unsigned i = 0; i < m->regions && direct; i++) {
        if (m->region[i].host < 0) {
            add_host(m, &m->region[i], &host_pages);
        }
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
            fz_case_touches(w, w->root[i], fm_table_bytes(m, m->levels - 1)) &&
            ptw_root_check(ptw_root_of(&w->regime, ptw_pa_of(w->root[i]))) ==
                PTW_OK;
    }
}

/* -------------------------------------------------------------------- nodes */

/* A table of that level. */
static struct fm_node open_table(const struct fm *m, unsigned level,
                                 uint64_t pa, unsigned rights, uint64_t raw)
{
    uint64_t bytes = fm_table_bytes(m, level);
    struct fm_node n = {FM_NONE, pa, raw, rights, 0, true, true, -1, false};

    if (fm_touches(m, pa, bytes)) {
        const struct fm_region *r = fm_region_of(m, pa, bytes);

        n.kind = FM_TABLE;
        n.page = fm_find(m, pa / FZ_PAGE);
        n.whole = r != NULL && r->readable && !fm_refuses(m, pa, bytes);
    }
    return n;
}

struct fm_node fm_open_root(const struct fm *m, uint64_t root)
{
    return open_table(m, m->levels - 1, root, m->mode->format->rights, 0);
}

static unsigned shift_of(const struct fm *m, unsigned level)
{
    return m->mode->format->level[level].shift;
}

static unsigned entries_of(const struct fm *m, unsigned level)
{
    return m->mode->format->level[level].entries;
}

/* What entry i of a table of that level, or of what stands for one, says. */
struct fm_node fm_child(const struct fm *m, bool before,
                        const struct fm_node *n, unsigned level, unsigned i)
{
    struct fm_node c = *n;
    struct oracle_entry e;
    uint64_t raw;

    if (n->kind != FM_TABLE) {
        c.real = false;
        if (n->kind == FM_LEAF) {
            c.pa += (uint64_t)i << shift_of(m, level);
        }
        return c;
    }
    c.kind = FM_NONE;
    c.level = level;
    c.real = true;
    c.present = false;
    c.raw = 0;
    if (!n->whole) {
        uint64_t pa = n->pa + (uint64_t)i * m->entry_bytes;
        const struct fm_region *r = fm_region_of(m, pa, m->entry_bytes);

        /* A leaf may be written where it can't be read. */
        if (r == NULL || !r->readable ||
            (fm_refuses(m, pa, m->entry_bytes) &&
             !(m->old != NULL && level == 0))) {
            c.raw = 1; /* refused */
            c.present = true;
            return c;
        }
    }
    raw = entry_of(m, before, n, i);
    c.raw = raw;
    if (raw == 0) {
        return c;
    }
    e = oracle_decode(m->mode, raw, level, i);
    c.present = e.kind != ORACLE_NOT_PRESENT;
    switch (e.kind) {
    case ORACLE_NOT_PRESENT:
    case ORACLE_RESERVED:
        break;
    case ORACLE_TABLE:
        return open_table(m, level - 1, e.pa, n->rights & e.rights, raw);
    case ORACLE_MAPS:
        c.kind = FM_LEAF;
        c.pa = e.pa;
        c.rights = n->rights & e.rights;
        break;
    }
    return c;
}

struct fm_node fm_at(const struct fm *m, bool before, uint64_t root,
                     uint64_t va, unsigned level)
{
    return fm_at_from(m, before, m->levels, root, va, level);
}

struct fm_node fm_at_from(const struct fm *m, bool before, unsigned levels,
                          uint64_t root, uint64_t va, unsigned level)
{
    struct fm_node n =
        open_table(m, levels - 1, root, m->mode->format->rights, 0);

    for (unsigned l = levels; l-- > level;) {
        n = fm_child(m, before, &n, l,
                     (unsigned)(va >> shift_of(m, l)) & (entries_of(m, l) - 1));
    }
    return n;
}

/* Below a table of that level at base: see fm_withholds. */
static bool withholds(const struct fm *m, const struct fm_node *n,
                      unsigned level, uint64_t base,
                      const struct ptw_va_range *range, unsigned rights,
                      unsigned *left)
{
    uint64_t span = ((uint64_t)1 << shift_of(m, level)) - 1;
    struct entries entries = entries_in(m, false, n);

    if ((n->rights & rights) != rights || *left == 0) {
        return true;
    }
    --*left;
    for (unsigned i = 0; i < entries_of(m, level) && level > 0; i++) {
        uint64_t at = base + i * (span + 1);
        struct fm_node c;

        if (at > range->last.v || at + span < range->first.v ||
            nothing(&entries, i)) {
            continue;
        }
        c = fm_child(m, false, n, level, i);
        if (c.kind == FM_TABLE &&
            withholds(m, &c, level - 1, at, range, rights, left)) {
            return true;
        }
    }
    return false;
}

bool fm_withholds(const struct fm *m, uint64_t root, uint64_t first,
                  uint64_t last, unsigned rights)
{
    uint64_t mask = oracle_offset(m->mode, UINT64_MAX);
    struct ptw_va_range range = {{first & mask}, {last & mask}};
    struct fm_node n = fm_open_root(m, root);
    unsigned left = 512;

    return withholds(m, &n, m->levels - 1, 0, &range, rights, &left);
}

/* Which tables the entries of one level lead to: see fm_loses. */
struct references {
    const struct fm *m;
    unsigned level;
    uint64_t first; /* of the entries that go: offsets */
    uint64_t last;
    bool ours;         /* the space has those entries */
    uint64_t stay[64]; /* tables that other entries lead to */
    unsigned stays;
    uint64_t go[64]; /* tables that those lead to, and that are not empty */
    unsigned goes;
    unsigned left; /* tables that are looked at */
    bool known;
    bool present; /* what is not present is nothing */
};

static void note_table(struct references *r, uint64_t *list, unsigned *count,
                       uint64_t pa)
{
    for (unsigned i = 0; i < *count; i++) {
        if (list[i] == pa) {
            return;
        }
    }
    r->known = r->known && *count < sizeof r->go / sizeof r->go[0];
    if (r->known) {
        list[(*count)++] = pa;
    }
}

static bool has_entries(const struct fm *m, const struct fm_node *n,
                        unsigned level, bool present)
{
    struct entries entries = entries_in(m, false, n);

    for (unsigned i = 0; i < entries_of(m, level) && n->whole; i++) {
        if (!nothing(&entries, i) &&
            (!present ||
             oracle_present(m->mode, level, entry_of(m, false, n, i)))) {
            return true;
        }
    }
    return !n->whole && !present;
}

static void find_references(struct references *r, const struct fm_node *n,
                            unsigned level, uint64_t base)
{
    const struct fm *m = r->m;
    struct entries entries = entries_in(m, false, n);

    if (!n->whole || r->left == 0 || !r->known) {
        r->known = false;
        return;
    }
    r->left--;
    for (unsigned i = 0; i < entries_of(m, level); i++) {
        uint64_t at = base + ((uint64_t)i << shift_of(m, level));
        struct fm_node c;

        if (nothing(&entries, i)) {
            continue;
        }
        c = fm_child(m, false, n, level, i);
        if (c.kind != FM_TABLE) {
            continue;
        }
        if (level > r->level) {
            find_references(r, &c, level - 1, at);
        } else if (!r->ours || at < r->first || at > r->last) {
            note_table(r, r->stay, &r->stays, c.pa);
        } else if (has_entries(m, &c, level - 1, r->present)) {
            note_table(r, r->go, &r->goes, c.pa);
        }
    }
}

bool fm_loses(const struct fm *m, unsigned space, unsigned level,
              uint64_t first, uint64_t last, bool surely)
{
    uint64_t mask = oracle_offset(m->mode, UINT64_MAX);
    struct references r = {.m = m,
                           .level = level,
                           .first = first & mask,
                           .last = last & mask,
                           .left = 512,
                           .known = true,
                           .present = surely};

    for (unsigned i = 0; i < m->roots; i++) {
        struct fm_node n;

        if (m->rooted[i]) {
            n = fm_open_root(m, m->root[i]);
            r.ours = i == space;
            find_references(&r, &n, m->levels - 1, 0);
        }
    }
    for (unsigned i = 0; i < r.goes && r.known; i++) {
        bool stays = false;

        for (unsigned k = 0; k < r.stays; k++) {
            stays = stays || r.stay[k] == r.go[i];
        }
        if (!stays) {
            return true;
        }
    }
    return !r.known && !surely;
}

/* Below a table of that level at base: see fm_left_empty. */
static bool left_empty(const struct fm *m, const struct fm_node *n,
                       unsigned level, uint64_t base,
                       const struct ptw_va_range *range, unsigned *left,
                       uint64_t *pa)
{
    uint64_t span = ((uint64_t)1 << shift_of(m, level)) - 1;
    bool empty = level + 1 < m->levels;

    if (n->kind != FM_TABLE || !n->whole || *left == 0) {
        return false;
    }
    --*left;
    for (unsigned i = 0; i < entries_of(m, level); i++) {
        uint64_t raw = entry_of(m, false, n, i);
        uint64_t at = base + i * (span + 1);
        struct oracle_entry e;

        if (raw == 0) {
            continue;
        }
        empty = empty && !oracle_present(m->mode, level, raw);
        e = m->mode->format->decode(m->mode, raw, level);
        if (e.kind == ORACLE_TABLE && at <= range->last.v &&
            at + span >= range->first.v) {
            struct fm_node c = open_table(m, level - 1, e.pa, 0, 0);

            if (left_empty(m, &c, level - 1, at, range, left, pa)) {
                return true;
            }
        }
    }
    *pa = n->pa;
    return empty;
}

bool fm_left_empty(const struct fm *m, uint64_t root, uint64_t first,
                   uint64_t last, uint64_t *pa)
{
    uint64_t mask = oracle_offset(m->mode, UINT64_MAX);
    struct ptw_va_range range = {{first & mask}, {last & mask}};
    struct fm_node n = fm_open_root(m, root);
    unsigned left = 512;

    return left_empty(m, &n, m->levels - 1, 0, &range, &left, pa);
}

/* ------------------------------------------------------------------- tables */

/* Room for the contents of so many bytes at pa. */
static bool make_pages(struct fm *m, uint64_t pa, uint64_t bytes)
{
    for (uint64_t f = pa / FZ_PAGE; f <= (pa + (bytes - 1)) / FZ_PAGE; f++) {
        if (fm_page_for(m, f) < 0) {
            return false;
        }
    }
    return true;
}

static uint8_t reach(struct fm *m, uint64_t pa, unsigned level)
{
    struct fm_node n = open_table(m, level, pa, m->mode->format->rights, 0);
    uint64_t bytes = fm_table_bytes(m, level);
    struct fm_table *t;
    struct entries now;
    uint64_t at;
    uint8_t dirt;
    int number;

    if (n.kind != FM_TABLE || pa % bytes != 0) {
        return 1;
    }
    number = fm_table_for(m, pa);
    if (!make_pages(m, pa, bytes) || number < 0) {
        m->overflow = true;
        return 2;
    }
    n.page = fm_find(m, pa / FZ_PAGE);
    t = &m->table[number];
    t->bytes = bytes > t->bytes ? bytes : t->bytes;
    t->refs++;
    t->reached = true;
    if (t->dirt[level] != 0) {
        return t->dirt[level];
    }
    now = entries_in(m, false, &n);
    dirt = fm_changed(m, pa, bytes, &at) ? 2 : 1;
    for (unsigned i = 0; i < entries_of(m, level) && level > 0; i++) {
        struct fm_node c;

        if (nothing(&now, i)) {
            continue;
        }
        c = fm_child(m, false, &n, level, i);
        if (c.kind == FM_TABLE && reach(m, c.pa, level - 1) == 2) {
            dirt = 2;
        }
    }
    t->dirt[level] = dirt;
    return dirt;
}

void fm_reach(struct fm *m)
{
    for (unsigned i = 0; i < m->tables; i++) {
        struct fm_table *t = &m->table[i];

        /* What it was before the edit counts until the next one, and in stock
         * for longer. */
        if (!t->linked && i >= m->pool_tables && t->state != FM_TAKEN) {
            t->bytes = 0;
        }
        memset(t->dirt, 0, sizeof t->dirt);
        t->refs = 0;
        t->reached = false;
    }
    for (unsigned i = 0; i < m->roots; i++) {
        if (m->rooted[i]) {
            (void)reach(m, m->root[i], m->levels - 1);
        }
    }
}

bool fm_two_levels(const struct fm *m)
{
    for (unsigned i = 0; i < m->tables; i++) {
        unsigned levels = 0;

        for (unsigned l = 0; l < m->levels; l++) {
            levels += m->table[i].dirt[l] != 0;
        }
        if (levels > 1) {
            return true;
        }
    }
    return false;
}

bool fm_overlaps(const struct fm *m)
{
    for (unsigned i = 0; i < m->tables; i++) {
        uint64_t size = 0;
        int t;

        while (m->table[i].reached &&
               (t = fm_over(m, m->table[i].pa, &size)) >= 0) {
            if ((unsigned)t != i && m->table[t].reached) {
                return true;
            }
        }
    }
    return false;
}

/* --------------------------------------------------------------- comparison */

static bool clean(const struct fm_compare *c, const struct fm_node *was,
                  const struct fm_node *is, unsigned level)
{
    int table;

    if (!c->one || was->kind != FM_TABLE || is->kind != FM_TABLE ||
        was->pa != is->pa || was->rights != is->rights) {
        return false;
    }
    table = fm_table(c->is, is->pa);
    return table >= 0 && c->is->table[table].dirt[level] == 1;
}

static uint64_t sign(const struct fm *m, uint64_t va)
{
    return oracle_address(m->mode, va);
}

static void differ_in(const struct fm_compare *c, enum fz_oracle oracle,
                      uint64_t va, const char *how, uint64_t was, uint64_t is)
{
    fz_fail(oracle, "%s: at %llx %s: it was %llx and is %llx", c->change->what,
            HEX(sign(c->is, va)), how, HEX(was), HEX(is));
}

/* Inside the range it is what was asked for, outside what was there. */
static void differ(const struct fm_compare *c, uint64_t va, const char *how,
                   uint64_t was, uint64_t is)
{
    const struct fm_change *q = c->change;
    enum fz_oracle oracle =
        c->rebuilt                                              ? ASK_SPACES
        : q->want != FM_SAME && va >= q->first && va <= q->last ? ASK_ASKED
                                                                : ASK_OUTSIDE;

    differ_in(c, oracle, va, how, was, is);
}

/* The flag bits of an entry. */
static uint64_t flag_bits(const struct fm *m, const struct fm_node *n)
{
    return n->raw & m->mode->flag_bits;
}

static void same_flag_bits(const struct fm_compare *c,
                           const struct fm_node *was, const struct fm_node *is,
                           uint64_t va)
{
    if (flag_bits(c->was, was) != flag_bits(c->is, is)) {
        differ_in(c, ASK_FLAG_BITS, va, "are other flag bits", was->raw,
                  is->raw);
    }
}

/* Of a class: what may differ within a run. */
enum { IS_DIRTY = 1 << 10, PER_LEAF = 1 << 8 | 1 << 9 | IS_DIRTY };

static unsigned class_of(const struct fm *m, const struct fm_node *n,
                         bool with_copy)
{
    struct ptw_attributes at = ptw_attributes_of(m->regime, n->level, n->raw);

    return at.memory_type | at.key << 4 | (unsigned)at.global << 8 |
           (unsigned)at.accessed << 9 | (unsigned)at.dirty << 10 |
           (unsigned)(at.copy_on_write && with_copy) << 11;
}

/* What is left of an entry that says that it is part of a run, when it says so
 * no more; any other entry is the same. */
static uint64_t by_itself(const struct fm *m, const struct fm_node *n)
{
    uint64_t raw = oracle_alone(m->mode, n->level, n->raw);

    return n->kind != FM_LEAF || raw == n->raw
               ? n->raw
               : (raw & ~m->mode->format->leaf_bits(m->mode, n->level)) |
                     m->mode->format->put_leaf(m->mode, n->level, n->pa);
}

/* Bits that go when the right to write goes: the processor's own way to give
 * it (DBM), whether or not it is switched on, and what would be a mark
 * without.  None where the leaf still grants writing. */
static uint64_t goes_with_writing(const struct fm_compare *c,
                                  const struct fm_node *was,
                                  const struct fm_node *is)
{
    const struct oracle_mode *mode = c->was->mode;
    const struct oracle_format *f = mode->format;
    bool new_mark = !oracle_has_mark(mode, was->raw) &&
                    oracle_has_mark(mode, was->raw & ~oracle_unmarked(mode));

    if ((f->decode(c->is->mode, is->raw, is->level).rights & ORACLE_WRITE) !=
        0) {
        return 0;
    }
    return oracle_unmarked(mode) | (new_mark ? f->mark_bits : 0);
}

static bool in_a_run(const struct fm *m, const struct fm_node *n)
{
    return n->kind == FM_LEAF && n->real && by_itself(m, n) != n->raw;
}

static void same_leaf(const struct fm_compare *c, const struct fm_node *was,
                      const struct fm_node *is, uint64_t va)
{
    if (was->kind != is->kind) {
        differ(c, va, "there is another kind of entry", was->raw, is->raw);
    }
    if (was->kind == FM_LEAF) {
        if (was->pa != is->pa) {
            differ(c, va, "is another page", was->pa, is->pa);
        }
        if (was->rights != is->rights) {
            differ(c, va, "are other rights", was->rights, is->rights);
        }
        if (((class_of(c->was, was, true) ^ class_of(c->is, is, true)) &
             ~(c->runs ? PER_LEAF : 0u)) != 0) {
            differ(c, va, "are other attributes", was->raw, is->raw);
        }
        same_flag_bits(c, was, is, va);
    }
    if (!c->rebuilt && !was->real && is->real && is->kind == FM_NONE &&
        is->raw != 0) {
        differ(c, va, "is an entry of a new table", 0, is->raw);
    }
    /* A run is taken apart: see check_run. */
    if (!c->rebuilt && was->real && is->real && was->raw != is->raw &&
        by_itself(c->was, was) != is->raw) {
        differ(c, va, "is another entry", was->raw, is->raw);
    }
}

/* Whether an entry became another one, as far as runs know: a table is no part
 * of one, whatever it becomes, but for a leaf. */
static bool entry_changed(const struct fm_node *was, const struct fm_node *is)
{
    return was->real && (was->raw != is->raw || was->kind != is->kind) &&
           !(was->kind == FM_TABLE && is->kind != FM_LEAF);
}

/* Whether the range meets entries of a run, from entry i on, in which there is
 * something to write: who protects a hole writes nothing. */
static bool run_is_met(const struct fm_compare *c, const struct fm_node *was,
                       unsigned level, unsigned i, uint64_t base)
{
    const struct fm_change *q = c->change;
    unsigned shift = shift_of(c->is, level);

    for (unsigned k = i; k < i + oracle_run(c->is->mode, level); k++) {
        uint64_t first = base + ((uint64_t)k << shift);

        if (q->first <= q->last && first <= q->last &&
            first + (((uint64_t)1 << shift) - 1) >= q->first &&
            (q->want != FM_PROTECTED ||
             fm_child(c->was, c->one, was, level, k).kind == FM_LEAF)) {
            return true;
        }
    }
    return false;
}

/* The entries of a table that can be one run, from entry i on.  Where one of
 * them is another entry now, all are leaves by themselves, or they are a run.
 * A run is taken apart only where the range meets it.  Entries that can't be
 * read are left as they are. */
static void check_run(const struct fm_compare *c, const struct fm_node *was,
                      const struct fm_node *is, unsigned level, unsigned i,
                      uint64_t base)
{
    const struct fm *m = c->is;
    unsigned run = oracle_run(m->mode, level);
    uint64_t first = base + ((uint64_t)i << shift_of(m, level));
    uint64_t raw[ORACLE_MOST_RUN];
    bool changed = c->rebuilt || was->kind != FM_TABLE;
    bool touched = run_is_met(c, was, level, i, base);
    bool says_so = false; /* some entry does */
    unsigned which = 0;

    for (unsigned k = 0; k < run; k++) {
        struct fm_node a = fm_child(c->was, c->one, was, level, i + k);
        struct fm_node b = fm_child(m, false, is, level, i + k);

        raw[k] = b.raw;
        if (fm_refuses(m, is->pa + (uint64_t)(i + k) * m->entry_bytes,
                       m->entry_bytes)) {
            continue;
        }
        changed = changed || entry_changed(&a, &b);
        if (in_a_run(m, &b)) {
            says_so = true;
            which = k;
        }
        if (c->one && !touched && in_a_run(c->was, &a) && !in_a_run(m, &b)) {
            differ_in(c, ASK_TOGETHER,
                      first + ((uint64_t)k << shift_of(m, level)),
                      "is no part of a run any more", a.raw, b.raw);
        }
    }
    if (changed && says_so && !oracle_is_run(m->mode, level, i, raw)) {
        differ_in(c, ASK_TOGETHER,
                  first + ((uint64_t)which << shift_of(m, level)),
                  "is part of a run that is none", 0, raw[which]);
    }
}

/* Whether that table was here before, or is new.  Another one that was there
 * before was put here as it was, and one of two levels has entries that mean
 * two things. */
static bool knows_runs(const struct fm_compare *c, const struct fm_node *was,
                       const struct fm_node *is, unsigned level)
{
    int number = fm_table(c->is, is->pa);
    const struct fm_table *t = number < 0 ? NULL : &c->is->table[number];

    if (t == NULL || c->rebuilt) {
        return t != NULL;
    }
    for (unsigned l = 0; l < c->is->levels; l++) {
        if (l != level && t->dirt[l] != 0) {
            return false;
        }
    }
    return !t->linked || (was->kind == FM_TABLE && was->pa == is->pa);
}

static void check_runs(const struct fm_compare *c, const struct fm_node *was,
                       const struct fm_node *is, unsigned level, uint64_t base)
{
    unsigned run = oracle_run(c->is->mode, level);
    struct entries before = entries_in(c->was, c->one, was);
    struct entries now = entries_in(c->is, false, is);

    if (run < 2 || is->kind != FM_TABLE || !knows_runs(c, was, is, level)) {
        return;
    }
    for (unsigned i = 0; i < entries_of(c->is, level); i++) {
        if (i % run == 0 &&
            base + ((uint64_t)i << shift_of(c->is, level)) > c->end) {
            return;
        }
        if (!nothing(&now, i) ||
            (was->kind == FM_TABLE && !nothing(&before, i))) {
            i -= i % run;
            check_run(c, was, is, level, i, base);
            i += run - 1;
        }
    }
}

/* A leaf that was to grant no writes: the guest can't have them by what the
 * processor does of its own accord, either.  With CR0.WP clear no leaf keeps
 * the supervisor from writing. */
static void no_writes(const struct fm_compare *c, const struct fm_node *is,
                      uint64_t va)
{
    const struct oracle_mode *mode = c->is->mode;
    bool protects = mode->wp || !oracle_has_write_protect(mode->format);

    if ((c->change->rights & PTW_WRITE) == 0 && is->real && protects &&
        oracle_writes(mode, true, is->raw)) {
        differ(c, va, "are writes that were not asked for", 0, is->raw);
    }
}

/* A leaf that is made is dirty where the format says so; one that is not to be
 * writable is no shadow stack, which is dirty. */
static bool no_shadow_stack(const struct fm_compare *c)
{
    return c->is->mode->cet && (c->change->rights & PTW_WRITE) == 0;
}

static void made_dirty(const struct fm_compare *c, const struct fm_node *is,
                       uint64_t va)
{
    const struct oracle_format *f = c->is->mode->format;
    bool dirty = f->made_dirty && !no_shadow_stack(c);

    if (is->real && f->dirty != 0 && ((is->raw & f->dirty) != 0) != dirty) {
        differ(c, va, "is a page that is dirty or is not", 0, is->raw);
    }
}

/* Bits that say together what a leaf grants are those of the first choice, or, if
 * it may keep what it has, those that it had. */
static void first_choice(const struct fm_compare *c, const struct fm_node *is,
                         uint64_t va, uint64_t kept)
{
    const struct oracle_mode *mode = c->is->mode;
    uint64_t bits = oracle_index_bits(mode);
    struct oracle_entry e = {ORACLE_MAPS, is->pa, c->change->rights};
    uint64_t plain;

    if (bits != 0 && is->real && ((is->raw ^ kept) & bits) != 0 &&
        oracle_encode(mode, is->level, &e, &plain) &&
        ((is->raw ^ plain) & bits) != 0) {
        differ(c, va, "are the rights by another index", plain, is->raw);
    }
}

/* An entry inside the range, or what stands for one. */
static void as_wanted(const struct fm_compare *c, const struct fm_node *was,
                      const struct fm_node *is, uint64_t va)
{
    const struct fm_change *q = c->change;
    struct ptw_attributes at;
    unsigned a;
    unsigned b;

    switch (q->want) {
    case FM_SAME:
        same_leaf(c, was, is, va);
        break;
    case FM_MAPPED:
        if (is->kind != FM_LEAF) {
            differ(c, va, "nothing is mapped", was->raw, is->raw);
        }
        if (is->pa != q->pa + (va - q->first)) {
            differ(c, va, "is another page than asked for",
                   q->pa + (va - q->first), is->pa);
        }
        if (is->rights != q->rights) {
            differ(c, va, "are other rights than asked for", q->rights,
                   is->rights);
        }
        at = ptw_attributes_of(c->is->regime, is->level, is->raw);
        if (at.copy_on_write != q->copy_on_write ||
            at.memory_type != q->attributes.memory_type ||
            at.global != q->attributes.global || at.key != q->attributes.key) {
            differ(c, va, "are other attributes than asked for", 0, is->raw);
        }
        no_writes(c, is, va);
        first_choice(c, is, va, ~is->raw);
        made_dirty(c, is, va);
        if (flag_bits(c->is, is) != q->attributes.flag_bits) {
            differ_in(c, ASK_FLAG_BITS, va,
                      "are other flag bits than asked for",
                      q->attributes.flag_bits, is->raw);
        }
        break;
    case FM_UNMAPPED:
        if (is->kind != FM_NONE || is->present) {
            differ(c, va, "something is still mapped", was->raw, is->raw);
        }
        break;
    case FM_PROTECTED:
        if (was->kind != is->kind) {
            differ(c, va, "there is another kind of entry", was->raw, is->raw);
        }
        if (was->kind != FM_LEAF) {
            break;
        }
        if (was->pa != is->pa) {
            differ(c, va, "is another page", was->pa, is->pa);
        }
        if (is->rights != q->rights) {
            differ(c, va, "are other rights than asked for", q->rights,
                   is->rights);
        }
        no_writes(c, is, va);
        first_choice(c, is, va, was->raw);
        a = class_of(c->was, was, (q->rights & PTW_WRITE) == 0);
        b = class_of(c->is, is, true);
        if ((no_shadow_stack(c) ? a & (unsigned)~IS_DIRTY : a) != b) {
            differ(c, va, "are other attributes", was->raw, is->raw);
        }
        /* What the processor ignores stays, but for the mark, what goes with the
         * right to write, and what says that the leaf is a part of a run. */
        if (was->real && is->real && was->level == is->level &&
            class_of(c->was, was, true) == b &&
            ((was->raw ^ is->raw) & (by_itself(c->was, was) ^ is->raw) &
             oracle_free_bits(c->is->mode, is->level, is->raw) &
             ~goes_with_writing(c, was, is)) != 0) {
            differ(c, va, "are other bits of software", was->raw, is->raw);
        }
        same_flag_bits(c, was, is, va);
        break;
    case FM_ANYTHING:
        break;
    case FM_NO_MORE:
        if (is->kind != FM_LEAF) {
            break;
        }
        if (was->kind != FM_LEAF || was->pa != is->pa) {
            differ(c, va, "is another page", was->pa, is->pa);
        }
        if ((is->rights & ~was->rights) != 0) {
            differ(c, va, "are more rights", was->rights, is->rights);
        }
        at = ptw_attributes_of(c->was->regime, was->level, was->raw);
        if (at.copy_on_write !=
            ptw_attributes_of(c->is->regime, is->level, is->raw)
                .copy_on_write) {
            differ(c, va, "copy-on-write differs", was->raw, is->raw);
        }
        same_flag_bits(c, was, is, va);
        break;
    }
}

/* The flag bits of an entry that leads to a table: those of the entry that was
 * there, or, of a new table, those that were asked for.  A new table grants what
 * was asked for, too. */
static void check_table_bits(const struct fm_compare *c,
                             const struct fm_node *was,
                             const struct fm_node *is, unsigned level,
                             uint64_t va)
{
    const uint64_t *asked = c->change->table_flags;
    bool as_asked = asked != NULL && flag_bits(c->is, is) == *asked;

    if (is->kind != FM_TABLE || !is->real) {
        return;
    }
    /* A rebuild without the tables of the source makes all of them anew; an
     * alias keeps its bits. */
    if (was->kind == FM_TABLE && was->real && !(c->rebuilt && as_asked)) {
        same_flag_bits(c, was, is, va);
        return;
    }
    if (asked != NULL && !as_asked) {
        differ_in(c, ASK_FLAG_BITS, va,
                  "a new table is referred to with other flag bits", *asked,
                  is->raw);
    }
    if ((c->change->table_rights &
         ~oracle_decode(c->is->mode, is->raw, level, 0).rights) != 0) {
        differ(c, va, "a new table withholds a right", c->change->table_rights,
               is->raw);
    }
}

/* Whether nothing of [va, va + span] is to change, or all of it; or neither. */
static bool is_out(const struct fm_change *q, uint64_t va, uint64_t span)
{
    return va > q->last || va + span < q->first ||
           (q->page_bytes != 0 && va >= q->first && span < q->page_bytes &&
            (va - q->first) / q->page_bytes % q->apart != 0);
}

static bool is_in(const struct fm_change *q, uint64_t va, uint64_t span)
{
    return va >= q->first && va + span <= q->last &&
           (q->page_bytes == 0 || q->apart == 1 ||
            (span < q->page_bytes && !is_out(q, va, span)));
}

static void compare(struct fm_compare *c, const struct fm_node *was,
                    const struct fm_node *is, unsigned level, uint64_t base)
{
    const struct fm_change *q = c->change;
    uint64_t span = ((uint64_t)1 << shift_of(c->is, level)) - 1;
    uint64_t address = c->is->mode->format->table_bits(c->is->mode);
    struct entries before = entries_in(c->was, c->one, was);
    struct entries now = entries_in(c->is, false, is);

    if (c->left > 0) {
        check_runs(c, was, is, level, base);
    }
    for (unsigned i = 0; i < entries_of(c->is, level) && c->left > 0; i++) {
        uint64_t va = base + i * (span + 1);
        bool all_in = is_in(q, va, span);
        bool all_out = is_out(q, va, span);
        struct fm_node a;
        struct fm_node b;

        if (va > c->end) {
            return;
        }
        if (all_out ? c->rebuilt : all_in && q->want == FM_ANYTHING) {
            continue;
        }
        if (nothing(&before, i) && nothing(&now, i) &&
            (all_out || (all_in && q->want != FM_MAPPED))) {
            continue;
        }
        c->left--;
        a = fm_child(c->was, c->one, was, level, i);
        b = fm_child(c->is, false, is, level, i);
        if (a.kind == FM_LEAF && (a.rights & c->need) != c->need) {
            a.kind = FM_NONE;
        }
        if (!c->rebuilt && q->want != FM_ANYTHING && a.kind == FM_TABLE &&
            b.kind == FM_TABLE && ((a.raw ^ b.raw) & ~address) != 0) {
            differ(c, va, "a table is referred to in another way", a.raw,
                   b.raw);
        }
        check_table_bits(c, &a, &b, level, va);
        if (level > 0 && (a.kind == FM_TABLE || b.kind == FM_TABLE ||
                          (!all_in && !all_out))) {
            if ((all_out || q->want == FM_SAME) &&
                clean(c, &a, &b, level - 1)) {
                continue;
            }
            if (all_out && c->one && a.kind != FM_TABLE && b.kind != FM_TABLE &&
                a.raw == b.raw && a.real && b.real) {
                continue;
            }
            compare(c, &a, &b, level - 1, va);
        } else if (all_out) {
            same_leaf(c, &a, &b, va);
        } else {
            as_wanted(c, &a, &b, va);
        }
    }
}

void fm_compare_spaces(struct fm_compare *c, uint64_t was, uint64_t is)
{
    struct fm_node a = fm_open_root(c->was, was);
    struct fm_node b = fm_open_root(c->is, is);

    if (c->change->want == FM_SAME && clean(c, &a, &b, c->is->levels - 1)) {
        return;
    }
    compare(c, &a, &b, c->is->levels - 1, 0);
}
