/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of links: README.md has them in words. */
#include "edit_probe.h"
#include "edit_words.h"
#include "halves.h"
#include "make_alias.h"
#include "obstacles.h"
#include "oracle_regime.h"
#include "space_map.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static struct fe_host host;
static struct fz_case described;

static struct oracle_entry link_entry(const struct fz_case *w, unsigned rights)
{
    return (struct oracle_entry){ORACLE_TABLE, 0, fz_granted(w, rights)};
}

/* Whether an entry of that level can grant these rights and no others, but for
 * execution where that is granted as it comes. */
static bool links_with(const struct fz_case *w, unsigned level, unsigned rights,
                       bool grant_exec)
{
    struct oracle_entry e = {ORACLE_TABLE, 0,
                             grant_exec ? fz_granted(w, rights) : rights};

    return oracle_encode(&w->mode, level, &e, &(uint64_t){0});
}

/* Whether such bits, without an address, lead from a table of that level to
 * another one. */
static bool leads_to_table(const struct fz_case *w, unsigned level,
                           uint64_t bits)
{
    const struct oracle_format *f = w->mode.format;

    return (bits & f->table_bits(&w->mode)) == 0 &&
           (bits & ~oracle_ones(8 * f->entry_bytes - 1, 0)) == 0 &&
           f->decode(&w->mode, bits, level).kind == ORACLE_TABLE;
}

/* The bits of a link that grants rights, as far as an entry of that level can;
 * it was accessed, and three free bits are as the flags say, as far as an entry
 * that leads to a table can have these bits. */
static uint64_t link_bits(const struct fz_case *w, unsigned level,
                          const struct fe_record *q)
{
    struct oracle_entry e = link_entry(w, q->rights);
    uint64_t bits = w->mode.format->encode(&w->mode, level, &e);
    uint64_t more =
        w->mode.format->accessed |
        ((uint64_t)(q->flags & 7) *
         (w->mode.format->mark_bits & (0 - w->mode.format->mark_bits)));

    for (unsigned n = 0; n < 64; n++) {
        uint64_t bit = more & (uint64_t)1 << n;

        if (leads_to_table(w, level, bits | bit)) {
            bits |= bit;
        }
    }
    return bits;
}

static void put_alias(const struct fz_case *w, const struct fe_record *q,
                      struct ptw_item *item)
{
    unsigned level = fz_lower_level(w, q->level);
    struct ptw_alias_ref ref = {
        .our_va = {q->first},
        .their_va = {q->their_va},
        .table = {q->pa},
        .attributes = q->link_said ? q->link : link_bits(w, level + 1, q),
        .owner = q->owner,
        .rights = q->rights,
    };

    memset(item, 0, sizeof *item);
    item->space = q->space;
    item->first.v = q->first;
    item->last.v = q->last;
    if (!make_alias(&w->regime, item, &ref, level)) {
        fz_give_up("an alias of another shape");
    }
}

/* A link says what stands in its way, and succeeds when nothing does.  Rights and
 * arguments are another matter. */
static void check_status(const struct fe_host *h, const struct fe_obstacles *o,
                         enum ptw_status st)
{
    unsigned may = o->may | 1u << PTW_E_RIGHTS | 1u << PTW_E_ARG |
                   1u << PTW_E_RANGE | 1u << PTW_NOT_CANONICAL;

    if (h->high >= 0) {
        may |= 1u << PTW_E_WIDTH; /* no root can be where a table was taken */
    }
    if (st == PTW_OK || st == PTW_NOT_MAPPED ? o->must != 0
                                             : (may >> st & 1) == 0) {
        fz_fail(ASK_STATUS,
                "a link says: %s; it may say %x, and must fail by %x",
                ptw_status_text(st), may, o->must);
    }
}

/* As fe_after: an entry of ours that is not present says "not mapped", too. */
static bool link_after(const struct fe_host *h, enum ptw_status st)
{
    return fe_after(h, st == PTW_NOT_MAPPED ? PTW_OK : st);
}

/* Compares all spaces after a link. */
static enum ptw_status link_over(struct fe_host *h, const uint64_t *was,
                                 const struct fm_change *change, unsigned root,
                                 enum ptw_status st)
{
    fe_compare_all(h, was, change, root);
    h->given = 0;
    return st;
}

static enum ptw_status link_item(struct fz_case *w, struct fe_host *h,
                                 struct ptw_tables *t, struct fe_rebuilt *b,
                                 struct fe_record *q)
{
    unsigned flags = q->flags & (PTW_EDIT_EXACT | PTW_EDIT_UNSHARE);
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = fz_lower_level(w, q->level);
    unsigned rights = q->rights;
    unsigned shift = fz_shift(w, level + 1);
    uint64_t span = ((uint64_t)1 << shift) - 1;
    uint64_t address = w->mode.format->table_bits(&w->mode);
    struct fm_change change = {
        .want = FM_ANYTHING, .table_flags = &q->table_flags, .what = "link"};
    struct fm_node target;
    struct fm_node entry;
    struct fe_obstacles obstacles = {0};
    struct ptw_item item;
    uint64_t was[FM_ROOTS];
    enum ptw_status st;
    bool sound;

    put_alias(w, q, &item);
    /* The item says whose link it is. */
    q->root = item.space < w->roots ? item.space : q->root;
    sound = w->levels > 1 && item.space < w->roots && b->built[q->root].built &&
            q->owner <= q->root && b->built[q->owner].built &&
            fz_canonical(w, q->first) && fz_canonical(w, q->their_va) &&
            (q->table_flags & ~w->mode.flag_bits) == 0 &&
            !(q->owner == q->root && ((q->first ^ q->their_va) & ~span) == 0);
    if ((flags & PTW_EDIT_EXACT) != 0 && q->link_said) {
        sound = sound && leads_to_table(w, level + 1, q->link);
        rights = fz_entry_rights(w, level + 1, q->link);
    } else if ((flags & PTW_EDIT_EXACT) != 0) {
        rights = fz_entry_rights(w, level + 1, link_bits(w, level + 1, q));
    }
    memcpy(was, h->m.root, sizeof was);
    fe_edit_begin(h, q, false);
    if (sound) {
        obstacles = fe_find_link_obstacles(
            h,
            &(struct fe_link){
                was[q->root], was[q->owner], w->levels,
                fm_table_bytes(&h->m, w->levels - 1), q->first & mask & ~span,
                q->their_va & mask & ~span, 1, level + 1, rights, flags, 0},
            false);
    }
    if (fz_words != NULL) {
        fz_say("link space %u, root %llx: ", (unsigned)item.space,
               HEX(h->m.root[q->root]));
        fz_say_item(&w->regime, &item);
        fz_say(
            "    with the bits %llx",
            HEX(ptw_alias_view(&w->regime, &item, &(unsigned){0}).attributes));
        fe_say_flags(flags);
        fe_say_supply(q, false);
    }
    t->table_rights = q->table_rights;
    t->table_flags = q->table_flags;
    t->shares = &h->shares;
    st = ptw_space_aware_map(t, &item, b->built, w->roots, flags);
    fz_note((uint64_t)st);
    fe_say_status(h, st, t->root);
    if (!link_after(h, st)) {
        return st;
    }
    fe_set_roots(h, b->built, w->roots);
    fe_check_edit(h, t, st);
    change.first = q->first & mask & ~span;
    change.last = change.first | span;
    if (!sound && (st == PTW_OK || st == PTW_NOT_MAPPED)) {
        fz_stop(ASK_STATUS, "an alias that can't be is linked: %s",
                ptw_status_text(st));
    }
    if (h->refused) {
        goto same;
    }
    if (sound) {
        check_status(h, &obstacles, st);
    }
    switch ((int)st) {
    case PTW_OK:
    case PTW_NOT_MAPPED:
        target =
            fm_at(&h->m, true, was[q->owner], q->their_va & mask, level + 1);
        entry =
            fm_at(&h->m, false, h->m.root[q->root], q->first & mask, level + 1);
        if (st == PTW_NOT_MAPPED) {
            if (target.kind != FM_NONE || entry.kind != FM_NONE ||
                entry.present) {
                fz_fail(ASK_LINKS, "a link to nothing at %llx leaves %llx",
                        HEX(q->first), HEX(entry.raw));
            }
            break;
        }
        if (target.kind != FM_TABLE || entry.kind != FM_TABLE ||
            target.pa != entry.pa) {
            fz_fail(ASK_LINKS,
                    "a link at %llx leads to %llx, it should be %llx",
                    HEX(q->first), HEX(entry.pa), HEX(target.pa));
        }
        if ((flags & PTW_EDIT_EXACT) != 0 &&
            (entry.raw & ~address) !=
                ptw_alias_view(&w->regime, &item, &(unsigned){0}).attributes) {
            fz_fail(ASK_LINKS, "a link at %llx has the bits %llx",
                    HEX(q->first), HEX(entry.raw & ~address));
        }
        if (((entry.raw ^
              ptw_alias_view(&w->regime, &item, &(unsigned){0}).attributes) &
             w->mode.flag_bits) != 0) {
            fz_fail(ASK_LINKS, "a link at %llx has the flag bits of %llx",
                    HEX(q->first), HEX(entry.raw));
        }
        if ((entry.rights & ~rights & ~w->mode.format->granted(&w->mode)) !=
            0) {
            fz_fail(ASK_LINKS, "a link at %llx grants %x", HEX(q->first),
                    entry.rights);
        }
        break;
    case PTW_E_ARG:
    case PTW_NOT_CANONICAL:
        if (sound && (!q->link_said || leads_to_table(w, level + 1, q->link))) {
            fz_fail(ASK_STATUS, "an alias at %llx that can be is refused: %s",
                    HEX(q->first), ptw_status_text(st));
        }
        goto same;
    case PTW_E_SHARED:
        if ((flags & PTW_EDIT_UNSHARE) != 0) {
            fz_fail(ASK_STATUS, "a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_WIDTH:
        if (h->high < 0) {
            fz_fail(ASK_STATUS, "a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_RIGHTS:
        if ((flags & PTW_EDIT_EXACT) != 0 ||
            links_with(w, level + 1, q->rights, false)) {
            fz_fail(ASK_STATUS, "a link is refused: %s", ptw_status_text(st));
        }
        goto same;
    case PTW_E_SPACE:
    case PTW_E_LIMIT:
    case PTW_E_LARGE:
    case PTW_E_IN_USE:
    case PTW_BAD_ENTRY:
    same:
        fe_check_failed(h, st, &change);
        break;
    default:
        fz_fail(ASK_STATUS, "a link says: %s", ptw_status_text(st));
    }
    return link_over(h, was, &change, q->root, st);
}

/* The regions that one link is asked about; of more, the first ones. */
enum { LINK_REGIONS = 1024 };

/* Whether an entry of that level leads to a table, inside memory or not. */
static bool leads(const struct fz_case *w, const struct fm_node *n,
                  unsigned level)
{
    struct oracle_entry e;

    if (n->kind != FM_NONE || !n->real || !n->present) {
        return n->kind == FM_TABLE;
    }
    e = w->mode.format->decode(&w->mode, n->raw, level);
    return e.kind == ORACLE_TABLE && e.pa == n->pa;
}

/* What a link, made by ptw_link with the record's arguments, left behind. */
static void check_links(const struct fz_case *w, struct fe_host *h,
                        const struct ptw_link_request *q,
                        const struct fz_half *owner, unsigned root,
                        unsigned level, uint64_t flag_bits, enum ptw_status st)
{
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned shift = fz_shift(w, level + 1);
    uint64_t regions = (q->last.v >> shift) - (q->first.v >> shift) + 1;
    uint64_t theirs =
        oracle_offset(&owner->mode, q->their_va.v) >> shift << shift;
    uint64_t ours = (q->first.v & mask) >> shift << shift;
    uint64_t address = w->mode.format->table_bits(&w->mode);
    bool any = regions > LINK_REGIONS;

    for (uint64_t i = 0; i < regions && i < LINK_REGIONS; i++) {
        struct fm_node target =
            fm_at_from(&h->m, true, owner->levels, q->owner.table.v,
                       theirs + (i << shift), level + 1);
        struct fm_node entry = fm_at(&h->m, false, h->m.root[root],
                                     ours + (i << shift), level + 1);
        unsigned ignored = w->mode.format->granted(&w->mode) & PTW_EXEC;

        any = any || leads(w, &target, level + 1);
        if (!leads(w, &target, level + 1)) {
            if (target.kind != FM_NONE || entry.kind != FM_NONE ||
                (entry.real && entry.present)) {
                fz_fail(ASK_LINKS, "a link to nothing at %llx leaves %llx",
                        HEX(ours + (i << shift)), HEX(entry.raw));
            }
            continue;
        }
        if (!leads(w, &entry, level + 1) || entry.pa != target.pa) {
            fz_fail(ASK_LINKS,
                    "a link at %llx leads to %llx, it should be %llx",
                    HEX(ours + (i << shift)), HEX(entry.pa), HEX(target.pa));
        }
        if ((q->flags & PTW_EDIT_EXACT) != 0) {
            if ((entry.raw & ~address) != q->attributes) {
                fz_fail(ASK_LINKS, "a link at %llx has the bits %llx",
                        HEX(ours + (i << shift)), HEX(entry.raw & ~address));
            }
        } else if (((entry.rights ^ q->rights) & ~ignored) != 0) {
            fz_fail(ASK_LINKS, "a link at %llx grants %x and was to grant %x",
                    HEX(ours + (i << shift)), entry.rights, q->rights);
        } else if ((entry.raw & w->mode.flag_bits) != flag_bits) {
            fz_fail(ASK_LINKS,
                    "a link at %llx is %llx and was to have the flag bits %llx",
                    HEX(ours + (i << shift)), HEX(entry.raw), HEX(flag_bits));
        }
    }
    if (any != (st == PTW_OK) && regions <= LINK_REGIONS) {
        fz_fail(ASK_LINKS, "a link at %llx says: %s", HEX(q->first.v),
                ptw_status_text(st));
    }
}

/* Whether addresses from first on, of so many bytes less 1, are all of one half,
 * and tables can map them. */
static bool all_mapped(const struct fz_half *half, uint64_t first,
                       uint64_t more)
{
    return oracle_canonical(&half->mode, first) &&
           oracle_canonical(&half->mode, first + more) &&
           fz_one_half_of(&half->mode, first, first + more);
}

/* What is wrong with what a link is asked to do: a set of 1 << a status, of which
 * it says one; 0: nothing is. */
static unsigned link_wrong(const struct fz_case *w, const struct fe_host *h,
                           const struct ptw_link_request *q,
                           const struct fz_half *owner, uint64_t root,
                           unsigned level)
{
    const struct oracle_format *f = w->mode.format;
    const struct oracle_format *of = owner->mode.format;
    unsigned shift = fz_shift(w, level + 1 < w->levels ? level + 1 : 0);
    uint64_t span = ((uint64_t)1 << shift) - 1;
    uint64_t ours = q->first.v & ~span;
    uint64_t theirs = q->their_va.v & ~span;
    uint64_t more = (q->last.v | span) - ours;
    int table = fm_table(&h->m, root);
    bool exact = (q->flags & PTW_EDIT_EXACT) != 0;
    unsigned wrong = 0;

    if (level >= w->levels - 1) {
        return 1u << PTW_E_ARG;
    }
    /* What is linked may be the owner's root, if it is a whole table. */
    if (level >= owner->levels ||
        of->level[level].entries != f->level[level].entries) {
        wrong |= 1u << PTW_E_ARG;
    }
    if (q->first.v > q->last.v) {
        return wrong | 1u << PTW_E_RANGE;
    }
    if (more > UINT64_MAX - theirs) {
        wrong |= 1u << PTW_E_RANGE;
    } else if (!all_mapped(owner, theirs, more)) {
        wrong |= 1u << PTW_NOT_CANONICAL;
    }
    if (!all_mapped(&w->half[0], ours, more)) {
        wrong |= 1u << PTW_NOT_CANONICAL;
    }
    if (!exact && !links_with(w, level + 1, q->rights,
                              (q->flags & PTW_EDIT_GRANT_EXEC) != 0)) {
        wrong |= 1u << PTW_E_RIGHTS;
    }
    ours = oracle_offset(&w->mode, ours);
    theirs = oracle_offset(&owner->mode, theirs);
    if ((exact && !leads_to_table(w, level + 1, q->attributes)) ||
        (q->owner.table.v == root && owner->levels == w->levels &&
         (table < 0 || h->m.table[table].refs <= 1) && theirs <= ours + more &&
         ours <= theirs + more)) {
        wrong |= 1u << PTW_E_ARG;
    }
    if (q->owner.table.v % oracle_table_bytes(of, owner->levels - 1) != 0) {
        wrong |= 1u << PTW_E_ALIGN;
    }
    if (fe_is_high(&h->m, q->owner.table.v) ||
        (q->owner.table.v & w->mode.flag_bits) != 0) {
        wrong |= 1u << PTW_E_WIDTH;
    }
    return wrong;
}

/* A regime that differs from ours in the width of physical addresses alone, if there
 * is one: the two are of different machines. */
static bool of_less_memory(const struct fz_case *w, struct ptw_regime *less)
{
    struct oracle_mode other = w->mode;

    for (other.pa_bits--; other.pa_bits >= 32; other.pa_bits--) {
        if (oracle_regime(&other, less) == PTW_OK &&
            less->pa_bits != w->regime.pa_bits) {
            return true;
        }
    }
    return false;
}

/* Links that are wrong in one argument, before the one that is asked for: each
 * says why, and nothing happens. */
static void probe_link(const struct fz_case *w, struct fe_host *h,
                       struct ptw_movable_tables *mt, bool movable,
                       const struct ptw_link_request *q,
                       const struct fz_half *owner, unsigned level)
{
    enum { PROBES = 11 };

    struct ptw_tables *t = &mt->tables;
    uint64_t random = w->seed ^ q->first.v ^ q->their_va.v * 3;
    uint64_t root = t->root.table.v;

    for (unsigned i = 0; i < (w->thorough ? PROBES : 1u) && w->restless == 0;
         i++) {
        uint64_t r = fz_random(&random);
        uint64_t bit = (uint64_t)1 << r % 64;
        unsigned part = w->thorough ? i : (unsigned)(r >> 8) % PROBES;
        struct ptw_link_request p = *q;
        unsigned its_level = level;
        struct ptw_regime stranger;
        unsigned wrong;
        enum ptw_status st;
        uint64_t pa;

        p.first.v ^= part == 0 ? bit : 0;
        p.last.v ^= part == 1 ? bit : 0;
        p.their_va.v ^= part == 2 ? bit : 0;
        p.owner.table.v ^= part == 3 ? bit : 0;
        p.rights ^= part == 4 ? 1u << r % 7 : 0;
        p.attributes ^= part == 5 ? bit : 0;
        /* Ours, where it stands: a region would refer to itself. */
        if (part == 6) {
            p.owner.table.v = root;
            p.their_va.v = p.first.v ^ (r >> 16 & 0xFFFF);
        } else if (part == 8 || part == 9) {
            /* Ours, half of it: behind where it starts, or before. */
            uint64_t region = (uint64_t)1 << fz_shift(
                                  w, level + 1 < w->levels ? level + 1 : 0);

            p.owner.table.v = root;
            p.last.v += 2 * region;
            p.their_va.v = part == 8 ? p.first.v + region : p.first.v - region;
        } else if (part == 7) {
            its_level = w->levels - 1 + (unsigned)(r >> 16) % 3;
            p.level = ptw_alias_level_of(&w->regime, its_level);
        }
        wrong = link_wrong(w, h, &p, owner, root, its_level);
        if (part == 10 && of_less_memory(w, &stranger)) {
            p.owner.regime = &stranger;
            wrong |= 1u << PTW_E_ARG;
        }
        if (wrong == 0) {
            continue;
        }
        st = movable ? ptw_link_movable(mt, &p) : ptw_link(t, &p);
        if ((wrong >> st & 1) == 0) {
            fz_fail(ASK_STATUS,
                    "a link %llx to %llx of level %u to %llx of root %llx, "
                    "rights %x, bits %llx: %s; it must fail by %x",
                    HEX(p.first.v), HEX(p.last.v), its_level, HEX(p.their_va.v),
                    HEX(p.owner.table.v), p.rights, HEX(p.attributes),
                    ptw_status_text(st), wrong);
        }
        if (!fm_same_bytes(&h->m, &pa) || h->takes != 0 || h->moves != 0 ||
            t->root.table.v != root) {
            fz_fail(ASK_UNCHANGED, "a link that is refused (%s) does something",
                    ptw_status_text(st));
        }
    }
}

/* Whether the root of the owner is met as a table of another level: then its tables
 * are at two levels. */
static bool at_another_level(const struct fe_host *h, uint64_t root,
                             unsigned level)
{
    int table = fm_table(&h->m, root);

    for (unsigned l = 0; table >= 0 && l < h->m.levels; l++) {
        if (l != level && h->m.table[table].dirt[l] != 0) {
            return true;
        }
    }
    return false;
}

/* Whether the root of the owner is part of a table, and no root of a space with so
 * many levels. */
static bool is_in_a_table(const struct fe_host *h, uint64_t root,
                          unsigned levels)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < h->m.roots && levels == h->m.levels; i++) {
        if (h->m.root[i] == root) {
            return false;
        }
    }
    return fm_over(&h->m, root, &size) >= 0;
}

/* Whether it is a table of that level, and of no other. */
static bool is_table_of(const struct fe_host *h, uint64_t root, unsigned level)
{
    int table = fm_table(&h->m, root);

    return table >= 0 && h->m.table[table].dirt[level] != 0 &&
           !at_another_level(h, root, level);
}

/* Whether the edit wrote to a table on the owner's way to any of the regions: then
 * another table may be found there when it is read again. */
static bool way_changed(const struct fz_case *w, const struct fe_host *h,
                        const struct ptw_link_request *q,
                        const struct fz_half *owner, unsigned level)
{
    unsigned shift = fz_shift(w, level + 1);
    uint64_t regions = (q->last.v >> shift) - (q->first.v >> shift) + 1;
    uint64_t theirs = oracle_offset(&owner->mode, q->their_va.v);
    uint64_t at;

    for (uint64_t i = 0; i < regions && i < LINK_REGIONS; i++) {
        for (unsigned l = owner->levels; l-- > level + 1;) {
            struct fm_node n =
                fm_at_from(&h->m, true, owner->levels, q->owner.table.v,
                           theirs + (i << shift), l + 1);

            if (n.kind == FM_TABLE &&
                fm_changed(&h->m, n.pa, fm_table_bytes(&h->m, l), &at)) {
                return true;
            }
        }
    }
    return regions > LINK_REGIONS;
}

/* The half that the owner of a link is of.  The model has no levels above ours. */
static const struct fz_half *owner_of(struct fz_case *w,
                                      const struct fe_record *q)
{
    return q->half != 0 && w->mode.format->family == ORACLE_AARCH64 &&
                   fz_beside(w, q->half, &w->half[1]) &&
                   w->half[1].levels <= w->levels
               ? &w->half[1]
               : &w->half[0];
}

/* An address as it is in the half of the owner, where it has such an offset. */
static uint64_t in_half(const struct fz_half *ours, const struct fz_half *half,
                        uint64_t va)
{
    uint64_t offset = oracle_offset(&ours->mode, va);
    uint64_t gap;
    uint64_t gap_end;

    oracle_gap(&half->mode, &gap, &gap_end);
    return ours == half || !oracle_canonical(&ours->mode, va) ||
                   oracle_offset(&half->mode, offset) != offset
               ? va
           : half->mode.format->extension == ORACLE_ONES ? offset + gap_end + 1
                                                         : offset;
}

/* Whether a root leads to that table, or is it. */
static bool is_reached(const struct fe_host *h, uint64_t table)
{
    int i = fm_table(&h->m, table);

    return i >= 0 && h->m.table[i].reached;
}

/* A link that was made is there when it is asked for once more: that takes no table,
 * and no room in the list. */
static void check_again(struct fe_host *h, const struct ptw_tables *t,
                        const struct ptw_link_request *r)
{
    struct ptw_tables again = fe_without_supply(t);
    struct ptw_link_request q = *r;
    enum ptw_status st;

    q.max_reads = UINT64_MAX;
    h->editing = true;
    st = ptw_link(&again, &q);
    h->editing = false;
    if (st != PTW_OK || again.root.table.v != t->root.table.v) {
        fz_fail(ASK_TABLES, "a link to %016llx, once more: %s",
                HEX(r->their_va.v), ptw_status_text(st));
    }
}

static enum ptw_status link_range(struct fz_case *w, struct fe_host *h,
                                  struct ptw_movable_tables *mt,
                                  struct fe_rebuilt *b, struct fe_record *q)
{
    bool movable = (h->options & OPT_MOVES) != 0;
    struct ptw_tables *t = &mt->tables;
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    unsigned level = q->level;
    unsigned shift = fz_shift(w, level + 1);
    uint64_t span = ((uint64_t)1 << shift) - 1;
    uint64_t root = q->owner < w->roots ? h->m.root[q->owner] : q->pa;
    const struct fz_half *owner = owner_of(w, q);
    struct ptw_item alias;
    struct ptw_link_request r = {
        .first = {q->first},
        .last = {q->last},
        .their_va = {in_half(&w->half[0], owner, q->their_va)},
        .owner = {owner == w->half ? &w->regime : &owner->regime, {root}},
        .level = ptw_alias_level_of(&w->regime, level),
        .rights = q->rights,
        .flags =
            (q->flags & (PTW_EDIT_EXACT | PTW_EDIT_UNSHARE)) | fe_exec_flag(q),
        .max_reads = q->max_reads,
    };
    struct fm_change change = {
        .want = FM_ANYTHING, .table_flags = &q->table_flags, .what = "link"};
    struct fe_obstacles obstacles = {0};
    uint64_t was[FM_ROOTS];
    enum ptw_status st;
    unsigned wrong;
    bool within; /* the owner's root is in a table, */
    bool odd;    /* and what it leads to is not known */
    bool flagged = (q->table_flags & ~w->mode.flag_bits) != 0;
    bool loses;
    bool sound;

    put_alias(w, q, &alias);
    r.attributes =
        ptw_alias_view(&w->regime, &alias, &(unsigned){0}).attributes;
    memcpy(was, h->m.root, sizeof was);
    fe_edit_begin(h, q, movable);
    wrong = link_wrong(w, h, &r, owner, was[q->root], level);
    sound = wrong == 0 && h->m.rooted[q->root] && !flagged;
    if (sound) {
        obstacles = fe_find_link_obstacles(
            h,
            &(struct fe_link){
                was[q->root], r.owner.table.v, owner->levels,
                oracle_table_bytes(owner->mode.format, owner->levels - 1),
                q->first & mask & ~span,
                oracle_offset(&owner->mode, r.their_va.v) & ~span,
                (q->last >> shift) - (q->first >> shift) + 1, level + 1,
                fz_granted(w, q->rights), r.flags, q->max_reads},
            movable);
        r.max_reads = fe_read_limit(q->max_reads, &obstacles);
    }
    fz_say("link %016llx-%016llx of space %u, root %llx, to %016llx of root "
           "%llx%s%s, level %u, rights %x, bits %llx",
           HEX(q->first), HEX(q->last), q->root, HEX(was[q->root]),
           HEX(r.their_va.v), HEX(r.owner.table.v),
           owner == w->half ? "" : " of ",
           owner == w->half ? "" : owner->mode.format->name, level, q->rights,
           HEX(r.attributes));
    fe_say_flags(r.flags & ~(unsigned)PTW_EDIT_GRANT_EXEC);
    fz_say("%s", q->grant_exec ? ", grant execution" : "");
    fe_say_supply(q, movable);
    t->table_rights = q->table_rights;
    t->table_flags = q->table_flags;
    t->shares = &h->shares;
    t->root.table.v = was[q->root];
    if (h->m.rooted[q->root] && !flagged) {
        probe_link(w, h, mt, movable, &r, owner, level);
        fe_shares_probed(h);
    }
    loses = sound && q->owner < w->roots && !h->crooked && w->restless == 0 &&
            fm_loses(&h->m, q->root, level + 1, q->first & ~span,
                     q->last | span, true);
    within = wrong == 0 && is_in_a_table(h, root, owner->levels);
    odd = within && (h->crooked || !is_table_of(h, root, owner->levels - 1));
    st = movable ? ptw_link_movable(mt, &r) : ptw_link(t, &r);
    odd = odd || (within && way_changed(w, h, &r, owner, level));
    if (odd && sound && !h->refused &&
        (st == PTW_E_ARG || st == PTW_E_RANGE || st == PTW_E_ALIGN ||
         st == PTW_NOT_CANONICAL)) {
        fz_fail(ASK_STATUS, "a link that can be is refused: %s",
                ptw_status_text(st));
    }
    h->tainted = h->tainted || odd;
    fz_note((uint64_t)st);
    fe_say_status(h, st, t->root);
    if (!link_after(h, st)) {
        return st;
    }
    fe_follow_root(h, q->root, t, movable);
    b->built[q->root].root.table.v = h->m.root[q->root];
    fe_check_edit(h, t, st);
    if (!sound && (st == PTW_OK || st == PTW_NOT_MAPPED)) {
        fz_stop(ASK_STATUS, "a link that can't be is made: %s",
                ptw_status_text(st));
    }
    if (wrong != 0 && h->m.rooted[q->root] && !flagged &&
        (wrong >> st & 1) == 0) {
        fz_fail(ASK_STATUS, "a link says: %s, and is wrong by %x",
                ptw_status_text(st), wrong);
    }
    if (loses && (st == PTW_OK || st == PTW_NOT_MAPPED)) {
        fz_fail(ASK_STATUS, "a link loses a table with something in it");
    }
    if (sound && !h->refused) {
        check_status(h, &obstacles, st);
    }
    if (st == PTW_OK || st == PTW_NOT_MAPPED) {
        change.first = q->first & mask & ~span;
        change.last = (q->last & mask) | span;
        check_links(w, h, &r, owner, q->root, level, q->table_flags, st);
        if (st == PTW_OK && !h->crooked && w->restless == 0) {
            /* An owner's root that was ours alone is where ours is now. */
            if (r.owner.table.v == was[q->root] &&
                !is_reached(h, was[q->root])) {
                r.owner.table = t->root.table;
            }
            check_again(h, t, &r);
        }
    } else {
        if ((sound && (st == PTW_E_ARG || st == PTW_E_RANGE ||
                       st == PTW_NOT_CANONICAL)) ||
            (st == PTW_E_SHARED && (r.flags & PTW_EDIT_UNSHARE) != 0) ||
            (sound && st == PTW_E_RIGHTS && !h->refused &&
             links_with(w, level + 1, q->rights, q->grant_exec) &&
             !fm_withholds(&h->m, h->m.root[q->root], q->first & ~span,
                           q->last | span, fz_granted(w, q->rights))) ||
            st == PTW_E_CHANGED || st == PTW_END || st == PTW_DIFFERENT) {
            fz_fail(ASK_STATUS, "a link says: %s", ptw_status_text(st));
        }
        if (st == PTW_E_IN_USE && sound && !h->refused && !h->crooked &&
            w->restless == 0 &&
            !fm_loses(&h->m, q->root, level + 1, q->first & ~span,
                      q->last | span, false)) {
            fz_fail(ASK_STATUS, "a link says %s, and nothing would be lost",
                    ptw_status_text(st));
        }
        fe_check_failed(h, st, &change);
    }
    return link_over(h, was, &change, q->root, st);
}

/* A link by ptw_link, or by the item that a walk would give. */
static enum ptw_status link_step(struct fz_case *w, struct fe_host *h,
                                 struct ptw_movable_tables *mt,
                                 struct fe_rebuilt *b, struct fe_record *q)
{
    return (q->flags & PTW_EDIT_RECLAIM) != 0
               ? link_range(w, h, mt, b, q)
               : link_item(w, h, &mt->tables, b, q);
}

void fz_link(const uint8_t *data, size_t len)
{
    struct fz_case *w = &described;
    struct fe_host *h = &host;
    struct ptw_movable_tables mt = {.move = &fe_movers};
    struct ptw_tables *t = &mt.tables;
    struct fe_rebuilt b;
    struct fe_input in;

    fe_read_input(w, &in, data, len);
    in.pool_limit = 0;
    fe_begin_image(w, h, &in, t);
    fz_say_case(w, NULL);
    fe_say_pool(h);
    fz_say("range: %016llx-%016llx\n", HEX(w->first), HEX(w->last));
    fe_say_walked(w);
    fe_say_roots_of(w);
    if (!fe_rebuild(w, h, t, PTW_WALK_TABLES | PTW_WALK_RUNS, false,
                    &(struct fe_placing){.wanted = false}, &b)) {
        return;
    }
    fe_say_spaces(w, h, "before");
    fm_begin(&h->m);
    for (unsigned i = 0; i < in.edits; i++) {
        struct fe_record q;

        (void)fe_next_edit(w, &in.records, &q);
        fz_say("edit %u of %u: ", i + 1, in.edits);
        if (q.op == DO_LINK) {
            enum ptw_status st = link_step(w, h, &mt, &b, &q);

            while (fe_shares_more(h, st)) {
                fz_say("again, with room for that: ");
                st = link_step(w, h, &mt, &b, &q);
            }
        } else {
            fe_step_with_room(w, h, &mt, &q, (h->options & OPT_MOVES) != 0);
            for (unsigned k = 0; k < w->roots; k++) {
                b.built[k].root.table.v = h->m.root[k];
            }
        }
        if (h->tainted) {
            return;
        }
    }
    fe_say_spaces(w, h, "after");
}
