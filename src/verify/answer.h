/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the difference that was found, and the digest of what was
 * compared. */
#ifndef PTW_VF_ANSWER_H
#define PTW_VF_ANSWER_H

#include "state.h"

/* ptw_vf_differ notes a difference at that address, and returns
 * PTW_DIFFERENT. */
static inline enum ptw_status ptw_vf_differ(struct ptw_verify *v,
                                            enum ptw_difference_kind kind,
                                            uint32_t space, uint64_t va)
{
    v->difference.kind = kind;
    v->difference.space = space;
    v->difference.va.v = va;
    return PTW_DIFFERENT;
}

/* ptw_vf_mixed mixes a value into a sum of the digest. */
PTW_ENGINE uint64_t ptw_vf_mixed(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9E3779B97F4A7C15;
    return sum ^ sum >> 32;
}

/* ptw_vf_fold adds a value to the digest.  The order of the values counts. */
static inline void ptw_vf_fold(struct ptw_verify *v, uint64_t value)
{
    uint64_t *d = v->certificate.digest;

    d[0] = ptw_vf_mixed(d[0], value);
    d[1] = (d[1] + value) * 0xC2B2AE3D27D4EB4F;
    d[1] = (d[1] << 31 | d[1] >> 33) + d[0];
}

/* ptw_vf_attributes returns what an entry says besides its address, as the
 * digest has it; not the bits that the processor sets by itself.  What it grants
 * by itself is a part of that: its table may be reached by another path, that
 * grants more than the one by which it is compared.  ptw_vf_fold_attributes adds
 * that to the digest. */
static inline uint64_t ptw_vf_attributes(const struct ptw_verify *v,
                                         unsigned level, uint64_t raw)
{
    struct ptw_attributes at = ptw_attributes_of(v->state.regime, level, raw);

    return (uint64_t)ptw_vf_own_rights(v, level, raw) << 32 |
           (uint64_t)at.memory_type << 16 | (uint64_t)at.key << 8 |
           (uint64_t)at.global << 1 | (uint64_t)at.copy_on_write;
}

static inline void ptw_vf_fold_attributes(struct ptw_verify *v, unsigned level,
                                          uint64_t raw)
{
    ptw_vf_fold(v, ptw_vf_attributes(v, level, raw));
}

/* ptw_vf_note_leaf notes what a leaf, old or new, adds to the difference. */
void ptw_vf_note_leaf(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item, uint64_t va);

/* ptw_vf_note_item notes the same for any item: where the table or page is,
 * and the entry. */
void ptw_vf_note_item(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item);

/* ptw_vf_kind_of returns the name of the difference when that item has no
 * counterpart. */
enum ptw_difference_kind ptw_vf_kind_of(const struct ptw_item *item,
                                        bool is_new);

/* ptw_vf_stands_alone says that the item of one image has no counterpart. */
enum ptw_status ptw_vf_stands_alone(struct ptw_verify *v, unsigned which,
                                    const struct ptw_item *item);

#endif
