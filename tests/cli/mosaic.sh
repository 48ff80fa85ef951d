#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# --gridder mosaic: products, what they hold, and what is refused.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache"

sim=sim:aca-9eb,times=40,channels=2,imsize=160,cell=2arcsec,noise=0
image 1 sky "$sim" --gridder mosaic --normalise flat-sky
image 1 noise "$sim" --gridder mosaic
image 1 plain "$sim" --gridder mosaic --normalise none --no-pb --no-psf
[ ! -e plain.pb.hdf5 ] && [ ! -e plain.weight.hdf5 ] && [ ! -e plain.psf.hdf5 ] || fail "--no-pb writes a primary beam"
image 1 table "$sim" --gridder mosaic --beam "$IMGBENCH_SOURCE/tests/cli/mosaic-beam.txt"
image 1 casa "$sim" --gridder mosaic --beam casa --beam-truncate casa --fits
[ -s casa.pb.fits ] && [ -s casa.weight.fits ] || fail "no FITS cubes of the primary beam and the weights"
"$PYTHON" -c '
import h5py
import numpy as np
def read(name):
    return h5py.File(name + ".hdf5")["0"]["DATA"][()].astype(float)
sky, noise, plain, pb, q, psf = (read(n) for n in ("sky", "noise", "plain", "noise.pb", "noise.weight", "noise.psf"))
top = q.max((2, 3), keepdims=True)
seen = pb > 0.2001
assert np.allclose(pb, np.sqrt(q / top), atol=1e-6) and seen.mean() > 0.1
assert np.allclose(sky[seen] * pb[seen], noise[seen], rtol=1e-5, atol=1e-6)
assert np.allclose(noise[seen] * pb[seen], plain[seen], rtol=1e-5, atol=1e-6)
assert (sky[pb < 0.1999] == 0).all() and (psf[pb < 0.1999] == 0).all()
assert np.allclose(psf[:, :, 80, 80], 1, atol=2e-3) and psf.max() < 1.003
header = h5py.File("noise.pb.hdf5")["0"].attrs
assert "BUNIT" not in header or not header["BUNIT"]
assert np.allclose(read("table.pb"), pb, atol=2e-2), abs(read("table.pb") - pb).max()
' || fail "images, primary beam and weights do not fit together"

# One pointing, one kind of dish: a flat-noise mosaic is the dirty image as anyone makes it, to 2e-3 of its largest value over
# PB, which is what a mosaic promises.
image 1 one "$sim" --field 3 --gridder mosaic
image 1 dirty "$sim" --field 3 --padding 1.5
"$PYTHON" -c '
import h5py
import numpy as np
def read(name):
    return h5py.File(name + ".hdf5")["0"]["DATA"][()].astype(float)
pb = read("one.pb")
off = np.abs(read("one") - read("dirty"))[pb > 0.2001].max() / np.abs(read("dirty") * pb).max() * 0.2
assert off < 2e-3, off
' || fail "a mosaic of one pointing is not its dirty image"

# A padding without room for the beams is executed, and said.
on 1 "$sim" -o poor.hdf5 --record "" --quiet --gridder mosaic --imsize 40 --padding 1.2 >poor.log 2>&1 || fail "$(cat poor.log)"
grep -q 'kernels of this mosaic may be wrong' poor.log || fail "no word about kernels without room: $(cat poor.log)"
on 1 "$sim" -o good.hdf5 --record "" --quiet --gridder mosaic --imsize 40 --beam casa --beam-truncate casa >good.log 2>&1 || fail "$(cat good.log)"
! grep -q 'may be wrong' good.log || fail "$(cat good.log)"

# refuse PATTERN OPTIONS...
refuse() {
    pattern=$1
    shift
    if on 1 "$sim" -o none.hdf5 --record "" --quiet "$@" >none.log 2>&1; then fail "$* was accepted"; fi
    grep -q -- "$pattern" none.log || fail "$*: $(cat none.log)"
    [ ! -e none.hdf5 ] || fail "$* left a file"
}
refuse "they need [0-9]" --gridder mosaic --support 5
refuse "epsilon" --gridder mosaic --epsilon 1e-3
refuse "lookup" --gridder mosaic --lookup nearest
refuse "mosaic" # fields of different centres
refuse "no field sees the image: the nearest one is" --gridder mosaic --phasecenter "16h00m00s -38d00m00s"
refuse "goes with --dish" --gridder mosaic --blockage 1
refuse "beam airy has none" --gridder mosaic --beam airy --dish 12 --blockage 1
refuse "only the beams of known telescopes" --gridder mosaic --dish 12 --beam-truncate casa
refuse "nosuch" --gridder mosaic --beam nosuch.txt
refuse "memory" --gridder mosaic --imsize 4096 --memory 64MiB
refused 2 "normalise flat-sky is for mosaics" sim:point,times=1,channels=2,imsize=32 --normalise flat-sky
