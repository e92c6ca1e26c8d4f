/* SPDX-License-Identifier: Apache-2.0 */
/* System V ABI, "Note Section": lengths of a name and a description, a type,
 * then both, each padded to 4 bytes.
 *
 * - "QEMU", type 0: a processor's registers (QEMU, target/i386/arch_dump.c,
 *   QEMUX86CPUState, version 1): version, size; 18 general registers of 8 bytes;
 *   10 segments of 24 bytes; CR0 to CR4.  There is no EFER.
 * - "CORE", NT_PRSTATUS: general registers.  Of x86, that of a processor in long
 *   mode has 336 bytes, as Linux's struct elf_prstatus, another one 144; QEMU
 *   writes the one that the mode asks for, whatever the rest of the file says.
 * - "CORE", NT_FILE: the files that a process had mapped (Linux, elf(5)).
 * - "VMCOREINFO", type 0: lines of text (Linux,
 *   Documentation/admin-guide/kdump/vmcoreinfo.rst).
 * - "VBCPU", type 0xb01: a processor's registers (VirtualBox,
 *   include/VBox/vmm/dbgfcorefmt.h, DBGFCORECPU): 18 general registers, 6
 *   segments of 24 bytes, CR0, CR2, CR3, CR4, 8 debug registers, GDTR and IDTR
 *   of 16 bytes, LDTR and TR of 24, three SYSENTER registers, EFER. */
#include "notes.h"

#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 12,
    NAME_MOST = 16,
    NT_PRSTATUS = 1,
    PRSTATUS_X86_64 = 336,
    PRSTATUS_I386 = 144,
    QEMU_CR0 = 8 + 18 * 8 + 10 * 24,
    QEMU_CR3 = QEMU_CR0 + 3 * 8,
    QEMU_CR4 = QEMU_CR0 + 4 * 8,
    QEMU_BYTES = QEMU_CR0 + 5 * 8,
    VBOX_CR0 = 18 * 8 + 6 * 24,
    VBOX_CR3 = VBOX_CR0 + 2 * 8,
    VBOX_CR4 = VBOX_CR0 + 3 * 8,
    VBOX_EFER = VBOX_CR0 + 12 * 8 + 2 * 16 + 2 * 24 + 3 * 8,
    VBOX_BYTES = VBOX_EFER + 8,
    /* The kernel's own is a page; a guest may write what it likes. */
    VMCOREINFO_MOST = 1 << 20,
    CPUS_MOST = 1 << 16,
};

struct note {
    char name[NAME_MOST + 1];
    uint32_t type;
    uint64_t at; /* of the description */
    uint32_t bytes;
};

static uint64_t padded(uint64_t n)
{
    return (n + 3) & ~(uint64_t)3;
}

static void add_qemu(const struct reader *r, const struct note *n,
                     struct dump *d)
{
    unsigned char text[QEMU_BYTES];
    struct reader little = *r;
    struct dump_cpu cpu = {.has_efer = false};

    little.big_endian = false;
    if (d->family != DUMP_X86 || n->bytes < QEMU_BYTES ||
        !reader_get(r, n->at, text, sizeof text) ||
        reader_number(&little, text, 4) != 1) {
        return;
    }
    cpu.cr0 = reader_number(&little, text + QEMU_CR0, 8);
    cpu.cr3 = reader_number(&little, text + QEMU_CR3, 8);
    cpu.cr4 = reader_number(&little, text + QEMU_CR4, 8);
    cpu.where = "note QEMU";
    cpu.at = n->at;
    dump_add_cpu(d, &cpu);
}

static void add_vbox(const struct reader *r, const struct note *n,
                     struct dump *d)
{
    unsigned char text[VBOX_BYTES];
    struct dump_cpu cpu = {.has_efer = true};

    if (d->family != DUMP_X86 || n->bytes < VBOX_BYTES ||
        !reader_get(r, n->at, text, sizeof text)) {
        return;
    }
    cpu.cr0 = reader_number(r, text + VBOX_CR0, 8);
    cpu.cr3 = reader_number(r, text + VBOX_CR3, 8);
    cpu.cr4 = reader_number(r, text + VBOX_CR4, 8);
    cpu.efer = reader_number(r, text + VBOX_EFER, 8);
    cpu.where = "note VBCPU";
    cpu.at = n->at;
    dump_add_cpu(d, &cpu);
}

static void add_status(const struct note *n, struct dump *d)
{
    d->threads++;
    if (d->family == DUMP_X86 && !d->long_mode_known &&
        (n->bytes == PRSTATUS_X86_64 || n->bytes == PRSTATUS_I386)) {
        d->long_mode = n->bytes == PRSTATUS_X86_64;
        d->long_mode_known = true;
    }
}

void notes_add_vmcoreinfo(const struct reader *r, uint64_t offset,
                          uint64_t bytes, struct dump *d)
{
    if (d->vmcoreinfo != NULL || bytes == 0 || bytes > VMCOREINFO_MOST ||
        offset > r->bytes || bytes > r->bytes - offset) {
        return;
    }
    d->vmcoreinfo = must(calloc(1, (size_t)bytes + 1));
    d->vmcoreinfo_at = offset;
    if (!reader_get(r, offset, d->vmcoreinfo, (size_t)bytes)) {
        free(d->vmcoreinfo);
        d->vmcoreinfo = NULL;
    }
}

static void take(const struct reader *r, const struct note *n, struct dump *d)
{
    enum { NT_VBOXCPU = 0xb01, NT_FILE = 0x46494c45 };

    if (d->cpus >= CPUS_MOST) {
        return;
    }
    if (strcmp(n->name, "QEMU") == 0 && n->type == 0) {
        add_qemu(r, n, d);
    } else if (strcmp(n->name, "VBCPU") == 0 && n->type == NT_VBOXCPU) {
        add_vbox(r, n, d);
    } else if (strcmp(n->name, "CORE") == 0 && n->type == NT_PRSTATUS) {
        add_status(n, d);
    } else if (strcmp(n->name, "CORE") == 0 && n->type == NT_FILE) {
        d->process = true;
    } else if (strcmp(n->name, "VMCOREINFO") == 0 && n->type == 0) {
        notes_add_vmcoreinfo(r, n->at, n->bytes, d);
    }
}

void notes_read(const struct reader *r, uint64_t offset, uint64_t bytes,
                struct dump *d)
{
    uint64_t end;
    uint64_t at = offset;

    if (offset > r->bytes) {
        return;
    }
    end = offset + (bytes < r->bytes - offset ? bytes : r->bytes - offset);
    while (end - at >= HEADER) {
        unsigned char head[HEADER];
        struct note n = {.type = 0};
        uint64_t name_bytes;

        if (!reader_get(r, at, head, sizeof head)) {
            return;
        }
        name_bytes = reader_number(r, head, 4);
        n.bytes = (uint32_t)reader_number(r, head + 4, 4);
        n.type = (uint32_t)reader_number(r, head + 8, 4);
        at += HEADER;
        if (padded(name_bytes) > end - at ||
            n.bytes > end - at - padded(name_bytes)) {
            dump_remark(d,
                        "ends within its note at %" PRIx64
                        ": what that and later ones say is not known",
                        at - HEADER);
            return;
        }
        if (name_bytes > 0 && name_bytes <= NAME_MOST &&
            !reader_get(r, at, n.name, (size_t)name_bytes)) {
            return;
        }
        at += padded(name_bytes);
        n.at = at;
        take(r, &n, d);
        if (padded(n.bytes) > end - at) {
            return;
        }
        at += padded(n.bytes);
    }
}
