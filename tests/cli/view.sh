#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A plane becomes a PNG, whatever its files are called; without gnuplot the sentence says what to install.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
command -v gnuplot >/dev/null || skip "gnuplot is not installed"
image 1 small sim:chiles,time=0.002,channel=0.0002,image=0.1
"$IMGBENCH" view small.hdf5 >out.txt
[ "$(cat out.txt)" = small.png ] || fail "said $(cat out.txt)"

odd="it's \`touch hit\` \$(touch hit); a #b"
cp small.hdf5 "$odd.hdf5"
"$IMGBENCH" view "$odd.hdf5" --plane 0 >/dev/null
"$IMGBENCH" view "$odd.hdf5" --plane=1,0 -o "$odd 2.png" >/dev/null
[ ! -e hit ] || fail "a file name was executed"
for picture in small.png "$odd.png" "$odd 2.png"; do
    "$PYTHON" - "$picture" <<'P'
import struct, sys
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND", sys.argv[1]
width, height = struct.unpack(">II", data[16:24])
assert width > 300 and height > 300, (width, height)
P
done
[ "$(find . -name '*.part')" = "" ] || fail "left $(find . -name '*.part')"

# refused CODE WORDS ARGUMENTS...
refused() {
    want=$1 words=$2
    shift 2
    rc=0
    "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$want" ] && grep -q "$words" err.txt || fail "$* ended with $rc: $(cat err.txt)"
}
refused 69 'apt-get install gnuplot-nox' env PATH=/nowhere "$IMGBENCH" view small.hdf5
refused 74 'no-folder' "$IMGBENCH" view small.hdf5 -o no-folder/x.png
refused 2 'plane' "$IMGBENCH" view small.hdf5 --plane 1000000
refused 2 'ends in .png' "$IMGBENCH" view small.hdf5 -o x.pdf
