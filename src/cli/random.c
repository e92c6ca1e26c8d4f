/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* A guest that could guess the seed of a hash could choose addresses that make
 * it slow. */
uint64_t random_seed(void)
{
    uint64_t s = 0;
    struct timespec now = {0, 0};

    if (getrandom(&s, sizeof s, GRND_NONBLOCK) == (ssize_t)sizeof s) {
        return s;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
           (uint64_t)getpid() << 16;
}
