/* SPDX-License-Identifier: Apache-2.0 */
/* A host in one file: it has a guest's memory slots and control registers, and
 * wants to know what the guest's address spaces map.
 *
 * The guest here has two spaces with a page of its own each and one kernel half
 * between them; the second reaches the kernel half read-only. */
#include <ptwalk/ptwalk.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Two memory slots: RAM at 0, and a second one above a hole. */
static uint64_t low[8][512];
static uint64_t high[2][512];
static const uint64_t HIGH = 0x100000000;

static int fail(const char *what, enum ptw_status st)
{
    fprintf(stderr, "host: %s: %s\n", what, ptw_status_text(st));
    return 1;
}

/* A store by the guest, through the accessor: right on a host of any byte
 * order.
 */
static enum ptw_status put(const struct ptw_mem *mem, uint64_t table,
                           unsigned index, uint64_t entry)
{
    return ptw_write64(mem, ptw_pa_of(table + 8 * (uint64_t)index), entry);
}

static enum ptw_status build_guest(const struct ptw_mem *mem)
{
    static const struct {
        uint64_t table;
        unsigned index;
        uint64_t entry;
    } entries[] = {
        {0x0000, 0, 0x2027},   /* space 0: PML4 at 0, its own PDPT at 2000 */
        {0x0000, 256, 0x5023}, /* and the kernel half at 5000 */
        {0x1000, 0, 0x7027},   /* space 1: PML4 at 1000 */
        {0x1000, 256, 0x5021}, /* the same kernel half, not writable */
        {0x2000, 0, 0x3027},      {0x3000, 0, 0x4027},
        {0x4000, 1, 0x9067}, /* VA 1000: a page for space 0 */
        {0x7000, 0, 0x100000027}, {0x100000000, 0, 0x100001027},
        {0x100001000, 1, 0xa067}, /* VA 1000: another for space 1 */
        {0x5000, 0, 0x6023},      {0x6000, 0, 0x2000e3}, /* a 2 MiB page */
    };

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        enum ptw_status st =
            put(mem, entries[i].table, entries[i].index, entries[i].entry);

        if (st != PTW_OK) {
            return st;
        }
    }
    return PTW_OK;
}

static void print_mapping(const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    printf("space %" PRIu32 ": %016" PRIx64 " to %016" PRIx64 " -> %" PRIx64
           " %c%c%c\n",
           item->space, item->first.v, item->last.v, m->pa.v,
           (m->rights & PTW_WRITE) != 0 ? 'w' : '-',
           (m->rights & PTW_EXEC) != 0 ? 'x' : '-',
           (m->rights & PTW_USER) != 0 ? 'u' : '-');
}

/* An alias says where the real mappings are; whoever wants them follows it. */
static enum ptw_status follow(const struct ptw_regime *r,
                              const struct ptw_mem *mem,
                              const struct ptw_item *alias)
{
    struct ptw_walk_options options = ptw_walk_everything();
    struct ptw_walk walk;
    struct ptw_item item;
    enum ptw_status st;
    size_t items;

    st = ptw_expand_init(&walk, r, mem, alias, &options);
    while (st == PTW_OK) {
        st = ptw_walk_next(&walk, &item, 1, &items);
        if (items == 1 && item.kind == PTW_ITEM_MAPPING) {
            printf("  behind it: ");
            print_mapping(&item);
        }
    }
    return st == PTW_END ? PTW_OK : st;
}

static enum ptw_status print_item(const struct ptw_regime *r,
                                  const struct ptw_mem *mem,
                                  const struct ptw_item *item)
{
    struct ptw_alias_ref ref;
    unsigned level;

    switch (item->kind) {
    case PTW_ITEM_SPACE:
        printf("space %" PRIu32 ": root %" PRIx64 "\n", item->space,
               item->u.space_info.root.table.v);
        break;
    case PTW_ITEM_MAPPING:
        print_mapping(item);
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(r, item, &level);
        printf("space %" PRIu32 ": alias %s at %016" PRIx64
               ", owned by space %" PRIu32 "\n",
               item->space, ptw_level_name(r, level), ref.our_va.v, ref.owner);
        return follow(r, mem, item);
    case PTW_ITEM_TABLE:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_FINDING:
        break;
    }
    return PTW_OK;
}

int main(void)
{
    struct ptw_region slot[] = {
        {{0}, {sizeof low - 1}, low, true},
        {{HIGH}, {HIGH + sizeof high - 1}, high, true},
    };
    const struct ptw_x86_registers regs = {
        .cr0 = 0x80050033, .cr4 = 0x6a0, .efer = 0xd01};
    struct ptw_walk_options options = ptw_walk_everything();
    static uint64_t storage[4096];
    struct ptw_translation t;
    struct ptw_regime regime;
    const struct ptw_root root[] = {{&regime, {0x0000}}, {&regime, {0x1000}}};
    struct ptw_item item;
    struct ptw_memo memo;
    struct ptw_walk walk;
    struct ptw_mem mem;
    const char *why = "";
    enum ptw_status st;
    size_t items;

    st = ptw_mem_init_regions(&mem, slot, 2);
    if (st == PTW_OK) {
        st = build_guest(&mem);
    }
    if (st != PTW_OK) {
        return fail("memory", st);
    }
    st = ptw_regime_from_x86(&regs, NULL, &regime, &why);
    if (st != PTW_OK) {
        return fail(why, st);
    }

    /* A real host takes the seed from its random number generator. */
    st = ptw_memo_init(&memo, storage, sizeof storage, 0x1d872b41);
    if (st == PTW_OK) {
        st = ptw_walk_va_spaces_init(&walk, &mem, root, 2, &memo, &options);
    }
    while (st == PTW_OK) {
        st = ptw_walk_next(&walk, &item, 1, &items);
        if (items == 1) {
            enum ptw_status print = print_item(&regime, &mem, &item);

            st = print == PTW_OK ? st : print;
        }
    }
    if (st != PTW_END) {
        return fail("walk", st);
    }

    st = ptw_lookup(&mem, root[1], ptw_va_of(0x1234), &t);
    if (st != PTW_OK) {
        return fail("lookup", st);
    }
    printf("in space 1, 1234 is at %" PRIx64 "\n", t.pa.v);
    return 0;
}
