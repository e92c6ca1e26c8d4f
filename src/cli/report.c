/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "plain.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool shown; /* progress stands on the screen */

static atomic_flag writing = ATOMIC_FLAG_INIT;

void writing_begin(void)
{
    while (atomic_flag_test_and_set(&writing)) {
        (void)poll(NULL, 0, 1);
    }
}

void writing_end(void)
{
    atomic_flag_clear(&writing);
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
