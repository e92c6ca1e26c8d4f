/* SPDX-License-Identifier: Apache-2.0 */
/* What the x86 architectures share at run time: how an access is judged. */
#include "x86.h"

/* Intel SDM vol. 3A, "Determination of Access Rights" and "Protection Keys".
 * Keys concern data only, and user addresses only. */
static bool key_allows(const struct ptw_regime *r, unsigned rights,
                       unsigned level, uint64_t raw,
                       const struct ptw_access *access)
{
    unsigned key = r->arch->attributes(r, level, raw).key;
    bool access_disabled = (access->pkru >> (2 * key) & 1) != 0;
    bool write_disabled = (access->pkru >> (2 * key + 1) & 1) != 0;

    if ((r->features & PTW_PKE) == 0 || (rights & PTW_USER) == 0 ||
        access->right == PTW_EXEC) {
        return true;
    }
    if (access_disabled) {
        return false;
    }
    return access->right != PTW_WRITE || !write_disabled ||
           (!access->user && (r->features & PTW_WP) == 0);
}

bool ptw_x86_shadow_stack(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return x86_shadow_stack(r, above, raw);
}

/* What the supervisor may write where CR0.WP is clear is everything. */
bool ptw_x86_guest_writes(const struct ptw_regime *r, unsigned above,
                          uint64_t raw)
{
    return (r->features & PTW_WP) == 0 ||
           (above & x86_rights(raw) & PTW_WRITE) != 0 ||
           x86_shadow_stack(r, above, raw);
}

bool ptw_x86_access_allowed(const struct ptw_regime *r, unsigned above,
                            unsigned level, uint64_t raw,
                            const struct ptw_access *access)
{
    unsigned rights = above & x86_rights(raw);
    bool user_page = (rights & PTW_USER) != 0;

    if (access->user && !user_page) {
        return false;
    }
    if (!key_allows(r, rights, level, raw, access)) {
        return false;
    }
    if (access->shadow_stack) {
        return access->right != PTW_EXEC && access->user == user_page &&
               x86_shadow_stack(r, above, raw);
    }
    if (access->right == PTW_EXEC) {
        if (!access->user && user_page && (r->features & PTW_SMEP) != 0) {
            return false;
        }
        return (rights & PTW_EXEC) != 0;
    }
    if (!access->user && user_page && (r->features & PTW_SMAP) != 0 &&
        !access->ac) {
        return false;
    }
    return access->right != PTW_WRITE || (rights & PTW_WRITE) != 0 ||
           (!access->user && (r->features & PTW_WP) == 0);
}
