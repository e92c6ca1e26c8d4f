/* SPDX-License-Identifier: Apache-2.0 */
/* ptwalk COMMAND [options] IMAGE */
#include "facts.h"
#include "help.h"
#include "image.h"
#include "json.h"
#include "memory_types.h"
#include "options.h"
#include "print.h"
#include "roots.h"
#include "signals.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"info", TAKES_ANYTHING, info_run, "[options] IMAGE",
     "what the file is, and what it says of paging", "amd64-linux.raw"},
    {"leaves", TAKES_WALK | TAKES_JOBS | TAKES_FILTER | TAKES_ABSENT,
     leaves_run, "[options] IMAGE",
     "every leaf of every root: VA PA SIZE r w x u",
     "--regime amd64 --root 264c000 --wx amd64-linux.raw"},
    {"maps", TAKES_WALK | TAKES_JOBS | TAKES_FOLD | TAKES_FILTER, maps_run,
     "[options] IMAGE", "the same in runs, for people, with totals",
     "--regime amd64 --root 264c000 amd64-linux.raw"},
    {"spaces", TAKES_WALK | TAKES_JOBS | TAKES_FINDINGS, spaces_run,
     "[options] IMAGE",
     "all roots together: leaves, and tables that are shared",
     "--regime amd64 --root 264c000 --root 2664000 amd64-linux.raw"},
    {"translate", TAKES_VAS | TAKES_VA_RANGES, translate_run,
     "[options] IMAGE VA...", "where an address is, or why it is not mapped",
     "--regime amd64 --root 264c000 amd64-linux.raw 401234"},
    {"explain", TAKES_VAS | TAKES_ACCESS | TAKES_ABSENT, explain_run,
     "[options] IMAGE VA...", "the walk of an address, level by level",
     "--regime amd64 --root 264c000 amd64-linux.raw 401234"},
    {"compact", TAKES_RANGE | TAKES_POLICY | TAKES_OUTPUT, compact_run,
     "[options] -o OUT IMAGE", "a dense image of what is mapped, proved equal",
     "--regime amd64 --root 264c000 --zeros -o small.raw amd64-linux.raw"},
    {"verify", TAKES_RANGE | TAKES_POLICY | TAKES_OTHER, verify_run,
     "[options] A B", "whether B is what compact makes of A",
     "--regime amd64 --root 264c000 --zeros --new-root fcf6000 amd64-linux.raw "
     "small.raw"},
    {"diff", TAKES_WALK | TAKES_OTHER | TAKES_FOLD, diff_run, "[options] A B",
     "what changed from A to B, in runs",
     "--regime amd64 --root 264c000 --new-root 2664000 amd64-linux.raw "
     "amd64-linux.raw"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* Were a standard descriptor closed, the image would be opened in its place;
 * what stands there now fails to be written to, as it should. */
static void hold_descriptors(void)
{
    int fd = open("/dev/null", O_RDONLY);

    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDONLY);
    }
    if (fd > STDERR_FILENO) {
        (void)close(fd);
    }
}

/* Whoever reads objects of what is mapped reads there, too, that some of it is
 * taken for nothing.  Where a limit ended them it is not known which tables they
 * came from: threads read ahead. */
static void print_holes(const struct command *command, const struct options *o,
                        const struct image *im)
{
    bool of_one = (command->takes & TAKES_LIMIT) != 0 &&
                  (command->takes & TAKES_OTHER) == 0;
    uint64_t pa;
    json_t *j;

    if (o->json && of_one && image_holes(im, &pa)) {
        j = json_new();
        json_set_text(j, "type", "holes");
        json_set_hex(j, "table", pa);
        json_line(j);
    }
}

static enum cli_status run(const struct command *command, int argc, char **argv)
{
    struct options o;
    struct image im;
    enum cli_status status;

    if (!options_parse(command, argc, argv, &o)) {
        help_of(command);
        return CLI_DONE;
    }
    image_open(&im, &o);
    if (o.has_mode) {
        rights_set_regime(&o.regime);
        roots_report_empty(&o, &im);
        memory_types_report(&o);
    }
    if (command->run == maps_run && !o.json) {
        facts_print(&o);
    }
    status = command->run(&o, &im);
    if (status == CLI_DONE) {
        print_holes(command, &o, &im);
    }
    image_report_holes(&im);
    image_close(&im);
    options_free(&o);
    return status;
}

static const struct command *command_of(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    die(CLI_USAGE, "usage", "there is no command '%s'; see ptwalk --help",
        name);
}

/* Moves the command to the front: options may stand before it. */
static void command_first(int argc, char **argv)
{
    int at = options_skip(argc, argv);
    char *name;

    if (at == argc) {
        die(CLI_USAGE, "usage", "no command is given; see ptwalk --help");
    }
    name = argv[at];
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    argv[1] = name;
}

int main(int argc, char **argv)
{
    enum cli_status status = CLI_DONE;

    hold_descriptors();
    (void)setlocale(LC_CTYPE, ""); /* what a terminal takes for a character */
    signals_init();
    if (argc < 2) {
        die(CLI_USAGE, "usage", "no command is given; see ptwalk --help");
    }
    if (argc == 3 && strcmp(argv[1], "help") == 0) {
        help_of(command_of(argv[2]));
    } else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
               strcmp(argv[1], "help") == 0) {
        help_of_all(commands, COMMANDS);
    } else if (strcmp(argv[1], "--version") == 0) {
        out_line("ptwalk %s\n", ptw_version_text());
    } else {
        command_first(argc, argv);
        status = run(command_of(argv[1]), argc - 1, argv + 1);
    }
    out_finish();
    return (int)status;
}
