/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "arguments.h"
#include "color.h"
#include "digest.h"
#include "facts.h"
#include "filter.h"
#include "images.h"
#include "manifest_options.h"
#include "memory_types.h"
#include "paging.h"
#include "policy.h"
#include "report.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which commands have an option (0: all of them), whether it may be given more
 * than once, and what it switches on. */
static const struct rule {
    unsigned takes;
    bool repeatable;
    enum ptw_rebuild_flag policy;
} rules[OPT_END - OPT_REGIME] = {
#define RULE(id) [(id)-OPT_REGIME]
    RULE(OPT_ROOT) = {.repeatable = true},
    RULE(OPT_ROOTS) = {.repeatable = true},
    RULE(OPT_CR3) = {.repeatable = true},
    RULE(OPT_TTBR0) = {.repeatable = true},
    RULE(OPT_TTBR1) = {.repeatable = true},
    RULE(OPT_SATP) = {.repeatable = true},
    RULE(OPT_ADUE) = {.takes = TAKES_ACCESS},
    RULE(OPT_PAT) = {.takes = TAKES_ACCESS | TAKES_FILTER},
    RULE(OPT_FLAG_BIT) = {.repeatable = true},
    RULE(OPT_SEGMENT) = {.repeatable = true},
    RULE(OPT_FILE) = {.repeatable = true},
    RULE(OPT_RANGE) = {.takes = TAKES_RANGE},
    RULE(OPT_LIMIT) = {.takes = TAKES_LIMIT},
    RULE(OPT_READS) = {.takes = TAKES_RANGE},
    RULE(OPT_FINDINGS) = {.takes = TAKES_FINDINGS},
    RULE(OPT_WRITABLE) = {.takes = TAKES_FILTER},
    RULE(OPT_EXEC) = {.takes = TAKES_FILTER},
    RULE(OPT_USER) = {.takes = TAKES_FILTER},
    RULE(OPT_WX) = {.takes = TAKES_FILTER},
    RULE(OPT_GLOBAL) = {.takes = TAKES_FILTER},
    RULE(OPT_MEMORY_TYPE) = {.takes = TAKES_FILTER},
    RULE(OPT_ATTRIBUTES) = {.takes = TAKES_FILTER},
    RULE(OPT_SIZE) = {.takes = TAKES_FILTER},
    RULE(OPT_PA) = {.takes = TAKES_FILTER},
    RULE(OPT_ALL) = {.takes = TAKES_FOLD},
    RULE(OPT_FOLD) = {.takes = TAKES_FOLD},
    RULE(OPT_JOBS) = {.takes = TAKES_JOBS},
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
    RULE(OPT_ABSENT) = {.takes = TAKES_POLICY | TAKES_ABSENT},
    RULE(OPT_MARKED) = {.takes = TAKES_POLICY},
    RULE(OPT_NEW_ROOT) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_ROOTS) = {.takes = TAKES_OTHER | TAKES_OUTPUT},
    RULE(OPT_NEW_LAYOUT) = {.takes = TAKES_OUTPUT},
    RULE(OPT_NEW_CR3) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_TTBR0) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_TTBR1) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_SATP) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_BASE) = {.takes = TAKES_OTHER | TAKES_OUTPUT},
    RULE(OPT_TABLES_BASE) = {.takes = TAKES_OUTPUT},
    RULE(OPT_NEW_SEGMENT) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_NEW_FILE) = {.takes = TAKES_OTHER, .repeatable = true},
    RULE(OPT_MANIFEST) = {.takes = TAKES_OUTPUT},
    RULE(OPT_JSON) = {.repeatable = true},
    RULE(OPT_HELP) = {.repeatable = true},
#undef RULE
};

static void set_base(struct arguments *a, struct image_arguments *p, int id)
{
    p->base = hex_value(a, id);
    p->has_base = true;
    if (p->base % PAGE_BYTES != 0 &&
        (id == OPT_BASE || (a->command->takes & TAKES_OTHER) != 0)) {
        die(CLI_USAGE, a->subject,
            "--%s '%s' is no multiple of a page, which is 1000: where one that "
            "is cut in two lies, --segment can say",
            option_name(id), optarg);
    }
}

static void add_segment(struct arguments *a, struct image_arguments *p, int id)
{
    const char *command = a->subject;
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
    p->segment = must_grow(p->segment, p->segments, sizeof *p->segment);
    p->segment[p->segments++] = s;
}

static void add_file(struct arguments *a, struct image_arguments *p, int id)
{
    const char *colon = strchr(optarg, ':');
    struct placed_file file;

    if (colon == NULL || colon[1] == '\0' ||
        !parse_hex(optarg, colon, &file.pa)) {
        die(CLI_USAGE, a->subject,
            "--%s '%s' is not PA:PATH, with PA in hexadecimal", option_name(id),
            optarg);
    }
    file.name = colon + 1;
    p->file = must_grow(p->file, p->files, sizeof *p->file);
    p->file[p->files++] = file;
}

static void set_range(struct arguments *a)
{
    struct ptw_va_range range = range_value(a, OPT_RANGE);

    a->o->range = optarg;
    a->o->first = range.first;
    a->o->last = range.last;
}

/* Leaves of which size are told.  That none is of it is said when the paging
 * mode is known. */
static void set_size(struct arguments *a)
{
    uint64_t size = hex_value(a, OPT_SIZE);

    if (size == 0 || (size & (size - 1)) != 0) {
        die(CLI_USAGE, a->subject,
            "--size '%s' is not the size of a page, as 4K or 200000", optarg);
    }
    a->o->size = size;
}

static void set_pa(struct arguments *a)
{
    struct ptw_va_range range = range_value(a, OPT_PA);

    a->o->has_pa = true;
    a->o->pa_first = range.first.v;
    a->o->pa_last = range.last.v;
}

static void set_pat(struct arguments *a)
{
    a->o->has_pat = true;
    a->o->pat = hex_value(a, OPT_PAT);
    if (!memory_types_pat_is_valid(a->o->pat)) {
        die(CLI_USAGE, a->subject,
            "--pat '%s': each byte of it is 0, 1, 4, 5, 6 or 7", optarg);
    }
}

/* Which numbers a memory type is, where the paging mode is known. */
static void check_memory_type(struct arguments *a)
{
    struct options *o = a->o;

    if (o->has_pat && !ptw_is_x86(&o->regime)) {
        die(CLI_USAGE, a->subject,
            "--pat: this paging mode has no such register");
    }
    if (o->memory_type != NULL) {
        o->memory_types = memory_types_named(o, o->memory_type);
    }
    if (o->memory_type != NULL && o->memory_types == 0) {
        die(CLI_USAGE, a->subject, "--memory-type '%s': %s", o->memory_type,
            memory_types_advice(o));
    }
}

/* Where nothing is rebuilt, --absent names a system. */
static void check_system(const struct arguments *a)
{
    const struct options *o = a->o;

    if ((a->command->takes & TAKES_ABSENT) == 0 || o->absent_text == NULL) {
        return;
    }
    if (o->absent.policy < PTW_ABSENT_LINUX) {
        die(CLI_USAGE, a->subject,
            "--absent '%s' names no system: linux, linux-plain or windows",
            o->absent_text);
    }
    if (filter_selects(o)) {
        die(CLI_USAGE, a->subject,
            "--absent goes without --writable, --exec, --user, --wx, --global, "
            "--memory-type, --size and --pa: what is not present grants "
            "nothing");
    }
}

/* A size that no leaf of this mode has would be an empty answer. */
static void check_size(const struct arguments *a)
{
    const struct ptw_regime *r = &a->o->regime;

    if (a->o->size == 0 || ptw_levels(r) == 0) {
        return;
    }
    for (unsigned level = 0; level < ptw_levels(r); level++) {
        if ((uint64_t)1 << ptw_level_shift(r, level) == a->o->size) {
            return;
        }
    }
    die(CLI_USAGE, a->subject,
        "--size %" PRIx64 ": no page of this paging mode has that size",
        a->o->size);
}

static const char *name_value(const struct arguments *a, int id)
{
    if (*optarg == '\0') {
        die(CLI_USAGE, a->subject, "%s%s: an empty name",
            id == OPT_OUTPUT ? "-" : "--",
            id == OPT_OUTPUT ? "o" : option_name(id));
    }
    return optarg;
}

static void set_holes(struct arguments *a)
{
    if (strcmp(optarg, "zero") == 0) {
        a->o->holes = HOLES_ZERO;
    } else if (strcmp(optarg, "unknown") == 0) {
        a->o->holes = HOLES_UNKNOWN;
    } else {
        die(CLI_USAGE, a->subject, "--holes '%s': it is zero or unknown",
            optarg);
    }
}

static void check_use(const struct arguments *a, enum option_id id)
{
    const struct rule *rule = &rules[id - OPT_REGIME];
    const char *name = a->subject;

    if (rule->takes != 0 && (rule->takes & a->command->takes) == 0) {
        die(CLI_USAGE, name, "it has no option --%s", option_name((int)id));
    }
    if (is_given(a, id) && !rule->repeatable) {
        die(CLI_USAGE, name, "--%s is given twice", option_name((int)id));
    }
}

static void take_option(struct arguments *a, enum option_id id)
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
    case OPT_TTBR0:
    case OPT_TTBR1:
    case OPT_SATP:
        paging_add_root(a, &a->image, id, hex_value(a, (int)id));
        break;
    case OPT_ROOTS:
        paging_add_roots(a, &a->image, optarg);
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
    case OPT_TCR:
        a->arm.tcr = hex_value(a, (int)id);
        break;
    case OPT_EL:
        paging_set_el(a);
        break;
    case OPT_MAIR:
        a->arm.mair = hex_value(a, (int)id);
        break;
    case OPT_PAT:
        set_pat(a);
        break;
    case OPT_SCTLR:
        a->arm.sctlr = hex_value(a, (int)id);
        break;
    case OPT_HCR:
        a->arm.hcr = hex_value(a, (int)id);
        break;
    case OPT_TCR2:
        a->arm.tcr2 = hex_value(a, (int)id);
        break;
    case OPT_PIR:
        a->arm.pir = hex_value(a, (int)id);
        break;
    case OPT_PIRE0:
        a->arm.pire0 = hex_value(a, (int)id);
        break;
    case OPT_PA_BITS:
        paging_set_pa_bits(a);
        break;
    case OPT_FLAG_BIT:
        paging_add_flag_bit(a);
        break;
    case OPT_VENDOR:
        paging_set_vendor(a);
        break;
    case OPT_XLEN:
        paging_set_xlen(a);
        break;
    case OPT_NO_SVNAPOT:
        a->riscv_without |= PTW_RISCV_SVNAPOT;
        break;
    case OPT_NO_SVPBMT:
        a->riscv_without |= PTW_RISCV_SVPBMT;
        break;
    case OPT_ZICFISS:
        a->riscv_with |= PTW_RISCV_ZICFISS;
        break;
    case OPT_ADUE:
        o->adue = true;
        break;
    case OPT_NO_1G:
        a->cpu.x86.page1g = false;
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
    case OPT_FILE:
        add_file(a, &a->image, (int)id);
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
    case OPT_JOBS:
        o->jobs = decimal_value(a, (int)id);
        if (o->jobs == 0) {
            die(CLI_USAGE, a->subject, "--jobs 0: nobody would walk");
        }
        if (o->jobs > JOBS_MOST) {
            die(CLI_USAGE, a->subject, "--jobs %s is more than %d", optarg,
                JOBS_MOST);
        }
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
        o->max_bytes = bytes_value(a, (int)id);
        o->has_max_bytes = true;
        break;
    case OPT_MAP:
        policy_add_map(a);
        break;
    case OPT_LEAVE_OUT:
        policy_add_leave_out(a);
        break;
    case OPT_COPY_ON_WRITE:
    case OPT_COPY_SHARED:
    case OPT_SPLIT:
    case OPT_MERGE:
    case OPT_ZEROS:
        o->policy |= (unsigned)rules[id - OPT_REGIME].policy;
        break;
    case OPT_ABSENT:
        policy_set_absent(a);
        break;
    case OPT_MARKED:
        policy_set_marked(a);
        break;
    case OPT_NEW_ROOT:
    case OPT_NEW_CR3:
    case OPT_NEW_TTBR0:
    case OPT_NEW_TTBR1:
    case OPT_NEW_SATP:
        paging_add_root(a, &a->other, id, hex_value(a, (int)id));
        break;
    case OPT_NEW_ROOTS:
        if ((a->command->takes & TAKES_OUTPUT) != 0) {
            o->new_roots = name_value(a, (int)id);
        } else {
            paging_add_roots(a, &a->other, optarg);
        }
        break;
    case OPT_NEW_FILE:
        add_file(a, &a->other, (int)id);
        break;
    case OPT_MANIFEST:
        digest_needed("--manifest");
        o->manifest = name_value(a, (int)id);
        break;
    case OPT_NEW_LAYOUT:
        o->new_layout = name_value(a, (int)id);
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
    case OPT_NO_DIGEST:
        o->no_digest = true;
        break;
    case OPT_RAW:
        o->raw = true;
        break;
    case OPT_COLOR:
        if (!color_when(optarg)) {
            die(CLI_USAGE, a->subject,
                "--color '%s' is not auto, always or never", optarg);
        }
        break;
    case OPT_HOLES:
        set_holes(a);
        break;
    case OPT_JSON:
        o->json = true;
        break;
    case OPT_WRITABLE:
        o->need |= PTW_WRITE;
        break;
    case OPT_EXEC:
        o->executed = true;
        break;
    case OPT_USER:
        o->need |= PTW_USER;
        break;
    case OPT_WX:
        o->need |= PTW_WRITE;
        o->executed = true;
        break;
    case OPT_GLOBAL:
        o->global = true;
        break;
    case OPT_MEMORY_TYPE:
        o->memory_type = optarg;
        break;
    case OPT_ATTRIBUTES:
        o->attributes = true;
        break;
    case OPT_SIZE:
        set_size(a);
        break;
    case OPT_PA:
        set_pa(a);
        break;
    case OPT_ALL:
    case OPT_FOLD:
    case OPT_HELP:
    case OPT_END:
        break;
    }
}

static void take_value(struct arguments *a, enum option_id id, char *value)
{
    optarg = value;
    take_option(a, id);
}

/* Scripts read every run, people what is new to them. */
static void set_fold(struct arguments *a)
{
    if (is_given(a, OPT_ALL) && is_given(a, OPT_FOLD)) {
        die(CLI_USAGE, a->subject, "--all and --fold exclude each other");
    }
    a->o->fold =
        is_given(a, OPT_FOLD) || (!a->o->json && !is_given(a, OPT_ALL));
}

static void add_operand(struct arguments *a, char *operand)
{
    a->operand = must_grow(a->operand, a->operands, sizeof *a->operand);
    a->operand[a->operands++] = operand;
}

/* A long option that is none, or could be more than one. */
PTW_NORETURN static void die_of_name(const struct arguments *a,
                                     const char *text)
{
    size_t length = strcspn(text + 2, "=");

    if (strcmp(text, "--version") == 0) {
        die(CLI_USAGE, a->subject,
            "--version goes without a command: ptwalk --version");
    }
    for (const struct option *opt = long_options; opt->name != NULL; opt++) {
        if (strncmp(opt->name, text + 2, length) == 0) {
            die(CLI_USAGE, a->subject,
                "option %s is ambiguous: --%s, for instance", text, opt->name);
        }
    }
    die(CLI_USAGE, a->subject, "there is no option %s", text);
}

/* The leading dash of the short options: what is no option comes in its place,
 * so that options may stand anywhere, whatever the environment says. */
static const char short_options[] = "-:hj:o:";

static void gather(struct arguments *a, int argc, char **argv)
{
    int id;

    opterr = 0;
    while ((id = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        if (id == 1) {
            add_operand(a, optarg);
        } else if (id == 'h') {
            take_option(a, OPT_HELP);
        } else if (id == 'j') {
            take_option(a, OPT_JOBS);
        } else if (id == 'o') {
            take_option(a, OPT_OUTPUT);
        } else if (id == ':') {
            die(CLI_USAGE, a->subject, "option %s needs a value",
                argv[optind - 1]);
        } else if (id == '?') {
            if (optopt == 0) {
                die_of_name(a, argv[optind - 1]);
            }
            if (optopt >= OPT_REGIME) {
                die(CLI_USAGE, a->subject, "option --%s takes no value",
                    option_name(optopt));
            }
            die(CLI_USAGE, a->subject, "there is no option -%c", optopt);
        } else {
            take_option(a, (enum option_id)id);
        }
    }
    while (optind < argc) {
        add_operand(a, argv[optind++]);
    }
}

bool options_parse(const struct command *command, int argc, char **argv,
                   struct options *o)
{
    struct arguments alone;
    struct arguments a;

    memset(o, 0, sizeof *o);
    o->command = command->name;
    o->last.v = UINT64_MAX;
    o->pat = PAT_AT_RESET;
    o->limit = (uint64_t)1 << 28;
    o->reads = (uint64_t)1 << 34;
    arguments_init(&a, command, o);
    a.take = take_value;
    gather(&a, argc, argv);
    if (!is_given(&a, OPT_HELP)) {
        images_name(&a);
        alone = a;
        memset(&alone.image, 0, sizeof alone.image);
        memset(&alone.other, 0, sizeof alone.other);
        alone.alone = &alone;
        a.alone = &alone;
        images_open(&a);
        a.subject = a.paging_from != NULL ? a.paging_from : o->command;
        o->has_mode = paging_set_regime(&a);
        if (o->has_mode) {
            manifest_check_mode(&a);
            paging_set_roots(&a);
        } else {
            free(a.image.root); /* of a mode that is not known */
            labels_free(a.image.label, a.image.roots);
        }
        a.subject = o->command;
        facts_report_doubts(o->facts, o->image);
        policy_check(&a);
        set_fold(&a);
        check_size(&a);
        check_memory_type(&a);
        check_system(&a);
        if ((command->takes & TAKES_OTHER) != 0) {
            images_set_other(&a);
        }
        if (o->manifest != NULL) {
            o->paging_said = manifest_say_paging(&a);
        }
    }
    free(a.operand);
    if (is_given(&a, OPT_HELP)) {
        image_arguments_free(&a.image);
        image_arguments_free(&a.other);
        options_free(o);
        return false;
    }
    free(a.image.given);
    free(a.other.given);
    free(a.image.file);
    free(a.other.file);
    return true;
}

/* Whether the option, which has no value of its own in the same argument, takes
 * the next argument as one. */
static bool takes_next(const char *text)
{
    size_t length = strcspn(text, "=");

    if (text[1] != '-') {
        return length == 2 && strchr(short_options, text[1]) != NULL &&
               strchr(short_options, text[1])[1] == ':';
    }
    for (const struct option *opt = long_options; opt->name != NULL; opt++) {
        if (strncmp(opt->name, text + 2, length - 2) == 0) {
            return opt->has_arg == required_argument;
        }
    }
    die(CLI_USAGE, "usage", "there is no option %s; see ptwalk --help", text);
}

int options_skip(int argc, char **argv)
{
    int at = 1;

    while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        at += takes_next(argv[at]) && strchr(argv[at], '=') == NULL ? 2 : 1;
    }
    return at < argc ? at : argc;
}

void options_free(struct options *o)
{
    if (o->other != NULL) {
        free(o->other->root);
        labels_free(o->other->root_label, o->other->roots);
        free(o->other->root_flags);
        free(o->other->given);
        free(o->other->segment);
        source_free(o->other->source);
        free(o->other);
    }
    if (o->facts != NULL) {
        facts_free(o->facts);
    }
    free(o->facts);
    source_free(o->source);
    free(o->root);
    labels_free(o->root_label, o->roots);
    free(o->root_flags);
    free(o->given);
    free(o->paging_said);
    free(o->segment);
    free(o->ask);
    free(o->leave_out);
    free(o->map);
    memset(o, 0, sizeof *o);
}
