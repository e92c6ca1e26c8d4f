/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzing engine that runs inputs and changes none: an archive with a main()
 * that calls the standard entry point, as those of honggfuzz and Centipede are.
 * It knows nothing of the targets.
 *
 *   fuzz_<name> PATH...    runs files, and the files of directories
 *
 * It also has what code calls that was compiled for coverage, in either way
 * (guards of edges, or counters), and says how many edges there are and how
 * many were taken.  Nothing is instrumented where it says 0.  Exit status 2: no
 * input was run. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Optional, in a target. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

/* ----------------------------------------------------------------- coverage */

void __sanitizer_cov_trace_pc_guard_init(uint32_t *first, uint32_t *end);
void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
void __sanitizer_cov_8bit_counters_init(char *first, char *end);
void __sanitizer_cov_pcs_init(const uintptr_t *first, const uintptr_t *end);
void __sanitizer_cov_trace_pc_indir(uintptr_t callee);

static size_t edges;
static size_t taken;

/* Counters are given once for each module. */
enum { MODULES = 16 };

static struct {
    const char *first;
    const char *end;
} module[MODULES];
static size_t modules;

/* A guard is 0 before it is known, and again once its edge was taken. */
void __sanitizer_cov_trace_pc_guard_init(uint32_t *first, uint32_t *end)
{
    for (uint32_t *guard = first; guard < end && *guard == 0; guard++) {
        *guard = 1;
        edges++;
    }
}

void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
    if (*guard != 0) {
        *guard = 0;
        taken++;
    }
}

void __sanitizer_cov_8bit_counters_init(char *first, char *end)
{
    if (modules < MODULES) {
        module[modules].first = first;
        module[modules++].end = end;
        edges += (size_t)(end - first);
    }
}

void __sanitizer_cov_pcs_init(const uintptr_t *first, const uintptr_t *end)
{
    (void)first;
    (void)end;
}

void __sanitizer_cov_trace_pc_indir(uintptr_t callee)
{
    (void)callee;
}

/* Comparisons and loads are told, and not looked at.  A sanitizer's runtime
 * would have these, too. */
#define COMPARED(name, type)                                                   \
    void name(type a, type b);                                                 \
    void name(type a, type b)                                                  \
    {                                                                          \
        (void)a;                                                               \
        (void)b;                                                               \
    }
COMPARED(__sanitizer_cov_trace_cmp1, uint8_t)
COMPARED(__sanitizer_cov_trace_cmp2, uint16_t)
COMPARED(__sanitizer_cov_trace_cmp4, uint32_t)
COMPARED(__sanitizer_cov_trace_cmp8, uint64_t)
COMPARED(__sanitizer_cov_trace_const_cmp1, uint8_t)
COMPARED(__sanitizer_cov_trace_const_cmp2, uint16_t)
COMPARED(__sanitizer_cov_trace_const_cmp4, uint32_t)
COMPARED(__sanitizer_cov_trace_const_cmp8, uint64_t)

void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
    (void)value;
    (void)cases;
}

#define LOADED(name)                                                           \
    void name(const void *at);                                                 \
    void name(const void *at)                                                  \
    {                                                                          \
        (void)at;                                                              \
    }
LOADED(__sanitizer_cov_load1)
LOADED(__sanitizer_cov_load2)
LOADED(__sanitizer_cov_load4)
LOADED(__sanitizer_cov_load8)
LOADED(__sanitizer_cov_load16)

/* Counters that are not 0; an edge that was taken 256 times may have one of
 * 0. */
static size_t counted(void)
{
    size_t n = 0;

    for (size_t i = 0; i < modules; i++) {
        for (const char *c = module[i].first; c < module[i].end; c++) {
            n += *c != 0 ? 1 : 0;
        }
    }
    return n;
}

/* ------------------------------------------------------------------- inputs */

static size_t inputs;

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    struct stat st;

    /* The memory sanitizer may not see what stat writes. */
    memset(&st, 0, sizeof st);
    if (f == NULL || stat(path, &st) != 0) {
        fprintf(stderr, "engine: %s can't be read\n", path);
        exit(2);
    }
    /* An input has exactly its size, so that nobody reads beyond it unseen. */
    data = malloc((size_t)st.st_size);
    if ((data == NULL && st.st_size != 0) ||
        fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
        fprintf(stderr, "engine: %s can't be read\n", path);
        exit(2);
    }
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
    free(data);
    inputs++;
}

static void run_path(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *entry;

    if (d == NULL) {
        run_file(path);
        return;
    }
    while ((entry = readdir(d)) != NULL) {
        size_t room = strlen(path) + strlen(entry->d_name) + 2;
        char *full = entry->d_name[0] == '.' ? NULL : malloc(room);

        if (full != NULL) {
            (void)snprintf(full, room, "%s/%s", path, entry->d_name);
            run_file(full);
            free(full);
        }
    }
    (void)closedir(d);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        run_path(argv[i]);
    }
    printf("engine: %zu inputs, %zu edges, %zu taken\n", inputs, edges,
           taken + counted());
    return inputs == 0 ? 2 : 0;
}
