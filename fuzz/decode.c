/* SPDX-License-Identifier: Apache-2.0 */
/* What entries say, without any memory: one number, as an entry of each level. */
#include "check.h"
#include "entries.h"
#include "oracle_regime.h"
#include "texts.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

/* Numbers of one input: each is asked about with each of its bits flipped. */
enum { NUMBERS = 2 };

/* A thorough run asks about them on processors of so many other widths. */
enum { WIDTHS = 4, LEAST_WIDTH = 32 };

static struct fz_case described;

static enum ptw_entry_kind kind_of(const struct oracle_entry *e)
{
    static const enum ptw_entry_kind kind[] = {
        [ORACLE_NOT_PRESENT] = PTW_ENTRY_ABSENT,
        [ORACLE_RESERVED] = PTW_ENTRY_BAD,
        [ORACLE_TABLE] = PTW_ENTRY_TABLE,
        [ORACLE_MAPS] = PTW_ENTRY_LEAF,
    };

    return kind[e->kind];
}

/* Why an entry is bad: there are bits that make it so, if it is. */
static void check_reason(const struct fz_case *w, unsigned level,
                         unsigned index, uint64_t raw, bool bad)
{
    struct ptw_bad_entry b = ptw_bad_entry_of(&w->regime, level, index, raw);

    if (bad != (b.bits != 0)) {
        fz_fail(ASK_ENTRIES,
                "%llx, entry %u of level %u, is spoilt by the bits %llx",
                HEX(raw), index, level, HEX(b.bits));
    }
    if ((b.why == PTW_BAD_RESERVED || b.why == PTW_BAD_WIDTH) &&
        (b.bits & ~raw) != 0) {
        fz_fail(ASK_ENTRIES,
                "%llx, entry %u of level %u, has not the bits %llx, which "
                "spoil it",
                HEX(raw), index, level, HEX(b.bits));
    }
}

/* What a leaf says besides its address and rights. */
static void check_leaf(const struct fz_case *w, unsigned level, uint64_t raw)
{
    const struct oracle_mode *mode = &w->mode;
    const struct oracle_format *f = mode->format;
    struct ptw_attributes a = ptw_attributes_of(&w->regime, level, raw);
    bool served = ptw_is_copy_on_write(&w->regime, level, raw);

    if (a.memory_type != f->memory_type(mode, level, raw) ||
        a.flag_bits != (raw & mode->flag_bits) ||
        a.key != oracle_key(mode, raw) ||
        a.accessed != ((raw & f->accessed) != 0) ||
        a.copy_on_write != oracle_has_mark(mode, raw) ||
        served != oracle_marked(mode, level, raw)) {
        fz_fail(
            ASK_ENTRIES,
            "the leaf %llx of level %u has type %u, key %u, flag bits %llx, "
            "accessed %d, the mark %d, copy-on-write %d",
            HEX(raw), level, a.memory_type, a.key, HEX(a.flag_bits), a.accessed,
            a.copy_on_write, served);
    }
    for (unsigned above = 0; above < 2; above++) {
        unsigned rights = above != 0 ? (unsigned)PTW_ALL_RIGHTS
                                     : PTW_ALL_RIGHTS & ~(unsigned)PTW_WRITE;

        if (ptw_guest_writes(&w->regime, rights, level, raw) !=
            oracle_writes(mode, above != 0, raw)) {
            fz_fail(ASK_ENTRIES,
                    "through the leaf %llx of level %u, below rights %x, the "
                    "guest can%s write",
                    HEX(raw), level, rights,
                    oracle_writes(mode, above != 0, raw) ? "" : " not");
        }
    }
}

/* Whether an address is another one by more than a bit. */
static bool is_elsewhere(uint64_t a, uint64_t b)
{
    return ((a ^ b) & ((a ^ b) - 1)) != 0;
}

/* Whether an entry means something else, and is not another address or of
 * another kind that is present, when it has another bit.  A bit by which more than
 * one of the address is another is none of the address. */
static bool means_else(const struct fz_case *w, unsigned level, unsigned index,
                       uint64_t raw, uint64_t other)
{
    const struct oracle_format *f = w->mode.format;
    struct oracle_entry a = oracle_decode(&w->mode, raw, level, index);
    struct oracle_entry b = oracle_decode(&w->mode, other, level, index);

    if (b.kind == ORACLE_NOT_PRESENT ||
        (a.kind == ORACLE_MAPS && a.kind == b.kind &&
         is_elsewhere(a.pa, b.pa))) {
        return true;
    }
    return a.kind == b.kind && a.pa == b.pa &&
           (a.rights != b.rights ||
            (a.kind == ORACLE_MAPS &&
             (((raw ^ other) & f->accessed) != 0 ||
              oracle_key(&w->mode, raw) != oracle_key(&w->mode, other) ||
              f->memory_type(&w->mode, level, raw) !=
                  f->memory_type(&w->mode, level, other))));
}

/* The parts of an entry: what is set and means something, or is software's, has
 * one. */
static void check_fields(const struct fz_case *w, unsigned level,
                         unsigned index, uint64_t raw, bool there)
{
    uint64_t in = fz_check_parts(&w->regime, level, raw, there);
    uint64_t software = oracle_software_bits(&w->mode, level, raw);

    for (unsigned bit = 0; there && bit < 8 * w->entry_bytes; bit++) {
        uint64_t one = (uint64_t)1 << bit;

        if ((raw & ~in & one) != 0 &&
            ((software & one) != 0 ||
             means_else(w, level, index, raw, raw ^ one))) {
            fz_fail(ASK_ENTRIES, "%llx of level %u has no part with bit %u",
                    HEX(raw), level, bit);
        }
    }
}

static void check_entry(const struct fz_case *w, unsigned level, unsigned index,
                        uint64_t raw)
{
    struct oracle_entry is = oracle_decode(&w->mode, raw, level, index);
    struct ptw_entry e = ptw_decode(&w->regime, level, index, raw);
    bool there = is.kind == ORACLE_TABLE || is.kind == ORACLE_MAPS;

    fz_note((uint64_t)e.kind);
    fz_note(e.pa.v);
    fz_note(e.rights);
    if (e.kind != kind_of(&is) || e.pa.v != (there ? is.pa : 0) ||
        e.rights != (there ? is.rights : 0)) {
        fz_fail(ASK_ENTRIES,
                "%llx, entry %u of level %u, is of kind %d, %llx, rights %x; "
                "not %d, %llx, %x",
                HEX(raw), index, level, (int)e.kind, HEX(e.pa.v), e.rights,
                (int)kind_of(&is), HEX(is.pa), is.rights);
    }
    check_reason(w, level, index, raw, e.kind == PTW_ENTRY_BAD);
    if (fz_asks(ASK_ENTRIES)) {
        check_fields(w, level, index, raw, is.kind != ORACLE_NOT_PRESENT);
    }
    if (e.kind == PTW_ENTRY_LEAF) {
        check_leaf(w, level, raw);
    }
}

static void say_entry(const struct fz_case *w, unsigned level, unsigned index,
                      uint64_t raw)
{
    static const char *const kind[] = {"not present", "leads to", "maps",
                                       "bad"};
    struct ptw_entry e = ptw_decode(&w->regime, level, index, raw);

    fz_say("    entry %u in the %s: %s %llx ", index,
           ptw_level_name(&w->regime, level), kind[e.kind], HEX(e.pa.v));
    fz_say_rights(e.rights);
    fz_say("\n");
}

/* The rights that there are, and those of every entry. */
static void check_rights(const struct fz_case *w)
{
    const struct oracle_format *f = w->mode.format;

    if (ptw_rights_of(&w->regime) != f->rights ||
        ptw_rights_granted(&w->regime) != f->granted(&w->mode)) {
        fz_fail(ASK_ENTRIES, "of the rights %x, every entry grants %x",
                ptw_rights_of(&w->regime), ptw_rights_granted(&w->regime));
    }
    /* The CR3 of pae has 32 bits. */
    if (ptw_root_flags(&w->regime) != (strcmp(f->name, "pae") == 0
                                           ? (uint32_t)w->mode.flag_bits
                                           : w->mode.flag_bits)) {
        fz_fail(ASK_ENTRIES, "of the flag bits %llx a root has %llx",
                HEX(w->mode.flag_bits), HEX(ptw_root_flags(&w->regime)));
    }
}

/* Asks about a number, and with each of its bits flipped, as entries of every
 * level. */
static void check_number(const struct fz_case *w, uint64_t place, uint64_t raw)
{
    for (unsigned level = 0; level < w->levels; level++) {
        unsigned index = (unsigned)place % fz_entries(w, level);

        check_entry(w, level, index, raw);
        if (fz_asks(ASK_TEXTS)) {
            fz_check_entry_texts(w, level, index, raw);
        }
        for (unsigned bit = 0; bit < 8 * w->entry_bytes; bit++) {
            check_entry(w, level, index, raw ^ (uint64_t)1 << bit);
        }
    }
}

/* The same on processors whose addresses have other widths: which bits are
 * reserved depends on each one.  Inputs pick different ones. */
static void check_widths(struct fz_case *w, uint64_t place, uint64_t raw)
{
    const struct oracle_mode mode = w->mode;
    const struct ptw_regime regime = w->regime;
    unsigned widths = mode.format->most_pa_bits + 1 - LEAST_WIDTH;
    unsigned first = (unsigned)(raw * 0x9E3779B97F4A7C15 >> 40) % widths;

    for (unsigned i = 0; i < WIDTHS; i++) {
        w->mode.pa_bits = LEAST_WIDTH + (first + 5 * i) % widths;
        if (oracle_regime(&w->mode, &w->regime) != PTW_OK) {
            fz_give_up("%s is refused with %u bits", mode.format->name,
                       w->mode.pa_bits);
        }
        check_number(w, place, raw);
    }
    w->mode = mode;
    w->regime = regime;
}

void fz_decode(const uint8_t *data, size_t len)
{
    struct fz_case *w = &described;
    struct fz_records in = fz_records_of(data, len);

    fz_case_read(w, true, data, len);
    fz_say("%s, %u bits\n", w->mode.format->name, w->mode.pa_bits);
    check_rights(w);
    fz_check_texts();
    for (unsigned n = 0; n < NUMBERS && fz_next_number(w, &in); n++) {
        uint64_t raw = fz_number(w, &in);
        uint64_t place = fz_get(in.record, RAW_INDEX);

        fz_say("%llx, and with each bit flipped\n", HEX(raw));
        for (unsigned level = 0; level < w->levels; level++) {
            say_entry(w, level, (unsigned)place % fz_entries(w, level), raw);
        }
        check_number(w, place, raw);
        if (w->thorough) {
            check_widths(w, place, raw);
        }
    }
    fz_case_done(w);
}
