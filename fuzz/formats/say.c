/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 4096, MOST = 12 };

static bool listened;
static char said[ROOM];
static size_t used;

void say_to(bool somebody)
{
    listened = somebody;
}

const char *say_end(void)
{
    used = 0;
    return said;
}

void say(const char *format, ...)
{
    va_list args;
    int n;

    if (!listened) {
        return;
    }
    va_start(args, format);
    n = vsnprintf(said + used, ROOM - used, format, args);
    va_end(args);
    used += n > 0 && (size_t)n < ROOM - used ? (size_t)n : 0;
}

void say_dump(const struct dump *d, bool opened)
{
    if (!listened) {
        return;
    }
    if (!opened) {
        say("refused: %s", d->why);
        return;
    }
    say("%zu:", d->segments);
    for (size_t i = 0; i < d->segments && i < MOST; i++) {
        const struct segment *s = &d->segment[i];

        say(" %" PRIx64 "+%" PRIx64 "@%" PRIx64, s->pa, s->bytes, s->offset);
    }
    for (size_t i = 0; i < d->left_outs && i < MOST; i++) {
        const struct segment *s = &d->left_out[i];

        say("%s %" PRIx64 "+%" PRIx64, i == 0 ? "; left out" : "", s->pa,
            s->bytes);
    }
    say("; missing %" PRIx64 ", family %u", d->missing, (unsigned)d->family);
    for (size_t i = 0; i < d->lackings && i < MOST; i++) {
        say(", lacks %" PRIx64 "+%" PRIx64, d->lacking[i].pa,
            d->lacking[i].bytes);
    }
    if (d->remark[0] != '\0') {
        say(", remark: %s", d->remark);
    }
    if (d->long_mode_known) {
        say(", long mode %d", d->long_mode);
    }
    for (size_t i = 0; i < d->cpus && i < MOST; i++) {
        const struct dump_cpu *c = &d->cpu[i];

        say("; cpu %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64, c->cr0,
            c->cr3, c->cr4, c->efer);
        if (d->paravirtual) {
            say(" user %" PRIx64, c->user_table);
            if (c->upper != 0) {
                say(" upper %" PRIx64, c->upper);
            }
        }
    }
    for (size_t i = 0; i < d->mades && i < MOST; i++) {
        say("; made %" PRIx64 ":", d->made[i].pa);
        for (unsigned k = 0; k < MADE_ENTRIES; k++) {
            say(" %" PRIx64, d->made[i].entry[k]);
        }
    }
    if (d->has_root) {
        say("; root %" PRIx64, d->root);
    }
}
