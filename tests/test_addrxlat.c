/* SPDX-License-Identifier: Apache-2.0 */
/* A peer as a judge: libaddrxlat, the translation of libkdumpfile, reads the same
 * random tables for the formats that it knows.  It looks at no reserved bit and no
 * physical width, so that an entry that is bad to the library is not its business. */
#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <libkdumpfile/addrxlat.h>
#include <string.h>

enum { TABLES = 4, INDICES = 12, ROUNDS = 40, QUESTIONS = 400 };

/* Parameters travel between processes: no pointers. */
struct peer {
    char name[24];
    char format[20]; /* as the peer has it */
    unsigned pa_bits;
    /* Bits of an address that the peer (0.5.1) forgets.  Arm ARM, "VMSAv8-64
     * descriptor formats": a descriptor has OA[47:16] or OA[49:12] where they stand,
     * and what is above in bits 15:12 or 9:8. */
    uint64_t lost;
};

static struct peer peers[] = {
    {"i686", "ia32", 32, 0},
    {"pae", "ia32_pae", 52, 0},
    {"amd64", "x86_64", 52, 0},
    {"amd64-la57", "x86_64", 52, 0},
    {"aarch64-4k-48", "aarch64", 48, 0},
    {"aarch64-4k-39", "aarch64", 40, 0},
    {"aarch64-16k-47", "aarch64", 48, 0},
    {"aarch64-64k-48", "aarch64", 48, 0},
    {"aarch64-64k-52", "aarch64_lpa", 52, (uint64_t)1 << 47},
    {"aarch64-4k-52-lpa2", "aarch64_lpa2", 52, (uint64_t)1 << 49},
    {"aarch64-16k-52-lpa2", "aarch64_lpa2", 52, (uint64_t)1 << 49},
};

static void put_nothing(const addrxlat_buffer_t *buffer)
{
    (void)buffer;
}

static addrxlat_status get_page(const addrxlat_cb_t *cb,
                                addrxlat_buffer_t *buffer)
{
    if (buffer->addr.addr >= RAM_BYTES) {
        return addrxlat_ctx_err(cb->priv, ADDRXLAT_ERR_NODATA, "no memory");
    }
    buffer->addr.addr = 0;
    buffer->ptr = ram;
    buffer->size = RAM_BYTES;
    buffer->byte_order = ADDRXLAT_LITTLE_ENDIAN;
    buffer->put_page = put_nothing;
    return ADDRXLAT_OK;
}

static unsigned long read_caps(const addrxlat_cb_t *cb)
{
    (void)cb;
    return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR);
}

/* The fields of an address: the offset in a page, and an index for each level. */
static addrxlat_meth_t method_of(const struct peer *peer, uint64_t root)
{
    addrxlat_meth_t meth = {.kind = ADDRXLAT_PGT,
                            .target_as = ADDRXLAT_MACHPHYSADDR};
    addrxlat_paging_form_t *form = &meth.param.pgt.pf;
    unsigned levels = ptw_levels(&regime);

    meth.param.pgt.root.addr = root;
    meth.param.pgt.root.as = ADDRXLAT_MACHPHYSADDR;
    form->pte_format = addrxlat_pte_format(peer->format);
    cr_assert(form->pte_format != ADDRXLAT_PTE_INVALID, "%s", peer->format);
    form->nfields = (unsigned short)(levels + 1);
    form->fieldsz[0] = (unsigned short)ptw_level_shift(&regime, 0);
    for (unsigned level = 0; level < levels; level++) {
        unsigned end = level + 1 < levels ? ptw_level_shift(&regime, level + 1)
                                          : ptw_va_bits(&regime);

        form->fieldsz[level + 1] =
            (unsigned short)(end - ptw_level_shift(&regime, level));
    }
    return meth;
}

static uint64_t table_at(unsigned level, unsigned i)
{
    return (1 + level * TABLES + i) * unit_bytes();
}

/* Entries at the same few indices of every table, so that addresses are likely to
 * lead somewhere. */
static void random_tables(const struct peer *peer, struct dice *d,
                          const unsigned *index)
{
    for (unsigned level = 0; level < ptw_levels(&regime); level++) {
        for (unsigned n = 0; n < TABLES * INDICES; n++) {
            unsigned at = index[n % INDICES] % entries_at(level);
            bool page = level == 0 || (has_leaves(level) && one_in(d, 4));
            uint64_t to =
                page ? (roll(d) & oracle_ones(oracle.pa_bits - 1, 0)) &
                           ~(span(level) - 1) & ~peer->lost
                     : table_at(level - 1, (unsigned)roll_below(d, TABLES));

            put(table_at(level, n / INDICES), at,
                random_entry(d, level, page, to));
        }
    }
}

static uint64_t random_va(struct dice *d, const unsigned *index)
{
    uint64_t offset = roll_below(d, span(0));

    for (unsigned level = 0; level < ptw_levels(&regime); level++) {
        unsigned at =
            one_in(d, 30) ? (unsigned)roll(d) : index[roll_below(d, INDICES)];

        offset += (at % entries_at(level)) * span(level);
    }
    return oracle_address(&oracle, offset);
}

ParameterizedTestParameters(addrxlat, agrees)
{
    return cr_make_param_array(struct peer, peers,
                               sizeof peers / sizeof *peers);
}

ParameterizedTest(struct peer *peer, addrxlat, agrees)
{
    struct dice d = {17};
    unsigned asked[2] = {0};
    addrxlat_ctx_t *ctx = addrxlat_ctx_new();
    addrxlat_cb_t *cb;

    cr_assert(ctx != NULL);
    cb = addrxlat_ctx_add_cb(ctx);
    cr_assert(cb != NULL);
    cb->priv = ctx;
    cb->get_page = get_page;
    cb->read_caps = read_caps;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned index[INDICES];
        addrxlat_meth_t meth;
        struct ptw_root root;

        machine_with(peer->name, peer->pa_bits, 0);
        for (unsigned i = 0; i < INDICES; i++) {
            index[i] = (unsigned)roll(&d) & 0xffffff;
        }
        random_tables(peer, &d, index);
        root = ptw_root_of(&regime,
                           ptw_pa_of(table_at(ptw_levels(&regime) - 1, 0)));
        meth = method_of(peer, root.table.v);
        for (unsigned n = 0; n < QUESTIONS; n++) {
            uint64_t va = random_va(&d, index);
            addrxlat_step_t step = {
                .ctx = ctx, .meth = &meth, .base = {va, ADDRXLAT_KVADDR}};
            struct ptw_translation tr;
            bool agree;
            enum ptw_status st = ptw_lookup(&mem, root, ptw_va_of(va), &tr);
            addrxlat_status other = addrxlat_walk(&step);

            if (st == PTW_BAD_ENTRY) {
                continue;
            }
            addrxlat_ctx_clear_err(ctx);
            agree = (st == PTW_OK) == (other == ADDRXLAT_OK);
            cr_assert(agree, "%s: %llx is %s, to the peer %d", peer->name,
                      (unsigned long long)va, ptw_status_text(st), (int)other);
            if (st == PTW_OK) {
                cr_assert(eq(u64, tr.pa.v, step.base.addr), "%s: %llx",
                          peer->name, (unsigned long long)va);
            }
            asked[st == PTW_OK]++;
        }
    }
    addrxlat_ctx_decref(ctx);
    cr_expect(lt(uint, 500, asked[0]));
    cr_expect(lt(uint, 500, asked[1]));
}
