/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the headers, and that of the library. */
#ifndef PTWALK_VERSION_H
#define PTWALK_VERSION_H

#include "ptwalk/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers: as a text, in parts, and as one number that
 * grows with it, for #if. */
#define PTW_VERSION       "0.2.0"
#define PTW_VERSION_MAJOR 0
#define PTW_VERSION_MINOR 2
#define PTW_VERSION_PATCH 0
#define PTW_VERSION_NUMBER                                                     \
    (PTW_VERSION_MAJOR * 10000 + PTW_VERSION_MINOR * 100 + PTW_VERSION_PATCH)

/* ptw_version returns PTW_VERSION_NUMBER as it was when the library was
 * compiled, and ptw_version_text PTW_VERSION (static).  The headers fit a
 * library of the same major and minor version; from 1.0 on, one of the same
 * major version that is not older. */
PTW_API unsigned ptw_version(void);
PTW_API const char *ptw_version_text(void);

#ifdef __cplusplus
}
#endif

#endif
