/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "elf_core.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool source_recognise(const struct reader *r, struct container *found,
                      bool *read)
{
    unsigned char head[CONTAINER_HEAD];
    unsigned char tail[CONTAINER_TAIL];
    size_t n = r->bytes < sizeof head ? (size_t)r->bytes : sizeof head;
    size_t tail_n = r->bytes < sizeof tail ? (size_t)r->bytes : sizeof tail;

    *read = reader_get(r, 0, head, n) &&
            reader_get(r, r->bytes - tail_n, tail, tail_n);
    return *read && container_find(head, tail, r->bytes, found);
}

/* Reads what the container says of itself, if it is of a kind that can be. */
static bool read_container(const struct reader *r, enum container_kind kind,
                           struct dump *d)
{
    switch (kind) {
    case CONTAINER_ELF_CORE:
        return elf_core_read(r, d);
    case CONTAINER_REFUSED:
        break;
    }
    return false;
}

/* Something that has a size, and bytes at any place of it. */
static bool has_bytes(int fd, uint64_t *bytes)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        return false;
    }
    end = lseek(fd, 0, SEEK_END);
    *bytes = end > 0 ? (uint64_t)end : 0;
    return end > 0;
}

struct source *source_open(const char *name, bool raw)
{
    struct source *s = must(calloc(1, sizeof *s));
    struct reader r = {.memory = NULL};
    bool read;

    s->name = name;
    /* A FIFO would block; it is refused when it is looked at. */
    s->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    s->error = s->fd < 0 ? errno : 0;
    if (s->fd < 0 || raw || !has_bytes(s->fd, &s->bytes)) {
        return s;
    }
    r.fd = s->fd;
    r.bytes = s->bytes;
    s->is_container = source_recognise(&r, &s->container, &read);
    s->opened =
        s->is_container && read_container(&r, s->container.kind, &s->dump);
    return s;
}

void source_check(const struct source *s)
{
    if (s->fd < 0) {
        die(CLI_UNREAD, s->name, "can't be opened: %s", strerror(s->error));
    }
    if (!s->is_container || s->opened) {
        return;
    }
    if (s->dump.why[0] != '\0') {
        die(CLI_UNREAD, s->name,
            "is %s, and %s; --raw takes it for raw memory all the same",
            s->container.name, s->dump.why);
    }
    die(CLI_UNREAD, s->name,
        "is %s, not raw memory: %s; --raw takes it for raw all the same",
        s->container.name, s->container.advice);
}

void source_free(struct source *s)
{
    if (s == NULL) {
        return;
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    dump_free(&s->dump);
    free(s);
}
