/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are not present: what a system keeps there, and what a rebuild
 * makes of them. */
#define EVERY_LEVELS 2

#include "compact_bench.h"
#include "every_regime.h"

#include <string.h>

/* -------------------------------------------------------------- conventions */

static const struct ptw_absent keep = {.policy = PTW_ABSENT_KEEP};
static const struct ptw_absent clear = {.policy = PTW_ABSENT_CLEAR};
static const struct ptw_absent on_linux = {.policy = PTW_ABSENT_LINUX};
static const struct ptw_absent on_plain = {.policy = PTW_ABSENT_LINUX_PLAIN};
static const struct ptw_absent on_windows = {.policy = PTW_ABSENT_WINDOWS};

/* With the numbers of a kernel that has them at 29, 30 and 31. */
static const struct ptw_absent moving = {.policy = PTW_ABSENT_LINUX,
                                         .migration = 0xe0000000};
static const struct ptw_absent masked = {.policy = PTW_ABSENT_WINDOWS,
                                         .mask = 0x200000000000};

static void use(const char *name)
{
    cr_assert(ptw_regime_by_name(name, NULL, 0, &regime, NULL) == PTW_OK);
}

/* An entry as it lies in memory, the lowest byte first. */
struct vector {
    const char *what;
    const struct ptw_absent *absent;
    uint8_t level;
    uint8_t bytes[8];
    enum ptw_absent_kind kind;
    enum ptw_absent_use use;
    uint64_t pa;    /* of a frame */
    unsigned log2;  /* its size */
    uint64_t other; /* another frame, and the entry that names that */
    uint8_t moved[8];
};

static uint64_t of_bytes(const uint8_t *b)
{
    uint64_t v = 0;

    for (unsigned i = ptw_entry_bytes(&regime); i-- > 0;) {
        v = v << 8 | b[i];
    }
    return v;
}

static void check_vectors(const struct vector *v, size_t n)
{
    for (size_t i = 0; i < n; i++, v++) {
        uint64_t raw = of_bytes(v->bytes);
        uint64_t out = 0x5a5a;
        struct ptw_absent_entry e;

        cr_assert(ptw_absent_check(v->absent, &regime) == PTW_OK, "%s",
                  v->what);
        e = ptw_absent_read(v->absent, &regime, v->level, raw);
        cr_expect(eq(int, (int)e.kind, (int)v->kind), "%s", v->what);
        cr_expect(eq(int, (int)e.use, (int)v->use), "%s", v->what);
        cr_expect(eq(u64, e.pa.v, v->pa), "%s", v->what);
        cr_expect(0 == (e.rights & ~ptw_rights_of(&regime)), "%s: %x", v->what,
                  e.rights);
        if (v->kind != PTW_ABSENT_FRAME) {
            cr_expect(ptw_absent_write(v->absent, &regime, v->level, raw,
                                       ptw_pa_of(0x1000), &out) == PTW_E_ARG,
                      "%s", v->what);
            cr_expect(eq(u64, out, 0x5a5a), "%s", v->what);
            continue;
        }
        cr_expect(eq(uint, e.size_log2, v->log2), "%s", v->what);
        cr_expect(ptw_absent_write(v->absent, &regime, v->level, raw,
                                   ptw_pa_of(v->other), &out) == PTW_OK,
                  "%s", v->what);
        cr_expect(eq(u64, out, of_bytes(v->moved)), "%s", v->what);
        cr_expect(ptw_absent_write(v->absent, &regime, v->level, out, e.pa,
                                   &out) == PTW_OK,
                  "%s", v->what);
        cr_expect(eq(u64, out, raw), "%s: there and back", v->what);
        cr_expect(ptw_absent_write(v->absent, &regime, v->level, raw,
                                   ptw_pa_of(v->pa + 8), &out) == PTW_E_ALIGN,
                  "%s", v->what);
    }
}

#define CHECK(vectors)                                                         \
    check_vectors((vectors), sizeof(vectors) / sizeof *(vectors))

/* arch/riscv/include/asm/pgtable-bits.h, pgtable.h.  PAGE_NONE is PROT_NONE, the
 * global bit, and R: 0x22; with A and D, 0xe2. */
static void check_riscv_pages(const struct ptw_absent *absent)
{
    const struct vector v[] = {
        {"PROT_NONE, frame 5",
         absent,
         0,
         {0xe2, 0x14, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0xFEDCBA98765000,
         {0xe2, 0x94, 0x1d, 0xa6, 0x2e, 0xb7, 0x3f, 0x00}},
        {"the same, with software's bits and PBMT 1",
         absent,
         0,
         {0xe2, 0x17, 0, 0, 0, 0, 0, 0x20},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0,
         {0xe2, 0x03, 0, 0, 0, 0, 0, 0x20}},
        {"a NAPOT entry, of which the index counts",
         absent,
         0,
         {0xe2, 0x20, 0, 0, 0, 0, 0, 0x80},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_PROT_NONE,
         0,
         0,
         0,
         {0}},
        {"a huge page of PROT_NONE, 2 MiB at 6 MiB",
         absent,
         1,
         {0xe2, 0x00, 0x18, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0x40000000,
         {0xe2, 0x00, 0x00, 0x10, 0, 0, 0, 0}},
        {"a huge page that is being split: R, and bit 5 clear",
         absent,
         1,
         {0xd6, 0x00, 0x18, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0,
         {0xd6, 0x00, 0x00, 0, 0, 0, 0, 0}},
        {"a huge page at 4 KiB",
         absent,
         1,
         {0xe2, 0x04, 0x18, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_PROT_NONE,
         0,
         0,
         0,
         {0}},
        {"PROT_NONE of an older kernel: R, and bit 5 clear",
         absent,
         0,
         {0xc2, 0x14, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"a large page of no type that is known",
         absent,
         1,
         {0x80, 0x07, 0x18, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };

    use("sv39");
    CHECK(v);
}

Test(absent_linux, reads_and_writes_pages_of_riscv)
{
    check_riscv_pages(&on_linux);
    check_riscv_pages(&on_plain);
}

/* The type is at bit 7 since 6.3, at bit 6 before. */
Test(absent_linux, reads_and_writes_swap_entries_of_riscv)
{
    static const struct ptw_absent plain = {.policy = PTW_ABSENT_LINUX_PLAIN,
                                            .migration = 0xe0000000};
    static const struct ptw_absent short_frame = {
        .policy = PTW_ABSENT_LINUX, .migration = 0xe0000000, .frame_bits = 20};
    static const struct vector v[] = {
        {"slot 0x123 of area 3, exclusive",
         &on_linux,
         0,
         {0xc0, 0x31, 0x12, 0, 0, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"a page that is moved, type 30, frame 0x123",
         &moving,
         0,
         {0x00, 0x3f, 0x12, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x00, 0x5f, 0x00, 0, 0, 0, 0, 0}},
        {"the same as before 6.3",
         &plain,
         0,
         {0x80, 0x1f, 0x09, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x80, 0x2f, 0x00, 0, 0, 0, 0, 0}},
        {"a large page that is moved",
         &moving,
         1,
         {0x00, 0x0f, 0x60, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x600000,
         21,
         0,
         {0x00, 0x0f, 0x00, 0, 0, 0, 0, 0}},
        {"a frame of 20 bits, and others above it",
         &short_frame,
         0,
         {0x00, 0x3f, 0x12, 0, 0x05, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x00, 0x5f, 0x00, 0, 0x05, 0, 0, 0}},
        {"a type of 30 that is not known",
         &on_linux,
         0,
         {0x00, 0x3f, 0x12, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };
    static const struct vector narrow[] = {
        {"PROT_NONE, frame 0x3fffff",
         &on_linux,
         0,
         {0x22, 0xfc, 0xff, 0xff},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x3fffff000,
         12,
         0x5000,
         {0x22, 0x14, 0x00, 0x00}},
        {"a page that is moved, type 30, frame 0x123",
         &moving,
         0,
         {0x00, 0x3f, 0x12, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x00, 0x5f, 0x00, 0}},
    };

    use("sv48");
    CHECK(v);
    cr_expect(
        eq(u64, ptw_absent_read(&on_linux, &regime, 0, 0x1231c0).slot, 0x123));
    cr_expect(
        eq(uint, ptw_absent_read(&on_linux, &regime, 0, 0x1231c0).store, 3));
    use("sv32");
    CHECK(narrow);
}

Test(absent_check, knows_no_windows_and_no_place_of_the_type_on_riscv)
{
    static const struct ptw_absent type_at = {.policy = PTW_ABSENT_LINUX_PLAIN,
                                              .type_at = 9};

    use("sv39");
    cr_expect(ptw_absent_check(&on_windows, &regime) == PTW_E_REGIME);
    cr_expect(ptw_absent_check(&type_at, &regime) == PTW_E_ARG);
    cr_expect(ptw_absent_check(&on_linux, &regime) == PTW_OK);
}

/* arch/arm64/include/asm/pgtable-prot.h, pgtable.h.  PAGE_NONE is a page, read-only,
 * not executable, accessed and not valid; bit 11, nG, says present since 6.10. */
Test(absent_linux, reads_and_writes_entries_of_arm64)
{
    static const struct ptw_absent now_plain = {.policy =
                                                    PTW_ABSENT_LINUX_PLAIN,
                                                .migration = 0xe0000000,
                                                .type_at = 3};
    static const struct ptw_absent old_plain = {
        .policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 2};
    static const struct vector v[] = {
        {"present-invalid, frame 5",
         &on_linux,
         0,
         {0x82, 0x5f, 0x00, 0x00, 0x00, 0x00, 0x60, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0xfedcba987000,
         {0x82, 0x7f, 0x98, 0xba, 0xdc, 0xfe, 0x60, 0x00}},
        {"PROT_NONE before 6.10, frame 5",
         &on_plain,
         0,
         {0x82, 0x5f, 0x00, 0x00, 0x00, 0x00, 0x60, 0x04},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0xfedcba987000,
         {0x82, 0x7f, 0x98, 0xba, 0xdc, 0xfe, 0x60, 0x04}},
        {"a huge page of PROT_NONE, 2 MiB at 6 MiB",
         &on_linux,
         1,
         {0x80, 0x0f, 0x60, 0x00, 0x00, 0x00, 0x60, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0x40000000,
         {0x80, 0x0f, 0x00, 0x40, 0x00, 0x00, 0x60, 0x00}},
        {"a huge page that is being split, before 6.10",
         &on_plain,
         1,
         {0x00, 0x07, 0x60, 0x00, 0x00, 0x00, 0x00, 0x08},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0x40000000,
         {0x00, 0x07, 0x00, 0x40, 0x00, 0x00, 0x00, 0x08}},
        {"a small page with the mark of a huge one",
         &on_plain,
         0,
         {0x00, 0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"slot 0x123 of area 3, exclusive",
         &on_linux,
         0,
         {0xc4, 0x30, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"the same from 5.19 to 6.9",
         &now_plain,
         0,
         {0x1c, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"the same before 5.19",
         &old_plain,
         0,
         {0x0c, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"a slot either way",
         &on_plain,
         0,
         {0x18, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"a slot, or none",
         &on_plain,
         0,
         {0x78, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"a page that is moved, type 30, frame 0x123",
         &moving,
         0,
         {0x80, 0x37, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x80, 0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {"the same before 6.10",
         &now_plain,
         0,
         {0xf0, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0xf0, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {"a large page that is moved",
         &moving,
         1,
         {0x80, 0x07, 0x60, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x600000,
         21,
         0x40000000,
         {0x80, 0x07, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00}},
        {"a type of 30 that is not known",
         &on_linux,
         0,
         {0x80, 0x37, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"swapped out, and it says page",
         &on_linux,
         0,
         {0xc2, 0x30, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };
    static const struct vector wide[] = {
        {"a granule of 64 KiB: bits 15:12 are bits 51:48",
         &on_linux,
         0,
         {0x82, 0x5f, 0x67, 0x45, 0x23, 0x01, 0x60, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5012345670000,
         16,
         0x7000000010000,
         {0x82, 0x7f, 0x01, 0x00, 0x00, 0x00, 0x60, 0x00}},
        {"and a page that is moved has a number of such pages",
         &moving,
         0,
         {0x80, 0x37, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x1230000,
         16,
         0x50000,
         {0x80, 0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
    };

    use("aarch64-4k-48");
    CHECK(v);
    cr_expect(
        eq(u64, ptw_absent_read(&on_linux, &regime, 0, 0x1230c0).slot, 0x123));
    cr_expect(
        eq(u64, ptw_absent_read(&old_plain, &regime, 0, 0x1230c).slot, 0x123));
    cr_expect(
        eq(uint, ptw_absent_read(&old_plain, &regime, 0, 0x1230c).store, 3));
    cr_expect(eq(
        uint, ptw_absent_read(&on_linux, &regime, 0, 0x60000000000f82).rights,
        PTW_READ));
    use("aarch64-64k-48");
    CHECK(wide);
}

Test(absent_check, knows_no_windows_on_arm64)
{
    static const struct ptw_absent type_at[] = {
        {.policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 9},
        {.policy = PTW_ABSENT_LINUX, .type_at = 3},
        {.policy = PTW_ABSENT_LINUX, .migration = 1 << 15},
    };

    use("aarch64-16k-47/upper");
    cr_expect(ptw_absent_check(&on_windows, &regime) == PTW_E_REGIME);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(ptw_absent_check(&type_at[i], &regime) == PTW_E_ARG);
    }
    cr_expect(ptw_absent_check(&on_linux, &regime) == PTW_OK);
    cr_expect(ptw_absent_check(&on_plain, &regime) == PTW_OK);
}

/* arch/x86/include/asm/pgtable-invert.h, pgtable_64.h.  PAGE_NONE is PROTNONE
 * and A: 0x120. */
Test(absent_linux, reads_and_writes_entries_of_8_bytes)
{
    static const struct vector v[] = {
        {"PROT_NONE, frame 5, inverted",
         &on_linux,
         0,
         {0x20, 0xa1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0x123456000,
         {0x20, 0x91, 0xba, 0xdc, 0xfe, 0xff, 0x0f, 0x00}},
        {"the same, writable, no execution, software bits, a key",
         &on_linux,
         0,
         {0x66, 0x5d, 0xee, 0xff, 0xff, 0xff, 0x0f, 0xd8},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x11a000,
         12,
         0,
         {0x66, 0xfd, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xd8}},
        {"PROT_NONE that is not inverted would be far away",
         &on_plain,
         0,
         {0x20, 0x51, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0x123456000,
         {0x20, 0x61, 0x45, 0x23, 0x01, 0, 0, 0}},
        {"a huge page of PROT_NONE, 2 MiB at 6 MiB",
         &on_linux,
         1,
         {0xa0, 0x01, 0x80, 0xff, 0xff, 0xff, 0x0f, 0x80},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0x40000000,
         {0xa0, 0x01, 0xe0, 0xbf, 0xff, 0xff, 0x0f, 0x80}},
        {"a huge page that is being changed: PS, and bit 8 clear; PAT is set",
         &on_linux,
         1,
         {0xe6, 0x10, 0x80, 0xff, 0xff, 0xff, 0x0f, 0x80},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0x200000,
         {0xe6, 0x10, 0xc0, 0xff, 0xff, 0xff, 0x0f, 0x80}},
        {"a page of hugetlb, which inverts what is below the frame too",
         &on_linux,
         1,
         {0xa0, 0xf1, 0x9f, 0xff, 0xff, 0xff, 0x0f, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x600000,
         21,
         0,
         {0xa0, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}},
        {"a page of hugetlb of 1 GiB",
         &on_linux,
         2,
         {0xa0, 0xf1, 0xff, 0xbf, 0xff, 0xff, 0x0f, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x40000000,
         30,
         0x80000000,
         {0xa0, 0xf1, 0xff, 0x7f, 0xff, 0xff, 0x0f, 0}},
        {"a huge page with some of the bits below its frame",
         &on_linux,
         1,
         {0xa0, 0x21, 0x80, 0xff, 0xff, 0xff, 0x0f, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_PROT_NONE,
         0,
         0,
         0,
         {0}},
        {"not inverted, it has no such bits at all",
         &on_plain,
         1,
         {0xa0, 0xf1, 0x7f, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_PROT_NONE,
         0,
         0,
         0,
         {0}},
        {"bit 8 and no PS in a PD",
         &on_linux,
         1,
         {0x20, 0xa1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"anything in a PML4, where there are no leaves",
         &on_linux,
         3,
         {0xa0, 0x01, 0, 0, 0, 0xff, 0x0f, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"a swap slot: type 1, offset 0x1234, inverted",
         &on_linux,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x0f},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"type 30 is not known",
         &on_linux,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xf7},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"unless it is told: frame 0x1234 on migration",
         &moving,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xf7},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x1234000,
         12,
         0x5000,
         {0x00, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf7}},
        {"a huge page on migration, frame 0x1200",
         &moving,
         1,
         {0x02, 0xfe, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xef},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x1200000,
         21,
         0x200000,
         {0x02, 0xfe, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xef}},
        {"a huge page on migration that is not aligned",
         &moving,
         1,
         {0x02, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xef},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_MIGRATION,
         0,
         0,
         0,
         {0}},
        {"a swap slot in a PD: there is no such thing",
         &on_linux,
         1,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x0f},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
        {"nothing",
         &on_linux,
         0,
         {0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_NOTHING,
         0,
         0,
         0,
         {0}},
        {"present",
         &on_linux,
         0,
         {0x21, 0x51, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_NOTHING,
         0,
         0,
         0,
         {0}},
        {"without a convention",
         &keep,
         0,
         {0x20, 0x51, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };

    use("amd64");
    CHECK(v);
}

/* Before 4.6, pgtable_64.h had the type at bit 1, and the offset at 9; from 4.6
 * to 4.17 the type at 9, and the offset at 14. */
Test(absent_linux, knows_the_older_layouts_of_swap_entries)
{
    static const struct ptw_absent old = {
        .policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 1, .migration = 1u << 31};
    static const struct ptw_absent newer = {
        .policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 9, .migration = 1u << 31};
    static const struct vector v[] = {
        {"frame 5 on migration, before 4.6",
         &old,
         0,
         {0x3e, 0x0a, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x5000,
         12,
         0x123456000,
         {0x3e, 0xac, 0x68, 0x24, 0, 0, 0, 0}},
        {"an offset that would go round",
         &old,
         0,
         {0x3e, 0x0a, 0, 0, 0, 0, 0, 0x80},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_MIGRATION,
         0,
         0,
         0,
         {0}},
        {"frame 5 on migration, 4.6 to 4.17",
         &newer,
         0,
         {0, 0x7e, 0x01, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x5000,
         12,
         0x123456000,
         {0, 0xbe, 0x15, 0x8d, 0x04, 0, 0, 0}},
        {"a slot either way",
         &on_plain,
         0,
         {0, 0x40, 0x01, 0, 0, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"a slot one way only",
         &on_plain,
         0,
         {0, 0x7e, 0x01, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };

    use("amd64");
    CHECK(v);
}

/* arch/x86/include/asm/pgtable-3level.h: until 4.17 a swap entry was the upper
 * half, with the type in its lowest five bits; since 4.18 it is as in long mode.
 * Huge pages are migrated in long mode only. */
Test(absent_linux, knows_the_entries_of_pae)
{
    static const struct ptw_absent plain = {.policy = PTW_ABSENT_LINUX_PLAIN,
                                            .migration = 1u << 31};
    static const struct vector v[] = {
        {"frame 5 on migration, before 4.18",
         &plain,
         0,
         {0, 0, 0, 0, 0xbf, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x5000,
         12,
         0x123456000,
         {0, 0, 0, 0, 0xdf, 0x8a, 0x46, 0x02}},
        {"a slot, before 4.18",
         &plain,
         0,
         {0, 0, 0, 0, 0xa1, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"frame 0x1234 on migration, since 4.18",
         &moving,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xf7},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x1234000,
         12,
         0x5000,
         {0x00, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf7}},
        {"no huge page is migrated",
         &moving,
         1,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xff, 0xff, 0xf7},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };
    struct ptw_absent choice = plain;

    use("pae");
    CHECK(v);
    choice.type_at = 9;
    cr_expect(eq(int, ptw_absent_check(&plain, &regime), PTW_OK));
    cr_expect(eq(int, ptw_absent_check(&choice, &regime), PTW_E_ARG));
}

/* include/linux/swapops.h: since 6.1 the bits above the frame say whether the
 * page was young, and dirty. */
Test(absent_linux, leaves_what_stands_above_the_frame_of_a_migration_entry)
{
    static const struct ptw_absent since_6_1 = {
        .policy = PTW_ABSENT_LINUX, .migration = 1u << 30, .frame_bits = 34};
    static const struct vector v[] = {
        {"young (bit 43 of the entry, inverted)",
         &since_6_1,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xf7, 0xff, 0xf7},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x1234000,
         12,
         0x5000,
         {0x00, 0xf4, 0xff, 0xff, 0xff, 0xf7, 0xff, 0xf7}},
        {"without the parameter the frame is far away",
         &moving,
         0,
         {0x00, 0x96, 0xdb, 0xff, 0xff, 0xf7, 0xff, 0xf7},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x400001234000,
         12,
         0x5000,
         {0x00, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf7}},
    };

    use("amd64");
    CHECK(v);
}

/* arch/x86/include/asm/pgtable-2level.h: "No inverted PFNs". */
Test(absent_linux, does_not_invert_entries_of_4_bytes)
{
    static const struct ptw_absent on_the_move = {.policy = PTW_ABSENT_LINUX,
                                                  .migration = 1u << 29};
    static const struct vector v[] = {
        {"PROT_NONE, frame 5",
         &on_linux,
         0,
         {0x20, 0x51, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0x12345000,
         {0x20, 0x51, 0x34, 0x12}},
        {"the same before 4.18",
         &on_plain,
         0,
         {0x20, 0x51, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x5000,
         12,
         0xfffff000,
         {0x20, 0xf1, 0xff, 0xff}},
        {"a huge page of 4 MiB",
         &on_linux,
         1,
         {0xa0, 0x01, 0xc0, 0x12},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_PROT_NONE,
         0x12c00000,
         22,
         0x400000,
         {0xa0, 0x01, 0x40, 0x00}},
        {"with bits 39:32 of an address, which Linux does not use",
         &on_linux,
         1,
         {0xa0, 0x21, 0xc0, 0x12},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_PROT_NONE,
         0,
         0,
         0,
         {0}},
        {"a swap slot: type 3 at bit 1, offset 0x123 at bit 9",
         &on_linux,
         0,
         {0x06, 0x46, 0x02, 0x00},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_SWAP,
         0,
         0,
         0,
         {0}},
        {"frame 0x123 on migration, type 29",
         &on_the_move,
         0,
         {0x3a, 0x46, 0x02, 0x00},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_MIGRATION,
         0x123000,
         12,
         0x5000,
         {0x3a, 0x0a, 0x00, 0x00}},
        {"an entry of a PD",
         &on_linux,
         1,
         {0x06, 0x46, 0x02, 0x00},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_OTHER,
         0,
         0,
         0,
         {0}},
    };

    use("i686");
    CHECK(v);
}

/* nt!_MMPTE_TRANSITION and its like, from the public symbols. */
Test(absent_windows, reads_and_writes_entries)
{
    static const struct ptw_absent old = {
        .policy = PTW_ABSENT_WINDOWS, .frame_bits = 36, .page_file_at = 1};
    static const struct vector v[] = {
        {"in transition, frame 5, read and write",
         &on_windows,
         0,
         {0x80, 0x58, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_TRANSITION,
         0x5000,
         12,
         0x123456000,
         {0x80, 0x68, 0x45, 0x23, 0x01, 0, 0, 0}},
        {"what lies above 36 bits of frame stays",
         &old,
         0,
         {0x80, 0x58, 0, 0, 0, 0, 0x03, 0xe0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_TRANSITION,
         0x5000,
         12,
         0x6000,
         {0x80, 0x68, 0, 0, 0, 0, 0x03, 0xe0}},
        {"with the machine's mask",
         &masked,
         0,
         {0x80, 0x58, 0, 0, 0, 0x20, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_TRANSITION,
         0x5000,
         12,
         0x123456000,
         {0x80, 0x68, 0x45, 0x23, 0x01, 0x20, 0, 0}},
        {"with the mask's bit in the frame, and bit 4 to say so",
         &masked,
         0,
         {0x90, 0x58, 0, 0, 0, 0x20, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_TRANSITION,
         0x200000005000,
         12,
         0x6000,
         {0x80, 0x68, 0, 0, 0, 0x20, 0, 0}},
        {"without the mask, on a machine that has it",
         &masked,
         0,
         {0x80, 0x58, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_TRANSITION,
         0,
         0,
         0,
         {0}},
        {"a prototype entry, whatever bit 11 says",
         &on_windows,
         0,
         {0x20, 0x5c, 0x34, 0x12, 0x80, 0xc0, 0xff, 0xff},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_PROTOTYPE,
         0,
         0,
         0,
         {0}},
        {"page file 2, offset 0x1234",
         &on_windows,
         0,
         {0x80, 0x20, 0, 0, 0x34, 0x12, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_PAGE_FILE,
         0,
         0,
         0,
         {0}},
        {"a page of zeros to come",
         &on_windows,
         0,
         {0x80, 0, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_DEMAND_ZERO,
         0,
         0,
         0,
         {0}},
        {"the same with the mask",
         &masked,
         0,
         {0x80, 0, 0, 0, 0, 0x20, 0, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_DEMAND_ZERO,
         0,
         0,
         0,
         {0}},
        {"a table in transition",
         &on_windows,
         1,
         {0x80, 0x58, 0, 0, 0, 0, 0, 0},
         PTW_ABSENT_UNKNOWN,
         PTW_ABSENT_TRANSITION,
         0,
         0,
         0,
         {0}},
    };

    use("amd64");
    CHECK(v);
}

Test(absent_windows, reads_and_writes_entries_of_4_bytes)
{
    static const struct vector v[] = {
        {"in transition, frame 5",
         &on_windows,
         0,
         {0x80, 0x58, 0, 0},
         PTW_ABSENT_FRAME,
         PTW_ABSENT_TRANSITION,
         0x5000,
         12,
         0xfffff000,
         {0x80, 0xf8, 0xff, 0xff}},
        {"page file 2, offset 0x123",
         &on_windows,
         0,
         {0x84, 0x30, 0x12, 0},
         PTW_ABSENT_NO_FRAME,
         PTW_ABSENT_PAGE_FILE,
         0,
         0,
         0,
         {0}},
    };

    use("i686");
    CHECK(v);
}

Test(absent, says_which_slot_and_which_rights)
{
    static const struct ptw_absent old = {.policy = PTW_ABSENT_WINDOWS,
                                          .page_file_at = 1};
    struct ptw_absent_entry e;

    use("amd64");
    e = ptw_absent_read(&on_linux, &regime, 0, 0x0fffffffffdb9600);
    cr_expect(eq(uint, e.store, 1));
    cr_expect(eq(u64, e.slot, 0x1234));
    e = ptw_absent_read(&on_windows, &regime, 0, 0x123400002080);
    cr_expect(eq(uint, e.store, 2));
    cr_expect(eq(u64, e.slot, 0x1234));
    e = ptw_absent_read(&old, &regime, 0, 0x123400000084);
    cr_expect(eq(uint, e.store, 2));
    e = ptw_absent_read(&masked, &regime, 0, 0x320000003080);
    cr_expect(eq(uint, e.store, 3));
    cr_expect(eq(u64, e.slot, 0x1200));
    /* Kernels of two layouts: it is a slot in both, and another one. */
    e = ptw_absent_read(&on_plain, &regime, 0, 0x1dca00);
    cr_expect(eq(int, (int)e.use, (int)PTW_ABSENT_SWAP));
    cr_expect(eq(u64, e.slot, UINT64_MAX));
    use("aarch64-4k-48");
    e = ptw_absent_read(&on_plain, &regime, 0, 0x7718);
    cr_expect(eq(int, (int)e.use, (int)PTW_ABSENT_SWAP));
    cr_expect(eq(u64, e.slot, UINT64_MAX));
    use("amd64");
    e = ptw_absent_read(&on_linux, &regime, 0, 0xfffffffffa120 | W | NX);
    cr_expect(eq(uint, e.rights, PTW_READ | PTW_WRITE));
    e = ptw_absent_read(&on_windows, &regime, 0, 0x5880);
    cr_expect(eq(uint, e.rights, PTW_READ | PTW_WRITE | PTW_USER));
    e = ptw_absent_read(&on_windows, &regime, 0, 0x5860);
    cr_expect(eq(uint, e.rights, PTW_READ | PTW_EXEC | PTW_USER));
}

/* What an entry can't name is refused, and what is beyond the physical width is
 * not known. */
Test(absent, keeps_to_the_physical_width)
{
    struct ptw_cpu cpu = {.pa_bits = 40, .x86.page1g = true};
    uint64_t out = 7;

    cr_assert(ptw_regime_by_name("amd64", &cpu, 0, &regime, NULL) == PTW_OK);
    cr_expect(eq(int, (int)ptw_absent_read(&on_linux, &regime, 0, 0x120).kind,
                 PTW_ABSENT_UNKNOWN));
    cr_expect(eq(
        int, (int)ptw_absent_read(&on_linux, &regime, 0, 0xfff0000000120).kind,
        PTW_ABSENT_FRAME));
    cr_expect(eq(int,
                 (int)ptw_absent_write(&on_linux, &regime, 0, 0xfff0000000120,
                                       ptw_pa_of((uint64_t)1 << 40), &out),
                 PTW_E_WIDTH));
    use("i686");
    cr_expect(eq(int,
                 (int)ptw_absent_write(&on_linux, &regime, 0, 0x5120,
                                       ptw_pa_of((uint64_t)1 << 32), &out),
                 PTW_E_WIDTH));
    cr_expect(eq(u64, out, 7));
}

Test(absent, checks_its_parameters)
{
    static const struct {
        const char *regime;
        struct ptw_absent absent;
        enum ptw_status st;
    } v[] = {
        {"amd64", {.policy = PTW_ABSENT_POLICIES}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_KEEP, .mask = 0x1000}, PTW_E_ARG},
        {"amd64",
         {.policy = PTW_ABSENT_CLEAR, .migration = 1u << 30},
         PTW_E_ARG},
        {"bare", {.policy = PTW_ABSENT_KEEP}, PTW_OK},
        {"bare", {.policy = PTW_ABSENT_LINUX}, PTW_E_REGIME},
        {"amd64",
         {.policy = PTW_ABSENT_LINUX, .migration = 1u << 15},
         PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_LINUX, .type_at = 9}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_LINUX, .frame_bits = 34}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_LINUX, .mask = 0x1000}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 2}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 9}, PTW_OK},
        {"i686", {.policy = PTW_ABSENT_LINUX_PLAIN, .type_at = 9}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_WINDOWS, .mask = 0x10}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_WINDOWS, .frame_bits = 41}, PTW_E_ARG},
        {"i686", {.policy = PTW_ABSENT_WINDOWS, .frame_bits = 21}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_WINDOWS, .page_file_at = 2}, PTW_E_ARG},
        {"i686", {.policy = PTW_ABSENT_WINDOWS, .page_file_at = 12}, PTW_E_ARG},
        {"amd64", {.policy = PTW_ABSENT_WINDOWS, .type_at = 1}, PTW_E_ARG},
    };

    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        use(v[i].regime);
        cr_expect(
            eq(int, (int)ptw_absent_check(&v[i].absent, &regime), (int)v[i].st),
            "%zu", i);
    }
    cr_expect(ptw_absent_name(PTW_ABSENT_POLICIES) == NULL);
    cr_expect(eq(str, (char *)ptw_absent_name(clear.policy), "clear"));
    for (int i = 0; i < PTW_ABSENT_USES; i++) {
        cr_expect(strcmp(ptw_absent_use_text((enum ptw_absent_use)i),
                         "unknown use") != 0);
    }
    cr_expect(
        eq(str, (char *)ptw_absent_use_text(PTW_ABSENT_USES), "unknown use"));
}

/* --------------------------------------------------------------- rebuilding */

/* A guest with some pages at user_va, in data_at(0) and so on; the entries of the
 * pages from none_va(0) on are the test's own. */
static struct image image;

static uint64_t at_page(unsigned i)
{
    return page_va(user_va(), i);
}

static uint64_t none_va(unsigned i)
{
    return at_page(8 + i);
}

static struct job a_guest(const char *name, const struct ptw_absent *absent)
{
    struct job j;

    start(name);
    for (unsigned i = 0; i < 3; i++) {
        hang(root_at(0), at_page(i), 0, user_page(data_at(i)));
    }
    j = job_of(1);
    j.o.absent = *absent;
    return j;
}

/* A system's convention is to be known of the regime. */
#define NEEDS_A_SYSTEM(name)                                                   \
    do {                                                                       \
        if (oracle_format_named(name)->systems == NULL) {                      \
            LEAVE_OUT("of %s no system's convention is known", name);          \
        }                                                                      \
    } while (0)

/* What PROT_NONE says of a page of that level, whose address stands there inverted
 * in the bits that are returned. */
static uint64_t says_none(unsigned level)
{
    const struct oracle_systems *s = oracle.format->systems;

    return s->linux_none | (level > 0 ? s->linux_large : 0);
}

static uint64_t inverted(unsigned level)
{
    return oracle.format->systems->linux_inverts ? oracle_frame(&oracle, level)
                                                 : 0;
}

/* The entry of a page, or a large one, of PROT_NONE; other: bits besides. */
static uint64_t prot_none(uint64_t pa, unsigned level, uint64_t other)
{
    uint64_t frame = oracle.format->put_leaf(&oracle, level, pa);

    return (frame ^ inverted(level)) | says_none(level) |
           oracle.format->accessed | other;
}

static uint64_t frame_of(uint64_t raw, unsigned level)
{
    uint64_t frame = (raw ^ inverted(level)) & oracle_frame(&oracle, level);

    return address_in(level, to_page(level, 0, all_rights()) | frame);
}

/* The bits of an entry of PROT_NONE that are neither the frame's nor say what it
 * is.  The lowest one would let the guest write on x86, were the entry present. */
static uint64_t ignored_bits(unsigned level)
{
    return oracle_ones(8 * ptw_entry_bytes(&regime) - 1, 0) &
           ~(oracle_frame(&oracle, level) | oracle_present_bits(&oracle) |
             says_none(level));
}

static uint64_t writable(unsigned level)
{
    return ignored_bits(level) & -ignored_bits(level);
}

/* Bits that are not present, and say no page to any convention. */
static uint64_t says_nothing(uint64_t pa)
{
    return not_present(user_page(pa));
}

static void hang_none(unsigned i, uint64_t raw)
{
    hang(root_at(0), none_va(i), 0, raw);
}

static uint64_t now_none(unsigned i)
{
    return image_entry(&image, 0, none_va(i), 0);
}

static uint8_t *in_image(uint64_t pa)
{
    return image.bytes + (pa - image.base);
}

static void expect_counts(uint64_t kept, uint64_t cleared, uint64_t followed,
                          uint64_t unknown)
{
    const struct ptw_rebuild_counts *c = &image.counts;
    const struct ptw_certificate *v = &verify.certificate;

    cr_expect(eq(u64, c->absent_kept, kept));
    cr_expect(eq(u64, c->absent_cleared, cleared));
    cr_expect(eq(u64, c->absent_followed, followed));
    cr_expect(eq(u64, c->absent_unknown, unknown));
    cr_expect(eq(u64, v->absent_kept, kept));
    cr_expect(eq(u64, v->absent_cleared, cleared));
    cr_expect(eq(u64, v->absent_followed, followed));
    cr_expect(eq(u64, v->absent_unknown, unknown));
}

/* Rebuilds; all has to be well. */
static void rebuild(const struct job *j)
{
    cr_assert(eq(str, (char *)good(j, &image), ""));
}

static void expect_differs(const struct job *j, enum ptw_difference_kind kind,
                           uint64_t va)
{
    cr_expect(eq(int, (int)verified(j, &image), PTW_DIFFERENT));
    cr_expect(eq(int, (int)verify.difference.kind, (int)kind));
    cr_expect(eq(u64, verify.difference.va.v, va));
}

EVERY(absent, keeps_the_bits_unless_told_otherwise)
{
    struct job j = a_guest(name, &keep);

    hang_none(0, says_nothing(data_at(5)));
    hang_none(1, says_nothing(data_at(6)));
    rebuild(&j);
    expect_counts(2, 0, 0, 0);
    cr_expect(eq(u64, now_none(0), says_nothing(data_at(5))));
    cr_expect(eq(u64, now_none(1), says_nothing(data_at(6))));
    cr_expect(eq(u64, image.counts.pages, 3));
}

/* What names a page to a system, too. */
EVERY(absent, keeps_and_clears_what_says_prot_none)
{
    struct job j;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &keep);
    hang_none(0, prot_none(data_at(5), 0, 0));
    rebuild(&j);
    expect_counts(1, 0, 0, 0);
    cr_expect(eq(u64, now_none(0), prot_none(data_at(5), 0, 0)));
    cr_expect(eq(u64, image.counts.pages, 3));
    j.o.absent = clear;
    rebuild(&j);
    expect_counts(0, 1, 0, 0);
    cr_expect(eq(u64, now_none(0), 0));
}

EVERY(absent, clears)
{
    struct job j = a_guest(name, &clear);

    hang_none(0, says_nothing(data_at(5)));
    hang_none(1, says_nothing(data_at(6)));
    rebuild(&j);
    expect_counts(0, 2, 0, 0);
    cr_expect(eq(u64, now_none(0), 0));
    cr_expect(eq(u64, now_none(1), 0));
    poke(&image, 0, none_va(0), 0, says_nothing(0));
    expect_differs(&j, PTW_DIFFERS_ABSENT, none_va(0));
}

/* Each bit that is not the frame's, and does not make it present or another thing to
 * the system; and all of them. */
EVERY(absent, follows_a_frame_and_keeps_the_other_bits)
{
    uint64_t others;
    uint64_t all;
    struct job j;
    unsigned n = 0;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    all = ignored_bits(0);
    hang_none(n++, prot_none(data_at(5), 0, all));
    for (others = all; others != 0; others &= others - 1) {
        hang_none(n, prot_none(data_at(5 + n), 0, others & -others));
        n++;
    }
    rebuild(&j);
    expect_counts(0, 0, n, 0);
    cr_expect(eq(u64, image.counts.pages, 3 + n));
    cr_expect(lt(uint, 4, n));
    others = all;
    for (unsigned i = 0; i < n; i++) {
        uint64_t pa = frame_of(now_none(i), 0);

        cr_expect(eq(u64, now_none(i),
                     prot_none(pa, 0, i == 0 ? all : others & -others)));
        cr_assert(lt(u64, pa - image.base, image.counts.page_bytes));
        cr_expect(memcmp(in_image(pa), guest_page(data_at(5 + i)),
                         (size_t)page_bytes()) == 0);
        others &= i == 0 ? others : others - 1;
    }
}

/* What is not inverted by one convention is far away by the other. */
EVERY(absent, believes_no_frame_outside_of_the_memory)
{
    const struct ptw_absent *const policy[] = {&on_linux, &on_plain};

    NEEDS_A_SYSTEM(name);
    if (!oracle_format_named(name)->systems->linux_inverts) {
        LEAVE_OUT("in %s no frame is inverted", name);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct job j = a_guest(name, policy[i]);
        uint64_t other_way = prot_none(data_at(5), 0, 0);
        uint64_t plain = prot_none(data_at(6), 0, 0) ^ inverted(0);

        hang_none(0, other_way);
        hang_none(1, plain);
        rebuild(&j);
        expect_counts(0, 0, 1, 1);
        cr_expect(eq(u64, now_none(i == 0), i == 0 ? plain : other_way));
        cr_expect(ne(u64, now_none(i == 1), i == 1 ? plain : other_way));
        free_image(&image);
    }
}

EVERY(absent, follows_the_last_page_and_not_the_one_behind_it)
{
    struct job j;
    uint64_t end;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    end = guest_bytes();
    memset(ram + end - page_bytes(), 0x77, (size_t)page_bytes());
    hang_none(0, prot_none(end - page_bytes(), 0, 0));
    hang_none(1, prot_none(end, 0, 0));
    rebuild(&j);
    expect_counts(0, 0, 1, 1);
    cr_expect(eq(u64, now_none(1), prot_none(end, 0, 0)));
    cr_expect(eq(int, in_image(frame_of(now_none(0), 0))[5], 0x77));
}

EVERY(absent, follows_no_page_that_is_there_in_part_or_cannot_be_read)
{
    struct job j;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    carve(data_at(5), page_bytes(), REFUSED);
    carve(data_at(6) + page_bytes() / 2, page_bytes() / 2, ABSENT);
    hang_none(0, prot_none(data_at(5), 0, 0));
    hang_none(1, prot_none(data_at(6), 0, 0));
    rebuild(&j);
    expect_counts(0, 0, 0, 2);
    cr_expect(eq(u64, now_none(0), prot_none(data_at(5), 0, 0)));
    cr_expect(eq(u64, image.counts.pages, 3));
}

/* A page that a leaf maps, too, is one page after. */
EVERY(absent, shares_the_page_with_the_leaves_that_map_it)
{
    struct job j;
    uint64_t other;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    hang_none(0, prot_none(data_at(1), 0, 0));
    hang_none(1, prot_none(data_at(1), 0, writable(0)));
    rebuild(&j);
    expect_counts(0, 0, 2, 0);
    cr_expect(eq(u64, image.counts.pages, 3));
    other = address_in(0, image_entry(&image, 0, at_page(1), 0));
    cr_expect(eq(u64, frame_of(now_none(0), 0), other));
    cr_expect(eq(u64, frame_of(now_none(1), 0), other));
    /* A second copy of it. */
    memcpy(in_image(image.base + image.counts.bytes), in_image(other),
           (size_t)page_bytes());
    poke(&image, 0, none_va(1), 0,
         prot_none(image.base + image.counts.bytes, 0, writable(0)));
    expect_differs(&j, PTW_DIFFERS_SHARED, none_va(1));
}

EVERY(absent, counts_a_shared_table_once)
{
    struct job j;
    unsigned top;
    uint64_t half;
    uint64_t table;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    top = ptw_levels(&regime) - 1;
    half = kernel_half();
    hang_none(0, prot_none(data_at(5), 0, 0));
    table = table_of(root_at(0), user_va(), top - 1);
    hang(root_at(0), half, top, kernel_table(top, table));
    hang(root_at(1), half, top, kernel_table(top, table));
    j.roots = 2;
    j.root[1] = ptw_root_of(&regime, ptw_pa_of(root_at(1)));
    rebuild(&j);
    expect_counts(0, 0, 1, 0);
    cr_expect(eq(u64, image.counts.shared_writable, 0));
}

/* The guest may write it as soon as it likes. */
EVERY(absent, joins_a_page_with_no_other_one)
{
    static const unsigned flags[] = {
        PTW_REBUILD_MERGE,
        PTW_REBUILD_MERGE | PTW_REBUILD_COPY_ON_WRITE,
        PTW_REBUILD_MERGE | PTW_REBUILD_COPY_SHARED,
        PTW_REBUILD_ZEROS | PTW_REBUILD_COPY_SHARED,
    };

    NEEDS_A_SYSTEM(name);
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct job j = a_guest(name, &on_linux);
        bool zeros = (flags[i] & PTW_REBUILD_ZEROS) != 0;

        for (unsigned k = 5; k < 9; k++) {
            memset(guest_page(data_at(k)), zeros ? 0 : 0x55,
                   (size_t)page_bytes());
        }
        for (unsigned k = 5; k < 7; k++) {
            hang(root_at(0), at_page(k), 0, user_page_read_only(data_at(k)));
        }
        hang_none(0, prot_none(data_at(7), 0, 0));
        hang_none(1, prot_none(data_at(8), 0, 0));
        j.o.flags = flags[i];
        rebuild(&j);
        expect_counts(0, 0, 2, 0);
        cr_expect(eq(u64, image.counts.merged, 1));
        poke(&image, 0, none_va(0), 0, now_none(1));
        expect_differs(&j, PTW_DIFFERS_JOINED, none_va(1));
        free_image(&image);
    }
}

/* A leaf that writes and such an entry are two that may write: a copy for the
 * leaf would leave the entry behind. */
EVERY(absent, leaves_the_page_of_a_writing_leaf_writable)
{
    struct job j;
    uint64_t leaf;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    hang_none(0, prot_none(data_at(1), 0, 0));
    hang_none(1, prot_none(data_at(5), 0, writable(0)));
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_counts(0, 0, 2, 0);
    cr_expect(eq(u64, image.counts.shared_writable, 1));
    cr_expect(eq(u64, image.counts.copy_on_write, 2));
    leaf = image_entry(&image, 0, at_page(1), 0);
    cr_expect(eq(uint, granted(0, leaf), granted(0, user_page(0))));
    cr_expect(eq(uint,
                 granted(0, image_entry(&image, 0, at_page(0), 0)) & PTW_WRITE,
                 0));
    cr_expect(eq(u64, now_none(1),
                 prot_none(frame_of(now_none(1), 0), 0, writable(0))));
    /* Marked all the same. */
    poke(&image, 0, at_page(1), 0, copy_on_write(0, leaf));
    expect_differs(&j, PTW_DIFFERS_RIGHTS, at_page(1));
}

EVERY(absent, follows_a_large_page)
{
    unsigned level;
    uint64_t pages;
    struct job j;
    uint64_t pa;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    NEEDS_LARGE_PAGES(name);
    level = large_level();
    pages = large_pages();
    offer_far(2 * large_bytes(), 2 * pages, DIRECT);
    hang(root_at(0), large_va(4), level,
         prot_none(far_at(0), level, writable(level)));
    hang(root_at(0), large_va(5), level, prot_none(far_at(0), level, 0));
    hang(root_at(0), large_va(6), level, user_large(far_at(1)));
    hang(root_at(0), large_va(7), level, prot_none(far_at(1), level, 0));
    /* A page of it, too. */
    hang_none(0, prot_none(page_va(far_at(0), 7), 0, 0));
    rebuild(&j);
    expect_counts(0, 0, 4, 0);
    cr_expect(eq(u64, image.counts.pages, 3 + 2 * pages));
    cr_expect(eq(u64, image.counts.large, 1));
    pa = frame_of(image_entry(&image, 0, large_va(4), level), level);
    cr_expect(eq(u64, image_entry(&image, 0, large_va(4), level),
                 prot_none(pa, level, writable(level))));
    cr_expect(eq(
        u64, frame_of(image_entry(&image, 0, large_va(5), level), level), pa));
    cr_expect(memcmp(in_image(pa), guest_page(far_at(0)),
                     (size_t)large_bytes()) == 0);
    cr_expect(eq(u64, frame_of(now_none(0), 0), page_va(pa, 7)));
    cr_expect(
        eq(u64, frame_of(image_entry(&image, 0, large_va(7), level), level),
           address_in(level, image_entry(&image, 0, large_va(6), level))));
}

EVERY(absent, follows_no_large_page_that_is_not_wholly_there)
{
    struct ptw_va_range gone;
    unsigned level;
    struct job j;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    NEEDS_LARGE_PAGES(name);
    level = large_level();
    gone.first.v = page_va(large_va(4), 1);
    gone.last.v = page_va(large_va(4), 2) - 1;
    offer_far(3 * large_bytes(), 3 * large_pages(), DIRECT);
    carve(page_va(far_at(1), 5), page_bytes(), ABSENT);
    carve(page_va(far_at(2), 5), page_bytes(), REFUSED);
    for (unsigned i = 0; i < 3; i++) {
        hang(root_at(0), large_va(4 + i), level,
             prot_none(far_at(i), level, writable(level)));
    }
    j.o.leave_out = &gone;
    j.o.leave_outs = 1;
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_counts(0, 0, 0, 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(eq(u64, image_entry(&image, 0, large_va(4 + i), level),
                     prot_none(far_at(i), level, writable(level))));
    }
}

EVERY(absent, drops_what_is_left_out)
{
    struct ptw_va_range gone;
    struct job j;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    gone.first.v = none_va(0);
    gone.last.v = none_va(1) - 1;
    hang_none(0, prot_none(data_at(5), 0, 0));
    hang_none(1, prot_none(data_at(6), 0, 0));
    j.o.leave_out = &gone;
    j.o.leave_outs = 1;
    rebuild(&j);
    expect_counts(0, 0, 1, 0);
    cr_expect(eq(u64, now_none(0), 0));
    cr_expect(eq(u64, image.counts.pages, 4));
}

/* An entry of an upper table is never a table, whatever it names. */
EVERY(absent, takes_no_upper_entry_for_a_table)
{
    struct job j;
    unsigned top;
    uint64_t raw;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    top = ptw_levels(&regime) - 1;
    raw =
        prot_none(table_of(root_at(0), user_va(), top - 1), top, writable(top));
    hang(root_at(0), kernel_half(), top, raw);
    rebuild(&j);
    expect_counts(0, 0, 0, 1);
    cr_expect(eq(u64, image_entry(&image, 0, kernel_half(), top), raw));
}

EVERY(absent, asks_for_as_little_storage_as_it_can_do_with)
{
    struct job j;
    uint64_t pages;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    NEEDS_LARGE_PAGES(name);
    pages = large_pages();
    offer_far(2 * large_bytes(), 2 * pages, DIRECT);
    for (unsigned i = 0; i < 300; i++) {
        hang_none(i, prot_none(page_va(far_at(0), i * 65 % pages), 0, 0));
    }
    hang(root_at(0), large_va(4), large_level(),
         prot_none(far_at(1), large_level(), writable(large_level())));
    j.least = true;
    j.refuse = 3;
    rebuild(&j);
    expect_counts(0, 0, 301, 0);
    free_image(&image);
    j.o.flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_MERGE;
    rebuild(&j);
    expect_counts(0, 0, 301, 0);
    free_image(&image);
    j.o.max_bytes = 100 * page_bytes();
    cr_expect(eq(int, (int)compact(&j, &image), PTW_E_LIMIT));
}

/* ---------------------------------------------------------------- verifying */

EVERY(absent, finds_what_is_wrong_with_an_entry_that_was_followed)
{
    struct job j;
    uint64_t first;
    uint64_t second;

    NEEDS_A_SYSTEM(name);
    j = a_guest(name, &on_linux);
    hang_none(0, prot_none(data_at(5), 0, 0));
    hang_none(1, prot_none(data_at(6), 0, writable(0)));
    rebuild(&j);
    first = now_none(0);
    second = now_none(1);
    /* The old entries, as a rebuild that keeps them would have them. */
    poke(&image, 0, none_va(0), 0, prot_none(data_at(5), 0, 0));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_DIFFERENT));
    poke(&image, 0, none_va(0), 0, 0);
    expect_differs(&j, PTW_DIFFERS_ABSENT, none_va(0));
    poke(&image, 0, none_va(0), 0, first ^ writable(0));
    expect_differs(&j, PTW_DIFFERS_ABSENT, none_va(0));
    poke(&image, 0, none_va(0), 0, first | oracle_present_bits(&oracle));
    cr_expect(eq(int, (int)verified(&j, &image), PTW_DIFFERENT));
    cr_expect(eq(u64, verify.difference.va.v, none_va(0)));
    poke(&image, 0, none_va(0), 0, first);
    /* Two pages in one place; a page that is a table as well. */
    poke(&image, 0, none_va(1), 0,
         prot_none(frame_of(first, 0), 0, writable(0)));
    expect_differs(&j, PTW_DIFFERS_JOINED, none_va(1));
    poke(&image, 0, none_va(1), 0,
         prot_none(image.root[0].table.v, 0, writable(0)));
    expect_differs(&j, PTW_DIFFERS_OVERLAP, none_va(1));
    poke(&image, 0, none_va(1), 0, second);
    cr_expect(eq(int, (int)verified(&j, &image), PTW_OK));
    in_image(frame_of(second, 0))[100] ^= 1;
    expect_differs(&j, PTW_DIFFERS_BYTES, none_va(1));
    cr_expect(eq(u64, verify.difference.old_pa.v, data_at(6)));
    cr_expect(eq(u64, verify.difference.new_raw, second));
    cr_expect(eq(u64, verify.difference.old_raw,
                 prot_none(data_at(6), 0, writable(0))));
}

static const struct ptw_absent *const policies[] = {&keep, &clear, &on_linux};

/* How many of them there are for the regime of that name. */
static unsigned policies_of(const char *name)
{
    return oracle_format_named(name)->systems == NULL ? 2 : 3;
}

/* An entry of the new image that names its root, and would be writable. */
static uint64_t a_way_in(void)
{
    return oracle.format->systems == NULL
               ? says_nothing(image.root[0].table.v)
               : prot_none(image.root[0].table.v, 0, writable(0));
}

static void expect_no_way_in(const struct job *j, uint64_t va)
{
    poke(&image, 0, va, 0, a_way_in());
    expect_differs(j, PTW_DIFFERS_ABSENT, va);
    cr_expect(eq(u64, verify.difference.old_raw, 0));
    cr_expect(eq(u64, verify.difference.new_raw, a_way_in()));
    poke(&image, 0, va, 0, 0);
    cr_expect(eq(int, (int)verified(j, &image), PTW_OK));
}

EVERY(absent, finds_an_entry_in_place_of_a_leaf_that_was_dropped)
{
    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, policies[i]);

        hang(root_at(0), at_page(5), 0, user_page(outside_ram(0)));
        rebuild(&j);
        expect_no_way_in(&j, at_page(5));
        /* Beside it, where nothing was. */
        expect_no_way_in(&j, at_page(6));
        free_image(&image);
    }
}

/* Where a part of the old table can't be read, too. */
EVERY(absent, finds_an_entry_in_place_of_one_that_could_not_be_read)
{
    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, policies[i]);
        unsigned bytes = ptw_entry_bytes(&regime);
        unsigned middle = entries_at(0) / 2;

        carve(table_of(root_at(0), user_va(), 0) + middle * bytes, 8 * bytes,
              ABSENT);
        rebuild(&j);
        expect_no_way_in(&j, at_page(middle + 2));
        free_image(&image);
    }
}

EVERY(absent, finds_an_entry_in_the_table_of_a_split_leaf)
{
    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, policies[i]);

        NEEDS_LARGE_PAGES(name);
        offer_far(large_bytes(), large_pages(), DIRECT);
        carve(page_va(far_at(0), 9), page_bytes(), ABSENT);
        hang(root_at(0), large_va(4), large_level(), user_large(far_at(0)));
        rebuild(&j);
        expect_no_way_in(&j, page_va(large_va(4), 9));
        free_image(&image);
    }
}

/* A map of the page at va, which is left out. */
struct one_map {
    struct ptw_va_range out;
    struct ptw_map_request map;
};

static void map_one(struct job *j, struct one_map *m, uint64_t va)
{
    struct ptw_map_request map = {.first = {va},
                                  .last = {page_va(va, 1) - 1},
                                  .pa = {0x8000000},
                                  .rights = kernel_map_rights()};

    m->map = map;
    m->out.first = map.first;
    m->out.last = map.last;
    j->o.leave_out = &m->out;
    j->o.leave_outs = 1;
    j->o.map = &m->map;
    j->o.maps = 1;
}

EVERY(absent, finds_an_entry_in_the_table_of_a_map)
{
    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, policies[i]);
        uint64_t va = user_va() + 4 * span(1);
        struct one_map m;

        map_one(&j, &m, va);
        cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
        cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
        expect_no_way_in(&j, page_va(va, 9));
        free_image(&image);
    }
}

/* An entry whose addresses are left out in part, and mapped there. */
EVERY(absent, clears_an_entry_that_gives_way_to_the_table_of_a_map)
{
    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, policies[i]);
        bool convention = policies[i]->policy == PTW_ABSENT_LINUX;
        unsigned level = convention ? large_level() : 1;
        uint64_t va = user_va() + 4 * span(1);
        struct one_map m;

        if (convention && large_level() == 0) {
            continue;
        }
        if (convention) {
            va = large_va(4);
            offer_far(large_bytes(), large_pages(), DIRECT);
        }
        map_one(&j, &m, page_va(va, 3));
        hang(root_at(0), va, level,
             convention ? prot_none(far_at(0), level, writable(level))
                        : says_nothing(data_at(5)));
        cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
        cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
        expect_counts(0, 1, 0, 0);
        cr_expect(eq(u64, image.counts.pages, 3));
        expect_no_way_in(&j, page_va(va, 4));
        free_image(&image);
    }
}

/* The work that a rebuild takes in which so many entries name a large page that
 * can't be read as a whole. */
static uint64_t work_of_torn(const char *name, unsigned entries)
{
    struct job j = a_guest(name, &on_linux);
    unsigned level = large_level();
    uint64_t work;

    offer_far(large_bytes(), large_pages(), DIRECT);
    carve(far_at(1) - page_bytes(), page_bytes(), REFUSED);
    for (unsigned i = 0; i < entries; i++) {
        hang(root_at(0), large_va(4 + i), level,
             prot_none(far_at(0), level, writable(level)));
    }
    cr_assert(eq(int, (int)compact(&j, &image), PTW_OK));
    work = rb.work;
    cr_assert(eq(int, (int)verified(&j, &image), PTW_OK));
    expect_counts(0, 0, 0, entries);
    free_image(&image);
    return work;
}

/* Each further entry costs its own look, not one through the whole page. */
EVERY(absent, goes_through_a_large_page_that_is_not_whole_once)
{
    uint64_t one;

    NEEDS_A_SYSTEM(name);
    start(name);
    NEEDS_LARGE_PAGES(name);
    one = work_of_torn(name, 1);
    cr_assert(lt(u64, 4, large_pages() / 64));
    cr_expect(lt(u64, work_of_torn(name, 101) - one, 100 * 4));
}

EVERY(absent, refuses_a_policy_that_cannot_be)
{
    static const struct ptw_absent bad[] = {
        {.policy = PTW_ABSENT_POLICIES},
        {.policy = PTW_ABSENT_KEEP, .migration = 1u << 30},
        {.policy = PTW_ABSENT_LINUX, .type_at = 1}};

    for (unsigned i = 0; i < policies_of(name); i++) {
        struct job j = a_guest(name, &bad[i]);

        cr_expect(eq(int, (int)compact(&j, &image), PTW_E_ARG));
        memcpy(image.root, j.root, sizeof j.root);
        cr_expect(eq(int, (int)verified(&j, &image), PTW_E_ARG));
    }
}

/* Pages in transition, and a place in a page file. */
Test(amd64_absent, follows_windows)
{
    struct job j = a_guest("amd64", &masked);

    hang_none(0, data_at(5) | 0x200000000880);
    hang_none(1, 0x123420002080);
    hang_none(2, data_at(6) | 0x880);
    rebuild(&j);
    expect_counts(1, 0, 1, 1);
    cr_expect(eq(u64, now_none(0) & ~(uint64_t)0x1ff000, 0x200000000880));
    cr_expect(memcmp(in_image(now_none(0) & 0x1ff000), guest_page(data_at(5)),
                     (size_t)page_bytes()) == 0);
    cr_expect(eq(u64, now_none(2), data_at(6) | 0x880));
}
