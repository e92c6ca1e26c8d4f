/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "image.h"
#include "plain.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool shown; /* progress stands on the screen */

enum cli_status cli_worse(enum cli_status a, enum cli_status b)
{
    return a > b ? a : b;
}

static void write_all(const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(STDERR_FILENO, text, bytes);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return; /* there is nowhere left to complain */
        }
        text += n;
        bytes -= (size_t)n;
    }
}

void report_line(const char *line, size_t bytes)
{
    progress_clear();
    write_all(line, bytes);
}

/* A file may have any name; a line stays a line, and a terminal as it is. */
static size_t format_line(char *line, size_t room, const char *subject,
                          const char *format, va_list args)
{
    int head = snprintf(line, room, "ptwalk: %s: ", subject);
    size_t used = head < 0 ? 0 : (size_t)head;

    if (used > room - 1024) {
        used = room - 1024;
    }
    (void)vsnprintf(line + used, room - used, format, args);
    return plain_text(line, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

size_t report_format(char *line, size_t room, const char *subject,
                     const char *format, ...)
{
    va_list args;
    size_t used;

    va_start(args, format);
    used = format_line(line, room, subject, format, args);
    va_end(args);
    return used;
}

static void say(const char *subject, const char *format, va_list args)
{
    char line[8192];
    size_t used = format_line(line, sizeof line - 1, subject, format, args);

    line[used++] = '\n';
    report_line(line, used);
}

void report(const char *subject, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(subject, format, args);
    va_end(args);
}

void die(enum cli_status status, const char *subject, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(subject, format, args);
    va_end(args);
    exit((int)status);
}

void die_of_memory(void)
{
    die(CLI_UNREAD, "memory", "there is not enough of it");
}

void die_of_map(const struct options *o, const struct ptw_map_request *map,
                const char *why)
{
    die(CLI_USAGE, o->command, "--map %" PRIx64 ":%" PRIx64 ":%" PRIx64 ": %s",
        map->first.v, map->pa.v, map->last.v - map->first.v + 1, why);
}

void *must(void *p)
{
    if (p == NULL) {
        die_of_memory();
    }
    return p;
}

static uint64_t milliseconds(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Whether it is time to show something again. */
static bool is_due(void)
{
    static uint64_t next;
    uint64_t now = milliseconds();

    if (next == 0) {
        next = now + 1000;
    }
    if (now < next) {
        return false;
    }
    next = now + 250;
    return true;
}

static void show(const char *line, int bytes)
{
    if (bytes > 0) {
        write_all(line, (size_t)bytes);
        shown = true;
    }
}

void progress(const struct options *o, uint32_t root, ptw_va va,
              uint64_t leaves)
{
    static int wanted = -1;
    char line[160];

    if (wanted < 0) {
        wanted = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0;
    }
    if (wanted == 0 || !is_due()) {
        return;
    }
    show(line, snprintf(line, sizeof line,
                        "\r%s: root %" PRIu32 " of %" PRIu32 ", at %016" PRIx64
                        ", %" PRIu64 " leaves\033[K",
                        o->command, root, o->roots, va.v, leaves));
}

void progress_step(const struct options *o, const char *what, uint64_t done,
                   uint64_t total)
{
    static int wanted = -1;
    char line[160];
    char part[32] = "";

    if (wanted < 0) {
        wanted = isatty(STDERR_FILENO);
    }
    if (wanted == 0 || (total != 0 && !is_due())) {
        return;
    }
    if (total != 0) {
        (void)snprintf(part, sizeof part, ", %u %%",
                       (unsigned)(done / (total / 100 + 1)));
    }
    show(line, snprintf(line, sizeof line, "\r%s: %s%s\033[K", o->command, what,
                        part));
}

void progress_clear(void)
{
    static const char erase[] = "\r\033[K";

    if (shown) {
        shown = false;
        write_all(erase, sizeof erase - 1);
    }
}

enum cli_status report_bad_root(const struct options *o, uint32_t index,
                                enum ptw_status why)
{
    uint64_t pa = o->root[index].table.v;
    uint64_t bytes = ptw_root_bytes(&o->regime);

    if (why == PTW_E_BUS) {
        report(o->image,
               "root %" PRIu32 " at %" PRIx64
               " can't be read: it lies outside the image",
               index, pa);
        return CLI_UNREAD;
    }
    if (why == PTW_E_ALIGN) {
        bool whole = bytes % 1024 == 0;

        report(o->image,
               "root %" PRIu32 ": %" PRIx64
               " is not the address of a table: it is not aligned to %" PRIu64
               " %s",
               index, pa, whole ? bytes / 1024 : bytes,
               whole ? "KiB" : "bytes");
    } else {
        report(o->image,
               "root %" PRIu32 ": %" PRIx64
               " is not the address of a table: it is %s",
               index, pa, ptw_status_text(why));
    }
    return CLI_USAGE;
}

enum cli_status report_root_flags(const struct options *o)
{
    enum cli_status status = CLI_DONE;

    for (uint32_t i = 0; i < o->roots; i++) {
        uint64_t was = o->root_flags[i];
        uint64_t is = o->other->root_flags[i];

        if (was != is) {
            report(o->other->image,
                   "root %" PRIu32 " is given with flag bits %" PRIx64
                   ", and the one of %s with %" PRIx64,
                   i, is, o->image, was);
            status = CLI_NO;
        }
    }
    return status;
}

enum cli_status report_roots(const struct options *o, const struct image *im)
{
    enum cli_status status = CLI_DONE;

    for (uint32_t i = 0; i < o->roots; i++) {
        enum ptw_status st = image_root(im, o, i);

        if (st != PTW_OK) {
            status = cli_worse(status, report_bad_root(o, i, st));
        }
    }
    return status;
}

void report_empty_roots(const struct options *o, const struct image *im)
{
    for (uint32_t i = 0; i < o->roots; i++) {
        if (image_root(im, o, i) == PTW_OK && image_root_is_empty(im, o, i)) {
            report(o->image,
                   "root %" PRIu32 " at %" PRIx64
                   ": its table is all zeros: a wrong root, or a hole in the "
                   "layout?",
                   i, o->root[i].table.v);
        }
    }
}

void unread_step(struct unread *u, const struct options *o, uint32_t root,
                 ptw_va va, const struct ptw_step *last)
{
    unsigned shift = ptw_level_shift(&o->regime, last->level);
    uint64_t within = ((uint64_t)1 << shift) - 1;

    if (u->count++ == 0) {
        u->root = root;
        u->level = last->level;
        u->table = last->entry;
        u->first.v = va.v & ~within;
        u->last.v = va.v | within;
    }
}

/* Says how reading failed, when it did. */
static bool read_error_text(const struct image *im, char *why, size_t room)
{
    uint64_t offset = 0;
    int error = image_read_error(im, &offset);

    if (error == 0) {
        return false;
    }
    (void)snprintf(
        why, room, "reading at offset %" PRIx64 " failed: %s", offset,
        error == ENODATA ? "the file has become shorter" : strerror(error));
    return true;
}

enum cli_status report_read_error(const struct options *o,
                                  const struct image *im)
{
    char why[128];

    if (!read_error_text(im, why, sizeof why)) {
        return CLI_DONE;
    }
    report(o->image, "%s", why);
    return CLI_UNREAD;
}

enum cli_status report_unread(const struct options *o, const struct image *im,
                              const struct unread *u)
{
    char why[128] = "outside the image";

    if (u->count == 0) {
        return CLI_DONE;
    }
    (void)read_error_text(im, why, sizeof why);
    report(o->image,
           "tables can't be read, in %" PRIu64 " place%s, first the %s at "
           "%" PRIx64 " of root %" PRIu32 ", for %016" PRIx64 "-%016" PRIx64
           ": %s",
           u->count, u->count == 1 ? "" : "s",
           ptw_level_name(&o->regime, u->level), u->table.v, u->root,
           u->first.v, u->last.v, why);
    return CLI_UNREAD;
}
