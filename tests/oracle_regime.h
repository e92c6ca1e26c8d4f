/* SPDX-License-Identifier: Apache-2.0 */
/* The way from the oracle's modes to the library's regimes and back: the one place
 * that knows the names of both. */
#ifndef PTW_TESTS_ORACLE_REGIME_H
#define PTW_TESTS_ORACLE_REGIME_H

#include "oracle/format.h"
#include "ptwalk/ptwalk.h"

/* oracle_regime builds the regime of that mode, as ptw_regime_by_name and
 * ptw_regime_with do. */
enum ptw_status oracle_regime(const struct oracle_mode *mode,
                              struct ptw_regime *out);

/* oracle_mode_of_regime returns what the manual says of a regime.  No regime tells
 * whether the processor is AMD's: it is not. */
struct oracle_mode oracle_mode_of_regime(const struct ptw_regime *r);

#endif
