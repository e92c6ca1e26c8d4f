/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator.
 *
 * An input of libFuzzer's own making seldom has a table: a link is a record
 * whose fields agree with those of others.  Here the records that there are say
 * which pages are tables and by which entries, and what is put in agrees with
 * them.  Nothing is kept between calls, and any input is a valid one: a change
 * that finds nothing to work on is another one. */
#include "mutator.h"

#include <string.h>

enum {
    TABLES = 24,       /* that are looked at */
    LEAF_PAGE = 8,     /* which a new path ends in */
    NAMES = 16,        /* of pages that new records use */
    PATH_LINKS = 0xFF, /* a whole path of the regime */
    WHOLE_TABLE = 0xFFFF,
    MOST_CHANGES = 4 /* in one call */
};

/* Flags of entries: present, write, user; accessed and dirty; no-exec. */
enum { TO_ALL = 7, USED = 3 << 5, NO_EXEC = 1 << 12 };

enum kind { LEAF, TABLE, RUN };
enum step { SAME, NEXT };

/* What an input is about. */
enum about { WALKS, EDITS, REBUILDS, REGISTERS, ACCESSES, NUMBERS, ABOUTS };

/* An entry that leads to a table: record `at` puts it there. */
struct link {
    unsigned at;
    unsigned page;
    unsigned index;
    unsigned to;
};

struct draft {
    enum about about;
    uint8_t *data;
    size_t size;
    size_t most;
    uint64_t random;
    struct link link[TABLES];
    unsigned links;
};

/* ---------------------------------------------------------------- at random */

static uint64_t roll(struct draft *d)
{
    uint64_t v = d->random += 0x9E3779B97F4A7C15;

    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9;
    v = (v ^ v >> 27) * 0x94D049BB133111EB;
    return v ^ v >> 31;
}

static unsigned below(struct draft *d, unsigned n)
{
    return (unsigned)(roll(d) % n);
}

static bool one_in(struct draft *d, unsigned n)
{
    return below(d, n) == 0;
}

/* The index of an entry: at an end, in the middle, or near the start. */
static unsigned some_index(struct draft *d)
{
    static const uint16_t often[] = {0,      1,      2,      7,     8,
                                     0x8000, 0x7FFF, 0xFFFF, 0xFFFE};
    unsigned n = sizeof often / sizeof often[0];
    unsigned i = below(d, 2 * n);

    return i < n ? often[i] : below(d, 64);
}

static unsigned some_page(struct draft *d)
{
    return below(d, NAMES);
}

/* Rights and marks of an entry, mostly all of them. */
static unsigned some_flags(struct draft *d)
{
    unsigned flags = TO_ALL | USED;

    if (one_in(d, 3)) {
        flags ^= 2u << below(d, 2); /* write or user */
    }
    if (one_in(d, 4)) {
        flags |= NO_EXEC;
    }
    if (one_in(d, 4)) {
        flags ^= 1u << below(d, 16);
    }
    return flags;
}

/* ------------------------------------------------------------------- records */

static unsigned records(const struct draft *d)
{
    return d->size <= FZ_HEADER ? 0
                                : (unsigned)((d->size - FZ_HEADER) / FZ_RECORD);
}

static uint8_t *record(const struct draft *d, unsigned i)
{
    return d->data + FZ_HEADER + (size_t)i * FZ_RECORD;
}

/* Puts a record in front of record `at`; NULL: there is no room.  It is empty
 * but for its operation. */
static uint8_t *put_in(struct draft *d, unsigned at, enum fz_op op)
{
    uint8_t *r = record(d, at);

    if (d->most - d->size < FZ_RECORD) {
        return NULL;
    }
    memmove(r + FZ_RECORD, r, d->size - (size_t)(r - d->data));
    memset(r, 0, FZ_RECORD);
    fz_put(r, OP_CODE, op);
    d->size += FZ_RECORD;
    return r;
}

static void take_out(struct draft *d, unsigned at)
{
    uint8_t *r = record(d, at);

    memmove(r, r + FZ_RECORD, d->size - (size_t)(r + FZ_RECORD - d->data));
    d->size -= FZ_RECORD;
}

/* Where tables are described: in front of the first edit, mostly. */
static unsigned among_tables(struct draft *d)
{
    unsigned n = records(d);

    if (one_in(d, 8)) {
        return below(d, n + 1);
    }
    for (unsigned i = 0; i < n; i++) {
        enum fz_op op = fz_op_of(record(d, i));

        if (op == OP_EDIT || op == OP_SUPPLY) {
            return i;
        }
    }
    return n;
}

/* A record of that operation, or the number of records. */
static unsigned some_record(struct draft *d, enum fz_op op)
{
    unsigned n = records(d);
    unsigned from = n > 0 ? below(d, n) : 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned at = (from + i) % n;

        if (fz_op_of(record(d, at)) == op) {
            return at;
        }
    }
    return n;
}

/* -------------------------------------------------------------------- tables */

static void found_link(struct draft *d, unsigned at, unsigned page,
                       unsigned index, unsigned to)
{
    if (d->links < TABLES) {
        d->link[d->links++] = (struct link){at, page, index, to};
    }
}

/* Finds what leads to tables. */
static void find_links(struct draft *d)
{
    d->links = 0;
    for (unsigned i = 0; i < records(d); i++) {
        const uint8_t *r = record(d, i);
        enum fz_op op = fz_op_of(r);

        if (op == OP_CHAIN) {
            unsigned page = (unsigned)fz_get(r, CHAIN_PAGE);
            unsigned links = (unsigned)fz_get(r, CHAIN_LINKS);
            unsigned last = (unsigned)fz_get(r, CHAIN_LAST);

            /* A whole path has three links or so: the last one is known. */
            for (unsigned k = 0; k < (links == PATH_LINKS ? 2 : links % 4 + 1);
                 k++) {
                found_link(d, i, page + k, (unsigned)fz_get(r, CHAIN_INDEX),
                           page + k + 1);
            }
            if (links == PATH_LINKS && last != 0) {
                found_link(d, i, page + 2, (unsigned)fz_get(r, CHAIN_INDEX),
                           last - 1);
            }
        } else if (op == OP_ENTRY && fz_get(r, ENTRY_KIND) % 4 % 2 == TABLE) {
            found_link(d, i, (unsigned)fz_get(r, ENTRY_PAGE),
                       (unsigned)fz_get(r, ENTRY_INDEX),
                       (unsigned)fz_get(r, ENTRY_TO));
        }
    }
}

/* A link; there is one. */
static const struct link *some_link(struct draft *d)
{
    return &d->link[below(d, d->links)];
}

static bool put_entry(struct draft *d, unsigned page, unsigned index,
                      unsigned flags, enum kind kind, unsigned to)
{
    uint8_t *r = put_in(d, among_tables(d), OP_ENTRY);

    if (r == NULL) {
        return false;
    }
    fz_put(r, ENTRY_PAGE, page);
    fz_put(r, ENTRY_INDEX, index);
    fz_put(r, ENTRY_FLAGS, flags);
    fz_put(r, ENTRY_KIND, kind);
    fz_put(r, ENTRY_TO, to);
    return true;
}

/* A page of leaves: the last table of a path, or some other one. */
static unsigned page_of_leaves(struct draft *d)
{
    for (unsigned i = d->links; i-- > 0;) {
        if (d->link[i].to == LEAF_PAGE || one_in(d, 4)) {
            return d->link[i].to;
        }
    }
    return LEAF_PAGE;
}

/* ------------------------------------------------------------------- changes */

/* A path of tables, from the page that is the root of an empty input. */
static bool new_path(struct draft *d)
{
    uint8_t *r = put_in(d, among_tables(d), OP_CHAIN);

    if (r == NULL) {
        return false;
    }
    fz_put(r, CHAIN_PAGE, one_in(d, 4) ? some_page(d) : 0);
    fz_put(r, CHAIN_INDEX, some_index(d));
    fz_put(r, CHAIN_LINKS, PATH_LINKS);
    fz_put(r, CHAIN_LAST, 1 + LEAF_PAGE);
    fz_put(r, CHAIN_FLAGS, TO_ALL | USED);
    return true;
}

/* Leaves, one or some behind it. */
static bool new_leaves(struct draft *d)
{
    static const uint16_t more[] = {0, 0, 1, 7, 15, 63, 511, WHOLE_TABLE};
    uint8_t *r = put_in(d, among_tables(d), OP_ENTRY);

    if (r == NULL) {
        return false;
    }
    fz_put(r, ENTRY_PAGE, page_of_leaves(d));
    fz_put(r, ENTRY_INDEX, some_index(d));
    fz_put(r, ENTRY_FLAGS, some_flags(d));
    fz_put(r, ENTRY_KIND, one_in(d, 12) ? RUN : LEAF);
    fz_put(r, ENTRY_MORE, more[below(d, sizeof more / sizeof more[0])]);
    fz_put(r, ENTRY_STEP, below(d, 4));
    fz_put(r, ENTRY_TO, some_page(d));
    if (one_in(d, 3)) {
        fz_put(r, ENTRY_NUMBER, below(d, 1024));
        fz_put(r, ENTRY_SHIFT, 1 + below(d, 12));
    }
    return true;
}

/* A large leaf, in place of a table or beside one. */
static bool new_large_leaf(struct draft *d)
{
    const struct link *l = some_link(d);
    uint8_t *r = put_in(d, among_tables(d), OP_ENTRY);

    if (r == NULL) {
        return false;
    }
    fz_put(r, ENTRY_PAGE, l->page);
    fz_put(r, ENTRY_INDEX, one_in(d, 4) ? l->index : some_index(d));
    fz_put(r, ENTRY_FLAGS, some_flags(d) | 1 << 7);
    fz_put(r, ENTRY_KIND, LEAF);
    fz_put(r, ENTRY_NUMBER, below(d, 16));
    fz_put(r, ENTRY_SHIFT, 0x80 + below(d, 4));
    return true;
}

/* A table is shared: another entry leads to it, beside the first one. */
static bool share(struct draft *d)
{
    const struct link *l = some_link(d);
    unsigned page = one_in(d, 3) ? some_link(d)->page : l->page;

    return put_entry(d, page, some_index(d), some_flags(d), TABLE, l->to);
}

/* Another space has a part of the first one. */
static bool new_root(struct draft *d)
{
    const struct link *l = some_link(d);
    unsigned page = 9 + below(d, 6);
    uint8_t *r;

    if (!put_entry(d, page, one_in(d, 2) ? l->index : some_index(d),
                   some_flags(d), TABLE, l->to)) {
        return false;
    }
    if (some_record(d, OP_ROOT) == records(d)) {
        r = put_in(d, among_tables(d), OP_ROOT); /* the one that was meant */
        if (r == NULL) {
            return false;
        }
        fz_put(r, ROOT_PAGE, d->link[0].page);
    }
    r = put_in(d, among_tables(d), OP_ROOT);
    if (r != NULL) {
        fz_put(r, ROOT_PAGE, page);
        fz_put(r, ROOT_HALF, one_in(d, 2) ? 1 + below(d, 8) : 0);
    }
    return r != NULL;
}

/* A table is the root of another half, too. */
static bool root_of_half(struct draft *d)
{
    const struct link *l = some_link(d);
    uint8_t *r = put_in(d, among_tables(d), OP_ROOT);

    if (r != NULL) {
        fz_put(r, ROOT_PAGE, one_in(d, 3) ? l->page : l->to);
        fz_put(r, ROOT_HALF, 1 + below(d, 8));
    }
    return r != NULL;
}

/* A table leads to itself, or to one that leads to it. */
static bool cycle(struct draft *d)
{
    const struct link *l = some_link(d);

    return put_entry(d, l->to, some_index(d), TO_ALL | USED, TABLE,
                     one_in(d, 2) ? l->to : l->page);
}

/* A table stands at another level: it is led to from further up or down. */
static bool other_level(struct draft *d)
{
    const struct link *l = some_link(d);
    const struct link *m = some_link(d);

    return put_entry(d, l->page, some_index(d), TO_ALL | USED, TABLE, m->to);
}

/* An entry says something else of its rights: one path of several differs. */
static bool flip_a_right(struct draft *d)
{
    static const uint8_t bit[] = {0, 1, 2, 5, 6, 7, 8, 10, 51, 53, 54, 61, 63};
    const struct link *l = some_link(d);
    uint8_t *r = put_in(d, among_tables(d), OP_FLIP);

    if (r == NULL) {
        return false;
    }
    fz_put(r, FLIP_PAGE, one_in(d, 3) ? page_of_leaves(d) : l->page);
    fz_put(r, FLIP_INDEX, one_in(d, 3) ? some_index(d) : l->index);
    fz_put(r, FLIP_BIT,
           one_in(d, 4) ? below(d, 64) : bit[below(d, sizeof bit)]);
    return true;
}

/* Some entry of a table is any number. */
static bool raw_entry(struct draft *d)
{
    uint8_t *r = put_in(d, among_tables(d), OP_RAW);

    if (r == NULL) {
        return false;
    }
    fz_put(r, RAW_PAGE,
           d->links > 0 && !one_in(d, 4) ? some_link(d)->to : some_page(d));
    fz_put(r, RAW_INDEX, some_index(d));
    fz_put(r, RAW_IS,
           roll(d) | (one_in(d, 2) ? 1 : 0) |
               (one_in(d, 2) ? (uint64_t)TO_ALL : 0));
    return true;
}

/* Memory ends where a table or a page stands. */
static bool straddle(struct draft *d)
{
    unsigned page =
        d->links > 0 && !one_in(d, 3) ? some_link(d)->to : some_page(d);
    uint8_t *r;

    switch (below(d, 4)) {
    case 0:
        r = put_in(d, among_tables(d), OP_PLACE);
        if (r != NULL) {
            fz_put(r, PLACE_PAGE, page);
            fz_put(r, PLACE_REGION, below(d, 4));
            fz_put(r, PLACE_HOW, 1 + below(d, 2));
            fz_put(r, PLACE_OFFSET, below(d, 3));
        }
        break;
    case 1:
        r = put_in(d, among_tables(d), OP_CUT);
        if (r != NULL) {
            fz_put(r, CUT_PAGE, page);
            fz_put(r, CUT_AT,
                   one_in(d, 2) ? 8 * below(d, 512) : below(d, 4096));
            fz_put(r, CUT_HOLE, one_in(d, 2) ? 0 : below(d, 16));
        }
        break;
    case 2:
        r = put_in(d, among_tables(d), OP_REFUSE);
        if (r != NULL) {
            fz_put(r, REFUSE_PAGE, page);
            fz_put(r, REFUSE_FROM, below(d, 4096));
            fz_put(r, REFUSE_LESS, one_in(d, 2) ? 0 : below(d, 4096));
        }
        break;
    default:
        r = put_in(d, 0, OP_REGION);
        if (r != NULL) {
            fz_put(r, REGION_BASE, one_in(d, 2) ? 0 : below(d, 66));
            fz_put(r, REGION_HOW, one_in(d, 2) ? REGION_FOLLOWS : below(d, 16));
            fz_put(r, REGION_PAGES, below(d, 64));
            fz_put(r, REGION_CUT_LAST, one_in(d, 2) ? 0 : below(d, 9));
        }
    }
    return r != NULL;
}

/* Names the address that a path leads to, by a leaf of its last table. */
static bool name_address(struct draft *d, unsigned at, unsigned name)
{
    uint8_t *r = put_in(d, at, OP_ADDRESS);
    unsigned chain = some_record(d, OP_CHAIN);
    unsigned leaf = some_record(d, OP_ENTRY);
    uint64_t index = chain < records(d) ? fz_get(record(d, chain), CHAIN_INDEX)
                                        : some_index(d);

    if (r == NULL) {
        return false;
    }
    fz_put(r, ADDRESS_NAME, name);
    for (unsigned i = ADDRESS_I4; i <= ADDRESS_I1; i++) {
        fz_put(r, (enum fz_field_id)i, index);
    }
    fz_put(r, ADDRESS_I0,
           leaf < records(d) && !one_in(d, 3)
               ? fz_get(record(d, leaf), ENTRY_INDEX) + below(d, 3)
               : some_index(d));
    if (one_in(d, 4)) {
        fz_put(r, (enum fz_field_id)(ADDRESS_I4 + below(d, 5)), some_index(d));
    }
    return true;
}

static bool ask(struct draft *d)
{
    unsigned at = among_tables(d);
    unsigned name = below(d, FZ_ADDRESSES);
    uint8_t *r = put_in(d, at, OP_ASK);

    if (r == NULL) {
        return false;
    }
    fz_put(r, ASK_AT, name);
    return name_address(d, at, name);
}

/* A range of the walk, or one that it leaves out. */
static bool some_range(struct draft *d)
{
    unsigned at = among_tables(d);
    unsigned first = below(d, FZ_ADDRESSES);
    unsigned last = below(d, FZ_ADDRESSES);
    bool out = one_in(d, 2);
    uint8_t *r = put_in(d, at, out ? OP_WITHOUT : OP_RANGE);

    if (r == NULL) {
        return false;
    }
    fz_put(r, out ? WITHOUT_FIRST : RANGE_FIRST, first);
    fz_put(r, out ? WITHOUT_LAST : RANGE_LAST, last);
    return name_address(d, at, first) && name_address(d, at, last);
}

/* An edit of what is there, or beside it. */
static bool new_edit(struct draft *d)
{
    unsigned at = records(d);
    unsigned name = below(d, FZ_ADDRESSES);
    unsigned theirs = one_in(d, 2) ? name : below(d, FZ_ADDRESSES);
    uint8_t *r = put_in(d, at, OP_EDIT);

    if (r == NULL) {
        return false;
    }
    fz_put(r, EDIT_DO, below(d, 4));
    fz_put(r, EDIT_ROOT, one_in(d, 2) ? 0 : below(d, 4));
    fz_put(r, EDIT_FIRST, name);
    fz_put(r, EDIT_THEIRS, theirs);
    fz_put(r, EDIT_PAGES, one_in(d, 2) ? below(d, 4) : below(d, 1200));
    fz_put(r, EDIT_SHIFT, one_in(d, 6) ? 9 * below(d, 4) : 0);
    fz_put(r, EDIT_FRAME, below(d, 64));
    fz_put(r, EDIT_FRAME_SHIFT, one_in(d, 3) ? 9 : 0);
    fz_put(r, EDIT_RIGHTS, one_in(d, 3) ? below(d, 16) : 7);
    fz_put(r, EDIT_FLAGS, 0x2E ^ (one_in(d, 2) ? below(d, 64) : 0));
    fz_put(r, EDIT_LEVEL, below(d, 4));
    fz_put(r, EDIT_OWNER, below(d, 4));
    fz_put(r, EDIT_OPTIONS, one_in(d, 3) ? 1u << below(d, 8) : 0);
    return name_address(d, at, name) &&
           (theirs == name || name_address(d, at, theirs));
}

/* How an image is made, or spoilt. */
static bool spoil(struct draft *d)
{
    unsigned at = some_record(d, OP_IMAGE);
    uint8_t *r =
        at < records(d) ? record(d, at) : put_in(d, records(d), OP_IMAGE);

    if (r == NULL) {
        return false;
    }
    fz_put(r, IMAGE_SPOIL, below(d, 14));
    fz_put(r, IMAGE_WHERE, below(d, 8));
    fz_put(r, IMAGE_ENTRY, some_index(d));
    fz_put(r, IMAGE_OTHER, below(d, 64));
    fz_put(r, IMAGE_FILLER, below(d, 4));
    return true;
}

/* ------------------------------------------------------ any record, any field */

static bool take_a_record(struct draft *d)
{
    if (records(d) == 0) {
        return false;
    }
    take_out(d, below(d, records(d)));
    return true;
}

static bool repeat_a_record(struct draft *d)
{
    uint8_t copy[FZ_RECORD];
    uint8_t *r;

    if (records(d) == 0) {
        return false;
    }
    memcpy(copy, record(d, below(d, records(d))), sizeof copy);
    r = put_in(d, below(d, records(d) + 1), OP_NOTHING);
    if (r != NULL) {
        memcpy(r, copy, sizeof copy);
    }
    return r != NULL;
}

static bool move_a_record(struct draft *d)
{
    uint8_t copy[FZ_RECORD];
    unsigned from;

    if (records(d) < 2) {
        return false;
    }
    from = below(d, records(d));
    memcpy(copy, record(d, from), sizeof copy);
    take_out(d, from);
    memcpy(put_in(d, below(d, records(d) + 1), OP_NOTHING), copy, sizeof copy);
    return true;
}

/* Gives a field of the record, or of the header, another value. */
static void change_field(struct draft *d, uint8_t *r, enum fz_op op)
{
    enum fz_field_id field[FZ_FIELDS];
    unsigned fields = 0;
    uint64_t v;
    unsigned f;

    for (unsigned i = 0; i < FZ_FIELDS; i++) {
        if (fz_field[i].op == op && fz_field[i].kind != FZ_MANY) {
            field[fields++] = (enum fz_field_id)i;
        }
    }
    if (fields == 0) {
        return;
    }
    f = below(d, fields);
    v = fz_get(r, field[f]);
    switch (below(d, 6)) {
    case 0:
        v = roll(d);
        break;
    case 1:
        v += 1;
        break;
    case 2:
        v -= 1;
        break;
    case 3:
        v = below(d, 8);
        break;
    default:
        v ^= (uint64_t)1 << below(d, fz_field[field[f]].bits);
    }
    fz_put(r, field[f], v);
}

static bool some_field(struct draft *d)
{
    uint8_t *r;

    if (records(d) == 0) {
        return false;
    }
    r = record(d, below(d, records(d)));
    change_field(d, r, fz_op_of(r));
    return true;
}

static bool header_field(struct draft *d)
{
    change_field(d, d->data, OP_HEADER);
    return true;
}

/* Leaves have an index, and one of them grants something else. */
static bool permission(struct draft *d)
{
    uint64_t features = fz_get(d->data, HEADER_FEATURES);
    uint8_t *r = put_in(d, 0, OP_PERMISSION);

    if (r == NULL) {
        return false;
    }
    fz_put(d->data, HEADER_FEATURES, features | 64);
    fz_put(r, PERMISSION_INDEX, below(d, 16));
    fz_put(r, PERMISSION_PRIVILEGED, below(d, 16));
    fz_put(r, PERMISSION_USER, below(d, 16));
    return true;
}

/* A record of an operation that the target reads, with any fields. */
static bool any_record(struct draft *d)
{
    static const struct {
        enum fz_op first;
        enum fz_op last;
    } of[] = {
        [WALKS] = {OP_NUMBER, OP_PLACE},    [EDITS] = {OP_NUMBER, OP_IMAGE},
        [REBUILDS] = {OP_NUMBER, OP_MAP},   [REGISTERS] = {OP_VALUE, OP_RISCV},
        [ACCESSES] = {OP_VALUE, OP_ACCESS}, [NUMBERS] = {OP_VALUE, OP_RAW},
    };
    enum fz_op first = of[d->about].first;
    uint8_t *r;

    if (d->about == REGISTERS && one_in(d, 4) == false) {
        first = OP_REGISTERS;
    } else if (d->about == ACCESSES && one_in(d, 4) == false) {
        first = OP_ACCESSOR;
    } else if (d->about == NUMBERS && one_in(d, 4) == false) {
        first = OP_RAW;
    }
    r = put_in(d, below(d, records(d) + 1),
               (enum fz_op)(first + below(d, (unsigned)(of[d->about].last -
                                                        first + 1))));
    if (r == NULL) {
        return false;
    }
    for (unsigned i = 1; i < FZ_RECORD; i++) {
        r[i] = one_in(d, 2) ? (uint8_t)roll(d) : 0;
    }
    return true;
}

/* ---------------------------------------------------------------- one change */

/* A change, and how often it is made of 64 times, by what the input is about. */
static const struct change {
    bool (*make)(struct draft *d);
    uint8_t often[ABOUTS];
    bool links; /* there has to be a link */
} change[] = {
    {new_path, {2, 2, 2, 0, 0, 0}, false},
    {new_leaves, {6, 6, 7, 0, 0, 0}, false},
    {new_large_leaf, {4, 3, 4, 0, 0, 0}, true},
    {share, {7, 4, 6, 0, 0, 0}, true},
    {new_root, {4, 3, 3, 0, 0, 0}, true},
    {root_of_half, {2, 0, 1, 0, 0, 0}, true},
    {cycle, {3, 2, 2, 0, 0, 0}, true},
    {other_level, {3, 2, 2, 0, 0, 0}, true},
    {flip_a_right, {6, 3, 3, 0, 0, 0}, true},
    {raw_entry, {3, 1, 3, 0, 0, 0}, false},
    {straddle, {4, 2, 3, 0, 0, 0}, false},
    {ask, {2, 0, 0, 0, 0, 0}, false},
    {some_range, {2, 1, 1, 0, 0, 0}, false},
    {new_edit, {0, 15, 0, 0, 0, 0}, false},
    {spoil, {0, 0, 6, 0, 0, 0}, false},
    {take_a_record, {3, 3, 3, 8, 8, 8}, false},
    {repeat_a_record, {2, 2, 2, 8, 8, 8}, false},
    {move_a_record, {2, 3, 2, 6, 6, 4}, false},
    {some_field, {5, 8, 9, 26, 26, 23}, false},
    {permission, {1, 1, 1, 0, 0, 1}, false},
    {header_field, {2, 2, 2, 4, 0, 8}, false},
    {any_record, {1, 1, 2, 12, 16, 12}, false},
};

static enum about about_of(const char *target)
{
    static const char *const edits[] = {"edit", "move", "link", "space_map"};

    for (unsigned i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        if (strcmp(target, edits[i]) == 0) {
            return EDITS;
        }
    }
    return strcmp(target, "compact") == 0 || strcmp(target, "verify") == 0
               ? REBUILDS
           : strcmp(target, "registers") == 0 ? REGISTERS
           : strcmp(target, "regions") == 0   ? ACCESSES
           : strcmp(target, "decode") == 0 || strcmp(target, "absent") == 0
               ? NUMBERS
               : WALKS;
}

static void change_once(struct draft *d)
{
    bool tables = d->about < REGISTERS;

    find_links(d);
    if (tables && d->links == 0 && new_path(d) && new_leaves(d)) {
        return;
    }
    for (unsigned tries = 0; tries < 16; tries++) {
        unsigned n = below(d, 64);
        const struct change *c = change;

        while (n >= c->often[d->about]) {
            n -= c->often[d->about];
            c++;
            if (c == change + sizeof change / sizeof change[0]) {
                c = change;
            }
        }
        if ((!c->links || d->links > 0) && c->make(d)) {
            return;
        }
    }
}

size_t fz_mutate(const char *target, uint8_t *data, size_t size, size_t most,
                 uint64_t seed, fz_mutate_bytes *bytes)
{
    struct draft d = {.about = about_of(target),
                      .data = data,
                      .size = size,
                      .most = most,
                      .random = seed};
    unsigned changes;

    if (bytes != NULL && (one_in(&d, 4) || most < FZ_HEADER + FZ_RECORD)) {
        return bytes(data, size, most);
    }
    if (most < FZ_HEADER + FZ_RECORD) {
        if (size == 0) {
            data[size++] = 0;
        }
        return size;
    }
    if (size < FZ_HEADER) {
        memset(data + size, 0, FZ_HEADER - size);
        d.size = FZ_HEADER;
    }
    /* A record that is there in part is followed by zeros. */
    if ((d.size - FZ_HEADER) % FZ_RECORD != 0) {
        size_t more = FZ_RECORD - (d.size - FZ_HEADER) % FZ_RECORD;

        more = more < most - d.size ? more : most - d.size;
        memset(data + d.size, 0, more);
        d.size += more;
    }
    changes = 1 + below(&d, MOST_CHANGES);
    for (unsigned i = 0; i < changes; i++) {
        change_once(&d);
    }
    return d.size;
}

size_t fz_cross_over(const uint8_t *a, size_t a_size, const uint8_t *b,
                     size_t b_size, uint8_t *out, size_t most, uint64_t seed)
{
    struct draft d = {.random = seed};
    size_t at[2] = {FZ_HEADER, FZ_HEADER};
    const uint8_t *data[2] = {a, b};
    size_t size[2] = {a_size, b_size};
    size_t n = 0;
    bool from = one_in(&d, 2);

    if (most < FZ_HEADER) {
        return 0;
    }
    fz_header(out, data[from], size[from]);
    n = FZ_HEADER;
    /* Some records of one, some of the other, each in its order. */
    while (at[0] < size[0] || at[1] < size[1]) {
        size_t take = (size_t)FZ_RECORD * (1 + below(&d, 8));

        from = !from;
        if (at[from] >= size[from]) {
            continue;
        }
        take = take < size[from] - at[from] ? take : size[from] - at[from];
        take -= take > FZ_RECORD ? take % FZ_RECORD : 0;
        if (take > most - n) {
            break;
        }
        if (!one_in(&d, 3)) {
            memcpy(out + n, data[from] + at[from], take);
            n += take;
        }
        at[from] += take;
    }
    return n;
}
