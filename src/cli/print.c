/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include "output.h"
#include "signals.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_BYTES = 256 * 1024, OUT_ROOM = 4096 };

static char buffer[OUT_BYTES];
static size_t used;
static const char *needed_for; /* a file, or NULL */

static _Thread_local struct text *redirected;

PTW_NORETURN static void die_of_output(int error)
{
    if (needed_for != NULL) {
        die(CLI_UNREAD, needed_for,
            "not written: writing to standard output failed: %s",
            strerror(error));
    }
    die(CLI_UNREAD, "standard output", "writing failed: %s", strerror(error));
}

static void write_out(const char *bytes, size_t count)
{
    writing_begin();
    while (count > 0) {
        size_t part = count;
        ssize_t n;

        if (needed_for != NULL) {
            /* What a pipe takes without waiting. */
            part = count < PIPE_BUF ? count : PIPE_BUF;
            outputs_wait(STDOUT_FILENO);
        }
        n = write(STDOUT_FILENO, bytes, part);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int error = errno;

            if (error == EPIPE && needed_for != NULL) {
                die(CLI_UNREAD, needed_for,
                    "not written: nobody reads standard output");
            }
            if (error == EPIPE) {
                progress_clear();
                signals_end_by_pipe();
                exit(CLI_UNREAD); /* who read it knows */
            }
            die_of_output(error);
        }
        bytes += n;
        count -= (size_t)n;
    }
    writing_end();
}

void out_needed(const char *file)
{
    needed_for = file;
}

/* Writes the whole lines, and keeps the beginning of the next one. */
static void write_lines(void)
{
    size_t whole = used;

    while (whole > 0 && buffer[whole - 1] != '\n') {
        whole--;
    }
    if (whole == 0) {
        whole = used; /* a line longer than the buffer */
    }
    write_out(buffer, whole);
    memmove(buffer, buffer + whole, used - whole);
    used -= whole;
}

void out_redirect(struct text *text)
{
    redirected = text;
}

static char *text_room(struct text *text, size_t bytes)
{
    if (text->room - text->used < bytes) {
        text->room = 2 * text->room + bytes;
        text->bytes = must(realloc(text->bytes, text->room));
    }
    return text->bytes + text->used;
}

char *out_room(size_t bytes)
{
    if (redirected != NULL) {
        return text_room(redirected, bytes);
    }
    if (OUT_BYTES - used < bytes) {
        write_lines();
    }
    if (OUT_BYTES - used < bytes) {
        write_out(buffer, used);
        used = 0;
    }
    return buffer + used;
}

void out_end(char *end)
{
    if (redirected != NULL) {
        redirected->used = (size_t)(end - redirected->bytes);
        return;
    }
    used = (size_t)(end - buffer);
}

void out_bytes(const char *bytes, size_t count)
{
    while (count > 0) {
        size_t part = count < OUT_ROOM ? count : OUT_ROOM;
        char *p = out_room(part);

        memcpy(p, bytes, part);
        out_end(p + part);
        bytes += part;
        count -= part;
    }
}

void out_text(const char *text)
{
    out_bytes(text, strlen(text));
}

void out_line(const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) {
        out_bytes(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    }
}

void out_finish(void)
{
    progress_clear();
    write_out(buffer, used);
    used = 0;
    /* Some file systems say no more than now that there was no room. */
    if (close(STDOUT_FILENO) != 0 && errno != EBADF) {
        die_of_output(errno);
    }
}

static unsigned hex_digits(uint64_t v)
{
    return v == 0 ? 1 : (67 - (unsigned)__builtin_clzll(v)) / 4;
}

/* Writes the 8 digits of v, all at once: a nibble in each byte, and then what
 * makes a digit of it. */
static void put_8(char *p, uint32_t v)
{
    uint64_t x = v;
    uint64_t letters;

    x = (x | x << 16) & UINT64_C(0x0000FFFF0000FFFF);
    x = (x | x << 8) & UINT64_C(0x00FF00FF00FF00FF);
    x = (x | x << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    letters =
        (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    memcpy(p, &x, sizeof x);
}

static void put_16(char *p, uint64_t v)
{
    put_8(p, (uint32_t)(v >> 32));
    put_8(p + 8, (uint32_t)v);
}

char *put_hex(char *p, uint64_t v)
{
    unsigned count = hex_digits(v);

    put_16(p, v << (64 - 4 * count));
    return p + count;
}

char *put_va(char *p, ptw_va va)
{
    put_16(p, va.v);
    return p + 16;
}

static char letter(unsigned rights, unsigned right, char c)
{
    if ((rights & right) != 0) {
        return c;
    }
    return '-';
}

static const char *right_letters = "";

void rights_set_regime(const struct ptw_regime *r)
{
    right_letters = ptw_right_letters(r);
}

bool rights_has(char letter)
{
    return strchr(right_letters, letter) != NULL;
}

void rights_text(unsigned rights, char text[RIGHTS_ROOM])
{
    size_t n = 0;

    for (; right_letters[n] != '\0' && n + 1 < RIGHTS_ROOM; n++) {
        char c = right_letters[n];

        text[n] = letter(rights, ptw_right_of(c), c);
    }
    text[n] = '\0';
}

/* What follows the addresses has few values: each is made once. */
struct tail {
    char text[31];
    unsigned char bytes;
};

static const struct tail *leaf_tail(unsigned size_log2, unsigned rights)
{
    static _Thread_local struct tail tails[64][PTW_ALL_RIGHTS + 1];
    struct tail *t = &tails[size_log2 & 63][rights & PTW_ALL_RIGHTS];

    if (t->bytes == 0) {
        char columns[RIGHTS_ROOM];
        char *p = t->text;

        rights_text(rights, columns);
        *p++ = ' ';
        p = put_hex(p, (uint64_t)1 << (size_log2 & 63));
        for (unsigned i = 0; columns[i] != '\0'; i++) {
            *p++ = ' ';
            *p++ = columns[i];
        }
        *p++ = '\n';
        t->bytes = (unsigned char)(p - t->text);
    }
    return t;
}

char *put_leaf(char *p, ptw_va va, ptw_pa pa, unsigned size_log2,
               unsigned rights)
{
    const struct tail *t = leaf_tail(size_log2, rights);

    p = put_va(p, va);
    *p++ = ' ';
    p = put_hex(p, pa.v);
    memcpy(p, t->text, sizeof t->text);
    return p + t->bytes;
}

const char *root_label(const struct options *o, uint32_t root)
{
    return o->root_label != NULL ? o->root_label[root] : NULL;
}

void out_label(const struct options *o, uint32_t root)
{
    const char *label = root_label(o, root);

    if (label != NULL) {
        out_text(" ");
        out_text(label);
    }
}

void out_root(const struct options *o, uint32_t root)
{
    out_line("# root %" PRIu32 " %" PRIx64, root, o->root[root].table.v);
    out_label(o, root);
    out_text("\n");
}
