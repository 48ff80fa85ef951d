#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# UVFITS of two VLBI arrays, where w does not matter: VLBA, two IFs, a date in two parameters; EHT, a nameless axis, an
# equinox of letters, infinite weights of the cross hands, cells of micro-arcseconds.
. "${IMGBENCH_SOURCE:?}/tests/real/common.sh"

# find_uvfits DATASET: $ms is the path.
find_uvfits() {
    dataset=$1
    [ -d "$IMGBENCH_DATA/$dataset" ] || skip "no $dataset in $IMGBENCH_DATA (IMGBENCH_DATA says where the observations are)"
    ms=$(ls "$IMGBENCH_DATA/$dataset"/*.uvfits)
}

find_uvfits vlba-m87-8ghz-2if
dirty 2 vlba --mode mfs --cell 0.2mas --imsize 256
compare vlba 'mfs-dirty / mfs-psf'

find_uvfits eht-m87-2017-101-lo
dirty 1 eht --mode mfs --cell 3uas --imsize 128
compare eht 'mfs-dirty / mfs-psf'
dirty 1 eht-plain --cell 3uas # whatever is chosen for the rest
# Thousands of samples on few cells, most of the flux on the shortest baseline: single precision keeps its promise.
one 1 eht-narrow --mode mfs --cell 3uas --imsize 128 --support 8
one 1 eht-epsilon --mode mfs --cell 3uas --imsize 128 --epsilon 1e-4
exit $bad
