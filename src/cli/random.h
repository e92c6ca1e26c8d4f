/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that a guest can't guess. */
#ifndef CLI_RANDOM_H
#define CLI_RANDOM_H

#include <stdint.h>

/* random_seed returns another number at each call. */
uint64_t random_seed(void);

#endif
