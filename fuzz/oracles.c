/* SPDX-License-Identifier: Apache-2.0 */
#include "oracles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct fz_oracle_about fz_oracle[FZ_ORACLES] = {
    [ASK_BOUNDS] = {"bounds", "1, 16, 24",
                    "accesses are inside memory, aligned, as wide as an entry, "
                    "and written is only what may be"},
    [ASK_LIMITS] = {"limits", "2, 11",
                    "reads and items are counted, and no limit is passed"},
    [ASK_LAW] = {"law", "3, 31", "work is within the law"},
    [ASK_ITEMS] = {"items", "4",
                   "items are canonical, in range, in order, no wider than "
                   "memory; they tile"},
    [ASK_MODEL] = {"model", "5, 6",
                   "spaces, aliases, remarks and numbers are a naive model's, "
                   "and an alias names a space that has the table, as ours "
                   "has"},
    [ASK_ANSWERS] = {"answers", "7",
                     "leaves, holes, bad and refused entries are the naive "
                     "walker's, rights included"},
    [ASK_EXPOSED] = {"exposed", "8",
                     "tables that the guest can write to are found, and no "
                     "others"},
    [ASK_NEED] = {"need", "8, 13",
                  "a walk with needs has the leaves that grant them, each "
                  "once"},
    [ASK_TWICE] = {"twice", "9",
                   "memory offered in another way, and other kernels, give the "
                   "same"},
    [ASK_RUNS] = {"runs", "10", "runs are the leaves, and maximal"},
    [ASK_RESUME] = {"resume", "11",
                    "a walk that stops is a prefix, says where it stands, and "
                    "goes on as if it had not"},
    [ASK_OUTLINE] = {"outline", "32", "an outline and its tables are the walk"},
    [ASK_CUTS] = {"cuts", "33", "the parts of a walk are the walk"},
    [ASK_LOOKUPS] = {"lookups", "12",
                     "lookups of every kind agree with the naive walker"},
    [ASK_ROOTS] = {"roots", "14",
                   "a root that can't be one is refused, for its reason"},
    [ASK_STATUS] = {"status", "11, 14, 17, 22, 23, 25, 26",
                    "a status comes where it can, and where it has to"},
    [ASK_STORAGE] = {"storage", "11, 19, 25",
                     "what is wanted is enough; less changes nothing"},
    [ASK_CHANGING] = {"changing", "21, 30",
                      "memory that changes breaks no promise that does not "
                      "depend on it"},
    [ASK_COUNTS] = {"counts", "15, 19",
                    "tables are counted as often as they are referred to, "
                    "after each edit"},
    [ASK_UNCHANGED] = {"unchanged", "17", "a failed edit changes nothing"},
    [ASK_ASKED] = {"asked", "18", "inside the range, all is as asked"},
    [ASK_OUTSIDE] = {"outside", "18",
                     "outside the range, and in other spaces, all is as it "
                     "was"},
    [ASK_FLAG_BITS] = {"flag-bits", "18, 22",
                       "flag bits are those asked for, or stay"},
    [ASK_TOGETHER] = {"together", "18, 22",
                      "leaves that may be cached as one are a run"},
    [ASK_TABLES] = {"tables", "16, 19",
                    "tables are taken that are needed, and given back that "
                    "nobody uses"},
    [ASK_SUPPLY] = {"supply", "20",
                    "a table that can't be one is refused, and given back"},
    [ASK_MOVES] = {"moves", "move",
                   "tables are written after they were asked to move, and the "
                   "hook is told of roots"},
    [ASK_SPACES] = {"spaces", "22", "spaces built of items are the spaces"},
    [ASK_PLACED] = {"placed", "22",
                    "a mapping that is placed has the new pages, as asked"},
    [ASK_LINKS] = {"links", "23",
                   "a link leads to the owner's table, under its own bits"},
    [ASK_SINK] = {"sink", "24",
                  "the sink gets whole pages, ascending, each once"},
    [ASK_GUEST] = {"guest", "26, 28", "the image is the guest"},
    [ASK_FIGURES] = {"figures", "26", "the counts of a rebuild are exact"},
    [ASK_PAGES] = {"pages", "26", "ptw_rebuild_pages gives all pages"},
    [ASK_VERIFY] = {"verify", "26, 27",
                    "the verifier accepts an image that is right, and counts "
                    "it so"},
    [ASK_AGAIN] = {"again", "27",
                   "rebuilt again, the guest and the image give the same "
                   "bytes"},
    [ASK_SPOILT] = {"spoilt", "28", "the verifier finds what was spoilt"},
    [ASK_ITSELF] = {"itself", "29",
                    "the guest is the same as itself, and another one with "
                    "another byte"},
    [ASK_REGIONS] = {"regions", "34",
                     "accessors do what a model of their regions does"},
    [ASK_REGIMES] = {"regimes", "35",
                     "registers and names make the regime of a truth table"},
    [ASK_ENTRIES] = {"entries", "36, 39",
                     "entries mean what the manuals' tables say"},
    [ASK_ACCESSES] = {"accesses", "37",
                      "accesses and writes are judged as by the manuals' "
                      "rules"},
    [ASK_ABSENT] = {"absent", "38, 40",
                    "a system's entries are read, and written back as they "
                    "were"},
    [ASK_TEXTS] = {"texts", "41", "words say what is so"},
};

/* ----------------------------------------------------------------- switches */

static bool off[FZ_ORACLES];
static bool switched;

bool fz_asks(enum fz_oracle oracle)
{
    return !off[oracle];
}

/* The oracle of that name; FZ_ORACLES: there is none. */
static unsigned by_name(const char *name, size_t len)
{
    unsigned i = 0;

    while (i < FZ_ORACLES && (strlen(fz_oracle[i].name) != len ||
                              memcmp(fz_oracle[i].name, name, len) != 0)) {
        i++;
    }
    return i;
}

bool fz_switch(const char *list, const char **wrong)
{
    bool is_off[FZ_ORACLES];
    const char *p = list;

    memset(is_off, *p != '-', sizeof is_off);
    for (;;) {
        bool less = *p == '-';
        size_t len = strcspn(p + less, ",");
        unsigned i = by_name(p + less, len);

        if (!less && len == 3 && memcmp(p, "all", 3) == 0) {
            memset(is_off, false, sizeof is_off);
        } else if (i < FZ_ORACLES) {
            is_off[i] = less;
        } else {
            *wrong = p;
            return false;
        }
        p += less + len;
        if (*p == '\0') {
            break;
        }
        p++;
    }
    memcpy(off, is_off, sizeof off);
    switched = true;
    return true;
}

void fz_list_oracles(FILE *to)
{
    for (unsigned i = 0; i < FZ_ORACLES; i++) {
        fprintf(to, "%s\t%s\n", fz_oracle[i].name, fz_oracle[i].asks);
    }
}

/* ----------------------------------------------------------------- failures */

static const char *running; /* the target */

/* One line for all failures of one check: its words, without the numbers,
 * which are different each time.  A thousand crashes are folded by it. */
static void say_cause(const char *name, const char *format, va_list args)
{
    fprintf(stderr, "cause: %s: %s: ", name, running);
    for (const char *p = format; *p != '\0'; p++) {
        unsigned longs = 0;

        if (*p != '%') {
            fputc(*p, stderr);
            continue;
        }
        while (strchr("0123456789.", *++p) != NULL) {
        }
        for (; *p == 'l' || *p == 'z'; p++) {
            longs += *p == 'z' ? 3 : 1;
        }
        if (*p == '%') {
            fputc('%', stderr);
        } else if (*p == 's') {
            fprintf(stderr, "%s", va_arg(args, const char *));
        } else {
            fputc('*', stderr);
            if (longs == 3) {
                (void)va_arg(args, size_t);
            } else if (longs == 2) {
                (void)va_arg(args, unsigned long long);
            } else {
                (void)va_arg(args, unsigned);
            }
        }
    }
    fputc('\n', stderr);
}

void (*fz_also_say)(FILE *to);

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* A debugger stops here: scripts/repro --gdb. */
static void __attribute__((noreturn, noinline))
fz_violated(const char *name, const char *file, int line, const char *format,
            va_list args)
{
    va_list again;

    va_copy(again, args);
    say_cause(name, format, args);
    fprintf(stderr, "property violated: ");
    vfprintf(stderr, format, again);
    fprintf(stderr, "\nchecked: %s, fuzz/%s:%d\n", name, base_of(file), line);
    va_end(again);
    if (fz_also_say != NULL) {
        fz_also_say(stderr);
    }
    abort();
}

static jmp_buf input_ends;

void fz_fail_at(enum fz_oracle oracle, const char *file, int line,
                const char *format, ...)
{
    va_list args;

    if (!off[oracle]) {
        va_start(args, format);
        fz_violated(fz_oracle[oracle].name, file, line, format, args);
    }
}

void fz_stop_at(enum fz_oracle oracle, const char *file, int line,
                const char *format, ...)
{
    va_list args;

    if (!off[oracle]) {
        va_start(args, format);
        fz_violated(fz_oracle[oracle].name, file, line, format, args);
    }
    longjmp(input_ends, 1);
}

void fz_give_up_at(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fz_violated("harness", file, line, format, args);
}

/* ---------------------------------------------------------------- one input */

static void switch_by_environment(void)
{
    const char *list = getenv("FZ_ORACLES");
    const char *wrong = NULL;

    switched = true;
    if (list != NULL && !fz_switch(list, &wrong)) {
        fprintf(stderr,
                "FZ_ORACLES=%s: '%s' begins with no oracle: --list-oracles of "
                "a replay program has their names\n",
                list, wrong);
        exit(2);
    }
}

bool fz_within(const char *target,
               void (*run)(const unsigned char *data, size_t len),
               const unsigned char *data, size_t len)
{
    if (!switched) {
        switch_by_environment();
    }
    running = target;
    if (setjmp(input_ends) != 0) {
        return false;
    }
    run(data, len);
    return true;
}
