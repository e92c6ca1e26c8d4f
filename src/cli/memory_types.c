/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_types.h"

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Intel SDM vol. 3A, "IA32_PAT MSR": "Memory Types That Can Be Encoded With
 * PAT". */
static const char *const x86_type[MEMORY_TYPES] = {
    [0] = "UC", [1] = "WC", [4] = "WT", [5] = "WP", [6] = "WB", [7] = "UC-",
};

static unsigned byte_of(uint64_t reg, unsigned type)
{
    return (unsigned)(reg >> (type & 7) * 8 & 255);
}

bool memory_types_pat_is_valid(uint64_t pat)
{
    for (unsigned i = 0; i < MEMORY_TYPES; i++) {
        unsigned byte = byte_of(pat, i);

        if (byte >= MEMORY_TYPES || x86_type[byte] == NULL) {
            return false;
        }
    }
    return true;
}

/* Arm ARM, "MAIR_EL1, Memory Attribute Indirection Register (EL1)": a cache policy
 * of four bits; NULL: there is none. */
static const char *policy(unsigned bits)
{
    if (bits == 4) {
        return "NC";
    }
    if ((bits & 3) == 0 && bits < 8) {
        return NULL;
    }
    return (bits & 4) != 0 ? "WB" : "WT";
}

static bool arm_text(unsigned attribute, char text[MEMORY_TYPE_ROOM])
{
    static const char *const device[] = {"nGnRnE", "nGnRE", "nGRE", "GRE"};
    const char *outer = policy(attribute >> 4);
    const char *inner = policy(attribute & 15);

    if ((attribute & 0xf2) == 0) { /* bit 0: XS is 0 */
        (void)snprintf(text, MEMORY_TYPE_ROOM, "device-%s%s",
                       device[attribute >> 2 & 3],
                       (attribute & 1) != 0 ? "-nXS" : "");
    } else if (attribute == 0x40) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "%s", "normal-NC-nXS");
    } else if (attribute == 0xa0) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "%s", "normal-WT-nXS");
    } else if (attribute == 0xf0) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "%s", "normal-WB-tagged");
    } else if (outer == NULL || inner == NULL || attribute < 0x10) {
        return false;
    } else if (strcmp(outer, inner) == 0) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "normal-%s", outer);
    } else {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "normal-%s/%s", outer, inner);
    }
    return true;
}

bool memory_type_text(const struct options *o, unsigned type,
                      char text[MEMORY_TYPE_ROOM])
{
    /* The Svpbmt extension, "Page-Based Memory Types"; 3 is reserved. */
    static const char *const riscv[] = {"PMA", "NC", "IO"};
    const struct ptw_regime *r = &o->regime;

    if (ptw_is_x86(r)) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "%s",
                       x86_type[byte_of(o->pat, type)]);
        return true;
    }
    if (ptw_is_riscv(r) && type < 3) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "%s", riscv[type]);
        return true;
    }
    return ptw_is_aarch64(r) && o->has_mair &&
           arm_text(byte_of(o->mair, type), text);
}

void memory_type_column(const struct options *o, unsigned type,
                        char text[MEMORY_TYPE_ROOM])
{
    if (!memory_type_text(o, type, text)) {
        (void)snprintf(text, MEMORY_TYPE_ROOM, "mt%u", type);
    }
}

/* How many numbers are types. */
static unsigned types_of(const struct ptw_regime *r)
{
    if (ptw_is_riscv(r)) {
        return (ptw_features_of(r) & PTW_RISCV_SVPBMT) != 0 ? 3 : 1;
    }
    return ptw_is_x86(r) || ptw_is_aarch64(r) ? MEMORY_TYPES : 0;
}

unsigned memory_types_named(const struct options *o, const char *name)
{
    unsigned most = types_of(&o->regime);
    size_t length = strlen(name);
    unsigned types = 0;

    if (length == 1 && *name >= '0' && (unsigned)(*name - '0') < most) {
        return 1u << (*name - '0');
    }
    for (unsigned i = 0; length > 0 && i < most; i++) {
        char text[MEMORY_TYPE_ROOM];

        if (memory_type_text(o, i, text) &&
            strncasecmp(text, name, length) == 0 &&
            (text[length] == '\0' ||
             (text[length] == '-' && text[length + 1] != '\0'))) {
            types |= 1u << i;
        }
    }
    return types;
}

const char *memory_types_advice(const struct options *o)
{
    if (ptw_is_x86(&o->regime)) {
        return "there are UC, UC-, WC, WT, WP and WB, as far as PAT has them, "
               "and numbers from 0 to 7";
    }
    if (ptw_is_riscv(&o->regime)) {
        return types_of(&o->regime) > 1
                   ? "there are PMA, NC and IO, and numbers from 0 to 2"
                   : "without Svpbmt there is PMA alone";
    }
    if (ptw_is_aarch64(&o->regime)) {
        return o->has_mair
                   ? "MAIR has no such type: there are device and normal, as "
                     "normal-WB, and numbers from 0 to 7"
                   : "by name it needs --mair; there are numbers from 0 to 7";
    }
    return "this paging mode has none";
}

bool memory_types_assumed(const struct options *o)
{
    return ptw_is_x86(&o->regime) && !o->has_pat;
}

void memory_types_report(const struct options *o)
{
    bool named = o->memory_type != NULL && strlen(o->memory_type) > 1;

    if (memory_types_assumed(o) && (o->attributes || named)) {
        report(o->image,
               "memory types are those of PAT after a reset, %016" PRIx64
               ": --pat says what the guest has there",
               PAT_AT_RESET);
    }
}
