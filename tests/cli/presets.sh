#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every simulated observation can be imaged, one field of it, at a small scale; what they promise is measured.
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
