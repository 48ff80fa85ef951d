#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# --phasecenter: the same sky, seen from another centre; several fields meet at one.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"

sim=sim:aca-9eb,times=40,channels=1
image 1 own "$sim" --field 0
# 16 pixels north and 8 east of the field, and where the brightest pixels went: w, which images leave out, turns phases by less
# than 2e-3 rad here.
centre=$("$PYTHON" -c '
import h5py
from math import cos, radians
h = h5py.File("own.hdf5")["0"].attrs
dec = h["CRVAL2"] + 16 * h["CDELT2"]
print(repr(h["CRVAL1"] + 8 * -h["CDELT1"] / cos(radians(dec))) + "deg", repr(dec) + "deg")')
image 1 moved "$sim" --field 0 --phasecenter "$centre"
"$PYTHON" -c '
import h5py
import numpy as np
a, b = (h5py.File(n)["0/DATA"][0, 0] for n in ("own.hdf5", "moved.hdf5"))
off = np.abs(a[16:, :-8] - b[:-16, 8:]).max() / np.abs(a).max()
print(off)
raise SystemExit(bool(off > 1e-2))' || fail "the image did not move as its centre did"

image 1 all "$sim" --phasecenter 0
if on 1 "$sim" -o none.hdf5 --record "" --quiet >none.log 2>&1; then fail "fields of different centres were imaged as one"; fi
grep -q "phasecenter" none.log || fail "no way out is named: $(cat none.log)"
if on 1 "$sim" -o none.hdf5 --record "" --quiet --phasecenter nowhere >none.log 2>&1; then fail "nowhere was taken"; fi
grep -q "neither a direction" none.log || fail "$(cat none.log)"
