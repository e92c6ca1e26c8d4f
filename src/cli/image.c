/* SPDX-License-Identifier: Apache-2.0 */
/* Images are raw files, sparse and huge.  Each segment is mapped; the library
 * then reads what the tables point at and nothing else.  Where mapping is not
 * possible (a 32-bit host, a limit on address space), reads go through a small
 * cache of pages. */
#include "image.h"

#include "digest.h"
#include "guard.h"
#include "holes.h"
#include "manifest.h"
#include "output.h"
#include "pages.h"
#include "report.h"
#include "source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --------------------------------------------------------------- the cache */

enum { CACHE_LOG2 = 10 };

struct page {
    uint64_t number_plus_1; /* of the page of the file; 0: none */
    uint32_t bytes;         /* how many of its bytes there are */
    unsigned char byte[PAGE_BYTES];
};

struct page_cache {
    const struct parts *parts;
    struct pages *pages; /* they come from there, or else from the parts */
    int error;           /* of the first read that failed */
    uint64_t error_offset;
    struct page page[1 << CACHE_LOG2];
};

static void note_error(struct page_cache *c, int error, uint64_t offset)
{
    if (c->error == 0) {
        c->error = error;
        c->error_offset = offset;
    }
}

/* Reads a page of the file; what is beyond its end is missing. */
static bool fill_page(struct page_cache *c, struct page *p, uint64_t number)
{
    uint64_t start = number << PAGE_LOG2;
    const struct image_part *part = parts_find(c->parts, start);
    uint64_t at = start - part->start;
    uint32_t got = 0;

    p->number_plus_1 = 0;
    if (c->pages != NULL) {
        if (!pages_read(c->pages, start, p->byte)) {
            note_error(c, EIO, start);
            return false;
        }
        got = PAGE_BYTES;
    }
    if (part->fd == PART_OF_ZEROS) {
        memset(p->byte, 0, PAGE_BYTES);
        got = PAGE_BYTES;
    }
    while (got < PAGE_BYTES) {
        ssize_t n =
            pread(part->fd, p->byte + got, PAGE_BYTES - got, (off_t)(at + got));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            note_error(c, errno, start + got);
            return false;
        }
        if (n == 0) {
            break;
        }
        got += (uint32_t)n;
    }
    p->bytes = got;
    p->number_plus_1 = number + 1;
    return true;
}

static const struct page *page_of(struct page_cache *c, uint64_t number)
{
    uint64_t slot = number * UINT64_C(0x9E3779B97F4A7C15) >> (64 - CACHE_LOG2);
    struct page *p = &c->page[slot];

    if (p->number_plus_1 == number + 1 || fill_page(c, p, number)) {
        return p;
    }
    return NULL;
}

/* The segment that pa is in, if it is in one. */
static const struct segment *segment_of(const struct segment *segment,
                                        size_t segments, uint64_t pa)
{
    size_t low = 0;
    size_t high = segments;

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (segment[mid].pa <= pa) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return &segment[low];
}

/* Reads `bytes` bytes at that offset of the file, wherever pages end. */
static enum ptw_status read_bytes(struct page_cache *c, uint64_t offset,
                                  size_t bytes, unsigned char *out)
{
    while (bytes > 0) {
        const struct page *p = page_of(c, offset >> PAGE_LOG2);
        uint32_t within = (uint32_t)(offset & (PAGE_BYTES - 1));
        uint32_t part = PAGE_BYTES - within;

        part = part < bytes ? part : (uint32_t)bytes;
        if (p == NULL) {
            return PTW_E_BUS;
        }
        if (within + part > p->bytes) {
            note_error(c, ENODATA, offset);
            return PTW_E_BUS;
        }
        memcpy(out, p->byte + within, part);
        out += part;
        offset += part;
        bytes -= part;
    }
    return PTW_OK;
}

/* Whether these bytes, of one region, lie in a hole, and are taken for zeros.
 * Less than a page of them are entries of a table. */
static bool read_hole(const struct image *im, uint64_t pa, size_t bytes)
{
    if (!holes_has(im->holes, pa)) {
        return false;
    }
    holes_note(im->holes, pa, bytes < PAGE_BYTES);
    return true;
}

/* Reads a little-endian number.  The library has checked the address against
 * the regions. */
static enum ptw_status read_number(const struct image *im, uint64_t pa,
                                   unsigned bytes, uint64_t *out)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa);
    unsigned char text[8] = {0};
    enum ptw_status st = PTW_OK;
    uint64_t v = 0;

    if (!read_hole(im, pa, bytes)) {
        st = read_bytes(im->cache, s->offset + (pa - s->pa), bytes, text);
    }
    for (unsigned i = 0; i < sizeof text; i++) {
        v |= (uint64_t)text[i] << (8 * i);
    }
    *out = v;
    return st;
}

static enum ptw_status image_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t v = 0;
    enum ptw_status st = read_number(ctx, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status image_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    return read_number(ctx, pa.v, 8, out);
}

/* What can't be read as a whole is read in numbers: an error is one of those
 * that are wanted. */
static enum ptw_status image_read(void *ctx, ptw_pa pa, void *buffer,
                                  size_t bytes)
{
    const struct image *im = ctx;
    struct page_cache *c = im->cache;
    const struct segment *s = segment_of(im->segment, im->segments, pa.v);
    enum ptw_status st;
    uint64_t at;
    int error;

    if (read_hole(im, pa.v, bytes)) {
        memset(buffer, 0, bytes);
        return PTW_OK;
    }
    error = c->error;
    at = c->error_offset;
    st = read_bytes(c, s->offset + (pa.v - s->pa), bytes, buffer);
    c->error = error;
    c->error_offset = at;
    return st;
}

int image_read_error(const struct image *im, uint64_t *offset)
{
    if (im->cache == NULL) {
        return 0;
    }
    *offset = im->cache->error_offset;
    return im->cache->error;
}

bool image_read_error_text(const struct image *im, char *why, size_t room)
{
    const struct image_part *part;
    uint64_t offset = 0;
    int error = image_read_error(im, &offset);

    if (error == 0) {
        return false;
    }
    if (im->cache->pages != NULL) {
        (void)snprintf(why, room, "the page at %" PRIx64 ": %s", offset,
                       im->cache->pages->child.why);
        return true;
    }
    part = parts_find(&im->parts, offset);
    (void)snprintf(
        why, room, "reading%s%.128s at offset %" PRIx64 " failed: %s",
        im->parts.count > 1 ? " " : "", im->parts.count > 1 ? part->name : "",
        offset - part->start,
        error == ENODATA ? "the file has become shorter" : strerror(error));
    return true;
}

enum cli_status image_report_read_error(const struct options *o,
                                        const struct image *im)
{
    char why[IMAGE_WHY];

    if (!image_read_error_text(im, why, sizeof why)) {
        return CLI_DONE;
    }
    report(o->image, "%s", why);
    return CLI_UNREAD;
}

/* ------------------------------------------------------------- the image */

static void set_segments(struct image *im, const struct options *o,
                         const struct dump *dump)
{
    uint64_t bytes = im->parts.part[0].bytes;

    if (dump != NULL) {
        im->segments = dump->segments;
        im->segment = must(calloc(im->segments, sizeof *im->segment));
        memcpy(im->segment, dump->segment, im->segments * sizeof *im->segment);
        if (dump->mades > 0) {
            im->made.pa = dump->made[0].pa;
            im->made.bytes = dump->mades * MADE_BYTES;
        }
        return;
    }
    im->segments = o->segments == 0 ? 1 : o->segments;
    im->segment = must(calloc(im->segments, sizeof *im->segment));
    if (o->segments == 0) {
        im->segment[0].pa = o->base;
        im->segment[0].bytes = bytes;
        if (bytes - 1 > UINT64_MAX - o->base) {
            die(CLI_USAGE, o->image,
                "with --base %" PRIx64 " its %" PRIx64
                " bytes go beyond the last physical address",
                o->base, bytes);
        }
        return;
    }
    memcpy(im->segment, o->segment, o->segments * sizeof *o->segment);
    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];

        if (s->offset > bytes || s->bytes > bytes - s->offset) {
            die(CLI_UNREAD, o->image,
                "segment %" PRIx64 ":%" PRIx64 ":%" PRIx64
                " goes beyond the end of the file at %" PRIx64,
                s->pa, s->bytes, s->offset, bytes);
        }
    }
}

/* ------------------------------------------------------------ holes, regions */

/* Segments without their holes. */
struct without {
    const struct segment *s; /* that is being cut */
    struct segment *segment;
    size_t count;
};

static void keep_data(void *context, uint64_t first, uint64_t last, bool hole)
{
    struct without *w = context;

    if (!hole) {
        w->segment[w->count++] = (struct segment){
            first, last - first + 1, w->s->offset + (first - w->s->pa)};
    }
}

/* What holes have is not in the image. */
static void leave_holes_out(struct image *im, struct holes *holes)
{
    struct without w = {.count = 0};

    w.segment =
        must(calloc(im->segments + holes_count(holes), sizeof *w.segment));
    for (size_t i = 0; i < im->segments; i++) {
        w.s = &im->segment[i];
        holes_split(holes, w.s->pa, w.s->pa + (w.s->bytes - 1), keep_data, &w);
    }
    if (w.count == 0) {
        die(CLI_UNREAD, im->name,
            "is a hole, all of it: with --holes unknown no memory is in it");
    }
    free(im->segment);
    im->segment = w.segment;
    im->segments = w.count;
}

static void set_holes(struct image *im, enum holes_are holes)
{
    struct holes *found =
        holes == HOLES_ZERO ? NULL
                            : holes_find(&im->parts, im->segment, im->segments);

    if (holes == HOLES_UNKNOWN && found != NULL) {
        leave_holes_out(im, found);
        holes_free(found);
        found = NULL;
    }
    im->holes = found;
}

static void add_region(void *context, uint64_t first, uint64_t last, bool hole)
{
    struct image *im = context;

    (void)hole; /* its host memory is what tells */
    im->region[im->regions].first.v = first;
    im->region[im->regions++].last.v = last;
}

/* Holes that may be zeros are regions of their own, which callbacks serve, so
 * that it is noticed when tables are read there. */
static void set_regions(struct image *im)
{
    size_t most = im->segments + 2 * holes_count(im->holes);

    im->region = must(calloc(most, sizeof *im->region));
    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];

        holes_split(im->holes, s->pa, s->pa + (s->bytes - 1), add_region, im);
    }
}

/* Maps `bytes` bytes of a part, from the page on in which they start, and
 * returns where they are; NULL when that fails. */
static const unsigned char *map_bytes(struct image *im,
                                      const struct image_part *part,
                                      uint64_t offset, uint64_t bytes)
{
    uint64_t within;
    void *map;

    offset -= part->start;
    within = offset % (uint64_t)sysconf(_SC_PAGESIZE);
    if (bytes > SIZE_MAX / 2 - within) {
        return NULL;
    }
    bytes += within;
    map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, part->fd,
               (off_t)(offset - within));
    if (map == MAP_FAILED) {
        return NULL;
    }
    /* Nothing is read ahead: the neighbours of a table are seldom tables, and
     * may be holes. */
    (void)madvise(map, (size_t)bytes, MADV_RANDOM);
    guard_add(map, (size_t)bytes, offset - within, part->name);
    im->map = must_grow(im->map, im->maps, sizeof *im->map);
    im->map[im->maps].start = map;
    im->map[im->maps++].bytes = (size_t)bytes;
    return (const unsigned char *)map + within;
}

/* What is mapped of a part of the image. */
struct mapping {
    uint64_t first; /* offset */
    uint64_t last;
    const unsigned char *host; /* NULL: it can't be, or nothing is wanted */
};

/* Maps, of each part, all that segments have at once: a dump may have more of
 * them than a process may have maps. */
static struct mapping *map_parts(struct image *im)
{
    struct mapping *m = must(calloc(im->parts.count, sizeof *m));

    for (size_t k = 0; k < im->parts.count; k++) {
        m[k].first = UINT64_MAX;
    }
    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];
        uint64_t last = s->offset + (s->bytes - 1);
        size_t k = (size_t)(parts_find(&im->parts, s->offset) - im->parts.part);

        m[k].first = s->offset < m[k].first ? s->offset : m[k].first;
        m[k].last = last > m[k].last ? last : m[k].last;
    }
    for (size_t k = 0; k < im->parts.count; k++) {
        const struct image_part *part = &im->parts.part[k];

        if (part->fd != PART_OF_ZEROS && m[k].first <= m[k].last) {
            m[k].host =
                map_bytes(im, part, m[k].first, m[k].last - m[k].first + 1);
        }
    }
    return m;
}

/* Gives regions their host memory.  Where there is no room to map a part at
 * once, some segments of it fit one by one; the others have none, and are read
 * through the cache. */
static void map_regions(struct image *im)
{
    enum { ONE_BY_ONE = 1024 };
    struct mapping *mapped = map_parts(im);
    const unsigned char *host = NULL;
    size_t r = 0;

    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];
        const struct image_part *part = parts_find(&im->parts, s->offset);
        const struct mapping *m = &mapped[part - im->parts.part];
        uint64_t last = s->pa + (s->bytes - 1);

        host = NULL;
        if (m->host != NULL) {
            host = m->host + (s->offset - m->first);
        } else if (i < ONE_BY_ONE && im->segments > 1 &&
                   part->fd != PART_OF_ZEROS) {
            host = map_bytes(im, part, s->offset, s->bytes);
        }
        for (; r < im->regions && im->region[r].first.v <= last; r++) {
            uint64_t first = im->region[r].first.v;

            if (host != NULL && !holes_has(im->holes, first)) {
                im->region[r].host = host + (first - s->pa);
            }
        }
    }
    free(mapped);
}

static void make_cache(struct image *im, struct pages *pages)
{
    im->cache = must(calloc(1, sizeof *im->cache));
    im->cache->parts = &im->parts;
    im->cache->pages = pages;
}

bool image_is_made(const struct image *im, const struct segment *s)
{
    return s->pa >= im->made.pa && s->pa - im->made.pa < im->made.bytes;
}

/* How many of a segment's bytes are memory. */
static uint64_t memory_of(const struct image *im, const struct segment *s)
{
    return image_is_made(im, s) ? 0 : s->bytes;
}

static void add_up(struct image *im)
{
    uint64_t sum = 0;

    im->before = must(calloc(im->segments, sizeof *im->before));
    for (size_t i = 0; i < im->segments; i++) {
        im->before[i] = sum;
        sum += memory_of(im, &im->segment[i]);
    }
}

bool image_container(const struct image *im, const char *name,
                     struct container *found)
{
    const struct image_part *part = &im->parts.part[0];
    struct reader r = {.fd = part->fd, .bytes = part->bytes};
    bool read;
    bool is_container = source_recognise(&r, found, &read);

    if (!read) {
        die(CLI_UNREAD, name, "its beginning and end can't be read");
    }
    return is_container;
}

/* Who says where memory lies in a file, and leaves its signature out, knows
 * what it is; if there are long parts of memory in files of this kind. */
static bool is_laid_out(const struct options *o, const struct container *c)
{
    bool laid_out = c->as_it_is && o->segments > 0;

    for (size_t i = 0; i < o->segments; i++) {
        const struct segment *s = &o->segment[i];

        laid_out = laid_out && (s->offset >= c->offset + c->bytes ||
                                s->offset + (s->bytes - 1) < c->offset);
    }
    return laid_out;
}

/* Holes are not read: each page of one that is mapped costs a fault.  The library
 * asks before it reads a page: that is how far it is. */
static bool image_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct image *im = ctx;
    struct image_watch *w = im->watch;
    uint64_t at = 0;

    if (w->o != NULL) {
        w->done += bytes;
        progress_step(w->o, w->what, w->done, w->total);
    }
    while (at < bytes && bytes - at >= PAGE_BYTES &&
           image_hole(im, ptw_pa_of(pa.v + at), &im->extent)) {
        at += PAGE_BYTES;
    }
    return at == bytes;
}

/* Regions that are not mapped are read through the cache, which is there if
 * there is such a one that is no hole. */
static const struct ptw_mem_ops image_ops = {
    .read32 = image_read32,
    .read64 = image_read64,
    .read = image_read,
    .zeros = image_zeros,
};

/* What the image is of is there. */
static void open_memory(struct image *im, const struct options *o,
                        enum holes_are holes, const struct dump *dump,
                        struct pages *pages)
{
    enum ptw_status st;
    bool cached = false;

    im->watch = must(calloc(1, sizeof *im->watch));
    set_segments(im, o, dump);
    set_holes(im, holes);
    add_up(im);
    set_regions(im);
    if (!o->no_mmap && pages == NULL) {
        map_regions(im);
    }
    for (size_t i = 0; i < im->regions; i++) {
        cached = cached || (im->region[i].host == NULL &&
                            !holes_has(im->holes, im->region[i].first.v));
    }
    if (cached) {
        make_cache(im, pages);
    }
    st = ptw_mem_init_callbacks(&im->mem, &image_ops, im, im->region,
                                im->regions);
    if (st != PTW_OK) {
        die(CLI_USAGE, o->image, "can't be memory: %s", ptw_status_text(st));
    }
    ptw_mem_set_stopped(&im->mem, true);
}

/* An image has to be the one that its manifest was written for. */
static void check_digest(const struct options *o)
{
    const struct source *s = o->source;
    const struct image_part *part = source_vouched(s);
    unsigned char digest[DIGEST_BYTES];
    char is[DIGEST_TEXT];
    char said[DIGEST_TEXT];

    if (o->no_digest) {
        return;
    }
    digest_of(o, part->fd, part->name, part->bytes, digest);
    if (memcmp(digest, s->manifest->sha256, sizeof digest) != 0) {
        digest_text(digest, is);
        digest_text(s->manifest->sha256, said);
        die(CLI_UNREAD, s->name,
            "says SHA-256 %s of %s, and that is %s: it has changed, or is "
            "another image; --no-digest opens it all the same",
            said, part->name, is);
    }
}

/* A container is opened as what it is, or refused by name; who lays one out is
 * believed. */
void image_open(struct image *im, const struct options *o)
{
    const struct source *s = o->source;
    bool laid_out = s->is_container && is_laid_out(o, &s->container);

    if (!laid_out) {
        source_check(s);
    }
    if (s->opened && !laid_out && o->base != 0) {
        die(CLI_USAGE, o->image,
            "is %s, which says itself where memory lies: "
            "--base goes with raw memory",
            s->container.name);
    }
    if (s->opened && !laid_out && o->segments > 0) {
        die(CLI_UNREAD, o->image,
            "is %s, and %s; --raw takes it for raw all the same",
            s->container.name,
            s->container.as_it_is ? "a --segment takes its beginning for memory"
            : s->container.kind == CONTAINER_LAYOUT || s->manifest != NULL
                ? "says itself where memory lies, so that --segment can't"
                : "its memory is packed, so that --segment can't lay it out");
    }
    if (s->fd >= 0) {
        (void)source_file_bytes(s->fd, o->image);
    }
    memset(im, 0, sizeof *im);
    im->name = o->image;
    im->parts = s->parts;
    if (s->opened && !laid_out) {
        open_memory(im, o, o->holes, &s->dump, s->pages);
    } else {
        open_memory(im, o, o->holes, NULL, NULL);
    }
    source_each_file(s, outputs_refuse_stdout);
    if (s->manifest != NULL) {
        check_digest(o);
    }
    if (o->segments == 0 && s->dump.remark[0] != '\0') {
        report(o->image, "%s", s->dump.remark);
    }
}

void image_open_fd(struct image *im, const struct options *o, int fd)
{
    memset(im, 0, sizeof *im);
    im->name = o->image;
    im->owned = true;
    (void)parts_add(&im->parts, fd, o->image, source_file_bytes(fd, o->image));
    open_memory(im, o, HOLES_ZERO, NULL, NULL);
}

/* How many bytes of memory there are at addresses up to pa. */
static uint64_t memory_to(const struct image *im, uint64_t pa)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa);
    uint64_t before = im->before[s - im->segment];
    uint64_t bytes = memory_of(im, s);

    if (pa < s->pa) {
        return before;
    }
    return before + (pa - s->pa < bytes ? pa - s->pa + 1 : bytes);
}

uint64_t image_outside(const struct image *im, ptw_pa pa, uint64_t bytes)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa.v);
    uint64_t to;

    if (pa.v >= s->pa && bytes <= s->bytes &&
        pa.v - s->pa <= s->bytes - bytes && !image_is_made(im, s)) {
        return 0; /* as nearly always */
    }
    to = memory_to(im, pa.v + (bytes - 1));
    return bytes - (pa.v == 0 ? to : to - memory_to(im, pa.v - 1));
}

uint64_t image_memory(const struct image *im)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < im->segments; i++) {
        bytes += memory_of(im, &im->segment[i]);
    }
    return bytes;
}

void image_watch(const struct image *im, const struct options *o,
                 const char *what, uint64_t total)
{
    *im->watch = (struct image_watch){.o = o, .what = what, .total = total};
}

void image_watch_end(const struct image *im)
{
    memset(im->watch, 0, sizeof *im->watch);
}

void image_in_order(const struct image *im)
{
    for (size_t i = 0; i < im->maps; i++) {
        (void)madvise(im->map[i].start, im->map[i].bytes, MADV_NORMAL);
    }
}

const void *image_page(const struct image *im, ptw_pa pa,
                       uint64_t room[PAGE_BYTES / 8])
{
    const void *page = ptw_borrow(&im->mem, pa, PAGE_BYTES);
    size_t run = 0;

    if (page == NULL && holes_has(im->holes, pa.v)) {
        memset(room, 0, PAGE_BYTES); /* it is no table that is read */
        return room;
    }
    for (size_t at = 0; page == NULL && at < PAGE_BYTES; at += run) {
        if (ptw_read_bytes(&im->mem, ptw_pa_of(pa.v + at),
                           (unsigned char *)room + at, PAGE_BYTES - at,
                           &run) != PTW_OK) {
            return NULL;
        }
    }
    return page != NULL ? page : room;
}

/* Finds out what the file has at offset, and as far as it is the same. */
static void find_extent(const struct image *im, uint64_t offset,
                        struct extent *e)
{
    const struct image_part *part = parts_find(&im->parts, offset);
    uint64_t at = offset - part->start;
    off_t data;
    off_t end;

    e->first = offset;
    e->last = part->start + (part->bytes - 1);
    e->hole = true;
    if (part->fd == PART_OF_ZEROS) {
        return;
    }
    data = lseek(part->fd, (off_t)at, SEEK_DATA);
    e->hole = data < 0 ? errno == ENXIO : (uint64_t)data > at;
    if (data < 0) {
        return;
    }
    end = e->hole ? data : lseek(part->fd, (off_t)at, SEEK_HOLE);
    if (end > 0 && part->start + ((uint64_t)end - 1) < e->last) {
        e->last = part->start + ((uint64_t)end - 1);
    }
}

bool image_hole(const struct image *im, ptw_pa pa, struct extent *e)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa.v);
    uint64_t offset;

    if (im->cache != NULL && im->cache->pages != NULL) {
        return false;
    }
    if (pa.v < s->pa || s->bytes < PAGE_BYTES ||
        pa.v - s->pa > s->bytes - PAGE_BYTES) {
        return false;
    }
    offset = s->offset + (pa.v - s->pa);
    if (e->last == 0 || offset < e->first || offset > e->last) {
        find_extent(im, offset, e);
    }
    return e->hole && e->last - offset >= PAGE_BYTES - 1;
}

bool image_doubtful(const struct image *im, ptw_pa pa)
{
    return holes_has(im->holes, pa.v);
}

bool image_holes(const struct image *im, uint64_t *pa)
{
    return holes_noted(im->holes, pa);
}

void image_report_holes(const struct image *im)
{
    uint64_t pa;

    if (image_holes(im, &pa)) {
        report(im->name,
               "tables lie in holes of the file, the first at %" PRIx64
               ", and are taken for zeros: --holes zero if they are, --holes "
               "unknown if the file may lack memory there",
               pa);
    }
}

void image_copies_tables(const struct image *im)
{
    if (im->holes != NULL) {
        holes_take_whole_tables(im->holes);
    }
}

void image_excuse_hole(const struct image *im, ptw_pa pa, uint64_t bytes)
{
    holes_excuse(im->holes, pa.v, bytes);
}

void image_close(struct image *im)
{
    for (size_t i = 0; i < im->maps; i++) {
        guard_drop(im->map[i].start);
        (void)munmap(im->map[i].start, im->map[i].bytes);
    }
    if (im->owned) {
        (void)close(im->parts.part[0].fd);
        parts_free(&im->parts);
    }
    holes_free(im->holes);
    free(im->segment);
    free(im->before);
    free(im->region);
    free(im->map);
    free(im->cache);
    free(im->watch);
    memset(im, 0, sizeof *im);
}
