#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# --version names the version, the commit, the compiler and the libraries.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$IMGBENCH" --version >version.txt
for word in '^imgbench [0-9]' '^commit  *[0-9a-f]\{40\}\|^commit  *unknown' '^compiler ' '^MPI ' '^FFTW ' '^HDF5 '; do
    grep -q "$word" version.txt || fail "no $word in: $(cat version.txt)"
done
rc=0
"$IMGBENCH" --version >/dev/full 2>err.txt || rc=$?
[ "$rc" = 74 ] || fail "a full standard output ended with $rc"
