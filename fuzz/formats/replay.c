/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the files of a directory, or single ones, through a target. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t inputs;

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
    free(data);
    inputs++;
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
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
