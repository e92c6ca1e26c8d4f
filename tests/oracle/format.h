/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of page tables, from the manuals, for tests and fuzzers: a file a
 * regime, and no line of the library.  Whoever makes tables, reads them or
 * judges the library asks here, and knows no regime by name. */
#ifndef PTW_TESTS_ORACLE_FORMAT_H
#define PTW_TESTS_ORACLE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum { ORACLE_MOST_LEVELS = 5, ORACLE_MOST_RUN = 128 };

/* Rights, as sets.  They have the values of the library's rights. */
enum oracle_right {
    ORACLE_READ = 1,
    ORACLE_WRITE = 2,
    ORACLE_USER = 4,
    ORACLE_EXEC = 8,
    ORACLE_USER_EXEC = 16
};

struct oracle_format;

/* Features that mean the same in all formats that have them. */
enum { ORACLE_NO_WRITE_PROTECT = 8, ORACLE_SHADOW_STACKS = 16 };

/* A regime: the format and the state of the processor. */
struct oracle_mode {
    const struct oracle_format *format;
    unsigned pa_bits;
    bool nx;
    bool pse;
    bool page1g;
    bool wp;  /* CR0.WP */
    bool cet; /* CR4.CET */
    bool amd; /* the processor is AMD's */
    bool pke; /* CR4.PKE: leaves have protection keys, in formats with keys */
    bool svnapot;   /* RISC-V: leaves of 64 KiB in 16 entries */
    bool svpbmt;    /* memory types in leaves */
    bool zicfiss;   /* W without R is a leaf of a shadow stack */
    bool hd;        /* aarch64, TCR.HD: the processor makes leaves writable */
    bool hpd;       /* TCR.HPD: tables withhold nothing */
    bool pie;       /* TCR2.PIE: leaves have an index into these: */
    uint64_t pir;   /* of the privileged */
    uint64_t pire0; /* of EL0 */
    uint64_t flag_bits; /* bits of addresses in entries that are none */
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
    uint64_t pa;     /* of the table or of the page */
    unsigned rights; /* that it grants; 0: it leads nowhere */
};

/* An entry that is not present and, as Linux has it, a swap or migration entry:
 * the lowest of 5 bits for its type, and the bits of its offset. */
struct oracle_swap {
    unsigned type_at;
    unsigned offset_at;
    unsigned offset_end;
};

/* What operating systems keep in entries that are not present, by their sources. */
struct oracle_systems {
    uint64_t linux_none;          /* level 0: a page that nobody may access */
    uint64_t linux_large;         /* above: the same of a large page */
    struct oracle_swap linux_now; /* since 4.18 */
    bool linux_inverts;           /* and whether frames are inverted */
    struct oracle_swap linux_before;
    bool linux_had_two;      /* before, there was a second layout: */
    unsigned linux_other_at; /* where it has the type */
    bool linux_migrates;     /* pages of level 1, too */
    uint64_t windows_prototype;
    uint64_t windows_transition;
    uint64_t windows_swizzle; /* the mask is not in the entry */
    uint64_t windows_mask;    /* against L1TF, as some machines have it */
    unsigned windows_bits;    /* of a frame, as these machines have them */
};

/* How an address goes on above the bits that tables map. */
enum oracle_extension { ORACLE_ZEROS, ORACLE_SIGN, ORACLE_ONES };

/* Who names the features of a processor. */
enum oracle_family {
    ORACLE_NO_FAMILY,
    ORACLE_X86,
    ORACLE_RISCV,
    ORACLE_AARCH64
};

struct oracle_format {
    enum oracle_family family;
    const char *name; /* of the regime, as the library has it */
    unsigned levels;  /* 0: addresses are physical ones, and no table is read */
    unsigned entry_bytes; /* of an entry; little-endian */
    unsigned va_bits;     /* of the addresses that tables map */
    enum oracle_extension extension;
    unsigned rights;       /* that there are */
    unsigned most_pa_bits; /* of the widest processor */
    bool has_flag_bits;    /* oracle_mode.flag_bits may be set */
    bool has_global;       /* leaves can be global */
    bool has_keys;         /* bits 62:59 of a leaf are its key, with pke */
    unsigned own;          /* what else the format's own file has to know */
    unsigned repeats; /* 0: a regime of its own; else it is so much like another
                         one that one n-th of the random tests is enough */
    struct {
        unsigned shift;   /* log2 of the addresses that one entry stands for */
        unsigned entries; /* in a table */
    } level[ORACLE_MOST_LEVELS];
    uint64_t accessed; /* the bit of a leaf that an access sets */
    uint64_t dirty;    /* and that which a write sets */
    bool made_dirty;   /* the library makes a leaf with that bit set */
    uint64_t software; /* bits of a leaf that are software's by the manual,
                                but for a key */
    uint64_t table_software; /* of an entry that leads to a table */
    uint64_t mark_bits;      /* bits that a hypervisor may use, in a leaf: */
    uint64_t mark;           /* copy-on-write, if they are these */
    const struct oracle_systems *systems; /* NULL: none is known */

    /* What a processor lacks, or has, as a set of bits; none of them: what the
     * name alone says.  Some bits mean the same in every format. */
    void (*features)(struct oracle_mode *mode, unsigned bits);

    /* The rights that every entry grants. */
    unsigned (*granted)(const struct oracle_mode *mode);

    /* Whether the processor has a large page of that level. */
    bool (*large)(const struct oracle_mode *mode, unsigned level);

    struct oracle_entry (*decode)(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level);

    /* What a leaf of level 0 that is entry `index` of its table maps, beyond what
     * decode says: some bits of its address.  NULL: nothing. */
    uint64_t (*part)(const struct oracle_mode *mode, uint64_t raw,
                     unsigned index);

    /* The same leaf of that level, by itself: without what says that the entries
     * around it are alike.  It maps no address any more, if they were needed for
     * that.  NULL: there is no such thing. */
    uint64_t (*alone)(const struct oracle_mode *mode, unsigned level,
                      uint64_t leaf);

    /* The other way: the leaf of a page as one of a run, where pages stand side by
     * side.  NULL: there is no such thing; it returns the leaf where there is none of
     * that level. */
    uint64_t (*in_a_run)(const struct oracle_mode *mode, unsigned level,
                         uint64_t leaf);

    /* How many leaves of that level are such a run: the entries from a multiple of
     * that number on.  NULL: one. */
    unsigned (*run)(const struct oracle_mode *mode, unsigned level);

    /* The bits of a leaf that say together which rights it grants, so that none of
     * them is software's.  NULL: none. */
    uint64_t (*index_bits)(const struct oracle_mode *mode);

    /* The bits one of which keeps a leaf from being marked.  NULL: none. */
    uint64_t (*unmarked)(const struct oracle_mode *mode);

    /* The same leaf, through which the guest can't write any more, if it needs no
     * right for that.  NULL: without the bit that grants it. */
    uint64_t (*write_protected)(const struct oracle_mode *mode, uint64_t leaf);

    /* The same page, which the guest can't write, as one of a shadow stack.  NULL:
     * there is none with ORACLE_SHADOW_STACKS. */
    uint64_t (*shadow_stack)(uint64_t leaf);

    /* The entry that decode takes for `is`, a table or a page, with no bit set
     * that it can do without.  Where there is no such entry it is another one;
     * oracle_encode tells. */
    uint64_t (*encode)(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is);

    /* The bits of an entry that hold an address. */
    uint64_t (*table_bits)(const struct oracle_mode *mode);
    uint64_t (*leaf_bits)(const struct oracle_mode *mode, unsigned level);

    /* The address of a table, as an entry has it; the address of a page, as a
     * leaf of that level has it. */
    uint64_t (*put_table)(const struct oracle_mode *mode, uint64_t pa);
    uint64_t (*put_leaf)(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa);

    /* The memory type of a leaf of that level: a number; and how many there are. */
    unsigned (*memory_types)(const struct oracle_mode *mode);
    unsigned (*memory_type)(const struct oracle_mode *mode, unsigned level,
                            uint64_t leaf);

    /* The bits of a leaf of that level that becomes smaller ones, as one of the
     * level below has them, without an address. */
    uint64_t (*split)(const struct oracle_mode *mode, unsigned level,
                      uint64_t bits);

    /* How many bits a physical address has at most: of a page that a leaf of that
     * level maps; of a table that an entry leads to; of a root. */
    unsigned (*leaf_pa_bits)(const struct oracle_mode *mode, unsigned level);
    unsigned (*table_pa_bits)(const struct oracle_mode *mode);
    unsigned (*root_pa_bits)(const struct oracle_mode *mode);

    /* Whether the guest can write through a leaf, when the entries above it are
     * all writable or not. */
    bool (*writes)(const struct oracle_mode *mode, bool above, uint64_t leaf);
};

extern const struct oracle_format oracle_amd64;
extern const struct oracle_format oracle_i686;
extern const struct oracle_format oracle_bare;
extern const struct oracle_format oracle_pae;
extern const struct oracle_format oracle_amd64_la57;
extern const struct oracle_format oracle_sv32;
extern const struct oracle_format oracle_sv39;
extern const struct oracle_format oracle_sv48;
extern const struct oracle_format oracle_sv57;
extern const struct oracle_format oracle_aarch64_4k_48;
extern const struct oracle_format oracle_aarch64_4k_39;
extern const struct oracle_format oracle_aarch64_4k_52;
extern const struct oracle_format oracle_aarch64_4k_48_upper;
extern const struct oracle_format oracle_aarch64_4k_40_el2;
extern const struct oracle_format oracle_aarch64_16k_47;
extern const struct oracle_format oracle_aarch64_16k_52;
extern const struct oracle_format oracle_aarch64_64k_48;
extern const struct oracle_format oracle_aarch64_64k_52;
extern const struct oracle_format oracle_aarch64_64k_42_upper;
extern const struct oracle_format oracle_aarch64_4k_21;

/* All of them.  The library has to know the first ORACLE_REQUIRED: no test of
 * these is left out, and the fuzz targets run over them. */
enum { ORACLE_FORMATS = 20, ORACLE_REQUIRED = 20 };

/* Those that have tables, a family at a time: the name of the suites of tests, and
 * the name. */
#define ORACLE_EACH_OF_X86(what, ...)                                          \
    what(amd64, "amd64", __VA_ARGS__) what(i686, "i686", __VA_ARGS__)          \
        what(pae, "pae", __VA_ARGS__) what(la57, "amd64-la57", __VA_ARGS__)

#define ORACLE_EACH_OF_RISCV(what, ...)                                        \
    what(sv32, "sv32", __VA_ARGS__) what(sv39, "sv39", __VA_ARGS__)            \
        what(sv48, "sv48", __VA_ARGS__) what(sv57, "sv57", __VA_ARGS__)

#define ORACLE_EACH_OF_AARCH64(what, ...)                                      \
    what(a64_4k_48, "aarch64-4k-48",                                           \
         __VA_ARGS__) what(a64_4k_39, "aarch64-4k-39", __VA_ARGS__)            \
        what(a64_4k_52, "aarch64-4k-52-lpa2", __VA_ARGS__) what(               \
            a64_4k_48_upper, "aarch64-4k-48/upper",                            \
            __VA_ARGS__) what(a64_4k_40_el2, "aarch64-4k-40/el2", __VA_ARGS__) \
            what(a64_16k_47, "aarch64-16k-47", __VA_ARGS__)                    \
                what(a64_16k_52, "aarch64-16k-52-lpa2", __VA_ARGS__)           \
                    what(a64_64k_48, "aarch64-64k-48", __VA_ARGS__)            \
                        what(a64_64k_52, "aarch64-64k-52", __VA_ARGS__)        \
                            what(a64_64k_42_upper, "aarch64-64k-42/upper",     \
                                 __VA_ARGS__)                                  \
                                what(a64_4k_21, "aarch64-4k-21", __VA_ARGS__)

#define ORACLE_EACH_WITH_TABLES(what, ...)                                     \
    ORACLE_EACH_OF_X86(what, __VA_ARGS__)                                      \
    ORACLE_EACH_OF_RISCV(what, __VA_ARGS__)                                    \
    ORACLE_EACH_OF_AARCH64(what, __VA_ARGS__)

#define ORACLE_ONE_MORE(...) +1
_Static_assert(1 ORACLE_EACH_WITH_TABLES(ORACLE_ONE_MORE, 0) == ORACLE_FORMATS,
               "all but bare, which has no tables");

extern const struct oracle_format *const oracle_formats[ORACLE_FORMATS];

/* oracle_mode_of returns the mode of that format on a processor that lacks or has
 * those features. */
struct oracle_mode oracle_mode_of(const struct oracle_format *f,
                                  unsigned pa_bits, unsigned features);

/* oracle_format_named returns the format of that name, or NULL. */
const struct oracle_format *oracle_format_named(const char *name);

/* oracle_ones returns the bits from hi down to lo. */
uint64_t oracle_ones(unsigned hi, unsigned lo);

/* oracle_address returns the address that stands at an offset from the start of
 * what the root maps. */
uint64_t oracle_address(const struct oracle_mode *mode, uint64_t offset);

/* oracle_offset returns where in what the root maps an address stands. */
uint64_t oracle_offset(const struct oracle_mode *mode, uint64_t va);

/* oracle_table_bytes returns the size of a table of that level, which is also
 * what its address is aligned to. */
uint64_t oracle_table_bytes(const struct oracle_format *f, unsigned level);

/* oracle_decode returns what raw means as entry `index` of a table of that level. */
struct oracle_entry oracle_decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level, unsigned index);

/* oracle_alone returns a leaf of that level without what says that the entries
 * around it are alike. */
uint64_t oracle_alone(const struct oracle_mode *mode, unsigned level,
                      uint64_t leaf);

/* oracle_in_a_run returns it as one of a run of leaves; the same leaf where there is
 * no such thing. */
uint64_t oracle_in_a_run(const struct oracle_mode *mode, unsigned level,
                         uint64_t leaf);

/* oracle_run returns how many entries of a table of that level can be one run, which
 * starts at a multiple of that number; 1 where there is no such thing. */
unsigned oracle_run(const struct oracle_mode *mode, unsigned level);

/* oracle_is_run says whether the leaves in a run of entries, raw, of which the first
 * is entry `index` of a table of that level, are one as the manuals want it: each of
 * them says so, they are alike, and their pages stand side by side from a multiple
 * of the run's size on. */
bool oracle_is_run(const struct oracle_mode *mode, unsigned level,
                   unsigned index, const uint64_t *raw);

/* oracle_write_protected returns a leaf of that level through which the guest
 * can't write any more, unless it needs no right for that. */
uint64_t oracle_write_protected(const struct oracle_mode *mode, unsigned level,
                                uint64_t leaf);

/* oracle_widest returns the same mode with every physical address. */
struct oracle_mode oracle_widest(const struct oracle_mode *mode);

/* oracle_withholds says whether an entry can withhold each of these rights. */
bool oracle_withholds(const struct oracle_mode *mode, unsigned rights);

/* oracle_leaf_grants says whether a leaf of level 0 can grant just these rights. */
bool oracle_leaf_grants(const struct oracle_mode *mode, unsigned rights);

/* oracle_present_bits returns the bits one of which is set in every entry that is
 * present. */
uint64_t oracle_present_bits(const struct oracle_mode *mode);

/* oracle_table_address returns the address that the bits of an entry say, as the
 * address of a table. */
uint64_t oracle_table_address(const struct oracle_mode *mode, uint64_t raw);

/* oracle_page_step returns by how much leaves of level 0 differ that map pages one
 * behind the other. */
uint64_t oracle_page_step(const struct oracle_mode *mode);

/* oracle_page_log2 returns log2 of the size of the smallest page. */
unsigned oracle_page_log2(const struct oracle_format *f);

/* oracle_largest_table returns the size of the largest table. */
uint64_t oracle_largest_table(const struct oracle_format *f);

/* oracle_unit returns the size of a piece of memory that can be any page of level
 * 0 and any table: the larger of both. */
uint64_t oracle_unit(const struct oracle_format *f);

/* oracle_encode writes the plainest entry that decode takes for exactly `is`, a
 * table or a page.  Returns false if a table of that level has no such entry: no
 * such page, an address that does not fit, a right that it can't withhold. */
bool oracle_encode(const struct oracle_mode *mode, unsigned level,
                   const struct oracle_entry *is, uint64_t *raw);

/* oracle_reserved_bits returns the bits that are clear in an entry and have to
 * be: with any one of them set, it is reserved. */
uint64_t oracle_reserved_bits(const struct oracle_mode *mode, unsigned level,
                              uint64_t raw);

/* oracle_free_bits returns the bits of an entry that decode does not look at, and
 * that are no index and no key. */
uint64_t oracle_free_bits(const struct oracle_mode *mode, unsigned level,
                          uint64_t raw);

/* oracle_software_bits returns the bits of a present entry that the manual leaves to
 * software. */
uint64_t oracle_software_bits(const struct oracle_mode *mode, unsigned level,
                              uint64_t raw);

/* oracle_pa_bits returns how many bits a physical address has at most. */
unsigned oracle_pa_bits(const struct oracle_mode *mode);

/* oracle_last returns the last address that the root maps. */
uint64_t oracle_last(const struct oracle_mode *mode);

/* oracle_first returns the first one. */
uint64_t oracle_first(const struct oracle_mode *mode);

/* oracle_bit_above returns the lowest bit above those that tables map; with it
 * flipped, an address is none that tables map. */
uint64_t oracle_bit_above(const struct oracle_mode *mode);

/* oracle_gap writes the range of addresses that nothing can map. */
void oracle_gap(const struct oracle_mode *mode, uint64_t *first,
                uint64_t *last);

/* oracle_canonical says whether an address lies outside of it. */
bool oracle_canonical(const struct oracle_mode *mode, uint64_t va);

/* oracle_writes says whether the guest can write through a leaf. */
bool oracle_writes(const struct oracle_mode *mode, bool above, uint64_t leaf);

/* oracle_has_write_protect says whether wp of a mode means anything: without it, the
 * guest writes through a leaf that does not grant it. */
bool oracle_has_write_protect(const struct oracle_format *f);

/* oracle_present says whether an entry leads to anything, or would. */
bool oracle_present(const struct oracle_mode *mode, unsigned level,
                    uint64_t raw);

/* oracle_write_bit returns the bit of a leaf of that level that lets the guest
 * write. */
uint64_t oracle_write_bit(const struct oracle_mode *mode, unsigned level);

/* oracle_keys returns how many protection keys a leaf can have, from 0 on; oracle_key
 * the key of a leaf, and oracle_key_bits the bits that hold it, or 0. */
unsigned oracle_keys(const struct oracle_mode *mode);
unsigned oracle_key(const struct oracle_mode *mode, uint64_t leaf);
uint64_t oracle_key_bits(const struct oracle_mode *mode);

/* oracle_index_bits returns the bits of a leaf that say together which rights it
 * grants; 0 where each of them says one thing. */
uint64_t oracle_index_bits(const struct oracle_mode *mode);

/* oracle_unmarked returns the bits one of which keeps a leaf from being marked. */
uint64_t oracle_unmarked(const struct oracle_mode *mode);

/* oracle_has_mark returns whether a leaf has the bits of the mark, whatever it
 * grants. */
bool oracle_has_mark(const struct oracle_mode *mode, uint64_t leaf);

/* oracle_mark returns a leaf of that level as copy-on-write; oracle_marked says
 * whether it looks as if it were that already. */
uint64_t oracle_mark(const struct oracle_mode *mode, unsigned level,
                     uint64_t leaf);
bool oracle_marked(const struct oracle_mode *mode, unsigned level,
                   uint64_t leaf);

/* oracle_frame returns the bits of an entry that hold the address of a page of
 * that level, wherever a processor's physical width ends. */
uint64_t oracle_frame(const struct oracle_mode *mode, unsigned level);

#endif
