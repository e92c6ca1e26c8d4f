/* SPDX-License-Identifier: Apache-2.0 */
/* The files that an image is of, one behind the other: offsets of segments
 * count on through all of them. */
#ifndef CLI_PARTS_H
#define CLI_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_part {
    int fd; /* PART_OF_ZEROS: no file has it */
    const char *name;
    uint64_t start; /* the offset of its first byte */
    uint64_t bytes;
    bool as_given; /* the file is raw, and was not unpacked: whether its holes
                      are zeros it does not say */
};

enum { PART_OF_ZEROS = -1 };

struct parts {
    struct image_part *part; /* ascending */
    size_t count;
};

/* parts_add adds a file of that many bytes behind the others, and returns where
 * it starts: on a page of any host, and not where the one before it ends. */
uint64_t parts_add(struct parts *p, int fd, const char *name, uint64_t bytes);

/* parts_find returns the part that the offset is in; there is one. */
const struct image_part *parts_find(const struct parts *p, uint64_t offset);

void parts_free(struct parts *p);

#endif
