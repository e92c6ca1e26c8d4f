/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_spoil.h"

#include "check.h"
#include "halves.h"

#include <string.h>

static _Alignas(FZ_PAGE) uint8_t extra_page[FZ_MOST_UNIT];

/* Which entries of a table are chosen from. */
enum kind { PRESENT, ABSENT, ABSENT_NOT_0 };

static bool is_kind(const struct fz_case *w, const uint8_t *entry,
                    enum kind kind)
{
    uint64_t raw = fc_get_at(entry, w->entry_bytes);
    bool present = oracle_present(&w->mode, 0, raw);

    return kind == PRESENT  ? present
           : kind == ABSENT ? !present
                            : !present && raw != 0;
}

/* The k-th entry of that kind; NULL: there is none. */
static uint8_t *nth_entry(const struct fz_case *w, uint8_t *table, unsigned k,
                          enum kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->entries; i++) {
        count += is_kind(w, table + i * w->entry_bytes, kind);
    }
    if (count == 0) {
        return NULL;
    }
    k %= count;
    for (unsigned i = 0;; i++) {
        uint8_t *e = table + i * w->entry_bytes;

        if (is_kind(w, e, kind) && k-- == 0) {
            return e;
        }
    }
}

/* Whether there is room for a table behind the image; it gets memory there. */
static bool add_table(struct fc_guest *g, struct fc_image *m)
{
    const struct oracle_mode *mode = &g->w->mode;
    uint64_t at = fc_image_end(m);

    if (m->extra_at != 0 ||
        oracle_table_address(mode, mode->format->put_table(mode, at)) != at ||
        at >> ptw_pa_bits(&g->w->regime) != 0) {
        return false;
    }
    memset(extra_page, 0, sizeof extra_page);
    m->extra_bytes = fc_table_place(g);
    m->extra = extra_page;
    m->extra_at = at;
    m->bytes += m->extra_bytes;
    return true;
}

/* An entry of that many bytes leads to the table behind the image, with the
 * bits of raw; flip: bits that are inverted. */
static void lead_there(const struct fc_guest *g, const struct fc_image *m,
                       uint8_t *entry, uint64_t raw, uint64_t flip)
{
    const struct oracle_mode *mode = &g->w->mode;
    uint64_t mask = mode->format->table_bits(mode);

    fc_put_at(entry, g->w->entry_bytes,
              (raw & ~mask) |
                  (mode->format->put_table(mode, m->extra_at) ^ flip));
}

/* Copies what the entry leads to behind the image. */
static void copy_out(struct fc_guest *g, struct fc_image *m, uint8_t *entry,
                     uint64_t flip)
{
    uint64_t raw = fc_get_at(entry, g->w->entry_bytes);
    uint64_t was = oracle_table_address(&g->w->mode, raw ^ flip);

    if (fc_page(m, was) == NULL || !add_table(g, m)) {
        return;
    }
    for (uint64_t i = 0; i < m->extra_bytes; i += FZ_PAGE) {
        const uint8_t *page = fc_page(m, was + i);

        if (page != NULL) {
            memcpy(extra_page + i, page, FZ_PAGE);
        }
    }
    lead_there(g, m, entry, raw, flip);
}

/* ------------------------------------------------------- by way of a space */

enum { ANSWERS = 4096 };

static struct oracle_answer answer[ANSWERS];

/* What the image's memory looks like to the naive walker. */
static size_t ram_of(const struct fc_image *m, struct oracle_ram ram[2])
{
    ram[0] = (struct oracle_ram){m->tables_at,
                                 m->tables_at + m->table_bytes - 1, m->tables};
    ram[1] = (struct oracle_ram){m->extra_at, m->extra_at + m->extra_bytes - 1,
                                 m->extra};
    return m->extra_at != 0 ? 2 : 1;
}

/* The new entry of that level for an address of a space, or NULL. */
static uint8_t *entry_for(const struct fc_guest *g, const struct fc_image *m,
                          unsigned space, uint64_t va, unsigned level)
{
    const struct fz_case *w = g->w;
    struct oracle_ram ram[2];
    size_t rams = ram_of(m, ram);
    uint64_t table;
    uint64_t pa;
    uint8_t *page;

    if (!oracle_table_at(&w->mode, ram, rams, m->root[space].table.v, va, level,
                         &table)) {
        return NULL;
    }
    pa = fc_entry_at(w, table, level, va);
    page = fc_page(m, pa);
    return page != NULL ? page + pa % FZ_PAGE : NULL;
}

/* An entry that decides about some address of the guest, and is not what it was
 * in the image, is that again; a bit is flipped or, for large numbers, none. */
static void put_back(const struct fc_guest *g, const struct fc_image *m,
                     const uint8_t at[3])
{
    const struct fz_case *w = g->w;
    unsigned space = at[0] % w->roots;
    uint64_t flip =
        at[2] < 8 * w->entry_bytes ? (uint64_t)1 << at[2] : (uint64_t)0;
    size_t count = oracle_walk(&w->mode, w->ram, w->rams, w->root[space], 0,
                               UINT64_MAX, answer, ANSWERS);

    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answer[(i + at[1]) % count];
        uint8_t *entry;

        if (!oracle_present(&w->mode, a->level, a->raw)) {
            continue;
        }
        entry = entry_for(g, m, space, a->first, a->level);
        if (entry != NULL && fc_get_at(entry, w->entry_bytes) != a->raw) {
            fc_put_at(entry, w->entry_bytes, a->raw ^ flip);
            return;
        }
    }
}

/* A large leaf of the image becomes small ones of the next level, of the same
 * pages. */
static void split(struct fc_guest *g, struct fc_image *m, const uint8_t at[3])
{
    const struct fz_case *w = g->w;
    const struct oracle_format *f = w->mode.format;
    unsigned space = at[0] % w->roots;
    struct oracle_ram ram[2];
    size_t rams = ram_of(m, ram);
    size_t count = oracle_walk(&w->mode, ram, rams, m->root[space].table.v, 0,
                               UINT64_MAX, answer, ANSWERS);

    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answer[(i + at[1]) % count];
        struct oracle_entry table = {ORACLE_TABLE, 0, f->rights};
        unsigned below = a->level - 1;
        uint64_t bits;
        uint64_t raw;
        uint8_t *entry;

        if (a->kind != ORACLE_LEAF || a->level == 0) {
            continue;
        }
        entry = entry_for(g, m, space, a->first, a->level);
        if (entry == NULL || !oracle_encode(&w->mode, a->level, &table, &raw) ||
            !add_table(g, m)) {
            return;
        }
        bits = f->split(&w->mode, a->level,
                        oracle_alone(&w->mode, a->level, a->raw) &
                            ~f->leaf_bits(&w->mode, a->level));
        for (unsigned k = 0; k < f->level[below].entries; k++) {
            uint64_t pa = a->pa + ((uint64_t)k << fz_shift(w, below));

            fc_put_at(extra_page + (size_t)k * w->entry_bytes, w->entry_bytes,
                      bits | f->put_leaf(&w->mode, below, pa));
        }
        lead_there(g, m, entry, raw | (a->raw & w->mode.flag_bits), 0);
        return;
    }
}

/* A page of the image, or its second half, can't be read. */
static void lose(const struct fc_guest *g, struct fc_image *m,
                 const uint8_t at[3])
{
    uint64_t page = fc_page_bytes(g);

    if (m->page_bytes > 0) {
        m->lost = (at[2] & 1) != 0 ? page / 2 : page;
        m->lost_at =
            m->base + at[1] % (m->page_bytes / page) * page + (page - m->lost);
    }
}

/* ---------------------------------------------------------------- any way */

/* What is not present, and names a page that may be written and was
 * accessed. */
static uint64_t names_a_page(const struct fz_case *w)
{
    const struct oracle_format *f = w->mode.format;

    return (f->systems != NULL ? f->systems->linux_none : 0) | f->accessed |
           oracle_write_bit(&w->mode, 0);
}

void fc_spoil(struct fc_guest *g, struct fc_image *m,
              const struct fc_spoilt *spoilt)
{
    const struct fz_case *w = g->w;
    unsigned n = w->entry_bytes;
    const struct oracle_format *f = w->mode.format;
    uint64_t mask = f->table_bits(&w->mode);
    const uint8_t *at = spoilt->at;
    uint8_t *table =
        m->tables + (size_t)(at[0] % m->counts.tables) * fc_table_place(g);
    enum kind kind = spoilt->absent ? ABSENT_NOT_0 : PRESENT;
    uint64_t flip = spoilt->absent && fc_inverts(g) ? mask : 0;
    uint8_t *entry = nth_entry(w, table, at[1], kind);
    uint8_t *other = nth_entry(w, table, at[2], kind);
    uint8_t *absent = nth_entry(w, table, at[2], ABSENT);
    uint64_t raw = entry != NULL ? fc_get_at(entry, n) : 0;
    uint64_t raw_2 = other != NULL ? fc_get_at(other, n) : 0;

    if (spoilt->how == SPOIL_ADD) {
        raw = m->tables_at +
              (uint64_t)(at[1] % m->counts.tables) * fc_table_place(g);
        raw = f->put_table(&w->mode, raw);
        if (absent != NULL) {
            fc_put_at(absent, n,
                      (fc_inverts(g) ? ~raw & mask : raw) | names_a_page(w));
        }
        return;
    }
    if (spoilt->how == SPOIL_SPLIT || spoilt->how == SPOIL_BACK) {
        fz_turn(g->w, at[0] % w->roots);
        if (spoilt->how == SPOIL_SPLIT) {
            split(g, m, at);
        } else {
            put_back(g, m, at);
        }
        fz_turn_back(g->w);
        return;
    }
    if (spoilt->how == SPOIL_ROOT) {
        m->root[at[0] % w->roots].table.v =
            m->tables_at +
            (uint64_t)(at[1] % m->counts.tables) * fc_table_place(g);
        return;
    }
    if (spoilt->how == SPOIL_LOSE) {
        lose(g, m, at);
        return;
    }
    if (spoilt->how == SPOIL_PAGE) {
        if (m->pages > 0) {
            m->page[at[0] % m->pages][(at[1] << 4 | at[2] >> 4) % FZ_PAGE] ^=
                (uint8_t)(1 << (at[2] & 7));
        }
        return;
    }
    if (entry == NULL) {
        return;
    }
    switch (spoilt->how) {
    case SPOIL_ENTRY:
        fc_put_at(entry, n, raw ^ (uint64_t)1 << at[2] % (8 * n));
        break;
    case SPOIL_REPEAT:
        fc_put_at(entry, n, (raw & ~mask) | (raw_2 & mask));
        break;
    case SPOIL_COPY:
        copy_out(g, m, entry, flip);
        break;
    case SPOIL_MORE:
        if (absent != NULL) {
            fc_put_at(absent, n, raw);
        }
        break;
    case SPOIL_REMOVE:
        fc_put_at(entry, n, 0);
        break;
    case SPOIL_SWAP:
        fc_put_at(entry, n, raw_2);
        fc_put_at(other, n, raw);
        break;
    case SPOIL_FRAME:
        raw_2 = at[2] < 128 || m->pages == 0
                    ? m->tables_at + (uint64_t)(at[2] % m->counts.tables) *
                                         fc_table_place(g)
                    : m->at[at[2] % m->pages];
        fc_put_at(entry, n,
                  (raw & ~mask) | (f->put_table(&w->mode, raw_2) ^ flip));
        break;
    case SPOIL_NOT:
    case SPOIL_PAGE:
    case SPOIL_ADD:
    case SPOIL_SPLIT:
    case SPOIL_BACK:
    case SPOIL_ROOT:
    case SPOIL_LOSE:
    case SPOIL_WAYS:
        break;
    }
}
