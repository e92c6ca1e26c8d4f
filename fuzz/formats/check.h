/* SPDX-License-Identifier: Apache-2.0 */
/* What every parser of a container promises, whatever the file is. */
#ifndef FUZZ_FORMATS_CHECK_H
#define FUZZ_FORMATS_CHECK_H

#include "dump.h"
#include "spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* check_that ends the process, and says what was violated, when ok is false. */
void check_that(bool ok, const char *what);

/* check_dump: a file is refused with a reason, or has memory, in order, all of
 * it inside the first `bytes` bytes. */
void check_dump(const struct dump *d, bool opened, uint64_t bytes);

/* has_lines_as_said says whether a text has the lines that a comment of it says
 * there are, if one does. */
bool has_lines_as_said(const char *text);

/* check_lines_of: a text is refused with a reason, in one of its lines, and has
 * the lines that it says.  Returns a copy of it that ends, without the mark of its
 * byte order, for free. */
struct lines;
char *check_lines_of(const struct lines *l, bool read, const uint8_t *data,
                     size_t len);

/* is_first_line says whether that is the first line of a text, but for blanks
 * around it. */
bool is_first_line(const char *text, const char *line);

/* Memory as a naive reader has it: the first entry that has an address has it. */
struct claim {
    uint64_t pa;
    uint64_t bytes; /* not 0 */
    uint64_t offset;
};

/* check_claims: the dump has at each end of each claim, and beside it, what the
 * first of them says. */
void check_claims(const struct dump *d, const struct claim *claim, size_t n);

/* What came of an input, as a line of text: replay compares it with what is
 * written down of the seeds, in expected/.  say adds to it, unless nobody listens
 * (say_to), as in a fuzzer; say_dump adds what a file says.  say_end returns it, and
 * begins anew. */
void say_to(bool somebody);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_dump(const struct dump *d, bool opened);
const char *say_end(void);
struct facts;
void say_facts(const struct facts *f);

/* check_spool makes an empty spool, of which 8 KiB may be used, and
 * check_spool_end ends it: no more were. */
void check_spool(struct spool *s);
void check_spool_end(struct spool *s);

#endif
