/* SPDX-License-Identifier: Apache-2.0 */
/* The oracles: what the harness asks of each run, by name.  Each can be switched
 * off, so that it can be seen which faults it alone finds. */
#ifndef PTW_FUZZ_ORACLES_H
#define PTW_FUZZ_ORACLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum fz_oracle {
    ASK_BOUNDS,
    ASK_LIMITS,
    ASK_LAW,
    ASK_ITEMS,
    ASK_MODEL,
    ASK_ANSWERS,
    ASK_EXPOSED,
    ASK_NEED,
    ASK_TWICE,
    ASK_RUNS,
    ASK_RESUME,
    ASK_OUTLINE,
    ASK_CUTS,
    ASK_LOOKUPS,
    ASK_ROOTS,
    ASK_STATUS,
    ASK_STORAGE,
    ASK_CHANGING,
    ASK_COUNTS,
    ASK_UNCHANGED,
    ASK_ASKED,
    ASK_OUTSIDE,
    ASK_FLAG_BITS,
    ASK_TOGETHER,
    ASK_TABLES,
    ASK_SUPPLY,
    ASK_MOVES,
    ASK_SPACES,
    ASK_PLACED,
    ASK_LINKS,
    ASK_SINK,
    ASK_GUEST,
    ASK_FIGURES,
    ASK_PAGES,
    ASK_VERIFY,
    ASK_AGAIN,
    ASK_SPOILT,
    ASK_ITSELF,
    ASK_REGIONS,
    ASK_REGIMES,
    ASK_ENTRIES,
    ASK_ACCESSES,
    ASK_ABSENT,
    ASK_TEXTS,
    FZ_ORACLES
};

struct fz_oracle_about {
    const char *name;
    const char *properties; /* their numbers in README.md */
    const char *asks;
};

extern const struct fz_oracle_about fz_oracle[FZ_ORACLES];

/* fz_asks says whether an oracle is switched on; all are at first.  A check that
 * would fail asks by itself; whoever makes a walk for one oracle alone asks
 * before it. */
bool fz_asks(enum fz_oracle oracle);

/* fz_switch switches oracles on and off by a list: "all", "NAME" and "-NAME",
 * separated by commas, from left to right.  A list that begins with a NAME has
 * only what it names, any other one starts with all.  A list that is wrong
 * changes nothing: then it returns false, and *wrong is where. */
bool fz_switch(const char *list, const char **wrong);

/* fz_list_oracles prints a line for each: NAME, a tab, what it asks. */
void fz_list_oracles(FILE *to);

/* fz_fail says that an oracle is violated: it prints a line "cause: ..." that is
 * the same whenever this check fails, one with what happened and where the check
 * stands, and aborts.  If the oracle is switched off, it returns.  fz_stop is for
 * checks behind which the harness can't go on: if the oracle is switched off, the
 * input ends there.  fz_give_up says that the harness itself fails; no switch
 * ends that. */
#define fz_fail(oracle, ...) fz_fail_at(oracle, __FILE__, __LINE__, __VA_ARGS__)
#define fz_stop(oracle, ...) fz_stop_at(oracle, __FILE__, __LINE__, __VA_ARGS__)
#define fz_give_up(...)      fz_give_up_at(__FILE__, __LINE__, __VA_ARGS__)

void fz_fail_at(enum fz_oracle oracle, const char *file, int line,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
void fz_stop_at(enum fz_oracle oracle, const char *file, int line,
                const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));
void fz_give_up_at(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Prints more about a violation, if it is not NULL. */
extern void (*fz_also_say)(FILE *to);

/* fz_within runs one input through a target, with the oracles that FZ_ORACLES in
 * the environment switches on, if nobody called fz_switch.  It returns false if
 * fz_stop ended the input. */
bool fz_within(const char *target,
               void (*run)(const unsigned char *data, size_t len),
               const unsigned char *data, size_t len);

#endif
