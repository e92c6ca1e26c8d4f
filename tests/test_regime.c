/* SPDX-License-Identifier: Apache-2.0 */
/* Regimes: which there are, what selects them, and how accesses are judged. */
#include "ptwalk/ptwalk.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static struct ptw_regime regime;
static const char *why;

static int by_name(const char *name, unsigned pa_bits, unsigned without)
{
    struct ptw_cpu cpu = {.pa_bits = pa_bits, .x86.page1g = true};

    why = NULL;
    return ptw_regime_by_name(name, &cpu, without, &regime, &why);
}

static void amd64(unsigned pa_bits, unsigned without)
{
    cr_assert(by_name("amd64", pa_bits, without) == PTW_OK);
}

static void i686(unsigned pa_bits, unsigned without)
{
    cr_assert(by_name("i686", pa_bits, without) == PTW_OK);
}

static void bare(unsigned pa_bits)
{
    cr_assert(by_name("bare", pa_bits, 0) == PTW_OK);
}

static bool says(const char *words)
{
    return why != NULL && strstr(why, words) != NULL;
}

/* ---------------------------------------------------------------- by name */

Test(regime_by_name, knows_amd64)
{
    amd64(46, 0);
    cr_expect(eq(int, regime.id, PTW_ARCH_AMD64));
    cr_expect(eq(u32, ptw_pa_bits(&regime), 46));
    cr_expect(eq(u32, ptw_va_bits(&regime), 48));
    cr_expect(eq(u32, ptw_features_of(&regime),
                 PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP));
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "amd64"));
    cr_expect(eq(u32, ptw_levels(&regime), 4));
    cr_expect(eq(u32, ptw_entry_bytes(&regime), 8));
    cr_expect(eq(u32, ptw_level_shift(&regime, 0), 12));
    cr_expect(eq(u32, ptw_level_shift(&regime, 1), 21));
    cr_expect(eq(u32, ptw_level_shift(&regime, 2), 30));
    cr_expect(eq(u32, ptw_level_shift(&regime, 3), 39));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 0), "pt"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 1), "pd"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 2), "pdpt"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 3), "pml4"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 4), "-"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, UINT32_MAX), "-"));
}

Test(regime_by_name, knows_i686)
{
    i686(36, 0);
    cr_expect(eq(int, regime.id, PTW_ARCH_I686));
    cr_expect(eq(u32, ptw_va_bits(&regime), 32));
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_PSE | PTW_X86_WP));
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "i686"));
    cr_expect(eq(u32, ptw_levels(&regime), 2));
    cr_expect(eq(u32, ptw_entry_bytes(&regime), 4));
    cr_expect(eq(u32, ptw_level_shift(&regime, 0), 12));
    cr_expect(eq(u32, ptw_level_shift(&regime, 1), 22));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 0), "pt"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 1), "pd"));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 2), "-"));
}

Test(regime_by_name, knows_bare)
{
    bare(40);
    cr_expect(eq(int, regime.id, PTW_ARCH_BARE));
    cr_expect(eq(u32, ptw_va_bits(&regime), 40));
    cr_expect(eq(u32, ptw_features_of(&regime), 0));
    cr_expect(eq(str, (char *)ptw_regime_name(&regime), "bare"));
    cr_expect(eq(u32, ptw_levels(&regime), 0));
    cr_expect(eq(u32, ptw_entry_bytes(&regime), 0));
    cr_expect(eq(str, (char *)ptw_level_name(&regime, 0), "-"));
}

Test(regime_by_name, takes_the_widest_processor_where_none_is_given)
{
    cr_assert(
        eq(int, ptw_regime_by_name("amd64", NULL, 0, &regime, NULL), PTW_OK));
    cr_expect(eq(u32, ptw_pa_bits(&regime), 52));
    cr_expect(ne(u32, ptw_features_of(&regime) & PTW_X86_PAGE1G, 0));
    cr_expect(eq(u32, ptw_cpu_widest.pa_bits, 52));
    cr_expect(ptw_cpu_widest.x86.page1g);
}

Test(regime_by_name, leaves_features_out_and_ignores_those_it_has_not)
{
    amd64(52, PTW_X86_NX | PTW_X86_PSE);
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_PAGE1G | PTW_X86_WP));
    amd64(52, PTW_X86_PAGE1G | PTW_X86_WP);
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_NX));
    i686(40, PTW_X86_PSE | PTW_X86_NX | PTW_X86_PAGE1G);
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_WP));
}

Test(regime_by_name, has_no_1g_pages_on_a_processor_without_them)
{
    struct ptw_cpu cpu = {.pa_bits = 52, .x86.page1g = false};

    cr_assert(
        eq(int, ptw_regime_by_name("amd64", &cpu, 0, &regime, NULL), PTW_OK));
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_NX | PTW_X86_WP));
}

Test(regime_by_name, refuses_a_width_outside_32_to_52)
{
    static const char *const names[] = {"amd64", "i686", "bare"};

    for (unsigned i = 0; i < 3; i++) {
        cr_expect(eq(int, by_name(names[i], 31, 0), PTW_E_WIDTH));
        cr_expect(says("width"), "%s", names[i]);
        cr_expect(eq(int, by_name(names[i], 53, 0), PTW_E_WIDTH));
        cr_expect(eq(int, by_name(names[i], 0, 0), PTW_E_WIDTH));
        cr_expect(eq(int, by_name(names[i], 64, 0), PTW_E_WIDTH));
        cr_expect(eq(int, by_name(names[i], UINT32_MAX, 0), PTW_E_WIDTH));
        cr_expect(eq(int, by_name(names[i], 32, 0), PTW_OK));
        cr_expect(eq(int, by_name(names[i], 52, 0), PTW_OK));
        cr_expect(why == NULL);
    }
}

/* LA57 silently walked as 4-level; 52-bit aarch64 decoded as 48-bit: a name says
 * all of it. */
Test(regime_by_name, tells_what_is_incomplete_from_what_is_unknown)
{
    static const char *const incomplete[] = {"aarch64", "aarch64-4k",
                                             "aarch64-64k", "aarch64-x-"};
    static const char *const unknown[] = {
        "pae-36",  "pae-",   "amd64-la57-", "amd64-la58", "",        "x",
        "amd6",    "amd644", "AMD64",       "amd64-",     "amd64-x", "amd64-la",
        "aarch6",  "aarch",  "arm",         "pa",         "paex",    "i686-pae",
        "sv3",     "sv399",  "bare-",       "i68",        "i6866",   "sv",
        "sv39-x",  "sv64",   "SV39",        "riscv",      " amd64",  "amd64 ",
        "aarch64x"};

    for (unsigned i = 0; i < sizeof incomplete / sizeof *incomplete; i++) {
        cr_expect(by_name(incomplete[i], 52, 0) == PTW_E_REGIME, "%s",
                  incomplete[i]);
        cr_expect(says("is called aarch64-GRANULE-BITS"), "%s", incomplete[i]);
    }
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        cr_expect(by_name(unknown[i], 52, 0) == PTW_E_REGIME, "%s", unknown[i]);
        cr_expect(says("has this name"), "%s", unknown[i]);
    }
}

Test(regime_by_name, leaves_the_output_alone_when_it_fails)
{
    struct ptw_regime before;

    memset(&regime, 0x5a, sizeof regime);
    before = regime;
    cr_expect(eq(int, by_name("aarch64", 52, 0), PTW_E_REGIME));
    cr_expect(eq(int, by_name("amd64", 53, 0), PTW_E_WIDTH));
    cr_expect(eq(int, memcmp(&before, &regime, sizeof regime), 0));
    cr_expect(eq(int, ptw_regime_by_name("aarch64", NULL, 0, &regime, NULL),
                 PTW_E_REGIME));
}

/* ---------------------------------------------------------- from registers */

static int from(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    struct ptw_x86_registers regs = {cr0, cr4, efer};

    why = NULL;
    memset(&regime, 0, sizeof regime);
    return ptw_regime_from_x86(&regs, NULL, &regime, &why);
}

/* Every state of PG PE PAE LME LMA LA57, in that order; * stands for both.
 * Whatever matches no row is a state that no processor can be in. */
static const struct {
    char state[7];
    const char *is; /* the regime's name */
} states[] = {
    {"0***0*", "bare"},  /* paging is off */
    {"11000*", "i686"},  /* LA57 means nothing outside long mode */
    {"11100*", "pae"},   /* and 5-level paging means nothing there either */
    {"111110", "amd64"}, /* 4-level */
    {"111111", "amd64-la57"},
};

static bool matches(const char *state, unsigned bits)
{
    for (unsigned i = 0; i < 6; i++) {
        bool set = (bits >> i & 1) != 0;

        if (state[i] != '*' && (state[i] == '1') != set) {
            return false;
        }
    }
    return true;
}

Test(regime_from_x86, knows_every_state_of_the_mode_bits)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        uint64_t cr0 = (bits & 1 ? 0x80000000u : 0) | (bits & 2 ? 1 : 0);
        uint64_t cr4 = (bits & 4 ? 0x20 : 0) | (bits & 32 ? 0x1000 : 0);
        uint64_t efer = (bits & 8 ? 0x100 : 0) | (bits & 16 ? 0x400 : 0);
        int expected = PTW_E_CONFLICT;
        const char *name = "";
        int st;

        for (unsigned i = 0; i < sizeof states / sizeof *states; i++) {
            if (matches(states[i].state, bits)) {
                name = states[i].is;
                expected = PTW_OK;
            }
        }
        st = from(cr0, cr4, efer);
        cr_expect(st == expected, "state %x: %d, not %d", bits, st, expected);
        cr_expect(eq(int, why == NULL, st == PTW_OK), "state %x", bits);
        if (st == PTW_OK) {
            cr_expect(strcmp(ptw_regime_name(&regime), name) == 0,
                      "state %x is %s, not %s", bits, ptw_regime_name(&regime),
                      name);
        }
    }
}

static const uint64_t LONG_CR0 = 0x80000001;
static const uint64_t LONG_CR4 = 0x20;
static const uint64_t LONG_EFER = 0x500;

/* Under PAE paging there are 2 MiB pages whatever CR4.PSE says, and XD where
 * EFER.NXE is set; no protection keys, whatever CR4.PKE says. */
Test(regime_from_x86, takes_the_features_of_pae)
{
    cr_expect(eq(int, from(0x80000001, 0x20, 0), PTW_OK));
    cr_expect(eq(uint, ptw_features_of(&regime), 0));
    cr_expect(
        eq(int, ptw_decode(&regime, 1, 0, 0x200083).kind, PTW_ENTRY_LEAF));
    cr_expect(eq(int, from(0x80010001, 0x400030, 0x800), PTW_OK));
    cr_expect(eq(uint, ptw_features_of(&regime), PTW_X86_NX | PTW_X86_WP));
}

/* LA57 silently walked as 4-level. */
Test(regime_from_x86, knows_five_levels)
{
    cr_expect(eq(int, from(LONG_CR0, 0x1020, LONG_EFER), PTW_OK));
    cr_expect(eq(uint, ptw_levels(&regime), 5));
    cr_expect(eq(uint, ptw_va_bits(&regime), 57));
}

Test(regime_from_x86, names_the_registers_that_contradict_each_other)
{
    cr_expect(eq(int, from(0x80000000, 0, 0), PTW_E_CONFLICT));
    cr_expect(says("CR0.PE"));
    cr_expect(eq(int, from(LONG_CR0, 0x20, 0x400), PTW_E_CONFLICT));
    cr_expect(says("LMA"));
    cr_expect(eq(int, from(LONG_CR0, 0x20, 0x100), PTW_E_CONFLICT));
    cr_expect(says("LMA"));
    cr_expect(eq(int, from(LONG_CR0, 0, 0x500), PTW_E_CONFLICT));
    cr_expect(says("CR4.PAE"));
}

Test(regime_from_x86, takes_features_from_their_bits_alone)
{
    static const struct {
        uint64_t cr0, cr4, efer;
        unsigned feature;
    } rows[] = {
        {0, 0, 0x800, PTW_X86_NX},
        {0x10000, 0, 0, PTW_X86_WP},
        {0, 0x100000, 0, PTW_X86_SMEP},
        {0, 0x200000, 0, PTW_X86_SMAP},
        {0, 0x400000, 0, PTW_X86_PKE},
        {0, 0x10, 0, 0},
        {0, 0x10000000, 0, PTW_X86_LAM_SUP},
        {0, 0, 0x100000, PTW_X86_UAI},
        {0x7ffefffe, 0, 0, 0},
        {0, 0xef00efdf, 0, 0},
        {0, 0, ~(uint64_t)0x100d00, 0},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect(eq(int,
                     from(LONG_CR0 | rows[i].cr0, LONG_CR4 | rows[i].cr4,
                          LONG_EFER | rows[i].efer),
                     PTW_OK));
        cr_expect(ptw_features_of(&regime) ==
                      (PTW_X86_PAGE1G | rows[i].feature),
                  "row %u: %x", i, ptw_features_of(&regime));
    }
}

/* "CR4.CET can be set only if CR0.WP is set". */
Test(regime_from_x86, takes_shadow_stacks_only_with_wp)
{
    cr_expect(eq(int, from(LONG_CR0 | 0x10000, LONG_CR4 | 0x800000, LONG_EFER),
                 PTW_OK));
    cr_expect(eq(u32, ptw_features_of(&regime),
                 PTW_X86_PAGE1G | PTW_X86_WP | PTW_X86_CET));
    cr_expect(eq(int, from(0x80010001, 0x800000, 0), PTW_OK));
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_WP | PTW_X86_CET));
    cr_expect(eq(int, from(LONG_CR0, LONG_CR4 | 0x800000, LONG_EFER),
                 PTW_E_CONFLICT));
    cr_expect(says("CET"));
}

Test(regime_with, adds_what_a_name_does_not_switch_on)
{
    struct ptw_regime with;

    amd64(52, 0);
    cr_assert(eq(
        int, ptw_regime_with(&regime, PTW_X86_CET | PTW_X86_SMAP, &with, &why),
        PTW_OK));
    cr_expect(eq(u32, with.features,
                 PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP | PTW_X86_CET |
                     PTW_X86_SMAP));
    cr_expect(eq(int, ptw_regime_with(&regime, PTW_X86_PSE, &with, &why),
                 PTW_E_REGIME));
    amd64(52, PTW_X86_WP);
    cr_expect(eq(int, ptw_regime_with(&regime, PTW_X86_CET, &regime, &why),
                 PTW_E_CONFLICT));
    cr_expect(ne(ptr, strstr(why, "CR0.WP"), NULL));
    cr_expect(eq(u32, ptw_features_of(&regime), PTW_X86_NX | PTW_X86_PAGE1G));
}

/* Intel SDM vol. 3A, "Determination of Access Rights": R/W 0 and D 1 in the
 * leaf, R/W 1 above. */
Test(guest_writes, knows_shadow_stacks_and_the_supervisor)
{
    unsigned read_only = PTW_ALL_RIGHTS & ~PTW_WRITE;

    amd64(52, 0);
    cr_expect(ptw_guest_writes(&regime, PTW_ALL_RIGHTS, 0, 0x63));
    cr_expect(not(ptw_guest_writes(&regime, read_only, 0, 0x63)));
    cr_expect(not(ptw_guest_writes(&regime, PTW_ALL_RIGHTS, 0, 0x61)));
    cr_assert(
        eq(int, ptw_regime_with(&regime, PTW_X86_CET, &regime, NULL), PTW_OK));
    cr_expect(ptw_guest_writes(&regime, PTW_ALL_RIGHTS, 0, 0x61));
    cr_expect(ptw_shadow_stack(&regime, PTW_ALL_RIGHTS, 0, 0x61));
    cr_expect(not(ptw_shadow_stack(&regime, PTW_ALL_RIGHTS, 0, 0x63)));
    cr_expect(not(ptw_guest_writes(&regime, read_only, 0, 0x61)));
    cr_expect(not(ptw_guest_writes(&regime, PTW_ALL_RIGHTS, 0, 0x21)));
    i686(40, PTW_X86_WP);
    cr_expect(ptw_guest_writes(&regime, read_only, 0, 0x21));
    bare(40);
    cr_expect(ptw_guest_writes(&regime, PTW_ALL_RIGHTS, 0, 0));
}

Test(access_allowed, judges_shadow_stack_accesses)
{
    struct ptw_access push = {
        .right = PTW_WRITE, .user = true, .shadow_stack = true};

    amd64(52, 0);
    cr_expect(not(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x65, &push)));
    cr_assert(
        eq(int, ptw_regime_with(&regime, PTW_X86_CET, &regime, NULL), PTW_OK));
    cr_expect(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x65, &push));
    cr_expect(not(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x67, &push)));
    cr_expect(not(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x61, &push)));
    push.user = false;
    cr_expect(not(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x65, &push)));
    cr_expect(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x61, &push));
    push.right = PTW_READ;
    cr_expect(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x61, &push));
    push.shadow_stack = false;
    push.right = PTW_WRITE;
    cr_expect(not(ptw_access_allowed(&regime, PTW_ALL_RIGHTS, 0, 0x61, &push)));
}

Test(regime_from_x86, gives_i686_no_features_that_it_has_not)
{
    cr_expect(eq(int, from(0x80010001, 0x700010, 0x800), PTW_OK));
    cr_expect(eq(u32, ptw_features_of(&regime),
                 PTW_X86_PSE | PTW_X86_WP | PTW_X86_SMEP | PTW_X86_SMAP));
    cr_expect(eq(int, from(0x80000001, 0, 0), PTW_OK));
    cr_expect(eq(u32, ptw_features_of(&regime), 0));
}

Test(regime_from_x86, has_32_bits_where_paging_is_off)
{
    cr_expect(eq(int, from(1, 0, 0), PTW_OK));
    cr_expect(eq(int, regime.id, PTW_ARCH_BARE));
    cr_expect(eq(u32, ptw_va_bits(&regime), 32));
}

Test(regime_from_x86, refuses_a_width_outside_32_to_52_in_every_mode)
{
    static const struct ptw_x86_registers modes[] = {
        {LONG_CR0, LONG_CR4, LONG_EFER}, {LONG_CR0, 0, 0}, {0, 0, 0}};
    static const unsigned widths[] = {0, 31, 53, 64};

    for (unsigned m = 0; m < 3; m++) {
        struct ptw_cpu cpu = {.pa_bits = 32, .x86.page1g = true};

        cr_expect(eq(int, ptw_regime_from_x86(&modes[m], &cpu, &regime, &why),
                     PTW_OK));
        cpu.pa_bits = 52;
        cr_expect(eq(int, ptw_regime_from_x86(&modes[m], &cpu, &regime, &why),
                     PTW_OK));
        for (unsigned i = 0; i < 4; i++) {
            int st;

            cpu.pa_bits = widths[i];
            st = ptw_regime_from_x86(&modes[m], &cpu, &regime, &why);
            cr_expect(st == PTW_E_WIDTH, "mode %u, %u bits: %d", m, widths[i],
                      st);
        }
    }
}

/* ------------------------------------------------------------------- roots */

Test(x86_root, drops_what_is_not_address)
{
    amd64(52, 0);
    cr_expect(eq(u64, ptw_x86_root(&regime, 0x1000).table.v, 0x1000));
    /* PCID, and bit 63: do not flush */
    cr_expect(
        eq(u64, ptw_x86_root(&regime, 0x8000000000001fff).table.v, 0x1000));
    /* PWT and PCD; LAM bits 62:61 */
    cr_expect(
        eq(u64, ptw_x86_root(&regime, 0x6000000000002018).table.v, 0x2000));
    cr_expect(
        eq(u64, ptw_x86_root(&regime, UINT64_MAX).table.v, 0xffffffffff000));
    i686(52, 0);
    cr_expect(eq(u64, ptw_x86_root(&regime, 0x100001018).table.v, 0x1000));
    cr_expect(eq(u64, ptw_x86_root(&regime, 0xffffffff).table.v, 0xfffff000));
    bare(52);
    cr_expect(eq(u64, ptw_x86_root(&regime, UINT64_MAX).table.v, 0));
}

static int root_check(uint64_t root)
{
    return ptw_root_check(ptw_root_of(&regime, ptw_pa_of(root)));
}

Test(root_check, wants_a_table_that_is_aligned_and_fits_the_width)
{
    amd64(40, 0);
    cr_expect(eq(int, root_check(0), PTW_OK));
    cr_expect(eq(int, root_check(0xfffffff000), PTW_OK));
    cr_expect(eq(int, root_check(0x10000000000), PTW_E_WIDTH));
    cr_expect(eq(int, root_check(0x8000000000001000), PTW_E_WIDTH));
    for (uint64_t bit = 1; bit < 0x1000; bit <<= 1) {
        cr_expect(eq(int, root_check(0x1000 | bit), PTW_E_ALIGN));
    }
    amd64(52, 0);
    cr_expect(eq(int, root_check(0xffffffffff000), PTW_OK));
    cr_expect(eq(int, root_check(0x10000000000000), PTW_E_WIDTH));
}

Test(root_check, wants_32_bits_on_i686_however_wide_the_processor_is)
{
    i686(52, 0);
    cr_expect(eq(int, root_check(0xfffff000), PTW_OK));
    cr_expect(eq(int, root_check(0x100000000), PTW_E_WIDTH));
    cr_expect(eq(int, root_check(0x1004), PTW_E_ALIGN));
}

Test(root_check, takes_anything_where_there_are_no_tables)
{
    bare(32);
    cr_expect(eq(int, root_check(UINT64_MAX), PTW_OK));
}

/* --------------------------------------------------------------- canonical */

static bool canonical(uint64_t va)
{
    return ptw_canonical(&regime, ptw_va_of(va));
}

/* gVisor's canonical check was off by one. */
Test(canonical, has_exact_boundaries_on_amd64)
{
    amd64(52, 0);
    cr_expect(canonical(0));
    cr_expect(canonical(0x7ffffffffffe));
    cr_expect(canonical(0x7fffffffffff));
    cr_expect(not(canonical(0x800000000000)));
    cr_expect(not(canonical(0x800000000001)));
    cr_expect(not(canonical(0xffff7ffffffffffe)));
    cr_expect(not(canonical(0xffff7fffffffffff)));
    cr_expect(canonical(0xffff800000000000));
    cr_expect(canonical(0xffff800000000001));
    cr_expect(canonical(UINT64_MAX));
    /* 57-bit addresses without LA57 */
    cr_expect(not(canonical(0x00ffffffffffffff)));
    cr_expect(not(canonical(0xff00000000000000)));
}

Test(canonical, does_not_depend_on_the_physical_width)
{
    amd64(32, 0);
    cr_expect(canonical(0x7fffffffffff));
    cr_expect(not(canonical(0x800000000000)));
}

Test(canonical, is_what_has_32_bits_on_i686)
{
    i686(40, 0);
    cr_expect(canonical(0));
    cr_expect(canonical(0xffffffff));
    cr_expect(not(canonical(0x100000000)));
    cr_expect(not(canonical(UINT64_MAX)));
    cr_expect(not(canonical(0xffffffff80000000)));
}

Test(canonical, is_the_physical_width_where_paging_is_off)
{
    bare(36);
    cr_expect(canonical(0xfffffffff));
    cr_expect(not(canonical(0x1000000000)));
    bare(52);
    cr_expect(canonical(0xfffffffffffff));
    cr_expect(not(canonical(0x10000000000000)));
    cr_expect(not(canonical(UINT64_MAX)));
}

/* ---------------------------------------------------- what features change */

static int kind_of(unsigned level, uint64_t raw)
{
    return ptw_decode(&regime, level, 0, raw).kind;
}

Test(regime_features, without_nx_make_bit_63_reserved_at_every_level)
{
    static const uint64_t NX = (uint64_t)1 << 63;

    amd64(52, PTW_X86_NX);
    for (unsigned level = 0; level < 4; level++) {
        cr_expect(eq(int, kind_of(level, NX | 1), PTW_ENTRY_BAD));
        cr_expect(
            eq(u64, ptw_bad_entry_of(&regime, level, 0, NX | 1).bits, NX));
        cr_expect(eq(int, kind_of(level, NX), PTW_ENTRY_ABSENT));
    }
    cr_expect(eq(int, kind_of(1, NX | 0x81), PTW_ENTRY_BAD));
    cr_expect(eq(int, kind_of(2, NX | 0x81), PTW_ENTRY_BAD));
    amd64(52, 0);
    cr_expect(eq(int, kind_of(0, NX | 1), PTW_ENTRY_LEAF));
    cr_expect(eq(int, kind_of(3, NX | 1), PTW_ENTRY_TABLE));
    cr_expect(eq(u32, ptw_decode(&regime, 0, 0, NX | 1).rights, PTW_READ));
}

Test(regime_features, without_pse_ignore_bit_7_of_a_pd_entry)
{
    i686(40, PTW_X86_PSE);
    cr_expect(eq(int, kind_of(1, 0x12345081), PTW_ENTRY_TABLE));
    cr_expect(eq(u64, ptw_decode(&regime, 1, 0, 0x12345081).pa.v, 0x12345000));
    cr_expect(eq(u64, ptw_bad_entry_of(&regime, 1, 0, 0x123fe081).bits, 0));
    i686(40, 0);
    cr_expect(eq(int, kind_of(1, 0x12000081), PTW_ENTRY_LEAF));
}

/* "M is the minimum of 40 and MAXPHYADDR": bits 20:13 of the entry are bits
 * 39:32 of the address as far as M goes, the rest up to bit 21 is reserved. */
Test(regime_features, have_pse36_addresses_of_every_width)
{
    for (unsigned pa_bits = 32; pa_bits <= 52; pa_bits++) {
        unsigned m = pa_bits > 40 ? 40 : pa_bits;

        i686(pa_bits, 0);
        for (unsigned bit = 13; bit <= 20; bit++) {
            uint64_t raw = 0xffc00081 | (uint64_t)1 << bit;
            struct ptw_entry e = ptw_decode(&regime, 1, 0, raw);

            if (bit - 13 + 32 < m) {
                cr_expect(e.kind == PTW_ENTRY_LEAF &&
                              e.pa.v ==
                                  (0xffc00000 | (uint64_t)1 << (bit - 13 + 32)),
                          "bit %u of %u", bit, pa_bits);
            } else {
                cr_expect(e.kind == PTW_ENTRY_BAD, "bit %u of %u", bit,
                          pa_bits);
                cr_expect(eq(u64, ptw_bad_entry_of(&regime, 1, 0, raw).bits,
                             (uint64_t)1 << bit));
            }
        }
        cr_expect(eq(int, kind_of(1, 0x00200081), PTW_ENTRY_BAD));
        cr_expect(eq(int, kind_of(1, 0x00001081), PTW_ENTRY_LEAF));
    }
}

/* ---------------------------------------------------------- why it is bad */

static void bad(unsigned level, uint64_t raw, enum ptw_bad_reason reason,
                uint64_t bits)
{
    struct ptw_bad_entry is = ptw_bad_entry_of(&regime, level, 7, raw);

    cr_expect(is.why == reason && is.bits == bits, "level %u, %llx: %s, %llx",
              level, (unsigned long long)raw, ptw_bad_reason_text(is.why),
              (unsigned long long)is.bits);
}

/* A reserved bit of the address alone is one that this processor's width leaves
 * out; beside another one, the entry is reserved on every processor. */
Test(bad_entry, tells_the_width_from_what_is_reserved)
{
    static const uint64_t XD = (uint64_t)1 << 63;
    static const uint64_t HIGH = (uint64_t)1 << 40;

    amd64(40, 0);
    bad(0, HIGH | 1, PTW_BAD_WIDTH, HIGH);
    bad(3, HIGH | 1, PTW_BAD_WIDTH, HIGH);
    bad(3, 0x81, PTW_BAD_RESERVED, 0x80);
    bad(3, HIGH | 0x81, PTW_BAD_RESERVED, HIGH | 0x80);
    bad(1, HIGH | 0x81, PTW_BAD_WIDTH, HIGH);
    bad(1, 0x2081, PTW_BAD_RESERVED, 0x2000);
    amd64(40, PTW_X86_NX);
    bad(0, XD | HIGH | 1, PTW_BAD_RESERVED, XD | HIGH);
    i686(36, 0);
    bad(1, 0x81 | 1 << 17, PTW_BAD_WIDTH, 1 << 17);
    bad(1, 0x81 | 1 << 21, PTW_BAD_RESERVED, 1 << 21);
    bad(1, 0x81 | 1 << 21 | 1 << 17, PTW_BAD_RESERVED, 1 << 21 | 1 << 17);
    cr_expect(ptw_regime_by_name("pae", NULL, 0, &regime, NULL) == PTW_OK);
    bad(2, 0x3, PTW_BAD_RESERVED, 2);
    bad(2, (uint64_t)1 << 52 | 1, PTW_BAD_RESERVED, (uint64_t)1 << 52);
}

Test(bad_entry, is_none_of_an_entry_that_is_not)
{
    amd64(40, 0);
    bad(0, 0, PTW_BAD_RESERVED, 0);
    bad(0, (uint64_t)1 << 40, PTW_BAD_RESERVED, 0);
    bad(0, 0x5001, PTW_BAD_RESERVED, 0);
}

Test(bad_entry, has_a_word_for_each_reason)
{
    cr_expect(
        eq(str, (char *)ptw_bad_reason_text(PTW_BAD_RESERVED), "reserved"));
    cr_expect(eq(str, (char *)ptw_bad_reason_text(PTW_BAD_WIDTH), "width"));
    cr_expect(
        eq(str, (char *)ptw_bad_reason_text(PTW_BAD_MISALIGNED), "misaligned"));
    cr_expect(eq(str, (char *)ptw_bad_reason_text(PTW_BAD_COMBINATION),
                 "combination"));
}

/* ------------------------------------------------------- rights and sizes */

Test(regime_rights, are_granted_where_no_entry_can_withhold_them)
{
    static const unsigned RWXU = PTW_READ | PTW_WRITE | PTW_EXEC | PTW_USER;

    amd64(52, 0);
    cr_expect(eq(uint, ptw_rights_of(&regime), RWXU));
    cr_expect(eq(uint, ptw_rights_granted(&regime), PTW_READ));
    cr_expect(eq(str, (char *)ptw_right_letters(&regime), "rwxu"));
    amd64(52, PTW_X86_NX);
    cr_expect(eq(uint, ptw_rights_granted(&regime), PTW_READ | PTW_EXEC));
    i686(40, 0);
    cr_expect(eq(uint, ptw_rights_of(&regime), RWXU));
    cr_expect(eq(uint, ptw_rights_granted(&regime), PTW_READ | PTW_EXEC));
    bare(40);
    cr_expect(eq(uint, ptw_rights_granted(&regime), RWXU));
}

/* There are words for what takes a right away only where an entry can. */
Test(regime_rights, have_words_where_an_entry_takes_them)
{
    amd64(52, 0);
    cr_expect(eq(str, (char *)ptw_right_text(&regime, PTW_EXEC),
                 "XD, bit 63, is set"));
    cr_expect(ptw_right_text(&regime, PTW_READ) == NULL);
    cr_expect(ptw_right_text(&regime, PTW_ALL_RIGHTS) == NULL);
    amd64(52, PTW_X86_NX);
    cr_expect(ptw_right_text(&regime, PTW_EXEC) == NULL);
    i686(40, 0);
    cr_expect(ptw_right_text(&regime, PTW_EXEC) == NULL);
    cr_expect(eq(str, (char *)ptw_right_text(&regime, PTW_USER),
                 "US, bit 2, is clear"));
    bare(40);
    cr_expect(ptw_right_text(&regime, PTW_WRITE) == NULL);
}

Test(regime_rights, have_a_letter_each)
{
    cr_expect(eq(uint, ptw_right_of('r'), PTW_READ));
    cr_expect(eq(uint, ptw_right_of('w'), PTW_WRITE));
    cr_expect(eq(uint, ptw_right_of('x'), PTW_EXEC));
    cr_expect(eq(uint, ptw_right_of('u'), PTW_USER));
    cr_expect(eq(uint, ptw_right_of('X'), PTW_USER_EXEC));
    cr_expect(eq(uint, ptw_right_of('-'), 0));
    cr_expect(eq(uint, ptw_right_of('\0'), 0));
}

Test(regime_sizes, are_those_of_pages_and_tables)
{
    amd64(52, 0);
    cr_expect(eq(u64, ptw_page_size(&regime), 4096));
    cr_expect(eq(u64, ptw_table_size(&regime, 3), 4096));
    cr_expect(eq(
        uint, ptw_entry_index(&regime, 3, ptw_va_of(0xffff808000000000)), 257));
    cr_expect(eq(uint, ptw_entry_index(&regime, 0, ptw_va_of(0x3ff123)), 511));
    cr_expect(ptw_regime_by_name("pae", NULL, 0, &regime, NULL) == PTW_OK);
    cr_expect(eq(u64, ptw_page_size(&regime), 4096));
    cr_expect(eq(u64, ptw_table_size(&regime, 2), 32));
    cr_expect(eq(u64, ptw_table_size(&regime, 1), 4096));
    cr_expect(eq(uint, ptw_entry_index(&regime, 2, ptw_va_of(0xc0000000)), 3));
    bare(40);
    cr_expect(eq(u64, ptw_page_size(&regime), 1));
}

/* ------------------------------------------------------------------ access */

/* Intel SDM vol. 3A, "Determination of Access Rights", clause by clause. */
struct state {
    bool wp, smep, smap, pke;      /* of the processor */
    bool user_mode, ac;            /* of the access */
    bool w, x, user_address;       /* of the path */
    bool key_reads, key_any_write; /* of the key: AD clear, WD clear */
};

static bool key_permits_write(const struct state *s)
{
    if (!s->pke || !s->user_address) {
        return true;
    }
    if (!s->key_reads) {
        return false;
    }
    return s->key_any_write || (!s->user_mode && !s->wp);
}

static bool key_permits_read(const struct state *s)
{
    return !s->pke || !s->user_address || s->key_reads;
}

static bool manual_allows(const struct state *s, enum ptw_right what)
{
    if (s->user_mode) {
        switch (what) {
        case PTW_READ:
            return s->user_address && key_permits_read(s);
        case PTW_WRITE:
            return s->user_address && s->w && key_permits_write(s);
        case PTW_EXEC:
            return s->user_address && s->x;
        case PTW_USER:
        case PTW_USER_EXEC:
        case PTW_ALL_RIGHTS:
            break;
        }
        return false;
    }
    switch (what) {
    case PTW_READ:
        if (!s->user_address) {
            return true;
        }
        return (!s->smap || s->ac) && key_permits_read(s);
    case PTW_WRITE:
        if (!s->user_address) {
            return !s->wp || s->w;
        }
        if (!s->wp) {
            return (!s->smap || s->ac) && key_permits_write(s);
        }
        return s->w && (!s->smap || s->ac) && key_permits_write(s);
    case PTW_EXEC:
        if (!s->user_address) {
            return s->x;
        }
        return !s->smep && s->x;
    case PTW_USER:
    case PTW_USER_EXEC:
    case PTW_ALL_RIGHTS:
        break;
    }
    return false;
}

/* Every state of 11 bits, each right, and a key of which PKRU speaks. */
Test(access_allowed, agrees_with_the_manual_in_every_state)
{
    static const enum ptw_right rights[] = {PTW_READ, PTW_WRITE, PTW_EXEC};
    static const unsigned keys[] = {0, 1, 7, 15};

    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        struct state s = {
            .wp = bits & 1,
            .smep = bits >> 1 & 1,
            .smap = bits >> 2 & 1,
            .pke = bits >> 3 & 1,
            .user_mode = bits >> 4 & 1,
            .ac = bits >> 5 & 1,
            .w = bits >> 6 & 1,
            .x = bits >> 7 & 1,
            .user_address = bits >> 8 & 1,
            .key_reads = bits >> 9 & 1,
            .key_any_write = bits >> 10 & 1,
        };
        uint64_t cr4 = LONG_CR4 | (uint64_t)s.smep << 20 |
                       (uint64_t)s.smap << 21 | (uint64_t)s.pke << 22;

        cr_assert(from(LONG_CR0 | (uint64_t)s.wp << 16, cr4, 0xd00) == PTW_OK);
        for (unsigned k = 0; k < 4; k++) {
            unsigned mine = (s.key_reads ? 0 : 1) | (s.key_any_write ? 0 : 2);
            uint32_t pkru = (uint32_t)mine << (2 * keys[k]);
            uint64_t raw = (uint64_t)keys[k] << 59 | 1 | (s.w ? 2 : 0) |
                           (s.user_address ? 4 : 0) | (uint64_t)!s.x << 63;
            unsigned granted = PTW_READ | (s.w ? PTW_WRITE : 0) |
                               (s.x ? PTW_EXEC : 0) |
                               (s.user_address ? PTW_USER : 0);

            for (unsigned i = 0; i < 3; i++) {
                struct ptw_access access = {.right = rights[i],
                                            .user = s.user_mode,
                                            .allow =
                                                s.ac ? PTW_X86_ALLOW_AC : 0,
                                            .keys = pkru};
                bool got =
                    ptw_access_allowed(&regime, granted, 0, raw, &access);

                cr_expect(got == manual_allows(&s, rights[i]),
                          "state %x, right %d, key %u: %d", bits, rights[i],
                          keys[k], got);
            }
        }
    }
}

static bool allowed(unsigned granted, uint64_t raw, enum ptw_right right,
                    bool user, uint32_t keys)
{
    struct ptw_access access = {.right = right, .user = user, .keys = keys};

    return ptw_access_allowed(&regime, granted, 0, raw, &access);
}

Test(access_allowed, looks_at_no_other_key_than_the_leafs)
{
    cr_assert(eq(int, from(LONG_CR0 | 0x10000, 0x400020, 0xd00), PTW_OK));
    for (unsigned key = 0; key < 16; key++) {
        uint64_t raw = (uint64_t)key << 59 | 7;
        uint32_t others = ~((uint32_t)3 << (2 * key));

        cr_expect(allowed(PTW_ALL_RIGHTS, raw, PTW_WRITE, true, others));
        cr_expect(not(allowed(PTW_ALL_RIGHTS, raw, PTW_READ, true, ~others)));
        cr_expect(allowed(PTW_ALL_RIGHTS, raw, PTW_EXEC, true, ~others));
    }
}

Test(access_allowed, obeys_wp_on_i686_too)
{
    unsigned read_only = PTW_READ | PTW_USER | PTW_EXEC;

    i686(40, 0);
    cr_expect(not(allowed(read_only, 5, PTW_WRITE, false, 0)));
    i686(40, PTW_X86_WP);
    cr_expect(allowed(read_only, 5, PTW_WRITE, false, 0));
    cr_expect(not(allowed(read_only, 5, PTW_WRITE, true, 0)));
    /* no keys there: bits 62:59 are not even in the entry */
    cr_expect(allowed(read_only, 5, PTW_READ, true, UINT32_MAX));
}

/* XD would forbid it, and to read is not to execute. */
Test(access_allowed, refuses_a_right_that_no_access_of_the_regime_has)
{
    amd64(52, 0);
    cr_expect(allowed(PTW_ALL_RIGHTS, 5, PTW_READ, true, 0));
    cr_expect(not(allowed(PTW_ALL_RIGHTS, 5, PTW_USER_EXEC, true, 0)));
    cr_expect(not(allowed(PTW_ALL_RIGHTS, 5, PTW_USER, true, 0)));
}

Test(access_allowed, lets_everything_pass_where_paging_is_off)
{
    bare(40);
    cr_expect(allowed(PTW_ALL_RIGHTS, 0, PTW_READ, true, UINT32_MAX));
    cr_expect(allowed(PTW_ALL_RIGHTS, 0, PTW_WRITE, true, 0));
    cr_expect(allowed(PTW_ALL_RIGHTS, 0, PTW_EXEC, false, 0));
}

/* ------------------------------------------------------------------ status */

Test(status_text, has_a_phrase_of_its_own_for_every_status)
{
    int count = 0;

    while (strcmp(ptw_status_text((enum ptw_status)count), "unknown status") !=
           0) {
        cr_expect(ne(str, (char *)ptw_status_text((enum ptw_status)count), ""));
        for (int k = 0; k < count; k++) {
            cr_expect(ne(str, (char *)ptw_status_text((enum ptw_status)count),
                         (char *)ptw_status_text((enum ptw_status)k)));
        }
        count++;
    }
    cr_expect(lt(int, PTW_E_CONFLICT, count));
    cr_expect(eq(str, (char *)ptw_status_text((enum ptw_status)1000),
                 "unknown status"));
}

Test(regime, knows_its_family)
{
    static const char *const x86[] = {"i686", "pae", "amd64", "amd64-la57"};
    struct ptw_regime r;

    for (size_t i = 0; i < sizeof x86 / sizeof *x86; i++) {
        cr_assert(eq(int, ptw_regime_by_name(x86[i], NULL, 0, &r, NULL), 0));
        cr_expect(ptw_is_x86(&r));
    }
    cr_assert(eq(int, ptw_regime_by_name("bare", NULL, 0, &r, NULL), 0));
    cr_expect(not(ptw_is_x86(&r)));
}
