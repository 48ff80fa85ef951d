#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# From records of known times the law, its coefficients, the efficiency and what limits next are found again; too few times are said to be.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" - <<'P'
import json, os
number = 0
def record(campaign, scaling, n, launch, phases, samples=1000, validity="valid", more="support=7", machine="made-up", build="b"):
    global number
    number += 1
    folder = "results/made-up/2026-11"
    os.makedirs(folder, exist_ok=True)
    seconds = sum(phases.values())
    run = {"v": 1, "t": "run", "run_id": f"{number:08d}", "started": f"2026-11-01T00:{number // 60:02d}:{number % 60:02d}Z", "intent": "sweep",
           "campaign_id": campaign, "scaling": scaling, "point": f"ranks={n} threads=2 {more}", "launch": launch,
           "workload": {"workload_id": "w", "inputs": [{"name": "sim:chiles,channel=0.01"}]}, "build": {"build_id": build},
           "machine": {"alias": machine}, "shape": {"shape_id": f"s{n}", "ranks": n, "nodes": 1, "threads": 2}}
    rep = {"v": 1, "t": "rep", "T_s": seconds, "phases": {k: {"mean_s": v} for k, v in phases.items()}, "counts": {"gridded": samples}, "warm": launch < 1}
    end = {"v": 1, "t": "end", "status": "ok", "validity": validity, "wall_s": seconds}
    with open(f"{folder}/{number:08d}.jsonl", "w") as f:
        f.writelines(json.dumps({"run_id": run["run_id"], **line}) + "\n" for line in (run, rep, end))
for n in 1, 2, 4, 8, 16:
    record("weak", "weak", n, 1, {"grid": 10.0, "write": 0.2 * n})
for chunks in 256, 3840:
    for launch in range(1, 5):
        record("settings", "strong", 4, launch, {"grid": 10.0, "write": 512 / chunks}, more=f"isa=v3 chunks={chunks}")
for n in 1, 2, 4, 8:
    record("few", "strong", n, 1, {"grid": 100 / n}) if n < 4 else None
    record("three", "strong", n, 1, {"grid": 100.0}) if n < 8 else None
    record("wild", "strong", n, 1, {"grid": {1: 9, 2: 90, 4: 9, 8: 90}[n]})
for n in 1, 2, 4, 8, 16:
    record("growing", "strong", n, 1, {"grid": 96.0 / n + 4, "close": 0.24 * n})
    record("caches", "strong", n, 1, {"grid": 100 / n**1.15})
    record("flat", "strong", n, 1, {"grid": 100.0})
    record("two", "strong", n, 1, {"grid": 100.0 / n}, machine="old" if n < 4 else "new", build="b" if n < 8 else "c")
for n in 1, 2, 4, 8, 16:
    record("strong", "strong", n, 0, {"grid": 1e-3})                     # a warm-up
    record("strong", "strong", n, 9, {"grid": 1e-3}, validity="invalid")  # too fast to be true
    for launch in range(1, 6):
        record("strong", "strong", n, launch, {"grid": 90.0 / n, "write": 10.0}, 446835916)
open("results/made-up/2026-11/damaged.jsonl", "w").write("{}\n{\n")
P
mkdir -p results/copies && cat results/made-up/2026-11/0*.jsonl >results/copies/all.jsonl # copies count once
for campaign in strong weak few three wild growing caches flat two; do
    "$IMGBENCH" scaling "$campaign" --format json >$campaign.json 2>err.txt || fail "$(cat err.txt)"
done
"$IMGBENCH" scaling --format json >newest.json
same strong.json newest.json
"$PYTHON" - <<'P'
import json
near = lambda a, b: abs(a - b) < 1e-5 * abs(b)
one = json.load(open("strong.json"))
assert [row["n"] for row in one["times"]] == [1, 2, 4, 8, 16] and all(row["launches"] == 5 for row in one["times"])
for row in one["times"][1:]:
    n = row["n"]
    assert near(row["T_s"]["median"], 10 + 90 / n) and near(row["speed_up"]["median"], 100 / (10 + 90 / n)), row
    assert near(row["efficiency"]["median"], 100 / (10 * n + 90)) and near(row["karp_flatt"]["median"], 0.1), row
    assert near(row["efficiency"]["min"], row["efficiency"]["max"]), row  # five launches alike: an interval, of no width
amdahl = next(row for row in one["fits"] if row["law"] == "Amdahl")
assert amdahl["best"] == "*" and amdahl["determined"] == "yes" and near(amdahl["serial_percent"]["median"], 10), amdahl
assert "10 times as fast at most" in one["fit_1"] and "descriptive" not in one["fit_1"], one["fit_1"]
assert one["next_bottleneck_1"] == "write"
for row in one["factors"]:
    assert near(row["computation"] * row["storage"] * row["preparation"] * row["waiting"], row["efficiency"]), row
casa = one["published"][0]
assert abs(casa["share_s"] / 180 - 1) < 1e-3 and casa["cores"] == 128, casa
weak = json.load(open("weak.json"))
for row in weak["times"][1:]:
    assert near(row["efficiency"]["median"], 10.2 / (10 + 0.2 * row["n"])), row
    assert near(row["speed_up"]["median"], row["n"] * row["efficiency"]["median"]), row
assert weak["times"][1]["efficiency"]["min"] is None and "descriptive" in weak["fit_1"], weak
for name in "three", "wild": # no gain at all, and no order in the times: nothing is made up
    one = json.load(open(f"{name}.json"))
    assert one["fit_1"].startswith("not determined") and all(row["determined"] == "no" for row in one["fits"]), one
assert "next_bottleneck_1" not in json.load(open("three.json"))
# Overhead that grows with the ranks: fastest where it is, not as fast as the serial share alone would let it be.
growing = json.load(open("growing.json"))
best = next(row for row in growing["fits"] if row["best"] == "*")
assert best["law"] in ("USL", "linear") and near(best["peak"]["median"], 20), best
assert best["law"] == "USL" or "7.38 times as fast at most, on 20" in growing["fit_1"], growing["fit_1"]
assert "efficiency 1.52 on 16" in json.load(open("caches.json"))["fit_1"]
assert "serial share 100 % (100..100): 1 times" in json.load(open("flat.json"))["fit_1"]
two = json.load(open("two.json"))  # no ratio between machines or builds
assert [row["series"] for row in two["times"]] == [1, 1, 2, 3, 3], two["times"]
assert "build=b machine=old" in two["series_1"] and "build=c machine=new" in two["series_3"], two
few = json.load(open("few.json"))
assert few["fits"] == [] and "no law can be judged by 2 sizes" in few["fit_1"], few
P
# Three sizes foretell nothing, on the page neither.
mkdir three && cp $(grep -l '"campaign_id": "three"' results/made-up/2026-11/0*.jsonl) three
"$IMGBENCH" report --record three -o three.html >/dev/null
grep -q 'times as fast as on 1 (' three.html && ! grep -q 'Next bottleneck' three.html || fail "three sizes on a page"
# What does not share the work is told by its times alone.
"$IMGBENCH" scaling settings --format json >settings.json
"$IMGBENCH" scaling settings --over chunks --format json >chunks.json
same settings.json chunks.json
"$PYTHON" - <<'P'
import json
one = json.load(open("settings.json"))
assert [row["value"] for row in one["times"]] == [256, 3840] and "fits" not in one and "efficiency" not in one["times"][0], one
last = one["times"][1]["times"]
assert abs(last["median"] - (10 + 512 / 3840) / 12) < 1e-6 and last["min"] == last["max"], last
P
rc=0
"$IMGBENCH" scaling settings --over isa >/dev/null 2>err.txt || rc=$?
[ "$rc" = 2 ] && grep -q '"isa" is neither ranks nor threads nor a number' err.txt || fail "over a word: $rc, $(cat err.txt)"
rc=0
"$IMGBENCH" scaling nobody >/dev/null 2>err.txt || rc=$?
[ "$rc" = 7 ] && grep -q 'no launch of campaign nobody' err.txt || fail "a campaign that is not there: $rc, $(cat err.txt)"
# A record that was changed afterwards counts nowhere.
"$PYTHON" - <<'P'
import glob, os
os.remove("results/copies/all.jsonl")
name = max(glob.glob("results/made-up/2026-11/0*.jsonl"))
last = '"status": "ok"'
text = open(name).read()
open(name, "w").write(text.replace(last, last + ', "digest": {"value": "0"}'))
P
"$IMGBENCH" scaling strong --format json >changed.json
"$PYTHON" -c 'import json; n = [r["launches"] for r in json.load(open("changed.json"))["times"]]; assert n == [5, 5, 5, 5, 4], n'
if command -v gnuplot >/dev/null; then
    "$IMGBENCH" scaling strong --plot strong.png >/dev/null
    "$IMGBENCH" scaling strong --plot strong.svg >table.txt
    head -c 4 strong.png | grep -q PNG || fail "no picture"
    grep -q 'CNGI prototype, 3840 chunks, 16 to 128 cores' strong.svg && grep -q 'CASA 6.2' strong.svg && grep -q '</svg>' strong.svg || fail "the svg lacks something"
    ! grep -q '<script' strong.svg || fail "a script in the svg"
fi
