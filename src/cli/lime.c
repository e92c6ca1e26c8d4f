/* SPDX-License-Identifier: Apache-2.0 */
/* LiME, doc/README.md, "Spec": for each range a header of 32 bytes, a magic
 * number, a version, the first and the last address, 8 reserved bytes; then the
 * range, as it is.  AVML (src/image.rs) writes the same with a magic number of
 * its own and version 2, the range in the frames of snappy, and behind these
 * their size in 8 bytes.
 *
 * Snappy, framing_format.txt: chunks of a type of one byte and a length of
 * three; of data (types 0 and 1) the first 4 bytes are a masked CRC-32C of what
 * is unpacked, which has at most 65,536 bytes. */
#include "lime.h"

#include <inttypes.h>
#include <string.h>

static const uint32_t LIME = 0x4c694d45;
static const uint32_t AVML = 0x4c4d5641;

enum { HEAD = 32, SIZE_BYTES = 8, UNPACKED_MOST = 65536 };

struct range {
    uint32_t magic;
    uint32_t version;
    uint64_t first;
    uint64_t last;
};

/* The range whose header is at `at`; false when there is none. */
static bool get_range(const struct reader *r, uint64_t at, struct range *out)
{
    unsigned char head[HEAD];

    if (!reader_get(r, at, head, sizeof head)) {
        return false;
    }
    out->magic = (uint32_t)reader_number(r, head, 4);
    out->version = (uint32_t)reader_number(r, head + 4, 4);
    out->first = reader_number(r, head + 8, 8);
    out->last = reader_number(r, head + 16, 8);
    return true;
}

static bool is_bad(const struct range *range, uint64_t at, struct dump *d)
{
    bool lime = range->magic == LIME && range->version == 1;
    bool avml = range->magic == AVML && range->version == 2;

    if (range->magic != LIME && range->magic != AVML) {
        return !dump_refuse(d,
                            "at %" PRIx64 " there should be a range, and "
                            "there is none",
                            at);
    }
    if (!lime && !avml) {
        return !dump_refuse(
            d, "its version at %" PRIx64 " is %" PRIu32 ", which is not known",
            at, range->version);
    }
    if (range->last < range->first) {
        return !dump_refuse(d, "its range at %" PRIx64 " ends before it starts",
                            at);
    }
    if (range->last - range->first == UINT64_MAX) {
        return !dump_refuse(d,
                            "its range at %" PRIx64
                            " has all addresses, 2^64 bytes, which no file has",
                            at);
    }
    return false;
}

static void say_cut(const struct reader *r, uint64_t missing, struct dump *d)
{
    dump_miss(d, missing);
    dump_remark(d,
                "ends at %" PRIx64 ", where %" PRIx64
                " more bytes of memory should be: they are not in the image",
                r->bytes, missing);
}

bool lime_read(const struct reader *r, struct dump *d)
{
    struct range range;
    uint64_t at = 0;

    while (get_range(r, at, &range)) {
        uint64_t bytes = range.last - range.first + 1;
        uint64_t there = r->bytes - at - HEAD;

        if (is_bad(&range, at, d)) {
            return false;
        }
        at += HEAD;
        dump_add(d, range.first, bytes < there ? bytes : there, at);
        if (bytes > there) {
            say_cut(r, bytes - there, d);
            break;
        }
        at += bytes;
    }
    if (at < r->bytes) {
        dump_remark(d,
                    "ends at %" PRIx64 ", within the header of a range: that "
                    "range and later ones are not in the image",
                    r->bytes);
    }
    dump_order_once(d);
    return d->segments > 0 || dump_refuse(d, "no memory is in it");
}

/* -------------------------------------------------------------------- AVML */

/* The remainders of one byte each. */
static void make_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (unsigned bit = 0; bit < 8; bit++) {
            bool odd = (table[i] & 1) != 0;

            table[i] = table[i] >> 1 ^ (odd ? UINT32_C(0x82f63b78) : 0);
        }
    }
}

static uint32_t crc32c(const uint32_t table[256], const unsigned char *at,
                       size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

struct frames {
    const struct reader *r;
    avml_unpack unpack;
    struct spool *s;
    struct dump *d;
    uint64_t at;
    uint32_t table[256]; /* of the checksum */
    unsigned char packed[UNPACKED_MOST + UNPACKED_MOST / 4];
    unsigned char plain[UNPACKED_MOST];
    size_t plain_bytes;
};

static bool refuse_cut(const struct frames *f)
{
    return dump_refuse(f->d,
                       "it ends at %" PRIx64 ", within a range: it was not "
                       "written to the end",
                       f->r->bytes);
}

/* A chunk of data, whose first 4 bytes are its checksum. */
static bool get_data(struct frames *f, bool is_packed, size_t length)
{
    const unsigned char *bytes = f->packed + 4;

    if (length < 4 || length > sizeof f->packed) {
        return dump_refuse(f->d,
                           "its chunk at %" PRIx64
                           " has a length of %zu, which none has",
                           f->at - 4, length);
    }
    if (!reader_get(f->r, f->at, f->packed, length)) {
        return refuse_cut(f);
    }
    f->plain_bytes = is_packed ? sizeof f->plain : length - 4;
    if (!is_packed && f->plain_bytes <= sizeof f->plain) {
        memcpy(f->plain, bytes, f->plain_bytes);
    } else if (!is_packed ||
               !f->unpack(bytes, length - 4, f->plain, &f->plain_bytes)) {
        return dump_refuse(f->d, "its chunk at %" PRIx64 " can't be unpacked",
                           f->at - 4);
    }
    if (masked(crc32c(f->table, f->plain, f->plain_bytes)) !=
        reader_number(f->r, f->packed, 4)) {
        return dump_refuse(f->d,
                           "its chunk at %" PRIx64
                           " has another checksum than it should",
                           f->at - 4);
    }
    return true;
}

/* Unpacks the frames of a range of that many bytes. */
static bool get_frames(struct frames *f, uint64_t bytes,
                       void (*ahead)(void *context), void *context)
{
    enum { PACKED = 0, PLAIN = 1, SKIPPED = 0x80 };

    while (bytes > 0) {
        unsigned char head[4];
        size_t length;

        if (!reader_get(f->r, f->at, head, sizeof head)) {
            return refuse_cut(f);
        }
        length = (size_t)reader_number(f->r, head + 1, 3);
        f->at += sizeof head;
        if (head[0] > PLAIN && head[0] < SKIPPED) {
            return dump_refuse(f->d,
                               "its chunk at %" PRIx64
                               " is of type %u, which is not known",
                               f->at - 4, head[0]);
        }
        if (head[0] <= PLAIN) {
            if (!get_data(f, head[0] == PACKED, length)) {
                return false;
            }
            if (f->plain_bytes > bytes) {
                return dump_refuse(
                    f->d, "its chunk at %" PRIx64 " goes beyond its range",
                    f->at - 4);
            }
            if (!spool_put(f->s, f->plain, f->plain_bytes)) {
                return false;
            }
            bytes -= f->plain_bytes;
        }
        f->at += length;
        if (ahead != NULL) {
            ahead(context);
        }
    }
    return true;
}

/* Copies a range that is not packed. */
static bool get_plain(struct frames *f, uint64_t bytes)
{
    while (bytes > 0) {
        size_t n = bytes < sizeof f->plain ? (size_t)bytes : sizeof f->plain;

        if (!reader_get(f->r, f->at, f->plain, n)) {
            return refuse_cut(f);
        }
        if (!spool_put(f->s, f->plain, n)) {
            return false;
        }
        f->at += n;
        bytes -= n;
    }
    return true;
}

bool avml_read(const struct reader *r, avml_unpack unpack, struct spool *s,
               void (*ahead)(void *context), void *context, struct dump *d)
{
    static struct frames f;
    struct range range;

    f.r = r;
    f.unpack = unpack;
    f.s = s;
    f.d = d;
    f.at = 0;
    make_table(f.table);
    while (get_range(r, f.at, &range)) {
        uint64_t bytes = range.last - range.first + 1;
        uint64_t start = s->at;

        if (is_bad(&range, f.at, d)) {
            return false;
        }
        f.at += HEAD;
        if (!(range.magic == LIME ? get_plain(&f, bytes)
                                  : get_frames(&f, bytes, ahead, context))) {
            return false;
        }
        dump_add(d, range.first, bytes, start);
        f.at += range.magic == AVML ? SIZE_BYTES : 0;
    }
    if (f.at != r->bytes) {
        return refuse_cut(&f);
    }
    dump_order_once(d);
    return (d->segments > 0 || dump_refuse(d, "no memory is in it")) &&
           spool_end(s);
}
