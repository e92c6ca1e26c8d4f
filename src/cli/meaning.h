/* SPDX-License-Identifier: Apache-2.0 */
/* What the system that wrote an entry means by it when it is not present. */
#ifndef CLI_MEANING_H
#define CLI_MEANING_H

#include "image.h"
#include "json.h"

/* What a system means: absent.h. */
struct meaning {
    const char *system; /* the name of its convention */
    struct ptw_absent_entry is;
};

enum { MEANINGS_MOST = PTW_ABSENT_POLICIES };

/* meanings_of writes what raw, an entry of that level that is not present, is
 * to the system that --absent names, and without it to each that has a
 * convention for tables of r.  Returns how many have an opinion: none of an
 * entry that is 0. */
size_t meanings_of(const struct options *o, const struct ptw_regime *r,
                   unsigned level, uint64_t raw,
                   struct meaning out[MEANINGS_MOST]);

/* meaning_print prints it as "linux: a swap slot, ...", without a line feed. */
void meaning_print(const struct image *im, const struct meaning *m);

json_t *meaning_json(const struct image *im, const struct meaning *m);

#endif
