#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# Ranks that read rows and exchange channels get the bits of ranks that read channels, whatever the tiles of the file and the
# passes that memory makes of it; and a table whose tiles hold all channels is read about once.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache" OMP_NUM_THREADS=2

# turns NAME RANKS OPTIONS...: by corner turns the same bytes as NAME.
turns() {
    reference=$1 split=$2
    shift 2
    image "$split" again --read corner "$@"
    sed -n "s/^read  *\(.*B\/s.*corner turn.*\)/$reference on $split ranks: \1/p" again.log | grep . ||
        fail "no corner turn: $(cat again.log)"
    for cube in "$reference".*hdf5; do
        same "$cube" "again${cube#"$reference"}"
        rm "again${cube#"$reference"}"
    done
}

# several: the last run had more than one pass.
several() {
    grep -Eq '; ([2-9]|[1-9][0-9]+) corner turns' again.log || fail "all of it at once"
}

# least OPTIONS...: the least memory, in MiB, that a run may have.
least() {
    on 2 --record "" --plan --memory 64MiB --read slices "$@" >least.log 2>&1 && echo 64 && return
    sed -n 's/.* \([0-9]*\) MiB would do.*/\1/p' least.log
}

# little RANKS OPTIONS...: little more than their corner turns need.
little() {
    memory=64 ranks_of=$1
    shift
    until on "$ranks_of" --record "" --plan --memory "${memory}MiB" --read corner "$@" >least.log 2>&1; do
        memory=$((memory + 3))
        [ "$memory" -lt 400 ] || fail "no memory is enough: $(cat least.log)"
    done
    echo $((memory + 4))MiB
}

# Every way through the imager, at once and in passes.
sim=sim:point,times=1000,baselines=45,channels=14,imsize=64,sources=4,noise=0.5,flagged=0.1,flagged_channels=0.15
for run in "cube --stokes corr --bin 3" "briggs --weighting briggs --density all" "mfs --mode mfs --weighting uniform" \
    "frame --frame lsrk" "mosaic --gridder mosaic --mode mfs"; do
    way=${run%% *}
    input=$sim
    [ "$way" != frame ] || input=sim:point,times=3,baselines=45,channels=14,imsize=64,hours=9,width=20kHz
    [ "$way" != mosaic ] || input=sim:aca-9eb,times=20,channels=5,imsize=96,cell=3arcsec
    # shellcheck disable=SC2086 # words
    image 1 "$way" --read slices $input ${run#* }
    # shellcheck disable=SC2086 # words
    turns "$way" 3 $input ${run#* }
    if [ "$input" = "$sim" ]; then
        # shellcheck disable=SC2086 # words
        turns "$way" 1 $input ${run#* } --memory "$(little 1 $input ${run#* })"
        [ "$way" != cube ] || several
    fi
done

# Tiles of a few channels, of all channels, none at all; files of whole rows.
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_tiles.py" few.ms 256 40 8 100
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_tiles.py" all.ms 512 120 512 16
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_tiles.py" none.ms 64 10 0 0
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_uvfits.py" wide.fits wide
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_uvfits.py" bands.fits bands
size="--imsize 32 --cell 20arcsec --no-psf --no-check"
for input in few.ms all.ms none.ms wide.fits bands.fits; do
    # shellcheck disable=SC2086 # words
    image 1 "$input" --read slices $input $size
    for ranks in 1 2 3; do
        # shellcheck disable=SC2086 # words
        turns $input $ranks $input $size --memory "$(little $ranks $size all.ms)"
        [ "$input$ranks" != all.ms1 ] || several
    done
done

# The plan tells which way and why; what the system reads then is what it told, and a little for the rows.
plan() {
    # shellcheck disable=SC2086 # words
    on "$1" --record "" --plan $size "$2" >plan.log 2>&1
    sed -n '/^  reading/p; /^  bytes/p' plan.log
    grep -q "^  reading   $3 (tiles have" plan.log || fail "$2 on $1 ranks: not $3: $(cat plan.log)"
}
plan 3 all.ms 'corner turn'
grep -Eq 'needed = 1[, ]' plan.log || fail "more than once"
plan 3 few.ms slices
plan 1 all.ms slices
# shellcheck disable=SC2086 # words
image 3 once $size all.ms
# shellcheck disable=SC2086 # words
image 3 thrice $size all.ms --read slices
same once.hdf5 thrice.hdf5
once=$(sed -n 's/.* files, \([0-9.]*\) times.*/\1/p' once.log)
thrice=$(sed -n 's/.* files, \([0-9.]*\) times.*/\1/p' thrice.log)
awk "BEGIN { exit !($once < 1.25 && $thrice > 2.9) }" || fail "$once times by a corner turn, $thrice by slices"

# What one rank cannot read ends all of them.
truncate -s 1000000 all.ms/table.f0_TSM1
# shellcheck disable=SC2086 # words
refused 65 'read .*all.ms.*DATA' --read corner $size all.ms

# No room for a single channel: said, not tried.
big="--no-psf --imsize 32 sim:point,times=4000,baselines=351,channels=2"
# shellcheck disable=SC2086 # words
refused 71 'enough to hold a channel' --read corner $big --memory "$(least $big)MiB"
