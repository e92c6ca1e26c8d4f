/* SPDX-License-Identifier: Apache-2.0 */
/* An emulator judges the library: random tables, questions about addresses, and
 * what both answer.  What a family of architectures has of its own is in a struct
 * court_family; here, nobody knows one. */
#ifndef PTW_TESTS_COURT_H
#define PTW_TESTS_COURT_H

#include "build_tables.h"
#include "emulator.h"

/* Where in a line of data to read, write and jump to.  What stands there is its own
 * physical address, a zero, and instructions that tell the address and trap.  Data
 * may come to be walked as tables: all of its entries are absent, and stay so. */
enum { LINE = 64, LINE_READ = 0, LINE_WRITE = 16 };

enum { COURT_FRAMES = 40, COURT_HOT = 6 };

/* Tables, from the manual: what one level after the other does with an address. */
struct court_shape {
    unsigned levels;
    unsigned entry_bytes;
    unsigned page_log2;
    unsigned shift[PTW_MAX_LEVELS]; /* from the leaves up */
    unsigned bits[PTW_MAX_LEVELS];
    unsigned va_bits;
    bool sign_extended; /* else the bits above are those of `above` */
    uint64_t above;
    bool kept;           /* an entry of the root is the guest's own, and */
    unsigned kept_index; /* lies there */
    uint64_t kept_entry;
    uint64_t never;    /* bits that entries never have */
    bool above_counts; /* the rights of a path don't say all of those above */
    bool tagged;       /* bits 63:56 of an address mean nothing */
};

/* What the library says of a question. */
enum court_answer {
    COURT_PASSES,
    COURT_ABSENT,
    COURT_BAD,
    COURT_REFUSED, /* no memory where a table is to be */
    COURT_OUTSIDE, /* not canonical */
    COURT_FORBIDDEN,
    COURT_ANSWERS
};

struct court_verdict {
    enum court_answer answer;
    uint64_t pa;    /* PASSES */
    unsigned level; /* of the entry that says so */
    uint64_t raw;
    unsigned rights; /* of the path */
    unsigned above;  /* of the path, without the entry */
};

/* What lies at a physical address. */
enum court_place { COURT_DATA, COURT_RAM, COURT_NOWHERE, COURT_DEVICE };

struct court;

struct court_family {
    const char *name;
    const struct emulator_board *boards;
    unsigned n_boards;
    unsigned rounds; /* of fresh tables, on each board */
    bool all_mapped; /* no address is outside of what tables map */

    /* Chooses a mode: the shape, the registers in the mailbox, the regime, and
     * where the root lies in the first frame.  False: why says what is wrong. */
    bool (*set)(struct court *c);

    /* What else the naive walker has to know of the mode. */
    void (*oracle)(const struct court *c, struct oracle_mode *mode);

    /* Entries of a table of that level, most of them sensible, with one bit wrong,
     * and the same for the guest's page. */
    uint64_t (*leaf)(struct court *c, unsigned level, uint64_t pa);
    uint64_t (*reference)(struct court *c, unsigned level, uint64_t pa);
    uint64_t (*spoilt)(struct court *c, unsigned level, uint64_t entry);

    /* Whether an entry of any level can lead to a table, and where. */
    bool (*leads)(const struct court *c, uint64_t entry, uint64_t *pa);

    /* One leaf in how many entries, above the lowest level. */
    unsigned (*leaf_in)(const struct court *c, unsigned level);

    /* A place where nothing is, and what is where. */
    uint64_t (*nowhere)(struct court *c);
    enum court_place (*place)(uint64_t pa);

    /* The instructions of a line, and where in it they stand. */
    unsigned run_at;
    void (*instructions)(uint8_t *at, uint64_t pa);

    /* Chooses how to access, and says so to the library. */
    void (*question)(struct court *c, struct qemu_question *q);
    struct ptw_access (*access)(const struct court *c,
                                const struct qemu_question *q);

    /* The address that is translated: without a tag.  NULL: any is. */
    uint64_t (*plain)(const struct court *c, const struct qemu_question *q);

    /* A question that may be asked although it reaches a device, or that writes
     * or runs what is not data: made a harmless one; false: there is none. */
    bool (*harmless)(struct court *c, struct qemu_question *q);

    /* Why a question is not asked; NULL: it is. */
    const char *(*unasked)(const struct court *c,
                           const struct court_verdict *v);

    /* Whether the emulator is known to differ from the manual there. */
    const char *(*excused)(const struct court *c, const struct qemu_question *q,
                           const struct court_verdict *v);

    bool (*agrees)(const struct court *c, const struct qemu_question *q,
                   const struct court_verdict *v);
};

struct court {
    const struct court_family *family;
    unsigned board;
    struct emulator e;
    struct dice dice;
    struct court_shape shape;
    uint64_t root_at; /* in the first frame */
    uint64_t hot[PTW_MAX_LEVELS][COURT_HOT];
    struct ptw_mem mem;
    struct ptw_regime regime;
    struct ptw_root root;
    struct oracle_mode oracle;
    unsigned round;
    char mode[200];  /* in words */
    uint64_t own[4]; /* the family's */
};

extern const struct court_family court_riscv64, court_riscv32, court_aarch64;

/* The address of frame i for tables. */
uint64_t court_frame(const struct court *c, unsigned i);

#endif
