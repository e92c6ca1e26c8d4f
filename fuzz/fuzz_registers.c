/* SPDX-License-Identifier: Apache-2.0 */
/* Regimes, by control registers and by name. */
#include "harness.h"

FZ_TARGET(registers, fz_registers, NULL);
