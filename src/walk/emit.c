/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a walk that run once for each table, each space, or less: one of
 * each serves all formats, and the walk of a format calls them. */
#include "begin.h"

bool ptw_give(struct ptw_walk *w, struct ptw_sink *out, enum ptw_verdict v,
              const struct ptw_entry *e)
{
    return ptw_emit_verdict(w->c.regime->arch->format, w, out, v, e);
}

bool ptw_begin_space(struct ptw_walk *w, struct ptw_sink *out)
{
    return ptw_begin(w->c.regime->arch->format, w, out);
}

bool ptw_pass_on(struct ptw_walk *w, struct ptw_sink *out)
{
    return ptw_pass(w->c.regime->arch->format, w, out);
}

void ptw_give_gap(struct ptw_walk *w, struct ptw_sink *out)
{
    ptw_emit_gap(w->c.regime->arch->format, w, out);
}

bool ptw_go_on_in_table(struct ptw_cursor *c)
{
    return ptw_keep_on(c->regime->arch->format, c);
}

void ptw_end_space(struct ptw_walk *w, struct ptw_sink *out)
{
    ptw_close(w, out);
    w->c.level = -1;
    w->c.space++;
    w->phase = w->c.space < w->roots ? PTW_PHASE_BEGIN : PTW_PHASE_DONE;
}

void ptw_drain(struct ptw_walk *w, struct ptw_sink *out)
{
    while (w->queue_next < w->queued && out->count < out->room) {
        out->item[out->count++] = w->queue[w->queue_next++];
    }
    if (w->queue_next == w->queued) {
        w->queue_next = 0;
        w->queued = 0;
    }
}
