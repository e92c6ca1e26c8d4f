/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels on vectors of PTW_VECTOR_BYTES bytes, 16, 32 or 64, as
 * blocks_16.c and the files beside it include them: a vector's size is a part of
 * its type.  A line of narrow entries fills no vector of 64 bytes.
 *
 * An entry comes out of guest memory in one load of the vector that it is in,
 * which the compiler can't repeat: it is volatile.  docs/decisions.md says why
 * such a load keeps each entry whole. */
#ifndef PTW_BLOCKS_VECTOR_H
#define PTW_BLOCKS_VECTOR_H

#include "blocks.h"

#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

enum {
    WIDE_LANES = PTW_VECTOR_BYTES / 8,
    NARROW_LANES = PTW_VECTOR_BYTES / 4,
    WIDE_VECTORS = PTW_LINE / WIDE_LANES, /* of a line */
    NARROW_VECTORS = PTW_LINE / NARROW_LANES
};

typedef uint64_t wide __attribute__((vector_size(PTW_VECTOR_BYTES)));
typedef uint32_t narrow __attribute__((vector_size(PTW_VECTOR_BYTES)));
typedef float floats __attribute__((vector_size(PTW_VECTOR_BYTES)));
typedef long long integers __attribute__((vector_size(PTW_VECTOR_BYTES)));
typedef int halves __attribute__((vector_size(PTW_VECTOR_BYTES)));

/* The same in memory, where entries are aligned to their size and no more. */
typedef wide wide_there __attribute__((aligned(8), may_alias));
typedef narrow narrow_there __attribute__((aligned(4), may_alias));

/* Loads of entries, each once. */
PTW_ENGINE wide load_wide(const unsigned char *from)
{
    return *(const volatile wide_there *)(const volatile void *)from;
}

PTW_ENGINE narrow load_narrow(const unsigned char *from)
{
    return *(const volatile narrow_there *)(const volatile void *)from;
}

PTW_ENGINE void put_wide(uint64_t *to, wide v)
{
    *(wide_there *)(void *)to = v;
}

/* What the number of lanes decides.  present_in returns a bit for each entry of a
 * line that has the bit of that number; none_in one for each that has none of
 * these bits; has_none whether no entry of a vector has any.  turned_wide makes of
 * a vector what in_front_wide takes of it and of the one before it: that is the
 * entries which stand before those of the latter.  narrow entries have the same.
 * top_bits returns a bit for each lane whose highest bit is set, low_bits the
 * lowest halves of two vectors, in order; shifted moves all lanes up. */
#if PTW_VECTOR_BYTES == 64
/* How the instruction that compares two vectors is told what it asks. */
enum { EQUAL = 0, NOT_EQUAL = 4, ALL_LANES = 255 };

PTW_ENGINE unsigned present_in(const wide v[WIDE_VECTORS], unsigned bit)
{
    return __builtin_ia32_ucmpq512_mask((integers)(v[0] & (uint64_t)1 << bit),
                                        (integers){0}, NOT_EQUAL, ALL_LANES);
}

PTW_ENGINE unsigned none_in(const wide v[WIDE_VECTORS], wide bits)
{
    return __builtin_ia32_ucmpq512_mask((integers)(v[0] & bits), (integers){0},
                                        EQUAL, ALL_LANES);
}

PTW_ENGINE bool has_none(wide v, wide bits)
{
    return none_in(&v, bits) == ALL_LANES;
}

/* One instruction takes from two vectors. */
PTW_ENGINE wide turned_wide(wide v)
{
    return v;
}

PTW_ENGINE wide in_front_wide(wide last, wide v)
{
    return __builtin_shufflevector(last, v, 7, 8 + 0, 8 + 1, 8 + 2, 8 + 3,
                                   8 + 4, 8 + 5, 8 + 6);
}

PTW_ENGINE wide lanes(void)
{
    return (wide){0, 1, 2, 3, 4, 5, 6, 7};
}
#elif PTW_VECTOR_BYTES == 32
PTW_ENGINE unsigned top_bits(narrow v)
{
    return (unsigned)__builtin_ia32_movmskps256((floats)v);
}

/* Two instructions: the first one does not cross the halves of a vector. */
PTW_ENGINE narrow low_bits(wide a, wide b)
{
    floats halved = __builtin_shufflevector((floats)a, (floats)b, 0, 2, 8 + 0,
                                            8 + 2, 4, 6, 8 + 4, 8 + 6);

    return (narrow)__builtin_shufflevector((wide)halved, (wide)halved, 0, 2, 1,
                                           3);
}

PTW_ENGINE narrow shifted(narrow v, unsigned by)
{
    return (narrow)__builtin_ia32_pslldi256((halves)v, (int)by);
}

PTW_ENGINE unsigned present_in(const wide v[WIDE_VECTORS], unsigned bit)
{
    return top_bits(shifted(low_bits(v[0], v[1]), 31 - bit));
}

PTW_ENGINE unsigned none_in(const wide v[WIDE_VECTORS], wide bits)
{
    return top_bits(
        low_bits((wide)((v[0] & bits) == 0), (wide)((v[1] & bits) == 0)));
}

PTW_ENGINE wide turned_wide(wide v)
{
    return __builtin_shufflevector(v, v, 3, 0, 1, 2);
}

PTW_ENGINE wide in_front_wide(wide last, wide v)
{
    return __builtin_shufflevector(last, v, 0, 5, 6, 7);
}

PTW_ENGINE narrow turned_narrow(narrow v)
{
    return __builtin_shufflevector(v, v, 7, 0, 1, 2, 3, 4, 5, 6);
}

PTW_ENGINE narrow in_front_narrow(narrow last, narrow v)
{
    return __builtin_shufflevector(last, v, 0, 8 + 1, 8 + 2, 8 + 3, 8 + 4,
                                   8 + 5, 8 + 6, 8 + 7);
}

PTW_ENGINE wide lanes(void)
{
    return (wide){0, 1, 2, 3};
}

PTW_ENGINE narrow narrow_lanes(void)
{
    return (narrow){0, 1, 2, 3, 4, 5, 6, 7};
}

/* Writes the entries of v to the window. */
PTW_ENGINE void put_narrow(uint64_t *to, narrow v)
{
    typedef uint32_t half __attribute__((vector_size(PTW_VECTOR_BYTES / 2)));
    half low = __builtin_shufflevector(v, v, 0, 1, 2, 3);
    half high = __builtin_shufflevector(v, v, 4, 5, 6, 7);

    put_wide(to, __builtin_convertvector(low, wide));
    put_wide(to + 4, __builtin_convertvector(high, wide));
}

/* Whether v has none of these bits. */
PTW_ENGINE bool has_none(wide v, wide bits)
{
    return __builtin_ia32_ptestz256((integers)v, (integers)bits) != 0;
}
#else
PTW_ENGINE narrow low_bits(wide a, wide b)
{
    return __builtin_shufflevector((narrow)a, (narrow)b, 0, 2, 4, 6);
}

PTW_ENGINE wide turned_wide(wide v)
{
    return __builtin_shufflevector(v, v, 1, 0);
}

PTW_ENGINE wide in_front_wide(wide last, wide v)
{
    return __builtin_shufflevector(last, v, 0, 3);
}

PTW_ENGINE narrow turned_narrow(narrow v)
{
    return __builtin_shufflevector(v, v, 3, 0, 1, 2);
}

PTW_ENGINE narrow in_front_narrow(narrow last, narrow v)
{
    return __builtin_shufflevector(last, v, 0, 5, 6, 7);
}

PTW_ENGINE wide lanes(void)
{
    return (wide){0, 1};
}

PTW_ENGINE narrow narrow_lanes(void)
{
    return (narrow){0, 1, 2, 3};
}

PTW_ENGINE void put_narrow(uint64_t *to, narrow v)
{
    narrow none = {0};

    put_wide(to, (wide)__builtin_shufflevector(v, none, 0, 4, 1, 5));
    put_wide(to + 2, (wide)__builtin_shufflevector(v, none, 2, 6, 3, 7));
}
#ifdef __ARM_NEON
/* There is no instruction for it: each lane keeps the bit of its number, and
 * the lanes are added. */
PTW_ENGINE unsigned top_bits(narrow v)
{
    return vaddvq_u32((uint32x4_t)((v >> 31) << narrow_lanes()));
}

PTW_ENGINE unsigned none_in(const wide v[WIDE_VECTORS], wide bits)
{
    narrow a = low_bits((wide)((v[0] & bits) == 0), (wide)((v[1] & bits) == 0));
    narrow b = low_bits((wide)((v[2] & bits) == 0), (wide)((v[3] & bits) == 0));

    return vaddvq_u32((uint32x4_t)((a & (narrow){1, 2, 4, 8}) |
                                   (b & (narrow){16, 32, 64, 128})));
}

PTW_ENGINE narrow shifted(narrow v, unsigned by)
{
    return v << by;
}

PTW_ENGINE bool has_none(wide v, wide bits)
{
    return vmaxvq_u32((uint32x4_t)(v & bits)) == 0;
}
#else
PTW_ENGINE unsigned top_bits(narrow v)
{
    return (unsigned)__builtin_ia32_movmskps((floats)v);
}

/* There is no comparison of 64 bits: both halves have to be 0. */
PTW_ENGINE unsigned zeros_of_two(wide a, wide b)
{
    narrow x = (narrow)((narrow)a == 0);
    narrow y = (narrow)((narrow)b == 0);

    return top_bits(__builtin_shufflevector(x, y, 0, 2, 4, 6) &
                    __builtin_shufflevector(x, y, 1, 3, 5, 7));
}

PTW_ENGINE unsigned none_in(const wide v[WIDE_VECTORS], wide bits)
{
    return zeros_of_two(v[0] & bits, v[1] & bits) |
           zeros_of_two(v[2] & bits, v[3] & bits) << 4;
}

PTW_ENGINE narrow shifted(narrow v, unsigned by)
{
    return (narrow)__builtin_ia32_pslldi128((halves)v, (int)by);
}

PTW_ENGINE bool has_none(wide v, wide bits)
{
    return top_bits((narrow)((narrow)(v & bits) == 0)) == 15;
}
#endif

PTW_ENGINE unsigned present_in(const wide v[WIDE_VECTORS], unsigned bit)
{
    return top_bits(shifted(low_bits(v[0], v[1]), 31 - bit)) |
           top_bits(shifted(low_bits(v[2], v[3]), 31 - bit)) << 4;
}
#endif

static struct ptw_masks wide_block(const struct ptw_question *q,
                                   const unsigned char *from, unsigned lines,
                                   uint64_t *to)
{
    const wide step = q->step - (wide){0};
    const wide alike = q->alike - (wide){0};
    const unsigned char *ahead = q->ahead;
    const unsigned bit = q->present;
    const size_t entries = (size_t)PTW_LINE * lines;
    wide last = q->before - (wide){0};
    struct ptw_masks m = {0, 0};

    for (size_t at = 0; at < entries; at += PTW_LINE) {
        wide v[WIDE_VECTORS];
        unsigned present;

        __builtin_prefetch(ahead + 8 * at);
        PTW_UNROLL
        for (size_t i = 0; i < WIDE_VECTORS; i++) {
            v[i] = load_wide(from + 8 * at + PTW_VECTOR_BYTES * i);
            put_wide(to + at + WIDE_LANES * i, v[i]);
        }
        present = present_in(v, bit);
        if (present != 0) {
            wide differ[WIDE_VECTORS];

            PTW_UNROLL
            for (unsigned i = 0; i < WIDE_VECTORS; i++) {
                wide turned = turned_wide(v[i]);

                differ[i] = (in_front_wide(last, turned) + step) ^ v[i];
                last = turned;
            }
            m.present |= (uint64_t)present << at;
            m.follows |= (uint64_t)(none_in(differ, alike) & present) << at;
        } else {
            last = turned_wide(v[WIDE_VECTORS - 1]);
        }
    }
    return m;
}

/* Goes over lines as long as their entries are as expected.  Each is loaded to
 * `to`, so many entries apart; if that is 0, only the one that is not. */
PTW_ENGINE unsigned wide_lines(const struct ptw_question *q,
                               const unsigned char *from, unsigned lines,
                               uint64_t *to, size_t apart)
{
    const wide alike = q->alike - (wide){0};
    const unsigned char *ahead = q->ahead;
    const wide further = PTW_LINE * q->step - (wide){0};
    wide expected[WIDE_VECTORS];

    PTW_UNROLL
    for (unsigned i = 0; i < WIDE_VECTORS; i++) {
        expected[i] = q->before + (lanes() + (WIDE_LANES * i + 1)) * q->step;
    }
    for (unsigned done = 0; done < lines; done++) {
        wide v[WIDE_VECTORS];
        wide differ = {0};
        bool same;

        __builtin_prefetch(ahead + (size_t)64 * done);
        PTW_UNROLL
        for (size_t i = 0; i < WIDE_VECTORS; i++) {
            v[i] = load_wide(from + PTW_VECTOR_BYTES * i);
            differ |= v[i] ^ expected[i];
            expected[i] += further;
        }
        same = has_none(differ, alike);
        if (apart != 0 || !same) {
            PTW_UNROLL
            for (size_t i = 0; i < WIDE_VECTORS; i++) {
                put_wide(to + apart * done + WIDE_LANES * i, v[i]);
            }
        }
        if (!same) {
            return done;
        }
        from += 64;
    }
    return lines;
}

static unsigned wide_run(const struct ptw_question *q,
                         const unsigned char *from, unsigned lines,
                         uint64_t line[PTW_LINE])
{
    return wide_lines(q, from, lines, line, 0);
}

static unsigned wide_copy(const struct ptw_question *q,
                          const unsigned char *from, unsigned lines,
                          uint64_t *to)
{
    return wide_lines(q, from, lines, to, PTW_LINES_APART);
}

#if PTW_VECTOR_BYTES <= 32
static struct ptw_masks narrow_block(const struct ptw_question *q,
                                     const unsigned char *from, unsigned lines,
                                     uint64_t *to)
{
    const narrow step = (uint32_t)q->step - (narrow){0};
    const narrow alike = (uint32_t)q->alike - (narrow){0};
    const unsigned char *ahead = q->ahead;
    const unsigned up = 31 - q->present;
    const size_t entries = (size_t)PTW_LINE * lines;
    narrow last = (uint32_t)q->before - (narrow){0};
    struct ptw_masks m = {0, 0};

    for (size_t at = 0; at < entries; at += PTW_LINE) {
        narrow v[NARROW_VECTORS];
        unsigned present = 0;

        __builtin_prefetch(ahead + 4 * at);
        PTW_UNROLL
        for (size_t i = 0; i < NARROW_VECTORS; i++) {
            v[i] = load_narrow(from + 4 * at + PTW_VECTOR_BYTES * i);
            put_narrow(to + at + NARROW_LANES * i, v[i]);
            present |= top_bits(shifted(v[i], up)) << NARROW_LANES * i;
        }
        if (present != 0) {
            unsigned follows = 0;

            PTW_UNROLL
            for (unsigned i = 0; i < NARROW_VECTORS; i++) {
                narrow turned = turned_narrow(v[i]);
                narrow differ =
                    ((in_front_narrow(last, turned) + step) ^ v[i]) & alike;

                follows |= top_bits((narrow)(differ == 0)) << NARROW_LANES * i;
                last = turned;
            }
            m.present |= (uint64_t)present << at;
            m.follows |= (uint64_t)(follows & present) << at;
        } else {
            last = turned_narrow(v[NARROW_VECTORS - 1]);
        }
    }
    return m;
}

PTW_ENGINE unsigned narrow_lines(const struct ptw_question *q,
                                 const unsigned char *from, unsigned lines,
                                 uint64_t *to, size_t apart)
{
    const narrow alike = (uint32_t)q->alike - (narrow){0};
    const unsigned char *ahead = q->ahead;
    const narrow further = PTW_LINE * (uint32_t)q->step - (narrow){0};
    narrow expected[NARROW_VECTORS];

    PTW_UNROLL
    for (unsigned i = 0; i < NARROW_VECTORS; i++) {
        expected[i] =
            (uint32_t)q->before +
            (narrow_lanes() + (NARROW_LANES * i + 1)) * (uint32_t)q->step;
    }
    for (unsigned done = 0; done < lines; done++) {
        narrow v[NARROW_VECTORS];
        narrow differ = {0};
        bool same;

        __builtin_prefetch(ahead + (size_t)32 * done);
        PTW_UNROLL
        for (size_t i = 0; i < NARROW_VECTORS; i++) {
            v[i] = load_narrow(from + PTW_VECTOR_BYTES * i);
            differ |= v[i] ^ expected[i];
            expected[i] += further;
        }
        same = has_none((wide)differ, (wide)alike);
        if (apart != 0 || !same) {
            PTW_UNROLL
            for (size_t i = 0; i < NARROW_VECTORS; i++) {
                put_narrow(to + apart * done + NARROW_LANES * i, v[i]);
            }
        }
        if (!same) {
            return done;
        }
        from += 32;
    }
    return lines;
}

static unsigned narrow_run(const struct ptw_question *q,
                           const unsigned char *from, unsigned lines,
                           uint64_t line[PTW_LINE])
{
    return narrow_lines(q, from, lines, line, 0);
}

static unsigned narrow_copy(const struct ptw_question *q,
                            const unsigned char *from, unsigned lines,
                            uint64_t *to)
{
    return narrow_lines(q, from, lines, to, PTW_LINES_APART);
}
#endif

#endif
