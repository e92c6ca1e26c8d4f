/* SPDX-License-Identifier: Apache-2.0 */
/* An option that a manifest says is the option of that name, with the same checks;
 * an error about one names its line. */
#include "manifest_options.h"

#include "manifest.h"
#include "paging.h"
#include "report.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The option that a manifest's word is; all of them are some. */
static enum option_id option_of(const struct manifest_word *word)
{
    const struct option *opt = long_options;

    while (strcmp(opt->name, word->name) != 0) {
        opt++;
    }
    return (enum option_id)opt->val;
}

/* The manifest of a source that is one. */
static const struct manifest *manifest_of(const struct source *s)
{
    if (s->manifest != NULL && !s->opened) {
        source_check(s);
    }
    return s->opened ? s->manifest : NULL;
}

static void take_one(struct arguments *a, enum option_id id,
                     const struct manifest_option *option)
{
    if (id == OPT_SATP) {
        /* It selects the mode, as one that is given does, and is no root. */
        optarg = option->value;
        a->satp = hex_value(a, OPT_SATP);
        a->has_satp = true;
        a->given[id - OPT_REGIME] = true;
    } else {
        a->take(a, id, option->value);
    }
}

typedef bool is_wanted(enum option_id id);

/* Takes the options of a group for which `wanted` is NULL or that id, as far as
 * none of the same name is given. */
static void take_group(struct arguments *a, const struct source *s,
                       enum manifest_group group, is_wanted *wanted)
{
    const struct manifest *m = s->manifest;
    const char *subject = a->subject;
    bool given[OPT_END - OPT_REGIME];
    char where[PATH_MAX + 32];

    memcpy(given, a->given, sizeof given);
    a->subject = where;
    for (size_t i = 0; i < m->options; i++) {
        enum option_id id = option_of(m->option[i].word);

        if (m->option[i].word->group != group || given[id - OPT_REGIME] ||
            (wanted != NULL && !wanted(id))) {
            continue;
        }
        (void)snprintf(where, sizeof where, "%s:%" PRIu64, s->name,
                       m->option[i].line);
        take_one(a, id, &m->option[i]);
    }
    a->subject = subject;
}

static void take_paging(struct arguments *a, const struct source *s)
{
    if (!paging_is_said(a)) {
        take_group(a, s, MANIFEST_PAGING, NULL);
        paging_take_switches(a);
        a->paging_from = s->name;
    }
}

static bool says_how(enum option_id id)
{
    return id == OPT_RAW || id == OPT_HOLES;
}

static bool says_where(enum option_id id)
{
    return !says_how(id);
}

/* What compact maps besides is no part of the comparison. */
static bool is_compared(enum option_id id)
{
    return id != OPT_MAP;
}

void manifest_before_opening(struct arguments *a, const struct source *made)
{
    if (manifest_of(made) != NULL) {
        take_group(a, made, MANIFEST_OLD, says_how);
    }
}

void manifest_of_image(struct arguments *a, const struct source *s)
{
    const struct manifest *m = manifest_of(s);
    bool has_roots = a->image.roots > 0;

    if (m == NULL) {
        return;
    }
    take_paging(a, s);
    for (size_t i = 0; i < m->roots && !has_roots; i++) {
        paging_add_entry(a, &a->image, &m->root[i].made);
    }
}

/* Whether options say something of what is compared: the paging mode, the roots
 * or the policy. */
static bool says_what(const struct arguments *a)
{
    bool given = a->image.roots > 0 || a->other.roots > 0;

    for (const struct manifest_word *w = manifest_words; w->name != NULL; w++) {
        given =
            given || (w->group != MANIFEST_OLD && is_given(a, option_of(w)));
    }
    return given;
}

void manifest_of_made(struct arguments *a, const struct source *made, bool lies)
{
    const struct manifest *m = manifest_of(made);
    bool has_old = a->image.roots > 0;
    bool has_new = a->other.roots > 0;

    if (m == NULL) {
        return;
    }
    if (m->certificate[0] != '\0' && !says_what(a)) {
        a->o->certificate = m->certificate;
    }
    take_paging(a, made);
    for (size_t i = 0; i < m->roots && !has_old; i++) {
        paging_add_entry(a, &a->image, &m->root[i].old);
    }
    for (size_t i = 0; i < m->roots && !has_new; i++) {
        paging_add_entry(a, &a->other, &m->root[i].made);
    }
    if ((a->command->takes & TAKES_POLICY) != 0) {
        take_group(a, made, MANIFEST_POLICY, is_compared);
    }
    if (lies && a->image.files == 0 && !a->image.has_base &&
        a->image.segments == 0) {
        take_group(a, made, MANIFEST_OLD, says_where);
    }
}

/* ------------------------------------------------------- two that say the mode */

static bool same_mode(const struct ptw_regime *a, const struct ptw_regime *b)
{
    return strcmp(ptw_regime_name(a), ptw_regime_name(b)) == 0 &&
           ptw_features_of(a) == ptw_features_of(b) &&
           ptw_pa_bits(a) == ptw_pa_bits(b) && a->flag_bits == b->flag_bits;
}

void manifest_check_mode(const struct arguments *a)
{
    const struct source *made = a->other.source;
    const struct manifest *m = made != NULL ? manifest_of(made) : NULL;
    const struct ptw_regime *walked = &a->o->regime;
    struct options said;
    struct arguments of_made;

    if (m == NULL || paging_is_said(a->alone) || a->paging_from == made->name) {
        return;
    }
    memset(&said, 0, sizeof said);
    of_made = *a->alone;
    of_made.o = &said;
    take_paging(&of_made, made);
    for (size_t i = 0; i < m->roots; i++) {
        paging_add_entry(&of_made, &of_made.image, &m->root[i].made);
    }
    of_made.subject = made->name;
    if (paging_is_given(&of_made)) {
        (void)paging_set_regime(&of_made);
    } else {
        said.regime = a->o->regime; /* it says none */
    }
    if (ptw_aarch64_is_upper(&said.regime) && !ptw_aarch64_is_upper(walked) &&
        is_given(a, OPT_TTBR1)) {
        walked = &a->o->upper;
    }
    if (!same_mode(&said.regime, walked)) {
        die(CLI_USAGE, made->name,
            "says %s with addresses of %u bits, and %s is %s with addresses "
            "of %u bits, perhaps with other features: give the mode that is "
            "meant",
            ptw_regime_name(&said.regime), ptw_pa_bits(&said.regime),
            a->o->image, ptw_regime_name(walked), ptw_pa_bits(walked));
    }
    image_arguments_free(&of_made.image);
}

/* ---------------------------------------------------------------- for one to say */

struct lines_out {
    char *bytes;
    size_t used;
};

static void say(struct lines_out *out, const struct manifest_word *word,
                const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds a line, whose value is a short one. */
static void say(struct lines_out *out, const struct manifest_word *word,
                const char *format, ...)
{
    enum { MOST = 160 };
    va_list args;
    int n;

    out->bytes = must(realloc(out->bytes, out->used + MOST));
    n = snprintf(out->bytes + out->used, MOST, "%s %s",
                 manifest_group_name(word->group), word->name);
    out->used += (size_t)n;
    va_start(args, format);
    n = vsnprintf(out->bytes + out->used, MOST - (size_t)n - 1, format, args);
    va_end(args);
    out->used += (size_t)n;
    out->bytes[out->used++] = '\n';
}

/* The value of a register or a width that is given, and how it is written. */
static bool number_of(const struct arguments *a, enum option_id id,
                      uint64_t *value, bool *decimal)
{
    const struct {
        enum option_id id;
        uint64_t value;
        bool decimal;
    } numbers[] = {
        {OPT_CR0, a->regs.cr0, false},    {OPT_CR4, a->regs.cr4, false},
        {OPT_EFER, a->regs.efer, false},  {OPT_TCR, a->arm.tcr, false},
        {OPT_EL, a->arm.el, true},        {OPT_MAIR, a->arm.mair, false},
        {OPT_SCTLR, a->arm.sctlr, false}, {OPT_HCR, a->arm.hcr, false},
        {OPT_TCR2, a->arm.tcr2, false},   {OPT_PIR, a->arm.pir, false},
        {OPT_PIRE0, a->arm.pire0, false}, {OPT_SATP, a->satp, false},
        {OPT_XLEN, a->xlen, true},        {OPT_PA_BITS, a->cpu.pa_bits, true},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].id == id) {
            *value = numbers[i].value;
            *decimal = numbers[i].decimal;
            return true;
        }
    }
    return false;
}

/* Bits that are flags may be what a dump says, and no option. */
static void say_flag_bits(struct lines_out *out,
                          const struct manifest_word *word,
                          const struct arguments *a)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((a->cpu.flag_bits >> bit & 1) != 0) {
            say(out, word, " %u", bit);
        }
    }
}

/* What selects the mode where no name does. */
static bool of_satp(enum option_id id)
{
    return id == OPT_SATP || id == OPT_XLEN;
}

char *manifest_say_paging(const struct arguments *a)
{
    struct lines_out out = {.bytes = must(malloc(1))};
    bool by_name = a->regime != NULL;

    for (const struct manifest_word *w = manifest_words; w->name != NULL; w++) {
        enum option_id id = option_of(w);
        uint64_t value;
        bool decimal;

        if (w->group != MANIFEST_PAGING) {
            continue;
        }
        if (id == OPT_REGIME) {
            if (by_name) {
                say(&out, w, " %.64s", a->regime);
            }
        } else if (id == OPT_FLAG_BIT) {
            say_flag_bits(&out, w, a);
        } else if (!is_given(a, id) || (by_name && of_satp(id))) {
            continue;
        } else if (id == OPT_VENDOR) {
            say(&out, w, " %s", a->cpu.x86.amd ? "amd" : "intel");
        } else if (!number_of(a, id, &value, &decimal)) {
            say(&out, w, "%s", "");
        } else if (decimal) {
            say(&out, w, " %" PRIu64, value);
        } else {
            say(&out, w, " %" PRIx64, value);
        }
    }
    out.bytes[out.used] = '\0';
    return out.bytes;
}
