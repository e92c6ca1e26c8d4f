/* SPDX-License-Identifier: Apache-2.0 */
#include "again.h"

#include "json.h"
#include "print.h"

#include <inttypes.h>

uint64_t again_bytes(const struct again *a)
{
    return a->last.v - a->first.v + 1;
}

ptw_va again_end(const struct again *a)
{
    return ptw_va_of(a->last.v + a->times * a->every);
}

bool again_repeats(struct again *a, ptw_va first)
{
    uint64_t every = first.v - (a->first.v + a->times * a->every);

    if ((a->times > 0 && every != a->every) || every > INT64_MAX) {
        return false; /* or it is too far, in the other half of the addresses */
    }
    a->every = every;
    a->times++;
    return true;
}

void again_print_json(const struct options *o, const struct again *a,
                      ptw_va first, uint64_t times)
{
    json_t *j = json_new();

    json_set_text(j, "type", "again");
    json_set_count(j, "root", a->root);
    json_set_label(j, o, a->root);
    json_set_va(j, "first", first);
    json_set_va(j, "last", again_end(a));
    json_set_count(j, "of_root", a->of_root);
    json_set_va(j, "of", a->of);
    json_set_count(j, "bytes", again_bytes(a));
    json_set_count(j, "times", times);
    json_set_count(j, "every", times > 1 ? a->every : again_bytes(a));
    json_line(j);
}

/* "FIRST-LAST SIZE as the 2M at VA", or "the 2M at VA repeats N times". */
void again_print(const struct again *a, ptw_va first, uint64_t times)
{
    char size[16];
    char whole[16];
    char every[16];

    human_size(again_bytes(a), size);
    human_size(again_end(a).v - first.v + 1, whole);
    out_line("%016" PRIx64 "-%016" PRIx64 " %7s %s %s at %016" PRIx64, first.v,
             again_end(a).v, whole, times > 1 ? "the" : "as the", size,
             a->of.v);
    if (a->of_root != a->root) {
        out_line(" of root %" PRIu32, a->of_root);
    }
    if (times > 1) {
        out_line(" repeats %" PRIu64 " times", times);
    }
    if (times > 1 && a->every != again_bytes(a)) {
        human_size(a->every, every);
        out_line(", every %s", every);
    }
    out_text("\n");
}
