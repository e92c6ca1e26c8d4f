/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VMWARE_H
#define CLI_VMWARE_H

#include "dump.h"

/* vmware_read reads the state of a VMware machine, .vmss or .vmsn.  Where its
 * memory is not in it, *beside is set: the segments then lie in the .vmem, which
 * vmware_fit cuts to that many bytes.  false: d->why. */
bool vmware_read(const struct reader *r, struct dump *d, bool *beside);
bool vmware_fit(struct dump *d, uint64_t bytes);

#endif
