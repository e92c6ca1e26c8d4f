/* SPDX-License-Identifier: Apache-2.0 */
/* A machine on Linux KVM: Documentation/virt/kvm/api.rst of the kernel. */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CPUID_ENTRIES = 256 };

struct kvm {
    int system;
    int machine;
    int cpu;
    struct kvm_run *run;
    size_t run_bytes;
    bool keys; /* CPUID has protection keys */
};

static struct kvm *kvm_of(const struct vm *vm)
{
    return vm->impl;
}

static enum vm_result fail(struct vm *vm, enum vm_result result,
                           const char *what)
{
    return vm_fail(vm, result, "kvm: %s: %s", what, strerror(errno));
}

static void kvm_close(struct vm *vm)
{
    struct kvm *k = kvm_of(vm);

    if (k->run != NULL) {
        munmap(k->run, k->run_bytes);
    }
    for (unsigned i = 0; i < vm->config.memories; i++) {
        if (vm->config.memory[i].host != NULL) {
            munmap(vm->config.memory[i].host, vm->config.memory[i].bytes);
        }
    }
    if (k->cpu >= 0) {
        close(k->cpu);
    }
    if (k->machine >= 0) {
        close(k->machine);
    }
    if (k->system >= 0) {
        close(k->system);
    }
    free(k);
    vm->impl = NULL;
}

/* ------------------------------------------------------------------ memory */

static enum vm_result set_slot(struct vm *vm, unsigned i, bool present)
{
    const struct vm_memory *m = &vm->config.memory[i];
    struct kvm_userspace_memory_region slot = {
        .slot = i,
        .flags = m->read_only ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = m->base,
        .memory_size = present ? m->bytes : 0,
        .userspace_addr = (uintptr_t)m->host,
    };

    if (ioctl(kvm_of(vm)->machine, KVM_SET_USER_MEMORY_REGION, &slot) != 0) {
        return fail(vm, VM_FAILED, "a memory slot");
    }
    return VM_OK;
}

static enum vm_result make_memory(struct vm *vm)
{
    for (unsigned i = 0; i < vm->config.memories; i++) {
        struct vm_memory *m = &vm->config.memory[i];
        void *host = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (host == MAP_FAILED) {
            return fail(vm, VM_FAILED, "memory");
        }
        m->host = host;
        if (set_slot(vm, i, true) != VM_OK) {
            return VM_FAILED;
        }
    }
    return VM_OK;
}

/* Where KVM shadows the guest's tables, it keeps up with what the guest writes
 * to them, and never sees what the host writes.  A slot that goes away takes
 * everything that was derived from it along. */
static enum vm_result kvm_tables_changed(struct vm *vm)
{
    for (unsigned i = 0; i < vm->config.memories; i++) {
        if (set_slot(vm, i, false) != VM_OK || set_slot(vm, i, true) != VM_OK) {
            return VM_FAILED;
        }
    }
    return VM_OK;
}

/* --------------------------------------------------------------- processor */

/* Intel SDM vol. 2A, "CPUID". */
static void set_vendor(struct kvm_cpuid_entry2 *e)
{
    memcpy(&e->ebx, "Genu", 4);
    memcpy(&e->edx, "ineI", 4);
    memcpy(&e->ecx, "ntel", 4);
}

/* Makes the processor that CPUID describes the one that was asked for, or takes
 * what KVM offers.  It may be told to have narrower or wider addresses; pages
 * of 1 GiB that it does not offer, it does not get to have by being told. */
static void choose_cpu(struct vm *vm, struct kvm_cpuid2 *list)
{
    static const uint32_t PAGE1G = (uint32_t)1 << 26;
    static const uint32_t PKU = (uint32_t)1 << 3;
    struct ptw_cpu wanted = vm->config.cpu;
    struct ptw_cpu have = {.pa_bits = 36};

    for (uint32_t i = 0; i < list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &list->entries[i];

        if ((e->function == 0 || e->function == 0x80000000) &&
            vm->config.intel) {
            set_vendor(e);
        } else if (e->function == 7 && e->index == 0) {
            kvm_of(vm)->keys = (e->ecx & PKU) != 0;
        } else if (e->function == 0x80000001) {
            if (wanted.pa_bits != 0 && !wanted.x86.page1g) {
                e->edx &= ~PAGE1G;
            }
            have.x86.page1g = (e->edx & PAGE1G) != 0;
        } else if (e->function == 0x80000008) {
            if (wanted.pa_bits != 0) {
                e->eax = (e->eax & ~(uint32_t)0xff) | wanted.pa_bits;
            }
            have.pa_bits = e->eax & 0xff;
        }
    }
    vm->config.cpu = have;
}

static enum vm_result make_cpu(struct vm *vm)
{
    struct kvm *k = kvm_of(vm);
    struct kvm_cpuid2 *list;
    int bytes = ioctl(k->system, KVM_GET_VCPU_MMAP_SIZE, 0);
    enum vm_result result = VM_OK;
    void *run;

    k->cpu = ioctl(k->machine, KVM_CREATE_VCPU, 0);
    if (k->cpu < 0 || bytes < 0) {
        return fail(vm, VM_FAILED, "a processor");
    }
    k->run_bytes = (size_t)bytes;
    run =
        mmap(NULL, k->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->cpu, 0);
    if (run == MAP_FAILED) {
        return fail(vm, VM_FAILED, "a processor's page");
    }
    k->run = run;
    list = calloc(1, sizeof *list + CPUID_ENTRIES * sizeof list->entries[0]);
    if (list == NULL) {
        return fail(vm, VM_FAILED, "CPUID");
    }
    list->nent = CPUID_ENTRIES;
    if (ioctl(k->system, KVM_GET_SUPPORTED_CPUID, list) != 0) {
        result = fail(vm, VM_FAILED, "KVM_GET_SUPPORTED_CPUID");
    }
    choose_cpu(vm, list);
    if (result == VM_OK && ioctl(k->cpu, KVM_SET_CPUID2, list) != 0) {
        result = fail(vm, VM_ABSENT, "KVM_SET_CPUID2");
    }
    free(list);
    return result;
}

static enum vm_result make_machine(struct vm *vm)
{
    struct kvm *k = kvm_of(vm);

    k->system = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (k->system < 0) {
        return fail(vm, VM_ABSENT, "/dev/kvm");
    }
    if (ioctl(k->system, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        return vm_fail(vm, VM_ABSENT, "kvm: not the API version %d",
                       KVM_API_VERSION);
    }
    if (ioctl(k->system, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0) {
        return vm_fail(vm, VM_ABSENT, "kvm: no KVM_CAP_READONLY_MEM");
    }
    k->machine = ioctl(k->system, KVM_CREATE_VM, 0);
    if (k->machine < 0) {
        return fail(vm, VM_ABSENT, "KVM_CREATE_VM");
    }
    /* Some Intel processors need three pages that no guest has. */
    (void)ioctl(k->machine, KVM_SET_TSS_ADDR, 0xfffbd000);
    return VM_OK;
}

static enum vm_result kvm_open(struct vm *vm)
{
    struct kvm *k = calloc(1, sizeof *k);
    enum vm_result result;

    if (k == NULL) {
        return fail(vm, VM_FAILED, "memory");
    }
    *k = (struct kvm){.system = -1, .machine = -1, .cpu = -1};
    vm->impl = k;
    result = make_machine(vm);
    if (result == VM_OK) {
        result = make_memory(vm);
    }
    if (result == VM_OK) {
        result = make_cpu(vm);
    }
    if (result != VM_OK) {
        kvm_close(vm);
    }
    return result;
}

/* --------------------------------------------------------------- registers */

static struct kvm_segment to_kvm(const struct vm_segment *s)
{
    struct kvm_segment k = {
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .type = s->access & 15,
        .s = s->access >> 4 & 1,
        .dpl = s->access >> 5 & 3,
        .present = s->access >> 7 & 1,
        .avl = s->flags & 1,
        .l = s->flags >> 1 & 1,
        .db = s->flags >> 2 & 1,
        .g = s->flags >> 3 & 1,
    };

    return k;
}

static struct vm_segment from_kvm(const struct kvm_segment *k)
{
    struct vm_segment s = {
        .base = k->base,
        .limit = k->limit,
        .selector = k->selector,
        .access =
            (uint8_t)(k->type | k->s << 4 | k->dpl << 5 | k->present << 7),
        .flags = (uint8_t)(k->avl | k->l << 1 | k->db << 2 | k->g << 3),
    };

    return s;
}

/* The same registers under KVM's names, in our order. */
struct kvm_names {
    __u64 *gpr[VM_GPRS];
    struct kvm_segment *segment[VM_SEGMENTS];
};

static struct kvm_names names(struct kvm_regs *r, struct kvm_sregs *s)
{
    struct kvm_names n = {
        {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
         &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15},
        {&s->cs, &s->ds, &s->es, &s->fs, &s->gs, &s->ss},
    };

    return n;
}

/* "The corresponding operations are complete (and guest state is consistent)
 * only after userspace has re-entered the kernel with KVM_RUN." */
static enum vm_result complete(struct vm *vm)
{
    struct kvm *k = kvm_of(vm);
    int rc;

    k->run->immediate_exit = 1;
    rc = ioctl(k->cpu, KVM_RUN, 0);
    k->run->immediate_exit = 0;
    return rc == 0 || errno == EINTR ? VM_OK : fail(vm, VM_FAILED, "KVM_RUN");
}

static enum vm_result kvm_get(struct vm *vm, struct vm_registers *out)
{
    struct kvm *k = kvm_of(vm);
    struct kvm_regs r;
    struct kvm_sregs s;
    struct kvm_names n = names(&r, &s);

    if (ioctl(k->cpu, KVM_GET_REGS, &r) != 0 ||
        ioctl(k->cpu, KVM_GET_SREGS, &s) != 0) {
        return fail(vm, VM_FAILED, "KVM_GET_REGS");
    }
    for (unsigned i = 0; i < VM_GPRS; i++) {
        out->gpr[i] = *n.gpr[i];
    }
    for (unsigned i = 0; i < VM_SEGMENTS; i++) {
        out->segment[i] = from_kvm(n.segment[i]);
    }
    out->rip = r.rip;
    out->rflags = r.rflags;
    out->cr0 = s.cr0;
    out->cr2 = s.cr2;
    out->cr3 = s.cr3;
    out->cr4 = s.cr4;
    out->efer = s.efer;
    out->tr = from_kvm(&s.tr);
    out->gdt = (struct vm_table_register){s.gdt.base, s.gdt.limit};
    out->idt = (struct vm_table_register){s.idt.base, s.idt.limit};
    return VM_OK;
}

static enum vm_result kvm_set(struct vm *vm, const struct vm_registers *regs)
{
    static const uint64_t CR4_PKE = (uint64_t)1 << 22;
    struct kvm *k = kvm_of(vm);
    struct kvm_regs r = {.rip = regs->rip, .rflags = regs->rflags};
    struct kvm_sregs s;
    struct kvm_names n = names(&r, &s);

    /* Not every KVM refuses what it does not offer. */
    if ((regs->cr4 & CR4_PKE) != 0 && !k->keys) {
        return vm_fail(vm, VM_ABSENT, "kvm: no protection keys");
    }
    if (ioctl(k->cpu, KVM_GET_SREGS, &s) != 0) {
        return fail(vm, VM_FAILED, "KVM_GET_SREGS");
    }
    for (unsigned i = 0; i < VM_GPRS; i++) {
        *n.gpr[i] = regs->gpr[i];
    }
    for (unsigned i = 0; i < VM_SEGMENTS; i++) {
        *n.segment[i] = to_kvm(&regs->segment[i]);
    }
    s.cr0 = regs->cr0;
    s.cr2 = regs->cr2;
    s.cr3 = regs->cr3;
    s.cr4 = regs->cr4;
    s.efer = regs->efer;
    s.tr = to_kvm(&regs->tr);
    s.gdt.base = regs->gdt.base;
    s.gdt.limit = regs->gdt.limit;
    s.idt.base = regs->idt.base;
    s.idt.limit = regs->idt.limit;
    if (ioctl(k->cpu, KVM_SET_SREGS, &s) != 0) {
        return fail(vm, VM_ABSENT, "KVM_SET_SREGS");
    }
    if (ioctl(k->cpu, KVM_SET_REGS, &r) != 0) {
        return fail(vm, VM_FAILED, "KVM_SET_REGS");
    }
    return VM_OK;
}

/* --------------------------------------------------------------------- run */

static void broken(struct vm *vm, struct vm_exit *out)
{
    const struct kvm_run *run = kvm_of(vm)->run;

    out->kind = VM_EXIT_BROKEN;
    vm_fail(vm, VM_FAILED, "kvm: exit reason %u (%u)", run->exit_reason,
            run->exit_reason == KVM_EXIT_INTERNAL_ERROR ? run->internal.suberror
                                                        : 0);
}

static void kvm_run(struct vm *vm, struct vm_exit *out)
{
    struct kvm *k = kvm_of(vm);
    struct kvm_run *run = k->run;
    int rc;

    do {
        rc = ioctl(k->cpu, KVM_RUN, 0);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        out->kind = VM_EXIT_BROKEN;
        fail(vm, VM_FAILED, "KVM_RUN");
    } else if (run->exit_reason == KVM_EXIT_IO && run->io.size == 4 &&
               run->io.direction == KVM_EXIT_IO_OUT) {
        out->kind = VM_EXIT_OUT;
        out->port = run->io.port;
        memcpy(&out->value, (char *)run + run->io.data_offset, 4);
        if (complete(vm) != VM_OK) {
            out->kind = VM_EXIT_BROKEN;
        }
    } else if (run->exit_reason == KVM_EXIT_MMIO) {
        out->kind = VM_EXIT_MMIO;
        out->address = run->mmio.phys_addr;
        memset(run->mmio.data, 0xff, sizeof run->mmio.data);
    } else if (run->exit_reason == KVM_EXIT_SHUTDOWN) {
        out->kind = VM_EXIT_SHUTDOWN;
    } else {
        broken(vm, out);
    }
}

static enum vm_result kvm_translate(struct vm *vm, ptw_va va, bool *valid,
                                    ptw_pa *pa)
{
    struct kvm_translation t = {.linear_address = va.v};

    if (ioctl(kvm_of(vm)->cpu, KVM_TRANSLATE, &t) != 0) {
        return fail(vm, VM_FAILED, "KVM_TRANSLATE");
    }
    *valid = t.valid != 0;
    pa->v = t.physical_address;
    return VM_OK;
}

const struct vm_ops vm_kvm = {
    .name = "kvm",
    .open = kvm_open,
    .close = kvm_close,
    .get = kvm_get,
    .set = kvm_set,
    .run = kvm_run,
    .tables_changed = kvm_tables_changed,
    .translate = kvm_translate,
};
