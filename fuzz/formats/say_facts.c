/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "facts.h"

#include <inttypes.h>

void say_facts(const struct facts *f)
{
    say("; by %s", f->from);
    if (f->has_registers) {
        say(": CR0 %" PRIx64 " CR4 %" PRIx64 " EFER %" PRIx64, f->regs.cr0,
            f->regs.cr4, f->regs.efer);
    } else {
        say(": %s", f->regime);
    }
    say(", flags %" PRIx64 ", folded %" PRIu32 ", other %" PRIu32, f->flag_bits,
        f->folded, f->other);
    for (uint32_t i = 0; i < f->roots; i++) {
        say("; root %" PRIx64 " of %s", f->root[i].value, f->root[i].label);
    }
}
