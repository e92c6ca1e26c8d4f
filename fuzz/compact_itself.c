/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_itself.h"

#include "check.h"
#include "halves.h"
#include "same_guest.h"

#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

struct ptw_verify_options fc_all_of(const struct fc_guest *g)
{
    return (struct ptw_verify_options){
        .last = {UINT64_MAX},
        .max_reads = g->o.max_reads,
        .seed = g->o.seed,
    };
}

/* What a byte that is another one comes to: `with` compares the guest with that
 * guest, and `by_itself` that guest with itself. */
struct flipped {
    enum ptw_status with;
    enum ptw_difference_kind kind; /* of that */
    enum ptw_status by_itself;
    struct ptw_certificate c[2];
};

/* The guest, and another one that is the same but for a byte, at times. */
struct two_guests {
    struct fc_guest *g;
    struct fc_guest *other;
    struct ptw_mem mem;
    struct ptw_mem changed; /* of the other one */
    unsigned growth;
};

static void compare_flipped(struct two_guests *two, uint64_t at, uint8_t bits,
                            struct flipped *f)
{
    struct ptw_verify_options o = fc_all_of(two->g);
    const struct ptw_root *root = two->g->root;

    fc_flip(two->other, at, bits);
    f->with = fc_compare_memory(two->g, &two->mem, root, &two->changed, root,
                                &o, two->growth, &f->c[0]);
    f->kind = fc_verify.difference.kind;
    f->by_itself =
        fc_compare_memory(two->other, &two->changed, root, &two->changed, root,
                          &o, two->growth, &f->c[1]);
    fc_flip(two->other, at, bits);
}

static bool same_digest(const struct ptw_certificate *a,
                        const struct ptw_certificate *b)
{
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* A byte of a mapped page makes a difference, and another digest, if it can be
 * read; if it can't, it makes none. */
static void flip_page(struct two_guests *two, const struct fc_input *input,
                      const struct ptw_certificate *c)
{
    struct fc_guest *g = two->g;
    const uint8_t *at = input->at;
    uint64_t offset = (unsigned)at[1] << 4 | at[2] >> 4;
    struct flipped f;
    uint64_t page;

    if (!fc_mapped(g, at[0], &page)) {
        return;
    }
    page += (g->w->seed >> 36 & 1) == 0
                ? offset
                : fc_page_mask(g) - offset; /* from either end */
    compare_flipped(two, page, (uint8_t)(1 << (at[2] & 7)), &f);
    if (!fc_readable_byte(g, page) &&
        (f.with == PTW_DIFFERENT ||
         (f.with == PTW_OK && memcmp(c, &f.c[0], sizeof *c) != 0) ||
         (f.by_itself == PTW_OK && memcmp(c, &f.c[1], sizeof *c) != 0))) {
        fz_fail(ASK_ITSELF,
                "the byte at %llx can't be read, and makes a difference",
                HEX(page));
    }
    if (fc_readable_byte(g, page) && f.with == PTW_OK) {
        fz_fail(ASK_ITSELF, "the byte at %llx differs, and nobody says so",
                HEX(page));
    }
    if (fc_readable_byte(g, page) && f.by_itself == PTW_OK &&
        same_digest(c, &f.c[1])) {
        fz_fail(ASK_ITSELF, "the byte at %llx differs, and the digest does not",
                HEX(page));
    }
}

/* A leaf of the guest, and where its entry stands. */
struct placed {
    struct oracle_answer leaf;
    uint64_t table;
    uint64_t at;
    bool plain; /* its table is nothing else: no page, nor a table of another
                   level */
};

enum { ANSWERS = 4096 };

static struct oracle_answer answer[ANSWERS];

/* Turns to a space, by a number modulo theirs, and has it walked up to entries that
 * refer to their own table.  Returns how many answers there are; *mode and *root are
 * those of the walk. */
static size_t walk_space(const struct fc_guest *g, unsigned which,
                         struct oracle_mode *mode, uint64_t *root)
{
    const struct fz_case *w = g->w;

    fz_turn(g->w, which % w->roots);
    *mode = w->mode;
    mode->self = true;
    *root = w->root[which % w->roots];
    return oracle_walk(mode, w->ram, w->rams, *root, 0, UINT64_MAX, answer,
                       ANSWERS);
}

/* Picks a leaf by that number, of those that the naive walker finds; false when
 * there is none.  Turns to its space. */
static bool pick_leaf(const struct fc_guest *g, unsigned which,
                      struct placed *p)
{
    const struct fz_case *w = g->w;
    struct oracle_mode mode;
    uint64_t root;
    size_t count = walk_space(g, which, &mode, &root);

    for (size_t i = 0; i < count; i++) {
        p->leaf = answer[(which / w->roots + i) % count];
        if (p->leaf.kind == ORACLE_LEAF &&
            oracle_table_at(&mode, w->ram, w->rams, root, p->leaf.first,
                            p->leaf.level, &p->table)) {
            break;
        }
        p->leaf.kind = ORACLE_ABSENT;
    }
    if (count == 0 || p->leaf.kind != ORACLE_LEAF) {
        return false;
    }
    p->at = fc_entry_at(w, p->table, p->leaf.level, p->leaf.first);
    p->plain = w->roots == 1 && count < ANSWERS;
    for (size_t i = 0; i < count && p->plain; i++) {
        const struct oracle_answer *a = &answer[i];

        p->plain = a->kind != ORACLE_LEAF || p->table < a->pa ||
                   p->table - a->pa > a->last - a->first;
        for (unsigned level = 0; level < w->levels; level++) {
            uint64_t table;

            p->plain =
                p->plain && (level == p->leaf.level ||
                             !oracle_table_at(&mode, w->ram, w->rams, root,
                                              a->first, level, &table) ||
                             table != p->table);
        }
    }
    return true;
}

/* Whether a leaf with other bits is the same to the guest: it grants no less, and
 * has the same attributes. */
static bool seen_alike(const struct fz_case *w, const struct oracle_answer *a,
                       uint64_t raw)
{
    const struct oracle_format *f = w->mode.format;
    struct oracle_entry is = oracle_decode(&w->mode, raw, a->level, 0);
    struct ptw_attributes x = ptw_attributes_of(&w->regime, a->level, a->raw);
    struct ptw_attributes y = ptw_attributes_of(&w->regime, a->level, raw);

    return is.kind != ORACLE_MAPS ||
           ((a->rights & ~is.rights) == 0 &&
            f->memory_type(&w->mode, a->level, a->raw) ==
                f->memory_type(&w->mode, a->level, raw) &&
            x.global == y.global && x.key == y.key &&
            x.copy_on_write == y.copy_on_write);
}

/* The k-th bit of these, modulo their number. */
static unsigned bit_of(uint64_t bits, unsigned k)
{
    unsigned count = 0;

    for (uint64_t left = bits; left != 0; left &= left - 1) {
        count++;
    }
    for (k %= count; k > 0; k--) {
        bits &= bits - 1;
    }
    return (unsigned)__builtin_ctzll(bits);
}

static void check_flip(const struct placed *p, uint64_t flip, bool differs,
                       bool other_digest, const struct flipped *f,
                       const struct ptw_certificate *c)
{
    if (differs != (f->with == PTW_DIFFERENT) ||
        other_digest == same_digest(c, &f->c[1])) {
        fz_fail(ASK_ITSELF,
                "the leaf at %llx is %llx and not %llx: %s, %s digest",
                HEX(p->leaf.first), HEX(p->leaf.raw ^ flip), HEX(p->leaf.raw),
                ptw_status_text(f->with),
                same_digest(c, &f->c[1]) ? "the same" : "another");
    }
}

/* A bit of a leaf is another one.  If the leaf grants less, or has other
 * attributes, that is a difference, and another digest.  If it is accessed or
 * dirty and was not, that is a difference, and the same digest. */
static void flip_leaf(struct two_guests *two, uint64_t random,
                      const struct ptw_certificate *c)
{
    const struct fz_case *w = two->g->w;
    const struct oracle_format *format = w->mode.format;
    uint64_t used = (random & 4) != 0 && format->dirty != 0 ? format->dirty
                                                            : format->accessed;
    unsigned bits = 8 * w->entry_bytes;
    unsigned bit = (unsigned)(random >> 8) % bits;
    uint64_t seen = 0; /* bits that the guest sees */
    uint64_t flip;
    struct flipped f;
    struct placed p;

    if (!pick_leaf(two->g, (unsigned)(random >> 16) & 0xFFFF, &p)) {
        return;
    }
    if ((random & 3) == 0 && used != 0) {
        bit = (unsigned)__builtin_ctzll(used);
    }
    for (unsigned i = 0; i < bits && (random & 3) != 0; i++) {
        flip = (uint64_t)1 << i;
        seen |= seen_alike(w, &p.leaf, p.leaf.raw ^ flip) ? 0 : flip;
    }
    if (seen != 0) {
        bit = bit_of(seen, (unsigned)(random >> 8) & 0xFF);
    }
    flip = (uint64_t)1 << bit;
    compare_flipped(two, p.at + bit / 8, (uint8_t)(1 << bit % 8), &f);
    if (f.by_itself != PTW_OK) {
        return;
    }
    if (!seen_alike(w, &p.leaf, p.leaf.raw ^ flip)) {
        check_flip(&p, flip, true, true, &f, c);
    } else if ((flip & (format->accessed | format->dirty)) != 0 && p.plain &&
               oracle_decode(&w->mode, p.leaf.raw ^ flip, p.leaf.level, 0)
                       .kind == ORACLE_MAPS) {
        check_flip(&p, flip, true, false, &f, c);
    }
}

/* Whether that kind of difference is one of what is mapped, and shared, which
 * the digest is of. */
static bool shows(enum ptw_difference_kind kind)
{
    return kind == PTW_DIFFERS_SPACE || kind == PTW_DIFFERS_MISSING ||
           kind == PTW_DIFFERS_EXTRA || kind == PTW_DIFFERS_TABLE ||
           kind == PTW_DIFFERS_ALIAS || kind == PTW_DIFFERS_SELF ||
           kind == PTW_DIFFERS_SIZE || kind == PTW_DIFFERS_SHARED ||
           kind == PTW_DIFFERS_JOINED || kind == PTW_DIFFERS_BYTES;
}

/* A leaf, or a table of its path, is another one.  If that makes a difference of
 * what is mapped, the digest is another one; if it makes none, and nothing was
 * dropped that could not be read, it is the same. */
static void flip_address(struct two_guests *two, uint64_t random,
                         const struct ptw_certificate *c)
{
    enum { LOWEST = 6 }; /* bits of an address, which lead to other pages */

    const struct fz_case *w = two->g->w;
    const struct oracle_format *format = w->mode.format;
    struct flipped f;
    struct placed p;
    uint64_t mask;
    unsigned level;
    unsigned bit;

    if (!pick_leaf(two->g, (unsigned)(random >> 16) & 0xFFFF, &p)) {
        return;
    }
    level = p.leaf.level + (unsigned)(random >> 8) % (w->levels - p.leaf.level);
    mask = level == p.leaf.level ? format->leaf_bits(&w->mode, level)
                                 : format->table_bits(&w->mode);
    if (!oracle_table_at(
            &w->mode, w->ram, w->rams,
            w->root[((unsigned)(random >> 16) & 0xFFFF) % w->roots],
            p.leaf.first, level, &p.table)) {
        return;
    }
    bit = bit_of(mask, (unsigned)(random >> 32) % LOWEST);
    compare_flipped(two, fc_entry_at(w, p.table, level, p.leaf.first) + bit / 8,
                    (uint8_t)(1 << bit % 8), &f);
    if (f.by_itself != PTW_OK) {
        return;
    }
    if ((f.with == PTW_OK && f.c[0].dropped + f.c[0].bad == 0 &&
         !same_digest(c, &f.c[1])) ||
        (f.with == PTW_DIFFERENT && shows(f.kind) && same_digest(c, &f.c[1]))) {
        fz_fail(ASK_ITSELF,
                "bit %u of the entry of level %u for %llx is another one: %s, "
                "%s digest",
                bit, level, HEX(p.leaf.first),
                f.with == PTW_OK ? "the same" : ptw_difference_text(f.kind),
                same_digest(c, &f.c[1]) ? "the same" : "another");
    }
}

/* An entry that names a frame, and one of the same table that is 0. */
struct named {
    uint64_t at;
    uint64_t to;
    uint64_t raw;
};

/* Picks an entry that is not present and not 0, and one that is 0 in its table;
 * false when there are none. */
static bool pick_named(const struct fc_guest *g, unsigned which,
                       struct named *e)
{
    const struct fz_case *w = g->w;
    struct oracle_mode mode;
    uint64_t root;
    size_t count = walk_space(g, which, &mode, &root);

    for (size_t i = 0; i < count; i++) {
        const struct oracle_answer *a = &answer[(which / w->roots + i) % count];
        uint64_t table;

        if (a->kind != ORACLE_ABSENT || a->raw == 0 ||
            !oracle_table_at(&mode, w->ram, w->rams, root, a->first, a->level,
                             &table)) {
            continue;
        }
        e->raw = a->raw;
        e->at = fc_entry_at(w, table, a->level, a->first);
        for (size_t k = 0; k < count; k++) {
            uint64_t other;

            if (answer[k].kind == ORACLE_ABSENT && answer[k].raw == 0 &&
                answer[k].level == a->level &&
                oracle_table_at(&mode, w->ram, w->rams, root, answer[k].first,
                                a->level, &other) &&
                other == table) {
                e->to = fc_entry_at(w, table, a->level, answer[k].first);
                return true;
            }
        }
    }
    return false;
}

static void flip_entry(struct two_guests *two, uint64_t at, uint64_t bits)
{
    for (unsigned i = 0; i < two->g->w->entry_bytes; i++) {
        fc_flip(two->other, at + i, (uint8_t)(bits >> 8 * i));
    }
}

/* An entry whose frame is followed is elsewhere in its table: that is another
 * digest. */
static void move_named(struct two_guests *two, uint64_t random)
{
    struct ptw_verify_options o = fc_all_of(two->g);
    const struct ptw_root *root = two->g->root;
    const struct ptw_mem *mem = &two->changed;
    enum ptw_status st[3];
    struct ptw_certificate c[3];
    struct named e;

    o.absent = two->g->o.absent;
    if (o.absent.policy < PTW_ABSENT_LINUX ||
        !pick_named(two->g, (unsigned)random & 0xFFFF, &e)) {
        return;
    }
    /* As it is; without that entry; with it elsewhere. */
    for (unsigned i = 0; i < 3; i++) {
        st[i] = fc_compare_memory(two->other, mem, root, mem, root, &o,
                                  two->growth, &c[i]);
        flip_entry(two, i == 0 ? e.at : e.to, e.raw);
    }
    flip_entry(two, e.at, e.raw);
    if (st[0] == PTW_OK && st[1] == PTW_OK && st[2] == PTW_OK &&
        c[1].absent_followed < c[0].absent_followed &&
        c[2].absent_followed == c[0].absent_followed &&
        same_digest(&c[0], &c[2])) {
        fz_fail(ASK_ITSELF,
                "the entry %llx at %llx is elsewhere, and the digest the same",
                HEX(e.raw), HEX(e.at));
    }
}

/* -------------------------------------------------------------- certificate */

/* What leaves map: small pages of which memory has nothing, for each leaf, and
 * those of which it has a byte. */
struct mapped {
    uint64_t outside;
    uint64_t page[2048];
    unsigned pages;
    bool too_many;
};

static void note_pages(const struct fc_guest *g, uint64_t pa, uint64_t bytes,
                       struct mapped *m)
{
    if (fc_cover(g, pa, bytes) == PTW_COVER_NONE) {
        m->outside += bytes / fc_page_bytes(g);
    } else if (bytes > fc_page_bytes(g) && !m->too_many) {
        note_pages(g, pa, bytes / 2, m);
        note_pages(g, pa + bytes / 2, bytes / 2, m);
    } else if (m->pages == sizeof m->page / sizeof m->page[0]) {
        m->too_many = true;
    } else {
        m->page[m->pages++] = pa;
    }
}

static int by_address(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static bool any_byte(const struct fc_guest *g, uint64_t pa)
{
    uint64_t at = 0;

    while (at < fc_page_bytes(g) && !fc_readable_byte(g, pa + at)) {
        at++;
    }
    return at < fc_page_bytes(g);
}

/* The certificate of a guest that shares no table counts its pages: those that
 * can be read, each once; those that can be read in part; those that can't, and
 * what memory does not have, at each leaf. */
static void check_pages(const struct fc_guest *g,
                        const struct ptw_certificate *c)
{
    static struct mapped m;
    const struct fz_case *w = g->w;
    uint64_t whole = 0;
    uint64_t partial = 0;

    memset(&m, 0, sizeof m);
    if (c->aliases > 0 || c->spaces != w->roots) {
        return;
    }
    for (unsigned i = 0; i < w->roots && !m.too_many; i++) {
        struct oracle_mode mode;
        uint64_t root;
        size_t count = walk_space(g, i, &mode, &root);

        m.too_many = count == ANSWERS;
        for (size_t k = 0; k < count && !m.too_many; k++) {
            const struct oracle_answer *a = &answer[k];

            if (a->kind == ORACLE_LEAF) {
                note_pages(g, a->pa, a->last - a->first + 1, &m);
            }
        }
    }
    if (m.too_many) {
        return;
    }
    qsort(m.page, m.pages, sizeof m.page[0], by_address);
    for (unsigned i = 0; i < m.pages; i++) {
        if (i > 0 && m.page[i] == m.page[i - 1]) {
            continue;
        }
        if (fc_readable(g, m.page[i])) {
            whole++;
        } else if (any_byte(g, m.page[i])) {
            partial++;
        } else {
            m.outside++;
        }
    }
    if (c->pages != whole || c->partial != partial || c->outside != m.outside) {
        fz_fail(
            ASK_VERIFY,
            "of the guest and itself %llu pages are the same, %llu in part, "
            "%llu outside; and not %llu, %llu, %llu",
            HEX(c->pages), HEX(c->partial), HEX(c->outside), HEX(whole),
            HEX(partial), HEX(m.outside));
    }
}

/* How many bits of leaves are changed of an input. */
enum { FLIPS = 2 };

/* The guest is the same as itself; as one that differs, it is not. */
static void check_two(struct two_guests *two, const struct fc_input *input)
{
    struct fc_guest *g = two->g;
    struct ptw_verify_options o = fc_all_of(g);
    uint64_t random = g->w->seed;
    struct ptw_certificate c;
    enum ptw_status st;

    /* Where nothing of a half was kept, nobody has looked at its roots. */
    if (fc_bad_root(g) < g->w->roots) {
        return;
    }
    st = fc_compare_memory(g, &two->mem, g->root, &two->mem, g->root, &o,
                           two->growth, &c);
    if (st == PTW_DIFFERENT) {
        fz_fail(ASK_ITSELF, "the guest is not the same as itself: %s at %llx",
                ptw_difference_text(fc_verify.difference.kind),
                HEX(fc_verify.difference.va.v));
    }
    if (st != PTW_OK) {
        return;
    }
    if (g->w->thorough) {
        check_pages(g, &c);
    }
    flip_page(two, input, &c);
    for (unsigned i = 0; i < (g->w->thorough ? FLIPS : 1u); i++) {
        flip_leaf(two, fz_random(&random), &c);
    }
    flip_address(two, fz_random(&random), &c);
    move_named(two, fz_random(&random));
    fz_turn_back(g->w);
}

void fc_check_itself(const struct fc_guest *g, const struct fc_manner *how,
                     const struct fc_input *input)
{
    static struct fc_guest guest[2];
    struct ptw_region region[2][FZ_REGIONS];
    struct two_guests two = {
        .g = &guest[0], .other = &guest[1], .growth = how->growth};

    fc_offer_cheaply(g, two.g, &two.mem, region[0]);
    fc_offer_cheaply(g, two.other, &two.changed, region[1]);
    check_two(&two, input);
    fc_free_host(two.g);
    fc_free_host(two.other);
}
