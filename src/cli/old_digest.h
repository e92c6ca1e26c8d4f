/* SPDX-License-Identifier: Apache-2.0 */
/* By which files a manifest knows the image that another one was made of. */
#ifndef CLI_OLD_DIGEST_H
#define CLI_OLD_DIGEST_H

#include "digest.h"

struct old_digest {
    const char *name; /* of the file, which the source keeps */
    unsigned char sha256[DIGEST_BYTES];
};

/* old_digests_of reads the files that have the memory of the image, and returns as
 * many digests, for free. */
struct old_digest *old_digests_of(const struct options *o, size_t *count);

/* old_digests_check ends the command when the second image is a manifest that was
 * written for another image than the first one, unless --no-digest is given. */
void old_digests_check(const struct options *o);

#endif
