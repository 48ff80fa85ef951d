#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 200
# With --schedule dynamic ranks that have time take channels from those that have not, and the bytes stay the same. What ranks did
# is compared, not how long it took.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache" OMP_NUM_THREADS=1
/usr/bin/python3 -c 'import h5py' 2>/dev/null || skip "no h5py"

# Channels of the first third have no sample left: blank planes, which cost nearly nothing.
"$IMGBENCH" simulate sim:point,times=40,baselines=351,channels=30,imsize=64,noise=0.5 --output data.h5 --quiet
/usr/bin/python3 - <<'PYTHON'
import h5py
with h5py.File("data.h5", "r+") as file:
    file["spw0/flag"][:10] = 1
PYTHON
heavy="data.h5 --imsize 64 --support 31 --precision double --no-psf --stokes corr"

# number NAME: from the summary document of the last run.
number() {
    /usr/bin/python3 -c 'import json, sys; print(json.load(open("out.json"))["schedule"][sys.argv[1]])' "$1"
}

# measured N ARGUMENTS...: a run of it.
measured() {
    n=$1
    shift
    # shellcheck disable=SC2086 # words
    on "$n" $heavy --record "" --quiet --overwrite --format json --output again.hdf5 "$@" >out.json 2>err.txt || fail "$*: $(cat err.txt)"
    echo "$n ranks $*: $(number least) channels on rank $(number least_rank), $(number most) on rank $(number most_rank), $(number moved) moved, $(number takes) takes"
    same whole.hdf5 again.hdf5
}

# shellcheck disable=SC2086 # words
image 1 whole $heavy
measured 3
[ "$(number least) $(number most) $(number takes)" = "10 10 0" ] || fail "not dealt in equal parts"
measured 3 --schedule dynamic
[ "$(number most)" -gt 10 ] && [ "$(number moved)" -gt 0 ] || fail "no rank took channels of the others', although some are blank"
measured 2 --schedule dynamic --chunks 5
measured 2 --schedule dynamic --chunks 2 # a chunk is one rank's

# A rank that stands still for most of the time does less, whatever its share. Its pid is that of the shell which becomes it.
/usr/bin/python3 - <<'PYTHON'
import h5py
with h5py.File("data.h5", "r+") as file:
    file["spw0/flag"][:] = 0
PYTHON
# shellcheck disable=SC2086 # words
image 1 whole $heavy --overwrite
# shellcheck disable=SC2016,SC2086 # expanded by each rank's shell
timeout -k 5 100 "$MPIEXEC" -n 2 sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' "$IMGBENCH" $heavy --record "" --quiet \
    --format json --schedule dynamic --output slow.hdf5 >out.json 2>err.txt &
run=$!
while [ ! -s pid.1 ]; do sleep 0.02; done
slow=$(cat pid.1)
while kill -STOP "$slow" 2>/dev/null; do
    sleep 0.2
    kill -CONT "$slow" 2>/dev/null || break
    sleep 0.04
done
wait $run || fail "with a rank that is stopped again and again: $(cat err.txt)"
echo "a slow rank: $(number least) channels on rank $(number least_rank), $(number most) on rank $(number most_rank), $(number moved) moved"
[ "$(number least_rank)" = 1 ] && [ "$(number moved)" -gt 0 ] || fail "rank 1 did not do less than rank 0"
same whole.hdf5 slow.hdf5

refused 2 'dynamic.*one order' data.h5 --mode mfs --schedule dynamic --imsize 64
