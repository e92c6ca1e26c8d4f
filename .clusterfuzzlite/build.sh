#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The targets are built as OSS-Fuzz builds them.
set -eu
exec bash "$SRC/ptwalk/oss-fuzz/build.sh"
