/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor against a model that looks at every region for every byte. */
#include "harness.h"
#include "offer.h"
#include "ptwalk/rebuild.h"

#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

enum { REGIONS = 12, BYTES = 96, RUN = 128 };

struct place {
    uint64_t first;
    uint64_t last;
    unsigned char *host;         /* exactly the region, or NULL */
    unsigned char shadow[BYTES]; /* what it must hold */
    bool writable;
};

struct board {
    struct place place[REGIONS];
    unsigned places;
    bool everything; /* no regions: callbacks serve every address */
    bool lendable;
    bool can_write;
    bool narrow; /* there is read32 */
    uint64_t salt;

    /* The last comparison of parts. */
    bool both[RUN];
    size_t compared;
    uint64_t shape;

    /* The last callback. */
    unsigned calls;
    uint64_t pa;
    uint64_t value;
    unsigned width;
};

static uint64_t mixed(const struct board *b, uint64_t value)
{
    uint64_t state = b->salt ^ value;

    return fz_random(&state);
}

/* What memory behind callbacks holds. */
static uint64_t at(const struct board *b, uint64_t pa, unsigned width)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < width; i++) {
        uint64_t byte = mixed(b, (pa + i) / 8) >> 8 * ((pa + i) % 8) & 0xff;

        v |= byte << 8 * i;
    }
    return v;
}

/* Whether callbacks refuse that number. */
static bool refuses(const struct board *b, uint64_t pa, unsigned width)
{
    return mixed(b, ~pa * 3 + width) % 16 == 0;
}

static struct place *place_of(struct board *b, uint64_t pa, uint64_t bytes);

/* Callbacks are asked about what they serve. */
static void called(struct board *b, uint64_t pa, uint64_t bytes)
{
    const struct place *p = place_of(b, pa, bytes);

    if (bytes == 0 || (p == NULL ? !b->everything : p->host != NULL)) {
        fz_fail(ASK_REGIONS, "a callback is asked for %llu bytes at %llx",
                HEX(bytes), HEX(pa));
    }
}

static enum ptw_status got(struct board *b, uint64_t pa, unsigned width)
{
    called(b, pa, width);
    b->calls++;
    b->pa = pa;
    b->width = width;
    return refuses(b, pa, width) ? PTW_E_LIMIT : PTW_OK;
}

static enum ptw_status get32(void *ctx, ptw_pa pa, uint32_t *out)
{
    enum ptw_status st = got(ctx, pa.v, 4);

    if (st == PTW_OK) {
        *out = (uint32_t)at(ctx, pa.v, 4);
    }
    return st;
}

static enum ptw_status get64(void *ctx, ptw_pa pa, uint64_t *out)
{
    enum ptw_status st = got(ctx, pa.v, 8);

    if (st == PTW_OK) {
        *out = at(ctx, pa.v, 8);
    }
    return st;
}

static enum ptw_status put32(void *ctx, ptw_pa pa, uint32_t value)
{
    struct board *b = ctx;

    b->value = value;
    return got(ctx, pa.v, 4);
}

static enum ptw_status put64(void *ctx, ptw_pa pa, uint64_t value)
{
    struct board *b = ctx;

    b->value = value;
    return got(ctx, pa.v, 8);
}

static _Alignas(64) unsigned char lent[256];

static const void *lend(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct board *b = ctx;

    called(b, pa.v, bytes);
    return b->lendable ? &lent[pa.v % 64] : NULL;
}

/* The region that holds all of [pa, pa + bytes). */
static struct place *place_of(struct board *b, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < b->places; i++) {
        struct place *p = &b->place[i];

        if (pa >= p->first && pa <= p->last && p->last - pa >= bytes - 1) {
            return p;
        }
    }
    return NULL;
}

static uint64_t number(const unsigned char *p, unsigned width)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < width; i++) {
        v |= (uint64_t)p[i] << 8 * i;
    }
    return v;
}

/* An address near an end of a region. */
static uint64_t address_by(const struct board *b, uint64_t which,
                           uint64_t delta)
{
    uint64_t by = (uint64_t)(int64_t)(int16_t)delta;

    if (b->places == 0) {
        return by;
    }
    return by + ((which & 1) != 0 ? b->place[which / 2 % b->places].last
                                  : b->place[which / 2 % b->places].first);
}

/* Without read32, 4 bytes are taken out of 8 of the region: of the aligned ones,
 * if it has them.  Whether the number that was read is such a one. */
static bool is_around(const struct board *b, const struct place *p, uint64_t pa)
{
    uint64_t first = p != NULL ? p->first : 0;
    uint64_t last = p != NULL ? p->last : UINT64_MAX;
    uint64_t aligned = pa & ~(uint64_t)7;
    bool has = pa % 8 <= 4 && aligned >= first && last - aligned >= 7;

    return b->width == 8 && b->pa >= first && last - b->pa >= 7 &&
           pa - b->pa <= 4 && (b->pa == aligned || !has);
}

static void check_read(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                       unsigned width)
{
    const struct place *p = place_of(b, pa, width);
    bool host = p != NULL && p->host != NULL;
    bool ours = p != NULL || (b->everything && pa <= UINT64_MAX - (width - 1));
    enum ptw_status expect = ours ? PTW_OK : PTW_E_BUS;
    uint64_t want = 0x5555;
    uint64_t value = 0x5555;
    uint32_t narrow = 0x5555;
    bool half = !host && width == 4 && !b->narrow;
    bool call = ours && !host && !(half && p != NULL && p->last - p->first < 7);
    enum ptw_status st;

    b->calls = 0;
    if (host) {
        want = number(p->shadow + (pa - p->first), width);
    } else if (ours) {
        want = at(b, pa, width);
    }
    if (width == 4) {
        st = ptw_read32(mem, ptw_pa_of(pa), &narrow);
        value = narrow;
    } else {
        st = ptw_read64(mem, ptw_pa_of(pa), &value);
    }
    if (call) {
        expect =
            b->calls != 0 && refuses(b, b->pa, b->width) ? PTW_E_LIMIT : PTW_OK;
    } else if (!host) {
        expect = PTW_E_BUS;
    }
    if (st != expect || value != (st == PTW_OK ? want : 0x5555) ||
        b->calls != call ||
        (call &&
         (half ? !is_around(b, p, pa) : b->pa != pa || b->width != width))) {
        fz_fail(ASK_REGIONS,
                "a read of %u bytes at %llx: %s, %llx; it should be: %s, %llx",
                width, HEX(pa), ptw_status_text(st), HEX(value),
                ptw_status_text(expect), HEX(want));
    }
    fz_note((uint64_t)st);
    fz_say("read of %u bytes at %llx: %s", width, HEX(pa), ptw_status_text(st));
    if (st == PTW_OK) {
        fz_say(", %llx", HEX(value));
    }
    fz_say("\n");
}

static void check_write(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                        unsigned width, uint64_t value)
{
    struct place *p = place_of(b, pa, width);
    bool ours = p != NULL || (b->everything && pa <= UINT64_MAX - (width - 1));
    bool direct = p != NULL && p->host != NULL;
    bool writable = p != NULL ? p->writable : true;
    bool aligned = pa % width == 0;
    bool call = ours && aligned && writable && !direct && b->can_write;
    enum ptw_status st;

    b->calls = 0;
    st = width == 4 ? ptw_write32(mem, ptw_pa_of(pa), (uint32_t)value)
                    : ptw_write64(mem, ptw_pa_of(pa), value);
    if (st == PTW_OK
            ? !ours || !aligned || !writable || (!direct && !b->can_write)
            : !((st == PTW_E_ALIGN && !aligned) || (st == PTW_E_BUS && !ours) ||
                (st == PTW_E_READONLY && ours &&
                 (!writable || (!direct && !b->can_write))) ||
                (st == PTW_E_LIMIT && call && refuses(b, pa, width)))) {
        fz_fail(ASK_REGIONS, "a write of %u bytes at %llx: %s", width, HEX(pa),
                ptw_status_text(st));
    }
    if (b->calls != call ||
        (call && (b->pa != pa || b->width != width ||
                  b->value != (width == 4 ? (uint32_t)value : value)))) {
        fz_fail(ASK_REGIONS,
                "a write of %u bytes at %llx is passed on as %llx at %llx",
                width, HEX(pa), HEX(b->value), HEX(b->pa));
    }
    if (st == PTW_OK && direct) {
        for (unsigned i = 0; i < width; i++) {
            p->shadow[pa - p->first + i] = (unsigned char)(value >> 8 * i);
        }
    }
    for (unsigned i = 0; i < b->places; i++) {
        p = &b->place[i];
        if (p->host != NULL &&
            memcmp(p->host, p->shadow, (size_t)(p->last - p->first) + 1) != 0) {
            fz_fail(ASK_REGIONS,
                    "a write of %u bytes at %llx changed something else", width,
                    HEX(pa));
        }
    }
    fz_note((uint64_t)st);
    fz_say("write of %u bytes at %llx, %llx: %s\n", width, HEX(pa), HEX(value),
           ptw_status_text(st));
}

static void check_borrow(struct board *b, const struct ptw_mem *mem,
                         uint64_t pa, uint64_t bytes)
{
    const struct place *p = bytes == 0 ? NULL : place_of(b, pa, bytes);
    const unsigned char *want = NULL;
    const void *have = ptw_borrow(mem, ptw_pa_of(pa), bytes);

    if (p != NULL && p->host != NULL) {
        want = p->host + (pa - p->first);
    } else if (bytes != 0 && b->lendable &&
               (p != NULL ||
                (b->everything && pa <= UINT64_MAX - (bytes - 1)))) {
        want = &lent[pa % 64];
    }
    if (want != NULL && (((uintptr_t)want ^ (uintptr_t)pa) & 7) != 0) {
        want = NULL;
    }
    fz_say("loan of %llu bytes at %llx: %s\n", HEX(bytes), HEX(pa),
           have != NULL ? "ok" : "refused");
    if (have != want && (have != NULL || fz_host_lends)) {
        fz_fail(ASK_REGIONS, "%llu bytes at %llx are %slent", HEX(bytes),
                HEX(pa), have == NULL ? "not " : "wrongly ");
    }
}

/* Whether the byte at pa can be read, of those from `from` to `to` that are
 * wanted, and what it is: by the number that it is taken from, as the header
 * has it. */
static bool byte_of(struct board *b, uint64_t pa, uint64_t from, uint64_t to,
                    unsigned char *out)
{
    const struct place *p = place_of(b, pa, 1);
    uint64_t first = p != NULL ? p->first : 0;
    uint64_t last = p != NULL ? p->last : UINT64_MAX;
    uint64_t wide = pa & ~(uint64_t)7;
    uint64_t at4 = pa & ~(uint64_t)3;

    if (p == NULL && !b->everything) {
        return false;
    }
    if (p != NULL && p->host != NULL) {
        *out = p->shadow[pa - first];
        return true;
    }
    if (b->lendable) {
        *out = 0;
        return true;
    }
    *out = (unsigned char)at(b, pa, 1);
    if (wide >= from && wide >= first && to - wide >= 7 && last - wide >= 7) {
        return !refuses(b, wide, 8);
    }
    if (last - first < 3) {
        return false;
    }
    at4 = at4 < first ? first : at4;
    at4 = last - at4 < 3 ? last - 3 : at4;
    if (b->narrow) {
        return !refuses(b, at4, 4);
    }
    if (last - first < 7) {
        return false;
    }
    wide = at4 & ~(uint64_t)7;
    wide = at4 - wide > 4 || wide < first ? at4 : wide;
    wide = last - wide < 7 ? last - 7 : wide;
    return !refuses(b, wide, 8);
}

/* All at once, or not at all: where no byte would be refused. */
static enum ptw_status get_all(void *ctx, ptw_pa pa, void *buffer, size_t bytes)
{
    struct board *b = ctx;
    unsigned char *out = buffer;

    called(b, pa.v, bytes);
    for (size_t i = 0; i < bytes; i++) {
        if (!byte_of(b, pa.v + i, pa.v, pa.v + (bytes - 1), &out[i])) {
            return PTW_E_LIMIT;
        }
    }
    return PTW_OK;
}

/* Bytes from pa to the end of what is wanted, in one call and those that go on
 * behind it; buffer has room for them, and as many more.  Which could be
 * read: a byte each of `can`. */
static void read_all(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                     size_t bytes, unsigned char *buffer, bool *can)
{
    uint64_t last = pa + (bytes - 1);
    size_t run = 0;

    for (size_t at = 0; at < bytes; at += run) {
        enum ptw_status st =
            ptw_read_bytes(mem, ptw_pa_of(pa + at), buffer, bytes - at, &run);

        if (run == 0 || run > bytes - at) {
            fz_stop(ASK_REGIONS, "%zu bytes at %llx: a run of %zu", bytes - at,
                    HEX(pa + at), run);
        }
        for (size_t i = 0; i < run; i++) {
            unsigned char want = 0;

            can[at + i] = byte_of(b, pa + at + i, pa, last, &want);
            if (can[at + i] != (st == PTW_OK) ||
                (can[at + i] && buffer[i] != want)) {
                fz_fail(ASK_REGIONS,
                        "the byte at %llx, of %zu at %llx: %s, %x; it should "
                        "be %s, %x",
                        HEX(pa + at + i), bytes, HEX(pa), ptw_status_text(st),
                        buffer[i], can[at + i] ? "read" : "refused", want);
            }
        }
        if (st != PTW_OK && st != PTW_E_BUS && st != PTW_E_LIMIT) {
            fz_fail(ASK_REGIONS, "%zu bytes at %llx: %s", bytes - at,
                    HEX(pa + at), ptw_status_text(st));
        }
    }
}

static void check_bytes(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                        size_t bytes)
{
    unsigned char *buffer;
    bool can[RUN];
    size_t run = 0;

    if (bytes == 0 || bytes - 1 > UINT64_MAX - pa) {
        if (ptw_read_bytes(mem, ptw_pa_of(pa), NULL, bytes, &run) !=
            PTW_E_RANGE) {
            fz_fail(ASK_REGIONS, "%zu bytes at %llx are not refused", bytes,
                    HEX(pa));
        }
        return;
    }
    buffer = malloc(bytes); /* exactly */
    if (buffer == NULL) {
        fz_give_up("out of memory");
    }
    read_all(b, mem, pa, bytes, buffer, can);
    free(buffer);
    fz_say("%zu bytes at %llx are read\n", bytes, HEX(pa));
}

/* What shape two places had in common says where they have bytes. */
static void check_shape(struct board *b, const bool both[RUN], size_t bytes,
                        uint64_t shape)
{
    bool alike = bytes == b->compared &&
                 memcmp(both, b->both, bytes * sizeof both[0]) == 0;

    if (b->compared == bytes && alike != (shape == b->shape)) {
        fz_fail(ASK_REGIONS, "%zu bytes %s, and the shapes are %llx and %llx",
                bytes,
                alike ? "are there as before" : "are not there as before",
                HEX(shape), HEX(b->shape));
    }
    memcpy(b->both, both, bytes * sizeof both[0]);
    b->compared = bytes;
    b->shape = shape;
}

/* What two places have in common, against what can be read of each. */
static void check_parts(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                        uint64_t other, size_t bytes)
{
    static uint64_t room[2][RUN / 8];
    static unsigned char buffer[RUN];
    const uint64_t place[2] = {pa, other};
    struct ptw_parts is;
    struct ptw_parts turned;
    struct ptw_parts want = {.same = true};
    bool can[2][RUN];
    bool both[RUN];

    if (bytes == 0 || bytes - 1 > UINT64_MAX - pa ||
        bytes - 1 > UINT64_MAX - other) {
        return;
    }
    for (unsigned side = 0; side < 2; side++) {
        read_all(b, mem, place[side], bytes, buffer, can[side]);
    }
    for (size_t i = 0; i < bytes; i++) {
        bool left = can[0][i];
        bool right = can[1][i];

        both[i] = left && right;
        want.both += left && right;
        want.only_a += left && !right;
        want.only_b += !left && right;
        want.neither += !left && !right;
    }
    memset(room, 0xA5, sizeof room);
    ptw_compare_parts(mem, ptw_pa_of(other), room[1], mem, ptw_pa_of(pa),
                      room[0], bytes, &turned);
    ptw_compare_parts(mem, ptw_pa_of(pa), room[0], mem, ptw_pa_of(other),
                      room[1], bytes, &is);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char held[2] = {0, 0};

        for (unsigned side = 0; side < 2 && can[0][i] && can[1][i]; side++) {
            (void)byte_of(b, place[side] + i, place[side],
                          place[side] + (bytes - 1), &held[side]);
        }
        want.same = want.same && held[0] == held[1];
        if (((const unsigned char *)room[0])[i] != held[0] ||
            ((const unsigned char *)room[1])[i] != held[1]) {
            fz_fail(ASK_REGIONS, "byte %zu of %llx and %llx, compared", i,
                    HEX(pa), HEX(other));
        }
    }
    if (is.same != want.same || is.both != want.both ||
        is.only_a != want.only_a || is.only_b != want.only_b ||
        is.neither != want.neither || turned.shape != is.shape ||
        turned.same != is.same || turned.only_a != is.only_b) {
        fz_fail(ASK_REGIONS,
                "%zu bytes at %llx and %llx: %u of both, %u and %u of one, "
                "%salike",
                bytes, HEX(pa), HEX(other), (unsigned)is.both,
                (unsigned)is.only_a, (unsigned)is.only_b,
                is.same ? "" : "not ");
    }
    check_shape(b, both, bytes, is.shape);
    fz_say("%zu bytes at %llx and %llx are compared\n", bytes, HEX(pa),
           HEX(other));
}

/* Hands bytes to a sink that is memory as large as that region. */
static void check_sink(struct board *b, uint64_t near, uint64_t pa,
                       size_t bytes, size_t step)
{
    static _Alignas(64) unsigned char room[64 + BYTES + RUN];

    const struct place *p =
        b->places != 0 ? &b->place[near / 2 % b->places] : NULL;
    unsigned char want[sizeof room];
    unsigned char from[RUN];
    struct ptw_sink_memory m;
    enum ptw_status st;
    size_t skip;
    bool fits;

    if (p == NULL || p->first > p->last || p->last - p->first >= BYTES) {
        return;
    }
    skip = (size_t)(p->first % 64);
    m = (struct ptw_sink_memory){
        .first = {p->first},
        .host = &room[skip],
        .bytes = (size_t)(p->last - p->first) + 1,
        .step = step,
    };
    for (size_t i = 0; i < bytes; i++) {
        from[i] = (unsigned char)mixed(b, pa + i);
    }
    memset(room, 0xA5, sizeof room);
    memset(want, 0xA5, sizeof want);
    fits = pa >= p->first && pa - p->first <= m.bytes &&
           bytes <= m.bytes - (pa - p->first);
    if (fits) {
        memcpy(&want[skip + (size_t)(pa - p->first)], from, bytes);
    }
    st = ptw_sink_to_memory(&m, ptw_pa_of(pa), from, bytes);
    if (st != (fits ? PTW_OK : PTW_E_BUS) ||
        memcmp(room, want, sizeof room) != 0) {
        fz_fail(ASK_REGIONS,
                "a sink of %zu bytes at %llx gets %zu at %llx, %zu at a time: "
                "%s",
                m.bytes, HEX(p->first), bytes, HEX(pa), step,
                ptw_status_text(st));
    }
    fz_say("%zu bytes for a sink at %llx: %s\n", bytes, HEX(pa),
           ptw_status_text(st));
}

static void check_cover(struct board *b, const struct ptw_mem *mem, uint64_t pa,
                        uint64_t bytes)
{
    enum ptw_cover cover = ptw_mem_cover(mem, ptw_pa_of(pa), bytes);
    bool wraps = bytes - 1 > UINT64_MAX - pa;
    uint64_t last = wraps ? UINT64_MAX : pa + (bytes - 1);
    uint64_t covered = 0; /* of last - pa + 1, which may be 2^64 or 0 */
    bool any = b->everything;
    enum ptw_cover want;

    for (unsigned i = 0; i < b->places; i++) {
        uint64_t from = b->place[i].first > pa ? b->place[i].first : pa;
        uint64_t to = b->place[i].last < last ? b->place[i].last : last;

        if (from <= to) {
            covered += to - from + 1;
            any = true;
        }
    }
    want = !any ? PTW_COVER_NONE
           : !wraps && (b->everything || covered == last - pa + 1)
               ? PTW_COVER_ALL
               : PTW_COVER_SOME;
    fz_say("%llu bytes at %llx: %s of them covered\n", HEX(bytes), HEX(pa),
           cover == PTW_COVER_ALL    ? "all"
           : cover == PTW_COVER_SOME ? "some"
                                     : "none");
    if (cover != want) {
        fz_fail(ASK_REGIONS,
                "%llu bytes at %llx are covered %d, it should be %d",
                HEX(bytes), HEX(pa), (int)cover, (int)want);
    }
}

/* `kind` of a `memory` record. */
enum kind { HOST, SERVED, REVERSED, NO_MEMORY };

/* Reads one region.  One with host memory is true about it, unless no accessor
 * may be built of it. */
static void read_place(struct board *b, const struct fz_records *in,
                       struct ptw_region *region, bool *lies, bool callbacks)
{
    const uint8_t *record = in->record;
    unsigned i = b->places;
    struct place *p = &b->place[i];
    unsigned options = (unsigned)fz_get(record, MEMORY_OPTIONS);
    enum kind kind = (enum kind)(fz_get(record, MEMORY_KIND) % 4);
    uint8_t fill = (uint8_t)fz_get(record, MEMORY_FILL);
    uint64_t length = fz_get(record, MEMORY_BYTES);

    p->first = fz_value(in, FZ_FIRST,
                        (options & 1) == 0 || i == 0
                            ? 0
                            : address_by(b, fz_get(record, MEMORY_NEAR),
                                         fz_get(record, MEMORY_DELTA)));
    p->host = NULL;
    p->writable = (options & 2) != 0;
    if (kind == SERVED && callbacks) {
        p->last = fz_value(in, FZ_LAST, p->first + length);
    } else if (kind == REVERSED) {
        p->first |= 0x200;
        p->last = fz_value(in, FZ_LAST, p->first - 1 - length % p->first);
        p->last = p->last < p->first ? p->last : p->first - 1;
        p->host = lent;
        *lies = true;
    } else if (kind == NO_MEMORY && !callbacks) {
        p->last = fz_value(in, FZ_LAST, p->first + length);
        *lies = true;
    } else {
        length %= BYTES;
        p->last = p->first + length;
        if (p->last >= p->first) {
            p->host = malloc((size_t)length + 1);
            if (p->host == NULL) {
                fz_give_up("out of memory");
            }
            for (size_t k = 0; k <= length; k++) {
                p->host[k] = (unsigned char)(fill + 7 * k + 31 * i);
            }
            memcpy(p->shadow, p->host, (size_t)length + 1);
        } else {
            p->host = lent;
            *lies = true;
        }
    }
    b->places = i + 1;
    region[i].first.v = p->first;
    region[i].last.v = p->last;
    region[i].host = p->host;
    region[i].writable = p->writable;
}

static void check_init(const struct board *b, enum ptw_status st,
                       bool callbacks)
{
    bool range = false;
    bool arg = false;
    bool overlap = false;

    for (unsigned i = 0; i < b->places; i++) {
        const struct place *p = &b->place[i];

        range = range || p->first > p->last ||
                (p->host != NULL && p->last - p->first > SIZE_MAX - 1);
        arg = arg || (p->host == NULL && !callbacks);
        for (unsigned k = 0; k < i; k++) {
            const struct place *q = &b->place[k];

            overlap = overlap || (p->first <= q->last && q->first <= p->last);
        }
    }
    switch ((int)st) {
    case PTW_OK:
        if (!range && !arg && !overlap) {
            return;
        }
        break;
    case PTW_E_RANGE:
        if (range) {
            return;
        }
        break;
    case PTW_E_ARG:
        if (arg) {
            return;
        }
        break;
    case PTW_E_OVERLAP:
        if (overlap && !range && !arg) {
            return;
        }
        break;
    default:
        break;
    }
    fz_stop(ASK_REGIONS, "%u regions: %s", b->places, ptw_status_text(st));
}

static void say_board(const struct board *b, bool callbacks)
{
    fz_say("memory: %s%s%s%s\n", callbacks ? "callbacks" : "host memory",
           b->everything ? " for every address" : "",
           callbacks && b->lendable ? ", which lend" : "",
           callbacks && b->can_write ? ", which write" : "");
    fz_say("%s", callbacks && !b->narrow ? "    8 bytes at a time\n" : "");
    for (unsigned i = 0; i < b->places; i++) {
        const struct place *p = &b->place[i];

        fz_say("    %016llx-%016llx%s%s\n", HEX(p->first), HEX(p->last),
               p->host != NULL ? ", host memory" : "",
               p->writable ? "" : ", read-only");
    }
}

/* What can't be built refuses everything. */
static void check_refuses(const struct ptw_mem *mem, uint64_t pa,
                          uint64_t bytes)
{
    uint32_t narrow;
    uint64_t wide;

    if (ptw_read32(mem, ptw_pa_of(pa), &narrow) != PTW_E_BUS ||
        ptw_read64(mem, ptw_pa_of(pa), &wide) != PTW_E_BUS ||
        ptw_write64(mem, ptw_pa_of(pa & ~(uint64_t)7), 0) != PTW_E_BUS ||
        ptw_borrow(mem, ptw_pa_of(pa), bytes) != NULL ||
        ptw_mem_cover(mem, ptw_pa_of(pa), bytes + 1) != PTW_COVER_NONE) {
        fz_fail(ASK_REGIONS,
                "an accessor that could not be built does not refuse");
    }
}

/* Memory that is nowhere, none, or more than there are addresses behind its first
 * one, and callbacks that are none or can't read: nothing is built. */
static void check_wrong_init(const struct board *b,
                             const struct ptw_region *region)
{
    struct ptw_mem_ops deaf = {.read32 = get32};
    struct ptw_mem mem;
    uint64_t first = b->places > 0 ? region[0].first.v : b->salt;

    if (ptw_mem_init_flat(&mem, ptw_pa_of(first), NULL, 8, false) !=
        PTW_E_ARG) {
        fz_fail(ASK_REGIONS, "memory at %llx is nowhere", HEX(first));
    }
    check_refuses(&mem, first, 8);
    if (ptw_mem_init_flat(&mem, ptw_pa_of(first), lent, 0, false) !=
            PTW_E_RANGE ||
        ptw_mem_init_flat(&mem, ptw_pa_of(UINT64_MAX - first % 64), lent,
                          first % 64 + 2, false) != PTW_E_RANGE) {
        fz_fail(ASK_REGIONS, "memory from %llx on is none, or wraps",
                HEX(first));
    }
    check_refuses(&mem, first, 8);
    if (ptw_mem_init_flat(&mem, ptw_pa_of(UINT64_MAX - first % 64), lent,
                          first % 64 + 1, false) != PTW_OK) {
        fz_fail(ASK_REGIONS, "there is no memory at the last address");
    }
    if (ptw_mem_init_callbacks(&mem, NULL, NULL, NULL, 0) != PTW_E_ARG ||
        ptw_mem_init_callbacks(&mem, &deaf, NULL, NULL, 0) != PTW_E_ARG) {
        fz_fail(ASK_REGIONS, "callbacks are none, or can't read");
    }
    check_refuses(&mem, first, 8);
}

/* No host has memory for every address. */
static void check_largest(void)
{
    struct ptw_region region = {{0}, {UINT64_MAX}, lent, false};
    struct ptw_mem mem;

    if (ptw_mem_init_regions(&mem, &region, 1) != PTW_E_RANGE) {
        fz_fail(ASK_REGIONS, "a host has 2^64 bytes");
    }
}

static void one_access(struct board *b, const struct ptw_mem *mem,
                       const struct fz_records *in, bool built)
{
    enum { READ4, READ8, WRITE4, WRITE8, LOAN, COVER, READ_BYTES, PARTS, SINK };

    const uint8_t *record = in->record;
    unsigned what = (unsigned)fz_get(record, ACCESS_DO);
    bool aligned = fz_get(record, ACCESS_OPTIONS) != 0;
    uint64_t bytes = fz_get(record, ACCESS_BYTES);
    uint64_t pa = fz_value(in, FZ_PA,
                           address_by(b, fz_get(record, ACCESS_NEAR),
                                      fz_get(record, ACCESS_DELTA)));

    if (!built) {
        check_refuses(mem, pa, bytes);
        return;
    }
    switch (what) {
    case READ4:
    case READ8:
        check_read(b, mem, pa, what == READ8 ? 8 : 4);
        break;
    case WRITE4:
    case WRITE8:
        check_write(b, mem, pa & ~(uint64_t)(aligned ? 7 : 0),
                    what == WRITE8 ? 8 : 4, mixed(b, pa + bytes));
        break;
    case LOAN:
        check_borrow(b, mem, pa, fz_value(in, FZ_BYTES, bytes));
        break;
    case READ_BYTES:
        check_bytes(b, mem, pa, (size_t)(bytes % (RUN + 1)));
        break;
    case PARTS:
        check_parts(b, mem, pa & ~(uint64_t)7,
                    (pa + bytes / RUN) & ~(uint64_t)7,
                    bytes % RUN & ~(size_t)7);
        break;
    case SINK:
        check_sink(b, fz_get(record, ACCESS_NEAR), pa, (size_t)(bytes % RUN),
                   (size_t)(bytes / RUN));
        break;
    case COVER:
    default:
        check_cover(b, mem, pa, fz_value(in, FZ_BYTES, bytes + 1));
        break;
    }
}

void fz_regions(const uint8_t *data, size_t len)
{
    enum {
        CALLBACKS = 1,
        LENDS = 2,
        WRITES = 4,
        EVERYTHING = 8,
        BORROW = 16,
        FLAT = 32,
        WIDE = 64,
        READS = 128
    };

    static struct board board;
    static struct fz_case none; /* addresses have no regime here */
    const struct fz_records all = fz_records_of(data, len);
    struct fz_records in;
    struct board *b = &board;
    struct ptw_region region[REGIONS];
    struct ptw_mem_ops ops = {.read32 = get32, .read64 = get64};
    struct ptw_mem mem;
    unsigned options = 0;
    unsigned count = 0;
    bool callbacks;
    bool offered;
    bool lies = false;
    enum ptw_status st;

    fz_digest = 0;
    fz_case_without(&none);
    b->places = 0;
    b->salt = 0;
    b->compared = 0;
    check_largest();
    for (in = all; fz_next_record(&none, &in);) {
        if (fz_op_of(in.record) == OP_ACCESSOR) {
            options = (unsigned)fz_get(in.record, ACCESSOR_OPTIONS);
            b->salt = fz_get(in.record, ACCESSOR_SALT);
        }
        count += fz_op_of(in.record) == OP_MEMORY && count < REGIONS;
    }
    callbacks = (options & CALLBACKS) != 0;
    b->lendable = (options & LENDS) != 0;
    b->can_write = (options & WRITES) != 0;
    b->everything = callbacks && count == 0 && (options & EVERYTHING) != 0;
    b->narrow = (options & WIDE) == 0;
    /* A host's accessor refuses what it would have to read by itself. */
    offered = count > 0 && b->narrow;
    /* Where it may refuse a loan, there is none. */
    ops.borrow =
        (options & BORROW) != 0 && (fz_host_lends || !offered) ? lend : NULL;
    b->lendable = b->lendable && ops.borrow != NULL;
    ops.read32 = b->narrow ? get32 : NULL;
    ops.read = (options & READS) != 0 ? get_all : NULL;
    ops.write32 = b->can_write ? put32 : NULL;
    ops.write64 = b->can_write ? put64 : NULL;
    for (in = all; b->places < count && fz_next_record(&none, &in);) {
        if (fz_op_of(in.record) == OP_MEMORY) {
            read_place(b, &in, region, &lies, callbacks);
        }
    }
    say_board(b, callbacks);
    if (callbacks) {
        st = ptw_mem_init_callbacks(&mem, &ops, b,
                                    b->everything ? NULL : region, count);
    } else if (count == 1 && (options & FLAT) != 0 && !lies) {
        st = ptw_mem_init_flat(&mem, region[0].first, region[0].host,
                               region[0].last.v - region[0].first.v + 1,
                               region[0].writable);
    } else {
        st = ptw_mem_init_regions(&mem, region, count);
    }
    check_wrong_init(b, region);
    fz_say("an accessor: %s\n", ptw_status_text(st));
    check_init(b, st, callbacks);
    if (st == PTW_OK && offered) {
        st = fz_offer(&mem, FZ_OF_GUEST, callbacks ? &ops : NULL, b, region,
                      count);
        if (st != PTW_OK) {
            fz_stop(ASK_REGIONS, "a host's accessor: %s", ptw_status_text(st));
        }
    }
    fz_note((uint64_t)st);
    for (in = all; fz_next_record(&none, &in);) {
        if (fz_op_of(in.record) == OP_ACCESS) {
            one_access(b, &mem, &in, st == PTW_OK);
        }
    }
    for (unsigned i = 0; i < b->places; i++) {
        if (b->place[i].host != lent) {
            free(b->place[i].host);
        }
    }
}
