#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# VLA, 64 topocentric channels, imaged in other frames and on other channels: against a numpy script that converts, regrids
# and sums directly; where casacore has its tables of measures, its factors too.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack vla-j1008-64ch
for arguments in "--frame lsrk" "--frame bary --frame-rule nearest" "--frame geo --frame-grid 36.308GHz,-50kHz,40"; do
    # shellcheck disable=SC2086 # lists of words
    one 2 cube $double --cell 0.4arcsec --imsize 256 $arguments
    # shellcheck disable=SC2086
    "$PYTHON" "$IMGBENCH_SOURCE/tests/real/frames.py" "$ms" cube $arguments || bad=1
    # shellcheck disable=SC2086
    one 1 again $double --cell 0.4arcsec --imsize 256 $arguments --memory 400MiB --chunks 3
    same cube.hdf5 again.hdf5
    rm cube.* again.*
done
exit $bad
