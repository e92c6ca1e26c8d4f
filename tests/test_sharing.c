/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that are one in an image and two in the other, against a list of all
 * that was noted. */
#include "report.h"
#include "sharing.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Of the command. */
void *must(void *p)
{
    cr_assert(p != NULL);
    return p;
}

enum { NOTES = 64, PAGES = 6 };

struct noted {
    uint64_t a;
    uint64_t b;
    bool written;
};

static struct noted list[NOTES];
static unsigned notes;
static struct sharing sharing;

/* Whether some page of A has had two of B. */
static bool is_shared(void)
{
    for (unsigned i = 0; i < notes; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (list[i].a == list[k].a && list[i].b != list[k].b) {
                return true;
            }
        }
    }
    return false;
}

/* Whether some page of B has had two of A, and was written. */
static bool is_joined(void)
{
    for (unsigned i = 0; i < notes; i++) {
        bool two = false;
        bool written = false;

        for (unsigned k = 0; k < notes; k++) {
            two = two || (list[k].b == list[i].b && list[k].a != list[i].a);
            written = written || (list[k].b == list[i].b && list[k].written);
        }
        if (two && written) {
            return true;
        }
    }
    return false;
}

static unsigned add(uint64_t a, uint64_t b, bool written)
{
    struct noted n = {a, b, written};

    cr_assert(notes < NOTES);
    list[notes++] = n;
    return sharing_note(&sharing, (ptw_pa){a << 12 | 0x123},
                        (ptw_pa){b << 12 | 0x123}, written);
}

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice_state >> 33) % sides;
}

Test(sharing, is_found_whatever_comes_first)
{
    for (uint64_t seed = 0; seed < 20000; seed++) {
        unsigned found = 0;

        dice_state = seed;
        notes = 0;
        sharing_init(&sharing, seed);
        for (unsigned i = 1 + dice(12); i > 0; i--) {
            uint64_t a = dice(PAGES);
            unsigned what =
                add(a, dice(4) == 0 ? dice(PAGES) : a, dice(4) == 0);

            found |= what;
            cr_assert((what & SHARING_SHARED) == 0 || is_shared());
            cr_assert((what & SHARING_JOINED) == 0 || is_joined());
        }
        cr_assert(((found & SHARING_SHARED) != 0) == is_shared(), "%u",
                  (unsigned)seed);
        cr_assert(((found & SHARING_JOINED) != 0) == is_joined(), "%u",
                  (unsigned)seed);
        sharing_free(&sharing);
    }
}

Test(sharing, is_found_at_the_place_where_it_shows)
{
    sharing_init(&sharing, 1);
    notes = 0;
    cr_expect(add(1, 11, true) == 0);
    cr_expect(add(1, 12, true) == SHARING_SHARED);
    cr_expect(add(1, 11, true) == 0);
    cr_expect(add(2, 13, false) == 0);
    cr_expect(add(3, 13, false) == 0);
    cr_expect(add(2, 13, true) == SHARING_JOINED);
    cr_expect(add(3, 13, false) == SHARING_JOINED);
    cr_expect(add(2, 13, false) == 0);
    sharing_free(&sharing);
}

Test(sharing, has_room_for_many_pages)
{
    sharing_init(&sharing, 2);
    for (uint64_t i = 0; i < 100000; i++) {
        ptw_pa a = {i << 12};
        ptw_pa b = {(i * 7 + 5) << 12};

        cr_assert(sharing_note(&sharing, a, b, true) == 0);
    }
    cr_expect(!sharing.full);
    cr_expect(sharing_note(&sharing, (ptw_pa){0x5000}, (ptw_pa){0x9000},
                           true) == SHARING_SHARED);
    sharing_free(&sharing);
}
