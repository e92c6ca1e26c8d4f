/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile guests rebuilt, and verified. */
#include "harness.h"

FZ_TARGET(compact, fz_compact, fz_describe_compact);
