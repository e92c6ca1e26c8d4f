/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to memory: the input format (README.md), and the ways to offer
 * what it describes to the library. */
#include "harness.h"

#include "oracle_regime.h"
#include "sanitizers.h"

#include <stdlib.h>
#include <string.h>

#ifdef FZ_ASAN
/* What was freed is kept, and counts as memory that is used: less of it, or it
 * alone is half of what an input may use. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=64";
}
#endif

static _Alignas(FZ_PAGE) uint8_t pages[FZ_PAGES * FZ_MOST_UNIT + FZ_MOST_SKEW];
static const _Alignas(FZ_PAGE) uint8_t zeros_page[FZ_MOST_UNIT];

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

/* ---------------------------------------------------------- reading records */

uint64_t fz_direct_bytes(const struct fz_case *w)
{
    return FZ_DIRECT_UNITS * w->unit;
}

static unsigned page_entries(const struct fz_case *w, unsigned level)
{
    return level < w->levels ? w->mode.format->level[level].entries
                             : w->entries;
}

/* An index into a table of n entries: the start, the middle and the end can be
 * named, whatever n is. */
static unsigned index_of(unsigned n, uint64_t index)
{
    unsigned i = (unsigned)index;

    if (i >= 0xA000) {
        i += n - 0x10000;
    } else if (i >= 0x6000) {
        i += n / 2 - 0x8000;
    }
    return i % n;
}

/* A virtual address.  Without tables, levels of 10 bits stand for some. */
static uint64_t read_address(const struct fz_case *w, const uint8_t *record)
{
    static const enum fz_field_id field[ORACLE_MOST_LEVELS] = {
        ADDRESS_I0, ADDRESS_I1, ADDRESS_I2, ADDRESS_I3, ADDRESS_I4};
    unsigned levels = w->levels > 0 ? w->levels : ORACLE_MOST_LEVELS;
    uint64_t below = fz_get(record, ADDRESS_BELOW);
    uint64_t va = 0;

    for (unsigned l = 0; l < levels; l++) {
        unsigned shift =
            w->levels > 0 ? w->mode.format->level[l].shift : 12 + 10 * l;
        uint64_t index = fz_get(record, field[l]);

        va |= (uint64_t)index_of(page_entries(w, l), index) << shift;
    }
    va = oracle_address(&w->mode, va);
    if (fz_get(record, ADDRESS_SIGN) != 0) {
        va ^= oracle_bit_above(&w->mode);
    }
    return va | (below < 0x8000 ? below : below - 0x10000) % w->page_bytes;
}

bool fz_next_record(const struct fz_case *w, struct fz_records *in)
{
    uint64_t of;

    in->given = 0;
    while (in->left > 0) {
        size_t n = in->left < FZ_RECORD ? in->left : FZ_RECORD;

        memset(in->record, 0, sizeof in->record);
        memcpy(in->record, in->at, n);
        in->at += n;
        in->left -= n;
        switch ((int)fz_op_of(in->record)) {
        case OP_ADDRESS:
            in->address[fz_get(in->record, ADDRESS_NAME)] =
                read_address(w, in->record);
            break;
        case OP_NUMBER:
            in->address[fz_get(in->record, NUMBER_NAME)] =
                fz_get(in->record, NUMBER_IS);
            break;
        case OP_VALUE:
            of = fz_get(in->record, VALUE_OF);
            if (of < FZ_VALUES) {
                in->value[of] = fz_get(in->record, VALUE_IS);
                in->given |= (uint32_t)1 << of;
            }
            break;
        default:
            return true;
        }
    }
    return false;
}

struct fz_records fz_records_of(const uint8_t *data, size_t len)
{
    struct fz_records in;

    memset(&in, 0, sizeof in);
    if (len > FZ_HEADER) {
        in.at = data + FZ_HEADER;
        in.left = len - FZ_HEADER;
    }
    return in;
}

uint64_t fz_address(const struct fz_records *in, enum fz_field_id field)
{
    return in->address[fz_get(in->record, field) % FZ_ADDRESSES];
}

/* ------------------------------------------------------------------ regions */

static void add_region(struct fz_case *w, struct fz_region r)
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

/* Where a region starts that may have an end of its own, or the start of the
 * one before it. */
static uint64_t region_start(const struct fz_case *w, const uint8_t *record,
                             uint64_t bytes, const struct fz_region *before)
{
    uint64_t base = fz_get(record, REGION_BASE);
    uint64_t offset = fz_get(record, REGION_OFFSET) * w->unit;
    uint64_t how = fz_get(record, REGION_HOW);
    uint64_t first = base < 12 ? 0 : (uint64_t)1 << base % 64;

    if ((how & REGION_FOLLOWS) != 0 && before->last != UINT64_MAX) {
        return before->last + 1;
    }
    if (base == REGION_TOP) {
        return UINT64_MAX - offset - (bytes - 1);
    }
    if (base == REGION_WIDTH) {
        return ((uint64_t)1 << w->mode.pa_bits) - 1 - offset - (bytes - 1);
    }
    first += offset;
    return (how & REGION_ENDS) != 0 && first >= bytes ? first - bytes : first;
}

static void read_region(struct fz_case *w, const struct fz_records *in,
                        struct fz_region *before)
{
    const uint8_t *record = in->record;
    uint64_t how = fz_get(record, REGION_HOW);
    uint64_t bytes = (fz_get(record, REGION_PAGES) + 1) * w->unit
                     << fz_get(record, REGION_SHIFT) % 32;
    bool large = (how & REGION_LARGE) != 0;
    struct fz_region r;

    r.readable = (how & REGION_REFUSED) == 0;
    if (!large && w->memory == FZ_DIRECT && bytes > fz_direct_bytes(w)) {
        bytes = fz_direct_bytes(w);
    }
    r.first = region_start(w, record, bytes, before);
    if (bytes - 1 > UINT64_MAX - r.first) {
        bytes = UINT64_MAX - r.first + 1;
    }
    r.last = r.first + (bytes - 1);
    if (!large) {
        r.first += fz_get(record, REGION_CUT_FIRST);
        r.last -= fz_get(record, REGION_CUT_LAST);
    } else if (w->memory == FZ_DIRECT) {
        r.last = r.first + fz_direct_bytes(w) - 1;
    }
    r.first = fz_value(in, FZ_FIRST, r.first);
    r.last = fz_value(in, FZ_LAST, r.last);
    *before = r;
    add_region(w, r);
}

/* The page that a slot names before an input says otherwise: slots go round
 * the regions. */
static uint64_t default_slot(const struct fz_case *w, unsigned slot)
{
    const struct fz_region *r = &w->region[slot % w->regions];
    uint64_t first = r->first / w->unit;

    return first + slot / w->regions % (r->last / w->unit - first + 1);
}

/* -------------------------------------------------------------------- pages */

/* Where a frame stands in the index, or would: an open hash table. */
static unsigned find_frame(const struct fz_case *w, uint64_t frame)
{
    unsigned i = (unsigned)((frame * 0x9E3779B97F4A7C15) >> 56);

    while (w->index[i] != 0 && w->frame[w->index[i] - 1] != frame) {
        i = (i + 1) % FZ_INDEX;
    }
    return i;
}

static uint8_t *page_of(const struct fz_case *w, uint64_t frame)
{
    unsigned i = w->index[find_frame(w, frame)];

    return i == 0 ? NULL : w->page[i - 1];
}

static uint8_t *page_to_write(struct fz_case *w, uint64_t frame)
{
    unsigned i = find_frame(w, frame);

    if (w->index[i] == 0 && w->pages < FZ_PAGES) {
        w->frame[w->pages] = frame;
        memset(w->page[w->pages++], 0, (size_t)w->unit);
        w->index[i] = (uint8_t)w->pages;
    }
    return w->index[i] == 0 ? NULL : w->page[w->index[i] - 1];
}

static uint64_t get_entry(const struct fz_case *w, const uint8_t *page,
                          unsigned index)
{
    const uint8_t *b = page + index * w->entry_bytes;

    return w->entry_bytes == 8 ? fz_get8(b) : fz_get4(b);
}

static void set_entry(struct fz_case *w, unsigned slot, unsigned index,
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

/* ------------------------------------------------------------------ entries */

/* What each flag of an entry is in it: the bits that change with it. */
enum { FLAGS = 16, NO_EXEC_FLAG = 12 };

struct flag_bits {
    uint64_t of[FLAGS];
    uint64_t frame; /* the bits that hold an address */
};

/* Which flags are numbers of bits that a format leaves free, in order.  The
 * first ones are rights that no other flag stands for. */
static const uint8_t free_flag[] = {3, 4, 8, 9, 10, 11, 13, 14, 15};
static const unsigned other_rights = ORACLE_READ | ORACLE_USER_EXEC;

static uint64_t encoded(const struct oracle_mode *mode, unsigned level,
                        enum oracle_entry_kind kind, unsigned rights)
{
    struct oracle_entry e = {kind, 0, rights};

    return mode->format->encode(mode, level, &e);
}

/* Of the tables of a level, or of the leaves of level 0. */
static void learn_flags(const struct oracle_mode *real,
                        enum oracle_entry_kind kind, unsigned level,
                        struct flag_bits *b)
{
    enum { RX = ORACLE_READ | ORACLE_EXEC };

    const struct oracle_format *f = real->format;
    struct oracle_mode mode = oracle_mode_of(f, f->most_pa_bits, 0);
    uint64_t plain;
    uint64_t rest;
    unsigned n = 0;

    plain = encoded(&mode, level, kind, RX);
    memset(b, 0, sizeof *b);
    b->frame =
        kind == ORACLE_TABLE ? f->table_bits(&mode) : f->leaf_bits(&mode, 0);
    b->of[0] = plain;
    b->of[1] = plain ^ encoded(&mode, level, kind, RX | ORACLE_WRITE);
    b->of[2] = plain ^ encoded(&mode, level, kind, RX | ORACLE_USER);
    b->of[5] = f->accessed & oracle_free_bits(&mode, level, plain);
    b->of[6] = f->dirty & oracle_free_bits(&mode, level, plain);
    b->of[7] = encoded(&mode, 0, ORACLE_MAPS, RX) ^
               encoded(&mode, f->levels > 1 ? 1 : 0, ORACLE_MAPS, RX);
    b->of[NO_EXEC_FLAG] = plain ^ encoded(&mode, level, kind, ORACLE_READ);
    for (unsigned right = 1; right <= f->rights; right *= 2) {
        if ((other_rights & f->rights & right) != 0 &&
            oracle_withholds(&mode, right)) {
            b->of[free_flag[n++]] =
                plain ^ encoded(&mode, level, kind, RX ^ right);
        }
    }
    rest = oracle_free_bits(&mode, 0, encoded(&mode, 0, ORACLE_MAPS, RX));
    rest &= ~(f->accessed | f->dirty | b->of[7]);
    for (unsigned i = 0; i < 64 && n < sizeof free_flag; i++) {
        if ((rest >> i & 1) != 0) {
            b->of[free_flag[n++]] = (uint64_t)1 << i;
        }
    }
}

static const struct oracle_format *known_format;
static uint64_t page_step; /* between leaves of pages that follow each other */
static struct flag_bits leaf_flags;
static struct flag_bits table_flags;
static struct flag_bits root_flags;

/* Pages are written without tables, too, where they mean nothing. */
static void learn_format(const struct oracle_mode *real)
{
    struct oracle_mode mode = *real;
    const struct oracle_format *f = mode.format;

    if (f->levels == 0) {
        f = oracle_formats[0];
        mode.format = f;
    }
    if (known_format != f) {
        known_format = f;
        page_step = oracle_page_step(&mode);
        learn_flags(&mode, ORACLE_MAPS, 0, &leaf_flags);
        learn_flags(&mode, ORACLE_TABLE, 1, &table_flags);
        learn_flags(&mode, ORACLE_TABLE, f->levels - 1, &root_flags);
    }
}

uint64_t fz_entry(const struct fz_case *w, unsigned flags, uint64_t pa)
{
    uint64_t raw = 0;

    (void)w;
    for (unsigned i = 0; i < FLAGS; i++) {
        raw ^= (flags >> i & 1) != 0 ? leaf_flags.of[i] : 0;
    }
    return raw ^ known_format->put_leaf(&w->wide, 0, pa);
}

/* An entry of a page; of a root, it is one of the top level. */
static uint64_t entry_of(const struct fz_case *w, unsigned page, bool to_table,
                         unsigned flags, uint64_t pa)
{
    const struct flag_bits *b = &leaf_flags;
    uint64_t raw = fz_entry(w, 0, pa);

    if (to_table) {
        b = &table_flags;
        for (unsigned i = 0; i < w->roots; i++) {
            if (w->root[i] / w->unit == w->slot[page % FZ_SLOTS]) {
                b = &root_flags;
            }
        }
    }
    for (unsigned i = 0; i < FLAGS; i++) {
        raw ^= (flags >> i & 1) != 0 ? b->of[i] : 0;
    }
    return raw;
}

/* --------------------------------------------------------------- operations */

static unsigned read_index(const struct fz_case *w, const uint8_t *record,
                           enum fz_field_id field)
{
    return index_of(w->entries, fz_get(record, field));
}

/* What the first entry of a record leads to. */
static uint64_t entry_address(const struct fz_case *w,
                              const struct fz_records *in)
{
    uint64_t shift = fz_get(in->record, ENTRY_SHIFT);
    uint64_t number = fz_get(in->record, ENTRY_NUMBER);
    uint64_t pa = w->slot[fz_get(in->record, ENTRY_TO) % FZ_SLOTS] * w->unit;

    if (shift >= 0x80) {
        unsigned level = (unsigned)shift % 8;

        level = level < w->levels ? level : w->levels > 0 ? w->levels - 1 : 0;
        pa = number << w->mode.format->level[level].shift;
    } else if (shift > 0) {
        pa = number * w->page_bytes << (shift - 1) % 64;
    }
    return fz_value(in, FZ_PA,
                    pa | fz_get(in->record, ENTRY_BITS) * w->page_bytes);
}

uint64_t fz_flag_bits(const struct fz_case *w, uint64_t code)
{
    uint64_t left = w->mode.flag_bits;
    uint64_t bits = 0;

    for (; left != 0 && code != 0; code >>= 1) {
        bits |= (code & 1) != 0 ? left & (0 - left) : 0;
        left &= left - 1;
    }
    return bits;
}

static void read_entries(struct fz_case *w, const struct fz_records *in)
{
    enum { SAME, NEXT, LARGE, BEFORE };

    const uint8_t *record = in->record;
    unsigned page = (unsigned)fz_get(record, ENTRY_PAGE);
    unsigned index = read_index(w, record, ENTRY_INDEX);
    uint64_t more = fz_get(record, ENTRY_MORE);
    unsigned flags = (unsigned)fz_get(record, ENTRY_FLAGS);
    bool table = fz_get(record, ENTRY_KIND) % 2 != 0;
    bool run = fz_get(record, ENTRY_KIND) % 4 == 2 && w->levels > 0;
    uint64_t large = (uint64_t)1
                     << (w->levels > 1 ? w->mode.format->level[1].shift : 21);
    uint64_t step[4] = {0, w->page_bytes, large, (uint64_t)0 - w->page_bytes};
    unsigned how = (unsigned)fz_get(record, ENTRY_STEP) % 4;
    uint64_t pa = entry_address(w, in);
    uint64_t bits = fz_value(in, FZ_FLAG_BITS,
                             fz_flag_bits(w, fz_get(record, ENTRY_FLAG_BITS)));

    if (more == 0xFFFF) {
        index = 0;
    }
    if (how == LARGE) {
        pa &= ~(large - w->page_bytes);
    }
    for (uint64_t i = 0; i <= more && index + i < w->entries; i++) {
        uint64_t raw = entry_of(w, page, table, flags, pa + i * step[how]);

        raw = run ? oracle_in_a_run(&w->mode, 0, raw) : raw;
        set_entry(w, page, index + (unsigned)i, raw | bits);
    }
}

static void read_bytes(struct fz_case *w, const uint8_t *record)
{
    unsigned slot = (unsigned)fz_get(record, BYTES_PAGE) % FZ_SLOTS;
    size_t at = (size_t)(fz_get(record, BYTES_AT) % w->unit);
    size_t count = (size_t)fz_get(record, BYTES_COUNT) % 12;
    uint8_t *page = page_to_write(w, w->slot[slot]);

    for (size_t i = 0; page != NULL && i < count && at + i < w->unit; i++) {
        page[at + i] = record[fz_field[BYTES_ARE].at / 8 + i];
    }
}

static void read_repeat(struct fz_case *w, const uint8_t *record)
{
    unsigned slot = (unsigned)fz_get(record, REPEAT_PAGE) % FZ_SLOTS;
    unsigned index = read_index(w, record, REPEAT_INDEX);
    uint64_t more = fz_get(record, REPEAT_MORE);
    int16_t each = (int16_t)fz_get(record, REPEAT_STEP);
    uint64_t step = (uint64_t)(int64_t)each * page_step;
    uint8_t *page = page_to_write(w, w->slot[slot]);
    uint64_t raw;

    if (page == NULL) {
        return;
    }
    raw = get_entry(w, page, index);
    for (uint64_t i = 1; i <= more && index + i < w->entries; i++) {
        set_entry(w, slot, index + (unsigned)i, raw + i * step);
    }
}

/* The page that a chain has at that place.  A chain down to a leaf table ends
 * at the same name in every regime, however many pages are on the way. */
static unsigned chain_page(unsigned first, unsigned at, unsigned links,
                           unsigned last)
{
    if (last == 0) {
        return (first + at) % FZ_SLOTS;
    }
    last = (last - 1) % FZ_SLOTS;
    if (at == links + 1) {
        return last;
    }
    return (first + at) % FZ_SLOTS == last ? (last + FZ_SLOTS / 2) % FZ_SLOTS
                                           : (first + at) % FZ_SLOTS;
}

static void read_chain(struct fz_case *w, const struct fz_records *in)
{
    const uint8_t *record = in->record;
    uint64_t bits = fz_value(in, FZ_FLAG_BITS,
                             fz_flag_bits(w, fz_get(record, CHAIN_FLAG_BITS)));
    unsigned page = (unsigned)fz_get(record, CHAIN_PAGE);
    unsigned index = read_index(w, record, CHAIN_INDEX);
    unsigned links = (unsigned)fz_get(record, CHAIN_LINKS);
    unsigned last = (unsigned)fz_get(record, CHAIN_LAST);
    unsigned flags = (unsigned)fz_get(record, CHAIN_FLAGS);

    if (links == 0xFF) {
        links = w->levels > 1 ? w->levels - 2 : 0;
    } else {
        last = 0;
    }
    for (unsigned i = 0; i <= links && i < FZ_SLOTS; i++) {
        unsigned from = i == 0 ? page : chain_page(page, i, links, last);
        unsigned to = chain_page(page, i + 1, links, last);

        set_entry(w, from, index,
                  entry_of(w, from, true, flags, w->slot[to] * w->unit) | bits);
    }
}

static void read_place(struct fz_case *w, const struct fz_records *in)
{
    const uint8_t *record = in->record;
    unsigned slot = (unsigned)fz_get(record, PLACE_PAGE) % FZ_SLOTS;
    const struct fz_region *r =
        &w->region[fz_get(record, PLACE_REGION) % w->regions];
    uint64_t how = fz_get(record, PLACE_HOW);
    uint64_t offset = fz_get(record, PLACE_OFFSET);
    uint64_t first = r->first / w->unit;
    uint64_t last = r->last / w->unit;

    if (fz_given(in, FZ_PA)) {
        w->slot[slot] = fz_value(in, FZ_PA, 0) / w->unit;
    } else if ((how & 2) != 0) {
        /* Beside the region; behind the last address is the first one. */
        w->slot[slot] = (last + 1 + offset) % (UINT64_MAX / w->unit + 1);
    } else {
        offset %= last - first + 1;
        w->slot[slot] = (how & 1) != 0 ? last - offset : first + offset;
    }
}

/* A range that is left out; none that overlaps one before. */
static void read_without(struct fz_case *w, uint64_t first, uint64_t last)
{
    struct oracle_range r = {first < last ? first : last,
                             first < last ? last : first};
    unsigned at = w->outs;

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

static void read_root(struct fz_case *w, const struct fz_records *in)
{
    uint64_t page = fz_get(in->record, ROOT_PAGE);
    uint64_t bit = fz_get(in->record, ROOT_BIT) % 65;
    uint64_t root = w->slot[page % FZ_SLOTS] * w->unit;

    root |= bit > 0 ? (uint64_t)1 << (bit - 1) : 0;
    root += fz_get(in->record, ROOT_BELOW);
    if (w->roots < FZ_ROOTS) {
        w->root_flags[w->roots] =
            fz_value(in, FZ_FLAG_BITS,
                     fz_flag_bits(w, fz_get(in->record, ROOT_FLAG_BITS)));
        w->root_half[w->roots] = (uint8_t)fz_get(in->record, ROOT_HALF);
        w->root[w->roots++] = fz_value(in, FZ_PA, root);
    }
}

static void read_range(struct fz_case *w, const struct fz_records *in)
{
    uint64_t first = fz_value(in, FZ_FIRST, fz_address(in, RANGE_FIRST));
    uint64_t last = fz_value(in, FZ_LAST, fz_address(in, RANGE_LAST));

    w->partial = true;
    w->first = first < last ? first : last;
    w->last = first < last ? last : first;
}

/* A region becomes two inside the page of a slot, at any byte, as long as there
 * is room: the second one starts there, less so many bytes that are in none. */
static void read_cut(struct fz_case *w, const uint8_t *record)
{
    uint64_t pa = w->slot[fz_get(record, CUT_PAGE) % FZ_SLOTS] * w->unit +
                  fz_get(record, CUT_AT) % w->unit;
    uint64_t hole = fz_get(record, CUT_HOLE);

    for (unsigned i = 0; i < w->regions && w->regions < FZ_REGIONS; i++) {
        struct fz_region *r = &w->region[i];

        if (pa <= r->first || pa > r->last || r->last - pa < hole) {
            continue;
        }
        memmove(r + 1, r, (w->regions - i) * sizeof *r);
        w->regions++;
        r[0].last = pa - 1;
        r[1].first = pa + hole;
        return;
    }
}

static void read_refuse(struct fz_case *w, const uint8_t *record)
{
    uint64_t page = w->slot[fz_get(record, REFUSE_PAGE) % FZ_SLOTS] * w->unit;
    uint64_t *refusal = w->refusal[w->refusals];

    if (w->refusals < FZ_REFUSALS) {
        refusal[0] = page + fz_get(record, REFUSE_FROM) % w->unit;
        refusal[1] =
            page + (w->unit - 1) - fz_get(record, REFUSE_LESS) % w->unit;
        w->refusals++;
    }
}

static void read_op(struct fz_case *w, const struct fz_records *in)
{
    const uint8_t *record = in->record;
    uint8_t *page;
    const uint8_t *from;

    switch ((int)fz_op_of(record)) {
    case OP_ROOT:
        read_root(w, in);
        break;
    case OP_RANGE:
        read_range(w, in);
        break;
    case OP_ASK:
        if (w->vas < FZ_VAS) {
            w->va[w->vas++] = fz_address(in, ASK_AT);
        }
        break;
    case OP_WITHOUT:
        read_without(w, fz_address(in, WITHOUT_FIRST),
                     fz_address(in, WITHOUT_LAST));
        break;
    case OP_ENTRY:
        read_entries(w, in);
        break;
    case OP_RAW:
        set_entry(w, (unsigned)fz_get(record, RAW_PAGE),
                  read_index(w, record, RAW_INDEX), fz_get(record, RAW_IS));
        break;
    case OP_BYTES:
        read_bytes(w, record);
        break;
    case OP_REPEAT:
        read_repeat(w, record);
        break;
    case OP_CHAIN:
        read_chain(w, in);
        break;
    case OP_FLIP:
        page = page_to_write(w, w->slot[fz_get(record, FLIP_PAGE) % FZ_SLOTS]);
        if (page != NULL) {
            unsigned index = read_index(w, record, FLIP_INDEX);

            set_entry(w, (unsigned)fz_get(record, FLIP_PAGE), index,
                      get_entry(w, page, index) ^
                          (uint64_t)1 << fz_get(record, FLIP_BIT) % 64);
        }
        break;
    case OP_COPY:
        from = page_of(w, w->slot[fz_get(record, COPY_FROM) % FZ_SLOTS]);
        page = page_to_write(w, w->slot[fz_get(record, COPY_PAGE) % FZ_SLOTS]);
        if (from != NULL && page != NULL && from != page) {
            memcpy(page, from, (size_t)w->unit);
        }
        break;
    case OP_PLACE:
        read_place(w, in);
        break;
    case OP_IMAGE:
        w->growth = (unsigned)fz_get(record, IMAGE_GROWTH);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- the case */

/* Without tables, pages are written as if there were some. */
static void set_sizes(struct fz_case *w, const struct oracle_format *format)
{
    w->levels = format->levels;
    w->entries = format->levels > 0 ? format->level[0].entries : 512;
    w->entry_bytes = format->levels > 0 ? format->entry_bytes : 8;
    w->page_bytes = (uint64_t)1 << oracle_page_log2(format);
    w->table_bytes = (uint64_t)w->entries * w->entry_bytes;
    w->unit = oracle_unit(format);
    if (w->unit > FZ_MOST_UNIT) {
        fz_give_up("%s has larger pages or tables", format->name);
    }
    for (unsigned i = 0; i < FZ_PAGES; i++) {
        w->page[i] = pages + w->skew + i * w->unit;
    }
}

void fz_case_without(struct fz_case *w)
{
    w->mode.format = &oracle_bare;
    w->mode.pa_bits = oracle_bare.most_pa_bits;
    w->skew = 0;
    set_sizes(w, &oracle_bare);
    fz_watch_begin(&w->mode);
}

/* One field of four bits of a register that has 16 of them. */
static void set_field(uint64_t *fields, uint64_t index, uint64_t to)
{
    *fields &= ~((uint64_t)15 << 4 * index);
    *fields |= to << 4 * index;
}

/* What indices grant, where leaves have some. */
static void read_permissions(struct oracle_mode *mode, struct fz_records in,
                             const struct fz_case *w)
{
    while (mode->pie && fz_next_record(w, &in)) {
        uint64_t index = fz_get(in.record, PERMISSION_INDEX);

        if (fz_op_of(in.record) == OP_PERMISSION) {
            set_field(&mode->pir, index,
                      fz_get(in.record, PERMISSION_PRIVILEGED));
            set_field(&mode->pire0, index, fz_get(in.record, PERMISSION_USER));
        }
    }
}

static void set_mode(struct fz_case *w, const uint8_t *header,
                     const struct oracle_format *format, struct fz_records in)
{
    uint64_t features = fz_get(header, HEADER_FEATURES) |
                        fz_get(header, HEADER_MORE_FEATURES) << 8;
    unsigned pa_bits =
        format->most_pa_bits - (unsigned)fz_get(header, HEADER_WIDTH) % 21;
    enum ptw_status st;

    w->mode =
        oracle_mode_of(format, pa_bits < 32 ? 32 : pa_bits, (unsigned)features);
    if (format->has_flag_bits) {
        w->mode.flag_bits = fz_get(header, HEADER_FLAG_BITS) << 32;
        w->mode.flag_bits |= (features & 64) != 0 ? (uint64_t)1 << 47 : 0;
        w->mode.flag_bits |= (features & 128) != 0 ? (uint64_t)1 << 46 : 0;
    }
    learn_format(&w->mode);
    set_sizes(w, format);
    read_permissions(&w->mode, in, w);
    w->wide = oracle_widest(&w->mode);
    st = oracle_regime(&w->mode, &w->regime);
    if (st != PTW_OK) {
        fz_give_up("%s is refused: %s", format->name, ptw_status_text(st));
    }
    w->half[0] = (struct fz_half){w->mode, w->regime, w->levels};
    w->halves = false;
    w->turned = 0;
}

static void add_ram(struct fz_case *w, uint64_t first, uint64_t last,
                    const uint8_t *bytes)
{
    struct oracle_ram *r = &w->ram[w->rams++];

    r->first = first;
    r->last = last;
    r->bytes = bytes;
}

/* The same without what refuses to be read. */
static void add_readable(struct fz_case *w, uint64_t first, uint64_t last,
                         const uint8_t *bytes)
{
    const struct oracle_range *hole;

    do {
        uint64_t end = last;

        hole = NULL;
        for (unsigned i = 0; i < w->holes; i++) {
            if (w->hole[i].last >= first && w->hole[i].first <= end) {
                hole = &w->hole[i]; /* the first one */
                end = hole->first;
            }
        }
        if (hole == NULL) {
            add_ram(w, first, last, bytes);
            return;
        }
        if (end > first) {
            add_ram(w, first, end - 1, bytes);
        }
        if (bytes != NULL && hole->last < last) {
            bytes += hole->last + 1 - first;
        }
        first = hole->last + 1;
    } while (hole->last < last);
}

/* The same memory as a list for the oracle, cut at regions and pages. */
static void make_ram(struct fz_case *w)
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
            uint64_t first = w->frame[order[k]] * w->unit;
            uint64_t last = first + w->unit - 1;
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
                add_readable(w, next, first - 1, NULL);
            }
            add_readable(w, first, last, bytes);
            open = last < r->last;
            next = last + 1;
        }
        if (open) {
            add_readable(w, next, r->last, NULL);
        }
    }
}

bool fz_thorough;
struct fz_seen fz_seen;

enum { THOROUGH_ONE_IN = 16 };

/* By the input alone, so that it is run in the same way whenever it is. */
static bool is_thorough(const uint8_t *data, size_t len)
{
    uint64_t hash = 0xCBF29CE484222325; /* FNV-1a */

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ data[i]) * 0x100000001B3;
    }
    return fz_thorough || (hash >> 32) % THOROUGH_ONE_IN == 0;
}

/* The library knows it, and it has tables where there have to be some. */
static bool can_be_fuzzed(const struct oracle_format *f, bool tables)
{
    struct ptw_regime r;

    return (f->levels > 0 || !tables) &&
           ptw_regime_by_name(f->name, NULL, 0, &r, NULL) == PTW_OK;
}

/* The format that the header names.  Where the library does not know it, or
 * where there have to be tables and it has none: the next one. */
static const struct oracle_format *format_of(const uint8_t *header, bool tables)
{
    unsigned i = (unsigned)fz_get(header, HEADER_REGIME) % ORACLE_FORMATS;

    for (unsigned n = 0; n < ORACLE_FORMATS; n++) {
        if (can_be_fuzzed(oracle_formats[i], tables)) {
            return oracle_formats[i];
        }
        i = (i + 1) % ORACLE_FORMATS;
    }
    fz_give_up("no format of the oracle is known to the library");
}

static void read_header(struct fz_case *w, const uint8_t *header, bool tables,
                        struct fz_records in)
{
    uint64_t reading = fz_get(header, HEADER_READING) % 4;
    uint64_t walk = fz_get(header, HEADER_WALK);

    w->skew = (unsigned)fz_get(header, HEADER_SKEW) % FZ_MOST_SKEW;
    set_mode(w, header, format_of(header, tables), in);
    w->memory = (enum fz_memory)(fz_get(header, HEADER_MEMORY) % 4);
    w->read_step = fz_get(header, HEADER_READ_STEP) % FZ_MOST_STEP + 1;
    w->item_step = fz_get(header, HEADER_ITEM_STEP) % FZ_MOST_STEP + 1;
    w->room = (size_t)fz_get(header, HEADER_ROOM) % 16 + 1;
    w->need = (unsigned)fz_get(header, HEADER_NEED);
    w->budget = (walk & 2) != 0 ? 65536 : 8192;
    if (fz_get(header, HEADER_READS) != 0) {
        w->budget = fz_get(header, HEADER_READS) % 65536 + 256;
    }
    w->restless = (unsigned)fz_get(header, HEADER_RESTLESS);
    w->seed = fz_get(header, HEADER_SEED) * 0x9E3779B97F4A7C15;
    w->self = (walk & 1) != 0;
    w->by_rights = (walk & 4) != 0;
    w->bulk = reading != 0;
    w->stopped = reading >= 2;
    w->remembers = reading == 2;
}

void fz_case_read(struct fz_case *w, bool tables, const uint8_t *data,
                  size_t len)
{
    struct fz_records in = fz_records_of(data, len);
    struct fz_region before = {0, 0, true};
    uint8_t header[FZ_HEADER];

    fz_header(header, data, len);
    fz_digest = 0;
    w->thorough = is_thorough(data, len);
    read_header(w, header, tables, in);
    if (!w->thorough) {
        w->budget = (w->budget + 3) / 4;
    }
    if (w->read_step > w->budget) {
        w->read_step = w->budget; /* what is resumed reads no more */
    }
    w->random = w->seed;
    w->shifting = false;
    w->reads = 0;
    w->regions = 0;
    w->roots = 0;
    w->vas = 0;
    w->outs = 0;
    /* What is behind the last one would leave out everything. */
    for (unsigned i = 0; i < FZ_OUTS; i++) {
        w->leave_out[i].first.v = 0;
        w->leave_out[i].last.v = UINT64_MAX;
    }
    w->refusals = 0;
    w->growth = 0;
    w->copies = 0;
    w->pages = 0;
    w->first = 0;
    w->last = UINT64_MAX;
    w->partial = false;
    memset(w->index, 0, sizeof w->index);
    for (unsigned n = 0; n < FZ_REGIONS && fz_next_record(w, &in);) {
        if (fz_op_of(in.record) == OP_REGION) {
            read_region(w, &in, &before);
            n++;
        }
    }
    if (w->regions == 0) {
        struct fz_region r = {0, 16 * w->unit - 1, true};

        add_region(w, r);
    }
    for (unsigned i = 0; i < FZ_SLOTS; i++) {
        w->slot[i] = default_slot(w, i);
    }
    for (in = fz_records_of(data, len); fz_next_record(w, &in);) {
        read_op(w, &in);
    }
    if (w->roots == 0) {
        w->root_flags[0] = 0;
        w->root_half[0] = 0;
        w->root[w->roots++] = w->slot[0] * w->unit;
    }
    for (in = fz_records_of(data, len); fz_next_record(w, &in);) {
        if (fz_op_of(in.record) == OP_CUT) {
            read_cut(w, in.record);
        } else if (fz_op_of(in.record) == OP_REFUSE) {
            read_refuse(w, in.record);
        }
    }
    fz_case_offer(w, w->memory);
    fz_watch_begin(&w->mode);
    for (unsigned i = 0; i < w->roots; i++) {
        fz_watch_root(FZ_OF_GUEST, w->root[i]);
    }
}

/* Whether a region is host memory, when memory is offered in that way. */
static bool is_host(const struct fz_case *w, enum fz_memory kind,
                    const struct fz_region *r)
{
    return (kind == FZ_DIRECT || kind == FZ_MIXED) && r->readable &&
           r->last - r->first < fz_direct_bytes(w);
}

void fz_case_offer(struct fz_case *w, enum fz_memory kind)
{
    w->memory = kind;
    w->holes = 0;
    for (unsigned i = 0; i < w->regions; i++) {
        const struct fz_region *r = &w->region[i];

        for (unsigned k = 0; k < w->refusals && !is_host(w, kind, r); k++) {
            struct oracle_range *hole = &w->hole[w->holes];

            hole->first =
                w->refusal[k][0] > r->first ? w->refusal[k][0] : r->first;
            hole->last =
                w->refusal[k][1] < r->last ? w->refusal[k][1] : r->last;
            w->holes += hole->first <= hole->last;
        }
    }
    make_ram(w);
}

bool fz_case_refuses(const struct fz_case *w, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < w->holes; i++) {
        if (w->hole[i].first <= pa + (bytes - 1) && w->hole[i].last >= pa) {
            return true;
        }
    }
    return false;
}

/* -------------------------------------------------- what the case contains */

static const struct fz_region *region_of(const struct fz_case *w, uint64_t pa,
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

bool fz_case_touches(const struct fz_case *w, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < w->regions; i++) {
        if (w->region[i].first <= pa + (bytes - 1) && w->region[i].last >= pa) {
            return true;
        }
    }
    return false;
}

bool fz_case_zeros(const struct fz_case *w, uint64_t pa, uint64_t bytes)
{
    const struct fz_region *r = region_of(w, pa, bytes);

    return r != NULL && r->readable && !fz_case_refuses(w, pa, bytes) &&
           page_of(w, pa / w->unit) == NULL;
}

bool fz_case_entry(const struct fz_case *w, uint64_t pa, uint64_t *raw)
{
    const struct fz_region *r = region_of(w, pa, w->entry_bytes);
    const uint8_t *page;

    if (r == NULL || !r->readable || fz_case_refuses(w, pa, w->entry_bytes)) {
        return false;
    }
    page = page_of(w, pa / w->unit);
    *raw = page == NULL
               ? 0
               : get_entry(w, page, (unsigned)(pa % w->unit) / w->entry_bytes);
    return true;
}

/* ------------------------------------------------ offering it: by callbacks */

/* What an entry could have become in the meantime. */
static uint64_t shifted(struct fz_case *w, uint64_t raw)
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
        return fz_entry(w,
                        FZ_TO_ALL | ((unsigned)(r >> 24) &
                                     (FZ_WAS_ACCESSED | FZ_WAS_WRITTEN)),
                        w->slot[r >> 16 & 63] * w->unit);
    case 3:
        return fz_entry(w,
                        (unsigned)(r >> 24 & 0xFF) | FZ_PRESENT |
                            ((r >> 40 & 1) != 0 ? (unsigned)FZ_NO_EXEC : 0),
                        w->slot[r >> 16 & 63] * w->unit);
    case 4:
        return fz_random(&w->random);
    case 5:
        return raw & ~leaf_flags.of[0];
    case 6:
        return raw ^ leaf_flags.of[7];
    default:
        return raw ^ (r >> 16 & 7) ^ (r >> 20 & 7) * page_step;
    }
}

static enum ptw_status read_checked(void *ctx, uint64_t pa, unsigned bytes,
                                    uint64_t *out)
{
    struct fz_case *w = ctx;
    const struct fz_region *r = region_of(w, pa, bytes);
    const uint8_t *page;
    uint64_t raw = 0;

    w->reads++;
    if (bytes != w->entry_bytes) {
        fz_fail(ASK_BOUNDS, "a read of %u bytes, entries have %u", bytes,
                w->entry_bytes);
        return PTW_E_BUS;
    }
    if ((pa & (bytes - 1)) != 0) {
        fz_fail(ASK_BOUNDS, "a read at %llx, which is not aligned",
                (unsigned long long)pa);
        return PTW_E_BUS;
    }
    if (r == NULL) {
        fz_fail(ASK_BOUNDS,
                "a read at %llx, which is outside the memory offered",
                (unsigned long long)pa);
        return PTW_E_BUS;
    }
    if (!r->readable || fz_case_refuses(w, pa, bytes)) {
        return PTW_E_BUS;
    }
    page = page_of(w, pa / w->unit);
    if (page != NULL) {
        raw = get_entry(w, page, (unsigned)(pa % w->unit) / bytes);
    }
    *out = w->shifting ? shifted(w, raw) : raw;
    return PTW_OK;
}

/* A table is copied whole, to be remembered: once by a set that has room for
 * all.  Its entries count when a walk takes them. */
static void copied(struct fz_case *w, uint64_t pa)
{
    for (unsigned i = 0; i < w->copies; i++) {
        if (w->copied[i] == pa) {
            fz_fail(ASK_LAW, "the table at %llx is copied twice",
                    (unsigned long long)pa);
            return;
        }
    }
    if (w->copies == FZ_COPIES) {
        fz_fail(ASK_LAW, "%u tables are remembered", w->copies);
        return;
    }
    w->copied[w->copies++] = pa;
}

/* Several entries at once: of memory that is stopped, of one region and of one
 * table; a table is remembered whole. */
static enum ptw_status read_many(void *ctx, ptw_pa pa, void *buffer,
                                 size_t bytes)
{
    struct fz_case *w = ctx;
    const struct fz_region *r = region_of(w, pa.v, bytes);
    enum ptw_status st = PTW_OK;
    uint64_t reads = 0;
    uint8_t *to = buffer;

    if (!w->stopped || r == NULL ||
        pa.v % w->table_bytes + bytes > w->table_bytes ||
        (bytes > 16 * w->entry_bytes &&
         (!w->remembers || bytes != w->table_bytes)) ||
        bytes % w->entry_bytes != 0) {
        fz_fail(ASK_BOUNDS, "%llu bytes are read at %llx",
                (unsigned long long)bytes, (unsigned long long)pa.v);
        return PTW_E_BUS;
    }
    if (!r->readable || fz_case_refuses(w, pa.v, bytes)) {
        return PTW_E_BUS;
    }
    if (bytes == w->table_bytes) {
        reads = w->reads;
        copied(w, pa.v);
    }
    for (size_t at = 0; at < bytes; at += w->entry_bytes) {
        uint64_t raw = 0;

        st = read_checked(w, pa.v + at, w->entry_bytes, &raw);

        for (unsigned b = 0; b < w->entry_bytes; b++) {
            to[at + b] = (uint8_t)(raw >> 8 * b);
        }
    }
    if (bytes == w->table_bytes) {
        w->reads = reads;
    }
    return st;
}

/* It is lent where loans are not aligned: nobody may look at it. */
static _Alignas(64) uint8_t skewed[FZ_MOST_UNIT + FZ_MOST_SKEW];

/* Whole tables are lent, and nothing else. */
static const void *borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const struct fz_case *w = ctx;
    const struct fz_region *r = region_of(w, pa.v, bytes);
    const uint8_t *page;

    if (r == NULL) {
        fz_fail(ASK_BOUNDS,
                "%llu bytes borrowed at %llx, outside the memory offered",
                (unsigned long long)bytes, (unsigned long long)pa.v);
        return NULL;
    }
    if (!r->readable || pa.v % w->table_bytes != 0 || bytes != w->table_bytes ||
        fz_case_refuses(w, pa.v, bytes)) {
        return NULL;
    }
    page = page_of(w, pa.v / w->unit);
    if (w->skew % 8 != 0) {
        memset(skewed, 0xA7, sizeof skewed);
        return skewed + w->skew;
    }
    return page != NULL ? page + pa.v % w->unit : zeros_page;
}

static enum ptw_status write_never(void *ctx, uint64_t pa, unsigned bytes,
                                   uint64_t value)
{
    (void)ctx;
    (void)bytes;
    (void)value;
    fz_fail(ASK_BOUNDS, "a walk writes to %llx", (unsigned long long)pa);
    return PTW_E_READONLY;
}

/* ---------------------------------------------- offering it: as host memory */

/* Each region that is host memory has exactly its size, so that an access
 * beyond its ends is noticed.  Under the address sanitizer a static arena is
 * poisoned around them, which is much faster than malloc; it is kept zero
 * between runs. */
enum { ARENA_STEP = FZ_DIRECT_UNITS * FZ_MOST_UNIT + 2 * FZ_PAGE };

static uint8_t *host[FZ_REGIONS];

#ifdef FZ_ASAN
static _Alignas(64) uint8_t arena[FZ_REGIONS][ARENA_STEP];

/* A region, and some memory on both sides of it. */
static size_t arena_bytes(const struct fz_case *w)
{
    return fz_direct_bytes(w) + 2 * FZ_PAGE;
}

static uint8_t *host_take(const struct fz_case *w, unsigned i, size_t bytes)
{
    ASAN_POISON_MEMORY_REGION(arena[i], arena_bytes(w));
    ASAN_UNPOISON_MEMORY_REGION(arena[i] + 64 + w->skew, bytes);
    return arena[i] + 64 + w->skew;
}

static void host_give(const struct fz_case *w, unsigned i)
{
    ASAN_UNPOISON_MEMORY_REGION(arena[i], arena_bytes(w));
    for (unsigned k = 0; k < w->pages; k++) {
        uint64_t first = w->frame[k] * w->unit;
        const struct fz_region *r = &w->region[i];

        if (first + (w->unit - 1) >= r->first && first <= r->last) {
            size_t at = first > r->first ? (size_t)(first - r->first) : 0;
            size_t rest = (size_t)(r->last - r->first + 1) - at;

            memset(host[i] + at, 0, rest < w->unit ? rest : w->unit);
        }
    }
}
/* Whatever the case is that had it. */
static void host_abandon(unsigned i)
{
    ASAN_UNPOISON_MEMORY_REGION(arena[i], sizeof arena[i]);
    memset(arena[i], 0, sizeof arena[i]);
}
#else
static uint8_t *host_of[FZ_REGIONS]; /* what is freed */

static uint8_t *host_take(const struct fz_case *w, unsigned i, size_t bytes)
{
    host_of[i] = calloc(bytes + w->skew, 1);
    if (host_of[i] == NULL) {
        fz_give_up("out of memory");
    }
    return host_of[i] + w->skew;
}

static void host_abandon(unsigned i)
{
    free(host_of[i]);
}

static void host_give(const struct fz_case *w, unsigned i)
{
    (void)w;
    host_abandon(i);
}
#endif

static void host_fill(const struct fz_case *w, unsigned i)
{
    const struct fz_region *r = &w->region[i];

    host[i] = host_take(w, i, (size_t)(r->last - r->first) + 1);
    for (unsigned k = 0; k < w->pages; k++) {
        uint64_t first = w->frame[k] * w->unit;
        uint64_t last = first + (w->unit - 1);
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

/* The storage of tables that are remembered, and memory behind it that looks
 * like places of more tables: the first one is taken, the others are free. */
enum { PLACES_BEHIND = 4 };
static struct ptw_remembered remembered;
static uint64_t copies[(FZ_COPIES + PLACES_BEHIND) * (FZ_MOST_UNIT / 8 + 1)];
static size_t copies_bytes;
static uint64_t behind_copies;

static uint64_t *place_behind(size_t i)
{
    return &copies[copies_bytes / 8 + i * (remembered.table_bytes / 8 + 1)];
}

static void check_behind_copies(void)
{
    for (size_t i = 0; remembered.mem != NULL && i < PLACES_BEHIND; i++) {
        if (*place_behind(i) != (i == 0 ? behind_copies : 0)) {
            fz_fail(ASK_BOUNDS, "a table is remembered behind the storage");
        }
    }
}

/* The storage may lack 8 bytes of room for another table. */
void fz_case_remember(struct fz_case *w, struct ptw_walk *walk,
                      const struct ptw_mem *mem)
{
    enum ptw_status st = PTW_OK;

    if (remembered.mem != mem) {
        check_behind_copies();
        w->copies = 0;
        copies_bytes = ptw_remembered_bytes(&w->regime, w->seed >> 33 & 15) +
                       (size_t)w->table_bytes + 8;
        if (copies_bytes >= 2 * ((size_t)w->table_bytes + 8) &&
            (w->seed >> 37 & 1) != 0) {
            copies_bytes -= 8;
        }
        st = ptw_remembered_init(&remembered, &w->regime, mem, copies,
                                 copies_bytes);
        behind_copies = ~w->seed;
        for (size_t i = 0; remembered.mem != NULL && i < PLACES_BEHIND; i++) {
            *place_behind(i) = i == 0 ? behind_copies : 0;
        }
    }
    if (st != (w->stopped ? PTW_OK : PTW_E_ARG)) {
        fz_stop(ASK_STATUS, "to remember tables: %s", ptw_status_text(st));
    }
    if (w->remembers) {
        st = ptw_walk_remember(walk, &remembered);
        if (st != PTW_OK) {
            fz_stop(ASK_STATUS, "to remember tables: %s", ptw_status_text(st));
        }
    }
}

void fz_case_memory(struct fz_case *w, enum fz_memory kind, struct ptw_mem *mem,
                    struct ptw_region *region)
{
    struct ptw_mem_ops *ops = NULL;
    bool all_direct = true;
    enum ptw_status st;

    check_behind_copies();
    remembered.mem = NULL;

    for (unsigned i = 0; i < w->regions; i++) {
        const struct fz_region *r = &w->region[i];

        region[i].first.v = r->first;
        region[i].last.v = r->last;
        region[i].host = NULL;
        region[i].writable = false;
        if (is_host(w, kind, r)) {
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
        ops = &w->ops[kind != FZ_CALLBACKS];
        w->served.get = read_checked;
        w->served.put = write_never;
        *ops = fz_served_ops(kind != FZ_CALLBACKS ? borrow : NULL,
                             kind == FZ_CALLBACKS && w->bulk ? read_many : NULL,
                             NULL);
        st = ptw_mem_init_callbacks(mem, ops, w, region, w->regions);
    }
    if (st == PTW_OK) {
        st = fz_offer(mem, FZ_OF_GUEST, ops, w, region, w->regions);
    }
    ptw_mem_set_stopped(mem, w->stopped);
    if (st != PTW_OK) {
        fz_stop(ASK_STATUS, "memory is refused: %s", ptw_status_text(st));
    }
}

void fz_case_done(struct fz_case *w)
{
    check_behind_copies();
    remembered.mem = NULL;
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        if (host[i] != NULL) {
            host_give(w, i);
            host[i] = NULL;
        }
    }
}

/* Of an input that ended early. */
static void abandon(void)
{
    for (unsigned i = 0; i < FZ_REGIONS; i++) {
        if (host[i] != NULL) {
            host_abandon(i);
            host[i] = NULL;
        }
    }
}

void fz_run(const uint8_t *data, size_t len)
{
    if (!fz_within(fz_target.name, fz_target.run, data, len)) {
        abandon();
    }
}

void fz_case_stir(struct fz_case *w, unsigned times)
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
