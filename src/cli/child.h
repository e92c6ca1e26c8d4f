/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries that read formats of others run in a process of their own, with
 * limits: whatever a hostile file makes of them is an error like others. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_WHY = 200, CHILD_DATA = 4096 };

/* What is said between the two: each a message of its own. */
struct child_message {
    uint32_t kind; /* as the two agree on; CHILD_... are those of all */
    uint32_t bytes;
    uint64_t first;
    uint64_t last;
    unsigned char data[CHILD_DATA];
};

enum { CHILD_FAILED, CHILD_DONE, CHILD_ALIVE, CHILD_OWN };

struct child {
    pid_t pid;
    int socket;        /* -1: it has ended */
    unsigned patience; /* seconds that it may take for a message; 0: 60 */
    char why[CHILD_WHY];
};

/* child_start runs work(context, socket) in a process of its own, whose exit is
 * the end of it.  *c is all zeros, but for its patience.  false: c->why. */
bool child_start(struct child *c, void (*work)(void *context, int socket),
                 void *context);

/* child_send and child_receive are for both sides.  child_receive waits for
 * `seconds`, or for ever when that is 0. */
bool child_send(int socket, const struct child_message *m);
bool child_receive(int socket, struct child_message *m, unsigned seconds);

/* child_say_failed tells the other side why the work ends. */
void child_say_failed(int socket, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* child_hear waits for the next message of the child.  false: it failed, ended
 * or hangs, and c->why says so; it is gone then.  CHILD_ALIVE is not heard. */
bool child_hear(struct child *c, struct child_message *m);

/* child_end ends it. */
void child_end(struct child *c);

#endif
