/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LIME_H
#define CLI_LIME_H

#include "dump.h"
#include "spool.h"

/* lime_read reads the ranges of a LiME file.  false: d->why. */
bool lime_read(const struct reader *r, struct dump *d);

/* Unpacks a chunk of snappy's; false when it is none, or more than *bytes. */
typedef bool (*avml_unpack)(const unsigned char *from, size_t from_bytes,
                            unsigned char *to, size_t *bytes);

/* avml_read reads the blocks of an AVML file, and puts their memory into the
 * spool, one behind the other.  ahead, when it is not NULL, is called now and
 * then.  false: d->why, or s->why. */
bool avml_read(const struct reader *r, avml_unpack unpack, struct spool *s,
               void (*ahead)(void *context), void *context, struct dump *d);

#endif
