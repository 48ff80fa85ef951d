#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# A run that is told to stop ends with 75 on every rank and leaves no cube, but perhaps finished channels to go on with; so
# does one that loses a rank, with whatever code mpirun has for that.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
long=sim:chiles,times=200,channels=2000,imsize=500

# start: a long run in the background; waits until it has begun to write.
start() {
    rm -f pid.* code.*
    # shellcheck disable=SC2016 # expanded by each rank's shell
    timeout -k 5 "$limit" "$MPIEXEC" -n 2 sh -c '
        r=$OMPI_COMM_WORLD_RANK
        "$0" "$@" >out.$r 2>err.$r &
        pid=$!
        echo $pid >pid.$r
        trap "" TERM
        wait $pid
        echo $? >code.$r' "$IMGBENCH" --output cube.hdf5 --record records --quiet "$long" &
    job=$!
    for _ in $(seq 600); do
        sleep 0.1
        [ -n "$(find . -maxdepth 1 -name '*cube*hdf5*' ! -name '*psf*')" ] && return
    done
    fail "the run did not start: $(cat err.*)"
}

for signal in TERM USR1; do
    start
    sleep 0.5
    kill -$signal "$(cat pid.0)" "$(cat pid.1)"
    wait "$job" || :
    for rank in 0 1; do
        [ "$(cat code.$rank)" = 75 ] || fail "$signal: rank $rank ended with $(cat code.$rank): $(cat err.*)"
    done
    grep -q '^imgbench: ' err.0 || fail "$signal: nothing was said"
    left=$(find . -name '*cube*hdf5*')
    if grep -q 'finished and kept: give --resume' err.0; then
        [ -e cube.hdf5.partial ] && [ -e cube.hdf5.run/header ] || fail "$signal: nothing is kept: $left"
    else
        grep -q 'nothing was kept' err.0 || fail "$signal: kept or not? $(cat err.0)"
        [ -z "$left" ] || fail "$signal left $left"
    fi
    [ ! -e cube.hdf5 ] || fail "$signal: a cube under its final name"
    rm -rf ./*cube*
    find records -name '*.jsonl' | grep -q . || fail "$signal: no record"
done

start
kill -KILL "$(cat pid.1)"
echo "one rank of two is gone"
wait "$job" && fail "the loss of a rank went unnoticed"
[ ! -e cube.hdf5 ] || fail "a cube under its final name although a rank was lost"
rm -rf ./*cube*

# So does one whose files are removed while it works, and does not speak of channels that are kept.
start
for _ in $(seq 100); do
    [ ! -s cube.hdf5.run/journal.1.0 ] || break
    sleep 0.1
done
rm -rf cube*
wait "$job" || :
for rank in 0 1; do
    [ "$(cat code.$rank)" = 74 ] || fail "removed files: rank $rank ended with $(cat code.$rank): $(cat err.*)"
done
grep -q 'somebody has removed cube.hdf5.run/journal' err.0 && ! grep -q 'kept' err.0 || fail "removed files: $(cat err.0)"
[ -z "$(find . -name '*cube*')" ] || fail "removed files: left $(find . -name '*cube*')"

# A limit of time ends it in the same way, and early enough.
begin=$(date +%s)
on_each 2 "$long" --output cube.hdf5 --record "" --quiet --time-limit 13
[ $(($(date +%s) - begin)) -le 16 ] || fail "the time limit was overrun"
for rank in 0 1; do
    [ "$(cat code.$rank)" = 75 ] || fail "time limit: rank $rank ended with $(cat code.$rank): $(cat err.*)"
done
grep -q 'time limit came near' err.0 || fail "time limit: $(cat err.0)"
[ ! -e cube.hdf5 ] || fail "a cube under its final name although there was no time for it"

# That of a Torque job is its whole time.
rm -rf cube*
PBS_WALLTIME=5 on_each 2 "$long" --output cube.hdf5 --record "" --quiet
[ "$(cat code.0)" = 75 ] && grep -q 'time limit came near' err.0 || fail "PBS_WALLTIME: $(cat code.0) $(cat err.0)"
