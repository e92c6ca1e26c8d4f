/* SPDX-License-Identifier: Apache-2.0 */
/* An aarch64 guest's two halves: from the registers of a virtual processor to what
 * both TTBRs map, and to the page behind an address with a tag. */
#include <ptwalk/ptwalk.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Guest memory, from 40000000 up: all of it tables. */
enum { TABLE_BYTES = 4096, TABLES = 6 };
static const uint64_t RAM = 0x40000000;
static uint64_t ram[TABLES][512];

static int fail(const char *call, const char *why)
{
    fprintf(stderr, "halves: %s: %s\n", call, why);
    return 1;
}

static uint64_t table_at(unsigned table)
{
    return RAM + (uint64_t)table * TABLE_BYTES;
}

/* What a guest has written: a user's page and a page for its eyes alone in the
 * lower half, a kernel of 2 MiB in the upper one, and one table that both use. */
static void guest_writes_tables(void)
{
    static const uint64_t TABLE = 3;
    static const uint64_t PAGE = 0x403;     /* AF */
    static const uint64_t BLOCK = 0x401;    /* AF */
    static const uint64_t USER = 0x40;      /* AP[1] */
    static const uint64_t READ_ONLY = 0x80; /* AP[2] */
    static const uint64_t PXN = (uint64_t)1 << 53;
    static const uint64_t UXN = (uint64_t)1 << 54;

    ram[0][0] = table_at(2) | TABLE; /* TTBR0: the table of level 0 */
    ram[2][0] = table_at(3) | TABLE; /* level 1 */
    ram[3][2] = table_at(4) | TABLE; /* level 2, from 400000 */
    ram[4][0] = 0x50000000 | PAGE | USER | PXN | UXN;
    ram[4][1] = 0x50001000 | PAGE | USER | READ_ONLY | PXN;
    ram[1][0] = table_at(5) | TABLE; /* TTBR1 */
    ram[5][0] = table_at(3) | TABLE; /* the same level 2 once more */
    ram[5][1] = 0x80000000 | BLOCK | READ_ONLY | UXN; /* 1 GiB */
}

/* Walks both halves as one guest. */
static enum ptw_status walk(const struct ptw_mem *mem,
                            const struct ptw_root root[2])
{
    static uint64_t storage[2048];
    struct ptw_walk_options options = ptw_walk_everything();
    struct ptw_memo memo;
    struct ptw_walk w;
    struct ptw_item item;
    size_t items;
    enum ptw_status st;

    options.flags = PTW_WALK_RUNS;
    st = ptw_memo_init(&memo, storage, sizeof storage, 0x51ab3c);
    if (st == PTW_OK) {
        st = ptw_walk_va_spaces_init(&w, mem, root, 2, &memo, &options);
    }
    while (st == PTW_OK) {
        st = ptw_walk_next(&w, &item, 1, &items);
        if (st == PTW_OK && item.kind == PTW_ITEM_MAPPING) {
            unsigned rights = item.u.mapping.rights;

            printf("TTBR%" PRIu32 ": %016" PRIx64 " to %016" PRIx64
                   " -> %" PRIx64 " ",
                   item.space, item.first.v, item.last.v, item.u.mapping.pa.v);
            for (const char *c = ptw_right_letters(root[0].regime); *c != '\0';
                 c++) {
                putchar((rights & ptw_right_of(*c)) != 0 ? *c : '-');
            }
            putchar('\n');
        } else if (st == PTW_OK && item.kind == PTW_ITEM_ALIAS) {
            const struct ptw_aarch64_alias *alias = &item.u.alias.aarch64;

            printf("TTBR%" PRIu32 ": the %s table at %016" PRIx64
                   " is that of TTBR%" PRIu32 " at %016" PRIx64 "\n",
                   item.space,
                   alias->level == PTW_AARCH64_ALIAS_L2 ? "l2" : "other",
                   alias->ref.our_va.v, alias->ref.owner,
                   alias->ref.their_va.v);
        }
    }
    return st == PTW_END ? PTW_OK : st;
}

int main(void)
{
    /* As a virtual processor has them: 48-bit addresses in either half, pages of
     * 4 KiB, 40-bit physical addresses, and a tag in addresses of the lower one. */
    const struct ptw_aarch64_registers regs = {
        .el = 1,
        .tcr = 16 | 16 << 16 | (uint64_t)2 << 30 | (uint64_t)2 << 32 |
               (uint64_t)1 << 37,
        .ttbr0 = table_at(0) | (uint64_t)7 << 48, /* and an ASID */
        .ttbr1 = table_at(1),
        .sctlr = 1,
    };
    const ptw_va asked = {0x2a00000000401234};
    struct ptw_regime half[2];
    struct ptw_root root[2];
    struct ptw_translation tr;
    struct ptw_mem mem;
    enum ptw_status st;

    guest_writes_tables();
    for (unsigned i = 0; i < 2; i++) {
        const char *why = "";

        if (!ptw_aarch64_walks(&regs, i == 1)) {
            return fail("registers", "a half that is not walked");
        }
        st = ptw_regime_from_aarch64(&regs, i == 1, NULL, &half[i], &why);
        if (st != PTW_OK) {
            return fail("registers", why);
        }
        root[i] = ptw_aarch64_root(&half[i], i == 1 ? regs.ttbr1 : regs.ttbr0);
    }
    st = ptw_mem_init_flat(&mem, ptw_pa_of(RAM), ram, sizeof ram, false);
    if (st == PTW_OK) {
        st = walk(&mem, root);
    }
    if (st != PTW_OK) {
        return fail("walk", ptw_status_text(st));
    }
    st = ptw_lookup(&mem, root[0], ptw_aarch64_untag(&half[0], false, asked),
                    &tr);
    if (st != PTW_OK) {
        return fail("lookup", ptw_status_text(st));
    }
    printf("%016" PRIx64 " is %" PRIx64 "\n", asked.v, tr.pa.v);
    return 0;
}
