/* SPDX-License-Identifier: Apache-2.0 */
/* Names of paging modes that are none. */
#include "names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char list[] =
    "i686, pae, amd64, amd64-la57, sv32, sv39, sv48, sv57, bare, and "
    "aarch64-GRANULE-BITS, as aarch64-4k-48";

/* What others call them, and they themselves. */
static const struct {
    const char *name;
    const char *mode;
} known[] = {
    {"i686", "i686"},
    {"i386", "i686"},
    {"ia32", "i686"},
    {"x86", "i686"},
    {"x86-32", "i686"},
    {"pae", "pae"},
    {"i686-pae", "pae"},
    {"i386-pae", "pae"},
    {"x86-pae", "pae"},
    {"amd64", "amd64"},
    {"x86-64", "amd64"},
    {"x64", "amd64"},
    {"ia-32e", "amd64"},
    {"4-level", "amd64"},
    {"long", "amd64"},
    {"amd64-la57", "amd64-la57"},
    {"la57", "amd64-la57"},
    {"x86-64-la57", "amd64-la57"},
    {"5-level", "amd64-la57"},
    {"sv32", "sv32"},
    {"riscv32", "sv32"},
    {"sv39", "sv39"},
    {"riscv64", "sv39"},
    {"riscv", "sv39"},
    {"sv48", "sv48"},
    {"sv57", "sv57"},
    {"bare", "bare"},
    {"none", "bare"},
    {"off", "bare"},
    {"arm64", "aarch64-4k-48"},
    {"armv8", "aarch64-4k-48"},
    {"aarch", "aarch64-4k-48"},
};

enum { LONGEST = 24, FARTHEST = 2 };

static char plain(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    if (c == '_') {
        return '-';
    }
    return c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many characters have to be put in, left out or changed. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1];
    size_t columns = strlen(b);

    for (size_t j = 0; j <= columns; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t change = corner + (plain(a[i]) != b[j]);

            corner = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[columns];
}

void names_advice(const char *given, char *out, size_t room)
{
    const char *mode = NULL;
    size_t nearest = FARTHEST + 1;
    size_t length = strlen(given);

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t d = distance(given, known[i].name);

        /* Of a short name, too much would be changed. */
        if (d < nearest && (d == 0 || 2 * d < length)) {
            nearest = d;
            mode = known[i].mode;
        }
    }
    (void)snprintf(out, room, "%s%s%sthere are %s", mode != NULL ? "is " : "",
                   mode != NULL ? mode : "", mode != NULL ? " meant? " : "",
                   list);
}
