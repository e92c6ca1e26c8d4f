#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the host says to wrong arguments, and when its output is lost.
# Usage: arguments.sh EXAMPLE_KVM_HOST
set -uo pipefail
host=$1
. "$(dirname "$0")/../../tests/check.sh"

# refused ARGS...: the usage line and nothing else, status 2.
refused()
{
    local complaint

    complaint=$(timeout 20 "$host" "$@" 2>&1)
    [ $? -eq 2 ] && [ "$(wc -l <<<"$complaint")" -eq 1 ] &&
        [[ $complaint == "usage: kvm-host "* ]]
}

check "no arguments" refused
check "no architecture" refused qemu
check "another machine" refused xen i686
check "another architecture" refused qemu riscv
check "too many" refused qemu i686 1 1
for rounds in -1 0 x '' ' 3' +3 3x 1.5 0x3 00 4294967296 18446744073709551617; do
    check "'$rounds' rounds" refused qemu i686 "$rounds"
done

# lost: status 1 though the guest was right; so too where it was skipped.
lost()
{
    timeout 200 "$host" qemu i686 1 >/dev/full
    [ $? -eq 1 ]
}
if [ -c /dev/full ]; then
    check "output to a full device" lost
fi

finish
