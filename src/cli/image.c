/* SPDX-License-Identifier: Apache-2.0 */
/* Images are raw files, sparse and huge.  Each segment is mapped; the library
 * then reads what the tables point at and nothing else.  Where mapping is not
 * possible (a 32-bit host, a limit on address space), reads go through a small
 * cache of pages. */
#include "image.h"

#include "guard.h"
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
    int fd;
    struct pages *pages; /* they come from there, or else from fd */
    const struct segment *segment;
    size_t segments;
    int error; /* of the first read that failed */
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
    uint32_t got = 0;

    p->number_plus_1 = 0;
    if (c->pages != NULL) {
        if (!pages_read(c->pages, start, p->byte)) {
            note_error(c, EIO, start);
            return false;
        }
        got = PAGE_BYTES;
    }
    while (got < PAGE_BYTES) {
        ssize_t n =
            pread(c->fd, p->byte + got, PAGE_BYTES - got, (off_t)(start + got));

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

/* Reads a little-endian number.  The library has checked the address against
 * the segments. */
static enum ptw_status read_number(struct page_cache *c, uint64_t pa,
                                   unsigned bytes, uint64_t *out)
{
    const struct segment *s = segment_of(c->segment, c->segments, pa);
    unsigned char text[8] = {0};
    enum ptw_status st = read_bytes(c, s->offset + (pa - s->pa), bytes, text);
    uint64_t v = 0;

    for (unsigned i = 0; i < sizeof text; i++) {
        v |= (uint64_t)text[i] << (8 * i);
    }
    *out = v;
    return st;
}

static enum ptw_status cache_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    const struct image *im = ctx;
    uint64_t v = 0;
    enum ptw_status st = read_number(im->cache, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status cache_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    const struct image *im = ctx;

    return read_number(im->cache, pa.v, 8, out);
}

/* What can't be read as a whole is read in numbers: an error is one of those
 * that are wanted. */
static enum ptw_status cache_read(void *ctx, ptw_pa pa, void *buffer,
                                  size_t bytes)
{
    const struct image *im = ctx;
    struct page_cache *c = im->cache;
    const struct segment *s = segment_of(c->segment, c->segments, pa.v);
    int error = c->error;
    uint64_t at = c->error_offset;
    enum ptw_status st =
        read_bytes(c, s->offset + (pa.v - s->pa), bytes, buffer);

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
    (void)snprintf(
        why, room, "reading at offset %" PRIx64 " failed: %s", offset,
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

static uint64_t file_bytes(int fd, const struct options *o)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) != 0) {
        die(CLI_UNREAD, o->image, "can't be examined: %s", strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        die(CLI_UNREAD, o->image, "is a directory, not an image");
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        die(CLI_UNREAD, o->image,
            "is neither a regular file nor a block device");
    }
    end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        die(CLI_UNREAD, o->image, "has no size: %s", strerror(errno));
    }
    if (end == 0) {
        die(CLI_UNREAD, o->image, "is empty");
    }
    return (uint64_t)end;
}

static void set_segments(struct image *im, const struct options *o,
                         const struct dump *dump)
{
    if (dump != NULL) {
        im->segments = dump->segments;
        im->segment = must(calloc(im->segments, sizeof *im->segment));
        memcpy(im->segment, dump->segment, im->segments * sizeof *im->segment);
        return;
    }
    im->segments = o->segments == 0 ? 1 : o->segments;
    im->segment = must(calloc(im->segments, sizeof *im->segment));
    if (o->segments == 0) {
        im->segment[0].pa = o->base;
        im->segment[0].bytes = im->bytes;
        if (im->bytes - 1 > UINT64_MAX - o->base) {
            die(CLI_USAGE, o->image,
                "with --base %" PRIx64 " its %" PRIx64
                " bytes go beyond the last physical address",
                o->base, im->bytes);
        }
        return;
    }
    memcpy(im->segment, o->segment, o->segments * sizeof *o->segment);
    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];

        if (s->offset > im->bytes || s->bytes > im->bytes - s->offset) {
            die(CLI_UNREAD, o->image,
                "segment %" PRIx64 ":%" PRIx64 ":%" PRIx64
                " goes beyond the end of the file at %" PRIx64,
                s->pa, s->bytes, s->offset, im->bytes);
        }
    }
}

/* Maps a part of the file, from the page on in which it starts, and returns
 * where it is; NULL when that fails. */
static const unsigned char *map_part(struct image *im, uint64_t offset,
                                     uint64_t bytes, const char *name)
{
    uint64_t within = offset % (uint64_t)sysconf(_SC_PAGESIZE);
    void *map;

    if (bytes > SIZE_MAX / 2 - within) {
        return NULL;
    }
    bytes += within;
    map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, im->fd,
               (off_t)(offset - within));
    if (map == MAP_FAILED) {
        return NULL;
    }
    /* Nothing is read ahead: the neighbours of a table are seldom tables, and
     * may be holes. */
    (void)madvise(map, (size_t)bytes, MADV_RANDOM);
    guard_add(map, (size_t)bytes, offset - within, name);
    im->map = must(realloc(im->map, (im->maps + 1) * sizeof *im->map));
    im->map[im->maps].start = map;
    im->map[im->maps++].bytes = (size_t)bytes;
    return (const unsigned char *)map + within;
}

/* Maps all segments at once: a dump may have more of them than a process may
 * have maps.  Where there is no room for that, some fit one by one; the others
 * have no host memory, and are read through the cache. */
static void map_segments(struct image *im, const char *name)
{
    enum { ONE_BY_ONE = 1024 };
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    const unsigned char *all;

    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];

        first = s->offset < first ? s->offset : first;
        last = s->offset + (s->bytes - 1) > last ? s->offset + (s->bytes - 1)
                                                 : last;
    }
    all = map_part(im, first, last - first + 1, name);
    for (size_t i = 0; i < im->segments; i++) {
        const struct segment *s = &im->segment[i];

        if (all != NULL) {
            im->region[i].host = all + (s->offset - first);
        } else if (i < ONE_BY_ONE && im->segments > 1) {
            im->region[i].host = map_part(im, s->offset, s->bytes, name);
        }
    }
}

static void make_cache(struct image *im, struct pages *pages)
{
    im->cache = must(calloc(1, sizeof *im->cache));
    im->cache->fd = im->fd;
    im->cache->pages = pages;
    im->cache->segment = im->segment;
    im->cache->segments = im->segments;
}

static void add_up(struct image *im)
{
    uint64_t sum = 0;

    im->before = must(calloc(im->segments, sizeof *im->before));
    for (size_t i = 0; i < im->segments; i++) {
        im->before[i] = sum;
        sum += im->segment[i].bytes;
    }
}

bool image_container(const struct image *im, const char *name,
                     struct container *found)
{
    struct reader r = {.fd = im->fd, .bytes = im->bytes};
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

/* Holes are not read: each page of one that is mapped costs a fault. */
static bool image_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    struct image *im = ctx;
    uint64_t at = 0;

    while (at < bytes && bytes - at >= PAGE_BYTES &&
           image_hole(im, ptw_pa_of(pa.v + at), &im->extent)) {
        at += PAGE_BYTES;
    }
    return at == bytes;
}

/* Regions that are not mapped are read through the cache, which is there if
 * there is such a one. */
static const struct ptw_mem_ops image_ops = {
    .read32 = cache_read32,
    .read64 = cache_read64,
    .read = cache_read,
    .zeros = image_zeros,
};

static void open_memory(struct image *im, const struct options *o, int fd,
                        const struct dump *dump, struct pages *pages)
{
    enum ptw_status st;
    bool cached = false;

    memset(im, 0, sizeof *im);
    im->fd = fd;
    im->bytes = file_bytes(im->fd, o);
    set_segments(im, o, dump);
    add_up(im);
    im->region = must(calloc(im->segments, sizeof *im->region));
    for (size_t i = 0; i < im->segments; i++) {
        im->region[i].first.v = im->segment[i].pa;
        im->region[i].last.v = im->segment[i].pa + (im->segment[i].bytes - 1);
    }
    if (!o->no_mmap && pages == NULL) {
        map_segments(im, o->image);
    }
    for (size_t i = 0; i < im->segments; i++) {
        cached = cached || im->region[i].host == NULL;
    }
    if (cached) {
        make_cache(im, pages);
    }
    st = ptw_mem_init_callbacks(&im->mem, &image_ops, im, im->region,
                                im->segments);
    if (st != PTW_OK) {
        die(CLI_USAGE, o->image, "can't be memory: %s", ptw_status_text(st));
    }
    ptw_mem_set_stopped(&im->mem, true);
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
            s->container.as_it_is
                ? "a --segment takes its beginning for memory"
                : "its memory is packed, so that --segment can't lay it out");
    }
    if (s->opened && !laid_out) {
        open_memory(im, o, s->fd, &s->dump, s->pages);
    } else {
        open_memory(im, o, s->fd, NULL, NULL);
    }
    im->owned = false;
    im->file = s->file;
    outputs_refuse_stdout(im->file, o->image);
    if (s->opened && !laid_out && s->dump.remark[0] != '\0') {
        report(o->image, "%s", s->dump.remark);
    }
}

void image_open_fd(struct image *im, const struct options *o, int fd)
{
    open_memory(im, o, fd, NULL, NULL);
    im->owned = true;
    im->file = fd;
}

/* How many bytes of memory there are at addresses up to pa. */
static uint64_t memory_to(const struct image *im, uint64_t pa)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa);
    uint64_t before = im->before[s - im->segment];

    if (pa < s->pa) {
        return before;
    }
    return before + (pa - s->pa < s->bytes ? pa - s->pa + 1 : s->bytes);
}

uint64_t image_outside(const struct image *im, ptw_pa pa, uint64_t bytes)
{
    const struct segment *s = segment_of(im->segment, im->segments, pa.v);
    uint64_t to;

    if (pa.v >= s->pa && bytes <= s->bytes &&
        pa.v - s->pa <= s->bytes - bytes) {
        return 0; /* as nearly always */
    }
    to = memory_to(im, pa.v + (bytes - 1));
    return bytes - (pa.v == 0 ? to : to - memory_to(im, pa.v - 1));
}

uint64_t image_memory(const struct image *im)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < im->segments; i++) {
        bytes += im->segment[i].bytes;
    }
    return bytes;
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
    off_t data = lseek(im->fd, (off_t)offset, SEEK_DATA);
    off_t end;

    e->first = offset;
    e->last = im->bytes - 1;
    e->hole = data < 0 ? errno == ENXIO : (uint64_t)data > offset;
    if (data < 0) {
        return;
    }
    end = e->hole ? data : lseek(im->fd, (off_t)offset, SEEK_HOLE);
    if (end > 0 && (uint64_t)end - 1 < e->last) {
        e->last = (uint64_t)end - 1;
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

bool image_address(const struct image *im, const void *bytes, ptw_pa *pa)
{
    uintptr_t at = (uintptr_t)bytes;

    for (size_t i = 0; i < im->segments; i++) {
        uintptr_t first = (uintptr_t)im->region[i].host;

        if (im->region[i].host != NULL && at >= first &&
            at - first < im->segment[i].bytes) {
            pa->v = im->segment[i].pa + (at - first);
            return true;
        }
    }
    return false;
}

void image_close(struct image *im)
{
    for (size_t i = 0; i < im->maps; i++) {
        guard_drop(im->map[i].start);
        (void)munmap(im->map[i].start, im->map[i].bytes);
    }
    if (im->owned) {
        (void)close(im->fd);
    }
    free(im->segment);
    free(im->before);
    free(im->region);
    free(im->map);
    free(im->cache);
    memset(im, 0, sizeof *im);
}
