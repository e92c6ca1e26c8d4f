/* SPDX-License-Identifier: Apache-2.0 */
/* The table of how the library's structs lie in memory. */
#ifndef PTW_FUZZ_LAYOUTS_H
#define PTW_FUZZ_LAYOUTS_H

/* fz_check_layouts asks whether the table is whole, and says of each struct what
 * the compiler says. */
void fz_check_layouts(void);

#endif
