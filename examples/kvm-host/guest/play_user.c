/* SPDX-License-Identifier: Apache-2.0 */
/* What every space runs.  Its data has the same addresses in all of them. */
#include "play.h"

#include <stdbool.h>

/* Where it starts, with the number of the space in DI. */
__asm__(".globl play_start\n"
        "play_start:\n"
#ifdef __x86_64__
        "    call play_main\n"
#else
        "    push %edi\n"
        "    call play_main\n"
#endif
);

void play_main(unsigned long number);

/* Data that is there from the start, and data that starts as zeros; in some
 * pages each. */
static uint32_t written[PLAY_PLACES * PLAY_STRIDE] = {1};
static uint32_t zeros[PLAY_PLACES * PLAY_STRIDE];

/* An instruction that is none: a trap that every machine delivers. */
static unsigned long call(enum play_system_call number, unsigned long argument)
{
    unsigned long answer = number;

    __asm__ volatile("ud2" : "+a"(answer) : "D"(argument) : "memory");
    return answer;
}

static void check(bool right, unsigned line)
{
    if (!right) {
        call(PLAY_COMPLAIN, line);
    }
}

/* Place after place is written, so a value is replaced PLAY_PLACES rounds
 * later. */
static void check_places(uint32_t space, uint32_t rounds)
{
    for (uint32_t place = 0; place < PLAY_PLACES; place++) {
        uint32_t times = (rounds + PLAY_PLACES - 1 - place) / PLAY_PLACES;
        uint32_t last = (times - 1) * PLAY_PLACES + place;
        uint32_t value = times == 0 ? 0 : play_value(space, last);

        check(zeros[place * PLAY_STRIDE] == value, __LINE__);
        check(written[place * PLAY_STRIDE] ==
                  (times == 0 ? play_initial(place) : value),
              __LINE__);
    }
}

/* The spaces before this one are a round ahead when its turn comes again, but
 * for the last time. */
static void check_shared(const volatile struct play_shared *shared,
                         uint32_t space, uint32_t round)
{
    for (uint32_t other = 0; other < PLAY_SPACES; other++) {
        uint32_t ahead = other < space && shared->rounds != round + 1 ? 1 : 0;

        check(shared->value[other] == play_value(other, round + ahead),
              __LINE__);
    }
}

/* The image has the first value only, and the others are worked out here: the
 * first writes of every space are to pages that all of them have. */
static void initialise(void)
{
    check(written[0] == 1, __LINE__);
    for (uint32_t place = 0; place < PLAY_PLACES; place++) {
        written[place * PLAY_STRIDE] = play_initial(place);
    }
}

void play_main(unsigned long number)
{
    volatile struct play_shared *shared = (void *)(uintptr_t)PLAY_SHARED_VA;
    uint32_t space = (uint32_t)number;
    uint32_t sum = 0;
    uint32_t round = 0;
    bool over = false;

    initialise();
    for (; !over; round++) {
        uint32_t value = play_value(space, round);
        uint32_t at = round % PLAY_PLACES * PLAY_STRIDE;

        check_places(space, round);
        written[at] = value;
        zeros[at] = value;
        check_places(space, round + 1);
        shared->value[space] = value;
        sum += value;
        check(call(PLAY_LEDGER, value) == sum, __LINE__);
        if (space == 0 && call(PLAY_ROUND_OVER, round) == 0) {
            shared->rounds = round + 1;
        }
        call(PLAY_SWITCH, 0);
        check_shared(shared, space, round);
        over = shared->rounds == round + 1;
    }
    call(PLAY_TELL, sum);
    check(false, __LINE__);
}
