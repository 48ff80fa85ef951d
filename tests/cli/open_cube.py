#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Open cubes as their users do and check what the documentation promises (docs/cube.md).

open_cube.py FILE...    exit code 0: all is well; 1: a sentence says what is not
HDF5 files are opened with h5py and xarray, FITS files with astropy and casacore."""
import sys

import numpy as np


def check(condition, sentence):
    if not condition:
        sys.exit(f"not ok: {path}: {sentence}")


def near(got, want, tolerance, what):
    check(np.all(np.abs(np.asarray(got) - np.asarray(want)) <= tolerance), f"{what}: {got} is not {want}")


def mean_of_blocks(plane, side):
    """Means of side x side blocks without NaN, NaN for a block of blanks."""
    ny, nx = plane.shape
    wide = np.full((-(-ny // side) * side, -(-nx // side) * side), np.nan)
    wide[:ny, :nx] = plane
    blocks = wide.reshape(wide.shape[0] // side, side, -1, side)
    n = np.sum(~np.isnan(blocks), axis=(1, 3))
    with np.errstate(invalid="ignore"):
        return np.nansum(blocks, axis=(1, 3)) / n


def header_of(root):
    """The attributes in order, strings as text. The pitfalls of the schema are checked on the way."""
    import h5py

    names = list(root.attrs.keys())
    check(names[:4] == ["SCHEMA_VERSION", "HDF5_CONVERTER", "HDF5_CONVERTER_VERSION", "SIMPLE"],
          f"the header starts with {names[:4]}")
    header = {}
    for name in names:
        attribute = h5py.h5a.open(root.id, name.encode())
        kind = attribute.get_type()
        check(attribute.shape == (), f"{name} is not a scalar")
        if isinstance(kind, h5py.h5t.TypeStringID):
            check(not kind.is_variable_str(), f"{name} has a variable length and would vanish in CARTA")
            header[name] = bytes(root.attrs[name]).decode()
        else:
            check(kind.dtype in (np.dtype("<i8"), np.dtype("<f8"), np.dtype("u1")), f"{name} has type {kind.dtype}")
            header[name] = root.attrs[name]
        check(len(name) <= 8 or name in names[:3], f"{name} is longer than a FITS keyword")
    return header


def check_plane(root, data, s, c):
    """Statistics, mipmaps, histogram and counts of one plane against its pixels."""
    plane = data[s, c].astype("f8")
    xy, there = root["Statistics/XY"], plane[~np.isnan(plane)]
    size = np.sum(np.abs(there))
    check(xy["NAN_COUNT"][s, c] == plane.size - there.size, f"NAN_COUNT of plane {s},{c}")
    check(xy["HISTOGRAM"][s, c].sum() == there.size, f"HISTOGRAM of plane {s},{c} does not count every pixel")
    near(xy["SUM"][s, c], there.sum(), 1e-15 * plane.size * size, "SUM")  # any order of adding n numbers
    near(xy["SUM_SQ"][s, c], (there**2).sum(), 1e-15 * plane.size * (there**2).sum(), "SUM_SQ")
    if there.size:
        check(xy["MIN"][s, c] == there.min() and xy["MAX"][s, c] == there.max(), f"MIN, MAX of plane {s},{c}")
    else:
        check(np.isnan(xy["MIN"][s, c]) and np.isnan(xy["MAX"][s, c]), f"MIN, MAX of blank plane {s},{c}")
    for name, mips in root["MipMaps/DATA"].items():
        got, want = mips[s, c], mean_of_blocks(plane, int(name.rsplit("_", 1)[1]))
        check(np.array_equal(np.isnan(got), np.isnan(want)), f"{name} is blank in other places than plane {s},{c}")
        if there.size:
            near(np.nan_to_num(got), np.nan_to_num(want), 2e-6 * np.abs(there).max(), name)  # sums in float32
    counts = {name: int(root["Imaging"][name][s, c]) for name in
              ("READ", "GRIDDED", "FLAGGED", "WEIGHTLESS", "NOT_FINITE", "OUTSIDE", "AUTOCORRELATION")}
    read = counts.pop("READ")
    check(read == sum(counts.values()), f"plane {s},{c}: read {read} is not the sum of {counts}")
    check((counts["GRIDDED"] == 0) == (there.size == 0), f"plane {s},{c} is blank although samples were gridded, or not")


def check_hdf5():
    import h5py
    import xarray

    with h5py.File(path, "r") as file:
        check(list(file) == ["0"], f"the root holds {list(file)}, not just the group 0")
        root = file["0"]
        data, header = root["DATA"], header_of(root)
        n_stokes, n_chan, ny, nx = data.shape
        check(data.dtype == np.dtype("<f4"), f"DATA has type {data.dtype}")
        want = (1, 1, 512, 512) if min(nx, ny) >= 512 else None
        check(data.chunks == want, f"DATA has chunks {data.chunks}, not {want}")
        check([header[f"NAXIS{i}"] for i in (1, 2, 3, 4)] == [nx, ny, n_chan, n_stokes], "NAXISn is not the shape of DATA")
        check(header["SIMPLE"] == 1 and header["BITPIX"] == -32 and header["NAXIS"] == 4, "SIMPLE, BITPIX or NAXIS")
        check(header["CTYPE1"] == "RA---SIN" and header["CTYPE2"] == "DEC--SIN" and header["CTYPE4"] == "STOKES", "CTYPEn")
        for name in ("MIN", "MAX", "SUM", "SUM_SQ", "NAN_COUNT"):
            check(root["Statistics/XY"][name].shape == (n_stokes, n_chan), f"shape of Statistics/XY/{name}")
        check(root["Provenance/CHECKSUM"].shape == (n_stokes, n_chan, 2), "shape of Provenance/CHECKSUM")
        for c in sorted({0, n_chan // 2, n_chan - 1}):
            for s in range(n_stokes):
                check_plane(root, data, s, c)
        frequency = root["frequency"][:]
        first = data[0, 0]

    with xarray.open_dataset(path, group="0", engine="h5netcdf") as cube:
        check(cube.DATA.dims == ("polarization", "frequency", "m", "l"), f"xarray sees the axes {cube.DATA.dims}")
        check(np.array_equal(cube.frequency, frequency), "xarray sees other frequencies")
        check(np.array_equal(cube.DATA[0, 0], first, equal_nan=True), "xarray sees other pixels")
        cell = np.radians([-header["CDELT1"], header["CDELT2"]])
        # coordinates of pixels, to a rounding of the largest of them
        near(cube.l, (nx // 2 - np.arange(nx)) * cell[0], 1e-15 * nx * cell[0], "l")
        near(cube.m, (np.arange(ny) - ny // 2) * cell[1], 1e-15 * ny * cell[1], "m")
        if header["CTYPE3"] == "FREQ":
            near(cube.frequency, header["CRVAL3"] + np.arange(n_chan) * header["CDELT3"], 1e-6 * abs(header["CDELT3"]),
                 "frequency against the FREQ axis")
        else:
            check(header["CTYPE3"] == "CHANNEL" and "CUNIT3" not in header, f"third axis {header['CTYPE3']}")


def check_fits():
    from astropy.io import fits
    from astropy.wcs import WCS

    with fits.open(path) as file:
        file.verify("exception")
        header, data = file[0].header, file[0].data
        n_stokes, n_chan, ny, nx = data.shape
        check(data.dtype == np.dtype(">f4"), f"pixels have type {data.dtype}")
        wcs = WCS(header)
        ra, dec, spectral, stokes = wcs.all_pix2world([[nx // 2, ny // 2, 0, 0]], 0)[0]
        near([ra, dec], [header["CRVAL1"], header["CRVAL2"]], 1e-11, "direction of the central pixel")
        near(spectral, header["CRVAL3"], 1e-6, "first channel")
        near(stokes, header["CRVAL4"], 0, "first Stokes parameter")
        # (1.4) and (1.5) of the imaging conventions, at a pixel off the centre
        i, j = nx // 4, ny - 1
        ra, dec = np.radians(wcs.celestial.all_pix2world([[i, j]], 0)[0])
        ra0, dec0 = np.radians([header["CRVAL1"], header["CRVAL2"]])
        near(np.cos(dec) * np.sin(ra - ra0), np.radians((i - nx // 2) * header["CDELT1"]), 1e-13, "l")
        near(np.sin(dec) * np.cos(dec0) - np.cos(dec) * np.sin(dec0) * np.cos(ra - ra0),
             np.radians((j - ny // 2) * header["CDELT2"]), 1e-13, "m")
        if header.get("CASAMBM"):
            beams = file["BEAMS"]
            check(len(beams.data) == n_chan * n_stokes, f"{len(beams.data)} beams for {n_chan} x {n_stokes} planes")
            check([c.unit for c in beams.columns][:3] == ["arcsec", "arcsec", "deg"], "units of the beams")
        middle = np.array(data[0, n_chan // 2], dtype="f4")

    import casacore.images

    try:
        image = casacore.images.image(path)
    except RuntimeError as refusal:
        # It looks the telescope up in tables that are a package of their own (casacore-data-observatories).
        check("table of Observatories" in str(refusal), f"casacore: {refusal}")
        print(f"# {path}: not opened with casacore, which has no table of observatories here")
        return
    check(image.shape() == [n_stokes, n_chan, ny, nx], f"casacore sees the shape {image.shape()}")
    plane = image.getdata([0, n_chan // 2, 0, 0], [0, n_chan // 2, ny - 1, nx - 1]).reshape(ny, nx)
    check(np.array_equal(np.nan_to_num(plane), np.nan_to_num(middle)), "casacore sees other pixels")


for path in sys.argv[1:] or sys.exit("usage: open_cube.py FILE..."):
    with open(path, "rb") as opened:
        start = opened.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        check_hdf5()
    elif start == b"SIMPLE  ":
        check_fits()
    else:
        check(False, "is neither HDF5 nor FITS")
    print(f"ok: {path}")
