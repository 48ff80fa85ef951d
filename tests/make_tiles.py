#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a MeasurementSet of many channels whose samples lie in tiles: make_tiles.py FOLDER CHANNELS TIMES TILE_CHANNELS
TILE_ROWS. 6 antennas, XX and YY; noise of a fixed seed, some of it flagged. TILE_CHANNELS 0: not in tiles."""
import sys

import numpy as np
from casacore.tables import default_ms, makearrcoldesc, maketabdesc, required_ms_desc, table

import make_ms


def main():
    path = sys.argv[1]
    n_chan, n_time, tile_chan, tile_row = (int(a) for a in sys.argv[2:])
    make_ms.N_TIME = n_time
    desc = required_ms_desc("MAIN")
    desc.update(maketabdesc([makearrcoldesc("DATA", 0, ndim=2, valuetype="complex"),
                             makearrcoldesc("WEIGHT_SPECTRUM", 0, ndim=2, valuetype="float")]))
    managers = {"*%d" % i: {"TYPE": "TiledShapeStMan", "NAME": "Tiled" + name, "SEQNR": i + 1, "COLUMNS": [name],
                            "SPEC": {"DEFAULTTILESHAPE": [2, tile_chan, tile_row]}}
                for i, name in enumerate(("DATA", "FLAG", "WEIGHT_SPECTRUM"))} if tile_chan else {}
    default_ms(path, desc, managers).close()
    ms = table(path, readonly=False, ack=False, lockoptions="autonoread")
    make_ms.fill_subtables(path, [("band", 1.4e9 + 1e5 * np.arange(n_chan))], [[9, 12]], [("SOURCE", 1.0, 0.5)])
    ant1, ant2, uvw, time = make_ms.geometry()
    n, random = len(time), np.random.RandomState(5)
    shape = (n, n_chan, 2)
    ms.addrows(n)
    for name, values in (("ANTENNA1", ant1), ("ANTENNA2", ant2), ("UVW", uvw), ("TIME", time),
                         ("FIELD_ID", np.zeros(n, np.int32)), ("DATA_DESC_ID", np.zeros(n, np.int32)),
                         ("DATA", (random.randn(*shape) + 1j * random.randn(*shape)).astype(np.complex64)),
                         ("FLAG", random.rand(*shape) < 0.1), ("FLAG_ROW", random.rand(n) < 0.02),
                         ("WEIGHT", np.ones((n, 2), np.float32)), ("SIGMA", np.ones((n, 2), np.float32)),
                         ("WEIGHT_SPECTRUM", (0.5 + random.rand(*shape)).astype(np.float32))):
        ms.putcol(name, values)
    ms.close()


if __name__ == "__main__":
    main()
