/* SPDX-License-Identifier: Apache-2.0 */
/* The paging mode and the roots that a dump says, or lets one conclude. */
#ifndef CLI_FACTS_H
#define CLI_FACTS_H

#include "arguments.h"
#include "dump.h"

/* A root, as the register that has it. */
struct fact_root {
    uint64_t value;
    enum option_id id; /* OPT_CR3 ... */
    char label[48];    /* whose it is */
};

/* What nothing in the file says, and the options that would. */
struct assumption {
    const char *text; /* for people */
    enum option_id option[2];
};

enum { ASSUMPTIONS = 4, DOUBTS = 8 };

/* What VMCOREINFO says that can't be, and the options that say better. */
struct doubt {
    char text[96];
    enum option_id option[2];
    bool answered; /* by one of these */
};

struct facts {
    enum dump_family family; /* DUMP_UNKNOWN: nothing is known */
    char from[96];           /* what says so */
    bool has_registers;      /* x86: these, or the name of a mode */
    struct ptw_x86_registers regs;
    size_t first; /* the processor that has them */
    char regime[32];
    unsigned xlen; /* of a satp, where it is not 64 */
    uint64_t flag_bits;
    struct assumption assumption[ASSUMPTIONS];
    size_t assumptions;
    char assumed[160]; /* of these, those that no option says */
    struct fact_root *root;
    uint32_t roots;
    uint32_t folded;     /* processors whose root is another one's, too */
    uint32_t other;      /* processors whose mode is another one, or off: */
    char left_out[1024]; /* "CPU 1 (paging is off)"; any numbers have room */
    char differ[1024];   /* "CPU 1 (EFER.NXE)": of those in the same mode */
    struct doubt doubt[DOUBTS];
    size_t doubts;
    bool impossible; /* no machine has what says the mode */
};

/* facts_find concludes what it can. */
void facts_find(const struct dump *d, struct facts *f);

/* facts_registers returns the registers of a processor that select its mode, with
 * EFER as it is assumed to be where the dump has none. */
struct ptw_x86_registers facts_registers(const struct dump *d,
                                         const struct dump_cpu *cpu);

/* facts_is_walked says whether processor i translates in the paging mode of the
 * first one that does. */
bool facts_is_walked(const struct dump *d, const struct facts *f, size_t i);

/* facts_assume writes f->assumed; a may be NULL: no option is given. */
void facts_assume(struct facts *f, const struct arguments *a);

/* facts_apply takes what is missing among the arguments from there, as if it
 * had been given; what these say is neither the file's nor assumed.  It reports
 * processors that are left out, and those whose registers say other rules.  Where
 * the file says a mode that can't be, and no option another one, it ends the
 * command; one that needs no mode has none then, and the reason is reported. */
void facts_apply(struct facts *f, struct arguments *a);

/* facts_apply_to_other takes the roots that the second of two images says itself,
 * where those of the first one come from its file.  Where no option says the mode,
 * it ends the command if the second one says another mode, or one that can't be, and
 * reports what of it has other rules. */
void facts_apply_to_other(struct arguments *a);

/* facts_end_in_doubt ends the command where the file does not say the mode since
 * a number of it can't be: in place of an error that asks for the mode. */
void facts_end_in_doubt(const struct facts *f, const char *image);

/* facts_report_left_out reports the processors in other modes. */
void facts_report_left_out(const struct facts *f, const char *image);

/* facts_report_doubts reports what is in doubt and no option says. */
void facts_report_doubts(const struct facts *f, const char *image);

/* facts_are_unread says whether the file says a mode, and none that can be. */
bool facts_are_unread(const struct facts *f);

/* facts_print prints for people, in a line, what the roots are that the file
 * itself gave, and what was assumed. */
void facts_print(const struct options *o);

void facts_free(struct facts *f);

#endif
