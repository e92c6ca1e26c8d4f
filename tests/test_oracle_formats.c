/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of the oracle: entries whose meaning is read off the manual's
 * tables by hand, and what holds for every format. */
#include "oracle/oracle.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---------------------------------------------------------- golden vectors */

static const uint64_t XD = (uint64_t)1 << 63;

/* What a processor lacks, or has besides. */
enum {
    NO_NX = 1,
    NO_PAGE1G = 2,
    NO_NAPOT = 4,
    NO_PBMT = 8,
    ZICFISS = 16,
    HD = 32,
    HPD = 64,
    PIE = 128
};

/* Linux's PIE_E1 and PIE_E0 (arch/arm64/include/asm/pgtable-prot.h), by the index,
 * which is UXN, PXN, DBM and AP[1]: 4 is execute-only, 5 read-only and executable, 7
 * shared and executable, 8 and 10 the kernel's executable pages, 12 and 14 its
 * others, 13 read-only, 15 shared. */
static const uint64_t linux_pir = 0xCC880E0AC0800000;
static const uint64_t linux_pire0 = 0x5010000070320000;

/* Rights are "w", "x", "u" and "X", and "r" where an entry can withhold it. */
struct vector {
    unsigned level;
    unsigned pa_bits;
    unsigned lacks;
    uint64_t raw;
    unsigned kind;
    uint64_t pa;
    const char *rights;
};

static struct oracle_mode mode_of(const struct oracle_format *f,
                                  unsigned pa_bits, unsigned lacks)
{
    struct oracle_mode mode = {.format = f,
                               .pa_bits = pa_bits,
                               .nx = (lacks & NO_NX) == 0,
                               .pse = true,
                               .page1g = (lacks & NO_PAGE1G) == 0,
                               .wp = true,
                               .svnapot = (lacks & NO_NAPOT) == 0,
                               .svpbmt = (lacks & NO_PBMT) == 0,
                               .zicfiss = (lacks & ZICFISS) != 0,
                               .hd = (lacks & HD) != 0,
                               .hpd = (lacks & HPD) != 0,
                               .pie = (lacks & PIE) != 0,
                               .pir = linux_pir,
                               .pire0 = linux_pire0};

    return mode;
}

static unsigned rights_in(const struct oracle_mode *mode, int kind,
                          const char *letters)
{
    bool leads = kind == ORACLE_TABLE || kind == ORACLE_MAPS;
    bool reads = leads && !oracle_withholds(mode, ORACLE_READ);

    return (reads || strchr(letters, 'r') != NULL ? (unsigned)ORACLE_READ : 0) |
           (strchr(letters, 'w') != NULL ? (unsigned)ORACLE_WRITE : 0) |
           (strchr(letters, 'x') != NULL ? (unsigned)ORACLE_EXEC : 0) |
           (strchr(letters, 'u') != NULL ? (unsigned)ORACLE_USER : 0) |
           (strchr(letters, 'X') != NULL ? (unsigned)ORACLE_USER_EXEC : 0);
}

static void reads(const struct oracle_format *f, const struct vector *v,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct oracle_mode mode = mode_of(f, v[i].pa_bits, v[i].lacks);
        struct oracle_entry e = f->decode(&mode, v[i].raw, v[i].level);

        cr_expect(e.kind == v[i].kind && e.pa == v[i].pa &&
                      e.rights == rights_in(&mode, v[i].kind, v[i].rights),
                  "%s, vector %zu, %llx: kind %d, pa %llx, rights %x", f->name,
                  i, (unsigned long long)v[i].raw, e.kind,
                  (unsigned long long)e.pa, e.rights);
    }
}

enum { ABSENT = ORACLE_NOT_PRESENT, BAD = ORACLE_RESERVED };
enum { TO = ORACLE_TABLE, MAP = ORACLE_MAPS };

/* Intel SDM vol. 3A, "PAE Paging". */
static const struct vector pae_vectors[] = {
    /* "Format of a PAE Page-Directory-Pointer-Table Entry (PDPTE)" */
    {2, 36, 0, 0x5001, TO, 0x5000, "wxu"},
    {2, 36, 0, 0x5fffffffffff8000, ABSENT, 0, ""}, /* P is 0 */
    {2, 36, 0, 0x5003, BAD, 0, ""},                /* 2:1 are reserved, */
    {2, 36, 0, 0x5005, BAD, 0, ""},
    {2, 36, 0, 0x5009, TO, 0x5000, "wxu"}, /* PWT */
    {2, 36, 0, 0x5011, TO, 0x5000, "wxu"}, /* PCD */
    {2, 36, 0, 0x5021, TO, 0x5000, "wxu"}, /* 5: let pass */
    {2, 36, 0, 0x5041, BAD, 0, ""},        /* 8:6, */
    {2, 36, 0, 0x5081, BAD, 0, ""},
    {2, 36, 0, 0x5101, BAD, 0, ""},
    {2, 36, 0, 0x5e01, TO, 0x5000, "wxu"}, /* 11:9 are ignored */
    {2, 36, 0, 0xffffff001, TO, 0xffffff000, "wxu"},
    {2, 36, 0, 0x1000005001, BAD, 0, ""}, /* and 63:M */
    {2, 52, 0, 0xffffffffff001, TO, 0xffffffffff000, "wxu"},
    {2, 52, 0, 0x10000000005001, BAD, 0, ""},
    {2, 52, 0, 0x4000000000005001, BAD, 0, ""},
    {2, 36, 0, 0x5001 | XD, BAD, 0, ""}, /* with or without NXE */
    {2, 36, NO_NX, 0x5001 | XD, BAD, 0, ""},

    /* "Format of a PAE Page-Directory Entry that References a Page Table" */
    {1, 36, 0, 0x6001, TO, 0x6000, "x"},
    {1, 36, 0, 0x6003, TO, 0x6000, "wx"},
    {1, 36, 0, 0x6005, TO, 0x6000, "xu"},
    {1, 36, 0, 0x6f7f, TO, 0x6000, "wxu"}, /* 11:8, 6:3 */
    {1, 36, 0, 0x6007 | XD, TO, 0x6000, "wu"},
    {1, 36, NO_NX, 0x6007 | XD, BAD, 0, ""},
    {1, 36, 0, 0xffffff007, TO, 0xffffff000, "wxu"},
    {1, 36, 0, 0x1000006007, BAD, 0, ""}, /* 62:M are reserved */
    {1, 52, 0, 0x10000000006007, BAD, 0, ""},
    {1, 52, 0, 0x4000000000006007, BAD, 0, ""},

    /* "Format of a PAE Page-Directory Entry that Maps a 2-MByte Page" */
    {1, 36, 0, 0x200081, MAP, 0x200000, "x"},
    {1, 36, 0, 0x200087, MAP, 0x200000, "wxu"},
    {1, 36, 0, 0x200087 | XD, MAP, 0x200000, "wu"},
    {1, 36, 0, 0x201fff, MAP, 0x200000, "wxu"}, /* PAT is bit 12 */
    {1, 36, 0, 0x202087, BAD, 0, ""},           /* 20:13 are reserved */
    {1, 36, 0, 0x300087, BAD, 0, ""},
    {1, 36, 0, 0x1000200087, BAD, 0, ""},
    {1, 52, 0, 0xfffffffe00087, MAP, 0xfffffffe00000, "wxu"},
    {1, 52, 0, 0x0800000000200087, BAD, 0, ""}, /* there are no keys */

    /* "Format of a PAE Page-Table Entry that Maps a 4-KByte Page" */
    {0, 36, 0, 0x7001, MAP, 0x7000, "x"},
    {0, 36, 0, 0x7fff, MAP, 0x7000, "wxu"}, /* bit 7 is PAT */
    {0, 36, 0, 0x7003 | XD, MAP, 0x7000, "w"},
    {0, 36, NO_NX, 0x7003 | XD, BAD, 0, ""},
    {0, 36, 0, 0x1000007003, BAD, 0, ""},
    {0, 52, 0, 0xffffffffff003, MAP, 0xffffffffff000, "wx"},
    {0, 52, 0, 0x10000000007003, BAD, 0, ""},
    {0, 52, 0, 0x4000000000007003, BAD, 0, ""},
    {0, 36, 0, 0xfffffffffffffffe, ABSENT, 0, ""},
};

Test(oracle_formats, pae_is_as_the_manual_has_it)
{
    reads(&oracle_pae, pae_vectors, sizeof pae_vectors / sizeof *pae_vectors);
}

/* Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging". */
static const struct vector la57_vectors[] = {
    /* "Format of a 5-Level PML5 Entry (PML5E) that References a PML4 Table" */
    {4, 46, 0, 0x5001, TO, 0x5000, "x"},
    {4, 46, 0, 0x5007, TO, 0x5000, "wxu"},
    {4, 46, 0, 0x5f7f, TO, 0x5000, "wxu"},
    {4, 46, 0, 0x5007 | XD, TO, 0x5000, "wu"},
    {4, 46, NO_NX, 0x5007 | XD, BAD, 0, ""},
    {4, 46, 0, 0x5087, BAD, 0, ""}, /* 7 is reserved, */
    {4, 46, 0, 0x3ffffffff007, TO, 0x3ffffffff000, "wxu"},
    {4, 46, 0, 0x400000005007, BAD, 0, ""},            /* and 51:M */
    {4, 46, 0, 0x7ff0000000005007, TO, 0x5000, "wxu"}, /* 62:52 are ignored */
    {4, 46, 0, 0xfffffffffffffffe, ABSENT, 0, ""},

    /* "... PML4 Entry (PML4E) that References a Page-Directory-Pointer Table" */
    {3, 46, 0, 0x5007, TO, 0x5000, "wxu"},
    {3, 46, 0, 0x5087, BAD, 0, ""},
    {3, 46, 0, 0x7ff0000000005007, TO, 0x5000, "wxu"},

    /* "... Page-Directory-Pointer-Table Entry (PDPTE) that Maps a 1-GByte Page",
     * and that references a page directory */
    {2, 46, 0, 0x40000087, MAP, 0x40000000, "wxu"},
    {2, 46, 0, 0x40001087 | XD, MAP, 0x40000000, "wu"}, /* PAT is bit 12 */
    {2, 46, 0, 0x40002087, BAD, 0, ""},                 /* 29:13 */
    {2, 46, 0, 0x60000087, BAD, 0, ""},
    {2, 46, NO_PAGE1G, 0x40000087, BAD, 0, ""},
    {2, 46, 0, 0x5007, TO, 0x5000, "wxu"},

    /* "... Page-Directory Entry that Maps a 2-MByte Page", and that references a
     * page table */
    {1, 46, 0, 0x200087, MAP, 0x200000, "wxu"},
    {1, 46, 0, 0x202087, BAD, 0, ""}, /* 20:13 */
    {1, 46, 0, 0x5003, TO, 0x5000, "wx"},

    /* "... Page-Table Entry that Maps a 4-KByte Page": 62:59 is a key */
    {0, 46, 0, 0x78000000000070e3, MAP, 0x7000, "wx"},
    {0, 46, 0, 0x400000007003, BAD, 0, ""},
};

Test(oracle_formats, la57_is_as_the_manual_has_it)
{
    reads(&oracle_amd64_la57, la57_vectors,
          sizeof la57_vectors / sizeof *la57_vectors);
}

/* "4-Level Paging and 5-Level Paging": where a level is in both, so is its
 * entry. */
Test(oracle_formats, la57_reads_entries_as_amd64_does)
{
    uint64_t state = 1;

    for (unsigned i = 0; i < 100000; i++) {
        unsigned level = i % oracle_amd64.levels;
        struct oracle_mode four =
            mode_of(&oracle_amd64, 32 + i % 21, i / 5 % 4);
        struct oracle_mode five = four;
        struct oracle_entry a;
        struct oracle_entry b;

        five.format = &oracle_amd64_la57;
        state = state * 6364136223846793005 + 1442695040888963407;
        a = oracle_amd64.decode(&four, state | 1, level);
        b = oracle_amd64_la57.decode(&five, state | 1, level);
        cr_assert(a.kind == b.kind && a.pa == b.pa && a.rights == b.rights);
    }
}

/* The RISC-V Instruction Set Manual, volume II, "Sv39: Page-Based 39-bit Virtual-Memory
 * System" and what it refers to in "Sv32". */
static const struct vector sv39_vectors[] = {
    /* "Encoding of PTE R/W/X fields" */
    {0, 56, 0, 0x1c01, BAD, 0, ""}, /* a pointer to a next level, at the last */
    {1, 56, 0, 0x1c01, TO, 0x7000, "rwxu"},
    {0, 56, 0, 0x1c03, MAP, 0x7000, "r"},
    {0, 56, 0, 0x1c05, BAD, 0, ""}, /* reserved: W without R, */
    {0, 56, 0, 0x1c07, MAP, 0x7000, "rw"},
    {0, 56, 0, 0x1c09, MAP, 0x7000, "x"},
    {0, 56, 0, 0x1c0b, MAP, 0x7000, "rx"},
    {0, 56, 0, 0x1c0d, BAD, 0, ""}, /* with X, too */
    {0, 56, 0, 0x1c0f, MAP, 0x7000, "rwx"},
    {0, 56, 0, 0x1c13, MAP, 0x7000, "ru"},
    {0, 56, 0, 0x1c1f, MAP, 0x7000, "rwxu"},
    {0, 56, 0, 0xfffffffffffffffe, ABSENT, 0, ""}, /* V is 0 */

    /* "Sv39 page table entry": G, A, D, RSW */
    {0, 56, 0, 0x1c23, MAP, 0x7000, "r"},
    {0, 56, 0, 0x1c43, MAP, 0x7000, "r"},
    {0, 56, 0, 0x1c83, MAP, 0x7000, "r"},
    {0, 56, 0, 0x1fe3, MAP, 0x7000, "r"},
    {0, 56, 0, 0x3ffffffffffc03, MAP, 0xfffffffffff000, "r"},
    {0, 50, 0, 0x1000000000c03, BAD, 0, ""}, /* wider than the processor */
    {0, 50, 0, 0xffffffffffc03, BAD, 0, ""},
    {0, 50, 0, 0x0fffffffffc03, MAP, 0x3fffffffff000, "r"},
    {0, 56, 0, 0x0040000000001c03, BAD, 0, ""}, /* 60:54 are reserved */
    {0, 56, 0, 0x0100000000001c03, BAD, 0, ""},
    {0, 56, 0, 0x1000000000001c03, BAD, 0, ""},
    {1, 56, 0, 0x1000000000001c01, BAD, 0, ""},

    /* "For non-leaf PTEs, the D, A, and U bits are reserved"; G is not. */
    {2, 56, 0, 0x1c01, TO, 0x7000, "rwxu"},
    {2, 56, 0, 0x1c21, TO, 0x7000, "rwxu"},
    {2, 56, 0, 0x1f01, TO, 0x7000, "rwxu"},
    {2, 56, 0, 0x1c11, BAD, 0, ""},
    {2, 56, 0, 0x1c41, BAD, 0, ""},
    {1, 56, 0, 0x1c81, BAD, 0, ""},
    {1, 56, 0, 0x3ffffffffffc01, TO, 0xfffffffffff000, "rwxu"},
    {1, 44, 0, 0x0040000000c01, BAD, 0, ""},

    /* "Virtual Address Translation Process", step 6: misaligned superpages */
    {1, 56, 0, 0x8000f, MAP, 0x200000, "rwx"},
    {1, 56, 0, 0x8040f, BAD, 0, ""},
    {1, 56, 0, 0xc000f, BAD, 0, ""},
    {2, 56, 0, 0x1000000f, MAP, 0x40000000, "rwx"},
    {2, 56, 0, 0x1000040f, BAD, 0, ""},
    {2, 56, 0, 0x1800000f, BAD, 0, ""},
    {2, 56, 0, 0x3ffffff000000f, MAP, 0xffffffc0000000, "rwx"},

    /* "Page table entry encodings when pte.N=1" */
    {0, 56, 0, 0x8000000000006003, MAP, 0x10000, "r"}, /* ppn xxxx 1000 */
    {0, 56, 0, 0x8000000000002003, MAP, 0, "r"},
    {0, 56, 0, 0x8000000000004003, BAD, 0, ""}, /* xxxx 0000 */
    {0, 56, 0, 0x8000000000006403, BAD, 0, ""}, /* xxxx xxx1 */
    {0, 56, 0, 0x8000000000006803, BAD, 0, ""}, /* xxxx xx1x */
    {0, 56, 0, 0x8000000000007003, BAD, 0, ""}, /* xxxx x1xx */
    {1, 56, 0, 0x800000000008000f, BAD, 0, ""}, /* not at level 0 */
    {1, 56, 0, 0x800000000008200f, BAD, 0, ""},
    {1, 56, 0, 0x8000000000001c01, BAD, 0, ""}, /* nor in a pointer */
    {0, 56, NO_NAPOT, 0x8000000000006003, BAD, 0, ""},

    /* "Encodings for PBMT field in Sv39, Sv48, and Sv57 PTEs" */
    {0, 56, 0, 0x2000000000001c03, MAP, 0x7000, "r"},
    {0, 56, 0, 0x4000000000001c03, MAP, 0x7000, "r"},
    {0, 56, 0, 0x6000000000001c03, BAD, 0, ""},
    {2, 56, 0, 0x2000000000001c01, BAD, 0, ""}, /* reserved in pointers */
    {1, 56, 0, 0x4000000000001c01, BAD, 0, ""},
    {0, 56, NO_PBMT, 0x2000000000001c03, BAD, 0, ""},
    {0, 56, NO_PBMT, 0x4000000000001c03, BAD, 0, ""},

    /* "Shadow Stack Memory Protection": xwr is 010 */
    {0, 56, ZICFISS, 0x1c05, MAP, 0x7000, "r"},
    {0, 56, ZICFISS, 0x1c15, MAP, 0x7000, "ru"},
    {0, 56, ZICFISS, 0x1c0d, BAD, 0, ""},
    {1, 56, ZICFISS, 0x80005, MAP, 0x200000, "r"},
};

Test(oracle_formats, sv39_is_as_the_manual_has_it)
{
    reads(&oracle_sv39, sv39_vectors,
          sizeof sv39_vectors / sizeof *sv39_vectors);
}

/* "Sv32: Page-Based 32-bit Virtual-Memory Systems". */
static const struct vector sv32_vectors[] = {
    {0, 34, 0, 0x1c0f, MAP, 0x7000, "rwx"},
    {0, 34, 0, 0x1c1f, MAP, 0x7000, "rwxu"},
    {0, 34, 0, 0xfffffc0f, MAP, 0x3fffff000, "rwx"}, /* PPN is 31:10 */
    {0, 32, 0, 0x4000000f, BAD, 0, ""},
    {0, 34, 0, 0xfffffffe, ABSENT, 0, ""},
    {0, 34, 0, 0x1c01, BAD, 0, ""},
    {1, 34, 0, 0xfffffc01, TO, 0x3fffff000, "rwxu"},
    {1, 34, 0, 0x1c41, BAD, 0, ""},
    {1, 34, 0, 0xfff0000f, MAP, 0x3ffc00000, "rwx"}, /* a megapage */
    {1, 34, 0, 0x0010040f, BAD, 0, ""},
    {1, 34, 0, 0x0018000f, BAD, 0, ""},
    {0, 34, ZICFISS, 0x1c05, MAP, 0x7000, "r"},
};

Test(oracle_formats, sv32_is_as_the_manual_has_it)
{
    reads(&oracle_sv32, sv32_vectors,
          sizeof sv32_vectors / sizeof *sv32_vectors);
}

/* "Sv48" and "Sv57" repeat "Sv39": where a level is in both, so is its entry. */
Test(oracle_formats, sv48_and_sv57_read_entries_as_sv39_does)
{
    uint64_t state = 1;

    for (unsigned i = 0; i < 100000; i++) {
        unsigned level = i % oracle_sv39.levels;
        struct oracle_mode mode =
            mode_of(&oracle_sv39, 36 + i % 21, i / 3 % 32);
        struct oracle_entry e[3];
        uint64_t raw;

        state = state * 6364136223846793005 + 1442695040888963407;
        raw = (state | 1) & (i % 2 == 0 ? UINT64_MAX : oracle_ones(53, 0));
        e[0] = oracle_sv39.decode(&mode, raw, level);
        mode.format = &oracle_sv48;
        e[1] = oracle_sv48.decode(&mode, raw, level);
        mode.format = &oracle_sv57;
        e[2] = oracle_sv57.decode(&mode, raw, level);
        for (unsigned k = 1; k < 3; k++) {
            cr_assert(e[k].kind == e[0].kind && e[k].pa == e[0].pa &&
                      e[k].rights == e[0].rights);
        }
    }
}

/* Svnapot: the lowest four bits of the page number are those of the address. */
Test(oracle_formats, napot_leaves_map_their_own_part)
{
    struct oracle_mode mode = mode_of(&oracle_sv39, 56, 0);

    for (unsigned i = 0; i < 512; i++) {
        struct oracle_entry e = oracle_decode(&mode, 0x8000000000006003, 0, i);

        cr_expect(e.kind == ORACLE_MAPS);
        cr_expect(e.pa == 0x10000 + (uint64_t)(i % 16) * 0x1000, "%u", i);
        cr_expect(oracle_decode(&mode, 0x1c03, 0, i).pa == 0x7000);
    }
    cr_expect(oracle_alone(&mode, 0, 0x80000000000060c7) == 0x40c7);
    cr_expect(oracle_alone(&mode, 0, 0x60c7) == 0x60c7);
}

/* A page of a shadow stack would be no page without W: it is not made copy-on-write. */
Test(oracle_formats, riscv_marks_leaves_that_stay_leaves)
{
    struct oracle_mode mode = mode_of(&oracle_sv39, 56, ZICFISS);

    cr_expect(oracle_mark(&mode, 0, 0x1cc7) == 0x1dc3);
    cr_expect(oracle_mark(&mode, 0, 0x1ccf) == 0x1dcb);
    cr_expect(oracle_write_protected(&mode, 0, 0x1cc5) == 0x1cc5);
    cr_expect(oracle_writes(&mode, true, 0x1cc5));
    cr_expect(!oracle_writes(&mode, true, 0x1cc3));
    cr_expect(oracle_marked(&mode, 0, 0x1dc3));
    cr_expect(!oracle_marked(&mode, 0, 0x1dc7));
    cr_expect(!oracle_marked(&mode, 0, 0x1cc3));
}

/* Arm Architecture Reference Manual, "Translation table descriptor formats". */
static const struct vector aarch64_4k_vectors[] = {
    /* What Hyperlight writes there: a page that is read-only, not to be executed,
     * copy-on-write; a table. */
    {0, 48, 0, 0x0040000000020f03, MAP, 0x20000, "wx"},
    {0, 48, 0, 0x0060000000020f03, MAP, 0x20000, "w"},
    {0, 48, 0, 0x0040000000020f83, MAP, 0x20000, "x"},
    {0, 48, 0, 0x0060000000020f83, MAP, 0x20000, ""},
    {0, 48, 0, 0x00e0000000020f83, MAP, 0x20000, ""},
    {0, 48, 0, 0x00c0000000020f83, MAP, 0x20000, "x"},
    {3, 48, 0, 0x20003, TO, 0x20000, "wxuX"},

    /* "Valid descriptor": bits 1:0 */
    {0, 48, 0, 0x20002, ABSENT, 0, ""},
    {0, 48, 0, 0xfffffffffffffffe, ABSENT, 0, ""},
    {0, 48, 0, 0x20001, BAD, 0, ""}, /* level 3: reserved */
    {1, 48, 0, 0x200001, MAP, 0x200000, "wxX"},
    {2, 48, 0, 0x40000001, MAP, 0x40000000, "wxX"},
    {3, 48, 0, 0x8000000001, BAD, 0, ""}, /* no block at level 0 */
    {2, 48, 0, 0x20003, TO, 0x20000, "wxuX"},

    /* "Stage 1 data access permissions": AP[2:1] */
    {0, 48, 0, 0x20403, MAP, 0x20000, "wxX"},
    {0, 48, 0, 0x20443, MAP, 0x20000, "wxuX"},
    {0, 48, 0, 0x20483, MAP, 0x20000, "xX"},
    {0, 48, 0, 0x204c3, MAP, 0x20000, "xuX"},

    /* "Stage 1 instruction execution": UXN, PXN */
    {0, 48, 0, 0x00200000000204c3, MAP, 0x20000, "uX"},
    {0, 48, 0, 0x00400000000204c3, MAP, 0x20000, "xu"},
    {0, 48, 0, 0x00600000000204c3, MAP, 0x20000, "u"},

    /* "Hierarchical permissions": APTable, UXNTable, PXNTable */
    {1, 48, 0, 0x0800000000020003, TO, 0x20000, "wuX"},
    {1, 48, 0, 0x1000000000020003, TO, 0x20000, "wxu"},
    {1, 48, 0, 0x2000000000020003, TO, 0x20000, "wxX"},
    {1, 48, 0, 0x4000000000020003, TO, 0x20000, "xuX"},
    {1, 48, 0, 0x8000000000020003, TO, 0x20000, "wxuX"}, /* NSTable */
    {3, 48, 0, 0x7800000000020003, TO, 0x20000, ""},
    {1, 48, HPD, 0x7800000000020003, TO, 0x20000, "wxuX"},

    /* What no walk looks at: AttrIndx, NS, SH, AF, nG; DBM, contiguous, software;
     * RES0 */
    {0, 48, 0, 0x2073f, MAP, 0x20000, "wxX"},
    {0, 48, 0, 0x0798000000020c03, MAP, 0x20000, "wxX"},
    {0, 48, HD, 0x0008000000020483, MAP, 0x20000, "xX"},
    {0, 48, 0, 0x0007000000020003, MAP, 0x20000, "wxX"},
    {1, 48, 0, 0x21f001, MAP, 0x200000, "wxX"},
    {1, 48, 0, 0x07ff000000020fff, TO, 0x20000, "wxuX"},

    /* "Address size fault" */
    {0, 48, 0, 0xfffffffff003, MAP, 0xfffffffff000, "wxX"},
    {0, 40, 0, 0x10000020003, BAD, 0, ""},
    {1, 40, 0, 0x10000200001, BAD, 0, ""},
    {1, 40, 0, 0x800000020003, BAD, 0, ""},
};

Test(oracle_formats, aarch64_with_4k_is_as_the_manual_has_it)
{
    reads(&oracle_aarch64_4k_48, aarch64_4k_vectors,
          sizeof aarch64_4k_vectors / sizeof *aarch64_4k_vectors);
    reads(&oracle_aarch64_4k_48_upper, aarch64_4k_vectors,
          sizeof aarch64_4k_vectors / sizeof *aarch64_4k_vectors);
}

/* With DS, bits 9:8 are address bits 51:50, and 49:48 are address bits. */
static const struct vector aarch64_lpa2_vectors[] = {
    {0, 52, 0, 0x0003000000020003, MAP, 0x0003000000020000, "wxX"},
    {0, 52, 0, 0x0000000000020103, MAP, 0x0004000000020000, "wxX"},
    {0, 52, 0, 0x0003fffffffff303, MAP, 0x000ffffffffff000, "wxX"},
    {0, 52, 0, 0x0007000000020003, MAP, 0x0003000000020000, "wxX"},
    {0, 50, 0, 0x0000000000020103, BAD, 0, ""},
    {0, 48, 0, 0x0001000000020003, BAD, 0, ""},
    {4, 52, 0, 0x0002000000020203, TO, 0x000a000000020000, "wxuX"},
    {4, 52, 0, 0x0001000000000001, BAD, 0, ""}, /* level -1 has no block */
    {3, 52, 0, 0x0000008000000201, MAP, 0x0008008000000000, "wxX"},
    {1, 52, 0, 0x0000000000200301, MAP, 0x000c000000200000, "wxX"},
};

/* The same with pages of 16 KB. */
static const struct vector aarch64_16k_lpa2_vectors[] = {
    {0, 52, 0, 0x000000000000c203, MAP, 0x000800000000c000, "wxX"},
    {0, 52, 0, 0x000000000000f003, MAP, 0x000000000000c000, "wxX"},
    {1, 52, 0, 0x0000000006000101, MAP, 0x0004000006000000, "wxX"},
    {2, 52, 0, 0x0000003000000001, MAP, 0x0000003000000000, "wxX"},
    {3, 52, 0, 0x0000800000000001, BAD, 0, ""},
    {3, 52, 0, 0x0000800000004203, TO, 0x0008800000004000, "wxuX"},
};

static const struct vector aarch64_16k_vectors[] = {
    {0, 48, 0, 0x0000000000028003, MAP, 0x0000000000028000, "wxX"},
    {1, 48, 0, 0x0000000006000001, MAP, 0x0000000006000000, "wxX"},
    {2, 48, 0, 0x0000003000000001, BAD, 0, ""}, /* no block at level 1 */
    {2, 48, 0, 0x000000000000c303, TO, 0x000000000000c000, "wxuX"},
};

/* With the 64 KB granule and FEAT_LPA, bits 15:12 are address bits 51:48. */
static const struct vector aarch64_64k_vectors[] = {
    {0, 52, 0, 0x000000000003f003, MAP, 0x000f000000030000, "wxX"},
    {0, 48, 0, 0x000000000003f003, MAP, 0x0000000000030000, "wxX"},
    {0, 52, 0, 0x0000ffffffff1003, MAP, 0x0001ffffffff0000, "wxX"},
    {1, 52, 0, 0x0000000020002001, MAP, 0x0002000020000000, "wxX"},
    {1, 48, 0, 0x0000000020002001, MAP, 0x0000000020000000, "wxX"},
    {2, 52, 0, 0x0000040000001001, MAP, 0x0001040000000000, "wxX"},
    {2, 48, 0, 0x0000040000000001, BAD, 0, ""}, /* no block at level 1 */
    {2, 52, 0, 0x0000000000032003, TO, 0x0002000000030000, "wxuX"},
    {2, 44, 0, 0x0000100000030003, BAD, 0, ""},
};

Test(oracle_formats, aarch64_with_other_granules_is_as_the_manual_has_it)
{
    reads(&oracle_aarch64_4k_52, aarch64_lpa2_vectors,
          sizeof aarch64_lpa2_vectors / sizeof *aarch64_lpa2_vectors);
    reads(&oracle_aarch64_16k_52, aarch64_16k_lpa2_vectors,
          sizeof aarch64_16k_lpa2_vectors / sizeof *aarch64_16k_lpa2_vectors);
    reads(&oracle_aarch64_16k_47, aarch64_16k_vectors,
          sizeof aarch64_16k_vectors / sizeof *aarch64_16k_vectors);
    reads(&oracle_aarch64_64k_52, aarch64_64k_vectors,
          sizeof aarch64_64k_vectors / sizeof *aarch64_64k_vectors);
    reads(&oracle_aarch64_64k_48, aarch64_64k_vectors,
          sizeof aarch64_64k_vectors / sizeof *aarch64_64k_vectors);
}

/* Where there is one privilege, bit 54 is XN, 60 is XNTable, and AP[1] is RES1. */
static const struct vector aarch64_el2_vectors[] = {
    {0, 48, 0, 0x0000000000020443, MAP, 0x20000, "wx"},
    {0, 48, 0, 0x0000000000020403, MAP, 0x20000, "wx"},
    {0, 48, 0, 0x00000000000204c3, MAP, 0x20000, "x"},
    {0, 48, 0, 0x0040000000020443, MAP, 0x20000, "w"},
    {0, 48, 0, 0x0020000000020443, MAP, 0x20000, "wx"},
    {3, 48, 0, 0x1000000000020003, TO, 0x20000, "w"},
    {3, 48, 0, 0x4000000000020003, TO, 0x20000, "x"},
    {3, 48, 0, 0x2800000000020003, TO, 0x20000, "wx"},
    {3, 48, HPD, 0x7800000000020003, TO, 0x20000, "wx"},
};

Test(oracle_formats, aarch64_of_el2_is_as_the_manual_has_it)
{
    reads(&oracle_aarch64_4k_40_el2, aarch64_el2_vectors,
          sizeof aarch64_el2_vectors / sizeof *aarch64_el2_vectors);
}

/* "Hardware management of dirty state". */
Test(oracle_formats, aarch64_writes_through_what_has_dbm)
{
    struct oracle_mode hd = mode_of(&oracle_aarch64_4k_48, 48, HD);
    struct oracle_mode no = mode_of(&oracle_aarch64_4k_48, 48, 0);

    cr_expect(oracle_writes(&hd, true, 0x20403));
    cr_expect(!oracle_writes(&hd, true, 0x20483));
    cr_expect(oracle_writes(&hd, true, 0x0008000000020483));
    cr_expect(!oracle_writes(&hd, false, 0x0008000000020483));
    cr_expect(!oracle_writes(&no, true, 0x0008000000020483));
    cr_expect(oracle_mark(&hd, 0, 0x0008000000020403) == 0x0080000000020483);
    cr_expect(oracle_marked(&hd, 0, 0x0080000000020483));
    cr_expect(!oracle_marked(&hd, 0, 0x0080000000020403));
}

/* Intel SDM vol. 3A, "Protection Keys": bits 62:59 of a leaf, with CR4.PKE; else
 * software's. */
Test(oracle_formats, x86_has_keys_with_pke)
{
    struct oracle_mode with = mode_of(&oracle_amd64, 52, 0);
    struct oracle_mode without = with;
    struct oracle_mode narrow = mode_of(&oracle_pae, 52, 0);
    const uint64_t bits = 0x7800000000000000;

    with.pke = true;
    narrow.pke = true;
    cr_expect(oracle_keys(&with) == 16);
    cr_expect(oracle_key(&with, 0xf800000000005067) == 15);
    cr_expect(oracle_key(&with, 0x0800000000005067) == 1);
    cr_expect((oracle_free_bits(&with, 0, 0x5067) & bits) == 0);
    cr_expect((oracle_free_bits(&with, 1, 0x5067) & bits) == bits);
    cr_expect(oracle_keys(&without) == 1);
    cr_expect(oracle_key(&without, 0xf800000000005067) == 0);
    cr_expect((oracle_free_bits(&without, 0, 0x5067) & bits) == bits);
    cr_expect(oracle_keys(&narrow) == 1);
}

/* "Stage 1 Indirect permissions", and "Hierarchical permissions are disabled". */
static const struct vector aarch64_pie_vectors[] = {
    {0, 48, PIE, 0x00600000000204c3, MAP, 0x20000, "ru"},
    {0, 48, PIE, 0x0060000000020443, MAP, 0x20000, "ru"},
    {0, 48, PIE, 0x0068000000020443, MAP, 0x20000, "rwu"},
    {0, 48, PIE, 0x00680000000204c3, MAP, 0x20000, "ru"},
    {0, 48, PIE, 0x00200000000204c3, MAP, 0x20000, "ruX"},
    {0, 48, PIE, 0x0028000000020443, MAP, 0x20000, "rwuX"},
    {0, 48, PIE, 0x0020000000020483, MAP, 0x20000, "X"},
    {0, 48, PIE, 0x0068000000020403, MAP, 0x20000, "rw"},
    {0, 48, PIE, 0x0060000000020483, MAP, 0x20000, "r"},
    {0, 48, PIE, 0x0040000000020483, MAP, 0x20000, "rx"},
    {0, 48, PIE, 0x0048000000020403, MAP, 0x20000, "rwx"},
    {0, 48, PIE, 0x0000000000020403, MAP, 0x20000, ""},
    {3, 48, PIE, 0x7800000000020003, TO, 0x20000, "rwxuX"},
    {3, 48, PIE | HPD, 0x7800000000020003, TO, 0x20000, "rwxuX"},
};

/* The same with one privilege: PIR alone counts. */
static const struct vector aarch64_el2_pie_vectors[] = {
    {0, 48, PIE, 0x00200000000204c3, MAP, 0x20000, "r"},
    {0, 48, PIE, 0x0028000000020443, MAP, 0x20000, "rw"},
    {0, 48, PIE, 0x0048000000020403, MAP, 0x20000, "rwx"},
    {3, 48, PIE, 0x5000000000020003, TO, 0x20000, "rwx"},
};

Test(oracle_formats, aarch64_with_indirect_permissions_is_as_the_manual_has_it)
{
    reads(&oracle_aarch64_4k_48, aarch64_pie_vectors,
          sizeof aarch64_pie_vectors / sizeof *aarch64_pie_vectors);
    reads(&oracle_aarch64_4k_40_el2, aarch64_el2_pie_vectors,
          sizeof aarch64_el2_pie_vectors / sizeof *aarch64_el2_pie_vectors);
}

/* Index 0 with these permissions, of the privileged and of EL0: rights, whether the
 * guest writes, and whether an edit may take it for such rights. */
static const struct {
    unsigned privileged;
    unsigned user;
    const char *rights;
    bool writes;
    bool asked_for;
} permissions[] = {
    {0x1, 0x0, "r", false, true},
    {0x2, 0x0, "x", false, true},
    {0x3, 0x3, "rxuX", false, true},
    {0x4, 0x0, "", false, true},
    {0x5, 0x1, "rw", true, true},
    {0x5, 0x5, "rwu", true, true},
    {0x6, 0x0, "rw", true, true},
    {0x7, 0x0, "rwx", true, true},
    {0x8, 0x8, "ru", false, true},
    {0xa, 0x2, "rxX", false, true},
    {0xb, 0x0, "", false, true},
    {0xc, 0xe, "rwuX", true, true},
    {0xd, 0x0, "", false, true},
    {0xf, 0x0, "", false, true},
    {0xe, 0x8, "rwx", true, true},
    {0x5, 0x6, "rwu", true, true},
    /* EL0 alone writes; a guarded control stack. */
    {0x1, 0x5, "r", true, false},
    {0x9, 0x0, "r", true, false},
    {0x1, 0x9, "ru", true, false},
    /* What EL0 writes the privileged don't run, nor have as a control stack: none
     * has anything. */
    {0x7, 0x5, "", false, true},
    {0xa, 0xc, "", false, true},
    {0x9, 0x9, "", false, true},
    {0x9, 0x5, "", false, true},
    {0xe, 0x9, "", false, true},
    {0x6, 0x5, "", false, true},
};

Test(oracle_formats, aarch64_knows_every_permission)
{
    for (size_t i = 0; i < sizeof permissions / sizeof *permissions; i++) {
        struct oracle_mode mode = mode_of(&oracle_aarch64_4k_48, 48, PIE);
        struct oracle_entry is = {ORACLE_MAPS, 0x20000,
                                  rights_in(&mode, MAP, permissions[i].rights)};
        uint64_t clean = (is.rights & ORACLE_WRITE) == 0 ? 0x80 : 0;
        uint64_t raw = 0;
        bool found;

        /* Other indices grant what is not asked for here. */
        mode.pir = 0xEEEEEEEEEEEEEEE0 | permissions[i].privileged;
        mode.pire0 = 0xCCCCCCCCCCCCCCC0 | permissions[i].user;
        mode.pir = is.rights == 0
                       ? 0x9999999999999990 | permissions[i].privileged
                       : mode.pir;
        mode.pire0 = is.rights == 0 ? permissions[i].user : mode.pire0;
        cr_expect(mode.format->decode(&mode, 0x20403, 0).rights == is.rights,
                  "%zu", i);
        cr_expect(oracle_writes(&mode, true, 0x20403) == permissions[i].writes,
                  "%zu", i);
        cr_expect(!oracle_writes(&mode, false, 0x20403));
        found = oracle_encode(&mode, 0, &is, &raw);
        cr_expect(found == permissions[i].asked_for, "%zu", i);
        cr_expect(!found || raw == (0x20003 | clean), "%zu: %llx", i,
                  (unsigned long long)raw);
    }
}

/* "Hardware management of dirty state": nDirty is cleared by a write. */
Test(oracle_formats, aarch64_writes_to_what_is_clean_where_the_processor_does)
{
    struct oracle_mode hd = mode_of(&oracle_aarch64_4k_48, 48, HD | PIE);
    struct oracle_mode no = mode_of(&oracle_aarch64_4k_48, 48, PIE);

    cr_expect(oracle_writes(&hd, true, 0x0068000000020403));
    cr_expect(oracle_writes(&hd, true, 0x0068000000020483));
    cr_expect(!oracle_writes(&hd, true, 0x0060000000020403));
    cr_expect(oracle_writes(&no, true, 0x0068000000020403));
    cr_expect(!oracle_writes(&no, true, 0x0068000000020483));
    /* Bit 51 is one of the index, and stays. */
    cr_expect(oracle_mark(&no, 0, 0x0068000000020403) == 0x00e8000000020483);
    cr_expect(oracle_marked(&no, 0, 0x00e8000000020483));
    cr_expect(!oracle_marked(&no, 0, 0x00e8000000020403));
    cr_expect(oracle_free_bits(&no, 0, 0x0060000000020483) ==
              oracle_free_bits(&no, 0, 0x0068000000020403));
    cr_expect((oracle_free_bits(&no, 0, 0x0060000000020483) &
               0x00680000000000c0) == 0);
}

/* "Linear-Address Pre-Processing": bits 63:56, or 63:47, are equal; with PAE
 * paging and 32-bit paging, addresses have 32 bits. */
Test(oracle_formats, tell_which_addresses_there_are)
{
    static const struct {
        const struct oracle_format *format;
        uint64_t first; /* of the gap */
        uint64_t last;
    } gap[] = {
        {&oracle_amd64, 0x800000000000, 0xffff7fffffffffff},
        {&oracle_amd64_la57, 0x100000000000000, 0xfeffffffffffffff},
        {&oracle_pae, 0x100000000, UINT64_MAX},
        {&oracle_i686, 0x100000000, UINT64_MAX},
        /* "Sv39", "Sv48", "Sv57": 63:39 are equal to 38, and so on. */
        {&oracle_sv32, 0x100000000, UINT64_MAX},
        {&oracle_sv39, 0x4000000000, 0xffffffbfffffffff},
        {&oracle_sv48, 0x800000000000, 0xffff7fffffffffff},
        {&oracle_sv57, 0x100000000000000, 0xfeffffffffffffff},
        /* "VA range": TTBR0 from 0 up, TTBR1 down from the last address. */
        {&oracle_aarch64_4k_48, 0x1000000000000, UINT64_MAX},
        {&oracle_aarch64_4k_39, 0x8000000000, UINT64_MAX},
        {&oracle_aarch64_4k_52, 0x10000000000000, UINT64_MAX},
        {&oracle_aarch64_4k_48_upper, 0, 0xfffeffffffffffff},
        {&oracle_aarch64_64k_42_upper, 0, 0xfffffbffffffffff},
    };

    for (size_t i = 0; i < sizeof gap / sizeof *gap; i++) {
        struct oracle_mode mode = mode_of(gap[i].format, 52, 0);
        uint64_t first;
        uint64_t last;

        oracle_gap(&mode, &first, &last);
        cr_expect(first == gap[i].first && last == gap[i].last, "%s: %llx-%llx",
                  gap[i].format->name, (unsigned long long)first,
                  (unsigned long long)last);
        cr_expect(first == 0 || oracle_canonical(&mode, first - 1));
        cr_expect(last == UINT64_MAX || oracle_canonical(&mode, last + 1));
        cr_expect(!oracle_canonical(&mode, first));
        cr_expect(!oracle_canonical(&mode, last));
    }
}

/* "CR3": PAE paging takes bits 31:5 for a table of 32 bytes, 32-bit paging
 * 31:12, and the others M-1:12, for tables of 4 KBytes. */
Test(oracle_formats, tell_where_a_root_may_be)
{
    static const struct {
        const struct oracle_format *format;
        unsigned bits;
        uint64_t bytes;
    } root[] = {
        {&oracle_amd64, 46, 0x1000},
        {&oracle_amd64_la57, 46, 0x1000},
        {&oracle_pae, 32, 32},
        {&oracle_i686, 32, 0x1000},
        {&oracle_sv32, 34, 0x1000}, /* "satp": PPN has 22 bits, */
        {&oracle_sv39, 46, 0x1000}, /* or 44 */
        {&oracle_sv57, 46, 0x1000},
        /* "TTBR0_EL1": BADDR is aligned to the size of the table */
        {&oracle_aarch64_4k_48, 46, 0x1000},
        {&oracle_aarch64_4k_52, 46, 128},
        {&oracle_aarch64_4k_40_el2, 46, 16},
        {&oracle_aarch64_16k_47, 46, 0x4000},
        {&oracle_aarch64_16k_52, 46, 256},
        {&oracle_aarch64_64k_48, 46, 512},
        {&oracle_aarch64_64k_52, 46, 0x2000},
    };

    for (size_t i = 0; i < sizeof root / sizeof *root; i++) {
        const struct oracle_format *f = root[i].format;
        struct oracle_mode mode = mode_of(f, 46, 0);

        cr_expect(f->root_pa_bits(&mode) == root[i].bits, "%s", f->name);
        cr_expect(oracle_table_bytes(f, f->levels - 1) == root[i].bytes, "%s",
                  f->name);
        cr_expect(oracle_table_bytes(f, 0) == (uint64_t)1 << f->level[0].shift,
                  "%s", f->name);
    }
    cr_expect(oracle_pae.table_pa_bits(&(struct oracle_mode){
                  .format = &oracle_pae, .pa_bits = 46}) == 46);
}

/* ------------------------------------------------------------ every format */

/* Nobody makes a regime optional that the library has. */
Test(oracle_formats, require_what_the_library_has)
{
    static const char *const names[] = {"amd64",
                                        "i686",
                                        "bare",
                                        "pae",
                                        "amd64-la57",
                                        "sv32",
                                        "sv39",
                                        "sv48",
                                        "sv57",
                                        "aarch64-4k-48",
                                        "aarch64-4k-39",
                                        "aarch64-4k-52-lpa2",
                                        "aarch64-4k-48/upper",
                                        "aarch64-4k-40/el2",
                                        "aarch64-16k-47",
                                        "aarch64-16k-52-lpa2",
                                        "aarch64-64k-48",
                                        "aarch64-64k-52",
                                        "aarch64-64k-42/upper",
                                        "aarch64-4k-21"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool required = false;

        for (unsigned k = 0; k < ORACLE_REQUIRED; k++) {
            required |= oracle_formats[k] == oracle_format_named(names[i]);
        }
        cr_expect(required, "%s", names[i]);
    }
}

/* Levels fit together, and the top one has the addresses that are left. */
Test(oracle_formats, have_levels_that_tile)
{
    for (unsigned i = 0; i < ORACLE_FORMATS; i++) {
        const struct oracle_format *f = oracle_formats[i];
        unsigned bits = f->levels > 0 ? f->level[0].shift : 0;

        cr_expect(oracle_format_named(f->name) == f);
        for (unsigned level = 0; level < f->levels; level++) {
            cr_expect(f->level[level].shift == bits, "%s, level %u", f->name,
                      level);
            cr_expect(
                (f->level[level].entries & (f->level[level].entries - 1)) == 0);
            for (unsigned n = f->level[level].entries; n > 1; n /= 2) {
                bits++;
            }
        }
        cr_expect(bits == f->va_bits, "%s: %u", f->name, bits);
    }
    cr_expect(oracle_format_named("alpha") == NULL);
}

/* encode is decode's inverse, as far as there is an entry. */
static void check_encode(const struct oracle_mode *mode, unsigned level,
                         unsigned bits, unsigned rights)
{
    const struct oracle_format *f = mode->format;
    struct oracle_entry is = {bits % 2 == 0 ? ORACLE_TABLE : ORACLE_MAPS,
                              (uint64_t)1 << bits / 2, rights};
    bool maps = is.kind == ORACLE_MAPS;
    unsigned width =
        maps ? f->leaf_pa_bits(mode, level) : f->table_pa_bits(mode);
    uint64_t align = maps        ? (uint64_t)1 << f->level[level].shift
                     : level > 0 ? oracle_table_bytes(f, level - 1)
                                 : 1;
    bool fits = is.pa >= align && bits / 2 < width;
    bool there = maps ? level == 0 || f->large(mode, level) : level > 0;
    bool granted = (f->granted(mode) & ~rights) == 0;
    uint64_t raw;

    if (!oracle_encode(mode, level, &is, &raw)) {
        /* Less than all can be granted, but not everywhere. */
        cr_expect(!fits || !there || !granted || rights != f->rights,
                  "%s: %u %u %u", f->name, level, bits, rights);
        return;
    }
    cr_expect(fits && there && granted, "%s: %u %u %u", f->name, level, bits,
              rights);
    cr_expect((raw & (oracle_reserved_bits(mode, level, raw) |
                      oracle_free_bits(mode, level, raw))) == 0);
    cr_expect((raw & (f->accessed | f->dirty)) == 0);
}

Test(oracle_formats, write_what_they_read)
{
    for (unsigned i = 0; i < ORACLE_FORMATS * 4; i++) {
        struct oracle_mode mode =
            mode_of(oracle_formats[i / 4], 33 + 6 * (i % 4), i % 4);

        for (unsigned level = 0; level < mode.format->levels; level++) {
            for (unsigned bits = 0; bits < 2 * 64; bits++) {
                for (unsigned rights = 0; rights <= mode.format->rights;
                     rights++) {
                    check_encode(&mode, level, bits, rights);
                }
            }
        }
    }
}

/* Each bit of an entry is of one kind: it has to be clear, it is the software's,
 * or it means something. */
Test(oracle_formats, know_every_bit)
{
    for (unsigned i = 0; i < ORACLE_FORMATS; i++) {
        struct oracle_mode mode = mode_of(oracle_formats[i], 40, 0);

        for (unsigned level = 0; level < mode.format->levels; level++) {
            struct oracle_entry is = {ORACLE_MAPS, 0, mode.format->rights};
            uint64_t raw = 0;

            if (!oracle_encode(&mode, level, &is, &raw)) {
                continue;
            }
            cr_expect((oracle_reserved_bits(&mode, level, raw) &
                       oracle_free_bits(&mode, level, raw)) == 0);
            cr_expect((oracle_free_bits(&mode, level, raw) &
                       (mode.format->accessed | mode.format->dirty)) ==
                      (mode.format->accessed | mode.format->dirty));
        }
    }
}
