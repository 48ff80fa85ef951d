#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# Baseline-dependent averaging: rows of 1, 3, 4 and 8 channels, zero weights that are not flagged, an invalid frame.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack awkward-lofar-bda
dirty 2 mfs --cell 8arcsec --imsize 512 --mode mfs
compare mfs 'mfs-dirty / mfs-psf'
exit $bad
