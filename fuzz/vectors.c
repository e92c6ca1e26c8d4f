/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the library's own src/processor.c.  A regime is made for every input,
 * and the question takes longer than most walks, on a virtual machine.  It is
 * asked before the first input, so that no input is run otherwise than the next
 * one. */
#include "ask_processor.h"

static unsigned best;

__attribute__((constructor)) static void ask_once(void)
{
    best = ptw_ask_processor();
}

unsigned ptw_vectors_here(void)
{
    return best;
}
