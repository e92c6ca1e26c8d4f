/* SPDX-License-Identifier: Apache-2.0 */
/* What a container says: where memory lies in it, and what it knows of the
 * machine.  Those who parse a format fill it in; nothing here looks at one. */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "container.h"
#include "reader.h"
#include "segment.h"

/* The family of processors that a dump says it is of. */
enum dump_family {
    DUMP_UNKNOWN,
    DUMP_X86,
    DUMP_AARCH64,
    DUMP_RISCV,
    DUMP_FOREIGN /* one that ptwalk does not know */
};

/* The registers of a processor that say how it translates. */
struct dump_cpu {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    bool has_efer;
    uint64_t user_table; /* of a paravirtualised guest's users, or 0 */
    uint64_t upper;      /* the made table (below) that leads to CR3's, or 0 */
    const char *where;   /* what has them: "note QEMU", */
    uint64_t at;         /* and where in the file */
};

/* A table that a processor walked and the dump does not have: its first entries,
 * all others are 0. */
enum { MADE_ENTRIES = 4, MADE_BYTES = 4096 };

struct made_table {
    uint64_t pa;
    uint64_t entry[MADE_ENTRIES];
};

enum { DUMP_WHY = 256 };

struct dump {
    struct segment *segment; /* ascending, once it is in order */
    size_t segments;
    uint64_t missing; /* bytes of memory that it names and does not have, at
                       * most INT64_MAX: a header may name any number */
    struct segment *left_out; /* on purpose, of these: offsets mean nothing */
    size_t left_outs;
    struct segment
        *lacking; /* that a file which was cut off lists, ascending */
    size_t lackings;
    struct made_table *made; /* ascending, one behind the other: tables that
                              * walks find there, and no memory */
    size_t mades;

    enum dump_family family;
    bool long_mode;       /* x86: the processor was in it, */
    bool long_mode_known; /* or not, */
    bool pae;             /* but in PAE paging: where a root says no mode, or
                           * of a paravirtualised guest of 32 bits, Xen is */
    bool paravirtual;     /* x86: CR3 of its processors is a table's address,
                           * and the others say nothing of the mode */
    struct dump_cpu *cpu; /* those whose registers are known */
    size_t cpus;
    size_t threads;   /* processors whose general registers there are */
    bool process;     /* it has a list of the files that a process had mapped */
    char *vmcoreinfo; /* what Linux says of itself, or NULL: */
    uint64_t vmcoreinfo_at;
    bool has_root; /* the root that the system's own dump names: */
    uint64_t root;

    char why[DUMP_WHY];    /* it can't be opened */
    char remark[DUMP_WHY]; /* it can, but */
};

/* dump_add adds memory of `bytes` bytes at pa, which lies at `offset` of the
 * file.  Of none, it does nothing.  What goes beyond the last address is cut
 * off, and said to be. */
void dump_add(struct dump *d, uint64_t pa, uint64_t bytes, uint64_t offset);

/* dump_miss counts memory that it names and does not have. */
void dump_miss(struct dump *d, uint64_t bytes);

/* dump_leave_out adds memory that the machine had, and whoever made the dump
 * left out: it is missing, too. */
void dump_leave_out(struct dump *d, uint64_t pa, uint64_t bytes);

/* dump_lack adds memory that the dump lists and the file does not have, in
 * ascending order; dump_add_listed adds what is listed, but for that. */
void dump_lack(struct dump *d, uint64_t pa, uint64_t bytes);
void dump_add_listed(struct dump *d, uint64_t first, uint64_t last);

/* dump_make makes a table of those entries, once for each, and for each processor at
 * most one, where no segment is: in the last pages below 4 GiB where that is asked
 * for, else in those below 64 GiB or, if memory is there, further up.  A guest that maps
 * devices behind its memory does not lead there.  It returns the table's address, or 0:
 * there is no room for it. */
uint64_t dump_make(struct dump *d, const uint64_t entry[MADE_ENTRIES],
                   bool below_4g);

/* dump_add_cpu adds a processor. */
void dump_add_cpu(struct dump *d, const struct dump_cpu *cpu);

/* dump_order puts the segments in order.  Of two that have the same addresses,
 * the one that was added first has them.  What goes on in memory and in the
 * file becomes one. */
void dump_order(struct dump *d);

/* dump_order_once does so where no address should be there twice, and says so if
 * one is. */
void dump_order_once(struct dump *d);

/* dump_refuse says why the file can't be opened, and returns false; dump_remark
 * says what its user has to know.  The first of each counts. */
bool dump_refuse(struct dump *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void dump_remark(struct dump *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* dump_vmcoreinfo finds the line KEY=VALUE of what Linux says; false when there
 * is none.  A value is a number of that base. */
bool dump_vmcoreinfo(const struct dump *d, const char *key, unsigned base,
                     uint64_t *out);

/* dump_vmcoreinfo_text does so for a text, of which it copies what fits, as
 * plain text: see plain.h. */
bool dump_vmcoreinfo_text(const struct dump *d, const char *key, char *out,
                          size_t room);

void dump_free(struct dump *d);

#endif
