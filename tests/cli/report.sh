#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# One page tells what the records hold: it is well-formed, needs nothing but itself, repeats its bytes, shows hostile texts as texts,
# and where nothing is known it says which command would tell.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
check() {
    "$PYTHON" "$IMGBENCH_SOURCE/tests/check_html.py" "$@" || fail "$1"
}
"$PYTHON" - >many.in <<'P'
import json, random
random.seed(3)
for i in range(12):
    for k in range(4):
        for ranks in 1, 2:
            T = 30 / ranks * (1.1 if i >= 8 else 1) * random.gauss(1, 0.004)
            print(json.dumps(dict(commit=f"{i + 1:040x}", commit_time=f"2026-01-{i + 1:02d}T00:00:00Z", T=T, ranks=ranks, threads=1,
                                  kernel="Linux 6" if i < 4 else "Linux 7", phases=dict(read=0.2 * T, grid=0.7 * T, write=0.1 * T))))
bad = "<script>alert(1)</script>"
print(json.dumps(dict(tag=bad + "\u202e\u0001'\"&", input="</style><img src=x onerror=alert(2)>", describe="]]>" + bad, kernel="<!--", cc="\ud83d\ude80" * 40,
                      machine="x", status="failed", params={"isa": "a b'c"})))
P
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" many <many.in >/dev/null
"$IMGBENCH" report --record many -o many.html --title 'Times <of> "us"' >out.txt 2>err.txt || fail "$(cat err.txt)"
grep -q '97 launches' out.txt || fail "$(cat out.txt)"
check many.html 'Times <of> "us"' 'T: regressed' '2 ranks: ' 'times as fast as on 1 (' 'Most time: grid, 70 %' 'of sim:chiles, 2 x 1, quiet' 'Launches of no campaign over ranks' 'Efficiency' 'kernel: Linux 6 -> Linux 7' \
    'mpirun -n 2 build/imgbench' '</style><img src=x onerror=alert(2)>' '<script>alert(1)</script>' 'imgbench calibrate' 'imgbench ab main my-branch'
"$IMGBENCH" report --record many -o again.html --title 'Times <of> "us"' >/dev/null
same many.html again.html
"$IMGBENCH" report --record many --format md -o many.md >/dev/null
grep -q '^## Verdicts$' many.md && grep -q '^- T: regressed: +' many.md && ! grep -q '<svg' many.md || fail "Markdown"
"$IMGBENCH" report --record many -o some.html ranks=2 'day<2026-01-02' >/dev/null
check some.html '48 launches on 1 machine'

# A launch of our own, with its picture.
image 1 cube sim:chiles,times=2,channels=4,image=0.05
"$IMGBENCH" sim:chiles,times=2,channels=4,image=0.05 -o one.hdf5 --quiet >/dev/null 2>err.txt || fail "$(cat err.txt)"
"$IMGBENCH" report --image cube.hdf5,cube.psf.hdf5,nowhere.hdf5 >/dev/null 2>err.txt || fail "$(cat err.txt)"
grep -q 'nowhere.hdf5' err.txt || fail "a missing cube was not told: $(cat err.txt)"
check report.html '1 launch on 1 machine' 'cube.hdf5' 'channel 2 of 4' 'OMP_NUM_THREADS=1 mpirun -n 1 build/imgbench' 'More of them fill this part' '% useful' 'planned'
[ "$(grep -c '<img' report.html)" = 2 ] || fail "two pictures were asked for"
"$PYTHON" - <<'P'
import base64, re, zlib
for data in re.findall(r'data:image/png;base64,([^"]*)', open("report.html").read()):
    png, at, raw = base64.b64decode(data, validate=True), 8, b""
    while at < len(png):
        n, kind = int.from_bytes(png[at:at + 4], "big"), png[at + 4:at + 8]
        assert zlib.crc32(png[at + 4:at + 8 + n]) == int.from_bytes(png[at + 8 + n:at + 12 + n], "big"), kind
        if kind == b"IHDR":
            width, height = (int.from_bytes(png[at + 8 + 4 * i:at + 12 + 4 * i], "big") for i in (0, 1))
        raw += png[at + 8:at + 8 + n] if kind == b"IDAT" else b""
        at += n + 12
    pixels = zlib.decompress(raw)
    assert len(pixels) == height * (width + 1) and len(set(pixels)) > 20, (width, height)
P

# Nothing yet, nothing that fits, nowhere to write.
told() {
    rc=0
    code=$1 pattern=$2
    shift 2
    "$IMGBENCH" report "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$code" ] && grep -q "$pattern" err.txt || fail "report $*: $rc, $(cat err.txt)"
}
mkdir empty
told 7 'no launch in empty' --record empty -o empty.html
check empty.html 'No launch is recorded' 'imgbench report'
told 7 'no history' --record nowhere
told 7 'satisfies ranks=7' --record many ranks=7 -o none.html
told 74 'create nowhere/x.html' --record many -o nowhere/x.html
told 2 'neither html nor md' --record many --format pdf
[ ! -e nowhere ] && ! ls ./*.part 2>/dev/null || fail "something half-written was left"
