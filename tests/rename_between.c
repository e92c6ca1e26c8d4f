/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the command and renameat2, by LD_PRELOAD: what somebody else
 * does right before files take their names, and file systems that can do less.
 *
 * BETWEEN_RUN   a command for the shell, run before the first call
 * BETWEEN_FAIL  a name: what would be renamed to it fails, EPERM
 * BETWEEN_THEN  a command for the shell, run when that happens
 * BETWEEN_NO    exchange: names can't be exchanged; all: no flag is known */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int rename_function(int, const char *, int, const char *, unsigned);

rename_function renameat2;

static bool refuses(unsigned flags)
{
    const char *no = getenv("BETWEEN_NO");

    if (no == NULL || flags == 0) {
        return false;
    }
    return flags == RENAME_EXCHANGE || strcmp(no, "all") == 0;
}

int renameat2(int from_directory, const char *from, int to_directory,
              const char *to, unsigned flags)
{
    static rename_function *real;
    const char *run = getenv("BETWEEN_RUN");
    const char *fail = getenv("BETWEEN_FAIL");
    const char *then = getenv("BETWEEN_THEN");

    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "renameat2");

        memcpy(&real, &found, sizeof real);
        (void)unsetenv("LD_PRELOAD");
        if (run != NULL && system(run) != 0) {
            abort();
        }
    }
    if (fail != NULL && strcmp(to, fail) == 0) {
        if (then != NULL && system(then) != 0) {
            abort();
        }
        errno = EPERM;
        return -1;
    }
    if (refuses(flags)) {
        errno = EINVAL;
        return -1;
    }
    return real(from_directory, from, to_directory, to, flags);
}
