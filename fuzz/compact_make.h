/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilds and comparisons, step by step, with storage as little as they
 * take. */
#ifndef PTW_FUZZ_COMPACT_MAKE_H
#define PTW_FUZZ_COMPACT_MAKE_H

#include "compact_guest.h"
#include "compact_image.h"

/* How a rebuild of the same guest is varied. */
struct fc_manner {
    unsigned growth;
    size_t most_storage;
    unsigned refuse_at; /* the sink */
    unsigned refuse_times;
    bool direct;  /* the tables go to host memory */
    bool no_room; /* or to too little of it */
    bool read_only;
    bool changes;
    bool of_image; /* the guest is an image that was made before */
};

/* The comparison that was made last. */
extern struct ptw_verify fc_verify;

/* fc_make_image rebuilds; false when there is no image, for a reason that is
 * right. */
bool fc_make_image(struct fc_guest *g, const struct ptw_mem *mem,
                   const struct ptw_root *root,
                   const struct ptw_rebuild_options *o,
                   const struct fc_manner *how, struct ptw_rebuild *rb,
                   struct fc_image *m);

/* fc_root_status returns what there is to say of the root of a space. */
enum ptw_status fc_root_status(const struct fc_guest *g,
                               const struct ptw_root *root, unsigned space);

/* fc_bad_root returns the first space of the guest whose root can't be one, or how many
 * spaces there are. */
unsigned fc_bad_root(const struct fc_guest *g);

/* fc_plan plans a rebuild with other options, and asks nothing; PTW_E_SPACE when
 * that takes too much storage. */
enum ptw_status fc_plan(struct fc_guest *g, const struct ptw_mem *mem,
                        const struct ptw_rebuild_options *o, unsigned growth,
                        struct ptw_rebuild *rb);

/* fc_free_storage frees what the rebuild was given. */
void fc_free_storage(const struct ptw_rebuild *rb);

/* fc_compare_memory compares two guests, and fc_compare a guest with its
 * image. */
enum ptw_status fc_compare_memory(struct fc_guest *g, const struct ptw_mem *mem,
                                  const struct ptw_root *root,
                                  const struct ptw_mem *now,
                                  const struct ptw_root *now_root,
                                  const struct ptw_verify_options *o,
                                  unsigned growth, struct ptw_certificate *c);
enum ptw_status fc_compare(struct fc_guest *g, const struct ptw_mem *mem,
                           struct fc_image *m, uint64_t seed, unsigned growth,
                           struct ptw_certificate *c);

/* fc_check_certificate checks the certificate of an image that is right. */
void fc_check_certificate(const struct fc_guest *g, const struct fc_image *m,
                          const struct ptw_certificate *c);

/* fc_lawful returns how many steps the law allows: README.md. */
uint64_t fc_lawful(const struct fc_guest *g, uint64_t tables,
                   uint64_t new_bytes);

#endif
