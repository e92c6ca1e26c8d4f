/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a command as they are gathered: the names of options, and
 * the values that are given with them. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli.h"
#include "numbers.h"

#include <getopt.h>

enum option_id {
    OPT_REGIME = 256,
    OPT_ROOT,
    OPT_ROOTS,
    OPT_CR0,
    OPT_CR3,
    OPT_CR4,
    OPT_EFER,
    OPT_TTBR0,
    OPT_TTBR1,
    OPT_TCR,
    OPT_EL,
    OPT_MAIR,
    OPT_PAT,
    OPT_SCTLR,
    OPT_HCR,
    OPT_TCR2,
    OPT_PIR,
    OPT_PIRE0,
    OPT_SATP,
    OPT_XLEN,
    OPT_NO_SVNAPOT,
    OPT_NO_SVPBMT,
    OPT_ZICFISS,
    OPT_ADUE,
    OPT_PA_BITS,
    OPT_FLAG_BIT,
    OPT_VENDOR,
    OPT_NO_1G,
    OPT_NO_NX,
    OPT_NO_PSE,
    OPT_NO_WP,
    OPT_CET,
    OPT_BASE,
    OPT_SEGMENT,
    OPT_FILE,
    OPT_RANGE,
    OPT_LIMIT,
    OPT_READS,
    OPT_FINDINGS,
    OPT_WRITABLE,
    OPT_EXEC,
    OPT_USER,
    OPT_WX,
    OPT_GLOBAL,
    OPT_MEMORY_TYPE,
    OPT_ATTRIBUTES,
    OPT_SIZE,
    OPT_PA,
    OPT_ALL,
    OPT_FOLD,
    OPT_JOBS,
    OPT_OUTPUT,
    OPT_FORCE,
    OPT_ALLOW_EMPTY,
    OPT_PAGE_MAP,
    OPT_MAX_BYTES,
    OPT_MAP,
    OPT_LEAVE_OUT,
    OPT_COPY_ON_WRITE,
    OPT_COPY_SHARED,
    OPT_SPLIT,
    OPT_MERGE,
    OPT_ZEROS,
    OPT_ABSENT,
    OPT_MARKED,
    OPT_NEW_ROOT,
    OPT_NEW_ROOTS,
    OPT_NEW_CR3,
    OPT_NEW_TTBR0,
    OPT_NEW_TTBR1,
    OPT_NEW_SATP,
    OPT_NEW_BASE,
    OPT_TABLES_BASE,
    OPT_NEW_SEGMENT,
    OPT_NEW_LAYOUT,
    OPT_NEW_FILE,
    OPT_MANIFEST,
    OPT_NO_DIGEST,
    OPT_NO_MMAP,
    OPT_RAW,
    OPT_COLOR,
    OPT_HOLES,
    OPT_JSON,
    OPT_HELP,
    OPT_END,
};

/* The long options, for getopt_long; their values are those of the enum. */
extern const struct option long_options[];

struct placed_file;

/* What is said about one image. */
struct image_arguments {
    const char *name;
    struct placed_file *file; /* it is of some, or of that name */
    size_t files;
    struct source *source; /* of the second, until it has options */
    struct ptw_root *root;
    enum option_id *given; /* for each root: the option, */
    char **label;          /* and what it is called; NULL: nothing */
    uint32_t roots;
    struct segment *segment;
    size_t segments;
    uint64_t base;
    bool has_base;
};

/* What is gathered before it can be checked as a whole. */
struct arguments {
    const struct command *command;
    const char *subject; /* what an error is about: the command, or a file */
    struct options *o;
    /* Takes an option that a file says, with its value, which lives as long as
     * the options. */
    void (*take)(struct arguments *a, enum option_id id, char *value);
    bool given[OPT_END - OPT_REGIME];
    const char *regime;
    struct ptw_x86_registers regs;
    struct ptw_aarch64_registers arm;
    struct ptw_cpu cpu; /* its pa_bits counts if --pa-bits is given */
    unsigned without;   /* sets of enum ptw_x86_feature */
    unsigned with;
    unsigned riscv_without; /* sets of enum ptw_riscv_feature */
    unsigned riscv_with;
    unsigned xlen;
    bool has_satp; /* it selects the mode, and is no root: */
    uint64_t satp;
    const struct arguments *alone; /* what options say, and no file; it has
                                    * neither images nor roots */
    const char *paging_from;       /* the manifest that says it, or NULL */
    const char *mode_from; /* what in a dump says the mode, as far as options
                              * do not, or NULL */
    struct image_arguments image;
    struct image_arguments other; /* the second one, or the one that is made */
    char **operand;               /* what is no option */
    size_t operands;
};

/* arguments_init begins with none, of a processor that has everything. */
void arguments_init(struct arguments *a, const struct command *command,
                    struct options *o);

/* image_arguments_free frees what is gathered of an image, with its roots; not its
 * source. */
void image_arguments_free(struct image_arguments *p);

/* labels_free frees what roots are called. */
void labels_free(char **label, uint32_t roots);

/* is_given says whether the option is given. */
bool is_given(const struct arguments *a, enum option_id id);

/* option_name returns the name of a long option, without its dashes. */
const char *option_name(int id);

/* is_hex reads a whole string as parse_hex does. */
bool is_hex(const char *text, uint64_t *out);

enum range_kind {
    RANGE_NONE, /* it is none */
    RANGE_GIVEN,
    RANGE_BACKWARDS, /* it ends before it starts */
    RANGE_BEYOND,    /* it goes beyond the last address */
    RANGE_EMPTY      /* it has no length */
};

/* parse_range reads ADDR, FIRST-LAST or ADDR+LENGTH, all of [text, end). */
enum range_kind parse_range(const char *text, const char *end,
                            struct ptw_va_range *out);

/* The functions below read optarg, the value of the option of that id.  All but
 * parse_fields end the command when it is not such a value. */

uint64_t hex_value(const struct arguments *a, int id);
uint64_t decimal_value(const struct arguments *a, int id);

/* bytes_value reads a decimal number, perhaps with K, M, G or T behind it. */
uint64_t bytes_value(const struct arguments *a, int id);

/* range_value reads what parse_range does. */
struct ptw_va_range range_value(const struct arguments *a, int id);

/* parse_fields splits the value at colons: at most `room` hexadecimal numbers,
 * and whatever follows them.  Returns how many there are; NULL in *rest:
 * nothing follows. */
size_t parse_fields(uint64_t *field, size_t room, const char **rest);

/* whole_pages says whether the range starts and ends where pages of the paging
 * mode do; die_of_pages says that the value does not. */
bool whole_pages(const struct options *o, uint64_t first, uint64_t last);
PTW_NORETURN void die_of_pages(const struct arguments *a, int id,
                               const char *value);

#endif
