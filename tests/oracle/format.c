/* SPDX-License-Identifier: Apache-2.0 */
/* The list of formats, and what follows from each. */
#include "format.h"

#include <stddef.h>
#include <string.h>

const struct oracle_format *const oracle_formats[ORACLE_FORMATS] = {
    &oracle_amd64,
    &oracle_i686,
    &oracle_bare,
    &oracle_pae,
    &oracle_amd64_la57,
    &oracle_sv32,
    &oracle_sv39,
    &oracle_sv48,
    &oracle_sv57,
    &oracle_aarch64_4k_48,
    &oracle_aarch64_4k_39,
    &oracle_aarch64_4k_52,
    &oracle_aarch64_4k_48_upper,
    &oracle_aarch64_4k_40_el2,
    &oracle_aarch64_16k_47,
    &oracle_aarch64_16k_52,
    &oracle_aarch64_64k_48,
    &oracle_aarch64_64k_52,
    &oracle_aarch64_64k_42_upper,
    &oracle_aarch64_4k_21,
};

struct oracle_mode oracle_mode_of(const struct oracle_format *f,
                                  unsigned pa_bits, unsigned features)
{
    struct oracle_mode mode = {.format = f, .pa_bits = pa_bits};

    if (f->features != NULL) {
        f->features(&mode, features);
    }
    return mode;
}

const struct oracle_format *oracle_format_named(const char *name)
{
    for (size_t i = 0; i < ORACLE_FORMATS; i++) {
        if (strcmp(oracle_formats[i]->name, name) == 0) {
            return oracle_formats[i];
        }
    }
    return NULL;
}

uint64_t oracle_ones(unsigned hi, unsigned lo)
{
    if (lo > hi || lo > 63) {
        return 0;
    }
    return (UINT64_MAX >> (hi < 63 ? 63 - hi : 0)) & (UINT64_MAX << lo);
}

/* Of an address without tables, those that a physical one has. */
static unsigned va_bits(const struct oracle_mode *mode)
{
    return mode->format->levels > 0 ? mode->format->va_bits : mode->pa_bits;
}

uint64_t oracle_address(const struct oracle_mode *mode, uint64_t offset)
{
    unsigned bits = va_bits(mode);

    switch (mode->format->extension) {
    case ORACLE_ZEROS:
        break;
    case ORACLE_SIGN:
        return (offset >> (bits - 1) & 1) == 0 ? offset
                                               : offset | oracle_ones(63, bits);
    case ORACLE_ONES:
        return offset | oracle_ones(63, bits);
    }
    return offset;
}

uint64_t oracle_offset(const struct oracle_mode *mode, uint64_t va)
{
    return va & oracle_ones(va_bits(mode) - 1, 0);
}

uint64_t oracle_table_bytes(const struct oracle_format *f, unsigned level)
{
    return (uint64_t)f->level[level].entries * f->entry_bytes;
}

unsigned oracle_page_log2(const struct oracle_format *f)
{
    return f->levels > 0 ? f->level[0].shift : 12;
}

uint64_t oracle_largest_table(const struct oracle_format *f)
{
    uint64_t most = 0;

    for (unsigned level = 0; level < f->levels; level++) {
        uint64_t bytes = oracle_table_bytes(f, level);

        most = bytes > most ? bytes : most;
    }
    return most;
}

uint64_t oracle_unit(const struct oracle_format *f)
{
    uint64_t page = (uint64_t)1 << oracle_page_log2(f);
    uint64_t table = oracle_largest_table(f);

    return table > page ? table : page;
}

struct oracle_entry oracle_decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level, unsigned index)
{
    const struct oracle_format *f = mode->format;
    struct oracle_entry e = f->decode(mode, raw, level);

    if (level == 0 && e.kind == ORACLE_MAPS && f->part != NULL) {
        e.pa |= f->part(mode, raw, index);
    }
    return e;
}

uint64_t oracle_alone(const struct oracle_mode *mode, unsigned level,
                      uint64_t leaf)
{
    const struct oracle_format *f = mode->format;

    return f->alone != NULL ? f->alone(mode, level, leaf) : leaf;
}

uint64_t oracle_in_a_run(const struct oracle_mode *mode, unsigned level,
                         uint64_t leaf)
{
    const struct oracle_format *f = mode->format;

    return f->in_a_run != NULL ? f->in_a_run(mode, level, leaf) : leaf;
}

unsigned oracle_run(const struct oracle_mode *mode, unsigned level)
{
    const struct oracle_format *f = mode->format;
    unsigned run = f->run != NULL ? f->run(mode, level) : 1;

    return run < f->level[level].entries ? run : f->level[level].entries;
}

bool oracle_is_run(const struct oracle_mode *mode, unsigned level,
                   unsigned index, const uint64_t *raw)
{
    const struct oracle_format *f = mode->format;
    uint64_t size = (uint64_t)1 << f->level[level].shift;
    uint64_t bits = raw[0] & ~f->leaf_bits(mode, level);
    unsigned run = oracle_run(mode, level);
    uint64_t first = oracle_decode(mode, raw[0], level, index).pa;

    for (unsigned i = 0; i < run; i++) {
        struct oracle_entry e = oracle_decode(mode, raw[i], level, index + i);

        if (e.kind != ORACLE_MAPS ||
            oracle_alone(mode, level, raw[i]) == raw[i] ||
            e.pa != first + i * size ||
            (raw[i] & ~f->leaf_bits(mode, level)) != bits) {
            return false;
        }
    }
    return first % (run * size) == 0;
}

uint64_t oracle_write_protected(const struct oracle_mode *mode, unsigned level,
                                uint64_t leaf)
{
    const struct oracle_format *f = mode->format;

    return f->write_protected != NULL ? f->write_protected(mode, leaf)
                                      : leaf & ~oracle_write_bit(mode, level);
}

struct oracle_mode oracle_widest(const struct oracle_mode *mode)
{
    struct oracle_mode wide = *mode;

    wide.pa_bits = mode->format->most_pa_bits;
    return wide;
}

bool oracle_withholds(const struct oracle_mode *mode, unsigned rights)
{
    return (mode->format->granted(mode) & rights) == 0;
}

bool oracle_leaf_grants(const struct oracle_mode *mode, unsigned rights)
{
    struct oracle_entry e = {ORACLE_MAPS, 0, rights};

    return oracle_encode(mode, 0, &e, &(uint64_t){0});
}

uint64_t oracle_present_bits(const struct oracle_mode *mode)
{
    const struct oracle_format *f = mode->format;
    uint64_t bits = 0;

    for (unsigned level = 0; level < f->levels; level++) {
        for (unsigned i = 0; i < 8 * f->entry_bytes; i++) {
            uint64_t bit = (uint64_t)1 << i;

            bits |= oracle_present(mode, level, bit) ? bit : 0;
        }
    }
    return bits;
}

uint64_t oracle_table_address(const struct oracle_mode *mode, uint64_t raw)
{
    uint64_t pa = 0;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;

        pa |= (mode->format->put_table(mode, bit) & raw) != 0 ? bit : 0;
    }
    return pa;
}

uint64_t oracle_page_step(const struct oracle_mode *mode)
{
    struct oracle_mode wide = oracle_widest(mode);
    uint64_t page = (uint64_t)1 << oracle_page_log2(mode->format);

    return mode->format->put_leaf(&wide, 0, page);
}

static bool same(const struct oracle_entry *a, const struct oracle_entry *b)
{
    return a->kind == b->kind && a->pa == b->pa && a->rights == b->rights;
}

bool oracle_encode(const struct oracle_mode *mode, unsigned level,
                   const struct oracle_entry *is, uint64_t *raw)
{
    uint64_t entry = mode->format->encode(mode, level, is);
    struct oracle_entry read = mode->format->decode(mode, entry, level);

    if (!same(is, &read)) {
        return false;
    }
    *raw = entry;
    return true;
}

uint64_t oracle_reserved_bits(const struct oracle_mode *mode, unsigned level,
                              uint64_t raw)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < 8 * mode->format->entry_bytes; i++) {
        uint64_t bit = (uint64_t)1 << i;

        if ((raw & bit) == 0 &&
            mode->format->decode(mode, raw | bit, level).kind ==
                ORACLE_RESERVED) {
            bits |= bit;
        }
    }
    return bits;
}

uint64_t oracle_free_bits(const struct oracle_mode *mode, unsigned level,
                          uint64_t raw)
{
    const struct oracle_format *f = mode->format;
    struct oracle_entry is = f->decode(mode, raw, level);
    uint64_t bits = 0;

    for (unsigned i = 0; i < 8 * mode->format->entry_bytes; i++) {
        uint64_t bit = (uint64_t)1 << i;
        struct oracle_entry other =
            mode->format->decode(mode, raw ^ bit, level);

        bits |= same(&is, &other) ? bit : 0;
    }
    return is.kind == ORACLE_MAPS
               ? bits & ~(oracle_index_bits(mode) | oracle_key_bits(mode))
               : bits;
}

uint64_t oracle_software_bits(const struct oracle_mode *mode, unsigned level,
                              uint64_t raw)
{
    const struct oracle_format *f = mode->format;
    struct oracle_entry is = f->decode(mode, raw, level);

    if (is.kind == ORACLE_TABLE) {
        return f->table_software;
    }
    return is.kind == ORACLE_MAPS ? f->software & ~oracle_key_bits(mode) : 0;
}

unsigned oracle_pa_bits(const struct oracle_mode *mode)
{
    const struct oracle_format *f = mode->format;

    return f->leaf_pa_bits(mode, f->levels > 1 ? 1 : 0);
}

uint64_t oracle_first(const struct oracle_mode *mode)
{
    return oracle_address(mode, 0);
}

uint64_t oracle_last(const struct oracle_mode *mode)
{
    return oracle_address(mode, oracle_ones(va_bits(mode) - 1, 0));
}

uint64_t oracle_bit_above(const struct oracle_mode *mode)
{
    return (uint64_t)1 << va_bits(mode);
}

void oracle_gap(const struct oracle_mode *mode, uint64_t *first, uint64_t *last)
{
    unsigned bits = va_bits(mode);

    switch (mode->format->extension) {
    case ORACLE_ZEROS:
        *first = (uint64_t)1 << bits;
        *last = UINT64_MAX;
        break;
    case ORACLE_SIGN:
        *first = (uint64_t)1 << (bits - 1);
        *last = oracle_ones(63, bits - 1) - 1;
        break;
    case ORACLE_ONES:
        *first = 0;
        *last = oracle_ones(63, bits) - 1;
        break;
    }
}

bool oracle_canonical(const struct oracle_mode *mode, uint64_t va)
{
    uint64_t first = 0;
    uint64_t last = 0;

    oracle_gap(mode, &first, &last);
    return va < first || va > last;
}

bool oracle_writes(const struct oracle_mode *mode, bool above, uint64_t leaf)
{
    return mode->format->writes(mode, above, leaf);
}

bool oracle_has_write_protect(const struct oracle_format *f)
{
    struct oracle_mode mode = {.format = f, .pa_bits = f->most_pa_bits};
    struct oracle_entry e = {ORACLE_MAPS, 0, ORACLE_READ};
    uint64_t leaf = f->encode(&mode, 0, &e);
    bool without = f->writes(&mode, true, leaf);

    mode.wp = true;
    return without != f->writes(&mode, true, leaf);
}

bool oracle_present(const struct oracle_mode *mode, unsigned level,
                    uint64_t raw)
{
    return mode->format->decode(mode, raw, level).kind != ORACLE_NOT_PRESENT;
}

uint64_t oracle_write_bit(const struct oracle_mode *mode, unsigned level)
{
    struct oracle_entry e = {ORACLE_MAPS, 0, ORACLE_READ | ORACLE_EXEC};
    uint64_t without = mode->format->encode(mode, level, &e);

    e.rights |= ORACLE_WRITE;
    return mode->format->encode(mode, level, &e) ^ without;
}

uint64_t oracle_mark(const struct oracle_mode *mode, unsigned level,
                     uint64_t leaf)
{
    const struct oracle_format *f = mode->format;
    uint64_t bits = oracle_write_protected(mode, level, leaf);

    return (bits & ~f->mark_bits) | f->mark;
}

/* Intel SDM vol. 3A, "Protection Keys". */
uint64_t oracle_key_bits(const struct oracle_mode *mode)
{
    return mode->pke && mode->format->has_keys ? oracle_ones(62, 59) : 0;
}

unsigned oracle_keys(const struct oracle_mode *mode)
{
    return oracle_key_bits(mode) != 0 ? 16 : 1;
}

unsigned oracle_key(const struct oracle_mode *mode, uint64_t leaf)
{
    return (unsigned)((leaf & oracle_key_bits(mode)) >> 59);
}

uint64_t oracle_index_bits(const struct oracle_mode *mode)
{
    const struct oracle_format *f = mode->format;

    return f->index_bits != NULL ? f->index_bits(mode) : 0;
}

uint64_t oracle_unmarked(const struct oracle_mode *mode)
{
    const struct oracle_format *f = mode->format;

    return f->unmarked != NULL ? f->unmarked(mode) : 0;
}

bool oracle_has_mark(const struct oracle_mode *mode, uint64_t leaf)
{
    const struct oracle_format *f = mode->format;

    return (leaf & f->mark_bits) == f->mark &&
           (leaf & oracle_unmarked(mode)) == 0;
}

bool oracle_marked(const struct oracle_mode *mode, unsigned level,
                   uint64_t leaf)
{
    return oracle_has_mark(mode, leaf) &&
           oracle_write_protected(mode, level, leaf) == leaf;
}

uint64_t oracle_frame(const struct oracle_mode *mode, unsigned level)
{
    struct oracle_mode wide = oracle_widest(mode);

    return mode->format->leaf_bits(&wide, level);
}
