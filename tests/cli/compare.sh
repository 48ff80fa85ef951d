#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Stored launches are compared honestly: a slow-down is told by exit code 3, equality is shown and not assumed, what is wrong is
# never ranked, too few launches and a changed environment are said to be just that.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" - <<'P' | "$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" results >/dev/null
import json
# Six quiet launches: noise of 1 %, made by hand so that every verdict below is certain.
noise = [0.992, 1.004, 0.997, 1.009, 1.001, 0.995]
def launches(letter, factor, n=6, **more):
    for k in range(n):
        T = 100 * factor * noise[(k + ord(letter)) % 6]
        print(json.dumps(dict(commit=letter * 40, T=T, phases=dict(grid=0.7 * T, fft=20 * noise[k], write=0.5), **more)))
launches("a", 1)
launches("b", 1.08)
launches("c", 1.002)
launches("d", 0.9)
launches("e", 0.5, error=1)
launches("f", 1, n=3)
launches("5", 2, n=3)
launches("1", 1.1, kernel="Linux 7")
launches("2", 1.1, dirty=True)
launches("a", 0.8, params=dict(isa="v3"))
launches("3", 1, machine="other")
launches("6", 1.1, rows="d1")
launches("7", 1.2, rows="d2")
for k in range(6):
    print(json.dumps(dict(commit="4" * 40, T=100 * (1 + 0.2 * (k % 3 - 1)))))
P
# verdict CODE PATTERN ARGUMENTS...
verdict() {
    code=$1 pattern=$2
    shift 2
    rc=0
    "$IMGBENCH" compare "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$code" ] || fail "compare $*: $rc, not $code: $(cat out.txt err.txt)"
    cat out.txt err.txt | grep -Eq -e "$pattern" || fail "compare $*: no $pattern in: $(cat out.txt err.txt)"
}
a=aaaaaaaa,isa=auto
verdict 3 'bbbbbbbb,isa=auto is slower than .*: T \+8\.' "$a" bbbbbbbb,isa=auto
verdict 3 ' T .* slower' --where isa=auto aaaaaaaa bbbbbbbb
grep -q ' grid .* slower' out.txt && ! grep -q ' write ' out.txt || fail "phases: $(cat out.txt)"
verdict 0 '^verdict: same ' --where isa=auto aaaaaaaa cccccccc
verdict 0 '^verdict: faster ' --where isa=auto aaaaaaaa dddddddd
verdict 5 'disagrees with the direct Fourier sum' --where isa=auto aaaaaaaa eeeeeeee
verdict 5 'never ranked|wrong image' --where isa=auto eeeeeeee aaaaaaaa
verdict 0 'T .*too few +4$' ffffffff 55555555 # three cannot reach 5 %, whatever they are
verdict 0 'verdict: environment changed' --where isa=auto aaaaaaaa 11111111
grep -q 'kernel: Linux 6 -> Linux 7' out.txt || fail "$(cat out.txt)"
verdict 3 'slower' --where isa=auto --any-environment aaaaaaaa 11111111
verdict 0 'verdict: environment changed' 66666666 77777777 # the input has the same name, and is another one
grep -q 'input: d1 -> d2' out.txt || fail "$(cat out.txt)"
verdict 3 'slower' --where isa=auto aaaaaaaa 66666666 # of which no digest was taken then
verdict 3 'slower' --where isa=auto aaaaaaaa 22222222-dirty
verdict 7 'only .*-dirty|changed sources' --where isa=auto aaaaaaaa 22222222
verdict 0 '^verdict: faster ' commit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,isa=auto aaaaaaaa,isa=v3
verdict 7 'no problem and shape in common' --where isa=auto aaaaaaaa 33333333
verdict 0 'verdict: inconclusive' --where isa=auto aaaaaaaa 44444444
verdict 4 'not decided' --where isa=auto aaaaaaaa 44444444 --strict
verdict 7 'no launch of "99999999"' aaaaaaaa 99999999
verdict 2 'is on both sides' aaaaaaaa aaaaaaaa
verdict 2 'compare needs two' aaaaaaaa
verdict 2 'never ranked' aaaaaaaa bbbbbbbb --allow invalid
verdict 7 '--allow counts lesser' --where isa=auto --allow reportable aaaaaaaa bbbbbbbb

"$IMGBENCH" compare --where isa=auto aaaaaaaa cccccccc --format json >c.json
"$PYTHON" - <<'P'
import json
c = json.load(open("c.json"))
T = c["findings"][0]
assert T["metric"] == "T" and T["verdict"] == "same" and T["n_a"] == T["n_b"] == 6, T
assert -2 < T["low_percent"] < T["change_percent"] < T["high_percent"] < 2, T
P

# The same as a decision for CI.
rc=0
"$IMGBENCH" gate --where isa=auto aaaaaaaa bbbbbbbb --junit gate.xml --format md >gate.md 2>err.txt || rc=$?
[ "$rc" = 3 ] && grep -q '^decision: bbbbbbbb is slower' gate.md || fail "gate: $rc $(cat gate.md err.txt)"
"$PYTHON" - <<'P'
import xml.etree.ElementTree as E
s = E.parse("gate.xml").getroot()
assert s.tag == "testsuite" and int(s.get("tests")) == 3 and int(s.get("failures")) == 2, E.tostring(s)
assert "slower" in s.find("testcase/failure").get("message")
P
"$IMGBENCH" gate --where isa=auto aaaaaaaa cccccccc >gate.txt 2>&1 || fail "$(cat gate.txt)"
grep -q '^decision: passed' gate.txt || fail "$(cat gate.txt)"
