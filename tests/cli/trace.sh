#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# A timeline is strict JSON, whatever ends the launch: every thread of every rank is named, spans nest, messages arrive after they were sent, phases add up to
# those of the record; clocks of ranks may differ; the summary tells who waited; other programs can have the same.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "${IMGBENCH_SANITIZED-}" ] || skip "sanitizers have threads of their own"
cat >check.py <<'P'
import json, sys
def once(pairs):
    keys = [k for k, v in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)
def load(name):
    def refuse(word): raise ValueError(word)
    trace = json.load(open(name), parse_constant=refuse, object_pairs_hook=once)
    events = trace["traceEvents"]
    names = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] in ("process_name", "thread_name")}
    spans = [e for e in events if e["ph"] == "X"]
    open_ = {}
    for e in spans:
        where = e["pid"], e["tid"]
        assert where in names and (e["pid"], None) in names, where
        assert e["ts"] >= 0 and e["dur"] >= 0, e
        around = open_.setdefault(where, [])
        while around and around[-1]["ts"] + around[-1]["dur"] <= e["ts"] + 1e-6:
            around.pop()
        assert not around or e["ts"] + e["dur"] <= around[-1]["ts"] + around[-1]["dur"] + 1e-3, (around[-1], e)
        around.append(e)
    sent = {e["id"]: e for e in events if e["ph"] == "s"}
    received = {e["id"]: e for e in events if e["ph"] == "f"}
    return trace, events, names, spans, sent, received
P
sim=sim:point,times=400,baselines=300,channels=12,imsize=128 # long enough for samples of the monitor
on 2 $sim --mode mfs --threads 2 --output a.hdf5 --trace a.json --record none --quiet >a.txt 2>&1 || fail "$(cat a.txt)"
on 2 $sim --threads 2 --output b.hdf5 --trace b.json --quiet >b.txt 2>&1 || fail "$(cat b.txt)"
"$PYTHON" - <<'P'
import glob, json
from check import load
for name in "a.json", "b.json":
    trace, events, names, spans, sent, received = load(name)
    print(name, len(events), trace["otherData"])
    assert trace["otherData"]["dropped"] == "0" and int(trace["otherData"]["events"]) == len(spans) + sum(e["ph"] == "C" for e in events)
    for rank in 0, 1:
        assert names[rank, None] == f"rank {rank}" and names[rank, 0] == "main" and names[rank, 1] == "worker 1", names
        assert {e["name"] for e in events if e["ph"] == "C" and e["pid"] == rank} == {"resident bytes", "busy processors"}
    error = 2 * float(trace["otherData"]["clock_error_us"]) + 1
    assert set(received) == set(sent) and len(sent) >= (2 if name == "a.json" else 1), (len(sent), len(received))
    assert all(received[k]["ts"] >= sent[k]["ts"] - error and received[k]["pid"] != sent[k]["pid"] for k in sent)
    number = {}
    for e in spans:
        if "collective" in e["args"]:
            number.setdefault(e["args"]["collective"], []).append((e["pid"], e["name"]))
    assert len(number) > 20 and all(len(v) == 2 and v[0][0] != v[1][0] and v[0][1] == v[1][1] for v in number.values()), number
channels = sorted(e["args"]["channel"] for e in spans if e["cat"] == "chunk")
assert channels == list(range(12)), channels
assert sum(e["args"].get("bytes", 0) for e in spans if e["cat"] == "io" and e["name"] == "write planes") > 12 * 2 * 128 * 128 * 4
rep = next(l for l in map(json.loads, open(glob.glob("results/*/*/*.jsonl")[0])) if l["t"] == "rep")
for phase, times in rep["phases"].items():  # of both ranks, by their mean over threads
    ours = sum(e["dur"] / e["args"].get("team", 1) for e in spans if e["cat"] == "phase" and e["name"] == phase) * 1e-6
    assert abs(ours - 2 * times["mean_s"]) < 0.001 + 0.01 * ours, (phase, ours, times)
P
"$IMGBENCH" trace summary b.json >summary.txt || fail "summary: $?"
"$IMGBENCH" trace summary a.json --format json >summary.json || fail "summary: $?"
"$PYTHON" - <<'P'
import json
from check import load
one, (trace, events, names, spans, sent, received) = json.load(open("summary.json")), load("a.json")
whole = (max(e["ts"] + e["dur"] for e in spans) - min(e["ts"] for e in spans)) * 1e-6
path = sum(row["s"] for row in one["critical_path"])
assert abs(path - whole) < 0.01 + 0.02 * whole, (path, whole)  # from the end of the main threads to the very beginning
assert {row["rank"] for row in one["threads"]} == {0, 1} and all(row["rank"] != row["awaited"] for row in one["waits"])
P
# Two ranks whose story is known. Rank 1 works for 4 s, rank 0 for 1 s; then all meet, with a second for the network. Rank 0 sends a
# message after 2 s more, which rank 1 has awaited since then and gets half a second later; it works for 1 s to the end at 9.5 s.
"$PYTHON" - <<'P'
import json
def span(pid, at, end, name, cat, **args):
    return {"ph": "X", "pid": pid, "tid": 0, "ts": at * 1e6, "dur": (end - at) * 1e6, "name": name, "cat": cat, "args": args}
events = [span(0, 0, 1, "grid", "phase"), span(1, 0, 4, "fft", "phase"),
          span(0, 1, 5, "allreduce", "mpi", collective=7), span(1, 4, 5, "allreduce", "mpi", collective=7),
          span(0, 5, 8, "write", "phase"), span(0, 7, 8, "send", "mpi", to=1, tag=3, message=0),
          span(1, 5, 8.5, "receive", "mpi", **{"from": 0}, tag=3, message=0), span(1, 8.5, 9.5, "close", "phase"),
          span(0, 8, 8.25, "broadcast", "mpi", collective=8, root=0), span(1, 9.5, 9.5, "broadcast", "mpi", collective=8, root=0)]
with open("known.json", "w") as f:
    f.write('{"displayTimeUnit":"ms",\n"otherData":{"dropped":"0"},\n"traceEvents":[\n' + ",\n".join(map(json.dumps, events)).replace('{"ph": ', '{"ph":') + "\n]}\n")
P
"$IMGBENCH" trace summary known.json --format json >known.txt || fail "summary: $?"
"$PYTHON" - <<'P'
import json
one = json.load(open("known.txt"))
near = lambda a, b: abs(a - b) < 2e-3 * max(abs(b), 1)
path = {(row["rank"], row["what"]): row["s"] for row in one["critical_path"]}
want = {(1, "fft"): 4, (0, "allreduce"): 1, (0, "write"): 2, (1, "receive"): 1.5, (1, "close"): 1}
assert set(path) == set(want) and all(near(path[k], want[k]) for k in want), path
waits = {(row["rank"], row["awaited"]): (row["times"], row["s"]) for row in one["waits"]}
assert waits == {(0, 1): (1, 3), (1, 0): (1, 2)}, waits
# Busy: rank 0 1 + 2 + 1.25 s to its end at 9.5, rank 1 4 + 1. Without the network they meet at 4, the message comes at 6, all ends at 7.
busiest, ideal, whole = 5, 7, 9.5
assert one["communication"] == f"{busiest / whole:.4f}, of it serialisation {busiest / ideal:.4f} x transfer {ideal / whole:.4f}", one["communication"]
P
grep -q '^communication efficiency: ' summary.txt || fail "no replay of $(cat summary.txt)"
grep -q '^Who waited for whom' summary.txt || fail "$(cat summary.txt)"

# Little room; a name that cannot be; a stop by SIGTERM, by the time limit.
on 1 sim:point,times=4,baselines=20,channels=400,imsize=32 --output c.hdf5 --trace c.json --trace-memory 64KiB --record none --quiet >c.txt 2>&1 || fail "$(cat c.txt)"
grep -q 'had no room' c.txt || fail "$(cat c.txt)"
"$PYTHON" -c 'from check import load; assert int(load("c.json")[0]["otherData"]["dropped"]) > 0'
refused 74 'trace: create' $sim --output d.hdf5 --trace nowhere/d.json
long=sim:point,times=400,baselines=300,channels=400,imsize=256
timeout -k 60 100 "$IMGBENCH" $long --output e.hdf5 --trace e.json --record none --quiet >e.txt 2>&1 &
process=$!
for i in $(seq 200); do [ -d e.hdf5.run ] && break; sleep 0.05; done
sleep 0.5
kill -TERM $process
sleep 0.02
kill -TERM $process || : # as a group and its members get it: one request
rc=0
wait $process || rc=$?
[ $rc = 75 ] || fail "after SIGTERM: $rc $(cat e.txt)"
rc=0
on 2 $long --output f.hdf5 --trace f.json --record none --time-limit 0.5 --quiet >f.txt 2>&1 || rc=$?
[ $rc = 75 ] || fail "at the time limit: $rc $(cat f.txt)"
"$PYTHON" -c 'from check import load; [load(n) for n in ("e.json", "f.json")]'
[ ! -e e.json.part ] || fail "e.json.part is left"

# A rank whose clock is 1000 s ahead: messages still arrive after they were sent.
cat >ahead.sh <<'S'
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec unshare --time --monotonic 1000 "$@"
exec "$@"
S
if unshare --time --monotonic 1000 true 2>/dev/null; then
    timeout -k 5 60 "$MPIEXEC" -n 2 sh ahead.sh "$IMGBENCH" $sim --mode mfs --output g.hdf5 --trace g.json --record none --quiet >g.txt 2>&1 || fail "$(cat g.txt)"
    "$PYTHON" - <<'P'
from check import load
trace, events, names, spans, sent, received = load("g.json")
error = 2 * float(trace["otherData"]["clock_error_us"]) + 1
assert max(e["ts"] for e in spans) < 100e6 and sent, max(e["ts"] for e in spans)
assert all(received[k]["ts"] >= sent[k]["ts"] - error for k in sent)
P
else
    echo "no time namespaces here: clocks that differ were not tried"
fi

# The example of docs/tracing.md, alone and on two ranks.
sed -n '/^```c$/,/^```$/p' "$IMGBENCH_SOURCE/docs/tracing.md" | grep -v '^```' >solve.c
cc -std=c11 -Wall -Wextra -Werror -I"$IMGBENCH_SOURCE/include" solve.c -L"$IMGBENCH_BUILD" -limgbench_trace -pthread -o solve ||
    fail "the example does not compile"
./solve >/dev/null && [ ! -e solve.json ] || fail "recorded without being asked"
IMGBENCH_TRACE=solve.json ./solve >/dev/null
for n in 0 1; do OMPI_COMM_WORLD_RANK=$n IMGBENCH_TRACE=solve.json ./solve >/dev/null; done
"$IMGBENCH" trace merge all.json solve.json.0 solve.json.1 solve.json || fail "merge: $?"
"$IMGBENCH" trace summary all.json >all.txt || fail "summary: $?"
grep -Eq '^iterate +9 ' all.txt || fail "$(cat all.txt)"
"$PYTHON" - <<'P'
from check import load
trace, events, names, spans, sent, received = load("solve.json")
assert [e["name"] for e in spans] == ["step", "iterate"] * 3 + ["output"] and spans[-1]["args"]["value"] == 9, spans
assert names[0, 0] == "solver" and abs([e["args"]["value"] for e in events if e["ph"] == "C"][-1] - 2 ** 0.5) < 1e-12, (names, events[-3:])
assert sorted({e["pid"] for e in load("all.json")[3]}) == [0, 1, 2]
P
"$IMGBENCH" trace summary "$IMGBENCH_SOURCE/README.md" 2>err.txt && fail "README.md is no trace"
grep -q 'no trace' err.txt || fail "$(cat err.txt)"
