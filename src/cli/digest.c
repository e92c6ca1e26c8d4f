/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef PTW_HAVE_CRYPTO
#include <openssl/evp.h>

enum { BUFFER = 1 << 20 };

void digest_needed(const char *what)
{
    (void)what;
}

PTW_NORETURN static void die_of_crypto(void)
{
    die(CLI_UNREAD, "SHA-256", "libcrypto has none, or no memory for it");
}

/* Reads what comes next, some of it. */
static size_t read_some(int fd, const char *name, uint64_t at, uint64_t bytes,
                        unsigned char *buffer)
{
    size_t most = bytes < BUFFER ? (size_t)bytes : BUFFER;
    ssize_t n;

    do {
        n = pread(fd, buffer, most, (off_t)at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        die(CLI_UNREAD, name, "reading for its digest failed: %s",
            strerror(errno));
    }
    if (n == 0) {
        die(CLI_UNREAD, name, "the file has become shorter");
    }
    return (size_t)n;
}

void digest_of(const struct options *o, int fd, const char *name,
               uint64_t bytes, unsigned char digest[DIGEST_BYTES])
{
    static const char step[] = "reading for the digest";
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char *buffer = must(malloc(BUFFER));
    unsigned got = 0;

    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        die_of_crypto();
    }
    progress_step(o, step, 0, bytes);
    for (uint64_t at = 0; at < bytes;) {
        size_t n = read_some(fd, name, at, bytes - at, buffer);

        if (EVP_DigestUpdate(md, buffer, n) != 1) {
            die_of_crypto();
        }
        at += n;
        progress_step(o, step, at, bytes);
    }
    if (EVP_DigestFinal_ex(md, digest, &got) != 1 || got != DIGEST_BYTES) {
        die_of_crypto();
    }
    free(buffer);
    EVP_MD_CTX_free(md);
}

#else

void digest_needed(const char *what)
{
    die(CLI_USAGE, what,
        "this ptwalk was built without libcrypto, which "
        "SHA-256 comes from");
}

void digest_of(const struct options *o, int fd, const char *name,
               uint64_t bytes, unsigned char digest[DIGEST_BYTES])
{
    (void)o;
    (void)fd;
    (void)bytes;
    (void)digest;
    die(CLI_UNREAD, name,
        "its digest can't be checked: this ptwalk was built without "
        "libcrypto; --no-digest opens it all the same");
}

#endif

void digest_text(const unsigned char digest[DIGEST_BYTES],
                 char text[DIGEST_TEXT])
{
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        (void)snprintf(text + 2 * i, DIGEST_TEXT - 2 * i, "%02x", digest[i]);
    }
}
