/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of rebuilding a guest and of verifying that: README.md has
 * them, and the format, in words. */
#include "compact.h"

#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* How an input wants it done: `options` of its `rebuild`. */
enum compact_option {
    OPT_CHANGES = 1,      /* the guest goes on running */
    OPT_HOSTILE = 2,      /* arguments as they come, ranges not put right */
    OPT_NO_ROOM = 4,      /* where the tables go is too small, or read-only */
    OPT_STOPPED = 8,      /* callbacks copy bytes, memory does not change */
    OPT_KNOWS_ZEROS = 16, /* pages of host memory are, too */
    OPT_ABSENT_SPOIL = 32 /* entries that are not present are spoilt */
};

enum tables_base { TABLES_BEHIND, TABLES_FAR, TABLES_BEFORE, TABLES_OVER };

enum limit { NO_LIMIT, FEW_READS, FEW_BYTES, FEW_STORAGE };

/* What is done to the image to see whether the verifier finds it. */
enum spoil {
    SPOIL_NOT,
    SPOIL_ENTRY,  /* a bit of an entry */
    SPOIL_PAGE,   /* a bit of a page */
    SPOIL_REPEAT, /* an entry takes the address of another one */
    SPOIL_COPY,   /* what an entry leads to is copied, and it leads there */
    SPOIL_MORE,   /* an entry that was nothing becomes another one */
    SPOIL_REMOVE,
    SPOIL_SWAP,  /* two entries */
    SPOIL_FRAME, /* an entry takes the address of any page, or table */
    SPOIL_ADD,   /* an entry that is not present names a table, and writes */
};

struct input {
    unsigned options;
    enum limit limit;
    unsigned limited_to;
    size_t most_storage;
    unsigned growth;
    unsigned refused_first; /* write of the sink, + 1 */
    unsigned refused_times;
    enum spoil spoil;
    uint8_t spoil_at[3];
};

static struct fz_world world;
static struct fc_guest guest;
static _Alignas(FZ_PAGE) uint8_t image_pages[2][FC_PAGES][FZ_PAGE];
static _Alignas(FZ_PAGE) uint8_t extra_page[FZ_MOST_UNIT];
static const _Alignas(FZ_PAGE) uint8_t zeros_page[FZ_MOST_UNIT];
static struct fc_image image[2];
static struct ptw_rebuild rebuild;
static struct ptw_verify verify;

/* ---------------------------------------------------------------- the guest */

/* Pages of the regime; memory is kept in pieces of FZ_PAGE. */
static uint64_t page_bytes(const struct fc_guest *g)
{
    return g->w->page_bytes;
}

static uint64_t page_mask(const struct fc_guest *g)
{
    return page_bytes(g) - 1;
}

/* What a table takes of an image: pages that no other has. */
static uint64_t table_place(const struct fc_guest *g)
{
    return g->w->unit;
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
        g->known = true;
        g->frame = frame;
        g->bytes = NULL;
        for (unsigned i = 0; i < g->w->pages; i++) {
            uint64_t at = frame * FZ_PAGE;

            if (g->w->frame[i] == at / g->w->unit) {
                g->bytes = g->w->page[i] + at % g->w->unit;
            }
        }
    }
    return g->bytes;
}

static uint8_t byte_at(struct fc_guest *g, uint64_t pa)
{
    const uint8_t *page = contents(g, pa / FZ_PAGE);
    unsigned at = (unsigned)(pa % FZ_PAGE);
    uint8_t flip = pa == g->flipped ? g->flip : 0;
    uint64_t v;

    if (page != NULL) {
        return page[at] ^ flip;
    }
    if (at / 8 != 1 && at / 8 != FZ_PAGE / 8 - 1) {
        return flip;
    }
    /* Two halves that are not present: the lowest bits are clear. */
    v = filling(g, pa / FZ_PAGE);
    v = (uint32_t)(v << g->low_bits) |
        (uint64_t)(uint32_t)(v >> (32 - g->low_bits) << g->low_bits) << 32;
    return (uint8_t)(v >> 8 * (at % 8)) ^ flip;
}

uint64_t fc_word(struct fc_guest *g, uint64_t pa, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = n; i-- > 0;) {
        v = v << 8 | byte_at(g, pa + i);
    }
    return v;
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
    for (unsigned i = 0; i < g->refuses && g->host[region] == NULL; i++) {
        if (pa <= g->refused[i][1] && g->refused[i][0] - pa < bytes) {
            return true;
        }
        if (pa >= g->refused[i][0] && pa <= g->refused[i][1]) {
            return true;
        }
    }
    return false;
}

bool fc_entry(struct fc_guest *g, uint64_t pa, unsigned n, uint64_t *raw)
{
    if (refuses(g, region_of(g, pa, n), pa, n)) {
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

/* Behind callbacks, a byte is taken out of a number that its region has: 8 bytes
 * that are aligned, or else 4, or else the first or last 4 of the region. */
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
    if (!refuses(g, region_of(g, pa, page_bytes(g)), pa, page_bytes(g))) {
        return true;
    }
    for (unsigned i = 0; i < page_bytes(g); i++) {
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

/* It is read: it may have changed. */
static void passes(struct fc_guest *g)
{
    if (g->changes && (fz_random(&g->w->random) & 1023) < g->w->restless) {
        fz_world_stir(g->w, 1);
    }
}

static enum ptw_status read_guest(struct fc_guest *g, uint64_t pa, unsigned n,
                                  uint64_t *out)
{
    unsigned region = region_of(g, pa, n);

    g->reads++;
    if (region == FZ_REGIONS) {
        fz_fail("a read at %llx, which is outside the memory offered", HEX(pa));
    }
    if (pa % n != 0 && (n != 4 || (pa != g->w->region[region].first &&
                                   pa + 3 != g->w->region[region].last))) {
        fz_fail("a read at %llx, which is not aligned", HEX(pa));
    }
    if (refuses(g, region, pa, n)) {
        return PTW_E_BUS;
    }
    passes(g);
    *out = fc_word(g, pa, n);
    return PTW_OK;
}

static enum ptw_status guest_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t v = 0;
    enum ptw_status st = read_guest(ctx, pa.v, 4, &v);

    if (st == PTW_OK) {
        *out = (uint32_t)v;
    }
    return st;
}

static enum ptw_status guest_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    return read_guest(ctx, pa.v, 8, out);
}

/* Whole entries of a table, or bytes of a page; nothing else. */
static enum ptw_status guest_read(void *ctx, ptw_pa pa, void *buffer,
                                  size_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);
    uint8_t *to = buffer;

    if (region == FZ_REGIONS || bytes == 0 ||
        pa.v % g->w->unit + bytes > g->w->unit) {
        fz_fail("%llu bytes are copied at %llx, not of one page offered",
                HEX(bytes), HEX(pa.v));
    }
    if (refuses(g, region, pa.v, bytes)) {
        return PTW_E_BUS;
    }
    passes(g);
    g->reads += bytes / 8;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = byte_at(g, pa.v + i);
    }
    return PTW_OK;
}

static const void *guest_borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);
    uint64_t unit = g->w->unit;
    const uint8_t *page;

    if (region == FZ_REGIONS) {
        fz_fail("%llu bytes borrowed at %llx, outside the memory offered",
                HEX(bytes), HEX(pa.v));
    }
    if (!g->lends || pa.v % unit + bytes > unit ||
        refuses(g, region, pa.v, bytes)) {
        return NULL;
    }
    passes(g);
    if (g->flip != 0 && g->flipped / unit == pa.v / unit) {
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
    return zeros_page + pa.v % FZ_PAGE;
}

/* Where pages are lent, those without contents are known to be zeros; and in
 * host memory, as the holes of a file that is mapped, where that is asked for. */
static bool guest_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct fc_guest *g = ctx;
    unsigned region = region_of(g, pa.v, bytes);

    if (region == FZ_REGIONS) {
        fz_fail("%llx is asked about, which is outside the memory offered",
                HEX(pa.v));
    }
    if ((!g->lends && !g->knows_zeros) || bytes != page_bytes(g) ||
        pa.v % bytes != 0 || refuses(g, region, pa.v, bytes) ||
        (g->flip != 0 && g->flipped - pa.v < bytes)) {
        return false;
    }
    for (uint64_t at = 0; at < bytes; at += FZ_PAGE) {
        uint64_t frame = (pa.v + at) / FZ_PAGE;

        if (contents(g, frame) != NULL || filling(g, frame) != 0) {
            return false;
        }
    }
    return true;
}

static enum ptw_status write_never32(void *ctx, ptw_pa pa, uint32_t value)
{
    (void)ctx;
    (void)value;
    fz_fail("the guest is written to at %llx", HEX(pa.v));
}

static enum ptw_status write_never64(void *ctx, ptw_pa pa, uint64_t value)
{
    return write_never32(ctx, pa, (uint32_t)value);
}

static const struct ptw_mem_ops guest_ops = {
    .read32 = guest_read32,
    .read64 = guest_read64,
    .borrow = guest_borrow,
    .zeros = guest_zeros,
    .write32 = write_never32,
    .write64 = write_never64,
};

static const struct ptw_mem_ops stopped_ops = {
    .read32 = guest_read32,
    .read64 = guest_read64,
    .read = guest_read,
    .borrow = guest_borrow,
    .zeros = guest_zeros,
    .write32 = write_never32,
    .write64 = write_never64,
};

static void *exactly(size_t bytes)
{
    void *p = malloc(bytes);

    if (p == NULL) {
        fz_fail("out of memory");
    }
    return p;
}

static void make_host(struct fc_guest *g)
{
    enum fz_memory kind = g->w->memory;

    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        const struct fz_region *r = &g->w->region[i];
        size_t bytes;

        g->host[i] = NULL;
        if (i >= g->w->regions || !r->readable ||
            (kind != FZ_DIRECT && kind != FZ_MIXED) ||
            r->last - r->first >= fz_direct_bytes(g->w)) {
            continue;
        }
        bytes = (size_t)(r->last - r->first) + 1;
        g->host[i] = exactly(bytes);
        for (size_t at = 0; at < bytes; at++) {
            g->host[i][at] = byte_at(g, r->first + at);
        }
    }
}

/* Offers the guest in one way or another; region has room for FZ_REGIONS. */
static void offer(struct fc_guest *g, bool lends, struct ptw_mem *mem,
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
    st = all_host && !g->knows_zeros
             ? ptw_mem_init_regions(mem, region, g->w->regions)
             : ptw_mem_init_callbacks(mem,
                                      g->stopped ? &stopped_ops : &guest_ops, g,
                                      region, g->w->regions);
    ptw_mem_set_stopped(mem, g->stopped);
    if (st != PTW_OK) {
        fz_fail("memory is refused: %s", ptw_status_text(st));
    }
}

/* ---------------------------------------------------------------- the input */

static uint64_t get_at(const uint8_t *b, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = n; i-- > 0;) {
        v = v << 8 | b[i];
    }
    return v;
}

static void put_at(uint8_t *b, unsigned n, uint64_t v)
{
    for (unsigned i = 0; i < n; i++) {
        b[i] = (uint8_t)(v >> 8 * i);
    }
}

static uint64_t length(const uint8_t *record, enum fz_field_id pages,
                       enum fz_field_id shift)
{
    return (fz_get(record, pages) + 1) * page_bytes(&guest)
           << fz_get(record, shift) % 64;
}

/* A range that is left out: in its place, without those that overlap, if ranges
 * are to be right. */
static void read_omit(struct fc_guest *g, const struct fz_records *in,
                      bool hostile)
{
    struct ptw_va_range r;
    size_t n = g->o.leave_outs;
    size_t at = n;

    r.first.v = fz_value(in, FZ_FIRST, fz_address(in, OMIT_FIRST));
    if (!hostile) {
        r.first.v &= ~page_mask(&guest);
    }
    r.last.v =
        fz_value(in, FZ_LAST,
                 r.first.v + (length(in->record, OMIT_PAGES, OMIT_SHIFT) - 1));
    if (r.last.v < r.first.v && !hostile) {
        r.last.v = UINT64_MAX;
    }
    if (n == FC_LEAVE_OUTS) {
        return;
    }
    while (!hostile && at > 0 && g->leave_out[at - 1].first.v > r.first.v) {
        at--;
    }
    if (!hostile && ((at > 0 && g->leave_out[at - 1].last.v >= r.first.v) ||
                     (at < n && g->leave_out[at].first.v <= r.last.v))) {
        return;
    }
    memmove(&g->leave_out[at + 1], &g->leave_out[at], (n - at) * sizeof r);
    g->leave_out[at] = r;
    g->o.leave_outs++;
}

static void read_map(struct fc_guest *g, const struct fz_records *in)
{
    const uint8_t *record = in->record;
    struct ptw_map_request *q = &g->map[g->o.maps];
    uint64_t offset = fz_get(record, MAP_OFFSET) * page_bytes(&guest);
    uint64_t bytes = length(record, MAP_PAGES, MAP_SHIFT);
    unsigned options = (unsigned)fz_get(record, MAP_OPTIONS);

    if (g->o.maps == FC_MAPS) {
        return;
    }
    g->o.maps++;
    memset(q, 0, sizeof *q);
    if ((options & 4) != 0 || g->o.leave_outs == 0) {
        q->first.v = fz_address(in, MAP_AT);
        q->last.v = q->first.v + (bytes - 1);
    } else {
        const struct ptw_va_range *r =
            &g->leave_out[fz_get(record, MAP_OMITTED) % g->o.leave_outs];

        q->first.v = r->first.v + offset;
        if (q->first.v < r->first.v || q->first.v > r->last.v) {
            q->first.v = r->first.v & ~page_mask(&guest);
        }
        q->last.v = q->first.v + (bytes - 1);
        if (q->last.v > r->last.v || q->last.v < q->first.v) {
            q->last.v = r->last.v;
        }
    }
    q->first.v = fz_value(in, FZ_FIRST, q->first.v);
    q->last.v = fz_value(in, FZ_LAST, q->last.v);
    q->pa.v = fz_value(in, FZ_PA,
                       fz_get(record, MAP_FRAME) * page_bytes(&guest)
                           << fz_get(record, MAP_FRAME_SHIFT) % 64);
    q->rights = (unsigned)fz_value(in, FZ_RIGHTS, fz_get(record, MAP_RIGHTS));
    q->copy_on_write = (options & 1) != 0;
    q->attributes.memory_type =
        (unsigned)fz_value(in, FZ_MEMORY_TYPE, fz_get(record, MAP_TYPE));
    q->attributes.key = (unsigned)fz_value(in, FZ_KEY, fz_get(record, MAP_KEY));
    q->attributes.global = (options & 2) != 0;
    q->flags = (unsigned)fz_value(in, FZ_FLAGS, fz_get(record, MAP_FLAGS));
    q->max_reads = fz_value(in, FZ_READS, UINT64_MAX);
}

/* Where the new tables are to be. */
static void place_tables(struct fc_guest *g, enum tables_base where)
{
    static const uint64_t far[2] = {(uint64_t)1 << 24, (uint64_t)1 << 28};
    uint64_t base = g->o.base.v;

    switch (where) {
    case TABLES_BEHIND:
        return;
    case TABLES_FAR:
        g->o.tables_base.v = base + far[1];
        break;
    case TABLES_BEFORE:
        g->o.tables_base.v = base;
        g->o.base.v = base + far[0];
        break;
    case TABLES_OVER:
        g->o.tables_base.v = base;
        break;
    }
    g->o.flags |= PTW_REBUILD_TABLES_APART;
}

/* A region is cut inside the page of a slot, at any byte. */
static void read_cut(const uint8_t *record)
{
    fz_world_cut(&world,
                 world.slot[fz_get(record, CUT_PAGE) % FZ_SLOTS] * world.unit +
                     fz_get(record, CUT_AT) % world.unit,
                 fz_get(record, CUT_HOLE));
}

static void read_refuse(struct fc_guest *g, const uint8_t *record)
{
    uint64_t page =
        world.slot[fz_get(record, REFUSE_PAGE) % FZ_SLOTS] * world.unit;

    if (g->refuses < FC_REFUSED) {
        g->refused[g->refuses][0] =
            page + fz_get(record, REFUSE_FROM) % world.unit;
        g->refused[g->refuses][1] =
            page + (world.unit - 1) - fz_get(record, REFUSE_LESS) % world.unit;
        g->refuses++;
    }
}

static struct ptw_absent policy_of(const struct fz_world *w, unsigned which)
{
    const struct oracle_systems *is = w->mode.format->systems;
    const struct ptw_absent policies[8] = {
        {.policy = PTW_ABSENT_KEEP},
        {.policy = PTW_ABSENT_CLEAR},
        {.policy = PTW_ABSENT_LINUX},
        {.policy = PTW_ABSENT_LINUX_PLAIN},
        {.policy = PTW_ABSENT_WINDOWS},
        {.policy = PTW_ABSENT_LINUX, .migration = 0xff000000, .frame_bits = 20},
        {.policy = PTW_ABSENT_WINDOWS,
         .mask = is != NULL ? is->windows_mask : 0,
         .frame_bits = is != NULL ? is->windows_bits : 0},
        {.policy = PTW_ABSENT_LINUX_PLAIN,
         .migration = 0xffff0000,
         .type_at =
             is != NULL && is->linux_had_two ? is->linux_before.type_at : 0},
    };

    return policies[is == NULL ? which % 2 : which];
}

/* Whether that convention inverts frames. */
static bool inverts(const struct fc_guest *g)
{
    return g->o.absent.policy == PTW_ABSENT_LINUX &&
           g->w->mode.format->systems->linux_inverts;
}

/* Entries that are not present and have the mark of copy-on-write name, under a
 * convention, what they would map: an operation can't tell how. */
static void name_pages(struct fc_guest *g)
{
    struct fz_world *w = g->w;
    const struct oracle_format *f = w->mode.format;
    const struct oracle_systems *is = f->systems;
    enum ptw_absent_policy policy = g->o.absent.policy;
    unsigned n = w->entry_bytes;

    for (unsigned i = 0; i < w->pages && policy > PTW_ABSENT_CLEAR; i++) {
        for (unsigned at = 0; at < w->unit; at += n) {
            uint8_t *e = w->page[i] + at;
            uint64_t raw = get_at(e, n);

            if (oracle_present(&w->mode, 0, raw) ||
                (raw & f->mark_bits) != f->mark) {
                continue;
            }
            if (policy == PTW_ABSENT_WINDOWS) {
                raw |= is->windows_transition | g->o.absent.mask;
            } else {
                raw |= is->linux_none;
            }
            if (inverts(g)) {
                raw ^= oracle_frame(&w->mode,
                                    (raw & is->linux_large) != 0 ? 1 : 0);
            }
            put_at(e, n, raw);
        }
    }
}

/* What becomes of the guest; the last record of the kind counts. */
static void read_rebuild(struct fc_guest *g, struct input *input,
                         const struct fz_records *in)
{
    const uint8_t *record = in->record;
    uint64_t base = fz_get(record, REBUILD_BASE) * page_bytes(&guest)
                    << fz_get(record, REBUILD_BASE_SHIFT) % 64;

    input->options = (unsigned)fz_get(record, REBUILD_OPTIONS);
    input->limit = (enum limit)(fz_get(record, REBUILD_LIMIT) % 4);
    input->limited_to = (unsigned)fz_get(record, REBUILD_LIMITED_TO);
    g->knows_zeros = (input->options & OPT_KNOWS_ZEROS) != 0;
    g->stopped = (input->options & OPT_STOPPED) != 0;
    g->o.flags =
        (unsigned)fz_value(in, FZ_FLAGS, fz_get(record, REBUILD_FLAGS));
    g->o.base.v = fz_value(in, FZ_BASE, base);
    g->o.seed = fz_get(record, REBUILD_SEED) * 0x9E3779B97F4A7C15;
    g->o.absent =
        policy_of(&world, (unsigned)fz_get(record, REBUILD_ABSENT) % 8);
    g->o.max_reads = world.thorough ? 65536 : 16384;
    if (input->limit == FEW_READS) {
        g->o.max_reads = (uint64_t)input->limited_to * 16;
    } else if (input->limit == FEW_BYTES) {
        g->o.max_bytes = (uint64_t)input->limited_to * page_bytes(&guest);
    } else if (input->limit == FEW_STORAGE) {
        input->most_storage = (size_t)input->limited_to * 1024;
    }
    g->o.max_reads = fz_value(in, FZ_READS, g->o.max_reads);
    g->o.max_bytes = fz_value(in, FZ_BYTES, g->o.max_bytes);
    place_tables(g, (enum tables_base)(fz_get(record, REBUILD_TABLES) % 4));
    g->o.tables_base.v = fz_value(in, FZ_TABLES_BASE, g->o.tables_base.v);
}

static void read_image(struct fc_guest *g, struct input *input,
                       const uint8_t *record)
{
    input->growth = (unsigned)fz_get(record, IMAGE_GROWTH);
    input->refused_first = (unsigned)fz_get(record, IMAGE_REFUSED);
    input->refused_times = (unsigned)fz_get(record, IMAGE_TIMES);
    g->filler = (enum fc_filler)(fz_get(record, IMAGE_FILLER) % 4);
    input->spoil = (enum spoil)(fz_get(record, IMAGE_SPOIL) % (SPOIL_ADD + 1));
    input->spoil_at[0] = (uint8_t)fz_get(record, IMAGE_WHERE);
    input->spoil_at[1] = (uint8_t)fz_get(record, IMAGE_ENTRY);
    input->spoil_at[2] = (uint8_t)fz_get(record, IMAGE_OTHER);
}

static void read_input(struct fc_guest *g, struct input *input,
                       const uint8_t *data, size_t len)
{
    const struct fz_records all = fz_records_of(data, len);
    struct fz_records none = fz_records_of(NULL, 0);
    struct fz_records in;
    bool hostile;

    fz_world_read(&world, true, data, len);
    memset(g, 0, sizeof *g);
    memset(input, 0, sizeof *input);
    g->w = &world;
    while ((oracle_present_bits(&world.mode) >> g->low_bits) != 0) {
        g->low_bits++;
    }
    g->o = ptw_rebuild_everything();
    input->most_storage = FC_STORE;
    read_rebuild(g, input, &none);
    for (in = all; fz_next_record(&world, &in);) {
        if (fz_op_of(in.record) == OP_REBUILD) {
            input->most_storage = FC_STORE;
            g->o = ptw_rebuild_everything();
            read_rebuild(g, input, &in);
        } else if (fz_op_of(in.record) == OP_IMAGE) {
            read_image(g, input, in.record);
        } else if (fz_op_of(in.record) == OP_REFUSE) {
            read_refuse(g, in.record);
        }
    }
    name_pages(g);
    hostile = (input->options & OPT_HOSTILE) != 0;
    g->o.first.v = world.first;
    g->o.last.v = world.last;
    if (!hostile) {
        g->o.first.v &= ~page_mask(&guest);
        g->o.last.v |= page_mask(&guest);
    }
    g->o.leave_out = g->leave_out;
    g->o.map = g->map;
    for (in = all; fz_next_record(&world, &in);) {
        if (fz_op_of(in.record) == OP_OMIT) {
            read_omit(g, &in, hostile);
        }
    }
    for (in = all; fz_next_record(&world, &in);) {
        if (fz_op_of(in.record) == OP_MAP) {
            read_map(g, &in);
        } else if (fz_op_of(in.record) == OP_CUT) {
            read_cut(in.record);
        }
    }
    for (unsigned i = 0; i < world.roots; i++) {
        g->root[i].v = world.root[i];
    }
    if ((input->options & OPT_CHANGES) != 0 &&
        (world.memory == FZ_DIRECT || world.memory == FZ_MIXED)) {
        world.memory = FZ_BORROW; /* what changes is what is borrowed */
    }
    make_host(g);
}

/* ---------------------------------------------------------------- the image */

int fc_written(const struct fc_image *m, uint64_t pa)
{
    unsigned low = 0;
    unsigned high = m->pages;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (m->at[mid] < pa) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < m->pages && m->at[low] == pa ? (int)low : -1;
}

uint8_t *fc_page(const struct fc_image *m, uint64_t pa)
{
    static uint8_t zeros[FZ_PAGE]; /* only read */
    int i;

    pa -= pa % FZ_PAGE;
    if (m->extra_at != 0 && pa >= m->extra_at &&
        pa - m->extra_at < m->extra_bytes) {
        return m->extra + (pa - m->extra_at);
    }
    if (pa >= m->tables_at && pa - m->tables_at < m->table_bytes) {
        return m->tables + (pa - m->tables_at);
    }
    if (pa < m->base || pa - m->base >= m->page_bytes) {
        return NULL;
    }
    i = fc_written(m, pa);
    return i >= 0 ? m->page[i] : zeros;
}

static enum ptw_status image_read(const struct fc_image *m, uint64_t pa,
                                  unsigned n, uint64_t *out)
{
    const uint8_t *page = fc_page(m, pa);

    if (page == NULL || pa % n != 0) {
        fz_fail("a read at %llx, outside the image", HEX(pa));
    }
    *out = 0;
    for (unsigned i = n; i-- > 0;) {
        *out = *out << 8 | page[pa % FZ_PAGE + i];
    }
    return PTW_OK;
}

static enum ptw_status image_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t v;
    enum ptw_status st = image_read(ctx, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status image_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    return image_read(ctx, pa.v, 8, out);
}

static const void *image_borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const uint8_t *page = fc_page(ctx, pa.v);
    uint64_t first = pa.v - pa.v % FZ_PAGE;

    if (page == NULL) {
        fz_fail("a page borrowed at %llx, outside the image", HEX(pa.v));
    }
    for (uint64_t at = FZ_PAGE; at < pa.v % FZ_PAGE + bytes; at += FZ_PAGE) {
        if (fc_page(ctx, first + at) != page + at) {
            return NULL;
        }
    }
    return page + pa.v % FZ_PAGE;
}

/* What the sink was not given is zeros. */
static bool image_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const struct fc_image *m = ctx;

    if (fc_page(m, pa.v) == NULL) {
        fz_fail("%llx is asked about, which is outside the image", HEX(pa.v));
    }
    if (bytes != page_bytes(&guest) || pa.v < m->base ||
        pa.v - m->base >= m->page_bytes) {
        return false;
    }
    for (uint64_t at = 0; at < bytes; at += FZ_PAGE) {
        if (fc_written(m, pa.v + at) >= 0) {
            return false;
        }
    }
    return true;
}

static enum ptw_status image_write(struct fc_image *m, uint64_t pa, unsigned n,
                                   uint64_t value)
{
    if (pa < m->tables_at || pa - m->tables_at >= m->table_bytes ||
        pa % n != 0) {
        fz_fail("a write at %llx, which is not among the tables", HEX(pa));
    }
    for (unsigned i = 0; i < n; i++) {
        m->tables[pa - m->tables_at + i] = (uint8_t)(value >> 8 * i);
    }
    return PTW_OK;
}

static enum ptw_status image_write32(void *ctx, ptw_pa pa, uint32_t value)
{
    return image_write(ctx, pa.v, 4, value);
}

static enum ptw_status image_write64(void *ctx, ptw_pa pa, uint64_t value)
{
    return image_write(ctx, pa.v, 8, value);
}

static const struct ptw_mem_ops image_ops = {
    .read32 = image_read32,
    .read64 = image_read64,
    .borrow = image_borrow,
    .zeros = image_zeros,
    .write32 = image_write32,
    .write64 = image_write64,
};

/* Where the memory of an image ends, padding and the gap included. */
static uint64_t image_end(const struct fc_image *m)
{
    uint64_t pages = m->base + m->page_bytes;
    uint64_t tables = m->tables_at + m->table_bytes;

    return pages > tables ? pages : tables;
}

enum { IMAGE_REGIONS = 3 };

/* Adds memory at its place among n regions; none of it is no region. */
static size_t add_region(struct ptw_region *region, size_t n, uint64_t first,
                         uint64_t bytes)
{
    size_t at = n;

    if (bytes == 0) {
        return n;
    }
    for (; at > 0 && region[at - 1].first.v > first; at--) {
        region[at] = region[at - 1];
    }
    memset(&region[at], 0, sizeof region[at]);
    region[at].first.v = first;
    region[at].last.v = first + (bytes - 1);
    return n + 1;
}

static void image_memory(struct fc_image *m, struct ptw_mem *mem,
                         struct ptw_region *region)
{
    size_t n = 0;

    if (m->tables_at == m->base + m->page_bytes) {
        n = add_region(region, n, m->base, m->bytes);
    } else {
        n = add_region(region, n, m->base, m->page_bytes);
        n = add_region(region, n, m->tables_at, m->table_bytes);
        n = add_region(region, n, m->extra_at,
                       m->extra_at != 0 ? m->extra_bytes : 0);
    }
    if (ptw_mem_init_callbacks(mem, &image_ops, m, region, n) != PTW_OK) {
        fz_fail("the image is refused");
    }
}

/* ------------------------------------------------------------------ storage */

/* How much is given of what was asked for: as little as is taken, at first. */
static size_t store_bytes(size_t bytes, unsigned growth, unsigned tries)
{
    unsigned less = tries >= 4 ? 0 : growth >> 2 * (tries & 3) & 3;

    return less == 3 ? bytes + 40 : bytes >> less;
}

/* One storage for a step that asked; false when the caller has no more. */
static bool give(struct ptw_rebuild *rb, struct ptw_verify *v, unsigned growth,
                 size_t most)
{
    unsigned tries = 0;

    for (;;) {
        size_t wanted = rb != NULL ? rb->wanted : v->wanted;
        size_t bytes = store_bytes(wanted, growth, tries);
        void *before;
        void *store;
        enum ptw_status st;

        if (wanted == 0) {
            fz_fail("PTW_E_SPACE, and nothing is wanted");
        }
        if (wanted > most) {
            return false;
        }
        store = exactly(bytes);
        tries++;
        st = rb != NULL ? ptw_rebuild_give(rb, store, bytes, &before)
                        : ptw_verify_give(v, store, bytes, &before);
        if (st == PTW_OK) {
            free(before);
            return true;
        }
        free(store);
        if (st != PTW_E_SPACE || before != NULL || bytes >= wanted) {
            fz_fail("%zu bytes where %zu are wanted: %s", bytes, wanted,
                    ptw_status_text(st));
        }
    }
}

/* --------------------------------------------------------------- rebuilding */

/* Where the pages go, and what is known of the order. */
struct sink {
    struct fc_image *m;
    uint64_t page_bytes;
    uint64_t next; /* the lowest address that may come */
    unsigned writes;
    unsigned refuse_at;
    unsigned refuse_times;
    bool resumed;
    bool full;
    bool changes;
};

static enum ptw_status take_pages(void *ctx, ptw_pa to, const void *bytes,
                                  size_t n)
{
    struct sink *s = ctx;
    struct fc_image *m = s->m;

    if (n == 0 || n % page_bytes(&guest) != 0 ||
        to.v % page_bytes(&guest) != 0 || to.v < m->base ||
        to.v - m->base >= s->page_bytes ||
        s->page_bytes - (to.v - m->base) < n) {
        fz_fail("the sink is given %zu bytes at %llx", n, HEX(to.v));
    }
    if (to.v < s->next) {
        fz_fail("the sink is given %llx, when %llx was the next", HEX(to.v),
                HEX(s->next));
    }
    if (s->writes++ >= s->refuse_at && s->refuse_times > 0) {
        s->refuse_times--;
        /* At most 64 pages before it. */
        s->next = to.v - m->base > 64 * page_bytes(&guest)
                      ? to.v - 64 * page_bytes(&guest)
                      : m->base;
        s->resumed = true;
        return PTW_E_READONLY;
    }
    for (size_t at = 0; at < n; at += FZ_PAGE) {
        const uint8_t *page = (const uint8_t *)bytes + at;
        int i = fc_written(m, to.v + at);

        if (i >= 0) {
            if (!s->resumed ||
                (!s->changes && memcmp(m->page[i], page, FZ_PAGE) != 0)) {
                fz_fail("the page %llx is given twice", HEX(to.v + at));
            }
            memcpy(m->page[i], page, FZ_PAGE);
            continue;
        }
        if (m->pages == FC_PAGES) {
            s->full = true;
            return PTW_E_SPACE;
        }
        if (m->pages > 0 && m->at[m->pages - 1] >= to.v + at) {
            /* It was zeros before, and the guest changed. */
            if (!s->changes) {
                fz_fail("the page %llx comes too late", HEX(to.v + at));
            }
            s->full = true;
            return PTW_E_SPACE;
        }
        m->at[m->pages] = to.v + at;
        memcpy(m->page[m->pages++], page, FZ_PAGE);
    }
    s->next = to.v + n;
    return PTW_OK;
}

static const struct ptw_page_sink page_sink = {take_pages};

/* How a rebuild of the same guest is varied. */
struct manner {
    unsigned growth;
    size_t most_storage;
    unsigned refuse_at; /* the sink */
    unsigned refuse_times;
    bool direct;  /* the tables go to host memory */
    bool no_room; /* or to too little of it */
    bool read_only;
    bool changes;
};

static void free_storage(const struct ptw_rebuild *rb)
{
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(rb, i));
    }
    if (ptw_rebuild_storage(rb, PTW_REBUILD_STORES) != NULL) {
        fz_fail("there is a storage too many");
    }
}

static void image_done(struct fc_image *m)
{
    free(m->tables);
    m->tables = NULL;
}

/* Whether the regime has such a map, wherever the guest's tables are.  A large
 * leaf may reach where small pages do not: then *unsure. */
static bool map_is_right(const struct fz_world *w,
                         const struct ptw_map_request *q, bool *unsure)
{
    uint64_t reach =
        ((uint64_t)1 << w->mode.format->leaf_pa_bits(&w->mode, 0)) - 1;
    uint64_t span = q->last.v - q->first.v;

    if (!fz_one_half(w, q->first.v, q->last.v) ||
        (q->first.v | (q->last.v + 1) | q->pa.v) % page_bytes(&guest) != 0) {
        return false;
    }
    if (!fz_can_map(w, q->rights, q->copy_on_write,
                    (q->flags & PTW_EDIT_GRANT_EXEC) != 0, &q->attributes) ||
        (q->flags & PTW_EDIT_UNSHARE) != 0) {
        return false; /* nothing counts who shares the tables of a guest */
    }
    if (q->pa.v > UINT64_MAX - span) {
        return false;
    }
    if (q->pa.v + span > reach) {
        *unsure = (q->flags & PTW_EDIT_LARGE) != 0;
        return *unsure;
    }
    return true;
}

/* What ptw_rebuild_init has to say; *unsure, when it may refuse all the same. */
static bool options_are_right(const struct fc_guest *g, bool *unsure)
{
    const struct ptw_rebuild_options *o = &g->o;
    uint64_t last = 0;
    uint64_t gap;
    uint64_t gap_end;

    if ((o->flags & PTW_REBUILD_TABLES_APART) != 0 &&
        (o->tables_base.v % page_bytes(&guest) != 0 ||
         o->tables_base.v >> g->w->regime.pa_bits != 0)) {
        return false;
    }

    if ((o->flags & PTW_REBUILD_REFUSE_MARKED) != 0 &&
        (o->flags & PTW_REBUILD_CLEAR_MARKED) != 0) {
        return false;
    }
    if (o->base.v % page_bytes(&guest) != 0 || o->first.v > o->last.v ||
        o->first.v % page_bytes(&guest) != 0 ||
        o->last.v % page_bytes(&guest) != page_mask(&guest) ||
        o->base.v >> g->w->regime.pa_bits != 0) {
        return false;
    }
    if ((o->flags & (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) !=
            0 &&
        oracle_writes(&g->w->mode, false, 0)) {
        return false;
    }
    for (size_t i = 0; i < o->leave_outs; i++) {
        const struct ptw_va_range *r = &g->leave_out[i];

        if (r->first.v > r->last.v || r->first.v % page_bytes(&guest) != 0 ||
            r->last.v % page_bytes(&guest) != page_mask(&guest) ||
            (i > 0 && r->first.v <= last)) {
            return false;
        }
        last = r->last.v;
    }
    oracle_gap(&g->w->mode, &gap, &gap_end);
    if (fc_kept(g, 0, gap - 1) == PTW_COVER_NONE &&
        (gap_end == UINT64_MAX ||
         fc_kept(g, gap_end + 1, UINT64_MAX) == PTW_COVER_NONE)) {
        return false;
    }
    for (size_t i = 0; i < o->maps; i++) {
        const struct ptw_map_request *q = &g->map[i];

        if (q->first.v > q->last.v ||
            fc_kept(g, q->first.v, q->last.v) != PTW_COVER_NONE ||
            !map_is_right(g->w, q, unsure)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (q->first.v <= g->map[j].last.v &&
                g->map[j].first.v <= q->last.v) {
                return false;
            }
        }
    }
    return true;
}

/* ------------------------------------------------------------------ the law */

/* How near an input comes to what the law allows: one of these is set for each
 * two hundredth part of it, and libFuzzer keeps an input that sets another. */
enum step { PLAN, MAKE, COMPARE, STEPS };

enum { SCORES = 200 };

__attribute__((used, section("__libfuzzer_extra_counters"))) static uint8_t
    scored[STEPS][SCORES + 1];

/* What the law allows: README.md.  Everything is counted here, but the tables
 * that the walks entered, which the targets of walks check. */
static uint64_t lawful(const struct fc_guest *g, uint64_t tables,
                       uint64_t new_bytes)
{
    uint64_t cuts = 2 * (uint64_t)g->w->roots * (g->o.leave_outs + 1);
    uint64_t pages = new_bytes / page_bytes(&guest) + 1;

    for (unsigned i = 0; i < g->w->regions; i++) {
        pages += (g->w->region[i].last / page_bytes(&guest)) -
                 (g->w->region[i].first / page_bytes(&guest)) + 2;
    }
    return 8 * g->w->entries * tables + (32 + 2 * cuts) * pages;
}

static void check_work(enum step step, uint64_t work, uint64_t most)
{
    static const char *const name[STEPS] = {"the plan", "the making",
                                            "the comparison"};
    static uint64_t worst[STEPS];
    uint64_t score = work / (most / SCORES + 1);

    if (work > most) {
        fz_fail("%s takes %llu steps, and the law allows %llu", name[step],
                HEX(work), HEX(most));
    }
    scored[step][score] = 1;
    if (score > worst[step] && getenv("PTW_WORST") != NULL) {
        printf("worst: %s, %llu of %llu steps\n", name[step],
               (unsigned long long)work, (unsigned long long)most);
        fflush(stdout);
    }
    worst[step] = score > worst[step] ? score : worst[step];
}

/* The work of the walk that ended last. */
static void check_reads(const struct fc_guest *g, const struct ptw_rebuild *rb,
                        uint64_t besides, const char *what)
{
    struct ptw_walk_stats s = ptw_walk_counts(&rb->walk);

    if ((rb->o.max_reads != 0 && s.reads > rb->o.max_reads) ||
        s.reads > s.tables * g->w->entries) {
        fz_fail("%s: %llu reads of %llu tables, %llu were allowed", what,
                HEX(s.reads), HEX(s.tables), HEX(rb->o.max_reads));
    }
    if (g->reads > s.reads + besides) {
        fz_fail("%s: %llu reads, the walk counts %llu, and %llu besides", what,
                HEX(g->reads), HEX(s.reads), HEX(besides));
    }
}

/* The plan refused a leaf: there is one where it says, and it was asked to. */
static void check_refusal(struct fc_guest *g, const struct ptw_rebuild *rb,
                          const struct manner *how)
{
    uint32_t space = 0;
    ptw_va va = {0};

    if ((rb->o.flags & PTW_REBUILD_REFUSE_MARKED) == 0 ||
        !ptw_rebuild_bad_mark(rb, &space, &va) ||
        (!how->changes && !fc_marked(g, space, va.v))) {
        fz_fail("the plan refuses a marked leaf at %llx of space %u", HEX(va.v),
                (unsigned)space);
    }
}

/* Whether the new pages and tables, as they are counted, have an address in
 * common. */
static bool overlap(const struct ptw_rebuild *rb)
{
    uint64_t tables = rb->counts.bytes - rb->counts.page_bytes;
    uint64_t pages = rb->counts.page_bytes;

    return (rb->o.flags & PTW_REBUILD_TABLES_APART) != 0 && pages > 0 &&
           tables > 0 &&
           (rb->o.tables_base.v >= rb->o.base.v
                ? rb->o.tables_base.v - rb->o.base.v < pages
                : rb->o.base.v - rb->o.tables_base.v < tables);
}

static enum ptw_status plan(struct fc_guest *g, struct ptw_rebuild *rb,
                            const struct manner *how, bool *no_storage)
{
    enum ptw_status st;
    unsigned i = 0;
    size_t map;

    *no_storage = false;
    for (;; i++) {
        st = ptw_rebuild_plan(rb);
        if (st != PTW_E_SPACE) {
            break;
        }
        if (i > 1000) {
            fz_fail("the plan does not come to its end");
        }
        if (!give(rb, NULL, how->growth, how->most_storage)) {
            *no_storage = true;
            return st;
        }
    }
    switch ((int)st) {
    case PTW_OK:
        if (!how->changes && rb->mem->ctx == g) {
            bool compares =
                (g->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) != 0;
            uint64_t entries =
                ptw_walk_counts(&rb->walk).tables * g->w->entries;
            /* An entry that names what there was no room for is read again. */
            uint64_t besides =
                g->o.absent.policy > PTW_ABSENT_CLEAR ? entries + i : 0;

            check_reads(g, rb, compares ? UINT64_MAX / 2 : besides, "the plan");
        }
        break;
    case PTW_E_LIMIT:
        if (rb->o.max_reads == 0 ||
            (rb->o.max_bytes == 0 &&
             ptw_walk_counts(&rb->walk).reads < rb->o.max_reads)) {
            fz_fail("the plan stops at a limit that it has not");
        }
        break;
    case PTW_E_WIDTH:
        break;
    case PTW_E_OVERLAP:
        if (!overlap(rb)) {
            fz_fail("the plan says that pages and tables overlap");
        }
        break;
    case PTW_E_RIGHTS:
        if (!ptw_rebuild_bad_map(rb, &map) || map >= g->o.maps) {
            fz_fail("the plan refuses a map that there is not");
        }
        break;
    case PTW_E_MARKED:
        check_refusal(g, rb, how);
        break;
    case PTW_E_ALIGN:
    case PTW_E_BUS:
        break;
    default:
        fz_fail("the plan says: %s", ptw_status_text(st));
    }
    if (!how->changes && rb->mem->ctx == g) {
        check_work(PLAN, rb->work,
                   lawful(g, ptw_walk_counts(&rb->walk).tables, 0));
    }
    return st;
}

static enum ptw_status copy(struct fc_guest *g, struct ptw_rebuild *rb,
                            const struct manner *how, struct fc_image *m,
                            bool *full)
{
    struct sink s = {
        .m = m,
        .page_bytes = rb->counts.page_bytes,
        .next = m->base,
        .refuse_at = how->refuse_at,
        .refuse_times = how->refuse_times,
        .changes = how->changes,
    };
    enum ptw_status st;
    unsigned refused;

    m->pages = 0;
    g->reads = 0;
    do {
        refused = s.refuse_times;
        st = ptw_rebuild_copy(rb, &page_sink, &s);
        if (st == PTW_E_READONLY && s.refuse_times == refused) {
            fz_fail("the sink did not refuse");
        }
        if (st == PTW_E_READONLY &&
            (rb->where.v % page_bytes(&guest) != 0 ||
             !fc_readable(g, rb->where.v)) &&
            !how->changes && rb->mem->ctx == g) {
            fz_fail("the sink refused %llx", HEX(rb->where.v));
        }
    } while (st == PTW_E_READONLY && !s.full);
    *full = s.full;
    if (s.full && st != PTW_E_SPACE) {
        fz_fail("the sink refused, and the copy says: %s", ptw_status_text(st));
    }
    if (st != PTW_OK && !s.full && st != PTW_E_LIMIT && st != PTW_E_WIDTH &&
        (st != PTW_E_OVERLAP || !overlap(rb)) &&
        (st != PTW_E_CHANGED || !how->changes)) {
        fz_fail("the copy says: %s", ptw_status_text(st));
    }
    return st;
}

static enum ptw_status tables(struct fc_guest *g, struct ptw_rebuild *rb,
                              const struct ptw_rebuild_options *o,
                              const struct manner *how, struct fc_image *m)
{
    struct ptw_region region = {{0}, {0}, NULL, !how->read_only};
    struct ptw_mem to;
    size_t room;
    enum ptw_status st;

    m->bytes = rb->counts.bytes;
    m->page_bytes = rb->counts.page_bytes;
    m->tables_at = (o->flags & PTW_REBUILD_TABLES_APART) != 0
                       ? o->tables_base.v
                       : m->base + rb->counts.page_bytes;
    if (overlap(rb)) {
        fz_fail("pages and tables overlap");
    }
    if (ptw_rebuild_tables_at(rb).v != m->tables_at) {
        fz_fail("the tables are at %llx", HEX(ptw_rebuild_tables_at(rb).v));
    }
    m->table_bytes = (size_t)(rb->counts.bytes - rb->counts.page_bytes);
    room = m->table_bytes - (how->no_room ? (size_t)page_bytes(&guest) / 2 : 0);
    m->tables = exactly(m->table_bytes);
    memset(m->tables, 0xA7, m->table_bytes);
    region.first.v = m->tables_at;
    region.last.v = m->tables_at + room - 1;
    region.host = how->direct ? m->tables : NULL;
    st = how->direct ? ptw_mem_init_regions(&to, &region, 1)
                     : ptw_mem_init_callbacks(&to, &image_ops, m, &region, 1);
    if (st != PTW_OK) {
        fz_fail("the new memory is refused");
    }
    g->reads = 0;
    st = ptw_rebuild_tables(rb, &to, m->root);
    if (st != PTW_OK) {
        return st;
    }
    if (rb->counts.bytes > m->bytes || rb->counts.tables == 0 ||
        rb->counts.bytes !=
            rb->counts.page_bytes + rb->counts.tables * table_place(&guest)) {
        fz_fail("the image has %llu bytes", HEX(rb->counts.bytes));
    }
    if (!how->changes && rb->mem->ctx == g) {
        check_reads(g, rb, rb->counts.tables * g->w->entries, "the tables");
    }
    m->bytes = rb->counts.bytes;
    m->table_bytes = (size_t)(rb->counts.bytes - rb->counts.page_bytes);
    m->counts = rb->counts;
    for (unsigned i = 0; i < g->w->roots; i++) {
        if (m->root[i].v % table_place(&guest) != 0 ||
            m->root[i].v < m->tables_at ||
            m->root[i].v - m->tables_at >= m->table_bytes ||
            m->root[i].v >> g->w->mode.format->root_pa_bits(&g->w->mode) != 0) {
            fz_fail("the new root %llx", HEX(m->root[i].v));
        }
    }
    return st;
}

/* Rebuilds; false when there is no image, for a reason that is right. */
static bool make_image(struct fc_guest *g, const struct ptw_mem *mem,
                       const ptw_pa *root, const struct ptw_rebuild_options *o,
                       const struct manner *how, struct ptw_rebuild *rb,
                       struct fc_image *m)
{
    const struct fz_world *w = g->w;
    bool unsure = false;
    bool stop;
    uint64_t planned;
    enum ptw_status st =
        ptw_rebuild_init(rb, &w->regime, mem, root, w->roots, o);

    m->base = o->base.v;
    m->tables = NULL;
    m->extra_at = 0;
    if ((st == PTW_OK) != options_are_right(g, &unsure) &&
        (st == PTW_OK || !unsure)) {
        fz_fail("a rebuild begins: %s", ptw_status_text(st));
    }
    if (st != PTW_OK) {
        if (st != PTW_E_ALIGN && st != PTW_E_WIDTH && st != PTW_E_RANGE &&
            st != PTW_E_OVERLAP && st != PTW_E_REGIME && st != PTW_E_RIGHTS &&
            st != PTW_E_ARG && st != PTW_NOT_CANONICAL) {
            fz_fail("a rebuild begins: %s", ptw_status_text(st));
        }
        if (ptw_rebuild_plan(rb) != PTW_E_ARG) {
            fz_fail("a rebuild that did not begin has a plan");
        }
        return false;
    }
    if (ptw_rebuild_copy(rb, &page_sink, NULL) != PTW_E_ARG ||
        ptw_rebuild_tables(rb, mem, m->root) != PTW_E_ARG) {
        fz_fail("steps of a rebuild out of turn");
    }
    st = plan(g, rb, how, &stop);
    if (st == PTW_E_ALIGN || st == PTW_E_BUS) {
        unsigned bad = ptw_rebuild_bad_root(rb);
        uint64_t pa = bad < w->roots ? root[bad].v : 0;
        uint64_t bytes = oracle_table_bytes(w->mode.format, w->levels - 1);

        if (bad >= w->roots ||
            st != (pa % bytes != 0 ? PTW_E_ALIGN : PTW_E_BUS) ||
            (st == PTW_E_BUS && fc_cover(g, pa, bytes) != PTW_COVER_NONE)) {
            fz_fail("the plan says of the root %llx: %s", HEX(pa),
                    ptw_status_text(st));
        }
    }
    if (stop || st != PTW_OK ||
        rb->counts.pages > FC_PAGES * FZ_PAGE / page_bytes(g) ||
        rb->counts.tables > FC_TABLES) {
        return false;
    }
    planned = rb->work;
    if (how->changes) {
        fz_world_stir(g->w, g->w->restless / 16);
    }
    st = copy(g, rb, how, m, &stop);
    if (st != PTW_OK || stop || rb->counts.tables > FC_TABLES) {
        return false;
    }
    if (how->changes) {
        fz_world_stir(g->w, g->w->restless / 16);
    }
    st = tables(g, rb, o, how, m);
    if (st == PTW_OK && !how->changes && rb->mem->ctx == g) {
        check_work(
            MAKE, rb->work - planned,
            2 * lawful(g, ptw_walk_counts(&rb->walk).tables + rb->counts.tables,
                       m->bytes));
    }
    if (st == PTW_OK) {
        return true;
    }
    if (!(how->changes && st == PTW_E_CHANGED) &&
        !(how->no_room && st == PTW_E_BUS) &&
        !(how->read_only && st == PTW_E_READONLY)) {
        fz_fail("the tables: %s", ptw_status_text(st));
    }
    return false;
}

/* ----------------------------------------------------------------- verifying */

static enum ptw_status
compare_memory(struct fc_guest *g, const struct ptw_mem *mem,
               const ptw_pa *root, const struct ptw_mem *now,
               const ptw_pa *now_root, const struct ptw_verify_options *o,
               unsigned growth, struct ptw_certificate *c)
{
    struct ptw_verify *v = &verify;
    enum ptw_status st = ptw_verify_init(v, &g->w->regime, mem, root, now,
                                         now_root, g->w->roots, o);

    if (st != PTW_OK) {
        fz_fail("a comparison is refused: %s", ptw_status_text(st));
    }
    for (unsigned i = 0;; i++) {
        st = ptw_verify_run(v);
        if (st != PTW_E_SPACE) {
            break;
        }
        if (i > 1000) {
            fz_fail("a comparison does not come to its end");
        }
        if (!give(NULL, v, growth, FC_STORE)) {
            break;
        }
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(v, i));
    }
    if (st != PTW_OK && st != PTW_DIFFERENT && st != PTW_E_LIMIT &&
        st != PTW_E_SPACE) {
        fz_fail("a comparison says: %s", ptw_status_text(st));
    }
    if ((st == PTW_DIFFERENT) != (v->difference.kind != PTW_DIFFERS_NOT)) {
        fz_fail("a comparison says: %s, %s", ptw_status_text(st),
                ptw_difference_text(v->difference.kind));
    }
    if (st != PTW_E_SPACE && ptw_verify_run(v) != PTW_E_ARG) {
        fz_fail("a comparison that is over goes on");
    }
    *c = v->certificate;
    return st;
}

static enum ptw_status compare(struct fc_guest *g, const struct ptw_mem *mem,
                               struct fc_image *m, uint64_t seed,
                               unsigned growth, struct ptw_certificate *c)
{
    struct ptw_verify_options o = ptw_verify_options_of(&g->o);
    struct ptw_region region[IMAGE_REGIONS];
    struct ptw_mem now;
    enum ptw_status st;

    o.seed = seed;
    image_memory(m, &now, region);
    st = compare_memory(g, mem, g->root, &now, m->root, &o, growth, c);
    if (!g->changes) {
        uint64_t tables = ptw_walk_counts(&verify.side[0].walk).tables +
                          ptw_walk_counts(&verify.side[1].walk).tables;

        check_work(COMPARE, verify.work, 4 * lawful(g, tables, m->bytes));
    }
    return st;
}

static void certified(const char *what, uint64_t is, uint64_t counted)
{
    if (is != counted) {
        fz_fail("the certificate has %llu %s, the image %llu", HEX(is), what,
                HEX(counted));
    }
}

/* The certificate of an image that is right. */
static void check_certificate(const struct fc_guest *g,
                              const struct fc_image *m,
                              const struct ptw_certificate *c)
{
    const struct ptw_rebuild_counts *k = &m->counts;
    const uint64_t *dropped = k->dropped;

    certified("spaces", c->spaces, k->spaces);
    certified("aliases", c->aliases, k->aliases);
    if (g->o.maps == 0 && k->split == 0) {
        certified("tables", c->tables, k->tables);
    }
    /* What is left of a large page that an entry named. */
    if (g->refuses == 0 || k->absent_unknown == 0) {
        certified("pages", c->pages, k->pages + k->merged);
    }
    certified("entries kept", c->absent_kept, k->absent_kept);
    certified("entries cleared", c->absent_cleared, k->absent_cleared);
    certified("entries followed", c->absent_followed, k->absent_followed);
    certified("entries unknown", c->absent_unknown, k->absent_unknown);
    certified("leaves marked before", c->marked_before, k->marked_before);
    certified("pages in part", c->partial, 0);
    certified("dropped", c->dropped,
              dropped[PTW_DROP_OUTSIDE] + dropped[PTW_DROP_PARTIAL] +
                  dropped[PTW_DROP_UNREADABLE]);
    certified("outside", c->outside, 0);
    certified("bad", c->bad,
              dropped[PTW_DROP_BAD_ENTRY] + dropped[PTW_DROP_TABLE] +
                  dropped[PTW_DROP_SELF]);
}

/* ------------------------------------------------------------------ spoiling */

/* Which entries of a table are chosen from. */
enum kind { PRESENT, ABSENT, ABSENT_NOT_0 };

static bool is_kind(const struct fz_world *w, const uint8_t *entry,
                    enum kind kind)
{
    uint64_t raw = get_at(entry, w->entry_bytes);
    bool present = oracle_present(&w->mode, 0, raw);

    return kind == PRESENT  ? present
           : kind == ABSENT ? !present
                            : !present && raw != 0;
}

/* The k-th entry of that kind; NULL: there is none. */
static uint8_t *nth_entry(const struct fz_world *w, uint8_t *table, unsigned k,
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
    uint64_t raw = get_at(entry, n);
    uint64_t was = oracle_table_address(mode, raw ^ flip);
    const uint8_t *page = fc_page(m, was);
    uint64_t at = image_end(m);

    if (page == NULL ||
        oracle_table_address(mode, mode->format->put_table(mode, at)) != at ||
        at >> g->w->regime.pa_bits != 0) {
        return;
    }
    m->extra_bytes = table_place(g);
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
    put_at(entry, n,
           (raw & ~mask) | (mode->format->put_table(mode, at) ^ flip));
}

/* What is not present, and names a page that may be written and was accessed. */
static uint64_t names_a_page(const struct fz_world *w)
{
    const struct oracle_format *f = w->mode.format;

    return (f->systems != NULL ? f->systems->linux_none : 0) | f->accessed |
           oracle_write_bit(&w->mode, 0);
}

static void spoil(struct fc_guest *g, struct fc_image *m,
                  const struct input *input)
{
    const struct fz_world *w = g->w;
    unsigned n = w->entry_bytes;
    const struct oracle_format *f = w->mode.format;
    uint64_t mask = f->table_bits(&w->mode);
    const uint8_t *at = input->spoil_at;
    uint8_t *table =
        m->tables + (size_t)(at[0] % m->counts.tables) * table_place(&guest);
    bool named = (input->options & OPT_ABSENT_SPOIL) != 0;
    enum kind kind = named ? ABSENT_NOT_0 : PRESENT;
    uint64_t flip = named && inverts(g) ? mask : 0;
    uint8_t *entry = nth_entry(w, table, at[1], kind);
    uint8_t *other = nth_entry(w, table, at[2], kind);
    uint8_t *absent = nth_entry(w, table, at[2], ABSENT);
    uint64_t raw = entry != NULL ? get_at(entry, n) : 0;
    uint64_t raw_2 = other != NULL ? get_at(other, n) : 0;

    if (input->spoil == SPOIL_ADD) {
        raw = m->tables_at +
              (uint64_t)(at[1] % m->counts.tables) * table_place(&guest);
        raw = f->put_table(&w->mode, raw);
        if (absent != NULL) {
            put_at(absent, n,
                   (inverts(g) ? ~raw & mask : raw) | names_a_page(w));
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
        put_at(entry, n, raw ^ (uint64_t)1 << at[2] % (8 * n));
        break;
    case SPOIL_REPEAT:
        put_at(entry, n, (raw & ~mask) | (raw_2 & mask));
        break;
    case SPOIL_COPY:
        copy_out(g, m, entry, flip);
        break;
    case SPOIL_MORE:
        if (absent != NULL) {
            put_at(absent, n, raw);
        }
        break;
    case SPOIL_REMOVE:
        put_at(entry, n, 0);
        break;
    case SPOIL_SWAP:
        put_at(entry, n, raw_2);
        put_at(other, n, raw);
        break;
    case SPOIL_FRAME:
        raw_2 = at[2] < 128 || m->pages == 0
                    ? m->tables_at + (uint64_t)(at[2] % m->counts.tables) *
                                         table_place(&guest)
                    : m->at[at[2] % m->pages];
        put_at(entry, n,
               (raw & ~mask) | (f->put_table(&w->mode, raw_2) ^ flip));
        break;
    case SPOIL_NOT:
    case SPOIL_PAGE:
    case SPOIL_ADD:
        break;
    }
}

/* ------------------------------------------------------------------- in all */

static void same_images(const struct fc_image *a, const struct fc_image *b,
                        unsigned roots, const char *what)
{
    if (a->bytes != b->bytes || a->counts.page_bytes != b->counts.page_bytes ||
        a->pages != b->pages) {
        fz_fail("%s has %llu bytes, %llu of pages, %u of them given; not "
                "%llu, %llu, %u",
                what, HEX(b->bytes), HEX(b->counts.page_bytes), b->pages,
                HEX(a->bytes), HEX(a->counts.page_bytes), a->pages);
    }
    for (unsigned i = 0; i < a->pages; i++) {
        if (a->at[i] != b->at[i] ||
            memcmp(a->page[i], b->page[i], FZ_PAGE) != 0) {
            fz_fail("%s has another page %llx", what, HEX(b->at[i]));
        }
    }
    for (size_t i = 0; i < a->table_bytes; i++) {
        if (a->tables[i] != b->tables[i]) {
            fz_fail("%s differs in its tables at %llx", what,
                    HEX(b->tables_at + i));
        }
    }
    for (unsigned i = 0; i < roots; i++) {
        if (a->root[i].v != b->root[i].v) {
            fz_fail("%s has the root %llx, not %llx", what, HEX(b->root[i].v),
                    HEX(a->root[i].v));
        }
    }
}

/* Another seed, other storage, other accessors: the same bytes. */
static void check_again(struct fc_guest *g, const struct manner *how)
{
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_rebuild_options o = g->o;
    struct manner again = *how;

    offer(g, !g->lends, &mem, region);
    o.seed = ~o.seed * 3;
    again.growth = ~again.growth;
    again.refuse_times = 0;
    again.direct = !again.direct;
    again.most_storage = FC_STORE;
    if (!make_image(g, &mem, g->root, &o, &again, &rebuild, &image[1])) {
        fz_fail("the same guest can't be rebuilt again");
    }
    same_images(&image[0], &image[1], g->w->roots, "the same image");
    if (memcmp(&image[0].counts, &image[1].counts, sizeof image[0].counts) !=
        0) {
        fz_fail("the same guest is counted in another way");
    }
    free_storage(&rebuild);
    image_done(&image[1]);
}

/* What was rebuilt is rebuilt. */
static void check_fixed_point(struct fc_guest *g, const struct manner *how)
{
    const struct ptw_rebuild_counts *c = &image[0].counts;
    struct ptw_region region[IMAGE_REGIONS];
    struct ptw_mem mem;
    struct ptw_rebuild_options o = g->o;
    struct manner again = *how;

    /* What was unknown may be in the new memory. */
    if (o.maps > 0 || c->split > 0 || c->dropped[PTW_DROP_UNREADABLE] > 0 ||
        c->absent_unknown > 0) {
        return;
    }
    image_memory(&image[0], &mem, region);
    o.flags &= PTW_REBUILD_ZEROS | PTW_REBUILD_TABLES_APART;
    again.refuse_times = 0;
    again.most_storage = FC_STORE;
    if (!make_image(g, &mem, image[0].root, &o, &again, &rebuild, &image[1])) {
        fz_fail("the new image can't be rebuilt");
    }
    same_images(&image[0], &image[1], g->w->roots, "the image of the image");
    free_storage(&rebuild);
    image_done(&image[1]);
}

/* The guest is the same as itself.  As a guest of which one byte is another one,
 * it is not, when the byte can be read; when it can't, nobody knows. */
static void check_itself(struct fc_guest *g, const struct ptw_mem *mem,
                         const struct manner *how, const struct input *input)
{
    static struct fc_guest other;
    const uint8_t *at = input->spoil_at;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem changed;
    struct ptw_certificate c;
    struct ptw_certificate again;
    struct ptw_verify_options o = {
        .last = {UINT64_MAX},
        .max_reads = g->o.max_reads,
        .seed = g->o.seed,
    };
    enum ptw_status st =
        compare_memory(g, mem, g->root, mem, g->root, &o, how->growth, &c);
    uint64_t page;

    if (st == PTW_DIFFERENT) {
        fz_fail("the guest is not the same as itself: %s at %llx",
                ptw_difference_text(verify.difference.kind),
                HEX(verify.difference.va.v));
    }
    if (st != PTW_OK || !fc_mapped(g, at[0], &page)) {
        return;
    }
    other = *g;
    other.known = false;
    other.flipped = page + ((unsigned)at[1] << 4 | at[2] >> 4);
    other.flip = (uint8_t)(1 << (at[2] & 7));
    make_host(&other);
    offer(&other, g->lends, &changed, region);
    st = compare_memory(g, mem, g->root, &changed, g->root, &o, how->growth,
                        &again);
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        free(other.host[i]);
    }
    if (!fc_readable_byte(g, other.flipped) &&
        (st == PTW_DIFFERENT ||
         (st == PTW_OK && memcmp(&c, &again, sizeof c) != 0))) {
        fz_fail("the byte at %llx can't be read, and makes a difference",
                HEX(other.flipped));
    }
    if (fc_readable_byte(g, other.flipped) && st == PTW_OK) {
        fz_fail("the byte at %llx differs, and nobody says so",
                HEX(other.flipped));
    }
}

/* Where nothing was left out, and nothing became another thing, the guest is as
 * good an image of the image. */
static void check_backwards(struct fc_guest *g, const struct ptw_mem *mem,
                            const struct manner *how)
{
    const struct ptw_rebuild_counts *k = &image[0].counts;
    struct ptw_region region[IMAGE_REGIONS];
    struct ptw_mem now;
    struct ptw_certificate c;
    struct ptw_verify_options o = {
        .last = {UINT64_MAX},
        .max_reads = g->o.max_reads,
        .seed = g->o.seed,
    };

    if (!fc_plain || (g->o.flags & ~(unsigned)PTW_REBUILD_TABLES_APART) != 0 ||
        g->o.leave_outs > 0 || g->o.maps > 0 || g->o.first.v != 0 ||
        g->o.last.v != UINT64_MAX || g->o.absent.policy != PTW_ABSENT_KEEP ||
        g->refuses > 0 || k->split > 0) {
        return;
    }
    for (unsigned i = 0; i < PTW_DROPS; i++) {
        if (k->dropped[i] > 0) {
            return;
        }
    }
    image_memory(&image[0], &now, region);
    if (compare_memory(g, &now, image[0].root, mem, g->root, &o, how->growth,
                       &c) == PTW_DIFFERENT) {
        fz_fail("the guest is not the image: %s at %llx",
                ptw_difference_text(verify.difference.kind),
                HEX(verify.difference.va.v));
    }
}

/* How many pages of memory are in the image; each is asked about. */
static uint64_t pages_known(const struct fc_guest *g, struct ptw_rebuild *rb)
{
    const struct fz_world *w = g->w;
    uint64_t known = 0;

    for (unsigned i = 0; i < w->regions; i++) {
        for (uint64_t page = w->region[i].first / page_bytes(&guest);
             page <= w->region[i].last / page_bytes(&guest); page++) {
            bool seen = false;
            ptw_pa now;

            for (unsigned k = 0; k < i; k++) {
                seen =
                    seen || (page >= w->region[k].first / page_bytes(&guest) &&
                             page <= w->region[k].last / page_bytes(&guest));
            }
            known += !seen &&
                     ptw_rebuild_page(rb, ptw_pa_of(page * page_bytes(&guest)),
                                      &now) == PTW_OK;
        }
    }
    return known;
}

/* ptw_rebuild_pages gives all pages of the image, and nothing else, as far as
 * they go on, from wherever it is asked. */
static void check_pages(const struct fc_guest *g, struct ptw_rebuild *rb)
{
    uint64_t from = 0;
    uint64_t count = 0;
    uint64_t bytes;
    ptw_pa old;
    ptw_pa now;
    enum ptw_status st;

    while ((st = ptw_rebuild_pages(rb, ptw_pa_of(from), &old, &now, &bytes)) ==
           PTW_OK) {
        uint64_t half = bytes / page_bytes(&guest) / 2 * page_bytes(&guest);
        uint64_t rest = 0;
        ptw_pa is;
        ptw_pa again;

        if (old.v < from || bytes == 0 ||
            (old.v | bytes) % page_bytes(&guest) != 0) {
            fz_fail("the pages from %llx on: %llx bytes at %llx", HEX(from),
                    HEX(bytes), HEX(old.v));
        }
        for (uint64_t at = 0; at <= bytes; at += page_bytes(&guest)) {
            st = ptw_rebuild_page(rb, ptw_pa_of(old.v + at), &is);
            if ((st == PTW_OK && is.v == now.v + at) != (at < bytes)) {
                fz_fail("the pages at %llx go on for %llx bytes; not at %llx",
                        HEX(old.v), HEX(bytes), HEX(at));
            }
        }
        if (ptw_rebuild_pages(rb, ptw_pa_of(old.v + half + 5), &again, &is,
                              &rest) != PTW_OK ||
            again.v != old.v + half || is.v != now.v + half ||
            rest != bytes - half) {
            fz_fail("the pages from the middle of those at %llx on",
                    HEX(old.v));
        }
        count += bytes / page_bytes(&guest);
        from = old.v + bytes;
    }
    if (st != PTW_END) {
        fz_fail("the pages: %s", ptw_status_text(st));
    }
    if (lawful(g, 0, 0) <= (uint64_t)40 * 16384 &&
        count != pages_known(g, rb)) {
        fz_fail("%llu pages are listed, and there are others", HEX(count));
    }
}

/* A rebuilt image of a guest that did not change. */
static void check_image(struct fc_guest *g, const struct ptw_mem *mem,
                        const struct manner *how, const struct input *input)
{
    struct fc_image *m = &image[0];
    struct ptw_certificate c;
    struct ptw_certificate again;
    bool unsure;
    enum ptw_status st = compare(g, mem, m, g->o.seed, how->growth, &c);

    if (st == PTW_DIFFERENT) {
        const struct ptw_difference *d = &verify.difference;

        fz_fail("the image is right, and the verifier says: %s, space %u, "
                "%llx; %llx %llx %x, %llx %llx %x",
                ptw_difference_text(d->kind), (unsigned)d->space, HEX(d->va.v),
                HEX(d->old_pa.v), HEX(d->old_raw), d->old_rights,
                HEX(d->new_pa.v), HEX(d->new_raw), d->new_rights);
    }
    if (st == PTW_OK) {
        check_certificate(g, m, &c);
        fz_note(c.digest[0]);
        fz_note(c.digest[1]);
    }
    (void)fc_same(g, m, &rebuild, &unsure);
    check_pages(g, &rebuild);
    free_storage(&rebuild);
    memset(&rebuild, 0, sizeof rebuild);
    if (st == PTW_OK && (g->w->thorough || (g->w->seed >> 32) % 4 == 0)) {
        if (compare(g, mem, m, ~g->o.seed, ~how->growth, &again) == PTW_OK &&
            memcmp(&c, &again, sizeof c) != 0) {
            fz_fail("another seed gives another certificate");
        }
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 1) {
        check_again(g, how);
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 2) {
        check_fixed_point(g, how);
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 3) {
        check_itself(g, mem, how, input);
        check_backwards(g, mem, how);
    }
    if (st != PTW_OK || input->spoil == SPOIL_NOT) {
        return;
    }
    spoil(g, m, input);
    st = compare(g, mem, m, g->o.seed, how->growth, &c);
    if (st == PTW_OK && !fc_same(g, m, NULL, &unsure) && !unsure) {
        fz_fail("the verifier finds no difference: %s: at %llx it was %llx "
                "and is %llx",
                fc_difference.what, HEX(fc_difference.va),
                HEX(fc_difference.was), HEX(fc_difference.is));
    }
}

/* What the plan refused for a marked leaf is made when such leaves are kept.  The
 * comparison then refuses it, unless what they map could not be read. */
static void check_refused(struct fc_guest *g, const struct ptw_mem *mem,
                          const struct manner *how)
{
    struct fc_image *m = &image[0];
    struct ptw_certificate c;
    enum ptw_status st;

    g->reads = 0;
    g->o.flags &= ~(unsigned)PTW_REBUILD_REFUSE_MARKED;
    if (make_image(g, mem, g->root, &g->o, how, &rebuild, m)) {
        bool kept = m->counts.marked_before > 0;

        g->o.flags |= PTW_REBUILD_REFUSE_MARKED;
        st = compare(g, mem, m, g->o.seed, how->growth, &c);
        if ((st == PTW_OK && kept) ||
            (st == PTW_DIFFERENT &&
             (!kept || verify.difference.kind != PTW_DIFFERS_POLICY))) {
            fz_fail("the image has %llu marked leaves, and the verifier says: "
                    "%s",
                    HEX(m->counts.marked_before),
                    ptw_difference_text(verify.difference.kind));
        }
    }
    free_storage(&rebuild);
}

void fz_compact(const uint8_t *data, size_t len)
{
    static struct input input;
    struct fc_guest *g = &guest;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct manner how;

    read_input(g, &input, data, len);
    image[0].page = image_pages[0];
    image[1].page = image_pages[1];
    how.growth = input.growth;
    how.most_storage = input.most_storage;
    how.refuse_at = input.refused_first;
    how.refuse_times = input.refused_times;
    how.direct = (g->w->seed >> 40 & 1) != 0;
    how.no_room =
        (input.options & OPT_NO_ROOM) != 0 && (g->w->seed >> 41 & 1) != 0;
    how.read_only = (input.options & OPT_NO_ROOM) != 0 && !how.no_room;
    how.changes = (input.options & OPT_CHANGES) != 0;
    g->changes = how.changes;
    offer(g, g->w->memory == FZ_BORROW, &mem, region);
    if (!make_image(g, &mem, g->root, &g->o, &how, &rebuild, &image[0])) {
        bool refused =
            ptw_rebuild_bad_mark(&rebuild, &(uint32_t){0}, &(ptw_va){0});

        free_storage(&rebuild);
        if (refused && !how.changes) {
            check_refused(g, &mem, &how);
        }
    } else if (how.changes) {
        struct ptw_certificate c;

        (void)compare(g, &mem, &image[0], g->o.seed, how.growth, &c);
        free_storage(&rebuild);
    } else {
        check_image(g, &mem, &how, &input);
    }
    image_done(&image[0]);
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        free(g->host[i]);
        g->host[i] = NULL;
    }
}

/* ----------------------------------------------------------------- in words */

void fz_describe_compact(FILE *to, const uint8_t *data, size_t len)
{
    static const char *const flag[] = {"copy-on-write", "copy shared", "split",
                                       "merge", "zeros"};
    static const char *const spoiled[] = {
        "no",     "a bit of an entry", "a bit of a page", "an address twice",
        "a copy", "an entry more",     "an entry less",   "two swapped",
        "a page", "an entry added",
    };
    static const char *const limit[] = {"none", "reads", "bytes", "storage"};
    static struct input input;
    struct fc_guest *g = &guest;

    read_input(g, &input, data, len);
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        free(g->host[i]);
        g->host[i] = NULL;
    }
    fprintf(to, "rebuild: range %016" PRIx64 "-%016" PRIx64 ", base %" PRIx64,
            g->o.first.v, g->o.last.v, g->o.base.v);
    for (unsigned i = 0; i < 5; i++) {
        if ((g->o.flags >> i & 1) != 0) {
            fprintf(to, ", %s", flag[i]);
        }
    }
    fprintf(to, ", absent entries: %s%s", ptw_absent_name(g->o.absent.policy),
            (input.options & OPT_ABSENT_SPOIL) != 0 ? ", spoilt" : "");
    if ((g->o.flags & (PTW_REBUILD_CLEAR_MARKED | PTW_REBUILD_REFUSE_MARKED)) !=
        0) {
        fprintf(to, ", marked leaves are %s",
                (g->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0 ? "cleared"
                                                             : "refused");
    }
    if ((g->o.flags & PTW_REBUILD_TABLES_APART) != 0) {
        fprintf(to, ", tables at %" PRIx64, g->o.tables_base.v);
    }
    fputc('\n', to);
    for (size_t i = 0; i < g->o.leave_outs; i++) {
        fprintf(to, "    leaves out %016" PRIx64 "-%016" PRIx64 "\n",
                g->leave_out[i].first.v, g->leave_out[i].last.v);
    }
    for (size_t i = 0; i < g->o.maps; i++) {
        fprintf(to,
                "    maps %016" PRIx64 "-%016" PRIx64 " to %" PRIx64
                ", rights %x\n",
                g->map[i].first.v, g->map[i].last.v, g->map[i].pa.v,
                g->map[i].rights);
    }
    for (unsigned i = 0; i < g->refuses; i++) {
        fprintf(to, "    refuses to read %" PRIx64 "-%" PRIx64 "\n",
                g->refused[i][0], g->refused[i][1]);
    }
    fprintf(to,
            "    limit: %s %u; the sink refuses %u times from write %u on; "
            "spoilt: %s %u %u %u%s%s\n",
            limit[input.limit], input.limited_to, input.refused_times,
            input.refused_first, spoiled[input.spoil], input.spoil_at[0],
            input.spoil_at[1], input.spoil_at[2],
            (input.options & OPT_CHANGES) != 0 ? "; the guest runs" : "",
            (input.options & OPT_NO_ROOM) != 0 ? "; no room for tables" : "");
    fz_describe(to, true, data, len);
}
