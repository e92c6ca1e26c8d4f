/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of roots, whose lines are read once more, by sscanf. */
#include "check.h"
#include "plain.h"
#include "root_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value of digits alone, behind what it is given as; false: something else. */
static bool read_value(const char *word, enum root_as *as, uint64_t *value)
{
    static const struct {
        const char *text;
        enum root_as as;
    } prefix[] = {{"root=", ROOT_AS_ROOT},
                  {"cr3=", ROOT_AS_CR3},
                  {"ttbr0=", ROOT_AS_TTBR0},
                  {"ttbr1=", ROOT_AS_TTBR1},
                  {"satp=", ROOT_AS_SATP}};
    size_t digits;

    *as = ROOT_AS_ROOT;
    for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++) {
        if (strncmp(word, prefix[i].text, strlen(prefix[i].text)) == 0) {
            *as = prefix[i].as;
            word += strlen(prefix[i].text);
            break;
        }
    }
    digits = strspn(word, "0123456789abcdefABCDEF");
    *value = strtoull(word, NULL, 16);
    return digits > 0 && digits <= 16 && word[digits] == '\0';
}

/* Whether a value is given as something that there is not. */
static bool is_of_no_name(const char *word)
{
    enum root_as as;
    uint64_t value;
    const char *equals = strchr(word, '=');

    return equals != NULL && !read_value(word, &as, &value) &&
           read_value(equals + 1, &as, &value);
}

/* The label is what is left of the line, as a terminal shows it. */
static void check_label(const char *line, const struct root_entry *e)
{
    size_t first = strspn(line, " \t\r");
    size_t end = first + strcspn(line + first, "\n");
    char *label;

    while (end > first && strchr(" \t\r", line[end - 1]) != NULL) {
        end--;
    }
    label = strndup(line + first, end - first);
    if (label == NULL) {
        abort();
    }
    (void)plain_text(label, true);
    check_that(strcmp(label, e->label) == 0, "a label is what the line says");
    free(label);
}

/* Goes through the lines of a text that was read, or should have been. */
static void check_lines(const char *text, bool read, const struct root_list *l)
{
    const char *start = text;
    size_t n = 0;

    if (strpbrk(text, "\v\f") != NULL) {
        return; /* blanks to sscanf, and to nobody else */
    }
    for (; text != NULL && *text != '\0'; text = strchr(text, '\n')) {
        enum root_as as;
        uint64_t value;
        char word[40];
        int behind = 0;
        size_t blank;

        text += *text == '\n';
        blank = strspn(text, " \t\r");
        if (text[blank] == '\0' || text[blank] == '\n' || text[blank] == '#') {
            continue;
        }
        if (sscanf(text, "%39s%n", word, &behind) != 1 ||
            !read_value(word, &as, &value)) {
            check_that(!read || !is_of_no_name(word), "a name is a register's");
            return; /* not by these means */
        }
        if (read) {
            check_that(n < l->entries && l->entry[n].as == as &&
                           l->entry[n].value == value,
                       "a line is an entry");
            check_label(text + behind, &l->entry[n]);
        }
        n++;
    }
    check_that(read == (n > 0 && has_lines_as_said(start)),
               "a list of roots is read");
    check_that(!read || n == l->entries, "an entry has a line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text;
    struct reader r = {.memory = data, .bytes = len};
    struct root_list l;
    bool read = root_list_read(&r, &l);

    text = check_lines_of(&l.lines, read, data, len);
    check_that(!read || l.entries > 0, "what is read has roots");
    if (strlen(text) == len) {
        check_lines(text, read, &l);
    }
    root_list_free(&l);
    free(text);
    return 0;
}
