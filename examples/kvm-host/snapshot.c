/* SPDX-License-Identifier: Apache-2.0 */
/* Taking snapshots. */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a step asks for; what it had before is given back. */
static enum ptw_status give(struct ptw_rebuild *rb)
{
    void *before = NULL;
    void *storage = malloc(rb->wanted);
    enum ptw_status st = PTW_E_SPACE;

    if (storage != NULL) {
        st = ptw_rebuild_give(rb, storage, rb->wanted, &before);
    }
    free(st == PTW_OK ? before : storage);
    return st;
}

static enum ptw_status rebuild_steps(struct ptw_rebuild *rb,
                                     struct image *image)
{
    static const struct ptw_page_sink sink = {ptw_sink_to_memory};
    struct ptw_sink_memory pages = {
        .first = {IMAGE_AT},
        .host = image->bytes,
        .bytes = IMAGE_MOST,
        .step = (size_t)sysconf(_SC_PAGESIZE),
    };
    struct ptw_root root[PLAY_SPACES];
    struct ptw_mem to;
    enum ptw_status st;

    do {
        st = ptw_rebuild_plan(rb);
    } while (st == PTW_E_SPACE && give(rb) == PTW_OK);
    if (st == PTW_OK) {
        st = ptw_rebuild_copy(rb, &sink, &pages);
    }
    if (st == PTW_OK) {
        st = ptw_mem_init_flat(&to, ptw_pa_of(IMAGE_AT), image->bytes,
                               IMAGE_MOST, true);
    }
    if (st == PTW_OK) {
        st = ptw_rebuild_tables(rb, &to, root);
    }
    for (unsigned i = 0; i < PLAY_SPACES && st == PTW_OK; i++) {
        image->root[i] = root[i].table;
    }
    return st;
}

static enum ptw_status rebuild(const struct ptw_mem *mem,
                               const struct ptw_root root[PLAY_SPACES],
                               struct image *image,
                               struct ptw_rebuild_counts *counts)
{
    static struct ptw_rebuild rb;
    struct ptw_rebuild_options o = ptw_rebuild_everything();
    enum ptw_status st;

    o.base = ptw_pa_of(IMAGE_AT);
    o.flags = PTW_REBUILD_COPY_ON_WRITE; /* marks of before stay: ours */
    o.max_bytes = IMAGE_MOST;
    memset(image->bytes, 0, IMAGE_MOST);
    st = ptw_rebuild_init(&rb, mem, root, PLAY_SPACES, &o);
    if (st != PTW_OK) {
        return st;
    }
    st = rebuild_steps(&rb, image);
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(&rb, i));
    }
    *counts = rb.counts;
    image->used = rb.counts.bytes;
    return st;
}

static enum ptw_status verify(const struct spaces *s,
                              const struct ptw_root root[PLAY_SPACES],
                              const struct image *image,
                              struct snapshot_report *report)
{
    static struct ptw_verify v;
    struct ptw_root new_root[PLAY_SPACES];
    struct ptw_verify_options o = {.last = {UINT64_MAX},
                                   .flags = PTW_REBUILD_COPY_ON_WRITE};
    struct ptw_mem now;
    enum ptw_status st = ptw_mem_init_flat(&now, ptw_pa_of(IMAGE_AT),
                                           image->bytes, image->used, false);

    if (st == PTW_OK) {
        spaces_roots(&s->regime, image, new_root);
        st =
            ptw_verify_init(&v, &s->mem, root, &now, new_root, PLAY_SPACES, &o);
    }
    if (st != PTW_OK) {
        return st;
    }
    while ((st = ptw_verify_run(&v)) == PTW_E_SPACE) {
        void *before = NULL;
        void *storage = malloc(v.wanted);

        st = ptw_verify_give(&v, storage, v.wanted, &before);
        free(st == PTW_OK ? before : storage);
        if (st != PTW_OK) {
            break;
        }
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(&v, i));
    }
    report->certificate = v.certificate;
    report->trouble =
        st == PTW_DIFFERENT ? ptw_difference_text(v.difference.kind) : NULL;
    return st;
}

/* To rebuild what was rebuilt changes nothing. */
static enum ptw_status rebuild_again(const struct spaces *s,
                                     const struct image *image,
                                     struct snapshot_report *report)
{
    static uint8_t bytes[IMAGE_MOST];
    struct image again = {.bytes = bytes};
    struct ptw_root root[PLAY_SPACES];
    struct ptw_rebuild_counts counts;
    struct ptw_mem mem;
    enum ptw_status st = ptw_mem_init_flat(&mem, ptw_pa_of(IMAGE_AT),
                                           image->bytes, image->used, false);

    if (st == PTW_OK) {
        spaces_roots(&s->regime, image, root);
        st = rebuild(&mem, root, &again, &counts);
    }
    if (st == PTW_OK &&
        (again.used != image->used ||
         memcmp(again.bytes, image->bytes, image->used) != 0 ||
         memcmp(again.root, image->root, sizeof again.root) != 0)) {
        report->trouble = "a snapshot of the snapshot is another one";
        return PTW_DIFFERENT;
    }
    return st;
}

enum ptw_status snapshot_take(const struct spaces *s,
                              const struct vm_registers *regs,
                              struct image *image,
                              struct snapshot_report *report)
{
    struct ptw_root root[PLAY_SPACES];
    enum ptw_status st;

    for (unsigned i = 0; i < PLAY_SPACES; i++) {
        root[i] = s->space[i].tables.root;
    }
    memset(report, 0, sizeof *report);
    report->trouble = "the rebuild";
    st = rebuild(&s->mem, root, image, &report->counts);
    if (st == PTW_OK) {
        st = verify(s, root, image, report);
    }
    if (st == PTW_OK) {
        st = rebuild_again(s, image, report);
    }
    image->mode = s->vm->config.mode;
    image->current = s->current;
    image->regs = *regs;
    image->regs.cr3 = image->root[s->current].v;
    return st;
}
