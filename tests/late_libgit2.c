/* SPDX-License-Identifier: Apache-2.0 */
/* Criterion starts libgit2 in the process of each test, and libgit2 reads all the
 * certificates of the machine: that was half of such a process's time.  What Criterion
 * wants of it is to show how two strings differ, after a test has failed.  These
 * take the place of the library's functions, and start it then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

int git_libgit2_init(void);
int git_libgit2_shutdown(void);
int git_diff_buffers(const void *old_buffer, size_t old_len,
                     const char *old_as_path, const void *new_buffer,
                     size_t new_len, const char *new_as_path,
                     const void *options, void *file, void *binary, void *hunk,
                     void *line, void *payload);

typedef int start(void);
typedef int diff_buffers(const void *, size_t, const char *, const void *,
                         size_t, const char *, const void *, void *, void *,
                         void *, void *, void *);

/* The library's own function of that name. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        abort();
    }
    return function;
}

int git_libgit2_init(void)
{
    return 1;
}

int git_libgit2_shutdown(void)
{
    return 0;
}

int git_diff_buffers(const void *old_buffer, size_t old_len,
                     const char *old_as_path, const void *new_buffer,
                     size_t new_len, const char *new_as_path,
                     const void *options, void *file, void *binary, void *hunk,
                     void *line, void *payload)
{
    static diff_buffers *diff;

    if (diff == NULL) {
        /* POSIX's way to have a function of dlsym */
        start *init;

        *(void **)&init = real("git_libgit2_init");
        *(void **)&diff = real("git_diff_buffers");
        init();
    }
    return diff(old_buffer, old_len, old_as_path, new_buffer, new_len,
                new_as_path, options, file, binary, hunk, line, payload);
}
