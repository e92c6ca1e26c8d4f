/* SPDX-License-Identifier: Apache-2.0 */
/* verify: whether a rebuilt image is the guest that it was made from. */
#include "old_digest.h"
#include "print.h"
#include "proof.h"
#include "roots.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

static void print_difference(const struct options *o,
                             const struct ptw_difference *d)
{
    char text[DIFFERENCE_BYTES];
    json_t *j;
    json_t *side;

    if (!o->json) {
        proof_difference(d, text);
        out_line("differs %s\n", text);
        return;
    }
    j = json_new();
    json_set_text(j, "type", "difference");
    json_set_count(j, "root", d->space);
    json_set_label(j, o, d->space);
    json_set_va(j, "va", d->va);
    json_set_text(j, "what", ptw_difference_text(d->kind));
    side = json_new();
    json_set_hex(side, "pa", d->old_pa.v);
    json_set_hex(side, "entry", d->old_raw);
    json_set_rights(side, d->old_rights);
    json_set(j, "old", side);
    side = json_new();
    json_set_hex(side, "pa", d->new_pa.v);
    json_set_hex(side, "entry", d->new_raw);
    json_set_rights(side, d->new_rights);
    json_set(j, "new", side);
    json_line(j);
}

/* The manifest says by the certificate what was made: where it has lost a root,
 * or says another policy, it is another comparison that succeeded. */
static void check_certificate(const struct options *o,
                              const struct ptw_certificate *c)
{
    char digest[PROOF_DIGEST];

    proof_digest(c, digest);
    if (o->certificate != NULL && !o->no_digest &&
        strcasecmp(o->certificate, digest) != 0) {
        die(CLI_UNREAD, o->other->image,
            "says certificate %s, and what it says of roots and policy gives "
            "%s: lines of it are missing, or were changed; --no-digest "
            "compares by them all the same",
            o->certificate, digest);
    }
}

static enum cli_status compare(const struct options *o, const struct image *im,
                               const struct image *other)
{
    struct ptw_verify *v = must(malloc(sizeof *v));
    enum ptw_status st = proof_run(v, o, im, o->other, other);
    enum cli_status status = image_report_read_error(o, im);

    status = cli_worse(status, image_report_read_error(o->other, other));
    if (status != CLI_DONE) {
        /* An answer about what could not be read is none. */
    } else if (st == PTW_OK) {
        check_certificate(o, &v->certificate);
        proof_print(o, &v->certificate);
    } else if (st == PTW_DIFFERENT) {
        print_difference(o, &v->difference);
        status = CLI_NO;
    } else if (st == PTW_E_LIMIT) {
        status = proof_limit(o);
    } else {
        die(CLI_UNREAD, o->image, "can't be compared: %s", ptw_status_text(st));
    }
    proof_end(v);
    free(v);
    return status;
}

enum cli_status verify_run(const struct options *o, const struct image *im)
{
    struct image other;
    enum cli_status status;

    image_open(&other, o->other);
    old_digests_check(o);
    roots_report_empty(o->other, &other);
    image_watch(&other, o, "comparing pages", image_memory(&other));
    status = cli_worse(roots_report_all_bad(o, im),
                       roots_report_all_bad(o->other, &other));
    if (status == CLI_DONE) {
        status = roots_report_flags(o);
    }
    if (status == CLI_DONE) {
        status = compare(o, im, &other);
    }
    image_report_holes(&other);
    image_close(&other);
    return status;
}
