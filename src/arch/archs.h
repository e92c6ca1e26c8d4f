/* SPDX-License-Identifier: Apache-2.0 */
/* The architectures, for the registry and for those who choose one by registers.
 */
#ifndef PTW_ARCHS_H
#define PTW_ARCHS_H

#include "format.h"

extern const struct ptw_arch ptw_arch_bare;
extern const struct ptw_arch ptw_arch_i686;
extern const struct ptw_arch ptw_arch_amd64;
extern const struct ptw_arch ptw_arch_pae;
extern const struct ptw_arch ptw_arch_la57;

#endif
