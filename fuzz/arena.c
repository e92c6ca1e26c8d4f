/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include "oracles.h"
#include "sanitizers.h"

#include <stdint.h>
#include <stdlib.h>

enum {
    ROOM = 32 << 20,
    ALIGNMENT = 16,
    BETWEEN = 64, /* bytes around a piece: its size stands in the last ones */
};

static _Alignas(64) unsigned char room[ROOM];
static size_t used; /* of it; what is behind was never touched or is closed */

static void shut(const void *from, size_t bytes)
{
#ifdef FZ_ASAN
    ASAN_POISON_MEMORY_REGION(from, bytes);
#else
    (void)from;
    (void)bytes;
#endif
}

static void open_up(const void *from, size_t bytes)
{
#ifdef FZ_ASAN
    ASAN_UNPOISON_MEMORY_REGION(from, bytes);
#elif defined(FZ_MSAN)
    __msan_allocated_memory(from, bytes);
#endif
    (void)from;
    (void)bytes;
}

static bool is_ours(const void *piece)
{
    uintptr_t at = (uintptr_t)piece;

    return at >= (uintptr_t)room && at < (uintptr_t)room + ROOM;
}

void fz_arena_begin(void)
{
    shut(room, used);
    used = 0;
}

/* Where the size of a piece stands. */
static size_t *size_of(void *piece)
{
    return (size_t *)(void *)((unsigned char *)piece - ALIGNMENT);
}

void *fz_take(size_t bytes)
{
    size_t whole = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    unsigned char *piece = room + used + BETWEEN;

    if (bytes > ROOM || whole + (size_t)2 * BETWEEN > ROOM - used) {
        piece = malloc(bytes);
        if (piece == NULL) {
            fz_give_up("out of memory");
        }
        return piece;
    }
    open_up(size_of(piece), sizeof(size_t));
    *size_of(piece) = bytes;
    /* What is open stays so as a whole, unless it was shut before. */
    shut(room + used, BETWEEN + whole + BETWEEN);
    open_up(piece, bytes);
    used += BETWEEN + whole;
    return piece;
}

void fz_give_back(void *piece)
{
    if (piece == NULL) {
        return;
    }
    if (!is_ours(piece)) {
        free(piece);
        return;
    }
    open_up(size_of(piece), sizeof(size_t));
    shut(piece, *size_of(piece));
    shut(size_of(piece), sizeof(size_t));
}
