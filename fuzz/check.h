/* SPDX-License-Identifier: Apache-2.0 */
/* What the properties are made of: a walk and its items, a comparison with the
 * oracle, and the checks that both walks and translations go through. */
#ifndef PTW_FUZZ_CHECK_H
#define PTW_FUZZ_CHECK_H

#include "harness.h"

enum {
    FZ_ITEMS = 4096,   /* of one walk that are kept */
    FZ_ANSWERS = 4096, /* of one space that are compared */
};

/* The items of a walk.  There is one such list, and the walks that must give
 * the same are compared with it. */
struct fz_list {
    struct ptw_item item[FZ_ITEMS];
    size_t count;
    bool complete; /* false: the walk went on, or would have */
    struct ptw_walk_stats stats;
};

/* The oracle's answers, and how far they have been met. */
struct fz_expected {
    struct oracle_answer answer[FZ_ANSWERS];
    size_t count;
    size_t at;
    bool prefix;       /* there may be more of them */
    enum fz_oracle by; /* who asks */
    uint64_t first;    /* the range that was asked about */
    uint64_t last;
    const struct oracle_range *out; /* and what is left out of it */
    unsigned outs;
};

/* fz_must fails where a call is refused that must not be. */
void fz_must(enum ptw_status st, const char *what);

/* fz_options returns the input's options: its range, what it leaves out, its
 * budget.  PTW_WALK_HOLES counts only where nothing is left out. */
struct ptw_walk_options fz_options(const struct fz_case *w, unsigned flags);

/* Whether holes are items of this input's walks, so that items tile. */
bool fz_tiles(const struct fz_case *w);

/* Whether any address of the range, from first to last, is walked. */
bool fz_any_left(const struct fz_case *w, uint64_t first, uint64_t last);

/* fz_store_bytes says how much is given in that try where so many bytes are
 * wanted: by two bits of growth each, as little as is taken at first. */
size_t fz_store_bytes(size_t bytes, unsigned growth, unsigned tries);

/* A memo in storage that grows when it has to, from the smallest on, as the
 * input says. */
void fz_memo_init(const struct fz_case *w, struct ptw_memo *memo,
                  uint64_t seed);
void fz_memo_grow(const struct fz_case *w, struct ptw_memo *memo);

uint64_t fz_item_hash(const struct fz_case *w, const struct ptw_item *item);
bool fz_same_item(const struct fz_case *w, const struct ptw_item *a,
                  const struct ptw_item *b);

/* fz_next is ptw_walk_next, and checks that items come with PTW_OK alone. */
enum ptw_status fz_next(struct ptw_walk *walk, struct ptw_item *item,
                        size_t room, size_t *items);

/* fz_collect runs a walk, whose memo may be NULL, to its end or limit. */
void fz_collect(struct fz_case *w, struct ptw_walk *walk, struct ptw_memo *memo,
                struct fz_list *list);

/* fz_check_item checks what must hold of any item alone. */
void fz_check_item(const struct fz_case *w, const struct ptw_item *item);

/* Whether an item says what there is at its addresses: all do but spaces,
 * tables and remarks. */
bool fz_covers(const struct ptw_item *item);

/* fz_check_tiling checks that the items of one space, from *at on, cover the
 * range without gap or overlap; where ranges are left out, that they ascend and
 * that none is wholly left out.  *at is then that of the next space. */
void fz_check_tiling(const struct fz_case *w, const struct fz_list *list,
                     size_t *at);

/* fz_ask fills e with the oracle's answers for a space and a range; where
 * ranges are left out, with what remains, and without holes. */
void fz_ask(const struct fz_case *w, struct fz_expected *e, uint64_t root,
            uint64_t first, uint64_t last, size_t max);

/* fz_met says whether all answers up to the address `to` have been met. */
bool fz_met(const struct fz_expected *e, uint64_t to);

/* fz_meet compares an item, which is no run, with the answers that come next.
 * Returns false when the answers are used up. */
bool fz_meet(struct fz_expected *e, const struct ptw_item *item);

/* fz_next_in returns where the item stands that a walk of the same memory gives
 * next, from `at` on: one without PTW_WALK_HOLES gives no hole. */
size_t fz_next_in(const struct fz_list *list, size_t at, bool holes);

/* fz_check_runs checks that a walk with PTW_WALK_RUNS, and those flags, with or
 * without holes and tables, gives what the list does, with maximal runs, also
 * when it is stopped every few reads: its limit is the input's step at first, if
 * it has one. */
void fz_check_runs(struct fz_case *w, const struct fz_list *list,
                   struct ptw_walk *walk, struct ptw_memo *memo,
                   unsigned flags);

/* fz_check_stops runs a walk in small portions and checks that it gives the
 * list, and where it says that it stands.  The walk was made with the input's
 * steps as limits; root counts when there is no memo. */
void fz_check_stops(struct fz_case *w, const struct ptw_mem *mem,
                    const struct fz_list *list, struct ptw_walk *walk,
                    struct ptw_memo *memo, uint64_t root,
                    struct fz_expected *scratch);

/* Whether an address from pa to last has a flag bit. */
bool fz_meets_flag_bits(const struct fz_case *w, uint64_t pa, uint64_t last);

/* What a root is, judged naively. */
enum ptw_status fz_root_status(const struct fz_case *w, uint64_t root);

bool fz_canonical(const struct fz_case *w, uint64_t va);

/* Whether addresses first to last can be mapped, and no others lie between. */
bool fz_one_half(const struct fz_case *w, uint64_t first, uint64_t last);
bool fz_one_half_of(const struct oracle_mode *mode, uint64_t first,
                    uint64_t last);

/* How many entries a table of that level has. */
unsigned fz_entries(const struct fz_case *w, unsigned level);

/* The rights that an entry of that level grants: a leaf, or one to a table. */
unsigned fz_entry_rights(const struct fz_case *w, unsigned level, uint64_t raw);

/* fz_can_map says whether a leaf of level 0 can be made with these rights and
 * attributes.  With grant_exec, rights are had with execution where no entry
 * can withhold it. */
bool fz_can_map(const struct fz_case *w, unsigned rights, bool copy_on_write,
                bool grant_exec, const struct ptw_attributes *attributes);

/* fz_can_grant says the same of the rights alone. */
bool fz_can_grant(const struct fz_case *w, unsigned rights, bool grant_exec);

/* fz_granted returns the rights that are had by asking for these. */
unsigned fz_granted(const struct fz_case *w, unsigned rights);

/* log2 of what an entry of a table of that level covers. */
unsigned fz_shift(const struct fz_case *w, unsigned level);

/* fz_lower_level returns the level below that of the roots that a number stands for;
 * 0 where there is none. */
unsigned fz_lower_level(const struct fz_case *w, unsigned number);

/* The size of the smallest page. */
uint64_t fz_page_bytes(const struct fz_case *w);

/* fz_path_rights says what the way down to the table of that level grants. */
unsigned fz_path_rights(const struct fz_case *w, uint64_t root, uint64_t va,
                        unsigned level);

#endif
