/* SPDX-License-Identifier: Apache-2.0 */
#include "halves.h"

#include "oracle_regime.h"

#include <stdio.h>
#include <string.h>

/* Formats whose tables mean the same, in halves of one processor or under
 * other values of TCR.TnSZ. */
enum { ALIKE = 3 };

static const char *const alike[][ALIKE] = {
    {"aarch64-4k-48", "aarch64-4k-48/upper", "aarch64-4k-39"},
    {"aarch64-64k-48", "aarch64-64k-42/upper", NULL},
};

enum { ALIKES = sizeof alike / sizeof alike[0] };

/* The same format in the other half, where there is one. */
static const struct oracle_format *across(struct fz_case *w,
                                          const struct oracle_format *f)
{
    size_t length = strcspn(f->name, "/");
    bool upper = f->extension == ORACLE_ONES;

    if (!upper && f->name[length] != '\0') {
        return f;
    }
    (void)snprintf(w->across_name, sizeof w->across_name, "%.*s%s", (int)length,
                   f->name, upper ? "" : "/upper");
    w->across = *f;
    w->across.name = w->across_name;
    w->across.extension = upper ? ORACLE_ZEROS : ORACLE_ONES;
    return &w->across;
}

/* The same format with addresses of fewer bits, as far as the root keeps two
 * entries. */
static const struct oracle_format *
narrower(struct fz_case *w, const struct oracle_format *f, unsigned bits)
{
    unsigned top = f->levels - 1;
    unsigned granule;
    unsigned was;
    int end = 0;

    while (bits > 0 && f->level[top].entries >> bits < 2) {
        bits--;
    }
    if (bits == 0 ||
        sscanf(f->name, "aarch64-%uk-%u%n", &granule, &was, &end) != 2) {
        return f;
    }
    (void)snprintf(w->narrow_name, sizeof w->narrow_name, "aarch64-%uk-%u%s",
                   granule, was - bits, f->name + end);
    w->narrow = *f;
    w->narrow.name = w->narrow_name;
    w->narrow.va_bits -= bits;
    w->narrow.level[top].entries >>= bits;
    return &w->narrow;
}

/* The format that a code selects beside the first half's: that one, one of
 * those that are alike, or the same in the other half. */
static const struct oracle_format *
beside(struct fz_case *w, const struct oracle_format *f, unsigned code)
{
    if (code == ALIKE) {
        return across(w, f);
    }
    for (unsigned i = 0; i < ALIKES; i++) {
        for (unsigned k = 0; k < ALIKE && alike[i][k] != NULL; k++) {
            if (strcmp(alike[i][k], f->name) == 0) {
                k += code;
                k = k < ALIKE && alike[i][k] != NULL ? k : 0;
                return oracle_format_named(alike[i][k]);
            }
        }
    }
    return f;
}

bool fz_beside(struct fz_case *w, unsigned code, struct fz_half *other)
{
    *other = w->half[0];
    other->mode.format =
        narrower(w, beside(w, w->mode.format, (code - 1) / 2 % (ALIKE + 1)),
                 (code - 1) / 2 / (ALIKE + 1) % 4);
    other->mode.hpd = other->mode.hpd != (code % 2 == 0);
    other->levels = other->mode.format->levels;
    if (w->mode.pa_bits > other->mode.format->most_pa_bits) {
        return false;
    }
    if (oracle_regime(&other->mode, &other->regime) != PTW_OK) {
        fz_give_up("%s is refused beside %s", other->mode.format->name,
                   w->mode.format->name);
    }
    return true;
}

void fz_halves(struct fz_case *w)
{
    unsigned code = 0;

    for (unsigned i = 0; i < w->roots; i++) {
        code = w->root_half[i] > 0 ? w->root_half[i] : code;
    }
    w->halves = code != 0 && w->mode.format->family == ORACLE_AARCH64 &&
                fz_beside(w, code, &w->half[1]);
}

static unsigned number_of(const struct fz_case *w, uint32_t space)
{
    return w->halves && space < w->roots && w->root_half[space] > 0;
}

const struct fz_half *fz_half_of(const struct fz_case *w, uint32_t space)
{
    return &w->half[number_of(w, space)];
}

const struct ptw_regime *fz_regime_of(const struct fz_case *w, uint32_t space)
{
    return &fz_half_of(w, space)->regime;
}

static void turn_to(struct fz_case *w, unsigned half)
{
    if (half != w->turned) {
        w->turned = half;
        w->mode = w->half[half].mode;
        w->regime = w->half[half].regime;
        w->levels = w->half[half].levels;
    }
}

void fz_turn(struct fz_case *w, uint32_t space)
{
    turn_to(w, number_of(w, space));
}

void fz_turn_back(struct fz_case *w)
{
    turn_to(w, 0);
}

void fz_take_half(struct fz_case *w, const struct fz_half *half)
{
    w->halves = false;
    w->turned = 0;
    w->half[0] = *half;
    w->mode = half->mode;
    w->regime = half->regime;
    w->levels = half->levels;
}

struct ptw_root fz_root(const struct fz_case *w, uint32_t space)
{
    return ptw_root_of(fz_regime_of(w, space), ptw_pa_of(w->root[space]));
}

bool fz_same_root(const struct fz_case *w, uint32_t a, uint32_t b)
{
    const struct fz_half *x = fz_half_of(w, a);
    const struct fz_half *y = fz_half_of(w, b);

    return w->root[a] == w->root[b] && x->levels == y->levels &&
           x->mode.format->level[x->levels - 1].entries ==
               y->mode.format->level[y->levels - 1].entries;
}

bool fz_shorter_root(const struct fz_case *w, uint32_t space)
{
    unsigned top = w->half[1].levels - 1;

    return number_of(w, space) == 1 && top < w->half[0].levels &&
           w->half[0].mode.format->level[top].entries !=
               w->half[1].mode.format->level[top].entries;
}

unsigned fz_kernels(const struct fz_case *w)
{
    return w->half[0].regime.vectors;
}

void fz_set_kernels(struct fz_case *w, unsigned kernels)
{
    w->regime.vectors = kernels;
    w->half[0].regime.vectors = kernels;
    w->half[1].regime.vectors = kernels;
}
