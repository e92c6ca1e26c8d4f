/* SPDX-License-Identifier: Apache-2.0 */
/* The engine, specialised by one format: what an architecture's file ends with.
 *
 * PTW_LOOKUPS(x), where x is the architecture's constant format, defines
 * x_lookup, x_lookup_many and x_trail_lookup, and PTW_LOOKUPS_OF(x) puts them
 * into the architecture.  PTW_INSTANCE(x) defines these, x_next, x_map,
 * x_map_pages, x_edit_quick, x_map_leaves and x_rebuild_leaves, and
 * PTW_INSTANCE_OF(x) puts them there.
 *
 * PTW_ALIASES(x) defines the ways to the alias type of x and back: x_alias_put,
 * for the format, and x_alias_get, x_alias_level and x_level_number, which
 * PTW_ALIASES_OF(x) puts into the architecture. */
#ifndef PTW_INSTANCE_H
#define PTW_INSTANCE_H

#include "edit/request.h"
#include "rebuild/leaves.h"
#include "walk/iterate.h"
#include "walk/lookup.h"
#include "walk/many.h"
#include "walk/trail.h"

#define PTW_LOOKUPS(x)                                                         \
    static PTW_APART enum ptw_status x##_look_on(                              \
        const struct ptw_mem *mem, const struct ptw_regime *r, uint64_t at,    \
        ptw_va va, struct ptw_translation *out, struct ptw_stand s)            \
    {                                                                          \
        struct ptw_region_cache cache = mem->cache;                            \
                                                                               \
        return ptw_look_down(&(x), mem, &cache, r, at, va, s, NULL, out);      \
    }                                                                          \
    static enum ptw_status x##_lookup(const struct ptw_mem *mem,               \
                                      struct ptw_root root, ptw_va va,         \
                                      struct ptw_translation *out)             \
    {                                                                          \
        return ptw_look_up(&(x), mem, root, va, x##_look_on, out);             \
    }                                                                          \
    static void x##_lookup_many(                                               \
        const struct ptw_mem *mem, const struct ptw_root *root, size_t apart,  \
        const ptw_va *va, size_t count, struct ptw_translation *out,           \
        enum ptw_status *status)                                               \
    {                                                                          \
        ptw_look_many(&(x), mem, root, apart, va, count, x##_look_on, out,     \
                      status);                                                 \
    }                                                                          \
    static PTW_APART enum ptw_status x##_trail_look_on(                        \
        struct ptw_trail *trail, uint64_t at, ptw_va va,                       \
        struct ptw_translation *out, struct ptw_stand s)                       \
    {                                                                          \
        return ptw_trail_look_down(&(x), trail, at, va, out, s);               \
    }                                                                          \
    static enum ptw_status x##_trail_lookup(                                   \
        struct ptw_trail *trail, ptw_va va, struct ptw_translation *out)       \
    {                                                                          \
        return ptw_trail_look_up(&(x), trail, va, x##_trail_look_on, out);     \
    }                                                                          \
    _Static_assert(sizeof(x) == sizeof(struct ptw_format), "a format")

#define PTW_LOOKUPS_OF(x)                                                      \
    .lookup = x##_lookup, .lookup_many = x##_lookup_many,                      \
    .trail_lookup = x##_trail_lookup

#define PTW_INSTANCE(x)                                                        \
    PTW_LOOKUPS(x);                                                            \
    static enum ptw_status x##_next(struct ptw_walk *w, struct ptw_item *item, \
                                    size_t room, size_t *items)                \
    {                                                                          \
        return ptw_iterate(&(x), w, item, room, items);                        \
    }                                                                          \
    static PTW_APART enum ptw_status x##_map_range(                            \
        struct ptw_tables *t, const struct ptw_map_request *q)                 \
    {                                                                          \
        return ptw_map_range(&(x), t, q);                                      \
    }                                                                          \
    static enum ptw_status x##_map(struct ptw_tables *t,                       \
                                   const struct ptw_map_request *q)            \
    {                                                                          \
        return PTW_LIKELY(ptw_page_mapped(&(x), t, q)) ? PTW_OK                \
                                                       : x##_map_range(t, q);  \
    }                                                                          \
    static bool x##_map_pages(const struct ptw_tables *t,                      \
                              const struct ptw_map_many_request *q,            \
                              enum ptw_status *st)                             \
    {                                                                          \
        return ptw_pages_mapped(&(x), t, q, st);                               \
    }                                                                          \
    static enum ptw_status x##_edit_quick(struct ptw_edit *ed, bool *quick)    \
    {                                                                          \
        return ptw_edit_try_quick(&(x), ed, quick);                            \
    }                                                                          \
    static enum ptw_status x##_map_leaves(struct ptw_edit *ed, uint64_t first, \
                                          uint64_t last)                       \
    {                                                                          \
        return ptw_map_leaves(&(x), ed, first, last);                          \
    }                                                                          \
    static enum ptw_status x##_rebuild_leaves(struct ptw_rebuild *rb)          \
    {                                                                          \
        return ptw_rb_leaves(&(x), rb);                                        \
    }                                                                          \
    _Static_assert(sizeof(x) == sizeof(struct ptw_format), "a format")

#define PTW_INSTANCE_OF(x)                                                     \
    .format = &(x), PTW_LOOKUPS_OF(x), .next = x##_next, .map = x##_map,       \
    .map_pages = x##_map_pages, .edit_quick = x##_edit_quick,                  \
    .map_leaves = x##_map_leaves, .rebuild_leaves = x##_rebuild_leaves

#define PTW_ALIASES(x)                                                         \
    static void x##_alias_put(union ptw_alias *alias,                          \
                              const struct ptw_alias_ref *ref, unsigned level) \
    {                                                                          \
        alias->x.ref = *ref;                                                   \
        alias->x.level = (enum ptw_##x##_alias_level)level;                    \
    }                                                                          \
    static struct ptw_alias_ref x##_alias_get(const union ptw_alias *alias,    \
                                              unsigned *level)                 \
    {                                                                          \
        *level = alias->x.level;                                               \
        return alias->x.ref;                                                   \
    }                                                                          \
    static union ptw_alias_level x##_alias_level(unsigned level)               \
    {                                                                          \
        return (union ptw_alias_level){.x =                                    \
                                           (enum ptw_##x##_alias_level)level}; \
    }                                                                          \
    static unsigned x##_level_number(const union ptw_alias_level *level)       \
    {                                                                          \
        return level->x;                                                       \
    }                                                                          \
    _Static_assert(sizeof(struct ptw_##x##_alias) <= sizeof(union ptw_alias),  \
                   "an alias type")

#define PTW_ALIASES_OF(x)                                                      \
    .alias_get = x##_alias_get, .alias_level = x##_alias_level,                \
    .level_number = x##_level_number

#endif
