/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_input.h"

#include "arena.h"
#include "conventions.h"
#include "halves.h"

#include <string.h>

static struct fz_case described;

static uint64_t length(const struct fc_guest *g, const uint8_t *record,
                       enum fz_field_id pages, enum fz_field_id shift)
{
    return (fz_get(record, pages) + 1) * fc_page_bytes(g)
           << fz_get(record, shift) % 64;
}

/* A range that is left out: in its place, without those that overlap, if ranges
 * are to be right. */
static void read_omit(struct fc_guest *g, const struct fz_records *in,
                      bool hostile)
{
    struct ptw_va_range r;
    size_t n = g->o.leave_outs;
    size_t at = n;

    r.first.v = fz_value(in, FZ_FIRST, fz_address(in, OMIT_FIRST));
    if (!hostile) {
        r.first.v &= ~fc_page_mask(g);
    }
    r.last.v = fz_value(
        in, FZ_LAST,
        r.first.v + (length(g, in->record, OMIT_PAGES, OMIT_SHIFT) - 1));
    if (r.last.v < r.first.v && !hostile) {
        r.last.v = UINT64_MAX;
    }
    if (n == FC_LEAVE_OUTS) {
        return;
    }
    while (!hostile && at > 0 && g->leave_out[at - 1].first.v > r.first.v) {
        at--;
    }
    if (!hostile && ((at > 0 && g->leave_out[at - 1].last.v >= r.first.v) ||
                     (at < n && g->leave_out[at].first.v <= r.last.v))) {
        return;
    }
    memmove(&g->leave_out[at + 1], &g->leave_out[at], (n - at) * sizeof r);
    g->leave_out[at] = r;
    g->o.leave_outs++;
}

static void read_map(struct fc_guest *g, const struct fz_records *in)
{
    const uint8_t *record = in->record;
    struct ptw_map_request *q = &g->map[g->o.maps];
    uint64_t offset = fz_get(record, MAP_OFFSET) * fc_page_bytes(g);
    uint64_t bytes = length(g, record, MAP_PAGES, MAP_SHIFT);
    unsigned options = (unsigned)fz_get(record, MAP_OPTIONS);

    if (g->o.maps == FC_MAPS) {
        return;
    }
    g->o.maps++;
    memset(q, 0, sizeof *q);
    if ((options & 4) != 0 || g->o.leave_outs == 0) {
        q->first.v = fz_address(in, MAP_AT);
        q->last.v = q->first.v + (bytes - 1);
    } else {
        const struct ptw_va_range *r =
            &g->leave_out[fz_get(record, MAP_OMITTED) % g->o.leave_outs];

        q->first.v = r->first.v + offset;
        if (q->first.v < r->first.v || q->first.v > r->last.v) {
            q->first.v = r->first.v & ~fc_page_mask(g);
        }
        q->last.v = q->first.v + (bytes - 1);
        if (q->last.v > r->last.v || q->last.v < q->first.v) {
            q->last.v = r->last.v;
        }
    }
    q->first.v = fz_value(in, FZ_FIRST, q->first.v);
    q->last.v = fz_value(in, FZ_LAST, q->last.v);
    q->pa.v = fz_value(in, FZ_PA,
                       fz_get(record, MAP_FRAME) * fc_page_bytes(g)
                           << fz_get(record, MAP_FRAME_SHIFT) % 64);
    q->rights = (unsigned)fz_value(in, FZ_RIGHTS, fz_get(record, MAP_RIGHTS));
    q->copy_on_write = (options & 1) != 0;
    q->attributes.memory_type =
        (unsigned)fz_value(in, FZ_MEMORY_TYPE, fz_get(record, MAP_TYPE));
    q->attributes.key = (unsigned)fz_value(in, FZ_KEY, fz_get(record, MAP_KEY));
    q->attributes.global = (options & 2) != 0;
    q->attributes.flag_bits = fz_value(
        in, FZ_FLAG_BITS, fz_flag_bits(g->w, fz_get(record, MAP_FLAG_BITS)));
    q->flags = (unsigned)fz_value(in, FZ_FLAGS, fz_get(record, MAP_FLAGS));
    q->max_reads = fz_value(in, FZ_READS, UINT64_MAX);
}

/* What is behind the last range would leave out everything, and what is behind the
 * last map would map it. */
static void put_behind(struct fc_guest *g)
{
    for (size_t i = g->o.leave_outs; i < FC_LEAVE_OUTS; i++) {
        g->leave_out[i].first.v = 0;
        g->leave_out[i].last.v = UINT64_MAX;
    }
    for (size_t i = g->o.maps; i < FC_MAPS; i++) {
        g->map[i] = (struct ptw_map_request){.last = {UINT64_MAX},
                                             .rights = PTW_ALL_RIGHTS};
    }
}

/* Where the new tables are to be. */
static void place_tables(struct fc_guest *g, enum fc_tables_base where)
{
    static const uint64_t far[2] = {(uint64_t)1 << 24, (uint64_t)1 << 28};
    uint64_t base = g->o.base.v;

    base += -base % fc_table_place(g);
    switch (where) {
    case TABLES_BEHIND:
        return;
    case TABLES_FAR:
        g->o.tables_base.v = base + far[1];
        break;
    case TABLES_BEFORE:
        g->o.tables_base.v = base;
        g->o.base.v = base + far[0];
        break;
    case TABLES_OVER:
        g->o.tables_base.v = base;
        break;
    }
    g->o.flags |= PTW_REBUILD_TABLES_APART;
}

/* Whether that convention inverts frames. */
bool fc_inverts(const struct fc_guest *g)
{
    return g->o.absent.policy == PTW_ABSENT_LINUX &&
           g->w->mode.format->systems->linux_inverts;
}

/* Entries that are not present and have the mark of copy-on-write name, under a
 * convention, what they would map: an operation can't tell how. */
static void name_pages(struct fc_guest *g)
{
    struct fz_case *w = g->w;
    const struct oracle_format *f = w->mode.format;
    const struct oracle_systems *is = f->systems;
    enum ptw_absent_policy policy = g->o.absent.policy;
    unsigned n = w->entry_bytes;

    for (unsigned i = 0; i < w->pages && policy > PTW_ABSENT_CLEAR; i++) {
        for (unsigned at = 0; at < w->unit; at += n) {
            uint8_t *e = w->page[i] + at;
            uint64_t raw = fc_get_at(e, n);

            if (oracle_present(&w->mode, 0, raw) ||
                (raw & f->mark_bits) != f->mark) {
                continue;
            }
            if (policy == PTW_ABSENT_WINDOWS) {
                raw |= is->windows_transition | g->o.absent.mask;
            } else {
                raw |= is->linux_none;
            }
            if (fc_inverts(g)) {
                raw ^= oracle_frame(&w->mode,
                                    (raw & is->linux_large) != 0 ? 1 : 0);
            }
            fc_put_at(e, n, raw);
        }
    }
}

/* What becomes of the guest; the last record of the kind counts. */
static void read_rebuild(struct fc_guest *g, struct fc_input *input,
                         const struct fz_records *in)
{
    const uint8_t *record = in->record;
    uint64_t base = fz_get(record, REBUILD_BASE) * fc_page_bytes(g)
                    << fz_get(record, REBUILD_BASE_SHIFT) % 64;

    input->options = (unsigned)fz_get(record, REBUILD_OPTIONS);
    input->limit = (enum fc_limit)(fz_get(record, REBUILD_LIMIT) % 4);
    input->limited_to = (unsigned)fz_get(record, REBUILD_LIMITED_TO);
    g->knows_zeros = (input->options & OPT_KNOWS_ZEROS) != 0;
    g->stopped = (input->options & OPT_STOPPED) != 0;
    g->o.flags =
        (unsigned)fz_value(in, FZ_FLAGS, fz_get(record, REBUILD_FLAGS));
    g->o.base.v = fz_value(in, FZ_BASE, base);
    g->o.seed = fz_get(record, REBUILD_SEED) * 0x9E3779B97F4A7C15;
    g->o.absent = fz_convention(
        &g->w->mode, (unsigned)fz_get(record, REBUILD_ABSENT) % FZ_OF_REBUILDS);
    g->o.max_reads = g->w->thorough ? 65536 : 16384;
    if (input->limit == FEW_READS) {
        g->o.max_reads = (uint64_t)input->limited_to * 16;
    } else if (input->limit == FEW_BYTES) {
        g->o.max_bytes = (uint64_t)input->limited_to * fc_page_bytes(g);
    } else if (input->limit == FEW_STORAGE) {
        input->most_storage = (size_t)input->limited_to * 1024;
    }
    g->o.max_reads = fz_value(in, FZ_READS, g->o.max_reads);
    g->o.max_bytes = fz_value(in, FZ_BYTES, g->o.max_bytes);
    place_tables(g, (enum fc_tables_base)(fz_get(record, REBUILD_TABLES) % 4));
    g->o.tables_base.v = fz_value(in, FZ_TABLES_BASE, g->o.tables_base.v);
}

/* The sink is as the last record of the kind has it; each may spoil. */
static void read_image(struct fc_guest *g, struct fc_input *input,
                       const uint8_t *record)
{
    enum fc_spoil how =
        (enum fc_spoil)(fz_get(record, IMAGE_SPOIL) % SPOIL_WAYS);

    input->growth = (unsigned)fz_get(record, IMAGE_GROWTH);
    input->refused_first = (unsigned)fz_get(record, IMAGE_REFUSED);
    input->refused_times = (unsigned)fz_get(record, IMAGE_TIMES);
    g->filler = (enum fc_filler)(fz_get(record, IMAGE_FILLER) % 4);
    input->at[0] = (uint8_t)fz_get(record, IMAGE_WHERE);
    input->at[1] = (uint8_t)fz_get(record, IMAGE_ENTRY);
    input->at[2] = (uint8_t)fz_get(record, IMAGE_OTHER);
    if (how != SPOIL_NOT && input->spoilings < FC_SPOILT) {
        struct fc_spoilt *s = &input->spoilt[input->spoilings++];

        s->how = how;
        memcpy(s->at, input->at, sizeof s->at);
    }
}

void fc_read_input(struct fc_guest *g, struct fc_input *input,
                   const uint8_t *data, size_t len)
{
    const struct fz_records all = fz_records_of(data, len);
    struct fz_records none = fz_records_of(NULL, 0);
    struct fz_records in;
    bool hostile;

    fz_arena_begin();
    fz_case_read(&described, true, data, len);
    fz_halves(&described);
    memset(g, 0, sizeof *g);
    memset(input, 0, sizeof *input);
    g->w = &described;
    while ((oracle_present_bits(&described.mode) >> g->low_bits) != 0) {
        g->low_bits++;
    }
    g->o = ptw_rebuild_everything();
    input->most_storage = FC_STORE;
    read_rebuild(g, input, &none);
    for (in = all; fz_next_record(&described, &in);) {
        if (fz_op_of(in.record) == OP_REBUILD) {
            input->most_storage = FC_STORE;
            g->o = ptw_rebuild_everything();
            read_rebuild(g, input, &in);
        } else if (fz_op_of(in.record) == OP_IMAGE) {
            read_image(g, input, in.record);
        }
    }
    for (unsigned i = 0; i < input->spoilings; i++) {
        input->spoilt[i].absent = (input->options & OPT_ABSENT_SPOIL) != 0;
    }
    name_pages(g);
    hostile = (input->options & OPT_HOSTILE) != 0;
    g->o.first.v = described.first;
    g->o.last.v = described.last;
    if (!hostile) {
        g->o.first.v &= ~fc_page_mask(g);
        g->o.last.v |= fc_page_mask(g);
    }
    g->o.leave_out = g->leave_out;
    g->o.map = g->map;
    for (in = all; fz_next_record(&described, &in);) {
        if (fz_op_of(in.record) == OP_OMIT) {
            read_omit(g, &in, hostile);
        }
    }
    for (in = all; fz_next_record(&described, &in);) {
        if (fz_op_of(in.record) == OP_MAP) {
            read_map(g, &in);
        }
    }
    put_behind(g);
    for (unsigned i = 0; i < described.roots; i++) {
        g->root[i] = fz_root(&described, i);
        if (described.root_flags[i] != 0) {
            g->o.root_flags = described.root_flags;
        }
    }
    if ((input->options & OPT_CHANGES) != 0 &&
        (described.memory == FZ_DIRECT || described.memory == FZ_MIXED)) {
        fz_case_offer(&described, FZ_BORROW); /* what changes is borrowed */
    }
    fc_make_host(g);
}
