/* SPDX-License-Identifier: Apache-2.0 */
/* Walking spaces and building them anew. */
#include "harness.h"

FZ_TARGET(rebuild, fz_rebuild, NULL);
