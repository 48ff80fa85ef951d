#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a tiny UVFITS file for tests: make_uvfits.py FILE VARIANT [TWIN.h5]. The same bytes every time.

All observe one source of 1 Jy (RR = LL, or XX = YY, or I) at l = +140 arcsec, m = +80 arcsec, with 6 antennas, 4 times
and, where nothing else is said, one IF of 3 channels from 1.4 GHz: 60 groups. TWIN.h5 is native visibilities
(docs/visibilities.md) of the same samples, computed here and not read back. VARIANTS below says what is special.
"""
import sys

import numpy as np

LIGHT = 299792458.0
ARCSEC = np.pi / 648000
L, M = 140 * ARCSEC, 80 * ARCSEC
N = np.sqrt(1 - L * L - M * M)
FREQ, STEP = 1.4e9, 1e6
DAY = 2458000.5  # JD: 2017-09-04
SITE = (-1601185.25, -5041977.5, 3554875.75)  # of the VLA, m
FITS_OF = {5: -1, 8: -2, 6: -3, 7: -4, 9: -5, 12: -6, 10: -7, 11: -8, 1: 1, 2: 2, 3: 3, 4: 4}
CORR_OF = {value: key for key, value in FITS_OF.items()}

DEFAULT = dict(
    names=("UU---SIN", "VV---SIN", "WW---SIN"),  # of the coordinates
    scale=1 / FREQ, zero=(0.0, 0.0, 0.0),  # PSCAL, PZERO of the coordinates
    unit=1.0,  # seconds of one scaled unit
    dates=2, baseline="256", n_complex=3, bitpix=-32, bscale=1.0, bzero=0.0,
    stokes=(-1, -1, 4),  # first, step, number
    order=("STOKES", "FREQ", "IF"), if_name="IF", n_chan=3, crpix=1.0,
    setups=[(1, [0.0], [STEP], [1])],  # FRQSEL, IF FREQ, CH WIDTH, SIDEBAND; None: no table
    setup_of=None, source_of=None, subarray_of=None,  # functions of the group's number
    rename={},  # names of parameters: "SOURCE", "DATE 2" (the second one of its name)
    sources=None,  # ID, name, RA, DEC, EPOCH
    auto=False, antennas=True, numbers=(1, 2, 3, 4, 5, 6), dish=25.0,
    weight=None,  # function that spoils weights [group][if][chan][corr]
    radec=(150.0, 30.0), cards=[], drop=(), trailer=b"", patch=None)

VARIANTS = {
    "point": {},  # as AIPS writes it: u, v, w in wavelengths, scaled to seconds
    "short": dict(names=("UU", "VV", "WW")),
    "dashes": dict(names=("UU--", "VV--", "WW--")),
    "blanks": dict(names=("UU  -SIN", "VV  -SIN", "WW  -SIN")),
    "lambda": dict(names=("UU-L-SIN", "VV-L-SIN", "WW-L-SIN"), scale=1.0, unit=1 / FREQ),
    "scaledlambda": dict(names=("UU-L-SIN", "VV-L-SIN", "WW-L-SIN")),
    "zero": dict(zero=(1e-7, -2e-7, 3e-8), scale=1e-9),
    "onedate": dict(dates=1),
    "threedates": dict(dates=3),
    "many": dict(baseline="65536", numbers=(1, 2, 300, 4, 511, 6)),
    "pair": dict(baseline="pair", numbers=(1, 2, 3000, 4, 5, 6)),
    "noweight": dict(n_complex=2),
    "linear": dict(stokes=(-5, -1, 4)),
    "ascending": dict(stokes=(-4, 1, 4)),
    "hand": dict(stokes=(-1, -1, 1)),
    "stokesi": dict(stokes=(1, 1, 1)),
    "iquv": dict(stokes=(1, 1, 4)),
    "order": dict(order=("FREQ", "STOKES", "IF")),
    "wide": dict(n_chan=400),
    "bands": dict(n_chan=110, setups=[(1, [0.0, 2e8, -3e8], [STEP, 2 * STEP, STEP], [1, 1, -1])], auto=True),
    "ifs": dict(setups=[(1, [0.0, 2e7, -3e7], [STEP, 2 * STEP, STEP], [1, 1, -1])], crpix=2.0),
    "setups": dict(setups=[(1, [0.0, 2e7], [STEP, STEP], [1, 1]), (4, [5e7, 7e7], [STEP, -STEP], [1, 1])],
                   setup_of=lambda group: 4 if group % 3 == 0 else 1),
    "noif": dict(order=("STOKES", "FREQ"), setups=None),
    "nameless": dict(if_name=""),
    "namelessifs": dict(if_name="", setups=[(1, [0.0, 2e7], [STEP, STEP], [1, 1])]),
    "sources": dict(sources=[(7, "3C48", 150.0, 30.0, 2000.0), (2, "OTHER", 150.5, 30.0, 2000.0)],
                    source_of=lambda group: 2 if group // 15 == 1 else 7),
    "onesource": dict(sources=[(5, "THING", 150.0, 30.0, 2000.0)], source_of=lambda group: 0),
    "nosu": dict(source_of=lambda group: 1),
    "b1950": dict(cards=[("EPOCH", 1950.0)]),
    "besselian": dict(cards=[("EQUINOX", "B1950")]),
    "othernames": dict(sources=[(5, "THING", 150.0, 30.0, 2000.0)], source_of=lambda group: 0,
                       rename={"SOURCE": "SOURCE ID", "DATE 2": "_DATE"}),
    "freqid": dict(setups=[(1, [0.0, 2e7], [STEP, STEP], [1, 1]), (4, [5e7, 7e7], [STEP, STEP], [1, -1])],
                   setup_of=lambda group: 4 if group % 3 == 0 else 1, rename={"FREQSEL": "FREQ ID"}),
    "auto": dict(auto=True),
    "subarrays": dict(subarray_of=lambda group: 1 + (group >= 30)),
    "noantennas": dict(antennas=False),
    "badweights": dict(weight="spoil"),
    "integers": dict(bitpix=16, scale=1e-10, bscale=2e-4, bzero=0.5),
    "doubles": dict(bitpix=-64, names=("UU", "VV", "WW"), scale=1.0),
    "trailer": dict(trailer=b"\xff" * 5000),
    # what is wrong
    "empty": dict(patch=("GCOUNT", 0)),
    "flagged": dict(weight="zero"),
    "nogroups": dict(patch=("GROUPS", False)),
    "huge": dict(patch=("NAXIS4", 10**12)),
    "enormous": dict(patch=("NAXIS4", 2**62)),
    "negative": dict(patch=("NAXIS4", -3)),
    "manyparameters": dict(patch=("PCOUNT", 10**9)),
    "nopcount": dict(drop=("PCOUNT",)),
    "manygroups": dict(patch=("GCOUNT", 10**14)),
    "nanscale": dict(patch=("PSCAL1", "NaN")),
    "zeroscale": dict(patch=("PSCAL2", 0.0)),
    "nouu": dict(names=("AA", "VV", "WW")),
    "nobaseline": dict(patch=("PTYPE4", "NOTHING")),
    "nocrval": dict(drop=("CRVAL4",)),
    "nofreq": dict(patch=("CTYPE4", "WHAT")),
    "compressed": dict(patch=("NAXIS2", 1)),
    "stokes9": dict(patch=("CRVAL3", -9.0)),
    "equinox": dict(cards=[("EQUINOX", 1987.5)]),
    "nodirection": dict(drop=("CRVAL6", "CRVAL7")),
    "nofq": dict(setups=[(1, [0.0, 2e7], [STEP, STEP], [1, 1])], drop=("AIPS FQ",)),
    "fewifs": dict(setups=[(1, [0.0, 2e7], [STEP, STEP], [1, 1])], drop=("FQ column",)),
    "badsource": dict(sources=[(7, "3C48", 150.0, 30.0, 2000.0), (8, "3C49", 151.0, 30.0, 2000.0)],
                      source_of=lambda group: 7 if group < 17 else 3),
    "badsetup": dict(setups=[(1, [0.0], [STEP], [1]), (2, [1e7], [STEP], [1])],
                     setup_of=lambda group: 1 if group < 17 else 3),
    "mixed": dict(sources=[(7, "3C48", 150.0, 30.0, 2000.0), (2, "OLD", 150.5, 30.0, 1950.0)],
                  source_of=lambda group: 2 if group // 15 == 1 else 7),
}


def card(key, value):
    if isinstance(value, bool):
        text = "%20s" % ("T" if value else "F")
    elif isinstance(value, str):
        text = value if key.startswith("PSCAL") else "'%-8s'" % value
    elif isinstance(value, int):
        text = "%20d" % value
    else:
        text = "%20s" % repr(float(value)).upper()
    return ("%-8s= %s" % (key, text)).ljust(80)


def header(cards):
    text = "".join(card(*c) for c in cards) + "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def padded(data):
    return data + b"\0" * (-len(data) % 2880)


def table(name, columns, n_row, version=1, cards=()):
    """columns: [(name, form, values [n_row] or [n_row][n])]; forms J, E, D, A."""
    kinds = {"J": ">i4", "E": ">f4", "D": ">f8"}
    rows, lines = b"", []
    for i, (column, form, _) in enumerate(columns):
        lines += [("TFORM%d" % (i + 1), form), ("TTYPE%d" % (i + 1), column)]
    for row in range(n_row):
        for _, form, values in columns:
            if form[-1] == "A":
                rows += values[row].ljust(int(form[:-1])).encode()
            elif form[0] != "0":
                rows += np.asarray(values[row], kinds[form[-1]]).tobytes()
    return header([("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", len(rows) // n_row), ("NAXIS2", n_row),
                   ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns)), ("EXTNAME", name), ("EXTVER", version)]
                  + lines + list(cards)) + padded(rows)


def geometry(o):
    """Antenna places, times (days) and uvw in metres of every group."""
    rng = np.random.default_rng(5)
    place = rng.uniform(-400, 400, (6, 3)) * [1, 1, 0.05]
    pairs = [(a, b) for a in range(6) for b in range(a if o["auto"] else a + 1, 6)]
    first, second, days, uvw = [], [], [], []
    for t in range(4):
        turn = 0.3 * t
        rotation = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        for a, b in pairs:
            first.append(a)
            second.append(b)
            days.append(0.25 + t * 0.0625)
            uvw.append(rotation @ (place[b] - place[a]))
    return np.array(first), np.array(second), np.array(days), np.array(uvw)


def parameters(o):
    """[(name, scale, zero, values as stored)]; uvw in metres as a reader finds them."""
    first, second, days, metres = geometry(o)
    kind = {16: "i2", -32: "f4", -64: "f8"}[o["bitpix"]]
    out, uvw = [], np.empty_like(metres)
    for k in range(3):
        want = (metres[:, k] / (LIGHT * o["unit"]) - o["zero"][k]) / o["scale"]
        stored = (np.rint(want) if kind == "i2" else want).astype(kind)
        out.append((o["names"][k], o["scale"], o["zero"][k], stored))
        factor = LIGHT if o["unit"] == 1 else LIGHT / FREQ
        uvw[:, k] = (stored.astype("f8") * o["scale"] + o["zero"][k]) * factor
    number = np.array(o["numbers"])
    a, b = number[first], number[second]
    subarray = np.array([o["subarray_of"](g) if o["subarray_of"] else 1 for g in range(len(a))])
    if o["baseline"] == "256":
        out.append(("BASELINE", 1.0, 0.0, 256 * a + b + 0.01 * (subarray - 1)))
    elif o["baseline"] == "65536":
        out.append(("BASELINE", 1.0, 0.0, np.where(np.maximum(a, b) > 255, 2048 * a + b + 65536, 256 * a + b)))
    else:
        out += [("SUBARRAY", 1.0, 0.0, subarray), ("ANTENNA1", 1.0, 0.0, a), ("ANTENNA2", 1.0, 0.0, b)]
    if o["dates"] == 1:
        out.append(("DATE", 1.0, DAY, days))
    elif o["bitpix"] == 16:
        out += [("DATE", 1 / 256, DAY, days * 256), ("DATE", 1 / 65536, 0.0, 0 * days)]
    elif o["dates"] == 2:
        out += [("DATE", 1.0, DAY, 0 * days), ("DATE", 1 / 64, 0.0, days * 64)]
    else:
        out += [("DATE", 1.0, DAY - 100, 0 * days + 50), ("DATE", 1.0, 0.0, 0 * days + 50), ("DATE", 1.0, 0.0, days)]
    group = np.arange(len(days))
    if o["source_of"]:
        out.append(("SOURCE", 1.0, 0.0, np.array([o["source_of"](g) for g in group])))
    if o["setup_of"]:
        out.append(("FREQSEL", 1.0, 0.0, np.array([o["setup_of"](g) for g in group])))
    out.append(("INTTIM", 1.0, 0.0, 0 * days + 10))
    names = [p[0] for p in out]
    for i, p in enumerate(out):
        number = names[:i + 1].count(p[0])
        out[i] = (o["rename"].get("%s %d" % (p[0], number) if number > 1 else p[0], p[0]),) + p[1:]
    return [(name, scale, zero, stored.astype(kind)) for name, scale, zero, stored in out], uvw, first, second


def frequencies(o, setup):
    """[if][chan] Hz and channel widths of a setup, or of none."""
    _, offset, width, side = setup or (1, [0.0], [STEP], [1])
    step = [-abs(w) if s < 0 or w < 0 else w for w, s in zip(width, side)]
    chan = np.arange(o["n_chan"])
    return np.array([FREQ + f + (chan + 1.0 - o["crpix"]) * d for f, d in zip(offset, step)]), np.abs(step)


def samples(o, uvw):
    """vis [group][if][chan][corr], weight likewise; frequencies by group."""
    setups = {s[0]: s for s in o["setups"] or [(1, [0.0], [STEP], [1])]}
    number = [o["setup_of"](g) if o["setup_of"] else 1 for g in range(len(uvw))]
    freq = np.array([frequencies(o, setups.get(s, o["setups"][0] if o["setups"] else None))[0] for s in number])
    phase = 2j * np.pi * (uvw @ np.array([L, M, N - 1]))[:, None, None] * freq / LIGHT
    code = [o["stokes"][0] + k * o["stokes"][1] for k in range(o["stokes"][2])]
    flux = np.array([1.0 if c in (-1, -2, -5, -6, 1) else 0.05 * abs(c) for c in code])
    vis = np.exp(phase)[..., None] * flux
    weight = np.broadcast_to((1 + np.arange(len(uvw)) % 3)[:, None, None, None], vis.shape).astype("f4").copy()
    if o["weight"] == "zero":
        weight[:] = 0
    if o["weight"] == "spoil":
        weight[3::7] *= -1
        weight[1, 0, 1, 0] = 0
        weight[2, 0, :, 1] = np.nan
        weight[5, 0, 2, :] = np.inf
        weight[8, 0, 0, 2:] = np.inf
        vis[9, 0, 1, 0] = np.nan
    return vis, weight, code, number


def stored_samples(o, vis, weight):
    """As in the file [group][if][chan][corr][complex], and what a reader finds as float32."""
    parts = [vis.real, vis.imag] + ([weight] if o["n_complex"] == 3 else [])
    value = np.stack(parts, -1)
    if o["bitpix"] != 16:
        stored = value.astype({-32: "f4", -64: "f8"}[o["bitpix"]])
        return stored, stored.astype("f4")
    stored = np.rint((value - o["bzero"]) / o["bscale"]).astype("i2")
    return stored, (stored.astype("f8") * o["bscale"] + o["bzero"]).astype("f4")


def make(path, variant, twin=None):
    o = dict(DEFAULT, **VARIANTS[variant])
    parameter, uvw, first, second = parameters(o)
    vis, weight, code, number = samples(o, uvw)
    with np.errstate(invalid="ignore"):
        stored, found = stored_samples(o, vis, weight)
    n_group, n_if, n_chan, n_corr = vis.shape

    # Axes of a group, slowest first, after which numpy takes [group] + axes + [complex].
    axes = {"STOKES": (3, n_corr, float(o["stokes"][0]), float(o["stokes"][1]), 1.0),
            "FREQ": (2, n_chan, FREQ, STEP, o["crpix"]), "IF": (1, n_if, 1.0, 1.0, 1.0)}
    data = stored.transpose([0] + [axes[name][0] for name in reversed(o["order"])]
                            + ([1] if "IF" not in o["order"] else []) + [4])
    big = {16: ">i2", -32: ">f4", -64: ">f8"}[o["bitpix"]]
    groups = np.concatenate([np.stack([p[3] for p in parameter], 1), data.reshape(n_group, -1)], 1).astype(big)

    cards = [("SIMPLE", True), ("BITPIX", o["bitpix"]), ("NAXIS", len(o["order"]) + 4), ("NAXIS1", 0),
             ("NAXIS2", o["n_complex"])]
    cards += [("NAXIS%d" % (i + 3), axes[name][1]) for i, name in enumerate(o["order"])]
    at = len(o["order"]) + 3
    cards += [("NAXIS%d" % at, 1), ("NAXIS%d" % (at + 1), 1), ("EXTEND", True), ("GROUPS", True),
              ("PCOUNT", len(parameter)), ("GCOUNT", n_group), ("OBJECT", "THING"), ("TELESCOP", "VLA"),
              ("OBSERVER", "NOBODY"), ("DATE-OBS", "2017-09-04"), ("BSCALE", o["bscale"]), ("BZERO", o["bzero"]),
              ("VELREF", 3), ("CTYPE2", "COMPLEX"), ("CRVAL2", 1.0), ("CDELT2", 1.0), ("CRPIX2", 1.0)]
    for i, name in enumerate(o["order"]):
        _, _, value, delta, pixel = axes[name]
        label = o["if_name"] if name == "IF" else name
        cards += ([("CTYPE%d" % (i + 3), label)] if label else []) + [
            ("CRVAL%d" % (i + 3), value), ("CDELT%d" % (i + 3), delta), ("CRPIX%d" % (i + 3), pixel)]
    for i, name in enumerate(("RA", "DEC")):
        cards += [("CTYPE%d" % (at + i), name), ("CRVAL%d" % (at + i), o["radec"][i])]
    for i, (name, scale, zero, _) in enumerate(parameter):
        cards += [("PTYPE%d" % (i + 1), name), ("PSCAL%d" % (i + 1), scale), ("PZERO%d" % (i + 1), zero)]
    if not any(key in ("EPOCH", "EQUINOX") for key, _ in o["cards"]):
        cards.append(("EQUINOX", "J2000"))
    cards += o["cards"]
    cards = [(key, o["patch"][1] if o["patch"] and o["patch"][0] == key else value) for key, value in cards
             if key not in o["drop"]]

    with open(path, "wb") as file:
        file.write(header(cards) + padded(groups.tobytes()))
        if o["setups"] and "AIPS FQ" not in o["drop"]:
            n = len(o["setups"][0][1]) - ("FQ column" in o["drop"])
            file.write(table("AIPS FQ", [("FRQSEL", "1J", [s[0] for s in o["setups"]]),
                                         ("IF FREQ", "%dD" % n, [s[1][:n] for s in o["setups"]]),
                                         ("CH WIDTH", "%dE" % n, [np.abs(s[2][:n]) if variant != "setups" else s[2]
                                                                  for s in o["setups"]]),
                                         ("SIDEBAND", "%dJ" % n, [s[3][:n] for s in o["setups"]])],
                             len(o["setups"]), cards=[("NO_IF", n)]))
        for version in range(1, 1 + (2 if o["subarray_of"] else 1) * o["antennas"]):
            file.write(table("AIPS AN", [("ANNAME", "8A", ["ANT%d" % k for k in range(6)]),
                                         ("STABXYZ", "3D", np.zeros((6, 3))), ("ORBPARM", "0D", None),
                                         ("NOSTA", "1J", o["numbers"]), ("DIAMETER", "1E", [o["dish"] + version - 1] * 6)], 6,
                             version, cards=[("ARRNAM", "VLA"), ("TIMSYS", "IAT"), ("DATUTC", 37.0)] +
                                   list(zip(("ARRAYX", "ARRAYY", "ARRAYZ"), SITE))))
        if o["sources"]:
            file.write(table("AIPS SU", [("ID. NO.", "1J", [s[0] for s in o["sources"]]),
                                         ("SOURCE", "16A", [s[1] for s in o["sources"]]),
                                         ("RAEPO", "1D", [s[2] for s in o["sources"]]),
                                         ("DECEPO", "1D", [s[3] for s in o["sources"]]),
                                         ("EPOCH", "1D", [s[4] for s in o["sources"]])], len(o["sources"])))
        file.write(o["trailer"])
    if twin:
        write_twin(twin, o, uvw, first, second, found, code, number)


def write_twin(path, o, uvw, first, second, found, code, number):
    import h5py

    sources = o["sources"] or [(1, "THING") + o["radec"] + (2000.0,)]
    index = {s[0]: i for i, s in enumerate(sources)}
    setups = o["setups"] or [None]
    with h5py.File(path, "w") as file:
        file.attrs.update(format="imgbench visibilities", version=1, n_spw=0, telescope="VLA", object="", observer="",
                          frequency_frame="TOPOCENT", radesys="FK5", column="", time_first=0.0, time_last=0.0,
                          rest_frequency=0.0, cell_l=0.0, cell_m=0.0, imsize_l=0, imsize_m=0, planes="I")
        file["fields"] = np.array([(s[1], np.deg2rad(s[2]), np.deg2rad(s[3])) for s in sources],
                                  dtype=[("name", "S64"), ("ra", "f8"), ("dec", "f8")])
        file["site"] = np.array(SITE)
        n_spw = 0
        for setup in setups:
            rows = np.array([setup is None or len(setups) == 1 or n == setup[0] for n in number])
            freq, width = frequencies(o, setup)
            for k in range(len(freq)):
                g = file.create_group("spw%d" % n_spw)
                n_spw += 1
                part = found[rows, k].transpose(1, 0, 2, 3)  # [chan][row][corr][complex]
                weight = part[..., 2] if o["n_complex"] == 3 else np.ones(part.shape[:3], "f4")
                g.attrs["name"] = ""
                g["frequency"], g["channel_width"] = freq[k], np.full(len(freq[k]), width[k])
                g["correlation"] = np.array([CORR_OF[c] for c in code], "i4")
                g["uvw"] = uvw[rows]
                g["antenna"] = np.stack([first, second], 1)[rows].astype("i4")
                g["time"] = ((DAY - 2400000.5 + geometry(o)[2]) * 86400 - 37.0)[rows]
                g["field"] = np.array([index.get(o["source_of"](i), 0) if o["sources"] else 0
                                       for i in np.flatnonzero(rows)], "i4")
                g["weight"] = weight.astype("f4")
                vis = np.empty(part.shape[:3], "c8")
                vis.real, vis.imag = part[..., 0], part[..., 1]
                g["visibility"] = vis
                g["flag"] = (~(weight > 0)).astype("u1")
        file.attrs["n_spw"] = n_spw


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] == "list":
        print(" ".join(VARIANTS))
    else:
        make(*sys.argv[1:])
