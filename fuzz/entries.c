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
