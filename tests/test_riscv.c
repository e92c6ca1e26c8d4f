/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V: entries, registers and accesses, by the titles of the manual: The RISC-V
 * Instruction Set Manual: Volume II, Privileged Architecture. */
#include "compact_bench.h"
#include "edit_bench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum {
    V = 1 << 0,
    R = 1 << 1,
    W_ = 1 << 2,
    X = 1 << 3,
    U_ = 1 << 4,
    G_ = 1 << 5,
    A_ = 1 << 6,
    D_ = 1 << 7,
    RSW = 3 << 8,
    LEAF = V | R | A_ | D_
};

static const uint64_t N = (uint64_t)1 << 63;
static const uint64_t PBMT = (uint64_t)3 << 61;
static const char *const wide[] = {"sv39", "sv48", "sv57"};
static const char *why;

enum { SUPERVISOR = 0, USER = 1, STACK = 2 };

static uint64_t ppn(uint64_t pa)
{
    return pa >> 12 << 10;
}

static void use(const char *name, unsigned pa_bits, unsigned without,
                unsigned with)
{
    struct ptw_cpu cpu = {.pa_bits = pa_bits};

    cr_assert(ptw_regime_by_name(name, pa_bits > 0 ? &cpu : NULL, without,
                                 &regime, &why) == PTW_OK);
    cr_assert(ptw_regime_with(&regime, with, &regime, &why) == PTW_OK);
}

static void is(unsigned level, unsigned index, uint64_t raw,
               enum ptw_entry_kind kind, uint64_t pa, unsigned rights)
{
    struct ptw_entry e = ptw_decode(&regime, level, index, raw);

    cr_expect(e.kind == kind && e.pa.v == pa && e.rights == rights,
              "level %u, entry %u, %llx: kind %d, %llx, rights %x", level,
              index, (unsigned long long)raw, (int)e.kind,
              (unsigned long long)e.pa.v, e.rights);
}

static void is_bad(unsigned level, uint64_t raw, enum ptw_bad_reason reason,
                   uint64_t bits)
{
    struct ptw_bad_entry b = ptw_bad_entry_of(&regime, level, 3, raw);

    is(level, 3, raw, PTW_ENTRY_BAD, 0, 0);
    cr_expect(b.why == reason && b.bits == bits, "level %u, %llx: %s, %llx",
              level, (unsigned long long)raw, ptw_bad_reason_text(b.why),
              (unsigned long long)b.bits);
}

/* ------------------------------------------------------------------- entries */

/* "Sv32: Page-Based 32-bit Virtual-Memory Systems", the figure of an entry and the
 * table "Encoding of PTE R/W/X fields". */
Test(sv32_entry, has_a_page_number_of_22_bits_at_bit_10)
{
    use("sv32", 0, 0, 0);
    is(0, 0, 0, PTW_ENTRY_ABSENT, 0, 0);
    is(0, 0, 0xfffffffe, PTW_ENTRY_ABSENT, 0, 0);
    is(0, 0, 0x000080df, PTW_ENTRY_LEAF, 0x20000, RWXU);
    is(0, 0, 0xfffffcdf, PTW_ENTRY_LEAF, 0x3fffff000, RWXU);
    is(1, 0, 0xfff00003, PTW_ENTRY_LEAF, 0x3ffc00000, PTW_READ);
    is(1, 0, 0xfffffc01, PTW_ENTRY_TABLE, 0x3fffff000, RWXU);
    cr_expect(eq(uint, ptw_pa_bits(&regime), 34));
    cr_expect(eq(uint, ptw_va_bits(&regime), 32));
    cr_expect(ptw_canonical(&regime, ptw_va_of(0xffffffff)));
    cr_expect(not(ptw_canonical(&regime, ptw_va_of(0x100000000))));
    cr_expect(not(ptw_canonical(&regime, ptw_va_of(UINT64_MAX))));
}

/* "Sv39: Page-Based 39-bit Virtual-Memory System" and so on: 44 bits. */
Test(riscv_entry, has_a_page_number_of_44_bits_at_bit_10)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned top = i + 2;

        use(wide[i], 0, 0, 0);
        cr_expect(eq(uint, ptw_levels(&regime), top + 1));
        is(0, 0, 0x80cf | U_, PTW_ENTRY_LEAF, 0x20000, RWXU);
        is(0, 0, 0x3ffffffffffcdf, PTW_ENTRY_LEAF, 0xfffffffffff000, RWXU);
        is(1, 0, 0x3ffffffffffc01, PTW_ENTRY_TABLE, 0xfffffffffff000, RWXU);
        for (unsigned level = 1; level <= top; level++) {
            uint64_t size = (uint64_t)1 << ptw_level_shift(&regime, level);

            is(level, 0, ppn(size) | LEAF, PTW_ENTRY_LEAF, size, PTW_READ);
            is_bad(level, ppn(size / 2) | LEAF, PTW_BAD_MISALIGNED,
                   ppn(size / 2));
            is_bad(level, ppn(0x1000) | LEAF, PTW_BAD_MISALIGNED, ppn(0x1000));
        }
    }
}

/* The sign is that of bit 38, 47 or 56. */
Test(riscv_canonical, repeats_the_highest_bit)
{
    for (unsigned i = 0; i < 3; i++) {
        uint64_t half = (uint64_t)1 << (38 + 9 * i);

        use(wide[i], 0, 0, 0);
        cr_expect(eq(uint, ptw_va_bits(&regime), 39 + 9 * i));
        cr_expect(ptw_canonical(&regime, ptw_va_of(half - 1)));
        cr_expect(not(ptw_canonical(&regime, ptw_va_of(half))));
        cr_expect(not(ptw_canonical(&regime, ptw_va_of(~half))));
        cr_expect(ptw_canonical(&regime, ptw_va_of(-half)));
    }
}

/* "Virtual Address Translation Process", step 3: R = 0 and W = 1. */
Test(riscv_entry, has_no_w_without_r)
{
    static const char *const name[] = {"sv32", "sv39", "sv48", "sv57"};

    for (unsigned i = 0; i < 4; i++) {
        use(name[i], 0, 0, 0);
        for (unsigned level = 0; level < ptw_levels(&regime); level++) {
            is_bad(level, V | W_ | A_ | D_, PTW_BAD_COMBINATION, W_);
            is_bad(level, V | W_ | X | U_, PTW_BAD_COMBINATION, W_);
        }
        use(name[i], 0, 0, PTW_RISCV_ZICFISS);
        for (unsigned level = 0; level < ptw_levels(&regime); level++) {
            is(level, 0, V | W_ | A_ | D_, PTW_ENTRY_LEAF, 0, PTW_READ);
            is(level, 0, V | W_ | U_, PTW_ENTRY_LEAF, 0, PTW_READ | PTW_USER);
            is_bad(level, V | W_ | X, PTW_BAD_COMBINATION, W_);
        }
    }
}

/* The table "Encoding of PTE R/W/X fields". */
Test(riscv_entry, grants_what_r_w_x_and_u_say)
{
    use("sv39", 0, 0, 0);
    is(0, 0, V | R, PTW_ENTRY_LEAF, 0, PTW_READ);
    is(0, 0, V | R | W_, PTW_ENTRY_LEAF, 0, PTW_READ | PTW_WRITE);
    is(0, 0, V | X, PTW_ENTRY_LEAF, 0, PTW_EXEC);
    is(0, 0, V | R | X, PTW_ENTRY_LEAF, 0, PTW_READ | PTW_EXEC);
    is(0, 0, V | X | U_, PTW_ENTRY_LEAF, 0, PTW_EXEC | PTW_USER);
    is(2, 0, V | R | W_ | X | U_, PTW_ENTRY_LEAF, 0, RWXU);
    /* G, RSW: nothing to do with rights. */
    is(0, 0, V | R | G_ | RSW, PTW_ENTRY_LEAF, 0, PTW_READ);
    is(1, 0, V | G_ | RSW, PTW_ENTRY_TABLE, 0, RWXU);
    /* At level 0 there is no table to lead to. */
    is_bad(0, V, PTW_BAD_COMBINATION, V);
}

/* "For non-leaf PTEs, the D, A, and U bits are reserved"; so are N and PBMT. */
Test(riscv_entry, reserves_bits_of_an_entry_that_leads_to_a_table)
{
    use("sv48", 0, 0, 0);
    for (unsigned level = 1; level < 4; level++) {
        is_bad(level, V | U_, PTW_BAD_RESERVED, U_);
        is_bad(level, V | A_, PTW_BAD_RESERVED, A_);
        is_bad(level, V | D_, PTW_BAD_RESERVED, D_);
        is_bad(level, V | N, PTW_BAD_RESERVED, N);
        is_bad(level, V | (uint64_t)1 << 61, PTW_BAD_RESERVED,
               (uint64_t)1 << 61);
        is_bad(level, V | (uint64_t)1 << 62, PTW_BAD_RESERVED,
               (uint64_t)1 << 62);
        is_bad(level, V | (uint64_t)1 << 54, PTW_BAD_RESERVED,
               (uint64_t)1 << 54);
    }
    is_bad(0, V | U_ | A_, PTW_BAD_RESERVED, U_ | A_ | V);
    for (unsigned bit = 54; bit < 61; bit++) {
        is_bad(0, LEAF | (uint64_t)1 << bit, PTW_BAD_RESERVED,
               (uint64_t)1 << bit);
    }
    use("sv32", 0, 0, 0);
    is_bad(1, V | D_, PTW_BAD_RESERVED, D_);
}

/* "Svnapot": the table "Page table entry encodings when pte.N=1". */
Test(riscv_entry, has_the_address_of_its_index_under_napot)
{
    use("sv39", 0, 0, 0);
    for (unsigned index = 0; index < 512; index++) {
        is(0, index, N | ppn(0x38000) | LEAF, PTW_ENTRY_LEAF,
           0x30000 | (uint64_t)(index % 16) << 12, PTW_READ);
    }
    is(0, 15, N | 0x3ffffffffffc00 >> 14 << 14 | ppn(0x8000) | LEAF,
       PTW_ENTRY_LEAF, 0xfffffffffff000, PTW_READ);
    for (uint64_t low = 0; low < 16; low++) {
        if (low != 8) {
            is_bad(0, N | ppn(low << 12) | LEAF, PTW_BAD_RESERVED, N);
        }
    }
    is_bad(1, N | LEAF, PTW_BAD_RESERVED, N);
    is_bad(2, N | LEAF, PTW_BAD_RESERVED, N);
    use("sv39", 0, PTW_RISCV_SVNAPOT, 0);
    is_bad(0, N | ppn(0x38000) | LEAF, PTW_BAD_RESERVED, N);
    is(0, 5, ppn(0x38000) | LEAF, PTW_ENTRY_LEAF, 0x38000, PTW_READ);
}

/* "Svpbmt": the table "Page-based memory types". */
Test(riscv_entry, has_three_memory_types)
{
    use("sv39", 0, 0, 0);
    for (uint64_t type = 0; type < 3; type++) {
        is(0, 0, type << 61 | LEAF, PTW_ENTRY_LEAF, 0, PTW_READ);
        is(2, 0, type << 61 | LEAF, PTW_ENTRY_LEAF, 0, PTW_READ);
        cr_expect(eq(
            uint, ptw_attributes_of(&regime, 0, type << 61 | LEAF).memory_type,
            type));
    }
    is_bad(0, PBMT | LEAF, PTW_BAD_RESERVED, PBMT);
    is_bad(1, PBMT | LEAF, PTW_BAD_RESERVED, PBMT);
    use("sv39", 0, PTW_RISCV_SVPBMT, 0);
    for (uint64_t type = 1; type < 4; type++) {
        is_bad(0, type << 61 | LEAF, PTW_BAD_RESERVED, type << 61);
    }
}

Test(riscv_entry, has_an_address_within_the_width)
{
    use("sv57", 44, 0, 0);
    is(0, 0, ppn(0xffffffff000) | LEAF, PTW_ENTRY_LEAF, 0xffffffff000,
       PTW_READ);
    is_bad(0, ppn(0x100000000000) | LEAF, PTW_BAD_WIDTH, ppn(0x100000000000));
    is_bad(1, ppn(0x80000000000000) | V, PTW_BAD_WIDTH, ppn(0x80000000000000));
    is_bad(1, ppn(0x100000001000) | LEAF, PTW_BAD_WIDTH, ppn(0x100000001000));
    is_bad(1, ppn(0x100000000000) | LEAF | W_ | N, PTW_BAD_RESERVED,
           ppn(0x100000000000) | N);
    cr_expect(
        eq(int, ptw_root_check(ptw_root_of(&regime, ptw_pa_of(0x100000000000))),
           PTW_E_WIDTH));
    use("sv57", 56, 0, 0);
    is(0, 0, ppn(0xfffffffffff000) | LEAF, PTW_ENTRY_LEAF, 0xfffffffffff000,
       PTW_READ);
    cr_expect(eq(
        int, ptw_root_check(ptw_root_of(&regime, ptw_pa_of(0xfffffffffff000))),
        PTW_OK));
}

Test(riscv_regime, has_the_widths_of_its_family)
{
    struct ptw_cpu cpu = {.pa_bits = 57};

    cr_expect(eq(int, ptw_regime_by_name("sv39", &cpu, 0, &regime, &why),
                 PTW_E_WIDTH));
    cpu.pa_bits = 31;
    cr_expect(eq(int, ptw_regime_by_name("sv39", &cpu, 0, &regime, &why),
                 PTW_E_WIDTH));
    cpu.pa_bits = 56;
    cr_expect(eq(int, ptw_regime_by_name("amd64", &cpu, 0, &regime, &why),
                 PTW_E_WIDTH));
    cr_expect(
        eq(int, ptw_regime_by_name("sv39", &cpu, 0, &regime, &why), PTW_OK));
    cr_expect(eq(uint, ptw_pa_bits(&regime), 56));
    cpu.flag_bits = (uint64_t)1 << 40;
    cr_expect(eq(int, ptw_regime_by_name("sv39", &cpu, 0, &regime, &why),
                 PTW_E_WIDTH));
    cr_expect(
        eq(int, ptw_regime_by_name("sv48", NULL, 0, &regime, &why), PTW_OK));
    cr_expect(eq(uint, ptw_pa_bits(&regime), 56));
    cr_expect(eq(uint, ptw_features_of(&regime),
                 PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT));
    cr_expect(ptw_is_riscv(&regime));
    cr_expect(not(ptw_is_x86(&regime)));
    use("sv32", 0, 0, 0);
    cr_expect(eq(uint, ptw_features_of(&regime), 0));
    cr_expect(eq(int,
                 ptw_regime_with(&regime, PTW_RISCV_SVNAPOT, &regime, &why),
                 PTW_E_REGIME));
}

/* ----------------------------------------------------------------- registers */

static int from(uint64_t satp, unsigned xlen)
{
    struct ptw_riscv_registers regs = {
        .satp = satp,
        .xlen = xlen,
        .features = PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT | PTW_RISCV_ZICFISS,
    };

    why = NULL;
    return (int)ptw_regime_from_riscv(&regs, NULL, &regime, &why);
}

/* "Supervisor Address Translation and Protection (satp) Register". */
Test(riscv_registers, select_a_mode_and_a_root)
{
    static const struct {
        uint64_t satp;
        unsigned xlen;
        const char *name;
        uint64_t root;
        unsigned pa_bits;
        unsigned features;
    } v[] = {
        {0, 32, "bare", 0, 32, 0},
        {0x7fffffff, 32, "bare", 0, 32, 0},
        {0x80000000, 32, "sv32", 0, 34, PTW_RISCV_ZICFISS},
        {0xffffffff, 32, "sv32", 0x3fffff000, 34, PTW_RISCV_ZICFISS},
        {0xffc12345, 32, "sv32", 0x12345000, 34, PTW_RISCV_ZICFISS},
        {0, 64, "bare", 0, 56, 0},
        {0x80012345, 64, "bare", 0, 56, 0},
        {0x8000700000082cb0, 64, "sv39", 0x82cb0000, 56, 7},
        {0x8fffffffffffffff, 64, "sv39", 0xfffffffffff000, 56, 7},
        {0x9fff000000082cb0, 64, "sv48", 0xf000000082cb0000 & 0xffffffffff0000,
         56, 7},
        {0xa000000000000001, 64, "sv57", 0x1000, 56, 7},
    };

    for (unsigned i = 0; i < sizeof v / sizeof v[0]; i++) {
        cr_assert(from(v[i].satp, v[i].xlen) == PTW_OK, "%u", i);
        cr_expect(eq(str, (char *)ptw_regime_name(&regime), (char *)v[i].name),
                  "%u", i);
        cr_expect(
            eq(u64, ptw_riscv_root(&regime, v[i].satp).table.v, v[i].root),
            "%u", i);
        cr_expect(eq(uint, ptw_pa_bits(&regime), v[i].pa_bits), "%u", i);
        cr_expect(eq(uint, ptw_features_of(&regime), v[i].features), "%u", i);
        cr_expect(why == NULL, "%u", i);
    }
}

Test(riscv_registers, are_refused_where_the_manual_reserves_the_mode)
{
    for (uint64_t mode = 1; mode < 16; mode++) {
        if (mode < 8 || mode > 10) {
            cr_expect(eq(int, from(mode << 60 | 1, 64), PTW_E_REGIME));
            cr_expect(why != NULL && strstr(why, "satp.MODE") != NULL);
        }
    }
    cr_expect(eq(int, from((uint64_t)11 << 60, 64), PTW_E_REGIME));
    cr_expect(strstr(why, "Sv64") != NULL);
    cr_expect(eq(int, from(0x8000000000000000, 32), PTW_E_CONFLICT));
    cr_expect(eq(int, from(0, 128), PTW_E_CONFLICT));
    cr_expect(eq(int, from(0, 0), PTW_E_CONFLICT));
}

/* -------------------------------------------------------------------- access */

static bool lets(uint64_t raw, unsigned who, enum ptw_right right,
                 unsigned allow)
{
    struct ptw_access a = {
        .right = right,
        .user = (who & USER) != 0,
        .shadow_stack = (who & STACK) != 0,
        .allow = allow,
    };

    return ptw_access_allowed(&regime, RWXU, 0, raw, &a);
}

/* "Supervisor Status (sstatus) Register": SUM and MXR. */
Test(riscv_access, obeys_u_sum_and_mxr)
{
    const uint64_t s = V | R | W_ | X | A_ | D_;
    const uint64_t u = s | U_;
    const uint64_t x = V | X | A_ | D_;

    use("sv39", 0, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        enum ptw_right right = i == 0   ? PTW_READ
                               : i == 1 ? PTW_WRITE
                                        : PTW_EXEC;

        cr_expect(lets(s, SUPERVISOR, right, 0));
        cr_expect(not(lets(s, USER, right, 7)));
        cr_expect(lets(u, USER, right, 0));
        cr_expect(not(lets(u, SUPERVISOR, right, PTW_RISCV_MXR)));
        cr_expect(lets(u, SUPERVISOR, right, PTW_RISCV_SUM) ==
                  (right != PTW_EXEC));
    }
    cr_expect(lets(x, SUPERVISOR, PTW_EXEC, 0));
    cr_expect(not(lets(x, SUPERVISOR, PTW_READ, 0)));
    cr_expect(lets(x, SUPERVISOR, PTW_READ, PTW_RISCV_MXR));
    cr_expect(not(lets(x, SUPERVISOR, PTW_WRITE, PTW_RISCV_MXR)));
    cr_expect(lets(x | U_, USER, PTW_READ, PTW_RISCV_MXR));
    cr_expect(not(lets(x | U_, SUPERVISOR, PTW_READ, PTW_RISCV_MXR)));
    cr_expect(
        lets(x | U_, SUPERVISOR, PTW_READ, PTW_RISCV_MXR | PTW_RISCV_SUM));
    cr_expect(not(lets(V | R | A_ | D_, SUPERVISOR, PTW_EXEC, PTW_RISCV_MXR)));
    cr_expect(not(lets(s, SUPERVISOR | STACK, PTW_WRITE, 0)));
}

/* "Virtual Address Translation Process", step 9: Svade, or menvcfg.ADUE. */
Test(riscv_access, faults_on_a_and_d_unless_the_processor_sets_them)
{
    const uint64_t rw = V | R | W_;

    use("sv39", 0, 0, 0);
    cr_expect(not(lets(rw, SUPERVISOR, PTW_READ, 0)));
    cr_expect(not(lets(rw | D_, SUPERVISOR, PTW_READ, 0)));
    cr_expect(lets(rw | A_, SUPERVISOR, PTW_READ, 0));
    cr_expect(not(lets(rw | A_, SUPERVISOR, PTW_WRITE, 0)));
    cr_expect(lets(rw | A_ | D_, SUPERVISOR, PTW_WRITE, 0));
    cr_expect(lets(rw, SUPERVISOR, PTW_READ, PTW_RISCV_ADUE));
    cr_expect(lets(rw, SUPERVISOR, PTW_WRITE, PTW_RISCV_ADUE));
    cr_expect(not(lets(V | R, SUPERVISOR, PTW_WRITE, PTW_RISCV_ADUE)));
}

/* "Shadow Stack Memory Protection". */
Test(riscv_access, writes_a_shadow_stack_by_its_instructions_only)
{
    const uint64_t stack = V | W_ | A_ | D_;

    use("sv39", 0, 0, PTW_RISCV_ZICFISS);
    cr_expect(ptw_shadow_stack(&regime, RWXU, 0, stack));
    cr_expect(ptw_guest_writes(&regime, RWXU, 0, stack));
    cr_expect(lets(stack, SUPERVISOR, PTW_READ, 0));
    cr_expect(not(lets(stack, SUPERVISOR, PTW_WRITE, 0)));
    cr_expect(not(lets(stack, SUPERVISOR, PTW_EXEC, 0)));
    cr_expect(lets(stack, SUPERVISOR | STACK, PTW_WRITE, 0));
    cr_expect(lets(stack, SUPERVISOR | STACK, PTW_READ, 0));
    cr_expect(not(lets(stack, SUPERVISOR | STACK, PTW_EXEC, 0)));
    cr_expect(not(lets(stack | U_, SUPERVISOR | STACK, PTW_WRITE, 0)));
    cr_expect(lets(stack | U_, SUPERVISOR | STACK, PTW_WRITE, PTW_RISCV_SUM));
    cr_expect(lets(stack | U_, USER | STACK, PTW_WRITE, 0));
    cr_expect(not(lets(stack, USER | STACK, PTW_WRITE, 0)));
    cr_expect(
        not(lets(stack & ~(uint64_t)D_, SUPERVISOR | STACK, PTW_WRITE, 0)));
    cr_expect(
        not(lets(V | R | W_ | A_ | D_, SUPERVISOR | STACK, PTW_WRITE, 0)));
    cr_expect(not(ptw_shadow_stack(&regime, RWXU, 0, V | R | W_)));
    use("sv39", 0, 0, 0);
    cr_expect(not(ptw_shadow_stack(&regime, RWXU, 0, stack)));
}

/* --------------------------------------------------------------------- tables */

enum { ROOT = 0x1000, L1 = 0x2000, L0 = 0x3000, DATA = 0x40000 };

/* Sixteen entries of a NAPOT page, and what an edit of one leaves of them. */
static void napot(void)
{
    machine("sv39");
    put(ROOT, 0, ppn(L1) | V);
    put(L1, 0, ppn(L0) | V);
    for (unsigned i = 0; i < 16; i++) {
        put(L0, 16 + i, N | ppn(DATA | 0x8000) | V | R | W_ | A_ | D_);
    }
}

Test(riscv_walk, gives_a_napot_page_as_a_run_of_small_ones)
{
    struct ptw_translation tr;
    struct ptw_item item[40];
    struct ptw_walk w;
    size_t n = 0;

    napot();
    cr_assert(ptw_lookup(&mem, ptw_root_of(&regime, ptw_pa_of(ROOT)),
                         ptw_va_of(0x15123), &tr) == PTW_OK);
    cr_expect(eq(u64, tr.pa.v, DATA + 0x5123));
    cr_expect(eq(u8, tr.size_log2, 12));
    for (unsigned runs = 0; runs < 2; runs++) {
        struct ptw_walk_options o = {
            .first = ptw_va_of(0),
            .last = ptw_va_of(UINT64_MAX),
            .flags = runs != 0 ? PTW_WALK_RUNS : 0,
        };

        cr_assert(ptw_virt_to_phys_init(&w, &mem,
                                        ptw_root_of(&regime, ptw_pa_of(ROOT)),
                                        &o) == PTW_OK);
        cr_assert(ptw_walk_next(&w, item, 40, &n) == PTW_OK);
        cr_expect(eq(sz, n, runs != 0 ? 1 : 16));
        for (size_t i = 0; i < n; i++) {
            cr_expect(eq(u64, item[i].first.v, 0x10000 + i * 0x1000));
            cr_expect(eq(u64, item[i].u.mapping.pa.v, DATA + i * 0x1000));
        }
        cr_expect(eq(u64, item[n - 1].last.v, 0x1ffff));
    }
}

Test(riscv_edit, takes_a_napot_page_apart_where_it_takes_a_right_from_one_of_it)
{
    struct ptw_tables t = {.mem = &mem,
                           .ops = &pool_ops,
                           .root = ptw_root_of(&regime, ptw_pa_of(ROOT))};
    struct ptw_range_request q = {
        .first = {0x15000}, .last = {0x15fff}, .rights = PTW_READ};

    napot();
    pool_init();
    cr_expect(eq(int, (int)ptw_protect(&t, &q), PTW_OK));
    for (unsigned i = 0; i < 16; i++) {
        cr_expect(
            eq(u64, entry_at(L0, 16 + i),
               ppn(DATA + i * 0x1000) | V | R | A_ | D_ | (i == 5 ? 0 : W_)));
    }
}

/* A leaf of 256 TiB: what is behind the physical width has no smaller leaf. */
Test(riscv_edit, splits_no_leaf_whose_parts_are_behind_the_width)
{
    for (unsigned width = 44; width <= 56; width += 12) {
        struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
        struct ptw_range_request q = {
            .first = {0x5000}, .last = {0x5fff}, .flags = PTW_EDIT_SPLIT};
        struct ptw_translation tr;
        uint64_t before;

        machine("sv57");
        use("sv57", width, 0, 0);
        pool_init();
        t.root = ptw_root_of(&regime, ptw_pa_of(ROOT));
        put(ROOT, 0, V | R | W_ | A_ | D_);
        before = entry_at(ROOT, 0);
        if (width == 44) {
            cr_expect(eq(int, (int)ptw_unmap(&t, &q), PTW_E_WIDTH));
            cr_expect(eq(u64, entry_at(ROOT, 0), before));
        } else {
            cr_expect(eq(int, (int)ptw_unmap(&t, &q), PTW_OK));
            cr_expect(ptw_lookup(&mem, t.root, ptw_va_of(0x100000006000),
                                 &tr) == PTW_OK);
            cr_expect(eq(u64, tr.pa.v, 0x100000006000));
        }
    }
}

/* A leaf of 512 GiB, of which a processor has less, where there is no table above
 * it so far; and beside it, none. */
Test(riscv_map, makes_tables_for_a_leaf_that_reaches_behind_the_width)
{
    struct ptw_tables t = {.mem = &mem, .ops = &pool_ops};
    struct ptw_map_request q = {.first = {(uint64_t)5 << 39},
                                .rights = PTW_READ,
                                .flags = PTW_EDIT_LARGE};
    struct ptw_page page = {.va = {(uint64_t)5 << 39}, .pa = {0}};
    struct ptw_map_many_request many = {.page = &page,
                                        .pages = 1,
                                        .size_log2 = 39,
                                        .rights = PTW_READ,
                                        .flags = PTW_EDIT_LARGE};
    struct ptw_translation tr;
    size_t refused;

    for (unsigned i = 0; i < 2; i++) {
        machine("sv57");
        use("sv57", 34, 0, 0);
        pool_init();
        t.root = ptw_root_of(&regime, ptw_pa_of(ROOT));
        q.last.v = ((uint64_t)6 << 39) + 0x3fffffff;
        cr_expect(eq(int, (int)ptw_map(&t, &q), PTW_E_WIDTH));
        q.last.v = ((uint64_t)6 << 39) - 0x1001;
        cr_expect(eq(int, (int)ptw_map(&t, &q), PTW_E_WIDTH));
        q.last.v = ((uint64_t)6 << 39) - 1;
        cr_expect(eq(
            int,
            (int)(i == 0 ? ptw_map(&t, &q) : ptw_map_many(&t, &many, &refused)),
            PTW_OK));
        cr_expect(ptw_lookup(&mem, t.root, ptw_va_of(((uint64_t)5 << 39) + 5),
                             &tr) == PTW_OK);
        cr_expect(eq(u64, tr.raw, V | R | A_ | D_));
        cr_expect(eq(u64, tr.size_log2, 39));
    }
}

/* Golden: an image stays interchangeable. */
Test(riscv_map, writes_the_bits_of_the_manual)
{
    static const struct {
        unsigned rights;
        bool copy_on_write;
        uint64_t bits;
    } v[] = {
        {PTW_READ, false, V | R | A_ | D_},
        {PTW_READ | PTW_WRITE, false, V | R | W_ | A_ | D_},
        {RWXU, false, V | R | W_ | X | U_ | A_ | D_},
        {PTW_EXEC, false, V | X | A_ | D_},
        {PTW_READ | PTW_WRITE, true, V | R | A_ | D_ | 1 << 8},
    };
    struct ptw_tables t = {.mem = &mem,
                           .ops = &pool_ops,
                           .root = ptw_root_of(&regime, ptw_pa_of(ROOT))};

    for (unsigned i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct ptw_map_request q = {.first = {0x7000},
                                    .last = {0x7fff},
                                    .pa = {0x20000},
                                    .rights = v[i].rights,
                                    .copy_on_write = v[i].copy_on_write};

        machine("sv39");
        put(ROOT, 0, ppn(L1) | V);
        put(L1, 0, ppn(L0) | V);
        cr_expect(eq(int, (int)ptw_map(&t, &q), PTW_OK), "%u", i);
        cr_expect(eq(u64, entry_at(L0, 7), 0x8000 | v[i].bits), "%u", i);
    }
    for (unsigned rights = 0; rights < 16; rights++) {
        struct ptw_map_request q = {.first = {0x7000},
                                    .last = {0x7fff},
                                    .pa = {0x20000},
                                    .rights = rights};
        bool none = (rights & (PTW_READ | PTW_EXEC)) == 0 ||
                    (rights & (PTW_READ | PTW_WRITE)) == PTW_WRITE;

        cr_expect(eq(int, (int)ptw_map(&t, &q), none ? PTW_E_RIGHTS : PTW_OK),
                  "%x", rights);
    }
}

Test(riscv_entry, is_described_in_the_words_of_the_manual)
{
    static const char *const name[] = {"V", "R", "W",   "X",   "U",    "G",
                                       "A", "D", "RSW", "PPN", "PBMT", "N"};
    struct ptw_entry_field field[PTW_MAX_FIELDS];

    use("sv39", 0, 0, 0);
    cr_assert(eq(sz, ptw_entry_fields(&regime, 0, UINT64_MAX, field), 12));
    for (unsigned i = 0; i < 12; i++) {
        cr_expect(eq(str, (char *)field[i].name, (char *)name[i]));
    }
    cr_expect(eq(u8, field[9].high, 53));
    cr_expect(eq(u8, field[9].low, 10));
    cr_assert(eq(sz, ptw_entry_fields(&regime, 1, V, field), 2));
    use("sv32", 0, 0, 0);
    cr_assert(eq(sz, ptw_entry_fields(&regime, 0, 0xffffffff, field), 10));
    cr_expect(eq(u8, field[9].high, 31));
    cr_expect(eq(sz, ptw_entry_fields(&regime, 0, 0xfffffffe, field), 0));
}
