/* SPDX-License-Identifier: Apache-2.0 */
/* What systems keep in entries that are not present. */
#include "harness.h"

FZ_TARGET(absent, fz_absent, NULL);
