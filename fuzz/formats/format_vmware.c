/* SPDX-License-Identifier: Apache-2.0 */
/* VMware's saved states. */
#include "check.h"
#include "facts.h"
#include "vmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    struct facts f;
    bool beside = false;
    bool opened = vmware_read(&r, &d, &beside);

    if (opened && beside) {
        opened = vmware_fit(&d, len);
    }
    check_dump(&d, opened, len);
    if (opened) {
        facts_find(&d, &f);
        say_facts(&f);
        check_that(f.roots + f.folded + f.other <= d.cpus,
                   "a processor counts once");
        facts_free(&f);
    }
    dump_free(&d);
    return 0;
}
