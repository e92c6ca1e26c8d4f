/* SPDX-License-Identifier: Apache-2.0 */
/* What entries say: numbers as entries of each level. */
#include "harness.h"

FZ_TARGET(decode, fz_decode, NULL);
