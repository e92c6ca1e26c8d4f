/* SPDX-License-Identifier: Apache-2.0 */
/* makedumpfile, IMPLEMENTATION, "Flattened format"; QEMU writes it too
 * (dump/dump.c).  A header of 4096 bytes: 16 of a signature, a type and a
 * version, both 1; then parts, each an offset, a size and as many bytes; and an
 * offset of -1 at the end.  Numbers are of 8 bytes and big-endian. */
#include "flattened.h"

#include <inttypes.h>

enum { HEAD = 4096, PART_HEAD = 16, PIECE = 1 << 16 };

static bool copy(const struct reader *r, uint64_t from, uint64_t to,
                 uint64_t bytes, struct spool *s)
{
    static unsigned char piece[PIECE];

    while (bytes > 0) {
        size_t n = bytes < PIECE ? (size_t)bytes : PIECE;

        if (!reader_get(r, from, piece, n) || !spool_put_at(s, to, piece, n)) {
            return false;
        }
        from += n;
        to += n;
        bytes -= n;
    }
    return true;
}

bool flattened_unpack(const struct reader *in, struct spool *s, struct dump *d)
{
    struct reader r = *in;
    unsigned char head[PART_HEAD];
    uint64_t at = HEAD;
    uint64_t end = 0;

    r.big_endian = true;
    if (!reader_get(&r, 16, head, sizeof head) ||
        reader_number(&r, head, 8) != 1 ||
        reader_number(&r, head + 8, 8) != 1) {
        return dump_refuse(d, "its type and version are not 1 and 1");
    }
    for (;;) {
        uint64_t offset;
        uint64_t bytes;

        if (!reader_get(&r, at, head, sizeof head)) {
            return dump_refuse(d,
                               "it is cut off at %" PRIx64
                               ", without the mark of its end: copy it again, "
                               "or dump once more",
                               r.bytes);
        }
        offset = reader_number(&r, head, 8);
        bytes = reader_number(&r, head + 8, 8);
        at += PART_HEAD;
        if (offset == UINT64_MAX) {
            break;
        }
        if (bytes > r.bytes - at) {
            return dump_refuse(d,
                               "it is cut off at %" PRIx64
                               ", within its part at %" PRIx64
                               ": copy it again, or dump once more",
                               r.bytes, at - PART_HEAD);
        }
        if (offset > INT64_MAX || bytes > INT64_MAX - offset) {
            return dump_refuse(d, "its part at %" PRIx64 " has no place",
                               at - PART_HEAD);
        }
        if (!copy(&r, at, offset, bytes, s)) {
            return dump_refuse(d, "%s",
                               s->why[0] != '\0' ? s->why : "it can't be read");
        }
        at += bytes;
        end = offset + bytes > end ? offset + bytes : end;
    }
    s->at = end;
    return spool_end(s);
}
