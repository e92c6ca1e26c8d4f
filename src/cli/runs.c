/* SPDX-License-Identifier: Apache-2.0 */
#include "runs.h"

#include "color.h"
#include "filter.h"
#include "json.h"
#include "memory_types.h"
#include "print.h"

#include <inttypes.h>
#include <string.h>

uint64_t run_leaves(const struct ptw_item *run)
{
    return ((run->last.v - run->first.v) >> run->u.mapping.size_log2) + 1;
}

uint64_t run_bytes(const struct ptw_item *run)
{
    return run_leaves(run) << run->u.mapping.size_log2;
}

/* ------------------------------------------------------------------ totals */

void totals_run(struct totals *sum, const struct place *p,
                const struct ptw_item *run)
{
    const struct ptw_mapping *m = &run->u.mapping;
    uint64_t bytes = run_bytes(run);

    sum->runs++;
    sum->of_level[m->level] += run_leaves(run);
    sum->outside += image_outside(p->im, m->pa, bytes);
    if (ptw_guest_writes(&p->o->regime, m->above, m->level, m->raw)) {
        sum->writable += bytes;
    }
}

void totals_add(struct totals *sum, const struct totals *more)
{
    sum->runs += more->runs;
    sum->writable += more->writable;
    sum->outside += more->outside;
    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        sum->of_level[i] += more->of_level[i];
    }
}

struct totals totals_since(const struct totals *now,
                           const struct totals *before)
{
    struct totals since = *now;

    since.runs -= before->runs;
    since.writable -= before->writable;
    since.outside -= before->outside;
    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        since.of_level[i] -= before->of_level[i];
    }
    return since;
}

/* The size of the leaves of a level; with paging off, there is one. */
static unsigned size_log2_of(const struct place *p, unsigned level)
{
    const struct ptw_regime *r = p->o->root[p->root].regime;

    return ptw_levels(r) == 0 ? ptw_va_bits(r) : ptw_level_shift(r, level);
}

uint64_t totals_bytes(const struct place *p, const struct totals *sum)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        if (sum->of_level[i] != 0) {
            bytes += sum->of_level[i] << size_log2_of(p, i);
        }
    }
    return bytes;
}

static uint64_t totals_leaves(const struct totals *sum)
{
    uint64_t leaves = 0;

    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        leaves += sum->of_level[i];
    }
    return leaves;
}

static void print_size(const char *before, uint64_t bytes, const char *behind)
{
    char size[16];

    human_size(bytes, size);
    out_line("%s%s%s", before, size, behind);
}

static void print_totals(const struct place *p, const struct totals *sum,
                         const struct ending *end)
{
    uint64_t leaves = totals_leaves(sum);
    const char *separator = ": ";

    out_line("# root %" PRIu32, p->root);
    print_size(": ", totals_bytes(p, sum), " mapped, ");
    print_size("", sum->writable, " of it writable");
    out_line(", in %" PRIu64 " run%s of %" PRIu64 " lea%s", sum->runs,
             sum->runs == 1 ? "" : "s", leaves, leaves == 1 ? "f" : "ves");
    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        if (sum->of_level[i] != 0) {
            out_line("%s%" PRIu64, separator, sum->of_level[i]);
            print_size(" of ", (uint64_t)1 << size_log2_of(p, i), "");
            separator = ", ";
        }
    }
    if (end->folded != 0) {
        print_size("; ", end->folded, " of it not shown again");
    }
    if (sum->outside != 0) {
        print_size("; ", sum->outside, " outside the image");
    }
    if (end->bad_entries != 0) {
        out_line("; reserved bits in %" PRIu64 " entr%s", end->bad_entries,
                 end->bad_entries == 1 ? "y" : "ies");
    }
    if (end->unread != 0) {
        out_line("; unreadable in %" PRIu64 " place%s", end->unread,
                 end->unread == 1 ? "" : "s");
    }
    out_text(end->complete ? "\n" : "; not complete\n");
}

static void print_totals_json(const struct place *p, const struct totals *sum,
                              const struct ending *end)
{
    json_t *j = json_new();
    json_t *sizes = json_new();

    for (unsigned i = 0; i < PTW_MAX_LEVELS; i++) {
        if (sum->of_level[i] != 0) {
            char key[17];

            *put_hex(key, (uint64_t)1 << size_log2_of(p, i)) = '\0';
            json_set_count(sizes, key, sum->of_level[i]);
        }
    }
    json_set_text(j, "type", "total");
    json_set_count(j, "root", p->root);
    json_set_label(j, p->o, p->root);
    json_set_hex(j, "pa", p->o->root[p->root].table.v);
    json_set_count(j, "bytes", totals_bytes(p, sum));
    json_set_count(j, "writable_bytes", sum->writable);
    json_set_count(j, "runs", sum->runs);
    json_set_count(j, "leaves", totals_leaves(sum));
    json_set(j, "leaves_by_size", sizes);
    if (end->folds) {
        json_set_count(j, "folded_bytes", end->folded);
    }
    json_set_outside(j, sum->outside);
    json_set_count(j, "bad_entries", end->bad_entries);
    json_set_count(j, "unreadable", end->unread);
    json_set_bool(j, "complete", end->complete);
    json_line(j);
}

void totals_print(const struct place *p, const struct totals *sum,
                  const struct ending *end)
{
    if (p->o->json) {
        print_totals_json(p, sum, end);
    } else {
        print_totals(p, sum, end);
    }
}

void root_print(const struct place *p)
{
    if (!p->o->json) {
        out_root(p->o, p->root);
    }
}

/* -------------------------------------------------------------------- runs */

static bool is_shadow_stack(const struct options *o,
                            const struct ptw_mapping *m)
{
    return ptw_shadow_stack(&o->regime, m->above, m->level, m->raw);
}

static char *put_text(char *p, const char *text)
{
    while (*text != '\0') {
        *p++ = *text++;
    }
    return p;
}

/* Fills up with blanks, from p to end. */
static char *put_blanks(char *p, const char *end)
{
    while (p < end) {
        *p++ = ' ';
    }
    return p;
}

/* Writes text to the right of a column of that width. */
static char *put_right(char *p, const char *text, size_t width)
{
    size_t length = strlen(text);

    return put_text(put_blanks(p, p + (length < width ? width - length : 0)),
                    text);
}

static char *put_size(char *p, uint64_t bytes)
{
    char size[16];

    human_size(bytes, size);
    return put_text(p, size);
}

/* Whether the image does not have the run, or how much of it not. */
static char *put_outside(char *p, uint64_t outside, uint64_t bytes)
{
    if (outside == 0) {
        return p;
    }
    p = put_text(put_text(p, " "), color_begin(COLOR_OUTSIDE));
    p = put_text(p, "outside");
    if (outside != bytes) {
        *p++ = ':';
        p = put_size(p, outside);
    }
    return put_text(p, color_end());
}

static char *put_decimal(char *p, unsigned value)
{
    if (value >= 10) {
        p = put_decimal(p, value / 10);
    }
    *p++ = (char)('0' + value % 10);
    return p;
}

enum { RUN_BYTES = 256, KIND_WIDTH = 12, PA_WIDTH = 12, BYTES_WIDTH = 7 };

static void print_run(const struct place *p, const struct ptw_item *run)
{
    const struct options *o = p->o;
    const struct ptw_mapping *m = &run->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    uint64_t bytes = run_bytes(run);
    char *to = out_room(RUN_BYTES);
    char text[RIGHTS_ROOM + 16];
    char type[MEMORY_TYPE_ROOM];
    bool wx = (m->rights & PTW_WRITE) != 0 &&
              (m->rights & (PTW_EXEC | PTW_USER_EXEC)) != 0;
    const char *kind;

    to = put_va(to, run->first);
    *to++ = '-';
    to = put_va(to, run->last);
    *to++ = ' ';
    human_size(bytes, text);
    to = put_right(to, text, BYTES_WIDTH);
    *to++ = ' ';
    rights_text(m->rights, text);
    if (wx) {
        to = put_text(to, color_begin(COLOR_WX));
    }
    to = put_text(to, text);
    if (wx) {
        to = put_text(to, color_end());
    }
    to = put_text(to, "  ");
    kind = to;
    to = put_text(put_size(to, (uint64_t)1 << m->size_log2), " mt");
    to = put_decimal(to, at.memory_type);
    to = put_text(to, at.copy_on_write ? " cow" : "");
    to = put_text(to, is_shadow_stack(o, m) ? " shadow" : "");
    to = put_blanks(to, kind + KIND_WIDTH);
    *to++ = ' ';
    *put_hex(text, m->pa.v) = '\0';
    to = put_right(to, text, PA_WIDTH);
    if (o->regime.flag_bits != 0) {
        to = put_hex(put_text(to, " flags:"), at.flag_bits);
    }
    if (o->attributes) {
        memory_type_column(o, at.memory_type, type);
        *to++ = ' ';
        to = put_text(put_text(to, type), at.global ? " global" : "");
    }
    to = put_outside(to, image_outside(p->im, m->pa, bytes), bytes);
    *to++ = '\n';
    out_end(to);
}

static void print_run_json(const struct place *p, const struct ptw_item *run)
{
    const struct options *o = p->o;
    const struct ptw_mapping *m = &run->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    json_t *j = json_new();

    json_set_text(j, "type", "run");
    json_set_count(j, "root", p->root);
    json_set_va(j, "first", run->first);
    json_set_va(j, "last", run->last);
    json_set_hex(j, "pa", m->pa.v);
    json_set_count(j, "bytes", run_bytes(run));
    json_set_count(j, "leaves", run_leaves(run));
    json_set_count(j, "size", (uint64_t)1 << m->size_log2);
    json_set_rights(j, m->rights);
    json_set_text(j, "level",
                  ptw_level_name(o->root[p->root].regime, m->level));
    json_set_memory_type(j, o, at.memory_type, o->attributes);
    if (filter_leaf_by_leaf(o)) {
        json_set_bool(j, "global", at.global);
    }
    json_set_flag_bits(j, &o->regime, at.flag_bits);
    json_set_bool(j, "copy_on_write", at.copy_on_write);
    json_set_bool(j, "shadow_stack", is_shadow_stack(o, m));
    json_set_outside(j, image_outside(p->im, m->pa, run_bytes(run)));
    json_line(j);
}

void run_print(const struct place *p, const struct ptw_item *run)
{
    if (p->o->json) {
        print_run_json(p, run);
    } else {
        print_run(p, run);
    }
}

void leaf_print_json(const struct place *p, const struct ptw_item *leaf)
{
    const struct options *o = p->o;
    const struct ptw_mapping *m = &leaf->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    json_t *j = json_new();

    json_set_text(j, "type", "leaf");
    json_set_count(j, "root", p->root);
    json_set_va(j, "va", leaf->first);
    json_set_hex(j, "pa", m->pa.v);
    json_set_count(j, "size", (uint64_t)1 << m->size_log2);
    json_set_rights(j, m->rights);
    json_set_text(j, "level",
                  ptw_level_name(o->root[p->root].regime, m->level));
    json_set_hex(j, "entry", m->raw);
    json_set_memory_type(j, o, at.memory_type, o->attributes);
    json_set_bool(j, "global", at.global);
    json_set_flag_bits(j, &o->regime, at.flag_bits);
    json_set_outside(j,
                     image_outside(p->im, m->pa, (uint64_t)1 << m->size_log2));
    json_line(j);
}

bool runs_join(const struct place *p, struct ptw_item *run,
               const struct ptw_item *next)
{
    const struct ptw_regime *r = p->o->root[p->root].regime;
    const struct ptw_mapping *m = &run->u.mapping;
    const struct ptw_mapping *n = &next->u.mapping;

    return (!filter_leaf_by_leaf(p->o) ||
            ptw_attributes_of(r, m->level, m->raw).global ==
                ptw_attributes_of(r, n->level, n->raw).global) &&
           ptw_items_join(r, PTW_WALK_RUNS, run, next);
}

unsigned runs_flag(const struct options *o)
{
    return filter_leaf_by_leaf(o) ? 0 : PTW_WALK_RUNS;
}

bool run_alike(const struct place *p, const struct ptw_item *a,
               const struct ptw_item *b)
{
    const struct ptw_mapping *m = &a->u.mapping;
    const struct ptw_mapping *n = &b->u.mapping;
    struct ptw_attributes at;
    struct ptw_attributes other;

    if (m->pa.v != n->pa.v || m->level != n->level || m->rights != n->rights ||
        a->last.v - a->first.v != b->last.v - b->first.v ||
        is_shadow_stack(p->o, m) != is_shadow_stack(p->o, n)) {
        return false;
    }
    at = ptw_attributes_of(&p->o->regime, m->level, m->raw);
    other = ptw_attributes_of(&p->o->regime, n->level, n->raw);
    return at.memory_type == other.memory_type &&
           at.flag_bits == other.flag_bits &&
           at.copy_on_write == other.copy_on_write &&
           at.global == other.global && at.key == other.key;
}
