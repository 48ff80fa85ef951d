#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# LOFAR, two data columns, no SOURCE table, long w. The calibrated column is taken by default, and that is said.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack lofar-3c48-8ch
dirty 2 mfs --cell 8arcsec --imsize 512 --mode mfs
grep -q CORRECTED_DATA mfs.err mfs.json || fail "the column was chosen in silence"
compare mfs 'mfs-dirty / mfs-psf' column=CORRECTED_DATA
dirty 2 raw --cell 8arcsec --imsize 512 --mode mfs --column DATA
cmp -s mfs.hdf5 raw.hdf5 && fail "--column DATA made the same image"
exit $bad
