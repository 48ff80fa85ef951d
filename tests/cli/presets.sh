#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every simulated observation can be imaged, one field of it, at a small scale; what is promised is measured.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
made=
scale=time=0.02,channel=0.004,image=0.2,noise=0
for preset in $("$IMGBENCH" help inputs | tr -cs 'a-z0-9-' '\n' | sed -n '/^presets$/,/^keys$/p' | grep -v -e '^presets$' -e '^keys$' -e '^and$'); do
    image 1 "$preset" "sim:$preset,$scale" --field 0 --mode mfs
    grep -q '^RESULT valid' "$preset.log" || fail "$preset: $(tail -1 "$preset.log")"
    made="$made $preset"
done
echo "imaged$made"
[ "$(echo "$made" | wc -w)" = 10 ] || fail "there are other presets than ten:$made"

# Mosaics as one image, too; what is compared lies where their beams see.
for mosaic in aca-9eb,times=20,channels=2 aca-141,times=141,channels=2 alma-mos,times=30,channels=2,baseline=0.1,image=0.6 hetero,times=21,channels=8; do
    image 1 mosaic "sim:$mosaic,noise=0" --gridder mosaic --mode mfs --overwrite
    grep -q '^RESULT valid' mosaic.log || fail "$mosaic: $(tail -1 mosaic.log)"
done
