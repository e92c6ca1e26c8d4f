/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <stdio.h>
#include <string.h>

#ifdef PTW_HAVE_KDUMPFILE
#include <libkdumpfile/kdumpfile.h>

enum { PAGE = CHILD_DATA };

struct request {
    int fd;
    bool zeros;
};

/* Pages that the dump has, or the machine had, in runs. */
static bool send_runs(kdump_ctx_t *ctx, bool zeros, int socket)
{
    const char *pages =
        zeros ? KDUMP_ATTR_MEMORY_PAGEMAP : KDUMP_ATTR_FILE_PAGEMAP;
    struct child_message m = {.kind = CHILD_OWN};
    kdump_attr_t map;
    kdump_num_t page;
    kdump_addr_t at = 0;

    if (kdump_get_number_attr(ctx, KDUMP_ATTR_PAGE_SIZE, &page) != KDUMP_OK ||
        page < PAGE ||
        kdump_get_typed_attr(ctx, pages, (map.type = KDUMP_BITMAP, &map)) !=
            KDUMP_OK) {
        child_say_failed(socket, "its pages can't be listed: %s",
                         kdump_get_err(ctx));
        return false;
    }
    while (kdump_bmp_find_set(map.val.bitmap, &at) == KDUMP_OK) {
        kdump_addr_t end = at;

        if (kdump_bmp_find_clear(map.val.bitmap, &end) != KDUMP_OK ||
            end <= at || end > UINT64_MAX / page) {
            break;
        }
        m.first = at * page;
        m.last = end * page - 1;
        if (!child_send(socket, &m)) {
            return false;
        }
        at = end;
    }
    m.kind = CHILD_DONE;
    return child_send(socket, &m);
}

static void serve(void *context, int socket)
{
    const struct request *q = context;
    kdump_ctx_t *ctx = kdump_new();
    struct child_message m;

    if (ctx == NULL) {
        child_say_failed(socket, "there is not enough memory to read it");
        return;
    }
    if (kdump_open_fd(ctx, q->fd) != KDUMP_OK) {
        child_say_failed(socket, "libkdumpfile can't open it: %s",
                         kdump_get_err(ctx));
        return;
    }
    if (kdump_set_number_attr(ctx, KDUMP_ATTR_ZERO_EXCLUDED, q->zeros) !=
        KDUMP_OK) {
        child_say_failed(socket, "pages that it leaves out: %s",
                         kdump_get_err(ctx));
        return;
    }
    if (!send_runs(ctx, q->zeros, socket)) {
        return;
    }
    while (child_receive(socket, &m, 0)) {
        size_t n = PAGE;

        m.kind = CHILD_OWN;
        m.bytes = PAGE;
        m.last = 0;
        if (kdump_read(ctx, KDUMP_MACHPHYSADDR, m.first, m.data, &n) !=
            KDUMP_OK) {
            m.last = 1;
            m.bytes = (uint32_t)snprintf((char *)m.data, CHILD_WHY, "%.150s",
                                         kdump_get_err(ctx));
        }
        if (!child_send(socket, &m)) {
            return;
        }
    }
}

bool pages_built(void)
{
    return true;
}

bool pages_open(struct pages *p, int fd, bool zeros, struct dump *d)
{
    struct request q = {fd, zeros};
    struct child_message m;

    if (!child_start(&p->child, serve, &q)) {
        return dump_refuse(d, "%s", p->child.why);
    }
    while (child_hear(&p->child, &m)) {
        if (m.kind == CHILD_DONE) {
            dump_order(d);
            if (d->segments == 0 && d->lackings > 0) {
                return dump_refuse(d, "it %s", d->remark);
            }
            return d->segments > 0 || dump_refuse(d, "no page is in it");
        }
        if (m.last >= m.first) {
            dump_add_listed(d, m.first, m.last);
        }
    }
    return dump_refuse(d, "%s", p->child.why);
}

#else

bool pages_built(void)
{
    return false;
}

bool pages_open(struct pages *p, int fd, bool zeros, struct dump *d)
{
    (void)p;
    (void)fd;
    (void)zeros;
    return dump_refuse(d, "this ptwalk was built without libkdumpfile, which "
                          "unpacks it; dump it unpacked (virsh dump "
                          "--memory-only --format elf)");
}

#endif

bool pages_read(struct pages *p, uint64_t pa, unsigned char *out)
{
    struct child_message m = {.kind = CHILD_OWN, .first = pa};

    if (p->child.socket < 0) {
        return false;
    }
    if (!child_send(p->child.socket, &m) && p->child.why[0] == '\0') {
        /* It has ended; hearing it says how. */
        m.bytes = 0;
    }
    if (!child_hear(&p->child, &m)) {
        return false;
    }
    if (m.last != 0 || m.bytes != CHILD_DATA) {
        (void)snprintf(p->child.why, sizeof p->child.why, "%.*s",
                       m.bytes < CHILD_WHY ? (int)m.bytes : 0,
                       (const char *)m.data);
        return false;
    }
    memcpy(out, m.data, CHILD_DATA);
    return true;
}

void pages_close(struct pages *p)
{
    child_end(&p->child);
}
