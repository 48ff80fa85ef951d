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
# VLBI concentrates its samples on few cells, whose rounding single precision pays for where the correction is large:
# twice the image is enough.
single="--precision single --support 8 --padding 2"

find_uvfits vlba-m87-8ghz-2if
size="--mode mfs --cell 0.2mas --imsize 256"
# shellcheck disable=SC2086 # $size is words
dirty 2 vlba $size
compare vlba 'mfs-dirty / mfs-psf' within=1e-6
# shellcheck disable=SC2086
dirty 1 vlba-single $size $single
compare vlba-single 'mfs-dirty / mfs-psf' within=1e-5

find_uvfits eht-m87-2017-101-lo
size="--mode mfs --cell 3uas --imsize 128"
# shellcheck disable=SC2086
dirty 1 eht $size
compare eht 'mfs-dirty / mfs-psf' within=1e-6
# shellcheck disable=SC2086
dirty 1 eht-single $size $single
compare eht-single 'mfs-dirty / mfs-psf' within=1e-5
dirty 1 eht-plain --cell 3uas # whatever is chosen for the rest
exit $bad
