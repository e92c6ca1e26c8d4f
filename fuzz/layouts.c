/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layouts against itself: the members of a struct follow each other
 * without a gap that is larger than alignment makes it, from its first byte to its
 * last.  So none is missing, and none is wrong alone.  Of types without members
 * there is a list. */
#include "layouts.h"

#include "harness.h"

#include <string.h>

/* clang-format off */
#define TYPE(type) {#type, sizeof(type), _Alignof(type)}
/* clang-format on */

static const struct type {
    const char *name;
    size_t bytes;
    size_t align;
} whole[] = {
    TYPE(ptw_pa),
    TYPE(ptw_va),
    TYPE(union ptw_alias),
    TYPE(union ptw_alias_level),
    TYPE(struct ptw_regime),
    TYPE(struct ptw_mem),
    TYPE(struct ptw_memo),
    TYPE(struct ptw_remembered),
    TYPE(struct ptw_trail),
    TYPE(struct ptw_walk),
    TYPE(struct ptw_exposed),
    /* The last one, so that the table has not ended before. */
    TYPE(struct ptw_verify),
};

static const struct ptw_layout *find(const struct ptw_layout *row, size_t rows,
                                     const char *type)
{
    for (size_t i = 0; i < rows; i++) {
        if (row[i].member == NULL && strcmp(row[i].type, type) == 0) {
            return &row[i];
        }
    }
    return NULL;
}

/* Whether bytes from `end` to `next` are there for alignment alone. */
static bool is_padding(const struct ptw_layout *type, uint32_t end,
                       uint32_t next)
{
    return next >= end && next - end < type->align;
}

void fz_check_layouts(void)
{
    size_t rows;
    const struct ptw_layout *row = ptw_layouts(&rows);
    const struct ptw_layout *type = NULL;
    uint32_t end = 0; /* of the members so far */

    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        const struct ptw_layout *is = find(row, rows, whole[i].name);

        if (is == NULL || is->bytes != whole[i].bytes ||
            is->align != whole[i].align) {
            fz_fail(ASK_REGIMES, "the layouts are wrong about %s",
                    whole[i].name);
        }
    }
    for (size_t i = 0; i <= rows; i++) {
        bool begins = i == rows || row[i].member == NULL;

        if (type != NULL &&
            ((begins && end > 0 && !is_padding(type, end, type->bytes)) ||
             (!begins && (strcmp(row[i].type, type->type) != 0 ||
                          !is_padding(type, end, row[i].offset))))) {
            fz_fail(ASK_REGIMES, "the layouts are wrong about %s, row %zu",
                    type->type, i);
        }
        if (begins) {
            type = i < rows ? &row[i] : NULL;
            end = 0;
        } else {
            end = row[i].offset + row[i].bytes;
        }
    }
}
