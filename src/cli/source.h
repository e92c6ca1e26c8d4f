/* SPDX-License-Identifier: Apache-2.0 */
/* The file of an image: open, told by its contents, and read as far as it says
 * where memory lies and what the machine was. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli.h"
#include "dump.h"
#include "parts.h"

struct manifest;
struct pages;

struct source {
    const char *name;
    int file;     /* -1: it can't be opened, */
    int error;    /* because of that */
    int fd;       /* the same, or what was unpacked from it */
    char *beside; /* the name of another file that fd is, and is not unpacked */
    uint64_t bytes;
    bool is_container;
    struct container container;
    char inside[CONTAINER_NAME + 8]; /* ", compressed by gzip": the file was */
    bool opened; /* as such: dump says the rest, or why it can't be */
    struct dump dump;
    int made;            /* a file of the tables that dump.made has, or -1 */
    struct pages *pages; /* NULL: memory lies in fd as it is, else here */
    struct parts parts;  /* what has the memory */
    struct source **of;  /* of these files, if not of this one */
    char **names;        /* of theirs, which a layout gave them, or NULL */
    size_t files;
    uint64_t line; /* of a layout or a manifest, in which something is wrong;
                      0: in all */
    struct manifest *manifest; /* that it is, or NULL */
};

/* A file that is memory from pa on. */
struct placed_file {
    uint64_t pa;
    const char *name;
};

/* What is compressed, or in another order, is unpacked: fd is then that. */

/* source_open opens the file of that name, which lives as long as the source,
 * and does not complain: source_check does.  raw: it is memory, whatever it
 * looks like. */
struct source *source_open(const char *name, bool raw, enum holes_are holes);

/* source_open_files does so for several files of raw memory, which may be packed,
 * as the values of that option; of those that are not, or overlap, source_check says so. */
struct source *source_open_files(const char *option,
                                 const struct placed_file *file, size_t files,
                                 bool raw, enum holes_are holes);

/* source_each_file calls each(fd, name) for all files that are open, which no
 * output may replace. */
void source_each_file(const struct source *s,
                      void (*each)(int fd, const char *name));

/* source_each_memory calls each(context, fd, name) for those that have the memory, as
 * they lie on the disk: not for a text that says which they are. */
void source_each_memory(const struct source *s,
                        void (*each)(void *context, int fd, const char *name),
                        void *context);

/* source_file_bytes returns the size of a file; it ends the command, saying so,
 * where that can't be an image. */
uint64_t source_file_bytes(int fd, const char *name);

/* source_check ends the command when the file can't be opened, or is a
 * container that has no memory that could be read. */
void source_check(const struct source *s);

/* source_vouched returns the file whose digest the manifest has, which is open. */
const struct image_part *source_vouched(const struct source *s);

/* source_recognise says whether the bytes are those of a known container; false
 * in *read: they can't be read. */
bool source_recognise(const struct reader *r, struct container *found,
                      bool *read);

/* source_is_same says whether two sources are of one file. */
bool source_is_same(const struct source *a, const struct source *b);

void source_free(struct source *s);

#endif
