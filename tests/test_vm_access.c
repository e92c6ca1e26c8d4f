/* SPDX-License-Identifier: Apache-2.0 */
/* Processors as judges of rights: guest code reads, writes and jumps to random
 * addresses of random tables, in supervisor and user mode, and reports whether
 * and how it faulted.  ptw_lookup and ptw_access_allowed have to have said so.
 *
 *     test_vm_access kvm|qemu amd64|i686|pae|amd64-la57
 *
 * A plain program: 77 when there is no such machine. */
#include "guest/guest.h"
#include "judge/judge.h"
#include "judge/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SKIPPED = 77,
    ROUNDS = 10, /* of fresh tables, in each mode */
    BATCHES = 3, /* of tries, in each round */
    PRINTED = 10
};

/* Intel SDM vol. 3A, "Page-Fault Exceptions". */
enum {
    PF_PRESENT = 1,
    PF_WRITE = 2,
    PF_USER = 4,
    PF_RESERVED = 8,
    PF_FETCH = 16,
    PF_KEY = 32,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14
};

static const uint64_t CR0_WP = (uint64_t)1 << 16;
static const uint64_t CR4_PSE = (uint64_t)1 << 4;
static const uint64_t CR4_SMEP = (uint64_t)1 << 20;
static const uint64_t CR4_SMAP = (uint64_t)1 << 21;
static const uint64_t CR4_PKE = (uint64_t)1 << 22;
static const uint64_t EFER_NXE = (uint64_t)1 << 11;
static const uint64_t AMD_RESERVES = 0x100;

/* Bits 2:1 and 8:6 of an entry of a PDPT under PAE paging: a processor refuses a
 * CR3 that leads to them, and QEMU does not look at them. */
static const uint64_t ROOT_RESERVES = 0x1c6;

extern const uint8_t judge_amd64[], judge_i686[];
extern const size_t judge_amd64_bytes, judge_i686_bytes;

static struct {
    unsigned long modes;
    unsigned long passed;
    unsigned long faults;
    unsigned long reserved;
    unsigned long keys;
    unsigned long not_canonical;
    unsigned long mmio;
    unsigned long pvm;
    unsigned long differences;
} count;

/* A guest and what the host knows of it. */
struct court {
    struct vm vm;
    const struct guest_header *header;
    struct judge_mailbox *mailbox;
    struct vm_registers regs;
    struct ptw_regime regime;
    struct ptw_region region[VM_MEMORIES];
    struct ptw_mem mem;
    struct tables tables;
    bool pvm;
};

/* ------------------------------------------------------------------- guest */

/* Entries of the judge's own tables: P, R/W, U/S, A, D. */
static const uint64_t OPEN = 0x67;

static void put_entry(struct court *c, uint64_t table, uint64_t index,
                      uint64_t entry)
{
    size_t bytes = vm_entry_bytes(c->vm.config.mode);

    memcpy(vm_host(&c->vm, table + index * bytes, bytes), &entry, bytes);
}

/* Where the judge's image begins, behind its tables. */
enum { IMAGE_AT = PRIVATE_AT + 4 * VM_PAGE };

/* The last entry of the root. */
static unsigned last_entry(enum vm_mode mode)
{
    return mode == VM_PAE ? 3 : VM_PAGE / vm_entry_bytes(mode) - 1;
}

/* Everything of the judge lies under the last entry of the root, and its user's
 * part is a user's there. */
static void map_judge(struct court *c, const uint8_t *image, size_t bytes)
{
    enum vm_mode mode = c->vm.config.mode;
    unsigned top = vm_levels(mode) - 1;
    unsigned bits = mode == VM_I686 ? 10 : 9;
    uint64_t base = c->header->segment[0].va;
    uint64_t table = TABLES_AT;

    memcpy(vm_host(&c->vm, IMAGE_AT, bytes), image, bytes);
    for (unsigned level = top; level > 0; level--) {
        uint64_t below = PRIVATE_AT + (uint64_t)(level - 1) * VM_PAGE;
        uint64_t index = base >> (12 + bits * level);
        bool plain = mode == VM_PAE && level == top;

        index &= level == top ? last_entry(mode) : ((uint64_t)1 << bits) - 1;
        put_entry(c, table, index, below | (plain ? (uint64_t)P : OPEN));
        table = below;
    }
    for (unsigned i = 0; i < GUEST_SEGMENTS; i++) {
        const struct guest_segment *s = &c->header->segment[i];
        uint64_t entry = i < GUEST_USER_TEXT ? OPEN & ~(uint64_t)U : OPEN;

        for (uint64_t page = 0; page < s->bytes; page += VM_PAGE) {
            uint64_t index = (s->va + page) >> 12;

            put_entry(c, table, index & (((uint64_t)1 << bits) - 1),
                      (IMAGE_AT + s->offset + page) | entry);
        }
    }
}

static enum vm_result open_court(struct court *c, const struct vm_ops *ops,
                                 enum vm_mode mode)
{
    const uint8_t *image = vm_is_long(mode) ? judge_amd64 : judge_i686;
    size_t bytes = vm_is_long(mode) ? judge_amd64_bytes : judge_i686_bytes;
    const struct guest_header *h = (const struct guest_header *)(void *)image;
    struct vm_config config = {.mode = mode,
                               .memory = {TABLES_MEMORY},
                               .memories = 1,
                               .doorbell = h->doorbell};
    const struct guest_segment *data = &h->segment[GUEST_DATA];
    enum vm_result result = vm_open(&c->vm, ops, &config);

    if (result != VM_OK) {
        return result;
    }
    c->header = h;
    map_judge(c, image, bytes);
    c->mailbox = (struct judge_mailbox *)(void *)vm_host(
        &c->vm, IMAGE_AT + data->offset + (h->mailbox - data->va),
        sizeof *c->mailbox);
    tables_data(&c->vm);
    c->pvm = ops == &vm_kvm && access("/sys/module/kvm_pvm", F_OK) == 0;
    c->regs = vm_start(mode, h->entry, 0, TABLES_AT);
    c->regs.gdt = (struct vm_table_register){h->gdt, (uint16_t)h->gdt_limit};
    c->regs.idt = (struct vm_table_register){h->idt, (uint16_t)h->idt_limit};
    c->regs.tr.base = h->tss;
    return VM_OK;
}

/* ----------------------------------------------------------------- verdict */

/* What a try is to give; it hits data, or it hits something else or nothing. */
struct verdict {
    uint8_t vector;
    uint32_t error;
    bool data;
    ptw_pa pa;
};

static unsigned access_bits(const struct court *c, const struct judge_try *t)
{
    bool fetch = t->kind == JUDGE_EXEC && (ptw_features_of(&c->regime) &
                                           (PTW_X86_NX | PTW_X86_SMEP)) != 0;

    return (t->kind == JUDGE_WRITE ? PF_WRITE : 0) | (t->user ? PF_USER : 0) |
           (fetch ? PF_FETCH : 0);
}

/* Whether the page's key forbids the access, whatever else does. */
static bool is_locked(const struct court *c, const struct ptw_translation *t,
                      struct ptw_access a)
{
    a.allow |= PTW_X86_ALLOW_AC;
    return (t->rights & PTW_USER) != 0 && a.right != PTW_EXEC &&
           !ptw_access_allowed(&c->regime, RWXU, t->level, t->raw | 6, &a);
}

static struct verdict judged(const struct court *c, const struct judge_try *t,
                             const struct ptw_translation *at)
{
    static const enum ptw_right rights[] = {
        [JUDGE_READ] = PTW_READ,
        [JUDGE_WRITE] = PTW_WRITE,
        [JUDGE_EXEC] = PTW_EXEC,
    };
    struct ptw_access a = {.right = rights[t->kind],
                           .user = t->user != 0,
                           .allow = t->ac != 0 ? PTW_X86_ALLOW_AC : 0,
                           .keys = t->pkru};
    struct verdict v = {.vector = VECTOR_PAGE_FAULT,
                        .error = PF_PRESENT | access_bits(c, t)};

    if (ptw_access_allowed(&c->regime, at->rights, at->level, at->raw, &a)) {
        v.vector = JUDGE_NO_FAULT;
        v.error = 0;
        v.data = at->pa.v >= DATA_AT && at->pa.v < MEMORY_END;
        v.pa = at->pa;
    } else if (is_locked(c, at, a)) {
        v.error |= PF_KEY;
    }
    return v;
}

static struct verdict verdict(const struct court *c, const struct judge_try *t)
{
    struct ptw_root root = ptw_x86_root(&c->regime, c->regs.cr3);
    struct verdict v = {.vector = VECTOR_PAGE_FAULT,
                        .error = access_bits(c, t)};
    struct ptw_translation at;

    enum ptw_status st = ptw_lookup(&c->mem, root, ptw_va_of(t->va), &at);

    if (st == PTW_OK) {
        return judged(c, t, &at);
    }
    if (st == PTW_BAD_ENTRY) {
        v.error |= PF_PRESENT | PF_RESERVED;
    } else if (st == PTW_NOT_CANONICAL) {
        v.vector = VECTOR_GENERAL_PROTECTION;
        v.error = 0;
    } /* else: not present, or a table where there is no memory */
    return v;
}

/* ------------------------------------------------------------------- judge */

static void tally(const struct judge_try *t)
{
    count.passed += t->vector == JUDGE_NO_FAULT;
    count.faults += t->vector == VECTOR_PAGE_FAULT;
    count.not_canonical += t->vector == VECTOR_GENERAL_PROTECTION;
    if (t->vector == VECTOR_PAGE_FAULT) {
        count.reserved += (t->error & PF_RESERVED) != 0;
        count.keys += (t->error & PF_KEY) != 0;
    }
}

/* Whether what was read is what lies there, or what was written arrived. */
static bool has_hit(const struct court *c, const struct judge_try *t,
                    const struct verdict *v)
{
    uint64_t mask = vm_is_long(c->vm.config.mode) ? UINT64_MAX : UINT32_MAX;

    if (!v->data || t->kind == JUDGE_EXEC) {
        return true;
    }
    if (t->kind == JUDGE_READ) {
        return t->value == (v->pa.v & mask);
    }
    return *vm_host(&c->vm, v->pa.v, 1) == JUDGE_WRITTEN;
}

/* QEMU reports reserved bits as a page that is not present; by the manual RSVD
 * is set only where P is. */
static uint32_t error_of(const struct court *c, const struct judge_try *t)
{
    return c->vm.ops == &vm_qemu && (t->error & PF_RESERVED) != 0
               ? t->error | PF_PRESENT
               : t->error;
}

static bool agrees(const struct court *c, const struct judge_try *t,
                   const struct verdict *v)
{
    if (t->vector != v->vector) {
        return false;
    }
    if (t->vector == JUDGE_NO_FAULT) {
        return has_hit(c, t, v);
    }
    return error_of(c, t) == v->error &&
           (t->vector != VECTOR_PAGE_FAULT || t->cr2 == t->va);
}

/* kvm_pvm runs guests without the processor's help, in one address space with
 * itself.  In user mode it has nothing of a guest's in entry 256 of the PML4: any
 * access there is a page fault, most often "not present", in the first page
 * with RSVD, whatever the tables say.  In supervisor mode it is as it should
 * be. */
static bool is_of_pvm(const struct court *c, const struct judge_try *t)
{
    return c->pvm && t->user && t->va >> 39 == 0x1ffff00 &&
           t->vector == VECTOR_PAGE_FAULT && t->cr2 == t->va;
}

static void compare(const struct court *c, const struct judge_try *t,
                    const struct verdict *v)
{
    static const char *const kinds[] = {"read", "write", "exec"};

    if (is_of_pvm(c, t)) {
        count.pvm++;
        return;
    }
    tally(t);
    if (agrees(c, t, v) || ++count.differences > PRINTED) {
        return;
    }
    printf("features %x: %s %s %016" PRIx64 " ac %u pkru %08x: the processor "
           "has vector %u, error %x, cr2 %" PRIx64 ", value %" PRIx64
           "; we have %u, %x, %" PRIx64 "\n",
           ptw_features_of(&c->regime), t->user ? "user" : "supervisor",
           kinds[t->kind], t->va, t->ac, t->pkru, t->vector, t->error, t->cr2,
           t->value, v->vector, v->error, v->pa.v);
}

/* What is tried.  Only data is written and run; anything else that could be is
 * read instead. */
static struct judge_try some_try(struct court *c)
{
    static const unsigned places[] = {LINE_READ, LINE_WRITE, LINE_RETURN};
    struct dice *d = &c->tables.dice;
    struct judge_try t = {.kind = (uint8_t)roll_below(d, 3),
                          .user = one_in(d, 2)};
    ptw_va line = tables_va(&c->tables);
    struct verdict v;

    t.ac = !t.user && one_in(d, 3);
    t.pkru = one_in(d, 2) ? 0 : (uint32_t)roll(d) & 0xfffffffc;
    t.va = line.v + places[t.kind];
    v = verdict(c, &t);
    if (t.kind != JUDGE_READ && v.vector == JUDGE_NO_FAULT && !v.data) {
        t.kind = JUDGE_READ;
        t.va = line.v;
    }
    return t;
}

/* Lets the guest go on until it wants more; accesses where there is no memory
 * are nothing special. */
static bool run_batch(struct court *c)
{
    struct vm_exit e;

    do {
        vm_run(&c->vm, &e);
        count.mmio += e.kind == VM_EXIT_MMIO;
    } while (e.kind == VM_EXIT_MMIO);
    if (e.kind == VM_EXIT_OUT && e.value == JUDGE_NEXT) {
        return true;
    }
    if (e.kind == VM_EXIT_SHUTDOWN) {
        vm_fail(&c->vm, VM_FAILED, "the guest is lost");
    } else if (e.kind == VM_EXIT_OUT) {
        vm_fail(&c->vm, VM_FAILED, "the guest says %u", e.value);
    }
    return false;
}

static bool judge_batch(struct court *c)
{
    struct verdict expected[JUDGE_TRIES];
    struct judge_mailbox *m = c->mailbox;

    m->cr3 = c->regs.cr3;
    m->tries = JUDGE_TRIES;
    m->keys = (ptw_features_of(&c->regime) & PTW_X86_PKE) != 0;
    for (unsigned i = 0; i < JUDGE_TRIES; i++) {
        m->at[i] = some_try(c);
        expected[i] = verdict(c, &m->at[i]);
    }
    if (!run_batch(c)) {
        return false;
    }
    for (unsigned i = 0; i < JUDGE_TRIES; i++) {
        compare(c, &m->at[i], &expected[i]);
    }
    for (unsigned i = 0; i < JUDGE_TRIES; i++) {
        if (expected[i].data && m->at[i].kind == JUDGE_WRITE) {
            *vm_host(&c->vm, expected[i].pa.v, 1) = 0;
        }
    }
    return true;
}

static bool judge(struct court *c, uint64_t seed)
{
    struct ptw_x86_registers x86 = {c->regs.cr0, c->regs.cr4, c->regs.efer};
    const char *why = "";

    if (ptw_regime_from_x86(&x86, &c->vm.config.cpu, &c->regime, &why) !=
            PTW_OK ||
        vm_mem(&c->vm, c->region, &c->mem) != PTW_OK) {
        vm_fail(&c->vm, VM_FAILED, "%s", why);
        return false;
    }
    c->tables = (struct tables){
        .vm = &c->vm,
        .regime = &c->regime,
        .dice = {seed},
        .root_entries = last_entry(c->vm.config.mode),
        .never = c->vm.config.mode == VM_PAE ? ROOT_RESERVES : AMD_RESERVES,
    };
    if (vm_set(&c->vm, &c->regs) != VM_OK || !run_batch(c)) {
        return false;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        tables_make(&c->tables);
        if (vm_tables_changed(&c->vm) != VM_OK) {
            return false;
        }
        for (unsigned i = 0; i < BATCHES; i++) {
            if (!judge_batch(c)) {
                return false;
            }
        }
    }
    return true;
}

/* ------------------------------------------------------------------- modes */

struct mode {
    uint64_t cr0_off;
    uint64_t efer_off;
    uint64_t cr4_on;
    uint64_t cr4_off;
};

static const struct mode amd64_modes[] = {
    {0, 0, 0, 0},        {CR0_WP, 0, 0, 0},
    {0, EFER_NXE, 0, 0}, {CR0_WP, EFER_NXE, 0, 0},
    {0, 0, CR4_SMEP, 0}, {0, EFER_NXE, CR4_SMEP, 0},
    {0, 0, CR4_SMAP, 0}, {CR0_WP, 0, CR4_SMEP | CR4_SMAP, 0},
    {0, 0, CR4_PKE, 0},  {CR0_WP, 0, CR4_PKE | CR4_SMAP, 0},
};

static const struct mode i686_modes[] = {
    {0, 0, 0, 0},        {CR0_WP, 0, 0, 0},
    {0, 0, 0, CR4_PSE},  {0, 0, CR4_SMEP, 0},
    {0, 0, CR4_SMAP, 0}, {CR0_WP, 0, CR4_SMEP | CR4_SMAP, 0},
};

static const struct mode pae_modes[] = {
    {0, 0, 0, 0},        {CR0_WP, 0, 0, 0},
    {0, EFER_NXE, 0, 0}, {CR0_WP, EFER_NXE, 0, 0},
    {0, 0, CR4_PSE, 0},  {0, 0, CR4_SMEP, 0},
    {0, 0, CR4_SMAP, 0}, {CR0_WP, 0, CR4_SMEP | CR4_SMAP, 0},
};

static const struct {
    const char *name;
    enum vm_mode mode;
    const struct mode *modes;
    size_t n;
} archs[] = {
    {"amd64", VM_AMD64, amd64_modes, sizeof amd64_modes / sizeof *amd64_modes},
    {"i686", VM_I686, i686_modes, sizeof i686_modes / sizeof *i686_modes},
    {"pae", VM_PAE, pae_modes, sizeof pae_modes / sizeof *pae_modes},
    {"amd64-la57", VM_LA57, amd64_modes,
     sizeof amd64_modes / sizeof *amd64_modes},
};

/* A processor that has no SMEP, SMAP or keys refuses those bits; the first
 * mode has to be there. */
static bool judge_mode(const struct vm_ops *ops, enum vm_mode mode,
                       unsigned number, const struct mode *m)
{
    static struct court c;
    enum vm_result result = open_court(&c, ops, mode);
    bool ok = result == VM_OK;

    if (!ok) {
        printf("%s\n", c.vm.why);
        return false;
    }
    c.regs.cr0 &= ~m->cr0_off;
    c.regs.efer &= ~m->efer_off;
    c.regs.cr4 = (c.regs.cr4 | m->cr4_on) & ~m->cr4_off;
    if (m->cr4_on != 0 && vm_set(&c.vm, &c.regs) == VM_ABSENT) {
        printf("not judged: CR4 %" PRIx64 ": %s\n", c.regs.cr4, c.vm.why);
    } else {
        ok = judge(&c, number + 1);
        count.modes++;
        if (!ok) {
            printf("%s\n", c.vm.why);
        }
    }
    vm_close(&c.vm);
    return ok;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: test_vm_access kvm|qemu amd64|i686|pae|amd64-la57\n");
    return 2;
}

int main(int argc, char **argv)
{
    const struct vm_ops *ops;
    enum vm_result result;
    char why[VM_WHY];
    size_t arch = 0;
    bool ok = true;

    if (argc != 3) {
        return usage();
    }
    while (strcmp(argv[2], archs[arch].name) != 0) {
        if (++arch == sizeof archs / sizeof *archs) {
            return usage();
        }
    }
    ops = strcmp(argv[1], "kvm") == 0 ? &vm_kvm : &vm_qemu;
    if (ops == &vm_kvm && archs[arch].mode == VM_PAE) {
        printf("skipped: KVM loads the entries of the PDPT with CR3, as a "
               "processor does: it does not walk what is spoilt there\n");
        return SKIPPED;
    }
    result = vm_available(ops, archs[arch].mode, why);
    if (result != VM_OK) {
        printf("%s: %s\n", result == VM_ABSENT ? "skipped" : "failed", why);
        return result == VM_ABSENT ? SKIPPED : 1;
    }
    for (unsigned i = 0; i < archs[arch].n && ok; i++) {
        ok = judge_mode(ops, archs[arch].mode, i, &archs[arch].modes[i]);
    }
    printf("%lu modes: %lu passed (%lu where there is no memory), %lu page "
           "faults (%lu reserved, %lu keys), %lu not canonical, %lu "
           "differences\n",
           count.modes, count.passed, count.mmio, count.faults, count.reserved,
           count.keys, count.not_canonical, count.differences);
    if (count.pvm > 0) {
        printf("not judged: %lu accesses in user mode that kvm_pvm has no "
               "place for\n",
               count.pvm);
    }
    return ok && count.differences == 0 && count.passed > 0 && count.faults > 0
               ? 0
               : 1;
}
