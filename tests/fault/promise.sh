#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# The promise of memory: what a rank really had at most (VmHWM) is never above the printed plan, the plan never above
# --memory, and the plan not generous: within a tenth, or $within where samples leave columns of grids empty, which take
# memory only where the system has huge pages to give, or buffers for writes that a fast disk does not fill weigh much. IMGBENCH_TABLE: a file that receives the table of docs/memory.md.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers have memory of their own"

cat >judge.py <<'P'
import json, os, sys
ranks, limit, what, within = sys.argv[1:5]
m = json.load(open("m.json"))["memory"]
plan, peak, limit = m["plan_bytes"], m["peak_bytes"], m["limit_bytes"]
print("| %s | %s | %.0f | %.0f | %.0f | %.2f |" % (what, ranks, limit / 2**20, plan / 2**20, peak / 2**20, peak / plan))
assert peak <= plan <= limit, "above what was promised"
# In small runs libraries count, which take more on one system than on another.
assert plan - peak <= max(float(within) * plan, 8 * 2**20), "promised far more than was used"
P

# keeps N MEMORY WHAT ARGUMENTS...
keeps() {
    n=$1 memory=$2 what=$3
    shift 3
    rm -rf m.*
    OMP_NUM_THREADS=${threads:-2} on "$n" --output m.hdf5 --record "" --quiet --no-check --format json --memory "$memory" "$@" >m.json 2>m.err ||
        fail "$what: $(cat m.err)"
    "$PYTHON" judge.py "$n" "$memory" "$what" "${within:-0.1}" >line || fail "$what: $(cat line m.err)"
    cat line
    [ -z "${IMGBENCH_TABLE-}" ] || cat line >>"$IMGBENCH_TABLE"
}

chiles=sim:chiles,times=20,imsize=800
full=$chiles,cell=4arcsec
many=sim:chiles,times=4,baselines=20,imsize=64,channels=3840
keeps 1 256MiB 'cube, 8 channels of 800² pixels' $full,channels=8
threads=8 keeps 1 512MiB 'cube, 24 channels of 728² pixels, 8 threads' sim:chiles,times=1,imsize=728,cell=4arcsec,channels=24
keeps 1 128MiB 'cube, 256 channels of 128² pixels, 256 chunks' sim:chiles,times=100,imsize=128,channels=256
keeps 2 128MiB 'the same, 16 chunks' sim:chiles,times=100,imsize=128,channels=256 --chunks 16
keeps 1 128MiB 'cube, 3840 channels of 64² pixels, 3840 chunks' $many
keeps 2 128MiB 'the same, 256 chunks, dealt as ranks are free' $many --chunks 256 --schedule dynamic
keeps 1 512MiB 'cube, double precision, support 31' $full,channels=4 --precision double --support 31
within=0.2 keeps 1 256MiB 'cube, weights that depend on all channels' sim:chiles,times=10,imsize=500,cell=4arcsec,channels=12 --weighting uniform --density all
within=0.2 keeps 1 256MiB 'one image of 32 channels (mfs), with w' $chiles,channels=32 --mode mfs
within=0.2 keeps 2 256MiB 'one image of 32 channels (mfs)' $chiles,channels=32 --mode mfs --wterm none --weighting uniform
within=0.2 keeps 4 256MiB 'the same, natural weights' $chiles,channels=32 --mode mfs --wterm none
keeps 1 256MiB 'one image whose uv grid is full' $full,channels=16 --mode mfs --wterm none
within=0.2 keeps 1 512MiB 'cube with w' sim:wide,times=20,channels=4,imsize=800
within=0.2 keeps 1 256MiB 'mosaic of 20 pointings' sim:aca-9eb,times=20,channels=8,imsize=500 --gridder mosaic
"$IMGBENCH" simulate sim:chiles,times=40,imsize=400,channels=64 -o vis.hdf5 --quiet >simulate.log 2>&1 || fail "$(cat simulate.log)"
within=0.2 keeps 2 128MiB 'cube of an HDF5 file, 64 channels of 400² pixels' vis.hdf5
within=0.2 keeps 1 128MiB 'the same as one image' vis.hdf5 --mode mfs
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" point.ms point
within=0.2 keeps 2 256MiB 'cube of a MeasurementSet, 3 channels of 800² pixels' point.ms --cell 10arcsec --imsize 800

# A hard limit, where this system lets us set one: what was planned is enough, and a quarter of it would not do.
v1=/sys/fs/cgroup/memory v2=/sys/fs/cgroup
if [ -w $v1/memory.limit_in_bytes ]; then
    group=$v1/imgbench.$$ file=memory.limit_in_bytes
elif grep -qw memory $v2/cgroup.subtree_control 2>/dev/null; then
    group=$v2/imgbench.$$ file=memory.max
fi
if [ -z "${group-}" ] || ! mkdir "$group.0" "$group.1" 2>/dev/null; then
    echo "no hard limits here"
    exit 0
fi
trap 'rmdir "$group.0" "$group.1" || :; cd /; rm -rf "$IMGBENCH_SCRATCH"' EXIT

# confined N MIB ARGUMENTS...: a run whose ranks are killed when they take more than that
confined() {
    n=$1 mib=$2
    shift 2
    for rank in 0 1; do
        echo $((mib << 20)) >"$group.$rank/$file"
    done
    rm -rf m.*
    # shellcheck disable=SC2016 # expanded by each rank's shell
    OMP_NUM_THREADS=2 timeout -k 5 "$limit" "$MPIEXEC" -n "$n" sh -c 'echo $$ >"$0.$OMPI_COMM_WORLD_RANK/cgroup.procs" && exec "$@"' \
        "$group" "$IMGBENCH" --output m.hdf5 --record "" --quiet --no-check "$@" >confined.log 2>&1
}
for run in "1 $many" "2 $many --chunks 256" "2 $full,channels=32 --mode mfs --wterm none"; do
    # shellcheck disable=SC2086 # words
    set -- $run
    n=$1
    shift
    plan=$(OMP_NUM_THREADS=2 on "$n" --plan --record "" --quiet "$@" | awk '/in all, per rank/ {print int($2) + 1}')
    [ "${plan:-0}" -gt 8 ] || fail "no plan of $run"
    confined "$n" "$plan" "$@" || fail "$run: not within $plan MiB: $(cat confined.log)"
    ! confined "$n" $((plan / 4)) "$@" || fail "$run: $((plan / 4)) MiB were no limit"
    echo "$run: within $plan MiB"
done
