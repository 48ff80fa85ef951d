#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# HERA, 64 degrees across, 101 channels of which three are flagged whole: their planes are blank.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack hera-zenith-101ch
dirty 2 mfs --cell 900arcsec --imsize 256 --mode mfs
compare mfs 'mfs-dirty / mfs-psf'
dirty 2 cube --cell 900arcsec --imsize 256
for chan in 0 50 100; do
    compare cube "chan0$(printf %03d $chan)-dirty" channel=$chan
done
"$PYTHON" - <<'P' || bad=1
import h5py, numpy
cube = h5py.File("cube.hdf5")["/0/DATA"]
blank = [chan for chan in range(cube.shape[1]) if numpy.isnan(cube[0, chan]).any()]
assert blank == [11, 51, 88], blank
assert all(numpy.isnan(cube[0, chan]).all() for chan in blank)
P
exit $bad
