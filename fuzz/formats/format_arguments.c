/* SPDX-License-Identifier: Apache-2.0 */
/* The command's arguments: numbers and ranges against a second reading that is as
 * naive as can be, and whole command lines.  An input is text; its lines are
 *
 *   number TEXT      range TEXT
 *   line TAKES WORD...     a command that takes that (enum takes, hexadecimal);
 *                          '' is an empty word, and an image whose name begins
 *                          with "dump" says registers and roots, one with
 *                          "made" what the lines "made" before it do
 *   made LINE              of a manifest
 *   input TEXT             of standard input, for the lines behind it
 */
#include "arguments_host.h"
#include "arguments_made.h"

#include "arguments.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 40, INPUT = 4096 };

/* ------------------------------------------------------------- the naive reading */

static bool all_of(const char *text, size_t n, const char *set)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\0' || strchr(set, text[i]) == NULL) {
            return false;
        }
    }
    return n > 0;
}

static bool fold_digits(const char *text, size_t n, unsigned base,
                        uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";

    *out = 0;
    for (size_t i = 0; i < n; i++) {
        bool upper = text[i] >= 'A' && text[i] <= 'F';
        const char *digit = strchr(digits, upper ? text[i] + 32 : text[i]);

        if (__builtin_mul_overflow(*out, (uint64_t)base, out) ||
            __builtin_add_overflow(*out, (uint64_t)(digit - digits), out)) {
            return false;
        }
    }
    return true;
}

static bool naive_number(const char *text, size_t n, uint64_t *out)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    static const char units[] = "KMGTkmgt";
    char digits[INPUT];
    size_t used = 0;

    if (n > 1 && strchr(units, text[n - 1]) != NULL &&
        all_of(text, n - 1, "0123456789")) {
        unsigned power = (unsigned)(strchr(units, text[n - 1]) - units) % 4 + 1;
        bool fits = fold_digits(text, n - 1, 10, out);

        for (unsigned i = 0; fits && i < power; i++) {
            fits = !__builtin_mul_overflow(*out, (uint64_t)1024, out);
        }
        return fits;
    }
    if (n > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
        n -= 2;
    }
    for (size_t i = 0; i < n; i++) {
        bool separates = text[i] == '`' || text[i] == '_';

        if (separates &&
            (i == 0 || i + 1 == n || !all_of(text + i - 1, 1, hex) ||
             !all_of(text + i + 1, 1, hex))) {
            return false;
        }
        if (!separates) {
            digits[used++] = text[i];
        }
    }
    return all_of(digits, used, hex) && fold_digits(digits, used, 16, out);
}

static enum range_kind naive_range(const char *text, struct ptw_va_range *out)
{
    size_t n = strlen(text);
    size_t at = strcspn(text, "+-");
    uint64_t second;

    if (!naive_number(text, at, &out->first.v)) {
        return RANGE_NONE;
    }
    if (at == n) {
        out->last = out->first;
        return RANGE_GIVEN;
    }
    if (!naive_number(text + at + 1, n - at - 1, &second)) {
        return RANGE_NONE;
    }
    out->last.v = second;
    if (text[at] == '+' && second == 0) {
        return RANGE_EMPTY;
    }
    if (text[at] == '+' &&
        __builtin_add_overflow(out->first.v, second - 1, &out->last.v)) {
        return RANGE_BEYOND;
    }
    return out->last.v < out->first.v ? RANGE_BACKWARDS : RANGE_GIVEN;
}

static void check_number(const char *text)
{
    uint64_t is = 0;
    uint64_t want = 0;
    bool read = is_hex(text, &is);

    check_that(read == naive_number(text, strlen(text), &want),
               "a number is what its digits are");
    check_that(!read || is == want, "a number has the value of its digits");
}

static void check_range(const char *text)
{
    struct ptw_va_range is = {.first = {0}};
    struct ptw_va_range want = is;
    enum range_kind kind = parse_range(text, text + strlen(text), &is);

    check_that(kind == naive_range(text, &want),
               "a range is what its two numbers are");
    check_that(kind != RANGE_GIVEN ||
                   (is.first.v == want.first.v && is.last.v == want.last.v),
               "a range has the ends of its two numbers");
}

/* ---------------------------------------------------------------- command lines */

static void check_options(const struct options *o, const struct command *c)
{
    check_that(o->image != NULL, "there is an image");
    check_that(o->first.v <= o->last.v, "a range is in order");
    check_that(!o->has_pa || o->pa_first <= o->pa_last,
               "physical memory is in order");
    check_that((o->size & (o->size - 1)) == 0, "a size is one of a page");
    for (size_t i = 0; i < o->segments; i++) {
        const struct segment *s = &o->segment[i];

        check_that(s->bytes > 0 && s->bytes - 1 <= UINT64_MAX - s->pa &&
                       s->bytes - 1 <= UINT64_MAX - s->offset,
                   "a segment has an end");
        check_that(i == 0 || s[-1].pa + (s[-1].bytes - 1) < s->pa,
                   "segments are in order and apart");
    }
    for (size_t i = 0; i < o->leave_outs; i++) {
        const struct ptw_va_range *range = &o->leave_out[i];

        check_that(range->first.v <= range->last.v, "a range has an end");
        check_that(i == 0 || range[-1].last.v < range->first.v,
                   "what is left out is in order and apart");
    }
    for (size_t i = 0; i < o->asked; i++) {
        check_that(o->ask[i].first.v <= o->ask[i].last.v &&
                       ((c->takes & TAKES_VA_RANGES) != 0 ||
                        o->ask[i].first.v == o->ask[i].last.v),
                   "what is asked is in order");
    }
    check_that((c->takes & TAKES_VAS) == 0 || o->asked > 0,
               "something is asked");
    check_that(o->has_mode || (c->takes & TAKES_ANYTHING) != 0,
               "the mode is known");
    check_that(!o->has_mode || (c->takes & TAKES_ANYTHING) != 0 || o->roots > 0,
               "there is a root");
    for (uint32_t i = 0; i < o->roots; i++) {
        check_that(o->root[i].regime == &o->regime ||
                       o->root[i].regime == &o->upper,
                   "a root has a regime");
    }
    check_that((c->takes & TAKES_OTHER) == 0 ||
                   (o->other != NULL && o->other->roots == o->roots),
               "two images have as many roots");
}

static bool same_options(const struct options *a, const struct options *b)
{
    if (strcmp(a->image, b->image) != 0 || a->has_mode != b->has_mode ||
        a->roots != b->roots || a->segments != b->segments ||
        a->base != b->base || a->first.v != b->first.v ||
        a->last.v != b->last.v || a->limit != b->limit ||
        a->reads != b->reads || a->jobs != b->jobs || a->need != b->need ||
        a->size != b->size || a->has_pa != b->has_pa ||
        a->pa_first != b->pa_first || a->pa_last != b->pa_last ||
        a->fold != b->fold || a->json != b->json || a->policy != b->policy ||
        a->memory_types != b->memory_types || a->pat != b->pat ||
        a->asked != b->asked || a->maps != b->maps ||
        a->leave_outs != b->leave_outs || a->max_bytes != b->max_bytes ||
        a->new_base != b->new_base || a->tables_base != b->tables_base) {
        return false;
    }
    for (uint32_t i = 0; i < a->roots; i++) {
        if (a->root[i].table.v != b->root[i].table.v) {
            return false;
        }
    }
    for (size_t i = 0; i < a->asked; i++) {
        if (a->ask[i].first.v != b->ask[i].first.v) {
            return false;
        }
    }
    return true;
}

/* An option in full, with its value, if it has one, behind "=" or in the next
 * word; NULL: it is anything else. */
static const struct option *option_of(const char *word)
{
    size_t n = strcspn(word, "=");

    for (const struct option *o = long_options; o->name != NULL; o++) {
        if (strncmp(word, "--", 2) == 0 && strlen(o->name) + 2 == n &&
            strncmp(word + 2, o->name, n - 2) == 0) {
            return o;
        }
    }
    return NULL;
}

/* Puts what is no option behind the options; false: it is not plain which is
 * which. */
static bool operands_last(int argc, char **argv, char **out)
{
    char *operand[WORDS];
    int operands = 0;
    int n = 1;

    out[0] = argv[0];
    for (int i = 1; i < argc; i++) {
        const struct option *o = option_of(argv[i]);

        if (o == NULL && argv[i][0] == '-' && argv[i][1] != '\0') {
            return false;
        }
        if (o == NULL) {
            operand[operands++] = argv[i];
            continue;
        }
        out[n++] = argv[i];
        if (o->has_arg == required_argument && strchr(argv[i], '=') == NULL) {
            if (++i == argc) {
                return false;
            }
            out[n++] = argv[i];
        }
    }
    memcpy(out + n, operand, (size_t)operands * sizeof *operand);
    out[argc] = NULL;
    return true;
}

/* How many roots of the first image the options give; each list has two.  -1: it
 * is not plain which words are options. */
static int roots_given(int argc, char **argv)
{
    static const int roots[] = {OPT_ROOT, OPT_CR3,   OPT_TTBR0, OPT_TTBR1,
                                OPT_SATP, OPT_ROOTS, OPT_ROOTS};
    int given = 0;

    for (int i = 1; i < argc; i++) {
        const struct option *o = option_of(argv[i]);

        if (o == NULL && argv[i][0] == '-' && argv[i][1] != '\0') {
            return -1;
        }
        for (size_t k = 0; o != NULL && k < sizeof roots / sizeof roots[0];
             k++) {
            given += o->val == roots[k];
        }
        i += o != NULL && o->has_arg == required_argument &&
             strchr(argv[i], '=') == NULL;
    }
    return given;
}

/* Roots that are given go before those that a file has. */
static void check_roots(const struct options *o, int argc, char **argv)
{
    int given = roots_given(argc, argv);

    if (given > 0 && o->has_mode) {
        check_that(o->roots == (uint32_t)given && !o->root_from_file,
                   "roots are those that are given");
    } else if (given == 0 && o->root_from_file) {
        check_that(o->roots == HOST_DUMP_ROOTS, "roots are those of the dump");
    }
}

static bool same_regime(const struct ptw_regime *a, const struct ptw_regime *b)
{
    return strcmp(ptw_regime_name(a), ptw_regime_name(b)) == 0 &&
           ptw_pa_bits(a) == ptw_pa_bits(b) &&
           ptw_features_of(a) == ptw_features_of(b) &&
           a->flag_bits == b->flag_bits;
}

/* What is said of a rebuild, and of where the first image lies. */
static bool same_rebuild(const struct options *a, const struct options *b)
{
    for (size_t i = 0; i < a->leave_outs; i++) {
        if (a->leave_out[i].first.v != b->leave_out[i].first.v ||
            a->leave_out[i].last.v != b->leave_out[i].last.v) {
            return false;
        }
    }
    for (size_t i = 0; i < a->segments; i++) {
        if (memcmp(&a->segment[i], &b->segment[i], sizeof a->segment[i]) != 0) {
            return false;
        }
    }
    return a->raw == b->raw && a->holes == b->holes &&
           a->absent.policy == b->absent.policy &&
           a->has_marked == b->has_marked;
}

static bool same_roots(const struct options *a, const struct options *b)
{
    for (uint32_t i = 0; i < a->roots; i++) {
        if (a->root[i].table.v != b->root[i].table.v) {
            return false;
        }
    }
    return a->roots == b->roots;
}

/* A manifest stands for the options that it says, as far as none of them is given.
 * Of two images it is the second, and the first is raw. */
static void check_manifest(const struct command *c, int argc, char **argv,
                           const char *manifest)
{
    static struct reading is;
    static struct reading want;
    char *words[MADE_WORDS + 1];
    char room[MADE_TEXT];
    char raw[] = "raw";
    int n;
    bool two = (c->takes & TAKES_OTHER) != 0;

    for (int i = 1; i + 1 < argc; i++) {
        if (strstr(argv[i], "made") != NULL ||
            strstr(argv[i], "dump") != NULL) {
            return;
        }
    }
    if (argc < (two ? 3 : 2) || strncmp(argv[argc - 1], "made", 4) != 0 ||
        (c->takes & TAKES_VAS) != 0 || !host_has_manifest() ||
        !made_words(manifest, c->takes, argc, argv, words, &n, room)) {
        return;
    }
    words[argc - 1] = raw;
    host_read(c, n, words, &want);
    host_read(c, argc, argv, &is);
    check_that(is.ended == want.ended && is.help == want.help,
               "a manifest is as good as its options");
    if (is.ended || is.help) {
        return;
    }
    is.o.image = want.o.image;
    check_that(same_options(&is.o, &want.o) && same_rebuild(&is.o, &want.o),
               "a manifest says what its options would");
    check_that(!is.o.has_mode || same_regime(&is.o.regime, &want.o.regime),
               "a manifest says the mode that its options would");
    check_that(!two || same_roots(is.o.other, want.o.other),
               "a manifest says the new roots that its options would");
}

static void check_error(const struct reading *r)
{
    check_that(r->status == CLI_USAGE || r->status == CLI_UNREAD,
               "a wrong argument is an error in the arguments");
    check_that(r->why[0] != '\0' && strchr(r->why, '\n') == NULL,
               "an error is a line");
}

static void check_line(char *text, const char *input, const char *manifest)
{
    static struct reading is;
    static struct reading again;
    struct command command = {.name = "fuzz"};
    char name[] = "fuzz";
    char *argv[WORDS + 1] = {name};
    char *sorted[WORDS + 1];
    uint64_t takes;
    int argc = 1;
    char *at = NULL;
    char *word = strtok_r(text, " \t", &at);

    if (word == NULL || !is_hex(word, &takes)) {
        return;
    }
    /* Who takes a file of an unknown mode rebuilds and walks nothing. */
    command.takes =
        (takes & TAKES_ANYTHING) != 0 ? TAKES_ANYTHING : (unsigned)takes;
    /* Who takes addresses takes one image. */
    command.takes &= (takes & TAKES_VAS) != 0 ? ~(unsigned)TAKES_OTHER : ~0u;
    while (argc < WORDS && (word = strtok_r(NULL, " \t", &at)) != NULL) {
        argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
    }
    host_input(input);
    host_manifest(manifest);
    if (operands_last(argc, argv, sorted)) {
        check_manifest(&command, argc, sorted, manifest);
        host_clear();
        host_input(input);
        host_read(&command, argc, sorted, &again);
        host_input(input);
        host_read(&command, argc, argv, &is);
        check_that(is.ended == again.ended && is.status == again.status &&
                       strcmp(is.why, again.why) == 0,
                   "options stand anywhere: the same errors");
        check_that(is.ended || is.help || same_options(&is.o, &again.o),
                   "options stand anywhere");
        host_clear();
        host_input(input);
    }
    host_read(&command, argc, argv, &is);
    if (is.ended) {
        check_error(&is);
    } else {
        if (!is.help) {
            check_options(&is.o, &command);
            check_roots(&is.o, argc, argv);
            options_free(&is.o);
        }
        check_that(host_is_clear(), "what was allocated is freed");
    }
    host_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[INPUT];
    char manifest[INPUT] = "";
    const char *input = "";
    char *at = NULL;

    if (len >= sizeof text) {
        return 0;
    }
    memcpy(text, data, len);
    text[len] = '\0';
    for (char *line = strtok_r(text, "\n", &at); line != NULL;
         line = strtok_r(NULL, "\n", &at)) {
        char *rest = line + strcspn(line, " ");

        rest += *rest != '\0';
        if (strncmp(line, "number ", 7) == 0) {
            check_number(rest);
        } else if (strncmp(line, "range ", 6) == 0) {
            check_range(rest);
        } else if (strncmp(line, "input ", 6) == 0) {
            input = rest;
        } else if (strncmp(line, "made ", 5) == 0) {
            strcat(strcat(manifest, rest), "\n");
        } else if (strncmp(line, "line ", 5) == 0) {
            check_line(rest, input, manifest);
        }
    }
    return 0;
}
