/* SPDX-License-Identifier: Apache-2.0 */
/* The play that guest and host put on: several spaces, one kernel.
 *
 * Round after round, each space in its turn writes values that depend on the
 * space and the round: to data of its own, at the same addresses in all spaces;
 * to a page that all of them share; and, through its kernel, to the kernel's
 * data.  It checks that it sees its own values and not the others' where things
 * are private, and the others' where they are shared.  In the end each
 * tells a sum that the host can work out as well. */
#ifndef PTW_EXAMPLES_PLAY_H
#define PTW_EXAMPLES_PLAY_H

#include <stdint.h>

enum { PLAY_SPACES = 3, PLAY_PLACES = 16, PLAY_STRIDE = 300 };

/* Where the user's part of a space is, besides what is in the image. */
static const uint32_t PLAY_SHARED_VA = 0x800000;
static const uint32_t PLAY_STACK_FIRST = 0x6f0000;
static const uint32_t PLAY_STACK_TOP = 0x700000;

/* What the kernel calls its host for. */
enum play_call {
    PLAY_FAULT = 1, /* (address, error code): 0 when it was dealt with */
    PLAY_ROOT,      /* (space): the CR3 of that space */
    PLAY_SNAPSHOT,  /* (round): whether there are to be more rounds */
    PLAY_ANSWER,    /* (space, sum); of PLAY_SPACES: the kernel's own sum */
    PLAY_WRONG      /* (space, line): what was seen is not what should be */
};

/* What a space calls its kernel for: number in AX, argument in DI. */
enum play_system_call {
    PLAY_SWITCH = 1, /* to the next space */
    PLAY_LEDGER,     /* (value): the sum of this space's values so far */
    PLAY_ROUND_OVER, /* (round): as PLAY_SNAPSHOT */
    PLAY_TELL,       /* (sum): the space's answer; it ends there */
    PLAY_COMPLAIN    /* (line) */
};

/* The page that all spaces share. */
struct play_shared {
    uint32_t value[PLAY_SPACES];
    uint32_t rounds; /* how many there are, once it is known */
};

static inline uint32_t play_value(uint32_t space, uint32_t round)
{
    uint32_t v = (round + 1) * 2654435761u ^ (space + 1) * 2246822519u;

    return v ^ v >> 15;
}

/* What is at a place before anybody has written to it. */
static inline uint32_t play_initial(uint32_t place)
{
    return place * 3266489917u + 374761393u;
}

static inline uint32_t play_sum(uint32_t space, uint32_t rounds)
{
    uint32_t sum = 0;

    for (uint32_t round = 0; round < rounds; round++) {
        sum += play_value(space, round);
    }
    return sum;
}

#endif
