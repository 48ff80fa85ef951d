# SPDX-License-Identifier: BSD-3-Clause
"""A mosaic of real observations against a direct evaluation, and against reference images of its fields.

    mosaic.py MS NAME BEAM REFERENCE FIELD...

NAME.hdf5, NAME.pb.hdf5 and NAME.weight.hdf5 are a flat-noise mosaic of the fields of a MeasurementSet of one channel, made
with a physical or a Gaussian beam, which ends where the references do: those with sidelobes do not. REFERENCE is the
folder of images fieldNN-dirty.fits.gz, which were made with w and without primary beams. Compared are

1. the weight image and the numerator with sums over all samples, at pixels all over the mosaic, with everything computed
   here: the direction of each field by (1.5) of docs/mosaic.md, u, v, w moved to it with w kept (exact), beams;
2. the image with sum_f w_f E_f D_f / sqrt(Q Qmax), D_f the reference of field f taken where the mosaic's pixels fall.
"""

import sys

import h5py
import numpy as np
from astropy.io import fits
from casacore.tables import table

LIGHT = 299792458.0
ms, name, shape, reference, fields = *sys.argv[1:5], [int(f) for f in sys.argv[5:]]


def bessel_j1(x):
    """J1 by its integral over an angle, which the midpoint rule has exactly but for what is below 1e-15."""
    t = (np.arange(200) + 0.5) * np.pi / 200
    return np.mean(np.cos(t - np.multiply.outer(x, np.sin(t))), axis=-1)


RADII = np.linspace(0, 40, 20001)  # pi D theta / lambda; E between them to 2e-7
JINC = np.append(1, 2 * bessel_j1(RADII[1:]) / RADII[1:])


def beam(theta, freq):
    """E of two 12 m dishes of ALMA."""
    if shape == "gaussian":
        return np.exp(-4 * np.log(2) * (theta * freq * 10.7 / (1.02 * LIGHT)) ** 2)
    x, q = np.pi * 10.7 * theta * freq / LIGHT, 10.7 / 0.75
    return ((q * q * np.interp(x, RADII, JINC) - np.interp(x / q, RADII, JINC)) / (q * q - 1)) ** 2


def axes(ra, dec):
    return np.array([[-np.sin(ra), np.cos(ra), 0],
                     [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)],
                     [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]])


def read(path):
    with h5py.File(path) as file:
        root = file["0"]
        return root["DATA"][0, 0].astype(float), dict(root.attrs)


image, header = read(name + ".hdf5")
pb, _ = read(name + ".pb.hdf5")
q, _ = read(name + ".weight.hdf5")
ny, nx = image.shape
cell = np.radians(header["CDELT2"])
centre = axes(np.radians(header["CRVAL1"]), np.radians(header["CRVAL2"]))

main = table(ms, ack=False)
freq = table(ms + "/SPECTRAL_WINDOW", ack=False).getcell("CHAN_FREQ", 0)[0]
directions = table(ms + "/FIELD", ack=False).getcol("PHASE_DIR")[:, 0]

# Pixels all over, more where there is something to see.
some = np.random.default_rng(1).permutation(np.flatnonzero((pb > 0.2).ravel()))[:150]
some = np.append(some, np.argsort(-np.abs(image).ravel())[:50])
l, m = -(some % nx - nx // 2) * cell, (some // nx - ny // 2) * cell
n = np.sqrt(1 - l * l - m * m)
sky = centre.T @ np.array([l, m, n])  # directions of the pixels

num, weight = np.zeros(len(some)), np.zeros(len(some))
combined, combined_q = np.zeros((ny, nx)), np.zeros((ny, nx))
for f in fields:
    rows = main.query("FIELD_ID==%d && ANTENNA1!=ANTENNA2" % f)
    vis = rows.getcol("DATA")[:, 0].astype(complex)
    w = rows.getcol("WEIGHT_SPECTRUM")[:, 0].astype(float)
    good = ~(rows.getcol("FLAG")[:, 0].any(-1) | rows.getcol("FLAG_ROW")) & (w > 0).all(-1) & np.isfinite(vis).all(-1)
    uvw, vis, w = rows.getcol("UVW")[good] * freq / LIGHT, vis[good].mean(-1), 2 * w[good].min(-1)

    # The pixels, seen from the field: a dirty image of the field alone, w and all.
    own = axes(*directions[f]) @ sky
    theta = np.hypot(own[0], own[1])
    e = beam(theta, freq)
    for k in range(len(some)):
        phase = uvw[:, 0] * own[0, k] + uvw[:, 1] * own[1, k] + uvw[:, 2] * (own[2, k] - 1)
        num[k] += e[k] * np.sum(w * (vis * np.exp(-2j * np.pi * phase)).real)
    weight += e * e * w.sum()

    try:
        dirty = fits.getdata("%s/field%02d-dirty.fits.gz" % (reference, f)).squeeze().astype(float)
        combined = combined if shape == "gaussian" else None
    except FileNotFoundError:
        combined = None
    if combined is not None:
        yy, xx = np.indices((ny, nx))
        gl, gm = -(xx - nx // 2) * cell, (yy - ny // 2) * cell
        at = np.tensordot(axes(*directions[f]) @ centre.T, [gl, gm, np.sqrt(1 - gl * gl - gm * gm)], 1)
        # Fourier interpolation: the references have the same pixels, turned by 1e-4 rad at most, which moves no pixel
        # within the beam by more than 0.01; so one shift does.
        side = dirty.shape[0]
        dx, dy = -at[0, ny // 2, nx // 2] / cell, at[1, ny // 2, nx // 2] / cell
        ix, iy = round(dx), round(dy)
        k = np.fft.fftfreq(side)
        moved = np.fft.ifft2(np.fft.fft2(dirty) * np.exp(2j * np.pi * (k[:, None] * (dy - iy) + k[None] * (dx - ix)))).real
        big = np.zeros((ny, nx))
        y0, x0 = ny // 2 - side // 2 - iy, nx // 2 - side // 2 - ix
        big[y0:y0 + side, x0:x0 + side] = moved
        e = beam(np.hypot(at[0], at[1]), freq)
        combined += w.sum() * e * big * (np.hypot(at[0], at[1]) < 25 * np.pi / 648000)
        combined_q += w.sum() * e * e

bad = 0


def compare(what, got, tolerance):
    global bad
    print("%s: off by %.2g, tolerance %.2g" % (what, got, tolerance))
    bad |= not got <= tolerance


top = q.max()
compare("weight image", np.abs(q.ravel()[some] - weight).max() / top, 1e-6)
# 2e-3 of the largest |N| is promised (imaging specification, 12); the field's w, pi w theta^2, is 2e-3 rad at most.
seen = pb.ravel()[some] > 0.2
compare("numerator", np.abs(image.ravel()[some] * np.sqrt(q.ravel()[some] * top) - num)[seen].max() / np.abs(num).max(), 2e-3 + 2e-3)
if combined is not None:
    want = combined / np.sqrt(np.maximum(combined_q, 1e-30) * combined_q.max())
    # Beams are cut at 25 arcsec, where E is 2e-3; the shift rings at the edges of the references.
    compare("references of the fields", np.abs(image - want)[pb > 0.2].max() / np.abs(want[pb > 0.2]).max(), 5e-3)
sys.exit(bad)
