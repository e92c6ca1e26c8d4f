/* SPDX-License-Identifier: Apache-2.0 */
/* What compact and verify have in common: the comparison of two images by the
 * library, and what is printed of it. */
#ifndef CLI_PROOF_H
#define CLI_PROOF_H

#include "image.h"
#include "json.h"

/* die_of_nothing_kept says that nothing is kept: of the range, which was
 * checked, all that tables can map is left out. */
PTW_NORETURN void die_of_nothing_kept(const struct options *o);

/* proof_run compares an image with what was rebuilt of it; o are the options of
 * the first, those of the second differ in image, roots and layout.  Returns
 * PTW_OK, PTW_DIFFERENT or PTW_E_LIMIT. */
enum ptw_status proof_run(struct ptw_verify *v, const struct options *o,
                          const struct image *im, const struct options *rebuilt,
                          const struct image *rebuilt_im);

/* proof_end frees what a comparison needed. */
void proof_end(struct ptw_verify *v);

/* proof_digest writes the digest of a certificate, as it is printed. */
enum { PROOF_DIGEST = 33 };
void proof_digest(const struct ptw_certificate *c, char text[PROOF_DIGEST]);

/* proof_print prints the certificate. */
void proof_print(const struct options *o, const struct ptw_certificate *c);

/* proof_limit says in one line that the limit on reads was reached, and returns
 * the status that follows from it. */
enum cli_status proof_limit(const struct options *o);

/* proof_difference writes what differs, as it is printed, without a line feed.
 */
enum { DIFFERENCE_BYTES = 256 };
void proof_difference(const struct ptw_difference *d,
                      char text[DIFFERENCE_BYTES]);

/* print_count prints "name value", or sets it in the object unless that is
 * NULL, with underscores for dashes. */
void print_count(json_t *object, const char *name, uint64_t value);

#endif
