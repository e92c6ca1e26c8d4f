/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error: one line an error, and progress on a terminal. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli.h"

#define CLI_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* report writes "ptwalk: subject: message" as one line, whatever bytes are in
 * it. */
void report(const char *subject, const char *format, ...) CLI_PRINTF(2, 3);

/* die is report, and then exit(status). */
PTW_NORETURN void die(enum cli_status status, const char *subject,
                      const char *format, ...) CLI_PRINTF(3, 4);

/* die_of_memory is what is left when an allocation fails. */
PTW_NORETURN void die_of_memory(void);

/* must returns p, or dies when it is NULL. */
void *must(void *p);

/* progress shows where a long walk stands, at most some times a second, when
 * standard error is a terminal and standard output is none. */
void progress(const struct options *o, uint32_t root, ptw_va va,
              uint64_t leaves);

/* progress_clear takes it off the screen. */
void progress_clear(void);

/* report_bad_root says why the root of that index is none, and returns the
 * status that follows from it. */
enum cli_status report_bad_root(const struct options *o, uint32_t index,
                                enum ptw_status why);

/* Tables that could not be read: how many times, and where first. */
struct unread {
    uint64_t count;
    uint32_t root;
    uint8_t level;
    ptw_pa table;
    ptw_va first;
    ptw_va last;
};

/* unread_step notes that the entry of the last of the steps towards va could
 * not be read. */
void unread_step(struct unread *u, const struct options *o, uint32_t root,
                 ptw_va va, const struct ptw_step *last);

/* report_unread says so in one line, when there are any, and returns the
 * status that follows from it. */
enum cli_status report_unread(const struct options *o, const struct image *im,
                              const struct unread *u);

#endif
