/* SPDX-License-Identifier: Apache-2.0 */
/* The image: a file, as physical memory. */
#ifndef CLI_IMAGE_H
#define CLI_IMAGE_H

#include "cli.h"

struct page_cache;

struct image {
    struct ptw_mem mem;
    int fd;
    uint64_t bytes; /* of the file */
    struct segment *segment;
    struct ptw_region *region;
    void **map; /* what was mapped for each segment, or NULL */
    size_t *map_bytes;
    size_t segments;
    struct page_cache *cache;
};

/* image_open opens the file that the options name; it does not return when
 * that fails.  The image is mapped where it can be, else read in pages. */
void image_open(struct image *im, const struct options *o);
void image_close(struct image *im);

/* image_root says whether the root of that index can be the top of a space:
 * PTW_OK, PTW_E_ALIGN, PTW_E_WIDTH, or PTW_E_BUS when all of it lies outside
 * the image. */
PTW_NODISCARD enum ptw_status
image_root(const struct image *im, const struct options *o, uint32_t index);

/* image_read_error returns errno of the first read that failed, and where; 0
 * when none did.  ENODATA: the file ended. */
int image_read_error(const struct image *im, uint64_t *offset);

#endif
