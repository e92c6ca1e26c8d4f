/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include "report.h"

#include <stdlib.h>

static void make(struct slots *s, const struct slots_kind *kind, unsigned log2)
{
    s->log2 = log2;
    s->slot = must(calloc((size_t)1 << log2, kind->bytes));
    s->used = 0;
}

void slots_init(struct slots *s, const struct slots_kind *kind, uint64_t seed)
{
    s->seed = seed;
    make(s, kind, kind->least_log2);
}

void slots_free(struct slots *s)
{
    free(s->slot);
}

void slots_grow(struct slots *s, const struct slots_kind *kind)
{
    struct slots larger = *s;

    make(&larger, kind, s->log2 + 1);
    for (size_t i = 0; i < (size_t)1 << s->log2; i++) {
        const unsigned char *from = s->slot + i * kind->bytes;

        if (!slots_is_free(from)) {
            memcpy(slots_seek(&larger, kind, from), from, kind->bytes);
        }
    }
    larger.used = s->used;
    free(s->slot);
    *s = larger;
}
