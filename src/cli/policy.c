/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the letters of rights, each at most once; 0 when that is not so, or
 * when there is none. */
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

void policy_add_map(struct arguments *a)
{
    struct options *o = a->o;
    const char *name = a->subject;
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
            "--map '%s': the rights are not some of r, w, x, u and X, each "
            "once",
            optarg);
    }
    if (field[2] == 0 || field[2] - 1 > UINT64_MAX - field[0] ||
        field[2] - 1 > UINT64_MAX - field[1]) {
        die(CLI_USAGE, name, "--map '%s' has no length, or too much of it",
            optarg);
    }
    q.first.v = field[0];
    q.last.v = field[0] + (field[2] - 1);
    q.pa.v = field[1];
    o->map = must_grow(o->map, o->maps, sizeof q);
    o->map[o->maps++] = q;
}

void policy_add_leave_out(struct arguments *a)
{
    struct options *o = a->o;
    struct ptw_va_range range = range_value(a, OPT_LEAVE_OUT);

    o->leave_out = must_grow(o->leave_out, o->leave_outs, sizeof range);
    o->leave_out[o->leave_outs++] = range;
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
    die(CLI_USAGE, a->subject,
        "--absent '%s': %s has no parameter '%.*s'; it has %s", optarg,
        ptw_absent_name(a->o->absent.policy), (int)length, name,
        known[0] != '\0' ? known : "none");
}

/* Sets a parameter; false when its value can be none.  Whether the value fits
 * the regime is looked at when there is one. */
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
        die(CLI_USAGE, a->subject, "--absent '%s': %s is given twice", optarg,
            parameters[i].name);
    }
    *given |= 1u << i;
    if (equals != NULL) {
        right = parameters[i].base == 16
                    ? parse_hex(equals + 1, end, &v)
                    : parse_number(equals + 1, end, parameters[i].base, &v);
        right = right && set_parameter(&o->absent, (enum parameter_id)i, v);
    }
    if (!right) {
        die(CLI_USAGE, a->subject, "--absent '%s': %s is %s", optarg,
            parameters[i].name, parameters[i].values);
    }
}

void policy_set_absent(struct arguments *a)
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
        die(CLI_USAGE, a->subject,
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

void policy_set_marked(struct arguments *a)
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
    die(CLI_USAGE, a->subject, "--marked '%s': it is one of %s", optarg, known);
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
    for (size_t i = 0; i < o->leave_outs; i++) {
        const struct ptw_va_range *range = &o->leave_out[i];
        char text[40];

        if (!whole_pages(o, range->first.v, range->last.v)) {
            (void)snprintf(text, sizeof text, "%" PRIx64 "-%" PRIx64,
                           range->first.v, range->last.v);
            die_of_pages(a, OPT_LEAVE_OUT, text);
        }
    }
    qsort(o->leave_out, o->leave_outs, sizeof *o->leave_out, by_first);
    for (size_t i = 1; i < o->leave_outs; i++) {
        if (o->leave_out[i].first.v <= o->leave_out[i - 1].last.v) {
            die(CLI_USAGE, a->subject,
                "two ranges that are left out overlap at address %016" PRIx64,
                o->leave_out[i].first.v);
        }
    }
}

/* Whether tables of some root can map both addresses. */
static bool can_map(const struct options *o, ptw_va first, ptw_va last)
{
    for (uint32_t i = 0; i < o->roots; i++) {
        if (ptw_canonical(o->root[i].regime, first) &&
            ptw_canonical(o->root[i].regime, last)) {
            return true;
        }
    }
    return false;
}

/* Where images are rebuilt or compared, a range is of whole pages; and nothing
 * that differs is no answer where nothing can be.  Addresses that no table can
 * map lie side by side. */
static void check_range(const struct arguments *a)
{
    const struct options *o = a->o;

    if (!is_given(a, OPT_RANGE) ||
        (a->command->takes & (TAKES_POLICY | TAKES_OTHER)) == 0) {
        return;
    }
    if (!whole_pages(o, o->first.v, o->last.v)) {
        die_of_pages(a, OPT_RANGE, o->range);
    }
    if (!can_map(o, o->first, o->first) && !can_map(o, o->last, o->last)) {
        die(CLI_USAGE, a->subject, "--range '%s': no table can map any of it",
            o->range);
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

/* What every entry grants has to be asked for, and nothing that there is not.
 */
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
    uint64_t too_wide = ~(((uint64_t)1 << ptw_pa_bits(&o->regime)) - 1);

    if (o->maps == 0) {
        return;
    }
    qsort(o->map, o->maps, sizeof *o->map, by_map);
    for (size_t i = 0; i < o->maps; i++) {
        struct ptw_map_request *q = &o->map[i];

        if (!whole_pages(o, q->first.v, q->last.v) ||
            (q->pa.v & (page_bytes(o) - 1)) != 0) {
            die_of_map(o, q, "it is not whole pages");
        }
        if (!can_map(o, q->first, q->last) ||
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
        die(CLI_USAGE, a->subject,
            "--absent '%s': there is no such convention for %s", o->absent_text,
            ptw_regime_name(&o->regime));
    }
    if (st != PTW_OK) {
        die(CLI_USAGE, a->subject,
            "--absent '%s': these parameters can't be under %s: frame-bits of "
            "linux goes with migration; the mask is of bits that a frame has; "
            "entries of 4 bytes have frames of 20 bits, the page file's number "
            "at 1 and no swap-type-at",
            o->absent_text, ptw_regime_name(&o->regime));
    }
}

void policy_check(struct arguments *a)
{
    struct options *o = a->o;

    if ((a->command->takes & TAKES_OUTPUT) != 0 && o->output == NULL) {
        die(CLI_USAGE, a->subject, "no output is given: -o");
    }
    if ((o->policy & (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) !=
            0 &&
        ptw_is_x86(&o->regime) &&
        (ptw_features_of(&o->regime) & PTW_X86_WP) == 0) {
        die(CLI_USAGE, a->subject,
            "--%s: CR0.WP is clear, and the supervisor may write everywhere",
            option_name(is_given(a, OPT_COPY_ON_WRITE) ? OPT_COPY_ON_WRITE
                                                       : OPT_COPY_SHARED));
    }
    o->new_base = a->other.base;
    check_absent(a);
    check_range(a);
    check_leave_outs(a);
    check_maps(a);
}
