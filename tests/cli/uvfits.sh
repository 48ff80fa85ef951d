#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# UVFITS in every dress gives the same image, byte for byte, as the same samples in native visibilities: names, scales,
# dates, baselines, axes, tables (tests/make_uvfits.py says what each variant is).
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
make_uvfits() {
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_uvfits.py" "$@"
}

# compare TWIN NAMES...: the pixels of NAME.hdf5 and TWIN.hdf5; TWIN "": of NAME-twin.hdf5.
compare() {
    "$PYTHON" - "$@" <<'P' || fail "images differ"
import h5py, numpy, sys
bad = 0
for name in sys.argv[2:]:
    ours, twin = (h5py.File(file + ".hdf5")["/0/DATA"][()] for file in (name, sys.argv[1] or name + "-twin"))
    same = ours.tobytes() == twin.tobytes()
    peak = numpy.unravel_index(numpy.nanargmax(ours[0, 0]), ours[0, 0].shape)
    print("%s %s: %s, peak %.6f at %s" % ("ok    " if same else "NOT OK", name, ours.shape, ours[0, 0][peak], peak))
    bad += not same or peak != (36, 25) or not ours.size
sys.exit(bad > 0)
P
}
size="--cell 20arcsec --imsize 64 --no-psf"

# With twins of their own, and other dresses of "point".
differ="point lambda zero noweight linear ascending hand stokesi iquv ifs setups freqid namelessifs auto badweights integers doubles"
alike="short dashes blanks scaledlambda onedate threedates many pair order noif nameless onesource othernames nosu noantennas subarrays trailer"
for variant in $differ $alike; do
    make_uvfits "$variant.uvfits" "$variant" "$variant.h5"
    # shellcheck disable=SC2086 # $size is words
    image 1 "$variant" "$variant.uvfits" $size
done
for variant in $differ; do
    # shellcheck disable=SC2086
    image 1 "$variant-twin" "$variant.h5" $size
done
# shellcheck disable=SC2086
compare "" $differ
# shellcheck disable=SC2086
compare point $alike

# Times of rows and the place of the array, which spectral frames need.
make_uvfits threedates.uvfits threedates threedates.h5
for file in threedates.uvfits threedates.h5; do
    # shellcheck disable=SC2086
    image 1 "frame-${file#*.}" $file $size --frame lsrk
done
mv frame-h5.hdf5 frame-uvfits-twin.hdf5
compare "" frame-uvfits
# shellcheck disable=SC2086
refused 65 'where on the Earth' noantennas.uvfits $size --frame lsrk

# Selections: a source by name, IFs by number and name, channels; what is not there is refused.
make_uvfits sources.uvfits sources sources.h5
for pair in "sources:--field 3C48" "sources:--field OTHER" "ifs:--spw IF2 --channels 1" "setups:--spw 1,3" \
    "setups:--mode mfs --channels 0-1"; do
    file=${pair%%:*} selection=${pair#*:}
    # shellcheck disable=SC2086
    image 1 some "$file.uvfits" $size --overwrite $selection
    # shellcheck disable=SC2046,SC2086
    image 1 some-twin "$file.h5" $size --overwrite $(echo "$selection" | sed 's/IF2/1/')
    echo "$pair"
    compare "" some
done
refused 2 'IF5.*IF1' ifs.uvfits --spw IF5
refused 2 'field' sources.uvfits --field NONE

# Ranks, chunks and memory cut reads differently: the same bytes.
# shellcheck disable=SC2086
image 2 ifs-two ifs.uvfits $size
# shellcheck disable=SC2086
image 1 ifs-chunks ifs.uvfits $size --chunks 5
same ifs.hdf5 ifs-two.hdf5
same ifs.hdf5 ifs-chunks.hdf5

# Directions of 1950 stay as they are, and the cube says so.
for variant in b1950 besselian; do
    make_uvfits $variant.uvfits $variant
    # shellcheck disable=SC2086
    image 1 $variant $variant.uvfits $size --fits
done
"$PYTHON" - <<'P' || fail "frame"
from astropy.io import fits
assert fits.getheader("besselian.fits")["RADESYS"] == "FK4" and fits.getheader("besselian.fits")["EQUINOX"] == 1950
header = fits.getheader("b1950.fits")
assert header["RADESYS"] == "FK4" and header["EQUINOX"] == 1950, header
assert abs(header["CRVAL1"] - 150) < 1e-9 and header["SPECSYS"] == "TOPOCENT", header
assert header["DATE-OBS"].startswith("2017-09-04T05:59:23"), header["DATE-OBS"]  # 6 h IAT
P

# Nothing is left: a sentence, and no file.
make_uvfits flagged.uvfits flagged
refused 65 'flagged' flagged.uvfits --cell 20arcsec --imsize 64
