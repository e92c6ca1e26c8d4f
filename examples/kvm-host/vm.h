/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for a guest: memory, one processor, and exits by port output.
 *
 * Two kinds implement it.  vm_kvm is Linux KVM, through nothing but the
 * kernel's own header; vm_qemu is QEMU's emulator, whose MMU walks the tables
 * itself, and which runs everywhere.  Neither is needed to build: what is not
 * there says so when it is opened. */
#ifndef PTW_EXAMPLES_VM_H
#define PTW_EXAMPLES_VM_H

#include <ptwalk/ptwalk.h>

enum vm_mode {
    VM_AMD64, /* long mode, 4-level paging */
    VM_I686,  /* protected mode, 32-bit paging, no PAE */
    VM_PAE,   /* protected mode, PAE paging */
    VM_LA57,  /* long mode, 5-level paging */
};

/* vm_is_long says whether the mode is long mode; vm_levels how many levels its
 * tables have, and vm_entry_bytes how many bytes an entry of them. */
bool vm_is_long(enum vm_mode mode);
unsigned vm_levels(enum vm_mode mode);
unsigned vm_entry_bytes(enum vm_mode mode);

enum vm_result {
    VM_OK,
    VM_ABSENT, /* this machine can't be had here; not an error */
    VM_FAILED,
};

enum { VM_MEMORIES = 2, VM_PAGE = 4096, VM_WHY = 200 };

/* A piece of physical memory, whole pages, at VM_LOWEST or above.  host is set
 * when the machine is opened: zeros, writable by the host whatever read_only
 * says of the guest. */
struct vm_memory {
    uint64_t base;
    uint64_t bytes;
    bool read_only;
    uint8_t *host;
};

static const uint64_t VM_LOWEST = 0x100000;

/* Segment registers with their hidden parts.  access and flags are those of a
 * descriptor: bits 47:40 and 55:52.  limit is in bytes. */
struct vm_segment {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint8_t access;
    uint8_t flags;
};

struct vm_table_register {
    uint64_t base;
    uint16_t limit;
};

/* In the order in which instructions number them. */
enum vm_gpr {
    VM_RAX,
    VM_RCX,
    VM_RDX,
    VM_RBX,
    VM_RSP,
    VM_RBP,
    VM_RSI,
    VM_RDI,
    VM_GPRS = 16
};

enum vm_segment_name { VM_CS, VM_DS, VM_ES, VM_FS, VM_GS, VM_SS, VM_SEGMENTS };

/* The state of a processor that is stopped in its kernel: all that a guest
 * without floating point has. */
struct vm_registers {
    uint64_t gpr[VM_GPRS];
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0, cr2, cr3, cr4, efer;
    struct vm_segment segment[VM_SEGMENTS];
    struct vm_segment tr;
    struct vm_table_register gdt, idt;
};

enum vm_exit_kind {
    VM_EXIT_OUT,      /* the guest wrote value to port */
    VM_EXIT_MMIO,     /* the guest touched address, where no memory is */
    VM_EXIT_SHUTDOWN, /* a fault that could not be delivered */
    VM_EXIT_BROKEN,   /* the machine failed; vm->why */
};

struct vm_exit {
    enum vm_exit_kind kind;
    uint16_t port;
    uint32_t value;
    uint64_t address;
};

struct vm_config {
    enum vm_mode mode;
    /* What the guest's processor is to be like, as far as the machine can:
     * pa_bits 0 for its own choice of both. */
    struct ptw_cpu cpu;
    /* KVM: the vendor that CPUID names is Intel's, whatever the host's. */
    bool intel;
    struct vm_memory memory[VM_MEMORIES];
    unsigned memories;
    /* The address of the guest's only output instruction, "out %eax, %dx": an
     * emulator has to be told. */
    uint64_t doorbell;
};

struct vm;

struct vm_ops {
    const char *name;
    enum vm_result (*open)(struct vm *vm);
    void (*close)(struct vm *vm);
    enum vm_result (*get)(struct vm *vm, struct vm_registers *out);
    enum vm_result (*set)(struct vm *vm, const struct vm_registers *regs);
    void (*run)(struct vm *vm, struct vm_exit *out);
    enum vm_result (*tables_changed)(struct vm *vm);
    enum vm_result (*translate)(struct vm *vm, ptw_va va, bool *valid,
                                ptw_pa *pa); /* NULL: it can't say */
};

extern const struct vm_ops vm_kvm;
extern const struct vm_ops vm_qemu;

struct vm {
    const struct vm_ops *ops;
    struct vm_config config; /* cpu: as it really is */
    void *impl;
    char why[VM_WHY];
};

/* vm_available says whether such a machine really runs guests in that mode: it
 * runs one whose code and data are only where its tables put them.  VM_ABSENT
 * or VM_FAILED, and why, when it does not. */
enum vm_result vm_available(const struct vm_ops *ops, enum vm_mode mode,
                            char why[VM_WHY]);

/* vm_open makes a machine as config describes it.  vm->why says what was wrong
 * unless it returns VM_OK; only then it has to be closed. */
enum vm_result vm_open(struct vm *vm, const struct vm_ops *ops,
                       const struct vm_config *config);
void vm_close(struct vm *vm);

/* vm_get and vm_set read and write the registers.  vm_set checks that paging is
 * really on afterwards, as asked: VM_ABSENT when this machine has no such mode.
 * The selectors of a guest that is set are those of vm_start. */
enum vm_result vm_get(struct vm *vm, struct vm_registers *out);
enum vm_result vm_set(struct vm *vm, const struct vm_registers *regs);

/* vm_run runs the guest until it exits.  An output is complete then: the guest
 * goes on behind it. */
void vm_run(struct vm *vm, struct vm_exit *out);

/* vm_tables_changed is called after the host wrote to the guest's tables: a
 * machine that keeps translations of its own drops them.  The guest's own
 * caches, which its processor may have, are the guest's to flush. */
enum vm_result vm_tables_changed(struct vm *vm);

/* Selectors of every guest here; the user's with its privilege level. */
enum {
    VM_KERNEL_CODE = 0x08,
    VM_KERNEL_DATA = 0x10,
    VM_USER_CODE = 0x1b,
    VM_USER_DATA = 0x23,
    VM_TASK = 0x28
};

/* vm_start returns the registers of a kernel about to start at entry: flat
 * segments (DS, ES, FS and GS are the user's), paging on with write
 * protection. */
struct vm_registers vm_start(enum vm_mode mode, uint64_t entry, uint64_t stack,
                             uint64_t cr3);

/* vm_host returns where the host has [pa, pa + bytes), or NULL when that is not
 * all inside one piece of memory. */
uint8_t *vm_host(const struct vm *vm, uint64_t pa, uint64_t bytes);

/* vm_mem describes the memory to the library, as the guest may write it.
 * region has room for VM_MEMORIES and must live as long as mem. */
enum ptw_status vm_mem(const struct vm *vm, struct ptw_region *region,
                       struct ptw_mem *mem);

/* vm_fail writes a reason and returns result; for implementations. */
enum vm_result vm_fail(struct vm *vm, enum vm_result result, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

#endif
