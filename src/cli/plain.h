/* SPDX-License-Identifier: Apache-2.0 */
/* Text that a terminal shows and does nothing else with. */
#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* plain_text puts a '?' in the place of every character of text that a
 * terminal could obey or be misled by: control characters (C0, DEL and C1),
 * characters that are not seen (marks of direction and other format
 * characters, separators of lines), and bytes that are no UTF-8.  When utf8 is
 * not set, the terminal takes bytes for characters, and every byte beyond ASCII
 * is replaced.  text is a string, which becomes no longer; its new length is
 * returned. */
size_t plain_text(char *text, bool utf8);

#endif
