/* SPDX-License-Identifier: Apache-2.0 */
/* ELF cores: segments, notes, Xen's sections. */
#include "check.h"
#include "elf_core.h"
#include "facts.h"

#include <elf.h>
#include <string.h>

enum { MOST = 256 };

/* Segments as the system's own header has them, of 64-bit cores that say their
 * number in the first header: what is left of the file counts.  physical: its
 * notes are of a machine, so that no address of memory is a virtual one. */
static size_t claims_of(const uint8_t *data, size_t len, bool physical,
                        struct claim claim[MOST])
{
    Elf64_Ehdr head;
    size_t n = 0;

    if (len < sizeof head) {
        return 0;
    }
    memcpy(&head, data, sizeof head);
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phnum > MOST) {
        return 0;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < head.e_phnum; i++) {
            uint64_t at = head.e_phoff + i * head.e_phentsize;
            uint64_t pa;
            Elf64_Phdr p;

            memcpy(&p, data + at, sizeof p);
            if (p.p_type != PT_LOAD) {
                continue;
            }
            physical = physical || p.p_paddr != 0;
            pa = physical ? p.p_paddr : p.p_vaddr;
            if (pass == 0 || p.p_filesz == 0 || p.p_offset >= len ||
                pa == UINT64_MAX) {
                continue;
            }
            claim[n].pa = pa;
            claim[n].offset = p.p_offset;
            claim[n].bytes =
                p.p_filesz < len - p.p_offset ? p.p_filesz : len - p.p_offset;
            if (claim[n].bytes - 1 > UINT64_MAX - pa) {
                claim[n].bytes = UINT64_MAX - pa + 1;
            }
            n++;
        }
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    struct facts f;
    bool opened = elf_core_read(&r, &d);
    size_t roots = 0;
    struct claim claim[MOST];

    check_dump(&d, opened, len);
    if (opened) {
        facts_find(&d, &f);
        say_facts(&f);
        roots = f.roots;
        facts_free(&f);
    }
    if (opened) {
        size_t n =
            claims_of(data, len, d.cpus > 0 || d.vmcoreinfo != NULL, claim);

        check_claims(&d, claim, n);
        check_that(d.long_mode_known || d.family != DUMP_X86 || d.cpus > 0,
                   "the mode of x86 is known, or that of processors is open");
        check_that(!d.paravirtual || roots <= 2 * d.cpus,
                   "a processor of Xen's has two tables at most");
    }
    dump_free(&d);
    return 0;
}
