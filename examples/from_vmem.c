/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot, item by item: what a host does that has the loop of Hyperlight's
 * vmem today (docs/from-hyperlights-vmem.md).
 *
 * The guest runs on the snapshot before, which it may only read, on scratch
 * memory, and on a file that the host mapped; two of its spaces share a kernel
 * half.  The new snapshot has each page once, in the order in which it is met;
 * its tables are at a base of their own; what was written is copy-on-write; and
 * the scratch memory is mapped anew.  ptw_verify has the last word.
 *
 * A host that needs no say in where each page goes calls ptw_rebuild_plan and
 * the steps behind it instead. */
#include <ptwalk/ptwalk.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACES = 2, PAGE = 0x1000, LARGE_PAGE = 0x200000 };
enum { OLD_PAGES = 16, SCRATCH_PAGES = 64, TABLES = 64, SEEN = 256 };
enum { IMAGE_BYTES = 2 * LARGE_PAGE + 16 * PAGE };

/* The guest's physical memory, and that of the new snapshot. */
static const uint64_t BASE = 0x1000; /* of either snapshot */
static const uint64_t FILE_AT = 0x40000000;
static const uint64_t SCRATCH_AT = 0x100000000;
static const uint64_t TABLES_AT = 0x200000000; /* of the new tables */
static _Alignas(8) uint8_t old_snapshot[OLD_PAGES * PAGE];
static _Alignas(8) uint8_t scratch[SCRATCH_PAGES * PAGE];
static _Alignas(8) uint8_t file[LARGE_PAGE];
static _Alignas(8) uint8_t image[IMAGE_BYTES];
static _Alignas(8) uint8_t new_tables[TABLES * PAGE];

static const uint64_t KERNEL = 0xffff800000000000;
static const uint64_t G512 = 0x8000000000;

/* What the host maps into every space, and no snapshot keeps: all of the
 * scratch memory, at the top. */
static const struct ptw_map_request special[] = {
    {.first = {0xffffffffffffffff - (SCRATCH_PAGES * PAGE - 1)},
     .last = {0xffffffffffffffff},
     .pa = {0x100000000},
     .rights = PTW_READ | PTW_WRITE},
};
enum { SPECIALS = sizeof special / sizeof special[0] };

static int fail(const char *what, enum ptw_status st)
{
    fprintf(stderr, "from_vmem: %s: %s\n", what, ptw_status_text(st));
    return 1;
}

/* Tables are taken one after the other; none is given back. */
struct heap {
    uint64_t next;
    uint64_t end;
};

static enum ptw_status take(void *ctx, ptw_pa *table)
{
    struct heap *h = ctx;

    if (h->next == h->end) {
        return PTW_E_SPACE;
    }
    table->v = h->next;
    h->next += PAGE;
    return PTW_OK;
}

static const struct ptw_table_ops ops = {.take = take};

/* ------------------------------------------------------------ the old guest */

static enum ptw_status map_page(struct ptw_tables *t, uint64_t va, uint64_t pa,
                                uint64_t bytes, unsigned rights, bool cow)
{
    struct ptw_map_request q = {
        .first = {va},
        .last = {va + (bytes - 1)},
        .pa = {pa},
        .rights = rights,
        .copy_on_write = cow,
        .flags = PTW_EDIT_LARGE,
    };

    return ptw_map(t, &q);
}

/* A page of the guest at va, in one space or in both. */
struct guest_page {
    unsigned spaces; /* a bit each */
    uint64_t va;
    uint64_t pa;
    uint64_t bytes;
    unsigned rights;
    bool copy_on_write; /* still, from the snapshot before */
};

enum { R = PTW_READ, W = PTW_WRITE, X = PTW_EXEC, U = PTW_USER };

static const struct guest_page guest[] = {
    {3, 0x400000, 0x1000, PAGE, R | X | U, false}, /* code of both */
    {1, 0x500000, 0x2000, PAGE, R | U, true},      /* not written so far */
    {1, 0x501000, 0x100000000, PAGE, R | W | U,
     false}, /* written: in scratch */
    {2, 0x500000, 0x3000, PAGE, R | U, true},
    {3, 0x600000, 0x100001000, PAGE, R | W | U, false}, /* shared by both */
    {1, KERNEL, 0x4000, PAGE, R | X, false},            /* kernel half */
    {1, KERNEL + PAGE, 0x100002000, PAGE, R | W, false},
    {1, KERNEL + LARGE_PAGE, FILE_AT, LARGE_PAGE, R, false},
    {1, KERNEL + 0x40000000, 0xfee00000, PAGE, R | W, false}, /* a device */
};

/* Builds the guest's tables in its scratch memory. */
static enum ptw_status build_guest(struct ptw_tables t[SPACES])
{
    const struct ptw_link_request kernel = {
        .first = {KERNEL},
        .last = {KERNEL + (G512 - 1)},
        .their_va = {KERNEL},
        .owner = t[0].root,
        .level = {.amd64 = PTW_AMD64_ALIAS_PDPT},
        .rights = R | W | X,
    };
    enum ptw_status st = PTW_OK;

    for (size_t i = 0; i < sizeof guest / sizeof guest[0]; i++) {
        const struct guest_page *g = &guest[i];

        for (unsigned k = 0; k < SPACES && st == PTW_OK; k++) {
            if ((g->spaces >> k & 1) != 0) {
                st = map_page(&t[k], g->va, g->pa, g->bytes, g->rights,
                              g->copy_on_write);
            }
        }
    }
    if (st == PTW_OK) {
        st = ptw_link(&t[1], &kernel);
    }
    for (unsigned k = 0; k < SPACES && st == PTW_OK; k++) {
        st = ptw_map(&t[k], &special[0]);
    }
    return st;
}

static void fill_memory(void)
{
    for (size_t i = 0; i < sizeof old_snapshot; i++) {
        old_snapshot[i] = (uint8_t)(i / PAGE + i);
    }
    for (size_t i = 0; i < 4 * PAGE; i++) {
        scratch[i] = (uint8_t)(0x80 + i / PAGE * 5 + i);
    }
    for (size_t i = 0; i < sizeof file; i++) {
        file[i] = (uint8_t)(i >> 12 ^ i);
    }
}

/* ------------------------------------------------------------- the snapshot */

/* Old pages that are in the image, and where. */
struct seen {
    uint64_t old;
    uint64_t bytes;
    uint64_t now;
};

struct snapshot {
    const struct ptw_regime *regime;
    const struct ptw_mem *guest;
    struct ptw_tables tables; /* the new ones */
    struct ptw_built built[SPACES];
    struct heap heap;
    uint64_t used; /* bytes of the image */
    struct seen seen[SEEN];
    size_t pages;

    /* What a host wants to be told. */
    unsigned mappings;
    unsigned aliases;
    unsigned outside;       /* mappings of what the guest's memory has not */
    unsigned faults;        /* entries that can't be read, or are malformed */
    unsigned still_written; /* copy-on-write would not have stopped the guest */
    unsigned marked_before; /* by the snapshot before, or by the guest itself */
};

/* Where the page of a leaf is in the new image; copied there when it is met for
 * the first time.  PTW_NOT_MAPPED: the guest's memory has not all of it. */
static enum ptw_status page_for(struct snapshot *s, uint64_t old,
                                uint64_t bytes, uint64_t *now)
{
    uint64_t at = (BASE + s->used + (bytes - 1)) & ~(bytes - 1);
    struct seen *n;
    size_t run;

    for (size_t i = 0; i < s->pages; i++) {
        n = &s->seen[i];
        if (old >= n->old && old + bytes <= n->old + n->bytes) {
            *now = n->now + (old - n->old);
            return PTW_OK;
        }
        /* A large leaf of what a small one mapped before: then the page would
         * be there twice.  ptw_rebuild puts large ones first. */
        if (old < n->old + n->bytes && old + bytes > n->old) {
            return PTW_E_OVERLAP;
        }
    }
    if (ptw_mem_cover(s->guest, ptw_pa_of(old), bytes) != PTW_COVER_ALL) {
        return PTW_NOT_MAPPED;
    }
    if (s->pages == SEEN || at - BASE + bytes > IMAGE_BYTES) {
        return PTW_E_SPACE;
    }
    for (uint64_t done = 0; done < bytes; done += run) {
        enum ptw_status st = ptw_read_bytes(s->guest, ptw_pa_of(old + done),
                                            &image[at - BASE + done],
                                            (size_t)(bytes - done), &run);

        if (st != PTW_OK) {
            return st == PTW_E_BUS ? PTW_NOT_MAPPED : st;
        }
    }
    s->seen[s->pages++] = (struct seen){old, bytes, at};
    s->used = at - BASE + bytes;
    *now = at;
    return PTW_OK;
}

/* The mapping of an old page becomes that of its new one: copy-on-write if the
 * guest writes through it. */
static enum ptw_status place(struct snapshot *s, struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    enum ptw_status st;
    uint64_t now;

    st = page_for(s, m->pa.v, UINT64_C(1) << m->size_log2, &now);
    if (st != PTW_OK) {
        return st;
    }
    s->marked_before += ptw_is_copy_on_write(s->regime, m->level, m->raw);
    st = ptw_item_place(s->regime, item, ptw_pa_of(now),
                        PTW_PLACE_COPY_ON_WRITE, PTW_EDIT_EXACT);
    if (st == PTW_E_RIGHTS) {
        s->still_written++;
        st = ptw_item_place(s->regime, item, ptw_pa_of(now), PTW_PLACE_AS_IT_IS,
                            PTW_EDIT_EXACT);
    }
    return st;
}

static enum ptw_status rebuild_item(struct snapshot *s, struct ptw_item *item)
{
    enum ptw_status st;

    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        st = place(s, item);
        if (st == PTW_NOT_MAPPED) {
            s->outside++;
            return PTW_OK;
        }
        if (st != PTW_OK) {
            return st;
        }
        s->mappings++;
        break;
    case PTW_ITEM_ALIAS:
        s->aliases++;
        break;
    case PTW_ITEM_FINDING:
        s->faults++;
        break;
    case PTW_ITEM_SPACE: /* a bad root is refused below */
    case PTW_ITEM_TABLE:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
    return ptw_space_aware_map(&s->tables, item, s->built, SPACES,
                               PTW_EDIT_EXACT);
}

/* The memo of the walk is full: twice as much. */
static enum ptw_status more(struct ptw_memo *memo, void **storage,
                            size_t *bytes)
{
    void *larger = malloc(2 * *bytes);
    enum ptw_status st =
        larger == NULL ? PTW_E_SPACE : ptw_memo_grow(memo, larger, 2 * *bytes);

    if (st != PTW_OK) {
        free(larger);
        return st;
    }
    free(*storage);
    *storage = larger;
    *bytes *= 2;
    return PTW_OK;
}

/* The loop. */
static enum ptw_status rebuild(struct snapshot *s,
                               const struct ptw_root root[SPACES],
                               const struct ptw_walk_options *options)
{
    size_t bytes = ptw_memo_bytes(4);
    void *storage = malloc(bytes);
    struct ptw_memo memo;
    struct ptw_walk walk;
    enum ptw_status st = PTW_E_SPACE;

    if (storage != NULL) {
        st = ptw_memo_init(&memo, storage, bytes, 0x0ddba11);
    }
    if (st == PTW_OK) {
        st = ptw_walk_va_spaces_init(&walk, s->guest, root, SPACES, &memo,
                                     options);
    }
    while (st == PTW_OK) {
        struct ptw_item item;
        size_t items;

        st = ptw_walk_next(&walk, &item, 1, &items);
        if (st == PTW_OK) {
            st = rebuild_item(s, &item);
        } else if (st == PTW_E_SPACE) {
            st = more(&memo, &storage, &bytes);
        }
    }
    free(storage);
    return st == PTW_END ? PTW_OK : st;
}

static enum ptw_status map_specials(struct snapshot *s)
{
    enum ptw_status st = PTW_OK;

    for (unsigned k = 0; k < SPACES && st == PTW_OK; k++) {
        s->tables.root = s->built[k].root;
        for (unsigned i = 0; i < SPECIALS && st == PTW_OK; i++) {
            st = ptw_map(&s->tables, &special[i]);
        }
        s->built[k].root = s->tables.root;
    }
    return st;
}

/* --------------------------------------------------------------- the answer */

static enum ptw_status verify(const struct snapshot *s,
                              const struct ptw_mem *now,
                              const struct ptw_root old_root[SPACES],
                              const struct ptw_walk_options *kept,
                              struct ptw_verify *v)
{
    const struct ptw_verify_options o = {
        .first = kept->first,
        .last = kept->last,
        .leave_out = kept->leave_out,
        .leave_outs = kept->leave_outs,
        /* The loop marks what several leaves map, too. */
        .flags = PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED,
        .seed = 0x5eed,
    };
    struct ptw_root root[SPACES];
    enum ptw_status st;

    for (unsigned k = 0; k < SPACES; k++) {
        root[k] = s->built[k].root;
    }
    st = ptw_verify_init(v, s->guest, old_root, now, root, SPACES, &o);
    while (st == PTW_OK) {
        void *before = NULL;
        void *storage;

        st = ptw_verify_run(v);
        if (st != PTW_E_SPACE) {
            break;
        }
        storage = malloc(v->wanted);
        st = ptw_verify_give(v, storage, v->wanted, &before);
        free(st == PTW_OK ? before : storage);
    }
    for (unsigned i = 0; i < PTW_VERIFY_STORES; i++) {
        free(ptw_verify_storage(v, i));
    }
    return st;
}

static void print_page(const struct snapshot *s, const struct ptw_mem *now,
                       unsigned space, uint64_t va)
{
    struct ptw_translation at;
    enum ptw_status st =
        ptw_lookup(now, s->built[space].root, ptw_va_of(va), &at);

    if (st != PTW_OK) {
        printf("space %u: %016" PRIx64 ": %s\n", space, va,
               ptw_status_text(st));
        return;
    }
    printf("space %u: %016" PRIx64 " -> %" PRIx64 " %c%c%c%s\n", space, va,
           at.pa.v, (at.rights & PTW_WRITE) != 0 ? 'w' : '-',
           (at.rights & PTW_EXEC) != 0 ? 'x' : '-',
           (at.rights & PTW_USER) != 0 ? 'u' : '-',
           ptw_is_copy_on_write(s->regime, at.level, at.raw) ? " copy-on-write"
                                                             : "");
}

static int report(const struct snapshot *s, const struct ptw_mem *now,
                  const struct ptw_verify *v, enum ptw_status st)
{
    for (size_t i = 0; i < sizeof guest / sizeof guest[0]; i++) {
        for (unsigned k = 0; k < SPACES; k++) {
            if ((guest[i].spaces >> k & 1) != 0) {
                print_page(s, now, k, guest[i].va);
            }
        }
    }
    print_page(s, now, 1, KERNEL + PAGE);
    print_page(s, now, 1, special[0].first.v);
    printf("%u mappings, %u aliases; not in memory: %u; malformed: %u; "
           "still written: %u; marked before: %u\n",
           s->mappings, s->aliases, s->outside, s->faults, s->still_written,
           s->marked_before);
    printf("image: %" PRIx64 " bytes at %" PRIx64 ", %u tables at %" PRIx64
           "\n",
           s->used, BASE, (unsigned)((s->heap.next - TABLES_AT) / PAGE),
           TABLES_AT);
    if (st == PTW_DIFFERENT) {
        printf("differs: %s, space %" PRIu32 " at %016" PRIx64 "\n",
               ptw_difference_text(v->difference.kind), v->difference.space,
               v->difference.va.v);
        return 1;
    }
    if (st != PTW_OK) {
        return fail("verify", st);
    }
    printf("verified: %" PRIu64 " leaves, %" PRIu64 " pages, %" PRIu64
           " aliases are the same; %" PRIu64 " dropped\n",
           v->certificate.leaves, v->certificate.pages, v->certificate.aliases,
           v->certificate.dropped);
    return 0;
}

int main(void)
{
    static uint64_t shares_storage[2][4096];
    static struct snapshot s;
    static struct ptw_verify v;
    struct ptw_region before[] = {
        {{BASE}, {BASE + sizeof old_snapshot - 1}, old_snapshot, false},
        {{FILE_AT}, {FILE_AT + sizeof file - 1}, file, false},
        {{SCRATCH_AT}, {SCRATCH_AT + sizeof scratch - 1}, scratch, true},
    };
    struct ptw_region after[] = {
        {{BASE}, {0}, image, false},
        {{TABLES_AT}, {TABLES_AT + sizeof new_tables - 1}, new_tables, true},
    };
    const struct ptw_va_range left_out[SPECIALS] = {
        {special[0].first, special[0].last}};
    struct ptw_walk_options kept = ptw_walk_everything();
    /* The guest's own tables, behind its pages. */
    struct heap old_heap = {SCRATCH_AT + 16 * PAGE,
                            SCRATCH_AT + sizeof scratch};
    struct ptw_tables t[SPACES];
    struct ptw_shares shares[2];
    struct ptw_regime regime;
    struct ptw_mem guest_mem;
    struct ptw_mem now;
    struct ptw_root root[SPACES];
    enum ptw_status st;

    fill_memory();
    st = ptw_regime_by_name("amd64", NULL, 0, &regime, NULL);
    if (st == PTW_OK) {
        st = ptw_mem_init_regions(&guest_mem, before, 3);
    }
    for (unsigned i = 0; i < 2 && st == PTW_OK; i++) {
        st = ptw_shares_init(&shares[i], shares_storage[i],
                             sizeof shares_storage[i], 0x5eed);
    }
    for (unsigned k = 0; k < SPACES && st == PTW_OK; k++) {
        t[k] = (struct ptw_tables){.root = {.regime = &regime},
                                   .mem = &guest_mem,
                                   .ops = &ops,
                                   .ctx = &old_heap,
                                   .shares = &shares[0],
                                   .table_rights = PTW_USER};
        st = take(&old_heap, &t[k].root.table);
    }
    if (st == PTW_OK) {
        st = build_guest(t);
    }
    if (st != PTW_OK) {
        return fail("the guest", st);
    }
    for (unsigned k = 0; k < SPACES; k++) {
        root[k] = t[k].root;
    }

    /* New tables are written where the host wants them. */
    st = ptw_mem_init_regions(&now, &after[1], 1);
    s.regime = &regime;
    s.guest = &guest_mem;
    s.heap = (struct heap){TABLES_AT, TABLES_AT + sizeof new_tables};
    s.tables = (struct ptw_tables){.root = {.regime = &regime},
                                   .mem = &now,
                                   .ops = &ops,
                                   .ctx = &s.heap,
                                   .shares = &shares[1]};
    kept.flags = PTW_WALK_TABLES;
    kept.leave_out = left_out;
    kept.leave_outs = SPECIALS;
    if (st == PTW_OK) {
        st = rebuild(&s, root, &kept);
    }
    if (st == PTW_OK) {
        st = map_specials(&s);
    }
    if (st != PTW_OK) {
        return fail("the snapshot", st);
    }

    /* Pages and tables together are the new guest's memory. */
    after[0].last.v = BASE + s.used - 1;
    st = ptw_mem_init_regions(&now, after, 2);
    if (st != PTW_OK) {
        return fail("the new memory", st);
    }
    st = verify(&s, &now, root, &kept, &v);
    return report(&s, &now, &v, st);
}
