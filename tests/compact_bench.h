/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding and comparing, for tests: a guest whose memory has parts that are
 * read directly, served or refused; a driver that hands out storage and takes
 * the pages; and a judge of the outcome that knows neither the rebuilder nor
 * the verifier, only the naive walker. */
#ifndef PTW_TESTS_COMPACT_BENCH_H
#define PTW_TESTS_COMPACT_BENCH_H

#include "build_tables.h"
#include "ptwalk/rebuild.h"
#include "ptwalk/verify.h"

/* ------------------------------------------------------------------- guest */

/* How a part of the guest's memory answers. */
enum part_kind {
    DIRECT,  /* the accessor has its bytes */
    SERVED,  /* through callbacks */
    REFUSED, /* the accessor has it, and the callbacks refuse */
    ABSENT   /* no region has it */
};

struct part {
    uint64_t first;
    uint64_t last;
    uint8_t *bytes;
    enum part_kind kind;
};

enum { MAX_PARTS = 64 };

/* The guest's memory, in ascending order.  At first all units of ram, directly. */
struct guest {
    struct part part[MAX_PARTS];
    unsigned parts;
    bool lend;      /* borrow works for what is served */
    uint64_t calls; /* of the callbacks for reading */
    bool (*answer)(uint64_t pa, uint64_t *value); /* may be NULL */
};

extern struct guest guest;

/* start is machine, with a guest of its memory; start_narrow the same on a processor
 * with physical addresses of that width. */
void start(const char *name);
void start_narrow(const char *name, unsigned pa_bits);

/* narrow_processor changes the width of the physical addresses, and nothing in
 * memory.  At NARROW, each level of every regime has reserved bits. */
enum { NARROW = 40 };

void narrow_processor(unsigned pa_bits);

/* The same where the supervisor writes everywhere, and where there are shadow
 * stacks.  False: no processor of the regime is like that. */
bool start_without_write_protect(const char *name);
bool start_with_shadow_stacks(const char *name);

/* shadow_stack returns a page of level 0 that can't be written as one of a shadow
 * stack. */
uint64_t shadow_stack(uint64_t leaf);

/* How many bytes start offers, from 0 on. */
uint64_t guest_bytes(void);

/* offer adds memory; carve changes how a part of it answers. */
void offer(uint64_t first, uint64_t bytes, uint8_t *host, enum part_kind kind);
void carve(uint64_t first, uint64_t bytes, enum part_kind kind);

/* far_memory returns that many bytes of zeros that cost nothing before they are
 * written; the test's to the end. */
uint8_t *far_memory(uint64_t bytes);

/* guest_page returns the page at pa, or NULL when they can't be read. */
uint8_t *guest_page(uint64_t pa);

/* Places in ram for roots and for data, the latter filled: no two alike.  Tables
 * are taken in between.  Each has unit_bytes. */
uint64_t root_at(unsigned i);
uint64_t data_at(unsigned i);

/* A fresh table, all zeros. */
uint64_t new_table(void);

/* hang puts raw as the entry for va in the table of that level, and makes the
 * tables that are missing on the way, with all rights. */
void hang(uint64_t root, uint64_t va, unsigned level, uint64_t raw);

/* The table of that level on the way to va; aborts when there is none. */
uint64_t table_of(uint64_t root, uint64_t va, unsigned level);

/* Where the kernel's half starts; where the pages of a program are, at the start of
 * a table of level 0 that is not the first one. */
uint64_t kernel_half(void);
uint64_t user_va(void);

/* page_va returns the address that is so many pages behind. */
uint64_t page_va(uint64_t va, uint64_t pages);

/* In how many tables, from level `from` up to below the root, the way to va is not
 * that to other. */
unsigned tables_apart(uint64_t va, uint64_t other, unsigned from);

/* The lowest level above 0 that has leaves, of at most MOST_LARGE, so that a test can
 * fill and copy some of them; or 0: there are no such large pages. */
enum { MOST_LARGE = 0x4000000 };

unsigned large_level(void);

/* Whether there are leaves of that level, of at most MOST_FILLED, so that the naive
 * walker can compare all that one of them maps. */
enum { MOST_FILLED = 0x40000000 };

bool can_be_filled(unsigned level);

/* What a leaf of the large level covers, and how many pages of level 0 that is; how
 * many tables stand for such a leaf that was split. */
uint64_t large_bytes(void);
uint64_t large_pages(void);
uint64_t tables_of_split(void);

/* The address of such a leaf, i of them behind that of user_va. */
uint64_t large_va(unsigned i);

/* Memory far behind ram: i large pages from its start.  offer_far offers `bytes` from
 * there on, the first `filled` pages of level 0 with bytes of their own. */
uint64_t far_at(unsigned i);
uint8_t *offer_far(uint64_t bytes, uint64_t filled, enum part_kind kind);

/* Addresses of pages, tables and roots that no guest has, i units from the first one. */
uint64_t outside_ram(unsigned i);

/* The rights of a map of the kernel's that is written: no more than there must be. */
unsigned kernel_map_rights(void);

/* A page of a user that may do anything, and one that he can't write; a page of the
 * kernel's, with and without that right. */
uint64_t user_page(uint64_t pa);
uint64_t user_page_read_only(uint64_t pa);
uint64_t kernel_page(uint64_t pa);
uint64_t kernel_page_read_only(uint64_t pa);

/* The same of a large page. */
uint64_t user_large(uint64_t pa);
uint64_t user_large_read_only(uint64_t pa);

/* An entry of that level that leads to a table and grants everything, everything but
 * writing, or everything but to the user.  Where the format can't withhold that, it
 * grants it. */
uint64_t any_table(unsigned level, uint64_t table);
uint64_t table_read_only(unsigned level, uint64_t table);
uint64_t kernel_table(unsigned level, uint64_t table);

/* How many entries so many tables have, of which so many are roots. */
uint64_t entries_of(uint64_t tables, uint64_t roots);

/* The highest level whose tables are as large as those below, so that one of
 * them can be its own recursive slot.  hang_slot makes the entry for va such a
 * slot, that the user can't use and the supervisor can write or not. */
unsigned slot_level(void);
void hang_slot(uint64_t root, uint64_t va, bool writable);

/* slot_entry returns that entry, in the table at that address. */
uint64_t slot_entry(uint64_t table, bool writable);

/* --------------------------------------------------------------- rebuilding */

/* A rebuild that is to be made. */
struct job {
    uint32_t roots;
    struct ptw_root root[64];
    struct ptw_rebuild_options o;
    bool least;      /* storage is as little as is accepted, every time */
    unsigned refuse; /* the sink refuses, once, every so manyth write */
};

struct job job_of(uint32_t roots);

/* What came of it. */
struct image {
    uint8_t *bytes; /* of the new memory, from base */
    uint64_t room;  /* of these; more than the image has */
    uint64_t base;
    uint64_t written; /* by the sink */
    uint64_t high;    /* behind the last write so far */
    unsigned refusals;
    unsigned asked; /* for storage */
    bool wild;      /* a write out of place or order, or behind the image */
    struct ptw_mem mem;
    struct ptw_root root[64];
    struct ptw_rebuild_counts counts;
};

/* The rebuild of the last call, to look at. */
extern struct ptw_rebuild rb;

/* compact makes it from start to end, and stops where a step fails.  free_image
 * gives back the image's memory. */
enum ptw_status compact(const struct job *j, struct image *n);
void free_image(struct image *n);

/* The entry of that level for va in space i of the image, and its place.  poke
 * aborts when there is no such table. */
uint64_t image_entry(const struct image *n, unsigned i, uint64_t va,
                     unsigned level);
void poke(struct image *n, unsigned i, uint64_t va, unsigned level,
          uint64_t raw);
uint64_t image_table(const struct image *n, unsigned i, uint64_t va,
                     unsigned level);

/* --------------------------------------------------------------- the judge */

/* judged compares, space by space and page by page, what the naive walker finds
 * in the guest and in the image.  It returns "" or what is wrong; static.
 * JUDGED_TOO_LONG: there is more than the naive walker can do. */
extern const char JUDGED_TOO_LONG[];
const char *judged(const struct job *j, const struct image *n);

/* verified runs the verifier over the same; the storage is handed out in the
 * same way. */
extern struct ptw_verify verify;
enum ptw_status verified(const struct job *j, const struct image *n);

/* good compacts, and returns "" when all is well with the outcome: the judge and
 * the verifier agree to it, and to rebuild it gives the same again.  The image
 * stays, when n is not NULL. */
const char *good(const struct job *j, struct image *n);

#endif
