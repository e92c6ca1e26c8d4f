/* SPDX-License-Identifier: Apache-2.0 */
/* Looking addresses up: what needs no specialisation. */
#include "lookup.h"

PTW_COLD enum ptw_status ptw_lookup_refused(struct ptw_root root)
{
    enum ptw_status st = ptw_root_check(root);

    return st != PTW_OK ? st : PTW_NOT_CANONICAL;
}

enum ptw_status ptw_lookup(const struct ptw_mem *mem, struct ptw_root root,
                           ptw_va va, struct ptw_translation *out)
{
    return root.regime->arch->lookup(mem, root, va, out);
}

enum ptw_status ptw_explain(const struct ptw_mem *mem, struct ptw_root root,
                            ptw_va va, struct ptw_translation *out,
                            struct ptw_step step[PTW_MAX_LEVELS], size_t *steps)
{
    return ptw_look_up_steps(root.regime->arch->format, mem, root, va, out,
                             step, steps);
}
