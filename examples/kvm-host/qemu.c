/* SPDX-License-Identifier: Apache-2.0 */
/* A machine in QEMU's emulator (TCG), driven through its GDB server.
 *
 * The guest's memory is a file without a name that both processes map.  The
 * board has nothing but memory and a processor; memory below VM_LOWEST belongs
 * to a loader, which puts the processor into its mode and sets those registers
 * that the server does not reach.  An output is a breakpoint at the only
 * instruction that makes one. */
#include "qemu.h"
#include "vm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PACKET = 4096, TIMEOUT_MS = 20000, SIGNAL_TRAP = 5 };

/* The GDB server's numbers of registers, and where they stand in an answer to
 * 'g': GPRs first, of 8 bytes each, like RIP and the control registers. */
enum {
    GDB_RIP = 16,
    GDB_FLAGS = 17,
    GDB_CS = 18,
    GDB_CR0 = 27,
    GDB_CR2 = 28,
    GDB_CR3 = 29,
    GDB_CR4 = 30,
    GDB_EFER = 32,
    GDB_AT_RIP = 128,
    GDB_AT_FLAGS = 136, /* 4 bytes, and then seven of 4 and three of 8 */
    GDB_AT_CR0 = 188,
    GDB_AT_CR2 = 196,
    GDB_AT_CR3 = 204,
    GDB_AT_CR4 = 212,
    GDB_AT_EFER = 228,
    GDB_BYTES = 608
};

struct qemu {
    pid_t child;
    int gdb;      /* the socket to its GDB server */
    uint8_t *ram; /* all of it, from physical 0 */
    size_t ram_bytes;
    bool started;             /* the processor has left its reset state */
    struct vm_registers last; /* as last set: the hidden parts */
    uint8_t g[GDB_BYTES];
};

extern const uint8_t qemu_loader[];
extern const size_t qemu_loader_bytes;

static struct qemu *qemu_of(const struct vm *vm)
{
    return vm->impl;
}

/* ------------------------------------------------------ GDB remote protocol */

/* GDB manual, "Remote Protocol": $data#sum, answered by '+'. */
static bool send_packet(struct qemu *q, const char *data)
{
    char out[PACKET];
    unsigned sum = 0;
    int length;

    for (const char *c = data; *c != '\0'; c++) {
        sum += (unsigned char)*c;
    }
    length = snprintf(out, sizeof out, "$%s#%02x", data, sum & 0xff);
    return length < (int)sizeof out &&
           send(q->gdb, out, (size_t)length, MSG_NOSIGNAL) == length;
}

static bool receive_byte(struct qemu *q, char *out)
{
    struct pollfd p = {.fd = q->gdb, .events = POLLIN};

    return poll(&p, 1, TIMEOUT_MS) == 1 && recv(q->gdb, out, 1, 0) == 1;
}

static bool receive_packet(struct qemu *q, char data[PACKET])
{
    size_t length = 0;
    char c = 0;

    while (c != '$') {
        if (!receive_byte(q, &c)) {
            return false;
        }
    }
    for (;;) {
        if (!receive_byte(q, &c) || length + 1 >= PACKET) {
            return false;
        }
        if (c == '#') {
            break;
        }
        data[length++] = c;
    }
    data[length] = '\0';
    return receive_byte(q, &c) && receive_byte(q, &c) &&
           send(q->gdb, "+", 1, MSG_NOSIGNAL) == 1;
}

static bool ask(struct qemu *q, const char *data, char answer[PACKET])
{
    return send_packet(q, data) && receive_packet(q, answer);
}

static bool ask_ok(struct qemu *q, const char *data)
{
    char answer[PACKET];

    return ask(q, data, answer) && strcmp(answer, "OK") == 0;
}

static bool read_registers(struct qemu *q)
{
    char answer[PACKET];

    if (!ask(q, "g", answer) || strlen(answer) < 2 * GDB_BYTES) {
        return false;
    }
    for (size_t i = 0; i < GDB_BYTES; i++) {
        char hex[3] = {answer[2 * i], answer[2 * i + 1], '\0'};

        q->g[i] = (uint8_t)strtoul(hex, NULL, 16);
    }
    return true;
}

/* One register, by the number that the server's description gives it. */
static bool write_register(struct qemu *q, unsigned number, uint64_t value)
{
    char data[64] = "";
    int at = snprintf(data, sizeof data, "P%x=", number);

    for (unsigned i = 0; i < 8; i++) {
        at += snprintf(data + at, sizeof data - (size_t)at, "%02x",
                       (unsigned)(value >> 8 * i & 0xff));
    }
    return ask_ok(q, data);
}

static uint64_t get64(const struct qemu *q, size_t at)
{
    uint64_t v;

    memcpy(&v, q->g + at, sizeof v);
    return v;
}

/* The server's order differs from the instructions' in the first eight. */
static unsigned gpr_number(unsigned i)
{
    static const unsigned number[8] = {
        [VM_RAX] = 0, [VM_RBX] = 1, [VM_RCX] = 2, [VM_RDX] = 3,
        [VM_RSI] = 4, [VM_RDI] = 5, [VM_RBP] = 6, [VM_RSP] = 7,
    };

    return i < 8 ? number[i] : i;
}

static bool breakpoint(struct qemu *q, bool set, uint64_t va)
{
    char data[64];

    snprintf(data, sizeof data, "%c1,%llx,1", set ? 'Z' : 'z',
             (unsigned long long)va);
    return ask_ok(q, data);
}

/* Goes on to the next breakpoint, or whatever else stops the processor. */
static bool resume(struct qemu *q, unsigned *signal)
{
    char answer[PACKET];

    if (!ask(q, "c", answer) || (answer[0] != 'T' && answer[0] != 'S')) {
        return false;
    }
    answer[3] = '\0';
    *signal = (unsigned)strtoul(answer + 1, NULL, 16);
    return read_registers(q);
}

/* ----------------------------------------------------------------- process */

static void run_emulator(enum vm_mode mode, int memory, int server,
                         size_t bytes)
{
    char ram[128];
    char size[32];
    char gdb[64];

    snprintf(ram, sizeof ram,
             "memory-backend-file,id=ram,size=%zu,mem-path=/proc/self/fd/%d,"
             "share=on",
             bytes, memory);
    snprintf(size, sizeof size, "%zuM", bytes >> 20);
    snprintf(gdb, sizeof gdb, "socket,id=gdb,fd=%d", server);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults",
           "-no-user-config", "-display", "none", "-accel", "tcg", "-cpu",
           mode == VM_LA57 ? "max,la57=on" : "max,la57=off", "-machine",
           "microvm,pit=off,pic=off,rtc=off,isa-serial=off,"
           "x-option-roms=off,memory-backend=ram",
           "-m", size, "-object", ram, "-S", "-no-reboot", "-no-shutdown",
           "-chardev", gdb, "-gdb", "chardev:gdb", (char *)NULL);
    _exit(127);
}

static enum vm_result start_emulator(struct vm *vm, int memory)
{
    struct qemu *q = qemu_of(vm);
    char answer[PACKET];
    int pair[2];
    int status;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return vm_fail(vm, VM_FAILED, "qemu: %s", strerror(errno));
    }
    q->gdb = pair[0];
    q->child = fork();
    if (q->child == 0) {
        close(pair[0]);
        run_emulator(vm->config.mode, memory, pair[1], q->ram_bytes);
    }
    close(pair[1]);
    if (q->child < 0) {
        return vm_fail(vm, VM_FAILED, "qemu: %s", strerror(errno));
    }
    /* Single registers are offered only to whoever asks for their names. */
    if (ask(q, "qXfer:features:read:target.xml:0,800", answer)) {
        return VM_OK;
    }
    if (waitpid(q->child, &status, 0) == q->child) {
        q->child = -1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
            return vm_fail(vm, VM_ABSENT,
                           "qemu: qemu-system-x86_64 can't be run");
        }
    }
    return vm_fail(vm, VM_FAILED, "qemu: it does not answer");
}

static void qemu_close(struct vm *vm)
{
    struct qemu *q = qemu_of(vm);

    if (q->child > 0) {
        kill(q->child, SIGKILL);
        waitpid(q->child, NULL, 0);
    }
    if (q->gdb >= 0) {
        close(q->gdb);
    }
    if (q->ram != NULL) {
        munmap(q->ram, q->ram_bytes);
    }
    free(q);
    vm->impl = NULL;
}

static enum vm_result make_memory(struct vm *vm, int *memory)
{
    static const uint64_t MEGABYTE = 1 << 20;
    struct qemu *q = qemu_of(vm);
    uint64_t bytes = MEGABYTE;
    void *ram;

    for (unsigned i = 0; i < vm->config.memories; i++) {
        const struct vm_memory *m = &vm->config.memory[i];

        if (m->base + m->bytes > bytes) {
            bytes = m->base + m->bytes;
        }
    }
    q->ram_bytes = (bytes + MEGABYTE - 1) / MEGABYTE * MEGABYTE;
    *memory = memfd_create("guest", 0);
    if (*memory < 0 || ftruncate(*memory, (off_t)q->ram_bytes) != 0) {
        return vm_fail(vm, VM_FAILED, "qemu: memory: %s", strerror(errno));
    }
    ram = mmap(NULL, q->ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *memory,
               0);
    if (ram == MAP_FAILED) {
        return vm_fail(vm, VM_FAILED, "qemu: memory: %s", strerror(errno));
    }
    q->ram = ram;
    for (unsigned i = 0; i < vm->config.memories; i++) {
        vm->config.memory[i].host = q->ram + vm->config.memory[i].base;
    }
    return VM_OK;
}

static enum vm_result qemu_open(struct vm *vm)
{
    struct qemu *q = calloc(1, sizeof *q);
    enum vm_result result;
    int memory = -1;

    if (q == NULL) {
        return vm_fail(vm, VM_FAILED, "qemu: memory");
    }
    q->child = -1;
    q->gdb = -1;
    vm->impl = q;
    result = make_memory(vm, &memory);
    if (result == VM_OK) {
        result = start_emulator(vm, memory);
    }
    if (memory >= 0) {
        close(memory);
    }
    if (result == VM_OK && !read_registers(q)) {
        result = vm_fail(vm, VM_FAILED, "qemu: no registers");
    }
    if (result != VM_OK) {
        qemu_close(vm);
        return result;
    }
    /* What TCG's "max" has. */
    vm->config.cpu = (struct ptw_cpu){.pa_bits = 40, .x86.page1g = true};
    return VM_OK;
}

/* ------------------------------------------------------------------ loader */

static void block64(struct qemu *q, unsigned at, uint64_t v)
{
    memcpy(q->ram + QEMU_BLOCK + at, &v, sizeof v);
}

static void block16(struct qemu *q, unsigned at, uint16_t v)
{
    memcpy(q->ram + QEMU_BLOCK + at, &v, sizeof v);
}

static void block_table(struct qemu *q, unsigned at, struct vm_table_register t)
{
    block16(q, at, t.limit);
    block64(q, at + 2, t.base);
}

/* Intel SDM vol. 3A, "Segment Descriptors". */
static void block_descriptor(struct qemu *q, const struct vm_segment *s)
{
    uint64_t limit = (s->flags & 8) != 0 ? s->limit >> 12 : s->limit;
    unsigned at = QEMU_GDT_AT + (s->selector & ~7u);
    uint64_t low = (limit & 0xffff) | (s->base & 0xffffff) << 16 |
                   (uint64_t)s->access << 40 | (limit >> 16 & 15) << 48 |
                   (uint64_t)s->flags << 52 | (s->base >> 24 & 0xff) << 56;

    block64(q, at, low);
    if ((s->access & 0x10) == 0) { /* a system descriptor: twice as long */
        block64(q, at + 8, s->base >> 32);
    }
}

/* The loader's tables map it and its block to themselves, in pages of 4 KiB,
 * for others are not in every mode. */
static uint64_t loader_tables(struct qemu *q, enum vm_mode mode)
{
    static const uint64_t ENTRY = 0x63; /* P R/W A D */
    unsigned levels = vm_levels(mode);
    size_t bytes = vm_entry_bytes(mode);
    uint64_t table = QEMU_TABLES;
    uint64_t entry;

    memset(q->ram + table, 0, levels * (size_t)VM_PAGE);
    for (; levels > 1; levels--) {
        entry = (table + VM_PAGE) |
                (mode == VM_PAE && table == QEMU_TABLES ? 1 : ENTRY);
        memcpy(q->ram + table, &entry, bytes);
        table += VM_PAGE;
    }
    for (uint64_t pa = QEMU_LOADER; pa <= QEMU_BLOCK; pa += VM_PAGE) {
        entry = pa | ENTRY;
        memcpy(q->ram + table + pa / VM_PAGE * bytes, &entry, bytes);
    }
    return QEMU_TABLES;
}

static unsigned loader_entry(const struct vm *vm)
{
    return QEMU_LOADER +
           (vm_is_long(vm->config.mode) ? QEMU_ENTRY_64 : QEMU_ENTRY_32);
}

static uint64_t write_block(struct vm *vm, const struct vm_registers *r)
{
    static const uint16_t GDT_LIMIT = 0xff;
    struct qemu *q = qemu_of(vm);
    struct vm_segment tr = r->tr;
    uint64_t cr3 = loader_tables(q, vm->config.mode);
    struct vm_table_register own = {QEMU_BLOCK + QEMU_GDT_AT, GDT_LIMIT};
    static const enum vm_segment_name order[] = {VM_DS, VM_ES, VM_FS, VM_GS,
                                                 VM_SS};

    memcpy(q->ram + QEMU_LOADER, qemu_loader, qemu_loader_bytes);
    memset(q->ram + QEMU_BLOCK, 0, VM_PAGE);
    block64(q, QEMU_CR0, r->cr0);
    block64(q, QEMU_CR3, cr3);
    block64(q, QEMU_CR4, r->cr4);
    block64(q, QEMU_EFER, r->efer);
    block64(q, QEMU_FAR,
            loader_entry(vm) | (uint64_t)r->segment[VM_CS].selector << 32);
    for (unsigned i = 0; i < 5; i++) {
        block16(q, QEMU_SEGMENT + 2 * i, r->segment[order[i]].selector);
        block_descriptor(q, &r->segment[order[i]]);
    }
    block_descriptor(q, &r->segment[VM_CS]);
    block16(q, QEMU_SEGMENT + 10, tr.selector);
    tr.access &= (uint8_t)~2; /* to be loaded it must not be busy */
    block_descriptor(q, &tr);
    block_table(q, QEMU_OWN_GDT, own);
    block_table(q, QEMU_IDT, r->idt);
    block_table(q, QEMU_GDT, r->gdt);
    return cr3;
}

/* From reset in real mode, from then on in the mode that it has. */
static bool run_loader(struct vm *vm, const struct vm_registers *r)
{
    struct qemu *q = qemu_of(vm);
    uint64_t cr3 = write_block(vm, r);
    unsigned signal = 0;
    bool ok;

    if (q->started) {
        ok = write_register(q, GDB_CR3, cr3) &&
             write_register(q, GDB_RIP, loader_entry(vm));
    } else {
        ok = write_register(q, GDB_CS, 0) &&
             write_register(q, GDB_RIP, QEMU_LOADER);
    }
    ok = ok && breakpoint(q, true, QEMU_LOADER + QEMU_READY) &&
         resume(q, &signal) && signal == SIGNAL_TRAP &&
         get64(q, GDB_AT_RIP) == QEMU_LOADER + QEMU_READY;
    return breakpoint(q, false, QEMU_LOADER + QEMU_READY) && ok;
}

/* --------------------------------------------------------------- registers */

static enum vm_result qemu_get(struct vm *vm, struct vm_registers *out)
{
    struct qemu *q = qemu_of(vm);
    uint32_t flags;

    *out = q->last;
    for (unsigned i = 0; i < VM_GPRS; i++) {
        out->gpr[i] = get64(q, 8 * (size_t)gpr_number(i));
    }
    memcpy(&flags, q->g + GDB_AT_FLAGS, sizeof flags);
    out->rip = get64(q, GDB_AT_RIP);
    out->rflags = flags;
    out->cr0 = get64(q, GDB_AT_CR0);
    out->cr2 = get64(q, GDB_AT_CR2);
    out->cr3 = get64(q, GDB_AT_CR3);
    out->cr4 = get64(q, GDB_AT_CR4);
    out->efer = get64(q, GDB_AT_EFER);
    return VM_OK;
}

static bool same_segment(const struct vm_segment *a, const struct vm_segment *b)
{
    return a->base == b->base && a->limit == b->limit &&
           a->selector == b->selector && a->access == b->access &&
           a->flags == b->flags;
}

/* Whether the processor has all that only the loader can set. */
static bool is_loaded(const struct qemu *q, const struct vm_registers *r)
{
    bool same =
        q->started && same_segment(&q->last.tr, &r->tr) &&
        q->last.gdt.base == r->gdt.base && q->last.gdt.limit == r->gdt.limit &&
        q->last.idt.base == r->idt.base && q->last.idt.limit == r->idt.limit;

    for (unsigned i = 0; i < VM_SEGMENTS; i++) {
        same = same && same_segment(&q->last.segment[i], &r->segment[i]);
    }
    return same;
}

static bool write_all(struct qemu *q, const struct vm_registers *r)
{
    bool ok = write_register(q, GDB_CR3, r->cr3) &&
              write_register(q, GDB_CR4, r->cr4) &&
              write_register(q, GDB_EFER, r->efer) &&
              write_register(q, GDB_CR0, r->cr0) &&
              write_register(q, GDB_CR2, r->cr2) &&
              write_register(q, GDB_RIP, r->rip) &&
              write_register(q, GDB_FLAGS, r->rflags);

    for (unsigned i = 0; i < VM_GPRS && ok; i++) {
        if (get64(q, 8 * (size_t)gpr_number(i)) != r->gpr[i]) {
            ok = write_register(q, gpr_number(i), r->gpr[i]);
        }
    }
    return ok && read_registers(q);
}

static enum vm_result qemu_set(struct vm *vm, const struct vm_registers *regs)
{
    struct qemu *q = qemu_of(vm);

    if (!is_loaded(q, regs) && !run_loader(vm, regs)) {
        return vm_fail(vm, VM_FAILED, "qemu: the loader does not run");
    }
    if (!q->started && !breakpoint(q, true, vm->config.doorbell)) {
        return vm_fail(vm, VM_FAILED, "qemu: no breakpoints");
    }
    q->started = true;
    q->last = *regs;
    return write_all(q, regs)
               ? VM_OK
               : vm_fail(vm, VM_FAILED, "qemu: registers can't be set");
}

/* Writing CR3 drops translations. */
static enum vm_result qemu_tables_changed(struct vm *vm)
{
    struct qemu *q = qemu_of(vm);

    return write_register(q, GDB_CR3, get64(q, GDB_AT_CR3))
               ? VM_OK
               : vm_fail(vm, VM_FAILED, "qemu: CR3 can't be set");
}

static void qemu_run(struct vm *vm, struct vm_exit *out)
{
    struct qemu *q = qemu_of(vm);
    unsigned signal = 0;

    out->kind = VM_EXIT_BROKEN;
    if (!resume(q, &signal)) {
        vm_fail(vm, VM_FAILED, "qemu: the guest does not come back");
    } else if (signal != SIGNAL_TRAP) {
        out->kind = VM_EXIT_SHUTDOWN;
    } else if (get64(q, GDB_AT_RIP) != vm->config.doorbell) {
        vm_fail(vm, VM_FAILED, "qemu: stopped at %llx",
                (unsigned long long)get64(q, GDB_AT_RIP));
    } else if (!write_register(q, GDB_RIP, vm->config.doorbell + 1) ||
               !read_registers(q)) {
        vm_fail(vm, VM_FAILED, "qemu: registers can't be set");
    } else {
        out->kind = VM_EXIT_OUT;
        out->port = (uint16_t)get64(q, 8 * (size_t)gpr_number(VM_RDX));
        out->value = (uint32_t)get64(q, 8 * (size_t)gpr_number(VM_RAX));
    }
}

const struct vm_ops vm_qemu = {
    .name = "qemu",
    .open = qemu_open,
    .close = qemu_close,
    .get = qemu_get,
    .set = qemu_set,
    .run = qemu_run,
    .tables_changed = qemu_tables_changed,
};
