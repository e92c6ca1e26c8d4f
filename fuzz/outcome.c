/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes the cause out of what the process said. */
static void find_cause(char *cause, FILE *from)
{
    static char line[4096];

    while (fgets(line, sizeof line, from) != NULL) {
        const char *is = NULL;

        if (strncmp(line, "cause: ", 7) == 0) {
            is = line + 7;
        } else if (strncmp(line, "SUMMARY: ", 9) == 0 && cause[0] == '\0') {
            is = line + 9;
        }
        if (is != NULL) {
            snprintf(cause, FZ_CAUSE, "%.*s", FZ_CAUSE - 1, is);
            cause[strcspn(cause, "\n")] = '\0';
        }
    }
}

bool fz_outcome_of(void (*run)(const uint8_t *data, size_t size),
                   const uint8_t *data, size_t size, unsigned seconds,
                   struct fz_outcome *out)
{
    FILE *from;
    int to[2];
    pid_t pid;

    memset(out, 0, sizeof *out);
    if (pipe(to) != 0) {
        return false;
    }
    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        (void)close(to[0]);
        (void)close(to[1]);
        return false;
    }
    if (pid == 0) {
        (void)close(to[0]);
        if (dup2(to[1], STDERR_FILENO) >= 0 &&
            freopen("/dev/null", "w", stdout) != NULL) {
            (void)alarm(seconds);
            run(data, size);
        }
        _exit(0);
    }
    (void)close(to[1]);
    from = fdopen(to[0], "r");
    if (from != NULL) {
        find_cause(out->cause, from);
        (void)fclose(from);
    }
    while (waitpid(pid, &out->status, 0) < 0 && errno == EINTR) {
    }
    return from != NULL;
}

bool fz_same_outcome(const struct fz_outcome *a, const struct fz_outcome *b)
{
    return a->status == b->status && strcmp(a->cause, b->cause) == 0;
}
