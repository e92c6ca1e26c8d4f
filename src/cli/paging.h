/* SPDX-License-Identifier: Apache-2.0 */
/* The paging mode and the roots, from the options: by name, or as the registers
 * of a processor. */
#ifndef CLI_PAGING_H
#define CLI_PAGING_H

#include "arguments.h"
#include "root_list.h"

/* paging_add_root adds a root to an image, as the value of an option: --root,
 * --cr3, --ttbr0, --ttbr1, --satp, or --new-root and so on. */
void paging_add_root(const struct arguments *a, struct image_arguments *p,
                     enum option_id id, uint64_t value);

/* paging_add_root_of_other adds a root to the second image; id is as of the first
 * one's. */
void paging_add_root_of_other(struct arguments *a, enum option_id id,
                              uint64_t value);

/* paging_add_entry adds one that a text has to that image of the arguments. */
void paging_add_entry(struct arguments *a, struct image_arguments *p,
                      const struct root_entry *e);

/* paging_add_roots adds those of the file of that name. */
void paging_add_roots(struct arguments *a, struct image_arguments *p,
                      const char *name);

/* The functions of one option read its value, optarg. */

void paging_set_xlen(struct arguments *a);
void paging_set_pa_bits(struct arguments *a);
void paging_add_flag_bit(struct arguments *a);
void paging_set_vendor(struct arguments *a);
void paging_set_el(struct arguments *a);

/* paging_is_given says whether something selects the mode: a name, or a register
 * of each family.  paging_is_said says whether it does so alone, with all registers
 * that it takes, so that nothing more is asked for. */
bool paging_is_given(const struct arguments *a);
bool paging_is_said(const struct arguments *a);

/* paging_said_of returns a processor's registers, but for what arguments say of
 * them one by one.  paging_take_switches makes of --no-nx and its like a part of
 * the registers, where a file says these. */
struct ptw_x86_registers paging_said_of(const struct arguments *a,
                                        struct ptw_x86_registers regs);
void paging_take_switches(struct arguments *a);

/* paging_end_of_registers ends the command: such registers, which the options say
 * and, as far as they do not, `from` in that image, make no mode. */
PTW_NORETURN void paging_end_of_registers(const char *subject,
                                          const struct ptw_x86_registers *regs,
                                          const char *from, const char *image,
                                          const char *why);

/* paging_set_regime makes the regime of all that is given; false when nothing
 * says it, where that may be (TAKES_ANYTHING). */
bool paging_set_regime(struct arguments *a);

/* paging_take_roots sets the roots of an image as they are given; false when
 * there are none.  The regime is known. */
bool paging_take_roots(const struct arguments *a,
                       const struct image_arguments *p, struct options *o);

/* paging_set_roots sets those of the first image, which needs some unless
 * paging is off. */
void paging_set_roots(struct arguments *a);

/* paging_virtual_hint returns a remark on the value of a root that looks like a
 * virtual address of that mode, NULL for one of 64 bits; "": it does not. */
const char *paging_virtual_hint(const struct ptw_regime *r, uint64_t value);

#endif
