/* SPDX-License-Identifier: Apache-2.0 */
#include "compact_image.h"

#include "arena.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

int fc_written(const struct fc_image *m, uint64_t pa)
{
    unsigned low = 0;
    unsigned high = m->pages;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (m->at[mid] < pa) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < m->pages && m->at[low] == pa ? (int)low : -1;
}

/* The page at pa, whether it can be read or not. */
static uint8_t *page_at(const struct fc_image *m, uint64_t pa)
{
    static uint8_t zeros[FZ_PAGE]; /* only read */
    int i;

    pa -= pa % FZ_PAGE;
    if (m->extra_at != 0 && pa >= m->extra_at &&
        pa - m->extra_at < m->extra_bytes) {
        return m->extra + (pa - m->extra_at);
    }
    if (pa >= m->tables_at && pa - m->tables_at < m->table_bytes) {
        return m->tables + (pa - m->tables_at);
    }
    if (pa < m->base || pa - m->base >= m->page_bytes) {
        return NULL;
    }
    i = fc_written(m, pa);
    return i >= 0 ? m->page[i] : zeros;
}

/* Whether any of so many bytes at pa can't be read. */
static bool is_lost(const struct fc_image *m, uint64_t pa, uint64_t bytes)
{
    return m->lost > 0 && pa < m->lost_at + m->lost && m->lost_at < pa + bytes;
}

uint8_t *fc_page(const struct fc_image *m, uint64_t pa)
{
    return is_lost(m, pa - pa % FZ_PAGE, FZ_PAGE) ? NULL : page_at(m, pa);
}

bool fc_covers(const struct fc_image *m, uint64_t pa)
{
    return page_at(m, pa) != NULL;
}

static enum ptw_status image_read(const struct fc_image *m, uint64_t pa,
                                  unsigned n, uint64_t *out)
{
    const uint8_t *page = page_at(m, pa);

    if (page == NULL || pa % n != 0) {
        fz_stop(ASK_BOUNDS, "a read at %llx, outside the image", HEX(pa));
    }
    if (is_lost(m, pa, n)) {
        return PTW_E_BUS;
    }
    *out = n == 8 ? fz_get8(page + pa % FZ_PAGE) : fz_get4(page + pa % FZ_PAGE);
    return PTW_OK;
}

static enum ptw_status image_read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t v = 0;
    enum ptw_status st = image_read(ctx, pa.v, 4, &v);

    *out = (uint32_t)v;
    return st;
}

static enum ptw_status image_read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    return image_read(ctx, pa.v, 8, out);
}

static const void *image_borrow(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const uint8_t *page = page_at(ctx, pa.v);
    uint64_t first = pa.v - pa.v % FZ_PAGE;

    if (page == NULL) {
        fz_stop(ASK_BOUNDS, "a page borrowed at %llx, outside the image",
                HEX(pa.v));
    }
    for (uint64_t at = FZ_PAGE; at < pa.v % FZ_PAGE + bytes; at += FZ_PAGE) {
        if (page_at(ctx, first + at) != page + at) {
            return NULL;
        }
    }
    if (is_lost(ctx, pa.v, bytes)) {
        return NULL;
    }
    return page + pa.v % FZ_PAGE;
}

bool fc_left_zeros(const struct fc_image *m, uint64_t pa)
{
    if (pa < m->base || pa - m->base >= m->page_bytes) {
        return false;
    }
    for (uint64_t at = 0; at < m->one_page; at += FZ_PAGE) {
        if (fc_written(m, pa + at) >= 0) {
            return false;
        }
    }
    return true;
}

/* What the sink was not given is zeros. */
static bool image_zeros(void *ctx, ptw_pa pa, uint64_t bytes)
{
    const struct fc_image *m = ctx;

    if (page_at(m, pa.v) == NULL) {
        fz_stop(ASK_BOUNDS, "%llx is asked about, which is outside the image",
                HEX(pa.v));
    }
    return !is_lost(m, pa.v, bytes) && bytes == m->one_page &&
           fc_left_zeros(m, pa.v);
}

static enum ptw_status image_write(struct fc_image *m, uint64_t pa, unsigned n,
                                   uint64_t value)
{
    if (pa < m->tables_at || pa - m->tables_at >= m->table_bytes ||
        pa % n != 0) {
        fz_stop(ASK_BOUNDS, "a write at %llx, which is not among the tables",
                HEX(pa));
    }
    for (unsigned i = 0; i < n; i++) {
        m->tables[pa - m->tables_at + i] = (uint8_t)(value >> 8 * i);
    }
    return PTW_OK;
}

static enum ptw_status image_write32(void *ctx, ptw_pa pa, uint32_t value)
{
    return image_write(ctx, pa.v, 4, value);
}

static enum ptw_status image_write64(void *ctx, ptw_pa pa, uint64_t value)
{
    return image_write(ctx, pa.v, 8, value);
}

const struct ptw_mem_ops fc_image_ops = {
    .read32 = image_read32,
    .read64 = image_read64,
    .borrow = image_borrow,
    .zeros = image_zeros,
    .write32 = image_write32,
    .write64 = image_write64,
};

/* Where the memory of an image ends, padding and the gap included. */
uint64_t fc_image_end(const struct fc_image *m)
{
    uint64_t pages = m->base + m->page_bytes;
    uint64_t tables = m->tables_at + m->table_bytes;

    return pages > tables ? pages : tables;
}

/* Adds memory at its place among n regions; none of it is no region. */
static size_t add_region(struct ptw_region *region, size_t n, uint64_t first,
                         uint64_t bytes, void *host)
{
    size_t at = n;

    if (bytes == 0) {
        return n;
    }
    for (; at > 0 && region[at - 1].first.v > first; at--) {
        region[at] = region[at - 1];
    }
    memset(&region[at], 0, sizeof region[at]);
    region[at].first.v = first;
    region[at].last.v = first + (bytes - 1);
    region[at].host = host;
    return n + 1;
}

void fc_image_memory(struct fc_image *m, struct ptw_mem *mem,
                     struct ptw_region *region)
{
    size_t n = 0;

    if (!m->direct && m->tables_at == m->base + m->page_bytes) {
        n = add_region(region, n, m->base, m->bytes, NULL);
    } else {
        n = add_region(region, n, m->base, m->page_bytes, NULL);
        n = add_region(region, n, m->tables_at, m->table_bytes,
                       m->direct ? m->tables : NULL);
        n = add_region(region, n, m->extra_at,
                       m->extra_at != 0 ? m->extra_bytes : 0, NULL);
    }
    if (ptw_mem_init_callbacks(mem, &fc_image_ops, m, region, n) != PTW_OK) {
        fz_stop(ASK_STATUS, "the image is refused");
    }
    if (fz_watch(mem, FZ_OF_NEW, region, n) != PTW_OK) {
        fz_stop(ASK_STATUS, "the image is refused");
    }
    for (unsigned i = 0; i < FZ_ROOTS; i++) {
        fz_watch_root(FZ_OF_NEW, m->root[i].table.v);
    }
}

void fc_image_done(struct fc_image *m)
{
    fz_give_back(m->tables_of);
    m->tables_of = NULL;
    m->tables = NULL;
}
