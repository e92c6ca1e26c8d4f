/* SPDX-License-Identifier: Apache-2.0 */
/* Two spaces that share a kernel half: built with ptw_map, linked with ptw_link,
 * and edited on one side only. */
#include <ptwalk/ptwalk.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Physical memory for tables, from 0 up. */
enum { TABLE_BYTES = 4096, TABLES = 64 };
static uint64_t ram[TABLES][512];
static bool used[TABLES];

static const uint64_t KERNEL = 0xffff800000000000;
static const uint64_t PAGE = 0x1000;

static int fail(const char *what, enum ptw_status st)
{
    fprintf(stderr, "share: %s: %s\n", what, ptw_status_text(st));
    return 1;
}

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    (void)ctx;
    for (unsigned i = 0; i < TABLES; i++) {
        if (!used[i]) {
            used[i] = true;
            memset(ram[i], 0, sizeof ram[i]);
            table->v = (uint64_t)i * TABLE_BYTES;
            return PTW_OK;
        }
    }
    return PTW_E_SPACE;
}

static void give(void *ctx, ptw_pa table)
{
    (void)ctx;
    used[table.v / TABLE_BYTES] = false;
}

static enum ptw_status map(struct ptw_tables *t, uint64_t va, uint64_t bytes,
                           uint64_t pa, unsigned rights, unsigned flags)
{
    struct ptw_map_request q = {
        .first = {va},
        .last = {va + (bytes - 1)},
        .pa = {pa},
        .rights = rights,
        .flags = flags,
    };

    return ptw_map(t, &q);
}

/* Walks both spaces, and prints what it finds. */
static enum ptw_status walk(const struct ptw_tables *t,
                            const struct ptw_root root[2])
{
    static uint64_t storage[2048];
    struct ptw_walk_options options = ptw_walk_everything();
    struct ptw_item item;
    struct ptw_memo memo;
    struct ptw_walk w;
    enum ptw_status st;
    size_t items;

    options.flags = PTW_WALK_RUNS;
    st = ptw_memo_init(&memo, storage, sizeof storage, 0x1d872b41);
    if (st == PTW_OK) {
        st = ptw_walk_va_spaces_init(&w, t->mem, root, 2, &memo, &options);
    }
    while (st == PTW_OK) {
        st = ptw_walk_next(&w, &item, 1, &items);
        if (st != PTW_OK) {
            break;
        }
        if (item.kind == PTW_ITEM_MAPPING) {
            printf("space %" PRIu32 ": %016" PRIx64 " to %016" PRIx64
                   " -> %" PRIx64 " %c%c%c\n",
                   item.space, item.first.v, item.last.v, item.u.mapping.pa.v,
                   (item.u.mapping.rights & PTW_WRITE) != 0 ? 'w' : '-',
                   (item.u.mapping.rights & PTW_EXEC) != 0 ? 'x' : '-',
                   (item.u.mapping.rights & PTW_USER) != 0 ? 'u' : '-');
        } else if (item.kind == PTW_ITEM_ALIAS) {
            unsigned level;
            struct ptw_alias_ref ref =
                ptw_alias_view(t->root.regime, &item, &level);

            printf("space %" PRIu32 ": the %s at %016" PRIx64
                   " is that of space %" PRIu32 "\n",
                   item.space, ptw_level_name(t->root.regime, level),
                   ref.our_va.v, ref.owner);
        }
    }
    return st == PTW_END ? PTW_OK : st;
}

int main(void)
{
    static const struct ptw_table_ops ops = {take, give};
    static uint64_t storage[8192];
    struct ptw_link_request link = {
        .first = {KERNEL},
        .last = {UINT64_MAX},
        .their_va = {KERNEL},
        .level = {.amd64 = PTW_AMD64_ALIAS_PDPT},
        .rights = PTW_READ | PTW_WRITE | PTW_EXEC,
    };
    struct ptw_shares shares;
    struct ptw_regime regime;
    struct ptw_mem mem;
    struct ptw_tables t[2];
    struct ptw_root root[2];
    enum ptw_status st;

    st = ptw_mem_init_flat(&mem, ptw_pa_of(0), ram, sizeof ram, true);
    if (st == PTW_OK) {
        st = ptw_regime_by_name("amd64", NULL, 0, &regime, NULL);
    }
    if (st == PTW_OK) {
        st = ptw_shares_init(&shares, storage, sizeof storage, 0x5eed);
    }
    if (st != PTW_OK) {
        return fail("setting up", st);
    }
    for (unsigned i = 0; i < 2; i++) {
        t[i] = (struct ptw_tables){.root = {.regime = &regime},
                                   .mem = &mem,
                                   .ops = &ops,
                                   .shares = &shares};
    }

    /* The spaces: a page each, and a kernel in the first. */
    for (unsigned i = 0; i < 2 && st == PTW_OK; i++) {
        st = take(NULL, &t[i].root.table);
        if (st == PTW_OK) {
            st = map(&t[i], 0x400000, PAGE, 0x100000 + i * PAGE,
                     PTW_READ | PTW_WRITE | PTW_USER, 0);
        }
    }
    if (st == PTW_OK) {
        st = map(&t[0], KERNEL, 2 << 20, 0x200000, PTW_READ | PTW_EXEC,
                 PTW_EDIT_LARGE);
    }
    if (st != PTW_OK) {
        return fail("mapping", st);
    }

    /* The second space's kernel half is the first one's. */
    link.owner = t[0].root;
    st = ptw_link(&t[1], &link);
    if (st != PTW_OK) {
        return fail("linking", st);
    }
    root[0] = t[0].root;
    root[1] = t[1].root;
    printf("linked:\n");
    st = walk(&t[0], root);
    if (st != PTW_OK) {
        return fail("walk", st);
    }

    /* An edit of the second space does not go through to the first: it is
     * refused, or the tables on its way become private. */
    st = map(&t[1], KERNEL, PAGE, 0x300000, PTW_READ | PTW_WRITE,
             PTW_EDIT_SPLIT);
    printf("edit: %s\n", ptw_status_text(st));
    st = map(&t[1], KERNEL, PAGE, 0x300000, PTW_READ | PTW_WRITE,
             PTW_EDIT_SPLIT | PTW_EDIT_UNSHARE);
    if (st != PTW_OK) {
        return fail("edit", st);
    }
    root[1] = t[1].root;
    printf("space 1 edited:\n");
    st = walk(&t[0], root);
    return st == PTW_OK ? 0 : fail("walk", st);
}
