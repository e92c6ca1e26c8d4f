/* SPDX-License-Identifier: Apache-2.0 */
/* translate: where an address is, or why it is not mapped. */
#include "json.h"
#include "print.h"
#include "roots.h"
#include "unread.h"

#include <inttypes.h>

/* What a lookup answers, in a word; NULL when it translated. */
static const char *reason_of(enum ptw_status st)
{
    switch (st) {
    case PTW_OK:
        return NULL;
    case PTW_NOT_CANONICAL:
        return "non-canonical";
    case PTW_BAD_ENTRY:
        return "reserved-bits";
    case PTW_E_BUS:
        return "unreadable";
    case PTW_NOT_MAPPED:
        return "not-present";
    case PTW_END:
    case PTW_DIFFERENT:
    case PTW_E_LIMIT:
    case PTW_E_SPACE:
    case PTW_E_ARG:
    case PTW_E_ALIGN:
    case PTW_E_WIDTH:
    case PTW_E_RANGE:
    case PTW_E_OVERLAP:
    case PTW_E_READONLY:
    case PTW_E_REGIME:
    case PTW_E_CONFLICT:
    case PTW_E_RIGHTS:
    case PTW_E_LARGE:
    case PTW_E_SHARED:
    case PTW_E_IN_USE:
    case PTW_E_CHANGED:
    case PTW_E_MARKED:
        break;
    }
    return ptw_status_text(st); /* no lookup answers that */
}

static void print_line(ptw_va va, const struct ptw_translation *tr,
                       const char *level, const char *reason)
{
    char *p = out_room(128);

    if (reason == NULL) {
        out_end(put_leaf(p, va, tr->pa, tr->size_log2, tr->rights));
    } else {
        out_line("%016" PRIx64 " - %s %s\n", va.v, level, reason);
    }
}

static void print_json(const struct image *im, uint32_t root, ptw_va va,
                       const struct ptw_translation *tr, const char *level,
                       const char *reason)
{
    json_t *j = json_new();

    json_set_count(j, "root", root);
    json_set_va(j, "va", va);
    json_set_bool(j, "mapped", reason == NULL);
    if (level[0] != '-') {
        json_set_text(j, "level", level);
    }
    if (reason != NULL) {
        json_set_text(j, "reason", reason);
    } else {
        json_set_hex(j, "pa", tr->pa.v);
        json_set_count(j, "size", (uint64_t)1 << tr->size_log2);
        json_set_rights(j, tr->rights);
        json_set_hex(j, "entry", tr->raw);
        json_set_bool(j, "outside", image_outside(im, tr->pa, 1) != 0);
    }
    json_line(j);
}

/* Which entry could not be read, for the report. */
static void note_unread(const struct options *o, const struct image *im,
                        uint32_t root, ptw_va va, struct unread *unread)
{
    struct ptw_translation tr;
    struct ptw_step step[PTW_MAX_LEVELS];
    size_t steps;

    if (ptw_explain(&im->mem, o->root[root], roots_untag(o, root, va), &tr,
                    step, &steps) == PTW_E_BUS &&
        steps > 0) {
        unread_step(unread, o, root, va, &step[steps - 1]);
    }
}

static enum cli_status tell(const struct options *o, const struct image *im,
                            uint32_t root, ptw_va va, enum ptw_status st,
                            const struct ptw_translation *tr,
                            struct unread *unread)
{
    const char *reason = reason_of(st);
    const char *level = ptw_level_name(o->root[root].regime, tr->level);

    if (st == PTW_E_BUS) {
        note_unread(o, im, root, va, unread);
    }
    if (o->json) {
        print_json(im, root, va, tr, level, reason);
    } else {
        print_line(va, tr, level, reason);
    }
    return reason == NULL ? CLI_DONE : CLI_NO;
}

/* Addresses are translated so many at a time. */
enum { AT_ONCE = 256 };

static enum cli_status translate(const struct options *o,
                                 const struct image *im, uint32_t root,
                                 const ptw_va *va, size_t count,
                                 struct unread *unread)
{
    static struct ptw_translation tr[AT_ONCE];
    static enum ptw_status st[AT_ONCE];
    static ptw_va plain[AT_ONCE];
    enum cli_status status = CLI_DONE;

    for (size_t i = 0; i < count; i++) {
        plain[i] = roots_untag(o, root, va[i]);
        tr[i] = (struct ptw_translation){.level = PTW_MAX_LEVELS};
    }
    ptw_lookup_many(&im->mem, o->root[root], plain, count, tr, st);
    for (size_t i = 0; i < count; i++) {
        status =
            cli_worse(status, tell(o, im, root, va[i], st[i], &tr[i], unread));
    }
    return status;
}

enum cli_status translate_run(const struct options *o, const struct image *im)
{
    enum cli_status status = CLI_DONE;
    struct unread unread = {0};

    for (uint32_t i = 0; i < o->roots; i++) {
        enum ptw_status st = roots_check(o, im, i);

        if (st != PTW_OK) {
            status = cli_worse(status, roots_report_bad(o, i, st));
            continue;
        }
        if (o->roots > 1 && !o->json) {
            out_line("# root %" PRIu32 " %" PRIx64 "\n", i, o->root[i].table.v);
        }
        for (size_t v = 0; v < o->vas; v += AT_ONCE) {
            size_t left = o->vas - v;

            status = cli_worse(
                status, translate(o, im, i, &o->va[v],
                                  left < AT_ONCE ? left : AT_ONCE, &unread));
        }
    }
    return cli_worse(status, unread_report(o, im, &unread));
}
