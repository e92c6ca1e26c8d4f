/* SPDX-License-Identifier: Apache-2.0 */
/* Random and crafted tables. */
#include "tables.h"

#include <string.h>

static const uint64_t XD = (uint64_t)1 << 63;
static const uint64_t AVAILABLE = 0x7f0e00; /* bits 22:16 stand for 58:52 */

static unsigned levels(const struct tables *t)
{
    return ptw_levels(t->regime);
}

/* Of a table of that level. */
static unsigned entries(const struct tables *t, unsigned level)
{
    uint64_t bytes =
        level + 1 == levels(t) ? ptw_root_bytes(t->regime) : VM_PAGE;

    return (unsigned)bytes / ptw_entry_bytes(t->regime);
}

/* Whether bits 62:52 of an entry are free, or a key. */
static bool has_high_bits(const struct tables *t)
{
    struct oracle_mode mode = mode_of(t->regime);

    return (oracle_free_bits(&mode, 0, P) & oracle_ones(62, 52)) != 0;
}

static uint64_t frame(unsigned i)
{
    return TABLES_AT + (uint64_t)i * VM_PAGE;
}

void tables_data(const struct vm *vm)
{
    static const uint8_t RETURN = 0xc3;

    for (uint64_t pa = DATA_AT; pa < MEMORY_END; pa += LINE) {
        uint8_t *line = vm_host(vm, pa, LINE);

        memcpy(line + LINE_READ, &pa, sizeof pa);
        line[LINE_RETURN] = RETURN;
    }
}

/* ----------------------------------------------------------------- entries */

/* A frame for a table of that level, or now and then any: then tables are used
 * at two levels, or hold themselves. */
static uint64_t some_table(struct tables *t, unsigned level)
{
    unsigned each = TABLE_FRAMES / levels(t);

    if (one_in(&t->dice, 12)) {
        return frame((unsigned)roll_below(&t->dice, TABLE_FRAMES));
    }
    return frame(level * each + (unsigned)roll_below(&t->dice, each));
}

/* An address where nothing is, that no machine uses for anything else, within
 * what an entry of that regime can hold. */
static uint64_t nowhere(struct tables *t)
{
    struct oracle_mode mode = mode_of(t->regime);

    if (mode.format->table_pa_bits(&mode) <= 32 || one_in(&t->dice, 2)) {
        return 0x40000000 + (roll_below(&t->dice, 0x70000) << 12);
    }
    return ((roll(&t->dice) | (uint64_t)1 << 33) << 12) &
           (((uint64_t)1 << t->regime->pa_bits) - 1) & ~(uint64_t)0xfff;
}

static uint64_t some_page(struct tables *t, unsigned shift)
{
    uint64_t mask = ~(((uint64_t)1 << shift) - 1);

    if (one_in(&t->dice, 8)) {
        return nowhere(t) & mask;
    }
    if (one_in(&t->dice, 10)) {
        return some_table(t, (unsigned)roll_below(&t->dice, levels(t))) & mask;
    }
    return (DATA_AT + roll_below(&t->dice, MEMORY_END - DATA_AT)) & mask;
}

/* P, and each of the others in some. */
static uint64_t some_bits(struct tables *t)
{
    uint64_t bits = roll(&t->dice) & (PWT | PCD | A | D | G | 0xe00);

    bits |= P;
    bits |= one_in(&t->dice, 5) ? 0 : W;
    bits |= one_in(&t->dice, 5) ? 0 : U;
    if (has_high_bits(t)) {
        bits |= (roll(&t->dice) & AVAILABLE & ~(uint64_t)0xffff) << 36;
        bits |= one_in(&t->dice, 3) ? roll_below(&t->dice, 16) << 59 : 0;
    }
    if (ptw_entry_bytes(t->regime) == 8) {
        bits |= one_in(&t->dice, 12) ? XD : 0;
    }
    return bits;
}

static uint64_t some_leaf(struct tables *t, unsigned level)
{
    unsigned shift = ptw_level_shift(t->regime, level);
    uint64_t entry = some_bits(t) | some_page(t, shift);
    struct oracle_mode mode = mode_of(t->regime);

    if (level > 0) {
        entry |= PS | (one_in(&t->dice, 3) ? PAT_LARGE : 0);
        /* Where a large page reaches further than a table: bits 39:32 of its
         * address, and the reserved bit. */
        if (mode.format->leaf_pa_bits(&mode, level) >
                mode.format->table_pa_bits(&mode) &&
            one_in(&t->dice, 6)) {
            entry |= roll_below(&t->dice, 512) << 13;
        }
    } else {
        entry |= one_in(&t->dice, 3) ? PAT : 0;
    }
    return entry;
}

static uint64_t some_reference(struct tables *t, unsigned level)
{
    uint64_t bits = some_bits(t);
    uint64_t to = one_in(&t->dice, 20) ? nowhere(t) : some_table(t, level - 1);

    bits |= one_in(&t->dice, 24) ? PS : 0;
    return (level >= 2 ? bits & ~t->never : bits) | to;
}

/* One bit wrong: wherever, or in the high part of the address, or in the low
 * part, which a large page has to leave zero. */
static uint64_t spoilt(struct tables *t, uint64_t entry, unsigned level)
{
    unsigned bits = 8 * ptw_entry_bytes(t->regime);
    uint64_t flip = (uint64_t)1 << roll_below(&t->dice, bits);

    if (bits == 64 && one_in(&t->dice, 2)) {
        flip = (uint64_t)1 << (36 + roll_below(&t->dice, 16));
    } else if (level > 0 && one_in(&t->dice, 2)) {
        flip =
            (uint64_t)1 << (12 +
                            roll_below(&t->dice,
                                       ptw_level_shift(t->regime, level) - 12));
    }
    return entry ^ (level >= 2 ? flip & ~t->never : flip);
}

static uint64_t some_entry(struct tables *t, unsigned level)
{
    uint64_t entry;

    if (one_in(&t->dice, 16)) {
        return roll(&t->dice) & ~P;
    }
    /* Where there are no pages of that size PS is a reserved bit. */
    if (level == 0 || one_in(&t->dice, level >= 3 ? 20 : 4)) {
        entry = some_leaf(t, level);
    } else {
        entry = some_reference(t, level);
    }
    return one_in(&t->dice, 16) ? spoilt(t, entry, level) : entry;
}

static void put_entry(struct tables *t, uint64_t table, unsigned index,
                      uint64_t entry)
{
    static const uint64_t ADDRESS = 0x000ffffffffff000;
    unsigned bytes = ptw_entry_bytes(t->regime);

    if ((entry & ADDRESS) >= PRIVATE_AT && (entry & ADDRESS) < DATA_AT) {
        entry = 0;
    }
    /* There, some machines have memory of their own. */
    if ((entry & ADDRESS) < TABLES_AT && (entry & PS) == 0) {
        entry = 0;
    }
    memcpy(vm_host(t->vm, table + index * bytes, bytes), &entry, bytes);
}

/* ------------------------------------------------------------------ tables */

static void choose_hot(struct tables *t)
{
    unsigned top = levels(t) - 1;

    for (unsigned level = 0; level < levels(t); level++) {
        unsigned n = entries(t, level);
        unsigned end = level == top ? t->root_entries : n;
        uint64_t *hot = t->hot[level];

        hot[0] = 0;
        hot[1] = end - 1;
        hot[2] = n / 2;
        hot[3] = n / 2 - 1;
        hot[4] = roll_below(&t->dice, end);
        hot[5] = roll_below(&t->dice, end);
    }
}

static unsigned some_index(struct tables *t, unsigned level)
{
    return (unsigned)t->hot[level][roll_below(&t->dice, 6)];
}

void tables_make(struct tables *t)
{
    unsigned top = levels(t) - 1;
    unsigned each = TABLE_FRAMES / levels(t);
    unsigned bytes = ptw_entry_bytes(t->regime);

    choose_hot(t);
    for (unsigned i = 0; i < TABLE_FRAMES; i++) {
        unsigned level = i == 0 || i / each > top ? top : i / each;
        size_t keep = i == 0 ? (size_t)t->root_entries * bytes : VM_PAGE;

        memset(vm_host(t->vm, frame(i), VM_PAGE), 0, keep);
        for (unsigned n = 0; n < 6; n++) {
            put_entry(t, frame(i), (unsigned)t->hot[level][n],
                      some_entry(t, level));
        }
    }
    /* Frame 0 is the root, and most of it has to lead somewhere. */
    for (unsigned n = 0; n < 6; n++) {
        uint64_t entry = top == 1 && one_in(&t->dice, 3)
                             ? some_leaf(t, top)
                             : some_reference(t, top);

        put_entry(t, frame(0), (unsigned)t->hot[top][n],
                  one_in(&t->dice, 16) ? spoilt(t, entry, top) : entry);
    }
}

ptw_va tables_va(struct tables *t)
{
    struct oracle_mode mode = mode_of(t->regime);
    uint64_t va = roll(&t->dice) & (VM_PAGE - LINE);
    unsigned top = levels(t) - 1;

    for (unsigned level = 0; level <= top; level++) {
        va |= (uint64_t)some_index(t, level)
              << ptw_level_shift(t->regime, level);
    }
    va = oracle_address(&mode, oracle_offset(&mode, va));
    if (mode.format->extension == ORACLE_ZEROS) {
        return ptw_va_of(va);
    }
    /* Into the part of a page of 1 GiB where there is memory. */
    if ((t->regime->features & PTW_X86_PAGE1G) != 0 && one_in(&t->dice, 8)) {
        va = (va & ~(uint64_t)0x3fffffff) |
             (DATA_AT + roll_below(&t->dice, MEMORY_END - DATA_AT)) / LINE *
                 LINE;
    }
    if (one_in(&t->dice, 16)) {
        va ^= (uint64_t)1 << (12 + roll_below(&t->dice, 52));
    }
    return ptw_va_of(va);
}
