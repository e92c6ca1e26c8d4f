/* SPDX-License-Identifier: Apache-2.0 */
#include "ptwalk/status.h"
#include "ptwalk/types.h"
#include "ptwalk/version.h"

const char *ptw_status_text(enum ptw_status st)
{
    switch (st) {
    case PTW_OK:
        return "ok";
    case PTW_END:
        return "nothing more";
    case PTW_NOT_MAPPED:
        return "not mapped";
    case PTW_NOT_CANONICAL:
        return "not canonical";
    case PTW_BAD_ENTRY:
        return "bad entry";
    case PTW_DIFFERENT:
        return "different";
    case PTW_E_BUS:
        return "outside the memory offered";
    case PTW_E_LIMIT:
        return "limit reached";
    case PTW_E_SPACE:
        return "storage too small";
    case PTW_E_ARG:
        return "invalid argument";
    case PTW_E_ALIGN:
        return "not aligned";
    case PTW_E_WIDTH:
        return "beyond the physical address width";
    case PTW_E_RANGE:
        return "empty or wrapping range";
    case PTW_E_OVERLAP:
        return "regions overlap";
    case PTW_E_READONLY:
        return "read-only memory";
    case PTW_E_REGIME:
        return "unsupported paging mode";
    case PTW_E_CONFLICT:
        return "contradictory control registers";
    case PTW_E_RIGHTS:
        return "rights that can't be had there";
    case PTW_E_LARGE:
        return "a large leaf is in the way";
    case PTW_E_SHARED:
        return "a shared table is in the way";
    case PTW_E_IN_USE:
        return "a table in use is in the way";
    case PTW_E_CHANGED:
        return "the tables changed under the edit";
    case PTW_E_MARKED:
        return "a leaf carries the copy-on-write mark already";
    }
    return "unknown status";
}

void ptw_absurd(const struct ptw_void *never)
{
    (void)never;
    __builtin_trap();
}

unsigned ptw_version(void)
{
    return PTW_VERSION_NUMBER;
}

const char *ptw_version_text(void)
{
    return PTW_VERSION;
}
