#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A projection of a launch that was made gives its time back; more ranks, streams and a file system that is slow change it as they must;
# what could not be launched is said to be refused, in the words of the launch.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
input=sim:chiles,times=24,channels=24,image=0.1,cell=1arcsec
timeout "$limit" "$IMGBENCH" "$input" --threads 1 -o cube.hdf5 --record results --quiet >out.txt 2>&1 || fail "$(cat out.txt)"

# project NAME OPTIONS...
project() {
    name=$1
    shift
    "$IMGBENCH" project "$input" "$@" --format json >"$name.json" 2>err.txt || fail "project $*: $(cat err.txt)"
}
project back --computed --bandwidth none --ranks 1
project grown --computed --bandwidth none --ranks 1,3,24,25 --jitter 0
project stored --bandwidth 1GB --ranks 1,2,4 --jitter 0
project slow --bandwidth 1MB --ranks 1,2,4 --jitter 0 --open-cost 0
project none --rates none --bandwidth none --ranks 1,2
project again --schedule dynamic --bandwidth 1GB --ranks 4 --jitter 0.1
cp again.json first.json
project again --schedule dynamic --bandwidth 1GB --ranks 4 --jitter 0.1
same first.json again.json
"$PYTHON" - <<'P'
import glob, json
load = lambda name: json.load(open(name + ".json"))
rep = next(line for line in map(json.loads, open(glob.glob("results/*/*/*.jsonl")[0])) if line["t"] == "rep")
back = load("back")["projection"][0]["T_s"]
# start, work and end of the launch, less what its writing waited for; opening the input again is what may take another time
assert abs(back + rep["overlap"]["room_s"] - rep["wall_s"]) < 0.05 * rep["wall_s"] + 0.05, (back, rep["wall_s"])
for name in "back", "grown", "stored", "slow", "none", "again":
    for row in load(name)["projection"]:
        parts = [row[k] for k in ("start", "open", "read", "compute", "write", "network", "idle")]
        assert row["limit"] == "refused" or abs(sum(parts) - 100) < 1e-3, row  # six digits of each are printed
grown = load("grown")
T = [row["T_s"] for row in grown["projection"]]
assert T[0] > T[1] > T[2] and T[3] is None and grown["projection"][3]["limit"] == "refused", T
assert "25 ranks cannot divide 24 channels" in grown["refused_1"], grown
slow = load("slow")["projection"]
assert all(row["storage"] > 70 for row in slow[1:]) and abs(slow[1]["T_s"] / slow[2]["T_s"] - 1) < 0.2, slow
assert "bandwidth of the file system" in load("slow")["breaks_first"]
assert load("stored")["projection"][0]["T_s"] < slow[0]["T_s"]
assert "table of costs" in load("none")["rates"] and "launch" in load("back")["rates"]
assert load("none")["published"][0]["cores"] == 128
P
rc=0
"$IMGBENCH" project "$input" --record nowhere >out.txt 2>err.txt || rc=$?
[ "$rc" = 7 ] && grep -q 'give --bandwidth, or run imgbench calibrate' err.txt || fail "no bandwidth: $rc, $(cat err.txt)"
rc=0
"$IMGBENCH" project "$input" --support 9 --rates tag=none --bandwidth none >out.txt 2>err.txt || rc=$?
[ "$rc" = 7 ] && grep -q 'no launch in' err.txt || fail "no such launch: $rc, $(cat err.txt)"
rc=0
"$IMGBENCH" project sim:aca-9eb,times=40,channels=8 --bandwidth none --rates none >out.txt 2>err.txt || rc=$?
[ "$rc" = 69 ] && grep -q 'have different phase centres' err.txt || fail "several centres: $rc, $(cat err.txt)"
if command -v gnuplot >/dev/null; then
    "$IMGBENCH" project "$input" --bandwidth 1GB --ranks 1,2,4,25 --plot times.svg >/dev/null 2>err.txt || fail "$(cat err.txt)"
    grep -q '</svg>' times.svg || fail "no picture"
fi
