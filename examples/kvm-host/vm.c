/* SPDX-License-Identifier: Apache-2.0 */
/* What all machines have in common. */
#include "vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Intel SDM vol. 3A, "Control Registers", and vol. 4 for IA32_EFER. */
static const uint64_t CR0_PE = 1;
static const uint64_t CR0_ET = (uint64_t)1 << 4;
static const uint64_t CR0_NE = (uint64_t)1 << 5;
static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t CR4_PAE = (uint64_t)1 << 5;
static const uint64_t CR4_LA57 = (uint64_t)1 << 12;
static const uint64_t EFER_LME = (uint64_t)1 << 8;
static const uint64_t EFER_LMA = (uint64_t)1 << 10;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;

/* Intel SDM vol. 3A, "Segment Descriptors". */
enum {
    ACCESS_CODE = 0x9b, /* present, code, readable, accessed */
    ACCESS_DATA = 0x93, /* present, data, writable, accessed */
    ACCESS_USER = 0xf3, /* the same for user mode */
    ACCESS_TASK = 0x8b, /* present, TSS, busy */
    FLAG_LONG = 2,
    FLAG_32 = 4,
    FLAG_4K = 8
};

enum vm_result vm_fail(struct vm *vm, enum vm_result result, const char *format,
                       ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(vm->why, sizeof vm->why, format, args);
    va_end(args);
    return result;
}

bool vm_is_long(enum vm_mode mode)
{
    return mode == VM_AMD64 || mode == VM_LA57;
}

unsigned vm_levels(enum vm_mode mode)
{
    static const unsigned levels[] = {
        [VM_AMD64] = 4, [VM_I686] = 2, [VM_PAE] = 3, [VM_LA57] = 5};

    return levels[mode];
}

unsigned vm_entry_bytes(enum vm_mode mode)
{
    return mode == VM_I686 ? 4 : 8;
}

static bool memory_is_valid(const struct vm_config *c)
{
    for (unsigned i = 0; i < c->memories; i++) {
        const struct vm_memory *m = &c->memory[i];

        if (m->base < VM_LOWEST || m->bytes == 0 ||
            (m->base | m->bytes) % VM_PAGE != 0) {
            return false;
        }
    }
    return c->memories <= VM_MEMORIES;
}

enum vm_result vm_open(struct vm *vm, const struct vm_ops *ops,
                       const struct vm_config *config)
{
    memset(vm, 0, sizeof *vm);
    vm->ops = ops;
    vm->config = *config;
    if (!memory_is_valid(config)) {
        return vm_fail(vm, VM_FAILED, "%s: no such memory", ops->name);
    }
    return ops->open(vm);
}

void vm_close(struct vm *vm)
{
    vm->ops->close(vm);
}

enum vm_result vm_get(struct vm *vm, struct vm_registers *out)
{
    return vm->ops->get(vm, out);
}

/* Some KVMs drop CR0.PG outside long mode without a word. */
enum vm_result vm_set(struct vm *vm, const struct vm_registers *regs)
{
    struct vm_registers now;
    enum vm_result result = vm->ops->set(vm, regs);

    if (result == VM_OK) {
        result = vm->ops->get(vm, &now);
    }
    if (result == VM_OK && now.cr0 != regs->cr0) {
        return vm_fail(vm, VM_ABSENT,
                       "%s: CR0 was set to %llx and is %llx: this machine does "
                       "not have that mode",
                       vm->ops->name, (unsigned long long)regs->cr0,
                       (unsigned long long)now.cr0);
    }
    if (result == VM_OK && (now.cr3 != regs->cr3 || now.cr4 != regs->cr4 ||
                            now.efer != regs->efer)) {
        return vm_fail(vm, VM_ABSENT,
                       "%s: CR3, CR4 or EFER are not what they were set to",
                       vm->ops->name);
    }
    return result;
}

void vm_run(struct vm *vm, struct vm_exit *out)
{
    memset(out, 0, sizeof *out);
    vm->ops->run(vm, out);
}

enum vm_result vm_tables_changed(struct vm *vm)
{
    return vm->ops->tables_changed(vm);
}

uint8_t *vm_host(const struct vm *vm, uint64_t pa, uint64_t bytes)
{
    for (unsigned i = 0; i < vm->config.memories; i++) {
        const struct vm_memory *m = &vm->config.memory[i];

        if (pa >= m->base && bytes <= m->bytes &&
            pa - m->base <= m->bytes - bytes) {
            return m->host + (pa - m->base);
        }
    }
    return NULL;
}

enum ptw_status vm_mem(const struct vm *vm, struct ptw_region *region,
                       struct ptw_mem *mem)
{
    for (unsigned i = 0; i < vm->config.memories; i++) {
        const struct vm_memory *m = &vm->config.memory[i];

        region[i].first = ptw_pa_of(m->base);
        region[i].last = ptw_pa_of(m->base + (m->bytes - 1));
        region[i].host = m->host;
        region[i].writable = !m->read_only;
    }
    return ptw_mem_init_regions(mem, region, vm->config.memories);
}

/* ------------------------------------------------------------------- start */

static struct vm_segment flat(uint16_t selector, uint8_t access, uint8_t flags)
{
    struct vm_segment s = {.limit = UINT32_MAX,
                           .selector = selector,
                           .access = access,
                           .flags = flags};

    return s;
}

struct vm_registers vm_start(enum vm_mode mode, uint64_t entry, uint64_t stack,
                             uint64_t cr3)
{
    static const uint64_t cr4[] = {[VM_AMD64] = CR4_PAE,
                                   [VM_I686] = CR4_PSE,
                                   [VM_PAE] = CR4_PAE,
                                   [VM_LA57] = CR4_PAE | CR4_LA57};
    bool amd64 = vm_is_long(mode);
    struct vm_registers r = {
        .rip = entry,
        .rflags = 2,
        .cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG,
        .cr3 = cr3,
        .cr4 = cr4[mode],
        .efer = (amd64 ? EFER_LME | EFER_LMA : 0) |
                (mode == VM_I686 ? 0 : EFER_NXE),
        .tr = {.limit = 0x67, .selector = VM_TASK, .access = ACCESS_TASK},
    };

    r.gpr[VM_RSP] = stack;
    for (unsigned i = 0; i < VM_SEGMENTS; i++) {
        r.segment[i] = flat(VM_USER_DATA, ACCESS_USER, FLAG_32 | FLAG_4K);
    }
    r.segment[VM_SS] = flat(VM_KERNEL_DATA, ACCESS_DATA, FLAG_32 | FLAG_4K);
    r.segment[VM_CS] = flat(VM_KERNEL_CODE, ACCESS_CODE,
                            amd64 ? FLAG_LONG | FLAG_4K : FLAG_32 | FLAG_4K);
    return r;
}

/* --------------------------------------------------------------- available */

/* The smallest guest that can't run unless its tables are walked: neither its
 * code nor its data lies where its addresses say. */
enum { PROBE_VA = 0x400000, PROBE_PORT = 0x510, PROBE_OUT = 11 };
static const uint32_t PROBE_VALUE = 0x70747761;

static const uint8_t probe_code[] = {
    0xb9, 0x00, 0x10, 0x40, 0x00, /* mov $PROBE_VA + VM_PAGE, %ecx */
    0x8b, 0x01,                   /* mov (%rcx), %eax */
    0x66, 0xba, 0x10, 0x05,       /* mov $PROBE_PORT, %dx */
    0xef,                         /* out %eax, %dx */
    0xf4,                         /* hlt */
};

/* Entries with P, R/W, U/S and A, and D in the leaves; of the root of PAE
 * paging, with P alone. */
static void probe_entry(const struct vm *vm, unsigned table, unsigned index,
                        uint64_t pa)
{
    enum vm_mode mode = vm->config.mode;
    uint64_t bits = mode == VM_PAE && table == 0 ? 1 : 0x67;
    uint64_t wide = pa | bits;
    uint32_t narrow = (uint32_t)wide;
    uint8_t *at = vm->config.memory[0].host + (size_t)table * VM_PAGE +
                  (size_t)index * vm_entry_bytes(mode);

    if (mode != VM_I686) {
        memcpy(at, &wide, 8);
    } else {
        memcpy(at, &narrow, 4);
    }
}

/* Page frames: the tables, top first, then the code and the data. */
static void probe_write(const struct vm *vm)
{
    uint8_t *ram = vm->config.memory[0].host;
    uint64_t base = vm->config.memory[0].base;
    unsigned tables = vm_levels(vm->config.mode);
    bool narrow = vm->config.mode == VM_I686;
    unsigned pt_index = PROBE_VA >> 12 & (narrow ? 1023 : 511);
    unsigned pd_index = PROBE_VA >> (narrow ? 22 : 21);

    for (unsigned i = 0; i + 1 < tables; i++) {
        probe_entry(vm, i, i + 2 == tables ? pd_index : 0,
                    base + (i + 1) * VM_PAGE);
    }
    probe_entry(vm, tables - 1, pt_index, base + tables * VM_PAGE);
    probe_entry(vm, tables - 1, pt_index + 1, base + (tables + 1) * VM_PAGE);
    ram += (size_t)tables * VM_PAGE;
    memcpy(ram, probe_code, sizeof probe_code);
    memcpy(ram + VM_PAGE, &PROBE_VALUE, sizeof PROBE_VALUE);
}

static enum vm_result probe_run(struct vm *vm)
{
    struct vm_registers r =
        vm_start(vm->config.mode, PROBE_VA, 0, vm->config.memory[0].base);
    struct vm_exit e;
    enum vm_result result;

    probe_write(vm);
    result = vm_set(vm, &r);
    if (result != VM_OK) {
        return result;
    }
    vm_run(vm, &e);
    if (e.kind == VM_EXIT_BROKEN) {
        return VM_ABSENT;
    }
    if (e.kind != VM_EXIT_OUT || e.port != PROBE_PORT ||
        e.value != PROBE_VALUE) {
        return vm_fail(vm, VM_ABSENT,
                       "%s: a guest that has to be paged does not run",
                       vm->ops->name);
    }
    return VM_OK;
}

enum vm_result vm_available(const struct vm_ops *ops, enum vm_mode mode,
                            char why[VM_WHY])
{
    struct vm_config c = {
        .mode = mode,
        .memory = {{.base = VM_LOWEST, .bytes = 8 * VM_PAGE}},
        .memories = 1,
        .doorbell = PROBE_VA + PROBE_OUT,
    };
    struct vm vm;
    enum vm_result result = vm_open(&vm, ops, &c);

    if (result == VM_OK) {
        result = probe_run(&vm);
        vm_close(&vm);
    }
    memcpy(why, vm.why, VM_WHY);
    return result;
}
