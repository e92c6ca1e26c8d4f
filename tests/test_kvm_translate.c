/* SPDX-License-Identifier: Apache-2.0 */
/* KVM as a judge of translations: KVM_TRANSLATE walks random tables, and
 * ptw_lookup and virt_to_phys have to say the same, over every mode that this
 * KVM really has.
 *
 * KVM_TRANSLATE answers for a read by the supervisor, and gives constants for
 * writable and user, so only the address counts here; test_vm_access has the
 * rights.  It does not look whether an address is canonical: those are left to
 * the same test.
 *
 * A plain program: 77 when there is no such KVM. */
#include "judge/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SKIPPED = 77, ROUNDS = 10, ADDRESSES = 400, DIFFERENCES = 10 };

static const uint64_t CR0_PG = (uint64_t)1 << 31;
static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;
static const uint64_t AMD_RESERVES = 0x100;

struct count {
    unsigned long modes;
    unsigned long mapped;
    unsigned long unmapped;
    unsigned long bad;
    unsigned long not_canonical;
    unsigned long mapped_all_the_same; /* by KVM_TRANSLATE */
    unsigned long differences;
};

static struct count count;

/* What virt_to_phys has for that address alone. */
static enum ptw_status walked(const struct ptw_mem *m, struct ptw_root root,
                              ptw_va va, ptw_pa *pa)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_walk w;
    struct ptw_item item;
    enum ptw_status st;
    size_t items;

    o.first = va;
    o.last = va;
    st = ptw_virt_to_phys_init(&w, m, root, &o);
    if (st != PTW_OK) {
        return st;
    }
    st = ptw_walk_next(&w, &item, 1, &items);
    if (items == 1 && item.kind == PTW_ITEM_MAPPING) {
        pa->v = item.u.mapping.pa.v + (va.v - item.first.v);
        return PTW_OK;
    }
    return PTW_NOT_MAPPED;
}

static void differ(const struct ptw_regime *r, ptw_va va, enum ptw_status st,
                   ptw_pa ours, bool valid, ptw_pa theirs)
{
    count.differences++;
    if (count.differences > DIFFERENCES) {
        return;
    }
    printf("%s, %u bits, features %x: %016" PRIx64 ": we say %s %" PRIx64
           ", KVM %s %" PRIx64 "\n",
           ptw_regime_name(r), ptw_pa_bits(r), ptw_features_of(r), va.v,
           ptw_status_text(st), ours.v, valid ? "mapped" : "unmapped",
           theirs.v);
}

static bool compare(struct vm *vm, const struct ptw_mem *m,
                    struct ptw_root root, ptw_va va)
{
    const struct ptw_regime *r = root.regime;
    struct ptw_translation t = {.pa = {0}};
    ptw_pa pa = {0};
    ptw_pa by_walk = {0};
    bool valid = false;
    enum ptw_status st = ptw_lookup(m, root, va, &t);

    if (vm->ops->translate(vm, va, &valid, &pa) != VM_OK) {
        return false;
    }
    if (st == PTW_NOT_CANONICAL) {
        count.not_canonical++;
        count.mapped_all_the_same += valid;
        return true;
    }
    if (valid != (st == PTW_OK) || (valid && pa.v != t.pa.v)) {
        differ(r, va, st, t.pa, valid, pa);
    }
    count.mapped += valid;
    count.unmapped += !valid;
    count.bad += st == PTW_BAD_ENTRY;
    st = walked(m, root, va, &by_walk);
    if (valid != (st == PTW_OK) || (valid && pa.v != by_walk.v)) {
        differ(r, va, st, by_walk, valid, pa);
    }
    return true;
}

/* Fresh tables and addresses, under the registers that the machine has. */
static bool judge(struct vm *vm, const struct vm_registers *regs, uint64_t seed)
{
    struct ptw_x86_registers x86 = {regs->cr0, regs->cr4, regs->efer};
    struct ptw_region region[VM_MEMORIES];
    struct ptw_regime r;
    struct ptw_mem memory;
    const char *why = "";
    struct tables t = {.vm = vm, .regime = &r, .dice = {seed}};

    if (ptw_regime_from_x86(&x86, &vm->config.cpu, &r, &why) != PTW_OK ||
        vm_mem(vm, region, &memory) != PTW_OK) {
        printf("%s\n", why);
        return false;
    }
    if (ptw_levels(&r) == 0) {
        for (unsigned i = 0; i < ADDRESSES; i++) {
            ptw_va va = {roll(&t.dice) & UINT32_MAX};

            if (!compare(vm, &memory, ptw_root_of(&r, ptw_pa_of(0)), va)) {
                return false;
            }
        }
        return true;
    }
    t.root_entries = VM_PAGE / ptw_entry_bytes(&r);
    t.never = vm->config.intel ? 0 : AMD_RESERVES;
    for (unsigned round = 0; round < ROUNDS; round++) {
        tables_make(&t);
        for (unsigned i = 0; i < ADDRESSES; i++) {
            if (!compare(vm, &memory, ptw_x86_root(&r, regs->cr3),
                         tables_va(&t))) {
                return false;
            }
        }
    }
    return true;
}

struct mode {
    enum vm_mode mode;
    struct ptw_cpu cpu;
    bool intel;
    uint64_t cr0_off;
    uint64_t cr4_off;
    uint64_t efer_off;
};

/* One machine in one mode; false when KVM failed. */
static bool judge_mode(const struct mode *mode, uint64_t seed)
{
    struct vm_config c = {.mode = mode->mode,
                          .cpu = mode->cpu,
                          .intel = mode->intel,
                          .memory = {TABLES_MEMORY},
                          .memories = 1};
    struct vm_registers regs = vm_start(mode->mode, 0, 0, TABLES_AT);
    struct vm vm;
    enum vm_result result = vm_open(&vm, &vm_kvm, &c);
    bool ok = result == VM_OK;

    if (result == VM_ABSENT) { /* a processor that this KVM does not offer */
        return true;
    }
    if (ok) {
        regs.cr0 &= ~mode->cr0_off;
        regs.cr4 &= ~mode->cr4_off;
        regs.efer &= ~mode->efer_off;
        ok = vm_set(&vm, &regs) == VM_OK && judge(&vm, &regs, seed);
        vm_close(&vm);
    }
    if (!ok) {
        printf("%s\n", vm.why);
    }
    count.modes++;
    return ok;
}

static bool judge_amd64(void)
{
    static const unsigned widths[] = {0, 36, 39, 40, 45, 46, 48, 51, 52};
    uint64_t seed = 0;

    for (unsigned i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        for (unsigned bits = 0; bits < 16; bits++) {
            struct mode mode = {
                .mode = VM_AMD64,
                .cpu = {.pa_bits = widths[i], .x86.page1g = (bits & 1) != 0},
                .intel = (bits & 2) != 0,
                .cr0_off = (bits & 4) != 0 ? CR0_WP : 0,
                .efer_off = (bits & 8) != 0 ? EFER_NXE : 0,
            };

            if (!judge_mode(&mode, ++seed)) {
                return false;
            }
        }
    }
    return true;
}

static bool judge_i686(void)
{
    static const unsigned widths[] = {0, 36, 39, 40, 48};

    for (unsigned i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct mode mode = {.mode = VM_I686, .cpu = {.pa_bits = widths[i]}};

        if (!judge_mode(&mode, 1000 + i)) {
            return false;
        }
        mode.cr4_off = CR4_PSE;
        if (!judge_mode(&mode, 2000 + i)) {
            return false;
        }
    }
    return true;
}

int main(void)
{
    static const struct mode unpaged = {.mode = VM_I686, .cr0_off = CR0_PG};
    char why[VM_WHY];
    enum vm_result amd64 = vm_available(&vm_kvm, VM_AMD64, why);
    enum vm_result i686;
    bool ok;

    if (amd64 == VM_ABSENT) {
        printf("skipped: %s\n", why);
        return SKIPPED;
    }
    ok = amd64 == VM_OK && judge_amd64() && judge_mode(&unpaged, 3000);
    i686 = vm_available(&vm_kvm, VM_I686, why);
    if (i686 == VM_OK) {
        ok = ok && judge_i686();
    } else {
        printf("not judged: 32-bit paging: %s\n", why);
        ok = ok && i686 == VM_ABSENT;
    }
    printf("%lu modes: %lu mapped, %lu unmapped (%lu of them bad entries), "
           "%lu differences\n",
           count.modes, count.mapped, count.unmapped, count.bad,
           count.differences);
    printf("not judged: %lu not canonical; of these KVM_TRANSLATE maps %lu\n",
           count.not_canonical, count.mapped_all_the_same);
    return ok && count.differences == 0 && count.mapped > 0 &&
                   count.unmapped > 0
               ? 0
               : 1;
}
