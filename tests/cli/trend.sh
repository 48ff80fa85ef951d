#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Along the commits of a branch a step is found where it is, a spike and noise are none, the newest commit alone and steps of few commits are only suspect,
# and what was settled before --since does not alarm again.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
git init -q repository
git -C repository config user.name nobody
git -C repository config user.email nobody@nowhere
"$PYTHON" - <<'P'
import json, random, subprocess
random.seed(11)
git = lambda *a: subprocess.run(["git", "-C", "repository", *a], check=True, capture_output=True, text=True).stdout.strip()
records = {name: open(name + ".in", "w") for name in ("step", "spike", "newest", "short", "few", "eight", "masked", "wrong")}
commits = []
for i in range(30):
    git("commit", "-q", "--allow-empty", "-m", str(i))
    commits.append(git("rev-parse", "HEAD"))
    if i % 10 == 0:
        git("tag", f"v{i // 10}")
order = list(range(30))
random.shuffle(order) # measured in any order
for i in order:
    noise = lambda: random.gauss(1, 0.01)
    for k in range(5):
        one = dict(commit=commits[i], commit_time="2026-01-01T00:00:00Z", describe=f"v{i // 10}" + (f"-{i % 10}-g{commits[i][:10]}" if i % 10 else ""))
        for name, out in records.items():
            f = {"step": 1.06 if i >= 21 else 1, "spike": 1.3 if i == 14 else 1, "newest": 1.08 if i == 29 else 1,
                 "short": 1, "few": 1.08 if i == 3 else 1, "eight": 1.08 if i >= 4 else 1,
                 "masked": 1 if i < 10 else 1.12 if i < 20 else 1.07, "wrong": 1}[name]
            if i < {"short": 4, "few": 4, "eight": 8}.get(name, 30) and k < (2 if name == "short" else 5):
                T = 100 * f * noise()
                wrong = dict(error=1) if name == "wrong" and i == 29 and k == 0 else {}
                print(json.dumps(dict(one, T=T, phases=dict(grid=0.9 * T, write=0.001), **wrong)), file=out)
print(json.dumps(dict(commit="f" * 40, T=500)), file=records["step"]) # not on the branch
print(json.dumps(dict(commit=commits[29], dirty=True, T=500)), file=records["step"])
P
for name in step spike newest short few eight masked wrong; do
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" $name <$name.in >/dev/null
done
# told CODE PATTERN COMMAND FOLDER ARGUMENTS...
told() {
    code=$1 pattern=$2 command=$3 folder=$4
    shift 4
    rc=0
    "$IMGBENCH" "$command" --record "$folder" --repository repository "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$code" ] || fail "$command of $folder: $rc, not $code: $(cat out.txt err.txt)"
    cat out.txt err.txt | grep -Eq -e "$pattern" || fail "$command of $folder: no $pattern in: $(cat out.txt err.txt)"
}
told 3 '^T: regressed: \+[4-8]\.[0-9] % at v2-1-g' trend step
grep -Eq '^v2-1-g.* \+[4-8]\.[0-9] %, p' out.txt || fail "the step is elsewhere: $(cat out.txt)"
grep -q '1 launches of commits that are not on the branch' out.txt || fail "$(cat out.txt)"
told 3 'grid regressed|T regressed' gate step --junit gate.xml
"$PYTHON" -c 'import xml.etree.ElementTree as E; assert int(E.parse("gate.xml").getroot().get("failures")) >= 1'
told 0 '^decision: passed' gate step --since HEAD~3
told 2 '--since: nowhere is no commit' gate step --since nowhere
told 0 '^T: steady' trend spike
told 0 '^decision: passed' gate spike
told 11 'suspect, \+[5-9]\.[0-9] % at .*imgbench ab' gate newest
told 5 'disagree with the direct Fourier sum' gate wrong
told 0 'too short' trend short
told 4 'two commits and 11 launches at least' gate short --strict
# A test of so few commits cannot tell anything; their launches can, until ab says more.
told 11 'suspect, \+[6-9]\.[0-9] % at v0-3-g.*, few commits: imgbench ab' gate few
"$IMGBENCH" trend --record few --repository repository >out.txt 2>/dev/null || :
grep -Eq '^v0-3-g.* \+[6-9]\.[0-9] %, p' out.txt && grep -Eq '^v0-2-g.* (same|inconclusive)$' out.txt || fail "neighbours: $(cat out.txt)"
told 11 'suspect: \+[6-9]\.[0-9] % at v0-4-g' trend eight
told 0 '^decision: passed' gate eight --since HEAD
# What came down by less than it went up is still a regression.
told 3 'regressed: \+1[12]\.[0-9] % at v1 ' trend masked
told 0 '^decision: passed' gate masked --since HEAD~15
told 0 '^v1 ' trend step --releases
[ "$(grep -c '^v[012] ' out.txt)" = 3 ] && ! grep -q '^v2-' out.txt || fail "releases: $(cat out.txt)"
told 7 'no launch' gate step --where machine=nowhere
told 7 'no history' gate nothing
told 2 'neither T nor a phase' trend step --metric G
"$IMGBENCH" trend --record step --repository repository --format json >trend.json 2>/dev/null || :
"$PYTHON" -c 'import json; t = json.load(open("trend.json")); assert len(t["points"]) == 30 and t["series"][0]["state"] == "regressed", t'

# Without git the time of the commits orders them; all are of one second here, so the launches do.
told 0 'by the time of commits' trend newest --repository .
