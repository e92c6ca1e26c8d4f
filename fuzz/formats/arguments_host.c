/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments_host.h"

#include "arguments.h"
#include "check.h"
#include "digest.h"
#include "facts.h"
#include "json.h"
#include "manifest.h"
#include "paging.h"
#include "print.h"
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- the heap */

struct block {
    struct block *before;
    struct block *after;
    max_align_t bytes[];
};

static struct block first = {&first, &first};

static void *link_block(struct block *b)
{
    check_that(b != NULL, "there is memory");
    b->before = &first;
    b->after = first.after;
    b->after->before = first.after = b;
    return b->bytes;
}

static struct block *take_block(void *p)
{
    struct block *b =
        (struct block *)((char *)p - offsetof(struct block, bytes));

    b->before->after = b->after;
    b->after->before = b->before;
    return b;
}

void *heap_malloc(size_t bytes);
void *heap_calloc(size_t n, size_t bytes);
void *heap_realloc(void *p, size_t bytes);
void heap_free(void *p);
ssize_t heap_getline(char **line, size_t *room, FILE *file);

void *heap_malloc(size_t bytes)
{
    return link_block(malloc(sizeof(struct block) + bytes));
}

void *heap_calloc(size_t n, size_t bytes)
{
    return link_block(calloc(1, sizeof(struct block) + n * bytes));
}

void *heap_realloc(void *p, size_t bytes)
{
    struct block *b = p != NULL ? take_block(p) : NULL;

    return link_block(realloc(b, sizeof(struct block) + bytes));
}

void heap_free(void *p)
{
    if (p != NULL) {
        free(take_block(p));
    }
}

void host_clear(void)
{
    while (first.after != &first) {
        heap_free(first.after->bytes);
    }
}

bool host_is_clear(void)
{
    return first.after == &first;
}

/* -------------------------------------------------------------- standard input */

static const char *input = "";

void host_input(const char *text)
{
    input = text;
}

ssize_t heap_getline(char **line, size_t *room, FILE *file)
{
    size_t bytes = strcspn(input, "\n");

    (void)file;
    bytes += input[bytes] == '\n';
    if (bytes == 0) {
        return -1;
    }
    if (*room <= bytes) {
        *line = heap_realloc(*line, bytes + 1);
        *room = bytes + 1;
    }
    memcpy(*line, input, bytes);
    (*line)[bytes] = '\0';
    input += bytes;
    return (ssize_t)bytes;
}

/* ---------------------------------------------------------- errors, and no files */

static jmp_buf end;
static struct reading *reading;

void report(const char *subject, const char *format, ...)
{
    (void)subject;
    (void)format;
}

void die(enum cli_status status, const char *subject, const char *format, ...)
{
    va_list args;

    check_that(subject != NULL, "an error has a subject");
    va_start(args, format);
    (void)vsnprintf(reading->why, sizeof reading->why, format, args);
    va_end(args);
    reading->ended = true;
    reading->status = status;
    longjmp(end, 1);
}

void *must(void *p)
{
    return p;
}

static char made[8192];

void host_manifest(const char *lines)
{
    static const char head[] =
        "# ptwalk manifest\nformat 1\nimage small\nbytes 1000\n"
        "segment 0 1000 0\n";

    (void)snprintf(made, sizeof made, "%ssha256 %064d\n%s", head, 0, lines);
}

/* Reads the manifest; none, if it is wrong. */
static void open_manifest(struct source *s)
{
    struct reader r = {.memory = (const unsigned char *)made,
                       .bytes = strlen(made)};

    s->manifest = heap_calloc(1, sizeof *s->manifest);
    s->opened = manifest_read(&r, s->manifest);
    s->container.kind = CONTAINER_MANIFEST;
    if (!s->opened) {
        manifest_free(s->manifest);
        heap_free(s->manifest);
        s->manifest = NULL;
    }
}

bool host_has_manifest(void)
{
    struct source *s = heap_calloc(1, sizeof *s);
    bool has;

    open_manifest(s);
    has = s->opened;
    source_free(s);
    return has;
}

/* The processors of a dump, in long mode; they differ in CR0.WP. */
static struct dump_cpu processor[] = {
    {.cr0 = 0x80010001, .cr4 = 0x20, .efer = 0xd00, .has_efer = true},
    {.cr0 = 0x80000001, .cr4 = 0x20, .efer = 0xd00, .has_efer = true},
};

/* An image whose name begins with "made" is the manifest; one that begins with "dump" says registers and two roots; each other
 * is a file of raw memory that says nothing. */
struct source *source_open(const char *name, bool raw, enum holes_are holes)
{
    struct source *s = heap_calloc(1, sizeof *s);

    (void)raw;
    (void)holes;
    check_that(name != NULL, "an image has a name");
    s->name = name;
    s->opened = strncmp(name, "dump", 4) == 0;
    s->dump.family = s->opened ? DUMP_X86 : DUMP_UNKNOWN;
    s->dump.cpu = processor;
    s->dump.cpus = s->opened ? sizeof processor / sizeof processor[0] : 0;
    if (strncmp(name, "made", 4) == 0) {
        open_manifest(s);
    }
    return s;
}

struct source *source_open_files(const char *option,
                                 const struct placed_file *file, size_t files,
                                 bool raw, enum holes_are holes)
{
    check_that(option != NULL, "files are the values of an option");
    check_that(files > 0 && file != NULL, "an image is of some files");
    return source_open(file[0].name, raw, holes);
}

/* Each list has two roots. */
void paging_add_roots(struct arguments *a, struct image_arguments *p,
                      const char *name)
{
    enum option_id as = p == &a->image ? OPT_ROOT : OPT_NEW_ROOT;

    check_that(name != NULL, "a list has a name");
    paging_add_root(a, p, as, 0x1000);
    paging_add_root(a, p, as, 0x2000);
    a->given[as - OPT_REGIME] = true;
}

void digest_needed(const char *what)
{
    check_that(what != NULL, "somebody needs a digest");
}

void source_check(const struct source *s)
{
    (void)s;
}

/* A name is a file of its own. */
bool source_is_same(const struct source *a, const struct source *b)
{
    return strcmp(a->name, b->name) == 0;
}

void source_free(struct source *s)
{
    if (s != NULL && s->manifest != NULL) {
        manifest_free(s->manifest);
        heap_free(s->manifest);
    }
    heap_free(s);
}

struct ptw_x86_registers facts_registers(const struct dump *d,
                                         const struct dump_cpu *cpu)
{
    (void)d;
    return (struct ptw_x86_registers){
        .cr0 = cpu->cr0, .cr4 = cpu->cr4, .efer = cpu->efer};
}

bool facts_is_walked(const struct dump *d, const struct facts *f, size_t i)
{
    check_that(f->first < d->cpus && i < d->cpus, "a processor is one of them");
    return true;
}

/* The roots of two processors; a manifest has none. */
void facts_find(const struct dump *d, struct facts *out)
{
    if (d->family == DUMP_UNKNOWN) {
        return;
    }
    out->family = DUMP_X86;
    out->has_registers = true;
    out->regs = facts_registers(d, &d->cpu[0]);
    out->roots = HOST_DUMP_ROOTS;
    out->root = heap_calloc(HOST_DUMP_ROOTS, sizeof *out->root);
    for (unsigned i = 0; i < HOST_DUMP_ROOTS; i++) {
        out->root[i].value = 0x5000 + 0x1000 * i;
        out->root[i].id = OPT_CR3;
    }
}

/* They assume nothing. */
void facts_assume(struct facts *f, const struct arguments *a)
{
    (void)f;
    (void)a;
}

void facts_free(struct facts *f)
{
    heap_free(f->root);
}

void out_line(const char *format, ...)
{
    (void)format;
}

void json_set_count(json_t *object, const char *key, uint64_t count)
{
    (void)object;
    (void)key;
    (void)count;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    (void)object;
    (void)key;
    (void)text;
}

void host_read(const struct command *command, int argc, char **argv,
               struct reading *out)
{
    memset(out, 0, sizeof *out);
    reading = out;
    optind = 0; /* getopt begins anew */
    if (setjmp(end) == 0) {
        out->help = !options_parse(command, argc, argv, &out->o);
    }
}
