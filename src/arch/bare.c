/* SPDX-License-Identifier: Apache-2.0 */
/* bare: paging is off, and an address is itself.
 *
 * Intel SDM vol. 3A, "Paging Modes and Control Bits": with CR0.PG clear, linear
 * addresses are treated as physical addresses.  The RISC-V Instruction Set
 * Manual: Volume II, "Supervisor Address Translation and Protection (satp)
 * Register": Bare is no translation or protection.  There are no tables, hence
 * no levels, no entries and no aliases; the whole space is one leaf. */
#include "archs.h"
#include "instance.h"
#include "walk/iterate.h"

static void bare_setup(struct ptw_regime *r)
{
    (void)r;
}

static struct ptw_attributes bare_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw)
{
    struct ptw_attributes none = {0};

    (void)r;
    (void)level;
    (void)raw;
    return none;
}

static bool bare_guest_writes(const struct ptw_regime *r, unsigned above,
                              uint64_t raw)
{
    (void)r;
    (void)raw;
    return (above & PTW_WRITE) != 0;
}

static bool bare_shadow_stack(const struct ptw_regime *r, unsigned above,
                              uint64_t raw)
{
    (void)r;
    (void)above;
    (void)raw;
    return false;
}

static bool bare_access_allowed(const struct ptw_regime *r, unsigned above,
                                unsigned level, uint64_t raw,
                                const struct ptw_access *access)
{
    (void)r;
    (void)level;
    (void)raw;
    return !access->shadow_stack && (above & access->right) != 0;
}

static struct ptw_alias_ref bare_alias_get(const union ptw_alias *alias,
                                           unsigned *level)
{
    (void)level;
    ptw_absurd(alias->bare);
}

static union ptw_alias_level bare_alias_level(unsigned level)
{
    (void)level;
    return (union ptw_alias_level){.bare = NULL};
}

static unsigned bare_level_number(const union ptw_alias_level *level)
{
    (void)level;
    return 0;
}

enum { BARE_RIGHTS = PTW_READ | PTW_WRITE | PTW_USER | PTW_EXEC };

static const struct ptw_format bare = {.levels = 0, .rights = BARE_RIGHTS};

PTW_LOOKUPS(bare);

static enum ptw_status bare_next(struct ptw_walk *w, struct ptw_item *item,
                                 size_t room, size_t *items)
{
    return ptw_iterate(&bare, w, item, room, items);
}

static enum ptw_status bare_map(struct ptw_tables *t,
                                const struct ptw_map_request *q)
{
    (void)t;
    (void)q;
    return PTW_E_REGIME;
}

#define BARE_ARCH                                                              \
    .name = "bare", .id = PTW_ARCH_BARE, .format = &bare, .root_bits = 64,     \
    .granted = BARE_RIGHTS, .letters = "rwxu", .setup = bare_setup,            \
    .attributes = bare_attributes, .present_text = "",                         \
    .guest_writes = bare_guest_writes, .shadow_stack = bare_shadow_stack,      \
    .access_allowed = bare_access_allowed, .alias_get = bare_alias_get,        \
    .alias_level = bare_alias_level, .level_number = bare_level_number,        \
    PTW_LOOKUPS_OF(bare), .next = bare_next, .map = bare_map

const struct ptw_arch ptw_arch_bare = {BARE_ARCH, .widths = &ptw_x86_widths};

const struct ptw_arch ptw_arch_bare_riscv = {
    BARE_ARCH,
    .widths = &ptw_riscv_widths,
};
