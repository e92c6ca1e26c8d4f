/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of hostile tables. */
#include "harness.h"

FZ_TARGET(edit, fz_edit, NULL);
