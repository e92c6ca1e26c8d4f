/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's RAM is a file without a name that both processes map, and its
 * serial line is a socket.  The host writes the guest's image there before the
 * processor starts. */
#include "emulator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000, NOT_RUN = 127 };

static void run_emulator(const struct emulator_board *b, int memory, int line)
{
    char ram[128];
    char size[32];
    char serial[64];
    char start[96];

    snprintf(ram, sizeof ram,
             "memory-backend-file,id=ram,size=%d,mem-path=/proc/self/fd/%d,"
             "share=on",
             QEMU_RAM_BYTES, memory);
    snprintf(size, sizeof size, "%dM", QEMU_RAM_BYTES >> 20);
    snprintf(serial, sizeof serial, "socket,id=line,fd=%d", line);
    snprintf(start, sizeof start, "loader,addr=0x%llx,cpu-num=0",
             (unsigned long long)(b->ram + b->image_at));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp(b->program, b->program, "-nodefaults", "-no-user-config", "-display",
           "none", "-accel", "tcg", "-machine", b->machine, "-cpu", b->cpu,
           "-m", size, "-object", ram, "-no-reboot", "-chardev", serial,
           "-serial", "chardev:line", b->jumps ? "-device" : "-bios",
           b->jumps ? start : "none", (char *)NULL);
    _exit(NOT_RUN);
}

static enum emulator_result fail(struct emulator *e,
                                 enum emulator_result result, const char *what)
{
    snprintf(e->why, sizeof e->why, "%s: %s", e->board->program, what);
    emulator_close(e);
    return result;
}

/* What became of a guest that does not answer. */
static enum emulator_result lost(struct emulator *e)
{
    char what[96] = "the guest does not answer";
    int status;

    if (waitpid(e->child, &status, WNOHANG) == e->child) {
        e->child = -1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUN) {
            return fail(e, EMULATOR_ABSENT, "it can't be run");
        }
        snprintf(what, sizeof what, "it ended, with status %x", status);
    }
    return fail(e, EMULATOR_FAILED, what);
}

static enum emulator_result await(struct emulator *e)
{
    struct pollfd p = {.fd = e->line, .events = POLLIN};
    char byte = 0;
    char what[96];

    if (poll(&p, 1, TIMEOUT_MS) != 1 || read(e->line, &byte, 1) != 1) {
        usleep(100000); /* until a process that ended can be told from one that
                           runs */
        return lost(e);
    }
    if (byte == QEMU_READY) {
        return EMULATOR_OK;
    }
    snprintf(what, sizeof what, "the guest is lost: %llx at %llx",
             (unsigned long long)e->mailbox->at[0].cause,
             (unsigned long long)e->mailbox->at[0].at);
    return fail(e, EMULATOR_FAILED, what);
}

static bool make_memory(struct emulator *e, int *memory)
{
    void *ram;

    *memory = memfd_create("guest", 0);
    if (*memory < 0 || ftruncate(*memory, QEMU_RAM_BYTES) != 0) {
        return false;
    }
    ram = mmap(NULL, QEMU_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
               *memory, 0);
    if (ram == MAP_FAILED) {
        return false;
    }
    e->bytes = ram;
    e->mailbox = (struct qemu_mailbox *)(void *)(e->bytes + QEMU_MAILBOX);
    memcpy(e->bytes + e->board->image_at, e->board->image,
           *e->board->image_bytes);
    return true;
}

enum emulator_result emulator_open(struct emulator *e,
                                   const struct emulator_board *board)
{
    int memory = -1;
    int pair[2];

    *e = (struct emulator){.board = board, .child = -1, .line = -1};
    if (*board->image_bytes == 0) {
        return fail(e, EMULATOR_ABSENT,
                    "there was no compiler for its guest when this was built");
    }
    if (!make_memory(e, &memory) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        if (memory >= 0) {
            close(memory);
        }
        return fail(e, EMULATOR_FAILED, strerror(errno));
    }
    e->line = pair[0];
    e->child = fork();
    if (e->child == 0) {
        close(pair[0]);
        run_emulator(board, memory, pair[1]);
    }
    close(pair[1]);
    close(memory);
    if (e->child < 0) {
        return fail(e, EMULATOR_FAILED, strerror(errno));
    }
    return await(e);
}

enum emulator_result emulator_ask(struct emulator *e)
{
    static const char go = QEMU_GO;

    if (write(e->line, &go, 1) != 1) {
        return lost(e);
    }
    return await(e);
}

uint8_t *emulator_host(const struct emulator *e, uint64_t pa)
{
    return e->bytes + (pa - e->board->ram);
}

void emulator_close(struct emulator *e)
{
    if (e->child > 0) {
        kill(e->child, SIGKILL);
        waitpid(e->child, NULL, 0);
    }
    if (e->line >= 0) {
        close(e->line);
    }
    if (e->bytes != NULL) {
        munmap(e->bytes, QEMU_RAM_BYTES);
    }
    e->child = -1;
    e->line = -1;
    e->bytes = NULL;
    e->mailbox = NULL;
}
