/* SPDX-License-Identifier: Apache-2.0 */
/* Two spaces that share a kernel half: built with ptw_map, linked with
 * ptw_space_aware_map, and edited on one side only.
 *
 * The second space gets the kernel half as a rebuilt snapshot would: a walk of
 * another machine's tables said "space 1 has an alias of space 0 there", and
 * that item is handed on. */
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

/* Walks both spaces, and prints what it finds; the first alias is kept. */
static enum ptw_status walk(const struct ptw_tables *t, const ptw_pa root[2],
                            struct ptw_item *alias, unsigned *aliases)
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
        st = ptw_walk_va_spaces_init(&w, t->regime, t->mem, root, 2, &memo,
                                     &options);
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
            struct ptw_alias_ref ref = ptw_alias_view(t->regime, &item, &level);

            printf("space %" PRIu32 ": the %s at %016" PRIx64
                   " is that of space %" PRIu32 "\n",
                   item.space, ptw_level_name(t->regime, level), ref.our_va.v,
                   ref.owner);
            if (*aliases == 0) {
                *alias = item;
            }
            *aliases += 1;
        }
    }
    return st == PTW_END ? PTW_OK : st;
}

/* A model of what is wanted: two roots whose upper half is one table. */
static enum ptw_status model(struct ptw_tables *t, struct ptw_item *alias)
{
    unsigned aliases = 0;
    uint64_t entry = 0;
    ptw_pa root[2];
    enum ptw_status st = take(NULL, &root[0]);

    if (st == PTW_OK) {
        st = take(NULL, &root[1]);
    }
    if (st == PTW_OK) {
        t->root = root[0];
        st = map(t, KERNEL, PAGE, 0, PTW_READ | PTW_EXEC, 0);
    }
    if (st == PTW_OK) {
        st = ptw_read64(t->mem, ptw_pa_of(root[0].v + 256 * 8), &entry);
    }
    if (st == PTW_OK) {
        st = ptw_write64(t->mem, ptw_pa_of(root[1].v + 256 * 8), entry);
    }
    if (st == PTW_OK) {
        printf("what was walked:\n");
        st = walk(t, root, alias, &aliases);
    }
    return st == PTW_OK && aliases == 0 ? PTW_E_ARG : st;
}

int main(void)
{
    static const struct ptw_table_ops ops = {take, give};
    static uint64_t storage[8192];
    struct ptw_built built[2] = {{{0}, true}, {{0}, true}};
    struct ptw_item alias;
    struct ptw_shares shares;
    struct ptw_regime regime;
    struct ptw_mem mem;
    struct ptw_tables t[2];
    ptw_pa root[2];
    unsigned aliases = 0;
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
        t[i] = (struct ptw_tables){
            .regime = &regime, .mem = &mem, .ops = &ops, .shares = &shares};
    }
    st = model(&t[0], &alias);

    /* The spaces: a page each, and a kernel in the first. */
    for (unsigned i = 0; i < 2 && st == PTW_OK; i++) {
        st = take(NULL, &t[i].root);
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
    for (unsigned i = 0; i < 2; i++) {
        built[i].root = t[i].root;
    }
    st = ptw_space_aware_map(&t[1], &alias, built, 2, PTW_EDIT_EXACT);
    if (st != PTW_OK) {
        return fail("linking", st);
    }
    root[0] = t[0].root;
    root[1] = t[1].root;
    printf("linked:\n");
    st = walk(&t[0], root, &alias, &aliases);
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
    st = walk(&t[0], root, &alias, &aliases);
    return st == PTW_OK ? 0 : fail("walk", st);
}
