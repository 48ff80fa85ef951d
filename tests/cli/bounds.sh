#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# A launch tells how near its phases came to the limits of the machine, from the newest record of imgbench calibrate, and
# makes nothing up where there is none, or where the disk that was measured is another one.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export IMGBENCH_MACHINE=made-up
small=sim:chiles,time=0.002,channel=0.0002,image=0.1
run() { on 2 "$small" --quiet "$@" 2>err.txt || fail "$(cat err.txt)"; }

run --output a.hdf5 >none.txt
grep -q '^limits .*imgbench calibrate' none.txt || fail "no remedy: $(cat none.txt)"
! grep -q 'nearest' none.txt || fail "a bound without limits: $(cat none.txt)"

"$IMGBENCH" calibrate --quick >calibrated.txt || fail "calibrate"
measured=$(ls results/made-up/*/*.jsonl | tail -n 1)
# The record that counts has figures of a machine that never was: 1 TFLOP/s, 1 TB/s, a disk of 1 GB/s; it is newer.
mkdir -p results/made-up/9999-01
"$PYTHON" - "$measured" results/made-up/9999-01/ffffffff-ffff-7000-8000-000000000000.jsonl <<'P'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
one = lambda rate: dict(min=rate, median=rate, max=rate)
pair = lambda rate: dict(one=one(rate), all=one(rate))
calib = lines[1]
assert calib["t"] == "calib" and calib["file_system"] > 0, calib
calib.update(fma_single=pair(1e12), fma_double=pair(5e11), disk_write=one(1e9), disk_read=one(1e9))
for level in calib["memory"].values():
    level.update(read=pair(1e12), update=pair(1e12))
for line in lines:
    line["run_id"] = "018f3000-0000-7000-8000-000000000000" # 2024-04-30
open(sys.argv[2], "w").write("".join(json.dumps(l) + "\n" for l in lines))
P

run --output b.hdf5 >known.txt
grep -q 'share   nearest bound' known.txt && grep -q '^limits     calibrated 2024-04-30;' known.txt ||
    fail "$(cat known.txt)"
grep -Eq '^grid .*FMA x [0-9.e+]+$' known.txt && grep -Eq '^write .*disk x' known.txt || fail "$(cat known.txt)"
! grep -Eq '^(read|sort|close) .* x ' known.txt || fail "a simulation reads no disk: $(cat known.txt)"
run --output c.hdf5 --format json >known.json
"$PYTHON" - "$(sed -n 's/^record  *//p' known.txt)" <<'P'
import json, sys
one = json.load(open("known.json"))
grid, write = one["phases"]["grid"], one["phases"]["write"]
planes = 2 if one["image"]["planes"] > one["image"]["channels"] else 1
seconds = 4 * one["gridding"]["support"] ** 2 * one["counts"]["gridded"] * planes / 1e12
assert grid["nearest"] == "FMA" and abs(grid["times_bound"] * seconds / grid["mean_s"] - 1) < 1e-9, grid
seconds = one["bytes"]["written"] / 1e9
took = write["mean_s"] + one["phases"]["close"]["mean_s"]
assert write["nearest"] == "disk" and abs(write["times_bound"] * seconds / took - 1) < 1e-9, write
assert abs(one["limits"]["storage_share"] * one["wall_s"] / seconds - 1) < 1e-9, one["limits"]
assert abs(grid["share"] * one["wall_s"] - grid["mean_s"]) < 1e-9
rep = [json.loads(l) for l in open(sys.argv[1])][1]
assert rep["phases"]["grid"]["nearest"] == "FMA" and rep["limits"]["calibrated"], rep["limits"]
P

# Another file system has another disk.
sed -i 's/"file_system": [0-9]*/"file_system": 1/' results/made-up/9999-01/*.jsonl
run --output d.hdf5 >other.txt
grep -q 'disk of the output not measured; imgbench calibrate --folder \. does' other.txt || fail "$(cat other.txt)"
grep -q '^grid .*FMA x' other.txt && ! grep -q 'disk x' other.txt || fail "$(cat other.txt)"
