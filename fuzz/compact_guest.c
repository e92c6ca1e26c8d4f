/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_guest.h"

#include "arena.h"

#include <assert.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static const _Alignas(FZ_PAGE) uint8_t zeros_page[FZ_MOST_UNIT + FZ_MOST_SKEW];

/* Pages of the regime; memory is kept in units of FZ_PAGE. */
uint64_t fc_page_bytes(const struct fc_guest *g)
{
    return g->w->page_bytes;
}

uint64_t fc_page_mask(const struct fc_guest *g)
{
    return fc_page_bytes(g) - 1;
}

/* What a table takes of an image: pages that no other has. */
uint64_t fc_table_place(const struct fc_guest *g)
{
    return g->w->unit;
}

/* -------------------------------------------------------------------- bytes */

uint64_t fc_get_at(const uint8_t *b, unsigned n)
{
    uint64_t v = 0;

    if (n == 8) {
        v = fz_get8(b);
    } else if (n == 4) {
        v = fz_get4(b);
    } else {
        for (unsigned i = n; i-- > 0;) {
            v = v << 8 | b[i];
        }
    }
    return v;
}

void fc_put_at(uint8_t *b, unsigned n, uint64_t v)
{
    for (unsigned i = 0; i < n; i++) {
        b[i] = (uint8_t)(v >> 8 * i);
    }
}

/* The region that holds all of it, or FZ_REGIONS. */
static unsigned region_of(const struct fc_guest *g, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < g->w->regions; i++) {
        const struct fz_region *r = &g->w->region[i];

        if (pa >= r->first && pa <= r->last && r->last - pa >= bytes - 1) {
            return i;
        }
    }
    return FZ_REGIONS;
}

static bool refuses(const struct fc_guest *g, unsigned region, uint64_t pa,
                    uint64_t bytes)
{
    if (region == FZ_REGIONS || !g->w->region[region].readable) {
        return true;
    }
    return fz_case_refuses(g->w, pa, bytes);
}

/* The number that a page without contents holds. */
static uint64_t filling(const struct fc_guest *g, uint64_t frame)
{
    switch (g->filler) {
    case FC_DISTINCT:
        return frame + 1;
    case FC_SOME_ZEROS:
        return frame % 4 == 0 ? 0 : frame + 1;
    case FC_THREE:
        return frame % 3;
    case FC_ZEROS:
        break;
    }
    return 0;
}

static const uint8_t *contents(struct fc_guest *g, uint64_t frame)
{
    if (!g->known || g->frame != frame) {
        uint64_t at = frame * FZ_PAGE;

        g->known = true;
        g->frame = frame;
        g->bytes = NULL;
        g->plain = !refuses(g, region_of(g, at, FZ_PAGE), at, FZ_PAGE);
        for (unsigned i = 0; i < g->w->pages; i++) {
            if (g->w->frame[i] == at / g->w->unit) {
                g->bytes = g->w->page[i] + at % g->w->unit;
            }
        }
    }
    return g->bytes;
}

/* Without contents, a page has a number in its second word and in its last
 * one: two halves that are not present, since the lowest bits are clear. */
static uint64_t filler_word(const struct fc_guest *g, uint64_t frame)
{
    uint64_t v = filling(g, frame);

    return (uint32_t)(v << g->low_bits) |
           (uint64_t)(uint32_t)(v >> (32 - g->low_bits) << g->low_bits) << 32;
}

/* Bytes of one page. */
static void copy_of_page(struct fc_guest *g, uint64_t pa, uint8_t *to,
                         size_t bytes)
{
    const uint8_t *page = contents(g, pa / FZ_PAGE);
    size_t from = pa % FZ_PAGE;
    uint8_t number[8];

    if (page != NULL) {
        memcpy(to, page + from, bytes);
    } else {
        memset(to, 0, bytes);
        fc_put_at(number, 8, filler_word(g, pa / FZ_PAGE));
        for (unsigned i = 0; i < 8; i++) {
            size_t at[2] = {8 + i, FZ_PAGE - 8 + i};

            for (unsigned k = 0; k < 2; k++) {
                if (at[k] >= from && at[k] - from < bytes) {
                    to[at[k] - from] = number[i];
                }
            }
        }
    }
    for (unsigned i = 0; i < g->flips; i++) {
        if (g->flip[i].at >= pa && g->flip[i].at - pa < bytes) {
            to[g->flip[i].at - pa] ^= g->flip[i].bits;
        }
    }
}

/* Whether any of those bytes is another one. */
static bool flips_any(const struct fc_guest *g, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < g->flips; i++) {
        if (g->flip[i].at >= pa && g->flip[i].at - pa < bytes) {
            return true;
        }
    }
    return false;
}

void fc_copy(struct fc_guest *g, uint64_t pa, uint8_t *to, size_t bytes)
{
    while (bytes > 0) {
        size_t n = FZ_PAGE - pa % FZ_PAGE;

        n = n < bytes ? n : bytes;
        copy_of_page(g, pa, to, n);
        pa += n;
        to += n;
        bytes -= n;
    }
}

uint64_t fc_entry_at(const struct fz_case *w, uint64_t table, unsigned level,
                     uint64_t va)
{
    return table +
           (oracle_offset(&w->mode, va) >> w->mode.format->level[level].shift) %
               w->mode.format->level[level].entries * w->entry_bytes;
}

uint64_t fc_word(struct fc_guest *g, uint64_t pa, unsigned n)
{
    unsigned at = (unsigned)(pa % FZ_PAGE);
    uint8_t bytes[8];

    if (at + n <= FZ_PAGE && !flips_any(g, pa, n)) {
        const uint8_t *page = contents(g, pa / FZ_PAGE);

        if (page != NULL) {
            return fc_get_at(page + at, n);
        }
        if (at >= 16 && at + n <= FZ_PAGE - 8) {
            return 0;
        }
    }
    fc_copy(g, pa, bytes, n);
    return fc_get_at(bytes, n);
}

/* Whether the number at pa is in a page that one region has, and none
 * refuses. */
static bool number_of_plain_page(struct fc_guest *g, uint64_t pa, unsigned n)
{
    if (pa % FZ_PAGE + n > FZ_PAGE) {
        return false;
    }
    (void)contents(g, pa / FZ_PAGE);
    return g->plain;
}

bool fc_entry(struct fc_guest *g, uint64_t pa, unsigned n, uint64_t *raw)
{
    if (!number_of_plain_page(g, pa, n) &&
        refuses(g, region_of(g, pa, n), pa, n)) {
        return false;
    }
    *raw = fc_word(g, pa, n);
    return true;
}

enum ptw_cover fc_cover(const struct fc_guest *g, uint64_t pa, uint64_t bytes)
{
    uint64_t inside = 0;

    for (unsigned i = 0; i < g->w->regions; i++) {
        const struct fz_region *r = &g->w->region[i];
        uint64_t first = r->first > pa ? r->first : pa;
        uint64_t last = pa + (bytes - 1);

        last = r->last < last ? r->last : last;
        inside += first <= last ? last - first + 1 : 0;
    }
    return inside == bytes ? PTW_COVER_ALL
           : inside == 0   ? PTW_COVER_NONE
                           : PTW_COVER_SOME;
}

/* Behind callbacks, a byte is taken out of a number that its region has: 8
 * bytes that are aligned, or else 4, or else the first or last 4 of the
 * region. */
bool fc_readable_byte(const struct fc_guest *g, uint64_t pa)
{
    unsigned region = region_of(g, pa, 1);
    uint64_t word = pa - pa % 8;
    uint64_t half = pa - pa % 4;
    const struct fz_region *r;

    if (region == FZ_REGIONS || !g->w->region[region].readable) {
        return false;
    }
    if (g->host[region] != NULL) {
        return true;
    }
    r = &g->w->region[region];
    if (region_of(g, word, 8) == region) {
        return !refuses(g, region, word, 8);
    }
    if (r->last - r->first < 3) {
        return false;
    }
    if (half < r->first) {
        half = r->first;
    } else if (r->last - half < 3) {
        half = r->last - 3;
    }
    return !refuses(g, region, half, 4);
}

bool fc_readable(const struct fc_guest *g, uint64_t pa)
{
    if (!refuses(g, region_of(g, pa, fc_page_bytes(g)), pa, fc_page_bytes(g))) {
        return true;
    }
    if (fc_cover(g, pa, fc_page_bytes(g)) != PTW_COVER_ALL) {
        return false;
    }
    for (unsigned i = 0; i < fc_page_bytes(g); i++) {
        if (!fc_readable_byte(g, pa + i)) {
            return false;
        }
    }
    return true;
}

enum ptw_cover fc_kept(const struct fc_guest *g, uint64_t first, uint64_t last)
{
    uint64_t a = first > g->o.first.v ? first : g->o.first.v;
    uint64_t b = last < g->o.last.v ? last : g->o.last.v;
    uint64_t kept;

    if (a > b) {
        return PTW_COVER_NONE;
    }
    kept = b - a + 1;
    for (size_t i = 0; i < g->o.leave_outs; i++) {
        uint64_t from = g->leave_out[i].first.v;
        uint64_t to = g->leave_out[i].last.v;

        from = from > a ? from : a;
        to = to < b ? to : b;
        kept -= from <= to ? to - from + 1 : 0;
    }
    return kept == 0                  ? PTW_COVER_NONE
           : kept == last - first + 1 ? PTW_COVER_ALL
                                      : PTW_COVER_SOME;
}

/* ---------------------------------------------------------------- callbacks */

/* It is read: it may have changed. */
static void passes(struct fc_guest *g)
{
    if (g->changes && (fz_random(&g->w->random) & 1023) < g->w->restless) {
        fz_case_stir(g->w, 1);
    }
}

static enum ptw_status read_guest(void *ctx, uint64_t pa, unsigned n,
                                  uint64_t *out)
{
    struct fc_guest *g = ctx;

    g->reads++;
    if (pa % n != 0 || !number_of_plain_page(g, pa, n)) {
        unsigned region = region_of(g, pa, n);

        if (region == FZ_REGIONS) {
            fz_stop(ASK_BOUNDS,
                    "a read at %llx, which is outside the memory offered",
                    HEX(pa));
        }
        if (pa % n != 0 && (n != 4 || (pa != g->w->region[region].first &&
                                       pa + 3 != g->w->region[region].last))) {
            fz_stop(ASK_BOUNDS, "a read at %llx, which is not aligned",
                    HEX(pa));
        }
        if (refuses(g, region, pa, n)) {
            return PTW_E_BUS;
        }
    }
    passes(g);
    *out = fc_word(g, pa, n);
    return PTW_OK;
}

/* Whole entries of a table, or bytes of a page; nothing else. */
static enum ptw_status guest_read(void *ctx, ptw_pa pa, void *buffer,
                                  size_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);

    if (region == FZ_REGIONS || bytes == 0 ||
        pa.v % g->w->unit + bytes > g->w->unit) {
        fz_stop(ASK_BOUNDS,
                "%llu bytes are copied at %llx, not of one page offered",
                HEX(bytes), HEX(pa.v));
    }
    if (g->w->region[region].last - g->w->region[region].first < 3 ||
        refuses(g, region, pa.v, bytes)) {
        return PTW_E_BUS; /* as guest_borrow */
    }
    passes(g);
    g->reads += bytes / 8;
    fc_copy(g, pa.v, buffer, bytes);
    return PTW_OK;
}

static const void *guest_borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);
    uint64_t unit = g->w->unit;
    const uint8_t *page;

    if (region == FZ_REGIONS) {
        fz_stop(ASK_BOUNDS,
                "%llu bytes borrowed at %llx, outside the memory offered",
                HEX(bytes), HEX(pa.v));
    }
    if (!g->lends || pa.v % unit + bytes > unit ||
        g->w->region[region].last - g->w->region[region].first < 3 ||
        refuses(g, region, pa.v, bytes)) {
        return NULL; /* also of regions whose bytes no number has */
    }
    passes(g);
    if (flips_any(g, pa.v - pa.v % unit, unit)) {
        return NULL;
    }
    page = contents(g, pa.v / FZ_PAGE);
    if (page != NULL) {
        return page + pa.v % FZ_PAGE;
    }
    for (uint64_t f = pa.v / FZ_PAGE; f <= (pa.v + (bytes - 1)) / FZ_PAGE;
         f++) {
        if (filling(g, f) != 0) {
            return NULL;
        }
    }
    return zeros_page + g->w->skew + pa.v % FZ_PAGE;
}

bool fc_known_zeros(struct fc_guest *g, uint64_t pa)
{
    if (flips_any(g, pa, fc_page_bytes(g))) {
        return false;
    }
    for (uint64_t at = 0; at < fc_page_bytes(g); at += FZ_PAGE) {
        uint64_t frame = (pa + at) / FZ_PAGE;

        if (contents(g, frame) != NULL || filling(g, frame) != 0) {
            return false;
        }
    }
    return true;
}

/* Where pages are lent, those without contents are known to be zeros; and in
 * host memory, as the holes of a file that is mapped, where that is asked
 * for. */
static bool guest_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);

    if (region == FZ_REGIONS) {
        fz_stop(ASK_BOUNDS,
                "%llx is asked about, which is outside the memory offered",
                HEX(pa.v));
    }
    return (g->lends || g->knows_zeros) && bytes == fc_page_bytes(g) &&
           pa.v % bytes == 0 && !refuses(g, region, pa.v, bytes) &&
           fc_known_zeros(g, pa.v);
}

static enum ptw_status write_never(void *ctx, uint64_t pa, unsigned n,
                                   uint64_t value)
{
    (void)ctx;
    (void)n;
    (void)value;
    fz_stop(ASK_BOUNDS, "the guest is written to at %llx", HEX(pa));
}

/* -------------------------------------------------------------- host memory */

/* The bytes of region i, as it is now. */
static void make_host(struct fc_guest *g, unsigned i)
{
    const struct fz_region *r = &g->w->region[i];
    size_t bytes = (size_t)(r->last - r->first) + 1;

    g->host_of[i] = fz_take(bytes + g->w->skew);
    g->host[i] = g->host_of[i] + g->w->skew;
    fc_copy(g, r->first, g->host[i], bytes);
}

static bool is_small(const struct fc_guest *g, unsigned i)
{
    const struct fz_region *r = &g->w->region[i];

    return r->last - r->first < fz_direct_bytes(g->w);
}

void fc_make_host(struct fc_guest *g)
{
    enum fz_memory kind = g->w->memory;

    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        g->host[i] = NULL;
        g->host_of[i] = NULL;
        if (i < g->w->regions && g->w->region[i].readable &&
            (kind == FZ_DIRECT || kind == FZ_MIXED) && is_small(g, i)) {
            make_host(g, i);
        }
    }
}

void fc_free_host(struct fc_guest *g)
{
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        fz_give_back(g->host_of[i]);
        g->host_of[i] = NULL;
        g->host[i] = NULL;
    }
}

/* Whether callbacks copy bytes.  Where there is much memory, reading all of it as
 * numbers takes longer than everything else. */
static bool copies_bytes(const struct fc_guest *g)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < g->w->regions && pages <= FC_FEW_PAGES; i++) {
        pages += (g->w->region[i].last - g->w->region[i].first) / FZ_PAGE + 1;
    }
    return g->stopped || g->copies || g->w->bulk || pages > FC_FEW_PAGES;
}

/* Offers the guest in one way or another; region has room for FZ_REGIONS. */
void fc_offer(struct fc_guest *g, bool lends, struct ptw_mem *mem,
              struct ptw_region *region)
{
    bool all_host = true;
    enum ptw_status st;

    g->lends = lends;
    g->reads = 0;
    for (unsigned i = 0; i < g->w->regions; i++) {
        region[i].first.v = g->w->region[i].first;
        region[i].last.v = g->w->region[i].last;
        region[i].host = g->host[i];
        region[i].writable = false;
        all_host = all_host && g->host[i] != NULL;
    }
    g->served.get = read_guest;
    g->served.put = write_never;
    g->ops = fz_served_ops(guest_borrow, copies_bytes(g) ? guest_read : NULL,
                           guest_zeros);
    st = all_host && !g->knows_zeros
             ? ptw_mem_init_regions(mem, region, g->w->regions)
             : ptw_mem_init_callbacks(mem, &g->ops, g, region, g->w->regions);
    if (st == PTW_OK) {
        st = fz_offer(mem, FZ_OF_GUEST,
                      all_host && !g->knows_zeros ? NULL : &g->ops, g, region,
                      g->w->regions);
    }
    ptw_mem_set_stopped(mem, g->stopped || g->w->stopped);
    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "memory is refused: %s", ptw_status_text(st));
    }
}

/* Whether a copy of region i costs less than to be asked for its entries again and
 * again, as the comparisons of one guest do. */
static bool is_cheap(const struct fc_guest *g, unsigned i)
{
    const struct fz_region *r = &g->w->region[i];

    return is_small(g, i) || r->last - r->first < FC_FEW_PAGES * FZ_PAGE;
}

/* A region of which a page refuses to be read stays behind callbacks. */
void fc_offer_cheaply(const struct fc_guest *g, struct fc_guest *cheap,
                      struct ptw_mem *mem, struct ptw_region *region)
{
    *cheap = *g;
    cheap->copies = true;
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        cheap->host_of[i] = NULL;
        if (i < g->w->regions && is_cheap(g, i) &&
            (g->host[i] != NULL ||
             !refuses(g, i, g->w->region[i].first,
                      g->w->region[i].last - g->w->region[i].first + 1))) {
            make_host(cheap, i);
        }
    }
    fc_offer(cheap, true, mem, region);
}

void fc_flip(struct fc_guest *g, uint64_t pa, uint8_t bits)
{
    unsigned region = region_of(g, pa, 1);
    unsigned i = 0;

    if (region != FZ_REGIONS && g->host[region] != NULL) {
        g->host[region][pa - g->w->region[region].first] ^= bits;
    }
    g->known = false;
    while (i < g->flips && g->flip[i].at != pa) {
        i++;
    }
    if (i == g->flips) {
        assert(i < FC_FLIPS);
        g->flip[g->flips++] = (struct fc_flip){pa, 0};
    }
    g->flip[i].bits ^= bits;
    if (g->flip[i].bits == 0) {
        g->flip[i] = g->flip[--g->flips];
    }
}
