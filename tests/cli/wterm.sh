#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The w-term is imaged where its phase exceeds 0.1 rad and nobody said otherwise; plan, summary and cube say what was done.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache"

# What the option became, from a cube's parameters.
wterm() {
    "$PYTHON" -c 'import h5py, sys; print(h5py.File(sys.argv[1])["/0/Provenance"].attrs["wterm"].decode())' "$1"
}

near=sim:point,times=2,baselines=45,channels=2,imsize=64,noise=0
far="$near,cell=0.5deg,freq=10MHz,width=10kHz"

image 1 near "$near"
grep -q '^w phase .*terms\?' near.log && fail "w was imaged where it does not matter: $(grep 'w phase' near.log)"
[ "$(wterm near.hdf5)" = none ] || fail "a cube without w says $(wterm near.hdf5)"
image 2 far "$far"
grep -Eq '^w phase .*: [0-9]+ terms? in [0-9]+ slabs? of w' far.log || fail "w was not imaged: $(grep 'w phase' far.log)"
[ "$(wterm far.hdf5)" = stack ] || fail "a cube with w says $(wterm far.hdf5)"
image 1 asked "$near" --wterm stack
[ "$(wterm asked.hdf5)" = stack ] || fail "--wterm stack became $(wterm asked.hdf5)"
image 1 refused "$far" --wterm none
grep -q '^w phase .*--wterm stack' refused.log || fail "no warning: $(grep 'w phase' refused.log)"
on 1 "$far" --plan --record "" | grep -Eq 'w term .*terms?, .*slabs? of w, .*passe?s?; error' || fail "the plan does not show w"

# An accuracy that is asked for is kept with w, too: measured in the run.
image 1 fine "$far" --epsilon 1e-5
image 1 finest "$far" --epsilon 1e-7 --precision double
refused 2 'none of' "$far" --wterm perhaps
refused 69 'wterm stack with --gridder mosaic' sim:aca-9eb,times=20,channels=2,imsize=64,cell=3arcsec --gridder mosaic --wterm stack
mosaic=sim:point,pointings=2,beam=physical,times=2,baselines=45,channels=2,imsize=64,noise=0
refused 69 'neglects w, whose phase reaches' $mosaic --gridder mosaic
image 1 mosaic $mosaic --gridder mosaic --wterm none
grep '^w phase .*far from the pointings' mosaic.log || fail "no warning: $(grep 'w phase' mosaic.log)"
