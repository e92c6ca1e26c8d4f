/* SPDX-License-Identifier: Apache-2.0 */
#include "images.h"

#include "addresses.h"
#include "facts.h"
#include "manifest_options.h"
#include "paging.h"
#include "report.h"
#include "source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------- which they are */

static bool is_file(const char *name)
{
    struct stat st;

    return stat(name, &st) == 0;
}

/* An image of several files says itself where memory lies. */
static void check_files(const struct arguments *a,
                        const struct image_arguments *p, const char *prefix)
{
    if (p->files > 0 && (p->has_base || p->segments > 0)) {
        die(CLI_USAGE, a->subject,
            "--%sfile says itself where memory lies: --%sbase and "
            "--%ssegment go with an image",
            prefix, prefix, prefix);
    }
}

/* Those that are not of files are operands, and nothing else is one. */
static void name_images(struct arguments *a)
{
    bool two = (a->command->takes & TAKES_OTHER) != 0;
    size_t most = (a->image.files == 0 ? 1u : 0u) +
                  (two && a->other.files == 0 ? 1u : 0u);
    size_t n = 0;

    if (a->operands > most) {
        die(CLI_USAGE, a->subject, "'%s' is one argument too many%s",
            a->operand[most],
            a->image.files > 0          ? ": the image is of --file"
            : two && a->other.files > 0 ? ": the second image is of --new-file"
                                        : "");
    }
    if (a->operands < most) {
        die(CLI_USAGE, a->subject,
            !two                 ? "no image is given"
            : a->image.files > 0 ? "it takes a second image"
            : a->other.files > 0 ? "it takes an image before that of "
                                   "--new-file"
            : a->operands == 0   ? "no image is given"
                                 : "it takes two images");
    }
    if (a->image.files == 0) {
        a->image.name = a->operand[n++];
    }
    if (two && a->other.files == 0) {
        a->other.name = a->operand[n];
    }
}

/* The image is the first operand when it names a file or is no address, else
 * the last one; the other operands are addresses. */
static void name_among_addresses(struct arguments *a)
{
    size_t image = 0;

    if (a->image.files > 0) {
        image = a->operands;
    } else if (a->operands == 0) {
        die(CLI_USAGE, a->subject, "no image is given");
    } else if (addresses_are(a->operand[0]) && !is_file(a->operand[0])) {
        image = a->operands - 1;
    }
    if (a->operands < (a->image.files > 0 ? 1 : 2)) {
        die(CLI_USAGE, a->subject, "it takes %san address",
            a->image.files > 0 ? "" : "an image and ");
    }
    for (size_t i = 0; i < a->operands; i++) {
        if (i == image) {
            a->image.name = a->operand[i];
        } else {
            addresses_add(a, a->operand[i]);
        }
    }
}

void images_name(struct arguments *a)
{
    check_files(a, &a->image, "");
    check_files(a, &a->other, "new-");
    a->image.name = a->image.files > 0 ? a->image.file[0].name : NULL;
    a->other.name = a->other.files > 0 ? a->other.file[0].name : NULL;
    if ((a->command->takes & TAKES_VAS) != 0) {
        name_among_addresses(a);
    } else {
        name_images(a);
    }
    a->o->image = a->image.name;
}

/* ------------------------------------------------------------ where memory lies */

static int by_pa(const void *left, const void *right)
{
    const struct segment *a = left;
    const struct segment *b = right;

    return (a->pa > b->pa) - (a->pa < b->pa);
}

/* Where an image lies, as it is given. */
static void take_layout(const struct arguments *a,
                        const struct image_arguments *p, const char *prefix,
                        struct options *o)
{
    o->base = p->base;
    o->segment = p->segment;
    o->segments = p->segments;
    if (o->segments == 0) {
        return;
    }
    if (p->has_base) {
        die(CLI_USAGE, a->subject,
            "--%sbase and --%ssegment exclude each other", prefix, prefix);
    }
    qsort(o->segment, o->segments, sizeof *o->segment, by_pa);
    for (size_t i = 1; i < o->segments; i++) {
        const struct segment *s = &o->segment[i - 1];

        if (o->segment[i].pa <= s->pa + (s->bytes - 1)) {
            die(CLI_USAGE, a->subject,
                "two segments overlap at physical address %" PRIx64,
                o->segment[i].pa);
        }
    }
}

/* Whether the file alone can say where memory lies in it. */
static bool says_where(const struct source *s)
{
    return s->opened && !s->container.as_it_is;
}

/* ----------------------------------------------------------------- the files */

static struct source *open_files(const struct arguments *a,
                                 const struct image_arguments *p,
                                 const char *option)
{
    const struct options *o = a->o;

    return p->files > 0
               ? source_open_files(option, p->file, p->files, o->raw, o->holes)
               : source_open(p->name, o->raw, o->holes);
}

/* What is not given, the manifest of the image itself says first.  That of what
 * compact made of it has what compact was told of it, and so goes before what it
 * says of itself where that very image is meant. */
void images_open(struct arguments *a)
{
    struct options *o = a->o;
    const struct source *made = NULL;
    bool same = (a->command->takes & TAKES_POLICY) != 0;

    if ((a->command->takes & TAKES_OTHER) != 0) {
        made = a->other.source = open_files(a, &a->other, "--new-file");
        manifest_before_opening(a, made);
    }
    o->source = open_files(a, &a->image, "--file");
    o->facts = must(calloc(1, sizeof *o->facts));
    manifest_of_image(a, o->source);
    if (made != NULL && same) {
        manifest_of_made(a, made, !says_where(o->source));
    }
    if (o->source->opened) {
        facts_find(&o->source->dump, o->facts);
        facts_apply(o->facts, a);
    }
    if (made != NULL && !same) {
        manifest_of_made(a, made, !says_where(o->source));
    }
    take_layout(a, &a->image, "", o);
}

static void *copy_of(const void *array, size_t bytes)
{
    void *copy = must(malloc(bytes > 0 ? bytes : 1));

    if (bytes > 0) {
        memcpy(copy, array, bytes);
    }
    return copy;
}

/* The second image has all of the first one's options but for where it is, how
 * it lies and what its roots are; and these too when nothing is said of it. */
void images_set_other(struct arguments *a)
{
    struct options *o = a->o;
    struct options *other = copy_of(o, sizeof *o);
    bool as_the_first =
        a->other.roots == 0 && a->other.segments == 0 && !a->other.has_base;

    o->other = other;
    other->image = a->other.name;
    other->source = a->other.source;
    other->facts = NULL;
    facts_apply_to_other(a);
    if (source_is_same(o->source, other->source)) {
        other->source->dump.remark[0] = '\0'; /* the first one's says it */
    }
    if (!paging_take_roots(a, &a->other, other)) {
        free(other->root_flags);
        free(other->given);
        other->root = copy_of(o->root, o->roots * sizeof *o->root);
        other->root_flags =
            copy_of(o->root_flags, o->roots * sizeof *o->root_flags);
        other->given = copy_of(o->given, o->roots * sizeof *o->given);
        other->roots = o->roots;
    }
    if (other->roots != o->roots) {
        die(CLI_USAGE, a->subject,
            "%s has %" PRIu32 " root%s and %s %" PRIu32
            ": --new-root is needed as often as --root",
            o->image, o->roots, o->roots == 1 ? "" : "s", other->image,
            other->roots);
    }
    if (as_the_first && says_where(other->source)) {
        other->segment = NULL;
        other->segments = 0;
        other->base = 0;
    } else if (as_the_first) {
        other->segment = copy_of(o->segment, o->segments * sizeof *o->segment);
    } else {
        take_layout(a, &a->other, "new-", other);
    }
}
