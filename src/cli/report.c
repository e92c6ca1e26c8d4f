/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "image.h"

#include <errno.h>
#include <inttypes.h>
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

/* A file may have any name; a line stays a line, and a terminal as it is. */
static void say(const char *subject, const char *format, va_list args)
{
    char line[8192];
    size_t room = sizeof line - 1;
    int head = snprintf(line, room, "ptwalk: %s: ", subject);
    size_t used = head < 0 ? 0 : (size_t)head;

    if (used > room - 1024) {
        used = room - 1024;
    }
    (void)vsnprintf(line + used, room - used, format, args);
    used = strlen(line);
    for (size_t i = 0; i < used; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        }
    }
    line[used++] = '\n';
    progress_clear();
    write_all(line, used);
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

void progress(const struct options *o, uint32_t root, ptw_va va,
              uint64_t leaves)
{
    static int wanted = -1;
    static uint64_t next;
    char line[160];
    uint64_t now;
    int n;

    if (wanted < 0) {
        wanted = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0;
        next = milliseconds() + 1000;
    }
    if (wanted == 0) {
        return;
    }
    now = milliseconds();
    if (now < next) {
        return;
    }
    next = now + 250;
    n = snprintf(line, sizeof line,
                 "\r%s: root %" PRIu32 " of %" PRIu32 ", at %016" PRIx64
                 ", %" PRIu64 " leaves\033[K",
                 o->command, root, o->roots, va.v, leaves);
    if (n > 0) {
        write_all(line, (size_t)n);
        shown = true;
    }
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
    uint64_t pa = o->root[index].v;

    if (why == PTW_E_BUS) {
        report(o->image,
               "root %" PRIu32 " at %" PRIx64
               " can't be read: it lies outside the image",
               index, pa);
        return CLI_UNREAD;
    }
    report(o->image, "root %" PRIu32 " at %" PRIx64 " can't be one: %s", index,
           pa, ptw_status_text(why));
    return CLI_USAGE;
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

enum cli_status report_unread(const struct options *o, const struct image *im,
                              const struct unread *u)
{
    uint64_t offset = 0;
    int error = image_read_error(im, &offset);
    char why[128] = "outside the image";

    if (u->count == 0) {
        return CLI_DONE;
    }
    if (error != 0) {
        (void)snprintf(
            why, sizeof why, "reading at offset %" PRIx64 " failed: %s", offset,
            error == ENODATA ? "the file has become shorter" : strerror(error));
    }
    report(o->image,
           "tables can't be read, in %" PRIu64 " place%s, first the %s at "
           "%" PRIx64 " of root %" PRIu32 ", for %016" PRIx64 "-%016" PRIx64
           ": %s",
           u->count, u->count == 1 ? "" : "s",
           ptw_level_name(&o->regime, u->level), u->table.v, u->root,
           u->first.v, u->last.v, why);
    return CLI_UNREAD;
}
