/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "edit_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct pool pool;
struct callback_ram callback_ram;

/* Frames of one table. */
static unsigned frames(void)
{
    return (unsigned)unit_bytes() / PAGE;
}

enum { RUBBISH = 0xA7 };

static void poison(unsigned frame)
{
    memset(&ram[frame * PAGE], RUBBISH, (size_t)unit_bytes());
}

/* Fills all frames of the pool with rubbish.  They become a copy of a file of it, of
 * which the kernel makes the pages that are touched: to write it each time took most
 * of the time of these tests. */
static void poison_pool(void)
{
    static uint8_t page[PAGE];
    static int file = -1;
    size_t bytes = (FRAMES - POOL_FIRST) * (size_t)PAGE;

    if (file < 0) {
        file = memfd_create("rubbish", 0);
        memset(page, RUBBISH, sizeof page);
        for (unsigned f = POOL_FIRST; f < FRAMES; f++) {
            if (write(file, page, sizeof page) != (ssize_t)sizeof page) {
                abort();
            }
        }
    }
    if (mmap(&ram[POOL_FIRST * PAGE], bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED) {
        abort();
    }
}

void pool_init(void)
{
    memset(&pool, 0, sizeof pool);
    pool.refuse_after = NEVER;
    pool.move_refuse_after = NEVER;
    pool.refusal = PTW_E_SPACE;
    pool.relocate = true;
    poison_pool();
}

void offer_pool_only(void)
{
    static struct ptw_region region[2];

    region[0].last.v = POOL_FIRST * PAGE - 1;
    region[0].host = ram;
    region[1].first.v = POOL_FIRST * PAGE;
    region[1].last.v = RAM_BYTES - 1;
    region[1].host = &ram[POOL_FIRST * PAGE];
    region[1].writable = true;
    if (ptw_mem_init_regions(&mem, region, 2) != PTW_OK) {
        abort();
    }
}

static unsigned any_free(void)
{
    for (unsigned f = POOL_FIRST; f < FRAMES; f += frames()) {
        if (!pool.used[f]) {
            pool.used[f] = true;
            pool.in_use++;
            return f;
        }
    }
    return 0;
}

static void free_frame(unsigned f)
{
    if (f >= FRAMES || !pool.used[f]) {
        pool.wrong = true;
        return;
    }
    pool.used[f] = false;
    pool.in_use--;
    poison(f);
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    unsigned f;

    (void)ctx;
    if (pool.refuse_after == 0) {
        if (pool.bad_table) {
            *table = pool.bad;
            return PTW_OK;
        }
        return pool.refusal;
    }
    pool.refuse_after -= pool.refuse_after > 0;
    f = any_free();
    if (f == 0) {
        return PTW_E_SPACE;
    }
    memset(&ram[f * PAGE], 0, (size_t)unit_bytes());
    pool.taken++;
    *table = ptw_pa_of((uint64_t)f * PAGE);
    return PTW_OK;
}

static void give(void *ctx, ptw_pa table)
{
    (void)ctx;
    if (pool.bad_table && table.v == pool.bad.v) {
        pool.bad_given++;
        return;
    }
    pool.given++;
    free_frame((unsigned)(table.v / PAGE));
}

static enum ptw_status move(void *ctx, ptw_pa table, ptw_pa *now)
{
    unsigned from = (unsigned)(table.v / PAGE);
    unsigned to;

    (void)ctx;
    *now = table;
    if (from >= FRAMES || (!pool.used[from] && from >= POOL_FIRST)) {
        pool.stale = true;
        return PTW_E_ARG;
    }
    if (!pool.relocate || pool.moved[from]) {
        return PTW_OK;
    }
    if (pool.move_refuse_after == 0) {
        if (pool.bad_table) {
            *now = pool.bad;
            return PTW_OK;
        }
        return PTW_E_BUS;
    }
    pool.move_refuse_after -= pool.move_refuse_after > 0;
    to = any_free();
    if (to == 0) {
        return PTW_E_SPACE;
    }
    memcpy(&ram[to * PAGE], &ram[from * PAGE], (size_t)unit_bytes());
    if (from >= POOL_FIRST) {
        free_frame(from);
    }
    pool.moved[to] = true;
    pool.moves++;
    *now = ptw_pa_of((uint64_t)to * PAGE);
    return PTW_OK;
}

static void root_told(void *ctx, ptw_pa now)
{
    (void)ctx;
    pool.roots_told++;
    pool.root_told = now;
}

struct ptw_table_ops pool_ops = {take, give};
struct ptw_table_ops pool_ops_without_give = {take, NULL};
const struct ptw_move_ops pool_moves = {move, root_told};

uint64_t pool_table(void)
{
    ptw_pa table = {0};

    if (take(NULL, &table) != PTW_OK) {
        abort();
    }
    return table.v;
}

void bench(struct ptw_tables *t)
{
    memset(t, 0, sizeof *t);
    t->root.regime = &regime;
    t->mem = &mem;
    t->ops = &pool_ops;
    t->root.table.v = pool_table();
}

struct ptw_shares *counted(void)
{
    static _Alignas(8) unsigned char storage[1 << 18];
    static struct ptw_shares shares;

    if (ptw_shares_init(&shares, storage, sizeof storage, 7) != PTW_OK) {
        abort();
    }
    return &shares;
}

static uint8_t kept[RAM_BYTES];
static bool kept_used[FRAMES];

void remember(void)
{
    memcpy(kept, ram, (size_t)POOL_FIRST * PAGE);
    for (unsigned f = POOL_FIRST; f < FRAMES; f++) {
        if (pool.used[f]) { /* as_remembered looks at no others */
            memcpy(&kept[f * PAGE], &ram[f * PAGE], (size_t)unit_bytes());
        }
    }
    memcpy(kept_used, pool.used, sizeof kept_used);
}

bool as_remembered(void)
{
    for (unsigned f = 0; f < FRAMES; f++) {
        if (kept_used[f] != pool.used[f]) {
            return false;
        }
        if ((kept_used[f] || f < POOL_FIRST) &&
            memcmp(&kept[f * PAGE], &ram[f * PAGE],
                   f < POOL_FIRST ? PAGE : (size_t)unit_bytes()) != 0) {
            return false;
        }
    }
    return !pool.wrong;
}

size_t reachable(uint32_t roots, const struct ptw_root *root)
{
    struct plan p = {.kind = PLAN_SPACES, .roots = roots};

    memcpy(p.root, root, roots * sizeof *root);
    p.o = ptw_walk_everything();
    p.o.flags = PTW_WALK_RUNS;
    p.memo_tables = 4096;
    return walk(&p)->frames;
}

struct ptw_map_request map_request(uint64_t first, uint64_t bytes, uint64_t pa,
                                   unsigned rights, unsigned flags)
{
    struct ptw_map_request q = {
        .first = {first},
        .last = {first + (bytes - 1)},
        .pa = {pa},
        .rights = rights,
        .flags = flags,
        .max_reads = UINT64_MAX,
    };

    return q;
}

struct ptw_range_request range_request(uint64_t first, uint64_t bytes,
                                       unsigned rights, unsigned flags)
{
    struct ptw_range_request q = {
        .first = {first},
        .last = {first + (bytes - 1)},
        .rights = rights,
        .flags = flags,
        .max_reads = UINT64_MAX,
    };

    return q;
}

/* -------------------------------------------------------------- callbacks */

static bool refuses(int *after)
{
    if (*after == 0) {
        return true;
    }
    *after -= *after > 0;
    return false;
}

static enum ptw_status read_number(uint64_t pa, unsigned bytes, uint64_t *out)
{
    if (refuses(&callback_ram.read_refuse_after) ||
        (callback_ram.unreadable != 0 && pa == callback_ram.unreadable)) {
        return PTW_E_BUS;
    }
    *out = 0;
    for (unsigned i = 0; i < bytes; i++) {
        *out |= (uint64_t)ram[pa + i] << (8 * i);
    }
    return PTW_OK;
}

static enum ptw_status read32(void *ctx, ptw_pa pa, uint32_t *out)
{
    uint64_t wide = 0;
    enum ptw_status st = read_number(pa.v, 4, &wide);

    (void)ctx;
    *out = (uint32_t)wide;
    return st;
}

static enum ptw_status read64(void *ctx, ptw_pa pa, uint64_t *out)
{
    (void)ctx;
    return read_number(pa.v, 8, out);
}

static enum ptw_status write_number(uint64_t pa, unsigned bytes, uint64_t value)
{
    if (refuses(&callback_ram.write_refuse_after)) {
        return PTW_E_BUS;
    }
    if (callback_ram.stored != NULL) {
        callback_ram.stored(pa, bytes, value);
    }
    for (unsigned i = 0; i < bytes; i++) {
        ram[pa + i] = (uint8_t)(value >> (8 * i));
    }
    return PTW_OK;
}

static enum ptw_status write32(void *ctx, ptw_pa pa, uint32_t value)
{
    (void)ctx;
    return write_number(pa.v, 4, value);
}

static enum ptw_status write64(void *ctx, ptw_pa pa, uint64_t value)
{
    (void)ctx;
    return write_number(pa.v, 8, value);
}

/* What is lent is to be read only. */
static const void *lend(void *ctx, ptw_pa pa, uint64_t bytes)
{
    (void)ctx;
    (void)bytes;
    return callback_ram.lend ? &ram[pa.v] : NULL;
}

void offer_callbacks(void)
{
    static const struct ptw_mem_ops ops = {.read32 = read32,
                                           .read64 = read64,
                                           .borrow = lend,
                                           .write32 = write32,
                                           .write64 = write64};
    static struct ptw_region region;

    memset(&callback_ram, 0, sizeof callback_ram);
    callback_ram.read_refuse_after = NEVER;
    callback_ram.write_refuse_after = NEVER;
    region.first.v = 0;
    region.last.v = RAM_BYTES - 1;
    region.host = NULL;
    region.writable = true;
    if (ptw_mem_init_callbacks(&mem, &ops, NULL, &region, 1) != PTW_OK) {
        abort();
    }
}
