/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON object a line.  Addresses are strings of hexadecimal digits, since
 * a number in JSON is a double to most readers. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli.h"

#include <jansson.h>

json_t *json_new(void);
void json_set(json_t *object, const char *key, json_t *value);
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_count(json_t *object, const char *key, uint64_t count);
void json_set_bool(json_t *object, const char *key, bool value);
void json_set_hex(json_t *object, const char *key, uint64_t v);
void json_set_va(json_t *object, const char *key, ptw_va va);

/* json_set_label sets "label", if that root is called anything. */
void json_set_label(json_t *object, const struct options *o, uint32_t root);

/* json_set_outside sets "outside": whether the image does not have all of it,
 * and "outside_bytes": how much of it not. */
void json_set_outside(json_t *object, uint64_t bytes);

/* json_set_flag_bits sets "flag_bits", where the regime has some. */
void json_set_flag_bits(json_t *object, const struct ptw_regime *r,
                        uint64_t flag_bits);

/* json_set_memory_type sets "memory_type", and "memory_type_name" where it has
 * one and that is known, or it is said that it is assumed. */
void json_set_memory_type(json_t *object, const struct options *o,
                          unsigned type, bool said);

/* json_set_rights sets "read", "write", "exec" and "user", and "user_exec"
 * where there is such a column (rights_set_regime). */
void json_set_rights(json_t *object, unsigned rights);

/* json_line prints the object as a line, and lets go of it. */
void json_line(json_t *object);

#endif
