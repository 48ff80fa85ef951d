#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# MeasurementSets without a usable sample, in contradiction with themselves, or damaged.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
size="--cell 20arcsec --imsize 64"
make_ms() {
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" "$@"
}

# refused_set CODE PATTERN VARIANT
refused_set() {
    make_ms "$3.ms" "$3"
    # shellcheck disable=SC2086 # $size is words
    refused "$1" "$2" "$3.ms" $size
    rm -rf "$3.ms"
}
refused_set 65 'flagged' flagged
refused_set 65 'finite|usable' nandata
refused_set 65 'weight' negative
refused_set 65 'row|empty' empty
refused_set 65 'FLAG' badflag
refused_set 65 'NUM_CHAN|channels' badchannels
refused_set 65 'row 7' badantenna
refused_set 65 'row 9' badfield
refused_set 65 'frequency' badfrequency

# Every baseline of no length gives no resolution to derive a cell from, but an image where a cell is given.
make_ms zero.ms zerouvw
refused 65 'cell' zero.ms
# shellcheck disable=SC2086
image 2 zero zero.ms $size
refused 2 'NO_SUCH.*DATA' --column NO_SUCH zero.ms $size
rm -rf zero.ms zero.hdf5 zero.psf.hdf5

# Some samples that are not finite, some coordinates: counted, left out.
for variant in nan nanuvw; do
    make_ms some.ms $variant
    # shellcheck disable=SC2086
    on 1 some.ms $size --output some.hdf5 --record "" --quiet --format json >some.json 2>some.err || fail "$(cat some.err)"
    "$PYTHON" - <<'P' || fail "$variant"
import json, h5py, numpy
counts = json.load(open("some.json"))["counts"]
assert counts["not_finite"] > 0 and counts["gridded"] > 0, counts
assert counts["read"] == sum(n for key, n in counts.items() if key != "read"), counts
image = h5py.File("some.hdf5")["/0/DATA"][0, 0]
assert numpy.isfinite(image).all()
at = numpy.unravel_index(image.argmax(), image.shape)
assert at == (32 + 4, 32 - 7) and abs(image.max() - 1) < 0.02, (at, image.max())
P
    rm -rf some.*
done

# Files of the set missing, empty or cut in half. Casacore names what it misses; it must not take the ranks with it.
make_ms good.ms point
for file in table.dat table.f0 FIELD/table.dat SPECTRAL_WINDOW/table.f0 ANTENNA; do
    [ -e "good.ms/$file" ] || continue
    cp -r good.ms bad.ms
    rm -r "bad.ms/$file"
    # shellcheck disable=SC2086
    refused 65 'bad\.ms' bad.ms $size
    rm -r bad.ms
done
for file in table.dat table.f0 POLARIZATION/table.dat; do
    cp -r good.ms bad.ms
    head -c $(($(stat -c %s "good.ms/$file") / 2)) "good.ms/$file" >"bad.ms/$file"
    # shellcheck disable=SC2086
    refused 65 'bad\.ms' bad.ms $size
    rm -r bad.ms
done
