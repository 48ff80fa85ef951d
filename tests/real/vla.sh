#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# VLA, 64 channels, circular feeds, an antenna without diameter.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack vla-j1008-64ch
dirty 2 mfs --cell 0.4arcsec --imsize 256 --mode mfs
compare mfs 'mfs-dirty / mfs-psf'
dirty 2 cube --cell 0.4arcsec --imsize 256
for chan in 0 21 42 63; do
    compare cube "chan00$(printf %02d $chan)-dirty" channel=$chan
done
exit $bad
