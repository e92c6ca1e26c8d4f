/* SPDX-License-Identifier: Apache-2.0 */
/* Says which regimes the tests leave out: 77, which is a skipped test, if there
 * is one.  Without a regime that it has to know it ends otherwise. */
#include "build_tables.h"

#include <stdio.h>

int main(void)
{
    int status = 0;

    for (unsigned i = 0; i < ORACLE_FORMATS; i++) {
        if (!is_known(oracle_formats[i]->name)) {
            printf("%s: the library does not know it; its tests are left out\n",
                   oracle_formats[i]->name);
            status = 77;
        }
    }
    return status;
}
