/* SPDX-License-Identifier: Apache-2.0 */
/* 5-level paging: one more level, and addresses of 57 bits.  Intel SDM vol. 3A,
 * "4-Level Paging and 5-Level Paging". */
#include "compact_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define expect_status(call, status) cr_expect(eq(int, (int)(call), (status)))

enum { ROOT = 0x1000, PML4 = 0x2000, PDPT = 0x3000, PD = 0x4000, PT = 0x5000 };
enum { DATA = 0x10000 };

static uint64_t va5(uint64_t pml5, uint64_t pml4)
{
    uint64_t va = pml5 << 48 | pml4 << 39 | 1 << 12;

    return (pml5 & 256) != 0 ? va | (uint64_t)0x7F << 57 : va;
}

static void one_page(void)
{
    start("amd64-la57");
    put(ROOT, 5, PML4 | P | W | U);
    put(ROOT, 0x1FF, PML4 | P | W);
    put(PML4, 9, PDPT | P | W | U);
    put(PDPT, 0, PD | P | W | U);
    put(PD, 0, PT | P | W | U);
    put(PT, 1, DATA | P | W | U);
}

Test(la57_canonical, has_57_bits)
{
    start("amd64-la57");
    cr_expect(ptw_canonical(&regime, ptw_va_of(0x00FFFFFFFFFFFFFF)));
    cr_expect(not(ptw_canonical(&regime, ptw_va_of(0x0100000000000000))));
    cr_expect(not(ptw_canonical(&regime, ptw_va_of(0xFEFFFFFFFFFFFFFF))));
    cr_expect(ptw_canonical(&regime, ptw_va_of(0xFF00000000000000)));
}

/* LA57 silently walked as 4-level: an address above bit 47 is a user's. */
Test(la57_lookup, maps_a_user_above_bit_47)
{
    struct ptw_translation tr;
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps;

    one_page();
    expect_status(ptw_explain(&mem, ptw_root_of(&regime, ptw_pa_of(ROOT)),
                              ptw_va_of(va5(5, 9) + 0x123), &tr, step, &steps),
                  PTW_OK);
    cr_expect(eq(u64, tr.pa.v, DATA + 0x123));
    cr_expect(eq(uint, tr.rights, RWXU));
    cr_expect(eq(sz, steps, 5));
    cr_expect(eq(u8, step[0].level, 4));
    expect_status(ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(ROOT)),
                             ptw_va_of(0x0100000000000000), &tr),
                  PTW_NOT_CANONICAL);
}

/* PS in a PML5 and a PML4 entry is reserved. */
Test(la57_entry, reserves_ps_above_the_pdpt)
{
    start("amd64-la57");
    for (unsigned level = 3; level < 5; level++) {
        cr_expect(
            eq(int, ptw_decode(&regime, level, 0, PS | P).kind, PTW_ENTRY_BAD));
        cr_expect(
            eq(u64, ptw_bad_entry_of(&regime, level, 0, PS | P).bits, PS));
    }
}

Test(la57_spaces, gives_a_pml4_table_that_is_shared_as_an_alias)
{
    static const uint64_t root[1] = {ROOT};
    struct plan plan = spaces_plan(1, root);
    const struct report *report;
    const struct ptw_la57_alias *alias = NULL;

    one_page();
    report = walk(&plan);
    expect_status(report->end, PTW_END);
    for (size_t i = 0; i < report->count; i++) {
        if (report->item[i].kind == PTW_ITEM_ALIAS) {
            cr_assert(alias == NULL);
            alias = &report->item[i].u.alias.la57;
        }
    }
    cr_assert(alias != NULL);
    cr_expect(eq(int, alias->level, PTW_LA57_ALIAS_PML4));
    cr_expect(eq(u64, alias->ref.our_va.v, va5(0x1FF, 0) - 0x1000));
    cr_expect(eq(u64, alias->ref.their_va.v, va5(5, 0) - 0x1000));
    cr_expect(eq(u64, alias->ref.table.v, PML4));
    cr_expect(eq(uint, alias->ref.rights, RWXU & ~PTW_USER));
}

Test(la57_rebuild, keeps_five_levels)
{
    struct job j;

    one_page();
    j = job_of(1);
    j.root[0] = ptw_root_of(&regime, ptw_pa_of(ROOT));
    cr_expect(eq(str, (char *)good(&j, NULL), ""));
}
