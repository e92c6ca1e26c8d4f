/* SPDX-License-Identifier: Apache-2.0 */
/* The spaces of a guest, and how a host looks after them.
 *
 * What a guest starts with, or was last known to be, is an image: read-only for
 * the guest, its tables included.  A page that is written is copied to
 * scratch memory first, and so is every table on the way to it.  The kernel's
 * part is one for all spaces, by links. */
#ifndef PTW_EXAMPLES_SPACE_H
#define PTW_EXAMPLES_SPACE_H

#include "guest/guest.h"
#include "guest/play.h"
#include "vm.h"

/* Physical memory. */
static const uint64_t IMAGE_AT = 0x100000;
enum { IMAGE_MOST = 0x200000 };
static const uint64_t SCRATCH_AT = 0x400000;
enum { SCRATCH_MOST = 0x200000 };

/* A guest at rest: memory from IMAGE_AT up, spaces, and a processor whose CR3
 * is the root of one of them. */
struct image {
    enum vm_mode mode;
    uint8_t *bytes; /* IMAGE_MOST of them, of which `used` count */
    uint64_t used;
    ptw_pa root[PLAY_SPACES];
    unsigned current;
    struct vm_registers regs;
};

/* What was done for a guest. */
struct space_counts {
    unsigned long copied; /* pages */
    unsigned long zeroed;
    unsigned long moved; /* tables */
    unsigned long links;
};

/* The spaces of a guest that runs. */
struct spaces {
    struct vm *vm;
    const struct guest_header *guest;
    struct ptw_regime regime;
    struct ptw_region region[VM_MEMORIES];
    struct ptw_mem mem;
    struct ptw_movable_tables space[PLAY_SPACES];
    struct ptw_shares shares;
    uint64_t shares_storage[4096];
    uint64_t scratch; /* the next page of it */
    unsigned current;
    struct space_counts counts;
};

/* spaces_roots writes the roots of an image, which are those of that regime. */
void spaces_roots(const struct ptw_regime *regime, const struct image *image,
                  struct ptw_root root[PLAY_SPACES]);

/* spaces_init takes over the spaces of an image that lies in vm's memory.  All
 * that a processor itself writes to, and all that is shared writable, is put
 * into scratch memory. */
enum ptw_status spaces_init(struct spaces *s, struct vm *vm,
                            const struct guest_header *guest,
                            const struct image *image);

/* spaces_serve deals with a page fault in the current space: a write to a page
 * that is to be copied, or the first touch of a stack.  PTW_E_RIGHTS when it is
 * the guest's own fault. */
enum ptw_status spaces_serve(struct spaces *s, uint64_t va, uint64_t error);

/* spaces_regime is the regime of a guest in that mode. */
enum ptw_status spaces_regime(const struct vm_registers *regs,
                              const struct ptw_cpu *cpu, struct ptw_regime *r);

/* spaces_build makes the first image: the guest's program in every space, and
 * its kernel in one, to which the others have links. */
enum ptw_status spaces_build(struct image *image, const uint8_t *program,
                             size_t bytes, const struct ptw_cpu *cpu);

#endif
