/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, by its first and last bytes. */
#include "check.h"
#include "container.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* So many bytes, and no byte behind them: a sanitizer sees what is read there. */
static unsigned char *copy(const uint8_t *from, size_t bytes)
{
    unsigned char *to = malloc(bytes > 0 ? bytes : 1);

    if (to == NULL) {
        abort();
    }
    if (bytes > 0) {
        memcpy(to, from, bytes);
    }
    return to;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t head_bytes = len < CONTAINER_HEAD ? len : CONTAINER_HEAD;
    size_t tail_bytes = len < CONTAINER_TAIL ? len : CONTAINER_TAIL;
    unsigned char *head = copy(data, head_bytes);
    unsigned char *tail = copy(data + (len - tail_bytes), tail_bytes);
    struct container is = {.kind = CONTAINER_REFUSED};

    if (container_find(head, tail, len, &is)) {
        check_that(memchr(is.name, '\0', sizeof is.name) != NULL,
                   "a name ends");
        check_that(is.name[0] != '\0', "what is found has a name");
        check_that(is.bytes > 0 && is.offset <= len &&
                       is.bytes <= len - is.offset,
                   "a signature lies in the file");
        check_that(is.kind != CONTAINER_REFUSED ||
                       (is.advice != NULL && is.advice[0] != '\0'),
                   "what is refused has advice");
        say("%s, kind %u, as it is %d, by %" PRIx64 "+%" PRIx64, is.name,
            (unsigned)is.kind, is.as_it_is, is.offset, is.bytes);
    } else {
        say("raw");
    }
    free(head);
    free(tail);
    return 0;
}
