#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# What a launch tells: a table whose last line is the verdict, or one JSON document; and the record it leaves, also when
# it fails.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
small=sim:chiles,time=0.002,channel=0.0002,image=0.1
on 2 "$small" --output a.hdf5 >table.txt 2>err.txt || fail "$(cat err.txt)"
tail -n 1 table.txt | grep -Eq '^RESULT (reportable|valid|provisional)  T=[0-9.]+ s  [0-9.]+ [kMG]?vis/s/core' ||
    fail "last line: $(tail -n 1 table.txt)"
! grep -q 'do not add up' table.txt || fail "$(cat table.txt)"
record=$(sed -n 's/^record  *//p' table.txt)
[ -f "$record" ] || fail "no record $record"

on 2 "$small" --output b.hdf5 --format json --record "" >result.json 2>err.txt || fail "$(cat err.txt)"
rc=0
on 2 "$small" --output b.hdf5 --format json >exists.json 2>err.txt || rc=$?
[ "$rc" != 0 ] || fail "an existing output was replaced"
[ "$(grep -c '^imgbench: ' err.txt)" -ge 1 ] || fail "no sentence"
"$IMGBENCH" --support 2 --format json >usage.json 2>err.txt && fail "support 2 was accepted"
on 2 --format=json --suport 7 >option.json 2>err.txt && fail "an unknown option was accepted"
"$PYTHON" - "$record" "$rc" <<'P'
import glob, json, os, sys
one = json.load(open("result.json"))
assert one["result"] in ("reportable", "valid", "provisional"), one["result"]
parts = {k: v for k, v in one["counts"].items() if k != "read"}
assert sum(parts.values()) == one["counts"]["read"] > 0, one["counts"]
assert 0 <= one["accuracy"]["measured"] <= 3 * one["accuracy"]["promised"], one["accuracy"]
assert one["ranks"] == 2 and one["output"][0] == "b.hdf5" and os.path.exists("b.hdf5")
assert 0 < one["memory"]["plan_bytes"] and 0 < one["memory"]["peak_bytes"]
assert one["record"] is None
total = sum(p["mean_s"] for p in one["phases"].values())
assert 0 < total <= 1.05 * one["wall_s"], (total, one["wall_s"])
failed = json.load(open("exists.json"))
assert failed["result"] == "failed" and failed["exit_code"] == int(sys.argv[2]) and "b.hdf5" in failed["error"], failed
for name in ("exists.json", "usage.json", "option.json"):
    document = json.load(open(name))
    assert set(one) <= set(document) and document["result"] == "failed" and document["exit_code"] == 2, document
    assert document["output"] == [], document
def lines(name):
    return [json.loads(l) for l in open(name)]
good = lines(sys.argv[1])
assert [l["t"] for l in good] == ["run", "rep", "vec", "monitor", "check", "end"] and good[-1]["exit_code"] == 0
bad = lines(failed["record"])
assert [l["t"] for l in bad] == ["run", "end"] and bad[-1]["status"] == "failed"
assert not glob.glob("results/**/*.part", recursive=True)
P

# A plan is a document too, and images nothing.
"$IMGBENCH" --plan --format json sim:point -o planned.hdf5 | "$PYTHON" -c '
import json, sys
plan = json.load(sys.stdin)
assert plan["result"] == "provisional" and plan["memory"]["plan_bytes"] > 0, plan'
test ! -e planned.hdf5
