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
 * CR64[cpu][n] is CRn, or CR64[cpu] a block of them all, from CR0 on; where it is,
 * CR[cpu][n] is its lower half. */
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

/* The length of memory without regions, in a file of its own: as far as that goes. */
static const uint64_t TO_ITS_END = UINT64_MAX - PAGE;

struct item {
    char name[256];
    uint32_t index[INDICES];
    unsigned size;  /* as the tag has it */
    uint64_t at;    /* of the value, or of the block */
    uint64_t bytes; /* of it in the file */
    uint64_t value; /* if it has at most 8 bytes */
};

enum { HAS_FRAME = 1, HAS_PAGE = 2, HAS_PAGES = 4, HAS_ALL = 7 };

struct region {
    unsigned has; /* a set of the above */
    uint64_t frame;
    uint64_t page;
    uint64_t pages;
};

struct state {
    const struct reader *r;
    struct dump *d;
    bool has_regions;
    uint64_t regions;
    struct region region[REGIONS_MOST];
    bool has_cr64;
    uint64_t cpus_at; /* the group of the processors */
    bool has_memory;
    uint64_t memory_at;
    uint64_t memory_bytes;
};

enum found { ITEM, ITEM_END /* of the group */, ITEM_CUT /* of the file */ };

/* Reads the item at *at, which is then the one behind it. */
static enum found get_item(const struct reader *r, uint64_t *at,
                           struct item *out)
{
    unsigned char text[BLOCK_HEAD];
    unsigned name;
    unsigned indices;

    memset(out, 0, sizeof *out);
    if (!reader_get(r, *at, text, 2)) {
        return ITEM_CUT;
    }
    if (text[0] == 0 && text[1] == 0) {
        return ITEM_END;
    }
    name = text[1];
    indices = text[0] >> 6;
    out->size = text[0] & 63;
    *at += 2;
    if (!reader_get(r, *at, out->name, name)) {
        return ITEM_CUT;
    }
    *at += name;
    for (unsigned i = 0; i < indices; i++) {
        if (!reader_get(r, *at, text, 4)) {
            return ITEM_CUT;
        }
        out->index[i] = (uint32_t)reader_number(r, text, 4);
        *at += 4;
    }
    if (out->size < COMPRESSED) {
        out->at = *at;
        out->bytes = out->size;
        if (out->size <= 8) {
            if (!reader_get(r, *at, text, out->size)) {
                return ITEM_CUT;
            }
            out->value = reader_number(r, text, out->size);
        }
    } else {
        if (!reader_get(r, *at, text, BLOCK_HEAD)) {
            return ITEM_CUT;
        }
        out->bytes = reader_number(r, text, 8);
        out->at = *at + BLOCK_HEAD + reader_number(r, text + 16, 2);
    }
    if (out->at > r->bytes || out->bytes > UINT64_MAX - out->at) {
        return ITEM_CUT;
    }
    *at = out->at + out->bytes;
    return ITEM;
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
        s->has_regions = true;
        s->regions = i->value;
    } else if (region != NULL && strcmp(i->name, "regionPPN") == 0) {
        region->has |= HAS_FRAME;
        region->frame = i->value;
    } else if (region != NULL && strcmp(i->name, "regionPageNum") == 0) {
        region->has |= HAS_PAGE;
        region->page = i->value;
    } else if (region != NULL && strcmp(i->name, "regionSize") == 0) {
        region->has |= HAS_PAGES;
        region->pages = i->value;
    }
    return true;
}

static void set_cr(struct dump_cpu *cpu, uint64_t n, uint64_t value)
{
    if (n == 0) {
        cpu->cr0 = value;
    } else if (n == 3) {
        cpu->cr3 = value;
    } else if (n == 4) {
        cpu->cr4 = value;
    }
}

/* CR0 to CR4, and what follows them. */
static void take_block_of_cr(const struct state *s, const struct item *i,
                             struct dump_cpu *cpu)
{
    enum { REGISTERS = 5 };
    unsigned char text[8 * REGISTERS];

    if (i->bytes < sizeof text || !reader_get(s->r, i->at, text, sizeof text)) {
        return;
    }
    for (unsigned n = 0; n < REGISTERS; n++) {
        set_cr(cpu, n, reader_number(s->r, text + 8 * (size_t)n, 8));
    }
}

static void take_cpu(struct state *s, const struct item *i)
{
    struct dump_cpu *cpu;
    bool is_cr64 = strcmp(i->name, "CR64") == 0;
    bool is_cr = is_cr64 || (strcmp(i->name, "CR") == 0 && !s->has_cr64);
    bool is_efer = strcmp(i->name, "EFER") == 0;
    bool is_block = is_cr64 && i->size == BLOCK;

    if (!(is_cr || is_efer) || i->index[0] >= CPUS_MOST ||
        (i->size > 8 && !is_block)) {
        return;
    }
    s->has_cr64 = s->has_cr64 || is_cr64;
    while (s->d->cpus <= i->index[0]) {
        struct dump_cpu none = {.where = "group cpu", .at = s->cpus_at};

        dump_add_cpu(s->d, &none);
    }
    cpu = &s->d->cpu[i->index[0]];
    if (is_efer) {
        cpu->efer = i->value;
        cpu->has_efer = true;
    } else if (is_block) {
        take_block_of_cr(s, i, cpu);
    } else {
        set_cr(cpu, i->index[1], i->value);
    }
}

/* Whether a file that ends within the group has said where its memory lies: it
 * may end within that. */
static bool is_enough(const struct state *s, const char *name)
{
    return name[0] == 'm' && s->has_memory && s->has_regions;
}

static bool read_group(struct state *s, const char *name, uint64_t at)
{
    enum found found;
    struct item i;

    if (strcmp(name, "memory") != 0 && strcmp(name, "cpu") != 0) {
        return true;
    }
    s->cpus_at = at;
    while ((found = get_item(s->r, &at, &i)) == ITEM) {
        if (name[0] == 'c') {
            take_cpu(s, &i);
        } else if (!take_memory(s, &i)) {
            return false;
        }
    }
    if (found == ITEM_CUT && is_enough(s, name) && at <= s->r->bytes) {
        dump_remark(s->d,
                    "ends at %" PRIx64 ", within its group '%s', behind its "
                    "memory",
                    s->r->bytes, name);
    }
    return found == ITEM_END || is_enough(s, name) ||
           dump_refuse(s->d,
                       "it ends at %" PRIx64 ", within its group '%s': it was "
                       "not written to the end",
                       s->r->bytes, name);
}

/* Where the regions lie in the block, or in a file of their own. */
static bool add_regions(struct state *s)
{
    uint64_t start = s->has_memory ? s->memory_at : 0;
    uint64_t most = s->has_memory ? s->memory_bytes : TO_ITS_END;

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

        if (region->has != HAS_ALL) {
            return dump_refuse(s->d,
                               "it does not say where its region %" PRIu64
                               " of %" PRIu64 " lies",
                               i, s->regions);
        }
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
            dump_miss(d, s.bytes != TO_ITS_END ? s.bytes - there : 0);
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
