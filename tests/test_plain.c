/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal: every byte, every character. */
#include "plain.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <string.h>

/* What the text becomes, between two letters. */
static const char *made(const char *middle, bool utf8)
{
    static char text[64];
    size_t length;

    text[0] = 'a';
    strcpy(text + 1, middle);
    strcat(text, "z");
    length = plain_text(text, utf8);
    cr_assert(eq(sz, length, strlen(text)));
    cr_assert(text[0] == 'a' && text[length - 1] == 'z', "%s", text);
    text[length - 1] = '\0';
    return text + 1;
}

static bool replaced(const char *middle, bool utf8)
{
    return strcmp(made(middle, utf8), "?") == 0;
}

static bool kept(const char *middle, bool utf8)
{
    return strcmp(made(middle, utf8), middle) == 0;
}

static void encode(uint32_t c, size_t length, char out[8])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    memset(out, 0, 8);
    if (length == 1) {
        out[0] = (char)c;
        return;
    }
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(lead[length] | c);
}

static size_t length_of(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

Test(plain_text, replaces_every_byte_that_is_no_character)
{
    for (unsigned byte = 1; byte < 256; byte++) {
        char text[2] = {(char)byte, '\0'};
        bool letter = byte >= 0x20 && byte < 0x7f;

        for (int utf8 = 0; utf8 < 2; utf8++) {
            cr_expect(kept(text, utf8 != 0) == (letter || byte == '?'), "%02x",
                      byte);
            cr_expect(letter || replaced(text, utf8 != 0), "%02x", byte);
        }
    }
}

/* What a terminal obeys, or what lets a name look like another one. */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || (c >= 0xd800 && c <= 0xdfff) ||
           c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

static bool is_letter(uint32_t c)
{
    return (c >= 0xa0 && c <= 0x5ff && c != 0xad) ||
           (c >= 0x1e00 && c <= 0x200a) || (c >= 0x3041 && c <= 0xd7ff) ||
           (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x2fa1d);
}

Test(plain_text, replaces_every_character_that_is_not_seen)
{
    char text[8];

    for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
        encode(c, length_of(c), text);
        if (is_harmful(c) && c >= 0xd800 && c <= 0xdfff) {
            cr_expect(strpbrk(made(text, true), text) == NULL, "%x", c);
        } else if (is_harmful(c)) {
            cr_expect(replaced(text, true), "%x", c);
        } else if (is_letter(c)) {
            cr_expect(kept(text, true), "%x", c);
        } else {
            cr_expect(kept(text, true) || replaced(text, true), "%x", c);
        }
    }
}

Test(plain_text, lets_no_byte_beyond_ascii_through_to_a_terminal_of_bytes)
{
    char text[8];

    for (uint32_t c = 0x80; c <= 0x10ffff; c += 61) {
        size_t length = length_of(c);

        encode(c, length, text);
        cr_expect(
            eq(str, (char *)made(text, false), (char *)"????" + 4 - length),
            "%x", c);
    }
}

/* Characters of more bytes than they need are a way around the table. */
Test(plain_text, takes_no_character_of_too_many_bytes)
{
    char text[8];

    for (uint32_t c = 0; c < 0x10000; c++) {
        for (size_t length = length_of(c) + 1; length <= 4; length++) {
            encode(c, length, text);
            cr_expect(strspn(made(text, true), "?") == length, "%x", c);
        }
    }
    encode(0x110000, 4, text);
    cr_expect(eq(str, (char *)made(text, true), (char *)"????"));
}

Test(plain_text, goes_on_behind_a_character_that_is_cut)
{
    cr_expect(eq(str, (char *)made("\xe4\xb8", true), (char *)"??"));
    cr_expect(eq(str, (char *)made("\xc3\xc3\xa9", true), (char *)"?\xc3\xa9"));
    cr_expect(
        eq(str, (char *)made("\xf0\x9f\x98\xc2\x9b", true), (char *)"????"));
    cr_expect(eq(str, (char *)made("", true), (char *)""));
}
