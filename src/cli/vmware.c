/* SPDX-License-Identifier: Apache-2.0 */
/* VMware's checkpoints, as crash(8) has them (vmware_vmss.h): a magic number, a
 * version and a number of groups; groups of 80 bytes, a name of 64, a position
 * and a size; in each group items: a tag of 16 bits (the length of the name in
 * the upper 8, the number of indices in 2, the size of the value in 6), the
 * name, indices of 4 bytes, the value.  A size of 62 or 63 is a block, compressed
 * or not: its size in the file and in memory, 8 bytes each, and the length of a
 * padding, 2 bytes.  A tag of 0 ends the group.
 *
 * In "memory", the block "Memory" is memory, if it is not in a file of its own;
 * regionPPN[i], regionPageNum[i] and regionSize[i] say which pages of it lie from
 * which page frame on.  Without regions it is one piece, from 0 on.  In "cpu",
 * CR64[cpu][n] is CRn. */
#include "vmware.h"

#include <inttypes.h>
#include <string.h>

enum {
    HEAD = 12,
    GROUP = 80,
    GROUP_NAME = 64,
    GROUPS_MOST = 4096,
    COMPRESSED = 62,
    BLOCK = 63,
    BLOCK_HEAD = 18,
    PAGE = 4096,
    REGIONS_MOST = 256,
    CPUS_MOST = 1024,
    INDICES = 3,
};

struct item {
    char name[256];
    uint32_t index[INDICES];
    unsigned size;  /* as the tag has it */
    uint64_t at;    /* of the value, or of the block */
    uint64_t bytes; /* of it in the file */
    uint64_t value; /* if it has at most 8 bytes */
};

struct region {
    uint64_t frame;
    uint64_t page;
    uint64_t pages;
};

struct state {
    const struct reader *r;
    struct dump *d;
    uint64_t regions;
    struct region region[REGIONS_MOST];
    bool has_memory;
    uint64_t memory_at;
    uint64_t memory_bytes;
};

/* Reads the item at *at, which is then the one behind it; false at the end of a
 * group, or of the file. */
static bool get_item(const struct reader *r, uint64_t *at, struct item *out)
{
    unsigned char text[BLOCK_HEAD];
    unsigned name;
    unsigned indices;

    memset(out, 0, sizeof *out);
    if (!reader_get(r, *at, text, 2) || (text[0] == 0 && text[1] == 0)) {
        return false;
    }
    name = text[1];
    indices = text[0] >> 6;
    out->size = text[0] & 63;
    *at += 2;
    if (!reader_get(r, *at, out->name, name)) {
        return false;
    }
    *at += name;
    for (unsigned i = 0; i < indices; i++) {
        if (!reader_get(r, *at, text, 4)) {
            return false;
        }
        out->index[i] = (uint32_t)reader_number(r, text, 4);
        *at += 4;
    }
    if (out->size < COMPRESSED) {
        out->at = *at;
        out->bytes = out->size;
        if (out->size <= 8) {
            if (!reader_get(r, *at, text, out->size)) {
                return false;
            }
            out->value = reader_number(r, text, out->size);
        }
    } else {
        if (!reader_get(r, *at, text, BLOCK_HEAD)) {
            return false;
        }
        out->bytes = reader_number(r, text, 8);
        out->at = *at + BLOCK_HEAD + reader_number(r, text + 16, 2);
    }
    if (out->at > r->bytes || out->bytes > UINT64_MAX - out->at) {
        return false;
    }
    *at = out->at + out->bytes;
    return true;
}

static struct region *region_of(struct state *s, const struct item *i)
{
    return i->index[0] < REGIONS_MOST ? &s->region[i->index[0]] : NULL;
}

static bool take_memory(struct state *s, const struct item *i)
{
    struct region *region = region_of(s, i);

    if (strcmp(i->name, "Memory") == 0 && i->size == COMPRESSED) {
        return dump_refuse(s->d, "its memory is compressed: suspend it with "
                                 "the memory in a .vmem "
                                 "(mainMem.useNamedFile)");
    }
    if (strcmp(i->name, "Memory") == 0 && i->size == BLOCK) {
        s->has_memory = true;
        s->memory_at = i->at;
        s->memory_bytes = i->bytes;
    } else if (strcmp(i->name, "regionsCount") == 0) {
        s->regions = i->value;
    } else if (region != NULL && strcmp(i->name, "regionPPN") == 0) {
        region->frame = i->value;
    } else if (region != NULL && strcmp(i->name, "regionPageNum") == 0) {
        region->page = i->value;
    } else if (region != NULL && strcmp(i->name, "regionSize") == 0) {
        region->pages = i->value;
    }
    return true;
}

static void take_cpu(struct state *s, const struct item *i)
{
    struct dump_cpu *cpu;
    bool is_cr = strcmp(i->name, "CR64") == 0 || strcmp(i->name, "CR") == 0;
    bool is_efer = strcmp(i->name, "EFER") == 0;

    if (!(is_cr || is_efer) || i->index[0] >= CPUS_MOST || i->size > 8) {
        return;
    }
    while (s->d->cpus <= i->index[0]) {
        static const struct dump_cpu none;

        dump_add_cpu(s->d, &none);
    }
    cpu = &s->d->cpu[i->index[0]];
    if (is_efer) {
        cpu->efer = i->value;
        cpu->has_efer = true;
    } else if (i->index[1] == 0) {
        cpu->cr0 = i->value;
    } else if (i->index[1] == 3) {
        cpu->cr3 = i->value;
    } else if (i->index[1] == 4) {
        cpu->cr4 = i->value;
    }
}

static bool read_group(struct state *s, const char *name, uint64_t at)
{
    struct item i;

    if (strcmp(name, "memory") != 0 && strcmp(name, "cpu") != 0) {
        return true;
    }
    while (get_item(s->r, &at, &i)) {
        if (name[0] == 'c') {
            take_cpu(s, &i);
        } else if (!take_memory(s, &i)) {
            return false;
        }
    }
    return true;
}

/* Where the regions lie in the block, or in a file of their own. */
static bool add_regions(struct state *s)
{
    uint64_t start = s->has_memory ? s->memory_at : 0;
    uint64_t most = s->has_memory ? s->memory_bytes : UINT64_MAX - PAGE;

    if (s->regions > REGIONS_MOST) {
        return dump_refuse(s->d,
                           "it has %" PRIu64
                           " regions of memory, more than a machine has",
                           s->regions);
    }
    if (s->regions == 0) {
        dump_add(s->d, 0, most, start);
        return true;
    }
    for (uint64_t i = 0; i < s->regions; i++) {
        const struct region *region = &s->region[i];

        if (region->page > most / PAGE ||
            region->pages > most / PAGE - region->page ||
            region->frame > UINT64_MAX / PAGE) {
            return dump_refuse(
                s->d, "its region %" PRIu64 " goes beyond its memory", i);
        }
        dump_add(s->d, region->frame * PAGE, region->pages * PAGE,
                 start + region->page * PAGE);
    }
    return true;
}

bool vmware_fit(struct dump *d, uint64_t bytes)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->segments; i++) {
        struct segment s = d->segment[i];
        uint64_t there = s.offset < bytes ? bytes - s.offset : 0;

        if (s.bytes > there) {
            /* One piece has no size of its own. */
            d->missing += d->segments > 1 ? s.bytes - there : 0;
            s.bytes = there;
        }
        if (s.bytes > 0) {
            d->segment[kept++] = s;
        }
    }
    d->segments = kept;
    if (d->missing > 0) {
        dump_remark(d,
                    "%" PRIx64 " bytes of its memory are not in the file of "
                    "%" PRIx64,
                    d->missing, bytes);
    }
    return kept > 0 || dump_refuse(d, "no memory is in it");
}

bool vmware_read(const struct reader *r, struct dump *d, bool *beside)
{
    struct state s = {.r = r, .d = d};
    unsigned char text[GROUP];
    uint64_t groups;

    if (!reader_get(r, 0, text, HEAD)) {
        return dump_refuse(d, "it ends within its header");
    }
    groups = reader_number(r, text + 8, 4);
    if (groups > GROUPS_MOST) {
        return dump_refuse(d, "its number of groups, %" PRIu64 ", is none",
                           groups);
    }
    d->family = DUMP_X86;
    d->long_mode = true; /* as far as its CPUs have no EFER */
    d->long_mode_known = true;
    for (uint64_t i = 0; i < groups; i++) {
        char name[GROUP_NAME + 1] = "";

        if (!reader_get(r, HEAD + i * GROUP, text, GROUP)) {
            return dump_refuse(d, "it ends within its list of groups");
        }
        memcpy(name, text, GROUP_NAME);
        if (!read_group(&s, name, reader_number(r, text + GROUP_NAME, 8))) {
            return false;
        }
    }
    if (!add_regions(&s)) {
        return false;
    }
    *beside = !s.has_memory;
    if (!*beside && !vmware_fit(d, r->bytes)) {
        return false;
    }
    dump_order(d);
    return true;
}
