/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of all pages, and where they differ. */
#ifndef PTW_VF_BYTES_H
#define PTW_VF_BYTES_H

#include "state.h"

/* ptw_vf_put_in_order sorts the new pages by their addresses. */
enum ptw_status ptw_vf_put_in_order(struct ptw_verify *v);

/* ptw_vf_compare_bytes compares the bytes of all pages.  *same is false when
 * any differ, and then the order is that of the blocks in which they do. */
void ptw_vf_compare_bytes(struct ptw_verify *v, bool *same);

/* ptw_vf_locate finds the first address, as the guest counts, where bytes
 * differ. */
enum ptw_status ptw_vf_locate(struct ptw_verify *v);

#endif
