/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include "report.h"
#include "source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct option long_options[] = {
    {"regime", required_argument, NULL, OPT_REGIME},
    {"root", required_argument, NULL, OPT_ROOT},
    {"roots", required_argument, NULL, OPT_ROOTS},
    {"cr0", required_argument, NULL, OPT_CR0},
    {"cr3", required_argument, NULL, OPT_CR3},
    {"cr4", required_argument, NULL, OPT_CR4},
    {"efer", required_argument, NULL, OPT_EFER},
    {"ttbr0", required_argument, NULL, OPT_TTBR0},
    {"ttbr1", required_argument, NULL, OPT_TTBR1},
    {"tcr", required_argument, NULL, OPT_TCR},
    {"el", required_argument, NULL, OPT_EL},
    {"mair", required_argument, NULL, OPT_MAIR},
    {"pat", required_argument, NULL, OPT_PAT},
    {"sctlr", required_argument, NULL, OPT_SCTLR},
    {"hcr", required_argument, NULL, OPT_HCR},
    {"tcr2", required_argument, NULL, OPT_TCR2},
    {"pir", required_argument, NULL, OPT_PIR},
    {"pire0", required_argument, NULL, OPT_PIRE0},
    {"satp", required_argument, NULL, OPT_SATP},
    {"xlen", required_argument, NULL, OPT_XLEN},
    {"pa-bits", required_argument, NULL, OPT_PA_BITS},
    {"no-1g", no_argument, NULL, OPT_NO_1G},
    {"flag-bit", required_argument, NULL, OPT_FLAG_BIT},
    {"vendor", required_argument, NULL, OPT_VENDOR},
    {"no-nx", no_argument, NULL, OPT_NO_NX},
    {"no-pse", no_argument, NULL, OPT_NO_PSE},
    {"no-wp", no_argument, NULL, OPT_NO_WP},
    {"cet", no_argument, NULL, OPT_CET},
    {"no-svnapot", no_argument, NULL, OPT_NO_SVNAPOT},
    {"no-svpbmt", no_argument, NULL, OPT_NO_SVPBMT},
    {"zicfiss", no_argument, NULL, OPT_ZICFISS},
    {"adue", no_argument, NULL, OPT_ADUE},
    {"base", required_argument, NULL, OPT_BASE},
    {"segment", required_argument, NULL, OPT_SEGMENT},
    {"file", required_argument, NULL, OPT_FILE},
    {"range", required_argument, NULL, OPT_RANGE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"reads", required_argument, NULL, OPT_READS},
    {"findings", no_argument, NULL, OPT_FINDINGS},
    {"writable", no_argument, NULL, OPT_WRITABLE},
    {"exec", no_argument, NULL, OPT_EXEC},
    {"user", no_argument, NULL, OPT_USER},
    {"wx", no_argument, NULL, OPT_WX},
    {"global", no_argument, NULL, OPT_GLOBAL},
    {"memory-type", required_argument, NULL, OPT_MEMORY_TYPE},
    {"attributes", no_argument, NULL, OPT_ATTRIBUTES},
    {"size", required_argument, NULL, OPT_SIZE},
    {"pa", required_argument, NULL, OPT_PA},
    {"all", no_argument, NULL, OPT_ALL},
    {"fold", no_argument, NULL, OPT_FOLD},
    {"jobs", required_argument, NULL, OPT_JOBS},
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
    {"new-roots", required_argument, NULL, OPT_NEW_ROOTS},
    {"new-cr3", required_argument, NULL, OPT_NEW_CR3},
    {"new-ttbr0", required_argument, NULL, OPT_NEW_TTBR0},
    {"new-ttbr1", required_argument, NULL, OPT_NEW_TTBR1},
    {"new-satp", required_argument, NULL, OPT_NEW_SATP},
    {"new-base", required_argument, NULL, OPT_NEW_BASE},
    {"tables-base", required_argument, NULL, OPT_TABLES_BASE},
    {"new-segment", required_argument, NULL, OPT_NEW_SEGMENT},
    {"new-layout", required_argument, NULL, OPT_NEW_LAYOUT},
    {"new-file", required_argument, NULL, OPT_NEW_FILE},
    {"manifest", required_argument, NULL, OPT_MANIFEST},
    {"no-digest", no_argument, NULL, OPT_NO_DIGEST},
    {"no-mmap", no_argument, NULL, OPT_NO_MMAP},
    {"raw", no_argument, NULL, OPT_RAW},
    {"color", required_argument, NULL, OPT_COLOR},
    {"holes", required_argument, NULL, OPT_HOLES},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

void arguments_init(struct arguments *a, const struct command *command,
                    struct options *o)
{
    *a = (struct arguments){
        .command = command,
        .subject = command->name,
        .o = o,
        .cpu = ptw_cpu_widest,
        .arm = {.el = 1, .sctlr = 1}, /* SCTLR_EL1.M: translation is on */
        .xlen = 64,
    };
}

void labels_free(char **label, uint32_t roots)
{
    for (uint32_t i = 0; label != NULL && i < roots; i++) {
        free(label[i]);
    }
    free(label);
}

void image_arguments_free(struct image_arguments *p)
{
    free(p->root);
    labels_free(p->label, p->roots);
    free(p->given);
    free(p->segment);
    free(p->file);
}

bool is_given(const struct arguments *a, enum option_id id)
{
    return a->given[id - OPT_REGIME];
}

const char *option_name(int id)
{
    const struct option *opt = long_options;

    while (opt->name != NULL && opt->val != id) {
        opt++;
    }
    return opt->name != NULL ? opt->name : "?";
}

enum range_kind parse_range(const char *text, const char *end,
                            struct ptw_va_range *out)
{
    const char *sign = text;
    uint64_t length;

    while (sign < end && *sign != '-' && *sign != '+') {
        sign++;
    }
    if (!parse_hex(text, sign, &out->first.v)) {
        return RANGE_NONE;
    }
    if (sign == end) {
        out->last = out->first;
        return RANGE_GIVEN;
    }
    if (!parse_hex(sign + 1, end, &length)) {
        return RANGE_NONE;
    }
    if (*sign == '-') {
        out->last.v = length;
        return out->first.v <= out->last.v ? RANGE_GIVEN : RANGE_BACKWARDS;
    }
    if (length == 0) {
        return RANGE_EMPTY;
    }
    if (length - 1 > UINT64_MAX - out->first.v) {
        return RANGE_BEYOND;
    }
    out->last.v = out->first.v + (length - 1);
    return RANGE_GIVEN;
}

bool is_hex(const char *text, uint64_t *out)
{
    return parse_hex(text, text + strlen(text), out);
}

uint64_t hex_value(const struct arguments *a, int id)
{
    uint64_t v;

    if (!is_hex(optarg, &v)) {
        die(CLI_USAGE, a->subject,
            "--%s '%s' is not a hexadecimal number of at most 64 bits",
            option_name(id), optarg);
    }
    return v;
}

uint64_t decimal_value(const struct arguments *a, int id)
{
    uint64_t v;

    if (!parse_number(optarg, optarg + strlen(optarg), 10, &v)) {
        die(CLI_USAGE, a->subject,
            "--%s '%s' is not a decimal number of at most 64 bits",
            option_name(id), optarg);
    }
    return v;
}

size_t parse_fields(uint64_t *field, size_t room, const char **rest)
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

uint64_t bytes_value(const struct arguments *a, int id)
{
    uint64_t v;

    return parse_units(optarg, optarg + strlen(optarg), &v)
               ? v
               : decimal_value(a, id);
}

struct ptw_va_range range_value(const struct arguments *a, int id)
{
    const char *name = option_name(id);
    struct ptw_va_range range;

    switch (parse_range(optarg, optarg + strlen(optarg), &range)) {
    case RANGE_GIVEN:
        break;
    case RANGE_NONE:
        die(CLI_USAGE, a->subject,
            "--%s '%s' is not FIRST-LAST in hexadecimal, nor ADDR+LENGTH or "
            "ADDR",
            name, optarg);
    case RANGE_BACKWARDS:
        die(CLI_USAGE, a->subject, "--%s '%s' ends before it starts", name,
            optarg);
    case RANGE_BEYOND:
        die(CLI_USAGE, a->subject, "--%s '%s' goes beyond the last address",
            name, optarg);
    case RANGE_EMPTY:
        die(CLI_USAGE, a->subject, "--%s '%s' has no length", name, optarg);
    }
    return range;
}

bool whole_pages(const struct options *o, uint64_t first, uint64_t last)
{
    uint64_t in_page = page_bytes(o) - 1;

    return (first & in_page) == 0 && (~last & in_page) == 0;
}

PTW_NORETURN void die_of_pages(const struct arguments *a, int id,
                               const char *value)
{
    die(CLI_USAGE, a->subject,
        "--%s '%s' is not whole pages: from the first byte of one to the last "
        "byte of one, of %" PRIx64 " bytes each",
        option_name(id), value, page_bytes(a->o));
}
