/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the seeds of the corpus: hand-made cases, and tables cut out of a
 * guest's memory.
 *
 *   make_seeds DIRECTORY
 *       writes the hand-made cases to DIRECTORY/<target>/<case>
 *   make_seeds DIRECTORY ARCH NAME IMAGE ROOT...
 *       cuts a few tables below each ROOT (hexadecimal) out of the raw IMAGE
 *       of physical memory from 0 on, and writes them as the case NAME of the
 *       targets of ARCH (amd64 or i686) */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOM = 65536, CUT_PAGES = 16, CUT_ENTRIES = 72 };

struct bytes {
    uint8_t at[ROOM];
    size_t count;
};

/* An input under construction, in the order of the format. */
static struct {
    uint8_t flags, width, reads, items, needs, seed, restless;
    struct bytes regions;
    struct bytes roots;
    struct bytes range;
    struct bytes ops;
} in;

static const char *directory;
static bool wide; /* amd64; else i686 */
static unsigned levels;
static unsigned entries;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "make_seeds: %s: %s\n", what, why);
    exit(3);
}

static void put(struct bytes *b, unsigned v)
{
    if (b->count == ROOM) {
        die("a case", "too long");
    }
    b->at[b->count++] = (uint8_t)v;
}

static void put64(struct bytes *b, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        put(b, (unsigned)(v >> 8 * i & 255));
    }
}

/* ----------------------------------------------------------- what is written
 */

enum {
    CALLBACKS,
    BORROW,
    DIRECT,
    MIXED,
    PARTIAL = 4,
    NO_NX = 8,
    NO_PSE = 16,
    NO_PAGE1G = 32,
    NO_WP = 64,
    CET = 128
};

static void begin(unsigned flags)
{
    memset(&in, 0, sizeof in);
    in.flags = (uint8_t)flags;
    in.reads = 99;
    in.items = 0x47;
    in.seed = 5;
    in.restless = 64;
}

/* 2^exponent + offset pages, length pages. */
static void region(unsigned exponent, unsigned offset, unsigned length,
                   unsigned how)
{
    put(&in.regions, exponent);
    put(&in.regions, offset);
    put(&in.regions, length - 1);
    put(&in.regions, how);
}

enum { BELOW = 0x40, TOUCHING = 0x80 };                 /* of exponent */
enum { CUT_START = 1, CUT_END = 2, HUGE = 4, ODD = 8 }; /* of how */

static void root(unsigned slot)
{
    put(&in.roots, slot);
    put(&in.roots, 0);
}

enum { UNALIGNED, TOO_WIDE, BESIDE, BEYOND_CR3 };

static void bad_root(unsigned slot, unsigned kind, unsigned n)
{
    put(&in.roots, 0xC0 | slot);
    put(&in.roots, kind | n << 2);
}

static unsigned index_byte(unsigned index)
{
    if (index < 0x60) {
        return index;
    }
    return index >= entries - 0x60 ? index + 0x100 - entries
                                   : index + 0x80 - entries / 2;
}

static void va(struct bytes *to, unsigned i3, unsigned i2, unsigned i1,
               unsigned i0, unsigned tail)
{
    put(to, index_byte(i3));
    put(to, index_byte(i2));
    put(to, index_byte(i1));
    put(to, index_byte(i0));
    put(to, tail);
}

static void op(unsigned code, unsigned n)
{
    put(&in.ops, code | n << 4);
}

static void select_page(unsigned slot)
{
    op(0, 0);
    put(&in.ops, slot);
}

/* Bits of n in entry: */
enum { XD = 1, COW = 2, BIT12 = 4, BIT13 = 8 };

static void entry(unsigned index, unsigned low, unsigned slot, unsigned n)
{
    op(1, n);
    put(&in.ops, index_byte(index));
    put(&in.ops, low);
    put(&in.ops, slot);
}

/* Rights that a link takes away: */
enum { NOT_X = 1, NOT_W = 2, NOT_U = 4 };

static void link_table(unsigned index, unsigned slot, unsigned less)
{
    op(2, less);
    put(&in.ops, index_byte(index));
    put(&in.ops, slot);
}

/* Bits of n: 1 is XD; 2 next page, 4 next large page, 6 page before; 8 twice
 * as many. */
static void run(unsigned index, unsigned count, unsigned low, unsigned slot,
                unsigned n)
{
    op(3, n);
    put(&in.ops, index_byte(index));
    put(&in.ops, count - 1);
    put(&in.ops, low);
    put(&in.ops, slot);
}

static void fill(unsigned slot, unsigned less)
{
    op(4, less);
    put(&in.ops, slot);
}

static void raw(unsigned index, uint64_t v)
{
    op(5, 0);
    put(&in.ops, index_byte(index));
    put64(&in.ops, v);
}

static void place(unsigned slot, unsigned reg, unsigned offset, unsigned n)
{
    op(7, n);
    put(&in.ops, slot);
    put(&in.ops, reg);
    put(&in.ops, offset);
}

/* Links from slot `first` down to the table of leaves, at the same index. */
static void chain(unsigned index, unsigned first)
{
    op(8, levels - 2);
    put(&in.ops, index_byte(index));
    put(&in.ops, first);
}

static void large(unsigned index, unsigned low, unsigned number, unsigned n)
{
    op(11, n);
    put(&in.ops, index_byte(index));
    put(&in.ops, low);
    put(&in.ops, number);
}

static void far_leaf(unsigned index, unsigned low, unsigned frame, unsigned n)
{
    op(12, n);
    put(&in.ops, index_byte(index));
    put(&in.ops, low);
    put(&in.ops, frame & 255);
    put(&in.ops, frame >> 8);
}

static void itself(unsigned index, unsigned less)
{
    op(13, less);
    put(&in.ops, index_byte(index));
}

static void repeat(unsigned index, unsigned count, unsigned n)
{
    op(14, n);
    put(&in.ops, index_byte(index));
    put(&in.ops, count - 1);
}

static void ask(unsigned i3, unsigned i2, unsigned i1, unsigned i0,
                unsigned tail)
{
    op(15, 0);
    va(&in.ops, i3, i2, i1, i0, tail);
}

static void leave_out(unsigned a3, unsigned a2, unsigned a1, unsigned a0,
                      unsigned a_tail, unsigned b3, unsigned b2, unsigned b1,
                      unsigned b0, unsigned b_tail)
{
    op(15, 8);
    va(&in.ops, a3, a2, a1, a0, a_tail);
    va(&in.ops, b3, b2, b1, b0, b_tail);
}

/* What comes before the world, or NULL. */
static const struct bytes *prefix;

static void save_as(const char *target, const char *name, int before)
{
    char path[512];
    unsigned roots = (unsigned)in.roots.count / 2;
    unsigned regions = (unsigned)in.regions.count / 4;
    const uint8_t header[] = {
        in.flags, in.width,   (uint8_t)((regions - 1) | (roots - 1) << 4),
        in.reads, in.items,   in.needs,
        in.seed,  in.restless};
    FILE *f;

    (void)mkdir(directory, 0777);
    snprintf(path, sizeof path, "%s/%s", directory, target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    f = fopen(path, "wb");
    if (f == NULL) {
        die(path, "it can't be written");
    }
    if (before >= 0) {
        (void)fputc(before, f);
    }
    if (prefix != NULL) {
        fwrite(prefix->at, 1, prefix->count, f);
    }
    fwrite(header, 1, sizeof header, f);
    fwrite(in.regions.at, 1, in.regions.count, f);
    fwrite(in.roots.at, 1, in.roots.count, f);
    fwrite(in.range.at, 1, in.range.count, f);
    fwrite(in.ops.at, 1, in.ops.count, f);
    if (fclose(f) != 0) {
        die(path, "it can't be written");
    }
}

/* ------------------------------------------------------------------- edits */

enum { MAP, UNMAP, PROTECT, LINK }; /* what to do */
enum { I686 = 1, LENT = 2, KEEP = 4, OWN = 8, VOUCH = 16, LOOSE = 32 };
enum { MOVES = 32, RUNS = 64, AGAIN = 128 };              /* options */
enum { RESTLESS = 4, UNALIGNED_VA, WRONG_PA, WRONG_END }; /* hostile */
enum { R = 1, W = 2, U = 4, X = 8, COPY = 16 };           /* rights */
enum { LARGE = 1, SPLIT = 2, UNSHARE = 4, RECLAIM = 8, EXACT = 16 };
enum { TO_THE_END = 128 }; /* flags */

static struct bytes edits; /* the header and the records */

static void begin_edits(unsigned options)
{
    edits.count = 0;
    put(&edits, options | (wide ? 0 : I686));
    for (unsigned i = 0; i < 4; i++) {
        put(&edits, 0);
    }
}

/* An edit of (pages_1 + 1) << what the top three bits of pages_1 stand for. */
static void edit(unsigned what, unsigned root_index, unsigned hostile,
                 const unsigned at[5], unsigned pages_1, unsigned frame,
                 unsigned rights, unsigned flags)
{
    edits.at[2]++;
    put(&edits, what | root_index << 2 | hostile << 5);
    va(&edits, at[0], at[1], at[2], at[3], at[4]);
    put(&edits, pages_1);
    put(&edits, frame & 255);
    put(&edits, frame >> 8);
    put(&edits, 0);
    put(&edits, rights);
    put(&edits, flags);
    put(&edits, 255); /* any number of tables */
    put(&edits, 0);   /* and of reads */
    put(&edits, 255); /* everything moves */
    put(&edits, 0);
    for (unsigned i = 0; i < 8; i++) {
        put(&edits, 0);
    }
}

/* Of the edit written last: */
static void only_tables(unsigned n)
{
    edits.at[edits.count - 12] = (uint8_t)n;
}

static void only_reads(unsigned n)
{
    edits.at[edits.count - 11] = (uint8_t)(128 | n);
}

static void moves(unsigned mask, unsigned refused_at)
{
    edits.at[edits.count - 10] = (uint8_t)mask;
    edits.at[edits.count - 9] = (uint8_t)refused_at;
}

/* What cannot be a table: from take, in the call `at`; from move, where it was
 * to refuse; as what the first table in stock leads to. */
enum { ALIGN_FAULT = 1, OUTSIDE, PART, READ_ONLY, WIDE, FULL, IN_USE };

static void faults(unsigned of_take, unsigned at, unsigned of_move,
                   unsigned of_stock)
{
    edits.at[edits.count - 2] =
        (uint8_t)(of_take | of_move << 3 | of_stock << 6);
    edits.at[edits.count - 1] = (uint8_t)at;
}

/* Rights without execution are to be had where it can't be withheld; as the
 * first edit of a rebuild: mappings get other pages, frame << shift further. */
static void grant_exec(unsigned shift)
{
    edits.at[edits.count - 15] |= (uint8_t)(0x20 | shift);
}

static void target_of_link(unsigned level, unsigned owner, const unsigned at[5])
{
    edits.count -= 8;
    put(&edits, level | owner << 4);
    va(&edits, at[0], at[1], at[2], at[3], at[4]);
    put(&edits, 0);
    put(&edits, 0);
}

static void save_edits_as(const char *target, const char *name)
{
    prefix = &edits;
    save_as(target, name, -1);
    prefix = NULL;
}

static void save_edits(const char *name)
{
    char full[128];

    save_edits_as(wide ? "edit_amd64" : "edit_i686", name);
    snprintf(full, sizeof full, "%s-%s", wide ? "amd64" : "i686", name);
    save_edits_as("move", full);
}

static void save_link(const char *name)
{
    char full[128];

    snprintf(full, sizeof full, "%s-%s", wide ? "amd64" : "i686", name);
    save_edits_as("link", full);
}

static void save_rebuild(const char *name)
{
    char full[128];

    snprintf(full, sizeof full, "%s-%s", wide ? "amd64" : "i686", name);
    begin_edits(0);
    save_edits_as("rebuild", full);
}

/* --------------------------------------------------------------- compaction */

enum { COW_ALL = 1, COW_SHARED = 2, SPLIT_ALL = 4, MERGE = 8, ZEROS = 16 };
enum { RUNNING = 32, HOSTILE = 64, NO_ROOM = 128 }; /* options */
enum { FEW_READS = 1, FEW_BYTES, FEW_STORAGE };     /* limits */
enum { SOME_ZEROS = 2, THREE };                     /* filler */
enum {
    S_ENTRY = 1,
    S_PAGE,
    S_REPEAT,
    S_COPY,
    S_MORE,
    S_REMOVE,
    S_SWAP,
    S_FRAME,
    S_ADD
};

static struct bytes compaction; /* the header and the records */

static void begin_compaction(unsigned options, unsigned shift, unsigned base,
                             unsigned spoil, unsigned at)
{
    compaction.count = 0;
    put(&compaction, options);
    put(&compaction, 0);
    put(&compaction, 0);
    put(&compaction, shift);
    put(&compaction, base);
    put(&compaction, 3);
    put(&compaction, at & 3);
    put(&compaction, 0);
    put(&compaction, 1);
    put(&compaction, spoil);
    put(&compaction, at);
    put(&compaction, at * 7 % 64);
    put(&compaction, at * 5 % 64);
    put(&compaction, 0);
}

static void limit(unsigned kind, unsigned to)
{
    compaction.at[1] |= (uint8_t)(kind << 6);
    compaction.at[2] = (uint8_t)to;
}

static void sink_refuses(unsigned first, unsigned times)
{
    compaction.at[7] = (uint8_t)(first | times << 5);
}

static void filler(unsigned kind)
{
    compaction.at[8] = (uint8_t)kind;
}

/* Which table or page, which entry, and which other one or bit. */
static void spoil_at(unsigned where, unsigned which, unsigned other)
{
    compaction.at[10] = (uint8_t)where;
    compaction.at[11] = (uint8_t)which;
    compaction.at[12] = (uint8_t)other;
}

/* In this order: */
static void refused_page(unsigned slot)
{
    compaction.at[1] = (uint8_t)(compaction.at[1] + 0x10);
    put(&compaction, slot);
}

static void leaves_out(unsigned i3, unsigned i2, unsigned i1, unsigned i0,
                       unsigned length)
{
    compaction.at[1]++;
    va(&compaction, i3, i2, i1, i0, 0);
    put(&compaction, length);
}

static void map_into(unsigned which, unsigned offset, unsigned length,
                     unsigned frame, unsigned rights)
{
    compaction.at[1] = (uint8_t)(compaction.at[1] + 4);
    put(&compaction, which);
    put(&compaction, offset);
    put(&compaction, length);
    put(&compaction, frame & 255);
    put(&compaction, frame >> 8);
    put(&compaction, rights);
    put(&compaction, 0);
    va(&compaction, 0, 0, 0, 0, 0);
}

/* A region is cut inside the page of that slot, at byte 16 * at + at % 16; 0, 1,
 * 5 or 64 bytes (hole 0 to 3) are missing there.  Behind all other records. */
static void cut_page(unsigned slot, unsigned at, unsigned hole)
{
    compaction.at[3] = (uint8_t)(compaction.at[3] + 0x20);
    put(&compaction, slot | hole << 6);
    put(&compaction, at);
}

/* What becomes of entries that are not present, by number; with 128, such ones
 * are spoilt. */
static void absent(unsigned which)
{
    compaction.at[13] = (uint8_t)which;
}

/* What becomes of leaves that carry the mark before; behind filler and absent. */
enum marked_choice { KEEP_MARKED, REFUSE_MARKED, CLEAR_MARKED };

static void marked(enum marked_choice how)
{
    compaction.at[13] &= (uint8_t)~8u;
    compaction.at[8] &= (uint8_t)~4u;
    compaction.at[13] |= how != KEEP_MARKED ? 8 : 0;
    compaction.at[8] |= how == CLEAR_MARKED ? 4 : 0;
}

static void save_compaction(const char *name)
{
    prefix = &compaction;
    save_as(wide ? "compact_amd64" : "compact_i686", name, -1);
    prefix = NULL;
}

/* Every case of a walk, each under another policy and spoilt in another way. */
static void save_plain_compaction(const char *name)
{
    static const unsigned policy[8] = {
        0,         COW_ALL,         COW_SHARED, MERGE | ZEROS,
        SPLIT_ALL, COW_ALL | MERGE, 0,          COW_ALL | ZEROS};
    unsigned h = 0;

    for (const char *c = name; *c != 0; c++) {
        h = h * 31 + (unsigned char)*c;
    }
    begin_compaction(policy[h % 8], h / 8 % 3, h / 24 % 5, h / 120 % 8,
                     h / 960 % 64);
    filler(h % 8 == 3 ? THREE : h % 8 == 7 ? SOME_ZEROS : 1);
    save_compaction(name);
}

static void save(const char *name)
{
    char shifting[128];

    save_rebuild(name);
    save_plain_compaction(name);
    save_as(wide ? "walk_amd64" : "walk_i686", name, -1);
    save_as(wide ? "translate_amd64" : "translate_i686", name, -1);
    snprintf(shifting, sizeof shifting, "%s-%s", wide ? "amd64" : "i686", name);
    save_as("shifting", shifting, wide ? 0 : 1);
}

/* ------------------------------------------------------------------- cases */

/* A region of 48 pages at 1 MiB, one root in slot 0, and the tables below it
 * in slots 1 and up, linked at index 0. */
static void simple(unsigned flags)
{
    begin(flags);
    region(20, 0, (flags & 3) == DIRECT ? 16 : 48, 0);
    root(0);
    chain(0, 0);
    select_page(levels - 1);
}

/* Tables that leaves map, whose R/W is clear: the guest writes them where CR0.WP
 * is clear, and as shadow stacks, which are dirty. */
static void exposed_all_the_same(void)
{
    simple(DIRECT | NO_WP);
    entry(0, 0x25, 0, 0);
    entry(1, 0x65, levels - 1, 0);
    save("exposed-wp-clear");
    simple(DIRECT | CET);
    entry(0, 0x25, 0, 0);
    entry(1, 0x65, levels - 1, 0);
    ask(0, 0, 0, 0, 9);
    ask(0, 0, 0, 1, 9);
    save("exposed-shadow-stack");
    simple(DIRECT | CET);
    entry(1, 0x65, 0, 0);
    select_page(levels - 2);
    link_table(3, levels - 1, NOT_W); /* no shadow stack below */
    ask(0, 0, 3, 1, 9);
    ask(0, 0, 0, 1, 9);
    save("shadow-stack-below-a-table-without-rw");
}

static void leaves(void)
{
    exposed_all_the_same();
    simple(DIRECT);
    run(0, 20, 0x67, 8, 2);
    run(24, 3, 0x65, 8, 0);
    entry(30, 0x61, 9, XD);
    entry(31, 0x61, 10, XD);
    entry(32, 0x61, 11, XD | COW);
    entry(33, 0x7F, 12, COW);
    entry(entries - 1, 0x67, 3, 0);
    ask(0, 0, 0, 5, 0x11);
    ask(0, 0, 0, 24, 0x40);
    ask(0, 0, 0, 40, 0);
    ask(entries - 1, entries - 1, entries - 1, entries - 1, 0x40);
    ask(0, 0, 0, 0, 0x80);
    save("leaves");

    /* Lines of eight that continue a run, and one that nearly does. */
    simple(BORROW);
    run(0, 64, 0x67, 8, 2);
    op(9, 0);
    put(&in.ops, index_byte(19));
    put(&in.ops, 1);
    op(9, 0);
    put(&in.ops, index_byte(43));
    put(&in.ops, 4);
    op(9, 0);
    put(&in.ops, index_byte(59));
    put(&in.ops, 7);
    save("runs-by-the-line");

    simple(MIXED);
    run(0, 128, 0x63, 8, 8 | 2);
    entry(entries - 1, 0x63, 7, 0);
    select_page(levels - 2);
    link_table(1, levels, 0);
    link_table(2, levels + 1, NOT_X);
    select_page(levels);
    run(0, 128, 0x63, 8, 8 | 2);
    select_page(levels + 1);
    run(0, 16, 0x63, 8, 2);
    save("runs-across-tables");

    /* A run that would go on in a table whose path grants less. */
    simple(DIRECT);
    run(entries - 8, 8, 0x67, 0, 2);
    select_page(levels - 2);
    link_table(1, levels, NOT_W);
    select_page(levels);
    run(0, 16, 0x67, 8, 2);
    in.reads = 7; /* a line: a walk is stopped between the two tables */
    save("run-meets-other-rights");

    /* Leaves at the physical width's end, and what would carry beyond it. */
    simple(CALLBACKS);
    in.width = wide ? 12 : 20;
    if (wide) {
        raw(0, 0xFFFFFFF000 | 0x63);
        raw(1, 0x10000000063);
        raw(2, 0xFFFFFFE000 | 0x63);
        raw(3, 0xFFFFFFF000 | 0x63);
        raw(4, 0x63);
        raw(5, (uint64_t)1 << 51 | 0x63);
    } else {
        raw(0, 0xFFFFE063);
        raw(1, 0xFFFFF063);
        raw(2, 0x63);
    }
    save("physical-width");

    /* Entries that come some in a call, of tables with two ways to each: calls
     * end where a table, the range and the limit do. */
    for (unsigned stopped = 1; stopped < 4; stopped++) {
        static const char *const names[] = {"", "entries-copied-if-stopped",
                                            "tables-remembered",
                                            "entries-some-in-a-call"};

        simple(CALLBACKS);
        in.needs |= (uint8_t)(stopped << 5);
        in.reads = 6;
        run(entries - 20, 20, 0x67, 8, 2);
        entry(3, 0x65, 9, 0);
        select_page(levels - 2);
        link_table(1, levels - 1, NOT_W);
        link_table(5, levels, NOT_W);
        link_table(entries - 1, levels, 0);
        select_page(levels);
        run(7, 4, 0x67, 12, 2);
        ask(0, 0, 0, entries - 1, 0x40);
        save(names[stopped]);
    }

    /* A line of eight leaves that runs over the width, in direct memory. */
    simple(BORROW);
    in.width = wide ? 16 : 0;
    for (unsigned i = 0; i < 24; i++) {
        uint64_t pa = (wide ? (uint64_t)0xFFFFF0000 : 0xFFFF0000) + i * 4096;

        raw(i, (wide ? pa : pa & 0xFFFFFFFF) | 0x63);
    }
    save("physical-width-by-the-line");

    simple(DIRECT);
    run(entries - 16, 16, 0x67, 0, 2);
    for (unsigned l = 0; l + 1 < levels; l++) {
        select_page(l);
        link_table(entries - 1, l + 1, 0);
    }
    ask(entries - 1, entries - 1, entries - 1, entries - 1, 0x40);
    save("last-page");
}

static void sharing(void)
{
    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    select_page(0);
    fill(0, 0);
    save("self-map-everywhere");

    begin(DIRECT);
    region(12, 0, 16, 0);
    root(0);
    select_page(0);
    fill(0, 0);
    itself(1, NOT_X | NOT_W);
    save("self-map-direct");

    /* A table at each level, named by every entry of the one above. */
    begin(CALLBACKS);
    region(20, 0, 48, 0);
    root(0);
    for (unsigned l = 0; l + 1 < levels; l++) {
        select_page(l);
        fill(l + 1, 0);
    }
    select_page(levels - 1);
    run(0, 16, 0x67, 0, 2);
    save("shared-at-every-level");

    begin(MIXED);
    region(20, 0, 48, 0);
    root(0);
    root(1);
    select_page(0);
    link_table(0, 1, 0);
    link_table(1, 0, NOT_W);
    select_page(1);
    link_table(0, 0, NOT_U);
    link_table(3, 1, 0);
    save("roots-are-each-others-tables");

    simple(DIRECT);
    run(0, 4, 0x67, 4, 2);
    select_page(0);
    itself(entries - 2, 0);
    ask(entries - 2, entries - 2, entries - 2, entries - 2, 0);
    ask(entries - 2, entries - 2, entries - 2, 0, 8);
    save("recursive-slot");

    /* One table as a table of leaves and as one of tables. */
    begin(DIRECT);
    region(20, 0, 16, 0);
    root(0);
    chain(0, 0);
    chain(1, 0);
    select_page(levels - 1);
    run(0, 8, 0x67, 4, 2);
    select_page(0);
    link_table(5, levels - 1, 0);
    link_table(6, 1, 0);
    save("table-at-two-levels");

    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    root(0);
    root(1);
    root(0);
    chain(2, 0);
    select_page(levels - 1);
    run(1, 3, 0x67, 4, 2);
    save("roots-twice");

    /* A leaf table under three roots: at one address and at others, and with
     * other rights each time. */
    begin(DIRECT);
    region(20, 0, 16, 0);
    root(0);
    root(8);
    root(9);
    chain(1, 0);
    select_page(8);
    link_table(1, 1, NOT_W);
    link_table(entries - 3, 1, NOT_X);
    select_page(9);
    link_table(entries / 2, 1, NOT_U);
    link_table(entries / 2 - 1, 1, NOT_U | NOT_W | NOT_X);
    select_page(levels - 1);
    run(0, 12, 0x67, 4, 2);
    run(14, 2, 0x65, 4, 1);
    save("aliases-with-other-rights");

    /* A path that may not write comes first, one that may comes later. */
    begin(MIXED);
    region(20, 0, 48, 0);
    root(0);
    root(8);
    chain(1, 0);
    select_page(0);
    link_table(1, 1, NOT_W);
    select_page(8);
    link_table(1, 1, 0);
    select_page(levels - 1);
    run(0, 12, 0x67, 0, 2);
    save("exposed-behind-an-alias");

    simple(DIRECT);
    run(0, 16, 0x67, 0, 2);
    save("exposed-tables");

    simple(DIRECT | NO_WP);
    run(0, 16, 0x61, 0, 2);
    save("exposed-without-wp");

    begin(BORROW);
    region(20, 0, 4, 0);
    region(31, 0, 256, HUGE | 5 << 4);
    root(0);
    root(2);
    select_page(0);
    link_table(0, 4, 0);
    link_table(entries - 1, 6, 0);
    place(9, 1, 200, 2);
    link_table(7, 9, 0);
    select_page(2);
    link_table(0, 4, NOT_X);
    select_page(4);
    link_table(0, 3, 0);
    link_table(9, 5, 0);
    save("sparse");
}

static void rights(void)
{
    for (unsigned l = 0; l < levels; l++) {
        char name[32];

        begin(l % 2 == 0 ? DIRECT : CALLBACKS);
        region(20, 0, 16, 0);
        root(0);
        chain(0, 0);
        chain(1, 0);
        chain(2, 0);
        select_page(l);
        if (l + 1 < levels) {
            link_table(0, l + 1, NOT_X);
            link_table(1, l + 1, NOT_W);
            link_table(2, l + 1, NOT_U);
            select_page(levels - 1);
            run(0, 3, 0x67, 4, 2);
        } else {
            entry(0, 0x67, 4, XD);
            entry(1, 0x65, 5, 0);
            entry(2, 0x63, 6, 0);
        }
        in.needs = (uint8_t)(1u << (l % 4));
        snprintf(name, sizeof name, "rights-at-level-%u", l);
        save(name);
    }
}

static void large_pages(void)
{
    for (unsigned l = 0; l < levels; l++) {
        char name[40];

        begin(l % 2 != 0 ? BORROW : DIRECT);
        region(20, 0, 16, 0);
        root(0);
        chain(0, 0);
        select_page(levels - 1 - l);
        large(1, 0x67, 3, wide && l == 2 ? 1 : 0);
        large(2, 0x67, 4, wide && l == 2 ? 1 : 0);
        large(3, 0x67, 5, (wide && l == 2 ? 1 : 0) | 4); /* PAT */
        large(4, 0x67, 6, (wide && l == 2 ? 1 : 0) | 8); /* reserved */
        large(5, 0x65, 7, wide && l == 2 ? 1 : 0);
        ask(0, 0, 1, 7, 9);
        ask(0, 1, 2, 7, 9);
        ask(0, 0, 3, 7, 9);
        ask(0, 4, 0, 7, 9);
        snprintf(name, sizeof name, "large-pages-at-level-%u", l);
        save(name);
        if (wide) {
            in.flags |= NO_PAGE1G;
            snprintf(name, sizeof name, "no-1g-pages-at-level-%u", l);
        } else {
            in.flags |= NO_PSE;
            snprintf(name, sizeof name, "no-pse-at-level-%u", l);
        }
        save(name);
    }
    /* Every reserved bit of every level, and every width, is one flip away. */
    for (unsigned l = 0; l < levels; l++) {
        char name[40];

        begin(CALLBACKS | (l % 2 == 0 ? NO_NX : 0));
        in.width = wide ? 8 : 14;
        region(20, 0, 16, 0);
        root(0);
        chain(0, 0);
        select_page(levels - 1 - l);
        for (unsigned b = 12; b < (wide ? 64u : 32u); b++) {
            raw(b, (uint64_t)1 << b | 0x67);
            if (l > 0) {
                raw(entries / 2 - 32 + b - 12, (uint64_t)1 << b | 0xE7);
            }
        }
        snprintf(name, sizeof name, "reserved-bits-at-level-%u", l);
        save(name);
    }
    if (!wide) {
        begin(DIRECT);
        region(20, 0, 16, 0);
        root(0);
        for (unsigned b = 12; b < 22; b++) {
            select_page(0);
            raw(b, (uint64_t)1 << b | 0x12C000E7);
        }
        run(64, 8, 0xE7, 0, 4);
        raw(80, 0xFFC000E7);
        raw(81, 0x000020E7);
        raw(82, 0x004020E7);
        ask(0, 0, 13, 5, 1);
        save("pse-36");
        in.width = 16; /* 36 bits */
        save("pse-36-of-36-bits");
        in.width = 20; /* 32 bits */
        save("pse-36-of-32-bits");
    } else {
        begin(DIRECT);
        region(20, 0, 16, 0);
        root(0);
        chain(0, 0);
        select_page(1);
        raw(1, 0xC0000000 | 0xE7);
        raw(2, 0x100000000 | 0xE7);
        raw(3, 0x140000000 | 0x20E7);
        raw(4, 0x140000000 | 0x10E7);
        raw(5, (uint64_t)1 << 63 | 0x180000000 | 0xE7);
        select_page(2);
        run(1, 8, 0xE7, 0, 4);
        raw(511, 0xBFE00000 | 0xE7);
        ask(0, 1, 2, 3, 4);
        ask(0, 3, 2, 3, 4);
        save("large-pages");
    }
}

static void ranges(void)
{
    static const struct {
        const char *name;
        unsigned first[5];
        unsigned last[5];
    } cut[] = {
        {"cut-inside-a-table", {1, 1, 1, 3, 9}, {1, 1, 1, 9, 0}},
        {"cut-at-the-head", {1, 1, 1, 3, 0}, {511, 511, 511, 511, 0x40}},
        {"cut-at-the-tail", {0, 0, 0, 0, 0}, {2, 2, 2, 4, 0x40}},
        {"cut-across-tables", {1, 1, 1, 7, 0x40}, {2, 1, 2, 2, 0}},
        {"one-page", {2, 2, 2, 4, 0}, {2, 2, 2, 4, 0x40}},
        {"around-the-gap", {255, 255, 511, 500, 0}, {256, 0, 0, 4, 0}},
        {"starts-in-the-gap", {0, 0, 0, 0, 0x80}, {256, 1, 1, 5, 0}},
        {"ends-in-the-gap", {255, 0, 0, 0, 0}, {1, 0, 0, 0, 0x80}},
        {"only-the-gap", {0, 0, 0, 0, 0x80}, {1, 0, 0, 0, 0x80}},
        {"the-last-page", {511, 511, 511, 511, 0}, {511, 511, 511, 511, 0x40}},
    };

    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        unsigned v[2][5];

        for (unsigned k = 0; k < 5; k++) {
            v[0][k] = cut[i].first[k];
            v[1][k] = cut[i].last[k];
            for (unsigned e = 0; e < 2 && !wide && k < 4; e++) {
                v[e][k] = v[e][k] >= 500   ? v[e][k] + 512
                          : v[e][k] >= 255 ? v[e][k] + 256
                                           : v[e][k];
            }
        }
        begin((i % 2 == 0 ? DIRECT : BORROW) | PARTIAL);
        region(20, 0, 16, 0);
        root(0);
        root(8);
        root(9);
        /* The same tables at several places under each root. */
        for (unsigned l = 0; l + 1 < levels; l++) {
            select_page(l);
            link_table(1, l + 1, 0);
            link_table(2, l + 1, NOT_W);
            link_table(entries / 2 - 1, l + 1, 0);
            link_table(entries / 2, l + 1, NOT_X);
            link_table(entries - 1, l + 1, 0);
            if (l == 0) {
                select_page(8);
                link_table(1, 1, NOT_X);
                link_table(entries / 2, 1, 0);
                select_page(9);
                link_table(2, 1, 0);
                link_table(3, 1, 0);
            }
        }
        select_page(levels - 1);
        run(0, 16, 0x67, 0, 2);
        run(entries - 16, 16, 0x67, 0, 2);
        va(&in.range, v[0][0], v[0][1], v[0][2], v[0][3], v[0][4]);
        va(&in.range, v[1][0], v[1][1], v[1][2], v[1][3], v[1][4]);
        in.reads = (uint8_t)(7 * i);
        in.items = (uint8_t)(0x10 * i + i);
        save(cut[i].name);
    }
}

static void memory(void)
{
    begin(CALLBACKS);
    region(20, 0, 8, 0);
    root(0);
    bad_root(0, UNALIGNED, 3);
    bad_root(1, TOO_WIDE, 0);
    bad_root(0, BESIDE, 63);
    bad_root(2, BEYOND_CR3, 3);
    bad_root(0, BESIDE, 1);
    root(1);
    root(0);
    chain(0, 0);
    select_page(levels - 1);
    run(0, 3, 0x67, 4, 2);
    in.width = 8;
    save("bad-roots");

    /* Regions are numbered in ascending order of address. */
    begin(DIRECT);
    region(0, 3, 2, CUT_START | CUT_END | ODD | 4 << 4);
    region(20, 0, 8, CUT_END | 9 << 4);
    region(21, 0, 4, CUT_START);
    region(22, 0, 4, CUT_END | ODD | 2 << 4);
    for (unsigned l = 0; l < 6; l++) {
        place(l, 1, l, 0);
    }
    place(8, 0, 0, 0);
    place(9, 1, 0, 1);
    place(10, 2, 0, 0);
    place(11, 3, 0, 1);
    place(12, 0, 0, 1);
    root(1); /* page 0 of region 1, before slots are placed */
    root(29);
    chain(0, 0);
    select_page(levels - 2);
    for (unsigned i = 8; i < 13; i++) {
        link_table(i, i, 0);
    }
    for (unsigned i = 8; i < 13; i++) {
        select_page(i);
        run(0, 4, 0x67, 1, 2);
        run(entries - 16, 16, 0x67, 1, 2);
    }
    select_page(0);
    for (unsigned i = 8; i < 13; i++) {
        link_table(i, i, NOT_W);
    }
    ask(0, 0, 9, entries - 1, 0);
    ask(0, 9, 0, entries - 1, 0);
    ask(0, 0, 10, 0, 0);
    save("partial-pages");
    in.flags = MIXED;
    save("partial-pages-mixed");

    /* A table that refuses at both ends, twice in a row under other rights:
     * its last entries and its first meet. */
    begin(DIRECT);
    region(20, 0, 8, 0);
    region(22, 0, 1, CUT_START | CUT_END | 2 << 4);
    root(0);
    place(9, 1, 0, 0);
    for (unsigned l = 1; l < levels; l++) {
        place(l, 0, l, 0);
    }
    chain(0, 0);
    select_page(levels - 2);
    link_table(1, 9, 0);
    link_table(2, 9, NOT_W);
    link_table(3, 9, NOT_U);
    save("refused-at-both-ends");

    /* Tables that refuse, lie outside, or lie between two regions. */
    begin(BORROW);
    region(20, 0, 8, 0);
    region(58, 0, 4, 0); /* refuses */
    region(20 | TOUCHING, 0, 4, CUT_START);
    root(0);
    root(3);
    place(8, 1, 1, 0);
    place(9, 0, 3, 4);
    place(10, 1, 0, 4);
    chain(0, 20);
    select_page(0);
    link_table(0, 8, 0);
    link_table(1, 8, NOT_W);
    link_table(2, 9, 0);
    link_table(3, 9, 0);
    link_table(4, 10, 0);
    link_table(5, 20, 0);
    select_page(3);
    link_table(0, 8, 0);
    link_table(1, 9, 0);
    ask(2, 3, 0, 0, 0);
    ask(0, 2, 0, 0, 0);
    ask(0, 0, 2, 0, 0);
    save("refused-tables");

    begin(CALLBACKS);
    region(20, 0, 8, 0);
    region((wide ? 40 : 30) | BELOW, 0, 256, HUGE | 2 << 4);
    region(wide ? 51 : 31, 0, 64, HUGE | 1 << 4);
    root(0);
    chain(0, 0);
    place(7, 1, 255, 3);
    place(8, 2, 255, 2);
    place(11, 2, 0, 1);
    select_page(0);
    link_table(1, 7, 0);
    link_table(2, 8, 0);
    link_table(3, 11, 0);
    select_page(11);
    link_table(0, 11, 0);
    far_leaf(1, 0x67, 0xFFFF, 5);
    far_leaf(2, 0x67, 0xFFFF, 12);
    save("huge-memory");

    begin(DIRECT);
    region(20, 0, 4, 0);
    region(20 | TOUCHING, 0, 4, 0);
    region(20 | TOUCHING, 0, 4, 0);
    root(0);
    chain(0, 0);
    select_page(levels - 1);
    run(0, 12, 0x67, 0, 2);
    save("touching-regions");

    begin(CALLBACKS);
    region(0, 0, 16, 0);
    root(0);
    in.reads = 0;
    in.items = 0;
    chain(0, 0);
    select_page(levels - 1);
    run(0, 40, 0x67, 3, 2);
    repeat(41, 9, 1);
    save("one-at-a-time");
}

/* ------------------------------------------------------------------- edits */

static const unsigned low[5] = {0, 0, 0, 0, 0};
static const unsigned inside[5] = {0, 0, 0, 5, 0};

/* Addresses whose upper indices are those. */
static const unsigned *at(unsigned top, unsigned index)
{
    static unsigned v[4][5];
    static unsigned next;
    unsigned *p = v[next++ % 4];

    p[0] = wide ? top : 0;
    p[1] = 0;
    p[2] = wide ? 0 : top;
    p[3] = index;
    p[4] = 0;
    return p;
}

/* A table of leaves, a large leaf beside it, and room above. */
static void plain_tables(void)
{
    chain(0, 0);
    select_page(levels - 1);
    run(0, 20, 0x67, 8, 2);
    run(24, 3, 0x65, 8, 0);
    select_page(levels - 2);
    large(1, 0xE7, 3, 0);
    large(2, 0xFF, 4, 4);
    large(3, 0xE5, 5, 2);
    link_table(4, 20, NOT_W | NOT_U | NOT_X);
    select_page(20);
    run(0, 4, 0x67, 8, 2);
    select_page(0);
    link_table(3, 21, NOT_X);
}

static void plain_world(void)
{
    begin(CALLBACKS);
    region(20, 0, 48, 0);
    root(0);
    root(8);
    plain_tables();
}

/* Two roots that share everything below. */
static void shared_world(void)
{
    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    root(9);
    root(0);
    chain(0, 0);
    select_page(9);
    link_table(0, 1, NOT_W);
    link_table(5, 1, 0);
    select_page(levels - 2);
    link_table(7, levels - 1, NOT_U);
    select_page(levels - 1);
    run(0, 20, 0x67, 8, 2);
}

static const unsigned all_flags = LARGE | SPLIT | UNSHARE | RECLAIM;

/* Tables that grant less than their leaves, each with pages that no edit may
 * give more rights to. */
static void narrow_world(void)
{
    static const unsigned less[4] = {NOT_U, NOT_W, NOT_X,
                                     NOT_U | NOT_W | NOT_X};

    begin(CALLBACKS);
    region(20, 0, 48, 0);
    root(0);
    root(9);
    chain(0, 0);
    select_page(levels - 1);
    run(0, 8, 0x67, 8, 2);
    for (unsigned i = 0; i < 4; i++) {
        select_page(levels - 2);
        link_table(i + 1, 10 + i, less[i]);
        select_page(10 + i);
        run(0, 8, 0x67, 8, 2);
    }
    select_page(0);
    link_table(5, 20, NOT_U | NOT_W);
    link_table(6, 24, NOT_U);
    select_page(20);
    if (wide) {
        link_table(0, 21, 0);
        select_page(21);
        link_table(0, 22, 0);
        large(2, 0xE7, 3, 0);
        select_page(22);
    }
    run(0, 8, 0x67, 8, 2);
}

static void narrow_cases(void)
{
    static const unsigned lacks[4] = {U, W, X, U | W | X};
    static const unsigned options[2] = {0, LENT | OWN | KEEP | VOUCH};
    char name[64];

    for (unsigned o = 0; o < 2; o++) {
        for (unsigned what = MAP; what <= PROTECT; what += PROTECT - MAP) {
            narrow_world();
            begin_edits(options[o]);
            for (unsigned i = 0; i < 4; i++) {
                const unsigned v[5] = {0, 0, i + 1, 2, 0};

                edit(what, 0, 0, v, 1, 0x300, R | lacks[i] | X, 0);
                edit(what, 0, 0, v, 1, 0x300,
                     R | X | (U & ~lacks[i]) | (W & ~lacks[i]), 0);
            }
            snprintf(name, sizeof name, "%s-narrow-tables%s",
                     what == MAP ? "map-in" : "protect-in",
                     o == 0 ? "" : "-own");
            save_edits(name);
        }

        narrow_world();
        begin_edits(options[o]);
        edit(MAP, 0, 0, at(5, 2), 1, 0x300, R | W | X, 0);
        edit(MAP, 0, 0, at(6, 2), 1, 0x300, R | U | X, 0);
        {
            const unsigned v[5] = {5, 0, 2, 0, 0}; /* a large leaf */
            const unsigned x[5] = {0, 0, 3, entries - 2, 0};

            edit(PROTECT, 0, 0, v, 3, 0, R | W | X, SPLIT);
            edit(MAP, 0, 0, v, wide ? 0x80 : 0xA0, 0x400, R | U | X, LARGE);
            edit(MAP, 0, 0, x, 3, 0x300, R | U | X, 0); /* over two tables */
        }
        edit(MAP, 0, 0, at(6, 2), 1, 0x300, R | W | X, 0);
        edit(PROTECT, 0, 0, at(5, 2), 1, 0, R | X, 0);
        snprintf(name, sizeof name, "narrow-upper-tables%s",
                 o == 0 ? "" : "-own");
        save_edits(name);
    }

    /* The same table under more and under fewer rights. */
    narrow_world();
    select_page(9);
    link_table(0, 20, 0);
    begin_edits(0);
    edit(MAP, 0, 0, at(5, 2), 1, 0x300, R | W | X, UNSHARE);
    edit(MAP, 1, 0, at(0, 2), 1, 0x300, R | W | U | X, UNSHARE);
    edit(PROTECT, 0, 0, at(5, 2), 1, 0, R | U | X, UNSHARE);
    edit(PROTECT, 0, 0, at(5, 2), 1, 0, R | X, UNSHARE);
    save_edits("narrow-tables-shared");
}

static void edit_cases(void)
{
    static const unsigned options[4] = {0, LENT, LENT | OWN, KEEP | VOUCH};
    static const char *const how[4] = {"", "-lent", "-own", "-kept"};

    for (unsigned o = 0; o < 4; o++) {
        char name[64];
        unsigned opt = options[o];

        /* Into existing tables, into new ones, to a table's end and beyond. */
        plain_world();
        begin_edits(opt);
        edit(MAP, 0, 0, inside, 6, 0x200, R | W | X, 0);
        edit(MAP, 0, 0, at(2, 3), 2, 0x210, R | W | U | X, 64);
        edit(MAP, 0, 0, at(2, entries - 2), 9, 0x210, R | X, 0);
        edit(MAP, 0, 0, at(1, 9), 1, 0x220, R | U | X | COPY, 0);
        edit(UNMAP, 0, 0, at(2, 3), 1, 0, R, RECLAIM);
        edit(UNMAP, 0, 0, at(2, 3), 0xE0, 0, R, RECLAIM | SPLIT);
        snprintf(name, sizeof name, "maps%s", how[o]);
        save_edits(name);

        plain_world();
        begin_edits(opt);
        edit(PROTECT, 0, 0, inside, 30, 0, R | X, 0);
        edit(PROTECT, 0, 0, inside, 30, 0, R | W | U | X, 0);
        edit(UNMAP, 0, 0, inside, 3, 0, R, 0);
        edit(UNMAP, 0, 0, low, 31, 0, R, RECLAIM);
        edit(MAP, 0, 0, low, 31, 0x300, R | W | X, 0);
        snprintf(name, sizeof name, "rights-and-holes%s", how[o]);
        save_edits(name);

        /* Large leaves: split at either end, in the middle, replaced. */
        plain_world();
        begin_edits(opt);
        {
            unsigned v[5] = {0, 0, 1, 9, 0};
            unsigned x[5] = {0, 0, 2, entries - 3, 0};
            unsigned y[5] = {0, 0, 3, 0, 0};
            unsigned z[5] = {0, 0, 8, 0, 0};

            edit(MAP, 0, 0, v, 2, 0x300, R | W | X, 0);
            edit(MAP, 0, 0, v, 2, 0x300, R | W | X, SPLIT);
            edit(UNMAP, 0, 0, x, 5, 0, R, SPLIT);
            edit(PROTECT, 0, 0, y, 5, 0, R | X, SPLIT);
            edit(MAP, 0, 0, z, wide ? 0x81 : 0xA1, wide ? 0x200 : 0x400,
                 R | W | X, LARGE);
            edit(UNMAP, 0, 0, z, 3, 0, R, SPLIT | RECLAIM);
        }
        snprintf(name, sizeof name, "large-leaves%s", how[o]);
        save_edits(name);

        shared_world();
        begin_edits(opt);
        edit(MAP, 0, 0, inside, 2, 0x300, R | W | X, 0);
        edit(MAP, 0, 0, inside, 2, 0x300, R | W | X, UNSHARE);
        edit(UNMAP, 1, 0, inside, 2, 0, R, UNSHARE | RECLAIM);
        edit(PROTECT, 2, 0, inside, 2, 0, R | X, UNSHARE);
        edit(UNMAP, 1, 0, at(5, 0), 31, 0, R, UNSHARE | RECLAIM);
        edit(UNMAP, 0, 0, at(0, 0), 31, 0, R, all_flags);
        snprintf(name, sizeof name, "shared%s", how[o]);
        save_edits(name);
    }

    plain_world();
    begin_edits(0);
    edit(MAP, 0, 0, at(9, 5), 3, 0x300, R | W | X, 0);
    only_tables(levels - 2);
    edit(MAP, 0, 0, at(9, 5), 3, 0x300, R | W | X, 0);
    only_tables(levels - 1);
    edit(UNMAP, 0, 0, at(9, 5), 3, 0, R, RECLAIM);
    edit(MAP, 0, 0, at(9, 5), 0xC0, 0x300, R | W | X, 0);
    only_tables(3);
    save_edits("refused-tables");

    plain_world();
    begin_edits(LENT);
    edit(MAP, 0, 0, at(9, 5), 31, 0x300, R | W | X, 0);
    only_reads(levels);
    edit(PROTECT, 0, 0, inside, 31, 0, R | X, 0);
    only_reads(9);
    edit(MAP, 0, 0, at(1, 5), 0x82, 0x300, R | W | X, SPLIT);
    only_reads(20);
    save_edits("few-reads");

    plain_world();
    begin_edits(0);
    edit(MAP, 0, 0, at(entries - 1, entries - 1), 0, 0x300, R | W | X, 0);
    {
        unsigned v[5] = {entries - 1, entries - 1, entries - 1, entries - 2, 0};

        edit(MAP, 0, 0, v, 1, 0x300, R | W | X, 0);
        edit(MAP, 0, 0, v, 3, 0x300, R | W | X, 0);
        edit(PROTECT, 0, 0, v, 0, 0, R | X, 0);
        edit(UNMAP, 0, 0, v, 0, 0, R, TO_THE_END | RECLAIM);
    }
    save_edits("last-page");

    plain_world();
    begin_edits(0);
    edit(MAP, 0, UNALIGNED_VA, (const unsigned[5]){0, 0, 0, 5, 8}, 1, 0x300,
         R | W | X, 0);
    edit(MAP, 0, WRONG_PA, inside, 1, 0x301, R | W | X, 0);
    edits.at[edits.count - 8] = R | W | X;
    edit(MAP, 0, WRONG_END, inside, 1, 0x0C10, R | W | X, 0);
    edit(MAP, 0, 0, (const unsigned[5]){255, 511, 511, 511, 0}, 1, 0x300,
         R | W | X, 0);
    edit(MAP, 0, 0, (const unsigned[5]){1, 0, 0, 0, 0x80}, 1, 0x300, R | W | X,
         0);
    edit(MAP, 0, 0, inside, 3, 0xFFFF, R | W | X, 0);
    edits.at[edits.count - 15] = 24; /* far up */
    edit(MAP, 0, 0, inside, 3, 0xFFFF, R | W | X, 0);
    edits.at[edits.count - 15] = wide ? 24 : 4;
    edit(PROTECT, 0, WRONG_PA, inside, 3, 0, R | W | X, 0);
    edits.at[edits.count - 8] = 0x31;
    save_edits("wrong-arguments");

    /* What moves, what may not. */
    for (unsigned m = 0; m < 4; m++) {
        static const unsigned mask[4] = {255, 0x55, 0xAA, 1};
        char name[32];

        plain_world();
        begin_edits(m % 2 == 0 ? 0 : LENT | AGAIN);
        edit(MAP, 0, 0, inside, 0, 0x200, R | W | X, 0);
        moves(mask[m], 0);
        edit(MAP, 0, 0, at(0, 9), 0, 0x210, R | W | X, 0);
        moves(mask[m], 0);
        edit(MAP, 0, 0, at(3, 9), 0, 0x220, R | W, 0);
        moves(mask[m], 0);
        {
            unsigned v[5] = {0, 0, 4, 2, 0};

            edit(UNMAP, 0, 0, v, 1, 0, R, RECLAIM);
            moves(mask[m], 0);
            edit(UNMAP, 0, 0, v, 31, 0, R, RECLAIM);
            moves(mask[m], 0);
        }
        edit(MAP, 0, 0, inside, 0, 0x200, R | W | X, 0);
        moves(mask[m], m + 1);
        snprintf(name, sizeof name, "moves-%02x", mask[m]);
        save_edits(name);
    }

    /* A root that names itself, and a table at two levels. */
    begin(CALLBACKS);
    region(20, 0, 48, 0);
    root(0);
    chain(0, 0);
    select_page(0);
    itself(entries - 2, 0);
    link_table(5, levels - 1, 0);
    select_page(levels - 1);
    run(0, 8, 0x67, 4, 2);
    begin_edits(0);
    edit(MAP, 0, 0, inside, 2, 0x300, R | W | X, UNSHARE);
    edit(MAP, 0, 0, at(entries - 2, 5), 2, 0x300, R | W | X, UNSHARE);
    edit(UNMAP, 0, 0, at(5, 0), 31, 0, R, all_flags);
    save_edits("recursive");

    /* Reserved bits and refused tables on the path. */
    begin(CALLBACKS);
    in.width = wide ? 8 : 14;
    region(20, 0, 8, 0);
    region(22, 0, 2, CUT_END | 2 << 4);
    region(58, 0, 4, 0);
    root(0);
    for (unsigned l = 0; l < levels; l++) {
        place(l, 0, l, 0);
    }
    place(9, 1, 1, 0);
    place(10, 2, 0, 0);
    chain(0, 0);
    select_page(levels - 2);
    link_table(1, 9, 0);
    link_table(2, 10, 0);
    link_table(3, 9, 0);
    raw(4, wide ? (uint64_t)1 << 50 | 0x67 : 0x002000E7);
    raw(5, (uint64_t)0x55AA << 12);
    select_page(levels - 1);
    run(0, 8, 0x67, 4, 2);
    raw(8, wide ? (uint64_t)1 << 50 | 0x67 : 0x67);
    raw(9, 0xABCDE000);
    for (unsigned o = 0; o < 2; o++) {
        begin_edits(o == 0 ? 0 : LENT);
        for (unsigned i = 1; i < 6; i++) {
            unsigned v[5] = {0, 0, i, 3, 0};

            edit(i % 2 == 0 ? UNMAP : MAP, 0, 0, v, 2, 0x300, R | W | X,
                 UNSHARE | SPLIT);
        }
        edit(PROTECT, 0, 0, inside, 9, 0, R | X, 0);
        edit(MAP, 0, 0, inside, 9, 0x300, R | W | X, 0);
        edit(UNMAP, 0, 0, inside, 0xE1, 0, R, all_flags);
        save_edits(o == 0 ? "hostile-path" : "hostile-path-lent");
    }

    /* A region that is read-only. */
    shared_world();
    begin_edits(0);
    edits.at[1] = 1;
    edit(MAP, 0, 0, inside, 2, 0x300, R | W | X, UNSHARE);
    edit(MAP, 1, 0, inside, 2, 0x300, R | X, UNSHARE);
    edit(UNMAP, 1, 0, at(5, 0), 31, 0, R, UNSHARE | RECLAIM);
    save_edits("read-only");
}

/* A host whose tables are none. */
static void faulty_world(void)
{
    begin(CALLBACKS);
    in.width = 12; /* 40 bits */
    region(20, 0, 48, 0);
    region(22, 0, 2, CUT_END | 2 << 4);
    region(23, 0, 4, 0);
    region(41, 0, 4, 0);
    root(0);
    root(60); /* page 15 of the first region */
    for (unsigned slot = 0; slot < 30; slot++) {
        place(slot, 0, slot, 0);
    }
    plain_tables();
}

static void faulty_cases(void)
{
    static const char *const what[] = {"",          "unaligned", "outside",
                                       "in-part",   "read-only", "too-wide",
                                       "not-zeros", "in-use"};
    char name[64];

    for (unsigned f = ALIGN_FAULT; f <= IN_USE; f++) {
        for (unsigned keep = 0; keep < 2; keep++) {
            faulty_world();
            begin_edits(keep != 0 ? KEEP : LENT);
            edits.at[1] = 4; /* the third region is read-only */
            edit(MAP, 0, 0, inside, 6, 0x200, R | W | X, 0);
            edit(MAP, 0, 0, at(9, 5), 0xA2, 0x200, R | W | X, 0);
            faults(f, f % 2 + 1, 0, 0);
            edit(MAP, 1, 0, at(9, 5), 0, 0x200, R | W | X, 0);
            faults(f, 1, 0, 0);
            snprintf(name, sizeof name, "%s-table-is-%s",
                     keep != 0 ? "kept" : "given", what[f]);
            save_edits(name);
        }
        for (unsigned call = 1; call <= levels; call++) {
            faulty_world();
            begin_edits(0);
            edits.at[1] = 4;
            edit(MAP, 0, 0, inside, 6, 0x200, R | W | X, 0);
            moves(255, call);
            faults(0, 0, f, 0);
            edit(MAP, 0, 0, at(9, 5), 0, 0x200, R | W | X, 0);
            snprintf(name, sizeof name, "%s-place-%u-is-%s",
                     wide ? "amd64" : "i686", call, what[f]);
            save_edits_as("move", name);
        }
        for (unsigned call = 1; call < levels + 2; call += levels) {
            faulty_world();
            select_page(15);
            link_table(0, 1, 0);
            begin_edits(0);
            edit(MAP, 0, 0, inside, 0, 0, 0, 0);
            faults(f, call, 0, 0);
            snprintf(name, sizeof name, "%s-table-%u-is-%s",
                     wide ? "amd64" : "i686", call, what[f]);
            save_edits_as("rebuild", name);
        }
        plain_world();
        begin_edits(0);
        edit(LINK, 1, 0, at(0, 0), 0, 0, R | X, 0);
        target_of_link(0, 0, at(0, 0));
        edit(LINK, 1, 0, at(2, 0), 0, 0, R | W | X, UNSHARE);
        target_of_link(0, 0, at(0, 0));
        faults(f, 1, 0, 0);
        edit(MAP, 1, 0, inside, 0, 0x200, R | X, UNSHARE);
        faults(f, 1, 0, 0);
        snprintf(name, sizeof name, "table-is-%s", what[f]);
        save_link(name);
    }

    for (unsigned s = 1; s <= 3; s++) {
        plain_world();
        begin_edits(KEEP | (s == 1 ? OWN : 0));
        edit(MAP, 0, 0, at(9, 5), 0xA2, 0x200, R | W | X, 0);
        only_tables(2);
        edit(MAP, 0, 0, at(9, 5), 0xA2, 0x200, R | W | X, 0);
        faults(0, 0, 0, s);
        snprintf(name, sizeof name, "stock-leads-%s",
                 s == 1   ? "to-no-page"
                 : s == 2 ? "outside"
                          : "to-a-table");
        save_edits(name);
    }
}

/* Tables that change under an edit, in many ways. */
static void restless_cases(void)
{
    static const unsigned what[4] = {MAP, UNMAP, PROTECT, MAP};
    char name[64];

    for (unsigned seed = 0; seed < 8; seed++) {
        const unsigned v[5] = {0, 0, 0, entries - 3, 0};
        unsigned flags = all_flags & (seed % 4 == MAP ? ~(unsigned)LARGE : 15);

        plain_world();
        in.seed = (uint8_t)seed;
        begin_edits(seed % 2 == 0 ? 0 : KEEP);
        edit(what[seed % 4], 0, RESTLESS, seed % 2 == 0 ? inside : v,
             seed < 4 ? 9 : 0xA2, 0x400, R | W | X, flags);
        snprintf(name, sizeof name, "changes-under-an-edit-%u", seed);
        save_edits(name);
        shared_world();
        in.seed = (uint8_t)seed;
        begin_edits(0);
        edit(what[seed % 4], 0, RESTLESS, inside, 9, 0x400, R | W | X, flags);
        snprintf(name, sizeof name, "changes-while-shared-%u", seed);
        save_edits(name);
    }
}

/* A page table at 0 that is a directory at 1 GiB: what that leads to is not
 * found to be shared, and may be read-only. */
static void two_level_cases(void)
{
    static const unsigned what[3] = {PROTECT, UNMAP, MAP};
    static const char *const how[3] = {"protect", "unmap", "map"};
    char name[64];

    if (!wide) {
        return; /* the directory comes first */
    }
    for (unsigned k = 0; k < 6; k++) {
        unsigned w = what[k / 2];

        begin(CALLBACKS);
        region(20, 0, 48, 0);
        region(24, 0, 1, 0);
        root(0);
        for (unsigned s = 0; s < levels; s++) {
            place(s, 0, s, 0);
        }
        place(20, 1, 0, 0);
        chain(0, 0);
        select_page(1);
        link_table(1, 3, 0);
        select_page(3);
        link_table(0, 20, 0);
        select_page(20);
        run(0, 8, 0x67, 8, 2);
        begin_edits(k % 2 == 0 ? 0 : LENT | OWN);
        edits.at[1] = 2; /* the second region is read-only */
        edit(w, 0, 0, low, 0xC8, w == MAP ? 0x8000 : 0, R | X,
             w == UNMAP ? UNSHARE | RECLAIM : UNSHARE | LARGE);
        snprintf(name, sizeof name, "%s-below-two-levels%s", how[k / 2],
                 k % 2 == 0 ? "" : "-own");
        save_edits(name);
    }
}

/* Rights without execution, in regimes that can't withhold it: asked for, and
 * not. */
static void exec_cases(void)
{
    static const unsigned options[2] = {0, LENT | OWN};

    for (unsigned o = 0; o < 2; o++) {
        char name[64];

        plain_world();
        in.flags |= NO_NX;
        begin_edits(options[o]);
        edit(MAP, 0, 0, at(0, 2), 1, 0x300, R | W | U, 0);
        grant_exec(0);
        edit(MAP, 0, 0, at(0, 3), 1, 0x301, R | W | COPY, 0); /* refused */
        edit(MAP, 0, 0, at(2, 0), wide ? 0x80 : 0xA0, 0x400, R, LARGE);
        grant_exec(0);
        edit(PROTECT, 0, 0, at(0, 2), 1, 0, R, 0);
        grant_exec(0);
        edit(PROTECT, 0, 0, at(0, 4), 1, 0, R, 0); /* refused */
        edit(PROTECT, 0, 0, at(0, 5), 1, 0, R | W | X, 0);
        grant_exec(0);
        snprintf(name, sizeof name, "execution-is-granted%s",
                 o == 0 ? "" : "-own");
        save_edits(name);
    }

    shared_world();
    in.flags |= NO_NX;
    begin_edits(0);
    edit(LINK, 1, 0, at(2, 0), 0, 0, R | W, UNSHARE | RECLAIM);
    grant_exec(0);
    target_of_link(wide ? 1 : 0, 0, at(0, 0));
    edit(LINK, 1, 0, at(3, 0), 0, 0, R | W, UNSHARE | RECLAIM); /* refused */
    target_of_link(wide ? 1 : 0, 0, at(0, 0));
    edit(PROTECT, 2, 0, at(0, 3), 1, 0, R, UNSHARE);
    grant_exec(0);
    save_link("execution-is-granted");
}

/* Links while tables move: all of them, some, and refused half-way. */
static void moving_links(void)
{
    static const unsigned mask[4] = {0xFF, 0x55, 0xAA, 0xFF};

    for (unsigned k = 0; k < 4; k++) {
        const unsigned beside[5] = {9, 0, wide ? 1 : 10, 0, 0};
        unsigned f = RECLAIM | UNSHARE | (k == 1 ? EXACT : 0);
        char name[48];

        shared_world();
        begin_edits(MOVES | (k == 3 ? KEEP | AGAIN : k == 2 ? OWN : 0));
        edit(LINK, 1, 0, at(2, 0), 0xA3, 0, R | W | U | X, f);
        target_of_link(wide ? 1 : 0, 0, at(0, 0));
        moves(mask[k], 0);
        edit(MAP, 1, 0, at(9, 2), 2, 0x300, R | X, UNSHARE);
        moves(mask[k], 0);
        edit(LINK, 1, 0, beside, 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0));
        moves(mask[k], k + 1); /* refused there */
        edit(LINK, 1, 0, beside, 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0));
        moves(mask[k], 0);
        edit(LINK, 1, 0, at(4, 0), 0, 0, R | X, f);
        target_of_link(wide ? 2 : 0, 1, at(9, 0)); /* its own */
        moves(mask[k], 0);
        edit(LINK, 1, 0, at(10, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(33, 0)); /* not there */
        moves(mask[k], 0);
        edit(UNMAP, 1, 0, at(9, 0), 0xF0, 0, R, UNSHARE | RECLAIM);
        moves(mask[k], 0);
        edit(LINK, 0, 0, at(5, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 1 : 0, 1, at(2, 0));
        moves(mask[k], 0);
        snprintf(name, sizeof name, "moves-%02x-%u", mask[k], k);
        save_link(name);
    }
}

/* Leaves of all kinds, by paths with and without the right to write. */
static void leaves_to_place(unsigned flags)
{
    simple(flags);
    run(0, 6, 0x67, 8, 2);
    run(8, 3, 0x65, 16, 2);
    run(12, 2, 0x27, 20, 2);  /* not dirty */
    entry(16, 0x63, 24, XD);  /* not for the user, not to be executed */
    entry(17, 0x65, 25, COW); /* copy-on-write already */
    entry(18, 0x67, 26, COW); /* marked, and written all the same */
    raw(19, 0x11BE67);        /* software's bits, all set; of memory type 4 */
    entry(20, 0x25, 28, 0);
    select_page(levels - 2);
    large(1, 0xE7, 0, 0);
    large(2, 0xF7, 1, 4);
    large(3, 0xE5, 2, 0);
    link_table(5, 32, NOT_W);
    link_table(6, 33, NOT_X | NOT_U);
    select_page(32);
    run(0, 3, 0x67, 36, 2);
    entry(4, 0x65, 40, 0);
    select_page(33);
    run(0, 3, 0x67, 42, 2);
}

static void placing_cases(void)
{
    static const struct {
        const char *name;
        unsigned flags;
    } mode[4] = {
        {"", BORROW},
        {"-no-nx", CALLBACKS | NO_NX},
        {"-wp-clear", BORROW | NO_WP},
        {"-shadow-stacks", BORROW | CET},
    };
    static const struct {
        const char *name;
        unsigned options;
    } how[4] = {{"", 0},
                {"-runs", RUNS},
                {"-loose", LOOSE},
                {"-loose-runs", LOOSE | RUNS}};
    char name[80];
    char full[96];

    for (unsigned m = 0; m < 4; m++) {
        for (unsigned h = 0; h < 4; h++) {
            for (unsigned copy = 0; copy < 2; copy++) {
                if (m > 0 && (h % 2 == 1 || (m == 1 && !wide))) {
                    continue;
                }
                leaves_to_place(mode[m].flags);
                begin_edits(how[h].options);
                edit(MAP, 0, 0, at(0, 0), 0, 1, R | (copy != 0 ? COPY : 0), 0);
                grant_exec(18); /* by 1 GiB */
                snprintf(name, sizeof name, "placed%s%s%s",
                         copy != 0 ? "-copy-on-write" : "", mode[m].name,
                         how[h].name);
                snprintf(full, sizeof full, "%s-%s", wide ? "amd64" : "i686",
                         name);
                save_edits_as("rebuild", full);
            }
        }
    }
    /* By a page, which no large leaf can follow; too far; not by a page. */
    for (unsigned k = 0; k < 3; k++) {
        static const char *const why[3] = {"by-a-page", "too-far", "unaligned"};

        leaves_to_place(BORROW);
        in.width = k == 1 ? 20 : 0;
        begin_edits(k == 2 ? RUNS : 0);
        edit(MAP, 0, k == 2 ? WRONG_PA : 0, at(0, 0), 0, k == 1 ? 3 : 1,
             R | COPY, 0);
        grant_exec(k == 1 ? 18 : 0);
        snprintf(full, sizeof full, "%s-placed-%s", wide ? "amd64" : "i686",
                 why[k]);
        save_edits_as("rebuild", full);
    }
}

static void link_cases(void)
{
    static const char *const how[3] = {"", "-unshare", "-exact"};
    static const unsigned flags[3] = {0, UNSHARE, UNSHARE | EXACT};

    for (unsigned k = 0; k < 3; k++) {
        char name[48];
        unsigned f = flags[k];

        plain_world();
        begin_edits(k == 2 ? LENT : 0);
        edit(LINK, 1, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0));
        edit(MAP, 1, 0, inside, 0, 0x200, R | X, f);
        edit(LINK, 1, 0, at(0, 0), 0, 0, R | W | U | X, f);
        target_of_link(0, 0, at(9, 0)); /* not there */
        edit(LINK, 1, 0, at(2, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 1 : 0, 0, at(0, 0));
        edit(UNMAP, 1, 0, at(2, 0), 31, 0, R, f | RECLAIM);
        edit(LINK, 1, 0, at(2, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 2 : 0, 0, at(3, 0));
        edit(LINK, 0, 0, at(3, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 2 : 0, 0, at(0, 0)); /* over an empty table */
        snprintf(name, sizeof name, "links%s", how[k]);
        save_link(name);

        plain_world();
        begin_edits(0);
        edit(LINK, 0, 0, at(7, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0)); /* in the same space */
        edit(LINK, 0, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0)); /* to itself */
        edit(LINK, 0, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 1, at(0, 0)); /* a later owner */
        edit(LINK, 1, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 9, at(0, 0)); /* an unknown one */
        edit(LINK, 1, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 0, (const unsigned[5]){0, 0, 1, 0, 0}); /* large */
        edit(LINK, 0, 0, at(7, 0), 0, 0, R | W | X, f);
        target_of_link(0, 0, (const unsigned[5]){0, 0, 4, 0, 0});
        edit(LINK, 1, 0, (const unsigned[5]){1, 0, 0, 0, 0x80}, 0, 0, R, f);
        target_of_link(0, 0, at(0, 0));
        edit(LINK, 0, 0, at(0, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(7, 0)); /* over a table in use */
        snprintf(name, sizeof name, "odd-links%s", how[k]);
        save_link(name);

        shared_world();
        begin_edits(0);
        edit(MAP, 1, 0, inside, 2, 0x300, R | X, f);
        edit(LINK, 1, 0, at(5, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0));
        edit(LINK, 2, 0, at(5, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 1 : 0, 1, at(0, 0));
        edit(PROTECT, 2, 0, at(5, 2), 2, 0, R | X, f);
        edit(LINK, 2, 0, at(5, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 2 : 0, 1, at(33, 0)); /* not there */
        snprintf(name, sizeof name, "shared%s", how[k]);
        save_link(name);
        shared_world();
        begin_edits(k == 2 ? LENT : 0);
        /* ptw_link: every region but a few, of what other spaces have */
        edit(LINK, 1, 0, at(0, 0), 0xF3, 0, R | X, f | RECLAIM);
        target_of_link(wide ? 2 : 0, 0, at(0, 0));
        edit(LINK, 1, 0, at(5, 0), 0, 0, R | W | X, f | RECLAIM);
        target_of_link(0, 0, at(0, 0));
        edit(LINK, 1, 0, at(5, 0), 0xA3, 0, R | W | U | X, f | RECLAIM);
        target_of_link(wide ? 1 : 0, 2, at(0, 0));
        edit(MAP, 1, 0, inside, 2, 0x300, R | X, f);
        edit(LINK, 0, 7, at(5, 0), 0, 0, R | X, f | RECLAIM);
        target_of_link(wide ? 2 : 0, 1, at(0, 0)); /* not present */
        edit(LINK, 0, 6, at(5, 0), 0, 0, R | X, f | RECLAIM);
        target_of_link(wide ? 2 : 0, 1, at(0, 0)); /* of no level */
        edit(LINK, 0, 0, at(0, 0), 0, 0, R | X, f | RECLAIM);
        target_of_link(0, 0, at(0, 0)); /* itself */
        edit(LINK, 2, 0, at(0, 0), 0x60, 0, R | X, f | RECLAIM);
        target_of_link(0, 9, at(0, 0)); /* of no space */
        snprintf(name, sizeof name, "ranges%s", how[k]);
        save_link(name);

        shared_world();
        begin_edits(0);
        edit(MAP, 1, 0, inside, 2, 0x300, R | X, f);
        edit(LINK, 1, 0, at(5, 0), 0, 0, R | X, f);
        target_of_link(0, 0, at(0, 0));
        edit(LINK, 2, 0, at(5, 0), 0, 0, R | W | X, f);
        target_of_link(wide ? 1 : 0, 1, at(0, 0));
        edits.at[3] = 1; /* a list of shared tables that has to grow */
        snprintf(name, sizeof name, "small-list%s", how[k]);
        save_link(name);
    }
}

/* ------------------------------------------------------------- compactions */

/* Pages and a shared lower part, in enough memory for a large page. */
static void large_world(unsigned flags)
{
    begin(flags);
    region(wide ? 21 : 22, 0, wide ? 4 : 8, HUGE);
    region(20, 0, 48, 0);
    root(0);
    for (unsigned s = 0; s < 32; s++) {
        place(s, 0, s, 0);
    }
    chain(0, 0);
    select_page(levels - 1);
    run(0, 12, 0x67, 16, 2);
    select_page(levels - 2);
    large(1, 0xE7, 1, 0);
}

/* Under each policy: entries that name pages, some of which leaves map, too, and
 * some that do not; each way to spoil them. */
static void absents(void)
{
    static const unsigned policy[4] = {0, COW_ALL, COW_SHARED | MERGE,
                                       MERGE | ZEROS};
    char name[64];

    for (unsigned which = 0; which < 8; which++) {
        for (unsigned spoil = 0; spoil <= S_ADD; spoil++) {
            shared_world();
            select_page(levels - 1);
            run(24, 3, 0x67, 9, 2);
            entry(30, 0x60, 9, COW);
            entry(31, 0x66, 10, COW);
            entry(32, 0x60, 40, COW);
            entry(33, 0x66, 41, COW);
            raw(34, 0x10120);            /* far away when it is inverted */
            raw(35, 0xFFFFFFFFDBE00);    /* a swap slot */
            raw(36, 0xFFFFFFFFFF9FFE00); /* type 31 */
            raw(37, 0x123400002080);
            begin_compaction(policy[(which + spoil) % 4], 1, 7, spoil,
                             which + 1);
            spoil_at(levels - 1, spoil, 3 * spoil + which);
            filler(which % 2 == 0 ? THREE : SOME_ZEROS);
            absent(which | 128);
            snprintf(name, sizeof name, "absent-%u-%u", which, spoil);
            save_compaction(name);
        }
        /* A large page, once as a leaf and once not present; one of which a page
         * is refused. */
        large_world(BORROW);
        large(2, 0xE7, 1, 0);
        large(3, 0xE6, 1, 0);
        for (unsigned bit = 0; bit < 10; bit += 9) {
            op(9, 0);
            put(&in.ops, 3);
            put(&in.ops, bit);
        }
        begin_compaction(which % 2 == 0 ? COW_ALL : 0, 0, 1, S_REMOVE, 0);
        if (which % 3 == 2) {
            refused_page(9);
        }
        absent(which);
        snprintf(name, sizeof name, "absent-large-%u", which);
        save_compaction(name);
    }
    /* What was kept, and not inverted again; a page that two entries name and
     * one leaf; in pieces of storage. */
    shared_world();
    select_page(levels - 1);
    entry(30, 0x60, 40, COW);
    entry(31, 0x60, 40, COW);
    entry(32, 0x65, 40, 0);
    begin_compaction(MERGE, 1, 7, S_COPY, 0);
    limit(FEW_STORAGE, 200);
    absent(2 | 128);
    save_compaction("absent-and-a-leaf-that-reads");
}

/* An entry that is not present, and would be a way into the tables, where there
 * was none: in place of a leaf that is dropped, in the table of a split leaf, in
 * that of a map, in place of an entry that can't be decoded.  An entry that gives
 * way to the table of a map.  A large page that is gone in part. */
static void absent_where_none(void)
{
    static const unsigned policy[] = {0, 1, 2};
    char name[64];

    for (unsigned k = 0; k < 3; k++) {
        shared_world();
        select_page(levels - 1);
        raw(21, 0x7000067);
        begin_compaction(0, 1, 7, S_ADD, 0);
        spoil_at(levels - 1, 0, 1);
        absent(policy[k]);
        snprintf(name, sizeof name, "absent-added-dropped-%u", k);
        save_compaction(name);

        large_world(BORROW);
        begin_compaction(0, 0, 1, S_ADD, 0);
        refused_page(33);
        spoil_at(levels, 0, 0);
        absent(policy[k]);
        snprintf(name, sizeof name, "absent-added-split-%u", k);
        save_compaction(name);

        shared_world();
        begin_compaction(0, 1, 7, S_ADD, 0);
        leaves_out(0, 0, wide ? 3 : 9, 5, 0);
        map_into(0, 0, 0, 0x500, R | X);
        spoil_at(2 * levels - 1, 0, 3);
        absent(policy[k]);
        snprintf(name, sizeof name, "absent-added-map-%u", k);
        save_compaction(name);

        large_world(BORROW);
        large(3, 0xE6, 1, 0);
        for (unsigned bit = 0; bit < 10; bit += 9) {
            op(9, 0);
            put(&in.ops, 3);
            put(&in.ops, bit);
        }
        begin_compaction(0, 0, 1, S_ADD, 0);
        leaves_out(0, 0, 3, 5, 0);
        map_into(0, 0, 0, 0x500, R | X);
        spoil_at(levels, 0, 3);
        absent(policy[k]);
        snprintf(name, sizeof name, "absent-gives-way-to-a-map-%u", k);
        save_compaction(name);
    }
}

/* Pages that follow each other in host memory, some of which are known to be
 * zeros, as the holes of a file are: the first, the last, one in between. */
static void zeros_in_host_memory(void)
{
    static const unsigned filled[3][3] = {{9, 10, 11}, {8, 9, 10}, {8, 10, 11}};
    char name[64];

    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < 3; i++) {
            simple(DIRECT);
            run(0, 4, 0x67, 8, 2);
            for (unsigned page = 0; page < 3; page++) {
                select_page(filled[k][page]);
                raw(1 + page, 0x1234567890);
            }
            begin_compaction(i == 0   ? 0
                             : i == 1 ? ZEROS
                                      : MERGE | ZEROS,
                             1, 7, S_PAGE, k);
            filler(8);
            snprintf(name, sizeof name, "zeros-in-host-memory-%u-%u", k, i);
            save_compaction(name);
        }
    }
}

/* Pages that leaves only read, and the guest writes all the same: by a recursive
 * slot, where CR0.WP is clear, and as shadow stacks. */
static void written_all_the_same(void)
{
    static const unsigned mode[4] = {BORROW, BORROW, BORROW | NO_WP,
                                     BORROW | CET};
    static const char *const why[4] = {"slot", "locked-slot", "wp-clear",
                                       "shadow-stack"};
    char name[64];

    for (unsigned k = 0; k < 4; k++) {
        for (unsigned spoil = 0; spoil < 3; spoil++) {
            simple(mode[k]);
            entry(0, 0x65, 8, 0);
            entry(1, 0x65, 9, 0);
            entry(2, 0x65, levels - 1, 0); /* its own table */
            if (k < 2) {
                select_page(0);
                itself(entries - 2, k == 0 ? 0 : NOT_W);
            }
            begin_compaction(spoil == 1 ? ZEROS : MERGE, 1, 7,
                             spoil == 2 ? S_REPEAT : 0, 0);
            filler(0);
            spoil_at(levels - 1, 1, 0);
            snprintf(name, sizeof name, "equal-pages-%s-%u", why[k], spoil);
            save_compaction(name);
        }
        for (unsigned flags = COW_ALL; flags <= COW_SHARED; flags++) {
            simple(mode[k]);
            entry(0, 0x27, 8, 0);
            entry(1, 0x65, 8, 0);
            entry(2, 0x27, 9, 0);
            entry(3, 0x67, 10, 0);
            begin_compaction(flags, 1, 7, 0, 0);
            snprintf(name, sizeof name, "writer-and-reader-%s-%u", why[k],
                     flags);
            save_compaction(name);
        }
    }
}

static uint64_t large_bytes(void)
{
    return wide ? 0x200000 : 0x400000;
}

/* Leaves of all kinds that carry the mark: small ones that are read or written,
 * in a table that spaces share; one that is written and read; other bits beside
 * the mark; a large one, and shadow stacks. */
static void marked_world(unsigned flags)
{
    shared_world();
    in.flags = (uint8_t)flags;
    region(wide ? 21 : 22, 0, wide ? 3 : 4, HUGE);
    select_page(levels - 2);
    raw(1, large_bytes() + 0x2E5);
    raw(2, 2 * large_bytes() + 0x2E7);
    select_page(levels - 1);
    entry(24, 0x25, 30, COW);
    entry(25, 0x65, 31, COW);
    entry(26, 0x27, 32, COW);
    entry(27, 0x67, 33, COW);
    entry(28, 0x25, 33, COW);
    entry(29, 0x25, 34, wide ? COW | XD : COW);
    raw(30, 0x100625);
    raw(31, 0x101A25);
    entry(32, 0x24, 35, COW);
}

static void marks(void)
{
    static const unsigned policy[5] = {0, COW_ALL, COW_ALL | SPLIT_ALL,
                                       COW_SHARED, COW_ALL | MERGE | ZEROS};
    static const char *const choices[] = {"kept", "refused", "cleared"};
    char name[64];

    for (unsigned how = 0; how < 3; how++) {
        for (unsigned p = 0; p < 5; p++) {
            marked_world(p == 3 ? BORROW | CET : BORROW);
            begin_compaction(policy[p], 1, 7, S_ENTRY, 0);
            spoil_at(levels - 1, 24 + p, 9);
            marked((enum marked_choice)how);
            snprintf(name, sizeof name, "marked-%s-%u", choices[how], p);
            save_compaction(name);
        }
    }
    /* Each bit of the mark, of a leaf from which it was taken. */
    for (unsigned bit = 9; bit < 12; bit++) {
        simple(BORROW);
        entry(0, 0x25, 8, COW);
        begin_compaction(COW_ALL, 1, 7, S_ENTRY, 0);
        spoil_at(levels - 1, 0, bit);
        marked(CLEAR_MARKED);
        snprintf(name, sizeof name, "marked-cleared-bit-%u", bit);
        save_compaction(name);
    }
    /* Nothing of it is kept: left out, outside, or both in part; else it is
     * refused, whether it can be read or not. */
    for (unsigned k = 0; k < 4; k++) {
        simple(BORROW);
        entry(0, 0x67, 8, 0);
        if (k < 2) {
            raw(1, 0x40000225);
        }
        entry(3, 0x25, 9, COW);
        begin_compaction(COW_ALL, 1, 7, 0, 0);
        if (k == 3) {
            refused_page(9);
        }
        if (k % 2 == 0) {
            leaves_out(0, 0, 0, 3, 0);
        }
        marked(REFUSE_MARKED);
        snprintf(name, sizeof name, "marked-left-out-%u", k);
        save_compaction(name);
    }
    simple(BORROW);
    entry(0, 0x25, 8, 0);
    root(16);
    chain(0, 16);
    select_page(15 + levels);
    entry(3, 0x25, 9, COW);
    begin_compaction(COW_ALL, 1, 7, 0, 0);
    marked(REFUSE_MARKED);
    save_compaction("marked-refused-in-the-second-space");
    simple(CALLBACKS);
    entry(0, 0x67, 8, 0);
    entry(3, 0x25, 9, COW);
    begin_compaction(COW_ALL, 1, 7, 0, 0);
    marked(REFUSE_MARKED);
    save_compaction("marked-refused-behind-callbacks");
    large_world(BORROW);
    raw(1, large_bytes() + 0x2E5);
    begin_compaction(COW_ALL, 0, 1, 0, 0);
    leaves_out(0, 0, 1, 5, 3);
    marked(CLEAR_MARKED);
    save_compaction("marked-cleared-in-a-large-page-in-part");
    marked(REFUSE_MARKED);
    save_compaction("marked-refused-in-a-large-page-in-part");
}

static void compactions(void)
{
    char name[64];

    absents();
    absent_where_none();
    zeros_in_host_memory();
    written_all_the_same();
    marks();

    /* Two spaces, a shared part, a recursive slot, pages mapped twice. */
    for (unsigned spoil = 0; spoil < 8; spoil++) {
        for (unsigned flags = 0; flags < 32; flags = flags * 2 + (flags == 0)) {
            shared_world();
            select_page(0);
            itself(entries - 2, 0);
            select_page(levels - 1);
            run(24, 3, 0x67, 9, 0);
            run(30, 2, 0x65, 40, 0);
            select_page(9);
            itself(entries - 2, NOT_U);
            begin_compaction(flags, 4, 3, spoil, spoil * 3 + flags);
            filler(THREE);
            snprintf(name, sizeof name, "shared-spaces-%u-%u", flags, spoil);
            save_compaction(name);
        }
    }
    for (unsigned flags = 0; flags < 32; flags++) {
        if ((flags & SPLIT_ALL) != 0 && flags > SPLIT_ALL + 2) {
            continue;
        }
        large_world(flags % 2 == 0 ? CALLBACKS : BORROW);
        large(2, 0xF7, 1, flags & 4);
        begin_compaction(flags, 0, 1, flags % 8, flags);
        snprintf(name, sizeof name, "large-page-%u", flags);
        save_compaction(name);
    }
    large_world(BORROW);
    large(2, 0xE7, 1, 4);
    select_page(levels - 1);
    run(20, 6, 0x67, 30, 2);
    begin_compaction(0, 0, 1, 0, 0);
    refused_page(30);
    save_compaction("unreadable-page-in-a-large-one");
    begin_compaction(0, 0, 1, 0, 0);
    refused_page(30);
    compaction.at[13] = 0x40;
    save_compaction("unreadable-page-copied-whole");
    for (unsigned k = 1; k < 4; k++) {
        begin_compaction(0, 0, 1, 0, 0);
        refused_page(30);
        compaction.at[13] = (uint8_t)(k << 4);
        save_compaction(k == 1   ? "tables-far-behind"
                        : k == 2 ? "tables-before-the-pages"
                                 : "tables-over-the-pages");
    }
    begin_compaction(COW_ALL, 0, 1, S_PAGE, 5);
    refused_page(30);
    refused_page(0x40 | 17);
    sink_refuses(1, 3);
    save_compaction("unreadable-pages-and-a-sink-that-refuses");
    begin_compaction(SPLIT_ALL, 0, 1, S_COPY, 5);
    refused_page(levels - 1);
    save_compaction("unreadable-table");
    begin_compaction(0, 0, 0, 0, 0);
    leaves_out(0, 0, 1, 5, 3);
    leaves_out(0, 0, 0, 3, 1);
    map_into(0, 1, 1, 0x500, 15);
    save_compaction("left-out-of-a-large-page");
    /* Maps that a kept table is in the way of, or that can't do without
     * execution, asked for it and not. */
    for (unsigned k = 0; k < 4; k++) {
        simple(BORROW | (k < 2 ? 0 : NO_NX));
        run(0, 8, 0x67, 8, 2);
        if (k < 2) {
            select_page(levels - 2);
            link_table(1, 20, k == 0 ? NOT_W : NOT_U);
            select_page(20);
            run(0, 8, 0x67, 20, 2);
        }
        begin_compaction(0, 0, 1, 0, 0);
        leaves_out(0, 0, k < 2 ? 1 : 0, 3, 1);
        map_into(0, 0, 1, 0x500, k < 2 ? R | W | U | X : R | W);
        if (k == 2) {
            compaction.at[compaction.count - 6] = 0x20;
        }
        save_compaction(k == 0   ? "map-in-a-table-that-is-read-only"
                        : k == 1 ? "map-in-a-table-of-the-supervisor"
                        : k == 2 ? "map-that-is-granted-execution"
                                 : "map-that-is-not-granted-execution");
    }

    /* Large pages that memory has in part. */
    simple(BORROW);
    select_page(levels - 2);
    large(1, 0xE7, 0, 0);
    large(2, 0xFF, 0, 4);
    begin_compaction(0, 0, 9, S_ENTRY, 9);
    save_compaction("large-page-partly-outside");
    begin_compaction(COW_ALL, 0, 9, S_SWAP, 9);
    save_compaction("large-page-partly-outside-copy-on-write");

    /* Pages that regions have together, or that memory has in part. */
    for (unsigned kind = CALLBACKS; kind <= MIXED; kind++) {
        for (unsigned hole = 0; hole < 4; hole++) {
            simple(kind);
            run(0, 12, 0x67, 4, 2);
            begin_compaction(hole == 0 ? MERGE : 0, 0, 1, S_PAGE, 0);
            spoil_at(1 + hole, 0x30, 0x50);
            cut_page(5, 0x25, hole);
            cut_page(6, 0x40, 0);
            cut_page(7, 0xFF, hole);
            snprintf(name, sizeof name, "pages-cut-%u-%u", kind, hole);
            save_compaction(name);
        }
    }
    large_world(BORROW);
    begin_compaction(0, 0, 1, S_PAGE, 5);
    cut_page(33, 0x13, 2);
    cut_page(35, 0x13, 0);
    save_compaction("large-page-cut");

    /* Left out: side by side, with the same cut twice, with maps. */
    shared_world();
    begin_compaction(0, 1, 7, S_MORE, 2);
    leaves_out(0, 0, 0, 3, 1);
    leaves_out(0, 0, 0, 5, 1);
    map_into(0, 0, 1, 0x500, R | X);
    map_into(1, 1, 0, 0x600, R | X);
    save_compaction("left-out-side-by-side-and-mapped");
    begin_compaction(0, 1, 7, S_ENTRY, 2);
    leaves_out(0, 0, 0, 3, 1);
    leaves_out(0, 0, 7, 3, 1);
    save_compaction("the-same-cut-twice");
    begin_compaction(0, 1, 7, 0, 2);
    leaves_out(0, 0, 0, 3, 1);
    leaves_out(0, 0, 7, 3, 1);
    map_into(0, 0, 1, 0x500, R | X);
    save_compaction("the-same-cut-twice-and-one-map");
    begin_compaction(0, 1, 7, S_REPEAT, 2);
    leaves_out(wide ? 8 : 0, 0, 8, 0, 0x9F);
    map_into(0x40, 0, 0x9F, 0x800, R | X);
    save_compaction("large-map");
    begin_compaction(COW_ALL, 1, 7, 0, 0);
    leaves_out(0, 0, 0, 0, 0xFF);
    save_compaction("little-is-left");

    shared_world();
    select_page(levels - 1);
    raw(22, 0xBAD00);
    raw(4, 0xBAD10);
    raw(entries - 1, 0xBAD20);
    begin_compaction(0, 1, 7, 0, 2);
    leaves_out(0, 0, 0, 4, 31);
    save_compaction("left-out-entries-that-are-not-present");

    /* Tables that two spaces have, swapped, and copied. */
    for (unsigned spoil = S_ENTRY; spoil <= S_SWAP; spoil++) {
        for (unsigned k = 0; k < 4; k++) {
            shared_world();
            select_page(9);
            link_table(0, 1, 0);
            link_table(5, 20, 0);
            select_page(0);
            link_table(5, 20, 0);
            select_page(20);
            run(0, 6, 0x67, 30, 2);
            begin_compaction(0, 1, 7, spoil, k);
            spoil_at(wide && k < 2 ? 5 : k + 1, k & 1,
                     (spoil == S_ENTRY ? 5 : 0) + ((k & 1) ^ 1));
            snprintf(name, sizeof name, "two-shared-tables-%u-%u", spoil, k);
            save_compaction(name);
        }
    }

    /* An empty table that is a page of zeros, or another table; and a page that
     * is a table. */
    for (unsigned k = 0; k < 12; k++) {
        shared_world();
        select_page(0);
        link_table(5, 20, 0);
        link_table(6, 21, 0);
        begin_compaction(0, 1, 7, S_FRAME, 0);
        filler(SOME_ZEROS);
        spoil_at(k < 10 ? 0 : levels - 1, k < 10 ? 1 : 0,
                 k < 8 ? 128 + k : k - 7);
        snprintf(name, sizeof name, "spoilt-frame-%u", k);
        save_compaction(name);
    }

    /* Bits of software in the pieces of a leaf; two large pages with the same
     * bytes; two small ones. */
    for (unsigned k = 0; k < 8; k++) {
        large_world(BORROW);
        large(2, 0xE7, 1, 4);
        begin_compaction(SPLIT_ALL, 0, 1, S_ENTRY, 0);
        spoil_at(levels + k / 2, 9, (k & 1) != 0 ? 9 : 11);
        snprintf(name, sizeof name, "spoilt-piece-%u", k);
        save_compaction(name);
        large_world(BORROW);
        large(1, 0xE5, 1, 0);
        large(2, 0xE5, 2, 0);
        begin_compaction(MERGE | ZEROS, 0, 1, S_REPEAT, 0);
        filler(k & 3);
        spoil_at(levels - 2, 2 - (k >> 2), 1 + (k >> 2));
        snprintf(name, sizeof name, "spoilt-large-pages-%u", k);
        save_compaction(name);
        simple(BORROW);
        select_page(levels - 1);
        run(2, 12, 0x65, 20, 2);
        begin_compaction(ZEROS, 1, 7, S_REPEAT, 0);
        filler(THREE);
        spoil_at(levels - 1, k, k + 3);
        snprintf(name, sizeof name, "spoilt-merged-%u", k);
        save_compaction(name);
    }

    /* Late in a page; a right of a leaf that is copy-on-write; an entry more,
     * and the last; a page that is one with another before it is written. */
    shared_world();
    begin_compaction(0, 1, 7, S_PAGE, 0);
    spoil_at(2, 255, 0xF3);
    save_compaction("spoilt-at-the-end-of-a-page");
    for (unsigned b = 2; b < 9; b++) {
        begin_compaction(COW_ALL, 1, 7, S_ENTRY, 0);
        spoil_at(levels - 1, 5, b);
        snprintf(name, sizeof name, "spoilt-copy-on-write-bit-%u", b);
        save_compaction(name);
        begin_compaction(SPLIT_ALL, 1, 7, S_ENTRY, 0);
        spoil_at(levels - 1, 5, b);
        snprintf(name, sizeof name, "spoilt-leaf-bit-%u", b);
        save_compaction(name);
    }
    begin_compaction(0, 1, 7, S_MORE, 0);
    spoil_at(levels - 1, 0, entries - 21 < 256 ? entries - 21 : 255);
    save_compaction("spoilt-by-one-more");
    simple(BORROW);
    entry(0, 0x65, 8, 0);
    entry(1, 0x65, 9, 0);
    entry(2, 0x67, 8, 0);
    begin_compaction(MERGE, 1, 7, S_REPEAT, 0);
    filler(0);
    spoil_at(levels - 1, 1, 0);
    save_compaction("spoilt-joined-and-written-later");
    begin_compaction(0, 1, 7, S_REPEAT, 0);
    filler(0);
    spoil_at(levels - 1, 1, 0);
    save_compaction("spoilt-joined");
    begin_compaction(0, 1, 7, S_MORE, 0);
    spoil_at(levels - 1, 0, 200);
    save_compaction("spoilt-by-one-more-at-the-end");
    entry(0, 0x7D, 8, 0);
    begin_compaction(COW_ALL | COW_SHARED, 1, 7, S_ENTRY, 0);
    spoil_at(levels - 1, 0, 4);
    save_compaction("spoilt-memory-type-of-copy-on-write");

    /* Limits, hostile arguments, a guest that runs. */
    for (unsigned k = 1; k < 4; k++) {
        for (unsigned to = 1; to < 200; to = to * 3 + 1) {
            shared_world();
            begin_compaction(MERGE, 1, 2, 0, 1);
            limit(k, to);
            snprintf(name, sizeof name, "limit-%u-%u", k, to);
            save_compaction(name);
        }
    }
    shared_world();
    begin_compaction(HOSTILE, 0x80, 1, 0, 0);
    save_compaction("base-not-aligned");
    begin_compaction(HOSTILE, 0, 1, 0, 0);
    leaves_out(0, 0, 3, 5, 3);
    leaves_out(0, 0, 3, 6, 3);
    save_compaction("left-out-overlapping");
    begin_compaction(0, 20, 255, 0, 0);
    save_compaction("base-near-the-width");
    begin_compaction(NO_ROOM, 2, 1, 0, 0);
    save_compaction("no-room-for-tables");
    shared_world();
    in.restless = 200;
    begin_compaction(RUNNING, 2, 1, 0, 0);
    save_compaction("running");
    begin_compaction(RUNNING | COW_ALL | MERGE, 2, 1, 0, 0);
    leaves_out(0, 0, 0, 3, 1);
    map_into(0, 0, 1, 0x500, R | X);
    save_compaction("running-with-a-map");
    large_world(BORROW);
    in.restless = 30;
    begin_compaction(RUNNING | SPLIT_ALL, 2, 1, 0, 0);
    save_compaction("running-large");
}

/* ------------------------------------------------------------------- others */

static void bare(void)
{
    static const struct {
        const char *name;
        unsigned flags, width;
        unsigned first[5], last[5];
    } one[] = {
        {"everything", BORROW, 0, {0}, {0}},
        {"narrow", DIRECT, 20, {0}, {0}},
        {"inside", PARTIAL, 12, {0, 1, 2, 3, 4}, {0, 1, 3, 3, 4}},
        {"beyond", PARTIAL, 12, {0, 0, 0, 0, 0x80}, {1, 0, 0, 0, 0x80}},
        {"across", PARTIAL, 12, {0, 0, 0, 9, 0}, {1, 0, 0, 0, 0x80}},
    };

    wide = true;
    levels = 4;
    entries = 512;
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        const unsigned *f = one[i].first;
        const unsigned *l = one[i].last;

        begin(one[i].flags);
        in.width = (uint8_t)one[i].width;
        region(20, 0, 8, 0);
        root(0);
        root(1);
        bad_root(1, UNALIGNED, 1);
        if ((one[i].flags & PARTIAL) != 0) {
            va(&in.range, f[0], f[1], f[2], f[3], f[4]);
            va(&in.range, l[0], l[1], l[2], l[3], l[4]);
        }
        ask(0, 0, 1, 7, 3);
        ask(0, 0, 1, 7, 0x83);
        ask(511, 511, 511, 511, 0x40);
        save_as("walk_bare", one[i].name, -1);
        save_as("translate_bare", one[i].name, -1);
    }
    save_as("shifting", "bare", 3);

    /* A part of it, and all. */
    begin(BORROW);
    in.width = 12;
    region(20, 0, 8, 0);
    root(0);
    root(1);
    leave_out(0, 0, 0, 0, 0, 0, 1, 2, 3, 0x40);
    leave_out(0, 1, 2, 7, 0, 0, 0, 0, 0, 0x80);
    save_as("walk_bare", "left-out", -1);
    save_as("translate_bare", "left-out", -1);
    leave_out(0, 1, 2, 4, 0, 0, 1, 2, 6, 0x40);
    save_as("walk_bare", "left-out-altogether", -1);
    save_as("translate_bare", "left-out-altogether", -1);
    save_as("shifting", "bare-left-out", 3);
}

static void write_bytes(const char *target, const char *name,
                        const struct bytes *b)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", directory, target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(b->at, 1, b->count, f) != b->count ||
        fclose(f) != 0) {
        die(path, "it can't be written");
    }
}

static void registers(void)
{
    static struct bytes b;

    for (unsigned pick = 0; pick < 256; pick++) {
        for (unsigned cr4 = 0; cr4 < 8; cr4++) {
            put(&b, 0);
            put(&b, pick);
            put(&b, cr4 << 1 | (pick >> 3 & 0x11) | (cr4 << 5 & 0x80));
            put(&b, 4 | (pick & 1));
            put(&b, pick);
            put64(&b, 0xFFFF800000001000 * pick);
            put(&b, pick * 5);
            put(&b, cr4);
            put(&b, 0);
            put(&b, 0);
            put(&b, 0x80);
        }
    }
    write_bytes("registers", "every-mode", &b);
    b.count = 0;
    for (unsigned how = 0; how < 256; how++) {
        put(&b, 1);
        put(&b, how | 8);
        put(&b, how);
        put(&b, how >> 3);
        put64(&b, 0x7FFFFFFFF000);
        put(&b, how);
        put64(&b, 0);
    }
    write_bytes("registers", "every-name", &b);
    /* Every access to a page of every rights, under every set of CR0.WP, SMEP,
     * SMAP and keys. */
    for (unsigned set = 0; set < 32; set++) {
        char name[48];
        bool amd64 = set < 16;
        bool wp = (set & 1) != 0;

        b.count = 0;
        for (unsigned how = 0; how < 256; how++) {
            if ((how & 3) == 3) {
                continue; /* reads again */
            }
            put(&b, 0);
            put(&b, (amd64 ? 0x73 : 3) | (wp ? 4 : 0));
            put(&b, (amd64 ? 2 : 1) | (set >> 1 & 7) << 3);
            put(&b, 5);
            put(&b, how);
            put64(&b, 0x00A7B00000108167 * (2 * how + 1));
            put(&b, how);
            for (unsigned l = 0; l < (amd64 ? 4u : 2u); l++) {
                put(&b, 1u << l);
            }
        }
        snprintf(name, sizeof name, "accesses-%s-%x", amd64 ? "amd64" : "i686",
                 set & 15);
        write_bytes("registers", name, &b);
    }
    for (unsigned i = 0; i < 3; i++) {
        static const char *const name[3] = {"pae", "amd64-la57", "amd6"};

        b.count = 0;
        put(&b, 1);
        put(&b, 2);
        put(&b, 0);
        put(&b, 0);
        for (size_t k = 0; k <= strlen(name[i]); k++) {
            put(&b, (unsigned char)name[i][k]);
        }
        write_bytes("registers", name[i], &b);
    }
}

static void accesses(struct bytes *b, unsigned regions)
{
    for (unsigned o = 0; o < 16; o++) {
        for (unsigned r = 0; r < 2 * regions; r++) {
            for (int d = -9; d < 9; d += 4) {
                put(b, o);
                put(b, r);
                put(b, (unsigned)d & 255);
                put(b, 15);
                if ((o & 7) > 4 && (o & 8) != 0) {
                    put64(b, 0x1000);
                }
            }
        }
    }
}

static void regions(void)
{
    static struct bytes b;
    static const struct {
        const char *name;
        unsigned flags, how[3];
        uint64_t first[3];
        unsigned length[3];
    } one[] = {
        {"three-apart", 0, {2, 0, 2}, {0x1000, 0x2000, 0x3000}, {31, 17, 63}},
        {"touching", 0, {2, 2, 2}, {0x1000, 0x1020, 0x1030}, {31, 15, 6}},
        {"overlapping", 0, {2, 2, 2}, {0x1000, 0x1010, 0x3000}, {31, 15, 6}},
        {"overlapping-by-one-byte",
         0,
         {2, 2, 2},
         {0x1000, 0x101F, 0x3000},
         {31, 15, 6}},
        {"at-the-end", 0, {2, 2, 2}, {0, UINT64_MAX - 31, 0x3000}, {31, 31, 6}},
        {"reversed", 0, {2, 0xF2, 2}, {0, 0x5000, 0x3000}, {31, 31, 6}},
        {"without-memory", 0, {2, 0xE2, 2}, {0, 0x5000, 0x3000}, {31, 31, 6}},
        {"callbacks", 23, {4, 6, 2}, {0x1000, 0x2000, 0x3001}, {63, 31, 32}},
        {"callbacks-read-only", 1, {4, 6, 2}, {0, 0x2001, 0x3003}, {63, 31, 9}},
    };

    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        b.count = 0;
        put(&b, one[i].flags);
        put(&b, 3);
        for (unsigned k = 0; k < 3; k++) {
            put(&b, one[i].how[k]);
            put(&b, one[i].length[k]);
            put64(&b, one[i].first[k]);
        }
        accesses(&b, 3);
        write_bytes("regions", one[i].name, &b);
    }
    b.count = 0;
    put(&b, 32);
    put(&b, 1);
    put(&b, 2);
    put(&b, 40);
    put64(&b, 0xFFFFFFFFFFFFFF00);
    accesses(&b, 1);
    write_bytes("regions", "flat", &b);
    b.count = 0;
    put(&b, 1 | 4 | 8);
    put(&b, 0);
    for (unsigned o = 0; o < 6; o++) {
        put(&b, o);
        put(&b, 255);
        put64(&b, 0xFFFFFFFFFFFFFFF8);
        put(&b, 7);
        put(&b, o);
        put(&b, 255);
        put64(&b, 0xFFFFFFFFFFFFFFFA);
        put(&b, 7);
    }
    write_bytes("regions", "everything-by-callbacks", &b);
}

/* ------------------------------------------------- tables of a real guest */

static uint64_t cut_from[CUT_PAGES];
static unsigned cuts;

static uint64_t image_entry(FILE *image, uint64_t pa)
{
    uint8_t b[8] = {0};
    uint64_t v = 0;
    size_t n = wide ? 8 : 4;

    if (fseek(image, (long)pa, SEEK_SET) != 0 || fread(b, 1, n, image) != n) {
        return 0;
    }
    for (size_t i = n; i > 0; i--) {
        v = v << 8 | b[i - 1];
    }
    return v;
}

static unsigned cut_slot(uint64_t table, bool add)
{
    for (unsigned i = 0; i < cuts; i++) {
        if (cut_from[i] == table) {
            return i;
        }
    }
    if (add && cuts < CUT_PAGES) {
        cut_from[cuts] = table;
        return cuts++;
    }
    return CUT_PAGES;
}

/* Writes a table of the level, and of those below it as many as there is room
 * for, the first and the last of each first. */
static void cut_table(FILE *image, uint64_t table, unsigned level)
{
    unsigned slot = cut_slot(table, false);
    unsigned kept = 0;

    for (unsigned k = 0; k < entries && kept < CUT_ENTRIES; k++) {
        unsigned i = k % 2 == 0 ? k / 2 : entries - 1 - k / 2;
        uint64_t e = image_entry(image, table + (uint64_t)i * (wide ? 8 : 4));
        uint64_t below = e & (wide ? 0x000FFFFFFFFFF000 : 0xFFFFF000);
        unsigned before = cuts;
        unsigned to;

        if ((e & 1) == 0 || (i >= 0x60 && i < entries / 2 - 32) ||
            (i >= entries / 2 + 32 && i < entries - 0x60)) {
            continue;
        }
        if (level == 0 || (e & 0x80) != 0) {
            select_page(slot);
            raw(i, e);
            kept++;
            continue;
        }
        to = cut_slot(below, true);
        if (to == CUT_PAGES) {
            continue;
        }
        select_page(slot);
        op(1, e >> 63 != 0 ? XD : 0);
        put(&in.ops, index_byte(i));
        put(&in.ops, (unsigned)(e & 255));
        put(&in.ops, to);
        kept++;
        if (cuts != before) {
            cut_table(image, below, level - 1);
        }
    }
}

static void cut(const char *name, const char *path, char **roots, int count)
{
    FILE *image = fopen(path, "rb");

    if (image == NULL) {
        die(path, "it can't be read");
    }
    begin(DIRECT);
    region(24, 0, CUT_PAGES, 0);
    cuts = 0;
    for (int i = 0; i < count && i < 3; i++) {
        root(cut_slot(strtoull(roots[i], NULL, 16), true));
    }
    for (int i = 0; i < count && i < 3; i++) {
        cut_table(image, strtoull(roots[i], NULL, 16), levels - 1);
    }
    (void)fclose(image);
    save(name);
}

/* ---------------------------------------------------------------- left out */

static void save_walks(const char *name)
{
    char shifting[128];

    save_as(wide ? "walk_amd64" : "walk_i686", name, -1);
    save_as(wide ? "translate_amd64" : "translate_i686", name, -1);
    snprintf(shifting, sizeof shifting, "%s-%s", wide ? "amd64" : "i686", name);
    save_as("shifting", shifting, wide ? 0 : 1);
}

enum { SELF = 16 }; /* of needs */

static void left_out(void)
{
    unsigned end = entries - 1;

    /* In the middle of a table of leaves: whole pages, and bytes of a page. */
    simple(DIRECT);
    run(0, 64, 0x67, 4, 2);
    leave_out(0, 0, 0, 5, 0, 0, 0, 0, 9, 0x40);
    leave_out(0, 0, 0, 10, 0, 0, 0, 0, 10, 0x40);
    leave_out(0, 0, 0, 20, 1, 0, 0, 0, 21, 0x41);
    leave_out(0, 0, 0, 30, 0, 0, 0, 0, 31, 0);
    leave_out(0, 0, 0, 63, 0, end, end, end, end, 0x40);
    save_walks("left-out-pages");

    /* At the start, around the middle and at the end of the space. */
    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    chain(0, 0);
    chain(end, 0);
    chain(entries / 2, 0);
    chain(entries / 2 - 1, 0);
    select_page(levels - 1);
    run(0, 20, 0x67, 4, 2);
    run(entries - 20, 20, 0x67, 4, 2);
    leave_out(0, 0, 0, 0, 0, 0, 0, 0, 9, 0x40);
    leave_out(entries / 2 - 1, entries / 2 - 1, end, end - 1, 0, entries / 2,
              entries / 2, 0, 0, 0x40);
    leave_out(end, end, end, end - 8, 0, end, end, end, end, 0x40);
    save_walks("left-out-at-the-ends");

    /* From inside the gap, to inside it, and inside it alone. */
    begin(CALLBACKS);
    region(20, 0, 48, 0);
    root(0);
    chain(entries / 2 - 1, 0);
    chain(entries / 2, 0);
    select_page(levels - 1);
    run(0, 16, 0x67, 4, 2);
    leave_out(entries / 2 - 1, entries / 2 - 1, entries / 2, 0, 0,
              entries / 2 - 1, end, end, end, 0x80);
    leave_out(entries / 2, 0, 0, 0, 0x80, entries / 2, 5, 0, 0, 0x80);
    leave_out(entries / 2 - 2, 0, 0, 0, 0x80, entries / 2, entries / 2,
              entries / 2, 3, 0x40);
    save_walks("left-out-around-the-gap");

    /* A large page that two ranges cut, and what is behind it. */
    simple(MIXED);
    run(0, 3, 0x67, 4, 2);
    select_page(levels - 2);
    large(1, 0x67, 3, 0);
    large(2, 0x67, 4, 0);
    link_table(3, levels - 1, 0);
    leave_out(0, 0, 0, 1, 0, 0, 0, 1, 5, 0);
    leave_out(0, 0, 1, 9, 0, 0, 0, 1, 12, 0);
    leave_out(0, 0, 1, 14, 0, 0, 0, 2, 12, 0);
    leave_out(0, 0, 2, end, 0, 0, 0, 3, 0, 0x40);
    save_walks("left-out-of-large-pages");

    /* A table that is cut in one place and whole in others, under two roots:
     * an alias where it is cut at the same address, or whole both times. */
    begin(DIRECT);
    region(20, 0, 16, 0);
    root(0);
    root(8);
    chain(1, 0);
    select_page(0);
    link_table(2, 1, NOT_W);
    link_table(3, 1, NOT_X);
    link_table(4, 1, 0);
    select_page(8);
    link_table(1, 1, NOT_X);
    link_table(2, 1, 0);
    link_table(3, 1, 0);
    link_table(6, 1, NOT_U);
    select_page(levels - 1);
    run(0, 24, 0x67, 4, 2);
    leave_out(1, 1, 1, 4, 0, 1, 1, 1, 6, 0x40);
    leave_out(2, 1, 1, 4, 0, 2, 1, 1, 6, 0x40);
    save_walks("left-out-of-a-shared-table");

    /* All of it but one page, and all of it. */
    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    root(1);
    select_page(0);
    fill(0, 0);
    leave_out(0, 0, 0, 0, 0, 3, 4, 5, 6, 0x40);
    leave_out(3, 4, 5, 8, 0, end, end, end, end, 0x40);
    save_walks("left-out-all-but-a-page");
    leave_out(3, 4, 5, 7, 0, 3, 4, 5, 7, 0x40);
    save_walks("left-out-altogether");

    /* Within a partial range, more than it holds. */
    begin(DIRECT | PARTIAL);
    region(20, 0, 16, 0);
    root(0);
    va(&in.range, 0, 0, 1, 4, 0x20);
    va(&in.range, 0, 0, 3, 4, 0x20);
    chain(0, 0);
    select_page(levels - 2);
    link_table(1, levels - 1, 0);
    link_table(2, levels - 1, 0);
    link_table(3, levels - 1, 0);
    select_page(levels - 1);
    run(0, 32, 0x67, 4, 2);
    leave_out(0, 0, 0, 0, 0, 0, 0, 0, 8, 0);
    leave_out(0, 0, 1, 0, 0, 0, 0, 1, 7, 0x40);
    leave_out(0, 0, 2, 2, 0, 0, 0, 2, 3, 0);
    leave_out(0, 0, 3, 4, 0, 0, 0, 3, 9, 0);
    leave_out(1, 0, 0, 0, 0, 2, 0, 0, 0, 0);
    save_walks("left-out-of-a-range");

    /* Entries that can't be read, of which some are left out. */
    begin(CALLBACKS);
    region(20, 0, 4, CUT_END | 15 << 4);
    region(56, 0, 8, 0);
    root(0);
    chain(0, 0);
    place(9, 1, 2, 0);
    select_page(0);
    link_table(3, 9, 0);
    link_table(4, 9, 0);
    select_page(levels - 1);
    run(0, 8, 0x67, 0, 2);
    leave_out(3, 1, 1, 1, 0, 3, 2, 2, 2, 0x40);
    leave_out(4, 0, 0, 0, 0, 4, end, end, end, 0x40);
    leave_out(end, 0, 0, 0, 0, end, 2, 2, 2, 0x40);
    save_walks("left-out-of-what-is-refused");

    /* Entries that refer to the table that holds them, at every level. */
    begin(DIRECT);
    region(20, 0, 16, 0);
    root(0);
    root(1);
    chain(0, 0);
    for (unsigned l = 0; l < levels; l++) {
        select_page(l);
        itself(2, l & 1 ? NOT_W : NOT_X);
        itself(end, NOT_U);
    }
    select_page(1);
    link_table(7, 0, 0); /* not its own table */
    in.needs = SELF;
    save_walks("self-kept-whole");
    leave_out(2, 0, 0, 0, 0, 2, end, end, 3, 0);
    leave_out(end, 0, 0, 0, 0, end, end, end, end, 0x40);
    save_walks("self-kept-whole-and-left-out");

    begin(BORROW);
    region(20, 0, 48, 0);
    root(0);
    root(1);
    select_page(0);
    fill(0, 0);
    select_page(1);
    fill(0, 0);
    link_table(3, 1, 0);
    in.needs = SELF;
    save_walks("self-kept-whole-everywhere");
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc < 6) {
        fprintf(stderr,
                "usage: make_seeds DIRECTORY [ARCH NAME IMAGE ROOT...]\n");
        return 2;
    }
    directory = argv[1];
    (void)mkdir(directory, 0777);
    for (unsigned a = 0; a < 2; a++) {
        wide = a == 0;
        levels = wide ? 4 : 2;
        entries = wide ? 512 : 1024;
        if (argc == 2) {
            leaves();
            sharing();
            rights();
            large_pages();
            ranges();
            memory();
            left_out();
            edit_cases();
            narrow_cases();
            faulty_cases();
            restless_cases();
            two_level_cases();
            link_cases();
            exec_cases();
            moving_links();
            placing_cases();
            compactions();
        } else if (strcmp(argv[2], wide ? "amd64" : "i686") == 0) {
            cut(argv[3], argv[4], argv + 5, argc - 5);
        }
    }
    if (argc == 2) {
        bare();
        registers();
        regions();
    }
    return 0;
}
