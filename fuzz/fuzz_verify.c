/* SPDX-License-Identifier: Apache-2.0 */
/* Images of hostile guests, spoilt: does the verifier see it? */
#include "harness.h"

FZ_TARGET(verify, fz_verify, fz_describe_compact);
