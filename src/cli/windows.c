/* SPDX-License-Identifier: Apache-2.0 */
/* Windows crash dumps.  Microsoft, Windows Research Kernel, base/ntos/inc/dump.h:
 * DUMP_HEADER32, DUMP_HEADER64, PHYSICAL_MEMORY_DESCRIPTOR32 and 64,
 * SUMMARY_DUMP32 and 64; the header of a newer bitmap as the "BMP_HEADER64" of
 * 0vercl0k's kdmp-parser describes it, which "is shared between 32- and 64-bit":
 * Volatility 3, framework/layers/crash.py.
 *
 * - Of type 1 ("complete", "full"), runs of pages in the header say which pages
 *   follow, one behind the other.
 * - Of type 2 ("kernel", up to Windows 7), and of types 5, 6 and 7 (bitmap: full,
 *   kernel, automatic), a second header has the offset of the first page, and a
 *   bit for each page frame that follows.
 * - DirectoryTableBase is CR3 of the process that was running, with a PCID.
 *   Whether there are five levels it does not say. */
#include "windows.h"

#include <inttypes.h>
#include <string.h>

enum {
    PAGE = 4096,
    FULL = 1,
    SUMMARY = 2,
    BITMAP_FULL = 5,
    BITMAP_KERNEL = 6,
    BITMAP_AUTOMATIC = 7,
    MACHINE_I386 = 0x14c,
    MACHINE_AMD64 = 0x8664,
    MACHINE_ARM64 = 0xaa64,
    RUNS_BYTES = 700, /* of the buffer that the descriptor stands in */
};

/* Where members stand. */
struct layout {
    unsigned table;   /* DirectoryTableBase */
    unsigned machine; /* MachineImageType */
    unsigned runs;    /* PhysicalMemoryBlock */
    unsigned type;    /* DumpType */
    unsigned bytes;   /* of the header, and of a number in it: */
    unsigned number;
};

static const struct layout layout_32 = {0x10, 0x20, 0x64, 0xf88, 0x1000, 4};
static const struct layout layout_64 = {0x10, 0x30, 0x88, 0xf98, 0x2000, 8};

/* Where they stand in the second header. */
struct bitmap {
    unsigned first; /* HeaderSize: the offset of the first page */
    unsigned bits;  /* BitmapSize */
    unsigned map;
    unsigned number; /* bytes of one of the first two */
};

/* The last member but the map is an RTL_BITMAP, which ends with a pointer. */
static const struct bitmap summary_32 = {0x0c, 0x10, 0x20, 4};
static const struct bitmap summary_64 = {0x0c, 0x10, 0x28, 4};
static const struct bitmap bitmap_of_any = {0x20, 0x30, 0x38, 8};

static uint64_t get(const struct reader *r, uint64_t at, unsigned bytes)
{
    unsigned char text[8] = {0};

    return reader_get(r, at, text, bytes) ? reader_number(r, text, bytes) : 0;
}

static void say_cut(const struct reader *r, struct dump *d)
{
    dump_remark(d,
                "ends at %" PRIx64 ", where %" PRIx64
                " more bytes of memory should be: they are not in the image",
                r->bytes, d->missing);
}

/* Adds pages from that frame on; what the file does not have is missing. */
static bool add_pages(const struct reader *r, uint64_t frame, uint64_t pages,
                      uint64_t offset, struct dump *d)
{
    uint64_t there = offset < r->bytes ? (r->bytes - offset) / PAGE : 0;

    if (frame > UINT64_MAX / PAGE || pages > UINT64_MAX / PAGE - frame) {
        return dump_refuse(d,
                           "its pages from %" PRIx64 " on, of 4096 bytes, "
                           "go beyond the last address",
                           frame);
    }
    if (pages > there) {
        dump_miss(d, (pages - there) * PAGE);
        pages = there;
    }
    dump_add(d, frame * PAGE, pages * PAGE, offset);
    return true;
}

static bool read_runs(const struct reader *r, const struct layout *l,
                      struct dump *d)
{
    uint64_t runs = get(r, l->runs, 4);
    uint64_t offset = l->bytes;

    if (runs == 0 || runs > (RUNS_BYTES / l->number - 2) / 2) {
        return dump_refuse(d, "its number of runs, %" PRIu64 ", is none", runs);
    }
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t at = l->runs + (i + 1) * 2 * l->number;
        uint64_t frame = get(r, at, l->number);
        uint64_t pages = get(r, at + l->number, l->number);

        if (!add_pages(r, frame, pages, offset, d)) {
            return false;
        }
        offset = pages > (UINT64_MAX - offset) / PAGE ? UINT64_MAX
                                                      : offset + pages * PAGE;
    }
    return true;
}

/* A run of pages whose bits are set. */
struct run {
    uint64_t first;
    uint64_t pages;
    uint64_t offset;
};

static bool end_run(const struct reader *r, struct run *run, struct dump *d)
{
    bool done =
        run->pages == 0 || add_pages(r, run->first, run->pages, run->offset, d);

    run->offset += run->pages * PAGE; /* of fewer pages than bits in the file */
    run->pages = 0;
    return done;
}

static bool read_bitmap(const struct reader *r, const struct layout *l,
                        const struct bitmap *b, struct dump *d)
{
    struct run run = {.pages = 0};
    uint64_t bits = get(r, l->bytes + b->bits, b->number);
    unsigned char head[8];
    unsigned char byte = 0;

    if (!reader_get(r, l->bytes, head, sizeof head) ||
        (memcmp(head, "SDMPDUMP", 8) != 0 &&
         memcmp(head, "FDMPDUMP", 8) != 0)) {
        return dump_refuse(d, "at %x there should be the header of its bitmap",
                           l->bytes);
    }
    run.offset = get(r, l->bytes + b->first, b->number);
    if (bits / 8 > r->bytes) {
        return dump_refuse(
            d, "its bitmap of %" PRIu64 " bits goes beyond the end of the file",
            bits);
    }
    if (run.offset < l->bytes + b->map || run.offset > INT64_MAX) {
        return dump_refuse(
            d, "its first page is at %" PRIx64 ", and no page can be there",
            run.offset);
    }
    for (uint64_t i = 0; i < bits; i++) {
        if (i % 8 == 0 && !reader_get(r, l->bytes + b->map + i / 8, &byte, 1)) {
            return dump_refuse(d, "it ends within its bitmap");
        }
        if ((byte >> i % 8 & 1) == 0) {
            if (!end_run(r, &run, d)) {
                return false;
            }
            continue;
        }
        run.first = run.pages == 0 ? i : run.first;
        run.pages++;
    }
    return end_run(r, &run, d);
}

static void set_machine(const struct reader *r, const struct layout *l,
                        struct dump *d)
{
    enum { PAE_ENABLED = 0x5c };

    d->has_root = true;
    d->root = get(r, l->table, l->number);
    d->long_mode_known = true;
    switch (get(r, l->machine, 4)) {
    case MACHINE_AMD64:
        d->family = DUMP_X86;
        d->long_mode = true;
        break;
    case MACHINE_I386:
        d->family = DUMP_X86;
        d->pae = get(r, PAE_ENABLED, 1) == 1;
        break;
    case MACHINE_ARM64:
        d->family = DUMP_AARCH64;
        break;
    default:
        d->family = DUMP_FOREIGN;
    }
}

bool windows_read(const struct reader *r, struct dump *d)
{
    unsigned char head[8];
    const struct layout *l;
    uint64_t type;
    bool done;

    if (!reader_get(r, 0, head, sizeof head)) {
        return dump_refuse(d, "it ends within its header");
    }
    l = memcmp(head + 4, "DU64", 4) == 0 ? &layout_64 : &layout_32;
    if (r->bytes < l->bytes) {
        return dump_refuse(d, "it ends within its header");
    }
    type = get(r, l->type, 4);
    switch (type) {
    case FULL:
        done = read_runs(r, l, d);
        break;
    case SUMMARY:
        done =
            read_bitmap(r, l, l == &layout_64 ? &summary_64 : &summary_32, d);
        break;
    case BITMAP_FULL:
    case BITMAP_KERNEL:
    case BITMAP_AUTOMATIC:
        done = read_bitmap(r, l, &bitmap_of_any, d);
        break;
    default:
        return dump_refuse(d,
                           "its type is %" PRIu64
                           ", which has not the memory of the machine: make a "
                           "complete dump, or one of the kernel's",
                           type);
    }
    if (!done) {
        return false;
    }
    set_machine(r, l, d);
    if (d->missing > 0) {
        say_cut(r, d);
    }
    dump_order_once(d);
    return d->segments > 0 || dump_refuse(d, "no memory is in it");
}
