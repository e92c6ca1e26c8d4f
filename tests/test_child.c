/* SPDX-License-Identifier: Apache-2.0 */
/* Work in a process of its own, which ends in any way. */
#include "child.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct child c;
static struct child_message m;

static void count(void *context, int socket)
{
    struct child_message out = {.kind = CHILD_ALIVE};
    const int *most = context;

    for (int i = 0; i < *most; i++) {
        out.kind = CHILD_ALIVE;
        (void)child_send(socket, &out);
        out.kind = CHILD_OWN;
        out.first = (uint64_t)i;
        out.bytes = CHILD_DATA;
        memset(out.data, i, CHILD_DATA);
        (void)child_send(socket, &out);
    }
    out.kind = CHILD_DONE;
    out.bytes = 0;
    (void)child_send(socket, &out);
}

Test(child, sends_messages)
{
    int most = 1000;

    cr_assert(child_start(&c, count, &most));
    for (int i = 0; i < most; i++) {
        cr_assert(child_hear(&c, &m), "%s", c.why);
        cr_assert(eq(u64, m.first, (uint64_t)i));
        cr_assert(eq(u32, m.bytes, CHILD_DATA));
        cr_assert(eq(int, m.data[CHILD_DATA - 1], i & 0xff));
    }
    cr_assert(child_hear(&c, &m));
    cr_expect(eq(u32, m.kind, CHILD_DONE));
    child_end(&c);
    child_end(&c);
    cr_expect(not(child_hear(&c, &m)));
}

static void echo(void *context, int socket)
{
    struct child_message in;

    (void)context;
    while (child_receive(socket, &in, 0)) {
        (void)child_send(socket, &in);
    }
}

Test(child, is_asked)
{
    cr_assert(child_start(&c, echo, NULL));
    for (unsigned i = 0; i < 100; i++) {
        m = (struct child_message){.kind = CHILD_OWN, .first = i};
        cr_assert(child_send(c.socket, &m));
        cr_assert(child_hear(&c, &m));
        cr_assert(eq(u64, m.first, i));
    }
    child_end(&c);
}

static void give_up(void *context, int socket)
{
    child_say_failed(socket, "it has %d legs", *(const int *)context);
}

static void crash(void *context, int socket)
{
    (void)context;
    (void)socket;
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

static void leave(void *context, int socket)
{
    (void)context;
    (void)socket;
    _exit(7);
}

static void hang(void *context, int socket)
{
    (void)context;
    (void)socket;
    for (;;) {
        (void)pause();
    }
}

static void expect_failed(void (*work)(void *context, int socket),
                          const char *why)
{
    int legs = 5;

    memset(&c, 0, sizeof c);
    c.patience = 1;
    cr_assert(child_start(&c, work, &legs));
    cr_expect(not(child_hear(&c, &m)));
    cr_expect(strstr(c.why, why) != NULL, "%s", c.why);
    cr_expect(eq(int, c.socket, -1));
    /* It is gone, and stays so. */
    cr_expect(lt(int, kill(c.pid, 0), 0));
    cr_expect(not(child_hear(&c, &m)));
    child_end(&c);
}

Test(child, that_fails_says_why)
{
    expect_failed(give_up, "it has 5 legs");
    expect_failed(crash, "ended by signal 6");
    expect_failed(leave, "without an answer (status 7)");
    expect_failed(hang, "no answer for 1 seconds");
}

static void close_and_stay(void *context, int socket)
{
    (void)context;
    (void)close(socket);
    (void)pause();
}

/* What is not of a message's size is none. */
static void babble(void *context, int socket)
{
    static const char words[] = "some words, fewer than a message has";

    (void)context;
    (void)write(socket, words, sizeof words);
    (void)pause();
}

Test(child, that_babbles_has_failed, .timeout = 20)
{
    expect_failed(babble, "talks nonsense");
    expect_failed(close_and_stay, "closed its side");
}

static void check_limits(void *context, int socket)
{
    struct child_message out = {.kind = CHILD_DONE};
    struct rlimit r;

    (void)context;
    (void)getrlimit(RLIMIT_CORE, &r);
    out.first = r.rlim_cur;
    (void)child_send(socket, &out);
}

Test(child, leaves_no_core)
{
    cr_assert(child_start(&c, check_limits, NULL));
    cr_assert(child_hear(&c, &m));
    cr_expect(eq(u64, m.first, 0));
    child_end(&c);
}
