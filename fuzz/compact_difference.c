/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_difference.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* Which leaves a kind of difference is about. */
enum sides { NEITHER = 0, OLD = 1, NEW = 2, BOTH = OLD | NEW };

static enum sides sides_of(enum ptw_difference_kind kind)
{
    switch (kind) {
    case PTW_DIFFERS_MISSING:
        return OLD;
    case PTW_DIFFERS_EXTRA:
        return NEW;
    case PTW_DIFFERS_SIZE:
    case PTW_DIFFERS_RIGHTS:
    case PTW_DIFFERS_POLICY:
    case PTW_DIFFERS_SHARED:
    case PTW_DIFFERS_JOINED:
    case PTW_DIFFERS_KEPT:
    case PTW_DIFFERS_UNREADABLE:
    case PTW_DIFFERS_BYTES:
        return BOTH;
    case PTW_DIFFERS_ATTRIBUTES: /* of a run, the new one may be gone */
        return OLD;
    case PTW_DIFFERS_NOT:
    case PTW_DIFFERS_SPACE:
    case PTW_DIFFERS_ABSENT:
    case PTW_DIFFERS_OVERLAP:
    case PTW_DIFFERS_TABLE:
    case PTW_DIFFERS_ALIAS:
    case PTW_DIFFERS_SELF:
    case PTW_DIFFERS_BAD:
    case PTW_DIFFERS_REFUSED:
        break;
    }
    return NEITHER;
}

/* One side of a difference, as the verifier has it. */
struct said {
    uint64_t pa;
    uint64_t raw;
    unsigned rights;
};

static void check_side(const struct ptw_difference *d, const char *which,
                       const struct said *is, const struct oracle_answer *a)
{
    if (a->kind != ORACLE_LEAF) {
        return; /* an entry that is not present names the page */
    }
    if (is->raw != a->raw || is->pa != a->pa + (d->va.v - a->first) ||
        is->rights != a->rights) {
        fz_fail(ASK_SPOILT,
                "%s: at %llx of space %u, the %s leaf is %llx, %llx, rights "
                "%x; and not %llx, %llx, %x",
                ptw_difference_text(d->kind), HEX(d->va.v), (unsigned)d->space,
                which, HEX(a->raw), HEX(a->pa + (d->va.v - a->first)),
                a->rights, HEX(is->raw), HEX(is->pa), is->rights);
    }
}

/* Whether all bytes of the two pages can be compared, and none differs. */
static bool same_bytes(struct fc_guest *g, const struct fc_image *m,
                       uint64_t was, uint64_t is)
{
    uint8_t bytes[FZ_PAGE];

    for (uint64_t at = 0; at < fc_page_bytes(g); at += FZ_PAGE) {
        const uint8_t *page = fc_page(m, is + at);

        if (page == NULL || !fc_readable(g, was)) {
            return false;
        }
        fc_copy(g, was + at, bytes, FZ_PAGE);
        if (memcmp(bytes, page, FZ_PAGE) != 0) {
            return false;
        }
    }
    return true;
}

void fc_check_difference(struct fc_guest *g, const struct fc_image *m,
                         const struct ptw_difference *d)
{
    const struct fz_case *w = g->w;
    struct oracle_ram ram[2] = {
        {m->tables_at, m->tables_at + m->table_bytes - 1, m->tables},
        {m->extra_at, m->extra_at + m->extra_bytes - 1, m->extra},
    };
    const struct said old = {d->old_pa.v, d->old_raw, d->old_rights};
    const struct said now = {d->new_pa.v, d->new_raw, d->new_rights};
    enum sides sides = sides_of(d->kind);
    struct oracle_answer a;
    struct oracle_answer b;

    if (d->space >= w->roots) {
        fz_fail(ASK_SPOILT, "a difference in space %u of %u",
                (unsigned)d->space, w->roots);
        return;
    }
    a = oracle_translate(&w->mode, w->ram, w->rams, w->root[d->space], d->va.v);
    b = oracle_translate(&w->mode, ram, m->extra_at != 0 ? 2 : 1,
                         m->root[d->space].table.v, d->va.v);
    if ((sides & OLD) != 0) {
        check_side(d, "old", &old, &a);
    }
    if ((sides & NEW) != 0) {
        check_side(d, "new", &now, &b);
    }
    if (d->kind == PTW_DIFFERS_MISSING && b.kind == ORACLE_LEAF) {
        fz_fail(ASK_SPOILT, "%llx of space %u is not missing", HEX(d->va.v),
                (unsigned)d->space);
    }
    if (d->kind == PTW_DIFFERS_BYTES &&
        same_bytes(g, m, d->old_pa.v, d->new_pa.v)) {
        fz_fail(ASK_SPOILT, "the bytes at %llx and at %llx do not differ",
                HEX(d->old_pa.v), HEX(d->new_pa.v));
    }
}
