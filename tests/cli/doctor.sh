#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# The doctor tells what this machine is and what it found, each with its remedy; its exit codes say whether launches work and could be
# reportable; it leaves nothing behind.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
rc=0
TMPDIR=$PWD "$IMGBENCH" doctor --require-reportable --format json >doctor.json 2>err.txt || rc=$?
[ "$rc" = 6 ] && grep -q 'no launch on this machine could be reportable' err.txt || fail "never calibrated: $rc, $(cat err.txt)"
"$PYTHON" - <<'P'
import json
d = json.load(open("doctor.json"))
found = {f["topic"]: f for f in d["findings"]}
for topic in "mpirun -n N", "build", "binding", "neighbours", "steal", "clocks", "calibration", "noise":
    assert topic in found, (topic, list(found))
assert found["calibration"]["severity"] == "not reportable" and "imgbench calibrate" in found["calibration"]["remedy"], found["calibration"]
assert all(f["remedy"] for f in d["findings"] if f["severity"] not in ("fine", "note")), d["findings"]
assert d["reportable"].startswith("no"), d
P
[ "$(ls)" = "doctor.json
err.txt" ] || fail "left: $(ls)"

# Without mpirun nothing can be launched; with one that refuses its words are told.
mkdir none refuses
printf '#!/bin/sh\necho "mpirun: this cluster is closed" >&2\nexit 1\n' >refuses/mpirun
chmod +x refuses/mpirun
for folder in none refuses; do
    rc=0
    PATH=$PWD/$folder "$IMGBENCH" doctor >out.txt 2>err.txt || rc=$?
    [ "$rc" = 8 ] || fail "$folder: $rc, $(cat out.txt err.txt)"
done
grep -q 'broken, mpirun: a launch failed: mpirun: this cluster is closed' out.txt || fail "$(cat out.txt)"
rc=0
"$IMGBENCH" doctor here >/dev/null 2>err.txt || rc=$?
[ "$rc" = 2 ] && grep -q 'takes no input' err.txt || fail "an operand: $rc"
rc=0
"$IMGBENCH" doctor --folder nowhere >/dev/null 2>err.txt || rc=$?
[ "$rc" = 74 ] && grep -q 'doctor --folder: nowhere: No such file' err.txt || fail "a folder that is not there: $rc, $(cat err.txt)"
