/* SPDX-License-Identifier: Apache-2.0 */
#include "old_digest.h"

#include "manifest.h"
#include "report.h"
#include "source.h"

#include <string.h>
#include <unistd.h>

struct gathered {
    const struct options *o;
    struct old_digest *digest;
    size_t count;
};

static void add(void *context, int fd, const char *name)
{
    struct gathered *g = context;
    struct old_digest *d;
    off_t end = lseek(fd, 0, SEEK_END);

    g->digest = must_grow(g->digest, g->count, sizeof *g->digest);
    d = &g->digest[g->count++];
    d->name = name;
    digest_of(g->o, fd, name, end > 0 ? (uint64_t)end : 0, d->sha256);
}

struct old_digest *old_digests_of(const struct options *o, size_t *count)
{
    struct gathered g = {.o = o};

    source_each_memory(o->source, add, &g);
    *count = g.count;
    return g.digest;
}

static bool is_said(const struct manifest *m, const struct old_digest *d)
{
    for (size_t i = 0; i < m->olds; i++) {
        if (memcmp(m->old[i].sha256, d->sha256, DIGEST_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

void old_digests_check(const struct options *o)
{
    const struct options *made = o->other;
    const struct manifest *m = made->source->manifest;
    struct old_digest *old;
    size_t count;

    if (o->no_digest || m == NULL || m->olds == 0) {
        return;
    }
    old = old_digests_of(o, &count);
    for (size_t i = 0; i < count; i++) {
        char is[DIGEST_TEXT];

        if (!is_said(m, &old[i])) {
            digest_text(old[i].sha256, is);
            die(CLI_UNREAD, made->image,
                "was made of another file than %s, whose SHA-256 is %s: "
                "that has changed, or is another image; --no-digest compares "
                "them all the same",
                old[i].name, is);
        }
    }
    if (count != m->olds) {
        die(CLI_UNREAD, made->image,
            "was made of %zu files, and %s is of %zu; --no-digest compares "
            "them all the same",
            m->olds, o->image, count);
    }
    free(old);
}
