/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of compressed kdumps, with the notes of a machine. */
#include "check.h"
#include "facts.h"
#include "kdump_header.h"

#include <string.h>

/* What is listed becomes memory, but for what the file lacks. */
static void check_lacking(struct dump *d)
{
    enum { MOST = 64 };

    dump_add_listed(d, 0, UINT32_MAX);
    for (size_t i = 0; i < d->lackings && i < MOST; i++) {
        const struct segment *lacks = &d->lacking[i];

        check_that(i == 0 || lacks[-1].pa + lacks[-1].bytes < lacks->pa,
                   "what lacks is in order and apart");
        for (size_t k = 0; k < d->segments; k++) {
            const struct segment *s = &d->segment[k];

            check_that(s->pa > lacks->pa + (lacks->bytes - 1) ||
                           s->pa + (s->bytes - 1) < lacks->pa,
                       "what lacks is not in the image");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    bool opened = kdump_header_read(&r, &d);
    struct facts f;

    check_that(opened == (d.why[0] == '\0'), "a refusal has a reason");
    say_dump(&d, opened);
    if (opened) {
        facts_find(&d, &f);
        say_facts(&f);
        check_that(f.roots + f.folded + f.other <= d.cpus + 1,
                   "a processor counts once");
        check_that((f.family == DUMP_UNKNOWN) == (f.from[0] == '\0'),
                   "what is known is known from something");
        check_that(f.has_registers || f.regime[0] != '\0' || f.roots == 0 ||
                       f.root[0].id == OPT_SATP,
                   "a root has a mode");
        for (uint32_t i = 0; i < f.roots; i++) {
            for (uint32_t k = 0; k < i; k++) {
                check_that(f.root[i].value != f.root[k].value,
                           "a root is there once");
            }
        }
        check_that(d.vmcoreinfo == NULL || strlen(d.vmcoreinfo) <= len,
                   "lines come from the file");
        facts_free(&f);
    }
    if (opened) {
        check_lacking(&d);
    }
    dump_free(&d);
    return 0;
}
