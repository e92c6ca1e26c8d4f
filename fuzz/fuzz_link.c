/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases, however wrong, and edits of what they lead to. */
#include "harness.h"

FZ_TARGET(link, fz_link, NULL);
