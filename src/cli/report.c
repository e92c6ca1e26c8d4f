/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "color.h"
#include "numbers.h"
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

/* The name of the command, between those codes, and behind it plain text: a file
 * may have any name; a line stays a line, and a terminal as it is. */
static size_t format_line(char *line, size_t room, const char *begin,
                          const char *end, const char *subject,
                          const char *format, va_list args)
{
    size_t name = (size_t)snprintf(line, room, "%sptwalk:%s", begin, end);
    char *text = line + name;
    size_t left = room - name;
    int head = snprintf(text, left, " %s: ", subject);
    size_t used = head < 0 ? 0 : (size_t)head;

    if (used > left - 1024) {
        used = left - 1024;
    }
    (void)vsnprintf(text + used, left - used, format, args);
    return name + plain_text(text, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

size_t report_format(char *line, size_t room, const char *subject,
                     const char *format, ...)
{
    va_list args;
    size_t used;

    va_start(args, format);
    used = format_line(line, room, "", "", subject, format, args);
    va_end(args);
    return used;
}

static void say(const char *subject, const char *format, va_list args)
{
    char line[8192 + COLOR_BYTES];
    size_t used = format_line(
        line, sizeof line - 1, color_code(STDERR_FILENO, COLOR_ERROR),
        color_code(STDERR_FILENO, COLORS), subject, format, args);

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

uint64_t progress_clock(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t began; /* when progress was first asked for */

/* Whether it is time to show something again: when a second has passed. */
static bool is_due(void)
{
    static uint64_t next;
    uint64_t now = progress_clock();

    if (next == 0) {
        began = now;
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

bool progress_is_due(void)
{
    static int wanted = -1;

    if (wanted < 0) {
        wanted = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0;
    }
    return wanted != 0 && is_due();
}

/* ", 40 %, about 12 s left", by what the first part took; or nothing, when that
 * part is too small to say. */
static void tell_rest(char *text, size_t room, uint64_t took, uint64_t done,
                      uint64_t total)
{
    uint64_t part = total / 100 + 1;
    uint64_t seconds;

    *text = '\0';
    if (total == 0 || done / part < 1 || done > total) {
        return;
    }
    seconds = took / 1000 * (total - done) / done + 1;
    if (seconds < 120) {
        (void)snprintf(text, room, ", %" PRIu64 " %%, about %" PRIu64 " s left",
                       done / part, seconds);
    } else {
        (void)snprintf(text, room,
                       ", %" PRIu64 " %%, about %" PRIu64 " min left",
                       done / part, seconds / 60);
    }
}

void progress_show(const struct options *o, uint32_t root, ptw_va va,
                   uint64_t leaves, unsigned share)
{
    uint64_t took = progress_clock() - began;
    char line[240];
    char rest[64];

    tell_rest(rest, sizeof rest, took, share, 1000);
    show(line, snprintf(line, sizeof line,
                        "\r%s: root %" PRIu32 " of %" PRIu32 ", at %016" PRIx64
                        ", %" PRIu64 " leaves, %" PRIu64 " a second%s\033[K",
                        o->command, root, o->roots, va.v, leaves,
                        leaves * 1000 / (took + 1), rest));
}

/* ", 1.2G of 3G, 410M a second, 40 %, about 5 s left"; or nothing. */
static void tell_step(char *text, size_t room, uint64_t took, uint64_t done,
                      uint64_t total)
{
    char rest[64];
    char is[16];
    char whole[16];
    char rate[16];

    *text = '\0';
    if (total == 0) {
        return;
    }
    human_size(done, is);
    human_size(total, whole);
    human_size(done / (took + 1) * 1000, rate);
    tell_rest(rest, sizeof rest, took, done, total);
    (void)snprintf(text, room, ", %s of %s, %s a second%s", is, whole, rate,
                   rest);
}

void progress_step(const struct options *o, const char *what, uint64_t done,
                   uint64_t total)
{
    static int wanted = -1;
    static const char *step;
    static uint64_t since; /* of this step */
    char step_text[128];
    char line[240];

    if (wanted < 0) {
        wanted = isatty(STDERR_FILENO);
    }
    if (wanted == 0) {
        return;
    }
    if (step != what) {
        step = what;
        since = progress_clock();
    }
    if (total != 0 && !is_due()) {
        return;
    }
    tell_step(step_text, sizeof step_text, progress_clock() - since, done,
              total);
    show(line, snprintf(line, sizeof line, "\r%s: %s%s\033[K", o->command, what,
                        step_text));
}

void progress_clear(void)
{
    static const char erase[] = "\r\033[K";

    if (shown) {
        shown = false;
        write_all(erase, sizeof erase - 1);
    }
}
