/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include "print.h"

/* A line or some about an option or a few, for the commands that take one of
 * them (0: all of them), or the heading of those that follow. */
struct part {
    unsigned takes;
    bool heading;
    const char *text;
};

static const struct part parts[] = {
    {0, true, "Paging mode and roots, by name or by registers:\n"},
    {0, false,
     "  --regime NAME        i686, pae, amd64, amd64-la57, sv32, sv39, sv48, "
     "sv57,\n"
     "                       bare, or\n"
     "                       "
     "aarch64-GRANULE-BITS[-lpa2][/upper][/el2|/el3|/e2h],\n"
     "                       as aarch64-4k-48\n"},
    {0, false,
     "  --root PA            a top table; repeatable, the order is the "
     "index\n"},
    {0, false,
     "  --roots FILE         roots, and what they are called: VALUE LABEL a "
     "line\n"},
    {0, false, "  --cr3 VALUE          the same as a register; repeatable\n"},
    {0, false, "  --cr0 VALUE --cr4 VALUE --efer VALUE\n"},
    {0, false,
     "  --ttbr0 VALUE --ttbr1 VALUE\n"
     "                       the roots of aarch64's halves; repeatable\n"},
    {0, false,
     "  --tcr VALUE [--sctlr VALUE --hcr VALUE --tcr2 VALUE --pir VALUE\n"
     "      --pire0 VALUE]   of the exception level --el 1, 2 or 3 (1)\n"},
    {TAKES_ACCESS | TAKES_FILTER, false,
     "  --mair VALUE, --pat VALUE\n"
     "                       what memory types are (PAT: as after a reset)\n"},
    {0, false, "  --satp VALUE         RISC-V: mode and root; repeatable\n"},
    {0, false, "  --xlen 32|64         the width of satp (64)\n"},
    {0, false,
     "  --no-svnapot --no-svpbmt --zicfiss\n"
     "                       RISC-V: switched off, or on\n"},
    {TAKES_ACCESS, false,
     "  --adue               explain: the processor sets A and D\n"},
    {0, false,
     "  --pa-bits N          width of a physical address, 32 to 52 (52); "
     "RISC-V:\n"
     "                       to 56 (56)\n"},
    {0, false,
     "  --vendor amd|intel   whose processor; AMD's reserves bit 8 above the "
     "PD\n"},
    {0, false,
     "  --flag-bit N         bit N (32 to 51) of an address is a flag: the "
     "C-bit,\n"
     "                       TDX's shared bit, a key id's; repeatable\n"},
    {0, false, "  --no-1g              the processor has no 1 GiB pages\n"},
    {0, false,
     "  --no-nx --no-pse --no-wp --cet\n"
     "                       with --regime, or what a file says: switched "
     "off;\n"
     "                       --cet: on\n"},
    {0, true, "The image:\n"},
    {0, false,
     "  --base PA            physical address of its first byte (0)\n"},
    {0, false,
     "  --segment PA:LENGTH:OFFSET\n"
     "                       LENGTH bytes from PA lie at OFFSET; repeatable\n"},
    {0, false,
     "  --no-mmap            read it in pages instead of mapping it\n"},
    {0, false,
     "  --file PA:PATH       in place of IMAGE: a file of raw memory from PA "
     "on;\n"
     "                       repeatable\n"},
    {0, false,
     "  --holes zero|unknown holes of a raw file, and what a dump leaves out: "
     "zeros,\n"
     "                       or not in the image; else the first are taken "
     "for\n"
     "                       zeros, which is said, and the second is not in "
     "it\n"},
    {0, false,
     "  --no-digest          of a manifest: do not read all of its images to "
     "check it\n"},
    {0, false,
     "  --raw                it is raw memory, whatever it looks like; else a\n"
     "                       dump says itself where memory lies, and what the\n"
     "                       registers were: see info\n"},
    {TAKES_OTHER, true,
     "verify, diff: the image B; as A, or as it says itself, without these:\n"},
    {TAKES_OTHER, false,
     "  --new-root PA --new-cr3 VALUE --new-ttbr0 VALUE --new-ttbr1 VALUE\n"},
    {TAKES_OTHER, false,
     "  --new-satp VALUE --new-roots FILE\n"
     "                       its roots, as many as those of A\n"},
    {TAKES_OTHER, false, "  --new-base PA --new-segment PA:LENGTH:OFFSET\n"},
    {TAKES_OTHER, false, "  --new-file PA:PATH   in place of B\n"},
    {TAKES_POLICY | TAKES_OUTPUT, true,
     "compact, and where verify has to know:\n"},
    {TAKES_OUTPUT, false, "  -o, --output OUT     the image to be made\n"},
    {TAKES_OUTPUT, false,
     "  --force              replace it when it is there already\n"},
    {TAKES_OUTPUT, false,
     "  --allow-empty        make it though nothing is mapped\n"},
    {TAKES_OUTPUT, false,
     "  --new-base PA        physical address of its first byte (0)\n"},
    {TAKES_OUTPUT, false,
     "  --tables-base PA     that of the new tables (behind the pages)\n"},
    {TAKES_OUTPUT, false,
     "  --max-bytes N        the largest that it may be (twice the old one's\n"
     "                       memory, and 64 MiB)\n"},
    {TAKES_OUTPUT, false,
     "  --new-layout FILE    write where memory lies in OUT: FILE is an "
     "image\n"},
    {TAKES_OUTPUT, false,
     "  --new-roots FILE     write the new roots, for --roots\n"},
    {TAKES_OUTPUT, false,
     "  --manifest FILE      write all that is to be known of OUT: FILE is an "
     "image\n"
     "                       that needs no options, and verify A FILE none "
     "either\n"},
    {TAKES_OUTPUT, false,
     "  --page-map FILE      write OLD_PA NEW_PA BYTES of all pages\n"},
    {TAKES_OUTPUT, false,
     "  --map VA:PA:LENGTH[:RIGHTS]\n"
     "                       map this in every new space; repeatable\n"},
    {TAKES_POLICY, false,
     "  --leave-out FIRST-LAST\n"
     "                       not these addresses; repeatable\n"},
    {TAKES_POLICY, false,
     "  --copy-on-write      pages become copy-on-write, unless other leaves "
     "map them\n"},
    {TAKES_POLICY, false, "  --copy-shared        those too\n"},
    {TAKES_POLICY, false,
     "  --split              large pages become small ones\n"},
    {TAKES_POLICY, false,
     "  --merge              read-only pages of the same contents become "
     "one\n"},
    {TAKES_POLICY, false, "  --zeros              such pages of zeros do\n"},
    {TAKES_POLICY, false,
     "  --absent POLICY[,PARAMETER=VALUE...]\n"
     "                       what becomes of entries that are not present: "
     "keep\n"
     "                       (the bits), clear, or, with the pages that they\n"
     "                       name, as a system has them: linux, linux-plain,\n"
     "                       windows\n"},
    {TAKES_POLICY, false,
     "  --marked keep | refuse | clear\n"
     "                       leaves that carry the mark of copy-on-write "
     "before:\n"
     "                       they keep it, end this, or lose it\n"},
    {TAKES_RANGE | TAKES_LIMIT | TAKES_ABSENT, true,
     "What is told, and how far:\n"},
    {TAKES_RANGE, false,
     "  --range FIRST-LAST   only what touches this range\n"},
    {TAKES_LIMIT, false,
     "  --limit N            stop after N leaves (268435456)\n"},
    {TAKES_RANGE, false,
     "  --reads N            stop after N entries were read (17179869184)\n"},
    {TAKES_ABSENT, false,
     "  --absent SYSTEM      leaves: also entries that are not present and "
     "mean\n"
     "                       something to linux, linux-plain or windows; "
     "explain:\n"
     "                       what they mean to that one alone\n"},
    {TAKES_FILTER, false,
     "  --writable --exec --user --wx\n"
     "                       leaves, maps: only what grants that (wx: both;\n"
     "                       aarch64: exec is x or X)\n"},
    {TAKES_FILTER, false,
     "  --global             leaves, maps: only global leaves\n"},
    {TAKES_FILTER, false,
     "  --memory-type TYPE   leaves, maps: only leaves of that type, as WB, "
     "or 0\n"},
    {TAKES_FILTER, false,
     "  --size SIZE          leaves, maps: only leaves of that size, as 2M\n"},
    {TAKES_FILTER, false,
     "  --pa RANGE           leaves, maps: only leaves that touch it\n"},
    {TAKES_FILTER, false,
     "  --attributes         leaves, maps: the memory type, and global, behind "
     "the\n"
     "                       rest\n"},
    {TAKES_FOLD, false,
     "  --all, --fold        maps, diff: every run; or what repeats only once, "
     "as\n"
     "                       text does without --json\n"},
    {TAKES_FINDINGS, false,
     "  --findings           spaces: also what is odd about the tables\n"},
    {TAKES_JOBS, false,
     "  -j, --jobs N         leaves, maps, spaces: walk in N threads, 1 to 64\n"
     "                       (as many as there are processors, up to 8)\n"},
    {0, true, "Output:\n"},
    {0, false,
     "  --color WHEN         auto (on a terminal, without NO_COLOR), always, "
     "never\n"},
    {0, false, "  --json               one JSON object a line\n"},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

static const char tail[] =
    "\n"
    "Addresses, values and lengths are hexadecimal, with or without 0x; N is\n"
    "decimal.  Exit status: 0 done, 1 the answer is no or not complete, 2\n"
    "wrong arguments, 3 something can't be read or written.  See ptwalk(1).\n";

static void print_parts(const struct command *one)
{
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *p = &parts[i];

        if (one == NULL || p->takes == 0 || (p->takes & one->takes) != 0) {
            out_text(p->text);
        }
    }
    out_text(tail);
}

void help_of_all(const struct command *command, size_t commands)
{
    out_text(
        "usage: ptwalk COMMAND [options] IMAGE\n"
        "       ptwalk COMMAND --help\n"
        "       ptwalk --help | --version\n"
        "\n"
        "Walks and rebuilds the page tables in an image of physical memory.\n"
        "\n");
    for (size_t i = 0; i < commands; i++) {
        out_line("  %-9s %-23s %s\n", command[i].name, command[i].help,
                 command[i].what);
    }
    out_text("\n");
    print_parts(NULL);
}

void help_of(const struct command *command)
{
    out_line("usage: ptwalk %s %s\n\n%s.\n\n", command->name, command->help,
             command->what);
    out_text("For example, of the guest that ships with ptwalk "
             "(tests/images/amd64-linux,\nunpacked with zstd -d):\n\n");
    out_line("    ptwalk %s %s\n\n", command->name, command->example);
    print_parts(command);
}
