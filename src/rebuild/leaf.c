/* SPDX-License-Identifier: Apache-2.0 */
/* This file finds out what leaves of one kind have in common. */
#include "leaf.h"

#include "split.h"

void ptw_rb_learn(const struct ptw_rebuild *rb, uint64_t raw,
                  struct ptw_rebuild_alike *l)
{
    const struct ptw_regime *r = rb->state.regime;

    l->flags = ptw_rb_flags_of(rb, 0, raw);
    l->is = ptw_rb_leaf_bits(rb, 0, 0, raw);
    l->turned = r->arch->format->leaf_copy_on_write(r, l->is);
    l->writes = ptw_rb_writes(rb, 0, raw);
    l->marked = ptw_is_copy_on_write(r, 0, raw);
}

void ptw_rb_forget(struct ptw_rebuild *rb)
{
    memset(rb->state.alike, 0, sizeof rb->state.alike);
}
