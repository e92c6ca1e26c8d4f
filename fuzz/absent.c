/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are not present, and what a system keeps in them. */
#include "check.h"
#include "conventions.h"
#include "entries.h"

#define HEX(v) ((unsigned long long)(v))

static struct fz_case described;

/* A frame is named, and so is any whose address has no other bits; what else is in
 * the entry stays. */
static void check_frame(const struct fz_case *w, const struct ptw_absent *a,
                        unsigned level, uint64_t raw, uint64_t other,
                        const struct fz_named *was,
                        const struct ptw_absent_entry *e)
{
    const struct ptw_regime *r = &w->regime;
    uint64_t size = (uint64_t)1 << fz_shift(w, level);
    uint64_t mark = ~raw;
    uint64_t out = mark;
    uint64_t pa = other - other % size;
    struct fz_named now;
    enum ptw_status st;

    if (e->size_log2 != fz_shift(w, level)) {
        fz_fail(ASK_ABSENT, "%llx, level %u: the frame has 1 << %u bytes",
                HEX(raw), level, e->size_log2);
    }
    st = ptw_absent_write(a, r, level, raw, ptw_pa_of(e->pa.v | 8), &out);
    if (st != PTW_E_ALIGN || out != mark) {
        fz_fail(ASK_ABSENT,
                "%llx, level %u, is to name a frame that is not "
                "aligned: %s",
                HEX(raw), level, ptw_status_text(st));
    }
    for (unsigned i = 0; i < 2; i++, pa &= e->pa.v) {
        out = mark;
        st = ptw_absent_write(a, r, level, raw, ptw_pa_of(pa), &out);
        if (st == PTW_E_WIDTH && (pa & ~e->pa.v) != 0 && out == mark) {
            continue;
        }
        if (st != PTW_OK) {
            fz_fail(ASK_ABSENT, "%llx, level %u, is to name %llx: %s", HEX(raw),
                    level, HEX(pa), ptw_status_text(st));
            continue;
        }
        now = fz_named(&w->mode, a, level, out);
        if (now.what != FZ_NAMES_FRAME || now.pa != pa ||
            now.rest != was->rest) {
            fz_fail(ASK_ABSENT,
                    "%llx, level %u, is to name %llx and becomes %llx",
                    HEX(raw), level, HEX(pa), HEX(out));
        }
        if (ptw_absent_write(a, r, level, out, e->pa, &out) != PTW_OK ||
            out != raw) {
            fz_fail(ASK_ABSENT, "%llx, level %u, there and back, is %llx",
                    HEX(raw), level, HEX(out));
        }
    }
}

static void check_entry(const struct fz_case *w, const struct ptw_absent *a,
                        unsigned level, uint64_t raw, uint64_t other)
{
    static const enum ptw_absent_kind kind[] = {
        [FZ_NAMES_NOTHING] = PTW_ABSENT_NO_FRAME,
        [FZ_NAMES_FRAME] = PTW_ABSENT_FRAME,
        [FZ_NAMES_WHO_KNOWS] = PTW_ABSENT_UNKNOWN,
    };
    struct ptw_absent_entry e = ptw_absent_read(a, &w->regime, level, raw);
    bool absent = raw != 0 && !oracle_present(&w->mode, level, raw);
    struct fz_named is = {
        .what = FZ_NAMES_NOTHING,
        .rest = raw,
        .use = absent ? PTW_ABSENT_OTHER : PTW_ABSENT_NOTHING,
    };
    uint64_t out = ~raw;

    if (a->policy > PTW_ABSENT_CLEAR && absent) {
        is = fz_named(&w->mode, a, level, raw);
    }
    fz_note((uint64_t)e.kind);
    fz_note(e.pa.v);
    if (e.kind != kind[is.what] ||
        e.pa.v != (is.what == FZ_NAMES_FRAME ? is.pa : 0) ||
        e.rights != (is.what == FZ_NAMES_FRAME ? is.rights : 0)) {
        fz_fail(ASK_ABSENT,
                "%llx, level %u, under %s names %d, %llx, rights %x; not %d, "
                "%llx, %x",
                HEX(raw), level, ptw_absent_name(a->policy), (int)e.kind,
                HEX(e.pa.v), e.rights, (int)kind[is.what], HEX(is.pa),
                is.rights);
    }
    if (e.use != is.use || e.store != is.store || e.slot != is.slot) {
        fz_fail(ASK_ABSENT,
                "%llx, level %u, under %s is %s, %u, %llx; not %s, %u, %llx",
                HEX(raw), level, ptw_absent_name(a->policy),
                ptw_absent_use_text(e.use), e.store, HEX(e.slot),
                ptw_absent_use_text(is.use), is.store, HEX(is.slot));
    }
    if (e.kind == PTW_ABSENT_FRAME) {
        check_frame(w, a, level, raw, other, &is, &e);
    } else if (ptw_absent_write(a, &w->regime, level, raw, ptw_pa_of(0),
                                &out) != PTW_E_ARG ||
               out != ~raw) {
        fz_fail(ASK_ABSENT, "%llx, level %u, names no frame, and is to name 0",
                HEX(raw), level);
    }
}

void fz_absent(const uint8_t *data, size_t len)
{
    enum { NUMBERS = 4 };

    struct fz_case *w = &described;
    struct fz_records in = fz_records_of(data, len);

    fz_case_read(w, true, data, len);
    fz_say("%s, %u bits\n", w->mode.format->name, w->mode.pa_bits);
    for (unsigned n = 0; n < NUMBERS && fz_next_number(w, &in); n++) {
        uint64_t raw = fz_number(w, &in);
        uint64_t other = fz_value(&in, FZ_PA, raw >> 3);

        fz_say("%llx, then to name %llx\n", HEX(raw), HEX(other));
        for (unsigned i = 0; i < FZ_CONVENTIONS; i++) {
            struct ptw_absent a = fz_convention(&w->mode, i);

            if (ptw_absent_check(&a, &w->regime) != PTW_OK) {
                fz_fail(ASK_ABSENT, "convention %u of %s is refused", i,
                        w->mode.format->name);
                continue;
            }
            for (unsigned level = 0; level < w->levels; level++) {
                fz_say("    %s, level %u: kind %d\n", ptw_absent_name(a.policy),
                       level,
                       (int)ptw_absent_read(&a, &w->regime, level, raw).kind);
                check_entry(w, &a, level, raw, other);
                for (unsigned bit = 0; w->thorough && bit < 8 * w->entry_bytes;
                     bit++) {
                    check_entry(w, &a, level, raw ^ (uint64_t)1 << bit, other);
                }
            }
        }
    }
    fz_case_done(w);
}
