/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzz harness: the input format, the memory that it describes, and the
 * properties that the library has to keep over it.  README.md has the format
 * and the properties in words. */
#ifndef PTW_FUZZ_HARNESS_H
#define PTW_FUZZ_HARNESS_H

#include "input.h"
#include "mutator.h"
#include "oracle/oracle.h"
#include "oracles.h"
#include "ptwalk/ptwalk.h"
#include "same_rights.h"
#include "served.h"

#include <stdio.h>
#include <string.h>

enum {
    FZ_REGIONS = 8,
    FZ_ROOTS = 8,
    FZ_SLOTS = 64,   /* pages that an input can name */
    FZ_PAGES = 64,   /* pages that can have contents */
    FZ_COPIES = 24,  /* tables that can be remembered */
    FZ_INDEX = 256,  /* slots of the hash table of pages */
    FZ_VAS = 8,      /* addresses that an input asks about */
    FZ_OUTS = 12,    /* ranges that are left out of walks */
    FZ_REFUSALS = 3, /* parts of pages that refuse to be read */
    FZ_HOLES = FZ_REFUSALS * FZ_REGIONS,
    FZ_RAMS = 2 * (FZ_PAGES + FZ_REGIONS) + 8 + FZ_HOLES,
    FZ_PAGE = 4096,
    FZ_MOST_UNIT = 16 * FZ_PAGE, /* of pages and tables of any format */
    FZ_DIRECT_UNITS = 16,        /* of a region that is host memory */
    FZ_MOST_STEP = 1 << 30,      /* of reads and items */
    FZ_MOST_SKEW = 64,
};

/* Flags of an `entry` record.  A format has bits for them. */
enum fz_flag {
    FZ_PRESENT = 1 << 0,
    FZ_WRITABLE = 1 << 1,
    FZ_FOR_USER = 1 << 2,
    FZ_TO_ALL = FZ_PRESENT | FZ_WRITABLE | FZ_FOR_USER,
    FZ_WAS_ACCESSED = 1 << 5,
    FZ_WAS_WRITTEN = 1 << 6,
    FZ_LARGE = 1 << 7,
    FZ_NO_EXEC = 1 << 12,
};

enum fz_memory {
    FZ_CALLBACKS, /* read32 and read64 */
    FZ_BORROW,    /* the same, and whole pages can be borrowed */
    FZ_DIRECT,    /* every region is host memory of exactly its size */
    FZ_MIXED,     /* small regions are host memory */
};

struct fz_region {
    uint64_t first;
    uint64_t last;
    bool readable; /* false: callbacks refuse it */
};

/* A half: see halves.h. */
struct fz_half {
    struct oracle_mode mode;
    struct ptw_regime regime;
    unsigned levels;
};

/* What an input describes. */
struct fz_case {
    struct fz_served served;   /* it is the context of its callbacks */
    struct ptw_mem_ops ops[2]; /* without loans, and with */
    struct oracle_mode mode;
    struct oracle_mode wide; /* the same with every physical address */
    struct ptw_regime regime;
    unsigned levels;
    struct fz_half half[2];
    bool halves;                 /* the second one is in use */
    struct oracle_format across; /* the first one's format, of the other half */
    char across_name[48];
    struct oracle_format narrow; /* one of those, with shorter addresses */
    char narrow_name[48];
    unsigned turned;  /* which of them mode, regime and levels are */
    unsigned entries; /* of a table */
    unsigned entry_bytes;
    uint64_t page_bytes;
    uint64_t table_bytes; /* with that many entries */
    uint64_t unit;        /* of memory that an input names: a page or a table */

    enum fz_memory memory;
    bool partial;
    uint64_t first; /* the range */
    uint64_t last;
    uint64_t read_step; /* of the walk that is stopped and resumed */
    uint64_t item_step;
    size_t room;
    unsigned need;
    uint64_t budget; /* of entries read by one walk */
    unsigned growth; /* how storage grows: see fz_store_bytes */
    bool thorough;   /* nothing is left out */
    uint64_t seed;
    unsigned skew;     /* bytes that loans and host memory are off */
    unsigned restless; /* of 256 reads, how many change (fuzz_shifting) */

    struct fz_region region[FZ_REGIONS]; /* ascending */
    unsigned regions;
    uint64_t root[FZ_ROOTS];
    uint64_t root_flags[FZ_ROOTS]; /* flag bits that it is loaded with */
    uint8_t root_half[FZ_ROOTS];   /* 0: the first half; else which other one */
    unsigned roots;
    uint64_t va[FZ_VAS];
    unsigned vas;
    struct oracle_range out[FZ_OUTS]; /* ascending and disjoint */
    struct ptw_va_range leave_out[FZ_OUTS];
    unsigned outs;
    bool bulk;      /* callbacks copy several entries at once */
    bool stopped;   /* and memory is said not to change */
    bool remembers; /* walks remember tables, and these they have copied */
    unsigned copies;
    uint64_t copied[FZ_COPIES];
    bool self;      /* walks keep entries that lead to their own table whole */
    bool by_rights; /* walks tell paths apart by their rights */

    uint64_t slot[FZ_SLOTS];  /* numbers of units */
    uint64_t frame[FZ_PAGES]; /* numbers of those with contents, the pages */
    unsigned pages;
    uint8_t index[FZ_INDEX]; /* 1 + the number of a page, by its frame */
    uint8_t *page[FZ_PAGES]; /* a unit each */

    uint64_t refusal[FZ_REFUSALS][2]; /* first and last byte */
    unsigned refusals;
    struct oracle_range hole[FZ_HOLES]; /* the parts of regions that refuse */
    unsigned holes;

    struct oracle_ram ram[FZ_RAMS]; /* the same memory for the oracle */
    size_t rams;

    /* What the callbacks count and do. */
    uint64_t reads;
    bool shifting;
    uint64_t random;
};

/* fz_case_read decodes an input into *w; every input describes something.  With
 * tables, the regime is one that has some. */
void fz_case_read(struct fz_case *w, bool tables, const uint8_t *data,
                  size_t len);

/* fz_case_without makes *w a case without memory and tables, for inputs of
 * which only records count. */
void fz_case_without(struct fz_case *w);

/* fz_records_of starts at the first record of an input.  fz_next_record goes on
 * to the next one that is no name of an address and no value; false: there is
 * none.  What the input holds of it is followed by zeros. */
struct fz_records fz_records_of(const uint8_t *data, size_t len);
bool fz_next_record(const struct fz_case *w, struct fz_records *in);

/* fz_address returns the address whose name that field of the record has. */
uint64_t fz_address(const struct fz_records *in, enum fz_field_id field);

/* fz_flag_bits returns those of the flag bits that a code names, a bit each in
 * ascending order. */
uint64_t fz_flag_bits(const struct fz_case *w, uint64_t code);

/* fz_entry returns an entry, by the flags of an `entry` record that leads to a
 * page. */
uint64_t fz_entry(const struct fz_case *w, unsigned flags, uint64_t pa);

/* fz_case_offer says in which way the memory is offered, if not as the header
 * has it.  Host memory refuses nothing. */
void fz_case_offer(struct fz_case *w, enum fz_memory kind);

/* Whether a byte of those, which one region has, refuses to be read. */
bool fz_case_refuses(const struct fz_case *w, uint64_t pa, uint64_t bytes);

/* fz_case_remember lets a walk of mem remember tables, where the case says so:
 * in the set of the walk before, if that was of mem, too. */
void fz_case_remember(struct fz_case *w, struct ptw_walk *walk,
                      const struct ptw_mem *mem);

/* fz_case_memory builds an accessor of the given kind.  region has room for
 * FZ_REGIONS and must live as long as mem. */
void fz_case_memory(struct fz_case *w, enum fz_memory kind, struct ptw_mem *mem,
                    struct ptw_region *region);

/* fz_case_done takes host memory back; mem is not used after it. */
void fz_case_done(struct fz_case *w);

/* fz_case_stir changes entries of pages at random, where they are borrowed
 * from (fuzz_shifting). */
void fz_case_stir(struct fz_case *w, unsigned times);

/* fz_direct_bytes returns the most that a region of host memory has. */
uint64_t fz_direct_bytes(const struct fz_case *w);

/* fz_case_zeros says that those bytes of one unit are in one readable region,
 * and have no contents. */
bool fz_case_zeros(const struct fz_case *w, uint64_t pa, uint64_t bytes);

/* fz_case_entry reads one entry as the oracle would; false: refused. */
bool fz_case_entry(const struct fz_case *w, uint64_t pa, uint64_t *raw);

/* Whether any region has one of so many bytes at pa. */
bool fz_case_touches(const struct fz_case *w, uint64_t pa, uint64_t bytes);

uint64_t fz_random(uint64_t *state);

/* Little-endian numbers of 4 and 8 bytes, each by one load. */
static inline uint64_t fz_get4(const uint8_t *b)
{
    uint32_t v;

    memcpy(&v, b, sizeof v);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
}

static inline uint64_t fz_get8(const uint8_t *b)
{
    uint64_t v;

    memcpy(&v, b, sizeof v);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(v) : v;
}

/* A hash over every item of every walk, of the input that ran last: the same
 * on any host. */
extern uint64_t fz_digest;
void fz_note(uint64_t value);

/* What inputs have done so far, added up: of one after the other, it says whether
 * they do anything. */
struct fz_seen {
    uint64_t leaves;  /* items of walks */
    uint64_t aliases; /* the same */
    uint64_t edits;
    uint64_t done;   /* of these, with PTW_OK */
    uint64_t traded; /* of these, by which tables were taken or given back */
};
extern struct fz_seen fz_seen;

/* Everything is checked of every input; set by the replay program.  Else, one
 * input of 16 is checked so, and of the others some is left out: a fuzzer tries
 * an input in many variations.  Which ones those are, the input says. */
extern bool fz_thorough;

/* The properties. */
void fz_walk(const uint8_t *data, size_t len);
void fz_translate(const uint8_t *data, size_t len);
void fz_shifting(const uint8_t *data, size_t len);
void fz_regions(const uint8_t *data, size_t len);
void fz_registers(const uint8_t *data, size_t len);
void fz_decode(const uint8_t *data, size_t len);
void fz_absent(const uint8_t *data, size_t len);
void fz_edit(const uint8_t *data, size_t len);
void fz_move(const uint8_t *data, size_t len);
void fz_space_map(const uint8_t *data, size_t len);
void fz_link(const uint8_t *data, size_t len);
void fz_compact(const uint8_t *data, size_t len);
void fz_verify(const uint8_t *data, size_t len);

/* fz_describe prints in words what an input describes, and its walk; with
 * tables as for fz_case_read. */
void fz_describe(FILE *to, bool tables, const uint8_t *data, size_t len);

/* fz_describe_compact prints the options of a rebuild, and then the same. */
void fz_describe_compact(FILE *to, const uint8_t *data, size_t len);

/* Where a run tells what it does, or NULL.  fz_say prints there, at once: what
 * comes last is what went wrong. */
extern FILE *fz_words;
void fz_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parts of fz_describe, for targets that tell what they do.  memory says how
 * it is offered, if not as the case has it. */
void fz_say_case(const struct fz_case *w, const char *memory);
void fz_say_rights(unsigned rights);
void fz_say_item(const struct ptw_regime *r, const struct ptw_item *item);
void fz_say_walk(const struct fz_case *w, const struct ptw_mem *mem,
                 const struct ptw_root *root, unsigned roots,
                 const struct ptw_walk_options *o, uint64_t seed);

/* A target: what a fuzz_*.c file defines, for the replay program.  Without
 * describe, run says what it does. */
struct fz_target {
    const char *name;
    void (*run)(const uint8_t *data, size_t len);
    void (*describe)(FILE *to, const uint8_t *data, size_t len); /* or NULL */
};

extern const struct fz_target fz_target;

/* fz_run runs one input through the target. */
void fz_run(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What libFuzzer looks for, and what it has for it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
                                 const uint8_t *b, size_t b_size, uint8_t *out,
                                 size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
    __attribute__((weak));

/* FZ_TARGET defines one.  libFuzzer calls these functions, and any engine the
 * first one. */
#define FZ_TARGET(name, run_, describe_)                                       \
    const struct fz_target fz_target = {#name, run_, describe_};               \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)                \
    {                                                                          \
        fz_run(data, len);                                                     \
        return 0;                                                              \
    }                                                                          \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,    \
                                   unsigned seed)                              \
    {                                                                          \
        return fz_mutate(#name, data, size, most, seed, LLVMFuzzerMutate);     \
    }                                                                          \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,          \
                                     const uint8_t *b, size_t b_size,          \
                                     uint8_t *out, size_t most, unsigned seed) \
    {                                                                          \
        return fz_cross_over(a, a_size, b, b_size, out, most, seed);           \
    }                                                                          \
    _Static_assert(sizeof(#name) > 1, "a target has a name")

#endif
