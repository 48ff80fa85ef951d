#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A MeasurementSet like cube A of the benchmark, and the same numbers as arrays: make_ms.py FOLDER [--rows N] ...

27 antennas in three arms, |u| up to 0.3 of the width of the uv plane, XX and YY of a few point sources with noise, w = 0 (so
that nobody has to correct for it) unless --w is given. Writes FOLDER/data.ms, and uvw, vis [row][channel][corr] and freq as .npy, pixel size and
image size as image.json. The same seed, the same bytes of data.
"""
import argparse
import json
import os
import shutil

import numpy as np

LIGHT = 299792458.0
START = 5.1e9  # s, MJD x 86400


def tracks(n_time, with_w, hours=8.0, dec=2.3):
    """uvw in m, antennas and time of every row: time-major."""
    arm, station = np.divmod(np.arange(27), 9)
    distance = 6400 * ((station + 1) / 9) ** 1.716
    azimuth = np.radians([355, 115, 236])[arm]
    north, east, latitude = distance * np.cos(azimuth), distance * np.sin(azimuth), np.radians(34.08)
    place = np.stack([-np.sin(latitude) * north, east, np.cos(latitude) * north], axis=-1)
    a, b = np.triu_indices(27, 1)
    apart = place[a] - place[b]
    hour = np.linspace(-hours / 2, hours / 2, n_time)[:, None] * np.pi / 12
    dec = np.radians(dec)
    u = np.sin(hour) * apart[:, 0] + np.cos(hour) * apart[:, 1]
    v = np.sin(dec) * (np.sin(hour) * apart[:, 1] - np.cos(hour) * apart[:, 0]) + np.cos(dec) * apart[:, 2]
    w = np.cos(dec) * (np.cos(hour) * apart[:, 0] - np.sin(hour) * apart[:, 1]) + np.sin(dec) * apart[:, 2]
    uvw = np.stack([u.ravel(), v.ravel(), w.ravel() * with_w], axis=-1)
    time = START + np.repeat(np.arange(n_time) * hours * 3600 / max(n_time - 1, 1), len(a))
    return uvw, np.tile(a, n_time).astype(np.int32), np.tile(b, n_time).astype(np.int32), time


def visibilities(uvw, freq, side, cell):
    """V = sum of S exp(+2 pi i (u l + v m + w (n - 1))), YY a tenth weaker, and noise."""
    random = np.random.RandomState(1)
    vis = np.zeros((len(uvw), len(freq), 2), np.complex64)
    for flux in (1.0, 0.7, 0.5, 0.3, 0.2):
        l, m = random.uniform(-0.4, 0.4, 2) * side * cell
        path = uvw[:, 0] * l + uvw[:, 1] * m - uvw[:, 2] * (l * l + m * m) / (1 + np.sqrt(1 - l * l - m * m))
        turns = np.outer(path, freq / LIGHT)
        vis += (flux * np.exp(2j * np.pi * (turns % 1)))[..., None] * np.array([1, 0.9])
    for block in np.array_split(vis, max(1, vis.size // 4000000)):
        block += 0.1 * (random.standard_normal(block.shape) + 1j * random.standard_normal(block.shape))
    return vis


def write_ms(path, uvw, vis, freq, width, antenna1, antenna2, time):
    from casacore.tables import default_ms, makearrcoldesc, maketabdesc, required_ms_desc, table

    n_row, n_chan, n_corr = vis.shape
    desc = required_ms_desc("MAIN")
    desc.update(maketabdesc([makearrcoldesc("DATA", 0j, shape=[n_chan, n_corr], valuetype="complex")]))
    desc["FLAG"].update(ndim=2, shape=np.array([n_corr, n_chan], np.int32), _c_order=False, option=5)
    tile = {"DEFAULTTILESHAPE": np.array([n_corr, n_chan, 1024], np.int32)}
    managers = {"*%d" % i: {"TYPE": "TiledColumnStMan", "NAME": "Tiled" + name, "SEQNR": i, "COLUMNS": [name],
                            "SPEC": tile} for i, name in enumerate(("DATA", "FLAG"))}
    shutil.rmtree(path, ignore_errors=True)
    with default_ms(path, desc, managers) as t:
        t.addrows(n_row)
        t.putcol("UVW", uvw)
        t.putcol("DATA", vis)
        t.putcol("FLAG", np.zeros(vis.shape, bool))
        t.putcol("FLAG_ROW", np.zeros(n_row, bool))
        for name in ("WEIGHT", "SIGMA"):
            t.putcol(name, np.ones((n_row, n_corr), np.float32))
        t.putcol("ANTENNA1", antenna1)
        t.putcol("ANTENNA2", antenna2)
        for name in ("TIME", "TIME_CENTROID"):
            t.putcol(name, time)
        for name in ("INTERVAL", "EXPOSURE"):
            t.putcol(name, np.full(n_row, 10.0))
        for name in ("DATA_DESC_ID", "FIELD_ID", "SCAN_NUMBER", "ARRAY_ID", "OBSERVATION_ID", "PROCESSOR_ID",
                     "STATE_ID", "FEED1", "FEED2"):
            t.putcol(name, np.zeros(n_row, np.int32))

    def fill(name, n, **columns):
        with table(path + "::" + name, readonly=False, ack=False) as t:
            t.addrows(n)
            for column, cells in columns.items():
                for row, cell in enumerate(cells):
                    t.putcell(column, row, cell)

    direction, widths = np.array([[1.0, np.radians(2.3)]]), np.full(n_chan, width)
    fill("ANTENNA", 27, NAME=["A%02d" % i for i in range(27)], STATION=["S"] * 27, TYPE=["GROUND-BASED"] * 27,
         MOUNT=["ALT-AZ"] * 27, POSITION=[np.array([-1601185.0 + i, -5041977.0, 3554876.0]) for i in range(27)],
         OFFSET=[np.zeros(3)] * 27, DISH_DIAMETER=[25.0] * 27, FLAG_ROW=[False] * 27)
    fill("FIELD", 1, NAME=["sources"], CODE=[""], TIME=[START], NUM_POLY=[0], DELAY_DIR=[direction],
         PHASE_DIR=[direction], REFERENCE_DIR=[direction], SOURCE_ID=[0], FLAG_ROW=[False])
    fill("SPECTRAL_WINDOW", 1, NUM_CHAN=[n_chan], NAME=["band"], REF_FREQUENCY=[float(freq[0])], CHAN_FREQ=[freq],
         CHAN_WIDTH=[widths], EFFECTIVE_BW=[widths], RESOLUTION=[widths], TOTAL_BANDWIDTH=[float(widths.sum())],
         MEAS_FREQ_REF=[5], NET_SIDEBAND=[1], FREQ_GROUP=[0], FREQ_GROUP_NAME=[""], IF_CONV_CHAIN=[0],
         FLAG_ROW=[False])
    fill("POLARIZATION", 1, NUM_CORR=[n_corr], CORR_TYPE=[np.array([9, 12], np.int32)], FLAG_ROW=[False],
         CORR_PRODUCT=[np.array([[0, 0], [1, 1]], np.int32)])
    fill("DATA_DESCRIPTION", 1, SPECTRAL_WINDOW_ID=[0], POLARIZATION_ID=[0], FLAG_ROW=[False])
    fill("OBSERVATION", 1, TELESCOPE_NAME=["VLA"], TIME_RANGE=[np.array([time[0], time[-1]])], OBSERVER=[""],
         PROJECT=[""], RELEASE_DATE=[START], SCHEDULE_TYPE=[""], LOG=[np.array([""])], SCHEDULE=[np.array([""])],
         FLAG_ROW=[False])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=10000, help="rounded to whole integrations of 351 (cube A: 50000)")
    parser.add_argument("--channels", type=int, default=16, help="(cube A: 64)")
    parser.add_argument("--side", type=int, default=1000, help="pixels of the image")
    parser.add_argument("--w", action="store_true", help="keep w")
    args = parser.parse_args()

    width = 62.5e3
    freq = 1.4e9 + (np.arange(args.channels) - args.channels // 2) * width
    uvw, antenna1, antenna2, time = tracks(max(1, round(args.rows / 351)), args.w)
    cell = 0.3 / (np.abs(uvw).max() * freq[-1] / LIGHT)
    vis = visibilities(uvw, freq, args.side, cell)
    os.makedirs(args.folder, exist_ok=True)
    for name, array in (("uvw", uvw), ("vis", vis), ("freq", freq)):
        np.save(os.path.join(args.folder, name + ".npy"), array)
    with open(os.path.join(args.folder, "image.json"), "w") as out:
        json.dump({"side": args.side, "cell_rad": cell, "w": args.w}, out)
    write_ms(os.path.join(args.folder, "data.ms"), uvw, vis, freq, width, antenna1, antenna2, time)
    print("%s: %d rows x %d channels x 2, %d pixels of %.4g arcsec" %
          (args.folder, len(uvw), args.channels, args.side, np.degrees(cell) * 3600))


if __name__ == "__main__":
    main()
