/* SPDX-License-Identifier: Apache-2.0 */
#include "plain.h"

#include <stdint.h>

/* Unicode 15, general categories Cc, Cf, Zl, Zp and Cs, and noncharacters of
 * the first plane; ascending. */
static const struct {
    uint32_t first;
    uint32_t last;
} unseen[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},
    {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},
    {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},
    {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0xd800, 0xdfff},   {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_seen(uint32_t c)
{
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
        if (c >= unseen[i].first && c <= unseen[i].last) {
            return false;
        }
    }
    return true;
}

/* Reads a character of UTF-8 (RFC 3629, "UTF-8 definition") and returns its
 * length; 0 when the bytes are none.  The end of the string is no byte of a
 * character. */
static size_t read_char(const unsigned char *s, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = s[0] < 0x80   ? 1
                    : s[0] < 0xc0 ? 0
                    : s[0] < 0xe0 ? 2
                    : s[0] < 0xf0 ? 3
                    : s[0] < 0xf8 ? 4
                                  : 0;
    uint32_t c = length < 2 ? s[0] : s[0] & (0x7fU >> length);

    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if (length > 1 && (c < least[length] || c > 0x10ffff)) {
        return 0;
    }
    *out = c;
    return length;
}

size_t plain_text(char *text, bool utf8)
{
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;

    while (*from != '\0') {
        uint32_t c = 0;
        size_t length = read_char(from, &c);
        bool seen = length != 0 && is_seen(c) && (utf8 || length == 1);

        if (length == 0 || !utf8) {
            length = 1;
        }
        if (!seen) {
            *to++ = '?';
        }
        for (size_t i = 0; seen && i < length; i++) {
            *to++ = (char)from[i];
        }
        from += length;
    }
    *to = '\0';
    return (size_t)(to - text);
}
