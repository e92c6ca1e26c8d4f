/* SPDX-License-Identifier: Apache-2.0 */
/* ptwalk COMMAND [options] IMAGE */
#include "facts.h"
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
     "what the file is, and what it says of paging"},
    {"leaves", TAKES_WALK | TAKES_JOBS | TAKES_FILTER | TAKES_ABSENT,
     leaves_run, "[options] IMAGE",
     "every leaf of every root: VA PA SIZE r w x u"},
    {"maps", TAKES_WALK | TAKES_JOBS | TAKES_FOLD | TAKES_FILTER, maps_run,
     "[options] IMAGE", "the same in runs, for people, with totals"},
    {"spaces", TAKES_WALK | TAKES_JOBS | TAKES_FINDINGS, spaces_run,
     "[options] IMAGE",
     "all roots together: leaves, and tables that are shared"},
    {"translate", TAKES_VAS | TAKES_VA_RANGES, translate_run,
     "[options] IMAGE VA...", "where an address is, or why it is not mapped"},
    {"explain", TAKES_VAS | TAKES_ACCESS | TAKES_ABSENT, explain_run,
     "[options] IMAGE VA...", "the walk of an address, level by level"},
    {"compact", TAKES_RANGE | TAKES_POLICY | TAKES_OUTPUT, compact_run,
     "[options] -o OUT IMAGE", "a dense image of what is mapped, proved equal"},
    {"verify", TAKES_RANGE | TAKES_POLICY | TAKES_OTHER, verify_run,
     "[options] A B", "whether B is what compact makes of A"},
    {"diff", TAKES_WALK | TAKES_OTHER, diff_run, "[options] A B",
     "what changed from A to B, in runs"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const char paging_help[] =
    "\n"
    "Paging mode and roots, by name or by registers:\n"
    "  --regime NAME        i686, pae, amd64, amd64-la57, sv32, sv39, sv48, "
    "sv57,\n"
    "                       bare, or\n"
    "                       aarch64-GRANULE-BITS[-lpa2][/upper]"
    "[/el2|/el3|/e2h],\n"
    "                       as aarch64-4k-48\n"
    "  --root PA            a top table; repeatable, the order is the index\n"
    "  --cr3 VALUE          the same as a register; repeatable\n"
    "  --cr0 VALUE --cr4 VALUE --efer VALUE\n"
    "  --ttbr0 VALUE --ttbr1 VALUE\n"
    "                       the roots of aarch64's halves; repeatable\n"
    "  --tcr VALUE [--sctlr VALUE --hcr VALUE --tcr2 VALUE --pir VALUE\n"
    "      --pire0 VALUE]   of the exception level --el 1, 2 or 3 (1)\n"
    "  --mair VALUE         explain: what memory types are\n"
    "  --satp VALUE         RISC-V: mode and root; repeatable\n"
    "  --xlen 32|64         the width of satp (64)\n"
    "  --no-svnapot --no-svpbmt --zicfiss\n"
    "                       RISC-V: switched off, or on\n"
    "  --adue               explain: the processor sets A and D\n"
    "  --pa-bits N          width of a physical address, 32 to 52 (52); "
    "RISC-V:\n"
    "                       to 56 (56)\n"
    "  --vendor amd|intel   whose processor; AMD's reserves bit 8 above the "
    "PD\n"
    "  --flag-bit N         bit N (32 to 51) of an address is a flag: the "
    "C-bit,\n"
    "                       TDX's shared bit, a key id's; repeatable\n"
    "  --no-1g              the processor has no 1 GiB pages\n"
    "  --no-nx --no-pse --no-wp --cet\n"
    "                       with --regime: switched off\n";

static const char options_help[] =
    "The image:\n"
    "  --base PA            physical address of its first byte (0)\n"
    "  --segment PA:LENGTH:OFFSET\n"
    "                       LENGTH bytes from PA lie at OFFSET; repeatable\n"
    "  --no-mmap            read it in pages instead of mapping it\n"
    "  --raw                it is raw memory, whatever it looks like; else a\n"
    "                       dump says itself where memory lies, and what the\n"
    "                       registers were: see info\n"
    "verify, diff: the image B; as A when none of these is given:\n"
    "  --new-root PA --new-cr3 VALUE --new-ttbr0 VALUE --new-ttbr1 VALUE\n"
    "  --new-satp VALUE     its roots, as many as those of A\n"
    "  --new-base PA --new-segment PA:LENGTH:OFFSET\n"
    "compact, and where verify has to know:\n"
    "  -o, --output OUT     the image to be made\n"
    "  --force              replace it when it is there already\n"
    "  --allow-empty        make it though nothing is mapped\n"
    "  --new-base PA        physical address of its first byte (0)\n"
    "  --tables-base PA     that of the new tables (behind the pages)\n"
    "  --max-bytes N        the largest that it may be (twice the old one's\n"
    "                       memory, and 64 MiB)\n"
    "  --page-map FILE      write OLD_PA NEW_PA BYTES of all pages\n"
    "  --map VA:PA:LENGTH[:RIGHTS]\n"
    "                       map this in every new space; repeatable\n"
    "  --leave-out FIRST-LAST\n"
    "                       not these addresses; repeatable\n"
    "  --copy-on-write      pages become copy-on-write, unless other leaves "
    "map them\n"
    "  --copy-shared        those too\n"
    "  --split              large pages become small ones\n"
    "  --merge              read-only pages of the same contents become one\n"
    "  --zeros              such pages of zeros do\n"
    "  --absent POLICY[,PARAMETER=VALUE...]\n"
    "                       what becomes of entries that are not present: "
    "keep\n"
    "                       (the bits), clear, or, with the pages that they\n"
    "                       name, as a system has them: linux, linux-plain,\n"
    "                       windows\n"
    "  --marked keep | refuse | clear\n"
    "                       leaves that carry the mark of copy-on-write "
    "before:\n"
    "                       they keep it, end this, or lose it\n";

static const char more_options_help[] =
    "Limits:\n"
    "  --range FIRST-LAST   only what touches this range\n"
    "  --limit N            stop after N leaves (268435456)\n"
    "  --reads N            stop after N entries were read (17179869184)\n"
    "  --absent SYSTEM      leaves: also entries that are not present and "
    "mean\n"
    "                       something to linux, linux-plain or windows; "
    "explain:\n"
    "                       what they mean to that one alone\n"
    "  --writable --exec --user --wx\n"
    "                       leaves, maps: only what grants that (wx: both)\n"
    "  --size SIZE          leaves, maps: only leaves of that size, as 2M\n"
    "  --pa RANGE           leaves, maps: only leaves that touch it\n"
    "  --all, --fold        maps: every run; or what repeats only once, as "
    "text\n"
    "                       does without --json\n"
    "  --findings           spaces: also what is odd about the tables\n"
    "  -j, --jobs N         leaves, maps, spaces: walk in N threads (as many\n"
    "                       as there are processors, up to 8)\n"
    "Output:\n"
    "  --json               one JSON object a line\n"
    "\n"
    "Addresses, values and lengths are hexadecimal, with or without 0x; N is\n"
    "decimal.  Exit status: 0 done, 1 the answer is no or not complete, 2\n"
    "wrong arguments, 3 something can't be read or written.  See ptwalk(1).\n";

static enum cli_status help(void)
{
    out_text(
        "usage: ptwalk COMMAND [options] IMAGE\n"
        "       ptwalk --help | --version\n"
        "\n"
        "Walks and rebuilds the page tables in an image of physical memory.\n"
        "\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        out_line("  %-9s %-23s %s\n", commands[i].name, commands[i].help,
                 commands[i].what);
    }
    out_text(paging_help);
    out_text(options_help);
    out_text(more_options_help);
    return CLI_DONE;
}

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

static enum cli_status run(const struct command *command, int argc, char **argv)
{
    struct options o;
    struct image im;
    enum cli_status status;

    if (!options_parse(command, argc, argv, &o)) {
        return help();
    }
    image_open(&im, &o);
    if (o.has_mode) {
        rights_set_regime(&o.regime);
        roots_report_empty(&o, &im);
    }
    if (command->run == maps_run && !o.json) {
        facts_print(&o);
    }
    status = command->run(&o, &im);
    image_close(&im);
    options_free(&o);
    return status;
}

int main(int argc, char **argv)
{
    enum cli_status status = CLI_USAGE;

    hold_descriptors();
    (void)setlocale(LC_CTYPE, ""); /* what a terminal takes for a character */
    signals_init();
    if (argc < 2) {
        die(CLI_USAGE, "usage", "no command is given; see ptwalk --help");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        status = help();
    } else if (strcmp(argv[1], "--version") == 0) {
        out_line("ptwalk %s\n", ptw_version_text());
        status = CLI_DONE;
    } else {
        size_t i = 0;

        while (i < COMMANDS && strcmp(argv[1], commands[i].name) != 0) {
            i++;
        }
        if (i == COMMANDS) {
            die(CLI_USAGE, "usage",
                "there is no command '%s'; see ptwalk "
                "--help",
                argv[1]);
        }
        status = run(&commands[i], argc - 1, argv + 1);
    }
    out_finish();
    return (int)status;
}
