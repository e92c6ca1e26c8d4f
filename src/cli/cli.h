/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the command share. */
#ifndef CLI_H
#define CLI_H

#include "segment.h"

#include "ptwalk/ptwalk.h"

/* Exit statuses.  When several apply, the highest one is given. */
enum cli_status {
    CLI_DONE = 0,
    CLI_NO = 1,     /* the answer is no, or not all of the answer was given */
    CLI_USAGE = 2,  /* something is wrong with the arguments */
    CLI_UNREAD = 3, /* the input can't be read, or the output not written */
};

static inline enum cli_status cli_worse(enum cli_status a, enum cli_status b)
{
    return a > b ? a : b;
}

/* What images are compared and mapped by: the smallest page of every mode. */
enum { PAGE_LOG2 = 12, PAGE_BYTES = 1 << PAGE_LOG2 };

enum { JOBS_MOST = 64 }; /* threads */

/* What is known of memory that the files of an image leave out. */
enum holes_are {
    HOLES_NOT_SAID, /* of raw files zeros, but say so; of dumps unknown */
    HOLES_ZERO,
    HOLES_UNKNOWN, /* it is not in the image */
};

struct facts;
struct source;

/* A root as it is given: as the option of that name, "root" or a register. */
struct given_root {
    const char *as;
    uint64_t value;
};

/* What the command line says, checked. */
struct options {
    const char *command;
    const char *image;
    struct source *source; /* its file, open, and what that says */
    struct facts *facts;   /* what the file says of paging */
    bool root_from_file;   /* the roots are the file's */
    bool has_mode;         /* the paging mode is known; else no command walks */
    struct ptw_regime regime; /* of all roots, but for those of TTBR1 */
    struct ptw_regime upper;  /* and of those, where there are others, too */
    bool has_mair;
    uint64_t mair; /* MAIR_ELx */
    bool has_pat;
    uint64_t
        pat; /* IA32_PAT; what it is after a reset, where it is not given */
    struct ptw_root *root;
    uint64_t *root_flags;     /* flag bits that each was given with */
    struct given_root *given; /* how each was given */
    char **root_label;        /* what each is called; NULL: nothing */
    uint32_t roots;
    struct segment *segment; /* ascending; none: the whole file, at base */
    size_t segments;
    uint64_t base;
    const char *range; /* as given, or NULL */
    ptw_va first;
    ptw_va last;
    uint64_t limit; /* leaves */
    uint64_t reads;
    uint64_t jobs;            /* threads; 0: as many as there are processors */
    struct ptw_va_range *ask; /* what is to be translated */
    size_t asked;
    bool adue; /* explain: the processor sets A and D */
    bool json;
    bool findings;
    unsigned need;           /* rights: only what grants all of them */
    bool executed;           /* only what some privilege may run */
    uint64_t size;           /* of leaves that are told; 0: of any */
    bool global;             /* only global leaves */
    const char *memory_type; /* as given, or NULL: only leaves of these: */
    unsigned memory_types;   /* a set of 1 << type */
    bool attributes;         /* leaves, maps: with memory types and global */
    bool has_pa;             /* only leaves that touch this physical memory: */
    uint64_t pa_first;
    uint64_t pa_last;
    bool fold; /* maps: what is there more than once is shown once */
    bool no_mmap;
    bool raw;                /* whatever it looks like */
    bool no_digest;          /* a manifest is believed */
    const char *certificate; /* what one says of what is compared, or NULL */
    enum holes_are holes;

    /* A rebuild. */
    const char *output;
    const char *page_map;
    const char *new_layout;
    const char *new_roots;
    const char *manifest;
    char
        *paging_said; /* for that: what was said of the paging mode, as lines */
    bool force;
    bool allow_empty;
    bool has_max_bytes;
    uint64_t max_bytes;
    uint64_t new_base;
    bool has_tables_base; /* else the new tables are behind the pages */
    uint64_t tables_base;
    unsigned policy; /* a set of enum ptw_rebuild_flag */
    bool has_marked; /* --marked: what the policy says of that was asked for */
    struct ptw_absent absent;
    const char *absent_text;        /* as given, or NULL */
    struct ptw_va_range *leave_out; /* ascending */
    size_t leave_outs;
    struct ptw_map_request *map;
    size_t maps;

    struct options *other; /* those of the second image, or NULL */
};

/* page_bytes returns the size of the smallest page of the paging mode, which is
 * known. */
static inline uint64_t page_bytes(const struct options *o)
{
    uint64_t bytes = ptw_page_size(&o->regime);

    return bytes > PAGE_BYTES ? bytes : PAGE_BYTES; /* paging may be off */
}

/* What a command takes besides the options that all of them take. */
enum takes {
    TAKES_RANGE = 1,    /* --range --reads */
    TAKES_LIMIT = 2,    /* --limit */
    TAKES_FINDINGS = 4, /* --findings */
    TAKES_ACCESS = 8,   /* --adue */
    TAKES_VAS = 16,     /* addresses */
    TAKES_POLICY = 32,  /* what a rebuild does or did: --merge and so on */
    TAKES_OUTPUT = 64,  /* -o and what goes with it */
    TAKES_OTHER = 128,  /* a second image, and where that is: --new-root ... */
    TAKES_JOBS = 256,   /* -j */
    TAKES_ANYTHING = 512,   /* a file of which the paging mode is not known */
    TAKES_FOLD = 1024,      /* --fold --all */
    TAKES_VA_RANGES = 2048, /* ranges of addresses, too */
    TAKES_FILTER = 4096,    /* --writable and so on */
    TAKES_ABSENT = 8192,    /* --absent */
    TAKES_WALK = TAKES_RANGE | TAKES_LIMIT,
};

struct image;

struct command {
    const char *name;
    unsigned takes; /* a set of enum takes */
    enum cli_status (*run)(const struct options *o, const struct image *im);
    const char *help; /* how it is called, and what it does */
    const char *what;
    const char *example; /* of its arguments */
};

enum cli_status info_run(const struct options *o, const struct image *im);
enum cli_status leaves_run(const struct options *o, const struct image *im);
enum cli_status maps_run(const struct options *o, const struct image *im);
enum cli_status spaces_run(const struct options *o, const struct image *im);
enum cli_status translate_run(const struct options *o, const struct image *im);
enum cli_status explain_run(const struct options *o, const struct image *im);
enum cli_status compact_run(const struct options *o, const struct image *im);
enum cli_status verify_run(const struct options *o, const struct image *im);
enum cli_status diff_run(const struct options *o, const struct image *im);

#endif
