/* SPDX-License-Identifier: Apache-2.0 */
/* makedumpfile, IMPLEMENTATION, "Compressed dump"; diskdump_mod.h, struct
 * disk_dump_header and struct kdump_sub_header; QEMU, include/sysemu/dump.h.
 * The structures have the layout of the machine: in 8 bytes, or in 4. */
#include "kdump_header.h"

#include "kdump_extent.h"
#include "notes.h"

#include <inttypes.h>
#include <string.h>

enum {
    VERSION = 8,
    MACHINE = 12 + 4 * 65, /* of struct new_utsname, whose texts have 65 */
    MACHINE_BYTES = 65,
    HEAD = 448,
    BLOCK_LEAST = 4096,
    BLOCK_MOST = 65536,
    SUB_MOST = 1024, /* blocks */
};

/* Where members stand, of either layout. */
static const struct layout {
    unsigned short status;
    unsigned short block_size;
    unsigned short sub_blocks;
    unsigned short bitmap_blocks;
    unsigned short pages;     /* max_mapnr: one more than the last */
    unsigned char split;      /* in the second header, as the others: */
    unsigned char vmcoreinfo; /* offset and size */
    unsigned char notes;
    unsigned char size_bytes;
    unsigned char
        first; /* version 2: the pages of a part, of size_bytes each; */
    unsigned char first_64; /* version 6: the same, and then max_mapnr */
} layouts[] = {
    {.status = 424,
     .block_size = 428,
     .sub_blocks = 432,
     .bitmap_blocks = 436,
     .pages = 440,
     .split = 12,
     .vmcoreinfo = 32,
     .notes = 48,
     .size_bytes = 8,
     .first = 16,
     .first_64 = 80},
    {.status = 412,
     .block_size = 416,
     .sub_blocks = 420,
     .bitmap_blocks = 424,
     .pages = 428,
     .split = 8,
     .vmcoreinfo = 20,
     .notes = 32,
     .size_bytes = 4,
     .first = 12,
     .first_64 = 56},
};

static bool fits(const struct reader *r, const struct layout *l,
                 const unsigned char *head)
{
    uint64_t block = reader_number(r, head + l->block_size, 4);
    uint64_t sub = reader_number(r, head + l->sub_blocks, 4);

    return block >= BLOCK_LEAST && block <= BLOCK_MOST &&
           (block & (block - 1)) == 0 && sub >= 1 && sub <= SUB_MOST;
}

static enum dump_family family_of(const unsigned char *head)
{
    static const struct {
        const char *name;
        enum dump_family family;
    } machines[] = {
        {"x86_64", DUMP_X86},    {"i386", DUMP_X86},
        {"i486", DUMP_X86},      {"i586", DUMP_X86},
        {"i686", DUMP_X86},      {"aarch64", DUMP_AARCH64},
        {"riscv64", DUMP_RISCV}, {"riscv32", DUMP_RISCV},
    };
    char name[MACHINE_BYTES + 1] = "";

    memcpy(name, head + MACHINE, MACHINE_BYTES);
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (strcmp(name, machines[i].name) == 0) {
            return machines[i].family;
        }
    }
    return DUMP_FOREIGN;
}

/* What is not in the file though the machine had it, as far as the headers know:
 * makedumpfile marks a dump for which there was no room
 * (DUMP_DH_COMPRESSED_INCOMPLETE), and, from version 2 on, a part of several. */
static void say_what_lacks(const struct reader *r, const struct layout *l,
                           const unsigned char *head, const unsigned char *sub,
                           struct dump *d)
{
    enum { INCOMPLETE = 8 };

    if ((reader_number(r, head + l->status, 4) & INCOMPLETE) != 0) {
        dump_remark(d, "was not written to the end: pages of it are not in the "
                       "image");
    }
    if (reader_number(r, head + VERSION, 4) >= 2 &&
        reader_number(r, sub + l->split, 4) != 0) {
        dump_remark(d, "is one part of several: the memory that the others "
                       "have is not in the image (makedumpfile --reassemble "
                       "PART... OUT puts them together)");
    }
}

/* Behind the second header come two bitmaps, of the pages that the machine had
 * and of those that are dumped, or one; then the descriptors of pages. */
static struct kdump_list list_of(const struct reader *r, const struct layout *l,
                                 const unsigned char *head,
                                 const unsigned char *sub)
{
    uint64_t version = reader_number(r, head + VERSION, 4);
    uint64_t block = reader_number(r, head + l->block_size, 4);
    uint64_t blocks = reader_number(r, head + l->bitmap_blocks, 4);
    uint64_t before = 1 + reader_number(r, head + l->sub_blocks, 4);
    uint64_t pages = reader_number(r, head + l->pages, 4);
    struct kdump_list list = {
        .page_bytes = block,
        .bitmap = before * block,
        .end = UINT64_MAX,
        .descriptors = (before + blocks) * block,
    };

    if (version >= 6) {
        pages = reader_number(r, sub + l->first_64 + 16, 8);
    }
    list.bits = blocks * block * 8;
    if (pages <= blocks / 2 * block * 8) {
        list.bitmap += blocks / 2 * block;
    }
    list.bits = pages < list.bits ? pages : list.bits;
    if (version >= 2 && reader_number(r, sub + l->split, 4) != 0) {
        unsigned at = version >= 6 ? l->first_64 : l->first;
        unsigned bytes = version >= 6 ? 8 : l->size_bytes;

        list.first = reader_number(r, sub + at, bytes);
        list.end = reader_number(r, sub + at + bytes, bytes);
    }
    return list;
}

bool kdump_header_read(const struct reader *r, struct dump *d)
{
    enum { SUB_BYTES = 104 };
    unsigned char head[HEAD];
    unsigned char sub[SUB_BYTES];
    const struct layout *l = NULL;
    struct kdump_list list;
    uint64_t version;

    if (!reader_get(r, 0, head, sizeof head)) {
        return dump_refuse(d, "it ends within its header");
    }
    version = reader_number(r, head + VERSION, 4);
    if (version > UINT32_MAX / 2 || (version & 0xffffff) == 0) {
        return dump_refuse(d, "it is of a big-endian machine, whose tables "
                              "ptwalk does not read");
    }
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0] && l == NULL;
         i++) {
        l = fits(r, &layouts[i], head) ? &layouts[i] : NULL;
    }
    if (l == NULL) {
        return dump_refuse(d, "the sizes in its header are none");
    }
    d->family = family_of(head);
    if (!reader_get(r, reader_number(r, head + l->block_size, 4), sub,
                    sizeof sub)) {
        return dump_refuse(d, "it ends within its second header");
    }
    list = list_of(r, l, head, sub);
    if (!kdump_extent_check(r, &list, d)) {
        return false;
    }
    say_what_lacks(r, l, head, sub, d);
    /* Version 3 added what Linux says, version 4 the notes. */
    if (version >= 4) {
        notes_read(r, reader_number(r, sub + l->notes, 8),
                   reader_number(r, sub + l->notes + 8, l->size_bytes), d);
    }
    if (version >= 3) {
        notes_add_vmcoreinfo(
            r, reader_number(r, sub + l->vmcoreinfo, 8),
            reader_number(r, sub + l->vmcoreinfo + 8, l->size_bytes), d);
    }
    if (d->family == DUMP_X86 && !d->long_mode_known) {
        d->long_mode = memcmp(head + MACHINE, "x86_64", 7) == 0;
        d->long_mode_known = true;
    }
    return true;
}
