/* SPDX-License-Identifier: Apache-2.0 */
#include "proof.h"

#include "print.h"
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_storage(struct ptw_verify *v)
{
    size_t bytes = v->wanted;
    void *before;

    if (ptw_verify_give(v, must(malloc(bytes)), bytes, &before) != PTW_OK) {
        die_of_memory();
    }
    free(before);
}

void die_of_nothing_kept(const struct options *o)
{
    die(CLI_USAGE, o->command,
        "--leave-out: of %016" PRIx64 "-%016" PRIx64
        " nothing is kept that a table can map",
        o->first.v, o->last.v);
}

enum ptw_status proof_run(struct ptw_verify *v, const struct options *o,
                          const struct image *im, const struct options *rebuilt,
                          const struct image *rebuilt_im)
{
    struct ptw_verify_options vo = {
        .first = o->first,
        .last = o->last,
        .leave_out = o->leave_out,
        .leave_outs = o->leave_outs,
        .flags = o->policy,
        .absent = o->absent,
        .max_reads = o->reads,
        .seed = random_seed(),
    };
    enum ptw_status st = ptw_verify_init(v, &im->mem, o->root, &rebuilt_im->mem,
                                         rebuilt->root, o->roots, &vo);

    if (st == PTW_E_RANGE) {
        die_of_nothing_kept(o);
    }
    if (st == PTW_E_REGIME) {
        die(CLI_USAGE, o->command,
            "paging is off: there is nothing to compare");
    }
    if (st == PTW_E_ARG) {
        die(CLI_USAGE, o->command,
            "the roots of the two images are not, one by one, of the same "
            "half: give both in one order");
    }
    if (st != PTW_OK) {
        die(CLI_USAGE, o->command, "this can't be compared: %s",
            ptw_status_text(st));
    }
    if (o->reads == 0) {
        return PTW_E_LIMIT; /* to the comparison, 0 would be no limit */
    }
    progress_step(o, "comparing", 0, 0);
    while ((st = ptw_verify_run(v)) == PTW_E_SPACE) {
        give_storage(v);
    }
    return st;
}

void proof_end(struct ptw_verify *v)
{
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(v, i));
    }
}

void print_count(json_t *object, const char *name, uint64_t value)
{
    char key[64];
    size_t i = 0;

    if (object == NULL) {
        out_line("%s %" PRIu64 "\n", name, value);
        return;
    }
    while (name[i] != '\0' && i < sizeof key - 1) {
        key[i] = name[i];
        if (key[i] == '-') {
            key[i] = '_';
        }
        i++;
    }
    key[i] = '\0';
    json_set_count(object, key, value);
}

void proof_digest(const struct ptw_certificate *c, char text[PROOF_DIGEST])
{
    (void)snprintf(text, PROOF_DIGEST, "%016" PRIx64 "%016" PRIx64,
                   c->digest[0], c->digest[1]);
}

void proof_print(const struct options *o, const struct ptw_certificate *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } count[] = {
        {"spaces", c->spaces},
        {"tables", c->tables},
        {"aliases", c->aliases},
        {"leaves", c->leaves},
        {"pages", c->pages},
        {"partial", c->partial},
        {"selves", c->selves},
        {"bad", c->bad},
        {"dropped", c->dropped},
        {"outside", c->outside},
        {"absent-kept", c->absent_kept},
        {"absent-cleared", c->absent_cleared},
        {"absent-followed", c->absent_followed},
        {"absent-unknown", c->absent_unknown},
        {"marked-before", c->marked_before},
    };
    char digest[PROOF_DIGEST];
    json_t *j = NULL;

    proof_digest(c, digest);
    if (o->json) {
        j = json_new();
        json_set_text(j, "type", "certificate");
    } else {
        out_text("verified");
    }
    for (size_t i = 0; i < sizeof count / sizeof count[0]; i++) {
        if (o->json) {
            print_count(j, count[i].name, count[i].value);
        } else {
            out_line(" %s %" PRIu64, count[i].name, count[i].value);
        }
    }
    if (o->json) {
        json_set_text(j, "digest", digest);
        json_line(j);
    } else {
        out_line(" digest %s\n", digest);
    }
}

enum cli_status proof_limit(const struct options *o)
{
    report(o->image, "stopped at the limit of %" PRIu64 " reads", o->reads);
    return CLI_NO;
}

void proof_difference(const struct ptw_difference *d,
                      char text[DIFFERENCE_BYTES])
{
    char old_rights[RIGHTS_ROOM];
    char new_rights[RIGHTS_ROOM];

    rights_text(d->old_rights, old_rights);
    rights_text(d->new_rights, new_rights);
    (void)snprintf(text, DIFFERENCE_BYTES,
                   "%" PRIu32 " %016" PRIx64 " %" PRIx64 " %" PRIx64
                   " %s %s %s",
                   d->space, d->va.v, d->old_pa.v, d->new_pa.v, old_rights,
                   new_rights, ptw_difference_text(d->kind));
}
