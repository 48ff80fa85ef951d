#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# ALMA, three spectral windows in descending frequency, half of the rows flagged with weight, SIGMA and data zero.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack alma-hd142527-b9-3spw
dirty 2 mfs --cell 0.08arcsec --imsize 256 --mode mfs
compare mfs 'mfs-dirty / mfs-psf (all spws)'
for spw in 0 1 2; do
    dirty 1 "spw$spw" --cell 0.08arcsec --imsize 256 --spw "$spw"
    compare "spw$spw" "spw$spw-dirty / spw$spw-psf" spw="$spw"
done
exit $bad
