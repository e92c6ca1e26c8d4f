/* SPDX-License-Identifier: Apache-2.0 */
#include "roots.h"

#include "paging.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

enum ptw_status roots_check(const struct options *o, const struct image *im,
                            uint32_t index)
{
    const struct ptw_regime *r = o->root[index].regime;
    enum ptw_status st = ptw_root_check(o->root[index]);

    if (st != PTW_OK || ptw_levels(r) == 0) {
        return st;
    }
    return ptw_mem_cover(&im->mem, o->root[index].table, ptw_root_bytes(r)) ==
                   PTW_COVER_NONE
               ? PTW_E_BUS
               : PTW_OK;
}

static unsigned root_entries(const struct ptw_regime *r)
{
    return (unsigned)(ptw_table_size(r, ptw_levels(r) - 1) /
                      ptw_entry_bytes(r));
}

/* Reads entry i of that root, and nothing that it leads to. */
static bool read_entry(const struct options *o, const struct image *im,
                       uint32_t index, unsigned i, uint64_t *raw)
{
    unsigned bytes = ptw_entry_bytes(o->root[index].regime);
    ptw_pa pa = ptw_pa_of(o->root[index].table.v + (uint64_t)i * bytes);
    uint32_t narrow = 0;
    enum ptw_status st;

    if (bytes == 8) {
        return ptw_read64(&im->mem, pa, raw) == PTW_OK;
    }
    st = ptw_read32(&im->mem, pa, &narrow);
    *raw = narrow;
    return st == PTW_OK;
}

/* Whether all entries of that root that can be read are 0, and there are some.
 */
static bool is_empty(const struct options *o, const struct image *im,
                     uint32_t index)
{
    unsigned entries = root_entries(o->root[index].regime);
    bool any = false;

    for (unsigned i = 0; i < entries; i++) {
        uint64_t raw = 0;

        if (read_entry(o, im, index, i, &raw)) {
            if (raw != 0) {
                return false;
            }
            any = true;
        }
    }
    return any;
}

/* A register keeps a part of what it is given. */
static const char *virtual_hint(const struct options *o, uint32_t index)
{
    return paging_virtual_hint(o->root[index].regime, o->given[index].value);
}

enum cli_status roots_report_bad(const struct options *o, uint32_t index,
                                 enum ptw_status why)
{
    uint64_t pa = o->root[index].table.v;
    uint64_t bytes = ptw_root_bytes(o->root[index].regime);

    if (why == PTW_E_BUS) {
        report(o->image,
               "root %" PRIu32 " at %" PRIx64
               " can't be read: it is not in the image%s",
               index, pa, virtual_hint(o, index));
        return CLI_UNREAD;
    }
    if (why == PTW_E_ALIGN) {
        bool whole = bytes % 1024 == 0;

        report(o->image,
               "root %" PRIu32 ": %" PRIx64
               " is not the address of a table: it is not aligned to %" PRIu64
               " %s",
               index, pa, whole ? bytes / 1024 : bytes,
               whole ? "KiB" : "bytes");
    } else {
        report(o->image,
               "root %" PRIu32 ": %" PRIx64
               " is not the address of a table: it is %s%s",
               index, pa, ptw_status_text(why), virtual_hint(o, index));
    }
    return CLI_USAGE;
}

enum cli_status roots_report_all_bad(const struct options *o,
                                     const struct image *im)
{
    enum cli_status status = CLI_DONE;

    for (uint32_t i = 0; i < o->roots; i++) {
        enum ptw_status st = roots_check(o, im, i);

        if (st != PTW_OK) {
            status = cli_worse(status, roots_report_bad(o, i, st));
        }
    }
    return status;
}

/* Says so when hardly an entry of that root is one, or none: random bytes and
 * tables of another mode look like that. */
static void report_odd(const struct options *o, const struct image *im,
                       uint32_t index)
{
    const struct ptw_regime *r = o->root[index].regime;
    unsigned top = ptw_levels(r) - 1;
    unsigned entries = root_entries(r);
    uint64_t least = entries < 16 ? entries / 2 + 1 : 8;
    uint64_t bad = 0;
    uint64_t elsewhere = 0;
    uint64_t good = 0;
    uint64_t odd;

    for (unsigned i = 0; i < entries; i++) {
        struct ptw_entry e;
        uint64_t raw = 0;

        if (!read_entry(o, im, index, i, &raw)) {
            continue;
        }
        e = ptw_decode(r, top, i, raw);
        bad += e.kind == PTW_ENTRY_BAD;
        if (e.kind == PTW_ENTRY_TABLE &&
            ptw_mem_cover(&im->mem, e.pa, ptw_table_size(r, top - 1)) ==
                PTW_COVER_NONE) {
            elsewhere++;
        } else {
            good += e.kind == PTW_ENTRY_TABLE || e.kind == PTW_ENTRY_LEAF;
        }
    }
    odd = bad + elsewhere;
    if (odd == 0 || (good > 0 && (odd < least || odd / 9 < good))) {
        return;
    }
    report(o->image,
           "root %" PRIu32 " at %" PRIx64 ": of its entries %" PRIu64
           " are bad, %" PRIu64 " lead out of the image, and %" PRIu64
           " are neither: a wrong root, another paging mode, or a hole in the "
           "layout?",
           index, o->root[index].table.v, bad, elsewhere, good);
}

void roots_report_empty(const struct options *o, const struct image *im)
{
    if (ptw_levels(&o->regime) == 0) {
        return;
    }
    for (uint32_t i = 0; i < o->roots; i++) {
        if (roots_check(o, im, i) != PTW_OK) {
            continue;
        }
        if (is_empty(o, im, i)) {
            bool doubtful = image_doubtful(im, o->root[i].table);

            report(o->image,
                   "root %" PRIu32 " at %" PRIx64
                   ": its table is all zeros: a wrong root, or a hole in the "
                   "layout?%s%s",
                   i, o->root[i].table.v,
                   doubtful ? " It lies in a hole of the file" : "",
                   virtual_hint(o, i));
            if (doubtful) {
                image_excuse_hole(im, o->root[i].table,
                                  ptw_root_bytes(o->root[i].regime));
            }
        } else if (virtual_hint(o, i)[0] != '\0' &&
                   o->given[i].value != o->root[i].table.v) {
            report(o->image,
                   "root %" PRIu32 " is given as %" PRIx64
                   ", and its table is at %" PRIx64 "%s",
                   i, o->given[i].value, o->root[i].table.v,
                   virtual_hint(o, i));
        } else {
            report_odd(o, im, i);
        }
    }
}

/* The CR3 that a root was given as; 0: it was given otherwise. */
static uint64_t cr3_of(const struct options *o, uint32_t index)
{
    const struct given_root *given = &o->given[index];
    bool is_cr3 = given->as != NULL && strcmp(given->as, "cr3") == 0;

    return is_cr3 ? given->value : 0;
}

ptw_va roots_untag(const struct options *o, uint32_t index, ptw_va va)
{
    const struct ptw_regime *r = o->root[index].regime;

    return ptw_is_aarch64(r) ? ptw_aarch64_untag(r, false, va)
                             : ptw_x86_untag(r, cr3_of(o, index), va);
}

enum cli_status roots_report_flags(const struct options *o)
{
    enum cli_status status = CLI_DONE;

    for (uint32_t i = 0; i < o->roots; i++) {
        uint64_t was = o->root_flags[i];
        uint64_t is = o->other->root_flags[i];

        if (was != is) {
            report(o->other->image,
                   "root %" PRIu32 " is given with flag bits %" PRIx64
                   ", and the one of %s with %" PRIx64,
                   i, is, o->image, was);
            status = CLI_NO;
        }
    }
    return status;
}
