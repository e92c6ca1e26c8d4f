/* SPDX-License-Identifier: Apache-2.0 */
/* Many addresses side by side, and addresses on a trail: the answers are those
 * of ptw_lookup, whatever the tables and the memory are. */
#include "compact_bench.h"
#include "every_regime.h"
#include "oracle/oracle.h"

#include <string.h>

enum { MOST = 300, TABLES = 12 };

static ptw_va asked[MOST];
static unsigned asks;

/* What is written by a call, into a pattern. */
static struct ptw_translation out[MOST];
static enum ptw_status st[MOST];

static unsigned levels(void)
{
    return ptw_levels(&regime);
}

static struct ptw_root root_of(uint64_t table)
{
    return ptw_root_of(&regime, ptw_pa_of(table));
}

static void forget(void)
{
    memset(out, 0x5a, sizeof out);
    memset(st, 0x5a, sizeof st);
}

/* expect_same compares answer i with that of ptw_lookup. */
static void expect_same(const char *way, unsigned i, struct ptw_root root,
                        ptw_va va)
{
    struct ptw_translation alone;
    enum ptw_status should;

    memset(&alone, 0x5a, sizeof alone);
    should = ptw_lookup(&mem, root, va, &alone);
    cr_assert(st[i] == should, "%s, %u: %llx: %s, not %s", way, i,
              (unsigned long long)va.v, ptw_status_text(st[i]),
              ptw_status_text(should));
    cr_assert(memcmp(&out[i], &alone, sizeof alone) == 0,
              "%s, %u: %llx: %llx, raw %llx, level %u, not %llx, %llx, %u", way,
              i, (unsigned long long)va.v, (unsigned long long)out[i].pa.v,
              (unsigned long long)out[i].raw, out[i].level,
              (unsigned long long)alone.pa.v, (unsigned long long)alone.raw,
              alone.level);
}

static void check_many(const struct ptw_root *root, unsigned roots,
                       unsigned count)
{
    struct ptw_root each[MOST];

    forget();
    ptw_lookup_many(&mem, root[0], asked, count, out, st);
    for (unsigned i = 0; i < count; i++) {
        expect_same("many", i, root[0], asked[i]);
        each[i] = root[i % roots];
    }
    forget();
    ptw_lookup_many_roots(&mem, each, asked, count, out, st);
    for (unsigned i = 0; i < count; i++) {
        expect_same("many roots", i, each[i], asked[i]);
    }
}

static void check_trail(struct ptw_root root)
{
    struct ptw_trail trail;

    ptw_mem_set_stopped(&mem, true);
    forget();
    cr_assert(ptw_trail_init(&trail, &mem, root) == PTW_OK);
    for (unsigned i = 0; i < asks; i++) {
        st[i] = ptw_trail_lookup(&trail, asked[i], &out[i]);
        expect_same("trail", i, root, asked[i]);
    }
    ptw_mem_set_stopped(&mem, false);
}

static void ask(uint64_t va)
{
    if (asks < MOST) {
        asked[asks++] = ptw_va_of(va);
    }
}

/* Addresses in and beside what the corners of the space have, in no order. */
static void ask_around(struct dice *d)
{
    asks = 0;
    while (asks < MOST) {
        unsigned level = (unsigned)roll_below(d, levels());
        uint64_t va = corner((unsigned)roll_below(d, CORNERS), level);

        switch (roll_below(d, 6)) {
        case 0:
            ask(va - 1 - roll_below(d, 2 * span(level)));
            break;
        case 1:
            ask(roll(d));
            break;
        case 2:
            ask(asks > 0 ? asked[asks - 1].v + page_bytes() : va);
            break;
        case 3:
            ask(asks > 0 ? asked[asks - 1].v ^ span(level) : va);
            break;
        default:
            ask(va + roll_below(d, 4 * span(level)));
            break;
        }
    }
}

/* Tables with entries of all kinds, which lead to each other and to pages. */
static void random_tables(struct dice *d, uint64_t *root)
{
    uint64_t table[TABLES];

    for (unsigned i = 0; i < TABLES; i++) {
        table[i] = new_table();
    }
    root[0] = root_at(0);
    root[1] = root_at(1);
    for (unsigned i = 0; i < TABLES * entries_per_table() / 2; i++) {
        unsigned level = (unsigned)roll_below(d, levels());
        uint64_t in = level + 1 == levels() ? root[roll_below(d, 2)]
                                            : table[roll_below(d, TABLES)];
        bool page = level == 0 || (has_leaves(level) && one_in(d, 8));
        uint64_t to = page ? high_page(level)
                           : (one_in(d, 20) ? guest_bytes()
                                            : table[roll_below(d, TABLES)]);

        put(in, (unsigned)roll_below(d, entries_at(level)),
            random_entry(d, level, page, to));
    }
    /* The corners lead somewhere. */
    for (unsigned i = 0; i < CORNERS * TABLES; i++) {
        unsigned level = (unsigned)roll_below(d, levels());
        uint64_t va = corner(i % CORNERS, 0);
        uint64_t in = level + 1 == levels() ? root[i / CORNERS % 2]
                                            : table[roll_below(d, TABLES)];

        put(in, index_in(va, level),
            random_entry(d, level, level == 0,
                         level == 0 ? high_page(0)
                                    : table[roll_below(d, TABLES)]));
    }
}

static void check_ways(struct dice *d, const uint64_t *root)
{
    struct ptw_root roots[3] = {root_of(root[0]), root_of(root[1]),
                                root_of(root[0] | 2)};

    ask_around(d);
    check_many(roots, 3, asks);
    check_many(&roots[1], 1, asks / 2);
    check_trail(roots[0]);
}

EVERY(lookup_many, answers_as_one_by_one_over_random_tables)
{
    struct dice d = {0x10ca1};
    unsigned cases;

    start(name);
    cases = fewer(24);
    for (unsigned i = 0; i < cases; i++) {
        uint64_t root[2];

        start(name);
        random_tables(&d, root);
        check_ways(&d, root);
        /* Callbacks, and other regions, from here to there. */
        for (unsigned part = 0; part < 4; part++) {
            uint64_t at = unit_bytes() * (8 * part + roll_below(&d, 4));

            carve(at, unit_bytes() * (1 + roll_below(&d, 4)),
                  (enum part_kind)part);
            check_ways(&d, root);
        }
        offer_watched();
        check_ways(&d, root);
    }
}

EVERY(lookup_many, takes_any_number_of_addresses)
{
    struct dice d = {0x11};
    uint64_t root[2];
    struct ptw_root in;

    start(name);
    random_tables(&d, root);
    ask_around(&d);
    in = root_of(root[0]);
    for (unsigned count = 0; count < 50; count++) {
        check_many(&in, 1, count);
        cr_assert(out[count].raw == 0x5a5a5a5a5a5a5a5a, "%u", count);
    }
}

/* Two spaces that differ, address by address in turn. */
EVERY(lookup_many, keeps_the_roots_apart)
{
    uint64_t va;
    struct ptw_root root[2];

    start(name);
    va = corner(1, 0);
    hang(root_at(0), va, 0, to_page(0, data_at(3), all_rights()));
    hang(root_at(1), va, 0, to_page(0, data_at(4), all_rights()));
    root[0] = root_of(root_at(0));
    root[1] = root_of(root_at(1));
    asks = 0;
    while (asks < 40) {
        ask(va + asks);
    }
    check_many(root, 2, asks);
    for (unsigned i = 0; i < asks; i++) {
        cr_assert(st[i] == PTW_OK && out[i].pa.v == data_at(3 + i % 2) + i,
                  "%u", i);
    }
}

/* Roots of several regimes, one of them without tables. */
Test(every_lookup_many, takes_roots_of_several_regimes)
{
    static const char *const names[] = {"amd64", "bare", "i686", "bare"};
    struct ptw_regime r[4];
    struct ptw_root root[40];

    machine("amd64");
    for (unsigned i = 0; i < 4; i++) {
        cr_assert(ptw_regime_by_name(names[i], NULL, 0, &r[i], NULL) == PTW_OK);
    }
    put(0x1000, 0, 0x2000 | TABLE);
    put(0x2000, 0, 0x3000 | TABLE);
    put(0x3000, 0, 0x4000 | TABLE);
    put(0x4000, 1, 0x20000 | RWX);
    asks = 0;
    for (unsigned i = 0; i < 40; i++) {
        root[i] = ptw_root_of(&r[i / 3 % 4], ptw_pa_of(0x1000));
        ask(0x1000 + i);
    }
    forget();
    ptw_lookup_many_roots(&mem, root, asked, asks, out, st);
    for (unsigned i = 0; i < asks; i++) {
        expect_same("regimes", i, root[i], asked[i]);
    }
    cr_expect(st[0] == PTW_OK && out[0].pa.v == 0x20000);
    cr_expect(st[3] == PTW_OK && out[3].pa.v == 0x1003);
    check_many(&root[3], 1, asks);
    check_trail(root[3]);
}

/* -------------------------------------------------------------------- trail */

/* After an address, one that differs at a level takes the reads from the table
 * of that level on. */
EVERY(trail, reads_from_the_lowest_table_that_covers_both)
{
    struct ptw_trail trail;
    uint64_t va;

    start(name);
    va = corner(1, 0);
    hang(root_at(0), va, 0, to_page(0, data_at(3), all_rights()));
    for (unsigned level = 0; level < levels(); level++) {
        hang(root_at(0), va ^ span(level), 0,
             to_page(0, data_at(4 + level), all_rights()));
    }
    offer_watched();
    ptw_mem_set_stopped(&mem, true);
    cr_assert(ptw_trail_init(&trail, &mem, root_of(root_at(0))) == PTW_OK);
    cr_assert(ptw_trail_lookup(&trail, ptw_va_of(va), &out[0]) == PTW_OK);
    cr_expect(watched.total == levels(), "%llu reads",
              (unsigned long long)watched.total);
    for (unsigned level = 0; level < levels(); level++) {
        uint64_t to[2] = {va ^ span(level), va};

        for (unsigned i = 0; i < 2; i++) {
            uint64_t before = watched.total;
            uint64_t page = data_at(i == 0 ? 4 + level : 3);

            cr_assert(ptw_trail_lookup(&trail, ptw_va_of(to[i]), &out[0]) ==
                      PTW_OK);
            cr_expect(out[0].pa.v == page, "level %u, %u: %llx", level, i,
                      (unsigned long long)out[0].pa.v);
            cr_expect(watched.total - before == level + 1,
                      "level %u, %u: %llu reads", level, i,
                      (unsigned long long)(watched.total - before));
        }
    }
}

/* What was not mapped, bad or out of reach leaves a trail that is right. */
EVERY(trail, goes_on_after_an_address_that_is_not_mapped)
{
    start(name);
    for (unsigned level = 0; level < levels(); level++) {
        for (unsigned i = 0; i < 3; i++) {
            uint64_t raw = to_page(0, data_at(4), all_rights());
            uint64_t va = corner(1, 0);
            uint64_t other = va ^ span(level);

            start(name);
            hang(root_at(0), va, 0, to_page(0, data_at(3), all_rights()));
            hang(root_at(0), other, 0, raw);
            if (i == 0) {
                hang(root_at(0), other, level, 0);
            } else if (i == 1 && level > 0) {
                hang(root_at(0), other, level,
                     to_table(level, guest_bytes(), all_rights()));
            }
            asks = 0;
            ask(va);
            ask(other);
            ask(other + 1);
            ask(va);
            ask(other);
            ask(va + page_bytes());
            ask(other + page_bytes());
            check_trail(root_of(root_at(0)));
        }
    }
}

Test(amd64_trail, wants_memory_that_is_stopped_and_a_root)
{
    struct ptw_trail trail;

    machine("amd64");
    cr_expect(ptw_trail_init(&trail, &mem, root_of(0x1000)) == PTW_E_ARG);
    ptw_mem_set_stopped(&mem, true);
    cr_expect(ptw_trail_init(&trail, &mem, root_of(0x1008)) == PTW_E_ALIGN);
    cr_expect(ptw_trail_init(&trail, &mem, root_of((uint64_t)1 << 60)) ==
              PTW_E_WIDTH);
    cr_expect(ptw_trail_init(&trail, &mem, root_of(0x1000)) == PTW_OK);
}

/* An edit is seen by a trail that is made anew. */
Test(amd64_trail, made_anew_sees_an_edit)
{
    struct ptw_trail trail;

    machine("amd64");
    put(0x1000, 0, 0x2000 | TABLE);
    put(0x2000, 0, 0x3000 | TABLE);
    put(0x3000, 0, 0x4000 | TABLE);
    put(0x4000, 1, 0x20000 | RWX);
    put(0x5000, 1, 0x30000 | RWX);
    ptw_mem_set_stopped(&mem, true);
    cr_assert(ptw_trail_init(&trail, &mem, root_of(0x1000)) == PTW_OK);
    cr_assert(ptw_trail_lookup(&trail, ptw_va_of(0x1234), &out[0]) == PTW_OK);
    cr_expect(out[0].pa.v == 0x20234);
    put(0x3000, 0, 0x5000 | TABLE);
    cr_assert(ptw_trail_init(&trail, &mem, root_of(0x1000)) == PTW_OK);
    cr_assert(ptw_trail_lookup(&trail, ptw_va_of(0x1234), &out[0]) == PTW_OK);
    cr_expect(out[0].pa.v == 0x30234);
}
