/* SPDX-License-Identifier: Apache-2.0 */
#include "meaning.h"

#include "print.h"

#include <inttypes.h>

/* An entry of which nothing is known to a system is not told of it. */
static bool has_opinion(const struct ptw_absent_entry *e)
{
    return e->use != PTW_ABSENT_NOTHING &&
           (e->use != PTW_ABSENT_OTHER || e->kind != PTW_ABSENT_NO_FRAME);
}

size_t meanings_of(const struct options *o, const struct ptw_regime *r,
                   unsigned level, uint64_t raw,
                   struct meaning out[MEANINGS_MOST])
{
    bool named = o->absent_text != NULL;
    unsigned from = named ? o->absent.policy : PTW_ABSENT_LINUX;
    unsigned to = named ? o->absent.policy + 1u : PTW_ABSENT_POLICIES;
    size_t n = 0;

    for (unsigned policy = from; policy < to; policy++) {
        struct ptw_absent absent = {.policy = (enum ptw_absent_policy)policy};

        if (named) {
            absent = o->absent;
        }
        if (ptw_absent_check(&absent, r) != PTW_OK) {
            continue;
        }
        out[n].system = ptw_absent_name(absent.policy);
        out[n].is = ptw_absent_read(&absent, r, level, raw);
        n += has_opinion(&out[n].is);
    }
    return n;
}

static bool is_outside(const struct image *im, const struct ptw_absent_entry *e)
{
    return image_outside(im, e->pa, (uint64_t)1 << e->size_log2) != 0;
}

static bool has_slot(const struct ptw_absent_entry *e)
{
    return (e->use == PTW_ABSENT_SWAP || e->use == PTW_ABSENT_PAGE_FILE) &&
           e->slot != UINT64_MAX;
}

void meaning_print(const struct image *im, const struct meaning *m)
{
    const struct ptw_absent_entry *e = &m->is;
    char size[16];

    out_line("%s: %s", m->system, ptw_absent_use_text(e->use));
    if (has_slot(e)) {
        out_line(", page %" PRIx64 " of number %u", e->slot, e->store);
    }
    if (e->kind == PTW_ABSENT_UNKNOWN) {
        out_text(", its frame can't be told");
    } else if (e->kind == PTW_ABSENT_FRAME) {
        human_size((uint64_t)1 << e->size_log2, size);
        out_line(", frame %" PRIx64 " of %s%s", e->pa.v, size,
                 is_outside(im, e) ? ", outside the image" : "");
    }
}

static const char *use_word(enum ptw_absent_use use)
{
    static const char *const word[PTW_ABSENT_USES] = {
        [PTW_ABSENT_NOTHING] = "nothing",
        [PTW_ABSENT_OTHER] = "unknown",
        [PTW_ABSENT_PROT_NONE] = "prot-none",
        [PTW_ABSENT_SWAP] = "swap",
        [PTW_ABSENT_MIGRATION] = "migration",
        [PTW_ABSENT_TRANSITION] = "transition",
        [PTW_ABSENT_PROTOTYPE] = "prototype",
        [PTW_ABSENT_PAGE_FILE] = "page-file",
        [PTW_ABSENT_DEMAND_ZERO] = "demand-zero",
    };

    return word[use];
}

json_t *meaning_json(const struct image *im, const struct meaning *m)
{
    const struct ptw_absent_entry *e = &m->is;
    json_t *j = json_new();

    json_set_text(j, "system", m->system);
    json_set_text(j, "use", use_word(e->use));
    json_set_bool(j, "frame_known", e->kind != PTW_ABSENT_UNKNOWN);
    if (e->kind == PTW_ABSENT_FRAME) {
        json_set_hex(j, "pa", e->pa.v);
        json_set_count(j, "size", (uint64_t)1 << e->size_log2);
        json_set_bool(j, "outside", is_outside(im, e));
    }
    if (has_slot(e)) {
        json_set_count(j, "store", e->store);
        json_set_count(j, "slot", e->slot);
    }
    return j;
}
