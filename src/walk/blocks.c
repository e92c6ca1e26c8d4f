/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in plain C, and how a walk finds its own. */
#include "blocks.h"

#include "load.h"

PTW_ENGINE struct ptw_masks block_of(const struct ptw_question *q, bool wide,
                                     const unsigned char *from, unsigned lines,
                                     uint64_t *to)
{
    struct ptw_masks m = {0, 0};
    uint64_t before = q->before;

    for (unsigned line = 0; line < lines; line++) {
        uint64_t present = 0;
        uint64_t follows = 0;

        __builtin_prefetch(q->ahead + (size_t)(wide ? 64 : 32) * line);
        PTW_UNROLL
        for (unsigned i = 0; i < PTW_LINE; i++) {
            uint64_t raw = wide ? ptw_load64(from) : ptw_load32(from);

            to[i] = raw;
            present |= (raw >> q->present & 1) << i;
            follows |= (uint64_t)(((raw ^ (before + q->step)) & q->alike) == 0)
                       << i;
            before = raw;
            from += wide ? 8 : 4;
        }
        m.present |= present << (PTW_LINE * line);
        m.follows |= (follows & present) << (PTW_LINE * line);
        to += PTW_LINE;
    }
    return m;
}

/* Goes over lines as long as their entries are as expected.  Each is loaded to
 * `to`, so many entries apart; if that is 0, only the one that is not. */
PTW_ENGINE unsigned lines_of(const struct ptw_question *q, bool wide,
                             const unsigned char *from, unsigned lines,
                             uint64_t *to, size_t apart)
{
    uint64_t expected = q->before + q->step;

    for (unsigned done = 0; done < lines; done++) {
        uint64_t raw[PTW_LINE];
        uint64_t differ = 0;

        __builtin_prefetch(q->ahead + (size_t)(wide ? 64 : 32) * done);
        PTW_UNROLL
        for (unsigned i = 0; i < PTW_LINE; i++) {
            raw[i] = wide ? ptw_load64(from) : ptw_load32(from);
            differ |= raw[i] ^ expected;
            expected += q->step;
            from += wide ? 8 : 4;
        }
        differ &= q->alike;
        if (apart != 0 || differ != 0) {
            memcpy(to + apart * done, raw, sizeof raw);
        }
        if (differ != 0) {
            return done;
        }
    }
    return lines;
}

static struct ptw_masks narrow_block(const struct ptw_question *q,
                                     const unsigned char *from, unsigned lines,
                                     uint64_t *to)
{
    return block_of(q, false, from, lines, to);
}

static struct ptw_masks wide_block(const struct ptw_question *q,
                                   const unsigned char *from, unsigned lines,
                                   uint64_t *to)
{
    return block_of(q, true, from, lines, to);
}

static unsigned narrow_run(const struct ptw_question *q,
                           const unsigned char *from, unsigned lines,
                           uint64_t line[PTW_LINE])
{
    return lines_of(q, false, from, lines, line, 0);
}

static unsigned wide_run(const struct ptw_question *q,
                         const unsigned char *from, unsigned lines,
                         uint64_t line[PTW_LINE])
{
    return lines_of(q, true, from, lines, line, 0);
}

static unsigned narrow_copy(const struct ptw_question *q,
                            const unsigned char *from, unsigned lines,
                            uint64_t *to)
{
    return lines_of(q, false, from, lines, to, PTW_LINES_APART);
}

static unsigned wide_copy(const struct ptw_question *q,
                          const unsigned char *from, unsigned lines,
                          uint64_t *to)
{
    return lines_of(q, true, from, lines, to, PTW_LINES_APART);
}

static const struct ptw_kernels plain[2] = {
    {.block = narrow_block, .run = narrow_run, .copy = narrow_copy},
    {.block = wide_block, .run = wide_run, .copy = wide_copy},
};

const struct ptw_kernels *ptw_kernels_of(unsigned vectors, unsigned entry_log2)
{
#if PTW_VECTORS >= 64
    if (vectors == PTW_VECTORS_64 && entry_log2 == 3) {
        return &ptw_wide_kernels_64;
    }
#endif
#if PTW_VECTORS >= 32
    if (vectors >= PTW_VECTORS_32) {
        return &ptw_kernels_32[entry_log2 - 2];
    }
#endif
#if PTW_VECTORS >= 16
    if (vectors == PTW_VECTORS_16) {
        return &ptw_kernels_16[entry_log2 - 2];
    }
#endif
    (void)vectors;
    return &plain[entry_log2 - 2];
}

struct ptw_masks ptw_masks_of(const struct ptw_question *q,
                              const uint64_t *entry, unsigned n)
{
    struct ptw_masks m = {0, 0};
    uint64_t before = q->before;

    for (unsigned i = 0; i < n; i++) {
        uint64_t raw = entry[i];

        m.present |= (raw >> q->present & 1) << i;
        m.follows |= (uint64_t)(((raw ^ (before + q->step)) & q->alike) == 0)
                     << i;
        before = raw;
    }
    m.follows &= m.present;
    return m;
}
