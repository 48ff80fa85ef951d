#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Cubes open in h5py, xarray, casacore and astropy with the axes and the header they should have.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
image 2 small sim:chiles,time=0.002,channel=0.0002,image=0.1 --fits
"$PYTHON" "$IMGBENCH_SOURCE/tests/cli/open_cube.py" small.hdf5
"$PYTHON" "$IMGBENCH_SOURCE/tests/cli/open_cube.py" small.psf.hdf5
