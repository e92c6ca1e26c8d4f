/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

#include "child.h"
#include "lime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef PTW_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef PTW_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef PTW_HAVE_SNAPPY
#include <snappy-c.h>
#endif

/* What the process of its own does. */
struct job {
    const struct reader *r;
    enum container_kind kind;
    struct spool *s;
    struct dump d;
    int socket;
    time_t said; /* when it last said that it is alive */
};

static void say_alive(void *context)
{
    struct job *j = context;
    struct child_message m = {.kind = CHILD_ALIVE};
    time_t now = time(NULL);

    if (now != j->said) {
        j->said = now;
        (void)child_send(j->socket, &m);
    }
}

#if defined(PTW_HAVE_ZLIB) || defined(PTW_HAVE_ZSTD)
enum { PIECE = 1 << 17 };

/* Reads the next piece of the file: 0 bytes at its end. */
static bool next_piece(struct job *j, uint64_t *at, unsigned char *piece,
                       size_t *bytes)
{
    uint64_t left = j->r->bytes - *at;

    *bytes = left < PIECE ? (size_t)left : PIECE;
    if (!reader_get(j->r, *at, piece, *bytes)) {
        return dump_refuse(&j->d, "it can't be read");
    }
    *at += *bytes;
    say_alive(j);
    return true;
}

static bool say_cut(struct job *j)
{
    return dump_refuse(&j->d, "it ends too early: it was not written to the "
                              "end");
}
#endif

/* -------------------------------------------------------------------- gzip */

#ifdef PTW_HAVE_ZLIB
/* RFC 1952: members, one behind the other; behind the last one there may be zeros,
 * as the padding of a tape, and nothing else. */
static bool gunzip(struct job *j)
{
    static unsigned char in[PIECE];
    static unsigned char out[PIECE];
    enum { GZIP = 16 };
    z_stream z;
    uint64_t at = 0;
    size_t got = 0;
    bool whole = false;
    bool padded = false;

    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, MAX_WBITS + GZIP) != Z_OK) {
        return dump_refuse(&j->d, "zlib has not enough memory");
    }
    for (;;) {
        int st;

        if (z.avail_in == 0) {
            if (!next_piece(j, &at, in, &got)) {
                return false;
            }
            z.next_in = in;
            z.avail_in = (uInt)got;
            if (got == 0) {
                return whole ? spool_end(j->s) : say_cut(j);
            }
        }
        if (whole && z.next_in[0] == 0) {
            padded = true;
            z.next_in++;
            z.avail_in--;
            continue;
        }
        if (whole && (padded || z.next_in[0] != 0x1f)) {
            return dump_refuse(&j->d,
                               "at %" PRIx64 ", behind what is packed, "
                               "something else follows",
                               at - z.avail_in);
        }
        if (whole) {
            (void)inflateReset(&z);
        }
        z.next_out = out;
        z.avail_out = PIECE;
        st = inflate(&z, Z_NO_FLUSH);
        if (!spool_put(j->s, out, PIECE - z.avail_out)) {
            return false;
        }
        whole = st == Z_STREAM_END;
        if (st != Z_OK && st != Z_STREAM_END && st != Z_BUF_ERROR) {
            return dump_refuse(&j->d, "zlib can't unpack it: %s",
                               z.msg != NULL ? z.msg : "an error");
        }
    }
}
#endif

/* -------------------------------------------------------------------- zstd */

#ifdef PTW_HAVE_ZSTD
static bool unzstd(struct job *j)
{
    static unsigned char in[PIECE];
    static unsigned char out[PIECE];
    ZSTD_DCtx *z = ZSTD_createDCtx();
    uint64_t at = 0;
    size_t left = 0;
    size_t got;
    bool full;

    if (z == NULL) {
        return dump_refuse(&j->d, "zstd has not enough memory");
    }
    /* --long=31, which dumps are packed with for their zeros. */
    (void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax,
                                 sizeof(size_t) > 4 ? 31 : 30);
    for (;;) {
        ZSTD_inBuffer from = {.src = in};

        if (!next_piece(j, &at, in, &got)) {
            return false;
        }
        if (got == 0) {
            return left == 0 ? spool_end(j->s) : say_cut(j);
        }
        from.size = got;
        full = false;
        /* A frame that ends with its piece has nothing more to be flushed. */
        while (from.pos < from.size || (full && left != 0)) {
            ZSTD_outBuffer to = {.dst = out, .size = PIECE};

            left = ZSTD_decompressStream(z, &to, &from);
            if (ZSTD_isError(left)) {
                return dump_refuse(&j->d, "zstd can't unpack it: %s",
                                   ZSTD_getErrorName(left));
            }
            if (!spool_put(j->s, out, to.pos)) {
                return false;
            }
            full = to.pos == to.size;
        }
    }
}
#endif

/* -------------------------------------------------------------------- AVML */

#ifdef PTW_HAVE_SNAPPY
static bool unsnap(const unsigned char *from, size_t from_bytes,
                   unsigned char *to, size_t *bytes)
{
    size_t most = *bytes;

    return snappy_uncompressed_length((const char *)from, from_bytes, bytes) ==
               SNAPPY_OK &&
           *bytes <= most &&
           snappy_uncompress((const char *)from, from_bytes, (char *)to,
                             bytes) == SNAPPY_OK;
}

static bool unavml(struct job *j)
{
    return avml_read(j->r, unsnap, j->s, say_alive, j, &j->d);
}
#endif

/* --------------------------------------------------------------------- all */

static bool (*unpacker_of(enum container_kind kind))(struct job *j)
{
    switch (kind) {
    case CONTAINER_GZIP:
#ifdef PTW_HAVE_ZLIB
        return gunzip;
#else
        break;
#endif
    case CONTAINER_ZSTD:
#ifdef PTW_HAVE_ZSTD
        return unzstd;
#else
        break;
#endif
    case CONTAINER_AVML:
#ifdef PTW_HAVE_SNAPPY
        return unavml;
#else
        break;
#endif
    case CONTAINER_REFUSED:
    case CONTAINER_ELF_CORE:
    case CONTAINER_KDUMP:
    case CONTAINER_FLATTENED:
    case CONTAINER_LIME:
    case CONTAINER_WINDOWS:
    case CONTAINER_VMWARE:
    case CONTAINER_LAYOUT:
    case CONTAINER_MANIFEST:
        break;
    }
    return NULL;
}

/* Where memory lies in the spool, and the end, with a remark if there is one. */
static void work(void *context, int socket)
{
    struct job *j = context;
    struct child_message m = {.kind = CHILD_OWN, .bytes = sizeof(uint64_t)};

    j->socket = socket;
    if (!unpacker_of(j->kind)(j)) {
        child_say_failed(socket, "%s",
                         j->d.why[0] != '\0' ? j->d.why : j->s->why);
        return;
    }
    for (size_t i = 0; i < j->d.segments; i++) {
        const struct segment *s = &j->d.segment[i];

        m.first = s->pa;
        m.last = s->pa + (s->bytes - 1);
        memcpy(m.data, &s->offset, sizeof s->offset);
        if (!child_send(socket, &m)) {
            return;
        }
    }
    m.kind = CHILD_DONE;
    m.bytes = (uint32_t)strlen(j->d.remark);
    memcpy(m.data, j->d.remark, m.bytes);
    (void)child_send(socket, &m);
}

bool packed_unpack(const struct reader *r, enum container_kind kind,
                   struct spool *s, struct dump *d)
{
    struct job j = {.r = r, .kind = kind, .s = s};
    struct child_message m;
    struct child c = {.pid = 0};

    if (unpacker_of(kind) == NULL) {
        return dump_refuse(d, "this ptwalk was built without the library that "
                              "unpacks it: unpack it first");
    }
    if (!child_start(&c, work, &j)) {
        return dump_refuse(d, "%s", c.why);
    }
    while (child_hear(&c, &m)) {
        uint64_t offset;

        if (m.kind == CHILD_DONE) {
            if (m.bytes > 0) {
                dump_remark(d, "%.*s", (int)m.bytes, (const char *)m.data);
            }
            child_end(&c);
            return true;
        }
        memcpy(&offset, m.data, sizeof offset);
        dump_add(d, m.first, m.last - m.first + 1, offset);
    }
    return dump_refuse(d, "%s", c.why);
}
