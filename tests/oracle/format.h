/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of page tables, from the manuals, for tests and fuzzers: a file a
 * regime, and no line of the library.  Whoever makes tables, reads them or
 * judges the library asks here, and knows no regime by name. */
#ifndef PTW_TESTS_ORACLE_FORMAT_H
#define PTW_TESTS_ORACLE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum { ORACLE_MOST_LEVELS = 5 };

struct oracle_format;

/* A regime: the format and the state of the processor. */
struct oracle_mode {
    const struct oracle_format *format;
    unsigned pa_bits;
    bool nx;
    bool pse;
    bool page1g;
    bool wp;   /* CR0.WP */
    bool cet;  /* CR4.CET */
    bool self; /* a walk: an entry that leads to its own table is an answer */
};

enum oracle_entry_kind {
    ORACLE_NOT_PRESENT,
    ORACLE_RESERVED, /* reserved bits */
    ORACLE_TABLE,
    ORACLE_MAPS
};

/* An entry, by itself. */
struct oracle_entry {
    enum oracle_entry_kind kind;
    uint64_t pa; /* of the table or of the page */
    bool w, x, u;
};

struct oracle_format {
    const char *name; /* of the regime, as the library has it */
    unsigned levels;  /* 0: addresses are physical ones, and no table is read */
    unsigned entry_bytes; /* of an entry; little-endian */
    unsigned va_bits;     /* of the addresses that tables map */
    bool sign_extended;   /* the highest of these bits is repeated above */
    struct {
        unsigned shift;   /* log2 of the addresses that one entry stands for */
        unsigned entries; /* in a table */
    } level[ORACLE_MOST_LEVELS];

    /* Whether an entry can withhold execution. */
    bool (*withholds_exec)(const struct oracle_mode *mode);

    /* Whether the processor has a large page of that level. */
    bool (*large)(const struct oracle_mode *mode, unsigned level);

    struct oracle_entry (*decode)(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level);

    /* The bits of an entry that hold an address. */
    uint64_t (*table_bits)(const struct oracle_mode *mode);
    uint64_t (*leaf_bits)(const struct oracle_mode *mode, unsigned level);

    /* The address of a page, as a leaf of that level has it. */
    uint64_t (*put_leaf)(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa);

    /* How many bits a physical address has at most: of a page that a leaf of that
     * level maps; of a table, the root included. */
    unsigned (*leaf_pa_bits)(const struct oracle_mode *mode, unsigned level);
    unsigned (*table_pa_bits)(const struct oracle_mode *mode);

    /* Whether the guest can write through a leaf, when the entries above it are
     * all writable or not. */
    bool (*writes)(const struct oracle_mode *mode, bool above, uint64_t leaf);
};

extern const struct oracle_format oracle_amd64;
extern const struct oracle_format oracle_i686;
extern const struct oracle_format oracle_bare;

/* oracle_format_named returns the format of that name, or NULL. */
const struct oracle_format *oracle_format_named(const char *name);

/* oracle_ones returns the bits from hi down to lo. */
uint64_t oracle_ones(unsigned hi, unsigned lo);

/* oracle_address returns the address that stands at an offset from the start of
 * what the root maps. */
uint64_t oracle_address(const struct oracle_mode *mode, uint64_t offset);

/* oracle_offset returns where in what the root maps an address stands. */
uint64_t oracle_offset(const struct oracle_mode *mode, uint64_t va);

/* oracle_pa_bits returns how many bits a physical address has at most. */
unsigned oracle_pa_bits(const struct oracle_mode *mode);

/* oracle_last returns the last address that the root maps. */
uint64_t oracle_last(const struct oracle_mode *mode);

/* oracle_gap writes the range of addresses that nothing can map. */
void oracle_gap(const struct oracle_mode *mode, uint64_t *first,
                uint64_t *last);

/* oracle_canonical says whether an address lies outside of it. */
bool oracle_canonical(const struct oracle_mode *mode, uint64_t va);

/* oracle_writes says whether the guest can write through a leaf. */
bool oracle_writes(const struct oracle_mode *mode, bool above, uint64_t leaf);

/* oracle_x86_writes is the rule of all regimes of x86. */
bool oracle_x86_writes(const struct oracle_mode *mode, bool above,
                       uint64_t leaf);

#endif
