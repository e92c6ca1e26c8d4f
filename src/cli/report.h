/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error: one line an error, and progress on a terminal. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli.h"

#include <stdlib.h>

#define CLI_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* report writes "ptwalk: subject: message" as one line, whatever bytes are in
 * it. */
void report(const char *subject, const char *format, ...) CLI_PRINTF(2, 3);

/* Room for a line that is made beforehand: a path, and what is said of it. */
enum { REPORT_LINE_BYTES = 4608 };

/* report_format writes what report would, without the line feed, and returns
 * its length; room is 2048 or more. */
size_t report_format(char *line, size_t room, const char *subject,
                     const char *format, ...) CLI_PRINTF(4, 5);

/* report_line writes a line made beforehand; a signal handler may call it. */
void report_line(const char *line, size_t bytes);

/* die is report, and then exit(status). */
PTW_NORETURN void die(enum cli_status status, const char *subject,
                      const char *format, ...) CLI_PRINTF(3, 4);

/* die_of_memory is what is left when an allocation fails. */
PTW_NORETURN void die_of_memory(void);

/* writing_begin and writing_end stand before and after what writes whole lines
 * to standard output.  A signal handler that ends the command, in whatever
 * thread, calls writing_begin alone: what is under way is written, and nothing
 * more. */
void writing_begin(void);
void writing_end(void);

/* must returns p, or dies when it is NULL. */
void *must(void *p);

/* must_grow returns the array, perhaps elsewhere, with room for one element more
 * than the `used` that it has, of so many bytes each; NULL is an array of none.  All
 * elements have to have been added in this way: there is room for a power of two of
 * them, so that a long list costs no more by element than a short one. */
static inline void *must_grow(void *array, size_t used, size_t bytes)
{
    size_t room = used == 0 ? 1 : 2 * used;

    if ((used & (used - 1)) != 0) {
        return array;
    }
    return must(room <= SIZE_MAX / bytes ? realloc(array, room * bytes) : NULL);
}

/* progress_is_due says whether progress_show is to be called: a second after this
 * was first asked, and some times a second from then on, when standard error is a
 * terminal and standard output is none. */
bool progress_is_due(void);

/* progress_show shows where a long walk stands, and how fast it is; share is how
 * much of it is done, in thousandths, 0 when that is not known. */
void progress_show(const struct options *o, uint32_t root, ptw_va va,
                   uint64_t leaves, unsigned share);

/* progress_clock returns milliseconds of a clock that never goes back. */
uint64_t progress_clock(void);

/* progress_step is the same for a command that prints nothing before it is
 * through: total is how many bytes there are of what is done, or 0. */
void progress_step(const struct options *o, const char *what, uint64_t done,
                   uint64_t total);

/* progress_clear takes it off the screen. */
void progress_clear(void);

#endif
