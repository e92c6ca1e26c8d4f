/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces that are linked to tables of others. */
#include "harness.h"

FZ_TARGET(link, fz_link, NULL);
