/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error: one line an error, and progress on a terminal. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli.h"

#define CLI_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* report writes "ptwalk: subject: message" as one line, whatever bytes are in
 * it. */
void report(const char *subject, const char *format, ...) CLI_PRINTF(2, 3);

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

/* die_of_map says what is wrong with one of the --map options. */
PTW_NORETURN void die_of_map(const struct options *o,
                             const struct ptw_map_request *map,
                             const char *why);

/* must returns p, or dies when it is NULL. */
void *must(void *p);

/* progress shows where a long walk stands, at most some times a second, when
 * standard error is a terminal and standard output is none. */
void progress(const struct options *o, uint32_t root, ptw_va va,
              uint64_t leaves);

/* progress_step is the same for a command that prints nothing before it is
 * through: total is how much there is of what is done, or 0. */
void progress_step(const struct options *o, const char *what, uint64_t done,
                   uint64_t total);

/* progress_clear takes it off the screen. */
void progress_clear(void);

/* report_bad_root says why the root of that index is none, and returns the
 * status that follows from it. */
enum cli_status report_bad_root(const struct options *o, uint32_t index,
                                enum ptw_status why);

/* report_root_flags says which roots of the second image are given with other
 * flag bits than those of the first: to the guest that is another root. */
enum cli_status report_root_flags(const struct options *o);

/* report_roots says of each root that is none why, and returns the status that
 * follows from it. */
enum cli_status report_roots(const struct options *o, const struct image *im);

/* report_empty_roots says of each root whose table is all zeros that it is. */
void report_empty_roots(const struct options *o, const struct image *im);

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

/* report_read_error says in one line that reading the image failed, when it
 * did, and returns the status that follows from it. */
enum cli_status report_read_error(const struct options *o,
                                  const struct image *im);

#endif
