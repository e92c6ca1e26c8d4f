/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole, or not at all, and all of them or none.  What is
 * written goes to a temporary file in the same directory, which takes the name
 * when all are whole; what had the name stays in the directory under another
 * one until the command has said what it did.  Whatever ends the command before
 * that, an error or a signal, removes the new files and gives the old ones
 * their names back.  Nothing here returns after an error: that is one line, and
 * the end. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "report.h"

#include <sys/stat.h>

struct output {
    struct output *next;
    const char *name;
    const char *base; /* the name, without its directory */
    bool force;
    bool there;     /* the temporary file is */
    bool placed;    /* it has taken the name */
    bool displaced; /* what had the name is aside: */
    char aside[32];
    char lost[REPORT_LINE_BYTES]; /* says so, should it have to stay there */
    size_t lost_bytes;
    struct stat file_is;
    bool replaces; /* a file, which had that mode: */
    mode_t mode;
    int directory;
    struct stat directory_is;
    int fd;
    char temporary[32];
    unsigned char *gathered; /* what is not written yet */
    size_t bytes;
    uint64_t offset; /* of it in the file */
};

/* outputs_protect says that a file is read: no output takes its name, whatever
 * it is called.  name must live until the end. */
void outputs_protect(int fd, const char *name);

/* outputs_refuse_stdout ends the command when fd, the image of that name, is
 * standard output as well. */
void outputs_refuse_stdout(int fd, const char *name);

/* output_open makes the temporary file.  A file of that name that is there
 * already is an error unless force is set; what is no regular file always is.
 * The name and *out must live until the end. */
void output_open(struct output *out, const char *name, bool force);

/* output_write writes n bytes at that offset of the file, in its own time. */
void output_write(struct output *out, uint64_t offset, const void *bytes,
                  size_t n);

/* output_size writes what was gathered, and sets the size of the file. */
void output_size(struct output *out, uint64_t bytes);

/* A part of the file as memory. */
struct output_memory {
    void *map;
    size_t map_bytes;
    unsigned char *host;
};

/* output_map reserves that part of the file on the disk, and maps it. */
struct output_memory output_map(struct output *out, uint64_t offset,
                                uint64_t bytes);
void output_unmap(struct output_memory *memory);

/* output_reader returns a new descriptor to read the file by. */
int output_reader(const struct output *out);

/* outputs_finish sees to it that everything is on the disk, under the mode of
 * the file that is replaced, and that no file has taken one of the names. */
void outputs_finish(void);

/* outputs_place gives all files their names: the one that was opened first
 * comes last.  Signals that would end the command are held back from then on,
 * but for outputs_wait. */
void outputs_place(void);

/* outputs_wait waits until fd can be written to, and lets signals in meanwhile.
 */
void outputs_wait(int fd);

/* outputs_commit is the end: from here on the new files stay, and what they
 * replaced is removed. */
void outputs_commit(void);

/* output_close frees what belongs to it. */
void output_close(struct output *out);

#endif
