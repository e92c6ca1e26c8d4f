/* SPDX-License-Identifier: Apache-2.0 */
/* A small machine for tests: some memory, a regime, and words for the tables
 * that a test puts there.  One per process; every test runs in its own. */
#ifndef PTW_TESTS_BUILD_TABLES_H
#define PTW_TESTS_BUILD_TABLES_H

#include "oracle/format.h"
#include "ptwalk/ptwalk.h"
#include "same_rights.h"

/* The memory of the machine: [0, RAM_BYTES), zero at first.  A guest of
 * compact_bench.h has more of it: RAM_UNITS, each as large as a page of level 0 and
 * any table. */
enum {
    RAM_BYTES = 0x200000,
    PAGE = 0x1000,
    RAM_UNITS = 512,
    LARGEST_UNIT = 0x10000
};

/* The rights of x86. */
enum { RWXU = PTW_READ | PTW_WRITE | PTW_EXEC | PTW_USER };

extern uint8_t ram[RAM_UNITS * LARGEST_UNIT];
extern struct ptw_mem mem;
extern struct ptw_regime regime;

/* The same regime as the manual has it. */
extern struct oracle_mode oracle;

/* Bits of x86 entries, from the manual. */
static const uint64_t P = 1;
static const uint64_t W = 2;
static const uint64_t U = 4;
static const uint64_t PWT = 8;
static const uint64_t PCD = 0x10;
static const uint64_t A = 0x20;
static const uint64_t D = 0x40;
static const uint64_t PS = 0x80;
static const uint64_t PAT = 0x80;
static const uint64_t G = 0x100;
static const uint64_t COW = 0x200;
static const uint64_t PAT_LARGE = 0x1000;
static const uint64_t NX = (uint64_t)1 << 63;

/* What the host itself writes: a table, and a supervisor's page. */
static const uint64_t TABLE = 0x23;
static const uint64_t RWX = 0x63;
static const uint64_t RX = 0x61;

/* machine starts over with empty memory under the regime of that name. */
void machine(const char *name);
void machine_with(const char *name, unsigned pa_bits, unsigned without);

/* is_known says whether the library has that regime.  It has to have the first
 * ORACLE_REQUIRED formats: without one of them the process ends. */
bool is_known(const char *name);

/* mode_of returns what the manual says of a regime with those features. */
struct oracle_mode mode_of(const struct ptw_regime *r);

/* The memory that the accessor offers from now on: all of ram, or parts of it
 * (page numbers, closed), or all of it through callbacks. */
void offer_all(void);
void offer_pages(unsigned count, const unsigned (*first_last)[2]);

/* put writes entry `index` of the table at pa; entry_at reads it. */
void put(uint64_t table, unsigned index, uint64_t entry);
uint64_t entry_at(uint64_t table, unsigned index);

/* put_all writes every entry of the table. */
void put_all(uint64_t table, uint64_t entry);

unsigned entries_per_table(void);

/* The sizes of a page of level 0, and of memory that can be a page or any table. */
uint64_t page_bytes(void);
uint64_t unit_bytes(void);

/* All rights of the regime; some of them, by a number: the rights that every entry
 * grants, and of the others one for each bit. */
unsigned all_rights(void);
unsigned nth_rights(unsigned n);

/* Of a table of that level: how many entries it has, and which one is for va. */
unsigned entries_at(unsigned level);
unsigned index_in(uint64_t va, unsigned level);

/* What an entry of that level covers, and whether there are leaves of it. */
uint64_t span(unsigned level);
bool has_leaves(unsigned level);

/* The first address that tables map. */
uint64_t first_va(void);

/* The first and the last address, and those beside the middle or the gap, each
 * as the start of what an entry of that level covers. */
enum { CORNERS = 4 };

uint64_t corner(unsigned i, unsigned level);

/* A page of that level, as high up as there are some. */
uint64_t high_page(unsigned level);

/* beyond returns the first address that is too wide for the processor. */
uint64_t beyond(void);

/* The entry of a table of that level that leads to a table, or maps a page, and
 * grants those rights, or all where the format can't withhold any; the process
 * ends where there is no such entry.  It was accessed, and a page that is
 * writable was written. */
uint64_t to_table(unsigned level, uint64_t pa, unsigned rights);
uint64_t to_page(unsigned level, uint64_t pa, unsigned rights);

/* reserved_bit returns a bit that makes the entry a bad one; the process ends
 * where there is none. */
uint64_t reserved_bit(unsigned level, uint64_t raw);

/* decoded returns what an entry of that level says; granted what it grants by itself,
 * address_in the address of the page or table that it leads to, bits_of all bits but
 * those of the address. */
struct oracle_entry decoded(unsigned level, uint64_t raw);
unsigned granted(unsigned level, uint64_t raw);
uint64_t address_in(unsigned level, uint64_t raw);
uint64_t bits_of(unsigned level, uint64_t raw);

/* The same entry, a table's or a page's, with another address; with the bits that
 * say just those rights, whether the format has such an entry or not. */
uint64_t with_address(unsigned level, uint64_t raw, uint64_t pa);
uint64_t with_rights(unsigned level, uint64_t raw, unsigned rights);

/* other_bits returns the bits of an entry that the processor does not look at, and
 * that a copy of it has, too. */
uint64_t other_bits(unsigned level, uint64_t raw);

/* with_other_bits returns the same entry with another bit that the processor does not
 * look at: none that it sets and, in a page, none of a mark. */
uint64_t with_other_bits(unsigned level, uint64_t raw);

/* global_bit returns the bit of a leaf of level 0 that makes it global, or not; 0:
 * there is none. */
uint64_t global_bit(void);

/* not_present returns the entry without what makes it one that is present. */
uint64_t not_present(uint64_t raw);

/* copy_on_write returns the page of that level as one that is copy-on-write. */
uint64_t copy_on_write(unsigned level, uint64_t raw);

/* The address that these indices lead to, the top level first. */
ptw_va va4(unsigned pml4, unsigned pdpt, unsigned pd, unsigned pt);
ptw_va va2(unsigned pd, unsigned pt);

/* set_alias makes the item an alias of the regime, of tables of that level. */
void set_alias(struct ptw_item *item, const struct ptw_alias_ref *ref,
               unsigned level);

/* fewer returns how many random cases are enough of a regime that is much like another
 * one, where others have n. */
unsigned fewer(unsigned n);

/* A source of numbers that are the same on every run. */
struct dice {
    uint64_t state;
};

uint64_t roll(struct dice *d);
uint64_t roll_below(struct dice *d, uint64_t bound); /* bound > 0 */
bool one_in(struct dice *d, unsigned n);

/* random_entry returns an entry of a table of that level, of a page or a table at that
 * address, with any rights and any bits that the processor does not look at; now and
 * then it is bad or not present. */
uint64_t random_entry(struct dice *d, unsigned level, bool page, uint64_t to);

/* A walk that is to be made: over spaces (roots > 0, with a memo), over one
 * space that is followed (roots == 0), or over what an alias stands for. */
enum plan_kind { PLAN_SPACES, PLAN_FOLLOW, PLAN_EXPAND, PLAN_EXPOSED };

enum { MAX_ROOTS = 8, MAX_ITEMS = 1 << 15 };

struct plan {
    enum plan_kind kind;
    uint32_t roots;
    struct ptw_root root[MAX_ROOTS];
    struct ptw_item alias;
    struct ptw_walk_options o;
    unsigned memo_tables; /* that the memo has room for at first */
};

struct plan spaces_plan(uint32_t roots, const uint64_t *root);
struct plan follow_plan(uint64_t root);
struct plan expand_plan(const struct ptw_item *alias);

/* All that a walk gave. */
struct report {
    enum ptw_status init; /* of the start; when not PTW_OK, that is all */
    enum ptw_status end;
    size_t count;
    struct ptw_item item[MAX_ITEMS];
    struct ptw_walk_stats stats;
    bool overflow; /* there was more than fits */
    ptw_pa frame[8192];
    size_t frames; /* of PLAN_SPACES: the distinct tables */
};

/* How a walk is cut into pieces. */
struct split_leaf {
    uint64_t reads;      /* allowed at first */
    uint64_t more_reads; /* and each time that it stops */
    uint64_t items;
    uint64_t more_items;
    size_t room;
};

static const struct split_leaf IN_ONE_PIECE = {UINT64_MAX, 0, UINT64_MAX, 0,
                                               MAX_ITEMS};

/* carry_out makes the walk and writes all that it gives.  Where it stops in
 * between, `stopped` is called (when not NULL) before it goes on. */
typedef void stopped_fn(const struct ptw_walk *w, const struct report *so_far,
                        void *ctx);
void carry_out(const struct plan *p, const struct split_leaf *how,
               struct report *out, stopped_fn *stopped, void *ctx);

/* The same in one piece; the report is static and overwritten by the next. */
const struct report *walk(const struct plan *p);

/* told puts a report into words, a line an item; static, as above.  Ranges are
 * closed and in hexadecimal:
 *
 *   space N walked ROOT | space N same as M | space N bad REASON
 *   map FIRST-LAST PA RIGHTS SIZE          RIGHTS as "rwxu", SIZE of a leaf
 *   alias LEVEL FIRST-LAST to TABLE of N at VA RIGHTS ATTRIBUTES
 *   hole LEVEL FIRST-LAST | gap FIRST-LAST
 *   bad LEVEL FIRST-LAST in TABLE RAW
 *   refused LEVEL FIRST-LAST in TABLE
 *   itself LEVEL FIRST-LAST TABLE RIGHTS RAW       (PTW_WALK_SELF)
 *   self LEVEL FIRST-LAST TABLE | two levels LEVEL FIRST-LAST TABLE
 *   exposed FIRST-LAST TABLE and N more RIGHTS
 *
 * and a last line, unless the walk came to its end: why it stopped. */
char *told(const struct report *r);

/* told(walk(...)) for the usual cases, without options. */
char *spaces(uint32_t roots, const uint64_t *root);
char *followed(uint64_t root);

/* same_items says whether two items are the same in all that has a meaning. */
bool same_items(const struct ptw_item *a, const struct ptw_item *b);

/* in_pieces makes the walk once in one piece, and again cut in every way: with
 * every limit of reads and of items from 1 to what it takes, with every room,
 * and with a memo that starts as small as can be.  Each has to stop with a
 * prefix, and to go on to the same items and as many reads.  Returns "" or what
 * went wrong; `stride` tries only every so manyth limit. */
char *in_pieces(const struct plan *p, unsigned stride);

/* where_it_stands stops the walk after every read and after every item, and
 * asks ptw_walk_where: what was given has to lie below and what is missing
 * above, and of a space that is followed, another walk from there has to give
 * exactly what is missing.  Returns as above. */
char *where_it_stands(const struct plan *p, unsigned stride);

/* A memory served by callbacks, all units of ram: counts the reads of every entry of
 * 8 bytes (or 4), and may change its answers. */
struct watched {
    unsigned
        reads[RAM_UNITS * (LARGEST_UNIT / 4)]; /* of the 4 bytes at 4 * index
*/
    uint64_t total;
    bool (*answer)(void *ctx, uint64_t pa, uint64_t *value); /* may be NULL */
    void *ctx;
};

extern struct watched watched;
void offer_watched(void);

#endif
