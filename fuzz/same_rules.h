/* SPDX-License-Identifier: Apache-2.0 */
/* What an image has to keep of the guest that it was made from: each rule, whom
 * it binds, and what it follows from. */
#ifndef PTW_FUZZ_SAME_RULES_H
#define PTW_FUZZ_SAME_RULES_H

enum fc_rule {
    FC_UNREADABLE,
    FC_PAGE_OUTSIDE,
    FC_BYTES,
    FC_MISSING,
    FC_LARGE_MISSING,
    FC_PLACE,
    FC_TOLD,
    FC_ONE_IS_TWO,
    FC_TWO_ARE_ONE,
    FC_WRITTEN_JOINED,
    FC_FLAGS_JOINED,
    FC_REWRITABLE_JOINED,
    FC_NOT_JOINED,
    FC_MARK,
    FC_NO_RUN,
    FC_NEW_RUN,
    FC_RUN_MOVED,
    FC_BITS,
    FC_RIGHTS_BY_PATH,
    FC_RIGHTS_WITHHELD,
    FC_SAME_BITS,
    FC_TURNED,
    FC_SIZE,
    FC_CUT,
    FC_BAD,
    FC_EXTRA,
    FC_MAPPED,
    FC_MAP_FLAGS,
    FC_MAP_TABLE_FLAGS,
    FC_ABSENT,
    FC_NAMED,
    FC_TABLE_OUTSIDE,
    FC_TABLE_PLACE,
    FC_TABLE_END,
    FC_TABLE,
    FC_SMALL_TABLE,
    FC_NEW_TABLE_SHARED,
    FC_SMALL_TABLE_FLAGS,
    FC_TABLE_IS_TWO,
    FC_TABLES_ARE_ONE,
    FC_LEVELS_ARE_ONE,
    FC_TABLE_IS_PAGE,
    FC_ROOT,
    FC_RULES
};

/* Whom a rule binds: a rebuild, whose image has to be exactly what it promises,
 * or the comparison, which must call no image the same guest that breaks it. */
enum { FC_REBUILD = 1, FC_VERIFY = 2, FC_BOTH = FC_REBUILD | FC_VERIFY };

struct fc_rule_about {
    const char *broken; /* what is said of an image that breaks it */
    unsigned binds;
    const char *why; /* a header, and what it says there */
};

extern const struct fc_rule_about fc_rules[FC_RULES];

#endif
