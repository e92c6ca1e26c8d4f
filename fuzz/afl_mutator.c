/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator as AFL++ loads it (AFL_CUSTOM_MUTATOR_LIBRARY), beside what AFL++
 * does by itself.  The target is named by PTW_FUZZ_TARGET.  The functions are
 * those of AFL++'s docs/custom_mutators.md. */
#include "mutator.h"

#include <stdlib.h>
#include <string.h>

struct state {
    const char *target;
    uint64_t seed; /* of the next change */
    uint8_t *out;
    size_t room;
};

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *in, size_t size, uint8_t **out,
                       uint8_t *other, size_t other_size, size_t most);
void afl_custom_deinit(void *data);

void *afl_custom_init(void *afl, unsigned seed)
{
    struct state *s = calloc(1, sizeof *s);
    const char *target = getenv("PTW_FUZZ_TARGET");

    (void)afl;
    if (s == NULL || target == NULL) {
        free(s);
        return NULL;
    }
    s->target = target;
    s->seed = (uint64_t)seed << 32;
    return s;
}

size_t afl_custom_fuzz(void *data, uint8_t *in, size_t size, uint8_t **out,
                       uint8_t *other, size_t other_size, size_t most)
{
    struct state *s = data;

    *out = NULL;
    if (s->room < most) {
        uint8_t *larger = realloc(s->out, most);

        if (larger == NULL) {
            return 0;
        }
        s->out = larger;
        s->room = most;
    }
    s->seed++;
    *out = s->out;
    if (other != NULL && s->seed % 8 == 0) {
        return fz_cross_over(in, size, other, other_size, s->out, most,
                             s->seed);
    }
    size = size < most ? size : most;
    memcpy(s->out, in, size);
    return fz_mutate(s->target, s->out, size, most, s->seed, NULL);
}

void afl_custom_deinit(void *data)
{
    struct state *s = data;

    free(s->out);
    free(s);
}
