/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: what is read of one is written down again, in another order of its
 * lines and without what says nothing, and has to be read as the same; and its
 * lines are read once more, word by word. */
#include "check.h"
#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------ read once more */

/* The next line of a text that says something, without blanks around it, to room
 * for all of it; false at the end. */
static bool next_line(const char **text, char *line)
{
    while (**text != '\0') {
        size_t n = strcspn(*text, "\n");
        const char *at = *text + strspn(*text, " \t\r");
        const char *end = *text + n;

        *text = end + (*end == '\n');
        if (at >= end || *at == '#') {
            continue;
        }
        while (strchr(" \t\r", end[-1]) != NULL) {
            end--;
        }
        memcpy(line, at, (size_t)(end - at));
        line[end - at] = '\0';
        return true;
    }
    return false;
}

/* What stands behind the first word of a line, if that is `word`; or NULL. */
static const char *behind(const char *line, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 ||
        (line[n] != '\0' && strchr(" \t\r", line[n]) == NULL)) {
        return NULL;
    }
    return line + n + strspn(line + n, " \t\r");
}

static void check_digest(const char *text,
                         const unsigned char digest[MANIFEST_DIGEST])
{
    for (size_t i = 0; i < MANIFEST_DIGEST; i++) {
        unsigned byte = 256;

        check_that(sscanf(text + 2 * i, "%2x", &byte) == 1 && byte == digest[i],
                   "the digest is what the line says");
    }
}

/* Each line says one thing that was read, and there is nothing else in it. */
static void check_lines(const char *text, const struct manifest *m)
{
    static const char *const groups[] = {"paging", "policy", "old"};
    size_t once = 0; /* image, bytes, sha256 */
    size_t segments = 0;
    size_t options = 0;
    size_t roots = 0;
    size_t olds = 0;
    char *line = malloc(strlen(text) + 1);

    check_that(line != NULL, "there is memory");
    check_that(next_line(&text, line) && behind(line, "format") != NULL,
               "a manifest says its format first");
    while (next_line(&text, line)) {
        const char *rest;

        if ((rest = behind(line, "image")) != NULL) {
            check_that(strcmp(rest, m->path) == 0, "the image is that file");
            once++;
        } else if ((rest = behind(line, "sha256")) != NULL) {
            once++;
            check_digest(rest, m->sha256);
        } else if ((rest = behind(line, "old-sha256")) != NULL) {
            check_that(olds < m->olds, "a file of the old image has a line");
            check_digest(rest, m->old[olds++].sha256);
        } else if ((rest = behind(line, "certificate")) != NULL) {
            check_that(strcmp(rest, m->certificate) == 0,
                       "the certificate is what the line says");
        } else if ((rest = behind(line, "segment")) != NULL) {
            char more[2];

            check_that(sscanf(rest, "%*s%*s%*s%1s", more) == EOF,
                       "a segment is three numbers");
            segments++;
        } else if (behind(line, "root") != NULL) {
            roots++;
        } else if (behind(line, "bytes") != NULL) {
            once++;
        } else {
            const struct manifest_option *o = &m->option[options++];

            check_that(options <= m->options, "an option has a line");
            rest = behind(line, groups[o->word->group]);
            check_that(rest != NULL, "an option is of its group");
            rest = behind(rest, o->word->name);
            check_that(rest != NULL && strcmp(rest, o->value) == 0,
                       "an option is what its line says");
        }
    }
    check_that(once == 3, "there is one image, with its size and digest");
    check_that(segments == m->layout.entries && roots == m->roots &&
                   options == m->options && olds == m->olds,
               "there is a line for all that is read");
    free(line);
}

/* -------------------------------------------------------------- written again */

static void write_root(FILE *out, const struct root_entry *e)
{
    fprintf(out, " %s=%" PRIx64, root_list_name(e->as), e->value);
}

static void write_digest(FILE *out, const char *name,
                         const unsigned char digest[MANIFEST_DIGEST])
{
    fprintf(out, "%s ", name);
    for (size_t i = 0; i < MANIFEST_DIGEST; i++) {
        fprintf(out, "%02X", digest[i]);
    }
    fprintf(out, "\n");
}

/* Writes it with roots and options first, and segments in the order of their
 * addresses. */
static char *write_again(const struct manifest *m, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);

    check_that(out != NULL, "there is memory");
    fprintf(out, "%s\nformat %" PRIu64 "\n", MANIFEST_FIRST_LINE, m->format);
    for (size_t i = 0; i < m->roots; i++) {
        fprintf(out, "root");
        write_root(out, &m->root[i].made);
        write_root(out, &m->root[i].old);
        fprintf(out, " %s\n", m->root[i].made.label);
    }
    for (size_t i = 0; i < m->options; i++) {
        const struct manifest_option *o = &m->option[i];

        fprintf(out, "%s %s %s\r\n", manifest_group_name(o->word->group),
                o->word->name, o->value);
    }
    fprintf(out, "\n# the image\nimage\t%s\n", m->path);
    write_digest(out, "sha256", m->sha256);
    for (size_t i = 0; i < m->olds; i++) {
        write_digest(out, "old-sha256", m->old[i].sha256);
    }
    fprintf(out, "bytes 0x%" PRIx64 "\n", m->bytes);
    if (m->certificate[0] != '\0') {
        fprintf(out, "certificate %s\n", m->certificate);
    }
    for (size_t i = 0; i < m->layout.entries; i++) {
        const struct segment *s = &m->layout.entry[i].segment;

        fprintf(out, "segment %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", s->pa,
                s->bytes, s->offset);
    }
    check_that(fclose(out) == 0, "it is written");
    return text;
}

static bool same_root(const struct root_entry *a, const struct root_entry *b)
{
    return a->as == b->as && a->value == b->value &&
           strcmp(a->label, b->label) == 0;
}

static void check_same(const struct manifest *a, const struct manifest *b)
{
    check_that(a->bytes == b->bytes && strcmp(a->path, b->path) == 0 &&
                   memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0 &&
                   strcmp(a->certificate, b->certificate) == 0,
               "it is of the same image");
    check_that(a->layout.entries == b->layout.entries && a->roots == b->roots &&
                   a->options == b->options && a->olds == b->olds,
               "it says as much");
    for (size_t i = 0; i < a->layout.entries; i++) {
        check_that(memcmp(&a->layout.entry[i].segment,
                          &b->layout.entry[i].segment,
                          sizeof(struct segment)) == 0,
                   "a segment is the same");
    }
    check_that(a->olds == 0 ||
                   memcmp(a->old, b->old, a->olds * sizeof *a->old) == 0,
               "it is made of the same files");
    for (size_t i = 0; i < a->roots; i++) {
        check_that(same_root(&a->root[i].made, &b->root[i].made) &&
                       same_root(&a->root[i].old, &b->root[i].old),
                   "a root is the same");
    }
    for (size_t i = 0; i < a->options; i++) {
        check_that(a->option[i].word == b->option[i].word &&
                       strcmp(a->option[i].value, b->option[i].value) == 0,
                   "an option is the same");
    }
}

/* What is so of all that is read. */
static void check_manifest(const struct manifest *m)
{
    check_that(m->format == MANIFEST_FORMAT, "its format is known");
    check_that(m->layout.paths == 1 && m->path[0] != '\0', "it is of one file");
    check_that(m->layout.entries > 0 && m->roots > 0,
               "it has memory and roots");
    for (size_t i = 0; i < m->layout.entries; i++) {
        const struct segment *s = &m->layout.entry[i].segment;

        check_that(s->bytes > 0 && s->bytes - 1 <= UINT64_MAX - s->pa &&
                       s->offset <= INT64_MAX - (s->bytes - 1),
                   "a segment lies in memory and in a file");
        check_that(i == 0 ||
                       s->pa > m->layout.entry[i - 1].segment.pa +
                                   (m->layout.entry[i - 1].segment.bytes - 1),
                   "segments are in order and apart");
    }
    for (size_t i = 0; i < m->options; i++) {
        const struct manifest_option *o = &m->option[i];

        check_that(o->word->has_value == (o->value[0] != '\0'),
                   "an option has a value, or takes none");
        for (size_t k = 0; k < i && !o->word->repeatable; k++) {
            check_that(m->option[k].word != o->word, "it is said once");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct manifest m;
    bool read = manifest_read(&r, &m);
    char *text = check_lines_of(&m.layout.lines, read, data, len);

    if (read) {
        struct manifest again;
        size_t bytes = 0;
        char *written = write_again(&m, &bytes);
        struct reader second = {.memory = (unsigned char *)written,
                                .bytes = bytes};

        check_that(is_first_line(text, MANIFEST_FIRST_LINE),
                   "a manifest begins as one of this version");
        check_manifest(&m);
        check_lines(text, &m);
        check_that(manifest_read(&second, &again),
                   "what is read can be written and read");
        check_same(&m, &again);
        manifest_free(&again);
        free(written);
    }
    manifest_free(&m);
    free(text);
    return 0;
}
