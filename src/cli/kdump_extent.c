/* SPDX-License-Identifier: Apache-2.0 */
/* makedumpfile, IMPLEMENTATION, "Compressed dump"; diskdump_mod.h, struct
 * page_desc.  Behind the end of a file libkdumpfile reads zeros: a list that is
 * cut off names fewer pages, and a page that is not compressed is zero. */
#include "kdump_extent.h"

#include <inttypes.h>

enum {
    DESCRIPTOR = 24, /* offset 8, size 4, flags 4, flags of the page 8 */
    PIECE_BITS = 1 << 15,
    PIECE = 512, /* descriptors */
    /* Pages are written one behind the other, but for those of zeros, which
     * share one: behind so many others none is further on. */
    BEHIND = 1 << 16
};

/* A list can be a hole as large as a disk. */
static const uint64_t PAGES_MOST = (uint64_t)1 << 36;

/* A part of the list, in order. */
struct cursor {
    const struct reader *r;
    const struct kdump_list *l;
    unsigned char bits[PIECE_BITS / 8];
    uint64_t bits_at; /* of which page the first is, if there are any */
    bool has_bits;
    uint64_t page;
};

static uint64_t pages_end(const struct kdump_list *l)
{
    return l->end < l->bits ? l->end : l->bits;
}

/* Finds the next page whose bit is set; false when there is none. */
static bool next_page(struct cursor *c, uint64_t *page)
{
    uint64_t end = pages_end(c->l);

    while (c->page < end) {
        uint64_t piece = c->page / PIECE_BITS * PIECE_BITS;
        uint64_t left = end - piece;
        unsigned char byte;

        if (!c->has_bits || c->bits_at != piece) {
            size_t bytes =
                (size_t)(left < PIECE_BITS ? (left + 7) / 8 : PIECE_BITS / 8);

            if (!reader_get(c->r, c->l->bitmap + piece / 8, c->bits, bytes)) {
                return false;
            }
            c->bits_at = piece;
            c->has_bits = true;
        }
        byte = c->bits[(c->page - piece) / 8];
        if (byte >> c->page % 8 == 0) {
            c->page = (c->page | 7) + 1;
            continue;
        }
        *page = c->page++;
        if (byte >> *page % 8 & 1) {
            return true;
        }
    }
    return false;
}

static void begin(struct cursor *c, const struct reader *r,
                  const struct kdump_list *l)
{
    c->r = r;
    c->l = l;
    c->has_bits = false;
    c->page = l->first;
}

/* Where the page of a descriptor ends; 0: it was never written. */
static uint64_t end_of(const struct reader *r, const unsigned char *descriptor)
{
    uint64_t offset = reader_number(r, descriptor, 8);
    uint64_t size = reader_number(r, descriptor + 8, 4);

    if (size == 0) {
        return 0;
    }
    return offset > UINT64_MAX - size ? UINT64_MAX : offset + size;
}

/* How far the pages of the descriptors go, from the last one back; *all is false
 * when one was never written. */
static uint64_t furthest(const struct reader *r, const struct kdump_list *l,
                         uint64_t pages, bool *all)
{
    static unsigned char piece[PIECE * DESCRIPTOR];
    uint64_t far = 0;
    uint64_t before = 0;
    uint64_t others = 0;

    *all = true;
    while (pages > 0 && others < BEHIND) {
        size_t n = pages < PIECE ? (size_t)pages : PIECE;

        pages -= n;
        if (!reader_get(r, l->descriptors + pages * DESCRIPTOR, piece,
                        n * DESCRIPTOR)) {
            break;
        }
        while (n > 0) {
            uint64_t end = end_of(r, piece + --n * DESCRIPTOR);

            *all = *all && end != 0;
            others += end != before;
            before = end;
            far = end > far ? end : far;
        }
    }
    return far;
}

/* Notes each page that the file does not have, and returns how many. */
static uint64_t lack(const struct reader *r, const struct kdump_list *l,
                     struct dump *d)
{
    static unsigned char piece[PIECE * DESCRIPTOR];
    uint64_t there = l->descriptors < r->bytes
                         ? (r->bytes - l->descriptors) / DESCRIPTOR
                         : 0;
    struct cursor c;
    uint64_t lacking = 0;
    uint64_t page;

    begin(&c, r, l);
    for (uint64_t i = 0; next_page(&c, &page); i++) {
        uint64_t left = there - i;
        uint64_t end = 0;

        if (i % PIECE == 0 && i < there &&
            !reader_get(r, l->descriptors + i * DESCRIPTOR, piece,
                        (size_t)(left < PIECE ? left : PIECE) * DESCRIPTOR)) {
            there = i;
        }
        if (i < there) {
            end = end_of(r, piece + i % PIECE * DESCRIPTOR);
        }
        if (end == 0 || end > r->bytes) {
            dump_lack(d, page * l->page_bytes, l->page_bytes);
            lacking++;
        }
    }
    return lacking;
}

bool kdump_extent_check(const struct reader *r, const struct kdump_list *l,
                        struct dump *d)
{
    uint64_t bitmap_bytes = (pages_end(l) + 7) / 8;
    struct cursor c;
    uint64_t pages = 0;
    uint64_t page;
    uint64_t end;
    uint64_t far;
    uint64_t lacking;
    bool all = true;

    if (pages_end(l) > PAGES_MOST) {
        return dump_refuse(d, "it lists more than %" PRIu64 " pages",
                           PAGES_MOST);
    }
    if (l->bitmap > r->bytes || bitmap_bytes > r->bytes - l->bitmap) {
        return dump_refuse(d,
                           "it is cut off at %" PRIx64
                           ", within its list of pages, which goes on to "
                           "%" PRIx64 ": copy it again, or dump once more",
                           r->bytes, l->bitmap + bitmap_bytes);
    }
    begin(&c, r, l);
    while (next_page(&c, &page)) {
        pages++;
    }
    end = l->descriptors + pages * DESCRIPTOR;
    far = end <= r->bytes ? furthest(r, l, pages, &all) : end;
    if (far <= r->bytes && all) {
        return true;
    }
    lacking = lack(r, l, d);
    if (far > r->bytes) {
        dump_remark(d,
                    "is cut off at %" PRIx64 ", and goes on to %" PRIx64
                    " or further: %" PRIu64 " of its %" PRIu64
                    " pages are not in the image (copy it again, or dump once "
                    "more)",
                    r->bytes, far, lacking, pages);
    } else {
        dump_remark(d,
                    "was not written to the end: %" PRIu64 " of its %" PRIu64
                    " pages are not in the image",
                    lacking, pages);
    }
    return true;
}
