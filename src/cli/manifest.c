/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include "numbers.h"
#include "plain.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct manifest_word manifest_words[] = {
    {"regime", MANIFEST_PAGING, true, false},
    {"cr0", MANIFEST_PAGING, true, false},
    {"cr4", MANIFEST_PAGING, true, false},
    {"efer", MANIFEST_PAGING, true, false},
    {"tcr", MANIFEST_PAGING, true, false},
    {"el", MANIFEST_PAGING, true, false},
    {"mair", MANIFEST_PAGING, true, false},
    {"sctlr", MANIFEST_PAGING, true, false},
    {"hcr", MANIFEST_PAGING, true, false},
    {"tcr2", MANIFEST_PAGING, true, false},
    {"pir", MANIFEST_PAGING, true, false},
    {"pire0", MANIFEST_PAGING, true, false},
    {"satp", MANIFEST_PAGING, true, false},
    {"xlen", MANIFEST_PAGING, true, false},
    {"pa-bits", MANIFEST_PAGING, true, false},
    {"flag-bit", MANIFEST_PAGING, true, true},
    {"vendor", MANIFEST_PAGING, true, false},
    {"no-1g", MANIFEST_PAGING, false, false},
    {"no-nx", MANIFEST_PAGING, false, false},
    {"no-pse", MANIFEST_PAGING, false, false},
    {"no-wp", MANIFEST_PAGING, false, false},
    {"cet", MANIFEST_PAGING, false, false},
    {"no-svnapot", MANIFEST_PAGING, false, false},
    {"no-svpbmt", MANIFEST_PAGING, false, false},
    {"zicfiss", MANIFEST_PAGING, false, false},
    {"range", MANIFEST_POLICY, true, false},
    {"leave-out", MANIFEST_POLICY, true, true},
    {"map", MANIFEST_POLICY, true, true},
    {"copy-on-write", MANIFEST_POLICY, false, false},
    {"copy-shared", MANIFEST_POLICY, false, false},
    {"split", MANIFEST_POLICY, false, false},
    {"merge", MANIFEST_POLICY, false, false},
    {"zeros", MANIFEST_POLICY, false, false},
    {"absent", MANIFEST_POLICY, true, false},
    {"marked", MANIFEST_POLICY, true, false},
    {"base", MANIFEST_OLD, true, false},
    {"segment", MANIFEST_OLD, true, true},
    {"raw", MANIFEST_OLD, false, false},
    {"holes", MANIFEST_OLD, true, false},
    {NULL, MANIFEST_GROUPS, false, false},
};

const char *manifest_group_name(enum manifest_group group)
{
    static const char *const names[MANIFEST_GROUPS] = {
        [MANIFEST_PAGING] = "paging",
        [MANIFEST_POLICY] = "policy",
        [MANIFEST_OLD] = "old",
    };

    return names[group];
}

/* ------------------------------------------------------------- the new image */

static bool refuse_twice(struct manifest *m, uint64_t line, const char *what)
{
    return lines_refuse(&m->layout.lines, line, "%s is said twice", what);
}

static bool take_format(struct manifest *m, uint64_t line, char *at)
{
    char *value = lines_rest(at);

    if (m->format != 0) {
        return refuse_twice(m, line, "format");
    }
    if (!parse_number(value, value + strlen(value), 10, &m->format) ||
        m->format != MANIFEST_FORMAT) {
        return lines_refuse(&m->layout.lines, line,
                            "its format is '%.40s', and this version reads "
                            "format %d alone",
                            value, MANIFEST_FORMAT);
    }
    return true;
}

static bool take_image(struct manifest *m, uint64_t line, char *at)
{
    if (m->path != NULL) {
        return refuse_twice(m, line, "image");
    }
    m->path = lines_rest(at);
    return *m->path != '\0' ||
           lines_refuse(&m->layout.lines, line, "image names no file");
}

static bool take_bytes(struct manifest *m, uint64_t line, char *at)
{
    char *value = lines_rest(at);

    if (m->has_bytes) {
        return refuse_twice(m, line, "bytes");
    }
    m->has_bytes = true;
    return parse_hex(value, value + strlen(value), &m->bytes) ||
           lines_refuse(&m->layout.lines, line,
                        "bytes '%.40s' is not a hexadecimal number of at most "
                        "64 bits",
                        value);
}

/* Whether the text is that many hexadecimal digits. */
static bool are_digits(const char *text, size_t digits)
{
    return strlen(text) == digits &&
           strspn(text, "0123456789abcdefABCDEF") == digits;
}

static bool take_digest(struct manifest *m, uint64_t line, const char *what,
                        char *at, unsigned char out[MANIFEST_DIGEST])
{
    char *value = lines_rest(at);

    if (!are_digits(value, 2 * (size_t)MANIFEST_DIGEST)) {
        return lines_refuse(&m->layout.lines, line,
                            "%s is not %d hexadecimal digits", what,
                            2 * MANIFEST_DIGEST);
    }
    for (size_t i = 0; i < MANIFEST_DIGEST; i++) {
        uint64_t byte = 0;

        (void)parse_number(value + 2 * i, value + 2 * i + 2, 16, &byte);
        out[i] = (unsigned char)byte;
    }
    return true;
}

static bool take_sha256(struct manifest *m, uint64_t line, char *at)
{
    if (m->has_sha256) {
        return refuse_twice(m, line, "sha256");
    }
    m->has_sha256 = true;
    return take_digest(m, line, "sha256", at, m->sha256);
}

static bool take_old_sha256(struct manifest *m, uint64_t line, char *at)
{
    m->old = must_grow(m->old, m->olds, sizeof *m->old);
    return take_digest(m, line, "old-sha256", at, m->old[m->olds++].sha256);
}

static bool take_certificate(struct manifest *m, uint64_t line, char *at)
{
    char *value = lines_rest(at);

    if (m->certificate[0] != '\0') {
        return refuse_twice(m, line, "certificate");
    }
    if (!are_digits(value, MANIFEST_CERTIFICATE)) {
        return lines_refuse(&m->layout.lines, line,
                            "certificate is not %d hexadecimal digits",
                            MANIFEST_CERTIFICATE);
    }
    memcpy(m->certificate, value, MANIFEST_CERTIFICATE);
    return true;
}

static bool take_segment(struct manifest *m, uint64_t line, char *at)
{
    struct layout_entry e = {.line = line};

    if (m->path == NULL) {
        return lines_refuse(&m->layout.lines, line,
                            "a segment of no file: image comes before it");
    }
    if (!layout_take(&m->layout.lines, line, &at, &e.segment)) {
        return false;
    }
    if (*lines_rest(at) != '\0') {
        return lines_refuse(&m->layout.lines, line,
                            "a segment is PA SIZE OFFSET, and nothing behind "
                            "it");
    }
    layout_put(&m->layout, &e, m->path);
    return true;
}

static bool take_root(struct manifest *m, uint64_t line, char *at)
{
    struct manifest_root r = {.line = line};

    if (!root_list_take(&m->layout.lines, line, &at, &r.made) ||
        !root_list_take(&m->layout.lines, line, &at, &r.old)) {
        return false;
    }
    r.made.label = r.old.label = lines_rest(at);
    (void)plain_text(r.made.label, true);
    m->root = must_grow(m->root, m->roots, sizeof *m->root);
    m->root[m->roots++] = r;
    return true;
}

/* ---------------------------------------------------------------- the options */

static const struct manifest_word *find_word(enum manifest_group group,
                                             const char *name, size_t length)
{
    for (const struct manifest_word *w = manifest_words; w->name != NULL; w++) {
        if (w->group == group && strlen(w->name) == length &&
            memcmp(w->name, name, length) == 0) {
            return w;
        }
    }
    return NULL;
}

static bool is_said(const struct manifest *m, const struct manifest_word *word)
{
    for (size_t i = 0; i < m->options; i++) {
        if (m->option[i].word == word) {
            return true;
        }
    }
    return false;
}

static bool take_option(struct manifest *m, enum manifest_group group,
                        uint64_t line, char *at)
{
    struct lines *lines = &m->layout.lines;
    struct manifest_option o = {.line = line};
    size_t length;
    const char *name = lines_word(&at, &length);

    o.word = find_word(group, name, length);
    if (o.word == NULL) {
        return lines_refuse(lines, line, "%s has no '%.*s'",
                            manifest_group_name(group),
                            length < 40 ? (int)length : 40, name);
    }
    if (!o.word->repeatable && is_said(m, o.word)) {
        return refuse_twice(m, line, o.word->name);
    }
    o.value = lines_rest(at);
    if (o.word->has_value != (*o.value != '\0')) {
        return lines_refuse(lines, line, "%s %s", o.word->name,
                            o.word->has_value ? "has no value"
                                              : "takes no value");
    }
    m->option = must_grow(m->option, m->options, sizeof *m->option);
    m->option[m->options++] = o;
    return true;
}

/* -------------------------------------------------------------------- lines */

static const struct {
    const char *name;
    bool (*take)(struct manifest *m, uint64_t line, char *at);
} says[] = {
    {"format", take_format},         {"image", take_image},
    {"bytes", take_bytes},           {"sha256", take_sha256},
    {"old-sha256", take_old_sha256}, {"certificate", take_certificate},
    {"segment", take_segment},       {"root", take_root},
};

static bool read_line(void *context, char *at, uint64_t line)
{
    struct manifest *m = context;
    size_t length;
    const char *word = lines_word(&at, &length);

    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        if (strlen(says[i].name) != length ||
            memcmp(says[i].name, word, length) != 0) {
            continue;
        }
        if (i > 0 && m->format == 0) {
            break;
        }
        return says[i].take(m, line, at);
    }
    if (m->format == 0) {
        return lines_refuse(&m->layout.lines, line,
                            "it begins with 'format %d'", MANIFEST_FORMAT);
    }
    for (int group = 0; group < MANIFEST_GROUPS; group++) {
        const char *name = manifest_group_name((enum manifest_group)group);

        if (strlen(name) == length && memcmp(name, word, length) == 0) {
            return take_option(m, (enum manifest_group)group, line, at);
        }
    }
    return lines_refuse(&m->layout.lines, line,
                        "'%.*s' is nothing that a manifest says",
                        length < 40 ? (int)length : 40, word);
}

/* What is not there at the end. */
static const char *missing(const struct manifest *m)
{
    return m->format == 0           ? "format"
           : m->path == NULL        ? "image"
           : !m->has_bytes          ? "bytes"
           : !m->has_sha256         ? "sha256"
           : m->layout.entries == 0 ? "segment"
           : m->roots == 0          ? "root"
                                    : NULL;
}

bool manifest_read(const struct reader *r, struct manifest *m)
{
    memset(m, 0, sizeof *m);
    if (!lines_read(&m->layout.lines, r, MANIFEST_FIRST_LINE, read_line, m)) {
        return false;
    }
    if (missing(m) != NULL) {
        return lines_refuse(&m->layout.lines, 0, "no line of it says '%s'",
                            missing(m));
    }
    return layout_end(&m->layout);
}

void manifest_free(struct manifest *m)
{
    free(m->option);
    free(m->old);
    free(m->root);
    layout_free(&m->layout);
    memset(m, 0, sizeof *m);
}
