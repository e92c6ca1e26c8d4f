/* SPDX-License-Identifier: Apache-2.0 */
/* The signals that end the command.  What has to be undone before that is
 * registered here; then one line names the signal, and the signal does what it
 * does by default. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* signals_init is called once, first of all.  The signals that end the command
 * get through, though whoever started it may have blocked them: a signal that
 * is blocked when memory fails ends a process without its handler.  A write
 * that nobody reads, or beyond a limit, is an error like others. */
void signals_init(void);

/* signals_end_by_pipe ends the command as SIGPIPE does, which a shell shows as 141,
 * unless that was ignored when it was started. */
void signals_end_by_pipe(void);

/* signals_ending returns the set of the signals that end the command. */
sigset_t signals_ending(void);

/* signals_handle has these signals handled: signals_end.  clean_up, which runs
 * in the handler, returns whether there was something to undo: only then a line
 * says that the file of that name is not written. */
void signals_handle(const char *name, bool (*clean_up)(void));

/* signals_clean_up calls clean_up, where signals_handle has registered it, and
 * returns what it does. */
bool signals_clean_up(void);

/* signals_end is the handler.  It cleans up, writes the line, and has the
 * signal do what it does by default as soon as the handler is through. */
void signals_end(int number);

#endif
