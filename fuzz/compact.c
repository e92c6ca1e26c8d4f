/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of rebuilding a guest and of verifying that: README.md has
 * them in words. */
#include "arena.h"
#include "check.h"
#include "compact_difference.h"
#include "compact_itself.h"
#include "compact_limits.h"
#include "compact_make.h"
#include "compact_spoil.h"
#include "same_guest.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* Memory from which on not all of it is compared with itself. */
enum { LARGE = 256 << 20 };

static struct fc_guest guest;
static _Alignas(FZ_PAGE) uint8_t image_pages[2][FC_PAGES][FZ_PAGE];
static struct fc_image image[2];
static struct ptw_rebuild rebuild;

static void same_images(const struct fc_image *a, const struct fc_image *b,
                        unsigned roots, const char *what)
{
    if (a->bytes != b->bytes || a->counts.page_bytes != b->counts.page_bytes ||
        a->pages != b->pages) {
        fz_fail(ASK_AGAIN,
                "%s has %llu bytes, %llu of pages, %u of them given; not "
                "%llu, %llu, %u",
                what, HEX(b->bytes), HEX(b->counts.page_bytes), b->pages,
                HEX(a->bytes), HEX(a->counts.page_bytes), a->pages);
        return;
    }
    for (unsigned i = 0; i < a->pages; i++) {
        if (a->at[i] != b->at[i] ||
            memcmp(a->page[i], b->page[i], FZ_PAGE) != 0) {
            fz_fail(ASK_AGAIN, "%s has another page %llx", what, HEX(b->at[i]));
        }
    }
    for (size_t i = 0; memcmp(a->tables, b->tables, a->table_bytes) != 0; i++) {
        if (a->tables[i] != b->tables[i]) {
            fz_fail(ASK_AGAIN, "%s differs in its tables at %llx", what,
                    HEX(b->tables_at + i));
        }
    }
    for (unsigned i = 0; i < roots; i++) {
        if (a->root[i].table.v != b->root[i].table.v) {
            fz_fail(ASK_AGAIN, "%s has the root %llx, not %llx", what,
                    HEX(b->root[i].table.v), HEX(a->root[i].table.v));
        }
    }
}

/* Another seed, other storage, other accessors: the same bytes. */
static void check_again(struct fc_guest *g, const struct fc_manner *how)
{
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_rebuild_options o = g->o;
    struct fc_manner again = *how;

    fc_offer(g, !g->lends, &mem, region);
    o.seed = ~o.seed * 3;
    o.max_reads = image[0].reads; /* just enough */
    o.max_bytes = image[0].planned;
    again.growth = ~again.growth;
    again.refuse_times = 0;
    again.direct = !again.direct;
    again.most_storage = FC_STORE;
    if (!fc_make_image(g, &mem, g->root, &o, &again, &rebuild, &image[1])) {
        fz_stop(ASK_AGAIN, "the same guest can't be rebuilt again");
    }
    same_images(&image[0], &image[1], g->w->roots, "the same image");
    if (memcmp(&image[0].counts, &image[1].counts, sizeof image[0].counts) !=
        0) {
        fz_fail(ASK_AGAIN, "the same guest is counted in another way");
    }
    fc_free_storage(&rebuild);
    fc_image_done(&image[1]);
}

/* What was rebuilt is rebuilt. */
static void check_fixed_point(struct fc_guest *g, const struct fc_manner *how)
{
    const struct ptw_rebuild_counts *c = &image[0].counts;
    struct ptw_region region[FC_IMAGE_REGIONS];
    struct ptw_mem mem;
    struct ptw_rebuild_options o = g->o;
    struct fc_manner again = *how;

    /* What was unknown may be in the new memory. */
    if (o.maps > 0 || c->split > 0 || c->dropped[PTW_DROP_UNREADABLE] > 0 ||
        c->absent_unknown > 0) {
        return;
    }
    fc_image_memory(&image[0], &mem, region);
    o.flags &= PTW_REBUILD_ZEROS | PTW_REBUILD_TABLES_APART;
    again.of_image = true;
    again.refuse_times = 0;
    again.most_storage = FC_STORE;
    if (!fc_make_image(g, &mem, image[0].root, &o, &again, &rebuild,
                       &image[1])) {
        fz_stop(ASK_AGAIN, "the new image can't be rebuilt");
    }
    same_images(&image[0], &image[1], g->w->roots, "the image of the image");
    fc_free_storage(&rebuild);
    fc_image_done(&image[1]);
}

/* How much memory there is: a leaf may map all of it, which is then compared. */
static bool is_large(const struct fc_guest *g)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < g->w->regions && bytes < LARGE; i++) {
        uint64_t more = g->w->region[i].last - g->w->region[i].first;

        bytes = more < LARGE ? bytes + more : LARGE;
    }
    return bytes >= LARGE;
}

/* Whether the new leaf says that the entries around it are alike, which no leaf
 * of an image does. */
static bool in_a_run(const struct fc_guest *g, const struct ptw_difference *d)
{
    return d->kind == PTW_DIFFERS_ATTRIBUTES &&
           oracle_alone(&g->w->mode, 0, d->new_raw) != d->new_raw;
}

/* Where nothing was left out, and nothing became another thing, the guest is as
 * good an image of the image. */
static void check_backwards(struct fc_guest *g, const struct ptw_mem *mem,
                            const struct fc_manner *how)
{
    const struct ptw_rebuild_counts *k = &image[0].counts;
    struct ptw_region region[FC_IMAGE_REGIONS];
    struct ptw_mem now;
    struct ptw_certificate c;
    struct ptw_verify_options o = fc_all_of(g);

    if (!fc_plain || (g->o.flags & ~(unsigned)PTW_REBUILD_TABLES_APART) != 0 ||
        g->o.leave_outs > 0 || g->o.maps > 0 || g->o.first.v != 0 ||
        g->o.last.v != UINT64_MAX || g->o.absent.policy != PTW_ABSENT_KEEP ||
        g->w->holes > 0 || k->split > 0) {
        return;
    }
    for (unsigned i = 0; i < PTW_DROPS; i++) {
        if (k->dropped[i] > 0) {
            return;
        }
    }
    fc_image_memory(&image[0], &now, region);
    if (fc_compare_memory(g, &now, image[0].root, mem, g->root, &o, how->growth,
                          &c) == PTW_DIFFERENT &&
        !in_a_run(g, &fc_verify.difference)) {
        fz_fail(ASK_ITSELF, "the guest is not the image: %s at %llx",
                ptw_difference_text(fc_verify.difference.kind),
                HEX(fc_verify.difference.va.v));
    }
}

/* How many pages of memory are in the image; each is asked about. */
static uint64_t pages_known(const struct fc_guest *g, struct ptw_rebuild *rb)
{
    const struct fz_case *w = g->w;
    uint64_t known = 0;

    for (unsigned i = 0; i < w->regions; i++) {
        for (uint64_t page = w->region[i].first / fc_page_bytes(g);
             page <= w->region[i].last / fc_page_bytes(g); page++) {
            bool seen = false;
            ptw_pa now;

            for (unsigned k = 0; k < i; k++) {
                seen = seen || (page >= w->region[k].first / fc_page_bytes(g) &&
                                page <= w->region[k].last / fc_page_bytes(g));
            }
            known += !seen &&
                     ptw_rebuild_page(rb, ptw_pa_of(page * fc_page_bytes(g)),
                                      &now) == PTW_OK;
        }
    }
    return known;
}

/* ptw_rebuild_pages gives all pages of the image, and nothing else, as far as
 * they go on, from wherever it is asked. */
static void check_pages(const struct fc_guest *g, struct ptw_rebuild *rb)
{
    uint64_t from = 0;
    uint64_t count = 0;
    uint64_t bytes;
    ptw_pa old;
    ptw_pa now;
    enum ptw_status st;

    while ((st = ptw_rebuild_pages(rb, ptw_pa_of(from), &old, &now, &bytes)) ==
           PTW_OK) {
        uint64_t half = bytes / fc_page_bytes(g) / 2 * fc_page_bytes(g);
        uint64_t rest = 0;
        ptw_pa is;
        ptw_pa again;

        if (old.v < from || bytes == 0 ||
            (old.v | bytes) % fc_page_bytes(g) != 0) {
            fz_stop(ASK_PAGES, "the pages from %llx on: %llx bytes at %llx",
                    HEX(from), HEX(bytes), HEX(old.v));
        }
        for (uint64_t at = 0; at <= bytes; at += fc_page_bytes(g)) {
            st = ptw_rebuild_page(rb, ptw_pa_of(old.v + at), &is);
            if ((st == PTW_OK && is.v == now.v + at) != (at < bytes)) {
                fz_fail(ASK_PAGES,
                        "the pages at %llx go on for %llx bytes; not at %llx",
                        HEX(old.v), HEX(bytes), HEX(at));
            }
        }
        if (ptw_rebuild_pages(rb, ptw_pa_of(old.v + half + 5), &again, &is,
                              &rest) != PTW_OK ||
            again.v != old.v + half || is.v != now.v + half ||
            rest != bytes - half) {
            fz_fail(ASK_PAGES, "the pages from the middle of those at %llx on",
                    HEX(old.v));
        }
        count += bytes / fc_page_bytes(g);
        from = old.v + bytes;
    }
    if (st != PTW_END) {
        fz_fail(ASK_PAGES, "the pages: %s", ptw_status_text(st));
    }
    if (fc_lawful(g, 0, 0) <= (uint64_t)40 * 16384 &&
        count != pages_known(g, rb)) {
        fz_fail(ASK_PAGES, "%llu pages are listed, and there are others",
                HEX(count));
    }
}

/* How many entries of an image the comparison that was over last has read. */
static uint64_t reads_of(unsigned side)
{
    return ptw_walk_counts(&fc_verify.state.side[side].walk).reads;
}

/* A comparison that may read as many entries of each image as it takes is as it
 * was; with one entry less, it ends there. */
static void check_compared_reads(struct fc_guest *g, const struct ptw_mem *mem,
                                 const struct fc_manner *how)
{
    struct ptw_verify_options o = ptw_verify_options_of(&g->o);
    struct ptw_region region[FC_IMAGE_REGIONS];
    struct ptw_certificate c;
    struct ptw_mem now;
    enum ptw_status st;
    uint64_t most = reads_of(0) > reads_of(1) ? reads_of(0) : reads_of(1);

    if (o.first.v != g->o.first.v || o.last.v != g->o.last.v ||
        o.leave_out != g->o.leave_out || o.leave_outs != g->o.leave_outs ||
        o.flags != g->o.flags || o.max_reads != g->o.max_reads ||
        o.seed != g->o.seed || o.absent.policy != g->o.absent.policy ||
        o.absent.migration != g->o.absent.migration ||
        o.absent.type_at != g->o.absent.type_at ||
        o.absent.frame_bits != g->o.absent.frame_bits ||
        o.absent.mask != g->o.absent.mask) {
        fz_fail(ASK_VERIFY, "the options of a comparison are others");
    }
    fc_image_memory(&image[0], &now, region);
    for (unsigned less = 0; less < 2 && most > less; less++) {
        o.max_reads = most - less;
        st = fc_compare_memory(g, mem, g->root, &now, image[0].root, &o,
                               how->growth, &c);
        if (st != (less == 0 ? PTW_OK : PTW_E_LIMIT) && st != PTW_E_SPACE) {
            fz_fail(ASK_STATUS,
                    "a comparison that may read %llu entries, and takes %llu, "
                    "says: %s",
                    HEX(o.max_reads), HEX(most), ptw_status_text(st));
        }
    }
}

/* An image that was just made is the guest, and is certified. */
static enum ptw_status compare_image(struct fc_guest *g,
                                     const struct ptw_mem *mem,
                                     const struct fc_manner *how,
                                     struct ptw_certificate *c)
{
    const struct fc_image *m = &image[0];
    enum ptw_status st =
        fc_compare(g, mem, &image[0], g->o.seed, how->growth, c);

    if (st == PTW_DIFFERENT) {
        const struct ptw_difference *d = &fc_verify.difference;

        fz_fail(ASK_VERIFY,
                "the image is right, and the verifier says: %s, space %u, "
                "%llx; %llx %llx %x, %llx %llx %x",
                ptw_difference_text(d->kind), (unsigned)d->space, HEX(d->va.v),
                HEX(d->old_pa.v), HEX(d->old_raw), d->old_rights,
                HEX(d->new_pa.v), HEX(d->new_raw), d->new_rights);
    }
    if (st == PTW_OK && g->w->thorough) {
        check_compared_reads(g, mem, how);
    }
    if (st == PTW_OK) {
        fc_check_certificate(g, m, c);
        fz_note(c->digest[0]);
        fz_note(c->digest[1]);
    }
    return st;
}

/* How often an image is spoilt in any way, when it is checked thoroughly: by
 * verify, in each way, and by as many bits of entries; by compact. */
enum {
    WAYS = SPOIL_WAYS - 1,
    SPOILS = 2 * WAYS,
    SPOILS_ALSO = 2,
};

/* An image is spoilt: the verifier finds a difference exactly where the guest
 * has one.  two_levels: of a table at two levels one new table is what the other
 * one is, too, and whether that shows is not known here. */
static void spoil_once(struct fc_guest *g, const struct ptw_mem *mem,
                       const struct fc_manner *how, const struct fc_spoilt *s,
                       bool two_levels)
{
    struct fc_image *m = &image[0];
    const struct ptw_difference *d = &fc_verify.difference;
    struct ptw_certificate c;
    bool unsure;
    enum ptw_status st;

    fc_spoil(g, m, s);
    st = fc_compare(g, mem, m, g->o.seed, how->growth, &c);
    if (st == PTW_OK && !fc_same(g, m, NULL, &unsure) && !unsure) {
        fz_fail(ASK_SPOILT,
                "spoilt by %d, %u %u %u, and the verifier finds no difference: "
                "%s: at %llx it was %llx and is %llx",
                (int)s->how, s->at[0], s->at[1], s->at[2], fc_difference.what,
                HEX(fc_difference.va), HEX(fc_difference.was),
                HEX(fc_difference.is));
    }
    if (st == PTW_DIFFERENT) {
        fc_check_difference(g, m, d);
        if (!two_levels && fc_same(g, m, NULL, &unsure) && !unsure) {
            fz_fail(ASK_SPOILT,
                    "spoilt by %d, %u %u %u, nothing differs, and the verifier "
                    "says: %s, at %llx of space %u",
                    (int)s->how, s->at[0], s->at[1], s->at[2],
                    ptw_difference_text(d->kind), HEX(d->va.v),
                    (unsigned)d->space);
        }
    }
}

/* The i-th way of an input to spoil an image in any way. */
static struct fc_spoilt any_way(uint64_t *random, unsigned first, unsigned i)
{
    uint64_t r = fz_random(random);
    struct fc_spoilt s = {
        .how = i < WAYS ? (enum fc_spoil)(1 + (first + i) % WAYS) : SPOIL_ENTRY,
        .absent = (r >> 40 & 3) == 0,
    };

    for (unsigned k = 0; k < sizeof s.at; k++) {
        s.at[k] = (uint8_t)(r >> (8 + 8 * k));
    }
    if (i >= WAYS && (r & 3) != 0) {
        s.at[2] %= 12; /* where rights are, mostly */
    }
    return s;
}

/* In each way that the input says and, `more` times, in any, where the guest and
 * the image are offered so that this takes the least time; what was spoilt is put
 * right again. */
static void spoil_image(struct fc_guest *g, const struct ptw_mem *mem,
                        const struct fc_manner *how,
                        const struct fc_input *input, unsigned more)
{
    enum { MOST = 1 << 19 };

    static struct fc_guest cheap;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem cheap_mem;
    struct fc_image *m = &image[0];
    uint64_t random = g->w->seed;
    unsigned first = (unsigned)(random >> 48) % WAYS;
    bool two_levels = fc_two_levels(g);
    unsigned spoilings = input->spoilings;
    uint64_t bytes = m->bytes;
    bool direct = m->direct;
    struct ptw_root root[FZ_ROOTS];
    uint8_t *tables;

    if (m->table_bytes <= MOST && !is_large(g)) {
        spoilings += more;
    }
    if (spoilings == 0) {
        return;
    }
    memcpy(root, m->root, sizeof root);
    fc_offer_cheaply(g, &cheap, &cheap_mem, region);
    tables = fz_take(m->table_bytes);
    memcpy(tables, m->tables, m->table_bytes);
    for (unsigned i = 0; i < spoilings; i++) {
        bool any = i >= input->spoilings;
        struct fc_spoilt s = any ? any_way(&random, first, i - input->spoilings)
                                 : input->spoilt[i];

        m->direct = any || direct;
        spoil_once(any ? &cheap : g, any ? &cheap_mem : mem, how, &s,
                   two_levels);
        if (s.how == SPOIL_PAGE) {
            fc_spoil(g, m, &s); /* there and back */
        }
        memcpy(m->tables, tables, m->table_bytes);
        memcpy(m->root, root, sizeof root);
        m->bytes = bytes;
        m->extra_at = 0;
        m->lost = 0;
    }
    m->direct = direct;
    fz_give_back(tables);
    fc_free_host(&cheap);
}

/* A rebuilt image of a guest that did not change. */
static void check_image(struct fc_guest *g, const struct ptw_mem *mem,
                        const struct fc_manner *how,
                        const struct fc_input *input)
{
    struct fc_image *m = &image[0];
    struct ptw_certificate c;
    struct ptw_certificate again;
    bool unsure;
    enum ptw_status st = compare_image(g, mem, how, &c);

    (void)fc_same(g, m, &rebuild, &unsure);
    check_pages(g, &rebuild);
    fc_free_storage(&rebuild);
    memset(&rebuild, 0, sizeof rebuild);
    if (st == PTW_OK && (g->w->thorough || (g->w->seed >> 32) % 4 == 0)) {
        st = fc_compare(g, mem, m, ~g->o.seed, ~how->growth, &again);
        if (st != PTW_OK || memcmp(&c, &again, sizeof c) != 0) {
            fz_fail(ASK_VERIFY, "another seed gives another certificate: %s",
                    ptw_status_text(st));
        }
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 1) {
        check_again(g, how);
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 2) {
        check_fixed_point(g, how);
    }
    if (g->w->thorough) {
        fc_check_limits(g, mem, m, how->growth);
    }
    if (g->w->thorough || (g->w->seed >> 32) % 4 == 3) {
        if (!is_large(g)) {
            fc_check_itself(g, how, input);
        }
        check_backwards(g, mem, how);
    }
    if (st == PTW_OK) {
        spoil_image(g, mem, how, input, g->w->thorough ? SPOILS_ALSO : 0);
    }
}

/* An image alone, without what compact asks of a rebuild: that takes a fifth of
 * the time. */
static void check_spoilt(struct fc_guest *g, const struct ptw_mem *mem,
                         const struct fc_manner *how,
                         const struct fc_input *input)
{
    struct ptw_certificate c;
    enum ptw_status st = compare_image(g, mem, how, &c);

    if (g->w->thorough) {
        bool unsure;

        (void)fc_same(g, &image[0], &rebuild, &unsure);
    }
    fc_free_storage(&rebuild);
    memset(&rebuild, 0, sizeof rebuild);
    if (st == PTW_OK) {
        spoil_image(g, mem, how, input, g->w->thorough ? SPOILS : 1);
    }
}

/* What the plan refused for a marked leaf is made when such leaves are kept.
 * The comparison then refuses it, unless what they map could not be read. */
static void check_refused(struct fc_guest *g, const struct ptw_mem *mem,
                          const struct fc_manner *how)
{
    struct fc_image *m = &image[0];
    struct ptw_certificate c;
    enum ptw_status st;

    g->reads = 0;
    g->o.flags &= ~(unsigned)PTW_REBUILD_REFUSE_MARKED;
    if (fc_make_image(g, mem, g->root, &g->o, how, &rebuild, m)) {
        bool kept = m->counts.marked_before > 0;

        g->o.flags |= PTW_REBUILD_REFUSE_MARKED;
        st = fc_compare(g, mem, m, g->o.seed, how->growth, &c);
        if ((st == PTW_OK && kept) ||
            (st == PTW_DIFFERENT &&
             (!kept || fc_verify.difference.kind != PTW_DIFFERS_POLICY))) {
            fz_fail(ASK_VERIFY,
                    "the image has %llu marked leaves, and the verifier says: "
                    "%s",
                    HEX(m->counts.marked_before),
                    ptw_difference_text(fc_verify.difference.kind));
        }
    }
    fc_free_storage(&rebuild);
}

/* A guest with a root that can't be one is not the same as itself. */
static void check_bad_root(struct fc_guest *g, const struct ptw_mem *mem,
                           const struct fc_manner *how)
{
    const struct ptw_difference *d = &fc_verify.difference;
    struct ptw_verify_options o = fc_all_of(g);
    struct ptw_certificate c;
    unsigned bad = fc_bad_root(g);
    enum ptw_status st;

    if (bad == g->w->roots || is_large(g)) {
        return;
    }
    st = fc_compare_memory(g, mem, g->root, mem, g->root, &o, how->growth, &c);
    if (st == PTW_OK || (st == PTW_DIFFERENT &&
                         (d->kind != PTW_DIFFERS_SPACE || d->space > bad))) {
        fz_fail(ASK_ITSELF, "root %u can't be one: %s, %s in space %u", bad,
                ptw_status_text(st), ptw_difference_text(d->kind),
                (unsigned)d->space);
    }
}

/* What is asked of an image. */
typedef void asking(struct fc_guest *g, const struct ptw_mem *mem,
                    const struct fc_manner *how, const struct fc_input *input);

/* Makes the image, and hands it over. */
static void with_image(const uint8_t *data, size_t len, asking *check)
{
    static struct fc_input input;
    struct fc_guest *g = &guest;
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct fc_manner how;

    fc_read_input(g, &input, data, len);
    image[0].page = image_pages[0];
    image[1].page = image_pages[1];
    how.growth = input.growth;
    how.most_storage = input.most_storage;
    how.refuse_at = input.refused_first;
    how.refuse_times = input.refused_times;
    how.direct = (g->w->seed >> 40 & 1) != 0;
    how.no_room =
        (input.options & OPT_NO_ROOM) != 0 && (g->w->seed >> 41 & 1) != 0;
    how.read_only = (input.options & OPT_NO_ROOM) != 0 && !how.no_room;
    how.of_image = false;
    how.changes = (input.options & OPT_CHANGES) != 0;
    g->changes = how.changes;
    fc_offer(g, g->w->memory == FZ_BORROW, &mem, region);
    if (!fc_make_image(g, &mem, g->root, &g->o, &how, &rebuild, &image[0])) {
        bool refused =
            ptw_rebuild_bad_mark(&rebuild, &(uint32_t){0}, &(ptw_va){0});
        bool refused_map = ptw_rebuild_bad_map(&rebuild, &(size_t){0});

        fc_free_storage(&rebuild);
        if (refused_map && g->w->thorough && !how.changes) {
            fc_check_refused_map(g, &mem, how.growth);
        }
        if (refused && !how.changes) {
            check_refused(g, &mem, &how);
        }
        if (g->w->thorough && !how.changes) {
            check_bad_root(g, &mem, &how);
        }
    } else if (how.changes) {
        struct ptw_certificate c;

        (void)fc_compare(g, &mem, &image[0], g->o.seed, how.growth, &c);
        fc_free_storage(&rebuild);
    } else {
        check(g, &mem, &how, &input);
    }
    fc_image_done(&image[0]);
    fc_free_host(g);
}

void fz_compact(const uint8_t *data, size_t len)
{
    with_image(data, len, check_image);
}

void fz_verify(const uint8_t *data, size_t len)
{
    with_image(data, len, check_spoilt);
}
