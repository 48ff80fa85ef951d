#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A plane becomes a PNG, whatever its files are called; without gnuplot the sentence says what to install.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
command -v gnuplot >/dev/null || skip "gnuplot is not installed"
image 1 small sim:chiles,time=0.002,channel=0.0002,image=0.1 --fits
"$IMGBENCH" view small.hdf5 >out.txt
[ "$(cat out.txt)" = small.png ] || fail "said $(cat out.txt)"

# A primary beam that is blank beyond half of the side, at 0.3 on the left and 1 on the right of it.
cp small.hdf5 other.hdf5
cp small.hdf5 other.pb.hdf5
"$PYTHON" - <<'P' || skip "$PYTHON has no h5py and numpy"
import sys
try:
    import h5py, numpy
except ImportError:
    sys.exit(1)
with h5py.File("other.hdf5", "r+") as cube, h5py.File("other.pb.hdf5", "r+") as beam:
    beam["0/DATA"][..., :50] = 0.3
    beam["0/DATA"][..., 50:] = 1
    cube["0/DATA"][..., :40, :] = numpy.nan
P

# picture NAME WIDTH HEIGHT [grey]: such a PNG, not blank; grey: says what share of the plane has the grey of blank pixels.
picture() {
    "$PYTHON" - "$@" <<'P' || fail "picture $1"
import struct, sys, zlib
name, want = sys.argv[1], (int(sys.argv[2]), int(sys.argv[3]))
data = open(name, "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND", name
size = struct.unpack(">II", data[16:24])
assert size == want, (name, size)
at, packed = 8, b""
while at < len(data):
    length, kind = struct.unpack(">I4s", data[at:at + 8])
    packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
    at += length + 12
depth, colour = data[24], data[25]
assert depth == 8 and colour in (2, 6), (depth, colour)
width, n = size[0], 3 if colour == 2 else 4
assert len(set(zlib.decompress(packed))) > 100, name + " is blank"
if len(sys.argv) < 5:
    sys.exit()
raw, line, pixels = zlib.decompress(packed), bytearray(width * n), {}
for row in range(size[1]):                      # undo the filters of the format
    start = row * (width * n + 1)
    kind, now = raw[start], bytearray(raw[start + 1:start + 1 + width * n])
    for i in range(width * n):
        left, up, corner = (now[i - n] if i >= n else 0), line[i], (line[i - n] if i >= n else 0)
        guess = left + up - corner
        nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        now[i] = (now[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
    line = now
    for i in range(0, width * n, n):
        pixels[bytes(now[i:i + 3])] = pixels.get(bytes(now[i:i + 3]), 0) + 1
assert len(pixels) > 100, (name, len(pixels))
print("%.2f" % (pixels.get(b"\x90\x90\x90", 0) / 700 / 700))
P
}
picture small.png 1330 835
"$IMGBENCH" view other.hdf5 --scale asinh --range 1%,99% >/dev/null # no PSF beside, but a primary beam
picture other.png 915 835 grey >share.txt
grep -qx '0.[34][0-9]' share.txt || fail "40 of 100 rows are blank, grey: $(cat share.txt)"
"$IMGBENCH" view other.hdf5 --pb no --scale asinh --range 1%,99% -o bare.png >/dev/null
! cmp -s other.png bare.png || fail "the primary beam has no contour"

# The same plane, however it is named and whichever format it is in.
for how in "--channel 3" "--plane 3" "--plane=3,0" "--channel 950.0468MHz --stokes RR" "--channel 950.0468MHz --zoom 400arcsec" "--stokes 0"; do
    "$IMGBENCH" view small.hdf5 $how -o same.png >/dev/null
    cmp -s same.png small.png || fail "$how is another plane"
done
"$IMGBENCH" view small.fits -o fits.png >/dev/null
cmp -s fits.png small.png || fail "another picture from FITS"
"$IMGBENCH" view small.hdf5 --stokes ll --zoom 30arcsec,10arcsec,-10arcsec --colour diverging --psf no -o zoom.png >/dev/null
picture zoom.png 915 835
"$IMGBENCH" view small.psf.hdf5 --colour negative -o psf.png >/dev/null

odd="it's \`touch hit\` \$(touch hit); a #b"
cp small.hdf5 "$odd.hdf5"
"$IMGBENCH" view "$odd.hdf5" --plane 0 >/dev/null
"$IMGBENCH" view "$odd.hdf5" --plane=1,0 -o "$odd 2.png" >/dev/null
[ ! -e hit ] || fail "a file name was executed"
[ -s "$odd.png" ] && [ -s "$odd 2.png" ] || fail "no picture of $odd"
[ "$(find . -name '*.part')" = "" ] || fail "left $(find . -name '*.part')"

# refused CODE WORDS ARGUMENTS...
refused() {
    want=$1 words=$2
    shift 2
    rc=0
    "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = "$want" ] && grep -q "$words" err.txt || fail "$* ended with $rc: $(cat err.txt)"
}
head -c 5000 small.fits >cut.fits
head -c 5000 small.hdf5 >cut.hdf5
refused 69 'apt-get install gnuplot-nox' env PATH=/nowhere "$IMGBENCH" view small.hdf5
refused 74 'no-folder' "$IMGBENCH" view small.hdf5 -o no-folder/x.png
refused 2 'needs a cube' "$IMGBENCH" view
refused 2 'no channel 1000000' "$IMGBENCH" view small.hdf5 --plane 1000000
refused 2 'no channel -1' "$IMGBENCH" view small.hdf5 --plane -1
refused 2 'neither a number nor a frequency' "$IMGBENCH" view small.hdf5 --channel high
refused 2 'no Stokes plane Q; the cube has RR, LL' "$IMGBENCH" view small.hdf5 --stokes Q
refused 2 'give either' "$IMGBENCH" view small.hdf5 --plane 1 --channel 1
refused 2 'ends in .png' "$IMGBENCH" view small.hdf5 -o x.pdf
refused 2 'neither linear nor asinh' "$IMGBENCH" view small.hdf5 --scale log
refused 2 'none of cubehelix' "$IMGBENCH" view small.hdf5 --colour red
refused 2 'is not LOW,HIGH' "$IMGBENCH" view small.hdf5 --range 2,1
refused 2 'is not between 0% and 100%' "$IMGBENCH" view small.hdf5 --range 1%,101%
refused 2 'nothing of the image' "$IMGBENCH" view small.hdf5 --zoom 1arcsec,1deg,0
refused 2 'has no unit' "$IMGBENCH" view small.hdf5 --zoom 5
refused 2 'did you mean --stokes' "$IMGBENCH" view small.hdf5 --stoke I
refused 2 'none of yes, no, auto' "$IMGBENCH" view small.hdf5 --pb maybe
refused 65 'small.pb.hdf5' "$IMGBENCH" view small.hdf5 --pb yes
refused 65 'no-file.hdf5' "$IMGBENCH" view no-file.hdf5
refused 65 'not an HDF5 file' "$IMGBENCH" view err.txt
refused 65 'cut.fits' "$IMGBENCH" view cut.fits
refused 65 'cut.hdf5' "$IMGBENCH" view cut.hdf5
