#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# ALMA, 23 fields with phase centres of their own, some sharing a name; one channel.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack alma-antennae-mosaic23
for field in 0 7 16 22; do
    dirty 1 "field$field" --cell 0.2arcsec --imsize 256 --field "$field"
    compare "field$field" "field$(printf %02d $field)-dirty" field="$field"
done
dirty 1 field11 --cell 0.2arcsec --imsize 256 --field 11
compare field11 'field11-dirty / -psf' field=11
dirty 1 field9 --cell 0.2arcsec --imsize 256 --field 9
compare field9 'field09 (numbers only)' field=9
exit $bad
