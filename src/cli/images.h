/* SPDX-License-Identifier: Apache-2.0 */
/* The images that a command line names: which arguments they are, their files,
 * and where memory lies in these. */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include "arguments.h"

/* images_name finds the images among the arguments that are no options; the
 * others are addresses. */
void images_name(struct arguments *a);

/* images_open opens their files.  What these say of themselves, or of each
 * other, stands in for what is not given. */
void images_open(struct arguments *a);

/* images_set_other makes the options of the second image, when the paging mode
 * and the roots of the first are known. */
void images_set_other(struct arguments *a);

#endif
