#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 200
# Native visibilities that are cut short, contradict themselves or hold nothing of use.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$IMGBENCH" simulate sim:point,times=3,baselines=15,channels=4,imsize=32 -o good.hdf5 >simulate.log 2>&1 ||
    fail "$(cat simulate.log)"
image 1 good-cube good.hdf5

# The same file, spoilt in one way each.
"$PYTHON" "$IMGBENCH_SOURCE/tests/fault/spoil.py" good.hdf5
for bad in spoilt-*.hdf5; do
    refused 65 "$bad|no usable sample" "$bad"
done

# An image is not visibilities.
refused 65 'good-cube' good-cube.hdf5

# Half a file, a few bytes, all but one.
size=$(stat -c %s good.hdf5)
for n in 0 1 7 512 $((size / 2)) $((size - 1)); do
    head -c "$n" good.hdf5 >cut.hdf5
    refused 65 'cut\.hdf5' cut.hdf5
done
