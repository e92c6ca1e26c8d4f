/* SPDX-License-Identifier: Apache-2.0 */
/* compact: a dense image with new tables, which takes its name only when the
 * comparison with the old one has passed. */
#include "made.h"
#include "output.h"
#include "policy.h"
#include "print.h"
#include "proof.h"
#include "random.h"
#include "roots.h"
#include "source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* What the new image may take by default, beyond twice the old one's memory. */
static const uint64_t SPARE_BYTES = (uint64_t)64 << 20;

static uint64_t most_bytes(const struct image *im)
{
    uint64_t bytes = image_memory(im);

    return bytes < UINT64_MAX / 4 ? 2 * bytes + SPARE_BYTES : UINT64_MAX;
}

/* Files that are made beside the image. */
enum beside { PAGE_MAP, LAYOUT, ROOTS, MANIFEST, BESIDE };

struct compaction {
    const struct options *o;
    const struct image *im;
    uint64_t max_bytes;
    struct ptw_rebuild *rb;
    struct ptw_root *new_root;
    struct extent extent; /* of the old image */
    struct output out;
    struct output beside[BESIDE];
};

/* ----------------------------------------------------------- the new image */

static void give_storage(struct ptw_rebuild *rb)
{
    size_t bytes = rb->wanted;
    void *before;

    if (ptw_rebuild_give(rb, must(malloc(bytes)), bytes, &before) != PTW_OK) {
        die_of_memory();
    }
    free(before);
}

PTW_NORETURN static void die_of_bytes(const struct compaction *c)
{
    die(CLI_NO, c->o->image,
        "stopped at the limit of %" PRIu64 " bytes for the new image",
        c->max_bytes);
}

/* Names the --map option that was refused. */
PTW_NORETURN static void die_of_some_map(const struct compaction *c,
                                         enum ptw_status st)
{
    const struct options *o = c->o;
    size_t map;

    if (!ptw_rebuild_bad_map(c->rb, &map)) {
        die(CLI_UNREAD, o->image, "can't be rebuilt: %s", ptw_status_text(st));
    }
    die_of_map(o, &o->map[map],
               st == PTW_E_OVERLAP
                   ? "these addresses are kept: --leave-out them"
                   : ptw_status_text(st));
}

PTW_NORETURN static void die_of_mark(const struct compaction *c)
{
    uint32_t space = 0;
    ptw_va va = {0};

    (void)ptw_rebuild_bad_mark(c->rb, &space, &va);
    die(CLI_NO, c->o->image,
        "root %" PRIu32 ": the read-only leaf at %016" PRIx64
        " carries the copy-on-write mark already: with --marked keep it stays "
        "as it is, with --marked clear it loses the mark",
        space, va.v);
}

PTW_NORETURN static void die_of_plan(const struct compaction *c,
                                     enum ptw_status st)
{
    const struct options *o = c->o;

    if (st == PTW_E_LIMIT && c->rb->counts.bytes > c->max_bytes) {
        die_of_bytes(c);
    }
    if (st == PTW_E_LIMIT) {
        exit((int)proof_limit(o));
    }
    if (st == PTW_E_RIGHTS) {
        die_of_some_map(c, st);
    }
    if (st == PTW_E_OVERLAP) {
        die(CLI_USAGE, o->command,
            "--tables-base %" PRIx64 ": the new tables, %" PRIx64
            " bytes, would overlap the new pages, which are %" PRIx64
            " bytes from %" PRIx64 " on",
            o->tables_base, c->rb->counts.bytes - c->rb->counts.page_bytes,
            c->rb->counts.page_bytes, o->new_base);
    }
    if (st == PTW_E_WIDTH && o->has_tables_base) {
        die(CLI_USAGE, o->command,
            "--new-base %" PRIx64 ", --tables-base %" PRIx64
            ": from there on, the new pages, %" PRIx64
            " bytes, or the new tables, %" PRIx64
            " bytes, do not fit the physical addresses",
            o->new_base, o->tables_base, c->rb->counts.page_bytes,
            c->rb->counts.bytes - c->rb->counts.page_bytes);
    }
    if (st == PTW_E_WIDTH && o->new_base != 0) {
        die(CLI_USAGE, o->command,
            "--new-base %" PRIx64
            ": from there on, the new image does not fit the physical "
            "addresses",
            o->new_base);
    }
    if (st == PTW_E_WIDTH) {
        die(CLI_NO, o->image,
            "the new image does not fit the physical addresses");
    }
    if (st == PTW_E_MARKED) {
        die_of_mark(c);
    }
    if (st == PTW_E_SHARED) {
        die(CLI_NO, c->o->image,
            "root %" PRIx64 " is a table below an earlier root, too, and would "
            "become two tables: give it first",
            c->o->root[ptw_rebuild_bad_root(c->rb)].table.v);
    }
    if (image_report_read_error(o, c->im) != CLI_DONE) {
        exit(CLI_UNREAD);
    }
    if (st == PTW_E_CHANGED) {
        die(CLI_UNREAD, o->image, "its tables changed while they were read");
    }
    die(CLI_UNREAD, o->image, "can't be rebuilt: %s", ptw_status_text(st));
}

PTW_NORETURN static void die_of_arguments(const struct compaction *c,
                                          enum ptw_status st)
{
    const struct options *o = c->o;
    const char *name = o->command;
    uint64_t in_page = page_bytes(o) - 1;

    if (ptw_rebuild_bad_map(c->rb, &(size_t){0})) {
        die_of_some_map(c, st);
    }
    if ((st == PTW_E_ALIGN && (o->new_base & in_page) == 0) ||
        (st == PTW_E_WIDTH && o->new_base >> ptw_pa_bits(&o->regime) == 0)) {
        die(CLI_USAGE, name, "--tables-base %" PRIx64 ": %s", o->tables_base,
            ptw_status_text(st));
    }
    if (st == PTW_E_ALIGN || st == PTW_E_WIDTH) {
        die(CLI_USAGE, name, "--new-base %" PRIx64 ": %s", o->new_base,
            ptw_status_text(st));
    }
    if (st == PTW_E_RANGE) {
        die_of_nothing_kept(o);
    }
    if (st == PTW_E_REGIME) {
        die(CLI_USAGE, name, "paging is off: there is nothing to rebuild");
    }
    die(CLI_USAGE, name, "these arguments can't be: %s", ptw_status_text(st));
}

static void begin(const struct compaction *c)
{
    const struct options *o = c->o;
    struct ptw_rebuild_options ro = ptw_rebuild_everything();
    enum ptw_status st;

    /* To the rebuild, 0 would be no limit. */
    if (o->reads == 0) {
        exit((int)proof_limit(o));
    }
    if (c->max_bytes == 0) {
        die_of_bytes(c);
    }
    ro.first = o->first;
    ro.last = o->last;
    ro.leave_out = o->leave_out;
    ro.leave_outs = o->leave_outs;
    ro.map = o->map;
    ro.maps = o->maps;
    ro.base.v = o->new_base;
    ro.flags = o->policy;
    ro.absent = o->absent;
    ro.root_flags = o->root_flags;
    if (o->has_tables_base) {
        ro.tables_base.v = o->tables_base;
        ro.flags |= PTW_REBUILD_TABLES_APART;
    }
    ro.max_reads = o->reads;
    ro.max_bytes = c->max_bytes;
    ro.seed = random_seed();
    st = ptw_rebuild_init(c->rb, &c->im->mem, o->root, o->roots, &ro);
    if (st != PTW_OK) {
        die_of_arguments(c, st);
    }
}

static void plan(const struct compaction *c)
{
    enum ptw_status st;

    progress_step(c->o, "planning", 0, 0);
    image_watch(c->im, c->o, "planning", image_memory(c->im));
    while ((st = ptw_rebuild_plan(c->rb)) == PTW_E_SPACE) {
        give_storage(c->rb);
    }
    image_watch_end(c->im);
    if (st != PTW_OK) {
        die_of_plan(c, st);
    }
}

/* All that a wrong root leaves is an image without anything. */
static void check_kept(const struct compaction *c)
{
    const struct ptw_rebuild_counts *n = &c->rb->counts;

    if (n->pages != 0 || n->leaves != 0 || c->o->maps != 0 ||
        c->o->allow_empty) {
        return;
    }
    die(CLI_NO, c->o->image,
        "nothing is kept: no root leads to a page that the image has: a wrong "
        "root, or a wrong layout?  With --allow-empty the new image is made "
        "all "
        "the same");
}

/* How many of the n bytes from pa on are holes of the old file, or, if the
 * first page is none, are not.  Whole pages. */
static size_t same_kind(struct compaction *c, ptw_pa pa, size_t n, bool *hole)
{
    size_t at = PAGE_BYTES;

    *hole = image_hole(c->im, pa, &c->extent);
    while (at < n &&
           image_hole(c->im, ptw_pa_of(pa.v + at), &c->extent) == *hole) {
        at += PAGE_BYTES;
    }
    return at;
}

/* What is a hole of the old file is one of the new file, which has no bytes
 * there so far: it is neither read nor written. */
static void write_pages(struct compaction *c, uint64_t offset,
                        const unsigned char *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        bool hole;
        size_t part =
            same_kind(c, ptw_pa_of(c->rb->where.v + at), n - at, &hole);

        if (!hole) {
            output_write(&c->out, offset + at, bytes + at, part);
        }
        at += part;
    }
}

static enum ptw_status sink_write(void *ctx, ptw_pa to, const void *bytes,
                                  size_t n)
{
    struct compaction *c = ctx;
    uint64_t offset = to.v - c->o->new_base;

    write_pages(c, offset, bytes, n);
    progress_step(c->o, "copying", offset, c->rb->counts.page_bytes);
    return PTW_OK;
}

/* The sink refuses nothing; what is left is what a plan may fail with, where a
 * large page could not be read in part, so that there are more tables. */
static void copy(struct compaction *c)
{
    static const struct ptw_page_sink sink = {sink_write};
    enum ptw_status st;

    image_in_order(c->im);
    st = ptw_rebuild_copy(c->rb, &sink, c);
    if (st != PTW_OK) {
        die_of_plan(c, st);
    }
}

static void build_tables(struct compaction *c)
{
    const struct ptw_rebuild_counts *n = &c->rb->counts;
    struct output_memory memory =
        output_map(&c->out, n->page_bytes, n->bytes - n->page_bytes);
    struct ptw_mem to;
    enum ptw_status st;

    progress_step(c->o, "building tables", 0, 0);
    st = ptw_mem_init_flat(&to, ptw_rebuild_tables_at(c->rb), memory.host,
                           n->bytes - n->page_bytes, true);
    if (st == PTW_OK) {
        st = ptw_rebuild_tables(c->rb, &to, c->new_root);
    }
    if (st != PTW_OK) {
        die_of_plan(c, st);
    }
    output_unmap(&memory);
    output_size(&c->out, n->bytes);
}

/* What could not be read because of the disk is not the guest's doing, and not
 * to be dropped and counted. */
static void check_reads(const struct compaction *c)
{
    enum cli_status status = image_report_read_error(c->o, c->im);

    if (status != CLI_DONE) {
        exit((int)status);
    }
}

/* ---------------------------------------------------------------- page map */

/* The pages that the image has, in the order of their old addresses. */
static void write_page_map(struct compaction *c)
{
    uint64_t all =
        (c->rb->counts.pages + c->rb->counts.merged) * page_bytes(c->o);
    uint64_t seen = 0;
    uint64_t offset = 0;
    ptw_pa old = {0};
    ptw_pa now;
    uint64_t bytes = 0;

    while (ptw_rebuild_pages(c->rb, ptw_pa_of(old.v + bytes), &old, &now,
                             &bytes) == PTW_OK) {
        char text[3 * 17];
        char *p = text;

        p = put_hex(p, old.v);
        *p++ = ' ';
        p = put_hex(p, now.v);
        *p++ = ' ';
        p = put_hex(p, bytes);
        *p++ = '\n';
        output_write(&c->beside[PAGE_MAP], offset, text, (size_t)(p - text));
        offset += (uint64_t)(p - text);
        seen += bytes;
        progress_step(c->o, "mapping pages", seen, all);
    }
}

/* ------------------------------------------------------------------ output */

static void print_roots(const struct compaction *c)
{
    for (uint32_t i = 0; i < c->o->roots; i++) {
        uint64_t flags = c->o->root_flags[i];
        uint64_t was = c->o->root[i].table.v | flags;
        uint64_t now = c->new_root[i].table.v | flags;
        json_t *j;

        if (!c->o->json) {
            out_line("root %" PRIu32 " %" PRIx64 " %" PRIx64, i, was, now);
            out_label(c->o, i);
            out_text("\n");
            continue;
        }
        j = json_new();
        json_set_text(j, "type", "root");
        json_set_count(j, "root", i);
        json_set_hex(j, "old_pa", was);
        json_set_hex(j, "new_pa", now);
        json_set_label(j, c->o, i);
        json_line(j);
    }
}

/* The parts of the new file, in ascending order of their addresses: its pages,
 * if it has some, and its tables.  Returns how many there are. */
static size_t layout(const struct compaction *c,
                     struct segment part[MADE_PARTS])
{
    const struct ptw_rebuild_counts *n = &c->rb->counts;
    struct segment pages = {c->o->new_base, n->page_bytes, 0};
    struct segment tables = {ptw_rebuild_tables_at(c->rb).v,
                             n->bytes - n->page_bytes, n->page_bytes};
    bool before = tables.pa < pages.pa;

    if (pages.bytes == 0) {
        part[0] = tables;
        return 1;
    }
    part[0] = before ? tables : pages;
    part[1] = before ? pages : tables;
    return MADE_PARTS;
}

/* How the new file is to be read when its pages and its tables lie apart: as
 * --segment and --new-segment take it. */
static void print_layout(const struct compaction *c)
{
    struct segment part[MADE_PARTS];
    size_t parts = layout(c, part);

    for (size_t i = 0; c->o->has_tables_base && i < parts; i++) {
        json_t *j;

        if (!c->o->json) {
            out_line("segment %" PRIx64 ":%" PRIx64 ":%" PRIx64 "\n",
                     part[i].pa, part[i].bytes, part[i].offset);
            continue;
        }
        j = json_new();
        json_set_text(j, "type", "segment");
        json_set_hex(j, "pa", part[i].pa);
        json_set_count(j, "bytes", part[i].bytes);
        json_set_count(j, "offset", part[i].offset);
        json_line(j);
    }
}

static const char *drop_name(unsigned why)
{
    static const char *const names[PTW_DROPS] = {
        [PTW_DROP_OUTSIDE] = "dropped-outside",
        [PTW_DROP_PARTIAL] = "dropped-partial",
        [PTW_DROP_UNREADABLE] = "dropped-unreadable",
        [PTW_DROP_BAD_ENTRY] = "dropped-bad-entry",
        [PTW_DROP_TABLE] = "dropped-table",
        [PTW_DROP_SELF] = "dropped-self",
    };

    return names[why];
}

static void print_counts(const struct compaction *c)
{
    const struct ptw_rebuild_counts *n = &c->rb->counts;
    json_t *j = NULL;

    if (c->o->json) {
        j = json_new();
        json_set_text(j, "type", "counts");
    }
    print_count(j, "spaces", n->spaces);
    print_count(j, "pages", n->pages);
    print_count(j, "tables", n->tables);
    print_count(j, "leaves", n->leaves);
    print_count(j, "large", n->large);
    print_count(j, "aliases", n->aliases);
    print_count(j, "split", n->split);
    print_count(j, "copy-on-write", n->copy_on_write);
    print_count(j, "copy-on-write-pages", n->copy_on_write_pages);
    print_count(j, "shared-writable", n->shared_writable);
    print_count(j, "writable-pages", n->writable_pages);
    print_count(j, "marked-before", n->marked_before);
    if (c->o->regime.flag_bits != 0) {
        print_count(j, "flags-differ", n->flags_differ);
    }
    print_count(j, "merged", n->merged);
    print_count(j, "writable-selves", n->writable_selves);
    print_count(j, "zeros", n->zeros);
    for (unsigned i = 0; i < PTW_DROPS; i++) {
        print_count(j, drop_name(i), n->dropped[i]);
    }
    print_count(j, "absent-kept", n->absent_kept);
    print_count(j, "absent-cleared", n->absent_cleared);
    print_count(j, "absent-followed", n->absent_followed);
    print_count(j, "absent-unknown", n->absent_unknown);
    print_count(j, "bytes-before", image_memory(c->im));
    print_count(j, "bytes-after", n->bytes);
    if (j != NULL) {
        json_line(j);
    }
}

/* Compares the old image with the new file, opened afresh.  That begins with a
 * page of the guest, which may begin with anything: returns whether the new
 * file would be taken for a container; *container says which. */
static bool prove(const struct compaction *c, struct ptw_verify *v,
                  struct container *container)
{
    bool is_container;
    struct options rebuilt = *c->o;
    struct segment part[MADE_PARTS];
    struct image im;
    enum ptw_status st;
    char text[DIFFERENCE_BYTES];

    rebuilt.image = c->o->output;
    rebuilt.root = c->new_root;
    rebuilt.base = c->o->new_base;
    rebuilt.segments = 0;
    if (c->o->has_tables_base) {
        rebuilt.segment = part;
        rebuilt.segments = layout(c, part);
    }
    image_open_fd(&im, &rebuilt, output_reader(&c->out));
    image_watch(&im, c->o, "comparing pages", c->rb->counts.page_bytes);
    st = proof_run(v, c->o, c->im, &rebuilt, &im);
    if (image_report_read_error(&rebuilt, &im) != CLI_DONE) {
        exit(CLI_UNREAD);
    }
    check_reads(c);
    if (st == PTW_E_LIMIT) {
        exit((int)proof_limit(c->o));
    }
    if (st != PTW_OK) {
        proof_difference(&v->difference, text);
        die(CLI_NO, c->o->image, "what was rebuilt is not the same: %s", text);
    }
    proof_end(v);
    is_container = image_container(&im, c->o->output, container);
    image_close(&im);
    return is_container;
}

/* Says why nothing was merged, where that was asked for. */
static void report_unmerged(const struct compaction *c)
{
    uint64_t selves = c->rb->counts.writable_selves;

    if (selves > 0 &&
        (c->o->policy & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) != 0) {
        report(c->o->image,
               "no pages are merged: %" PRIu64
               " entr%s to the table that holds it, and the guest can write "
               "that table; 'spaces --findings' says where, and without these "
               "addresses pages can be merged",
               selves, selves == 1 ? "y refers" : "ies refer");
    }
}

/* Says that leaves of one page differ in what they say of its memory. */
static void report_flags(const struct compaction *c)
{
    uint64_t pages = c->rb->counts.flags_differ;

    if (pages > 0) {
        report(c->o->image,
               "%" PRIu64 " page%s mapped by leaves that differ in flag bits",
               pages, pages == 1 ? " is" : "s are");
    }
}

/* Warns of marks that the guest had before: a host that serves marks has to
 * know of those that are not the policy's. */
static void report_marked(const struct compaction *c)
{
    unsigned copies = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED;
    uint64_t marked = c->rb->counts.marked_before;

    if (marked == 0 || c->o->has_marked || (c->o->policy & copies) == 0) {
        return;
    }
    report(
        c->o->image,
        "read-only leaves that carried the copy-on-write mark before, and keep "
        "it: %" PRIu64 "; that is right if the guest was restored from a "
        "snapshot (--marked keep says so); if the mark is the guest's own, a "
        "host that serves it grants a write that the guest never had: --marked "
        "refuse or clear",
        marked);
}

/* -------------------------------------------------------- the files beside it */

/* NULL: that file is not wanted. */
static const char *beside_name(const struct options *o, enum beside which)
{
    const char *const names[BESIDE] = {
        [PAGE_MAP] = o->page_map,
        [LAYOUT] = o->new_layout,
        [ROOTS] = o->new_roots,
        [MANIFEST] = o->manifest,
    };

    return names[which];
}

/* Those that name the image have to be able to. */
static void open_beside(struct compaction *c)
{
    const struct options *o = c->o;

    if (o->new_layout != NULL) {
        free(made_name(o, o->new_layout, "new-layout"));
    }
    if (o->manifest != NULL) {
        free(made_name(o, o->manifest, "manifest"));
    }
    for (int i = 0; i < BESIDE; i++) {
        const char *name = beside_name(o, (enum beside)i);

        if (name != NULL) {
            output_open(&c->beside[i], name, o->force);
        }
    }
}

static void write_text(struct compaction *c, enum beside which,
                       const struct made *m,
                       void (*make)(const struct made *m, struct text *text))
{
    struct text text = {.bytes = NULL};

    if (beside_name(c->o, which) != NULL) {
        make(m, &text);
        output_write(&c->beside[which], 0, text.bytes, text.used);
        free(text.bytes);
    }
}

static void write_beside(struct compaction *c, const struct ptw_certificate *v)
{
    struct old_digest *old = NULL;
    struct made m = {
        .o = c->o,
        .root = c->new_root,
        .bytes = c->rb->counts.bytes,
        .certificate = v->digest,
    };

    m.parts = layout(c, m.part);
    if (c->o->manifest != NULL) {
        int fd = output_reader(&c->out);

        digest_of(c->o, fd, c->o->output, m.bytes, m.sha256);
        (void)close(fd);
    }
    if (c->o->manifest != NULL && !c->o->no_digest) {
        old = old_digests_of(c->o, &m.olds);
        m.old = old;
    }
    if (c->o->page_map != NULL) {
        write_page_map(c);
    }
    write_text(c, LAYOUT, &m, made_layout);
    write_text(c, ROOTS, &m, made_roots);
    write_text(c, MANIFEST, &m, made_manifest);
    free(old);
}

static void close_beside(struct compaction *c)
{
    for (int i = 0; i < BESIDE; i++) {
        if (beside_name(c->o, (enum beside)i) != NULL) {
            output_close(&c->beside[i]);
        }
    }
}

static void compact(struct compaction *c)
{
    struct ptw_verify *v = must(malloc(sizeof *v));
    struct container container;
    bool is_container;

    begin(c);
    source_each_file(c->o->source, outputs_protect);
    output_open(&c->out, c->o->output, c->o->force);
    open_beside(c);
    plan(c);
    check_kept(c);
    copy(c);
    build_tables(c);
    check_reads(c);
    is_container = prove(c, v, &container);
    write_beside(c, &v->certificate);
    progress_step(c->o, "writing", 0, 0);
    outputs_finish();
    outputs_place();
    out_needed(c->o->output);
    print_roots(c);
    print_layout(c);
    print_counts(c);
    proof_print(c->o, &v->certificate);
    /* Who can't be told the new roots has no use for the image. */
    out_finish();
    outputs_commit();
    output_close(&c->out);
    close_beside(c);
    free(v);
    report_unmerged(c);
    report_flags(c);
    report_marked(c);
    if (is_container) {
        report(c->o->output,
               "is made, and begins like what is %s: it is opened with --raw",
               container.name);
    }
}

enum cli_status compact_run(const struct options *o, const struct image *im)
{
    struct compaction c = {.o = o, .im = im};
    enum cli_status status = roots_report_all_bad(o, im);

    if (status != CLI_DONE) {
        return status;
    }
    c.max_bytes = o->has_max_bytes ? o->max_bytes : most_bytes(im);
    c.rb = must(malloc(sizeof *c.rb));
    c.new_root = must(calloc(o->roots, sizeof *c.new_root));
    compact(&c);
    for (unsigned i = 0; i < PTW_REBUILD_STORES; i++) {
        free(ptw_rebuild_storage(c.rb, i));
    }
    free(c.rb);
    free(c.new_root);
    return CLI_DONE;
}
