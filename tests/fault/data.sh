#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Data without a usable sample end in a clear error; channels without one are blank planes, counted.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
sim=sim:point,times=2,baselines=15,channels=4,imsize=32

refused 65 'flagged' $sim,flagged=1
refused 65 'flagged' $sim,flagged_rows=1
refused 65 'flagged' --mode mfs $sim,flagged_channels=1

# Half of the samples flagged, with NaN beneath: nothing of it reaches the image, and the counts add up.
on 2 --stokes corr $sim,flagged=0.5,nan=yes --output half.hdf5 --record "" --quiet --format json >half.json || fail "half.json"
"$PYTHON" - <<'P' || exit 1
import json, h5py, numpy
counts = json.load(open("half.json"))["counts"]
parts = [n for key, n in counts.items() if key != "read"]
assert counts["read"] == sum(parts), counts
assert counts["flagged"] > 0.3 * counts["read"] and counts["gridded"] > 0.3 * counts["read"], counts
assert numpy.isfinite(h5py.File("half.hdf5")["/0/DATA"]).all()
P
