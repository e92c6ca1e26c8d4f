/* SPDX-License-Identifier: Apache-2.0 */
/* ptwalk: page tables that somebody hostile wrote: walked, translated, edited.
 *
 * Glossary
 *
 *   address         physical (ptw_pa): what an entry holds; virtual (ptw_va):
 *                   what is translated.  Both in bytes.
 *   alias           a reference to a table that the walk has entered before
 *   bad entry       an entry that is present and on which hardware would fault;
 *                   enum ptw_bad_reason says why
 *   canonical       said of a virtual address that some table could map; on
 *                   amd64, bits 63 to 47 are equal
 *   copy-on-write   said of a leaf that carries the mark of the host and is not
 *                   writable: a write faults, and the host copies the page
 *   cut             said of a table of which a walk covers a part only, since a
 *                   range starts or ends inside it
 *   descent         the way from a root down to an answer, one level at a time
 *   edit            map, unmap, protect or link: all of it or nothing
 *   entry           one element of a table: absent, a leaf, bad, or one that
 *                   leads to a table
 *   exposed         said of a table in memory that the guest can write to
 *   finding         something about the tables that a careful reader wants to
 *                   know
 *   gap             the virtual addresses that no table of a regime can map
 *   hole            a range in which nothing is mapped
 *   item            one result of a walk: a space, a table, a mapping, an
 *                   alias, a hole or a finding
 *   leaf            an entry that maps a page, of whatever size
 *   left out        said of a part of a range that a walk passes over
 *   level           counted from the leaves: level 0 holds only leaves.  The
 *                   manuals' names are ptw_level_name's.
 *   link            an entry that refers to another space's table
 *   memo            the set of tables that a walk has entered
 *   own rights      the rights that an entry grants by itself
 *   owner           the space that entered a table first
 *   range           closed: [first, last], since an end that is not part of it
 *                   could not name the end of the address space
 *   regime          architecture, paging mode and its parameters
 *   remark          a finding that covers no addresses: the contents of the
 *                   table follow as usual
 *   rights          effective: what the whole path grants
 *   root            the top table of a space, and so the space itself
 *   run             neighbouring leaves of one kind whose physical addresses
 *                   continue
 *   shared          said of a table that more than one entry refers to
 *   space           a virtual address space: what one root maps
 *   stock           tables that an edit took from the host and has not used yet
 *   table           a page table of any level
 *
 * Everything that comes out of guest memory is data to be judged: no table,
 * however malicious, makes the library read out of the memory offered, loop, or
 * report an address or a right that the hardware would not have given.
 *
 * The library allocates nothing, keeps no state of its own, and calls nothing
 * but memcpy, memset and memcmp.  Calls on different objects are independent of
 * each other and may be made from different threads. */
#ifndef PTWALK_PTWALK_H
#define PTWALK_PTWALK_H

#include "ptwalk/absent.h"
#include "ptwalk/alias.h"
#include "ptwalk/api.h"
#include "ptwalk/arch_aarch64.h"
#include "ptwalk/arch_riscv.h"
#include "ptwalk/arch_x86.h"
#include "ptwalk/cpu.h"
#include "ptwalk/edit.h"
#include "ptwalk/item.h"
#include "ptwalk/layout.h"
#include "ptwalk/mem.h"
#include "ptwalk/rebuild.h"
#include "ptwalk/regime.h"
#include "ptwalk/status.h"
#include "ptwalk/types.h"
#include "ptwalk/verify.h"
#include "ptwalk/version.h"
#include "ptwalk/walk.h"

#endif
