/* SPDX-License-Identifier: Apache-2.0 */
/* Names of memory types: what a register of the guest, or the manual, says of
 * the number that an entry has. */
#ifndef CLI_MEMORY_TYPES_H
#define CLI_MEMORY_TYPES_H

#include "cli.h"

enum { MEMORY_TYPES = 8, MEMORY_TYPE_ROOM = 24 };

/* IA32_PAT after a reset. */
static const uint64_t PAT_AT_RESET = UINT64_C(0x0007040600070406);

/* memory_types_pat_is_valid says whether a processor takes that for IA32_PAT. */
bool memory_types_pat_is_valid(uint64_t pat);

/* memory_type_text writes the name of a memory type of struct ptw_attributes;
 * false when it has none: the registers are not known, or it is no type. */
bool memory_type_text(const struct options *o, unsigned type,
                      char text[MEMORY_TYPE_ROOM]);

/* memory_type_column writes the name, or, where it has none, "mt" and the number. */
void memory_type_column(const struct options *o, unsigned type,
                        char text[MEMORY_TYPE_ROOM]);

/* memory_types_named returns those that a name stands for, as a set of 1 << type:
 * the whole name or the part of it before a dash, in any case, or the number. */
unsigned memory_types_named(const struct options *o, const char *name);

/* memory_types_advice says what a name could be. */
const char *memory_types_advice(const struct options *o);

/* memory_types_assumed says whether the names are those of a register that was
 * not given. */
bool memory_types_assumed(const struct options *o);

/* memory_types_report says so on standard error, where names are asked for. */
void memory_types_report(const struct options *o);

#endif
