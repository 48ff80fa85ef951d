# SPDX-License-Identifier: BSD-3-Clause
"""A cube in another spectral frame against visibilities converted and regridded here, and summed directly.

    frames.py MS NAME --frame FRAME [--frame-rule nearest] [...]

NAME.hdf5 and NAME.json are what imgbench made of the set with these options. Conversion and rules are those of
docs/conventions.md, with the precession and nutation of IAU 2006/2000A.
"""

import json
import sys

import erfa
import h5py
import numpy as np
from casacore.measures import measures
from casacore.tables import table

LIGHT = 299792458.0
ULP = 2.0**-23
SPECSYS = {"geo": "GEOCENTR", "bary": "BARYCENT", "lsrk": "LSRK"}


def doppler(velocity, toward):
    b = velocity @ toward / LIGHT
    return np.sqrt((1 - b) / (1 + b))


def factor(frame, time, site, ra, dec):
    """Frequency in a frame over that at the site; time in s, MJD x 86400, UTC."""
    toward = erfa.s2c(ra, dec)
    day, part = 2400000.5 + np.floor(time / 86400), time / 86400 % 1
    tt = erfa.taitt(*erfa.utctai(day, part))
    spin = 2 * np.pi * 1.00273781191135448 / 86400 * np.array([-site[1], site[0], 0])
    out = doppler(erfa.c2t06a(*tt, day, part, 0, 0).T @ spin, toward)
    if frame != "geo":
        out *= doppler(np.array(erfa.epv00(*tt)[1]["v"]) * 149597870700.0 / 86400, toward)
    if frame == "lsrk":
        out *= doppler(20e3 * np.array([0.0145021, -0.865863, 0.500071]), toward)
    return out


def casacore_factor(frame, time, site, ra, dec):
    """The same by casacore, or None where it has no tables."""
    dm = measures()
    try:
        dm.do_frame(dm.position("itrf", *("%.6fm" % x for x in site)))
        dm.do_frame(dm.epoch("utc", "%.9fs" % time))
        dm.do_frame(dm.direction("j2000", "%.15frad" % ra, "%.15frad" % dec))
        got = dm.measure(dm.frequency("topo", "1e11Hz"), frame)
        return got["m0"]["value"] / 1e11
    except RuntimeError:
        return None


def regrid(freq, width, vis, weight, good, target, linear):
    """Rows of one time: [row, chan] on the channels of the target; what cannot be formed has no weight."""
    shape = (len(vis), len(target))
    out, heavy = np.zeros(shape, complex), np.zeros(shape)
    for c, x in enumerate(target):
        j = int(np.clip(np.floor((x - freq[0]) / (freq[1] - freq[0])), 0, len(freq) - 1))
        near = j + (j + 1 < len(freq) and abs(freq[j + 1] - x) < abs(x - freq[j]))
        if abs(freq[near] - x) <= (1e-6 if linear else 0.5) * width[near]:
            out[:, c], heavy[:, c] = vis[:, near], np.where(good[:, near], weight[:, near], 0)
        elif linear and freq[0] <= x <= freq[-1]:
            a = (x - freq[j]) / (freq[j + 1] - freq[j])
            both = good[:, j] & good[:, j + 1]
            out[:, c] = (1 - a) * vis[:, j] + a * vis[:, j + 1]
            with np.errstate(divide="ignore"):
                heavy[:, c] = np.where(both, 1 / ((1 - a) ** 2 / weight[:, j] + a**2 / weight[:, j + 1]), 0)
    return out, heavy


def main():
    ms, name = sys.argv[1:3]
    options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
    frame, linear = options["--frame"], options.get("--frame-rule", "linear") == "linear"
    main_table = table(ms, ack=False)
    window, field = table(ms + "/SPECTRAL_WINDOW", ack=False), table(ms + "/FIELD", ack=False)
    position = table(ms + "/ANTENNA", ack=False).getcol("POSITION")
    site = position[np.linalg.norm(position, axis=1) > 6.3e6].mean(0)
    freq, width = window.getcell("CHAN_FREQ", 0), np.abs(window.getcell("CHAN_WIDTH", 0))
    times = main_table.getcol("TIME")
    ra, dec = field.getcell("PHASE_DIR", main_table.getcell("FIELD_ID", 0))[0]
    good = ~(main_table.getcol("FLAG") | main_table.getcol("FLAG_ROW")[:, None, None])
    vis, weight = main_table.getcol("DATA").astype(complex), main_table.getcol("WEIGHT_SPECTRUM").astype(float)
    good &= weight > 0

    cube = h5py.File(name + ".hdf5")["/0"]
    target = cube["frequency"][:]
    cell = np.deg2rad(cube.attrs["CDELT2"])
    image = cube["DATA"][0].astype(float)
    _, ny, nx = image.shape
    failures = 0

    def check(what, got, limit):
        nonlocal failures
        ok = bool(got <= limit)
        failures += not ok
        print("%s %s: %.3g, at most %.3g" % ("ok    " if ok else "NOT OK", what, got, limit))

    print(*sys.argv[3:])
    check("SPECSYS is not %s" % SPECSYS[frame], cube.attrs["SPECSYS"].decode() != SPECSYS[frame], 0)
    if "--frame-grid" not in options:
        middle = factor(frame, (times.min() + times.max()) / 2, site, ra, dec)
        check("frequencies against those of the middle, relative", np.abs(target / freq / middle - 1).max(), 1e-13)
    theirs = casacore_factor(frame, times[0], site, ra, dec)
    if theirs is None:
        print("       casacore has no tables of measures here")
    else:
        check("factor against casacore, m/s", abs(theirs / factor(frame, times[0], site, ra, dec) - 1) * LIGHT, 0.15)

    # Per time: factor, regridded samples of both hands, wavelengths at the array; Stokes I of both as imgbench weighs it.
    uvw, samples, heavy = [], [], []
    for time in np.unique(times):
        rows = times == time
        f = factor(frame, time, site, ra, dec)
        hands = [regrid(freq, width, vis[rows][..., p], weight[rows][..., p], good[rows][..., p], target / f, linear)
                 for p in (0, vis.shape[-1] - 1)]
        samples.append((hands[0][0] + hands[1][0]) / 2)
        heavy.append(2 * np.minimum(hands[0][1], hands[1][1]))
        uvw.append(main_table.getcol("UVW")[rows][:, None] * (target / f / LIGHT)[None, :, None])
    uvw, samples, heavy = (np.concatenate(part) for part in (uvw, samples, heavy))

    # Rounding of a sample (two products, a sum, a mean) and of its weight: some six ulps of the largest sum there can be.
    summary = json.load(open(name + ".json", encoding="utf-8"))
    check("accuracy measured by the run, over its promise", summary["accuracy"]["measured"] / summary["accuracy"]["promised"], 3)
    gridded = cube["Imaging/GRIDDED"][0]
    for c in (0, 1, len(target) // 2, len(target) - 1):
        keep = heavy[:, c] > 0
        check("channel %d: samples, off" % c, abs(int(gridded[c]) - keep.sum()), 0)
        if not keep.any():
            check("channel %d: pixels that are not blank" % c, np.isfinite(image[c]).sum(), 0)
            continue
        w, s = heavy[keep, c], samples[keep, c]
        unit = np.sqrt(0.5 * np.sum(w**2 * np.abs(s) ** 2)) / w.sum()
        off = 0
        for j, i in [[0, 0], [ny - 1, nx - 1]] + np.random.default_rng(c).integers(0, [ny, nx], (30, 2)).tolist():
            l, m = -(i - nx // 2) * cell, (j - ny // 2) * cell
            turns = uvw[keep, c] @ [l, m, -(l * l + m * m) / (1 + np.sqrt(1 - l * l - m * m))]
            want = np.sum(w * (s * np.exp(-2j * np.pi * turns)).real) / w.sum()
            off = max(off, abs(image[c, j, i] - want))
        limit = 10 * summary["accuracy"]["promised"] * unit + 6 * ULP * np.sum(w * np.abs(s)) / w.sum()
        check("channel %d against the direct sum, Jy/beam" % c, off, limit)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
