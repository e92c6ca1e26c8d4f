/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "guard.h"
#include "random.h"
#include "report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Writes are gathered up to so many bytes; what is larger than a part of that
 * is written as it is. */
enum { GATHER_BYTES = 1 << 20, DIRECT_BYTES = GATHER_BYTES / 8 };

static struct output *outputs; /* the last one that was opened, first */
static sigset_t before_placing;

/* The files that are read. */
static struct input {
    const char *name;
    struct stat is;
} * inputs;
static size_t input_count;

/* -------------------------------------------------------------- discarding */

/* Where a file system does not know "only if there is none", a second name does
 * it. */
static int rename_new(int directory, const char *from, const char *to)
{
    int result = renameat2(directory, from, directory, to, RENAME_NOREPLACE);

    if (result == 0 || (errno != EINVAL && errno != ENOSYS)) {
        return result;
    }
    result = linkat(directory, from, directory, to, 0);
    if (result == 0) {
        (void)unlinkat(directory, from, 0);
    }
    return result;
}

/* Whether that name is the new file's. */
static bool is_ours(const struct output *out, const char *name)
{
    struct stat st;

    return fstatat(out->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev == out->file_is.st_dev && st.st_ino == out->file_is.st_ino;
}

/* Gives the name back to what had it.  What somebody else has put there
 * meanwhile is not touched. */
static bool put_back(const struct output *out, bool placed, bool displaced)
{
    int dir = out->directory;
    struct stat st;

    if (!displaced) {
        return !placed || !is_ours(out, out->base) ||
               unlinkat(dir, out->base, 0) == 0;
    }
    if (!placed) {
        /* The last is for what can't have two names, as a directory. */
        return rename_new(dir, out->aside, out->base) == 0 ||
               (fstatat(dir, out->base, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
                errno == ENOENT &&
                renameat(dir, out->aside, dir, out->base) == 0);
    }
    if (!is_ours(out, out->base)) {
        return false;
    }
    if (renameat2(dir, out->aside, dir, out->base, RENAME_EXCHANGE) != 0) {
        return renameat(dir, out->aside, dir, out->base) == 0;
    }
    return !is_ours(out, out->aside) || unlinkat(dir, out->aside, 0) == 0;
}

/* Removes the new files, and puts back what they replaced.  Returns whether
 * there were any.  Signal handlers call it. */
static bool discard(void)
{
    for (struct output *out = outputs; out != NULL; out = out->next) {
        bool placed = out->placed;
        bool displaced = out->displaced;

        out->placed = out->displaced = false;
        if (!put_back(out, placed, displaced)) {
            report_line(out->lost, out->lost_bytes);
        }
        if (out->there) {
            out->there = false;
            (void)unlinkat(out->directory, out->temporary, 0);
        }
    }
    return outputs != NULL;
}

/* Not to be interrupted by a signal that does the same. */
static void discard_at_exit(void)
{
    sigset_t set = signals_ending();

    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)discard();
}

/* ---------------------------------------------------------- the file's name */

PTW_NORETURN static void die_writing(const struct output *out)
{
    die(CLI_UNREAD, out->name, "writing failed: %s", strerror(errno));
}

void outputs_protect(int fd, const char *name)
{
    inputs = must_grow(inputs, input_count, sizeof *inputs);
    inputs[input_count].name = name;
    if (fstat(fd, &inputs[input_count].is) != 0) {
        die(CLI_UNREAD, name, "can't be examined: %s", strerror(errno));
    }
    input_count++;
}

/* By whatever name: a file is its inode, and a device its number. */
static bool same_file(const struct stat *a, const struct stat *b)
{
    return (a->st_dev == b->st_dev && a->st_ino == b->st_ino) ||
           (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode) &&
            a->st_rdev == b->st_rdev);
}

/* The name of the file that is read and is that one; NULL: none is. */
static const char *input_of(const struct stat *st)
{
    for (size_t i = 0; i < input_count; i++) {
        if (same_file(st, &inputs[i].is)) {
            return inputs[i].name;
        }
    }
    return NULL;
}

static bool is_standard(const struct stat *st)
{
    struct stat standard;

    return fstat(STDOUT_FILENO, &standard) == 0 && same_file(st, &standard);
}

void outputs_refuse_stdout(int fd, const char *name)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && is_standard(&st)) {
        die(CLI_USAGE, name,
            "is the image and standard output, which would be written into it: "
            "it is to go elsewhere");
    }
}

/* Whether what has the name may be replaced. */
static void check_replaced(const struct output *out, const struct stat *st)
{
    const char *input = input_of(st);

    if (input != NULL) {
        die(CLI_USAGE, out->name,
            "is the image %s itself, which is never replaced: another name is "
            "needed",
            input);
    }
    if (S_ISDIR(st->st_mode)) {
        die(CLI_UNREAD, out->name, "is a directory");
    }
    if (!S_ISREG(st->st_mode)) {
        die(CLI_UNREAD, out->name, "is no regular file, and is not replaced");
    }
    if (is_standard(st)) {
        die(CLI_USAGE, out->name,
            "is standard output too, which would be lost: another name is "
            "needed");
    }
}

/* Whether the name is free, or may be taken, and the mode of what is there. */
static void check_name(struct output *out)
{
    struct stat st;

    if (stat(out->name, &st) == 0 && input_of(&st) != NULL) {
        check_replaced(out, &st); /* through a link, too */
    }
    if (lstat(out->name, &st) != 0) {
        if (errno != ENOENT) {
            die(CLI_UNREAD, out->name, "can't be written: %s", strerror(errno));
        }
        return;
    }
    check_replaced(out, &st);
    if (!out->force) {
        die(CLI_UNREAD, out->name,
            "is there already; with --force it is replaced");
    }
    out->replaces = true;
    out->mode = st.st_mode & 0777;
}

static void open_directory(struct output *out)
{
    const char *slash = strrchr(out->name, '/');
    size_t bytes = slash == NULL ? 0 : (size_t)(slash - out->name) + 1;
    char *directory = must(malloc(bytes + 2));

    memcpy(directory, out->name, bytes);
    memcpy(directory + bytes, ".", 2);
    out->base = out->name + bytes;
    out->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (out->directory < 0 || fstat(out->directory, &out->directory_is) != 0) {
        die(CLI_UNREAD, out->name, "its directory can't be opened: %s",
            strerror(errno));
    }
    if (out->base[0] == '\0') {
        die(CLI_UNREAD, out->name, "is not the name of a file");
    }
    for (const struct output *o = outputs; o != NULL; o = o->next) {
        if (strcmp(o->base, out->base) == 0 &&
            o->directory_is.st_dev == out->directory_is.st_dev &&
            o->directory_is.st_ino == out->directory_is.st_ino) {
            die(CLI_USAGE, out->name, "is to be written twice");
        }
    }
}

static void make_temporary(struct output *out)
{
    mode_t mode = out->replaces ? 0600 : 0666;
    int tries = 100;

    do {
        (void)snprintf(out->temporary, sizeof out->temporary,
                       ".ptwalk-%016" PRIx64, random_seed());
        out->fd = openat(out->directory, out->temporary,
                         O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    } while (out->fd < 0 && errno == EEXIST && --tries > 0);
    if (out->fd < 0 || fstat(out->fd, &out->file_is) != 0) {
        die(CLI_UNREAD, out->name, "can't be written: %s", strerror(errno));
    }
}

void output_open(struct output *out, const char *name, bool force)
{
    sigset_t set = signals_ending();
    sigset_t before;

    memset(out, 0, sizeof *out);
    out->name = name;
    out->force = force;
    check_name(out);
    open_directory(out);
    out->gathered = must(malloc(GATHER_BYTES));
    if (outputs == NULL) {
        signals_handle(name, discard);
        if (atexit(discard_at_exit) != 0) {
            die_of_memory();
        }
    }
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    make_temporary(out);
    out->there = true;
    out->next = outputs;
    outputs = out;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* ------------------------------------------------------------------ writing */

/* The kernel could not read what it was to write.  Who touches that memory gets
 * the signal that says why. */
static void touch(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += PAGE_BYTES) {
        (void)*(const volatile unsigned char *)(bytes + i);
    }
}

static void write_at(const struct output *out, uint64_t offset,
                     const unsigned char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = pwrite(out->fd, bytes, n, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EFAULT) {
            touch(bytes, n);
            errno = EFAULT;
        }
        if (done == 0) {
            errno = ENOSPC;
        }
        if (done <= 0) {
            die_writing(out);
        }
        bytes += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
}

static void flush(struct output *out)
{
    write_at(out, out->offset, out->gathered, out->bytes);
    out->bytes = 0;
}

void output_write(struct output *out, uint64_t offset, const void *bytes,
                  size_t n)
{
    if (offset != out->offset + out->bytes || n > GATHER_BYTES - out->bytes ||
        n >= DIRECT_BYTES) {
        flush(out);
        out->offset = offset;
    }
    if (n >= DIRECT_BYTES) {
        write_at(out, offset, bytes, n);
        out->offset = offset + n;
        return;
    }
    memcpy(out->gathered + out->bytes, bytes, n);
    out->bytes += n;
}

void output_size(struct output *out, uint64_t bytes)
{
    int result;

    flush(out);
    do {
        result = ftruncate(out->fd, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        die_writing(out);
    }
}

struct output_memory output_map(struct output *out, uint64_t offset,
                                uint64_t bytes)
{
    uint64_t within = offset % (uint64_t)sysconf(_SC_PAGESIZE);
    struct output_memory m;

    output_size(out, offset + bytes);
    do {
        errno = posix_fallocate(out->fd, (off_t)offset, (off_t)bytes);
    } while (errno == EINTR);
    if (errno != 0) {
        die_writing(out);
    }
    if (bytes + within > SIZE_MAX / 2) {
        die_of_memory();
    }
    m.map_bytes = (size_t)(bytes + within);
    m.map = mmap(NULL, m.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, out->fd,
                 (off_t)(offset - within));
    if (m.map == MAP_FAILED) {
        die_of_memory();
    }
    guard_add(m.map, m.map_bytes, offset - within, out->name);
    m.host = (unsigned char *)m.map + within;
    return m;
}

void output_unmap(struct output_memory *memory)
{
    guard_drop(memory->map);
    (void)munmap(memory->map, memory->map_bytes);
}

int output_reader(const struct output *out)
{
    int fd = openat(out->directory, out->temporary, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        die(CLI_UNREAD, out->name, "can't be read again: %s", strerror(errno));
    }
    return fd;
}

/* ------------------------------------------------------------------ the end */

void outputs_finish(void)
{
    for (struct output *out = outputs; out != NULL; out = out->next) {
        flush(out);
        check_name(out);
        if (out->replaces && fchmod(out->fd, out->mode) != 0) {
            die_writing(out);
        }
        while (fsync(out->fd) != 0) {
            if (errno != EINTR) {
                die_writing(out);
            }
        }
    }
}

/* Takes a name that nobody has. */
static bool take_free_name(struct output *out)
{
    if (rename_new(out->directory, out->temporary, out->base) != 0) {
        return false;
    }
    out->there = false;
    out->placed = true;
    return true;
}

static void name_aside(struct output *out, const char *aside)
{
    memcpy(out->aside, aside, sizeof out->aside);
    out->lost_bytes = report_format(
        out->lost, sizeof out->lost - 1, out->name,
        "can't be put back: what was there is %s in the same directory",
        out->aside);
    out->lost[out->lost_bytes++] = '\n';
}

/* Takes a name from what has it, which stays there under another one.  Both
 * change places at once where the file system can do that; else there is a
 * moment without any.  Nothing is ever overwritten: what had the name is looked
 * at when nobody else can get at it by that name any more. */
static bool take_used_name(struct output *out)
{
    char aside[sizeof out->aside];
    struct stat st;

    if (renameat2(out->directory, out->temporary, out->directory, out->base,
                  RENAME_EXCHANGE) == 0) {
        name_aside(out, out->temporary);
        out->there = false;
        out->placed = true;
    } else if (errno == EINVAL || errno == ENOSYS) {
        (void)snprintf(aside, sizeof aside, ".ptwalk-%016" PRIx64,
                       random_seed());
        name_aside(out, aside);
        if (renameat(out->directory, out->base, out->directory, aside) != 0) {
            return false;
        }
    } else {
        return false;
    }
    out->displaced = true;
    if (fstatat(out->directory, out->aside, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    check_replaced(out, &st);
    return out->placed || take_free_name(out);
}

/* A name may come and go meanwhile. */
static bool take_name(struct output *out)
{
    for (int tries = 0; tries < 100; tries++) {
        if (take_free_name(out)) {
            return true;
        }
        if (errno != EEXIST || !out->force) {
            return false;
        }
        if (take_used_name(out)) {
            return true;
        }
        if (errno != ENOENT || out->displaced) {
            return false;
        }
    }
    return false;
}

void outputs_place(void)
{
    sigset_t set = signals_ending();

    (void)sigprocmask(SIG_BLOCK, &set, &before_placing);
    for (struct output *out = outputs; out != NULL; out = out->next) {
        if (take_name(out)) {
            continue;
        }
        if (errno == EEXIST) {
            die(CLI_UNREAD, out->name,
                "is there by now; with --force it is replaced");
        }
        die(CLI_UNREAD, out->name, "can't be put in its place: %s",
            strerror(errno));
    }
    for (struct output *out = outputs; out != NULL; out = out->next) {
        if (fsync(out->directory) != 0 && errno != EINVAL) {
            die(CLI_UNREAD, out->name,
                "its directory can't be put on the disk: %s", strerror(errno));
        }
    }
}

void outputs_wait(int fd)
{
    struct pollfd poll = {.fd = fd, .events = POLLOUT};

    while (ppoll(&poll, 1, NULL, &before_placing) < 0 && errno == EINTR) {
    }
}

void outputs_commit(void)
{
    for (struct output *out = outputs; out != NULL; out = out->next) {
        bool displaced = out->displaced;

        out->placed = out->displaced = false;
        if (displaced && unlinkat(out->directory, out->aside, 0) != 0) {
            report(out->name,
                   "is replaced, but what was there before stays "
                   "as %s in the same directory: %s",
                   out->aside, strerror(errno));
        }
    }
}

void output_close(struct output *out)
{
    struct output **link = &outputs;

    while (*link != NULL && *link != out) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = out->next;
    }
    (void)close(out->fd);
    (void)close(out->directory);
    free(out->gathered);
}
