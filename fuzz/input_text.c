/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs as text, and back.  scripts/input runs it.
 *
 *   input_text print [FILE]          an input as text
 *   input_text make [FILE]           the input that a text stands for
 *   input_text regime NAME [FILE]    an input, with that regime in its header
 *   input_text regimes               the names of the regimes
 *   input_text table                 the table of the format, for README.md
 *   input_text check README DIR...   checks the table in README, and that both
 *                                    directions are inverse for the inputs in
 *                                    DIR... and for random ones
 *
 * FILE is standard input if there is none.  Exit status 1: a mistake, which one
 * line on standard error says; 2: wrong arguments. */
#include "text.h"

#include "oracle/format.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "input_text: %s: %s\n", path, why);
    exit(1);
}

static struct fz_bytes read_all(const char *path)
{
    FILE *f = path == NULL ? stdin : fopen(path, "rb");
    struct fz_bytes b = {NULL, 0, 4096};
    size_t n = 1;

    if (f == NULL) {
        fail(path, strerror(errno));
    }
    for (b.data = malloc(b.room); n > 0; b.len += n) {
        if (b.len == b.room) {
            b.room *= 2;
            b.data = realloc(b.data, b.room);
        }
        if (b.data == NULL) {
            fail("memory", "there is not enough");
        }
        n = fread(b.data + b.len, 1, b.room - b.len, f);
    }
    if (ferror(f) != 0) {
        fail(path == NULL ? "standard input" : path, "it can't be read");
    }
    if (f != stdin) {
        (void)fclose(f);
    }
    return b;
}

static void write_all(const struct fz_bytes *b)
{
    if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout) != 0) {
        fail("standard output", "it can't be written");
    }
}

/* An input as text, in memory that the caller frees. */
static char *text_of(const struct fz_bytes *b, size_t *length)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, length);

    if (to == NULL) {
        fail("memory", "there is not enough");
    }
    fz_text_print(to, b->data, b->len);
    (void)fclose(to);
    return text;
}

static void check_inverse(const char *name, const struct fz_bytes *b)
{
    struct fz_bytes again = {NULL, 0, 0};
    struct fz_text_error error;
    size_t length;
    char *text = text_of(b, &length);

    if (!fz_text_parse(text, length, &again, &error)) {
        fprintf(stderr, "%s", text);
        fprintf(stderr, "line %u: %s\n", error.line, error.what);
        fail(name, "its text is refused");
    }
    if (again.len != b->len ||
        (b->len > 0 && memcmp(again.data, b->data, b->len) != 0)) {
        fprintf(stderr, "%s", text);
        fail(name, "its text stands for another input");
    }
    free(again.data);
    free(text);
}

static size_t check_directory(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    size_t inputs = 0;

    if (d == NULL) {
        fail(path, strerror(errno));
    }
    while ((entry = readdir(d)) != NULL) {
        char file[4096];
        struct fz_bytes b;

        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        b = read_all(file);
        check_inverse(file, &b);
        free(b.data);
        inputs++;
    }
    (void)closedir(d);
    return inputs;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* Any lengths; all bytes by chance, or few of each record. */
static void check_random(unsigned times)
{
    uint8_t data[FZ_HEADER + 16 * FZ_RECORD];
    struct fz_bytes b = {data, 0, sizeof data};
    uint64_t state = 1;

    for (unsigned i = 0; i < times; i++) {
        b.len = (size_t)(next_random(&state) % (sizeof data + 1));
        for (size_t at = 0; at < b.len; at++) {
            uint64_t r = next_random(&state);

            data[at] = i % 2 == 0 || at % FZ_RECORD == 0 || (r >> 8) % 4 == 0
                           ? (uint8_t)r
                           : 0;
        }
        check_inverse("a random input", &b);
    }
}

/* Mistakes, and what is said about them. */
static void check_mistakes(void)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *what;
    } mistake[] = {
        {"region base=1\n", 1, "the header comes first, and once"},
        {"header\nheader\n", 2, "the header comes first, and once"},
        {"header\n\n# of pages\nregoin\n", 4, "there is no operation regoin"},
        {"header\nregion basis=1\n", 2, "region has no field basis"},
        {"header\nregion base\n", 2, "'base' is no field=value"},
        {"header\nregion base=256\n", 2,
         "256 is too large for base, which has 8 bits"},
        {"header\nregion base=-1\n", 2,
         "-1 is no number, and no name that base has"},
        {"header\nregion how=ends+end\n", 2,
         "end is no number, and no name that how has"},
        {"header\nregion base=0x10000000000000000\n", 2,
         "0x10000000000000000 is no number, and no name that base has"},
        {"header\nbytes are=012\n", 2, "are is no pairs of hexadecimal digits"},
        {"header\nbytes are=000000000000000000000000\n", 2,
         "are has more than 11 bytes"},
        {"header\nop31\n", 2, "there is no operation op31"},
        {"header\nshort 49\n", 2, "short 49: it can't be that many bytes"},
        {"header\nask\nshort 1\nask\n", 4, "there is a line behind 'short'"},
        {"header regime=vax\n", 1,
         "vax is no number, and no name that regime has"},
    };

    for (size_t i = 0; i < sizeof mistake / sizeof mistake[0]; i++) {
        struct fz_bytes b = {NULL, 0, 0};
        struct fz_text_error e;

        if (fz_text_parse(mistake[i].text, strlen(mistake[i].text), &b, &e) ||
            e.line != mistake[i].line || strcmp(e.what, mistake[i].what) != 0) {
            fprintf(stderr, "%sline %u: %s\n", mistake[i].text, e.line, e.what);
            fail("a mistake", mistake[i].what);
        }
        free(b.data);
    }
}

/* A text that is no input's own: its input is printed in another way, once. */
static void check_text(void)
{
    static const char text[] =
        "# what a person writes\n"
        "header  regime=i686 memory=1 width=0x14\n"
        "\n"
        "\tregion pages=47 base=20   # no: a value ends with white space\n";
    static const char good[] = "# what a person writes\n"
                               "header  regime=i686 memory=1 width=0x14\n"
                               "\n"
                               "\tregion pages=47 base=20 how=0x1+follows\n";
    static const char want[] = "header regime=i686 memory=borrow width=20\n"
                               "region base=20 how=ends+follows pages=47\n";
    struct fz_bytes b = {NULL, 0, 0};
    struct fz_text_error e;
    size_t length;
    char *again;

    if (fz_text_parse(text, sizeof text - 1, &b, &e) || e.line != 4) {
        fail("a text", "a comment behind a record is taken");
    }
    b.len = 0;
    if (!fz_text_parse(good, sizeof good - 1, &b, &e)) {
        fail("a text", e.what);
    }
    again = text_of(&b, &length);
    if (strcmp(again, want) != 0) {
        fputs(again, stderr);
        fail("a text", "it is printed in another way");
    }
    free(again);
    free(b.data);
}

static void check_readme(const char *path)
{
    struct fz_bytes readme = read_all(path);
    char *table = NULL;
    size_t length;
    FILE *to = open_memstream(&table, &length);
    bool found = false;

    if (to == NULL) {
        fail("memory", "there is not enough");
    }
    fz_text_table(to);
    (void)fclose(to);
    for (size_t i = 0; !found && i + length <= readme.len; i++) {
        found = memcmp(readme.data + i, table, length) == 0;
    }
    if (!found) {
        fail(path, "it does not have what 'input_text table' prints");
    }
    free(table);
    free(readme.data);
}

static int check(int argc, char **argv)
{
    size_t inputs = 0;

    check_readme(argv[0]);
    for (int i = 1; i < argc; i++) {
        inputs += check_directory(argv[i]);
    }
    check_random(4000);
    check_mistakes();
    check_text();
    printf("%zu inputs and 4000 random ones\n", inputs);
    return 0;
}

static void make(const char *path)
{
    struct fz_bytes text = read_all(path);
    struct fz_bytes b = {NULL, 0, 0};
    struct fz_text_error e;

    if (!fz_text_parse((const char *)text.data, text.len, &b, &e)) {
        fprintf(stderr, "input_text: %s:%u: %s\n",
                path == NULL ? "standard input" : path, e.line, e.what);
        exit(1);
    }
    write_all(&b);
    free(text.data);
    free(b.data);
}

/* An input that is too short for a regime gets zeros. */
static void transpose(const char *name, const char *path)
{
    uint8_t header[FZ_HEADER];
    struct fz_bytes b;
    unsigned i = 0;

    while (i < ORACLE_FORMATS && strcmp(oracle_formats[i]->name, name) != 0) {
        i++;
    }
    if (i == ORACLE_FORMATS) {
        fail(name, "there is no such regime");
    }
    b = read_all(path);
    fz_header(header, b.data, b.len);
    fz_put(header, HEADER_REGIME, i);
    b.len = b.len < 2 ? 2 : b.len;
    memcpy(b.data, header, b.len < FZ_HEADER ? b.len : FZ_HEADER);
    write_all(&b);
    free(b.data);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *file = argc > 2 ? argv[2] : NULL;

    if (strcmp(what, "print") == 0 && argc <= 3) {
        struct fz_bytes b = read_all(file);

        fz_text_print(stdout, b.data, b.len);
        free(b.data);
        return 0;
    }
    if (strcmp(what, "make") == 0 && argc <= 3) {
        make(file);
        return 0;
    }
    if (strcmp(what, "regime") == 0 && (argc == 3 || argc == 4)) {
        transpose(argv[2], argc == 4 ? argv[3] : NULL);
        return 0;
    }
    if (strcmp(what, "regimes") == 0 && argc == 2) {
        for (unsigned i = 0; i < ORACLE_FORMATS; i++) {
            puts(oracle_formats[i]->name);
        }
        return 0;
    }
    if (strcmp(what, "table") == 0 && argc == 2) {
        fz_text_table(stdout);
        return 0;
    }
    if (strcmp(what, "check") == 0 && argc >= 3) {
        return check(argc - 2, argv + 2);
    }
    fputs("usage: input_text print|make [FILE], regime NAME [FILE], regimes, "
          "table, check README DIR...\n",
          stderr);
    return 2;
}
