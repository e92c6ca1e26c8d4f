/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* -------------------------------------------------------------------- pages */

static unsigned slot_of(const struct fm *m, uint64_t frame)
{
    unsigned i = (unsigned)((frame * 0x9E3779B97F4A7C15) >> 54);

    while (m->index[i] != 0 && m->page[m->index[i] - 1].frame != frame) {
        i = (i + 1) % FM_INDEX;
    }
    return i;
}

int fm_find(const struct fm *m, uint64_t frame)
{
    return (int)m->index[slot_of(m, frame)] - 1;
}

/* The page of that frame, made if it is not there; -1 when there is no room. */
int fm_page_for(struct fm *m, uint64_t frame)
{
    unsigned i = slot_of(m, frame);
    struct fm_page *p;

    if (m->index[i] == 0) {
        if (m->pages == FM_PAGES) {
            return -1;
        }
        p = &m->page[m->pages];
        memset(p, 0, sizeof *p);
        p->frame = frame;
        if (m->pages >= m->pool_pages) {
            memset(m->bytes[m->pages], 0, FZ_PAGE);
        }
        m->pages++;
        m->index[i] = (uint16_t)m->pages;
    }
    return (int)m->index[i] - 1;
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

bool fm_touches(const struct fm *m, uint64_t pa)
{
    for (unsigned i = 0; i < m->regions; i++) {
        if (m->region[i].first <= pa + (FZ_PAGE - 1) &&
            m->region[i].last >= pa) {
            return true;
        }
    }
    return false;
}

static uint64_t get4(const uint8_t *b)
{
    return b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
           (uint64_t)b[3] << 24;
}

uint64_t fm_get(const struct fm *m, bool before, int page, unsigned at)
{
    const uint8_t *b =
        before && m->page[page].copied ? m->old[page] : m->bytes[page];

    b += at * m->entry_bytes;
    return m->entry_bytes == 4 ? get4(b) : get4(b) | get4(b + 4) << 32;
}

bool fm_read(struct fm *m, uint64_t pa, unsigned n, uint64_t *out)
{
    const uint8_t *b;

    if (pa / FZ_PAGE != m->read_frame || !m->read_known) {
        const struct fm_region *r = fm_region_of(m, pa, n);

        if (r == NULL) {
            fz_fail("a read at %llx, outside the memory offered", HEX(pa));
        }
        if (!r->readable) {
            return false;
        }
        m->read_frame = pa / FZ_PAGE;
        m->read_page = fm_find(m, m->read_frame);
        r = fm_region_of(m, m->read_frame * FZ_PAGE, FZ_PAGE);
        m->read_known = r != NULL && m->read_page >= 0;
    }
    *out = 0;
    if (m->read_page >= 0) {
        b = m->bytes[m->read_page] + pa % FZ_PAGE;
        *out = n == 4 ? get4(b) : get4(b) | get4(b + 4) << 32;
    }
    return true;
}

/* Whether entry i is all zeros, which most are. */
static bool nothing(const struct fm *m, bool before, const struct fm_node *n,
                    unsigned i)
{
    return n->kind == FM_TABLE && n->whole &&
           (n->page < 0 || fm_get(m, before, n->page, i) == 0);
}

void fm_begin(struct fm *m)
{
    for (unsigned i = 0; i < m->pages; i++) {
        m->page[i].copied = false;
        m->page[i].moved = false;
        m->page[i].linked = m->page[i].reached;
    }
}

void fm_touch(struct fm *m, unsigned page)
{
    if (!m->page[page].copied) {
        memcpy(m->old[page], m->bytes[page], FZ_PAGE);
        m->page[page].copied = true;
    }
}

bool fm_same_bytes(const struct fm *m, uint64_t *pa)
{
    for (unsigned i = 0; i < m->pages; i++) {
        const struct fm_page *p = &m->page[i];

        if (p->copied && (p->linked || p->state == FM_WORLD) &&
            memcmp(m->old[i], m->bytes[i], FZ_PAGE) != 0) {
            *pa = p->frame * FZ_PAGE;
            return false;
        }
    }
    return true;
}

/* -------------------------------------------------------------------- nodes */

static struct fm_node open_table(const struct fm *m, uint64_t pa,
                                 unsigned rights, uint64_t raw)
{
    struct fm_node n = {FM_NONE, pa, raw, rights, 0, true, -1, false};

    if (fm_touches(m, pa)) {
        const struct fm_region *r = fm_region_of(m, pa, FZ_PAGE);

        n.kind = FM_TABLE;
        n.page = fm_find(m, pa / FZ_PAGE);
        n.whole = r != NULL && r->readable;
    }
    return n;
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
static struct fm_node child(const struct fm *m, bool before,
                            const struct fm_node *n, unsigned level, unsigned i)
{
    struct fm_node c = *n;
    struct ptw_entry e;
    uint64_t raw = 0;

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
    c.raw = 0;
    if (!n->whole) {
        const struct fm_region *r =
            fm_region_of(m, n->pa + i * m->entry_bytes, m->entry_bytes);

        if (r == NULL || !r->readable) {
            c.raw = 1; /* refused */
            return c;
        }
    }
    if (n->page >= 0) {
        raw = fm_get(m, before, n->page, i);
    }
    c.raw = raw;
    if (raw == 0) {
        return c;
    }
    e = ptw_decode(m->regime, level, raw);
    switch (e.kind) {
    case PTW_ENTRY_ABSENT:
    case PTW_ENTRY_BAD:
        break;
    case PTW_ENTRY_TABLE:
        return open_table(m, e.pa.v, n->rights & e.rights, raw);
    case PTW_ENTRY_LEAF:
        c.kind = FM_LEAF;
        c.pa = e.pa.v;
        c.rights = n->rights & e.rights;
        break;
    }
    return c;
}

struct fm_node fm_at(const struct fm *m, bool before, uint64_t root,
                     uint64_t va, unsigned level)
{
    struct fm_node n = open_table(m, root, RWXU, 0);

    for (unsigned l = m->levels; l-- > level;) {
        n = child(m, before, &n, l,
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

    if ((n->rights & rights) != rights || *left == 0) {
        return true;
    }
    --*left;
    for (unsigned i = 0; i < entries_of(m, level) && level > 0; i++) {
        uint64_t at = base + i * (span + 1);
        struct fm_node c;

        if (at > range->last.v || at + span < range->first.v ||
            nothing(m, false, n, i)) {
            continue;
        }
        c = child(m, false, n, level, i);
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
    struct fm_node n = open_table(m, root, RWXU, 0);
    unsigned left = 512;

    return withholds(m, &n, m->levels - 1, 0, &range, rights, &left);
}

/* ------------------------------------------------------------------- tables */

static uint8_t reach(struct fm *m, uint64_t pa, unsigned level, bool first)
{
    struct fm_node n = open_table(m, pa, RWXU, 0);
    struct fm_page *p;
    uint8_t dirt;

    if (n.kind != FM_TABLE || pa % FZ_PAGE != 0) {
        return 1;
    }
    n.page = fm_page_for(m, pa / FZ_PAGE);
    if (n.page < 0) {
        m->overflow = true;
        return 2;
    }
    p = &m->page[n.page];
    p->refs += first;
    p->reached = true;
    if (p->dirt[level] != 0) {
        return p->dirt[level];
    }
    dirt = p->copied && memcmp(m->old[n.page], m->bytes[n.page], FZ_PAGE) != 0
               ? 2
               : 1;
    for (unsigned i = 0; i < entries_of(m, level) && level > 0; i++) {
        struct fm_node c;

        if (nothing(m, false, &n, i)) {
            continue;
        }
        c = child(m, false, &n, level, i);
        if (c.kind == FM_TABLE && reach(m, c.pa, level - 1, true) == 2) {
            dirt = 2;
        }
    }
    p = &m->page[n.page];
    p->dirt[level] = dirt;
    return dirt;
}

void fm_reach(struct fm *m)
{
    for (unsigned i = 0; i < m->pages; i++) {
        memset(m->page[i].dirt, 0, sizeof m->page[i].dirt);
        m->page[i].refs = 0;
        m->page[i].reached = false;
    }
    for (unsigned i = 0; i < m->roots; i++) {
        if (m->rooted[i]) {
            (void)reach(m, m->root[i], m->levels - 1, true);
        }
    }
}

bool fm_two_levels(const struct fm *m)
{
    for (unsigned i = 0; i < m->pages; i++) {
        unsigned levels = 0;

        for (unsigned l = 0; l < m->levels; l++) {
            levels += m->page[i].dirt[l] != 0;
        }
        if (levels > 1) {
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------- comparison */

static bool clean(const struct fm_compare *c, const struct fm_node *was,
                  const struct fm_node *is, unsigned level)
{
    if (!c->one || was->kind != FM_TABLE || is->kind != FM_TABLE ||
        was->pa != is->pa || was->rights != is->rights || is->page < 0) {
        return false;
    }
    return c->is->page[is->page].dirt[level] == 1;
}

static uint64_t sign(const struct fm *m, uint64_t va)
{
    return oracle_address(m->mode, va);
}

static void differ(const struct fm_compare *c, uint64_t va, const char *how,
                   uint64_t was, uint64_t is)
{
    fz_fail("%s: at %llx %s: it was %llx and is %llx", c->change->what,
            HEX(sign(c->is, va)), how, HEX(was), HEX(is));
}

/* Of a class: what may differ within a run. */
enum { PER_LEAF = 1 << 8 | 1 << 9 | 1 << 10 };

static unsigned class_of(const struct fm *m, const struct fm_node *n,
                         bool with_copy)
{
    struct ptw_attributes at = ptw_attributes_of(m->regime, n->level, n->raw);

    return at.memory_type | at.key << 4 | (unsigned)at.global << 8 |
           (unsigned)at.accessed << 9 | (unsigned)at.dirty << 10 |
           (unsigned)(at.copy_on_write && with_copy) << 11;
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
    }
    if (!c->rebuilt && was->real && is->real && was->raw != is->raw) {
        differ(c, va, "is another entry", was->raw, is->raw);
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
        break;
    case FM_UNMAPPED:
        if (is->kind != FM_NONE || (is->raw & 1) != 0) {
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
        a = class_of(c->was, was, (q->rights & PTW_WRITE) == 0);
        b = class_of(c->is, is, true);
        if (a != b) {
            differ(c, va, "are other attributes", was->raw, is->raw);
        }
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
        break;
    }
}

static void compare(struct fm_compare *c, const struct fm_node *was,
                    const struct fm_node *is, unsigned level, uint64_t base)
{
    const struct fm_change *q = c->change;
    uint64_t span = ((uint64_t)1 << shift_of(c->is, level)) - 1;
    uint64_t address = c->is->mode->format->table_bits(c->is->mode);

    for (unsigned i = 0; i < entries_of(c->is, level) && c->left > 0; i++) {
        uint64_t va = base + i * (span + 1);
        bool all_in = va >= q->first && va + span <= q->last;
        bool all_out = va > q->last || va + span < q->first;
        struct fm_node a;
        struct fm_node b;

        if (va > c->end) {
            return;
        }
        if (all_out ? c->rebuilt : all_in && q->want == FM_ANYTHING) {
            continue;
        }
        if (nothing(c->was, c->one, was, i) && nothing(c->is, false, is, i) &&
            (all_out || (all_in && q->want != FM_MAPPED))) {
            continue;
        }
        c->left--;
        a = child(c->was, c->one, was, level, i);
        b = child(c->is, false, is, level, i);
        if (!c->rebuilt && q->want != FM_ANYTHING && a.kind == FM_TABLE &&
            b.kind == FM_TABLE && ((a.raw ^ b.raw) & ~address) != 0) {
            differ(c, va, "a table is referred to in another way", a.raw,
                   b.raw);
        }
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
    struct fm_node a = open_table(c->was, was, RWXU, 0);
    struct fm_node b = open_table(c->is, is, RWXU, 0);

    if (c->change->want == FM_SAME && clean(c, &a, &b, c->is->levels - 1)) {
        return;
    }
    compare(c, &a, &b, c->is->levels - 1, 0);
}
