/* SPDX-License-Identifier: Apache-2.0 */
/* Many addresses: what needs no specialisation. */
#include "many.h"

const unsigned char *ptw_entry_place(const struct ptw_mem *mem, uint64_t pa,
                                     unsigned bytes)
{
    const struct ptw_region *r = ptw_find_range(mem, pa, bytes);
    const unsigned char *p;

    if (r == NULL || r->host == NULL) {
        return NULL;
    }
    p = ptw_host(r, pa);
    return ((uintptr_t)p & (bytes - 1)) == 0 ? p : NULL;
}

void ptw_lookup_many(const struct ptw_mem *mem, struct ptw_root root,
                     const ptw_va *va, size_t count,
                     struct ptw_translation *out, enum ptw_status *status)
{
    root.regime->arch->lookup_many(mem, &root, 0, va, count, out, status);
}

void ptw_lookup_many_roots(const struct ptw_mem *mem,
                           const struct ptw_root *root, const ptw_va *va,
                           size_t count, struct ptw_translation *out,
                           enum ptw_status *status)
{
    size_t n;

    for (size_t first = 0; first < count; first += n) {
        const struct ptw_regime *r = root[first].regime;

        n = 1;
        while (n < count - first && root[first + n].regime == r) {
            n++;
        }
        r->arch->lookup_many(mem, &root[first], 1, &va[first], n, &out[first],
                             &status[first]);
    }
}
