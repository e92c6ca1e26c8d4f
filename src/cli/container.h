/* SPDX-License-Identifier: Apache-2.0 */
/* Files that have memory in them, or something else, in a format of their own.
 * They are told by their contents; one that is taken for raw memory gives wrong
 * answers with confidence. */
#ifndef CLI_CONTAINER_H
#define CLI_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of a file's beginning and end is looked at. */
enum { CONTAINER_HEAD = 65536, CONTAINER_TAIL = 512, CONTAINER_NAME = 64 };

/* The kinds whose memory is read; all others are refused. */
enum container_kind {
    CONTAINER_REFUSED,
    CONTAINER_ELF_CORE,
    CONTAINER_LIME,
    CONTAINER_AVML,
    CONTAINER_KDUMP,
    CONTAINER_FLATTENED,
    CONTAINER_GZIP,
    CONTAINER_ZSTD,
    CONTAINER_WINDOWS,
    CONTAINER_VMWARE,
    CONTAINER_LAYOUT,
    CONTAINER_MANIFEST,
};

/* The byte-order mark that some editors put in front of a text. */
#define UTF8_MARK "\xef\xbb\xbf"

/* What a layout begins with, and a manifest. */
#define LAYOUT_FIRST_LINE   "# ptwalk layout"
#define MANIFEST_FIRST_LINE "# ptwalk manifest"

struct container {
    char name[CONTAINER_NAME]; /* "an ELF core, 64-bit, little-endian" */
    enum container_kind kind;
    const char *advice; /* what to do with it */
    bool as_it_is;      /* memory lies in it in long parts, unchanged */
    uint64_t offset;    /* where its signature stands in the file */
    uint64_t bytes;
};

/* container_find says whether a file of file_bytes bytes is a known container,
 * and writes which.  head are its first bytes, tail its last ones: as many as
 * the file has, up to CONTAINER_HEAD and CONTAINER_TAIL. */
bool container_find(const unsigned char *head, const unsigned char *tail,
                    uint64_t file_bytes, struct container *out);

#endif
