/* SPDX-License-Identifier: Apache-2.0 */
/* A rebuild in words. */
#include "compact_input.h"

#include <inttypes.h>
#include <stdio.h>

static struct fc_guest guest;

void fz_describe_compact(FILE *to, const uint8_t *data, size_t len)
{
    static const char *const flag[] = {"copy-on-write", "copy shared", "split",
                                       "merge", "zeros"};
    static const char *const spoiled[] = {
        "no",     "a bit of an entry", "a bit of a page", "an address twice",
        "a copy", "an entry more",     "an entry less",   "two swapped",
        "a page", "an entry added",    "small pages",     "as before",
        "a root", "a page lost",
    };
    static const char *const limit[] = {"none", "reads", "bytes", "storage"};
    static struct fc_input input;
    struct fc_guest *g = &guest;

    fc_read_input(g, &input, data, len);
    fc_free_host(g);
    fprintf(to, "rebuild: range %016" PRIx64 "-%016" PRIx64 ", base %" PRIx64,
            g->o.first.v, g->o.last.v, g->o.base.v);
    for (unsigned i = 0; i < 5; i++) {
        if ((g->o.flags >> i & 1) != 0) {
            fprintf(to, ", %s", flag[i]);
        }
    }
    fprintf(to, ", absent entries: %s%s", ptw_absent_name(g->o.absent.policy),
            (input.options & OPT_ABSENT_SPOIL) != 0 ? ", spoilt" : "");
    if ((g->o.flags & (PTW_REBUILD_CLEAR_MARKED | PTW_REBUILD_REFUSE_MARKED)) !=
        0) {
        fprintf(to, ", marked leaves are %s",
                (g->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0 ? "cleared"
                                                             : "refused");
    }
    if ((g->o.flags & PTW_REBUILD_TABLES_APART) != 0) {
        fprintf(to, ", tables at %" PRIx64, g->o.tables_base.v);
    }
    fputc('\n', to);
    for (size_t i = 0; i < g->o.leave_outs; i++) {
        fprintf(to, "    leaves out %016" PRIx64 "-%016" PRIx64 "\n",
                g->leave_out[i].first.v, g->leave_out[i].last.v);
    }
    for (size_t i = 0; i < g->o.maps; i++) {
        fprintf(to,
                "    maps %016" PRIx64 "-%016" PRIx64 " to %" PRIx64
                ", rights %x\n",
                g->map[i].first.v, g->map[i].last.v, g->map[i].pa.v,
                g->map[i].rights);
    }
    for (unsigned i = 0; i < g->w->roots && g->o.root_flags != NULL; i++) {
        fprintf(to, "    root %u is loaded with the flag bits %" PRIx64 "\n", i,
                g->o.root_flags[i]);
    }
    fprintf(to,
            "    limit: %s %u; the sink refuses %u times from write %u on"
            "%s%s\n",
            limit[input.limit], input.limited_to, input.refused_times,
            input.refused_first,
            (input.options & OPT_CHANGES) != 0 ? "; the guest runs" : "",
            (input.options & OPT_NO_ROOM) != 0 ? "; no room for tables" : "");
    for (unsigned i = 0; i < input.spoilings; i++) {
        const struct fc_spoilt *s = &input.spoilt[i];

        fprintf(to, "    spoilt: %s %u %u %u\n", spoiled[s->how], s->at[0],
                s->at[1], s->at[2]);
    }
    fz_describe(to, true, data, len);
}
