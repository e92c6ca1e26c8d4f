/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE = 60, /* seconds without a word */
    HEAD = offsetof(struct child_message, data),
};

/* Memory for what a library allocates: a table for each page of a dump of
 * terabytes fits. */
static const rlim_t DATA_MOST = (rlim_t)4 << 30;

/* A sanitizer has its own, far beyond that. */
#if defined(__SANITIZE_ADDRESS__)
static const bool limited = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
static const bool limited = false;
#else
static const bool limited = true;
#endif
#else
static const bool limited = true;
#endif

/* Lowers a limit to the most that there may be; false: it is no higher. */
static bool lower(struct rlimit *r, rlim_t most)
{
    if (r->rlim_cur != RLIM_INFINITY && r->rlim_cur <= most) {
        return false;
    }
    r->rlim_cur = most;
    return true;
}

/* The command's handlers would clean up what is the command's. */
static void reset_signals(void)
{
    static const int handled[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                                  SIGPIPE, SIGBUS,  SIGXFSZ};
    sigset_t none;

    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++) {
        (void)signal(handled[i], SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

bool child_start(struct child *c, void (*work)(void *context, int socket),
                 void *context)
{
    int pair[2];
    pid_t parent = getpid();

    c->why[0] = '\0';
    c->socket = -1;
    c->patience = c->patience == 0 ? PATIENCE : c->patience;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)snprintf(c->why, sizeof c->why, "no socket can be made: %s",
                       strerror(errno));
        return false;
    }
    c->pid = fork();
    if (c->pid < 0) {
        (void)snprintf(c->why, sizeof c->why, "no process can be made: %s",
                       strerror(errno));
        (void)close(pair[0]);
        (void)close(pair[1]);
        return false;
    }
    if (c->pid == 0) {
        struct rlimit r;

        (void)close(pair[0]);
        reset_signals();
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1); /* the parent has ended before that */
        }
        if (getrlimit(RLIMIT_CORE, &r) == 0 && lower(&r, 0)) {
            (void)setrlimit(RLIMIT_CORE, &r);
        }
        if (limited && getrlimit(RLIMIT_DATA, &r) == 0 &&
            lower(&r, DATA_MOST)) {
            (void)setrlimit(RLIMIT_DATA, &r);
        }
        work(context, pair[1]);
        _exit(0);
    }
    (void)close(pair[1]);
    c->socket = pair[0];
    return true;
}

bool child_send(int socket, const struct child_message *m)
{
    ssize_t n;

    do {
        n = send(socket, m, HEAD + m->bytes, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == HEAD + (ssize_t)m->bytes;
}

bool child_receive(int socket, struct child_message *m, unsigned seconds)
{
    struct pollfd p = {.fd = socket, .events = POLLIN};
    ssize_t n;

    do {
        n = poll(&p, 1, seconds == 0 ? -1 : (int)seconds * 1000);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        errno = ETIMEDOUT;
        return false;
    }
    do {
        n = recv(socket, m, sizeof *m, 0);
    } while (n < 0 && errno == EINTR);
    errno = n > 0 ? EPROTO : ENOTCONN;
    return n >= HEAD && m->bytes <= CHILD_DATA && n == HEAD + (ssize_t)m->bytes;
}

void child_say_failed(int socket, const char *format, ...)
{
    struct child_message m = {.kind = CHILD_FAILED};
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf((char *)m.data, CHILD_WHY, format, args);
    va_end(args);
    m.bytes = n < 0 ? 0 : n < CHILD_WHY ? (uint32_t)n : CHILD_WHY - 1;
    (void)child_send(socket, &m);
}

/* How it ended; it may have closed the socket and go on. */
static bool has_ended(pid_t pid, int *status)
{
    for (unsigned i = 0; i < 100; i++) {
        if (waitpid(pid, status, WNOHANG) != 0) {
            return true;
        }
        (void)poll(NULL, 0, 10);
    }
    return false;
}

/* It said nothing: how it ended says why. */
static void say_ended(struct child *c)
{
    int status = 0;

    if (!has_ended(c->pid, &status)) {
        child_end(c);
        (void)snprintf(c->why, sizeof c->why,
                       "its reader closed its side and went on");
        return;
    }
    (void)close(c->socket);
    c->socket = -1;
    if (WIFSIGNALED(status)) {
        (void)snprintf(c->why, sizeof c->why,
                       "its reader was ended by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(c->why, sizeof c->why,
                       "its reader ended without an answer (status %d)",
                       WEXITSTATUS(status));
    }
}

bool child_hear(struct child *c, struct child_message *m)
{
    if (c->socket < 0) {
        return false;
    }
    do {
        if (!child_receive(c->socket, m, c->patience)) {
            if (errno == ETIMEDOUT) {
                child_end(c);
                (void)snprintf(c->why, sizeof c->why,
                               "its reader gave no answer for %u seconds",
                               c->patience);
            } else if (errno == EPROTO) {
                child_end(c);
                (void)snprintf(c->why, sizeof c->why,
                               "its reader talks nonsense");
            } else {
                say_ended(c);
            }
            return false;
        }
    } while (m->kind == CHILD_ALIVE);
    if (m->kind == CHILD_FAILED) {
        (void)snprintf(c->why, sizeof c->why, "%.*s", (int)m->bytes,
                       (const char *)m->data);
        child_end(c);
        return false;
    }
    return true;
}

void child_end(struct child *c)
{
    if (c->socket < 0) {
        return;
    }
    (void)close(c->socket);
    c->socket = -1;
    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
