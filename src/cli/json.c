/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include "memory_types.h"
#include "print.h"

#include <stdlib.h>

json_t *json_new(void)
{
    return must(json_object());
}

void json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, must(value)) != 0) {
        die_of_memory();
    }
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    json_set(object, key, json_string(text));
}

void json_set_count(json_t *object, const char *key, uint64_t count)
{
    json_set(object, key, json_integer((json_int_t)count));
}

void json_set_bool(json_t *object, const char *key, bool value)
{
    json_set(object, key, json_boolean(value));
}

void json_set_hex(json_t *object, const char *key, uint64_t v)
{
    char text[16];

    json_set(object, key,
             json_stringn(text, (size_t)(put_hex(text, v) - text)));
}

void json_set_va(json_t *object, const char *key, ptw_va va)
{
    char text[16];

    json_set(object, key,
             json_stringn(text, (size_t)(put_va(text, va) - text)));
}

void json_set_label(json_t *object, const struct options *o, uint32_t root)
{
    const char *label = root_label(o, root);

    if (label != NULL) {
        json_set_text(object, "label", label);
    }
}

void json_set_outside(json_t *object, uint64_t bytes)
{
    json_set_bool(object, "outside", bytes != 0);
    json_set_count(object, "outside_bytes", bytes);
}

void json_set_flag_bits(json_t *object, const struct ptw_regime *r,
                        uint64_t flag_bits)
{
    if (r->flag_bits != 0) {
        json_set_hex(object, "flag_bits", flag_bits);
    }
}

void json_set_memory_type(json_t *object, const struct options *o,
                          unsigned type, bool said)
{
    char text[MEMORY_TYPE_ROOM];

    json_set_count(object, "memory_type", type);
    if ((said || !memory_types_assumed(o)) && memory_type_text(o, type, text)) {
        json_set_text(object, "memory_type_name", text);
    }
}

void json_set_rights(json_t *object, unsigned rights)
{
    json_set_bool(object, "read", (rights & PTW_READ) != 0);
    json_set_bool(object, "write", (rights & PTW_WRITE) != 0);
    json_set_bool(object, "exec", (rights & PTW_EXEC) != 0);
    json_set_bool(object, "user", (rights & PTW_USER) != 0);
    if (rights_has('X')) {
        json_set_bool(object, "user_exec", (rights & PTW_USER_EXEC) != 0);
    }
}

static int append(const char *bytes, size_t count, void *ctx)
{
    (void)ctx;
    out_bytes(bytes, count);
    return 0;
}

void json_line(json_t *object)
{
    if (json_dump_callback(object, append, NULL, JSON_COMPACT) != 0) {
        die_of_memory();
    }
    out_text("\n");
    json_decref(object);
}
