/* SPDX-License-Identifier: Apache-2.0 */
/* A guest compared with itself, and with itself but for a byte. */
#ifndef PTW_FUZZ_COMPACT_ITSELF_H
#define PTW_FUZZ_COMPACT_ITSELF_H

#include "compact_input.h"
#include "compact_make.h"

/* fc_all_of returns the options of a comparison of all of the guest, as it
 * is. */
struct ptw_verify_options fc_all_of(const struct fc_guest *g);

/* fc_check_itself checks that the guest is the same as itself, and that one with
 * another byte is not, and has another digest, as far as the guest sees that. */
void fc_check_itself(const struct fc_guest *g, const struct fc_manner *how,
                     const struct fc_input *input);

#endif
