/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include "image.h"
#include "rows.h"

#include <libkdumpfile/addrxlat.h>
#include <string.h>

struct peer {
    const struct image *image;
    addrxlat_ctx_t *ctx;
    addrxlat_meth_t meth;
};

const char *peer_missing(void)
{
    return NULL;
}

static void put_nothing(const addrxlat_buffer_t *buffer)
{
    (void)buffer;
}

static addrxlat_status get_page(const addrxlat_cb_t *cb,
                                addrxlat_buffer_t *buffer)
{
    const struct peer *p = cb->priv;

    if (buffer->addr.addr >= p->image->bytes) {
        return addrxlat_ctx_err(p->ctx, ADDRXLAT_ERR_NODATA, "no memory");
    }
    buffer->addr.addr = 0;
    buffer->ptr = p->image->at;
    buffer->size = p->image->bytes;
    buffer->byte_order = ADDRXLAT_LITTLE_ENDIAN;
    buffer->put_page = put_nothing;
    return ADDRXLAT_OK;
}

static unsigned long read_caps(const addrxlat_cb_t *cb)
{
    (void)cb;
    return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR);
}

static void begin(struct peer *p, const struct image *g)
{
    addrxlat_paging_form_t *form = &p->meth.param.pgt.pf;
    unsigned levels = ptw_levels(&g->regime);
    addrxlat_cb_t *cb;

    memset(p, 0, sizeof *p);
    p->image = g;
    p->ctx = bench_memory(addrxlat_ctx_new());
    cb = bench_memory(addrxlat_ctx_add_cb(p->ctx));
    cb->priv = p;
    cb->get_page = get_page;
    cb->read_caps = read_caps;
    p->meth.kind = ADDRXLAT_PGT;
    p->meth.target_as = ADDRXLAT_MACHPHYSADDR;
    p->meth.param.pgt.root.as = ADDRXLAT_MACHPHYSADDR;
    form->pte_format = addrxlat_pte_format(
        ptw_entry_bytes(&g->regime) == 4 ? "ia32" : "x86_64");
    form->nfields = (unsigned short)(levels + 1);
    form->fieldsz[0] = (unsigned short)g->page_log2;
    for (unsigned level = 0; level < levels; level++) {
        unsigned end = level + 1 < levels
                           ? ptw_level_shift(&g->regime, level + 1)
                           : ptw_va_bits(&g->regime);

        form->fieldsz[level + 1] =
            (unsigned short)(end - ptw_level_shift(&g->regime, level));
    }
}

/* The leaves of the table that the step has come to, which stands for addresses
 * from va. */
static uint64_t leaves_of(const struct peer *p, const addrxlat_step_t *at,
                          uint64_t va)
{
    unsigned level = at->remain - 2u;
    unsigned shift = ptw_level_shift(&p->image->regime, level);
    uint64_t entries = ptw_table_size(&p->image->regime, level) /
                       ptw_entry_bytes(&p->image->regime);
    addrxlat_step_t step = *at;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < entries; i++) {
        uint64_t here = va + (i << shift);

        if (va == 0 && ptw_va_bits(&p->image->regime) == 48 &&
            level + 1 == ptw_levels(&p->image->regime) && i >= entries / 2) {
            here |= ~(uint64_t)0 << 48;
        }
        step.remain = at->remain; /* the rest of it stays */
        step.elemsz = at->elemsz;
        step.base = at->base;
        step.idx[step.remain - 1] = i;
        if (addrxlat_step(&step) != ADDRXLAT_OK) {
            addrxlat_ctx_clear_err(p->ctx);
        } else if (step.remain == 1) {
            sum += image_run(here, step.base.addr, (uint64_t)1 << shift,
                             p->image->page_log2);
        } else {
            sum += leaves_of(p, &step, here);
        }
    }
    return sum;
}

uint64_t peer_leaves(void *image)
{
    const struct image *g = image;
    uint64_t sum = 0;
    struct peer p;

    begin(&p, g);
    for (uint32_t i = 0; i < g->roots; i++) {
        addrxlat_step_t step = {.ctx = p.ctx, .meth = &p.meth};

        p.meth.param.pgt.root.addr = g->root[i].table.v;
        if (addrxlat_launch(&step, 0) != ADDRXLAT_OK) {
            bench_fail("addrxlat: %s", addrxlat_ctx_get_err(p.ctx));
        }
        sum += leaves_of(&p, &step, 0);
    }
    addrxlat_ctx_decref(p.ctx);
    return sum - (g->roots - 1) * g->shared_sum + g->aliases;
}

uint64_t peer_lookups(void *image)
{
    const struct image *g = image;
    struct asker asker = image_asker(g);
    bool sparse = g->kind == IMAGE_SPARSE;
    uint64_t sum = 0;
    struct peer p;

    begin(&p, g);
    p.meth.param.pgt.root.addr = g->root[0].table.v;
    for (uint64_t i = 0; i < g->lookups; i++) {
        addrxlat_step_t step = {
            .ctx = p.ctx,
            .meth = &p.meth,
            .base = {image_ask(&asker, sparse), ADDRXLAT_KVADDR}};

        if (addrxlat_walk(&step) != ADDRXLAT_OK) {
            bench_fail("addrxlat: %s", addrxlat_ctx_get_err(p.ctx));
        }
        sum += step.base.addr;
    }
    addrxlat_ctx_decref(p.ctx);
    return sum;
}
