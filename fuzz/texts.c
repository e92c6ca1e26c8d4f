/* SPDX-License-Identifier: Apache-2.0 */
#include "texts.h"

#include "ptwalk/absent.h"
#include "ptwalk/rebuild.h"
#include "ptwalk/verify.h"

#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* ------------------------------------------------------------ enumerations */

static const char *status_text(int value)
{
    return ptw_status_text((enum ptw_status)value);
}

static const char *use_text(int value)
{
    return ptw_absent_use_text((enum ptw_absent_use)value);
}

static const char *drop_text(int value)
{
    return ptw_drop_text((enum ptw_drop)value);
}

static const char *difference_text(int value)
{
    return ptw_difference_text((enum ptw_difference_kind)value);
}

static const char *reason_text(int value)
{
    return ptw_bad_reason_text((enum ptw_bad_reason)value);
}

static const struct enumeration {
    const char *(*text)(int value);
    int values;
    const char *unknown; /* of a number that is no value */
} enumeration[] = {
    {status_text, PTW_E_MARKED + 1, "unknown status"},
    {use_text, PTW_ABSENT_USES, "unknown use"},
    {drop_text, PTW_DROPS, "unknown reason"},
    {difference_text, PTW_DIFFERS_BYTES + 1, "unknown difference"},
    {reason_text, PTW_BAD_COMBINATION + 1, "unknown"},
};

void fz_check_texts(void)
{
    enum { ENUMERATIONS = sizeof enumeration / sizeof enumeration[0] };

    for (unsigned k = 0; k < ENUMERATIONS; k++) {
        const struct enumeration *e = &enumeration[k];

        for (int i = 0; i < e->values; i++) {
            const char *text = e->text(i);

            for (int j = 0; j < i; j++) {
                if (strcmp(text, e->text(j)) == 0) {
                    fz_fail(ASK_TEXTS, "%d and %d are both \"%s\"", i, j, text);
                }
            }
            if (text[0] == '\0' || strcmp(text, e->unknown) == 0) {
                fz_fail(ASK_TEXTS, "%d is \"%s\"", i, text);
            }
        }
        if (strcmp(e->text(e->values), e->unknown) != 0 ||
            strcmp(e->text(-1), e->unknown) != 0) {
            fz_fail(ASK_TEXTS, "what is behind \"%s\" is \"%s\"",
                    e->text(e->values - 1), e->text(e->values));
        }
    }
}

/* ----------------------------------------------------------------- entries */

/* A bit of which a text speaks, and what it says of it. */
enum said { SAYS_NOTHING, IS_CLEAR, IS_SET };
struct named {
    unsigned bit;
    enum said is;
};

enum { MOST_NAMED = 16 };

/* What comes first behind that place. */
static enum said said_of(const char *at)
{
    const char *clear = strstr(at, "is clear");
    const char *set = strstr(at, "is set");

    if (clear != NULL && (set == NULL || clear < set)) {
        return IS_CLEAR;
    }
    return set != NULL ? IS_SET : SAYS_NOTHING;
}

/* Whether a list of numbers goes on there: *at is then the next one. */
static bool goes_on(const char **at)
{
    static const char *const between[] = {", ", " and "};

    for (unsigned i = 0; i < 2; i++) {
        size_t len = strlen(between[i]);

        if (strncmp(*at, between[i], len) == 0 && (*at)[len] >= '0' &&
            (*at)[len] <= '9') {
            *at += len;
            return true;
        }
    }
    return false;
}

/* The bits that a text names, as "bit 3" or "bits 54, 53 and 6". */
static unsigned bits_of(const char *text, struct named named[MOST_NAMED])
{
    static const char bit[] = "bit ", bits[] = "bits ";
    unsigned n = 0;

    for (const char *at = text; *at != '\0'; at++) {
        bool many = strncmp(at, bits, strlen(bits)) == 0;

        if (!many && strncmp(at, bit, strlen(bit)) != 0) {
            continue;
        }
        at += many ? strlen(bits) : strlen(bit);
        do {
            char *end;
            unsigned long number = strtoul(at, &end, 10);

            if (n == MOST_NAMED) {
                fz_stop(ASK_TEXTS, "\"%s\" names many bits", text);
            }
            if (end == at || number > 63) {
                fz_stop(ASK_TEXTS, "\"%s\" names no bit", text);
            }
            named[n].bit = (unsigned)number;
            at = end;
            named[n++].is = many ? SAYS_NOTHING : said_of(at);
        } while (many && goes_on(&at));
        at--;
    }
    return n;
}

/* Whether raw has a right, or is present. */
static bool holds(const struct fz_case *w, unsigned level, unsigned index,
                  uint64_t raw, unsigned right)
{
    struct oracle_entry e = oracle_decode(&w->mode, raw, level, index);

    return right != 0 ? e.kind == ORACLE_MAPS && (e.rights & right) != 0
                      : e.kind != ORACLE_NOT_PRESENT;
}

/* Whether one of the bits that a text names ends that.  Of a list, the regime has
 * a register that says what each combination grants: any may be none that does.
 * Where W without R is a leaf of a shadow stack, a leaf that has both can be read
 * without R, too. */
static bool ends(const struct fz_case *w, unsigned level, unsigned index,
                 uint64_t raw, unsigned right, const char *text)
{
    static const uint64_t W = 4;
    struct named named[MOST_NAMED];
    unsigned n = bits_of(text, named);

    for (unsigned i = 0; i < n; i++) {
        uint64_t one = (uint64_t)1 << named[i].bit;

        if (named[i].is == SAYS_NOTHING ||
            (w->mode.zicfiss && right == PTW_READ && (raw & W) != 0) ||
            (((raw & one) != 0) == (named[i].is == IS_CLEAR) &&
             !holds(w, level, index, raw ^ one, right))) {
            return true;
        }
    }
    return false;
}

void fz_check_entry_texts(const struct fz_case *w, unsigned level,
                          unsigned index, uint64_t raw)
{
    static const enum ptw_right rights[] = {
        PTW_READ, PTW_WRITE, PTW_EXEC, PTW_USER, PTW_USER_EXEC,
    };
    const struct oracle_format *f = w->mode.format;
    unsigned taken = f->rights & ~f->granted(&w->mode);

    if (holds(w, level, index, raw, 0) &&
        !ends(w, level, index, raw, 0, ptw_present_text(&w->regime))) {
        fz_fail(ASK_TEXTS,
                "%llx, entry %u of level %u, is present, but not "
                "by \"%s\"",
                HEX(raw), index, level, ptw_present_text(&w->regime));
    }
    if (ptw_right_text(&w->regime, PTW_ALL_RIGHTS) != NULL) {
        fz_fail(ASK_TEXTS, "an entry takes all rights away by a bit");
    }
    for (unsigned i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        const char *text = ptw_right_text(&w->regime, rights[i]);

        if ((text != NULL) != ((taken & rights[i]) != 0)) {
            fz_fail(ASK_TEXTS, "what takes the right %x away is \"%s\"",
                    (unsigned)rights[i], text != NULL ? text : "nothing");
            continue;
        }
        if (text != NULL && holds(w, level, index, raw, rights[i]) &&
            !ends(w, level, index, raw, rights[i], text)) {
            fz_fail(ASK_TEXTS,
                    "%llx, entry %u of level %u, has the right %x, but not by "
                    "\"%s\"",
                    HEX(raw), index, level, (unsigned)rights[i], text);
        }
    }
}
