/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"

#include <string.h>

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

bool parse_number(const char *text, const char *end, unsigned base,
                  uint64_t *out)
{
    uint64_t v = 0;

    if (text == end) {
        return false;
    }
    for (; text != end; text++) {
        unsigned digit = (unsigned)digit_of(*text);

        if (digit >= base || v > (UINT64_MAX - digit) / base) {
            return false;
        }
        v = v * base + digit;
    }
    *out = v;
    return true;
}

/* A decimal number of KiB and so on. */
bool parse_units(const char *text, const char *end, uint64_t *out)
{
    static const char units[] = "KMGTkmgt";
    const char *unit = text < end ? strchr(units, end[-1]) : NULL;
    unsigned shift;
    uint64_t n;

    if (unit == NULL || *unit == '\0' || !parse_number(text, end - 1, 10, &n)) {
        return false;
    }
    shift = 10 * ((unsigned)(unit - units) % 4 + 1);
    if (n > UINT64_MAX >> shift) {
        return false;
    }
    *out = n << shift;
    return true;
}

/* Hexadecimal digits, with or without something between some of them. */
static bool parse_digits(const char *text, const char *end, uint64_t *out)
{
    bool digit_before = false;
    uint64_t v = 0;

    for (; text != end; text++) {
        unsigned digit = (unsigned)digit_of(*text);

        if ((*text == '`' || *text == '_') && digit_before) {
            digit_before = false;
            continue;
        }
        if (digit > 15 || v > UINT64_MAX >> 4) {
            return false;
        }
        v = v << 4 | digit;
        digit_before = true;
    }
    *out = v;
    return digit_before;
}

bool parse_hex(const char *text, const char *end, uint64_t *out)
{
    if (parse_units(text, end, out)) {
        return true;
    }
    if (end - text > 2 && text[0] == '0' &&
        (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    return parse_digits(text, end, out);
}

void human_size(uint64_t bytes, char text[16])
{
    static const char unit[] = "BKMGTPE";
    unsigned u = 0;
    uint64_t whole = bytes;
    char digits[4];
    size_t n = 0;

    while (whole >= 1024 && u < 6) {
        whole >>= 10;
        u++;
    }
    do {
        digits[n++] = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    while (n > 0) {
        *text++ = digits[--n];
    }
    if (u > 0 && (bytes & (((uint64_t)1 << (10 * u)) - 1)) != 0) {
        *text++ = '.';
        *text++ = (char)('0' + (bytes >> (10 * (u - 1)) & 1023) * 10 / 1024);
    }
    *text++ = unit[u];
    *text = '\0';
}
