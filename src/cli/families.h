/* SPDX-License-Identifier: Apache-2.0 */
/* What `explain` has to know of a family of architectures: who accesses memory,
 * and what registers have a say in it. */
#ifndef CLI_FAMILIES_H
#define CLI_FAMILIES_H

#include "cli.h"

/* Somebody who accesses memory: struct ptw_access. */
struct accessor {
    const char *name;
    bool user;
    unsigned allow;
};

enum { ACCESSORS_MOST = 6 };

/* accessors_of writes those that there are under r, for a page with those
 * rights: one whose switches make no difference there is left out.  It returns
 * how many. */
size_t accessors_of(const struct options *o, const struct ptw_regime *r,
                    unsigned rights, struct accessor list[ACCESSORS_MOST]);

/* print_switches prints the registers' bits by which accesses are judged under
 * r: ", with CR0.WP=1", for instance. */
void print_switches(const struct options *o, const struct ptw_regime *r);

/* makes_global says whether raw, an entry of that level that leads to a table,
 * makes all that is mapped below it global. */
bool makes_global(const struct ptw_regime *r, unsigned level, uint64_t raw);

bool has_shadow_stacks(const struct ptw_regime *r);
bool has_keys(const struct ptw_regime *r);

/* memory_type_name returns what the manual calls the number that struct
 * ptw_attributes has as memory_type; mair_attribute returns the byte of
 * MAIR_ELx that it is an index into. */
const char *memory_type_name(const struct ptw_regime *r);
unsigned mair_attribute(const struct options *o, unsigned memory_type);

#endif
