/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments_made.h"

#include "arguments.h"

#include <stdio.h>
#include <string.h>

/* The command line that is being written. */
struct line {
    char **word;
    int words;
    char *room;
    size_t used;
    bool full;
};

/* An option with its value behind "=", so that it is one word. */
static void put(struct line *l, const char *prefix, const char *name,
                const char *value)
{
    size_t left = MADE_TEXT - l->used;
    int n = snprintf(l->room + l->used, left, "--%s%s%s%s", prefix, name,
                     *value != '\0' ? "=" : "", value);

    if (n < 0 || (size_t)n >= left || l->words == MADE_WORDS) {
        l->full = true;
        return;
    }
    l->word[l->words++] = l->room + l->used;
    l->used += (size_t)n + 1;
}

static const struct option *option_of(const char *word)
{
    size_t n = strcspn(word, "=");
    const struct option *o = long_options;

    while (o->name != NULL &&
           (strncmp(word, "--", 2) != 0 || strlen(o->name) + 2 != n ||
            strncmp(word + 2, o->name, n - 2) != 0)) {
        o++;
    }
    return o;
}

/* The word that has the option, in full, or NULL; *value is its value. */
static const char *find(int argc, char **argv, const char *name,
                        const char **value)
{
    for (int i = 1; i < argc; i++) {
        const struct option *o = option_of(argv[i]);
        const char *word = argv[i];
        const char *sign = strchr(word, '=');

        *value = sign != NULL ? sign + 1 : i + 1 < argc ? argv[i + 1] : "";
        if (o->name != NULL && strcmp(o->name, name) == 0) {
            return word;
        }
        i += o->name != NULL && o->has_arg == required_argument && sign == NULL;
    }
    return NULL;
}

static bool has(int argc, char **argv, const char *name)
{
    const char *value;

    return find(argc, argv, name, &value) != NULL;
}

/* Whether it has a register with that bit set; what is no number has none. */
static bool has_bit(int argc, char **argv, const char *name, unsigned bit)
{
    const char *value;
    uint64_t number;

    return find(argc, argv, name, &value) != NULL && is_hex(value, &number) &&
           (number >> bit & 1) != 0;
}

static bool has_one_of(int argc, char **argv, const char *prefix,
                       const char *const *names)
{
    char name[32];

    for (; *names != NULL; names++) {
        (void)snprintf(name, sizeof name, "%s%s", prefix, *names);
        if (has(argc, argv, name)) {
            return true;
        }
    }
    return false;
}

static const char *const roots[] = {"root",  "roots", "cr3", "ttbr0",
                                    "ttbr1", "satp",  NULL};
static const char *const modes[] = {"regime", "tcr", "satp", NULL};
static const char *const switches[] = {"no-nx", "no-pse", "no-wp", "cet", NULL};
static const char *const places[] = {"base", "segment", "file", NULL};

/* Whether the command line says a mode as a whole: CR0 needs CR4 where it has PG,
 * and that EFER where it has PAE. */
static bool says_mode(int argc, char **argv)
{
    bool registers = has(argc, argv, "cr0");

    if (has_bit(argc, argv, "cr0", 31)) {
        registers = has(argc, argv, "cr4");
    }
    if (has_bit(argc, argv, "cr4", 5)) {
        registers = registers && has(argc, argv, "efer");
    }
    return registers || has_one_of(argc, argv, "", modes);
}

/* "cr3=1000" is --cr3=1000, "1000" is --root=1000. */
static void put_root(struct line *l, const char *prefix, char *word)
{
    char *sign = strchr(word, '=');

    if (sign != NULL) {
        *sign = '\0';
        put(l, prefix, word, sign + 1);
    } else {
        put(l, prefix, "root", word);
    }
}

/* Which lines count, of a command line that has these options. */
struct wanted {
    bool two; /* images, of which the manifest is the second */
    bool paging;
    bool roots;
    bool new_roots;
    bool policy;
    bool place;
};

static bool is_how(const char *name)
{
    return strcmp(name, "raw") == 0 || strcmp(name, "holes") == 0;
}

static bool counts(const struct wanted *w, const char *group, const char *name)
{
    if (strcmp(group, "paging") == 0) {
        return w->paging;
    }
    if (strcmp(group, "policy") == 0) {
        return w->policy && strcmp(name, "map") != 0;
    }
    return strcmp(group, "old") == 0 && w->two && (is_how(name) || w->place);
}

static void put_line(struct line *l, const struct wanted *w, int argc,
                     char **argv, char *text)
{
    char *at = NULL;
    char *group = strtok_r(text, " \t\r", &at);
    char *one = strtok_r(NULL, " \t\r", &at);
    char *two = strtok_r(NULL, " \t\r", &at);

    if (group == NULL || one == NULL) {
        return;
    }
    if (strcmp(group, "root") != 0) {
        /* A value of two words is none. */
        l->full = l->full || strtok_r(NULL, " \t\r", &at) != NULL;
        if (counts(w, group, one) && !has(argc, argv, one)) {
            put(l, "", one, two != NULL ? two : "");
        }
    } else if (!w->two && w->roots) {
        put_root(l, "", one);
    } else if (w->two) {
        if (w->roots && two != NULL) {
            put_root(l, "", two);
        }
        if (w->new_roots) {
            put_root(l, "new-", one);
        }
    }
}

bool made_words(const char *text, unsigned takes, int argc, char **argv,
                char *out[MADE_WORDS + 1], int *words, char room[MADE_TEXT])
{
    static char copy[MADE_TEXT];
    struct line l = {.word = out, .room = room};
    bool two = (takes & TAKES_OTHER) != 0;
    struct wanted w = {
        .two = two,
        .paging = !says_mode(argc, argv),
        .roots = !has_one_of(argc, argv, "", roots),
        .new_roots = !has_one_of(argc, argv, "new-", roots),
        .policy = two && (takes & TAKES_POLICY) != 0,
        .place = !has_one_of(argc, argv, "", places),
    };
    char *at = NULL;

    /* A satp of a manifest selects the mode and is no root, and what is switched off
     * goes before its registers: no option says that. */
    if (strlen(text) >= sizeof copy || strstr(text, "paging satp") != NULL ||
        (w.paging && has_one_of(argc, argv, "", switches))) {
        return false;
    }
    for (int i = 0; i < argc && l.words < MADE_WORDS; i++) {
        out[l.words++] = argv[i];
    }
    strcpy(copy, text);
    for (char *line = strtok_r(copy, "\n", &at); line != NULL;
         line = strtok_r(NULL, "\n", &at)) {
        put_line(&l, &w, argc, argv, line);
    }
    out[l.words] = NULL;
    *words = l.words;
    return !l.full;
}
