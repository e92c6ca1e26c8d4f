/* SPDX-License-Identifier: Apache-2.0 */
#include "made.h"

#include "container.h"
#include "layout.h"
#include "manifest.h"
#include "source.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name is one beside the file that has it, or from the root of the file system
 * on. */
char *made_name(const struct options *o, const char *file, const char *option)
{
    const char *slash = strrchr(o->output, '/');
    const char *file_slash = strrchr(file, '/');
    size_t head = slash == NULL ? 0 : (size_t)(slash - o->output) + 1;
    size_t file_head = file_slash == NULL ? 0 : (size_t)(file_slash - file) + 1;
    char directory[PATH_MAX] = "";
    size_t bytes;
    char *name;

    if ((head != file_head || memcmp(o->output, file, head) != 0)) {
        char *before = must(strndup(o->output, head));

        if (realpath(head == 0 ? "." : before, directory) == NULL) {
            die(CLI_UNREAD, o->output, "its directory can't be found: %s",
                strerror(errno));
        }
        free(before);
    }
    bytes = strlen(directory) + strlen(o->output) + 2;
    name = must(malloc(bytes));
    (void)snprintf(name, bytes, "%s%s%s", directory,
                   directory[0] != '\0' ? "/" : "", o->output + head);
    if (!layout_can_name(name)) {
        die(CLI_USAGE, o->command,
            "--%s: '%s' has blanks at its ends or a line feed, which such a "
            "text can't say",
            option, name);
    }
    return name;
}

/* "NAME PATH" and a line feed, or what comes before the path. */
static void tell_name(const struct made *m, const char *file,
                      const char *option)
{
    char *name = made_name(m->o, file, option);

    out_text(" ");
    out_text(name);
    out_text("\n");
    free(name);
}

static void tell_segment(const struct segment *s)
{
    out_line("%" PRIx64 " %" PRIx64 " %" PRIx64, s->pa, s->bytes, s->offset);
}

/* Writes a text of these lines, which says how many they are. */
static void tell_all(struct text *text, const char *first_line,
                     struct text *lines)
{
    uint64_t count = 0;

    for (size_t i = 0; i < lines->used; i++) {
        count += lines->bytes[i] == '\n';
    }
    out_redirect(text);
    out_text(first_line);
    out_line(LINES_FOLLOW " %" PRIu64 "\n", count);
    out_bytes(lines->bytes, lines->used);
    out_redirect(NULL);
    free(lines->bytes);
}

void made_layout(const struct made *m, struct text *text)
{
    struct text lines = {.used = 0};

    out_redirect(&lines);
    for (size_t i = 0; i < m->parts; i++) {
        tell_segment(&m->part[i]);
        tell_name(m, m->o->new_layout, "new-layout");
    }
    tell_all(text, LAYOUT_FIRST_LINE "\n", &lines);
}

/* What a TTBR has for a table: bits 5:2 hold bits 51:48 of its address. */
static uint64_t ttbr_of(uint64_t pa)
{
    return (pa & ~(UINT64_MAX << 48)) | (pa >> 48 & 15) << 2;
}

/* A root by its address, as lists have it; that of an upper half has no option of
 * its own but its register. */
static void tell_root(const struct made *m, uint32_t i)
{
    const struct ptw_regime *r = m->root[i].regime;
    uint64_t pa = m->root[i].table.v;

    if (ptw_is_aarch64(r) && ptw_aarch64_is_upper(r)) {
        out_line("ttbr1=%" PRIx64, ttbr_of(pa));
    } else {
        out_line("%" PRIx64, pa | m->o->root_flags[i]);
    }
}

void made_roots(const struct made *m, struct text *text)
{
    struct text lines = {.used = 0};

    out_redirect(&lines);
    for (uint32_t i = 0; i < m->o->roots; i++) {
        tell_root(m, i);
        out_label(m->o, i);
        out_text("\n");
    }
    tell_all(text, "", &lines);
}

/* ----------------------------------------------------------------- the manifest */

static void tell_rights(unsigned rights)
{
    static const char letters[] = "rwxuX";

    for (const char *letter = letters; *letter != '\0'; letter++) {
        if ((rights & ptw_right_of(*letter)) != 0) {
            out_bytes(letter, 1);
        }
    }
}

static void tell_flags(const struct options *o)
{
    static const struct {
        unsigned flag;
        const char *text;
    } flags[] = {
        {PTW_REBUILD_COPY_ON_WRITE, "copy-on-write"},
        {PTW_REBUILD_COPY_SHARED, "copy-shared"},
        {PTW_REBUILD_SPLIT, "split"},
        {PTW_REBUILD_MERGE, "merge"},
        {PTW_REBUILD_ZEROS, "zeros"},
        {PTW_REBUILD_REFUSE_MARKED, "marked refuse"},
        {PTW_REBUILD_CLEAR_MARKED, "marked clear"},
    };

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((o->policy & flags[i].flag) != 0) {
            out_line("policy %s\n", flags[i].text);
        }
    }
    if (o->has_marked && (o->policy & (PTW_REBUILD_REFUSE_MARKED |
                                       PTW_REBUILD_CLEAR_MARKED)) == 0) {
        out_text("policy marked keep\n");
    }
}

static void tell_policy(const struct options *o)
{
    if (o->range != NULL) {
        out_line("policy range %" PRIx64 "-%" PRIx64 "\n", o->first.v,
                 o->last.v);
    }
    for (size_t i = 0; i < o->leave_outs; i++) {
        out_line("policy leave-out %" PRIx64 "-%" PRIx64 "\n",
                 o->leave_out[i].first.v, o->leave_out[i].last.v);
    }
    for (size_t i = 0; i < o->maps; i++) {
        const struct ptw_map_request *q = &o->map[i];

        out_line("policy map %" PRIx64 ":%" PRIx64 ":%" PRIx64 ":", q->first.v,
                 q->pa.v, q->last.v - q->first.v + 1);
        tell_rights(q->rights);
        out_text("\n");
    }
    tell_flags(o);
    if (o->absent_text != NULL) {
        out_text("policy absent ");
        out_text(o->absent_text);
        out_text("\n");
    }
}

/* What the file of the old image does not say itself. */
static void tell_old(const struct options *o)
{
    bool is_container = o->source->opened && !o->source->container.as_it_is;

    if (o->raw) {
        out_text("old raw\n");
    }
    if (o->holes != HOLES_NOT_SAID) {
        out_line("old holes %s\n", o->holes == HOLES_ZERO ? "zero" : "unknown");
    }
    if (o->base != 0 && !is_container) {
        out_line("old base %" PRIx64 "\n", o->base);
    }
    for (size_t i = 0; i < o->segments && !is_container; i++) {
        out_line("old segment %" PRIx64 ":%" PRIx64 ":%" PRIx64 "\n",
                 o->segment[i].pa, o->segment[i].bytes, o->segment[i].offset);
    }
}

void made_manifest(const struct made *m, struct text *text)
{
    const struct options *o = m->o;
    struct text lines = {.used = 0};
    char digest[DIGEST_TEXT];

    digest_text(m->sha256, digest);
    out_redirect(&lines);
    out_line("format %d\nimage", MANIFEST_FORMAT);
    tell_name(m, o->manifest, "manifest");
    out_line("bytes %" PRIx64 "\nsha256 %s\n", m->bytes, digest);
    for (size_t i = 0; i < m->olds; i++) {
        digest_text(m->old[i].sha256, digest);
        out_line("old-sha256 %s\n", digest);
    }
    out_line("certificate %016" PRIx64 "%016" PRIx64 "\n", m->certificate[0],
             m->certificate[1]);
    for (size_t i = 0; i < m->parts; i++) {
        out_text("segment ");
        tell_segment(&m->part[i]);
        out_text("\n");
    }
    out_text(o->paging_said);
    for (uint32_t i = 0; i < o->roots; i++) {
        out_text("root ");
        tell_root(m, i);
        out_line(" %s=%" PRIx64, o->given[i].as, o->given[i].value);
        out_label(o, i);
        out_text("\n");
    }
    tell_policy(o);
    tell_old(o);
    tell_all(text, MANIFEST_FIRST_LINE "\n", &lines);
}
