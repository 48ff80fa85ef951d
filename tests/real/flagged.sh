#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# MeerKAT, everything flagged and mostly autocorrelations: a clear sentence and 65 instead of an image.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"
unpack awkward-meerkat-allflagged
refused 65 'usable|flagged' "$ms" --cell 60arcsec --imsize 256
refused 65 'usable|flagged' "$ms" --cell 60arcsec --imsize 256 --mode mfs
refused 65 'usable|flagged' "$ms"
