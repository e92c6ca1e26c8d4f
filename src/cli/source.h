/* SPDX-License-Identifier: Apache-2.0 */
/* The file of an image: open, told by its contents, and read as far as it says
 * where memory lies and what the machine was. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli.h"
#include "dump.h"
#include "parts.h"

struct pages;

struct source {
    const char *name;
    int file;  /* -1: it can't be opened, */
    int error; /* because of that */
    int fd;    /* the same, or what was unpacked from it */
    uint64_t bytes;
    bool is_container;
    struct container container;
    char inside[CONTAINER_NAME + 8]; /* ", compressed by gzip": the file was */
    bool opened; /* as such: dump says the rest, or why it can't be */
    struct dump dump;
    struct pages *pages; /* NULL: memory lies in fd as it is, else here */
    struct parts parts;  /* what has the memory */
};

/* What is compressed, or in another order, is unpacked: fd is then that. */

/* source_open opens the file of that name, which lives as long as the source,
 * and does not complain: source_check does.  raw: it is memory, whatever it
 * looks like. */
struct source *source_open(const char *name, bool raw, enum holes_are holes);

/* source_check ends the command when the file can't be opened, or is a
 * container that has no memory that could be read. */
void source_check(const struct source *s);

/* source_recognise says whether the bytes are those of a known container; false
 * in *read: they can't be read. */
bool source_recognise(const struct reader *r, struct container *found,
                      bool *read);

void source_free(struct source *s);

#endif
