/* SPDX-License-Identifier: Apache-2.0 */
/* info: what the file is, where memory lies in it, what it says of the machine,
 * and what follows from that and from the options. */
#include "digest.h"
#include "facts.h"
#include "image.h"
#include "json.h"
#include "manifest.h"
#include "plain.h"
#include "print.h"
#include "roots.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const struct source *s)
{
    static char text[sizeof s->container.name + sizeof s->inside];

    (void)snprintf(text, sizeof text, "%s%s",
                   s->opened ? s->container.name : "raw memory", s->inside);
    return text;
}

static const char *const families[] = {
    [DUMP_UNKNOWN] = "unknown",        [DUMP_X86] = "x86",
    [DUMP_AARCH64] = "aarch64",        [DUMP_RISCV] = "riscv",
    [DUMP_FOREIGN] = "an unknown one",
};

/* ------------------------------------------------------------------ as lines */

/* The file of a manifest's image, as a terminal shows it, for free. */
static char *name_of_image(const struct source *s)
{
    const char *name = source_vouched(s)->name;
    char *plain = must(strdup(name));

    (void)plain_text(plain, true);
    return plain;
}

static void print_image(const struct options *o)
{
    char *name = name_of_image(o->source);
    char digest[DIGEST_TEXT];

    digest_text(o->source->manifest->sha256, digest);
    out_text("image: ");
    out_text(name);
    out_line(", whose SHA-256 is %s%s\n", o->no_digest ? "said to be " : "",
             digest);
    free(name);
}

/* How many segments there are of memory. */
static size_t count_segments(const struct image *im)
{
    size_t count = 0;

    for (size_t i = 0; i < im->segments; i++) {
        count += !image_is_made(im, &im->segment[i]);
    }
    return count;
}

/* Ranges that follow each other are one, wherever they lie in the file. */
static void print_ranges(const struct image *im)
{
    enum { SHOWN = 16 };
    size_t ranges = 0;

    for (size_t i = 0; i < im->segments;) {
        uint64_t first = im->segment[i].pa;
        uint64_t last;

        if (image_is_made(im, &im->segment[i])) {
            i++;
            continue;
        }
        do {
            last = im->segment[i].pa + (im->segment[i].bytes - 1);
            i++;
        } while (i < im->segments && last + 1 == im->segment[i].pa &&
                 !image_is_made(im, &im->segment[i]));
        if (ranges++ < SHOWN) {
            char size[16];

            human_size(last - first + 1, size);
            out_line("  %016" PRIx64 "-%016" PRIx64 " %7s\n", first, last,
                     size);
        }
    }
    if (ranges > SHOWN) {
        out_line("  and %zu more\n", ranges - SHOWN);
    }
}

static void print_file(const struct options *o, const struct image *im)
{
    const struct source *s = o->source;
    size_t segments = count_segments(im);
    char size[16];

    out_line("file: %s\n", kind_of(s));
    if (s->manifest != NULL) {
        print_image(o);
    }
    human_size(image_memory(im), size);
    out_line("memory: %s in %zu segment%s", size, segments,
             segments == 1 ? "" : "s");
    if (s->dump.missing > 0) {
        human_size(s->dump.missing, size);
        out_line("; %s more is named and not in the file", size);
    }
    out_line("\n");
    print_ranges(im);
}

static void print_machine(const struct dump *d)
{
    char text[128];

    if (d->family != DUMP_UNKNOWN) {
        out_line("machine: %s\n", families[d->family]);
    }
    for (size_t i = 0; i < d->cpus; i++) {
        const struct dump_cpu *cpu = &d->cpu[i];

        if (d->paravirtual) {
            out_line("CPU %zu: paravirtualised, its table at %" PRIx64
                     ", the user's at %" PRIx64,
                     i, cpu->cr3, cpu->user_table);
            if (cpu->upper != 0) {
                out_line(", Xen's %s it made at %" PRIx64,
                         d->pae ? "copy of" : "above", cpu->upper);
            }
            out_line("\n");
            continue;
        }
        out_line("CPU %zu: CR0 %" PRIx64 ", CR3 %" PRIx64 ", CR4 %" PRIx64, i,
                 cpu->cr0, cpu->cr3, cpu->cr4);
        if (cpu->has_efer) {
            out_line(", EFER %" PRIx64, cpu->efer);
        }
        out_line("\n");
    }
    if (d->cpus == 0 && d->threads > 0) {
        out_line("CPUs: %zu, with their general registers alone\n", d->threads);
    }
    if (dump_vmcoreinfo_text(d, "OSRELEASE", text, sizeof text)) {
        out_line("system: Linux %s\n", text);
    }
}

static void print_paging(const struct options *o)
{
    const struct facts *f = o->facts;

    if (f->family != DUMP_UNKNOWN) {
        out_line("paging: said by %s", f->from);
        if (f->other > 0) {
            out_line("; %" PRIu32 " other CPU%s another mode, or none",
                     f->other, f->other == 1 ? " has" : "s have");
        }
        if (f->folded > 0) {
            out_line("; %" PRIu32 " more CPU%s the root of another one",
                     f->folded, f->folded == 1 ? " has" : "s have");
        }
        if (f->differ[0] != '\0') {
            out_line("; the registers of others differ: %s", f->differ);
        }
        out_line("\nassumed: %s\n", f->assumed);
    }
    if (!o->has_mode) {
        out_line("mode: %s; give --regime, or registers\n",
                 facts_are_unread(f) ? "not known from what the file says"
                                     : "not said by the file");
        return;
    }
    out_line("mode: %s, %u-bit physical addresses", ptw_regime_name(&o->regime),
             ptw_pa_bits(&o->regime));
    if (o->regime.flag_bits != 0) {
        out_line(", flag bits %" PRIx64, o->regime.flag_bits);
    }
    out_line("\n");
    for (uint32_t i = 0; i < o->roots; i++) {
        bool known = f->roots == o->roots && o->root_from_file;

        out_line("root %" PRIu32 ": %" PRIx64 "%s%s", i, o->root[i].table.v,
                 known ? ", of " : "", known ? f->root[i].label : "");
        out_label(o, i);
        out_text("\n");
    }
    if (o->roots == 0) {
        out_line("roots: none is said by the file; give --root, or a "
                 "register\n");
    }
}

/* ------------------------------------------------------------------- as JSON */

static void file_json(const struct options *o, const struct image *im)
{
    const struct source *s = o->source;
    json_t *j = json_new();
    char digest[DIGEST_TEXT];
    char text[128];

    json_set_text(j, "type", "file");
    json_set_text(j, "kind", kind_of(s));
    if (s->manifest != NULL) {
        char *name = name_of_image(s);

        digest_text(s->manifest->sha256, digest);
        json_set_text(j, "image", name);
        json_set_text(j, "sha256", digest);
        free(name);
    }
    json_set_count(j, "memory", image_memory(im));
    json_set_count(j, "segments", count_segments(im));
    json_set_count(j, "missing", s->dump.missing);
    if (s->dump.family != DUMP_UNKNOWN && s->dump.family != DUMP_FOREIGN) {
        json_set_text(j, "machine", families[s->dump.family]);
    }
    if (dump_vmcoreinfo_text(&s->dump, "OSRELEASE", text, sizeof text)) {
        json_set_text(j, "release", text);
    }
    json_line(j);
    for (size_t i = 0; i < im->segments; i++) {
        if (image_is_made(im, &im->segment[i])) {
            continue;
        }
        j = json_new();
        json_set_text(j, "type", "segment");
        json_set_hex(j, "pa", im->segment[i].pa);
        json_set_count(j, "bytes", im->segment[i].bytes);
        json_set_count(j, "offset", im->segment[i].offset);
        json_line(j);
    }
}

static void machine_json(const struct dump *d)
{
    for (size_t i = 0; i < d->cpus; i++) {
        json_t *j = json_new();

        json_set_text(j, "type", "cpu");
        json_set_count(j, "cpu", i);
        json_set_hex(j, "cr0", d->cpu[i].cr0);
        json_set_hex(j, "cr3", d->cpu[i].cr3);
        json_set_hex(j, "cr4", d->cpu[i].cr4);
        if (d->cpu[i].has_efer) {
            json_set_hex(j, "efer", d->cpu[i].efer);
        }
        if (d->paravirtual) {
            json_set_hex(j, "user_table", d->cpu[i].user_table);
            json_set_hex(j, "upper_table", d->cpu[i].upper);
        }
        json_line(j);
    }
}

static void paging_json(const struct options *o)
{
    const struct facts *f = o->facts;
    json_t *j;

    if (o->has_mode) {
        j = json_new();
        json_set_text(j, "type", "mode");
        json_set_text(j, "mode", ptw_regime_name(&o->regime));
        json_set_count(j, "pa_bits", ptw_pa_bits(&o->regime));
        json_set_flag_bits(j, &o->regime, o->regime.flag_bits);
        if (f->family != DUMP_UNKNOWN) {
            json_set_text(j, "from", f->from);
            json_set_text(j, "assumed", f->assumed);
            if (f->left_out[0] != '\0') {
                json_set_text(j, "left_out", f->left_out);
            }
            if (f->differ[0] != '\0') {
                json_set_text(j, "differ", f->differ);
            }
        }
        json_line(j);
    }
    for (uint32_t i = 0; i < o->roots; i++) {
        j = json_new();
        json_set_text(j, "type", "root");
        json_set_count(j, "root", i);
        json_set_hex(j, "pa", o->root[i].table.v);
        if (f->roots == o->roots && o->root_from_file) {
            json_set_text(j, "label", f->root[i].label);
        }
        json_set_label(j, o, i);
        json_line(j);
    }
}

enum cli_status info_run(const struct options *o, const struct image *im)
{
    if (o->json) {
        file_json(o, im);
        machine_json(&o->source->dump);
        paging_json(o);
    } else {
        print_file(o, im);
        print_machine(&o->source->dump);
        print_paging(o);
    }
    return cli_worse(roots_report_all_bad(o, im),
                     facts_are_unread(o->facts) ? CLI_UNREAD : CLI_DONE);
}
