/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the input format, and what reads and writes by it. */
#include "input.h"

#include <string.h>

/* clang-format off: a field a line */
const struct fz_operation fz_operation[FZ_OPS + 1] = {
    [OP_NOTHING] = {"nothing", "nothing is done"},
    [OP_ADDRESS] = {"address",
                    "names a virtual address, by an index for each level"},
    [OP_NUMBER] = {"number", "names any address"},
    [OP_VALUE] = {"value",
                  "gives 64 bits to the next record, in place of a field"},
    [OP_REGION] = {"region", "a region of memory; at most 8, in any order; one "
                             "that overlaps another is left out"},
    [OP_ROOT] = {"root", "a root; at most 8"},
    [OP_RANGE] = {"range", "the range of the walk"},
    [OP_ASK] = {"ask", "an address that is asked about; at most 8"},
    [OP_WITHOUT] = {"without", "a range that walks leave out; at most 12, none "
                               "that overlaps another"},
    [OP_ENTRY] = {"entry", "entries of a page, by their meaning"},
    [OP_RAW] = {"raw", "an entry of a page, as a number"},
    [OP_BYTES] = {"bytes", "bytes of a page"},
    [OP_REPEAT] = {"repeat", "repeats an entry in those behind it"},
    [OP_CHAIN] = {"chain", "links from page to page, in order of their names"},
    [OP_FLIP] = {"flip", "flips a bit of an entry"},
    [OP_COPY] = {"copy", "copies a page"},
    [OP_PLACE] = {"place", "makes the name of a page mean another one"},
    [OP_HOST] = {"host", "edits: the host that makes them"},
    [OP_SUPPLY] = {"supply", "edits: how tables are supplied to the next edit"},
    [OP_EDIT] = {"edit", "edits: one edit"},
    [OP_REBUILD] = {"rebuild", "compact: the options of a rebuild"},
    [OP_IMAGE] =
        {"image",
         "storage; compact: the sink, and a way in which the image is spoilt, "
         "of at most 16 that are tried one after the other"},
    [OP_OMIT] = {"omit", "compact: a range that is left out; at most 3"},
    [OP_MAP] = {"map", "compact: a map; at most 3"},
    [OP_CUT] = {"cut",
                "a region becomes two, as long as there are fewer than 8"},
    [OP_REFUSE] = {"refuse", "a page that refuses to be read, but not where "
                             "it is host memory; at most 3"},
    [OP_ACCESSOR] = {"accessor", "regions: how the accessor is built"},
    [OP_MEMORY] = {"memory", "regions: a region; at most 12"},
    [OP_ACCESS] = {"access", "regions: an access"},
    [OP_REGISTERS] = {"registers", "registers: a regime by control registers"},
    [OP_REGIME] = {"regime", "registers: a regime by name"},
    [OP_LETTERS] = {"letters", "registers: letters of the next name"},
    [OP_AARCH64] = {"aarch64", "registers: a regime by registers of aarch64"},
    [OP_RISCV] = {"riscv", "registers: a regime by registers of RISC-V"},
    [OP_PERMISSION] = {"permission",
                       "what an index of a leaf grants, with pie"},
    [OP_HEADER] = {"header", "what holds for the whole input"},
};

const struct fz_field fz_field[FZ_FIELDS] = {
    [HEADER_VERSION] =
        {OP_HEADER, "version", 0, 8, FZ_PLAIN, NULL,
         "the format of the input; an unknown one is read as this one, 1"},
    [HEADER_REGIME] = {OP_HEADER, "regime", 8, 8, FZ_PLAIN, NULL,
                       "which format of tests/oracle, modulo their number"},
    [HEADER_MEMORY] = {OP_HEADER, "memory", 16, 8, FZ_PLAIN,
                       "callbacks borrow direct mixed",
                       "modulo 4: callbacks; callbacks that lend pages; host "
                       "memory; host memory for regions of at most 16 pages"},
    [HEADER_FEATURES] =
        {OP_HEADER, "features", 24, 8, FZ_SET,
         "no-nx no-pse no-page1g no-wp cet amd flag-47 flag-46",
         "what the processor lacks, or has; cet counts only with WP, flag "
         "bits only in formats that have some.  Under RISC-V no-nx is no "
         "Svnapot, no-pse is no Svpbmt, and cet is Zicfiss; under aarch64 cet "
         "is HA and HD, amd is HPD, and flag-47 is PIE, with PIR and PIRE0 as "
         "Linux has them"},
    [HEADER_WIDTH] = {OP_HEADER, "width", 32, 8, FZ_PLAIN, NULL,
                      "the physical width is that of the widest processor (52 "
                      "bits in x86), less "
                      "width % 21 bits"},
    [HEADER_READING] = {OP_HEADER, "reading", 40, 8, FZ_PLAIN,
                        "one several remembers stopped",
                        "modulo 4, of callbacks: one entry a call; several; "
                        "several, memory is stopped and walks remember tables; "
                        "several, and memory is stopped"},
    [HEADER_WALK] = {OP_HEADER, "walk", 48, 8, FZ_SET,
                     "self more-reads by-rights",
                     "PTW_WALK_SELF; a larger budget of reads; "
                     "PTW_WALK_BY_RIGHTS"},
    [HEADER_RESTLESS] = {OP_HEADER, "restless", 56, 8, FZ_PLAIN, NULL,
                         "of 256 reads, how many give something else "
                         "(shifting; edits, while the tables change; compact, "
                         "while the guest runs)"},
    [HEADER_ROOM] = {OP_HEADER, "room", 64, 16, FZ_PLAIN, NULL,
                     "the room of the resumed walk, less 1, modulo 16"},
    [HEADER_SKEW] = {OP_HEADER, "skew", 80, 8, FZ_PLAIN, NULL,
                     "host memory starts at this byte, modulo 64; a loan does, "
                     "and, but of compact, its bytes are wrong if that is not "
                     "a multiple of 8"},
    [HEADER_FLAG_BITS] = {OP_HEADER, "flag-bits", 88, 20, FZ_PLAIN, NULL,
                          "more flag bits: bits 32 to 51 of an entry"},
    [HEADER_MORE_FEATURES] = {OP_HEADER, "more-features", 112, 8, FZ_SET, "pke",
                              "what it has besides: protection keys, where the "
                              "format has some"},
    [HEADER_READ_STEP] = {OP_HEADER, "read-step", 128, 64, FZ_PLAIN, NULL,
                          "the step in reads of the resumed walk, less 1"},
    [HEADER_ITEM_STEP] = {OP_HEADER, "item-step", 192, 64, FZ_PLAIN, NULL,
                          "its step in items, less 1"},
    [HEADER_NEED] = {OP_HEADER, "need", 256, 32, FZ_SET, "read write user exec",
                     "the rights that a walk needs"},
    [HEADER_READS] = {OP_HEADER, "reads", 288, 32, FZ_PLAIN, NULL,
                      "the budget of reads of one walk, less 1, modulo 65536; "
                      "0: the usual one"},
    [HEADER_SEED] = {OP_HEADER, "seed", 320, 64, FZ_PLAIN, NULL,
                     "of the memo, of choices and of changes"},
    [OP_CODE] = {OP_CODE_UNKNOWN, "", 0, 6, FZ_PLAIN, NULL, ""},
    [ADDRESS_NAME] = {OP_ADDRESS, "name", 8, 4, FZ_PLAIN, NULL,
                      "which name it gets"},
    [ADDRESS_SIGN] =
        {OP_ADDRESS, "sign", 12, 4, FZ_SET, "not-canonical",
         "the first bit above the addresses that tables map is flipped"},
    [ADDRESS_I4] = {OP_ADDRESS, "i4", 16, 16, FZ_PLAIN, NULL,
                    "the index at level 4"},
    [ADDRESS_I3] = {OP_ADDRESS, "i3", 32, 16, FZ_PLAIN, NULL,
                    "the index at level 3"},
    [ADDRESS_I2] = {OP_ADDRESS, "i2", 48, 16, FZ_PLAIN, NULL,
                    "the index at level 2"},
    [ADDRESS_I1] = {OP_ADDRESS, "i1", 64, 16, FZ_PLAIN, NULL,
                    "the index at level 1"},
    [ADDRESS_I0] = {OP_ADDRESS, "i0", 80, 16, FZ_PLAIN, NULL,
                    "the index at level 0"},
    [ADDRESS_BELOW] = {OP_ADDRESS, "below", 96, 16, FZ_PLAIN, NULL,
                       "the byte below that; from 0x8000 on, counted from the "
                       "end of the page"},
    [NUMBER_NAME] = {OP_NUMBER, "name", 8, 4, FZ_PLAIN, NULL,
                     "which name it gets"},
    [NUMBER_IS] = {OP_NUMBER, "is", 64, 64, FZ_PLAIN, NULL, "the address"},
    [VALUE_OF] = {OP_VALUE, "of", 8, 8, FZ_PLAIN,
                  "first last pa their-va rights flags memory-type key level "
                  "owner space attributes reads table-rights bytes cr0 cr4 "
                  "efer about without base tables-base store flag-bits "
                  "table-flags",
                  "which field; values that are none change nothing"},
    [VALUE_IS] = {OP_VALUE, "is", 64, 64, FZ_PLAIN, NULL, "what it becomes"},
    [REGION_BASE] = {OP_REGION, "base", 8, 8, FZ_PLAIN, NULL,
                     "it starts at 2^base, 0 when below 2^12; 64: it ends with "
                     "the address space; 65: it ends with the physical width"},
    [REGION_HOW] =
        {OP_REGION, "how", 16, 8, FZ_SET, "ends follows refused large",
         "it ends there instead; it starts where the region before it ends; "
         "every read is refused; it is no host memory (and has no cuts)"},
    [REGION_OFFSET] =
        {OP_REGION, "offset", 24, 16, FZ_PLAIN, NULL,
         "pages added to its start; 64 and 65: taken off its end"},
    [REGION_PAGES] = {OP_REGION, "pages", 40, 16, FZ_PLAIN, NULL,
                      "its length in pages, less 1"},
    [REGION_SHIFT] = {OP_REGION, "shift", 56, 8, FZ_PLAIN, NULL,
                      "its length is shifted left by this, modulo 32"},
    [REGION_CUT_FIRST] = {OP_REGION, "cut-first", 64, 16, FZ_PLAIN, NULL,
                          "bytes cut off at its start"},
    [REGION_CUT_LAST] = {OP_REGION, "cut-last", 80, 16, FZ_PLAIN, NULL,
                         "bytes cut off at its end"},
    [ROOT_PAGE] = {OP_ROOT, "page", 8, 8, FZ_PLAIN, NULL,
                   "the page that it is"},
    [ROOT_BIT] = {OP_ROOT, "bit", 16, 8, FZ_PLAIN, NULL,
                  "1 + a bit that is set in it, modulo 65"},
    [ROOT_BELOW] = {OP_ROOT, "below", 24, 16, FZ_PLAIN, NULL, "added to it"},
    [ROOT_FLAG_BITS] = {OP_ROOT, "flag-bits", 40, 8, FZ_PLAIN, NULL,
                        "compact: the flag bits that it is loaded with, a bit "
                        "each, in ascending order"},
    [ROOT_HALF] =
        {OP_ROOT, "half", 48, 8, FZ_PLAIN, NULL,
         "walk, translate, space_map, compact, verify, aarch64: 0, or 1 + 2 "
         "times the "
         "other half or width "
         "that it is of, modulo 4 (3: the same width in the other "
         "half), + 1 if HPD is the other way, + 8 times how many bits, modulo "
         "4, its addresses are shorter"},
    [RANGE_FIRST] = {OP_RANGE, "first", 8, 4, FZ_PLAIN, NULL, "an address"},
    [RANGE_LAST] = {OP_RANGE, "last", 12, 4, FZ_PLAIN, NULL, "an address"},
    [ASK_AT] = {OP_ASK, "at", 8, 4, FZ_PLAIN, NULL, "an address"},
    [WITHOUT_FIRST] = {OP_WITHOUT, "first", 8, 4, FZ_PLAIN, NULL, "an address"},
    [WITHOUT_LAST] = {OP_WITHOUT, "last", 12, 4, FZ_PLAIN, NULL, "an address"},
    [ENTRY_PAGE] = {OP_ENTRY, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [ENTRY_INDEX] = {OP_ENTRY, "index", 16, 16, FZ_PLAIN, NULL,
                     "the first entry"},
    [ENTRY_MORE] = {OP_ENTRY, "more", 32, 16, FZ_PLAIN, NULL,
                    "how many follow it; 0xffff: as many as there are, from "
                    "the first of the page on"},
    [ENTRY_FLAGS] = {OP_ENTRY, "flags", 48, 16, FZ_SET,
                     "present write user type0 type1 accessed dirty large "
                     "global soft0 soft1 soft2 no-exec more0 more1 more2",
                     "what the entry says"},
    [ENTRY_KIND] = {OP_ENTRY, "kind", 64, 4, FZ_PLAIN, "leaf table run",
                    "what flags are those of, modulo 4: of a leaf; of what "
                    "leads to a table; of a leaf of level 0 as one of a run, "
                    "where the format has runs; of what leads to a table"},
    [ENTRY_STEP] =
        {OP_ENTRY, "step", 68, 4, FZ_PLAIN, "same next large before",
         "what the next one leads to, modulo 4: the same page, the next one, "
         "the next large one (and the first is aligned), the one before"},
    [ENTRY_TO] = {OP_ENTRY, "to", 72, 8, FZ_PLAIN, NULL,
                  "the page that it leads to"},
    [ENTRY_NUMBER] = {OP_ENTRY, "number", 80, 16, FZ_PLAIN, NULL,
                      "in place of that: a number of pages, if shift is not 0"},
    [ENTRY_SHIFT] = {OP_ENTRY, "shift", 96, 8, FZ_PLAIN, NULL,
                     "number is shifted left by shift - 1, modulo 64; from "
                     "0x80 on, it counts pages of level shift modulo 8"},
    [ENTRY_BITS] = {OP_ENTRY, "bits", 104, 8, FZ_PLAIN, NULL,
                    "these are set in the number of the page"},
    [ENTRY_FLAG_BITS] = {OP_ENTRY, "flag-bits", 112, 8, FZ_PLAIN, NULL,
                         "the flag bits that it has, a bit each, in ascending "
                         "order"},
    [RAW_PAGE] = {OP_RAW, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [RAW_INDEX] = {OP_RAW, "index", 16, 16, FZ_PLAIN, NULL, "the entry"},
    [RAW_IS] = {OP_RAW, "is", 64, 64, FZ_PLAIN, NULL, "what it is"},
    [BYTES_PAGE] = {OP_BYTES, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [BYTES_AT] = {OP_BYTES, "at", 16, 16, FZ_PLAIN, NULL, "the first byte"},
    [BYTES_COUNT] = {OP_BYTES, "count", 32, 8, FZ_PLAIN, NULL,
                     "how many, modulo 12"},
    [BYTES_ARE] = {OP_BYTES, "are", 40, 88, FZ_MANY, NULL, "what they are"},
    [REPEAT_PAGE] = {OP_REPEAT, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [REPEAT_INDEX] = {OP_REPEAT, "index", 16, 16, FZ_PLAIN, NULL, "the entry"},
    [REPEAT_MORE] = {OP_REPEAT, "more", 32, 16, FZ_PLAIN, NULL,
                     "how many times"},
    [REPEAT_STEP] = {OP_REPEAT, "step", 48, 16, FZ_PLAIN, NULL,
                     "how many pages further each leads, with a sign"},
    [CHAIN_PAGE] = {OP_CHAIN, "page", 8, 8, FZ_PLAIN, NULL, "the first page"},
    [CHAIN_INDEX] = {OP_CHAIN, "index", 16, 16, FZ_PLAIN, NULL,
                     "the entry of each"},
    [CHAIN_LINKS] = {OP_CHAIN, "links", 32, 8, FZ_PLAIN, NULL,
                     "how many links, less 1; 0xff: as many as the regime has "
                     "tables on a path, less 1"},
    [CHAIN_LAST] = {OP_CHAIN, "last", 56, 8, FZ_PLAIN, NULL,
                    "with links 0xff: 1 + the page that the last link leads "
                    "to; 0: the one behind the page before"},
    [CHAIN_FLAGS] = {OP_CHAIN, "flags", 40, 16, FZ_SET,
                     "present write user type0 type1 accessed dirty large "
                     "global soft0 soft1 soft2 no-exec more0 more1 more2",
                     "what each entry says"},
    [CHAIN_FLAG_BITS] = {OP_CHAIN, "flag-bits", 64, 8, FZ_PLAIN, NULL,
                         "the flag bits of each entry, as of entry"},
    [FLIP_PAGE] = {OP_FLIP, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [FLIP_INDEX] = {OP_FLIP, "index", 16, 16, FZ_PLAIN, NULL, "the entry"},
    [FLIP_BIT] = {OP_FLIP, "bit", 32, 8, FZ_PLAIN, NULL, "the bit, modulo 64"},
    [COPY_PAGE] = {OP_COPY, "page", 8, 8, FZ_PLAIN, NULL,
                   "the page that is written"},
    [COPY_FROM] = {OP_COPY, "from", 16, 8, FZ_PLAIN, NULL,
                   "the page that is copied"},
    [PLACE_PAGE] = {OP_PLACE, "page", 8, 8, FZ_PLAIN, NULL, "the name"},
    [PLACE_REGION] = {OP_PLACE, "region", 16, 8, FZ_PLAIN, NULL,
                      "a region, modulo their number, in order of address"},
    [PLACE_HOW] = {OP_PLACE, "how", 24, 8, FZ_SET, "end behind",
                   "counted from its end; counted from behind it"},
    [PLACE_OFFSET] = {OP_PLACE, "offset", 32, 32, FZ_PLAIN, NULL,
                      "in pages, modulo the size of the region"},
    [HOST_OPTIONS] =
        {OP_HOST, "options", 8, 8, FZ_SET,
         "borrow keep direct vouch loose runs again moves",
         "pages are lent; `give` is NULL; the pool is host memory, and so are "
         "small regions of the guest; no shares where nothing is shared; "
         "space_map: without PTW_EDIT_EXACT; in runs; tables move whenever "
         "they "
         "are asked; link: tables move"},
    [HOST_READONLY] = {OP_HOST, "readonly", 16, 8, FZ_PLAIN, NULL,
                       "regions that are read-only, a bit each"},
    [HOST_SHARES] =
        {OP_HOST, "shares", 24, 16, FZ_PLAIN, NULL,
         "how many tables the list of shares has room for; 0: plenty"},
    [HOST_POOL] = {OP_HOST, "pool", 40, 16, FZ_PLAIN, NULL,
                   "pages in the pool; 0: 192"},
    [SUPPLY_TABLES] = {OP_SUPPLY, "tables", 8, 16, FZ_PLAIN, NULL,
                       "1 + how many tables are given; 0: plenty"},
    [SUPPLY_READS] = {OP_SUPPLY, "reads", 24, 32, FZ_PLAIN, NULL,
                      "1 + the limit of reads; 0: 16384"},
    [SUPPLY_MOVES] =
        {OP_SUPPLY, "moves", 56, 8, FZ_PLAIN, NULL,
         "which calls of the hook move the table, a bit each, modulo 8"},
    [SUPPLY_REFUSED] = {OP_SUPPLY, "refused", 64, 8, FZ_PLAIN, NULL,
                        "which call of the hook is refused; 0: none"},
    [SUPPLY_TAKE_FAULT] =
        {OP_SUPPLY, "take-fault", 72, 8, FZ_PLAIN,
         "none unaligned outside part read-only wide full in-use",
         "what the host returns in place of a table, modulo 8"},
    [SUPPLY_TAKE_CALL] = {OP_SUPPLY, "take-call", 80, 8, FZ_PLAIN, NULL,
                          "in which call; 0: none"},
    [SUPPLY_MOVE_FAULT] =
        {OP_SUPPLY, "move-fault", 88, 8, FZ_PLAIN,
         "none unaligned outside part read-only wide full in-use",
         "what the hook returns instead of refusing, modulo 8"},
    [SUPPLY_STOCK_FAULT] =
        {OP_SUPPLY, "stock-fault", 96, 8, FZ_PLAIN,
         "none unaligned outside part read-only wide full in-use",
         "what the first table in stock leads to, modulo 8"},
    [EDIT_DO] = {OP_EDIT, "do", 8, 2, FZ_PLAIN, "map unmap protect link",
                 "what it does; link: protect, but for the target link"},
    [EDIT_ROOT] = {OP_EDIT, "root", 10, 6, FZ_PLAIN, NULL,
                   "of which root, modulo their number"},
    [EDIT_FIRST] = {OP_EDIT, "first", 16, 4, FZ_PLAIN, NULL,
                    "an address: where the range starts"},
    [EDIT_THEIRS] = {OP_EDIT, "theirs", 20, 4, FZ_PLAIN, NULL,
                     "an address: what a link leads to"},
    [EDIT_PAGES] = {OP_EDIT, "pages", 24, 16, FZ_PLAIN, NULL,
                    "the length in pages, less 1"},
    [EDIT_SHIFT] = {OP_EDIT, "shift", 40, 8, FZ_PLAIN, NULL,
                    "the length is shifted left by this, modulo 64"},
    [EDIT_FRAME] = {OP_EDIT, "frame", 48, 16, FZ_PLAIN, NULL,
                    "the page, or of space_map how far pages move"},
    [EDIT_FRAME_SHIFT] = {OP_EDIT, "frame-shift", 64, 8, FZ_PLAIN, NULL,
                          "frame is shifted left by this, modulo 64"},
    [EDIT_RIGHTS] = {OP_EDIT, "rights", 72, 8, FZ_SET, "read write user exec",
                     "what leaves are to grant"},
    [EDIT_FLAGS] = {OP_EDIT, "flags", 80, 8, FZ_SET,
                    "large split unshare reclaim exact grant-exec",
                    "enum ptw_edit_flag; grant-exec also says that space_map "
                    "places mappings"},
    [EDIT_TYPE] =
        {OP_EDIT, "type", 88, 4, FZ_PLAIN, NULL,
         "the memory type; of a link, with the key above it, the half "
         "that the owner is of, as of root"},
    [EDIT_KEY] = {OP_EDIT, "key", 92, 4, FZ_PLAIN, NULL, "the protection key"},
    [EDIT_OPTIONS] =
        {OP_EDIT, "options", 96, 8, FZ_SET,
         "copy-on-write global table-user to-end changing list "
         "apart",
         "copy-on-write; global; `table_rights` has PTW_USER; the "
         "range ends with the half; the tables change; a map of at "
         "most 600 pages is a list of them, of level 1 if they can "
         "be; every third of them"},
    [EDIT_LEVEL] = {OP_EDIT, "level", 104, 4, FZ_PLAIN, NULL,
                    "the level of the alias, modulo those that it can have"},
    [EDIT_OWNER] = {OP_EDIT, "owner", 108, 4, FZ_PLAIN, NULL,
                    "the space that owns it"},
    [EDIT_FLAG_BITS] = {OP_EDIT, "flag-bits", 112, 8, FZ_PLAIN, NULL,
                        "the flag bits that leaves are to have, as of entry"},
    [EDIT_TABLE_FLAGS] = {OP_EDIT, "table-flags", 120, 8, FZ_PLAIN, NULL,
                          "the flag bits that entries have which lead to new "
                          "tables, as of entry"},
    [REBUILD_OPTIONS] =
        {OP_REBUILD, "options", 8, 8, FZ_SET,
         "running as-is no-room stopped zeros-known spoil-absent",
         "the guest goes on running; ranges and base as they come; no room for "
         "tables, or read-only; callbacks copy bytes, and memory is said to be "
         "stopped; pages of zeros are known in any memory; entries that are "
         "not present are spoilt"},
    [REBUILD_FLAGS] = {OP_REBUILD, "flags", 16, 32, FZ_SET,
                       "copy-on-write copy-shared split merge zeros apart "
                       "refuse-marked clear-marked",
                       "enum ptw_rebuild_flag"},
    [REBUILD_BASE] = {OP_REBUILD, "base", 48, 16, FZ_PLAIN, NULL,
                      "the base in pages"},
    [REBUILD_BASE_SHIFT] = {OP_REBUILD, "base-shift", 64, 8, FZ_PLAIN, NULL,
                            "base is shifted left by this, modulo 64"},
    [REBUILD_TABLES] = {OP_REBUILD, "tables", 72, 4, FZ_PLAIN,
                        "behind far before over",
                        "modulo 4: where the new tables are, but behind only "
                        "with the flag apart"},
    [REBUILD_ABSENT] =
        {OP_REBUILD, "absent", 76, 4, FZ_PLAIN,
         "keep clear linux linux-plain windows linux-migration windows-masked "
         "plain-migration",
         "modulo 8: what becomes of entries that are not present"},
    [REBUILD_LIMIT] = {OP_REBUILD, "limit", 80, 8, FZ_PLAIN,
                       "none reads bytes storage", "modulo 4: what is limited"},
    [REBUILD_LIMITED_TO] = {OP_REBUILD, "limited-to", 88, 16, FZ_PLAIN, NULL,
                            "x 16 reads, pages, or KiB"},
    [REBUILD_SEED] = {OP_REBUILD, "seed", 104, 24, FZ_PLAIN, NULL,
                      "the seed of the rebuild"},
    [IMAGE_GROWTH] = {OP_IMAGE, "growth", 8, 8, FZ_PLAIN, NULL,
                      "storage: two bits for each try, what is wanted >> 0, 1 "
                      "or 2, or 40 bytes more; edits: if not 0, a scan that "
                      "had too little begins again"},
    [IMAGE_REFUSED] = {OP_IMAGE, "refused", 16, 8, FZ_PLAIN, NULL,
                       "the first write that the sink refuses"},
    [IMAGE_TIMES] = {OP_IMAGE, "times", 24, 8, FZ_PLAIN, NULL,
                     "how often it refuses"},
    [IMAGE_FILLER] = {OP_IMAGE, "filler", 32, 8, FZ_PLAIN,
                      "zeros distinct some-zeros three",
                      "modulo 4: what pages without contents hold"},
    [IMAGE_SPOIL] = {OP_IMAGE, "spoil", 40, 8, FZ_PLAIN,
                     "no entry page repeat copy more remove swap frame add "
                     "split back root lose",
                     "modulo 14: how the image is spoilt"},
    [IMAGE_WHERE] = {OP_IMAGE, "where", 48, 8, FZ_PLAIN, NULL,
                     "which table or page"},
    [IMAGE_ENTRY] = {OP_IMAGE, "entry", 56, 8, FZ_PLAIN, NULL, "which entry"},
    [IMAGE_OTHER] = {OP_IMAGE, "other", 64, 8, FZ_PLAIN, NULL,
                     "which other entry, or bit"},
    [OMIT_FIRST] = {OP_OMIT, "first", 8, 4, FZ_PLAIN, NULL,
                    "an address: where it starts"},
    [OMIT_PAGES] = {OP_OMIT, "pages", 16, 16, FZ_PLAIN, NULL,
                    "its length in pages, less 1"},
    [OMIT_SHIFT] = {OP_OMIT, "shift", 32, 8, FZ_PLAIN, NULL,
                    "its length is shifted left by this, modulo 64"},
    [MAP_OMITTED] = {OP_MAP, "omitted", 8, 4, FZ_PLAIN, NULL,
                     "into which omitted range, modulo their number"},
    [MAP_OFFSET] = {OP_MAP, "offset", 16, 16, FZ_PLAIN, NULL,
                    "how many pages behind its start"},
    [MAP_PAGES] = {OP_MAP, "pages", 32, 16, FZ_PLAIN, NULL,
                   "the length in pages, less 1"},
    [MAP_SHIFT] = {OP_MAP, "shift", 48, 8, FZ_PLAIN, NULL,
                   "the length is shifted left by this, modulo 64"},
    [MAP_FRAME] = {OP_MAP, "frame", 56, 16, FZ_PLAIN, NULL, "the page"},
    [MAP_FRAME_SHIFT] = {OP_MAP, "frame-shift", 72, 8, FZ_PLAIN, NULL,
                         "frame is shifted left by this, modulo 64"},
    [MAP_RIGHTS] = {OP_MAP, "rights", 80, 8, FZ_SET, "read write user exec",
                    "what it grants"},
    [MAP_FLAGS] = {OP_MAP, "flags", 88, 8, FZ_SET,
                   "large split unshare reclaim exact grant-exec",
                   "enum ptw_edit_flag"},
    [MAP_TYPE] = {OP_MAP, "type", 96, 4, FZ_PLAIN, NULL, "the memory type"},
    [MAP_KEY] = {OP_MAP, "key", 100, 4, FZ_PLAIN, NULL, "the protection key"},
    [MAP_OPTIONS] = {OP_MAP, "options", 104, 8, FZ_SET,
                     "copy-on-write global anywhere",
                     "copy-on-write; global; at an address instead"},
    [MAP_AT] = {OP_MAP, "at", 112, 4, FZ_PLAIN, NULL, "that address"},
    [MAP_FLAG_BITS] = {OP_MAP, "flag-bits", 120, 8, FZ_PLAIN, NULL,
                       "the flag bits of its leaves, as of entry"},
    [CUT_PAGE] = {OP_CUT, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [CUT_AT] = {OP_CUT, "at", 16, 16, FZ_PLAIN, NULL, "the byte of it"},
    [CUT_HOLE] = {OP_CUT, "hole", 32, 16, FZ_PLAIN, NULL,
                  "how many bytes are missing there"},
    [REFUSE_PAGE] = {OP_REFUSE, "page", 8, 8, FZ_PLAIN, NULL, "the page"},
    [REFUSE_FROM] = {OP_REFUSE, "from", 16, 16, FZ_PLAIN, NULL,
                     "the first byte of it that refuses"},
    [REFUSE_LESS] = {OP_REFUSE, "less", 32, 16, FZ_PLAIN, NULL,
                     "how many bytes at its end do not"},
    [ACCESSOR_OPTIONS] =
        {OP_ACCESSOR, "options", 8, 8, FZ_SET,
         "callbacks lends writes everything borrow flat wide read",
         "callbacks; they lend; they write; no list of regions; `borrow` is "
         "there; ptw_mem_init_flat for one region; `read32` is not there; "
         "`read` is"},
    [ACCESSOR_SALT] = {OP_ACCESSOR, "salt", 16, 8, FZ_PLAIN, NULL,
                       "of what callbacks read"},
    [MEMORY_OPTIONS] = {OP_MEMORY, "options", 8, 4, FZ_SET, "beside writable",
                        "it starts beside another region; it is writable"},
    [MEMORY_KIND] = {OP_MEMORY, "kind", 12, 4, FZ_PLAIN,
                     "host callbacks reversed none",
                     "modulo 4: host memory; served by callbacks, if there are "
                     "any; host memory whose ends are reversed; no memory, if "
                     "there are no callbacks"},
    [MEMORY_FILL] = {OP_MEMORY, "fill", 16, 8, FZ_PLAIN, NULL, "what it holds"},
    [MEMORY_BYTES] = {OP_MEMORY, "bytes", 24, 16, FZ_PLAIN, NULL,
                      "its size, less 1"},
    [MEMORY_NEAR] = {OP_MEMORY, "near", 40, 8, FZ_PLAIN, NULL,
                     "which end of which region it is beside; its address is "
                     "`first` of a value, if given"},
    [MEMORY_DELTA] = {OP_MEMORY, "delta", 48, 16, FZ_PLAIN, NULL,
                      "how far, with a sign"},
    [ACCESS_DO] = {OP_ACCESS, "do", 8, 4, FZ_PLAIN,
                   "read4 read8 write4 write8 loan cover bytes parts sink",
                   "what it is; all others are cover"},
    [ACCESS_OPTIONS] = {OP_ACCESS, "options", 12, 4, FZ_SET, "aligned",
                        "a write is aligned to 8"},
    [ACCESS_NEAR] = {OP_ACCESS, "near", 16, 8, FZ_PLAIN, NULL,
                     "which end of which region it is near; its address is "
                     "`pa` of a value, if given"},
    [ACCESS_DELTA] = {OP_ACCESS, "delta", 24, 16, FZ_PLAIN, NULL,
                      "how far, with a sign"},
    [ACCESS_BYTES] = {OP_ACCESS, "bytes", 40, 16, FZ_PLAIN, NULL,
                      "of a loan or cover; of a cover, less 1; of bytes modulo "
                      "129; of parts modulo 128, and how much further on the "
                      "others are, in 128; of a sink modulo 128, and its step, "
                      "in 128"},
    [REGISTERS_CR0] = {OP_REGISTERS, "cr0", 8, 8, FZ_SET, "pg pe wp nw",
                       "bits of CR0; a value is flipped in it"},
    [REGISTERS_CR4] = {OP_REGISTERS, "cr4", 16, 16, FZ_SET,
                       "pse pae la57 smep smap pke pcide pge cet",
                       "bits of CR4; a value is flipped in it"},
    [REGISTERS_EFER] = {OP_REGISTERS, "efer", 32, 8, FZ_SET, "lme lma nxe sce",
                        "bits of EFER; a value is flipped in it"},
    [REGISTERS_CPU] =
        {OP_REGISTERS, "cpu", 40, 4, FZ_PLAIN, "given widest none",
         "modulo 3: as the next two say; the widest; none is given"},
    [REGISTERS_WIDTH] = {OP_REGISTERS, "width", 48, 8, FZ_PLAIN, NULL,
                         "its physical width"},
    [REGISTERS_PAGE1G] = {OP_REGISTERS, "page1g", 44, 4, FZ_SET, "yes",
                          "the processor has pages of 1 GiB"},
    [REGISTERS_ACCESS] = {OP_REGISTERS, "access", 56, 8, FZ_PLAIN, NULL,
                          "an access: right, user, AC, and the rights above"},
    [REGISTERS_FLIPS] =
        {OP_REGISTERS, "flips", 64, 40, FZ_MANY, NULL,
         "for each level, bits that are flipped in the value `about`"},
    [REGIME_NAME] = {OP_REGIME, "name", 8, 8, FZ_PLAIN,
                     "letters bare i686 amd64 pae amd64-la57 sv32 sv39 sv48 "
                     "sv57",
                     "modulo 10: the name; or letters before it"},
    [REGIME_CPU] = {OP_REGIME, "cpu", 16, 4, FZ_PLAIN, "given none",
                    "modulo 2: as the next two say; none is given"},
    [REGIME_WIDTH] = {OP_REGIME, "width", 24, 8, FZ_PLAIN, NULL,
                      "its physical width"},
    [REGIME_PAGE1G] = {OP_REGIME, "page1g", 20, 4, FZ_SET, "yes",
                       "the processor has pages of 1 GiB"},
    [REGIME_WITHOUT] = {OP_REGIME, "without", 32, 16, FZ_PLAIN, NULL,
                        "features that it lacks"},
    [REGIME_MORE] = {OP_REGIME, "more", 48, 8, FZ_PLAIN,
                     "none cet cet-smep pke",
                     "modulo 4: features that are added; under RISC-V none, "
                     "Zicfiss, that and an unknown one, Svnapot with Svpbmt"},
    [REGIME_ACCESS] = {OP_REGIME, "access", 56, 8, FZ_PLAIN, NULL,
                       "as of registers"},
    [REGIME_FLIPS] = {OP_REGIME, "flips", 64, 40, FZ_MANY, NULL,
                      "as of registers"},
    [LETTERS_COUNT] = {OP_LETTERS, "count", 8, 8, FZ_PLAIN, NULL,
                       "how many, modulo 15"},
    [LETTERS_ARE] = {OP_LETTERS, "are", 16, 112, FZ_MANY, NULL, "the letters"},
    [AARCH64_EL] = {OP_AARCH64, "el", 8, 4, FZ_PLAIN, NULL,
                    "modulo 5: the exception level"},
    [AARCH64_OPTIONS] = {OP_AARCH64, "options", 12, 4, FZ_SET,
                         "upper pir no-cpu",
                         "the half of TTBR1; PIR and PIRE0 are known; no "
                         "processor is given"},
    [AARCH64_SCTLR] = {OP_AARCH64, "sctlr", 16, 8, FZ_SET, "m ee wxn epan",
                       "bits of SCTLR"},
    [AARCH64_HCR] = {OP_AARCH64, "hcr", 24, 8, FZ_SET, "vm dc e2h nv nv1",
                     "bits of HCR_EL2"},
    [AARCH64_TCR2] = {OP_AARCH64, "tcr2", 32, 8, FZ_SET,
                      "pie e0poe poe d128 aie pnch", "bits of TCR2"},
    [AARCH64_WIDTH] = {OP_AARCH64, "width", 40, 8, FZ_PLAIN, NULL,
                       "the physical width of the processor"},
    [AARCH64_SALT] = {OP_AARCH64, "salt", 48, 16, FZ_PLAIN, NULL,
                      "of PIR, PIRE0 and the entries that are asked about"},
    [AARCH64_TCR] = {OP_AARCH64, "tcr", 64, 64, FZ_PLAIN, NULL, "TCR"},
    [RISCV_XLEN] = {OP_RISCV, "xlen", 8, 4, FZ_PLAIN, "64 32 128 64-too",
                    "modulo 4: SXLEN"},
    [RISCV_OPTIONS] = {OP_RISCV, "options", 12, 4, FZ_SET, "no-cpu flag-bits",
                       "no processor is given; it has a flag bit, which none "
                       "of the family has"},
    [RISCV_FEATURES] = {OP_RISCV, "features", 16, 8, FZ_SET,
                        "svnapot svpbmt zicfiss none-such",
                        "what is switched on"},
    [RISCV_WIDTH] = {OP_RISCV, "width", 24, 8, FZ_PLAIN, NULL,
                     "the physical width of the processor"},
    [RISCV_SALT] = {OP_RISCV, "salt", 32, 16, FZ_PLAIN, NULL,
                    "of the entries that are asked about"},
    [RISCV_MORE] = {OP_RISCV, "more", 48, 8, FZ_SET,
                    "svnapot svpbmt zicfiss none-such",
                    "features that are added afterwards"},
    [RISCV_SATP] = {OP_RISCV, "satp", 64, 64, FZ_PLAIN, NULL, "satp"},
    [PERMISSION_INDEX] = {OP_PERMISSION, "index", 8, 4, FZ_PLAIN, NULL,
                          "PIIndex of a leaf"},
    [PERMISSION_PRIVILEGED] = {OP_PERMISSION, "privileged", 16, 4, FZ_PLAIN,
                               NULL, "the field of PIR"},
    [PERMISSION_USER] = {OP_PERMISSION, "user", 24, 4, FZ_PLAIN, NULL,
                         "the field of PIRE0"},
};
/* clang-format on */

uint64_t fz_get(const uint8_t *record, enum fz_field_id field)
{
    const struct fz_field *f = &fz_field[field];
    uint64_t v = 0;

    for (unsigned i = (f->bits + f->at % 8 + 7) / 8; i-- > 0;) {
        v = v << 8 | record[f->at / 8 + i];
    }
    v >>= f->at % 8;
    return f->bits < 64 ? v & (((uint64_t)1 << f->bits) - 1) : v;
}

void fz_put(uint8_t *record, enum fz_field_id field, uint64_t value)
{
    const struct fz_field *f = &fz_field[field];

    for (unsigned i = 0; i < f->bits; i++) {
        unsigned bit = f->at + i;

        record[bit / 8] &= (uint8_t) ~(1u << bit % 8);
        record[bit / 8] |= (uint8_t)((value >> i & 1) << bit % 8);
    }
}

enum fz_op fz_op_of(const uint8_t *record)
{
    uint64_t code = fz_get(record, OP_CODE);

    return code < FZ_OPS ? (enum fz_op)code : OP_NOTHING;
}

void fz_header(uint8_t *header, const uint8_t *data, size_t len)
{
    memset(header, 0, FZ_HEADER);
    if (len > 0) {
        memcpy(header, data, len < FZ_HEADER ? len : FZ_HEADER);
    }
}

bool fz_given(const struct fz_records *in, enum fz_value value)
{
    return (in->given >> value & 1) != 0;
}

uint64_t fz_value(const struct fz_records *in, enum fz_value value,
                  uint64_t otherwise)
{
    return fz_given(in, value) ? in->value[value] : otherwise;
}
