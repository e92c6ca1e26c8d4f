# SPDX-License-Identifier: Apache-2.0
# Whether an object is a line as docs/json-schema.json ($s[0]) has it.
def is($p):
    if ($p.type | type) == "array" then (type as $t | $p.type | index($t)) != null
    elif $p.type == "string" then type == "string" and
        ($p.pattern == null or test($p.pattern)) and
        ($p.enum == null or (. as $v | $p.enum | index($v)) != null)
    elif $p.type == "integer" then type == "number" and floor == . and . >= 0
    elif $p.type == "boolean" then type == "boolean"
    elif $p.type == "array" then type == "array" and all(.[]; is($p.items))
    elif $p.properties != null then type == "object" and
        all(to_entries[]; .key as $k | $p.properties[$k] as $q |
            $q != null and (.value | is($q)))
    else type == "object" and all(.[]; is($p.additionalProperties)) end;
. as $o | is($s[0] | {type: "object", properties}) and
    all($s[0].required[]; . as $k | $o | has($k)) and
    all($s[0].allOf[] | select(.if.properties.type.const == $o.type) |
        .then.required[]; . as $k | $o | has($k))
