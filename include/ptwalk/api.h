/* SPDX-License-Identifier: Apache-2.0 */
/* What the declarations of the library carry. */
#ifndef PTWALK_API_H
#define PTWALK_API_H

/* PTW_API marks what a shared library exports: each public function and
 * object, and nothing else.  PTW_NODISCARD is said of a function whose answer
 * must be looked at, PTW_NORETURN of one that does not return. */
#if defined(__GNUC__)
#define PTW_API       __attribute__((visibility("default")))
#define PTW_NODISCARD __attribute__((warn_unused_result))
#define PTW_NORETURN  __attribute__((noreturn))
#else
#define PTW_API
#define PTW_NODISCARD
#define PTW_NORETURN
#endif

#endif
