/* SPDX-License-Identifier: Apache-2.0 */
/* Building spaces, and serving their faults. */
#include "space.h"

#include <string.h>

/* Intel SDM vol. 3A, "Page-Fault Exceptions". */
enum { PF_PRESENT = 1, PF_WRITE = 2 };

/* The kernel's tables hang in every root by one entry: on amd64 it leads to a
 * PDPT, on i686 to a page table.  Supervisor tables on amd64; on i686 as
 * ptw_map makes them. */
static const uint64_t AMD64_LINK = 0x23;
static const uint64_t I686_LINK = 0x27;

static bool is_kernel(const struct guest_header *guest, uint64_t va)
{
    return va >= guest->segment[GUEST_TEXT].va;
}

/* The entry of the space over the kernel refers to the table that the owner has
 * there. */
static enum ptw_status link_kernel(struct ptw_tables *t, struct ptw_root owner,
                                   const struct guest_header *guest)
{
    const struct ptw_regime *r = t->root.regime;
    ptw_va kernel = {guest->segment[GUEST_TEXT].va};
    struct ptw_link_request q = {
        .first = kernel,
        .last = kernel,
        .their_va = kernel,
        .owner = owner,
        .level = ptw_alias_level_of(r, ptw_levels(r) - 2),
        .attributes = r->id == PTW_ARCH_AMD64 ? AMD64_LINK : I686_LINK,
        .flags = PTW_EDIT_EXACT,
    };

    return ptw_link(t, &q);
}

/* Where there is no execute-disable everything can be run. */
static unsigned possible(const struct ptw_regime *r, unsigned rights)
{
    return (ptw_features_of(r) & PTW_X86_NX) != 0 ? rights : rights | PTW_EXEC;
}

enum ptw_status spaces_regime(const struct vm_registers *regs,
                              const struct ptw_cpu *cpu, struct ptw_regime *r)
{
    struct ptw_x86_registers x86 = {regs->cr0, regs->cr4, regs->efer};

    return ptw_regime_from_x86(&x86, cpu, r, NULL);
}

/* ------------------------------------------------------------------- build */

/* A first image under construction. */
struct build {
    struct image *image;
    const struct guest_header *guest;
    struct ptw_regime regime;
    struct ptw_mem mem;
    struct ptw_shares shares;
    uint64_t storage[4096];
};

static enum ptw_status build_take(void *ctx, ptw_pa *page)
{
    struct build *b = ctx;

    if (b->image->used >= IMAGE_MOST) {
        return PTW_E_SPACE;
    }
    page->v = IMAGE_AT + b->image->used;
    b->image->used += VM_PAGE;
    return PTW_OK;
}

static enum ptw_status build_map(struct ptw_tables *t, uint64_t va,
                                 uint64_t bytes, uint64_t pa, unsigned rights,
                                 bool copy_on_write)
{
    struct ptw_map_request q = {
        .first = {va},
        .last = {va + (bytes - 1)},
        .pa = {pa},
        .rights = possible(t->root.regime, rights),
        .copy_on_write = copy_on_write,
    };

    return ptw_map(t, &q);
}

static enum ptw_status build_segments(struct build *b, struct ptw_tables *t,
                                      unsigned first, unsigned last)
{
    static const struct {
        unsigned rights;
        bool copy_on_write;
    } how[] = {
        [GUEST_TEXT] = {PTW_READ | PTW_EXEC, false},
        [GUEST_DATA] = {PTW_READ, true},
        [GUEST_STACK] = {PTW_READ, true},
        [GUEST_USER_TEXT] = {PTW_READ | PTW_EXEC | PTW_USER, false},
        [GUEST_USER_STATIC] = {PTW_READ | PTW_USER, true},
    };
    enum ptw_status st = PTW_OK;

    for (unsigned i = first; i <= last && st == PTW_OK; i++) {
        const struct guest_segment *s = &b->guest->segment[i];

        st = build_map(t, s->va, s->bytes, IMAGE_AT + s->offset, how[i].rights,
                       how[i].copy_on_write);
    }
    return st;
}

/* Every space has the same program and the same page to share; the kernel is in
 * the first, and the others refer to it. */
static enum ptw_status build_space(struct build *b, unsigned i, ptw_pa shared)
{
    static const struct ptw_table_ops ops = {build_take, NULL};
    struct ptw_tables t = {.root = {.regime = &b->regime},
                           .mem = &b->mem,
                           .ops = &ops,
                           .ctx = b,
                           .shares = &b->shares};
    enum ptw_status st = build_take(b, &t.root.table);

    if (st == PTW_OK) {
        st = build_segments(b, &t, GUEST_USER_TEXT, GUEST_USER_STATIC);
    }
    if (st == PTW_OK) {
        st = build_map(&t, PLAY_SHARED_VA, VM_PAGE, shared.v,
                       PTW_READ | PTW_WRITE | PTW_USER, false);
    }
    if (st == PTW_OK) {
        st = i == 0
                 ? build_segments(b, &t, GUEST_TEXT, GUEST_STACK)
                 : link_kernel(&t, ptw_root_of(&b->regime, b->image->root[0]),
                               b->guest);
    }
    b->image->root[i] = t.root.table;
    return st;
}

enum ptw_status spaces_build(struct image *image, const uint8_t *program,
                             size_t bytes, const struct ptw_cpu *cpu)
{
    static struct build b;
    const struct guest_header *guest = (const void *)program;
    struct vm_registers regs = vm_start(image->mode, guest->entry, 0, 0);
    enum ptw_status st = spaces_regime(&regs, cpu, &b.regime);
    ptw_pa shared = {0};

    memset(image->bytes, 0, IMAGE_MOST);
    memcpy(image->bytes, program, bytes);
    image->used = bytes;
    image->current = 0;
    b.image = image;
    b.guest = guest;
    if (st == PTW_OK) {
        st = ptw_mem_init_flat(&b.mem, ptw_pa_of(IMAGE_AT), image->bytes,
                               IMAGE_MOST, true);
    }
    if (st == PTW_OK) {
        st = ptw_shares_init(&b.shares, b.storage, sizeof b.storage, 1);
    }
    if (st == PTW_OK) {
        st = build_take(&b, &shared);
    }
    for (unsigned i = 0; i < PLAY_SPACES && st == PTW_OK; i++) {
        st = build_space(&b, i, shared);
    }
    regs.cr3 = image->root[0].v;
    regs.gdt =
        (struct vm_table_register){guest->gdt, (uint16_t)guest->gdt_limit};
    regs.idt =
        (struct vm_table_register){guest->idt, (uint16_t)guest->idt_limit};
    regs.tr.base = guest->tss;
    image->regs = regs;
    return st;
}

/* ----------------------------------------------------------------- scratch */

static enum ptw_status scratch_take(void *ctx, ptw_pa *page)
{
    struct spaces *s = ctx;

    if (s->scratch >= SCRATCH_AT + SCRATCH_MOST) {
        return PTW_E_SPACE;
    }
    page->v = s->scratch;
    s->scratch += VM_PAGE;
    return PTW_OK;
}

static enum ptw_status scratch_copy(struct spaces *s, ptw_pa from, ptw_pa *to)
{
    enum ptw_status st = scratch_take(s, to);
    const uint8_t *source = vm_host(s->vm, from.v, VM_PAGE);

    if (st != PTW_OK) {
        return st;
    }
    if (source == NULL) {
        return PTW_E_BUS;
    }
    memcpy(vm_host(s->vm, to->v, VM_PAGE), source, VM_PAGE);
    return PTW_OK;
}

/* Tables of the image move when they are written; in scratch memory they
 * stay. */
static enum ptw_status scratch_move(void *ctx, ptw_pa table, ptw_pa *now)
{
    struct spaces *s = ctx;

    if (table.v >= SCRATCH_AT) {
        *now = table;
        return PTW_OK;
    }
    s->counts.moved++;
    return scratch_copy(s, table, now);
}

/* ------------------------------------------------------------------- edits */

/* After the kernel's top table moved, under space 0, the others have to follow:
 * their roots move into scratch memory, and their links are made anew. */
static enum ptw_status follow_kernel(struct spaces *s)
{
    enum ptw_status st = PTW_OK;

    for (unsigned i = 1; i < PLAY_SPACES && st == PTW_OK; i++) {
        struct ptw_tables *t = &s->space[i].tables;

        st = scratch_move(s, t->root.table, &t->root.table);
        if (st == PTW_OK) {
            st = link_kernel(t, s->space[0].tables.root, s->guest);
            s->counts.links++;
        }
    }
    return st;
}

/* Maps one page.  What is the kernel's is edited in space 0, and is meant for
 * all: there a link is no reason to make a table private. */
static enum ptw_status map_page(struct spaces *s, unsigned space, uint64_t va,
                                ptw_pa pa, unsigned rights)
{
    bool kernel = is_kernel(s->guest, va);
    struct ptw_movable_tables *t = &s->space[kernel ? 0 : space];
    struct ptw_map_request q = {
        .first = {va},
        .last = {va + (VM_PAGE - 1)},
        .pa = pa,
        .rights = possible(&s->regime, rights),
        .flags = kernel ? 0 : PTW_EDIT_UNSHARE,
    };
    unsigned long moved = s->counts.moved;
    enum ptw_status st;

    t->tables.shares = kernel ? NULL : &s->shares;
    st = ptw_map_movable(t, &q);
    t->tables.shares = &s->shares;
    if (st == PTW_OK && kernel && s->counts.moved != moved) {
        st = follow_kernel(s);
    }
    return st;
}

static enum ptw_status copy_page(struct spaces *s, unsigned space, uint64_t va,
                                 const struct ptw_translation *t)
{
    ptw_pa page;
    enum ptw_status st = scratch_copy(s, t->leaf_pa, &page);

    s->counts.copied++;
    return st == PTW_OK ? map_page(s, space, va, page, t->rights | PTW_WRITE)
                        : st;
}

static enum ptw_status zero_page(struct spaces *s, uint64_t va)
{
    ptw_pa page;
    enum ptw_status st = scratch_take(s, &page);

    s->counts.zeroed++;
    return st == PTW_OK ? map_page(s, s->current, va, page,
                                   PTW_READ | PTW_WRITE | PTW_USER)
                        : st;
}

/* Every mark is served.  This guest does not reach its tables, so that all are
 * the host's: of the first build, or of a snapshot.  A guest that comes with its
 * own tables may have marks that mean nothing: there PTW_REBUILD_REFUSE_MARKED
 * makes sure that it has none, or the host notes where they are. */
enum ptw_status spaces_serve(struct spaces *s, uint64_t va, uint64_t error)
{
    uint64_t page = va & ~(uint64_t)(VM_PAGE - 1);
    struct ptw_translation t;
    enum ptw_status st = ptw_lookup(&s->mem, s->space[s->current].tables.root,
                                    ptw_va_of(page), &t);

    if (st == PTW_OK && (error & PF_WRITE) != 0 &&
        ptw_is_copy_on_write(&s->regime, t.level, t.raw)) {
        return copy_page(s, s->current, page, &t);
    }
    if (st == PTW_NOT_MAPPED && (error & PF_PRESENT) == 0 &&
        page >= PLAY_STACK_FIRST && page < PLAY_STACK_TOP) {
        return zero_page(s, page);
    }
    return st == PTW_OK || st == PTW_NOT_MAPPED ? PTW_E_RIGHTS : st;
}

/* -------------------------------------------------------------------- init */

/* A fault on the stack on which faults are delivered would be the last: it is
 * copied before the guest runs. */
static enum ptw_status copy_stack(struct spaces *s)
{
    const struct guest_segment *stack = &s->guest->segment[GUEST_STACK];
    enum ptw_status st = PTW_OK;

    for (uint64_t at = 0; at < stack->bytes && st == PTW_OK; at += VM_PAGE) {
        struct ptw_translation t;

        st = ptw_lookup(&s->mem, s->space[0].tables.root,
                        ptw_va_of(stack->va + at), &t);
        if (st == PTW_OK) {
            st = copy_page(s, 0, stack->va + at, &t);
        }
    }
    return st;
}

/* Pages that several spaces may write have to be writable, and one. */
static enum ptw_status copy_shared(struct spaces *s)
{
    ptw_pa page = {0};
    enum ptw_status st = PTW_OK;

    for (unsigned i = 0; i < PLAY_SPACES && st == PTW_OK; i++) {
        struct ptw_translation t;

        st = ptw_lookup(&s->mem, s->space[i].tables.root,
                        ptw_va_of(PLAY_SHARED_VA), &t);
        if (st == PTW_OK && i == 0) {
            st = scratch_copy(s, t.leaf_pa, &page);
        }
        if (st == PTW_OK) {
            st = map_page(s, i, PLAY_SHARED_VA, page, t.rights);
        }
    }
    return st;
}

static enum ptw_status count_shares(struct spaces *s,
                                    const struct ptw_root root[PLAY_SPACES])
{
    static uint64_t storage[4096];
    struct ptw_memo memo;
    enum ptw_status st = ptw_memo_init(&memo, storage, sizeof storage, 1);

    if (st == PTW_OK) {
        st = ptw_shares_init(&s->shares, s->shares_storage,
                             sizeof s->shares_storage, 1);
    }
    if (st == PTW_OK) {
        st = ptw_shares_scan(&s->shares, &s->mem, root, PLAY_SPACES, &memo,
                             UINT64_MAX);
    }
    return st;
}

void spaces_roots(const struct ptw_regime *regime, const struct image *image,
                  struct ptw_root root[PLAY_SPACES])
{
    for (unsigned i = 0; i < PLAY_SPACES; i++) {
        root[i] = ptw_root_of(regime, image->root[i]);
    }
}

enum ptw_status spaces_init(struct spaces *s, struct vm *vm,
                            const struct guest_header *guest,
                            const struct image *image)
{
    static const struct ptw_table_ops ops = {scratch_take, NULL};
    static const struct ptw_move_ops move = {scratch_move, NULL};
    struct ptw_root root[PLAY_SPACES];
    enum ptw_status st =
        spaces_regime(&image->regs, &vm->config.cpu, &s->regime);

    if (st == PTW_OK) {
        st = vm_mem(vm, s->region, &s->mem);
    }
    spaces_roots(&s->regime, image, root);
    if (st == PTW_OK) {
        st = count_shares(s, root);
    }
    s->vm = vm;
    s->guest = guest;
    s->scratch = SCRATCH_AT;
    s->current = image->current;
    for (unsigned i = 0; i < PLAY_SPACES; i++) {
        s->space[i] = (struct ptw_movable_tables){
            .tables = {.mem = &s->mem,
                       .ops = &ops,
                       .ctx = s,
                       .shares = &s->shares,
                       .root = root[i]},
            .move = &move,
        };
    }
    if (st == PTW_OK) {
        st = copy_stack(s);
    }
    return st == PTW_OK ? copy_shared(s) : st;
}
