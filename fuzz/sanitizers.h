/* SPDX-License-Identifier: Apache-2.0 */
/* Which sanitizer a file is compiled under: FZ_ASAN, FZ_MSAN, and what the harness
 * tells it. */
#ifndef FZ_SANITIZERS_H
#define FZ_SANITIZERS_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FZ_ASAN
#endif
#if __has_feature(memory_sanitizer)
#define FZ_MSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(FZ_ASAN)
#define FZ_ASAN
#endif

#ifdef FZ_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef FZ_MSAN
#include <sanitizer/msan_interface.h>
#endif

#endif
