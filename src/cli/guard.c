/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "report.h"
#include "signals.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the handler needs is made beforehand: it may call next to nothing. */
struct guard {
    struct guard *next;
    uintptr_t start;
    size_t bytes;
    uint64_t offset;
    size_t line_bytes;
    char line[];
};

static struct guard *guards;
static atomic_flag said = ATOMIC_FLAG_INIT;
static bool ignored; /* SIGBUS was, when the command started */

static void say_where(const struct guard *g, uint64_t offset)
{
    static const char digits[] = "0123456789abcdef";
    static char line[REPORT_LINE_BYTES + 17];
    char text[17];
    size_t first = 16;

    text[16] = '\n';
    do {
        text[--first] = digits[offset & 15];
        offset >>= 4;
    } while (offset != 0);
    memcpy(line, g->line, g->line_bytes);
    memcpy(line + g->line_bytes, text + first, 17 - first);
    report_line(line, g->line_bytes + (17 - first));
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    const struct guard *g = guards;

    (void)context;
    if (info->si_code <= 0) {
        /* Somebody sent it; it says nothing about memory. */
        if (!ignored) {
            signals_end(signal_number);
        }
        return;
    }
    /* The first of several threads says it, for all. */
    if (atomic_flag_test_and_set(&said)) {
        for (;;) {
            (void)pause();
        }
    }
    while (g != NULL && (at < g->start || at - g->start >= g->bytes)) {
        g = g->next;
    }
    if (g == NULL) {
        signals_end(signal_number); /* not ours */
        return;
    }
    writing_begin();
    (void)signals_clean_up();
    say_where(g, g->offset + (at - g->start));
    _exit(CLI_UNREAD);
}

static void handle_sigbus(void)
{
    struct sigaction action;
    struct sigaction before;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &before) == 0 &&
        (before.sa_flags & SA_SIGINFO) == 0) {
        ignored = before.sa_handler == SIG_IGN;
    }
}

void guard_add(const void *map, size_t bytes, uint64_t offset, const char *name)
{
    char line[REPORT_LINE_BYTES];
    size_t line_bytes = report_format(
        line, sizeof line, name,
        "the file has become shorter, or the disk failed, at offset ");
    struct guard *g = must(malloc(sizeof *g + line_bytes));

    g->start = (uintptr_t)map;
    g->bytes = bytes;
    g->offset = offset;
    g->line_bytes = line_bytes;
    memcpy(g->line, line, line_bytes);
    g->next = guards;
    guards = g;
    handle_sigbus();
}

void guard_drop(const void *map)
{
    struct guard **link = &guards;

    while (*link != NULL && (*link)->start != (uintptr_t)map) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        struct guard *g = *link;

        *link = g->next;
        free(g);
    }
}
