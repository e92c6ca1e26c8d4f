/* SPDX-License-Identifier: Apache-2.0 */
/* Walks mapped again, item by item. */
#include "harness.h"

FZ_TARGET(space_map, fz_space_map, NULL);
