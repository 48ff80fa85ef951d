#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What people say of commits is a record, counts where it is meant and until it is ended: an accepted step is no alarm, a new baseline
# begins where it says, ignored launches do not count.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" - >some.in <<'P'
import json, random
random.seed(5)
for i in range(16):
    for k in range(4):
        for machine in "one", "two":
            T = 30 * (1.1 if i >= 8 else 1) * random.gauss(1, 0.004)
            print(json.dumps(dict(commit=f"{i + 1:040x}", commit_time=f"2026-01-{i + 1:02d}T00:00:00Z", T=T, machine=machine, phases=dict(grid=0.7 * T))))
P
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" results <some.in >/dev/null
step=0000000000000000000000000000000000000009
told() {
    code=$1 pattern=$2
    shift 2
    rc=0
    "$IMGBENCH" "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$code" ] || fail "$*: $rc, not $code: $(cat out.txt err.txt)"
    cat out.txt err.txt | grep -Eq -e "$pattern" || fail "$*: no $pattern in: $(cat out.txt err.txt)"
}
id() {
    "$IMGBENCH" note ls --format json | "$PYTHON" -c "import json, sys; print(json.load(sys.stdin)['notes'][$1]['id'])"
}
told 3 'T regressed' gate
told 0 '^noted, accepted at 0000000000: results/' note accepted $step --text "one machine's new disk | <b>" --author "A. B." --where machine=one
told 3 'machine=two|two: .* regressed|, two' gate
told 3 'accepted: \+(9|10)\.[0-9] % .*one machine' gate
told 0 'noted, known-regression' note known-regression $step --text 'see issue 7' --where machine=two --metric T
told 3 'grid regressed' gate # of machine two
told 0 '^T: accepted: .*known-regression: see issue 7' trend machine=two
told 0 '' report
"$PYTHON" "$IMGBENCH_SOURCE/tests/check_html.py" report.html 'T: accepted' "one machine's new disk | <b>" 'A. B.' 'see issue 7'
told 0 'accepted .*machine=one .*A. B.' note ls
told 0 'no longer holds' note expire "$(id 1)" --text 'mended'
told 3 'T regressed' gate --where machine=two
told 0 'noted, baseline-reset' note baseline-reset $step --text 'a new compiler'
told 0 '^decision: passed' gate
told 0 '^T: steady: 8 commits' trend machine=two
told 0 'no longer holds' note expire "$(id 1)"
for i in 10 11 12 13 14 15 16 9; do
    told 0 'noted, ignore' note ignore "$(printf %040x $i)" --text 'measured while the disk was failing' --where machine=two
done
told 0 '^decision: passed' gate --where machine=two
told 0 '^T: steady: 8 commits' trend machine=two
"$IMGBENCH" db rebuild
told 0 '^T: steady: 8 commits' trend machine=two
told 2 'say why' note accepted $step
told 2 'did you mean accepted' note acepted $step --text x
told 2 'neither T nor a phase' note accepted $step --text x --metric G
told 2 'neither an option nor a fact' note accepted $step --text x --where machin=one
told 7 'no launch satisfies' note accepted $step --text x --where machine=three
told 7 'no launch of "abcdefgh"' note accepted abcdefgh --text x
told 7 'no note that holds' note expire 123456
