/* SPDX-License-Identifier: Apache-2.0 */
/* Images are raw files, sparse and huge.  Each segment is mapped; the library
 * then reads what the tables point at and nothing else.  Where mapping is not
 * possible (a 32-bit host, a limit on address space), reads go through a small
 * cache of pages.
 *
 * A mapped file can fail at any time: when somebody makes it shorter, or when
 * the disk does.  That is a SIGBUS, and ends the command with one line. */
#include "image.h"

#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --------------------------------------------------------------- the cache */

enum { PAGE_LOG2 = 12, PAGE_BYTES = 1 << PAGE_LOG2, CACHE_LOG2 = 10 };

struct page {
    uint64_t number_plus_1; /* of the page of the file; 0: none */
    uint32_t bytes;         /* how many of its bytes there are */
    unsigned char byte[PAGE_BYTES];
};

struct page_cache {
    int fd;
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

static const struct segment *segment_of(const struct page_cache *c, uint64_t pa)
{
    size_t low = 0;
    size_t high = c->segments;

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (c->segment[mid].pa <= pa) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return &c->segment[low];
}

/* Reads `bytes` bytes at that offset of the file, wherever pages end. */
static enum ptw_status read_bytes(struct page_cache *c, uint64_t offset,
                                  unsigned bytes, unsigned char *out)
{
    while (bytes > 0) {
        const struct page *p = page_of(c, offset >> PAGE_LOG2);
        uint32_t within = (uint32_t)(offset & (PAGE_BYTES - 1));
        uint32_t part = PAGE_BYTES - within;

        part = part < bytes ? part : bytes;
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
    const struct segment *s = segment_of(c, pa);
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
    uint64_t v = 0;
    enum ptw_status st = read_number(ctx, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status cache_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    return read_number(ctx, pa.v, 8, out);
}

static const struct ptw_mem_ops cache_ops = {
    .read32 = cache_read32,
    .read64 = cache_read64,
};

int image_read_error(const struct image *im, uint64_t *offset)
{
    if (im->cache == NULL) {
        return 0;
    }
    *offset = im->cache->error_offset;
    return im->cache->error;
}

/* ------------------------------------------------------------------ SIGBUS */

/* What the handler needs, made beforehand: it may call next to nothing. */
static const struct image *mapped;
static char bus_line[4608];
static size_t bus_line_bytes;

static size_t append_text(char *line, size_t used, const char *text)
{
    while (*text != '\0' && used < sizeof bus_line - 64) {
        char c = *text++;

        if ((unsigned char)c < 0x20 || c == 0x7f) {
            c = '?';
        }
        line[used++] = c;
    }
    return used;
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    static const char digits[] = "0123456789abcdef";
    uintptr_t at = (uintptr_t)info->si_addr;
    char text[17];
    size_t first = 16;

    (void)context;
    for (size_t i = 0; mapped != NULL && i < mapped->segments; i++) {
        uintptr_t start = (uintptr_t)mapped->map[i];

        if (start != 0 && at >= start && at - start < mapped->map_bytes[i]) {
            uint64_t within =
                mapped->segment[i].offset % (uint64_t)sysconf(_SC_PAGESIZE);
            uint64_t offset = mapped->segment[i].offset - within + (at - start);

            text[16] = '\n';
            do {
                text[--first] = digits[offset & 15];
                offset >>= 4;
            } while (offset != 0);
            memcpy(bus_line + bus_line_bytes, text + first, 17 - first);
            progress_clear();
            (void)!write(STDERR_FILENO, bus_line,
                         bus_line_bytes + (17 - first));
            _exit(CLI_UNREAD);
        }
    }
    /* Not the image's: what it would have been without this handler. */
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void handle_sigbus(const struct image *im, const char *name)
{
    struct sigaction action;
    size_t used;

    used = append_text(bus_line, 0, "ptwalk: ");
    used = append_text(bus_line, used, name);
    bus_line_bytes = append_text(
        bus_line, used,
        ": the file has become shorter, or the disk failed, at offset ");
    mapped = im;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, NULL);
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

static void set_segments(struct image *im, const struct options *o)
{
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

/* Maps a segment, from the page on in which it starts.  On failure its region
 * has no host memory and is read through the cache. */
static void map_segment(struct image *im, size_t i)
{
    const struct segment *s = &im->segment[i];
    uint64_t within = s->offset % (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t bytes = s->bytes + within;
    void *map;

    if (bytes > SIZE_MAX / 2) {
        return;
    }
    map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, im->fd,
               (off_t)(s->offset - within));
    if (map == MAP_FAILED) {
        return;
    }
    /* Nothing is read ahead: the neighbours of a table are seldom tables, and
     * may be holes. */
    (void)madvise(map, (size_t)bytes, MADV_RANDOM);
    im->map[i] = map;
    im->map_bytes[i] = (size_t)bytes;
    im->region[i].host = (const unsigned char *)map + within;
}

static void make_cache(struct image *im)
{
    im->cache = must(calloc(1, sizeof *im->cache));
    im->cache->fd = im->fd;
    im->cache->segment = im->segment;
    im->cache->segments = im->segments;
}

void image_open(struct image *im, const struct options *o)
{
    enum ptw_status st;
    bool cached = false;

    memset(im, 0, sizeof *im);
    /* A FIFO would block; it is refused once it is open. */
    im->fd = open(o->image, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (im->fd < 0) {
        die(CLI_UNREAD, o->image, "can't be opened: %s", strerror(errno));
    }
    im->bytes = file_bytes(im->fd, o);
    set_segments(im, o);
    im->region = must(calloc(im->segments, sizeof *im->region));
    im->map = must(calloc(im->segments, sizeof *im->map));
    im->map_bytes = must(calloc(im->segments, sizeof *im->map_bytes));
    for (size_t i = 0; i < im->segments; i++) {
        im->region[i].first.v = im->segment[i].pa;
        im->region[i].last.v = im->segment[i].pa + (im->segment[i].bytes - 1);
        if (!o->no_mmap) {
            map_segment(im, i);
        }
        cached = cached || im->map[i] == NULL;
    }
    if (cached) {
        make_cache(im);
        st = ptw_mem_init_callbacks(&im->mem, &cache_ops, im->cache, im->region,
                                    im->segments);
    } else {
        st = ptw_mem_init_regions(&im->mem, im->region, im->segments);
    }
    if (st != PTW_OK) {
        die(CLI_USAGE, o->image, "can't be memory: %s", ptw_status_text(st));
    }
    handle_sigbus(im, o->image);
}

enum ptw_status image_root(const struct image *im, const struct options *o,
                           uint32_t index)
{
    const struct ptw_regime *r = &o->regime;
    enum ptw_status st = ptw_root_check(r, o->root[index]);
    unsigned levels = ptw_levels(r);
    uint64_t bytes;

    if (st != PTW_OK || levels == 0) {
        return st;
    }
    bytes = (uint64_t)ptw_entry_bytes(r)
            << (r->va_bits - ptw_level_shift(r, levels - 1));
    return ptw_mem_cover(&im->mem, o->root[index], bytes) == PTW_COVER_NONE
               ? PTW_E_BUS
               : PTW_OK;
}

void image_close(struct image *im)
{
    mapped = NULL;
    for (size_t i = 0; i < im->segments; i++) {
        if (im->map[i] != NULL) {
            (void)munmap(im->map[i], im->map_bytes[i]);
        }
    }
    (void)close(im->fd);
    free(im->segment);
    free(im->region);
    free(im->map);
    free(im->map_bytes);
    free(im->cache);
    memset(im, 0, sizeof *im);
}
