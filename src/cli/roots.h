/* SPDX-License-Identifier: Apache-2.0 */
/* The roots that the command line gives, checked against the image. */
#ifndef CLI_ROOTS_H
#define CLI_ROOTS_H

#include "image.h"

/* roots_check says whether the root of that index can be the top of a space:
 * PTW_OK, PTW_E_ALIGN, PTW_E_WIDTH, or PTW_E_BUS when all of it lies outside
 * the image. */
PTW_NODISCARD enum ptw_status
roots_check(const struct options *o, const struct image *im, uint32_t index);

/* roots_report_bad says why the root of that index is none, and returns the
 * status that follows from it. */
enum cli_status roots_report_bad(const struct options *o, uint32_t index,
                                 enum ptw_status why);

/* roots_report_all_bad does so for each root that is none. */
enum cli_status roots_report_all_bad(const struct options *o,
                                     const struct image *im);

/* roots_report_empty says of each root whose table is all zeros that it is, and
 * what else is odd about one that can be walked. */
void roots_report_empty(const struct options *o, const struct image *im);

/* roots_report_flags says which roots of the second image are given with other
 * flag bits than those of the first: to the guest that is another root. */
enum cli_status roots_report_flags(const struct options *o);

/* roots_untag returns the address that the processor translates in that space
 * when a program uses va for data: without its tag, where there are tags. */
ptw_va roots_untag(const struct options *o, uint32_t index, ptw_va va);

#endif
