#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a tiny MeasurementSet for tests: make_ms.py FOLDER VARIANT. The same bytes of data every time.

All but `mixed` observe one source of 1 Jy (XX = YY) at l = +140 arcsec, m = +80 arcsec, with 6 antennas, 4 times and 3
channels from 1.4 GHz: 60 rows. Pixels of 20 arcsec put the peak 7 pixels left of the centre and 4 above.

  point        nothing awkward; WEIGHT_SPECTRUM = 2, WEIGHT = 6
  nospectrum   no WEIGHT_SPECTRUM; WEIGHT = 6
  unfilled     WEIGHT_SPECTRUM is zero everywhere: WEIGHT = 6 counts
  sigma        no WEIGHT_SPECTRUM, WEIGHT zero: SIGMA counts, 0.5, but 0 in every third row
  corrected    CORRECTED_DATA is twice DATA
  uncorrected  CORRECTED_DATA exists without any value
  flagged      FLAG everywhere in even rows, FLAG_ROW in odd ones
  nan          NaN or infinite visibilities in every second row
  nandata      NaN everywhere
  negative     weights of -1
  zerouvw      uvw = 0 everywhere
  nanuvw       uvw is NaN in row 5
  fields       3 fields: SAME at two phase centres, OTHER; rows in turn
  auto         6 autocorrelations more at the begin of each time: 84 rows
  mixed        see mixed()
  empty        no rows
  badflag      FLAG has another shape than DATA
  badchannels  NUM_CHAN is not the number of channels of DATA
  badantenna   ANTENNA2 of row 7 is beyond the table
  badfield     FIELD_ID of row 9 is beyond the table
  badfrequency the second channel has frequency 0
  moving       the phase centre moves
  azel         the phase centre is in AZEL
"""
import sys

import numpy as np
from casacore.tables import default_ms, makearrcoldesc, maketabdesc, required_ms_desc, table

N_ANTENNA, N_TIME = 6, 4
LIGHT = 299792458.0
ARCSEC = np.pi / 648000
L, M = 140 * ARCSEC, 80 * ARCSEC
START = 5.1e9  # s, MJD x 86400: 2020
QUIET = dict(ack=False, lockoptions="autonoread")


def new_set(path, columns):
    """An empty set with extra array columns {name: (type, axes)}."""
    desc = required_ms_desc("MAIN")
    desc.update(maketabdesc([makearrcoldesc(name, 0, ndim=axes, valuetype=kind)
                             for name, (kind, axes) in columns.items()]))
    default_ms(path, desc).close()
    return table(path, readonly=False, **QUIET)


def subtable(path, name):
    return table(path + "::" + name, readonly=False, **QUIET)


def fill_subtables(path, windows, setups, fields):
    """windows: [(name, frequencies)]; setups: [correlation types]; fields: [(name, ra, dec)]. One data description
    per window, with the setup of the same number."""
    with subtable(path, "ANTENNA") as t:
        t.addrows(N_ANTENNA)
        t.putcol("NAME", ["A%d" % i for i in range(N_ANTENNA)])
        t.putcol("DISH_DIAMETER", np.array([25.0] * (N_ANTENNA - 1) + [0.0]))
    with subtable(path, "SPECTRAL_WINDOW") as t:
        t.addrows(len(windows))
        for i, (name, freq) in enumerate(windows):
            t.putcell("NAME", i, name)
            t.putcell("NUM_CHAN", i, len(freq))
            t.putcell("CHAN_FREQ", i, freq)
            t.putcell("CHAN_WIDTH", i, np.gradient(freq))
            t.putcell("MEAS_FREQ_REF", i, 5)
    with subtable(path, "POLARIZATION") as t:
        t.addrows(len(setups))
        for i, types in enumerate(setups):
            t.putcell("NUM_CORR", i, len(types))
            t.putcell("CORR_TYPE", i, np.array(types, np.int32))
    with subtable(path, "DATA_DESCRIPTION") as t:
        t.addrows(len(windows))
        t.putcol("SPECTRAL_WINDOW_ID", np.arange(len(windows), dtype=np.int32))
        t.putcol("POLARIZATION_ID", np.arange(len(windows), dtype=np.int32))
    with subtable(path, "FIELD") as t:
        t.addrows(len(fields))
        for i, (name, ra, dec) in enumerate(fields):
            t.putcell("NAME", i, name)
            t.putcell("PHASE_DIR", i, np.array([[ra, dec]]))
    with subtable(path, "OBSERVATION") as t:
        t.addrows(1)
        t.putcell("TELESCOPE_NAME", 0, "TINY")
        t.putcell("OBSERVER", 0, "Nobody")


def geometry(autocorrelations=False):
    """Antennas, uvw and time of every row: any uvw will do, as long as baselines differ."""
    pairs = [(a, a) for a in range(N_ANTENNA)] if autocorrelations else []
    pairs += [(a, b) for a in range(N_ANTENNA) for b in range(a + 1, N_ANTENNA)]
    place = np.random.RandomState(1).uniform(-200, 200, (N_ANTENNA, 3)) * (1, 1, 0.01)
    ant1, ant2, uvw, time = [], [], [], []
    for i in range(N_TIME):
        turn = np.array([[np.cos(0.3 * i), -np.sin(0.3 * i), 0], [np.sin(0.3 * i), np.cos(0.3 * i), 0], [0, 0, 1]])
        for a, b in pairs:
            ant1.append(a)
            ant2.append(b)
            uvw.append(turn @ (place[a] - place[b]))
            time.append(START + 10 * i)
    return np.array(ant1, np.int32), np.array(ant2, np.int32), np.array(uvw), np.array(time)


def point(path, variant):
    freq = 1.4e9 + 1e6 * np.arange(3)
    columns = {"DATA": ("complex", 2)}
    if variant not in ("nospectrum", "sigma"):
        columns["WEIGHT_SPECTRUM"] = ("float", 2)
    if variant in ("corrected", "uncorrected"):
        columns["CORRECTED_DATA"] = ("complex", 2)
    fields = [("SOURCE", 1.0, 0.5)]
    if variant == "fields":
        fields = [("SAME", -1.0, 0.5), ("SAME", -1.0001, 0.5), ("OTHER", 2.0, -0.7)]

    ms = new_set(path, columns)
    fill_subtables(path, [("band", freq)], [[9, 12]], fields)
    ant1, ant2, uvw, time = geometry(variant == "auto")
    if variant == "zerouvw":
        uvw[:] = 0
    if variant == "empty":
        ant1, ant2, uvw, time = ant1[:0], ant2[:0], uvw[:0], time[:0]
    n = len(time)
    shape = (n, len(freq), 2)
    n_minus_1 = np.sqrt(1 - L * L - M * M) - 1
    path_length = uvw @ np.array([L, M, n_minus_1])
    data = np.exp(2j * np.pi * path_length[:, None, None] * freq[None, :, None] / LIGHT) * np.ones(shape)
    flag = np.zeros(shape, bool)
    flag_row = np.zeros(n, bool)
    spectrum = np.full(shape, 2.0, np.float32)
    weight = np.full((n, 2), 6.0, np.float32)
    sigma = np.full((n, 2), 0.5, np.float32)
    field = np.zeros(n, np.int32)

    if variant == "unfilled":
        spectrum[:] = 0
    elif variant == "sigma":
        weight[:] = 0
        sigma[::3] = 0
    elif variant == "flagged":
        flag[::2] = True
        flag_row[1::2] = True
    elif variant == "nan":
        data[::4] = np.nan
        data[2::4] = np.inf
    elif variant == "nandata":
        data[:] = np.nan
    elif variant == "negative":
        spectrum[:] = weight[:] = -1
    elif variant == "nanuvw":
        uvw[5] = np.nan
    elif variant == "fields":
        field = (np.arange(n) % 3).astype(np.int32)
    elif variant == "badflag":
        flag = flag[:, :2]
    elif variant == "badantenna":
        ant2[7] = N_ANTENNA
    elif variant == "badfield":
        field[9] = 1
    elif variant == "badchannels":
        with subtable(path, "SPECTRAL_WINDOW") as t:
            t.putcell("NUM_CHAN", 0, 4)
    elif variant == "badfrequency":
        with subtable(path, "SPECTRAL_WINDOW") as t:
            t.putcell("CHAN_FREQ", 0, freq * (1, 0, 1))
    elif variant == "moving":
        with subtable(path, "FIELD") as t:
            t.putcell("NUM_POLY", 0, 1)
            t.putcell("PHASE_DIR", 0, np.array([[1.0, 0.5], [1e-6, 0]]))
    elif variant == "azel":
        with subtable(path, "FIELD") as t:
            t.putcolkeyword("PHASE_DIR", "MEASINFO", {"type": "direction", "Ref": "AZEL"})

    if n:
        ms.addrows(n)
        ms.putcol("ANTENNA1", ant1)
        ms.putcol("ANTENNA2", ant2)
        ms.putcol("UVW", uvw)
        ms.putcol("TIME", time)
        ms.putcol("FIELD_ID", field)
        ms.putcol("DATA_DESC_ID", np.zeros(n, np.int32))
        ms.putcol("DATA", data.astype(np.complex64))
        ms.putcol("FLAG", flag)
        ms.putcol("FLAG_ROW", flag_row)
        ms.putcol("WEIGHT", weight)
        ms.putcol("SIGMA", sigma)
        if "WEIGHT_SPECTRUM" in columns:
            ms.putcol("WEIGHT_SPECTRUM", spectrum)
        if variant == "corrected":
            ms.putcol("CORRECTED_DATA", (2 * data).astype(np.complex64))
    ms.close()


def mixed(path):
    """Rows of two shapes in turn: 4 channels going up x (XX, YY), 3 going down x (LL, LR, RL, RR). Autocorrelations,
    a third window without rows, a frame number that means nothing. Of row r, channel c, correlation p:

      DATA             100 r + 10 c + p - i c; no value in rows 6 and 7
      FLAG             where r + c + p is a multiple of 7; FLAG_ROW of row 11
      WEIGHT_SPECTRUM  1 + r + 0.5 c + 0.25 p; no value where r % 5 is 3; one channel only in row 14
      WEIGHT           0.5 + r; no value in row 13; SIGMA 0
    """
    up, down = 1e9 + 1e6 * np.arange(4), 2e9 - 2e6 * np.arange(3)
    ms = new_set(path, {"DATA": ("complex", 2), "WEIGHT_SPECTRUM": ("float", 2)})
    fill_subtables(path, [("up", up), ("down", down), ("unused", up)], [[9, 12], [8, 7, 6, 5], [9, 12]],
                   [("A", 1.0, 0.5), ("unused", 0.0, 0.0)])
    with subtable(path, "SPECTRAL_WINDOW") as t:
        t.putcol("MEAS_FREQ_REF", np.full(3, 10922, np.int32))
    ant1, ant2, uvw, time = geometry(autocorrelations=True)
    n = len(time)
    ms.addrows(n)
    ms.putcol("ANTENNA1", ant1)
    ms.putcol("ANTENNA2", ant2)
    ms.putcol("UVW", uvw)
    ms.putcol("TIME", time)
    ms.putcol("FIELD_ID", np.zeros(n, np.int32))
    ms.putcol("DATA_DESC_ID", (np.arange(n) % 2).astype(np.int32))
    ms.putcol("FLAG_ROW", np.arange(n) == 11)
    for r in range(n):
        n_chan, n_corr = ((4, 2), (3, 4))[r % 2]
        c, p = np.arange(n_chan)[:, None], np.arange(n_corr)[None, :]
        if r not in (6, 7):
            ms.putcell("DATA", r, (100 * r + 10 * c + p - 1j * c).astype(np.complex64))
        ms.putcell("FLAG", r, (r + c + p) % 7 == 0)
        if r == 14:
            ms.putcell("WEIGHT_SPECTRUM", r, np.full((1, n_corr), 99, np.float32))
        elif r % 5 != 3:
            ms.putcell("WEIGHT_SPECTRUM", r, (1 + r + 0.5 * c + 0.25 * p).astype(np.float32))
        if r != 13:
            ms.putcell("WEIGHT", r, np.full(n_corr, 0.5 + r, np.float32))
        ms.putcell("SIGMA", r, np.zeros(n_corr, np.float32))
    ms.close()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    path, variant = sys.argv[1:]
    if variant not in [line.split()[0] for line in __doc__.splitlines() if line.startswith("  ")]:
        sys.exit("make_ms.py: no variant " + variant)
    if variant == "mixed":
        mixed(path)
    else:
        point(path, variant)


if __name__ == "__main__":
    main()
