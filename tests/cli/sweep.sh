#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 240
# A sweep launches every point as often as it says, records who is who, leaves no cube, and goes on where it was stopped.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ "$(command -v mpirun)" ] || skip "no mpirun"
sweep() {
    timeout -k 5 "$limit" "$IMGBENCH" sweep "$@"
}
tiny=point,channels=4,times=1,image=0.2

for shape in aca-9eb aca-141 alma-std alma-mos chiles ngc6334i; do # every published shape, scaled down
    sweep $shape,time=0.001,image=0.1 --scale 0.001 --plan >plan.json 2>err.txt || fail "$shape: $(cat err.txt)"
done
sweep $tiny --ranks 1,2,8 --launches 2 --oversubscribe --plan --format json >plan.json 2>err.txt || fail "$(cat err.txt)"
[ ! -e results ] || fail "a plan left records"
sweep $tiny --ranks 1,2,8 --launches 2 --oversubscribe --format json >first.json 2>err.txt || fail "$(cat err.txt)"
[ "$(find . -name '*.jsonl' | wc -l)" = 6 ] || fail "not 6 records: $(cat err.txt)"
grep -q 'without ranks=8 threads=1: 8 ranks for 4 image channels' err.txt || fail "$(cat err.txt)"
[ -z "$(find . -name '*.hdf5')" ] || fail "cubes were left: $(ls)"

# What cannot be launched at all is refused, before anything is; more chunks than channels are the same again.
refuses() { # PATTERN ARGUMENTS...
    pattern=$1
    shift
    rc=0
    sweep "$@" >/dev/null 2>err.txt || rc=$?
    [ "$rc" = 2 ] && grep -q -e "$pattern" err.txt || fail "$*: $rc, $(cat err.txt)"
}
refuses 'no point can be launched' $tiny --ranks 8 --oversubscribe --seed 9
refuses '--support: "x"' $tiny --support 7,x --seed 9
refuses '--support: 2 is outside' $tiny --support 7,2 --plan
sweep $tiny --chunks 2,4,256,3840 --plan 2>err.txt | grep -c 'the same as 4 chunks: there are 4 channels' | grep -qx 2 || fail "$(cat err.txt)"

# The same again makes nothing; one more launch or value makes what is missing, with its warm-up.
sweep $tiny --ranks 1,2 --launches 2 --oversubscribe >/dev/null 2>err.txt || fail "$(cat err.txt)"
grep -q '4 recorded, 0 to make' err.txt || fail "$(cat err.txt)"
sweep $tiny --ranks 1,2,4 --launches 2 --oversubscribe >/dev/null 2>err.txt || fail "$(cat err.txt)"
grep -q '4 recorded, 3 to make' err.txt || fail "$(cat err.txt)"

# Stopped, it says how to go on, leaves no half record or cube; the same command makes the rest.
rc=0
"$IMGBENCH" sweep $tiny --ranks 1,2 --launches 40 --oversubscribe --seed 2 >/dev/null 2>err.txt &
sweeper=$!
for i in $(seq 600); do
    [ "$(grep -c ' to go' err.txt)" -ge 3 ] && break
    sleep 0.1
done
kill -TERM $sweeper
wait $sweeper || rc=$?
[ "$rc" = 75 ] || fail "a stopped sweep ended with $rc: $(cat err.txt)"
grep -q 'the same command goes on' err.txt || fail "$(cat err.txt)"
[ -z "$(find . -name '*.part' -o -name '*.hdf5')" ] || fail "left behind: $(find .)"
sweep $tiny --ranks 1,2 --launches 4 --oversubscribe --seed 2 >/dev/null 2>err.txt || fail "$(cat err.txt)"
grep -q ' 0 recorded' err.txt && fail "it started anew: $(cat err.txt)"

# Stopped twice, it does not leave the launch behind: this one does not listen to the first request, nor to the second at once.
mkdir deaf
cat >deaf/mpirun <<'S'
#!/bin/sh
trap 'echo USR1 >>asked' USR1
trap 'echo TERM >>asked; exit 1' TERM
echo $$ >launched
while :; do sleep 0.1; done
S
chmod +x deaf/mpirun
rc=0
PATH=$PWD/deaf:$PATH "$IMGBENCH" sweep $tiny --launches 1 --record deaf >/dev/null 2>err.txt &
sweeper=$!
for i in $(seq 600); do
    [ -s launched ] && break
    sleep 0.1
done
kill -INT $sweeper
kill -TERM $sweeper
sleep 1.2
kill -TERM $sweeper
wait $sweeper || rc=$?
[ "$rc" = 75 ] && [ "$(cat asked)" = "$(printf 'USR1\nTERM')" ] || fail "stopped twice: $rc, $(cat asked err.txt)"
! kill -0 "$(cat launched)" 2>/dev/null || fail "a launch was left behind"

# What does not fit into the time is not begun; failures are told.
rc=0
sweep $tiny --seed 3 --launches 1000 --time 2 >/dev/null 2>err.txt || rc=$?
[ "$rc" = 75 ] && grep -q 'the time is up' err.txt || fail "--time: $rc, $(cat err.txt)"
rc=0
sweep $tiny --seed 4 --launches 2 --mpirun --no-such-option >failed.txt 2>err.txt || rc=$?
[ "$rc" = 8 ] && grep -q 'this point is left out' err.txt || fail "a failing mpirun: $rc, $(cat err.txt)"

mkdir hasty # an mpirun that fails before the program begins, every other time
cat >hasty/mpirun <<S
#!/bin/sh
[ -e failed ] && rm failed && exec $(command -v mpirun) "\$@"
echo "mkdir: no such folder" >failed
exit 1
S
chmod +x hasty/mpirun
PATH=$PWD/hasty:$PATH sweep $tiny --seed 4 --launches 2 --campaign hasty >/dev/null 2>err.txt || fail "an mpirun that fails now and then: $(cat err.txt)"

rc=0 # what another simulation took is no answer
sweep ${tiny%% *},seed=9 --seed 4 --launches 2 --campaign hasty >/dev/null 2>err.txt || rc=$?
[ "$rc" = 2 ] && grep -q "campaign hasty holds launches of sim:.*, not of sim:.*seed=9; choose another --campaign" err.txt || fail "another input in a campaign: $rc, $(cat err.txt)"
"$IMGBENCH" simulate "sim:$tiny" -o one.h5 --quiet >/dev/null && cp one.h5 other.h5
sweep one.h5 --launches 1 --warmup 0 --campaign files >/dev/null 2>err.txt || fail "$(cat err.txt)"
refuses 'campaign files holds launches of .*one.h5, not of .*other.h5' other.h5 --launches 1 --campaign files
"$PYTHON" - <<'P' # nor is what another build took
import sqlite3
d = sqlite3.connect("results/imgbench.db")
d.execute("UPDATE build SET commit_hash = 'another'")
d.commit()
P
sweep one.h5 --launches 1 --campaign files --plan >/dev/null 2>err.txt || fail "$(cat err.txt)"
grep -q ' 0 recorded' err.txt || fail "another build: $(cat err.txt)"
"$IMGBENCH" db rebuild >/dev/null 2>&1
sweep $tiny --weak --ranks 1,2 --launches 1 --oversubscribe --warmup 0 --campaign grow >/dev/null 2>err.txt || fail "$(cat err.txt)"
"$PYTHON" - <<'P'
import collections, glob, json
plan, first = json.load(open("plan.json")), json.load(open("first.json"))
assert [p["missing"] for p in plan["points"]] == [2, 2, 0], plan
assert [p["excluded"] for p in plan["points"]] == ["", "", "8 ranks for 4 image channels"], plan
assert [p["launches"] for p in first["points"]] == [2, 2], first
assert first["points"][0]["efficiency"] == 1 and first["points"][1]["efficiency"] > 0
for f in glob.glob("results/*/*/*.jsonl"):
    lines = [json.loads(line) for line in open(f)]
    assert all(l["warm"] == (lines[0]["launch"] < 1) for l in lines if l["t"] == "rep"), f
runs = [json.loads(open(f).readline()) for f in glob.glob("results/*/*/*.jsonl")]
assert all(r["intent"] == "sweep" and r["seed"] in (1, 2, 3, 4) and r["launch"] == r["block"] for r in runs)
made = collections.Counter((r["campaign_id"], r["point"], r["launch"]) for r in runs if r["launch"] > 0)
assert max(made.values()) == 1, made
assert sum(r["seed"] == 2 and 0 < r["launch"] <= 4 for r in runs) == 8
for r in runs:
    assert r["point"] == f"ranks={r['shape']['ranks']} threads=1", r["point"]
grown = {r["shape"]["ranks"]: r["workload"]["inputs"][0]["name"] for r in runs if r["campaign_id"] == "grow"}
assert grown[1].endswith(",channels=4") and grown[2].endswith(",channels=8"), grown
P
