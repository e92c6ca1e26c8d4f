/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of a file: libcrypto's, where the command is built with it. */
#ifndef CLI_DIGEST_H
#define CLI_DIGEST_H

#include "cli.h"

enum { DIGEST_BYTES = 32, DIGEST_TEXT = 2 * DIGEST_BYTES + 1 };

/* digest_needed ends the command when this build has no digests; `what` is what
 * asks for one. */
void digest_needed(const char *what);

/* digest_of reads the first `bytes` bytes of a file, from its beginning on.  It
 * does not return when they can't be read. */
void digest_of(const struct options *o, int fd, const char *name,
               uint64_t bytes, unsigned char digest[DIGEST_BYTES]);

/* digest_text writes it as hexadecimal digits. */
void digest_text(const unsigned char digest[DIGEST_BYTES],
                 char text[DIGEST_TEXT]);

#endif
