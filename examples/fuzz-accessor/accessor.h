/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor that this monitor gives to ptwalk, in production and while it is
 * fuzzed: its context is the struct vm. */
#ifndef EXAMPLE_ACCESSOR_H
#define EXAMPLE_ACCESSOR_H

#include "ptwalk/mem.h"

extern const struct ptw_mem_ops vm_mem_ops;

#endif
