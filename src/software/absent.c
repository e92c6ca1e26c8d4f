/* SPDX-License-Identifier: Apache-2.0 */
#include "software.h"

/* A system that runs on several families has a convention for each. */
enum { MOST_CONVENTIONS = 2 };

static const struct {
    const char *name;
    const struct ptw_convention *convention[MOST_CONVENTIONS];
} policies[PTW_ABSENT_POLICIES] = {
    [PTW_ABSENT_KEEP] = {"keep", {NULL}},
    [PTW_ABSENT_CLEAR] = {"clear", {NULL}},
    [PTW_ABSENT_LINUX] = {"linux", {&ptw_linux, &ptw_linux_riscv}},
    [PTW_ABSENT_LINUX_PLAIN] = {"linux-plain", {&ptw_linux, &ptw_linux_riscv}},
    [PTW_ABSENT_WINDOWS] = {"windows", {&ptw_windows}},
};

/* The convention of a policy that knows tables of r, or NULL. */
static const struct ptw_convention *convention_of(enum ptw_absent_policy policy,
                                                  const struct ptw_regime *r)
{
    for (unsigned i = 0; i < MOST_CONVENTIONS; i++) {
        const struct ptw_convention *c = policies[policy].convention[i];

        if (c != NULL && c->knows(r)) {
            return c;
        }
    }
    return NULL;
}

static bool is_policy(enum ptw_absent_policy policy)
{
    return (unsigned)policy < PTW_ABSENT_POLICIES;
}

const char *ptw_absent_name(enum ptw_absent_policy policy)
{
    return is_policy(policy) ? policies[policy].name : NULL;
}

const char *ptw_absent_use_text(enum ptw_absent_use use)
{
    switch (use) {
    case PTW_ABSENT_NOTHING:
        return "nothing";
    case PTW_ABSENT_OTHER:
        return "not known";
    case PTW_ABSENT_PROT_NONE:
        return "a page that may not be touched";
    case PTW_ABSENT_SWAP:
        return "a swap slot";
    case PTW_ABSENT_MIGRATION:
        return "a page that is moved";
    case PTW_ABSENT_TRANSITION:
        return "a page in transition";
    case PTW_ABSENT_PROTOTYPE:
        return "a prototype entry";
    case PTW_ABSENT_PAGE_FILE:
        return "a place in a page file";
    case PTW_ABSENT_DEMAND_ZERO:
        return "a page of zeros to come";
    case PTW_ABSENT_USES:
        break;
    }
    return "unknown use";
}

enum ptw_status ptw_absent_check(const struct ptw_absent *absent,
                                 const struct ptw_regime *r)
{
    const struct ptw_convention *c;

    if (!is_policy(absent->policy)) {
        return PTW_E_ARG;
    }
    if (policies[absent->policy].convention[0] == NULL) {
        return absent->migration == 0 && absent->type_at == 0 &&
                       absent->frame_bits == 0 && absent->mask == 0 &&
                       absent->page_file_at == 0
                   ? PTW_OK
                   : PTW_E_ARG;
    }
    c = convention_of(absent->policy, r);
    if (r->arch->format->levels == 0 || c == NULL) {
        return PTW_E_REGIME;
    }
    return c->check(absent, r) ? PTW_OK : PTW_E_ARG;
}

struct ptw_absent_entry ptw_absent_read(const struct ptw_absent *absent,
                                        const struct ptw_regime *r,
                                        unsigned level, uint64_t raw)
{
    const struct ptw_convention *c = convention_of(absent->policy, r);
    struct ptw_absent_entry e = {
        .kind = PTW_ABSENT_NO_FRAME,
        .size_log2 = r->arch->format->level[level].shift,
    };

    if (raw != 0 && (raw & r->arch->format->present) == 0) {
        e.use = PTW_ABSENT_OTHER;
        if (c != NULL) {
            c->read(absent, r, level, raw, &e);
        }
    }
    if (e.kind == PTW_ABSENT_FRAME &&
        ((e.pa.v & ~ptw_low_mask(r->pa_bits)) != 0 ||
         (e.pa.v & (ptw_low_mask(e.size_log2) | r->flag_bits)) != 0)) {
        e.kind = PTW_ABSENT_UNKNOWN;
    }
    if (e.kind != PTW_ABSENT_FRAME) {
        e.pa.v = 0;
        e.rights = 0;
    }
    return e;
}

enum ptw_status ptw_absent_write(const struct ptw_absent *absent,
                                 const struct ptw_regime *r, unsigned level,
                                 uint64_t raw, ptw_pa pa, uint64_t *out)
{
    struct ptw_absent_entry is = ptw_absent_read(absent, r, level, raw);
    struct ptw_absent_entry now;
    uint64_t made;

    if (is.kind != PTW_ABSENT_FRAME) {
        return PTW_E_ARG;
    }
    if ((pa.v & ptw_low_mask(is.size_log2)) != 0) {
        return PTW_E_ALIGN;
    }
    made = convention_of(absent->policy, r)->write(absent, r, level, raw, pa.v);
    now = ptw_absent_read(absent, r, level, made);
    if (now.kind != PTW_ABSENT_FRAME || now.pa.v != pa.v) {
        return PTW_E_WIDTH;
    }
    *out = made;
    return PTW_OK;
}
