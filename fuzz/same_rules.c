/* SPDX-License-Identifier: Apache-2.0 */
#include "same_rules.h"

const struct fc_rule_about fc_rules[FC_RULES] = {
    /* Pages. */
    [FC_UNREADABLE] = {"a page that can't be read is there", FC_BOTH,
                       "rebuild.h, PTW_DROP_UNREADABLE; verify.h, "
                       "PTW_DIFFERS_KEPT"},
    [FC_PAGE_OUTSIDE] = {"a page outside", FC_BOTH,
                         "verify.h, PTW_DIFFERS_UNREADABLE"},
    [FC_BYTES] = {"bytes", FC_BOTH,
                  "verify.h: every address has the same "
                  "bytes; PTW_DIFFERS_BYTES"},
    [FC_MISSING] = {"a page is missing", FC_BOTH,
                    "rebuild.h: nothing is left out without a word; verify.h, "
                    "PTW_DIFFERS_MISSING"},
    [FC_LARGE_MISSING] = {"a page of a large one is missing", FC_REBUILD,
                          "rebuild.h: of a large page that can't be read in "
                          "part, the rest is in the image"},
    [FC_PLACE] = {"a page is not among the pages", FC_REBUILD,
                  "rebuild.h: pages first, from base on, and then the tables"},
    [FC_TOLD] = {"ptw_rebuild_page says", FC_REBUILD,
                 "rebuild.h, ptw_rebuild_page"},
    [FC_ONE_IS_TWO] = {"one page became two", FC_BOTH,
                       "rebuild.h: each page is there once; verify.h, "
                       "PTW_DIFFERS_SHARED"},
    [FC_TWO_ARE_ONE] = {"two pages became one", FC_BOTH,
                        "rebuild.h, PTW_REBUILD_MERGE and ZEROS; verify.h, "
                        "PTW_DIFFERS_JOINED"},
    [FC_WRITTEN_JOINED] = {"two pages that are large or written became one",
                           FC_BOTH,
                           "rebuild.h, PTW_REBUILD_MERGE: small pages that the "
                           "guest writes through no leaf"},
    [FC_FLAGS_JOINED] = {"two pages became one, with other flag bits", FC_BOTH,
                         "rebuild.h, merged: never where the flag bits of "
                         "their leaves differ"},
    [FC_REWRITABLE_JOINED] = {"pages became one that the guest can make "
                              "writable",
                              FC_BOTH,
                              "rebuild.h, writable_selves: no page is merged"},
    [FC_NOT_JOINED] = {"pages of the same content did not become one",
                       FC_REBUILD,
                       "rebuild.h, PTW_REBUILD_MERGE and ZEROS: they become "
                       "one"},
    /* Leaves. */
    [FC_MARK] = {"a marked leaf that is to be refused", FC_BOTH,
                 "rebuild.h, PTW_REBUILD_REFUSE_MARKED; verify.h, "
                 "PTW_DIFFERS_POLICY"},
    [FC_NO_RUN] = {"a leaf says that it is part of a run", FC_REBUILD,
                   "README.md, 26: pages of a run stand side by side, those of "
                   "an image anywhere"},
    [FC_NEW_RUN] = {"a leaf says that it is part of a run, and did not",
                    FC_VERIFY, "README.md, 26"},
    [FC_RUN_MOVED] = {"a leaf is part of a run, of which a page is elsewhere",
                      FC_BOTH, "README.md, 26"},
    [FC_BITS] = {"the bits of a leaf", FC_REBUILD,
                 "rebuild.h: entries keep their own bits; COPY_ON_WRITE, "
                 "CLEAR_MARKED, SPLIT"},
    [FC_RIGHTS_BY_PATH] = {"the tables of a leaf take rights that it had",
                           FC_REBUILD, "verify.h: the same effective rights"},
    [FC_RIGHTS_WITHHELD] = {"the tables of a leaf take rights", FC_VERIFY,
                            "verify.h, PTW_DIFFERS_RIGHTS"},
    [FC_SAME_BITS] = {"the bits of a leaf", FC_VERIFY,
                      "verify.h, PTW_DIFFERS_RIGHTS and ATTRIBUTES"},
    [FC_TURNED] = {"a leaf", FC_VERIFY,
                   "verify.h: rights after the policy; PTW_DIFFERS_POLICY and "
                   "ATTRIBUTES"},
    [FC_SIZE] = {"a large leaf became small ones", FC_BOTH,
                 "rebuild.h, PTW_REBUILD_SPLIT, and split; verify.h, "
                 "PTW_DIFFERS_SIZE"},
    [FC_CUT] = {"a leaf is too large", FC_BOTH,
                "rebuild.h, first, last, leave_out and PTW_REBUILD_SPLIT"},
    [FC_BAD] = {"a bad entry", FC_BOTH, "verify.h, PTW_DIFFERS_BAD"},
    /* What is not kept, and maps. */
    [FC_EXTRA] = {"something is there", FC_BOTH,
                  "rebuild.h, first, last and leave_out; verify.h, "
                  "PTW_DIFFERS_EXTRA"},
    [FC_MAPPED] = {"a page is mapped", FC_REBUILD, "rebuild.h, map"},
    [FC_MAP_FLAGS] = {"the flag bits of a map", FC_REBUILD,
                      "edit.h, attributes of a map"},
    [FC_MAP_TABLE_FLAGS] = {"the flag bits of a table of a map", FC_REBUILD,
                            "rebuild.h, root_flags"},
    /* Entries that are not present. */
    [FC_ABSENT] = {"an entry that is not present", FC_BOTH,
                   "rebuild.h, absent; verify.h, PTW_DIFFERS_ABSENT"},
    [FC_NAMED] = {"what an entry names that is not present", FC_BOTH,
                  "rebuild.h: the entry names its page where it is now; "
                  "verify.h, PTW_DIFFERS_ABSENT"},
    /* Tables. */
    [FC_TABLE_OUTSIDE] = {"a table outside", FC_BOTH,
                          "verify.h, PTW_DIFFERS_REFUSED"},
    [FC_TABLE_PLACE] = {"a table is not among the tables", FC_REBUILD,
                        "rebuild.h: the tables behind the pages, or at "
                        "tables_base"},
    [FC_TABLE_END] = {"something is behind a table", FC_REBUILD,
                      "rebuild.h, bytes: the largest table for each table"},
    [FC_TABLE] = {"an entry that leads to a table", FC_BOTH,
                  "rebuild.h: entries keep their own bits; verify.h, "
                  "PTW_DIFFERS_TABLE and SELF"},
    [FC_SMALL_TABLE] = {"a table of small leaves", FC_REBUILD,
                        "rebuild.h, split: leaves have the rights of the large "
                        "one"},
    [FC_NEW_TABLE_SHARED] = {"a new table stands for another one as well",
                             FC_BOTH,
                             "rebuild.h, split: each large leaf has tables of "
                             "its own; verify.h, PTW_DIFFERS_TABLE, ALIAS and "
                             "OVERLAP"},
    [FC_SMALL_TABLE_FLAGS] = {"the flag bits of a table of small leaves",
                              FC_REBUILD, "rebuild.h, root_flags"},
    [FC_TABLE_IS_TWO] = {"one table became two", FC_BOTH,
                         "rebuild.h: each table is there once; verify.h, "
                         "PTW_DIFFERS_ALIAS"},
    [FC_TABLES_ARE_ONE] = {"two tables became one", FC_BOTH,
                           "verify.h, PTW_DIFFERS_ALIAS"},
    [FC_LEVELS_ARE_ONE] = {"two tables became one, at two levels", FC_BOTH,
                           "verify.h, PTW_DIFFERS_OVERLAP"},
    [FC_TABLE_IS_PAGE] = {"a table became a page", FC_BOTH,
                          "verify.h, PTW_DIFFERS_OVERLAP"},
    [FC_ROOT] = {"the root of the same space", FC_BOTH,
                 "verify.h, PTW_DIFFERS_SPACE"},
};
