/* SPDX-License-Identifier: Apache-2.0 */
/* How the library's structs lie in memory, for other languages.
 *
 * A binding that declares them anew is held to this table when it starts or is
 * tested, instead of reading what a compiler did not put there. */
#ifndef PTWALK_LAYOUT_H
#define PTWALK_LAYOUT_H

#include "ptwalk/api.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A type, or a member of one. */
struct ptw_layout {
    const char *type;   /* "struct ptw_item", "union ptw_alias", "ptw_pa" */
    const char *member; /* NULL: the type itself */
    uint32_t offset;    /* of the member, in bytes; of a type 0 */
    uint32_t bytes;     /* sizeof */
    uint32_t align;     /* of the type; of a member 0 */
};

/* ptw_layouts returns the table and writes how many rows it has: each type that
 * a caller makes or looks into, then its members.  Of a private struct there is
 * the type alone.  Static. */
PTW_API const struct ptw_layout *ptw_layouts(size_t *rows);

#ifdef __cplusplus
}
#endif

#endif
