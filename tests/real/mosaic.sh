#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# ALMA, 23 pointings as one image: against a direct evaluation, and against the reference images of its fields.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack alma-antennae-mosaic23
mosaic() {
    name=$1 ranks=$2
    shift 2
    on "$ranks" "$ms" --gridder mosaic --output "$name.hdf5" --record "" --quiet --cell 0.2arcsec --imsize 512 --stokes I \
        --stokes-weight min "$@" >"$name.log" 2>&1 || fail "imgbench $ms $*: $(cat "$name.log")"
}
check() {
    # shellcheck disable=SC2086 # words
    "$PYTHON" "$IMGBENCH_SOURCE/tests/real/mosaic.py" "$ms" "$1" "$2" "$IMGBENCH_DATA/$dataset/reference" $3 || bad=1
}
mosaic whole 1
check whole physical "$(seq 0 22)"
mosaic five 1 --beam gaussian --field 0,7,11,16,22
check five gaussian "0 7 11 16 22" # those with a reference
exit $bad
