/* SPDX-License-Identifier: Apache-2.0 */
/* The image: a file, as physical memory. */
#ifndef CLI_IMAGE_H
#define CLI_IMAGE_H

#include "cli.h"
#include "container.h"
#include "parts.h"

struct holes;
struct page_cache;

/* A part of the file that is all data or all hole. */
struct extent {
    uint64_t first;
    uint64_t last; /* 0: none is known yet */
    bool hole;
};

struct image_map {
    void *start;
    size_t bytes;
};

/* What is done with the pages, for whoever waits. */
struct image_watch {
    const struct options *o; /* NULL: nobody does */
    const char *what;
    uint64_t done;
    uint64_t total;
};

/* mem refers to the image, which stays where it is. */
struct image {
    struct ptw_mem mem;
    const char *name;
    struct parts parts; /* what has the memory */
    bool owned;         /* they are closed with the image */
    struct segment *segment;
    uint64_t *before; /* for each segment, the bytes of those below it */
    size_t segments;
    struct segment made;       /* of these, tables that are no memory */
    struct ptw_region *region; /* segments, which holes cut */
    size_t regions;
    struct holes *holes;   /* that may be zeros; NULL: none, or they are */
    struct image_map *map; /* what is mapped of the file */
    size_t maps;
    struct page_cache *cache;
    struct extent extent; /* of the last page that the library asked about */
    struct image_watch *watch;
};

/* image_open makes memory of the file that the options name, which is
 * their source; it does not return when that fails.  The image is mapped where it can be, else read in pages.  A
 * known container is refused, unless the options say that it is raw or where in
 * it memory lies. */
void image_open(struct image *im, const struct options *o);
void image_close(struct image *im);

/* image_open_fd is image_open for a file that is open already, as fd, which is
 * the image's from now on; the options' name for it is only said, and what it
 * looks like is not asked. */
void image_open_fd(struct image *im, const struct options *o, int fd);

/* image_container says whether the file looks like a known container. */
bool image_container(const struct image *im, const char *name,
                     struct container *found);

/* image_outside returns how many of the `bytes` bytes (not 0) of physical
 * memory from pa on the image does not have. */
uint64_t image_outside(const struct image *im, ptw_pa pa, uint64_t bytes);

/* image_read_error returns errno of the first read that failed, and where; 0
 * when none did.  ENODATA: the file ended. */
int image_read_error(const struct image *im, uint64_t *offset);

/* image_read_error_text writes how reading failed, and where, to room for
 * IMAGE_WHY characters; false when it did not. */
enum { IMAGE_WHY = 256 };
bool image_read_error_text(const struct image *im, char *why, size_t room);

/* image_report_read_error says in one line that reading the image failed, when
 * it did, and returns the status that follows from it. */
enum cli_status image_report_read_error(const struct options *o,
                                        const struct image *im);

/* image_is_made says whether a segment has tables that are made, and are no memory:
 * walks find them, and nothing else counts them. */
bool image_is_made(const struct image *im, const struct segment *s);

/* image_memory returns how many bytes of physical memory there are. */
uint64_t image_memory(const struct image *im);

/* image_watch shows progress from here on: the library reads pages of this image,
 * at most `total` bytes of them.  image_watch_end: no more. */
void image_watch(const struct image *im, const struct options *o,
                 const char *what, uint64_t total);
void image_watch_end(const struct image *im);

/* image_in_order says that most of it is going to be read, in order. */
void image_in_order(const struct image *im);

/* image_page returns the bytes of the page at pa, which may have been read into
 * room; NULL when they are not all there, or can't be read. */
const void *image_page(const struct image *im, ptw_pa pa,
                       uint64_t room[PAGE_BYTES / 8]);

/* image_hole says whether the page at pa has never been written, and is all
 * zeros.  *e keeps what is found out, from one call to the next. */
bool image_hole(const struct image *im, ptw_pa pa, struct extent *e);

/* image_doubtful says whether pa lies in a hole of a file of which nobody knows
 * whether its holes are zeros.  They are taken for that. */
bool image_doubtful(const struct image *im, ptw_pa pa);

/* image_holes says whether tables were read there, and the address of the first
 * one.  image_report_holes says so in one line.  image_excuse_hole: not because of the table of `bytes` bytes at pa. */
bool image_holes(const struct image *im, uint64_t *pa);
void image_report_holes(const struct image *im);
void image_excuse_hole(const struct image *im, ptw_pa pa, uint64_t bytes);

/* image_copies_tables says that from here on tables are read as a whole, and
 * pages by image_page alone. */
void image_copies_tables(const struct image *im);

#endif
