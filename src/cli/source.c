/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include "elf_core.h"
#include "flattened.h"
#include "kdump_header.h"
#include "layout.h"
#include "lime.h"
#include "manifest.h"
#include "packed.h"
#include "pages.h"
#include "report.h"
#include "vmware.h"
#include "windows.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 4 }; /* a dump in a flattened one, compressed */

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

/* ---------------------------------------------------------------- unpacking */

static bool holds_a_file(enum container_kind kind)
{
    return kind == CONTAINER_GZIP || kind == CONTAINER_ZSTD ||
           kind == CONTAINER_FLATTENED;
}

/* A file of some bytes can be a whole disk when it is unpacked. */
static uint64_t room_for(uint64_t bytes)
{
    static const uint64_t TIMES = 256;
    static const uint64_t MORE = (uint64_t)1 << 30;

    return bytes < (UINT64_MAX - MORE) / TIMES ? TIMES * bytes + MORE
                                               : UINT64_MAX;
}

static void close_spool(struct source *s)
{
    if (s->fd >= 0 && s->fd != s->file) {
        (void)close(s->fd);
    }
}

/* What is unpacked stands in for the file; what the file is, is said as well. */
static void replace_file(struct source *s, const struct spool *spool)
{
    size_t used = strlen(s->inside);
    bool is_name = strncmp(s->container.name, "a ", 2) == 0 ||
                   strncmp(s->container.name, "an ", 3) == 0;

    if (used == 0 && holds_a_file(s->container.kind)) {
        (void)snprintf(s->inside, sizeof s->inside, ", %s%s",
                       is_name ? "in " : "", s->container.name);
    }
    close_spool(s);
    s->fd = spool->fd;
}

static bool unpack(struct source *s, const struct reader *r)
{
    struct spool spool;
    bool done;

    if (!spool_open(&spool, room_for(r->bytes))) {
        return dump_refuse(&s->dump, "%s", spool.why);
    }
    done = s->container.kind == CONTAINER_FLATTENED
               ? flattened_unpack(r, &spool, &s->dump)
               : packed_unpack(r, s->container.kind, &spool, &s->dump);
    if (!done) {
        (void)close(spool.fd);
        return dump_refuse(&s->dump, "%s", spool.why);
    }
    replace_file(s, &spool);
    return true;
}

/* ------------------------------------------------------------------ reading */

static bool open_pages(struct source *s, const struct reader *r,
                       enum holes_are holes)
{
    if (!kdump_header_read(r, &s->dump)) {
        return false;
    }
    s->pages = must(calloc(1, sizeof *s->pages));
    return pages_open(s->pages, s->fd, holes == HOLES_ZERO, &s->dump);
}

/* The memory of a saved state is in it, or in the .vmem of the same name. */
static bool open_vmware(struct source *s, const struct reader *r)
{
    size_t stem = strlen(s->name);
    char name[PATH_MAX];
    bool beside;
    int fd;

    if (!vmware_read(r, &s->dump, &beside)) {
        return false;
    }
    if (!beside) {
        return true;
    }
    while (stem > 0 && s->name[stem] != '.' && s->name[stem] != '/') {
        stem--;
    }
    if (s->name[stem] != '.' ||
        (size_t)snprintf(name, sizeof name, "%.*s.vmem", (int)stem, s->name) >=
            sizeof name) {
        return dump_refuse(&s->dump, "its memory is not in it, and its name "
                                     "says no .vmem beside it");
    }
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || !has_bytes(fd, &s->bytes)) {
        int error = fd < 0 ? errno : EINVAL;

        if (fd >= 0) {
            (void)close(fd);
        }
        return dump_refuse(&s->dump,
                           "its memory is not in it, and %.100s can't be "
                           "opened: %s",
                           name, strerror(error));
    }
    close_spool(s);
    s->fd = fd;
    s->beside = must(strdup(name));
    (void)snprintf(s->inside, sizeof s->inside, ", with its .vmem");
    return vmware_fit(&s->dump, s->bytes);
}

/* ------------------------------------------------------------ several files */

static struct source *open_one(const char *name, bool raw, enum holes_are holes,
                               bool layouts);

/* A name in a layout is one beside it. */
static char *name_beside(const char *layout, const char *name)
{
    const char *slash = strrchr(layout, '/');
    size_t head =
        name[0] == '/' || slash == NULL ? 0 : (size_t)(slash - layout) + 1;
    size_t bytes = head + strlen(name) + 1;
    char *beside = must(malloc(bytes));

    (void)snprintf(beside, bytes, "%.*s%s", (int)head, layout, name);
    return beside;
}

/* Opens a file that is raw memory, or is when it is unpacked, behind the others.
 * false: s->dump.why. */
static bool add_file(struct source *s, const char *name, bool raw,
                     enum holes_are holes)
{
    struct source *one = open_one(name, raw, holes, false);
    size_t parts = s->parts.count;

    s->of = must_grow(s->of, s->files, sizeof(struct source *));
    s->of[s->files++] = one;
    if (one->fd < 0) {
        return dump_refuse(&s->dump, "%.160s can't be opened: %s", name,
                           strerror(one->error));
    }
    if (one->is_container) {
        return dump_refuse(&s->dump,
                           "%.120s is %s%s, not raw memory: it is an image by "
                           "itself",
                           name, one->container.name, one->inside);
    }
    if (one->parts.count == 0) {
        return dump_refuse(&s->dump,
                           "%.120s is empty, or neither a regular file nor a "
                           "block device",
                           name);
    }
    (void)parts_add(&s->parts, one->fd, one->name, one->bytes);
    s->parts.part[parts].as_given = one->parts.part[0].as_given;
    return true;
}

/* The first entry that names a file. */
static const struct layout_entry *first_of(const struct layout *l, size_t file)
{
    const struct layout_entry *first = NULL;

    for (size_t i = 0; i < l->entries; i++) {
        if (l->entry[i].file == file &&
            (first == NULL || l->entry[i].line < first->line)) {
            first = &l->entry[i];
        }
    }
    return first;
}

static bool add_files(struct source *s, struct layout *l, enum holes_are holes)
{
    s->names = must(calloc(l->paths, sizeof *s->names));
    for (size_t k = 0; k < l->paths; k++) {
        s->names[k] = name_beside(s->name, l->path[k]);
        if (!add_file(s, s->names[k], false, holes)) {
            s->line = first_of(l, k)->line;
            return false;
        }
    }
    for (size_t i = 0; i < l->entries; i++) {
        const struct layout_entry *e = &l->entry[i];
        const struct image_part *part = &s->parts.part[e->file];

        if (e->segment.offset > part->bytes ||
            e->segment.bytes > part->bytes - e->segment.offset) {
            s->line = e->line;
            return dump_refuse(&s->dump,
                               "it goes beyond the end of %.120s at %" PRIx64,
                               part->name, part->bytes);
        }
        dump_add(&s->dump, e->segment.pa, e->segment.bytes,
                 part->start + e->segment.offset);
    }
    dump_order(&s->dump);
    return true;
}

static bool open_layout(struct source *s, const struct reader *r,
                        enum holes_are holes)
{
    struct layout l;
    bool opened = layout_read(r, &l);

    if (opened) {
        opened = add_files(s, &l, holes);
    } else {
        s->line = l.lines.line;
        (void)dump_refuse(&s->dump, "%s", l.lines.why);
    }
    layout_free(&l);
    return opened;
}

/* The image of a manifest was made with holes for zeros: nobody need say so. */
static bool add_image(struct source *s, struct manifest *m,
                      enum holes_are holes)
{
    struct image_part *part;

    if (!add_files(s, &m->layout, holes)) {
        return false;
    }
    part = &s->parts.part[0];
    part->as_given = false;
    return part->bytes == m->bytes ||
           dump_refuse(&s->dump,
                       "%.120s has %" PRIx64 " bytes, and it says %" PRIx64
                       ": it is another image",
                       part->name, part->bytes, m->bytes);
}

static bool open_manifest(struct source *s, const struct reader *r,
                          enum holes_are holes)
{
    s->manifest = must(calloc(1, sizeof *s->manifest));
    if (manifest_read(r, s->manifest)) {
        return add_image(s, s->manifest, holes);
    }
    s->line = s->manifest->layout.lines.line;
    return dump_refuse(&s->dump, "%s", s->manifest->layout.lines.why);
}

const struct image_part *source_vouched(const struct source *s)
{
    return &s->parts.part[0];
}

/* Reads what the container says of itself, if it is of a kind that can be. */
static bool read_container(struct source *s, const struct reader *r,
                           enum holes_are holes, bool layouts)
{
    switch (s->container.kind) {
    case CONTAINER_ELF_CORE:
        return elf_core_read(r, &s->dump);
    case CONTAINER_LIME:
        return lime_read(r, &s->dump);
    case CONTAINER_VMWARE:
        return open_vmware(s, r);
    case CONTAINER_WINDOWS:
        return windows_read(r, &s->dump);
    case CONTAINER_AVML:
        return unpack(s, r);
    case CONTAINER_KDUMP:
        return open_pages(s, r, holes);
    case CONTAINER_LAYOUT:
        return layouts && open_layout(s, r, holes);
    case CONTAINER_MANIFEST:
        return layouts && open_manifest(s, r, holes);
    case CONTAINER_GZIP:
    case CONTAINER_ZSTD:
    case CONTAINER_FLATTENED:
    case CONTAINER_REFUSED:
        break;
    }
    return false;
}

/* VMware's memory in a file of its own is raw, and the saved state beside it says
 * where it lies. */
static void remark_on_vmem(struct source *s)
{
    static const char vmem[] = ".vmem";
    static const char *const states[] = {".vmss", ".vmsn"};
    size_t length = strlen(s->name);
    size_t stem = length < sizeof vmem ? 0 : length - (sizeof vmem - 1);

    if (strcmp(s->name + stem, vmem) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        char name[PATH_MAX];
        int n = snprintf(name, sizeof name, "%.*s%s", (int)stem, s->name,
                         states[i]);

        if (n < (int)sizeof name && access(name, F_OK) == 0) {
            dump_remark(&s->dump,
                        "is taken for memory from 0 on, and %.100s beside it "
                        "says where it lies, and what the registers were: "
                        "give that file",
                        name);
            return;
        }
    }
}

/* Tells what is in the file, unpacks it, and reads what it says of itself. */
static void look_into(struct source *s, enum holes_are holes, bool layouts)
{
    struct reader r = {.memory = NULL};
    bool read;

    for (unsigned depth = 0; depth < DEEPEST; depth++) {
        r.fd = s->fd;
        r.bytes = s->bytes;
        s->is_container = source_recognise(&r, &s->container, &read);
        if (!s->is_container) {
            remark_on_vmem(s);
            return;
        }
        if (!holds_a_file(s->container.kind)) {
            s->opened = read_container(s, &r, holes, layouts);
            return;
        }
        if (!unpack(s, &r)) {
            return;
        }
        if (!has_bytes(s->fd, &s->bytes)) {
            s->inside[0] = '\0';
            (void)dump_refuse(&s->dump, "nothing is in it");
            return;
        }
    }
    (void)dump_refuse(&s->dump, "it is packed more than %d times", DEEPEST);
}

/* What a dump leaves out is memory of zeros. */
static void add_zeros(struct source *s)
{
    static const uint64_t MOST = (uint64_t)1 << 62;
    uint64_t start;

    if (s->dump.left_outs == 0) {
        return;
    }
    start = parts_add(&s->parts, PART_OF_ZEROS, "zeros", MOST);
    for (size_t i = 0; i < s->dump.left_outs; i++) {
        const struct segment *out = &s->dump.left_out[i];

        dump_add(&s->dump, out->pa, out->bytes < MOST ? out->bytes : MOST,
                 start);
    }
    dump_order(&s->dump);
}

/* Tables that the dump does not have are read as memory is. */
static void add_made(struct source *s)
{
    const struct dump *d = &s->dump;
    struct spool spool;
    uint64_t start;
    bool done;

    if (d->mades == 0) {
        return;
    }
    if (!spool_open(&spool, d->mades * MADE_BYTES)) {
        die(CLI_UNREAD, s->name, "%s", spool.why);
    }
    s->made = spool.fd;
    start = parts_add(&s->parts, s->made, "tables that are made",
                      d->mades * MADE_BYTES);
    done = true;
    for (size_t i = 0; i < d->mades; i++) {
        unsigned char page[MADE_BYTES] = {0};

        for (unsigned k = 0; k < 8 * MADE_ENTRIES; k++) {
            page[k] = (unsigned char)(d->made[i].entry[k / 8] >> (8 * (k % 8)));
        }
        done = done && spool_put(&spool, page, sizeof page);
        dump_add(&s->dump, d->made[i].pa, MADE_BYTES, start + i * MADE_BYTES);
    }
    if (!done || !spool_end(&spool)) {
        die(CLI_UNREAD, s->name, "%s", spool.why);
    }
    dump_order(&s->dump);
}

static struct source *new_source(const char *name)
{
    struct source *s = must(calloc(1, sizeof *s));

    s->name = name;
    s->fd = -1;
    s->file = -1;
    s->made = -1;
    return s;
}

static struct source *open_one(const char *name, bool raw, enum holes_are holes,
                               bool layouts)
{
    struct source *s = new_source(name);

    /* A FIFO would block; it is refused when it is looked at. */
    s->file = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    s->error = s->file < 0 ? errno : 0;
    s->fd = s->file;
    if (s->fd < 0 || !has_bytes(s->fd, &s->bytes)) {
        return s;
    }
    if (!raw) {
        look_into(s, holes, layouts);
    }
    if (s->files == 0) {
        (void)parts_add(&s->parts, s->fd, name, s->bytes);
        s->parts.part[0].as_given = !s->opened && s->fd == s->file;
    }
    if (s->opened) {
        add_made(s);
    }
    if (s->opened && holes == HOLES_ZERO) {
        add_zeros(s);
    }
    return s;
}

struct source *source_open(const char *name, bool raw, enum holes_are holes)
{
    return open_one(name, raw, holes, true);
}

static bool place_files(struct source *s, const struct placed_file *file,
                        size_t files, bool raw, enum holes_are holes)
{
    for (size_t i = 0; i < files; i++) {
        uint64_t bytes;

        if (!add_file(s, file[i].name, raw, holes)) {
            return false;
        }
        bytes = s->parts.part[i].bytes;
        if (bytes - 1 > UINT64_MAX - file[i].pa) {
            return dump_refuse(&s->dump,
                               "from %" PRIx64 " on, %.120s goes beyond the "
                               "last physical address",
                               file[i].pa, file[i].name);
        }
        for (size_t k = 0; k < i; k++) {
            uint64_t first = file[i].pa > file[k].pa ? file[i].pa : file[k].pa;

            if (first - file[i].pa < bytes &&
                first - file[k].pa < s->parts.part[k].bytes) {
                return dump_refuse(&s->dump,
                                   "%.100s and %.100s overlap at physical "
                                   "address %" PRIx64,
                                   file[k].name, file[i].name, first);
            }
        }
        dump_add(&s->dump, file[i].pa, bytes, s->parts.part[i].start);
    }
    dump_order(&s->dump);
    return true;
}

struct source *source_open_files(const char *option,
                                 const struct placed_file *file, size_t files,
                                 bool raw, enum holes_are holes)
{
    struct source *s = new_source(option);

    s->is_container = true;
    (void)snprintf(s->container.name, sizeof s->container.name,
                   "raw memory in %zu file%s", files, files == 1 ? "" : "s");
    s->opened = place_files(s, file, files, raw, holes);
    return s;
}

void source_each_file(const struct source *s,
                      void (*each)(int fd, const char *name))
{
    if (s->file >= 0) {
        each(s->file, s->name);
    }
    if (s->beside != NULL) {
        each(s->fd, s->beside);
    }
    for (size_t i = 0; i < s->files; i++) {
        each(s->of[i]->file, s->of[i]->name);
    }
}

void source_each_memory(const struct source *s,
                        void (*each)(void *context, int fd, const char *name),
                        void *context)
{
    if (s->files == 0) {
        each(context, s->file, s->name);
    }
    if (s->beside != NULL) {
        each(context, s->fd, s->beside);
    }
    for (size_t i = 0; i < s->files; i++) {
        each(context, s->of[i]->file, s->of[i]->name);
    }
}

/* Whether it is a text, whose lines may be wrong. */
static bool is_text(const struct source *s)
{
    return s->container.kind == CONTAINER_LAYOUT ||
           s->container.kind == CONTAINER_MANIFEST;
}

uint64_t source_file_bytes(int fd, const char *name)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) != 0) {
        die(CLI_UNREAD, name, "can't be examined: %s", strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        die(CLI_UNREAD, name, "is a directory, not an image");
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        die(CLI_UNREAD, name,
            "is neither a regular file nor a block device: an image is not "
            "read "
            "from a pipe or a terminal");
    }
    end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        die(CLI_UNREAD, name, "has no size: %s", strerror(errno));
    }
    if (end == 0) {
        die(CLI_UNREAD, name, "is empty");
    }
    return (uint64_t)end;
}

void source_check(const struct source *s)
{
    if (s->files > 0 && !s->opened && !is_text(s)) {
        die(CLI_UNREAD, s->name, "%s", s->dump.why);
    }
    if (is_text(s) && !s->opened) {
        char name[PATH_MAX];

        (void)snprintf(name, sizeof name, s->line > 0 ? "%s:%" PRIu64 : "%s",
                       s->name, s->line);
        die(CLI_UNREAD, name, "%s", s->dump.why);
    }
    if (s->opened) {
        return;
    }
    if (s->fd < 0) {
        die(CLI_UNREAD, s->name, "can't be opened: %s", strerror(s->error));
    }
    if (!s->is_container) {
        (void)source_file_bytes(s->fd, s->name);
        return;
    }
    if (s->dump.why[0] != '\0') {
        die(CLI_UNREAD, s->name,
            "is %s%s, and %s; --raw takes it for raw all the same",
            s->container.name, s->inside, s->dump.why);
    }
    die(CLI_UNREAD, s->name,
        "is %s%s, not raw memory: %s; --raw takes it for raw all the same",
        s->container.name, s->inside, s->container.advice);
}

bool source_is_same(const struct source *a, const struct source *b)
{
    struct stat of_a;
    struct stat of_b;

    return a->file >= 0 && b->file >= 0 && fstat(a->file, &of_a) == 0 &&
           fstat(b->file, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

void source_free(struct source *s)
{
    if (s == NULL) {
        return;
    }
    close_spool(s);
    if (s->file >= 0) {
        (void)close(s->file);
    }
    if (s->made >= 0) {
        (void)close(s->made);
    }
    if (s->pages != NULL) {
        pages_close(s->pages);
    }
    free(s->pages);
    if (s->manifest != NULL) {
        manifest_free(s->manifest);
    }
    free(s->manifest);
    for (size_t i = 0; i < s->files; i++) {
        source_free(s->of[i]);
        if (s->names != NULL) {
            free(s->names[i]);
        }
    }
    free(s->of);
    free(s->names);
    free(s->beside);
    parts_free(&s->parts);
    dump_free(&s->dump);
    free(s);
}
