/* SPDX-License-Identifier: Apache-2.0 */
/* The command line.  Nothing is guessed: what is not given and needed, given
 * twice and meant once, or given and of no use, is an error. */
#include "report.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum option_id {
    OPT_REGIME = 256,
    OPT_ROOT,
    OPT_CR0,
    OPT_CR3,
    OPT_CR4,
    OPT_EFER,
    OPT_TTBR0,
    OPT_TTBR1,
    OPT_TCR,
    OPT_SATP,
    OPT_PA_BITS,
    OPT_NO_1G,
    OPT_NO_NX,
    OPT_NO_PSE,
    OPT_NO_WP,
    OPT_BASE,
    OPT_SEGMENT,
    OPT_RANGE,
    OPT_LIMIT,
    OPT_READS,
    OPT_FINDINGS,
    OPT_NO_MMAP,
    OPT_JSON,
    OPT_HELP,
    OPT_END,
};

static const struct option long_options[] = {
    {"regime", required_argument, NULL, OPT_REGIME},
    {"root", required_argument, NULL, OPT_ROOT},
    {"cr0", required_argument, NULL, OPT_CR0},
    {"cr3", required_argument, NULL, OPT_CR3},
    {"cr4", required_argument, NULL, OPT_CR4},
    {"efer", required_argument, NULL, OPT_EFER},
    {"ttbr0", required_argument, NULL, OPT_TTBR0},
    {"ttbr1", required_argument, NULL, OPT_TTBR1},
    {"tcr", required_argument, NULL, OPT_TCR},
    {"satp", required_argument, NULL, OPT_SATP},
    {"pa-bits", required_argument, NULL, OPT_PA_BITS},
    {"no-1g", no_argument, NULL, OPT_NO_1G},
    {"no-nx", no_argument, NULL, OPT_NO_NX},
    {"no-pse", no_argument, NULL, OPT_NO_PSE},
    {"no-wp", no_argument, NULL, OPT_NO_WP},
    {"base", required_argument, NULL, OPT_BASE},
    {"segment", required_argument, NULL, OPT_SEGMENT},
    {"range", required_argument, NULL, OPT_RANGE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"reads", required_argument, NULL, OPT_READS},
    {"findings", no_argument, NULL, OPT_FINDINGS},
    {"no-mmap", no_argument, NULL, OPT_NO_MMAP},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* What is gathered before it can be judged as a whole. */
struct arguments {
    const struct command *command;
    struct options *o;
    bool given[OPT_END - OPT_REGIME];
    const char *regime;
    struct ptw_x86_registers regs;
    struct ptw_cpu cpu;
    unsigned without;
    bool *from_cr3; /* for each root: it is a CR3 */
    char **word;    /* what is no option */
    size_t words;
};

static bool has(const struct arguments *a, enum option_id id)
{
    return a->given[id - OPT_REGIME];
}

static const char *option_name(int id)
{
    const struct option *opt = long_options;

    while (opt->name != NULL && opt->val != id) {
        opt++;
    }
    return opt->name != NULL ? opt->name : "?";
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Reads the digits of [text, end): all of it, and at least one. */
static bool parse_number(const char *text, const char *end, unsigned base,
                         uint64_t *out)
{
    uint64_t v = 0;

    if (text == end) {
        return false;
    }
    for (; text != end; text++) {
        unsigned digit = (unsigned)digit_of(*text);

        if (digit >= base || v > (UINT64_MAX - digit) / base) {
            return false;
        }
        v = v * base + digit;
    }
    *out = v;
    return true;
}

static bool parse_hex(const char *text, const char *end, uint64_t *out)
{
    if (end - text > 2 && text[0] == '0' &&
        (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    return parse_number(text, end, 16, out);
}

static bool is_hex(const char *text, uint64_t *out)
{
    return parse_hex(text, text + strlen(text), out);
}

static uint64_t hex_value(const struct arguments *a, int id)
{
    uint64_t v;

    if (!is_hex(optarg, &v)) {
        die(CLI_USAGE, a->command->name,
            "--%s '%s' is not a hexadecimal number of at most 64 bits",
            option_name(id), optarg);
    }
    return v;
}

static uint64_t decimal_value(const struct arguments *a, int id)
{
    uint64_t v;

    if (!parse_number(optarg, optarg + strlen(optarg), 10, &v)) {
        die(CLI_USAGE, a->command->name,
            "--%s '%s' is not a decimal number of at most 64 bits",
            option_name(id), optarg);
    }
    return v;
}

static void add_root(struct arguments *a, int id)
{
    struct options *o = a->o;
    uint32_t n = o->roots;

    if (n >= (uint32_t)1 << 31) {
        die(CLI_USAGE, a->command->name, "there are too many roots");
    }
    o->root = must(realloc(o->root, (n + (size_t)1) * sizeof *o->root));
    a->from_cr3 = must(realloc(a->from_cr3, n + (size_t)1));
    o->root[n].v = hex_value(a, id);
    a->from_cr3[n] = id == OPT_CR3;
    o->roots = n + 1;
}

static void add_segment(struct arguments *a)
{
    struct options *o = a->o;
    const char *first = strchr(optarg, ':');
    const char *second = first != NULL ? strchr(first + 1, ':') : NULL;
    struct segment s;

    if (second == NULL || !parse_hex(optarg, first, &s.pa) ||
        !parse_hex(first + 1, second, &s.bytes) ||
        !is_hex(second + 1, &s.offset)) {
        die(CLI_USAGE, a->command->name,
            "--segment '%s' is not PA:LENGTH:OFFSET in hexadecimal", optarg);
    }
    if (s.bytes == 0) {
        die(CLI_USAGE, a->command->name, "--segment '%s' has no length",
            optarg);
    }
    if (s.bytes - 1 > UINT64_MAX - s.pa) {
        die(CLI_USAGE, a->command->name,
            "--segment '%s' goes beyond the last physical address", optarg);
    }
    if (s.bytes - 1 > UINT64_MAX - s.offset) {
        die(CLI_USAGE, a->command->name,
            "--segment '%s' goes beyond the last offset", optarg);
    }
    o->segment =
        must(realloc(o->segment, (o->segments + 1) * sizeof *o->segment));
    o->segment[o->segments++] = s;
}

static void set_range(struct arguments *a)
{
    const char *dash = strchr(optarg, '-');
    uint64_t first;
    uint64_t last;

    if (dash == NULL || !parse_hex(optarg, dash, &first) ||
        !is_hex(dash + 1, &last)) {
        die(CLI_USAGE, a->command->name,
            "--range '%s' is not FIRST-LAST in hexadecimal", optarg);
    }
    if (first > last) {
        die(CLI_USAGE, a->command->name, "--range '%s' ends before it starts",
            optarg);
    }
    a->o->first.v = first;
    a->o->last.v = last;
}

static void set_pa_bits(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_PA_BITS);

    if (v < 32 || v > 52) {
        die(CLI_USAGE, a->command->name, "--pa-bits %s is not from 32 to 52",
            optarg);
    }
    a->cpu.pa_bits = (unsigned)v;
}

static void check_use(const struct arguments *a, enum option_id id)
{
    const char *name = a->command->name;
    unsigned takes = a->command->takes;

    if (((id == OPT_RANGE || id == OPT_LIMIT || id == OPT_READS) &&
         (takes & TAKES_WALK) == 0) ||
        (id == OPT_FINDINGS && (takes & TAKES_FINDINGS) == 0)) {
        die(CLI_USAGE, name, "it has no option --%s", option_name((int)id));
    }
    if (has(a, id) && id != OPT_ROOT && id != OPT_CR3 && id != OPT_SEGMENT &&
        id != OPT_JSON && id != OPT_HELP) {
        die(CLI_USAGE, name, "--%s is given twice", option_name((int)id));
    }
}

static void take(struct arguments *a, enum option_id id)
{
    struct options *o = a->o;

    check_use(a, id);
    a->given[id - OPT_REGIME] = true;
    switch (id) {
    case OPT_REGIME:
        a->regime = optarg;
        break;
    case OPT_ROOT:
    case OPT_CR3:
        add_root(a, (int)id);
        break;
    case OPT_CR0:
        a->regs.cr0 = hex_value(a, (int)id);
        break;
    case OPT_CR4:
        a->regs.cr4 = hex_value(a, (int)id);
        break;
    case OPT_EFER:
        a->regs.efer = hex_value(a, (int)id);
        break;
    case OPT_TTBR0:
    case OPT_TTBR1:
    case OPT_TCR:
    case OPT_SATP:
        die(CLI_USAGE, a->command->name,
            "--%s: this architecture is not supported yet",
            option_name((int)id));
    case OPT_PA_BITS:
        set_pa_bits(a);
        break;
    case OPT_NO_1G:
        a->cpu.page1g = false;
        break;
    case OPT_NO_NX:
        a->without |= PTW_NX;
        break;
    case OPT_NO_PSE:
        a->without |= PTW_PSE;
        break;
    case OPT_NO_WP:
        a->without |= PTW_WP;
        break;
    case OPT_BASE:
        o->base = hex_value(a, (int)id);
        break;
    case OPT_SEGMENT:
        add_segment(a);
        break;
    case OPT_RANGE:
        set_range(a);
        break;
    case OPT_LIMIT:
        o->limit = decimal_value(a, (int)id);
        break;
    case OPT_READS:
        o->reads = decimal_value(a, (int)id);
        break;
    case OPT_FINDINGS:
        o->findings = true;
        break;
    case OPT_NO_MMAP:
        o->no_mmap = true;
        break;
    case OPT_JSON:
        o->json = true;
        break;
    case OPT_HELP:
    case OPT_END:
        break;
    }
}

static void add_word(struct arguments *a, char *word)
{
    a->word = must(realloc(a->word, (a->words + 1) * sizeof *a->word));
    a->word[a->words++] = word;
}

/* The leading dash of the short options: what is no option comes in its place,
 * so that options may stand anywhere, whatever the environment says. */
static void gather(struct arguments *a, int argc, char **argv)
{
    int id;

    opterr = 0;
    while ((id = getopt_long(argc, argv, "-:h", long_options, NULL)) != -1) {
        if (id == 1) {
            add_word(a, optarg);
        } else if (id == 'h') {
            take(a, OPT_HELP);
        } else if (id == ':') {
            die(CLI_USAGE, a->command->name, "option %s needs a value",
                argv[optind - 1]);
        } else if (id == '?') {
            if (optopt == 0) {
                die(CLI_USAGE, a->command->name,
                    "there is no option %s, or more than one",
                    argv[optind - 1]);
            }
            if (optopt >= OPT_REGIME) {
                die(CLI_USAGE, a->command->name, "option --%s takes no value",
                    option_name(optopt));
            }
            die(CLI_USAGE, a->command->name, "there is no option -%c", optopt);
        } else {
            take(a, (enum option_id)id);
        }
    }
    while (optind < argc) {
        add_word(a, argv[optind++]);
    }
}

static void set_regime_by_name(struct arguments *a)
{
    const char *why = "";

    if (has(a, OPT_CR0) || has(a, OPT_CR4) || has(a, OPT_EFER)) {
        die(CLI_USAGE, a->command->name,
            "--regime and --cr0, --cr4, --efer exclude each other");
    }
    if (ptw_regime_by_name(a->regime, &a->cpu, a->without, &a->o->regime,
                           &why) != PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s: %s", a->regime, why);
    }
}

static void set_regime_from_registers(struct arguments *a)
{
    static const uint64_t CR0_PG = (uint64_t)1 << 31;
    static const uint64_t CR4_PAE = (uint64_t)1 << 5;
    const char *name = a->command->name;
    const char *why = "";

    if (!has(a, OPT_CR0)) {
        die(CLI_USAGE, name,
            "the paging mode is not given: --regime, or --cr0 and the other "
            "registers");
    }
    if (a->without != 0) {
        die(CLI_USAGE, name,
            "--no-nx, --no-pse and --no-wp go with --regime; the registers "
            "say it themselves");
    }
    if ((a->regs.cr0 & CR0_PG) != 0 && !has(a, OPT_CR4)) {
        die(CLI_USAGE, name, "CR0.PG is set, so --cr4 is needed too");
    }
    if ((a->regs.cr4 & CR4_PAE) != 0 && !has(a, OPT_EFER)) {
        die(CLI_USAGE, name, "CR4.PAE is set, so --efer is needed too");
    }
    if (ptw_regime_from_x86(&a->regs, &a->cpu, &a->o->regime, &why) != PTW_OK) {
        die(CLI_USAGE, name,
            "--cr0 %" PRIx64 " --cr4 %" PRIx64 " --efer %" PRIx64 ": %s",
            a->regs.cr0, a->regs.cr4, a->regs.efer, why);
    }
}

static void set_roots(struct arguments *a)
{
    struct options *o = a->o;

    if (o->roots == 0) {
        if (ptw_levels(&o->regime) > 0) {
            die(CLI_USAGE, a->command->name,
                "no root is given: --root, or --cr3");
        }
        o->root = must(calloc(1, sizeof *o->root));
        o->roots = 1;
        return;
    }
    for (uint32_t i = 0; i < o->roots; i++) {
        if (a->from_cr3[i]) {
            o->root[i] = ptw_x86_root(&o->regime, o->root[i].v);
        }
    }
}

static int by_pa(const void *left, const void *right)
{
    const struct segment *a = left;
    const struct segment *b = right;

    return (a->pa > b->pa) - (a->pa < b->pa);
}

static void check_segments(const struct arguments *a)
{
    struct options *o = a->o;

    if (o->segments == 0) {
        return;
    }
    if (has(a, OPT_BASE)) {
        die(CLI_USAGE, a->command->name,
            "--base and --segment exclude each other");
    }
    qsort(o->segment, o->segments, sizeof *o->segment, by_pa);
    for (size_t i = 1; i < o->segments; i++) {
        const struct segment *s = &o->segment[i - 1];

        if (o->segment[i].pa <= s->pa + (s->bytes - 1)) {
            die(CLI_USAGE, a->command->name,
                "two segments overlap at physical address %" PRIx64,
                o->segment[i].pa);
        }
    }
}

static bool is_file(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0;
}

/* The image is the first word when it names a file or is no number, else the
 * last one; the other words are addresses. */
static void sort_words(struct arguments *a)
{
    const char *name = a->command->name;
    unsigned takes = a->command->takes;
    struct options *o = a->o;
    size_t image = 0;
    uint64_t v;

    if (a->words == 0) {
        die(CLI_USAGE, name, "no image is given");
    }
    if ((takes & (TAKES_VA | TAKES_VAS)) == 0) {
        if (a->words > 1) {
            die(CLI_USAGE, name, "'%s' is one argument too many", a->word[1]);
        }
        o->image = a->word[0];
        return;
    }
    if (a->words < 2) {
        die(CLI_USAGE, name, "it takes an image and an address");
    }
    if ((takes & TAKES_VA) != 0 && a->words > 2) {
        die(CLI_USAGE, name, "'%s' is one argument too many", a->word[2]);
    }
    if (is_hex(a->word[0], &v) && !is_file(a->word[0])) {
        image = a->words - 1;
    }
    o->image = a->word[image];
    o->va = must(calloc(a->words - 1, sizeof *o->va));
    for (size_t i = 0; i < a->words; i++) {
        if (i == image) {
            continue;
        }
        if (!is_hex(a->word[i], &v)) {
            die(CLI_USAGE, name,
                "'%s' is not an address: a hexadecimal number of at most 64 "
                "bits",
                a->word[i]);
        }
        o->va[o->vas++].v = v;
    }
}

bool options_parse(const struct command *command, int argc, char **argv,
                   struct options *o)
{
    struct arguments a = {
        .command = command,
        .o = o,
        .cpu = ptw_cpu_widest,
    };
    bool help;

    memset(o, 0, sizeof *o);
    o->command = command->name;
    o->last.v = UINT64_MAX;
    o->limit = (uint64_t)1 << 28;
    o->reads = (uint64_t)1 << 34;
    gather(&a, argc, argv);
    help = has(&a, OPT_HELP);
    if (!help) {
        sort_words(&a);
        check_segments(&a);
        if (a.regime != NULL) {
            set_regime_by_name(&a);
        } else {
            set_regime_from_registers(&a);
        }
        set_roots(&a);
    }
    free(a.from_cr3);
    free(a.word);
    if (help) {
        options_free(o);
    }
    return !help;
}

void options_free(struct options *o)
{
    free(o->root);
    free(o->segment);
    free(o->va);
    memset(o, 0, sizeof *o);
}
