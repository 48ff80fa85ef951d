# SPDX-License-Identifier: BSD-3-Clause
"""An image of a real observation against its reference and against direct Fourier sums.

    compare.py DATASET INPUT NAME ROW [channel=K] [field=F] [spw=S] [column=C]

INPUT is a MeasurementSet or UVFITS.

NAME.hdf5, NAME.psf.hdf5 and NAME.json are what imgbench made of the selection in double precision, NAME-single... in single;
ROW names a line of the table that the data set has in $IMGBENCH_DATA/README.md, and the files reference/PART.fits.gz that go
with it.

1. The reference agrees with a direct sum with w, hence this script selects and weighs as the reference does;
2. the image agrees with that direct sum to what the run promised;
3. the image agrees with the reference over all pixels, to what the reference is good for, and where it differs most with the
   direct sum: to 1e-6 of the peak in double and 1e-5 in single precision.
"""

import json
import os
import re
import sys

import h5py
import numpy as np
from astropy.io import fits
from casacore.tables import table

LIGHT = 299792458.0
DIGITS = 1e-5  # the table of the data sets gives six significant digits
REFERENCE = 4e-6  # of the peak, seen against direct sums where references differ most: they were asked for 1e-6
ULP = 2.0**-23  # images are float32
NEAR = {"": 1e-6, "-single": 1e-5}  # of the peak


def samples(ms, field, spw, channel, column):
    """uvw in wavelengths [n][3], visibilities and weights of Stokes I, as $IMGBENCH_DATA/README.md selects them."""
    main = table(ms, ack=False)
    description = table(ms + "/DATA_DESCRIPTION", ack=False)
    windows = table(ms + "/SPECTRAL_WINDOW", ack=False)
    polarizations = table(ms + "/POLARIZATION", ack=False)
    found = []
    for ddid in range(description.nrows()):
        window = description.getcell("SPECTRAL_WINDOW_ID", ddid)
        if spw is not None and window != spw:
            continue
        where = "DATA_DESC_ID==%d && ANTENNA1!=ANTENNA2" % ddid
        if field is not None:
            where += " && FIELD_ID==%d" % field
        rows = main.query(where)
        if not rows.nrows():
            continue
        corr = list(polarizations.getcell("CORR_TYPE", description.getcell("POLARIZATION_ID", ddid)))
        hands = [corr.index(c) for c in ((9, 12) if 9 in corr else (5, 8))]
        freq = windows.getcell("CHAN_FREQ", window)
        chans = np.arange(len(freq)) if channel is None else [channel]

        vis = rows.getcol(column)[:, chans][..., hands].astype(complex)
        flag = rows.getcol("FLAG")[:, chans][..., hands] | rows.getcol("FLAG_ROW")[:, None, None]
        if "WEIGHT_SPECTRUM" in main.colnames() and rows.iscelldefined("WEIGHT_SPECTRUM", 0):
            weight = rows.getcol("WEIGHT_SPECTRUM")[:, chans][..., hands].astype(float)
        else:
            weight = np.broadcast_to(rows.getcol("WEIGHT")[:, None, hands].astype(float), vis.shape)
        good = (~flag & np.isfinite(vis) & (weight > 0)).all(-1)
        uvw = rows.getcol("UVW")[:, None] * (freq[chans] / LIGHT)[None, :, None]
        found.append((uvw[good], vis[good].mean(-1), 2 * weight[good].min(-1)))
    return [np.concatenate(part) for part in zip(*found)]


def uvfits_samples(path):
    """The same of UVFITS: parallel hands, which come first."""
    hdus = fits.open(path)
    data, header = hdus[0].data, hdus[0].header
    uvw = np.stack([data.par(name) for name in data.parnames[:3]], -1).astype(float)  # seconds
    baseline = data.par("BASELINE").astype(int)
    group = data.data.astype(float)
    group = group.reshape(len(group), header["NAXIS5"], header["NAXIS4"], header["NAXIS3"], 3)[:, :, :, :2]
    fq = hdus["AIPS FQ"].data
    freq = (header["CRVAL4"] + np.reshape(fq["IF FREQ"], (-1, 1))
            + (np.arange(header["NAXIS4"]) + 1 - header["CRPIX4"]) * np.reshape(fq["CH WIDTH"], (-1, 1)))
    vis, weight = group[..., 0] + 1j * group[..., 1], group[..., 2]
    good = (np.isfinite(vis) & np.isfinite(weight) & (weight > 0)).all(-1)
    good &= (baseline // 256 != baseline % 256)[:, None, None]
    waves = uvw[:, None, None] * freq[None, ..., None]
    return waves[good], vis[good].mean(-1), 2 * weight[good].min(-1)


def direct(uvw, vis, weight, l, m):
    """The dirty image at the directions (l, m)."""
    out = np.empty(len(l))
    for k in range(len(l)):
        r2 = l[k] ** 2 + m[k] ** 2
        phase = uvw[:, 0] * l[k] + uvw[:, 1] * m[k] - uvw[:, 2] * r2 / (1 + np.sqrt(1 - r2))
        out[k] = np.sum(weight * (vis * np.exp(-2j * np.pi * phase)).real)
    return out / weight.sum()


def row_of(dataset, name):
    """Samples, peak, its pixel and the sum of weights that the table of the data sets gives."""
    text = open(os.path.join(os.environ["IMGBENCH_DATA"], "README.md"), encoding="utf-8").read()
    section = text.split("\n## %s\n" % dataset)[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == name:
            x, y = (int(part) for part in cells[5].split(","))
            return int(cells[3]), float(cells[4]), (y, x), float(cells[8])
    raise SystemExit("no row %r for %s" % (name, dataset))


failures = 0


def check(what, got, limit):
    global failures
    good = bool(got <= limit)  # a NaN is not good
    failures += not good
    print("%s %s: %.3g, at most %.3g" % ("ok    " if good else "NOT OK", what, got, limit))


def main():
    dataset, ms, name, row = sys.argv[1:5]
    chosen = dict(arg.split("=") for arg in sys.argv[5:])
    channel, field, spw = (int(chosen[key]) if key in chosen else None for key in ("channel", "field", "spw"))
    want_n, want_peak, peak_at, want_weight = row_of(dataset, row)
    if ms.endswith(".uvfits"):
        uvw, vis, weight = uvfits_samples(ms)
    else:
        uvw, vis, weight = samples(ms, field, spw, channel, chosen.get("column", "DATA"))
    print("%s, %s" % (dataset, row))
    check("samples against the table", abs(len(vis) - want_n), 0)
    check("sum of weights against the table", abs(weight.sum() / 2 / want_weight - 1), DIGITS)

    for kind, near in NEAR.items():
        summary = json.load(open(name + kind + ".json", encoding="utf-8"))
        plane = channel if channel is not None and summary["image"]["channels"] > 1 else 0
        cube = h5py.File(name + kind + ".hdf5")["/0"]
        image = cube["DATA"][0, plane].astype(float)
        ny, nx = image.shape
        cell = np.deg2rad(cube.attrs["CDELT2"])
        peak = np.abs(image).max()

        if summary["image"]["channels"] == 1:
            check("samples gridded", abs(summary["counts"]["gridded"] - want_n), 0)
            check("sum of weights", abs(summary["sum_of_weights"] / weight.sum() - 1), 1e-6)
        counts = dict(summary["counts"])
        check("samples unaccounted for", abs(counts.pop("read") - sum(counts.values())), 0)
        promised, measured = summary["accuracy"]["promised"], summary["accuracy"]["measured"]
        check("accuracy measured by the run, over its promise", measured / promised, 3)

        # Seeded pixels, the reference's peak and the corner where w matters most. The largest of a few dozen errors is
        # some ten times their rms (imaging errors grow towards the edge).
        pick = np.random.default_rng(7).integers(0, [ny, nx], (40, 2)).tolist()
        pick = tuple(np.array(pick + [list(peak_at), [0, 0], [ny - 1, nx - 1]]).T)
        def places(at):
            return -(at[1] - nx // 2) * cell, (at[0] - ny // 2) * cell

        unit = np.sqrt(0.5 * np.sum(weight**2 * np.abs(vis) ** 2)) / weight.sum()
        deep = direct(uvw, vis, weight, *places(pick))
        check("image against the direct sum, over peak", np.abs(image[pick] - deep).max() / peak,
              (10 * promised * unit + ULP * peak) / peak)
        check("image against the table's peak", abs(image[peak_at] - want_peak) / peak, DIGITS)

        folder = os.path.join(os.environ["IMGBENCH_DATA"], dataset, "reference")
        parts = re.findall(r"[\w-]+-(?:dirty|psf)", row)
        for part in parts + (["%s-psf" % row.split("-")[0]] if "/ -psf" in row else []):
            path = os.path.join(folder, part + ".fits.gz")
            if not os.path.exists(path):
                continue
            reference, ours, measured_vis = fits.getdata(path)[0, 0].astype(float), image, vis
            if part.endswith("psf"):
                ours = h5py.File(name + kind + ".psf.hdf5")["/0/DATA"][0, plane].astype(float)
                measured_vis = np.ones(len(vis))
                deep = direct(uvw, measured_vis, weight, *places(pick))
                check("PSF at its centre, off one", abs(ours[ny // 2, nx // 2] - 1), near)
            top = np.abs(reference).max()
            check(part + " against the direct sum, over peak", np.abs(reference[pick] - deep).max() / top, DIGITS)
            off = np.abs(ours - reference)
            check(part + ": image against reference, over peak", off.max() / top, max(near, REFERENCE))
            worst = np.unravel_index(np.argsort(off, axis=None)[-20:], off.shape)
            check(part + ": image against the direct sum where they differ most, over peak",
                  np.abs(ours[worst] - direct(uvw, measured_vis, weight, *places(worst))).max() / top, near)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
