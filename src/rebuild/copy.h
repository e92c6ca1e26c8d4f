/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: the pages of the old image go to the caller's sink. */
#ifndef PTW_RB_COPY_H
#define PTW_RB_COPY_H

#include "state.h"

/* ptw_rb_copy_block hands the sink those pages of a block that it does not
 * have yet. */
enum ptw_status ptw_rb_copy_block(struct ptw_rebuild *rb, struct ptw_block *b,
                                  const struct ptw_page_sink *sink, void *ctx);

#endif
