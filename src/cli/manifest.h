/* SPDX-License-Identifier: Apache-2.0 */
/* What compact made, and of what, as a text: docs/formats.md, "Manifests". */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "layout.h"
#include "root_list.h"

enum { MANIFEST_FORMAT = 1, MANIFEST_DIGEST = 32, MANIFEST_CERTIFICATE = 32 };

/* What an option of the command is about. */
enum manifest_group {
    MANIFEST_PAGING, /* of both images */
    MANIFEST_POLICY, /* of the rebuild */
    MANIFEST_OLD,    /* where the old image lies in its file */
    MANIFEST_GROUPS
};

/* An option that a manifest may say, by its long name. */
struct manifest_word {
    const char *name;
    enum manifest_group group;
    bool has_value;
    bool repeatable;
};

/* All of them; the last one has no name. */
extern const struct manifest_word manifest_words[];

/* manifest_group_name returns what a line of that group begins with. */
const char *manifest_group_name(enum manifest_group group);

struct manifest_option {
    const struct manifest_word *word;
    char *value; /* "" where it has none */
    uint64_t line;
};

struct manifest_root {
    struct root_entry made; /* its label is that of both */
    struct root_entry old;
    uint64_t line;
};

/* A file of the old image. */
struct manifest_old {
    unsigned char sha256[MANIFEST_DIGEST];
};

struct manifest {
    struct layout layout; /* of one file; its lines are those of the text */
    uint64_t bytes;       /* of that file */
    unsigned char sha256[MANIFEST_DIGEST];
    char certificate[MANIFEST_CERTIFICATE + 1]; /* "": it has none */
    struct manifest_option *option;             /* as they stand */
    size_t options;
    struct manifest_root *root; /* as they stand */
    size_t roots;
    struct manifest_old
        *old; /* the files that it was made of; they need not be */
    size_t olds;
    const char *path; /* of that file, or NULL */
    uint64_t format;  /* 0: not said */
    bool has_bytes;
    bool has_sha256;
};

/* manifest_read reads a text, whatever it begins with.  false:
 * m->layout.lines.line and m->layout.lines.why. */
bool manifest_read(const struct reader *r, struct manifest *m);

void manifest_free(struct manifest *m);

#endif
