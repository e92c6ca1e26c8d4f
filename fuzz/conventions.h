/* SPDX-License-Identifier: Apache-2.0 */
/* What entries that are not present name, by what the systems' own sources say,
 * and without a line of the library. */
#ifndef PTW_FUZZ_CONVENTIONS_H
#define PTW_FUZZ_CONVENTIONS_H

#include "harness.h"

enum { FZ_CONVENTIONS = 9, FZ_OF_REBUILDS = 8 };

/* fz_convention returns one of these; where no system is known, nothing but to
 * keep entries, and to clear them. */
struct ptw_absent fz_convention(const struct oracle_mode *mode, unsigned which);

/* What an entry names: the frame, and whatever else is in the entry. */
enum fz_names { FZ_NAMES_NOTHING, FZ_NAMES_FRAME, FZ_NAMES_WHO_KNOWS };

struct fz_named {
    enum fz_names what;
    uint64_t pa;
    uint64_t rest;
    enum ptw_absent_use use; /* what the system has in it */
    unsigned rights;         /* of a frame: those that the entry says */
    unsigned store;          /* a swap slot's type, a page file's number, */
    uint64_t slot;           /* and its place there */
};

/* fz_named returns that of raw, which is not 0 and not present, under a
 * convention of Linux or Windows. */
struct fz_named fz_named(const struct oracle_mode *mode,
                         const struct ptw_absent *a, unsigned level,
                         uint64_t raw);

#endif
