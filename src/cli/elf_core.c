/* SPDX-License-Identifier: Apache-2.0 */
/* System V ABI, "ELF Header", "Program Header", "Section Header".  A core of
 * 65,535 segments or more has PN_XNUM for their number, which then is sh_info of
 * the first section header (Linux, elf(5)).
 *
 * - A segment may have fewer bytes in the file than in memory: the others are
 *   not known, whatever a loader would make of them.  makedumpfile leaves pages
 *   out in this way.
 * - Segments may overlap, as those of Linux's /proc/vmcore do: the first counts.
 * - Cores of Xen ("xl dump-core") have no segments but sections
 *   (docs/misc/dump-core-format.txt): ".xen_pages" has the pages, and ".xen_pfn"
 *   for each of them its number; of a paravirtualised guest, ".xen_p2m" has
 *   pairs, the second of which is the number that its tables hold.
 *   ".xen_prstatus" has the state of each processor, struct vcpu_guest_context
 *   (xen/include/public/arch-x86/xen.h): 512 bytes for the FPU; flags; registers
 *   as xen-x86_64.h or xen-x86_32.h has them; 256 traps; the LDT, 17 numbers of
 *   the GDT, a stack; 8 control registers, 8 debug registers; three or four
 *   callbacks, flags, and of 64 bits three bases of segments.  Who writes them
 *   (tools/libs/guest/xg_core.c) gives each the room of the larger kind, or as
 *   long ago that of its own.  A fully virtualised guest's registers are its own
 *   (arch_get_info_guest of xen/arch/x86/domctl.c), without EFER, and the header
 *   says the mode of Xen.  A paravirtualised one has the frames of the tables in
 *   CR3, folded if it has 32 bits (xen_cr3_to_pfn), and, if 64, in CR1 that of the
 *   user's.
 * - A core of a process has virtual addresses alone: all physical ones are 0.
 *   So has one that Hyperlight makes of its guest, with the addresses that the
 *   guest has its memory at, and without a list of mapped files
 *   (src/hyperlight_host/src/hypervisor/crashdump.rs).  Who notes control
 *   registers, or what Linux says of itself, means physical addresses, were it
 *   one segment from 0 on. */
#include "elf_core.h"

#include "notes.h"

#include <inttypes.h>
#include <string.h>

enum {
    EM_386 = 3,
    EM_X86_64 = 62,
    EM_AARCH64 = 183,
    EM_RISCV = 243,
    PT_LOAD = 1,
    PT_NOTE = 4,
    PN_XNUM = 0xffff,
};

/* Where the members of a structure stand, in both classes. */
struct field {
    unsigned char at[2];
    unsigned char bytes[2];
};

static const struct field e_phoff = {{28, 32}, {4, 8}};
static const struct field e_shoff = {{32, 40}, {4, 8}};
static const struct field e_phentsize = {{42, 54}, {2, 2}};
static const struct field e_phnum = {{44, 56}, {2, 2}};
static const struct field e_shentsize = {{46, 58}, {2, 2}};
static const struct field e_shnum = {{48, 60}, {2, 2}};
static const struct field e_shstrndx = {{50, 62}, {2, 2}};
static const struct field p_type = {{0, 0}, {4, 4}};
static const struct field p_offset = {{4, 8}, {4, 8}};
static const struct field p_vaddr = {{8, 16}, {4, 8}};
static const struct field p_paddr = {{12, 24}, {4, 8}};
static const struct field p_filesz = {{16, 32}, {4, 8}};
static const struct field p_memsz = {{20, 40}, {4, 8}};
static const struct field sh_name = {{0, 0}, {4, 4}};
static const struct field sh_offset = {{16, 24}, {4, 8}};
static const struct field sh_size = {{20, 32}, {4, 8}};
static const struct field sh_info = {{28, 44}, {4, 4}};
static const struct field sh_entsize = {{36, 56}, {4, 8}};

enum { EHDR_MOST = 64, PHDR_MOST = 56, SHDR_MOST = 64 };

static const unsigned ehdr_bytes[2] = {52, 64};
static const unsigned phdr_bytes[2] = {32, 56};
static const unsigned shdr_bytes[2] = {40, 64};

struct elf {
    struct reader r;
    unsigned wide; /* 1: ELFCLASS64 */
    unsigned char head[EHDR_MOST];
};

static uint64_t get(const struct elf *e, const unsigned char *text,
                    struct field f)
{
    return reader_number(&e->r, text + f.at[e->wide], f.bytes[e->wide]);
}

static bool get_section(const struct elf *e, uint64_t index,
                        unsigned char out[SHDR_MOST])
{
    uint64_t start = get(e, e->head, e_shoff);
    uint64_t each = get(e, e->head, e_shentsize);

    return start != 0 && each >= shdr_bytes[e->wide] &&
           index <= e->r.bytes / each && start <= e->r.bytes &&
           reader_get(&e->r, start + index * each, out, shdr_bytes[e->wide]);
}

/* The number of program headers, or of sections when one of the fields is too
 * small for it. */
static bool count_headers(const struct elf *e, struct dump *d, uint64_t *count)
{
    unsigned char first[SHDR_MOST];

    *count = get(e, e->head, e_phnum);
    if (*count != PN_XNUM) {
        return true;
    }
    if (!get_section(e, 0, first)) {
        return dump_refuse(d,
                           "its number of segments is in the section header "
                           "at %" PRIx64 ", which it does not have",
                           get(e, e->head, e_shoff));
    }
    *count = get(e, first, sh_info);
    return true;
}

/* ---------------------------------------------------------------- segments */

struct headers {
    uint64_t start;
    uint64_t each;
    uint64_t count;
    bool virtual_alone; /* no physical address is other than 0 */
    uint64_t cut;       /* bytes that the file should have */
};

static void add_load(const struct elf *e, const unsigned char *text,
                     struct dump *d, struct headers *h)
{
    uint64_t pa = get(e, text, h->virtual_alone ? p_vaddr : p_paddr);
    uint64_t offset = get(e, text, p_offset);
    uint64_t in_file = get(e, text, p_filesz);
    uint64_t in_memory = get(e, text, p_memsz);
    uint64_t there = offset < e->r.bytes ? e->r.bytes - offset : 0;

    /* /proc/kcore has no physical address for what is not mapped directly. */
    if (pa == (e->wide ? UINT64_MAX : UINT32_MAX)) {
        return;
    }
    if (in_memory > in_file && in_file <= UINT64_MAX - pa) {
        dump_leave_out(d, pa + in_file, in_memory - in_file);
    }
    if (in_file > there) {
        uint64_t least = in_memory < in_file ? in_memory : in_file;

        h->cut += in_file - there;
        dump_miss(d, least > there ? least - there : 0);
        in_file = there;
    }
    dump_add(d, pa, in_file, offset);
}

static bool get_header(const struct elf *e, const struct headers *h,
                       uint64_t index, unsigned char out[PHDR_MOST],
                       struct dump *d)
{
    uint64_t at = h->start + index * h->each;

    return reader_get(&e->r, at, out, phdr_bytes[e->wide]) ||
           dump_refuse(d, "its program header at %" PRIx64 " can't be read",
                       at);
}

/* Reads the notes, and finds out what the segments' addresses are. */
static bool look_over(const struct elf *e, struct dump *d, struct headers *h)
{
    uint64_t physical = 0;
    uint64_t elsewhere = 0;

    for (uint64_t i = 0; i < h->count; i++) {
        unsigned char text[PHDR_MOST];

        if (!get_header(e, h, i, text, d)) {
            return false;
        }
        if (get(e, text, p_type) == PT_LOAD) {
            physical += get(e, text, p_paddr) != 0;
            elsewhere += get(e, text, p_vaddr) != 0;
        } else if (get(e, text, p_type) == PT_NOTE) {
            notes_read(&e->r, get(e, text, p_offset), get(e, text, p_filesz),
                       d);
        }
    }
    h->virtual_alone =
        physical == 0 && elsewhere > 0 && d->cpus == 0 && d->vmcoreinfo == NULL;
    if (h->virtual_alone && d->process) {
        return dump_refuse(d, "it is of a process, not of a machine: make one "
                              "of the machine (dump-guest-memory, or virsh "
                              "dump --memory-only)");
    }
    if (h->virtual_alone) {
        dump_remark(d, "its segments have virtual addresses alone, which are "
                       "taken for physical ones, as in Hyperlight's dumps");
    }
    return true;
}

static bool read_segments(const struct elf *e, struct dump *d)
{
    struct headers h = {
        .start = get(e, e->head, e_phoff),
        .each = get(e, e->head, e_phentsize),
    };

    if (!count_headers(e, d, &h.count)) {
        return false;
    }
    if (h.count == 0) {
        return true;
    }
    if (h.each < phdr_bytes[e->wide]) {
        return dump_refuse(d,
                           "its program headers have %" PRIu64
                           " bytes each, fewer than the %u that they need",
                           h.each, phdr_bytes[e->wide]);
    }
    if (h.start > e->r.bytes || h.count > (e->r.bytes - h.start) / h.each) {
        return dump_refuse(d,
                           "its %" PRIu64 " program headers at %" PRIx64
                           " go beyond the end of the file at %" PRIx64,
                           h.count, h.start, e->r.bytes);
    }
    if (!look_over(e, d, &h)) {
        return false;
    }
    for (uint64_t i = 0; i < h.count; i++) {
        unsigned char text[PHDR_MOST];

        if (!get_header(e, &h, i, text, d)) {
            return false;
        }
        if (get(e, text, p_type) == PT_LOAD) {
            add_load(e, text, d, &h);
        }
    }
    if (h.cut > 0) {
        dump_remark(d,
                    "ends at %" PRIx64 ", where %" PRIx64
                    " more bytes of memory should be: they are not in the "
                    "image",
                    e->r.bytes, h.cut);
    }
    return true;
}

/* --------------------------------------------------------------------- Xen */

struct section {
    uint64_t at;
    uint64_t bytes;
    uint64_t each; /* bytes of an entry */
};

/* Finds the section of that name; how many there may be the file limits. */
static bool find_section(const struct elf *e, const char *name,
                         struct section *out)
{
    uint64_t count = get(e, e->head, e_shnum);
    unsigned char text[SHDR_MOST];
    size_t length = strlen(name) + 1;
    char found[32];
    uint64_t names;

    if (!get_section(e, get(e, e->head, e_shstrndx), text)) {
        return false;
    }
    names = get(e, text, sh_offset);
    for (uint64_t i = 0; i < count && get_section(e, i, text); i++) {
        if (names <= e->r.bytes &&
            reader_get(&e->r, names + get(e, text, sh_name), found, length) &&
            memcmp(found, name, length) == 0) {
            out->at = get(e, text, sh_offset);
            out->bytes = get(e, text, sh_size);
            out->each = get(e, text, sh_entsize);
            return true;
        }
    }
    return false;
}

/* Where members of a processor's state stand. */
struct state {
    unsigned number; /* bytes of one */
    unsigned ip;
    unsigned sp;
    unsigned control;
    unsigned bases; /* of segments, if it has them */
    unsigned bytes;
};

static const struct state state_32 = {4, 548, 560, 2716, 0, 2800};
static const struct state state_64 = {8, 648, 672, 4984, 5144, 5168};

enum { STATE_FLAGS = 512, STATE_MOST = 5168 };

static uint64_t member(const struct elf *e, const struct state *s,
                       const unsigned char *text, unsigned at)
{
    return reader_number(&e->r, text + at, s->number);
}

static uint64_t control(const struct elf *e, const struct state *s,
                        const unsigned char *text, unsigned n)
{
    return member(e, s, text, s->control + n * s->number);
}

/* The address of the table that a paravirtualised guest's CR3 names. */
static uint64_t unfold(const struct state *s, uint64_t cr3)
{
    return s == &state_64 ? cr3 : (cr3 & 0xfffff000) | (cr3 & 0xfff) << 32;
}

/* Whether a register has what it can have in long mode alone. */
static bool is_in_long_mode(const struct elf *e, const struct state *s,
                            const unsigned char *text)
{
    static const uint64_t CR4_LA57_PCIDE = (uint64_t)1 << 12 | 1 << 17;
    uint64_t wide = member(e, s, text, s->ip) | member(e, s, text, s->sp);

    for (unsigned i = 0; i < 3 && s->bases != 0; i++) {
        wide |= member(e, s, text, s->bases + i * s->number);
    }
    return wide >> 32 != 0 || (control(e, s, text, 4) & CR4_LA57_PCIDE) != 0;
}

static void add_state(const struct elf *e, const struct state *s,
                      const unsigned char *text, uint64_t at, struct dump *d)
{
    enum { ONLINE = 1 << 5 };
    struct dump_cpu cpu = {.where = "section .xen_prstatus", .at = at};

    if ((member(e, s, text, STATE_FLAGS) & ONLINE) != 0) {
        cpu.cr0 = control(e, s, text, 0);
        cpu.cr3 = control(e, s, text, 3);
        cpu.cr4 = control(e, s, text, 4);
    }
    if (!d->paravirtual && s == &state_64) {
        d->long_mode =
            d->long_mode || (cpu.cr0 != 0 && is_in_long_mode(e, s, text));
    }
    if (d->paravirtual) {
        cpu.cr3 = unfold(s, cpu.cr3);
        cpu.user_table =
            s == &state_64 && cpu.cr3 != 0 ? control(e, s, text, 1) : 0;
    }
    dump_add_cpu(d, &cpu);
}

/* Whether any processor is in PAE paging, or in long mode. */
static bool has_pae(const struct dump *d)
{
    for (size_t i = 0; i < d->cpus; i++) {
        if (d->cpu[i].cr0 >> 31 != 0 && (d->cpu[i].cr4 & 1 << 5) != 0) {
            return true;
        }
    }
    return false;
}

/* Reads the state of each processor.  Of a guest that is virtualised in full, the
 * mode is not known where it could be PAE paging and no register is wider. */
static void read_states(const struct elf *e, struct dump *d)
{
    bool wide = reader_number(&e->r, e->head + 18, 2) == EM_X86_64;
    const struct state *s = wide ? &state_64 : &state_32;
    struct section section;
    uint64_t count;

    if (d->family != DUMP_X86 || !find_section(e, ".xen_prstatus", &section)) {
        return;
    }
    if ((section.each != s->bytes && section.each != STATE_MOST) ||
        section.bytes % section.each != 0) {
        dump_remark(d,
                    "has %" PRIu64 " bytes of its processors at %" PRIx64
                    ", %" PRIu64 " of each, which is no state that ptwalk "
                    "knows: their registers are not known",
                    section.bytes, section.at, section.each);
        return;
    }
    d->long_mode = d->paravirtual && wide;
    count = section.bytes / section.each;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = section.at + i * section.each;
        unsigned char text[STATE_MOST];

        if (!reader_get(&e->r, at, text, s->bytes)) {
            dump_remark(d,
                        "ends within the state of its processor %" PRIu64
                        " of %" PRIu64 ": the registers of it and later ones "
                        "are not known",
                        i, count);
            break;
        }
        add_state(e, s, text, at, d);
    }
    d->long_mode_known = d->paravirtual || !wide || d->long_mode || !has_pae(d);
}

/* Where memory of that address, all of one page, lies in the file; false: it is not
 * there. */
static bool find_memory(const struct dump *d, uint64_t pa, uint64_t *at)
{
    for (size_t i = 0; i < d->segments; i++) {
        const struct segment *s = &d->segment[i];

        if (pa >= s->pa && pa - s->pa < s->bytes) {
            *at = s->offset + (pa - s->pa);
            return true;
        }
    }
    return false;
}

/* Reads the entries of an upper table of PAE paging; false: it is not there. */
static bool get_upper(const struct elf *e, const struct dump *d, uint64_t pa,
                      uint64_t entry[MADE_ENTRIES])
{
    unsigned char text[8 * MADE_ENTRIES];
    uint64_t at;

    if (!find_memory(d, pa, &at) || !reader_get(&e->r, at, text, sizeof text)) {
        return false;
    }
    for (unsigned i = 0; i < MADE_ENTRIES; i++) {
        entry[i] = reader_number(&e->r, text + 8 * (size_t)i, 8);
    }
    return true;
}

/* Whether the guest's upper tables are those of PAE paging, which have no rights.  Xen
 * of 64 bits gives them R/W and U/S (xen/arch/x86/mm.c, adjust_guest_l3e). */
static bool has_pae_tables(const struct elf *e, const struct dump *d)
{
    enum { P = 1, RW_US = 6 };
    uint64_t entry[MADE_ENTRIES];

    for (size_t i = 0; i < d->cpus; i++) {
        bool is_there =
            d->cpu[i].cr3 != 0 && get_upper(e, d, d->cpu[i].cr3, entry);

        for (unsigned k = 0; k < MADE_ENTRIES && is_there; k++) {
            if ((entry[k] & P) != 0 && (entry[k] & RW_US) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Xen of 64 bits walks the upper table of a guest of 32, wherever it lies, as the
 * first of 512 GiB below a table of its own (xen/arch/x86/mm.c, new_guest_cr3), which
 * is not in the dump.  All of the guest's other entries there are 0
 * (promote_l3_table).  Xen of 32 bits, which there was up to 4.2, walks it as it is,
 * or, above 4 GiB, a copy of it below (xen/include/asm-x86/domain.h, struct
 * pae_l3_cache), which is not in the dump either. */
static void make_upper_tables(const struct elf *e, struct dump *d)
{
    enum { P_RW_US_A = 0x27 };

    d->pae = has_pae_tables(e, d);
    for (size_t i = 0; i < d->cpus; i++) {
        struct dump_cpu *cpu = &d->cpu[i];
        uint64_t entry[MADE_ENTRIES] = {cpu->cr3 | P_RW_US_A};
        bool made = cpu->cr3 != 0;

        if (made && d->pae) {
            made = cpu->cr3 > UINT32_MAX && get_upper(e, d, cpu->cr3, entry);
        }
        cpu->upper = made ? dump_make(d, entry, d->pae) : 0;
    }
    if (d->mades > 0 && d->pae) {
        dump_remark(
            d,
            "is of a guest of 32 bits that Xen of 32 walks by copies of "
            "the upper tables that lie above 4 GiB: they are not in it, "
            "and made, from %" PRIx64 " on",
            d->made[0].pa);
    } else if (d->mades > 0) {
        dump_remark(
            d,
            "is of a guest of 32 bits that Xen walks below tables of its "
            "own, in four levels: they are not in it, and made, from "
            "%" PRIx64 " on",
            d->made[0].pa);
    }
}

static bool read_xen(const struct elf *e, struct dump *d)
{
    enum { PAGE = 4096 };
    struct section pages;
    struct section list;
    unsigned each = 8;
    unsigned skip = 0;

    if (!find_section(e, ".xen_pages", &pages)) {
        return dump_refuse(d, "no memory is in it: it has neither segments to "
                              "load nor Xen's pages");
    }
    if (find_section(e, ".xen_p2m", &list)) {
        each = 16;
        skip = 8;
        d->paravirtual = true;
    } else if (!find_section(e, ".xen_pfn", &list)) {
        return dump_refuse(d, "it has pages of Xen's, and no section that says "
                              "where they lie");
    }
    if (pages.at > e->r.bytes || pages.bytes > e->r.bytes - pages.at) {
        dump_remark(d,
                    "ends at %" PRIx64 ", before the pages that it should "
                    "have do: the others are not in the image",
                    e->r.bytes);
    }
    for (uint64_t i = 0; i < list.bytes / each; i++) {
        uint64_t at = pages.at + i * PAGE;
        unsigned char text[8];
        uint64_t frame;

        if (!reader_get(&e->r, list.at + i * each + skip, text, sizeof text)) {
            return dump_refuse(d,
                               "its list of pages at %" PRIx64
                               " goes beyond the end of the file at "
                               "%" PRIx64,
                               list.at, e->r.bytes);
        }
        frame = reader_number(&e->r, text, 8);
        if (frame > UINT64_MAX / PAGE) {
            continue; /* there is no page: INVALID_PFN */
        }
        if (i >= pages.bytes / PAGE || at > e->r.bytes ||
            e->r.bytes - at < PAGE) {
            dump_miss(d, PAGE);
            continue;
        }
        dump_add(d, frame * PAGE, PAGE, at);
    }
    read_states(e, d);
    return true;
}

/* --------------------------------------------------------------------- all */

static void set_family(const struct elf *e, struct dump *d)
{
    switch (reader_number(&e->r, e->head + 18, 2)) {
    case EM_386:
    case EM_X86_64:
        /* QEMU says EM_X86_64 of a guest whose first processor is in long
         * mode; a note says it better. */
        d->family = DUMP_X86;
        break;
    case EM_AARCH64:
        d->family = DUMP_AARCH64;
        break;
    case EM_RISCV:
        d->family = DUMP_RISCV;
        break;
    default:
        d->family = DUMP_FOREIGN;
    }
}

bool elf_core_read(const struct reader *r, struct dump *d)
{
    enum { CLASS = 4, DATA = 5 };
    struct elf e = {.r = *r};

    if (!reader_get(r, 0, e.head, ehdr_bytes[0]) ||
        (e.head[CLASS] == 2 && !reader_get(r, 0, e.head, ehdr_bytes[1]))) {
        return dump_refuse(d, "it ends within its header");
    }
    if (e.head[CLASS] != 1 && e.head[CLASS] != 2) {
        return dump_refuse(d, "its class is %u, neither 32-bit nor 64-bit",
                           e.head[CLASS]);
    }
    if (e.head[DATA] != 1) {
        return dump_refuse(d, "it is of a big-endian machine, whose tables "
                              "ptwalk does not read");
    }
    e.wide = e.head[CLASS] == 2;
    set_family(&e, d);
    if (!read_segments(&e, d)) {
        return false;
    }
    if (d->family == DUMP_X86 && !d->long_mode_known) {
        d->long_mode = reader_number(&e.r, e.head + 18, 2) == EM_X86_64;
        d->long_mode_known = true;
    }
    if (d->segments == 0 && d->missing == 0 && !read_xen(&e, d)) {
        return false;
    }
    dump_order(d);
    if (d->segments == 0) {
        return dump_refuse(d, "none of the memory that it names is in it");
    }
    if (d->paravirtual && !d->long_mode) {
        make_upper_tables(&e, d);
    }
    return true;
}
