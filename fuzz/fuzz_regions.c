/* SPDX-License-Identifier: Apache-2.0 */
/* The accessor: hostile lists of regions, and accesses anywhere. */
#include "harness.h"

FZ_TARGET(regions, fz_regions, NULL);
