#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The layout of the sources is what .clang-format says.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
command -v clang-format-14 >/dev/null || skip "clang-format-14 is not installed"
make -C "$IMGBENCH_SOURCE" --no-print-directory format-check
