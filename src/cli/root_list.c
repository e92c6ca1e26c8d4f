/* SPDX-License-Identifier: Apache-2.0 */
#include "root_list.h"

#include "numbers.h"
#include "plain.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ROOT_AS] = {
    [ROOT_AS_ROOT] = "root",   [ROOT_AS_CR3] = "cr3",
    [ROOT_AS_TTBR0] = "ttbr0", [ROOT_AS_TTBR1] = "ttbr1",
    [ROOT_AS_SATP] = "satp",
};

/* NAME= before a value says as what it is given. */
static bool find_name(struct lines *lines, uint64_t line, const char **word,
                      size_t *length, enum root_as *as)
{
    const char *equals = memchr(*word, '=', *length);
    size_t bytes = equals != NULL ? (size_t)(equals - *word) : 0;

    *as = ROOT_AS_ROOT;
    if (equals == NULL) {
        return true;
    }
    for (unsigned i = 0; i < ROOT_AS; i++) {
        if (strlen(names[i]) == bytes && memcmp(names[i], *word, bytes) == 0) {
            *as = (enum root_as)i;
            *length -= bytes + 1;
            *word = equals + 1;
            return true;
        }
    }
    return lines_refuse(lines, line,
                        "'%.*s' is none of root, cr3, ttbr0, ttbr1 and satp",
                        bytes < 40 ? (int)bytes : 40, *word);
}

const char *root_list_name(enum root_as as)
{
    return names[as];
}

bool root_list_take(struct lines *lines, uint64_t line, char **at,
                    struct root_entry *e)
{
    size_t length;
    const char *word = lines_word(at, &length);

    if (length == 0) {
        return lines_refuse(lines, line, "it lacks the value of a root");
    }
    if (!find_name(lines, line, &word, &length, &e->as)) {
        return false;
    }
    return parse_hex(word, word + length, &e->value) ||
           lines_refuse(lines, line,
                        "'%.*s' is not a hexadecimal number of at most 64 "
                        "bits, as a root is",
                        length < 40 ? (int)length : 40, word);
}

static bool read_line(void *context, char *at, uint64_t line)
{
    struct root_list *l = context;
    struct root_entry e;

    if (!root_list_take(&l->lines, line, &at, &e)) {
        return false;
    }
    e.label = lines_rest(at);
    (void)plain_text(e.label, true);
    l->entry = must_grow(l->entry, l->entries, sizeof *l->entry);
    l->entry[l->entries++] = e;
    return true;
}

bool root_list_read(const struct reader *r, struct root_list *l)
{
    memset(l, 0, sizeof *l);
    return lines_read(&l->lines, r, NULL, read_line, l) &&
           (l->entries > 0 || lines_refuse(&l->lines, 0, "no root is in it"));
}

void root_list_free(struct root_list *l)
{
    free(l->entry);
    lines_free(&l->lines);
    memset(l, 0, sizeof *l);
}
