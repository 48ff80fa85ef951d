#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A source of 1 Jy at l = +140 arcsec, m = +80 arcsec lies 7 pixels of 20 arcsec left of the centre and 4 above it, in
# every order of reading: MeasurementSet, simulated, native visibilities.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" point.ms point
image 1 odd point.ms --cell 20arcsec --imsize 75,63 --precision double --support 12 --oversampling 1000
image 1 even point.ms --cell 20arcsec --imsize 64,80 --precision double --support 12 --oversampling 1000
"$PYTHON" - <<'P' || exit 1
import h5py

# The source has n - 1 = -3e-7 and w at most 4 m: its phase error is 2e-5 rad, which costs nothing here. The rest is
# gridding, 1e-6 rms of U = 1 / sqrt(2 x 60) per plane, ten times that at most.
for name, nx, ny in (("odd", 75, 63), ("even", 64, 80)):
    cube = h5py.File(name + ".hdf5")["/0/DATA"]
    psf = h5py.File(name + ".psf.hdf5")["/0/DATA"]
    assert cube.shape == (1, 3, ny, nx), cube.shape
    for chan in range(3):
        value, centre = cube[0, chan, ny // 2 + 4, nx // 2 - 7], psf[0, chan, ny // 2, nx // 2]
        print(name, chan, value, centre)
        assert abs(value - 1) < 1e-5 and abs(centre - 1) < 1e-5
        assert value >= cube[0, chan].max() - 1e-5
P
