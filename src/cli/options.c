/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "print.h"
#include "report.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
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
    OPT_FLAG_BIT,
    OPT_VENDOR,
    OPT_NO_1G,
    OPT_NO_NX,
    OPT_NO_PSE,
    OPT_NO_WP,
    OPT_CET,
    OPT_BASE,
    OPT_SEGMENT,
    OPT_RANGE,
    OPT_LIMIT,
    OPT_READS,
    OPT_FINDINGS,
    OPT_OUTPUT,
    OPT_FORCE,
    OPT_ALLOW_EMPTY,
    OPT_PAGE_MAP,
    OPT_MAX_BYTES,
    OPT_MAP,
    OPT_LEAVE_OUT,
    OPT_COPY_ON_WRITE,
    OPT_COPY_SHARED,
    OPT_SPLIT,
    OPT_MERGE,
    OPT_ZEROS,
    OPT_ABSENT,
    OPT_MARKED,
    OPT_NEW_ROOT,
    OPT_NEW_CR3,
    OPT_NEW_BASE,
    OPT_TABLES_BASE,
    OPT_NEW_SEGMENT,
    OPT_NO_MMAP,
    OPT_RAW,
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
    {"flag-bit", required_argument, NULL, OPT_FLAG_BIT},
    {"vendor", required_argument, NULL, OPT_VENDOR},
    {"no-nx", no_argument, NULL, OPT_NO_NX},
    {"no-pse", no_argument, NULL, OPT_NO_PSE},
    {"no-wp", no_argument, NULL, OPT_NO_WP},
    {"cet", no_argument, NULL, OPT_CET},
    {"base", required_argument, NULL, OPT_BASE},
    {"segment", required_argument, NULL, OPT_SEGMENT},
    {"range", required_argument, NULL, OPT_RANGE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"reads", required_argument, NULL, OPT_READS},
    {"findings", no_argument, NULL, OPT_FINDINGS},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"force", no_argument, NULL, OPT_FORCE},
    {"allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY},
    {"page-map", required_argument, NULL, OPT_PAGE_MAP},
    {"max-bytes", required_argument, NULL, OPT_MAX_BYTES},
    {"map", required_argument, NULL, OPT_MAP},
    {"leave-out", required_argument, NULL, OPT_LEAVE_OUT},
    {"copy-on-write", no_argument, NULL, OPT_COPY_ON_WRITE},
    {"copy-shared", no_argument, NULL, OPT_COPY_SHARED},
    {"split", no_argument, NULL, OPT_SPLIT},
    {"merge", no_argument, NULL, OPT_MERGE},
    {"zeros", no_argument, NULL, OPT_ZEROS},
    {"absent", required_argument, NULL, OPT_ABSENT},
    {"marked", required_argument, NULL, OPT_MARKED},
    {"new-root", required_argument, NULL, OPT_NEW_ROOT},
    {"new-cr3", required_argument, NULL, OPT_NEW_CR3},
    {"new-base", required_argument, NULL, OPT_NEW_BASE},
    {"tables-base", required_argument, NULL, OPT_TABLES_BASE},
    {"new-segment", required_argument, NULL, OPT_NEW_SEGMENT},
    {"no-mmap", no_argument, NULL, OPT_NO_MMAP},
    {"raw", no_argument, NULL, OPT_RAW},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* Which commands have an option (0: all of them), whether it may be given more
 * than once, and what it switches on. */
static const struct rule {
    unsigned takes;
    bool repeatable;
    enum ptw_rebuild_flag policy;
} rules[OPT_END - OPT_REGIME] = {
#define RULE(id) [(id)-OPT_REGIME]
    RULE(OPT_ROOT) = {.repeatable = true},
    RULE(OPT_CR3) = {.repeatable = true},
    RULE(OPT_FLAG_BIT) = {.repeatable = true},
    RULE(OPT_SEGMENT) = {.repeatable = true},
    RULE(OPT_RANGE) = {.takes = TAKES_RANGE},
    RULE(OPT_LIMIT) = {.takes = TAKES_LIMIT},
    RULE(OPT_READS) = {.takes = TAKES_RANGE},
    RULE(OPT_FINDINGS) = {.takes = TAKES_FINDINGS},
    RULE(OPT_OUTPUT) = {.takes = TAKES_OUTPUT},
    RULE(OPT_FORCE) = {.takes = TAKES_OUTPUT},
    RULE(OPT_ALLOW_EMPTY) = {.takes = TAKES_OUTPUT},
    RULE(OPT_PAGE_MAP) = {.takes = TAKES_OUTPUT},
    RULE(OPT_MAX_BYTES) = {.takes = TAKES_OUTPUT},
    RULE(OPT_MAP) = {.takes = TAKES_OUTPUT, .repeatable = true},
    RULE(OPT_LEAVE_OUT) = {.takes = TAKES_POLICY, .repeatable = true},
    RULE(OPT_COPY_ON_WRITE) = {.takes = TAKES_POLICY,
                               .policy = PTW_REBUILD_COPY_ON_WRITE},
    RULE(OPT_COPY_SHARED) = {.takes = TAKES_POLICY,
                             .policy = PTW_REBUILD_COPY_SHARED},
    RULE(OPT_SPLIT) = {.takes = TAKES_POLICY, .policy = PTW_REBUILD_SPLIT},
    RULE(OPT_MERGE) = {.takes = TAKES_POLICY, .policy = PTW_REBUILD_MERGE},
    RULE(OPT_ZEROS) = {.takes = TAKES_POLICY, .policy = PTW_REBUILD_ZEROS},
    RULE(OPT_ABSENT) = {.takes = TAKES_POLICY},
    RULE(OPT_MARKED) = {.takes = TAKES_POLICY},
    RULE(OPT_NEW_ROOT) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_CR3) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_BASE) = {.takes = TAKES_OTHER | TAKES_OUTPUT},
    RULE(OPT_TABLES_BASE) = {.takes = TAKES_OUTPUT},
    RULE(OPT_NEW_SEGMENT) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_JSON) = {.repeatable = true},
    RULE(OPT_HELP) = {.repeatable = true},
#undef RULE
};

/* What is said about one image. */
struct place {
    ptw_pa *root;
    bool *from_cr3; /* for each root: it is a CR3 */
    uint32_t roots;
    struct segment *segment;
    size_t segments;
    uint64_t base;
    bool has_base;
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
    unsigned with;
    struct place image;
    struct place other; /* the second one, or the one that is made */
    char **word;        /* what is no option */
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

static void add_root(struct arguments *a, struct place *p, int id)
{
    uint32_t n = p->roots;

    if (n >= (uint32_t)1 << 31) {
        die(CLI_USAGE, a->command->name, "there are too many roots");
    }
    p->root = must(realloc(p->root, (n + (size_t)1) * sizeof *p->root));
    p->from_cr3 = must(realloc(p->from_cr3, n + (size_t)1));
    p->root[n].v = hex_value(a, id);
    p->from_cr3[n] = id == OPT_CR3 || id == OPT_NEW_CR3;
    p->roots = n + 1;
}

static void set_base(struct arguments *a, struct place *p, int id)
{
    p->base = hex_value(a, id);
    p->has_base = true;
    if (p->base % PAGE_BYTES != 0 &&
        (id == OPT_BASE || (a->command->takes & TAKES_OTHER) != 0)) {
        die(CLI_USAGE, a->command->name,
            "--%s '%s' is no multiple of a page, which is 1000: where one that "
            "is cut in two lies, --segment can say",
            option_name(id), optarg);
    }
}

/* Splits optarg at colons: at most `room` hexadecimal numbers, and whatever
 * follows them.  Returns how many there are; NULL in *rest: nothing follows. */
static size_t parse_fields(uint64_t *field, size_t room, const char **rest)
{
    const char *text = optarg;
    size_t n = 0;

    *rest = text;
    while (n < room && *rest != NULL) {
        const char *end = strchr(text, ':');

        if (!parse_hex(text, end != NULL ? end : text + strlen(text),
                       &field[n])) {
            break;
        }
        n++;
        *rest = text = end != NULL ? end + 1 : NULL;
    }
    return n;
}

static void add_segment(struct arguments *a, struct place *p, int id)
{
    const char *command = a->command->name;
    const char *name = option_name(id);
    const char *rest;
    uint64_t field[3];
    struct segment s;

    if (parse_fields(field, 3, &rest) != 3 || rest != NULL) {
        die(CLI_USAGE, command,
            "--%s '%s' is not PA:LENGTH:OFFSET in hexadecimal", name, optarg);
    }
    s.pa = field[0];
    s.bytes = field[1];
    s.offset = field[2];
    if (s.bytes == 0) {
        die(CLI_USAGE, command, "--%s '%s' has no length", name, optarg);
    }
    if (s.bytes - 1 > UINT64_MAX - s.pa) {
        die(CLI_USAGE, command,
            "--%s '%s' goes beyond the last physical address", name, optarg);
    }
    if (s.bytes - 1 > UINT64_MAX - s.offset) {
        die(CLI_USAGE, command, "--%s '%s' goes beyond the last offset", name,
            optarg);
    }
    p->segment =
        must(realloc(p->segment, (p->segments + 1) * sizeof *p->segment));
    p->segment[p->segments++] = s;
}

static struct ptw_va_range range_value(const struct arguments *a, int id)
{
    const char *dash = strchr(optarg, '-');
    const char *name = option_name(id);
    struct ptw_va_range range;

    if (dash == NULL || !parse_hex(optarg, dash, &range.first.v) ||
        !is_hex(dash + 1, &range.last.v)) {
        die(CLI_USAGE, a->command->name,
            "--%s '%s' is not FIRST-LAST in hexadecimal", name, optarg);
    }
    if (range.first.v > range.last.v) {
        die(CLI_USAGE, a->command->name, "--%s '%s' ends before it starts",
            name, optarg);
    }
    return range;
}

static void set_range(struct arguments *a)
{
    struct ptw_va_range range = range_value(a, OPT_RANGE);

    a->o->range = optarg;
    a->o->first = range.first;
    a->o->last = range.last;
}

static bool whole_pages(uint64_t first, uint64_t last)
{
    return (first & (PAGE_BYTES - 1)) == 0 && (~last & (PAGE_BYTES - 1)) == 0;
}

PTW_NORETURN static void die_of_pages(const struct arguments *a, int id,
                                      const char *value)
{
    die(CLI_USAGE, a->command->name,
        "--%s '%s' is not whole pages: from the first byte of one to the last "
        "byte of one",
        option_name(id), value);
}

static void add_leave_out(struct arguments *a)
{
    struct options *o = a->o;
    struct ptw_va_range range = range_value(a, OPT_LEAVE_OUT);

    if (!whole_pages(range.first.v, range.last.v)) {
        die_of_pages(a, OPT_LEAVE_OUT, optarg);
    }
    o->leave_out =
        must(realloc(o->leave_out, (o->leave_outs + 1) * sizeof range));
    o->leave_out[o->leave_outs++] = range;
}

/* Reads the letters of rights, each at most once; 0 when that is not so, or when
 * there is none. */
static unsigned parse_rights(const char *text)
{
    unsigned rights = 0;

    for (; *text != '\0'; text++) {
        unsigned right = ptw_right_of(*text);

        if (right == 0 || (rights & right) != 0) {
            return 0;
        }
        rights |= right;
    }
    return rights;
}

static void add_map(struct arguments *a)
{
    struct options *o = a->o;
    const char *name = a->command->name;
    const char *rest;
    uint64_t field[3];
    struct ptw_map_request q;

    memset(&q, 0, sizeof q);
    if (parse_fields(field, 3, &rest) != 3) {
        die(CLI_USAGE, name,
            "--map '%s' is not VA:PA:LENGTH or VA:PA:LENGTH:RIGHTS", optarg);
    }
    if (rest != NULL && (q.rights = parse_rights(rest)) == 0) {
        die(CLI_USAGE, name,
            "--map '%s': the rights are not r and some of w, x, u", optarg);
    }
    if (field[2] == 0 || field[2] - 1 > UINT64_MAX - field[0] ||
        field[2] - 1 > UINT64_MAX - field[1]) {
        die(CLI_USAGE, name, "--map '%s' has no length, or too much of it",
            optarg);
    }
    if (!whole_pages(field[0], field[0] + (field[2] - 1)) ||
        !whole_pages(field[1], field[1] + (field[2] - 1))) {
        die(CLI_USAGE, name, "--map '%s' is not whole pages", optarg);
    }
    q.first.v = field[0];
    q.last.v = field[0] + (field[2] - 1);
    q.pa.v = field[1];
    o->map = must(realloc(o->map, (o->maps + 1) * sizeof q));
    o->map[o->maps++] = q;
}

/* A parameter of a policy for entries that are not present. */
enum parameter_id {
    MIGRATION,
    SWAP_TYPE_AT,
    FRAME_BITS,
    MASK,
    PAGE_FILE_AT,
    PARAMETERS
};

static const struct parameter {
    const char *name;
    unsigned base;     /* of its number */
    unsigned policies; /* a set of 1 << enum ptw_absent_policy */
    const char *values;
} parameters[PARAMETERS] = {
    [MIGRATION] = {"migration", 10,
                   1 << PTW_ABSENT_LINUX | 1 << PTW_ABSENT_LINUX_PLAIN,
                   "a swap type from 16 to 31"},
    [SWAP_TYPE_AT] = {"swap-type-at", 10, 1 << PTW_ABSENT_LINUX_PLAIN,
                      "the lowest bit of the swap type, 1 or 9"},
    [FRAME_BITS] = {"frame-bits", 10,
                    1 << PTW_ABSENT_LINUX | 1 << PTW_ABSENT_LINUX_PLAIN |
                        1 << PTW_ABSENT_WINDOWS,
                    "from 1 to 40 bits"},
    [MASK] = {"mask", 16, 1 << PTW_ABSENT_WINDOWS, "a hexadecimal number"},
    [PAGE_FILE_AT] = {"page-file-at", 10, 1 << PTW_ABSENT_WINDOWS,
                      "the lowest bit of the page file's number, 1 or 12"},
};

/* Adds ", name" to what is listed so far. */
static void list(char *text, size_t room, const char *name)
{
    size_t used = strlen(text);

    (void)snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "",
                   name);
}

PTW_NORETURN static void die_of_parameter(const struct arguments *a,
                                          const char *name, size_t length)
{
    char known[128] = "";

    for (unsigned i = 0; i < PARAMETERS; i++) {
        if ((parameters[i].policies >> a->o->absent.policy & 1) != 0) {
            list(known, sizeof known, parameters[i].name);
        }
    }
    die(CLI_USAGE, a->command->name,
        "--absent '%s': %s has no parameter '%.*s'; it has %s", optarg,
        ptw_absent_name(a->o->absent.policy), (int)length, name,
        known[0] != '\0' ? known : "none");
}

/* Sets a parameter; false when its value can be none.  Whether the value fits the
 * regime is looked at when there is one. */
static bool set_parameter(struct ptw_absent *absent, enum parameter_id id,
                          uint64_t v)
{
    switch (id) {
    case MIGRATION:
        if (v < 16 || v > 31) {
            return false;
        }
        absent->migration |= (uint32_t)1 << v;
        return true;
    case SWAP_TYPE_AT:
        absent->type_at = (unsigned)v;
        return v == 1 || v == 9;
    case FRAME_BITS:
        absent->frame_bits = (unsigned)v;
        return v >= 1 && v <= 40;
    case MASK:
        absent->mask = v;
        return true;
    case PAGE_FILE_AT:
        absent->page_file_at = (unsigned)v;
        return v == 1 || v == 12;
    case PARAMETERS:
        break;
    }
    return false;
}

/* NAME=VALUE, which ends at `end`. */
static void add_parameter(struct arguments *a, const char *text,
                          const char *end, unsigned *given)
{
    const char *equals = memchr(text, '=', (size_t)(end - text));
    size_t length = (size_t)((equals != NULL ? equals : end) - text);
    struct options *o = a->o;
    bool right = false;
    unsigned i = 0;
    uint64_t v;

    while (i < PARAMETERS &&
           ((parameters[i].policies >> o->absent.policy & 1) == 0 ||
            strlen(parameters[i].name) != length ||
            memcmp(parameters[i].name, text, length) != 0)) {
        i++;
    }
    if (i == PARAMETERS) {
        die_of_parameter(a, text, length);
    }
    if (i != MIGRATION && (*given >> i & 1) != 0) {
        die(CLI_USAGE, a->command->name, "--absent '%s': %s is given twice",
            optarg, parameters[i].name);
    }
    *given |= 1u << i;
    if (equals != NULL) {
        right = parameters[i].base == 16
                    ? parse_hex(equals + 1, end, &v)
                    : parse_number(equals + 1, end, parameters[i].base, &v);
        right = right && set_parameter(&o->absent, (enum parameter_id)i, v);
    }
    if (!right) {
        die(CLI_USAGE, a->command->name, "--absent '%s': %s is %s", optarg,
            parameters[i].name, parameters[i].values);
    }
}

static void set_absent(struct arguments *a)
{
    size_t length = strcspn(optarg, ",");
    const char *at = optarg + length;
    char known[128] = "";
    struct options *o = a->o;
    unsigned given = 0;
    int policy = 0;

    o->absent_text = optarg;
    for (; policy < PTW_ABSENT_POLICIES; policy++) {
        const char *name = ptw_absent_name((enum ptw_absent_policy)policy);

        if (strlen(name) == length && memcmp(name, optarg, length) == 0) {
            break;
        }
        list(known, sizeof known, name);
    }
    if (policy == PTW_ABSENT_POLICIES) {
        die(CLI_USAGE, a->command->name,
            "--absent '%s': there is no policy '%.*s'; there are %s", optarg,
            (int)length, optarg, known);
    }
    o->absent.policy = (enum ptw_absent_policy)policy;
    while (*at == ',') {
        const char *text = at + 1;

        at = text + strcspn(text, ",");
        add_parameter(a, text, at, &given);
    }
}

static void set_marked(struct arguments *a)
{
    static const struct {
        const char *name;
        unsigned policy;
    } choices[] = {
        {"keep", 0},
        {"refuse", PTW_REBUILD_REFUSE_MARKED},
        {"clear", PTW_REBUILD_CLEAR_MARKED},
    };
    char known[32] = "";

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (strcmp(optarg, choices[i].name) == 0) {
            a->o->has_marked = true;
            a->o->policy |= choices[i].policy;
            return;
        }
        list(known, sizeof known, choices[i].name);
    }
    die(CLI_USAGE, a->command->name, "--marked '%s': it is one of %s", optarg,
        known);
}

static const char *name_value(const struct arguments *a, int id)
{
    if (*optarg == '\0') {
        die(CLI_USAGE, a->command->name, "%s: an empty name",
            id == OPT_OUTPUT ? "-o" : "--page-map");
    }
    return optarg;
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

static void add_flag_bit(struct arguments *a)
{
    uint64_t v = decimal_value(a, OPT_FLAG_BIT);
    uint64_t bit;

    if (v < 32 || v > 51) {
        die(CLI_USAGE, a->command->name, "--flag-bit %s is not from 32 to 51",
            optarg);
    }
    bit = (uint64_t)1 << v;
    if ((a->cpu.flag_bits & bit) != 0) {
        die(CLI_USAGE, a->command->name, "--flag-bit %s is given twice",
            optarg);
    }
    a->cpu.flag_bits |= bit;
}

static void set_vendor(struct arguments *a)
{
    a->cpu.amd = strcmp(optarg, "amd") == 0;
    if (!a->cpu.amd && strcmp(optarg, "intel") != 0) {
        die(CLI_USAGE, a->command->name, "--vendor '%s' is not amd or intel",
            optarg);
    }
}

static void check_use(const struct arguments *a, enum option_id id)
{
    const struct rule *rule = &rules[id - OPT_REGIME];
    const char *name = a->command->name;

    if (rule->takes != 0 && (rule->takes & a->command->takes) == 0) {
        die(CLI_USAGE, name, "it has no option --%s", option_name((int)id));
    }
    if (has(a, id) && !rule->repeatable) {
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
        add_root(a, &a->image, (int)id);
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
    case OPT_FLAG_BIT:
        add_flag_bit(a);
        break;
    case OPT_VENDOR:
        set_vendor(a);
        break;
    case OPT_NO_1G:
        a->cpu.page1g = false;
        break;
    case OPT_NO_NX:
        a->without |= PTW_X86_NX;
        break;
    case OPT_NO_PSE:
        a->without |= PTW_X86_PSE;
        break;
    case OPT_NO_WP:
        a->without |= PTW_X86_WP;
        break;
    case OPT_CET:
        a->with |= PTW_X86_CET;
        break;
    case OPT_BASE:
        set_base(a, &a->image, (int)id);
        break;
    case OPT_SEGMENT:
        add_segment(a, &a->image, (int)id);
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
    case OPT_OUTPUT:
        o->output = name_value(a, (int)id);
        break;
    case OPT_FORCE:
        o->force = true;
        break;
    case OPT_ALLOW_EMPTY:
        o->allow_empty = true;
        break;
    case OPT_PAGE_MAP:
        o->page_map = name_value(a, (int)id);
        break;
    case OPT_MAX_BYTES:
        o->max_bytes = decimal_value(a, (int)id);
        o->has_max_bytes = true;
        break;
    case OPT_MAP:
        add_map(a);
        break;
    case OPT_LEAVE_OUT:
        add_leave_out(a);
        break;
    case OPT_COPY_ON_WRITE:
    case OPT_COPY_SHARED:
    case OPT_SPLIT:
    case OPT_MERGE:
    case OPT_ZEROS:
        o->policy |= (unsigned)rules[id - OPT_REGIME].policy;
        break;
    case OPT_ABSENT:
        set_absent(a);
        break;
    case OPT_MARKED:
        set_marked(a);
        break;
    case OPT_NEW_ROOT:
    case OPT_NEW_CR3:
        add_root(a, &a->other, (int)id);
        break;
    case OPT_NEW_BASE:
        set_base(a, &a->other, (int)id);
        break;
    case OPT_TABLES_BASE:
        o->tables_base = hex_value(a, (int)id);
        o->has_tables_base = true;
        break;
    case OPT_NEW_SEGMENT:
        add_segment(a, &a->other, (int)id);
        break;
    case OPT_NO_MMAP:
        o->no_mmap = true;
        break;
    case OPT_RAW:
        o->raw = true;
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

/* A long option that is none, or could be more than one. */
PTW_NORETURN static void die_of_name(const struct arguments *a,
                                     const char *text)
{
    size_t length = strcspn(text + 2, "=");

    if (strcmp(text, "--version") == 0) {
        die(CLI_USAGE, a->command->name,
            "--version goes without a command: ptwalk --version");
    }
    for (const struct option *opt = long_options; opt->name != NULL; opt++) {
        if (strncmp(opt->name, text + 2, length) == 0) {
            die(CLI_USAGE, a->command->name,
                "option %s is ambiguous: --%s, for instance", text, opt->name);
        }
    }
    die(CLI_USAGE, a->command->name, "there is no option %s", text);
}

/* The leading dash of the short options: what is no option comes in its place,
 * so that options may stand anywhere, whatever the environment says. */
static void gather(struct arguments *a, int argc, char **argv)
{
    int id;

    opterr = 0;
    while ((id = getopt_long(argc, argv, "-:ho:", long_options, NULL)) != -1) {
        if (id == 1) {
            add_word(a, optarg);
        } else if (id == 'h') {
            take(a, OPT_HELP);
        } else if (id == 'o') {
            take(a, OPT_OUTPUT);
        } else if (id == ':') {
            die(CLI_USAGE, a->command->name, "option %s needs a value",
                argv[optind - 1]);
        } else if (id == '?') {
            if (optopt == 0) {
                die_of_name(a, argv[optind - 1]);
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
    if (ptw_regime_with(&a->o->regime, a->with, &a->o->regime, &why) !=
        PTW_OK) {
        die(CLI_USAGE, a->command->name, "--regime %s --cet: %s", a->regime,
            why);
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
    if (a->without != 0 || a->with != 0) {
        die(CLI_USAGE, name,
            "--no-nx, --no-pse, --no-wp and --cet go with --regime; the "
            "registers say it themselves");
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

/* The roots of an image as they are given; false when there are none. */
static bool take_roots(const struct place *p, struct options *o)
{
    uint64_t flag_bits = ptw_root_flags(&o->regime);

    o->root = p->root;
    o->roots = p->roots;
    o->root_flags = must(calloc(p->roots + 1u, sizeof *o->root_flags));
    o->cr3 = must(calloc(p->roots + 1u, sizeof *o->cr3));
    for (uint32_t i = 0; i < p->roots; i++) {
        uint64_t value = p->root[i].v;

        o->root_flags[i] = value & flag_bits;
        o->root[i].v = value & ~flag_bits;
        if (p->from_cr3[i]) {
            o->cr3[i] = value;
            o->root[i] = ptw_x86_root(&o->regime, value);
        }
    }
    return p->roots > 0;
}

static void set_roots(struct arguments *a)
{
    struct options *o = a->o;

    if (take_roots(&a->image, o)) {
        return;
    }
    if (ptw_levels(&o->regime) > 0) {
        die(CLI_USAGE, a->command->name, "no root is given: --root, or --cr3");
    }
    o->root = must(calloc(1, sizeof *o->root));
    o->roots = 1;
}

static int by_pa(const void *left, const void *right)
{
    const struct segment *a = left;
    const struct segment *b = right;

    return (a->pa > b->pa) - (a->pa < b->pa);
}

/* Where an image lies, as it is given. */
static void take_layout(const struct arguments *a, const struct place *p,
                        const char *prefix, struct options *o)
{
    o->base = p->base;
    o->segment = p->segment;
    o->segments = p->segments;
    if (o->segments == 0) {
        return;
    }
    if (p->has_base) {
        die(CLI_USAGE, a->command->name,
            "--%sbase and --%ssegment exclude each other", prefix, prefix);
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

static void *copy_of(const void *array, size_t bytes)
{
    void *copy = must(malloc(bytes > 0 ? bytes : 1));

    if (bytes > 0) {
        memcpy(copy, array, bytes);
    }
    return copy;
}

/* The second image has all of the first one's options but for where it is, how
 * it lies and what its roots are; and these too when nothing is said of it. */
static void set_other(struct arguments *a)
{
    struct options *o = a->o;
    struct options *other = copy_of(o, sizeof *o);
    bool as_the_first =
        a->other.roots == 0 && a->other.segments == 0 && !a->other.has_base;

    o->other = other;
    other->image = a->word[1];
    if (!take_roots(&a->other, other)) {
        free(other->root_flags);
        free(other->cr3);
        other->root = copy_of(o->root, o->roots * sizeof *o->root);
        other->root_flags =
            copy_of(o->root_flags, o->roots * sizeof *o->root_flags);
        other->cr3 = copy_of(o->cr3, o->roots * sizeof *o->cr3);
        other->roots = o->roots;
    }
    if (other->roots != o->roots) {
        die(CLI_USAGE, a->command->name,
            "%s has %" PRIu32 " root%s and %s %" PRIu32
            ": --new-root is needed as often as --root",
            o->image, o->roots, o->roots == 1 ? "" : "s", other->image,
            other->roots);
    }
    if (as_the_first) {
        other->segment = copy_of(o->segment, o->segments * sizeof *o->segment);
    } else {
        take_layout(a, &a->other, "new-", other);
    }
}

static int by_first(const void *left, const void *right)
{
    const struct ptw_va_range *a = left;
    const struct ptw_va_range *b = right;

    return (a->first.v > b->first.v) - (a->first.v < b->first.v);
}

static void check_leave_outs(const struct arguments *a)
{
    struct options *o = a->o;

    if (o->leave_outs == 0) {
        return;
    }
    qsort(o->leave_out, o->leave_outs, sizeof *o->leave_out, by_first);
    for (size_t i = 1; i < o->leave_outs; i++) {
        if (o->leave_out[i].first.v <= o->leave_out[i - 1].last.v) {
            die(CLI_USAGE, a->command->name,
                "two ranges that are left out overlap at address %016" PRIx64,
                o->leave_out[i].first.v);
        }
    }
}

/* Where images are rebuilt or compared, a range is of whole pages; and nothing
 * that differs is no answer where nothing can be.  Addresses that no table can
 * map lie side by side. */
static void check_range(const struct arguments *a)
{
    const struct options *o = a->o;

    if (!has(a, OPT_RANGE) ||
        (a->command->takes & (TAKES_POLICY | TAKES_OTHER)) == 0) {
        return;
    }
    if (!whole_pages(o->first.v, o->last.v)) {
        die_of_pages(a, OPT_RANGE, o->range);
    }
    if (!ptw_canonical(&o->regime, o->first) &&
        !ptw_canonical(&o->regime, o->last)) {
        die(CLI_USAGE, a->command->name,
            "--range '%s': no table can map any of it", o->range);
    }
}

static int by_map(const void *left, const void *right)
{
    const struct ptw_map_request *a = left;
    const struct ptw_map_request *b = right;

    return (a->first.v > b->first.v) - (a->first.v < b->first.v);
}

void die_of_map(const struct options *o, const struct ptw_map_request *map,
                const char *why)
{
    die(CLI_USAGE, o->command, "--map %" PRIx64 ":%" PRIx64 ":%" PRIx64 ": %s",
        map->first.v, map->pa.v, map->last.v - map->first.v + 1, why);
}

/* What every entry grants has to be asked for, and nothing that there is not. */
static void check_rights(const struct options *o,
                         const struct ptw_map_request *q, unsigned granted)
{
    if ((granted & ~q->rights & PTW_READ) != 0) {
        die_of_map(o, q, "its rights must have r");
    }
    if ((granted & ~q->rights & PTW_EXEC) != 0) {
        die_of_map(o, q, "there is no XD, so its rights must have x");
    }
    if ((q->rights & ~ptw_rights_of(&o->regime)) != 0) {
        die_of_map(o, q, "this paging mode has no such right");
    }
}

static void check_maps(const struct arguments *a)
{
    struct options *o = a->o;
    unsigned granted = ptw_rights_granted(&o->regime);
    uint64_t too_wide = ~(((uint64_t)1 << o->regime.pa_bits) - 1);

    if (o->maps == 0) {
        return;
    }
    qsort(o->map, o->maps, sizeof *o->map, by_map);
    for (size_t i = 0; i < o->maps; i++) {
        struct ptw_map_request *q = &o->map[i];

        if (!ptw_canonical(&o->regime, q->first) ||
            !ptw_canonical(&o->regime, q->last) ||
            ((q->first.v ^ q->last.v) >> 63) != 0) {
            die_of_map(o, q, "no table can map these addresses");
        }
        if (((q->pa.v + (q->last.v - q->first.v)) & too_wide) != 0) {
            die_of_map(o, q, "it ends beyond the last physical address");
        }
        if (i > 0 && q->first.v <= o->map[i - 1].last.v) {
            die_of_map(o, q, "another --map has some of these addresses");
        }
        if (q->rights == 0) {
            q->rights = PTW_READ | PTW_WRITE | granted;
        }
        check_rights(o, q, granted);
        q->max_reads = o->reads;
    }
}

/* Whether the guest's tables can have entries of that policy. */
static void check_absent(const struct arguments *a)
{
    const struct options *o = a->o;
    enum ptw_status st = o->absent_text == NULL || ptw_levels(&o->regime) == 0
                             ? PTW_OK
                             : ptw_absent_check(&o->absent, &o->regime);

    if (st == PTW_E_REGIME) {
        die(CLI_USAGE, a->command->name,
            "--absent '%s': there is no such convention for %s", o->absent_text,
            ptw_regime_name(&o->regime));
    }
    if (st != PTW_OK) {
        die(CLI_USAGE, a->command->name,
            "--absent '%s': these parameters can't be under %s: frame-bits of "
            "linux goes with migration; the mask is of bits that a frame has; "
            "entries of 4 bytes have frames of 20 bits, the page file's number "
            "at 1 and no swap-type-at",
            o->absent_text, ptw_regime_name(&o->regime));
    }
}

static void check_rebuild(struct arguments *a)
{
    struct options *o = a->o;

    if ((a->command->takes & TAKES_OUTPUT) != 0 && o->output == NULL) {
        die(CLI_USAGE, a->command->name, "no output is given: -o");
    }
    if ((o->policy & (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) !=
            0 &&
        ptw_levels(&o->regime) > 0 && (o->regime.features & PTW_X86_WP) == 0) {
        die(CLI_USAGE, a->command->name,
            "--%s: CR0.WP is clear, and the supervisor may write everywhere",
            option_name(has(a, OPT_COPY_ON_WRITE) ? OPT_COPY_ON_WRITE
                                                  : OPT_COPY_SHARED));
    }
    o->new_base = a->other.base;
    check_absent(a);
    check_range(a);
    check_leave_outs(a);
    check_maps(a);
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
        size_t images = (takes & TAKES_OTHER) != 0 ? 2 : 1;

        if (a->words < images) {
            die(CLI_USAGE, name, "it takes two images");
        }
        if (a->words > images) {
            die(CLI_USAGE, name, "'%s' is one argument too many",
                a->word[images]);
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
        take_layout(&a, &a.image, "", o);
        if (a.regime != NULL) {
            set_regime_by_name(&a);
        } else {
            set_regime_from_registers(&a);
        }
        rights_of(&o->regime);
        set_roots(&a);
        check_rebuild(&a);
        if ((command->takes & TAKES_OTHER) != 0) {
            set_other(&a);
        }
    }
    free(a.image.from_cr3);
    free(a.other.from_cr3);
    free(a.word);
    if (help) {
        free(a.image.root);
        free(a.image.segment);
        free(a.other.root);
        free(a.other.segment);
        options_free(o);
    }
    return !help;
}

void options_free(struct options *o)
{
    if (o->other != NULL) {
        free(o->other->root);
        free(o->other->root_flags);
        free(o->other->cr3);
        free(o->other->segment);
        free(o->other);
    }
    free(o->root);
    free(o->root_flags);
    free(o->cr3);
    free(o->segment);
    free(o->va);
    free(o->leave_out);
    free(o->map);
    memset(o, 0, sizeof *o);
}
