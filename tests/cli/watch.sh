#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# What threads and ranks did is recorded so that nothing is left over: activities of a rank add up to its time, factors to the share of useful time, and
# memory over time ends where the peak says.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "${IMGBENCH_SANITIZED-}" ] || skip "sanitizers have threads and memory of their own"
sim=sim:point,times=40,baselines=200,channels=8,imsize=256
on 2 $sim --threads 2 --output a.hdf5 --monitor 0.01 --quiet >a.txt 2>&1 || fail "$(cat a.txt)"
grep -q '^threads .* of their time useful: MPI balance' a.txt || fail "no efficiency in $(cat a.txt)"
on 2 $sim --threads 2 --output b.hdf5 --monitor 0 --record unseen --format json --quiet >b.json 2>err.txt || fail "$(cat err.txt)"
"$PYTHON" - <<'P'
import glob, json
near = lambda a, b, r: abs(a - b) <= r * abs(b)
record = {}
for line in open(glob.glob("results/*/*/*.jsonl")[0]):
    line = json.loads(line)
    record[line["t"]] = line
rep, vec, seen, e = record["rep"], record["vec"], record["monitor"], record["rep"]["efficiency"]
T = rep["T_s"]
for r in range(2):
    spent = [vec[k][r] for k in ("serial_s", "team_s", "storing_s", "messaging_s")]
    print(f"rank {r}: {spent} of {T}")
    # T is rank 0's; ranks begin and end when a busy machine lets them
    assert all(s >= 0 for s in spent) and abs(sum(spent) - T) < 0.02 * T + (0.3 if r else 0.02), (spent, T)
    assert vec["work_s"][r] + vec["team_storing_s"][r] <= 2 * vec["team_s"][r] * (1 + 1e-6)
    # both threads compute: the loops over channels and planes are shared
    assert len(vec["busy_s"][r]) == 2 and all(b > 0 for b in vec["busy_s"][r]), vec["busy_s"]
    assert near(sum(vec["busy_s"][r]), vec["serial_s"][r] + vec["work_s"][r], 1e-5)
    at, cpu, memory = (seen[k][r] for k in ("at_s", "cpu_s", "resident_bytes"))
    assert len(at) == len(cpu) == len(memory) >= 2 and len(at) <= 64 and at == sorted(at) and cpu == sorted(cpu), seen
    assert abs(at[-1] - T) < 0.05 * T + 0.3 and max(memory) <= 1.1 * rep["memory"]["peak_bytes"], (at[-1], T, max(memory))
assert max(cpu[-1] for cpu in seen["cpu_s"]) > 0.2 * rep["phases"]["grid"]["mean_s"]
product = 1.0
for k in ("mpi_balance", "communication", "io", "serial", "team"):
    assert 0 < e[k] <= 1 + 1e-9, e
    product *= e[k]
assert near(product, e["parallel"], 1e-9) and near(e["parallel"], rep["shares"]["useful_s"] / (4 * T), 1e-9), e
one = json.load(open("b.json"))
assert one["efficiency"]["parallel"] > 0 and one["steady"]["threads"] == 4, one["steady"]
assert '"t":"monitor"' not in open(glob.glob("unseen/*/*/*.jsonl")[0]).read()
P
"$IMGBENCH" show >show.txt || fail "show: $?"
grep -q '^rank  alone, s' show.txt || fail "no table of ranks: $(cat show.txt)"
if command -v gnuplot >/dev/null; then
    "$IMGBENCH" show --plot c.svg >/dev/null || fail "show --plot: $?"
    grep -q 'busy processors' c.svg || fail "not drawn: $(head -c 300 c.svg)"
    "$IMGBENCH" show --record unseen --plot d.svg >/dev/null 2>err.txt && fail "drew what was not seen"
    grep -q 'monitor' err.txt || fail "$(cat err.txt)"
fi
