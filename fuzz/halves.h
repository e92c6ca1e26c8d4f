/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces of one walk that differ: an address space of two halves, or of other
 * widths, or where only one half has hierarchical rights.  A `root` record says
 * of which half it is; targets that do not ask take all roots as of the first. */
#ifndef FUZZ_HALVES_H
#define FUZZ_HALVES_H

#include "harness.h"

/* fz_halves takes roots as of the half that they are of, where the format is
 * aarch64's; the case has been read.  Until then, and again after the next read,
 * there is one half. */
void fz_halves(struct fz_case *w);

/* fz_beside makes *other the half that such a code selects beside the first one,
 * of a format of aarch64's; false: the processor has no such one.  No half is in
 * use that another code selected. */
bool fz_beside(struct fz_case *w, unsigned code, struct fz_half *other);

/* fz_half_of returns the half that a space is of, fz_regime_of its regime. */
const struct fz_half *fz_half_of(const struct fz_case *w, uint32_t space);
const struct ptw_regime *fz_regime_of(const struct fz_case *w, uint32_t space);

/* fz_turn makes the half of that space the one whose mode, regime and levels
 * stand in the case. */
void fz_turn(struct fz_case *w, uint32_t space);

/* fz_turn_back makes the first half that again. */
void fz_turn_back(struct fz_case *w);

/* fz_take_half makes a half the only one, as if all spaces were of it. */
void fz_take_half(struct fz_case *w, const struct fz_half *half);

/* fz_root returns the root of that space. */
struct ptw_root fz_root(const struct fz_case *w, uint32_t space);

/* fz_same_root says whether the roots of two spaces that are the same table are
 * it at the same level, with as many entries. */
bool fz_same_root(const struct fz_case *w, uint32_t a, uint32_t b);

/* fz_shorter_root says whether the root of that space is of the second half, and has
 * other entries than a table of its level has in the first one. */
bool fz_shorter_root(const struct fz_case *w, uint32_t space);

/* fz_kernels returns the best kernels of the case's regimes, and
 * fz_set_kernels sets them. */
unsigned fz_kernels(const struct fz_case *w);
void fz_set_kernels(struct fz_case *w, unsigned kernels);

#endif
