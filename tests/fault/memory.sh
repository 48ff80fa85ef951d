#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# Too little memory: refused with the least that would do, which then does the same; and when the allocator itself fails.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
sim=sim:point,times=1,baselines=6,channels=4,imsize=2048

refused 71 'memory' --memory 64MiB $sim
least=$(sed -n 's/.* \([0-9]*\) MiB would do.*/\1MiB/p' err.0)
[ -n "$least" ] || fail "no amount in: $(cat err.0)"
image 2 enough $sim --memory "$least" --no-check
image 2 plenty $sim --no-check
same enough.hdf5 plenty.hdf5
same enough.psf.hdf5 plenty.psf.hdf5
rm ./*.hdf5

# Allocations of a small run fail, on one rank of two: both end with 71, without a hang, a crash or a file, but perhaps with
# a channel that is finished.
sim=sim:point,times=1,baselines=3,channels=2,imsize=32
limit=20
for FAIL_ON in 0 1; do
    export FAIL_ON
    n=0 step=1
    while :; do
        IMGBENCH_FAIL_ALLOC=$n on_each 2 --output image.hdf5 --record "" --quiet $sim
        [ "$(cat code.0)" = "$(cat code.1)" ] || fail "allocation $n of rank $FAIL_ON: ended with $(cat code.*)"
        [ "$(cat code.0)" = 0 ] && break
        [ "$(cat code.0)" = 71 ] || fail "allocation $n of rank $FAIL_ON: ended with $(cat code.0): $(cat err.*)"
        if grep -q 'finished and kept' err.0; then # by the other rank
            IMGBENCH_FAIL_ALLOC=-1 on 1 --output image.hdf5 --record "" --quiet --resume $sim >again.log 2>&1 ||
                fail "allocation $n of rank $FAIL_ON: does not go on: $(cat again.log)"
            mv image.hdf5 resumed.hdf5
            rm image.psf.hdf5
        fi
        [ -z "$(find . -name '*image*')" ] || fail "allocation $n of rank $FAIL_ON left $(find . -name '*image*')"
        n=$((n + step))
        [ $n -lt 12 ] || step=3 # the first ones singly, then a sample
        [ $n -lt 1000 ] || fail "no end of allocations"
    done
    echo "$n allocations on rank $FAIL_ON"
    [ "$n" -gt 5 ] || fail "no allocation was made to fail"
    mv image.hdf5 "whole$FAIL_ON.hdf5"
    rm image.psf.hdf5
done
same whole0.hdf5 whole1.hdf5
[ ! -e resumed.hdf5 ] || same whole0.hdf5 resumed.hdf5
