#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Tests must not vanish unnoticed: at least as many are registered as tests/count.txt says.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
want=$(cat "$IMGBENCH_SOURCE/tests/count.txt")
got=$(ctest --test-dir "$IMGBENCH_BUILD" -N | sed -n 's/^Total Tests: //p')
echo "$got tests are registered, tests/count.txt promises $want"
[ "$got" -ge "$want" ] || fail "tests are missing; if that is meant, change tests/count.txt"
