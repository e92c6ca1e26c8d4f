/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people and debuggers write them. */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* parse_number reads the digits of [text, end): all of it, and at least one. */
bool parse_number(const char *text, const char *end, unsigned base,
                  uint64_t *out);

/* parse_hex is the same for a hexadecimal number, with or without 0x, and with
 * or without ` or _ between digits, as debuggers print addresses; or for a
 * decimal one with K, M, G or T behind it.  parse_units reads those alone. */
bool parse_units(const char *text, const char *end, uint64_t *out);
bool parse_hex(const char *text, const char *end, uint64_t *out);

/* human_size writes a number of bytes for people: "4K", "1.5M". */
void human_size(uint64_t bytes, char text[16]);

#endif
