/* SPDX-License-Identifier: Apache-2.0 */
/* The contract between an architecture and the engine.
 *
 * An architecture is a constant descriptor: how many levels, what each covers,
 * and pure functions that say what an entry means.  It has no access to memory
 * and no state.  In return the engine promises to call decode only with a level
 * below `levels`, and to take a table's entries nowhere but from the accessor.
 *
 * `levels` of 0 is an architecture without tables. */
#ifndef PTW_FORMAT_H
#define PTW_FORMAT_H

#include "engine.h"
#include "ptwalk/edit.h"
#include "ptwalk/walk.h"

struct ptw_edit;    /* an edit under way */
struct ptw_rebuild; /* a rebuild under way */

struct ptw_level {
    const char *name; /* the manual's, of a table of this level */
    unsigned shift;   /* log2 of what one entry covers */
    unsigned bits;    /* log2 of the number of entries */
    /* log2 of the number of leaves that can be one to a processor: see
     * `together` */
    unsigned run;
    uint64_t step; /* level 0: the entry of the page that follows in memory,
                         less the entry of a page */
};

/* The format: constant, so that the engine is specialised by it. */
struct ptw_format {
    unsigned levels;
    unsigned entry_log2;
    /* Of an address; 0: the regime says how far addresses reach, and its
     * va_bits, extension, top and top_bits count. */
    unsigned va_bits;
    enum ptw_extension extension;
    unsigned rights; /* that entries grant or withhold */
    bool flag_bits;  /* addresses may have some */
    /* bits that leaf_copy_on_write sets to say that it was there, and that
     * say nothing else */
    uint64_t mark;
    uint64_t together;  /* bits by which a leaf says that it is part of a run of
                          leaves, any of which a processor may take for all: see
                          ptw_alone */
    uint64_t present;   /* one bit, of the lowest 32: an entry in which it is
                           clear is absent */
    bool piecewise;     /* pages that follow each other have entries that are
                           equally far apart only within `linear` of the regime,
                           also where no address has a flag bit */
    uint64_t irregular; /* a leaf of level 0 with one of these bits set is none
                           that `step` leads to or from */
    struct ptw_level level[PTW_MAX_LEVELS];

    /* decode says what raw means as entry `index` of a table of that level.
     * Only the address may depend on the index: who asks for no address gives
     * 0. */
    struct ptw_entry (*decode)(const struct ptw_regime *r, uint64_t raw,
                               unsigned level, unsigned index);

    /* The quick way down, through entries that lead to tables.  What a level of
     * the regime turns over in an entry (`turned`), so that each bit which has
     * to be set is clear, and each bit that withholds a right is set where it
     * withholds none.  The entry leads to a table just if none of the bits
     * `no_table` is set then.  table_address returns the address of that table,
     * from the turned entry.
     *
     * path_rights returns what a path grants.  kept has the bits that are set
     * in each turned entry of the path, of tables of levels below `folds`:
     * those above withhold nothing.  Without an entry all bits are set.
     *
     * table_address is NULL where a format has no such way. */
    uint64_t (*table_address)(const struct ptw_regime *r, uint64_t turned);
    unsigned folds;
    unsigned (*path_rights)(const struct ptw_regime *r, uint64_t kept);

    /* leaf_class returns one number for all that leaves of one run have in
     * common besides rights: memory type, kind and flag bits.  above: the
     * rights that the entries above grant. */
    uint64_t (*leaf_class)(const struct ptw_regime *r, unsigned above,
                           uint64_t raw, unsigned level);

    /* address_bits returns the bits of raw, an entry that leads to a table or
     * is a leaf, that hold its address, or say how its address is held: without
     * them, put_address gives it any address.  put_address returns the bits of
     * such an entry that say pa, which is aligned to it.  An address that the
     * entry can't hold loses bits: decode tells. */
    uint64_t (*address_bits)(const struct ptw_regime *r, unsigned level,
                             uint64_t raw);
    uint64_t (*put_address)(const struct ptw_regime *r, unsigned level,
                            enum ptw_entry_kind kind, uint64_t pa);

    /* table_bits returns an entry of that level that leads to a table and
     * grants at least those rights, without its address. */
    uint64_t (*table_bits)(const struct ptw_regime *r, unsigned level,
                           unsigned rights);

    /* path_bits makes *raw, an entry of that level that leads to a table, grant
     * just those rights; false when no such entry does, and *raw is as it was.
     */
    bool (*path_bits)(const struct ptw_regime *r, unsigned level,
                      unsigned rights, uint64_t *raw);

    /* leaf_bits writes a leaf of that level, without its address; false when
     * the regime has no such leaf. */
    bool (*leaf_bits)(const struct ptw_regime *r, unsigned level,
                      unsigned rights, bool copy_on_write,
                      const struct ptw_attributes *attributes, uint64_t *bits);

    /* leaf_with_rights returns raw, a leaf of that level, granting just the
     * rights, of which leaf_bits has made a leaf.  leaf_split returns the leaf
     * one level down that stands for a part of raw, without address.
     * leaf_copy_on_write returns raw, marked so and not writable. */
    uint64_t (*leaf_with_rights)(const struct ptw_regime *r, unsigned level,
                                 uint64_t raw, unsigned rights);
    uint64_t (*leaf_split)(const struct ptw_regime *r, unsigned level,
                           uint64_t raw);
    uint64_t (*leaf_copy_on_write)(const struct ptw_regime *r, uint64_t raw);

    /* How an alias is put into the architecture's own type.  Without tables
     * there is no such thing, and these are NULL. */
    void (*alias_put)(union ptw_alias *alias, const struct ptw_alias_ref *ref,
                      unsigned level);
};

/* ptw_attribute_bits returns raw, an entry that leads to a table or is a leaf,
 * without its address. */
PTW_ENGINE uint64_t ptw_attribute_bits(const struct ptw_format *a,
                                       const struct ptw_regime *r,
                                       unsigned level, uint64_t raw)
{
    return raw & ~a->address_bits(r, level, raw);
}

/* ptw_run_last returns the address of the last page to which `step` leads from
 * the leaf that maps pa. */
PTW_ENGINE uint64_t ptw_run_last(const struct ptw_regime *r, uint64_t pa)
{
    return r->rule[0].leaf_pa & (pa | r->linear);
}

/* ptw_flags_between says whether some address from pa to pa + more has a flag
 * bit, though perhaps neither of these two. */
PTW_ENGINE bool ptw_flags_between(const struct ptw_format *a,
                                  const struct ptw_regime *r, uint64_t pa,
                                  uint64_t more)
{
    uint64_t below = (r->flag_bits & -r->flag_bits) - 1;

    return a->flag_bits && r->flag_bits != 0 &&
           (((pa ^ (pa + more)) & ~below) != 0 || (pa & r->flag_bits) != 0);
}

/* ptw_table_entry returns the entry with those attribute bits that leads to the
 * table; ptw_leaf_entry the leaf with those bits that maps the page. */
PTW_ENGINE uint64_t ptw_table_entry(const struct ptw_format *a,
                                    const struct ptw_regime *r, unsigned level,
                                    uint64_t bits, uint64_t table)
{
    return bits | a->put_address(r, level, PTW_ENTRY_TABLE, table);
}

PTW_ENGINE uint64_t ptw_leaf_entry(const struct ptw_format *a,
                                   const struct ptw_regime *r, unsigned level,
                                   uint64_t bits, uint64_t pa)
{
    return bits | a->put_address(r, level, PTW_ENTRY_LEAF, pa);
}

/* ptw_leaf_holds says whether a leaf of that level with those attribute bits
 * can hold pa, which is aligned to it. */
PTW_ENGINE bool ptw_leaf_holds(const struct ptw_format *a,
                               const struct ptw_regime *r, unsigned level,
                               uint64_t bits, uint64_t pa)
{
    struct ptw_entry e =
        a->decode(r, ptw_leaf_entry(a, r, level, bits, pa), level, 0);

    return e.kind == PTW_ENTRY_LEAF && e.pa.v == pa;
}

/* ptw_decode_given decodes what a caller gives as an entry: one with bits that
 * entries are too short for is bad. */
PTW_ENGINE struct ptw_entry ptw_decode_given(const struct ptw_format *a,
                                             const struct ptw_regime *r,
                                             uint64_t raw, unsigned level)
{
    struct ptw_entry bad = {PTW_ENTRY_BAD, 0, {0}};

    return (raw & ~ptw_low_mask(8u << a->entry_log2)) != 0
               ? bad
               : a->decode(r, raw, level, 0);
}

/* The widths that processors of a family have. */
struct ptw_widths {
    unsigned pa_least; /* of a physical address, in bits */
    unsigned pa_most;
    uint64_t flag_bits;  /* bits of an address that can be flag bits */
    const char *pa_text; /* sentences for who gave others */
    const char *flag_text;
};

/* An architecture as the library sees it at run time: its format, the parts of
 * the engine that are specialised by it since they are called for each page,
 * and what is called once an item or less.  All else takes the format at run
 * time. */
struct ptw_arch {
    const char *name;
    enum ptw_arch_id id;
    const struct ptw_format *format;
    const struct ptw_widths *widths;
    unsigned root_bits; /* the widest root that its register can hold */
    unsigned features;  /* that mean anything here */
    /* and of those, the ones that each present entry grants */
    unsigned granted;
    const char *letters; /* of the columns that show rights */
    unsigned apart; /* and of those, the ones in which the roots of one walk may
                       differ: no leaf by itself depends on them */
    /* And of those, the one with which entries that lead to tables withhold
     * nothing. */
    unsigned open_tables;
    /* Which features that processor has not; NULL: none. */
    unsigned (*lacks)(const struct ptw_cpu *cpu);
    /* What setup has to know of that processor besides; NULL: nothing.  It
     * stands in `facts` of a regime. */
    unsigned (*facts)(const struct ptw_cpu *cpu);
    /* The same, where more is kept than that: facts, kept.  NULL: nothing. */
    void (*keep)(struct ptw_regime *r, const struct ptw_cpu *cpu);
    /* Sets table_pa and rule from features, facts and pa_bits; where the format
     * has no width of its own, va_bits (unless it is set), extension, top and
     * top_bits, too; root_log2 where a root is aligned to more than its size,
     * and name. */
    void (*setup)(struct ptw_regime *r);
    /* Why no processor can have those features together; NULL: it can, as it
     * can have all of them where this is NULL. */
    const char *(*conflict)(unsigned features);

    struct ptw_attributes (*attributes)(const struct ptw_regime *r,
                                        unsigned level, uint64_t raw);
    /* bad says why raw, which decode calls bad, is so. */
    struct ptw_bad_entry (*bad)(const struct ptw_regime *r, unsigned level,
                                unsigned index, uint64_t raw);
    /* As the public functions. */
    size_t (*fields)(const struct ptw_regime *r, unsigned level, uint64_t raw,
                     struct ptw_entry_field *field);
    const char *present_text;
    /* Of a right that entries take away: bare has none. */
    const char *(*right_text)(const struct ptw_regime *r, enum ptw_right right);

    /* As the public functions: `above` is what the entries above grant. */
    bool (*guest_writes)(const struct ptw_regime *r, unsigned above,
                         uint64_t raw);
    bool (*shadow_stack)(const struct ptw_regime *r, unsigned above,
                         uint64_t raw);
    bool (*access_allowed)(const struct ptw_regime *r, unsigned above,
                           unsigned level, uint64_t raw,
                           const struct ptw_access *access);

    /* An alias out of the architecture's own type, and the way from a level's
     * number to the architecture's own enum, and back.  A number that is none
     * of the levels comes back as one that is none. */
    struct ptw_alias_ref (*alias_get)(const union ptw_alias *alias,
                                      unsigned *level);
    union ptw_alias_level (*alias_level)(unsigned level);
    unsigned (*level_number)(const union ptw_alias_level *level);

    enum ptw_status (*lookup)(const struct ptw_mem *mem, struct ptw_root root,
                              ptw_va va, struct ptw_translation *out);
    /* root is an array, or one for all addresses: see ptw_look_many. */
    void (*lookup_many)(const struct ptw_mem *mem, const struct ptw_root *root,
                        size_t apart, const ptw_va *va, size_t count,
                        struct ptw_translation *out, enum ptw_status *status);
    enum ptw_status (*trail_lookup)(struct ptw_trail *trail, ptw_va va,
                                    struct ptw_translation *out);
    enum ptw_status (*next)(struct ptw_walk *w, struct ptw_item *item,
                            size_t room, size_t *items);
    enum ptw_status (*map)(struct ptw_tables *t,
                           const struct ptw_map_request *q);
    /* Maps a list if it needs nothing but its leaves; else false. */
    bool (*map_pages)(const struct ptw_tables *t,
                      const struct ptw_map_many_request *q,
                      enum ptw_status *st);
    enum ptw_status (*edit_quick)(struct ptw_edit *ed, bool *quick);
    enum ptw_status (*map_leaves)(struct ptw_edit *ed, uint64_t first,
                                  uint64_t last);
    enum ptw_status (*rebuild_leaves)(struct ptw_rebuild *rb);
};

/* ptw_top returns the level of the roots; there are tables.  ptw_index_bits
 * returns the log2 of the number of entries of a table of that level: a root
 * may have fewer than other tables of its level, or be several of them in a
 * row. */
PTW_ENGINE unsigned ptw_top(const struct ptw_format *a,
                            const struct ptw_regime *r)
{
    return a->va_bits != 0 ? a->levels - 1 : r->top;
}

PTW_ENGINE unsigned ptw_index_bits(const struct ptw_format *a,
                                   const struct ptw_regime *r, unsigned level)
{
    return a->va_bits == 0 && level == r->top ? r->top_bits
                                              : a->level[level].bits;
}

/* ptw_root_is_plain says that the root is above the leaves, and has no more
 * entries than other tables of its level. */
PTW_ENGINE bool ptw_root_is_plain(const struct ptw_format *a,
                                  const struct ptw_regime *r)
{
    return a->va_bits != 0 ? a->levels > 1
                           : r->top > 0 && r->top_bits <= a->level[r->top].bits;
}

/* ptw_page_log2 returns the log2 of the bytes of the smallest page; there are
 * tables.  ptw_table_bytes returns the size of a table of that level. */
PTW_ENGINE unsigned ptw_page_log2(const struct ptw_format *a)
{
    return a->level[0].shift;
}

PTW_ENGINE uint64_t ptw_table_bytes(const struct ptw_format *a,
                                    const struct ptw_regime *r, unsigned level)
{
    return (uint64_t)1 << (ptw_index_bits(a, r, level) + a->entry_log2);
}

/* ptw_start_rights returns the rights of a path that has no entry: all that the
 * regime has.  A regime of a format that has a width has all that the format
 * has. */
PTW_ENGINE unsigned ptw_start_rights(const struct ptw_format *a,
                                     const struct ptw_regime *r)
{
    return a->va_bits != 0 || a->levels == 0 ? a->rights : r->rights;
}

/* ptw_alone returns raw, a leaf that is written to another address or with
 * other rights, without what says that it is one of a run. */
PTW_ENGINE uint64_t ptw_alone(const struct ptw_format *a, uint64_t raw)
{
    return raw & ~a->together;
}

/* ptw_largest_table returns the size of the regime's largest tables; 0 where
 * there are none.  ptw_place_log2 returns the log2 of a place in which each of
 * its tables can stand: a root that is small may have to be aligned to more. */
PTW_ENGINE size_t ptw_largest_table(const struct ptw_regime *r)
{
    const struct ptw_format *a = r->arch->format;
    uint64_t most = 0;

    for (unsigned level = 0; a->levels > 0 && level <= ptw_top(a, r); level++) {
        uint64_t bytes = ptw_table_bytes(a, r, level);

        most = bytes > most ? bytes : most;
    }
    return (size_t)most;
}

PTW_ENGINE unsigned ptw_place_log2(const struct ptw_regime *r)
{
    uint64_t table = ptw_largest_table(r);
    uint64_t root = ptw_root_bytes(r);
    unsigned log2 = 0;

    while ((table > root ? table : root) >> log2 > 1) {
        log2++;
    }
    return log2;
}

/* ptw_width returns the width of the addresses that tables can map, in bits;
 * where there are tables, a constant. */
PTW_ENGINE unsigned ptw_width(const struct ptw_format *a,
                              const struct ptw_regime *r)
{
    return a->va_bits != 0 ? a->va_bits : r->va_bits;
}

PTW_ENGINE enum ptw_extension ptw_extension_of(const struct ptw_format *a,
                                               const struct ptw_regime *r)
{
    return a->va_bits != 0 ? a->extension : r->extension;
}

/* The engine works on offsets: addresses of that width, without what extends
 * them.  ptw_va_from is the way back. */
PTW_ENGINE uint64_t ptw_va_from(const struct ptw_format *a,
                                const struct ptw_regime *r, uint64_t offset)
{
    unsigned width = ptw_width(a, r);

    switch (ptw_extension_of(a, r)) {
    case PTW_EXTEND_ZEROS:
        return offset;
    case PTW_EXTEND_SIGN:
        if ((offset >> (width - 1) & 1) == 0) {
            return offset;
        }
        break;
    case PTW_EXTEND_ONES:
        break;
    }
    return offset | ~ptw_low_mask(width);
}

/* The gap: addresses, first to last, that no table can map.  Returns false
 * when there is none. */
PTW_ENGINE bool ptw_gap(const struct ptw_format *a, const struct ptw_regime *r,
                        uint64_t *first, uint64_t *last)
{
    enum ptw_extension extension = ptw_extension_of(a, r);
    bool sign = extension == PTW_EXTEND_SIGN;
    unsigned width = ptw_width(a, r);

    assert(width > 0);
    if (extension == PTW_EXTEND_ONES) {
        *first = 0;
        *last = ~ptw_low_mask(width) - 1;
        return width < 64;
    }
    *first = 1 + ptw_low_mask(sign ? width - 1 : width);
    *last = sign ? ~*first : UINT64_MAX;
    return *first != 0;
}

/* ptw_is_canonical says whether tables can map va: it is not in the gap. */
PTW_ENGINE bool ptw_is_canonical(const struct ptw_regime *r, uint64_t va)
{
    return va - r->gap_first >= r->gap_bytes;
}

#endif
