#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 400
# A run that was killed at any of its file operations goes on with another number of ranks, images no finished channel again,
# and leaves the bytes of a run that nobody disturbed. $IMGBENCH_EVERY: strike at every so many operations (1: all).
# control.sh runs the first part with strikes, programs and flushes of its own.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
strike=$IMGBENCH_BUILD/tests/libstrike.so
[ -e "$strike" ] || fail "no $strike"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers do not like to be preloaded after"
sim=sim:point,times=2,baselines=10,channels=6,imsize=96
export IMGBENCH_FLUSH_S=0 OMPI_MCA_odls_base_sigkill_timeout=0 # mpirun waits for nobody

# struck N NTH HOW RANK ARGUMENTS...: a run that is struck; its end does not matter.
struck() {
    n=$1 nth=$2 how=$3 rank=$4
    shift 4
    rm -rf attic
    mkdir attic
    timeout -k 5 60 "$MPIEXEC" -n "$n" -x STRIKE_ATTIC="$PWD/attic" -x STRIKE_CHEAT="${CHEAT-}" -x LD_PRELOAD="$strike" -x STRIKE_AT="${at-cube}" -x STRIKE_NTH="$nth" -x STRIKE_HOW="$how" \
        -x STRIKE_RANK="$rank" -x STRIKE_COUNT="$PWD/count" "$IMGBENCH" "$sim" --fits --output cube.hdf5 --record "" --quiet "$@" \
        >struck.log 2>&1 && return
    rc=$?
    let_go cube.hdf5
    return $rc
}

# Under another name, so that the names inside are the same: nothing of them is in a cube.
image 1 whole "$sim" --fits
struck 2 0 kill 0 || fail "undisturbed: $(cat struck.log)"
same whole.hdf5 cube.hdf5
same whole.psf.hdf5 cube.psf.hdf5
same whole.fits cube.fits
operations=$(cat count)
echo "$operations operations of rank 0"
[ "$operations" -gt 30 ] || fail "that is too few: does the preloaded library see them?"

every=${IMGBENCH_EVERY:-$((operations / 5))}
done_once=0
for how in ${HOWS-kill half full}; do
    for rank in ${RANKS-0 1}; do
        for nth in ${STRIKES-$(seq 1 "$every" "$operations")}; do
            rm -rf cube* ./.cube* count
            struck 2 "$nth" $how $rank && [ -e cube.hdf5 ] && [ ! -e cube.hdf5.run ] && continue # it had come to an end
            # What has its final name is whole.
            for name in cube.hdf5 cube.psf.hdf5 cube.fits cube.psf.fits; do
                [ ! -e $name ] || same whole${name#cube} $name
            done
            ranks=$((nth % 3 + 1))
            on $ranks "$sim" --fits --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || {
                grep -q 'is whole: there is nothing to resume' again.log ||
                    fail "$how at $nth of rank $rank: resumed with $ranks ranks: $(cat struck.log again.log)"
            }
            for name in .hdf5 .psf.hdf5 .fits .psf.fits; do
                [ -e cube$name ] || fail "$how at $nth of rank $rank, resumed with $ranks ranks: no cube$name: $(cat struck.log again.log; ls)"
                same whole$name cube$name
            done
            [ ! -e cube.hdf5.run ] || fail "$how at $nth of rank $rank: $(ls cube.hdf5.run) is left"
            lies='damaged|not what was written'
            [ $how != power ] || lies='not what was written' # what was appended may be torn anywhere
            grep -Eq "$lies" again.log && fail "$how at $nth of rank $rank: $(cat again.log)"
            grep -q 'resumes: [1-6] of 6' again.log && done_once=$((done_once + 1))
        done
    done
done
echo "$done_once runs went on with finished channels"
[ -z "${STRIKES+given}" ] || exit 0
[ "$done_once" -gt 3 ] || fail "hardly any run had finished channels to go on with"

# A name that is refused at the end costs nothing: the next start gives it.
for at in cube.psf.fits cube.fits; do
    export IMGBENCH_FLUSH_S=100 # the same operations every time
    rm -rf cube*
    struck 2 0 kill 0 || fail "undisturbed: $(cat struck.log)"
    last=$(cat count)
    while :; do
        rm -rf cube*
        struck 2 "$last" broken 0 || :
        grep -q "rename $at.partial to $at: " struck.log && break
        last=$((last - 1))
        [ "$last" -gt 10 ] || fail "no rename of $at"
    done
    grep -q '6 of 6 channels are finished and kept' struck.log || fail "$at: $(cat struck.log)"
    on 1 "$sim" --fits --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || :
    grep -q 'is whole: there is nothing to resume' again.log || fail "$at: $(cat again.log)"
    for name in .hdf5 .psf.hdf5 .fits .psf.fits; do
        same whole$name cube$name
    done
    [ ! -e cube.hdf5.run ] || fail "$at: $(ls cube.hdf5.run) is left"
done
unset at
export IMGBENCH_FLUSH_S=0

# What is on the disk is compared with what was computed: a changed pixel is imaged again, a changed journal not believed.
begin() { # ARGUMENTS...: leaves a run with a finished channel, whichever was first
    for back in 100 80 60 50 40 30 20; do
        rm -rf cube*
        struck 1 "$((alone - back))" kill 0 "$@" && fail "not struck"
        [ -s cube.hdf5.run/journal.1.0 ] && [ ! -e cube.hdf5.run/complete ] && return
    done
    fail "no moment between the first record and the end"
}
rm -rf cube*
struck 1 0 kill 0 || fail "undisturbed: $(cat struck.log)"
alone=$(cat count)
begin
"$PYTHON" -c '
import h5py
f = h5py.File("cube.hdf5.partial", "r+")
f["0/DATA"][:, :, 7, 9] += 1
'
on 2 "$sim" --fits --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || fail "after damage: $(cat again.log)"
grep -q '[1-6] channels on the disk are not what was written' again.log || fail "damage was not seen: $(cat again.log)"
same whole.hdf5 cube.hdf5

begin
for journal in cube.hdf5.run/journal.*; do
    printf 'x' | dd of="$journal" bs=1 seek=100 conv=notrunc 2>/dev/null
done
on 1 "$sim" --fits --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || fail "after damage: $(cat again.log)"
same whole.hdf5 cube.hdf5

# Weights that depend on all samples depend on those of finished channels, too, on any number of ranks.
weights='--weighting briggs --density all'
# shellcheck disable=SC2086 # words
image 1 weighed "$sim" --fits $weights
for split in "1 slices" "2 slices" "3 corner"; do
    # shellcheck disable=SC2086 # words
    begin $weights
    # shellcheck disable=SC2086 # words
    on "${split% *}" "$sim" --fits --output cube.hdf5 --record "" --quiet --resume --read "${split#* }" $weights >again.log 2>&1 ||
        fail "weights of all channels: $(cat again.log)"
    grep -q 'resumes: [1-6] of 6' again.log || fail "weights: nothing was finished: $(cat again.log)"
    same weighed.hdf5 cube.hdf5
done

# A whole cube is compared with its checksums by everyone.
"$IMGBENCH" verify cube.hdf5 cube.psf.hdf5 | grep -c ': 6 planes are what was written' | grep -qx 2 || fail "verify of whole cubes"
"$PYTHON" -c '
import h5py
f = h5py.File("cube.psf.hdf5", "r+")
f["0/DATA"][0, 5, 1, 2] = 7
'
status=0
"$IMGBENCH" verify cube.hdf5 cube.psf.hdf5 >verify.out 2>&1 || status=$?
[ $status = 65 ] && grep -q 'channel 5, plane 0 is not what was written' verify.out || fail "verify: $status $(cat verify.out)"

# Another run is not taken for the same; without a word about it, nothing that is finished is thrown away.
begin
refused 2 'support was 7 and is 9' "$sim" --fits --output cube.hdf5 --resume --support 9
refused 2 'resume.*overwrite' "$sim" --fits --output cube.hdf5
refused 2 'input was sim:.* and is sim:' "$sim,seed=5" --fits --output cube.hdf5 --resume
printf 'x' | dd of=cube.hdf5.run/header bs=1 seek=50 conv=notrunc 2>/dev/null
refused 65 'header is damaged' "$sim" --fits --output cube.hdf5 --resume
image 2 cube "$sim" --fits --overwrite
same whole.hdf5 cube.hdf5
begin
image 1 cube "$sim" --overwrite # what the earlier start had beside it goes, too
[ -z "$(find . -name '*.partial')" ] || fail "left: $(find . -name '*.partial')"
refused 2 'mfs.*no finished part' "$sim" --mode mfs --output other.hdf5 --resume
