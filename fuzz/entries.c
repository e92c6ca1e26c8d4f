/* SPDX-License-Identifier: Apache-2.0 */
#include "entries.h"

#define HEX(v) ((unsigned long long)(v))

bool fz_next_number(const struct fz_case *w, struct fz_records *in)
{
    while (fz_next_record(w, in)) {
        if (fz_op_of(in->record) == OP_RAW) {
            return true;
        }
    }
    return false;
}

uint64_t fz_number(const struct fz_case *w, const struct fz_records *in)
{
    uint64_t raw = fz_get(in->record, RAW_IS);

    return w->entry_bytes == 4 ? (uint32_t)raw : raw;
}

uint64_t fz_check_parts(const struct ptw_regime *r, unsigned level,
                        uint64_t raw, bool there)
{
    struct ptw_entry_field field[PTW_MAX_FIELDS];
    size_t fields = ptw_entry_fields(r, level, raw, field);
    uint64_t in = 0;

    if (fields > PTW_MAX_FIELDS || (!there && fields != 0)) {
        fz_stop(ASK_ENTRIES, "%llx of level %u has %zu parts", HEX(raw), level,
                fields);
    }
    for (size_t i = 0; i < fields; i++) {
        const struct ptw_entry_field *p = &field[i];
        uint64_t bits;

        if (p->high > 63 || p->low > p->high || p->name == NULL) {
            fz_stop(ASK_ENTRIES, "%llx of level %u has the part %u to %u",
                    HEX(raw), level, p->high, p->low);
        }
        bits = UINT64_MAX >> (63 - p->high) & UINT64_MAX << p->low;
        if ((in & bits) != 0 ||
            (!p->number && (p->high != p->low || (raw & bits) == 0))) {
            fz_fail(ASK_ENTRIES, "%llx of level %u has the part %s, %u to %u",
                    HEX(raw), level, p->name, p->high, p->low);
        }
        in |= bits;
    }
    return in;
}

void fz_check_bare(const struct ptw_regime *r)
{
    static const enum ptw_right right[] = {PTW_READ, PTW_WRITE, PTW_EXEC,
                                           PTW_USER};

    if (ptw_levels(r) != 0 || ptw_page_size(r) != 1 ||
        ptw_entry_bytes(r) != 0 || ptw_is_x86(r) || ptw_is_riscv(r) ||
        ptw_is_aarch64(r) || strcmp(ptw_right_letters(r), "rwxu") != 0) {
        fz_fail(ASK_REGIMES, "bare has tables, or is one of a family");
    }
    for (unsigned above = 0; above <= PTW_ALL_RIGHTS; above++) {
        for (unsigned i = 0; i < 16; i++) {
            struct ptw_access a = {.right = right[i & 3],
                                   .user = (i & 4) != 0,
                                   .shadow_stack = (i & 8) != 0};

            if (ptw_access_allowed(r, above, 0, 0, &a) !=
                (!a.shadow_stack && (above & a.right) != 0)) {
                fz_fail(ASK_ACCESSES,
                        "bare, rights %x: access %d is judged wrongly%s", above,
                        (int)a.right,
                        a.shadow_stack ? ", to a shadow stack" : "");
            }
        }
        if (ptw_guest_writes(r, above, 0, 0) != ((above & PTW_WRITE) != 0) ||
            ptw_shadow_stack(r, above, 0, 0)) {
            fz_fail(ASK_ACCESSES, "bare, rights %x: whether the guest writes",
                    above);
        }
    }
}
