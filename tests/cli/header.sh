#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The public header compiles alone, without a warning, as C11 and as C++11.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
echo '#include "imgbench.h"' >alone.c
cp alone.c alone.cc
flags="-Wall -Wextra -Werror -I $IMGBENCH_SOURCE/include $(pkg-config --cflags ompi-c | sed 's/-I/-isystem /g')"
# shellcheck disable=SC2086 # flags are words
cc -std=c11 -Wpedantic -fsyntax-only $flags alone.c || fail "C11"
# shellcheck disable=SC2086
c++ -std=c++11 -DOMPI_SKIP_MPICXX -fsyntax-only $flags alone.cc || fail "C++11"
