/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include "report.h"

#include <string.h>

/* The signals that end a command, and can be caught; those without a name of
 * their own, from SIGRTMIN on, do too.  SIGPIPE and SIGXFSZ are ignored. */
static const struct {
    int number;
    const char *name;
} endings[] = {
    {SIGHUP, " SIGHUP\n"},       {SIGINT, " SIGINT\n"},
    {SIGQUIT, " SIGQUIT\n"},     {SIGILL, " SIGILL\n"},
    {SIGTRAP, " SIGTRAP\n"},     {SIGABRT, " SIGABRT\n"},
    {SIGBUS, " SIGBUS\n"},       {SIGFPE, " SIGFPE\n"},
    {SIGUSR1, " SIGUSR1\n"},     {SIGSEGV, " SIGSEGV\n"},
    {SIGUSR2, " SIGUSR2\n"},     {SIGALRM, " SIGALRM\n"},
    {SIGTERM, " SIGTERM\n"},
#ifdef SIGSTKFLT
    {SIGSTKFLT, " SIGSTKFLT\n"},
#endif
    {SIGXCPU, " SIGXCPU\n"},     {SIGVTALRM, " SIGVTALRM\n"},
    {SIGPROF, " SIGPROF\n"},     {SIGIO, " SIGIO\n"},
#ifdef SIGPWR
    {SIGPWR, " SIGPWR\n"},
#endif
    {SIGSYS, " SIGSYS\n"},
#ifdef SIGEMT
    {SIGEMT, " SIGEMT\n"},
#endif
};

static bool pipe_ends; /* SIGPIPE was not ignored before */

enum { ENDINGS = sizeof endings / sizeof endings[0] };

/* Made beforehand, with room for the name. */
static char line[REPORT_LINE_BYTES + 16];
static size_t line_bytes;

static bool (*clean_up_all)(void); /* NULL: there is nothing to undo */

sigset_t signals_ending(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ENDINGS; i++) {
        (void)sigaddset(&set, endings[i].number);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        (void)sigaddset(&set, number);
    }
    return set;
}

/* Appends the signal's name to the line, and returns its length. */
static size_t end_line(int number)
{
    char other[] = " signal 00\n";
    const char *name = other;
    size_t length;

    other[8] = (char)('0' + number / 10 % 10);
    other[9] = (char)('0' + number % 10);
    for (size_t i = 0; i < ENDINGS; i++) {
        if (endings[i].number == number) {
            name = endings[i].name;
        }
    }
    /* Without its end: the line has a length. */
    for (length = 0; name[length] != '\0'; length++) {
        line[line_bytes + length] = name[length];
    }
    return line_bytes + length;
}

bool signals_clean_up(void)
{
    return clean_up_all != NULL && clean_up_all();
}

void signals_end(int number)
{
    sigset_t set;

    if (signals_clean_up()) {
        report_line(line, end_line(number));
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void handle_ending(int number, const struct sigaction *action)
{
    struct sigaction before;

    /* What nohup and the like ignore stays ignored, and what others handle is
     * theirs. */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
        (void)sigaction(number, action, NULL);
    }
}

void signals_handle(const char *name, bool (*clean_up)(void))
{
    struct sigaction action;

    line_bytes = report_format(line, REPORT_LINE_BYTES, name,
                               "not written: the command was ended by");
    clean_up_all = clean_up;
    memset(&action, 0, sizeof action);
    action.sa_handler = signals_end;
    action.sa_mask = signals_ending();
    for (size_t i = 0; i < ENDINGS; i++) {
        handle_ending(endings[i].number, &action);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        handle_ending(number, &action);
    }
}

void signals_end_by_pipe(void)
{
    sigset_t set;

    if (!pipe_ends) {
        return;
    }
    (void)signals_clean_up();
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(SIGPIPE);
}

void signals_init(void)
{
    sigset_t set = signals_ending();

    /* The write fails, and says so. */
    pipe_ends = signal(SIGPIPE, SIG_IGN) == SIG_DFL;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}
