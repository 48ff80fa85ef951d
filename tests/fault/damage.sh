#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# Damage to any file of an input (cut, overwritten, changed bits) is refused or does no harm: no crash, no endless loop, no
# memory without end. $IMGBENCH_EVERY: every so many combinations of file and damage are tried (1: all).
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers have memory of their own"
damage() {
    input=$1 every=$2
    shift 2
    "$PYTHON" "$IMGBENCH_SOURCE/tests/fault/damage.py" "$input" "${IMGBENCH_EVERY:-$every}" "$@" || fail "$input"
}
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" point.ms point
damage point.ms 29 --cell 20arcsec --imsize 32
"$IMGBENCH" simulate sim:point,times=3,baselines=15,channels=4,imsize=32 -o vis.hdf5 --quiet >simulate.log 2>&1 || fail "$(cat simulate.log)"
damage vis.hdf5 2
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_uvfits.py" vis.uvfits point
damage vis.uvfits 2 --cell 20arcsec --imsize 32
