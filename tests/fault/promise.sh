#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# The promise of memory: what a rank really had at most (VmHWM) is never above the printed plan, the plan never above
# --memory, and the plan not generous. IMGBENCH_TABLE: a file that receives the table of docs/memory.md.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers have memory of their own"

cat >judge.py <<'P'
import json, os, sys
ranks, limit, what = sys.argv[1:4]
m = json.load(open("m.json"))["memory"]
plan, peak, limit = m["plan_bytes"], m["peak_bytes"], m["limit_bytes"]
print("| %s | %s | %.0f | %.0f | %.0f | %.2f |" % (what, ranks, limit / 2**20, plan / 2**20, peak / 2**20, peak / plan))
assert peak <= plan <= limit, "above what was promised"
# A fifth (most are within a tenth), or what libraries and the system round to in small runs; ranks beyond the first have less to add up.
assert plan - peak <= max((0.2 if ranks == "1" else 0.3) * plan, 16 * 2**20), "promised far more than was used"
P

# keeps N MEMORY WHAT ARGUMENTS...
keeps() {
    n=$1 memory=$2 what=$3
    shift 3
    rm -f m.*
    OMP_NUM_THREADS=2 on "$n" --output m.hdf5 --record "" --quiet --no-check --format json --memory "$memory" "$@" >m.json 2>m.err ||
        fail "$what: $(cat m.err)"
    "$PYTHON" judge.py "$n" "$memory" "$what" >line || fail "$what: $(cat line m.err)"
    cat line
    [ -z "${IMGBENCH_TABLE-}" ] || cat line >>"$IMGBENCH_TABLE"
}

chiles=sim:chiles,times=20,imsize=800
keeps 1 256MiB 'cube, 8 channels of 800² pixels' $chiles,channels=8
keeps 1 128MiB 'cube, 256 channels of 128² pixels, 256 chunks' sim:chiles,times=100,imsize=128,channels=256
keeps 2 128MiB 'the same, 16 chunks' sim:chiles,times=100,imsize=128,channels=256 --chunks 16
keeps 1 512MiB 'cube, double precision, support 31, uniform weights' $chiles,channels=4 --precision double --support 31 --weighting uniform
keeps 1 256MiB 'one image of 32 channels (mfs), with w' $chiles,channels=32 --mode mfs
keeps 2 256MiB 'one image of 32 channels (mfs)' $chiles,channels=32 --mode mfs --wterm none
keeps 1 256MiB 'one image whose uv grid is full' $chiles,channels=16,cell=4arcsec --mode mfs --wterm none
keeps 1 512MiB 'cube with w' sim:wide,times=20,channels=4,imsize=800
keeps 1 256MiB 'mosaic of 20 pointings' sim:aca-9eb,times=20,channels=8,imsize=500 --gridder mosaic
"$IMGBENCH" simulate sim:chiles,times=40,imsize=400,channels=64 -o vis.hdf5 --quiet >simulate.log 2>&1 || fail "$(cat simulate.log)"
keeps 2 128MiB 'cube of an HDF5 file, 64 channels of 400² pixels' vis.hdf5
keeps 1 128MiB 'the same as one image' vis.hdf5 --mode mfs
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" point.ms point
keeps 2 256MiB 'cube of a MeasurementSet, 3 channels of 800² pixels' point.ms --cell 10arcsec --imsize 800
