# SPDX-License-Identifier: BSD-3-Clause
"""Copies of a file of native visibilities, each spoilt in one way: spoilt-HOW.hdf5."""
import shutil
import sys

import h5py
import numpy as np

source = sys.argv[1]
sets = []
h5py.File(source, "r").visititems(lambda name, item: sets.append(name) if isinstance(item, h5py.Dataset) else None)


def spoil(how, change):
    path = "spoilt-%s.hdf5" % how
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        change(file)


def shorten(file, name):
    """One row (or channel, or whatever comes first) less."""
    less = file[name][:-1]
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=less).attrs.update(attributes)


def fill(file, ending, value):
    for name in sets:
        if name.endswith(ending):
            file[name][...] = value


for name in sets:
    flat = name.replace("/", "-")
    if name.split("/")[-1] not in ("dish_diameter", "site", "time"):  # which may be left out
        spoil("without-" + flat, lambda file: file.__delitem__(name))
    if h5py.File(source, "r")[name].shape[0] > 1:
        spoil("short-" + flat, lambda file: shorten(file, name))
spoil("unnamed", lambda file: [file.attrs.__delitem__(key) for key in list(file.attrs)])
spoil("nan", lambda file: fill(file, "visibility", np.nan))
spoil("inf", lambda file: fill(file, "visibility", np.inf))
spoil("weightless", lambda file: fill(file, "weight", 0))
spoil("negative", lambda file: fill(file, "weight", -1))
spoil("nanweight", lambda file: fill(file, "weight", np.nan))
spoil("flagged", lambda file: fill(file, "flag", 1))
