/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_spoil.h"

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

/* Copies what the entry leads to behind the image. */
static void copy_out(struct fc_guest *g, struct fc_image *m, uint8_t *entry,
                     uint64_t flip)
{
    const struct oracle_mode *mode = &g->w->mode;
    unsigned n = g->w->entry_bytes;
    uint64_t mask = mode->format->table_bits(mode);
    uint64_t raw = fc_get_at(entry, n);
    uint64_t was = oracle_table_address(mode, raw ^ flip);
    const uint8_t *page = fc_page(m, was);
    uint64_t at = fc_image_end(m);

    if (page == NULL ||
        oracle_table_address(mode, mode->format->put_table(mode, at)) != at ||
        at >> ptw_pa_bits(&g->w->regime) != 0) {
        return;
    }
    m->extra_bytes = fc_table_place(g);
    for (uint64_t i = 0; i < m->extra_bytes; i += FZ_PAGE) {
        page = fc_page(m, was + i);
        memset(extra_page + i, 0, FZ_PAGE);
        if (page != NULL) {
            memcpy(extra_page + i, page, FZ_PAGE);
        }
    }
    m->extra = extra_page;
    m->extra_at = at;
    m->bytes += m->extra_bytes;
    fc_put_at(entry, n,
              (raw & ~mask) | (mode->format->put_table(mode, at) ^ flip));
}

/* What is not present, and names a page that may be written and was
 * accessed. */
static uint64_t names_a_page(const struct fz_case *w)
{
    const struct oracle_format *f = w->mode.format;

    return (f->systems != NULL ? f->systems->linux_none : 0) | f->accessed |
           oracle_write_bit(&w->mode, 0);
}

void fc_spoil(struct fc_guest *g, struct fc_image *m,
              const struct fc_input *input)
{
    const struct fz_case *w = g->w;
    unsigned n = w->entry_bytes;
    const struct oracle_format *f = w->mode.format;
    uint64_t mask = f->table_bits(&w->mode);
    const uint8_t *at = input->spoil_at;
    uint8_t *table =
        m->tables + (size_t)(at[0] % m->counts.tables) * fc_table_place(g);
    bool named = (input->options & OPT_ABSENT_SPOIL) != 0;
    enum kind kind = named ? ABSENT_NOT_0 : PRESENT;
    uint64_t flip = named && fc_inverts(g) ? mask : 0;
    uint8_t *entry = nth_entry(w, table, at[1], kind);
    uint8_t *other = nth_entry(w, table, at[2], kind);
    uint8_t *absent = nth_entry(w, table, at[2], ABSENT);
    uint64_t raw = entry != NULL ? fc_get_at(entry, n) : 0;
    uint64_t raw_2 = other != NULL ? fc_get_at(other, n) : 0;

    if (input->spoil == SPOIL_ADD) {
        raw = m->tables_at +
              (uint64_t)(at[1] % m->counts.tables) * fc_table_place(g);
        raw = f->put_table(&w->mode, raw);
        if (absent != NULL) {
            fc_put_at(absent, n,
                      (fc_inverts(g) ? ~raw & mask : raw) | names_a_page(w));
        }
        return;
    }
    if (input->spoil == SPOIL_PAGE) {
        if (m->pages > 0) {
            m->page[at[0] % m->pages][(at[1] << 4 | at[2] >> 4) % FZ_PAGE] ^=
                (uint8_t)(1 << (at[2] & 7));
        }
        return;
    }
    if (entry == NULL) {
        return;
    }
    switch (input->spoil) {
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
        break;
    }
}
