/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "oracle/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = FZ_HEADER, WORD = 64 };

static size_t size_of(enum fz_op op)
{
    return op == OP_HEADER ? FZ_HEADER : FZ_RECORD;
}

/* The name of the value (or bit) n of a field; false: it has none. */
static bool value_name(enum fz_field_id id, uint64_t n, char *name)
{
    const char *at = fz_field[id].names;
    size_t length = 0;

    if (id == HEADER_REGIME) {
        at = n < ORACLE_FORMATS ? oracle_formats[n]->name : NULL;
        n = 0;
    }
    for (; at != NULL && n > 0; n--) {
        at = strchr(at, ' ');
        at = at == NULL ? NULL : at + 1;
    }
    length = at == NULL ? 0 : strcspn(at, " ");
    if (length == 0 || length >= WORD) {
        return false;
    }
    memcpy(name, at, length);
    name[length] = '\0';
    return true;
}

/* ----------------------------------------------------------------- printing */

static void print_number(FILE *to, uint64_t n)
{
    fprintf(to, n < 1000 ? "%" PRIu64 : "0x%" PRIx64, n);
}

/* Bytes up to the last that is not 0. */
static void print_bytes(FILE *to, const uint8_t *bytes, size_t n)
{
    while (n > 1 && bytes[n - 1] == 0) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        fprintf(to, "%02x", bytes[i]);
    }
}

static void print_set(FILE *to, enum fz_field_id id, uint64_t set)
{
    const char *before = "";
    char name[WORD];

    for (unsigned i = 0; i < 64; i++) {
        if ((set >> i & 1) != 0 && value_name(id, i, name)) {
            fprintf(to, "%s%s", before, name);
            before = "+";
            set &= ~((uint64_t)1 << i);
        }
    }
    if (set != 0) {
        fprintf(to, "%s0x%" PRIx64, before, set);
    }
}

static bool all_zeros(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void print_field(FILE *to, enum fz_field_id id, const uint8_t *record)
{
    const struct fz_field *f = &fz_field[id];
    const uint8_t *bytes = record + f->at / 8;
    char name[WORD];
    uint64_t n;

    if (f->kind == FZ_MANY) {
        if (!all_zeros(bytes, f->bits / 8)) {
            fprintf(to, " %s=", f->name);
            print_bytes(to, bytes, f->bits / 8);
        }
        return;
    }
    n = fz_get(record, id);
    if (n == 0 && id != HEADER_REGIME) {
        return;
    }
    fprintf(to, " %s=", f->name);
    if (f->kind == FZ_SET) {
        print_set(to, id, n);
    } else if (value_name(id, n, name)) {
        fputs(name, to);
    } else {
        print_number(to, n);
    }
}

/* Takes the bits of a field out of a record. */
static void clear_field(enum fz_field_id id, uint8_t *record)
{
    const struct fz_field *f = &fz_field[id];

    for (unsigned i = f->at; i < f->at + f->bits; i++) {
        record[i / 8] &= (uint8_t) ~(1u << i % 8);
    }
}

static void print_record(FILE *to, enum fz_op op, const uint8_t *record)
{
    uint8_t rest[MOST];

    memcpy(rest, record, size_of(op));
    if (op != OP_HEADER) {
        uint64_t code = fz_get(record, OP_CODE);

        clear_field(OP_CODE, rest);
        if (code >= FZ_OPS) {
            fprintf(to, "op%" PRIu64, code);
            op = OP_CODE_UNKNOWN;
        }
    }
    if (op != OP_CODE_UNKNOWN) {
        fputs(fz_operation[op].name, to);
    }
    for (unsigned i = 0; i < FZ_FIELDS; i++) {
        if (fz_field[i].op == op && i != OP_CODE) {
            print_field(to, (enum fz_field_id)i, record);
            clear_field((enum fz_field_id)i, rest);
        }
    }
    if (!all_zeros(rest, op == OP_HEADER ? FZ_HEADER : FZ_RECORD)) {
        fputs(" unused=", to);
        print_bytes(to, rest, op == OP_HEADER ? FZ_HEADER : FZ_RECORD);
    }
    fputc('\n', to);
}

void fz_text_print(FILE *to, const uint8_t *data, size_t len)
{
    size_t at = FZ_HEADER;
    uint8_t record[MOST];

    fz_header(record, data, len);
    print_record(to, OP_HEADER, record);
    for (; at < len; at += FZ_RECORD) {
        size_t n = len - at < FZ_RECORD ? len - at : FZ_RECORD;

        memset(record, 0, sizeof record);
        memcpy(record, data + at, n);
        print_record(to, fz_op_of(record), record);
    }
    if (at > len) {
        fprintf(to, "short %zu\n", at - len);
    }
}

/* ------------------------------------------------------------------ parsing */

struct parser {
    const char *at; /* what is left of the line */
    const char *end;
    struct fz_text_error *error;
};

static bool wrong(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(struct parser *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error->what, sizeof p->error->what, format, args);
    va_end(args);
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, up to white space or to one of the separators.
 * An empty one: there is none. */
static bool next_word(struct parser *p, const char *separators, char *word)
{
    size_t n = 0;

    while (p->at < p->end && is_space(*p->at)) {
        p->at++;
    }
    for (; p->at < p->end && !is_space(*p->at); p->at++) {
        if (*p->at == '\0' || n + 1 == WORD) {
            return wrong(p, "a word is too long, or no text");
        }
        if (strchr(separators, *p->at) != NULL) {
            break;
        }
        word[n++] = *p->at;
    }
    word[n] = '\0';
    return true;
}

static bool number_of(const char *word, uint64_t *n)
{
    int base = strncmp(word, "0x", 2) == 0 ? 16 : 10;
    const char *digits = base == 16 ? word + 2 : word;

    *n = 0;
    if (*digits == '\0') {
        return false;
    }
    for (; *digits != '\0'; digits++) {
        const char *all = "0123456789abcdef";
        const char *digit = strchr(all, *digits);
        uint64_t d;

        if (digit == NULL || digit - all >= base) {
            return false;
        }
        d = (uint64_t)(digit - all);
        if (*n > (UINT64_MAX - d) / (uint64_t)base) {
            return false;
        }
        *n = *n * (uint64_t)base + d;
    }
    return true;
}

/* A value, or bits, by one word. */
static bool parse_value(struct parser *p, enum fz_field_id id, const char *word,
                        uint64_t *n)
{
    const struct fz_field *f = &fz_field[id];
    uint64_t most = f->bits < 64 ? ((uint64_t)1 << f->bits) - 1 : UINT64_MAX;
    char name[WORD];

    for (uint64_t i = 0; value_name(id, i, name); i++) {
        if (strcmp(name, word) == 0) {
            *n = f->kind == FZ_SET ? (uint64_t)1 << i : i;
            return true;
        }
    }
    if (!number_of(word, n)) {
        return wrong(p, "%s is no number, and no name that %s has", word,
                     f->name);
    }
    return *n <= most || wrong(p, "%s is too large for %s, which has %u bits",
                               word, f->name, f->bits);
}

/* Pairs of hexadecimal digits, which are added to the bits that are set. */
static bool parse_bytes(struct parser *p, const char *name, uint8_t *bytes,
                        size_t most)
{
    size_t n = 0;

    while (p->at < p->end && !is_space(*p->at)) {
        char pair[5] = "0x";
        uint64_t v;

        pair[2] = *p->at++;
        pair[3] = p->at < p->end && !is_space(*p->at) ? *p->at++ : '?';
        if (!number_of(pair, &v)) {
            return wrong(p, "%s is no pairs of hexadecimal digits", name);
        }
        if (n == most) {
            return wrong(p, "%s has more than %zu bytes", name, most);
        }
        bytes[n++] |= (uint8_t)v;
    }
    return true;
}

static bool parse_field(struct parser *p, enum fz_field_id id, uint8_t *record)
{
    const struct fz_field *f = &fz_field[id];
    uint64_t n = 0;
    char word[WORD];

    if (f->kind == FZ_MANY) {
        return parse_bytes(p, f->name, record + f->at / 8, f->bits / 8);
    }
    for (;;) {
        uint64_t more;

        if (!next_word(p, f->kind == FZ_SET ? "+" : "", word) ||
            !parse_value(p, id, word, &more)) {
            return false;
        }
        n |= more;
        if (p->at == p->end || *p->at != '+') {
            break;
        }
        p->at++;
    }
    fz_put(record, id, n);
    return true;
}

/* The fields of a line, into a record that has its operation. */
static bool parse_fields(struct parser *p, const char *name, enum fz_op op,
                         size_t size, uint8_t *record)
{
    char word[WORD];

    for (;;) {
        unsigned id = 0;

        if (!next_word(p, "=", word)) {
            return false;
        }
        if (word[0] == '\0' && p->at == p->end) {
            return true;
        }
        if (p->at == p->end || *p->at != '=') {
            return wrong(p, "'%s' is no field=value", word);
        }
        p->at++;
        if (strcmp(word, "unused") == 0) {
            if (!parse_bytes(p, word, record, size)) {
                return false;
            }
            continue;
        }
        while (id < FZ_FIELDS && (id == OP_CODE || fz_field[id].op != op ||
                                  strcmp(fz_field[id].name, word) != 0)) {
            id++;
        }
        if (id == FZ_FIELDS) {
            return wrong(p, "%s has no field %s", name, word);
        }
        if (!parse_field(p, (enum fz_field_id)id, record)) {
            return false;
        }
    }
}

static void append(struct fz_bytes *b, const uint8_t *data, size_t len)
{
    if (b->len + len > b->room) {
        b->room = 2 * b->room + len + 256;
        b->data = realloc(b->data, b->room);
        if (b->data == NULL) {
            abort();
        }
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

/* The operation of that name; one that has none yet is called by its number. */
static bool op_named(const char *name, enum fz_op *op, uint64_t *code)
{
    for (unsigned i = 0; i <= FZ_OPS; i++) {
        if (strcmp(fz_operation[i].name, name) == 0) {
            *op = (enum fz_op)i;
            *code = i;
            return true;
        }
    }
    *op = OP_CODE_UNKNOWN;
    return strncmp(name, "op", 2) == 0 && number_of(name + 2, code) &&
           *code >= FZ_OPS && *code < 64;
}

static bool parse_line(struct parser *p, struct fz_bytes *bytes,
                       bool *cut_short)
{
    uint8_t record[MOST] = {0};
    char name[WORD];
    enum fz_op op;
    uint64_t code;
    size_t size;

    if (!next_word(p, "", name)) {
        return false;
    }
    if (name[0] == '\0' || name[0] == '#') {
        return true;
    }
    if (*cut_short) {
        return wrong(p, "there is a line behind 'short'");
    }
    if (strcmp(name, "short") == 0) {
        uint64_t n;

        size = bytes->len > FZ_HEADER ? FZ_RECORD : FZ_HEADER;
        if (!next_word(p, "", name)) {
            return false;
        }
        if (!number_of(name, &n) || n > size || n > bytes->len) {
            return wrong(p, "short %s: it can't be that many bytes", name);
        }
        bytes->len -= (size_t)n;
        *cut_short = true;
        return true;
    }
    if (!op_named(name, &op, &code)) {
        return wrong(p, "there is no operation %s", name);
    }
    if ((op == OP_HEADER) != (bytes->len == 0)) {
        return wrong(p, "the header comes first, and once");
    }
    size = size_of(op);
    if (op != OP_HEADER) {
        fz_put(record, OP_CODE, code);
    }
    if (!parse_fields(p, name, op, size, record)) {
        return false;
    }
    append(bytes, record, size);
    return true;
}

bool fz_text_parse(const char *text, size_t length, struct fz_bytes *bytes,
                   struct fz_text_error *error)
{
    const char *end = text + length;
    bool cut_short = false;

    error->line = 0;
    error->what[0] = '\0';
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        struct parser p = {text, stop == NULL ? end : stop, error};

        error->line++;
        if (!parse_line(&p, bytes, &cut_short)) {
            return false;
        }
        text = stop == NULL ? end : stop + 1;
    }
    return true;
}

/* -------------------------------------------------------------------- table */

static void table_names(FILE *to, enum fz_field_id id)
{
    const char *before = fz_field[id].kind == FZ_SET ? " Bits: " : " Values: ";
    char name[WORD];

    for (uint64_t i = 0; id != HEADER_REGIME && value_name(id, i, name); i++) {
        fprintf(to, "%s`%s`", before, name);
        before = ", ";
    }
}

void fz_text_table(FILE *to)
{
    for (unsigned op = 0; op <= FZ_OPS; op++) {
        unsigned o = (op + FZ_OPS) % (FZ_OPS + 1); /* the header first */

        if (o == OP_HEADER) {
            fprintf(to, "**%s**: %s.\n\n", fz_operation[o].name,
                    fz_operation[o].what);
        } else {
            fprintf(to, "**%s**, code %u: %s.\n\n", fz_operation[o].name, o,
                    fz_operation[o].what);
        }
        if (o == OP_NOTHING) {
            continue;
        }
        fputs("| field | byte.bit | bits | meaning |\n"
              "| --- | --- | --- | --- |\n",
              to);
        for (unsigned i = 0; i < FZ_FIELDS; i++) {
            const struct fz_field *f = &fz_field[i];

            if (f->op == (enum fz_op)o && i != OP_CODE) {
                fprintf(to, "| `%s` | %u.%u | %u | %s.", f->name, f->at / 8,
                        f->at % 8, f->bits, f->what);
                table_names(to, (enum fz_field_id)i);
                fputs(" |\n", to);
            }
        }
        fputc('\n', to);
    }
}
