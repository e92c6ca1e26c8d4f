/* SPDX-License-Identifier: Apache-2.0 */
/* The input format of the fuzz targets: a header and records of a fixed size.
 *
 * One table describes every field (input.c).  The reader, the program that
 * writes an input as text and the one that reads such a text use that table,
 * and README.md repeats it. */
#ifndef PTW_FUZZ_INPUT_H
#define PTW_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FZ_VERSION = 1,
    FZ_HEADER = 48, /* bytes */
    FZ_RECORD = 16,
    FZ_ADDRESSES = 16, /* addresses that an input has names for */
};

/* The operation of a record; the header counts as one. */
enum fz_op {
    OP_NOTHING,
    OP_ADDRESS,
    OP_NUMBER,
    OP_VALUE,
    OP_REGION,
    OP_ROOT,
    OP_RANGE,
    OP_ASK,
    OP_WITHOUT,
    OP_ENTRY,
    OP_RAW,
    OP_BYTES,
    OP_REPEAT,
    OP_CHAIN,
    OP_FLIP,
    OP_COPY,
    OP_PLACE,
    OP_HOST,
    OP_SUPPLY,
    OP_EDIT,
    OP_REBUILD,
    OP_IMAGE,
    OP_OMIT,
    OP_MAP,
    OP_CUT,
    OP_REFUSE,
    OP_ACCESSOR,
    OP_MEMORY,
    OP_ACCESS,
    OP_REGISTERS,
    OP_REGIME,
    OP_LETTERS,
    OP_AARCH64,
    OP_RISCV,
    OP_PERMISSION,
    FZ_OPS,
    OP_HEADER = FZ_OPS,
    OP_CODE_UNKNOWN
};

/* A field of a record or of the header. */
enum fz_field_id {
    HEADER_VERSION,
    HEADER_REGIME,
    HEADER_MEMORY,
    HEADER_FEATURES,
    HEADER_WIDTH,
    HEADER_READING,
    HEADER_WALK,
    HEADER_RESTLESS,
    HEADER_ROOM,
    HEADER_SKEW,
    HEADER_FLAG_BITS,
    HEADER_MORE_FEATURES,
    HEADER_READ_STEP,
    HEADER_ITEM_STEP,
    HEADER_NEED,
    HEADER_READS,
    HEADER_SEED,

    OP_CODE, /* of every record */

    ADDRESS_NAME,
    ADDRESS_SIGN,
    ADDRESS_I4,
    ADDRESS_I3,
    ADDRESS_I2,
    ADDRESS_I1,
    ADDRESS_I0,
    ADDRESS_BELOW,

    NUMBER_NAME,
    NUMBER_IS,

    VALUE_OF,
    VALUE_IS,

    REGION_BASE,
    REGION_HOW,
    REGION_OFFSET,
    REGION_PAGES,
    REGION_SHIFT,
    REGION_CUT_FIRST,
    REGION_CUT_LAST,

    ROOT_PAGE,
    ROOT_BIT,
    ROOT_BELOW,
    ROOT_FLAG_BITS,
    ROOT_HALF,

    RANGE_FIRST,
    RANGE_LAST,

    ASK_AT,

    WITHOUT_FIRST,
    WITHOUT_LAST,

    ENTRY_PAGE,
    ENTRY_INDEX,
    ENTRY_MORE,
    ENTRY_FLAGS,
    ENTRY_KIND,
    ENTRY_STEP,
    ENTRY_TO,
    ENTRY_NUMBER,
    ENTRY_SHIFT,
    ENTRY_BITS,
    ENTRY_FLAG_BITS,

    RAW_PAGE,
    RAW_INDEX,
    RAW_IS,

    BYTES_PAGE,
    BYTES_AT,
    BYTES_COUNT,
    BYTES_ARE,

    REPEAT_PAGE,
    REPEAT_INDEX,
    REPEAT_MORE,
    REPEAT_STEP,

    CHAIN_PAGE,
    CHAIN_INDEX,
    CHAIN_LINKS,
    CHAIN_LAST,
    CHAIN_FLAGS,
    CHAIN_FLAG_BITS,

    FLIP_PAGE,
    FLIP_INDEX,
    FLIP_BIT,

    COPY_PAGE,
    COPY_FROM,

    PLACE_PAGE,
    PLACE_REGION,
    PLACE_HOW,
    PLACE_OFFSET,

    HOST_OPTIONS,
    HOST_READONLY,
    HOST_SHARES,
    HOST_POOL,

    SUPPLY_TABLES,
    SUPPLY_READS,
    SUPPLY_MOVES,
    SUPPLY_REFUSED,
    SUPPLY_TAKE_FAULT,
    SUPPLY_TAKE_CALL,
    SUPPLY_MOVE_FAULT,
    SUPPLY_STOCK_FAULT,

    EDIT_DO,
    EDIT_ROOT,
    EDIT_FIRST,
    EDIT_THEIRS,
    EDIT_PAGES,
    EDIT_SHIFT,
    EDIT_FRAME,
    EDIT_FRAME_SHIFT,
    EDIT_RIGHTS,
    EDIT_FLAGS,
    EDIT_TYPE,
    EDIT_KEY,
    EDIT_OPTIONS,
    EDIT_LEVEL,
    EDIT_OWNER,
    EDIT_FLAG_BITS,
    EDIT_TABLE_FLAGS,

    REBUILD_OPTIONS,
    REBUILD_FLAGS,
    REBUILD_BASE,
    REBUILD_BASE_SHIFT,
    REBUILD_TABLES,
    REBUILD_ABSENT,
    REBUILD_LIMIT,
    REBUILD_LIMITED_TO,
    REBUILD_SEED,

    IMAGE_GROWTH,
    IMAGE_REFUSED,
    IMAGE_TIMES,
    IMAGE_FILLER,
    IMAGE_SPOIL,
    IMAGE_WHERE,
    IMAGE_ENTRY,
    IMAGE_OTHER,

    OMIT_FIRST,
    OMIT_PAGES,
    OMIT_SHIFT,

    MAP_OMITTED,
    MAP_OFFSET,
    MAP_PAGES,
    MAP_SHIFT,
    MAP_FRAME,
    MAP_FRAME_SHIFT,
    MAP_RIGHTS,
    MAP_FLAGS,
    MAP_TYPE,
    MAP_KEY,
    MAP_OPTIONS,
    MAP_AT,
    MAP_FLAG_BITS,

    CUT_PAGE,
    CUT_AT,
    CUT_HOLE,

    REFUSE_PAGE,
    REFUSE_FROM,
    REFUSE_LESS,

    ACCESSOR_OPTIONS,
    ACCESSOR_SALT,

    MEMORY_OPTIONS,
    MEMORY_KIND,
    MEMORY_FILL,
    MEMORY_BYTES,
    MEMORY_NEAR,
    MEMORY_DELTA,

    ACCESS_DO,
    ACCESS_OPTIONS,
    ACCESS_NEAR,
    ACCESS_DELTA,
    ACCESS_BYTES,

    REGISTERS_CR0,
    REGISTERS_CR4,
    REGISTERS_EFER,
    REGISTERS_CPU,
    REGISTERS_WIDTH,
    REGISTERS_PAGE1G,
    REGISTERS_ACCESS,
    REGISTERS_FLIPS,

    REGIME_NAME,
    REGIME_CPU,
    REGIME_WIDTH,
    REGIME_PAGE1G,
    REGIME_WITHOUT,
    REGIME_MORE,
    REGIME_ACCESS,
    REGIME_FLIPS,

    LETTERS_COUNT,
    LETTERS_ARE,

    AARCH64_EL,
    AARCH64_OPTIONS,
    AARCH64_SCTLR,
    AARCH64_HCR,
    AARCH64_TCR2,
    AARCH64_WIDTH,
    AARCH64_SALT,
    AARCH64_TCR,

    RISCV_XLEN,
    RISCV_OPTIONS,
    RISCV_FEATURES,
    RISCV_WIDTH,
    RISCV_SALT,
    RISCV_MORE,
    RISCV_SATP,

    PERMISSION_INDEX,
    PERMISSION_PRIVILEGED,
    PERMISSION_USER,

    FZ_FIELDS
};

/* What a `value` record gives to the record behind it, in place of that
 * record's own field. */
enum fz_value {
    FZ_FIRST,
    FZ_LAST,
    FZ_PA,
    FZ_THEIR_VA,
    FZ_RIGHTS,
    FZ_FLAGS,
    FZ_MEMORY_TYPE,
    FZ_KEY,
    FZ_LEVEL,
    FZ_OWNER,
    FZ_SPACE,
    FZ_ATTRIBUTES,
    FZ_READS,
    FZ_TABLE_RIGHTS,
    FZ_BYTES,
    FZ_CR0,
    FZ_CR4,
    FZ_EFER,
    FZ_ABOUT,
    FZ_WITHOUT,
    FZ_BASE,
    FZ_TABLES_BASE,
    FZ_STORE,
    FZ_FLAG_BITS,
    FZ_TABLE_FLAGS,
    FZ_VALUES
};

enum fz_field_kind {
    FZ_PLAIN, /* a number; some have a name */
    FZ_SET,   /* a bit each has a name */
    FZ_MANY   /* bytes, one after the other */
};

struct fz_field {
    enum fz_op op;
    const char *name;
    unsigned at;   /* the first bit; numbers are little-endian */
    unsigned bits; /* of FZ_MANY, a multiple of 8 */
    enum fz_field_kind kind;
    const char *names; /* of the values or bits from 0 on, by a space each */
    const char *what;  /* for README.md */
};

extern const struct fz_field fz_field[FZ_FIELDS];

/* Sets that the reader asks for. */
enum fz_region_how {
    REGION_ENDS = 1,
    REGION_FOLLOWS = 2,
    REGION_REFUSED = 4,
    REGION_LARGE = 8
};

enum fz_region_base { REGION_TOP = 64, REGION_WIDTH = 65 };

struct fz_operation {
    const char *name;
    const char *what;
};

extern const struct fz_operation fz_operation[FZ_OPS + 1];

/* fz_get returns a field of a record (or of the header), FZ_MANY excluded. */
uint64_t fz_get(const uint8_t *record, enum fz_field_id field);

/* fz_put writes one; bits that it has no room for are lost. */
void fz_put(uint8_t *record, enum fz_field_id field, uint64_t value);

/* fz_op_of returns the operation of a record, OP_NOTHING for one unknown. */
enum fz_op fz_op_of(const uint8_t *record);

/* The records of an input, one after the other. */
struct fz_records {
    const uint8_t *at;
    size_t left;
    uint8_t record[FZ_RECORD]; /* the one that is read now */
    uint64_t value[FZ_VALUES]; /* what it is given */
    uint32_t given;            /* which of these: a bit each */
    uint64_t address[FZ_ADDRESSES];
};

/* fz_header copies the header: bytes that are missing are zeros. */
void fz_header(uint8_t *header, const uint8_t *data, size_t len);

/* fz_value returns what the record is given in place of a field, or else
 * that. */
uint64_t fz_value(const struct fz_records *in, enum fz_value value,
                  uint64_t otherwise);
bool fz_given(const struct fz_records *in, enum fz_value value);

#endif
