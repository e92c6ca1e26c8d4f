/* SPDX-License-Identifier: Apache-2.0 */
#include "edit_input.h"

#include <string.h>

const char *const fe_fault_name[FE_FAULTS] = {
    [FAULT_NONE] = "nothing",
    [FAULT_UNALIGNED] = "which is not aligned",
    [FAULT_OUTSIDE] = "which is outside memory",
    [FAULT_PART] = "which is in part outside memory",
    [FAULT_READONLY] = "which is read-only",
    [FAULT_WIDE] = "which no entry can refer to",
    [FAULT_FULL] = "which is not empty",
    [FAULT_IN_USE] = "which is in use",
};

static void read_supply(const struct fz_records *in, struct fe_record *q)
{
    const uint8_t *record = in->record;
    uint64_t tables = fz_get(record, SUPPLY_TABLES);
    uint64_t reads = fz_get(record, SUPPLY_READS);

    q->takes = tables == 0 ? PLENTY : (unsigned)tables - 1;
    q->max_reads = fz_value(in, FZ_READS, reads == 0 ? 16384 : reads - 1);
    q->move_mask = (unsigned)fz_get(record, SUPPLY_MOVES);
    q->move_refused_at = (unsigned)fz_get(record, SUPPLY_REFUSED);
    q->take_fault = (enum fe_fault)(fz_get(record, SUPPLY_TAKE_FAULT) % 8);
    q->take_fault_at = (unsigned)fz_get(record, SUPPLY_TAKE_CALL);
    q->move_fault = (enum fe_fault)(fz_get(record, SUPPLY_MOVE_FAULT) % 8);
    q->stock_fault = (enum fe_fault)(fz_get(record, SUPPLY_STOCK_FAULT) % 8);
}

/* An edit without a supply of its own. */
static void plain_supply(struct fe_record *q)
{
    memset(q, 0, sizeof *q);
    q->takes = PLENTY;
    q->max_reads = 16384;
}

static void read_edit(const struct fz_case *w, const struct fz_records *in,
                      struct fe_record *q)
{
    const uint8_t *record = in->record;
    unsigned options = (unsigned)fz_get(record, EDIT_OPTIONS);
    uint64_t page = fz_page_bytes(w);
    uint64_t span = (fz_get(record, EDIT_PAGES) + 1) * page
                    << fz_get(record, EDIT_SHIFT) % 64;
    uint64_t pa = fz_get(record, EDIT_FRAME) * page
                  << fz_get(record, EDIT_FRAME_SHIFT) % 64;
    uint64_t flags = fz_get(record, EDIT_FLAGS);
    unsigned level = fz_lower_level(w, (unsigned)fz_get(record, EDIT_LEVEL));

    q->op = (enum fe_op)fz_get(record, EDIT_DO);
    q->root = (unsigned)fz_get(record, EDIT_ROOT) % w->roots;
    q->changing = (options & 16) != 0;
    q->first = fz_value(in, FZ_FIRST, fz_address(in, EDIT_FIRST));
    q->last = q->first + (span - 1);
    if ((options & 8) != 0) {
        /* Up to the end of the half, or of everything. */
        uint64_t gap;
        uint64_t gap_end;

        oracle_gap(&w->mode, &gap, &gap_end);
        q->last =
            gap_end == UINT64_MAX || q->first < gap ? gap - 1 : UINT64_MAX;
    }
    q->last = fz_value(in, FZ_LAST, q->last);
    q->pa = fz_value(in, FZ_PA, pa);
    q->rights = (unsigned)fz_value(in, FZ_RIGHTS, fz_get(record, EDIT_RIGHTS));
    q->copy_on_write = (options & 1) != 0;
    q->attributes.memory_type =
        (unsigned)fz_value(in, FZ_MEMORY_TYPE, fz_get(record, EDIT_TYPE));
    q->attributes.key =
        (unsigned)fz_value(in, FZ_KEY, fz_get(record, EDIT_KEY));
    q->attributes.global = (options & 2) != 0;
    q->attributes.flag_bits = fz_value(
        in, FZ_FLAG_BITS, fz_flag_bits(w, fz_get(record, EDIT_FLAG_BITS)));
    flags = fz_value(in, FZ_FLAGS, flags);
    q->grant_exec = (flags & PTW_EDIT_GRANT_EXEC) != 0;
    q->flags = (unsigned)flags & ~(unsigned)PTW_EDIT_GRANT_EXEC;
    q->table_rights = (options & 4) != 0 ? PTW_USER : 0;
    q->table_rights = (unsigned)fz_value(in, FZ_TABLE_RIGHTS, q->table_rights);
    q->table_flags = fz_value(
        in, FZ_TABLE_FLAGS, fz_flag_bits(w, fz_get(record, EDIT_TABLE_FLAGS)));
    q->level = (unsigned)fz_value(in, FZ_LEVEL, level);
    q->owner = (unsigned)fz_value(in, FZ_OWNER, fz_get(record, EDIT_OWNER));
    q->space = (unsigned)fz_value(in, FZ_SPACE, q->root);
    q->link = fz_value(in, FZ_ATTRIBUTES, 0);
    q->link_said = fz_given(in, FZ_ATTRIBUTES);
    q->their_va = fz_value(in, FZ_THEIR_VA, fz_address(in, EDIT_THEIRS));
    q->half =
        (unsigned)(fz_get(record, EDIT_TYPE) | fz_get(record, EDIT_KEY) << 4);
}

/* A map as a list of pages: large ones if it is aligned to them, and the caller
 * allows it. */
static void make_list(const struct fz_case *w, uint64_t options,
                      struct fe_record *q)
{
    unsigned large = fz_shift(w, 1);
    uint64_t ends = q->first | (q->last + 1) | q->pa;
    uint64_t pages;

    if (q->op != DO_MAP || (options & 32) == 0 || q->first > q->last ||
        q->pa > UINT64_MAX - (q->last - q->first)) {
        return;
    }
    /* Those that are left out may have flag bits. */
    q->apart =
        (options & 64) != 0 &&
                !fz_meets_flag_bits(w, q->pa, q->pa + (q->last - q->first))
            ? 3
            : 1;
    q->page_bytes = fz_page_bytes(w);
    if ((q->flags & PTW_EDIT_LARGE) != 0 && w->levels > 1 &&
        w->mode.format->large(&w->mode, 1) &&
        ends % ((uint64_t)1 << large) == 0) {
        q->list_log2 = large;
        q->page_bytes = (uint64_t)1 << large;
    }
    pages = (q->last - q->first) / q->page_bytes / q->apart + 1;
    if ((q->last - q->first) % q->page_bytes == q->page_bytes - 1 &&
        pages <= FE_LIST) {
        q->list = pages;
        q->last = q->first + (pages - 1) * q->apart * q->page_bytes +
                  (q->page_bytes - 1);
    }
}

/* The next edit of an input, with what was said about its supply. */
bool fe_next_edit(const struct fz_case *w, struct fz_records *in,
                  struct fe_record *q)
{
    plain_supply(q);
    while (fz_next_record(w, in)) {
        enum fz_op op = fz_op_of(in->record);

        if (op == OP_SUPPLY) {
            read_supply(in, q);
        } else if (op == OP_EDIT) {
            read_edit(w, in, q);
            make_list(w, fz_get(in->record, EDIT_OPTIONS), q);
            return true;
        }
    }
    return false;
}

/* Whether the arguments could be right. */
unsigned fe_exec_flag(const struct fe_record *q)
{
    return q->grant_exec ? (unsigned)PTW_EDIT_GRANT_EXEC : 0;
}

/* Reads the case, and what an input says about the host. */
void fe_read_input(struct fz_case *w, struct fe_input *in, const uint8_t *data,
                   size_t len)
{
    struct fz_records r;

    fz_case_read(w, true, data, len);
    memset(in, 0, sizeof *in);
    in->records = fz_records_of(data, len);
    for (r = in->records; fz_next_record(w, &r);) {
        enum fz_op op = fz_op_of(r.record);

        if (op == OP_HOST) {
            in->options = (unsigned)fz_get(r.record, HOST_OPTIONS);
            in->readonly = (unsigned)fz_get(r.record, HOST_READONLY);
            in->shares_room = (unsigned)fz_get(r.record, HOST_SHARES);
            in->pool_limit = (unsigned)fz_get(r.record, HOST_POOL);
        }
        in->edits += op == OP_EDIT && in->edits < FE_EDITS;
    }
}
