/* SPDX-License-Identifier: Apache-2.0 */
/* The rights of the oracle and of the library, for tests and fuzzers that compare
 * sets of them. */
#ifndef PTW_TESTS_SAME_RIGHTS_H
#define PTW_TESTS_SAME_RIGHTS_H

#include "oracle/format.h"
#include "ptwalk/types.h"

/* A set of rights of the oracle is one of the library, too. */
_Static_assert((int)ORACLE_READ == (int)PTW_READ &&
                   (int)ORACLE_WRITE == (int)PTW_WRITE &&
                   (int)ORACLE_USER == (int)PTW_USER &&
                   (int)ORACLE_EXEC == (int)PTW_EXEC &&
                   (int)ORACLE_USER_EXEC == (int)PTW_USER_EXEC,
               "rights have the same values");

#endif
