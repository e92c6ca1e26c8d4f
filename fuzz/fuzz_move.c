/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of tables that move when they are written. */
#include "harness.h"

FZ_TARGET(move, fz_move, NULL);
