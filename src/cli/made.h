/* SPDX-License-Identifier: Apache-2.0 */
/* What compact says of the image that it made, in files that are read again: the
 * layout, the list of roots, the manifest. */
#ifndef CLI_MADE_H
#define CLI_MADE_H

#include "old_digest.h"
#include "print.h"

enum { MADE_PARTS = 2 };

struct made {
    const struct options *o;
    const struct ptw_root *root; /* as many as there are old ones */
    struct segment part[MADE_PARTS];
    size_t parts;
    uint64_t bytes; /* for the manifest alone, from here on */
    unsigned char sha256[DIGEST_BYTES];
    const struct old_digest *old; /* of the image that it was made of */
    size_t olds;
    const uint64_t *certificate;
};

/* made_name returns what the new image is called in the file of that name, for
 * free; it ends the command when that can't be said there.  option is that which
 * the file is of. */
char *made_name(const struct options *o, const char *file, const char *option);

/* These write the text of such a file. */
void made_layout(const struct made *m, struct text *text);
void made_roots(const struct made *m, struct text *text);
void made_manifest(const struct made *m, struct text *text);

#endif
