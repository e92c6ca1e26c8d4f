/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_difference.h"

#include "halves.h"
#include "same_guest.h"

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
                       const struct said *is, const struct oracle_answer *a,
                       bool names_pages)
{
    if (a->kind != ORACLE_LEAF && names_pages) {
        return; /* an entry that is not present names the page */
    }
    if (a->kind != ORACLE_LEAF) {
        fz_fail(ASK_SPOILT, "%s: at %llx of space %u there is no %s leaf",
                ptw_difference_text(d->kind), HEX(d->va.v), (unsigned)d->space,
                which);
        return;
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

/* One image to the naive walker. */
struct view {
    const struct fz_case *w;
    const struct oracle_ram *ram;
    size_t rams;
};

/* A walk ends at entries that refer to their own table, as the comparison does. */
static struct oracle_mode mode_of(const struct view *v)
{
    struct oracle_mode mode = v->w->mode;

    mode.self = true;
    return mode;
}

static struct oracle_answer at_address(const struct view *v, uint64_t root,
                                       uint64_t va)
{
    const struct oracle_mode mode = mode_of(v);
    struct oracle_answer a = oracle_translate(&mode, v->ram, v->rams, root, va);

    if (fc_through_self(v->w, v->ram, v->rams, root, &a)) {
        a.kind = ORACLE_SELF;
    }
    return a;
}

/* Whether the first page of that leaf is kept, and can be read if it is of the
 * guest. */
static bool has_page(const struct fc_guest *g, const struct oracle_answer *leaf,
                     bool of_guest)
{
    return leaf->kind == ORACLE_LEAF &&
           fc_kept(g, leaf->first, leaf->first + fc_page_mask(g)) ==
               PTW_COVER_ALL &&
           (!of_guest || fc_readable(g, leaf->pa));
}

/* That no leaf of a space before that address is in one image only, or has other
 * rights but that of writing. */
static void check_before(const struct fc_guest *g, const struct view view[2],
                         const uint64_t root[2], uint64_t end, unsigned space,
                         const struct ptw_difference *d)
{
    enum { MOST = 256 };

    static struct oracle_answer answer[MOST];

    for (unsigned from = 0; from < 2 && end > 0; from++) {
        const struct view *v = &view[from];
        const struct oracle_mode mode = mode_of(v);
        size_t count = oracle_walk(&mode, v->ram, v->rams, root[from], 0,
                                   end - 1, answer, MOST);

        for (size_t i = 0; i < count; i++) {
            struct oracle_answer b;

            if (answer[i].first >= end || !has_page(g, &answer[i], from == 0)) {
                continue;
            }
            b = at_address(&view[!from], root[!from], answer[i].first);
            if (b.kind == ORACLE_REFUSED) {
                continue; /* a page became a table: no view has its bytes */
            }
            if (b.kind != ORACLE_LEAF ||
                ((b.rights ^ answer[i].rights) & ~(unsigned)PTW_WRITE) != 0) {
                fz_fail(ASK_SPOILT,
                        "the first difference is at %llx of space %u, and not "
                        "at %llx of space %u: %s",
                        HEX(answer[i].first), space, HEX(d->va.v),
                        (unsigned)d->space, ptw_difference_text(d->kind));
            }
        }
    }
}

/* Where the entry that decides about an address stands; false: nowhere. */
static bool entry_of(const struct fc_guest *g, const struct view *v,
                     uint64_t root, const struct oracle_answer *a, uint64_t *pa)
{
    const struct oracle_mode mode = mode_of(v);

    if (!oracle_table_at(&mode, v->ram, v->rams, root, a->first, a->level,
                         pa)) {
        return false;
    }
    *pa = fc_entry_at(g->w, *pa, a->level, a->first);
    return true;
}

/* Where an entry that is not present names the page, it is the one that is
 * said. */
static void check_named(struct fc_guest *g, const struct fc_image *m,
                        const struct view view[2], const uint64_t root[2],
                        const struct ptw_difference *d,
                        const struct oracle_answer *a,
                        const struct oracle_answer *b)
{
    unsigned n = g->w->entry_bytes;
    uint64_t was = d->old_raw;
    uint64_t is = d->new_raw;
    uint64_t at;

    if (a->kind == ORACLE_ABSENT && entry_of(g, &view[0], root[0], a, &at)) {
        was = fc_word(g, at, n);
    }
    if (b->kind == ORACLE_ABSENT && entry_of(g, &view[1], root[1], b, &at)) {
        is = fc_get_at(fc_page(m, at) + at % FZ_PAGE, n);
    }
    if (was != d->old_raw || is != d->new_raw) {
        fz_fail(ASK_SPOILT,
                "%s: at %llx of space %u, the entries are %llx, %llx; and not "
                "%llx, %llx",
                ptw_difference_text(d->kind), HEX(d->va.v), (unsigned)d->space,
                HEX(was), HEX(is), HEX(d->old_raw), HEX(d->new_raw));
    }
}

/* What is said of entries that are not present is what they are. */
static void check_absent(struct fc_guest *g, const struct fc_image *m,
                         const struct view view[2], const uint64_t root[2],
                         const struct ptw_difference *d,
                         const struct oracle_answer *a,
                         const struct oracle_answer *b)
{
    unsigned n = g->w->entry_bytes;
    uint64_t was = 0;
    uint64_t is = 0;
    uint64_t at;

    if (entry_of(g, &view[0], root[0], a, &at)) {
        was = fc_word(g, at, n);
    }
    if (entry_of(g, &view[1], root[1], b, &at)) {
        is = fc_get_at(fc_page(m, at) + at % FZ_PAGE, n);
    }
    if (b->kind != ORACLE_ABSENT || is != d->new_raw ||
        (a->kind == ORACLE_ABSENT && a->level == b->level &&
         was != d->old_raw)) {
        fz_fail(ASK_SPOILT,
                "%s: at %llx of space %u, it was %llx and is %llx; and not "
                "%llx, %llx",
                ptw_difference_text(d->kind), HEX(d->va.v), (unsigned)d->space,
                HEX(was), HEX(is), HEX(d->old_raw), HEX(d->new_raw));
    }
}

/* Whether the two leaves at that address bear out what is said of them. */
static bool bears_out(struct fc_guest *g, const struct fc_image *m,
                      const struct ptw_difference *d,
                      const struct oracle_answer *a,
                      const struct oracle_answer *b)
{
    const struct oracle_mode *mode = &g->w->mode;
    uint64_t page = d->va.v & ~fc_page_mask(g);

    switch ((int)d->kind) {
    case PTW_DIFFERS_MISSING:
        return b->kind != ORACLE_LEAF;
    case PTW_DIFFERS_EXTRA:
        return a->kind != ORACLE_LEAF ||
               fc_kept(g, b->first, b->last) != PTW_COVER_ALL;
    case PTW_DIFFERS_SIZE:
        return a->level != b->level ||
               (b->level > 0 && (g->o.flags & PTW_REBUILD_SPLIT) != 0);
    case PTW_DIFFERS_RIGHTS:
        return a->level != b->level || a->rights != b->rights ||
               oracle_decode(mode, a->raw, a->level, 0).rights !=
                   oracle_decode(mode, b->raw, b->level, 0).rights ||
               (g->o.flags &
                (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) != 0;
    case PTW_DIFFERS_KEPT:
        return !fc_readable(g, a->pa + (page - a->first));
    case PTW_DIFFERS_UNREADABLE:
        for (uint64_t at = 0; at < fc_page_bytes(g); at += FZ_PAGE) {
            if (fc_page(m, b->pa + (page - b->first) + at) == NULL) {
                return true;
            }
        }
        return false;
    default:
        return true;
    }
}

static void check_difference(struct fc_guest *g, const struct fc_image *m,
                             const struct ptw_difference *d)
{
    const struct fz_case *w = g->w;
    struct oracle_ram ram[2] = {
        {m->tables_at, m->tables_at + m->table_bytes - 1, m->tables},
        {m->extra_at, m->extra_at + m->extra_bytes - 1, m->extra},
    };
    const struct said old = {d->old_pa.v, d->old_raw, d->old_rights};
    const struct said now = {d->new_pa.v, d->new_raw, d->new_rights};
    bool names_pages = g->o.absent.policy > PTW_ABSENT_CLEAR;
    struct view view[2] = {{w, w->ram, w->rams},
                           {w, ram, m->extra_at != 0 ? 2 : 1}};
    enum sides sides = sides_of(d->kind);
    struct oracle_answer a;
    struct oracle_answer b;
    bool last;

    a = at_address(&view[0], w->root[d->space], d->va.v);
    b = at_address(&view[1], m->root[d->space].table.v, d->va.v);
    if ((sides & OLD) != 0) {
        check_side(d, "old", &old, &a, names_pages);
    }
    /* A bad entry has bits; of a table that can't be read there is no entry. */
    if ((d->kind == PTW_DIFFERS_BAD && d->new_raw == 0) ||
        (d->kind == PTW_DIFFERS_REFUSED && d->new_raw != 0)) {
        fz_fail(ASK_SPOILT, "%s: at %llx of space %u it is %llx",
                ptw_difference_text(d->kind), HEX(d->va.v), (unsigned)d->space,
                HEX(d->new_raw));
    }
    if (b.kind == ORACLE_REFUSED) {
        return; /* by a page that became a table: no view has its bytes */
    }
    if ((sides & NEW) != 0) {
        check_side(d, "new", &now, &b, names_pages);
    }
    if (sides == BOTH && names_pages) {
        const uint64_t root[2] = {w->root[d->space], m->root[d->space].table.v};

        check_named(g, m, view, root, d, &a, &b);
    }
    if (d->kind == PTW_DIFFERS_ABSENT) {
        const uint64_t root[2] = {w->root[d->space], m->root[d->space].table.v};

        check_absent(g, m, view, root, d, &a, &b);
    } else if (!names_pages && !bears_out(g, m, d, &a, &b)) {
        fz_fail(ASK_SPOILT, "there is no difference at %llx of space %u: %s",
                HEX(d->va.v), (unsigned)d->space, ptw_difference_text(d->kind));
    }
    /* Bytes, and entries where there were none, are looked at last. */
    last = d->kind == PTW_DIFFERS_BYTES ||
           (d->kind == PTW_DIFFERS_ABSENT && a.kind == ORACLE_LEAF);
    for (unsigned i = 0; i <= d->space; i++) {
        uint64_t root[2] = {w->root[i], m->root[i].table.v};
        bool whole = i < d->space || last;

        fz_turn(g->w, i);
        if (whole || (d->kind != PTW_DIFFERS_ABSENT && !names_pages)) {
            check_before(g, view, root, whole ? UINT64_MAX : d->va.v, i, d);
        }
    }
    if (d->kind == PTW_DIFFERS_BYTES &&
        same_bytes(g, m, d->old_pa.v, d->new_pa.v)) {
        fz_fail(ASK_SPOILT, "the bytes at %llx and at %llx do not differ",
                HEX(d->old_pa.v), HEX(d->new_pa.v));
    }
}

void fc_check_difference(struct fc_guest *g, const struct fc_image *m,
                         const struct ptw_difference *d)
{
    if (d->space >= g->w->roots) {
        fz_fail(ASK_SPOILT, "a difference in space %u of %u",
                (unsigned)d->space, g->w->roots);
        return;
    }
    fz_turn(g->w, d->space);
    check_difference(g, m, d);
    fz_turn_back(g->w);
}
