/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_that(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "property violated: %s\n", what);
        abort();
    }
}

static void check_text(const char text[DUMP_WHY])
{
    check_that(memchr(text, '\0', DUMP_WHY) != NULL, "a text ends");
}

bool has_lines_as_said(const char *text)
{
    static const char mark[] = "# ptwalk lines";
    uint64_t line = 0;
    uint64_t left = UINT64_MAX; /* lines that follow; that: nothing is said */

    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        size_t blank = strspn(text, " \t\r");
        const char *at = text + blank;

        line++;
        if (left == 0 || (left != UINT64_MAX && text[n] == '\0')) {
            return false;
        }
        left -= left != UINT64_MAX;
        if (blank < n && strncmp(at, mark, sizeof mark - 1) == 0 &&
            strchr(" \t\r\n", at[sizeof mark - 1]) != NULL) {
            const char *value =
                at + sizeof mark - 1 + strspn(at + sizeof mark - 1, " \t\r");
            size_t digits = strspn(value, "0123456789");
            size_t behind = strspn(value + digits, " \t\r");

            errno = 0;
            if (left != UINT64_MAX) {
                return false;
            }
            left = strtoull(value, NULL, 10);
            if (digits == 0 || value + digits + behind != text + n ||
                errno != 0 || left > UINT64_MAX - line) {
                return false;
            }
        }
        text += n + (text[n] == '\n');
    }
    return left == 0 || left == UINT64_MAX;
}

char *check_lines_of(const struct lines *l, bool read, const uint8_t *data,
                     size_t len)
{
    char *text = calloc(1, len + 1);

    if (text == NULL) {
        abort();
    }
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        memcpy(text, data + 3, len - 3);
    } else if (len > 0) {
        memcpy(text, data, len);
    }
    check_that(!read || has_lines_as_said(text),
               "a text has as many lines as it says");
    check_that(read == (l->why[0] == '\0'), "a refusal has a reason");
    check_that(read || l->line <= len + 1, "what is wrong is in a line");
    return text;
}

bool is_first_line(const char *text, const char *line)
{
    const char *at = text + strspn(text, " \t\r");
    const char *end = at + strcspn(at, "\n");

    while (end > at && strchr(" \t\r", end[-1]) != NULL) {
        end--;
    }
    return strlen(line) == (size_t)(end - at) &&
           memcmp(at, line, strlen(line)) == 0;
}

void check_dump(const struct dump *d, bool opened, uint64_t bytes)
{
    say_dump(d, opened);
    check_text(d->why);
    check_text(d->remark);
    check_that(opened == (d->why[0] == '\0'), "a refusal has a reason");
    if (!opened) {
        return;
    }
    check_that(d->segments > 0, "what is opened has memory");
    for (size_t i = 0; i < d->segments; i++) {
        const struct segment *s = &d->segment[i];
        const struct segment *before = i > 0 ? s - 1 : NULL;

        check_that(s->bytes > 0, "a segment has bytes");
        check_that(s->bytes - 1 <= UINT64_MAX - s->pa,
                   "a segment ends at the last address");
        check_that(s->offset <= bytes && s->bytes <= bytes - s->offset,
                   "a segment lies in the file");
        check_that(before == NULL || before->pa + (before->bytes - 1) < s->pa,
                   "segments are in order and apart");
        check_that(before == NULL || before->pa + before->bytes != s->pa ||
                       before->offset + before->bytes != s->offset,
                   "what goes on is one segment");
    }
}

static bool offset_of(const struct dump *d, uint64_t pa, uint64_t *out)
{
    for (size_t i = 0; i < d->segments; i++) {
        const struct segment *s = &d->segment[i];

        if (pa >= s->pa && pa - s->pa < s->bytes) {
            *out = s->offset + (pa - s->pa);
            return true;
        }
    }
    return false;
}

static void check_address(const struct dump *d, const struct claim *claim,
                          size_t n, uint64_t pa)
{
    uint64_t is = 0;
    bool has = offset_of(d, pa, &is);

    for (size_t i = 0; i < n; i++) {
        if (pa >= claim[i].pa && pa - claim[i].pa < claim[i].bytes) {
            check_that(has, "memory that the file has is in the image");
            check_that(is == claim[i].offset + (pa - claim[i].pa),
                       "memory lies where the file says");
            return;
        }
    }
    check_that(!has, "the image has no memory that the file does not");
}

void check_claims(const struct dump *d, const struct claim *claim, size_t n)
{
    enum { MOST = 64 }; /* all pairs of them are looked at */

    for (size_t i = 0; i < n && i < MOST; i++) {
        uint64_t first = claim[i].pa;
        uint64_t last = first + (claim[i].bytes - 1);

        check_address(d, claim, n, first);
        check_address(d, claim, n, last);
        check_address(d, claim, n, first + claim[i].bytes / 2);
        if (first > 0) {
            check_address(d, claim, n, first - 1);
        }
        if (last < UINT64_MAX) {
            check_address(d, claim, n, last + 1);
        }
    }
}
