/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's emulators as judges: a guest tries addresses of random tables, and what
 * came of it has to be what ptw_lookup and ptw_access_allowed say.
 *
 *     test_qemu_translate riscv64|riscv32|aarch64 [ROUNDS [SEED]]
 *
 * A plain program: 77 when there is no such emulator. */
#include "judge/court.h"
#include "oracle/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, PRINTED = 12, EXCUSES = 16 };

static struct {
    unsigned long asked;
    unsigned long answers[COURT_ANSWERS];
    unsigned long differences;
    unsigned long excused;
    struct {
        const char *why;
        unsigned long times;
    } excuse[EXCUSES];
} count;

/* ------------------------------------------------------------------ tables */

static uint64_t ram_base(const struct court *c)
{
    return c->e.board->ram;
}

uint64_t court_frame(const struct court *c, unsigned i)
{
    return ram_base(c) + QEMU_TABLES + ((uint64_t)i << c->shape.page_log2);
}

static void write_entry(struct court *c, uint64_t pa, uint64_t entry)
{
    entry &= ~c->shape.never;
    memcpy(emulator_host(&c->e, pa), &entry, c->shape.entry_bytes);
}

/* A frame for a table of that level, or now and then any: then tables are used
 * at two levels, or hold themselves. */
static uint64_t some_table(struct court *c, unsigned level)
{
    unsigned each = COURT_FRAMES / c->shape.levels;

    if (one_in(&c->dice, 12)) {
        return court_frame(c, (unsigned)roll_below(&c->dice, COURT_FRAMES));
    }
    return court_frame(c, level * each + (unsigned)roll_below(&c->dice, each));
}

static uint64_t some_reference(struct court *c, unsigned level)
{
    return c->family->reference(c, level,
                                one_in(&c->dice, 20)
                                    ? c->family->nowhere(c)
                                    : some_table(c, level - 1));
}

static uint64_t some_data(struct court *c)
{
    return ram_base(c) + QEMU_DATA +
           roll_below(&c->dice, QEMU_DATA_END - QEMU_DATA);
}

static uint64_t some_page(struct court *c, unsigned level)
{
    uint64_t mask = ~(((uint64_t)1 << c->shape.shift[level]) - 1);

    if (one_in(&c->dice, 8)) {
        return c->family->nowhere(c) & mask;
    }
    if (one_in(&c->dice, 16)) {
        return some_table(c, (unsigned)roll_below(&c->dice, c->shape.levels)) &
               mask;
    }
    return some_data(c) & mask;
}

static uint64_t some_entry(struct court *c, unsigned level)
{
    const struct court_family *f = c->family;
    uint64_t entry;

    if (one_in(&c->dice, 24)) {
        return roll(&c->dice) & ~(uint64_t)1;
    }
    if (one_in(&c->dice, 64)) {
        return roll(&c->dice);
    }
    if (level == 0 || one_in(&c->dice, f->leaf_in(c, level))) {
        entry = f->leaf(c, level, some_page(c, level));
    } else {
        entry = some_reference(c, level);
    }
    return one_in(&c->dice, 12) ? f->spoilt(c, level, entry) : entry;
}

/* Walks write to tables, and must not to what the guest or the board has of its
 * own. */
static bool is_safe(const struct court *c, uint64_t entry)
{
    uint64_t base = ram_base(c);
    uint64_t pa;

    if (!c->family->leads(c, entry, &pa)) {
        return true;
    }
    if (pa >= base && pa < base + QEMU_RAM_BYTES) {
        return (pa >= court_frame(c, 0) && pa < court_frame(c, COURT_FRAMES)) ||
               (pa >= base + QEMU_DATA && pa < base + QEMU_DATA_END);
    }
    return c->family->place(pa) == COURT_NOWHERE;
}

static void choose_hot(struct court *c)
{
    for (unsigned level = 0; level < c->shape.levels; level++) {
        uint64_t n = (uint64_t)1 << c->shape.bits[level];
        uint64_t *hot = c->hot[level];

        hot[0] = 0;
        hot[1] = n - 1;
        hot[2] = n / 2;
        hot[3] = n / 2 == 0 ? 0 : n / 2 - 1;
        hot[4] = roll_below(&c->dice, n);
        hot[5] = roll_below(&c->dice, n);
    }
}

static void make_table(struct court *c, uint64_t table, unsigned level,
                       bool root)
{
    bool small = c->shape.bits[level] <= 3;
    unsigned n = small ? 1U << c->shape.bits[level] : COURT_HOT;

    for (unsigned i = 0; i < n; i++) {
        uint64_t index = small ? i : c->hot[level][i];
        uint64_t entry = some_entry(c, level);

        /* Most of a root has to lead somewhere. */
        if (root && level > 0 && !one_in(&c->dice, 4)) {
            entry = some_reference(c, level);
        }
        if (is_safe(c, entry)) {
            write_entry(c, table + index * c->shape.entry_bytes, entry);
        }
    }
}

static void make_tables(struct court *c)
{
    unsigned top = c->shape.levels - 1;
    unsigned each = COURT_FRAMES / c->shape.levels;
    uint64_t root = court_frame(c, top * each) + c->root_at;

    choose_hot(c);
    memset(emulator_host(&c->e, court_frame(c, 0)), 0,
           (size_t)COURT_FRAMES << c->shape.page_log2);
    for (unsigned i = 0; i < COURT_FRAMES; i++) {
        unsigned level = i / each > top ? top : i / each;

        make_table(c, court_frame(c, i), level, false);
    }
    make_table(c, root, top, true);
    if (c->shape.kept) {
        write_entry(c, root + c->shape.kept_index * c->shape.entry_bytes,
                    c->shape.kept_entry);
    }
}

static void make_data(struct court *c)
{
    for (uint64_t at = QEMU_DATA; at < QEMU_DATA_END; at += LINE) {
        uint64_t pa = ram_base(c) + at;
        uint8_t *line = emulator_host(&c->e, pa);

        memcpy(line + LINE_READ, &pa, sizeof pa);
        c->family->instructions(line + c->family->run_at, pa);
    }
}

/* --------------------------------------------------------------- addresses */

/* An address, of the start of a line: most often one whose indices are used; now
 * and then any at all. */
static uint64_t some_va(struct court *c)
{
    const struct court_shape *s = &c->shape;
    uint64_t page = (uint64_t)1 << s->page_log2;
    uint64_t va = roll_below(&c->dice, page / LINE) * LINE;
    unsigned top = s->levels - 1;

    for (unsigned level = 0; level <= top; level++) {
        uint64_t index = c->hot[level][roll_below(&c->dice, COURT_HOT)];

        va |= index << s->shift[level];
    }
    /* Into the part of a large page where there are data. */
    if (top > 0 && one_in(&c->dice, 4)) {
        unsigned level = 1 + (unsigned)roll_below(&c->dice, top);
        uint64_t low = ((uint64_t)1 << s->shift[level]) - 1;

        va = (va & ~low) | (some_data(c) & low & ~(uint64_t)(LINE - 1));
    }
    if (s->sign_extended && (va >> (s->va_bits - 1) & 1) != 0) {
        va |= ~(uint64_t)0 << s->va_bits;
    }
    va |= s->above;
    if (one_in(&c->dice, 16)) {
        va ^= (uint64_t)1 << (s->page_log2 +
                              roll_below(&c->dice,
                                         (s->entry_bytes == 4 ? 32 : 64) -
                                             s->page_log2));
    }
    if (s->tagged && one_in(&c->dice, 4)) {
        va ^= roll(&c->dice) << 56;
    }
    return va;
}

/* ----------------------------------------------------------------- verdict */

static uint64_t plain_va(const struct court *c, const struct qemu_question *q)
{
    return c->family->plain == NULL ? q->va : c->family->plain(c, q);
}

/* ptw_guest_writes has to know of what the guest writes; and an access is judged
 * alike by the rights of the whole path, as ptw_access_allowed promises. */
static bool is_consistent(const struct court *c, const struct qemu_question *q,
                          const struct court_verdict *v)
{
    struct ptw_access a = c->family->access(c, q);

    if (v->answer != COURT_PASSES && v->answer != COURT_FORBIDDEN) {
        return true;
    }
    if (v->answer == COURT_PASSES && a.right == PTW_WRITE &&
        !ptw_guest_writes(&c->regime, v->above, v->level, v->raw)) {
        return false;
    }
    return c->shape.above_counts ||
           ptw_access_allowed(&c->regime, v->rights, v->level, v->raw, &a) ==
               (v->answer == COURT_PASSES);
}

static struct court_verdict verdict(const struct court *c,
                                    const struct qemu_question *q)
{
    struct ptw_access a = c->family->access(c, q);
    struct ptw_translation t = {0};
    struct court_verdict v = {.answer = COURT_PASSES};
    enum ptw_status st =
        ptw_lookup(&c->mem, c->root, ptw_va_of(plain_va(c, q)), &t);

    if (st == PTW_OK) {
        v.answer = ptw_access_allowed(&c->regime, t.above, t.level, t.raw, &a)
                       ? COURT_PASSES
                       : COURT_FORBIDDEN;
    } else if (st == PTW_NOT_MAPPED) {
        v.answer = COURT_ABSENT;
    } else if (st == PTW_BAD_ENTRY) {
        v.answer = COURT_BAD;
    } else if (st == PTW_E_BUS) {
        v.answer = COURT_REFUSED;
    } else if (st == PTW_NOT_CANONICAL) {
        v.answer = COURT_OUTSIDE;
    } else {
        fprintf(stderr, "%s: %s\n", c->mode, ptw_status_text(st));
        exit(1);
    }
    v.pa = t.pa.v;
    v.level = t.level;
    v.raw = t.raw;
    v.rights = t.rights;
    v.above = t.above;
    return v;
}

/* Whether the naive walker says the same, where it knows the regime. */
static bool oracle_agrees(const struct court *c, const struct qemu_question *q,
                          const struct court_verdict *v)
{
    static const enum oracle_kind kinds[] = {
        [COURT_PASSES] = ORACLE_LEAF, [COURT_ABSENT] = ORACLE_ABSENT,
        [COURT_BAD] = ORACLE_BAD,     [COURT_REFUSED] = ORACLE_REFUSED,
        [COURT_OUTSIDE] = ORACLE_GAP, [COURT_FORBIDDEN] = ORACLE_LEAF};
    struct oracle_ram all = {ram_base(c), ram_base(c) + QEMU_RAM_BYTES - 1,
                             c->e.bytes};
    struct oracle_answer a;

    if (c->oracle.format == NULL) {
        return true;
    }
    a = oracle_translate(&c->oracle, &all, 1, c->root.table.v, plain_va(c, q));
    return a.kind == kinds[v->answer] &&
           (a.kind != ORACLE_LEAF ||
            (a.pa + (plain_va(c, q) - a.first) == v->pa &&
             a.rights == v->rights && a.level == v->level));
}

/* ------------------------------------------------------------- comparisons */

static const char *const answers[] = {
    [COURT_PASSES] = "passes",   [COURT_ABSENT] = "absent",
    [COURT_BAD] = "bad",         [COURT_REFUSED] = "refused",
    [COURT_OUTSIDE] = "outside", [COURT_FORBIDDEN] = "forbidden"};

static void print_path(const struct court *c, uint64_t va)
{
    const struct court_shape *s = &c->shape;
    uint64_t table = c->root.table.v;

    for (unsigned level = s->levels; level-- > 0;) {
        uint64_t index =
            va >> s->shift[level] & (((uint64_t)1 << s->bits[level]) - 1);
        uint64_t pa = table + index * s->entry_bytes;
        uint64_t entry = 0;

        if (pa < ram_base(c) || pa >= ram_base(c) + QEMU_RAM_BYTES) {
            printf("    %s %" PRIx64 ": no memory\n",
                   ptw_level_name(&c->regime, level), pa);
            return;
        }
        memcpy(&entry, emulator_host(&c->e, pa), s->entry_bytes);
        printf("    %s %" PRIx64 ": %016" PRIx64 "\n",
               ptw_level_name(&c->regime, level), pa, entry);
        if (!c->family->leads(c, entry, &table)) {
            return;
        }
    }
}

static void excuse(const char *why)
{
    count.excused++;
    for (unsigned i = 0; i < EXCUSES; i++) {
        if (count.excuse[i].why == NULL || count.excuse[i].why == why) {
            count.excuse[i].why = why;
            count.excuse[i].times++;
            return;
        }
    }
}

static void compare(const struct court *c, const struct qemu_question *q,
                    const struct court_verdict *v)
{
    static const char *const kinds[] = {"read", "write", "exec", "probe read",
                                        "probe write"};
    const char *why;

    count.asked++;
    count.answers[v->answer]++;
    if (c->family->agrees(c, q, v)) {
        return;
    }
    why = c->family->excused(c, q, v);
    if (why != NULL) {
        excuse(why);
        return;
    }
    if (++count.differences > PRINTED) {
        return;
    }
    printf("round %u, %s, %s: %s %s of %016" PRIx64
           ", mode %x: the emulator has "
           "cause %" PRIx64 ", address %" PRIx64 ", value %" PRIx64
           "; we have %s, %" PRIx64 ", level %u\n",
           c->round, c->e.board->cpu, c->mode, q->user ? "user" : "supervisor",
           kinds[q->kind], q->va, q->mode, q->cause, q->at, q->value,
           answers[v->answer], v->pa, v->level);
    print_path(c, plain_va(c, q));
}

/* ------------------------------------------------------------------- judge */

/* Where the emulator may let pass what it should not, it is not to write and run
 * what is no data. */
static bool is_dangerous(const struct court *c, const struct qemu_question *q,
                         const struct court_verdict *v)
{
    return (q->kind == QEMU_WRITE || q->kind == QEMU_EXEC) &&
           (v->answer == COURT_BAD ||
            (v->answer == COURT_FORBIDDEN &&
             c->family->place(v->pa) != COURT_DATA)) &&
           c->family->excused(c, q, v) != NULL;
}

/* A question that does no harm. */
static struct qemu_question some_question(struct court *c)
{
    const unsigned places[] = {[QEMU_READ] = LINE_READ,
                               [QEMU_WRITE] = LINE_WRITE,
                               [QEMU_EXEC] = c->family->run_at,
                               [QEMU_PROBE_READ] = LINE_READ,
                               [QEMU_PROBE_WRITE] = LINE_WRITE};

    for (;;) {
        struct qemu_question q = {.va = some_va(c)};
        uint64_t line = q.va;
        struct court_verdict v;
        enum court_place place;
        const char *why;

        c->family->question(c, &q);
        q.va = line + places[q.kind];
        v = verdict(c, &q);
        why = c->family->unasked == NULL ? NULL : c->family->unasked(c, &v);
        if (why != NULL) {
            excuse(why);
            continue;
        }
        if (is_dangerous(c, &q, &v)) {
            excuse(c->family->excused(c, &q, &v));
            continue;
        }
        place =
            v.answer == COURT_PASSES ? c->family->place(v.pa) : COURT_NOWHERE;
        if (place == COURT_DATA || place == COURT_NOWHERE ||
            (place == COURT_RAM && q.kind == QEMU_READ) ||
            c->family->harmless(c, &q)) {
            return q;
        }
    }
}

static bool judge_round(struct court *c)
{
    static struct court_verdict expected[QEMU_QUESTIONS];
    struct qemu_mailbox *m = c->e.mailbox;

    if (!c->family->set(c)) {
        return false;
    }
    c->oracle = (struct oracle_mode){
        .format = oracle_format_named(ptw_regime_name(&c->regime)),
        .pa_bits = ptw_pa_bits(&c->regime)};
    c->family->oracle(c, &c->oracle);
    make_tables(c);
    m->questions = QEMU_QUESTIONS;
    for (unsigned i = 0; i < QEMU_QUESTIONS; i++) {
        m->at[i] = some_question(c);
        expected[i] = verdict(c, &m->at[i]);
        if (!is_consistent(c, &m->at[i], &expected[i]) &&
            ++count.differences <= PRINTED) {
            printf("round %u, %s: %016" PRIx64
                   ", %s %u: it depends on who asks\n",
                   c->round, c->mode, m->at[i].va, answers[expected[i].answer],
                   m->at[i].kind);
            print_path(c, plain_va(c, &m->at[i]));
        }
        if (!oracle_agrees(c, &m->at[i], &expected[i]) &&
            ++count.differences <= PRINTED) {
            printf("round %u, %s: the naive walker says something else of "
                   "%016" PRIx64 " than %s, %" PRIx64 "\n",
                   c->round, c->mode, m->at[i].va, answers[expected[i].answer],
                   expected[i].pa);
            print_path(c, m->at[i].va);
        }
    }
    if (emulator_ask(&c->e) != EMULATOR_OK) {
        return false;
    }
    for (unsigned i = 0; i < QEMU_QUESTIONS; i++) {
        compare(c, &m->at[i], &expected[i]);
    }
    for (unsigned i = 0; i < QEMU_QUESTIONS; i++) {
        if (expected[i].answer == COURT_PASSES && m->at[i].kind == QEMU_WRITE &&
            c->family->place(expected[i].pa) == COURT_DATA) {
            *emulator_host(&c->e, expected[i].pa) = 0;
        }
    }
    return true;
}

static enum emulator_result judge_board(const struct court_family *f,
                                        unsigned board, unsigned rounds,
                                        uint64_t seed)
{
    static struct court c;
    enum emulator_result result;
    bool ok = true;

    c = (struct court){.family = f, .board = board, .dice = {seed + board}};
    result = emulator_open(&c.e, &f->boards[board]);
    if (result != EMULATOR_OK) {
        printf("%s: %s\n", result == EMULATOR_ABSENT ? "skipped" : "failed",
               c.e.why);
        return result;
    }
    if (ptw_mem_init_flat(&c.mem, ptw_pa_of(ram_base(&c)), c.e.bytes,
                          QEMU_RAM_BYTES, false) != PTW_OK) {
        ok = false;
    }
    make_data(&c);
    while (ok && c.round < rounds) {
        ok = judge_round(&c);
        c.round++;
    }
    if (!ok) {
        printf("failed: %s: %s: round %u: %s\n", c.e.board->cpu, c.mode,
               c.round - 1, c.e.why);
    }
    emulator_close(&c.e);
    return ok ? EMULATOR_OK : EMULATOR_FAILED;
}

static const struct court_family *family_named(const char *name)
{
    static const struct court_family *const all[] = {
        &court_riscv64, &court_riscv32, &court_aarch64};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct court_family *f = argc > 1 ? family_named(argv[1]) : NULL;
    unsigned rounds;
    uint64_t seed;

    if (f == NULL) {
        fprintf(stderr, "usage: test_qemu_translate riscv64|riscv32|aarch64 "
                        "[ROUNDS [SEED]]\n");
        return 2;
    }
    rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0)
                      : f->rounds / PTW_TESTS_SHARE;
    seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    for (unsigned i = 0; i < f->n_boards; i++) {
        enum emulator_result result = judge_board(f, i, rounds, seed);

        if (result != EMULATOR_OK) {
            return result == EMULATOR_ABSENT ? SKIPPED : 1;
        }
    }
    printf("%lu questions: %lu passed, %lu absent, %lu bad, %lu refused, %lu "
           "outside, %lu forbidden; %lu differences\n",
           count.asked, count.answers[COURT_PASSES],
           count.answers[COURT_ABSENT], count.answers[COURT_BAD],
           count.answers[COURT_REFUSED], count.answers[COURT_OUTSIDE],
           count.answers[COURT_FORBIDDEN], count.differences);
    for (unsigned i = 0; i < EXCUSES && count.excuse[i].why != NULL; i++) {
        printf("not judged: %lu: %s\n", count.excuse[i].times,
               count.excuse[i].why);
    }
    for (unsigned i = 0; i < COURT_ANSWERS; i++) {
        if (count.answers[i] == 0 && argc == 2 &&
            (i != COURT_OUTSIDE || !f->all_mapped)) {
            printf("failed: an answer that was never given\n");
            return 1;
        }
    }
    return count.differences == 0 ? 0 : 1;
}
