/* SPDX-License-Identifier: Apache-2.0 */
/* Runs inputs through a target without a fuzzer: under any compiler, in a
 * debugger, on any host.
 *
 *   replay_<name> PATH...            runs files, and the files of directories
 *   replay_<name> --digest PATH...   also prints a line for each: what the
 *                                    walks gave, as one number, and the name
 *   replay_<name> --speed PATH...    also prints the processor's microseconds
 *                                    of each, as a fuzzer runs it, and in the
 *                                    end how many are run in a second
 *   replay_<name> --explain FILE     prints what an input means, and runs it; if
 *                                    it fails, also what was read last
 *   replay_<name> --brief ...        asks no more of each than a fuzzer does
 *   replay_<name> --oracles=LIST ... has only these oracles: "all,-resume", or
 *                                    "resume"; FZ_ORACLES of the environment
 *                                    does the same for a fuzzer
 *   replay_<name> --list-oracles     prints their names, and what each asks
 *   replay_<name> --seconds=N ...    an input that takes longer violates the law
 *                                    of work: N of the processor's seconds (60);
 *                                    0: none does
 *
 * Each input is run as a fuzzer runs it, and then, without --brief, once more
 * and thoroughly.
 *
 * A property violated ends it with abort.  Exit status 3: a path can't be read
 * or a directory is empty. */
#include "harness.h"
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

/* What is printed of each input. */
enum report { NAMES, DIGESTS, WORDS, SPEED };

static size_t inputs;
static bool brief;
static double seconds; /* of the processor, that the inputs took */
static unsigned long most_seconds = 60; /* of one input; 0: there is no end */

static void fail(const char *path, const char *reason)
{
    fprintf(stderr, "replay_%s: %s: %s\n", fz_target.name, path, reason);
    exit(3);
}

/* The whole of a file, in memory of exactly its size. */
static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t room = 0;

    *len = 0;
    if (f == NULL) {
        fail(path, strerror(errno));
    }
    for (;;) {
        size_t got;

        if (*len == room) {
            uint8_t *more = realloc(data, room = room == 0 ? 4096 : 2 * room);

            if (more == NULL) {
                fail(path, "out of memory");
            }
            data = more;
        }
        got = fread(data + *len, 1, room - *len, f);
        if (got == 0) {
            break;
        }
        *len += got;
    }
    if (ferror(f) != 0) {
        fail(path, "it can't be read");
    }
    (void)fclose(f);
    if (*len > 0) {
        uint8_t *exact = realloc(data, *len);

        data = exact != NULL ? exact : data;
    }
    return data;
}

/* An input that does not end is found here, and not by who waits for all. */
static void on_late(int number)
{
    (void)number;
    fz_fail(ASK_LAW, "an input takes more than %lu seconds", most_seconds);
}

static void start_clock(void)
{
    struct itimerval limit;

    memset(&limit, 0, sizeof limit);
    limit.it_value.tv_sec = (time_t)most_seconds;
    (void)signal(SIGPROF, on_late);
    (void)setitimer(ITIMER_PROF, &limit, NULL);
}

static void run_once(const uint8_t *data, size_t len)
{
    (void)LLVMFuzzerTestOneInput(data, len);
}

/* Finds out, in processes of their own, which run fails, the one that a fuzzer
 * makes or the thorough one, and whether it does so for the same cause when
 * memory is watched. */
static void find_failure(const uint8_t *data, size_t len)
{
    struct fz_outcome plain = {.status = 0};
    struct fz_outcome seen = {.status = 0};

    for (unsigned i = 0; i < (brief ? 1 : 2) && plain.status == 0; i++) {
        fz_thorough = i != 0;
        fz_watches = false;
        (void)fz_outcome_of(run_once, data, len, 0, &plain);
        fz_watches = plain.status != 0 &&
                     fz_outcome_of(run_once, data, len, 0, &seen) &&
                     fz_same_outcome(&plain, &seen);
    }
    if (plain.status != 0 && !fz_watches) {
        printf("Reads are not shown: it fails otherwise, or not at all, when "
               "nothing is lent.\n");
    }
}

static const int deaths[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};

static void say_reads(void)
{
    fz_watch_say(stderr);
}

/* The process dies of it all the same. */
static void on_death(int number)
{
    say_reads();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* What the sanitizers call, if there are any, when they end the process. */
void __sanitizer_set_death_callback(void (*callback)(void))
    __attribute__((weak));

/* Where the library crashes, the last reads are printed, too. */
static void watch_deaths(void)
{
    fz_also_say = fz_watch_say;
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_reads);
        return;
    }
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
        (void)signal(deaths[i], on_death);
    }
}

/* The words are those of the run that fails, or else of the thorough one. */
static void explain_input(const uint8_t *data, size_t len)
{
    find_failure(data, len);
    if (fz_watches) {
        watch_deaths();
    }
    if (fz_target.describe != NULL) {
        fz_target.describe(stdout, data, len);
    } else {
        fz_words = stdout;
    }
    run_once(data, len);
    fz_words = NULL;
    fz_thorough = false;
    fz_watches = false;
}

static void run_input(const uint8_t *data, size_t len)
{
    (void)LLVMFuzzerTestOneInput(data, len);
    if (!brief) {
        fz_thorough = true;
        (void)LLVMFuzzerTestOneInput(data, len);
        fz_thorough = false;
    }
}

/* How long an input takes, as a fuzzer runs it.  The first run pays for memory
 * that no later one has to touch first. */
static void time_input(const uint8_t *data, size_t len, const char *name)
{
    enum { RUNS = 4 };

    struct timespec from;
    struct timespec to;
    double took;

    (void)LLVMFuzzerTestOneInput(data, len);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (unsigned i = 0; i < RUNS; i++) {
        (void)LLVMFuzzerTestOneInput(data, len);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    took = ((double)(to.tv_sec - from.tv_sec) +
            1e-9 * (double)(to.tv_nsec - from.tv_nsec)) /
           RUNS;
    printf("%10.1f us  %s\n", 1e6 * took, name);
    seconds += took;
}

static void run_file(const char *path, const char *name, enum report report)
{
    size_t len;
    uint8_t *data = read_file(path, &len);

    /* When a property is violated, the last line says by which input. */
    if (report != DIGESTS && report != SPEED &&
        getenv("PTW_REPLAY_QUIET") == NULL) {
        fprintf(stderr, "%s\n", path);
    }
    start_clock();
    switch (report) {
    case NAMES:
        run_input(data, len);
        break;
    case DIGESTS:
        run_input(data, len);
        printf("%016" PRIx64 "  %s\n", fz_digest, name);
        break;
    case WORDS:
        explain_input(data, len);
        break;
    case SPEED:
        time_input(data, len, name);
        break;
    }
    free(data);
    inputs++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_directory(const char *path, enum report report)
{
    DIR *d = opendir(path);
    char **name = NULL;
    size_t names = 0;
    struct dirent *entry;

    if (d == NULL) {
        fail(path, strerror(errno));
    }
    while (errno = 0, (entry = readdir(d)) != NULL) {
        char **more;

        if (entry->d_name[0] == '.') {
            continue;
        }
        more = realloc(name, (names + 1) * sizeof *name);
        if (more == NULL) {
            fail(path, "out of memory");
        }
        name = more;
        name[names] = malloc(strlen(entry->d_name) + 1);
        if (name[names] == NULL) {
            fail(path, "out of memory");
        }
        strcpy(name[names++], entry->d_name);
    }
    if (errno != 0) {
        fail(path, strerror(errno));
    }
    (void)closedir(d);
    if (names == 0) {
        fail(path, "the directory has no inputs");
    }
    qsort(name, names, sizeof *name, by_name);
    for (size_t i = 0; i < names; i++) {
        size_t room = strlen(path) + strlen(name[i]) + 2;
        char *full = malloc(room);

        if (full == NULL) {
            fail(path, "out of memory");
        }
        snprintf(full, room, "%s/%s", path, name[i]);
        run_file(full, name[i], report);
        free(full);
        free(name[i]);
    }
    free(name);
}

/* The number of an option; it may be as large as a clock can be set to. */
static unsigned long seconds_of(const char *option, const char *number)
{
    char *end;
    unsigned long n = strtoul(number, &end, 10);

    if (number[0] < '0' || number[0] > '9' || *end != '\0' || n > 1000000) {
        fprintf(stderr,
                "replay_%s: %s: not a number of seconds up to 1000000\n",
                fz_target.name, option);
        exit(2);
    }
    return n;
}

/* Takes the options that go with any other, and returns where the rest
 * begins. */
static int take_options(int argc, char **argv)
{
    static const char oracles[] = "--oracles=";
    static const char limit[] = "--seconds=";
    const char *wrong;
    int first = 1;

    for (; first < argc; first++) {
        const char *word = argv[first];

        if (strcmp(word, "--brief") == 0) {
            brief = true;
        } else if (strcmp(word, "--list-oracles") == 0) {
            fz_list_oracles(stdout);
            exit(0);
        } else if (strncmp(word, limit, sizeof limit - 1) == 0) {
            most_seconds = seconds_of(word, word + sizeof limit - 1);
        } else if (strncmp(word, oracles, sizeof oracles - 1) != 0) {
            break;
        } else if (!fz_switch(word + sizeof oracles - 1, &wrong)) {
            fprintf(stderr,
                    "replay_%s: %s: '%s' begins with no oracle: see "
                    "--list-oracles\n",
                    fz_target.name, word, wrong);
            exit(2);
        }
    }
    return first;
}

/* The report that an option asks for; NAMES: it is none of these options. */
static enum report report_of(const char *option)
{
    return strcmp(option, "--digest") == 0    ? DIGESTS
           : strcmp(option, "--explain") == 0 ? WORDS
           : strcmp(option, "--speed") == 0   ? SPEED
                                              : NAMES;
}

int main(int argc, char **argv)
{
    int first = take_options(argc, argv);
    enum report report = NAMES;

    if (argc > first) {
        report = report_of(argv[first]);
        first += report != NAMES ? 1 : 0;
    }
    if (argc <= first || (argv[first][0] == '-' && argv[first][1] != '\0')) {
        fprintf(stderr,
                "usage: replay_%s [--brief] [--oracles=LIST] [--seconds=N] "
                "[--digest | --explain | --speed] PATH...\n"
                "       replay_%s --list-oracles\n",
                fz_target.name, fz_target.name);
        return 2;
    }
    for (int i = first; i < argc; i++) {
        struct stat st;

        /* The memory sanitizer does not see what stat writes. */
        memset(&st, 0, sizeof st);
        if (stat(argv[i], &st) != 0) {
            fail(argv[i], strerror(errno));
        }
        if (S_ISDIR(st.st_mode)) {
            run_directory(argv[i], report);
        } else {
            run_file(argv[i], argv[i], report);
        }
    }
    if (report == SPEED) {
        printf("%s: %zu inputs, %.0f executions in a second\n", fz_target.name,
               inputs, (double)inputs / seconds);
    } else if (report != DIGESTS) {
        printf("%zu inputs\n", inputs);
    }
    return 0;
}
