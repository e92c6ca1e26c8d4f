/* SPDX-License-Identifier: Apache-2.0 */
#include "addresses.h"

#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool addresses_are_read(const char *operand)
{
    return strcmp(operand, "-") == 0;
}

bool addresses_are(const char *operand)
{
    struct ptw_va_range range;

    return addresses_are_read(operand) ||
           parse_range(operand, operand + strlen(operand), &range) !=
               RANGE_NONE;
}

static void add(struct arguments *a, const char *text, const char *end,
                const char *where)
{
    struct options *o = a->o;
    const char *name = a->subject;
    int bytes = (int)(end - text < 100 ? end - text : 100);
    struct ptw_va_range range;

    switch (parse_range(text, end, &range)) {
    case RANGE_GIVEN:
        break;
    case RANGE_NONE:
        die(CLI_USAGE, name,
            "%s'%.*s' is not an address: a hexadecimal number of at most 64 "
            "bits",
            where, bytes, text);
    case RANGE_BACKWARDS:
        die(CLI_USAGE, name, "%s'%.*s' ends before it starts", where, bytes,
            text);
    case RANGE_BEYOND:
        die(CLI_USAGE, name, "%s'%.*s' goes beyond the last address", where,
            bytes, text);
    case RANGE_EMPTY:
        die(CLI_USAGE, name, "%s'%.*s' has no length", where, bytes, text);
    }
    if ((a->command->takes & TAKES_VA_RANGES) == 0 &&
        range.first.v != range.last.v) {
        die(CLI_USAGE, name, "%s'%.*s' is a range: it takes single addresses",
            where, bytes, text);
    }
    o->ask = must_grow(o->ask, o->asked, sizeof *o->ask);
    o->ask[o->asked++] = range;
}

static void add_line(struct arguments *a, char *line, uint64_t number)
{
    static const char between[] = " \t\r\n\v\f,";
    char where[64];

    (void)snprintf(where, sizeof where,
                   "line %" PRIu64 " of standard input: ", number);
    line[strcspn(line, "#")] = '\0';
    line += strspn(line, between);
    while (*line != '\0') {
        size_t length = strcspn(line, between);

        add(a, line, line + length, where);
        line += length;
        line += strspn(line, between);
    }
}

static void add_input(struct arguments *a)
{
    size_t before = a->o->asked;
    uint64_t number = 0;
    char *line = NULL;
    size_t room = 0;

    errno = 0;
    while (getline(&line, &room, stdin) >= 0) {
        add_line(a, line, ++number);
    }
    if (ferror(stdin)) {
        die(CLI_UNREAD, "standard input", "reading failed: %s",
            strerror(errno));
    }
    free(line);
    if (a->o->asked == before) {
        die(CLI_USAGE, a->subject,
            "standard input, which - stands for, has no address");
    }
}

void addresses_add(struct arguments *a, const char *operand)
{
    if (addresses_are_read(operand)) {
        add_input(a);
    } else {
        add(a, operand, operand + strlen(operand), "");
    }
}
