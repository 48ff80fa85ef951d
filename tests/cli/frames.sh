#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Spectral frames from outside: the same pixels from a simulation and from its file, those of the input where no frame
# changes, every sample accounted for, headers that name the frame, and a sentence where the input does not tell enough.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
input=sim:point,times=6,hours=9,baselines=45,channels=12,width=20kHz,imsize=48,noise=0.5,flagged=0.05,nan=yes
"$IMGBENCH" simulate $input -o vis.hdf5 >simulate.log 2>&1 || fail "$(cat simulate.log)"
image 1 as-is $input
image 1 topo vis.hdf5 --frame topo
image 1 lsrk $input --frame lsrk --fits --format json
image 2 file vis.hdf5 --frame lsrk
image 1 grid $input --frame-grid 1.40002GHz,20kHz,9 --frame-rule nearest
"$PYTHON" - <<'P' || exit 1
import json

import h5py
import numpy as np
from astropy.io import fits

image = {name: h5py.File(name + ".hdf5")["/0/DATA"][:] for name in ("as-is", "topo", "lsrk", "file", "grid")}
attrs = {name: dict(h5py.File(name + ".hdf5")["/0"].attrs) for name in image}
assert np.array_equal(image["as-is"], image["topo"]), "the frame of the input is not the identity"
assert np.array_equal(image["lsrk"], image["file"], equal_nan=True), "a file tells other times than the simulation"
assert np.array_equal(image["as-is"][:, 1:10], image["grid"]), "channels of the input are not the identity"
assert not np.array_equal(image["as-is"], image["lsrk"])
for name, frame in (("as-is", b"TOPOCENT"), ("topo", b"TOPOCENT"), ("lsrk", b"LSRK"), ("grid", b"TOPOCENT")):
    assert attrs[name]["SPECSYS"] == frame, (name, attrs[name]["SPECSYS"])
header = fits.getheader("lsrk.fits")
assert header["SPECSYS"] == "LSRK", header["SPECSYS"]
shift = abs(header["CRVAL3"] / 1.4e9 - 1) * 299792.458
print("shift of the first channel: %.1f km/s" % shift)
assert 0.1 < shift < 51  # Earth around the sun and sun against its neighbours, km/s
with open("lsrk.log", encoding="utf-8") as log:
    text = log.read()
counts = json.loads(text[text.index("{"):])["counts"]
print(counts)
assert counts["read"] == sum(counts.values()) - counts["read"] == 6 * 45 * 12
assert counts["flagged"] > 0.05 * counts["read"]
with h5py.File("vis.hdf5", "r+") as f:
    del f["spw0/time"]
P
refused 65 'does not tell the time' vis.hdf5 --frame lsrk
image 1 old vis.hdf5
refused 2 'START,WIDTH,N' $input --frame-grid 1.4GHz
refused 2 'meet none' $input --frame-grid 1.5GHz,20kHz,9
refused 2 'frame' $input --frame sirius

# A line of 2 Jy at rest in LSRK drifts by a dozen channels of the array over a track of 9 hours, twice its width of 5: it is
# smeared there, and whole in the channels of its frame.
line=sim:point,times=12,hours=9,baselines=45,freq=1.42GHz,width=200Hz,channels=64,imsize=48,sources=1,flux=0,w=no
line=$line,frame=lsrk,line=2:1419882057Hz:1kHz
for frame in topo lsrk; do
    image 1 "line-$frame" "$line" --frame $frame
done
"$PYTHON" - <<'P' || exit 1
import h5py
import numpy as np

# Interpolation between channels h apart takes up to h^2/8 |f''| off a peak, of which |f''| = 8 ln 2 / FWHM^2: 2.8 %; the
# nearest channel's centre is h/2 off at most, 2.8 % more; gridding is good to 1e-3.
lost = np.log(2) / 5**2
for frame in ("topo", "lsrk"):
    cube = h5py.File("line-%s.hdf5" % frame)["/0"]
    peaks = np.nan_to_num(np.abs(cube["DATA"][0])).max((1, 2))
    at = peaks.argmax()
    print(frame, at, cube["frequency"][at], peaks[at])
    if frame == "topo":
        assert peaks[at] < 1
    else:
        assert abs(cube["frequency"][at] - 1419882057) <= 100 and 2 * (1 - 2 * lost) - 1e-3 < peaks[at] < 2 + 1e-3
P
