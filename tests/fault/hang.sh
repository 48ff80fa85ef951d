#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 200
# A rank that stops, and one that the system does not answer, end the run with one sentence and exit code 70; what was
# finished stays, and the run goes on to the bytes that nobody disturbed. A job that sleeps as a whole is not disturbed.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
strike=$IMGBENCH_BUILD/tests/libstrike.so
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers do not like to be preloaded after"
sim=sim:point,times=2,baselines=10,channels=6,imsize=96
export IMGBENCH_FLUSH_S=0 OMPI_MCA_odls_base_sigkill_timeout=0

# hung HOW RANK AT PATTERN: a run that hangs at the twelfth operation of a rank on files of that name.
hung() {
    rm -rf cube*
    status=0
    timeout -k 5 60 "$MPIEXEC" -n 3 -x LD_PRELOAD="$strike" -x STRIKE_AT="$3" -x STRIKE_NTH="${nth-12}" -x STRIKE_HOW="$1" -x STRIKE_RANK="$2" \
        "$IMGBENCH" $sim --output cube.hdf5 --record "" --quiet --hang-timeout 1.5 >hung.log 2>&1 || status=$?
    let_go cube.hdf5
    [ $status = 70 ] || fail "$1 of rank $2: ended with $status: $(cat hung.log)"
    [ "$(grep -c '^imgbench: ' hung.log)" = 1 ] || fail "$1 of rank $2: $(cat hung.log)"
    grep -Eq "^imgbench: rank $2 on $(hostname) $4" hung.log || fail "$1 of rank $2: '$4' is not in: $(cat hung.log)"
    [ ! -e cube.hdf5 ] || fail "$1 of rank $2: a cube under its final name"
    on 2 $sim --output cube.hdf5 --record "" --quiet --resume >again.log 2>&1 || fail "$1 of rank $2: does not go on: $(cat again.log)"
    same whole.hdf5 cube.hdf5
    same whole.psf.hdf5 cube.psf.hdf5
    grep '^imgbench: ' hung.log
}

image 1 whole $sim
for rank in 0 2; do
    hung stop $rank cube.hdf5 'has given no sign of life for 1.5 s .* while it was (laying out outputs|imaging)'
done
grep -q 'resumes: [1-6] of 6' again.log || fail "nothing was finished: $(cat again.log)"
hung hang 1 cube.hdf5.partial 'has waited 1.5 s .* while (writing|flushing) cube\.hdf5'
nth=2 hung hang 2 journal 'has waited 1.5 s .* while (writing|flushing) .*journal\.1\.2'

# Stopped as a whole for longer than the timeout, a run goes on until it is told to end.
rm -rf cube*
# shellcheck disable=SC2016 # expanded by each rank's shell
timeout -k 5 60 "$MPIEXEC" -n 2 sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' "$IMGBENCH" \
    sim:chiles,times=200,channels=2000,imsize=500 --output cube.hdf5 --record "" --quiet --hang-timeout 1.5 >slept.log 2>&1 &
job=$!
for _ in $(seq 300); do
    sleep 0.1
    [ ! -e cube.hdf5.run/header ] || break
done
pids=$(cat pid.*)
# shellcheck disable=SC2086 # words
kill -STOP $pids
sleep 3
# shellcheck disable=SC2086
kill -CONT $pids
sleep 1
# shellcheck disable=SC2086
kill -TERM $pids
status=0
wait $job || status=$?
[ $status = 75 ] || fail "2 ranks that slept ended with $status: $(cat slept.log)"
