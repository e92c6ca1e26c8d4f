/* SPDX-License-Identifier: Apache-2.0 */
/* What manifests say, in place of arguments that are not given; and what these
 * have to say for one. */
#ifndef CLI_MANIFEST_OPTIONS_H
#define CLI_MANIFEST_OPTIONS_H

#include "arguments.h"
#include "source.h"

/* Each of these does nothing where the source is no manifest.  One that is wrong
 * ends the command. */

/* manifest_before_opening takes how the old image is to be opened from the
 * manifest of the new one. */
void manifest_before_opening(struct arguments *a, const struct source *made);

/* manifest_of_image takes what a manifest says of its own image: the paging mode,
 * and the roots. */
void manifest_of_image(struct arguments *a, const struct source *s);

/* manifest_of_made takes what that of the second image says of both: the paging
 * mode, the old roots and the new ones, the policy, and, where lies is set, where
 * the old image lies in its file. */
void manifest_of_made(struct arguments *a, const struct source *made,
                      bool lies);

/* manifest_check_mode ends the command when the second image's manifest says
 * another paging mode than the first image has, and no option says one. */
void manifest_check_mode(const struct arguments *a);

/* manifest_say_paging returns the lines of a manifest that say the paging mode of
 * these arguments, for free. */
char *manifest_say_paging(const struct arguments *a);

#endif
