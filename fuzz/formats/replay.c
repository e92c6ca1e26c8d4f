/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the files of a directory, or single ones, through a target, and compares what
 * came of a seed with what is written down of it: lines of its name, a blank and
 * that.  --say prints such lines instead. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8192 };

static size_t inputs;
static bool says;

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* What is written down of a seed; false: nothing is. */
static bool expected(const char *name, char line[LINE])
{
    FILE *f = fopen(EXPECTED, "r");
    size_t length = strlen(name);
    bool found = false;

    while (f != NULL && !found && fgets(line, LINE, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, name, length) == 0 && line[length] == ' ';
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    if (found) {
        memmove(line, line + length + 1, strlen(line + length + 1) + 1);
    }
    return found;
}

static void compare(const char *path)
{
    const char *said = say_end();
    char line[LINE];

    if (says && *said != '\0') {
        (void)printf("%s %s\n", name_of(path), said);
    } else if (strstr(path, "/corpus/") != NULL &&
               expected(name_of(path), line) && strcmp(line, said) != 0) {
        (void)fprintf(stderr, "said: %s\nexpected: %s\n", said, line);
        check_that(false, "a seed says what is written down of it");
    }
}

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    long len;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET) != 0) {
        perror(path);
        exit(3);
    }
    /* Exactly its size, so that a sanitizer sees what is read beyond it. */
    data = malloc(len > 0 ? (size_t)len : 1);
    if (data == NULL || fread(data, 1, (size_t)len, f) != (size_t)len) {
        perror(path);
        exit(3);
    }
    (void)fclose(f);
    (void)fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(data, (size_t)len);
    compare(path);
    free(data);
    inputs++;
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    say_to(true);
    says = argc > 1 && strcmp(argv[1], "--say") == 0;
    for (int i = says ? 2 : 1; i < argc; i++) {
        struct dirent **entry;
        int n = scandir(argv[i], &entry, is_seed, alphasort);

        if (n < 0) {
            run_file(argv[i]);
        }
        for (int k = 0; k < n; k++) {
            char path[4096];

            (void)snprintf(path, sizeof path, "%s/%s", argv[i],
                           entry[k]->d_name);
            run_file(path);
            free(entry[k]);
        }
        if (n >= 0) {
            free(entry);
        }
    }
    if (inputs == 0) {
        (void)fprintf(stderr, "usage: %s PATH...\n", argv[0]);
        return 3;
    }
    return 0;
}
