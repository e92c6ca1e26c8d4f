/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to memory: the input format (README.md), and the ways to offer
 * what it describes to the library. */
#include "harness.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FZ_ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(FZ_ASAN)
#define FZ_ASAN
#endif

#ifdef FZ_ASAN
#include <sanitizer/asan_interface.h>
#endif

static _Alignas(FZ_PAGE) uint8_t pages[FZ_PAGES][FZ_PAGE];
static const _Alignas(FZ_PAGE) uint8_t zeros_page[FZ_PAGE];

void fz_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "property violated: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

uint64_t fz_digest;

void fz_note(uint64_t value)
{
    uint64_t h = (fz_digest ^ value) * 0x9E3779B97F4A7C15;

    fz_digest = h ^ h >> 29;
}

uint64_t fz_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* ------------------------------------------------------------ reading bytes */

uint8_t fz_u8(struct fz_reader *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

uint64_t fz_u64(struct fz_reader *in)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t)fz_u8(in) << 8 * i;
    }
    return v;
}

/* An index into a table of n entries out of one byte: the start, the middle
 * and the end can be named. */
static unsigned index_of(unsigned n, uint8_t b)
{
    if (b < 0x60) {
        return b;
    }
    return b < 0xA0 ? n / 2 - 0x80 + b : n - 0x100 + b;
}

/* A virtual address: an index for each level, and a byte for what is below. */
uint64_t fz_read_va(const struct fz_world *w, struct fz_reader *in)
{
    uint64_t index[4];
    uint64_t va;
    uint8_t tail;

    for (unsigned i = 4; i-- > 0;) {
        index[i] = index_of(w->entries, fz_u8(in));
    }
    tail = fz_u8(in);
    if (w->levels == 4) {
        va = index[3] << 39 | index[2] << 30 | index[1] << 21 | index[0] << 12;
        va |= (index[3] & 256) != 0 ? 0xFFFF000000000000 : 0;
        va ^= (tail & 0x80) != 0 ? (uint64_t)1 << 48 : 0;
    } else if (w->levels == 2) {
        va = index[1] << 22 | index[0] << 12;
        va |= (tail & 0x80) != 0 ? index[3] << 32 : 0;
    } else {
        va = index[3] << 42 | index[2] << 32 | index[1] << 22 | index[0] << 12;
        va |= (tail & 0x80) != 0 ? (uint64_t)1 << w->mode.pa_bits : 0;
    }
    return va | ((tail & 0x40) != 0 ? 0xFFF - (tail & 0x3F) : tail & 0x3F);
}

/* ------------------------------------------------------------------ regions */

static void add_region(struct fz_world *w, struct fz_region r)
{
    unsigned at = w->regions;

    if (r.first > r.last) {
        return;
    }
    for (unsigned i = 0; i < w->regions; i++) {
        if (r.first <= w->region[i].last && w->region[i].first <= r.last) {
            return;
        }
    }
    while (at > 0 && w->region[at - 1].first > r.first) {
        w->region[at] = w->region[at - 1];
        at--;
    }
    w->region[at] = r;
    w->regions++;
}

static void read_region(struct fz_world *w, struct fz_reader *in,
                        struct fz_region *before)
{
    uint8_t where = fz_u8(in);
    uint8_t offset = fz_u8(in);
    uint8_t length = fz_u8(in);
    uint8_t how = fz_u8(in);
    unsigned n = how >> 4;
    unsigned exponent = where & 63;
    uint64_t bytes = ((uint64_t)length + 1) * FZ_PAGE;
    uint64_t cut = (uint64_t)8 * (n + 1) - ((how & 8) != 0 ? 1 + n % 7 : 0);
    struct fz_region r;

    r.readable = exponent < 56;
    if (!r.readable) {
        exponent -= 24;
    }
    if ((how & 4) != 0) {
        bytes <<= n + 8;
    } else if (w->memory == FZ_DIRECT && bytes > FZ_DIRECT_BYTES) {
        bytes = FZ_DIRECT_BYTES;
    }
    r.first = exponent < 12 ? 0 : (uint64_t)1 << exponent;
    r.first += (uint64_t)offset * FZ_PAGE;
    if ((where & 0x40) != 0 && r.first >= bytes) {
        r.first -= bytes;
    }
    if ((where & 0x80) != 0 && before->last != UINT64_MAX) {
        r.first = before->last + 1;
    }
    if (bytes - 1 > UINT64_MAX - r.first) {
        bytes = UINT64_MAX - r.first + 1;
    }
    r.last = r.first + (bytes - 1);
    if ((how & 4) == 0) {
        r.first += (how & 1) != 0 ? cut : 0;
        r.last -= (how & 2) != 0 ? cut : 0;
    } else if (w->memory == FZ_DIRECT) {
        r.last = r.first + FZ_DIRECT_BYTES - 1;
    }
    *before = r;
    add_region(w, r);
}

/* The page that a slot names before an input says otherwise: slots go round
 * the regions. */
static uint64_t default_slot(const struct fz_world *w, unsigned slot)
{
    const struct fz_region *r = &w->region[slot % w->regions];
    uint64_t first = r->first / FZ_PAGE;

    return first + slot / w->regions % (r->last / FZ_PAGE - first + 1);
}

/* -------------------------------------------------------------------- pages */

/* Where a frame stands in the index, or would: an open hash table. */
static unsigned find_frame(const struct fz_world *w, uint64_t frame)
{
    unsigned i = (unsigned)((frame * 0x9E3779B97F4A7C15) >> 56);

    while (w->index[i] != 0 && w->frame[w->index[i] - 1] != frame) {
        i = (i + 1) % FZ_INDEX;
    }
    return i;
}

static uint8_t *page_of(const struct fz_world *w, uint64_t frame)
{
    unsigned i = w->index[find_frame(w, frame)];

    return i == 0 ? NULL : w->page[i - 1];
}

static uint8_t *page_to_write(struct fz_world *w, uint64_t frame)
{
    unsigned i = find_frame(w, frame);

    if (w->index[i] == 0 && w->pages < FZ_PAGES) {
        w->frame[w->pages] = frame;
        memset(w->page[w->pages++], 0, FZ_PAGE);
        w->index[i] = (uint8_t)w->pages;
    }
    return w->index[i] == 0 ? NULL : w->page[w->index[i] - 1];
}

static uint64_t get_entry(const struct fz_world *w, const uint8_t *page,
                          unsigned index)
{
    const uint8_t *b = page + index * w->entry_bytes;
    uint64_t raw = 0;

    for (unsigned i = 0; i < w->entry_bytes; i++) {
        raw |= (uint64_t)b[i] << 8 * i;
    }
    return raw;
}

static void set_entry(struct fz_world *w, unsigned slot, unsigned index,
                      uint64_t raw)
{
    uint8_t *page = page_to_write(w, w->slot[slot % FZ_SLOTS]);

    if (page == NULL) {
        return;
    }
    for (unsigned i = 0; i < w->entry_bytes; i++) {
        page[(index % w->entries) * w->entry_bytes + i] =
            (uint8_t)(raw >> 8 * i);
    }
}

/* ---------------------------------------------------------------------- ops */

/* The address bits of an entry that names a frame. */
static uint64_t naming(uint64_t frame)
{
    return frame << 12 & 0x000FFFFFFFFFF000;
}

/* Link flags: all rights but those that `less` takes. */
static uint64_t link_bits(unsigned less)
{
    return ((less & 1) != 0 ? (uint64_t)1 << 63 : 0) |
           (uint64_t)((less & 2) != 0 ? 0 : 2) |
           (uint64_t)((less & 4) != 0 ? 0 : 4) | 1;
}

/* Bits that one nibble adds to an entry. */
static uint64_t more_bits(unsigned n)
{
    return ((n & 1) != 0 ? (uint64_t)1 << 63 : 0) |
           (uint64_t)((n & 2) != 0 ? 0x200 : 0) |
           (uint64_t)((n & 4) != 0 ? 0x1000 : 0) |
           (uint64_t)((n & 8) != 0 ? 0x2000 : 0);
}

static unsigned read_index(const struct fz_world *w, struct fz_reader *in)
{
    return index_of(w->entries, fz_u8(in));
}

static void read_run(struct fz_world *w, struct fz_reader *in, unsigned slot,
                     unsigned n)
{
    static const uint64_t stride[4] = {0, FZ_PAGE, 0x200000,
                                       (uint64_t)0 - FZ_PAGE};
    unsigned index = read_index(w, in);
    unsigned count = fz_u8(in) + 1u;
    uint64_t value = fz_u8(in);
    uint64_t step = stride[n >> 1 & 3];

    value |= naming(w->slot[fz_u8(in) % FZ_SLOTS]);
    value |= (n & 1) != 0 ? (uint64_t)1 << 63 : 0;
    if ((n & 8) != 0) {
        count *= 2;
    }
    if (step == 0x200000) {
        step = w->levels > 1 ? (uint64_t)1 << w->mode.format->level[1].shift
                             : 0x200000;
        value &= ~(step - FZ_PAGE);
    }
    for (unsigned i = 0; i < count && index + i < w->entries; i++) {
        set_entry(w, slot, index + i, value + i * step);
    }
}

static void read_bytes(struct fz_world *w, struct fz_reader *in, unsigned slot,
                       unsigned n)
{
    size_t at = (size_t)read_index(w, in) * w->entry_bytes;
    size_t count = (fz_u8(in) + 1u) << (n & 3);
    uint8_t *page = page_to_write(w, w->slot[slot]);

    for (size_t i = 0; i < count && at + i < FZ_PAGE && in->left > 0; i++) {
        uint8_t b = fz_u8(in);

        if (page != NULL) {
            page[at + i] = b;
        }
    }
}

static void read_place(struct fz_world *w, struct fz_reader *in, unsigned n)
{
    unsigned slot = fz_u8(in) % FZ_SLOTS;
    const struct fz_region *r = &w->region[fz_u8(in) % w->regions];
    uint64_t offset = (uint64_t)fz_u8(in) << ((n & 2) != 0 ? 8 : 0);
    uint64_t first = r->first / FZ_PAGE;
    uint64_t last = r->last / FZ_PAGE;

    if ((n & 4) != 0) {
        w->slot[slot] = last + 1 + offset; /* beside the region */
        return;
    }
    offset %= last - first + 1;
    w->slot[slot] = (n & 1) != 0 ? last - offset : first + offset;
}

/* A range that is left out; none that overlaps one before. */
static void read_out(struct fz_world *w, struct fz_reader *in, uint64_t first)
{
    struct oracle_range r = {first, fz_read_va(w, in)};
    unsigned at = w->outs;

    if (r.first > r.last) {
        r.first = r.last;
        r.last = first;
    }
    if (w->outs == FZ_OUTS) {
        return;
    }
    for (unsigned i = 0; i < w->outs; i++) {
        if (r.first <= w->out[i].last && w->out[i].first <= r.last) {
            return;
        }
    }
    for (; at > 0 && w->out[at - 1].first > r.first; at--) {
        w->out[at] = w->out[at - 1];
        w->leave_out[at] = w->leave_out[at - 1];
    }
    w->out[at] = r;
    w->leave_out[at].first.v = r.first;
    w->leave_out[at].last.v = r.last;
    w->outs++;
}

static void read_op(struct fz_world *w, struct fz_reader *in, unsigned *slot)
{
    uint8_t op = fz_u8(in);
    unsigned n = op >> 4;
    unsigned index;
    unsigned other;
    uint64_t value;
    uint8_t *page;
    const uint8_t *from;

    switch (op & 15) {
    case 0: /* select */
        *slot = fz_u8(in) % FZ_SLOTS;
        break;
    case 1: /* entry: index, low byte, slot */
        index = read_index(w, in);
        value = fz_u8(in) | more_bits(n);
        set_entry(w, *slot, index,
                  value | naming(w->slot[fz_u8(in) % FZ_SLOTS]));
        break;
    case 2: /* link: index, slot */
        index = read_index(w, in);
        value = link_bits(n) & ((n & 8) != 0 ? ~(uint64_t)1 : UINT64_MAX);
        set_entry(w, *slot, index,
                  value | naming(w->slot[fz_u8(in) % FZ_SLOTS]));
        break;
    case 3: /* run of entries */
        read_run(w, in, *slot, n);
        break;
    case 4: /* fill with links to a slot */
        value = naming(w->slot[fz_u8(in) % FZ_SLOTS]) | link_bits(n) |
                (uint64_t)((n & 8) != 0 ? 0x80 : 0);
        for (index = 0; index < w->entries; index++) {
            set_entry(w, *slot, index, value);
        }
        break;
    case 5: /* any entry: index, eight bytes */
        index = read_index(w, in);
        set_entry(w, *slot, index, fz_u64(in));
        break;
    case 6: /* any bytes */
        read_bytes(w, in, *slot, n);
        break;
    case 7: /* place a slot */
        read_place(w, in, n);
        break;
    case 8: /* chain: index, slot, n + 1 links down the slots */
        index = read_index(w, in);
        other = fz_u8(in);
        for (unsigned i = 0; i <= (n & 3); i++) {
            set_entry(w, other + i, index,
                      naming(w->slot[(other + i + 1) % FZ_SLOTS]) |
                          link_bits(n >> 1 & 6));
        }
        *slot = (other + (n & 3)) % FZ_SLOTS;
        break;
    case 9: /* flip: index, bit */
        index = read_index(w, in);
        value = (uint64_t)1 << (fz_u8(in) % 64);
        page = page_to_write(w, w->slot[*slot]);
        if (page != NULL) {
            set_entry(w, *slot, index, get_entry(w, page, index) ^ value);
        }
        break;
    case 10: /* copy a page: slot */
        from = page_of(w, w->slot[fz_u8(in) % FZ_SLOTS]);
        page = page_to_write(w, w->slot[*slot]);
        if (from != NULL && page != NULL && from != page) {
            memcpy(page, from, FZ_PAGE);
        }
        break;
    case 11: /* large leaf: index, low byte, number */
        index = read_index(w, in);
        value = fz_u8(in) | 0x81u;
        value |= (uint64_t)fz_u8(in)
                 << (w->levels == 2 ? 22 : 21 + 9 * (n & 1));
        value |= more_bits(n >> 1 & 1) | (uint64_t)((n & 4) != 0 ? 0x1000 : 0);
        set_entry(w, *slot, index,
                  value | (uint64_t)((n & 8) != 0 ? 0x4000 : 0));
        break;
    case 12: /* far leaf: index, low byte, 16 bits of frame number */
        index = read_index(w, in);
        value = fz_u8(in);
        other = fz_u8(in);
        other |= (unsigned)fz_u8(in) << 8;
        set_entry(w, *slot, index, value | (uint64_t)other << (12 + 2 * n));
        break;
    case 13: /* itself: index */
        index = read_index(w, in);
        set_entry(w, *slot, index, naming(w->slot[*slot]) | link_bits(n));
        break;
    case 14: /* repeat an entry: index, count */
        index = read_index(w, in);
        other = fz_u8(in) + 1u;
        page = page_to_write(w, w->slot[*slot]);
        if (page != NULL) {
            value = get_entry(w, page, index);
            for (unsigned i = 1; i <= other && index + i < w->entries; i++) {
                set_entry(w, *slot, index + i, value + i * ((uint64_t)n << 12));
            }
        }
        break;
    default: /* an address to ask about, or a range to leave out */
        value = fz_read_va(w, in);
        if ((n & 8) != 0) {
            read_out(w, in, value);
        } else if (w->vas < FZ_VAS) {
            w->va[w->vas++] = value;
        }
        break;
    }
}

/* ---------------------------------------------------------------- the world */

static void read_root(struct fz_world *w, struct fz_reader *in)
{
    uint8_t slot = fz_u8(in);
    uint8_t how = fz_u8(in);
    uint64_t root = w->slot[slot % FZ_SLOTS] * FZ_PAGE;

    if ((slot & 0xC0) == 0xC0) {
        switch (how & 3) {
        case 0: /* not aligned */
            root += (uint64_t)8 * (how >> 2) + 1;
            break;
        case 1: /* too wide */
            root |= (uint64_t)1 << (w->mode.pa_bits + (how >> 2) % 12);
            break;
        case 2: /* beside the memory, perhaps */
            root = w->region[0].last / FZ_PAGE * FZ_PAGE +
                   (uint64_t)FZ_PAGE * (how >> 2);
            break;
        default: /* fits a physical address, but not a CR3 of 32 bits */
            root |= (uint64_t)1 << (32 + (how >> 2) % 20);
            break;
        }
    }
    w->root[w->roots++] = root;
}

static void set_mode(struct fz_world *w, const struct oracle_format *format,
                     uint8_t flags, uint8_t width)
{
    struct ptw_cpu cpu;
    unsigned without = 0;
    enum ptw_status st;

    w->mode.format = format;
    w->mode.pa_bits = 52 - width % 21u;
    w->mode.nx = (flags & 8) == 0;
    w->mode.pse = (flags & 0x10) == 0;
    w->mode.page1g = (flags & 0x20) == 0;
    w->mode.wp = (flags & 0x40) == 0;
    w->mode.cet = (flags & 0x80) != 0 && w->mode.wp && format->levels > 0;
    w->levels = format->levels;
    w->entries = format->levels > 0 ? format->level[0].entries : 512;
    w->entry_bytes = format->levels > 0 ? format->entry_bytes : 8;
    cpu.pa_bits = w->mode.pa_bits;
    cpu.page1g = w->mode.page1g;
    without |= w->mode.nx ? 0 : (unsigned)PTW_NX;
    without |= w->mode.pse ? 0 : (unsigned)PTW_PSE;
    without |= w->mode.wp ? 0 : (unsigned)PTW_WP;
    st = ptw_regime_by_name(format->name, &cpu, without, &w->regime, NULL);
    if (st != PTW_OK) {
        fz_fail("%s is refused: %s", format->name, ptw_status_text(st));
    }
    if (w->mode.cet) {
        st = ptw_regime_with(&w->regime, PTW_CET, &w->regime, NULL);
        if (st != PTW_OK) {
            fz_fail("shadow stacks are refused: %s", ptw_status_text(st));
        }
    }
}

static void add_ram(struct fz_world *w, uint64_t first, uint64_t last,
                    const uint8_t *bytes)
{
    struct oracle_ram *r = &w->ram[w->rams++];

    r->first = first;
    r->last = last;
    r->bytes = bytes;
}

/* The same memory as a list for the oracle, cut at regions and pages. */
static void make_ram(struct fz_world *w)
{
    uint8_t order[FZ_PAGES];

    for (unsigned i = 0; i < w->pages; i++) {
        unsigned at = i;

        while (at > 0 && w->frame[order[at - 1]] > w->frame[i]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint8_t)i;
    }
    w->rams = 0;
    for (unsigned i = 0; i < w->regions; i++) {
        const struct fz_region *r = &w->region[i];
        uint64_t next = r->first;
        bool open = true;

        if (!r->readable) {
            continue;
        }
        for (unsigned k = 0; k < w->pages; k++) {
            uint64_t first = w->frame[order[k]] * FZ_PAGE;
            uint64_t last = first + FZ_PAGE - 1;
            const uint8_t *bytes = w->page[order[k]];

            if (last < r->first || first > r->last) {
                continue;
            }
            if (first < r->first) {
                bytes += r->first - first;
                first = r->first;
            }
            last = last < r->last ? last : r->last;
            if (first > next) {
                add_ram(w, next, first - 1, NULL);
            }
            add_ram(w, first, last, bytes);
            open = last < r->last;
            next = last + 1;
        }
        if (open) {
            add_ram(w, next, r->last, NULL);
        }
    }
}

bool fz_thorough;
bool fz_brief;

/* libFuzzer starts with its corpus.  What AFL++ does must not depend on what it
 * did before. */
static bool is_thorough(void)
{
#ifndef __AFL_COMPILER
    static unsigned runs;

    if (runs < 256 && !fz_brief) {
        runs++;
        return true;
    }
#endif
    return fz_thorough;
}

void fz_world_read(struct fz_world *w, const struct oracle_format *format,
                   const uint8_t *data, size_t len)
{
    struct fz_reader in = {data, len};
    struct fz_region before = {0, 0, true};
    uint8_t flags = fz_u8(&in);
    uint8_t width = fz_u8(&in);
    uint8_t counts = fz_u8(&in);
    uint8_t reads = fz_u8(&in);
    uint8_t items = fz_u8(&in);
    uint8_t needs = fz_u8(&in);
    uint8_t seed = fz_u8(&in);
    unsigned slot = 0;

    fz_digest = 0;
    w->thorough = is_thorough();
    set_mode(w, format, flags, width);
    w->memory = (enum fz_memory)(flags & 3);
    w->read_step = reads + 1u;
    w->item_step = (items & 15) + 1u;
    w->room = (items >> 4) + 1u;
    w->need = needs & PTW_ALL_RIGHTS;
    w->budget = (needs & 0x80) != 0 ? 65536 : 8192;
    if (!w->thorough) {
        w->budget /= 4;
    }
    w->seed = seed * 0x9E3779B97F4A7C15;
    w->restless = fz_u8(&in);
    w->random = w->seed;
    w->shifting = false;
    w->reads = 0;
    w->regions = 0;
    w->roots = 0;
    w->vas = 0;
    w->outs = 0;
    w->self = (needs & 0x10) != 0;
    w->bulk = (needs & 0x60) != 0;
    w->stopped = (needs & 0x40) != 0;
    w->remembers = (needs & 0x60) == 0x40;
    w->copies = 0;
    w->pages = 0;
    memset(w->index, 0, sizeof w->index);
    w->page = pages;
    for (unsigned i = 0; i <= (counts & 7); i++) {
        read_region(w, &in, &before);
    }
    if (w->regions == 0) {
        struct fz_region r = {0, 16 * FZ_PAGE - 1, true};

        add_region(w, r);
    }
    for (unsigned i = 0; i < FZ_SLOTS; i++) {
        w->slot[i] = default_slot(w, i);
    }
    for (unsigned i = 0; i <= (counts >> 4 & 7); i++) {
        read_root(w, &in);
    }
    w->first = 0;
    w->last = UINT64_MAX;
    w->partial = (flags & 4) != 0;
    if (w->partial) {
        w->first = fz_read_va(w, &in);
        w->last = fz_read_va(w, &in);
        if (w->first > w->last) {
            uint64_t t = w->first;

            w->first = w->last;
            w->last = t;
        }
    }
    while (in.left > 0) {
        read_op(w, &in, &slot);
    }
    make_ram(w);
}

void fz_world_cut(struct fz_world *w, uint64_t pa, uint64_t hole)
{
    for (unsigned i = 0; i < w->regions && w->regions < FZ_REGIONS; i++) {
        struct fz_region *r = &w->region[i];

        if (pa <= r->first || pa > r->last || r->last - pa < hole) {
            continue;
        }
        memmove(r + 1, r, (w->regions - i) * sizeof *r);
        w->regions++;
        r[0].last = pa - 1;
        r[1].first = pa + hole;
        make_ram(w);
        return;
    }
}

/* -------------------------------------------------- what the world contains */

static const struct fz_region *region_of(const struct fz_world *w, uint64_t pa,
                                         uint64_t bytes)
{
    for (unsigned i = 0; i < w->regions; i++) {
        const struct fz_region *r = &w->region[i];

        if (pa >= r->first && pa <= r->last && r->last - pa >= bytes - 1) {
            return r;
        }
    }
    return NULL;
}

bool fz_world_touches(const struct fz_world *w, uint64_t pa)
{
    for (unsigned i = 0; i < w->regions; i++) {
        if (w->region[i].first <= pa + (FZ_PAGE - 1) &&
            w->region[i].last >= pa) {
            return true;
        }
    }
    return false;
}

const uint8_t *fz_world_table(const struct fz_world *w, uint64_t pa,
                              bool *zeros)
{
    const struct fz_region *r = region_of(w, pa, FZ_PAGE);
    const uint8_t *page;

    if (r == NULL || !r->readable) {
        return NULL;
    }
    page = page_of(w, pa / FZ_PAGE);
    *zeros = page == NULL;
    return page != NULL ? page : zeros_page;
}

bool fz_world_entry(const struct fz_world *w, uint64_t pa, uint64_t *raw)
{
    const struct fz_region *r = region_of(w, pa, w->entry_bytes);
    const uint8_t *page;

    if (r == NULL || !r->readable) {
        return false;
    }
    page = page_of(w, pa / FZ_PAGE);
    *raw = page == NULL
               ? 0
               : get_entry(w, page, (unsigned)(pa % FZ_PAGE) / w->entry_bytes);
    return true;
}

/* ------------------------------------------------- offering it: by callbacks
 */

/* What an entry could have become in the meantime. */
static uint64_t shifted(struct fz_world *w, uint64_t raw)
{
    uint64_t r = fz_random(&w->random);

    if ((r & 255) >= w->restless) {
        return raw;
    }
    switch (r >> 8 & 7) {
    case 0:
        return raw ^ (uint64_t)1 << (r >> 16 & 63);
    case 1:
    case 2:
        return naming(w->slot[r >> 16 & 63]) | 7 | (r >> 24 & 0x60);
    case 3:
        return naming(w->slot[r >> 16 & 63]) | (r >> 24 & 0xFF) | 1 |
               (r >> 40 & 1) << 63;
    case 4:
        return fz_random(&w->random);
    case 5:
        return raw & ~(uint64_t)1;
    case 6:
        return raw ^ 0x80;
    default:
        return raw ^ (r >> 16 & 7) ^ (r >> 20 & 7) << 12;
    }
}

static uint64_t read_checked(struct fz_world *w, ptw_pa pa, unsigned bytes,
                             enum ptw_status *st)
{
    const struct fz_region *r = region_of(w, pa.v, bytes);
    const uint8_t *page;
    uint64_t raw = 0;

    w->reads++;
    if (bytes != w->entry_bytes) {
        fz_fail("a read of %u bytes, entries have %u", bytes, w->entry_bytes);
    }
    if ((pa.v & (bytes - 1)) != 0) {
        fz_fail("a read at %llx, which is not aligned",
                (unsigned long long)pa.v);
    }
    if (r == NULL) {
        fz_fail("a read at %llx, which is outside the memory offered",
                (unsigned long long)pa.v);
    }
    if (!r->readable) {
        *st = PTW_E_BUS;
        return 0;
    }
    page = page_of(w, pa.v / FZ_PAGE);
    if (page != NULL) {
        raw = get_entry(w, page, (unsigned)(pa.v % FZ_PAGE) / bytes);
    }
    *st = PTW_OK;
    return w->shifting ? shifted(w, raw) : raw;
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    enum ptw_status st;
    uint64_t raw = read_checked(ctx, pa, 4, &st);

    if (st == PTW_OK) {
        *out = (uint32_t)raw;
    }
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    enum ptw_status st;
    uint64_t raw = read_checked(ctx, pa, 8, &st);

    if (st == PTW_OK) {
        *out = raw;
    }
    return st;
}

/* A table is copied whole, to be remembered: once by a set that has room for
 * all.  Its entries count when a walk takes them. */
static void copied(struct fz_world *w, uint64_t pa)
{
    for (unsigned i = 0; i < w->copies; i++) {
        if (w->copied[i] == pa) {
            fz_fail("the table at %llx is copied twice",
                    (unsigned long long)pa);
        }
    }
    if (w->copies == FZ_COPIES) {
        fz_fail("%u tables are remembered", w->copies);
    }
    w->copied[w->copies++] = pa;
}

/* Several entries at once: of memory that is stopped, of one region and of one
 * table. */
static enum ptw_status read_many(void *ctx, ptw_pa pa, void *buffer,
                                 size_t bytes)
{
    struct fz_world *w = ctx;
    const struct fz_region *r = region_of(w, pa.v, bytes);
    enum ptw_status st = PTW_OK;
    uint64_t reads = 0;
    uint8_t *to = buffer;

    if (!w->stopped || r == NULL || pa.v % FZ_PAGE + bytes > FZ_PAGE ||
        (bytes > 16 * w->entry_bytes && (!w->remembers || bytes != FZ_PAGE)) ||
        bytes % w->entry_bytes != 0) {
        fz_fail("%llu bytes are read at %llx", (unsigned long long)bytes,
                (unsigned long long)pa.v);
    }
    if (!r->readable) {
        return PTW_E_BUS;
    }
    if (bytes == FZ_PAGE) {
        reads = w->reads;
        copied(w, pa.v);
    }
    for (size_t at = 0; at < bytes; at += w->entry_bytes) {
        uint64_t raw = read_checked(w, ptw_pa_of(pa.v + at),
                                    (unsigned)w->entry_bytes, &st);

        for (unsigned b = 0; b < w->entry_bytes; b++) {
            to[at + b] = (uint8_t)(raw >> 8 * b);
        }
    }
    if (bytes == FZ_PAGE) {
        w->reads = reads;
    }
    return st;
}

static const void *borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const struct fz_world *w = ctx;
    const struct fz_region *r = region_of(w, pa.v, bytes);
    const uint8_t *page;

    if (r == NULL) {
        fz_fail("%llu bytes borrowed at %llx, outside the memory offered",
                (unsigned long long)bytes, (unsigned long long)pa.v);
    }
    if (!r->readable || pa.v % FZ_PAGE != 0 || bytes != FZ_PAGE) {
        return NULL;
    }
    page = page_of(w, pa.v / FZ_PAGE);
    return page != NULL ? page : zeros_page;
}

static enum ptw_status write_never(void)
{
    fz_fail("a walk writes");
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    (void)ctx;
    (void)pa;
    (void)value;
    return write_never();
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    (void)ctx;
    (void)pa;
    (void)value;
    return write_never();
}

static const struct ptw_mem_ops by_reading = {
    .read32 = read32,
    .read64 = read64,
    .write32 = write32,
    .write64 = write64,
};

static const struct ptw_mem_ops by_copying = {
    .read32 = read32,
    .read64 = read64,
    .read = read_many,
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

/* ---------------------------------------------- offering it: as host memory */

/* Each region that is host memory has exactly its size, so that an access
 * beyond its ends is noticed.  Under the address sanitizer a static arena is
 * poisoned around them, which is much faster than malloc; it is kept zero
 * between runs. */
enum { ARENA_STEP = FZ_DIRECT_BYTES + 2 * FZ_PAGE };

static uint8_t *host[FZ_REGIONS];

#ifdef FZ_ASAN
static _Alignas(64) uint8_t arena[FZ_REGIONS][ARENA_STEP];

static uint8_t *host_take(unsigned i, size_t bytes)
{
    ASAN_POISON_MEMORY_REGION(arena[i], ARENA_STEP);
    ASAN_UNPOISON_MEMORY_REGION(arena[i] + 64, bytes);
    return arena[i] + 64;
}

static void host_give(const struct fz_world *w, unsigned i)
{
    ASAN_UNPOISON_MEMORY_REGION(arena[i], ARENA_STEP);
    for (unsigned k = 0; k < w->pages; k++) {
        uint64_t first = w->frame[k] * FZ_PAGE;
        const struct fz_region *r = &w->region[i];

        if (first + (FZ_PAGE - 1) >= r->first && first <= r->last) {
            size_t at = first > r->first ? (size_t)(first - r->first) : 0;

            memset(arena[i] + 64 + at, 0, FZ_PAGE);
        }
    }
}
#else
static uint8_t *host_take(unsigned i, size_t bytes)
{
    uint8_t *p = calloc(bytes, 1);

    (void)i;
    if (p == NULL) {
        fz_fail("out of memory");
    }
    return p;
}

static void host_give(const struct fz_world *w, unsigned i)
{
    (void)w;
    free(host[i]);
}
#endif

static void host_fill(const struct fz_world *w, unsigned i)
{
    const struct fz_region *r = &w->region[i];

    host[i] = host_take(i, (size_t)(r->last - r->first) + 1);
    for (unsigned k = 0; k < w->pages; k++) {
        uint64_t first = w->frame[k] * FZ_PAGE;
        uint64_t last = first + (FZ_PAGE - 1);
        const uint8_t *bytes = w->page[k];

        if (last < r->first || first > r->last) {
            continue;
        }
        if (first < r->first) {
            bytes += r->first - first;
            first = r->first;
        }
        last = last < r->last ? last : r->last;
        memcpy(host[i] + (first - r->first), bytes, (size_t)(last - first) + 1);
    }
}

static struct ptw_remembered remembered;

void fz_world_remember(struct fz_world *w, struct ptw_walk *walk,
                       const struct ptw_mem *mem)
{
    static uint64_t store[FZ_COPIES * 513];
    size_t bytes = ptw_remembered_bytes(w->seed >> 33 & 15) + 4104;
    enum ptw_status st = PTW_OK;

    if (remembered.mem != mem) {
        w->copies = 0;
        st = ptw_remembered_init(&remembered, mem, store, bytes);
    }
    if (st != (w->stopped ? PTW_OK : PTW_E_ARG)) {
        fz_fail("to remember tables: %s", ptw_status_text(st));
    }
    if (w->remembers) {
        st = ptw_walk_remember(walk, &remembered);
        if (st != PTW_OK) {
            fz_fail("to remember tables: %s", ptw_status_text(st));
        }
    }
}

void fz_world_memory(struct fz_world *w, enum fz_memory kind,
                     struct ptw_mem *mem, struct ptw_region *region)
{
    bool all_direct = true;
    enum ptw_status st;

    remembered.mem = NULL;

    for (unsigned i = 0; i < w->regions; i++) {
        const struct fz_region *r = &w->region[i];

        region[i].first.v = r->first;
        region[i].last.v = r->last;
        region[i].host = NULL;
        region[i].writable = false;
        if ((kind == FZ_DIRECT || kind == FZ_MIXED) && r->readable &&
            r->last - r->first < FZ_DIRECT_BYTES) {
            if (host[i] == NULL) {
                host_fill(w, i);
            }
            region[i].host = host[i];
        }
        all_direct = all_direct && region[i].host != NULL;
    }
    for (unsigned i = 0; i < w->regions / 2 && (w->seed & 1) != 0; i++) {
        struct ptw_region t = region[i];

        region[i] = region[w->regions - 1 - i];
        region[w->regions - 1 - i] = t;
    }
    if (all_direct && w->regions == 1) {
        st = ptw_mem_init_flat(mem, region[0].first, region[0].host,
                               region[0].last.v - region[0].first.v + 1, false);
    } else if (all_direct) {
        st = ptw_mem_init_regions(mem, region, w->regions);
    } else {
        st = ptw_mem_init_callbacks(mem,
                                    kind != FZ_CALLBACKS ? &by_borrowing
                                    : w->bulk            ? &by_copying
                                                         : &by_reading,
                                    w, region, w->regions);
    }
    ptw_mem_set_stopped(mem, w->stopped);
    if (st != PTW_OK) {
        fz_fail("memory is refused: %s", ptw_status_text(st));
    }
}

void fz_world_done(struct fz_world *w)
{
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        if (host[i] != NULL) {
            host_give(w, i);
            host[i] = NULL;
        }
    }
}

void fz_world_stir(struct fz_world *w, unsigned times)
{
    for (unsigned i = 0; i < times && w->pages > 0; i++) {
        uint64_t r = fz_random(&w->random);
        uint8_t *page = w->page[(r & 0xFF) % w->pages];
        unsigned index = (unsigned)(r >> 8) % w->entries;
        uint64_t raw = shifted(w, get_entry(w, page, index));

        for (unsigned b = 0; b < w->entry_bytes; b++) {
            page[index * w->entry_bytes + b] = (uint8_t)(raw >> 8 * b);
        }
    }
}
